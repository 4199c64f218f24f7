"""The identities of an account as they are stored: its root user, users, groups and roles, and the managed policies that
they refer to.

Guarantees: a value is all that decides about an identity from its own side, in one piece, so that a Deny cannot be
taken out by itself. Does not say what an identity may do: policies of groups, managed policies and the boundary are
references here, and `services.effective` puts them together to the `domain.caller.Principal` that a decision is given.

Names are unique in an account among their like, irrespective of case; a unique id is never used twice, so whoever gets
the name later is somebody else.

Source: "IAM identifiers", "Managed policies and inline policies", "Permissions boundaries" (AWS IAM user guide)."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from typing import Final, NamedTuple, Self

from keystead.domain import arn as arns

#: Seconds for which a session of a role lasts at most, where the role does not say otherwise.
MAX_SESSION: Final = 3_600


class IdentityKind(StrEnum):
    """What can hold credentials. A group cannot, and is not one."""

    ROOT = "Root"
    USER = "User"
    ROLE = "Role"


@dataclass(frozen=True, slots=True)
class Identity:
    """The root user of an account, a user, or a role.

    ``path`` begins and ends with a slash. ``unique_id`` is AIDA… of a user, AROA… of a role, the account id of the root
    user. ``inline`` are its own policies, (name, text), ascending by name; ``attached`` the ARNs of managed policies in
    order of attachment; ``boundary`` the ARN of the managed policy that is its permissions boundary; ``groups`` the
    names of a user's groups in the order in which it was added. Of a role alone: ``trust``, the text of its trust
    policy, ``description``, and ``max_session`` in seconds."""

    kind: IdentityKind
    account: str
    path: str
    name: str
    unique_id: str
    created: float
    tags: tuple[tuple[str, str], ...] = ()
    inline: tuple[tuple[str, str], ...] = field(default=(), repr=False)
    attached: tuple[str, ...] = ()
    boundary: str | None = None
    groups: tuple[str, ...] = ()
    trust: str | None = field(default=None, repr=False)
    description: str | None = None
    max_session: int = MAX_SESSION

    @classmethod
    def root(cls, account: str, created: float) -> Self:
        """The root user of an account: no policy of its own, and nothing that limits it."""
        return cls(IdentityKind.ROOT, account, "/", "root", account, created)

    @property
    def arn(self) -> str:
        if self.kind is IdentityKind.USER:
            return arns.user_arn(self.account, self.path, self.name)
        if self.kind is IdentityKind.ROLE:
            return arns.role_arn(self.account, self.path, self.name)
        return arns.root_arn(self.account)


@dataclass(frozen=True, slots=True)
class Group:
    """A group of users of an account. Who is in it stands in the users' own rows (`Identity.groups`). ``inline`` and
    ``attached`` as those of an `Identity`; ``unique_id`` is AGPA…."""

    account: str
    path: str
    name: str
    unique_id: str
    created: float
    inline: tuple[tuple[str, str], ...] = field(default=(), repr=False)
    attached: tuple[str, ...] = ()

    @property
    def arn(self) -> str:
        return arns.group_arn(self.account, self.path, self.name)


class PolicyVersion(NamedTuple):
    """One version of a managed policy; ``number`` 3 is ``v3`` at the wire."""

    number: int
    text: str
    created: float


@dataclass(frozen=True, slots=True)
class ManagedPolicy:
    """A policy with an ARN of its own, of an account or (``account`` is `AWS`) of AWS itself.

    ``default`` is the number of the version in force, ``newest`` the highest that was ever given: a deleted number is
    not used again. ``versions`` ascend by number. ``unique_id`` is ANPA…. ``updated``: when a version was last made."""

    account: str
    path: str
    name: str
    unique_id: str
    created: float
    updated: float
    description: str
    default: int
    newest: int
    versions: tuple[PolicyVersion, ...] = field(repr=False)
    tags: tuple[tuple[str, str], ...] = ()

    @property
    def arn(self) -> str:
        return arns.policy_arn(self.account, self.path, self.name)

    @property
    def text(self) -> str:
        """The text of the version in force."""
        return self.version(self.default).text

    def version(self, number: int) -> PolicyVersion:
        """The version of that number. Raises KeyError where there is none."""
        for version in self.versions:
            if version.number == number:
                return version
        raise KeyError(number)


#: In place of an account in the ARNs of AWS managed policies.
AWS: Final = "aws"


# --- where a policy of a principal comes from ------------------------------------------------------------------------


class PolicySource(NamedTuple):
    """Where one of a principal's identity policies comes from: its own or its ``group``'s, ``inline`` or attached.
    ``policy`` is the name of an inline policy or the ARN of a managed one.

    As a text it is the name that the policy has in `Principal.policies`. Names of groups and policies hold no slash and
    no colon, so it reads back as it was."""

    policy: str
    inline: bool
    group: str | None = None

    def __str__(self) -> str:
        of_group = "" if self.group is None else f"group:{self.group}/"
        return f"{of_group}{'inline' if self.inline else 'attached'}:{self.policy}"

    @classmethod
    def read(cls, text: str) -> PolicySource | None:
        """The source that a policy's name tells; None where it tells none."""
        group: str | None = None
        if text.startswith("group:"):
            group, slash, text = text.removeprefix("group:").partition("/")
            if not slash:
                return None
        how, _, policy = text.partition(":")
        return cls(policy, how == "inline", group) if how in {"inline", "attached"} and policy else None
