"""Grants over real HTTP with boto3: the one user there is may use a key by a grant alone, since its policy lets him manage
it and nothing else."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator
from typing import Any

import pytest

from keystead.model.shapes import Service
from tests.api.conftest import Refused
from tests.server import Server

MODEL = Service.load("kms")
MANAGE = ["CreateGrant", "ListGrants", "RevokeGrant", "PutKeyPolicy", "DisableKey", "EnableKey", "ScheduleKeyDeletion"]
IT = {"department": "IT"}


@pytest.fixture(scope="session")
def admin(server: Server) -> str:
    return f"arn:aws:iam::{server.account}:user/admin"


@pytest.fixture
def managed(kms: Any, admin: str) -> Any:
    """A key that the administrator may manage and not use."""
    actions = [f"kms:{name}" for name in MANAGE]
    statement = {"Effect": "Allow", "Principal": {"AWS": admin}, "Action": actions, "Resource": "*"}
    policy = json.dumps({"Version": "2012-10-17", "Statement": [statement]})
    return kms.create_key(Policy=policy)["KeyMetadata"]


@pytest.fixture
def removed(kms: Any, managed: Any) -> Iterator[None]:
    """Afterwards no grant of the key is left, so that lists of other tests are short."""
    yield
    for page in kms.get_paginator("list_grants").paginate(KeyId=managed["KeyId"]):
        for grant in page["Grants"]:
            kms.revoke_grant(KeyId=managed["KeyId"], GrantId=grant["GrantId"])


def test_a_grant_alone_opens_what_it_names_at_once_and_closes_it_again(
    kms: Any, admin: str, managed: Any, refused: Refused
) -> None:
    key = managed["KeyId"]
    asked = {"KeyId": key, "Plaintext": b"secret", "EncryptionContext": IT}
    code, message = refused(kms.encrypt, **asked)
    assert code == "AccessDeniedException"
    assert message.endswith(f"{managed['Arn']} because no resource-based policy allows the kms:Encrypt action")
    made = kms.create_grant(
        KeyId=key,
        GranteePrincipal=admin,
        Operations=["Encrypt", "Decrypt"],
        Constraints={"EncryptionContextSubset": IT},
    )
    assert len(made["GrantId"]) == 64
    assert set(made["GrantId"]) <= set("0123456789abcdef")
    blob = kms.encrypt(**asked)["CiphertextBlob"]
    assert kms.decrypt(CiphertextBlob=blob, EncryptionContext=IT)["Plaintext"] == b"secret"
    for wrong in ({}, {"department": "HR"}):
        assert refused(kms.encrypt, **{**asked, "EncryptionContext": wrong})[0] == "AccessDeniedException"
    assert refused(kms.describe_key, KeyId=key)[0] == "AccessDeniedException"
    kms.revoke_grant(KeyId=key, GrantId=made["GrantId"])
    assert refused(kms.encrypt, **asked)[0] == "AccessDeniedException"
    assert refused(kms.decrypt, CiphertextBlob=blob, EncryptionContext=IT)[0] == "AccessDeniedException"


def test_a_grantee_hands_on_no_more_than_it_has(kms: Any, admin: str, server: Server, refused: Refused) -> None:
    """The policy lets the administrator make grants for himself only; what he makes for others he makes by his grant."""
    root = f"arn:aws:iam::{server.account}:root"
    statements: list[dict[str, Any]] = [
        {
            "Effect": "Allow",
            "Principal": {"AWS": admin},
            "Action": ["kms:PutKeyPolicy", "kms:ListGrants"],
            "Resource": "*",
        },
        {
            "Effect": "Allow",
            "Principal": {"AWS": admin},
            "Action": "kms:CreateGrant",
            "Resource": "*",
            "Condition": {"StringEquals": {"kms:GranteePrincipal": admin}},
        },
    ]
    policy = json.dumps({"Version": "2012-10-17", "Statement": statements})
    key = kms.create_key(Policy=policy)["KeyMetadata"]["KeyId"]
    narrow = {"EncryptionContextEquals": {**IT, "project": "x"}}
    other = {"KeyId": key, "GranteePrincipal": root, "Constraints": narrow}
    assert refused(kms.create_grant, **other, Operations=["Decrypt"])[0] == "AccessDeniedException"
    kms.create_grant(
        KeyId=key,
        GranteePrincipal=admin,
        Operations=["CreateGrant", "Decrypt"],
        Constraints={"EncryptionContextSubset": IT},
    )
    assert refused(kms.create_grant, **other, Operations=["Decrypt", "Encrypt"])[0] == "AccessDeniedException"
    wide = {**other, "Constraints": {"EncryptionContextSubset": {"project": "x"}}}
    assert refused(kms.create_grant, **wide, Operations=["Decrypt"])[0] == "AccessDeniedException"
    made = kms.create_grant(**other, Operations=["Decrypt"])["GrantId"]
    [shown] = kms.list_grants(KeyId=key, GrantId=made)["Grants"]
    assert (shown["GranteePrincipal"], shown["Constraints"]) == (root, narrow)


def test_a_grant_is_listed_as_it_was_asked_for_and_never_with_its_token(
    kms: Any, admin: str, server: Server, managed: Any
) -> None:
    root = f"arn:aws:iam::{server.account}:root"
    kms.create_grant(KeyId=managed["KeyId"], GranteePrincipal=admin, Operations=["DescribeKey"])
    named = kms.create_grant(
        KeyId=managed["Arn"],
        GranteePrincipal=admin,
        RetiringPrincipal=root,
        Operations=["Encrypt", "Decrypt"],
        Constraints={"EncryptionContextEquals": IT},
        Name="a-name",
    )
    listed = {grant["GrantId"]: grant for grant in kms.list_grants(KeyId=managed["KeyId"])["Grants"]}
    full = listed.pop(named["GrantId"])
    [plain] = listed.values()
    assert full.pop("CreationDate").microsecond == 0
    assert full == {
        "KeyId": managed["Arn"],
        "GrantId": named["GrantId"],
        "Name": "a-name",
        "GranteePrincipal": admin,
        "RetiringPrincipal": root,
        "IssuingAccount": root,
        "Operations": ["Decrypt", "Encrypt"],
        "Constraints": {"EncryptionContextEquals": IT},
    }
    assert set(plain) == {"KeyId", "GrantId", "CreationDate", "GranteePrincipal", "IssuingAccount", "Operations"}


@pytest.mark.usefixtures("removed")
def test_lists_are_paged_and_filtered(kms: Any, admin: str, server: Server, managed: Any, refused: Refused) -> None:
    root = f"arn:aws:iam::{server.account}:root"
    key = managed["KeyId"]

    def made(grantee: str) -> str:
        given = {"KeyId": key, "GranteePrincipal": grantee, "RetiringPrincipal": admin, "Operations": ["Decrypt"]}
        return str(kms.create_grant(**given)["GrantId"])

    mine, others = {made(admin) for _ in range(5)}, {made(root) for _ in range(2)}

    def all_of(operation: str, size: int, **asked: Any) -> list[str]:
        pages = list(kms.get_paginator(operation).paginate(PaginationConfig={"PageSize": size}, **asked))
        assert all(len(page["Grants"]) <= size for page in pages)
        return [grant["GrantId"] for page in pages for grant in page["Grants"]]

    for size in (1, 2, 3, 100, 1000):
        assert sorted(all_of("list_grants", size, KeyId=key)) == sorted(mine | others)
        assert sorted(all_of("list_grants", size, KeyId=key, GranteePrincipal=admin)) == sorted(mine)
        assert sorted(all_of("list_retirable_grants", size, RetiringPrincipal=admin)) == sorted(mine | others)
    assert all_of("list_grants", 9, KeyId=key, GrantId=min(mine)) == [min(mine)]
    assert all_of("list_grants", 9, KeyId=key, GrantId=min(mine), GranteePrincipal=root) == []
    assert all_of("list_grants", 9, KeyId=key, GrantId="0" * 64) == []
    assert not (mine | others).intersection(all_of("list_retirable_grants", 9, RetiringPrincipal=root))

    marker = kms.list_grants(KeyId=key, Limit=1)["NextMarker"]
    for wrong in ({"Marker": "nonsense"}, {"Marker": marker, "GranteePrincipal": admin}):
        assert refused(kms.list_grants, KeyId=key, **wrong) == ("InvalidMarkerException", "")
    assert refused(kms.list_retirable_grants, RetiringPrincipal=admin, Marker=marker) == ("InvalidMarkerException", "")


def test_filters_by_principals_that_are_gone_are_refused_as_aws_does(
    kms: Any, server: Server, key: Any, refused: Refused
) -> None:
    gone_arn, gone_id = f"arn:aws:iam::{server.account}:role/gone", "AROAGONEGONEGONEGONE1:future"
    no_principal = ("InvalidArnException", f"ARN does not refer to a valid principal: {gone_arn}")
    assert refused(kms.list_grants, KeyId=key["KeyId"], GranteePrincipal=gone_arn) == no_principal
    assert refused(kms.list_retirable_grants, RetiringPrincipal=gone_arn) == no_principal
    assert refused(kms.list_grants, KeyId=key["KeyId"], GranteePrincipal=gone_id) == (
        "InvalidArnException",
        "Input does not refer to a valid principal",
    )
    assert refused(kms.list_retirable_grants, RetiringPrincipal=gone_id) == (
        "NotFoundException",
        f"Retiring principal {gone_id} could not be found",
    )
    assert refused(kms.list_grants, KeyId=key["KeyId"], GrantId="nonsense") == ("InvalidGrantIdException", "")
    assert refused(kms.list_retirable_grants)[0] == "ValidationException"


def test_a_grant_that_makes_no_sense_for_its_key_is_refused(kms: Any, admin: str, refused: Refused) -> None:
    mac = kms.create_key(KeySpec="HMAC_256", KeyUsage="GENERATE_VERIFY_MAC")["KeyMetadata"]["KeyId"]
    curve = kms.create_key(KeySpec="ECC_NIST_P256", KeyUsage="SIGN_VERIFY")["KeyMetadata"]["KeyId"]
    plain = kms.create_key()["KeyMetadata"]["KeyId"]
    assert refused(kms.create_grant, KeyId=mac, GranteePrincipal=admin, Operations=["Encrypt"]) == (
        "ValidationException",
        "Operations [Encrypt] are not supported when creating a grant for a symmetric KMS key with key usage "
        "GENERATE_VERIFY_MAC. Valid operations are [CreateGrant, RetireGrant, DescribeKey, GenerateMac, VerifyMac]",
    )
    assert refused(kms.create_grant, KeyId=curve, GranteePrincipal=admin, Operations=["Sign", "GenerateDataKey"])[
        1
    ].startswith("Operations [GenerateDataKey] are not supported when creating a grant for an asymmetric KMS key")
    assert refused(
        kms.create_grant,
        KeyId=mac,
        GranteePrincipal=admin,
        Operations=["GenerateMac"],
        Constraints={"EncryptionContextEquals": IT},
    ) == (
        "ValidationException",
        "EncryptionContext is supported only when creating a grant for a symmetric encryption KMS key.",
    )
    both = {"EncryptionContextEquals": IT, "EncryptionContextSubset": IT}
    assert refused(kms.create_grant, KeyId=plain, GranteePrincipal=admin, Operations=["Decrypt"], Constraints=both) == (
        "ValidationException",
        "More than one constraint supplied",
    )
    assert refused(kms.create_grant, KeyId=plain, GranteePrincipal=admin, Operations=["CreateGrant"]) == (
        "ValidationException",
        "Grants must not contain only the CreateGrant operation.",
    )
    for key, operations in ((mac, ["GenerateMac", "VerifyMac"]), (curve, ["Sign", "Verify", "GetPublicKey"])):
        kms.create_grant(KeyId=key, GranteePrincipal=admin, Operations=operations)


def test_a_grant_opens_each_type_of_key(kms: Any, admin: str, refused: Refused) -> None:
    """Every operation that a grant can hold is refused without it and answered with it."""
    calls = {
        ("SYMMETRIC_DEFAULT", "ENCRYPT_DECRYPT"): [
            ("Encrypt", {"Plaintext": b"x"}),
            ("GenerateDataKey", {"KeySpec": "AES_256"}),
            ("GenerateDataKeyWithoutPlaintext", {"KeySpec": "AES_256"}),
            ("GenerateDataKeyPair", {"KeyPairSpec": "ECC_NIST_P256"}),
            ("GenerateDataKeyPairWithoutPlaintext", {"KeyPairSpec": "ECC_NIST_P256"}),
            ("DescribeKey", {}),
        ],
        ("HMAC_256", "GENERATE_VERIFY_MAC"): [("GenerateMac", {"Message": b"x", "MacAlgorithm": "HMAC_SHA_256"})],
        ("ECC_NIST_P256", "SIGN_VERIFY"): [
            ("Sign", {"Message": b"x", "SigningAlgorithm": "ECDSA_SHA_256"}),
            ("GetPublicKey", {}),
        ],
    }
    allow = {
        "Effect": "Allow",
        "Principal": {"AWS": admin},
        "Action": [f"kms:{name}" for name in MANAGE],
        "Resource": "*",
    }
    policy = json.dumps({"Version": "2012-10-17", "Statement": [allow]})
    for (spec, usage), of_key in calls.items():
        key = kms.create_key(KeySpec=spec, KeyUsage=usage, Policy=policy)["KeyMetadata"]["KeyId"]
        for operation, members in of_key:
            call = getattr(kms, _snake(operation))
            assert refused(call, KeyId=key, **members)[0] == "AccessDeniedException", operation
            grant = kms.create_grant(KeyId=key, GranteePrincipal=admin, Operations=[operation])
            call(KeyId=key, GrantTokens=[grant["GrantToken"]], **members)
            kms.revoke_grant(KeyId=key, GrantId=grant["GrantId"])
            assert refused(call, KeyId=key, **members)[0] == "AccessDeniedException", operation


def _snake(operation: str) -> str:
    return "".join(f"_{letter.lower()}" if letter.isupper() else letter for letter in operation).lstrip("_")


TOKEN_TAKERS = [name for name, each in MODEL.operations.items() if "GrantTokens" in each.input.members]


@pytest.mark.parametrize("operation", TOKEN_TAKERS)
def test_every_operation_that_takes_tokens_refuses_one_that_is_not_ours(
    kms: Any, key: Any, refused: Refused, operation: str
) -> None:
    members: dict[str, dict[str, Any]] = {
        "CreateGrant": {"GranteePrincipal": key["Arn"], "Operations": ["Decrypt"]},
        "Decapsulate": {"SharedSecretCiphertextBlob": b"x", "EncapsulationAlgorithm": "ML_KEM"},
        "Decrypt": {"CiphertextBlob": b"x"},
        "DeriveSharedSecret": {"KeyAgreementAlgorithm": "ECDH", "PublicKey": b"x"},
        "Encapsulate": {"EncapsulationAlgorithm": "ML_KEM"},
        "Encrypt": {"Plaintext": b"x"},
        "GenerateDataKeyPair": {"KeyPairSpec": "RSA_2048"},
        "GenerateDataKeyPairWithoutPlaintext": {"KeyPairSpec": "RSA_2048"},
        "GenerateMac": {"Message": b"x", "MacAlgorithm": "HMAC_SHA_256"},
        "ReEncrypt": {"CiphertextBlob": b"x", "DestinationKeyId": key["KeyId"]},
        "Sign": {"Message": b"x", "SigningAlgorithm": "ECDSA_SHA_256"},
        "Verify": {"Message": b"x", "Signature": b"x", "SigningAlgorithm": "ECDSA_SHA_256"},
        "VerifyMac": {"Message": b"x", "Mac": b"x", "MacAlgorithm": "HMAC_SHA_256"},
    }
    named = {} if operation == "ReEncrypt" else {"KeyId": key["KeyId"]}
    given = members.get(operation, {})
    forged = base64.urlsafe_b64encode(b"\x01\x01" + bytes(200)).decode()
    for token in ("nonsense", forged):
        answer = refused(getattr(kms, _snake(operation)), **named, **given, GrantTokens=[token])
        assert answer == ("InvalidGrantTokenException", "")


def test_a_token_of_another_server_is_not_ours(kms: Any, key: Any, admin: str, refused: Refused) -> None:
    token = kms.create_grant(KeyId=key["KeyId"], GranteePrincipal=admin, Operations=["Decrypt"])["GrantToken"]
    assert len(token) < 8192
    altered = ("A" if token[40] != "A" else "B").join((token[:40], token[41:]))
    assert refused(kms.retire_grant, GrantToken=altered) == ("InvalidGrantTokenException", "")
    kms.retire_grant(GrantToken=token)
    assert kms.list_grants(KeyId=key["KeyId"])["Grants"] == []


@pytest.mark.parametrize("retire", [True, False], ids=["retire_on_delete", "revoke"])
def test_terraforms_calls_for_a_grant_leave_no_difference(kms: Any, key: Any, admin: str, retire: bool) -> None:
    """aws_kms_grant: create, read page by page, delete, read until it is gone. It always sends both constraints."""
    operations = {"Encrypt", "Decrypt", "DescribeKey"}
    made = kms.create_grant(
        KeyId=key["Arn"],
        GranteePrincipal=admin,
        Operations=sorted(operations),
        Constraints={"EncryptionContextEquals": IT, "EncryptionContextSubset": {}},
        Name="terraform",
    )

    def read() -> Any:
        pages = kms.get_paginator("list_grants").paginate(KeyId=key["Arn"], PaginationConfig={"PageSize": 100})
        return [grant for page in pages for grant in page["Grants"] if grant["GrantId"] == made["GrantId"]]

    [grant] = read()
    assert (grant["GranteePrincipal"], grant["Name"]) == (admin, "terraform")
    assert set(grant["Operations"]) == operations
    assert grant["Constraints"] == {"EncryptionContextEquals": IT}
    (kms.retire_grant if retire else kms.revoke_grant)(KeyId=key["Arn"], GrantId=made["GrantId"])
    assert read() == []


def test_grants_know_the_states_of_their_key(kms: Any, admin: str, managed: Any, refused: Refused) -> None:
    key, arn = managed["KeyId"], managed["Arn"]
    asked = {"KeyId": key, "GranteePrincipal": admin, "Operations": ["Encrypt"]}
    made = kms.create_grant(**asked)
    kms.disable_key(KeyId=key)
    assert refused(kms.create_grant, **asked) == ("DisabledException", f"{arn} is disabled.")
    assert refused(kms.encrypt, KeyId=key, Plaintext=b"x") == ("DisabledException", f"{arn} is disabled.")
    assert len(kms.list_grants(KeyId=key)["Grants"]) == 1
    kms.schedule_key_deletion(KeyId=key, PendingWindowInDays=7)
    assert refused(kms.create_grant, **asked) == ("KMSInvalidStateException", f"{arn} is pending deletion.")
    kms.revoke_grant(KeyId=key, GrantId=made["GrantId"])
    assert kms.list_grants(KeyId=key)["Grants"] == []


def test_a_dry_run_makes_and_ends_nothing(kms: Any, key: Any, admin: str, refused: Refused) -> None:
    would = ("DryRunOperationException", "The request would have succeeded, but the DryRun option is set.")
    asked = {"KeyId": key["KeyId"], "GranteePrincipal": admin, "Operations": ["Decrypt"]}
    assert refused(kms.create_grant, **asked, DryRun=True) == would
    assert kms.list_grants(KeyId=key["KeyId"])["Grants"] == []
    made = kms.create_grant(**asked)
    assert refused(kms.revoke_grant, KeyId=key["KeyId"], GrantId=made["GrantId"], DryRun=True) == would
    assert refused(kms.retire_grant, GrantToken=made["GrantToken"], DryRun=True) == would
    assert len(kms.list_grants(KeyId=key["KeyId"])["Grants"]) == 1
