"""The materials of a key as a history: what a rotation, an import or a deletion makes of it, and what follows for the
key. Pure.

A history is what is known of all materials of one key in one region, oldest first. Exactly one material of a key that
ever had one is current; at most one waits to be rotated to, and only that one may leave the history again.

Source: "Rotate AWS KMS keys" and "Importing key material" (AWS KMS developer guide); ListKeyRotations (API reference).
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import Final, TypeAlias

from keystead.domain.key import (
    EXTERNAL,
    ExpirationModel,
    Key,
    KeyState,
    Material,
    MaterialState,
    RotationType,
)

History: TypeAlias = Sequence[Material]

#: Not part of the key for good: it can be deleted, and another put in its place.
WAITING: Final = frozenset({MaterialState.PENDING_ROTATION, MaterialState.PENDING_MULTI_REGION_IMPORT_AND_ROTATION})

# The states that follow from whether the material is there; all others keep their own reasons.
_BY_MATERIAL: Final = frozenset({KeyState.ENABLED, KeyState.DISABLED, KeyState.PENDING_IMPORT})


def find(history: History, material_id: str) -> Material | None:
    return next((one for one in history if one.material_id == material_id), None)


def current(history: History) -> Material | None:
    """The material that encrypts; None before the first import."""
    return next((one for one in history if one.state is MaterialState.CURRENT), None)


def waiting(history: History) -> Material | None:
    """The material that was imported to be rotated to."""
    return next((one for one in history if one.state in WAITING), None)


def next_version(history: History) -> int:
    return max((one.version for one in history), default=0) + 1


def merged(history: History, changed: Iterable[Material], gone: Iterable[str] = ()) -> tuple[Material, ...]:
    """The history with some materials as they are now, or new, and others gone."""
    after = {one.material_id: one for one in history} | {one.material_id: one for one in changed}
    for material_id in gone:
        after.pop(material_id, None)
    return tuple(sorted(after.values(), key=lambda one: one.version))


def rotated(history: History, new: Material, now: float, kind: RotationType) -> tuple[Material, ...]:
    """What changes when ``new`` becomes the current material: it, and the one before it, which from now on decrypts
    alone."""
    old = current(history)
    turned = replace(new, state=MaterialState.CURRENT, rotation_date=now, rotation_type=kind)
    return (turned,) if old is None else (replace(old, state=MaterialState.NON_CURRENT), turned)


def without_bytes(material: Material) -> Material:
    """An imported material whose bytes were deleted or have expired: it waits to be imported again."""
    return replace(material, present=False, expiration_model=None, valid_to=None)


def shown(material: Material, now: float) -> Material:
    """The material as it is now: from its end on without bytes, whether or not its row says so yet."""
    return without_bytes(material) if expired((material,), now) else material


def expired(history: History, now: float) -> tuple[Material, ...]:
    """What expires now. A material that waits to be rotated to outlives its end: it is in nobody's use yet."""
    return tuple(
        one
        for one in history
        if one.present and one.valid_to is not None and one.valid_to <= now and one.state not in WAITING
    )


def standing(key: Key, history: History) -> Key:
    """The key as its history lets it be: its current material, and for imported material when the first of it expires
    and whether all of it is there. A key that lacks any of it waits for import; one that has all of it again is
    enabled, also if it was disabled before."""
    now_current = current(history)
    material_id = key.material_id if now_current is None else now_current.material_id
    if key.origin != EXTERNAL:
        return replace(key, material_id=material_id)
    lasting = [one for one in history if one.state not in WAITING]
    ends = [one.valid_to for one in lasting if one.present and one.valid_to is not None]
    complete = bool(lasting) and all(one.present for one in lasting)
    state = key.state
    if state in _BY_MATERIAL and not complete:
        state = KeyState.PENDING_IMPORT
    elif state is KeyState.PENDING_IMPORT:
        state = KeyState.ENABLED
    model = ExpirationModel.EXPIRES if ends else ExpirationModel.DOES_NOT_EXPIRE
    return replace(
        key,
        material_id=material_id,
        state=state,
        expiration_model=model if complete else None,
        valid_to=min(ends, default=None),
    )
