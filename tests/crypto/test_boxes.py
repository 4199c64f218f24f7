"""Sealed secrets and tokens: each opens in its own branch, for its purpose, for what it is bound to, and nowhere else."""

from __future__ import annotations

import os

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.crypto import stranger
from tests.crypto.vectors import gives, load

from keystead.crypto import boxes
from keystead.crypto.hierarchy import Hierarchy, NotAuthentic

VECTORS = load("keys-v1.json")
ROOT = bytes.fromhex(VECTORS["root"])


def test_sealed_things_are_those_of_the_vectors() -> None:
    hierarchy = Hierarchy(ROOT, {}, 0)
    for vector in VECTORS["sealed"]:
        drawn, content, sealed = (bytes.fromhex(vector[part]) for part in ("random", "plaintext", "sealed"))
        purpose, binding = vector["purpose"].encode(), tuple(vector["binding"])
        if vector["kind"] == "secret":
            assert hierarchy.seal_secret(purpose, binding, content, gives(drawn)) == sealed
            assert hierarchy.open_secret(purpose, binding, sealed) == content
        else:
            assert hierarchy.seal_token(purpose, content, gives(drawn), binding) == sealed
            assert hierarchy.open_token(purpose, sealed, binding) == content


def test_sealed_things_that_were_altered_or_exchanged_do_not_open() -> None:
    hierarchy = Hierarchy(ROOT, {}, 0)
    for vector in VECTORS["refused"]["sealed"]:
        purpose, binding, sealed = vector["purpose"].encode(), tuple(vector["binding"]), bytes.fromhex(vector["sealed"])
        if vector["kind"] == "secret":
            with pytest.raises(NotAuthentic):
                hierarchy.open_secret(purpose, binding, sealed)
        else:
            assert hierarchy.open_token(purpose, sealed, binding) is None, vector["name"]
        branch = bytes.fromhex(VECTORS["branches"]["credentials" if vector["kind"] == "secret" else "tokens"])
        with pytest.raises(stranger.Refused):
            stranger.open_box(branch, f"keystead/{vector['kind']}/v1".encode(), vector["purpose"], binding, sealed)


BINDINGS = st.lists(st.text(max_size=4), max_size=3).map(tuple)


@given(BINDINGS, BINDINGS, st.binary(max_size=40))
def test_a_secret_opens_only_for_what_it_is_bound_to(
    one: tuple[str, ...], other: tuple[str, ...], content: bytes
) -> None:
    hierarchy = Hierarchy(bytes(32), {}, 0)
    sealed = hierarchy.seal_secret(b"access-key", one, content, os.urandom)
    assert len(sealed) == len(content) + boxes.OVERHEAD == len(content) + 42
    assert hierarchy.open_secret(b"access-key", one, sealed) == content
    if one != other:
        with pytest.raises(NotAuthentic):
            hierarchy.open_secret(b"access-key", other, sealed)


def test_no_bit_of_a_token_can_be_flipped_and_a_wrong_one_is_no_error() -> None:
    hierarchy = Hierarchy(bytes(32), {}, 0)
    token = hierarchy.seal_token(b"page", b"marker", os.urandom)
    assert hierarchy.open_token(b"page", token) == b"marker"
    for bit in range(8 * len(token)):
        flipped = bytearray(token)
        flipped[bit // 8] ^= 1 << bit % 8
        assert hierarchy.open_token(b"page", bytes(flipped)) is None
    for other in (b"", b"x", token[:-1], token + b"x", bytes(42), bytes(100_000)):
        assert hierarchy.open_token(b"page", other) is None
    assert Hierarchy(b"r" * 32, {}, 0).open_token(b"page", token) is None


@pytest.mark.parametrize("purpose", [b"", b"Page", b"a b", b"a" * 65, "é".encode(), b"page\n"])
def test_a_purpose_is_a_plain_word(purpose: bytes) -> None:
    with pytest.raises(ValueError, match="purpose"):
        Hierarchy(bytes(32), {}, 0).seal_token(purpose, b"", os.urandom)


def test_a_content_out_of_bounds_does_not_open_even_if_its_tag_is_right() -> None:
    branch = bytes.fromhex(VECTORS["branches"]["tokens"])
    large, largest = (
        stranger.seal_box(branch, b"keystead/token/v1", "page", (), bytes(24), bytes(n)) for n in (65537, 65536)
    )
    assert Hierarchy(ROOT, {}, 0).open_token(b"page", large) is None
    assert Hierarchy(ROOT, {}, 0).open_token(b"page", largest) == bytes(65536)


def test_a_content_out_of_bounds_is_not_sealed() -> None:
    with pytest.raises(ValueError, match="65536"):
        Hierarchy(bytes(32), {}, 0).seal_token(b"page", bytes(65537), os.urandom)


def test_a_box_that_forgets_its_purpose_would_be_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    right = boxes._keys
    monkeypatch.setattr(boxes, "_keys", lambda branch, label, purpose, salt: right(branch, label, b"any", salt))
    monkeypatch.setattr(boxes, "_additional", lambda label, purpose, binding: label)
    opened = []
    for vector in VECTORS["refused"]["sealed"]:
        hierarchy = Hierarchy(ROOT, {}, 0)
        token = hierarchy.seal_token(b"page", b"x", os.urandom, ("111122223333", "eu-central-1"))
        purpose, binding = vector["purpose"].encode(), tuple(vector["binding"])
        if hierarchy.open_token(purpose, token, binding) is not None:
            opened.append(vector["name"])
    assert {"another purpose", "bound to somebody else", "the boundary in the binding moved"} <= set(opened)
