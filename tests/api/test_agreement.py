"""DeriveSharedSecret, against keys that the openssl program made and secrets that it derives."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.api import openssl
from tests.api.conftest import Keys, Refused

DRY = ("DryRunOperationException", "The request would have succeeded, but the DryRun option is set.")
UNUSABLE = ("ValidationException", "")
CURVES = {"ECC_NIST_P256": ("P-256", 32), "ECC_NIST_P384": ("P-384", 48), "ECC_NIST_P521": ("P-521", 66)}


@pytest.mark.parametrize("spec", CURVES)
def test_both_sides_have_the_same_secret(kms: Any, keys: Keys, folder: Path, spec: str) -> None:
    curve, size = CURVES[spec]
    key = keys(spec, "KEY_AGREEMENT")
    theirs = openssl.private_key(curve)
    answer = kms.derive_shared_secret(
        KeyId=key["KeyId"], KeyAgreementAlgorithm="ECDH", PublicKey=openssl.public_key(folder, theirs)
    )
    ours = kms.get_public_key(KeyId=key["KeyId"])["PublicKey"]
    assert {name: answer[name] for name in answer if name != "ResponseMetadata"} == {
        "KeyId": key["Arn"],
        "SharedSecret": openssl.derived(folder, theirs, ours),
        "KeyAgreementAlgorithm": "ECDH",
        "KeyOrigin": "AWS_KMS",
    }
    assert len(answer["SharedSecret"]) == size


def test_a_key_agrees_with_its_own_public_half(kms: Any, keys: Keys) -> None:
    key = keys("ECC_NIST_P256", "KEY_AGREEMENT")["KeyId"]
    own = kms.get_public_key(KeyId=key)["PublicKey"]
    assert len(kms.derive_shared_secret(KeyId=key, KeyAgreementAlgorithm="ECDH", PublicKey=own)["SharedSecret"]) == 32


def test_a_peer_key_that_is_none_or_of_another_curve_is_refused_without_a_text_even_in_a_dry_run(
    kms: Any, keys: Keys, folder: Path, refused: Refused
) -> None:
    key = keys("ECC_NIST_P256", "KEY_AGREEMENT")["KeyId"]
    fitting = openssl.public_key(folder, openssl.private_key("P-256"))
    off_the_curve = fitting[:-1] + bytes([fitting[-1] ^ 1])
    peers = [
        b"no key",
        fitting[:-1],
        fitting + b"\0",
        off_the_curve,
        openssl.public_key(folder, openssl.private_key("P-384")),
        openssl.public_key(folder, openssl.private_key("secp256k1")),
        kms.get_public_key(KeyId=keys("RSA_2048", "SIGN_VERIFY")["KeyId"])["PublicKey"],
    ]
    for peer in peers:
        for dry in ({}, {"DryRun": True}):
            said = refused(kms.derive_shared_secret, KeyId=key, KeyAgreementAlgorithm="ECDH", PublicKey=peer, **dry)
            assert said == UNUSABLE, peer.hex()
    arguments = {"KeyId": key, "KeyAgreementAlgorithm": "ECDH", "PublicKey": fitting}
    assert refused(kms.derive_shared_secret, **arguments, DryRun=True) == DRY


def test_what_does_not_fit_is_refused_in_the_words_of_aws(kms: Any, keys: Keys, refused: Refused) -> None:
    signing = keys("ECC_NIST_P256", "SIGN_VERIFY")
    public = kms.get_public_key(KeyId=signing["KeyId"])["PublicKey"]
    arguments = {"KeyAgreementAlgorithm": "ECDH", "PublicKey": public}
    assert refused(kms.derive_shared_secret, KeyId=signing["KeyId"], **arguments) == (
        "InvalidKeyUsageException",
        f"{signing['Arn']} key usage is SIGN_VERIFY which is not valid for DeriveSharedSecret.",
    )
    assert refused(
        kms.derive_shared_secret, KeyId=signing["KeyId"], KeyAgreementAlgorithm="X25519", PublicKey=public
    ) == (
        "ValidationException",
        "1 validation error detected: Value 'X25519' at 'keyAgreementAlgorithm' failed to satisfy constraint: "
        "Member must satisfy enum value set: [ECDH]",
    )
    key = kms.create_key(KeySpec="ECC_NIST_P256", KeyUsage="KEY_AGREEMENT")["KeyMetadata"]
    recipient = {"KeyEncryptionAlgorithm": "RSAES_OAEP_SHA_256", "AttestationDocument": b"x"}
    code, said = refused(kms.derive_shared_secret, KeyId=key["KeyId"], **arguments, Recipient=recipient)
    assert (code, "Recipient" in said) == ("UnsupportedOperationException", True)
    kms.disable_key(KeyId=key["KeyId"])
    for peer in (public, b"no key"):
        said = refused(kms.derive_shared_secret, KeyId=key["KeyId"], KeyAgreementAlgorithm="ECDH", PublicKey=peer)
        assert said == ("DisabledException", f"{key['Arn']} is disabled.")
