"""Principals of key policies and trust policies: whom a statement names, and how closely.

Guarantees: no principal is matched by pattern, only by its whole name, its account, or by ``*`` for everybody. A
group, a partial wildcard or a name that is not a principal's is refused when the policy is read.

Does not know whether a principal exists: `Principals.identities` lists the users and roles named, for who does. An
identity provider is named by ``Federated`` alone, and only a web identity that asks for a session comes from one; the
sessions that come of it are named by their own ARN.

A session is matched by its own ARN and by the identity behind it, which `Principal.role_arn` holds: the role of a
role session, and for the session of a federated user the user who asked for it. A service principal's ``arn`` is its
name, ``logs.eu-central-1.amazonaws.com``, that of a web identity its provider's.

Source: "AWS JSON policy elements: Principal" and "NotPrincipal" (IAM user guide).
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import IntEnum
from typing import Final

from keystead import errors
from keystead.domain.caller import Principal, PrincipalKind


class Named(IntEnum):
    """How a statement names the caller, from not at all to so directly that nothing but an explicit deny limits it.

    ACCOUNT by its account alone; CAPPED by the role or user behind its session, so that boundary and session policies
    still limit; USER by the user's own ARN, which a session policy limits; SELF by the very session, service or
    account root.
    """

    NOBODY = 0
    ACCOUNT = 1
    CAPPED = 2
    USER = 3
    SELF = 4


# How "*" names a caller of the key's own account: as the statement would that named its user, or the role behind its
# session.
_EVERYBODY: Final = {
    PrincipalKind.ROOT: Named.SELF,
    PrincipalKind.USER: Named.USER,
    PrincipalKind.ASSUMED_ROLE: Named.CAPPED,
    PrincipalKind.FEDERATED_USER: Named.CAPPED,
    PrincipalKind.SERVICE: Named.ACCOUNT,
    PrincipalKind.WEB_IDENTITY: Named.ACCOUNT,
}

# "*" means them in a Deny; an Allow has to name them by their own kind, for it makes nobody one of the account's own.
WITHOUT_ACCOUNT: Final = frozenset({PrincipalKind.SERVICE, PrincipalKind.WEB_IDENTITY})

# The names of principals, wherever they are named.
ACCOUNT_ID: Final = re.compile(r"\d{12}", re.ASCII)
ROOT: Final = re.compile(r"arn:aws:iam::(\d{12}):root", re.ASCII)
IDENTITY: Final = re.compile(r"arn:aws:iam::(\d{12}):(?:user|role)/(?:[!-)+-.0->@-~]+/)*[\w+=,.@-]{1,128}", re.ASCII)
ROLE_SESSION: Final = re.compile(
    r"arn:aws:sts::(\d{12}):assumed-role/([\w+=,.@-]{1,64})/([\w+=,.@:-]{1,128})", re.ASCII
)
FEDERATED_USER: Final = re.compile(r"arn:aws:sts::(\d{12}):federated-user/([\w+=,.@:-]{1,64})", re.ASCII)
UNIQUE_ID: Final = re.compile(r"(?:AIDA|AROA)[A-Z0-9]{8,124}", re.ASCII)
SERVICE: Final = re.compile(r"(?:[a-z0-9-]+\.){1,4}amazonaws\.com(?:\.cn)?", re.ASCII)

FEDERATED: Final = re.compile(
    r"arn:aws:iam::\d{12}:(?:oidc|saml)-provider/[!-)+-~]+|(?:[a-z0-9-]+\.)+[a-z0-9-]+", re.ASCII | re.IGNORECASE
)

_WHOLE_ARNS: Final = (IDENTITY, ROLE_SESSION, FEDERATED_USER)
NAMES: Final = (ACCOUNT_ID, ROOT, *_WHOLE_ARNS, UNIQUE_ID)
"""The forms of the names of AWS principals."""


@dataclass(frozen=True, slots=True, eq=False)
class Principals:
    """The value of a Principal or NotPrincipal element."""

    everybody: bool
    accounts: frozenset[str]
    arns: frozenset[str]
    unique_ids: frozenset[str]
    services: frozenset[str]
    federated: frozenset[str] = frozenset()

    @property
    def identities(self) -> frozenset[str]:
        """The users and roles named, by ARN or unique id."""
        return frozenset(name for name in self.arns if ":iam:" in name) | self.unique_ids

    def naming(self, who: Principal) -> Named:
        """How the element names the principal."""
        kind = who.kind
        if kind in WITHOUT_ACCOUNT:
            if self._stranger(who):
                return Named.SELF
            return Named.ACCOUNT if self.everybody else Named.NOBODY
        if self.arns and who.arn in self.arns:
            return Named.USER if kind is PrincipalKind.USER else Named.SELF
        best = _EVERYBODY[kind] if self.everybody else Named.NOBODY
        if best < Named.USER and self.unique_ids and who.identity_id in self.unique_ids:
            best = Named.USER if kind is PrincipalKind.USER else Named.CAPPED
        if best < Named.CAPPED:
            if who.role_arn is not None and who.role_arn in self.arns:
                return Named.CAPPED
            if who.account in self.accounts:
                return Named.SELF if kind is PrincipalKind.ROOT else Named.ACCOUNT
        return best

    def spares(self, who: Principal) -> bool:
        """As NotPrincipal: are all names of the principal listed (its account, the role behind it, itself), so that
        it is exempt.
        """
        if self.everybody:
            return True
        if who.kind in WITHOUT_ACCOUNT:
            return self._stranger(who)
        if who.account not in self.accounts:
            return False
        if who.kind is PrincipalKind.ROOT:
            return True
        by_id = who.identity_id in self.unique_ids
        if who.kind is PrincipalKind.USER:
            return by_id or who.arn in self.arns
        return who.arn in self.arns and (who.role_arn is None or by_id or who.role_arn in self.arns)

    def _stranger(self, who: Principal) -> bool:
        """Is the principal, which is of no account, named by its own kind."""
        return who.arn in (self.services if who.kind is PrincipalKind.SERVICE else self.federated)


def compile_principals(element: str | Mapping[str, Iterable[str]]) -> Principals:
    """``"*"``, or the names by kind of principal, checked for their form."""
    if isinstance(element, str):
        element = {"AWS": (element,)} if element == "*" else {"": ()}
    everybody = False
    accounts: set[str] = set()
    arns: set[str] = set()
    unique_ids: set[str] = set()
    services: set[str] = set()
    federated: set[str] = set()
    for kind, names in element.items():
        for name in names:
            if kind == "AWS" and name == "*":
                everybody = True
            elif kind == "AWS" and ACCOUNT_ID.fullmatch(name):
                accounts.add(name)
            elif kind == "AWS" and (root := ROOT.fullmatch(name)):
                accounts.add(root[1])
            elif kind == "AWS" and any(form.fullmatch(name) for form in _WHOLE_ARNS):
                arns.add(name)
            elif kind == "AWS" and UNIQUE_ID.fullmatch(name):
                unique_ids.add(name)
            elif kind == "Service" and SERVICE.fullmatch(name):
                services.add(name)
            elif kind == "Federated" and name and "*" not in name:
                federated.add(name)
            else:
                raise invalid_principals()
        if kind not in {"AWS", "Service", "Federated"}:
            # CanonicalUser too: it is S3's spelling of an account, and there is nothing here that could say which.
            raise invalid_principals()
    return Principals(
        everybody,
        frozenset(accounts),
        frozenset(arns),
        frozenset(unique_ids),
        frozenset(services),
        frozenset(federated),
    )


def invalid_principals() -> errors.Refusal:
    return errors.malformed_policy("Policy contains a statement with one or more invalid principals.")
