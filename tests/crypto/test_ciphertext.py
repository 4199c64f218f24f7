"""Ciphertexts under any key, context and content: what was sealed opens, and nothing else does."""

from __future__ import annotations

import copy
import os
import pickle
from collections.abc import Mapping
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from keystead import errors
from keystead.crypto import ciphertext
from keystead.crypto.context import encode_context
from keystead.crypto.symmetric import Sealer

MATERIALS = st.binary(min_size=32, max_size=32)
IDS = st.binary(min_size=16, max_size=16)
CONTEXTS = st.dictionaries(st.text(max_size=5), st.text(max_size=5), max_size=3)
PLAINTEXTS = st.binary(min_size=1, max_size=64)
MATERIAL, REF, MATERIAL_ID = bytes(range(32)), b"r" * 16, b"m" * 32


def sealer(material: bytes = MATERIAL, ref: bytes = REF, material_id: bytes = MATERIAL_ID) -> Sealer:
    return Sealer(material, ref, material_id)


def refuses(sealer: Sealer, blob: bytes, context: Mapping[str, str] | None = None) -> bool:
    """Whether the blob meets exactly `errors.invalid_ciphertext`, which tells nothing; another refusal is passed on."""
    try:
        sealer.open(ciphertext.parse(blob), context)
    except errors.Refusal as refusal:
        if told(refusal) != told(errors.invalid_ciphertext()) or refusal.__cause__ is not None:
            raise
        return True
    return False


def told(refusal: errors.Refusal) -> tuple[object, ...]:
    return refusal.code, refusal.message, refusal.status, refusal.detail


@given(MATERIALS, IDS, IDS, CONTEXTS, PLAINTEXTS)
def test_what_was_sealed_opens(
    material: bytes, ref: bytes, material_id: bytes, context: dict[str, str], plaintext: bytes
) -> None:
    own = sealer(material, ref, material_id)
    blob = own.seal(plaintext, context, os.urandom)
    assert len(blob) == len(plaintext) + ciphertext.OVERHEAD == len(plaintext) + 114
    parsed = ciphertext.parse(blob)
    assert (parsed.ref, parsed.material) == (ref, material_id)
    assert own.open(parsed, context) == plaintext


def bits_that_do_not_matter(sealer: Sealer, blob: bytes, context: Mapping[str, str] | None = None) -> list[int]:
    found = []
    for bit in range(8 * len(blob)):
        flipped = bytearray(blob)
        flipped[bit // 8] ^= 1 << bit % 8
        if not refuses(sealer, bytes(flipped), context):
            found.append(bit)
    return found


@settings(max_examples=10)
@given(MATERIALS, CONTEXTS, st.binary(min_size=1, max_size=20))
def test_every_single_bit_matters(material: bytes, context: dict[str, str], plaintext: bytes) -> None:
    own = sealer(material)
    assert bits_that_do_not_matter(own, own.seal(plaintext, context, os.urandom), context) == []


def test_a_parser_that_skips_the_version_is_found_by_its_bits(monkeypatch: pytest.MonkeyPatch) -> None:
    own, right = sealer(), ciphertext.parse
    blob = own.seal(b"x", None, os.urandom)

    def lenient(blob: bytes) -> ciphertext.Blob:
        return right(ciphertext.START + blob[6:])

    monkeypatch.setattr(ciphertext, "parse", lenient)
    assert bits_that_do_not_matter(own, blob) == list(range(48))


def test_a_cipher_that_skips_the_tag_is_found_by_its_bits(monkeypatch: pytest.MonkeyPatch) -> None:
    class Unauthenticated:
        def __init__(self, key: bytes) -> None:
            pass

        def decrypt(self, iv: bytes, data: bytes, additional: bytes) -> bytes:
            return data[:-16]

    own = sealer()
    blob = own.seal(b"x", None, os.urandom)
    monkeypatch.setattr(ciphertext, "AESGCM", Unauthenticated)
    assert bits_that_do_not_matter(own, blob) == list(range(8 * 98, 8 * len(blob)))


@pytest.mark.parametrize("length", [1, 15, 16, 17, 64])
def test_no_byte_can_be_cut_or_added(length: int) -> None:
    own = sealer()
    blob = own.seal(bytes(length), {"a": "b"}, os.urandom)
    for cut in range(len(blob)):
        assert refuses(own, blob[:cut], {"a": "b"})
        assert refuses(own, blob[cut + 1 :], {"a": "b"})
    for more in (b"\x00", b"\x80", bytes(16), blob):
        assert refuses(own, blob + more, {"a": "b"})
        assert refuses(own, more + blob, {"a": "b"})


@given(st.binary(max_size=200))
def test_no_other_bytes_are_a_blob(data: bytes) -> None:
    assert refuses(sealer(), data)
    assert refuses(sealer(), (ciphertext.START + REF + MATERIAL_ID[:16] + data).ljust(130, b"\x00"))


@given(st.lists(st.tuples(MATERIALS, IDS, IDS, CONTEXTS), min_size=2, max_size=2, unique_by=repr), PLAINTEXTS)
def test_a_blob_opens_under_no_other_key_material_or_context(
    two: list[tuple[bytes, bytes, bytes, dict[str, str]]], plaintext: bytes
) -> None:
    one, other = two
    blob = sealer(*one[:3]).seal(plaintext, one[3], os.urandom)
    # Each part exchanged alone, and all together.
    for part in range(4):
        mixed = [*one[:part], other[part], *one[part + 1 :]]
        if mixed[part] != one[part]:
            assert refuses(sealer(*mixed[:3]), blob, mixed[3]), f"part {part}"  # type: ignore[arg-type]
    assert refuses(sealer(*other[:3]), blob, other[3])


def test_the_parts_of_two_blobs_of_one_key_cannot_be_mixed() -> None:
    own = sealer()
    one, other = (own.seal(text, None, os.urandom) for text in (b"one text!", b"two text!"))
    borders = [0, 38, 54, 66, 98, len(one) - 16, len(one)]
    for start, end in pairwise(borders[1:]):
        assert refuses(own, one[:start] + other[start:end] + one[end:])


def test_equal_plaintexts_have_unequal_blobs_whose_salt_iv_and_commitment_are_fresh() -> None:
    own = sealer()
    blobs = [own.seal(b"same", {"a": "b"}, os.urandom) for _ in range(50)]
    for start, end in ((38, 54), (54, 66), (66, 98), (98, 102)):
        assert len({blob[start:end] for blob in blobs}) > 45


def test_salt_and_iv_are_what_the_generator_gave_in_one_draw() -> None:
    asked: list[int] = []

    def random(length: int) -> bytes:
        asked.append(length)
        return bytes(range(length))

    blob = sealer().seal(b"x", None, random)
    assert asked == [28]
    assert blob[38:66] == bytes(range(28))


def test_a_generator_that_gives_too_little_seals_nothing() -> None:
    with pytest.raises(RuntimeError):
        sealer().seal(b"x", None, lambda length: b"short")


@pytest.mark.parametrize("length", [0, 4097])
def test_a_plaintext_out_of_bounds_is_a_mistake_of_ours(length: int) -> None:
    with pytest.raises(ValueError, match="1 to 4096"):
        sealer().seal(bytes(length), None, os.urandom)


@pytest.mark.parametrize("length", [1, 4096])
def test_the_bounds_themselves_are_sealed(length: int) -> None:
    own = sealer()
    assert own.open(ciphertext.parse(own.seal(bytes(length), None, os.urandom)), None) == bytes(length)


@pytest.mark.parametrize(
    ("material", "ref", "material_id"),
    [
        (bytes(31), REF, MATERIAL_ID),
        (bytes(33), REF, MATERIAL_ID),
        (MATERIAL, b"r", MATERIAL_ID),
        (MATERIAL, REF, b"m"),
    ],
)
def test_parts_of_a_wrong_length_make_no_sealer(material: bytes, ref: bytes, material_id: bytes) -> None:
    with pytest.raises(ValueError, match=r"32 bytes|16 bytes"):
        Sealer(material, ref, material_id)


def test_the_context_is_checked_when_opening_too() -> None:
    own = sealer()
    blob = ciphertext.parse(own.seal(b"x", None, os.urandom))
    with pytest.raises(errors.Refusal, match="ValidationException"):
        own.open(blob, {"n": "v" * 8192})


def test_the_bytes_that_open_takes_as_context_are_the_encoded_ones() -> None:
    blob = sealer().seal(b"x", {"a": "b"}, os.urandom)
    assert ciphertext.open(MATERIAL, ciphertext.parse(blob), encode_context({"a": "b"})) == b"x"


def test_a_sealer_can_seal_and_open_and_nothing_more() -> None:
    assert {name for name in dir(Sealer) if not name.startswith("_")} == {"seal", "open"}


@pytest.mark.parametrize("act", [pickle.dumps, copy.copy, copy.deepcopy])
def test_a_sealer_is_not_pickled_or_copied(act: object) -> None:
    with pytest.raises(TypeError, match="not pickled or copied"):
        act(sealer())  # type: ignore[operator]
    with pytest.raises(TypeError, match="not pickled or copied"):
        act(ciphertext.CallKeys(MATERIAL))  # type: ignore[operator]


def test_what_a_sealer_shows_holds_nothing_of_the_material() -> None:
    material = os.urandom(32)
    shown = repr(sealer(material)) + str(sealer(material)) + repr(ciphertext.CallKeys(material))
    assert material.hex()[:8] not in shown
    assert repr(material)[2:10] not in shown
    assert REF.hex() in shown
