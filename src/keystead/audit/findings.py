"""What a verification says: findings, counts, and the anchor to keep elsewhere.

A `Report` judges nothing itself: it is `intact` when no finding is tampering. The difference between the two groups
of `Kind` is argued in docs/journal.md §7.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import NamedTuple


class Kind(StrEnum):
    """What a finding is. The first group is tampering (or a failing disk), the second is what honest operation
    leaves."""

    EDITED = "edited"
    DELETED = "deleted"
    INSERTED = "inserted"
    REORDERED = "reordered"
    TRUNCATED = "truncated"
    MISSING_SEGMENT = "missing segment"
    MISSING_SEALS = "missing seals"
    SEAL_BROKEN = "seal broken"
    RENAMED = "renamed"
    COPIED = "copied"
    UNREADABLE = "unreadable"
    ANCHOR_DAMAGED = "anchor damaged"

    UNSEALED_TAIL = "unsealed tail"
    TORN_TAIL = "torn tail"
    ABANDONED_TAIL = "abandoned tail"
    DUPLICATES = "duplicates"
    FOREIGN_FILE = "foreign file"


HARMLESS = frozenset({Kind.UNSEALED_TAIL, Kind.TORN_TAIL, Kind.ABANDONED_TAIL, Kind.DUPLICATES, Kind.FOREIGN_FILE})


@dataclass(frozen=True, slots=True)
class Finding:
    """``sequence`` is the number of the first line concerned (0 is the header, 1 the first after it), ``line`` where
    in the file it stands or should stand, counted from 1 and None where there is no file. ``file`` of a missing file
    is where it would be."""

    kind: Kind
    file: Path
    sequence: int
    line: int | None
    detail: str

    @property
    def tampering(self) -> bool:
        return self.kind not in HARMLESS

    def __str__(self) -> str:
        return f"{self.file.name}: {self.kind} at sequence {self.sequence}: {self.detail}"


class Anchor(NamedTuple):
    """A seal to be remembered outside: on paper, in another system, with somebody else. A later verification that is
    given the anchor finds a roll-back to any moment before it, even by somebody who has the root key."""

    seals: str
    sequence: int
    mac: str

    def __str__(self) -> str:
        return f"{self.seals}:{self.sequence}:{self.mac}"

    @classmethod
    def parse(cls, text: str) -> Anchor:
        """The anchor that `str` wrote. Raises ValueError."""
        seals, sequence, mac = text.strip().split(":")
        if len(bytes.fromhex(mac)) != 32 or not sequence.isdigit():
            raise ValueError("an anchor is name:sequence:64 hexadecimal digits")
        return cls(seals, int(sequence), mac.lower())


@dataclass(slots=True)
class Report:
    """``records`` counts those whose place in the chain was proved, ``sealed`` how many of them a seal or link covers,
    ``duplicates`` how many repeat an eventID that stands in a tail left by a failure (see `Kind.DUPLICATES`)."""

    findings: list[Finding] = field(default_factory=list)
    segments: int = 0
    seal_files: int = 0
    seals: int = 0
    records: int = 0
    sealed: int = 0
    duplicates: int = 0
    newest: Anchor | None = None

    @property
    def intact(self) -> bool:
        return not any(finding.tampering for finding in self.findings)

    @property
    def unsealed(self) -> int:
        return self.records - self.sealed

    @property
    def tampering(self) -> list[Finding]:
        return [finding for finding in self.findings if finding.tampering]
