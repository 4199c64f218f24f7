"""What the caller does outside KMS: wraps material for import, makes key pairs to agree with and to import.

Private keys are made once and used again: they take long to make, and where they come from does not matter here."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache, partial
from itertools import count
from unittest.mock import patch

from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, padding, rsa
from cryptography.hazmat.primitives.keywrap import aes_key_wrap_with_padding

from keystead.crypto import importing
from keystead.crypto import rsa as crypto_rsa
from tests.properties.rules.signing import PEERS

CURVES = {
    "ECC_NIST_P256": ec.SECP256R1(),
    "ECC_NIST_P384": ec.SECP384R1(),
    "ECC_NIST_P521": ec.SECP521R1(),
    "ECC_SECG_P256K1": ec.SECP256K1(),
}
HASHES = {"1": hashes.SHA1, "256": hashes.SHA256}


def _spki(private: ec.EllipticCurvePrivateKey) -> bytes:
    return private.public_key().public_bytes(
        serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo
    )


def _agree(private: ec.EllipticCurvePrivateKey, other: bytes) -> bytes:
    public = serialization.load_der_public_key(other)
    assert isinstance(public, ec.EllipticCurvePublicKey)
    return private.exchange(ec.ECDH(), public)


def _peers() -> list[bytes]:
    """A public key of each curve that keys can agree on, known to the rules with the way to its secrets."""
    for spec, curve in CURVES.items():
        if spec != "ECC_SECG_P256K1":
            private = ec.generate_private_key(curve)
            PEERS[_spki(private)] = (spec, partial(_agree, private))
    return list(PEERS)


def _pkcs8(private: ec.EllipticCurvePrivateKey | ed25519.Ed25519PrivateKey | rsa.RSAPrivateKey) -> bytes:
    return private.private_bytes(
        serialization.Encoding.DER, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )


PEER_KEYS = _peers()

#: KeySpec -> some material to import, the last of it of no use for that spec.
MATERIALS: dict[str, list[bytes]] = {
    "SYMMETRIC_DEFAULT": [bytes([n]) * 32 for n in (1, 2, 3)] + [b"short"],
    **{f"HMAC_{bits}": [bytes([n]) * (bits // 8) for n in (1, 2)] + [b"short"] for bits in (224, 256, 384, 512)},
    **{
        spec: [_pkcs8(ec.generate_private_key(curve)) for _ in range(2)] + [b"no key"] for spec, curve in CURVES.items()
    },
    "ECC_NIST_EDWARDS25519": [_pkcs8(ed25519.Ed25519PrivateKey.generate()) for _ in range(2)] + [b"no key"],
    "RSA_2048": [_pkcs8(rsa.generate_private_key(65_537, 2_048)), b"no key"],
}


def wrap(material: bytes, public_key: bytes, algorithm: str) -> bytes:
    """As GetParametersForImport says material is to be wrapped."""
    public = serialization.load_der_public_key(public_key)
    assert isinstance(public, rsa.RSAPublicKey)
    digest = HASHES[algorithm.rsplit("_", 1)[1]]()
    oaep = padding.OAEP(padding.MGF1(digest), digest, None)
    if algorithm.startswith("RSAES"):
        return public.encrypt(material, oaep)
    key = os.urandom(32)
    return public.encrypt(key, oaep) + aes_key_wrap_with_padding(key, material)


@cache
def _rsa(bits: int, number: int) -> rsa.RSAPrivateKey:
    return rsa.generate_private_key(65_537, bits)


@contextmanager
def keys_at_hand() -> Iterator[None]:
    """RSA keys take long to make: Keystead is given ones that were made before, each eighth the same again."""
    numbers = count()

    def generate(_exponent: int, bits: int) -> rsa.RSAPrivateKey:
        return _rsa(bits, next(numbers) % (8 if bits == 2_048 else 2))

    with (
        patch.object(crypto_rsa, "generate_private_key", generate),
        patch.object(importing, "generate_private_key", generate),
    ):
        yield
