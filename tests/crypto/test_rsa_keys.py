"""RSA keys are checked once, where they are made or come in, and are not checked again each time they are opened."""

from __future__ import annotations

import os
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
from cryptography.hazmat.primitives.serialization import load_der_private_key

from keystead.crypto import pkcs8
from keystead.crypto.keyspecs import SPECS


def test_a_key_is_checked_when_it_is_made_and_never_when_it_is_opened(monkeypatch: pytest.MonkeyPatch) -> None:
    checks: list[bool] = []

    def load(data: bytes, password: None, unsafe_skip_rsa_key_validation: bool = False) -> Any:
        checks.append(not unsafe_skip_rsa_key_validation)
        return load_der_private_key(data, password, unsafe_skip_rsa_key_validation=unsafe_skip_rsa_key_validation)

    monkeypatch.setattr(pkcs8, "load_der_private_key", load)
    material = SPECS["RSA_2048"].generate(os.urandom)
    assert checks == [True]
    checks.clear()
    SPECS["RSA_2048"].open(material, "SIGN_VERIFY")
    SPECS["RSA_2048"].open(material, "ENCRYPT_DECRYPT")
    assert SPECS["RSA_2048"].public is not None
    SPECS["RSA_2048"].public(material)
    assert checks == [False, False, False]


@pytest.mark.parametrize("bits", [2048, 3072, 4096])
def test_a_new_key_has_the_modulus_of_its_spec_and_the_exponent_65537(bits: int) -> None:
    key = load_der_private_key(SPECS[f"RSA_{bits}"].generate(os.urandom), None)
    assert isinstance(key, RSAPrivateKey)
    assert (key.key_size, key.public_key().public_numbers().e) == (bits, 65537)
