"""Counted refusals: nobody waits, nothing grows, nothing is counted twice or not at all."""

from __future__ import annotations

import asyncio
import itertools
import json
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
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


# Seconds that one record covers.
PROVED, UNPROVED = 1.0, 10.0


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
        self.pending: list[Timer] = []

    def call_later(self, delay: float, callback: Callable[..., None], *arguments: Any) -> Timer:
        assert delay in {PROVED, UNPROVED}
        self.pending.append(timer := Timer(self, delay, partial(callback, *arguments)))
        return timer

    def fire(self, *delays: float) -> None:
        """Let pass what was set for ``delays``, or for any time."""
        for timer in self.pending[:]:
            if not delays or timer.delay in delays:
                timer.cancel()
                timer.callback()


@dataclass
class Timer:
    timers: Timers
    delay: float
    callback: Callable[[], None]

    def cancel(self) -> None:
        if self in self.timers.pending:
            self.timers.pending.remove(self)


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


def test_refusals_of_two_services_are_two_records() -> None:
    paper, timers = Paper(), Timers()
    refusals = counted(paper, timers)
    for service, region in (("iam", "us-east-1"), ("sts", None), ("iam", "us-east-1")):
        refusals.count(
            source="192.0.2.1",
            error_code="SignatureDoesNotMatch",
            event_name="",
            event_source=f"{service}.amazonaws.com",
            region=region,
        )
    timers.fire()
    assert [(one["eventSource"], one["awsRegion"], one["serviceEventDetails"]["count"]) for one in paper.events()] == [
        ("iam.amazonaws.com", "us-east-1", 2),
        ("sts.amazonaws.com", "eu-west-1", 1),
    ]


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
    st.lists(st.tuples(st.sampled_from("abcdef"), st.sampled_from(["X", "Y"]), st.booleans()), max_size=60),
    st.lists(st.booleans(), min_size=60, max_size=60),
)
def test_every_refusal_is_counted_once_however_often_the_journal_refuses(
    refusals: list[tuple[str, str, bool]], fires: list[bool]
) -> None:
    paper, timers = Paper(), Timers()
    table = counted(paper, timers, capacity=100, unproved_capacity=100)
    for (source, code, proved), fire in zip(refusals, fires, strict=False):
        table.count(
            source=source, error_code=code, event_name=str(proved), who=record.identity(ALICE) if proved else None
        )
        if fire:
            paper.refuse = not paper.refuse
            timers.fire()
    paper.refuse = False
    table.close()
    assert paper.counts() == Counter((source, code, str(proved)) for source, code, proved in refusals)


def test_without_a_proved_caller_the_operation_makes_no_row_of_its_own() -> None:
    paper, timers = Paper(), Timers()
    table = counted(paper, timers)
    for name in ("Encrypt", "Decrypt", "Sign"):
        table.count(source="192.0.2.1", error_code="X", event_name=name)
        table.count(source="192.0.2.2", error_code="X", event_name="Encrypt")
    timers.fire()
    assert paper.counts() == {("192.0.2.1", "X", OTHER): 3, ("192.0.2.2", "X", "Encrypt"): 3}


def test_proved_callers_are_written_every_second_and_nobody_in_particular_every_ten() -> None:
    paper, timers = Paper(), Timers()
    table = counted(paper, timers)
    table.count(source="192.0.2.1", error_code="X", event_name="Encrypt")
    table.count(source="192.0.2.2", error_code="Y", event_name="Encrypt", who=record.identity(ALICE))
    timers.fire(PROVED)
    assert [event["errorCode"] for event in paper.events()] == ["Y"]
    timers.fire(UNPROVED)
    assert [event["errorCode"] for event in paper.events()] == ["Y", "X"]
    assert not timers.pending


def test_a_flood_of_sources_is_bounded_and_still_counted() -> None:
    paper, timers = Paper(), Timers()
    table = counted(paper, timers)
    table.count(source="proved", error_code="ThrottlingException", event_name="Encrypt", who=record.identity(ALICE))
    for number in range(1_000):
        code = "InvalidSignatureException" if number % 2 else "UnrecognizedClientException"
        table.count(source=f"2001:db8::{number}", error_code=code, event_name=f"Op{number}" * 1_000)
    # Whoever is proved has a place however many are not.
    second = Caller(ALICE.principal, "AKIAY", "eu-west-1")
    table.count(source="proved", error_code="ThrottlingException", event_name="Encrypt", who=record.identity(second))
    timers.fire()
    events = paper.events()
    assert len(events) == 8 + 1 + 2
    assert sum(event["serviceEventDetails"]["count"] for event in events) == 1_002
    assert paper.counts()[OTHER, OTHER, OTHER] == 992
    assert max(len(event["eventName"]) for event in events) == 128
    assert sum(event["userIdentity"].get("userName") == "a" for event in events) == 2


def test_a_flood_without_a_credential_costs_less_than_700_bytes_a_second() -> None:
    """The figure of docs/limits-of-safety.md and docs/journal.md."""
    paper, timers = Paper(), Timers()
    table = counted(paper, timers)
    for number in range(1_000):
        address = f"2001:0db8:ffff:ffff:ffff:ffff:ffff:{number:04x}"
        table.count(source=address, error_code="IncompleteSignatureException", event_name="GenerateDataKeyPair")
        table.count(source=address, error_code=f"Code{number}", event_name="")
    timers.fire(UNPROVED)
    places = 20 + 64 + 3  # sequence number, MAC, blanks and newline of a line
    assert sum(places + len(line) for line in paper.lines) / UNPROVED < 700


def test_too_many_proved_rows_end_in_one_for_each_code() -> None:
    paper, timers = Paper(), Timers()
    table = counted(paper, timers, capacity=3)
    for number in range(10):
        table.count(source=f"{number}", error_code="T", event_name="Encrypt", who=record.identity(ALICE))
    timers.fire()
    assert len(paper.events()) == 3 + 1
    assert paper.counts()[OTHER, "T", OTHER] == 7


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
                new_id=lambda: "event", unproved_interval=0.01,
            )  # fmt: skip
            table.count(source="a", error_code="b", event_name="c")
            while not any(b"serviceEventDetails" in path.read_bytes() for path in world.files(tmp_path)):
                await asyncio.sleep(0.005)

    world.run(scenario)
    assert world.events(tmp_path) == ["event"]
