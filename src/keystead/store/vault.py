"""Where sealed bytes lie: one table whose rows are overwritten in place, never moved and never deleted.

Guarantees: after `wipe`, or a `place` that replaces, the earlier bytes are on no page of the SQLite database file
once the write-ahead log has been checkpointed and truncated. Does not guarantee that the medium below the file
forgets them (flash translation layers, copy-on-write file systems, snapshots, backups); the key hierarchy is there
for that.

Why not just DELETE with ``secure_delete``: SQLite then zeroes the deleted cell, but when it balances a B-tree it may pack
cells of several pages anew and leave old copies in the unused middle of a page (btree.c, rebuildPage). Of ten thousand
deleted rows a few can still be read in the file, and live rows have such copies too; tests/store/test_shredding.py shows
it. Cells are packed anew only when a row is inserted between others, is deleted, or changes its size. So here a row is only
appended, or replaced by one of exactly its size, which SQLite does in place, and wiped rows are kept for the next bytes of
that size. ``secure_delete`` is still needed: it clears the first page when the table outgrows it.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeAlias

from keystead.store import statements as sql
from keystead.store.interface import StoreUnusable

# One statement with its parameters -> its rows.
Execute: TypeAlias = Callable[[str, tuple[Any, ...]], list[tuple[Any, ...]]]


def place(execute: Execute, slot: int | None, data: bytes) -> int:
    """Store ``data``, in place of what ``slot`` holds if that is given. The slot where it lies now."""
    if slot is not None:
        if _size(execute, slot) == len(data):
            execute(sql.OVERWRITE_SEALED, (data, slot))
            return slot
        wipe(execute, slot)
    for (free,) in execute(sql.FIND_WIPED, (len(data),)):
        # A free slot that holds bytes would be somebody's key: rather stop than overwrite it.
        if execute(sql.READ_SEALED, (free,)) != [(bytes(len(data)),)]:
            raise StoreUnusable(
                f"slot {free} of table sealed is listed as free but is not empty: the database is damaged"
            )
        execute(sql.DELETE_WIPED, (free,))
        execute(sql.OVERWRITE_SEALED, (data, free))
        return int(free)
    [(new,)] = execute(sql.ADD_SEALED, (data,))
    return int(new)


def wipe(execute: Execute, slot: int) -> None:
    """Overwrite what ``slot`` holds with zeros of the same number and keep the slot for later bytes of that number."""
    size = _size(execute, slot)
    execute(sql.OVERWRITE_SEALED, (bytes(size), slot))
    execute(sql.ADD_WIPED, (slot, size))


def _size(execute: Execute, slot: int) -> int:
    found = execute(sql.READ_SEALED, (slot,))
    if not found:
        raise StoreUnusable(f"slot {slot} of table sealed is missing: the database is damaged")
    return len(found[0][0])
