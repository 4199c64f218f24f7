"""Roles and managed policies that a request names, once the caller may do what it asks (`naming` has the users).

Guarantees: as `naming`. A policy is named by its ARN alone; one of another account is as if it were not there.

Source: "Actions, resources, and condition keys for AWS Identity and Access Management" (service authorization
reference)."""

from __future__ import annotations

from typing import Any

from keystead import errors
from keystead.domain import arn
from keystead.domain.identity import AWS, Identity, ManagedPolicy
from keystead.services import effective
from keystead.services.call import Call
from keystead.services.iam.attachments import check_arn
from keystead.services.iam.naming import ROOT_PATH


def permitted_role(call: Call[Any], name: str, *, bounded: bool = False, **values: Any) -> Identity:
    """The role of that name, once the caller has this operation's permission on it. ``values`` are facts for condition
    keys; ``bounded``: the boundary that the role has is one of them (iam:PermissionsBoundary)."""
    account = call.caller.account
    role = call.facts.read(lambda reader: reader.role(account, name))
    resource = arn.role_arn(account, ROOT_PATH, name)
    if role is not None:
        resource, values["resource_tags"] = role.arn, role.tags
        if bounded:
            values["permissions_boundary"] = role.boundary
    call.permit(call.row.permission, resource, shown=f"role {name}", **values)
    if role is None:
        raise errors.role_not_found(name)
    return role


def ask_policy(call: Call[Any], policy_arn: str, **values: Any) -> ManagedPolicy | None:
    """The managed policy of that ARN, None if there is none, once the caller has this operation's permission on it."""
    parsed = check_arn(policy_arn)
    policy = None
    if parsed.account in {call.caller.account, AWS}:
        policy = call.facts.read(lambda reader: effective.managed_policy(reader, policy_arn))
    tags = () if policy is None else policy.tags
    call.permit(call.row.permission, policy_arn, shown=f"policy {policy_arn}", resource_tags=tags, **values)
    return policy


def permitted_policy(call: Call[Any], policy_arn: str, **values: Any) -> ManagedPolicy:
    """The managed policy of that ARN, once the caller has this operation's permission on it; refused where there is
    none."""
    policy = ask_policy(call, policy_arn, **values)
    if policy is None:
        raise errors.policy_not_found(policy_arn)
    return policy
