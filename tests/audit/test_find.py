"""What start-up asks: which records are in the journal already, durable and chained?"""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.audit import world
from tests.audit.world import Disk, Waiters

from keystead.audit.find import journalled


@pytest.fixture
def journal_of_ten(tmp_path: Path) -> Path:
    async def scenario() -> None:
        with world.journal(tmp_path, segment_bytes=1_000, clock=world.Clock(step=1.0)) as journal:
            waiters = Waiters()
            for number in range(10):
                waiters.append(journal, number)
                await waiters.all()

    world.run(scenario)
    return tmp_path


def ids(*numbers: int) -> set[str]:
    return {world.event_id(number) for number in numbers}


def test_records_are_found_in_every_segment_and_others_are_not(journal_of_ten: Path) -> None:
    assert len(world.files(journal_of_ten)) > 2
    assert journalled([journal_of_ten], world.key_for, ids(*range(10), 77)) == ids(*range(10))
    assert journalled([journal_of_ten], world.key_for, []) == set()
    assert journalled([journal_of_ten], world.key_for, ids(0, 9), newest=1) == ids(9)


def test_a_line_that_somebody_planted_does_not_count(journal_of_ten: Path) -> None:
    """Else an attacker could make start-up throw a record away."""
    newest = max(world.files(journal_of_ten))
    raw = world.lines(newest)
    newest.write_bytes(b"".join([*raw, raw[-1].replace(raw[-1].split(b" ", 2)[2], world.line(50) + b"\n")]))
    copied = raw[1].replace(world.event_id(9).encode(), world.event_id(51).encode())
    (journal_of_ten / "segment-20990101T000000Z-0-00.jsonl").write_bytes(raw[0] + copied)
    assert journalled([journal_of_ten], world.key_for, ids(50, 51)) == set()


def test_a_callers_own_text_is_not_taken_for_the_event_id(tmp_path: Path) -> None:
    planted = (
        b'{"eventVersion":"1.11","requestParameters":{"encryptionContext":{"eventID":"planted"}},"eventID":"real"}'
    )

    async def scenario() -> None:
        with world.journal(tmp_path) as journal:
            journal.append(planted, lambda _: None)

    world.run(scenario)
    assert journalled([tmp_path], world.key_for, ["planted", "real"]) == {"real"}


def test_what_cannot_be_made_durable_does_not_count(journal_of_ten: Path) -> None:
    disk = Disk()
    disk.fail("fdatasync")
    assert journalled([journal_of_ten], world.key_for, ids(1, 9), io=disk) == set()


def test_the_tail_of_a_failed_segment_does_not_count(tmp_path: Path) -> None:
    disk = Disk()

    async def scenario() -> None:
        with world.journal(tmp_path, io=disk, probe_interval=3600.0) as journal:
            waiters = Waiters()
            waiters.append(journal, 0)
            await waiters.all()
            disk.fail("fdatasync", world.files(tmp_path)[0])
            waiters.append(journal, 1)
            await waiters.all()

    world.run(scenario)
    failed, successor = sorted(world.files(tmp_path), key=lambda path: world.bodies(path)[0]["previous"] is not None)
    assert journalled([tmp_path], world.key_for, ids(0, 1)) == ids(0, 1)
    header = world.lines(successor)[0]
    successor.write_bytes(header)
    assert world.event_id(1).encode() in failed.read_bytes()
    assert journalled([tmp_path], world.key_for, ids(0, 1)) == ids(0)
