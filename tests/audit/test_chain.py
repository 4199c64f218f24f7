"""Lines and MACs: one spelling, and a stranger who has only docs/journal.md reads the same."""

from __future__ import annotations

import hashlib
import hmac
import json
from pathlib import Path

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from tests.audit import world

from keystead.audit.chain import MAX_LINE, SEGMENT, Chain, Head, Line, file_name, instant, new_name, parse

TEXT = st.binary(max_size=60).map(lambda text: text.replace(b"\n", b""))


def a_list(*items: bytes) -> bytes:
    """`list` of docs/format.md §1.1, written from there."""
    return len(items).to_bytes(4) + b"".join(len(item).to_bytes(4) + item for item in items)


def test_a_stranger_with_the_keys_verifies_a_whole_journal(tmp_path: Path) -> None:
    directory = world.build(tmp_path / "audit", lives=2)
    for path in world.files(directory):
        kind, _, name = path.name.removesuffix(".jsonl").partition("-")
        key = world.key_for(f"{kind}:{name}".encode())
        before = b""
        for expected, raw in enumerate(path.read_bytes().split(b"\n")[:-1]):
            sequence, mac, text = raw.split(b" ", 2)
            assert int(sequence) == expected
            before = hmac.new(key, a_list(before, expected.to_bytes(8), text), hashlib.sha256).digest()
            assert mac == before.hex().encode()
            assert json.loads(text)
        header = json.loads(path.read_bytes().split(b"\n")[0].split(b" ", 2)[2])
        assert (header["keystead"], header["version"], header["name"]) == (kind, 1, name)


@given(st.lists(TEXT, min_size=1, max_size=8))
def test_what_is_extended_is_followed(texts: list[bytes]) -> None:
    maker, reader = (Chain(SEGMENT, "name", world.key_for) for _ in range(2))
    size = 0
    for text in texts:
        raw = maker.extend(text)
        size += len(raw)
        line = parse(raw[:-1])
        assert line == Line(maker.sequence, maker.mac, text)
        assert reader.follow(line)
        assert reader.head == maker.head == Head("name", maker.sequence, maker.mac, size)


@given(st.lists(TEXT, min_size=2, max_size=6, unique=True), st.data())
def test_a_line_fits_in_one_place_of_one_file(texts: list[bytes], data: st.DataObject) -> None:
    chain = Chain(SEGMENT, "name", world.key_for)
    lines = [parse(chain.extend(text)[:-1]) for text in texts]
    place = data.draw(st.integers(0, len(texts) - 1))
    line = lines[place]
    assert line is not None
    other = Chain(SEGMENT, "other", world.key_for)
    for before in [b"", *(found.mac for found in lines if found)]:
        right = before == (lines[place - 1].mac if place else b"")  # type: ignore[union-attr]
        assert chain.fits(before, line) is right
        assert not other.fits(before, line)
        assert not chain.fits(before, line._replace(sequence=line.sequence + 1))
        assert not chain.fits(before, line._replace(text=line.text + b" "))


@pytest.mark.parametrize(
    "raw",
    [
        b"",
        b" ",
        b"1",
        b"x " + b"0" * 64 + b" {}",
        b"01 " + b"0" * 64 + b" {}",
        b"-1 " + b"0" * 64 + b" {}",
        b"+1 " + b"0" * 64 + b" {}",
        "١ ".encode() + b"0" * 64 + b" {}",
        b"1 " + b"A" * 64 + b" {}",
        b"1 " + b"0" * 62 + b"  {}",
        b"1 " + b"0 " * 32 + b" {}",
        b"1 " + b"0" * 63 + b" {}",
        b"1 " + b"0" * 64 + b"{}",
        b"1 " + "é".encode() * 32 + b" {}",
        b"1" * 20 + b" " + b"0" * 64 + b" {}",
        b"1  " + b"0" * 64 + b" {}",
    ],
)
def test_a_line_has_one_spelling(raw: bytes) -> None:
    assert parse(raw) is None


@given(st.binary(max_size=200))
@example(b"0 " + b"0" * 64 + b" ")
def test_whatever_parses_is_written_the_same(raw: bytes) -> None:
    line = parse(raw)
    if line is not None:
        assert b"%d %b %b" % (line.sequence, line.mac.hex().encode(), line.text) == raw


def test_names_are_unique_and_readable() -> None:
    name = new_name(1_767_323_045.9, 3, lambda size: b"\xab" * size)
    assert name == "20260102T030405Z-3-" + "ab" * 16
    assert file_name(SEGMENT, name) == f"segment-{name}.jsonl"
    assert len(new_name(1e11, 999, lambda size: b"\xab" * size)) <= 64
    assert instant(1_767_323_045.9) == "2026-01-02T03:04:05Z"
    assert MAX_LINE > 256 << 10, "the longest record fits in a line"
