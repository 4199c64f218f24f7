"""Contract: the change log never skips and never goes back; the outbox keeps its order."""

from __future__ import annotations

import pytest

from keystead.store.interface import ChangesLost, Store, Transaction
from tests.store.databases import Database
from tests.store.examples import ACCOUNT, REGION


def log(store: Store, *subjects: str) -> list[int]:
    return store.transact(lambda t: [t.log_change("key", ACCOUNT, REGION, one) for one in subjects])


def test_changes_come_in_order_after_the_given_number(store: Store) -> None:
    assert store.read(lambda r: r.last_change()) == 0
    assert store.read(lambda r: r.changes_since(0, 10)) == []
    one, two, three = log(store, "one", "two", "three")
    assert 0 < one < two < three
    assert store.read(lambda r: r.last_change()) == three
    assert store.read(lambda r: r.changes_since(0, 10)) == [
        (one, "key", ACCOUNT, REGION, "one"),
        (two, "key", ACCOUNT, REGION, "two"),
        (three, "key", ACCOUNT, REGION, "three"),
    ]
    assert [row.subject for row in store.read(lambda r: r.changes_since(one, 1))] == ["two"]
    assert store.read(lambda r: r.changes_since(three, 10)) == []


def test_numbers_grow_across_handles_and_rolled_back_transactions(database: Database, store: Store) -> None:
    other = database.open()
    numbers = log(store, "a") + log(other, "b")

    def fail(t: Transaction) -> None:
        t.log_change("key", ACCOUNT, REGION, "never")
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        other.transact(fail)
    numbers += log(store, "c") + log(other, "d")
    assert numbers == sorted(set(numbers))
    assert [row.subject for row in store.read(lambda r: r.changes_since(0, 10))] == ["a", "b", "c", "d"]


def test_trimming_forgets_old_changes_but_never_the_newest(store: Store) -> None:
    numbers = log(store, "a", "b", "c", "d")
    assert store.transact(lambda t: t.trim_changes(numbers[1])) == 2
    assert [row.subject for row in store.read(lambda r: r.changes_since(numbers[1], 10))] == ["c", "d"]
    assert store.transact(lambda t: t.trim_changes(numbers[3] + 100)) == 1
    assert store.read(lambda r: r.last_change()) == numbers[3]
    assert log(store, "e")[0] > numbers[3]


def test_who_asks_for_changes_that_were_trimmed_is_told_so_instead_of_missing_them(store: Store) -> None:
    numbers = log(store, "a", "b", "c", "d")
    store.transact(lambda t: t.trim_changes(numbers[1]))
    for seq in (0, numbers[0]):
        with pytest.raises(ChangesLost):
            store.read(lambda r, seq=seq: r.changes_since(seq, 10))


def test_who_is_ahead_of_the_log_is_told_so(store: Store) -> None:
    """A store put back from a backup: its numbers begin again below what a worker has seen."""
    [last] = log(store, "a")
    with pytest.raises(ChangesLost):
        store.read(lambda r: r.changes_since(last + 1, 10))


def test_the_outbox_gives_the_oldest_first_until_they_are_deleted(store: Store) -> None:
    seqs = store.transact(lambda t: [t.put_outbox(f"event {n}", f"record {n}".encode()) for n in range(5)])
    assert seqs == sorted(set(seqs))
    assert store.read(lambda r: r.outbox(2)) == [
        (seqs[0], "event 0", b"record 0", True),
        (seqs[1], "event 1", b"record 1", True),
    ]
    store.transact(lambda t: t.delete_outbox([seqs[0], seqs[2], 10_000]))
    assert [row.event_id for row in store.read(lambda r: r.outbox(10))] == ["event 1", "event 3", "event 4"]
    store.transact(lambda t: t.delete_outbox(seqs))
    assert store.read(lambda r: r.outbox(10)) == []
    assert store.transact(lambda t: t.put_outbox("later", b"")) > seqs[-1], "a number is never used again"
