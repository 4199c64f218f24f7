"""Ciphertexts of SYMMETRIC_DEFAULT, version 1 (docs/format.md §3).

Guarantees: every bit of a blob is authenticated, and a blob opens under one key, one material and one context only;
every defect is the same refusal, InvalidCiphertextException without a text. Does not decide who may seal or open,
and does not hide a plaintext's length.
"""

from __future__ import annotations

from hashlib import sha256
from hmac import compare_digest
from struct import Struct
from typing import Final, NamedTuple

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.hmac import HMAC

from keystead import errors
from keystead.crypto.derivation import Random, draw

MAGIC: Final = b"KSC"
VERSION: Final = 1
SUITE: Final = 1
START: Final = MAGIC + bytes([VERSION]) + SUITE.to_bytes(2, "big")
LABEL: Final = b"keystead/ciphertext/v1"

MATERIAL_BYTES: Final = 32
ID_BYTES: Final = 16
SALT_BYTES: Final = 16
IV_BYTES: Final = 12
COMMITMENT_BYTES: Final = 32
TAG_BYTES: Final = 16
HEADER_BYTES: Final = len(START) + 2 * ID_BYTES + SALT_BYTES + IV_BYTES
FRONT_BYTES: Final = HEADER_BYTES + COMMITMENT_BYTES
OVERHEAD: Final = FRONT_BYTES + TAG_BYTES
"""How many bytes longer a blob is than its plaintext: 114."""
PLAINTEXT_MAX: Final = 4096

_SHORTEST: Final = OVERHEAD + 1
_LONGEST: Final = OVERHEAD + PLAINTEXT_MAX
_DERIVED_BITS: Final = (512).to_bytes(4, "big")
_split = Struct("6s16s16s16s12s32s").unpack_from


class Blob(NamedTuple):
    """A blob that has the right shape; nothing in it is authenticated yet.

    ``ref`` and ``material`` (16 bytes each) name the key and the material it claims. ``front`` is all that stands
    before ``sealed``.
    """

    ref: bytes
    material: bytes
    salt: bytes
    iv: bytes
    commitment: bytes
    sealed: bytes
    front: bytes


def parse(blob: bytes) -> Blob:
    """The fields of a blob; InvalidCiphertextException for a wrong length, magic, version or suite."""
    if not _SHORTEST <= len(blob) <= _LONGEST:
        raise errors.invalid_ciphertext()
    start, ref, material, salt, iv, commitment = _split(blob)
    if start != START:
        raise errors.invalid_ciphertext()
    # Not Blob(...), which runs a Python function of its own for the same tuple: this is the hot path.
    return tuple.__new__(Blob, (ref, material, salt, iv, commitment, blob[FRONT_BYTES:], blob[:FRONT_BYTES]))


class CallKeys:
    """What gives each ciphertext of one material its own AES key and commitment: §3.1 step 3.

    It holds HMAC-SHA-256 keyed with the material and fed with what is the same in every call, for the two blocks of
    SP 800-108 counter mode. That is the function of `derivation.derive`, which the tests compare it with; it takes
    a third of the time because the keyed state is copied and not built anew. It is as secret as the material. No
    derived key outlives its call.
    """

    __slots__ = ("_first", "_second")

    def __init__(self, material: bytes) -> None:
        if len(material) != MATERIAL_BYTES:
            raise ValueError("the material of SYMMETRIC_DEFAULT has 32 bytes")
        self._first = HMAC(material, SHA256())
        self._second = self._first.copy()
        self._first.update(b"\x00\x00\x00\x01" + LABEL + b"\x00")
        self._second.update(b"\x00\x00\x00\x02" + LABEL + b"\x00")

    def derive(self, salt: bytes, material_id: bytes, digest: bytes) -> tuple[bytes, bytes]:
        """The AES key and the commitment of one ciphertext."""
        rest = salt + material_id + digest + _DERIVED_BITS
        first, second = self._first.copy(), self._second.copy()
        first.update(rest)
        second.update(rest)
        return first.finalize(), second.finalize()

    def __reduce__(self) -> str:
        raise TypeError("key material is not pickled or copied")


def seal(material: bytes, ref: bytes, material_id: bytes, context: bytes, plaintext: bytes, random: Random) -> bytes:
    """A blob of ``plaintext`` (1 to 4096 bytes, else ValueError) under an encoded context
    (`context.encode_context`)."""
    return seal_with(CallKeys(material), front(ref, material_id), context, plaintext, random)


def open(material: bytes, blob: Blob, context: bytes) -> bytes:  # noqa: A001 (the word of the trade; callers write ciphertext.open)
    """The plaintext, or InvalidCiphertextException: wrong material, wrong context, or any bit altered."""
    return open_with(CallKeys(material), blob, context)


def front(ref: bytes, material_id: bytes) -> bytes:
    """The part of the header that is the same for all blobs of one material (38 bytes)."""
    if len(ref) != ID_BYTES or len(material_id) != ID_BYTES:
        raise ValueError("a key reference and a material id have 16 bytes in a ciphertext")
    return START + ref + material_id


def seal_with(keys: CallKeys, front: bytes, context: bytes, plaintext: bytes, random: Random) -> bytes:
    """`seal` for who seals often under one material; ``front`` is what the function of that name gave."""
    if not 1 <= len(plaintext) <= PLAINTEXT_MAX:
        raise ValueError(f"a plaintext has 1 to {PLAINTEXT_MAX} bytes, not {len(plaintext)}")
    drawn = draw(random, SALT_BYTES + IV_BYTES)
    header = front + drawn
    key, commitment = keys.derive(drawn[:16], front[22:], sha256(header + context).digest())
    authenticated = header + commitment
    return authenticated + AESGCM(key).encrypt(drawn[16:], plaintext, authenticated)


def open_with(keys: CallKeys, blob: Blob, context: bytes) -> bytes:
    """`open` for who opens often under one material."""
    key, commitment = keys.derive(blob.salt, blob.material, sha256(blob.front[:HEADER_BYTES] + context).digest())
    # Before the cipher is touched: AES-GCM alone does not bind a ciphertext to one key (docs/format.md §3.3).
    if not compare_digest(commitment, blob.commitment):
        raise errors.invalid_ciphertext()
    try:
        return AESGCM(key).decrypt(blob.iv, blob.sealed, blob.front)
    except InvalidTag:
        raise errors.invalid_ciphertext() from None
