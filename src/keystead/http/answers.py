"""Status line, header lines and body as they go out, and the few answers that are given without asking the application.

Guarantees: every answer says its length and its date, and whether the connection ends with it. Does not guarantee that
header lines handed in by the application are well formed; they are its own text, never a peer's. No ``Server`` line: a
version helps only attackers.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Final
from xml.sax.saxutils import escape

CONTINUE: Final = b"HTTP/1.1 100 Continue\r\n\r\n"
CONTENT_TYPE: Final = b"Content-Type: application/x-amz-json-1.1\r\n"
XML: Final = b"Content-Type: text/xml\r\n"
FORM: Final = b"application/x-www-form-urlencoded"
CLOSE: Final = b"Connection: close\r\n"
KEEP_ALIVE: Final = b"Connection: keep-alive\r\n"
"""Only HTTP/1.0 needs to be told (RFC 9112 section 9.3)."""

_DOCUMENT: Final = (
    '<ErrorResponse xmlns="http://webservices.amazon.com/AWSFault/2005-15-09"><Error><Type>{}</Type><Code>{}</Code>{}</Error>'
    "</ErrorResponse>"
)
_STATUS_LINES: Final = {status.value: f"HTTP/1.1 {status.value} {status.phrase}\r\n".encode() for status in HTTPStatus}
_WITHOUT_BODY: Final = frozenset({204, 304})


def render(
    status: int, headers: bytes, body: bytes, date: bytes, connection: bytes = b"", *, head: bool = False
) -> bytes:
    """One answer. ``headers``, ``date`` and ``connection`` are whole lines; with ``head`` the body is measured, not
    sent.

    A 204 or 304 has neither body nor length (RFC 9110 section 8.6).
    """
    line = _STATUS_LINES.get(status) or b"HTTP/1.1 %d \r\n" % status
    if status in _WITHOUT_BODY:
        return b"%b%b%b%b\r\n" % (line, headers, date, connection)
    return b"%bContent-Length: %d\r\n%b%b%b\r\n%b" % (line, len(body), headers, date, connection, b"" if head else body)


@dataclass(frozen=True, slots=True)
class Refused:
    """A request that never reaches the application. ``code`` and ``message`` are the JSON protocol's; ``status`` is
    HTTP's. ``body`` says it in JSON, ``document`` in XML, to a client that sent a form.

    The codes are those of AWS's "Common errors": MalformedHttpRequestException, RequestEntityTooLargeException,
    RequestTimeoutException, ServiceUnavailable and InternalFailure.
    """

    status: int
    code: str
    message: str | None
    body: bytes = field(init=False, repr=False)
    document: bytes = field(init=False, repr=False)

    def __post_init__(self) -> None:
        text = {"__type": self.code} if self.message is None else {"__type": self.code, "message": self.message}
        object.__setattr__(self, "body", json.dumps(text, separators=(",", ":")).encode())
        said = "" if self.message is None else f"<Message>{escape(self.message)}</Message>"
        object.__setattr__(
            self,
            "document",
            _DOCUMENT.format(
                "Sender" if self.status < 500 else "Receiver", self.code.removesuffix("Exception"), said
            ).encode(),
        )

    def written_for(self, headers: Iterable[tuple[bytes, bytes]]) -> tuple[bytes, bytes]:
        """Content-Type line and body in the protocol of a request with these headers, as far as they were read."""
        if any(name == b"content-type" and value.strip().lower().startswith(FORM) for name, value in headers):
            return XML, self.document
        return CONTENT_TYPE, self.body


def malformed(message: str, status: int = 400) -> Refused:
    """Problems with the request at the HTTP level. ``message`` must be our own text or the parser's, never bytes of
    the peer."""
    return Refused(status, "MalformedHttpRequestException", message)


TARGET_TOO_LONG: Final = malformed("The request target is too long.", 414)
HEAD_TOO_LARGE: Final = malformed("The header lines are too large or too many.", 431)
BODY_TOO_LARGE: Final = Refused(413, "RequestEntityTooLargeException", "The request entity is too large.")
BODY_FRAMING: Final = malformed("The chunks of the body are too small, or their extensions too large.")
TRAILERS: Final = malformed("Trailer fields are not accepted.")
EXPECTATION: Final = malformed("The only expectation that can be met is 100-continue.", 417)
DUPLICATE: Final = malformed("A header that may be given once is given twice.")
NO_HOST: Final = malformed("The Host header is missing.")
TARGET_FORM: Final = malformed("The request target must be a path, with or without a query.")
CODING: Final = malformed("The only transfer coding is chunked, and only in HTTP/1.1.")
METHOD: Final = malformed("The method is not known.", 501)
VERSION: Final = malformed("The HTTP version must be 1.0 or 1.1.", 505)
TOO_SLOW: Final = Refused(408, "RequestTimeoutException", "Reading the request timed out.")
BUSY: Final = Refused(503, "ServiceUnavailable", "Too many requests are being received.")
INTERNAL: Final = Refused(500, "InternalFailure", None)
