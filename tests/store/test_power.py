"""Acknowledged is durable, nothing is half there: after a power cut at every kind of moment.

The planted faults (a disk that does not sync, a store that does not ask it to) must be caught by the same examination.
"""

from __future__ import annotations

import random
from pathlib import Path

import pytest

from keystead.store.interface import Store, StoreUnavailable, Transaction
from keystead.store.sqlite import SqliteStore
from tests.store import examples
from tests.store.databases import mac
from tests.store.disk import Disk, DiskFile, ForgetfulFile
from tests.store.examples import ACCOUNT, REGION


def synchronous(value: str, read_back: int) -> tuple[tuple[str, str, object], ...]:
    return (("synchronous", value, read_back), *(row for row in SqliteStore.PRAGMAS if row[0] != "synchronous"))


class LazyStore(SqliteStore):
    """The planted fault: commits that do not wait for the disk."""

    PRAGMAS = synchronous("OFF", 0)


class HurriedStore(SqliteStore):
    """The planted fault that is easily taken for harmless: NORMAL keeps the file sound and loses commits."""

    PRAGMAS = synchronous("NORMAL", 1)


def put(t: Transaction, number: int) -> None:
    """One transaction: three rows in different tables, in pages that grow and move."""
    name = f"{(number * 7919) % 100_003:06}"
    t.put_key(examples.key(name, description=str(number), policy=f"{number}" * (number % 900)))
    t.put_wrap_key(examples.wrap_key(name))
    t.log_change("key", ACCOUNT, REGION, name)
    t.put_meta("last", str(number).encode())


def make(directory: Path) -> Path:
    directory.mkdir(mode=0o700)
    return directory


def work(store: Store, rounds: int) -> int:
    """Commit until the power is gone or ``rounds`` are done; how many were acknowledged."""
    done = 0
    try:
        for number in range(rounds):
            store.transact(lambda t, number=number: put(t, number))
            done += 1
            if number % 5 == 4:
                store.checkpoint_truncate()
    except StoreUnavailable:
        pass
    return done


def examine(path: Path, done: int) -> None:
    """What must hold after the cut: everything acknowledged, at most the one transaction under way besides, and that whole."""
    with SqliteStore.open(path, mac, create=False) as store:
        last = store.read(lambda r: r.meta("last"))
        there = 0 if last is None else int(last) + 1
        assert there in {done, done + 1}, f"{done} were acknowledged, {there} are there"
        assert store.read(lambda r: r.last_change()) == there
        for number in range(there):
            name = f"{(number * 7919) % 100_003:06}"
            key = store.read(lambda r, name=name: r.key(ACCOUNT, REGION, name))
            assert key is not None
            assert key.description == str(number)
            assert store.read(lambda r, name=name: r.wrap_key(ACCOUNT, REGION, name)) == examples.wrap_key(name)
        store.transact(lambda t: t.put_meta("works", b"again"))


def cut_after(
    steps: int,
    directory: Path,
    *,
    file: type[DiskFile] = DiskFile,
    kind: type[SqliteStore] = SqliteStore,
    rounds: int = 40,
) -> int:
    """One life: work, a cut after ``steps`` operations of the disk, and the examination of both kinds of survival.

    How many transactions were acknowledged.
    """
    path = directory / "keystead.db"
    with SqliteStore.open(path, mac, create=True) as sound:
        sound.transact(examples.put_account)
    disk = Disk(file)
    store = kind.open(path, mac, create=False, busy_seconds=0.0, vfs=disk.name)
    disk.steps = steps
    done = work(store, rounds)
    chances = [None, random.Random(steps), random.Random(-steps)]
    survivors = [disk.cut(path, directory / f"after-{number}", chance) for number, chance in enumerate(chances)]
    disk.steps = None  # the end of the test itself needs power
    store.close()
    disk.unregister()
    for survivor in survivors:
        examine(survivor, done)
    return done


@pytest.mark.parametrize("tenth", range(10))
def test_nothing_acknowledged_is_lost_in_a_power_cut(tmp_path: Path, tenth: int) -> None:
    rounds = [cut_after(tenth * 60 + step, make(tmp_path / str(step))) for step in range(0, 60, 11)]
    assert max(rounds) > tenth, "the cuts come at all stages of the work"


@pytest.mark.nightly
@pytest.mark.parametrize("tenth", range(10))
def test_nothing_acknowledged_is_lost_whenever_the_power_is_cut(tmp_path: Path, tenth: int) -> None:
    for step in range(100):
        cut_after(tenth * 100 + step, make(tmp_path / str(step)))


def test_a_disk_that_does_not_sync_is_caught(tmp_path: Path) -> None:
    with pytest.raises(AssertionError, match="acknowledged"):
        cut_after(100, tmp_path, file=ForgetfulFile)


@pytest.mark.parametrize("kind", [LazyStore, HurriedStore])
def test_a_store_that_does_not_wait_for_the_disk_is_caught(tmp_path: Path, kind: type[SqliteStore]) -> None:
    with pytest.raises(AssertionError, match="acknowledged"):
        cut_after(80, tmp_path, kind=kind)


@pytest.mark.parametrize("steps", range(0, 60, 3))
def test_a_power_cut_while_the_store_is_made_leaves_one_that_opens_or_none(tmp_path: Path, steps: int) -> None:
    path = tmp_path / "keystead.db"
    disk = Disk()
    disk.steps = steps
    made = False
    try:
        SqliteStore.open(path, mac, create=True, busy_seconds=0.0, vfs=disk.name).close()
        made = True
    except StoreUnavailable:
        pass
    survived = disk.cut(path, tmp_path / "after")
    disk.steps = None
    with SqliteStore.open(survived, mac, create=not made) as store:
        store.transact(examples.put_all)
    disk.unregister()
