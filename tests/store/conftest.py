"""A fresh database for each test, on every database there is."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from keystead.store.interface import Store
from tests.store import examples
from tests.store.databases import DATABASES, Database, SqliteDatabase


@pytest.fixture(params=DATABASES)
def database(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Database]:
    made = DATABASES[request.param](tmp_path)
    yield made
    made.close()


@pytest.fixture
def store(database: Database) -> Store:
    """A store that knows the example account and nothing else."""
    store = database.open()
    store.transact(examples.put_account)
    return store


@pytest.fixture
def sqlite(tmp_path: Path) -> Iterator[SqliteDatabase]:
    """For what only SQLite does."""
    made = SqliteDatabase(tmp_path)
    yield made
    made.close()
