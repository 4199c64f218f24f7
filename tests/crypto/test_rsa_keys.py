"""RSA keys are checked once, when they come in or are made, and not again each time they are opened."""

from __future__ import annotations

import os
from typing import Any

import pytest
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey, RSAPrivateNumbers, generate_private_key
from cryptography.hazmat.primitives.serialization import load_der_private_key
from tests.crypto.imports import accepted

from keystead.crypto import pkcs8, rsa
from keystead.crypto.keyspecs import SPECS


def test_a_key_is_validated_when_it_comes_in_and_never_when_it_is_opened(monkeypatch: pytest.MonkeyPatch) -> None:
    validated: list[bool] = []

    def load(data: bytes, password: None, unsafe_skip_rsa_key_validation: bool = False) -> Any:
        validated.append(not unsafe_skip_rsa_key_validation)
        return load_der_private_key(data, password, unsafe_skip_rsa_key_validation=unsafe_skip_rsa_key_validation)

    row = SPECS["RSA_2048"]
    material = row.generate(os.urandom)
    monkeypatch.setattr(pkcs8, "load_der_private_key", load)
    assert row.accept is not None
    assert accepted(row.accept, material) == material
    assert validated.count(True) == 1
    validated.clear()
    row.open(material, "SIGN_VERIFY")
    row.open(material, "ENCRYPT_DECRYPT")
    assert row.public is not None
    row.public(material)
    assert validated == [False, False, False]


def test_a_key_whose_halves_do_not_belong_together_is_not_given(monkeypatch: pytest.MonkeyPatch) -> None:
    """What the trial of a new key is there for: a fault while it was made."""
    good, other = (generate_private_key(65537, 2048).private_numbers() for _ in range(2))
    faulty = RSAPrivateNumbers(good.p, good.q, other.d, other.dmp1, other.dmq1, good.iqmp, good.public_numbers)
    monkeypatch.setattr(
        rsa, "generate_private_key", lambda exponent, bits: faulty.private_key(unsafe_skip_rsa_key_validation=True)
    )
    with pytest.raises(InvalidSignature):
        SPECS["RSA_2048"].generate(os.urandom)


@pytest.mark.parametrize("bits", [2048, 3072, 4096])
def test_a_new_key_has_the_modulus_of_its_spec_and_the_exponent_65537(bits: int) -> None:
    key = load_der_private_key(SPECS[f"RSA_{bits}"].generate(os.urandom), None)
    assert isinstance(key, RSAPrivateKey)
    assert (key.key_size, key.public_key().public_numbers().e) == (bits, 65537)
