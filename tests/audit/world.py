"""The world a journal lives in, under the tests' control: keys, a clock, random bytes, a disk that fails or loses
power.

`Disk` keeps files where the journal wants them and remembers what a power cut would leave: the bytes that were
synced, in files whose directory entry was synced. Subclasses lie, to see whether a test notices.
"""

from __future__ import annotations

import asyncio
import errno
import hmac
import itertools
import json
import random
import re
import threading
import time
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from keystead.audit.chain import Head
from keystead.audit.files import Io
from keystead.audit.heads import Heads
from keystead.audit.journal import Journal
from keystead.audit.seals import Seals

ROOT = bytes(range(32))


def key_for(label: bytes) -> bytes:
    return hmac.digest(ROOT, label, "sha256")


class Clock:
    """A clock that moves by ``step`` seconds with every look."""

    def __init__(self, now: float = 1_790_000_000.0, step: float = 0.0) -> None:
        self.now = now
        self.step = step

    def __call__(self) -> float:
        self.now += self.step
        return self.now


def event_id(number: int) -> str:
    return f"00000000-0000-4000-8000-{number:012d}"


def line(number: int, size: int = 0) -> bytes:
    """A record that looks enough like one."""
    padding = random.Random(number).choice(["", "é", "\u2028", '"}\\', "x" * 40]) + "y" * size
    body = {"eventVersion": "1.11", "requestParameters": {"n": padding}, "eventID": event_id(number)}
    return json.dumps(body, ensure_ascii=False, separators=(",", ":")).encode()


class Disk(Io):
    """Passes everything on to the real file system, counts, fails where it is told to, and knows what is durable."""

    def __init__(self) -> None:
        self.lock = threading.Lock()
        self.calls: list[str] = []
        self.paths: dict[int, Path] = {}
        self.content: dict[Path, bytearray] = {}
        self.synced: dict[Path, int] = {}
        self.entries: set[Path] = set()
        self.closed: list[int] = []
        self.failures: list[tuple[str, Callable[[Path], bool], OSError]] = []
        self.most = 1 << 30
        self.delay = 0.0

    def fail(self, call: str, where: Path | str = "", error: int = errno.EIO) -> None:
        """From now on ``call`` fails for paths that contain ``where``."""
        self.failures.append((call, lambda path: str(where) in str(path), OSError(error, "injected")))

    def mend(self) -> None:
        self.failures.clear()

    def _perhaps_fail(self, call: str, path: Path) -> None:
        self.calls.append(call)
        for name, applies, error in self.failures:
            if name == call and applies(path):
                raise OSError(error.errno, error.strerror, str(path))

    def open(self, path: Path) -> int:
        self._perhaps_fail("open", path)
        descriptor = super().open(path)
        with self.lock:
            self.paths[descriptor] = path
            self.content[path] = bytearray()
            self.synced[path] = 0
        return descriptor

    def write(self, descriptor: int, data: bytes | memoryview) -> int:
        path = self.paths[descriptor]
        self._perhaps_fail("write", path)
        with self.lock:
            written = super().write(descriptor, data[: self.most])
            self.content[path] += bytes(data[:written])
        return written

    def fdatasync(self, descriptor: int) -> None:
        path = self.paths[descriptor]
        if self.delay:
            time.sleep(self.delay)
        self._perhaps_fail("fdatasync", path)
        with self.lock:
            self.synced[path] = len(self.content[path])

    def settle(self, path: Path, descriptor: int) -> int:
        self._perhaps_fail("fdatasync", path)
        with self.lock:
            size = super().settle(path, descriptor)
            if path in self.content:
                self.synced[path] = max(size, self.synced[path])
        return size

    def fsync_dir(self, directory: Path) -> None:
        self._perhaps_fail("fsync_dir", directory)
        with self.lock:
            self.entries |= {path for path in self.content if path.parent == directory}

    def close(self, descriptor: int) -> None:
        self.calls.append("close")
        self.closed.append(descriptor)
        super().close(descriptor)
        del self.paths[descriptor]

    def unlink(self, path: Path) -> None:
        self._perhaps_fail("unlink", path)
        super().unlink(path)

    def power_cut(self, after: Path, tear: random.Random | None = None) -> Path:
        """A directory as the next start finds it. With ``tear``, unsynced bytes survive in part, some as zeros."""
        after.mkdir()
        with self.lock:
            there = {path: (bytes(self.content[path]), self.synced[path]) for path in self.entries if path.exists()}
        for path, (whole, synced) in there.items():
            kept = whole[:synced]
            if tear is not None:
                rest = whole[len(kept) :]
                rest = rest[: tear.randint(0, len(rest))]
                hole = tear.randint(0, len(rest))
                kept += rest[:hole] + (b"\0" * (len(rest) - hole) if tear.random() < 0.5 else rest[hole:])
            (after / path.name).write_bytes(kept)
        return after


class Waiters:
    """Collects acknowledgements: the numbers that were acknowledged, in order, and the errors."""

    def __init__(self) -> None:
        self.acknowledged: list[int] = []
        self.refused: dict[int, BaseException] = {}
        self._pending = 0
        self._idle = asyncio.Event()
        self._idle.set()

    def append(self, journal: Journal, number: int, size: int = 0) -> None:
        self._pending += 1
        self._idle.clear()

        def done(error: BaseException | None) -> None:
            if error is None:
                self.acknowledged.append(number)
            else:
                self.refused[number] = error
            self._pending -= 1
            if not self._pending:
                self._idle.set()

        journal.append(line(number, size), done)

    async def all(self) -> None:
        await asyncio.wait_for(self._idle.wait(), 20)


def run(scenario: Callable[[], Awaitable[Any]]) -> Any:
    return asyncio.run(scenario())  # type: ignore[arg-type]


@contextmanager
def journal(directory: Path, worker: int = 0, **settings: Any) -> Iterator[Journal]:
    """A journal of one worker; closed at the end. Inside a running loop only."""
    directory.mkdir(parents=True, exist_ok=True)
    settings.setdefault("heads", Heads(bytearray(Heads.size(4)), 4))
    settings.setdefault("clock", Clock())
    settings.setdefault("random", random.Random(worker).randbytes)
    opened = Journal(directory, worker, settings.pop("key", key_for), **settings)
    try:
        yield opened
    finally:
        opened.close()


@contextmanager
def seals(directory: Path, heads: Heads, **settings: Any) -> Iterator[Seals]:
    """Seals that look at the heads when poked, and at the end."""
    settings.setdefault("clock", Clock())
    settings.setdefault("interval", 3600.0)
    settings.setdefault("random", random.Random(99).randbytes)
    opened = Seals(directory, settings.pop("key", key_for), heads, **settings)
    try:
        yield opened
    finally:
        opened.close()


def sealed(opened: Seals, heads: Heads) -> Head:
    """Poke the seals and wait for the next one."""
    before = heads.read_seal()
    opened.poke()
    return wait_for(lambda: None if heads.read_seal() == before else heads.read_seal())


def wait_for(question: Callable[[], Any], seconds: float = 20.0) -> Any:
    until = time.monotonic() + seconds
    while not (answer := question()):
        assert time.monotonic() < until, "it did not happen"
        time.sleep(0.001)
    return answer


def files(directory: Path, kind: str = "") -> list[Path]:
    return sorted(path for path in directory.iterdir() if path.name.startswith(kind))


def lines(path: Path) -> list[bytes]:
    """The lines of a file, each with its newline."""
    return re.findall(rb"[^\n]*\n|[^\n]+", path.read_bytes())


def bodies(path: Path) -> list[dict[str, Any]]:
    """The JSON of each whole line, read without the code under test."""
    return [json.loads(raw.split(b" ", 2)[2]) for raw in path.read_bytes().split(b"\n")[:-1]]


def events(directory: Path) -> list[str]:
    """The eventIDs of all records of a directory, in file order."""
    found = []
    for path in files(directory, "segment"):
        found += [body["eventID"] for body in bodies(path) if "eventID" in body]
    return found


def kill(opened: Journal) -> None:
    """End a journal as kill -9 does between two batches: no last line, nobody told."""
    with opened._lock:
        opened._open.clear()
        opened._closed = True
    opened._bell.put(None)
    opened._thread.join()
    opened._file.close()


async def _live(directory: Path, shared: Heads, numbers: Iterator[int], chance: random.Random, clock: Clock) -> None:
    """One life of a server with three workers: records, rotations and seals; then the seals stop, more records come,
    the first worker ends in good order and the others are killed."""
    waiters = Waiters()
    journals = [
        Journal(directory, worker, key_for, shared, clock, chance.randbytes, segment_bytes=6_000) for worker in range(3)
    ]
    opened = Seals(directory, key_for, shared, clock, chance.randbytes, interval=3600.0, seals_bytes=2_500)
    wait_for(lambda: not opened._waiting)
    for number in itertools.islice(numbers, 90):
        waiters.append(chance.choice(journals), number)
        if chance.random() < 0.5:
            await waiters.all()
        if number % 12 == 0:
            await waiters.all()
            clock.now += 1
            sealed(opened, shared)
    await waiters.all()
    opened.close()
    for number in itertools.islice(numbers, 12):
        waiters.append(chance.choice(journals), number)
        await waiters.all()
    journals[0].close()
    for killed in journals[1:]:
        kill(killed)


def build(directory: Path, seed: int = 1, lives: int = 3) -> Path:
    """A journal of some hundred records: several lives of three workers each, with sealed and unsealed tails."""
    directory.mkdir(parents=True)
    chance = random.Random(seed)
    clock = Clock(step=0.01)
    numbers = itertools.count(1)
    for life in range(lives):
        if life != 2:  # in the third life the machine stayed up, only the workers died
            shared = Heads(bytearray(Heads.size(3)), 3)
        clock.now += 60
        asyncio.run(_live(directory, shared, numbers, chance, clock))
    return directory
