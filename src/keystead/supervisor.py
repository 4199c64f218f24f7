"""Worker processes under one parent that knows nothing of keys.

Guarantees: a worker that dies is replaced, with growing pauses when it keeps dying; what must happen between a death
and the replacement (`bereaved`) happens first; SIGTERM and SIGINT drain all workers and then end the parent; a worker
ends by itself when its parent is gone, however that happened. The parent opens no root key and runs no event loop, so
that forking is safe.

Does not guarantee that connections of a dead worker survive; their clients see a reset and retry.
"""

from __future__ import annotations

import os
import select
import signal
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final, NoReturn

#: A worker that ends with this status before the server has served is not replaced: it said why it cannot, and trying again
#: would not help. Once all have served, the reason is one that may pass (a full disk, say), and it is replaced like any other.
EXIT_CANNOT_SERVE: Final = 78

# Seconds before the n-th replacement of a worker that keeps dying young; a worker is grown up after _GROWN_UP seconds.
_PAUSES: Final = (0.0, 0.1, 0.5, 1.0, 2.0, 5.0)
_GROWN_UP: Final = 10.0

# What the parent hears and passes on.
_HEARD: Final = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)


@dataclass(frozen=True, slots=True)
class Place:
    """What a worker is told of its place: its number, the descriptor to write one byte to when it can serve, and the
    descriptor that becomes readable when the parent is gone."""

    number: int
    ready: int
    parent: int


@dataclass(slots=True)
class _Worker:
    number: int
    pid: int = 0
    started: float = 0.0
    deaths: int = 0
    again_at: float = 0.0
    ready: bool = False


@dataclass(slots=True)
class Supervisor:
    """Runs ``work(place)`` in ``workers`` forked processes until told to end.

    ``work`` returns the exit status of its process. ``bereaved(number)`` runs in the parent after a death and before
    the replacement. ``ending()`` runs in the parent before the workers are told to end. ``all_ready()`` runs once, when every worker has
    reported ready. ``drain`` is how many seconds workers get to finish.
    """

    workers: int
    work: Callable[[Place], int]
    bereaved: Callable[[int], None]
    ending: Callable[[], None]
    all_ready: Callable[[], None]
    report: Callable[[str], None]
    drain: float = 30.0
    _crew: list[_Worker] = field(default_factory=list)
    _ending: bool = False
    _served: bool = False
    _status: int = 0

    def run(self) -> int:
        """Blocks until all workers have ended; returns the exit status for the process."""
        lifeline, held = os.pipe()  # only the parent holds the writing end: it closes when the parent is gone
        ready, report = os.pipe()
        wake, waking = os.pipe()
        os.set_blocking(waking, False)
        os.set_blocking(wake, False)
        os.set_blocking(ready, False)
        previous = signal.set_wakeup_fd(waking, warn_on_full_buffer=False)
        handlers = {number: signal.signal(number, self._signalled) for number in _HEARD}
        handlers[signal.SIGCHLD] = signal.signal(signal.SIGCHLD, lambda _number, _frame: None)
        inherited = (held, ready, wake, waking)
        self._crew = [_Worker(number) for number in range(self.workers)]
        try:
            deadline: float | None = None
            while True:
                self._reap()
                if self._ending:
                    if not any(worker.pid for worker in self._crew):
                        return self._status
                    now = time.monotonic()
                    if deadline is None:
                        deadline = now + self.drain
                        self.ending()
                        self._signal_all(signal.SIGTERM)
                    elif now > deadline:
                        self.report("workers did not finish in time and are ended now")
                        self._signal_all(signal.SIGKILL)
                        deadline = now + self.drain
                else:
                    self._staff(lifeline, report, inherited)
                self._await(ready, wake)
        finally:
            for number, handler in handlers.items():
                signal.signal(number, handler)
            signal.set_wakeup_fd(previous)
            for descriptor in (lifeline, held, ready, report, wake, waking):
                os.close(descriptor)

    # --- the parent --------------------------------------------------------------------------------------------------

    def _signalled(self, number: int, _frame: object) -> None:
        if number == signal.SIGHUP:
            self._signal_all(signal.SIGHUP)
        else:
            self._ending = True

    def _signal_all(self, number: int) -> None:
        for worker in self._crew:
            if worker.pid:
                os.kill(worker.pid, number)

    def _await(self, ready: int, wake: int) -> None:
        readable, _, _ = select.select([ready, wake], [], [], 0.25)
        if wake in readable:
            os.read(wake, 512)
        if ready in readable:
            before = all(worker.ready for worker in self._crew)
            for number in os.read(ready, 512):
                self._crew[number].ready = True
            if not before and all(worker.ready for worker in self._crew):
                self._served = True
                self.all_ready()

    def _reap(self) -> None:
        for worker in self._crew:
            if not worker.pid:
                continue
            pid, status = os.waitpid(worker.pid, os.WNOHANG)
            if pid:
                self._buried(worker, os.waitstatus_to_exitcode(status))

    def _buried(self, worker: _Worker, code: int) -> None:
        pid, worker.pid = worker.pid, 0
        if self._ending:
            return
        if code == EXIT_CANNOT_SERVE and not self._served:
            self._ending, self._status = True, code
            return
        now = time.monotonic()
        worker.deaths = 0 if now - worker.started > _GROWN_UP else worker.deaths + 1
        pause = _PAUSES[min(worker.deaths, len(_PAUSES) - 1)]
        worker.again_at = now + pause
        how = f"signal {-code}" if code < 0 else f"status {code}"
        self.report(f"worker {worker.number} (pid {pid}) ended with {how}; starting another in {pause:g} s")
        self.bereaved(worker.number)

    def _staff(self, lifeline: int, report: int, inherited: tuple[int, ...]) -> None:
        now = time.monotonic()
        for worker in self._crew:
            if not worker.pid and now >= worker.again_at:
                worker.started = now
                worker.pid = self._fork(Place(worker.number, report, lifeline), inherited)

    def _fork(self, place: Place, inherited: tuple[int, ...]) -> int:
        sys.stdout.flush()
        sys.stderr.flush()
        # The child is born with the parent's handlers: what it is told before it has its own must wait, not be lost.
        signal.pthread_sigmask(signal.SIG_BLOCK, _HEARD)
        try:
            pid = os.fork()
            if pid == 0:
                self._become(place, inherited)
        finally:
            signal.pthread_sigmask(signal.SIG_UNBLOCK, _HEARD)
        return pid

    # --- the child ---------------------------------------------------------------------------------------------------

    def _become(self, place: Place, inherited: tuple[int, ...]) -> NoReturn:
        status = 1
        try:
            signal.set_wakeup_fd(-1)
            signal.signal(signal.SIGTERM, signal.SIG_DFL)
            signal.signal(signal.SIGCHLD, signal.SIG_DFL)
            signal.signal(signal.SIGHUP, signal.SIG_IGN)  # nothing was read yet that could be read anew
            # Ctrl-C reaches the whole group; the parent decides what it means.
            signal.signal(signal.SIGINT, signal.SIG_IGN)
            signal.pthread_sigmask(signal.SIG_UNBLOCK, _HEARD)
            for descriptor in inherited:
                os.close(descriptor)
            status = self.work(place)
        except BaseException as error:
            self.report(f"worker {place.number} failed: {type(error).__name__}: {error}")
        finally:
            sys.stdout.flush()
            sys.stderr.flush()
            os._exit(status)
