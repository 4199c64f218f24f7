"""Ed25519 keys: pure Ed25519 and Ed25519ph (RFC 8032 §5.1), as KMS has them.

Guarantees: signatures have 64 bytes and are the same each time for one key and message. Pure Ed25519 takes messages
alone, Ed25519ph digests of 64 bytes alone. KMS takes such a digest for the message of Ed25519ph, whose own pre-hash is
SHA-512 again: what a caller signs as SHA-512(M) verifies elsewhere as Ed25519ph of the message SHA-512(M), not of M.
Does no arithmetic: pure Ed25519 is the cryptography package's, Ed25519ph is libsodium's (docs/decisions/0016).
"""

from __future__ import annotations

from typing import Final

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from keystead import errors
from keystead.crypto import pkcs8
from keystead.crypto.capabilities import Capability, Opened, PublicKey
from keystead.crypto.derivation import Random, draw
from keystead.crypto.messages import DIGEST, EXTERNAL_MU, RAW, check_length

PURE: Final = "ED25519_SHA_512"
PREHASHED: Final = "ED25519_PH_SHA_512"
ALGORITHMS: Final = (PREHASHED, PURE)
MESSAGE_TYPES: Final = {PURE: RAW, PREHASHED: DIGEST}

SEED_BYTES: Final = 32
DIGEST_BYTES: Final = 64
SIGNATURE_BYTES: Final = 64


def generate(random: Random) -> bytes:
    """A new key as material."""
    return pkcs8.written(Ed25519PrivateKey.from_private_bytes(draw(random, SEED_BYTES)))


def public(material: bytes) -> PublicKey:
    return pkcs8.public(_read(material).public_key())


def open_key(spec: str, material: bytes) -> Opened:
    key = _read(material)
    public_key = key.public_key()
    return Opened(
        signer=EdwardsSigner(spec, key),
        verifier=EdwardsVerifier(spec, public_key),
        public_key=pkcs8.public(public_key),
    )


class EdwardsSigner(Capability):
    """The `Signer` of an Ed25519 key."""

    __slots__ = ("_key", "_sodium")

    def __init__(self, spec: str, key: Ed25519PrivateKey) -> None:
        super().__init__(spec)
        self._key = key
        # libsodium keeps the public key behind the seed, so as not to compute it for each signature
        self._sodium = key.private_bytes_raw() + key.public_key().public_bytes_raw()

    def sign(self, message: bytes, message_type: str, algorithm: str) -> bytes:
        _check(message, message_type, algorithm, self._spec)
        if algorithm == PURE:
            return self._key.sign(message)
        return sign_prehashed(self._sodium, message)


class EdwardsVerifier(Capability):
    """The `Verifier` of an Ed25519 key: it holds the public half only."""

    __slots__ = ("_key", "_sodium")

    def __init__(self, spec: str, key: Ed25519PublicKey) -> None:
        super().__init__(spec)
        self._key = key
        self._sodium = key.public_bytes_raw()

    def verify(self, message: bytes, message_type: str, signature: bytes, algorithm: str) -> None:
        _check(message, message_type, algorithm, self._spec)
        if len(signature) != SIGNATURE_BYTES:
            raise errors.invalid_kms_signature()
        if algorithm == PURE:
            try:
                self._key.verify(signature, message)
            except InvalidSignature:
                raise errors.invalid_kms_signature() from None
            return
        if not verifies_prehashed(self._sodium, message, signature):
            raise errors.invalid_kms_signature()


def sign_prehashed(key: bytes, message: bytes) -> bytes:
    """The Ed25519ph signature, with an empty context, of a message of any length. ``key`` is seed ‖ public key."""
    from nacl import bindings  # at start-up it would be paid for by who never signs this way

    state = bindings.crypto_sign_ed25519ph_state()
    bindings.crypto_sign_ed25519ph_update(state, message)
    return bindings.crypto_sign_ed25519ph_final_create(state, key)


def verifies_prehashed(public_key: bytes, message: bytes, signature: bytes) -> bool:
    """Whether 64 bytes are an Ed25519ph signature, with an empty context, of a message of any length."""
    from nacl import bindings
    from nacl.exceptions import BadSignatureError

    state = bindings.crypto_sign_ed25519ph_state()
    bindings.crypto_sign_ed25519ph_update(state, message)
    try:
        return bindings.crypto_sign_ed25519ph_final_verify(state, signature, public_key)
    except BadSignatureError:
        return False


def _check(message: bytes, message_type: str, algorithm: str, spec: str) -> None:
    wanted = MESSAGE_TYPES.get(algorithm)
    if wanted is None:
        raise errors.algorithm_of_other_spec(algorithm, spec)
    if message_type == EXTERNAL_MU:
        raise errors.message_type_of_other_spec(message_type, spec)
    if message_type != wanted:
        raise errors.message_type_of_other_algorithm(message_type, algorithm)
    if wanted == DIGEST:
        check_length(message, DIGEST_BYTES, algorithm)


def _read(material: bytes) -> Ed25519PrivateKey:
    key = pkcs8.read(material)
    if not isinstance(key, Ed25519PrivateKey):
        raise TypeError("the material is not an Ed25519 key")
    return key
