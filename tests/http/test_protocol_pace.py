"""One connection under a clock of the test's own: pace, deadlines, whatever a peer does, and the end."""

# length: one limit after the other, each with its boundary

from __future__ import annotations

from math import inf

import pytest
from hypothesis import given
from hypothesis import strategies as st

from keystead.http.limits import Limits
from keystead.http.message import Request
from keystead.http.protocol import Reply

from .wire import GET, Later, Line, World, post

# --- pace -------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("whole", [True, False])
def test_no_more_than_the_limit_is_in_flight_and_reading_waits(whole: bool) -> None:
    later = Later()
    line = Line(later, Limits(in_flight=4))
    data = b"".join(post(b"x" * 1_000, target=b"/%d" % number) for number in range(40))
    assert len(data) > 2 * 16_384, "more than is parsed at once"
    if whole:
        line.send(data)
    answered = 0
    while answered < 40:
        while not whole and line.transport.reading and data:
            data, part = data[700:], data[:700]
            line.send(part)
        assert len(later.asked) - answered <= 4
        assert line.transport.reading is (len(later.asked) - answered < 4)
        assert len(later.asked) > answered
        later.answer(answered)
        answered += 1
        line.world.turns.run()
    assert [answer.body for answer in line.answers] == [b"/%d" % number for number in range(40)]
    assert line.transport.reading


def test_what_arrives_although_reading_was_paused_is_kept_in_order() -> None:
    later = Later()
    line = Line(later, Limits(in_flight=2))
    requests = [post(b"x" * 900, target=b"/%d" % number) for number in range(60)]
    line.send(b"".join(requests[:40]))
    assert not line.transport.reading
    for request in requests[40:]:
        line.protocol.data_received(request)
    for number in range(60):
        later.answer(number)
        line.world.turns.run()
    assert [answer.body for answer in line.answers] == [b"/%d" % number for number in range(60)]


def test_a_peer_that_does_not_read_is_not_read_and_not_served_until_it_does() -> None:
    asked = []

    def large(request: Request, reply: Reply) -> None:
        asked.append(request)
        reply.send(200, b"", b"x" * 30_000)

    line = Line(large, Limits(in_flight=4, write_buffer_bytes=100_000))
    line.transport.stuck = True
    line.send(GET * 50)
    assert not line.transport.reading
    assert len(asked) <= 8, "served until the buffer was full, a handful at a time"
    line.transport.unstick()
    line.world.turns.run()
    assert len(asked) == 50
    assert line.transport.reading
    assert line.protocol.write_by == inf


def test_answers_that_are_ready_late_bring_no_new_requests_to_a_peer_that_does_not_read() -> None:
    later = Later()
    line = Line(later, Limits(in_flight=2, write_buffer_bytes=1_000))
    line.transport.stuck = True
    line.send(GET * 5)
    later.answer(0, b"x" * 2_000)
    line.world.turns.run()
    assert line.protocol.write_by < inf
    later.answer(1)
    line.world.turns.run()
    assert len(later.asked) == 2
    line.transport.unstick()
    assert len(later.asked) == 4


def test_a_peer_that_does_not_read_for_long_is_cut_off() -> None:
    line = Line(lambda _request, reply: reply.send(200, b"", b"x" * 100_000))
    line.transport.stuck = True
    line.send(GET)
    assert not line.transport.reading
    line.later(29.9)
    assert not line.transport.closing
    line.later(0.2)
    assert line.transport.aborted


def test_a_last_answer_nobody_takes_is_given_up() -> None:
    line = Line(lambda _request, reply: reply.send(200, b"", b"x" * 100_000))
    line.transport.stuck = True
    line.send(b"GET / HTTP/1.0\r\n\r\n")
    assert line.transport.closing
    assert not line.transport.lost
    line.later(30)
    assert line.transport.aborted


# --- deadlines --------------------------------------------------------------------------------------------------------

LIMITS = Limits()


def test_a_connection_on_which_nothing_comes_is_closed_without_a_word() -> None:
    line = Line()
    line.later(LIMITS.head_seconds - 0.1)
    assert not line.transport.closing
    line.later(0.2)
    assert line.transport.lost
    assert line.sent == b""
    assert len(line.connections) == 0


@pytest.mark.parametrize("start", [b"P", b"POST / HT", post(b"hello")[:-7]])
def test_a_head_that_drips_is_refused(start: bytes) -> None:
    line = Line()
    line.send(GET)
    line.later(100)
    line.send(start)
    line.later(LIMITS.head_seconds - 0.1)
    line.send(b"")
    assert len(line.answers) == 1
    line.later(0.2)
    assert line.statuses == [200, 408]
    assert line.answers[1].body.startswith(b'{"__type":"RequestTimeoutException"')


def test_no_byte_extends_the_time_for_a_head() -> None:
    line = Line()
    data = post(b"", b"X: " + b"y" * 1_000)
    sent = 0
    while not line.sent:
        line.send(data[sent : sent + 1])
        sent += 1
        line.later(1)
    assert sent == LIMITS.head_seconds
    assert line.statuses == [408]


def test_no_byte_extends_the_time_for_a_body() -> None:
    line = Line()
    line.send(post(b"x" * 1_000)[:-1_000])
    sent = 0
    while not line.sent:
        line.send(b"x")
        sent += 1
        line.later(1)
    assert sent == LIMITS.body_seconds
    assert line.statuses == [408]


def test_an_idle_connection_is_kept_for_its_time_after_each_answer() -> None:
    line = Line()
    for _ in range(3):
        line.send(GET)
        line.later(LIMITS.idle_seconds - 0.1)
        assert not line.transport.closing
    line.later(0.2)
    assert line.transport.lost
    assert line.statuses == [200] * 3


def test_empty_lines_do_not_keep_an_idle_connection() -> None:
    line = Line()
    line.send(GET)
    for _ in range(119):
        line.later(1)
        line.send(b"\r\n")
    assert not line.transport.closing
    line.later(1)
    assert line.transport.lost


def test_an_application_has_as_long_as_it_likes_and_idleness_begins_with_its_answer() -> None:
    later = Later()
    line = Line(later)
    line.send(GET)
    line.later(10_000)
    later.answer(0)
    line.world.turns.run()
    line.later(LIMITS.idle_seconds - 0.1)
    assert not line.transport.closing
    line.later(0.2)
    assert line.transport.lost


def test_time_in_which_we_do_not_read_is_not_the_peers() -> None:
    later = Later()
    line = Line(later, Limits(in_flight=1))
    line.send(GET + GET[:-2])
    line.later(1_000)
    assert line.sent == b""
    later.answer(0)
    line.world.turns.run()
    line.later(LIMITS.head_seconds - 0.1)
    line.send(GET[-2:])
    assert len(later.asked) == 2


def test_a_head_that_drips_behind_an_unanswered_request_is_refused_too() -> None:
    later = Later()
    line = Line(later)
    line.send(GET + b"GET / ")
    line.later(LIMITS.head_seconds)
    assert line.sent == b""
    later.answer(0)
    line.world.turns.run()
    assert line.statuses == [200, 408]


def test_the_sweep_leaves_what_is_in_time() -> None:
    world = World()
    lines = [Line(world=world) for _ in range(5)]
    world.clock.now += 10
    lines[3].send(GET)
    world.later(10)
    assert [line.transport.lost for line in lines] == [True, True, True, False, True]
    assert world.connections.counts.expired == 4


# --- any peer ---------------------------------------------------------------------------------------------------------

PIECES = st.sampled_from(
    [GET, post(b"hello"), post(b"hello")[:-3], post(b"x" * 70, b"Expect: 100-continue"), b"GET / HTTP/1.0\r\n\r\n", b"\r\n", b"\0",
     b"5\r\nhello\r\n",
     b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n", b"0\r\n\r\n", b"Connection: close\r\n",
     b"GET /fail HTTP/1.1\r\nHost: a\r\n\r\n"]
)  # fmt: skip
ACTS = st.lists(
    st.one_of(
        PIECES,
        st.binary(max_size=20),
        st.sampled_from(["turn", "answer", "stick", "unstick", "end", "drain"]),
        st.floats(0, 40),
    ),
    max_size=25,
)


@given(ACTS, st.integers(1, 3))
def test_whatever_a_peer_does_all_that_was_asked_is_answered_in_order_or_closed(acts: list, in_flight: int) -> None:
    asked: list[Reply] = []
    number = iter(range(10_000))

    def application(request: Request, reply: Reply) -> None:
        if request.target == b"/fail":
            next(number)
            raise KeyError
        request.body = b"%d" % next(number)
        if len(asked) % 2:
            reply.send(200, b"", request.body)
        else:
            asked.append(reply)
            bodies[reply] = request.body
            return
        asked.append(reply)

    bodies: dict[Reply, bytes] = {}
    line = Line(application, Limits(in_flight=in_flight, write_buffer_bytes=300))
    ended = False

    def answer_all() -> None:
        for reply in asked:
            if not reply.sent:
                reply.send(200, b"", bodies[reply])

    for act in acts:
        if line.transport.closing:
            break
        if isinstance(act, bytes):
            if line.transport.reading and not ended:
                line.send(act)
        elif isinstance(act, float):
            line.later(act)
        elif act == "turn":
            line.world.turns.run()
        elif act == "answer":
            answer_all()
        elif act == "stick":
            line.transport.stuck = True
        elif act == "unstick":
            line.transport.unstick()
        elif act == "end" and not ended:
            ended = True
            line.end()
        elif act == "drain":
            line.connections.draining = True
            line.protocol.drain()
        unsettled = [reply for reply in asked if not reply.sent]
        assert len(unsettled) <= in_flight
    for _ in range(20):
        answer_all()
        line.world.turns.run()
        if not line.transport.closing:
            line.transport.unstick()
        line.later(60)
    assert line.transport.lost
    assert len(line.connections) == 0
    assert line.connections.partial.used == 0
    numbers = [
        int(answer.body) if answer.status == 200 else None for answer in line.answers if answer.status in (200, 500)
    ]
    assert all(found in (None, place) for place, found in enumerate(numbers))
    assert line.transport.aborted or len(numbers) == next(number), (
        "all that was delivered was answered, unless nobody took it"
    )
    assert all(answer.headers.get("Connection") != "close" for answer in line.answers[:-1])
    assert {type(error) for _, error in line.world.reports} <= {KeyError}


# --- the end ----------------------------------------------------------------------------------------------------------


def drain(line: Line) -> None:
    line.connections.draining = True
    line.protocol.drain()
    line.world.turns.run()


def test_draining_closes_what_is_idle() -> None:
    fresh, used = Line(), Line()
    used.send(GET)
    for line in (fresh, used):
        drain(line)
        assert line.transport.lost


def test_draining_answers_what_was_asked_and_says_that_it_ends() -> None:
    later = Later()
    line = Line(later)
    line.send(GET + GET)
    drain(line)
    assert not line.transport.reading
    later.answer(1)
    later.answer(0)
    line.world.turns.run()
    assert [answer.headers.get("Connection") for answer in line.answers] == [None, "close"]
    assert line.transport.ended
    line.end()
    assert line.transport.lost


def test_draining_reads_a_request_that_has_begun_and_no_other() -> None:
    for place in (1, len(GET) - 1):
        line = Line()
        line.send(GET[:place])
        drain(line)
        line.send(GET[place:] + GET)
        assert [answer.headers.get("Connection") for answer in line.answers] == ["close"]
        line.later(LIMITS.linger_seconds)
        assert line.transport.lost


def test_draining_reads_a_request_that_has_begun_behind_one_that_is_answered_meanwhile() -> None:
    later = Later()
    line = Line(later)
    line.send(GET + GET[:9])
    drain(line)
    later.answer(0)
    line.world.turns.run()
    line.send(GET[9:])
    later.answer(1)
    line.world.turns.run()
    assert [answer.headers.get("Connection") for answer in line.answers] == [None, "close"]


def test_draining_does_not_wait_for_a_request_that_does_not_end() -> None:
    line = Line()
    line.send(GET[:5])
    drain(line)
    line.later(LIMITS.head_seconds)
    assert line.statuses == [408]


def test_a_connection_that_was_in_the_queue_when_draining_began_is_served_once() -> None:
    world = World()
    world.connections.draining = True
    line = Line(world=world)
    line.send(GET + GET)
    assert [answer.headers.get("Connection") for answer in line.answers] == ["close"]


def test_limits_cannot_be_switched_off() -> None:
    for change in ({"head_bytes": 0}, {"idle_seconds": -1.0}, {"in_flight": 0}, {"head_seconds": float("nan")}):
        with pytest.raises(ValueError):
            Limits(**change)


# --- the tests above bite ---------------------------------------------------------------------------------------------


def test_a_deadline_that_every_byte_extends_is_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    from keystead.http.protocol import Protocol

    advance = Protocol._advance

    def patient(self: Protocol) -> None:
        self._timed = None
        advance(self)

    monkeypatch.setattr(Protocol, "_advance", patient)
    line = Line()
    for byte in b"GET / HTTP/1.1\r\nHost: aaaaaaaaaaaaaaaaa":
        line.send(bytes([byte]))
        line.later(1)
    assert line.sent == b"", "the peer drips on, as test_no_byte_extends_the_time_for_a_head would see"
