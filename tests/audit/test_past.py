"""A call of the past is found by its request id, with what changed since, and nothing that is not authentic."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from typing import Any

import pytest
from tests.audit import world

from keystead.audit import past

ACCOUNT, OTHER = "111122223333", "444455556666"
ALICE = {"type": "IAMUser", "accountId": ACCOUNT, "arn": f"arn:aws:iam::{ACCOUNT}:user/alice"}


def record(number: int, **members: Any) -> bytes:
    made = {
        "userIdentity": ALICE,
        "eventTime": f"2026-11-25T10:00:{number:02d}Z",
        "eventSource": "kms.amazonaws.com",
        "eventName": "Decrypt",
        "requestID": f"request-{number}",
        "eventID": world.event_id(number),
        "readOnly": True,
    }
    return json.dumps(made | members, separators=(",", ":")).encode()


def write(folder: Path, *records: bytes) -> None:
    async def scenario() -> None:
        with world.journal(folder, segment_bytes=2_000, clock=world.Clock(step=1.0)) as journal:
            for line in records:
                durable = asyncio.get_running_loop().create_future()
                journal.append(line, durable.set_result)
                assert await durable is None

    world.run(scenario)


def test_a_call_is_found_in_whatever_segment_it_is(tmp_path: Path) -> None:
    write(tmp_path, *(record(number) for number in range(20)))
    assert len(world.files(tmp_path)) > 2
    for number in (0, 7, 19):
        found = past.call([tmp_path], world.key_for, f"request-{number}", ACCOUNT)
        assert found is not None
        assert found.record["eventID"] == world.event_id(number)
    assert past.call([tmp_path], world.key_for, "request-20", ACCOUNT) is None


def test_of_several_records_of_a_call_the_one_of_its_refusal_is_told(tmp_path: Path) -> None:
    write(tmp_path, record(1), record(2, requestID="request-1", errorCode="AccessDenied"))
    found = past.call([tmp_path], world.key_for, "request-1", ACCOUNT)
    assert found is not None
    assert found.record["errorCode"] == "AccessDenied"


def test_calls_of_another_account_are_not_there(tmp_path: Path) -> None:
    write(tmp_path, record(1))
    assert past.call([tmp_path], world.key_for, "request-1", OTHER) is None


def test_a_callers_own_text_is_not_taken_for_the_request_id(tmp_path: Path) -> None:
    write(tmp_path, record(1, requestParameters={"encryptionContext": {"requestID": "request-9"}}))
    assert past.call([tmp_path], world.key_for, "request-9", ACCOUNT) is None


def test_a_record_that_somebody_planted_is_not_told(tmp_path: Path) -> None:
    write(tmp_path, record(1))
    (path,) = world.files(tmp_path)
    lines = world.lines(path)
    forged = lines[-1].replace(b"request-1", b"request-2").replace(b"Decrypt", b"Encrypt")
    path.write_bytes(b"".join([*lines[:-1], forged]))
    assert past.call([tmp_path], world.key_for, "request-2", ACCOUNT) is None
    (tmp_path / "segment-20990101T000000Z-0-00.jsonl").write_bytes(b"".join(lines))
    path.unlink()
    assert past.call([tmp_path], world.key_for, "request-1", ACCOUNT) is not None, "a file may have another name"


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"eventName": "PutKeyPolicy", "readOnly": False}, True),
        ({"eventSource": "iam.amazonaws.com", "eventName": "PutUserPolicy", "readOnly": False}, True),
        ({"eventName": "PutKeyPolicy", "readOnly": False, "errorCode": "AccessDenied"}, False),
        ({"eventName": "CreateKey", "readOnly": False}, False),
        ({"eventSource": "iam.amazonaws.com", "eventName": "CreateAccessKey", "readOnly": False}, False),
        ({"eventSource": "iam.amazonaws.com", "eventName": "GetUser"}, False),
        ({"eventName": "PutKeyPolicy", "readOnly": False, "eventTime": "2026-11-25T09:59:59Z"}, False),
        ({"eventName": "PutKeyPolicy", "readOnly": False, "userIdentity": {"accountId": OTHER}}, False),
    ],
)
def test_what_changed_since_is_told(tmp_path: Path, change: dict[str, Any], told: bool) -> None:
    write(tmp_path, record(1, errorCode="AccessDenied"), record(2, **change))
    found = past.call([tmp_path], world.key_for, "request-1", ACCOUNT)
    assert found is not None
    assert [each["eventID"] for each in found.since] == ([world.event_id(2)] if told else [])
