"""All connections of one process: accepting, deadlines, and an orderly end.

Guarantees: never more connections than `Limits.connections`, TLS handshakes included; when they are all taken the one
idle for longest gives way, and when none is idle the kernel's queue waits. Deadlines of all connections are looked at
by one timer. `drain` answers what has begun and refuses nobody who was already in a listener's queue. Does not
guarantee anything between processes: each has its own limits.
"""

from __future__ import annotations

import asyncio
import contextlib
import errno
import socket
import ssl
import time
from collections.abc import Callable
from dataclasses import dataclass
from email.utils import formatdate
from typing import Final

from .answers import Refused
from .limits import Limits
from .protocol import Application, Protocol
from .reader import Partial

Report = Callable[[str, BaseException], None]
"""Told of failures of ours: a sentence and the exception."""

_ACCEPTS: Final = 64
"""Connections accepted before others have their turn."""
_EXHAUSTED: Final = frozenset({errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM})
_EXHAUSTED_SECONDS: Final = 0.2


@dataclass(slots=True)
class Counts:
    """What has happened since the start. ``refused`` counts requests that never reached the application."""

    accepted: int = 0
    evicted: int = 0
    expired: int = 0
    handshakes_failed: int = 0
    refused: int = 0


class Connections:
    """The connections of this process and what they have in common. Make it on the thread of its loop.

    ``monotonic`` (seconds, any start) is the clock of deadlines, ``wall`` (epoch seconds) that of the Date header.
    ``on_refused`` is told (address, code) for each request that was refused before the application saw it.
    """

    def __init__(
        self,
        application: Application,
        *,
        report: Report,
        limits: Limits | None = None,
        on_refused: Callable[[str, str], None] | None = None,
        monotonic: Callable[[], float] = time.monotonic,
        wall: Callable[[], float] = time.time,
        loop: asyncio.AbstractEventLoop | None = None,
    ) -> None:
        self.application = application
        self.report = report
        self.limits = limits or Limits()
        self.monotonic = monotonic
        self.loop = loop or asyncio.get_running_loop()
        self.partial = Partial()
        self.counts = Counts()
        self.draining = False
        self.date = b""
        """The Date line of answers (RFC 9110 section 6.6.1), as of the last sweep."""
        self._on_refused = on_refused
        self._wall = wall
        self._date_second = 0
        self._open: set[Protocol] = set()
        self._opening: set[Protocol] = set()  # accepted, without a transport so far
        self._listeners: dict[socket.socket, Callable[[], ssl.SSLContext] | None] = {}
        self._accepting = True
        self._admissions: set[asyncio.Task[None]] = set()
        self._left = asyncio.Event()
        self._timer: asyncio.TimerHandle | None = None

    def __len__(self) -> int:
        """Open connections and handshakes."""
        return len(self._open) + len(self._opening)

    # --- for Protocol -------------------------------------------------------------------------------------------------

    def protocol(self) -> Protocol:
        """A protocol for one new connection; the factory for `asyncio.loop.create_server` where `listen` is not
        used."""
        return Protocol(self)

    def joined(self, protocol: Protocol) -> None:
        """``protocol`` has a transport."""
        self._opening.discard(protocol)
        self._open.add(protocol)
        if self._timer is None:
            self._set_date()
            self._timer = self.loop.call_later(self.limits.sweep_seconds, self._tick)

    def left(self, protocol: Protocol) -> None:
        """``protocol`` has lost its transport."""
        self._open.discard(protocol)
        self._left.set()
        self._accept_again()

    def refused(self, peer: str, refused: Refused) -> None:
        """A request of ``peer`` does not reach the application."""
        self.counts.refused += 1
        if self._on_refused is not None:
            self._on_refused(peer, refused.code)

    # --- deadlines ----------------------------------------------------------------------------------------------------

    def sweep(self) -> None:
        """End what is overdue. The timer calls it; a test with a clock of its own may."""
        self._set_date()
        now = self.monotonic()
        for protocol in [entry for entry in self._open if entry.read_by <= now or entry.write_by <= now]:
            self.counts.expired += 1
            protocol.expire(now)
        self._accept_again()  # a connection that can give way may have become idle

    def _set_date(self) -> None:
        second = int(self._wall())
        if second != self._date_second:
            self._date_second = second
            self.date = b"Date: %b\r\n" % formatdate(second, usegmt=True).encode("ascii")

    def _tick(self) -> None:
        self._timer = None
        try:
            self.sweep()
        finally:
            if self._open:
                self._timer = self.loop.call_later(self.limits.sweep_seconds, self._tick)

    # --- accepting ----------------------------------------------------------------------------------------------------

    def listen(self, listener: socket.socket, context: Callable[[], ssl.SSLContext] | None = None) -> None:
        """Accept from ``listener``, which listens and does not block, and own it from now on. ``context`` is asked anew
        for each connection."""
        self._listeners[listener] = context
        if self._accepting:
            self.loop.add_reader(listener, self._accept, listener)

    def _accept(self, listener: socket.socket) -> None:
        """Somebody waits. (Callbacks, since cancelling `sock_accept` can lose a connection it has just accepted.)"""
        if len(self) >= self.limits.connections:
            self._evict()
            self._pause_accepting()  # until somebody has left
            return
        for _ in range(min(_ACCEPTS, self.limits.connections - len(self))):
            try:
                accepted = listener.accept()[0]
            except BlockingIOError:
                return  # another process that shares the listener was faster
            except OSError as error:
                if error.errno in _EXHAUSTED:
                    self.report("no connection can be accepted; raise the limit on open files (LimitNOFILE)", error)
                    self._evict()
                    self._pause_accepting()
                    self.loop.call_later(_EXHAUSTED_SECONDS, self._accept_again)
                    return
                continue  # accept(2) tells of a connection that is dead already
            self._admit(accepted, self._listeners[listener])

    def _pause_accepting(self) -> None:
        if self._accepting:
            self._accepting = False
            for listener in self._listeners:
                self.loop.remove_reader(listener)

    def _accept_again(self) -> None:
        if not self._accepting:
            self._accepting = True
            for listener in self._listeners:
                self.loop.add_reader(listener, self._accept, listener)

    def _evict(self) -> None:
        """Make room: close the connection that has been idle for longest."""
        idle = [entry for entry in self._open if entry.idle]
        if idle:
            self.counts.evicted += 1
            min(idle, key=lambda entry: entry.since).close()

    def _admit(self, accepted: socket.socket, context: Callable[[], ssl.SSLContext] | None) -> None:
        self.counts.accepted += 1
        protocol = self.protocol()
        self._opening.add(protocol)
        task = self.loop.create_task(self._open_connection(protocol, accepted, context))
        self._admissions.add(task)
        task.add_done_callback(self._admissions.discard)

    async def _open_connection(
        self, protocol: Protocol, accepted: socket.socket, context: Callable[[], ssl.SSLContext] | None
    ) -> None:
        owned = True  # until a transport owns the socket
        try:
            accepted.setblocking(False)
            if accepted.family != socket.AF_UNIX:
                accepted.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            if context is None:
                owned = False
                await self.loop.connect_accepted_socket(lambda: protocol, accepted)
            else:
                secure = context()
                owned = False
                await self.loop.connect_accepted_socket(
                    lambda: protocol,
                    accepted,
                    ssl=secure,
                    ssl_handshake_timeout=self.limits.handshake_seconds,
                    ssl_shutdown_timeout=self.limits.linger_seconds,
                )
        except OSError:  # a peer that left, or speaks no TLS that is spoken here (ssl.SSLError is an OSError)
            self.counts.handshakes_failed += context is not None
        except Exception as error:
            self.report("a connection could not be opened", error)
        finally:
            if owned:
                accepted.close()
            if protocol in self._opening:
                self._opening.discard(protocol)
                self._left.set()
                self._accept_again()

    # --- the end ------------------------------------------------------------------------------------------------------

    async def drain(self, seconds: float) -> int:
        """Stop accepting, answer what has begun, close. What is not over after ``seconds`` is cut off; returns how
        many that were.

        Connections that are idle are closed at once; a request that has begun to arrive is still read, answered with
        ``Connection: close`` and was the last one. Call it once.
        """
        self.draining = True
        end = self.loop.time() + seconds
        self._close_listeners()
        for protocol in list(self._open):
            protocol.drain()
        while len(self) and self.loop.time() < end:
            self._left.clear()
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._left.wait(), end - self.loop.time())
        cut = len(self)
        for task in list(self._admissions):
            task.cancel()
        for protocol in list(self._open):
            protocol.abort()
        while len(self):
            self._left.clear()
            await self._left.wait()
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        return cut

    def _close_listeners(self) -> None:
        self._pause_accepting()
        listeners, self._listeners = self._listeners, {}
        for listener, context in listeners.items():
            # Whoever is in the kernel's queue has been told that it is connected: closing now would reset it.
            with contextlib.suppress(OSError):
                while len(self) < self.limits.connections:
                    self._admit(listener.accept()[0], context)
            listener.close()
