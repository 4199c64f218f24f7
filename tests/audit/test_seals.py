"""Seals: heads that moved, one chain over all restarts, nothing that is not durable, nothing a crash left behind."""

from __future__ import annotations

import asyncio
import errno
import time
from pathlib import Path
from typing import Any

import pytest
from tests.audit import world
from tests.audit.world import Disk, Waiters

from keystead.audit import chain, reading
from keystead.audit.chain import Head
from keystead.audit.files import Io
from keystead.audit.heads import Heads
from keystead.audit.seals import newest_seal, unsealed
from keystead.audit.verify import Kind, verify


@pytest.fixture
def heads() -> Heads:
    return Heads(bytearray(Heads.size(4)), 4)


def head(worker: int, sequence: int) -> Head:
    return Head(f"20260101T000000Z-{worker}-00", sequence, bytes([sequence]) * 32, sequence * 100)


def seals_in(directory: Path) -> list[dict[str, Any]]:
    return [
        body for path in world.files(directory, "seals") for body in world.bodies(path) if body["keystead"] == "seal"
    ]


def sealed_heads(directory: Path) -> list[list[tuple[str, int]]]:
    return [[(row["segment"], row["sequence"]) for row in body["heads"]] for body in seals_in(directory)]


def test_a_seal_holds_the_heads_that_moved_and_none_is_written_when_none_did(tmp_path: Path, heads: Heads) -> None:
    with world.seals(tmp_path, heads) as seals:
        assert world.files(tmp_path) == []
        heads.publish(0, head(0, 3))
        heads.publish(2, head(2, 5))
        world.sealed(seals, heads)
        seals.poke()
        heads.publish(2, head(2, 6))
        world.sealed(seals, heads)
        seals.poke()
    names = [head(worker, 1).name for worker in range(3)]
    assert sealed_heads(tmp_path) == [[(names[0], 3), (names[2], 5)], [(names[2], 6)]]


def test_seals_come_every_interval_by_themselves(tmp_path: Path, heads: Heads) -> None:
    with world.seals(tmp_path, heads, interval=0.02):
        for sequence in range(1, 4):
            heads.publish(0, head(0, sequence))
            newest = heads.read_seal()
            world.wait_for(lambda: heads.read_seal() != newest)  # noqa: B023
    assert [rows[0][1] for rows in sealed_heads(tmp_path)] == [1, 2, 3]


def test_the_newest_seal_is_told_to_every_worker_after_it_is_durable(tmp_path: Path, heads: Heads) -> None:
    disk = Disk()
    with world.seals(tmp_path, heads, io=disk) as seals:
        heads.publish(0, head(0, 1))
        newest = world.sealed(seals, heads)
        (path,) = world.files(tmp_path)
        assert newest.size == disk.synced[path] == path.stat().st_size
        assert newest.sequence == 1
        assert path in disk.entries


def test_seals_form_one_chain_over_files_and_restarts(tmp_path: Path, heads: Heads) -> None:
    clock = world.Clock(step=1.0)
    for start in range(3):
        with world.seals(
            tmp_path, heads, clock=clock, seals_bytes=800, random=world.random.Random(start).randbytes
        ) as seals:
            for sequence in range(start * 5 + 1, start * 5 + 6):
                heads.publish(0, head(0, sequence))
                world.sealed(seals, heads)
    files = world.files(tmp_path)
    assert len(files) > 4
    last: dict[str, Any] | None = None
    for path in files:
        assert world.bodies(path)[0]["previous"] == last
        number, mac, _ = world.lines(path)[-1].split(b" ", 2)
        name = path.name.removeprefix("seals-").removesuffix(".jsonl")
        last = {"name": name, "sequence": int(number), "mac": mac.decode(), "failed": False}
    assert [rows[0][1] for rows in sealed_heads(tmp_path)] == list(range(1, 16))


def test_a_disk_that_fails_does_not_end_sealing(tmp_path: Path, heads: Heads) -> None:
    disk = Disk()
    fallback = tmp_path / "fallback"
    fallback.mkdir()
    first_place = tmp_path / "first"
    first_place.mkdir()
    reports: list[str] = []
    settings = {"io": disk, "fallbacks": [fallback], "interval": 0.01, "report": lambda text, _: reports.append(text)}
    with world.seals(first_place, heads, **settings) as seals:
        heads.publish(0, head(0, 1))
        world.sealed(seals, heads)
        disk.fail("fdatasync", first_place, errno.ENOSPC)
        heads.publish(0, head(0, 2))
        world.sealed(seals, heads)
        disk.fail("fdatasync", fallback)
        heads.publish(0, head(0, 3))
        world.wait_for(lambda: "nothing was sealed" in reports)
        before = heads.read_seal()
        disk.mend()
        world.wait_for(lambda: heads.read_seal() != before)
    assert [rows[-1][1] for rows in sealed_heads(first_place)] == [1, 2, 3] or len(seals_in(fallback)) >= 1
    links = [world.bodies(path)[0]["previous"] for place in (first_place, fallback) for path in world.files(place)]
    assert sum(link is not None and link["failed"] for link in links) >= 1
    report = verify(first_place, world.key_for, also=[fallback])
    assert {finding.kind for finding in report.tampering} == {Kind.MISSING_SEGMENT}, (
        "the heads of this test are invented"
    )


def test_start_up_seals_what_a_crash_left(tmp_path: Path) -> None:
    async def crash() -> None:
        shared = Heads(bytearray(Heads.size(4)), 4)
        waiters = Waiters()
        with world.seals(tmp_path, shared) as seals:
            journal = world.Journal(tmp_path, 1, world.key_for, shared, world.Clock(), world.random.Random(1).randbytes)
            waiters.append(journal, 0)
            await waiters.all()
            world.sealed(seals, shared)
        for number in range(1, 10):
            waiters.append(journal, number)
        await waiters.all()
        world.kill(journal)

    world.run(crash)
    assert verify(tmp_path, world.key_for).unsealed == 9
    (segment,) = world.files(tmp_path, "segment")
    with segment.open("ab") as file:
        file.write(b"11 12345")
    empty = Heads(bytearray(Heads.size(4)), 4)
    with world.seals(tmp_path, empty, random=world.random.Random(5).randbytes):
        world.wait_for(empty.read_seal)
    report = verify(tmp_path, world.key_for)
    assert report.unsealed == 0
    assert {finding.kind for finding in report.findings} == {Kind.TORN_TAIL}
    content = segment.read_bytes()
    segment.write_bytes(content[: content.rfind(b"\n", 0, -9) + 1])
    (finding,) = verify(tmp_path, world.key_for).tampering
    assert (finding.kind, finding.sequence) == (Kind.TRUNCATED, len(world.lines(segment)))


def test_what_start_up_seals_was_made_durable_first(tmp_path: Path) -> None:
    """A process died between write and fdatasync: its last lines are in memory only until somebody syncs them."""
    disk = Disk()

    async def crash() -> None:
        with world.journal(tmp_path, io=disk) as journal:
            waiters = Waiters()
            waiters.append(journal, 0)
            await waiters.all()

    world.run(crash)
    (segment,) = world.files(tmp_path)
    disk.synced[segment] = 0
    assert [found.sequence for found in unsealed([tmp_path], world.key_for, disk)] == [len(world.lines(segment)) - 1]
    assert disk.synced[segment] == segment.stat().st_size
    disk.fail("fdatasync")
    assert list(unsealed([tmp_path], world.key_for, disk)) == []


def test_the_tail_of_a_failed_segment_is_not_sealed(tmp_path: Path) -> None:
    disk = Disk()

    async def scenario() -> None:
        with world.journal(tmp_path, io=disk) as journal:
            waiters = Waiters()
            for number in range(3):
                waiters.append(journal, number)
                await waiters.all()
                if number == 0:
                    disk.fail("fdatasync", world.files(tmp_path)[0])

    world.run(scenario)
    failed = next(path for path in world.files(tmp_path) if world.bodies(path)[0]["previous"] is None)
    assert [path for found in unsealed([tmp_path], world.key_for, Io()) if (path := found.name) in failed.name] == []


@pytest.mark.parametrize("tail", [b"", b"4 ab", b"\0" * 5000, b"x\n" * 9, b"y" * 100_000 + b"\n"])
@pytest.mark.parametrize("size", [0, 20_000])
def test_the_last_line_that_fits_is_found_from_the_end(tmp_path: Path, tail: bytes, size: int) -> None:
    async def scenario() -> None:
        with world.journal(tmp_path) as journal:
            waiters = Waiters()
            for number in range(4):
                waiters.append(journal, number, size)
            await waiters.all()
            world.kill(journal)

    world.run(scenario)
    (segment,) = world.files(tmp_path)
    whole = segment.read_bytes()
    segment.write_bytes(whole + tail)
    name = segment.name.removeprefix("segment-").removesuffix(".jsonl")
    found = reading.settled_head(Io(), segment, chain.Chain(chain.SEGMENT, name, world.key_for))
    assert found is not None
    assert (found.sequence, found.size) == (4, len(whole))
    segment.write_bytes(world.lines(segment)[0])
    found = reading.settled_head(Io(), segment, chain.Chain(chain.SEGMENT, name, world.key_for))
    assert found is not None
    assert found.sequence == 0


def test_an_edited_newest_file_of_seals_does_not_stop_the_next_start(tmp_path: Path, heads: Heads) -> None:
    with world.seals(tmp_path, heads) as seals:
        for sequence in range(1, 4):
            heads.publish(0, head(0, sequence))
            world.sealed(seals, heads)
    (path,) = world.files(tmp_path)
    lines = world.lines(path)
    path.write_bytes(b"".join([lines[0], lines[1].replace(b"Z", b"Y"), *lines[2:]]))
    found = newest_seal([tmp_path], world.key_for, Io())
    assert found is not None
    assert found.sequence == 3
    path.write_bytes(lines[0].replace(b"Z", b"Y") + b"".join(lines[1:]))
    assert newest_seal([tmp_path], world.key_for, Io()) is None


def test_workers_note_the_newest_seal_in_their_segments(tmp_path: Path) -> None:
    async def scenario() -> list[Head]:
        shared = Heads(bytearray(Heads.size(4)), 4)
        waiters = Waiters()
        written = []
        with world.seals(tmp_path, shared) as seals, world.journal(tmp_path, heads=shared) as journal:
            for number in range(4):
                waiters.append(journal, number)
                await waiters.all()
                written.append(world.sealed(seals, shared))
                waiters.append(journal, number + 100)
                await waiters.all()
        return written

    written: list[Head] = world.run(scenario)
    (segment,) = world.files(tmp_path, "segment")
    notes = [body["seal"] for body in world.bodies(segment) if body.get("keystead") == "note"]
    assert [(note["name"], note["sequence"], note["mac"]) for note in notes] == [
        (seal.name, seal.sequence, seal.mac.hex()) for seal in written[: len(notes)]
    ]
    assert len(notes) >= 3


def test_rotation_asks_for_a_seal_at_once(tmp_path: Path) -> None:
    async def scenario() -> None:
        shared = Heads(bytearray(Heads.size(4)), 4)
        waiters = Waiters()
        with (
            world.seals(tmp_path, shared) as seals,
            world.journal(tmp_path, heads=shared, segment_bytes=1_000, turned=seals.poke) as journal,
        ):
            for number in range(30):
                waiters.append(journal, number)
                await waiters.all()
            begun = time.monotonic()
            while shared.read_seal() is None:
                await asyncio.sleep(0.001)
                assert time.monotonic() - begun < 20
        assert len(seals_in(tmp_path)) >= 2

    world.run(scenario)


def test_a_fault_of_our_own_is_reported_and_does_not_end_sealing(
    tmp_path: Path, heads: Heads, monkeypatch: pytest.MonkeyPatch
) -> None:
    reports: list[BaseException] = []
    broken = [True]

    def read(self: Heads, worker: int) -> Head | None:
        if broken[0]:
            raise RuntimeError("the shared heads are damaged")
        return head(0, 1) if worker == 0 else None

    monkeypatch.setattr(Heads, "read", read)
    with world.seals(tmp_path, heads, interval=0.01, report=lambda _, error: reports.append(error)):
        world.wait_for(lambda: reports)
        broken[0] = False
        world.wait_for(heads.read_seal)
    assert isinstance(reports[0], RuntimeError)
