"""What is opened is a Keystead store of a schema this program knows, and nobody else's business."""

from __future__ import annotations

import os
import stat
from collections.abc import Callable, Iterator
from pathlib import Path

import apsw
import pytest

from keystead.store import migrations
from keystead.store.interface import StoreUnusable
from keystead.store.migrations import Migration
from keystead.store.sqlite import APPLICATION_ID, SqliteStore
from tests.store import examples
from tests.store.databases import SqliteDatabase, mac
from tests.store.examples import ACCOUNT, KEY_ID, REGION


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


@pytest.fixture
def open_umask() -> Iterator[None]:
    before = os.umask(0)
    yield
    os.umask(before)


# --- files ------------------------------------------------------------------------------------------------------------


@pytest.mark.usefixtures("open_umask")
def test_files_are_made_for_their_owner_only(sqlite: SqliteDatabase) -> None:
    sqlite.open().transact(examples.put_all)
    directory = sqlite.path.parent
    assert mode(directory) == 0o700
    found = {entry.name: mode(entry) for entry in directory.iterdir()}
    assert found == {"keystead.db": 0o600, "keystead.db-wal": 0o600, "keystead.db-shm": 0o600}


def test_a_store_that_others_may_read_is_refused_with_the_cure(sqlite: SqliteDatabase) -> None:
    sqlite.open().close()
    for path, bad, good in ((sqlite.path, 0o640, 0o600), (sqlite.path.parent, 0o750, 0o700)):
        path.chmod(bad)
        with pytest.raises(StoreUnusable, match=f"chmod {good:o}"):
            sqlite.open()
        path.chmod(good)
    sqlite.open()


def test_a_new_store_in_a_directory_of_others_is_refused_and_not_made(tmp_path: Path) -> None:
    tmp_path.chmod(0o755)
    with pytest.raises(StoreUnusable, match="chmod 700"):
        SqliteStore.open(tmp_path / "keystead.db", mac, create=True)
    assert list(tmp_path.iterdir()) == []


def test_a_store_of_another_user_is_refused(sqlite: SqliteDatabase, monkeypatch: pytest.MonkeyPatch) -> None:
    sqlite.open().close()
    me = os.geteuid()
    monkeypatch.setattr(os, "geteuid", lambda: me + 1)
    with pytest.raises(StoreUnusable, match=f"belongs to user {me}"):
        sqlite.open()


def test_a_symbolic_link_is_refused(sqlite: SqliteDatabase, tmp_path: Path) -> None:
    sqlite.open().close()
    link = sqlite.path.parent / "link.db"
    link.symlink_to(sqlite.path)
    with pytest.raises(StoreUnusable, match="regular file"):
        SqliteStore.open(link, mac, create=True)


def test_a_missing_store_is_only_made_when_asked(tmp_path: Path) -> None:
    path = tmp_path / "new" / "keystead.db"
    for wanted in (path, tmp_path / "keystead.db"):
        with pytest.raises(StoreUnusable, match="There is no"):
            SqliteStore.open(wanted, mac, create=False)
    assert list(tmp_path.iterdir()) == []
    with pytest.raises(StoreUnusable, match="There is no directory"):
        SqliteStore.open(tmp_path / "no" / "such" / "keystead.db", mac, create=True)
    SqliteStore.open(path, mac, create=True).close()
    SqliteStore.open(path, mac, create=False).close()


# --- identity -----------------------------------------------------------------------------------------------------------


def make(path: Path, text: str) -> bytes:
    """A database of somebody else; its bytes."""
    connection = apsw.Connection(str(path))
    connection.execute(text)
    connection.close()
    path.chmod(0o600)
    return path.read_bytes()


@pytest.mark.parametrize(
    "text",
    [
        pytest.param("CREATE TABLE t (a)", id="with tables"),
        pytest.param("PRAGMA application_id = 1; CREATE TABLE t (a)", id="with another id"),
        pytest.param("PRAGMA user_version = 1; CREATE TABLE t (a)", id="with a version"),
        pytest.param(f"PRAGMA application_id = {APPLICATION_ID}; PRAGMA user_version = 99", id="newer"),
    ],
)
@pytest.mark.parametrize("create", [True, False])
def test_a_database_of_another_application_or_schema_is_refused_untouched(
    tmp_path: Path, text: str, create: bool
) -> None:
    path = tmp_path / "other.db"
    before = make(path, text)
    with pytest.raises(StoreUnusable, match=r"not a Keystead store|knows versions up to"):
        SqliteStore.open(path, mac, create=create)
    assert path.read_bytes() == before
    assert [entry.name for entry in tmp_path.iterdir()] == ["other.db"]


def test_a_file_that_is_no_database_is_refused_untouched(tmp_path: Path) -> None:
    path = tmp_path / "text.db"
    path.write_bytes(b"no database" * 1000)
    path.chmod(0o600)
    with pytest.raises(StoreUnusable, match="damaged or is not a store"):
        SqliteStore.open(path, mac, create=True)
    assert path.read_bytes() == b"no database" * 1000


def test_damage_is_said_and_nothing_of_it_used(sqlite: SqliteDatabase) -> None:
    store = sqlite.open()
    store.transact(
        lambda t: [
            t.put_key(examples.key(f"{n:04}"))
            for n in [t.put_account(ACCOUNT, "a", b"k", 1.0), *range(300)]
            if n is not None
        ]
    )
    store.close()
    data = bytearray(sqlite.path.read_bytes())
    for page in range(2, len(data) // 4096):
        data[page * 4096 : page * 4096 + 200] = b"\x5a" * 200
    sqlite.path.write_bytes(data)
    with pytest.raises(StoreUnusable):
        sqlite.open().read(lambda r: [r.key(ACCOUNT, REGION, f"{n:04}") for n in range(300)])


def test_the_file_says_whose_it_is_and_how_it_is_kept(sqlite: SqliteDatabase) -> None:
    store = sqlite.open()
    [version] = sqlite.look("PRAGMA user_version")
    assert sqlite.look("PRAGMA application_id") == [(APPLICATION_ID,)]
    assert version == (migrations.load()[-1].version,)
    assert sqlite.look("PRAGMA journal_mode") == [("wal",)]
    connection = store._connection
    assert connection is not None
    pragmas = {name: connection.pragma(name) for name in ("synchronous", "secure_delete", "foreign_keys", "temp_store")}
    assert pragmas == {"synchronous": 2, "secure_delete": 1, "foreign_keys": 1, "temp_store": 2}


def test_code_that_somebody_planted_in_the_file_does_not_run(sqlite: SqliteDatabase) -> None:
    store = sqlite.open()
    store.transact(examples.put_all)
    sqlite.edit("CREATE TRIGGER planted AFTER INSERT ON meta BEGIN DELETE FROM wrap_keys; END")
    store.transact(lambda t: t.put_meta("n", b"1"))
    assert store.read(lambda r: r.wrap_key(ACCOUNT, REGION, KEY_ID)) == examples.wrap_key()


# --- migrations -----------------------------------------------------------------------------------------------------------

Plan = Callable[[str], None]


@pytest.fixture
def plan(monkeypatch: pytest.MonkeyPatch) -> Plan:
    """Adds one step after the last to what this program knows."""
    known = migrations.load()

    def add(text: str) -> None:
        longer = (*known, Migration(known[-1].version + 1, "next", text))
        monkeypatch.setattr(migrations, "load", lambda: longer)

    return add


def test_an_older_store_is_brought_up_to_date_with_its_rows(sqlite: SqliteDatabase, plan: Plan) -> None:
    sqlite.open().transact(examples.put_all)
    plan("CREATE TABLE extra (a $integer NOT NULL) $strict; INSERT INTO extra (a) VALUES (7)")
    store = sqlite.open()
    assert sqlite.look("SELECT a FROM extra") == [(7,)]
    assert store.read(lambda r: r.key(ACCOUNT, REGION, KEY_ID)) == examples.key()
    sqlite.open()
    assert sqlite.look("SELECT a FROM extra") == [(7,)], "a step runs once"


def test_a_program_that_runs_while_a_newer_one_migrates_stops_to_write(sqlite: SqliteDatabase, plan: Plan) -> None:
    old = sqlite.open()
    old.transact(examples.put_all)
    plan("CREATE TABLE extra (a $integer NOT NULL) $strict")
    new = sqlite.open()
    with pytest.raises(StoreUnusable, match="restart"):
        old.transact(lambda t: t.put_meta("n", b"old"))
    new.transact(lambda t: t.put_meta("n", b"new"))
    assert old.read(lambda r: r.meta("n")) == b"new"


def test_a_step_that_fails_leaves_the_store_as_it_was(sqlite: SqliteDatabase, plan: Plan) -> None:
    sqlite.open().transact(examples.put_all)
    [before] = sqlite.look("PRAGMA user_version")
    plan("CREATE TABLE extra (a $integer) $strict; INSERT INTO extra VALUES (1); INSERT INTO no_such_table VALUES (1)")
    with pytest.raises(StoreUnusable, match="no_such_table"):
        sqlite.open()
    assert sqlite.look("PRAGMA user_version") == [before]
    assert sqlite.look("SELECT COUNT(*) FROM sqlite_schema WHERE name = 'extra'") == [(0,)]
    plan("CREATE TABLE extra (a $integer) $strict")
    assert sqlite.open().read(lambda r: r.key(ACCOUNT, REGION, KEY_ID)) == examples.key()


def test_steps_are_numbered_without_gaps(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    first = migrations.FIRST
    (tmp_path / f"{first:04}_first.sql").write_text("SELECT 1")
    (tmp_path / f"{first + 2:04}_third.sql").write_text("SELECT 3")
    monkeypatch.setattr(migrations.resources, "files", lambda _: tmp_path)
    with pytest.raises(ValueError, match="without gaps"):
        migrations.load.__wrapped__()
    (tmp_path / f"{first + 1:04}_second.sql").write_text("SELECT 2")
    assert [step.version for step in migrations.load.__wrapped__()] == [first, first + 1, first + 2]


def test_a_store_of_a_development_version_is_refused_in_one_sentence_and_left_as_it_is(sqlite: SqliteDatabase) -> None:
    sqlite.open().close()
    sqlite.edit(f"PRAGMA user_version = {migrations.FIRST - 1}")
    before = sqlite.path.read_bytes()
    with pytest.raises(StoreUnusable, match="before the first release") as refused:
        sqlite.open()
    assert str(refused.value).count(". ") == 0
    assert sqlite.path.read_bytes() == before
