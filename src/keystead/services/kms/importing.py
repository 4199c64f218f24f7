"""Imported key material: GetParametersForImport, ImportKeyMaterial, DeleteImportedKeyMaterial.

https://docs.aws.amazon.com/kms/latest/APIReference/API_ImportKeyMaterial.html and its sisters. Guarantees: a key takes
back only the very material it had, and new material only to be rotated to; material is deleted from the live store when
it is deleted or expires, and from that moment on serves nobody. What was wrapped is opened by a thread, after
permission was asked and everything was checked that needs no look at it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Final

from keystead import errors
from keystead.crypto import importing, keyspecs
from keystead.crypto.importing import Imported
from keystead.domain import limits, materials, states
from keystead.domain.key import EXTERNAL, ExpirationModel, Key, Material, MaterialState
from keystead.domain.keytypes import KeyTypes
from keystead.domain.materials import History
from keystead.domain.states import States
from keystead.model.generated.kms import (
    DeleteImportedKeyMaterialRequest,
    DeleteImportedKeyMaterialResponse,
    GetParametersForImportRequest,
    GetParametersForImportResponse,
    ImportKeyMaterialRequest,
    ImportKeyMaterialResponse,
)
from keystead.services import change, material
from keystead.services.change import Change
from keystead.services.gate import Gate
from keystead.services.material import Bench, has_versions
from keystead.services.table import operation
from keystead.services.work import Work

NEW: Final = "NEW_KEY_MATERIAL"
EXISTING: Final = "EXISTING_KEY_MATERIAL"


@operation(
    "GetParametersForImport",
    keys=KeyTypes.IMPORTED,
    states=States.IMPORT_PARAMETERS,
    logged={"key_id": None, "wrapping_algorithm": None, "wrapping_key_spec": None},
)
def get_parameters_for_import(call: Gate[GetParametersForImportRequest]) -> Work:
    request = call.request
    algorithm, spec = request.wrapping_algorithm, request.wrapping_key_spec
    key = call.key(request.key_id, states=States.ANY, wrapping_algorithm=algorithm, wrapping_key_spec=spec)
    _check(key, States.IMPORT_PARAMETERS)
    importing.check_wrapping(key.spec, algorithm, spec)
    make = call.import_offer(key, algorithm, spec)

    def answer() -> GetParametersForImportResponse:
        made = make()
        return GetParametersForImportResponse(
            key_id=key.arn,
            import_token=made.token,
            public_key=made.public_key,
            parameters_valid_to=made.valid_to,
        )

    return Work(answer, long=True)


def _check(key: Key, row: States) -> None:
    """Origin, then state (lifecycle.md §2)."""
    if key.origin != EXTERNAL:
        raise errors.unsupported_for_origin(key.arn, key.origin)
    states.check(row, key)


@operation(
    "ImportKeyMaterial",
    keys=KeyTypes.IMPORTED,
    states=States.IMPORT,
    mutates=True,
    logged={
        "key_id": None,
        "valid_to": None,
        "expiration_model": ExpirationModel.EXPIRES.value,
        "import_type": None,
        "key_material_description": None,
        "key_material_id": None,
    },
    answer_logged=True,
)
def import_key_material(call: Gate[ImportKeyMaterialRequest]) -> Change | Work:
    request = call.request
    model = ExpirationModel(request.expiration_model or ExpirationModel.EXPIRES)
    key = call.key(request.key_id, states=States.ANY, expiration_model=model.value, valid_to=request.valid_to)
    _check(key, States.IMPORT)
    _check_end(model, request.valid_to, call.now)
    _check_members(key, request)
    if call.prepared is None:
        slow = keyspecs.SPECS[key.spec].family is keyspecs.Family.RSA  # its numbers are proven to belong together
        do = call.unwrapping_import(key, request.import_token, request.encrypted_key_material)
        return Work(do, long=slow, proves=True)
    imported: Imported = call.prepared
    return call.facts.read(lambda reader: _take(call.bench(reader), key, request, model, imported))


def _check_end(model: ExpirationModel, valid_to: float | None, now: float) -> None:
    if model is ExpirationModel.DOES_NOT_EXPIRE:
        if valid_to is not None:
            raise errors.valid_to_of_unending_material()
        return
    if valid_to is None:
        raise errors.valid_to_missing()
    if not valid_to > now:
        raise errors.valid_to_past()
    if valid_to > now + limits.VALID_TO_DAYS_MOST * limits.SECONDS_PER_DAY:
        raise errors.valid_to_too_late()


def _check_members(key: Key, request: ImportKeyMaterialRequest) -> None:
    """What only keys with several materials can be told, and what contradicts itself."""
    named = (request.import_type, request.key_material_description, request.key_material_id)
    if not has_versions(key) and any(member is not None for member in named):
        raise errors.unsupported_for_key_type()
    if request.import_type == NEW:
        if request.key_material_id is not None:
            raise errors.material_id_of_new_material()
        if key.is_replica:
            raise errors.not_a_primary(key.arn)  # replicas are given what the primary has
    if request.key_material_description is not None and key.is_replica:
        raise errors.not_a_primary(key.arn)  # described where it is new


def _take(
    bench: Bench, key: Key, request: ImportKeyMaterialRequest, model: ExpirationModel, imported: Imported
) -> Change:
    """Make imported material part of the key: its first, one to rotate to, or one that it has had before."""
    history = bench.history(key)
    family = bench.family(key)
    known = materials.find(history, imported.material_id)
    if (request.import_type or (EXISTING if history else NEW)) == NEW:
        fact = _new(bench, key, history, known, imported.material_id, len(family) > 1)
    else:
        expected = request.key_material_id or key.material_id
        if known is None or request.key_material_id not in {None, imported.material_id}:
            raise errors.unexpected_material(expected)
        fact = known
    description = fact.description if request.key_material_description is None else request.key_material_description
    fact = replace(fact, present=True, expiration_model=model, valid_to=request.valid_to, description=description)
    answer = ImportKeyMaterialResponse(key_id=key.arn, key_material_id=fact.material_id if has_versions(key) else None)
    kept = Change(answer, bench.keep(fact, key, imported.material))
    return change.together((kept, *_settle(bench, key, family, fact)), answer)


def _new(
    bench: Bench, key: Key, history: History, known: Material | None, material_id: str, has_replicas: bool
) -> Material:
    if known is not None:
        raise errors.material_known(material_id, key.arn)
    if not history:
        return material.new_fact(bench, key, history, material_id, MaterialState.CURRENT)
    waiting = materials.waiting(history)
    if waiting is not None:
        raise errors.other_material_waits(material_id, key.arn, waiting.material_id)
    state = MaterialState.PENDING_MULTI_REGION_IMPORT_AND_ROTATION if has_replicas else MaterialState.PENDING_ROTATION
    return material.new_fact(bench, key, history, material_id, state)


def _settle(bench: Bench, key: Key, family: Sequence[Key], fact: Material) -> list[Change]:
    """The key with this fact in its history. Its relatives learn of material that waits to be rotated to, and that all
    of them have it, once they do."""
    histories = {one.region: bench.history(one) for one in family}
    facts = {key.region: fact}
    if fact.state in materials.WAITING:
        for one in family:
            held = materials.find(histories[one.region], fact.material_id)
            missing = replace(fact, region=one.region, present=False, expiration_model=None, valid_to=None)
            facts.setdefault(one.region, held or missing)
        if all(one.present for one in facts.values()):
            facts = {region: replace(one, state=MaterialState.PENDING_ROTATION) for region, one in facts.items()}
    return [
        Change(
            None,
            material.settle(key if one.region == key.region else one, histories[one.region], [facts[one.region]]),
            (change.touch(one),),
        )
        for one in family
        if one.region in facts
    ]


@operation(
    "DeleteImportedKeyMaterial",
    keys=KeyTypes.IMPORTED,
    states=States.DELETE_IMPORTED,
    mutates=True,
    logged={"key_id": None, "key_material_id": None},
    answer_logged=True,
)
def delete_imported_key_material(call: Gate[DeleteImportedKeyMaterialRequest]) -> Change:
    request = call.request
    key = call.key(request.key_id, states=States.ANY)
    _check(key, States.DELETE_IMPORTED)
    return call.facts.read(lambda reader: _delete(call.bench(reader), key, request.key_material_id))


def _delete(bench: Bench, key: Key, material_id: str | None) -> Change:
    history = bench.history(key)
    found = materials.current(history) if material_id is None else materials.find(history, material_id)
    if found is None and material_id is not None:
        raise errors.material_not_found(material_id, key.arn)
    if found is None or not found.present:
        return Change(DeleteImportedKeyMaterialResponse(key_id=key.arn))
    held = materials.shown(
        found, bench.now
    ).present  # what has expired was deleted before, whoever takes its bytes away
    answer = DeleteImportedKeyMaterialResponse(
        key_id=key.arn, key_material_id=found.material_id if held and has_versions(key) else None
    )
    if found.state not in materials.WAITING or key.is_replica:
        writes = material.settle(key, history, [materials.without_bytes(found)])
        return Change(
            answer, (*material.drop_bytes(key, found.material_id), *writes), (change.touch(key),), shreds=True
        )
    # Material that was not rotated to yet leaves the history, and the primary's takes those of its replicas along.
    family = bench.family(key)
    forgotten = [
        Change(
            None,
            (
                *material.drop_bytes(one, found.material_id),
                *material.settle(one, bench.history(one), gone=[found.material_id]),
            ),
            (change.touch(one),),
            shreds=True,
        )
        for one in family
    ]
    return change.together(forgotten, answer)
