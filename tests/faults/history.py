"""The checker of revocation: may a call have seen what it saw?

A `Register` is something with one value at a time (a key's state, a policy, what an alias points to), written by one
writer, one write after the other, and read by any number of calls. Times are nanoseconds of one machine's monotonic
clock, taken before a request is sent and after its answer is there, so that what really happened lies between.

The rule: a call sees the value of the last write whose answer came before the call began, or of a write behind that
one which began before the call ended. A write whose outcome is unknown may or may not have happened; it counts only
until the next write that was answered, since the writer knows its server process to be dead before it goes on.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import NamedTuple


class Write(NamedTuple):
    """``known`` is False when the answer was lost. A refused write changes nothing and is not written down."""

    start: int
    end: int
    value: str
    known: bool = True


class Read(NamedTuple):
    start: int
    end: int
    value: str
    by: str = ""


class Violation(NamedTuple):
    """A read that saw what it cannot have seen. ``late`` is how many nanoseconds it began behind the answer to the
    write that it should have known."""

    register: str
    read: Read
    allowed: frozenset[str]
    late: int

    def __str__(self) -> str:
        return (
            f"{self.register}: a call by {self.read.by or 'somebody'} that began {self.late / 1000:.0f} us after the answer to "
            f"the last change saw {self.read.value!r}, where {' or '.join(sorted(self.allowed))} was to be seen"
        )


@dataclass
class Register:
    name: str
    initial: str
    writes: list[Write] = field(default_factory=list)
    reads: list[Read] = field(default_factory=list)


@dataclass
class Verdict:
    """``decisive`` reads had one value to see, ``sharp`` ones besides began within a millisecond of the answer to a
    change: they are what the history is worth."""

    violations: list[Violation] = field(default_factory=list)
    reads: int = 0
    writes: int = 0
    decisive: int = 0
    sharp: int = 0


SHARP = 1_000_000


def judge(registers: Iterable[Register]) -> Verdict:
    """Raises ValueError for a history that is none: writes that overlap, calls that end before they begin."""
    verdict = Verdict()
    for register in registers:
        _judge(register, verdict)
    return verdict


def _judge(register: Register, verdict: Verdict) -> None:
    writes = register.writes
    for before, write in zip([None, *writes], writes, strict=False):
        if write.end < write.start or (before is not None and write.start < before.end):
            raise ValueError(f"{register.name}: writes follow one another; {write} does not")
    known = [at for at, write in enumerate(writes) if write.known]
    ends = [writes[at].end for at in known]
    verdict.writes += len(writes)
    verdict.reads += len(register.reads)
    for read in register.reads:
        if read.end < read.start:
            raise ValueError(f"{register.name}: {read} ends before it begins")
        before = bisect_left(ends, read.start)  # so many known writes were answered before the read began
        last = known[before - 1] if before else -1
        allowed = {writes[last].value if before else register.initial}
        for write in writes[last + 1 :]:
            if write.start >= read.end:
                break
            allowed.add(write.value)
        late = read.start - writes[last].end if before else read.start
        if len(allowed) == 1:
            verdict.decisive += 1
            verdict.sharp += bool(before) and late < SHARP
        if read.value not in allowed:
            verdict.violations.append(Violation(register.name, read, frozenset(allowed), late))
