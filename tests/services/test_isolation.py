"""What one caller asks for does not keep others from theirs: changes take turns, what waits is bounded, what nobody waits
for is not done, and what changes nothing takes no turn at all."""

from __future__ import annotations

import asyncio
import threading
from dataclasses import replace
from typing import Any

import pytest

from keystead.domain.key import KeyState
from keystead.domain.policy import document
from keystead.model.generated.kms import GenerateRandomResponse
from keystead.services import change
from keystead.services.kms.operations import KMS
from keystead.services.turns import PLACE_BYTES
from keystead.services.work import Work
from keystead.store.interface import Store, StoreUnavailable
from tests.services.office import ACCOUNT, ALLOW_ALL, OTHER, REGION, Office, Peer

WAIT = 10.0
Answer = tuple[int, dict[str, Any]]


class Stop:
    """The committing thread, held up by work of Keystead's own until `go_on`."""

    def __init__(self, office: Office) -> None:
        self._held, self.go_on = threading.Event(), threading.Event()
        office.committer.afterwards(self._hold)

    async def holds(self) -> None:
        await asyncio.to_thread(self._held.wait, WAIT)

    def _hold(self, _store: Store) -> None:
        self._held.set()
        assert self.go_on.wait(WAIT)


async def stopped(office: Office) -> Stop:
    stop = Stop(office)
    await stop.holds()
    return stop


async def asked(office: Office, operation: str, who: Any = None, **body: Any) -> asyncio.Task[Answer]:
    """A call that has been begun."""
    call = asyncio.create_task(office.call(operation, who, **body))
    await asyncio.sleep(0)
    return call


def described(office: Office) -> list[str]:
    """The descriptions that were given, in the order of the journal."""
    return [
        line["requestParameters"]["description"]
        for line in office.journal.lines
        if line["eventName"] == "UpdateKeyDescription" and "errorCode" not in line
    ]


def test_another_accounts_change_waits_for_one_of_an_account_that_has_many_waiting(play: Any) -> None:
    async def story(office: Office) -> None:
        stranger = office.user("stranger", ALLOW_ALL, account=OTHER)
        colleague = office.user("colleague", ALLOW_ALL)
        mine, theirs = await office.make_key(), await office.make_key(stranger)
        stop = await stopped(office)
        calls = [
            await asked(office, "UpdateKeyDescription", who, KeyId=key["KeyId"], Description=text)
            for who, key, text in (
                *((office.admin, mine, f"flood {number}") for number in range(6)),
                (stranger, theirs, "stranger"),
                (colleague, mine, "colleague"),
            )
        ]
        stop.go_on.set()
        assert {status for status, _ in await asyncio.gather(*calls)} == {200}
        assert described(office)[:4] == ["flood 0", "stranger", "colleague", "flood 1"]

    play(story)


def test_all_sessions_of_a_role_take_turns_as_one(play: Any) -> None:
    async def story(office: Office) -> None:
        role, key = office.role("many", ALLOW_ALL), await office.make_key()
        stop = await stopped(office)
        calls = [
            await asked(office, "UpdateKeyDescription", who, KeyId=key["KeyId"], Description=text)
            for who, text in (
                *((office.session(role, f"s{number}"), f"session {number}") for number in range(4)),
                (office.admin, "user"),
            )
        ]
        stop.go_on.set()
        assert {status for status, _ in await asyncio.gather(*calls)} == {200}
        assert described(office) == ["session 0", "user", "session 1", "session 2", "session 3"]

    play(story)


def test_changes_that_find_no_room_are_refused_and_recorded_and_are_taken_when_there_is(play: Any) -> None:
    async def story(office: Office) -> None:
        stranger = office.user("stranger", ALLOW_ALL, account=OTHER)
        mine, theirs = await office.make_key(), await office.make_key(stranger)
        stop = await stopped(office)
        body = {"KeyId": mine["KeyId"], "Description": "flood"}
        waiting = [await asked(office, "UpdateKeyDescription", **body) for _ in range(4)]
        status, answer = await office.call("UpdateKeyDescription", **body)
        assert (status, answer["__type"]) == (400, "ThrottlingException")
        assert office.journal.lines[-1]["errorCode"] == "ThrottlingException"
        other = await asked(office, "DisableKey", stranger, KeyId=theirs["KeyId"])
        status, answer = await waiting.pop()  # gave way to the other account
        assert (status, answer["__type"]) == (400, "ThrottlingException")
        stop.go_on.set()
        assert {status for status, _ in await asyncio.gather(other, *waiting)} == {200}
        assert (await office.call("UpdateKeyDescription", **body))[0] == 200

    play(story, changes=4)


def test_what_is_due_is_done_however_many_changes_wait(play: Any) -> None:
    async def story(office: Office) -> None:
        doomed, key = await office.make_key(), await office.make_key()
        await office.call("ScheduleKeyDeletion", KeyId=doomed["KeyId"], PendingWindowInDays=7)
        office.now += 8 * 86_400
        stop = await stopped(office)
        body = {"KeyId": key["KeyId"], "Description": "flood"}
        waiting = [await asked(office, "UpdateKeyDescription", **body) for _ in range(4)]
        assert office.sweep.run() == 1
        stop.go_on.set()
        await asyncio.gather(*waiting)
        names = [line["eventName"] for line in office.journal.lines]
        assert names.index("DeleteKey") <= names.index("UpdateKeyDescription") + 1

    play(story, changes=4)


def test_a_change_for_a_caller_that_is_gone_is_not_made_and_leaves_a_record(play: Any) -> None:
    async def story(office: Office) -> None:
        key = await office.make_key()
        stop, peer = await stopped(office), Peer()
        call = await asked(office, "DisableKey", KeyId=key["KeyId"], peer=peer)
        peer.gone = True
        stop.go_on.set()
        await call
        assert office.journal.lines[-1]["eventName"] == "DisableKey"
        assert office.journal.lines[-1]["errorCode"] == "RequestAbortedException"
        stored = office.store.read(lambda reader: reader.key(ACCOUNT, REGION, key["KeyId"]))
        assert stored is not None
        assert stored.state is KeyState.ENABLED

    play(story)


def test_work_for_callers_that_are_gone_is_not_done(play: Any) -> None:
    async def story(office: Office) -> None:
        go_on, done, peer = threading.Event(), list[int](), Peer()

        def hold() -> GenerateRandomResponse:
            assert go_on.wait(WAIT)
            return GenerateRandomResponse(plaintext=b"held")

        def row(do: Any) -> Any:
            def function(call: Any) -> Work:
                call.permit("kms:GenerateRandom")
                return Work(do)

            return replace(KMS.rows["GenerateRandom"], function=function)

        held = [await asked(office, "GenerateRandom", row=row(hold), NumberOfBytes=1) for _ in range(2)]
        left = await asked(office, "GenerateRandom", row=row(lambda: done.append(1)), NumberOfBytes=1, peer=peer)
        peer.gone = True
        go_on.set()
        assert {status for status, _ in await asyncio.gather(*held)} == {200}
        _, answer = await left
        assert (answer["__type"], done) == ("RequestAbortedException", [])

    play(story)


@pytest.mark.parametrize("operation", ["EnableKey", "DisableKey"])
def test_a_change_of_what_is_so_already_needs_no_turn_is_recorded_and_can_be_relied_on(
    play: Any, operation: str
) -> None:
    async def story(office: Office) -> None:
        key = await office.make_key()
        await office.call(operation, KeyId=key["KeyId"])
        office.journal.lines.clear()
        # another worker has committed something and has not published it yet
        office.store.transact(lambda transaction: transaction.log_change(change.KEY, OTHER, REGION, "some key"))
        newest = office.snapshot.newest()
        assert office.epochs.current() < newest
        stop = await stopped(office)
        assert (await office.call(operation, KeyId=key["KeyId"]))[0] == 200
        assert office.epochs.current() == newest
        (record,) = office.journal.lines
        assert (record["eventName"], record["readOnly"], record["resources"][0]["ARN"]) == (
            operation,
            False,
            key["Arn"],
        )
        stop.go_on.set()

    play(story)


def test_a_change_of_what_is_so_already_waits_behind_changes_that_are_not_made_yet(play: Any) -> None:
    async def story(office: Office) -> None:
        key = await office.make_key()
        stop = await stopped(office)
        off = await asked(office, "DisableKey", KeyId=key["KeyId"])
        on = await asked(office, "EnableKey", KeyId=key["KeyId"])  # as one connection may ask, one after the other
        stop.go_on.set()
        assert [status for status, _ in await asyncio.gather(off, on)] == [200, 200]
        _, answer = await office.call("DescribeKey", KeyId=key["KeyId"])
        assert answer["KeyMetadata"]["Enabled"] is True

    play(story)


def test_a_change_of_what_is_so_already_is_not_confirmed_while_the_store_cannot_be_read(
    play: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def story(office: Office) -> None:
        key = await office.make_key()

        def unreadable(_question: Any) -> None:
            raise StoreUnavailable("not now")

        await office.call("DescribeKey", KeyId=key["KeyId"])  # it is in memory now
        monkeypatch.setattr(office.store, "read", unreadable)
        status, answer = await office.call("EnableKey", KeyId=key["KeyId"])
        monkeypatch.undo()
        assert (status, answer["__type"]) == (500, "KMSInternalException")

    play(story)


def test_a_long_request_takes_more_of_the_room(play: Any) -> None:
    async def story(office: Office) -> None:
        key = await office.make_key()
        stop = await stopped(office)
        body = {"KeyId": key["KeyId"], "Description": "long"}
        waiting = [await asked(office, "UpdateKeyDescription", padding=2 * PLACE_BYTES, **body)]
        status, _ = await office.call("UpdateKeyDescription", padding=PLACE_BYTES, **body)
        assert status == 400
        waiting.append(await asked(office, "UpdateKeyDescription", **body))
        stop.go_on.set()
        assert {status for status, _ in await asyncio.gather(*waiting)} == {200}

    play(story, changes=4)


def test_the_bytes_of_a_request_are_let_go_before_its_call_waits(play: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    class Body(bytes):
        def __del__(self) -> None:
            freed.append(len(self))

    freed: list[int] = []

    async def story(office: Office) -> None:
        key = await office.make_key()
        stop = await stopped(office)
        perform = office.dispatch.perform
        monkeypatch.setattr(office.dispatch, "perform", lambda arrival, body: perform(arrival, Body(body)))
        call = await asked(office, "UpdateKeyDescription", KeyId=key["KeyId"], Description="x", padding=1_000)
        assert len(freed) == 1
        assert not call.done()
        stop.go_on.set()
        assert (await call)[0] == 200

    play(story)


def test_a_transaction_does_not_read_policies_again_that_the_worker_knows(
    play: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    read: list[str] = []
    compiled = document._policy

    def counted(text: str, *kind: Any) -> Any:
        read.append(text)
        return compiled(text, *kind)

    monkeypatch.setattr(document, "_policy", counted)

    async def story(office: Office) -> None:
        text = document.default_key_policy(ACCOUNT).replace("key-default-1", "of one key alone")
        key, other = await office.make_key(Policy=text), await office.make_key(Policy=text)
        for one in (key, other):
            await office.call("UpdateKeyDescription", KeyId=one["KeyId"], Description="first")
        read.clear()
        for one in (key, other, key):
            assert (await office.call("UpdateKeyDescription", KeyId=one["KeyId"], Description="next"))[0] == 200
        assert read == []

    play(story)
