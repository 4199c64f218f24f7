"""One connection: requests to the application, answers back in order, at a pace both sides can bear.

Guarantees: every request that was delivered is answered once, answers leave in the order of their requests, and
answers that are ready together leave in one write. An application that raises costs its request a 500, not the
connection. A peer that sends too slowly, does not read, or sends what is not HTTP is answered where that is possible
and then closed, within the times of `Limits`. However much a peer sends at once, in one turn of the loop at most one
slice of it is parsed and at most `Limits.requests_per_turn` requests are handed over, so that all connections take
turns. Does not guarantee that an application answers; it has as long as it likes.

Not thread-safe: everything here happens on the loop's thread, `Reply.send` too.
"""

# length: one state machine, whose every entry must be seen to keep the same promises

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable
from math import inf
from typing import TYPE_CHECKING, Final, cast

from . import answers
from .answers import Refused
from .message import Request, TlsFacts
from .reader import BODILESS, HEAD, IDLE, LAST, OLD, Reader

if TYPE_CHECKING:
    from .connections import Connections

_SLICE: Final = 16 * 1024
"""Bytes parsed in one turn of the loop, before others have theirs."""


class Reply:
    """The answer to one request: `send` it once, now or later. It may outlive its connection."""

    __slots__ = ("_body", "_headers", "_protocol", "_status", "flags", "sent")

    _status: int
    _headers: bytes
    _body: bytes

    def __init__(self, protocol: Protocol | None, flags: int = 0) -> None:
        self._protocol = protocol
        self.flags = flags
        self.sent = False
        """Whether `send` was called."""

    def send(self, status: int, headers: bytes, body: bytes) -> None:
        """Answer with ``headers``, whole ``Name: value\\r\\n`` lines without Content-Length, Date and Connection, and
        ``body``.

        Nothing happens when the connection is gone. Call it on the loop's thread only.

        :raises RuntimeError: it was sent before.
        :raises ValueError: ``status`` is not that of a final answer, or ``headers`` does not end with a line end.
        """
        if self.sent:
            raise RuntimeError("a request is answered once")
        if not 200 <= status <= 599:
            raise ValueError("the status must be that of a final answer, 200 to 599")
        if headers and not headers.endswith(b"\r\n"):
            raise ValueError("headers must be whole lines, each with its line end")
        self._status = status
        self._headers = headers
        self._body = body
        self.sent = True
        protocol = self._protocol
        if protocol is not None:
            protocol.answered(self)

    @property
    def gone(self) -> bool:
        """Whether nobody would receive an answer any more."""
        return self._protocol is None

    def forget(self) -> None:
        """The connection is gone."""
        self._protocol = None

    def render(self, date: bytes, connection: bytes) -> bytes:
        """The bytes of what was sent. Lets go of the connection."""
        self._protocol = None
        return answers.render(
            self._status, self._headers, self._body, date, connection, head=bool(self.flags & BODILESS)
        )


Application = Callable[[Request, Reply], None]
"""Called once for each request, on the loop's thread; answers through the reply, now or later."""


class Protocol(asyncio.Protocol):
    """The asyncio protocol of one connection; `Connections.protocol` makes it."""

    def __init__(self, connections: Connections) -> None:
        self.peer = ""
        self.read_by = inf
        """When, by the monotonic clock, the peer must have sent what it is due to send; inf when it is not its turn."""
        self.write_by = inf
        """When the peer must have taken what was written."""
        self.since = 0.0
        """When the turn of the peer began that `read_by` ends."""
        self._connections = connections
        self._application = connections.application
        self._limits = connections.limits
        self._loop = connections.loop
        self._transport: asyncio.Transport | None = None
        self._reader: Reader
        self._tls: TlsFacts | None = None
        self._replies: deque[Reply] = deque()
        self._held: memoryview | None = None  # received, not yet parsed
        self._timed: int | None = None  # the phase `read_by` was set for
        self._left = 0.0  # of that phase's time, when `read_by` was put off
        self._reading = True  # the transport delivers
        self._stuffed = False  # the write buffer is full
        self._advancing = False
        self._turn = False  # `_take_turn` is due, and nothing is done before
        self._refusing = False  # the last reply is ours
        self._draining = False
        self._eof = False
        self._finished = False  # the last answer is written
        self._unread = False  # the peer has sent what nobody will read

    @property
    def idle(self) -> bool:
        """Between requests, with nothing to answer."""
        return self._reader.phase == IDLE and not (
            self._replies or self._reader.requests or self._held is not None or self._finished
        )

    # --- from the transport -------------------------------------------------------------------------------------------

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)
        self._transport.set_write_buffer_limits(high=self._limits.write_buffer_bytes)
        self.peer = _peer(transport)
        self._tls = _tls_facts(transport)
        self._reader = Reader(self._limits, self.peer, self._tls, self._connections.partial)
        self._timed = IDLE
        self.since = self._connections.monotonic()
        self.read_by = self.since + self._limits.head_seconds
        if self._connections.draining:  # it was in the queue of a listener that is being closed: one request, not none
            self._reader.last = True
        self._connections.joined(self)

    def data_received(self, data: bytes) -> None:
        reader = self._reader
        if self._finished or reader.ended:
            self._unread = True
            return
        if self._held is None and len(data) <= _SLICE and not reader.requests:
            reader.feed(data)
            if len(reader.requests) == 1 and not self._replies and self._undisturbed():
                self.read_by = inf
                self._hand_over(reader.requests)
                return
        else:
            self._held = memoryview(data if self._held is None else bytes(self._held) + data)
        if self._turn:
            self._read_on()  # libuv reads the same socket up to 32 times in one turn, unless it is stopped
        else:
            self._advance()

    def eof_received(self) -> bool:
        """The peer sends no more. It may still read: what it asked before is answered, except under TLS, where both
        ways end at once."""
        self._eof = True
        if self._finished or self._tls is not None:
            return False
        self._advance()
        return not self._finished

    def pause_writing(self) -> None:
        self._stuffed = True
        self.write_by = self._connections.monotonic() + self._limits.write_seconds

    def resume_writing(self) -> None:
        self._stuffed = False
        if not self._finished:
            self.write_by = inf
            self._advance()

    def connection_lost(self, exc: Exception | None) -> None:
        self._transport = None
        self._finished = True
        self._held = None
        self.read_by = self.write_by = inf
        for reply in self._replies:
            reply.forget()
        self._replies.clear()
        self._reader.close()
        self._connections.left(self)

    # --- from Reply and Connections -----------------------------------------------------------------------------------

    def answered(self, reply: Reply) -> None:
        """``reply`` was sent. All that is ready by the end of this turn of the loop is written together; where there is only
        one request at a time, as almost always, that is now."""
        if self._advancing or self._turn or self._replies[0] is not reply:
            return
        if len(self._replies) == 1 and not reply.flags and not self._reader.requests and self._undisturbed():
            self._replies.popleft()
            self._write([reply.render(self._connections.date, b"")])
            self._read_on()
        else:
            self._await_turn()

    def expire(self, now: float) -> None:
        """``read_by`` or ``write_by`` has come."""
        transport = self._transport
        if transport is None:
            return
        if self.write_by <= now:
            transport.abort()
        elif self._finished:
            self.read_by = inf
            transport.close()
        elif self._reader.phase == IDLE:
            self.close()
        else:
            self._reader.refuse(answers.TOO_SLOW)
            self._advance()

    def drain(self) -> None:
        """Take no further request; close when those that have begun are answered."""
        self._draining = True
        self._reader.last = True
        if self.idle:
            self.close()
        elif not self._finished:
            self._advance()

    def close(self) -> None:
        """End the connection once what was written is taken."""
        if self._transport is not None:
            self._finished = True
            self.read_by = inf
            self.write_by = self._connections.monotonic() + self._limits.write_seconds
            self._transport.close()

    def abort(self) -> None:
        """End the connection now."""
        if self._transport is not None:
            self._transport.abort()

    # --- the way of a request -----------------------------------------------------------------------------------------

    def _undisturbed(self) -> bool:
        """Nothing but whole requests and their answers is on the way, and the connection goes on: what `_advance` would
        find out with more work."""
        reader = self._reader
        return reader.phase == IDLE and not (
            reader.ended
            or self._held is not None
            or self._turn
            or self._advancing
            or self._stuffed
            or self._draining
            or self._eof
            or self._finished
        )

    def _await_turn(self) -> None:
        """There is more to do now than one turn allows."""
        self._turn = True
        self._loop.call_soon(self._take_turn)

    def _take_turn(self) -> None:
        self._turn = False
        self._advance()

    def _advance(self) -> None:
        """Do what can be done in this turn: hand over requests, parse a slice of what is held, write answers; then say
        whether to read on. For the rest there is another turn, before which nothing calls us to more."""
        if self._turn or self._advancing or self._finished:
            return
        reader, replies, limits = self._reader, self._replies, self._limits
        requests, most, left = reader.requests, limits.in_flight, limits.requests_per_turn
        unparsed = self._held
        out: list[bytes] = []
        self._advancing = True
        try:
            over = self._collect(out) if replies else False
            while (requests or unparsed is not None) and left and not self._stuffed and len(replies) + len(out) < most:
                if requests:
                    left -= 1
                    self._hand_over(requests)
                    if replies[0].sent:
                        over = self._collect(out)
                elif unparsed is not None:
                    self._parse_held(unparsed)
                    unparsed = None  # one slice
            if reader.refused is not None and not requests and not self._refusing:
                self._refuse(reader.refused)
                over = self._collect(out)
            if out:
                self._write(out)
            if over:
                self._finish()
                return
        finally:
            self._advancing = False
        if requests or self._held is not None:
            if not self._stuffed and len(replies) < most:
                self._await_turn()
        elif not replies:
            if self._eof or (self._draining and reader.phase == IDLE):  # the last answer did not know that it was
                self._finished = True
                self._finish()
                return
            if reader.continues:
                reader.continues = False
                self._write([answers.CONTINUE])
        if not self._eof:
            self._read_on()

    def _hand_over(self, requests: deque[tuple[Request, int]]) -> None:
        request, flags = requests.popleft()
        reply = Reply(self, flags)
        self._replies.append(reply)
        self._timed = None
        try:
            self._application(request, reply)
        except Exception as error:  # the one place that stands between an application's defect and all other requests
            self._connections.report("a request was answered with 500, because the application failed", error)
            if not reply.sent:
                reply.send(answers.INTERNAL.status, *answers.INTERNAL.written_for(request.headers))

    def _refuse(self, refused: Refused) -> None:
        self._refusing = True
        self._connections.refused(self.peer, refused)
        reply = Reply(None, LAST)
        reply.send(refused.status, *refused.written_for(self._reader.refused_headers))
        self._replies.append(reply)

    def _collect(self, out: list[bytes]) -> bool:
        """Take the answers that are ready and next in order, as bytes; say whether the connection ends with them."""
        replies = self._replies
        date = self._connections.date
        while replies and replies[0].sent:
            reply = replies.popleft()
            flags = reply.flags
            last = flags & LAST or ((self._draining or self._eof) and self._nothing_follows())
            connection = answers.CLOSE if last else answers.KEEP_ALIVE if flags & OLD else b""
            out.append(reply.render(date, connection))
            if last:
                self._finished = True
                break
        return self._finished

    def _nothing_follows(self) -> bool:
        reader = self._reader
        return (
            not self._replies
            and not reader.requests
            and self._held is None
            and (self._eof or reader.phase == IDLE)
            and reader.refused is None
        )

    def _parse_held(self, held: memoryview) -> None:
        self._reader.feed(held[:_SLICE])
        self._held = held[_SLICE:] if len(held) > _SLICE else None
        if self._reader.ended and self._held is not None:
            self._held = None
            self._unread = True

    def _write(self, out: list[bytes]) -> None:
        if self._transport is not None and not self._transport.is_closing():
            self._transport.write(out[0] if len(out) == 1 else b"".join(out))

    def _finish(self) -> None:
        """The last answer is written. If the peer may have sent more, closing at once would let a reset overtake that
        answer (RFC 9112 section 9.6): end our way only, and throw away what comes until the peer ends its own or the
        time is over."""
        transport = self._transport
        if transport is None or transport.is_closing():
            return
        if self._eof or not (self._refusing or self._draining or self._unread):
            self.close()
            return
        now = self._connections.monotonic()
        self.read_by = now + self._limits.linger_seconds
        self.write_by = now + self._limits.write_seconds
        if transport.can_write_eof():
            transport.write_eof()
        if not self._reading:
            self._reading = True
            transport.resume_reading()

    def _read_on(self) -> None:
        """Read exactly when there is room for another request, and let the peer's time run exactly then."""
        reader, transport = self._reader, self._transport
        if transport is None or transport.is_closing():
            return
        phase = reader.phase
        reading = not (
            self._stuffed
            or reader.ended
            or reader.requests
            or self._held is not None
            or len(self._replies) >= self._limits.in_flight
            or (self._draining and phase == IDLE)
        )
        if reading is not self._reading:
            self._reading = reading
            if reading:
                transport.resume_reading()
            else:
                transport.pause_reading()
        if not reading:
            if self.read_by < inf:  # put off, not begun again: else a peer could win time by sending much at once
                self._left = self.read_by - self._connections.monotonic()
                self.read_by = inf
        elif phase == IDLE and self._replies:
            self._timed = None
            self.read_by = inf
        elif phase != self._timed:
            self._timed = phase
            limits = self._limits
            seconds = (
                limits.idle_seconds if phase == IDLE else limits.head_seconds if phase == HEAD else limits.body_seconds
            )
            self.since = self._connections.monotonic()
            self.read_by = self.since + seconds
        elif self.read_by == inf:
            self.read_by = self._connections.monotonic() + self._left


def _peer(transport: asyncio.BaseTransport) -> str:
    """The other end's address as policies compare it, without port and without the zone of a link-local address."""
    name = transport.get_extra_info("peername")
    return str(name[0]).partition("%")[0] if isinstance(name, tuple) and name else "unix"


def _tls_facts(transport: asyncio.BaseTransport) -> TlsFacts | None:
    session = transport.get_extra_info("ssl_object")
    if session is None:
        return None
    cipher = session.cipher()
    return TlsFacts(version=session.version() or "", cipher=cipher[0] if cipher else "")
