"""The record of the hot path, put together from parts that were encoded before, is the record in full, to the byte."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from keystead.audit import record, shape
from keystead.domain.caller import Caller, Principal, PrincipalKind, Session, Via

ACCOUNT = "111122223333"
ALICE = Principal(PrincipalKind.USER, ACCOUNT, f"arn:aws:iam::{ACCOUNT}:user/alice", "AIDAEXAMPLE", "alice")
KEY = ("AWS::KMS::Key", ACCOUNT, f"arn:aws:kms:eu-west-1:{ACCOUNT}:key/1234abcd-12ab-34cd-56ef-1234567890ab")


def in_full(**values: Any) -> bytes:
    """The record without the short way: what that would have made is too long to be used."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(record, "_filled", lambda *_: b"x" * (shape.MAX_EVENT + 1))
        return record.event(**values)


def test_the_short_way_is_taken_by_a_success_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    """Or nothing would be compared below."""
    values: dict[str, Any] = {
        "event_source": "kms.amazonaws.com",
        "event_name": "Encrypt",
        "caller": caller(),
        "now": 1.0,
        "source": "192.0.2.10",
        "user_agent": None,
        "host": None,
        "tls": None,
        "request_id": "request",
        "event_id": "event",
        "read_only": True,
        "request_parameters": None,
    }
    monkeypatch.setattr(record, "_filled", lambda *_: b"short")
    assert record.event(**values) == b"short"
    for more in ({"error_code": "X"}, {"response_elements": {"a": "b"}}, {"additional": {}}, {"recipient": ACCOUNT},
                 {"shared_event_id": "s"}, {"caller": caller(Via("s3.amazonaws.com"))}):  # fmt: skip
        assert record.event(**(values | more)) != b"short"


def caller(via: Via | None = None, principal: Principal = ALICE) -> Caller:
    return Caller(principal, "AKIAEXAMPLE", "eu-west-1", via)


WORKER = Principal(
    PrincipalKind.ASSUMED_ROLE,
    ACCOUNT,
    f"arn:aws:sts::{ACCOUNT}:assumed-role/worker/me",
    "AROAX:me",
    role_arn=f"arn:aws:iam::{ACCOUNT}:role/worker",
    session=Session(PrincipalKind.ASSUMED_ROLE, ACCOUNT, "AROAX", "me", 1.0, 3_601.0, source_identity="alice"),
)


TEXT = st.text(st.characters(codec=None), max_size=40)


@given(
    st.dictionaries(TEXT, st.one_of(TEXT, st.integers(), st.dictionaries(TEXT, TEXT)), max_size=4) | st.none(),
    TEXT | st.none(),
    TEXT | st.none(),
    st.tuples(TEXT, TEXT) | st.none(),
    st.lists(st.tuples(TEXT, TEXT, TEXT), max_size=2),
    st.none() | st.just("ab" * 32),
    st.floats(min_value=0, max_value=2**33),
    st.booleans(),
    st.sampled_from([None, Via("s3.amazonaws.com")]),
    st.sampled_from([ALICE, WORKER]),
)
def test_the_short_way_writes_the_same_bytes(
    request_parameters: dict[str, Any] | None,
    user_agent: str | None,
    host: str | None,
    tls: tuple[str, str] | None,
    resources: list[tuple[str, str, str]],
    key_material_id: str | None,
    now: float,
    read_only: bool,
    via: Via | None,
    principal: Principal,
) -> None:
    values: dict[str, Any] = {
        "event_source": "kms.amazonaws.com",
        "event_name": "Encrypt",
        "caller": caller(via, principal),
        "now": now,
        "source": "192.0.2.10",
        "user_agent": user_agent,
        "host": host,
        "tls": tls,
        "request_id": "0f0f0f0f-0000-4000-8000-000000000000",
        "event_id": "f0f0f0f0-0000-4000-8000-000000000000",
        "read_only": read_only,
        "request_parameters": request_parameters,
        "resources": resources,
        "key_material_id": key_material_id,
    }
    assert record.event(**values) == in_full(**values)


@pytest.mark.parametrize("size", [20_000, 28_600, 29_000, 120_000])
def test_the_short_way_keeps_the_bounds(size: int) -> None:
    parameters = {"encryptionContext": {"a": "x" * size}}
    values: dict[str, Any] = {
        "event_source": "kms.amazonaws.com",
        "event_name": "Encrypt",
        "caller": caller(),
        "now": 1.0,
        "source": "192.0.2.10",
        "user_agent": "a" * 3_000,
        "host": "h" * 9_000,
        "tls": ("TLSv1.3", "x"),
        "request_id": "request",
        "event_id": "event",
        "read_only": True,
        "request_parameters": parameters,
        "resources": [KEY],
    }
    assert record.event(**values) == in_full(**values)
