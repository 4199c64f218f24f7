"""Multi-Region keys below the sockets: permissions on both sides, material, deletion over time, records."""

from __future__ import annotations

import asyncio
import json
from dataclasses import replace
from typing import Any

import pytest

from keystead.domain.key import Key
from keystead.services.wrapped import load_secrets
from tests.services.office import ACCOUNT, REGION, Office

THERE, THIRD = "eu-central-1", "ap-southeast-2"
DAY = 86_400.0


async def family(office: Office, *regions: str, **members: Any) -> str:
    """A primary with replicas; returns their id."""
    made = await office.make_key(MultiRegion=True, **members)
    for region in regions:
        status, answer = await office.call("ReplicateKey", KeyId=made["KeyId"], ReplicaRegion=region)
        assert status == 200, answer
    return str(made["KeyId"])


async def code(office: Office, operation: str, principal: Any = None, *, region: str = REGION, **body: Any) -> str:
    status, answer = await office.call(operation, principal, region=region, **body)
    return "" if status == 200 else str(answer["__type"])


async def described(office: Office, key_id: str, region: str = REGION) -> dict[str, Any]:
    _, answer = await office.call("DescribeKey", region=region, KeyId=key_id)
    metadata: dict[str, Any] = answer.get("KeyMetadata", {})
    return metadata


async def swept(office: Office) -> None:
    office.sweep.run()
    await asyncio.sleep(0.1)


def policy(*statements: dict[str, Any]) -> str:
    return json.dumps(
        {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Resource": "*", **s} for s in statements]}
    )


# --- permissions --------------------------------------------------------------------------------------------------------


def test_replicating_needs_a_permission_on_each_side(play: Any) -> None:
    async def story(office: Office) -> None:
        key_id = await family(office)
        replicate = {"Action": "kms:ReplicateKey", "Condition": {"StringEquals": {"kms:ReplicaRegion": THERE}}}
        create = {
            "Action": "kms:CreateKey",
            "Condition": {
                "StringEquals": {"aws:RequestedRegion": THERE, "kms:MultiRegionKeyType": "REPLICA",
                                 "kms:KeySpec": "SYMMETRIC_DEFAULT", "kms:KeyOrigin": "AWS_KMS"},
                "Bool": {"kms:MultiRegion": "true"},
            },
        }  # fmt: skip
        tag = {"Action": "kms:TagResource", "Condition": {"StringEquals": {"aws:RequestTag/team": "a"}}}
        body = {"KeyId": key_id, "ReplicaRegion": THERE, "Tags": [{"TagKey": "team", "TagValue": "a"}]}
        lacking = {
            "kms:ReplicateKey": office.user("first", policy(create, tag)),
            "kms:CreateKey": office.user("second", policy(replicate, tag)),
            "kms:TagResource": office.user("third", policy(replicate, create)),
        }
        for action, user in lacking.items():
            status, answer = await office.call("ReplicateKey", user, **body)
            assert (status, answer["__type"]) == (400, "AccessDeniedException")
            assert f"is not authorized to perform: {action}" in answer["Message"]
        wrong_region = office.user("fourth", policy({**replicate, "Action": "kms:*", "Condition": {
            "StringEquals": {"aws:RequestedRegion": REGION}}}))  # fmt: skip
        assert await code(office, "ReplicateKey", wrong_region, **body) == "AccessDeniedException"
        assert await code(office, "ReplicateKey", office.user("all", policy(replicate, create, tag)), **body) == ""

    play(story)


def test_the_key_policy_speaks_of_the_replicas_region_and_of_the_type_of_key(play: Any) -> None:
    async def story(office: Office) -> None:
        key_id = await family(office, THERE)
        user = office.user("user", policy({"Action": "kms:CreateKey"}))
        statement = {
            "Effect": "Allow",
            "Principal": {"AWS": user.arn},
            "Action": ["kms:ReplicateKey", "kms:DescribeKey"],
            "Resource": "*",
            "Condition": {"StringEquals": {"kms:MultiRegionKeyType": "PRIMARY"}},
        }
        admin = {"Effect": "Allow", "Principal": {"AWS": office.admin.arn}, "Action": "kms:*", "Resource": "*"}
        text = json.dumps({"Version": "2012-10-17", "Statement": [statement, admin]})
        for region in (REGION, THERE):
            assert await code(office, "PutKeyPolicy", region=region, KeyId=key_id, Policy=text) == ""
        assert await code(office, "DescribeKey", user, KeyId=key_id) == ""
        assert await code(office, "DescribeKey", user, region=THERE, KeyId=key_id) == "AccessDeniedException"
        await office.call("UpdatePrimaryRegion", KeyId=key_id, PrimaryRegion=THERE)
        assert await code(office, "DescribeKey", user, KeyId=key_id) == "AccessDeniedException"
        assert await code(office, "DescribeKey", user, region=THERE, KeyId=key_id) == ""

    play(story)


def test_moving_the_primary_needs_the_permission_on_both_keys(play: Any) -> None:
    async def story(office: Office) -> None:
        key_id = await family(office, THERE)
        move = {"Action": "kms:UpdatePrimaryRegion", "Condition": {"StringEquals": {"kms:PrimaryRegion": THERE}}}
        user = office.user("user", policy(move))
        closed = json.dumps({"Version": "2012-10-17", "Statement": [
            {"Effect": "Allow", "Principal": {"AWS": office.admin.arn}, "Action": "kms:*", "Resource": "*"}]})  # fmt: skip
        opened = (await office.call("GetKeyPolicy", KeyId=key_id))[1]["Policy"]
        for region in (REGION, THERE):
            await office.call("PutKeyPolicy", region=region, KeyId=key_id, Policy=closed)
            refused = await code(office, "UpdatePrimaryRegion", user, KeyId=key_id, PrimaryRegion=THERE)
            assert refused == "AccessDeniedException", region
            await office.call("PutKeyPolicy", region=region, KeyId=key_id, Policy=opened)
        assert await code(office, "UpdatePrimaryRegion", user, KeyId=key_id, PrimaryRegion=THERE) == ""
        assert await code(office, "UpdatePrimaryRegion", user, region=THERE, KeyId=key_id, PrimaryRegion=REGION) == (
            "AccessDeniedException"
        )

    play(story)


def test_another_account_cannot_replicate(play: Any) -> None:
    async def story(office: Office) -> None:
        made = await office.make_key(MultiRegion=True)
        stranger = office.user("stranger", policy({"Action": "kms:*"}), account="444455556666")
        text = json.dumps({"Version": "2012-10-17", "Statement": [
            {"Effect": "Allow", "Principal": {"AWS": [office.admin.arn, stranger.arn]}, "Action": "kms:*", "Resource": "*"}]})  # fmt: skip
        assert await code(office, "PutKeyPolicy", KeyId=made["KeyId"], Policy=text) == ""
        for operation, members in (
            ("ReplicateKey", {"ReplicaRegion": THERE}),
            ("UpdatePrimaryRegion", {"PrimaryRegion": THERE}),
        ):
            assert await code(office, operation, stranger, KeyId=made["Arn"], **members) == "AccessDeniedException"

    play(story)


# --- material -----------------------------------------------------------------------------------------------------------


def rows(office: Office, key_id: str, region: str) -> tuple[Key, list[bytes], list[Any]]:
    """The key's row, its materials in the clear, and what is known of them."""

    def read(reader: Any) -> tuple[Key, list[bytes], list[Any]]:
        key = reader.key(ACCOUNT, region, key_id)
        secrets = load_secrets(reader, key)
        assert secrets is not None
        opened = [
            office.hierarchy.unwrap_material(row, secrets.wrap_key, secrets.account_key) for row in secrets.materials
        ]
        return key, opened, reader.material_facts(ACCOUNT, region, key_id)

    return office.store.read(read)


def test_each_region_has_the_same_material_under_a_wrap_key_of_its_own(play: Any) -> None:
    async def story(office: Office) -> None:
        key_id = await family(office, THERE, THIRD)
        mine, materials, facts = rows(office, key_id, REGION)
        wrapped = {office.store.read(lambda r: r.materials(ACCOUNT, REGION, key_id))[0].wrapped}
        for number, region in enumerate((THERE, THIRD), 2):
            replica, copies, known = rows(office, key_id, region)
            assert copies == materials
            assert known == [replace(fact, region=region) for fact in facts]
            assert (replica.ref, replica.material_id) == (mine.ref, mine.material_id)
            assert replica.is_replica
            wrapped |= {office.store.read(lambda r, at=region: r.materials(ACCOUNT, at, key_id))[0].wrapped}
            assert len(wrapped) == number

    play(story)


@pytest.mark.parametrize("automatic", [True, False])
def test_a_rotation_of_the_primary_reaches_every_region_at_once(play: Any, automatic: bool) -> None:
    async def story(office: Office) -> None:
        key_id = await family(office, THERE, THIRD)
        await office.call("ScheduleKeyDeletion", region=THIRD, KeyId=key_id, PendingWindowInDays=30)
        old = (await office.call("Encrypt", KeyId=key_id, Plaintext="b2xk"))[1]["CiphertextBlob"]
        await office.call("EnableKeyRotation", KeyId=key_id, RotationPeriodInDays=90)
        status = [
            (await office.call("GetKeyRotationStatus", region=region, KeyId=key_id))[1] for region in (REGION, THERE)
        ]
        assert {one["NextRotationDate"] for one in status} == {office.now + 90 * DAY}
        before = len(office.journal.lines)
        if automatic:
            await office.call("CancelKeyDeletion", region=THIRD, KeyId=key_id)
            before = len(office.journal.lines)
            office.now += 90 * DAY
            await swept(office)
        else:
            assert await code(office, "RotateKeyOnDemand", KeyId=key_id) == ""
        names = [line["eventName"] for line in office.journal.lines[before:]]
        assert names.count("RotateKey") == names.count("SynchronizeMultiRegionKey") == 1
        materials = [rows(office, key_id, region) for region in (REGION, THERE, THIRD)]
        assert {key.material_id for key, _, _ in materials} == {materials[0][2][1].material_id}
        assert all(copies == materials[0][1] and len(copies) == 2 for _, copies, _ in materials)
        for region in (REGION, THERE):
            new = (await office.call("Encrypt", region=region, KeyId=key_id, Plaintext="bmV3"))[1]["CiphertextBlob"]
            for other in (REGION, THERE):
                for blob, text in ((old, "b2xk"), (new, "bmV3")):
                    assert (await office.call("Decrypt", region=other, CiphertextBlob=blob))[1]["Plaintext"] == text

    play(story)


def test_rotation_is_the_primarys_alone_wherever_that_is(play: Any) -> None:
    async def story(office: Office) -> None:
        key_id = await family(office, THERE)
        for operation in ("EnableKeyRotation", "DisableKeyRotation", "RotateKeyOnDemand"):
            assert await code(office, operation, region=THERE, KeyId=key_id) == "UnsupportedOperationException"
        await office.call("EnableKeyRotation", KeyId=key_id, RotationPeriodInDays=90)
        await office.call("UpdatePrimaryRegion", KeyId=key_id, PrimaryRegion=THERE)
        office.now += 90 * DAY
        before = len(office.journal.lines)
        await swept(office)
        rotated = [line for line in office.journal.lines[before:] if line["eventName"] == "RotateKey"]
        assert [line["awsRegion"] for line in rotated] == [THERE]
        assert await code(office, "DisableKeyRotation", KeyId=key_id) == "UnsupportedOperationException"
        assert await code(office, "DisableKeyRotation", region=THERE, KeyId=key_id) == ""
        for region in (REGION, THERE):
            _, status = await office.call("GetKeyRotationStatus", region=region, KeyId=key_id)
            assert status["KeyRotationEnabled"] is False

    play(story)


def test_a_replica_that_is_made_later_has_the_whole_history_and_the_schedule(play: Any) -> None:
    async def story(office: Office) -> None:
        key_id = await family(office)
        await office.call("EnableKeyRotation", KeyId=key_id, RotationPeriodInDays=120)
        blobs = []
        for _ in range(3):
            blobs.append((await office.call("Encrypt", KeyId=key_id, Plaintext="eA=="))[1]["CiphertextBlob"])
            await office.call("RotateKeyOnDemand", KeyId=key_id)
        assert await code(office, "ReplicateKey", KeyId=key_id, ReplicaRegion=THERE) == ""
        for blob in blobs:
            assert (await office.call("Decrypt", region=THERE, CiphertextBlob=blob))[1]["Plaintext"] == "eA=="
        for operation in ("ListKeyRotations", "GetKeyRotationStatus"):
            here, there = [(await office.call(operation, region=at, KeyId=key_id))[1] for at in (REGION, THERE)]
            assert json.loads(json.dumps(there).replace(THERE, REGION)) == here

    play(story)


def test_a_replica_of_a_primary_that_moved_is_a_replica_of_the_new_primary(play: Any) -> None:
    async def story(office: Office) -> None:
        key_id = await family(office, THERE)
        await office.call("UpdatePrimaryRegion", KeyId=key_id, PrimaryRegion=THERE)
        assert await code(office, "ReplicateKey", KeyId=key_id, ReplicaRegion=THIRD) == "UnsupportedOperationException"
        assert await code(office, "ReplicateKey", region=THERE, KeyId=key_id, ReplicaRegion=THIRD) == ""
        for region in (REGION, THERE, THIRD):
            configuration = (await described(office, key_id, region))["MultiRegionConfiguration"]
            assert configuration["PrimaryKey"]["Region"] == THERE
            assert [replica["Region"] for replica in configuration["ReplicaKeys"]] == [THIRD, REGION]

    play(story)


@pytest.mark.parametrize("quota", [3])
def test_a_replica_counts_in_its_own_region(play: Any, quota: int, monkeypatch: pytest.MonkeyPatch) -> None:
    from keystead.domain import limits

    monkeypatch.setattr(limits, "KEYS_PER_REGION", quota)

    async def story(office: Office) -> None:
        key_id = await family(office)
        for _ in range(quota):
            await office.call("CreateKey", region=THERE)
        body = {"KeyId": key_id, "ReplicaRegion": THERE}
        assert await code(office, "ReplicateKey", **body) == "LimitExceededException"
        assert await code(office, "ReplicateKey", **{**body, "ReplicaRegion": THIRD}) == ""

    play(story)


# --- deletion over time ---------------------------------------------------------------------------------------------------


def test_a_primary_begins_to_wait_when_its_last_replica_is_gone(play: Any) -> None:
    async def story(office: Office) -> None:
        key_id = await family(office, THERE, THIRD)
        await office.call("ScheduleKeyDeletion", KeyId=key_id, PendingWindowInDays=10)
        await office.call("ScheduleKeyDeletion", region=THERE, KeyId=key_id, PendingWindowInDays=7)
        office.now += 20 * DAY
        await swept(office)
        assert not await described(office, key_id, THERE)
        assert (await described(office, key_id))["KeyState"] == "PendingReplicaDeletion"  # one is left

        await office.call("ScheduleKeyDeletion", region=THIRD, KeyId=key_id, PendingWindowInDays=7)
        office.now += 7 * DAY
        assert (await described(office, key_id))["KeyState"] == "PendingReplicaDeletion"
        await swept(office)
        primary = await described(office, key_id)
        assert (primary["KeyState"], primary["DeletionDate"]) == ("PendingDeletion", office.now + 10 * DAY)
        assert "PendingDeletionWindowInDays" not in primary
        assert primary["MultiRegionConfiguration"]["ReplicaKeys"] == []

        office.now += 10 * DAY - 0.001
        await swept(office)
        assert (await described(office, key_id))["KeyState"] == "PendingDeletion"
        office.now += 0.001
        await swept(office)
        assert not await described(office, key_id)
        assert office.store.read(lambda reader: reader.key(ACCOUNT, REGION, key_id)) is None

    play(story)


def test_a_primary_that_nobody_deletes_stays_when_its_replicas_go_and_can_have_new_ones(play: Any) -> None:
    async def story(office: Office) -> None:
        key_id = await family(office, THERE)
        blob = (await office.call("Encrypt", region=THERE, KeyId=key_id, Plaintext="eA=="))[1]["CiphertextBlob"]
        await office.call("ScheduleKeyDeletion", region=THERE, KeyId=key_id, PendingWindowInDays=7)
        office.now += 7 * DAY
        assert await code(office, "ReplicateKey", KeyId=key_id, ReplicaRegion=THERE) == "AlreadyExistsException"
        await swept(office)
        assert (await described(office, key_id))["KeyState"] == "Enabled"
        assert await code(office, "ReplicateKey", KeyId=key_id, ReplicaRegion=THERE) == ""
        assert (await office.call("Decrypt", region=THERE, CiphertextBlob=blob))[1]["Plaintext"] == "eA=="

    play(story)


def test_a_deletion_of_a_primary_that_is_called_off_stays_off(play: Any) -> None:
    async def story(office: Office) -> None:
        key_id = await family(office, THERE)
        await office.call("ScheduleKeyDeletion", KeyId=key_id, PendingWindowInDays=7)
        await office.call("CancelKeyDeletion", KeyId=key_id)
        await office.call("ScheduleKeyDeletion", region=THERE, KeyId=key_id, PendingWindowInDays=7)
        office.now += 7 * DAY
        await swept(office)
        office.now += 100 * DAY
        await swept(office)
        assert (await described(office, key_id))["KeyState"] == "Disabled"

    play(story)


def test_a_replica_outlives_nothing_when_it_is_deleted_and_the_others_go_on(play: Any) -> None:
    async def story(office: Office) -> None:
        key_id = await family(office, THERE, THIRD)
        blob = (await office.call("Encrypt", KeyId=key_id, Plaintext="eA=="))[1]["CiphertextBlob"]
        await office.call("ScheduleKeyDeletion", region=THERE, KeyId=key_id, PendingWindowInDays=7)
        office.now += 7 * DAY
        await swept(office)
        assert office.store.read(lambda reader: reader.wrap_key(ACCOUNT, THERE, key_id)) is None
        assert await code(office, "Decrypt", region=THERE, CiphertextBlob=blob) == "AccessDeniedException"
        for region in (REGION, THIRD):
            assert (await office.call("Decrypt", region=region, CiphertextBlob=blob))[1]["Plaintext"] == "eA=="

    play(story)


# --- records ------------------------------------------------------------------------------------------------------------


def test_replicating_leaves_a_record_in_each_region(play: Any) -> None:
    async def story(office: Office) -> None:
        key_id = await family(office)
        here, away = (f"arn:aws:kms:{region}:{ACCOUNT}:key/{key_id}" for region in (REGION, THERE))
        before = len(office.journal.lines)
        _, answer = await office.call("ReplicateKey", KeyId=key_id, ReplicaRegion=THERE, Description="d")
        one, other = sorted(office.journal.lines[before:], key=lambda line: line["eventName"], reverse=True)
        assert (one["eventName"], one["awsRegion"], one["readOnly"]) == ("ReplicateKey", REGION, False)
        assert one["requestParameters"] == {
            "keyId": key_id,
            "replicaRegion": THERE,
            "bypassPolicyLockoutSafetyCheck": False,
            "description": "d",
        }
        shown = one["responseElements"]["replicaKeyMetadata"]
        assert (shown["keyState"], shown["arn"], shown["enabled"]) == ("Creating", away, False)
        assert one["responseElements"]["replicaPolicy"] == answer["ReplicaPolicy"]
        assert [resource["ARN"] for resource in one["resources"]] == [here]

        assert (other["eventName"], other["awsRegion"], other["readOnly"]) == ("CreateKey", THERE, False)
        assert other["userIdentity"] == one["userIdentity"]
        assert other["requestParameters"]["multiRegion"] is True
        assert other["responseElements"]["keyMetadata"]["arn"] == away
        assert [resource["ARN"] for resource in other["resources"]] == [away]
        assert other["eventID"] != one["eventID"]
        assert other["eventType"] == one["eventType"] == "AwsApiCall"

    play(story)


def test_moving_the_primary_leaves_the_call_and_the_synchronisation(play: Any) -> None:
    async def story(office: Office) -> None:
        key_id = await family(office, THERE)
        before = len(office.journal.lines)
        await office.call("UpdatePrimaryRegion", KeyId=key_id, PrimaryRegion=THERE)
        one, other = sorted(office.journal.lines[before:], key=lambda line: line["eventName"], reverse=True)
        assert (one["eventName"], one["awsRegion"]) == ("UpdatePrimaryRegion", REGION)
        assert one["requestParameters"] == {"keyId": key_id, "primaryRegion": THERE}
        assert one["responseElements"] is None
        assert {
            name: other[name] for name in ("eventName", "awsRegion", "eventType", "readOnly", "sourceIPAddress")
        } == {
            "eventName": "SynchronizeMultiRegionKey",
            "awsRegion": THERE,
            "eventType": "AwsApiCall",
            "readOnly": False,
            "sourceIPAddress": "AWS Internal",
        }
        assert other["userIdentity"] == {"accountId": ACCOUNT, "invokedBy": "AWS Internal"}
        assert other["requestParameters"] is None
        assert "serviceEventDetails" not in other
        assert other["requestID"] != other["eventID"]
        assert [resource["ARN"] for resource in other["resources"]] == [f"arn:aws:kms:{THERE}:{ACCOUNT}:key/{key_id}"]

    play(story)


def test_a_refused_replication_leaves_one_record_and_no_key(play: Any) -> None:
    async def story(office: Office) -> None:
        key_id = await family(office)
        before = len(office.journal.lines)
        user = office.user("user", policy({"Action": "kms:ReplicateKey"}))
        assert await code(office, "ReplicateKey", user, KeyId=key_id, ReplicaRegion=THERE) == "AccessDeniedException"
        assert [line["eventName"] for line in office.journal.lines[before:]] == ["ReplicateKey"]
        assert not await described(office, key_id, THERE)

    play(story)
