"""Power cuts and kills: what was acknowledged is there, nothing honest looks like tampering, and a liar is caught."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.audit import world
from tests.audit.world import Disk, Waiters

from keystead.audit.findings import Kind
from keystead.audit.heads import Heads
from keystead.audit.journal import Journal
from keystead.audit.seals import Seals
from keystead.audit.verify import verify


def live_until_the_power_fails(directory: Path, seed: int, disk: Disk, tear: bool) -> tuple[Path, list[int]]:
    """Two workers under load on one disk, some of it failing, until the cut. Returns what the disk holds then, and what
    had been acknowledged."""
    chance = random.Random(seed)
    before = directory / "before"
    fallback = directory / "fallback"
    before.mkdir(parents=True)
    fallback.mkdir()

    async def scenario() -> tuple[Path, list[int]]:
        heads = Heads(bytearray(Heads.size(2)), 2)
        waiters = Waiters()
        journals = [
            Journal(
                before, worker, world.key_for, heads, world.Clock(), chance.randbytes, io=disk, fallbacks=[fallback],
                segment_bytes=chance.choice([2_000, 1 << 20]),
            )
            for worker in range(2)
        ]  # fmt: skip
        seals = Seals(
            before, world.key_for, heads, world.Clock(), chance.randbytes, io=disk, fallbacks=[fallback], interval=0.001
        )
        disk.most = chance.choice([1 << 30, 1_000])
        for number in range(chance.randrange(5, 120)):
            waiters.append(chance.choice(journals), number)
            match chance.randrange(30):
                case 0:
                    await waiters.all()
                case 1:
                    disk.fail(chance.choice(["write", "fdatasync", "open"]), chance.choice([before, fallback]))
                case 2 | 3 | 4:
                    disk.mend()
                case 5 | 6 | 7 | 8:
                    await asyncio.sleep(0.001)
        acknowledged = list(waiters.acknowledged)
        after = disk.power_cut(directory / "after", chance if tear else None)
        disk.mend()
        seals.close()
        for journal in journals:
            world.kill(journal)
        return after, acknowledged

    return asyncio.run(scenario())


def check(after: Path, acknowledged: list[int]) -> None:
    report = verify(after, world.key_for)
    assert report.intact, report.tampering
    found = set()
    torn = {finding.file: finding.sequence for finding in report.findings if finding.kind is Kind.TORN_TAIL}
    for path in world.files(after, "segment"):
        whole = world.lines(path)[: torn.get(path)]
        found |= {number for number in acknowledged for raw in whole if world.event_id(number).encode() in raw}
    missing = set(acknowledged) - found
    assert not missing, f"acknowledged and lost: {sorted(missing)}"


def restart(after: Path, seed: int) -> None:
    """The next start seals what the cut left, and a worker goes on in a segment of its own."""

    async def scenario() -> None:
        heads = Heads(bytearray(Heads.size(2)), 2)
        before = {path: path.read_bytes() for path in world.files(after, "segment")}
        clock = world.Clock(1_790_001_000.0)
        random_bytes = random.Random(seed + 1).randbytes
        with (
            world.seals(after, heads, clock=clock, random=random_bytes),
            world.journal(after, heads=heads, clock=clock, random=random_bytes) as journal,
        ):
            waiters = Waiters()
            waiters.append(journal, 10_000)
            await waiters.all()
        assert all(path.read_bytes() == content for path, content in before.items()), "old segments stay as they are"

    world.run(scenario)


@settings(max_examples=40)
@given(seed=st.integers(0, 2**32), tear=st.booleans())
def test_a_power_cut_loses_nothing_acknowledged_and_looks_like_no_attack(
    tmp_path_factory: pytest.TempPathFactory, seed: int, tear: bool
) -> None:
    after, acknowledged = live_until_the_power_fails(tmp_path_factory.mktemp("cut"), seed, Disk(), tear)
    check(after, acknowledged)
    unsealed = verify(after, world.key_for).unsealed
    restart(after, seed)
    report = verify(after, world.key_for)
    assert report.intact, report.tampering
    abandoned = [finding for finding in report.findings if finding.kind is Kind.ABANDONED_TAIL]
    if not abandoned:
        assert report.unsealed <= 1, f"start-up left unsealed what the cut had: {unsealed}"
    check(after, acknowledged)


class Forgetful(Disk):
    """A disk whose fdatasync returns and has done nothing."""

    def fdatasync(self, descriptor: int) -> None:
        self._perhaps_fail("fdatasync", self.paths[descriptor])


class ForgetfulForSegments(Disk):
    def fdatasync(self, descriptor: int) -> None:
        if "seals" in self.paths[descriptor].name or not self.synced[self.paths[descriptor]]:
            super().fdatasync(descriptor)


class NoDirectory(Disk):
    """A disk that keeps file contents but not the names of new files."""

    def fsync_dir(self, directory: Path) -> None:
        self._perhaps_fail("fsync_dir", directory)


class FlattersShortWrites(Disk):
    """Says that everything was written, and wrote half of it."""

    def write(self, descriptor: int, data: bytes | memoryview) -> int:
        super().write(descriptor, data[: len(data) // 2 + 1])
        return len(data)


def cuts(places: pytest.TempPathFactory, disk: Callable[[], Disk]) -> None:
    for seed in range(30):
        check(*live_until_the_power_fails(places.mktemp("lie"), seed, disk(), tear=False))


@pytest.mark.parametrize("disk", [Forgetful, ForgetfulForSegments, NoDirectory, FlattersShortWrites])
def test_a_disk_that_lies_is_caught_by_the_check_above(
    tmp_path_factory: pytest.TempPathFactory, disk: Callable[[], Disk]
) -> None:
    with pytest.raises(AssertionError):
        cuts(tmp_path_factory, disk)


def test_a_seal_of_what_is_not_durable_would_be_caught(tmp_path: Path) -> None:
    """Seals must only name durable heads: otherwise an honest power cut reads as tampering."""
    disk = ForgetfulForSegments()
    for seed in range(20):
        after, _ = live_until_the_power_fails(tmp_path / str(seed), seed, disk, tear=False)
        if {finding.kind for finding in verify(after, world.key_for).tampering} & {Kind.TRUNCATED}:
            return
        disk = ForgetfulForSegments()
    pytest.fail("no seal ever named a head that a power cut took")


def test_records_of_a_failed_segment_that_stand_twice_are_told_of_and_are_no_tampering(tmp_path: Path) -> None:
    """The bytes reach the disk, yet fdatasync says they did not: the same records are written again elsewhere."""
    disk = Disk()

    async def scenario() -> None:
        waiters = Waiters()
        heads = Heads(bytearray(Heads.size(4)), 4)
        with world.seals(tmp_path, heads) as seals, world.journal(tmp_path, heads=heads, io=disk) as journal:
            waiters.append(journal, 0)
            await waiters.all()
            world.sealed(seals, heads)
            (first,) = world.files(tmp_path, "segment")
            disk.fail("fdatasync", first)
            for number in range(1, 6):
                waiters.append(journal, number)
            await waiters.all()

    world.run(scenario)
    report = verify(tmp_path, world.key_for)
    assert report.intact
    kinds = {finding.kind: finding for finding in report.findings}
    assert set(kinds) == {Kind.ABANDONED_TAIL, Kind.DUPLICATES}
    assert kinds[Kind.ABANDONED_TAIL].sequence == 2
    assert report.duplicates >= 1
    events = world.events(tmp_path)
    assert len(events) == len(set(events)) + report.duplicates


def test_garbage_behind_a_failed_write_is_no_tampering_but_a_change_before_it_is(tmp_path: Path) -> None:
    disk = Disk()

    async def scenario() -> Path:
        waiters = Waiters()
        with world.journal(tmp_path, io=disk) as journal:
            for number in range(5):
                waiters.append(journal, number)
                await waiters.all()
            (first,) = world.files(tmp_path)
            disk.fail("write", first)
            waiters.append(journal, 5)
            await waiters.all()
            return first

    first: Path = world.run(scenario)
    whole = first.read_bytes()
    first.write_bytes(whole + b"6 " + b"0" * 64 + b" what the disk made of it\n")
    report = verify(tmp_path, world.key_for)
    assert report.intact
    assert [(finding.kind, finding.sequence) for finding in report.findings if finding.file == first] == [
        (Kind.TORN_TAIL, 6)
    ]
    first.write_bytes(whole.replace(b"1.11", b"1.12", 3))
    (finding,) = verify(tmp_path, world.key_for).tampering
    assert (finding.kind, finding.file, finding.sequence) == (Kind.EDITED, first, 1)
