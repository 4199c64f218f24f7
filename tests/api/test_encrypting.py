"""Encrypt, Decrypt, ReEncrypt, data keys and random bytes as an unmodified boto3 sees them."""

from __future__ import annotations

from typing import Any

import pytest

from tests.api.conftest import Refused
from tests.server import Server

CONTEXT = {"department": "10103.0", "purpose": "test"}


@pytest.mark.parametrize("size", [1, 15, 16, 17, 1_024, 4_096])
def test_what_was_encrypted_decrypts(kms: Any, key: Any, size: int) -> None:
    plaintext = bytes(range(256)) * 16
    sealed = kms.encrypt(KeyId=key["KeyId"], Plaintext=plaintext[:size], EncryptionContext=CONTEXT)
    assert sealed["KeyId"] == key["Arn"]
    assert sealed["EncryptionAlgorithm"] == "SYMMETRIC_DEFAULT"
    assert "KeyMaterialId" not in sealed
    assert len(sealed["CiphertextBlob"]) == size + 114
    opened = kms.decrypt(CiphertextBlob=sealed["CiphertextBlob"], EncryptionContext=CONTEXT)
    assert opened["Plaintext"] == plaintext[:size]
    assert opened["KeyId"] == key["Arn"]
    assert opened["EncryptionAlgorithm"] == "SYMMETRIC_DEFAULT"
    assert opened["KeyMaterialId"] == key["CurrentKeyMaterialId"]


def test_the_same_plaintext_never_gives_the_same_ciphertext(kms: Any, key: Any) -> None:
    blobs = {kms.encrypt(KeyId=key["KeyId"], Plaintext=b"same")["CiphertextBlob"] for _ in range(20)}
    assert len(blobs) == 20


def test_a_ciphertext_opens_only_in_its_context(kms: Any, key: Any, refused: Refused) -> None:
    blob = kms.encrypt(KeyId=key["KeyId"], Plaintext=b"x", EncryptionContext={"a": "bc", "d": "e"})["CiphertextBlob"]
    assert kms.decrypt(CiphertextBlob=blob, EncryptionContext={"d": "e", "a": "bc"})["Plaintext"] == b"x"
    for context in ({}, {"a": "bc"}, {"ab": "c", "d": "e"}, {"A": "bc", "d": "e"}, {"a": "bc", "d": "e", "f": ""}):
        assert refused(kms.decrypt, CiphertextBlob=blob, EncryptionContext=context) == (
            "InvalidCiphertextException",
            "",
        )


def test_every_damaged_ciphertext_is_refused_alike(kms: Any, key: Any, refused: Refused) -> None:
    blob = kms.encrypt(KeyId=key["KeyId"], Plaintext=b"precious")["CiphertextBlob"]
    # beyond the reference to the key, which decides whose ciphertext it is
    for at in (0, 3, 4, 22, 40, 54, 66, 100, len(blob) - 1):
        damaged = blob[:at] + bytes([blob[at] ^ 1]) + blob[at + 1 :]
        assert refused(kms.decrypt, CiphertextBlob=damaged) == ("InvalidCiphertextException", "")
    for damaged in (blob[:-1], blob + b"\0", b"x", b"\0" * 6_144):
        assert refused(kms.decrypt, CiphertextBlob=damaged) == ("InvalidCiphertextException", "")


def test_a_ciphertext_of_an_unknown_key_says_nothing(kms: Any, key: Any, server: Server, refused: Refused) -> None:
    blob = kms.encrypt(KeyId=key["KeyId"], Plaintext=b"x")["CiphertextBlob"]
    unknown = blob[:6] + bytes(16) + blob[22:]
    text = (
        "The ciphertext refers to a customer master key that does not exist, does not exist in this region, or you are "
        "not allowed to access."
    )
    assert refused(kms.decrypt, CiphertextBlob=unknown) == ("AccessDeniedException", text)
    assert refused(server.client("eu-west-1").decrypt, CiphertextBlob=blob) == ("AccessDeniedException", text)


def test_decrypt_with_a_key_id_takes_ciphertexts_of_that_key_only(kms: Any, key: Any, refused: Refused) -> None:
    blob = kms.encrypt(KeyId=key["KeyId"], Plaintext=b"x")["CiphertextBlob"]
    other = kms.create_key()["KeyMetadata"]
    assert kms.decrypt(CiphertextBlob=blob, KeyId=key["Arn"])["Plaintext"] == b"x"
    assert refused(kms.decrypt, CiphertextBlob=blob, KeyId=other["KeyId"]) == (
        "IncorrectKeyException",
        "The key ID in the request does not identify a CMK that can perform this operation.",
    )


def test_a_key_goes_by_alias_and_by_arn(kms: Any, key: Any) -> None:
    name = f"alias/enc-{key['KeyId']}"
    kms.create_alias(AliasName=name, TargetKeyId=key["KeyId"])
    arn = key["Arn"].split(":key/")[0] + ":" + name
    for spelled in (name, arn, key["Arn"], key["KeyId"]):
        blob = kms.encrypt(KeyId=spelled, Plaintext=b"x")["CiphertextBlob"]
        assert kms.decrypt(CiphertextBlob=blob, KeyId=spelled)["KeyId"] == key["Arn"]


def test_bounds_are_explained_in_the_words_of_aws(kms: Any, key: Any, refused: Refused) -> None:
    assert refused(kms.encrypt, KeyId=key["KeyId"], Plaintext=bytes(4_097)) == (
        "ValidationException",
        "1 validation error detected: Value at 'plaintext' failed to satisfy constraint: "
        "Member must have length less than or equal to 4096",
    )


def test_an_algorithm_of_another_kind_of_key_is_refused(kms: Any, key: Any, refused: Refused) -> None:
    assert refused(kms.encrypt, KeyId=key["KeyId"], Plaintext=b"x", EncryptionAlgorithm="RSAES_OAEP_SHA_256") == (
        "InvalidKeyUsageException",
        "Algorithm RSAES_OAEP_SHA_256 is incompatible with key spec SYMMETRIC_DEFAULT.",
    )


def test_grant_tokens_nobody_was_given_are_refused(kms: Any, key: Any, refused: Refused) -> None:
    assert refused(kms.encrypt, KeyId=key["KeyId"], Plaintext=b"x", GrantTokens=["AQpAM2Rh"]) == (
        "InvalidGrantTokenException",
        "",
    )


def test_re_encrypt_moves_a_ciphertext_under_another_key_and_context(kms: Any, key: Any, refused: Refused) -> None:
    other = kms.create_key()["KeyMetadata"]
    blob = kms.encrypt(KeyId=key["KeyId"], Plaintext=b"moved", EncryptionContext=CONTEXT)["CiphertextBlob"]
    answer = kms.re_encrypt(
        CiphertextBlob=blob,
        SourceEncryptionContext=CONTEXT,
        DestinationKeyId=other["KeyId"],
        DestinationEncryptionContext={"new": "context"},
    )
    assert {name: answer[name] for name in answer if name not in {"CiphertextBlob", "ResponseMetadata"}} == {
        "SourceKeyId": key["Arn"],
        "KeyId": other["Arn"],
        "SourceEncryptionAlgorithm": "SYMMETRIC_DEFAULT",
        "DestinationEncryptionAlgorithm": "SYMMETRIC_DEFAULT",
        "SourceKeyMaterialId": key["CurrentKeyMaterialId"],
        "DestinationKeyMaterialId": other["CurrentKeyMaterialId"],
    }
    opened = kms.decrypt(CiphertextBlob=answer["CiphertextBlob"], EncryptionContext={"new": "context"})
    assert (opened["Plaintext"], opened["KeyId"]) == (b"moved", other["Arn"])
    assert (
        refused(kms.re_encrypt, CiphertextBlob=blob, DestinationKeyId=other["KeyId"])[0] == "InvalidCiphertextException"
    )
    assert (
        refused(
            kms.re_encrypt,
            CiphertextBlob=blob,
            SourceEncryptionContext=CONTEXT,
            SourceKeyId=other["KeyId"],
            DestinationKeyId=key["KeyId"],
        )[0]
        == "IncorrectKeyException"
    )


@pytest.mark.parametrize(
    ("size", "arguments"),
    [
        (32, {"KeySpec": "AES_256"}),
        (16, {"KeySpec": "AES_128"}),
        (1, {"NumberOfBytes": 1}),
        (1_024, {"NumberOfBytes": 1_024}),
    ],
)
def test_a_data_key_comes_in_clear_and_sealed(kms: Any, key: Any, size: int, arguments: dict[str, Any]) -> None:
    answer = kms.generate_data_key(KeyId=key["KeyId"], EncryptionContext=CONTEXT, **arguments)
    assert len(answer["Plaintext"]) == size
    assert (answer["KeyId"], answer["KeyMaterialId"]) == (key["Arn"], key["CurrentKeyMaterialId"])
    opened = kms.decrypt(CiphertextBlob=answer["CiphertextBlob"], EncryptionContext=CONTEXT)
    assert opened["Plaintext"] == answer["Plaintext"]


def test_a_data_key_without_plaintext_is_only_sealed(kms: Any, key: Any) -> None:
    answer = kms.generate_data_key_without_plaintext(KeyId=key["KeyId"], KeySpec="AES_256")
    assert "Plaintext" not in answer
    assert len(kms.decrypt(CiphertextBlob=answer["CiphertextBlob"])["Plaintext"]) == 32


def test_the_size_of_a_data_key_is_given_one_way(kms: Any, key: Any, refused: Refused) -> None:
    expected = ("ValidationException", "Please specify either number of bytes or key spec.")
    assert refused(kms.generate_data_key, KeyId=key["KeyId"]) == expected
    assert refused(kms.generate_data_key, KeyId=key["KeyId"], KeySpec="AES_256", NumberOfBytes=32) == expected


def test_random_bytes(kms: Any, refused: Refused) -> None:
    assert len(kms.generate_random(NumberOfBytes=1_024)["Plaintext"]) == 1_024
    assert kms.generate_random(NumberOfBytes=32)["Plaintext"] != kms.generate_random(NumberOfBytes=32)["Plaintext"]
    assert refused(kms.generate_random) == ("ValidationException", "NumberOfBytes is required.")


def test_a_dry_run_tells_the_outcome_and_gives_nothing(kms: Any, key: Any, refused: Refused) -> None:
    passed = ("DryRunOperationException", "The request would have succeeded, but the DryRun option is set.")
    blob = kms.encrypt(KeyId=key["KeyId"], Plaintext=b"x")["CiphertextBlob"]
    assert refused(kms.encrypt, KeyId=key["KeyId"], Plaintext=b"x", DryRun=True) == passed
    assert refused(kms.decrypt, CiphertextBlob=blob, DryRun=True) == passed
    assert refused(kms.re_encrypt, CiphertextBlob=blob, DestinationKeyId=key["KeyId"], DryRun=True) == passed
    assert refused(kms.generate_data_key, KeyId=key["KeyId"], KeySpec="AES_256", DryRun=True) == passed
    assert (
        refused(kms.generate_data_key_without_plaintext, KeyId=key["KeyId"], KeySpec="AES_256", DryRun=True) == passed
    )
    damaged = blob[:-1] + bytes([blob[-1] ^ 1])
    assert refused(kms.decrypt, CiphertextBlob=damaged, DryRun=True) == ("InvalidCiphertextException", "")
    assert refused(kms.decrypt, KeyId=key["KeyId"], DryRun=True, DryRunModifiers=["IGNORE_CIPHERTEXT"]) == passed
    large = {"name": "x" * 9_000}
    for call, arguments in (
        (kms.encrypt, {"Plaintext": b"x"}),
        (kms.generate_data_key, {"KeySpec": "AES_256"}),
        (kms.generate_data_key_without_plaintext, {"KeySpec": "AES_256"}),
    ):
        said = refused(call, KeyId=key["KeyId"], EncryptionContext=large, **arguments)
        assert said[0] == "ValidationException"
        assert refused(call, KeyId=key["KeyId"], EncryptionContext=large, DryRun=True, **arguments) == said
    kms.disable_key(KeyId=key["KeyId"])
    assert refused(kms.encrypt, KeyId=key["KeyId"], Plaintext=b"x", DryRun=True)[0] == "DisabledException"
