"""When a change returns, no call that begins later sees what was before it, in any worker process (promise 3).

Two workers, killed at random meanwhile; the history of all calls is judged by `history`, which has tests of its own.
What is revoked, and from whom, is in `subjects` and `standing`. Delays of the epoch and of a worker's look at it are
planted and caught, and workers that do not forget what has changed.
"""

from __future__ import annotations

import contextlib
import json
import random
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

import pytest

from tests.faults import running
from tests.faults.conftest import Start
from tests.faults.history import Verdict, judge
from tests.faults.ledger import records
from tests.faults.race import Race
from tests.server import Server


@pytest.fixture(autouse=True)
def threads_take_turns_often() -> Iterator[None]:
    """A thread that has its answer must not wait 5 ms for the interpreter to write down when that was."""
    before = sys.getswitchinterval()
    sys.setswitchinterval(0.0002)
    yield
    sys.setswitchinterval(before)


CALLS = 50_000
BETWEEN_KILLS = 1_000


def raced(server: Server, calls: int, *, kills: bool, seed: int = 1) -> tuple[Verdict, int]:
    """What the history of so many calls is worth, and how many workers were killed."""
    chance = random.Random(seed)
    killed = []

    def meanwhile(made: int) -> None:
        if kills and made > len(killed) * BETWEEN_KILLS + chance.randrange(BETWEEN_KILLS):
            workers = server.worker_pids()
            if workers:
                killed.append(chance.choice(workers))
                running.kill(killed[-1])

    race = Race(server, seed=seed)
    return judge(race.run(calls, 60 + calls / 200, meanwhile)), len(killed)


def examined(server: Server, calls: int, *, kills: bool, seed: int = 1) -> str:
    """Nobody saw what was over, both workers answered, and the history could have shown it."""
    verdict, killed = raced(server, calls, kills=kills, seed=seed)
    figures = (
        f"revocation: {verdict.reads:,} calls, {verdict.writes:,} changes, {killed} workers killed; {verdict.decisive:,} calls had "
        f"one value to see, {verdict.sharp:,} of them began within 1 ms of a change's answer"
    )
    assert not verdict.violations, (
        f"{figures}; {len(verdict.violations)} violations, the first: {verdict.violations[0]}"
    )
    assert verdict.reads >= calls
    assert verdict.decisive > verdict.reads / 4
    assert verdict.sharp > calls / 20
    by_worker = Counter(record.worker for record in records(server.data / "journal") if record.name == "race")
    assert set(by_worker) == {0, 1}
    assert min(by_worker.values()) > verdict.reads / 10
    return figures


def test_nobody_uses_what_was_revoked_while_workers_are_killed(start: Start, tally: Callable[[str], None]) -> None:
    tally(examined(start("quick"), CALLS, kills=True))


@pytest.mark.nightly
@pytest.mark.parametrize("seed", range(20))
def test_nobody_uses_what_was_revoked_in_a_million_calls(start: Start, tally: Callable[[str], None], seed: int) -> None:
    tally(examined(start("quick"), CALLS, kills=seed > 0, seed=seed))


EVERYTHING = {
    *("state", "policy", "alias", "grant", "role grant"),
    *("own", "attached", "boundary", "membership", "group policy", "default version"),
    *("role policy", "sessions", "access key", "deleted access key", "deleted role"),
}
#: Read anew for each call, so that nothing that is remembered can be late.
NEVER_REMEMBERED = "trust"

PLANTED = {
    "late-epoch=0.02": EVERYTHING,
    "stale-snapshot=0.02": EVERYTHING,
    "remembers=principal": {"own", "attached", "boundary", "membership", "role policy", "sessions", "deleted role"},
    "remembers=group": {"group policy"},
    "remembers=policy": {"default version"},
    "remembers=access_key": {"access key", "deleted access key"},
}


@pytest.mark.parametrize("fault", PLANTED)
def test_a_planted_fault_is_caught_by_all_that_it_makes_late(start: Start, fault: str) -> None:
    """A delay of 20 ms, and workers that do not forget what the change log says of one kind."""
    race = Race(start(fault))
    accused: set[str] = set()
    for _ in range(20):  # how much is caught by how many calls is a matter of the machine
        verdict = judge(race.run(500, 60, lambda _: None))
        accused = {violation.register for violation in verdict.violations}
        if accused >= PLANTED[fault]:
            break
    assert accused == PLANTED[fault]


# --- what is committed and not yet answered ---------------------------------------------------------------------------


class Resting:
    """Worker 0 is resting between its commit of ``change`` and all that follows; nobody has had an answer. It has the
    key in memory, where nothing has changed; worker 1 too, if the key is ``known`` to it. ``busy`` waits for the
    answer."""

    def __init__(self, server: Server, closing: contextlib.ExitStack, change: str, known: bool, **members: Any) -> None:
        self.busy, self.behind = (closing.enter_context(running.wire_to(server, 0)) for _ in range(2))
        self.beside = closing.enter_context(running.wire_to(server, 1))
        self.key = self.beside.call("CreateKey").json["KeyMetadata"]["KeyId"]
        for wire in (self.behind, self.beside)[: 1 + known]:
            assert wire.call("Encrypt", KeyId=self.key, Plaintext="aGVsbG8=").ok
        self.beside.call("ListKeys")  # it has caught up with all that was done before
        request = json.dumps({"KeyId": self.key, **members}).encode()
        self.busy.send(running.signer(server).request(change, request))
        self.until = time.monotonic() + RESTS
        time.sleep(RESTS / 4)

    def seen_behind(self) -> str:
        """What a call to the resting worker is refused with."""
        answer = self.behind.call("Encrypt", KeyId=self.key, Plaintext="aGVsbG8=")
        assert time.monotonic() < self.until, "too slow to tell: the worker rests no longer"
        return answer.code


RESTS = 2.0


@pytest.fixture
def resting(start: Start) -> Iterator[Callable[..., Resting]]:
    server = start(f"late-commit={RESTS}")
    with contextlib.ExitStack() as closing:
        yield partial(Resting, server, closing)


@pytest.mark.parametrize("known", [True, False], ids=["from memory", "from the store"])
def test_a_change_that_changed_nothing_says_so_on_a_published_epoch(
    resting: Callable[..., Resting], known: bool
) -> None:
    """DisableKey in the other worker finds the key disabled already: its answer is a promise all the same."""
    found = resting("DisableKey", known)
    assert found.seen_behind() == ""  # nobody was promised anything yet
    assert found.beside.call("DisableKey", KeyId=found.key).ok
    assert found.seen_behind() == "DisabledException"
    assert found.busy.receive().ok


@pytest.mark.parametrize("known", [True, False], ids=["from memory", "from the store"])
def test_a_change_that_is_refused_for_another_is_refused_on_a_published_epoch(
    resting: Callable[..., Resting], known: bool
) -> None:
    """Whoever hears that the key is pending deletion may rely on it, though the one who asked for that has no answer
    yet."""
    found = resting("ScheduleKeyDeletion", known, PendingWindowInDays=7)
    refused = found.beside.call("ScheduleKeyDeletion", KeyId=found.key, PendingWindowInDays=7)
    assert refused.code == "KMSInvalidStateException"
    assert found.seen_behind() == "KMSInvalidStateException"
    assert found.busy.receive().ok
