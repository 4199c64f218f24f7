"""Rotation under a clock that is told: automatic rotations happen at their time, and every ciphertext stays readable."""

from __future__ import annotations

from typing import Any

from keystead.domain import limits
from tests.services.holder import SECRET, done, stored, sweep
from tests.services.office import ACCOUNT, REGION, Office

DAY = limits.SECONDS_PER_DAY


async def rotations(office: Office, key_id: str) -> list[tuple[str, float]]:
    answer = await done(office, "ListKeyRotations", KeyId=key_id)
    return [(one["RotationType"], one["RotationDate"]) for one in answer["Rotations"]]


def test_a_key_rotates_at_its_time_and_again_a_period_later(play: Any) -> None:
    async def story(office: Office) -> None:
        key = (await office.make_key())["KeyId"]
        began = office.now
        await done(office, "EnableKeyRotation", KeyId=key, RotationPeriodInDays=90)
        status = await done(office, "GetKeyRotationStatus", KeyId=key)
        assert status["NextRotationDate"] == began + 90 * DAY
        blobs = [(await done(office, "Encrypt", KeyId=key, Plaintext=SECRET))["CiphertextBlob"]]
        office.now = began + 90 * DAY - 1
        assert await sweep(office) == 0
        for turn in (1, 2, 3):
            office.now = began + turn * 90 * DAY + 14  # the sweep comes a little late
            assert await sweep(office) == 1
            assert await sweep(office) == 0
            blobs.append((await done(office, "Encrypt", KeyId=key, Plaintext=SECRET))["CiphertextBlob"])
            status = await done(office, "GetKeyRotationStatus", KeyId=key)
            assert status["NextRotationDate"] == began + (turn + 1) * 90 * DAY, "lateness does not add up"
        assert await rotations(office, key) == [("AUTOMATIC", began + turn * 90 * DAY + 14) for turn in (1, 2, 3)]
        used = [await done(office, "Decrypt", CiphertextBlob=blob) for blob in blobs]
        assert {one["Plaintext"] for one in used} == {SECRET}
        everything = await done(office, "ListKeyRotations", KeyId=key, IncludeKeyMaterial="ALL_KEY_MATERIAL")
        assert [one["KeyMaterialId"] for one in used] == [one["KeyMaterialId"] for one in everything["Rotations"]]

    play(story)


def test_a_rotation_is_recorded_as_the_services_own_deed(play: Any) -> None:
    async def story(office: Office) -> None:
        made = await office.make_key()
        await done(office, "EnableKeyRotation", KeyId=made["KeyId"])
        office.now += 365 * DAY
        await sweep(office)
        [record] = [line for line in office.journal.lines if line["eventName"] == "RotateKey"]
        assert record["eventType"] == "AwsServiceEvent"
        assert record["userIdentity"] == {"accountId": ACCOUNT, "invokedBy": "AWS Internal"}
        assert record["serviceEventDetails"] == {
            "keyId": made["KeyId"],
            "keyMaterialId": stored(office, made["KeyId"]).material_id,
        }
        assert record["resources"][0]["ARN"] == made["Arn"]

    play(story)


def test_a_disabled_key_does_not_rotate_and_makes_up_for_it_when_it_is_enabled(play: Any) -> None:
    async def story(office: Office) -> None:
        key = (await office.make_key())["KeyId"]
        await done(office, "EnableKeyRotation", KeyId=key, RotationPeriodInDays=100)
        await done(office, "DisableKey", KeyId=key)
        office.now += 250 * DAY
        assert await sweep(office) == 0
        assert (await done(office, "GetKeyRotationStatus", KeyId=key))["KeyRotationEnabled"] is True
        await done(office, "EnableKey", KeyId=key)
        assert await sweep(office) == 1
        assert await rotations(office, key) == [("AUTOMATIC", office.now)]
        assert stored(office, key).next_rotation == office.now + 100 * DAY, "a new schedule begins"

    play(story)


def test_a_key_that_is_pending_deletion_does_not_rotate_and_says_so_until_that_is_called_off(play: Any) -> None:
    async def story(office: Office) -> None:
        key = (await office.make_key())["KeyId"]
        await done(office, "EnableKeyRotation", KeyId=key, RotationPeriodInDays=90)
        before = await done(office, "GetKeyRotationStatus", KeyId=key)
        office.now += 85 * DAY
        await done(office, "ScheduleKeyDeletion", KeyId=key, PendingWindowInDays=30)
        office.now += 10 * DAY
        assert await sweep(office) == 0
        hidden = await done(office, "GetKeyRotationStatus", KeyId=key)
        assert hidden == {"KeyId": before["KeyId"], "KeyRotationEnabled": False}
        await done(office, "CancelKeyDeletion", KeyId=key)
        assert await done(office, "GetKeyRotationStatus", KeyId=key) == before

    play(story)


def test_enabling_again_keeps_the_schedule_and_another_period_begins_a_new_one(play: Any) -> None:
    async def story(office: Office) -> None:
        key = (await office.make_key())["KeyId"]
        began = office.now
        await done(office, "EnableKeyRotation", KeyId=key, RotationPeriodInDays=120)
        office.now += 30 * DAY
        for same in ({}, {"RotationPeriodInDays": 120}):
            await done(office, "EnableKeyRotation", KeyId=key, **same)
            assert stored(office, key).next_rotation == began + 120 * DAY
        await done(office, "EnableKeyRotation", KeyId=key, RotationPeriodInDays=365)
        assert stored(office, key).next_rotation == office.now + 365 * DAY
        await done(office, "DisableKeyRotation", KeyId=key)
        await done(office, "DisableKeyRotation", KeyId=key)
        await done(office, "EnableKeyRotation", KeyId=key)
        assert stored(office, key).rotation_period_days == 365

    play(story)


def test_a_rotation_on_demand_leaves_the_schedule_and_is_refused_just_before_it(play: Any) -> None:
    async def story(office: Office) -> None:
        made = await office.make_key()
        key, began = made["KeyId"], office.now
        await done(office, "EnableKeyRotation", KeyId=key, RotationPeriodInDays=90)
        office.now += 10 * DAY
        assert await done(office, "RotateKeyOnDemand", KeyId=key) == {"KeyId": made["Arn"]}
        call, event = office.journal.lines[-2:]
        assert (call["eventName"], call["responseElements"]) == ("RotateKeyOnDemand", {"keyId": made["Arn"]})
        assert (event["eventName"], event["eventType"]) == ("RotateKey", "AwsServiceEvent")
        assert stored(office, key).next_rotation == began + 90 * DAY
        office.now = began + 90 * DAY - 20 * 60
        status, answer = await office.call("RotateKeyOnDemand", KeyId=key)
        assert (status, answer["__type"]) == (400, "ConflictException")
        office.now -= 1
        await done(office, "RotateKeyOnDemand", KeyId=key)

    play(story)


def test_a_key_rotates_on_demand_twenty_five_times_and_automatic_rotations_do_not_count(play: Any) -> None:
    async def story(office: Office) -> None:
        made = await office.make_key()
        key = made["KeyId"]
        await done(office, "EnableKeyRotation", KeyId=key, RotationPeriodInDays=90)
        office.now += 90 * DAY
        assert await sweep(office) == 1
        first = (await done(office, "Encrypt", KeyId=key, Plaintext=SECRET))["CiphertextBlob"]
        for _ in range(limits.ON_DEMAND_ROTATIONS):
            await done(office, "RotateKeyOnDemand", KeyId=key)
        status, answer = await office.call("RotateKeyOnDemand", KeyId=key)
        assert (status, answer["__type"]) == (400, "LimitExceededException")
        assert answer["message"].endswith(f"No more on-demand rotations can be performed for this key: {made['Arn']}")
        assert (await done(office, "Decrypt", CiphertextBlob=first))["Plaintext"] == SECRET
        assert len(await rotations(office, key)) == 26

    play(story)


def test_a_policy_can_bound_the_rotation_period(play: Any) -> None:
    async def story(office: Office) -> None:
        condition = '{"NumericLessThanEquals":{"kms:RotationPeriodInDays":"180"}}'
        bounded = office.user(
            "bounded",
            '{"Version":"2012-10-17","Statement":{"Effect":"Allow","Action":"kms:EnableKeyRotation","Resource":"*",'
            f'"Condition":{condition}}}}}',
        )
        key = (await office.make_key())["KeyId"]
        assert (await office.call("EnableKeyRotation", bounded, KeyId=key, RotationPeriodInDays=180))[0] == 200
        for more in ({"RotationPeriodInDays": 181}, {}):  # the default of 365 days counts as asked for
            status, answer = await office.call("EnableKeyRotation", bounded, KeyId=key, **more)
            assert (status, answer["__type"]) == (400, "AccessDeniedException")

    play(story)


def test_a_row_that_is_never_due_does_not_keep_the_sweep_busy(play: Any, monkeypatch: Any) -> None:
    """What somebody wrote into the store to look due is looked at once in a run."""

    async def story(office: Office) -> None:
        from keystead.services.kms import sweep as sweeping

        monkeypatch.setattr(sweeping, "_AT_ONCE", 1)
        await office.make_key()
        looks = 0
        read = office.store.read

        def counting(question: Any) -> Any:
            nonlocal looks
            looks += 1
            return read(question)

        monkeypatch.setattr(office.store, "read", counting)
        monkeypatch.setattr(
            "keystead.store.reader.SqlReader.due_for_expiry",
            lambda reader, now, limit: [(ACCOUNT, REGION, name) for name in reader.key_ids(ACCOUNT, REGION, None, 1)],
        )
        assert await sweep(office) == 1
        assert looks == 1
        assert office.reported == []

    play(story)
