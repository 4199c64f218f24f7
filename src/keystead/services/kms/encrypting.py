"""Encrypt, Decrypt, ReEncrypt.

https://docs.aws.amazon.com/kms/latest/APIReference/API_Encrypt.html and its sisters. Guarantees: no plaintext is made
before the caller, the key's state and the algorithm have been checked; a dry run goes through the very same steps, the
opening included."""

from __future__ import annotations

from keystead import errors
from keystead.domain.keytypes import KeyTypes
from keystead.domain.states import States
from keystead.model.generated.kms import (
    DecryptRequest,
    DecryptResponse,
    EncryptRequest,
    EncryptResponse,
    ReEncryptRequest,
    ReEncryptResponse,
)
from keystead.services.gate import Gate
from keystead.services.table import operation

SYMMETRIC_DEFAULT = "SYMMETRIC_DEFAULT"
IGNORE_CIPHERTEXT = "IGNORE_CIPHERTEXT"


@operation(
    "Encrypt",
    keys=KeyTypes.ENCRYPTION,
    states=States.CRYPTOGRAPHIC,
    aliases=True,
    cross_account=True,
    logged={"key_id": None, "encryption_context": None, "encryption_algorithm": SYMMETRIC_DEFAULT},
)
def encrypt(call: Gate[EncryptRequest]) -> EncryptResponse:
    request = call.request
    algorithm = request.encryption_algorithm or SYMMETRIC_DEFAULT
    sealer = call.sealer(request.key_id, context=request.encryption_context, algorithm=algorithm)
    call.end_dry_run(request.dry_run)
    return EncryptResponse(
        ciphertext_blob=sealer.seal(request.plaintext, request.encryption_context, call.random),
        key_id=call.key_arn,
        encryption_algorithm=algorithm,
    )


@operation(
    "Decrypt",
    keys=KeyTypes.ENCRYPTION,
    states=States.CRYPTOGRAPHIC,
    aliases=True,
    cross_account=True,
    logged={"key_id": None, "encryption_context": None, "encryption_algorithm": SYMMETRIC_DEFAULT},
    withheld=("recipient",),
)
def decrypt(call: Gate[DecryptRequest]) -> DecryptResponse:
    request = call.request
    algorithm = request.encryption_algorithm or SYMMETRIC_DEFAULT
    if _ciphertext_ignored(request.ciphertext_blob, request.key_id, request.dry_run, request.dry_run_modifiers):
        call.sealer(request.key_id or "", context=request.encryption_context, algorithm=algorithm)
        raise errors.dry_run()
    opener, blob = call.opener(
        request.ciphertext_blob or b"", request.key_id, context=request.encryption_context, algorithm=algorithm
    )
    plaintext = opener.open(blob, request.encryption_context)
    call.end_dry_run(request.dry_run)
    return DecryptResponse(
        key_id=call.key_arn,
        plaintext=plaintext,
        encryption_algorithm=algorithm,
        key_material_id=call.material_id,
    )


@operation(
    "ReEncrypt",
    keys=KeyTypes.ENCRYPTION,
    permission="kms:ReEncryptFrom",
    also=("kms:ReEncryptTo",),
    states=States.CRYPTOGRAPHIC,
    aliases=True,
    cross_account=True,
    logged={
        "source_encryption_algorithm": SYMMETRIC_DEFAULT,
        "source_encryption_context": None,
        "source_key_id": None,
        "destination_key_id": None,
        "destination_encryption_algorithm": SYMMETRIC_DEFAULT,
        "destination_encryption_context": None,
    },
)
def re_encrypt(call: Gate[ReEncryptRequest]) -> ReEncryptResponse:
    request = call.request
    source_algorithm = request.source_encryption_algorithm or SYMMETRIC_DEFAULT
    algorithm = request.destination_encryption_algorithm or SYMMETRIC_DEFAULT
    ignored = _ciphertext_ignored(
        request.ciphertext_blob, request.source_key_id, request.dry_run, request.dry_run_modifiers
    )
    call.compare_keys(
        b"" if ignored else request.ciphertext_blob or b"", request.source_key_id, request.destination_key_id
    )
    if ignored:
        call.sealer(
            request.source_key_id or "",
            permission="kms:ReEncryptFrom",
            context=request.source_encryption_context,
            algorithm=source_algorithm,
        )
    else:
        opener, blob = call.opener(
            request.ciphertext_blob or b"",
            request.source_key_id,
            permission="kms:ReEncryptFrom",
            context=request.source_encryption_context,
            algorithm=source_algorithm,
        )
    source_arn, source_material = call.key_arn, call.material_id
    sealer = call.sealer(
        request.destination_key_id,
        permission="kms:ReEncryptTo",
        context=request.destination_encryption_context,
        algorithm=algorithm,
    )
    if ignored:
        raise errors.dry_run()
    plaintext = opener.open(blob, request.source_encryption_context)
    call.end_dry_run(request.dry_run)
    return ReEncryptResponse(
        ciphertext_blob=sealer.seal(plaintext, request.destination_encryption_context, call.random),
        source_key_id=source_arn,
        key_id=call.key_arn,
        source_encryption_algorithm=source_algorithm,
        destination_encryption_algorithm=algorithm,
        source_key_material_id=source_material,
        destination_key_material_id=call.material_id,
    )


def _ciphertext_ignored(
    blob: bytes | None, key_id: str | None, dry_run: bool | None, modifiers: list[str] | None
) -> bool:
    """DryRunModifiers: with IGNORE_CIPHERTEXT only permission and key are tried, so the blob may be left out but the
    key may not."""
    if modifiers and not dry_run:
        raise errors.validation("DryRunModifiers can only be specified when DryRun is true.")
    if modifiers and IGNORE_CIPHERTEXT in modifiers:
        if key_id is None:
            raise errors.validation("KeyId must not be null")
        return True
    if blob is None:
        raise errors.validation(
            "1 validation error detected: Value null at 'ciphertextBlob' failed to satisfy constraint: Member must not be null"
        )
    return False
