"""What a key is: its facts, without its material.

Everything here is an immutable value. Material exists only as bytes that are wrapped under another key
(`WrappedMaterial`); the one place that unwraps them is the gate in `services.gate`. What is known of a material
beside its bytes is a `Material`, which stays when the bytes of an imported one are deleted. Times are seconds since
the epoch."""

from __future__ import annotations

import math
from dataclasses import dataclass, field, replace
from enum import StrEnum
from typing import Final

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


#: The origin of keys whose material is imported.
EXTERNAL: Final = "EXTERNAL"

_USABLE: Final = frozenset({KeyState.ENABLED, KeyState.DISABLED})


class MaterialState(StrEnum):
    """KeyMaterialState as ListKeyRotations shows it."""

    CURRENT = "CURRENT"
    NON_CURRENT = "NON_CURRENT"
    PENDING_ROTATION = "PENDING_ROTATION"
    PENDING_MULTI_REGION_IMPORT_AND_ROTATION = "PENDING_MULTI_REGION_IMPORT_AND_ROTATION"


class RotationType(StrEnum):
    AUTOMATIC = "AUTOMATIC"
    ON_DEMAND = "ON_DEMAND"


class ExpirationModel(StrEnum):
    EXPIRES = "KEY_MATERIAL_EXPIRES"
    DOES_NOT_EXPIRE = "KEY_MATERIAL_DOES_NOT_EXPIRE"


@dataclass(frozen=True, slots=True)
class Key:
    """One KMS key of one account in one region.

    ``ref`` is the opaque 16-byte name by which ciphertexts refer to this key; it tells nothing about the key. Related
    multi-Region keys share it, with the key id and the ids of their material, so within one region it is unique.
    ``material_id`` names the current material (64 hex digits). ``tags`` are in the order they were given.

    ``primary_region`` is where the primary of a multi-Region key is, None for a single-Region key.
    ``rotation_period_days`` is None while automatic rotation is off; ``next_rotation`` is when it is due.
    ``expiration_model`` and ``valid_to`` are of imported keys: the earliest moment at which a material in use expires.
    ``pending_window_days`` is the waiting period of a primary key that waits for its replicas to go.

    ``lasts`` is until when all this is true by itself: from then on ask `exists` and `at`."""

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
    primary_region: str | None = None
    rotation_period_days: int | None = None
    next_rotation: float | None = None
    expiration_model: ExpirationModel | None = None
    valid_to: float | None = None
    pending_window_days: int | None = None
    arn: str = field(init=False, compare=False)
    lasts: float = field(init=False, compare=False, repr=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "arn", arn.key_arn(self.region, self.account, self.key_id))
        end = None
        if self.state is KeyState.PENDING_DELETION:
            end = self.deletion_date
        elif self.state in _USABLE:
            end = self.valid_to
        object.__setattr__(self, "lasts", math.inf if end is None else end)

    @property
    def is_replica(self) -> bool:
        """Whether another key is the primary of this multi-Region key."""
        return self.primary_region is not None and self.primary_region != self.region

    @property
    def multi_region_key_type(self) -> str | None:
        """PRIMARY or REPLICA; None of a single-Region key."""
        if self.primary_region is None:
            return None
        return "REPLICA" if self.is_replica else "PRIMARY"

    def exists(self, now: float) -> bool:
        """False from the deletion date on, whether or not the rows are gone yet: deletion is a fact that time
        decides."""
        return now < self.lasts or self.state is not KeyState.PENDING_DELETION

    def at(self, now: float) -> Key:
        """The key as it is now: from the moment on when a material in use expires it waits for import, whether or not
        its rows say so yet."""
        if now < self.lasts or self.state not in _USABLE:
            return self
        return replace(self, state=KeyState.PENDING_IMPORT)


@dataclass(frozen=True, slots=True)
class Alias:
    """A name for a key. ``name`` carries its ``alias/`` prefix."""

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
class Material:
    """What is known of one version of a key's material; ``version`` counts from 1.

    ``present`` is False when the bytes of an imported material have been deleted or have expired (PENDING_IMPORT):
    there is no `WrappedMaterial` then. ``rotation_date`` and ``rotation_type`` say how it became current; the first
    material of a key has neither. ``expiration_model``, ``valid_to`` and ``description`` are of imported material."""

    account: str
    region: str
    key_id: str
    material_id: str
    version: int
    state: MaterialState
    present: bool
    created: float
    rotation_date: float | None = None
    rotation_type: RotationType | None = None
    expiration_model: ExpirationModel | None = None
    valid_to: float | None = None
    description: str | None = None


def first_material(key: Key) -> Material:
    """The material that a key is created with."""
    return Material(
        key.account, key.region, key.key_id, key.material_id or "", 1, MaterialState.CURRENT, True, key.created
    )


@dataclass(frozen=True, slots=True)
class LastUse:
    """The last successful cryptographic operation with a key (GetKeyLastUsage)."""

    account: str
    region: str
    key_id: str
    operation: str
    at: float
    event_id: str
    request_id: str


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
