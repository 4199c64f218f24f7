"""Related keys over time: a primary is deleted after its replicas, and never before."""

from __future__ import annotations

from typing import Any

import pytest

from tests.services.families import DAY, THERE, THIRD, code, described, family, swept
from tests.services.office import ACCOUNT, REGION, Office


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
        waiting = await described(office, key_id)
        assert (waiting["KeyState"], waiting["MultiRegionConfiguration"]["ReplicaKeys"]) == (
            "PendingReplicaDeletion",
            [],
        )
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


@pytest.mark.parametrize("first", [REGION, THERE, THIRD])
def test_a_primary_waits_for_all_its_replicas_wherever_it_is(play: Any, first: str) -> None:
    async def story(office: Office) -> None:
        key_id = await family(office, THERE, THIRD)
        await office.call("UpdatePrimaryRegion", KeyId=key_id, PrimaryRegion=first)
        await office.call("ScheduleKeyDeletion", region=first, KeyId=key_id, PendingWindowInDays=7)
        replicas = [region for region in (REGION, THERE, THIRD) if region != first]
        for region in replicas:
            await office.call("ScheduleKeyDeletion", region=region, KeyId=key_id, PendingWindowInDays=7)
            office.now += 7 * DAY
            await swept(office)
            state = "PendingDeletion" if region == replicas[-1] else "PendingReplicaDeletion"
            assert (await described(office, key_id, first))["KeyState"] == state

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
