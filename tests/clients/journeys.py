"""What a client does with keys, in the order a person would, written once for all programs.

A journey is a function of a program. Together the journeys call every operation that Keystead offers; `CALLS` says
which calls which, a test holds it against the operations table, so that a new operation needs a journey.
"""

from __future__ import annotations

import json
import os
import time
from collections.abc import Callable
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.padding import MGF1, OAEP
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import load_der_public_key

from tests.clients.programs import Program, Refused

CONTEXT = {"order": "4711", "größe": "weiß ✓"}
SECRET = bytes(range(256)) * 16  # 4,096 bytes, the most Encrypt takes, and no text
LAST_USE_SECONDS = 30  # another worker learns of a use when it is written, every five seconds (decision 0023)


def a_key(program: Program, **members: Any) -> dict[str, Any]:
    metadata: dict[str, Any] = program.call("CreateKey", **members)["KeyMetadata"]
    return metadata


def refused(code: str) -> Any:
    """The program shows AWS's code: ``NotFoundException``."""
    return pytest.raises(Refused, match=f"^{code}: ")


def life_of_a_key(program: Program) -> None:
    key = a_key(program, Description="first", Tags=[{"TagKey": "team", "TagValue": "north"}])
    assert key["KeyState"] == "Enabled"
    assert key["KeySpec"] == "SYMMETRIC_DEFAULT"
    assert key["KeyUsage"] == "ENCRYPT_DECRYPT"
    assert program.call("DescribeKey", KeyId=key["Arn"])["KeyMetadata"]["Description"] == "first"
    assert key["KeyId"] in listed_keys(program)

    program.call("UpdateKeyDescription", KeyId=key["KeyId"], Description="second")
    program.call("DisableKey", KeyId=key["KeyId"])
    described = program.call("DescribeKey", KeyId=key["KeyId"])["KeyMetadata"]
    assert (described["Description"], described["KeyState"], described["Enabled"]) == ("second", "Disabled", False)
    with refused("DisabledException"):
        program.call("Encrypt", KeyId=key["KeyId"], Plaintext=b"x")
    program.call("EnableKey", KeyId=key["KeyId"])
    program.call("Encrypt", KeyId=key["KeyId"], Plaintext=b"x")

    program.call("ScheduleKeyDeletion", KeyId=key["KeyId"], PendingWindowInDays=7)
    assert program.call("DescribeKey", KeyId=key["KeyId"])["KeyMetadata"]["KeyState"] == "PendingDeletion"
    with refused("KMSInvalidStateException"):
        program.call("Encrypt", KeyId=key["KeyId"], Plaintext=b"x")
    program.call("CancelKeyDeletion", KeyId=key["KeyId"])
    assert program.call("DescribeKey", KeyId=key["KeyId"])["KeyMetadata"]["KeyState"] == "Disabled"


def listed_keys(program: Program) -> list[str]:
    """All key ids, page by page."""
    found: list[str] = []
    more: dict[str, Any] = {}
    while True:
        page = program.call("ListKeys", Limit=2, **more)
        found += [key["KeyId"] for key in page["Keys"]]
        if not page.get("NextMarker"):
            assert len(set(found)) == len(found)
            return found
        more = {"Marker": page["NextMarker"]}


def names_of_a_key(program: Program) -> None:
    one, other = a_key(program)["KeyId"], a_key(program)["KeyId"]
    name = f"alias/{program.name}/letters"
    program.call("CreateAlias", AliasName=name, TargetKeyId=one)
    with refused("AlreadyExistsException"):
        program.call("CreateAlias", AliasName=name, TargetKeyId=other)
    assert program.call("DescribeKey", KeyId=name)["KeyMetadata"]["KeyId"] == one
    program.call("UpdateAlias", AliasName=name, TargetKeyId=other)
    assert program.call("DescribeKey", KeyId=name)["KeyMetadata"]["KeyId"] == other
    assert [alias["AliasName"] for alias in program.call("ListAliases", KeyId=other)["Aliases"]] == [name]
    program.call("DeleteAlias", AliasName=name)
    with refused("NotFoundException"):
        program.call("DescribeKey", KeyId=name)


def key_of_a_service(program: Program) -> None:
    key = program.call("DescribeKey", KeyId="alias/aws/s3")["KeyMetadata"]
    assert (key["KeyManager"], key["KeyState"]) == ("AWS", "Enabled")
    assert program.call("DescribeKey", KeyId=key["Arn"])["KeyMetadata"]["KeyId"] == key["KeyId"]
    assert [alias["AliasName"] for alias in program.call("ListAliases", KeyId=key["KeyId"])["Aliases"]] == [
        "alias/aws/s3"
    ]
    assert "kms:ViaService" in program.call("GetKeyPolicy", KeyId=key["KeyId"])["Policy"]
    with refused("AccessDeniedException"):
        program.call("Encrypt", KeyId="alias/aws/s3", Plaintext=b"x")
    with refused("AccessDeniedException"):
        program.call("DisableKey", KeyId=key["KeyId"])


def labels_of_a_key(program: Program) -> None:
    key = a_key(program)["KeyId"]
    tags = [{"TagKey": "team", "TagValue": "north"}, {"TagKey": "cost", "TagValue": "7"}]
    program.call("TagResource", KeyId=key, Tags=tags)
    program.call("UntagResource", KeyId=key, TagKeys=["cost"])
    assert program.call("ListResourceTags", KeyId=key)["Tags"] == tags[:1]


def policy_of_a_key(program: Program) -> None:
    key = a_key(program)["KeyId"]
    assert program.call("ListKeyPolicies", KeyId=key)["PolicyNames"] == ["default"]
    policy = json.loads(program.call("GetKeyPolicy", KeyId=key, PolicyName="default")["Policy"])
    forbid = {"Sid": "no", "Effect": "Deny", "Principal": "*", "Action": "kms:GenerateDataKey", "Resource": "*"}
    policy["Statement"].append(forbid)
    program.call("PutKeyPolicy", KeyId=key, PolicyName="default", Policy=json.dumps(policy))
    assert forbid in json.loads(program.call("GetKeyPolicy", KeyId=key)["Policy"])["Statement"]
    with refused("AccessDeniedException"):
        program.call("GenerateDataKey", KeyId=key, KeySpec="AES_256")
    with refused("MalformedPolicyDocumentException"):
        program.call("PutKeyPolicy", KeyId=key, Policy="{}")


def grants_on_a_key(program: Program) -> None:
    key = a_key(program)
    account = f"arn:aws:iam::{key['AWSAccountId']}:root"
    asked = {
        "KeyId": key["KeyId"],
        "GranteePrincipal": account,
        "RetiringPrincipal": account,
        "Operations": ["Decrypt", "Encrypt"],
        "Constraints": {"EncryptionContextSubset": {"team": "north"}},
        "Name": f"for-{program.name}",
    }
    made = program.call("CreateGrant", **asked)
    again = program.call("CreateGrant", **asked)
    assert again["GrantId"] == made["GrantId"]
    assert again["GrantToken"] != made["GrantToken"]
    other = program.call("CreateGrant", KeyId=key["Arn"], GranteePrincipal=account, Operations=["DescribeKey"])
    listed = program.call("ListGrants", KeyId=key["KeyId"], GrantId=made["GrantId"])["Grants"]
    assert [(grant["Name"], grant["Operations"]) for grant in listed] == [(asked["Name"], asked["Operations"])]
    assert len(program.call("ListGrants", KeyId=key["KeyId"])["Grants"]) == 2
    retirable = program.call("ListRetirableGrants", RetiringPrincipal=account)["Grants"]
    assert made["GrantId"] in [grant["GrantId"] for grant in retirable]
    program.call("Encrypt", KeyId=key["KeyId"], Plaintext=b"x", GrantTokens=[made["GrantToken"], other["GrantToken"]])
    with refused("InvalidGrantTokenException"):
        program.call("Encrypt", KeyId=key["KeyId"], Plaintext=b"x", GrantTokens=["nonsense"])
    program.call("RetireGrant", GrantToken=again["GrantToken"])
    program.call("RevokeGrant", KeyId=key["KeyId"], GrantId=other["GrantId"])
    assert program.call("ListGrants", KeyId=key["KeyId"])["Grants"] == []
    with refused("NotFoundException"):
        program.call("RetireGrant", KeyId=key["Arn"], GrantId=other["GrantId"])


def secrets(program: Program) -> None:
    one, other = a_key(program), a_key(program)
    sealed = program.call("Encrypt", KeyId=one["KeyId"], Plaintext=SECRET, EncryptionContext=CONTEXT)
    assert sealed["KeyId"] == one["Arn"]
    blob = sealed["CiphertextBlob"]
    opened = program.call("Decrypt", CiphertextBlob=blob, EncryptionContext=CONTEXT)
    assert (opened["Plaintext"], opened["KeyId"]) == (SECRET, one["Arn"])
    with refused("InvalidCiphertextException"):
        program.call("Decrypt", CiphertextBlob=blob, EncryptionContext={"order": "4712"})
    with refused("IncorrectKeyException"):
        program.call("Decrypt", CiphertextBlob=blob, EncryptionContext=CONTEXT, KeyId=other["KeyId"])

    moved = program.call(
        "ReEncrypt", CiphertextBlob=blob, SourceEncryptionContext=CONTEXT, DestinationKeyId=other["KeyId"]
    )
    assert (moved["SourceKeyId"], moved["KeyId"]) == (one["Arn"], other["Arn"])
    assert program.call("Decrypt", CiphertextBlob=moved["CiphertextBlob"])["Plaintext"] == SECRET


def data_keys(program: Program) -> None:
    key = a_key(program)["KeyId"]
    made = program.call("GenerateDataKey", KeyId=key, KeySpec="AES_256", EncryptionContext=CONTEXT)
    assert len(made["Plaintext"]) == 32
    opened = program.call("Decrypt", CiphertextBlob=made["CiphertextBlob"], EncryptionContext=CONTEXT)
    assert opened["Plaintext"] == made["Plaintext"]

    hidden = program.call("GenerateDataKeyWithoutPlaintext", KeyId=key, NumberOfBytes=24)
    assert "Plaintext" not in hidden
    assert len(program.call("Decrypt", CiphertextBlob=hidden["CiphertextBlob"])["Plaintext"]) == 24

    end = time.monotonic() + LAST_USE_SECONDS
    used = program.call("GetKeyLastUsage", KeyId=key)
    while used["KeyLastUsage"].get("Operation") != "Decrypt" and time.monotonic() < end:
        time.sleep(0.5)
        used = program.call("GetKeyLastUsage", KeyId=key)
    assert (used["KeyId"], used["KeyLastUsage"]["Operation"]) == (key, "Decrypt")

    drawn = [program.call("GenerateRandom", NumberOfBytes=32)["Plaintext"] for _ in range(2)]
    assert len(set(drawn)) == 2
    assert {len(each) for each in drawn} == {32}


def rotation_of_a_key(program: Program) -> None:
    key = a_key(program)["KeyId"]
    assert program.call("GetKeyRotationStatus", KeyId=key)["KeyRotationEnabled"] is False
    program.call("EnableKeyRotation", KeyId=key, RotationPeriodInDays=90)
    status = program.call("GetKeyRotationStatus", KeyId=key)
    assert (status["KeyRotationEnabled"], status["RotationPeriodInDays"]) == (True, 90)
    blob = program.call("Encrypt", KeyId=key, Plaintext=SECRET)["CiphertextBlob"]
    first = program.call("Decrypt", CiphertextBlob=blob)["KeyMaterialId"]
    program.call("RotateKeyOnDemand", KeyId=key)
    [rotation] = program.call("ListKeyRotations", KeyId=key)["Rotations"]
    assert (rotation["RotationType"], rotation["KeyMaterialState"]) == ("ON_DEMAND", "CURRENT")
    old = program.call("Decrypt", CiphertextBlob=blob)
    assert (old["Plaintext"], old["KeyMaterialId"]) == (SECRET, first)
    fresh = program.call("GenerateDataKey", KeyId=key, KeySpec="AES_256")
    assert fresh["KeyMaterialId"] == rotation["KeyMaterialId"] != first
    program.call("DisableKeyRotation", KeyId=key)
    assert program.call("GetKeyRotationStatus", KeyId=key)["KeyRotationEnabled"] is False


def material_of_your_own(program: Program) -> None:
    key = a_key(program, Origin="EXTERNAL")
    assert key["KeyState"] == "PendingImport"
    material = os.urandom(32)

    def bring() -> str:
        given = program.call(
            "GetParametersForImport",
            KeyId=key["KeyId"],
            WrappingAlgorithm="RSAES_OAEP_SHA_256",
            WrappingKeySpec="RSA_2048",
        )
        wrapping = load_der_public_key(given["PublicKey"])
        assert isinstance(wrapping, RSAPublicKey)
        return str(
            program.call(
                "ImportKeyMaterial",
                KeyId=key["KeyId"],
                ImportToken=given["ImportToken"],
                EncryptedKeyMaterial=wrapping.encrypt(material, OAEP(MGF1(SHA256()), SHA256(), None)),
                ExpirationModel="KEY_MATERIAL_DOES_NOT_EXPIRE",
            )["KeyMaterialId"]
        )

    material_id = bring()
    assert program.call("DescribeKey", KeyId=key["KeyId"])["KeyMetadata"]["CurrentKeyMaterialId"] == material_id
    blob = program.call("Encrypt", KeyId=key["KeyId"], Plaintext=SECRET)["CiphertextBlob"]
    program.call("DeleteImportedKeyMaterial", KeyId=key["KeyId"])
    with refused("KMSInvalidStateException"):
        program.call("Decrypt", CiphertextBlob=blob)
    assert bring() == material_id
    assert program.call("Decrypt", CiphertextBlob=blob)["Plaintext"] == SECRET


def data_key_pairs(program: Program) -> None:
    key = a_key(program)["KeyId"]
    made = program.call("GenerateDataKeyPair", KeyId=key, KeyPairSpec="RSA_2048", EncryptionContext=CONTEXT)
    opened = program.call("Decrypt", CiphertextBlob=made["PrivateKeyCiphertextBlob"], EncryptionContext=CONTEXT)
    assert opened["Plaintext"] == made["PrivateKeyPlaintext"]
    hidden = program.call("GenerateDataKeyPairWithoutPlaintext", KeyId=key, KeyPairSpec="ECC_NIST_P384")
    assert "PrivateKeyPlaintext" not in hidden
    assert len(hidden["PublicKey"]) == 120


def signatures(program: Program) -> None:
    for spec, algorithm in (("RSA_2048", "RSASSA_PSS_SHA_256"), ("ECC_NIST_P256", "ECDSA_SHA_256")):
        key = a_key(program, KeySpec=spec, KeyUsage="SIGN_VERIFY")
        assert program.call("GetPublicKey", KeyId=key["KeyId"])["SigningAlgorithms"] == key["SigningAlgorithms"]
        arguments = {"KeyId": key["Arn"], "Message": SECRET, "SigningAlgorithm": algorithm}
        signature = program.call("Sign", **arguments)["Signature"]
        assert program.call("Verify", Signature=signature, **arguments)["SignatureValid"] is True
        with refused("KMSInvalidSignatureException"):
            program.call("Verify", Signature=signature[::-1], **arguments)


def authentication(program: Program) -> None:
    key = a_key(program, KeySpec="HMAC_256", KeyUsage="GENERATE_VERIFY_MAC")
    arguments = {"KeyId": key["KeyId"], "Message": SECRET, "MacAlgorithm": "HMAC_SHA_256"}
    mac = program.call("GenerateMac", **arguments)["Mac"]
    assert len(mac) == 32
    assert program.call("VerifyMac", Mac=mac, **arguments)["MacValid"] is True
    with refused("KMSInvalidMacException"):
        program.call("VerifyMac", Mac=mac[::-1], **arguments)


def agreement(program: Program) -> None:
    one, other = (a_key(program, KeySpec="ECC_NIST_P256", KeyUsage="KEY_AGREEMENT") for _ in range(2))
    secrets = [
        program.call(
            "DeriveSharedSecret",
            KeyId=mine["KeyId"],
            KeyAgreementAlgorithm="ECDH",
            PublicKey=program.call("GetPublicKey", KeyId=theirs["KeyId"])["PublicKey"],
        )["SharedSecret"]
        for mine, theirs in ((one, other), (other, one))
    ]
    assert secrets[0] == secrets[1]
    assert len(secrets[0]) == 32


def encapsulation(program: Program) -> None:
    key = a_key(program, KeySpec="ML_KEM_768", KeyUsage="ENCAPSULATE_DECAPSULATE")["KeyId"]
    algorithm = {"EncapsulationAlgorithm": "ML_KEM"}
    made = program.call("Encapsulate", KeyId=key, **algorithm)
    blob = made["SharedSecretCiphertextBlob"]
    opened = program.call("Decapsulate", KeyId=key, SharedSecretCiphertextBlob=blob, **algorithm)
    assert opened["SharedSecret"] == made["SharedSecret"]
    with refused("InvalidCiphertextException"):
        program.call("Decapsulate", KeyId=key, SharedSecretCiphertextBlob=blob[1:], **algorithm)


def secrets_to_a_public_key(program: Program) -> None:
    key = a_key(program, KeySpec="RSA_2048", KeyUsage="ENCRYPT_DECRYPT")["KeyId"]
    algorithm = {"EncryptionAlgorithm": "RSAES_OAEP_SHA_256"}
    sealed = program.call("Encrypt", KeyId=key, Plaintext=SECRET[:190], **algorithm)["CiphertextBlob"]
    assert program.call("Decrypt", KeyId=key, CiphertextBlob=sealed, **algorithm)["Plaintext"] == SECRET[:190]
    with refused("InvalidCiphertextException"):
        program.call("Decrypt", KeyId=key, CiphertextBlob=sealed[::-1], **algorithm)


def a_key_in_two_regions(program: Program) -> None:
    key = a_key(program, MultiRegion=True)
    here, there = key["MultiRegionConfiguration"]["PrimaryKey"]["Region"], "eu-central-1"
    made = program.call("ReplicateKey", KeyId=key["KeyId"], ReplicaRegion=there, Description="copy")
    replica = made["ReplicaKeyMetadata"]
    assert (replica["KeyId"], replica["KeyState"]) == (key["KeyId"], "Creating")
    with refused("AlreadyExistsException"):
        program.call("ReplicateKey", KeyId=key["KeyId"], ReplicaRegion=there)

    program.call("UpdatePrimaryRegion", KeyId=key["KeyId"], PrimaryRegion=there)
    moved = program.call("DescribeKey", KeyId=key["KeyId"])["KeyMetadata"]["MultiRegionConfiguration"]
    assert moved == {
        "MultiRegionKeyType": "REPLICA",
        "PrimaryKey": {"Arn": replica["Arn"], "Region": there},
        "ReplicaKeys": [{"Arn": key["Arn"], "Region": here}],
    }
    with refused("UnsupportedOperationException"):
        program.call("ReplicateKey", KeyId=key["KeyId"], ReplicaRegion="eu-west-1")


def refusals(program: Program) -> None:
    with refused("NotFoundException"):
        program.call("DescribeKey", KeyId="00000000-0000-0000-0000-000000000000")
    with refused("DryRunOperationException"):
        program.call("GenerateDataKey", KeyId=a_key(program)["KeyId"], KeySpec="AES_128", DryRun=True)


Journey = Callable[[Program], None]

CALLS: dict[Journey, frozenset[str]] = {
    life_of_a_key: frozenset(
        """CreateKey DescribeKey ListKeys UpdateKeyDescription DisableKey EnableKey ScheduleKeyDeletion
        CancelKeyDeletion""".split()
    ),
    names_of_a_key: frozenset("CreateAlias UpdateAlias ListAliases DeleteAlias".split()),
    key_of_a_service: frozenset("DescribeKey ListAliases GetKeyPolicy".split()),
    labels_of_a_key: frozenset("TagResource UntagResource ListResourceTags".split()),
    policy_of_a_key: frozenset("GetKeyPolicy PutKeyPolicy ListKeyPolicies".split()),
    grants_on_a_key: frozenset("CreateGrant ListGrants ListRetirableGrants RetireGrant RevokeGrant".split()),
    secrets: frozenset("Encrypt Decrypt ReEncrypt".split()),
    data_keys: frozenset("GenerateDataKey GenerateDataKeyWithoutPlaintext GetKeyLastUsage GenerateRandom".split()),
    rotation_of_a_key: frozenset(
        "EnableKeyRotation GetKeyRotationStatus RotateKeyOnDemand ListKeyRotations DisableKeyRotation".split()
    ),
    material_of_your_own: frozenset("GetParametersForImport ImportKeyMaterial DeleteImportedKeyMaterial".split()),
    data_key_pairs: frozenset("GenerateDataKeyPair GenerateDataKeyPairWithoutPlaintext".split()),
    signatures: frozenset("GetPublicKey Sign Verify".split()),
    authentication: frozenset("GenerateMac VerifyMac".split()),
    agreement: frozenset({"DeriveSharedSecret"}),
    encapsulation: frozenset("Encapsulate Decapsulate".split()),
    secrets_to_a_public_key: frozenset(),
    a_key_in_two_regions: frozenset("ReplicateKey UpdatePrimaryRegion".split()),
    refusals: frozenset(),
}
