"""What applies to an identity: its own policies, those of its groups, the managed policies attached to either, its
permissions boundary, and what a session adds or takes.

Guarantees: a `Principal` that is made here has every policy that its rows refer to. A row that is referred to and is not
there raises StoreTampered: a group or a policy that somebody took out of the store takes no Deny along. Does not decide
anything, and does not ask whether a session has expired."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Final, NamedTuple

from keystead.domain import arn, awspolicies
from keystead.domain.caller import Principal, PrincipalKind, Session
from keystead.domain.identity import Group, Identity, IdentityKind, ManagedPolicy, PolicySource
from keystead.domain.policy import document
from keystead.domain.policy.statements import Policy
from keystead.store.interface import Reader, StoreTampered

#: A role by itself is what its sessions are: nobody calls as a role without one.
_KINDS: Final = {
    IdentityKind.ROOT: PrincipalKind.ROOT,
    IdentityKind.USER: PrincipalKind.USER,
    IdentityKind.ROLE: PrincipalKind.ASSUMED_ROLE,
}


# --- principals ------------------------------------------------------------------------------------------------------


def principal(reader: Reader, identity: Identity) -> Principal:
    """The identity with all policies that apply to it. Of a role: what its sessions begin with."""
    return Principal(
        kind=_KINDS[identity.kind],
        account=identity.account,
        arn=identity.arn,
        unique_id=identity.unique_id,
        name=None if identity.kind is IdentityKind.ROOT else identity.name,
        tags=identity.tags,
        policies=tuple((str(source), text) for source, text in _policies(reader, identity)),
        boundary=None if identity.boundary is None else _text(reader, identity.boundary),
    )


def in_session(reader: Reader, itself: Principal, session: Session) -> Principal:
    """The caller that a session makes of the identity behind it, which is given as `principal` makes it now."""
    limited = replace(
        itself,
        tags=_tagged(itself.tags, session.tags),
        session=session,
        session_policies=_session_policies(reader, session),
    )
    if session.kind is PrincipalKind.ASSUMED_ROLE:
        return replace(
            limited,
            arn=arn.role_session_arn(itself.account, itself.name or "", session.name),
            unique_id=f"{itself.unique_id}:{session.name}",
            role_arn=itself.arn,
        )
    if session.kind is PrincipalKind.FEDERATED_USER:
        return replace(
            limited,
            kind=PrincipalKind.FEDERATED_USER,
            arn=arn.federated_user_arn(itself.account, session.name),
            unique_id=f"{itself.account}:{session.name}",
            name=session.name,
            role_arn=itself.arn,
            source_id=itself.unique_id,
        )
    return limited


def current(reader: Reader, who: Principal) -> Principal | None:
    """The same caller as the rows have it now; None where the identity behind it is gone."""
    identity = reader.identity_with_id(who.identity_id)
    if identity is None:
        return None
    itself = principal(reader, identity)
    if who.session is not None:
        return in_session(reader, itself, who.session)
    # Without what its token says nobody knows what limits a session.
    return itself if who.unique_id == itself.unique_id else None


def _policies(reader: Reader, identity: Identity) -> Iterator[tuple[PolicySource, str]]:
    yield from _held(reader, identity, None)
    for name in identity.groups:
        group = reader.group(identity.account, name)
        if group is None or group.name != name:
            raise StoreTampered("user_groups", (identity.account, name))
        yield from _held(reader, group, group.name)


def _held(reader: Reader, holder: Identity | Group, group: str | None) -> Iterator[tuple[PolicySource, str]]:
    for name, text in holder.inline:
        yield PolicySource(name, inline=True, group=group), text
    for policy_arn in holder.attached:
        yield PolicySource(policy_arn, inline=False, group=group), _text(reader, policy_arn)


def _session_policies(reader: Reader, session: Session) -> tuple[str, ...] | None:
    """What limits the session, None where nothing does. A federated user that was given nothing may do nothing of the
    user's. Where a managed policy is gone that limited it (nobody had to detach it from sessions first), nobody knows
    what it denied: then everything is."""
    if session.policy is None and not session.policy_arns and session.kind is not PrincipalKind.FEDERATED_USER:
        return None
    texts = [] if session.policy is None else [session.policy]
    for policy_arn in session.policy_arns:
        found = managed_policy(reader, policy_arn)
        if found is None:
            return (awspolicies.POLICIES[awspolicies.DENY_ALL].text,)
        texts.append(found.text)
    return tuple(texts)


def _tagged(own: tuple[tuple[str, str], ...], of_session: tuple[tuple[str, str], ...]) -> tuple[tuple[str, str], ...]:
    """The tags of both; those of the session have the last word. Keys that differ by case alone are the same."""
    said = {key.lower() for key, _ in of_session}
    return (*(tag for tag in own if tag[0].lower() not in said), *of_session)


# --- managed policies ------------------------------------------------------------------------------------------------


def managed_policy(reader: Reader, policy_arn: str) -> ManagedPolicy | None:
    """The managed policy of that ARN, of an account or of AWS; None if there is none."""
    return awspolicies.POLICIES.get(policy_arn) or reader.managed_policy(policy_arn)


def _text(reader: Reader, policy_arn: str) -> str:
    found = managed_policy(reader, policy_arn)
    if found is None:
        raise StoreTampered("managed_policies", (policy_arn,))
    return found.text


# --- compiled --------------------------------------------------------------------------------------------------------


class Policies(NamedTuple):
    """Everything that speaks for and about a principal from its own side, compiled: identity policies by name, permissions boundary,
    session policies (None: no session)."""

    identity: tuple[tuple[str, Policy], ...]
    boundary: Policy | None
    session: tuple[Policy, ...] | None


NO_POLICIES: Final = Policies((), None, None)


def compile_policy(text: str) -> Policy:
    """What a text means that was checked when it was put."""
    return document.parse_identity_policy(text)


def compile_key_policy(text: str) -> Policy:
    """The same of a key's policy."""
    return document.parse_key_policy(text)


def compile_policies(who: Principal, compiled: Callable[[str], Policy] = compile_policy) -> Policies:
    """All policies of a principal; ``compiled`` makes one of a text."""
    session = who.session_policies
    return Policies(
        tuple((name, compiled(text)) for name, text in who.policies),
        None if who.boundary is None else compiled(who.boundary),
        None if session is None else tuple(map(compiled, session)),
    )


class Texts(NamedTuple):
    """What makes a policy of a text: of a key's, and of what speaks for and about principals."""

    of_keys: Callable[[str], Policy] = compile_key_policy
    of_principals: Callable[[str], Policy] = compile_policy


ANEW: Final = Texts()


class Library:
    """Texts of policies with what they compile to, at most ``limit`` of them: what ten thousand users have in common is
    there once. For any thread: to compile a long policy takes a twentieth of a second, which the committing thread need
    not spend on what another has read already."""

    __slots__ = ("_compiled", "_known", "_limit", "_one")

    def __init__(self, limit: int, compiled: Callable[[str], Policy] = compile_policy) -> None:
        self._limit = limit
        self._compiled = compiled
        self._known: dict[str, tuple[str, Policy]] = {}
        self._one = threading.Lock()  # changes what is known at a time

    def policy(self, text: str) -> Policy:
        return self._find(text)[1]

    def share(self, who: Principal) -> Principal:
        """The same principal, with the texts that are known here in place of its own copies."""
        session = who.session_policies
        return replace(
            who,
            policies=tuple((name, self._find(text)[0]) for name, text in who.policies),
            boundary=None if who.boundary is None else self._find(who.boundary)[0],
            session_policies=None if session is None else tuple(self._find(text)[0] for text in session),
        )

    def compile(self, who: Principal) -> Policies:
        return compile_policies(who, self.policy)

    def _find(self, text: str) -> tuple[str, Policy]:
        found = self._known.get(text)
        if found is None:
            found = text, self._compiled(text)
            with self._one:
                if len(self._known) >= self._limit:
                    del self._known[next(iter(self._known))]
                self._known[text] = found
        return found
