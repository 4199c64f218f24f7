"""Sign, Verify and GetPublicKey; the openssl program and PyCryptodome verify what was signed."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any

import pytest

from tests.api import openssl
from tests.api.conftest import Keys, Refused
from tests.crypto import second

MESSAGE = b"what is signed"
DRY = ("DryRunOperationException", "The request would have succeeded, but the DryRun option is set.")
INVALID = ("KMSInvalidSignatureException", "")

RSA = [f"RSASSA_{padding}_SHA_{bits}" for padding in ("PKCS1_V1_5", "PSS") for bits in (256, 384, 512)]
EACH = [
    *(("RSA_2048", algorithm) for algorithm in RSA),
    ("RSA_3072", "RSASSA_PSS_SHA_384"),
    ("RSA_4096", "RSASSA_PKCS1_V1_5_SHA_512"),
    ("ECC_NIST_P256", "ECDSA_SHA_256"),
    ("ECC_NIST_P384", "ECDSA_SHA_384"),
    ("ECC_NIST_P521", "ECDSA_SHA_512"),
    ("ECC_SECG_P256K1", "ECDSA_SHA_256"),
]
ONE_OF_EACH_SPEC = list(dict(EACH).items())
EDWARDS = "ECC_NIST_EDWARDS25519"
# spec, algorithm, message type
NEWER = [
    (EDWARDS, "ED25519_SHA_512", "RAW"),
    (EDWARDS, "ED25519_PH_SHA_512", "DIGEST"),
    *((f"ML_DSA_{size}", "ML_DSA_SHAKE_256", kind) for size in (44, 65, 87) for kind in ("RAW", "EXTERNAL_MU")),
]


def _altered(data: bytes) -> bytes:
    return data[:-1] + bytes([data[-1] ^ 1])


def _digest(algorithm: str, message: bytes = MESSAGE) -> bytes:
    return hashlib.new(f"sha{algorithm.rpartition('_')[2]}", message).digest()


@pytest.mark.parametrize(("spec", "algorithm"), EACH)
def test_what_is_signed_openssl_verifies_and_so_does_verify(
    kms: Any, keys: Keys, folder: Path, spec: str, algorithm: str
) -> None:
    key = keys(spec, "SIGN_VERIFY")
    public = kms.get_public_key(KeyId=key["KeyId"])["PublicKey"]
    signed = kms.sign(KeyId=key["KeyId"], Message=MESSAGE, SigningAlgorithm=algorithm)
    assert {name: signed[name] for name in signed if name not in {"Signature", "ResponseMetadata"}} == {
        "KeyId": key["Arn"],
        "SigningAlgorithm": algorithm,
    }
    assert openssl.verifies(folder, public, algorithm, MESSAGE, signed["Signature"])
    assert not openssl.verifies(folder, public, algorithm, MESSAGE + b"!", signed["Signature"])
    for kind, message in (("RAW", MESSAGE), ("DIGEST", _digest(algorithm))):
        answer = kms.verify(
            KeyId=key["Arn"],
            Message=message,
            MessageType=kind,
            Signature=signed["Signature"],
            SigningAlgorithm=algorithm,
        )
        assert {name: answer[name] for name in answer if name != "ResponseMetadata"} == {
            "KeyId": key["Arn"],
            "SignatureValid": True,
            "SigningAlgorithm": algorithm,
        }


@pytest.mark.parametrize(("spec", "algorithm"), ONE_OF_EACH_SPEC)
def test_a_digest_is_signed_as_if_it_were_the_hash_of_the_message(
    kms: Any, keys: Keys, folder: Path, spec: str, algorithm: str
) -> None:
    key = keys(spec, "SIGN_VERIFY")["KeyId"]
    signed = kms.sign(KeyId=key, Message=_digest(algorithm), MessageType="DIGEST", SigningAlgorithm=algorithm)
    public = kms.get_public_key(KeyId=key)["PublicKey"]
    assert openssl.verifies(folder, public, algorithm, MESSAGE, signed["Signature"])


def _sent(public: bytes, algorithm: str, message_type: str, message: bytes = MESSAGE) -> bytes:
    """What a caller sends to have ``message`` signed in that way."""
    match message_type:
        case "DIGEST":
            return _digest(algorithm, message)
        case "EXTERNAL_MU":
            return second.mu(public, message)
        case _:
            return message


@pytest.mark.parametrize(("spec", "algorithm", "message_type"), NEWER)
def test_another_library_verifies_what_edwards_and_lattice_keys_sign(
    kms: Any, keys: Keys, refused: Refused, spec: str, algorithm: str, message_type: str
) -> None:
    key = keys(spec, "SIGN_VERIFY")
    public = kms.get_public_key(KeyId=key["KeyId"])["PublicKey"]
    arguments = {
        "KeyId": key["KeyId"],
        "Message": _sent(public, algorithm, message_type),
        "MessageType": message_type,
        "SigningAlgorithm": algorithm,
    }
    signature = kms.sign(**arguments)["Signature"]
    second.verify(public, MESSAGE, signature, algorithm)
    with pytest.raises(ValueError):
        second.verify(public, MESSAGE + b"!", signature, algorithm)
    answer = kms.verify(Signature=signature, **arguments)
    assert (answer["KeyId"], answer["SignatureValid"]) == (key["Arn"], True)
    other = _sent(public, algorithm, message_type, b"else")
    for dry in ({}, {"DryRun": True}):
        for broken in (_altered(signature), signature[:-1], b"x"):
            assert refused(kms.verify, Signature=broken, **arguments, **dry) == INVALID
        assert refused(kms.verify, Signature=signature, **{**arguments, "Message": other}, **dry) == INVALID
        assert not dry or refused(kms.sign, **arguments, **dry) == DRY
    again = kms.sign(**arguments)["Signature"]
    assert (again == signature) == (spec == EDWARDS), "Ed25519 draws nothing, ML-DSA does"


def test_message_types_are_bound_to_algorithms_and_specs(kms: Any, keys: Keys, refused: Refused) -> None:
    edwards, lattice = keys(EDWARDS, "SIGN_VERIFY"), keys("ML_DSA_44", "SIGN_VERIFY")

    def said(key: dict[str, Any], algorithm: str, kind: str, message: bytes = bytes(64)) -> tuple[str, str]:
        arguments = {
            "KeyId": key["KeyId"],
            "Message": message,
            "MessageType": kind,
            "SigningAlgorithm": algorithm,
        }
        signing = refused(kms.sign, **arguments)
        assert refused(kms.verify, Signature=b"x", **arguments) == signing
        return signing

    for algorithm, kind in (("ED25519_PH_SHA_512", "RAW"), ("ED25519_SHA_512", "DIGEST")):
        assert said(edwards, algorithm, kind) == (
            "ValidationException",
            f"Message type {kind} is incompatible with algorithm {algorithm}.",
        )
        assert said(edwards, algorithm, "EXTERNAL_MU")[1] == (
            "Message type EXTERNAL_MU is incompatible with key spec ECC_NIST_EDWARDS25519."
        )
    assert said(edwards, "ED25519_PH_SHA_512", "DIGEST", b"short")[1] == (
        "Digest is invalid length for algorithm ED25519_PH_SHA_512."
    )
    assert said(lattice, "ML_DSA_SHAKE_256", "DIGEST")[1] == (
        "Message type DIGEST is incompatible with key spec ML_DSA_44."
    )
    assert said(lattice, "ML_DSA_SHAKE_256", "EXTERNAL_MU", bytes(63))[0] == "ValidationException"
    assert said(lattice, "ED25519_SHA_512", "RAW") == (
        "InvalidKeyUsageException",
        "Algorithm ED25519_SHA_512 is incompatible with key spec ML_DSA_44.",
    )


@pytest.mark.parametrize(("spec", "algorithm"), ONE_OF_EACH_SPEC)
def test_a_signature_that_does_not_verify_is_a_refusal_without_a_text_even_in_a_dry_run(
    kms: Any, keys: Keys, refused: Refused, spec: str, algorithm: str
) -> None:
    arguments = {"KeyId": keys(spec, "SIGN_VERIFY")["KeyId"], "SigningAlgorithm": algorithm}
    signature = kms.sign(Message=MESSAGE, **arguments)["Signature"]
    for dry in ({}, {"DryRun": True}):
        assert refused(kms.verify, Message=b"else", Signature=signature, **arguments, **dry) == INVALID
        assert refused(kms.verify, Message=MESSAGE, Signature=_altered(signature), **arguments, **dry) == INVALID
        assert refused(kms.verify, Message=MESSAGE, Signature=b"x", **arguments, **dry) == INVALID
    assert refused(kms.verify, Message=MESSAGE, Signature=signature, **arguments, DryRun=True) == DRY
    assert refused(kms.sign, Message=MESSAGE, **arguments, DryRun=True) == DRY


def test_what_does_not_fit_is_refused_in_the_words_of_aws(kms: Any, keys: Keys, refused: Refused) -> None:
    rsa, curve = keys("RSA_2048", "SIGN_VERIFY"), keys("ECC_NIST_P256", "SIGN_VERIFY")
    encrypting, agreeing = keys("RSA_2048", "ENCRYPT_DECRYPT"), keys("ECC_NIST_P256", "KEY_AGREEMENT")

    def said(key: dict[str, Any], algorithm: str, **more: Any) -> tuple[str, str]:
        arguments = {"KeyId": key["KeyId"], "Message": MESSAGE, "SigningAlgorithm": algorithm, **more}
        signing = refused(kms.sign, **arguments)
        assert refused(kms.sign, **arguments, DryRun=True) == signing, "a dry run tells the same"
        return signing

    assert said(curve, "RSASSA_PSS_SHA_256") == (
        "InvalidKeyUsageException",
        "Algorithm RSASSA_PSS_SHA_256 is incompatible with key spec ECC_NIST_P256.",
    )
    assert said(curve, "ECDSA_SHA_384") == (
        "InvalidKeyUsageException",
        "Algorithm ECDSA_SHA_384 is incompatible with key spec ECC_NIST_P256.",
    )
    assert said(encrypting, "RSASSA_PSS_SHA_256") == (
        "InvalidKeyUsageException",
        f"{encrypting['Arn']} key usage is ENCRYPT_DECRYPT which is not valid for Sign.",
    )
    assert said(agreeing, "ECDSA_SHA_256") == (
        "InvalidKeyUsageException",
        f"{agreeing['Arn']} key usage is KEY_AGREEMENT which is not valid for Sign.",
    )
    for key, algorithm in ((rsa, "RSASSA_PSS_SHA_512"), (curve, "ECDSA_SHA_256")):
        assert said(key, algorithm, MessageType="DIGEST", Message=b"short") == (
            "ValidationException",
            f"Digest is invalid length for algorithm {algorithm}.",
        )
        assert said(key, algorithm, MessageType="EXTERNAL_MU", Message=b"m" * 64) == (
            "ValidationException",
            f"Message type EXTERNAL_MU is incompatible with key spec {key['KeySpec']}.",
        )
    assert said(curve, "ECDSA_SHA_256", Message=b"m" * 4_097)[1] == (
        "1 validation error detected: Value at 'message' failed to satisfy constraint: "
        "Member must have length less than or equal to 4096"
    )


def test_state_comes_before_usage_and_algorithm_and_verification_needs_an_enabled_key_too(
    kms: Any, refused: Refused
) -> None:
    key = kms.create_key(KeySpec="ECC_NIST_P256", KeyUsage="SIGN_VERIFY")["KeyMetadata"]
    signature = kms.sign(KeyId=key["KeyId"], Message=MESSAGE, SigningAlgorithm="ECDSA_SHA_256")["Signature"]
    public = kms.get_public_key(KeyId=key["KeyId"])
    kms.disable_key(KeyId=key["KeyId"])
    disabled = ("DisabledException", f"{key['Arn']} is disabled.")
    for algorithm in ("ECDSA_SHA_256", "RSASSA_PSS_SHA_256"):
        assert refused(kms.sign, KeyId=key["KeyId"], Message=MESSAGE, SigningAlgorithm=algorithm) == disabled
        assert (
            refused(kms.verify, KeyId=key["KeyId"], Message=MESSAGE, Signature=signature, SigningAlgorithm=algorithm)
            == disabled
        )
    shown = kms.get_public_key(KeyId=key["KeyId"])
    assert shown["PublicKey"] == public["PublicKey"], "a disabled key shows its public half"
    kms.schedule_key_deletion(KeyId=key["KeyId"], PendingWindowInDays=7)
    pending = ("KMSInvalidStateException", f"{key['Arn']} is pending deletion.")
    assert refused(kms.get_public_key, KeyId=key["KeyId"]) == pending
    assert refused(kms.sign, KeyId=key["KeyId"], Message=MESSAGE, SigningAlgorithm="ECDSA_SHA_256") == pending


@pytest.mark.parametrize(
    ("spec", "usage", "member", "said"),
    [
        ("RSA_2048", "SIGN_VERIFY", "SigningAlgorithms", "Public-Key: (2048 bit)"),
        ("RSA_3072", "ENCRYPT_DECRYPT", "EncryptionAlgorithms", "Public-Key: (3072 bit)"),
        ("RSA_4096", "SIGN_VERIFY", "SigningAlgorithms", "Exponent: 65537 (0x10001)"),
        ("ECC_NIST_P256", "SIGN_VERIFY", "SigningAlgorithms", "NIST CURVE: P-256"),
        ("ECC_NIST_P384", "KEY_AGREEMENT", "KeyAgreementAlgorithms", "NIST CURVE: P-384"),
        ("ECC_NIST_P521", "SIGN_VERIFY", "SigningAlgorithms", "NIST CURVE: P-521"),
        ("ECC_SECG_P256K1", "SIGN_VERIFY", "SigningAlgorithms", "ASN1 OID: secp256k1"),
        (EDWARDS, "SIGN_VERIFY", "SigningAlgorithms", "ED25519 Public-Key"),
    ],
)
def test_a_public_key_is_what_openssl_takes_it_for_and_comes_with_what_it_is_for(
    kms: Any, keys: Keys, folder: Path, spec: str, usage: str, member: str, said: str
) -> None:
    key = keys(spec, usage)
    shown = kms.get_public_key(KeyId=key["KeyId"])
    assert said in openssl.described(folder, shown["PublicKey"])
    assert {name: shown[name] for name in shown if name not in {"PublicKey", "ResponseMetadata"}} == {
        "KeyId": key["Arn"],
        "CustomerMasterKeySpec": spec,
        "KeySpec": spec,
        "KeyUsage": usage,
        member: key[member],
    }


def test_a_key_that_has_no_public_half_is_refused_without_a_text(kms: Any, keys: Keys, refused: Refused) -> None:
    for spec, usage in (("SYMMETRIC_DEFAULT", "ENCRYPT_DECRYPT"), ("HMAC_256", "GENERATE_VERIFY_MAC")):
        said = refused(kms.get_public_key, KeyId=keys(spec, usage)["KeyId"])
        assert said == ("UnsupportedOperationException", "")


def test_a_key_is_named_by_alias_too(kms: Any, keys: Keys) -> None:
    key = keys("ECC_NIST_P256", "SIGN_VERIFY")
    name = f"alias/{key['KeyId']}"
    kms.create_alias(AliasName=name, TargetKeyId=key["KeyId"])
    signed = kms.sign(KeyId=name, Message=MESSAGE, SigningAlgorithm="ECDSA_SHA_256")
    assert signed["KeyId"] == key["Arn"]
    assert kms.get_public_key(KeyId=name)["KeyId"] == key["Arn"]
    kms.delete_alias(AliasName=name)
