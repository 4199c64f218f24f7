"""Lanes: a few threads each, and what waits for them, in bounded room and with fair turns (`services.turns`).

Guarantees: what was begun is told its outcome once, on the loop's thread, an exception included; what waits for a
caller whose connection is gone is not done; after `close` nothing more is told, no thread is left, and what Keystead
itself wanted done has been. Does not guarantee that what runs is cut short when its caller has gone: neither OpenSSL
nor a commit can be interrupted."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any

from keystead import errors
from keystead.services.turns import Full, Seat, Turns


@dataclass(frozen=True, slots=True)
class Outcome:
    """What came of something: what it made, or why it failed."""

    made: Any = field(default=None, repr=False)
    error: BaseException | None = None


Told = Callable[[Outcome], None]
Task = tuple[Callable[[], Any], Told]


class Lane:
    """Some threads and what waits for them: at most ``room`` places together. Belongs to the loop's thread."""

    def __init__(self, name: str, threads: int, room: int, loop: asyncio.AbstractEventLoop) -> None:
        # Each of its jobs is to take whatever has its turn then; there is one for each task that waits, and perhaps a
        # few more, which find nothing.
        self._threads = ThreadPoolExecutor(threads, thread_name_prefix=f"keystead-{name}")
        self._turns: Turns[Task] = Turns(room)
        self._lock = threading.Lock()  # over the turns
        self._loop = loop
        self._closed = False

    @property
    def idle(self) -> bool:
        """Whether nothing of any caller waits, is being done, or has been done and not told."""
        return not self._turns.taken

    def begin(self, do: Callable[[], Any], told: Told, seat: Seat | None) -> None:
        """Have ``do`` done when it is its turn, and ``told`` what came of it. Without a seat it is Keystead's own work,
        which is never refused. ThrottlingException when there is no room; whoever gives way to another is told so."""
        try:
            with self._lock:
                gave_way = self._turns.put(seat, (do, told))
        except Full:
            raise errors.throttled() from None
        if gave_way:  # and leaves the job that was to take it
            self._loop.call_soon(self._refuse, gave_way, errors.throttled())
        else:
            self._threads.submit(self._next)

    def _next(self) -> None:
        """Do whatever has its turn. Runs on one of the threads."""
        abandoned: list[Task] = []
        with self._lock:
            taken = self._turns.take(abandoned)
        if abandoned:
            self._loop.call_soon_threadsafe(self._refuse, abandoned, errors.abandoned())
        if taken is None:
            return
        seat, (do, told) = taken
        try:
            outcome = Outcome(do())
        except BaseException as error:  # whatever it was, somebody waits for an answer
            outcome = Outcome(error=error)
        self._loop.call_soon_threadsafe(self._ended, seat, told, outcome)

    def _ended(self, seat: Seat | None, told: Told, outcome: Outcome) -> None:
        with self._lock:
            self._turns.done(seat)
        if not self._closed:
            told(outcome)

    def _refuse(self, tasks: Iterable[Task], refusal: errors.Refusal) -> None:
        if not self._closed:
            for _, told in tasks:
                told(Outcome(error=refusal))

    def close(self) -> None:
        """Wait for what the threads are doing and for Keystead's own work, forget what waits for callers. By now none
        of them waits for an answer any more."""
        self._closed = True
        with self._lock:
            self._turns.forget()
        self._threads.shutdown(wait=True)
