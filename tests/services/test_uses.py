"""The last use of a key: known at once here, soon elsewhere, and never at the price of a write for a call."""

from __future__ import annotations

import asyncio
import base64
import json
import os
from typing import Any

import pytest

from keystead.domain.key import Key, KeyState
from keystead.domain.states import States
from keystead.model.shapes import Service
from keystead.services import uses
from keystead.services.kms.operations import KMS
from keystead.services.snapshot import Snapshot
from keystead.services.uses import LastUses
from keystead.store.identities import CredentialUse
from keystead.store.interface import StoreUnavailable
from tests.services.office import ACCOUNT, REGION, Office

X = base64.b64encode(b"x").decode()
DAY = 86_400


async def last_use(office: Office, key: dict[str, Any]) -> dict[str, Any]:
    status, answer = await office.call("GetKeyLastUsage", KeyId=key["KeyId"])
    assert status == 200, answer
    assert answer["KeyId"] == key["KeyId"]
    assert answer["TrackingStartDate"] == answer["KeyCreationDate"] == key["CreationDate"]
    told: dict[str, Any] = answer["KeyLastUsage"]
    return told


async def flushed(office: Office) -> None:
    office.snapshot.uses.flush(office.committer.afterwards)
    while office.snapshot.uses._under_way:
        await asyncio.sleep(0.001)


def written(office: Office, key: dict[str, Any]) -> Any:
    return office.store.read(lambda reader: reader.last_use(ACCOUNT, REGION, key["KeyId"]))


def test_a_use_is_told_with_its_operation_time_and_event(play: Any) -> None:
    async def story(office: Office) -> None:
        key = await office.make_key()
        assert await last_use(office, key) == {}
        office.now += 100.75
        await office.call("Encrypt", KeyId=key["KeyId"], Plaintext=X)
        event = office.journal.lines[-1]
        assert event["eventName"] == "Encrypt"
        told = await last_use(office, key)
        assert told == {
            "Operation": "Encrypt",
            "Timestamp": key["CreationDate"] + 100,
            "CloudTrailEventId": event["eventID"],
            "KmsRequestId": "request",
        }
        await flushed(office)
        assert await last_use(office, key) == told
        assert written(office, key).at == office.now

    play(story)


def test_re_encrypt_is_a_use_of_both_keys(play: Any) -> None:
    async def story(office: Office) -> None:
        source, destination = await office.make_key(), await office.make_key()
        _, sealed = await office.call("Encrypt", KeyId=source["KeyId"], Plaintext=X)
        await office.call("ReEncrypt", CiphertextBlob=sealed["CiphertextBlob"], DestinationKeyId=destination["KeyId"])
        event = office.journal.lines[-1]["eventID"]
        for key in (source, destination):
            told = await last_use(office, key)
            assert (told["Operation"], told["CloudTrailEventId"]) == ("ReEncrypt", event)

    play(story)


def test_what_gave_no_result_is_no_use(play: Any) -> None:
    async def story(office: Office) -> None:
        key = await office.make_key()
        await office.call("Encrypt", KeyId=key["KeyId"], Plaintext=X, DryRun=True)
        await office.call("Encrypt", office.user("nobody"), KeyId=key["KeyId"], Plaintext=X)
        await office.call("Decrypt", CiphertextBlob=X, KeyId=key["KeyId"])
        await office.call("DescribeKey", KeyId=key["KeyId"])
        office.journal.broken = OSError("disk gone")
        assert (await office.call("Encrypt", KeyId=key["KeyId"], Plaintext=X))[0] == 503
        office.journal.broken = None
        assert await last_use(office, key) == {}

    play(story)


def test_calls_write_nothing_and_a_flush_writes_each_key_once(play: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    async def story(office: Office) -> None:
        monkeypatch.setattr(uses, "AT_ONCE", 2)
        keys = [await office.make_key() for _ in range(3)]
        writes: list[object] = []
        transact = type(office.store).transact
        monkeypatch.setattr(
            type(office.store), "transact", lambda store, fn: (writes.append(fn), transact(store, fn))[1]
        )
        for _ in range(10):
            for key in keys:
                await office.call("Encrypt", KeyId=key["KeyId"], Plaintext=X)
        assert writes == []
        await flushed(office)
        assert len(writes) == 2, "three keys, two at once"
        assert all(written(office, key).operation == "Encrypt" for key in keys)
        await flushed(office)
        assert len(writes) == 2, "nothing new, nothing written"

    play(story)


def test_another_worker_learns_of_a_use_when_it_is_written_and_the_later_one_counts(play: Any) -> None:
    async def story(office: Office) -> None:
        key = await office.make_key()
        await office.call("Encrypt", KeyId=key["KeyId"], Plaintext=X)
        row = office.store.read(lambda reader: reader.key(ACCOUNT, REGION, key["KeyId"]))
        assert row is not None
        other = Snapshot(office.store, office.epochs, lambda _row: b"")
        assert other.last_use(row) is None
        await flushed(office)
        found = other.last_use(row)
        assert found is not None
        assert found.operation == "Encrypt"
        other.uses.note("Decrypt", office.now + 1, "event", "request", [("AWS::KMS::Key", ACCOUNT, row.arn)])
        other.uses.flush(lambda do: do(office.store))
        assert (await last_use(office, key))["Operation"] == "Decrypt"
        office.snapshot.uses.note("Sign", office.now - 1, "event", "request", [("AWS::KMS::Key", ACCOUNT, row.arn)])
        assert (await last_use(office, key))["Operation"] == "Decrypt", "a use that is noted late is no later use"

    play(story)


def test_a_write_that_fails_is_tried_again_and_nothing_is_lost(play: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    async def story(office: Office) -> None:
        one, other = await office.make_key(), await office.make_key()
        await office.call("Encrypt", KeyId=one["KeyId"], Plaintext=X)
        store = type(office.store)
        with monkeypatch.context() as broken:

            def full(*_: object) -> None:
                raise StoreUnavailable("the disk is full")

            broken.setattr(store, "transact", full)
            await flushed(office)
        assert written(office, one) is None
        assert (await last_use(office, one))["Operation"] == "Encrypt"
        await office.call("Encrypt", KeyId=other["KeyId"], Plaintext=X)
        await flushed(office)
        assert written(office, one) is not None
        assert written(office, other) is not None

    play(story)


def test_a_use_of_a_key_that_is_gone_meanwhile_does_no_harm(play: Any) -> None:
    async def story(office: Office) -> None:
        gone, kept = await office.make_key(), await office.make_key()
        for key in (gone, kept):
            await office.call("Encrypt", KeyId=key["KeyId"], Plaintext=X)
        office.store.transact(lambda transaction: transaction.delete_key(ACCOUNT, REGION, gone["KeyId"]))
        await flushed(office)
        assert written(office, gone) is None
        assert written(office, kept) is not None

    play(story)


def test_the_end_writes_what_a_flush_under_way_has_not_taken(play: Any) -> None:
    async def story(office: Office) -> None:
        one, other = await office.make_key(), await office.make_key()
        await office.call("Encrypt", KeyId=one["KeyId"], Plaintext=X)
        office.snapshot.uses.flush(office.committer.afterwards)
        office.snapshot.uses.note("Encrypt", office.now, "event", "request", [("AWS::KMS::Key", ACCOUNT, other["Arn"])])
        office.snapshot.uses.finish(office.committer.afterwards)
        while office.snapshot.uses._leaving:
            await asyncio.sleep(0.001)
        assert written(office, one) is not None
        assert written(office, other) is not None

    play(story)


def test_no_alias_is_taken(play: Any) -> None:
    async def story(office: Office) -> None:
        status, answer = await office.call("GetKeyLastUsage", KeyId="alias/a")
        assert (status, answer["__type"]) == (400, "InvalidArnException")

    play(story)


def test_a_policy_keeps_keys_in_use_from_being_disabled_or_deleted(play: Any) -> None:
    async def story(office: Office) -> None:
        guard = {
            "Effect": "Deny",
            "Principal": "*",
            "Action": ["kms:DisableKey", "kms:ScheduleKeyDeletion"],
            "Resource": "*",
            "Condition": {"NumericLessThan": {"kms:TrailingDaysWithoutKeyUsage": "30"}},
        }
        root = {
            "Effect": "Allow",
            "Principal": {"AWS": f"arn:aws:iam::{ACCOUNT}:root"},
            "Action": "kms:*",
            "Resource": "*",
        }
        key = await office.make_key(Policy=json.dumps({"Version": "2012-10-17", "Statement": [root, guard]}))

        async def outcomes() -> set[str]:
            found = {
                (await office.call(name, KeyId=key["KeyId"]))[1].get("__type", "done")
                for name in ("DisableKey", "ScheduleKeyDeletion")
            }
            await office.call("CancelKeyDeletion", KeyId=key["KeyId"])
            await office.call("EnableKey", KeyId=key["KeyId"])
            return found

        assert await outcomes() == {"AccessDeniedException"}, "made today"
        office.now += 30 * DAY - 1
        assert await outcomes() == {"AccessDeniedException"}, "29.99 days are 29"
        office.now += 1
        await office.call("Encrypt", KeyId=key["KeyId"], Plaintext=X)
        assert await outcomes() == {"AccessDeniedException"}, "used today"
        office.now += 30 * DAY
        assert await outcomes() == {"done"}

    play(story)


def test_the_operations_that_count_are_those_of_the_model() -> None:
    tracked = set(Service.load("kms").shape("KeyLastUsageTrackingOperation").enum)
    counted = {row.name for row in KMS.rows.values() if row.states is States.CRYPTOGRAPHIC}
    assert counted == tracked & set(KMS.rows)


def test_noting_a_use_keeps_one_entry_for_a_key() -> None:
    noted = LastUses()
    key = Key(ACCOUNT, REGION, "k", os.urandom(16), "s", "u", "o", "m", KeyState.ENABLED, "", 0.0, "{}")
    for at in range(1_000):
        noted.note("Encrypt", float(at), f"event {at}", "request", [("AWS::KMS::Key", ACCOUNT, key.arn)])
    assert len(noted._fresh) == 1
    found = noted.of(key)
    assert found is not None
    assert (found.at, found.event_id) == (999.0, "event 999")


def test_a_call_is_a_use_of_its_access_key_or_of_the_role_behind_its_session(play: Any) -> None:
    async def story(office: Office) -> None:
        role = office.role("Worker")
        assert office.snapshot.credential_use(role.unique_id) is None
        await office.call("ListKeys", office.session(role, "night"))
        expected = CredentialUse(role.unique_id, office.now, "kms", REGION)
        assert office.snapshot.credential_use(role.unique_id) == expected, "refused or not"
        await office.call("ListKeys")
        assert office.snapshot.credential_use("AKIATEST") == CredentialUse("AKIATEST", office.now, "kms", REGION)
        office.snapshot.credential_uses.flush(office.committer.afterwards)
        while office.snapshot.credential_uses._under_way:
            await asyncio.sleep(0.001)
        assert office.store.read(lambda reader: reader.credential_use(role.unique_id)) == expected
        assert office.store.read(lambda reader: reader.credential_use("AKIATEST")) is None, "there is no such key"

    play(story)
