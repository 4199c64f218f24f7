"""Slow work: what must not hold up the event loop is done by a few threads, with a bound on how much of it waits.

An operation's function that has asked everything (permission, state, usage) and has its capabilities in hand may
return `Work` instead of its answer; the dispatcher has it done and goes on with what it made. A mutation that returns
Work is being prepared: its function is called again inside the transaction, with the outcome in ``call.prepared``.

Three lanes, because a key of RSA-4096 takes a second to make, a signature a millisecond, and an answer from another
machine as long as it likes: a queue of one never keeps another waiting. In a lane accounts and their principals take
turns; whoever finds it full, and takes most of it, is told to come again (ThrottlingException, which every SDK retries
with growing pauses), so memory and waiting times are bounded. Calls that need no Work never meet a lane.

What is guaranteed of what was begun, `services.lane` says."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any, Final

from keystead.crypto.prover import Prove
from keystead.services.lane import Lane, Told
from keystead.services.turns import Seat

#: Threads that do quick work, and how much of it may be under way or waiting: the last of 512 RSA-4096 signatures
#: (1.7 ms each) waits less than half a second for the other 511.
QUICK_THREADS: Final = 2
QUICK_ROOM: Final = 512

#: The same for long work: the last of 32 RSA-4096 keys (about a second each) waits half a minute, half as long as SDKs do.
LONG_THREADS: Final = 2
LONG_ROOM: Final = 32

#: The same for what may wait for others (keys of an identity provider, `keystead.oidc.fetch`), which takes no processor.
REMOTE_THREADS: Final = 4
REMOTE_ROOM: Final = 64


@dataclass(frozen=True, slots=True)
class Work:
    """Something slow to be done in a thread. ``do`` returns the answer of the call, or what a mutation needs, or
    raises the call's refusal; it touches nothing but capabilities and its own values, never facts, which belong to the
    loop's thread. ``long``: it takes more than a few milliseconds. ``remote``: it may wait for another machine.
    ``then`` makes the answer, or more Work, of what was done, back on the loop's thread, where facts may be asked; not for
    mutations, which are called again. ``proves``: it is given a `Prove`."""

    do: Callable[..., Any]
    long: bool = False
    remote: bool = False
    then: Callable[[Any], Any] | None = None
    proves: bool = False


class Workshop:
    """The lanes of one worker process."""

    def __init__(
        self,
        loop: asyncio.AbstractEventLoop,
        prove: Prove,
        *,
        quick_room: int = QUICK_ROOM,
        long_room: int = LONG_ROOM,
    ) -> None:
        self._prove = prove
        self._quick = Lane("quick", QUICK_THREADS, quick_room, loop)
        self._long = Lane("long", LONG_THREADS, long_room, loop)
        self._remote = Lane("remote", REMOTE_THREADS, REMOTE_ROOM, loop)

    def begin(self, work: Work, told: Told, seat: Seat) -> None:
        """Have ``work`` done for whoever has that seat; ``told`` is called once, on the loop's thread.
        ThrottlingException when its lane is full."""
        lane = self._remote if work.remote else self._long if work.long else self._quick
        lane.begin(partial(work.do, self._prove) if work.proves else work.do, told, seat)

    def close(self) -> None:
        """To be called when no call is under way any more, or none that will still be answered."""
        self._quick.close()
        self._long.close()
        self._remote.close()
