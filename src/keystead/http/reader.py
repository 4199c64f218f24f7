"""Bytes to requests, without sockets, clocks or the application.

Guarantees: a request is delivered complete or not at all; the same bytes give the same requests however they are cut;
after the first defect nothing more is delivered. What is refused is in `answers`: besides what strict llhttp refuses
(bare LF or CR, line folding, controls and NUL, white space before a colon, Content-Length that is repeated, not a
number or together with Transfer-Encoding) also repeated or missing Host, any transfer coding but chunked, trailers,
HTTP versions but 1.0 and 1.1, methods outside RFC 9110 and PATCH, and targets that are not a path. Does not guarantee
anything about the meaning of headers or body.

Decided: an absolute-form target (``POST http://host/ HTTP/1.1``) is refused, against RFC 9112 section 3.2.2. Only a
client that takes us for a proxy sends it; it names an authority a second time, beside the signed Host header, and what
is verified must be what is executed. Decided: ``Upgrade`` is ignored (RFC 9110 section 7.8 allows it), since Java
clients offer ``h2c`` or ``TLS/1.2`` on every connection.
"""

from __future__ import annotations

from collections import deque
from typing import Final, NoReturn

import httptools

from . import answers
from .answers import Refused
from .limits import Limits
from .message import Request, TlsFacts

IDLE: Final = 0
HEAD: Final = 1
BODY: Final = 2
"""Where in a request the next byte belongs: between requests, in request line and header lines, in the body."""

LAST: Final = 1
OLD: Final = 2
BODILESS: Final = 4
"""What the answer to a request must observe: the connection ends with it; HTTP/1.0; no body is sent (HEAD)."""

_METHODS: Final = {
    name.encode(): name for name in ("GET", "HEAD", "POST", "PUT", "DELETE", "OPTIONS", "TRACE", "PATCH")
}
_LENGTH: Final = (b"content-length", b"transfer-encoding")
_PERSISTENCE: Final = (b"connection", b"proxy-connection")
"""What decides whether another request follows; llhttp obeys Proxy-Connection too."""
_FRAMING: Final = frozenset({b"host", b"expect", *_LENGTH, *_PERSISTENCE})
"""What is looked at here. Of these, all that are not about persistence may be given once."""
_SLASH: Final = ord("/")
_HASH: Final = ord("#")
_LENGTH_DIGITS: Final = 19


class _Stop(Exception):
    """Leaves llhttp from inside a callback; the reason is in `Reader.refused`."""


class Partial:
    """Bytes of bodies that have begun and not ended, over all connections of the process."""

    __slots__ = ("used",)

    def __init__(self) -> None:
        self.used = 0


class Reader:
    """The reading half of one connection. Feed it; take from `requests`; look at `refused` once `requests` is empty."""

    def __init__(self, limits: Limits, peer: str, tls: TlsFacts | None, partial: Partial) -> None:
        self.requests: deque[tuple[Request, int]] = deque()
        """Complete requests in order, each with LAST, OLD and BODILESS or-ed."""
        self.refused: Refused | None = None
        """Why nothing follows what is in `requests`."""
        self.refused_headers: list[tuple[bytes, bytes]] = []
        """What was read of the headers of the request that is refused."""
        self.ended = False
        """Nothing will be delivered any more; what is fed is ignored."""
        self.phase = IDLE
        self.continues = False
        """The peer waits for 100 (Continue) before it sends the body."""
        self.last = False
        """Set from outside: the next complete request is the last one."""
        self._limits = limits
        self._peer = peer
        self._tls = tls
        self._partial = partial
        self._parser = httptools.HttpRequestParser(self)
        self._slice = 0  # bytes being fed
        self._fed = 0  # bytes fed since the head began, its whole first slice included
        self._first = 0  # that first slice
        self._wire = 0  # bytes fed since the head ended, the slice it ended in left out
        self._size = 0  # bytes of body so far
        self._charged = 0  # of these, how many are counted in `_partial`
        self._upgrade = False  # llhttp has stopped at, or we resume after, a request with Upgrade
        self._keep_alive = True
        self._old = False
        self._method = ""
        self._target = b""
        self._headers: list[tuple[bytes, bytes]] = []
        self._once: dict[bytes, bytes] = {}
        self._persistence = False  # Connection was given
        self._body: bytes | bytearray = b""

    def feed(self, data: bytes | memoryview) -> None:
        """Read on. Never raises for what a peer may send. ``data`` should be at most some 16 KiB: sizes are looked at
        between calls."""
        if self.ended:
            return
        size = self._slice = len(data)
        self._fed += size
        self._wire += size
        while True:
            try:
                self._parser.feed_data(data)
                break
            except httptools.HttpParserUpgrade as upgrade:
                data = self._ignore_upgrade() + bytes(memoryview(data)[upgrade.args[0] :])
            except httptools.HttpParserError as error:
                self._defect(error)
                break
        if self.phase != IDLE:
            self._weigh()

    def refuse(self, refused: Refused) -> None:
        """Nothing more is delivered, and this is why."""
        if not self.ended:
            self.refused = refused
            self.refused_headers = self._headers
            self.ended = True
        self.phase = IDLE
        self.abandon()

    def abandon(self) -> None:
        """Forget the unfinished request."""
        self._partial.used -= self._charged
        self._charged = 0
        self._body = b""
        self._headers = []
        self.continues = False

    def close(self) -> None:
        """The connection is gone: let go of everything, the parser's references to this reader included."""
        self.ended = True
        self.phase = IDLE
        self.requests.clear()
        self.abandon()
        del self._parser

    # --- callbacks of llhttp, in their order --------------------------------------------------------------------------

    def on_message_begin(self) -> None:
        if not self._upgrade:
            self.phase = HEAD
            self._fed = self._first = self._slice

    def on_url(self, part: bytes) -> None:
        if not self._upgrade:
            self._target = self._target + part if self._target else part

    def on_header(self, name: bytes, value: bytes) -> None:
        if self.phase != HEAD:
            if not self._upgrade:
                self._stop(answers.TRAILERS)
            return
        name = name.lower()
        if name in _FRAMING:
            if name in _PERSISTENCE:
                self._persistence = True
            elif name in self._once:
                self._stop(answers.DUPLICATE)
            else:
                self._once[name] = value
        self._headers.append((name, value))

    def on_headers_complete(self) -> None:
        if self._upgrade:
            self._upgrade = False  # the head we made up to resume with is over, the peer's body follows
            return
        limits, target, parser = self._limits, self._target, self._parser
        if self._fed > limits.head_bytes and self._head_size() > limits.head_bytes:
            self._stop(answers.HEAD_TOO_LARGE)
        if len(self._headers) > limits.header_count:
            self._stop(answers.HEAD_TOO_LARGE)
        if len(target) > limits.target_bytes:
            self._stop(answers.TARGET_TOO_LONG)
        if target[0] != _SLASH or _HASH in target:
            self._stop(answers.TARGET_FORM)
        self._keep_alive = parser.should_keep_alive()
        # No other version than 1.1 persists unasked (RFC 9112 section 9.3), and to ask for the version is dear.
        version = "1.1" if self._keep_alive and not self._persistence else parser.get_http_version()
        self._old = version == "1.0"
        if not self._old:
            if version != "1.1":
                self._stop(answers.VERSION)
            if b"host" not in self._once:
                self._stop(answers.NO_HOST)
        method = _METHODS.get(parser.get_method())
        if method is None:
            self._stop(answers.METHOD)
        self._method = method
        if len(self._once) > 1 or self._old:
            self._check_framing(self._once)
        self.phase = BODY
        self._wire = 0
        self._upgrade = parser.should_upgrade()

    def on_body(self, part: bytes) -> None:
        self.continues = False
        self._size += len(part)
        if self._size > self._limits.body_bytes:
            self._stop(answers.BODY_TOO_LARGE)
        if not self._body:
            self._body = part
        elif isinstance(self._body, bytearray):
            self._body += part
        else:
            self._body = bytearray(self._body + part)

    def on_message_complete(self) -> None:
        if self._upgrade:
            return  # llhttp believes that another protocol follows; `_ignore_upgrade` reads on
        body = self._body
        flags = OLD if self._old else 0
        if self._method == "HEAD":
            flags |= BODILESS
        if self.last or not self._keep_alive:
            flags |= LAST
            self.ended = True
        request = Request(
            self._method,
            self._target,
            self._headers,
            body if type(body) is bytes else bytes(body),
            self._peer,
            self._tls,
        )
        self.requests.append((request, flags))
        if self._charged:
            self._partial.used -= self._charged
            self._charged = 0
        self.phase = IDLE
        self.continues = False
        self._target = b""
        self._headers = []
        self._once = {}
        self._persistence = False
        self._body = b""
        self._size = 0
        if self.ended:
            raise _Stop

    # --- what the callbacks need --------------------------------------------------------------------------------------

    def _stop(self, refused: Refused) -> NoReturn:
        self.refuse(refused)
        raise _Stop

    def _check_framing(self, once: dict[bytes, bytes]) -> None:
        length = once.get(b"content-length")
        # llhttp has seen to it that there are digits only; int() would refuse thousands of them
        if length is not None and (
            len(length := length.strip()) > _LENGTH_DIGITS or int(length) > self._limits.body_bytes
        ):
            self._stop(answers.BODY_TOO_LARGE)
        coding = once.get(b"transfer-encoding")
        if coding is not None and (self._old or coding.strip().lower() != b"chunked"):
            self._stop(answers.CODING)
        expected = once.get(b"expect")
        if expected is not None:
            if expected.strip().lower() != b"100-continue":
                self._stop(answers.EXPECTATION)
            self.continues = not self._old  # RFC 9110 section 10.1.1: HTTP/1.0 cannot mean it

    def _defect(self, error: httptools.HttpParserError) -> None:
        cause = error.__context__
        if self.ended and (cause is None or isinstance(cause, _Stop)):
            return
        if isinstance(error, httptools.HttpParserCallbackError) and cause is not None:
            raise cause  # a defect of ours, not of the peer
        self.refuse(answers.malformed(f"{error}."))

    def _head_size(self) -> int:
        lines = sum(len(name) + len(value) for name, value in self._headers) + 4 * len(self._headers)
        return lines + len(self._parser.get_method()) + len(self._target) + len(b"  HTTP/1.1\r\n\r\n")

    def _weigh(self) -> None:
        """After a slice that left a request unfinished: what llhttp and httptools keep is bounded too, though we never
        see it."""
        limits = self._limits
        if self.phase == HEAD:
            if self._fed - self._first > limits.head_bytes:
                self.refuse(answers.HEAD_TOO_LARGE)
            return
        if self._wire - self._size > limits.head_bytes:
            self.refuse(answers.BODY_FRAMING)
            return
        self._partial.used += self._size - self._charged
        self._charged = self._size
        if self._partial.used > limits.partial_bytes:
            self.refuse(answers.BUSY)

    def _ignore_upgrade(self) -> bytes:
        """llhttp has read the head of a request that offers an upgrade and takes what follows for the other protocol.
        It is the body.

        A fresh parser is put where that body begins by a head of ours with the same framing, which is returned, to be
        fed first; the callbacks pass over it.
        """
        self._parser = httptools.HttpRequestParser(self)
        return b"%b / HTTP/1.1\r\n%b\r\n" % (
            self._method.encode(),
            b"".join(b"%b: %b\r\n" % (name, self._once[name]) for name in _LENGTH if name in self._once),
        )
