"""Deletion is real, never early, at most a minute late, and recorded (promise 5).

The server's clock is ahead by what a file says; the sweep comes often instead of every 15 seconds. What is looked for
in the files are the wrapped bytes of the key: without them nobody opens its material, root key or not.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from keystead import serve
from keystead.store.sqlite import SqliteStore
from tests.faults import running
from tests.faults.conftest import Start
from tests.faults.ledger import records
from tests.faults.wire import REGION, Answer, Wire

DAY = 86_400.0
WINDOW = 7


class Clock:
    """Time as the server sees it."""

    def __init__(self, file: Path) -> None:
        self.file = file
        self.set(0)

    def set(self, ahead: float) -> None:
        """So many seconds ahead of this machine; the server sees the old or the new number, nothing between."""
        new = self.file.with_suffix(".new")
        new.write_text(str(ahead))
        new.replace(self.file)
        self.ahead = ahead

    def __call__(self) -> float:
        return time.time() + self.ahead


class Keeper:
    """A server whose clock can be set, and a key in it."""

    def __init__(self, start: Start, tmp_path: Path, *faults: str, workers: int = 2) -> None:
        self.clock = Clock(tmp_path / "clock")
        self.start = start
        self.faults = (f"clock={self.clock.file}", "sweep=0.1", *faults)
        self.server = start(*self.faults, workers=workers)

    def restart(self) -> None:
        running.kill_everything(self.server)
        self.server = self.start(*self.faults, home=self.server.home)

    def call(self, operation: str, **members: Any) -> Answer:
        with Wire(running.port(self.server), running.signer(self.server, clock=self.clock)) as wire:
            return wire.call(operation, **members)

    def new_key(self) -> str:
        return str(self.call("CreateKey").json["KeyMetadata"]["KeyId"])

    def schedule(self, key: str) -> None:
        assert self.call("ScheduleKeyDeletion", KeyId=key, PendingWindowInDays=WINDOW).ok

    def state(self, key: str) -> str:
        """The key's state, or the code of the refusal."""
        answer = self.call("DescribeKey", KeyId=key)
        return str(answer.json["KeyMetadata"]["KeyState"]) if answer.ok else answer.code

    def wrapped(self, key: str) -> list[bytes]:
        """The bytes that open the key, as they lie in the store; none when it has no rows any more."""
        store = SqliteStore.open(self.server.data / "keystead.db", None, create=False)
        try:
            account = self.server.account
            wrap_key = store.read(lambda reader: reader.wrap_key(account, REGION, key))
            materials = store.read(lambda reader: reader.materials(account, REGION, key))
        finally:
            store.close()
        return [*([] if wrap_key is None else [wrap_key.wrapped]), *(row.wrapped for row in materials)]

    def deletions(self) -> list[str]:
        """Keys with a record of their deletion, one for each record."""
        found = records(self.server.data / "journal")
        return [record.details["keyId"] for record in found if record.operation == "DeleteKey"]


def files_with(secret: bytes, directory: Path) -> list[str]:
    return [path.name for path in directory.rglob("*") if path.is_file() and secret in path.read_bytes()]


def nowhere(keeper: Keeper, secrets: list[bytes]) -> Callable[[], bool]:
    return lambda: not any(files_with(secret, keeper.server.data) for secret in secrets)


@pytest.fixture
def keeper(start: Start, tmp_path: Path) -> Keeper:
    return Keeper(start, tmp_path)


def test_the_sweep_comes_often_enough() -> None:
    assert serve.SWEEP * 2 < 60


def test_a_key_is_deleted_at_its_date_and_its_bytes_with_it(keeper: Keeper) -> None:
    doomed, kept = keeper.new_key(), keeper.new_key()
    blob = keeper.call("Encrypt", KeyId=doomed, Plaintext="aGVsbG8=").json["CiphertextBlob"]
    assert keeper.call("CreateAlias", AliasName="alias/doomed", TargetKeyId=doomed).ok
    secrets, others = keeper.wrapped(doomed), keeper.wrapped(kept)
    assert len(secrets) == 2
    assert all(files_with(secret, keeper.server.data) for secret in secrets + others)
    keeper.schedule(doomed)

    keeper.clock.set(WINDOW * DAY - 60)
    time.sleep(0.5)
    assert keeper.state(doomed) == "PendingDeletion"
    assert keeper.wrapped(doomed) == secrets
    assert keeper.deletions() == []

    keeper.clock.set(WINDOW * DAY + 1)
    assert keeper.state(doomed) == "NotFoundException"
    assert not keeper.call("CancelKeyDeletion", KeyId=doomed).ok
    assert not keeper.call("Decrypt", CiphertextBlob=blob).ok
    running.soon(nowhere(keeper, secrets), "the bytes of the key are gone", 10)
    assert keeper.wrapped(doomed) == []
    assert keeper.wrapped(kept) == others
    assert keeper.state(kept) == "Enabled"
    assert keeper.call("DescribeKey", KeyId="alias/doomed").code == "NotFoundException"
    running.soon(lambda: keeper.deletions() == [doomed], "one record of the deletion", 10)
    running.verified(keeper.server)


def test_a_deletion_that_was_cancelled_does_not_happen(keeper: Keeper) -> None:
    key = keeper.new_key()
    keeper.schedule(key)
    keeper.clock.set(WINDOW * DAY - 60)
    assert keeper.call("CancelKeyDeletion", KeyId=key).ok
    keeper.clock.set(WINDOW * DAY + 60)
    time.sleep(0.5)
    assert keeper.state(key) == "Disabled"
    assert keeper.call("EnableKey", KeyId=key).ok
    assert keeper.deletions() == []


def test_many_keys_that_are_due_at_once_go_at_once(start: Start, tmp_path: Path) -> None:
    """More than one look takes at a time; the next look is far away."""
    keeper = Keeper(start, tmp_path, "sweep=3", "few-at-once=3", workers=1)
    keys = [keeper.new_key() for _ in range(10)]
    for key in keys:
        keeper.schedule(key)
    keeper.clock.set(WINDOW * DAY + 1)
    running.soon(lambda: len(keeper.deletions()) > 0, "the first deletion", 10)
    running.soon(lambda: len(keeper.deletions()) == len(keys), "the last deletion", 2.5)
    assert sorted(keeper.deletions()) == sorted(keys)


def test_a_log_that_could_not_be_emptied_is_emptied_later(start: Start, tmp_path: Path) -> None:
    keeper = Keeper(start, tmp_path, "stuck-checkpoint=3")
    key = keeper.new_key()
    secrets = keeper.wrapped(key)
    keeper.schedule(key)
    keeper.clock.set(WINDOW * DAY + 1)
    running.soon(nowhere(keeper, secrets), "the bytes of the key are gone", 10)


@pytest.mark.parametrize("what", ["worker", "server"])
def test_a_log_that_was_not_emptied_before_a_crash_is_emptied_after_it(start: Start, tmp_path: Path, what: str) -> None:
    stuck = tmp_path / "stuck"
    stuck.touch()
    keeper = Keeper(start, tmp_path, f"no-checkpoint={stuck}")
    key = keeper.new_key()
    secrets = keeper.wrapped(key)
    keeper.schedule(key)
    keeper.clock.set(WINDOW * DAY + 1)
    running.soon(lambda: keeper.deletions() == [key], "the deletion", 10)
    time.sleep(0.3)
    assert not nowhere(keeper, secrets)(), "the planted fault: the bytes are still in the log"
    if what == "worker":
        running.kill(keeper.server.worker_pids()[0])
        stuck.unlink()
    else:
        stuck.unlink()
        keeper.restart()
    running.soon(nowhere(keeper, secrets), "the bytes of the key are gone", 10)


def test_a_key_that_is_deleted_early_is_caught(start: Start, tmp_path: Path) -> None:
    keeper = Keeper(start, tmp_path, "early=120")
    key = keeper.new_key()
    keeper.schedule(key)
    keeper.clock.set(WINDOW * DAY - 60)
    running.soon(lambda: keeper.deletions() == [key], "the deletion that comes too early", 10)
