"""A call of the past: its record, by request id, and the changes that were recorded since.

Guarantees: what is handed out was chained with the journal's key, whatever stands in the files besides; a text of a
caller's that looks like part of a record is not taken for one. Does not guarantee to find a record: it looks through the
newest segments, passes over those that cannot be read, and a record that was cut off is not there. Reads files and
takes as long as they are: never on the event loop's thread.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import msgspec

from keystead.audit import reading
from keystead.audit.chain import MAX_LINE, RESERVED, SEGMENT, Chain, KeyFor, SegmentHeader

#: Segments looked through, the newest first.
NEWEST: Final = 256
#: Changes that are told.
CHANGES: Final = 20

Record = Mapping[str, Any]

# What changes who may do what: with a key, by event name; of identities, all that IAM changes but access keys.
_OF_KEYS: Final = frozenset(
    {"CreateGrant", "PutKeyPolicy", "RetireGrant", "RevokeGrant", "TagResource", "UntagResource", "UpdateAlias"}
)
_IAM: Final = "iam.amazonaws.com"


@dataclass(frozen=True, slots=True)
class Past:
    """The record of a call, and the changes of policies, grants and tags recorded since that may concern it, the oldest
    first."""

    record: Record
    since: tuple[Record, ...] = ()


def call(directories: Sequence[Path], key_for: KeyFor, request_id: str, account: str) -> Past | None:
    """The call that an account's principal made under this request id; None where there is none among the newest
    segments. Raises OSError if a directory cannot be listed."""
    needle = b'"requestID":"%b"' % request_id.encode()
    found = [
        record
        for record in _records(directories, key_for, lambda line: needle in line)
        if record.get("requestID") == request_id and _of(record, account)
    ]
    if not found:
        return None
    record = next((each for each in found if "errorCode" in each), found[0])
    return Past(record, _since(directories, key_for, record, account))


def _since(directories: Sequence[Path], key_for: KeyFor, record: Record, account: str) -> tuple[Record, ...]:
    def changes(line: bytes) -> bool:
        return b'"readOnly":false' in line and b'"errorCode":' not in line

    found = [
        each
        for each in _records(directories, key_for, changes)
        if str(each.get("eventTime", "")) >= str(record.get("eventTime", ""))
        and each.get("eventID") != record.get("eventID")
        and _of(each, account)
        and _changes_permissions(str(each.get("eventSource")), str(each.get("eventName")))
    ]
    found.sort(key=lambda each: str(each["eventTime"]))
    return tuple(found)


def _changes_permissions(source: str, name: str) -> bool:
    return "AccessKey" not in name if source == _IAM else name in _OF_KEYS


def _of(record: Record, account: str) -> bool:
    """Did a principal of the account make the call."""
    identity = record.get("userIdentity")
    return isinstance(identity, dict) and identity.get("accountId") == account


def _records(directories: Sequence[Path], key_for: KeyFor, wanted: Callable[[bytes], bool]) -> Iterator[Record]:
    """The authentic records of the newest segments whose lines are wanted. A segment without such a line is read, and
    not authenticated."""
    segments: list[tuple[SegmentHeader, Path]] = []
    for path in reading.journal_files(directories):
        with suppress(OSError):
            authentic = reading.authentic(path, key_for)
            if authentic is not None and isinstance(authentic[0], SegmentHeader):
                segments.append((authentic[0], path))
    segments.sort(key=lambda segment: (segment[0].created, segment[0].name), reverse=True)
    for header, path in segments[:NEWEST]:
        with suppress(OSError):
            if _holds(path, wanted):
                yield from _authentic(path, Chain(SEGMENT, header.name, key_for), wanted)


def _holds(path: Path, wanted: Callable[[bytes], bool]) -> bool:
    with reading.open_plain(path) as file:
        return any(wanted(line) for line in iter(lambda: file.readline(MAX_LINE), b""))


def _authentic(path: Path, chain: Chain, wanted: Callable[[bytes], bool]) -> Iterator[Record]:
    with reading.open_plain(path) as file:
        for line in reading.Walk(file, chain):
            if not line.text.startswith(RESERVED) and wanted(line.text):
                with suppress(msgspec.DecodeError, UnicodeDecodeError):
                    yield msgspec.json.decode(line.text, type=dict[str, Any])
