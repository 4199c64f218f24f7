"""Encrypt, Decrypt and ReEncrypt with RSA keys; the openssl program encrypts what is decrypted."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.api import openssl
from tests.api.conftest import Keys, Refused

SECRET = b"what is kept secret"
DRY = ("DryRunOperationException", "The request would have succeeded, but the DryRun option is set.")
INVALID = ("InvalidCiphertextException", "")
CONTEXT = {"order": "4711"}
NO_CONTEXT = (
    "ValidationException",
    "EncryptionContext is not supported when encrypting/decrypting with asymmetric CMKs.",
)
LONGEST = {
    ("RSA_2048", "RSAES_OAEP_SHA_1"): 214,
    ("RSA_2048", "RSAES_OAEP_SHA_256"): 190,
    ("RSA_3072", "RSAES_OAEP_SHA_1"): 342,
    ("RSA_3072", "RSAES_OAEP_SHA_256"): 318,
    ("RSA_4096", "RSAES_OAEP_SHA_1"): 470,
    ("RSA_4096", "RSAES_OAEP_SHA_256"): 446,
}


@pytest.mark.parametrize(("spec", "algorithm"), LONGEST)
def test_what_is_encrypted_here_or_by_openssl_is_decrypted(
    kms: Any, keys: Keys, folder: Path, spec: str, algorithm: str
) -> None:
    key = keys(spec, "ENCRYPT_DECRYPT")
    longest = bytes(LONGEST[spec, algorithm])
    for plaintext in (b"x", longest):
        sealed = kms.encrypt(
            KeyId=key["KeyId"], Plaintext=plaintext, EncryptionAlgorithm=algorithm, EncryptionContext={}
        )
        assert {name: sealed[name] for name in sealed if name not in {"CiphertextBlob", "ResponseMetadata"}} == {
            "KeyId": key["Arn"],
            "EncryptionAlgorithm": algorithm,
        }
        assert len(sealed["CiphertextBlob"]) == int(spec[4:]) // 8
        public = kms.get_public_key(KeyId=key["KeyId"])["PublicKey"]
        for blob in (sealed["CiphertextBlob"], openssl.encrypted(folder, public, algorithm, plaintext)):
            opened = kms.decrypt(KeyId=key["Arn"], CiphertextBlob=blob, EncryptionAlgorithm=algorithm)
            assert {name: opened[name] for name in opened if name != "ResponseMetadata"} == {
                "KeyId": key["Arn"],
                "Plaintext": plaintext,
                "EncryptionAlgorithm": algorithm,
            }


@pytest.mark.parametrize(("spec", "algorithm"), LONGEST)
def test_a_plaintext_too_long_for_the_key_is_refused_in_the_words_of_aws_even_in_a_dry_run(
    kms: Any, keys: Keys, refused: Refused, spec: str, algorithm: str
) -> None:
    longest = LONGEST[spec, algorithm]
    arguments = {"KeyId": keys(spec, "ENCRYPT_DECRYPT")["KeyId"], "EncryptionAlgorithm": algorithm}
    for dry in ({}, {"DryRun": True}):
        assert refused(kms.encrypt, Plaintext=bytes(longest + 1), **arguments, **dry) == (
            "ValidationException",
            f"Algorithm {algorithm} and key spec {spec} cannot encrypt data larger than {longest} bytes.",
        )
    assert refused(kms.encrypt, Plaintext=bytes(longest), **arguments, DryRun=True) == DRY


def test_every_defect_of_a_ciphertext_is_one_refusal_without_a_text_even_in_a_dry_run(
    kms: Any, keys: Keys, folder: Path, refused: Refused
) -> None:
    key, algorithm = keys("RSA_2048", "ENCRYPT_DECRYPT")["KeyId"], "RSAES_OAEP_SHA_256"
    blob = kms.encrypt(KeyId=key, Plaintext=SECRET, EncryptionAlgorithm=algorithm)["CiphertextBlob"]
    stranger = openssl.encrypted(
        folder,
        kms.get_public_key(KeyId=keys("RSA_2048", "SIGN_VERIFY")["KeyId"])["PublicKey"],
        algorithm,
        SECRET,
    )
    wrong = [
        (blob[:-1] + bytes([blob[-1] ^ 1]), algorithm),
        (blob[:-1], algorithm),
        (blob + b"x", algorithm),
        (b"x" * 256, algorithm),
        (b"\xff" * 256, algorithm),
        (blob, "RSAES_OAEP_SHA_1"),
        (stranger, algorithm),
        (blob, "SYMMETRIC_DEFAULT"),
    ]
    for each, named in wrong:
        for dry in ({}, {"DryRun": True}):
            said = refused(kms.decrypt, KeyId=key, CiphertextBlob=each, EncryptionAlgorithm=named, **dry)
            assert said == INVALID, named
    assert refused(kms.decrypt, KeyId=key, CiphertextBlob=blob) == INVALID, (
        "without the algorithm it is no blob of ours"
    )
    assert refused(kms.decrypt, KeyId=key, CiphertextBlob=blob, EncryptionAlgorithm=algorithm, DryRun=True) == DRY
    assert refused(
        kms.decrypt, KeyId=key, EncryptionAlgorithm=algorithm, DryRun=True, DryRunModifiers=["IGNORE_CIPHERTEXT"]
    ) == DRY  # fmt: skip


def test_the_key_must_be_named_and_there_is_no_context(kms: Any, keys: Keys, refused: Refused) -> None:
    key, algorithm = keys("RSA_2048", "ENCRYPT_DECRYPT")["KeyId"], "RSAES_OAEP_SHA_1"
    blob = kms.encrypt(KeyId=key, Plaintext=SECRET, EncryptionAlgorithm=algorithm)["CiphertextBlob"]
    missing = ("ValidationException", "KeyId must not be null")
    assert refused(kms.decrypt, CiphertextBlob=blob, EncryptionAlgorithm=algorithm) == missing
    arguments = {"KeyId": key, "EncryptionAlgorithm": algorithm, "EncryptionContext": CONTEXT}
    for dry in ({}, {"DryRun": True}):
        assert refused(kms.encrypt, Plaintext=SECRET, **arguments, **dry) == NO_CONTEXT
        assert refused(kms.decrypt, CiphertextBlob=blob, **arguments, **dry) == NO_CONTEXT


def test_what_does_not_fit_is_refused_in_the_words_of_aws(kms: Any, keys: Keys, refused: Refused, key: Any) -> None:
    rsa, signing = keys("RSA_2048", "ENCRYPT_DECRYPT"), keys("RSA_2048", "SIGN_VERIFY")
    usage = "InvalidKeyUsageException"
    assert refused(kms.encrypt, KeyId=rsa["KeyId"], Plaintext=SECRET) == (
        usage,
        "Algorithm SYMMETRIC_DEFAULT is incompatible with key spec RSA_2048.",
    )
    oaep = {"EncryptionAlgorithm": "RSAES_OAEP_SHA_256"}
    assert refused(kms.encrypt, KeyId=key["KeyId"], Plaintext=SECRET, **oaep) == (
        usage,
        "Algorithm RSAES_OAEP_SHA_256 is incompatible with key spec SYMMETRIC_DEFAULT.",
    )
    assert refused(kms.decrypt, KeyId=key["KeyId"], CiphertextBlob=b"x", **oaep)[0] == usage
    for call, member, name in (
        (kms.encrypt, "Plaintext", "Encrypt"),
        (kms.decrypt, "CiphertextBlob", "Decrypt"),
    ):
        assert refused(call, KeyId=signing["KeyId"], **{member: SECRET}, **oaep) == (
            usage,
            f"{signing['Arn']} key usage is SIGN_VERIFY which is not valid for {name}.",
        )
    assert refused(kms.generate_data_key, KeyId=rsa["KeyId"], KeySpec="AES_256") == (
        usage,
        "You cannot generate a data key with an asymmetric CMK",
    )


def test_a_symmetric_blob_is_of_another_key_whatever_kind_that_other_is(
    kms: Any, keys: Keys, refused: Refused, key: Any
) -> None:
    blob = kms.encrypt(KeyId=key["KeyId"], Plaintext=SECRET)["CiphertextBlob"]
    for spec, usage in (
        ("RSA_2048", "ENCRYPT_DECRYPT"),
        ("RSA_2048", "SIGN_VERIFY"),
        ("HMAC_256", "GENERATE_VERIFY_MAC"),
    ):
        assert refused(kms.decrypt, KeyId=keys(spec, usage)["KeyId"], CiphertextBlob=blob) == (
            "IncorrectKeyException",
            "The key ID in the request does not identify a CMK that can perform this operation.",
        )


def test_a_secret_moves_between_keys_of_both_kinds_and_only_symmetric_sides_name_a_material(
    kms: Any, keys: Keys, key: Any
) -> None:
    one, other = keys("RSA_2048", "ENCRYPT_DECRYPT"), keys("RSA_3072", "ENCRYPT_DECRYPT")
    sha_1, sha_256, symmetric = "RSAES_OAEP_SHA_1", "RSAES_OAEP_SHA_256", "SYMMETRIC_DEFAULT"

    def moved(blob: bytes, source: Any, source_algorithm: str, target: Any, algorithm: str, **more: Any) -> bytes:
        named = {} if source_algorithm == symmetric else {"SourceKeyId": source["KeyId"]}
        answer = kms.re_encrypt(
            CiphertextBlob=blob,
            SourceEncryptionAlgorithm=source_algorithm,
            DestinationKeyId=target["KeyId"],
            DestinationEncryptionAlgorithm=algorithm,
            **named,
            **more,
        )
        materials = {}
        if source_algorithm == symmetric:
            materials["SourceKeyMaterialId"] = source["CurrentKeyMaterialId"]
        if algorithm == symmetric:
            materials["DestinationKeyMaterialId"] = target["CurrentKeyMaterialId"]
        assert {name: answer[name] for name in answer if name not in {"CiphertextBlob", "ResponseMetadata"}} == {
            "SourceKeyId": source["Arn"],
            "KeyId": target["Arn"],
            "SourceEncryptionAlgorithm": source_algorithm,
            "DestinationEncryptionAlgorithm": algorithm,
            **materials,
        }
        return bytes(answer["CiphertextBlob"])

    blob = kms.encrypt(KeyId=one["KeyId"], Plaintext=SECRET, EncryptionAlgorithm=sha_1)["CiphertextBlob"]
    blob = moved(blob, one, sha_1, other, sha_256)
    blob = moved(blob, other, sha_256, key, symmetric, DestinationEncryptionContext=CONTEXT)
    blob = moved(blob, key, symmetric, one, sha_256, SourceEncryptionContext=CONTEXT)
    opened = kms.decrypt(KeyId=one["KeyId"], CiphertextBlob=blob, EncryptionAlgorithm=sha_256)
    assert opened["Plaintext"] == SECRET


def test_a_dry_run_of_a_move_tells_what_would_happen(kms: Any, keys: Keys, refused: Refused, key: Any) -> None:
    rsa = keys("RSA_2048", "ENCRYPT_DECRYPT")
    to_rsa = {"DestinationKeyId": rsa["KeyId"], "DestinationEncryptionAlgorithm": "RSAES_OAEP_SHA_256", "DryRun": True}
    blob = kms.encrypt(KeyId=key["KeyId"], Plaintext=SECRET)["CiphertextBlob"]
    too_long = kms.encrypt(KeyId=key["KeyId"], Plaintext=bytes(191))["CiphertextBlob"]
    assert refused(kms.re_encrypt, CiphertextBlob=blob, **to_rsa) == DRY
    assert refused(kms.re_encrypt, CiphertextBlob=too_long, **to_rsa)[1].endswith("larger than 190 bytes.")
    assert refused(kms.re_encrypt, CiphertextBlob=blob[:-1] + b"x", **to_rsa)[0] == "InvalidCiphertextException"
    assert refused(kms.re_encrypt, CiphertextBlob=blob, DestinationEncryptionContext=CONTEXT, **to_rsa) == NO_CONTEXT
    sealed = kms.encrypt(KeyId=rsa["KeyId"], Plaintext=SECRET, EncryptionAlgorithm="RSAES_OAEP_SHA_256")
    from_rsa = {"DestinationKeyId": key["KeyId"], "SourceEncryptionAlgorithm": "RSAES_OAEP_SHA_256", "DryRun": True}
    blob = sealed["CiphertextBlob"]
    assert refused(kms.re_encrypt, CiphertextBlob=blob, **from_rsa) == ("ValidationException", "KeyId must not be null")
    assert refused(kms.re_encrypt, CiphertextBlob=blob, SourceKeyId=rsa["KeyId"], **from_rsa) == DRY
    assert refused(
        kms.re_encrypt, SourceKeyId=rsa["KeyId"], **from_rsa, DryRunModifiers=["IGNORE_CIPHERTEXT"]
    ) == DRY  # fmt: skip
