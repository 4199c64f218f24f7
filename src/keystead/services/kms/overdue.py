"""What time makes due: keys whose deletion date has come, material that has expired, rotations.

Each errand is decided inside its transaction on the key as it is then, so nothing happens early and nothing after it
was called off; its record is durable with it. Until an errand is done, calls are decided as if it had been: a key that
is due for deletion does not exist, one whose material has expired waits for import. Only a rotation that is due changes
nothing until it is done."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from keystead.domain import limits
from keystead.domain.key import Key, KeyState, RotationType
from keystead.services import change, material
from keystead.services.change import Change, ServiceEvent, Touch
from keystead.services.kms.deletion import pending_deletion
from keystead.services.material import Bench
from keystead.store.interface import KeyName, Reader


class NotDue(Exception):
    """There is nothing to be done after all: it was called off, or has been done already."""


@dataclass(frozen=True, slots=True)
class Errand:
    """``what`` completes "the key … is due for"; ``due`` finds candidates; ``change`` is what is to be done to one, or
    `NotDue`."""

    what: str
    due: Callable[[Reader, float, int], list[KeyName]]
    change: Callable[[Bench, Key], Change]


def _delete(bench: Bench, key: Key) -> Change:
    if key.state is not KeyState.PENDING_DELETION or key.exists(bench.now):
        raise NotDue
    aliases = bench.reader.aliases(key.account, key.region, key.key_id, None, 1_000)
    deleted = Change(
        None,
        (lambda transaction: transaction.delete_key(key.account, key.region, key.key_id),),
        (*(Touch(change.ALIAS, alias.account, alias.region, alias.name) for alias in aliases), change.touch(key)),
        (ServiceEvent("DeleteKey", key),),
        shreds=True,
    )
    left = [one for one in bench.family(key) if one.region != key.region]
    if len(left) != 1 or left[0].state is not KeyState.PENDING_REPLICA_DELETION:
        return deleted
    # The primary that waited for this replica, the last, begins to wait for its own deletion.
    days = left[0].pending_window_days or limits.DELETION_DAYS_DEFAULT
    return change.together((deleted, change.keep(pending_deletion(left[0], bench.now, days))))


def _expire(bench: Bench, key: Key) -> Change:
    done = material.expire(bench, key)
    if done is None:
        raise NotDue
    return done


def _rotate(bench: Bench, key: Key) -> Change:
    due, days = key.next_rotation, key.rotation_period_days
    if key.state is not KeyState.ENABLED or due is None or days is None or bench.now < due:
        raise NotDue
    if key.is_replica:
        raise NotDue
    # A sweep that comes a little late does not shift the schedule; a key that was disabled begins a new one.
    begin = due if bench.now - due < limits.SECONDS_PER_DAY else bench.now
    return material.rotate(bench, key, RotationType.AUTOMATIC, next_rotation=begin + days * limits.SECONDS_PER_DAY)


ERRANDS: Final = (
    Errand("deletion", lambda reader, now, limit: reader.due_for_deletion(now, limit), _delete),
    Errand("the deletion of expired material", lambda reader, now, limit: reader.due_for_expiry(now, limit), _expire),
    Errand("rotation", lambda reader, now, limit: reader.due_for_rotation(now, limit), _rotate),
)
