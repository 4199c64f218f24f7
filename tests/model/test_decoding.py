"""Request bodies: what is accepted, what is refused, and that the fast path never decides differently from the walk."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from keystead.errors import Refusal
from keystead.model import awsjson
from keystead.model.awsjson import Codec, OperationCodec
from keystead.model.generated import kms
from tests.model.values import KMS, LETTERS, OPERATIONS, bodies, examples, oddities, plain, values, wire

CODEC = Codec("kms")
ENCRYPT = CODEC.operations["Encrypt"]


def outcome(decode: Callable[[bytes], Any], body: bytes) -> Any:
    """What a body leads to: the request, or code and message of the refusal. Any other exception passes."""
    try:
        return decode(body)
    except Refusal as refusal:
        return refusal.code, refusal.message


def refused(operation: str, body: bytes) -> tuple[str, str | None]:
    found = outcome(CODEC.operations[operation].decode, body)
    assert isinstance(found, tuple), f"accepted: {found!r}"
    assert found == outcome(CODEC.operations[operation].walk, body)
    return found


class Sure(OperationCodec):
    """A codec that says so when a body leaves the fast path."""

    def walk(self, body: bytes) -> Any:
        raise AssertionError("took the walk")


def sure(operation: str) -> Sure:
    return Sure(operation, kms.TABLES.operations[operation], kms.TABLES)


# --- what is accepted -------------------------------------------------------------------------------------------------


def test_an_encrypt_request_is_read() -> None:
    body = {
        "KeyId": "alias/a",
        "Plaintext": "aGVsbG8=",
        "EncryptionContext": {"tenant": "acme", "b": ""},
        "GrantTokens": ["t"],
        "EncryptionAlgorithm": "SYMMETRIC_DEFAULT",
        "DryRun": False,
    }
    assert sure("Encrypt").decode(json.dumps(body).encode()) == kms.EncryptRequest(
        key_id="alias/a",
        plaintext=b"hello",
        encryption_context={"tenant": "acme", "b": ""},
        grant_tokens=["t"],
        encryption_algorithm="SYMMETRIC_DEFAULT",
        dry_run=False,
    )


def test_an_empty_body_is_an_empty_object() -> None:
    assert (
        CODEC.operations["ListKeys"].decode(b"") == CODEC.operations["ListKeys"].decode(b"{}") == kms.ListKeysRequest()
    )
    assert refused("DescribeKey", b"")[0] == "ValidationException"


def test_null_for_a_member_means_absent() -> None:
    body = b'{"KeyId":"k","Plaintext":"AA==","EncryptionContext":null,"GrantTokens":null,"DryRun":null}'
    assert ENCRYPT.decode(body) == kms.EncryptRequest(key_id="k", plaintext=b"\0")


@pytest.mark.parametrize("number", ["10", "10.0", "1e1", "1E+1", "100e-1", "10.000"])
def test_an_integer_may_be_written_as_a_decimal_that_loses_nothing(number: str) -> None:
    body = f'{{"NumberOfBytes":{number}}}'.encode()
    assert CODEC.operations["GenerateRandom"].decode(body) == kms.GenerateRandomRequest(number_of_bytes=10)


@pytest.mark.parametrize(
    ("word", "value"), [("true", True), ("Yes", True), ("1", True), ("FALSE", False), ("no", False)]
)
def test_a_boolean_may_be_written_as_a_word(word: str, value: bool) -> None:
    body = json.dumps({"MultiRegion": word}).encode()
    assert CODEC.operations["CreateKey"].decode(body) == kms.CreateKeyRequest(multi_region=value)


def test_escapes_and_text_beyond_ascii_are_read() -> None:
    expected = kms.EncryptRequest(key_id="k", plaintext=b"\xff", encryption_context={"ü": "\U0001f600\0"})
    for ascii_only in (True, False):
        body = json.dumps(
            {"KeyId": "k", "Plaintext": "/w==", "EncryptionContext": {"ü": "\U0001f600\0"}}, ensure_ascii=ascii_only
        )
        assert ENCRYPT.decode(body.encode()) == expected
    assert ENCRYPT.decode(b'{"Key\\u0049d":"k","Plaintext":"\\/w==","EncryptionContext":null}').key_id == "k"  # type: ignore[attr-defined]


def test_names_that_differ_only_by_normalisation_are_two() -> None:
    body = json.dumps({"KeyId": "k", "Plaintext": "AA==", "EncryptionContext": {"\u00e9": "1", "e\u0301": "2"}})
    assert len(plain(ENCRYPT.decode(body.encode()))["EncryptionContext"]) == 2


@pytest.mark.parametrize("name", OPERATIONS)
def test_every_operation_reads_what_its_model_allows(name: str) -> None:
    shape = KMS.operations[name].input
    codec = CODEC.operations[name]

    @examples(0.12)
    @given(values(shape), st.booleans())
    def check(value: dict[str, Any], ascii_only: bool) -> None:
        body = json.dumps(wire(shape, value), ensure_ascii=ascii_only).encode()
        assert plain(codec.decode(body)) == value

    check()


@pytest.mark.parametrize("size", [1, 2, 3, 1024, 4096])
def test_the_usual_encrypt_takes_the_fast_path(size: int) -> None:
    request = {
        "KeyId": "arn:aws:kms:eu-central-1:111122223333:key/1234abcd-12ab-34cd-56ef-1234567890ab",
        "Plaintext": base64.b64encode(bytes(range(256)) * 16)[: (size + 2) // 3 * 4].decode()
        if size % 3 == 0
        else base64.b64encode(b"\xa7" * size).decode(),
        "EncryptionContext": {"tenant": "acme", "filter": "a=b"},
        "DryRun": True,
    }
    for separators in ((",", ":"), (", ", ": ")):
        sure("Encrypt").decode(json.dumps(request, separators=separators).encode())


@pytest.mark.parametrize("name", OPERATIONS)
def test_plain_requests_of_every_operation_take_the_fast_path(name: str) -> None:
    shape = KMS.operations[name].input
    codec = sure(name)

    @examples(0.1)
    @given(values(shape, LETTERS))
    def check(value: dict[str, Any]) -> None:
        body = json.dumps(wire(shape, value), ensure_ascii=False).encode()
        if body.isascii() and b"\\" not in body:
            assert plain(codec.decode(body)) == value

    check()


# --- what is refused --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("operation", "body"),
    [
        ("DescribeKey", b'{"KeyId":"a","KeyId":"a"}'),
        ("DescribeKey", b'{"KeyId":"a","KeyId":null}'),
        ("DescribeKey", b'{"KeyId":null,"KeyId":"a"}'),
        ("DescribeKey", b'{"KeyId":"a","Key\\u0049d":"b"}'),
        ("DescribeKey", b'{"KeyId":[],"KeyId":"b"}'),
        ("Encrypt", b'{"KeyId":"a","Plaintext":"AA==","EncryptionContext":{"a":"1","a":"2"}}'),
        ("Encrypt", b'{"KeyId":"a","Plaintext":"AA==","EncryptionContext":{"a":"1","b":"2","a":"1"}}'),
        ("Encrypt", b'{"KeyId":"a","Plaintext":"AA==","EncryptionContext":{"a":"1","\\u0061":"1"}}'),
        ("Encrypt", '{"KeyId":"a","Plaintext":"AA==","EncryptionContext":{"ü":"1","ü":"1"}}'.encode()),
        ("Encrypt", b'{"KeyId":"a","Plaintext":"AA==","EncryptionContext":{},"EncryptionContext":{}}'),
        ("Encrypt", b'{"KeyId":"a","Plaintext":"AA==","DryRun":true,"DryRun":false}'),
        ("GenerateRandom", b'{"NumberOfBytes":1,"NumberOfBytes":2}'),
        ("TagResource", b'{"KeyId":"a","Tags":[{"TagKey":"a","TagValue":"b","TagKey":"c"}]}'),
        ("Decrypt", b'{"Recipient":{"AttestationDocument":"AA==","AttestationDocument":"AA=="}}'),
        ("CreateGrant", b'{"KeyId":"a","Operations":[],"Constraints":{"EncryptionContextEquals":{"a":"b","a":"c"}}}'),
    ],
)
def test_a_name_that_occurs_twice_is_refused_anywhere(operation: str, body: bytes) -> None:
    assert refused(operation, body) == ("SerializationException", "The request body names a member twice.")


@pytest.mark.parametrize(
    "body",
    [
        b" ",
        b"\n",
        b"{",
        b"{}}",
        b"{} {}",
        b"{}\0",
        b"{'KeyId':'a'}",
        b'{"KeyId":"a",}',
        b'{"KeyId":"a"/**/}',
        b'{KeyId:"a"}',
        b'{"KeyId":NaN}',
        b'{"KeyId":Infinity}',
        b'{"KeyId":-Infinity}',
        b'{"KeyId":01}',
        b'{"KeyId":+1}',
        b'{"KeyId":.5}',
        b'{"KeyId":1.}',
        b'{"KeyId":0x10}',
        b'{"KeyId":"a\nb"}',
        b'{"KeyId":"a\0b"}',
        b'{"KeyId":"\\x41"}',
        b'{"KeyId":"\\u00g0"}',
        b'{"KeyId":"\xff"}',
        b'{"KeyId":"\xc0\x80"}',
        b'{"KeyId":"\xed\xa0\x80"}',
        b'{"KeyId":"\xf4\x90\x80\x80"}',
        b'\xef\xbb\xbf{"KeyId":"a"}',
        '{"KeyId":"a"}'.encode("utf-16"),
        '{"KeyId":"a"}'.encode("utf-16-le"),
        '{"KeyId":"a"}'.encode("utf-32-be"),
        b"\x0c{}",
        "\u00a0{}".encode(),
        b'{"KeyId":' + b"9" * 5000 + b"}",
        b'{"KeyId":0.' + b"9" * 5000 + b"}",
        b"[" * 1_000_000,
        b'{"KeyId":' * 200_000,
        b'{"KeyId":' + b"[" * 100_000 + b"]" * 100_000 + b"}",
    ],
    ids=lambda body: repr(body[:24]),
)
def test_what_is_no_json_is_refused(body: bytes) -> None:
    assert refused("DescribeKey", body) == ("SerializationException", "The request body is not valid JSON.")


def test_a_refusal_keeps_no_trace_of_the_body() -> None:
    with pytest.raises(Refusal) as caught:
        ENCRYPT.decode(b'{"Plaintext":"c2VjcmV0" x')
    assert caught.value.__cause__ is None
    assert caught.value.__suppress_context__


# --- the two paths agree ----------------------------------------------------------------------------------------------

MUTATED = ["Encrypt", "Decrypt", "TagResource", "CreateGrant", "ImportKeyMaterial", "GenerateRandom", "CreateKey"]
PIECES = [
    *(b'{}[]",:=\\ \n+-.e0159AQRg/', b'"KeyId"', b'"KeyId":null,', b'"Plaintext":"YR==",', b'"a":"b",', b'"":"",'),
    *(
        b"null",
        b"true",
        b"1e1",
        b"10.0",
        b"\\u0041",
        b"\\ud800",
        "ü".encode(),
        b"\xff",
        b"==",
        b'="',
        b"\x00",
        b'"NumberOfBytes":1.0,',
    ),
]
PIECE = st.sampled_from([piece[i : i + 1] for piece in PIECES[:1] for i in range(len(piece))] + PIECES[1:])


@st.composite
def mutated(draw: st.DrawFn) -> tuple[str, bytes]:
    """A body of some operation, with up to two pieces cut out, put in or repeated."""
    name = draw(st.sampled_from(MUTATED))
    shape = KMS.operations[name].input
    body = draw(bodies(shape) | oddities(shape))
    for _ in range(max(0, draw(st.integers(-2, 2)))):
        start = draw(st.integers(0, len(body)))
        end = min(len(body), start + draw(st.integers(0, 12)))
        new = draw(st.one_of(PIECE, st.just(b""), st.just(body[start:end] * 2)))
        body = body[:start] + new + body[end:]
    return name, body


@examples(8)
@given(mutated())
@example(("Encrypt", b'{"KeyId":"a","Plaintext":"YR=="}'))
@example(("Encrypt", b'{"KeyId":"a","Plaintext":"YWJ="}'))
@example(("Encrypt", b'{"KeyId":"a","Plaintext":"YQ==","EncryptionContext":{"a":"==="}}'))
@example(("Encrypt", b'{"KeyId":"=","Plaintext":"YQ=="}'))
@example(("Encrypt", b'{"KeyId":"a","KeyId":"a","Plaintext":"YQ=="}'))
@example(("GenerateRandom", b'{"NumberOfBytes":-0}'))
@example(("ImportKeyMaterial", b'{"KeyId":"a","ImportToken":"AA==","EncryptedKeyMaterial":"AA==","ValidTo":-0}'))
@example(
    (
        "ImportKeyMaterial",
        b'{"KeyId":"a","ImportToken":"AA==","EncryptedKeyMaterial":"AA==","ValidTo":123456789012345678901}',
    )
)
@example(("ImportKeyMaterial", b'{"KeyId":"a","ImportToken":"AA==","EncryptedKeyMaterial":"AA==","ValidTo":5e-324}'))
def test_the_fast_path_never_decides_differently_from_the_walk(case: tuple[str, bytes]) -> None:
    name, body = case
    codec = CODEC.operations[name]
    assert outcome(codec.decode, body) == outcome(codec.walk, body)


def test_the_comparison_notices_a_fast_path_that_forgives_stray_bits(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(awsjson, "_padding_is_canonical", lambda body: True)
    body = b'{"KeyId":"a","Plaintext":"YR=="}'
    assert outcome(ENCRYPT.decode, body) != outcome(ENCRYPT.walk, body)


def test_the_comparison_notices_a_fast_path_that_keeps_the_last_of_two_members() -> None:
    row = kms.TABLES.operations["Encrypt"]
    forgiving = OperationCodec("Encrypt", row._replace(strings=lambda it: row.strings(it) + 2), kms.TABLES)
    body = b'{"KeyId":"a","KeyId":"a","Plaintext":"YQ=="}'
    assert outcome(forgiving.decode, body) != outcome(forgiving.walk, body)


FLOATS = st.one_of(
    st.floats(allow_nan=False, allow_infinity=False).map(repr),
    st.integers(-(10**25), 10**25).map(str),
    st.from_regex(r"\A-?(0|[1-9][0-9]{0,25})(\.[0-9]{1,25})?([eE][-+]?[0-9]{1,3})?\Z"),
)


@examples(4)
@given(FLOATS)
def test_both_paths_read_the_same_number(text: str) -> None:
    body = f'{{"KeyId":"a","ImportToken":"AA==","EncryptedKeyMaterial":"AA==","ValidTo":{text}}}'.encode()
    codec = CODEC.operations["ImportKeyMaterial"]
    assert outcome(codec.decode, body) == outcome(codec.walk, body)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5) | st.sampled_from(["AA==", "YR=="]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=8,
)


@st.composite
def misshapen(draw: st.DrawFn) -> tuple[str, Any]:
    """An operation, and an object of its member names with values of any shape."""
    name = draw(st.sampled_from(OPERATIONS))
    members = sorted(KMS.operations[name].input.members)
    return name, draw(st.dictionaries(st.sampled_from(members) | st.text(max_size=4), JSON, max_size=5))


@examples(6)
@given(misshapen())
def test_any_json_is_read_or_refused_and_nothing_else(case: tuple[str, Any]) -> None:
    name, value = case
    codec = CODEC.operations[name]
    body = json.dumps(value).encode()  # NaN and lone surrogates included
    result = outcome(codec.decode, body)
    assert result == outcome(codec.walk, body)
    if isinstance(result, tuple):
        assert result[0] in ("SerializationException", "ValidationException")
        awsjson.render_refusal(Refusal(*result))


@examples(3)
@given(st.sampled_from(OPERATIONS), st.binary(max_size=60))
def test_any_bytes_are_read_or_refused_and_nothing_else(name: str, body: bytes) -> None:
    outcome(CODEC.operations[name].decode, body)
