"""Related multi-Region keys share their material: what changes it in one region changes it in all, in one transaction."""

from __future__ import annotations

import base64
import os
from dataclasses import replace
from typing import Any

from keystead.domain.key import Key, WrappedKey, first_material
from keystead.services import change
from keystead.services.material import Bench
from tests.services.holder import DAY, SECRET, Holder, Wrapper, done, stored, sweep
from tests.services.office import ACCOUNT, REGION, Office

AWAY = "eu-west-1"
FIRST, SECOND = b"1" * 32, b"2" * 32


def related(office: Office, key_id: str, material: bytes | None) -> Key:
    """Make the key a primary and give it a replica, which holds ``material`` or still waits for it."""
    primary = replace(stored(office, key_id), multi_region=True, primary_region=REGION)
    replica = replace(primary, region=AWAY)

    def write(transaction: Any) -> int:
        account_key = transaction.account_key(ACCOUNT)
        wrapped = office.hierarchy.new_wrap_key(ACCOUNT, AWAY, key_id, account_key, os.urandom)
        transaction.put_key(primary)
        transaction.put_key(replica)
        transaction.put_wrap_key(WrappedKey(ACCOUNT, AWAY, key_id, wrapped))
        for fact in transaction.material_facts(ACCOUNT, REGION, key_id):
            transaction.put_material_fact(replace(fact, region=AWAY, present=material is not None))
        if material is not None:
            bench = Bench(transaction, office.hierarchy, os.urandom, office.now)
            for one in bench.keep(first_material(replica), replica, material):
                one(transaction)
        touch = change.touch(primary)
        return int(transaction.log_change(touch.kind, touch.account, touch.region, touch.subject))

    office.epochs.publish(1, office.store.transact(write))
    return replica


async def open_in(office: Office, region: str, blob: str) -> tuple[str, str]:
    answer = await done(office, "Decrypt", region=region, CiphertextBlob=blob)
    assert answer["Plaintext"] == SECRET
    return answer["KeyId"].split(":")[3], answer["KeyMaterialId"]


async def seal_in(office: Office, region: str, key_id: str) -> str:
    return str((await done(office, "Encrypt", region=region, KeyId=key_id, Plaintext=SECRET))["CiphertextBlob"])


def test_a_rotation_of_the_primary_rotates_its_replicas(play: Any) -> None:
    async def story(office: Office) -> None:
        made = await office.make_key()
        key, first = made["KeyId"], made["CurrentKeyMaterialId"]
        # The replica's first material is another here, since the primary's never leaves the gate: only rotations are shared.
        replica = related(office, key, os.urandom(32))
        await done(office, "EnableKeyRotation", KeyId=key, RotationPeriodInDays=90)
        for region in (REGION, AWAY):
            status = await done(office, "GetKeyRotationStatus", region=region, KeyId=key)
            assert (status["KeyId"].split(":")[3], status["RotationPeriodInDays"]) == (region, 90)
        for operation in ("EnableKeyRotation", "DisableKeyRotation", "RotateKeyOnDemand"):
            _, answer = await office.call(operation, region=AWAY, KeyId=key)
            assert answer["__type"] == "UnsupportedOperationException"
            assert answer["message"] == f"{replica.arn} is not a multi-region primary key."

        await done(office, "RotateKeyOnDemand", KeyId=key)
        office.now += 90 * DAY
        assert await sweep(office) == 1, "the replica is not due by itself"
        there = office.store.read(lambda reader: reader.key(ACCOUNT, AWAY, key))
        here = stored(office, key)
        assert there is not None
        assert (there.material_id, there.next_rotation) == (here.material_id, here.next_rotation)
        assert here.material_id != first
        for made_in, opened_in in ((REGION, AWAY), (AWAY, REGION)):
            blob = await seal_in(office, made_in, key)
            assert await open_in(office, opened_in, blob) == (opened_in, here.material_id)
        histories = []
        for region in (REGION, AWAY):
            answer = await done(office, "ListKeyRotations", region=region, KeyId=key)
            histories.append([one["KeyMaterialId"] for one in answer["Rotations"]])
        assert histories[0] == histories[1]
        assert len(histories[0]) == 2

    play(story)


def test_new_imported_material_waits_until_every_replica_has_it(play: Any) -> None:
    async def story(office: Office) -> None:
        here = await Holder.new(office)
        first = await here.take(FIRST)
        related(office, here.key_id, FIRST)
        new = {"ImportType": "NEW_KEY_MATERIAL"}
        second = await here.take(SECOND, **new)

        async def states() -> list[tuple[str, str]]:
            found = []
            for region in (REGION, AWAY):
                answer = await done(
                    office, "ListKeyRotations", region=region, KeyId=here.key_id, IncludeKeyMaterial="ALL_KEY_MATERIAL"
                )
                [entry] = [one for one in answer["Rotations"] if one["KeyMaterialId"] == second]
                found.append((entry["KeyMaterialState"], entry["ImportState"]))
            return found

        waiting = "PENDING_MULTI_REGION_IMPORT_AND_ROTATION"
        assert await states() == [(waiting, "IMPORTED"), (waiting, "PENDING_IMPORT")]
        _, answer = await office.call("RotateKeyOnDemand", KeyId=here.key_id)
        assert answer["__type"] == "KMSInvalidStateException"

        answer = await done(
            office,
            "GetParametersForImport",
            region=AWAY,
            KeyId=here.key_id,
            WrappingAlgorithm="RSAES_OAEP_SHA_256",
            WrappingKeySpec="RSA_2048",
        )
        there = Wrapper(answer)
        body = there.body(SECOND, ExpirationModel="KEY_MATERIAL_DOES_NOT_EXPIRE")
        _, answer = await office.call("ImportKeyMaterial", region=AWAY, KeyId=here.key_id, **body, **new)
        assert answer["__type"] == "UnsupportedOperationException", "new material comes in at the primary"
        described = {"KeyMaterialDescription": "of the replica"}
        _, answer = await office.call("ImportKeyMaterial", region=AWAY, KeyId=here.key_id, **body, **described)
        assert answer["__type"] == "UnsupportedOperationException", "and is described there"
        await done(office, "ImportKeyMaterial", region=AWAY, KeyId=here.key_id, **body)
        assert await states() == [("PENDING_ROTATION", "IMPORTED")] * 2

        await done(office, "RotateKeyOnDemand", KeyId=here.key_id)
        assert await states() == [("CURRENT", "IMPORTED")] * 2
        blob = await seal_in(office, REGION, here.key_id)
        assert await open_in(office, AWAY, blob) == (AWAY, second)

        await done(office, "DeleteImportedKeyMaterial", region=AWAY, KeyId=here.key_id, KeyMaterialId=first)
        assert await here.state() == "Enabled", "the primary keeps what a replica deletes"
        there_now = office.store.read(lambda reader: reader.key(ACCOUNT, AWAY, here.key_id))
        assert there_now is not None
        assert there_now.state == "PendingImport"

    play(story)


def test_a_replica_that_lacks_the_new_material_waits_for_it_after_the_rotation(play: Any) -> None:
    async def story(office: Office) -> None:
        here = await Holder.new(office)
        await here.take(FIRST)
        second = await here.take(SECOND, ImportType="NEW_KEY_MATERIAL")
        replica = related(office, here.key_id, FIRST)

        def gone(transaction: Any) -> None:  # as if the replica had had it and deleted it
            for fact in transaction.material_facts(ACCOUNT, AWAY, here.key_id):
                if fact.material_id == second:
                    transaction.put_material_fact(replace(fact, present=False))

        office.store.transact(gone)
        await done(office, "RotateKeyOnDemand", KeyId=here.key_id)
        after = office.store.read(lambda reader: reader.key(ACCOUNT, AWAY, here.key_id))
        assert after is not None
        assert (after.state, after.material_id) == ("PendingImport", second)
        assert replica.state == "Enabled"

    play(story)


def test_material_that_waits_goes_from_all_when_the_primary_deletes_it(play: Any) -> None:
    async def story(office: Office) -> None:
        here = await Holder.new(office)
        first = await here.take(FIRST)
        related(office, here.key_id, FIRST)
        second = await here.take(SECOND, ImportType="NEW_KEY_MATERIAL")
        await here.call("DeleteImportedKeyMaterial", KeyMaterialId=second)
        for region in (REGION, AWAY):
            facts = office.store.read(lambda reader, region=region: reader.material_facts(ACCOUNT, region, here.key_id))
            assert [fact.material_id for fact in facts] == [first]
        assert base64.b64decode(await seal_in(office, AWAY, here.key_id))

    play(story)


def test_material_that_only_a_deleted_replica_lacked_can_be_rotated_to(play: Any) -> None:
    async def story(office: Office) -> None:
        here = await Holder.new(office)
        await here.take(FIRST)
        related(office, here.key_id, FIRST)
        second = await here.take(SECOND, ImportType="NEW_KEY_MATERIAL")
        _, answer = await office.call("RotateKeyOnDemand", KeyId=here.key_id)
        assert answer["__type"] == "KMSInvalidStateException"
        office.store.transact(lambda transaction: transaction.delete_key(ACCOUNT, AWAY, here.key_id))
        await here.call("RotateKeyOnDemand")
        assert (await here.metadata())["CurrentKeyMaterialId"] == second

    play(story)
