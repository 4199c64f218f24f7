"""What related keys share: material, its history, its rotation."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest

from keystead.domain import limits
from keystead.domain.key import Key
from keystead.services.wrapped import load_secrets
from tests.services.families import DAY, THERE, THIRD, code, described, family, swept
from tests.services.office import ACCOUNT, REGION, Office


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
    monkeypatch.setattr(limits, "KEYS_PER_REGION", quota)

    async def story(office: Office) -> None:
        key_id = await family(office)
        for _ in range(quota):
            await office.call("CreateKey", region=THERE)
        body = {"KeyId": key_id, "ReplicaRegion": THERE}
        assert await code(office, "ReplicateKey", **body) == "LimitExceededException"
        assert await code(office, "ReplicateKey", **{**body, "ReplicaRegion": THIRD}) == ""

    play(story)
