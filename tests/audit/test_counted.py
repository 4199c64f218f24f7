"""Counted refusals: nobody waits, nothing grows, nothing is counted twice or not at all."""

from __future__ import annotations

import asyncio
import itertools
import json
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

from hypothesis import given
from hypothesis import strategies as st
from tests.audit import world

from keystead.audit import record
from keystead.audit.counted import OTHER, Counted
from keystead.domain.caller import Caller, Principal, PrincipalKind

ALICE = Caller(
    Principal(PrincipalKind.USER, "111122223333", "arn:aws:iam::111122223333:user/a", "AIDAX", "a"),
    "AKIAX",
    "eu-west-1",
)


class Paper:
    """A journal that only keeps lines, or refuses them."""

    def __init__(self) -> None:
        self.lines: list[bytes] = []
        self.refuse = False

    def append(self, line: bytes, done: Callable[[BaseException | None], None]) -> None:
        if self.refuse:
            done(OSError("full"))
        else:
            self.lines.append(line)
            done(None)

    def events(self) -> list[dict[str, Any]]:
        return [json.loads(line) for line in self.lines]

    def counts(self) -> Counter[tuple[str, str, str]]:
        total: Counter[tuple[str, str, str]] = Counter()
        for event in self.events():
            row = (event["sourceIPAddress"], event["errorCode"], event["eventName"])
            total[row] += event["serviceEventDetails"]["count"]
        return total


class Timers:
    """A loop of which only timers are used, fired by hand."""

    def __init__(self) -> None:
        self.pending: list[tuple[float, Callable[[], None]]] = []

    def call_later(self, delay: float, callback: Callable[[], None]) -> Timers:
        self.pending.append((delay, callback))
        return self

    def cancel(self) -> None:
        self.pending.clear()

    def fire(self) -> None:
        (delay, callback), self.pending = self.pending[0], []
        assert delay == 1.0
        callback()


def counted(paper: Paper, timers: Timers, **settings: Any) -> Counted:
    numbers = itertools.count()
    return Counted(
        paper,
        event_source="kms.amazonaws.com",
        account="000000000000",
        region="eu-west-1",
        clock=settings.pop("clock", world.Clock(1_767_323_045.0)),
        new_id=lambda: f"event-{next(numbers)}",
        loop=timers,  # type: ignore[arg-type]
        **settings,
    )


def test_refusals_of_one_kind_become_one_record() -> None:
    paper, timers = Paper(), Timers()
    clock = world.Clock(1_767_323_045.0, step=0.5)
    refusals = counted(paper, timers, clock=clock)
    for _ in range(3):
        refusals.count(source="192.0.2.1", error_code="InvalidSignatureException", event_name="Decrypt")
    assert paper.lines == []
    timers.fire()
    (event,) = paper.events()
    assert event == {
        "eventVersion": "1.11",
        "userIdentity": {"type": "Unknown"},
        "eventTime": "2026-01-02T03:04:06Z",
        "eventSource": "kms.amazonaws.com",
        "eventName": "Decrypt",
        "awsRegion": "eu-west-1",
        "sourceIPAddress": "192.0.2.1",
        "errorCode": "InvalidSignatureException",
        "requestParameters": None,
        "responseElements": None,
        "eventID": "event-0",
        "readOnly": True,
        "eventType": "AwsServiceEvent",
        "managementEvent": True,
        "recipientAccountId": "000000000000",
        "serviceEventDetails": {
            "count": 3, "firstEventTime": "2026-01-02T03:04:05Z", "lastEventTime": "2026-01-02T03:04:06Z",
        },
        "eventCategory": "Management",
    }  # fmt: skip


def test_no_timer_runs_while_nothing_is_counted() -> None:
    paper, timers = Paper(), Timers()
    refusals = counted(paper, timers)
    assert not timers.pending
    refusals.count(source="a", error_code="b", event_name="c")
    refusals.count(source="d", error_code="e", event_name="f")
    assert len(timers.pending) == 1
    timers.fire()
    assert not timers.pending
    assert len(paper.lines) == 2


@given(
    st.lists(
        st.tuples(st.sampled_from("abcdef"), st.sampled_from(["X", "Y"]), st.sampled_from(["Op", "Other"])), max_size=60
    ),
    st.lists(st.booleans(), min_size=60, max_size=60),
)
def test_every_refusal_is_counted_once_however_often_the_journal_refuses(
    refusals: list[tuple[str, str, str]], fires: list[bool]
) -> None:
    paper, timers = Paper(), Timers()
    table = counted(paper, timers, capacity=100)
    for (source, code, name), fire in zip(refusals, fires, strict=False):
        table.count(source=source, error_code=code, event_name=name)
        if fire:
            paper.refuse = not paper.refuse
            timers.fire()
    paper.refuse = False
    table.close()
    assert paper.counts() == Counter(refusals)


def test_a_flood_of_sources_is_bounded_and_still_counted() -> None:
    paper, timers = Paper(), Timers()
    table = counted(paper, timers, capacity=10)
    table.count(source="proved", error_code="ThrottlingException", event_name="Encrypt", who=record.identity(ALICE))
    for number in range(1_000):
        code = "InvalidSignatureException" if number % 2 else "UnrecognizedClientException"
        table.count(source=f"2001:db8::{number}", error_code=code, event_name=f"Op{number}" * 1_000)
    # Whoever is proved has a place however many are not.
    second = Caller(ALICE.principal, "AKIAY", "eu-west-1")
    table.count(source="proved", error_code="ThrottlingException", event_name="Encrypt", who=record.identity(second))
    timers.fire()
    events = paper.events()
    assert len(events) == 10 + 2 + 2
    assert sum(event["serviceEventDetails"]["count"] for event in events) == 1_002
    others = {
        event["errorCode"]: event["serviceEventDetails"]["count"] for event in events if event["eventName"] == OTHER
    }
    assert others == {"InvalidSignatureException": 495, "UnrecognizedClientException": 495}
    assert max(len(event["eventName"]) for event in events) == 128
    assert sum(event["userIdentity"].get("userName") == "a" for event in events) == 2


def test_a_proved_callers_refusals_name_him_and_his_account() -> None:
    paper, timers = Paper(), Timers()
    table = counted(paper, timers)
    table.count(
        source="192.0.2.1", error_code="ThrottlingException", event_name="Encrypt", region="us-east-1",
        account="111122223333", who=record.identity(ALICE),
    )  # fmt: skip
    table.close()
    (event,) = paper.events()
    assert event["userIdentity"]["accessKeyId"] == "AKIAX"
    assert (event["recipientAccountId"], event["awsRegion"]) == ("111122223333", "us-east-1")


def test_counts_reach_a_real_journal_without_anybody_waiting(tmp_path: Path) -> None:
    async def scenario() -> None:
        with world.journal(tmp_path) as journal:
            table = Counted(
                journal, event_source="kms.amazonaws.com", account="0", region="r", clock=world.Clock(),
                new_id=lambda: "event", interval=0.01,
            )  # fmt: skip
            table.count(source="a", error_code="b", event_name="c")
            while not any(b"serviceEventDetails" in path.read_bytes() for path in world.files(tmp_path)):
                await asyncio.sleep(0.005)

    world.run(scenario)
    assert world.events(tmp_path) == ["event"]
