"""Sign and Verify of every key spec and algorithm: what a second implementation says, and AWS's rules for messages."""

from __future__ import annotations

import os
from itertools import product

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.crypto import second
from tests.crypto.conftest import Materials

from keystead import errors
from keystead.crypto.capabilities import Signer, Verifier
from keystead.crypto.keyspecs import SPECS

SIGN = "SIGN_VERIFY"
ALL = [(name, algorithm) for name, row in SPECS.items() for algorithm in row.algorithms.get(SIGN, ())]
HASHED = [(name, algorithm) for name, algorithm in ALL if name.startswith(("RSA", "ECC_NIST_P", "ECC_SECG"))]
DIGESTS = {"256": 32, "384": 48, "512": 64}
SIZES = {
    "RSA_2048": 256,
    "RSA_3072": 384,
    "RSA_4096": 512,
    "ECC_NIST_EDWARDS25519": 64,
    "ML_DSA_44": 2420,
    "ML_DSA_65": 3309,
    "ML_DSA_87": 4627,
}
MESSAGES = st.binary(min_size=1, max_size=4096)
EACH = pytest.mark.parametrize(("name", "algorithm"), ALL)


def pair(materials: Materials, name: str) -> tuple[Signer, Verifier]:
    opened = SPECS[name].open(materials[name], SIGN)
    assert opened.signer is not None
    assert opened.verifier is not None
    return opened.signer, opened.verifier


def public(materials: Materials, name: str) -> bytes:
    made = SPECS[name].public
    assert made is not None
    return made(materials[name]).der


def given_as(algorithm: str, message: bytes) -> tuple[bytes, str]:
    """A message as a caller of the algorithm sends it."""
    if algorithm == "ED25519_PH_SHA_512":
        return second.digest(algorithm, message), "DIGEST"
    return message, "RAW"


def assert_refused(verifier: Verifier, message: bytes, kind: str, signature: bytes, algorithm: str) -> None:
    with pytest.raises(errors.Refusal) as refusal:
        verifier.verify(message, kind, signature, algorithm)
    assert (refusal.value.code, refusal.value.message) == ("KMSInvalidSignatureException", None)


@EACH
@given(message=MESSAGES)
def test_a_signature_verifies_here_and_with_the_second_implementation(
    name: str, algorithm: str, message: bytes, materials: Materials
) -> None:
    signer, verifier = pair(materials, name)
    sent, kind = given_as(algorithm, message)
    signature = signer.sign(sent, kind, algorithm)
    verifier.verify(sent, kind, signature, algorithm)
    second.verify(public(materials, name), message, signature, algorithm)
    assert len(signature) == SIZES.get(name, len(signature))


@EACH
def test_a_signature_of_the_second_implementation_verifies_here(
    name: str, algorithm: str, materials: Materials
) -> None:
    _, verifier = pair(materials, name)
    for message in (b"m", os.urandom(4096)):
        signature = second.sign(materials[name], message, algorithm)
        verifier.verify(*given_as(algorithm, message), signature, algorithm)


@EACH
@given(message=MESSAGES, place=st.integers(0, 9999), change=st.integers(1, 255))
def test_an_altered_signature_is_refused(
    name: str, algorithm: str, message: bytes, place: int, change: int, materials: Materials
) -> None:
    signer, verifier = pair(materials, name)
    sent, kind = given_as(algorithm, message)
    signature = bytearray(signer.sign(sent, kind, algorithm))
    signature[place % len(signature)] ^= change
    assert_refused(verifier, sent, kind, bytes(signature), algorithm)


@EACH
@given(signature=st.binary(min_size=1, max_size=600))
def test_any_bytes_for_a_signature_are_refused_and_nothing_else_happens(
    name: str, algorithm: str, signature: bytes, materials: Materials
) -> None:
    _, verifier = pair(materials, name)
    sent, kind = given_as(algorithm, b"message")
    assert_refused(verifier, sent, kind, signature, algorithm)


@EACH
def test_a_signature_of_another_length_message_key_or_algorithm_is_refused(
    name: str, algorithm: str, materials: Materials, others: Materials
) -> None:
    signer, verifier = pair(materials, name)
    sent, kind = given_as(algorithm, b"message")
    signature = signer.sign(sent, kind, algorithm)
    assert_refused(verifier, sent, kind, signature[:-1], algorithm)
    assert_refused(verifier, sent, kind, signature + b"\x00", algorithm)
    other, kind = given_as(algorithm, b"massage")
    assert_refused(verifier, other, kind, signature, algorithm)
    assert_refused(pair(others, name)[1], sent, kind, signature, algorithm)
    for another in set(SPECS[name].algorithms[SIGN]) - {algorithm}:
        assert_refused(verifier, *given_as(another, b"message"), signature, another)


@pytest.mark.parametrize(("name", "algorithm"), HASHED)
def test_a_message_and_its_digest_are_the_same_to_sign_and_to_verify(
    name: str, algorithm: str, materials: Materials
) -> None:
    signer, verifier = pair(materials, name)
    message = os.urandom(100)
    forms = [(message, "RAW"), (second.digest(algorithm, message), "DIGEST")]
    for signed, verified in product(forms, forms):
        verifier.verify(*verified, signer.sign(*signed, algorithm), algorithm)


@pytest.mark.parametrize("name", ["ML_DSA_44", "ML_DSA_65", "ML_DSA_87"])
def test_a_message_and_its_representative_are_the_same_to_sign_and_to_verify(name: str, materials: Materials) -> None:
    signer, verifier = pair(materials, name)
    message = os.urandom(100)
    forms = [(message, "RAW"), (second.mu(public(materials, name), message), "EXTERNAL_MU")]
    for signed, verified in product(forms, forms):
        signature = signer.sign(*signed, "ML_DSA_SHAKE_256")
        verifier.verify(*verified, signature, "ML_DSA_SHAKE_256")
        second.verify(public(materials, name), message, signature, "ML_DSA_SHAKE_256")


@EACH
def test_a_digest_of_another_length_is_refused_to_sign_and_to_verify(
    name: str, algorithm: str, materials: Materials
) -> None:
    lengths = {"ED25519_PH_SHA_512": 64, "ML_DSA_SHAKE_256": 64}
    right = lengths.get(algorithm, DIGESTS[algorithm[-3:]])
    kind = "EXTERNAL_MU" if name.startswith("ML") else "DIGEST"
    if algorithm == "ED25519_SHA_512":
        return
    signer, verifier = pair(materials, name)
    signature = signer.sign(bytes(right), kind, algorithm)
    for length in (1, right - 1, right + 1, 20, 4096):
        for ask in (
            lambda wrong: signer.sign(wrong, kind, algorithm),
            lambda wrong: verifier.verify(wrong, kind, signature, algorithm),
        ):
            with pytest.raises(errors.Refusal) as refusal:
                ask(bytes(length))
            assert refusal.value.code == "ValidationException"
            assert refusal.value.message == f"Digest is invalid length for algorithm {algorithm}."


def wrong_types() -> list[tuple[str, str, str, str]]:
    """Each message type that an algorithm does not take, with AWS's sentence."""
    out = []
    for name, algorithm in ALL:
        spec, own = f"key spec {name}", f"algorithm {algorithm}"
        if name == "ECC_NIST_EDWARDS25519":
            out.append((name, algorithm, "DIGEST" if algorithm == "ED25519_SHA_512" else "RAW", own))
            out.append((name, algorithm, "EXTERNAL_MU", spec))
        else:
            out.append((name, algorithm, "DIGEST" if name.startswith("ML") else "EXTERNAL_MU", spec))
    return out


@pytest.mark.parametrize(("name", "algorithm", "kind", "what"), wrong_types())
def test_a_message_type_that_is_not_the_algorithms_is_refused(
    name: str, algorithm: str, kind: str, what: str, materials: Materials
) -> None:
    signer, verifier = pair(materials, name)
    for length in (64, 7):  # whatever its length
        for ask in (
            lambda message: signer.sign(message, kind, algorithm),
            lambda message: verifier.verify(message, kind, b"signature", algorithm),
        ):
            with pytest.raises(errors.Refusal) as refusal:
                ask(bytes(length))
            assert refusal.value.code == "ValidationException"
            assert refusal.value.message == f"Message type {kind} is incompatible with {what}."


@pytest.mark.parametrize("name", [name for name, row in SPECS.items() if SIGN in row.algorithms])
def test_an_algorithm_of_another_spec_is_refused(name: str, materials: Materials) -> None:
    signer, verifier = pair(materials, name)
    for another in sorted({algorithm for _, algorithm in ALL} - set(SPECS[name].algorithms[SIGN])):
        for ask in (
            lambda algorithm: signer.sign(b"m", "RAW", algorithm),
            lambda algorithm: verifier.verify(b"m", "RAW", b"s", algorithm),
        ):
            with pytest.raises(errors.Refusal) as refusal:
                ask(another)
            assert refusal.value.code == "InvalidKeyUsageException"
            assert refusal.value.message == f"Algorithm {another} is incompatible with key spec {name}."


@EACH
def test_only_pkcs1_and_ed25519_sign_the_same_message_the_same_way_twice(
    name: str, algorithm: str, materials: Materials
) -> None:
    signer, _ = pair(materials, name)
    sent, kind = given_as(algorithm, b"message")
    same = signer.sign(sent, kind, algorithm) == signer.sign(sent, kind, algorithm)
    assert same == algorithm.startswith(("RSASSA_PKCS1", "ED25519"))


def test_the_salt_of_pss_is_as_long_as_its_hash(materials: Materials) -> None:
    from Crypto.PublicKey import RSA
    from Crypto.Signature import pss

    signer, verifier = pair(materials, "RSA_2048")
    for bits, length in DIGESTS.items():
        algorithm = f"RSASSA_PSS_SHA_{bits}"
        hashed = second.hash_of(algorithm).new(b"message")
        key = RSA.import_key(materials["RSA_2048"])
        pss.new(key, salt_bytes=length).verify(hashed, signer.sign(b"message", "RAW", algorithm))
        for other in (0, length - 1, length + 1):
            assert_refused(verifier, b"message", "RAW", pss.new(key, salt_bytes=other).sign(hashed), algorithm)
