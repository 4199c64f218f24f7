"""What IAM refuses.

Codes and statuses are those of its model; sentences are those AWS was seen to send."""

from __future__ import annotations

from keystead.errors.refusal import Refusal


def no_such_entity(message: str) -> Refusal:
    return Refusal("NoSuchEntity", message, status=404)


def entity_already_exists(message: str) -> Refusal:
    return Refusal("EntityAlreadyExists", message, status=409)


def delete_conflict(message: str) -> Refusal:
    return Refusal("DeleteConflict", message, status=409)


def quota_reached(quota: str, limit: int) -> Refusal:
    """``quota`` by its name in the account's summary, such as AccessKeysPerUser."""
    return Refusal("LimitExceeded", f"Cannot exceed quota for {quota}: {limit}", status=409)


def invalid_input(message: str) -> Refusal:
    return Refusal("InvalidInput", message)
