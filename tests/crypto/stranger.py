"""A second implementation of docs/format.md, written from that page alone.

Guarantees: imports nothing of Keystead; HMAC is the standard library's, AES-GCM is built here from SP 800-38D over
the bare AES block function, so not even the AEAD is the one under test; only Argon2id is the same library's. Does
not guarantee speed, nor that timing hides anything: it is for tests and for making vectors.

Every step that a careless implementer could leave out is a method of its own, so that a test can leave it out and
see the vectors notice.
"""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Mapping

from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
from cryptography.hazmat.primitives.kdf.argon2 import Argon2id


class Refused(Exception):
    """What docs/format.md says must be refused."""


def u32(number: int) -> bytes:
    return number.to_bytes(4, "big")


def listed(*parts: bytes) -> bytes:
    """§1.1"""
    return u32(len(parts)) + b"".join(u32(len(part)) + part for part in parts)


def derive(key: bytes, label: bytes, context: bytes, length: int) -> bytes:
    """§1.3"""
    return counter_mode(key, label + b"\x00" + context + u32(8 * length), length)


def counter_mode(key: bytes, fixed: bytes, length: int) -> bytes:
    blocks = [hmac.new(key, u32(i) + fixed, hashlib.sha256).digest() for i in range(1, -(-length // 32) + 1)]
    return b"".join(blocks)[:length]


# --- AES-256-GCM from the block cipher (SP 800-38D §6.3-6.5, §7) ------------------------------------------------------


def _multiply(x: int, y: int) -> int:
    z = 0
    for bit in range(127, -1, -1):
        if (x >> bit) & 1:
            z ^= y
        y = (y >> 1) ^ (0xE1 << 120 if y & 1 else 0)
    return z


class Gcm:
    def __init__(self, key: bytes) -> None:
        self._blocks = Cipher(
            algorithms.AES(key), modes.ECB()
        ).encryptor()  # the bare block function, one block at a time
        self._h = int.from_bytes(self._block(bytes(16)), "big")

    def _block(self, block: bytes) -> bytes:
        return self._blocks.update(block)

    def _counter(self, iv: bytes, data: bytes) -> bytes:
        out = bytearray()
        for i in range(0, len(data), 16):
            stream = self._block(iv + u32(2 + i // 16))
            out += bytes(a ^ b for a, b in zip(data[i : i + 16], stream, strict=False))
        return bytes(out)

    def _tag(self, iv: bytes, ciphertext: bytes, additional: bytes) -> bytes:
        padded = b"".join(data + bytes(-len(data) % 16) for data in (additional, ciphertext))
        padded += (8 * len(additional)).to_bytes(8, "big") + (8 * len(ciphertext)).to_bytes(8, "big")
        y = 0
        for i in range(0, len(padded), 16):
            y = _multiply(y ^ int.from_bytes(padded[i : i + 16], "big"), self._h)
        return bytes(a ^ b for a, b in zip(y.to_bytes(16, "big"), self._block(iv + u32(1)), strict=True))

    def seal(self, iv: bytes, plaintext: bytes, additional: bytes) -> bytes:
        ciphertext = self._counter(iv, plaintext)
        return ciphertext + self._tag(iv, ciphertext, additional)

    def open(self, iv: bytes, sealed: bytes, additional: bytes) -> bytes:
        if len(sealed) < 16 or self._tag(iv, sealed[:-16], additional) != sealed[-16:]:
            raise Refused("tag")
        return self._counter(iv, sealed[:-16])


# --- §2 and §3 --------------------------------------------------------------------------------------------------------


class Ciphertexts:
    """Ciphertexts of version 1; each method is one step of §3."""

    label = b"keystead/ciphertext/v1"
    start = bytes.fromhex("4b5343010001")

    def context(self, context: Mapping[str, str]) -> bytes:
        try:
            pairs = sorted((name.encode("utf-8"), value.encode("utf-8")) for name, value in context.items())
        except UnicodeEncodeError:
            raise Refused("text without UTF-8") from None
        if sum(len(name) + len(value) for name, value in pairs) > 8192:
            raise Refused("context too large")
        return u32(len(pairs)) + b"".join(u32(len(n)) + n + u32(len(v)) + v for n, v in pairs)

    def check_size(self, blob: bytes) -> None:
        if not 115 <= len(blob) <= 4210:
            raise Refused("length")

    def check_start(self, blob: bytes) -> None:
        if blob[:6] != self.start:
            raise Refused("magic, version or suite")

    def check_names(self, blob: bytes, ref: bytes, material_id: bytes) -> None:
        if blob[6:22] != ref or blob[22:38] != material_id:
            raise Refused("another key or material")

    def derived(self, material: bytes, header: bytes, context: bytes) -> tuple[bytes, bytes]:
        digest = hashlib.sha256(header + context).digest()
        both = derive(material, self.label, header[38:54] + header[22:38] + digest, 64)
        return both[:32], both[32:]

    def check_commitment(self, derived: bytes, received: bytes) -> None:
        if not hmac.compare_digest(derived, received):
            raise Refused("commitment")

    def additional(self, blob: bytes) -> bytes:
        return blob[:98]

    def check_tag(self, key: bytes, iv: bytes, sealed: bytes, additional: bytes) -> bytes:
        return Gcm(key).open(iv, sealed, additional)

    def seal(
        self,
        material: bytes,
        ref: bytes,
        material_id: bytes,
        context: Mapping[str, str],
        plaintext: bytes,
        drawn: bytes,
    ) -> bytes:
        if not 1 <= len(plaintext) <= 4096:
            raise Refused("plaintext length")
        header = self.start + ref + material_id + drawn
        key, commitment = self.derived(material, header, self.context(context))
        front = header + commitment
        return front + Gcm(key).seal(header[54:66], plaintext, self.additional(front))

    def open(self, material: bytes, ref: bytes, material_id: bytes, context: Mapping[str, str], blob: bytes) -> bytes:
        self.check_size(blob)
        self.check_start(blob)
        self.check_names(blob, ref, material_id)
        key, commitment = self.derived(material, blob[:66], self.context(context))
        self.check_commitment(commitment, blob[66:98])
        return self.check_tag(key, blob[54:66], blob[98:], self.additional(blob))


# --- §4, §5, §7 -------------------------------------------------------------------------------------------------------


def branch(root: bytes, name: str) -> bytes:
    return derive(root, b"keystead/branch/" + name.encode() + b"/v1", b"", 32)


def wrap_additional(
    front: bytes,
    table: str,
    account: str = "",
    region: str = "",
    key_id: str = "",
    material_id: str = "",
    spec: str = "",
    version: int = 0,
) -> bytes:
    names = [text.encode() for text in (table, account, region, key_id, material_id, spec)]
    return listed(b"keystead/wrap/v1", front, *names, u32(version))


def wrap(key: bytes, parent: int, drawn: bytes, plaintext: bytes, **place: str | int) -> bytes:
    front = b"\x01\x01" + u32(parent)
    return front + drawn + Gcm(key).seal(drawn, plaintext, wrap_additional(front, **place))  # type: ignore[arg-type]


def unwrap(key: bytes, wrapped: bytes, **place: str | int) -> bytes:
    if not 35 <= len(wrapped) <= 65570 or wrapped[:2] != b"\x01\x01":
        raise Refused("wrapped row")
    return Gcm(key).open(wrapped[6:18], wrapped[18:], wrap_additional(wrapped[:6], **place))  # type: ignore[arg-type]


def row_mac(root: bytes, row: bytes) -> bytes:
    return hmac.new(branch(root, "metadata"), row, hashlib.sha256).digest()


def audit_key(root: bytes, segment: bytes) -> bytes:
    return derive(branch(root, "audit"), b"keystead/audit-segment/v1", segment, 32)


def material_id(root: bytes, account: str, key_id: str, material: bytes) -> str:
    """§10, imported material"""
    place = listed(account.encode(), key_id.encode(), material)
    return derive(branch(root, "material-ids"), b"keystead/material-id/v1", place, 32).hex()


# --- §6 ---------------------------------------------------------------------------------------------------------------


def _box(branch_key: bytes, label: bytes, purpose: str, salt: bytes) -> tuple[Gcm, bytes]:
    both = derive(branch_key, label, salt + purpose.encode(), 44)
    return Gcm(both[:32]), both[32:]


def seal_box(
    branch_key: bytes, label: bytes, purpose: str, binding: tuple[str, ...], drawn: bytes, plaintext: bytes
) -> bytes:
    gcm, iv = _box(branch_key, label, purpose, drawn)
    additional = listed(label, b"\x01\x01", purpose.encode(), *(text.encode() for text in binding))
    return b"\x01\x01" + drawn + gcm.seal(iv, plaintext, additional)


def open_box(branch_key: bytes, label: bytes, purpose: str, binding: tuple[str, ...], box: bytes) -> bytes:
    if not 42 <= len(box) <= 65578 or box[:2] != b"\x01\x01":
        raise Refused("box")
    gcm, iv = _box(branch_key, label, purpose, box[2:26])
    return gcm.open(iv, box[26:], listed(label, box[:2], purpose.encode(), *(text.encode() for text in binding)))


# --- §8 ---------------------------------------------------------------------------------------------------------------


def passphrase_secret(passphrase: bytes, parameters: Mapping[str, str | int]) -> bytes:
    return Argon2id(
        salt=bytes.fromhex(str(parameters["salt"])),
        length=32,
        iterations=int(parameters["iterations"]),
        lanes=int(parameters["lanes"]),
        memory_cost=int(parameters["memory"]),
    ).derive(passphrase)


def slot_keys(
    secret: bytes, number: int, kind: str, parameters: Mapping[str, str | int], front: bytes
) -> tuple[bytes, bytes]:
    texts = Ciphertexts().context({name: str(value) for name, value in parameters.items()})
    digest = hashlib.sha256(listed(front, kind.encode(), u32(number), texts)).digest()
    both = derive(secret, b"keystead/slot/v1", front[2:18] + digest, 64)
    return both[:32], both[32:]


def seal_slot(
    secret: bytes, number: int, kind: str, parameters: Mapping[str, str | int], drawn: bytes, root: bytes
) -> bytes:
    front = b"\x01\x01" + drawn
    key, commitment = slot_keys(secret, number, kind, parameters, front)
    return front + commitment + Gcm(key).seal(front[18:30], root, front + commitment)


def open_slot(secret: bytes, number: int, kind: str, parameters: Mapping[str, str | int], wrapped: bytes) -> bytes:
    if len(wrapped) != 110 or wrapped[:2] != b"\x01\x01":
        raise Refused("slot")
    key, commitment = slot_keys(secret, number, kind, parameters, wrapped[:30])
    if not hmac.compare_digest(commitment, wrapped[30:62]):
        raise Refused("commitment")
    return Gcm(key).open(wrapped[18:30], wrapped[62:], wrapped[:62])
