"""One HTTP request as it was received: what the signature check reads is what will be executed.

Guarantees nothing by itself: a `Request` is unverified input. The protocol that builds it promises that ``target`` is
the raw bytes of the request line (never decoded, never normalised), that header names are lower-cased tokens in the
order received, repeated ones kept, and that ``body`` is complete. ``peer`` and ``tls`` alone come from the socket.
"""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class TlsFacts:
    """What CloudTrail's ``tlsDetails`` tells of a connection: ``version`` such as TLSv1.3, ``cipher`` as OpenSSL
    names it."""

    version: str
    cipher: str


@dataclass(slots=True)
class Request:
    """A complete request.

    ``target`` is ``path[?query]`` as received. ``headers`` holds (lower-cased name, value as received) in order.
    ``peer`` is the address of the other end, or ``unix``. ``tls`` is None on a connection without TLS.
    """

    method: str
    target: bytes
    headers: list[tuple[bytes, bytes]] = field(repr=False)
    body: bytes = field(repr=False)
    peer: str
    tls: TlsFacts | None = None
