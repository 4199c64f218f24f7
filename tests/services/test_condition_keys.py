"""Every operation supplies the condition keys that AWS's reference lists for its action, and no others of KMS.

Each operation is made with all that it can be asked for; what the decision was given to read is held against
`domain/policy/supplied`.
"""

from __future__ import annotations

import base64
from collections.abc import Callable
from typing import Any

import pytest

from keystead.domain.policy import decide, supplied
from keystead.domain.policy.decide import Candidates, Decision, Question
from keystead.domain.policy.facts import KEYS, PREFIXES, Context, reading
from keystead.model.shapes import Service
from keystead.services.kms.operations import KMS
from tests.services.office import ACCOUNT, Office

Asked = dict[str, set[str]]

#: What no request of this version can supply, and why.
NOT_SUPPLIED = {"kms:recipientattestation:": "no enclave is attested: the member Recipient is refused by name"}
#: What an operation supplies though the reference does not list it, and why.
BESIDES = {
    ("kms:retiregrant", "kms:grantconstraintsourcearn"): "it reads a grant's constraints as CreateGrant does",
}
#: Permissions of operations that this version does not offer.
NOT_OFFERED = {f"kms:{name}".lower() for name in KMS.not_offered} | {"kms:synchronizemultiregionkey"}

PLAIN = base64.b64encode(b"k" * 32).decode()
CONTEXT = {"app": "x"}
TAGS = [{"TagKey": "team", "TagValue": "blue"}]
OTHER_REGION = "eu-central-1"
ROOT = f"arn:aws:iam::{ACCOUNT}:root"


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> Asked:
    """By permission, in lower case: the condition keys that had a value when it was asked for."""
    found: Asked = {}
    original = decide.decide

    def watched(question: Question, kept: Candidates | None = None) -> Decision:
        context = Context(question.context.facts)
        present = {name for name in KEYS if context.values(reading(name, key_policy=False)) is not None}
        present |= {prefix for prefix, family in PREFIXES.items() if list(family.pairs(context.facts) or ())}
        found.setdefault(question.action.lower(), set()).update(present)
        return original(question, kept)

    monkeypatch.setattr(decide, "decide", watched)
    return found


async def everything(office: Office) -> None:
    """Each operation, asked for all that it can be asked for; through a service, by alias where it takes one."""

    async def call(operation: str, **body: Any) -> dict[str, Any]:
        return (await office.call(operation, via="ec2", **body))[1]

    async def made(alias: str = "", **body: Any) -> str:
        key: str = (await office.make_key(Tags=TAGS, MultiRegion=True, **body))["Arn"]
        await call("CreateAlias", AliasName=f"alias/{alias or body['KeySpec'].lower()}", TargetKeyId=key)
        return key

    key = await made("seal", BypassPolicyLockoutSafetyCheck=True)
    await call("CreateAlias", AliasName="alias/another", TargetKeyId=key)
    for spec, usage in [
        ("ECC_NIST_P256", "SIGN_VERIFY"),
        ("ECC_NIST_P384", "KEY_AGREEMENT"),
        ("HMAC_256", "GENERATE_VERIFY_MAC"),
        ("ML_KEM_768", "ENCAPSULATE_DECAPSULATE"),
    ]:
        await made(KeySpec=spec, KeyUsage=usage)
    external = await made("external", Origin="EXTERNAL")

    blob = (await call("Encrypt", KeyId="alias/seal", Plaintext=PLAIN, EncryptionContext=CONTEXT))["CiphertextBlob"]
    await call("Decrypt", KeyId="alias/seal", CiphertextBlob=blob, EncryptionContext=CONTEXT)
    await call(
        "ReEncrypt",
        CiphertextBlob=blob,
        SourceKeyId="alias/seal",
        SourceEncryptionContext=CONTEXT,
        DestinationKeyId="alias/seal",
        DestinationEncryptionContext=CONTEXT,
    )
    for operation in ("GenerateDataKey", "GenerateDataKeyWithoutPlaintext"):
        await call(operation, KeyId="alias/seal", KeySpec="AES_256", EncryptionContext=CONTEXT)
    for operation in ("GenerateDataKeyPair", "GenerateDataKeyPairWithoutPlaintext"):
        await call(operation, KeyId="alias/seal", KeyPairSpec="ECC_NIST_P256", EncryptionContext=CONTEXT)
    await call("GenerateRandom", NumberOfBytes=32)

    signing = {"KeyId": "alias/ecc_nist_p256", "Message": PLAIN, "SigningAlgorithm": "ECDSA_SHA_256"}
    signature = (await call("Sign", **signing))["Signature"]
    await call("Verify", **signing, Signature=signature)
    mac = {"KeyId": "alias/hmac_256", "Message": PLAIN, "MacAlgorithm": "HMAC_SHA_256"}
    await call("VerifyMac", **mac, Mac=(await call("GenerateMac", **mac))["Mac"])
    await call("GetPublicKey", KeyId="alias/ecc_nist_p256")
    await call(
        "DeriveSharedSecret",
        KeyId="alias/ecc_nist_p384",
        KeyAgreementAlgorithm="ECDH",
        PublicKey=(await call("GetPublicKey", KeyId="alias/ecc_nist_p384"))["PublicKey"],
    )
    wrap = {"KeyId": "alias/ml_kem_768", "EncapsulationAlgorithm": "ML_KEM"}
    enclosed = (await call("Encapsulate", **wrap)).get("SharedSecretCiphertextBlob", PLAIN)
    await call("Decapsulate", **wrap, SharedSecretCiphertextBlob=enclosed)
    await call("DescribeKey", KeyId="alias/seal")

    grants = [
        {"GranteePrincipal": ROOT, "RetiringPrincipal": ROOT, "Constraints": {"EncryptionContextSubset": CONTEXT}},
        {
            "GranteeServicePrincipal": "s3.amazonaws.com",
            "RetiringServicePrincipal": "s3.amazonaws.com",
            "Constraints": {"SourceArn": ROOT},
        },
    ]
    first: list[str] = []
    for grant in grants:
        made_grant = await call("CreateGrant", KeyId=key, Operations=["Encrypt"], **grant)
        first.append(made_grant.get("GrantId", ""))
    await call("ListGrants", KeyId=key)
    await call("ListRetirableGrants", RetiringPrincipal=ROOT)
    await call("RetireGrant", KeyId=key, GrantId=first[0])
    await call("RevokeGrant", KeyId=key, GrantId=first[0])

    wrapping = {"WrappingAlgorithm": "RSAES_OAEP_SHA_256", "WrappingKeySpec": "RSA_2048"}
    offer = await call("GetParametersForImport", KeyId=external, **wrapping)
    await call(
        "ImportKeyMaterial",
        KeyId=external,
        ImportToken=offer["ImportToken"],
        EncryptedKeyMaterial=PLAIN,
        ExpirationModel="KEY_MATERIAL_EXPIRES",
        ValidTo=office.now + 1_000,
    )
    await call("DeleteImportedKeyMaterial", KeyId=external)

    await call("PutKeyPolicy", KeyId=key, Policy="{}", BypassPolicyLockoutSafetyCheck=True)
    await call("ReplicateKey", KeyId=key, ReplicaRegion=OTHER_REGION, BypassPolicyLockoutSafetyCheck=True, Tags=TAGS)
    await call("UpdatePrimaryRegion", KeyId=key, PrimaryRegion=OTHER_REGION)
    await call("TagResource", KeyId=key, Tags=TAGS)
    await call("UntagResource", KeyId=key, TagKeys=["none"])
    await call("UpdateAlias", AliasName="alias/seal", TargetKeyId=key)
    await call("EnableKeyRotation", KeyId=key, RotationPeriodInDays=365)
    await call("UpdateKeyDescription", KeyId=key, Description="x")
    for operation in sorted(KMS.rows):
        body = {"KeyId": key} if "KeyId" in OPERATIONS[operation].input.members else {}
        if set(body) >= {name for name, each in OPERATIONS[operation].input.members.items() if each.required}:
            await call(operation, **body)
    await call("DeleteAlias", AliasName="alias/seal")


OPERATIONS = Service.load("kms").operations


def test_every_operation_supplies_what_the_reference_lists_and_no_more(play: Callable[..., None], asked: Asked) -> None:
    play(everything)
    wrong: list[str] = []
    for permission, listed in supplied.ACTIONS.items():
        if permission in NOT_OFFERED:
            continue
        present = asked.get(permission, set())
        wrong += [f"{permission} lacks {key}" for key in sorted(listed - present - set(NOT_SUPPLIED))]
        of_kms = {key for key in present if key.startswith("kms:") or key in {"aws:requesttag/", "aws:resourcetag/"}}
        wrong += [f"{permission} has {key}" for key in sorted(of_kms - listed) if (permission, key) not in BESIDES]
    assert not wrong, "\n".join(wrong)
    assert set(asked) <= set(supplied.ACTIONS)


def test_the_table_has_every_action_of_the_model_and_every_key_that_can_be_read() -> None:
    names = {"ReEncryptFrom", "ReEncryptTo", "SynchronizeMultiRegionKey", *OPERATIONS} - {"ReEncrypt"}
    assert set(supplied.ACTIONS) == {f"kms:{name}".lower() for name in names}
    listed = frozenset().union(*supplied.ACTIONS.values())
    assert listed <= {*KEYS, *PREFIXES}
    assert {key for key in (*KEYS, *PREFIXES) if key.startswith("kms:")} <= listed


def test_what_every_request_can_supply_is_not_in_the_table_and_supplied_all_the_same(asked: Asked) -> None:
    assert asked == {}
    for key in ("aws:SourceIp", "aws:PrincipalTag/team", "AWS:CurrentTime"):
        assert supplied.supplies("kms:Encrypt", key)
        assert supplied.supplies("kms:ListKeys", key)
    assert supplied.supplies("kms:Encrypt", "kms:EncryptionContext:app")
    assert not supplied.supplies("kms:Sign", "kms:EncryptionContext:app")
    assert not supplied.supplies("kms:Encrypt", "aws:RequestTag/team")
    assert not supplied.supplies("kms:Encrypt", "no:such")
