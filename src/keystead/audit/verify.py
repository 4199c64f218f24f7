"""The proof: reads a journal with the audit keys and says what was changed, where first, and what nobody can know.

Guarantees, against somebody who can write every file but has no key: any change to what a seal, a link or a note of
the remaining files covers is a finding of tampering, and the finding of a segment names the first line that is not as
it was written. File names, order and times are not believed. Does not guarantee that the newest state is shown: files
rolled back together to an earlier moment are in order, unless an anchor from outside says otherwise. What lies behind
the last seal is reported as an unsealed tail.

A journal in use may be verified: what is written meanwhile is an unsealed or torn tail at worst.

    1 list     which file says to be what, by authentic header; copies, renamed and foreign files
    2 seals    walk them; how far must each segment reach
    3 segments list again (new ones may have come), walk them; which seals do they note
    4 judge    each file against what the others say must be in it; what is missing
"""

from __future__ import annotations

from collections import deque
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from mmap import ACCESS_READ, mmap
from os import SEEK_END
from pathlib import Path

import msgspec

from keystead.audit import reading
from keystead.audit.chain import RESERVED, SEALS, SEGMENT, Chain, End, KeyFor, Link, Note, Ours, Seal, encode, file_name
from keystead.audit.findings import Anchor, Finding, Kind, Report
from keystead.audit.reading import Defect, Harm, Header

__all__ = ["Anchor", "Finding", "Kind", "Report", "verify"]

# Records of a segment without an end that are remembered by eventID: more than any worker has on its way at once.
_TAIL = 10_000

_HARM = {
    Harm.EDITED: (Kind.EDITED, "this line is not as it was written"),
    Harm.DELETED: (Kind.DELETED, "this line is missing; others follow"),
    Harm.INSERTED: (Kind.INSERTED, "another line stands here"),
    Harm.REORDERED: (Kind.REORDERED, "this line stands further down"),
    Harm.CUT: (Kind.TRUNCATED, "the file ends inside this line"),
}


def verify(directory: Path, key_for: KeyFor, *, also: Sequence[Path] = (), anchors: Sequence[Anchor] = ()) -> Report:
    """Verify the journal in ``directory`` and its fallback directories ``also`` together. ``anchors`` are seals that
    were noted elsewhere. A directory that is not there holds nothing, and what others say of it is missing. Raises
    OSError if one cannot be listed."""
    return _Verification((directory, *also), key_for, anchors).report()


@dataclass(slots=True)
class _Required:
    """The furthest line of a file that another file (or an anchor) says was there, and who says so."""

    sequence: int
    mac: str
    by: str


@dataclass(slots=True)
class _File:
    """A file that says, and as far as possible proves, what it is; after its walk also what is in it."""

    path: Path
    kind: str
    name: str
    header: Header | None
    last: int = -1
    mac: str = ""
    defect: Defect | None = None
    ended: bool = False
    agrees: bool = True
    unreadable: bool = False
    records: int = 0
    covered: int = 0
    repeated: int = 0
    repeated_at: int = 0


class _Verification:
    def __init__(self, directories: Sequence[Path], key_for: KeyFor, anchors: Sequence[Anchor]) -> None:
        self._directories = directories
        self._key_for = key_for
        self._anchors = anchors
        self._report = Report()
        self._known: dict[Path, _File | None] = {}
        self._files: dict[tuple[str, str], _File] = {}
        self._required: dict[tuple[str, str], _Required] = {}
        self._given_up: set[str] = set()
        self._successors: dict[str, dict[Path, Link]] = {}
        self._tail_ids: dict[bytes, _File] = {}

    def report(self) -> Report:
        self._list()  # 1
        for file in self._of(SEALS):  # 2
            self._walk_seals(file)
        self._list()  # 3
        segments = sorted(self._of(SEGMENT), key=lambda file: (_seems_ended(file.path), file.name))
        for file in segments:
            self._walk_segment(file)
        self._look_again()
        self._judge()  # 4
        return self._report

    def _of(self, kind: str) -> list[_File]:
        return [file for file in self._files.values() if file.kind == kind]

    def _find(self, kind: Kind, file: Path, sequence: int, line: int | None, detail: str) -> None:
        self._report.findings.append(Finding(kind, file, sequence, line, detail))

    def _require(self, kind: str, name: str, sequence: int, mac: str, by: str) -> None:
        found = self._required.get((kind, name))
        if found is None or sequence > found.sequence:
            self._required[kind, name] = _Required(sequence, mac, by)

    # --- 1 -----------------------------------------------------------------------------------------------------------

    def _list(self, kinds: Collection[str] = (SEALS, SEGMENT)) -> None:
        """Take in files of these kinds that were not there before."""
        for directory in self._directories:
            try:
                paths = sorted(directory.iterdir())
            except FileNotFoundError:
                continue
            for path in paths:
                if path in self._known or path.is_dir():
                    continue
                file = self._identify(path)
                if file is not None and file.kind not in kinds:
                    continue
                self._known[path] = file
                if file is None:
                    continue
                other = self._files.get((file.kind, file.name))
                if other is not None:
                    # Of two that say to be the same, the one with the right name counts; else the first.
                    if file.path.name == file_name(file.kind, file.name):
                        file, other = other, file
                        self._files[other.kind, other.name] = other
                    self._find(Kind.COPIED, file.path, 0, 1, f"the same {file.kind} as {other.path.name}")
                    continue
                self._files[file.kind, file.name] = file
        for file in self._files.values():
            self._take_links(file)

    def _identify(self, path: Path) -> _File | None:
        if path.is_symlink() or not path.is_file():
            self._find(Kind.FOREIGN_FILE, path, 0, None, "not a plain file; not followed")
            return None
        try:
            authentic = reading.authentic(path, self._key_for)
        except OSError as error:
            self._find(Kind.UNREADABLE, path, 0, None, f"cannot be read: {error.strerror}")
            claimed = reading.claimed(path)
            return None if claimed is None else _File(path, *claimed, None, unreadable=True)
        if authentic is not None:
            return _File(path, reading.kind_of(authentic[0]), authentic[0].name, authentic[0])
        # Its name is believed in one respect only: whose place a file with a broken header takes.
        claimed = reading.claimed(path)
        if claimed is None:
            self._find(Kind.FOREIGN_FILE, path, 0, None, "no file of the journal, or no longer to be known as one")
            return None
        return _File(path, *claimed, None)

    def _take_links(self, file: _File) -> None:
        if file.header is not None and (previous := file.header.previous) is not None:
            self._require(file.kind, previous.name, previous.sequence, previous.mac, f"the header of {file.path.name}")
            if previous.failed:
                self._given_up.add(previous.name)
            if file.kind == SEALS:
                self._successors.setdefault(previous.name, {})[file.path] = previous

    # --- 2, 3 --------------------------------------------------------------------------------------------------------

    def _walk(self, file: _File) -> Iterable[tuple[int, bytes]]:
        """(sequence, text) of the file's authentic lines; notes what the walk ended with."""
        required = self._required.get((file.kind, file.name))
        file.last, file.mac = -1, ""
        if file.unreadable:
            return
        try:
            with reading.open_plain(file.path) as opened:
                walk = reading.Walk(opened, Chain(file.kind, file.name, self._key_for))
                for line in walk:
                    if required is not None and line.sequence == required.sequence:
                        file.agrees = line.mac.hex() == required.mac
                    yield line.sequence, line.text
                file.defect = walk.defect
                file.last, file.mac = walk.chain.sequence, walk.chain.mac.hex()
        except OSError as error:
            if not file.unreadable:
                self._find(Kind.UNREADABLE, file.path, 0, None, f"cannot be read: {error.strerror}")
            file.unreadable = True

    def _walk_seals(self, file: _File) -> None:
        for sequence, text in self._walk(file):
            seal = _ours(text)
            if isinstance(seal, Seal):
                for head in seal.heads:
                    self._require(
                        SEGMENT, head.segment, head.sequence, head.mac, f"seal {sequence} of {file.path.name}"
                    )

    def _walk_segment(self, file: _File) -> None:
        required = self._required.get((SEGMENT, file.name))
        covered = -1 if required is None else required.sequence
        recent: deque[bytes] = deque(maxlen=_TAIL)
        file.records = file.covered = file.repeated = file.repeated_at = 0  # it may be walked again
        for sequence, text in self._walk(file):
            if text.startswith(RESERVED):
                ours = _ours(text)
                file.ended = isinstance(ours, End)
                if isinstance(ours, Note):
                    seal = ours.seal
                    self._require(SEALS, seal.name, seal.sequence, seal.mac, f"a note in {file.path.name}")
                continue
            file.records += 1
            file.covered += sequence <= covered
            event = reading.event_id(text)
            if self._tail_ids.get(event, file) is not file:
                file.repeated += 1
                file.repeated_at = file.repeated_at or sequence
            recent.append(event)
        if not file.ended:
            self._tail_ids.update(dict.fromkeys(recent, file))

    def _look_again(self) -> None:
        """A journal in use goes on while it is walked: segments end and others begin, whose headers name lines that were
        not there yet; and segments note seals that were written after the walk over the seals."""
        for anchor in self._anchors:
            self._require(SEALS, anchor.seals, anchor.sequence, anchor.mac, "an anchor")
        self._list()
        for file in self._of(SEGMENT):
            if self._falls_short(file):
                self._walk_segment(file)
        self._list([SEALS])  # further segments would name further lines, without end
        for file in self._of(SEALS):
            if self._falls_short(file):
                for _ in self._walk(file):
                    pass

    def _falls_short(self, file: _File) -> bool:
        required = self._required.get((file.kind, file.name))
        return file.last < 0 or (required is not None and file.last < required.sequence)

    # --- 4 -----------------------------------------------------------------------------------------------------------

    def _judge(self) -> None:
        for file in self._files.values():
            if file.unreadable:
                continue
            if file.kind == SEALS:
                self._judge_seals(file)
            self._judge_chain(file)
            if file.kind == SEGMENT:
                self._judge_segment(file)
        for (kind, name), required in self._required.items():
            if (kind, name) not in self._files:
                missing = Kind.MISSING_SEGMENT if kind == SEGMENT else Kind.MISSING_SEALS
                path = self._directories[0] / file_name(kind, name)
                self._find(missing, path, 0, None, f"{required.by} names line {required.sequence} of it")
        self._judge_beginnings()
        self._count()
        self._report.findings.sort(key=lambda found: (not found.tampering, found.file.name, found.sequence))

    def _judge_chain(self, file: _File) -> None:
        """One finding about the first line that is not as it should be, and one about the name."""
        required = self._required.get((file.kind, file.name))
        furthest = -1 if required is None else required.sequence
        by = "" if required is None else f"; {required.by} names line {furthest}"
        defect = file.defect
        if defect is not None:
            kind, detail = _HARM[defect.harm]
            afterwards = defect.sequence > furthest and not file.ended
            if afterwards and (defect.torn or file.name in self._given_up):
                kind, detail = Kind.TORN_TAIL, "what follows was never whole, and never acknowledged"
            self._find(kind, file.path, defect.sequence, defect.line, detail + by)
        elif file.last < furthest:
            self._find(Kind.TRUNCATED, file.path, file.last + 1, file.last + 2, "the file ends before this line" + by)
        elif file.last < 0:
            self._find(Kind.TORN_TAIL, file.path, 0, 1, "an empty file")
        if not file.agrees and file.last >= furthest:
            self._find(Kind.SEAL_BROKEN, file.path, furthest, furthest + 1, "another line than the one named" + by)
        if file.header is not None and file.path.name != file_name(file.kind, file.name):
            self._find(Kind.RENAMED, file.path, 0, 1, f"was {file_name(file.kind, file.name)}")

    def _judge_segment(self, file: _File) -> None:
        required = self._required.get((SEGMENT, file.name))
        furthest = -1 if required is None else required.sequence
        if file.repeated:
            detail = f"{file.repeated} records whose eventID also ends a segment that failed or crashed"
            self._find(Kind.DUPLICATES, file.path, file.repeated_at, file.repeated_at + 1, detail)
        first = max(furthest + 1, 1)
        if file.last >= first:
            given_up = file.name in self._given_up
            kind = Kind.ABANDONED_TAIL if given_up else Kind.UNSEALED_TAIL
            detail = f"{file.last - first + 1} lines that no seal covers"
            self._find(kind, file.path, first, first + 1, detail)

    def _judge_seals(self, file: _File) -> None:
        required = self._required.get((SEALS, file.name))
        if required is not None and required.sequence <= file.last:
            file.agrees = _has(file.path, required.sequence, required.mac)
        for anchor in self._anchors:
            if anchor.seals == file.name and anchor.sequence <= file.last:
                file.agrees = file.agrees and _has(file.path, anchor.sequence, anchor.mac)
        for path, previous in self._successors.get(file.name, {}).items():
            if not previous.failed and file.last > previous.sequence:
                at = previous.sequence + 1
                self._find(Kind.SEAL_BROKEN, file.path, at, at + 1, f"{path.name} was begun when this was not there")

    def _judge_beginnings(self) -> None:
        """Seals form one chain: no two files follow the same one, and one follows none."""
        followed: dict[str | None, Path] = {}
        for file in sorted(self._of(SEALS), key=lambda file: file.name):
            if file.header is None or file.last < 1:
                continue
            name = None if file.header.previous is None else file.header.previous.name
            if name in followed:
                what = "begins a chain of seals" if name is None else f"follows {file_name(SEALS, name)}"
                self._find(Kind.SEAL_BROKEN, file.path, 0, 1, f"{followed[name].name} also {what}")
            followed.setdefault(name, file.path)

    def _count(self) -> None:
        report = self._report
        seals, segments = self._of(SEALS), self._of(SEGMENT)
        report.seal_files, report.segments = len(seals), len(segments)
        report.seals = sum(max(file.last, 0) for file in seals)
        report.records = sum(file.records for file in segments)
        report.sealed = sum(file.covered for file in segments)
        report.duplicates = sum(file.repeated for file in segments)
        newest = [file for file in seals if file.header is not None and file.last > 0]
        if newest:
            last = max(newest, key=lambda file: (file.header.created if file.header else "", file.name))
            report.newest = Anchor(last.name, last.last, last.mac)


def _ours(text: bytes) -> Ours | None:
    """A line of our own; None for a record, and for a line that a later version may write."""
    try:
        return reading.parse_ours(text)
    except msgspec.MsgspecError:
        return None


def _has(path: Path, sequence: int, mac: str) -> bool:
    """Whether the line is in the file. The walk has proved that all up to there is authentic, so bytes suffice."""
    start = b"%d %b " % (sequence, mac.encode())
    with reading.open_plain(path) as file, mmap(file.fileno(), 0, access=ACCESS_READ) as content:
        return content[: len(start)] == start or content.find(b"\n" + start) >= 0


def _seems_ended(path: Path) -> bool:
    """Whether the last line looks like an end. Decides only which file is read first."""
    try:
        with reading.open_plain(path) as file:
            file.seek(0, SEEK_END)
            file.seek(max(0, file.tell() - 64))
            return file.read().endswith(b" " + encode(End()) + b"\n")
    except OSError:
        return False
