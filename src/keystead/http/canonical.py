"""The canonical request of Signature Version 4, rebuilt from the bytes that were received.

Guarantees: a pure function of the request; two requests have the same canonical form only if they differ in nothing
but (1) headers that are not signed, (2) white space around and runs of white space within the value of a signed
header, (3) a repeated header against one header with the values joined by commas, (4) empty and dot segments of the
path, (5) the order of query parameters, a parameter ``name`` against ``name=``, and a ``?`` with nothing after it.
Whoever executes the request must not tell these apart. Work is linear in the size of the request, but for sorting.

Does not guarantee that the request is well-formed. Percent-encodings are never decoded or normalised: the query
counts as it was sent, and the path is encoded once more, which is what signers do for every service but S3. A client
that signs one spelling and sends another (``~`` and ``%7E``, ``%20`` and ``+``) is refused.

Source: AWS IAM User Guide, "Create a signed AWS API request"; where that is silent, what botocore's signer does.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from urllib.parse import quote_from_bytes

Pair = tuple[bytes, bytes]


def split_target(target: bytes) -> tuple[bytes, list[Pair]]:
    """Path and query parameters (name, value) as they were sent, undecoded and in order."""
    path, _, query = target.partition(b"?")
    pairs: list[Pair] = []
    if not query:
        return path, pairs
    for parameter in query.split(b"&"):
        name, _, value = parameter.partition(b"=")
        pairs.append((name, value))
    return path, pairs


# All but printable ASCII, and the number sign, at which a path would end (RFC 3986 sections 2 and 3.3).
_NEVER_IN_PATH = re.compile(rb"[^!-~]|#")


def canonical_path(path: bytes) -> bytes | None:
    """The path without empty and dot segments (RFC 3986 section 5.2.4), then encoded but for the unreserved set.

    None for what is no path. It would not show in the result if it stood in a segment that ``..`` takes away.
    """
    if path == b"/":  # what every client of a JSON service sends
        return path
    if _NEVER_IN_PATH.search(path):
        return None
    segments: list[bytes] = []
    for segment in path.split(b"/"):
        if segment == b"..":
            if segments:
                segments.pop()
        elif segment not in (b"", b"."):
            segments.append(segment)
    first = b"/" if path[:1] in (b"/", b"") else b""
    last = b"/" if segments and path.endswith(b"/") else b""
    return quote_from_bytes(first + b"/".join(segments) + last, safe="/~").encode("ascii")


def canonical_query(pairs: Sequence[Pair]) -> bytes:
    """The parameters sorted by name, then by value, as bytes; ``name=`` where the equals sign was left out."""
    return b"&".join([name + b"=" + value for name, value in sorted(pairs)])


def join_repeated(headers: Iterable[Pair]) -> dict[bytes, bytes]:
    """One value for each name: those of repeated headers are trimmed and joined by commas in the order received."""
    values: dict[bytes, list[bytes]] = {}
    for name, value in headers:
        values.setdefault(name, []).append(value)
    return {
        name: found[0] if len(found) == 1 else b",".join([b" ".join(value.split()) for value in found])
        for name, found in values.items()
    }


@dataclass(frozen=True, slots=True)
class SignedHeaders:
    """A list of signed headers: their names in canonical order, and the canonical request with blanks for the rest.

    The blanks are method, path, query, one value for each name, payload hash.
    """

    names: tuple[bytes, ...]
    name_set: frozenset[bytes]
    template: bytes
    line_breaks: int

    @classmethod
    def of(cls, names: Iterable[bytes]) -> SignedHeaders:
        ordered = tuple(sorted(names))
        # A percent sign may stand in a header name (RFC 9110 section 5.6.2); in a template it is written twice.
        escaped = [name.replace(b"%", b"%%") for name in ordered]
        lines = [b"%b", b"%b", b"%b", *[name + b":%b" for name in escaped], b"", b";".join(escaped), b"%b"]
        return cls(ordered, frozenset(ordered), b"\n".join(lines), len(lines) - 1)


def canonical_request(
    method: str,
    path: bytes | None,
    query: bytes,
    headers: Mapping[bytes, bytes],
    signed: SignedHeaders,
    payload_hash: str,
) -> bytes | None:
    """The bytes whose hash is signed, or None when there are none.

    ``path`` and ``query`` are canonical, ``payload_hash`` is the SHA-256 of the body in hexadecimal. None: there is no
    path, a signed header is absent, or a line break hidden in the method, the query or a name would forge a line of
    the result. No signature can be right then.
    """
    if path is None:
        return None
    try:
        # split() without argument also drops and collapses tabs and line breaks, like the signers do: no value can
        # bring a line break of its own.
        values = [b" ".join(headers[name].split()) for name in signed.names]
    except KeyError:
        return None
    text = signed.template % (
        method.encode("utf-8", "backslashreplace"),
        path,
        query,
        *values,
        payload_hash.encode("ascii"),
    )
    return text if text.count(b"\n") == signed.line_breaks else None
