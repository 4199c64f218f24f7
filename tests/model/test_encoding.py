"""Answers and refusals as bodies, and both directions against botocore's own serializer and parser."""

from __future__ import annotations

import json
import math
from typing import Any

import botocore.loaders
import botocore.model
import botocore.parsers
import botocore.serialize
import pytest
from hypothesis import given
from hypothesis import strategies as st

from keystead import errors
from keystead.model.awsjson import Codec, render_refusal
from keystead.model.generated import kms
from keystead.model.shapes import Shape
from tests.model.values import KMS, OPERATIONS, examples, moments, plain, values

CODEC = Codec("kms")
BOTOCORE = botocore.model.ServiceModel(botocore.loaders.Loader().load_service_model("kms", "service-2"), "kms")
# botocore counts characters where AWS counts UTF-16 units, so its own validation of lengths is left out.
SERIALIZER = botocore.serialize.create_serializer("json", include_validation=False)
PARSER = botocore.parsers.create_parser("json")


def built(shape: Shape, value: Any) -> Any:
    """A plain value as the generated structures."""
    if shape.kind == "structure":
        structure = kms.TABLES.structures[shape.name]
        attributes = dict(zip(shape.members, structure.__struct_fields__, strict=True))
        return structure(**{attributes[name]: built(shape.members[name].shape, one) for name, one in value.items()})
    if shape.kind == "list":
        assert shape.item is not None
        return [built(shape.item, one) for one in value]
    return value


@pytest.mark.parametrize("name", OPERATIONS)
def test_what_botocore_sends_is_what_is_read(name: str) -> None:
    shape = KMS.operations[name].input

    @examples(0.1)
    @given(values(shape))
    def check(value: dict[str, Any]) -> None:
        # botocore writes whole seconds, so only those can come back.
        if "ValidTo" in value:
            value["ValidTo"] = float(round(value["ValidTo"]))
        sent = SERIALIZER.serialize_to_request(moments(shape, value), BOTOCORE.operation_model(name))
        assert sent["headers"]["X-Amz-Target"] == f"{CODEC.target_prefix}.{name}"
        assert sent["headers"]["Content-Type"] == CODEC.content_type
        assert plain(CODEC.operations[name].decode(sent["body"])) == value

    check()


@pytest.mark.parametrize("name", [name for name in OPERATIONS if KMS.operations[name].output is not None])
def test_what_is_answered_is_what_botocore_reads(name: str) -> None:
    shape = KMS.operations[name].output
    assert shape is not None

    @examples(0.1)
    @given(values(shape))
    def check(value: dict[str, Any]) -> None:
        body = CODEC.operations[name].encode(built(shape, value))
        answer = {"headers": {}, "status_code": 200, "body": body}
        read = PARSER.parse(answer, BOTOCORE.operation_model(name).output_shape)
        read.pop("ResponseMetadata")
        assert read == moments(shape, value)

    check()


def test_what_is_absent_is_left_out() -> None:
    metadata = kms.KeyMetadata(key_id="k", description="", enabled=False, signing_algorithms=[])
    assert CODEC.operations["DescribeKey"].encode(kms.DescribeKeyResponse(key_metadata=metadata)) == (
        b'{"KeyMetadata":{"KeyId":"k","Enabled":false,"Description":"","SigningAlgorithms":[]}}'
    )


def test_an_operation_without_output_has_an_empty_body() -> None:
    assert CODEC.operations["DisableKey"].encode(None) == b""
    with pytest.raises(TypeError, match="DisableKey has no output"):
        CODEC.operations["DisableKey"].encode(kms.ConnectCustomKeyStoreResponse())


def test_an_output_without_members_is_an_empty_object() -> None:
    assert CODEC.operations["ConnectCustomKeyStore"].encode(kms.ConnectCustomKeyStoreResponse()) == b"{}"


def test_the_answer_of_another_operation_is_a_defect() -> None:
    for wrong in (None, kms.EncryptResponse()):
        with pytest.raises(TypeError, match="answers with DecryptResponse"):
            CODEC.operations["Decrypt"].encode(wrong)


def test_blobs_are_base64() -> None:
    assert CODEC.operations["Encrypt"].encode(kms.EncryptResponse(ciphertext_blob=b"\xfb\xff")) == (
        b'{"CiphertextBlob":"+/8="}'
    )


@examples(3)
@given(st.floats(-1e10, 1e11))
def test_a_timestamp_is_a_number_with_milliseconds_at_most(seconds: float) -> None:
    metadata = kms.KeyMetadata(key_id="k", creation_date=seconds)
    body = CODEC.operations["DescribeKey"].encode(kms.DescribeKeyResponse(key_metadata=metadata))
    text = json.loads(body, parse_float=str)["KeyMetadata"]["CreationDate"]
    assert len(text.partition(".")[2]) <= 3
    assert "e" not in text
    assert abs(float(text) - seconds) <= 0.001


@pytest.mark.parametrize("seconds", [math.nan, math.inf, -math.inf])
def test_a_timestamp_that_is_no_moment_is_a_defect(seconds: float) -> None:
    aliases = [kms.AliasListEntry(alias_name="alias/a", creation_date=seconds)]
    with pytest.raises(ValueError, match="finite"):
        CODEC.operations["ListAliases"].encode(kms.ListAliasesResponse(aliases=aliases))


# --- refusals ---------------------------------------------------------------------------------------------------------


def test_a_refusal_has_its_code_and_a_small_message() -> None:
    assert render_refusal(errors.key_not_found("arn:x")) == (
        b'{"__type":"NotFoundException","message":"Key \'arn:x\' does not exist"}'
    )


def test_access_denied_has_a_capital_message() -> None:
    assert render_refusal(errors.access_denied("User: x")) == (
        b'{"__type":"AccessDeniedException","Message":"User: x"}'
    )


def test_a_refusal_without_a_text_has_no_message() -> None:
    assert render_refusal(errors.invalid_ciphertext()) == b'{"__type":"InvalidCiphertextException"}'
    assert render_refusal(errors.unknown_operation()) == b'{"__type":"UnknownOperationException"}'


def test_the_operators_note_is_not_sent() -> None:
    assert b"disk" not in render_refusal(errors.internal("disk on fire"))


def test_a_message_that_is_no_valid_text_is_still_sent() -> None:
    assert json.loads(render_refusal(errors.validation("a\ud800b\0"))) == {
        "__type": "ValidationException",
        "message": "a?b\0",
    }


@examples(1)
@given(st.text())
def test_botocore_reads_code_and_message_of_a_refusal(message: str) -> None:
    for refusal in (errors.validation(message), errors.access_denied(message), errors.unknown_operation()):
        answer = {"headers": {}, "status_code": 400, "body": render_refusal(refusal)}
        read = PARSER.parse(answer, BOTOCORE.operation_model("Encrypt").output_shape)["Error"]
        assert read == {"Code": refusal.code, "Message": refusal.message or ""}


# --- the codec as a table ---------------------------------------------------------------------------------------------


def test_the_codec_says_what_a_service_and_its_operations_are() -> None:
    assert list(CODEC.operations) == OPERATIONS
    assert (CODEC.service, CODEC.target_prefix, CODEC.signing_name) == ("kms", "TrentService", "kms")
    assert CODEC.content_type == "application/x-amz-json-1.1"
    assert CODEC.statuses["KMSInternalException"] == 500
    encrypt = CODEC.operations["Encrypt"]
    assert (encrypt.name, encrypt.input, encrypt.output) == ("Encrypt", kms.EncryptRequest, kms.EncryptResponse)
    assert "InvalidKeyUsageException" in encrypt.errors
    assert encrypt.members == {
        "KeyId": "key_id",
        "Plaintext": "plaintext",
        "EncryptionContext": "encryption_context",
        "GrantTokens": "grant_tokens",
        "EncryptionAlgorithm": "encryption_algorithm",
        "DryRun": "dry_run",
    }


def test_a_service_that_is_not_compiled_is_an_error() -> None:
    with pytest.raises(ModuleNotFoundError):
        Codec("s3")
