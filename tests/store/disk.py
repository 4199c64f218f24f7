"""A disk that fails on command: a SQLite file system that knows which bytes were synced.

`Disk` passes everything on to the real file system and keeps, for each file, the bytes as of the last xSync and what was written
since. `cut` is the power cut: it writes what survived into another directory. What was not synced is lost (the worst a
disk may do), or each sector of it is lost or kept by chance (what disks do). Deletions and creations of files count as durable
at once. Shared memory (the index of the log) is not on the disk and never survives.
"""

from __future__ import annotations

import itertools
import random
from pathlib import Path

import apsw

SECTOR = 512
_numbers = itertools.count()


class Content:
    """One file: its bytes as of the last sync, and the changes since, in order. A change is (offset, bytes) or (size, None)."""

    def __init__(self, synced: bytes) -> None:
        self.synced = synced
        self.pending: list[tuple[int, bytes | None]] = []

    def survives(self, chance: random.Random | None) -> bytes:
        data = bytearray(self.synced)
        for offset, written in self.pending if chance else ():
            if written is None:
                if chance.random() < 0.5:
                    del data[offset:]
                continue
            for start in range(0, len(written), SECTOR):
                if chance.random() < 0.5:
                    sector = written[start : start + SECTOR]
                    data.extend(bytes(max(0, offset + start - len(data))))
                    data[offset + start : offset + start + len(sector)] = sector
        return bytes(data)

    def sync(self) -> None:
        data = bytearray(self.synced)
        for offset, written in self.pending:
            if written is None:
                del data[offset:]
            else:
                data.extend(bytes(max(0, offset - len(data))))
                data[offset : offset + len(written)] = written
        self.synced = bytes(data)
        self.pending.clear()


class DiskFile(apsw.VFSFile):
    def __init__(self, disk: Disk, name: str | apsw.URIFilename | None, flags: list[int]) -> None:
        self.disk = disk
        path = name.filename() if isinstance(name, apsw.URIFilename) else name
        known = Path(path or "")
        self.content = disk.contents.get(str(known)) or Content(known.read_bytes() if known.is_file() else b"")
        disk.contents[str(known)] = self.content
        super().__init__("", name, flags)

    def xWrite(self, data: bytes, offset: int) -> None:
        self.disk.before("write", len(data))
        super().xWrite(data, offset)
        self.content.pending.append((offset, bytes(data)))

    def xTruncate(self, size: int) -> None:
        self.disk.before("truncate")
        super().xTruncate(size)
        self.content.pending.append((size, None))

    def xSync(self, flags: int) -> None:
        self.disk.before("sync")
        self.content.sync()

    def excepthook(self, kind: object, error: object, trace: object) -> None:
        """The faults are meant; nobody is to print them."""


class ForgetfulFile(DiskFile):
    """The planted fault: a sync that answers and does nothing."""

    def xSync(self, flags: int) -> None:
        self.disk.before("sync")


class Disk(apsw.VFS):
    """Registered under `name` while it lives. `before` is where faults happen.

    ``steps``: so many more operations, then the power is gone. ``room``: bytes that can still be written before the disk is full.
    ``failing``: kinds of operations ("write", "sync", "truncate") that fail with an I/O error.
    """

    def __init__(self, file: type[DiskFile] = DiskFile) -> None:
        self.name = f"disk-{next(_numbers)}"
        self.file = file
        self.contents: dict[str, Content] = {}
        self.steps: int | None = None
        self.room: int | None = None
        self.failing: set[str] = set()
        super().__init__(self.name, "")

    def before(self, kind: str, size: int = 0) -> None:
        if self.steps is not None:
            self.steps -= 1
            if self.steps < 0:
                raise apsw.IOError("the power is gone")
        if kind in self.failing:
            raise apsw.IOError(f"{kind} fails")
        if self.room is not None:
            if size > self.room:
                raise apsw.FullError("no space left")
            self.room -= size

    def xOpen(self, name: str | apsw.URIFilename | None, flags: list[int]) -> apsw.VFSFile:
        return self.file(self, name, flags)

    def xDelete(self, name: str, sync: bool) -> None:
        super().xDelete(name, sync)
        self.contents.pop(name, None)

    def excepthook(self, kind: object, error: object, trace: object) -> None:
        """The faults are meant; nobody is to print them."""

    def cut(self, database: Path, directory: Path, chance: random.Random | None = None) -> Path:
        """Write what survived of the database and its log into ``directory``; the database there."""
        directory.mkdir(mode=0o700)
        for suffix in ("", "-wal", "-journal"):
            content = self.contents.get(f"{database}{suffix}")
            if content is not None:
                there = directory / f"{database.name}{suffix}"
                there.write_bytes(content.survives(chance))
                there.chmod(0o600)
        return directory / database.name
