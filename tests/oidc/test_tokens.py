"""ID tokens: only what a provider's key signed, in a way that suits that key, is proved."""

from __future__ import annotations

import contextlib
import json
from typing import Any

import pytest
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from hypothesis import given
from hypothesis import strategies as st

from keystead.oidc import tokens
from tests.oidc import provider

KEYS = tokens.keys(provider.published())


TOKEN = provider.token("ES256", "k2")


def proves(text: str, keys: tuple[tokens.PublicKey, ...] = KEYS) -> bool:
    return tokens.signed(tokens.read(text), keys)


@pytest.mark.parametrize("algorithm", sorted(tokens.ALGORITHMS))
def test_every_algorithm_is_taken_with_its_own_key(algorithm: str) -> None:
    keys = tokens.keys(provider.published(provider.jwk(algorithm, "k")))
    assert proves(provider.token(algorithm, "k"), keys)


@pytest.mark.parametrize("algorithm", sorted(tokens.ALGORITHMS))
def test_a_key_without_an_algorithm_is_used_as_its_kind_allows(algorithm: str) -> None:
    keys = tokens.keys(provider.published(provider.jwk(algorithm, None, alg=None)))
    assert proves(provider.token(algorithm, None), keys)


def test_another_key_of_the_same_id_proves_nothing() -> None:
    assert not proves(provider.token(number=1))


def test_a_key_id_chooses_the_key() -> None:
    keys = tokens.keys(provider.published(provider.jwk("RS256", "a", 1), provider.jwk("RS256", "b", 0)))
    assert proves(provider.token(key_id="b"), keys)
    assert not proves(provider.token(key_id="a"), keys)
    assert not proves(provider.token(key_id="c"), keys)


def test_a_key_for_one_algorithm_is_not_used_for_another() -> None:
    keys = tokens.keys(provider.published(provider.jwk("RS256", "k1")))
    assert not proves(provider.token("RS512"), keys)


@pytest.mark.parametrize(
    "algorithm", ["none", "None", "NONE", "nOnE", "", "HS256", "HS512", "PS256", "EdDSA", "RS1", None, 1, ["RS256"]]
)
def test_other_algorithms_are_refused_before_any_key_is_looked_at(algorithm: object) -> None:
    with pytest.raises(tokens.NoToken):
        tokens.read(provider.forged({"alg": algorithm, "kid": "k1"}))


@pytest.mark.parametrize(
    ("form", "public"),
    [
        (Encoding.PEM, PublicFormat.SubjectPublicKeyInfo),
        (Encoding.DER, PublicFormat.SubjectPublicKeyInfo),
        (Encoding.PEM, PublicFormat.PKCS1),
        (Encoding.DER, PublicFormat.PKCS1),
    ],
)
def test_the_public_key_is_no_secret_for_an_hmac(form: Encoding, public: PublicFormat) -> None:
    with pytest.raises(tokens.NoToken):
        tokens.read(provider.confused(form, public))


def test_a_token_without_a_signature_is_no_token() -> None:
    head, claims, _ = provider.token().split(".")
    for text in (f"{head}.{claims}.", f"{head}.{claims}", f"..{head}", "", ".", "..", "a.b.c.d"):
        with pytest.raises(tokens.NoToken):
            tokens.read(text)


@pytest.mark.parametrize("header", [{"crit": ["b64"], "b64": False}, {"b64": False}, {"crit": ["exp"]}])
def test_extensions_are_refused(header: dict[str, Any]) -> None:
    with pytest.raises(tokens.NoToken):
        tokens.read(provider.forged({"alg": "RS256", **header}))


@given(st.data())
def test_an_altered_token_proves_nothing(data: Any) -> None:
    text = TOKEN
    at = data.draw(st.integers(0, len(text) - 1))
    altered = text[:at] + data.draw(st.sampled_from(sorted(set("AQgw_-.09") - {text[at]}))) + text[at + 1 :]
    try:
        read = tokens.read(altered)
    except tokens.NoToken:
        return
    if tokens.signed(read, KEYS):  # the last character of a Base64 part may hold bits that mean nothing
        assert read.claims == tokens.read(text).claims


@given(
    st.text(max_size=200)
    | st.from_regex(r"[A-Za-z0-9_-]{0,30}\.[A-Za-z0-9_-]{0,60}\.[A-Za-z0-9_-]{0,30}", fullmatch=True)
)
def test_arbitrary_text_is_no_token_or_proves_nothing(text: str) -> None:
    try:
        read = tokens.read(text)
    except tokens.NoToken:
        return
    assert not tokens.signed(read, KEYS)


# --- sets of keys -----------------------------------------------------------------------------------------------------


def test_what_cannot_have_signed_a_token_is_passed_over() -> None:
    small = provider.RSAAlgorithm.to_jwk(provider.rsa_key(9, 1_024).public_key(), as_dict=True)
    private = provider.RSAAlgorithm.to_jwk(provider.rsa_key(), as_dict=True)
    good = provider.jwk("RS256", "good")
    other: list[Any] = [
        {**good, "use": "enc"},
        {**good, "alg": "RSA-OAEP"},
        {**good, "alg": "HS256"},
        {**good, "alg": ["RS256"]},
        {**good, "alg": {"RS256": 1}},
        {**good, "kty": ["RSA"]},
        {**good, "n": [1]},
        {**good, "e": 3},
        {**good, "n": "!"},
        {**good, "e": "AA"},
        {**provider.jwk("ES256", "x"), "crv": "secp256k1"},
        {**provider.jwk("ES256", "x"), "x": "AAAA"},
        {"kty": "oct", "k": "c2VjcmV0", "kid": "k1"},
        small,
        private,
        {},
        None,
        1,
    ]
    assert [key.key_id for key in tokens.keys(json.dumps({"keys": [*other, good]}).encode())] == ["good"]


@pytest.mark.parametrize("document", [b"", b"[]", b"{}", b'{"keys":{}}', b"\xff", b'{"keys":', b"[" * 100_000])
def test_what_is_no_set_of_keys_is_refused(document: bytes) -> None:
    with pytest.raises(tokens.NoKeys):
        tokens.keys(document)


def test_an_endless_set_of_keys_is_refused() -> None:
    with pytest.raises(tokens.NoKeys):
        tokens.keys(json.dumps({"keys": [{}] * (tokens.MOST_KEYS + 1)}).encode())


@given(st.binary(max_size=300))
def test_arbitrary_bytes_are_refused_or_hold_no_key(document: bytes) -> None:
    with contextlib.suppress(tokens.NoKeys):
        assert tokens.keys(document) == ()
