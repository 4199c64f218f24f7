"""One connection under a clock of the test's own: answers and their order, persistence, expectation, refusals."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from keystead.http.limits import Limits
from keystead.http.message import Request, TlsFacts
from keystead.http.protocol import Reply

from .wire import GET, Later, Line, World, echo, post

# --- answers ----------------------------------------------------------------------------------------------------------


def test_an_answer_says_its_length_its_date_and_nothing_about_the_server() -> None:
    line = Line()
    line.send(post(b"hello", target=b"/x"))
    assert line.sent == (
        b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\nX-Target: /x\r\nDate: Tue, 14 Nov 2023 22:30:00 GMT\r\n\r\nhello"
    )
    assert line.transport.reading
    assert not line.transport.closing


def test_the_date_is_made_once_a_second() -> None:
    line = Line()
    first = line.connections.date
    line.later(0.9)
    assert line.connections.date is first
    line.later(0.2)
    line.send(GET)
    assert line.answers[0].headers["Date"] == "Tue, 14 Nov 2023 22:30:01 GMT"


def test_a_hundred_pipelined_requests_answered_backwards_leave_in_order_in_one_write() -> None:
    later = Later()
    line = Line(later, Limits(in_flight=100))
    line.send(b"".join(post(target=b"/%d" % number) for number in range(100)))
    assert len(later.asked) == 100
    for number in reversed(range(100)):
        later.answer(number)
        assert line.sent == b""
    line.world.turns.run()
    assert [answer.body for answer in line.answers] == [b"/%d" % number for number in range(100)]
    assert len(line.transport.writes) == 1


@given(st.permutations(range(8)), st.lists(st.booleans(), min_size=8, max_size=8))
def test_answers_leave_in_order_as_soon_as_they_can(order: list[int], turns: list[bool]) -> None:
    later = Later()
    line = Line(later)
    line.send(b"".join(post(target=b"/%d" % number) for number in range(8)))
    done: set[int] = set()
    for number, turn in zip(order, turns, strict=True):
        later.answer(number)
        done.add(number)
        if turn:
            line.world.turns.run()
            ready = next(count for count in range(9) if count not in done)
            assert [answer.body for answer in line.answers] == [b"/%d" % count for count in range(ready)]
    line.world.turns.run()
    assert len(line.answers) == 8


def test_answers_given_at_once_leave_in_one_write() -> None:
    line = Line()
    line.send(GET * 5)
    assert line.statuses == [200] * 5
    assert len(line.transport.writes) == 1


def test_the_answer_to_head_is_measured_and_not_sent() -> None:
    def length(_request: Request, reply: Reply) -> None:
        reply.send(200, b"", b"hello")

    line = Line(length)
    line.send(b"HEAD / HTTP/1.1\r\nHost: a\r\n\r\n")
    assert b"Content-Length: 5\r\n" in line.sent
    assert line.sent.endswith(b"\r\n\r\n")


@pytest.mark.parametrize("status", [204, 304])
def test_an_answer_that_cannot_have_a_body_has_no_length(status: int) -> None:
    line = Line(lambda _request, reply: reply.send(status, b"", b""))
    line.send(GET)
    assert b"Content-Length" not in line.sent
    assert line.statuses == [status]


def test_an_unheard_of_status_has_no_phrase() -> None:
    line = Line(lambda _request, reply: reply.send(499, b"", b""))
    line.send(GET)
    assert line.sent.startswith(b"HTTP/1.1 499 \r\nContent-Length: 0\r\n")


def test_a_request_is_answered_once() -> None:
    later = Later()
    line = Line(later)
    line.send(GET)
    reply = later.asked[0][1]
    assert not reply.sent
    reply.send(200, b"", b"1")
    assert reply.sent
    with pytest.raises(RuntimeError):
        reply.send(200, b"", b"2")
    line.world.turns.run()
    with pytest.raises(RuntimeError):
        reply.send(200, b"", b"3")
    assert [answer.body for answer in line.answers] == [b"1"]


def test_an_answer_nobody_waits_for_is_dropped_but_still_given_once() -> None:
    later = Later()
    line = Line(later)
    line.send(GET)
    reply = later.asked[0][1]
    assert not reply.gone
    line.transport.abort()
    line.world.turns.run()
    assert reply.gone
    reply.send(200, b"", b"")
    with pytest.raises(RuntimeError):
        reply.send(200, b"", b"")
    line.world.turns.run()
    assert line.sent == b""


@pytest.mark.parametrize("status", [0, 100, 199, 600])
def test_only_a_final_status_is_an_answer(status: int) -> None:
    with pytest.raises(ValueError):
        Reply(None).send(status, b"", b"")


def test_headers_are_whole_lines() -> None:
    reply = Reply(None)
    with pytest.raises(ValueError):
        reply.send(200, b"X: y", b"")
    reply.send(200, b"X: y\r\n", b"")


def test_a_failing_application_costs_its_request_and_not_the_connection() -> None:
    def fails(request: Request, reply: Reply) -> None:
        if request.target == b"/fail":
            raise KeyError("secret")
        echo(request, reply)

    line = Line(fails)
    line.send(GET + post(target=b"/fail") + GET)
    line.send(GET)
    assert line.statuses == [200, 500, 200, 200]
    assert line.answers[1].body == b'{"__type":"InternalFailure"}'
    assert line.answers[1].headers["Content-Type"] == "application/x-amz-json-1.1"
    assert "Connection" not in line.answers[1].headers
    assert [type(error) for _, error in line.world.reports] == [KeyError]


def test_an_application_that_fails_after_its_answer_has_answered() -> None:
    def fails(request: Request, reply: Reply) -> None:
        echo(request, reply)
        raise KeyError

    line = Line(fails)
    line.send(post(b"kept"))
    assert [answer.body for answer in line.answers] == [b"kept"]
    assert len(line.world.reports) == 1


def test_the_application_is_told_who_asks_and_over_what() -> None:
    later = Later()
    for tls in (False, True):
        Line(later, tls=tls).send(GET)
    plain, secure = (request for request, _ in later.asked)
    assert plain.peer == secure.peer == "192.0.2.7"
    assert plain.tls is None
    assert secure.tls == TlsFacts("TLSv1.3", "TLS_AES_256_GCM_SHA384")


# --- persistence ------------------------------------------------------------------------------------------------------


def test_connection_close_is_honoured() -> None:
    line = Line()
    line.send(GET + b"GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")
    assert [answer.headers.get("Connection") for answer in line.answers] == [None, "close"]
    assert line.transport.lost


def test_http_1_0_ends_unless_asked_to_stay() -> None:
    line = Line()
    line.send(b"GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n")
    line.send(b"GET / HTTP/1.0\r\n\r\n")
    assert [answer.headers.get("Connection") for answer in line.answers] == ["keep-alive", "close"]
    assert line.transport.lost


def test_what_follows_a_last_request_is_thrown_away_and_the_answer_survives() -> None:
    later = Later()
    line = Line(later)
    line.send(b"GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")
    assert not line.transport.reading
    line.protocol.data_received(GET)  # was under way
    later.answer(0)
    line.world.turns.run()
    assert len(line.answers) == 1
    assert line.transport.ended, "our way is ended"
    assert not line.transport.closing, "theirs is still read, so that no reset overtakes the answer"
    line.later(Limits().linger_seconds)
    assert line.transport.lost


def test_a_peer_that_ends_its_way_is_still_answered() -> None:
    later = Later()
    line = Line(later)
    line.send(GET + GET + b"GET / HT")
    line.end()
    assert not line.transport.closing
    later.answer(0)
    line.world.turns.run()
    later.answer(1)
    line.world.turns.run()
    assert [answer.headers.get("Connection") for answer in line.answers] == [None, "close"]
    assert line.transport.lost


def test_a_peer_that_ends_its_way_with_nothing_to_answer_is_closed() -> None:
    for sent in (b"", b"GET / HT", GET):
        line = Line()
        if sent:
            line.send(sent)
        line.end()
        assert line.transport.lost


def test_under_tls_the_end_of_one_way_is_the_end_of_both() -> None:
    later = Later()
    line = Line(later, tls=True)
    line.send(GET)
    line.end()
    assert line.transport.lost
    later.answer(0)


# --- expectation ------------------------------------------------------------------------------------------------------


def test_a_peer_that_waits_is_told_to_continue() -> None:
    line = Line()
    head, body = post(b"hello", b"Expect: 100-Continue")[:-5], b"hello"
    line.send(head)
    assert line.sent == b"HTTP/1.1 100 Continue\r\n\r\n"
    line.send(body)
    assert line.statuses == [100, 200]


def test_a_peer_that_did_not_wait_is_not() -> None:
    for data in (post(b"hello", b"Expect: 100-continue"), post(b"", b"Expect: 100-continue")):
        line = Line()
        line.send(data)
        assert line.statuses == [200]
    line = Line()
    line.send(post(b"hello", b"Expect: 100-continue")[:-4])
    assert line.sent == b""


def test_continue_waits_for_the_answers_before_it() -> None:
    later = Later()
    line = Line(later)
    line.send(GET + post(b"hello", b"Expect: 100-continue")[:-5])
    assert line.sent == b""
    later.answer(0)
    line.world.turns.run()
    assert line.statuses == [200, 100]


@pytest.mark.parametrize(
    ("lines", "status", "code"),
    [
        ((b"Content-Length: 262145", b"Expect: 100-continue"), 413, "RequestEntityTooLargeException"),
        ((b"Content-Length: 5", b"Expect: the-unexpected"), 417, "MalformedHttpRequestException"),
    ],
)
def test_a_body_that_will_not_do_is_never_asked_for(lines: tuple[bytes, ...], status: int, code: str) -> None:
    line = Line()
    line.send(b"POST / HTTP/1.1\r\nHost: a\r\n" + b"\r\n".join(lines) + b"\r\n\r\n")
    assert line.statuses == [status]
    assert line.answers[0].headers["Connection"] == "close"
    assert line.answers[0].body.startswith(b'{"__type":"%b"' % code.encode())
    assert line.world.refused == [("192.0.2.7", code)]


# --- refusals ---------------------------------------------------------------------------------------------------------


def test_a_defect_is_refused_after_the_answers_before_it_and_ends_the_connection() -> None:
    later = Later()
    line = Line(later)
    line.send(GET + b"GET / HTTP/1.1\r\nHost : a\r\n\r\n" + GET)
    assert line.sent == b""
    later.answer(0)
    line.world.turns.run()
    assert line.statuses == [200, 400]
    assert line.answers[1].headers["Connection"] == "close"
    assert line.world.connections.counts.refused == 1
    assert len(later.asked) == 1
    line.send(GET * 100)
    assert len(later.asked) == 1
    line.end()
    assert line.transport.lost


def test_under_tls_a_refused_peer_is_closed_after_a_while() -> None:
    line = Line(tls=True)
    line.send(b"\0")
    assert line.statuses == [400]
    assert not line.transport.closing
    line.later(Limits().linger_seconds)
    assert line.transport.lost


def test_unfinished_bodies_of_all_connections_share_a_limit() -> None:
    world = World(limits=Limits(partial_bytes=100_000))
    lines = [Line(world=world) for _ in range(3)]
    for line in lines[:2]:
        line.send(post(b"x" * 50_000)[:-1])
    lines[2].send(post(b"x" * 50_000)[:-1])
    assert lines[2].statuses == [503]
    lines[0].send(b"x")
    assert lines[0].statuses == [200]
    lines[1].transport.abort()
    world.turns.run()
    assert world.connections.partial.used == 0


# --- the tests above bite ---------------------------------------------------------------------------------------------


def test_an_answer_out_of_order_is_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    from keystead.http.protocol import Protocol

    def impatient(self: Protocol, reply: Reply) -> None:
        self._replies.remove(reply)
        self._replies.appendleft(reply)
        self._advance()

    monkeypatch.setattr(Protocol, "answered", impatient)
    with pytest.raises(AssertionError):
        test_a_hundred_pipelined_requests_answered_backwards_leave_in_order_in_one_write()
