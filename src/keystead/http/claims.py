"""What a request claims about its own signature: the Authorization header, or the parameters of a presigned request.

Guarantees: reads, and believes nothing. A claim that is malformed, repeated or made in both forms at once is refused
in AWS's words; the sentences never repeat a signature, a token or the header itself, only the header's hash, as AWS
does. Work is linear in the size of the request.

Does not guarantee that any of it is true: `keystead.http.sigv4` checks that.

Sources: AWS IAM User Guide, "Authentication methods for Signature Version 4"; RFC 9110 section 5.6.7 for HTTP dates.
"""

from __future__ import annotations

import base64
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import lru_cache
from hashlib import sha256
from typing import Final
from urllib.parse import unquote_to_bytes

from keystead import errors
from keystead.http.canonical import Pair, SignedHeaders

LONGEST_AUTHORIZATION: Final = 4096
"""Characters of an Authorization header that are read; the longest that an SDK sends has some 500."""

MOST_SIGNED_HEADERS: Final = 100

LONGEST_EXPIRY: Final = 604800
"""Seconds that a presigned request may live: one week."""


@dataclass(frozen=True, slots=True)
class Head:
    """The part of a claim that is the same from request to request, so that it is parsed once.

    ``scope`` is ``credential`` split at its slashes: five parts if it is well-formed. A request with no headers but
    ``expected_headers`` has none that should be signed and is not; one with others must be looked at closely.
    """

    algorithm: str
    credential: str
    scope: tuple[str, ...]
    signed: SignedHeaders
    expected_headers: frozenset[bytes]


@dataclass(slots=True)
class Claim:
    """A claim as it was read.

    ``date`` is in ISO 8601 basic format, ``moment`` the same in seconds since 1970; it came from ``date_header``
    (None in the presigned form). ``query`` holds the query parameters that are signed. ``expires`` is in seconds after
    ``moment``, None in the header form.
    """

    head: Head
    signature: bytes
    date: str
    moment: float
    token: bytes | None
    query: Sequence[Pair]
    date_header: bytes | None = None
    expires: int | None = None


def read_claim(headers: Mapping[bytes, bytes], query: list[Pair]) -> Claim:
    """The claim made by these headers and query parameters, in the one form or in the other."""
    authorization = headers.get(b"authorization")
    if query and any(name == b"X-Amz-Algorithm" for name, _ in query):
        if authorization is None:
            return _read_presigned(headers, query)
        raise errors.invalid_signature(
            "Found both 'X-Amz-Algorithm' as a query-string param and 'Authorization' as HTTP header."
        )
    if authorization is None:
        raise errors.missing_authentication_token()
    return _read_authorization(authorization.strip(), headers, query)


# --- the header form ------------------------------------------------------------------------------------------------


def _read_authorization(text: bytes, headers: Mapping[bytes, bytes], query: list[Pair]) -> Claim:
    if len(text) > LONGEST_AUTHORIZATION:
        raise _explain_authorization(text, is_dated=True)
    # The SDKs send the signature last. What precedes it is the same all day for one client, and only that is
    # memoised: the cache holds neither signatures nor tokens.
    before, _, signature = text.rpartition(b", Signature=")
    if not before or b"," in signature:
        before, signature = _take_signature(text)
    head = _parse_head(before)
    date_header = b"x-amz-date" if b"x-amz-date" in headers else b"date"
    sent_date = headers.get(date_header)
    if head is None or not signature or sent_date is None:
        raise _explain_authorization(text, is_dated=sent_date is not None)
    date, moment = _read_date(sent_date.strip())
    token = headers.get(b"x-amz-security-token")
    if token is not None:
        token = token.strip()
    return Claim(head, signature, date, moment, token, query, date_header)


def _split_authorization(text: bytes) -> tuple[bytes, list[tuple[bytes, bytes, bytes]]]:
    """The algorithm, and each parameter as (name, equals sign or nothing, value)."""
    algorithm, _, parameters = text.partition(b" ")
    return algorithm, [part.strip().partition(b"=") for part in parameters.split(b",")]


def _take_signature(text: bytes) -> tuple[bytes, bytes]:
    """The header without its Signature parameter, wherever that stands, and its value; empty if there is not one."""
    algorithm, parameters = _split_authorization(text)
    signatures = [value for name, _, value in parameters if name == b"Signature"]
    others = b", ".join([b"".join(parameter) for parameter in parameters if parameter[0] != b"Signature"])
    return algorithm + b" " + others, signatures[0] if len(signatures) == 1 else b""


@lru_cache(maxsize=512)
def _parse_head(before: bytes) -> Head | None:
    """The header without its signature, or None when it is not what it should be."""
    if not before.startswith(b"AWS4-"):
        return None
    algorithm, parameters = _split_authorization(before)
    given = {name: value for name, equals, value in parameters if equals}
    if len(parameters) != 2 or given.keys() != {b"Credential", b"SignedHeaders"} or not given[b"Credential"]:
        return None
    return _head(algorithm, given[b"Credential"], given[b"SignedHeaders"])


def _explain_authorization(text: bytes, *, is_dated: bool) -> errors.Refusal:
    """Why this header is refused; only called when it is."""
    if not text.startswith(b"AWS4-"):
        return errors.missing_authentication_token()
    if len(text) > LONGEST_AUTHORIZATION:
        return errors.incomplete_signature(f"Authorization header is longer than {LONGEST_AUTHORIZATION} characters.")
    _, parameters = _split_authorization(text)
    hashed = base64.b64encode(sha256(text).digest()).decode("ascii")
    if any(name and not equals for name, equals, _ in parameters):
        return errors.incomplete_signature(
            "Invalid key=value pair (missing equal-sign) in Authorization header "
            f"(hashed with SHA-256 and encoded with Base64): '{hashed}'."
        )
    given = {name: value for name, equals, value in parameters if equals}
    sentences = [
        f"Authorization header requires '{name}' parameter. "
        for name, is_present in (
            ("Credential", bool(given.get(b"Credential"))),
            ("Signature", bool(given.get(b"Signature"))),
            ("SignedHeaders", b"SignedHeaders" in given),
        )
        if not is_present
    ]
    if not is_dated:
        sentences.append("Authorization header requires existence of either a 'X-Amz-Date' or a 'Date' header. ")
    if not sentences:
        sentences.append("Authorization header takes 'Credential', 'Signature' and 'SignedHeaders', each once. ")
    return errors.incomplete_signature(
        f"{''.join(sentences)}(Hashed with SHA-256 and encoded with Base64) Authorization={hashed}"
    )


# --- the presigned form ---------------------------------------------------------------------------------------------

_REQUIRED: Final = (
    "X-Amz-Algorithm",
    "X-Amz-Credential",
    "X-Amz-Signature",
    "X-Amz-SignedHeaders",
    "X-Amz-Date",
    "X-Amz-Expires",
)
_READ: Final = frozenset([name.encode("ascii") for name in (*_REQUIRED, "X-Amz-Security-Token")])


def _read_presigned(headers: Mapping[bytes, bytes], query: list[Pair]) -> Claim:
    sent = [pair for pair in query if pair[0] in _READ]
    given = {name.decode("ascii"): value for name, value in sent}
    sentences = [f"AWS query-string parameters must include '{name}'. " for name in _REQUIRED if not given.get(name)]
    if len(given) != len(sent):
        sentences.append("AWS query-string parameters must not be repeated. ")
    if sentences:
        raise errors.incomplete_signature(f"{''.join(sentences)}Re-examine the query-string parameters.")
    if b"x-amz-security-token" in headers:
        raise errors.invalid_signature("'X-Amz-Security-Token' of a presigned request must be a query-string param.")
    text = {name: unquote_to_bytes(value) for name, value in given.items()}
    date, moment = _read_date(text["X-Amz-Date"].strip())
    return Claim(
        _head(text["X-Amz-Algorithm"], text["X-Amz-Credential"], text["X-Amz-SignedHeaders"]),
        given["X-Amz-Signature"],
        date,
        moment,
        text.get("X-Amz-Security-Token"),
        [pair for pair in query if pair[0] != b"X-Amz-Signature"],
        expires=_parse_expiry(given["X-Amz-Expires"]),
    )


def _parse_expiry(value: bytes) -> int:
    if not value.isdigit():
        raise errors.incomplete_signature("X-Amz-Expires should be a number")
    # The length first: the time int() takes is quadratic in it.
    seconds = int(value) if len(value) <= len(str(LONGEST_EXPIRY)) else LONGEST_EXPIRY + 1
    if seconds > LONGEST_EXPIRY:
        raise errors.incomplete_signature(
            "X-Amz-Expires must be less than a week (in seconds); that is, the given X-Amz-Expires must be less than "
            f"{LONGEST_EXPIRY} seconds"
        )
    if seconds < 1:
        raise errors.incomplete_signature("X-Amz-Expires must be at least 1 second")
    return seconds


# --- both forms -----------------------------------------------------------------------------------------------------


# Headers that clients and proxies leave unsigned or add, and that steer nothing.
_CARRIED: Final = frozenset(
    [
        b"accept",
        b"accept-encoding",
        b"amz-sdk-invocation-id",
        b"amz-sdk-request",
        b"authorization",
        b"connection",
        b"content-length",
        b"content-type",
        b"expect",
        b"transfer-encoding",
        b"user-agent",
        b"x-amz-user-agent",
        b"x-amzn-trace-id",
    ]
)


def _head(algorithm: bytes, credential: bytes, signed_headers: bytes) -> Head:
    names = signed_headers.split(b";")
    if len(names) > MOST_SIGNED_HEADERS:
        raise errors.incomplete_signature(f"SignedHeaders must not name more than {MOST_SIGNED_HEADERS} headers.")
    signed = SignedHeaders.of(names)
    if len(signed.name_set) != len(names):
        raise errors.incomplete_signature("SignedHeaders must not name a header twice.")
    text = credential.decode("latin-1")
    return Head(algorithm.decode("latin-1"), text, tuple(text.split("/")), signed, signed.name_set | _CARRIED)


_MONTHS: Final = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
_HTTP_DATE: Final = re.compile(
    rf"(?:Mon|Tue|Wed|Thu|Fri|Sat|Sun), (\d\d) ({'|'.join(_MONTHS)}) (\d{{4}}) (\d\d):(\d\d):(\d\d) "
    r"(?:GMT|UTC|[+-]0000)",
    re.ASCII,
)
_BASIC_DATE: Final = re.compile(r"(\d{4})(\d\d)(\d\d)T(\d\d)(\d\d)(\d\d)Z", re.ASCII)


@lru_cache(maxsize=512)
def _read_date(sent: bytes) -> tuple[str, float]:
    """A date in ISO 8601 basic format and in seconds since 1970; all else is refused.

    An HTTP date is rewritten: a signer that uses the Date header sends it in that format, and signs it in the other.
    """
    date = sent.decode("latin-1")
    http_date = _HTTP_DATE.fullmatch(date)
    if http_date is not None:
        date = f"{http_date[3]}{_MONTHS.index(http_date[2]) + 1:02}{http_date[1]}T{''.join(http_date.group(4, 5, 6))}Z"
    basic_date = _BASIC_DATE.fullmatch(date)
    if basic_date is not None:
        year, month, day, hour, minute, second = map(int, basic_date.groups())
        try:
            return date, datetime(year, month, day, hour, minute, second, tzinfo=UTC).timestamp()
        except ValueError:  # the thirteenth month, the year 0, a leap second
            pass
    raise errors.incomplete_signature(
        f"Date must be in ISO-8601 'basic format'. Got '{shown(date)}'. See http://en.wikipedia.org/wiki/ISO_8601"
    )


def shown(value: str) -> str:
    """A value of the caller's as a sentence may repeat it: printable ASCII, and not endless."""
    return "".join([char if char.isascii() and char.isprintable() else f"\\x{ord(char):02x}" for char in value[:256]])
