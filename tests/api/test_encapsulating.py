"""Encapsulate and Decapsulate; PyCryptodome makes and opens what goes in and comes out."""

from __future__ import annotations

from typing import Any

import pytest

from keystead.crypto import keyspecs
from tests.api.conftest import Keys, Refused
from tests.crypto import second

DRY = ("DryRunOperationException", "The request would have succeeded, but the DryRun option is set.")
USAGE = "ENCAPSULATE_DECAPSULATE"
SIZES = {"ML_KEM_512": 768, "ML_KEM_768": 1_088, "ML_KEM_1024": 1_568}  # of the ciphertext, in bytes
SPECS = [spec for spec in SIZES if keyspecs.SPECS[spec].lacking() is None]
HERE = {"EncapsulationAlgorithm": "ML_KEM"}


@pytest.mark.parametrize("spec", SPECS)
def test_what_is_encapsulated_is_decapsulated(kms: Any, keys: Keys, spec: str) -> None:
    key = keys(spec, USAGE)
    made = kms.encapsulate(KeyId=key["KeyId"], **HERE)
    blob, secret = made["SharedSecretCiphertextBlob"], made["SharedSecret"]
    assert {name: made[name] for name in made if name != "ResponseMetadata"} == {
        "KeyId": key["Arn"],
        "SharedSecret": secret,
        "SharedSecretCiphertextBlob": blob,
        "EncapsulationAlgorithm": "ML_KEM",
    }
    assert (len(blob), len(secret)) == (SIZES[spec], 32)
    opened = kms.decapsulate(KeyId=key["Arn"], SharedSecretCiphertextBlob=blob, **HERE)
    assert {name: opened[name] for name in opened if name != "ResponseMetadata"} == {
        "KeyId": key["Arn"],
        "SharedSecret": secret,
        "EncapsulationAlgorithm": "ML_KEM",
    }
    assert kms.encapsulate(KeyId=key["KeyId"], **HERE)["SharedSecret"] != secret


@pytest.mark.parametrize("spec", SPECS)
def test_what_another_library_encapsulates_to_the_public_key_is_decapsulated(kms: Any, keys: Keys, spec: str) -> None:
    key = keys(spec, USAGE)["KeyId"]
    shown = kms.get_public_key(KeyId=key)
    assert (shown["KeyUsage"], shown["EncapsulationAlgorithms"]) == (USAGE, ["ML_KEM"])
    blob, secret = second.encapsulate(shown["PublicKey"])
    assert kms.decapsulate(KeyId=key, SharedSecretCiphertextBlob=blob, **HERE)["SharedSecret"] == secret


@pytest.mark.parametrize("spec", SPECS)
def test_an_altered_ciphertext_gives_another_secret_and_one_of_another_length_none(
    kms: Any, keys: Keys, refused: Refused, spec: str
) -> None:
    key = keys(spec, USAGE)["KeyId"]
    made = kms.encapsulate(KeyId=key, **HERE)
    blob = made["SharedSecretCiphertextBlob"]
    altered = blob[:-1] + bytes([blob[-1] ^ 1])
    secrets = {kms.decapsulate(KeyId=key, SharedSecretCiphertextBlob=altered, **HERE)["SharedSecret"] for _ in range(2)}
    assert len(secrets) == 1, "implicit rejection is deterministic"
    assert made["SharedSecret"] not in secrets
    for broken in (blob[:-1], blob + b"x", b"x"):
        for dry in ({}, {"DryRun": True}):
            said = refused(kms.decapsulate, KeyId=key, SharedSecretCiphertextBlob=broken, **HERE, **dry)
            assert said == ("InvalidCiphertextException", "")
    assert refused(kms.decapsulate, KeyId=key, SharedSecretCiphertextBlob=altered, **HERE, DryRun=True) == DRY
    assert refused(kms.encapsulate, KeyId=key, **HERE, DryRun=True) == DRY


def test_what_does_not_fit_is_refused_in_the_words_of_aws(kms: Any, keys: Keys, refused: Refused) -> None:
    signing = keys("ECC_NIST_P256", "SIGN_VERIFY")
    for call, name, more in (
        (kms.encapsulate, "Encapsulate", {}),
        (kms.decapsulate, "Decapsulate", {"SharedSecretCiphertextBlob": b"x"}),
    ):
        assert refused(call, KeyId=signing["KeyId"], **HERE, **more) == (
            "InvalidKeyUsageException",
            f"{signing['Arn']} key usage is SIGN_VERIFY which is not valid for {name}.",
        )
        said = refused(call, KeyId=signing["KeyId"], EncapsulationAlgorithm="KYBER", **more)
        assert said[0] == "ValidationException"
        assert "Member must satisfy enum value set: [ML_KEM]" in said[1]
    key = kms.create_key(KeySpec="ML_KEM_768", KeyUsage=USAGE)["KeyMetadata"]
    kms.disable_key(KeyId=key["KeyId"])
    disabled = ("DisabledException", f"{key['Arn']} is disabled.")
    assert refused(kms.encapsulate, KeyId=key["KeyId"], **HERE) == disabled
    assert refused(kms.decapsulate, KeyId=key["KeyId"], SharedSecretCiphertextBlob=b"x", **HERE) == disabled
