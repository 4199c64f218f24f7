"""Small sealed things: secrets that the store keeps, tokens that callers carry (docs/format.md §6).

Guarantees: each has a key of its own, so there is no limit to their number; one opens only in its branch, for its
purpose and for what it was bound to. Does not guarantee freshness: an expiry belongs into the content.
"""

from __future__ import annotations

import re
from typing import Final

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from keystead.crypto.derivation import KEY_BYTES, Random, derive, draw
from keystead.crypto.encoding import encode_list
from keystead.crypto.wrapping import NotAuthentic

START: Final = b"\x01\x01"
SECRET: Final = b"keystead/secret/v1"
TOKEN: Final = b"keystead/token/v1"
SALT_BYTES: Final = 24
IV_BYTES: Final = 12
OVERHEAD: Final = len(START) + SALT_BYTES + 16
CONTENT_MAX: Final = 65536

_PURPOSE = re.compile(rb"[a-z0-9-]{1,64}")


def seal(
    branch: bytes, label: bytes, purpose: bytes, binding: tuple[str, ...], content: bytes, random: Random
) -> bytes:
    """``content`` (0 to 65536 bytes, else ValueError), 42 bytes longer."""
    if len(content) > CONTENT_MAX:
        raise ValueError(f"a sealed secret or token has at most {CONTENT_MAX} bytes, not {len(content)}")
    salt = draw(random, SALT_BYTES)
    cipher, iv = _keys(branch, label, purpose, salt)
    return START + salt + cipher.encrypt(iv, content, _additional(label, purpose, binding))


def open_box(branch: bytes, label: bytes, purpose: bytes, binding: tuple[str, ...], box: bytes) -> bytes:
    """The content; `NotAuthentic` when the box was altered or sealed for another purpose, binding or branch."""
    if not box.startswith(START) or not OVERHEAD <= len(box) <= OVERHEAD + CONTENT_MAX:
        raise NotAuthentic(f"{purpose.decode()} is not a sealed thing of a known version")
    cipher, iv = _keys(branch, label, purpose, box[2:26])
    try:
        return cipher.decrypt(iv, box[26:], _additional(label, purpose, binding))
    except InvalidTag:
        raise NotAuthentic(
            f"{purpose.decode()} does not open: altered, bound to something else, or of another root key"
        ) from None


def _keys(branch: bytes, label: bytes, purpose: bytes, salt: bytes) -> tuple[AESGCM, bytes]:
    if not _PURPOSE.fullmatch(purpose):
        raise ValueError("a purpose is 1 to 64 of the characters a-z, 0-9 and -")
    derived = derive(branch, label, salt + purpose, KEY_BYTES + IV_BYTES)
    return AESGCM(derived[:KEY_BYTES]), derived[KEY_BYTES:]


def _additional(label: bytes, purpose: bytes, binding: tuple[str, ...]) -> bytes:
    return encode_list(label, START, purpose, *(text.encode() for text in binding))
