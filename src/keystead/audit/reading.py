"""Reading journal files without believing them: lines are handed out only while the chain holds.

Guarantees: `Walk` yields authentic lines in order and then says exactly where the chain stops and what seems to have
been done there; it holds one line of at most `MAX_LINE` bytes in memory, whatever the file. Does not guarantee that
the file is whole: a cut at a line's end looks like an end. What must be there is for `audit.verify` to know.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import BinaryIO

import msgspec

from keystead.audit.chain import (
    MAX_LINE,
    RESERVED,
    SEALS,
    SEGMENT,
    SUFFIX,
    VERSION,
    Chain,
    Head,
    KeyFor,
    Line,
    Ours,
    SealsHeader,
    SegmentHeader,
    decode,
    parse,
)
from keystead.audit.files import Io

Header = SegmentHeader | SealsHeader

_EVENT_ID = b'"eventID":"'


class Harm(StrEnum):
    """What seems to have been done to the first line that does not fit."""

    EDITED = "edited"
    DELETED = "deleted"
    INSERTED = "inserted"
    REORDERED = "reordered"
    CUT = "cut"


@dataclass(frozen=True, slots=True)
class Defect:
    """Where a chain stops: ``sequence`` is the number of the line that should have come, ``line`` counts lines of the
    file from 1. ``torn``: it looks as a crash leaves it, nothing authentic follows and bytes are missing or zero."""

    sequence: int
    line: int
    harm: Harm
    torn: bool


def parse_ours(text: bytes) -> Ours | None:
    """A line of our own, or None if the line is a record. Raises msgspec.ValidationError for one that we never
    write."""
    return decode(text) if text.startswith(RESERVED) else None


def event_id(text: bytes) -> bytes:
    """The eventID of a record, empty if there is none. The last one in the line: a map that a caller filled may hold
    such a name too, but AWS's order puts those before."""
    at = text.rfind(_EVENT_ID)
    return text[at + len(_EVENT_ID) : text.find(b'"', at + len(_EVENT_ID))] if at >= 0 else b""


def header_of(line: Line) -> Header | None:
    """The header that a first line claims to be. Its MAC is not checked."""
    try:
        header = parse_ours(line.text)
    except (msgspec.DecodeError, UnicodeDecodeError):
        return None
    if isinstance(header, (SegmentHeader, SealsHeader)) and header.version == VERSION and line.sequence == 0:
        return header
    return None


def kind_of(header: Header) -> str:
    return SEGMENT if isinstance(header, SegmentHeader) else SEALS


def claimed(path: Path) -> tuple[str, str] | None:
    """(kind, name) that a file name claims; only for telling people about a file that says nothing credible itself."""
    if path.suffix == SUFFIX:
        for kind in (SEGMENT, SEALS):
            if path.name.startswith(f"{kind}-"):
                return kind, path.name[len(kind) + 1 : -len(SUFFIX)]
    return None


def authentic(path: Path, key_for: KeyFor) -> tuple[Header, Chain] | None:
    """The header of a file and the chain behind it, or None if the first line is no header that was made with the key.
    Raises OSError."""
    with open_plain(path) as file:
        raw = file.readline(MAX_LINE)
    line = parse(raw[:-1]) if raw.endswith(b"\n") else None
    header = None if line is None else header_of(line)
    if line is None or header is None:
        return None
    chain = Chain(kind_of(header), header.name, key_for)
    return (header, chain) if chain.follow(line) else None


def open_plain(path: Path) -> BinaryIO:
    """A regular file, never through a symbolic link, never waiting on a pipe."""
    descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NONBLOCK)
    try:
        return os.fdopen(descriptor, "rb", buffering=1 << 18)
    except BaseException:
        os.close(descriptor)
        raise


def journal_files(directories: Sequence[Path]) -> Iterator[Path]:
    """All plain files of the directories, by name. What they hold is for their content to say."""
    for directory in directories:
        yield from sorted(path for path in directory.iterdir() if path.is_file() and not path.is_symlink())


class Walk:
    """One pass over a file. Iterate; afterwards `defect` says why it ended, None for the end of the file.

    `chain` is the state after the last authentic line.
    """

    def __init__(self, file: BinaryIO, chain: Chain) -> None:
        self._file = file
        self.chain = chain
        self.defect: Defect | None = None

    def __iter__(self) -> Iterator[Line]:
        number = 0
        while raw := self._file.readline(MAX_LINE):
            number += 1
            line = parse(raw[:-1]) if raw.endswith(b"\n") else None
            if line is None or not self.chain.follow(line):
                self.defect = self._examine(raw, line, number)
                return
            yield line

    def _examine(self, raw: bytes, line: Line | None, number: int) -> Defect:
        """Look at the rest of the file to say what happened here. Only the place is certain; the rest is the
        likeliest."""
        expected = self.chain.sequence + 1
        more = authentic = expected_later = again_later = False
        before = line
        for following in iter(lambda: self._file.readline(MAX_LINE), b""):
            more = True
            after = parse(following[:-1]) if following.endswith(b"\n") else None
            if after is not None:
                expected_later = expected_later or after.sequence == expected
                again_later = again_later or (line is not None and after.sequence == line.sequence)
                # A line that fits behind the MAC its neighbour shows was made with the key, wherever the two stand.
                authentic = authentic or (before is not None and self.chain.fits(before.mac, after))
            before = after
        whole = more or raw.endswith(b"\n")
        if line is None:
            harm = Harm.EDITED if whole else Harm.CUT
        elif line.sequence == expected or self.chain.fits(self.chain.mac, line._replace(sequence=expected)):
            harm = Harm.EDITED
        elif line.sequence < expected or again_later:
            harm = Harm.INSERTED
        else:
            harm = Harm.REORDERED if expected_later else Harm.DELETED
        return Defect(expected, number, harm, torn=not authentic and (not whole or b"\0" in raw))


def settled_head(io: Io, path: Path, chain: Chain, most: int = 4 * MAX_LINE) -> Head | None:
    """The head of a file that nobody need be writing any more, after making it durable: its last line that fits behind
    the line before. None when the last ``most`` bytes have no such line. Raises OSError."""
    with open_plain(path) as file:
        size = io.settle(path, file.fileno())
        window = 1 << 14
        while True:
            start = max(0, size - window)
            file.seek(start)
            head = _last_head(file.read(size - start), start, chain)
            if head is not None or start == 0 or window >= most:
                return head
            window *= 4


def _last_head(data: bytes, start: int, chain: Chain) -> Head | None:
    """The last head in a piece of a file that begins at offset ``start``, as a rule in the middle of a line."""
    after = len(data)
    while (end := data.rfind(b"\n", 0, after)) >= 0:
        begin = data.rfind(b"\n", 0, end) + 1
        line = parse(data[begin:end])
        if line is not None:
            before = parse(data[data.rfind(b"\n", 0, begin - 1) + 1 : begin - 1]) if begin else None
            if line.sequence == 0:
                fits = begin == start == 0 and chain.fits(b"", line)
            else:
                fits = before is not None and before.sequence == line.sequence - 1 and chain.fits(before.mac, line)
            if fits:
                return Head(chain.name, line.sequence, line.mac, start + end + 1)
        after = end
    return None
