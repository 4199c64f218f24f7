"""Faults to plant: each is a way in which Keystead could be wrong, and the operations among which it has to show."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import msgspec
import pytest

from keystead.domain import grants, holdings, materials, states
from keystead.domain.key import Key, KeyState
from keystead.domain.states import States
from keystead.services import change, material
from keystead.services.gate import Gate
from keystead.services.kms.operations import KMS

Patch = pytest.MonkeyPatch


def a_row(patch: Patch, operation: str, **facts: Any) -> None:
    patch.setitem(KMS.rows, operation, replace(KMS.rows[operation], **facts))  # type: ignore[arg-type]


def a_disabled_key_still_encrypts(patch: Patch) -> None:
    patch.setitem(states._TABLE, (States.CRYPTOGRAPHIC, KeyState.DISABLED), "Y")


def a_doomed_key_can_be_enabled(patch: Patch) -> None:
    patch.setitem(states._TABLE, (States.SWITCH, KeyState.PENDING_DELETION), "Y")


def a_doomed_key_cannot_be_described(patch: Patch) -> None:
    patch.setitem(states._TABLE, (States.ANY, KeyState.PENDING_DELETION), "P")


def an_operation_takes_aliases_that_must_not(patch: Patch) -> None:
    a_row(patch, "UpdateKeyDescription", aliases=True)


def another_account_may_disable(patch: Patch) -> None:
    a_row(patch, "DisableKey", cross_account=True)


def a_description_is_lost(patch: Patch) -> None:
    a_row(patch, "UpdateKeyDescription", function=lambda call: change.keep(call.key(call.request.key_id)))


def a_move_does_not_tell_its_source(patch: Patch) -> None:
    function = KMS.rows["ReEncrypt"].function
    a_row(patch, "ReEncrypt", function=lambda call: msgspec.structs.replace(function(call), source_key_id=None))


def a_key_is_gone_an_hour_early(patch: Patch) -> None:
    exists = Key.exists
    patch.setattr(Key, "exists", lambda key, now: exists(key, now + 3_600))
    patch.setattr(Key, "lasts", property(lambda _key: 0.0), raising=False)


def a_rotation_loses_the_old_material(patch: Patch) -> None:
    rotate = material.rotate

    def careless(bench: Any, key: Key, *about: Any, **more: Any) -> Any:
        done = rotate(bench, key, *about, **more)
        return replace(done, writes=(*done.writes, *material.drop_bytes(key, key.material_id or "")))

    patch.setattr(material, "rotate", careless)


def a_rotation_happens_twice(patch: Patch) -> None:
    rotated = materials.rotated
    patch.setattr(
        materials, "rotated", lambda history, *about: (*rotated(history, *about), *rotated(history, *about))[:1]
    )


def material_does_not_expire(patch: Patch) -> None:
    patch.setattr(Key, "at", lambda key, _now: key)
    patch.setattr(materials, "expired", lambda _history, _now: ())


def other_material_is_taken_for_the_old(patch: Patch) -> None:
    find = materials.find
    patch.setattr(materials, "find", lambda history, wanted: find(history, wanted) or materials.current(history))


def a_constraint_of_a_grant_is_lost(patch: Patch) -> None:
    patch.setattr(grants, "read_context", lambda _equals, _subset: (None, None))


def a_grant_can_be_widened(patch: Patch) -> None:
    sought = holdings.sought

    def generous(use: Any, shapes: Any) -> Any:
        found = sought(use, shapes)
        return found and found._replace(bits=holdings.bits([use.operation]))

    patch.setattr(holdings, "sought", generous)


def a_dry_run_gives_the_answer(patch: Patch) -> None:
    patch.setattr(Gate, "end_dry_run", lambda _call, _dry_run: None)


KEYS = "CreateKey DescribeKey"

#: A fault -> operations among which it is found.
FAULTS: dict[Callable[[Patch], None], str] = {
    a_disabled_key_still_encrypts: f"{KEYS} DisableKey Encrypt",
    a_doomed_key_can_be_enabled: f"{KEYS} ScheduleKeyDeletion EnableKey",
    a_doomed_key_cannot_be_described: f"{KEYS} ScheduleKeyDeletion",
    an_operation_takes_aliases_that_must_not: f"{KEYS} CreateAlias UpdateKeyDescription",
    another_account_may_disable: f"{KEYS} PutKeyPolicy DisableKey",
    a_description_is_lost: f"{KEYS} UpdateKeyDescription",
    a_move_does_not_tell_its_source: f"{KEYS} Encrypt ReEncrypt",
    a_key_is_gone_an_hour_early: f"{KEYS} ScheduleKeyDeletion",
    a_rotation_loses_the_old_material: f"{KEYS} RotateKeyOnDemand Encrypt Decrypt",
    a_rotation_happens_twice: f"{KEYS} EnableKeyRotation ListKeyRotations",
    material_does_not_expire: f"{KEYS} GetParametersForImport ImportKeyMaterial",
    other_material_is_taken_for_the_old: f"{KEYS} GetParametersForImport ImportKeyMaterial",
    a_constraint_of_a_grant_is_lost: "CreateKey CreateGrant Encrypt",
    a_grant_can_be_widened: "CreateKey CreateGrant",
    a_dry_run_gives_the_answer: f"{KEYS} Encrypt",
}
