"""A real server on loopback ports, under asyncio's own loop and under uvloop."""

# length: one harness of real sockets and what runs on it

from __future__ import annotations

import asyncio
import contextlib
import errno
import gc
import os
import select
import socket
import struct
import threading
import time
import weakref

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from keystead.http.limits import Limits
from keystead.http.message import Request
from keystead.http.protocol import Reply
from keystead.http.sockets import TcpAddress, listening

from .wire import GET, PATIENCE, Later, Loop, Server, answers_in, echo, post, receive, serving, until_closed

LOOPS: dict[str, Loop] = {"asyncio": asyncio.new_event_loop}
with contextlib.suppress(ImportError):
    import uvloop

    LOOPS["uvloop"] = uvloop.new_event_loop

QUICK = Limits(
    head_seconds=0.4, body_seconds=0.4, idle_seconds=0.4, write_seconds=0.5, linger_seconds=0.3, sweep_seconds=0.05
)


@pytest.fixture(params=LOOPS)
def loop(request: pytest.FixtureRequest) -> Loop:
    return LOOPS[request.param]


def wait_for(condition: object, seconds: float = PATIENCE) -> None:
    end = time.monotonic() + seconds
    while not condition():  # type: ignore[operator]
        assert time.monotonic() < end, "it did not come about"
        time.sleep(0.005)


def test_uvloop_is_tested_where_it_is_installed() -> None:
    pytest.importorskip("uvloop")
    assert set(LOOPS) == {"asyncio", "uvloop"}


# --- one connection ---------------------------------------------------------------------------------------------------


def test_requests_are_answered_one_after_the_other_on_one_connection(loop: Loop) -> None:
    with serving(echo, loop) as server, server.connect() as peer:
        for number in range(50):
            peer.sendall(post(b"%d" % number))
            assert receive(peer)[0].body == b"%d" % number
        assert server.connections.counts.accepted == 1


@pytest.mark.parametrize("address", ["127.0.0.1:0", "[::1]:0", "unix"])
def test_every_kind_of_address_serves(loop: Loop, address: str, tmp_path: os.PathLike[str]) -> None:
    later = Later()
    if address == "unix":
        address = f"unix:{tmp_path}/s"
    with serving(later, loop, address=address) as server, server.connect() as peer:
        peer.sendall(GET)
        wait_for(lambda: later.asked)
        assert later.asked[0][0].peer == {"1": "127.0.0.1", "[": "::1", "u": "unix"}[address[0]]
        server.loop.call_soon_threadsafe(later.answer, 0)
        assert receive(peer)[0].status == 200


def test_bytes_may_come_one_at_a_time(loop: Loop) -> None:
    with serving(echo, loop) as server, server.connect() as peer:
        peer.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        for byte in (
            post(b"hello") + b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nab\r\n0\r\n\r\n"
        ):
            peer.sendall(bytes([byte]))
        assert [answer.body for answer in receive(peer, 2)] == [b"hello", b"ab"]


def test_a_hundred_pipelined_requests_answered_backwards_come_back_in_order(loop: Loop) -> None:
    later = Later()
    with serving(later, loop, Limits(in_flight=100)) as server, server.connect() as peer:
        peer.sendall(b"".join(post(target=b"/%d" % number) for number in range(100)))
        wait_for(lambda: len(later.asked) == 100)

        def backwards() -> None:
            for number in reversed(range(100)):
                later.answer(number)

        server.loop.call_soon_threadsafe(backwards)
        assert [answer.body for answer in receive(peer, 100)] == [b"/%d" % number for number in range(100)]


def test_pipelining_beyond_the_limit_goes_on_as_answers_leave(loop: Loop) -> None:
    in_flight = most = 0

    def slowly(request: Request, reply: Reply) -> None:
        nonlocal in_flight, most
        in_flight += 1
        most = max(most, in_flight)

        def answer() -> None:
            nonlocal in_flight
            in_flight -= 1
            reply.send(200, b"", request.target)

        asyncio.get_running_loop().call_later(0.001, answer)

    with serving(slowly, loop, Limits(in_flight=8)) as server, server.connect() as peer:
        peer.sendall(b"".join(post(b"x" * 200, target=b"/%d" % number) for number in range(500)))
        assert [answer.body for answer in receive(peer, 500)] == [b"/%d" % number for number in range(500)]
        assert most == 8


def test_a_large_body_and_a_large_answer_pass(loop: Loop) -> None:
    with serving(echo, loop) as server, server.connect() as peer:
        body = os.urandom(256 * 1024)
        peer.sendall(post(body))
        assert receive(peer)[0].body == body


def test_a_peer_that_ends_its_way_is_answered_and_closed(loop: Loop) -> None:
    later = Later()
    with serving(later, loop) as server, server.connect() as peer:
        peer.sendall(GET + GET)
        peer.shutdown(socket.SHUT_WR)
        wait_for(lambda: len(later.asked) == 2)
        server.loop.call_soon_threadsafe(later.answer, 1)
        server.loop.call_soon_threadsafe(later.answer, 0)
        assert [answer.status for answer in answers_in(until_closed(peer))] == [200, 200]


def test_a_peer_that_vanishes_harms_nobody(loop: Loop) -> None:
    later = Later()
    with serving(later, loop) as server, server.connect() as peer, server.connect() as other:
        peer.sendall(GET)
        wait_for(lambda: later.asked)
        peer.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))  # close with a reset
        peer.close()
        wait_for(lambda: later.asked[0][1].gone)
        server.loop.call_soon_threadsafe(later.answer, 0)
        other.sendall(GET)
        wait_for(lambda: len(later.asked) == 2)
        server.loop.call_soon_threadsafe(later.answer, 1)
        assert receive(other)[0].status == 200


def test_a_failing_application_leaves_the_connection_usable(loop: Loop) -> None:
    def fails(request: Request, reply: Reply) -> None:
        if request.target == b"/fail":
            raise KeyError
        echo(request, reply)

    with serving(fails, loop) as server, server.connect() as peer:
        peer.sendall(GET + post(target=b"/fail") + GET)
        assert [answer.status for answer in receive(peer, 3)] == [200, 500, 200]
        assert [type(error) for _, error in server.reports] == [KeyError]
        server.reports.clear()


# --- limits -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("data", "status"),
    [
        (b"GET / HTTP/1.1\r\nHost: a\r\nX: " + b"x" * 2_000_000, 431),
        (b"GET / HTTP/1.1\r\n" + b"X: y\r\n" * 300_000, 431),
        (b"GET /" + b"a" * 9_000 + b" HTTP/1.1\r\nHost: a\r\n\r\n", 414),
        (post(b"x" * 3_000_000), 413),
        (b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n" + b"400000\r\n" + b"x" * 3_000_000, 413),
        (b"GET / HTTP/1.1\r\nHost : a\r\n\r\n" + b"x" * 3_000_000, 400),
    ],
)
def test_the_refusal_reaches_a_peer_that_sends_on(loop: Loop, data: bytes, status: int) -> None:
    """A server that closed at once would reset the connection, and the refusal would be lost on its way."""
    with serving(echo, loop) as server, server.connect() as peer:

        def send() -> None:
            with contextlib.suppress(OSError):
                peer.sendall(data)
                peer.shutdown(socket.SHUT_WR)

        sender = threading.Thread(target=send)
        sender.start()
        answers = answers_in(until_closed(peer))
        sender.join(PATIENCE)
        assert [answer.status for answer in answers] == [status]
        assert answers[0].headers["Connection"] == "close"


@pytest.mark.parametrize(
    ("sent", "statuses"),
    [(b"", []), (GET, [200]), (b"GET / HT", [408]), (post(b"hello")[:-1], [408]), (GET + b"P", [200, 408])],
)
def test_a_slow_peer_is_closed_in_time(loop: Loop, sent: bytes, statuses: list[int]) -> None:
    with serving(echo, loop, QUICK) as server, server.connect() as peer:
        began = time.monotonic()
        peer.sendall(sent)
        assert [answer.status for answer in answers_in(until_closed(peer))] == statuses
        assert 0.3 < time.monotonic() - began < 5
        wait_for(lambda: len(server.connections) == 0)


def test_a_dripping_peer_is_closed_in_time(loop: Loop) -> None:
    with serving(echo, loop, QUICK) as server, server.connect() as peer:
        began = time.monotonic()
        peer.sendall(b"GET / HTTP/1.1\r\nHost: a\r\nX: ")
        with contextlib.suppress(OSError):
            while time.monotonic() - began < 5 and not select.select([peer], [], [], 0.02)[0]:
                peer.sendall(b"x")
        assert [answer.status for answer in answers_in(until_closed(peer))] == [408]
        assert time.monotonic() - began < 3


def test_a_peer_that_does_not_read_is_cut_off_and_not_served_without_end(loop: Loop) -> None:
    served = 0

    def large(_request: Request, reply: Reply) -> None:
        nonlocal served
        served += 1
        reply.send(200, b"", b"x" * 200_000)

    with serving(large, loop, QUICK) as server, server.connect() as peer:
        peer.settimeout(2)
        with contextlib.suppress(OSError):
            while True:
                peer.sendall(GET * 100)
        wait_for(lambda: len(server.connections) == 0)
        assert served < 1_000


def test_many_connections_are_served_at_once(loop: Loop) -> None:
    with serving(echo, loop) as server, contextlib.ExitStack() as stack:
        peers = [stack.enter_context(server.connect()) for _ in range(200)]
        for number, peer in enumerate(peers):
            peer.sendall(post(b"%d" % number))
        for number, peer in enumerate(peers):
            assert receive(peer)[0].body == b"%d" % number
        assert len(server.connections) == 200
    assert len(server.connections) == 0


def test_when_all_connections_are_taken_the_longest_idle_gives_way(loop: Loop) -> None:
    with serving(echo, loop, Limits(connections=3)) as server, contextlib.ExitStack() as stack:
        peers = []
        for _ in range(3):
            peers.append(stack.enter_context(server.connect()))
            peers[-1].sendall(GET)
            receive(peers[-1])
        peers[0].sendall(GET)
        receive(peers[0])
        new = stack.enter_context(server.connect())
        new.sendall(GET)
        assert receive(new)[0].status == 200
        assert until_closed(peers[1]) == b""
        for peer in (peers[0], peers[2]):
            peer.sendall(GET)
            assert receive(peer)[0].status == 200
        assert server.connections.counts.evicted == 1


def test_when_none_is_idle_a_new_connection_waits(loop: Loop) -> None:
    later = Later()
    with serving(later, loop, Limits(connections=2)) as server, contextlib.ExitStack() as stack:
        for count in (1, 2):
            stack.enter_context(server.connect()).sendall(GET)
            wait_for(lambda count=count: len(later.asked) == count)
        stack.enter_context(server.connect()).sendall(GET)
        time.sleep(0.05)
        assert len(later.asked) == 2
        assert len(server.connections) == 2
        assert not server.connections._accepting, "no turn of the loop is spent on who cannot be taken"
        server.loop.call_soon_threadsafe(later.answer, 0)
        wait_for(lambda: len(later.asked) == 3)


class Failing(socket.socket):
    """A listener that fails to accept: out of descriptors, then a connection that is dead already."""

    failures: list[OSError]

    def accept(self) -> tuple[socket.socket, object]:
        if self.failures:
            raise self.failures.pop(0)
        return super().accept()


def test_running_out_of_descriptors_is_reported_and_passes(loop: Loop) -> None:
    listener = Failing(fileno=listening(TcpAddress("127.0.0.1", 0)).detach())
    listener.failures = [
        OSError(errno.EMFILE, "Too many open files"),
        ConnectionAbortedError(errno.ECONNABORTED, "Aborted"),
    ]
    with serving(echo, loop, listener=listener) as server, server.connect() as peer:
        peer.sendall(GET)
        assert receive(peer)[0].status == 200
        assert [error.errno for _, error in server.reports if isinstance(error, OSError)] == [errno.EMFILE]
        server.reports.clear()
    assert listener.failures == []


# --- the end ----------------------------------------------------------------------------------------------------------


def drained(server: Server, seconds: float) -> int:
    cut = server.run(server.connections.drain(seconds))
    assert isinstance(cut, int)
    return cut


def test_draining_answers_what_has_begun_closes_the_rest_and_accepts_no_more(loop: Loop) -> None:
    later = Later()
    with serving(later, loop) as server, contextlib.ExitStack() as stack:
        idle, asking, begun = (stack.enter_context(server.connect()) for _ in range(3))
        asking.sendall(GET)
        begun.sendall(GET[:-1])
        wait_for(lambda: len(server.connections) == 3 and len(later.asked) == 1)
        time.sleep(0.05)
        finished = threading.Thread(target=drained, args=(server, PATIENCE))
        finished.start()
        assert until_closed(idle) == b""
        wait_for(lambda: server.connections.draining)
        with pytest.raises(ConnectionRefusedError):
            server.connect()
        begun.sendall(GET[-1:])
        wait_for(lambda: len(later.asked) == 2)
        for number in range(2):
            server.loop.call_soon_threadsafe(later.answer, number)
        for peer in (asking, begun):
            (answer,) = answers_in(until_closed(peer))
            assert answer.headers["Connection"] == "close"
            peer.close()
        finished.join(PATIENCE)
        assert not finished.is_alive()
        assert len(server.connections) == 0


def test_draining_cuts_off_what_is_not_over_in_time(loop: Loop) -> None:
    later = Later()
    with serving(later, loop) as server, server.connect() as peer:
        peer.sendall(GET)
        wait_for(lambda: later.asked)
        began = time.monotonic()
        assert drained(server, 0.2) == 1
        assert time.monotonic() - began < 5
        assert until_closed(peer) == b""
        later.answer(0)


def test_who_was_in_the_queue_when_draining_began_is_served(loop: Loop) -> None:
    with serving(echo, loop) as server:
        stopped = threading.Event()

        def stop() -> None:
            server.connections._pause_accepting()  # as when the loop is too busy to accept
            stopped.set()

        server.loop.call_soon_threadsafe(stop)
        assert stopped.wait(PATIENCE)
        with server.connect() as queued:
            queued.sendall(GET)
            time.sleep(0.05)
            assert len(server.connections) == 0
            draining = asyncio.run_coroutine_threadsafe(server.connections.drain(PATIENCE), server.loop)
            (answer,) = answers_in(until_closed(queued))
            assert answer.headers["Connection"] == "close"
        assert draining.result(PATIENCE) == 0


# --- any peer ---------------------------------------------------------------------------------------------------------

NOISE = st.lists(
    st.one_of(
        st.binary(max_size=60),
        st.sampled_from(
            [
                GET,
                post(b"hello"),
                b"\r\n\r\n",
                b"Content-Length: 5\r\n",
                b"POST / HTTP/1.1\r\nHost: a\r\n",
                b"0\r\n\r\n",
            ]
        ),
        st.sampled_from(
            [b"Transfer-Encoding: chunked\r\n", b"Connection: close\r\n", b"Upgrade: h2c\r\nConnection: Upgrade\r\n"]
        ),
    ),
    max_size=12,
)


@pytest.fixture(scope="module", params=LOOPS)
def lasting(request: pytest.FixtureRequest) -> object:
    with serving(echo, LOOPS[request.param]) as server:
        yield server


@given(noise=NOISE)
@settings(max_examples=40)
def test_whatever_is_sent_the_peer_is_answered_or_closed_and_others_are_served(
    lasting: Server, noise: list[bytes]
) -> None:
    with lasting.connect() as peer:
        with contextlib.suppress(ConnectionResetError, BrokenPipeError):
            for part in noise:
                peer.sendall(part)
            peer.shutdown(socket.SHUT_WR)
        statuses = [answer.status for answer in answers_in(until_closed(peer))]
        assert set(statuses) <= {200, 400, 417, 431, 501, 505, 100}
        assert all(status in (200, 100) for status in statuses[:-1])
    with lasting.connect() as other:
        other.sendall(GET)
        assert receive(other)[0].status == 200
    assert lasting.reports == []


def test_a_closed_connection_is_freed_without_the_garbage_collector(loop: Loop) -> None:
    """Its parser refers to it and it to its parser: kept until a collection, that would be megabytes under load."""
    with serving(echo, loop) as server:
        gc.collect()
        gc.disable()
        try:
            with server.connect() as peer:
                peer.sendall(GET + b"GET / HTTP/1.1\r\nHost : a\r\n\r\n")
                until_closed(peer)
                seen = [weakref.ref(entry) for entry in server.connections._open]
            wait_for(lambda: len(server.connections) == 0)
            wait_for(lambda: all(entry() is None for entry in seen))
        finally:
            gc.enable()
    assert len(seen) == 1
