"""Imported material as an unmodified boto3 sees it; PyCryptodome wraps, openssl makes and checks."""

from __future__ import annotations

import datetime
import os
from pathlib import Path
from typing import Any

import pytest
from Crypto.PublicKey import RSA

from tests.api import openssl
from tests.api.conftest import Refused
from tests.api.importer import NEW, STAYS, bring, parameters, wrapped

EXPIRES = "KEY_MATERIAL_EXPIRES"
PENDING = "is pending import."


def external(kms: Any, spec: str = "SYMMETRIC_DEFAULT", usage: str = "ENCRYPT_DECRYPT") -> dict[str, Any]:
    made: dict[str, Any] = kms.create_key(Origin="EXTERNAL", KeySpec=spec, KeyUsage=usage)["KeyMetadata"]
    return made


def about(kms: Any, key: dict[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = kms.describe_key(KeyId=key["KeyId"])["KeyMetadata"]
    return found


def from_now(**span: float) -> datetime.datetime:
    return datetime.datetime.now(datetime.UTC) + datetime.timedelta(**span)


def test_a_key_without_material_waits_for_it_and_then_works(kms: Any, refused: Refused) -> None:
    key = external(kms)
    assert (key["KeyState"], key["Enabled"], key["Origin"]) == ("PendingImport", False, "EXTERNAL")
    assert not {"CurrentKeyMaterialId", "ExpirationModel", "ValidTo"} & key.keys()
    waiting = ("KMSInvalidStateException", f"{key['Arn']} {PENDING}")
    assert refused(kms.encrypt, KeyId=key["KeyId"], Plaintext=b"x") == waiting
    assert refused(kms.enable_key, KeyId=key["KeyId"]) == waiting
    given = kms.get_parameters_for_import(
        KeyId=key["KeyId"], WrappingAlgorithm="RSAES_OAEP_SHA_256", WrappingKeySpec="RSA_4096"
    )
    assert given["KeyId"] == key["Arn"]
    hours = (given["ParametersValidTo"] - datetime.datetime.now(datetime.UTC)).total_seconds() / 3600
    assert 23.9 < hours < 24.1
    assert RSA.import_key(given["PublicKey"]).size_in_bits() == 4096
    material = os.urandom(32)
    answer = kms.import_key_material(
        KeyId=key["KeyId"],
        ImportToken=given["ImportToken"],
        EncryptedKeyMaterial=wrapped(given["PublicKey"], "RSAES_OAEP_SHA_256", material),
        ExpirationModel=STAYS,
    )
    now = about(kms, key)
    assert (now["KeyState"], now["Enabled"], now["ExpirationModel"]) == ("Enabled", True, STAYS)
    assert "ValidTo" not in now
    assert (answer["KeyId"], answer["KeyMaterialId"]) == (key["Arn"], now["CurrentKeyMaterialId"])
    blob = kms.encrypt(KeyId=key["KeyId"], Plaintext=b"x")["CiphertextBlob"]
    opened = kms.decrypt(CiphertextBlob=blob)
    assert (opened["Plaintext"], opened["KeyMaterialId"]) == (b"x", answer["KeyMaterialId"])


def test_the_same_bytes_have_the_same_id_in_one_key_and_another_in_another(kms: Any) -> None:
    material, one, other = os.urandom(32), external(kms), external(kms)
    first = bring(kms, one["KeyId"], material)["KeyMaterialId"]
    kms.delete_imported_key_material(KeyId=one["KeyId"])
    assert bring(kms, one["KeyId"], material)["KeyMaterialId"] == first
    assert bring(kms, other["KeyId"], material)["KeyMaterialId"] != first


def test_an_end_is_shown_and_can_be_changed_by_importing_again(kms: Any) -> None:
    key, material = external(kms), os.urandom(32)
    end = from_now(days=30).replace(microsecond=0)
    bring(kms, key["KeyId"], material, ValidTo=end)  # KEY_MATERIAL_EXPIRES is the default
    assert (about(kms, key)["ExpirationModel"], about(kms, key)["ValidTo"]) == (EXPIRES, end)
    later = from_now(days=300).replace(microsecond=0)
    bring(kms, key["KeyId"], material, ValidTo=later, ExpirationModel=EXPIRES)
    assert about(kms, key)["ValidTo"] == later
    [entry] = kms.list_key_rotations(KeyId=key["KeyId"], IncludeKeyMaterial="ALL_KEY_MATERIAL")["Rotations"]
    assert entry == {
        "KeyId": key["Arn"],
        "KeyMaterialId": about(kms, key)["CurrentKeyMaterialId"],
        "ImportState": "IMPORTED",
        "KeyMaterialState": "CURRENT",
        "ExpirationModel": EXPIRES,
        "ValidTo": later,
    }


@pytest.mark.parametrize(
    ("members", "message"),
    [
        ({"ExpirationModel": EXPIRES}, "A validTo date must be set if the ExpirationModel is KEY_MATERIAL_EXPIRES"),
        (
            {"ExpirationModel": STAYS, "ValidTo": from_now(days=1)},
            "A validTo date cannot be set if the ExpirationModel is KEY_MATERIAL_DOES_NOT_EXPIRE",
        ),
        ({"ValidTo": from_now(days=-1)}, "ValidTo must be in the future"),
        ({"ValidTo": from_now(days=366)}, "ValidTo must be less than 365 days in the future"),
        (
            {"ImportType": NEW, "KeyMaterialId": "0" * 64},
            "Input parameter keyMaterialId cannot be used with NEW_KEY_MATERIAL importType.",
        ),
    ],
)
def test_what_contradicts_itself_is_refused(kms: Any, refused: Refused, members: dict[str, Any], message: str) -> None:
    key = external(kms)
    assert refused(bring, kms=kms, key_id=key["KeyId"], material=bytes(32), **members) == (
        "ValidationException",
        message,
    )
    assert about(kms, key)["KeyState"] == "PendingImport"


@pytest.mark.parametrize(
    ("spec", "usage", "algorithm", "wrapping_spec"),
    [
        ("SYMMETRIC_DEFAULT", "ENCRYPT_DECRYPT", "RSAES_PKCS1_V1_5", "RSA_2048"),
        ("SYMMETRIC_DEFAULT", "ENCRYPT_DECRYPT", "RSA_AES_KEY_WRAP_SHA_256", "RSA_2048"),
        ("RSA_2048", "SIGN_VERIFY", "RSAES_OAEP_SHA_256", "RSA_4096"),
        ("ECC_NIST_P521", "SIGN_VERIFY", "RSAES_OAEP_SHA_256", "RSA_2048"),
    ],
)
def test_material_travels_only_as_its_spec_allows(
    kms: Any, refused: Refused, spec: str, usage: str, algorithm: str, wrapping_spec: str
) -> None:
    key = external(kms, spec, usage)
    assert refused(parameters, kms=kms, key_id=key["KeyId"], algorithm=algorithm, spec=wrapping_spec) == (
        "ValidationException",
        f"Wrapping algorithm {algorithm} and wrapping key spec {wrapping_spec} cannot be used to import a {spec} key.",
    )


def test_what_is_wrong_with_token_or_material_is_refused_and_changes_nothing(kms: Any, refused: Refused) -> None:
    key, other = external(kms), external(kms)
    using = parameters(kms, key["KeyId"])
    common = {"kms": kms, "key_id": key["KeyId"], "material": bytes(32)}
    altered = using | {"ImportToken": using["ImportToken"][:-1] + bytes([using["ImportToken"][-1] ^ 1])}
    strange = using | {"ImportToken": parameters(kms, other["KeyId"])["ImportToken"]}
    for wrong in (altered, strange):
        assert refused(bring, **common, using=wrong) == ("InvalidImportTokenException", "")
    mixed = using | {"wrap": parameters(kms, key["KeyId"])["wrap"]}
    assert refused(bring, **common, using=mixed) == ("InvalidCiphertextException", "")
    assert refused(bring, **(common | {"material": bytes(31)}), using=using) == ("InvalidCiphertextException", "")
    assert refused(bring, **common, using=using | {"wrap": lambda _: b"short"}) == (
        "ValidationException",
        "Invalid encrypted key size.",
    )
    assert about(kms, key)["KeyState"] == "PendingImport"
    bring(kms, key["KeyId"], bytes(32), using=using)


def test_material_is_imported_into_keys_of_origin_external_only(kms: Any, key: Any, refused: Refused) -> None:
    wrong = ("UnsupportedOperationException", f"{key['Arn']} origin is AWS_KMS which is not valid for this operation.")
    assert refused(parameters, kms=kms, key_id=key["KeyId"]) == wrong
    assert refused(kms.delete_imported_key_material, KeyId=key["KeyId"]) == wrong
    assert (
        refused(kms.import_key_material, KeyId=key["KeyId"], ImportToken=b"t", EncryptedKeyMaterial=b"m", ValidTo=0)
        == wrong
    )
    imported = external(kms)
    wrong = (wrong[0], f"{imported['Arn']} origin is EXTERNAL which is not valid for this operation.")
    for call in (kms.enable_key_rotation, kms.disable_key_rotation):
        assert refused(call, KeyId=imported["KeyId"]) == wrong, "even while it waits for material"
    assert refused(kms.rotate_key_on_demand, KeyId=imported["KeyId"]) == (
        "KMSInvalidStateException",
        f"{imported['Arn']} {PENDING}",
    )
    assert kms.get_key_rotation_status(KeyId=imported["KeyId"])["KeyRotationEnabled"] is False
    kms.schedule_key_deletion(KeyId=imported["KeyId"], PendingWindowInDays=7)
    assert refused(parameters, kms=kms, key_id=imported["KeyId"]) == (
        "KMSInvalidStateException",
        f"{imported['Arn']} is pending deletion.",
    )


def test_several_materials_make_one_key(kms: Any, refused: Refused) -> None:
    key, materials = external(kms), [os.urandom(32) for _ in range(3)]
    ids, blobs = [], []
    for material in materials:
        more = {"ImportType": NEW} if ids else {}
        ids.append(bring(kms, key["KeyId"], material, **more)["KeyMaterialId"])
        if more:
            kms.rotate_key_on_demand(KeyId=key["KeyId"])
        blobs.append(kms.encrypt(KeyId=key["KeyId"], Plaintext=b"x")["CiphertextBlob"])
    assert about(kms, key)["CurrentKeyMaterialId"] == ids[-1]
    assert [kms.decrypt(CiphertextBlob=blob)["KeyMaterialId"] for blob in blobs] == ids
    gone = kms.delete_imported_key_material(KeyId=key["KeyId"], KeyMaterialId=ids[0])
    assert (gone["KeyId"], gone["KeyMaterialId"]) == (key["Arn"], ids[0])
    assert refused(kms.decrypt, CiphertextBlob=blobs[2])[0] == "KMSInvalidStateException"
    assert refused(bring, kms=kms, key_id=key["KeyId"], material=os.urandom(32))[0] == "IncorrectKeyMaterialException"
    assert refused(kms.delete_imported_key_material, KeyId=key["KeyId"], KeyMaterialId="0" * 64)[0] == (
        "NotFoundException"
    )
    bring(kms, key["KeyId"], materials[0], KeyMaterialDescription="the oldest", KeyMaterialId=ids[0])
    assert [kms.decrypt(CiphertextBlob=blob)["Plaintext"] for blob in blobs] == [b"x"] * 3
    entries = kms.list_key_rotations(KeyId=key["KeyId"], IncludeKeyMaterial="ALL_KEY_MATERIAL")["Rotations"]
    assert [entry["KeyMaterialId"] for entry in entries] == ids
    assert [entry.get("KeyMaterialDescription") for entry in entries] == ["the oldest", None, None]
    assert [entry["KeyMaterialState"] for entry in entries] == ["NON_CURRENT", "NON_CURRENT", "CURRENT"]


# --- keys of other specs ----------------------------------------------------------------------------------------------------


def test_an_imported_hmac_key_makes_the_macs_of_its_owner(kms: Any, folder: Path, refused: Refused) -> None:
    key, material = external(kms, "HMAC_384", "GENERATE_VERIFY_MAC"), os.urandom(100)
    assert bring(kms, key["KeyId"], material) == {"KeyId": key["Arn"]}, "no material id for keys of one material"
    made = kms.generate_mac(KeyId=key["KeyId"], Message=b"m", MacAlgorithm="HMAC_SHA_384")["Mac"]
    assert made == openssl.mac("HMAC_SHA_384", material, b"m")
    assert "CurrentKeyMaterialId" not in about(kms, key)
    assert refused(bring, kms=kms, key_id=key["KeyId"], material=os.urandom(100))[0] == "IncorrectKeyMaterialException"
    assert refused(bring, kms=kms, key_id=key["KeyId"], material=material, ImportType=NEW) == (
        "UnsupportedOperationException",
        "",
    )
    for call in (kms.enable_key_rotation, kms.rotate_key_on_demand):
        assert refused(call, KeyId=key["KeyId"]) == ("UnsupportedOperationException", "")
    assert kms.list_key_rotations(KeyId=key["KeyId"])["Rotations"] == []
    gone = kms.delete_imported_key_material(KeyId=key["KeyId"])
    assert (gone["KeyId"], "KeyMaterialId" in gone) == (key["Arn"], False)
    assert about(kms, key)["KeyState"] == "PendingImport"
    bring(kms, key["KeyId"], material)
    assert kms.verify_mac(KeyId=key["KeyId"], Message=b"m", MacAlgorithm="HMAC_SHA_384", Mac=made)["MacValid"]


@pytest.mark.parametrize("algorithm", ["RSA_AES_KEY_WRAP_SHA_1", "RSA_AES_KEY_WRAP_SHA_256"])
def test_an_imported_rsa_key_signs_for_its_owner(kms: Any, folder: Path, algorithm: str) -> None:
    own = RSA.generate(2048)
    key = external(kms, "RSA_2048", "SIGN_VERIFY")
    bring(
        kms,
        key["KeyId"],
        own.export_key("DER", pkcs=8),
        using=parameters(kms, key["KeyId"], algorithm, "RSA_3072"),
    )
    public = own.public_key().export_key("DER")
    assert kms.get_public_key(KeyId=key["KeyId"])["PublicKey"] == public
    signed = kms.sign(KeyId=key["KeyId"], Message=b"m", SigningAlgorithm="RSASSA_PSS_SHA_256")["Signature"]
    assert openssl.verifies(folder, public, "RSASSA_PSS_SHA_256", b"m", signed)


@pytest.mark.parametrize(
    ("spec", "curve", "algorithm"),
    [
        ("ECC_NIST_P256", "P-256", "RSAES_OAEP_SHA_1"),
        ("ECC_NIST_P384", "P-384", "RSA_AES_KEY_WRAP_SHA_256"),
        ("ECC_SECG_P256K1", "secp256k1", "RSAES_OAEP_SHA_256"),
    ],
)
def test_an_imported_key_of_a_curve_signs_for_its_owner(
    kms: Any, folder: Path, spec: str, curve: str, algorithm: str
) -> None:
    own = openssl.private_key(curve)
    key = external(kms, spec, "SIGN_VERIFY")
    bring(kms, key["KeyId"], own, using=parameters(kms, key["KeyId"], algorithm, "RSA_2048"))
    public = openssl.public_key(folder, own)
    assert kms.get_public_key(KeyId=key["KeyId"])["PublicKey"] == public
    signing = {"ECC_NIST_P384": "ECDSA_SHA_384"}.get(spec, "ECDSA_SHA_256")
    signed = kms.sign(KeyId=key["KeyId"], Message=b"m", SigningAlgorithm=signing)["Signature"]
    assert openssl.verifies(folder, public, signing, b"m", signed)


def test_an_imported_key_agrees_with_others_and_says_where_it_comes_from(kms: Any, folder: Path) -> None:
    own, peer = openssl.private_key("P-256"), openssl.private_key("P-256")
    key = external(kms, "ECC_NIST_P256", "KEY_AGREEMENT")
    bring(kms, key["KeyId"], own)
    answer = kms.derive_shared_secret(
        KeyId=key["KeyId"], KeyAgreementAlgorithm="ECDH", PublicKey=openssl.public_key(folder, peer)
    )
    assert answer["SharedSecret"] == openssl.derived(folder, peer, openssl.public_key(folder, own))
    assert answer["KeyOrigin"] == "EXTERNAL"
