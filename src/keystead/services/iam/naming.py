"""Whom a request names, once the caller may do what it asks.

Guarantees: whoever is not permitted is not told whether a user or group exists; permission is asked of the ARN that it
has now, or would have in the root of paths if it is not there. Names are found irrespective of case.

Source: "Actions, resources, and condition keys for AWS Identity and Access Management" (service authorization
reference). AWS's refusals name the resource as the request does."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from keystead import errors
from keystead.domain import arn
from keystead.domain.caller import PrincipalKind
from keystead.domain.identity import Group, Identity
from keystead.services.call import Call

ROOT_PATH = "/"


def ask_user(call: Call[Any], name: str, *, bounded: bool = False, **values: Any) -> Identity | None:
    """The user of that name, None if there is none, once the caller has this operation's permission on it. ``values`` are
    facts for condition keys; ``bounded``: the boundary that the user has is one of them (iam:PermissionsBoundary)."""
    account = call.caller.account
    found = call.facts.read(lambda reader: reader.user(account, name))
    if found is None:
        call.permit(call.row.permission, arn.user_arn(account, ROOT_PATH, name), shown=_user(name), **values)
    else:
        _permit(call, found, _user(name), bounded, values)
    return found


def permitted_user(call: Call[Any], name: str, *, bounded: bool = False, **values: Any) -> Identity:
    """The user of that name, once the caller has this operation's permission on it; refused where there is none."""
    found = ask_user(call, name, bounded=bounded, **values)
    if found is None:
        raise errors.user_not_found(name)
    return found


def permitted_self(call: Call[Any], name: str | None) -> Identity:
    """The user of that name, or the one that calls where the request names none, once the caller is permitted. An
    account's root user means itself; anybody else has to say whom (ValidationError)."""
    if name is not None:
        return permitted_user(call, name)
    who = call.caller.principal
    if who.kind not in {PrincipalKind.USER, PrincipalKind.ROOT}:
        raise errors.user_name_missing()
    found = call.facts.read(lambda reader: reader.identity_with_id(who.unique_id))
    if found is None:  # deleted since the call began
        raise errors.unrecognized_client()
    _permit(call, found, _user(found.name), False, {})
    return found


def _permit(call: Call[Any], user: Identity, shown: str, bounded: bool, values: Mapping[str, Any]) -> None:
    if bounded:
        values = {**values, "permissions_boundary": user.boundary}
    call.permit(call.row.permission, user.arn, shown=shown, resource_tags=user.tags, **values)


def _user(name: str) -> str:
    return f"user {name}"


def ask_group(call: Call[Any], name: str, **values: Any) -> Group | None:
    """The group of that name, None if there is none, once the caller has this operation's permission on it."""
    account = call.caller.account
    found = call.facts.read(lambda reader: reader.group(account, name))
    resource = arn.group_arn(account, ROOT_PATH, name) if found is None else found.arn
    call.permit(call.row.permission, resource, shown=f"group {name}", **values)
    return found


def permitted_group(call: Call[Any], name: str, **values: Any) -> Group:
    """The group of that name, once the caller has this operation's permission on it; refused where there is none."""
    found = ask_group(call, name, **values)
    if found is None:
        raise errors.group_not_found(name)
    return found


def permit_list(call: Call[Any], kind: str, prefix: str) -> None:
    """Ask this operation's permission to list what is in paths that begin with ``prefix``; ``kind``: user, group, …"""
    call.permit(call.row.permission, f"arn:{arn.PARTITION}:iam::{call.caller.account}:{kind}{prefix}")
