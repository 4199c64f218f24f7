"""The shared epoch: how a worker learns, before every call, that another worker has changed something.

The epoch is the highest sequence number of the change log that was published. It lives in memory shared by all worker
processes: one 8-byte slot per writer (each worker, and the supervisor), so that no two processes ever write the same
word and no lock is needed. The epoch is the maximum of the slots; a slot never goes back.

Guarantees: what was published before a reply was sent is seen by every call that starts after that reply, in any
worker of the machine. An aligned 8-byte store is one machine store on every platform Keystead runs on (x86-64,
AArch64), so a reader never sees half a number."""

from __future__ import annotations

import mmap
import struct

_WORD = 8


class Epochs:
    """``writers`` slots in anonymous shared memory. Make it before forking; each process then calls `writer` with its
    own slot."""

    __slots__ = ("_memory", "_slots", "writers")

    def __init__(self, writers: int) -> None:
        self.writers = writers
        self._memory = mmap.mmap(-1, max(mmap.PAGESIZE, writers * _WORD))
        self._slots = memoryview(self._memory).cast("Q")[:writers]

    def current(self) -> int:
        """The epoch: nothing with a higher sequence number has been acknowledged to anybody."""
        return max(self._slots)

    def publish(self, slot: int, sequence: int) -> None:
        """Raise this writer's slot to ``sequence``. Only the owner of the slot may call this."""
        self._slots[slot] = max(self._slots[slot], sequence)

    def __repr__(self) -> str:
        return f"Epochs({struct.calcsize('Q') * self.writers} bytes, current={self.current()})"
