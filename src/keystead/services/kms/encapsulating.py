"""Encapsulate, Decapsulate: a fresh secret for whoever has the private key (ML-KEM, FIPS 203).

https://docs.aws.amazon.com/kms/latest/APIReference/API_Encapsulate.html and its sister. A ciphertext that was altered
and is as long as it should be gives another secret, never a refusal: whoever uses it finds out."""

from __future__ import annotations

from keystead.domain.keytypes import KeyTypes
from keystead.domain.states import States
from keystead.model.generated.kms import (
    DecapsulateRequest,
    DecapsulateResponse,
    EncapsulateRequest,
    EncapsulateResponse,
)
from keystead.services.gate import Gate
from keystead.services.table import operation
from keystead.services.work import Work

LOGGED = {"key_id": None, "encapsulation_algorithm": None}


@operation(
    "Encapsulate",
    keys=KeyTypes.ENCAPSULATION,
    states=States.CRYPTOGRAPHIC,
    aliases=True,
    cross_account=True,
    logged=LOGGED,
)
def encapsulate(call: Gate[EncapsulateRequest]) -> EncapsulateResponse | Work:
    request, algorithm = call.request, call.request.encapsulation_algorithm
    encapsulator = call.encapsulator(request.key_id, algorithm=algorithm)

    def answer() -> EncapsulateResponse:
        blob, secret = encapsulator.encapsulate()
        call.end_dry_run(request.dry_run)
        return EncapsulateResponse(
            key_id=call.key_arn,
            shared_secret=secret,
            shared_secret_ciphertext_blob=blob,
            encapsulation_algorithm=algorithm,
        )

    return call.work(answer)


@operation(
    "Decapsulate",
    keys=KeyTypes.ENCAPSULATION,
    states=States.CRYPTOGRAPHIC,
    aliases=True,
    cross_account=True,
    logged=LOGGED,
)
def decapsulate(call: Gate[DecapsulateRequest]) -> DecapsulateResponse | Work:
    request, algorithm = call.request, call.request.encapsulation_algorithm
    decapsulator = call.decapsulator(request.key_id, algorithm=algorithm)

    def answer() -> DecapsulateResponse:
        secret = decapsulator.decapsulate(request.shared_secret_ciphertext_blob)
        call.end_dry_run(request.dry_run)
        return DecapsulateResponse(key_id=call.key_arn, shared_secret=secret, encapsulation_algorithm=algorithm)

    return call.work(answer)
