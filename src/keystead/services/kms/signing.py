"""Sign, Verify, GetPublicKey.

https://docs.aws.amazon.com/kms/latest/APIReference/API_Sign.html and its sisters. A signature that does not verify is a
refusal, never an answer that says false; a dry run signs and verifies like any other call and gives nothing."""

from __future__ import annotations

from keystead.crypto import keyspecs
from keystead.domain.keytypes import KeyTypes
from keystead.domain.states import States
from keystead.model.generated.kms import (
    GetPublicKeyRequest,
    GetPublicKeyResponse,
    SignRequest,
    SignResponse,
    VerifyRequest,
    VerifyResponse,
)
from keystead.services.gate import Gate
from keystead.services.kms.keys import algorithms
from keystead.services.table import operation
from keystead.services.work import Work

RAW = "RAW"

LOGGED = {"message_type": RAW, "key_id": None, "signing_algorithm": None}


@operation("Sign", keys=KeyTypes.SIGNING, states=States.CRYPTOGRAPHIC, aliases=True, cross_account=True, logged=LOGGED)
def sign(call: Gate[SignRequest]) -> SignResponse | Work:
    request = call.request
    message_type, algorithm = request.message_type or RAW, request.signing_algorithm
    signer = call.signer(request.key_id, algorithm=algorithm, message_type=message_type)

    def answer() -> SignResponse:
        signature = signer.sign(request.message, message_type, algorithm)
        call.end_dry_run(request.dry_run)
        return SignResponse(key_id=call.key_arn, signature=signature, signing_algorithm=algorithm)

    return call.work(answer)


@operation(
    "Verify", keys=KeyTypes.SIGNING, states=States.CRYPTOGRAPHIC, aliases=True, cross_account=True, logged=LOGGED
)
def verify(call: Gate[VerifyRequest]) -> VerifyResponse | Work:
    request = call.request
    message_type, algorithm = request.message_type or RAW, request.signing_algorithm
    verifier = call.verifier(request.key_id, algorithm=algorithm, message_type=message_type)

    def answer() -> VerifyResponse:
        verifier.verify(request.message, message_type, request.signature, algorithm)
        call.end_dry_run(request.dry_run)
        return VerifyResponse(key_id=call.key_arn, signature_valid=True, signing_algorithm=algorithm)

    return call.work(answer)


@operation(
    "GetPublicKey",
    keys=KeyTypes.ASYMMETRIC,
    states=States.GET_PUBLIC_KEY,
    aliases=True,
    cross_account=True,
    logged={"key_id": None},
)
def get_public_key(call: Gate[GetPublicKeyRequest]) -> GetPublicKeyResponse:
    public, key = call.public_key(call.request.key_id)
    return GetPublicKeyResponse(
        key_id=key.arn,
        public_key=public.der,
        customer_master_key_spec=key.spec,
        key_spec=key.spec,
        key_usage=key.usage,
        encryption_algorithms=algorithms(key, keyspecs.ENCRYPTING),
        signing_algorithms=algorithms(key, keyspecs.SIGNING),
        key_agreement_algorithms=algorithms(key, keyspecs.AGREEING),
        encapsulation_algorithms=algorithms(key, keyspecs.ENCAPSULATING),
    )
