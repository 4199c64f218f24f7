"""Which condition keys a request for a KMS action can supply: what a condition may ask about, and what it asks in vain.

Guarantees: a table, and look-ups in it without regard to case. Every key of the table is one of `facts`; a test makes
every operation and holds what it supplies against the table. Does not say that a key is there in every request: a
request without encryption context supplies none.

Source: "Actions, resources, and condition keys for AWS KMS" (Service Authorization Reference); "Condition keys for AWS
KMS" (AWS KMS developer guide), which adds the lockout check of ReplicateKey. Not in it, and read like their likes:
Encapsulate and Decapsulate.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from keystead.domain.policy.facts import KEYS, PREFIXES

_CALLER: Final = ("kms:CallerAccount", "kms:ViaService")
_KEY: Final = (
    *_CALLER,
    "aws:ResourceTag/",
    "kms:CustomerMasterKeySpec",
    "kms:CustomerMasterKeyUsage",
    "kms:KeyOrigin",
    "kms:KeySpec",
    "kms:KeyUsage",
    "kms:MultiRegion",
    "kms:MultiRegionKeyType",
    "kms:ResourceAliases",
)
_ALIASED: Final = (*_KEY, "kms:RequestAlias")
_CONTEXT: Final = ("kms:EncryptionContext:", "kms:EncryptionContextKeys")
_CIPHER: Final = (*_ALIASED, *_CONTEXT, "kms:EncryptionAlgorithm")
_ENCLAVE: Final = ("kms:RecipientAttestation:",)
_REENCRYPT: Final = (*_CIPHER, "kms:ReEncryptOnSameKey")
_SIGNATURE: Final = (*_ALIASED, "kms:MessageType", "kms:SigningAlgorithm")
_IDLE: Final = "kms:TrailingDaysWithoutKeyUsage"
_TAGS: Final = ("aws:RequestTag/", "aws:TagKeys")
_STORE: Final = ("kms:CallerAccount",)

_TABLE: Final[Mapping[str, tuple[str, ...]]] = {
    "CancelKeyDeletion": _KEY,
    "ConnectCustomKeyStore": _STORE,
    "CreateAlias": _KEY,
    "CreateCustomKeyStore": _STORE,
    "CreateGrant": (
        *_KEY,
        *_CONTEXT,
        "kms:GrantConstraintSourceArn",
        "kms:GrantConstraintType",
        "kms:GrantIsForAWSResource",
        "kms:GrantOperations",
        "kms:GranteePrincipal",
        "kms:GranteeServicePrincipal",
        "kms:RetiringPrincipal",
        "kms:RetiringServicePrincipal",
    ),
    "CreateKey": (
        *_CALLER,
        *_TAGS,
        "kms:BypassPolicyLockoutSafetyCheck",
        "kms:CustomerMasterKeySpec",
        "kms:CustomerMasterKeyUsage",
        "kms:KeyOrigin",
        "kms:KeySpec",
        "kms:KeyUsage",
        "kms:MultiRegion",
        "kms:MultiRegionKeyType",
    ),
    "Decapsulate": _ALIASED,
    "Decrypt": (*_CIPHER, *_ENCLAVE),
    "DeleteAlias": _KEY,
    "DeleteCustomKeyStore": _STORE,
    "DeleteImportedKeyMaterial": _KEY,
    "DeriveSharedSecret": (*_ALIASED, *_ENCLAVE, "kms:KeyAgreementAlgorithm"),
    "DescribeCustomKeyStores": _STORE,
    "DescribeKey": _ALIASED,
    "DisableKey": (*_KEY, _IDLE),
    "DisableKeyRotation": _KEY,
    "DisconnectCustomKeyStore": _STORE,
    "EnableKey": _KEY,
    "EnableKeyRotation": (*_KEY, "kms:RotationPeriodInDays"),
    "Encapsulate": _ALIASED,
    "Encrypt": _CIPHER,
    "GenerateDataKey": (*_CIPHER, *_ENCLAVE),
    "GenerateDataKeyPair": (*_CIPHER, *_ENCLAVE, "kms:DataKeyPairSpec"),
    "GenerateDataKeyPairWithoutPlaintext": (*_CIPHER, "kms:DataKeyPairSpec"),
    "GenerateDataKeyWithoutPlaintext": _CIPHER,
    "GenerateMac": (*_ALIASED, "kms:MacAlgorithm"),
    "GenerateRandom": _ENCLAVE,
    "GetKeyLastUsage": _KEY,
    "GetKeyPolicy": _KEY,
    "GetKeyRotationStatus": _KEY,
    "GetParametersForImport": (*_KEY, "kms:WrappingAlgorithm", "kms:WrappingKeySpec"),
    "GetPublicKey": _ALIASED,
    "ImportKeyMaterial": (*_KEY, "kms:ExpirationModel", "kms:ValidTo"),
    "ListAliases": (),
    "ListGrants": (*_KEY, "kms:GrantIsForAWSResource"),
    "ListKeyPolicies": _KEY,
    "ListKeyRotations": _KEY,
    "ListKeys": (),
    "ListResourceTags": _KEY,
    "ListRetirableGrants": (),
    "PutKeyPolicy": (*_KEY, "kms:BypassPolicyLockoutSafetyCheck"),
    "ReEncryptFrom": _REENCRYPT,
    "ReEncryptTo": _REENCRYPT,
    "ReplicateKey": (*_KEY, "kms:BypassPolicyLockoutSafetyCheck", "kms:ReplicaRegion"),
    "RetireGrant": (*_KEY, *_CONTEXT, "kms:GrantConstraintType"),
    "RevokeGrant": (*_KEY, "kms:GrantIsForAWSResource"),
    "RotateKeyOnDemand": _KEY,
    "ScheduleKeyDeletion": (*_KEY, "kms:ScheduleKeyDeletionPendingWindowInDays", _IDLE),
    "Sign": _SIGNATURE,
    "SynchronizeMultiRegionKey": _KEY,
    "TagResource": (*_KEY, *_TAGS),
    "UntagResource": (*_KEY, "aws:TagKeys"),
    "UpdateAlias": _KEY,
    "UpdateCustomKeyStore": _STORE,
    "UpdateKeyDescription": _KEY,
    "UpdatePrimaryRegion": (*_KEY, "kms:PrimaryRegion"),
    "Verify": _SIGNATURE,
    "VerifyMac": (*_ALIASED, "kms:MacAlgorithm"),
}

SPELLED: Final[Mapping[str, str]] = {f"kms:{name}".lower(): f"kms:{name}" for name in _TABLE}
"""The actions as AWS spells them, by their names in lower case."""

KEYLESS: Final = frozenset(
    f"kms:{name}".lower() for name, keys in _TABLE.items() if "kms:KeySpec" not in keys or name == "CreateKey"
)
"""The actions, in lower case, that are about no key: identity policies alone decide about them."""

ACTIONS: Final[Mapping[str, frozenset[str]]] = {
    f"kms:{name}".lower(): frozenset(key.lower() for key in keys) for name, keys in _TABLE.items()
}
"""What each action of KMS supplies besides what every request does; a name that ends in ``:`` or ``/`` is a family."""

# Global keys that not every request for KMS can have.
_OF_SOME: Final = frozenset({"aws:requesttag/", "aws:resourcetag/", "aws:tagkeys"})
_GLOBAL: Final = frozenset(name for name in (*KEYS, *PREFIXES) if name.startswith("aws:")) - _OF_SOME


def supplies(action: str, key: str) -> bool:
    """Can a request for the action, which is one of ``ACTIONS``, supply the condition key."""
    key = key.lower()
    name = next((prefix for prefix in PREFIXES if key.startswith(prefix)), key)
    return name in _GLOBAL or name in ACTIONS[action.lower()]
