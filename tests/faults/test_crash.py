"""kill -9 of workers and supervisors under load, at any moment: nothing acknowledged is lost, nothing changed without a
record, and the journal verifies (promises 1 and 2).

The planted faults at the end are caught by the same examination.
"""

from __future__ import annotations

import time
from collections.abc import Callable

import pytest

from tests.faults.conftest import Start
from tests.faults.ledger import DONE, LOST, Examination, Gap
from tests.faults.life import Life
from tests.faults.load import Client
from tests.faults.staff import Staff


def live(life: Life, workers: int, supervisors: int, calls: int) -> Examination:
    """Kill so many workers and supervisors by chance, with about ``calls`` calls between two kills."""
    kills: list[Callable[[], None]] = [life.kill_worker] * workers
    kills += [life.kill_supervisor, life.kill_all] * (supervisors // 2)
    life.chance.shuffle(kills)
    with life.load:
        for strike in kills:
            life.busy(life.chance.randrange(calls // 2, calls))
            time.sleep(life.chance.random() / 100)
            strike()
        life.busy(calls)
        return life.examined()


def test_nothing_acknowledged_is_lost_when_workers_and_supervisors_are_killed(start: Start) -> None:
    found = live(Life(start), workers=6, supervisors=2, calls=80)
    assert found.done > 300
    assert found.lost > 0
    assert {place for place, _ in found.values()} == {"key", "state", "tag", "alias"}
    assert any(page.ciphertexts for page in found.pages)
    outcomes = {entry.outcome for page in found.pages for entry in page.entries}
    assert outcomes >= {DONE, LOST, "DisabledException", "KMSInvalidStateException"}


def test_users_groups_and_roles_are_whole_when_workers_and_supervisors_are_killed(start: Start) -> None:
    found = live(Life(start, kind=Staff), workers=6, supervisors=2, calls=80)
    assert found.done > 300
    assert found.lost > 0
    kinds = {"User", "Role", "group", "member", "access key", "attached to User", "attached to Role"}
    assert {place for place, _ in found.values()} == kinds
    done = {entry.operation for page in found.pages for entry in page.entries if entry.outcome == DONE}
    assert done >= {"CreateUser", "AttachRolePolicy", "CreateAccessKey", "DeleteAccessKey", "DeleteUser", "DeleteRole"}


@pytest.mark.nightly
@pytest.mark.parametrize("kind", [Client, Staff])
@pytest.mark.parametrize("seed", range(6))
def test_nothing_acknowledged_is_lost_in_hundreds_of_kills(start: Start, seed: int, kind: type[Client]) -> None:
    found = live(Life(start, seed=100 + seed, kind=kind), workers=60, supervisors=10, calls=120)
    print(f"{found.done} done, {found.lost} lost, {found.recovered} of them came true")
    assert found.lost > 0


@pytest.mark.parametrize(
    ("fault", "gap"),
    [
        ("forgets-changes", "the journal says"),
        ("skips-records", "has 0 records|the journal says"),
    ],
)
@pytest.mark.parametrize("kind", [Client, Staff])
def test_a_planted_fault_is_caught(start: Start, fault: str, gap: str, kind: type[Client]) -> None:
    life = Life(start, fault, kind=kind)
    with pytest.raises(Gap, match=gap):
        live(life, workers=0, supervisors=0, calls=60)
