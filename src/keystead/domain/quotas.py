"""Request quotas: from which of them an operation draws, and what AWS grants by default, in requests a second.

Facts only: nothing here counts. Source: "Request quotas" (AWS KMS developer guide, 2026). What AWS has not published
for the newest operations (Encapsulate, Decapsulate, ML-KEM key pairs) is a doubt: they stand here beside their kin."""

from __future__ import annotations

from collections.abc import Mapping
from enum import Enum
from types import MappingProxyType
from typing import Final


class Group(Enum):
    """A quota that cryptographic operations share by type of key. The symmetric one depends on the Region, its value
    here is that of most."""

    SYMMETRIC = ("symmetric", 10_000.0)
    RSA = ("RSA", 1_000.0)
    ECC = ("ECC", 1_000.0)
    ML_DSA = ("ML-DSA", 1_000.0)
    ML_KEM = ("ML-KEM", 1_000.0)

    def __init__(self, label: str, rate: float) -> None:
        self.label = label
        self.rate = rate


#: Regions whose symmetric quota is larger.
SYMMETRIC_BY_REGION: Final[Mapping[str, float]] = MappingProxyType(
    {
        **dict.fromkeys(("us-east-1", "us-west-2", "eu-west-1"), 100_000.0),
        **dict.fromkeys(
            ("us-east-2", "ap-southeast-1", "ap-southeast-2", "ap-northeast-1", "eu-central-1", "eu-west-2"), 20_000.0
        ),
    }
)

#: Operations that draw from the group of their key (GenerateRandom, which has none, from the symmetric one).
SHARED: Final = frozenset(
    {
        "Decapsulate",
        "Decrypt",
        "DeriveSharedSecret",
        "Encapsulate",
        "Encrypt",
        "GenerateDataKey",
        "GenerateDataKeyWithoutPlaintext",
        "GenerateMac",
        "GenerateRandom",
        "ReEncrypt",
        "Sign",
        "Verify",
        "VerifyMac",
    }
)

#: Both operations that make key pairs share one quota for each key pair spec.
PAIR_OPERATIONS: Final = frozenset(("GenerateDataKeyPair", "GenerateDataKeyPairWithoutPlaintext"))
PAIRS: Final[Mapping[str, float]] = MappingProxyType(
    {
        "RSA_2048": 20.0,
        "RSA_3072": 4.0,
        "RSA_4096": 1.0,
        "ECC_NIST_P256": 100.0,
        "ECC_NIST_P384": 100.0,
        "ECC_NIST_P521": 100.0,
        "ECC_SECG_P256K1": 100.0,
        "ECC_NIST_EDWARDS25519": 100.0,
        "SM2": 25.0,
        "ML_KEM_512": 100.0,
        "ML_KEM_768": 100.0,
        "ML_KEM_1024": 100.0,
    }
)

#: Operations with a quota of their own.
OWN: Final[Mapping[str, float]] = MappingProxyType(
    {
        "CancelKeyDeletion": 5.0,
        "ConnectCustomKeyStore": 5.0,
        "CreateAlias": 5.0,
        "CreateCustomKeyStore": 5.0,
        "CreateGrant": 50.0,
        "CreateKey": 5.0,
        "DeleteAlias": 15.0,
        "DeleteCustomKeyStore": 5.0,
        "DeleteImportedKeyMaterial": 15.0,
        "DescribeCustomKeyStores": 5.0,
        "DescribeKey": 2_000.0,
        "DisableKey": 5.0,
        "DisableKeyRotation": 5.0,
        "DisconnectCustomKeyStore": 5.0,
        "EnableKey": 5.0,
        "EnableKeyRotation": 15.0,
        "GetKeyLastUsage": 5.0,
        "GetKeyPolicy": 1_000.0,
        "GetKeyRotationStatus": 1_000.0,
        "GetParametersForImport": 1.0,
        "GetPublicKey": 2_000.0,
        "ImportKeyMaterial": 15.0,
        "ListAliases": 500.0,
        "ListGrants": 100.0,
        "ListKeyPolicies": 100.0,
        "ListKeyRotations": 100.0,
        "ListKeys": 500.0,
        "ListResourceTags": 2_000.0,
        "ListRetirableGrants": 100.0,
        "PutKeyPolicy": 15.0,
        "ReplicateKey": 5.0,
        "RetireGrant": 50.0,
        "RevokeGrant": 50.0,
        "RotateKeyOnDemand": 5.0,
        "ScheduleKeyDeletion": 15.0,
        "TagResource": 10.0,
        "UntagResource": 5.0,
        "UpdateAlias": 5.0,
        "UpdateCustomKeyStore": 5.0,
        "UpdateKeyDescription": 5.0,
        "UpdatePrimaryRegion": 5.0,
    }
)

_GROUP_OF_PREFIX: Final = (
    ("SYMMETRIC_DEFAULT", Group.SYMMETRIC),
    ("HMAC_", Group.SYMMETRIC),
    ("RSA_", Group.RSA),
    ("ECC_", Group.ECC),
    ("SM2", Group.ECC),
    ("ML_DSA_", Group.ML_DSA),
    ("ML_KEM_", Group.ML_KEM),
)


def group_of(spec: str) -> Group:
    """The group from which cryptographic operations with a key of this spec draw."""
    return next(group for prefix, group in _GROUP_OF_PREFIX if spec.startswith(prefix))
