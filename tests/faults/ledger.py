"""What was asked of a server and what it said, written down as it happened, and the examination of what is left of it.

A `Page` belongs to one client thread, which alone uses the keys it made, one call after the other: so its order of
calls is the order in which they became true. Every call carries a name of its own in the User-Agent, which its audit
record repeats.

`examine` compares the pages with the journal and with a server that was started again:

    1 each record stands in the journal once (eventID)
    2 each answered call has its record, which tells what was answered; a lost one has a record or none
    3 each key, alias and state is what the last recorded call made it: nothing acknowledged is lost, nothing changed
      without a record
    4 each acknowledged ciphertext decrypts
"""

from __future__ import annotations

import base64
import json
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

from tests.faults.wire import Wire

# A thing that has a value: a key's state or tag, an alias; ("key", id) exists or not.
Place = tuple[str, str]

LOST = "lost"
DONE = ""

# The value of what is there no more.
GONE = "gone"


class Entry(NamedTuple):
    """One call. ``outcome`` is DONE, LOST, or the code of the refusal; ``place`` gets ``value`` if it is done."""

    name: str
    operation: str
    outcome: str
    place: Place | None = None
    value: str = ""


@dataclass
class Page:
    entries: list[Entry] = field(default_factory=list)
    ciphertexts: list[tuple[str, str]] = field(default_factory=list)  # (key id, blob) of the plaintext = key id


class Record(NamedTuple):
    event_id: str
    name: str
    operation: str
    error: str
    response: dict[str, Any]
    worker: int
    details: dict[str, Any]


class Gap(AssertionError):
    """What was promised does not hold."""


def records(journal: Path) -> Iterator[Record]:
    """Every whole record line of every segment, believing each."""
    for path in sorted(journal.glob("segment-*.jsonl")):
        worker = -1
        for raw in path.read_bytes().split(b"\n")[:-1]:  # what has no newline was never whole
            line = json.loads(raw.split(b" ", 2)[2])
            if "keystead" in line:
                worker = line.get("worker", worker)
                continue
            yield Record(
                line["eventID"],
                line.get("userAgent", ""),
                line["eventName"],
                line.get("errorCode", ""),
                line.get("responseElements") or {},
                worker,
                line.get("serviceEventDetails") or {},
            )


class Examination:
    """What the journal says of the calls of ``pages``. Raises Gap at construction for what breaks 1 or 2."""

    def __init__(self, pages: Iterable[Page], journal: Path) -> None:
        self.pages = list(pages)
        self.records: dict[str, list[Record]] = defaultdict(list)
        ids: Counter[str] = Counter()
        for record in records(journal):
            ids[record.event_id] += 1
            self.records[record.name].append(record)
        twice = [event_id for event_id, times in ids.items() if times > 1]
        if twice:
            raise Gap(f"{len(twice)} records stand in the journal more than once")
        for page in self.pages:
            for entry in page.entries:
                self._compare(entry)

    def _compare(self, entry: Entry) -> None:
        found = self.records[entry.name]
        if entry.outcome == LOST:
            if len(found) > 1:
                raise Gap(f"the lost {entry} has {len(found)} records")
            return
        if len(found) != 1:
            raise Gap(f"{entry} was answered and has {len(found)} records")
        recorded = {entry.outcome, f"{entry.outcome}Exception" if entry.outcome else ""}  # as CloudTrail writes IAM's
        if found[0].operation != entry.operation or found[0].error not in recorded:
            raise Gap(f"{entry} was answered, but its record is {found[0]}")

    def happened(self, entry: Entry) -> bool:
        return any(not record.error for record in self.records[entry.name])

    def values(self) -> dict[Place, str]:
        """What every place must hold: what the last call with a record of success gave it."""
        values: dict[Place, str] = {}
        for page in self.pages:
            for entry in page.entries:
                if entry.place is not None and self.happened(entry):
                    place = entry.place
                    if entry.operation == "CreateKey":
                        place = ("key", self.records[entry.name][0].response["keyMetadata"]["keyId"])
                        values[("state", place[1])] = "Enabled"
                        values[("tag", place[1])] = ""
                    if entry.operation == "CreateAccessKey":
                        place = (place[0], self.records[entry.name][0].response["accessKey"]["accessKeyId"])
                    values[place] = entry.value
        return {place: value for place, value in values.items() if value != GONE}

    @property
    def lost(self) -> int:
        return sum(entry.outcome == LOST for page in self.pages for entry in page.entries)

    @property
    def recovered(self) -> int:
        """Lost changes that came true all the same, with their record."""
        return sum(
            entry.outcome == LOST and entry.place is not None and self.happened(entry)
            for page in self.pages
            for entry in page.entries
        )

    @property
    def done(self) -> int:
        return sum(entry.outcome == DONE for page in self.pages for entry in page.entries)

    def compare_with(self, wire: Wire, told: Callable[[Wire], Iterable[tuple[Place, str]]]) -> None:
        """3 and 4: the server behind ``wire`` holds what the journal says it should, as ``told`` tells it."""
        expected, held = self.values(), dict(told(wire))
        for place in sorted(expected.keys() | held.keys()):
            if expected.get(place) != held.get(place):
                raise Gap(
                    f"{' '.join(place)}: the journal says {expected.get(place)!r}, the store says {held.get(place)!r}"
                )
        for page in self.pages:
            for key_id, blob in page.ciphertexts:
                state = held[("state", key_id)]
                if state == "PendingDeletion":
                    assert wire.call("CancelKeyDeletion", KeyId=key_id).ok
                if state != "Enabled":
                    assert wire.call("EnableKey", KeyId=key_id).ok
                    held[("state", key_id)] = "Enabled"
                opened = wire.call("Decrypt", CiphertextBlob=blob)
                if not opened.ok or base64.b64decode(opened.json["Plaintext"]) != key_id.encode():
                    raise Gap(f"an acknowledged ciphertext of {key_id} does not decrypt: {opened}")


def holdings(wire: Wire) -> Iterator[tuple[Place, str]]:
    """All keys with their states and tags, and all aliases, as the server tells them."""
    for key_id in _listed(wire, "ListKeys", "Keys", "KeyId"):
        yield ("key", key_id), "there"
        yield ("state", key_id), wire.call("DescribeKey", KeyId=key_id).json["KeyMetadata"]["KeyState"]
        tags = wire.call("ListResourceTags", KeyId=key_id).json["Tags"]
        yield ("tag", key_id), tags[0]["TagValue"] if tags else ""
    for alias in _pages(wire, "ListAliases", "Aliases"):
        if "TargetKeyId" in alias:  # predefined ones are listed before they have a key
            yield ("alias", alias["AliasName"]), alias["TargetKeyId"]


def _listed(wire: Wire, operation: str, what: str, name: str) -> list[str]:
    return [item[name] for item in _pages(wire, operation, what)]


def _pages(wire: Wire, operation: str, what: str) -> Iterator[dict[str, Any]]:
    marker: dict[str, str] = {}
    while True:
        answer = wire.call(operation, Limit=100, **marker)
        assert answer.ok, answer
        yield from answer.json[what]
        if not answer.json.get("Truncated"):
            return
        marker = {"Marker": answer.json["NextMarker"]}
