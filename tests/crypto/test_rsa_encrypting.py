"""Encrypt and Decrypt with RSA keys: what a second implementation says, AWS's limits, one refusal for every defect."""

from __future__ import annotations

import os

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.crypto import second
from tests.crypto.conftest import Materials

from keystead import errors
from keystead.crypto.capabilities import Decrypter, Encrypter
from keystead.crypto.keyspecs import SPECS

SPEC_NAMES = ("RSA_2048", "RSA_3072", "RSA_4096")
ALGORITHMS = ("RSAES_OAEP_SHA_1", "RSAES_OAEP_SHA_256")
EACH_SPEC = pytest.mark.parametrize("name", SPEC_NAMES)
EACH_ALGORITHM = pytest.mark.parametrize("algorithm", ALGORITHMS)


def pair(materials: Materials, name: str) -> tuple[Encrypter, Decrypter, bytes]:
    opened = SPECS[name].open(materials[name], "ENCRYPT_DECRYPT")
    assert opened.encrypter is not None
    assert opened.decrypter is not None
    assert opened.public_key is not None
    return opened.encrypter, opened.decrypter, opened.public_key.der


def assert_invalid(decrypter: Decrypter, ciphertext: bytes, algorithm: str) -> None:
    with pytest.raises(errors.Refusal) as refusal:
        decrypter.decrypt(ciphertext, algorithm)
    assert (refusal.value.code, refusal.value.message) == ("InvalidCiphertextException", None)


@EACH_SPEC
@EACH_ALGORITHM
@given(data=st.data())
def test_a_plaintext_comes_back_here_and_with_the_second_implementation(
    name: str, algorithm: str, data: st.DataObject, materials: Materials
) -> None:
    encrypter, decrypter, public = pair(materials, name)
    plaintext = data.draw(st.binary(min_size=1, max_size=SPECS[name].plaintext_max[algorithm]))
    ciphertext = encrypter.encrypt(plaintext, algorithm)
    assert len(ciphertext) == int(name[4:]) // 8, "raw, as long as the modulus, without a header"
    assert decrypter.decrypt(ciphertext, algorithm) == plaintext
    assert second.decrypt(materials[name], ciphertext, algorithm) == plaintext
    assert decrypter.decrypt(second.encrypt(public, plaintext, algorithm), algorithm) == plaintext


@EACH_SPEC
@EACH_ALGORITHM
def test_one_byte_more_than_the_longest_plaintext_is_refused_in_the_words_of_aws(
    name: str, algorithm: str, materials: Materials
) -> None:
    encrypter, decrypter, _ = pair(materials, name)
    longest = SPECS[name].plaintext_max[algorithm]
    assert len(decrypter.decrypt(encrypter.encrypt(bytes(longest), algorithm), algorithm)) == longest
    with pytest.raises(errors.Refusal) as refusal:
        encrypter.encrypt(bytes(longest + 1), algorithm)
    assert refusal.value.code == "ValidationException"
    assert refusal.value.message == (
        f"Algorithm {algorithm} and key spec {name} cannot encrypt data larger than {longest} bytes."
    )


@EACH_SPEC
@EACH_ALGORITHM
@given(place=st.integers(0, 9999), change=st.integers(1, 255))
def test_an_altered_ciphertext_is_refused(
    name: str, algorithm: str, place: int, change: int, materials: Materials
) -> None:
    encrypter, decrypter, _ = pair(materials, name)
    ciphertext = bytearray(encrypter.encrypt(b"plaintext", algorithm))
    ciphertext[place % len(ciphertext)] ^= change
    assert_invalid(decrypter, bytes(ciphertext), algorithm)


@EACH_ALGORITHM
@given(ciphertext=st.binary(min_size=1, max_size=600))
def test_any_bytes_for_a_ciphertext_are_refused(algorithm: str, ciphertext: bytes, materials: Materials) -> None:
    assert_invalid(pair(materials, "RSA_2048")[1], ciphertext, algorithm)


@EACH_SPEC
@EACH_ALGORITHM
def test_a_ciphertext_of_another_length_key_or_algorithm_is_refused(
    name: str, algorithm: str, materials: Materials, others: Materials
) -> None:
    encrypter, decrypter, _ = pair(materials, name)
    ciphertext = encrypter.encrypt(b"plaintext", algorithm)
    assert_invalid(decrypter, ciphertext[:-1], algorithm)
    assert_invalid(decrypter, ciphertext + b"\x00", algorithm)
    assert_invalid(decrypter, b"\x00" + ciphertext, algorithm)
    assert_invalid(pair(others, name)[1], ciphertext, algorithm)
    (another,) = set(ALGORITHMS) - {algorithm}
    assert_invalid(decrypter, ciphertext, another)
    assert_invalid(decrypter, os.urandom(len(ciphertext)), algorithm)


@pytest.mark.parametrize("algorithm", ["SYMMETRIC_DEFAULT", "SM2PKE", "RSASSA_PSS_SHA_256"])
def test_an_algorithm_of_another_spec_is_refused(algorithm: str, materials: Materials) -> None:
    encrypter, decrypter, _ = pair(materials, "RSA_2048")
    for ask in (encrypter.encrypt, decrypter.decrypt):
        with pytest.raises(errors.Refusal) as refusal:
            ask(b"bytes", algorithm)
        assert refusal.value.code == "InvalidKeyUsageException"
        assert refusal.value.message == f"Algorithm {algorithm} is incompatible with key spec RSA_2048."
