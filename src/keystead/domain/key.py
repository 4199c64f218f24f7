"""What a key is: its facts, without its material.

Everything here is an immutable value. Material exists only as bytes that are wrapped under another key
(`WrappedMaterial`); the one place that unwraps them is the gate in `services.call`."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum

from keystead.domain import arn


class KeyState(StrEnum):
    """AWS's key states. ``Enabled`` in the metadata is true in ENABLED only."""

    ENABLED = "Enabled"
    DISABLED = "Disabled"
    PENDING_DELETION = "PendingDeletion"
    PENDING_IMPORT = "PendingImport"
    PENDING_REPLICA_DELETION = "PendingReplicaDeletion"
    UNAVAILABLE = "Unavailable"
    CREATING = "Creating"
    UPDATING = "Updating"


@dataclass(frozen=True, slots=True)
class Key:
    """One KMS key of one account in one region.

    Times are seconds since the epoch. ``ref`` is the opaque 16-byte name by which ciphertexts refer to this key; it
    tells nothing about the key. ``material_id`` names the current material (64 hex digits). ``tags`` are in the order
    they were given."""

    account: str
    region: str
    key_id: str
    ref: bytes
    spec: str
    usage: str
    origin: str
    manager: str
    state: KeyState
    description: str
    created: float
    policy: str
    material_id: str | None = None
    deletion_date: float | None = None
    multi_region: bool = False
    tags: tuple[tuple[str, str], ...] = ()
    arn: str = field(init=False, compare=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "arn", arn.key_arn(self.region, self.account, self.key_id))

    def exists(self, now: float) -> bool:
        """False from the deletion date on, whether or not the rows are gone yet: deletion is a fact that time
        decides."""
        return not (
            self.state is KeyState.PENDING_DELETION and self.deletion_date is not None and now >= self.deletion_date
        )


@dataclass(frozen=True, slots=True)
class Alias:
    """A name for a key. ``name`` carries its ``alias/`` prefix; times are seconds since the epoch."""

    account: str
    region: str
    name: str
    key_id: str
    created: float
    updated: float

    @property
    def arn(self) -> str:
        return arn.alias_arn(self.region, self.account, self.name)


@dataclass(frozen=True, slots=True)
class WrappedMaterial:
    """One version of a key's material, wrapped under the key's own wrap key; ``version`` counts from 1."""

    account: str
    region: str
    key_id: str
    material_id: str
    version: int
    spec: str
    wrapped: bytes = field(repr=False)
    created: float


@dataclass(frozen=True, slots=True)
class WrappedKey:
    """A key's wrap key, wrapped under its account key. Destroying this row shreds the key."""

    account: str
    region: str
    key_id: str
    wrapped: bytes = field(repr=False)
