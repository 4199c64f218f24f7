"""Import: each set of parameters opens what was wrapped for its own key, with its own algorithm, for a day."""

from __future__ import annotations

import os
import re
from dataclasses import replace
from functools import cache
from itertools import product
from pathlib import Path

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import padding, rsa
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.crypto import stranger
from tests.crypto.imports import (
    ACCOUNT,
    KEY_ID,
    NOW,
    REGION,
    kms_key,
    oaep,
    pkcs8,
    rsa_key,
    wrapped,
    wrapped_by_openssl,
)
from tests.crypto.vectors import load

from keystead import errors
from keystead.crypto import importing, keyspecs
from keystead.crypto.accepting import prove
from keystead.crypto.hierarchy import Hierarchy
from keystead.crypto.importing import Offer
from keystead.domain.key import Key

HIERARCHY = Hierarchy(bytes(range(32)), {}, 0)
KEY = kms_key()
DAY = 24 * 60 * 60
DIRECT = ("RSAES_OAEP_SHA_1", "RSAES_OAEP_SHA_256")
TWO_STEPS = ("RSA_AES_KEY_WRAP_SHA_1", "RSA_AES_KEY_WRAP_SHA_256")
WRAPPING_SPECS = ("RSA_2048", "RSA_3072", "RSA_4096")

TWO_STEP_KEY = kms_key("RSA_2048")
"""A key whose material comes under an AES key."""


@cache
def offer(algorithm: str = "RSAES_OAEP_SHA_256", wrapping_spec: str = "RSA_2048", spec: str = KEY.spec) -> Offer:
    """One for all tests that do not care: they may be used many times, and a wrapping key takes long to make."""
    return importing.offer(HIERARCHY, kms_key(spec), algorithm, wrapping_spec, NOW, os.urandom)


def opened(token: bytes, encrypted: bytes, key: Key = KEY, now: float = NOW) -> bytes:
    return importing.unwrap_import(HIERARCHY, key, token, encrypted, now, (), prove).material


def refused(token: bytes, encrypted: bytes, key: Key = KEY, now: float = NOW) -> tuple[str, str | None]:
    with pytest.raises(errors.Refusal) as refusal:
        importing.unwrap_import(HIERARCHY, key, token, encrypted, now, (), prove)
    return refusal.value.code, refusal.value.message


BAD_TOKEN = ("InvalidImportTokenException", None)
BAD_MATERIAL = ("InvalidCiphertextException", None)
BAD_SIZE = ("ValidationException", "Invalid encrypted key size.")


# --- what is offered ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("wrapping_spec", WRAPPING_SPECS)
def test_the_public_key_is_of_the_wanted_size_and_the_token_fits_the_model(wrapping_spec: str) -> None:
    made = offer("RSAES_OAEP_SHA_256", wrapping_spec)
    public = serialization.load_der_public_key(made.public_key)
    assert isinstance(public, rsa.RSAPublicKey)
    assert (public.key_size, public.public_numbers().e) == (int(wrapping_spec[4:]), 65537)
    assert made.valid_to == NOW + DAY
    assert len(made.token) < 6144 / 2


def test_no_two_offers_are_alike_and_each_is_bound_to_its_own_public_key() -> None:
    one = offer()
    other = importing.offer(HIERARCHY, KEY, "RSAES_OAEP_SHA_256", "RSA_2048", NOW, os.urandom)
    assert one.public_key != other.public_key
    for mine, theirs in ((one, other), (other, one)):
        assert opened(mine.token, wrapped(mine.public_key, "RSAES_OAEP_SHA_256", b"m" * 32)) == b"m" * 32
        assert refused(theirs.token, wrapped(mine.public_key, "RSAES_OAEP_SHA_256", b"m" * 32)) == BAD_MATERIAL


def test_a_token_is_what_the_format_says() -> None:
    branch = stranger.branch(bytes(range(32)), "tokens")
    binding = (ACCOUNT, REGION, KEY_ID, KEY.ref.hex())
    made = offer("RSAES_OAEP_SHA_1", "RSA_3072")
    content = stranger.open_box(branch, b"keystead/token/v1", "import", binding, made.token)
    assert content[:2] == b"\x01\x02"
    assert int.from_bytes(content[2:10], "big") == 1000 * (NOW + DAY)
    private = serialization.load_der_private_key(content[10:], None)
    assert isinstance(private, rsa.RSAPrivateKey)
    spki = private.public_key().public_bytes(
        serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo
    )
    assert spki == made.public_key


def test_neither_private_key_nor_material_is_shown() -> None:
    made = offer()
    imported = importing.unwrap_import(
        HIERARCHY, KEY, made.token, wrapped(made.public_key, "RSAES_OAEP_SHA_256", b"m" * 32), NOW, (), prove
    )
    assert "token" not in repr(made)
    assert "mmmm" not in repr(imported)


# --- what may travel how --------------------------------------------------------------------------------------------------

ALGORITHMS = (*DIRECT, *TWO_STEPS, "RSAES_PKCS1_V1_5", "SM2PKE")
PAIRS = list(product(ALGORITHMS, (*WRAPPING_SPECS, "SM2")))
DIRECTLY = {(algorithm, size) for algorithm in DIRECT for size in WRAPPING_SPECS}
IN_TWO_STEPS = {(algorithm, size) for algorithm in TWO_STEPS for size in WRAPPING_SPECS}
TOO_LONG_FOR_2048 = {(algorithm, "RSA_2048") for algorithm in DIRECT}
ALLOWED = {
    "SYMMETRIC_DEFAULT": DIRECTLY,
    **dict.fromkeys(("HMAC_224", "HMAC_256", "HMAC_384", "HMAC_512"), DIRECTLY),
    **dict.fromkeys(("RSA_2048", "RSA_3072", "RSA_4096"), IN_TWO_STEPS),
    **dict.fromkeys(("ECC_NIST_P256", "ECC_NIST_P384", "ECC_SECG_P256K1"), DIRECTLY | IN_TWO_STEPS),
    **dict.fromkeys(("ECC_NIST_P521", "ECC_NIST_EDWARDS25519"), (DIRECTLY | IN_TWO_STEPS) - TOO_LONG_FOR_2048),
}


def refusal_of(spec: str, algorithm: str, wrapping_spec: str) -> str | None:
    try:
        importing.check_wrapping(spec, algorithm, wrapping_spec)
    except errors.Refusal as refusal:
        return str(refusal)
    return None


@pytest.mark.parametrize("spec", keyspecs.SPECS)
def test_material_of_each_spec_travels_only_as_aws_lets_it(spec: str) -> None:
    for algorithm, size in PAIRS:
        allowed = (algorithm, size) in ALLOWED.get(spec, set())
        sentence = (
            f"ValidationException: Wrapping algorithm {algorithm} and wrapping key spec {size} cannot be used to "
            f"import a {spec} key."
        )
        assert refusal_of(spec, algorithm, size) == (None if allowed else sentence)


def test_no_wrapping_key_is_made_for_a_pair_that_is_not_allowed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delattr(importing, "generate_private_key")
    with pytest.raises(errors.Refusal, match="cannot be used to import a SYMMETRIC_DEFAULT key"):
        importing.offer(HIERARCHY, KEY, "RSAES_PKCS1_V1_5", "RSA_2048", NOW, os.urandom)


# --- what was wrapped -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("wrapping_spec", WRAPPING_SPECS)
@pytest.mark.parametrize("algorithm", DIRECT)
def test_what_openssl_wraps_directly_comes_out(tmp_path: Path, algorithm: str, wrapping_spec: str) -> None:
    made = offer(algorithm, wrapping_spec)
    assert opened(made.token, wrapped_by_openssl(tmp_path, made.public_key, algorithm, b"m" * 32)) == b"m" * 32


@pytest.mark.parametrize("algorithm", TWO_STEPS)
def test_what_openssl_wraps_under_an_aes_key_comes_out(tmp_path: Path, algorithm: str) -> None:
    made = offer(algorithm, "RSA_2048", TWO_STEP_KEY.spec)
    raw = rsa_der(2048)
    encrypted = wrapped_by_openssl(tmp_path, made.public_key, algorithm, raw)
    assert len(encrypted) == 256 + (len(raw) + 7) // 8 * 8 + 8
    assert opened(made.token, encrypted, TWO_STEP_KEY) == raw


def rsa_der(bits: int) -> bytes:
    return pkcs8(rsa_key(bits))


@pytest.mark.parametrize(("asked", "used"), [DIRECT, DIRECT[::-1]])
def test_another_hash_than_was_asked_for_is_refused(asked: str, used: str) -> None:
    made = offer(asked)
    assert refused(made.token, wrapped(made.public_key, used, b"m" * 32)) == BAD_MATERIAL


def test_pkcs1_padding_is_refused() -> None:
    made = offer()
    public = serialization.load_der_public_key(made.public_key)
    assert isinstance(public, rsa.RSAPublicKey)
    assert refused(made.token, public.encrypt(b"m" * 32, padding.PKCS1v15())) == BAD_MATERIAL


@pytest.mark.parametrize("length", [0, 1, 16, 31, 33, 64, 190])
def test_material_of_another_length_is_refused(length: int) -> None:
    made = offer()
    assert refused(made.token, wrapped(made.public_key, "RSAES_OAEP_SHA_256", bytes(length))) == BAD_MATERIAL


@pytest.mark.parametrize("length", [1, 255, 257, 512, 6144])
def test_a_blob_that_cannot_be_of_the_wrapping_key_is_refused_for_its_size(length: int) -> None:
    assert refused(offer().token, bytes(length)) == BAD_SIZE


@pytest.mark.parametrize("length", [16, 24])
def test_a_shorter_aes_key_in_between_is_refused(length: int) -> None:
    """PKCS#11 allows it; AWS's guide does not."""
    made = offer(TWO_STEPS[1], "RSA_2048", TWO_STEP_KEY.spec)
    good, short = (wrapped(made.public_key, TWO_STEPS[1], rsa_der(2048), bytes(size)) for size in (32, length))
    assert opened(made.token, good, TWO_STEP_KEY) == rsa_der(2048)
    assert refused(made.token, short, TWO_STEP_KEY) == BAD_MATERIAL


@pytest.mark.parametrize("rest", [b"", b"\x00" * 8, b"\x00" * 16, b"\x00" * 23, b"\x00" * 24, b"\xff" * 5888])
def test_what_is_not_key_wrap_under_the_aes_key_is_refused(rest: bytes) -> None:
    made = offer(TWO_STEPS[1], "RSA_2048", TWO_STEP_KEY.spec)
    assert refused(made.token, oaep(made.public_key, TWO_STEPS[1], bytes(32)) + rest, TWO_STEP_KEY) == BAD_MATERIAL


# --- whose token, and for how long ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("later", [0, 1, DAY - 1, DAY - 0.001])
def test_a_set_is_good_for_a_day_and_more_than_once(later: float) -> None:
    made = offer()
    for content in (b"m" * 32, b"n" * 32):
        encrypted = wrapped(made.public_key, "RSAES_OAEP_SHA_256", content)
        assert opened(made.token, encrypted, now=NOW + later) == content


@pytest.mark.parametrize("later", [DAY, DAY + 1, 10 * DAY])
def test_after_a_day_a_set_is_expired(later: float) -> None:
    made = offer()
    encrypted = wrapped(made.public_key, "RSAES_OAEP_SHA_256", b"m" * 32)
    assert refused(made.token, encrypted, now=NOW + later) == ("ExpiredImportTokenException", None)
    assert refused(made.token, b"nonsense", now=NOW + later) == ("ExpiredImportTokenException", None)
    assert refused(made.token[:-1], encrypted, now=NOW + later) == BAD_TOKEN


@pytest.mark.parametrize(
    "other",
    [
        replace(KEY, account="444455556666"),
        replace(KEY, region="eu-west-1"),
        replace(KEY, key_id=KEY_ID[:-1] + "c"),
        replace(KEY, ref=b"s" * 16),
    ],
    ids=["account", "region", "key id", "reference"],
)
def test_the_token_of_another_key_is_invalid(other: Key) -> None:
    made = offer()
    assert refused(made.token, wrapped(made.public_key, "RSAES_OAEP_SHA_256", b"m" * 32), other) == BAD_TOKEN


def test_the_token_of_another_house_or_of_another_purpose_is_invalid() -> None:
    encrypted = wrapped(offer().public_key, "RSAES_OAEP_SHA_256", b"m" * 32)
    elsewhere = importing.offer(Hierarchy(b"x" * 32, {}, 0), KEY, "RSAES_OAEP_SHA_256", "RSA_2048", NOW, os.urandom)
    assert refused(elsewhere.token, encrypted) == BAD_TOKEN
    page = HIERARCHY.seal_token(b"page", b"x" * 100, os.urandom, (ACCOUNT, REGION, KEY_ID, KEY.ref.hex()))
    assert refused(page, encrypted) == BAD_TOKEN


@settings(max_examples=200)
@given(st.data())
def test_no_byte_of_a_token_can_be_altered(data: st.DataObject) -> None:
    made = offer()
    encrypted = wrapped(made.public_key, "RSAES_OAEP_SHA_256", b"m" * 32)
    place = data.draw(st.integers(0, len(made.token) - 1))
    altered = bytearray(made.token)
    altered[place] ^= data.draw(st.integers(1, 255))
    assert refused(bytes(altered), encrypted) == BAD_TOKEN
    assert refused(made.token[:place], encrypted) == BAD_TOKEN
    assert refused(made.token + bytes(place + 1), encrypted) == BAD_TOKEN


@settings(max_examples=100)
@given(st.data())
def test_no_byte_of_wrapped_material_can_be_altered(data: st.DataObject) -> None:
    made = offer()
    encrypted = bytearray(wrapped(made.public_key, "RSAES_OAEP_SHA_256", b"m" * 32))
    encrypted[data.draw(st.integers(0, len(encrypted) - 1))] ^= data.draw(st.integers(1, 255))
    assert refused(made.token, bytes(encrypted)) == BAD_MATERIAL


@settings(max_examples=100)
@given(st.data())
def test_no_byte_of_two_step_wrapping_can_be_altered(data: st.DataObject) -> None:
    made = offer(TWO_STEPS[1], "RSA_2048", TWO_STEP_KEY.spec)
    good = wrapped(made.public_key, TWO_STEPS[1], rsa_der(2048))
    place, flip = data.draw(st.integers(0, len(good) - 1)), data.draw(st.integers(1, 255))
    altered = bytearray(good)
    altered[place] ^= flip
    for bad in (bytes(altered), good[:place], good + bytes(8)):
        assert refused(made.token, bad, TWO_STEP_KEY) == BAD_MATERIAL


@settings(max_examples=200)
@given(st.binary(max_size=600), st.binary(max_size=600))
def test_any_bytes_are_refused_and_nothing_else_happens(token: bytes, encrypted: bytes) -> None:
    assert refused(token, encrypted) == BAD_TOKEN
    assert refused(offer().token, encrypted) in (BAD_SIZE, BAD_MATERIAL)


# --- the id of imported material --------------------------------------------------------------------------------------------

VECTORS = load("keys-v1.json")


def test_ids_of_imported_material_are_those_of_the_vectors() -> None:
    hierarchy = Hierarchy(bytes.fromhex(VECTORS["root"]), {}, 0)
    for vector in VECTORS["material_ids"]:
        material = bytes.fromhex(vector["material"])
        assert hierarchy.imported_material_id(vector["account"], vector["key_id"], material) == vector["id"]
    assert len({vector["id"] for vector in VECTORS["material_ids"]}) == len(VECTORS["material_ids"]) > 4


def test_the_same_material_has_the_same_id_in_its_key_in_each_region_and_another_in_another_key() -> None:
    made = offer()
    replica = replace(KEY, region="eu-west-1")
    there = importing.offer(HIERARCHY, replica, "RSAES_OAEP_SHA_256", "RSA_2048", NOW, os.urandom)
    ids = [
        importing.unwrap_import(
            HIERARCHY, key, one.token, wrapped(one.public_key, "RSAES_OAEP_SHA_256", m), NOW, (), prove
        )
        for key, one, m in ((KEY, made, b"m" * 32), (KEY, made, b"m" * 32), (replica, there, b"m" * 32))
    ]
    assert len({imported.material_id for imported in ids}) == 1
    assert re.fullmatch("[0-9a-f]{64}", ids[0].material_id)
    assert HIERARCHY.imported_material_id(ACCOUNT, KEY_ID, b"m" * 32) == ids[0].material_id


PARTS = st.text(max_size=4)


@given(PARTS, PARTS, st.binary(max_size=8), PARTS, PARTS, st.binary(max_size=8))
def test_ids_differ_when_account_key_or_material_do(
    account: str, key_id: str, material: bytes, account2: str, key_id2: str, material2: bytes
) -> None:
    same = (account, key_id, material) == (account2, key_id2, material2)
    one = HIERARCHY.imported_material_id(account, key_id, material)
    assert (one == HIERARCHY.imported_material_id(account2, key_id2, material2)) == same
    assert one == stranger.material_id(bytes(range(32)), account, key_id, material)
    assert one != Hierarchy(b"x" * 32, {}, 0).imported_material_id(account, key_id, material)
