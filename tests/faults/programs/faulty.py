"""The command with faults planted: ``python faulty.py FAULT… serve OPTION…``, each fault a name or ``name=value``.

The faults are the rows of the table at the end. Each replaces a function of the server before it starts, so that all
its processes have it; then the command runs as it always does. Some are no faults but what a test needs to see more in
less time: they shorten pauses, or write down what was synced.
"""

from __future__ import annotations

import asyncio
import json
import os
import stat
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from deaths import POINTS, Death, swap


def die(value: str) -> None:
    """``POINT:N:MARKER``: a process dies at its n-th pass of a point; the file MARKER says that it happened."""
    point, passes, marker = value.split(":", 2)
    POINTS[point](Death(int(passes), Path(marker)))


# --- time -------------------------------------------------------------------------------------------------------------


def quick(_value: str) -> None:
    """Dead workers are replaced at once, however often they die."""
    from keystead import supervisor

    supervisor._PAUSES = (0.0,)  # type: ignore[misc]


def clock(value: str) -> None:
    """The clock is ahead by so many seconds as the file says, now."""
    real, file = time.time, Path(value)
    time.time = lambda: real() + float(file.read_text())


def anchors_often(_value: str) -> None:
    """The store remembers the newest seal as soon as there is one."""
    from keystead import serve
    from keystead.services import anchoring

    anchoring.EVERY = 0.0  # type: ignore[misc]
    serve.TICK = 0.1  # type: ignore[misc]


def sweep(value: str) -> None:
    """Seconds between two looks for keys to delete."""
    from keystead import serve

    serve.SWEEP = float(value)  # type: ignore[misc]


def slow_journal(value: str) -> None:
    """``SECONDS:FILE``: while the file exists, a sync of a segment makes ``FILE.held`` and takes that long."""
    from keystead.audit.files import Io

    seconds, file = value.split(":", 1)

    def make(real: Any) -> Any:
        def slow(io: Io, descriptor: int) -> None:
            if Path(file).exists() and Path(os.readlink(f"/proc/self/fd/{descriptor}")).name.startswith("segment-"):
                Path(f"{file}.held").touch()
                time.sleep(float(seconds))
            real(io, descriptor)

        return slow

    swap(Io, "fdatasync", make)


# --- revocation -------------------------------------------------------------------------------------------------------


def late_epoch(value: str) -> None:
    """Epochs are published so many seconds late."""
    from keystead.services.epochs import Epochs

    def make(real: Any) -> Any:
        def late(epochs: Epochs, slot: int, sequence: int) -> None:
            try:
                loop = asyncio.get_running_loop()
            except RuntimeError:  # the supervisor
                real(epochs, slot, sequence)
            else:
                loop.call_later(float(value), real, epochs, slot, sequence)

        return late

    swap(Epochs, "publish", make)


def stale_snapshot(value: str) -> None:
    """A worker looks at the epoch at most once in so many seconds."""
    from keystead.services.snapshot import Snapshot

    looked = [0.0]

    def make(real: Any) -> Any:
        def seldom(snapshot: Snapshot) -> None:
            if time.monotonic() - looked[0] > float(value):
                looked[0] = time.monotonic()
                real(snapshot)

        return seldom

    swap(Snapshot, "refresh", make)


def remembers(value: str) -> None:
    """No worker forgets what the change log says of that kind."""
    from keystead.store.reader import SqlReader

    def make(real: Any) -> Any:
        def withholding(reader: SqlReader, seq: int, limit: int) -> list[Any]:
            return [row for row in real(reader, seq, limit) if row.kind != value]

        return withholding

    swap(SqlReader, "changes_since", make)


def late_commit(value: str) -> None:
    """The first worker rests for so many seconds between a commit and all that follows it."""
    from keystead.services.commit import Committer

    def make(real: Any) -> Any:
        def resting(committer: Committer, done: Any, future: Any) -> None:
            if committer._slot == 0:
                committer._loop.call_later(float(value), real, committer, done, future)
            else:
                real(committer, done, future)

        return resting

    swap(Committer, "_committed", make)


def no_lock(_value: str) -> None:
    """Any number of servers for one data directory."""
    from keystead.lock import Lock

    Lock.take = lambda *_arguments: None  # type: ignore[method-assign,assignment]


# --- processes --------------------------------------------------------------------------------------------------------


def slow_birth(value: str) -> None:
    """A worker does nothing for so many seconds right after it was forked."""
    from keystead.supervisor import Supervisor

    def make(real: Any) -> Any:
        def slow(*arguments: Any) -> None:
            until = time.monotonic() + float(value)
            while time.monotonic() < until:  # signals do not cut it short
                time.sleep(until - time.monotonic())
            real(*arguments)

        return slow

    swap(Supervisor, "_become", make)


def blind_supervisor(_value: str) -> None:
    """The supervisor cannot read the store, once it has started its workers."""
    from keystead import serve
    from keystead.store.interface import StoreUnavailable

    looked = [0]

    def make(real: Any) -> Any:
        def blind(config: Any) -> int:
            looked[0] += 1
            if looked[0] > 1:
                raise StoreUnavailable("the disk fails")
            return int(real(config))

        return blind

    swap(serve, "last_change", make)


# --- the journal ------------------------------------------------------------------------------------------------------


def forgets_records(_value: str) -> None:
    """Start-up throws away what a crash left in the outbox."""
    from keystead.services import commit

    async def forget(store: Any, _journal: Any, rows: Any, _journalled: Any) -> int:
        store.transact(lambda transaction: transaction.delete_outbox([row.seq for row in rows]))
        return 0

    commit.recover = forget


def repeats_records(_value: str) -> None:
    """Start-up does not look which records are in the journal already."""
    from keystead.audit import find

    find.journalled = lambda *_arguments: frozenset()


def skips_records(_value: str) -> None:
    """Every fifth change is answered without a record."""
    from keystead.services.commit import Committer

    passed = [0]

    def make(real: Any) -> Any:
        def skipping(committer: Committer, done: Any, outcome: Any) -> None:
            passed[0] += outcome.error is None
            if passed[0] % 5 == 4 and outcome.error is None:
                committed = outcome.made
                committer.published(committed.epoch)
                for outbox in committed.outbox:
                    committer._settle(outbox, b"", None)
                done(committed.decided)
            else:
                real(committer, done, outcome)

        return skipping

    swap(Committer, "_committed", make)


def forgets_changes(_value: str) -> None:
    """Every fifth change is answered and rolled back."""
    from keystead.services import change

    passed = [0]

    def make(real: Any) -> Any:
        def forgetting(self: Any, transaction: Any) -> None:
            passed[0] += 1
            if passed[0] % 5:
                real(self, transaction)

        return forgetting

    swap(change.Change, "apply", make)


def synced(value: str, *, lazy: bool = False) -> None:
    """Write down, in a file, what each fsync and fdatasync of this server made durable: size or names.

    ``lazy``: the journal's segments are synced when they are made and never again.
    """
    log = os.open(value, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)

    def make(real: Any) -> Any:
        def syncing(descriptor: int) -> None:
            path = os.readlink(f"/proc/self/fd/{descriptor}")
            state = os.fstat(descriptor)
            if stat.S_ISDIR(state.st_mode):
                what: Any = sorted(os.listdir(path))
            else:
                what = state.st_size
                if lazy and Path(path).name.startswith("segment-") and what > 1_000:
                    return
            real(descriptor)
            os.write(log, json.dumps([path, what]).encode() + b"\n")

        return syncing

    swap(os, "fdatasync", make)
    swap(os, "fsync", make)


def lazy(value: str) -> None:
    synced(value, lazy=True)


def unsettled(_value: str) -> None:
    """Start-up believes what it reads in a segment without making it durable."""
    from keystead.audit.files import Io

    Io.settle = lambda _io, _path, descriptor: os.fstat(descriptor).st_size  # type: ignore[method-assign]


# --- deletion ---------------------------------------------------------------------------------------------------------


def stuck_checkpoint(value: str) -> None:
    """The log cannot be emptied, so many times."""
    from keystead.store.interface import StoreUnavailable
    from keystead.store.sqlite import SqliteStore

    left = [int(value)]

    def make(real: Any) -> Any:
        def stuck(store: SqliteStore) -> None:
            left[0] -= 1
            if left[0] >= 0:
                raise StoreUnavailable("kept busy")
            real(store)

        return stuck

    swap(SqliteStore, "checkpoint_truncate", make)


def few_at_once(value: str) -> None:
    """One look for keys to delete finds so many at most."""
    from keystead.services.kms import sweep as sweeping

    sweeping._AT_ONCE = int(value)  # type: ignore[misc]


def no_checkpoint(value: str) -> None:
    """The log is not emptied while the file of that name exists."""
    from keystead.store.sqlite import SqliteStore

    def make(real: Any) -> Any:
        def idle(store: SqliteStore) -> None:
            if not Path(value).exists():
                real(store)

        return idle

    swap(SqliteStore, "checkpoint_truncate", make)


def early(value: str) -> None:
    """Keys are deleted so many seconds before their date."""
    from keystead.domain.key import Key
    from keystead.store.reader import SqlReader

    def make(real: Any) -> Any:
        return lambda self, now, *arguments: real(self, now + float(value), *arguments)

    swap(Key, "exists", make)
    swap(SqlReader, "due_for_deletion", make)


FAULTS: dict[str, Callable[[str], None]] = {
    function.__name__.replace("_", "-"): function
    for function in (
        clock,
        quick,
        die,
        anchors_often,
        sweep,
        slow_journal,
        late_epoch,
        stale_snapshot,
        remembers,
        late_commit,
        no_lock,
        slow_birth,
        blind_supervisor,
        forgets_records,
        repeats_records,
        skips_records,
        forgets_changes,
        synced,
        lazy,
        unsettled,
        few_at_once,
        stuck_checkpoint,
        no_checkpoint,
        early,
    )
}


def run() -> None:
    at = sys.argv.index("serve")
    given = [text.partition("=") for text in sys.argv[1:at]]
    for name, _, value in sorted(given, key=lambda fault: list(FAULTS).index(fault[0])):  # the clock before all imports
        FAULTS[name](value)
    sys.argv[1:at] = []
    from keystead.cli.main import main

    main()


if __name__ == "__main__":
    run()
