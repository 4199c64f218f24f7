"""The history of a key's material, and what follows from it for the key."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from keystead.domain import materials
from keystead.domain.key import ExpirationModel, Key, KeyState, Material, MaterialState, RotationType

CURRENT, OLD, WAITING = MaterialState.CURRENT, MaterialState.NON_CURRENT, MaterialState.PENDING_ROTATION


def key(state: KeyState = KeyState.ENABLED, origin: str = "EXTERNAL", **facts: Any) -> Key:
    return Key(
        "111122223333", "eu-west-1", "k", bytes(16), "SYMMETRIC_DEFAULT", "ENCRYPT_DECRYPT", origin, "CUSTOMER", state,
        "", 0.0, "{}", **facts,
    )  # fmt: skip


def one(version: int, state: MaterialState, *, present: bool = True, valid_to: float | None = None) -> Material:
    return Material(
        "111122223333", "eu-west-1", "k", f"m{version}", version, state, present, float(version), valid_to=valid_to
    )  # fmt: skip


histories = st.lists(st.tuples(st.booleans(), st.none() | st.floats(1, 1e6)), min_size=1, max_size=5).map(
    lambda rows: [
        one(number, CURRENT if number == len(rows) else OLD, present=present, valid_to=valid_to)
        for number, (present, valid_to) in enumerate(rows, 1)
    ]
)


@given(histories, st.booleans(), st.sampled_from(KeyState))
def test_an_imported_key_waits_exactly_while_one_of_its_lasting_materials_is_away(
    history: list[Material], waits_besides: bool, state: KeyState
) -> None:
    whole = all(row.present for row in history)
    if waits_besides:
        history = [*history, one(9, WAITING, valid_to=0.5)]
    after = materials.standing(key(state), history)
    if state not in {KeyState.ENABLED, KeyState.DISABLED, KeyState.PENDING_IMPORT}:
        assert after.state is state
    elif not whole:
        assert after.state is KeyState.PENDING_IMPORT
    else:
        assert after.state is (KeyState.ENABLED if state is KeyState.PENDING_IMPORT else state)
    ends = [row.valid_to for row in history if row.present and row.valid_to is not None and row.state is not WAITING]
    assert after.valid_to == (min(ends) if ends else None)
    model = ExpirationModel.EXPIRES if ends else ExpirationModel.DOES_NOT_EXPIRE
    assert after.expiration_model == (model if whole else None)
    assert after.material_id == materials.current(history).material_id  # type: ignore[union-attr]


def test_a_key_that_never_had_material_waits_for_it() -> None:
    after = materials.standing(key(KeyState.PENDING_IMPORT), [])
    assert (after.state, after.material_id, after.expiration_model) == (KeyState.PENDING_IMPORT, None, None)


@pytest.mark.parametrize("state", KeyState)
def test_generated_material_says_nothing_about_the_state(state: KeyState) -> None:
    after = materials.standing(key(state, "AWS_KMS"), [one(1, OLD), one(2, CURRENT)])
    assert (after.state, after.material_id, after.expiration_model) == (state, "m2", None)


@given(histories)
def test_a_rotation_leaves_one_current_material_and_dates_the_new_one(history: list[Material]) -> None:
    new = one(9, WAITING)
    after = materials.merged([*history, new], materials.rotated([*history, new], new, 50.0, RotationType.ON_DEMAND))
    assert materials.current(after) == replace(
        new, state=CURRENT, rotation_date=50.0, rotation_type=RotationType.ON_DEMAND
    )
    assert [row.state for row in after].count(CURRENT) == 1
    assert [row.version for row in after] == [row.version for row in [*history, new]]
    assert materials.waiting(after) is None


def test_material_expires_at_its_end_and_not_while_it_waits_to_be_rotated_to() -> None:
    due, later, waits = one(1, OLD, valid_to=10.0), one(2, CURRENT, valid_to=11.0), one(3, WAITING, valid_to=5.0)
    history = [due, later, waits]
    assert materials.expired(history, 9.999) == ()
    assert materials.expired(history, 10.0) == (due,)
    gone = materials.without_bytes(due)
    assert (gone.present, gone.valid_to, gone.state) == (False, None, OLD)
    assert materials.expired([gone, later, waits], 12.0) == (later,)


def test_a_version_is_never_given_twice_at_the_same_time() -> None:
    history = [one(1, OLD), one(2, CURRENT), one(3, WAITING)]
    assert materials.next_version([]) == 1
    assert materials.next_version(history) == 4
    assert materials.next_version(materials.merged(history, (), ["m3"])) == 3
