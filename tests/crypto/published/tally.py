"""What was run of a file of published vectors, and what was not, and why: counted, checked and printed.

A test of such a file makes a `Tally`, counts into it, and closes it with the reasons that its row in the table lists:
a reason that is not listed fails, and so does a listed one that no longer occurs. The table that `pytest` prints at
the end is made of these tallies.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable

PROPERTY = "published vectors"


class Tally:
    """The count of one file."""

    def __init__(self, file: str) -> None:
        self.file = file
        self.run = 0
        self.skipped: Counter[str] = Counter()

    def ran(self) -> None:
        self.run += 1

    def skip(self, reason: str, count: int = 1) -> None:
        self.skipped[reason] += count

    def close(self, listed: Iterable[str], record: Callable[[str, object], None]) -> None:
        """Nothing was left out for a reason that is not listed, and something was run, or a whole file has a reason."""
        record(PROPERTY, [self.file, self.run, sorted(self.skipped.items())])
        assert set(self.skipped) == set(listed), f"{self.file}: skipped for {sorted(self.skipped)}"
        assert self.run or self.skipped, f"{self.file} holds nothing"


def lines(tallies: Iterable[tuple[str, int, list[tuple[str, int]]]]) -> list[str]:
    """The table: a line for each file, with the reason of what was left out; several reasons have lines of their own."""
    out = []
    for file, run, skipped in sorted(tallies, key=lambda tally: tally[0]):
        head = f"{run:6} run {sum(count for _, count in skipped):6} left out  {file}"
        if len(skipped) == 1:
            out.append(f"{head}: {skipped[0][0]}")
        else:
            out += [head, *(f"{'':11}{count:6} of them: {reason}" for reason, count in skipped)]
    return out
