"""Whom a question is about: a principal by one of its names, with everything that speaks for it from its own side.

Guarantees: a principal of the own account is put together as a call's is (`services.effective`); of a principal of another
account nothing is looked up, so that nothing is told but what its name says. Does not ask whether the caller may know;
that has been asked before.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from datetime import datetime
from typing import Any, Final

from keystead import errors
from keystead.domain import arn, awspolicies
from keystead.domain.caller import Principal, PrincipalKind, Session
from keystead.domain.identity import AWS, Identity, IdentityKind, PolicySource
from keystead.domain.policy import principals
from keystead.domain.policy.cases import Document, Place, read_document
from keystead.services import effective
from keystead.store.interface import Reader

#: The name of the session that a role is asked about in, where none is named.
SESSION: Final = "explained"
_HOUR: Final = 3_600.0


def account_of(name: str) -> str | None:
    """The account that a principal's name says it is of; None where it says none."""
    parsed = arn.parse(name)
    return parsed.account if parsed is not None and parsed.account else None


def arn_of(name: str, account: str) -> str:
    """The ARN by which a permission is asked on a principal of the account: of a user or a role named without its path,
    that of the root of paths."""
    if name.startswith("arn:"):
        return name
    if name in ("root", account):
        return arn.root_arn(account)
    kind, _, rest = name.partition("/")
    known = rest and kind in ("user", "role")
    return f"arn:{arn.PARTITION}:iam::{account}:{name if known else f'user/{name}'}"


def of_name(reader: Reader, name: str, account: str, now: float) -> Principal:
    """The principal of the account that a name means: ``alice``, ``user/alice``, ``role/Worker``, ``root``, a unique id,
    or an ARN. A role is asked about in a session of it that nothing limits."""
    if principals.SERVICE.fullmatch(name):
        return Principal(PrincipalKind.SERVICE, AWS, name, name)
    identity, session = _named(reader, name, account)
    if identity is None or identity.account != account:
        raise errors.principal_unknown(name)
    if identity.kind is IdentityKind.ROLE:
        return _session(reader, identity, session or SESSION, now)
    return effective.principal(reader, identity)


def _named(reader: Reader, name: str, account: str) -> tuple[Identity | None, str]:
    """The identity, and the name of the session if one is named."""
    if name in ("root", account, arn.root_arn(account)):
        return reader.identity(arn.root_arn(account)), ""
    if found := principals.ROLE_SESSION.fullmatch(name):
        return reader.role(account, found[2]), found[3]
    if name.startswith("arn:"):
        return reader.identity(name), ""
    unique_id, _, session = name.partition(":")
    if principals.UNIQUE_ID.fullmatch(unique_id):
        return reader.identity_with_id(unique_id), session
    kind, _, rest = name.partition("/")
    if kind == "role" and rest:
        return reader.role(account, rest.rpartition("/")[2]), ""
    return reader.user(account, name.rpartition("/")[2]), ""


def of_record(reader: Reader, identity: Mapping[str, Any], now: float) -> Principal:
    """The principal that a record's ``userIdentity`` tells, as it is now. ``now`` is when its session began, where the
    record does not say it."""
    unique_id, _, session = str(identity.get("principalId", "")).partition(":")
    context = identity.get("sessionContext") or {}
    issuer, began = context.get("sessionIssuer") or {}, (context.get("attributes") or {}).get("creationDate")
    if began is not None:
        now = datetime.fromisoformat(str(began)).timestamp()
    federated = identity.get("type") == PrincipalKind.FEDERATED_USER
    found = reader.identity(str(issuer.get("arn", ""))) if federated else reader.identity_with_id(unique_id)
    if found is None:
        raise errors.principal_gone(str(identity.get("arn", unique_id)))
    if federated:
        asked_for = Session(PrincipalKind.FEDERATED_USER, found.account, found.unique_id, session, now, now + _HOUR)
        federated_user = effective.in_session(reader, effective.principal(reader, found), asked_for)
        return replace(federated_user, session_policies=None)  # the record does not hold them: they are not known
    if found.kind is IdentityKind.ROLE:
        return _session(reader, found, session or SESSION, now)
    return effective.principal(reader, found)


def _session(reader: Reader, role: Identity, name: str, now: float) -> Principal:
    session = Session(PrincipalKind.ASSUMED_ROLE, role.account, role.unique_id, name, now, now + _HOUR)
    return effective.in_session(reader, effective.principal(reader, role), session)


def stranger(name: str) -> Principal:
    """A principal of another account, of which nothing is known but its ARN."""
    parsed = arn.parse(name)
    account = "" if parsed is None else parsed.account
    last = name.rpartition("/")[2]
    if found := principals.ROLE_SESSION.fullmatch(name):
        role = arn.role_arn(account, "/", found[2])
        return Principal(PrincipalKind.ASSUMED_ROLE, account, name, "", role_arn=role)
    if name == arn.root_arn(account):
        return Principal(PrincipalKind.ROOT, account, name, account)
    if principals.FEDERATED_USER.fullmatch(name):
        return Principal(PrincipalKind.FEDERATED_USER, account, name, f"{account}:{last}")
    if principals.IDENTITY.fullmatch(name) is None:
        raise errors.principal_unknown(name)
    if ":role/" in name:
        session = arn.role_session_arn(account, last, SESSION)
        return Principal(PrincipalKind.ASSUMED_ROLE, account, session, "", role_arn=name)
    return Principal(PrincipalKind.USER, account, name, "", name=last)


# --- its policies -----------------------------------------------------------------------------------------------------


def documents(
    reader: Reader, who: Principal
) -> tuple[tuple[Document, ...], Document | None, tuple[Document, ...] | None]:
    """Its identity policies, its boundary, and the policies of its session."""
    identity = reader.identity_with_id(who.identity_id)
    boundary = None
    if who.boundary is not None:
        found = "" if identity is None or identity.boundary is None else identity.boundary
        name = found.rpartition("/")[2]
        boundary = read_document(
            Place.BOUNDARY,
            name,
            who.boundary,
            origin=f"the permissions boundary {name}",
            shared=True,
            fixed=found in awspolicies.POLICIES,
        )
    session = None
    if who.session_policies is not None:
        session = tuple(_of_session(who))
    return tuple(_identity_policies(who)), boundary, session


def _identity_policies(who: Principal) -> Iterator[Document]:
    holder = _holder(who)
    for name, text in who.policies:
        source = PolicySource.read(name)
        if source is None:
            yield read_document(Place.IDENTITY, name, text, origin=f"the policy {name}", fixed=True)
            continue
        of = holder if source.group is None else f"the group {source.group}"
        short = source.policy.rpartition("/")[2]
        what = "inline" if source.inline else "AWS managed" if source.policy in awspolicies.POLICIES else "managed"
        yield read_document(
            Place.IDENTITY,
            name,
            text,
            origin=f"the {what} policy {short} of {of}",
            shared=not source.inline or source.group is not None,
            fixed=source.policy in awspolicies.POLICIES,
        )


def _holder(who: Principal) -> str:
    last = (who.role_arn or who.arn).rpartition("/")[2]
    if who.kind is PrincipalKind.ROOT:
        return "the root user"
    return f"the role {last}" if who.kind is PrincipalKind.ASSUMED_ROLE else f"the user {last}"


def _of_session(who: Principal) -> Iterator[Document]:
    """The policy that was passed for the session stands before the managed ones."""
    session = who.session
    passed = () if session is None or session.policy is None else ("the policy passed for the session",)
    names = (*passed, *(() if session is None else (f"the session policy {each}" for each in session.policy_arns)))
    for number, text in enumerate(who.session_policies or ()):
        origin = names[number] if number < len(names) else "a session policy"
        shared = not origin.startswith("the policy passed")
        yield read_document(Place.SESSION, f"session policy {number + 1}", text, origin=origin, shared=shared)
