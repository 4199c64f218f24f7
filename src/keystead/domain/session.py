"""A session: what temporary credentials stand for, from the moment they are issued to their end.

Guarantees: a session says whom it is of by unique id, so that a role or user who gets the name later does not get the
session; it holds references to what may change (the identity, its policies, managed session policies) and never a
copy, so that a change is in force at the next call. Does not say whether that identity still exists: whoever opens a
session asks the store.

Sources: "Temporary security credentials in IAM" and "Pass session tags in AWS STS" (IAM user guide)."""

from __future__ import annotations

from typing import Final

import msgspec

from keystead.domain import arn
from keystead.domain.caller import PrincipalKind

#: Seconds.
SHORTEST: Final = 900
DEFAULT_OF_ROLE: Final = 3_600
LONGEST_CHAINED: Final = 3_600
LONGEST_OF_ROOT: Final = 3_600
DEFAULT_OF_USER: Final = 43_200

#: How many tags a session has, those that it inherits included, and how many managed policies are its session policies.
MOST_TAGS: Final = 50
MOST_POLICY_ARNS: Final = 10


class Session(msgspec.Struct, frozen=True, array_like=True):
    """One session.

    ``kind`` is AssumedRole, FederatedUser, or for a session of GetSessionToken that of the identity itself (IAMUser,
    Root). ``identity`` is the ARN of the role, user or root behind it and ``unique_id`` that identity's. ``name`` is the
    role session's or the federated user's, empty where there is none. ``issued`` and ``expires`` are whole seconds
    since the epoch. ``policy`` is the inline session policy, ``policy_arns`` are managed policies that are session
    policies too. ``tags`` are those of the session itself, ``transitive`` the keys of those that a chained session
    inherits. ``provider`` is the identity provider's ARN or host, of a web identity alone, ``subject`` whom it named."""

    kind: PrincipalKind
    identity: str
    unique_id: str
    name: str
    issued: int
    expires: int
    policy: str | None = None
    policy_arns: tuple[str, ...] = ()
    tags: tuple[tuple[str, str], ...] = ()
    transitive: tuple[str, ...] = ()
    source_identity: str | None = None
    provider: str | None = None
    subject: str | None = None

    @property
    def account(self) -> str:
        parsed = arn.parse(self.identity)
        return "" if parsed is None else parsed.account

    @property
    def arn(self) -> str:
        """What policies and messages name."""
        if self.kind is PrincipalKind.ASSUMED_ROLE:
            return assumed_role_arn(self.identity, self.name)
        if self.kind is PrincipalKind.FEDERATED_USER:
            return f"arn:{arn.PARTITION}:sts::{self.account}:federated-user/{self.name}"
        return self.identity

    @property
    def principal_id(self) -> str:
        """``aws:userid``: AROA…:session, account:name, or the identity's own."""
        if self.kind is PrincipalKind.ASSUMED_ROLE:
            return f"{self.unique_id}:{self.name}"
        if self.kind is PrincipalKind.FEDERATED_USER:
            return f"{self.account}:{self.name}"
        return self.unique_id

    @property
    def limited(self) -> bool:
        """Whether session policies limit it. A federated user always is: without any it may do nothing by itself."""
        return self.kind is PrincipalKind.FEDERATED_USER or self.policy is not None or bool(self.policy_arns)

    def inherited(self) -> tuple[tuple[str, str], ...]:
        """The tags that a role session has which is assumed with this one."""
        passed = {key.lower() for key in self.transitive}
        return tuple((key, value) for key, value in self.tags if key.lower() in passed)


def assumed_role_arn(role_arn: str, name: str) -> str:
    """A role session's ARN: the role's without its path."""
    parsed = arn.parse(role_arn)
    account = "" if parsed is None else parsed.account
    return f"arn:{arn.PARTITION}:sts::{account}:assumed-role/{role_arn.rpartition('/')[2]}/{name}"


def overlaid(tags: tuple[tuple[str, str], ...], by: tuple[tuple[str, str], ...]) -> tuple[tuple[str, str], ...]:
    """The tags of an identity under those of its session: the session's count, whatever the case of the key."""
    if not by:
        return tags
    over = {key.lower() for key, _ in by}
    return (*((key, value) for key, value in tags if key.lower() not in over), *by)
