"""Both ends of a connection for tests: a transport of our own under a clock of our own, and a real server on a
loopback port."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import ssl
import threading
from collections import deque
from collections.abc import Callable, Coroutine, Iterator
from dataclasses import dataclass, field
from typing import Any

from keystead.http import sockets
from keystead.http.connections import Connections
from keystead.http.limits import Limits
from keystead.http.message import Request
from keystead.http.protocol import Application, Protocol, Reply

PATIENCE = 10.0
"""Seconds a real socket may keep a test waiting before that is a failure."""

GET = b"GET / HTTP/1.1\r\nHost: a\r\n\r\n"


def post(body: bytes = b"", *lines: bytes, target: bytes = b"/") -> bytes:
    head = b"".join(line + b"\r\n" for line in (b"Host: a", b"Content-Length: %d" % len(body), *lines))
    return b"POST " + target + b" HTTP/1.1\r\n" + head + b"\r\n" + body


# --- what came back ---------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Answer:
    status: int
    headers: dict[str, str]
    body: bytes


def take_answer(data: bytes, *, head: bool = False) -> tuple[Answer, bytes] | None:
    """The first answer in ``data`` and what follows it; None while it is incomplete. Fails on anything but strict
    HTTP/1.1."""
    top, found, rest = data.partition(b"\r\n\r\n")
    if not found:
        return None
    line, *lines = top.split(b"\r\n")
    version, status, _phrase = line.split(b" ", 2)
    assert version == b"HTTP/1.1"
    headers = {}
    for entry in lines:
        name, colon, value = entry.partition(b": ")
        assert colon, entry
        assert name.decode() not in headers, f"{name!r} is given twice"
        headers[name.decode()] = value.decode()
    length = 0 if head or int(status) in (100, 204, 304) else int(headers["Content-Length"])
    if len(rest) < length:
        return None
    return Answer(int(status), headers, rest[:length]), rest[length:]


def answers_in(data: bytes, *, head: bool = False) -> list[Answer]:
    found = []
    while data:
        taken = take_answer(data, head=head)
        assert taken is not None, f"an answer is cut off: {data[:80]!r}"
        answer, data = taken
        found.append(answer)
    return found


# --- applications -----------------------------------------------------------------------------------------------------


def echo(request: Request, reply: Reply) -> None:
    """Answers at once, with what was asked."""
    reply.send(200, b"X-Target: " + request.target + b"\r\n", request.body)


@dataclass
class Later:
    """Answers nobody until the test does."""

    asked: list[tuple[Request, Reply]] = field(default_factory=list)

    def __call__(self, request: Request, reply: Reply) -> None:
        self.asked.append((request, reply))

    def answer(self, number: int, body: bytes | None = None) -> None:
        request, reply = self.asked[number]
        reply.send(200, b"", request.target if body is None else body)


# --- a connection without sockets -------------------------------------------------------------------------------------


class Clock:
    def __init__(self) -> None:
        self.now = 1_000.0

    def __call__(self) -> float:
        return self.now


class Turns:
    """As much of an event loop as a protocol uses; nothing happens until `run`."""

    def __init__(self) -> None:
        self.soon: deque[tuple[Callable[..., None], tuple[Any, ...]]] = deque()

    def call_soon(self, call: Callable[..., None], *arguments: Any) -> None:
        self.soon.append((call, arguments))

    def call_later(self, _seconds: float, _call: Callable[[], None]) -> None:
        """The test sweeps."""

    def run(self) -> None:
        while self.soon:
            call, arguments = self.soon.popleft()
            call(*arguments)


class Session:
    """As much of an `ssl.SSLObject` as is looked at."""

    def version(self) -> str:
        return "TLSv1.3"

    def cipher(self) -> tuple[str, str, int]:
        return ("TLS_AES_256_GCM_SHA384", "TLSv1.3", 256)


class Transport(asyncio.Transport):
    """Keeps what is written. With `stuck`, nothing leaves the write buffer."""

    def __init__(self, turns: Turns, protocol: Protocol, *, tls: bool) -> None:
        super().__init__({"peername": ("192.0.2.7", 40_000), "ssl_object": Session() if tls else None})
        self.writes: list[bytes] = []
        self.reading = True
        self.stuck = False
        self.closing = False
        self.ended = False
        self.lost = False
        self.aborted = False
        self._tls = tls
        self._turns = turns
        self._protocol = protocol
        self._high = 0
        self._buffered = 0

    def set_write_buffer_limits(self, high: int | None = None, low: int | None = None) -> None:
        self._high = high or 0

    def write(self, data: bytes | bytearray | memoryview) -> None:
        assert not self.closing, "written after close"
        assert not self.ended, "written after the end"
        self.writes.append(bytes(data))
        if self.stuck:
            before, self._buffered = self._buffered, self._buffered + len(data)
            if before <= self._high < self._buffered:
                self._protocol.pause_writing()

    def unstick(self) -> None:
        self.stuck = False
        if self._buffered > self._high:
            self._buffered = 0
            self._protocol.resume_writing()
        self._buffered = 0

    def pause_reading(self) -> None:
        assert self.reading, "paused twice"
        self.reading = False

    def resume_reading(self) -> None:
        assert not self.reading, "resumed twice"
        self.reading = True

    def is_closing(self) -> bool:
        return self.closing

    def can_write_eof(self) -> bool:
        return not self._tls

    def write_eof(self) -> None:
        assert not self._tls
        self.ended = True

    def close(self) -> None:
        if not self.closing:
            self.closing = True
            if not self._buffered:
                self._turns.call_soon(self._lose)

    def abort(self) -> None:
        self.closing = self.aborted = True
        self._turns.call_soon(self._lose)

    def _lose(self) -> None:
        if not self.lost:
            self.lost = True
            self._protocol.connection_lost(None)


class Line:
    """One connection to an application, driven by hand."""

    def __init__(
        self,
        application: Application = echo,
        limits: Limits | None = None,
        *,
        world: World | None = None,
        tls: bool = False,
    ) -> None:
        self.world = world or World(application, limits)
        self.connections = self.world.connections
        self.protocol = self.connections.protocol()
        self.transport = Transport(self.world.turns, self.protocol, tls=tls)
        self.protocol.connection_made(self.transport)

    def send(self, data: bytes) -> None:
        """The peer sends, and the loop runs until nothing is left to do. Data is not delivered while reading is
        paused."""
        assert self.transport.reading, "the server does not read"
        if not self.transport.closing:
            self.protocol.data_received(data)
        self.world.turns.run()

    def end(self) -> None:
        """The peer ends its way."""
        if not self.protocol.eof_received():
            self.transport.close()
        self.world.turns.run()

    def later(self, seconds: float) -> None:
        self.world.later(seconds)

    @property
    def sent(self) -> bytes:
        return b"".join(self.transport.writes)

    @property
    def answers(self) -> list[Answer]:
        return answers_in(self.sent)

    @property
    def statuses(self) -> list[int]:
        return [answer.status for answer in self.answers]


class World:
    """What connections have in common, under one clock."""

    def __init__(self, application: Application = echo, limits: Limits | None = None) -> None:
        self.turns = Turns()
        self.clock = Clock()
        self.reports: list[tuple[str, BaseException]] = []
        self.refused: list[tuple[str, str]] = []
        self.connections = Connections(
            application,
            report=lambda sentence, error: self.reports.append((sentence, error)),
            limits=limits,
            on_refused=lambda peer, code: self.refused.append((peer, code)),
            monotonic=self.clock,
            wall=lambda: 1_700_000_000 + self.clock.now,
            loop=self.turns,  # type: ignore[arg-type]
        )

    def later(self, seconds: float) -> None:
        """Time passes."""
        self.clock.now += seconds
        self.connections.sweep()
        self.turns.run()


# --- a real server ----------------------------------------------------------------------------------------------------


@dataclass
class Server:
    """A server in a thread of its own; `run` does something on its loop."""

    loop: asyncio.AbstractEventLoop
    connections: Connections
    address: sockets.Address
    reports: list[tuple[str, BaseException]]
    over: asyncio.Event

    def run(self, work: Coroutine[Any, Any, Any]) -> Any:
        return asyncio.run_coroutine_threadsafe(work, self.loop).result(PATIENCE)

    def connect(self) -> socket.socket:
        if isinstance(self.address, sockets.UnixAddress):
            plain = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
            plain.settimeout(PATIENCE)
            plain.connect(self.address.path)
            return plain
        return socket.create_connection((self.address.host, self.address.port), timeout=PATIENCE)


Loop = Callable[[], asyncio.AbstractEventLoop]


@contextlib.contextmanager
def serving(
    application: Application,
    loop: Loop = asyncio.new_event_loop,
    limits: Limits | None = None,
    *,
    context: Callable[[], ssl.SSLContext] | None = None,
    address: str = "127.0.0.1:0",
    listener: socket.socket | None = None,
) -> Iterator[Server]:
    """A server for the time of the block. Fails if its thread does not end, or a failure was reported and not taken
    from ``reports``."""
    listens = listener or sockets.listening(sockets.parse(address))
    started: deque[Server] = deque()
    ready = threading.Event()

    async def serve() -> None:
        reports: list[tuple[str, BaseException]] = []
        connections = Connections(application, report=lambda *entry: reports.append(entry), limits=limits)
        connections.listen(listens, context)
        server = Server(asyncio.get_running_loop(), connections, sockets.bound(listens), reports, asyncio.Event())
        started.append(server)
        ready.set()
        await server.over.wait()
        if not connections.draining:
            await connections.drain(0.2)
        assert len(connections) == 0

    def thread() -> None:
        with asyncio.Runner(loop_factory=loop) as runner:
            runner.run(serve())

    running = threading.Thread(target=thread, name="server")
    running.start()
    try:
        assert ready.wait(PATIENCE)
        server = started[0]
        yield server
    finally:
        if started:
            started[0].loop.call_soon_threadsafe(started[0].over.set)
        running.join(PATIENCE)
        assert not running.is_alive()
    assert server.reports == []


def receive(connection: socket.socket, count: int = 1, data: bytes = b"") -> list[Answer]:
    """The next ``count`` answers; nothing may follow them that has arrived already."""
    found: list[Answer] = []
    while True:
        taken = take_answer(data) if data else None
        if taken is not None:
            answer, data = taken
            found.append(answer)
            if len(found) == count:
                assert data == b""
                return found
            continue
        part = connection.recv(65_536)
        assert part, f"closed after {len(found)} answers of {count}"
        data += part


def until_closed(connection: socket.socket) -> bytes:
    """All bytes until the server closes; a reset counts as closing."""
    data = b""
    with contextlib.suppress(ConnectionResetError):
        while part := connection.recv(65_536):
            data += part
    return data
