"""The audit journal of one worker: records are chained, written together, made durable, and only then acknowledged.

Guarantees: ``done(None)`` is called after the record and every record before it survive a power cut, in the order of
`Journal.append`, on the loop's thread and never inside `append`. A descriptor that failed is never used again. An
idle journal waits on no timer: the first record wakes the writer at once, and whatever arrives while it syncs shares
the next sync. Does not guarantee that a record is written once: what was on its way when a segment failed may stand
in two segments (same eventID; docs/journal.md §6). Does not bound how many wait; the entrance bounds the calls in
flight.

Two threads: the loop's computes the MACs and queues, the writer's writes, syncs and opens files. ``_lock`` guards the
chain.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path
from queue import Empty, SimpleQueue
from threading import Lock, Thread

from keystead.audit.chain import (
    MAX_LINE,
    RESERVED,
    SEGMENT,
    VERSION,
    Chain,
    End,
    Head,
    KeyFor,
    Link,
    Note,
    SegmentHeader,
    encode,
    file_name,
    instant,
    link,
    new_name,
)
from keystead.audit.files import AppendFile, Io
from keystead.audit.heads import Heads

Done = Callable[[BaseException | None], None]
Report = Callable[[str, BaseException | None], None]

SEGMENT_BYTES = 64 << 20
SEGMENT_SECONDS = 24 * 3600.0

# A line is a sequence number, a MAC and the record.
MAX_RECORD = MAX_LINE - 100


class _Batch:
    """Lines of one chain that go out together. ``dones`` are to be told of the records among them, in their order.

    The loop's thread adds to it and the writer's takes it whole, so that a record costs the writer next to nothing.
    """

    __slots__ = ("chain", "dones", "lines")

    def __init__(self, chain: Chain) -> None:
        self.chain = chain
        self.lines: list[bytes] = []
        self.dones: list[Done] = []

    def records(self) -> list[tuple[bytes, Done]]:
        """The records with whom to tell, without the lines of our own."""
        texts = [line.split(b" ", 2)[2][:-1] for line in self.lines]
        return list(zip([text for text in texts if not text.startswith(RESERVED)], self.dones, strict=True))


class JournalUnavailable(Exception):
    """The record is not durable: no place could be written to, or the journal is closed. The cause says why."""


class Journal:
    """See the module. Construct it in the process and on the thread of ``loop``; the constructor opens the first
    segment and raises OSError if that fails everywhere.

    ``worker`` is the number of this process and its slot in ``heads``; ``fallbacks`` are directories, on other disks
    if possible, that are tried in turn when ``directory`` fails; ``probe_interval`` is how many seconds pass between
    two attempts while nothing can be written; ``segment_bytes`` and ``segment_seconds`` end a segment at the first
    record behind them; ``report`` is told, on the loop's thread, of every failure, and (without an exception) when
    records are written again; ``turned`` is called, on the writer's thread, when a new segment was entered
    (`Seals.poke`).
    """

    def __init__(
        self,
        directory: Path,
        worker: int,
        key_for: KeyFor,
        heads: Heads,
        clock: Callable[[], float],
        random: Callable[[int], bytes],
        *,
        loop: asyncio.AbstractEventLoop | None = None,
        fallbacks: Sequence[Path] = (),
        segment_bytes: int = SEGMENT_BYTES,
        segment_seconds: float = SEGMENT_SECONDS,
        probe_interval: float = 1.0,
        report: Report | None = None,
        turned: Callable[[], None] | None = None,
        io: Io | None = None,
    ) -> None:
        self._directories = (directory, *fallbacks)
        self._worker = worker
        self._key_for = key_for
        self._heads = heads
        self._clock = clock
        self._random = random
        self._loop = loop or asyncio.get_running_loop()
        self._segment_bytes = segment_bytes
        self._segment_seconds = segment_seconds
        self._probe_interval = probe_interval
        self._report = report
        self._turned = turned
        self._io = io or Io()
        self._lock = Lock()
        self._open: list[_Batch] = []  # what the writer has not taken yet
        self._bell: SimpleQueue[None] = SimpleQueue()
        self._ringing = False
        self._finished: deque[tuple[list[Done], BaseException | None]] = deque()
        self._taken: deque[_Batch] = deque()  # by the writer, and nobody told so far
        self._refusal: JournalUnavailable | None = None
        self._turn_due = False
        self._closed = False
        self._stop = False
        # The slot still holds the head of a worker that died in this place: naming it seals what worker 0 had no time
        # to seal.
        last = heads.read(worker)
        self._note = heads.read_seal()
        self._noted = self._note
        self._file, self._chain = self._first(None if last is None else link(last))
        self._written = self._chain
        self._durable = self._chain.head
        self._opened = clock()
        self._thread = Thread(target=self._run, name=f"keystead-journal-{worker}", daemon=True)
        self._thread.start()

    def _first(self, previous: Link | None) -> tuple[AppendFile, Chain]:
        errors = []
        for directory in self._directories:
            chain = self._fresh()
            header = self._header(chain, previous)
            try:
                return AppendFile.create(self._io, directory / file_name(SEGMENT, chain.name), header), chain
            except OSError as error:
                errors.append(error)
        raise errors[0]

    # --- the loop's thread --------------------------------------------------------------------------------------------

    def append(self, record: bytes, done: Done) -> None:
        """Queue one line of JSON. ``done`` is called once: with None when it is durable, else with a
        `JournalUnavailable`."""
        if b"\n" in record or record.startswith(RESERVED) or len(record) > MAX_RECORD:
            raise ValueError("a record is one line of JSON that does not begin like the journal's own lines")
        with self._lock:
            if self._refusal is None:
                if self._turn_due:
                    self._turn()
                batch = self._batch(self._chain)
                if self._note is not None:
                    batch.lines.append(batch.chain.extend(encode(Note(link(self._note)))))
                    self._note = None
                batch.lines.append(batch.chain.extend(record))
                batch.dones.append(done)
                if not self._ringing:
                    self._ringing = True
                    self._loop.call_soon(self._loop.call_soon, self._ring)
                return
            refusal = self._refusal
        self._finished.append(([done], refusal))
        self._loop.call_soon(self._deliver)

    def _batch(self, chain: Chain) -> _Batch:
        """The batch that a line of ``chain`` belongs into."""
        if not self._open or self._open[-1].chain is not chain:
            self._open.append(_Batch(chain))
        return self._open[-1]

    def _ring(self) -> None:
        """Once for each two turns of the loop, when all that they have brought is in. Acknowledgements are given by the
        loop, so a sync that began in the middle of a turn could not be told of before its end anyway: it would only split
        one sync into several and have two threads contend for the interpreter. The second turn is there under load, when
        it brings as much again, and comes at once when there is none."""
        self._ringing = False
        self._bell.put(None)

    def _turn(self) -> None:
        """End the segment and go on in a new one, whose header names the last line of the old."""
        chain = self._fresh()  # first, since it may raise: nothing may follow an end line
        self._turn_due = False
        old = self._chain
        self._batch(old).lines.append(old.extend(encode(End())))
        self._batch(chain).lines.append(self._header(chain, link(old.head)))
        self._chain = chain

    def _deliver(self) -> None:
        while self._finished:
            dones, error = self._finished.popleft()
            for done in dones:
                try:
                    done(error)
                except Exception as broken:
                    # One caller's fault must not keep the others from their answers.
                    self._loop.call_exception_handler({"message": "audit acknowledgement failed", "exception": broken})

    def close(self) -> None:
        """Make durable what waits, end the segment, and give every acknowledgement before returning. Blocks for one
        sync. Records appended later are refused."""
        with self._lock:
            if self._closed:
                return
            self._closed = True
            if self._refusal is None and self._chain.sequence > 0:
                self._batch(self._chain).lines.append(self._chain.extend(encode(End())))
            self._refusal = JournalUnavailable("the journal is closed")
        self._bell.put(None)
        self._thread.join()
        self._deliver()

    @property
    def refusing(self) -> bool:
        """Whether records are refused at present; a probe may end it."""
        return self._refusal is not None

    # --- the writer's thread ------------------------------------------------------------------------------------------

    def _run(self) -> None:
        while not self._stop:
            self._take(self._probe_interval if self._refusal is not None else None)
            try:
                if self._taken:
                    self._commit()
                elif not self._stop:
                    self._probe()
            except Exception as error:
                # No failing disk but a fault of ours, or of key_for: whoever waits must learn it, and nothing may
                # look durable.
                self._give_up(error)
        unused = self._durable.sequence == 0 and not self._file.closed
        self._file.close()
        if unused:
            with suppress(OSError):  # a segment without a record tells nothing, and nothing refers to it
                self._io.unlink(self._file.path)

    def _take(self, patience: float | None) -> None:
        """Take all that wait; blocks until something does, or for ``patience`` seconds."""
        rung = True
        while rung and not (self._taken or self._stop):
            try:
                self._bell.get(timeout=patience)
            except Empty:
                rung = False
            with self._lock:
                self._take_open()

    def _take_open(self) -> None:
        """Take what is there, under the lock, and see whether that was the end of it."""
        self._taken.extend(self._open)
        self._open = []
        self._stop = self._closed

    def _commit(self) -> None:
        """Make all that was taken durable. There is more than one batch only where a segment ended."""
        try:
            while self._taken:
                self._write(self._taken[0])
        except OSError as error:
            self._recover(error)

    def _write(self, batch: _Batch) -> None:
        """Make ``batch``, the first that was taken, durable in the segment of its chain, which is opened if it is the next
        one, and tell who waited."""
        chain, lines = batch.chain, batch.lines
        if chain is not self._written:
            path = self._directories[0] / file_name(SEGMENT, chain.name)
            self._enter(AppendFile.create(self._io, path, lines[0]), chain, lines[0])
            lines = lines[1:]
        if lines:
            data = b"".join(lines)
            self._file.append(data)
            self._durable = _head(chain.name, lines[-1], self._durable.size + len(data))
            # Before anybody is told: a worker that dies now must not have answered what its slot does not cover.
            self._heads.publish(self._worker, self._durable)
            self._look_around(chain)
        self._taken.popleft()
        self._tell(batch.dones, None)

    def _enter(self, file: AppendFile, chain: Chain, header: bytes) -> None:
        self._file.close()
        self._file = file
        self._written = chain
        self._durable = _head(chain.name, header, len(header))
        self._opened = self._clock()
        if self._turned is not None:
            self._turned()

    def _look_around(self, chain: Chain) -> None:
        """Between two syncs: is there a newer seal to be noted, has the segment come to its end?"""
        seal = self._heads.read_seal()
        full = self._durable.size >= self._segment_bytes or self._clock() - self._opened >= self._segment_seconds
        if full or seal != self._noted:
            with self._lock:
                if seal != self._noted:
                    self._noted = self._note = seal
                # Unless the loop's thread has turned already, and these were the old segment's last lines.
                self._turn_due = self._turn_due or (full and self._chain is chain)

    # --- failure ------------------------------------------------------------------------------------------------------

    def _recover(self, error: OSError) -> None:
        """Go on in a new segment, in the first directory that takes one; what waits is chained anew, in its order."""
        self._tell_operator("a segment of the audit journal failed", error)
        if self._closed and not any(batch.dones for batch in self._taken):
            self._taken.clear()
            return
        for directory in self._directories:
            try:
                chain = self._create(directory)
                with self._lock:
                    self._take_open()
                    again = _Batch(chain)
                    for record, done in [pair for batch in self._taken for pair in batch.records()]:
                        again.lines.append(chain.extend(record))
                        again.dones.append(done)
                    self._taken = deque([again])
                    self._chain = chain
                    self._turn_due = False
                self._write(again)
            except OSError as failed:
                error = failed
                self._tell_operator(f"no audit journal in {directory}", error)
            else:
                return
        self._give_up(error)

    def _create(self, directory: Path) -> Chain:
        """A new segment in ``directory`` in place of the one that failed."""
        chain = self._fresh()
        header = self._header(chain, link(self._durable, failed=self._file.closed))
        self._enter(AppendFile.create(self._io, directory / file_name(SEGMENT, chain.name), header), chain, header)
        return chain

    def _fresh(self) -> Chain:
        return Chain(SEGMENT, new_name(self._clock(), self._worker, self._random), self._key_for)

    def _header(self, chain: Chain, previous: Link | None) -> bytes:
        created = instant(self._clock())
        header = SegmentHeader(
            version=VERSION, name=chain.name, worker=self._worker, created=created, previous=previous
        )
        return chain.extend(encode(header))

    def _give_up(self, error: Exception) -> None:
        """Nothing can be made durable: everyone who waits is told so, and whoever comes until a probe succeeds."""
        refusal = JournalUnavailable(f"the audit journal cannot be written: {error}")
        refusal.__cause__ = error
        with self._lock:
            self._take_open()
            self._refusal = refusal
        owed = [done for batch in self._taken for done in batch.dones]
        self._taken.clear()
        self._tell(owed, refusal)
        self._tell_operator("the audit journal refuses records", error)

    def _probe(self) -> None:
        """Try again whether any directory takes a segment."""
        for directory in self._directories:
            with suppress(OSError):
                chain = self._create(directory)
                with self._lock:
                    if not self._closed:
                        self._chain = chain
                        self._turn_due = False
                        self._refusal = None
                self._tell_operator("the audit journal is written again", None)
                return

    def _tell(self, dones: list[Done], error: BaseException | None) -> None:
        if dones:
            self._finished.append((dones, error))
            self._wake(self._deliver)

    def _tell_operator(self, sentence: str, error: BaseException | None) -> None:
        if self._report is not None:
            self._wake(self._report, sentence, error)

    def _wake(self, callback: Callable[..., None], *arguments: object) -> None:
        with suppress(RuntimeError):  # the loop is closed: `close` delivers what is left
            self._loop.call_soon_threadsafe(callback, *arguments)


def _head(name: str, line: bytes, size: int) -> Head:
    number, mac, _ = line.split(b" ", 2)
    return Head(name, int(number), bytes.fromhex(mac.decode("ascii")), size)
