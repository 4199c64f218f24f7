"""Many requests at once on one connection: others have their turn, and nothing else changes for anybody."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import threading

import pytest
from hypothesis import given
from hypothesis import strategies as st

from keystead.http import protocol
from keystead.http.limits import Limits
from keystead.http.message import Request
from keystead.http.protocol import Protocol, Reply

from .wire import GET, PATIENCE, Later, Line, Loop, World, answers_in, echo, post, receive, serving, until_closed

LIMITS = Limits()
DEPTH = 500
TINY = b"".join(b"GET /%d HTTP/1.1\r\nHost:\r\n\r\n" % number for number in range(DEPTH))
assert len(TINY) < 16_384, "one slice, so that only the count of requests can limit them"

LOOPS: dict[str, Loop] = {"asyncio": asyncio.new_event_loop}
with contextlib.suppress(ImportError):
    import uvloop

    LOOPS["uvloop"] = uvloop.new_event_loop


class Asked:
    """An application that answers at once, as refusals are, and remembers in which order it was asked."""

    def __init__(self) -> None:
        self.targets: list[bytes] = []

    def __call__(self, request: Request, reply: Reply) -> None:
        self.targets.append(request.target)
        echo(request, reply)


def one_turn(world: World) -> None:
    """What a loop does between two looks at its sockets."""
    for _ in range(len(world.turns.soon)):
        call, arguments = world.turns.soon.popleft()
        call(*arguments)


def targets_of(line: Line) -> list[str]:
    return [answer.headers["X-Target"] for answer in line.answers]


IN_ORDER = [f"/{number}" for number in range(DEPTH)]

# --- turns ------------------------------------------------------------------------------------------------------------


def test_a_request_is_handed_over_before_the_fortieth_of_a_flood_that_came_earlier() -> None:
    asked = Asked()
    world = World(asked)
    flood, other = Line(world=world), Line(world=world)
    flood.protocol.data_received(TINY)
    one_turn(world)
    other.protocol.data_received(post(target=b"/other"))
    assert asked.targets.index(b"/other") < 40
    assert len(other.answers) == 1, "it is answered before the flood goes on"
    world.turns.run()
    assert targets_of(flood) == IN_ORDER
    assert len(asked.targets) == DEPTH + 1


@pytest.mark.parametrize("loop", LOOPS.values(), ids=LOOPS)
def test_the_same_between_sockets(loop: Loop) -> None:
    asked = Asked()
    begun, other_waits = threading.Event(), threading.Event()

    def application(request: Request, reply: Reply) -> None:
        if request.target == b"/0":
            begun.set()
            assert other_waits.wait(PATIENCE)  # in the kernel
        asked(request, reply)

    with serving(application, loop) as server, server.connect() as flood, server.connect() as other:
        for peer in (flood, other):
            peer.sendall(post(target=b"/hello"))
            receive(peer)
        asked.targets.clear()
        flood.sendall(TINY)
        assert begun.wait(PATIENCE)
        other.sendall(post(target=b"/other"))
        other_waits.set()
        assert receive(other)[0].headers["X-Target"] == "/other"
        assert [answer.headers["X-Target"] for answer in receive(flood, DEPTH)] == IN_ORDER
        assert asked.targets.index(b"/other") < 40


@pytest.mark.parametrize("loop", LOOPS.values(), ids=LOOPS)
def test_a_flood_takes_two_turns_at_most_between_two_looks_at_the_sockets(loop: Loop) -> None:
    """Two: one that was due, and one for what is read after it. Its socket is never empty, so that without a pause
    libuv would read it again and again."""
    in_turn = most = 0

    def application(request: Request, reply: Reply) -> None:
        nonlocal in_turn, most
        if in_turn == 0:
            server.loop.call_soon(look)
        in_turn += 1
        most = max(most, in_turn)
        echo(request, reply)

    def look() -> None:
        nonlocal in_turn
        in_turn = 0

    with serving(application, loop) as server, server.connect() as peer:

        def send() -> None:
            peer.sendall(TINY * 10)
            peer.shutdown(socket.SHUT_WR)

        sender = threading.Thread(target=send)
        sender.start()
        answers = answers_in(until_closed(peer))
        sender.join(PATIENCE)
    assert [answer.headers["X-Target"] for answer in answers] == IN_ORDER * 10
    assert most <= 2 * LIMITS.requests_per_turn


@given(
    floods=st.lists(st.tuples(st.integers(1, 60), st.integers(0, 3_000)), min_size=1, max_size=4),
    per_turn=st.integers(1, 9),
    in_flight=st.integers(1, 9),
    at_once=st.booleans(),
)
def test_no_connection_takes_more_than_its_turn_and_all_are_answered_once_and_in_order(
    floods: list[tuple[int, int]], per_turn: int, in_flight: int, at_once: bool
) -> None:
    asked: list[bytes] = []
    waiting: list[tuple[Request, Reply]] = []

    def application(request: Request, reply: Reply) -> None:
        asked.append(request.target)
        if at_once:
            echo(request, reply)
        else:
            waiting.append((request, reply))

    world = World(application, Limits(requests_per_turn=per_turn, in_flight=in_flight))
    lines = []
    for name, (count, size) in enumerate(floods):
        lines.append(Line(world=world))
        lines[name].protocol.data_received(
            b"".join(post(b"x" * size, target=b"/%d/%d" % (name, number)) for number in range(count))
        )
    while True:
        for name in range(len(floods)):
            assert sum(target.startswith(b"/%d/" % name) for target in asked) <= per_turn
        asked.clear()
        for request, reply in waiting:
            echo(request, reply)
        waiting.clear()
        if not world.turns.soon:
            break
        one_turn(world)
    for name, (count, _) in enumerate(floods):
        assert targets_of(lines[name]) == [f"/{name}/{number}" for number in range(count)]
        assert lines[name].transport.reading


def test_one_slice_is_parsed_in_a_turn() -> None:
    asked = Asked()
    line = Line(asked, Limits(requests_per_turn=DEPTH))
    line.protocol.data_received(post(b"x" * 1_000) * 100)
    turns = 0
    while len(asked.targets) < 100:
        turns += 1
        assert len(asked.targets) <= 16 * turns
        one_turn(line.world)
    assert turns >= 6


def test_reading_pauses_until_all_is_handed_over() -> None:
    asked = Asked()
    line = Line(asked)
    line.protocol.data_received(TINY)
    seen = [line.transport.reading]
    while len(asked.targets) < DEPTH:
        one_turn(line.world)
        seen.append(line.transport.reading)
    assert seen == [False] * (len(seen) - 1) + [True]
    assert len(seen) == -(-DEPTH // LIMITS.requests_per_turn)
    assert not line.world.turns.soon


def test_what_comes_while_a_turn_is_due_waits_for_it_and_pauses_reading() -> None:
    later = Later()
    line = Line(later)
    line.send(GET * 2)
    later.answer(0)
    line.protocol.data_received(TINY)
    assert len(later.asked) == 2
    assert not line.transport.reading
    one_turn(line.world)
    assert len(later.asked) == 2 + LIMITS.requests_per_turn


def test_what_comes_after_a_lone_answer_has_one_turns_share_and_no_more() -> None:
    later = Later()
    line = Line(later)
    line.send(GET)
    later.answer(0)
    for _ in range(3):  # libuv reads a socket again and again in one turn
        line.protocol.data_received(TINY)
    assert len(later.asked) == 1 + LIMITS.requests_per_turn
    assert not line.transport.reading
    one_turn(line.world)
    assert len(later.asked) == 1 + 2 * LIMITS.requests_per_turn


def test_one_request_at_a_time_costs_no_turn_and_no_pause(monkeypatch: pytest.MonkeyPatch) -> None:
    line = Line()
    monkeypatch.setattr(line.transport, "pause_reading", lambda: pytest.fail("paused"))
    for sent in (GET, post(b"x" * 4_000), GET * LIMITS.requests_per_turn):
        line.protocol.data_received(sent)
        assert not line.world.turns.soon
    assert len(line.answers) == 2 + LIMITS.requests_per_turn


# --- deadlines --------------------------------------------------------------------------------------------------------


def test_the_time_until_its_turn_is_not_the_peers() -> None:
    line = Line()
    line.protocol.data_received(GET * 20 + GET[:-2])
    line.world.clock.now += 1_000
    line.connections.sweep()
    line.world.turns.run()
    assert line.statuses == [200] * 20
    line.later(LIMITS.head_seconds - 0.1)
    assert line.statuses == [200] * 20
    line.later(0.2)
    assert line.statuses == [200] * 20 + [408]


def test_the_time_for_a_body_goes_on_where_it_was_put_off() -> None:
    line = Line()
    whole = post(b"x" * 250_000)
    line.send(whole[:100])
    line.later(LIMITS.body_seconds - 1)
    line.protocol.data_received(whole[100:40_100])
    line.world.clock.now += 1_000
    line.connections.sweep()
    line.world.turns.run()
    line.later(0.9)
    assert line.sent == b""
    line.later(0.2)
    assert line.statuses == [408]


def test_no_large_part_extends_the_time_for_a_body() -> None:
    line = Line()
    whole = post(b"x" * 250_000)
    sent = seconds = 0
    while not line.sent:
        line.send(whole[sent : sent + 20_000])
        sent += 20_000
        seconds += 3
        line.later(3)
    assert seconds == LIMITS.body_seconds
    assert line.statuses == [408]


# --- the end ----------------------------------------------------------------------------------------------------------


def test_draining_answers_what_was_parsed_and_says_that_it_ends() -> None:
    asked = Asked()
    line = Line(asked)
    line.protocol.data_received(TINY)
    line.connections.draining = True
    line.protocol.drain()
    line.world.turns.run()
    assert targets_of(line) == IN_ORDER
    assert [answer.headers.get("Connection") for answer in line.answers] == [None] * (DEPTH - 1) + ["close"]
    assert line.transport.ended


def test_draining_takes_one_request_of_what_was_not_parsed() -> None:
    line = Line()
    line.protocol.data_received(post(b"x" * 1_000) * 100)
    line.connections.draining = True
    line.protocol.drain()
    line.world.turns.run()
    assert len(line.answers) < 20, "those of one slice, and the one that had begun in it"
    assert [answer.headers.get("Connection") for answer in line.answers[-2:]] == [None, "close"]
    line.later(LIMITS.linger_seconds)
    assert line.transport.lost


def test_draining_ends_when_nothing_follows_after_all() -> None:
    line = Line()
    line.protocol.data_received(GET + b"\r\n" * 20_000)
    line.connections.draining = True
    line.protocol.drain()
    line.world.turns.run()
    assert line.statuses == [200]
    assert line.transport.ended
    line.later(LIMITS.linger_seconds)
    assert line.transport.lost


def test_a_peer_that_ends_its_way_before_its_turn_is_answered_in_full() -> None:
    for data, count in ((TINY, DEPTH), (post(b"x" * 1_000) * 100, 100), (GET + b"\r\n" * 20_000, 1)):
        line = Line()
        line.protocol.data_received(data)
        line.end()
        assert len(line.answers) == count
        assert line.transport.lost


def test_a_peer_that_is_gone_has_no_further_turn() -> None:
    asked = Asked()
    line = Line(asked)
    line.protocol.data_received(TINY * 3)
    line.transport._lose()
    line.world.turns.run()
    assert len(asked.targets) == LIMITS.requests_per_turn
    assert len(line.connections) == 0
    assert line.connections.partial.used == 0


# --- the tests above bite ---------------------------------------------------------------------------------------------


def test_a_connection_that_does_all_at_once_is_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Protocol, "_await_turn", Protocol._advance)
    for test in (
        test_a_request_is_handed_over_before_the_fortieth_of_a_flood_that_came_earlier,
        test_one_slice_is_parsed_in_a_turn,
        test_reading_pauses_until_all_is_handed_over,
    ):
        with pytest.raises(AssertionError):
            test()


@pytest.mark.parametrize("loop", LOOPS)
def test_a_connection_that_does_all_at_once_is_noticed_between_sockets(
    monkeypatch: pytest.MonkeyPatch, loop: str
) -> None:
    monkeypatch.setattr(Protocol, "_await_turn", Protocol._advance)
    for test in (
        test_the_same_between_sockets,
        test_a_flood_takes_two_turns_at_most_between_two_looks_at_the_sockets,
    ):
        with pytest.raises(AssertionError):
            test(LOOPS[loop])


def test_a_slice_without_bound_is_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(protocol, "_SLICE", 1 << 30)
    with pytest.raises(AssertionError):
        test_one_slice_is_parsed_in_a_turn()


def test_a_deadline_that_begins_again_after_each_turn_is_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    read_on = Protocol._read_on

    def generous(self: Protocol) -> None:
        if self._held is not None:
            self._timed = None
        read_on(self)

    monkeypatch.setattr(Protocol, "_read_on", generous)
    with pytest.raises(AssertionError):
        test_the_time_for_a_body_goes_on_where_it_was_put_off()
