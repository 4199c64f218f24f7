"""Worker processes that are killed: what they acknowledged is there, and the next process holds what they left."""

from __future__ import annotations

import asyncio
import multiprocessing
import os
import random
import time
from pathlib import Path

import pytest
from tests.audit import world

from keystead.audit.heads import Heads
from keystead.audit.journal import Journal
from keystead.audit.verify import Kind, verify

pytestmark = pytest.mark.filterwarnings("ignore:.*fork.*:DeprecationWarning")


def work(directory: Path, worker: int, heads: Heads, first: int, acknowledged: int) -> None:
    """A worker that appends until it is killed, eight records at a time, and tells a pipe what was acknowledged."""

    async def scenario() -> None:
        journal = Journal(directory, worker, world.key_for, heads, time.time, os.urandom, segment_bytes=20_000)
        number = first

        def append() -> None:
            nonlocal number
            mine = number
            number += 1
            journal.append(world.line(mine), lambda error: told(mine, error))

        def told(mine: int, error: BaseException | None) -> None:
            assert error is None
            os.write(acknowledged, b"%d\n" % mine)
            append()

        for _ in range(8):
            append()
        await asyncio.sleep(3600)

    asyncio.run(scenario())


def test_killed_workers_lose_nothing_they_acknowledged(tmp_path: Path) -> None:
    context = multiprocessing.get_context("fork")
    chance = random.Random(5)
    heads = Heads.shared(2)
    reader, writer = os.pipe()
    os.set_blocking(reader, False)
    told = b""
    with world.seals(tmp_path, heads, clock=time.time, random=os.urandom, interval=0.02):
        workers = {
            worker: context.Process(target=work, args=(tmp_path, worker, heads, worker * 1_000_000, writer))
            for worker in range(2)
        }
        for process in workers.values():
            process.start()
        for start in range(1, 7):
            until = time.monotonic() + chance.uniform(0.1, 0.3)
            while time.monotonic() < until or not heads.read(start % 2):
                told += read_all(reader)
                time.sleep(0.005)
            victim = workers[start % 2]
            victim.kill()
            victim.join(20)
            first = start * 10_000_000
            workers[start % 2] = context.Process(target=work, args=(tmp_path, start % 2, heads, first, writer))
            workers[start % 2].start()
        for process in workers.values():
            process.kill()
            process.join(20)
        last = [heads.read(worker) for worker in range(2)]
    told += read_all(reader)
    os.close(reader)
    os.close(writer)
    acknowledged = {int(number) for number in told.split()}
    assert len(acknowledged) > 50
    written = set(world.events(tmp_path))
    assert not {number for number in acknowledged if world.event_id(number) not in written}
    report = verify(tmp_path, world.key_for)
    assert report.intact, report.tampering
    # Every head that a dead worker left in its slot is covered, by a seal or by the next worker's header.
    tails = {finding.file.name: finding for finding in report.findings if finding.kind is Kind.UNSEALED_TAIL}
    for head in last:
        assert head is not None
        finding = tails.get(f"segment-{head.name}.jsonl")
        assert finding is None or finding.sequence > head.sequence
    # A worker may have been killed between making a file and writing its header.
    bodies = [world.bodies(path) for path in world.files(tmp_path, "segment")]
    linked = [body[0]["previous"] for body in bodies if body]
    assert sum(link is not None for link in linked) >= 6


def read_all(reader: int) -> bytes:
    found = b""
    while True:
        try:
            some = os.read(reader, 65_536)
        except BlockingIOError:
            return found
        if not some:
            return found
        found += some
