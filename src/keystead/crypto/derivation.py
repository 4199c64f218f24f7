"""Keys from keys: NIST SP 800-108r1 counter mode with HMAC-SHA-256 (docs/format.md §1.3).

Guarantees: keys derived under different labels, contexts or lengths from one key are independent as long as
HMAC-SHA-256 is a pseudo-random function. Does not guarantee anything for a key that somebody can guess: passphrases
go through Argon2id first.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeAlias

from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.kbkdf import KBKDFHMAC, CounterLocation, Mode

Random: TypeAlias = Callable[[int], bytes]
"""Draws so many bytes from a cryptographically secure generator, such as `os.urandom`."""

KEY_BYTES = 32
"""The length of root, domain, account and wrap keys and of all branch keys."""

_SHA256 = SHA256()


def derive(key: bytes, label: bytes, context: bytes, length: int) -> bytes:
    """``length`` bytes for one purpose. ``label`` is a constant of docs/format.md §4 without zero bytes."""
    return KBKDFHMAC(
        algorithm=_SHA256,
        mode=Mode.CounterMode,
        length=length,
        rlen=4,
        llen=4,
        location=CounterLocation.BeforeFixed,
        label=label,
        context=context,
        fixed=None,
    ).derive(key)


def draw(random: Random, length: int) -> bytes:
    """``length`` random bytes; RuntimeError when the generator gave another number of them, since a short salt must
    never be used."""
    drawn = random(length)
    if len(drawn) != length:
        raise RuntimeError(f"the random generator gave {len(drawn)} bytes, not {length}")
    return drawn
