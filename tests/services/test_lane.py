"""Lanes: threads that do what has its turn, tell what came of it, and end."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Awaitable, Callable
from functools import partial

import pytest

from keystead import errors
from keystead.services.lane import Lane, Outcome
from keystead.services.turns import Seat
from tests.services.office import Peer

WAIT = 10.0


class Scene:
    """A lane of one thread, held up by the first thing it was given until `go_on`."""

    def __init__(self, room: int) -> None:
        self.lane = Lane("scene", 1, room, asyncio.get_running_loop())
        self.order: list[str] = []
        self.told: list[tuple[str, object]] = []
        self._go_on = threading.Event()
        self._held = threading.Event()

    async def hold(self) -> None:
        self.begin("held", do=self._hold)
        await asyncio.to_thread(self._held.wait, WAIT)

    def _hold(self) -> None:
        self._held.set()
        assert self._go_on.wait(WAIT)

    def begin(
        self, what: str, account: str | None = "A", peer: Peer | None = None, do: Callable[[], None] | None = None
    ) -> None:
        chosen = None if account is None else Seat(account, "principal", peer or Peer())
        self.lane.begin(do or partial(self.order.append, what), partial(self._told, what), chosen)

    def _told(self, what: str, outcome: Outcome) -> None:
        error = outcome.error
        self.told.append((what, error.code if isinstance(error, errors.Refusal) else error))

    async def go_on(self) -> None:
        self._go_on.set()
        while not self.lane.idle or len(self.told) < len(self.order) + 1:
            await asyncio.sleep(0.002)

    def go_on_soon(self) -> None:
        threading.Timer(0.05, self._go_on.set).start()


def play(story: Callable[[Scene], Awaitable[None]], room: int = 8) -> None:
    async def main() -> None:
        scene = Scene(room)
        try:
            await asyncio.wait_for(story(scene), 2 * WAIT)
        finally:
            scene.go_on_soon()
            scene.lane.close()

    asyncio.run(main())


def test_a_caller_waits_for_one_turn_of_another_account_however_much_that_one_has_waiting() -> None:
    async def story(scene: Scene) -> None:
        await scene.hold()
        for number in range(5):
            scene.begin(f"A{number}")
        scene.begin("B", "B")
        scene.begin("own", None)
        await scene.go_on()
        assert scene.order == ["own", "A0", "B", "A1", "A2", "A3", "A4"]
        assert [what for what, error in scene.told if error is None] == ["held", *scene.order]

    play(story)


def test_a_full_lane_refuses_whoever_takes_most_and_tells_those_that_give_way() -> None:
    async def story(scene: Scene) -> None:
        await scene.hold()
        for number in range(7):
            scene.begin(f"A{number}")
        with pytest.raises(errors.Refusal) as refused:
            scene.begin("A7")
        assert refused.value.code == "ThrottlingException"
        scene.begin("B", "B")
        scene.begin("own", None)
        assert scene.told == []  # nobody hears anything before his own call has gone its way
        await asyncio.sleep(0)
        assert scene.told == [("A6", "ThrottlingException")]
        await scene.go_on()
        assert scene.order == ["own", "A0", "B", "A1", "A2", "A3", "A4", "A5"]

    play(story)


def test_nothing_is_done_for_callers_that_are_gone_and_their_record_can_be_made() -> None:
    async def story(scene: Scene) -> None:
        await scene.hold()
        peers = [Peer() for _ in range(6)]
        for number, peer in enumerate(peers):
            scene.begin(f"A{number}", peer=peer)
        for peer in peers[:5]:
            peer.gone = True
        await scene.go_on()
        assert scene.order == ["A5"]
        while len(scene.told) < 7:
            await asyncio.sleep(0.002)
        assert [one for one in scene.told if one[1] is not None] == [
            (f"A{number}", "RequestAbortedException") for number in range(5)
        ]

    play(story)


def test_a_lane_is_idle_again_only_when_what_was_done_has_been_told() -> None:
    async def story(scene: Scene) -> None:
        done = threading.Event()
        assert scene.lane.idle
        scene.begin("A", do=done.set)
        assert done.wait(WAIT)  # and nothing is told while the loop waits here
        assert not scene.lane.idle
        while not scene.told:
            await asyncio.sleep(0.002)
        assert scene.lane.idle

    play(story)


def test_a_lane_that_closes_does_keysteads_own_work_forgets_what_waits_for_callers_and_leaves_no_thread() -> None:
    async def story(scene: Scene) -> None:
        await scene.hold()
        scene.begin("A")
        scene.begin("own", None)
        scene.begin("B", "B")
        scene.go_on_soon()
        scene.lane.close()
        assert scene.order == ["own"]
        await asyncio.sleep(0.02)
        assert scene.told == []
        assert not [thread for thread in threading.enumerate() if thread.name.startswith("keystead-scene")]

    play(story)


def test_an_outcome_shows_nothing_of_what_was_made() -> None:
    assert "secret" not in repr(Outcome("secret"))
