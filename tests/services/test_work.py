"""Slow work: done by threads, bounded, told once; and the calls that need none never meet it."""

from __future__ import annotations

import asyncio
import base64
import json
import threading
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from keystead import errors
from keystead.crypto.accepting import prove
from keystead.domain.key import KeyState
from keystead.model.generated.kms import GenerateRandomResponse
from keystead.services import change
from keystead.services.gate import Gate
from keystead.services.kms.operations import KMS
from keystead.services.lane import Outcome
from keystead.services.table import Row
from keystead.services.turns import Seat
from keystead.services.work import Work, Workshop
from tests.services.office import ACCOUNT, REGION, Office, Peer

X = base64.b64encode(b"x").decode()
WAIT = 10.0


def _random(do: Callable[[], Any], *, long: bool = False, remote: bool = False) -> Row:
    """GenerateRandom whose answer is the outcome of ``do``."""

    def function(call: Gate[Any]) -> Work:
        call.permit("kms:GenerateRandom")
        return Work(do, long=long, remote=remote)

    return replace(KMS.rows["GenerateRandom"], function=function)


def _begin(office: Office, row: Row) -> asyncio.Task[tuple[int, dict[str, Any]]]:
    return asyncio.create_task(office.call("GenerateRandom", row=row, NumberOfBytes=1))


class Latch:
    """Work that does not end before it is told to."""

    def __init__(self) -> None:
        self.opened = threading.Event()
        self.begun = 0

    def __call__(self) -> GenerateRandomResponse:
        self.begun += 1
        assert self.opened.wait(WAIT)
        return GenerateRandomResponse(plaintext=b"made")


def test_an_answer_made_by_a_thread_is_given_and_audited_like_any_other(play: Any) -> None:
    async def story(office: Office) -> None:
        loop_thread, threads = threading.get_ident(), []

        def do() -> GenerateRandomResponse:
            threads.append(threading.get_ident())
            return GenerateRandomResponse(plaintext=b"made")

        status, answer = await _begin(office, _random(do))
        assert (status, base64.b64decode(answer["Plaintext"])) == (200, b"made")
        assert len(threads) == 1
        assert threads[0] != loop_thread
        (record,) = office.journal.lines
        assert (record["eventName"], record.get("errorCode")) == ("GenerateRandom", None)

    play(story)


def test_no_work_is_done_for_whom_nothing_was_permitted(play: Any) -> None:
    async def story(office: Office) -> None:
        done = []
        careless = replace(KMS.rows["GenerateRandom"], function=lambda _call: Work(lambda: done.append(1)))
        status, answer = await office.call("GenerateRandom", row=careless, NumberOfBytes=1)
        assert (status, answer["__type"]) == (500, "KMSInternalException")
        status, answer = await office.call(
            "GenerateRandom", office.user("nobody"), row=_random(lambda: done.append(1)), NumberOfBytes=1
        )
        assert answer["__type"] == "AccessDeniedException"
        assert done == []

    play(story)


@pytest.mark.parametrize(
    ("raised", "code", "reported"),
    [
        (errors.invalid_ciphertext(), "InvalidCiphertextException", 0),
        (RuntimeError("a secret is in this text"), "KMSInternalException", 1),
    ],
)
def test_what_a_thread_raises_is_refused_as_if_the_function_had_raised_it(
    play: Any, raised: Exception, code: str, reported: int
) -> None:
    async def story(office: Office) -> None:
        def do() -> None:
            raise raised

        _, answer = await _begin(office, _random(do))
        assert answer["__type"] == code
        assert "secret" not in json.dumps(answer)
        assert office.journal.lines[-1]["errorCode"] == code
        assert "secret" not in json.dumps(office.journal.lines)
        assert len(office.reported) == reported

    play(story)


@pytest.mark.parametrize("long", [False, True])
def test_a_full_lane_refuses_in_words_that_sdks_try_again_after_and_takes_more_when_there_is_room(
    play: Any, long: bool
) -> None:
    async def story(office: Office) -> None:
        latch = Latch()
        waiting = [_begin(office, _random(latch, long=long)) for _ in range(4)]  # the office has room for four
        await asyncio.sleep(0)
        status, answer = await _begin(office, _random(latch, long=long))
        assert (status, answer["__type"]) == (400, "ThrottlingException")
        assert answer["message"].startswith("You have exceeded the rate at which you may call KMS.")
        assert office.journal.lines[-1]["errorCode"] == "ThrottlingException"
        latch.opened.set()
        assert {status for status, _ in await asyncio.gather(*waiting)} == {200}
        assert latch.begun == 4
        assert (await _begin(office, _random(latch, long=long)))[0] == 200

    play(story)


@pytest.mark.parametrize("lane", ["long", "remote"])
def test_symmetric_calls_and_quick_work_do_not_wait_behind_long_or_remote_work(play: Any, lane: str) -> None:
    async def story(office: Office) -> None:
        key = await office.make_key()
        latch = Latch()
        waiting = [_begin(office, _random(latch, **{lane: True})) for _ in range(4)]
        await asyncio.sleep(0)
        status, sealed = await office.call("Encrypt", KeyId=key["KeyId"], Plaintext=X)
        assert status == 200
        assert (await office.call("Decrypt", CiphertextBlob=sealed["CiphertextBlob"]))[0] == 200
        quick = GenerateRandomResponse(plaintext=b"quick")
        assert (await _begin(office, _random(lambda: quick)))[0] == 200
        if lane == "remote":
            assert (await _begin(office, _random(lambda: quick, long=True)))[0] == 200
        assert not any(one.done() for one in waiting)
        latch.opened.set()
        await asyncio.gather(*waiting)

    play(story)


def _disable(prepare: Callable[[], str], seen: list[Any]) -> Row:
    """DisableKey with something slow to be prepared."""

    def function(call: Gate[Any]) -> Work | change.Change:
        key = call.key(call.request.key_id)
        if call.prepared is None:
            return Work(prepare)
        seen.append(call.prepared)
        return change.keep(replace(key, state=KeyState.DISABLED, description=call.prepared))

    return replace(KMS.rows["DisableKey"], function=function)


def test_a_mutation_is_prepared_once_before_its_transaction_and_finds_what_was_made_in_it(play: Any) -> None:
    async def story(office: Office) -> None:
        key, made, seen = await office.make_key(), [], list[Any]()

        def prepare() -> str:
            made.append(1)
            return "prepared"

        status, _ = await office.call("DisableKey", row=_disable(prepare, seen), KeyId=key["KeyId"])
        assert (status, made, seen) == (200, [1], ["prepared"])
        stored = office.store.read(lambda reader: reader.key(ACCOUNT, REGION, key["KeyId"]))
        assert stored is not None
        assert (stored.state, stored.description) == (KeyState.DISABLED, "prepared")
        assert [line["eventName"] for line in office.journal.lines] == ["CreateKey", "DisableKey"]

    play(story)


def test_what_happened_during_the_preparation_of_a_mutation_decides(play: Any) -> None:
    async def story(office: Office) -> None:
        key = await office.make_key()
        begun, go_on = threading.Event(), threading.Event()

        def prepare() -> str:
            begun.set()
            assert go_on.wait(WAIT)
            return "prepared"

        slow = asyncio.create_task(office.call("DisableKey", row=_disable(prepare, []), KeyId=key["KeyId"]))
        while not begun.is_set():
            await asyncio.sleep(0.005)
        assert (await office.call("ScheduleKeyDeletion", KeyId=key["KeyId"], PendingWindowInDays=7))[0] == 200
        go_on.set()
        _, answer = await slow
        assert (answer["__type"], answer["message"]) == (
            "KMSInvalidStateException",
            f"{key['Arn']} is pending deletion.",
        )

    play(story)


def test_a_mutation_that_asks_for_work_again_inside_its_transaction_fails_and_changes_nothing(play: Any) -> None:
    async def story(office: Office) -> None:
        key = await office.make_key()

        def function(call: Gate[Any]) -> Work:
            call.key(call.request.key_id)
            return Work(lambda: "again")

        row = replace(KMS.rows["DisableKey"], function=function)
        status, answer = await office.call("DisableKey", row=row, KeyId=key["KeyId"])
        assert (status, answer["__type"]) == (500, "KMSInternalException")
        assert (await office.call("Encrypt", KeyId=key["KeyId"], Plaintext=X))[0] == 200

    play(story)


def test_a_workshop_that_closes_ends_what_runs_forgets_what_waits_and_tells_nobody() -> None:
    async def story() -> None:
        workshop = Workshop(asyncio.get_running_loop(), prove)
        latch, told = Latch(), list[Outcome]()
        for _ in range(10):
            workshop.begin(Work(latch), told.append, Seat(ACCOUNT, "somebody", Peer()))
        while latch.begun < 2:
            await asyncio.sleep(0.005)
        threading.Timer(0.05, latch.opened.set).start()
        workshop.close()
        assert latch.begun == 2
        await asyncio.sleep(0.05)
        assert told == []
        assert not [thread for thread in threading.enumerate() if thread.name.startswith("keystead-quick")]

    asyncio.run(story())
