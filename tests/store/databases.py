"""The databases that the contract tests run on: one class each, one row in `DATABASES`.

A class gives handles of a fresh database (`open`), closes them at the end (`close`), and changes rows behind the store's
back (`edit`, `look`), which is what an attacker with the files does.
"""

from __future__ import annotations

import hmac
from collections.abc import Callable
from pathlib import Path
from typing import Any, Protocol

import apsw

from keystead.store.interface import RowMac, Store
from keystead.store.sqlite import SqliteStore


def mac(data: bytes) -> bytes:
    return hmac.digest(b"the metadata branch of a test", data, "sha256")


class Database(Protocol):
    def open(self, row_mac: RowMac | None = mac) -> Store: ...

    def edit(self, text: str, *values: Any) -> None: ...

    def look(self, text: str, *values: Any) -> list[tuple[Any, ...]]: ...

    def close(self) -> None: ...


class SqliteDatabase:
    def __init__(self, directory: Path) -> None:
        self.path = directory / "store" / "keystead.db"
        self.handles: list[SqliteStore] = []

    def open(self, row_mac: RowMac | None = mac) -> SqliteStore:
        self.handles.append(SqliteStore.open(self.path, row_mac, create=True))
        return self.handles[-1]

    def edit(self, text: str, *values: Any) -> None:
        self.look(text, *values)

    def look(self, text: str, *values: Any) -> list[tuple[Any, ...]]:
        connection = apsw.Connection(str(self.path))
        try:
            return connection.execute(text, values).fetchall()
        finally:
            connection.close()

    def close(self) -> None:
        for handle in self.handles:
            handle.close()


DATABASES: dict[str, Callable[[Path], Database]] = {"sqlite": SqliteDatabase}
