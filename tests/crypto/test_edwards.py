"""Ed25519ph is what RFC 8032 publishes, and KMS's is that of the digest it was given."""

from __future__ import annotations

import hashlib
import threading

import pytest
from tests.crypto.conftest import Materials

from keystead.crypto import edwards, pkcs8
from keystead.crypto.keyspecs import SPECS

# RFC 8032 §7.3
SECRET = bytes.fromhex("833fe62409237b9d62ec77587520911e9a759cec1d19755b7da901b96dca3d42")
PUBLIC = bytes.fromhex("ec172b93ad5e563bf4932c70e1245034c35467ef2efd4d64ebf819683467e2bf")
SIGNATURE = bytes.fromhex(
    "98a70222f0b8121aa9d30f813d683f809e462b469c7ff87639499bb94e6dae41"
    "31f85042463c2a355a2003d062adf5aaa10b8c61e636062aaad11c2a26083406"
)


def test_the_published_message_has_the_published_signature() -> None:
    assert edwards.sign_prehashed(SECRET + PUBLIC, b"abc") == SIGNATURE
    assert edwards.verifies_prehashed(PUBLIC, b"abc", SIGNATURE)
    assert not edwards.verifies_prehashed(PUBLIC, b"abd", SIGNATURE)


def test_the_published_secret_has_the_published_public_key() -> None:
    material = edwards.generate(lambda length: SECRET[:length])
    assert edwards.public(material).der[-32:] == PUBLIC
    assert len(material) == 48


def test_what_is_signed_as_a_digest_is_a_message_to_everybody_else() -> None:
    """KMS hashes the digest again: it is no Ed25519ph signature of what the caller hashed."""
    material = edwards.generate(lambda length: SECRET[:length])
    signer = SPECS["ECC_NIST_EDWARDS25519"].open(material, "SIGN_VERIFY").signer
    assert signer is not None
    digest = hashlib.sha512(b"abc").digest()
    signature = signer.sign(digest, "DIGEST", "ED25519_PH_SHA_512")
    assert edwards.verifies_prehashed(PUBLIC, digest, signature)
    assert not edwards.verifies_prehashed(PUBLIC, b"abc", signature)
    assert signature != SIGNATURE


def test_a_pure_signature_is_no_prehashed_one(materials: Materials) -> None:
    key = pkcs8.read(materials["ECC_NIST_EDWARDS25519"])
    message = bytes(64)
    assert isinstance(key, edwards.Ed25519PrivateKey)
    assert not edwards.verifies_prehashed(key.public_key().public_bytes_raw(), message, key.sign(message))


@pytest.mark.parametrize("algorithm", edwards.ALGORITHMS)
def test_threads_do_not_get_into_each_others_signatures(algorithm: str, materials: Materials) -> None:
    signer = SPECS["ECC_NIST_EDWARDS25519"].open(materials["ECC_NIST_EDWARDS25519"], "SIGN_VERIFY").signer
    assert signer is not None
    kind = edwards.MESSAGE_TYPES[algorithm]
    messages = [hashlib.sha512(bytes([number])).digest() for number in range(8)]
    expected = [signer.sign(message, kind, algorithm) for message in messages]
    found: list[list[bytes]] = [[] for _ in messages]

    def work(number: int) -> None:
        found[number] = [signer.sign(messages[number], kind, algorithm) for _ in range(50)]

    threads = [threading.Thread(target=work, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert found == [[signature] * 50 for signature in expected]
