"""What the model knows: accounts, keys and their materials, aliases, grants, and everything that calls brought forth.

Facts alone. What a call may do and what it answers is in `rules`; nothing here is taken from Keystead.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from tests.properties.tables import DAY

HOME, ABROAD = "us-east-1", "eu-west-1"
ACCOUNT, OTHER = "111122223333", "444455556666"


# --- callers and policies ------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Caller:
    """A user. ``mighty``: the identity policies allow everything; otherwise there are none."""

    name: str
    account: str
    mighty: bool

    @property
    def arn(self) -> str:
        return f"arn:aws:iam::{self.account}:user/{self.name}"


ADMIN = Caller("admin", ACCOUNT, mighty=True)
CLERK = Caller("clerk", ACCOUNT, mighty=False)
STRANGER = Caller("stranger", OTHER, mighty=True)
CALLERS = {caller.name: caller for caller in (ADMIN, CLERK, STRANGER)}


@dataclass(frozen=True)
class Policy:
    """A key policy. It leaves actions that begin so to the account's own policies (``trusts``), and besides forbids some
    to all, allows some to the clerk, some to the other account."""

    name: str
    forbidden: tuple[str, ...] = ()
    clerk: tuple[str, ...] = ()
    abroad: tuple[str, ...] = ()
    trusts: tuple[str, ...] = ("kms:",)

    def document(self) -> str:
        statements = [_statement("Allow", {"AWS": f"arn:aws:iam::{ACCOUNT}:root"}, ["kms:*"])]
        if self.forbidden:
            statements.append(_statement("Deny", "*", self.forbidden))
        if self.clerk:
            statements.append(_statement("Allow", {"AWS": CLERK.arn}, self.clerk))
        if self.abroad:
            statements.append(_statement("Allow", {"AWS": f"arn:aws:iam::{OTHER}:root"}, self.abroad))
        return json.dumps({"Version": "2012-10-17", "Id": self.name, "Statement": statements})


def _statement(effect: str, principal: Any, actions: Any) -> dict[str, Any]:
    return {"Effect": effect, "Principal": principal, "Action": list(actions), "Resource": "*"}


DEFAULT_POLICY = Policy("key-default-1")
#: Of an AWS managed key, for callers that are no service.
AWS_POLICY = Policy("auto", trusts=("kms:Describe", "kms:Get", "kms:List", "kms:RevokeGrant"))
_USES = ("kms:Encrypt", "kms:Decrypt", "kms:Sign", "kms:GenerateMac", "kms:DescribeKey", "kms:DisableKey")
POLICIES = {
    policy.name: policy
    for policy in (
        Policy("plain"),
        Policy("seals-nothing", forbidden=("kms:Encrypt", "kms:GenerateDataKey", "kms:ReEncryptTo")),
        Policy("trusts-the-clerk", clerk=_USES),
        Policy("shared-with-the-other-account", abroad=_USES),
    )
}


# --- keys ----------------------------------------------------------------------------------------------------------------


@dataclass(eq=False)
class Material:
    """One version of a key's material, shared by related multi-Region keys. ``id`` is "" until an answer has told it;
    ``secret`` what was imported, None where KMS made it. ``state``: CURRENT, NON_CURRENT or PENDING."""

    id: str = ""
    state: str = "CURRENT"
    secret: bytes | None = None
    rotated: float | None = None
    kind: str | None = None

    @property
    def lasting(self) -> bool:
        """It belongs to the key for good; what is pending may go again."""
        return self.state != "PENDING"


@dataclass(eq=False)
class Family:
    """What related multi-Region keys share; a single-Region key is a family of its own. ``public`` is the public key
    once it was told, ``period`` None while automatic rotation is off."""

    id: str
    spec: str
    usage: str
    origin: str
    multi_region: bool
    primary: str
    manager: str = "CUSTOMER"
    versions: list[Material] = field(default_factory=list)
    public: bytes | None = None
    period: int | None = None
    next_rotation: float | None = None

    @property
    def current(self) -> Material | None:
        return next((one for one in self.versions if one.state == "CURRENT"), None)

    @property
    def pending(self) -> Material | None:
        return next((one for one in self.versions if not one.lasting), None)

    def rotate(self, kind: str, now: float) -> None:
        """The next material becomes current: the one that waits, or a fresh one whose id nobody knows yet."""
        new = self.pending or Material()
        if self.current is not None:
            self.current.state = "NON_CURRENT"
        new.state, new.rotated, new.kind = "CURRENT", now, kind
        if new not in self.versions:
            self.versions.append(new)


@dataclass(eq=False)
class Import:
    """Imported material as one Region has it."""

    expires: float | None
    description: str | None = None


@dataclass(eq=False)
class Key:
    """A key in its Region. ``enabled`` is what EnableKey and DisableKey set, ``window`` the waiting period of a primary
    whose replicas have to go first."""

    family: Family
    region: str
    created: float
    description: str
    policy: Policy
    tags: dict[str, str] = field(default_factory=dict)
    enabled: bool = True
    deletion: float | None = None
    window: int | None = None
    imports: dict[Material, Import] = field(default_factory=dict)
    grants: dict[str, Grant] = field(default_factory=dict)
    last_use: tuple[str, float] | None = None

    @property
    def id(self) -> str:
        return self.family.id

    @property
    def arn(self) -> str:
        return f"arn:aws:kms:{self.region}:{ACCOUNT}:key/{self.id}"

    @property
    def primary(self) -> bool:
        return self.region == self.family.primary

    @property
    def imported(self) -> bool:
        return self.family.origin == "EXTERNAL"

    def holds(self, material: Material, now: float) -> bool:
        """Whether the bytes are here. What waits to be rotated to outlives its end."""
        if not self.imported:
            return True
        held = self.imports.get(material)
        return held is not None and (held.expires is None or held.expires > now or not material.lasting)

    def complete(self, now: float) -> bool:
        """Every material that belongs to the key for good is here."""
        lasting = [one for one in self.family.versions if one.lasting]
        return bool(lasting) and all(self.holds(one, now) for one in lasting)

    def gone(self, now: float) -> bool:
        return self.deletion is not None and now >= self.deletion

    def state(self, now: float) -> str:
        if self.deletion is not None:
            return "PendingDeletion"
        if self.window is not None:
            return "PendingReplicaDeletion"
        if not self.complete(now):
            return "PendingImport"
        return "Enabled" if self.enabled else "Disabled"


@dataclass(eq=False)
class Alias:
    name: str
    region: str
    key: Key
    created: float
    updated: float

    @property
    def arn(self) -> str:
        return f"arn:aws:kms:{self.region}:{ACCOUNT}:{self.name}"


@dataclass(eq=False)
class Grant:
    id: str
    key: Key
    grantee: str
    retiring: str | None
    operations: list[str]
    constraints: dict[str, dict[str, str]]
    name: str | None
    created: float
    issuing_account: str
    tokens: list[str] = field(default_factory=list)


# --- what calls bring forth ------------------------------------------------------------------------------------------------


@dataclass(eq=False)
class Offer:
    """What GetParametersForImport gave: how material is to be wrapped for one key."""

    key: Key
    algorithm: str
    public_key: bytes
    token: bytes
    expires: float


@dataclass(frozen=True)
class Sealed:
    """A ciphertext: what opens it, and what is in it; its size, or None, when nobody was told."""

    data: bytes
    family: Family
    algorithm: str
    material: Material | None
    context: Mapping[str, str]
    holds: bytes | int | None


@dataclass(frozen=True)
class Proof:
    """A signature or a MAC over a message."""

    data: bytes
    family: Family
    algorithm: str
    message: bytes
    message_type: str


class World:
    """Everything there is, at one moment. ``wrapped``: what was wrapped for import, with which public key."""

    def __init__(self, now: float) -> None:
        self.now = now
        self.keys: list[Key] = []
        self.aliases: dict[tuple[str, str], Alias] = {}
        self.sealed: dict[bytes, Sealed] = {}
        self.proofs: list[Proof] = []
        self.secrets: dict[bytes, tuple[Family, bytes]] = {}
        self.offers: list[Offer] = []
        self.grants: list[Grant] = []
        self.wrapped: dict[bytes, tuple[bytes, bytes]] = {}

    def living(self, region: str | None = None) -> Iterator[Key]:
        return (key for key in self.keys if not key.gone(self.now) and region in {None, key.region})

    def key(self, region: str, key_id: str) -> Key | None:
        return next((key for key in self.living(region) if key.id == key_id), None)

    def alias(self, region: str, name: str) -> Alias | None:
        found = self.aliases.get((region, name))
        return None if found is None or found.key.gone(self.now) else found

    def related(self, family: Family) -> list[Key]:
        """The keys of a family that there are."""
        return [key for key in self.living() if key.family is family]

    def due(self) -> Iterator[tuple[float, str]]:
        """When what will happen by itself."""
        for key in self.living():
            family = key.family
            if key.deletion is not None:
                yield key.deletion, "deletion"
            if key.primary and family.next_rotation is not None and key.state(self.now) == "Enabled":
                yield family.next_rotation, "rotation"
            for material, held in key.imports.items():
                if held.expires is not None and material.lasting:
                    yield held.expires, "expiry"

    def happen(self) -> None:
        """What is due now: primaries whose replicas are gone begin to wait themselves, keys rotate."""
        for key in self.living():
            family = key.family
            if key.window is not None and self.related(family) == [key]:
                key.deletion, key.window = self.now + key.window * DAY, None
            due = family.next_rotation
            if key.primary and due is not None and due <= self.now and key.state(self.now) == "Enabled":
                family.rotate("AUTOMATIC", self.now)
                family.next_rotation = self.now + (family.period or 0) * DAY

    def known(self, blob: bytes) -> tuple[Sealed | None, bool]:
        """The ciphertext that these bytes are, and whether they are intact."""
        found = self.sealed.get(blob)
        return (found, True) if found is not None else (self.sealed.get(damaged(blob)), False)


def damaged(blob: bytes) -> bytes:
    """The last bit turned; twice is none."""
    return blob[:-1] + bytes([blob[-1] ^ 1])
