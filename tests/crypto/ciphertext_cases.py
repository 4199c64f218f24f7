"""The ciphertexts and contexts that become vectors, made with the independent implementation and with faulty ones."""

from __future__ import annotations

import hashlib
import unicodedata
from collections.abc import Mapping
from typing import Any

from tests.crypto import faulty
from tests.crypto.stranger import Ciphertexts, Gcm

KEY_ID = "1234abcd-12ab-34cd-56ef-1234567890ab"
ACCOUNT, REGION = "111122223333", "eu-central-1"


def fixed(name: str, length: int) -> bytes:
    return hashlib.shake_256(b"keystead vectors v1: " + name.encode()).digest(length)


MATERIAL, REF = fixed("material", 32), fixed("ref", 16)
FULL_ID = fixed("material id", 32)
MATERIAL_ID = FULL_ID[:16]
DRAWN = fixed("salt and iv", 28)
CONTEXT = {"a": "bc"}
NFC, NFD = unicodedata.normalize("NFC", "é"), unicodedata.normalize("NFD", "é")


def beginning(start: str) -> Ciphertexts:
    maker = Ciphertexts()
    maker.start = bytes.fromhex(start)
    return maker


def with_commitment(commitment: bytes) -> bytes:
    """The right AES key and a tag over the wrong commitment: only comparing the commitment refuses it."""
    right = Ciphertexts()
    header = right.start + REF + MATERIAL_ID + DRAWN
    key, _ = right.derived(MATERIAL, header, right.context(CONTEXT))
    return header + commitment + Gcm(key).seal(header[54:66], b"attack at dawn", header + commitment)


def accepted() -> list[dict[str, Any]]:
    cases: list[tuple[str, Mapping[str, str], bytes]] = [
        ("one byte, no context", {}, b"\x00"),
        ("a text and one pair", CONTEXT, b"attack at dawn"),
        (
            "a data key of 32 bytes and three pairs, given out of order",
            {"c": "3", "a": "1", "b": "2"},
            fixed("data key", 32),
        ),
        ("sixteen bytes, one block", {"purpose": "block"}, fixed("block", 16)),
        ("seventeen bytes", {"purpose": "block"}, fixed("block+1", 17)),
        ("empty name and empty value", {"": ""}, b"empty"),
        ("composed letter", {"letter": NFC}, b"composed"),
        ("decomposed letter", {"letter": NFD}, b"decomposed"),
        ("names whose order differs between UTF-8 and UTF-16", {"\U00010000": "later", "\uffee": "earlier"}, b"order"),
        ("prefix names", {"ab": "1", "a": "2", "": "3"}, b"prefix"),
        ("a NUL and a line feed", {"a\x00b": "c\nd"}, b"control"),
        ("a context of exactly 8192 bytes", {"n": "v" * 8191}, b"large context"),
        ("1024 bytes", {"app": "bench"}, fixed("kilobyte", 1024)),
        ("4096 bytes, the largest", {"app": "largest"}, fixed("largest", 4096)),
    ]
    out = []
    for name, context, plaintext in cases:
        drawn = fixed(name, 28)
        blob = Ciphertexts().seal(MATERIAL, REF, MATERIAL_ID, context, plaintext, drawn)
        out.append(
            {
                "name": name,
                "material": MATERIAL.hex(),
                "ref": REF.hex(),
                "material_id": MATERIAL_ID.hex(),
                "context": dict(context),
                "random": drawn.hex(),
                "plaintext": plaintext.hex(),
                "blob": blob.hex(),
            }
        )
    return out


def flipped(blob: bytes, at: int, bit: int = 1) -> bytes:
    return blob[:at] + bytes([blob[at] ^ bit]) + blob[at + 1 :]


def refused() -> list[dict[str, Any]]:
    text = b"attack at dawn"
    good = Ciphertexts().seal(MATERIAL, REF, MATERIAL_ID, CONTEXT, text, DRAWN)

    def made(maker: Ciphertexts, context: Mapping[str, str] = CONTEXT, plaintext: bytes = text) -> bytes:
        return maker.seal(MATERIAL, REF, MATERIAL_ID, context, plaintext, DRAWN)

    another = fixed("another material", 32)
    two = {"b": "2", "a": "1"}
    cases: list[tuple[str, str, bytes, Mapping[str, str]]] = [
        ("nothing", "parse", b"", CONTEXT),
        ("one byte", "parse", good[:1], CONTEXT),
        ("header and commitment without ciphertext", "parse", good[:98], CONTEXT),
        ("empty plaintext, otherwise right", "parse", made(faulty.Unbounded(), plaintext=b""), CONTEXT),
        ("plaintext of 4097 bytes, otherwise right", "parse", made(faulty.Unbounded(), plaintext=bytes(4097)), CONTEXT),
        ("magic, otherwise right", "parse", made(beginning("4b5344010001")), CONTEXT),
        ("version 0, otherwise right", "parse", made(beginning("4b5343000001")), CONTEXT),
        ("version 2, otherwise right", "parse", made(beginning("4b5343020001")), CONTEXT),
        ("suite 0, otherwise right", "parse", made(beginning("4b5343010000")), CONTEXT),
        ("suite 2, otherwise right", "parse", made(beginning("4b5343010002")), CONTEXT),
        ("suite 257, otherwise right", "parse", made(beginning("4b5343010101")), CONTEXT),
        ("text instead of bytes", "parse", good.hex().encode(), CONTEXT),
        ("a blob of another key with the same material", "names",
         Ciphertexts().seal(MATERIAL, fixed("another ref", 16), MATERIAL_ID, CONTEXT, text, DRAWN), CONTEXT),
        ("a blob of another material id with the same material", "names",
         Ciphertexts().seal(MATERIAL, REF, fixed("another id", 16), CONTEXT, text, DRAWN), CONTEXT),
        ("key reference altered", "names", flipped(good, 6), CONTEXT),
        ("material id altered", "names", flipped(good, 37), CONTEXT),
        ("salt altered", "commitment", flipped(good, 38), CONTEXT),
        ("IV altered", "commitment", flipped(good, 65), CONTEXT),
        ("another material of the same name", "commitment",
         Ciphertexts().seal(another, REF, MATERIAL_ID, CONTEXT, text, DRAWN), CONTEXT),
        ("first bit of the commitment, tag over it right", "commitment",
         with_commitment(flipped(good[66:98], 0, 0x80)), CONTEXT),
        ("last bit of the commitment, tag over it right", "commitment",
         with_commitment(flipped(good[66:98], 31)), CONTEXT),
        ("commitment of zeros, tag over it right", "commitment", with_commitment(bytes(32)), CONTEXT),
        ("commitment to another material, tag over it right", "commitment",
         with_commitment(made_commitment(another)), CONTEXT),
        ("commitment altered, tag not", "commitment", flipped(good, 66), CONTEXT),
        ("ciphertext altered", "tag", flipped(good, 98), CONTEXT),
        ("first byte of the tag altered", "tag", flipped(good, len(good) - 16), CONTEXT),
        ("last byte of the tag altered", "tag", flipped(good, len(good) - 1, 0x80), CONTEXT),
        ("last byte cut", "tag", good[:-1], CONTEXT),
        ("four bytes of the tag cut", "tag", good[:-4], CONTEXT),
        ("one byte more", "tag", good + b"\x00", CONTEXT),
        ("two blobs in a row", "tag", good + good, CONTEXT),
        ("tag without additional data", "tag", made(faulty.NoAdditionalData()), CONTEXT),
        ("tag over the header without the commitment", "tag", made(faulty.HeaderOnly()), CONTEXT),
        ("context left out", "commitment", good, {}),
        ("context where there was none", "commitment", made(Ciphertexts(), {}), CONTEXT),
        ("one pair more", "commitment", good, {**CONTEXT, "d": "e"}),
        ("one pair less", "commitment", made(Ciphertexts(), two), {"a": "1"}),
        ("another value", "commitment", good, {"a": "bd"}),
        ("the name in capitals", "commitment", good, {"A": "bc"}),
        ("the boundary between name and value moved", "commitment", good, {"ab": "c"}),
        ("name and value exchanged", "commitment", good, {"bc": "a"}),
        ("values exchanged between names", "commitment", made(Ciphertexts(), two), {"a": "2", "b": "1"}),
        ("a blank after the value", "commitment", good, {"a": "bc "}),
        ("the letter decomposed", "commitment", made(Ciphertexts(), {"letter": NFC}), {"letter": NFD}),
        ("the letter composed", "commitment", made(Ciphertexts(), {"letter": NFD}), {"letter": NFC}),
        ("made with a context that was normalised", "commitment",
         made(faulty.Normalised(), {"letter": NFD}), {"letter": NFD}),
        ("made with a context joined without lengths", "commitment", made(faulty.NoLengths()), CONTEXT),
        ("made with a context in the order it was given", "commitment", made(faulty.AsGiven(), two), two),
        ("made without the context", "commitment", made(faulty.NoContext()), CONTEXT),
        ("made with a digest that leaves the header out", "commitment", made(faulty.NoHeaderInDigest()), CONTEXT),
        ("made without the salt in the fixed input", "commitment", made(faulty.NoSalt()), CONTEXT),
        ("made with another label", "commitment", made(faulty.AnotherLabel()), CONTEXT),
    ]  # fmt: skip
    shared = {"material": MATERIAL.hex(), "ref": REF.hex(), "material_id": MATERIAL_ID.hex()}
    return [
        {"name": name, "caught_by": step, **shared, "context": dict(context), "blob": blob.hex()}
        for name, step, blob, context in cases
    ]


def made_commitment(material: bytes) -> bytes:
    maker = Ciphertexts()
    return maker.derived(material, maker.start + REF + MATERIAL_ID + DRAWN, maker.context(CONTEXT))[1]


# --- contexts ---------------------------------------------------------------------------------------------------------


def contexts() -> dict[str, Any]:
    encoded: list[Mapping[str, str]] = [
        {}, {"a": "bc"}, {"ab": "c"}, {"": ""}, {"": "a"}, {"a": ""}, {"b": "2", "a": "1"}, {"a": "1b2"}, {"a1b": "2"},
        {"letter": NFC}, {"letter": NFD}, {"\U00010000": "later", "\uffee": "earlier"}, {"ab": "1", "a": "2", "": "3"},
        {"a\x00b": "c\nd"}, {"aws:s3:arn": "arn:aws:s3:::bucket/object"}, {"Ab": "1", "aB": "1"},
    ]  # fmt: skip
    large: Mapping[str, str] = {"n": "v" * 8192}
    refusals: list[tuple[str, Mapping[str, str]]] = [
        ("8193 bytes", large),
        ("8193 bytes in three pairs", {"a": "v" * 4000, "b": "v" * 4000, "c": "v" * 190}),
        ("8193 bytes, fewer letters", {"n": "é" * 4096}),
        ("lone surrogate in a name", {"\ud800": "v"}),
        ("lone surrogate in a value", {"n": "\udfff"}),
    ]
    return {
        "encoded": [{"context": dict(c), "encoded": Ciphertexts().context(c).hex()} for c in encoded],
        "refused": [{"name": name, "context": dict(c)} for name, c in refusals],
    }
