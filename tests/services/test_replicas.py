"""Multi-Region keys below the sockets: permissions on both sides, and the records of what was done."""

from __future__ import annotations

import json
from typing import Any

from tests.services.families import THERE, code, described, family, policy
from tests.services.office import ACCOUNT, REGION, Office

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
