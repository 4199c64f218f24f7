"""GenerateMac and VerifyMac. That a MAC is of the key's material is shown in tests/services/test_gate.py."""

from __future__ import annotations

from typing import Any

import pytest

from tests.api.conftest import Keys, Refused

MESSAGE = b"what is authenticated"
INVALID = ("KMSInvalidMacException", "")
DRY = ("DryRunOperationException", "The request would have succeeded, but the DryRun option is set.")
SIZES = {"224": 28, "256": 32, "384": 48, "512": 64}


@pytest.mark.parametrize("bits", SIZES)
def test_a_mac_is_whole_always_the_same_and_verified(kms: Any, keys: Keys, bits: str) -> None:
    key, algorithm = keys(f"HMAC_{bits}", "GENERATE_VERIFY_MAC"), f"HMAC_SHA_{bits}"
    made = kms.generate_mac(KeyId=key["KeyId"], Message=MESSAGE, MacAlgorithm=algorithm)
    assert {name: made[name] for name in made if name not in {"Mac", "ResponseMetadata"}} == {
        "KeyId": key["Arn"],
        "MacAlgorithm": algorithm,
    }
    assert len(made["Mac"]) == SIZES[bits]
    assert kms.generate_mac(KeyId=key["Arn"], Message=MESSAGE, MacAlgorithm=algorithm)["Mac"] == made["Mac"]
    assert kms.generate_mac(KeyId=key["Arn"], Message=MESSAGE + b"!", MacAlgorithm=algorithm)["Mac"] != made["Mac"]
    answer = kms.verify_mac(KeyId=key["KeyId"], Message=MESSAGE, Mac=made["Mac"], MacAlgorithm=algorithm)
    assert {name: answer[name] for name in answer if name != "ResponseMetadata"} == {
        "KeyId": key["Arn"],
        "MacValid": True,
        "MacAlgorithm": algorithm,
    }


@pytest.mark.parametrize("bits", SIZES)
def test_a_mac_that_does_not_verify_is_a_refusal_without_a_text_even_in_a_dry_run(
    kms: Any, keys: Keys, refused: Refused, bits: str
) -> None:
    arguments = {"KeyId": keys(f"HMAC_{bits}", "GENERATE_VERIFY_MAC")["KeyId"], "MacAlgorithm": f"HMAC_SHA_{bits}"}
    mac = kms.generate_mac(Message=MESSAGE, **arguments)["Mac"]
    for dry in ({}, {"DryRun": True}):
        for wrong in (mac[:-1] + bytes([mac[-1] ^ 1]), mac[:-1], mac + b"x", b"x"):
            assert refused(kms.verify_mac, Message=MESSAGE, Mac=wrong, **arguments, **dry) == INVALID
        assert refused(kms.verify_mac, Message=b"else", Mac=mac, **arguments, **dry) == INVALID
    assert refused(kms.verify_mac, Message=MESSAGE, Mac=mac, **arguments, DryRun=True) == DRY
    assert refused(kms.generate_mac, Message=MESSAGE, **arguments, DryRun=True) == DRY


def test_two_keys_make_two_macs(kms: Any, keys: Keys) -> None:
    other = kms.create_key(KeySpec="HMAC_256", KeyUsage="GENERATE_VERIFY_MAC")["KeyMetadata"]
    macs = {
        kms.generate_mac(KeyId=key["KeyId"], Message=MESSAGE, MacAlgorithm="HMAC_SHA_256")["Mac"]
        for key in (keys("HMAC_256", "GENERATE_VERIFY_MAC"), other)
    }
    assert len(macs) == 2


def test_what_does_not_fit_is_refused_in_the_words_of_aws(kms: Any, keys: Keys, refused: Refused, key: Any) -> None:
    authenticating = keys("HMAC_224", "GENERATE_VERIFY_MAC")
    assert refused(kms.generate_mac, KeyId=authenticating["KeyId"], Message=MESSAGE, MacAlgorithm="HMAC_SHA_512") == (
        "InvalidKeyUsageException",
        "Algorithm HMAC_SHA_512 is incompatible with key spec HMAC_224.",
    )
    assert refused(kms.generate_mac, KeyId=key["KeyId"], Message=MESSAGE, MacAlgorithm="HMAC_SHA_256") == (
        "InvalidKeyUsageException",
        f"{key['Arn']} key usage is ENCRYPT_DECRYPT which is not valid for GenerateMac.",
    )
    assert refused(kms.encrypt, KeyId=authenticating["KeyId"], Plaintext=b"x") == (
        "InvalidKeyUsageException",
        f"{authenticating['Arn']} key usage is GENERATE_VERIFY_MAC which is not valid for Encrypt.",
    )
    for message, bound in ((b"", "greater than or equal to 1"), (b"m" * 4_097, "less than or equal to 4096")):
        assert refused(
            kms.generate_mac, KeyId=authenticating["KeyId"], Message=message, MacAlgorithm="HMAC_SHA_224"
        ) == (
            "ValidationException",
            f"1 validation error detected: Value at 'message' failed to satisfy constraint: Member must have length {bound}",
        )


def test_a_disabled_key_is_disabled_before_anything_else_is_wrong(kms: Any, refused: Refused) -> None:
    key = kms.create_key(KeySpec="HMAC_384", KeyUsage="GENERATE_VERIFY_MAC")["KeyMetadata"]
    kms.disable_key(KeyId=key["KeyId"])
    for algorithm in ("HMAC_SHA_384", "HMAC_SHA_512"):
        for call, more in ((kms.generate_mac, {}), (kms.verify_mac, {"Mac": b"x"})):
            assert refused(call, KeyId=key["KeyId"], Message=MESSAGE, MacAlgorithm=algorithm, **more) == (
                "DisabledException",
                f"{key['Arn']} is disabled.",
            )
