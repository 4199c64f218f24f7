"""Files that are only ever appended to, and are durable before anybody hears of it.

Guarantees: when `AppendFile.create` or `append` returns, the bytes and the directory entry survive a power cut, as
far as the file system keeps the promises of fsync(2). After any failure the descriptor is closed and never used
again: Linux reports a lost write once and then forgets it (https://lwn.net/Articles/752063/), so a second fsync that
succeeds proves nothing. Does not guarantee what of a failed `append` is on the disk: all, some or none.
"""

from __future__ import annotations

import errno
import os
from contextlib import suppress
from pathlib import Path


class Io:
    """The system calls of a journal, in one place so that a test can make each of them fail."""

    def open(self, path: Path) -> int:
        """A new file for appending. It must not exist, and nobody else may read it."""
        return os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_APPEND | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)

    def write(self, descriptor: int, data: bytes | memoryview) -> int:
        return os.write(descriptor, data)

    def fdatasync(self, descriptor: int) -> None:
        os.fdatasync(descriptor)

    def fsync_dir(self, directory: Path) -> None:
        descriptor = os.open(directory, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)

    def close(self, descriptor: int) -> None:
        os.close(descriptor)

    def unlink(self, path: Path) -> None:
        path.unlink()

    def settle(self, path: Path, descriptor: int) -> int:
        """Make durable what another process may have left unsynced; returns the size up to which that was done. ``path``
        is for those who keep books.

        A process may die between write and fdatasync: what is read then could be in memory only. So the file is synced
        before it is read, and its cached pages are dropped, because after a failed write-back they show what the disk
        does not have.
        """
        size = os.fstat(descriptor).st_size
        os.fdatasync(descriptor)
        os.posix_fadvise(descriptor, 0, 0, os.POSIX_FADV_DONTNEED)
        return size


class AppendFile:
    """One open file. Every method may raise OSError, after which the file is closed for good."""

    __slots__ = ("_descriptor", "_io", "path")

    def __init__(self, io: Io, path: Path, descriptor: int) -> None:
        self._io = io
        self._descriptor: int | None = descriptor
        self.path = path

    @classmethod
    def create(cls, io: Io, path: Path, first: bytes) -> AppendFile:
        """A new durable file that holds ``first``. What could not be made durable is taken away again, so that a full
        disk does not fill with names."""
        file = cls(io, path, io.open(path))
        try:
            file.append(first)
            io.fsync_dir(path.parent)
        except OSError:
            file.close()
            with suppress(OSError):
                io.unlink(path)
            raise
        return file

    @property
    def closed(self) -> bool:
        return self._descriptor is None

    def append(self, data: bytes) -> None:
        """Write all of ``data`` and wait until it is durable."""
        if self._descriptor is None:
            raise OSError(errno.EBADF, "closed after a failure", str(self.path))
        try:
            written = self._io.write(self._descriptor, data)
            if written != len(data):
                self._write_rest(memoryview(data)[written:])
            self._io.fdatasync(self._descriptor)
        except BaseException:
            self.close()
            raise

    def _write_rest(self, rest: memoryview) -> None:
        """A short write is no error (a nearly full disk, a signal); the next one says whether it was the end."""
        assert self._descriptor is not None
        while rest:
            written = self._io.write(self._descriptor, rest)
            if written <= 0:
                raise OSError(errno.EIO, "write made no progress", str(self.path))
            rest = rest[written:]

    def close(self) -> None:
        """Let go of the descriptor. What close(2) has to say comes too late to matter: every append was synced."""
        if self._descriptor is not None:
            descriptor, self._descriptor = self._descriptor, None
            with suppress(OSError):
                self._io.close(descriptor)
