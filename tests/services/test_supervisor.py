"""The supervisor alone, with workers that do nothing but live and die."""

from __future__ import annotations

import mmap
import os
import signal
from collections.abc import Callable

import pytest

from keystead.supervisor import EXIT_CANNOT_SERVE, Place, Supervisor


def supervise(work: Callable[[Place, int], int]) -> tuple[int, int]:
    """Run one worker, given its place and how often it has lived; returns the supervisor's status and the lives."""
    lives = mmap.mmap(-1, 1)

    def live(place: Place) -> int:
        lives[0] += 1
        return work(place, lives[0])

    supervisor = os.fork()
    if supervisor == 0:
        nothing = Supervisor(1, live, lambda _number: None, lambda: None, lambda: None, lambda _text: None, drain=10.0)
        os._exit(nothing.run())
    _, status = os.waitpid(supervisor, 0)
    return os.waitstatus_to_exitcode(status), lives[0]


def _serve_and_ask_for_the_end(place: Place) -> int:
    os.write(place.ready, bytes([place.number]))
    os.kill(os.getppid(), signal.SIGTERM)
    signal.pause()
    return 0


def test_a_worker_that_cannot_serve_at_the_start_ends_the_server() -> None:
    assert supervise(lambda _place, _life: EXIT_CANNOT_SERVE) == (EXIT_CANNOT_SERVE, 1)


@pytest.mark.parametrize("status", [EXIT_CANNOT_SERVE, 1])
def test_once_all_have_served_a_worker_is_replaced_whatever_it_died_of(status: int) -> None:
    def work(place: Place, life: int) -> int:
        if life > 1:
            return _serve_and_ask_for_the_end(place)
        os.write(place.ready, bytes([place.number]))
        signal.sigtimedwait([], 1.0)  # long enough for the supervisor to hear of it
        return status

    assert supervise(work) == (0, 2)
