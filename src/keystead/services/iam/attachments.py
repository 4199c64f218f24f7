"""Managed policies as they are attached to users, groups and roles, or bound them.

Guarantees: a policy of another account is as if it were not there, and what is not there is never attached. Attaching
twice and attaching once are the same.

Source: "Managed policies and inline policies" (IAM user guide); AttachUserPolicy, DetachUserPolicy (IAM API reference)."""

from __future__ import annotations

from typing import Any

from keystead import errors
from keystead.domain import arn
from keystead.domain.iamquotas import ATTACHED_POLICIES
from keystead.domain.identity import AWS
from keystead.model.generated.iam import AttachedPermissionsBoundary, AttachedPolicy
from keystead.services import effective
from keystead.services.call import Call
from keystead.services.iam.paging import Page, page_of

Attached = tuple[str, ...]


def check_arn(policy_arn: str) -> arn.Arn:
    """Refuse what is no ARN (ValidationError)."""
    parsed = arn.parse(policy_arn)
    if parsed is None:
        raise errors.invalid_policy_arn()
    return parsed


def exists(call: Call[Any], policy_arn: str) -> bool:
    """Whether the caller's account has this managed policy, or AWS has it."""
    parsed = check_arn(policy_arn)
    if parsed.account not in {call.caller.account, AWS}:
        return False
    return call.facts.read(lambda reader: effective.managed_policy(reader, policy_arn)) is not None


def attach(call: Call[Any], attached: Attached, policy_arn: str, quota: str) -> Attached:
    """What is attached with this policy among it, the newest last. ``quota`` by its name: PoliciesPerUser, …"""
    if not exists(call, policy_arn):
        raise errors.policy_not_attachable(policy_arn)
    if policy_arn in attached:
        return attached
    if len(attached) >= ATTACHED_POLICIES:
        raise errors.quota_reached(quota, ATTACHED_POLICIES)
    return (*attached, policy_arn)


def detach(attached: Attached, policy_arn: str) -> Attached:
    """What is attached without this policy. Refused where it is not attached (NoSuchEntity)."""
    check_arn(policy_arn)
    if policy_arn not in attached:
        raise errors.policy_not_found(policy_arn)
    return tuple(one for one in attached if one != policy_arn)


def listed(call: Call[Any], question: str, attached: Attached, path_prefix: str | None) -> Page[AttachedPolicy]:
    """A page of attached policies in paths that begin with the prefix, by name."""
    found = shown(tuple(one for one in attached if _path(one).startswith(path_prefix or "/")))
    return page_of(call, f"{question} {path_prefix or ''}", found, _name)


def shown(attached: Attached) -> list[AttachedPolicy]:
    """All of them, by name."""
    return sorted((_entry(one) for one in attached), key=_name)


def boundary(call: Call[Any], policy_arn: str | None) -> str | None:
    """A permissions boundary that a request asks for; refused where there is no such policy."""
    if policy_arn is not None and not exists(call, policy_arn):
        raise errors.boundary_not_attachable(policy_arn)
    return policy_arn


def shown_boundary(policy_arn: str | None) -> AttachedPermissionsBoundary | None:
    """As answers show it. The model has another word for the type than AWS sends."""
    if policy_arn is None:
        return None
    return AttachedPermissionsBoundary(permissions_boundary_type="Policy", permissions_boundary_arn=policy_arn)


def _entry(policy_arn: str) -> AttachedPolicy:
    return AttachedPolicy(policy_name=policy_arn.rpartition("/")[2], policy_arn=policy_arn)


def _name(policy: AttachedPolicy) -> str:
    """What tells it from the others; an account's policies have names of their own, and so have those of AWS."""
    owner = (policy.policy_arn or "").split(":")[4]
    return f"{policy.policy_name} {owner}"


def _path(policy_arn: str) -> str:
    """``/a/b/`` of ``arn:aws:iam::111122223333:policy/a/b/name``."""
    return policy_arn.partition(":policy")[2].rpartition("/")[0] + "/"
