"""What a refused body is told: types first, then every broken constraint in AWS's grammar."""

from __future__ import annotations

import json
from typing import Any

import pytest

from keystead.errors import Refusal
from keystead.model import validate
from keystead.model.awsjson import Codec
from tests.model.values import KMS

CODEC = Codec("kms")
MUST = "failed to satisfy constraint: Member must"
NOT_NULL = f"{MUST} not be null"


def refusal(operation: str, body: Any) -> Refusal:
    text = body if isinstance(body, bytes) else json.dumps(body).encode()
    with pytest.raises(Refusal) as caught:
        CODEC.operations[operation].decode(text)
    assert caught.value.status == 400
    return caught.value


def complaint(operation: str, body: Any) -> str | None:
    found = refusal(operation, body)
    assert found.code == "ValidationException"
    return found.message


CONSTRAINTS: list[tuple[str, dict[str, Any], str]] = [
    ("DescribeKey", {}, f"Value null at 'keyId' {NOT_NULL}"),
    ("DescribeKey", {"KeyId": None}, f"Value null at 'keyId' {NOT_NULL}"),
    ("DescribeKey", {"KeyId": ""}, f"Value '' at 'keyId' {MUST} have length greater than or equal to 1"),
    (
        "GenerateRandom",
        {"NumberOfBytes": 0},
        f"Value '0' at 'numberOfBytes' {MUST} have value greater than or equal to 1",
    ),
    (
        "GenerateRandom",
        {"NumberOfBytes": 1025},
        f"Value '1025' at 'numberOfBytes' {MUST} have value less than or equal to 1024",
    ),
    (
        "EnableKeyRotation",
        {"KeyId": "k", "RotationPeriodInDays": 2561},
        f"Value '2561' at 'rotationPeriodInDays' {MUST} have value less than or equal to 2560",
    ),
    (
        "Encrypt",
        {"KeyId": "k", "Plaintext": "AAAA" * 1366},
        f"Value at 'plaintext' {MUST} have length less than or equal to 4096",
    ),
    ("Encrypt", {"KeyId": "k", "Plaintext": ""}, f"Value at 'plaintext' {MUST} have length greater than or equal to 1"),
    (
        "CreateAlias",
        {"AliasName": "alias/a b", "TargetKeyId": "k"},
        f"Value 'alias/a b' at 'aliasName' {MUST} satisfy regular expression pattern: ^[a-zA-Z0-9:/_-]+$",
    ),
    (
        "CreateAlias",
        {"AliasName": "alias/a\n", "TargetKeyId": "k"},
        f"Value 'alias/a\n' at 'aliasName' {MUST} satisfy regular expression pattern: ^[a-zA-Z0-9:/_-]+$",
    ),
    (
        "GenerateMac",
        {"KeyId": "k", "Message": "AA==", "MacAlgorithm": "MD5"},
        f"Value 'MD5' at 'macAlgorithm' {MUST} satisfy enum value set: "
        "[HMAC_SHA_384, HMAC_SHA_256, HMAC_SHA_224, HMAC_SHA_512]",
    ),
    (
        "CreateKey",
        {"KeyUsage": "x"},
        f"Value 'x' at 'keyUsage' {MUST} satisfy enum value set: "
        "[ENCRYPT_DECRYPT, SIGN_VERIFY, GENERATE_VERIFY_MAC, KEY_AGREEMENT, ENCAPSULATE_DECAPSULATE]",
    ),
    (
        "DeriveSharedSecret",
        {"KeyId": "k", "KeyAgreementAlgorithm": "x", "PublicKey": "AA=="},
        f"Value 'x' at 'keyAgreementAlgorithm' {MUST} satisfy enum value set: [ECDH]",
    ),
    (
        "TagResource",
        {"KeyId": "k", "Tags": [{"TagKey": "", "TagValue": ""}]},
        f"Value '' at 'tags.1.member.tagKey' {MUST} have length greater than or equal to 1",
    ),
    (
        "TagResource",
        {"KeyId": "k", "Tags": [{"TagKey": "a", "TagValue": ""}, {"TagKey": "b"}]},
        f"Value null at 'tags.2.member.tagValue' {NOT_NULL}",
    ),
    ("TagResource", {"KeyId": "k", "Tags": [None]}, f"Value null at 'tags.1.member' {NOT_NULL}"),
    (
        "CreateGrant",
        {"KeyId": "k", "Operations": [], "Constraints": {"SourceArn": "arn:aws:s3:::bucket-of-mine"}},
        f"Value 'arn:aws:s3:::bucket-of-mine' at 'constraints.sourceArn' {MUST} satisfy regular expression pattern: "
        "^arn:aws[a-z0-9-]*:[a-z0-9-]+:[a-z0-9-]*:[0-9]{12}:.+$",
    ),
    (
        "UntagResource",
        {"KeyId": "k", "TagKeys": ["a", "", "b"]},
        f"Value '[a, , b]' at 'tagKeys' {MUST} satisfy constraint: "
        "[Member must have length less than or equal to 128, Member must have length greater than or equal to 1]",
    ),
    (
        "Decrypt",
        {"DryRunModifiers": ["IGNORE_CIPHERTEXT", "x"]},
        f"Value '[IGNORE_CIPHERTEXT, x]' at 'dryRunModifiers' {MUST} satisfy constraint: "
        "[Member must satisfy enum value set: [IGNORE_CIPHERTEXT]]",
    ),
    (
        "Decrypt",
        {"DryRunModifiers": [None]},
        f"Value '[null]' at 'dryRunModifiers' {MUST} satisfy constraint: "
        "[Member must satisfy enum value set: [IGNORE_CIPHERTEXT], Member must not be null]",
    ),
    (
        "ListKeys",
        {"ResourceOwners": []},
        f"Value '[]' at 'resourceOwners' {MUST} have length greater than or equal to 1",
    ),
    (
        "Encrypt",
        {"KeyId": "k", "Plaintext": "AA==", "EncryptionContext": {"a": None}},
        "Value at 'encryptionContext' failed to satisfy constraint: "
        "Map value must satisfy constraint: [Member must not be null]",
    ),
]


@pytest.mark.parametrize(("operation", "body", "sentence"), CONSTRAINTS)
def test_one_broken_constraint_is_one_sentence(operation: str, body: dict[str, Any], sentence: str) -> None:
    assert complaint(operation, body) == f"1 validation error detected: {sentence}"


def test_all_broken_constraints_are_told_at_once() -> None:
    assert complaint("CreateAlias", {"AliasName": ""}) == (
        "3 validation errors detected: "
        f"Value '' at 'aliasName' {MUST} satisfy regular expression pattern: ^[a-zA-Z0-9:/_-]+$; "
        f"Value '' at 'aliasName' {MUST} have length greater than or equal to 1; "
        f"Value null at 'targetKeyId' {NOT_NULL}"
    )


def test_at_most_ten_are_told() -> None:
    message = complaint("TagResource", {"KeyId": "k", "Tags": [{}] * 1000})
    assert message is not None
    assert message.startswith("10 validation errors detected: ")
    assert message.count("; ") == 9


def test_lengths_are_counted_as_java_counts_them() -> None:
    smiling = "\U0001f600"
    CODEC.operations["UpdateKeyDescription"].decode(json.dumps({"KeyId": "k", "Description": smiling * 4096}).encode())
    for ascii_only in (True, False):
        body = json.dumps({"KeyId": "k", "Description": smiling * 4097}, ensure_ascii=ascii_only).encode()
        message = complaint("UpdateKeyDescription", body)
        assert message is not None
        assert message.endswith("Member must have length less than or equal to 8192")
    # Seven units in four characters: long enough for a password of at least seven.
    request = {"CustomKeyStoreName": "n", "KeyStorePassword": smiling * 3 + "x"}
    CODEC.operations["CreateCustomKeyStore"].decode(json.dumps(request, ensure_ascii=False).encode())


@pytest.mark.parametrize(
    ("operation", "body"),
    [
        ("Encrypt", {"KeyId": "k", "Plaintext": "c2VjcmV0" * 1000}),
        ("CreateCustomKeyStore", {"CustomKeyStoreName": "n", "KeyStorePassword": "secret"}),
        ("DescribeKey", {"KeyId": "k", "GrantTokens": ["secret" * 2000]}),
        ("RetireGrant", {"GrantToken": "secret" * 2000}),
        (
            "UpdateCustomKeyStore",
            {
                "CustomKeyStoreId": "i",
                "XksProxyAuthenticationCredential": {"AccessKeyId": "secret", "RawSecretAccessKey": "secret"},
            },
        ),
    ],
)
def test_no_sentence_shows_a_secret(operation: str, body: dict[str, Any]) -> None:
    found = refusal(operation, body)
    assert found.code == "ValidationException"
    assert "secret" not in f"{found.message} {found!r} {found.detail}".replace("rawSecretAccessKey", "")
    assert "c2VjcmV0" not in f"{found.message} {found!r} {found.detail}"
    assert "Value at '" in (found.message or "")


def test_a_very_long_value_is_cut() -> None:
    message = complaint("DescribeKey", {"KeyId": "k" * 100_000})
    assert message is not None
    assert len(message) < 2300
    assert "kkk...' at 'keyId'" in message


TYPES: list[tuple[str, str, str]] = [
    ("DescribeKey", '{"KeyId":true}', "TRUE_VALUE cannot be converted to String"),
    ("DescribeKey", '{"KeyId":false}', "FALSE_VALUE cannot be converted to String"),
    ("DescribeKey", '{"KeyId":23}', "NUMBER_VALUE cannot be converted to String"),
    ("DescribeKey", '{"KeyId":34.56}', "DECIMAL_VALUE cannot be converted to String"),
    ("DescribeKey", '{"KeyId":[]}', "Start of list found where not expected"),
    ("DescribeKey", '{"KeyId":{}}', "Start of structure or map found where not expected"),
    ("DescribeKey", '{"GrantTokens":"x"}', "Unexpected field type"),
    ("DescribeKey", '{"GrantTokens":{}}', "Start of structure or map found where not expected"),
    ("DescribeKey", '{"GrantTokens":[1]}', "NUMBER_VALUE cannot be converted to String"),
    ("GenerateRandom", '{"NumberOfBytes":"23"}', "STRING_VALUE cannot be converted to Integer"),
    ("GenerateRandom", '{"NumberOfBytes":true}', "TRUE_VALUE cannot be converted to Integer"),
    ("GenerateRandom", '{"NumberOfBytes":10.5}', "DECIMAL_VALUE cannot be converted to Integer"),
    ("GenerateRandom", '{"NumberOfBytes":1e-400}', "DECIMAL_VALUE cannot be converted to Integer"),
    ("GenerateRandom", '{"NumberOfBytes":1e999999999}', "DECIMAL_VALUE cannot be converted to Integer"),
    ("GenerateRandom", '{"NumberOfBytes":1e99999999999999999999}', "DECIMAL_VALUE cannot be converted to Integer"),
    ("GenerateRandom", '{"NumberOfBytes":[]}', "Start of list found where not expected"),
    ("GenerateRandom", '{"NumberOfBytes":2147483648}', "Numeric value out of range of Integer"),
    ("CreateKey", '{"MultiRegion":"maybe"}', "Unexpected token received from parser"),
    ("CreateKey", '{"MultiRegion":1}', "NUMBER_VALUE cannot be converted to Boolean"),
    ("CreateKey", '{"MultiRegion":0.5}', "DECIMAL_VALUE cannot be converted to Boolean"),
    ("CreateKey", '{"MultiRegion":[]}', "Start of list found where not expected"),
    ("CreateKey", '{"Tags":[1]}', "Unexpected field type"),
    ("CreateKey", '{"Tags":[[]]}', "Start of list found where not expected"),
    ("Encrypt", '{"Plaintext":1}', "only base-64-encoded strings are convertible to bytes"),
    ("Encrypt", '{"Plaintext":true}', "only base-64-encoded strings are convertible to bytes"),
    ("Encrypt", '{"Plaintext":{}}', "Start of structure or map found where not expected"),
    ("Encrypt", '{"Plaintext":"23456"}', "Base64 encoded length is expected a multiple of 4 bytes but found: 5"),
    ("Encrypt", '{"Plaintext":"+/+="}', "Invalid last non-pad Base64 character dectected"),
    ("Encrypt", '{"Plaintext":"YR=="}', "Invalid last non-pad Base64 character dectected"),
    ("Encrypt", '{"Plaintext":"=+/="}', "Invalid Base64 character"),
    ("Encrypt", '{"Plaintext":"YQ-_"}', "Invalid Base64 character"),
    ("Encrypt", '{"Plaintext":"YQ==YQ=="}', "Invalid Base64 character"),
    ("Encrypt", '{"Plaintext":"YQ\\n="}', "Invalid Base64 character"),
    ("Encrypt", '{"Plaintext":"YÜ=="}', "Invalid Base64 character"),
    ("Encrypt", '{"EncryptionContext":[]}', "Start of list found where not expected"),
    ("Encrypt", '{"EncryptionContext":"a"}', "Unexpected field type"),
    ("Encrypt", '{"EncryptionContext":{"a":1}}', "NUMBER_VALUE cannot be converted to String"),
    ("ImportKeyMaterial", '{"ValidTo":"2026-01-01"}', "STRING_VALUE cannot be converted to Date"),
    ("ImportKeyMaterial", '{"ValidTo":true}', "TRUE_VALUE cannot be converted to Date"),
    ("ImportKeyMaterial", '{"ValidTo":1e400}', "Numeric value out of range of Double"),
    ("ImportKeyMaterial", '{"ValidTo":' + "9" * 320 + "}", "Numeric value out of range of Double"),
    ("DescribeKey", '{"KeyId":"\\ud83d"}', "A string holds half of a surrogate pair."),
    ("Encrypt", '{"EncryptionContext":{"\\udc00":"a"}}', "A string holds half of a surrogate pair."),
    ("ListKeys", "null", "Unexpected field type"),
    ("ListKeys", "[]", "Start of list found where not expected"),
    ("ListKeys", "17", "Unexpected field type"),
    ("ListKeys", '"x"', "Unexpected field type"),
    ("ListKeys", '{"Foo":1}', "Unknown member 'Foo'."),
    ("ListKeys", '{"Foo":null}', "Unknown member 'Foo'."),
    ("ListKeys", '{"limit":1}', "Unknown member 'limit'."),
    ("TagResource", '{"Tags":[{"TagKey":"a","Key":"b"}]}', "Unknown member 'Key'."),
    ("Decrypt", '{"Recipient":{"Attestation":"b"}}', "Unknown member 'Attestation'."),
]


@pytest.mark.parametrize(("operation", "body", "message"), TYPES)
def test_a_value_of_the_wrong_type_cannot_be_read(operation: str, body: str, message: str) -> None:
    found = refusal(operation, body.encode())
    assert (found.code, found.message) == ("SerializationException", message)


def test_a_type_is_judged_before_any_constraint() -> None:
    assert refusal("Encrypt", {"KeyId": "", "Plaintext": 1}).code == "SerializationException"


def test_explain_returns_the_sentences_of_parsed_json() -> None:
    operation = KMS.operations["GenerateRandom"]
    assert validate.explain(operation, {"NumberOfBytes": 10.0}) == []
    assert validate.explain(operation, {"NumberOfBytes": 0}) == [
        f"Value '0' at 'numberOfBytes' {MUST} have value greater than or equal to 1"
    ]
    with pytest.raises(Refusal, match="DECIMAL_VALUE"):
        validate.explain(operation, {"NumberOfBytes": 0.5})
