"""Seals: what says, under a MAC and in order, how far every worker's segment had come.

Guarantees: while a `Seals` runs, every head that a worker published is sealed within ``interval`` seconds; seals form
one chain over all restarts; nothing is sealed that is not durable, so that a power cut cannot make an honest journal
look cut. At start it seals what a crash left unsealed. Does not guarantee a seal in time when the disk fails: records
go on being acknowledged, the failure is reported, and the unsealed tail grows until a seal can be written.

One per machine (worker 0). Its thread is the only writer of the file and of the slot that tells workers of the newest
seal.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from itertools import islice
from pathlib import Path
from threading import Condition, Thread

import msgspec

from keystead.audit import reading
from keystead.audit.chain import (
    SEALS,
    VERSION,
    Chain,
    Head,
    KeyFor,
    Link,
    Seal,
    SealedHead,
    SealsHeader,
    SegmentHeader,
    encode,
    file_name,
    instant,
    link,
    new_name,
)
from keystead.audit.files import AppendFile, Io
from keystead.audit.heads import Heads

SEAL_SECONDS = 1.0
SEALS_BYTES = 16 << 20

# Heads in one seal: keeps a line far below the longest that a reader takes.
_HEADS = 256


class Seals:
    """See the module. The constructor finds the newest seal in the directories, raising OSError if they cannot be
    read; the first seal opens a new file that names it.

    ``interval``: seconds between two looks at the heads. ``seals_bytes``: size at which a new file begins. ``report``
    is called on the seals' own thread.
    """

    def __init__(
        self,
        directory: Path,
        key_for: KeyFor,
        heads: Heads,
        clock: Callable[[], float],
        random: Callable[[int], bytes],
        *,
        fallbacks: Sequence[Path] = (),
        interval: float = SEAL_SECONDS,
        seals_bytes: int = SEALS_BYTES,
        report: Callable[[str, BaseException | None], None] | None = None,
        io: Io | None = None,
    ) -> None:
        self._directories = (directory, *fallbacks)
        self._key_for = key_for
        self._heads = heads
        self._clock = clock
        self._random = random
        self._interval = interval
        self._seals_bytes = seals_bytes
        self._report = report
        self._io = io or Io()
        self._awake = Condition()
        self._closing = False
        self._poked = False
        self._open: tuple[AppendFile, Chain] | None = None
        self._newest = newest_seal(self._directories, key_for, self._io)
        self._sealed: dict[str, int] = {}
        self._waiting: list[Head] = []
        self._thread = Thread(target=self._run, name="keystead-seals", daemon=True)
        self._thread.start()

    def poke(self) -> None:
        """Look at the heads now: a segment has ended. From any thread."""
        with self._awake:
            self._poked = True
            self._awake.notify()

    def close(self) -> None:
        """Seal what the heads say, and stop. To be called when the journals it should cover are closed."""
        with self._awake:
            self._closing = True
            self._awake.notify()
        self._thread.join()

    # --- the seals' own thread ----------------------------------------------------------------------------------------

    def _run(self) -> None:
        leftovers = unsealed(self._directories, self._key_for, self._io)
        while True:
            found = list(islice(leftovers, _HEADS))
            self._waiting += found
            with self._awake:
                if not found and not self._closing and not self._poked:
                    self._awake.wait(self._interval)
                self._poked = False
                last = self._closing
            try:
                self._seal()
            except Exception as error:
                # Whatever it was, the journal goes on and the next round tries again; the unsealed tail tells of it
                # too.
                self._tell_operator("nothing was sealed", error)
            if last:
                break
        if self._open is not None:
            self._open[0].close()

    def _seal(self) -> None:
        live = [head for head in map(self._heads.read, range(self._heads.workers)) if head is not None]
        moved = [head for head in (*self._waiting, *live) if head.sequence > self._sealed.get(head.name, 0)]
        if moved:
            heads = [SealedHead(head.name, head.sequence, head.mac.hex(), head.size) for head in moved]
            self._write(encode(Seal(instant(self._clock()), heads)))
            self._sealed = {head.name: head.sequence for head in live}
        self._waiting = []

    def _write(self, seal: bytes) -> None:
        """One durable seal: in the file in use, else in a new one in the first directory that takes it. Raises
        OSError."""
        in_use = self._open is not None and self._open[1].size < self._seals_bytes
        last: OSError | None = None
        for directory in (None, *self._directories) if in_use else self._directories:
            try:
                if directory is not None:
                    self._begin(directory)
                self._append(seal)
            except OSError as error:
                self._tell_operator(f"no seal in {directory or 'the file in use'}", error)
                last = error
            else:
                return
        if last is not None:
            raise last

    def _begin(self, directory: Path) -> None:
        now = self._clock()
        name = new_name(now, None, self._random)
        chain = Chain(SEALS, name, self._key_for)
        header = SealsHeader(version=VERSION, name=name, created=instant(now), previous=self._newest)
        file = AppendFile.create(self._io, directory / file_name(SEALS, name), chain.extend(encode(header)))
        if self._open is not None:
            self._open[0].close()
        self._open = (file, chain)
        self._newest = link(chain.head)

    def _append(self, seal: bytes) -> None:
        if self._open is None:
            raise OSError("no file of seals is open")
        file, chain = self._open
        try:
            file.append(chain.extend(seal))
        except OSError:
            self._open = None
            if self._newest is not None:
                self._newest = msgspec.structs.replace(self._newest, failed=True)
            raise
        self._newest = link(chain.head)
        self._heads.publish_seal(chain.head)

    def _tell_operator(self, sentence: str, error: BaseException) -> None:
        if self._report is not None:
            self._report(sentence, error)


def newest_seal(directories: Sequence[Path], key_for: KeyFor, io: Io) -> Link | None:
    """The last durable line of the newest file of seals, None if there is none. Raises OSError."""
    files: dict[str, tuple[SealsHeader, Chain, Path]] = {}
    for path in reading.journal_files(directories):
        if (found := reading.authentic(path, key_for)) is not None and isinstance(found[0], SealsHeader):
            files[found[0].name] = (found[0], found[1], path)
    for header, _, _ in list(files.values()):
        if header.previous is not None:
            files.pop(header.previous.name, None)
    # One is left, unless somebody has tampered; then any choice is sound, since verification shows the fork.
    for _, chain, path in sorted(files.values(), key=lambda found: (found[0].created, found[0].name), reverse=True):
        if (head := reading.settled_head(io, path, chain)) is not None:
            return link(head)
    return None


def unsealed(directories: Sequence[Path], key_for: KeyFor, io: Io) -> Iterator[Head]:
    """Heads of all segments that are there, made durable: what a crash, or a shutdown in another order, left unsealed.

    Left out are segments without records, which may yet be unlinked, and those that were given up after a failed
    write: their successor's header says how far they are durable.
    """
    segments: list[tuple[Chain, Path]] = []
    failed: set[str] = set()
    for path in reading.journal_files(directories):
        with suppress(OSError):
            found = reading.authentic(path, key_for)
            if found is not None and isinstance(found[0], SegmentHeader):
                segments.append((found[1], path))
                if (previous := found[0].previous) is not None and previous.failed:
                    failed.add(previous.name)
    for chain, path in segments:
        if chain.name not in failed:
            with suppress(OSError):
                head = reading.settled_head(io, path, chain)
                if head is not None and head.sequence > 0:
                    yield head
