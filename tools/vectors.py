"""Make the vectors of docs/format.md §12 with the independent implementation in tests/crypto/stranger.py.

    python tools/vectors.py            write tests/vectors/*-v1.json
    python tools/vectors.py --check    write nothing; exit 1 when a file differs

Guarantees: nothing of `keystead` is imported, so the vectors cannot inherit its mistakes; the same bytes on every
run. Every "random" byte is SHAKE-256 of a name, and stands in the vector. Does not guarantee that a changed vector
is right: a vector of a released version never changes.
"""

from __future__ import annotations

import hashlib
import json
import sys
import unicodedata
from collections.abc import Mapping
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from tests.crypto import stranger  # noqa: E402
from tests.crypto.stranger import Ciphertexts, Gcm  # noqa: E402

VECTORS = ROOT / "tests" / "vectors"
PROVENANCE = (
    "Made by tools/vectors.py with tests/crypto/stranger.py, an implementation of docs/format.md that shares nothing "
    "with the one in src. Salts, IVs and keys are SHAKE-256 of names, so that anybody can make this file again. "
    "Not for use as keys."
)
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


# --- ciphertexts ------------------------------------------------------------------------------------------------------


class WithoutLengths(Ciphertexts):
    def context(self, context: Mapping[str, str]) -> bytes:
        return "".join(name + value for name, value in sorted(context.items())).encode()


class AsGiven(Ciphertexts):
    def context(self, context: Mapping[str, str]) -> bytes:
        pairs = [(name.encode(), value.encode()) for name, value in context.items()]
        return stranger.u32(len(pairs)) + b"".join(stranger.listed(n)[4:] + stranger.listed(v)[4:] for n, v in pairs)


class Normalising(Ciphertexts):
    def context(self, context: Mapping[str, str]) -> bytes:
        return super().context({n: unicodedata.normalize("NFC", v) for n, v in context.items()})


class WithoutContext(Ciphertexts):
    def context(self, context: Mapping[str, str]) -> bytes:
        return stranger.u32(0)


class WithoutHeader(Ciphertexts):
    def derived(self, material: bytes, header: bytes, context: bytes) -> tuple[bytes, bytes]:
        both = stranger.derive(
            material, self.label, header[38:54] + header[22:38] + hashlib.sha256(context).digest(), 64
        )
        return both[:32], both[32:]


class WithoutSalt(Ciphertexts):
    def derived(self, material: bytes, header: bytes, context: bytes) -> tuple[bytes, bytes]:
        digest = hashlib.sha256(header + context).digest()
        both = stranger.derive(material, self.label, header[22:38] + digest, 64)
        return both[:32], both[32:]


class AnotherLabel(Ciphertexts):
    label = b"keystead/ciphertext/v2"


class WithoutAdditional(Ciphertexts):
    def additional(self, blob: bytes) -> bytes:
        return b""


class HeaderOnlyAdditional(Ciphertexts):
    def additional(self, blob: bytes) -> bytes:
        return blob[:66]


class Unbounded(Ciphertexts):
    """Seals any length, so that a length that must be refused has a right commitment and a right tag."""

    def seal(
        self,
        material: bytes,
        ref: bytes,
        material_id: bytes,
        context: Mapping[str, str],
        plaintext: bytes,
        drawn: bytes,
    ) -> bytes:
        header = self.start + ref + material_id + drawn
        key, commitment = self.derived(material, header, self.context(context))
        return header + commitment + Gcm(key).seal(header[54:66], plaintext, header + commitment)


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
        ("empty plaintext, otherwise right", "parse", made(Unbounded(), plaintext=b""), CONTEXT),
        ("plaintext of 4097 bytes, otherwise right", "parse", made(Unbounded(), plaintext=bytes(4097)), CONTEXT),
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
        ("tag without additional data", "tag", made(WithoutAdditional()), CONTEXT),
        ("tag over the header without the commitment", "tag", made(HeaderOnlyAdditional()), CONTEXT),
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
         made(Normalising(), {"letter": NFD}), {"letter": NFD}),
        ("made with a context joined without lengths", "commitment", made(WithoutLengths()), CONTEXT),
        ("made with a context in the order it was given", "commitment", made(AsGiven(), two), two),
        ("made without the context", "commitment", made(WithoutContext()), CONTEXT),
        ("made with a digest that leaves the header out", "commitment", made(WithoutHeader()), CONTEXT),
        ("made without the salt in the fixed input", "commitment", made(WithoutSalt()), CONTEXT),
        ("made with another label", "commitment", made(AnotherLabel()), CONTEXT),
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


# --- keys -------------------------------------------------------------------------------------------------------------

Place = dict[str, str | int]
Row = dict[str, Any]


def wraps(root: bytes) -> list[Row]:
    domain, account_key, wrap_key = fixed("domain key 1", 32), fixed("account key", 32), fixed("wrap key", 32)
    in_key: Place = {"account": ACCOUNT, "region": REGION, "key_id": KEY_ID}
    material: Place = {"material_id": FULL_ID.hex(), "spec": "SYMMETRIC_DEFAULT", "version": 1}
    rows: list[tuple[bytes, int, Place, bytes]] = [
        (stranger.branch(root, "domain-keys"), 0, {"table": "domain_keys", "version": 1}, domain),
        (domain, 1, {"table": "account_keys", "account": ACCOUNT}, account_key),
        (account_key, 0, {"table": "wrap_keys", **in_key}, wrap_key),
        (wrap_key, 0, {"table": "materials", **in_key, **material}, MATERIAL),
    ]
    out = []
    for key, parent, place, plaintext in rows:
        drawn = fixed(f"iv of {place['table']}", 12)
        wrapped = stranger.wrap(key, parent, drawn, plaintext, **place)
        row = {
            "key": key,
            "parent": parent,
            "place": place,
            "random": drawn,
            "plaintext": plaintext,
            "wrapped": wrapped,
        }
        out.append(written(row))
    return out


def wraps_refused(root: bytes) -> list[Row]:
    good = wraps(root)[-1]
    wrapped, key = bytes.fromhex(good["wrapped"]), bytes.fromhex(good["key"])
    moved: list[tuple[str, Place]] = [
        ("another table", {"table": "wrap_keys"}),
        ("another account", {"account": "444455556666"}),
        ("another region", {"region": "eu-west-1"}),
        ("another key", {"key_id": KEY_ID[:-1] + "c"}),
        ("another material id", {"material_id": fixed("another id", 32).hex()}),
        ("another spec", {"spec": "HMAC_256"}),
        ("another version", {"version": 2}),
        ("the boundary between account and region moved", {"account": ACCOUNT + "e", "region": REGION[1:]}),
    ]
    second = b"\x02\x01" + wrapped[2:18]
    second += Gcm(key).seal(second[6:18], MATERIAL, stranger.wrap_additional(second[:6], **good["place"]))
    altered = {
        "version 2, otherwise right": second,
        "suite altered": flipped(wrapped, 1, 3),
        "parent altered": flipped(wrapped, 5),
        "IV altered": flipped(wrapped, 6),
        "ciphertext altered": flipped(wrapped, 18),
        "tag altered": flipped(wrapped, len(wrapped) - 1),
        "last byte cut": wrapped[:-1],
        "one byte more": wrapped + b"\x00",
        "nothing": b"",
        "without ciphertext": wrapped[:18] + wrapped[-16:],
    }
    rows = [(name, {**good["place"], **place}, wrapped) for name, place in moved]
    rows += [(name, good["place"], bad) for name, bad in altered.items()]
    return [written({"name": name, "key": key, "place": place, "wrapped": bad}) for name, place, bad in rows]


def boxes(root: bytes) -> list[Row]:
    whose = ("AKIAEXAMPLE", "arn:aws:iam::111122223333:user/a")
    rows: list[tuple[str, str, str, tuple[str, ...], bytes]] = [
        ("credentials", "secret", "access-key", whose, b"wJalrXUtnFEMI/EXAMPLEKEY"),
        ("tokens", "token", "page", (ACCOUNT, REGION), b"\x00\x01after"),
        ("tokens", "token", "empty", (), b""),
    ]
    out = []
    for branch, kind, purpose, binding, content in rows:
        drawn, label = fixed(f"salt of {purpose}", 24), f"keystead/{kind}/v1".encode()
        box = stranger.seal_box(stranger.branch(root, branch), label, purpose, binding, drawn, content)
        row = {"kind": kind, "purpose": purpose, "binding": list(binding), "random": drawn, "plaintext": content}
        out.append(written({**row, "sealed": box}))
    return out


def boxes_refused(root: bytes) -> list[Row]:
    secret, token, _ = boxes(root)
    box = bytes.fromhex(token["sealed"])
    rows: list[tuple[str, Row]] = [
        ("a secret given as a token", {**secret, "kind": "token"}),
        ("a token given as a secret", {**token, "kind": "secret"}),
        ("another purpose", {**token, "purpose": "session"}),
        ("not bound", {**token, "binding": []}),
        ("bound to somebody else", {**token, "binding": ["444455556666", REGION]}),
        ("the boundary in the binding moved", {**token, "binding": [ACCOUNT + "e", REGION[1:]]}),
        ("one more in the binding", {**token, "binding": [ACCOUNT, REGION, ""]}),
        ("version altered", {**token, "sealed": flipped(box, 0, 3)}),
        ("suite altered", {**token, "sealed": flipped(box, 1, 3)}),
        ("salt altered", {**token, "sealed": flipped(box, 2)}),
        ("ciphertext altered", {**token, "sealed": flipped(box, 26)}),
        ("tag altered", {**token, "sealed": flipped(box, len(box) - 1)}),
        ("last byte cut", {**token, "sealed": box[:-1]}),
        ("one byte more", {**token, "sealed": box + b"\x00"}),
        ("nothing", {**token, "sealed": b""}),
    ]
    wanted = ("kind", "purpose", "binding", "sealed")
    return [written({"name": name, **{member: row[member] for member in wanted}}) for name, row in rows]


def slots(root: bytes) -> list[Row]:
    passphrase = b"correct horse battery staple"
    argon: Place = {"salt": fixed("argon2 salt", 16).hex(), "memory": 64, "iterations": 2, "lanes": 2}
    file: Place = {"file": fixed("file id", 8).hex()}
    rows: list[tuple[int, str, Place, bytes, dict[str, bytes]]] = [
        (1, "file", file, fixed("file key", 32), {}),
        (2, "passphrase", argon, stranger.passphrase_secret(passphrase, argon), {"passphrase": passphrase}),
    ]
    out = []
    for number, kind, parameters, secret, more in rows:
        drawn = fixed(f"slot {number}", 28)
        wrapped = stranger.seal_slot(secret, number, kind, parameters, drawn, root)
        row = {"number": number, "kind": kind, "parameters": parameters, **more, "secret": secret, "random": drawn}
        out.append(written({**row, "wrapped": wrapped}))
    return out


def slots_refused(root: bytes) -> list[Row]:
    good = slots(root)[0]
    wrapped, secret = bytes.fromhex(good["wrapped"]), bytes.fromhex(good["secret"])
    uncommitted = wrapped[:30] + bytes(32)
    key, _ = stranger.slot_keys(secret, good["number"], good["kind"], good["parameters"], wrapped[:30])
    uncommitted += Gcm(key).seal(wrapped[18:30], root, uncommitted)
    rows: list[tuple[str, Row]] = [
        ("another number", {**good, "number": 2}),
        ("another kind", {**good, "kind": "passphrase"}),
        ("another parameter", {**good, "parameters": {"file": "0" * 16}}),
        ("one parameter more", {**good, "parameters": {**good["parameters"], "more": 1}}),
        ("another secret", {**good, "secret": fixed("another secret", 32)}),
        ("commitment of zeros, tag over it right", {**good, "wrapped": uncommitted}),
        ("version altered", {**good, "wrapped": flipped(wrapped, 0, 3)}),
        ("suite altered", {**good, "wrapped": flipped(wrapped, 1, 3)}),
        ("salt altered", {**good, "wrapped": flipped(wrapped, 2)}),
        ("IV altered", {**good, "wrapped": flipped(wrapped, 29)}),
        ("commitment altered", {**good, "wrapped": flipped(wrapped, 30)}),
        ("ciphertext altered", {**good, "wrapped": flipped(wrapped, 62)}),
        ("tag altered", {**good, "wrapped": flipped(wrapped, 109)}),
        ("last byte cut", {**good, "wrapped": wrapped[:-1]}),
        ("one byte more", {**good, "wrapped": wrapped + b"\x00"}),
    ]
    wanted = ("number", "kind", "parameters", "secret", "wrapped")
    return [written({"name": name, **{member: row[member] for member in wanted}}) for name, row in rows]


def written(row: Row) -> Row:
    return {name: value.hex() if isinstance(value, bytes) else value for name, value in row.items()}


def keys() -> dict[str, Any]:
    root = fixed("root", 32)
    names = ("domain-keys", "metadata", "credentials", "tokens", "audit")
    segment, row = b"segment-20260102T030405Z-0-00ff", stranger.listed(b"keys", b"row")
    return {
        "root": root.hex(),
        "branches": {name: stranger.branch(root, name).hex() for name in names},
        "wrapped": wraps(root),
        "sealed": boxes(root),
        "slots": slots(root),
        "row_mac": {"row": row.hex(), "mac": stranger.row_mac(root, row).hex()},
        "audit_key": {"segment": segment.hex(), "key": stranger.audit_key(root, segment).hex()},
        "refused": {"wrapped": wraps_refused(root), "sealed": boxes_refused(root), "slots": slots_refused(root)},
    }


def files() -> dict[str, dict[str, Any]]:
    return {
        "ciphertext-v1.json": {"accepted": accepted(), "refused": refused()},
        "context-v1.json": contexts(),
        "keys-v1.json": keys(),
    }


def main(arguments: list[str]) -> int:
    differ = []
    for name, content in files().items():
        text = json.dumps({"provenance": PROVENANCE, "format": "docs/format.md", **content}, indent=1) + "\n"
        path = VECTORS / name
        if path.exists() and path.read_text("ascii") == text:
            continue
        differ.append(name)
        if "--check" not in arguments:
            path.write_text(text, "ascii")
    for name in differ:
        print(("differs: " if "--check" in arguments else "written: ") + name)
    return 1 if differ and "--check" in arguments else 0


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
