"""Whom a grant names, and whether a caller is meant.

Guarantees: a grant to a user or a role is bound to its unique id, a grant to a session to the role's id and the name
of the session: whoever gets the name later does not get the grant. What is no principal's name is refused by its form
alone; whether a user, role or account exists is asked of the store by whoever has one.

Does not know the user behind a federated session: the session has no unique id of the user, so a grant to the user is
not the session's.

Source: "Grant concepts" (AWS KMS developer guide); "IAM identifiers" (IAM user guide)."""

from __future__ import annotations

from enum import Enum
from typing import Final, NamedTuple

from keystead import errors
from keystead.domain import arn
from keystead.domain.caller import Principal, PrincipalKind
from keystead.domain.grants import RETIRE_GRANT, Grant
from keystead.domain.policy import principals

# --- how a request names a principal ----------------------------------------------------------------------------------


class Form(Enum):
    """The ways to name a principal."""

    ACCOUNT = "an account by its root ARN or its id"
    IDENTITY = "a user or a role by ARN"
    ROLE_SESSION = "a session of a role by ARN"
    FEDERATED_USER = "a federated user by ARN"
    UNIQUE_ID = "a user, role or session of a role by unique id"
    SERVICE = "a service"


class Name(NamedTuple):
    """A principal as a request names it. ``account`` is known of an ARN, ``role`` is the name of the session's role or
    the unique id, ``session`` the name of a session or of a federated user."""

    form: Form
    text: str
    account: str = ""
    role: str = ""
    session: str = ""


class Bound(NamedTuple):
    """A principal that exists. ``identity`` is what grants are bound to: the unique id of a user, role or session, the
    ARN of an account's root, a service's name. ``shown`` is its ARN, or the service's name."""

    identity: str
    shown: str


def parse(text: str) -> Name | None:
    """The form of a principal's name; None where the text is no such name. Refuses a malformed ARN
    (InvalidArnException)."""
    if principals.ACCOUNT_ID.fullmatch(text):
        return Name(Form.ACCOUNT, arn.root_arn(text), text)
    if not text.startswith("arn:"):
        identity, _, session = text.partition(":")
        if principals.UNIQUE_ID.fullmatch(identity) and (not session or identity.startswith("AROA")):
            return Name(Form.UNIQUE_ID, text, role=identity, session=session)
        return Name(Form.SERVICE, text) if principals.SERVICE.fullmatch(text) else None
    if found := principals.ROOT.fullmatch(text):
        return Name(Form.ACCOUNT, text, found[1])
    if found := principals.IDENTITY.fullmatch(text):
        return Name(Form.IDENTITY, text, found[1])
    if found := principals.ROLE_SESSION.fullmatch(text):
        return Name(Form.ROLE_SESSION, text, *found.groups())
    if found := principals.FEDERATED_USER.fullmatch(text):
        return Name(Form.FEDERATED_USER, text, found[1], session=found[2])
    raise errors.invalid_arn(f"ARN is not valid: {text}")


def bind_session(role_arn: str, role_id: str, session: str) -> Bound:
    """A session of a role. Its ARN has the role's name without the path."""
    parsed = arn.parse(role_arn)
    account = "" if parsed is None else parsed.account
    name = role_arn.rpartition("/")[2]
    return Bound(f"{role_id}:{session}", f"arn:{arn.PARTITION}:sts::{account}:assumed-role/{name}/{session}")


def bind_federated(account: str, name: str) -> Bound:
    """A federated user, who is known by the account and a name alone."""
    return Bound(f"{account}:{name}", f"arn:{arn.PARTITION}:sts::{account}:federated-user/{name}")


def identified(identity: str) -> tuple[str, str] | None:
    """The unique id of a user or role in a grant's identity, and the name of the session or an empty text; None where
    the identity is of another kind."""
    found, _, session = identity.partition(":")
    return (found, session) if principals.UNIQUE_ID.fullmatch(found) else None


def federated(identity: str) -> Bound | None:
    """The federated user of a grant's identity, None where it is of another kind."""
    account, _, name = identity.partition(":")
    return bind_federated(account, name) if name and principals.ACCOUNT_ID.fullmatch(account) else None


# --- whether a caller is meant ----------------------------------------------------------------------------------------


class Bearer(NamedTuple):
    """One of the identities under which a caller may hold grants.

    ``direct``: the caller itself, not the role behind its session. ``account``: its account, whose identity policies
    then decide."""

    identity: str
    direct: bool = False
    account: bool = False


def bearers(who: Principal) -> tuple[Bearer, ...]:
    """All identities of a caller, the closest first."""
    if who.kind is _SERVICE:
        return (Bearer(who.arn, direct=True),)
    root = arn.root_arn(who.account)
    if who.kind is _ROOT:
        return (Bearer(root, direct=True),)
    itself = Bearer(who.unique_id, direct=True)
    if who.kind is _ASSUMED_ROLE:
        return itself, Bearer(who.unique_id.partition(":")[0]), Bearer(root, account=True)
    return itself, Bearer(root, account=True)


def retirers(grant: Grant) -> frozenset[str]:
    """The identities that may retire the grant: the retiring principal, and the grantee if RetireGrant is among its
    operations."""
    found = set() if grant.retiring is None else {grant.retiring}
    if RETIRE_GRANT in grant.operations:
        found.add(grant.grantee)
    return frozenset(found)


class Standing(NamedTuple):
    """What grants say for a call (`policy.decide.Question` says what each means)."""

    grants: bool = False
    direct: bool = False
    own_account: bool = False
    account: bool = False


NO_STANDING: Final = Standing()


def is_foreign(who: Principal, account: str) -> bool:
    """Does the caller come from another account than the key's. A service has no account to come from."""
    return who.account != account and who.kind is not _SERVICE


def of_grant(grant: Grant, who: Principal, identities: frozenset[str]) -> Standing:
    """What this one grant says for a caller if it lets these identities do what is asked."""
    found = NO_STANDING
    own = grant.issuing_account == arn.root_arn(who.account)
    for bearer in bearers(who):
        if bearer.identity in identities:
            found = joined(found, bearer, own=own, foreign=is_foreign(who, grant.account))
    return found


def joined(found: Standing, bearer: Bearer, *, own: bool, foreign: bool) -> Standing:
    """``found`` and one grant more, borne by ``bearer``; ``own``: its issuer is of the caller's account.

    Across accounts only a grant that is both direct and of the caller's own account frees from all limits: two grants
    that are one each do not make up for one another."""
    if bearer.account:
        return found._replace(account=True)
    return Standing(
        grants=True,
        direct=found.direct or (bearer.direct and (own or not foreign)),
        own_account=found.own_account or (own and foreign),
        account=found.account,
    )


# Members of an enumeration are slow to look up on their class; these are on the path of calls.
_ROOT, _ASSUMED_ROLE, _SERVICE = PrincipalKind.ROOT, PrincipalKind.ASSUMED_ROLE, PrincipalKind.SERVICE
