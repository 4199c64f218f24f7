"""Presigned requests: the signature in the query, and a life of their own."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest
from tests.http.sigv4_edits import (
    refusal_of,
    with_header,
    with_target,
)
from tests.http.sigv4_oracle import NOW, SESSION, check, sign

from keystead.http.message import Request


def presigned_request() -> Request:
    return sign("GET", "http://localhost/?Action=x", [], b"", expires=60)


@pytest.mark.parametrize("name", ["Credential", "Signature", "SignedHeaders", "Date", "Expires"])
def test_each_parameter_of_a_presigned_request_is_required(name: str) -> None:
    request = with_target(presigned_request(), f"X-Amz-{name}=".encode(), f"X-Amy-{name}=".encode())
    assert refusal_of(request).message == (
        f"AWS query-string parameters must include 'X-Amz-{name}'. Re-examine the query-string parameters."
    )


@pytest.mark.parametrize("name", [b"Algorithm", b"Credential", b"Signature", b"SignedHeaders", b"Date", b"Expires"])
def test_no_parameter_of_a_presigned_request_may_be_repeated(name: bytes) -> None:
    request = presigned_request()
    again = next(part for part in request.target.split(b"&") if part.startswith(b"X-Amz-" + name))
    assert refusal_of(replace(request, target=request.target + b"&" + again)).message == (
        "AWS query-string parameters must not be repeated. Re-examine the query-string parameters."
    )


@pytest.mark.parametrize("expires", [b"0", b"-1", b"604801", b"1e3", b"9" * 5000, b"\xb2", b"%31"])
def test_a_presigned_request_lives_between_a_second_and_a_week(expires: bytes) -> None:
    request = with_target(presigned_request(), b"X-Amz-Expires=60", b"X-Amz-Expires=" + expires)
    refusal = refusal_of(request)
    assert refusal.code == "IncompleteSignatureException"
    assert refusal.message is not None
    assert refusal.message.startswith("X-Amz-Expires ")


def test_an_expired_presigned_request_is_told_its_own_window() -> None:
    request = sign("GET", body=b"", headers=[], expires=90, at=NOW - timedelta(seconds=91))
    assert refusal_of(request).message == (
        "Signature expired: 20261123T235659Z is now earlier than 20261123T235700Z (20261123T235830Z - 1.5 min.)"
    )


def test_the_token_of_a_presigned_request_stands_in_the_query() -> None:
    request = sign("GET", body=b"", headers=[], expires=60, credential=SESSION)
    assert check(request).access_key_id == SESSION.access_key_id
    assert SESSION.session_token is not None
    doubled = with_header(request, b"x-amz-security-token", SESSION.session_token.encode())
    assert refusal_of(doubled).message == "'X-Amz-Security-Token' of a presigned request must be a query-string param."
