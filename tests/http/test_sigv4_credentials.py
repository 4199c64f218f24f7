"""Access keys, session tokens and derived keys: who is believed, and that strangers learn nothing from the work."""

from __future__ import annotations

import hashlib
from dataclasses import replace
from datetime import datetime, timedelta
from types import SimpleNamespace

import pytest
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.hmac import HMAC
from tests.http.sigv4_edits import (
    break_signature,
    edited,
)
from tests.http.sigv4_oracle import LONG_TERM, NOW, REGIONS, SESSION, find_credential, sign

from keystead.domain.caller import Credential
from keystead.errors import Refusal
from keystead.http import sigv4
from keystead.http.message import Request
from keystead.http.sigv4 import verify


def verify_with(request: Request, credential: Credential | None, now: datetime = NOW) -> str:
    """The code of the refusal, or the access key id of the caller."""
    try:
        return verify(
            request,
            lambda access_key_id, token: credential,
            now.timestamp(),
            service="kms",
            regions=REGIONS,
            default_region="us-east-1",
        ).access_key_id
    except Refusal as refusal:
        return refusal.code


def test_an_inactive_access_key_is_like_an_unknown_one() -> None:
    inactive = replace(LONG_TERM, active=False, signing_keys={})
    assert verify_with(sign(), None) == verify_with(sign(), inactive) == "UnrecognizedClientException"
    assert verify_with(break_signature(sign()), inactive) == "UnrecognizedClientException"
    assert not inactive.signing_keys


def test_whoever_signs_with_the_secret_of_nobody_is_nobody() -> None:
    request = sign(credential=replace(LONG_TERM, secret=sigv4._NOBODY.secret))
    assert verify_with(request, None) == "UnrecognizedClientException"


class Keyed:
    """A keyed MAC that tells what is done with it."""

    def __init__(self, key: bytes, algorithm: object, done: list[tuple[str, int]], real: HMAC | None = None) -> None:
        self.done = done
        self.algorithm = algorithm
        self.key = key
        self.real = HMAC(key, SHA256()) if real is None else real

    def copy(self) -> Keyed:
        self.done.append(("copy", len(self.key)))
        return Keyed(self.key, self.algorithm, self.done, self.real.copy())

    def update(self, text: bytes) -> None:
        self.done.append(("mac", len(text)))
        self.real.update(text)

    def finalize(self) -> bytes:
        return self.real.finalize()


def test_an_unknown_access_key_costs_the_work_of_a_wrong_signature(monkeypatch: pytest.MonkeyPatch) -> None:
    """What is hashed and compared, in which order and how long it is."""
    done: list[tuple[str, int]] = []
    real_hmac = sigv4.hmac

    def digest(key: bytes, message: bytes, name: str) -> bytes:
        done.append(("derive", len(key) + len(message)))
        return real_hmac.digest(key, message, name)

    def compare_digest(one: bytes, other: bytes) -> bool:
        done.append(("compare", len(one)))
        return real_hmac.compare_digest(one, other)

    def sha256(text: bytes) -> object:
        done.append(("sha256", len(text)))
        return hashlib.sha256(text)

    def keyed(key: bytes, algorithm: object) -> Keyed:
        done.append(("key", len(key)))
        return Keyed(key, algorithm, done)

    def work(credential: Credential | None) -> list[tuple[str, int]]:
        done.clear()
        assert verify_with(request, credential) != LONG_TERM.access_key_id
        return done.copy()

    monkeypatch.setattr(sigv4, "hmac", SimpleNamespace(digest=digest, compare_digest=compare_digest))
    monkeypatch.setattr(sigv4, "sha256", sha256)
    monkeypatch.setattr(sigv4, "HMAC", keyed)
    monkeypatch.setattr(sigv4, "_NOBODY", replace(sigv4._NOBODY, signing_keys={}))
    request = break_signature(sign())
    fresh = replace(LONG_TERM, signing_keys={})
    first_time = work(fresh)
    assert [kind for kind, _ in first_time] == ["sha256", "sha256", *["derive"] * 4, "key", "copy", "mac", "compare"]
    assert work(None) == first_time
    assert work(fresh) == work(None)
    assert work(replace(fresh, active=False)) == work(None)


def test_a_session_needs_its_own_token() -> None:
    request = sign(credential=SESSION)
    assert verify_with(request, SESSION) == SESSION.access_key_id
    assert verify_with(request, replace(SESSION, session_token="another")) == "UnrecognizedClientException"
    assert verify_with(request, replace(SESSION, session_token="täglich")) == "UnrecognizedClientException"
    tokenless = sign(credential=replace(SESSION, session_token=None))
    assert verify_with(tokenless, SESSION) == "UnrecognizedClientException"
    foreign = sign(credential=replace(SESSION, session_token="t\xe4glich"))
    assert verify_with(foreign, replace(SESSION, session_token="t\xe4glich")) == "UnrecognizedClientException"


def test_a_long_term_access_key_has_no_token() -> None:
    request = sign(credential=replace(LONG_TERM, session_token="any"))
    assert verify_with(request, LONG_TERM) == "UnrecognizedClientException"
    assert verify_with(sign(credential=LONG_TERM), LONG_TERM) == LONG_TERM.access_key_id


def test_a_wrong_signature_is_told_before_a_wrong_or_expired_token() -> None:
    request = break_signature(sign(credential=SESSION))
    for credential in (SESSION, replace(SESSION, session_token="another"), replace(SESSION, expires=0.0)):
        assert verify_with(request, credential) == "InvalidSignatureException"


def test_a_session_ends_at_its_end() -> None:
    request = sign(credential=SESSION)
    ending = replace(SESSION, expires=NOW.timestamp())
    assert verify_with(request, ending, NOW - timedelta(seconds=1)) == SESSION.access_key_id
    assert verify_with(request, ending) == "ExpiredTokenException"
    assert verify_with(request, replace(ending, session_token="another")) == "UnrecognizedClientException"
    assert verify_with(sign(), replace(LONG_TERM, expires=NOW.timestamp())) == "ExpiredTokenException"


@pytest.mark.parametrize("access_key_id", [b"", b"A" * 129, b"AKIA\xff", b"AKIA\x00", b"AKIA\x7f"])
def test_what_cannot_be_an_access_key_id_never_reaches_the_store(access_key_id: bytes) -> None:
    def never(access_key_id: str, token: str | None) -> Credential | None:
        raise AssertionError(f"asked for {access_key_id!r}")

    request = edited(sign(), b"AKIAIOSFODNN7EXAMPLE", access_key_id)
    if not access_key_id:
        never = find_credential  # type: ignore[assignment]
    with pytest.raises(Refusal) as caught:
        verify(request, never, NOW.timestamp(), service="kms", regions=REGIONS, default_region="us-east-1")
    assert caught.value.code == "UnrecognizedClientException"


def test_the_store_is_asked_with_the_token_as_it_was_sent() -> None:
    asked = []

    def ask(access_key_id: str, token: str | None) -> Credential | None:
        asked.append((access_key_id, token))
        return find_credential(access_key_id, token)

    for request in (sign(), sign(credential=SESSION), sign("GET", body=b"", expires=9, credential=SESSION)):
        verify(request, ask, NOW.timestamp(), service="kms", regions=REGIONS, default_region="us-east-1")
    assert asked == [
        (LONG_TERM.access_key_id, None),
        (SESSION.access_key_id, SESSION.session_token),
        (SESSION.access_key_id, SESSION.session_token),
    ]


def test_derived_keys_are_kept_with_the_credential_and_never_many() -> None:
    credential = replace(LONG_TERM, signing_keys={})
    for day in range(7):
        for region in ("us-east-1", "eu-central-1", ""):
            request = sign("GET", body=b"", at=NOW - timedelta(days=day), expires=604800, region=region)
            assert verify_with(request, credential) == credential.access_key_id
    assert len(credential.signing_keys) == sigv4.MOST_SIGNING_KEYS
    assert verify_with(sign(), credential) == credential.access_key_id
    assert ("20261123", "us-east-1", "kms") in credential.signing_keys
    changed = replace(credential, secret=b"new", signing_keys={})
    assert verify_with(sign(), changed) == "InvalidSignatureException"
