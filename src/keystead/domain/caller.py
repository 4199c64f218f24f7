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
class Principal:
    """An identity of an account.

    ``arn`` is what policies and messages name; ``role_arn`` is the role behind a session. ``unique_id`` is AIDA…,
    AROA…:session, or the account id for the root user. ``policies`` are the texts of all identity policies that apply,
    by name."""

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
