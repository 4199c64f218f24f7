"""The encryption context as the bytes that enter the derivation of a ciphertext's key (docs/format.md §2).

Guarantees: different contexts, different bytes; no context and an empty one are the same; the order in which pairs
are given does not matter, case and Unicode spelling do. Does not guarantee that a name occurred once in the
request: who reads the JSON refuses repeated names.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from keystead import errors
from keystead.crypto.encoding import encode_map

CONTEXT_MAX: Final = 8192
"""Bytes of UTF-8 in all names and values together."""


def encode_context(context: Mapping[str, str] | None) -> bytes:
    """The encoded context; ValidationException when it is larger than `CONTEXT_MAX` or is not text that has a UTF-8
    encoding."""
    pairs = context or {}
    try:
        encoded = encode_map(pairs)
    except UnicodeEncodeError:  # its own text would quote the value
        raise errors.validation("The encryption context holds text that is not valid Unicode.") from None
    # Of what was encoded, 4 bytes are the count and 8 of each pair its lengths.
    if len(encoded) > CONTEXT_MAX and len(encoded) - 4 - 8 * len(pairs) > CONTEXT_MAX:
        raise errors.validation(f"The encryption context is larger than {CONTEXT_MAX} bytes.")
    return encoded
