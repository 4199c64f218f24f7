"""Private keys as bytes: the PKCS#8 form (RFC 5958) in which material of asymmetric keys is wrapped (docs/format.md §5.1).

Guarantees: what is written has one spelling for each key, so that equal keys are equal bytes. Reading believes what it
is given: material was authenticated when it was unwrapped. What comes from outside goes through `accepting`.
"""

from __future__ import annotations

from cryptography.hazmat.primitives.asymmetric.types import PrivateKeyTypes, PublicKeyTypes
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
    load_der_private_key,
)

from keystead.crypto.capabilities import PublicKey


def written(key: PrivateKeyTypes) -> bytes:
    """The key as DER PrivateKeyInfo, not encrypted."""
    return key.private_bytes(Encoding.DER, PrivateFormat.PKCS8, NoEncryption())


def read(material: bytes) -> PrivateKeyTypes:
    """The key of some material. An RSA key's numbers are not checked, which takes long: `checked` did that once, where
    the key came in, and a key that was made here was tried when it was made."""
    return load_der_private_key(material, None, unsafe_skip_rsa_key_validation=True)


def checked(der: bytes | bytearray) -> PrivateKeyTypes:
    """The key, all of its numbers checked; ValueError, TypeError or UnsupportedAlgorithm when it is none."""
    return load_der_private_key(der, None)


def public(key: PublicKeyTypes) -> PublicKey:
    """The public key as DER SubjectPublicKeyInfo."""
    return PublicKey(key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo))
