"""Numbers, dates, addresses, ARNs and base64 as policies spell them."""

from __future__ import annotations

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.domain.policy.cast import LAW

from keystead.domain import arn
from keystead.domain.policy import values
from keystead.domain.policy.alternatives import arns, networks
from keystead.domain.policy.wildcard import Piece
from keystead.domain.policy.work import Work

JAN_2030 = 1_893_456_000_000


@pytest.mark.parametrize("text", ["1", "01", "+1", "1.0", "1.", "1e0", "10e-1", "0.1e1"])
def test_spellings_of_one(text: str) -> None:
    assert values.number(text) == 1


@pytest.mark.parametrize(
    "text", ["", " 1", "1 ", "one", "NaN", "Infinity", "-inf", "0x1", "1_0", "١", "1e99999", "1" * 129]
)
def test_what_is_not_a_number(text: str) -> None:
    assert values.number(text) is None


def test_numbers_are_exact() -> None:
    assert values.number("0.1") == Decimal("0.1")
    assert values.number("9007199254740993") != values.number("9007199254740992")


@pytest.mark.parametrize(
    ("text", "moment"),
    [
        ("2030-01-01T00:00:00Z", JAN_2030),
        ("2030-01-01", JAN_2030),
        ("2030-01", JAN_2030),
        ("2030-01-01T00:00Z", JAN_2030),
        ("2030-01-01T01:00:00+01:00", JAN_2030),
        ("2029-12-31T23:00:00-01:00", JAN_2030),
        ("2030-01-01T00:00:00.123Z", JAN_2030 + 123),
        ("2030-01-01T00:00:00.1239Z", JAN_2030 + 123),
        ("1893456000", JAN_2030),
        ("1893456000.5", JAN_2030 + 500),
        ("0", 0),
        ("-1", -1000),
    ],
)
def test_dates(text: str, moment: int) -> None:
    assert values.date(text) == moment


@pytest.mark.parametrize(
    "text", ["", "not-a-date", "2030-13-01", "2030-02-30", "2030-01-01T00:00:00", "2030-01-01 00:00:00Z", "1" * 15]
)
def test_what_is_not_a_date(text: str) -> None:
    assert values.date(text) is None


@pytest.mark.parametrize(
    ("block", "inside", "outside"),
    [
        ("192.0.2.0/24", "192.0.2.255", "192.0.3.0"),
        ("192.0.2.77/24", "192.0.2.1", "192.0.3.1"),
        ("192.0.2.1", "192.0.2.1", "192.0.2.2"),
        ("0.0.0.0/0", "8.8.8.8", "::1"),
        ("192.000.2.0/+24", "192.0.2.1", "193.0.2.1"),
        ("192.0.2.0/24", "::ffff:192.0.2.9", "::ffff:0:1"),
        ("2001:db8::4/127", "2001:db8::5", "2001:db8::6"),
        ("2001:db8::1", "2001:db8::1", "2001:db8::2"),
        ("::/0", "2001:db8::1", "192.0.2.1"),
        ("fe80::/10", "fe80::1%eth0", "2001:db8::1"),
        ("::ffff:0:0/96", "::fffe:0:1", "192.0.2.1"),
    ],
)
def test_blocks_hold_addresses(block: str, inside: str, outside: str) -> None:
    network = values.network(block)
    within, without = values.address(inside), values.address(outside)
    assert network is not None
    assert within is not None
    assert without is not None
    if block != "::ffff:0:0/96":  # a mapped block stays IPv6 and holds no IPv4 address, however that is spelled
        assert networks([network])(within, Work())
    assert not networks([network])(without, Work())


@pytest.mark.parametrize(
    "text",
    [
        "",
        "not-an-ip",
        "256.0.0.1",
        "1.2.3",
        "1.2.3.4/33",
        "1.2.3.4/",
        "::/129",
        "2001:db8::5/64",
        "::ffff:1.2.3.4",
        "x::1",
    ],
)
def test_what_is_not_a_block(text: str) -> None:
    assert values.network(text) is None


@pytest.mark.parametrize("text", ["", "not-an-ip", "192.0.2.1/32", "1.2.3.4.5", "1.2.3.999", ":::"])
def test_what_is_not_an_address(text: str) -> None:
    assert values.address(text) is None


def test_base64_counts_in_its_canonical_spelling() -> None:
    assert values.binary("YQ==") == "YQ=="
    assert values.binary("YR==") == "YQ=="
    assert values.binary("") == ""
    assert values.binary("YQ") is None
    assert values.binary("no-binary") is None
    assert values.binary(" YQ== ") is None


@pytest.mark.parametrize(
    ("pattern", "name", "matches"),
    [
        ("arn:aws:iam::*:user/*", "arn:aws:iam::111122223333:user/a/b", True),
        ("arn:aws:iam::*:user/*", "arn:aws:iam::111122223333:role/a", False),
        ("arn:aws:*:111122223333:role/a:*", "arn:aws:iam::111122223333:role/a", False),
        ("arn:aws:*::111122223333:role/a", "arn:aws:iam::111122223333:role/a", True),
        ("arn:aws:sns:?:1:x:*", "arn:aws:sns:r:1:x:y:z", True),
        ("*", "arn:aws:iam::111122223333:role/a", True),
    ],
)
def test_a_wildcard_never_spans_two_parts_of_an_arn(pattern: str, name: str, matches: bool) -> None:
    compiled, parsed = values.arn_pattern([Piece(pattern)]), arn.parse(name)
    assert compiled is not None
    assert parsed is not None
    assert arns([compiled])(parsed, Work()) is matches


@pytest.mark.parametrize(
    "pattern", ["", "not-an-arn", "arn:*", "arn:aws:iam::1", "arn:aws:iam::1:", "aws:aws:iam::1:user/a"]
)
def test_what_is_not_an_arn_pattern(pattern: str) -> None:
    assert values.arn_pattern([Piece(pattern)]) is None


def test_an_arn_pattern_may_be_put_together_of_pieces() -> None:
    compiled = values.arn_pattern([Piece("arn:aws:iam::"), Piece("1:user/*", wild=False), Piece(":*")])
    assert compiled is not None
    fits = arns([compiled])
    assert fits(arn.Arn("aws", "iam", "", "1", "user/*:x"), Work())
    assert not fits(arn.Arn("aws", "iam", "", "1", "user/a:x"), Work())


@LAW
@given(st.text())
def test_no_text_raises(text: str) -> None:
    for read in (values.number, values.date, values.address, values.network, values.binary):
        read(text)
    values.arn_pattern([Piece(text)])


@LAW
@given(st.text(alphabet="0123456789.:/+-eETZ%fxX "))
def test_no_text_of_figures_raises(text: str) -> None:
    for read in (values.number, values.date, values.address, values.network, values.binary):
        read(text)
