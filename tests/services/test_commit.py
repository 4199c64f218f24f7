"""Epochs, the outbox and what a start finishes."""

from __future__ import annotations

import asyncio
import json
import os
from collections.abc import Callable
from pathlib import Path

import pytest

from keystead.services import commit
from keystead.services.epochs import Epochs
from keystead.services.identifiers import RequestIds, access_key_id, account_id, secret_access_key, user_id
from keystead.store.interface import OutboxRow, StoreUnavailable
from keystead.store.sqlite import SqliteStore
from tests.services.office import Office


def test_the_epoch_is_the_highest_that_anybody_published_and_never_goes_back() -> None:
    epochs = Epochs(3)
    assert epochs.current() == 0
    epochs.publish(1, 7)
    epochs.publish(2, 5)
    assert epochs.current() == 7
    epochs.publish(1, 6)
    assert epochs.current() == 7
    epochs.publish(2, 2**63)
    assert epochs.current() == 2**63


def test_the_epoch_is_shared_with_forked_processes() -> None:
    epochs = Epochs(2)
    child = os.fork()
    if child == 0:
        epochs.publish(1, 42)
        os._exit(0)
    os.waitpid(child, 0)
    assert epochs.current() == 42


@pytest.mark.parametrize(
    ("slot", "workers", "mine"), [(0, 2, ["0/a", "5/c"]), (1, 2, ["1/b"]), (0, 6, ["0/a"]), (5, 6, ["5/c"])]
)
def test_each_worker_finishes_its_own_leftovers_and_the_first_those_of_nobody(
    slot: int, workers: int, mine: list[str]
) -> None:
    rows = [OutboxRow(1, "0/a", b"{}"), OutboxRow(2, "1/b", b"{}"), OutboxRow(3, "5/c", b"{}")]
    assert [row.event_id for row in commit.leftovers(rows, slot, workers)] == mine


def test_a_row_of_the_outbox_that_somebody_else_wrote_is_evidence_and_no_record(tmp_path: Path) -> None:
    import apsw

    async def main() -> None:
        office = Office(tmp_path)
        office.store.transact(lambda transaction: transaction.put_outbox("0/a", b'{"eventID":"a"}'))
        office.close()
        connection = apsw.Connection(str(tmp_path / "office.db"))
        insert = "INSERT INTO outbox (event_id, record, mac) VALUES (?, ?, ?)"
        [(mac,)] = connection.execute("SELECT mac FROM outbox").fetchall()
        for event_id in ("0/forged", "nobody's"):
            connection.execute(insert, (event_id, b'{"eventID":"forged"}', mac))
        connection.close()
        store = SqliteStore.open(tmp_path / "office.db", office.hierarchy.row_mac, create=False)
        rows = store.read(lambda reader: reader.outbox(10))
        assert [row.event_id for row in commit.leftovers(rows, 0, 1)] == ["0/a"]
        assert [row.event_id for row in commit.forged(rows)] == ["0/forged", "nobody's"]
        store.close()

    asyncio.run(main())


def test_recovery_journals_what_is_missing_once_and_empties_the_outbox(tmp_path: Path) -> None:
    async def main() -> None:
        office = Office(tmp_path)
        records = {"a": b'{"eventID":"a"}', "b": b'{"eventID":"b"}'}
        for name, record in records.items():
            office.store.transact(lambda transaction, n=name, r=record: transaction.put_outbox(f"0/{n}", r))
        rows = office.store.read(lambda reader: reader.outbox(10))
        assert await commit.recover(office.store, office.journal, rows, frozenset({"a"})) == 1
        assert [line["eventID"] for line in office.journal.lines] == ["b"]
        assert office.store.read(lambda reader: reader.outbox(10)) == []
        office.close()

    asyncio.run(main())


def test_recovery_keeps_the_outbox_when_the_journal_refuses(tmp_path: Path) -> None:
    async def main() -> None:
        office = Office(tmp_path)
        office.store.transact(lambda transaction: transaction.put_outbox("0/a", b"{}"))
        office.journal.broken = OSError("full")
        rows = office.store.read(lambda reader: reader.outbox(10))
        with pytest.raises(OSError, match="full"):
            await commit.recover(office.store, office.journal, rows, frozenset())
        assert len(office.store.read(lambda reader: reader.outbox(10))) == 1
        office.close()

    asyncio.run(main())


def test_the_outbox_holds_a_change_until_it_is_journalled(tmp_path: Path) -> None:
    async def main() -> None:
        office = Office(tmp_path)
        await office.make_key()
        held = office.store.read(lambda reader: reader.outbox(10))
        assert [json.loads(row.record)["eventName"] for row in held] == ["CreateKey"]
        office.committer.tick()
        await asyncio.sleep(0.2)
        assert office.store.read(lambda reader: reader.outbox(10)) == []
        office.close()

    asyncio.run(main())


def test_a_change_with_several_records_is_answered_when_the_last_is_durable(tmp_path: Path) -> None:
    async def main() -> None:
        office = Office(tmp_path)
        key = (await office.make_key())["KeyId"]
        status, _ = await office.call("RotateKeyOnDemand", KeyId=key)
        assert status == 200
        assert [line["eventName"] for line in office.journal.lines] == ["CreateKey", "RotateKeyOnDemand", "RotateKey"]
        assert len({line["eventID"] for line in office.journal.lines}) == 3
        office.committer.tick()
        await asyncio.sleep(0.2)
        assert office.store.read(lambda reader: reader.outbox(10)) == []
        office.journal.broken = OSError("full")
        status, answer = await office.call("RotateKeyOnDemand", KeyId=key)
        assert (status, answer["__type"]) == (503, "ServiceUnavailable")
        office.journal.broken = None
        held = office.store.read(lambda reader: reader.outbox(10))
        assert [json.loads(row.record)["eventName"] for row in held] == ["RotateKeyOnDemand", "RotateKey"]
        office.committer.tick()
        await asyncio.sleep(0.2)
        assert len(office.journal.lines) == 5
        office.close()

    asyncio.run(main())


@pytest.mark.parametrize("lost", ["RotateKeyOnDemand", "RotateKey"])
def test_an_answer_waits_for_all_its_records_whichever_of_them_fails(tmp_path: Path, lost: str) -> None:
    async def main() -> None:
        office = Office(tmp_path)
        key = (await office.make_key())["KeyId"]
        append = office.journal.append

        def failing(record: bytes, done: Callable[[BaseException | None], None]) -> None:
            office.journal.broken = OSError("full") if json.loads(record)["eventName"] == lost else None
            append(record, done)

        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(office.journal, "append", failing)
            assert (await office.call("RotateKeyOnDemand", KeyId=key))[0] == 503
        office.close()

    asyncio.run(main())


def test_the_log_is_emptied_after_a_change_that_shreds_and_again_if_others_were_in_the_way(tmp_path: Path) -> None:
    async def main() -> None:
        office = Office(tmp_path)
        real, calls, stuck = SqliteStore.checkpoint_truncate, [], True

        def checkpoint(store: SqliteStore) -> None:
            calls.append(stuck)
            if stuck:
                raise StoreUnavailable("kept busy")
            real(store)

        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(SqliteStore, "checkpoint_truncate", checkpoint)
            decided = commit.Decided(None, (("a", b'{"eventID":"a"}'),), shreds=True)
            for expected, now_stuck in (([True], True), ([True, False], False), ([True, False], False)):
                stuck = now_stuck
                if not calls:
                    office.committer.commit(lambda _: decided, lambda _: None)
                else:
                    office.committer.tick()
                await asyncio.sleep(0.2)
                assert calls == expected
        office.close()

    asyncio.run(main())


def test_identifiers_have_the_forms_of_aws() -> None:
    new_id = RequestIds(os.urandom)
    made = {new_id() for _ in range(1_000)}
    assert len(made) == 1_000
    for one in made:
        assert (one[14], len(one)) == ("4", 36)
        assert one[19] in "89ab"
    assert access_key_id(os.urandom).startswith("AKIA")
    assert len(access_key_id(os.urandom)) == 20
    assert len(user_id(os.urandom)) == 21
    assert len(secret_access_key(os.urandom)) == 40
    assert all(len(account_id(os.urandom)) == 12 for _ in range(100))
