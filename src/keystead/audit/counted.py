"""Refusals that nobody waits for, counted: so many from here, of this kind, in this time.

Guarantees: one record for each row and interval, written to the journal without anybody waiting. Proved callers: a
row for each (principal, source, code, service, operation) and second, at most ``capacity`` of them. Nobody in particular: a row
for each (source, code) and ten seconds, at most ``unproved_capacity`` and one more that says "other", so that a flood
without a credential costs a worker a few hundred bytes of journal a second, whatever its rate and however many
addresses it has. All is counted. Counts that the journal refused come with the next flush. No timer runs while nothing
is counted. Does not guarantee that a count survives a crash: up to ten seconds of refused, unauthenticated calls may
go uncounted.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import NamedTuple, Protocol

import msgspec

from keystead.audit import record

OTHER = "other"

# Before anybody is authenticated the caller chooses these texts; a row must not be made large by them.
_LONGEST = 128


class Journal(Protocol):
    def append(self, record: bytes, done: Callable[[BaseException | None], None]) -> None: ...


class _Row(NamedTuple):
    event_source: str
    source: str
    error_code: str
    event_name: str
    region: str
    account: str
    who: bytes | None


@dataclass(slots=True)
class _Tally:
    count: int
    first: float
    last: float
    event_name: str  # of all that were counted, or "other"


class _Rows:
    """Rows of one interval; those beyond ``capacity`` end in rows of ``other``, of which there must be few."""

    def __init__(
        self,
        capacity: int,
        interval: float,
        other: Callable[[_Row], _Row],
        flush: Callable[[_Rows], None],
        loop: asyncio.AbstractEventLoop,
    ) -> None:
        self._capacity = capacity
        self._interval = interval
        self._other = other
        self._flush = flush
        self._loop = loop
        self._rows: dict[_Row, _Tally] = {}
        self._held = 0  # "other" not counted
        self._timer: asyncio.TimerHandle | None = None

    def add(self, row: _Row, tally: _Tally) -> None:
        found = self._rows.get(row)
        if found is None and row.source != OTHER:
            if self._held < self._capacity:
                self._held += 1
            else:
                row = self._other(row)
                tally.event_name = OTHER
                found = self._rows.get(row)
        if found is None:
            self._rows[row] = tally
        else:
            found.count += tally.count
            found.first = min(found.first, tally.first)
            found.last = max(found.last, tally.last)
            if found.event_name != tally.event_name:
                found.event_name = OTHER
        if self._timer is None:
            self._timer = self._loop.call_later(self._interval, self._flush, self)

    def take(self) -> dict[_Row, _Tally]:
        """All rows; none are left."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        rows, self._rows = self._rows, {}
        self._held = 0
        return rows


class Counted:
    """See the module. All methods are for the loop's thread.

    ``event_source``, ``account`` and ``region`` stand in records of refusals that belong to no service or account;
    ``new_id`` makes an eventID;
    ``interval`` and ``unproved_interval`` are the times in seconds that one record covers.
    """

    def __init__(
        self,
        journal: Journal,
        *,
        event_source: str,
        account: str,
        region: str,
        clock: Callable[[], float],
        new_id: Callable[[], str],
        loop: asyncio.AbstractEventLoop | None = None,
        capacity: int = 256,
        interval: float = 1.0,
        unproved_capacity: int = 8,
        unproved_interval: float = 10.0,
    ) -> None:
        self._journal = journal
        self._event_source = event_source
        self._account = account
        self._region = region
        self._clock = clock
        self._new_id = new_id
        loop = loop or asyncio.get_running_loop()
        # Apart from each other: nobody unknown can push out a proved caller's rows.
        self._proved = _Rows(capacity, interval, self._other_of_code, self._write, loop)
        self._unproved = _Rows(unproved_capacity, unproved_interval, self._other, self._write, loop)
        self._closed = False

    def count(
        self,
        *,
        source: str,
        error_code: str,
        event_name: str,
        event_source: str | None = None,
        region: str | None = None,
        account: str | None = None,
        who: msgspec.Raw | None = None,
    ) -> None:
        """Count one refusal. ``who`` is `record.identity` of a proved caller (a throttled one, say) and ``account``
        its account; without it the refusal is counted by ``source`` and ``error_code`` alone, and the record names the
        operation only if it was always the same."""
        now = self._clock()
        name = event_name[:_LONGEST]
        row = _Row(
            event_source or self._event_source,
            source[:_LONGEST],
            error_code[:_LONGEST],
            "" if who is None else name,
            (region or self._region)[:_LONGEST],
            account or self._account,
            None if who is None else bytes(who),
        )
        rows = self._unproved if who is None else self._proved
        rows.add(row, _Tally(1, now, now, name))

    def _other(self, _row: _Row) -> _Row:
        """One row for all codes: whoever sends anything can choose among many."""
        return _Row(self._event_source, OTHER, OTHER, OTHER, self._region, self._account, None)

    def _other_of_code(self, row: _Row) -> _Row:
        return _Row(row.event_source, OTHER, row.error_code, OTHER, self._region, self._account, None)

    def flush(self) -> None:
        """Hand everything counted to the journal now."""
        self._write(self._proved)
        self._write(self._unproved)

    def _write(self, rows: _Rows) -> None:
        for row, tally in rows.take().items():
            line = record.counted(
                event_source=row.event_source,
                event_name=tally.event_name,
                region=row.region,
                account=row.account,
                who=None if row.who is None else msgspec.Raw(row.who),
                source=row.source,
                error_code=row.error_code,
                count=tally.count,
                first=tally.first,
                last=tally.last,
                event_id=self._new_id(),
            )
            self._journal.append(line, partial(self._written, rows, row, tally))

    def _written(self, rows: _Rows, row: _Row, tally: _Tally, error: BaseException | None) -> None:
        if error is not None and not self._closed:
            rows.add(row, tally)

    def close(self) -> None:
        """Flush for the last time; what the journal refuses now is lost. To be called before the journal is closed."""
        self._closed = True
        self.flush()
