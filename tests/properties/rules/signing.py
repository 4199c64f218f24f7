"""Asymmetric and HMAC keys: signatures, MACs, public keys, secrets agreed on, key pairs."""

from __future__ import annotations

from typing import Any

from tests.properties.outcomes import ANYTHING, BLOB, Answer, Ask, Refused, bytes_of
from tests.properties.rules.encryption import keeping, sealing, shown
from tests.properties.rules.steps import (
    Rules,
    admit,
    check_size,
    check_usage,
    end_dry_run,
    in_any_order,
    invalid,
    unsupported,
)
from tests.properties.tables import (
    ALGORITHMS_MEMBER,
    ENCAPSULATED_BYTES,
    MAC_BYTES,
    PUBLIC_KEY_BYTES,
    SECRET_BYTES,
    SIGNATURE_BYTES,
    SPECS,
    SYMMETRIC,
    digest_bytes,
    is_asymmetric,
)
from tests.properties.world import Key, Proof, World, damaged

RULES = Rules()


def using(world: World, ask: Ask, usage: str, algorithm: str) -> Key:
    """The key, which must be for this; whether its state or its usage is asked first is not known."""
    key = admit(world, ask)
    check_usage(ask, key, usage, algorithm)
    return key


# --- signatures and MACs -------------------------------------------------------------------------------------------------


def check_message(ask: Ask, algorithm: str) -> str:
    """What a message may be for an algorithm; returns its type."""
    kind = ask.body.get("MessageType", "RAW")
    expected: dict[str, set[str]] = {
        "ED25519_SHA_512": {"RAW"},
        "ED25519_PH_SHA_512": {"DIGEST"},
        "ML_DSA_SHAKE_256": {"RAW", "EXTERNAL_MU"},
    }
    if kind not in expected.get(algorithm, {"RAW", "DIGEST"}):
        raise invalid(ANYTHING).either(Refused("InvalidKeyUsageException", ANYTHING))
    size = {"RAW": None, "DIGEST": 64, "EXTERNAL_MU": 64}[kind]
    if kind == "DIGEST" and not algorithm.startswith("ED"):
        size = digest_bytes(algorithm)
    if size is not None and len(ask.body["Message"]) != size:
        sentence = f"Digest is invalid length for algorithm {algorithm}."
        raise invalid(sentence if kind == "DIGEST" else ANYTHING)
    return kind


@RULES("Sign")
def sign(world: World, ask: Ask) -> Answer:
    check_size(ask, "Message", 4096)
    algorithm = ask.body["SigningAlgorithm"]
    key = using(world, ask, "SIGN_VERIFY", algorithm)
    kind = check_message(ask, algorithm)
    end_dry_run(ask)
    size = SIGNATURE_BYTES.get(key.family.spec)
    answer = {"KeyId": key.arn, "SigningAlgorithm": algorithm, "Signature": bytes_of(size) if size else BLOB}

    def learn(answer: dict[str, Any]) -> None:
        world.proofs.append(Proof(answer["Signature"], key.family, algorithm, ask.body["Message"], kind))

    return Answer(answer, learn, [key])


@RULES("Verify")
def verify(world: World, ask: Ask) -> Answer:
    body, algorithm = ask.body, ask.body["SigningAlgorithm"]
    key = using(world, ask, "SIGN_VERIFY", algorithm)
    kind = check_message(ask, algorithm)
    if Proof(body["Signature"], key.family, algorithm, body["Message"], kind) not in world.proofs:
        raise Refused("KMSInvalidSignatureException")
    end_dry_run(ask)
    return Answer({"KeyId": key.arn, "SignatureValid": True, "SigningAlgorithm": algorithm}, used=[key])


@RULES("GenerateMac")
def generate_mac(world: World, ask: Ask) -> Answer:
    check_size(ask, "Message", 4096)
    body, algorithm = ask.body, ask.body["MacAlgorithm"]
    key = using(world, ask, "GENERATE_VERIFY_MAC", algorithm)
    end_dry_run(ask)
    known = [proof.data for proof in world.proofs if (proof.family, proof.message) == (key.family, body["Message"])]
    mac = known[0] if known else bytes_of(MAC_BYTES[key.family.spec])

    def learn(answer: dict[str, Any]) -> None:
        world.proofs.append(Proof(answer["Mac"], key.family, algorithm, body["Message"], "RAW"))

    return Answer({"KeyId": key.arn, "MacAlgorithm": algorithm, "Mac": mac}, learn, [key])


@RULES("VerifyMac")
def verify_mac(world: World, ask: Ask) -> Answer:
    body, algorithm = ask.body, ask.body["MacAlgorithm"]
    key = using(world, ask, "GENERATE_VERIFY_MAC", algorithm)
    if Proof(body["Mac"], key.family, algorithm, body["Message"], "RAW") not in world.proofs:
        raise Refused("KMSInvalidMacException")
    end_dry_run(ask)
    return Answer({"KeyId": key.arn, "MacValid": True, "MacAlgorithm": algorithm}, used=[key])


# --- public keys and what is done with them ------------------------------------------------------------------------------


@RULES("GetPublicKey")
def get_public_key(world: World, ask: Ask) -> Answer:
    from tests.properties.rules.steps import check_state, named

    key = named(world, ask)
    family = key.family

    def check_asymmetric() -> None:
        if not is_asymmetric(family.spec):
            raise unsupported()

    in_any_order(check_asymmetric, lambda: check_state(world, ask.operation, key))
    size = PUBLIC_KEY_BYTES.get(family.spec)
    answer = {
        "KeyId": key.arn,
        "PublicKey": family.public or (bytes_of(size) if size else BLOB),
        "KeySpec": family.spec,
        "CustomerMasterKeySpec": family.spec,
        "KeyUsage": family.usage,
        ALGORITHMS_MEMBER[family.usage]: SPECS[family.spec][family.usage],
    }
    return Answer(answer, lambda answer: vars(family).update(public=answer["PublicKey"]))


@RULES("DeriveSharedSecret")
def derive_shared_secret(world: World, ask: Ask) -> Answer:
    body = ask.body
    key = using(world, ask, "KEY_AGREEMENT", body["KeyAgreementAlgorithm"])
    family = key.family
    spec, agree = PEERS.get(body["PublicKey"], ("", None))
    if spec != family.spec or agree is None:
        raise invalid(None)
    end_dry_run(ask)
    secret = agree(family.public) if family.public else bytes_of(SECRET_BYTES[spec])
    answer = {"KeyId": key.arn, "SharedSecret": secret, "KeyAgreementAlgorithm": "ECDH", "KeyOrigin": family.origin}
    return Answer(answer, used=[key])


#: Public keys of peers -> their curve, and how the peer comes to the secret.
PEERS: dict[bytes, tuple[str, Any]] = {}


@RULES("Encapsulate")
def encapsulate(world: World, ask: Ask) -> Answer:
    key = using(world, ask, "ENCAPSULATE_DECAPSULATE", ask.body["EncapsulationAlgorithm"])
    end_dry_run(ask)
    answer = {
        "KeyId": key.arn,
        "EncapsulationAlgorithm": "ML_KEM",
        "SharedSecret": bytes_of(32),
        "SharedSecretCiphertextBlob": bytes_of(ENCAPSULATED_BYTES[key.family.spec]),
    }

    def learn(answer: dict[str, Any]) -> None:
        world.secrets[answer["SharedSecretCiphertextBlob"]] = (key.family, answer["SharedSecret"])

    return Answer(answer, learn, [key])


@RULES("Decapsulate")
def decapsulate(world: World, ask: Ask) -> Answer:
    """What was altered, or made for another key, gives a secret too, but not the one."""
    blob = ask.body["SharedSecretCiphertextBlob"]
    key = using(world, ask, "ENCAPSULATE_DECAPSULATE", ask.body["EncapsulationAlgorithm"])
    if len(blob) != ENCAPSULATED_BYTES[key.family.spec]:
        raise Refused("InvalidCiphertextException")
    end_dry_run(ask)
    family, secret = world.secrets.get(blob) or world.secrets.get(damaged(blob), (None, b""))
    intact = blob in world.secrets and family is key.family
    answer = {"SharedSecret": secret if intact else bytes_of(32).but({secret})}
    return Answer({**answer, "KeyId": key.arn, "EncapsulationAlgorithm": "ML_KEM"}, used=[key])


@RULES("GenerateDataKeyPair", "GenerateDataKeyPairWithoutPlaintext")
def generate_data_key_pair(world: World, ask: Ask) -> Answer:
    spec = ask.body["KeyPairSpec"]
    key = sealing(world, ask, "KeyId", f"kms:{ask.operation}", SYMMETRIC)
    end_dry_run(ask)
    size = PUBLIC_KEY_BYTES.get(spec)
    answer = {
        "KeyId": key.arn,
        "KeyPairSpec": spec,
        "PublicKey": bytes_of(size) if size else BLOB,
        "PrivateKeyCiphertextBlob": BLOB,
    }
    if ask.operation == "GenerateDataKeyPair":
        answer["PrivateKeyPlaintext"] = BLOB
    context = ask.body.get("EncryptionContext", {})

    def learn(made: dict[str, Any]) -> None:
        keep = keeping(world, key, SYMMETRIC, context, made.get("PrivateKeyPlaintext"))
        keep(made["PrivateKeyCiphertextBlob"])

    return Answer(shown(answer, KeyMaterialId=key.family.current), learn, [key])
