"""Refusals that nobody waits for, counted: so many from here, of this kind, in this second.

Guarantees: one record per second for each (source or principal, code, operation), written to the journal without
anybody waiting; at most ``capacity`` such rows are held, and a flood of more distinct sources ends in one row per
code that says "other", still counted. Counts that the journal refused come with the next flush. No timer runs while
nothing is counted. Does not guarantee that a count survives a crash: up to one second of refused, unauthenticated
calls may go uncounted.
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


class Counted:
    """See the module. All methods are for the loop's thread.

    ``account`` and ``region`` stand in records of refusals that belong to no account; ``new_id`` makes an eventID;
    ``interval`` is the time in seconds that one record covers.
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
    ) -> None:
        self._journal = journal
        self._event_source = event_source
        self._account = account
        self._region = region
        self._clock = clock
        self._new_id = new_id
        self._loop = loop or asyncio.get_running_loop()
        self._capacity = capacity
        self._interval = interval
        self._rows: dict[_Row, _Tally] = {}
        self._held = [0, 0]  # rows by nobody in particular, rows by proved callers; "other" not counted
        self._timer: asyncio.TimerHandle | None = None
        self._closed = False

    def count(
        self,
        *,
        source: str,
        error_code: str,
        event_name: str,
        region: str | None = None,
        account: str | None = None,
        who: msgspec.Raw | None = None,
    ) -> None:
        """Count one refusal. ``who`` is `record.identity` of a proved caller (a throttled one, say) and ``account``
        its account; without it the refusal is counted by ``source`` alone."""
        row = _Row(
            source[:_LONGEST],
            error_code[:_LONGEST],
            event_name[:_LONGEST],
            (region or self._region)[:_LONGEST],
            account or self._account,
            None if who is None else bytes(who),
        )
        now = self._clock()
        self._add(row, _Tally(1, now, now))

    def _add(self, row: _Row, tally: _Tally) -> None:
        found = self._rows.get(row)
        if found is None:
            # Proved callers have room of their own: nobody unknown can push them out.
            proved = row.who is not None
            if self._held[proved] < self._capacity:
                self._held[proved] += 1
            else:
                row = _Row(OTHER, row.error_code, OTHER, self._region, self._account, None)
                found = self._rows.get(row)
        if found is None:
            self._rows[row] = tally
        else:
            found.count += tally.count
            found.first = min(found.first, tally.first)
            found.last = max(found.last, tally.last)
        if self._timer is None:
            self._timer = self._loop.call_later(self._interval, self.flush)

    def flush(self) -> None:
        """Hand everything counted to the journal now."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        rows, self._rows = self._rows, {}
        self._held = [0, 0]
        for row, tally in rows.items():
            line = record.counted(
                event_source=self._event_source,
                event_name=row.event_name,
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
            self._journal.append(line, partial(self._written, row, tally))

    def _written(self, row: _Row, tally: _Tally, error: BaseException | None) -> None:
        if error is not None and not self._closed:
            self._add(row, tally)

    def close(self) -> None:
        """Flush for the last time; what the journal refuses now is lost. To be called before the journal is closed."""
        self._closed = True
        self.flush()
