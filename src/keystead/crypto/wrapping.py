"""Keys wrapped under keys: the rows of the key hierarchy (docs/format.md §5).

Guarantees: a wrapped row opens only under its own wrapping key and in its own place; a row that was altered, moved,
renamed or cut raises `NotAuthentic`. Does not guarantee that the row is the newest one: a whole older row in its
own place opens.
"""

from __future__ import annotations

from typing import Final, NamedTuple

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from keystead.crypto.derivation import Random, draw
from keystead.crypto.encoding import encode_list, u32

START: Final = b"\x01\x01"
LABEL: Final = b"keystead/wrap/v1"
FRONT_BYTES: Final = 6
IV_BYTES: Final = 12
TAG_BYTES: Final = 16
CONTENT_MAX: Final = 65536

DOMAIN_KEYS: Final = "domain_keys"
ACCOUNT_KEYS: Final = "account_keys"
WRAP_KEYS: Final = "wrap_keys"
MATERIALS: Final = "materials"


class NotAuthentic(Exception):
    """What was kept sealed does not open: it was altered, moved to another place, or belongs to another root key.

    Says which thing, never what is in it. It is no caller's fault, so it is no Refusal.
    """


class Place(NamedTuple):
    """Where a wrapped row stands, all of which is authenticated. What a kind of row does not have is empty."""

    table: str
    account: str = ""
    region: str = ""
    key_id: str = ""
    material_id: str = ""
    spec: str = ""
    version: int = 0

    def __str__(self) -> str:
        return " ".join([self.table, *(str(part) for part in self[1:] if part)])


def wrap(key: bytes, place: Place, content: bytes, random: Random, *, parent: int = 0) -> bytes:
    """``content`` (1 to 65536 bytes, else ValueError) wrapped under ``key``; ``parent`` is the version of that key
    if it has versions."""
    if not 1 <= len(content) <= CONTENT_MAX:
        raise ValueError(f"a wrapped key has 1 to {CONTENT_MAX} bytes, not {len(content)}")
    front = START + u32(parent)
    iv = draw(random, IV_BYTES)  # random IVs are enough for the few rows of one wrapping key: docs/format.md §5
    return front + iv + AESGCM(key).encrypt(iv, content, _additional(front, place))


def unwrap(key: bytes, place: Place, wrapped: bytes) -> bytes:
    """What was wrapped; `NotAuthentic` when it does not open in this place under this key."""
    front = wrapped[:FRONT_BYTES]
    if not front.startswith(START) or not 1 <= len(wrapped) - FRONT_BYTES - IV_BYTES - TAG_BYTES <= CONTENT_MAX:
        raise NotAuthentic(f"{place} is not a wrapped key of a known version")
    try:
        return AESGCM(key).decrypt(wrapped[6:18], wrapped[18:], _additional(front, place))
    except InvalidTag:
        raise NotAuthentic(f"{place} does not open: altered, moved, or of another root key") from None


def parent(wrapped: bytes) -> int:
    """The version of the key that a row says it is wrapped under; not authenticated before `unwrap`."""
    return int.from_bytes(wrapped[2:FRONT_BYTES], "big")


def _additional(front: bytes, place: Place) -> bytes:
    names = (part.encode() for part in place[:6])
    return encode_list(LABEL, front, *names, u32(place.version))
