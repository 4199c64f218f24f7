"""One server for one data directory.

Guarantees: of the processes of this machine, at most one supervisor with its workers serves a data directory. Two
would have two shared epochs, so that one went on using what the other had revoked, and each would copy the other's
outbox to the journal. The lock is a flock(2) on a file in the directory. Workers inherit it by their fork: after a
supervisor was killed it is held until the last of its workers has answered what it had begun, and a successor waits
for that.

Does not guarantee anything on network file systems (the store does not either), nor against programs that do not ask.
The commands that only read or found a store do not: what they do is one transaction.
"""

from __future__ import annotations

import fcntl
import os
import time
from collections.abc import Callable
from pathlib import Path
from typing import Final, Self

FILE: Final = "lock"

# Seconds between two looks while the workers of a killed supervisor finish.
_LOOK: Final = 0.05


class NotLocked(Exception):
    """The data directory cannot be served; the text says why and what to do."""


class Lock:
    """Held from `take` until `release` and the end of every process forked meanwhile."""

    __slots__ = ("_descriptor",)

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor

    @classmethod
    def take(cls, directory: Path, patience: float, waiting: Callable[[str], None]) -> Self:
        """Take the lock of ``directory``, which is made (mode 0700) if it is not there. Raises NotLocked.

        While the supervisor that holds it lives, that is at once. When only workers are left of it, ``waiting`` is
        told, and they get ``patience`` seconds.
        """
        path = directory / FILE
        try:
            directory.mkdir(mode=0o700, parents=True, exist_ok=True)
            descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
        except OSError as error:
            raise NotLocked(f"{path} cannot be opened: {error.strerror}.") from error
        try:
            _wait(descriptor, directory, patience, waiting)
            os.ftruncate(descriptor, 0)
            os.pwrite(descriptor, b"%d\n" % os.getpid(), 0)
        except OSError as error:
            os.close(descriptor)
            raise NotLocked(f"{path} cannot be locked: {error.strerror}.") from error
        except BaseException:
            os.close(descriptor)
            raise
        return cls(descriptor)

    def release(self) -> None:
        """Let go. The file stays: removing it would let two processes lock two files of that name."""
        os.close(self._descriptor)


def _wait(descriptor: int, directory: Path, patience: float, waiting: Callable[[str], None]) -> None:
    until: float | None = None
    while not _locked(descriptor):
        holder = _holder(descriptor)
        if holder is None or _alive(holder):
            who = "Another server" if holder is None else f"The server with process id {holder}"
            raise NotLocked(
                f"{who} serves the data directory {directory}. Two would not see each other's changes: end that one "
                "first, or give this one a directory of its own with --data."
            )
        now = time.monotonic()
        if until is None:
            until = now + patience
            waiting(f"The server with process id {holder} was killed; waiting for its workers to finish.")
        elif now > until:
            raise NotLocked(
                f"Workers of the server with process id {holder}, which was killed, still serve the data directory "
                f"{directory}: end them first."
            )
        time.sleep(_LOOK)


def _locked(descriptor: int) -> bool:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _holder(descriptor: int) -> int | None:
    """The supervisor that says in the file that it holds the lock; None between its taking and its saying so."""
    text = os.pread(descriptor, 32, 0).strip()
    return int(text) if text.isdigit() else None


def _alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except OSError:  # somebody else's
        return True
    return True
