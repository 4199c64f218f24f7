"""The head of every worker's segment, in memory that all processes of the machine share. No locks.

Guarantees: a reader gets a head that was published as a whole, the newest or one before it, or None when nothing was
published; a process that dies in the middle of publishing leaves the head before. One slot has one writer at a time.
Does not guarantee anything against a process that may write to this memory: it is as trusted as the workers. Nothing
here outlives the machine; what must, is in seals.

Each slot is two buffers with a version and a checksum each. The writer always overwrites the older one, so a torn
buffer is noticed by its checksum, on any processor whatever its memory order, and the other one still holds.
"""

from __future__ import annotations

import struct
from hashlib import blake2b
from mmap import mmap

from keystead.audit.chain import Head

# version · name, padded with zeros · sequence · size · MAC
_BODY = struct.Struct("<Q64sQQ32s")
_CHECK = 8
_BUFFER = _BODY.size + _CHECK
_SLOT = 2 * _BUFFER

# A reader is overtaken twice in a row only if the writer publishes twice while it reads; after this many times
# something is wrong.
_TRIES = 1_000


class Heads:
    """Heads of ``workers`` workers, and the newest seal. Make it before forking, or over any shared buffer of `size`
    zero bytes."""

    def __init__(self, memory: mmap | bytearray, workers: int) -> None:
        if len(memory) < self.size(workers):
            raise ValueError(f"{workers} workers need {self.size(workers)} bytes of shared memory")
        self._memory = memory
        self.workers = workers

    @staticmethod
    def size(workers: int) -> int:
        """Bytes needed: a slot for each worker, one for the seals."""
        return (workers + 1) * _SLOT

    @classmethod
    def shared(cls, workers: int) -> Heads:
        """Anonymous memory that children of a later fork share."""
        return cls(mmap(-1, cls.size(workers)), workers)

    def publish(self, worker: int, head: Head) -> None:
        """Say how far ``worker`` is durable. Only that worker may, from one thread."""
        self._write(self._slot(worker), head)

    def read(self, worker: int) -> Head | None:
        return self._read(self._slot(worker))

    def publish_seal(self, head: Head) -> None:
        """Say which seal is the newest durable one. Only the process that seals may."""
        self._write(self.workers, head)

    def read_seal(self) -> Head | None:
        return self._read(self.workers)

    def _slot(self, worker: int) -> int:
        if not 0 <= worker < self.workers:
            raise ValueError(f"no slot for worker {worker}")
        return worker

    def _write(self, slot: int, head: Head) -> None:
        name = head.name.encode()
        if len(name) > 64 or len(head.mac) != 32:
            raise ValueError("a head has a name of at most 64 bytes and a MAC of 32")
        found = self._newest(slot)
        version = 1 if found is None else found[0] + 1
        body = _BODY.pack(version, name, head.sequence, head.size, head.mac)
        at = slot * _SLOT + (version & 1) * _BUFFER
        self._memory[at : at + _BUFFER] = body + _checksum(body)

    def _read(self, slot: int) -> Head | None:
        for _ in range(_TRIES):
            found = self._newest(slot)
            if found is not None:
                return found[1]
            if self._never_finished(slot):
                return None
        raise RuntimeError("the shared heads are damaged: no buffer of a slot has a right checksum")

    def _never_finished(self, slot: int) -> bool:
        """Whether the first publishing is still going on, or its process died in it: one buffer was never touched."""
        at = slot * _SLOT
        return not any(self._memory[at : at + _BUFFER]) or not any(self._memory[at + _BUFFER : at + _SLOT])

    def _newest(self, slot: int) -> tuple[int, Head] | None:
        best: tuple[int, Head] | None = None
        for at in (slot * _SLOT, slot * _SLOT + _BUFFER):
            copy = bytes(self._memory[at : at + _BUFFER])
            body = copy[:-_CHECK]
            if _checksum(body) != copy[-_CHECK:]:
                continue
            version, name, sequence, size, mac = _BODY.unpack(body)
            if best is None or version > best[0]:
                best = (version, Head(name.rstrip(b"\0").decode(), sequence, mac, size))
        return best


def _checksum(body: bytes) -> bytes:
    return blake2b(body, digest_size=_CHECK).digest()
