"""Signed requests, spoilt in one way or another, and the refusals they meet."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime

import pytest
from tests.http.sigv4_oracle import NOW, check, claimed

from keystead.errors import Refusal
from keystead.http.message import Request

AUTHORIZATION = b"authorization"
MISMATCH = (
    "The request signature we calculated does not match the signature you provided. Check your AWS Secret Access Key "
    "and signing method. Consult the service documentation for details."
)


def refusal_of(request: Request, now: datetime = NOW) -> Refusal:
    with pytest.raises(Refusal) as caught:
        check(request, now)
    return caught.value


def with_header(request: Request, name: bytes, value: bytes) -> Request:
    """The header's value replaced, or the header added behind the others."""
    known = dict(request.headers)
    fields = [(each, value if each == name else sent) for each, sent in request.headers]
    return replace(request, headers=fields if name in known else [*fields, (name, value)])


def without_header(request: Request, name: bytes) -> Request:
    return replace(request, headers=[field for field in request.headers if field[0] != name])


def edited(request: Request, old: bytes, new: bytes) -> Request:
    """The Authorization header with one piece of text replaced."""
    value = dict(request.headers)[AUTHORIZATION]
    assert old in value
    return with_header(request, AUTHORIZATION, value.replace(old, new))


def with_target(request: Request, old: bytes, new: bytes) -> Request:
    assert old in request.target
    return replace(request, target=request.target.replace(old, new))


def break_signature(request: Request) -> Request:
    signature = claimed(request)["Signature"].encode()
    return edited(request, signature, signature[::-1])
