"""AWS managed keys: made by looking, used through their service alone, changed by nobody."""

from __future__ import annotations

import asyncio
import base64
import json
from typing import Any

import pytest

from keystead.domain import limits, managed
from keystead.domain.key import Key
from keystead.services.kms.operations import KMS
from tests.services.office import ACCOUNT, ALLOW_ALL, OTHER, REGION, Office
from tests.services.requests import names_a_key, smallest

EBS = "alias/aws/ebs"
EC2 = f"ec2.{REGION}.amazonaws.com"
X = base64.b64encode(b"x").decode()
#: Direct actions that the fixed policy leaves to the account.
LOOKING = ("kms:Describe", "kms:Get", "kms:List", "kms:RevokeGrant")
#: What the grant decides and no key policy.
RETIRING = ("kms:RetireGrant",)
#: What the fixed policy lets the service do.
SERVING = ("kms:Encrypt", "kms:Decrypt", "kms:ReEncrypt", "kms:GenerateDataKey", "kms:CreateGrant", "kms:DescribeKey")


async def describe(office: Office, **more: Any) -> dict[str, Any]:
    status, answer = await office.call("DescribeKey", KeyId=EBS, **more)
    assert status == 200, answer
    made: dict[str, Any] = answer["KeyMetadata"]
    return made


def kept(office: Office, key_id: str) -> Key | None:
    return office.store.read(lambda reader: reader.key(ACCOUNT, REGION, key_id))


def test_the_first_look_makes_the_key_and_later_ones_find_it(play: Any) -> None:
    async def story(office: Office) -> None:
        made = await describe(office)
        assert made == {
            "AWSAccountId": ACCOUNT,
            "KeyId": made["KeyId"],
            "Arn": f"arn:aws:kms:{REGION}:{ACCOUNT}:key/{made['KeyId']}",
            "CreationDate": made["CreationDate"],
            "Enabled": True,
            "Description": "Default key that protects my EBS volumes when no other key is defined",
            "KeyUsage": "ENCRYPT_DECRYPT",
            "KeyState": "Enabled",
            "Origin": "AWS_KMS",
            "KeyManager": "AWS",
            "CustomerMasterKeySpec": "SYMMETRIC_DEFAULT",
            "KeySpec": "SYMMETRIC_DEFAULT",
            "EncryptionAlgorithms": ["SYMMETRIC_DEFAULT"],
            "MultiRegion": False,
            "CurrentKeyMaterialId": made["CurrentKeyMaterialId"],
        }
        assert await describe(office) == made
        records = {(line["eventName"], line["eventType"]): line for line in office.journal.lines[:2]}
        looked, created = records["DescribeKey", "AwsApiCall"], records["CreateKey", "AwsServiceEvent"]
        assert looked["readOnly"] is True
        assert looked["resources"][0]["ARN"] == created["resources"][0]["ARN"] == made["Arn"]
        assert created["userIdentity"]["invokedBy"] == "AWS Internal"
        assert len(office.journal.lines) == 3
        by_arn = await office.call("DescribeKey", KeyId=f"arn:aws:kms:{REGION}:{ACCOUNT}:alias/aws/s3")
        assert by_arn[1]["KeyMetadata"]["KeyManager"] == "AWS"
        elsewhere = await describe(office, region="eu-west-1")
        assert elsewhere["KeyId"] != made["KeyId"]

    play(story)


def test_a_key_that_another_worker_made_meanwhile_is_found(play: Any) -> None:
    async def story(office: Office) -> None:
        made = await describe(office)
        office.snapshot._aliases.entries.clear()
        row = office.store.read(lambda reader: reader.alias(ACCOUNT, REGION, EBS))
        alias = office.snapshot.alias
        office.snapshot = SlowToSee(office.snapshot)
        office.dispatch._snapshot = office.snapshot
        assert await describe(office) == made
        assert alias(ACCOUNT, REGION, EBS) == row
        assert len(office.store.read(lambda reader: reader.key_ids(ACCOUNT, REGION, None, 10))) == 1

    play(story)


class SlowToSee:
    """A snapshot in which no alias is, as it is between another worker's commit and its publication."""

    def __init__(self, snapshot: Any) -> None:
        self._snapshot = snapshot

    def __getattr__(self, name: str) -> Any:
        return getattr(self._snapshot, name)

    def alias(self, _account: str, _region: str, _name: str) -> None:
        return None


def test_only_the_service_uses_the_key_and_only_for_the_account(play: Any) -> None:
    async def story(office: Office) -> None:
        key = await describe(office)
        status, answer = await office.call("Encrypt", KeyId=EBS, Plaintext=X)
        assert (status, answer["__type"]) == (400, "AccessDeniedException")
        assert answer["Message"].endswith(
            f"kms:Encrypt on resource: {key['Arn']} because no resource-based policy allows the kms:Encrypt action"
        )
        nobody = office.user("nobody")
        status, sealed = await office.call("Encrypt", nobody, via=EC2, KeyId=EBS, Plaintext=X)
        assert status == 200, "the policy names everybody of the account, so that no identity policy is needed"
        status, opened = await office.call("Decrypt", nobody, via=EC2, CiphertextBlob=sealed["CiphertextBlob"])
        assert (status, opened["Plaintext"]) == (200, X)
        for wrong in (f"s3.{REGION}.amazonaws.com", "ec2.eu-west-1.amazonaws.com"):
            assert (await office.call("Encrypt", via=wrong, KeyId=EBS, Plaintext=X))[0] == 400
        stranger = office.user("stranger", ALLOW_ALL, account=OTHER)
        assert (await office.call("Encrypt", stranger, via=EC2, KeyId=key["Arn"], Plaintext=X))[0] == 400

    play(story)


def test_who_may_not_describe_the_key_does_not_make_it(play: Any) -> None:
    async def story(office: Office) -> None:
        status, answer = await office.call("DescribeKey", office.user("nobody"), KeyId=EBS)
        assert (status, answer["__type"]) == (400, "AccessDeniedException")
        stranger = office.user("stranger", ALLOW_ALL, account=OTHER)
        status, _ = await office.call("DescribeKey", stranger, KeyId=f"arn:aws:kms:{REGION}:{ACCOUNT}:{EBS}")
        assert status == 400
        assert office.store.read(lambda reader: reader.key_ids(ACCOUNT, REGION, None, 1)) == []

    play(story)


def test_the_service_makes_it_for_whoever_it_acts_for(play: Any) -> None:
    async def story(office: Office) -> None:
        status, answer = await office.call("DescribeKey", office.user("nobody"), via=EC2, KeyId=EBS)
        assert (status, answer["KeyMetadata"]["KeyManager"]) == (200, "AWS")
        assert (await describe(office))["KeyId"] == answer["KeyMetadata"]["KeyId"]
        status, _ = await office.call("DescribeKey", office.user("nobody"), via=EC2, KeyId="alias/aws/s3")
        assert status == 400, "the key of another service"

    play(story)


@pytest.mark.parametrize("name", ["alias/aws/nothing", "alias/aws/", "alias/aws/ebs/", "alias/AWS/ebs"])
def test_no_other_name_makes_a_key(play: Any, name: str) -> None:
    async def story(office: Office) -> None:
        status, answer = await office.call("DescribeKey", KeyId=name)
        assert (status, answer["__type"]) == (400, "NotFoundException")
        status, answer = await office.call("Encrypt", KeyId=EBS, Plaintext=X)
        assert (status, answer["__type"]) == (400, "NotFoundException"), "only a look makes it"
        assert office.store.read(lambda reader: reader.key_ids(ACCOUNT, REGION, None, 1)) == []

    play(story)


def test_no_operation_changes_it_not_even_for_the_root_user(play: Any) -> None:
    async def story(office: Office) -> None:
        key = await describe(office)
        before = kept(office, key["KeyId"])
        own = await office.make_key()
        await office.call("CreateAlias", AliasName="alias/a", TargetKeyId=own["KeyId"])
        tried = {row.name for row in KMS.rows.values() if names_a_key(row.name) and row.mutates}
        for principal in (office.admin, office.principals[f"root of {ACCOUNT}"]):
            for name in sorted(tried):
                if KMS.rows[name].permission.startswith((*LOOKING, *RETIRING)):
                    continue
                status, answer = await office.call(name, principal, **smallest(name, key["KeyId"]))
                assert (status, answer.get("__type")) == (400, "AccessDeniedException"), (name, answer)
        for name in ("CreateAlias", "UpdateAlias"):
            status, answer = await office.call(name, AliasName=EBS, TargetKeyId=own["KeyId"])
            assert (status, answer) == (400, {"__type": "NotAuthorizedException"})
        status, answer = await office.call("DeleteAlias", AliasName=EBS)
        assert (status, answer) == (400, {"__type": "NotAuthorizedException"})
        assert kept(office, key["KeyId"]) == before
        assert (await office.call("Encrypt", via=EC2, KeyId=EBS, Plaintext=X))[0] == 200

    play(story)


def test_the_service_itself_may_only_use_it(play: Any) -> None:
    async def story(office: Office) -> None:
        key = await describe(office)
        await office.call("CreateAlias", AliasName="alias/a", TargetKeyId=(await office.make_key())["KeyId"])
        for name in sorted(row.name for row in KMS.rows.values() if names_a_key(row.name)):
            permission = KMS.rows[name].permission
            if permission.startswith((*LOOKING, *SERVING, *RETIRING)):
                continue
            status, answer = await office.call(name, via=EC2, **smallest(name, key["KeyId"]))
            assert (status, answer.get("__type")) == (400, "AccessDeniedException"), (name, answer)

    play(story)


def test_predefined_aliases_are_listed_before_they_have_a_key_and_with_it(play: Any) -> None:
    async def story(office: Office) -> None:
        async def listed(**asked: Any) -> list[dict[str, Any]]:
            found: list[dict[str, Any]] = []
            while True:
                _, page = await office.call("ListAliases", **asked)
                found += page["Aliases"]
                if not page["Truncated"]:
                    return found
                asked["Marker"] = page["NextMarker"]

        own = await office.make_key()
        for name in ("alias/aaa", "alias/b", "alias/zzz"):
            await office.call("CreateAlias", AliasName=name, TargetKeyId=own["KeyId"])
        before = await listed()
        names = [entry["AliasName"] for entry in before]
        assert names == sorted([*managed.PREDEFINED, "alias/aaa", "alias/b", "alias/zzz"])
        unmade = {"AliasName": EBS, "AliasArn": f"arn:aws:kms:{REGION}:{ACCOUNT}:{EBS}"}
        assert before[names.index(EBS)] == unmade
        key = await describe(office)
        for limit in (1, 2, 7, 100):
            after = await listed(Limit=limit)
            assert [entry["AliasName"] for entry in after] == names
            assert after[names.index(EBS)] == {
                **unmade,
                "TargetKeyId": key["KeyId"],
                "CreationDate": key["CreationDate"],
                "LastUpdatedDate": key["CreationDate"],
            }
        assert [entry["AliasName"] for entry in await listed(KeyId=key["KeyId"])] == [EBS]
        assert [entry["AliasName"] for entry in await listed(KeyId=own["Arn"])] == ["alias/aaa", "alias/b", "alias/zzz"]

    play(story)


def test_it_does_not_count_among_the_keys_of_the_account(play: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    async def story(office: Office) -> None:
        monkeypatch.setattr(limits, "KEYS_PER_REGION", 1)
        await describe(office)
        await office.make_key()
        assert (await office.call("DescribeKey", KeyId="alias/aws/s3"))[0] == 200
        status, answer = await office.call("CreateKey")
        assert (status, answer["__type"]) == (400, "LimitExceededException")

    play(story)


def test_it_is_due_for_rotation_every_year(play: Any) -> None:
    async def story(office: Office) -> None:
        key = kept(office, (await describe(office))["KeyId"])
        assert key is not None
        assert (key.rotation_period_days, key.next_rotation) == (365, office.now + 365 * 86_400)

    play(story)


def test_a_year_later_it_is_rotated_and_opens_what_was_sealed(play: Any) -> None:
    async def story(office: Office) -> None:
        made = await describe(office)
        _, sealed = await office.call("Encrypt", via=EC2, KeyId=EBS, Plaintext=X)
        office.now += 365 * 86_400
        assert office.sweep.run() == 1
        while (await describe(office))["CurrentKeyMaterialId"] == made["CurrentKeyMaterialId"]:
            await asyncio.sleep(0.001)
        _, status = await office.call("GetKeyRotationStatus", KeyId=made["KeyId"])
        assert (status["KeyRotationEnabled"], status["RotationPeriodInDays"]) == (True, 365)
        _, opened = await office.call("Decrypt", via=EC2, CiphertextBlob=sealed["CiphertextBlob"])
        assert (opened["Plaintext"], opened["KeyMaterialId"]) == (X, made["CurrentKeyMaterialId"])

    play(story)


def test_its_policy_can_be_read_and_says_what_the_guide_says(play: Any) -> None:
    async def story(office: Office) -> None:
        key = await describe(office)
        _, answer = await office.call("GetKeyPolicy", KeyId=key["KeyId"])
        policy = json.loads(answer["Policy"])
        use, look = policy["Statement"]
        assert use["Principal"] == {"AWS": "*"}
        assert use["Condition"] == {"StringEquals": {"kms:CallerAccount": ACCOUNT, "kms:ViaService": EC2}}
        assert look["Principal"] == {"AWS": f"arn:aws:iam::{ACCOUNT}:root"}
        assert look["Action"] == ["kms:Describe*", "kms:Get*", "kms:List*", "kms:RevokeGrant"]

    play(story)


def test_the_table_is_in_order_and_its_policies_are_policies() -> None:
    from keystead.domain.policy import document

    assert list(managed.PREDEFINED) == sorted(managed.PREDEFINED)
    for service in managed.PREDEFINED.values():
        assert document.parse_key_policy(managed.policy(service, ACCOUNT, REGION))
