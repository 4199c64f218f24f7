"""What clients send and the verifier accepts, the quirks of some clients among it."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import pytest
from tests.http.sigv4_edits import (
    AUTHORIZATION,
    MISMATCH,
    edited,
    refusal_of,
    with_header,
)
from tests.http.sigv4_oracle import ALICE, LONG_TERM, NOW, REGIONS, check, claimed, sign

from keystead.domain.caller import Credential
from keystead.http.message import Request
from keystead.http.sigv4 import verify


def test_the_caller_is_who_owns_the_access_key() -> None:
    caller = check(sign(region="eu-central-1"))
    assert (caller.principal, caller.access_key_id, caller.region, caller.via) == (
        ALICE,
        LONG_TERM.access_key_id,
        "eu-central-1",
        None,
    )


def test_the_example_of_the_iam_user_guide_is_accepted() -> None:
    request = Request(
        "GET",
        b"/?Action=ListUsers&Version=2010-05-08",
        [
            (b"host", b"iam.amazonaws.com"),
            (b"content-type", b"application/x-www-form-urlencoded; charset=utf-8"),
            (b"x-amz-date", b"20150830T123600Z"),
            (
                AUTHORIZATION,
                b"AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/20150830/us-east-1/iam/aws4_request, "
                b"SignedHeaders=content-type;host;x-amz-date, "
                b"Signature=5d672d79c15b13162d9279b0855cfba6789a8edb4c82c400e06b5924a6f2b5d7",
            ),
        ],
        b"",
        "127.0.0.1",
    )
    credential = Credential("AKIDEXAMPLE", b"wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY", ALICE)
    caller = verify(
        request,
        lambda access_key_id, token: credential,
        datetime(2015, 8, 30, 12, 36, tzinfo=UTC).timestamp(),
        service="iam",
        regions=REGIONS,
        default_region="us-east-1",
    )
    assert caller.access_key_id == "AKIDEXAMPLE"


def test_a_client_that_knows_no_region_signs_an_empty_one_and_gets_the_default() -> None:
    """Go's SDK v2 does so when it was given an endpoint resolver without a signing region."""
    request = sign(region="")
    assert b"/20261123//kms/aws4_request" in dict(request.headers)[AUTHORIZATION]
    assert check(request).region == "us-east-1"
    assert refusal_of(edited(request, b"//kms", b"/us-east-1/kms")).message == MISMATCH


def test_host_counts_as_it_was_sent_without_port_and_without_a_space() -> None:
    """libmongocrypt signs ``Host:127.0.0.1`` although it talks to port 4599."""
    request = sign(
        url="http://127.0.0.1:4599/", headers=[("X-Amz-Target", "TrentService.Encrypt"), ("Host", "127.0.0.1")]
    )
    assert check(request).arn == ALICE.arn
    assert refusal_of(with_header(request, b"host", b"127.0.0.1:4599")).message == MISMATCH


def test_all_listed_headers_count_whatever_they_are() -> None:
    """Go and Java sign headers of their own and the content length; an unsigned Accept-Encoding joins them."""
    request = sign(
        headers=[
            ("X-Amz-Target", "TrentService.ListKeys"),
            ("Amz-Sdk-Invocation-Id", "9c66c0a5-7d5f-4a5b-9b7a-1a2b3c4d5e6f"),
            ("Amz-Sdk-Request", "attempt=1; max=3"),
            ("Content-Length", "2"),
            ("Content-Type", "application/x-amz-json-1.1"),
        ]
    )
    assert claimed(request)["SignedHeaders"].startswith("amz-sdk-invocation-id;amz-sdk-request;content-length;")
    request.headers.append((b"accept-encoding", b"gzip"))
    assert check(request).arn == ALICE.arn
    assert refusal_of(with_header(request, b"content-length", b"3")).message == MISMATCH


@pytest.mark.parametrize(
    "rewrite",
    [
        lambda value: value.replace(b", ", b","),
        lambda value: value.replace(b", ", b" ,  "),
        lambda value: b"AWS4-HMAC-SHA256 " + b", ".join(reversed(value.partition(b" ")[2].split(b", "))),
        lambda value: b"  " + value + b"\t",
    ],
)
def test_the_parts_of_authorization_may_stand_in_any_order_and_spacing(rewrite: Callable[[bytes], bytes]) -> None:
    request = sign()
    assert check(with_header(request, AUTHORIZATION, rewrite(dict(request.headers)[AUTHORIZATION]))).arn == ALICE.arn


def test_signed_headers_are_a_set_so_their_order_is_no_matter() -> None:
    names = claimed(sign())["SignedHeaders"].encode()
    backwards = b";".join(reversed(names.split(b";")))
    assert check(edited(sign(), b"SignedHeaders=" + names, b"SignedHeaders=" + backwards)).arn == ALICE.arn


def test_the_date_header_dates_a_request_without_x_amz_date() -> None:
    request = sign(headers=[("X-Amz-Target", "TrentService.ListKeys"), ("Date", "")])
    assert dict(request.headers)[b"date"] == b"Mon, 23 Nov 2026 23:58:30 -0000"
    assert check(request).arn == ALICE.arn
    assert refusal_of(with_header(request, b"date", b"Mon, 23 Nov 2026 23:58:31 -0000")).message == MISMATCH


def test_x_amz_date_is_the_date_and_a_date_header_beside_it_is_not() -> None:
    assert check(with_header(sign(), b"date", b"Thu, 01 Jan 1970 00:00:00 GMT")).arn == ALICE.arn


@pytest.mark.parametrize("expires", [1, 604800])
def test_a_presigned_request_lives_as_long_as_it_says(expires: int) -> None:
    request = sign("GET", body=b"", expires=expires, headers=[])
    assert check(request, NOW + timedelta(seconds=expires)).arn == ALICE.arn
    assert refusal_of(request, NOW + timedelta(seconds=expires + 1)).code == "InvalidSignatureException"


def test_a_stated_payload_hash_must_be_that_of_the_body() -> None:
    body = b'{"KeyId":"alias/x"}'
    right = [("X-Amz-Content-SHA256", hashlib.sha256(body).hexdigest())]
    assert check(sign(headers=right, body=body)).arn == ALICE.arn
