"""Contract: all or nothing, one order, one snapshot, one call at a time."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable

import pytest

from keystead.store.interface import Reader, Store, StoreConflict, StoreUnusable, Transaction
from tests.store import examples
from tests.store.databases import Database, mac
from tests.store.examples import ACCOUNT, KEY_ID, REGION


class Stop(Exception):
    """Raised by a transaction function."""


def test_what_was_committed_is_seen_by_every_other_handle_at_once(database: Database, store: Store) -> None:
    other = database.open()
    for number in range(20):
        value = str(number).encode()
        store.transact(lambda t, value=value: t.put_meta("n", value))
        assert other.read(lambda r: r.meta("n")) == value


def test_what_was_committed_is_there_after_closing_and_opening(database: Database, store: Store) -> None:
    store.transact(examples.put_all)
    store.close()
    again = database.open()
    assert again.read(lambda r: r.key(ACCOUNT, REGION, KEY_ID)) == examples.key()


def test_a_transaction_that_raises_leaves_nothing(database: Database, store: Store) -> None:
    def fail(t: Transaction) -> None:
        examples.put_all(t)
        t.log_change("key", ACCOUNT, REGION, KEY_ID)
        t.put_outbox("event", b"record")
        assert t.key(ACCOUNT, REGION, KEY_ID) is not None, "reads see the transaction's own writes"
        raise Stop

    with pytest.raises(Stop):
        store.transact(fail)
    for handle in (store, database.open()):
        assert handle.read(lambda r: r.key(ACCOUNT, REGION, KEY_ID)) is None
        assert handle.read(lambda r: r.last_change()) == 0
        assert handle.read(lambda r: r.outbox(10)) == []


def test_a_transaction_that_goes_on_after_a_refused_write_is_refused_as_a_whole(store: Store) -> None:
    store.transact(lambda t: t.put_key(examples.key()))

    def careless(t: Transaction) -> str:
        t.put_meta("before", b"1")
        with pytest.raises(StoreConflict):
            t.put_key(examples.key("new", ref=examples.key().ref))
        with pytest.raises(StoreConflict):
            t.put_meta("after", b"1")
        return "done"

    with pytest.raises(StoreConflict):
        store.transact(careless)
    assert store.read(lambda r: (r.meta("before"), r.meta("after"))) == (None, None)


def test_a_read_keeps_its_snapshot_while_others_commit(database: Database, store: Store) -> None:
    other = database.open()
    store.transact(lambda t: t.put_meta("n", b"before"))

    def look(r: Reader) -> tuple[bytes | None, bytes | None]:
        first = r.meta("n")
        other.transact(lambda t: t.put_meta("n", b"after"))
        return first, r.meta("n")

    assert store.read(look) == (b"before", b"before")
    assert store.read(lambda r: r.meta("n")) == b"after"


def test_a_read_cannot_write(store: Store) -> None:
    assert not store.read(lambda r: hasattr(r, "put_meta"))


@pytest.mark.parametrize("call", ["read", "transact"])
def test_a_reader_is_of_no_use_after_its_transaction(store: Store, call: str) -> None:
    kept = getattr(store, call)(lambda r: r)
    with pytest.raises(RuntimeError, match="after its transaction"):
        kept.meta("x")


def test_the_answer_of_the_function_is_the_answer_of_the_call(store: Store) -> None:
    answer = object()
    assert store.read(lambda _: answer) is answer
    assert store.transact(lambda _: answer) is answer


def test_a_call_inside_a_call_is_refused_and_harms_nothing(store: Store) -> None:
    def inner(t: Transaction) -> None:
        t.put_meta("outer", b"1")
        with pytest.raises(RuntimeError, match="in use"):
            store.transact(lambda u: u.put_meta("inner", b"1"))

    store.transact(inner)
    assert store.read(lambda r: (r.meta("outer"), r.meta("inner"))) == (b"1", None)


def test_a_handle_in_use_by_one_thread_refuses_another_which_takes_its_own(store: Store) -> None:
    refused: list[BaseException] = []
    seen: list[bytes | None] = []

    def elsewhere() -> None:
        try:
            store.read(lambda r: r.meta("n"))
        except RuntimeError as error:
            refused.append(error)
        own = store.connect()
        seen.append(own.read(lambda r: r.meta("n")))
        own.close()

    def during(_: Reader) -> None:
        thread = threading.Thread(target=elsewhere)
        thread.start()
        thread.join()

    store.transact(lambda t: t.put_meta("n", b"1"))
    store.read(during)
    assert len(refused) == 1
    assert seen == [b"1"]


def test_a_handle_is_refused_after_a_fork(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    child = os.getpid() + 1
    with monkeypatch.context() as patch:
        patch.setattr(os, "getpid", lambda: child)
        with pytest.raises(RuntimeError, match="fork"):
            store.read(lambda r: r.meta("n"))
    assert store.read(lambda r: r.meta("n")) is None


def test_a_closed_handle_says_so_and_closing_twice_is_allowed(store: Store) -> None:
    store.close()
    store.close()
    with pytest.raises(RuntimeError, match="closed"):
        store.read(lambda r: r.meta("n"))


WRITES_WITH_A_MAC: list[Callable[[Transaction], None]] = [
    lambda t: t.put_key(examples.key()),
    lambda t: t.put_alias(examples.alias()),
    lambda t: t.put_identity(examples.identity()),
    lambda t: t.put_group(examples.group()),
    lambda t: t.put_managed_policy(examples.managed_policy()),
    lambda t: t.put_access_key(examples.access_key()),
]


@pytest.mark.parametrize("write", WRITES_WITH_A_MAC)
def test_a_handle_without_row_macs_reads_but_writes_no_row_that_needs_one(
    database: Database, store: Store, write: Callable[[Transaction], None]
) -> None:
    store.transact(examples.put_all)
    tool = database.open(row_mac=None)
    assert tool.read(lambda r: r.key(ACCOUNT, REGION, KEY_ID)) == examples.key()
    with pytest.raises(StoreUnusable, match="without row MACs"):
        tool.transact(write)
    tool.transact(lambda t: t.put_meta("tool", b"may"))


def test_a_handle_opened_before_the_root_key_gives_one_with_row_macs(database: Database, store: Store) -> None:
    store.transact(examples.put_all)
    early = database.open(row_mac=None)
    late = early.connect(mac)
    late.transact(lambda t: t.put_key(examples.key(description="changed")))
    assert store.read(lambda r: r.key(ACCOUNT, REGION, KEY_ID)) == examples.key(description="changed")
    late.close()
