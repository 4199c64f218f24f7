"""Verification of a journal in use: what is written during the walk is never taken for tampering."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from tests.audit import world

from keystead.audit import verify as module
from keystead.audit.findings import Report


def look(directory: Path) -> Report:
    return module.verify(directory, world.key_for)


def test_a_journal_in_use_may_be_verified(tmp_path: Path) -> None:
    """Files grow, segments and files of seals begin while the walk is under way; none of that is tampering."""

    async def scenario() -> None:
        heads = world.Heads(bytearray(world.Heads.size(4)), 4)
        waiters = world.Waiters()
        with (
            world.journal(tmp_path, heads=heads, segment_bytes=4_000) as journal,
            world.seals(tmp_path, heads, interval=0.001, seals_bytes=1_500),
        ):
            for number in range(600):
                waiters.append(journal, number)
                if number % 4 == 0:
                    await waiters.all()
                if number % 30 == 0:
                    report = await world.asyncio.to_thread(look, tmp_path)
                    assert report.intact, report.tampering
            await waiters.all()

    world.run(scenario)
    assert look(tmp_path).intact


def test_a_journal_may_go_on_at_any_step_of_the_walk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The same, step by step: before its first, second, third… walk over a file the journal has become a longer one."""
    before, after, place = tmp_path / "before", tmp_path / "after", tmp_path / "place"

    async def scenario() -> None:
        heads = world.Heads(bytearray(world.Heads.size(4)), 4)
        waiters = world.Waiters()
        live = tmp_path / "live"
        with world.journal(live, heads=heads, segment_bytes=2_000) as journal:
            for count, copy in ((60, before), (90, after)):
                with world.seals(live, heads, interval=0.001, seals_bytes=700):
                    for number in range(count):
                        waiters.append(journal, number)
                        await waiters.all()
                shutil.copytree(live, copy)  # no seal is written meanwhile: a copy of one moment

    world.run(scenario)
    walk = module._Verification._walk
    walked: list[Path] = []
    goes_on_at = 0

    def step(self: module._Verification, file: module._File) -> object:
        if len(walked) == goes_on_at:
            shutil.copytree(after, place, dirs_exist_ok=True)
        walked.append(file.path)
        return walk(self, file)

    monkeypatch.setattr(module._Verification, "_walk", step)
    while goes_on_at <= len(walked):
        shutil.rmtree(place, ignore_errors=True)
        shutil.copytree(before, place)
        walked.clear()
        report = look(place)
        assert report.intact, (goes_on_at, report.tampering)
        goes_on_at += 1
    assert goes_on_at > 5
    assert len(list(after.iterdir())) > len(list(before.iterdir())) + 4
