"""Rotation as an unmodified boto3 sees it."""

from __future__ import annotations

import datetime
from typing import Any

import pytest

from tests.api.conftest import Refused

NO_TEXT = ""


def status(kms: Any, key: Any) -> dict[str, Any]:
    answer = kms.get_key_rotation_status(KeyId=key["KeyId"])
    del answer["ResponseMetadata"]
    return dict(answer)


def rotations(kms: Any, key: Any, **more: Any) -> list[dict[str, Any]]:
    return list(kms.list_key_rotations(KeyId=key["KeyId"], **more)["Rotations"])


def test_automatic_rotation_is_off_until_it_is_enabled(kms: Any, key: Any) -> None:
    assert status(kms, key) == {"KeyId": key["Arn"], "KeyRotationEnabled": False}
    kms.enable_key_rotation(KeyId=key["Arn"])
    enabled = status(kms, key)
    assert (enabled["KeyRotationEnabled"], enabled["RotationPeriodInDays"]) == (True, 365)
    days = (enabled["NextRotationDate"] - datetime.datetime.now(datetime.UTC)).total_seconds() / 86_400
    assert 364.99 < days < 365.01
    kms.enable_key_rotation(KeyId=key["KeyId"])
    assert status(kms, key) == enabled
    kms.disable_key_rotation(KeyId=key["KeyId"])
    assert status(kms, key) == {"KeyId": key["Arn"], "KeyRotationEnabled": False}


@pytest.mark.parametrize(("days", "bound"), [(89, "greater than or equal to 90"), (2561, "less than or equal to 2560")])
def test_a_period_beyond_the_bounds_is_refused(kms: Any, key: Any, refused: Refused, days: int, bound: str) -> None:
    code, message = refused(kms.enable_key_rotation, KeyId=key["KeyId"], RotationPeriodInDays=days)
    assert code == "ValidationException"
    assert message == (
        f"1 validation error detected: Value '{days}' at 'rotationPeriodInDays' failed to satisfy constraint: "
        f"Member must have value {bound}"
    )


def test_a_rotation_gives_new_material_and_old_ciphertext_keeps_its_own(kms: Any, key: Any) -> None:
    first = key["CurrentKeyMaterialId"]
    old = kms.encrypt(KeyId=key["KeyId"], Plaintext=b"before", EncryptionContext={"a": "b"})["CiphertextBlob"]
    assert rotations(kms, key) == []
    assert kms.rotate_key_on_demand(KeyId=key["KeyId"])["KeyId"] == key["Arn"]
    second = kms.describe_key(KeyId=key["KeyId"])["KeyMetadata"]["CurrentKeyMaterialId"]
    assert second != first
    [rotation] = rotations(kms, key)
    assert rotation == {
        "KeyId": key["Arn"],
        "KeyMaterialId": second,
        "KeyMaterialState": "CURRENT",
        "RotationDate": rotation["RotationDate"],
        "RotationType": "ON_DEMAND",
    }
    assert rotations(kms, key, IncludeKeyMaterial="ALL_KEY_MATERIAL") == [
        {"KeyId": key["Arn"], "KeyMaterialId": first, "KeyMaterialState": "NON_CURRENT"},
        rotation,
    ]
    new = kms.encrypt(KeyId=key["KeyId"], Plaintext=b"after")["CiphertextBlob"]
    opened = kms.decrypt(CiphertextBlob=old, EncryptionContext={"a": "b"})
    assert (opened["Plaintext"], opened["KeyMaterialId"], opened["KeyId"]) == (b"before", first, key["Arn"])
    assert kms.decrypt(CiphertextBlob=new)["KeyMaterialId"] == second
    assert kms.generate_data_key(KeyId=key["KeyId"], KeySpec="AES_256")["KeyMaterialId"] == second
    moved = kms.re_encrypt(CiphertextBlob=old, SourceEncryptionContext={"a": "b"}, DestinationKeyId=key["KeyId"])
    assert (moved["SourceKeyMaterialId"], moved["DestinationKeyMaterialId"]) == (first, second)
    assert kms.decrypt(CiphertextBlob=moved["CiphertextBlob"])["Plaintext"] == b"before"


def test_the_rotations_of_a_key_come_in_pages_oldest_first(kms: Any, key: Any, refused: Refused) -> None:
    ids = [key["CurrentKeyMaterialId"]]
    for _ in range(4):
        kms.rotate_key_on_demand(KeyId=key["KeyId"])
        ids.append(kms.describe_key(KeyId=key["KeyId"])["KeyMetadata"]["CurrentKeyMaterialId"])
    pages = kms.get_paginator("list_key_rotations").paginate(
        KeyId=key["KeyId"], IncludeKeyMaterial="ALL_KEY_MATERIAL", PaginationConfig={"PageSize": 2}
    )
    found = [[one["KeyMaterialId"] for one in page["Rotations"]] for page in pages]
    assert found == [ids[0:2], ids[2:4], ids[4:]]
    page = kms.list_key_rotations(KeyId=key["KeyId"], Limit=1)
    assert page["Truncated"] is True
    marker = page["NextMarker"]
    assert refused(
        kms.list_key_rotations, KeyId=key["KeyId"], IncludeKeyMaterial="ALL_KEY_MATERIAL", Marker=marker
    ) == ("InvalidMarkerException", NO_TEXT), "a marker is of its own list only"


def test_states_in_which_a_key_does_not_rotate(kms: Any, key: Any, refused: Refused) -> None:
    changing = (kms.enable_key_rotation, kms.disable_key_rotation, kms.rotate_key_on_demand)
    kms.disable_key(KeyId=key["KeyId"])
    for call in changing:
        assert refused(call, KeyId=key["KeyId"]) == ("DisabledException", f"{key['Arn']} is disabled.")
    assert status(kms, key)["KeyRotationEnabled"] is False
    kms.schedule_key_deletion(KeyId=key["KeyId"], PendingWindowInDays=7)
    for call in changing:
        assert refused(call, KeyId=key["KeyId"]) == ("KMSInvalidStateException", f"{key['Arn']} is pending deletion.")
    assert rotations(kms, key) == []


def test_rotation_takes_no_alias(kms: Any, key: Any, refused: Refused) -> None:
    name = f"alias/rotation-{key['KeyId']}"
    kms.create_alias(AliasName=name, TargetKeyId=key["KeyId"])
    for call in (
        kms.enable_key_rotation,
        kms.disable_key_rotation,
        kms.get_key_rotation_status,
        kms.rotate_key_on_demand,
        kms.list_key_rotations,
    ):
        assert refused(call, KeyId=name) == (
            "InvalidArnException",
            "Key Aliases are not supported for this operation.",
        )
