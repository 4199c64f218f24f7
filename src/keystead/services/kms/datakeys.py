"""GenerateDataKey and GenerateDataKeyWithoutPlaintext: a fresh key for the caller, and the same key under a KMS key.

https://docs.aws.amazon.com/kms/latest/APIReference/API_GenerateDataKey.html. The data key is made here, handed out
once, kept nowhere."""

from __future__ import annotations

from keystead import errors
from keystead.domain.keytypes import KeyTypes
from keystead.domain.states import States
from keystead.model.generated.kms import (
    GenerateDataKeyRequest,
    GenerateDataKeyResponse,
    GenerateDataKeyWithoutPlaintextRequest,
    GenerateDataKeyWithoutPlaintextResponse,
)
from keystead.services.gate import Gate
from keystead.services.kms.encrypting import SYMMETRIC_DEFAULT
from keystead.services.table import operation

BYTES_OF_SPEC = {"AES_128": 16, "AES_256": 32}

LOGGED = {"key_id": None, "key_spec": None, "number_of_bytes": None, "encryption_context": None}


@operation(
    "GenerateDataKey",
    keys=KeyTypes.SYMMETRIC,
    states=States.CRYPTOGRAPHIC,
    aliases=True,
    cross_account=True,
    logged=LOGGED,
    withheld=("recipient",),
)
def generate_data_key(call: Gate[GenerateDataKeyRequest]) -> GenerateDataKeyResponse:
    plaintext, blob = _data_key(call)
    return GenerateDataKeyResponse(
        ciphertext_blob=blob, plaintext=plaintext, key_id=call.key_arn, key_material_id=call.material_id
    )


@operation(
    "GenerateDataKeyWithoutPlaintext",
    keys=KeyTypes.SYMMETRIC,
    states=States.CRYPTOGRAPHIC,
    aliases=True,
    cross_account=True,
    logged=LOGGED,
)
def generate_data_key_without_plaintext(
    call: Gate[GenerateDataKeyWithoutPlaintextRequest],
) -> GenerateDataKeyWithoutPlaintextResponse:
    _, blob = _data_key(call)
    return GenerateDataKeyWithoutPlaintextResponse(
        ciphertext_blob=blob, key_id=call.key_arn, key_material_id=call.material_id
    )


def _data_key(
    call: Gate[GenerateDataKeyRequest] | Gate[GenerateDataKeyWithoutPlaintextRequest],
) -> tuple[bytes, bytes]:
    request = call.request
    if (request.key_spec is None) == (request.number_of_bytes is None):
        raise errors.validation("Please specify either number of bytes or key spec.")
    size = request.number_of_bytes if request.key_spec is None else BYTES_OF_SPEC[request.key_spec]
    sealer = call.sealer(request.key_id, context=request.encryption_context, algorithm=SYMMETRIC_DEFAULT)
    call.end_dry_run(request.dry_run)
    plaintext = call.random(size or 0)
    return plaintext, sealer.seal(plaintext, request.encryption_context, call.random)
