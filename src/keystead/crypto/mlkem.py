"""ML-KEM keys (FIPS 203): secrets that only the key's holder gets out of a ciphertext.

Guarantees: a ciphertext of the right length always gives a secret, an altered one another (§6.3, implicit rejection);
only a wrong length is refused. Nothing is imported. ML-KEM-768 and 1024 are the cryptography package's; 512, which
that package has not, stands in `mlkem512`.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final, Protocol, TypeAlias

from cryptography.hazmat.primitives.asymmetric.mlkem import (
    MLKEM768PrivateKey,
    MLKEM768PublicKey,
    MLKEM1024PrivateKey,
    MLKEM1024PublicKey,
)

from keystead import errors
from keystead.crypto import pkcs8
from keystead.crypto.capabilities import Capability, Opened, PublicKey
from keystead.crypto.derivation import Random, draw

ALGORITHM: Final = "ML_KEM"
SEED_BYTES: Final = 64
CIPHERTEXT_BYTES: Final[Mapping[str, int]] = MappingProxyType(
    {"ML_KEM_512": 768, "ML_KEM_768": 1088, "ML_KEM_1024": 1568}
)

PrivateKey: TypeAlias = MLKEM768PrivateKey | MLKEM1024PrivateKey
EncapsulatingKey: TypeAlias = MLKEM768PublicKey | MLKEM1024PublicKey
KEYS: Final[Mapping[str, type[PrivateKey]]] = MappingProxyType(
    {"ML_KEM_768": MLKEM768PrivateKey, "ML_KEM_1024": MLKEM1024PrivateKey}
)


class Encapsulating(Protocol):
    """A public key of the cryptography package, or what behaves like one."""

    def encapsulate(self) -> tuple[bytes, bytes]:
        """The secret, then the ciphertext."""
        ...


class Decapsulating(Protocol):
    """A private key of the cryptography package, or what behaves like one."""

    def decapsulate(self, ciphertext: bytes) -> bytes: ...


def generate(spec: str, random: Random) -> bytes:
    """A new key as material: its seed d ‖ z, from which the rest follows (RFC 9935 §6)."""
    return pkcs8.written(KEYS[spec].from_seed_bytes(draw(random, SEED_BYTES)))


def public(material: bytes) -> PublicKey:
    return pkcs8.public(_read(material).public_key())


def open_key(spec: str, material: bytes) -> Opened:
    key = _read(material)
    public_key = key.public_key()
    return opened(spec, public_key, key, pkcs8.public(public_key))


class MlkemEncapsulator(Capability):
    """The `Encapsulator` of an ML-KEM key: it holds the public half only."""

    __slots__ = ("_key",)

    def __init__(self, spec: str, key: Encapsulating) -> None:
        super().__init__(spec)
        self._key = key

    def encapsulate(self) -> tuple[bytes, bytes]:
        secret, ciphertext = self._key.encapsulate()
        return ciphertext, secret


class MlkemDecapsulator(Capability):
    """The `Decapsulator` of an ML-KEM key."""

    __slots__ = ("_key",)

    def __init__(self, spec: str, key: Decapsulating) -> None:
        super().__init__(spec)
        self._key = key

    def decapsulate(self, ciphertext: bytes) -> bytes:
        if len(ciphertext) != CIPHERTEXT_BYTES[self._spec]:
            raise errors.invalid_ciphertext()
        return self._key.decapsulate(ciphertext)


def opened(spec: str, public_key: Encapsulating, key: Decapsulating, shown: PublicKey) -> Opened:
    """The capabilities of a key of any library."""
    return Opened(
        encapsulator=MlkemEncapsulator(spec, public_key),
        decapsulator=MlkemDecapsulator(spec, key),
        public_key=shown,
    )


def _read(material: bytes) -> PrivateKey:
    key = pkcs8.read(material)
    if not isinstance(key, PrivateKey):
        raise TypeError("the material is not an ML-KEM key")
    return key
