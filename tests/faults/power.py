"""A power cut for the journal: its files are cut back to what was really synced.

The fault ``synced=FILE`` of programs/faulty.py writes down what each fsync made durable. `cut` makes, from the home of
a server that was killed, the home that a power cut would have left: a segment ends where it was last synced, or, by
chance, somewhere behind that; a file whose directory was not synced is gone. The store is taken as it is, since
tests/store has a power cut of its own: that a row of the outbox is gone is durable at once, which is the hardest case
for the journal.
"""

from __future__ import annotations

import json
import random
import shutil
from pathlib import Path

# A value file or directory was last synced with: a size, or the names in it.
Synced = dict[str, int | list[str]]


def synced(log: Path) -> Synced:
    """What was durable last, by path. Sizes never shrink: the journal only appends."""
    last: Synced = {}
    for line in log.read_text().splitlines():
        path, what = json.loads(line)
        before = last.get(path)
        if isinstance(what, int) and isinstance(before, int):
            what = max(what, before)
        last[path] = what
    return last


def cut(home: Path, log: Path, there: Path, chance: random.Random | None) -> Path:
    """The home as the cut left it. Without ``chance`` nothing survives that was not synced."""
    shutil.copytree(home, there, ignore=shutil.ignore_patterns("*-shm"))
    last = synced(log)
    journal = home / "data" / "journal"
    names = last.get(str(journal), [])
    assert isinstance(names, list)
    for path in (there / "data" / "journal").iterdir():
        size = last.get(str(journal / path.name), 0)
        assert isinstance(size, int)
        if path.name not in names:
            path.unlink()
            continue
        data = path.read_bytes()
        assert size <= len(data)
        if chance is not None:
            size = chance.randint(size, len(data))
        path.write_bytes(data[:size])
    return there
