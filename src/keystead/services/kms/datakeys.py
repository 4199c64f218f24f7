"""GenerateDataKey, GenerateDataKeyPair and their sisters without plaintext: a fresh key or key pair for the caller, and
the same key, or the private half, under a KMS key.

https://docs.aws.amazon.com/kms/latest/APIReference/API_GenerateDataKey.html and its sisters. What is made here is
handed out once and kept nowhere."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from keystead import errors
from keystead.crypto import keyspecs, pairs
from keystead.domain.keytypes import KeyTypes
from keystead.domain.states import States
from keystead.model.generated.kms import (
    GenerateDataKeyPairRequest,
    GenerateDataKeyPairResponse,
    GenerateDataKeyPairWithoutPlaintextRequest,
    GenerateDataKeyPairWithoutPlaintextResponse,
    GenerateDataKeyRequest,
    GenerateDataKeyResponse,
    GenerateDataKeyWithoutPlaintextRequest,
    GenerateDataKeyWithoutPlaintextResponse,
)
from keystead.services.gate import Gate
from keystead.services.table import operation
from keystead.services.work import Work

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
    sealer = call.sealer(request.key_id, context=request.encryption_context)
    plaintext = call.random(size or 0)
    blob = sealer.seal(plaintext, request.encryption_context, call.random)
    call.end_dry_run(request.dry_run)
    return plaintext, blob


PAIR_LOGGED = {"key_pair_spec": None, "key_id": None, "encryption_context": None}


@operation(
    "GenerateDataKeyPair",
    keys=KeyTypes.SYMMETRIC,
    states=States.CRYPTOGRAPHIC,
    aliases=True,
    cross_account=True,
    logged=PAIR_LOGGED,
    withheld=("recipient",),
)
def generate_data_key_pair(call: Gate[GenerateDataKeyPairRequest]) -> Work:
    def answer(pair: pairs.Pair, blob: bytes) -> GenerateDataKeyPairResponse:
        return GenerateDataKeyPairResponse(
            private_key_ciphertext_blob=blob,
            private_key_plaintext=pair.private,
            public_key=pair.public,
            key_id=call.key_arn,
            key_pair_spec=call.request.key_pair_spec,
            key_material_id=call.material_id,
        )

    return _pair(call, answer)


@operation(
    "GenerateDataKeyPairWithoutPlaintext",
    keys=KeyTypes.SYMMETRIC,
    states=States.CRYPTOGRAPHIC,
    aliases=True,
    cross_account=True,
    logged=PAIR_LOGGED,
)
def generate_data_key_pair_without_plaintext(call: Gate[GenerateDataKeyPairWithoutPlaintextRequest]) -> Work:
    def answer(pair: pairs.Pair, blob: bytes) -> GenerateDataKeyPairWithoutPlaintextResponse:
        return GenerateDataKeyPairWithoutPlaintextResponse(
            private_key_ciphertext_blob=blob,
            public_key=pair.public,
            key_id=call.key_arn,
            key_pair_spec=call.request.key_pair_spec,
            key_material_id=call.material_id,
        )

    return _pair(call, answer)


def _pair(
    call: Gate[GenerateDataKeyPairRequest] | Gate[GenerateDataKeyPairWithoutPlaintextRequest],
    answer: Callable[[pairs.Pair, bytes], Any],
) -> Work:
    request = call.request
    spec = request.key_pair_spec
    making = pairs.offered(spec).making
    sealer = call.sealer(request.key_id, context=request.encryption_context, key_pair_spec=spec)
    if request.dry_run:
        # Of all that follows only a context that is too large can be refused, and a pair takes seconds to make.
        sealer.seal(b"nothing", request.encryption_context, call.random)
    call.end_dry_run(request.dry_run)

    def make() -> Any:
        pair = pairs.generate(spec, call.random)
        return answer(pair, sealer.seal(pair.private, request.encryption_context, call.random))

    return Work(make, long=making is keyspecs.Pace.LONG)
