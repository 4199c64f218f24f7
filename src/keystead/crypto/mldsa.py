"""ML-DSA keys (FIPS 204): signatures that are thought to stand against quantum computers.

Guarantees: signing is pure ML-DSA with an empty context, hedged with fresh randomness (FIPS 204 §3.4), so that a
message has many signatures; a signature of a message and one of its message representative µ verify as each other.
Does not offer HashML-DSA, and as with AWS nothing is imported.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final, TypeAlias

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.mldsa import (
    MLDSA44PrivateKey,
    MLDSA44PublicKey,
    MLDSA65PrivateKey,
    MLDSA65PublicKey,
    MLDSA87PrivateKey,
    MLDSA87PublicKey,
)

from keystead import errors
from keystead.crypto import pkcs8
from keystead.crypto.capabilities import Capability, Opened, PublicKey
from keystead.crypto.derivation import Random, draw
from keystead.crypto.messages import EXTERNAL_MU, RAW, check_length

PrivateKey: TypeAlias = MLDSA44PrivateKey | MLDSA65PrivateKey | MLDSA87PrivateKey
VerifyingKey: TypeAlias = MLDSA44PublicKey | MLDSA65PublicKey | MLDSA87PublicKey

ALGORITHM: Final = "ML_DSA_SHAKE_256"
SEED_BYTES: Final = 32
MU_BYTES: Final = 64
KEYS: Final[Mapping[str, type[PrivateKey]]] = MappingProxyType(
    {"ML_DSA_44": MLDSA44PrivateKey, "ML_DSA_65": MLDSA65PrivateKey, "ML_DSA_87": MLDSA87PrivateKey}
)


def generate(spec: str, random: Random) -> bytes:
    """A new key as material: its seed, from which the rest follows (RFC 9881 §6)."""
    return pkcs8.written(KEYS[spec].from_seed_bytes(draw(random, SEED_BYTES)))


def public(material: bytes) -> PublicKey:
    return pkcs8.public(_read(material).public_key())


def open_key(spec: str, material: bytes) -> Opened:
    key = _read(material)
    public_key = key.public_key()
    return Opened(
        signer=MldsaSigner(spec, key),
        verifier=MldsaVerifier(spec, public_key),
        public_key=pkcs8.public(public_key),
    )


class MldsaSigner(Capability):
    """The `Signer` of an ML-DSA key."""

    __slots__ = ("_key",)

    def __init__(self, spec: str, key: PrivateKey) -> None:
        super().__init__(spec)
        self._key = key

    def sign(self, message: bytes, message_type: str, algorithm: str) -> bytes:
        _check(message, message_type, algorithm, self._spec)
        return self._key.sign(message) if message_type == RAW else self._key.sign_mu(message)


class MldsaVerifier(Capability):
    """The `Verifier` of an ML-DSA key: it holds the public half only."""

    __slots__ = ("_key",)

    def __init__(self, spec: str, key: VerifyingKey) -> None:
        super().__init__(spec)
        self._key = key

    def verify(self, message: bytes, message_type: str, signature: bytes, algorithm: str) -> None:
        _check(message, message_type, algorithm, self._spec)
        try:
            if message_type == RAW:
                self._key.verify(signature, message)
            else:
                self._key.verify_mu(signature, message)
        except InvalidSignature:
            raise errors.invalid_kms_signature() from None


def _check(message: bytes, message_type: str, algorithm: str, spec: str) -> None:
    if algorithm != ALGORITHM:
        raise errors.algorithm_of_other_spec(algorithm, spec)
    if message_type not in {RAW, EXTERNAL_MU}:
        raise errors.message_type_of_other_spec(message_type, spec)
    if message_type == EXTERNAL_MU:
        check_length(message, MU_BYTES, algorithm)


def _read(material: bytes) -> PrivateKey:
    key = pkcs8.read(material)
    if not isinstance(key, PrivateKey):
        raise TypeError("the material is not an ML-DSA key")
    return key
