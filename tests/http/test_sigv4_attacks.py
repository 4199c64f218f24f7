"""What somebody between client and server may not do to a signed request."""

from __future__ import annotations

import hashlib
from dataclasses import replace

import pytest
from tests.http.sigv4_edits import (
    MISMATCH,
    edited,
    refusal_of,
    with_header,
    with_target,
)
from tests.http.sigv4_oracle import ALICE, SESSION, check, claimed, sign

from keystead.http.canonical import SignedHeaders, canonical_request


@pytest.mark.parametrize(
    "name", [b"x-amz-target", b"x-amz-date", b"x-amz-security-token", b"x-amz-content-sha256", b"x-amz-anything"]
)
def test_a_header_that_steers_cannot_be_added_unsigned(name: bytes) -> None:
    request = sign(headers=[("Date", "")])
    assert check(request).arn == ALICE.arn
    value = dict(request.headers).get(name) or b"20261123T235830Z"
    refusal = refusal_of(with_header(request, name, value))
    title = name.decode().title()
    assert refusal.message == f"'{title}' must be a 'SignedHeader' in the AWS Authorization."


def test_an_unsigned_date_header_does_not_date_a_request() -> None:
    request = sign(headers=[("Date", "")])
    refusal = refusal_of(edited(request, b"SignedHeaders=date;", b"SignedHeaders="))
    assert refusal.message == "'Date' must be a 'SignedHeader' in the AWS Authorization."


@pytest.mark.parametrize(
    "name", [b"x-amz-target", b"x-amz-date", b"host", b"authorization", b"x-amz-security-token", b"content-type"]
)
@pytest.mark.parametrize("position", [0, 99])
def test_a_header_that_steers_cannot_be_sent_twice(name: bytes, position: int) -> None:
    request = sign(headers=[("X-Amz-Target", "TrentService.Encrypt"), ("Content-Type", "a/b")], credential=SESSION)
    request.headers.insert(position, (name, dict(request.headers)[name]))
    assert refusal_of(request).message == f"'{name.decode().title()}' must not be repeated."


def test_host_must_be_signed_even_when_no_header_is_sent() -> None:
    request = sign("GET", body=b"", headers=[], expires=60)
    bare = with_target(replace(request, headers=[]), b"SignedHeaders=host", b"SignedHeaders=accept")
    assert refusal_of(bare).message == "'Host' or ':authority' must be a 'SignedHeader' in the AWS Authorization."


def test_the_php_sdk_may_leave_its_name_and_the_content_type_unsigned() -> None:
    request = sign()
    request.headers += [(b"x-amz-user-agent", b"aws-sdk-php/3"), (b"content-type", b"application/x-amz-json-1.1")]
    assert check(request).arn == ALICE.arn


@pytest.mark.parametrize(
    "stated",
    [
        "UNSIGNED-PAYLOAD",
        "STREAMING-AWS4-HMAC-SHA256-PAYLOAD",
        "STREAMING-UNSIGNED-PAYLOAD-TRAILER",
        "",
        hashlib.sha256(b"{}").hexdigest().upper(),
        hashlib.sha256(b"other").hexdigest(),
    ],
)
def test_a_payload_that_is_not_signed_is_refused(stated: str) -> None:
    request = sign(headers=[("X-Amz-Content-SHA256", stated)])
    message = (
        "The provided 'x-amz-content-sha256' does not match what was computed; unsigned payloads are not accepted."
    )
    assert refusal_of(request).message == message
    presigned = sign("GET", f"http://a/?X-Amz-Content-Sha256={stated}", [], b"", expires=60)
    if stated:
        assert refusal_of(presigned).message == message


def test_a_body_cannot_be_given_to_a_presigned_request() -> None:
    request = sign("POST", body=b"", expires=60, headers=[("X-Amz-Target", "TrentService.ListKeys")])
    assert check(request).arn == ALICE.arn
    assert refusal_of(replace(request, body=b"{}")).message == MISMATCH


def test_an_operation_cannot_be_given_to_a_presigned_request() -> None:
    request = with_header(sign("POST", body=b"", expires=60, headers=[]), b"x-amz-target", b"TrentService.Encrypt")
    assert refusal_of(request).message == "'X-Amz-Target' must be a 'SignedHeader' in the AWS Authorization."


@pytest.mark.parametrize("method", ["GET\n/\n\nhost:a", "POST\n", "\udcff", "POST", "ĀĀ"])
@pytest.mark.parametrize("target", [b"/?a\nhost:b", b"/\nhost:b?a", b"/?\n", b"/?a\r\n", b"/\x00"])
def test_no_line_of_the_canonical_request_can_be_forged(method: str, target: bytes) -> None:
    assert refusal_of(replace(sign(), method=method, target=target)).message == MISMATCH


@pytest.mark.parametrize("byte", [b"\x00", b"\t", b"\n", b" ", b"#", b"\x7f", b"\xc3"])
def test_nothing_hides_in_a_segment_that_two_dots_take_away(byte: bytes) -> None:
    request = sign(url="http://localhost/a/../b")
    assert check(request).arn == ALICE.arn
    assert check(with_target(request, b"/a/", b"/x%00/")).arn == ALICE.arn, "it is gone, whatever it was"
    assert refusal_of(with_target(request, b"/a/", b"/a" + byte + b"/")).message == MISMATCH


@pytest.mark.parametrize(
    ("method", "query", "name"),
    [("GET\n", b"", b"host"), ("GET", b"a=\nb", b"host"), ("GET", b"", b"ho\nst")],
)
def test_a_canonical_request_with_a_line_too_many_is_none(method: str, query: bytes, name: bytes) -> None:
    def lines(method: str, query: bytes, name: bytes) -> bytes | None:
        return canonical_request(method, b"/", query, {name: b"a\nb"}, SignedHeaders.of([name]), "0" * 64)

    assert lines(method.strip(), query.replace(b"\n", b""), name.replace(b"\n", b"")) is not None
    assert lines(method, query, name) is None


def test_a_line_break_in_a_signed_name_or_value_forges_no_line() -> None:
    request = with_header(sign(), b"x-amz-target", b"TrentService.Encrypt\nx-more:1")
    assert refusal_of(request).message == MISMATCH
    names = claimed(sign("GET", body=b"", headers=[], expires=60))
    assert names["SignedHeaders"] == "host"
    presigned = sign("GET", body=b"", headers=[], expires=60)
    forged = with_target(presigned, b"SignedHeaders=host", b"SignedHeaders=host%3Bx%0Ay")
    assert refusal_of(with_header(forged, b"x\ny", b"1")).message == MISMATCH
