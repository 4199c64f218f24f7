"""Whose policies a simulation is about: a user, a group or a role of the account, or nobody at all.

Guarantees: policies are those that apply now, by the names that AWS's answers give them: that of a managed policy, or
``user_alice_policy`` for an inline one. A role is simulated as a session of it, since nobody calls as a role."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any, Final, NamedTuple

from keystead import errors
from keystead.domain import arn as arns
from keystead.domain.caller import Principal, PrincipalKind, Session
from keystead.domain.identity import Group, Identity, IdentityKind, PolicySource
from keystead.domain.policy.principals import IDENTITY
from keystead.services import effective
from keystead.services.call import Call
from keystead.store.interface import Reader

_SESSION: Final = "simulation"
_SECONDS: Final = 3_600.0


class Found(NamedTuple):
    """Who would call, with which identity policies (name, text) within which boundary."""

    principal: Principal
    policies: tuple[tuple[str, str], ...]
    boundary: str | None


def find(call: Call[Any], arn: str) -> Found:
    """The user, group or role of that ARN. Refused where the ARN is of none (InvalidInput), and where there is none
    (NoSuchEntity)."""
    parsed = arns.parse(arn)
    kind, _, path = ("", "", "") if parsed is None else parsed.resource.partition("/")
    if parsed is None or parsed.service != "iam" or kind not in {"user", "group", "role"} or not path:
        raise errors.no_such_source(arn)
    account, name = call.caller.account, path.rpartition("/")[2]
    found = call.facts.read(lambda reader: _found(reader, account, kind, name, arn, call.now))
    if found is None:
        raise {"user": errors.user_not_found, "group": errors.group_not_found, "role": errors.role_not_found}[kind](
            name
        )
    return found


def _found(reader: Reader, account: str, kind: str, name: str, arn: str, now: float) -> Found | None:
    if kind == "group":
        group = reader.group(account, name)
        return None if group is None or group.arn != arn else _of_group(reader, group)
    identity = reader.identity(arn)
    if identity is None or identity.account != account:
        return None
    return _of_identity(reader, identity, now)


def _of_identity(reader: Reader, identity: Identity, now: float) -> Found:
    who = effective.principal(reader, identity)
    if identity.kind is IdentityKind.ROLE:
        kind = PrincipalKind.ASSUMED_ROLE
        session = Session(kind, identity.account, identity.unique_id, _SESSION, now, now + _SECONDS)
        who = effective.in_session(reader, who, session)
    own = "role" if identity.kind is IdentityKind.ROLE else "user"
    return Found(who, tuple(_named(who.policies, f"{own}_{identity.name}")), who.boundary)


def _of_group(reader: Reader, group: Group) -> Found:
    """A group calls nobody: it is simulated as a user that is in it and has nothing else."""
    member = Identity(IdentityKind.USER, group.account, "/", "", "", 0.0, groups=(group.name,))
    policies = effective.principal(reader, member).policies
    return Found(nobody(group.account), tuple(_named(policies, "")), None)


def _named(policies: tuple[tuple[str, str], ...], own: str) -> Iterator[tuple[str, str]]:
    for name, text in policies:
        source = PolicySource.read(name)
        assert source is not None
        holder = own if source.group is None else f"group_{source.group}"
        yield f"{holder}_{source.policy}" if source.inline else source.policy.rpartition("/")[2], text


def nobody(account: str) -> Principal:
    """A caller of whom nothing is known but the account."""
    return Principal(PrincipalKind.USER, account, "", "")


def as_user(who: Principal, arn: str) -> Principal:
    """The same policies in the hands of another user, by whose name resource policies and conditions know it. Nothing is
    looked up: whether there is such a user, and what it is tagged with, is not told to whoever may simulate."""
    if arn == who.arn:
        return who
    parsed = arns.parse(arn)
    if parsed is None or IDENTITY.fullmatch(arn) is None or not parsed.resource.startswith("user/"):
        raise errors.caller_not_a_user(arn)
    return replace(
        who,
        kind=PrincipalKind.USER,
        account=parsed.account,
        arn=arn,
        unique_id="",
        name=arn.rpartition("/")[2],
        role_arn=None,
        tags=(),
        session=None,
    )
