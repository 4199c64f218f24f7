"""Lists and maps as bytes, injectively: what is authenticated has exactly one reading (docs/format.md §1.1, §1.2).

Guarantees: two different lists, or two different maps, never have the same encoding; a map's encoding does not
depend on the order in which it was given. Does not guarantee that a list and a map differ: each place of the format
uses one of the two.
"""

from __future__ import annotations

from collections.abc import Mapping
from struct import Struct

_u32 = Struct(">I").pack
_EMPTY = _u32(0)


def u32(number: int) -> bytes:
    """``number`` in 4 bytes, big-endian; OverflowError outside 0 to 2**32-1."""
    return number.to_bytes(4, "big")


def encode_list(*parts: bytes) -> bytes:
    """The number of parts, then each with its length."""
    return _u32(len(parts)) + b"".join([_u32(len(part)) + part for part in parts])


def encode_map(pairs: Mapping[str, str]) -> bytes:
    """The number of pairs, then each name and value with its length, in ascending order of the names' UTF-8 bytes.

    No Unicode normalisation. A lone surrogate has no UTF-8 and raises UnicodeEncodeError.
    """
    if not pairs:
        return _EMPTY
    out = [_u32(len(pairs))]
    # Python compares str by code point, which for valid Unicode is the order of the UTF-8 bytes (RFC 3629 §1).
    for name in sorted(pairs) if len(pairs) > 1 else pairs:
        n, v = name.encode(), pairs[name].encode()
        out.append(_u32(len(n)) + n + _u32(len(v)) + v)
    return b"".join(out)
