"""CreateKey: every key spec, with every usage and every origin, made or refused as AWS does."""

from __future__ import annotations

import re
from typing import Any

import pytest

from keystead.crypto import keyspecs
from tests.api.conftest import Keys, Refused
from tests.server import REGION, Server

USAGES = ["ENCRYPT_DECRYPT", "SIGN_VERIFY", "GENERATE_VERIFY_MAC", "KEY_AGREEMENT", "ENCAPSULATE_DECAPSULATE"]
MEMBERS = {
    "ENCRYPT_DECRYPT": "EncryptionAlgorithms",
    "SIGN_VERIFY": "SigningAlgorithms",
    "GENERATE_VERIFY_MAC": "MacAlgorithms",
    "KEY_AGREEMENT": "KeyAgreementAlgorithms",
    "ENCAPSULATE_DECAPSULATE": "EncapsulationAlgorithms",
}

_RSA = {
    "ENCRYPT_DECRYPT": ["RSAES_OAEP_SHA_1", "RSAES_OAEP_SHA_256"],
    "SIGN_VERIFY": [
        "RSASSA_PKCS1_V1_5_SHA_256",
        "RSASSA_PKCS1_V1_5_SHA_384",
        "RSASSA_PKCS1_V1_5_SHA_512",
        "RSASSA_PSS_SHA_256",
        "RSASSA_PSS_SHA_384",
        "RSASSA_PSS_SHA_512",
    ],
}

# What each spec may be used for, and the algorithms in the order in which AWS shows them.
SPECS: dict[str, dict[str, list[str]]] = {
    "SYMMETRIC_DEFAULT": {"ENCRYPT_DECRYPT": ["SYMMETRIC_DEFAULT"]},
    "RSA_2048": _RSA,
    "RSA_3072": _RSA,
    "RSA_4096": _RSA,
    "ECC_NIST_P256": {"SIGN_VERIFY": ["ECDSA_SHA_256"], "KEY_AGREEMENT": ["ECDH"]},
    "ECC_NIST_P384": {"SIGN_VERIFY": ["ECDSA_SHA_384"], "KEY_AGREEMENT": ["ECDH"]},
    "ECC_NIST_P521": {"SIGN_VERIFY": ["ECDSA_SHA_512"], "KEY_AGREEMENT": ["ECDH"]},
    "ECC_SECG_P256K1": {"SIGN_VERIFY": ["ECDSA_SHA_256"]},
    "ECC_NIST_EDWARDS25519": {"SIGN_VERIFY": ["ED25519_PH_SHA_512", "ED25519_SHA_512"]},
    "ML_DSA_44": {"SIGN_VERIFY": ["ML_DSA_SHAKE_256"]},
    "ML_DSA_65": {"SIGN_VERIFY": ["ML_DSA_SHAKE_256"]},
    "ML_DSA_87": {"SIGN_VERIFY": ["ML_DSA_SHAKE_256"]},
    "ML_KEM_768": {"ENCAPSULATE_DECAPSULATE": ["ML_KEM"]},
    "ML_KEM_1024": {"ENCAPSULATE_DECAPSULATE": ["ML_KEM"]},
    "HMAC_224": {"GENERATE_VERIFY_MAC": ["HMAC_SHA_224"]},
    "HMAC_256": {"GENERATE_VERIFY_MAC": ["HMAC_SHA_256"]},
    "HMAC_384": {"GENERATE_VERIFY_MAC": ["HMAC_SHA_384"]},
    "HMAC_512": {"GENERATE_VERIFY_MAC": ["HMAC_SHA_512"]},
}
if keyspecs.SPECS["ML_KEM_512"].lacking() is None:  # the package behind it is not to be had for every machine
    SPECS["ML_KEM_512"] = {"ENCAPSULATE_DECAPSULATE": ["ML_KEM"]}
PAIRS = [(spec, usage) for spec, usages in SPECS.items() for usage in usages]
IMPORTED = [(spec, usage) for spec, usage in PAIRS if not spec.startswith("ML_")]


def _expected(made: dict[str, Any], server: Server, spec: str, usage: str) -> dict[str, Any]:
    return {
        "AWSAccountId": server.account,
        "KeyId": made["KeyId"],
        "Arn": f"arn:aws:kms:{REGION}:{server.account}:key/{made['KeyId']}",
        "CreationDate": made["CreationDate"],
        "Enabled": True,
        "Description": "",
        "KeyUsage": usage,
        "KeyState": "Enabled",
        "Origin": "AWS_KMS",
        "KeyManager": "CUSTOMER",
        "CustomerMasterKeySpec": spec,
        "KeySpec": spec,
        MEMBERS[usage]: SPECS[spec][usage],
        "MultiRegion": False,
    }


@pytest.mark.parametrize(("spec", "usage"), PAIRS)
def test_a_key_has_the_metadata_of_its_spec_and_usage(
    kms: Any, keys: Keys, server: Server, spec: str, usage: str
) -> None:
    made = dict(keys(spec, usage))
    assert kms.describe_key(KeyId=made["KeyId"])["KeyMetadata"] == made
    material = made.pop("CurrentKeyMaterialId", None)
    assert made == _expected(made, server, spec, usage)
    assert (material is not None) == (spec == "SYMMETRIC_DEFAULT"), "AWS names the material of no other key"
    assert material is None or re.fullmatch("[0-9a-f]{64}", material)


@pytest.mark.parametrize(("spec", "usage"), IMPORTED)
def test_a_key_for_imported_material_waits_for_it(
    kms: Any, server: Server, refused: Refused, spec: str, usage: str
) -> None:
    made = kms.create_key(KeySpec=spec, KeyUsage=usage, Origin="EXTERNAL")["KeyMetadata"]
    assert made == {
        **_expected(made, server, spec, usage),
        "Enabled": False,
        "KeyState": "PendingImport",
        "Origin": "EXTERNAL",
    }
    pending = ("KMSInvalidStateException", f"{made['Arn']} is pending import.")
    assert refused(kms.enable_key, KeyId=made["KeyId"]) == pending
    assert refused(kms.get_public_key, KeyId=made["KeyId"]) == pending
    assert refused(kms.encrypt, KeyId=made["KeyId"], Plaintext=b"x") == pending
    assert refused(kms.sign, KeyId=made["KeyId"], Message=b"x", SigningAlgorithm="ECDSA_SHA_256") == pending
    assert refused(kms.generate_mac, KeyId=made["KeyId"], Message=b"x", MacAlgorithm="HMAC_SHA_256") == pending


@pytest.mark.parametrize("spec", SPECS)
def test_a_usage_that_a_spec_has_not_is_refused_whatever_the_origin(kms: Any, refused: Refused, spec: str) -> None:
    for usage in USAGES:
        if usage in SPECS[spec]:
            continue
        for origin in ({}, {"Origin": "AWS_KMS"}, {"Origin": "EXTERNAL"}):
            assert refused(kms.create_key, KeySpec=spec, KeyUsage=usage, **origin) == (
                "ValidationException",
                f"KeyUsage {usage} is not compatible with KeySpec {spec}",
            )


@pytest.mark.parametrize("spec", SPECS)
def test_only_a_symmetric_encryption_key_needs_no_usage(kms: Any, refused: Refused, spec: str) -> None:
    if spec == "SYMMETRIC_DEFAULT":
        assert kms.create_key(KeySpec=spec)["KeyMetadata"]["KeyUsage"] == "ENCRYPT_DECRYPT"
        return
    for origin in ("AWS_KMS", "EXTERNAL"):
        assert refused(kms.create_key, KeySpec=spec, Origin=origin) == (
            "ValidationException",
            "You must specify a KeyUsage value for all KMS keys except for symmetric encryption keys.",
        )


@pytest.mark.parametrize("spec", [spec for spec in SPECS if spec.startswith("ML_")])
def test_a_spec_that_is_not_imported_says_so(kms: Any, refused: Refused, spec: str) -> None:
    (usage,) = SPECS[spec]
    assert refused(kms.create_key, KeySpec=spec, KeyUsage=usage, Origin="EXTERNAL") == (
        "ValidationException",
        f"KeySpec {spec} is not supported for Origin EXTERNAL",
    )


def test_the_deprecated_name_of_the_spec_means_the_same(kms: Any, refused: Refused) -> None:
    made = kms.create_key(CustomerMasterKeySpec="ECC_NIST_P256", KeyUsage="SIGN_VERIFY")["KeyMetadata"]
    assert (made["KeySpec"], made["CustomerMasterKeySpec"]) == ("ECC_NIST_P256", "ECC_NIST_P256")
    both = refused(kms.create_key, CustomerMasterKeySpec="RSA_2048", KeySpec="RSA_2048", KeyUsage="SIGN_VERIFY")
    assert both == (
        "ValidationException",
        "You cannot specify KeySpec and CustomerMasterKeySpec in the same request. CustomerMasterKeySpec is deprecated.",
    )
    # The deprecated member is older than these specs.
    assert "failed to satisfy constraint" in refused(kms.create_key, CustomerMasterKeySpec="ML_DSA_44")[1]


def test_what_is_not_offered_is_refused_by_name(kms: Any, refused: Refused) -> None:
    for arguments, named in (
        ({"KeySpec": "SM2", "KeyUsage": "SIGN_VERIFY"}, "KeySpec SM2"),
        ({"Origin": "AWS_CLOUDHSM"}, "Origin AWS_CLOUDHSM"),
        ({"Origin": "EXTERNAL_KEY_STORE"}, "Origin EXTERNAL_KEY_STORE"),
        ({"CustomKeyStoreId": "cks-12345678901234567"}, "CustomKeyStoreId"),
        ({"XksKeyId": "x"}, "XksKeyId"),
    ):
        code, said = refused(kms.create_key, **arguments)
        assert (code, named in said) == ("UnsupportedOperationException", True), said
    assert refused(kms.create_key, KeySpec="RSA_1024")[0] == "ValidationException"
