"""Providers: whose tokens count, for whom, how long, and when their keys are asked for."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import pytest

from keystead import errors
from keystead.oidc import fetch, issuers, tokens
from keystead.oidc.settings import Settings
from tests.oidc import provider
from tests.oidc.provider import AUDIENCE, ISSUER, NOW

URL = "https://idp.example.com/keys"


class Web:
    """Answers for addresses, and counts how often it was asked. An address that is missing is out of reach."""

    def __init__(self, pages: dict[str, bytes]) -> None:
        self.pages = pages
        self.asked: list[str] = []

    def __call__(self, url: str, _authority: Path | None) -> bytes:
        self.asked.append(url)
        if url not in self.pages:
            raise fetch.Unreachable(url)
        return self.pages[url]


def issuer(web: Web | None = None, **more: Any) -> issuers.Issuer:
    settings: dict[str, Any] = {"issuer": ISSUER, "audiences": (AUDIENCE, "other"), "jwks_url": URL, **more}
    return issuers.Issuer(Settings(**settings), from_url=web or Web({URL: provider.published()}))


def prove(text: str, by: issuers.Issuer | None = None, now: float = NOW) -> issuers.Proven:
    return (by or issuer()).prove(tokens.read(text), now)


def refusal(text: str, by: issuers.Issuer | None = None, now: float = NOW) -> errors.Refusal:
    with pytest.raises(errors.Refusal) as caught:
        prove(text, by, now)
    return caught.value


def test_a_good_token_says_whom_it_names() -> None:
    proven = prove(provider.token())
    assert (proven.issuer, proven.host) == (ISSUER, "idp.example.com/tenant")
    assert (proven.subject, proven.audience) == (provider.SUBJECT, AUDIENCE)
    assert proven.claims["iat"] == NOW - 10


def test_the_party_a_token_was_issued_to_is_its_audience() -> None:
    assert prove(provider.token(azp="an-app", aud=["x", "other"])).audience == "an-app"
    assert prove(provider.token(aud=["x", "other"])).audience == "other"


@pytest.mark.parametrize(
    ("claims", "code"),
    [
        ({"iss": "https://idp.example.com"}, "InvalidIdentityToken"),
        ({"iss": None}, "InvalidIdentityToken"),
        ({"aud": "somebody-else"}, "InvalidIdentityToken"),
        ({"aud": []}, "InvalidIdentityToken"),
        ({"aud": None}, "InvalidIdentityToken"),
        ({"aud": 5}, "InvalidIdentityToken"),
        ({"aud": "somebody-else", "azp": AUDIENCE}, "InvalidIdentityToken"),
        ({"sub": None}, "InvalidIdentityToken"),
        ({"sub": ""}, "InvalidIdentityToken"),
        ({"sub": "s" * 256}, "InvalidIdentityToken"),
        ({"exp": None}, "InvalidIdentityToken"),
        ({"iat": None}, "InvalidIdentityToken"),
        ({"exp": 10**400}, "InvalidIdentityToken"),
        ({"exp": NOW}, "ExpiredTokenException"),
        ({"exp": NOW - 1}, "ExpiredTokenException"),
        ({"nbf": NOW + 301}, "InvalidIdentityToken"),
        ({"iat": NOW + 301}, "InvalidIdentityToken"),
    ],
)
def test_a_token_with_a_wrong_claim_is_refused(claims: dict[str, Any], code: str) -> None:
    assert refusal(provider.token(**claims)).code == code


@pytest.mark.parametrize(
    "claims",
    [
        {"exp": str(NOW + 600)},
        {"exp": True},
        {"iat": str(NOW)},
        {"iat": [NOW]},
        {"nbf": "0"},
        {"sub": 5},
        {"sub": None},
    ],
)
def test_a_claim_of_a_wrong_type_is_refused(claims: dict[str, Any]) -> None:
    header = {"alg": "RS256", "kid": "k1"}
    text = provider.forged(header, **claims)
    signed = text.rpartition(".")[0].encode()
    from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
    from cryptography.hazmat.primitives.hashes import SHA256

    signature = provider.rsa_key().sign(signed, PKCS1v15(), SHA256())
    assert refusal(provider.forged(header, signature, **claims)).code == "InvalidIdentityToken"


def test_a_clock_that_is_a_little_ahead_is_forgiven_but_an_end_is_an_end() -> None:
    assert prove(provider.token(iat=NOW + 299, nbf=NOW + 299))
    assert prove(provider.token(exp=NOW + 1))


def test_a_forged_token_is_refused() -> None:
    assert refusal(provider.token(number=1)).code == "InvalidIdentityToken"


# --- keys are kept, and asked for anew ------------------------------------------------------------------------------


def test_keys_are_asked_for_once_and_again_when_they_are_old() -> None:
    web = Web({URL: provider.published()})
    by = issuer(web)
    for now in (NOW, NOW + 1, NOW + 599):
        prove(provider.token(exp=NOW + 9_999), by, now)
    assert len(web.asked) == 1
    prove(provider.token(exp=NOW + 9_999), by, NOW + 600)
    assert len(web.asked) == 2


def test_a_key_that_is_new_is_found_but_guesses_do_not_make_us_ask_again_and_again() -> None:
    web = Web({URL: provider.published()})
    by = issuer(web)
    prove(provider.token(), by)
    web.pages[URL] = provider.published(provider.jwk("RS256", "new", 1))
    assert refusal(provider.token(key_id="new", number=1), by, NOW + 1).code == "InvalidIdentityToken"
    assert prove(provider.token(key_id="new", number=1), by, NOW + 11)
    for number in range(50):
        refusal(provider.token("ES256", f"guess-{number}"), by, NOW + 12)
    assert len(web.asked) == 2


def test_a_key_that_is_no_longer_published_proves_nothing() -> None:
    web = Web({URL: provider.published()})
    by = issuer(web)
    prove(provider.token(exp=NOW + 9_999), by)
    web.pages[URL] = provider.published(provider.jwk("RS256", "new", 1))
    assert refusal(provider.token(exp=NOW + 9_999), by, NOW + 601).code == "InvalidIdentityToken"


def test_a_provider_out_of_reach_is_done_without_for_an_hour() -> None:
    web = Web({URL: provider.published()})
    by = issuer(web)
    text = provider.token(exp=NOW + 9_999)
    prove(text, by)
    del web.pages[URL]
    assert prove(text, by, NOW + 3_599)
    assert refusal(text, by, NOW + 3_610).code == "IDPCommunicationError"
    assert refusal(text, by, NOW + 3_611).code == "IDPCommunicationError"
    web.pages[URL] = provider.published()
    assert prove(text, by, NOW + 3_630)


def test_a_provider_never_reached_is_said_to_be() -> None:
    web = Web({})
    by = issuer(web)
    assert refusal(provider.token(), by).code == "IDPCommunicationError"
    assert refusal(provider.token(), by, NOW + 1).code == "IDPCommunicationError"
    assert len(web.asked) == 1


def test_rubbish_for_keys_is_as_good_as_none() -> None:
    assert refusal(provider.token(), issuer(Web({URL: b"<html>"}))).code == "IDPCommunicationError"


def test_keys_are_found_by_discovery() -> None:
    about = f"{ISSUER}/.well-known/openid-configuration"
    web = Web({about: json.dumps({"issuer": ISSUER, "jwks_uri": URL}).encode(), URL: provider.published()})
    assert prove(provider.token(), issuer(web, jwks_url=None))
    assert web.asked == [about, URL]


@pytest.mark.parametrize(
    "page",
    [
        b"{}",
        b"[]",
        b"x",
        b'"\xff"',
        json.dumps({"issuer": "https://other", "jwks_uri": URL}).encode(),
        b'{"jwks_uri":1}',
    ],
)
def test_discovery_that_says_nothing_or_speaks_of_another_is_refused(page: bytes) -> None:
    web = Web({f"{ISSUER}/.well-known/openid-configuration": page, URL: provider.published()})
    assert refusal(provider.token(), issuer(web, jwks_url=None)).code == "IDPCommunicationError"


def test_a_file_of_keys_is_read_again_when_it_has_changed(tmp_path: Path) -> None:
    file = tmp_path / "keys.json"
    file.write_bytes(provider.published())
    by = issuer(jwks_url=None, jwks_file=file)
    prove(provider.token(), by)
    beside = tmp_path / "new"
    beside.write_bytes(provider.published(provider.jwk("RS256", "new", 1)))
    os.replace(beside, file)
    assert refusal(provider.token(), by).code == "InvalidIdentityToken"
    assert prove(provider.token(key_id="new", number=1), by)
    file.unlink()
    assert refusal(provider.token(key_id="new", number=1), by).code == "IDPCommunicationError"


# --- several, and what may be configured ------------------------------------------------------------------------------


def test_a_token_finds_its_provider_in_the_accounts_it_is_for() -> None:
    settings = Settings(issuer=ISSUER, audiences=(AUDIENCE,), accounts=("111122223333",))
    several = issuers.Issuers((settings,))
    assert several.find(tokens.read(provider.token()), "111122223333").settings is settings
    for text, account in (
        (provider.token(), "444455556666"),
        (provider.token(iss="https://x.example"), "111122223333"),
    ):
        with pytest.raises(errors.Refusal, match="No OpenIDConnect provider found in your account for https://"):
            several.find(tokens.read(text), account)


@pytest.mark.parametrize(
    ("wrong", "sentence"),
    [
        ({"issuer": "http://idp.example.com"}, "https"),
        ({"issuer": "idp.example.com"}, "https"),
        ({"issuer": "https://idp.example.com?x"}, "https"),
        ({"audiences": ()}, "audiences"),
        ({"audiences": ("",)}, "audiences"),
        ({"jwks_url": "http://idp.example.com/keys"}, "jwks-url"),
        ({"jwks_url": "file:///etc/passwd"}, "jwks-url"),
        ({"jwks_file": Path("/x")}, "both"),
        ({"accounts": ("12",)}, "twelve digits"),
    ],
)
def test_what_cannot_be_meant_is_complained_about(wrong: dict[str, Any], sentence: str) -> None:
    good: dict[str, Any] = {"issuer": ISSUER, "audiences": (AUDIENCE,), "jwks_url": URL}
    assert Settings(**good).complaint() is None
    assert sentence in (Settings(**{**good, **wrong}).complaint() or "")


def test_an_issuer_on_this_machine_may_speak_plain_http() -> None:
    assert Settings(issuer="http://127.0.0.1:8080", audiences=("a",)).complaint() is None
