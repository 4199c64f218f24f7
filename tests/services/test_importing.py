"""Imported material under a clock that is told: it serves until its end and not a moment longer, comes back only as
itself, and several materials of one key make one history."""

from __future__ import annotations

import asyncio
import json
import os
from pathlib import Path
from typing import Any

from keystead.domain import limits
from tests.services.holder import EXPIRES, SECRET, STAYS, Holder, Wrapper, done, stored, sweep
from tests.services.office import ACCOUNT, REGION, Office

DAY = limits.SECONDS_PER_DAY
FIRST, SECOND, THIRD = b"1" * 32, b"2" * 32, b"3" * 32


def test_material_serves_until_its_end_and_not_a_moment_longer_swept_or_not(play: Any) -> None:
    async def story(office: Office) -> None:
        holder = await Holder.new(office)
        material_id = await holder.take(FIRST, days=10)
        end = office.now + 10 * DAY
        about = await holder.metadata()
        assert (about["KeyState"], about["ExpirationModel"], about["ValidTo"]) == ("Enabled", EXPIRES, end)
        assert about["CurrentKeyMaterialId"] == material_id
        blob = await holder.encrypt()
        office.now = end - 0.001
        assert await holder.use() is None
        assert await sweep(office) == 0
        office.now = end
        assert await holder.use() == "KMSInvalidStateException"
        status, answer = await office.call("Decrypt", CiphertextBlob=blob)
        assert (status, answer["message"]) == (400, f"{about['Arn']} is pending import.")
        waiting = await holder.metadata()
        assert (waiting["KeyState"], waiting["Enabled"]) == ("PendingImport", False)
        assert not {"ValidTo", "ExpirationModel"} & waiting.keys()
        assert waiting["CurrentKeyMaterialId"] == material_id

        assert holder.wrapped() == [material_id], "not swept yet"
        assert await sweep(office) == 1
        assert holder.wrapped() == []
        assert await holder.metadata() == waiting
        assert await sweep(office) == 0
        [record] = [line for line in office.journal.lines if line["eventName"] == "DeleteExpiredKeyMaterial"]
        assert record["serviceEventDetails"] == {"keyId": holder.key_id, "keyMaterialId": material_id}
        assert record["eventType"] == "AwsServiceEvent"

        await holder.renew()
        assert await holder.take(FIRST) == material_id
        assert (await done(office, "Decrypt", CiphertextBlob=blob))["Plaintext"] == SECRET
        assert (await holder.metadata())["ExpirationModel"] == STAYS

    play(story)


def test_importing_again_before_the_sweep_came_keeps_the_material(play: Any) -> None:
    async def story(office: Office) -> None:
        holder = await Holder.new(office)
        await holder.take(FIRST, days=0.5)
        office.now += DAY / 2
        assert await holder.state() == "PendingImport"
        await holder.take(FIRST, days=5)
        assert await holder.state() == "Enabled"
        assert await sweep(office) == 0
        assert await holder.use() is None

    play(story)


def test_what_is_deleted_comes_back_only_as_the_same_bytes(play: Any) -> None:
    async def story(office: Office) -> None:
        holder = await Holder.new(office)
        material_id = await holder.take(FIRST, KeyMaterialDescription="from the safe")
        blob = await holder.encrypt()
        arn = (await holder.metadata())["Arn"]
        gone = await holder.call("DeleteImportedKeyMaterial")
        assert gone == {"KeyId": arn, "KeyMaterialId": material_id}
        assert await holder.state() == "PendingImport"
        assert await holder.history() == [(material_id, "CURRENT", "PENDING_IMPORT")]
        assert await holder.call("DeleteImportedKeyMaterial") == {"KeyId": arn}, "nothing left to delete"
        expected = f"Imported key material does not have the expected identifier ({material_id})."
        for more in ({}, {"KeyMaterialId": material_id}, {"ImportType": "EXISTING_KEY_MATERIAL"}):
            assert await holder.refused(SECOND, **more) == ("IncorrectKeyMaterialException", expected)
        other = "0" * 64
        assert await holder.refused(FIRST, KeyMaterialId=other) == (
            "IncorrectKeyMaterialException",
            f"Imported key material does not have the expected identifier ({other}).",
        )
        assert await holder.take(FIRST, KeyMaterialId=material_id) == material_id
        assert (await done(office, "Decrypt", CiphertextBlob=blob))["Plaintext"] == SECRET
        [entry] = (await holder.call("ListKeyRotations", IncludeKeyMaterial="ALL_KEY_MATERIAL"))["Rotations"]
        assert entry["KeyMaterialDescription"] == "from the safe", "kept from the last import"
        await holder.take(FIRST, KeyMaterialDescription="new words")
        [entry] = (await holder.call("ListKeyRotations", IncludeKeyMaterial="ALL_KEY_MATERIAL"))["Rotations"]
        assert entry["KeyMaterialDescription"] == "new words"

    play(story)


def test_a_disabled_key_is_enabled_when_its_material_comes_back(play: Any) -> None:
    async def story(office: Office) -> None:
        holder = await Holder.new(office)
        await holder.take(FIRST)
        await holder.call("DisableKey")
        await holder.take(FIRST, days=3)
        assert await holder.state() == "Disabled", "nothing was missing"
        await holder.call("DeleteImportedKeyMaterial")
        await holder.take(FIRST)
        assert await holder.state() == "Enabled"

    play(story)


def test_new_material_waits_is_rotated_to_and_all_of_it_has_to_be_there(play: Any) -> None:
    async def story(office: Office) -> None:
        holder = await Holder.new(office)
        arn = (await holder.metadata())["Arn"]
        first = await holder.take(FIRST)
        old = await holder.encrypt()
        _, answer = await office.call("RotateKeyOnDemand", KeyId=holder.key_id)
        assert answer["message"] == f"No available key material pending rotation for the key: {arn}."
        new = {"ImportType": "NEW_KEY_MATERIAL"}
        assert await holder.refused(FIRST, **new) == (
            "IncorrectKeyMaterialException",
            f"Key material (id: {first}) being imported as NEW_KEY_MATERIAL is already associated with KMS key {arn}.",
        )
        second = await holder.take(SECOND, **new)
        assert await holder.history() == [(first, "CURRENT", "IMPORTED"), (second, "PENDING_ROTATION", "IMPORTED")]
        assert (await holder.metadata())["CurrentKeyMaterialId"] == first
        code, message = await holder.refused(THIRD, **new)
        assert code == "KMSInvalidStateException"
        assert message is not None
        assert message.endswith(
            f"cannot be imported into KMS key {arn}, because another key material (id: {second}) is pending rotation."
        )

        assert await holder.call("RotateKeyOnDemand") == {"KeyId": arn}
        assert await holder.history() == [(first, "NON_CURRENT", "IMPORTED"), (second, "CURRENT", "IMPORTED")]
        [rotation] = (await holder.call("ListKeyRotations"))["Rotations"]
        assert (rotation["KeyMaterialId"], rotation["RotationType"], rotation["ExpirationModel"]) == (
            second,
            "ON_DEMAND",
            STAYS,
        )
        newer = await holder.encrypt()
        for blob, used in ((old, first), (newer, second)):
            assert (await done(office, "Decrypt", CiphertextBlob=blob))["KeyMaterialId"] == used

        gone = await holder.call("DeleteImportedKeyMaterial", KeyMaterialId=first)
        assert gone["KeyMaterialId"] == first
        assert (await holder.state(), await holder.use()) == ("PendingImport", "KMSInvalidStateException")
        assert await holder.history() == [(first, "NON_CURRENT", "PENDING_IMPORT"), (second, "CURRENT", "IMPORTED")]
        await holder.take(SECOND)
        assert await holder.state() == "PendingImport", "the other one is still away"
        await holder.take(FIRST)
        assert await holder.state() == "Enabled"
        assert (await done(office, "Decrypt", CiphertextBlob=old))["Plaintext"] == SECRET

    play(story)


def test_material_that_waits_leaves_no_trace_when_it_is_deleted(play: Any) -> None:
    async def story(office: Office) -> None:
        holder = await Holder.new(office)
        first = await holder.take(FIRST)
        second = await holder.take(SECOND, ImportType="NEW_KEY_MATERIAL")
        await holder.call("DeleteImportedKeyMaterial", KeyMaterialId=second)
        assert await holder.state() == "Enabled"
        assert await holder.history() == [(first, "CURRENT", "IMPORTED")]
        assert holder.wrapped() == [first]
        third = await holder.take(THIRD, ImportType="NEW_KEY_MATERIAL")
        await holder.call("RotateKeyOnDemand")
        assert [one[0] for one in await holder.history()] == [first, third]

    play(story)


def test_material_that_waits_outlives_its_end_and_a_rotation_to_it_ends_at_once(play: Any) -> None:
    async def story(office: Office) -> None:
        holder = await Holder.new(office)
        first = await holder.take(FIRST)
        second = await holder.take(SECOND, days=1, ImportType="NEW_KEY_MATERIAL")
        assert "ValidTo" not in await holder.metadata()
        office.now += 2 * DAY
        assert await sweep(office) == 0
        assert (await holder.state(), holder.wrapped()) == ("Enabled", [first, second])
        await holder.call("RotateKeyOnDemand")
        assert await holder.state() == "PendingImport"
        assert await sweep(office) == 1
        assert holder.wrapped() == [first]
        assert (await holder.metadata())["CurrentKeyMaterialId"] == second

    play(story)


def test_of_several_materials_the_earliest_end_is_the_keys(play: Any) -> None:
    async def story(office: Office) -> None:
        holder = await Holder.new(office)
        first = await holder.take(FIRST, days=30)
        await holder.take(SECOND, days=10, ImportType="NEW_KEY_MATERIAL")
        began = office.now
        assert (await holder.metadata())["ValidTo"] == began + 30 * DAY
        await holder.call("RotateKeyOnDemand")
        assert (await holder.metadata())["ValidTo"] == began + 10 * DAY
        office.now = began + 10 * DAY
        assert await holder.state() == "PendingImport"
        shown = await holder.call("ListKeyRotations", IncludeKeyMaterial="ALL_KEY_MATERIAL")
        states = [(one["ImportState"], "ValidTo" in one) for one in shown["Rotations"]]
        assert states == [("IMPORTED", True), ("PENDING_IMPORT", False)], "from its end on, whether or not it is swept"
        assert "KeyMaterialId" not in await holder.call("DeleteImportedKeyMaterial"), "there is nothing to delete"
        assert holder.wrapped() == [first], "but its bytes go"
        assert (await holder.state(), holder.wrapped()) == ("PendingImport", [first])
        office.now = began + 30 * DAY
        assert await sweep(office) == 1, "what is left expires too, though the key waits already"
        assert holder.wrapped() == []

    play(story)


def test_material_of_a_key_that_is_pending_deletion_expires_and_the_key_stays_what_it_is(play: Any) -> None:
    async def story(office: Office) -> None:
        holder = await Holder.new(office)
        await holder.take(FIRST, days=3)
        await holder.call("ScheduleKeyDeletion", PendingWindowInDays=7)
        office.now += 3 * DAY
        assert await sweep(office) == 1
        assert (await holder.state(), holder.wrapped()) == ("PendingDeletion", [])
        await holder.call("CancelKeyDeletion")
        assert await holder.state() == "PendingImport"
        await holder.renew()
        await holder.take(FIRST)
        await holder.call("ScheduleKeyDeletion", PendingWindowInDays=7)
        assert (await holder.call("DeleteImportedKeyMaterial"))["KeyMaterialId"]
        assert await holder.state() == "PendingDeletion"
        office.now += 7 * DAY
        assert await sweep(office) == 1
        assert office.store.read(lambda reader: reader.key(ACCOUNT, REGION, holder.key_id)) is None

    play(story)


def test_a_token_serves_again_and_again_for_a_day_and_for_its_own_key(play: Any) -> None:
    async def story(office: Office) -> None:
        holder = await Holder.new(office)
        began = office.now
        parameters = await holder.call(
            "GetParametersForImport", WrappingAlgorithm="RSAES_OAEP_SHA_256", WrappingKeySpec="RSA_3072"
        )
        assert parameters["ParametersValidTo"] == began + DAY
        other = await Holder.new(office)
        other.wrapper = holder.wrapper
        assert await other.refused(FIRST) == ("InvalidImportTokenException", None)
        await holder.take(FIRST)
        await holder.take(FIRST)
        holder.wrapper, first_set = Wrapper(parameters), holder.wrapper
        await holder.take(FIRST)
        holder.wrapper = first_set
        office.now = began + DAY - 1
        await holder.take(FIRST)
        office.now = began + DAY + 1
        assert await holder.refused(FIRST) == ("ExpiredImportTokenException", None)

    play(story)


def test_an_import_is_recorded_without_token_and_material(play: Any) -> None:
    async def story(office: Office) -> None:
        holder = await Holder.new(office)
        office.now = 1_800_000_000.0
        material_id = await holder.take(FIRST, days=1)
        record = office.journal.lines[-1]
        assert record["eventName"] == "ImportKeyMaterial"
        assert record["requestParameters"] == {
            "keyId": holder.key_id,
            "validTo": "Jan 16, 2027, 8:00:00 AM",
            "expirationModel": EXPIRES,
        }
        arn = record["resources"][0]["ARN"]
        assert record["responseElements"] == {"keyId": arn, "keyMaterialId": material_id}
        await holder.call("DeleteImportedKeyMaterial", KeyMaterialId=material_id)
        record = office.journal.lines[-1]
        assert record["requestParameters"] == {"keyId": holder.key_id, "keyMaterialId": material_id}
        assert record["responseElements"] == {"keyId": arn, "keyMaterialId": material_id}

    play(story)


def test_an_end_that_no_calendar_has_is_refused_and_recorded(play: Any) -> None:
    async def story(office: Office) -> None:
        holder = await Holder.new(office)
        assert await holder.refused(FIRST, days=1e300) == (
            "ValidationException",
            "ValidTo must be less than 365 days in the future",
        )
        assert await holder.refused(FIRST, days=-1e300) == ("ValidationException", "ValidTo must be in the future")
        assert office.journal.lines[-1]["errorCode"] == "ValidationException"

    play(story)


def test_policies_can_bound_what_is_imported_and_how(play: Any) -> None:
    async def story(office: Office) -> None:
        def allow(action: str, condition: dict[str, Any]) -> dict[str, Any]:
            return {"Effect": "Allow", "Action": action, "Resource": "*", "Condition": condition}

        end = {"kms:ValidTo": str(int(office.now + 5 * DAY))}
        careful = office.user(
            "careful",
            json.dumps(
                {
                    "Version": "2012-10-17",
                    "Statement": [
                        allow(
                            "kms:GetParametersForImport",
                            {
                                "StringEquals": {
                                    "kms:WrappingAlgorithm": "RSAES_OAEP_SHA_256",
                                    "kms:WrappingKeySpec": "RSA_3072",
                                    "kms:KeyOrigin": "EXTERNAL",
                                }
                            },
                        ),
                        allow(
                            "kms:ImportKeyMaterial",
                            {"StringEquals": {"kms:ExpirationModel": EXPIRES}, "NumericLessThanEquals": end},
                        ),
                    ],
                }
            ),
        )
        holder = await Holder.new(office)

        async def codes(operation: str, *bodies: dict[str, Any]) -> list[str | None]:
            answers = [await office.call(operation, careful, KeyId=holder.key_id, **body) for body in bodies]
            return [answer.get("__type") for _, answer in answers]

        denied = "AccessDeniedException"
        assert await codes(
            "GetParametersForImport",
            {"WrappingAlgorithm": "RSAES_OAEP_SHA_256", "WrappingKeySpec": "RSA_3072"},
            {"WrappingAlgorithm": "RSAES_OAEP_SHA_256", "WrappingKeySpec": "RSA_2048"},
            {"WrappingAlgorithm": "RSAES_OAEP_SHA_1", "WrappingKeySpec": "RSA_3072"},
        ) == [None, denied, denied]
        assert await codes(
            "ImportKeyMaterial",
            holder.wrapper.body(FIRST, ValidTo=office.now + 5 * DAY),
            holder.wrapper.body(FIRST, ValidTo=office.now + 6 * DAY),
            holder.wrapper.body(FIRST, ExpirationModel=STAYS),
        ) == [None, denied, denied]

    play(story)


def test_deleted_material_is_in_neither_file_of_the_store(play: Any, tmp_path: Path) -> None:
    async def story(office: Office) -> None:
        holder = await Holder.new(office)
        await holder.take(FIRST)
        [row] = office.store.read(lambda reader: reader.materials(ACCOUNT, REGION, holder.key_id))

        def held() -> bool:
            return any(row.wrapped in path.read_bytes() for path in tmp_path.glob("office.db*"))

        assert held()
        await holder.call("DeleteImportedKeyMaterial")
        await asyncio.sleep(0.2)
        assert not held()

    play(story)


def test_two_workers_do_not_both_stage_new_material(play: Any) -> None:
    """The second decision sees what the first one wrote, though the snapshot does not."""

    async def story(office: Office) -> None:
        holder = await Holder.new(office)
        await holder.take(FIRST)
        both = await asyncio.gather(
            holder.attempt(os.urandom(32), ImportType="NEW_KEY_MATERIAL"),
            holder.attempt(os.urandom(32), ImportType="NEW_KEY_MATERIAL"),
        )
        assert sorted(status for status, _ in both) == [200, 400]
        assert stored(office, holder.key_id).state == "Enabled"
        assert len(await holder.history()) == 2

    play(story)
