"""Who may touch the database's files: nobody but the account that runs the server.

Guarantees: the database file is created with mode 0600 before it holds anything, in a directory of mode 0700; what
exists is refused unless it is a regular file (no symbolic link) in a directory, both of this user and closed to group
and others. Does not guarantee anything about the superuser, about access control lists, or about the directories
above.

An existing database file is never opened here. POSIX drops all locks that a process has on a file when the process
closes any descriptor of it, so a look with open and close would silently take SQLite's locks away from other threads.
"""

from __future__ import annotations

import os
import stat
import tempfile
from pathlib import Path

from keystead.store.interface import StoreUnusable


def create(path: Path) -> None:
    """Make an empty database file, durably, unless one exists; also its directory (not those above it)."""
    directory = path.parent
    try:
        directory.mkdir(mode=0o700)
        sync_directory(directory.parent)
    except FileExistsError:
        pass
    except FileNotFoundError:
        raise StoreUnusable(f"There is no directory {directory.parent}.") from None
    if path.exists():
        return
    check_directory(directory)
    # Made under another name and linked, so that no other thread can have the file open when it is closed here (see
    # above).
    descriptor, name = tempfile.mkstemp(prefix=f".{path.name}.", dir=directory)
    try:
        os.fchmod(descriptor, 0o600)
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
    try:
        Path(path).hardlink_to(name)
    except FileExistsError:
        pass  # another process was quicker; it made the same
    finally:
        Path(name).unlink()
    sync_directory(directory)


def check(path: Path) -> None:
    """Refuse, with a sentence that says what to do, a database that others may read or replace."""
    check_directory(path.parent)
    try:
        found = path.lstat()
    except FileNotFoundError:
        raise StoreUnusable(f"There is no store at {path}.") from None
    if not stat.S_ISREG(found.st_mode):
        raise StoreUnusable(f"The store {path} is not a regular file.")
    _check_access(path, found, "600")


def check_directory(directory: Path) -> None:
    """Refuse, with a sentence that says what to do, a directory that others may read or change."""
    try:
        found = directory.stat()
    except FileNotFoundError:
        raise StoreUnusable(f"There is no directory {directory}.") from None
    if not stat.S_ISDIR(found.st_mode):
        raise StoreUnusable(f"{directory} is not a directory.")
    _check_access(directory, found, "700")


def _check_access(path: Path, found: os.stat_result, mode: str) -> None:
    if found.st_uid != os.geteuid():
        raise StoreUnusable(
            f"{path} belongs to user {found.st_uid}, this program runs as user {os.geteuid()}: run it as the owner."
        )
    if found.st_mode & 0o077:
        raise StoreUnusable(f"{path} is open to other users: make it private with chmod {mode} {path}")


def sync_directory(directory: Path) -> None:
    """Make durable which files the directory names. Raises OSError."""
    descriptor = os.open(directory, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
