"""AWS Signature Version 4, checked: from a received request to the caller it proves, or a refusal.

Guarantees: `verify` answers a `Caller` only if the signature was made with that caller's secret, for this service,
within the time allowed, over the method, path, query, body and every header that steers execution, as they were
received; the few differences that Signature Version 4 cannot see are listed in `keystead.http.canonical`. Whatever
bytes arrive, it raises `errors.Refusal` and nothing else (but for what ``find_credential`` raises). Signatures and
tokens are compared in constant time, and an unknown access key costs the same work as a wrong signature.

Does not guarantee freshness within the time allowed: like AWS it keeps no list of signatures seen, so a recorded
request can be sent again until its date expires. Does not look at the operation; whether the caller may do it is
decided elsewhere. The content type need not be signed (the AWS SDK for PHP does not), so it must not choose between two
meanings of one body.

The steps, in AWS's order of refusals:
 1. one form of signature, well-formed (`keystead.http.claims`)
 2. its date, against the clock
 3. the headers that must be signed
 4. algorithm, credential, scope
 5. the payload hash, where the request states one
 6. the access key
 7. the signature
 8. the session token and its end

Sources: AWS IAM User Guide, "AWS Signature Version 4 for API requests"; order and sentences are those that AWS's JSON
services were seen to use.
"""

from __future__ import annotations

import hmac
import time
from collections.abc import Callable, Mapping
from hashlib import sha256
from typing import Final

from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.hmac import HMAC

from keystead import errors
from keystead.domain.caller import Caller, Credential, Principal, PrincipalKind
from keystead.http.canonical import (
    Pair,
    canonical_path,
    canonical_query,
    canonical_request,
    join_repeated,
    split_target,
)
from keystead.http.claims import Claim, read_claim, shown
from keystead.http.message import Request

ALGORITHM: Final = "AWS4-HMAC-SHA256"
TERMINATOR: Final = "aws4_request"

MOST_SIGNING_KEYS: Final = 8
"""Derived keys kept with each credential: two dates around midnight in a few regions, and older presigned requests."""

LONGEST_ACCESS_KEY_ID: Final = 128

# Headers that are not lists. If one came twice, two readers of the same request could see different values.
_ONCE: Final = frozenset(
    [
        b"authorization",
        b"content-type",
        b"date",
        b"host",
        b"x-amz-content-sha256",
        b"x-amz-date",
        b"x-amz-security-token",
        b"x-amz-target",
    ]
)

# All x-amz-* headers must be signed but this: the AWS SDK for PHP sends it unsigned, and it only names a program.
_NEED_NOT_BE_SIGNED: Final = frozenset([b"x-amz-user-agent"])

# Stands in for an access key that is unknown or inactive: the same derivation, cache and comparison. Its secret being
# public does no harm, a match with it is refused like a mismatch.
_NOBODY: Final = Credential(
    access_key_id="", secret=bytes(40), principal=Principal(PrincipalKind.USER, "", "", ""), active=False
)


def verify(
    request: Request,
    find_credential: Callable[[str, str | None], Credential | None],
    now: float,
    *,
    service: str,
    regions: frozenset[str],
    default_region: str,
    skew: float = 300.0,
    presigned: Callable[[int], int] = int,
) -> Caller:
    """The caller whose signature the request carries, in the header form or presigned.

    ``find_credential(access_key_id, session_token)`` looks an access key up. ``now`` and ``skew`` are seconds: in the
    header form the date may differ from ``now`` by ``skew`` either way; a presigned request may be that much early and
    lives as many seconds as ``presigned`` makes of what it says. ``service`` is the signing name (``kms``). Clients
    that know no region leave it empty in the scope; such a caller is in ``default_region``.

    Raises `errors.Refusal`.
    """
    headers = dict(request.headers)
    if len(headers) != len(request.headers):
        headers = _join_headers(request.headers)
    path, query = split_target(request.target)

    claim = read_claim(headers, query)  # 1
    earliest = now - (skew if claim.expires is None else presigned(claim.expires))
    if not earliest <= claim.moment <= now + skew:  # 2
        raise _explain_date(claim, earliest, now, skew)
    if b"host" not in claim.head.signed.name_set or not headers.keys() <= claim.head.expected_headers:  # 3
        _check_signed_headers(claim, headers)
    access_key_id, date, region = _check_scope(claim, service, regions)  # 4
    payload_hash = sha256(request.body).hexdigest()
    if b"x-amz-content-sha256" in headers or claim.expires is not None:  # 5
        _check_payload(claim, headers, payload_hash)

    found = _find(find_credential, access_key_id, claim.token)
    canonical = canonical_request(
        request.method,
        canonical_path(path),
        canonical_query(claim.query) if claim.query else b"",
        headers,
        claim.head.signed,
        payload_hash,
    )
    hashed = sha256(canonical or b"").hexdigest()
    to_sign = f"{ALGORITHM}\n{claim.date}\n{date}/{region}/{service}/{TERMINATOR}\n{hashed}"
    mac = _keyed(_NOBODY if found is None else found, date, region, service).copy()
    mac.update(to_sign.encode("ascii"))
    matches = hmac.compare_digest(mac.finalize().hex().encode("ascii"), claim.signature)
    if found is None:  # 6
        raise errors.unrecognized_client()
    if not matches or canonical is None:  # 7
        raise errors.signature_mismatch()
    if claim.token is not None or found.session_token is not None or found.expires is not None:  # 8
        _check_session(found, claim.token, now)
    return Caller(found.principal, found.access_key_id, region or default_region)


def _join_headers(headers: list[Pair]) -> dict[bytes, bytes]:
    seen: set[bytes] = set()
    for name, _ in headers:
        if name in _ONCE and name in seen:
            raise errors.incomplete_signature(f"'{_title(name)}' must not be repeated.")
        seen.add(name)
    return join_repeated(headers)


def _explain_date(claim: Claim, earliest: float, now: float, skew: float) -> errors.Refusal:
    if claim.moment < earliest:
        return errors.invalid_signature(
            f"Signature expired: {claim.date} is now earlier than {_clock(earliest)} "
            f"({_clock(now)} - {(now - earliest) / 60:g} min.)"
        )
    return errors.invalid_signature(
        f"Signature not yet current: {claim.date} is still later than {_clock(now + skew)} "
        f"({_clock(now)} + {skew / 60:g} min.)"
    )


def _check_signed_headers(claim: Claim, headers: Mapping[bytes, bytes]) -> None:
    """Host and all that steers execution must be signed: whoever carries the request can add or change the rest."""
    signed = claim.head.signed.name_set
    if b"host" not in signed:
        raise errors.invalid_signature("'Host' or ':authority' must be a 'SignedHeader' in the AWS Authorization.")
    for name in headers:
        steers = name == claim.date_header or (name.startswith(b"x-amz-") and name not in _NEED_NOT_BE_SIGNED)
        if steers and name not in signed:
            raise errors.invalid_signature(f"'{_title(name)}' must be a 'SignedHeader' in the AWS Authorization.")


def _check_scope(claim: Claim, service: str, regions: frozenset[str]) -> tuple[str, str, str]:
    """Access key id, date and region of the scope, all of which is what it should be."""
    head = claim.head
    if head.algorithm != ALGORITHM:
        raise errors.incomplete_signature(
            f"Unsupported AWS 'algorithm': '{shown(head.algorithm)}' (only {ALGORITHM} for now). "
        )
    if len(head.scope) != 5:
        raise errors.incomplete_signature(
            "Credential must have exactly 5 slash-delimited elements, e.g. keyid/date/region/service/term, "
            f"got '{shown(head.credential)}'"
        )
    access_key_id, date, region, scope_service, terminator = head.scope
    wrong = ""
    if region and region not in regions:
        wrong += f"Credential should be scoped to a valid region, not '{shown(region)}'. "
    if scope_service != service:
        wrong += f"Credential should be scoped to correct service: '{service}'. "
    if terminator != TERMINATOR:
        wrong += f"Credential should be scoped with a valid terminator: '{TERMINATOR}', not '{shown(terminator)}'. "
    if date != claim.date[:8]:
        wrong += (
            "Date in Credential scope does not match YYYYMMDD from ISO-8601 version of date from HTTP: "
            f"'{shown(date)}' != '{claim.date[:8]}', from '{claim.date}'."
        )
    if wrong:
        raise errors.invalid_signature(wrong)
    return access_key_id, date, region


def _check_payload(claim: Claim, headers: Mapping[bytes, bytes], payload_hash: str) -> None:
    """A stated hash must be the body's: ``UNSIGNED-PAYLOAD`` and the ``STREAMING-…`` forms are not accepted."""
    stated = []
    if b"x-amz-content-sha256" in headers:
        stated.append(headers[b"x-amz-content-sha256"])
    if claim.expires is not None:  # signers move x-amz-* headers into the query when they presign
        stated += [value for name, value in claim.query if name.lower() == b"x-amz-content-sha256"]
    if any(value != payload_hash.encode("ascii") for value in stated):
        raise errors.invalid_signature(
            "The provided 'x-amz-content-sha256' does not match what was computed; unsigned payloads are not accepted."
        )


def _find(
    find_credential: Callable[[str, str | None], Credential | None], access_key_id: str, token: bytes | None
) -> Credential | None:
    """The active credential of that id; ids and tokens that cannot be any never reach the store."""
    if not (access_key_id.isascii() and access_key_id.isprintable() and len(access_key_id) <= LONGEST_ACCESS_KEY_ID):
        return None
    if token is not None and not token.isascii():
        return None
    found = find_credential(access_key_id, None if token is None else token.decode("ascii"))
    return found if found is not None and found.active else None


def _check_session(credential: Credential, token: bytes | None, now: float) -> None:
    own = credential.session_token
    if (own is None) != (token is None):
        raise errors.unrecognized_client()
    if own is not None and token is not None and not hmac.compare_digest(own.encode(), token):
        raise errors.unrecognized_client()
    if credential.expires is not None and now >= credential.expires:
        raise errors.expired_token()


def _keyed(credential: Credential, date: str, region: str, service: str) -> HMAC:
    """HMAC-SHA-256 under the signing key, to be copied: the copy takes a third of the time that keying takes."""
    kept = credential.signing_keys
    keyed: HMAC | None = kept.get((date, region, service))
    if keyed is None:
        key = b"AWS4" + credential.secret
        for part in (date, region, service, TERMINATOR):
            key = hmac.digest(key, part.encode(), "sha256")
        while len(kept) >= MOST_SIGNING_KEYS:
            del kept[next(iter(kept))]  # the oldest
        keyed = kept[date, region, service] = HMAC(key, SHA256())
    return keyed


def _clock(moment: float) -> str:
    return time.strftime("%Y%m%dT%H%M%SZ", time.gmtime(moment))


def _title(name: bytes) -> str:
    return shown(name.decode("latin-1").title())
