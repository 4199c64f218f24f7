"""Who calls: the principal a signature proved, and what is known of it.

A `Caller` is made in one place only, where a signature has been verified. `via` is set inside the process when a
service acts for somebody; nothing that arrives on a socket can set it."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

import msgspec


class PrincipalKind(StrEnum):
    """The values of CloudTrail's ``userIdentity.type`` that this version makes.

    A service and a web identity are of no account: ``arn`` is the service's name, or the ARN of the identity provider
    that vouches for the web identity while it asks for a session (AssumeRoleWithWebIdentity, and nothing else)."""

    ROOT = "Root"
    USER = "IAMUser"
    ASSUMED_ROLE = "AssumedRole"
    FEDERATED_USER = "FederatedUser"
    SERVICE = "AWSService"
    WEB_IDENTITY = "WebIdentityUser"


@dataclass(frozen=True, slots=True)
class Session:
    """What a session token says of whom it was issued to, as it was when it was issued. No secret.

    ``kind`` is that of the caller: a session of a role, a federated user, or the user or root user itself
    (GetSessionToken). ``identity_id`` is the unique id of the stored identity behind it: the role, or the user who asked
    for the token. ``name`` is the name of the session or of the federated user, empty where it has none. ``issued`` and
    ``expires`` are seconds since the epoch. ``policy`` is the text of the session policy that was passed, ``policy_arns``
    the managed policies that were passed besides. ``tags`` are session tags, ``transitive`` the keys of those that go on
    to sessions made from this one. ``provider`` is who vouched for a federated caller (aws:FederatedProvider), ``claims``
    what it said (condition key, value)."""

    kind: PrincipalKind
    account: str
    identity_id: str
    name: str
    issued: float
    expires: float
    policy: str | None = field(default=None, repr=False)
    policy_arns: tuple[str, ...] = ()
    tags: tuple[tuple[str, str], ...] = ()
    transitive: tuple[str, ...] = ()
    source_identity: str | None = None
    provider: str | None = None
    claims: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True, slots=True)
class Token:
    """A session token that was opened: the access key that it makes valid, and the session."""

    access_key_id: str
    secret: bytes = field(repr=False)
    session: Session


@dataclass(frozen=True, slots=True)
class Principal:
    """Who a call is decided for: an identity of an account with everything that speaks for and about it from its own
    side.

    ``arn`` is what policies and messages name; ``role_arn`` is the role behind a session, or the user behind a federated
    one. ``unique_id`` is AIDA…, AROA…:session, account:name of a federated user, or the account id for the root user;
    ``source_id`` the unique id of the user behind a federated session. ``policies`` are the texts of all identity policies
    that apply, its own and its groups', by name (`identity.PolicySource`); ``boundary`` is the text of its permissions
    boundary. ``session`` says what else its token tells, None without one; ``session_policies`` are the texts that limit
    it, None where nothing does."""

    kind: PrincipalKind
    account: str
    arn: str
    unique_id: str
    name: str | None = None
    role_arn: str | None = None
    tags: tuple[tuple[str, str], ...] = ()
    policies: tuple[tuple[str, str], ...] = field(default=(), repr=False)
    boundary: str | None = field(default=None, repr=False)
    session_policies: tuple[str, ...] | None = field(default=None, repr=False)
    session: Session | None = None
    source_id: str | None = None

    @property
    def identity_id(self) -> str:
        """The unique id of the stored identity whose policies these are."""
        return self.source_id or self.unique_id.partition(":")[0]


@dataclass(frozen=True, slots=True)
class Credential:
    """An access key: what verifies a signature, and whom it proves.

    ``signing_keys`` caches what the signature check derives of the secret, by (date, region, service); it lives and dies
    with the credential, so a changed or deleted access key takes its derived keys along."""

    access_key_id: str
    secret: bytes = field(repr=False)
    principal: Principal
    active: bool = True
    session_token: str | None = field(default=None, repr=False)
    expires: float | None = None
    signing_keys: dict[tuple[str, str, str], Any] = field(default_factory=dict, repr=False, compare=False)


@dataclass(frozen=True, slots=True)
class Via:
    """A service that acts for the caller: sources of kms:ViaService, aws:CalledVia and CloudTrail's invokedBy."""

    service: str
    chain: tuple[str, ...] = ()


class Caller(msgspec.Struct, frozen=True):
    """One authenticated caller in one region. Made for every call, so it is a structure that is made in C."""

    principal: Principal
    access_key_id: str
    region: str
    via: Via | None = None

    @property
    def account(self) -> str:
        return self.principal.account

    @property
    def arn(self) -> str:
        return self.principal.arn
