"""Tampering, and an oracle that says what must be found: written from docs/journal.md, without the code under test.

An edit changes one thing in one directory and says which file was harmed and at which sequence first. The oracle
knows how far the untouched files vouch for the harmed one.
"""

from __future__ import annotations

import json
import random
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.audit import world

from keystead.audit.findings import Report


@dataclass(frozen=True)
class Harm:
    """``sequence`` of the first harmed line of ``file``; ``kinds`` are the names a finding may give it (all if
    empty). ``cut_clean``: the file was only shortened, at the end of a line. ``also``: (kind, file, sequence) that
    must be found too."""

    what: str
    file: str
    sequence: int
    kinds: frozenset[str] = frozenset()
    cut_clean: bool = False
    also: frozenset[tuple[str, str, int]] = frozenset()


def _stamp(path: Path) -> tuple[int, int, int]:
    facts = path.stat()
    return facts.st_ino, facts.st_size, facts.st_mtime_ns


class Oracle:
    """What the files of an untouched journal say about each other."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self.bytes = {path.name: path.read_bytes() for path in world.files(directory)}
        self.lines = {path.name: world.lines(path) for path in world.files(directory)}
        self.stamps = {path.name: _stamp(path) for path in world.files(directory)}
        self.vouched: dict[str, dict[str, int]] = {name: {} for name in self.lines}
        for name, lines in self.lines.items():
            for raw in lines:
                self._take(name, json.loads(raw.split(b" ", 2)[2]))

    def _take(self, by: str, body: dict[str, Any]) -> None:
        match body.get("keystead"):
            case "segment" | "seals" as kind if body["previous"] is not None:
                self._vouch(by, f"{kind}-{body['previous']['name']}.jsonl", body["previous"]["sequence"])
            case "seal":
                for head in body["heads"]:
                    self._vouch(by, f"segment-{head['segment']}.jsonl", head["sequence"])
            case "note":
                self._vouch(by, f"seals-{body['seal']['name']}.jsonl", body["seal"]["sequence"])

    def _vouch(self, by: str, whose: str, sequence: int) -> None:
        self.vouched[whose][by] = max(sequence, self.vouched[whose].get(by, -1))

    def covered(self, name: str) -> int:
        """The furthest line of a file that any other file vouches for."""
        return max(self.vouched[name].values(), default=-1)

    def ended(self, name: str) -> bool:
        return self.lines[name][-1].endswith(b'{"keystead":"end"}\n')

    def line_at(self, name: str, offset: int) -> int:
        """The number of the line that holds the byte at ``offset``; a line's newline belongs to it."""
        return self.bytes[name][:offset].count(b"\n")


Edit = Callable[[Oracle, random.Random], Harm]


def _some_file(oracle: Oracle, chance: random.Random) -> str:
    return chance.choice(sorted(oracle.lines))


def _write(oracle: Oracle, name: str, content: bytes) -> None:
    (oracle.directory / name).write_bytes(content)


def change_a_byte(oracle: Oracle, chance: random.Random) -> Harm:
    name = _some_file(oracle, chance)
    content = bytearray(oracle.bytes[name])
    offset = chance.randrange(len(content))
    content[offset] = chance.choice(
        [byte for byte in (*b"\n\0 0a9{", chance.randrange(256)) if byte != content[offset]]
    )
    _write(oracle, name, bytes(content))
    return Harm(f"byte {offset}", name, oracle.line_at(name, offset))


def insert_a_byte(oracle: Oracle, chance: random.Random) -> Harm:
    name = _some_file(oracle, chance)
    content = oracle.bytes[name]
    offset = chance.randrange(len(content) + 1)
    byte = bytes([chance.choice([*b"\n\0 0a9{", chance.randrange(256)])])
    _write(oracle, name, content[:offset] + byte + content[offset:])
    # The same byte put beside itself belongs to the first place where the two files differ.
    while offset < len(content) and content[offset : offset + 1] == byte:
        offset += 1
    return Harm(f"inserted {byte!r} at {offset}", name, oracle.line_at(name, offset))


def remove_bytes(oracle: Oracle, chance: random.Random) -> Harm:
    name = _some_file(oracle, chance)
    content = oracle.bytes[name]
    start = chance.randrange(len(content) - 1)
    end = min(len(content) - 1, start + chance.choice([1, 1, 2, 30, 300]))
    changed = content[:start] + content[end:]
    _write(oracle, name, changed)
    while content[start] == changed[start : start + 1][0]:
        start += 1
    return Harm(f"removed {start}..{end}", name, oracle.line_at(name, start))


def remove_lines(oracle: Oracle, chance: random.Random) -> Harm:
    name = _some_file(oracle, chance)
    lines = oracle.lines[name]
    first = chance.randrange(len(lines))
    end = min(len(lines), first + chance.choice([1, 1, 1, 2, 5, 100]))
    _write(oracle, name, b"".join(lines[:first] + lines[end:]))
    return Harm(f"removed lines {first}..{end}", name, first, cut_clean=end == len(lines))


def swap_lines(oracle: Oracle, chance: random.Random) -> Harm:
    name = _some_file(oracle, chance)
    lines = list(oracle.lines[name])
    first = chance.randrange(len(lines) - 1)
    second = chance.randrange(first + 1, len(lines))
    lines[first], lines[second] = lines[second], lines[first]
    _write(oracle, name, b"".join(lines))
    return Harm(f"swapped {first} and {second}", name, first)


def repeat_a_line(oracle: Oracle, chance: random.Random) -> Harm:
    name = _some_file(oracle, chance)
    lines = list(oracle.lines[name])
    which = chance.randrange(len(lines))
    at = chance.choice([place for place in range(len(lines) + 1) if place != which])
    lines.insert(at, lines[which])
    _write(oracle, name, b"".join(lines))
    return Harm(f"line {which} also at {at}", name, which + 1 if at == which + 1 else at)


def put_in_a_line_of_another_file(oracle: Oracle, chance: random.Random) -> Harm:
    name, other = chance.sample(sorted(oracle.lines), 2)
    lines = list(oracle.lines[name])
    at = chance.randrange(len(lines) + 1)
    own = chance.random() < 0.5 and at < len(lines)
    lines[at : at + own] = [chance.choice(oracle.lines[other])]
    _write(oracle, name, b"".join(lines))
    return Harm(f"a line of {other} at {at}", name, at)


def exchange_two_texts(oracle: Oracle, chance: random.Random) -> Harm:
    """Numbers and MACs stay where they are, only what they say changes places."""
    name = _some_file(oracle, chance)
    lines = [raw.split(b" ", 2) for raw in oracle.lines[name]]
    first, second = sorted(chance.sample(range(len(lines)), 2))
    lines[first][2], lines[second][2] = lines[second][2], lines[first][2]
    _write(oracle, name, b"".join(b" ".join(parts) for parts in lines))
    return Harm(f"exchanged the texts of {first} and {second}", name, first)


def renumber(oracle: Oracle, chance: random.Random) -> Harm:
    """Remove a line and renumber all that follow, so that only the MACs are wrong."""
    name = _some_file(oracle, chance)
    lines = [raw.split(b" ", 2) for raw in oracle.lines[name]]
    which = chance.randrange(len(lines) - 1)
    del lines[which]
    _write(oracle, name, b"".join(b" ".join([b"%d" % n, *parts[1:]]) for n, parts in enumerate(lines)))
    return Harm(f"removed {which} and renumbered", name, which)


def cut(oracle: Oracle, chance: random.Random) -> Harm:
    name = _some_file(oracle, chance)
    content = oracle.bytes[name]
    size = chance.randrange(len(content))
    if chance.random() < 0.5:
        size = content.rfind(b"\n", 0, size) + 1
    _write(oracle, name, content[:size])
    clean = size == 0 or content[size - 1 : size] == b"\n"
    return Harm(f"cut to {size}", name, oracle.line_at(name, size), cut_clean=clean)


def zero_the_end(oracle: Oracle, chance: random.Random) -> Harm:
    name = _some_file(oracle, chance)
    content = oracle.bytes[name]
    size = chance.randrange(len(content))
    _write(oracle, name, content[:size] + b"\0" * (len(content) - size))
    return Harm(f"zeros from {size}", name, oracle.line_at(name, size))


def remove_a_file(oracle: Oracle, chance: random.Random) -> Harm:
    name = _some_file(oracle, chance)
    (oracle.directory / name).unlink()
    return Harm("removed", name, 0, cut_clean=True)


def rename_a_file(oracle: Oracle, chance: random.Random) -> Harm:
    name = _some_file(oracle, chance)
    kind = chance.choice(["segment-", "seals-", "x"])
    other = f"{kind}{chance.choice(['20300101T000000Z-0-00', name[8:40], 'y'])}.{chance.choice(['jsonl', 'bak'])}"
    (oracle.directory / name).rename(oracle.directory / other)
    return Harm(f"was {name}", other, 0, frozenset({"renamed"}))


def copy_a_file(oracle: Oracle, chance: random.Random) -> Harm:
    name = _some_file(oracle, chance)
    other = name.replace("Z-", "Z-1") if chance.random() < 0.5 else f"a{name}"
    shutil.copy(oracle.directory / name, oracle.directory / other)
    return Harm(f"a copy of {name}", other, 0, frozenset({"copied"}))


def copy_over_another(oracle: Oracle, chance: random.Random) -> Harm:
    name, other = chance.sample(sorted(oracle.lines), 2)
    shutil.copy(oracle.directory / name, oracle.directory / other)
    also = frozenset({(f"missing {other.partition('-')[0]}", other, 0)}) if oracle.covered(other) >= 0 else frozenset()
    return Harm(f"{name} copied over it", other, 0, frozenset({"copied"}), also=also)


def exchange_two_files(oracle: Oracle, chance: random.Random) -> Harm:
    first, second = chance.sample(sorted(oracle.lines), 2)
    _write(oracle, first, oracle.bytes[second])
    _write(oracle, second, oracle.bytes[first])
    return Harm(f"exchanged with {second}", first, 0, frozenset({"renamed"}), also=frozenset({("renamed", second, 0)}))


EDITS: tuple[Edit, ...] = (
    change_a_byte, change_a_byte, insert_a_byte, remove_bytes, remove_lines, swap_lines, repeat_a_line,
    put_in_a_line_of_another_file, exchange_two_texts, renumber, cut, cut, zero_the_end, remove_a_file,
    rename_a_file, copy_a_file, copy_over_another, exchange_two_files,
)  # fmt: skip


@contextmanager
def tampered(oracle: Oracle, edit: Edit, chance: random.Random) -> Iterator[Harm]:
    """The journal with one edit; afterwards it is as before."""
    try:
        yield edit(oracle, chance)
    finally:
        for path in world.files(oracle.directory):
            if path.name not in oracle.bytes:
                path.unlink()
        for name, content in oracle.bytes.items():
            path = oracle.directory / name
            if not path.exists() or _stamp(path) != oracle.stamps[name]:
                path.write_bytes(content)
                oracle.stamps[name] = _stamp(path)


def check(oracle: Oracle, harm: Harm, report: Report) -> None:
    """Whether a report says what the oracle knows: the right place, no other place, and tampering where somebody
    vouches."""
    found = {(str(finding.kind), finding.file.name, finding.sequence) for finding in report.findings}
    tampering = {(str(finding.kind), finding.file.name, finding.sequence) for finding in report.tampering}
    if harm.kinds:
        expected = {(kind, harm.file, harm.sequence) for kind in harm.kinds} | harm.also
        assert tampering == expected, (harm, found)
        return
    covered = oracle.covered(harm.file)
    here = {row for row in found if row[1:] == (harm.file, harm.sequence)}
    assert {row[1:] for row in tampering} <= {(harm.file, harm.sequence)}, (harm, found)
    if harm.sequence <= covered:
        assert tampering, (harm, covered, found)
    elif harm.cut_clean:
        # Nobody vouches for what is gone: the promise ends here, and docs/journal.md says so.
        assert not tampering, (harm, covered, found)
    else:
        assert here & tampering or ("torn tail", harm.file, harm.sequence) in here, (harm, covered, found)
        lines = oracle.lines[harm.file]
        if oracle.ended(harm.file) and harm.sequence == len(lines):
            assert here & tampering, (harm, "a file that ended in good order has no torn tail")
        if harm.sequence < len(lines) - 2 and (oracle.directory / harm.file).read_bytes().endswith(
            b"".join(lines[-2:])
        ):
            assert here & tampering, (harm, "a crash leaves nothing authentic behind the line it tore")
