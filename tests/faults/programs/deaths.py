"""Points at which a process of the server can be made to die, each a function that plants a `Death` there."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any


class Death:
    """Kills this process at its n-th pass, if no other process of the server was killed by it before."""

    def __init__(self, passes: int, marker: Path) -> None:
        self.left = passes
        self.marker = marker

    def comes(self) -> bool:
        self.left -= 1
        if self.left != 0:
            return False
        try:
            self.marker.touch(exist_ok=False)
        except FileExistsError:
            return False
        return True

    def strike(self) -> None:
        if self.comes():
            self.now()

    def now(self) -> None:
        os.kill(os.getpid(), signal.SIGKILL)
        time.sleep(60)  # the signal may take a moment to reach this thread


def swap(owner: Any, name: str, make: Callable[[Any], Any]) -> None:
    """Replace a function of a class or module by one made of it."""
    setattr(owner, name, make(getattr(owner, name)))


def before(owner: Any, name: str, death: Death) -> None:
    def make(real: Any) -> Any:
        def dying(*arguments: Any, **named: Any) -> Any:
            death.strike()
            return real(*arguments, **named)

        return dying

    swap(owner, name, make)


def after(owner: Any, name: str, death: Death) -> None:
    def make(real: Any) -> Any:
        def dying(*arguments: Any, **named: Any) -> Any:
            answer = real(*arguments, **named)
            death.strike()
            return answer

        return dying

    swap(owner, name, make)


# --- a change, in the order in which it comes true --------------------------------------------------------------------


def in_transaction(death: Death) -> None:
    """The rows are written and not committed."""
    from keystead.services.dispatch import Dispatch

    after(Dispatch, "_again", death)


def committed(death: Death) -> None:
    """Committed, and no other process has been told."""
    from keystead.services.commit import Committer

    after(Committer, "_transact", death)


def published(death: Death) -> None:
    """The epoch of a change is published, the record is not with the journal yet. (What changes nothing publishes too.)"""
    from keystead.services.commit import Committer

    def make(real: Any) -> Any:
        def dying(committer: Committer, done: Any, outcome: Any) -> None:
            if outcome.error is None:
                committer.published(outcome.made.epoch)
                death.strike()
            real(committer, done, outcome)

        return dying

    swap(Committer, "_committed", make)


def half_written(death: Death) -> None:
    """Two thirds of what the journal writes are in the file."""
    from keystead.audit.files import Io

    def make(real: Any) -> Any:
        def dying(io: Io, descriptor: int, data: bytes | memoryview) -> int:
            if death.comes():
                real(io, descriptor, bytes(data)[: len(data) * 2 // 3])
                death.now()
            return int(real(io, descriptor, data))

        return dying

    swap(Io, "write", make)


def written(death: Death) -> None:
    """The journal has written and not synced."""
    from keystead.audit.files import Io

    before(Io, "fdatasync", death)


def durable(death: Death) -> None:
    """The journal has synced, the head in shared memory is the one before."""
    from keystead.audit.files import Io

    after(Io, "fdatasync", death)


def acknowledged(death: Death) -> None:
    """The record is durable, the reply is not given."""
    from keystead.services.commit import Committer

    before(Committer, "_journalled", death)


def replied(death: Death) -> None:
    """The reply is given, the outbox row is still there."""
    from keystead.services.commit import Committer

    after(Committer, "_journalled", death)


def recovered(death: Death) -> None:
    """In the process that finishes what a crash left: the records are durable, their outbox rows are still there."""
    from keystead.services import commit

    class Mortal:
        def __init__(self, store: Any) -> None:
            self.store = store

        def transact(self, function: Any) -> Any:
            death.strike()
            return self.store.transact(function)

    def make(real: Any) -> Any:
        async def dying(store: Any, *arguments: Any) -> int:
            return int(await real(Mortal(store), *arguments))

        return dying

    swap(commit, "recover", make)


POINTS: dict[str, Callable[[Death], None]] = {
    function.__name__.replace("_", "-"): function
    for function in (
        in_transaction,
        committed,
        published,
        half_written,
        written,
        durable,
        acknowledged,
        replied,
        recovered,
    )
}
