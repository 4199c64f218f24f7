"""Which records a journal already holds: what start-up asks before it copies a crash's leftovers again.

Guarantees: an eventID is reported only if its record is chained in a segment and was made durable before it was read,
so that whoever deletes other copies loses nothing. Does not guarantee to find every record: a miss costs a duplicate,
which verification reports as harmless.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from contextlib import suppress
from pathlib import Path

from keystead.audit import reading
from keystead.audit.chain import RESERVED, SEGMENT, Chain, KeyFor, SegmentHeader
from keystead.audit.files import Io

#: Segments looked through. A leftover is seconds old when the crash comes, so its record is among each worker's last.
NEWEST = 64


def journalled(
    directories: Sequence[Path],
    key_for: KeyFor,
    event_ids: Iterable[str],
    *,
    newest: int = NEWEST,
    io: Io | None = None,
) -> frozenset[str]:
    """Those of ``event_ids`` that are durable in one of the ``newest`` segments. Raises OSError if a directory cannot
    be listed; a segment that cannot be read or synced counts as one without the records."""
    wanted = {event.encode() for event in event_ids}
    found: set[bytes] = set()
    if not wanted:
        return frozenset()
    io = io or Io()
    segments: list[tuple[SegmentHeader, Path]] = []
    given_up: dict[str, int] = {}
    for path in reading.journal_files(directories):
        with suppress(OSError):
            authentic = reading.authentic(path, key_for)
            if authentic is not None and isinstance(authentic[0], SegmentHeader):
                segments.append((authentic[0], path))
                previous = authentic[0].previous
                if previous is not None and previous.failed:
                    given_up[previous.name] = previous.sequence
    segments.sort(key=lambda segment: (segment[0].created, segment[0].name), reverse=True)
    for header, path in segments[:newest]:
        with suppress(OSError):
            found |= wanted & _events(io, path, Chain(SEGMENT, header.name, key_for), given_up.get(header.name))
        if found == wanted:
            break
    return frozenset(event.decode() for event in found)


def _events(io: Io, path: Path, chain: Chain, last: int | None) -> set[bytes]:
    """The eventIDs of a segment up to line ``last``: what came behind it when the segment failed is elsewhere or was
    refused."""
    events: set[bytes] = set()
    with reading.open_plain(path) as file:
        size = io.settle(path, file.fileno())
        for line in reading.Walk(file, chain):
            if chain.size > size or (last is not None and line.sequence > last):
                break
            if not line.text.startswith(RESERVED):
                events.add(reading.event_id(line.text))
    return events
