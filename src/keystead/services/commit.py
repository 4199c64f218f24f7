"""How a change becomes true: one transaction, its audit record beside it, the epoch, the journal, and only then the
answer.

    decide again inside the transaction · write · put the audit record into the outbox · COMMIT (durable)
    -> publish the epoch -> copy the record to the journal (durable) -> answer -> settle the outbox row

Guarantees: no acknowledged change without its audit records and none without a durable commit; before any reply to a
mutation, no-ops and refusals included, every worker of the machine sees what it answered on. A crash anywhere in
between leaves an outbox row, and `recover` copies it to the journal exactly once. If the journal fails the answer is
withheld, and the row is tried again with every `tick`. Bytes that a change deleted are in the store's log no more soon
after it, or after the next start.

Transactions run on one thread of their own, so that an fsync never stalls the event loop. What waits for it is bounded,
and callers take turns (`services.lane`): no account delays the changes of another by more than a few of its own.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import partial
from typing import Any, Final, Protocol

from keystead import errors
from keystead.services.epochs import Epochs
from keystead.services.lane import Lane, Outcome
from keystead.services.turns import Seat
from keystead.store.interface import OutboxRow, Store, StoreError, Transaction

#: Changes that may wait or be under way, in places (`services.turns`): the last of 512 waits about half a second, since a
#: commit takes about one millisecond, on the slower disks five.
ROOM: Final = 512


class Journal(Protocol):
    """What is asked of the audit journal: append a line, and be told on the loop's thread when it is durable (None)
    or why not."""

    def append(self, record: bytes, done: Callable[[BaseException | None], None]) -> None: ...


@dataclass(frozen=True, slots=True)
class Decided:
    """What a transaction decided: the answer for the caller and the audit records of the change, each with its event
    id. ``shreds``: sealed bytes were deleted, and the store's log is to be emptied."""

    answer: Any
    records: tuple[tuple[str, bytes], ...]
    shreds: bool = False


#: Decides inside the transaction over its rows, applies the writes, returns the answer and record; a Refusal rolls everything back.
Decide = Callable[[Transaction], Decided]
Done = Callable[[Decided | BaseException], None]


@dataclass(slots=True)
class _Committed:
    """``left`` is how many records are not durable yet, ``failure`` why one of them never became so."""

    decided: Decided
    outbox: list[int]
    epoch: int
    left: int
    failure: BaseException | None = None


class _Refused(Exception):
    """Carries a refusal out of the transaction together with the epoch it was decided on."""

    def __init__(self, cause: BaseException, epoch: int) -> None:
        super().__init__(str(cause))
        self.cause = cause
        self.epoch = epoch


class Committer:
    """The one writer of a worker process. ``slot`` is the worker's number, which also marks its rows of the outbox."""

    def __init__(
        self,
        store: Store,
        journal: Journal,
        epochs: Epochs,
        slot: int,
        loop: asyncio.AbstractEventLoop,
        *,
        room: int = ROOM,
    ) -> None:
        self._store = store
        self._journal = journal
        self._epochs = epochs
        self._slot = slot
        self._loop = loop
        self._lane = Lane("commit", 1, room, loop)
        self._settled: list[int] = []
        self._failed: dict[int, bytes] = {}
        # Whether deleted bytes may still be in the store's log. So it is at the start: the worker before may have died
        # between a deletion and the emptying of the log. Set and cleared on the committing thread.
        self._unclean = True

    @property
    def idle(self) -> bool:
        """Whether no change of any caller waits or is under way in this worker."""
        return self._lane.idle

    def commit(self, decide: Decide, done: Done, seat: Seat | None = None) -> None:
        """Run ``decide`` in a transaction when it is the turn of whoever has that seat; ``done`` is called once, on the
        loop's thread, when the answer may be given. ThrottlingException when too much waits; without a seat it is
        Keystead's own change, which is never refused."""
        self._lane.begin(partial(self._transact, decide), partial(self._committed, done), seat)

    def _transact(self, decide: Decide) -> _Committed:
        settled = self._settled[:]

        def attempt(transaction: Transaction) -> _Committed:
            before = transaction.last_change()
            try:
                decided = decide(transaction)
            except errors.Refusal as refusal:
                raise _Refused(refusal, before) from refusal
            transaction.delete_outbox(settled)
            outbox = [transaction.put_outbox(self._mark(event_id), record) for event_id, record in decided.records]
            self._unclean = self._unclean or decided.shreds
            return _Committed(decided, outbox, transaction.last_change(), len(outbox))

        committed = self._store.transact(attempt)
        # Rows settled meanwhile by the loop's thread were appended behind this copy, and stay.
        del self._settled[: len(settled)]
        return committed

    def _mark(self, event_id: str) -> str:
        return f"{self._slot}/{event_id}"

    def _committed(self, done: Done, outcome: Outcome) -> None:
        error = outcome.error
        if isinstance(error, _Refused):
            self.published(error.epoch)
            done(error.cause)
        elif error is not None:
            done(error)
        else:
            committed: _Committed = outcome.made
            self.published(committed.epoch)
            for outbox, (_, record) in zip(committed.outbox, committed.decided.records, strict=True):
                journalled = partial(self._journalled, done, committed, outbox, record)
                try:
                    self._journal.append(record, journalled)
                except ValueError as refused:  # no line of a journal; the caller must hear something all the same
                    journalled(refused)
            if committed.decided.shreds:
                self.afterwards(self._clean)

    def afterwards(self, action: Callable[[Store], None]) -> None:
        """Do something with the store on the committing thread, when it is done with what it does now. Never refused."""
        self._lane.begin(partial(action, self._store), self._kept_house, None)

    def published(self, epoch: int) -> None:
        """Tell every worker that nothing older than ``epoch`` may be used from now on."""
        self._epochs.publish(self._slot, epoch)

    def _journalled(
        self, done: Done, committed: _Committed, outbox: int, record: bytes, error: BaseException | None
    ) -> None:
        self._settle(outbox, record, error)
        committed.left -= 1
        committed.failure = committed.failure or error
        if not committed.left:
            failure = committed.failure
            done(committed.decided if failure is None else errors.audit_unavailable(str(failure)))

    def _clean(self, store: Store) -> None:
        """Empty the store's log, where deleted bytes may still be. Runs on the committing thread."""
        if self._unclean:
            store.checkpoint_truncate()
            self._unclean = False

    def _settle(self, outbox: int, record: bytes, error: BaseException | None) -> None:
        if error is None:
            self._settled.append(outbox)
        else:
            self._failed[outbox] = record

    def tick(self) -> None:
        """To be called every second or so: try records again that the journal refused, settle outbox rows that no
        later commit has taken along, and empty the store's log if others were in the way when it was to be."""
        if self._unclean:
            self.afterwards(self._clean)
        if self._settled:
            self._lane.begin(self._flush, self._kept_house, None)
        failed, self._failed = self._failed, {}
        for outbox, record in failed.items():
            self._journal.append(record, partial(self._settle, outbox, record))

    def _flush(self) -> None:
        settled = self._settled[:]
        self._store.transact(lambda transaction: transaction.delete_outbox(settled))
        del self._settled[: len(settled)]

    def close(self) -> None:
        """Wait for what is under way and settle what is journalled. What waits for callers is not done any more."""
        self._lane.close()
        self._flush()

    def _kept_house(self, outcome: Outcome) -> None:
        """What housekeeping could not do now it does later; only a programming error is worth a word."""
        error = outcome.error
        if error is not None and not isinstance(error, StoreError):
            self._loop.call_exception_handler({"message": "store housekeeping failed", "exception": error})


def leftovers(rows: Iterable[OutboxRow], slot: int, workers: int) -> list[OutboxRow]:
    """The outbox rows a crash left that worker ``slot`` of ``workers`` has to finish: its own, and for the first
    worker those of numbers that no longer exist (the server was started with fewer workers)."""
    mine = []
    for row in rows:
        if not row.authentic:
            continue  # `forged` says so; what it claims about its owner means nothing
        owner = int(row.event_id.split("/", 1)[0])
        if owner == slot or (slot == 0 and owner >= workers):
            mine.append(row)
    return mine


def forged(rows: Iterable[OutboxRow]) -> list[OutboxRow]:
    """Rows that no Keystead wrote: somebody with write access to the store wanted them in the audit journal. They are
    left where they are, as evidence."""
    return [row for row in rows if not row.authentic]


async def recover(store: Store, journal: Journal, rows: list[OutboxRow], journalled: frozenset[str]) -> int:
    """Copy to the journal what a crash left in the outbox, before the worker takes its first call. Returns how many
    were missing.

    ``journalled`` are the event ids that were found in the journal already: the crash came after the journal and
    before the outbox was settled, and these are only removed."""
    loop = asyncio.get_running_loop()
    missing = [row for row in rows if row.event_id.split("/", 1)[1] not in journalled]
    waits = []
    for row in missing:
        wait: asyncio.Future[None] = loop.create_future()
        journal.append(row.record, partial(_resolve, wait))
        waits.append(wait)
    await asyncio.gather(*waits)
    if rows:
        store.transact(lambda transaction: transaction.delete_outbox([row.seq for row in rows]))
    return len(missing)


def _resolve(wait: asyncio.Future[None], error: BaseException | None) -> None:
    if wait.cancelled():
        return
    if error is None:
        wait.set_result(None)
    else:
        wait.set_exception(error)
