"""Rotation: EnableKeyRotation, DisableKeyRotation, GetKeyRotationStatus, RotateKeyOnDemand, ListKeyRotations.

https://docs.aws.amazon.com/kms/latest/APIReference/API_RotateKeyOnDemand.html and its sisters. Guarantees: what was
encrypted before a rotation is decrypted with the material it was encrypted with, for as long as the key exists; from
the end of the rotation on, the new material encrypts. An on-demand rotation is complete when it is answered
(docs/decisions/0015-on-demand-rotation-is-complete-at-once.md); automatic ones are `overdue`'s."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, Final

from keystead import errors
from keystead.domain import limits, materials, states
from keystead.domain.key import EXTERNAL, Key, KeyState, Material, MaterialState, RotationType
from keystead.domain.keytypes import KeyTypes
from keystead.domain.states import States
from keystead.model.generated.kms import (
    DisableKeyRotationRequest,
    EnableKeyRotationRequest,
    GetKeyRotationStatusRequest,
    GetKeyRotationStatusResponse,
    ListKeyRotationsRequest,
    ListKeyRotationsResponse,
    RotateKeyOnDemandRequest,
    RotateKeyOnDemandResponse,
    RotationsListEntry,
)
from keystead.services import change, material
from keystead.services.call import Call
from keystead.services.change import Change
from keystead.services.family import synchronized
from keystead.services.gate import Gate
from keystead.services.material import Bench, has_versions
from keystead.services.table import operation
from keystead.store.interface import Reader

ALL_KEY_MATERIAL: Final = "ALL_KEY_MATERIAL"


@operation(
    "EnableKeyRotation",
    keys=KeyTypes.SYMMETRIC,
    states=States.ROTATION,
    mutates=True,
    logged={"key_id": None, "rotation_period_in_days": None},
)
def enable_key_rotation(call: Gate[EnableKeyRotationRequest]) -> Change:
    wanted = call.request.rotation_period_in_days
    days = wanted or limits.ROTATION_DAYS_DEFAULT
    key = _rotatable(call, generated=True, rotation_period_days=days)
    if key.rotation_period_days is not None and wanted in {None, key.rotation_period_days}:
        return Change(None)  # a schedule that runs already runs on
    return _schedule(call, key, days, call.now + days * limits.SECONDS_PER_DAY)


@operation(
    "DisableKeyRotation",
    keys=KeyTypes.ANY,
    states=States.ROTATION,
    mutates=True,
    logged={"key_id": None},
)
def disable_key_rotation(call: Gate[DisableKeyRotationRequest]) -> Change:
    key = call.key(call.request.key_id, states=States.ANY)
    if key.origin == EXTERNAL:
        raise errors.unsupported_for_origin(key.arn, key.origin)
    _check_primary(key)
    states.check(States.ROTATION, key)
    if key.rotation_period_days is None:
        return Change(None)
    return _schedule(call, key, None, None)


def _rotatable(call: Call[Any], *, generated: bool, **values: Any) -> Key:
    """The key of the request, once it is of a type, origin, place and state that can be rotated; ``generated``: with
    material of our own only."""
    key = call.key(call.request.key_id, states=States.ANY, **values)
    if not has_versions(key):
        raise errors.unsupported_for_key_type()
    if generated and key.origin == EXTERNAL:
        raise errors.unsupported_for_origin(key.arn, key.origin)
    _check_primary(key)
    states.check(call.row.states, key)
    return key


def _check_primary(key: Key) -> None:
    if key.is_replica:
        raise errors.not_a_primary(key.arn)


def _schedule(call: Gate[Any], key: Key, days: int | None, next_rotation: float | None) -> Change:
    """Automatic rotation as it is to be from now on, on or off, for the key and its relatives."""

    def decide(reader: Reader) -> Change:
        bench = call.bench(reader)
        family = bench.family(key)
        changes = [change.keep(replace(one, rotation_period_days=days, next_rotation=next_rotation)) for one in family]
        return replace(change.together(changes), events=synchronized(key, family))

    return call.facts.read(decide)


@operation(
    "GetKeyRotationStatus",
    keys=KeyTypes.ANY,
    cross_account=True,
    logged={"key_id": None},
)
def get_key_rotation_status(call: Call[GetKeyRotationStatusRequest]) -> GetKeyRotationStatusResponse:
    """A key that is pending deletion is not rotated and says so; what was enabled comes back if the deletion is called
    off. On-demand rotations are never in progress, so OnDemandRotationStartDate is never shown."""
    key = call.key(call.request.key_id)
    enabled = key.rotation_period_days is not None and key.state is not KeyState.PENDING_DELETION
    return GetKeyRotationStatusResponse(
        key_id=key.arn,
        key_rotation_enabled=enabled,
        rotation_period_in_days=key.rotation_period_days if enabled else None,
        next_rotation_date=key.next_rotation if enabled else None,
    )


@operation(
    "RotateKeyOnDemand",
    keys=KeyTypes.SYMMETRIC,
    states=States.ROTATION,
    mutates=True,
    logged={"key_id": None},
    answer_logged=True,
)
def rotate_key_on_demand(call: Gate[RotateKeyOnDemandRequest]) -> Change:
    key = _rotatable(call, generated=False)
    near = limits.AUTOMATIC_ROTATION_NEAR_SECONDS
    if key.next_rotation is not None and key.next_rotation - call.now <= near:
        raise errors.automatic_rotation_near()

    def decide(reader: Reader) -> Change:
        bench = call.bench(reader)
        history = bench.history(key)
        if sum(one.rotation_type is RotationType.ON_DEMAND for one in history) >= limits.ON_DEMAND_ROTATIONS:
            raise errors.too_many_rotations(key.arn)
        if key.origin == EXTERNAL:
            waiting = materials.waiting(history)
            if waiting is None or not _is_ready(bench, key, waiting):
                raise errors.no_material_to_rotate_to(key.arn)
        return material.rotate(bench, key, RotationType.ON_DEMAND, RotateKeyOnDemandResponse(key_id=key.arn))

    return call.facts.read(decide)


def _is_ready(bench: Bench, key: Key, waiting: Material) -> bool:
    """Whether imported material can be rotated to: every replica has had it, or all that are left have it."""
    if waiting.state is MaterialState.PENDING_ROTATION:
        return True
    held = (materials.find(bench.history(one), waiting.material_id) for one in bench.family(key))
    return all(one is not None and one.present for one in held)


@operation(
    "ListKeyRotations",
    keys=KeyTypes.ANY,
    logged={"key_id": None, "include_key_material": None, "limit": None, "marker": None},
)
def list_key_rotations(call: Call[ListKeyRotationsRequest]) -> ListKeyRotationsResponse:
    """Oldest first. Keys that cannot be rotated have an empty list."""
    request = call.request
    key = call.key(request.key_id)
    everything = request.include_key_material == ALL_KEY_MATERIAL

    def find(reader: Reader, after: str | None, limit: int) -> list[Material]:
        if not has_versions(key):
            return []
        history = reader.material_facts(key.account, key.region, key.key_id)
        shown = [one for one in history if everything or one.rotation_date is not None]
        return [one for one in shown if after is None or one.version > int(after)][:limit]

    page, marker = call.page(
        request.limit,
        request.marker,
        f"{key.key_id} {request.include_key_material}",
        find,
        lambda one: str(one.version),
    )
    return ListKeyRotationsResponse(
        rotations=[_entry(key, materials.shown(one, call.now)) for one in page.items],
        next_marker=marker,
        truncated=page.truncated,
    )


def _entry(key: Key, one: Material) -> RotationsListEntry:
    imported = key.origin == EXTERNAL
    return RotationsListEntry(
        key_id=key.arn,
        key_material_id=one.material_id,
        key_material_description=one.description,
        import_state=("IMPORTED" if one.present else "PENDING_IMPORT") if imported else None,
        key_material_state=one.state.value,
        expiration_model=one.expiration_model,
        valid_to=one.valid_to,
        rotation_date=one.rotation_date,
        rotation_type=one.rotation_type,
    )
