"""Deletion is real: after it and a checkpoint, sealed bytes are in neither the database file nor its log.

The planted fault shows why the vault is as it is: with plain deletions, even under secure_delete, some of many deleted byte
strings can still be read in the file.
"""

from __future__ import annotations

import random
import re
from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from keystead.domain.key import WrappedKey
from keystead.store import vault
from keystead.store.interface import DomainKeyRow, SlotRow, Transaction
from tests.store import examples
from tests.store.databases import SqliteDatabase
from tests.store.examples import ACCESS_KEY_ID, ACCOUNT, KEY_ID, REGION, scramble
from tests.store.programs import raw


def test_a_deleted_key_is_in_neither_file_after_the_checkpoint(sqlite: SqliteDatabase) -> None:
    store = sqlite.open()
    store.transact(lambda t: (examples.put_all(t), t.put_material(examples.material(version=2, size=9_000))))
    sealed = [
        examples.wrap_key().wrapped,
        examples.material().wrapped,
        examples.material(version=2, size=9_000).wrapped,
    ]
    sealed[2] = sealed[2][-200:]  # its last bytes: the whole is spread over several pages
    assert all(one in raw(sqlite.path) for one in sealed), "the search finds them while they are there"
    store.checkpoint_truncate()
    assert all(one in raw(sqlite.path) for one in sealed)
    store.transact(lambda t: t.delete_key(ACCOUNT, REGION, KEY_ID))
    store.checkpoint_truncate()
    left = raw(sqlite.path)
    assert not [one for one in sealed if one in left]


REPLACED: list[tuple[str, Callable[[Transaction], object], Callable[[Transaction], object]]] = [
    (
        "a wrap key wrapped anew",
        lambda t: t.put_wrap_key(WrappedKey(ACCOUNT, REGION, KEY_ID, scramble("old", 92))),
        lambda t: t.put_wrap_key(WrappedKey(ACCOUNT, REGION, KEY_ID, scramble("new", 92))),
    ),
    (
        "a wrap key wrapped anew in another size",
        lambda t: t.put_wrap_key(WrappedKey(ACCOUNT, REGION, KEY_ID, scramble("old", 92))),
        lambda t: t.put_wrap_key(WrappedKey(ACCOUNT, REGION, KEY_ID, scramble("new", 100))),
    ),
    (
        "an imported material that was deleted",
        lambda t: t.put_material(replace(examples.material(version=2), wrapped=scramble("old", 80))),
        lambda t: t.delete_material(ACCOUNT, REGION, KEY_ID, examples.material(version=2).material_id),
    ),
    (
        "an account key wrapped anew",
        lambda t: t.put_account(ACCOUNT, "main", scramble("old", 92), 1.0),
        lambda t: t.put_account(ACCOUNT, "main", scramble("new", 92), 1.0),
    ),
    (
        "a domain key wrapped under another root",
        lambda t: t.put_domain_key(DomainKeyRow(1, scramble("old", 60), 1.0)),
        lambda t: t.put_domain_key(DomainKeyRow(1, scramble("new", 60), 1.0)),
    ),
    (
        "a custodian that was removed",
        lambda t: t.put_slot(SlotRow(1, "passphrase", "{}", scramble("old", 60))),
        lambda t: t.delete_slot(1),
    ),
    (
        "an access key that was deleted",
        lambda t: t.put_access_key(
            type(examples.access_key())("AKIA", examples.USER_ID, scramble("old", 80), True, 1.0)
        ),
        lambda t: t.delete_access_key("AKIA"),
    ),
]


@pytest.mark.parametrize(("before", "after"), [row[1:] for row in REPLACED], ids=[row[0] for row in REPLACED])
def test_what_was_replaced_or_removed_is_in_neither_file(
    sqlite: SqliteDatabase, before: Callable[[Transaction], object], after: Callable[[Transaction], object]
) -> None:
    store = sqlite.open()
    store.transact(lambda t: (examples.put_all(t), before(t)))
    store.checkpoint_truncate()
    store.transact(after)
    old = {scramble("old", size) for size in (60, 80, 92)}
    assert any(one in raw(sqlite.path) for one in old), "it is there until the checkpoint"
    store.checkpoint_truncate()
    assert not any(one in raw(sqlite.path) for one in old)
    assert store.read(lambda r: r.access_key(ACCESS_KEY_ID)) == examples.access_key()


def test_of_many_keys_deleted_in_any_order_not_one_is_left(sqlite: SqliteDatabase) -> None:
    chance = random.Random(1)
    store = sqlite.open()
    names = [f"{chance.randrange(10**9):09}" for _ in range(400)]

    def put(t: Transaction) -> None:
        examples.put_account(t)
        for name in names:
            t.put_key(examples.key(name))
            t.put_wrap_key(examples.wrap_key(name))
            t.put_material(examples.material(name))

    store.transact(put)
    gone, kept = names[:300], names[300:]
    for name in gone[:50]:
        store.transact(lambda t, name=name: t.delete_key(ACCOUNT, REGION, name))
    store.transact(lambda t: [t.delete_key(ACCOUNT, REGION, name) for name in gone[50:]])
    store.checkpoint_truncate()
    left = raw(sqlite.path)
    sealed = {name: (examples.wrap_key(name).wrapped, examples.material(name).wrapped) for name in names}
    assert not [name for name in gone if sealed[name][0] in left or sealed[name][1] in left]
    assert all(left.count(one) == 1 for name in kept for one in sealed[name]), "and what lives is there once"


SIZES = ((60, 92), (60, 92, 92, 300), tuple(range(20, 600)), (300, 1500, 2500, 9000))


def busy_vault(sqlite: SqliteDatabase, seed: int) -> tuple[int, int, int]:
    """Bytes of all sizes placed, replaced and wiped in random order, directly in the vault.

    (how many were wiped, how many of these are still in the files, how many live ones are there more or less than once)
    """
    chance = random.Random(seed)
    sizes, wipes = SIZES[seed % len(SIZES)], chance.choice([0.2, 0.35, 0.49])
    live: dict[int, bytes] = {}
    wiped: list[bytes] = []
    marks = iter(range(1_000_000))

    def data() -> bytes:
        return b"MARK" + scramble(f"{seed} {next(marks)}", 12) + bytes(chance.choice(sizes) - 16)

    def some(t: Any) -> None:
        for _ in range(100):
            slot = chance.choice(list(live)) if live else None
            if slot is not None and chance.random() < wipes:
                wiped.append(live.pop(slot)[:16])
                vault.wipe(t._execute, slot)
            elif slot is not None and chance.random() < 0.1:
                wiped.append(live.pop(slot)[:16])
                new = data()
                live[vault.place(t._execute, slot, new)] = new
            else:
                new = data()
                live[vault.place(t._execute, None, new)] = new

    store = sqlite.open()
    for _ in range(30):
        store.transact(some)
    store.checkpoint_truncate()
    left = Counter(re.findall(rb"MARK.{12}", raw(sqlite.path), re.DOTALL))
    store.close()
    return len(wiped), sum(one in left for one in wiped), sum(left[one[:16]] != 1 for one in live.values())


@pytest.mark.parametrize("seed", range(4))
def test_the_vault_keeps_one_copy_of_what_lives_and_none_of_what_was_wiped(sqlite: SqliteDatabase, seed: int) -> None:
    wiped, left, odd = busy_vault(sqlite, seed)
    assert wiped > 300
    assert (left, odd) == (0, 0)


@pytest.mark.nightly
@pytest.mark.parametrize("seed", range(4, 200))
def test_the_vault_keeps_no_copy_in_many_lives(sqlite: SqliteDatabase, seed: int) -> None:
    assert busy_vault(sqlite, seed)[1:] == (0, 0)


def test_wiped_slots_are_used_again(sqlite: SqliteDatabase) -> None:
    store = sqlite.open()
    store.transact(examples.put_all)
    [(before,)] = sqlite.look("SELECT COUNT(*) FROM sealed")
    for number in range(20):
        store.transact(lambda t: t.delete_key(ACCOUNT, REGION, KEY_ID))
        store.transact(lambda t, number=number: (t.put_key(examples.key()), t.put_wrap_key(examples.wrap_key())))
    [(after,)] = sqlite.look("SELECT COUNT(*) FROM sealed")
    assert after == before


def test_a_slot_that_is_wrongly_listed_as_free_is_not_overwritten(sqlite: SqliteDatabase) -> None:
    store = sqlite.open()
    store.transact(examples.put_all)
    [(slot,)] = sqlite.look("SELECT slot FROM wrap_keys")
    sqlite.edit("INSERT INTO wiped (slot, size) VALUES (?, ?)", slot, len(examples.wrap_key().wrapped))
    with pytest.raises(vault.StoreUnusable, match="listed as free"):
        store.transact(lambda t: (t.put_key(examples.key("new")), t.put_wrap_key(examples.wrap_key("new"))))
    assert store.read(lambda r: r.wrap_key(ACCOUNT, REGION, KEY_ID)) == examples.wrap_key()


# --- the examination bites ---------------------------------------------------------------------------------------------------


def test_plain_deletion_under_secure_delete_is_caught(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def delete(execute: vault.Execute, slot: int) -> None:
        execute("DELETE FROM sealed WHERE slot = ?", (slot,))

    monkeypatch.setattr(vault, "wipe", delete)
    found = []
    for seed in range(4):
        (tmp_path / str(seed)).mkdir()
        found.append(busy_vault(SqliteDatabase(tmp_path / str(seed)), seed))
    assert sum(left + odd for _, left, odd in found) > 0, "SQLite has changed: is the vault still needed?"


def test_marking_as_deleted_is_caught(sqlite: SqliteDatabase, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(vault, "wipe", lambda *_: None)
    store = sqlite.open()
    store.transact(examples.put_all)
    store.transact(lambda t: t.delete_key(ACCOUNT, REGION, KEY_ID))
    store.checkpoint_truncate()
    assert store.read(lambda r: r.wrap_key(ACCOUNT, REGION, KEY_ID)) is None
    assert examples.wrap_key().wrapped in raw(sqlite.path)
