"""Several processes on one store: none loses a commit, readers and checkpoints go on beside them, waiting is bounded."""

from __future__ import annotations

import contextlib
import time
from contextlib import ExitStack

import pytest

from keystead.store.interface import ChangeRow, StoreUnavailable
from keystead.store.sqlite import SqliteStore
from tests.store.databases import SqliteDatabase, mac
from tests.store.programs import go, line, program

WORKERS = 4
COMMITS = 30


def test_workers_commit_side_by_side_while_others_read_and_checkpoint(sqlite: SqliteDatabase) -> None:
    store, reader = sqlite.open(), sqlite.open()
    seen: list[ChangeRow] = []
    checkpoints = 0
    with ExitStack() as stack:
        workers = [stack.enter_context(program("counter", sqlite.path, COMMITS)) for _ in range(WORKERS)]
        for worker in workers:
            assert line(worker) == "ready"
        for worker in workers:
            go(worker)
        while any(worker.poll() is None for worker in workers):
            known = seen[-1].seq if seen else 0
            counter, last, new = reader.read(
                lambda r, known=known: (r.meta("counter"), r.last_change(), r.changes_since(known, 1_000))
            )
            assert int(counter or 0) == last, "a read sees whole transactions"
            seen += new
            store.checkpoint_truncate()
            checkpoints += 1
        assert [worker.returncode for worker in workers] == [0] * WORKERS
    seen += reader.read(lambda r: r.changes_since(len(seen), 1_000))
    assert [row.seq for row in seen] == list(range(1, WORKERS * COMMITS + 1)), "no change is skipped or seen twice"
    assert store.read(lambda r: r.meta("counter")) == str(WORKERS * COMMITS).encode(), "no increment is lost"
    assert checkpoints > 1


def test_a_writer_that_waits_too_long_is_told_so_and_readers_do_not_wait(sqlite: SqliteDatabase) -> None:
    sqlite.open().transact(lambda t: t.put_meta("n", b"1"))
    with (
        SqliteStore.open(sqlite.path, mac, create=False, busy_seconds=0.1) as hurried,
        program("hold", sqlite.path) as holder,
    ):
        assert line(holder) == "held"
        calls: list[int] = []
        began = time.monotonic()
        with pytest.raises(StoreUnavailable, match="busy"):
            hurried.transact(lambda _: calls.append(1))
        assert 0.05 < time.monotonic() - began < 10
        assert calls == [], "the function did not run without the lock"
        began = time.monotonic()
        assert hurried.read(lambda r: r.meta("n")) == b"1"
        assert time.monotonic() - began < 5
        holder.kill()
        holder.wait()
        hurried.transact(lambda t: t.put_meta("n", b"2"))


def test_a_checkpoint_waits_for_readers_in_bounded_time_and_later_succeeds(sqlite: SqliteDatabase) -> None:
    store = sqlite.open()
    store.transact(lambda t: t.put_meta("n", b"1"))
    wal = sqlite.path.with_name("keystead.db-wal")
    with SqliteStore.open(sqlite.path, mac, create=False, busy_seconds=0.05) as hurried:

        def while_reading(_: object) -> None:
            hurried.transact(lambda t: t.put_meta("n", b"2"))
            with pytest.raises(StoreUnavailable):
                hurried.checkpoint_truncate()

        store.read(lambda r: (r.meta("n"), while_reading(r)))
        assert wal.stat().st_size > 0
        hurried.checkpoint_truncate()
        assert wal.stat().st_size == 0
        assert store.read(lambda r: r.meta("n")) == b"2"


def test_processes_that_start_together_make_one_store(sqlite: SqliteDatabase) -> None:
    with ExitStack() as stack:
        starting = [stack.enter_context(program("start", sqlite.path)) for _ in range(5)]
        for one in starting:
            assert line(one) == "ready"
        for one in starting:
            go(one)
        assert sorted(line(one) for one in starting) == ["1", "2", "3", "4", "5"], "all write to the same log"
        assert [one.wait() for one in starting] == [0] * 5
    leftovers = [entry.name for entry in sqlite.path.parent.iterdir() if not entry.name.startswith("keystead.db")]
    assert leftovers == []
    with contextlib.closing(sqlite.open()) as store:
        assert store.read(lambda r: r.last_change()) == 5
