"""ScheduleKeyDeletion, CancelKeyDeletion, and the deletion itself.

https://docs.aws.amazon.com/kms/latest/APIReference/API_ScheduleKeyDeletion.html. Guarantees: a key is never deleted
before its date, and from that date on it does not exist for any caller, whether or not its rows are gone yet; the rows
go with the next sweep."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from keystead import errors
from keystead.domain import limits, materials
from keystead.domain.key import Key, KeyState
from keystead.domain.keytypes import KeyTypes
from keystead.domain.states import States
from keystead.model.generated.kms import (
    CancelKeyDeletionRequest,
    CancelKeyDeletionResponse,
    ScheduleKeyDeletionRequest,
    ScheduleKeyDeletionResponse,
)
from keystead.services import change, family
from keystead.services.call import Call
from keystead.services.change import Change
from keystead.services.table import operation


@operation(
    "ScheduleKeyDeletion",
    keys=KeyTypes.ANY,
    states=States.SCHEDULE_DELETION,
    mutates=True,
    logged={"key_id": None, "pending_window_in_days": limits.DELETION_DAYS_DEFAULT},
    answer_logged=True,
)
def schedule_key_deletion(call: Call[ScheduleKeyDeletionRequest]) -> Change:
    days = call.request.pending_window_in_days
    if days is None:
        days = limits.DELETION_DAYS_DEFAULT
    _check_window(days)
    key = call.key(call.request.key_id, pending_window_days=days, trailing_days_without_use=call.idle_days)
    if _has_replicas(call, key):  # its own waiting period begins when the last of them is gone (services.kms.overdue)
        pending = replace(key, state=KeyState.PENDING_REPLICA_DELETION, pending_window_days=days)
    else:
        pending = pending_deletion(key, call.now, days)
    answer = ScheduleKeyDeletionResponse(
        key_id=key.arn,
        deletion_date=pending.deletion_date,
        key_state=pending.state.value,
        pending_window_in_days=days,
    )
    return change.keep(pending, answer)


def pending_deletion(key: Key, now: float, days: int) -> Key:
    """The key as it waits from now on for its deletion."""
    date = now + days * limits.SECONDS_PER_DAY
    return replace(key, state=KeyState.PENDING_DELETION, deletion_date=date, pending_window_days=None)


def _has_replicas(call: Call[Any], key: Key) -> bool:
    if not key.multi_region or key.is_replica:
        return False
    return len(call.facts.read(lambda reader: family.related(reader, key, call.now))) > 1


def _check_window(days: int) -> None:
    """The service is stricter than its model (1..365): 7 to 30 days."""
    for broken, bound in (
        (days < limits.DELETION_DAYS_LEAST, f"greater than or equal to {limits.DELETION_DAYS_LEAST}"),
        (days > limits.DELETION_DAYS_MOST, f"less than or equal to {limits.DELETION_DAYS_MOST}"),
    ):
        if broken:
            raise errors.validation(
                f"1 validation error detected: Value '{days}' at 'pendingWindowInDays' failed to satisfy constraint: "
                f"Member must have value {bound}"
            )


@operation(
    "CancelKeyDeletion",
    keys=KeyTypes.ANY,
    states=States.CANCEL_DELETION,
    mutates=True,
    logged={"key_id": None},
    answer_logged=True,
)
def cancel_key_deletion(call: Call[CancelKeyDeletionRequest]) -> Change:
    key = call.key(call.request.key_id)
    history = call.facts.read(lambda reader: reader.material_facts(key.account, key.region, key.key_id))
    cancelled = replace(key, state=KeyState.DISABLED, deletion_date=None, pending_window_days=None)
    kept = materials.standing(cancelled, history)
    return change.keep(kept, CancelKeyDeletionResponse(key_id=key.arn))
