"""The journal: acknowledged means durable, in order, on the loop's thread; what fails is given up, what waits is
not."""

# length: one journal in one world; each test is a way in which its disk or its loop behaves

from __future__ import annotations

import asyncio
import errno
import random
import threading
import time
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from tests.audit import world
from tests.audit.world import Disk, Waiters

from keystead.audit.chain import Head
from keystead.audit.files import AppendFile
from keystead.audit.heads import Heads
from keystead.audit.journal import Journal, JournalUnavailable
from keystead.audit.verify import verify


def heads(workers: int = 4) -> Heads:
    return Heads(bytearray(Heads.size(workers)), workers)


def test_records_are_acknowledged_in_order_on_the_loops_thread_and_never_inside_append(tmp_path: Path) -> None:
    async def scenario() -> None:
        inside: list[int] = []
        seen: list[tuple[int, int, bool]] = []

        def done(number: int, error: BaseException | None) -> None:
            assert error is None
            seen.append((number, threading.get_ident(), bool(inside)))

        with world.journal(tmp_path) as journal:
            for number in range(50):
                inside.append(number)
                journal.append(world.line(number), partial(done, number))
                inside.clear()
            while len(seen) < 50:
                await asyncio.sleep(0.001)
        assert seen == [(number, threading.get_ident(), False) for number in range(50)]

    world.run(scenario)
    assert world.events(tmp_path) == [world.event_id(number) for number in range(50)]


def test_nothing_is_acknowledged_before_its_bytes_and_its_directory_are_synced(tmp_path: Path) -> None:
    disk = Disk()

    async def scenario() -> None:
        with world.journal(tmp_path, io=disk) as journal:
            for number in range(20):
                journal.append(world.line(number), lambda _: durable.append(is_durable()))
                await asyncio.sleep(0.002)

    def is_durable() -> bool:
        (path,) = disk.content
        return path in disk.entries and disk.synced[path] == len(disk.content[path])

    durable: list[bool] = []
    world.run(scenario)
    assert durable == [True] * 20


def test_all_that_wait_share_one_write_and_one_sync(tmp_path: Path) -> None:
    disk = Disk()
    disk.delay = 0.02

    async def scenario() -> None:
        waiters = Waiters()
        with world.journal(tmp_path, io=disk) as journal:
            waiters.append(journal, 0)
            await asyncio.sleep(0.01)
            disk.calls.clear()
            for number in range(1, 101):
                waiters.append(journal, number)
            await waiters.all()
            # The sync under way when the hundred came, and the one they share.
            assert disk.calls.count("write") <= 2
            assert disk.calls.count("fdatasync") <= 2

    world.run(scenario)


def test_an_idle_journal_wakes_at_once(tmp_path: Path) -> None:
    async def scenario() -> float:
        waiters = Waiters()
        with world.journal(tmp_path, probe_interval=3600.0) as journal:
            await asyncio.sleep(0.2)
            fastest = 1e9
            for number in range(20):
                begun = time.perf_counter()
                waiters.append(journal, number)
                await waiters.all()
                fastest = min(fastest, time.perf_counter() - begun)
                await asyncio.sleep(0.005)
            return fastest

    assert world.run(scenario) < 0.02


def test_a_short_write_goes_on_where_it_stopped(tmp_path: Path) -> None:
    disk = Disk()

    async def scenario() -> None:
        waiters = Waiters()
        with world.journal(tmp_path, io=disk) as journal:
            disk.most = 7
            for number in range(5):
                waiters.append(journal, number)
            await waiters.all()
            disk.most = 1 << 30
        assert waiters.acknowledged == list(range(5))

    world.run(scenario)
    assert world.events(tmp_path) == [world.event_id(number) for number in range(5)]


def test_a_write_without_progress_is_a_failure_not_a_loop(tmp_path: Path) -> None:
    disk = Disk()
    file = AppendFile.create(disk, tmp_path / "file", b"first\n")
    disk.most = 0
    with pytest.raises(OSError, match="no progress"):
        file.append(b"second\n")
    assert file.closed


@pytest.mark.parametrize("call", ["write", "fdatasync"])
@pytest.mark.parametrize("error", [errno.EIO, errno.ENOSPC])
def test_after_a_failure_the_descriptor_is_closed_and_a_new_segment_takes_what_waits(
    tmp_path: Path, call: str, error: int
) -> None:
    disk = Disk()

    async def scenario() -> None:
        waiters = Waiters()
        reports: list[tuple[str, BaseException | None]] = []
        with world.journal(tmp_path, io=disk, report=lambda *report: reports.append(report)) as journal:
            waiters.append(journal, 0)
            await waiters.all()
            (first,) = world.files(tmp_path)
            disk.fail(call, first, error)
            before = len(disk.calls)
            for number in range(1, 30):
                waiters.append(journal, number)
            await waiters.all()
            # The failed call was the last that the first segment's descriptor saw but its close.
            assert disk.calls[before:].count("close") == 1
            assert disk.calls[before : disk.calls.index("close", before)].count(call) == 1
        assert waiters.acknowledged == list(range(30))
        assert not waiters.refused
        assert [report[0] for report in reports] == ["a segment of the audit journal failed"]

    world.run(scenario)
    first, second = sorted(world.files(tmp_path), key=lambda path: world.bodies(path)[0]["previous"] is not None)
    header = world.bodies(second)[0]
    assert header["previous"]["name"] in first.name
    assert header["previous"] | {"mac": ""} == header["previous"] | {"sequence": 1, "mac": "", "failed": True}
    assert [body["eventID"] for body in world.bodies(second) if "eventID" in body] == [
        world.event_id(number) for number in range(1, 30)
    ]


def test_the_fallback_directories_are_tried_in_turn(tmp_path: Path) -> None:
    disk = Disk()
    places = [tmp_path / name for name in ("first", "second", "third")]
    for place in places:
        place.mkdir()

    async def scenario() -> None:
        waiters = Waiters()
        with world.journal(places[0], io=disk, fallbacks=places[1:]) as journal:
            waiters.append(journal, 0)
            await waiters.all()
            disk.fail("fdatasync", places[0])
            disk.fail("open", places[1])
            for number in range(1, 5):
                waiters.append(journal, number)
            await waiters.all()
            assert not journal.refusing
        assert waiters.acknowledged == list(range(5))

    world.run(scenario)
    assert [len(world.files(place)) for place in places] == [1, 0, 1]
    assert world.events(places[2]) == [world.event_id(number) for number in range(1, 5)]


def test_when_no_directory_takes_a_segment_all_that_wait_are_told_and_a_probe_ends_it(tmp_path: Path) -> None:
    disk = Disk()

    async def scenario() -> None:
        waiters = Waiters()
        with world.journal(tmp_path, io=disk, probe_interval=0.01) as journal:
            waiters.append(journal, 0)
            await waiters.all()
            disk.fail("fdatasync")
            for number in range(1, 10):
                waiters.append(journal, number)
            await waiters.all()
            assert list(waiters.refused) == list(range(1, 10))
            assert all(isinstance(error, JournalUnavailable) for error in waiters.refused.values())
            assert all(isinstance(error.__cause__, OSError) for error in waiters.refused.values())
            waiters.append(journal, 10)
            await waiters.all()
            assert 10 in waiters.refused
            await asyncio.sleep(0.05)
            assert len(world.files(tmp_path)) == 1, "a probe that fails leaves no file"
            disk.mend()
            while journal.refusing:
                await asyncio.sleep(0.005)
            for number in range(11, 15):
                waiters.append(journal, number)
            await waiters.all()
        assert waiters.acknowledged == [0, *range(11, 15)]

    world.run(scenario)


def test_probes_keep_their_interval(tmp_path: Path) -> None:
    disk = Disk()

    async def scenario() -> int:
        waiters = Waiters()
        with world.journal(tmp_path, io=disk, probe_interval=0.1) as journal:
            disk.fail("fdatasync")
            disk.fail("open")
            waiters.append(journal, 0)
            await waiters.all()
            disk.calls.clear()
            for _ in range(30):
                waiters.append(journal, 1)
                await asyncio.sleep(0.01)
            return disk.calls.count("open")

    assert 1 <= world.run(scenario) <= 4


def test_a_fault_of_our_own_refuses_instead_of_pretending(tmp_path: Path) -> None:
    class Broken(Disk):
        def fdatasync(self, descriptor: int) -> None:
            if len(self.content) == 1 and self.synced[self.paths[descriptor]]:
                raise RuntimeError("not a disk's error")
            super().fdatasync(descriptor)

    async def scenario() -> None:
        waiters = Waiters()
        with world.journal(tmp_path, io=Broken(), probe_interval=0.01) as journal:
            waiters.append(journal, 0)
            await waiters.all()
            assert list(waiters.refused) == [0]
            while journal.refusing:
                await asyncio.sleep(0.005)
            waiters.append(journal, 1)
            await waiters.all()
            assert waiters.acknowledged == [1]

    world.run(scenario)


def test_a_segment_ends_by_size_or_age_and_the_next_names_its_last_line(tmp_path: Path) -> None:
    turns: list[int] = []

    async def scenario(place: Path, **settings: Any) -> None:
        waiters = Waiters()
        with world.journal(place, turned=lambda: turns.append(1), **settings) as journal:
            for number in range(10):
                waiters.append(journal, number)
                await waiters.all()

    world.run(lambda: scenario(tmp_path / "size", segment_bytes=800))
    world.run(lambda: scenario(tmp_path / "age", segment_seconds=3.0, clock=world.Clock(step=1.0)))
    for place in (tmp_path / "size", tmp_path / "age"):
        assert sorted(world.events(place)) == [world.event_id(number) for number in range(10)]
        segments = world.files(place)
        assert len(segments) > 2
        macs = {}
        for path in segments:
            number, mac, body = world.lines(path)[-1].split(b" ", 2)
            assert body == b'{"keystead":"end"}\n'
            name = path.name.removeprefix("segment-").removesuffix(".jsonl")
            macs[name] = {"name": name, "sequence": int(number), "mac": mac.decode(), "failed": False}
        links = [world.bodies(path)[0]["previous"] for path in segments]
        assert links.count(None) == 1
        assert all(link is None or macs[link["name"]] == link for link in links)
    assert len(turns) == sum(len(world.files(tmp_path / place)) - 1 for place in ("size", "age"))


def test_a_key_that_cannot_be_had_leaves_the_segment_as_it_was(tmp_path: Path) -> None:
    missing = [False]

    def key(label: bytes) -> bytes:
        if missing[0]:
            raise RuntimeError("no key")
        return world.key_for(label)

    async def scenario() -> None:
        waiters = Waiters()
        with world.journal(tmp_path, key=key, segment_bytes=1) as journal:
            waiters.append(journal, 0)
            await waiters.all()
            missing[0] = True
            with pytest.raises(RuntimeError, match="no key"):
                journal.append(world.line(1), lambda _: None)
            missing[0] = False
            waiters.append(journal, 2)
            await waiters.all()
            assert waiters.acknowledged == [0, 2]

    world.run(scenario)
    assert sorted(world.events(tmp_path)) == [world.event_id(0), world.event_id(2)]
    report = verify(tmp_path, world.key_for)
    assert report.intact
    assert report.segments == 2


def test_the_head_is_published_before_anybody_is_told(tmp_path: Path) -> None:
    shared = heads()
    published: list[int] = []

    async def scenario() -> None:
        with world.journal(tmp_path, 2, heads=shared) as journal:
            for number in range(5):
                journal.append(world.line(number), lambda _: published.append(shared.read(2).sequence))  # type: ignore[union-attr]
                await asyncio.sleep(0.01)

    world.run(scenario)
    assert published == [1, 2, 3, 4, 5]
    last = shared.read(2)
    assert last is not None
    assert last.size == world.files(tmp_path)[0].stat().st_size
    assert shared.read(0) is None


def test_a_restarted_worker_names_the_head_of_the_one_that_died(tmp_path: Path) -> None:
    shared = heads()
    died = Head("20260101T000000Z-1-00", 7, b"\7" * 32, 1234)
    shared.publish(1, died)

    async def scenario() -> None:
        with world.journal(tmp_path, 1, heads=shared) as journal:
            waiters = Waiters()
            waiters.append(journal, 0)
            await waiters.all()

    world.run(scenario)
    header = world.bodies(world.files(tmp_path)[0])[0]
    assert header["previous"] == {"name": died.name, "sequence": 7, "mac": died.mac.hex(), "failed": False}


def test_a_segment_without_a_record_is_taken_away(tmp_path: Path) -> None:
    async def scenario() -> None:
        with world.journal(tmp_path):
            assert len(world.files(tmp_path)) == 1

    world.run(scenario)
    assert world.files(tmp_path) == []


def test_close_gives_every_acknowledgement_and_refuses_what_comes_later(tmp_path: Path) -> None:
    async def scenario() -> None:
        waiters = Waiters()
        with world.journal(tmp_path) as journal:
            for number in range(100):
                waiters.append(journal, number)
            journal.close()
            assert waiters.acknowledged == list(range(100))
            waiters.append(journal, 100)
            await waiters.all()
            assert isinstance(waiters.refused[100], JournalUnavailable)

    world.run(scenario)
    assert world.bodies(world.files(tmp_path)[0])[-1] == {"keystead": "end"}


def test_one_broken_acknowledgement_does_not_keep_the_others_waiting(tmp_path: Path) -> None:
    async def scenario() -> None:
        loop = asyncio.get_running_loop()
        complaints: list[Any] = []
        loop.set_exception_handler(lambda _, context: complaints.append(context["exception"]))
        waiters = Waiters()
        with world.journal(tmp_path) as journal:
            journal.append(world.line(0), lambda _: 1 / 0)  # type: ignore[arg-type, return-value]
            waiters.append(journal, 1)
            await waiters.all()
        assert waiters.acknowledged == [1]
        assert [type(complaint) for complaint in complaints] == [ZeroDivisionError]

    world.run(scenario)


@pytest.mark.parametrize("record", [b'{"a":1}\n', b'{"keystead":"end"}', b'"' + b"x" * (1 << 20) + b'"'])
def test_a_record_that_could_be_taken_for_something_else_is_not_taken(tmp_path: Path, record: bytes) -> None:
    async def scenario() -> None:
        with world.journal(tmp_path) as journal, pytest.raises(ValueError, match="one line of JSON"):
            journal.append(record, lambda _: None)

    world.run(scenario)


def test_opening_fails_aloud_when_no_directory_takes_a_segment(tmp_path: Path) -> None:
    disk = Disk()
    disk.fail("fsync_dir", "", errno.ENOSPC)

    async def scenario() -> None:
        with pytest.raises(OSError, match="injected"):
            Journal(tmp_path, 0, world.key_for, heads(), world.Clock(), random.Random(0).randbytes, io=disk)

    world.run(scenario)
    assert world.files(tmp_path) == []


def test_only_the_owner_may_read_a_segment(tmp_path: Path) -> None:
    async def scenario() -> None:
        with world.journal(tmp_path):
            (path,) = world.files(tmp_path)
            assert path.stat().st_mode & 0o777 == 0o600

    world.run(scenario)
