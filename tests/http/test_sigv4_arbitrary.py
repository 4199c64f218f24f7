"""Whatever arrives, the verifier answers with a caller or a refusal, soon, and remembers little of it."""

from __future__ import annotations

import time
import tracemalloc
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.http.sigv4_oracle import HARMLESS, LONG_TERM, NOW, REGIONS, SESSION, difference_without_meaning, sign

from keystead.domain.caller import Credential
from keystead.errors import Refusal
from keystead.http import claims
from keystead.http.message import Request
from keystead.http.sigv4 import verify

SECONDS = 2.0
"""A refusal of a request of a megabyte takes some hundredths of a second; the rest is for a machine that is busy."""


def verified(request: Request, now: float = NOW.timestamp(), credential: Credential | None = LONG_TERM) -> bool:
    """Whether it was accepted. Any exception but a refusal fails the test."""
    try:
        verify(
            request,
            lambda access_key_id, token: credential,
            now,
            service="kms",
            regions=REGIONS,
            default_region="us-east-1",
        )
    except Refusal as refusal:
        sentence = refusal.message or ""
    else:
        return True
    assert sentence.isascii()
    assert 0 < len(sentence) < 2_000
    return False


SIGNED = [
    sign(headers=[("X-Amz-Target", "TrentService.Encrypt"), ("X-More", "a"), ("X-More", " b  c")], credential=SESSION),
    sign("GET", "http://a/b/../c?d=e&d", [], b"", expires=60, credential=SESSION),
    sign(headers=[("Date", "")]),
]
PIECES = sorted(
    {
        piece
        for request in SIGNED
        for text in (request.target, *(part for field in request.headers for part in field))
        for piece in (text, *text.replace(b"&", b" ").replace(b",", b" ").replace(b"/", b" / ").split())
    }
    | {
        b"X-Amz-Algorithm=AWS4-HMAC-SHA256",
        b"?",
        b"&",
        b"=",
        b";",
        b",",
        b"%",
        b"%zz",
        b"\x00",
        b"\n",
        b"\xff",
        b"\xb2",
    }
)
TEXTS = st.one_of(st.binary(max_size=60), st.lists(st.sampled_from(PIECES), max_size=12).map(b"".join))
NAMES = st.one_of(TEXTS, st.sampled_from(sorted({name for request in SIGNED for name, _ in request.headers})))
METHODS = st.one_of(st.sampled_from(["GET", "POST"]), st.text(max_size=5), st.just("\udcff"))
MOMENTS = st.one_of(st.just(NOW.timestamp()), st.floats(min_value=-1e9, max_value=1e11))


@given(METHODS, TEXTS, st.lists(st.tuples(NAMES, TEXTS), max_size=12), TEXTS, MOMENTS)
def test_arbitrary_requests_are_refused(
    method: str, target: bytes, headers: list[tuple[bytes, bytes]], body: bytes, now: float
) -> None:
    assert not verified(Request(method, target, headers, body, "unix"), now)


@given(st.sampled_from(SIGNED), st.data())
def test_signed_requests_with_arbitrary_parts_are_refused_or_mean_the_same(
    request: Request, data: st.DataObject
) -> None:
    which = data.draw(st.integers(0, len(request.headers)))
    text = data.draw(TEXTS)
    if which == len(request.headers):
        spoilt = replace(request, target=text)
    else:
        spoilt = replace(request, headers=list(request.headers))
        spoilt.headers[which] = (spoilt.headers[which][0], text)
    credential = SESSION if request is not SIGNED[2] else LONG_TERM
    assert verified(request, credential=credential)
    if verified(spoilt, credential=credential):
        assert spoilt == request or difference_without_meaning(request, spoilt) in HARMLESS


@given(st.binary(max_size=300))
def test_arbitrary_authorization_is_refused(text: bytes) -> None:
    request = sign()
    for value in (text, b"AWS4-" + text, b"AWS4-HMAC-SHA256 " + text, b"AWS4-HMAC-SHA256 Credential=" + text):
        headers = [(name, value if name == b"authorization" else sent) for name, sent in request.headers]
        assert not verified(replace(request, headers=headers))


def authorized(value: bytes) -> Request:
    request = sign()
    return replace(
        request, headers=[(name, value if name == b"authorization" else sent) for name, sent in request.headers]
    )


MEGABYTE = 1_000_000
HUGE = {
    "authorization of commas": lambda: authorized(b"AWS4-HMAC-SHA256 " + b"a=b," * (MEGABYTE // 4)),
    "authorization of one word": lambda: authorized(b"AWS4-" + b"A" * MEGABYTE),
    "authorization of spaces": lambda: authorized(b" " * MEGABYTE + b"AWS4-HMAC-SHA256" + b" " * MEGABYTE),
    "ten thousand headers": lambda: replace(
        sign(), headers=[*sign().headers, *[(b"x-%d" % number, b"a" * 90) for number in range(10_000)]]
    ),
    "one header ten thousand times": lambda: replace(sign(), headers=[*sign().headers, *[(b"x", b"a b  c")] * 10_000]),
    "a signed header of spaces": lambda: sign(headers=[("x", " a" * (MEGABYTE // 2))]),
    "a query of a hundred thousand parameters": lambda: replace(sign(), target=b"/?" + b"a=b&" * 100_000),
    "a presigned query of as many": lambda: replace(
        sign("GET", body=b"", expires=60), target=sign("GET", body=b"", expires=60).target + b"&a=b" * 100_000
    ),
    "a presigned list of as many headers": lambda: replace(
        sign("GET", body=b"", expires=60),
        target=sign("GET", body=b"", expires=60).target.replace(b"=host", b"=host" + b";a" * 100_000),
    ),
    "a path of dots": lambda: replace(sign(), target=b"/../." * (MEGABYTE // 5)),
    "a path of percent signs": lambda: replace(sign(), target=b"/" + b"%" * MEGABYTE),
    "a date of spaces": lambda: replace(
        sign(headers=[("Date", "")]),
        headers=[
            (name, b" " * MEGABYTE if name == b"date" else sent) for name, sent in sign(headers=[("Date", "")]).headers
        ],
    ),
    "an endless expiry": lambda: replace(
        sign("GET", body=b"", expires=60),
        target=sign("GET", body=b"", expires=60).target.replace(b"Expires=60", b"Expires=" + b"9" * MEGABYTE),
    ),
}


@pytest.mark.parametrize("kind", HUGE)
def test_a_huge_request_is_refused_soon(kind: str) -> None:
    request = HUGE[kind]()
    started = time.process_time()
    assert not verified(request, credential=None)
    assert time.process_time() - started < SECONDS


def test_what_strangers_send_is_not_kept() -> None:
    """The parsed heads and dates are memoised; neither their number nor their size follows what arrives."""

    def strange(number: int) -> Request:
        names = b";".join([b"host", b"x-amz-date", *[b"%d" % (number * 100 + name) for name in range(97)]])
        scope = b"Credential=%d/20261123/us-east-1/kms/aws4_request" % number
        return authorized(b"AWS4-HMAC-SHA256 " + scope + b", SignedHeaders=" + names + b", Signature=" + b"0" * 64)

    requests = [strange(number) for number in range(1_000)]
    tracemalloc.start()
    try:
        for request in requests:
            assert not verified(request)
        kept, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert claims._parse_head.cache_info().currsize == 512
    assert kept < 20_000_000
