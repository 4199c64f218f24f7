"""Multi-Region keys with imported material: each region is given the same, and rotates with the others."""

from __future__ import annotations

import os
from functools import partial
from typing import Any

import pytest

from tests.api.conftest import Refused
from tests.api.importer import NEW, bring
from tests.server import Server

THERE, THIRD = "eu-central-1", "ap-southeast-2"
FIRST, SECOND = os.urandom(32), os.urandom(32)


@pytest.fixture(scope="module")
def there(server: Server) -> Any:
    return server.client(THERE)


@pytest.fixture
def key_id(kms: Any) -> str:
    """A primary with its first material, and a replica that has none yet."""
    made = kms.create_key(MultiRegion=True, Origin="EXTERNAL")["KeyMetadata"]
    bring(kms, made["KeyId"], FIRST)
    kms.replicate_key(KeyId=made["KeyId"], ReplicaRegion=THERE)
    return str(made["KeyId"])


def about(client: Any, key_id: str) -> dict[str, Any]:
    found: dict[str, Any] = client.describe_key(KeyId=key_id)["KeyMetadata"]
    return found


def states(client: Any, key_id: str) -> list[tuple[str, str]]:
    shown = client.list_key_rotations(KeyId=key_id, IncludeKeyMaterial="ALL_KEY_MATERIAL")["Rotations"]
    return [(one["KeyMaterialState"], one["ImportState"]) for one in shown]


def test_a_primary_without_material_cannot_be_replicated(kms: Any, refused: Refused) -> None:
    made = kms.create_key(MultiRegion=True, Origin="EXTERNAL")["KeyMetadata"]
    assert refused(kms.replicate_key, KeyId=made["KeyId"], ReplicaRegion=THERE) == (
        "KMSInvalidStateException",
        f"{made['Arn']} is pending import.",
    )


def test_a_replica_waits_for_the_same_material_and_takes_no_other(
    kms: Any, there: Any, key_id: str, refused: Refused
) -> None:
    blob = kms.encrypt(KeyId=key_id, Plaintext=b"x")["CiphertextBlob"]
    waiting = about(there, key_id)
    assert (waiting["KeyState"], waiting["Origin"]) == ("PendingImport", "EXTERNAL")
    assert "ExpirationModel" not in waiting
    assert refused(there.decrypt, CiphertextBlob=blob)[0] == "KMSInvalidStateException"
    assert states(there, key_id) == [("CURRENT", "PENDING_IMPORT")]
    assert refused(partial(bring, there, key_id, SECOND))[0] == "IncorrectKeyMaterialException"
    assert bring(there, key_id, FIRST)["KeyMaterialId"] == about(kms, key_id)["CurrentKeyMaterialId"]
    assert about(there, key_id)["KeyState"] == "Enabled"
    assert there.decrypt(CiphertextBlob=blob)["Plaintext"] == b"x"


def test_a_token_of_one_region_is_no_good_in_the_other(kms: Any, there: Any, key_id: str, refused: Refused) -> None:
    given = kms.get_parameters_for_import(
        KeyId=key_id, WrappingAlgorithm="RSAES_OAEP_SHA_256", WrappingKeySpec="RSA_2048"
    )
    assert refused(
        there.import_key_material,
        KeyId=key_id,
        ImportToken=given["ImportToken"],
        EncryptedKeyMaterial=bytes(256),
        ExpirationModel="KEY_MATERIAL_DOES_NOT_EXPIRE",
    ) == ("InvalidImportTokenException", "")


def test_new_material_is_rotated_to_when_every_region_has_it(
    server: Server, kms: Any, there: Any, key_id: str, refused: Refused
) -> None:
    bring(there, key_id, FIRST)
    old = kms.encrypt(KeyId=key_id, Plaintext=b"old")["CiphertextBlob"]
    bring(kms, key_id, SECOND, ImportType=NEW)
    code, _ = refused(kms.rotate_key_on_demand, KeyId=key_id)
    assert code == "KMSInvalidStateException"
    bring(there, key_id, SECOND)
    assert states(kms, key_id)[1] == states(there, key_id)[1] == ("PENDING_ROTATION", "IMPORTED")

    # A replica that is made now has neither, and all wait for it again.
    kms.replicate_key(KeyId=key_id, ReplicaRegion=THIRD)
    third = server.client(THIRD)
    for client, imported in ((kms, "IMPORTED"), (there, "IMPORTED"), (third, "PENDING_IMPORT")):
        assert states(client, key_id)[1] == ("PENDING_MULTI_REGION_IMPORT_AND_ROTATION", imported)
    assert refused(kms.rotate_key_on_demand, KeyId=key_id)[0] == "KMSInvalidStateException"
    bring(third, key_id, SECOND)
    bring(third, key_id, FIRST)
    kms.rotate_key_on_demand(KeyId=key_id)
    current = {about(client, key_id)["CurrentKeyMaterialId"] for client in (kms, there, third)}
    assert len(current) == 1
    new = third.encrypt(KeyId=key_id, Plaintext=b"new")["CiphertextBlob"]
    for client in (kms, there, third):
        assert client.decrypt(CiphertextBlob=old)["Plaintext"] == b"old"
        opened = client.decrypt(CiphertextBlob=new)
        assert (opened["Plaintext"], opened["KeyMaterialId"]) == (b"new", *current)


def test_material_that_one_region_loses_the_others_keep(kms: Any, there: Any, key_id: str) -> None:
    bring(there, key_id, FIRST)
    there.delete_imported_key_material(KeyId=key_id)
    assert about(there, key_id)["KeyState"] == "PendingImport"
    assert about(kms, key_id)["KeyState"] == "Enabled"
    assert kms.encrypt(KeyId=key_id, Plaintext=b"x")["KeyId"].startswith("arn:aws:kms:us-east-1:")
