"""Bytes to requests: what is delivered, what is refused, and that it does not matter how the bytes are cut."""

# length: one parser, each refusal with its neighbours that pass

from __future__ import annotations

from collections.abc import Callable, Iterable
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from keystead.http.limits import Limits
from keystead.http.message import Request
from keystead.http.reader import BODILESS, BODY, HEAD, IDLE, LAST, OLD, Partial, Reader

from .wire import GET, post

Outcome = tuple[list[tuple[Request, int]], int | None]

CHUNKED = b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n"
H2C = b"Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABkAAQCAAAAAAIAAAAA\r\n"


def read(parts: Iterable[bytes], limits: Limits | None = None, make: Callable[..., Reader] = Reader) -> Outcome:
    """What a fresh reader makes of ``parts``: the requests, and the status it refuses what follows with."""
    reader = make(limits or Limits(), "192.0.2.7", None, Partial())
    for part in parts:
        reader.feed(part)
    return list(reader.requests), reader.refused.status if reader.refused else None


def one(data: bytes) -> Request:
    requests, refused = read([data])
    assert refused is None
    assert len(requests) == 1
    return requests[0][0]


# --- what is delivered ------------------------------------------------------------------------------------------------


def test_a_request_is_delivered_as_it_was_received() -> None:
    request = one(
        b"POST /a%2Fb//c?x=%20&y HTTP/1.1\r\nHOST: h\r\nX-Two:  a  b \r\nx-two:\r\nContent-Length: 3\r\n\r\n\0\r\n"
    )
    assert request.method == "POST"
    assert request.target == b"/a%2Fb//c?x=%20&y"
    assert request.headers == [(b"host", b"h"), (b"x-two", b"a  b "), (b"x-two", b""), (b"content-length", b"3")]
    assert request.body == b"\0\r\n"
    assert type(request.body) is bytes
    assert request.peer == "192.0.2.7"


@pytest.mark.parametrize("method", ["GET", "HEAD", "POST", "PUT", "DELETE", "OPTIONS", "TRACE", "PATCH"])
def test_any_method_is_left_to_the_application(method: str) -> None:
    assert one(method.encode() + b" / HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\n\r\nab").body == b"ab"


def test_chunks_are_one_body() -> None:
    assert one(CHUNKED + b"3\r\nabc\r\n002;name=value\r\nde\r\n0\r\n\r\n").body == b"abcde"


def test_empty_lines_before_a_request_are_passed_over() -> None:
    assert one(b"\r\n\r\n" + GET).target == b"/"


@pytest.mark.parametrize(
    ("data", "flags"),
    [
        (GET, 0),
        (b"HEAD / HTTP/1.1\r\nHost: a\r\n\r\n", BODILESS),
        (b"GET / HTTP/1.1\r\nHost: a\r\nConnection: x, Close\r\n\r\n", LAST),
        (b"GET / HTTP/1.1\r\nHost: a\r\nConnection: keep-alive\r\n\r\n", 0),
        (b"GET / HTTP/1.1\r\nHost: a\r\nConnection: keep-alive\r\nConnection: close\r\n\r\n", LAST),
        (b"GET / HTTP/1.0\r\n\r\n", OLD | LAST),
        (b"GET / HTTP/1.0\r\nConnection: Keep-Alive\r\n\r\n", OLD),
        (b"GET / HTTP/1.0\r\nProxy-Connection: keep-alive\r\n\r\n", OLD),
        (b"GET / HTTP/1.0\r\nExpect: 100-continue\r\n\r\n", OLD | LAST),
    ],
)
def test_what_the_answer_must_observe(data: bytes, flags: int) -> None:
    assert [entry[1] for entry in read([data])[0]] == [flags]


def test_nothing_is_read_after_the_last_request() -> None:
    requests, refused = read([b"GET /1 HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n" + GET])
    assert [request.target for request, _ in requests] == [b"/1"]
    assert refused is None


@pytest.mark.parametrize(
    "framing", [b"Content-Length: 5\r\n\r\nhello", b"Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n"]
)
@pytest.mark.parametrize("offer", [H2C, b"Connection: upgrade\r\nUpgrade: TLS/1.2\r\n", b"Upgrade: h2c\r\n"])
def test_an_offer_to_upgrade_is_ignored_and_the_body_is_read(framing: bytes, offer: bytes) -> None:
    data = b"POST /1 HTTP/1.1\r\nHost: a\r\n" + offer + framing
    requests, refused = read([data + data + GET])
    assert refused is None
    assert [(request.target, request.body) for request, _ in requests] == [
        (b"/1", b"hello"),
        (b"/1", b"hello"),
        (b"/", b""),
    ]
    assert (b"upgrade", b"h2c") in requests[0][0].headers or (b"upgrade", b"TLS/1.2") in requests[0][0].headers


def test_an_offer_to_upgrade_without_a_body_that_closes_is_the_last_request() -> None:
    data = b"GET /1 HTTP/1.1\r\nHost: a\r\nConnection: upgrade, close\r\nUpgrade: h2c\r\n\r\n"
    requests, refused = read([data + GET])
    assert [(request.target, flags) for request, flags in requests] == [(b"/1", LAST)]
    assert refused is None


def test_what_a_request_with_an_upgrade_hides_in_its_body_is_body() -> None:
    hidden = b"GET /hidden HTTP/1.1\r\nHost: a\r\n\r\n"
    request = one(b"POST / HTTP/1.1\r\nHost: a\r\n" + H2C + b"Content-Length: %d\r\n\r\n" % len(hidden) + hidden)
    assert request.body == hidden


# --- what is refused --------------------------------------------------------------------------------------------------


def headed(line: bytes, body: bytes = b"") -> bytes:
    return b"POST / HTTP/1.1\r\nHost: a\r\n" + line + b"\r\n\r\n" + body


REFUSED: dict[str, tuple[bytes, int]] = {
    "bare LF after the request line": (b"GET / HTTP/1.1\nHost: a\r\n\r\n", 400),
    "bare LF after a header": (b"GET / HTTP/1.1\r\nHost: a\n\r\n", 400),
    "bare LF at the end of the head": (b"GET / HTTP/1.1\r\nHost: a\r\n\n", 400),
    "bare CR in a header": (headed(b"X: a\rb"), 400),
    "folded header": (headed(b"X: a\r\n b"), 400),
    "folded with a tab": (headed(b"X: a\r\n\tContent-Length: 3"), 400),
    "white space before the first header": (b"GET / HTTP/1.1\r\n Host: a\r\n\r\n", 400),
    "NUL in a value": (headed(b"X: a\0b"), 400),
    "NUL in a name": (headed(b"X\0: a"), 400),
    "control in a value": (headed(b"X: a\x01"), 400),
    "DEL in a value": (headed(b"X: a\x7f"), 400),
    "space before the colon": (headed(b"Content-Length : 3", b"abc"), 400),
    "tab before the colon": (headed(b"Content-Length\t: 3", b"abc"), 400),
    "space in a name": (headed(b"X Y: a"), 400),
    "no name": (headed(b": a"), 400),
    "no colon": (headed(b"X"), 400),
    "length and coding": (headed(b"Content-Length: 5\r\nTransfer-Encoding: chunked", b"0\r\n\r\n"), 400),
    "coding and length": (headed(b"Transfer-Encoding: chunked\r\nContent-Length: 5", b"0\r\n\r\n"), 400),
    "length twice": (headed(b"Content-Length: 3\r\nContent-Length: 4", b"abc"), 400),
    "same length twice": (headed(b"Content-Length: 3\r\nContent-Length: 3", b"abc"), 400),
    "list of lengths": (headed(b"Content-Length: 3, 3", b"abc"), 400),
    "signed length": (headed(b"Content-Length: +3", b"abc"), 400),
    "negative length": (headed(b"Content-Length: -3", b"abc"), 400),
    "hexadecimal length": (headed(b"Content-Length: 0x3", b"abc"), 400),
    "length with a space": (headed(b"Content-Length: 1 0", b"abc"), 400),
    "empty length": (headed(b"Content-Length:", b"abc"), 400),
    "length beyond 64 bits": (headed(b"Content-Length: 18446744073709551619", b"abc"), 400),
    "length of 5000 digits": (headed(b"Content-Length: " + b"0" * 4_999 + b"3", b"abc"), 413),
    "identity": (headed(b"Transfer-Encoding: identity", b"abc"), 400),
    "coding before chunked": (headed(b"Transfer-Encoding: gzip, chunked", b"0\r\n\r\n"), 400),
    "coding after chunked": (headed(b"Transfer-Encoding: chunked, identity", b"0\r\n\r\n"), 400),
    "chunked twice": (headed(b"Transfer-Encoding: chunked, chunked", b"0\r\n\r\n"), 400),
    "coding twice": (headed(b"Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked", b"0\r\n\r\n"), 400),
    "vertical tab in the coding": (headed(b"Transfer-Encoding: \x0bchunked", b"0\r\n\r\n"), 400),
    "quoted coding": (headed(b'Transfer-Encoding: "chunked"', b"0\r\n\r\n"), 400),
    "almost chunked": (headed(b"Transfer-Encoding: xchunked", b"0\r\n\r\n"), 400),
    "empty coding": (headed(b"Transfer-Encoding:", b"0\r\n\r\n"), 400),
    "chunked in HTTP/1.0": (b"POST / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", 400),
    "chunked in persistent HTTP/1.0": (
        b"POST / HTTP/1.0\r\nProxy-Connection: keep-alive\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        400,
    ),
    "trailer": (CHUNKED + b"0\r\nX: y\r\n\r\n", 400),
    "trailing length": (CHUNKED + b"0\r\nContent-Length: 3\r\n\r\n", 400),
    "chunk size with 0x": (CHUNKED + b"0x1\r\na\r\n0\r\n\r\n", 400),
    "signed chunk size": (CHUNKED + b"+1\r\na\r\n0\r\n\r\n", 400),
    "space after a chunk size": (CHUNKED + b"1 \r\na\r\n0\r\n\r\n", 400),
    "bare LF after a chunk size": (CHUNKED + b"1\na\r\n0\r\n\r\n", 400),
    "bare LF after a chunk": (CHUNKED + b"1\r\na\n0\r\n\r\n", 400),
    "LF in a chunk extension": (CHUNKED + b"1;a\nb\r\na\r\n0\r\n\r\n", 400),
    "chunk longer than its size": (CHUNKED + b"1\r\nab\r\n0\r\n\r\n", 400),
    "chunk size beyond 64 bits": (CHUNKED + b"10000000000000001\r\na\r\n0\r\n\r\n", 400),
    "empty chunk size": (CHUNKED + b"\r\n\r\n", 400),
    "no host": (b"GET / HTTP/1.1\r\n\r\n", 400),
    "two hosts": (b"GET / HTTP/1.1\r\nHost: a\r\nhost: a\r\n\r\n", 400),
    "another expectation": (headed(b"Expect: 200-ok\r\nContent-Length: 3", b"abc"), 417),
    "two expectations": (headed(b"Expect: 100-continue\r\nExpect: 100-continue"), 400),
    "HTTP/0.9": (b"GET /\r\n\r\n", 505),
    "HTTP/0.9 by name": (b"GET / HTTP/0.9\r\nHost: a\r\n\r\n", 505),
    "HTTP/1.2": (b"GET / HTTP/1.2\r\nHost: a\r\n\r\n", 400),
    "HTTP/2.0": (b"GET / HTTP/2.0\r\nHost: a\r\n\r\n", 505),
    "HTTP/2.0 that persists": (b"GET / HTTP/2.0\r\nHost: a\r\nConnection: keep-alive\r\n\r\n", 505),
    "the preface of HTTP/2": (b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", 400),
    "RTSP": (b"DESCRIBE / RTSP/1.0\r\nHost: a\r\n\r\n", 501),
    "small letters in the method": (b"get / HTTP/1.1\r\nHost: a\r\n\r\n", 400),
    "small letters in the version": (b"GET / http/1.1\r\nHost: a\r\n\r\n", 400),
    "unheard-of method": (b"MKCOL / HTTP/1.1\r\nHost: a\r\n\r\n", 501),
    "CONNECT": (b"CONNECT a:443 HTTP/1.1\r\nHost: a\r\n\r\n", 400),
    "absolute target": (b"GET http://a/ HTTP/1.1\r\nHost: a\r\n\r\n", 400),
    "absolute target of another host": (b"GET http://b/ HTTP/1.1\r\nHost: a\r\n\r\n", 400),
    "asterisk": (b"OPTIONS * HTTP/1.1\r\nHost: a\r\n\r\n", 400),
    "fragment": (b"GET /#a HTTP/1.1\r\nHost: a\r\n\r\n", 400),
    "space in the target": (b"GET /a b HTTP/1.1\r\nHost: a\r\n\r\n", 400),
    "byte beyond ASCII in the target": (b"GET /\xe9 HTTP/1.1\r\nHost: a\r\n\r\n", 400),
    "NUL in the target": (b"GET /\0 HTTP/1.1\r\nHost: a\r\n\r\n", 400),
    "space after the version": (b"GET / HTTP/1.1 \r\nHost: a\r\n\r\n", 400),
    "a TLS handshake": (b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03", 400),
    "random bytes": (b"\x00\xff\xfe", 400),
}


@pytest.mark.parametrize("name", REFUSED)
def test_is_refused_however_it_is_cut_and_what_came_before_is_delivered(name: str) -> None:
    data, status = REFUSED[name]
    for parts in ([data], [data[place : place + 1] for place in range(len(data))]):
        assert read(parts) == ([], status)
        before, refused = read([post(b"before"), *parts, GET])
        assert [request.body for request, _ in before] == [b"before"]
        assert refused == status


def test_the_sentence_says_what_is_wrong_and_repeats_nothing_of_the_peers() -> None:
    for data, _status in REFUSED.values():
        reader = Reader(Limits(), "", None, Partial())
        reader.feed(data.replace(b"Host: a", b"Host: canary-canary"))
        assert reader.refused is not None
        assert reader.refused.message
        assert b"canary" not in reader.refused.body


# --- cuts -------------------------------------------------------------------------------------------------------------

CORPUS = {
    "signed": post(
        b'{"KeyId":"x"}', b"X-Amz-Target: TrentService.DescribeKey", b"Authorization: AWS4-HMAC-SHA256 Credential=a"
    ),
    "several": post(b"1") + GET + CHUNKED + b"2\r\nab\r\n1;x=y\r\nc\r\n0\r\n\r\n" + post(b"", target=b"/?a=b"),
    "upgrade": b"POST / HTTP/1.1\r\nHost: a\r\n" + H2C + b"Content-Length: 4\r\n\r\nabcd" + GET,
    "upgrade in chunks": b"POST / HTTP/1.1\r\nHost: a\r\n"
    + H2C
    + b"Transfer-Encoding: chunked\r\n\r\n1\r\na\r\n0\r\n\r\n"
    + GET,
    "old": b"GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\nGET /2 HTTP/1.0\r\n\r\n" + GET,
    "expectant": post(b"abc", b"Expect: 100-continue") + GET,
    "empty values": b"GET / HTTP/1.1\r\nA:\r\nB: \r\nHost: a\r\nC:\r\n\r\n" + GET,
    "defect at the end": post(b"1") + GET + b"GET / HTTP/1.1\r\nHost: a\r\nX : y\r\n\r\n",
}


@pytest.mark.parametrize("name", CORPUS)
def test_every_cut_gives_equal_requests(name: str) -> None:
    data = CORPUS[name]
    whole = read([data])
    assert whole[0]
    for place in range(len(data) + 1):
        assert read([data[:place], data[place:]]) == whole
    assert read([data[place : place + 1] for place in range(len(data))]) == whole


def cut(data: bytes, places: Iterable[int]) -> list[bytes]:
    edges = [0, *sorted({place % (len(data) + 1) for place in places}), len(data)]
    return [data[begin:end] for begin, end in pairwise(edges)]


TOKEN = st.text("abcdefghijklmnopqrstuvwxyzABCXYZ0123456789!#$%&'*+-.^_`|~", min_size=1, max_size=12).map(str.encode)
VALUE = st.binary(max_size=30).map(
    lambda raw: bytes(byte for byte in raw if byte == 9 or (byte >= 32 and byte != 127)).strip(b" \t")
)
SPECIAL = {b"host", b"content-length", b"transfer-encoding", b"expect", b"connection", b"proxy-connection", b"upgrade"}


@st.composite
def requests(draw: st.DrawFn) -> tuple[bytes, tuple[str, bytes, list[tuple[bytes, bytes]], bytes]]:
    """A request on the wire, and what must be read from it."""
    method = draw(st.sampled_from(["GET", "POST", "PUT", "DELETE", "PATCH"]))
    target = b"/" + draw(st.text("abc/%20?&=~:@!$'()*+,;.-_", max_size=20)).encode()
    others = draw(st.lists(st.tuples(TOKEN, VALUE), max_size=5))
    headers = [(b"Host", b"a"), *((name, value) for name, value in others if name.lower() not in SPECIAL)]
    body = draw(st.binary(max_size=60))
    wire = body
    if draw(st.booleans()):
        headers.append((b"Transfer-Encoding", b"Chunked"))
        wire = b""
        for part in cut(body, draw(st.lists(st.integers(0, 60), max_size=4))):
            if part:
                wire += b"%x%b\r\n%b\r\n" % (len(part), draw(st.sampled_from([b"", b";a", b';a="b c"'])), part)
        wire += b"0\r\n\r\n"
    elif body or draw(st.booleans()):
        headers.append((b"Content-Length", b"%d" % len(body)))
    else:
        wire = body = b""
    space = draw(st.sampled_from([b"", b" ", b"\t "]))
    lines = b"".join(name + b":" + space + value + b"\r\n" for name, value in headers)
    expected = (method, target, [(name.lower(), value) for name, value in headers], body)
    return method.encode() + b" " + target + b" HTTP/1.1\r\n" + lines + b"\r\n" + wire, expected


@given(st.lists(requests(), min_size=1, max_size=4), st.lists(st.integers(0, 2_000), max_size=12))
def test_what_is_written_by_the_rules_is_read_back_however_it_is_cut(several: list, places: list[int]) -> None:
    got, refused = read(cut(b"".join(wire for wire, _ in several), places))
    assert refused is None
    assert [(request.method, request.target, request.headers, request.body) for request, _ in got] == [
        expected for _, expected in several
    ]


PIECES = st.sampled_from(
    [GET, CHUNKED, H2C, b"\r\n", b"\n", b"\r", b" ", b"0\r\n\r\n", b"5\r\nhello\r\n", b"Content-Length: 5\r\n", b"hello", b"HTTP/1.1\r\n",
     b"POST / ", b"Host: a\r\n", b"Transfer-Encoding: chunked\r\n", b"Expect: 100-continue\r\n", b"Connection: close\r\n", b"\0", b":"]
)  # fmt: skip


@given(st.lists(PIECES | st.binary(max_size=8), max_size=14).map(b"".join), st.lists(st.integers(0, 600), max_size=6))
def test_any_bytes_are_read_alike_however_they_are_cut(data: bytes, places: list[int]) -> None:
    assert read(cut(data, places)) == read([data])


# --- sizes ------------------------------------------------------------------------------------------------------------


def test_the_head_may_be_as_large_as_the_limit_and_not_larger() -> None:
    limits = Limits(head_bytes=500)
    frame = len(b"GET / HTTP/1.1\r\nHost: a\r\nX: \r\n\r\n")
    for size, status in ((500, None), (501, 431)):
        data = b"GET / HTTP/1.1\r\nHost: a\r\nX: " + b"x" * (size - frame) + b"\r\n\r\n"
        assert len(data) == size
        assert read([data], limits)[1] == status
        assert read([data[:100], data[100:]], limits)[1] == status
        assert read([post(b"y" * 400) + data], limits)[1] == status


def test_the_number_of_headers_is_limited() -> None:
    for count, status in ((100, None), (101, 431)):
        data = b"GET / HTTP/1.1\r\nHost: a\r\n" + b"X: y\r\n" * (count - 1) + b"\r\n"
        assert read([data])[1] == status


def test_the_length_of_the_target_is_limited() -> None:
    limits = Limits(target_bytes=50)
    for length, status in ((50, None), (51, 414)):
        assert read([b"GET /" + b"a" * (length - 1) + b" HTTP/1.1\r\nHost: a\r\n\r\n"], limits)[1] == status


@pytest.mark.parametrize(
    "start", [b"", b"G", b"GET /", b"GET / HTTP/1.1\r\n", b"GET / HTTP/1.1\r\nHost: a\r\nX: ", b"GET / HTTP/1.1\r\nHo"]
)
def test_a_head_without_end_is_refused_before_it_is_three_times_too_large(start: bytes) -> None:
    reader = Reader(Limits(head_bytes=1_000), "", None, Partial())
    fed = len(start)
    reader.feed(start)
    while reader.refused is None and fed < 10_000:
        reader.feed(b"E" * 100 if start == b"G" else b"x" * 100)
        fed += 100
    assert reader.refused is not None
    assert fed <= 3_000


def test_a_declared_body_too_large_is_refused_before_a_byte_of_it() -> None:
    limits = Limits(body_bytes=1_000)
    head = b"POST / HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: %d\r\n\r\n"
    assert read([head % 1_000], limits) == ([], None)
    assert read([head % 1_001], limits) == ([], 413)


def test_chunks_are_counted_while_they_arrive() -> None:
    limits = Limits(body_bytes=1_000)
    assert len(read([CHUNKED, b"3e8\r\n", b"x" * 1_000, b"\r\n0\r\n\r\n"], limits)[0]) == 1
    assert read([CHUNKED, b"3e9\r\n", b"x" * 1_000], limits) == ([], None)
    assert read([CHUNKED, b"3e9\r\n", b"x" * 1_001], limits) == ([], 413)


@pytest.mark.parametrize("more", [b"1\r\nx\r\n", b"1;" + b"e" * 90 + b"\r\nx\r\n"])
def test_chunks_that_are_nearly_all_framing_are_refused(more: bytes) -> None:
    assert read([CHUNKED, *[more] * 10_000], Limits(head_bytes=1_000)) == ([], 400)


@pytest.mark.parametrize("start", [b"1;", b"1\r\nx\r\n0\r\nX: ", b"0\r\n"])
def test_an_extension_or_trailer_without_end_is_refused(start: bytes) -> None:
    assert read([CHUNKED, start, *[b"e" * 100] * 50], Limits(head_bytes=1_000)) == ([], 400)


def test_unfinished_bodies_share_a_limit_and_give_it_back() -> None:
    partial = Partial()
    limits = Limits(partial_bytes=1_000)
    first, second, third = (Reader(limits, "", None, partial) for _ in range(3))
    first.feed(post(b"x" * 700)[:-1])
    assert partial.used == 699
    second.feed(post(b"x" * 700)[:-1])
    assert second.refused is not None
    assert second.refused.status == 503
    assert partial.used == 699
    first.feed(b"x")
    assert partial.used == 0
    assert first.requests[0][0].body == b"x" * 700
    third.feed(post(b"x" * 700)[:-1])
    third.close()
    assert partial.used == 0


def test_the_reader_says_where_it_is() -> None:
    reader = Reader(Limits(), "", None, Partial())
    data = post(b"ab", b"Expect: 100-continue")
    phases = []
    for place in range(len(data)):
        phases.append(reader.phase)
        reader.feed(data[place : place + 1])
        assert reader.continues is (place == len(data) - 3)
    head = len(data) - 2
    assert phases == [IDLE] + [HEAD] * (head - 1) + [BODY] * 2
    assert reader.phase == IDLE


# --- the tests above bite ---------------------------------------------------------------------------------------------


class Forgetful(Reader):
    """Delivers trailers as headers, as a parser without rules of its own does."""

    def on_header(self, name: bytes, value: bytes) -> None:
        self.phase = HEAD
        super().on_header(name, value)


class Hasty(Reader):
    """Ends a body at the end of what has arrived, so that the cut decides."""

    def feed(self, data: bytes | memoryview) -> None:
        super().feed(data)
        if self.phase == BODY and self._size:
            self.on_message_complete()


def test_a_reader_that_takes_trailers_for_headers_is_noticed() -> None:
    assert read([REFUSED["trailer"][0]], make=Forgetful) != ([], 400)


def test_a_reader_to_whom_cuts_matter_is_noticed() -> None:
    data = CORPUS["signed"]
    whole = read([data], make=Hasty)
    assert any(read([data[:place], data[place:]], make=Hasty) != whole for place in range(len(data)))
