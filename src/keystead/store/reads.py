"""How a read is done, over any database that runs the texts of `statements`.

Guarantees: a value that is made of a protected row passed its MAC. That it is the one that was asked for is compared by
whoever asks."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TypeVar

import msgspec

from keystead.store import rows
from keystead.store.interface import StoreTampered, StoreUnusable
from keystead.store.vault import Execute

T = TypeVar("T")


class NotText(StoreUnusable):
    """A text column holds bytes that are not UTF-8: raised by a database's ``Execute`` in place of an error that
    quotes them."""


class SqlReads:
    """Reads through ``execute``, valid as long as that is."""

    __slots__ = ("_execute", "_seal")

    def __init__(self, execute: Execute, seal: rows.Seal) -> None:
        self._execute = execute
        self._seal = seal

    def _number(self, text: str, values: rows.Columns) -> int:
        return int(self._execute(text, values)[0][0] or 0)

    def _bytes(self, text: str, values: rows.Columns) -> bytes | None:
        found = self._execute(text, values)
        return bytes(found[0][0]) if found else None

    def _all(self, table: str, name: Sequence[str], text: str, values: rows.Columns) -> list[rows.Columns]:
        try:
            return self._execute(text, values)
        except NotText:
            raise StoreTampered(table, name) from None

    def _one(
        self, table: str, name: Sequence[str], make: Callable[[rows.Columns], T], text: str, values: rows.Columns
    ) -> T | None:
        found = self._all(table, name, text, values)
        return self._value(table, name, make, found[0]) if found else None

    def _value(self, table: str, name: Sequence[str], make: Callable[[rows.Columns], T], row: rows.Columns) -> T:
        columns = self._seal.columns(table, name, row)
        try:
            return make(columns)
        except (ValueError, TypeError, msgspec.DecodeError):  # reached without row MACs only
            pass
        raise StoreTampered(table, name)  # out here, since the other error quotes the row and would go along as context
