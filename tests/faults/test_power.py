"""Acknowledged records survive a power cut of the whole server, and the seals do not outlive what they seal.

A server under load is killed, its journal is cut back to what was synced (`power`), another server starts on that and
is examined. Forgotten syncs are caught: in the journal's writer, and in the recovery that reads what a killed worker
left unsynced.
"""

from __future__ import annotations

import random
from pathlib import Path

import pytest

from tests.faults import power, running
from tests.faults.conftest import Start
from tests.faults.ledger import Examination
from tests.faults.life import Life
from tests.faults.load import Client
from tests.faults.staff import Staff
from tests.faults.store import torn


def cut_under_load(
    start: Start,
    tmp_path: Path,
    sync: str = "synced",
    *,
    deaths: tuple[str, ...] = (),
    faults: tuple[str, ...] = (),
    calls: int = 150,
    chance: random.Random | None = None,
    kind: type[Client] = Client,
) -> Examination:
    """Load, deaths of workers, the cut, and the examination of the server that starts behind it."""
    log = tmp_path / "synced"
    markers = {death: tmp_path / death.replace(":", "-") for death in deaths}
    dying = [f"die={death}:{marker}" for death, marker in markers.items()]
    life = Life(start, f"{sync}={log}", *faults, *dying, kind=kind)
    with life.load:
        for death, marker in markers.items():
            running.soon(lambda marker=marker: marker.exists() or life.faulty, f"{death} strikes")
        life.busy(calls)
        running.kill_everything(life.server)
        life.gone()
        life.load.end()
    home = power.cut(life.server.home, log, tmp_path / "cut", chance)
    server = start(home=home)
    running.verified(server)
    with running.connected(server) as wire:
        examination = Examination(life.load.pages, server.data / "journal")
        examination.compare_with(wire, life.load.held)
    assert not torn(server.data / "keystead.db")
    return examination


def test_users_groups_and_roles_survive_a_power_cut(start: Start, tmp_path: Path) -> None:
    deaths = ("committed:20", "written:40")
    assert cut_under_load(start, tmp_path, deaths=deaths, chance=random.Random(1), kind=Staff).done > 50


@pytest.mark.parametrize("seed", [None, 1])
def test_acknowledged_records_survive_a_power_cut(start: Start, tmp_path: Path, seed: int | None) -> None:
    found = cut_under_load(start, tmp_path, chance=None if seed is None else random.Random(seed))
    assert found.done > 50


def test_records_that_a_killed_worker_left_unsynced_survive_a_power_cut(start: Start, tmp_path: Path) -> None:
    deaths = ("written:20", "written:40", "half-written:60")
    assert cut_under_load(start, tmp_path, deaths=deaths).lost > 0


@pytest.mark.nightly
@pytest.mark.parametrize("seed", range(20))
def test_acknowledged_records_survive_many_power_cuts(start: Start, tmp_path: Path, seed: int) -> None:
    chance = random.Random(seed)
    points = ["written", "half-written", "durable", "committed", "acknowledged", "replied"]
    deaths = tuple(f"{chance.choice(points)}:{passes}" for passes in (10, 40, 90))
    calls = chance.randrange(50, 400)
    cut_under_load(start, tmp_path, deaths=deaths, calls=calls, chance=chance, kind=Staff if seed % 2 else Client)


def test_a_journal_that_does_not_sync_is_caught(start: Start, tmp_path: Path) -> None:
    """Records are missed, or before that the lines that a seal names."""
    with pytest.raises(AssertionError, match=r'was answered and has 0 records|"truncated"'):
        cut_under_load(start, tmp_path, "lazy")


def test_a_recovery_that_does_not_sync_is_caught(start: Start, tmp_path: Path) -> None:
    """Either the record is missed, whose outbox row is gone, or the line that was sealed without being there."""
    with pytest.raises(AssertionError, match=r'the journal says|"truncated"'):
        cut_under_load(
            start, tmp_path, deaths=("written:20", "written:30", "written:40"), faults=("unsettled",), calls=20
        )
