"""The table of key specs says what AWS's documentation says, row by row."""

from __future__ import annotations

import copy
import os
import pickle
from dataclasses import fields

import pytest
from tests.crypto.imports import accepted

from keystead import errors
from keystead.crypto.capabilities import Capability, Opened
from keystead.crypto.keyspecs import NOT_OFFERED_SPECS, SPECS, Family, KeySpec, offered
from keystead.model.shapes import Service

PSS = tuple(f"RSASSA_PSS_SHA_{bits}" for bits in (256, 384, 512))
PKCS1 = tuple(f"RSASSA_PKCS1_V1_5_SHA_{bits}" for bits in (256, 384, 512))
RSA = {"ENCRYPT_DECRYPT": ("RSAES_OAEP_SHA_1", "RSAES_OAEP_SHA_256"), "SIGN_VERIFY": PKCS1 + PSS}
ROWS = {
    "SYMMETRIC_DEFAULT": {"ENCRYPT_DECRYPT": ("SYMMETRIC_DEFAULT",)},
    "RSA_2048": RSA,
    "RSA_3072": RSA,
    "RSA_4096": RSA,
    "ECC_NIST_P256": {"SIGN_VERIFY": ("ECDSA_SHA_256",), "KEY_AGREEMENT": ("ECDH",)},
    "ECC_NIST_P384": {"SIGN_VERIFY": ("ECDSA_SHA_384",), "KEY_AGREEMENT": ("ECDH",)},
    "ECC_NIST_P521": {"SIGN_VERIFY": ("ECDSA_SHA_512",), "KEY_AGREEMENT": ("ECDH",)},
    "ECC_SECG_P256K1": {"SIGN_VERIFY": ("ECDSA_SHA_256",)},
    "ECC_NIST_EDWARDS25519": {"SIGN_VERIFY": ("ED25519_PH_SHA_512", "ED25519_SHA_512")},
    "HMAC_224": {"GENERATE_VERIFY_MAC": ("HMAC_SHA_224",)},
    "HMAC_256": {"GENERATE_VERIFY_MAC": ("HMAC_SHA_256",)},
    "HMAC_384": {"GENERATE_VERIFY_MAC": ("HMAC_SHA_384",)},
    "HMAC_512": {"GENERATE_VERIFY_MAC": ("HMAC_SHA_512",)},
    "ML_DSA_44": {"SIGN_VERIFY": ("ML_DSA_SHAKE_256",)},
    "ML_DSA_65": {"SIGN_VERIFY": ("ML_DSA_SHAKE_256",)},
    "ML_DSA_87": {"SIGN_VERIFY": ("ML_DSA_SHAKE_256",)},
    "ML_KEM_512": {"ENCAPSULATE_DECAPSULATE": ("ML_KEM",)},
    "ML_KEM_768": {"ENCAPSULATE_DECAPSULATE": ("ML_KEM",)},
    "ML_KEM_1024": {"ENCAPSULATE_DECAPSULATE": ("ML_KEM",)},
}
USAGES = {
    ("ENCRYPT_DECRYPT", False): set[str](),
    ("ENCRYPT_DECRYPT", True): {"encrypter", "decrypter", "public_key"},
    ("SIGN_VERIFY", True): {"signer", "verifier", "public_key"},
    ("KEY_AGREEMENT", True): {"agreer", "public_key"},
    ("GENERATE_VERIFY_MAC", False): {"mac_maker", "mac_checker"},
    ("ENCAPSULATE_DECAPSULATE", True): {"encapsulator", "decapsulator", "public_key"},
}
PLAINTEXTS = {
    "SYMMETRIC_DEFAULT": {"SYMMETRIC_DEFAULT": 4096},
    "RSA_2048": {"RSAES_OAEP_SHA_1": 214, "RSAES_OAEP_SHA_256": 190},
    "RSA_3072": {"RSAES_OAEP_SHA_1": 342, "RSAES_OAEP_SHA_256": 318},
    "RSA_4096": {"RSAES_OAEP_SHA_1": 470, "RSAES_OAEP_SHA_256": 446},
}
CAPABILITIES = [(row, usage) for row in SPECS.values() for usage in row.algorithms]


def test_every_spec_of_the_model_is_a_row_or_is_refused_with_a_reason() -> None:
    model = set(Service.load("kms").shape("KeySpec").enum)
    assert set(SPECS) | set(NOT_OFFERED_SPECS) == model
    assert not set(SPECS) & set(NOT_OFFERED_SPECS)


@pytest.mark.parametrize("name", SPECS)
def test_a_row_lists_usages_and_algorithms_in_the_order_of_aws(name: str) -> None:
    assert list(SPECS[name].algorithms.items()) == list(ROWS[name].items())
    assert dict(SPECS[name].plaintext_max) == PLAINTEXTS.get(name, {})


@pytest.mark.parametrize("name", SPECS)
def test_each_row_is_whole(name: str, materials: dict[str, bytes]) -> None:
    row = SPECS[name]
    assert row.name == name
    assert row.default_usage == ("ENCRYPT_DECRYPT" if row.family is Family.SYMMETRIC else None)
    assert all(row.algorithms.values())
    assert set(row.plaintext_max) <= set(row.algorithms.get("ENCRYPT_DECRYPT", ()))
    assert (row.accept is None) == name.startswith("ML_"), "as with AWS, post-quantum keys are not imported"
    assert row.accept is None or accepted(row.accept, materials[name]) == materials[name]


@pytest.mark.parametrize("name", [name for name in SPECS if not name.startswith("RSA")])
def test_no_material_is_made_twice(name: str, materials: dict[str, bytes]) -> None:
    assert SPECS[name].generate(os.urandom) != materials[name]


@pytest.mark.parametrize(("row", "usage"), CAPABILITIES, ids=lambda value: getattr(value, "name", value))
def test_a_usage_gives_its_own_capabilities_and_no_other(row: KeySpec, usage: str, materials: dict[str, bytes]) -> None:
    opened = row.open(materials[row.name], usage)
    given = {field.name for field in fields(Opened) if getattr(opened, field.name) is not None}
    assert given == USAGES[usage, row.public is not None]
    if row.public is not None:
        assert opened.public_key == row.public(materials[row.name])


@pytest.mark.parametrize(("row", "usage"), CAPABILITIES, ids=lambda value: getattr(value, "name", value))
def test_a_capability_shows_nothing_and_cannot_be_taken_along(
    row: KeySpec, usage: str, materials: dict[str, bytes]
) -> None:
    opened = row.open(materials[row.name], usage)
    held = [getattr(opened, field.name) for field in fields(Opened)]
    for capability in [one for one in held if isinstance(one, Capability)]:
        assert repr(capability) == f"{type(capability).__name__}({row.name})"
        assert not hasattr(capability, "__dict__")
        for take in (pickle.dumps, copy.copy, copy.deepcopy):
            with pytest.raises(TypeError, match="not pickled or copied"):
                take(capability)


@pytest.mark.parametrize("name", SPECS)
def test_a_usage_that_a_spec_has_not_opens_nothing(name: str, materials: dict[str, bytes]) -> None:
    for usage in set(Service.load("kms").shape("KeyUsageType").enum) - set(ROWS[name]):
        with pytest.raises(ValueError, match=f"{name} has no usage {usage}"):
            SPECS[name].open(materials[name], usage)


def test_what_is_not_offered_is_refused_by_name_and_with_its_reason() -> None:
    with pytest.raises(errors.Refusal) as refused:
        offered("SM2")
    assert (refused.value.code, refused.value.message) == (
        "UnsupportedOperationException",
        "KeySpec SM2 is not offered by this version of Keystead, since AWS has it in its China Regions alone.",
    )
    assert offered("RSA_2048") is SPECS["RSA_2048"]


def test_the_table_cannot_be_changed() -> None:
    with pytest.raises(TypeError):
        SPECS["SYMMETRIC_DEFAULT"] = SPECS["SYMMETRIC_DEFAULT"]  # type: ignore[index]
    with pytest.raises(TypeError):
        SPECS["SYMMETRIC_DEFAULT"].algorithms["SIGN_VERIFY"] = ()  # type: ignore[index]
    with pytest.raises(TypeError):
        NOT_OFFERED_SPECS["SYMMETRIC_DEFAULT"] = ""  # type: ignore[index]
