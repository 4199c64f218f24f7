"""Encrypt, Decrypt, ReEncrypt, with symmetric and with RSA keys.

https://docs.aws.amazon.com/kms/latest/APIReference/API_Encrypt.html and its sisters. The algorithm of the request says
which way it goes: SYMMETRIC_DEFAULT asks the gate for a sealer or opener, any other for an encrypter or decrypter, and a
key that does not fit is refused there. Guarantees: no plaintext is made before the caller, the key's state and the
algorithm have been checked; a dry run goes through the very same steps, the opening and sealing included."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from keystead import errors
from keystead.domain.keytypes import SYMMETRIC_DEFAULT, KeyTypes
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
from keystead.services.work import Work

IGNORE_CIPHERTEXT = "IGNORE_CIPHERTEXT"


@operation(
    "Encrypt",
    keys=KeyTypes.ENCRYPTION,
    states=States.CRYPTOGRAPHIC,
    aliases=True,
    cross_account=True,
    logged={"key_id": None, "encryption_context": None, "encryption_algorithm": SYMMETRIC_DEFAULT},
)
def encrypt(call: Gate[EncryptRequest]) -> EncryptResponse | Work:
    request = call.request
    algorithm = request.encryption_algorithm or SYMMETRIC_DEFAULT
    if algorithm != SYMMETRIC_DEFAULT:
        return _encrypt_to_public_key(call, algorithm)
    sealer = call.sealer(request.key_id, context=request.encryption_context)
    blob = sealer.seal(request.plaintext, request.encryption_context, call.random)
    call.end_dry_run(request.dry_run)
    return EncryptResponse(ciphertext_blob=blob, key_id=call.key_arn, encryption_algorithm=algorithm)


def _encrypt_to_public_key(call: Gate[EncryptRequest], algorithm: str) -> EncryptResponse | Work:
    request = call.request
    encrypter = call.encrypter(request.key_id, algorithm=algorithm)
    _without_context(request.encryption_context)

    def answer() -> EncryptResponse:
        blob = encrypter.encrypt(request.plaintext, algorithm)
        call.end_dry_run(request.dry_run)
        return EncryptResponse(ciphertext_blob=blob, key_id=call.key_arn, encryption_algorithm=algorithm)

    return call.work(answer)


@operation(
    "Decrypt",
    keys=KeyTypes.ENCRYPTION,
    states=States.CRYPTOGRAPHIC,
    aliases=True,
    cross_account=True,
    logged={"key_id": None, "encryption_context": None, "encryption_algorithm": SYMMETRIC_DEFAULT},
    withheld=("recipient",),
)
def decrypt(call: Gate[DecryptRequest]) -> DecryptResponse | Work:
    request = call.request
    algorithm = request.encryption_algorithm or SYMMETRIC_DEFAULT
    ignored = _ciphertext_ignored(request.ciphertext_blob, request.key_id, request.dry_run, request.dry_run_modifiers)
    if algorithm != SYMMETRIC_DEFAULT or ignored:
        return _decrypt_otherwise(call, algorithm, ignored)
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


def _decrypt_otherwise(call: Gate[DecryptRequest], algorithm: str, ignored: bool) -> DecryptResponse | Work:
    """With an asymmetric key, or without a ciphertext."""
    request = call.request
    open_blob = _opening(
        call,
        None if ignored else request.ciphertext_blob or b"",
        request.key_id,
        context=request.encryption_context,
        algorithm=algorithm,
    )

    def answer() -> DecryptResponse:
        plaintext = open_blob()
        call.end_dry_run(request.dry_run)
        return DecryptResponse(key_id=call.key_arn, plaintext=plaintext, encryption_algorithm=algorithm)

    return call.work(answer)


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
def re_encrypt(call: Gate[ReEncryptRequest]) -> ReEncryptResponse | Work:
    request = call.request
    source_algorithm = request.source_encryption_algorithm or SYMMETRIC_DEFAULT
    algorithm = request.destination_encryption_algorithm or SYMMETRIC_DEFAULT
    ignored = _ciphertext_ignored(
        request.ciphertext_blob, request.source_key_id, request.dry_run, request.dry_run_modifiers
    )
    call.compare_keys(
        b"" if ignored else request.ciphertext_blob or b"", request.source_key_id, request.destination_key_id
    )
    open_blob = _opening(
        call,
        None if ignored else request.ciphertext_blob or b"",
        request.source_key_id,
        context=request.source_encryption_context,
        algorithm=source_algorithm,
        permission="kms:ReEncryptFrom",
    )
    source_arn, source_material = call.key_arn, call.material_id
    seal = _sealing(
        call,
        request.destination_key_id,
        context=request.destination_encryption_context,
        algorithm=algorithm,
        permission="kms:ReEncryptTo",
    )

    def answer() -> ReEncryptResponse:
        blob = seal(open_blob())
        call.end_dry_run(request.dry_run)
        return ReEncryptResponse(
            ciphertext_blob=blob,
            source_key_id=source_arn,
            key_id=call.key_arn,
            source_encryption_algorithm=source_algorithm,
            destination_encryption_algorithm=algorithm,
            source_key_material_id=source_material,
            destination_key_material_id=call.material_id,
        )

    return call.work(answer)


def _opening(
    call: Gate[Any],
    blob: bytes | None,
    key_id: str | None,
    *,
    context: Mapping[str, str] | None,
    algorithm: str,
    permission: str | None = None,
) -> Callable[[], bytes]:
    """How this blob is opened, with a key of either kind. Without a blob (IGNORE_CIPHERTEXT) everything is asked all
    the same, and opening it is the end of the dry run."""
    if algorithm == SYMMETRIC_DEFAULT:
        if blob is None:
            call.sealer(key_id or "", context=context, permission=permission)
            return _nothing_to_open
        opener, parsed = call.opener(blob, key_id, context=context, permission=permission)
        return lambda: opener.open(parsed, context)
    if key_id is None:
        raise errors.validation("KeyId must not be null")
    decrypter = call.decrypter(key_id, algorithm=algorithm, permission=permission)
    _without_context(context)
    return _nothing_to_open if blob is None else lambda: decrypter.decrypt(blob, algorithm)


def _nothing_to_open() -> bytes:
    raise errors.dry_run()


def _sealing(
    call: Gate[Any],
    key_id: str,
    *,
    context: Mapping[str, str] | None,
    algorithm: str,
    permission: str | None = None,
) -> Callable[[bytes], bytes]:
    """How a plaintext is sealed under a key of either kind."""
    if algorithm == SYMMETRIC_DEFAULT:
        sealer = call.sealer(key_id, context=context, permission=permission)
        return lambda plaintext: sealer.seal(plaintext, context, call.random)
    encrypter = call.encrypter(key_id, algorithm=algorithm, permission=permission)
    _without_context(context)
    return lambda plaintext: encrypter.encrypt(plaintext, algorithm)


def _without_context(context: Mapping[str, str] | None) -> None:
    """RSA authenticates nothing besides the plaintext, so there is no place for a context; an empty one is none."""
    if context:
        raise errors.encryption_context_of_asymmetric()


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
