"""What is asked: for each operation the members of its request and how each is drawn."""

from __future__ import annotations

from typing import Any

from hypothesis import strategies as st

from tests.properties.members import (
    ABSENT,
    ALIAS,
    ANY_KEY,
    ASYMMETRIC_KEY,
    CONTEXT,
    DESCRIPTION,
    DOOMED_KEY,
    DRY_RUN,
    GRANTED_KEY,
    IMPORTED_KEY,
    KINDS,
    MAC_ALGORITHM,
    MAC_KEY,
    MESSAGE,
    MESSAGE_TYPE,
    PLAINTEXT,
    PRINCIPAL,
    REGION,
    RELATED_KEY,
    SEALING_KEY,
    SIGNING_ALGORITHM,
    SIGNING_KEY,
    SYMMETRIC_KEY,
    Draw,
    Member,
    choice,
    ciphertext,
    constraints,
    data_key_size,
    encapsulated,
    fitting_algorithm,
    for_usage,
    grant_id,
    grant_operations,
    grant_to_retire,
    key_spec,
    known_alias,
    material_id,
    maybe,
    maybe_managed,
    peer,
    policy,
    proof,
    tags,
    target,
    wrapped_material,
    wrapping_algorithm,
)
from tests.properties.outcomes import Ask
from tests.properties.rules.keys import MANAGED
from tests.properties.tables import SPECS, SYMMETRIC
from tests.properties.world import ABROAD, ADMIN, CALLERS, CLERK, HOME, STRANGER, Grant, World

# The members of operations that ask for the same.
_DATA_KEY = {"KeyId": SYMMETRIC_KEY, "KeySpec": data_key_size, "EncryptionContext": maybe(CONTEXT), "DryRun": DRY_RUN}
_PAIR = {
    "KeyId": SYMMETRIC_KEY,
    "KeyPairSpec": choice(
        "ECC_NIST_P256", "ECC_NIST_P384", "ECC_NIST_P521", "ECC_SECG_P256K1", "ECC_NIST_EDWARDS25519"
    ),
    "EncryptionContext": maybe(CONTEXT),
    "DryRun": DRY_RUN,
}

REQUESTS: dict[str, dict[str, Member]] = {
    "CreateKey": {
        "KeySpec": key_spec,
        "Origin": maybe(choice("EXTERNAL", "AWS_KMS"), 3),
        "MultiRegion": maybe(choice(True, True, False), 4),
        "Description": maybe(DESCRIPTION),
        "Tags": maybe(tags, 3),
        "Policy": maybe(policy, 3),
    },
    "DescribeKey": {"KeyId": maybe_managed},
    "GetKeyLastUsage": {"KeyId": ANY_KEY},
    "ListKeys": {},
    "EnableKey": {"KeyId": ANY_KEY},
    "DisableKey": {"KeyId": ANY_KEY},
    "UpdateKeyDescription": {"KeyId": ANY_KEY, "Description": DESCRIPTION},
    "ScheduleKeyDeletion": {"KeyId": ANY_KEY, "PendingWindowInDays": maybe(choice(7, 8, 30, 6, 31))},
    "CancelKeyDeletion": {"KeyId": DOOMED_KEY},
    "CreateAlias": {"AliasName": ALIAS, "TargetKeyId": target},
    "UpdateAlias": {"AliasName": known_alias, "TargetKeyId": target},
    "DeleteAlias": {"AliasName": known_alias},
    "ListAliases": {"KeyId": maybe(ANY_KEY)},
    "TagResource": {"KeyId": ANY_KEY, "Tags": tags},
    "UntagResource": {"KeyId": ANY_KEY, "TagKeys": choice(["a"], ["b", "never"], ["t0", "t1"])},
    "ListResourceTags": {"KeyId": ANY_KEY},
    "GetKeyPolicy": {"KeyId": ANY_KEY, "PolicyName": maybe(choice("default", "default", "other"))},
    "PutKeyPolicy": {"KeyId": ANY_KEY, "PolicyName": maybe(choice("default", "default", "other")), "Policy": policy},
    "ListKeyPolicies": {"KeyId": ANY_KEY},
    "Encrypt": {
        "KeyId": SEALING_KEY,
        "Plaintext": PLAINTEXT,
        "EncryptionAlgorithm": fitting_algorithm("ENCRYPT_DECRYPT", default=SYMMETRIC),
        "EncryptionContext": maybe(CONTEXT, 3),
        "DryRun": DRY_RUN,
    },
    "Decrypt": {"CiphertextBlob": ciphertext(), "DryRun": DRY_RUN},
    "ReEncrypt": {
        "CiphertextBlob": ciphertext("Source"),
        "DestinationKeyId": SEALING_KEY,
        "DestinationEncryptionAlgorithm": fitting_algorithm("ENCRYPT_DECRYPT", "DestinationKeyId", SYMMETRIC),
        "DestinationEncryptionContext": maybe(CONTEXT, 3),
        "DryRun": DRY_RUN,
    },
    "GenerateDataKey": _DATA_KEY,
    "GenerateDataKeyWithoutPlaintext": _DATA_KEY,
    "GenerateDataKeyPair": _PAIR,
    "GenerateDataKeyPairWithoutPlaintext": _PAIR,
    "GenerateRandom": {"NumberOfBytes": maybe(choice(1, 32, 1_024, 0, 1_025))},
    "Sign": {
        "KeyId": SIGNING_KEY,
        "Message": MESSAGE,
        "MessageType": MESSAGE_TYPE,
        "SigningAlgorithm": SIGNING_ALGORITHM,
        "DryRun": DRY_RUN,
    },
    "Verify": {"Signature": proof("Signature", "SigningAlgorithm"), "DryRun": DRY_RUN},
    "GenerateMac": {"KeyId": MAC_KEY, "Message": MESSAGE, "MacAlgorithm": MAC_ALGORITHM, "DryRun": DRY_RUN},
    "VerifyMac": {"Mac": proof("Mac", "MacAlgorithm"), "DryRun": DRY_RUN},
    "GetPublicKey": {"KeyId": ASYMMETRIC_KEY},
    "DeriveSharedSecret": {
        "KeyId": for_usage("KEY_AGREEMENT"),
        "KeyAgreementAlgorithm": choice("ECDH"),
        "PublicKey": peer,
        "DryRun": DRY_RUN,
    },
    "Encapsulate": {
        "KeyId": for_usage("ENCAPSULATE_DECAPSULATE"),
        "EncapsulationAlgorithm": choice("ML_KEM"),
        "DryRun": DRY_RUN,
    },
    "Decapsulate": {
        "SharedSecretCiphertextBlob": encapsulated,
        "EncapsulationAlgorithm": choice("ML_KEM"),
        "DryRun": DRY_RUN,
    },
    "EnableKeyRotation": {"KeyId": SYMMETRIC_KEY, "RotationPeriodInDays": maybe(choice(90, 100, 2_560, 89, 2_561))},
    "DisableKeyRotation": {"KeyId": SYMMETRIC_KEY},
    "GetKeyRotationStatus": {"KeyId": ANY_KEY},
    "RotateKeyOnDemand": {"KeyId": SYMMETRIC_KEY},
    "ListKeyRotations": {
        "KeyId": SYMMETRIC_KEY,
        "IncludeKeyMaterial": maybe(choice("ALL_KEY_MATERIAL", "ROTATIONS_ONLY")),
    },
    "GetParametersForImport": {
        "KeyId": IMPORTED_KEY,
        "WrappingAlgorithm": wrapping_algorithm,
        "WrappingKeySpec": choice("RSA_2048", "RSA_3072"),
    },
    "ImportKeyMaterial": {"KeyId": IMPORTED_KEY, "EncryptedKeyMaterial": wrapped_material},
    "DeleteImportedKeyMaterial": {"KeyId": IMPORTED_KEY, "KeyMaterialId": maybe(material_id)},
    "ReplicateKey": {
        "KeyId": RELATED_KEY,
        "ReplicaRegion": REGION,
        "Description": maybe(DESCRIPTION),
        "Tags": maybe(tags, 3),
        "Policy": maybe(policy, 3),
    },
    "UpdatePrimaryRegion": {"KeyId": RELATED_KEY, "PrimaryRegion": REGION},
    "CreateGrant": {
        "KeyId": ANY_KEY,
        "GranteePrincipal": PRINCIPAL,
        "RetiringPrincipal": maybe(PRINCIPAL, 3),
        "Operations": grant_operations,
        "Constraints": maybe(constraints, 3),
        "Name": maybe(choice("one", "two"), 3),
        "DryRun": DRY_RUN,
    },
    "ListGrants": {"KeyId": GRANTED_KEY, "GranteePrincipal": maybe(PRINCIPAL, 3), "GrantId": maybe(grant_id, 3)},
    "ListRetirableGrants": {"RetiringPrincipal": PRINCIPAL},
    "RevokeGrant": {"KeyId": GRANTED_KEY, "GrantId": grant_id, "DryRun": DRY_RUN},
    "RetireGrant": {"GrantToken": grant_to_retire, "DryRun": DRY_RUN},
}


#: What is done just before, half of the time, so that there is something to work with.
BEFORE = {
    "Decrypt": "Encrypt",
    "ReEncrypt": "GenerateDataKey",
    "Verify": "Sign",
    "VerifyMac": "GenerateMac",
    "Decapsulate": "Encapsulate",
    "DeriveSharedSecret": "GetPublicKey",
    "UpdateAlias": "CreateAlias",
    "DeleteAlias": "CreateAlias",
    "CancelKeyDeletion": "ScheduleKeyDeletion",
    "ImportKeyMaterial": "GetParametersForImport",
    "DeleteImportedKeyMaterial": "ImportKeyMaterial",
    "UpdatePrimaryRegion": "ReplicateKey",
    "ListGrants": "CreateGrant",
    "RevokeGrant": "CreateGrant",
    "RetireGrant": "CreateGrant",
    "ListRetirableGrants": "CreateGrant",
}

#: The key that there should be: members of the CreateKey request that makes it.
WANTED: dict[str, dict[str, Any]] = {
    "Sign": {"KeyUsage": "SIGN_VERIFY"},
    "GenerateMac": {"KeyUsage": "GENERATE_VERIFY_MAC"},
    "GetPublicKey": {"KeyUsage": "KEY_AGREEMENT"},
    "DeriveSharedSecret": {"KeyUsage": "KEY_AGREEMENT"},
    "Encapsulate": {"KeyUsage": "ENCAPSULATE_DECAPSULATE"},
    "GetParametersForImport": {"Origin": "EXTERNAL"},
    "ReplicateKey": {"MultiRegion": True},
}


def wanted_key(data: st.DataObject, world: World, operation: str) -> Ask | None:
    """A CreateKey call for a key that the operation wants and that nobody has made yet."""
    wanted = WANTED.get(operation, {})
    usage, origin = wanted.get("KeyUsage"), wanted.get("Origin")
    for key in world.living(HOME):
        family = key.family
        if (
            usage in {None, family.usage}
            and origin in {None, family.origin}
            and family.multi_region >= ("MultiRegion" in wanted)
        ):
            return None
    spec = data.draw(st.sampled_from([spec for spec, of in KINDS if usage in {None, of}]))
    usage = usage or next(iter(SPECS[spec]))
    return Ask("CreateKey", ADMIN.name, HOME, {"KeySpec": spec, "KeyUsage": usage, **wanted})


def draw_request(data: st.DataObject, world: World, operation: str) -> Ask:
    """A call of the operation."""
    draw = Draw(data, world, operation)
    draw.region = ABROAD if draw.seldom(6) else HOME
    preference(draw)
    for name, member in REQUESTS[operation].items():
        value = member(draw)
        if value is not ABSENT:
            draw.body[name] = value
    if draw.caller == STRANGER.name and draw.body.get("KeyId") == MANAGED:
        draw.body["KeyId"] = "alias/nobody"
    return Ask(operation, draw.caller, draw.region, draw.body)


def preference(draw: Draw) -> None:
    """Now and then somebody else calls: whom a grant or a policy lets do this, or just anybody."""
    living = list(draw.world.living(draw.region))
    grants = [grant for key in living for grant in key.grants.values() if uses(grant, draw.operation)]
    trusting = [key for key in living if key.policy.clerk or key.policy.abroad]
    if grants and draw.seldom(2):
        grant = draw.one(grants[::-1])
        draw.preferred = grant.key
        draw.caller = next(name for name, caller in CALLERS.items() if caller.arn == grant.grantee)
    elif trusting and draw.seldom(6):
        draw.preferred = draw.one(trusting[::-1])
        draw.caller = (CLERK if draw.preferred.policy.clerk else STRANGER).name
    elif draw.seldom(10):
        draw.caller = draw.one([CLERK.name, STRANGER.name])
    if draw.operation == "CreateKey" and draw.caller == STRANGER.name:
        draw.caller = CLERK.name  # the other account has no keys of its own


def uses(grant: Grant, operation: str) -> bool:
    """Whether the grant is for this operation."""
    return any(allowed.startswith(operation) for allowed in grant.operations)
