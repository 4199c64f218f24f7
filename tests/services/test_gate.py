"""The gate: what it asks before it unwraps, what policies may ask of it, what it leaves in the audit record."""

from __future__ import annotations

import base64
import json
import shutil
import subprocess
from dataclasses import replace
from typing import Any

import pytest

from keystead.crypto.hierarchy import Hierarchy
from keystead.services.gate import Gate
from keystead.services.kms.operations import KMS
from keystead.services.work import Work
from keystead.services.wrapped import load_secrets
from tests.services.holder import STAYS, Holder, stored
from tests.services.office import ACCOUNT, ALLOW_ALL, OTHER, REGION, Office

MESSAGE = b"what nobody should read"
X = base64.b64encode(MESSAGE).decode()


def _statement(action: str, effect: str = "Allow", **more: Any) -> dict[str, Any]:
    return {"Effect": effect, "Action": action, "Resource": "*", **more}


def _policy(*statements: dict[str, Any]) -> str:
    return json.dumps({"Version": "2012-10-17", "Statement": list(statements)})


# operation -> the key it is for, and the rest of a request that would be answered
CALLS: dict[str, tuple[tuple[str, str], dict[str, Any]]] = {
    "Encrypt": (("SYMMETRIC_DEFAULT", "ENCRYPT_DECRYPT"), {"Plaintext": X}),
    "GenerateDataKey": (("SYMMETRIC_DEFAULT", "ENCRYPT_DECRYPT"), {"KeySpec": "AES_256"}),
    "GenerateDataKeyPair": (("SYMMETRIC_DEFAULT", "ENCRYPT_DECRYPT"), {"KeyPairSpec": "ECC_NIST_P256"}),
    "Sign": (("ECC_NIST_P256", "SIGN_VERIFY"), {"Message": X, "SigningAlgorithm": "ECDSA_SHA_256"}),
    "GetPublicKey": (("ECC_NIST_P256", "SIGN_VERIFY"), {}),
    "GenerateMac": (("HMAC_256", "GENERATE_VERIFY_MAC"), {"Message": X, "MacAlgorithm": "HMAC_SHA_256"}),
}


class Counter:
    """How often material was unwrapped."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.count = 0
        unwrap = Hierarchy.unwrap_material

        def counting(*arguments: Any) -> bytes:
            self.count += 1
            return unwrap(*arguments)

        monkeypatch.setattr(Hierarchy, "unwrap_material", counting)


@pytest.fixture
def counter(monkeypatch: pytest.MonkeyPatch) -> Counter:
    return Counter(monkeypatch)


async def _key(office: Office, spec: str, usage: str) -> dict[str, Any]:
    return await office.make_key(KeySpec=spec, KeyUsage=usage)


@pytest.mark.parametrize("operation", CALLS)
def test_no_material_is_unwrapped_for_whom_or_what_it_is_not(play: Any, counter: Counter, operation: str) -> None:
    async def story(office: Office) -> None:
        (spec, usage), body = CALLS[operation]
        key = await _key(office, spec, usage)
        nobody = office.user("nobody")
        _, answer = await office.call(operation, nobody, KeyId=key["KeyId"], **body)
        assert answer["__type"] == "AccessDeniedException"
        for other in (("SYMMETRIC_DEFAULT", "ENCRYPT_DECRYPT"), ("HMAC_224", "GENERATE_VERIFY_MAC")):
            if other[1] != usage and operation != "GetPublicKey":
                wrong = await _key(office, *other)
                _, answer = await office.call(operation, KeyId=wrong["KeyId"], **body)
                assert answer["__type"] == "InvalidKeyUsageException"
        if "SigningAlgorithm" in body:
            _, answer = await office.call(
                operation, KeyId=key["KeyId"], **{**body, "SigningAlgorithm": "ED25519_SHA_512"}
            )
            assert answer["__type"] == "InvalidKeyUsageException"
        if operation == "GetPublicKey":
            _, answer = await office.call(
                operation, KeyId=(await _key(office, "HMAC_224", "GENERATE_VERIFY_MAC"))["KeyId"]
            )
            assert answer["__type"] == "UnsupportedOperationException"
        await office.call("ScheduleKeyDeletion", KeyId=key["KeyId"], PendingWindowInDays=7)
        _, answer = await office.call(operation, KeyId=key["KeyId"], **body)
        assert answer["__type"] == "KMSInvalidStateException"
        assert counter.count == 0

    play(story)


@pytest.mark.parametrize("operation", CALLS)
def test_a_capability_is_kept_while_the_key_stays_as_it_is(play: Any, counter: Counter, operation: str) -> None:
    async def story(office: Office) -> None:
        (spec, usage), body = CALLS[operation]
        key = await _key(office, spec, usage)
        for _ in range(3):
            assert (await office.call(operation, KeyId=key["KeyId"], **body))[0] == 200
        assert counter.count == 1
        await office.call("UpdateKeyDescription", KeyId=key["KeyId"], Description="another")
        assert (await office.call(operation, KeyId=key["KeyId"], **body))[0] == 200
        assert counter.count == 2

    play(story)


def test_new_material_of_every_pace_is_what_is_used_afterwards(play: Any, counter: Counter) -> None:
    async def story(office: Office) -> None:
        for spec, algorithm in (
            ("ECC_NIST_P256", "ECDSA_SHA_256"),
            ("ECC_NIST_P384", "ECDSA_SHA_384"),
            ("RSA_2048", "RSASSA_PSS_SHA_256"),
        ):
            key = await _key(office, spec, "SIGN_VERIFY")
            arguments = {"KeyId": key["KeyId"], "Message": X, "SigningAlgorithm": algorithm}
            _, signed = await office.call("Sign", **arguments)
            status, answer = await office.call("Verify", **arguments, Signature=signed["Signature"])
            assert (status, answer["SignatureValid"]) == (200, True)

    play(story)


def test_a_mac_is_what_openssl_makes_of_the_material(play: Any) -> None:
    program = shutil.which("openssl")
    if program is None:
        pytest.skip("openssl is not installed")

    async def story(office: Office) -> None:
        for bits in ("224", "256", "384", "512"):
            made = await _key(office, f"HMAC_{bits}", "GENERATE_VERIFY_MAC")
            _, answer = await office.call(
                "GenerateMac", KeyId=made["KeyId"], Message=X, MacAlgorithm=f"HMAC_SHA_{bits}"
            )
            key = office.store.read(lambda reader: reader.key(ACCOUNT, REGION, made["KeyId"]))  # noqa: B023
            assert key is not None
            secrets = office.store.read(lambda reader: load_secrets(reader, key))  # noqa: B023
            assert secrets is not None
            material = office.hierarchy.unwrap_material(secrets.materials[0], secrets.wrap_key, secrets.account_key)
            command = ["mac", "-digest", f"SHA{bits}", "-macopt", f"hexkey:{material.hex()}", "-binary", "HMAC"]
            theirs = subprocess.run([program, *command], input=MESSAGE, capture_output=True, check=True).stdout
            assert base64.b64decode(answer["Mac"]) == theirs

    play(story)


@pytest.mark.parametrize(
    ("condition", "value", "operation", "allowed", "denied"),
    [
        (
            "kms:SigningAlgorithm",
            "RSASSA_PSS_SHA_256",
            "Sign",
            {"SigningAlgorithm": "RSASSA_PSS_SHA_256", "Message": X},
            {"SigningAlgorithm": "RSASSA_PSS_SHA_512", "Message": X},
        ),
        (
            "kms:MessageType",
            "RAW",
            "Sign",
            {"SigningAlgorithm": "RSASSA_PSS_SHA_256", "Message": X},
            {
                "SigningAlgorithm": "RSASSA_PSS_SHA_256",
                "MessageType": "DIGEST",
                "Message": base64.b64encode(bytes(32)).decode(),
            },
        ),
        (
            "kms:DataKeyPairSpec",
            "ECC_NIST_P256",
            "GenerateDataKeyPairWithoutPlaintext",
            {"KeyPairSpec": "ECC_NIST_P256"},
            {"KeyPairSpec": "ECC_NIST_P384"},
        ),
        (
            "kms:EncryptionAlgorithm",
            "RSAES_OAEP_SHA_256",
            "Encrypt",
            {"EncryptionAlgorithm": "RSAES_OAEP_SHA_256", "Plaintext": X},
            {"EncryptionAlgorithm": "RSAES_OAEP_SHA_1", "Plaintext": X},
        ),
    ],
)
def test_a_policy_may_ask_how_a_key_is_used(
    play: Any, condition: str, value: str, operation: str, allowed: dict[str, Any], denied: dict[str, Any]
) -> None:
    async def story(office: Office) -> None:
        spec, usage = {
            "Sign": ("RSA_2048", "SIGN_VERIFY"),
            "Encrypt": ("RSA_2048", "ENCRYPT_DECRYPT"),
        }.get(operation, ("SYMMETRIC_DEFAULT", "ENCRYPT_DECRYPT"))
        key = await _key(office, spec, usage)
        only = _statement(f"kms:{operation}", Condition={"StringEquals": {condition: value}})
        user = office.user("user", _policy(only))
        assert (await office.call(operation, user, KeyId=key["KeyId"], **allowed))[0] == 200
        _, answer = await office.call(operation, user, KeyId=key["KeyId"], **denied)
        assert answer["__type"] == "AccessDeniedException"

    play(story)


def test_a_policy_may_ask_for_the_algorithm_of_macs_and_of_agreement(play: Any) -> None:
    async def story(office: Office) -> None:
        mac = await _key(office, "HMAC_256", "GENERATE_VERIFY_MAC")
        agreeing = await _key(office, "ECC_NIST_P256", "KEY_AGREEMENT")
        _, shown = await office.call("GetPublicKey", KeyId=agreeing["KeyId"])
        calls = [
            ("GenerateMac", "kms:MacAlgorithm", "HMAC_SHA_256", mac, {"Message": X, "MacAlgorithm": "HMAC_SHA_256"}),
            (
                "DeriveSharedSecret",
                "kms:KeyAgreementAlgorithm",
                "ECDH",
                agreeing,
                {"KeyAgreementAlgorithm": "ECDH", "PublicKey": shown["PublicKey"]},
            ),
        ]
        for operation, condition, value, key, body in calls:
            deny = _statement(f"kms:{operation}", "Deny", Condition={"StringEquals": {condition: value}})
            user = office.user(operation.lower(), ALLOW_ALL, _policy(deny))
            _, answer = await office.call(operation, user, KeyId=key["KeyId"], **body)
            assert "with an explicit deny in an identity-based policy" in answer["Message"], operation

    play(story)


@pytest.mark.parametrize(
    ("condition", "value", "other"),
    [
        ("kms:KeySpec", "HMAC_256", {"KeySpec": "HMAC_384", "KeyUsage": "GENERATE_VERIFY_MAC"}),
        ("kms:KeyUsage", "GENERATE_VERIFY_MAC", {"KeySpec": "ECC_NIST_P256", "KeyUsage": "SIGN_VERIFY"}),
        ("kms:KeyOrigin", "AWS_KMS", {"KeySpec": "HMAC_256", "KeyUsage": "GENERATE_VERIFY_MAC", "Origin": "EXTERNAL"}),
    ],
)
def test_a_policy_may_ask_what_key_is_made(play: Any, condition: str, value: str, other: dict[str, Any]) -> None:
    async def story(office: Office) -> None:
        user = office.user("user", _policy(_statement("kms:CreateKey", Condition={"StringEquals": {condition: value}})))
        fitting = {"KeySpec": "HMAC_256", "KeyUsage": "GENERATE_VERIFY_MAC"}
        assert (await office.call("CreateKey", user, **fitting))[0] == 200
        assert (await office.call("CreateKey", user, **other))[1]["__type"] == "AccessDeniedException"

    play(story)


def test_another_account_signs_when_both_sides_allow_it(play: Any) -> None:
    async def story(office: Office) -> None:
        key = await _key(office, "ECC_NIST_P256", "SIGN_VERIFY")
        stranger = office.user("stranger", ALLOW_ALL, account=OTHER)
        body = {"KeyId": key["Arn"], "Message": X, "SigningAlgorithm": "ECDSA_SHA_256"}
        _, answer = await office.call("Sign", stranger, **body)
        assert answer["__type"] == "AccessDeniedException"
        both = [
            {"Effect": "Allow", "Principal": {"AWS": account}, "Action": "kms:*", "Resource": "*"}
            for account in (ACCOUNT, OTHER)
        ]
        await office.call("PutKeyPolicy", KeyId=key["KeyId"], Policy=_policy(*both))
        status, answer = await office.call("Sign", stranger, **body)
        assert (status, answer["KeyId"]) == (200, key["Arn"])

    play(story)


def test_records_show_what_was_asked_and_never_what_was_signed_or_made(play: Any) -> None:
    async def story(office: Office) -> None:
        signing = await _key(office, "RSA_2048", "SIGN_VERIFY")
        mac = await _key(office, "HMAC_256", "GENERATE_VERIFY_MAC")
        symmetric = await office.make_key()
        agreeing = await _key(office, "ECC_NIST_P256", "KEY_AGREEMENT")
        _, shown = await office.call("GetPublicKey", KeyId=agreeing["Arn"])
        del office.journal.lines[:]
        asked: list[tuple[str, str, dict[str, Any], dict[str, Any]]] = [
            (
                "Sign",
                signing["KeyId"],
                {"Message": X, "SigningAlgorithm": "RSASSA_PSS_SHA_256"},
                {"messageType": "RAW", "keyId": signing["KeyId"], "signingAlgorithm": "RSASSA_PSS_SHA_256"},
            ),
            (
                "GenerateMac",
                mac["KeyId"],
                {"Message": X, "MacAlgorithm": "HMAC_SHA_256"},
                {"macAlgorithm": "HMAC_SHA_256", "keyId": mac["KeyId"]},
            ),
            (
                "DeriveSharedSecret",
                agreeing["KeyId"],
                {"KeyAgreementAlgorithm": "ECDH", "PublicKey": shown["PublicKey"]},
                {"keyId": agreeing["KeyId"], "keyAgreementAlgorithm": "ECDH"},
            ),
            ("GetPublicKey", signing["KeyId"], {}, {"keyId": signing["KeyId"]}),
            (
                "GenerateDataKeyPair",
                symmetric["KeyId"],
                {"KeyPairSpec": "ECC_NIST_P256", "EncryptionContext": {"a": "b"}},
                {"keyPairSpec": "ECC_NIST_P256", "keyId": symmetric["KeyId"], "encryptionContext": {"a": "b"}},
            ),
        ]
        answers = []
        for operation, key_id, body, _ in asked:
            status, answer = await office.call(operation, KeyId=key_id, **body)
            assert status == 200, answer
            answers.append(answer)
        lines = office.journal.lines
        for line, (operation, key_id, _, parameters) in zip(lines, asked, strict=True):
            assert (line["eventName"], line["requestParameters"], line["responseElements"], line["readOnly"]) == (
                operation,
                parameters,
                None,
                True,
            )
            assert [resource["ARN"].rpartition("/")[2] for resource in line["resources"]] == [key_id]
            material = {"keyMaterialId": symmetric["CurrentKeyMaterialId"]} if "DataKey" in operation else None
            assert line.get("additionalEventData") == material, operation
        written = json.dumps(lines)
        secrets = [X, *(value for answer in answers for name, value in answer.items() if name not in _HARMLESS)]
        assert len(secrets) == 1 + 1 + 1 + 1 + 1 + 3
        assert not [each for each in secrets if each in written]

    play(story)


_HARMLESS = frozenset(
    """KeyId SigningAlgorithm MacAlgorithm KeyAgreementAlgorithm KeyOrigin KeyPairSpec KeyMaterialId KeySpec
    CustomerMasterKeySpec KeyUsage SigningAlgorithms""".split()
)


def test_the_record_of_a_new_key_names_its_spec_by_both_names_whichever_was_used(play: Any) -> None:
    async def story(office: Office) -> None:
        for given in ({"KeySpec": "HMAC_256"}, {"CustomerMasterKeySpec": "HMAC_256"}):
            await office.make_key(**given, KeyUsage="GENERATE_VERIFY_MAC", Origin="EXTERNAL")
            assert office.journal.lines[-1]["requestParameters"] == {
                "description": "",
                "origin": "EXTERNAL",
                "bypassPolicyLockoutSafetyCheck": False,
                "keySpec": "HMAC_256",
                "customerMasterKeySpec": "HMAC_256",
                "keyUsage": "GENERATE_VERIFY_MAC",
            }

    play(story)


def test_what_a_thread_refuses_is_recorded_with_its_code(play: Any) -> None:
    async def story(office: Office) -> None:
        key = await _key(office, "RSA_2048", "SIGN_VERIFY")
        body = {"KeyId": key["KeyId"], "Message": X, "SigningAlgorithm": "RSASSA_PSS_SHA_256", "Signature": X}
        _, answer = await office.call("Verify", **body)
        assert answer == {"__type": "KMSInvalidSignatureException"}
        assert office.journal.lines[-1]["errorCode"] == "KMSInvalidSignatureException"
        assert office.reported == []

    play(story)


def test_the_gate_imports_into_no_key_that_the_call_was_not_admitted_to(play: Any) -> None:
    async def story(office: Office) -> None:
        holder, other = await Holder.new(office), await Holder.new(office)
        body = holder.wrapper.body(bytes(32), ExpirationModel=STAYS)

        def astray(call: Gate[Any]) -> Work:
            key = call.key(call.request.key_id)
            strange = stored(office, other.key_id)
            return Work(call.unwrapping_import(strange, call.request.import_token, b"") if key else lambda: None)

        row = replace(KMS.rows["ImportKeyMaterial"], function=astray)
        status, _ = await office.call("ImportKeyMaterial", row=row, KeyId=holder.key_id, **body)
        assert status == 500
        assert "not admitted" in repr(office.reported)

    play(story)
