"""kill -9 at random moments: whatever was acknowledged is there, and nothing is half there."""

from __future__ import annotations

import random
import time
from pathlib import Path

import pytest

from keystead.store.interface import Reader
from keystead.store.sqlite import SqliteStore
from tests.store import examples
from tests.store.databases import SqliteDatabase, mac
from tests.store.examples import ACCOUNT, REGION
from tests.store.programs import line, program, rest


def live_and_die(path: Path, what: str, seconds: float) -> int:
    """One life of a committing program; the last number it acknowledged."""
    with program(what, path) as process:
        first = line(process)
        time.sleep(seconds)
        process.kill()
        return int(([first, *rest(process)])[-1])


def count_and_check(r: Reader) -> int:
    names = r.key_ids(ACCOUNT, REGION, None, 1_000_000)
    assert names == [f"{number:08}" for number in range(len(names))], "whole rows, without a gap"
    assert r.last_change() == len(names), "each with its change"
    for name in names:
        assert r.key(ACCOUNT, REGION, name) is not None
        assert r.wrap_key(ACCOUNT, REGION, name) == examples.wrap_key(name)
    return len(names)


def kill_again_and_again(sqlite: SqliteDatabase, lives: int, what: str = "numbers") -> None:
    store = sqlite.open()
    store.transact(examples.put_account)
    store.close()
    for life in range(lives):
        last = live_and_die(sqlite.path, what, random.Random(life).uniform(0.0, 0.2))
        with SqliteStore.open(sqlite.path, mac, create=False) as again:
            there = again.read(count_and_check)
            assert there > last, f"number {last} was acknowledged, {there} rows are there"
            assert there <= last + 2, "besides those acknowledged, only the one under way can be there"


def test_nothing_acknowledged_is_lost_when_the_process_is_killed(sqlite: SqliteDatabase) -> None:
    kill_again_and_again(sqlite, lives=4)


@pytest.mark.nightly
def test_nothing_acknowledged_is_lost_in_a_hundred_kills(sqlite: SqliteDatabase) -> None:
    kill_again_and_again(sqlite, lives=100)


def test_an_acknowledgement_before_the_commit_is_caught(sqlite: SqliteDatabase) -> None:
    with pytest.raises(AssertionError, match="was acknowledged"):
        kill_again_and_again(sqlite, lives=4, what="hasty")


def test_a_killed_writer_leaves_no_lock_and_nothing_of_its_transaction(sqlite: SqliteDatabase) -> None:
    store = sqlite.open()
    with program("hold", sqlite.path) as process:
        assert line(process) == "held"
    store.transact(lambda t: t.put_meta("after", b"1"))
    assert store.read(lambda r: (r.meta("held"), r.meta("after"))) == (None, b"1")
