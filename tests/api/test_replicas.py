"""Multi-Region keys as an unmodified boto3 sees them: two regions of one server."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from botocore.exceptions import ClientError

from tests.api.conftest import Refused
from tests.server import REGION, Server

THERE, THIRD = "eu-central-1", "ap-southeast-2"

Keys = tuple[dict[str, Any], dict[str, Any]]


@pytest.fixture(scope="module")
def there(server: Server) -> Any:
    return server.client(THERE)


@pytest.fixture
def primary(kms: Any) -> dict[str, Any]:
    made: dict[str, Any] = kms.create_key(MultiRegion=True, Description="first")["KeyMetadata"]
    return made


@pytest.fixture
def replicated(kms: Any, there: Any, primary: dict[str, Any]) -> Keys:
    """The primary and its replica, as DescribeKey shows them."""
    kms.replicate_key(KeyId=primary["KeyId"], ReplicaRegion=THERE)
    return tuple(client.describe_key(KeyId=primary["KeyId"])["KeyMetadata"] for client in (kms, there))  # type: ignore[return-value]


def arn(server: Server, region: str, key_id: str) -> str:
    return f"arn:aws:kms:{region}:{server.account}:key/{key_id}"


def test_a_multi_region_key_is_a_primary_without_replicas(server: Server, kms: Any, primary: dict[str, Any]) -> None:
    assert re.fullmatch(r"mrk-[0-9a-f]{32}", primary["KeyId"])
    assert primary["Arn"] == arn(server, REGION, primary["KeyId"])
    assert primary["MultiRegion"] is True
    assert primary["MultiRegionConfiguration"] == {
        "MultiRegionKeyType": "PRIMARY",
        "PrimaryKey": {"Arn": primary["Arn"], "Region": REGION},
        "ReplicaKeys": [],
    }
    assert kms.describe_key(KeyId=primary["KeyId"])["KeyMetadata"] == primary


def test_a_replica_shares_what_is_shared_and_nothing_else(
    server: Server, kms: Any, there: Any, primary: dict[str, Any]
) -> None:
    kms.tag_resource(KeyId=primary["KeyId"], Tags=[{"TagKey": "team", "TagValue": "a"}])
    answer = kms.replicate_key(
        KeyId=primary["Arn"], ReplicaRegion=THERE, Description="second", Tags=[{"TagKey": "team", "TagValue": "b"}]
    )
    made = answer["ReplicaKeyMetadata"]
    replica_arn = arn(server, THERE, primary["KeyId"])
    assert (made["KeyState"], made["Enabled"]) == ("Creating", False)
    assert "CurrentKeyMaterialId" not in made
    assert json.loads(answer["ReplicaPolicy"])["Id"] == "key-default-1"
    assert answer["ReplicaTags"] == [{"TagKey": "team", "TagValue": "b"}]

    described = there.describe_key(KeyId=primary["KeyId"])["KeyMetadata"]
    family = {
        "PrimaryKey": {"Arn": primary["Arn"], "Region": REGION},
        "ReplicaKeys": [{"Arn": replica_arn, "Region": THERE}],
    }
    assert described == {
        **primary,
        "Arn": replica_arn,
        "CreationDate": described["CreationDate"],
        "Description": "second",
        "MultiRegionConfiguration": {"MultiRegionKeyType": "REPLICA", **family},
    }
    assert described["CreationDate"] >= primary["CreationDate"]
    creating = {"KeyState": "Creating", "Enabled": False}
    assert {**described, **creating} == {**made, "CurrentKeyMaterialId": described["CurrentKeyMaterialId"]}
    assert kms.describe_key(KeyId=primary["KeyId"])["KeyMetadata"]["MultiRegionConfiguration"] == {
        "MultiRegionKeyType": "PRIMARY",
        **family,
    }
    assert there.list_resource_tags(KeyId=primary["KeyId"])["Tags"] == [{"TagKey": "team", "TagValue": "b"}]
    assert there.list_aliases(KeyId=primary["KeyId"])["Aliases"] == []
    assert primary["KeyId"] in {
        key["KeyId"] for page in there.get_paginator("list_keys").paginate() for key in page["Keys"]
    }


def test_policy_description_state_and_aliases_are_each_keys_own(kms: Any, there: Any, replicated: Keys) -> None:
    key_id = replicated[0]["KeyId"]
    own = json.dumps({"Version": "2012-10-17", "Id": "own", "Statement": [
        {"Effect": "Allow", "Principal": {"AWS": "*"}, "Action": "kms:*", "Resource": "*"}]})  # fmt: skip
    there.put_key_policy(KeyId=key_id, Policy=own)
    there.update_key_description(KeyId=key_id, Description="changed")
    there.create_alias(AliasName=f"alias/{key_id}", TargetKeyId=key_id)
    there.disable_key(KeyId=key_id)
    here, away = (client.describe_key(KeyId=key_id)["KeyMetadata"] for client in (kms, there))
    assert (here["Description"], away["Description"]) == ("first", "changed")
    assert (here["KeyState"], away["KeyState"]) == ("Enabled", "Disabled")
    assert json.loads(kms.get_key_policy(KeyId=key_id)["Policy"])["Id"] == "key-default-1"
    assert kms.list_aliases(KeyId=key_id)["Aliases"] == []
    assert kms.encrypt(KeyId=key_id, Plaintext=b"x")["KeyId"] == replicated[0]["Arn"]


# --- ciphertexts --------------------------------------------------------------------------------------------------------


def test_what_one_region_encrypts_the_other_decrypts_and_names_its_own_key(
    kms: Any, there: Any, replicated: Keys
) -> None:
    for source, target, answering in ((kms, there, replicated[1]), (there, kms, replicated[0])):
        blob = source.encrypt(KeyId=replicated[0]["KeyId"], Plaintext=b"text", EncryptionContext={"a": "b"})
        blob = blob["CiphertextBlob"]
        for named in ({}, {"KeyId": answering["Arn"]}, {"KeyId": answering["KeyId"]}):
            opened = target.decrypt(CiphertextBlob=blob, EncryptionContext={"a": "b"}, **named)
            assert opened["Plaintext"] == b"text"
            assert opened["KeyId"] == answering["Arn"]
            assert opened["KeyMaterialId"] == replicated[0]["CurrentKeyMaterialId"]


def test_a_related_key_of_another_region_is_the_wrong_key(
    kms: Any, there: Any, replicated: Keys, refused: Refused
) -> None:
    blob = kms.encrypt(KeyId=replicated[0]["KeyId"], Plaintext=b"text")["CiphertextBlob"]
    wrong = (
        "IncorrectKeyException",
        "The key ID in the request does not identify a CMK that can perform this operation.",
    )
    assert refused(there.decrypt, CiphertextBlob=blob, KeyId=replicated[0]["Arn"]) == wrong
    assert (
        refused(
            there.re_encrypt,
            CiphertextBlob=blob,
            SourceKeyId=replicated[0]["Arn"],
            DestinationKeyId=replicated[1]["KeyId"],
        )
        == wrong
    )
    assert refused(there.encrypt, KeyId=replicated[0]["Arn"], Plaintext=b"x") == (
        "NotFoundException",
        f"Invalid arn {REGION}",
    )


def test_a_data_key_can_be_opened_and_moved_in_the_other_region(kms: Any, there: Any, replicated: Keys) -> None:
    key_id = replicated[0]["KeyId"]
    made = kms.generate_data_key(KeyId=key_id, KeySpec="AES_256")
    other = there.create_key()["KeyMetadata"]
    moved = there.re_encrypt(CiphertextBlob=made["CiphertextBlob"], DestinationKeyId=other["KeyId"])
    assert moved["SourceKeyId"] == replicated[1]["Arn"]
    assert there.decrypt(CiphertextBlob=moved["CiphertextBlob"])["Plaintext"] == made["Plaintext"]


def test_an_asymmetric_key_and_a_mac_key_are_the_same_in_both_regions(kms: Any, there: Any) -> None:
    for spec, usage in (("ECC_NIST_P256", "SIGN_VERIFY"), ("HMAC_256", "GENERATE_VERIFY_MAC")):
        made = kms.create_key(MultiRegion=True, KeySpec=spec, KeyUsage=usage)["KeyMetadata"]
        kms.replicate_key(KeyId=made["KeyId"], ReplicaRegion=THERE)
        if usage == "SIGN_VERIFY":
            assert (
                kms.get_public_key(KeyId=made["KeyId"])["PublicKey"]
                == there.get_public_key(KeyId=made["KeyId"])["PublicKey"]
            )
            members = {"KeyId": made["KeyId"], "Message": b"m", "SigningAlgorithm": "ECDSA_SHA_256"}
            assert there.verify(Signature=kms.sign(**members)["Signature"], **members)["SignatureValid"]
        else:
            members = {"KeyId": made["KeyId"], "Message": b"m", "MacAlgorithm": "HMAC_SHA_256"}
            assert there.generate_mac(**members)["Mac"] == kms.generate_mac(**members)["Mac"]


def test_a_key_that_was_not_replicated_there_is_out_of_reach(
    there: Any, kms: Any, primary: Any, refused: Refused
) -> None:
    blob = kms.encrypt(KeyId=primary["KeyId"], Plaintext=b"text")["CiphertextBlob"]
    code, _ = refused(there.decrypt, CiphertextBlob=blob)
    assert code == "AccessDeniedException"


# --- refusals -------------------------------------------------------------------------------------------------------------


def test_only_a_primary_can_be_replicated(kms: Any, there: Any, replicated: Keys, key: Any, refused: Refused) -> None:
    for client, made in ((there, replicated[1]), (kms, key)):
        for call in (
            lambda client=client, made=made: refused(client.replicate_key, KeyId=made["KeyId"], ReplicaRegion=THIRD),
            lambda client=client, made=made: refused(
                client.update_primary_region, KeyId=made["KeyId"], PrimaryRegion=THIRD
            ),
        ):
            assert call() == (
                "UnsupportedOperationException",
                f"{made['Arn']} is not a multi-region primary key.",
            )


def test_a_region_has_one_key_of_a_family(kms: Any, there: Any, replicated: Keys, refused: Refused) -> None:
    key_id = replicated[0]["KeyId"]
    for region in (REGION, THERE):
        assert refused(kms.replicate_key, KeyId=key_id, ReplicaRegion=region)[0] == "AlreadyExistsException"
    there.schedule_key_deletion(KeyId=key_id, PendingWindowInDays=7)
    assert refused(kms.replicate_key, KeyId=key_id, ReplicaRegion=THERE)[0] == "AlreadyExistsException"


def test_of_many_who_replicate_at_once_one_succeeds(
    server: Server, kms: Any, there: Any, primary: dict[str, Any]
) -> None:
    clients = [server.client() for _ in range(8)]

    def replicate(client: Any) -> str:
        try:
            client.replicate_key(KeyId=primary["KeyId"], ReplicaRegion=THERE)
        except ClientError as error:
            return str(error.response["Error"]["Code"])
        return "made"

    with ThreadPoolExecutor(len(clients)) as pool:
        outcomes = sorted(pool.map(replicate, clients))
    assert outcomes == ["AlreadyExistsException"] * 7 + ["made"]
    blob = kms.encrypt(KeyId=primary["KeyId"], Plaintext=b"x")["CiphertextBlob"]
    assert there.decrypt(CiphertextBlob=blob)["Plaintext"] == b"x"


@pytest.mark.parametrize("region", ["mars-north-1", "us-gov-west-1", "nowhere"])
def test_there_are_no_replicas_in_regions_that_are_not_served(
    kms: Any, primary: dict[str, Any], region: str, refused: Refused
) -> None:
    assert refused(kms.replicate_key, KeyId=primary["KeyId"], ReplicaRegion=region)[0] == "ValidationException"


def test_a_primary_that_is_disabled_or_waits_for_deletion_is_not_replicated(
    kms: Any, primary: dict[str, Any], refused: Refused
) -> None:
    kms.disable_key(KeyId=primary["KeyId"])
    for call, members in REPLICATING(kms, primary):
        assert refused(call, **members) == ("DisabledException", f"{primary['Arn']} is disabled.")
    kms.schedule_key_deletion(KeyId=primary["KeyId"], PendingWindowInDays=7)
    for call, members in REPLICATING(kms, primary):
        assert refused(call, **members) == ("KMSInvalidStateException", f"{primary['Arn']} is pending deletion.")


def REPLICATING(kms: Any, primary: dict[str, Any]) -> list[tuple[Callable[..., Any], dict[str, Any]]]:
    return [
        (kms.replicate_key, {"KeyId": primary["KeyId"], "ReplicaRegion": THERE}),
        (kms.update_primary_region, {"KeyId": primary["KeyId"], "PrimaryRegion": THERE}),
    ]


def test_tags_and_policies_of_a_replica_are_held_to_the_rules_of_any_key(
    kms: Any, primary: dict[str, Any], refused: Refused
) -> None:
    def replicate(**members: Any) -> tuple[str, str]:
        return refused(kms.replicate_key, KeyId=primary["KeyId"], ReplicaRegion=THERE, **members)

    twice = [{"TagKey": "a", "TagValue": "1"}, {"TagKey": "a", "TagValue": "2"}]
    assert replicate(Tags=twice) == ("TagException", "Duplicate tag keys")
    assert replicate(Policy="{}")[0] == "MalformedPolicyDocumentException"
    nobody = json.dumps({"Version": "2012-10-17", "Statement": [
        {"Effect": "Allow", "Principal": {"Service": "example.amazonaws.com"}, "Action": "kms:*", "Resource": "*"}]})  # fmt: skip
    assert replicate(Policy=nobody) == (
        "MalformedPolicyDocumentException",
        "The new key policy will not allow you to update the key policy in the future.",
    )
    kms.replicate_key(KeyId=primary["KeyId"], ReplicaRegion=THERE, Policy=nobody, BypassPolicyLockoutSafetyCheck=True)


# --- the primary moves ------------------------------------------------------------------------------------------------


def test_the_primary_moves_and_every_key_of_the_family_says_so(
    server: Server, kms: Any, there: Any, replicated: Keys
) -> None:
    key_id = replicated[0]["KeyId"]
    third = server.client(THIRD)
    kms.replicate_key(KeyId=key_id, ReplicaRegion=THIRD)
    kms.update_primary_region(KeyId=key_id, PrimaryRegion=REGION)  # where it is: nothing to do
    kms.update_primary_region(KeyId=key_id, PrimaryRegion=THERE)
    for client, region in ((kms, REGION), (there, THERE), (third, THIRD)):
        described = client.describe_key(KeyId=key_id)["KeyMetadata"]
        assert described["KeyState"] == "Enabled"
        assert described["MultiRegionConfiguration"] == {
            "MultiRegionKeyType": "PRIMARY" if region == THERE else "REPLICA",
            "PrimaryKey": {"Arn": arn(server, THERE, key_id), "Region": THERE},
            "ReplicaKeys": [
                {"Arn": arn(server, THIRD, key_id), "Region": THIRD},
                {"Arn": arn(server, REGION, key_id), "Region": REGION},
            ],
        }
    blob = kms.encrypt(KeyId=key_id, Plaintext=b"x")["CiphertextBlob"]
    assert third.decrypt(CiphertextBlob=blob)["Plaintext"] == b"x"


def test_the_primary_moves_only_to_a_replica_that_can_be_used(
    server: Server, kms: Any, there: Any, replicated: Keys, refused: Refused
) -> None:
    key_id = replicated[0]["KeyId"]
    assert refused(kms.update_primary_region, KeyId=key_id, PrimaryRegion=THIRD) == (
        "NotFoundException",
        f"Key '{arn(server, THIRD, key_id)}' does not exist",
    )
    there.disable_key(KeyId=key_id)
    assert refused(kms.update_primary_region, KeyId=key_id, PrimaryRegion=THERE) == (
        "DisabledException",
        f"{replicated[1]['Arn']} is disabled.",
    )


# --- deletion -------------------------------------------------------------------------------------------------------------


def test_a_primary_waits_for_its_replicas(kms: Any, there: Any, replicated: Keys, refused: Refused) -> None:
    key_id = replicated[0]["KeyId"]
    answer = kms.schedule_key_deletion(KeyId=key_id, PendingWindowInDays=9)
    assert "DeletionDate" not in answer
    assert (answer["KeyId"], answer["KeyState"], answer["PendingWindowInDays"]) == (
        replicated[0]["Arn"],
        "PendingReplicaDeletion",
        9,
    )
    described = kms.describe_key(KeyId=key_id)["KeyMetadata"]
    assert (described["KeyState"], described["PendingDeletionWindowInDays"]) == ("PendingReplicaDeletion", 9)
    assert "DeletionDate" not in described
    assert refused(kms.encrypt, KeyId=key_id, Plaintext=b"x") == (
        "KMSInvalidStateException",
        f"{replicated[0]['Arn']} is pending deletion.",
    )
    assert there.encrypt(KeyId=key_id, Plaintext=b"x")["KeyId"] == replicated[1]["Arn"]
    kms.cancel_key_deletion(KeyId=key_id)
    described = kms.describe_key(KeyId=key_id)["KeyMetadata"]
    assert described["KeyState"] == "Disabled"
    assert "PendingDeletionWindowInDays" not in described


def test_a_replica_and_a_primary_without_replicas_are_deleted_like_any_key(
    kms: Any, there: Any, replicated: Keys
) -> None:
    answer = there.schedule_key_deletion(KeyId=replicated[1]["KeyId"], PendingWindowInDays=7)
    assert (answer["KeyState"], "DeletionDate" in answer) == ("PendingDeletion", True)
    alone = kms.create_key(MultiRegion=True)["KeyMetadata"]
    answer = kms.schedule_key_deletion(KeyId=alone["KeyId"], PendingWindowInDays=7)
    assert (answer["KeyState"], "DeletionDate" in answer) == ("PendingDeletion", True)
