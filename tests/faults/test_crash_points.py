"""kill -9 at exact points between a change and its reply: the change is there with one record, or neither is.

The points (`programs/deaths.py` says where they are) are struck in one life one after the other, in workers of two
processes, while one client or several are at work; then everything is killed and examined as in test_crash.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.faults import running
from tests.faults.conftest import Start
from tests.faults.ledger import Examination, Gap
from tests.faults.life import Life

# Points in the life of a change, and whether it comes true when its worker dies there.
OF_A_CHANGE = {"in-transaction": 0, "committed": 1, "published": 1, "acknowledged": 1}

# Points of the journal's writer, where reads wait too, and the one behind the reply.
OF_A_RECORD = ["half-written", "written", "durable", "replied"]


def struck(start: Start, tmp_path: Path, *deaths: str, clients: int = 6, faults: tuple[str, ...] = ()) -> Examination:
    """One life in which every one of ``deaths`` (``point:pass``) came about."""
    markers = {death: tmp_path / death.replace(":", "-") for death in deaths}
    life = Life(start, *faults, *(f"die={death}:{marker}" for death, marker in markers.items()), clients=clients)
    with life.load:
        for death, marker in markers.items():
            running.soon(lambda marker=marker: marker.exists() or life.faulty, f"{death} strikes")
        for worker in range(life.server.workers):
            running.wire_to(life.server, worker).close()  # whoever died has been replaced
        life.busy(20)
        life.load.end()  # so that no other call is lost than the one that was struck
        return life.examined()


def test_a_change_whose_worker_dies_is_there_with_its_record_once_it_was_committed(
    start: Start, tmp_path: Path
) -> None:
    """There is one client: of its calls exactly those are lost that were struck."""
    deaths = [f"{point}:{passes}" for passes, point in enumerate(OF_A_CHANGE, 4)]
    found = struck(start, tmp_path, *deaths, clients=1)
    assert found.lost == len(deaths)
    assert found.recovered == sum(OF_A_CHANGE.values())


def test_a_record_whose_writer_dies_is_there_once_or_was_not_acknowledged(start: Start, tmp_path: Path) -> None:
    deaths = [f"{point}:{passes}" for passes, point in enumerate(OF_A_RECORD, 9)]
    assert struck(start, tmp_path, *deaths, clients=1).lost == len(deaths)


@pytest.mark.nightly
@pytest.mark.parametrize("point", [*OF_A_CHANGE, *OF_A_RECORD])
@pytest.mark.parametrize("times", [3, 11, 30, 60])
def test_changes_whose_worker_dies_are_there_with_one_record_or_not_at_all(
    start: Start, tmp_path: Path, point: str, times: int
) -> None:
    assert struck(start, tmp_path, f"{point}:{times}").lost > 0


def test_recovery_that_dies_is_finished_by_the_next_worker(start: Start, tmp_path: Path) -> None:
    found = struck(start, tmp_path, "committed:7", "recovered:1")
    assert found.recovered > 0


@pytest.mark.parametrize(
    ("fault", "point", "gap"),
    [
        ("forgets-records", "committed", "the journal says"),
        ("repeats-records", "acknowledged", "more than once"),
    ],
)
def test_a_recovery_that_does_too_little_or_too_much_is_caught(
    start: Start, tmp_path: Path, fault: str, point: str, gap: str
) -> None:
    with pytest.raises(Gap, match=gap):
        struck(start, tmp_path, f"{point}:2", faults=(fault,))  # so early that it is a CreateKey
