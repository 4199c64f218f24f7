"""A disk that is full or fails: the transaction is refused as a whole, and the store works on when the disk does."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from keystead.store.interface import StoreUnavailable, Transaction
from keystead.store.sqlite import SqliteStore
from tests.store import examples
from tests.store.databases import mac
from tests.store.disk import Disk
from tests.store.examples import ACCOUNT, KEY_ID, REGION


@pytest.fixture
def disk() -> Iterator[Disk]:
    disk = Disk()
    yield disk
    disk.unregister()


@pytest.fixture
def store(disk: Disk, tmp_path: Path) -> Iterator[SqliteStore]:
    with SqliteStore.open(tmp_path / "keystead.db", mac, create=True, busy_seconds=0.0, vfs=disk.name) as store:
        store.transact(examples.put_all)
        yield store


def put_many(t: Transaction) -> None:
    for number in range(40):
        t.put_key(examples.key(f"{number:03}", policy="x" * 20_000))
    t.log_change("key", ACCOUNT, REGION, "many")


def nothing_of_it_is_there(store: SqliteStore) -> None:
    assert store.read(lambda r: r.key_ids(ACCOUNT, REGION, None, 100)) == [KEY_ID]
    assert store.read(lambda r: r.last_change()) == 0
    assert store.read(lambda r: r.key(ACCOUNT, REGION, KEY_ID)) == examples.key()


def works_again(store: SqliteStore) -> None:
    store.transact(put_many)
    assert store.read(lambda r: r.count_keys(ACCOUNT, REGION)) == 41


@pytest.mark.parametrize("room", [0, 24, 4_000, 100_000, 500_000])
def test_a_full_disk_refuses_the_transaction_and_keeps_the_rest(disk: Disk, store: SqliteStore, room: int) -> None:
    disk.room = room
    with pytest.raises(StoreUnavailable, match="full"):
        store.transact(put_many)
    nothing_of_it_is_there(store)
    with store.connect() as other:
        nothing_of_it_is_there(other)
    disk.room = None
    works_again(store)


def test_a_transaction_that_goes_on_after_the_disk_was_full_writes_nothing_by_itself(
    disk: Disk, store: SqliteStore
) -> None:
    """SQLite has rolled back by then: a statement sent now would be a transaction of its own."""

    def careless(t: Transaction) -> None:
        disk.room = 0
        for number in range(10_000):  # more than the page cache holds, so that pages are written before the commit
            try:
                t.put_key(examples.key(f"{number:05}", policy="x" * 20_000))
            except StoreUnavailable:
                break
        disk.room = None
        with pytest.raises(StoreUnavailable):
            t.put_meta("alone", b"1")

    with pytest.raises(StoreUnavailable, match="full"):
        store.transact(careless)
    nothing_of_it_is_there(store)
    assert store.read(lambda r: r.meta("alone")) is None


@pytest.mark.parametrize("kind", ["write", "sync"])
def test_a_failing_disk_refuses_the_transaction_and_keeps_the_rest(disk: Disk, store: SqliteStore, kind: str) -> None:
    disk.failing = {kind}
    with pytest.raises(StoreUnavailable, match="fails"):
        store.transact(put_many)
    nothing_of_it_is_there(store)
    disk.failing = set()
    nothing_of_it_is_there(store)
    works_again(store)


def test_after_a_failed_sync_the_next_commit_is_durable(disk: Disk, store: SqliteStore, tmp_path: Path) -> None:
    disk.failing = {"sync"}
    with pytest.raises(StoreUnavailable):
        store.transact(put_many)
    disk.failing = set()
    store.transact(lambda t: t.put_meta("after", b"1"))
    survived = disk.cut(tmp_path / "keystead.db", tmp_path / "after")
    with SqliteStore.open(survived, mac, create=False) as again:
        assert again.read(lambda r: r.meta("after")) == b"1"
        nothing_of_it_is_there(again)


def test_a_checkpoint_that_fails_is_refused_and_loses_nothing(disk: Disk, store: SqliteStore) -> None:
    store.transact(lambda t: t.put_meta("n", b"1"))
    for kind in ("write", "sync"):
        disk.failing = {kind}
        with pytest.raises(StoreUnavailable):
            store.checkpoint_truncate()
    disk.failing = set()
    assert store.read(lambda r: r.meta("n")) == b"1"
    store.checkpoint_truncate()
    assert store.read(lambda r: r.meta("n")) == b"1"


def test_a_disk_that_fails_at_the_start_is_said_as_such(disk: Disk, tmp_path: Path) -> None:
    disk.failing = {"write"}
    with pytest.raises(StoreUnavailable):
        SqliteStore.open(tmp_path / "new" / "keystead.db", mac, create=True, vfs=disk.name)
    disk.failing = set()
    SqliteStore.open(tmp_path / "new" / "keystead.db", mac, create=True, vfs=disk.name).close()
