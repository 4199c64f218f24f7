"""States, references and markers: every cell, every form."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from keystead import errors
from keystead.domain import pages, references, states
from keystead.domain.key import Key, KeyState
from keystead.domain.states import States

ACCOUNT, REGION = "111122223333", "eu-west-1"
KEY_ID = "1234abcd-12ab-34cd-56ef-1234567890ab"
MRK = "mrk-" + "0af9" * 8


def key(state: KeyState, deletion_date: float | None = None) -> Key:
    return Key(
        account=ACCOUNT,
        region=REGION,
        key_id=KEY_ID,
        ref=bytes(16),
        spec="SYMMETRIC_DEFAULT",
        usage="ENCRYPT_DECRYPT",
        origin="AWS_KMS",
        manager="CUSTOMER",
        state=state,
        description="",
        created=0.0,
        policy="{}",
        deletion_date=deletion_date,
    )


ARN = key(KeyState.ENABLED).arn
DISABLED = ("DisabledException", f"{ARN} is disabled.")


def invalid(predicate: str) -> tuple[str, str]:
    return ("KMSInvalidStateException", f"{ARN} {predicate}.")


PENDING = invalid("is pending deletion")
NOT_PENDING = invalid("is not pending deletion")
IMPORT, UNAVAILABLE = invalid("is pending import"), invalid("is unavailable")
CREATING, UPDATING = invalid("is creating"), invalid("is updating")

# The key state table of the AWS KMS developer guide, written out once more in words; None allows.
DOOMED = {KeyState.PENDING_DELETION: PENDING, KeyState.PENDING_REPLICA_DELETION: PENDING}
USING = {
    **DOOMED,
    KeyState.DISABLED: DISABLED,
    KeyState.PENDING_IMPORT: IMPORT,
    KeyState.UNAVAILABLE: UNAVAILABLE,
    KeyState.CREATING: CREATING,
}
EXPECTED = {
    States.ANY: {},
    States.CRYPTOGRAPHIC: USING,
    States.GET_PUBLIC_KEY: {state: refusal for state, refusal in USING.items() if state is not KeyState.DISABLED},
    States.CREATE_GRANT: {state: refusal for state, refusal in USING.items() if state is not KeyState.UNAVAILABLE},
    States.ROTATION: USING,
    States.IMPORT_PARAMETERS: {
        **DOOMED,
        KeyState.UNAVAILABLE: UNAVAILABLE,
        KeyState.CREATING: CREATING,
        KeyState.UPDATING: UPDATING,
    },
    States.IMPORT: {**DOOMED, KeyState.UNAVAILABLE: UNAVAILABLE, KeyState.CREATING: CREATING},
    States.DELETE_IMPORTED: {
        KeyState.UNAVAILABLE: UNAVAILABLE,
        KeyState.CREATING: CREATING,
        KeyState.UPDATING: UPDATING,
    },
    States.REPLICATE: {**USING, KeyState.UPDATING: UPDATING},
    States.UPDATE_PRIMARY: USING,
    States.EDIT: DOOMED,
    States.SWITCH: {
        KeyState.PENDING_DELETION: PENDING,
        KeyState.PENDING_REPLICA_DELETION: PENDING,
        KeyState.PENDING_IMPORT: IMPORT,
        KeyState.CREATING: CREATING,
        KeyState.UPDATING: UPDATING,
    },
    States.SCHEDULE_DELETION: {
        KeyState.PENDING_DELETION: PENDING,
        KeyState.PENDING_REPLICA_DELETION: PENDING,
        KeyState.UPDATING: UPDATING,
    },
    States.CANCEL_DELETION: dict.fromkeys(
        (
            KeyState.ENABLED,
            KeyState.DISABLED,
            KeyState.PENDING_IMPORT,
            KeyState.UNAVAILABLE,
            KeyState.CREATING,
            KeyState.UPDATING,
        ),
        NOT_PENDING,
    ),
}


@pytest.mark.parametrize("row", States)
@pytest.mark.parametrize("state", KeyState)
def test_every_cell_of_the_state_table(row: States, state: KeyState) -> None:
    expected = EXPECTED[row].get(state)
    if expected is None:
        states.check(row, key(state))
    else:
        with pytest.raises(errors.Refusal) as refused:
            states.check(row, key(state))
        assert (refused.value.code, refused.value.message) == expected
    assert (state in states.allowed(row)) is (expected is None)


def test_a_key_exists_until_its_deletion_date() -> None:
    doomed = key(KeyState.PENDING_DELETION, deletion_date=100.0)
    assert doomed.exists(99.999)
    assert not doomed.exists(100.0)
    assert key(KeyState.DISABLED, deletion_date=None).exists(1e12)


@pytest.mark.parametrize("state", KeyState)
def test_a_key_waits_for_import_from_the_moment_on_when_its_material_expires(state: KeyState) -> None:
    imported = replace(key(state), valid_to=100.0)
    assert imported.at(99.999) is imported
    expected = KeyState.PENDING_IMPORT if state in {KeyState.ENABLED, KeyState.DISABLED} else state
    assert imported.at(100.0).state is expected
    assert key(state).at(1e12).state is state


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (KEY_ID, {"key_id": KEY_ID}),
        (MRK, {"key_id": MRK}),
        ("alias/app", {"alias": "alias/app"}),
        (f"arn:aws:kms:{REGION}:{ACCOUNT}:key/{KEY_ID}", {"key_id": KEY_ID, "by_arn": True}),
        (
            f"arn:aws:kms:{REGION}:999988887777:alias/a/b",
            {"account": "999988887777", "alias": "alias/a/b", "by_arn": True},
        ),
    ],
)
def test_the_four_forms_of_a_reference(text: str, expected: dict[str, object]) -> None:
    found = references.parse(text, ACCOUNT, REGION, aliases=True)
    assert found == references.Reference(**{"account": ACCOUNT, "region": REGION, **expected})  # type: ignore[arg-type]
    if text.startswith("arn:"):
        assert found.arn == text


@pytest.mark.parametrize(
    ("text", "code", "message"),
    [
        ("", "NotFoundException", "Invalid keyId ''"),
        (KEY_ID.replace("-", ""), "NotFoundException", f"Invalid keyId '{KEY_ID.replace('-', '')}'"),
        ("mrk-xyz", "NotFoundException", "Invalid keyId 'mrk-xyz'"),
        (KEY_ID + "\n", "NotFoundException", f"Invalid keyId '{KEY_ID}\n'"),
        (f"arn:aws:kms:us-east-1:{ACCOUNT}:key/{KEY_ID}", "NotFoundException", "Invalid arn us-east-1"),
        (f"arn:aws:iam::{ACCOUNT}:root", "NotFoundException", f"Invalid keyId 'arn:aws:iam::{ACCOUNT}:root'"),
        (
            f"arn:aws:kms:{REGION}:{ACCOUNT}:key/x",
            "NotFoundException",
            f"Invalid keyId 'arn:aws:kms:{REGION}:{ACCOUNT}:key/x'",
        ),
    ],
)
def test_what_is_no_reference(text: str, code: str, message: str) -> None:
    with pytest.raises(errors.Refusal) as refused:
        references.parse(text, ACCOUNT, REGION, aliases=True)
    assert (refused.value.code, refused.value.message) == (code, message)


@pytest.mark.parametrize("text", ["alias/app", f"arn:aws:kms:{REGION}:{ACCOUNT}:alias/app"])
def test_an_operation_without_aliases_refuses_them(text: str) -> None:
    with pytest.raises(errors.Refusal) as refused:
        references.parse(text, ACCOUNT, REGION, aliases=False)
    assert refused.value.message == "Key Aliases are not supported for this operation."


@given(st.text() | st.text("arn:aws:kmskey/alias-0123456789abcdef", max_size=80), st.booleans())
def test_parsing_a_reference_refuses_and_never_fails(text: str, aliases: bool) -> None:
    try:
        found = references.parse(text, ACCOUNT, REGION, aliases=aliases)
    except errors.Refusal:
        return
    assert (found.key_id is None) != (found.alias is None)
    assert found.region == REGION


@given(st.lists(st.text(max_size=20), min_size=5, max_size=5), st.lists(st.text(max_size=20), min_size=4, max_size=4))
def test_a_marker_is_read_back_for_its_own_list_only(parts: list[str], other: list[str]) -> None:
    marker = pages.Marker(*parts)
    assert pages.decode(marker.encode(), *parts[:4]) == parts[4]
    if other != parts[:4]:
        with pytest.raises(errors.Refusal):
            pages.decode(marker.encode(), *other)


@given(st.binary(max_size=80))
@example(b"\x95\xa8\x00\x00\x00\x00\x00\x00\x00\x80")
def test_bytes_that_are_no_marker_are_refused(data: bytes) -> None:
    with pytest.raises(errors.Refusal):
        pages.decode(data, "ListKeys", ACCOUNT, REGION, "")


@given(st.lists(st.integers(), max_size=12), st.integers(1, 10))
def test_a_page_is_cut_where_it_is_full(items: list[int], limit: int) -> None:
    page = pages.cut(items[: limit + 1], limit)
    assert list(page.items) == items[:limit]
    assert page.truncated is (len(items) > limit)
