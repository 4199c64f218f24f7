"""Encryption and data keys: what opens is what was sealed, under that key, that material, that context alone."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from tests.properties.outcomes import ANYTHING, BLOB, Answer, Ask, Refused, bytes_of
from tests.properties.rules.steps import (
    Rules,
    admit,
    check_range,
    check_size,
    check_state,
    check_usage,
    end_dry_run,
    in_any_order,
    invalid,
    permit,
    permit_all,
)
from tests.properties.tables import RSA_PLAINTEXT_BYTES, SYMMETRIC
from tests.properties.world import Key, Material, Sealed, World

RULES = Rules()

UNREADABLE = (
    "The ciphertext refers to a customer master key that does not exist, does not exist in this region, or you are not "
    "allowed to access."
)
INCORRECT = "The key ID in the request does not identify a CMK that can perform this operation."


def sealing(world: World, ask: Ask, member: str, action: str, algorithm: str) -> Key:
    """The key that is to encrypt."""
    key = admit(world, ask, member, action)
    check_usage(ask, key, "ENCRYPT_DECRYPT", algorithm)
    return key


def current_material(key: Key) -> Material | None:
    """Of symmetric keys: the materials of others have no names."""
    return key.family.current if key.family.spec == SYMMETRIC else None


def keeping(
    world: World, key: Key, algorithm: str, context: Mapping[str, str], holds: bytes | int | None
) -> Callable[[bytes], None]:
    """The world knows a ciphertext from now on; ``holds`` is what is in it, or its size, or None."""
    material = current_material(key)

    def keep(data: bytes) -> None:
        world.sealed[data] = Sealed(data, key.family, algorithm, material, dict(context), holds)

    return keep


def opening(world: World, ask: Ask, prefix: str, action: str) -> tuple[Key, Sealed | None]:
    """The key that is to decrypt, once the caller may, and what the ciphertext holds, None if it does not open."""
    body, member = ask.body, f"{prefix}KeyId"
    algorithm = body.get(f"{prefix}EncryptionAlgorithm", SYMMETRIC)
    context = body.get(f"{prefix}EncryptionContext", {})
    sealed, intact = world.known(body["CiphertextBlob"])
    if member in body:
        if algorithm == SYMMETRIC and ":key/mrk-" in body[member] and f":{ask.region}:" not in body[member]:
            raise Refused("IncorrectKeyException", INCORRECT)  # a related key of another Region is not the one
        key = admit(world, ask, member, action)
        if algorithm == SYMMETRIC:
            check_ciphertext_names(key, sealed)
        check_usage(ask, key, "ENCRYPT_DECRYPT", algorithm)
    elif algorithm == SYMMETRIC:
        key = named_by(world, ask, sealed, action)
        check_usage(ask, key, "ENCRYPT_DECRYPT", algorithm)
    else:
        raise invalid("KeyId must not be null")
    if algorithm != SYMMETRIC:
        check_no_context(context)
    wanted = (key.family, algorithm, context)
    opens = sealed is not None and intact and (sealed.family, sealed.algorithm, sealed.context) == wanted
    if sealed is not None and sealed.material is not None:
        opens = opens and key.holds(sealed.material, world.now)
    return key, sealed if opens else None


def check_ciphertext_names(key: Key, sealed: Sealed | None) -> None:
    """A symmetric ciphertext says whose it is; what says nothing is none."""
    if sealed is None or sealed.algorithm != SYMMETRIC:
        raise Refused("InvalidCiphertextException")
    if sealed.family is not key.family:
        raise Refused("IncorrectKeyException", INCORRECT)


def check_no_context(context: Mapping[str, str]) -> None:
    if context:
        raise invalid("EncryptionContext is not supported when encrypting/decrypting with asymmetric CMKs.")


def opened(sealed: Sealed | None) -> Sealed:
    """Every defect is the same refusal."""
    if sealed is None:
        raise Refused("InvalidCiphertextException")
    return sealed


def named_by(world: World, ask: Ask, sealed: Sealed | None, action: str) -> Key:
    """The key that a ciphertext names. Whatever stands between it and the caller looks the same."""
    if sealed is None or sealed.algorithm != SYMMETRIC:
        raise Refused("InvalidCiphertextException")
    key = world.key(ask.region, sealed.family.id)
    if key is None:
        raise Refused("AccessDeniedException", UNREADABLE)
    try:
        permit(world, ask, action, key)
    except Refused:
        raise Refused("AccessDeniedException", UNREADABLE) from None
    check_state(world, ask.operation, key)
    return key


@RULES("Encrypt")
def encrypt(world: World, ask: Ask) -> Answer:
    body = ask.body
    check_size(ask, "Plaintext", 4096)
    algorithm = body.get("EncryptionAlgorithm", SYMMETRIC)
    key = sealing(world, ask, "KeyId", "kms:Encrypt", algorithm)
    check_for_rsa(ask, key, algorithm)
    end_dry_run(ask)
    keep = keeping(world, key, algorithm, body.get("EncryptionContext", {}), body["Plaintext"])
    return Answer(
        {"CiphertextBlob": BLOB, "KeyId": key.arn, "EncryptionAlgorithm": algorithm},
        lambda answer: keep(answer["CiphertextBlob"]),
        [key],
    )


def check_for_rsa(ask: Ask, key: Key, algorithm: str) -> None:
    """RSA takes short messages and no context."""
    if algorithm == SYMMETRIC:
        return
    most = RSA_PLAINTEXT_BYTES[key.family.spec, algorithm]

    def short() -> None:
        if len(ask.body["Plaintext"]) > most:
            spec = key.family.spec
            raise invalid(f"Algorithm {algorithm} and key spec {spec} cannot encrypt data larger than {most} bytes.")

    in_any_order(lambda: check_no_context(ask.body.get("EncryptionContext", {})), short)


@RULES("Decrypt")
def decrypt(world: World, ask: Ask) -> Answer:
    key, found = opening(world, ask, "", "kms:Decrypt")
    sealed = opened(found)
    end_dry_run(ask)
    holds = bytes_of(sealed.holds) if isinstance(sealed.holds, int) else sealed.holds
    answer = {"Plaintext": holds or BLOB, "KeyId": key.arn, "EncryptionAlgorithm": sealed.algorithm}
    return Answer(shown(answer, KeyMaterialId=sealed.material), used=[key])


@RULES("ReEncrypt")
def re_encrypt(world: World, ask: Ask) -> Answer:
    body = ask.body
    algorithm = body.get("DestinationEncryptionAlgorithm", SYMMETRIC)
    context = body.get("DestinationEncryptionContext", {})
    source, found = opening(world, ask, "Source", "kms:ReEncryptFrom")
    key = sealing(world, ask, "DestinationKeyId", "kms:ReEncryptTo", algorithm)
    if algorithm != SYMMETRIC:
        check_no_context(context)
    sealed = opened(found)
    size = sealed.holds if isinstance(sealed.holds, int) else len(sealed.holds or b"")
    if algorithm != SYMMETRIC and size > RSA_PLAINTEXT_BYTES[key.family.spec, algorithm]:
        raise invalid(ANYTHING)
    end_dry_run(ask)
    keep = keeping(world, key, algorithm, context, sealed.holds)
    answer = {
        "CiphertextBlob": BLOB,
        "SourceKeyId": source.arn,
        "KeyId": key.arn,
        "SourceEncryptionAlgorithm": sealed.algorithm,
        "DestinationEncryptionAlgorithm": algorithm,
    }
    return Answer(
        shown(answer, SourceKeyMaterialId=sealed.material, DestinationKeyMaterialId=current_material(key)),
        lambda answer: keep(answer["CiphertextBlob"]),
        [source, key],
    )


def shown(answer: dict[str, Any], **materials: Material | None) -> dict[str, Any]:
    return {**answer, **{name: material.id for name, material in materials.items() if material is not None}}


@RULES("GenerateDataKey", "GenerateDataKeyWithoutPlaintext")
def generate_data_key(world: World, ask: Ask) -> Answer:
    body = ask.body
    check_range(ask, "NumberOfBytes", 1, 1024)
    if ("KeySpec" in body) == ("NumberOfBytes" in body):
        raise invalid("Please specify either number of bytes or key spec.")
    size = body.get("NumberOfBytes") or {"AES_128": 16, "AES_256": 32}[body["KeySpec"]]
    key = sealing(world, ask, "KeyId", f"kms:{ask.operation}", SYMMETRIC)
    end_dry_run(ask)
    answer = shown({"CiphertextBlob": BLOB, "KeyId": key.arn}, KeyMaterialId=current_material(key))
    if ask.operation == "GenerateDataKey":
        answer["Plaintext"] = bytes_of(size)
    context = body.get("EncryptionContext", {})
    return Answer(
        answer,
        lambda made: keeping(world, key, SYMMETRIC, context, made.get("Plaintext", size))(made["CiphertextBlob"]),
        [key],
    )


@RULES("GenerateRandom")
def generate_random(_world: World, ask: Ask) -> Answer:
    check_range(ask, "NumberOfBytes", 1, 1024)
    permit_all(ask, "kms:GenerateRandom")
    if "NumberOfBytes" not in ask.body:
        raise invalid("NumberOfBytes is required.")
    return Answer({"Plaintext": bytes_of(ask.body["NumberOfBytes"])})
