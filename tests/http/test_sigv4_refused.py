"""What the verifier refuses: in AWS's order, and in AWS's words."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta

import pytest
from tests.http.sigv4_edits import (
    AUTHORIZATION,
    MISMATCH,
    break_signature,
    edited,
    refusal_of,
    with_header,
    without_header,
)
from tests.http.sigv4_oracle import ALICE, NOW, REGIONS, check, claimed, find_credential, sign

from keystead.errors import Refusal
from keystead.http.message import Request
from keystead.http.sigv4 import verify

INVALID_TOKEN = "The security token included in the request is invalid."


def hashed(request: Request) -> str:
    return base64.b64encode(hashlib.sha256(dict(request.headers)[AUTHORIZATION]).digest()).decode()


def break_key(request: Request) -> Request:
    return edited(request, b"AKIAIOSFODNN7EXAMPLE", b"AKIANOBODYEXAMPLE")


def break_scope(request: Request) -> Request:
    return edited(request, b"/us-east-1/kms/aws4_request", b"/mars/s3/aws3_request")


def break_credential(request: Request) -> Request:
    return edited(request, b"Credential=", b"Credential=one/more/")


def break_algorithm(request: Request) -> Request:
    return edited(request, b"AWS4-HMAC-SHA256", b"AWS4-HMAC-SHA1")


def break_host(request: Request) -> Request:
    return edited(request, b"host;", b"")


def break_age(request: Request) -> Request:
    return with_header(request, b"x-amz-date", b"20261123T230000Z")


def break_date(request: Request) -> Request:
    return with_header(request, b"x-amz-date", b"Monday")


def break_parts(request: Request) -> Request:
    return edited(request, b"Signature=", b"Sginature=")


def break_scheme(request: Request) -> Request:
    return with_header(request, AUTHORIZATION, b"Bearer abc")


def break_form(request: Request) -> Request:
    return replace(request, target=b"/?X-Amz-Algorithm=AWS4-HMAC-SHA256")


CHECKS: list[tuple[Callable[[Request], Request], str, str]] = [
    (
        break_form,
        "InvalidSignatureException",
        "Found both 'X-Amz-Algorithm' as a query-string param and 'Authorization' as HTTP header.",
    ),
    (break_scheme, "MissingAuthenticationTokenException", "Request is missing Authentication Token"),
    (break_parts, "IncompleteSignatureException", "Authorization header requires 'Signature' parameter. "),
    (
        break_date,
        "IncompleteSignatureException",
        "Date must be in ISO-8601 'basic format'. Got 'Monday'. See http://en.wikipedia.org/wiki/ISO_8601",
    ),
    (
        break_age,
        "InvalidSignatureException",
        "Signature expired: 20261123T230000Z is now earlier than 20261123T235330Z (20261123T235830Z - 5 min.)",
    ),
    (
        break_host,
        "InvalidSignatureException",
        "'Host' or ':authority' must be a 'SignedHeader' in the AWS Authorization.",
    ),
    (
        break_algorithm,
        "IncompleteSignatureException",
        "Unsupported AWS 'algorithm': 'AWS4-HMAC-SHA1' (only AWS4-HMAC-SHA256 for now). ",
    ),
    (
        break_credential,
        "IncompleteSignatureException",
        "Credential must have exactly 5 slash-delimited elements, e.g. keyid/date/region/service/term, got '",
    ),
    (
        break_scope,
        "InvalidSignatureException",
        "Credential should be scoped to a valid region, not 'mars'. "
        "Credential should be scoped to correct service: 'kms'. "
        "Credential should be scoped with a valid terminator: 'aws4_request', not 'aws3_request'. ",
    ),
    (break_key, "UnrecognizedClientException", INVALID_TOKEN),
    (break_signature, "InvalidSignatureException", MISMATCH),
]


@pytest.mark.parametrize(("spoil", "code", "sentence"), CHECKS, ids=[spoil.__name__ for spoil, _, _ in CHECKS])
def test_each_defect_has_its_own_refusal(spoil: Callable[[Request], Request], code: str, sentence: str) -> None:
    refusal = refusal_of(spoil(sign()))
    assert refusal.code == code
    assert refusal.status == 400
    assert refusal.message is not None
    assert refusal.message.startswith(sentence)


@pytest.mark.parametrize("first", range(len(CHECKS) - 1))
def test_of_two_defects_the_one_that_is_checked_first_is_told(first: int) -> None:
    spoil, code, sentence = CHECKS[first]
    for later, _, _ in CHECKS[first + 1 :]:
        refusal = refusal_of(spoil(later(sign())))
        assert (refusal.code, (refusal.message or "").startswith(sentence)) == (code, True), later.__name__


def test_no_signature_at_all_is_a_missing_token() -> None:
    assert refusal_of(without_header(sign(), AUTHORIZATION)).code == "MissingAuthenticationTokenException"


def test_all_missing_parts_are_told_at_once_and_the_header_only_by_its_hash() -> None:
    bare = without_header(with_header(sign(), AUTHORIZATION, b"AWS4-HMAC-SHA256"), b"x-amz-date")
    assert refusal_of(bare).message == (
        "Authorization header requires 'Credential' parameter. Authorization header requires 'Signature' parameter. "
        "Authorization header requires 'SignedHeaders' parameter. "
        "Authorization header requires existence of either a 'X-Amz-Date' or a 'Date' header. "
        f"(Hashed with SHA-256 and encoded with Base64) Authorization={hashed(bare)}"
    )


def test_a_part_without_equals_sign_is_told_by_the_hash_of_the_header() -> None:
    request = edited(sign(), b"Credential=", b"Credential ")
    assert refusal_of(request).message == (
        "Invalid key=value pair (missing equal-sign) in Authorization header (hashed with SHA-256 and encoded with "
        f"Base64): '{hashed(request)}'."
    )


@pytest.mark.parametrize("extra", [b", Signature=" + b"0" * 64, b", SignedHeaders=host", b", Extra=1", b","])
def test_parts_that_are_repeated_or_unknown_are_refused(extra: bytes) -> None:
    request = with_header(sign(), AUTHORIZATION, dict(sign().headers)[AUTHORIZATION] + extra)
    assert refusal_of(request).code == "IncompleteSignatureException"


def test_a_request_from_the_future_is_not_yet_current_and_the_window_is_printed_in_minutes() -> None:
    with pytest.raises(Refusal) as caught:
        verify(
            sign(at=NOW + timedelta(seconds=901)),
            find_credential,
            NOW.timestamp(),
            service="kms",
            regions=REGIONS,
            default_region="us-east-1",
            skew=900.0,
        )
    assert caught.value.message == (
        "Signature not yet current: 20261124T001331Z is still later than 20261124T001330Z (20261123T235830Z + 15 min.)"
    )


@pytest.mark.parametrize("seconds", [-300, 300])
def test_the_edge_of_the_window_is_inside(seconds: int) -> None:
    assert check(sign(at=NOW + timedelta(seconds=seconds))).arn == ALICE.arn
    beyond = sign(at=NOW + timedelta(seconds=seconds + (1 if seconds > 0 else -1)))
    assert refusal_of(beyond).code == "InvalidSignatureException"


@pytest.mark.parametrize(
    "date",
    [
        b"",
        b"20261123",
        b"20261123T235830",
        b"2026-11-23T23:58:30Z",
        b"20261323T235830Z",
        b"00001123T235830Z",
        b"20261123T235860Z",
        b"20261123T2358\xb20Z",
        b"+0261123T235830Z",
        b"20261123t235830z",
    ],
)
def test_a_date_in_another_format_is_refused(date: bytes) -> None:
    message = refusal_of(with_header(sign(), b"x-amz-date", date)).message
    assert message is not None
    assert message.startswith("Date must be in ISO-8601 'basic format'. Got '")


def test_the_scope_must_be_dated_like_the_request() -> None:
    request = edited(sign(), b"/20261123/", b"/20261122/")
    assert refusal_of(request).message == (
        "Date in Credential scope does not match YYYYMMDD from ISO-8601 version of date from HTTP: "
        "'20261122' != '20261123', from '20261123T235830Z'."
    )


def test_sentences_show_what_the_caller_sent_only_as_printable_ascii_and_cut() -> None:
    message = refusal_of(edited(sign(), b"us-east-1", b"\xffm\x00a\nrs" + b"s" * 1000)).message
    assert message is not None
    assert "not '\\xffm\\x00a\\x0arsss" in message
    assert len(message) < 500


@pytest.mark.parametrize("signature", [b"0" * 64, b"", b"g" * 64, b"\xff" * 64])
def test_a_signature_that_is_not_one_is_refused(signature: bytes) -> None:
    request = edited(sign(), claimed(sign())["Signature"].encode(), signature)
    assert refusal_of(request).code in {"InvalidSignatureException", "IncompleteSignatureException"}


def test_a_signature_in_capital_letters_is_refused() -> None:
    signature = claimed(sign())["Signature"].encode()
    assert refusal_of(edited(sign(), signature, signature.upper())).message == MISMATCH


def test_a_listed_header_that_is_absent_is_a_mismatch() -> None:
    request = sign(headers=[("X-Amz-Target", "TrentService.Encrypt"), ("X-Empty", "")])
    assert check(request).arn == ALICE.arn
    assert refusal_of(without_header(request, b"x-empty")).message == MISMATCH


def test_signed_headers_in_capitals_name_no_header() -> None:
    assert refusal_of(edited(sign(), b"x-amz-target", b"X-Amz-Target")).code == "InvalidSignatureException"


def test_a_header_listed_twice_is_refused() -> None:
    assert (
        refusal_of(edited(sign(), b"=host;", b"=host;host;")).message == "SignedHeaders must not name a header twice."
    )
