"""The lines of the journal: how they are chained, and what those that are no records say. Format: docs/journal.md.

Guarantees: the MAC of a line depends on the file's own key, on every line before it and on its position, through an
injective encoding, so that a line fits in one place of one file only. Does not guarantee that a file is complete:
what is cut off its end must be missed by somebody else, which is what seals, links and notes are for.
"""

from __future__ import annotations

import hmac
import struct
from collections.abc import Callable
from datetime import UTC, datetime
from functools import lru_cache
from typing import NamedTuple

import msgspec
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.hmac import HMAC

VERSION = 1
SEGMENT = "segment"
SEALS = "seals"
SUFFIX = ".jsonl"

#: Lines of our own begin so; no record may.
RESERVED = b'{"keystead":'

#: The longest line in bytes, newline included. A reader need not hold more in memory, whatever a file claims to be.
MAX_LINE = 1 << 20

KeyFor = Callable[[bytes], bytes]

# list(previous MAC, sequence, text) of docs/format.md §1.1, up to the text's own bytes.
_PREFIX = struct.Struct(">II32sIQI")
_FIRST_PREFIX = struct.Struct(">IIIQI")


class Head(NamedTuple):
    """Where a file stands: ``name`` is its identity, ``size`` its length in bytes after the line ``sequence`` with
    MAC ``mac``."""

    name: str
    sequence: int
    mac: bytes
    size: int


class Link(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A line of another file that is known to be durable. ``failed`` says that the file was given up after a failed
    write or fsync, so that lines behind this one may or may not exist."""

    name: str
    sequence: int
    mac: str
    failed: bool = False


class SealedHead(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    segment: str
    sequence: int
    mac: str
    size: int


class SegmentHeader(
    msgspec.Struct, frozen=True, forbid_unknown_fields=True, tag_field="keystead", tag=SEGMENT, kw_only=True
):
    """Line 0 of a segment. ``previous`` is the last durable line of the same worker before, if it knew one."""

    version: int
    name: str
    worker: int
    created: str
    previous: Link | None


class SealsHeader(
    msgspec.Struct, frozen=True, forbid_unknown_fields=True, tag_field="keystead", tag=SEALS, kw_only=True
):
    """Line 0 of a file of seals. ``previous`` is the last seal before this file."""

    version: int
    name: str
    created: str
    previous: Link | None


class Seal(msgspec.Struct, frozen=True, forbid_unknown_fields=True, tag_field="keystead", tag="seal"):
    """Heads of segments that were durable at ``time``; only those that moved since the seal before."""

    time: str
    heads: list[SealedHead]


class Note(msgspec.Struct, frozen=True, forbid_unknown_fields=True, tag_field="keystead", tag="note"):
    """In a segment: the newest seal its worker knew. Whoever cuts the seals must cut every segment that noted them."""

    seal: Link


class End(msgspec.Struct, frozen=True, forbid_unknown_fields=True, tag_field="keystead", tag="end"):
    """The last line of a segment that was closed in good order."""


Ours = SegmentHeader | SealsHeader | Seal | Note | End

encode = msgspec.json.Encoder().encode
decode = msgspec.json.Decoder(Ours).decode


class Line(NamedTuple):
    sequence: int
    mac: bytes
    text: bytes


def parse(raw: bytes) -> Line | None:
    """The three parts of a line without its newline, or None if it is not written exactly as `Chain.extend` writes."""
    number, _, rest = raw.partition(b" ")
    mac = rest[:64]
    if len(mac) != 64 or rest[64:65] != b" " or not number.isdigit() or len(number) > 19:
        return None
    sequence = int(number)
    try:
        value = bytes.fromhex(mac.decode("ascii"))
    except ValueError:
        return None
    # fromhex takes capitals and blanks, int takes leading zeros: one line has one spelling.
    if value.hex().encode() != mac or b"%d" % sequence != number:
        return None
    return Line(sequence, value, rest[65:])


class Chain:
    """The running MAC of one file. `head` is the state after the last line made; not safe for several threads at
    once."""

    __slots__ = ("_keyed", "mac", "name", "sequence", "size")

    def __init__(self, kind: str, name: str, key_for: KeyFor) -> None:
        self._keyed = HMAC(key_for(f"{kind}:{name}".encode()), SHA256())
        self.name = name
        self.sequence = -1
        self.mac = b""
        self.size = 0

    @property
    def head(self) -> Head:
        return Head(self.name, self.sequence, self.mac, self.size)

    def extend(self, text: bytes) -> bytes:
        """The next line, newline included."""
        sequence = self.sequence + 1
        mac = self.mac_of(self.mac, sequence, text)
        line = b"%d %b %b\n" % (sequence, mac.hex().encode(), text)
        self.sequence = sequence
        self.mac = mac
        self.size += len(line)
        return line

    def mac_of(self, previous: bytes, sequence: int, text: bytes) -> bytes:
        """HMAC-SHA-256 over list(previous, u64(sequence), text); ``previous`` is empty for line 0."""
        keyed = self._keyed.copy()
        if previous:
            keyed.update(_PREFIX.pack(3, 32, previous, 8, sequence, len(text)))
        else:
            keyed.update(_FIRST_PREFIX.pack(3, 0, 8, sequence, len(text)))
        keyed.update(text)
        return keyed.finalize()

    def fits(self, previous: bytes, line: Line) -> bool:
        """Whether ``line`` was made as the one after a line with MAC ``previous``."""
        if bool(previous) != bool(line.sequence):
            return False
        return hmac.compare_digest(self.mac_of(previous, line.sequence, line.text), line.mac)

    def follow(self, line: Line) -> bool:
        """Take ``line`` as the next one of the file, if it is."""
        if line.sequence != self.sequence + 1 or not self.fits(self.mac, line):
            return False
        self.sequence = line.sequence
        self.mac = line.mac
        self.size += len(b"%d" % line.sequence) + len(line.text) + 67
        return True


def new_name(now: float, worker: int | None, random: Callable[[int], bytes]) -> str:
    """The identity of a new file: creation time, worker for the reader's sake, and 128 random bits that make it
    unique."""
    who = "" if worker is None else f"-{worker}"
    return f"{datetime.fromtimestamp(int(now), UTC):%Y%m%dT%H%M%SZ}{who}-{random(16).hex()}"


def file_name(kind: str, name: str) -> str:
    return f"{kind}-{name}{SUFFIX}"


@lru_cache(maxsize=8)
def _instant(second: int) -> str:
    return f"{datetime.fromtimestamp(second, UTC):%Y-%m-%dT%H:%M:%SZ}"


def instant(now: float) -> str:
    """``YYYY-MM-DDTHH:MM:SSZ`` of seconds since the epoch; fractions are dropped."""
    return _instant(int(now))


def link(head: Head, *, failed: bool = False) -> Link:
    return Link(head.name, head.sequence, head.mac.hex(), failed)
