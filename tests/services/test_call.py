"""The long path and its gate, without sockets."""

from __future__ import annotations

import asyncio
import base64
import json
from dataclasses import replace
from typing import Any

from keystead.model.generated.kms import GenerateRandomResponse
from keystead.services.kms.operations import KMS
from tests.services.office import ACCOUNT, ALLOW_ALL, OTHER, REGION, Office

X = base64.b64encode(b"x").decode()


def _policy(*statements: dict[str, Any]) -> str:
    return json.dumps({"Version": "2012-10-17", "Statement": list(statements)})


def _allow(action: str, resource: str = "*", **more: Any) -> dict[str, Any]:
    return {"Effect": "Allow", "Action": action, "Resource": resource, **more}


def test_a_function_that_asks_no_permission_gives_no_answer(play: Any) -> None:
    async def story(office: Office) -> None:
        careless = replace(KMS.rows["GenerateRandom"], function=lambda _call: GenerateRandomResponse(plaintext=b"free"))
        status, answer = await office.call("GenerateRandom", row=careless, NumberOfBytes=8)
        assert (status, answer["__type"]) == (500, "KMSInternalException")
        assert "PermissionError" in repr(office.reported)
        assert office.journal.lines[-1]["errorCode"] == "KMSInternalException"

    play(story)


def test_an_answer_whose_record_is_not_durable_is_withheld(play: Any) -> None:
    async def story(office: Office) -> None:
        key = await office.make_key()
        office.journal.broken = OSError("disk gone")
        status, answer = await office.call("Encrypt", KeyId=key["KeyId"], Plaintext=X)
        assert status == 503
        assert "CiphertextBlob" not in answer
        status, answer = await office.call("DisableKey", KeyId=key["KeyId"])
        assert status == 503
        office.journal.broken = None
        office.committer.tick()  # the change was made, so its record must come as soon as the journal takes it
        await asyncio.sleep(0.05)
        assert office.journal.lines[-1]["eventName"] == "DisableKey"
        _, answer = await office.call("Encrypt", KeyId=key["KeyId"], Plaintext=X)
        assert answer["__type"] == "DisabledException"

    play(story)


def test_every_call_leaves_one_record_of_what_it_did(play: Any) -> None:
    async def story(office: Office) -> None:
        key = await office.make_key(Description="audited")
        await office.call("Encrypt", KeyId=key["KeyId"], Plaintext=X, EncryptionContext={"a": "b"})
        await office.call("Encrypt", KeyId="alias/none", Plaintext=X)
        await office.call("ConnectCustomKeyStore", CustomKeyStoreId="cks-1234567890abcdef0")
        made, sealed, missing, later = office.journal.lines
        assert made["responseElements"]["keyMetadata"]["keyId"] == key["KeyId"]
        assert made["resources"][0]["ARN"] == key["Arn"]
        assert made["readOnly"] is False
        assert sealed["requestParameters"] == {
            "keyId": key["KeyId"],
            "encryptionContext": {"a": "b"},
            "encryptionAlgorithm": "SYMMETRIC_DEFAULT",
        }
        assert sealed["additionalEventData"] == {"keyMaterialId": key["CurrentKeyMaterialId"]}
        assert sealed["readOnly"] is True
        assert (missing["errorCode"], missing.get("resources")) == ("NotFoundException", None)
        assert later["errorCode"] == "UnsupportedOperationException"
        assert X not in json.dumps(office.journal.lines)

    play(story)


def test_a_user_without_policies_may_nothing_and_a_statement_opens_exactly_what_it_says(play: Any) -> None:
    async def story(office: Office) -> None:
        key = await office.make_key()
        nobody = office.user("nobody")
        writer = office.user("writer", _policy(_allow("kms:Encrypt", key["Arn"])))
        for operation, body in (
            ("Encrypt", {"KeyId": key["KeyId"], "Plaintext": X}),
            ("DescribeKey", {"KeyId": key["KeyId"]}),
            ("CreateKey", {}),
            ("ListKeys", {}),
            ("ListAliases", {}),
            ("GenerateRandom", {"NumberOfBytes": 1}),
            ("DisableKey", {"KeyId": key["KeyId"]}),
            ("PutKeyPolicy", {"KeyId": key["KeyId"], "Policy": "{}"}),
            ("CreateAlias", {"AliasName": "alias/x", "TargetKeyId": key["KeyId"]}),
        ):
            status, answer = await office.call(operation, nobody, **body)
            assert (status, answer["__type"]) == (400, "AccessDeniedException"), operation
            assert "because no identity-based policy allows" in answer["Message"]
        status, answer = await office.call("Encrypt", writer, KeyId=key["KeyId"], Plaintext=X)
        assert status == 200
        status, answer = await office.call("Decrypt", writer, CiphertextBlob=answer["CiphertextBlob"])
        assert answer["Message"].startswith("The ciphertext refers to a customer master key that does not exist")

    play(story)


def test_a_boundary_caps_what_identity_policies_allow(play: Any) -> None:
    async def story(office: Office) -> None:
        key = await office.make_key()
        user = office.user("capped", ALLOW_ALL, boundary=_policy(_allow("kms:DescribeKey")))
        assert (await office.call("DescribeKey", user, KeyId=key["KeyId"]))[0] == 200
        for operation, body in (("Encrypt", {"KeyId": key["KeyId"], "Plaintext": X}), ("CreateKey", {})):
            _, answer = await office.call(operation, user, **body)
            assert "because no permissions boundary allows" in answer["Message"]

    play(story)


def test_tags_at_creation_need_their_own_permission(play: Any) -> None:
    async def story(office: Office) -> None:
        maker = office.user("maker", _policy(_allow("kms:CreateKey")))
        assert (await office.call("CreateKey", maker))[0] == 200
        status, answer = await office.call("CreateKey", maker, Tags=[{"TagKey": "a", "TagValue": "b"}])
        assert status == 400
        assert answer["Message"].endswith("because no identity-based policy allows the kms:TagResource action")

    play(story)


def test_another_account_is_admitted_only_by_both_sides(play: Any) -> None:
    async def story(office: Office) -> None:
        key = await office.make_key()
        stranger = office.user("stranger", ALLOW_ALL, account=OTHER)
        weak = office.user("weak", account=OTHER)
        hidden = (
            f"User: {stranger.arn} is not authorized to perform: kms:Encrypt on resource: {key['Arn']} because the resource does "
            "not exist in this Region, no resource-based policies allow access, or a resource-based policy explicitly denies access"
        )
        _, answer = await office.call("Encrypt", stranger, KeyId=key["Arn"], Plaintext=X)
        assert answer["Message"] == hidden
        both = _policy(
            {"Effect": "Allow", "Principal": {"AWS": ACCOUNT}, "Action": "kms:*", "Resource": "*"},
            {"Effect": "Allow", "Principal": {"AWS": OTHER}, "Action": "kms:*", "Resource": "*"},
        )
        await office.call("PutKeyPolicy", KeyId=key["KeyId"], Policy=both)
        assert (await office.call("Encrypt", stranger, KeyId=key["Arn"], Plaintext=X))[0] == 200
        _, answer = await office.call("Encrypt", weak, KeyId=key["Arn"], Plaintext=X)
        assert "on this resource because no identity-based policy allows" in answer["Message"]
        # an id means a key of the caller's own account, and this operation never crosses accounts
        _, answer = await office.call("Encrypt", stranger, KeyId=key["KeyId"], Plaintext=X)
        assert answer["message"] == f"Key 'arn:aws:kms:{REGION}:{OTHER}:key/{key['KeyId']}' does not exist"
        for operation in ("DisableKey", "ListAliases"):
            for arn in (key["Arn"], key["Arn"][:-12] + "0" * 12):  # one that is there, one that is not
                _, answer = await office.call(operation, stranger, KeyId=arn)
                assert answer["__type"] == "AccessDeniedException"

    play(story)


def test_a_foreign_alias_tells_nothing_of_its_key(play: Any) -> None:
    async def story(office: Office) -> None:
        key = await office.make_key()
        await office.call("CreateAlias", AliasName="alias/secret", TargetKeyId=key["KeyId"])
        stranger = office.user("stranger", ALLOW_ALL, account=OTHER)
        messages = []
        for name in ("alias/secret", "alias/absent"):
            typed = f"arn:aws:kms:{REGION}:{ACCOUNT}:{name}"
            _, answer = await office.call("Encrypt", stranger, KeyId=typed, Plaintext=X)
            messages.append(answer["Message"].replace(name, "NAME"))
        assert messages[0] == messages[1]
        assert key["KeyId"] not in messages[0]

    play(story)


def test_a_remembered_decision_is_forgotten_with_the_policy_and_with_the_principal(play: Any) -> None:
    async def story(office: Office) -> None:
        key = await office.make_key()
        user = office.user("user", _policy(_allow("kms:*")))
        assert (await office.call("DescribeKey", user, KeyId=key["KeyId"]))[0] == 200
        revoked = office.user("user", _policy(_allow("kms:ListKeys")))
        office.store.transact(lambda transaction: transaction.log_change("principal", ACCOUNT, "", revoked.unique_id))
        office.epochs.publish(1, office.store.read(lambda reader: reader.last_change()))
        status, _ = await office.call("DescribeKey", revoked, KeyId=key["KeyId"])
        assert status == 400

    play(story)


def test_a_key_ceases_to_exist_at_its_date_and_not_before(play: Any) -> None:
    async def story(office: Office) -> None:
        key = await office.make_key()
        await office.call("CreateAlias", AliasName="alias/doomed", TargetKeyId=key["KeyId"])
        begun = office.now
        await office.call("ScheduleKeyDeletion", KeyId=key["KeyId"], PendingWindowInDays=7)
        office.now = begun + 7 * 86_400 - 0.001
        assert office.sweep.run() == 0
        assert (await office.call("DescribeKey", KeyId=key["KeyId"]))[0] == 200
        office.now = begun + 7 * 86_400
        _, answer = await office.call("CancelKeyDeletion", KeyId=key["KeyId"])
        assert answer["__type"] == "NotFoundException"
        assert office.sweep.run() == 1
        await asyncio.sleep(0.2)
        office.snapshot.refresh()
        assert office.store.read(lambda reader: reader.key(ACCOUNT, REGION, key["KeyId"])) is None
        assert office.store.read(lambda reader: reader.wrap_key(ACCOUNT, REGION, key["KeyId"])) is None
        record = office.journal.lines[-2 if office.journal.lines[-1]["eventName"] != "DeleteKey" else -1]
        assert (record["eventName"], record["eventType"]) == ("DeleteKey", "AwsServiceEvent")
        assert record["resources"][0]["ARN"] == key["Arn"]
        _, answer = await office.call("DescribeKey", KeyId="alias/doomed")
        assert answer["__type"] == "NotFoundException"

    play(story)


def test_a_cancelled_deletion_is_not_carried_out(play: Any) -> None:
    async def story(office: Office) -> None:
        key = await office.make_key()
        await office.call("ScheduleKeyDeletion", KeyId=key["KeyId"], PendingWindowInDays=7)
        await office.call("CancelKeyDeletion", KeyId=key["KeyId"])
        office.now += 8 * 86_400
        assert office.sweep.run() == 0
        assert (await office.call("DescribeKey", KeyId=key["KeyId"]))[0] == 200

    play(story)


def test_a_mutation_is_decided_on_the_rows_and_not_on_the_snapshot(play: Any) -> None:
    async def story(office: Office) -> None:
        key = await office.make_key()
        await office.call("DescribeKey", KeyId=key["KeyId"])  # now in the snapshot
        current = office.store.read(lambda reader: reader.key(ACCOUNT, REGION, key["KeyId"]))
        assert current is not None
        other = replace(current, description="written by another worker")
        office.store.transact(lambda transaction: transaction.put_key(other))  # and not published
        await office.call("TagResource", KeyId=key["KeyId"], Tags=[{"TagKey": "a", "TagValue": "b"}])
        _, answer = await office.call("DescribeKey", KeyId=key["KeyId"])
        assert answer["KeyMetadata"]["Description"] == "written by another worker"

    play(story)


def test_every_row_logs_and_withholds_members_that_the_model_has() -> None:
    from keystead.model.awsjson import Codec

    for name, codec in Codec("kms").operations.items():
        if name in KMS.rows:
            attributes = set(codec.members.values())
            row = KMS.rows[name]
            assert {attribute for attribute, _, _ in row.logged} <= attributes, name
            assert set(row.withheld) <= attributes, name
            assert not {"plaintext", "ciphertext_blob", "grant_tokens"} & {one for one, _, _ in row.logged}, name
