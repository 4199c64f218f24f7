"""The store on SQLite (through apsw, which brings its own current SQLite): connections, transactions, failures,
migrations.

Guarantees `interface.Store` for any number of processes on one machine with a local file system: write-ahead log with
synchronous=FULL, so a commit returns after fdatasync; one writer at a time under SQLite's own lock, waited for in
bounded time; readers never wait for writers. A store of another application or of a newer schema is refused before
anything in it changes; processes that start together migrate once.

Does not guarantee anything on network file systems (their locks and shared memory do not hold), nor when something in
the same process opens and closes the database file beside SQLite (see files.py), nor across a fork: open after it.
"""

from __future__ import annotations

import contextlib
import os
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Final, Self, TypeVar

import apsw

from keystead.store import files, migrations, rows
from keystead.store.interface import (
    Reader,
    RowMac,
    Store,
    StoreConflict,
    StoreError,
    StoreUnavailable,
    StoreUnusable,
    Transaction,
)
from keystead.store.reader import SqlReader
from keystead.store.reads import NotText
from keystead.store.transaction import SqlTransaction
from keystead.store.vault import Execute

T = TypeVar("T")

# In the file's header: tells a Keystead store from any other SQLite database ("KStd").
APPLICATION_ID: Final = 0x4B537464

# SQLite's spelling of the words in the migrations.
WORDS: Final = {
    "bytes": "BLOB",
    "integer": "INTEGER",
    "seconds": "REAL",
    "sequence": "INTEGER PRIMARY KEY AUTOINCREMENT",
    "strict": "STRICT",
}

# Waits between tries for a lock, in seconds; the last one repeats. The first is none: SQLite also asks when a
# snapshot was overtaken between two of its steps, which a second try cures. A commit holds the lock for about one
# fdatasync.
WAITS: Final = (0.0, 0.0005, 0.001, 0.002, 0.003, 0.005)

# Runs of one transaction function when SQLite answers busy without asking to wait (recovery of the log, for one).
RUNS: Final = 3


class _Busy(StoreUnavailable):
    """Another connection was in the way: running the transaction again is worth a try."""


class _Session:
    """The statements of one transaction. After a failure, and after the end, it executes nothing more.

    That matters for more than tidiness: SQLite rolls back by itself when the disk is full or fails, and a statement
    after that would commit by itself.
    """

    __slots__ = ("_connection", "_path", "ended", "failure")

    def __init__(self, connection: apsw.Connection, path: Path) -> None:
        self._connection = connection
        self._path = path
        self.ended = False
        self.failure: StoreError | None = None

    def execute(self, text: str, values: tuple[Any, ...]) -> list[tuple[Any, ...]]:
        if self.ended:
            raise RuntimeError("This reader was used after its transaction ended.")
        if self.failure is not None:
            raise self.failure
        try:
            return self._connection.execute(text, values).fetchall()
        except apsw.Error as error:
            self.failure = _failure(error, self._path)
            raise self.failure from error
        except UnicodeDecodeError:
            pass
        # Raised out here, since the decoding error quotes the bytes of the row and would go along as the context. The
        # transaction itself is sound: a sweep may note the row and go on.
        raise NotText(f"{self._path} holds a text that is not UTF-8: the file is damaged.")


class SqliteStore:
    """`interface.Store` on one SQLite database file."""

    # What every connection sets, with the value that reading it back must give.
    PRAGMAS: ClassVar[tuple[tuple[str, str, object], ...]] = (
        ("synchronous", "FULL", 2),
        ("secure_delete", "ON", 1),
        ("foreign_keys", "ON", 1),
        ("temp_store", "MEMORY", 2),  # statement journals and sorts would otherwise copy rows to temporary files
        ("trusted_schema", "OFF", 0),
        ("cell_size_check", "ON", 1),
        ("cache_size", "-16384", -16384),  # KiB of pages; the default of 2 MiB holds about a thousand keys
    )

    def __init__(self, path: Path, row_mac: RowMac | None, *, busy_seconds: float, vfs: str | None) -> None:
        """Use `open`, which checks and migrates."""
        self._path = path
        self._row_mac = row_mac
        self._seal = rows.Seal(row_mac)
        self._busy_seconds = busy_seconds
        self._vfs = vfs
        self._tries = len(WAITS) + int(max(0.0, busy_seconds - sum(WAITS)) / WAITS[-1])
        self._version = migrations.load()[-1].version
        self._turn = threading.Lock()
        self._process = os.getpid()
        self._closed = False
        self._gave_up = False  # the waits of this call are used up
        self._connection: apsw.Connection | None = None

    @classmethod
    def open(
        cls,
        path: Path,
        row_mac: RowMac | None,
        create: bool,
        *,
        busy_seconds: float = 10.0,
        vfs: str | None = None,
    ) -> Self:
        """Open the store at ``path``, bringing its schema up to this program's.

        ``create`` makes the file, and its directory, when they are missing. ``busy_seconds`` bounds how long a
        transaction waits for others. ``vfs`` names a registered SQLite file system other than the default one (fault
        injection).

        Raises StoreUnusable for a file that is not a store, is of a newer schema, is missing or is open to other
        users, and StoreUnavailable when the medium or a lock refuses.
        """
        path = Path(path).absolute()
        try:
            if create:
                files.create(path)
            files.check(path)
        except OSError as error:
            raise StoreUnavailable(f"{path} cannot be opened or made: {error.strerror}.") from error
        store = cls(path, row_mac, busy_seconds=busy_seconds, vfs=vfs)
        try:
            store._connection = store._open_connection()
            store._prepare(store._connection, create)
        except apsw.Error as error:
            store.close()
            raise _failure(error, path) from error
        except BaseException:
            store.close()
            raise
        return store

    def connect(self, row_mac: RowMac | None = None) -> Self:
        """A handle of its own for another thread; with ``row_mac`` when given, else with this one's."""
        return type(self).open(
            self._path, row_mac or self._row_mac, create=False, busy_seconds=self._busy_seconds, vfs=self._vfs
        )

    def close(self) -> None:
        """End this handle; twice is allowed. The last handle of all processes brings the log into the main file."""
        self._closed = True
        connection, self._connection = self._connection, None
        if connection is not None and self._process == os.getpid():
            _discard(connection)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    # --- transactions -------------------------------------------------------------------------------------------------

    def read(self, fn: Callable[[Reader], T]) -> T:
        return self._run("BEGIN", SqlReader, fn)

    def transact(self, fn: Callable[[Transaction], T]) -> T:
        return self._run("BEGIN IMMEDIATE", SqlTransaction, fn)

    def checkpoint_truncate(self) -> None:
        self._take()
        try:
            connection = self._live()
            connection.wal_checkpoint(mode=apsw.SQLITE_CHECKPOINT_TRUNCATE)
        except apsw.Error as error:
            raise _failure(error, self._path) from error
        finally:
            self._turn.release()

    def _run(self, begin: str, view: Callable[[Execute, rows.Seal], Any], fn: Callable[[Any], T]) -> T:
        self._take()
        try:
            runs_left = RUNS
            while True:
                runs_left -= 1
                connection = self._live()
                session = _Session(connection, self._path)
                try:
                    session.execute(begin, ())
                    if view is SqlTransaction:
                        self._check_version(session)
                    answer = fn(view(session.execute, self._seal))
                    session.execute("COMMIT", ())  # refuses when fn went on after a failed statement
                    return answer
                except _Busy as error:
                    if error is not session.failure or self._gave_up or not runs_left:
                        raise
                finally:
                    session.ended = True
                    if connection.in_transaction:
                        self._roll_back(connection)
        finally:
            self._turn.release()

    def _take(self) -> None:
        """Begin a call. Two threads, a call inside a call and a forked child are refused, not interleaved."""
        if self._process != os.getpid():
            raise RuntimeError("A store handle was carried through a fork: open the store in the child.")
        if not self._turn.acquire(blocking=False):
            raise RuntimeError("This store handle is in use: each thread takes its own from connect().")
        self._gave_up = False

    def _live(self) -> apsw.Connection:
        """The connection; a new one when the last one had to be given up."""
        if self._connection is None:
            if self._closed:
                raise RuntimeError("This store handle is closed.")
            try:
                self._connection = self._open_connection()
            except apsw.Error as error:
                raise _failure(error, self._path) from error
        return self._connection

    def _roll_back(self, connection: apsw.Connection) -> None:
        try:
            connection.execute("ROLLBACK")
        except apsw.Error:
            # The medium fails so badly that not even this works: closing drops the transaction, the next call opens anew.
            self._connection = None
            _discard(connection)

    def _check_version(self, session: _Session) -> None:
        """A newer program may have migrated the store meanwhile: stop writing rows that it does not expect."""
        [(version,)] = session.execute("PRAGMA user_version", ())
        if version != self._version:
            raise StoreUnusable(
                f"{self._path} now has schema version {version}, this program writes {self._version}: "
                "restart the program."
            )

    # --- opening ------------------------------------------------------------------------------------------------------

    def _open_connection(self) -> apsw.Connection:
        connection = apsw.Connection(
            str(self._path), flags=apsw.SQLITE_OPEN_READWRITE, vfs=self._vfs, statementcachesize=200
        )
        try:
            connection.set_busy_handler(self._wait)
            # The schema uses neither; a file prepared by somebody else may not bring code along.
            connection.config(apsw.SQLITE_DBCONFIG_ENABLE_TRIGGER, 0)
            connection.config(apsw.SQLITE_DBCONFIG_ENABLE_VIEW, 0)
            for name, value, expected in self.PRAGMAS:
                connection.execute(f"PRAGMA {name} = {value}").fetchall()
                [(found,)] = connection.execute(f"PRAGMA {name}").fetchall()
                if found != expected:
                    raise StoreUnusable(f"This build of SQLite does not keep {name} = {value}.")
        except BaseException:
            _discard(connection)
            raise
        return connection

    def _wait(self, tries: int) -> bool:
        """SQLite's busy handler: ``tries`` counts from 0 for each lock; False gives up."""
        if tries >= self._tries:
            self._gave_up = True
            return False
        time.sleep(WAITS[min(tries, len(WAITS) - 1)])
        return True

    def _prepare(self, connection: apsw.Connection, create: bool) -> None:
        version = self._identify(connection, create)
        self._use_log(connection)
        if version != self._version:
            for step in migrations.load():
                self._migrate(connection, step)

    def _identify(self, connection: apsw.Connection, create: bool) -> int:
        """The schema version of a store this program may use; refuses everything else, having changed nothing."""
        connection.execute("BEGIN")
        try:
            application = _number(connection, "PRAGMA application_id")
            version = _number(connection, "PRAGMA user_version")
            tables = _number(connection, "SELECT COUNT(*) FROM sqlite_schema")
        finally:
            connection.execute("ROLLBACK")
        if application != APPLICATION_ID and not (create and application == version == tables == 0):
            raise StoreUnusable(f"{self._path} is not a Keystead store.")
        if 0 < version < migrations.FIRST:
            raise StoreUnusable(
                f"{self._path} was made by a development version from before the first release, which this program does "
                "not read: found a new store in another data directory."
            )
        if version > self._version:
            raise StoreUnusable(
                f"{self._path} has schema version {version}, this program knows versions up to {self._version}: "
                "use the newer program that wrote it, or restore the backup made before the upgrade."
            )
        return version

    def _use_log(self, connection: apsw.Connection) -> None:
        """Switch the file to write-ahead logging, once for ever. SQLite does not wait for other connections here: we
        do."""
        for tries in range(self._tries):
            try:
                [(mode,)] = connection.execute("PRAGMA journal_mode = WAL").fetchall()
            except apsw.BusyError:
                self._wait(tries)
                continue
            if mode != "wal":
                raise StoreUnusable(f"The file system of {self._path} does not support SQLite's write-ahead log.")
            return
        raise StoreUnavailable(f"{self._path} is kept busy by other programs.")

    def _migrate(self, connection: apsw.Connection, step: migrations.Migration) -> None:
        """Apply one step and its version number in one transaction, unless another process did meanwhile."""
        connection.execute("BEGIN IMMEDIATE")
        try:
            if _number(connection, "PRAGMA user_version") < step.version:
                # Fetching to the end matters: apsw stops before the statement after one that answers with rows.
                connection.execute(step.script(WORDS)).fetchall()
                connection.execute(f"PRAGMA application_id = {APPLICATION_ID}").fetchall()
                connection.execute(f"PRAGMA user_version = {step.version}").fetchall()
            connection.execute("COMMIT")
        finally:
            if connection.in_transaction:
                connection.execute("ROLLBACK")


if TYPE_CHECKING:  # mypy compares every signature with the interface
    _store: type[Store] = SqliteStore
    _reader: type[Reader] = SqlReader
    _transaction: type[Transaction] = SqlTransaction


def _discard(connection: apsw.Connection) -> None:
    """Close, whatever the medium says: what was committed is durable in the log, what was not is rolled back."""
    with contextlib.suppress(apsw.Error):
        connection.close(force=True)


def _number(connection: apsw.Connection, text: str) -> int:
    [[value]] = connection.execute(text).fetchall()
    return int(value)  # type: ignore[arg-type]  # of the statements above, always an integer


def _failure(error: apsw.Error, path: Path) -> StoreError:
    """The store's own failure for one of SQLite's. SQLite's texts name tables and columns, never values."""
    match error:
        case apsw.ConstraintError():
            return StoreConflict(f"The rows contradict each other: {error}.")
        case apsw.BusyError() | apsw.LockedError():
            return _Busy(f"{path} was kept busy by other transactions for too long.")
        case apsw.FullError():
            return StoreUnavailable(f"The disk of {path} is full.")
        case apsw.CorruptError() | apsw.NotADBError() | apsw.FormatError():
            return StoreUnusable(f"{path} is damaged or is not a store: {error}.")
        case apsw.SQLError() | apsw.MisuseError() | apsw.RangeError() | apsw.MismatchError():
            return StoreUnusable(f"{path} does not have the tables that this program expects: {error}.")
        case _:
            return StoreUnavailable(f"The medium of {path} fails: {error}.")
