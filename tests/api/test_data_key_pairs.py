"""GenerateDataKeyPair and GenerateDataKeyPairWithoutPlaintext; the openssl program says whether both halves fit."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.api import openssl
from tests.api.conftest import Keys, Refused
from tests.crypto import second

CONTEXT = {"order": "4711"}
DRY = ("DryRunOperationException", "The request would have succeeded, but the DryRun option is set.")
SPECS = [
    *("RSA_2048", "RSA_3072", "RSA_4096"),
    *("ECC_NIST_P256", "ECC_NIST_P384", "ECC_NIST_P521", "ECC_SECG_P256K1", "ECC_NIST_EDWARDS25519"),
]


@pytest.mark.parametrize("spec", SPECS)
def test_a_pair_comes_with_its_private_half_in_clear_and_sealed(kms: Any, keys: Keys, folder: Path, spec: str) -> None:
    key = keys("SYMMETRIC_DEFAULT", "ENCRYPT_DECRYPT")
    made = kms.generate_data_key_pair(KeyId=key["KeyId"], KeyPairSpec=spec, EncryptionContext=CONTEXT)
    secret = {"PrivateKeyCiphertextBlob", "PrivateKeyPlaintext", "PublicKey", "ResponseMetadata"}
    assert {name: made[name] for name in made if name not in secret} == {
        "KeyId": key["Arn"],
        "KeyPairSpec": spec,
        "KeyMaterialId": key["CurrentKeyMaterialId"],
    }
    assert openssl.public_key(folder, made["PrivateKeyPlaintext"]) == made["PublicKey"]
    opened = kms.decrypt(CiphertextBlob=made["PrivateKeyCiphertextBlob"], EncryptionContext=CONTEXT)
    assert opened["Plaintext"] == made["PrivateKeyPlaintext"]


@pytest.mark.parametrize("spec", ["ML_KEM_768", "ML_KEM_1024"])
def test_a_pair_to_encapsulate_with_is_a_pair(kms: Any, keys: Keys, spec: str) -> None:
    key = keys("SYMMETRIC_DEFAULT", "ENCRYPT_DECRYPT")["KeyId"]
    made = kms.generate_data_key_pair(KeyId=key, KeyPairSpec=spec)
    ciphertext, secret = second.encapsulate(made["PublicKey"])
    assert second.decapsulate(made["PrivateKeyPlaintext"], ciphertext) == secret
    opened = kms.decrypt(CiphertextBlob=made["PrivateKeyCiphertextBlob"])
    assert opened["Plaintext"] == made["PrivateKeyPlaintext"]


@pytest.mark.parametrize("spec", ["RSA_2048", "ECC_NIST_P521", "ECC_SECG_P256K1"])
def test_without_plaintext_the_private_half_is_only_sealed(kms: Any, keys: Keys, folder: Path, spec: str) -> None:
    key = keys("SYMMETRIC_DEFAULT", "ENCRYPT_DECRYPT")
    made = kms.generate_data_key_pair_without_plaintext(KeyId=key["Arn"], KeyPairSpec=spec)
    assert made.keys() - {"ResponseMetadata"} == {
        "PrivateKeyCiphertextBlob",
        "PublicKey",
        "KeyId",
        "KeyPairSpec",
        "KeyMaterialId",
    }
    private = kms.decrypt(CiphertextBlob=made["PrivateKeyCiphertextBlob"])["Plaintext"]
    assert openssl.public_key(folder, private) == made["PublicKey"]


def test_no_two_pairs_are_alike(kms: Any, keys: Keys) -> None:
    key = keys("SYMMETRIC_DEFAULT", "ENCRYPT_DECRYPT")["KeyId"]
    made = [kms.generate_data_key_pair(KeyId=key, KeyPairSpec="ECC_NIST_P256") for _ in range(3)]
    assert len({each["PublicKey"] for each in made}) == len({each["PrivateKeyPlaintext"] for each in made}) == 3


def test_a_dry_run_makes_no_pair_and_tells_what_would_be_refused(kms: Any, keys: Keys, refused: Refused) -> None:
    key = keys("SYMMETRIC_DEFAULT", "ENCRYPT_DECRYPT")["KeyId"]
    for call in (kms.generate_data_key_pair, kms.generate_data_key_pair_without_plaintext):
        assert refused(call, KeyId=key, KeyPairSpec="RSA_4096", DryRun=True) == DRY
        large = {"name": "x" * 9_000}
        arguments = {"KeyId": key, "KeyPairSpec": "ECC_NIST_P256", "EncryptionContext": large}
        said = refused(call, **arguments)
        assert said[0] == "ValidationException"
        assert refused(call, **arguments, DryRun=True) == said


def test_what_does_not_fit_is_refused_in_the_words_of_aws(kms: Any, keys: Keys, refused: Refused) -> None:
    rsa, signing = keys("RSA_2048", "ENCRYPT_DECRYPT"), keys("ECC_NIST_P256", "SIGN_VERIFY")
    for call, name in (
        (kms.generate_data_key_pair, "GenerateDataKeyPair"),
        (kms.generate_data_key_pair_without_plaintext, "GenerateDataKeyPairWithoutPlaintext"),
    ):
        assert refused(call, KeyId=rsa["KeyId"], KeyPairSpec="RSA_2048") == (
            "InvalidKeyUsageException",
            "You cannot generate a data key pair with an asymmetric CMK",
        )
        assert refused(call, KeyId=signing["KeyId"], KeyPairSpec="RSA_2048") == (
            "InvalidKeyUsageException",
            f"{signing['Arn']} key usage is SIGN_VERIFY which is not valid for {name}.",
        )
        code, said = refused(call, KeyId=rsa["KeyId"], KeyPairSpec="SM2", DryRun=True)
        assert (code, "KeyPairSpec SM2" in said) == ("UnsupportedOperationException", True)
        assert refused(call, KeyId=rsa["KeyId"], KeyPairSpec="ML_DSA_44")[0] == "ValidationException"
    recipient = {"KeyEncryptionAlgorithm": "RSAES_OAEP_SHA_256", "AttestationDocument": b"x"}
    code, said = refused(kms.generate_data_key_pair, KeyId=rsa["KeyId"], KeyPairSpec="RSA_2048", Recipient=recipient)
    assert (code, "Recipient" in said) == ("UnsupportedOperationException", True)
