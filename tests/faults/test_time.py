"""What time makes due really happens in a running server: rotations, the end of imported material.

The clock is the server's own, set ahead by a file, as in `test_deletion`.
"""

from __future__ import annotations

import base64
import time
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.padding import MGF1, OAEP
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import load_der_public_key

from tests.faults import running
from tests.faults.conftest import Start
from tests.faults.ledger import records
from tests.faults.test_deletion import DAY, Keeper, nowhere

TEXT = "aGVsbG8="


def bring(keeper: Keeper, key: str, days: float) -> None:
    """Import material that expires so many days from now."""
    given = keeper.call(
        "GetParametersForImport", KeyId=key, WrappingAlgorithm="RSAES_OAEP_SHA_256", WrappingKeySpec="RSA_2048"
    ).json
    wrapping = load_der_public_key(base64.b64decode(given["PublicKey"]))
    assert isinstance(wrapping, RSAPublicKey)
    wrapped = wrapping.encrypt(bytes(32), OAEP(MGF1(SHA256()), SHA256(), None))
    assert keeper.call(
        "ImportKeyMaterial",
        KeyId=key,
        ImportToken=given["ImportToken"],
        EncryptedKeyMaterial=base64.b64encode(wrapped).decode(),
        ValidTo=keeper.clock() + days * DAY,
    ).ok


def events(keeper: Keeper, name: str) -> list[str]:
    found = records(keeper.server.data / "journal")
    return [record.details["keyId"] for record in found if record.operation == name]


def test_a_key_rotates_when_its_time_has_come_and_old_ciphertext_opens(start: Start, tmp_path: Path) -> None:
    keeper = Keeper(start, tmp_path)
    key = keeper.new_key()
    blob = keeper.call("Encrypt", KeyId=key, Plaintext=TEXT).json["CiphertextBlob"]
    first = keeper.call("Decrypt", CiphertextBlob=blob).json["KeyMaterialId"]
    assert keeper.call("EnableKeyRotation", KeyId=key, RotationPeriodInDays=90).ok
    keeper.clock.set(90 * DAY - 60)
    time.sleep(0.5)
    assert keeper.call("GenerateDataKey", KeyId=key, KeySpec="AES_256").json["KeyMaterialId"] == first
    keeper.clock.set(90 * DAY + 1)

    def rotated() -> bool:
        fresh = keeper.call("GenerateDataKey", KeyId=key, KeySpec="AES_256").json["KeyMaterialId"]
        return bool(fresh != first)

    running.soon(rotated, "the rotation", 10)
    opened = keeper.call("Decrypt", CiphertextBlob=blob).json
    assert (opened["Plaintext"], opened["KeyMaterialId"]) == (TEXT, first)
    running.soon(lambda: events(keeper, "RotateKey") == [key], "one record of the rotation", 10)
    running.verified(keeper.server)


def test_imported_material_ends_at_its_time_and_its_bytes_with_it(start: Start, tmp_path: Path) -> None:
    keeper = Keeper(start, tmp_path)
    key = str(keeper.call("CreateKey", Origin="EXTERNAL").json["KeyMetadata"]["KeyId"])
    bring(keeper, key, days=10)
    assert keeper.call("Encrypt", KeyId=key, Plaintext=TEXT).ok
    wrap_key, material = keeper.wrapped(key)
    keeper.clock.set(10 * DAY - 60)
    time.sleep(0.5)
    assert keeper.call("Encrypt", KeyId=key, Plaintext=TEXT).ok
    keeper.clock.set(10 * DAY + 1)
    assert keeper.call("Encrypt", KeyId=key, Plaintext=TEXT).code == "KMSInvalidStateException"
    running.soon(nowhere(keeper, [material]), "the bytes of the material are gone", 10)
    assert keeper.wrapped(key) == [wrap_key]
    assert keeper.state(key) == "PendingImport"
    running.soon(lambda: events(keeper, "DeleteExpiredKeyMaterial") == [key], "one record of it", 10)
    running.verified(keeper.server)


def test_deleted_material_is_gone_from_the_files_whichever_worker_deleted_it(start: Start, tmp_path: Path) -> None:
    keeper = Keeper(start, tmp_path)
    for _ in range(4):  # each call comes in a connection of its own, and two workers share them
        key = str(keeper.call("CreateKey", Origin="EXTERNAL").json["KeyMetadata"]["KeyId"])
        bring(keeper, key, days=10)
        _, material = keeper.wrapped(key)
        assert keeper.call("DeleteImportedKeyMaterial", KeyId=key).ok
        running.soon(nowhere(keeper, [material]), "the bytes of the material are gone", 10)
