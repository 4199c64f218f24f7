"""The second implementation of every algorithm of the key specs: PyCryptodome, which shares no code with OpenSSL or
libsodium (its post-quantum part is mldsa-native and mlkem-native).

It takes keys as callers see them, DER of RFC 5280 and RFC 5958, and raises ValueError for what does not verify.
"""

from __future__ import annotations

import hashlib
from functools import lru_cache
from typing import Any

from Crypto.Cipher import PKCS1_OAEP
from Crypto.Hash import HMAC, SHA1, SHA224, SHA256, SHA384, SHA512
from Crypto.Protocol import DH
from Crypto.PublicKey import ECC, MLDSA, MLKEM, RSA
from Crypto.Signature import DSS, eddsa, mldsa, pkcs1_15, pss

HASHES: dict[str, Any] = {"1": SHA1, "224": SHA224, "256": SHA256, "384": SHA384, "512": SHA512}


@lru_cache(maxsize=64)
def _rsa(key: bytes) -> RSA.RsaKey:
    return RSA.import_key(key)


def hash_of(algorithm: str) -> Any:
    return HASHES[algorithm.rpartition("_")[2]]


def digest(algorithm: str, message: bytes) -> bytes:
    """What a caller sends as DIGEST."""
    return hashlib.new("sha" + algorithm.rpartition("_")[2], message).digest()


def mu(public: bytes, message: bytes) -> bytes:
    """What a caller sends as EXTERNAL_MU: FIPS 204 Algorithm 7 line 6, written out with an empty context."""
    raw = MLDSA.import_key(public).export_key(format="DER")[22:]
    tr = hashlib.shake_256(raw).digest(64)
    return hashlib.shake_256(tr + b"\x00\x00" + message).digest(64)


def sign(private: bytes, message: bytes, algorithm: str) -> bytes:
    if algorithm == "ML_DSA_SHAKE_256":
        return bytes(mldsa.new(MLDSA.import_key(private)).sign(message))
    scheme, hashed = _scheme(private, message, algorithm)
    return bytes(scheme.sign(hashed))


def verify(public: bytes, message: bytes, signature: bytes, algorithm: str) -> None:
    if algorithm == "ML_DSA_SHAKE_256":
        mldsa.new(MLDSA.import_key(public)).verify(message, signature)
        return
    scheme, hashed = _scheme(public, message, algorithm)
    scheme.verify(hashed, signature)


def _scheme(key: bytes, message: bytes, algorithm: str) -> tuple[Any, Any]:
    if algorithm.startswith("RSASSA"):
        rsa = _rsa(key)
        scheme = pkcs1_15 if "PKCS1" in algorithm else pss
        return scheme.new(rsa), hash_of(algorithm).new(message)
    ecc = ECC.import_key(key)
    if algorithm.startswith("ECDSA"):
        return DSS.new(ecc, "sec1", encoding="der"), hash_of(algorithm).new(message)
    # Ed25519ph: KMS has the caller hash once, and hashes what it is given again
    hashed = message if algorithm == "ED25519_SHA_512" else SHA512.new(digest(algorithm, message))
    return eddsa.new(ecc, "rfc8032"), hashed


def encrypt(public: bytes, plaintext: bytes, algorithm: str) -> bytes:
    return bytes(PKCS1_OAEP.new(_rsa(public), hash_of(algorithm)).encrypt(plaintext))


def decrypt(private: bytes, ciphertext: bytes, algorithm: str) -> bytes:
    return bytes(PKCS1_OAEP.new(_rsa(private), hash_of(algorithm)).decrypt(ciphertext))


def mac(key: bytes, message: bytes, algorithm: str) -> bytes:
    return bytes(HMAC.new(key, message, hash_of(algorithm)).digest())


def agree(private: bytes, public: bytes) -> bytes:
    secret = DH.key_agreement(static_priv=ECC.import_key(private), static_pub=ECC.import_key(public), kdf=bytes)
    return bytes(secret)


def encapsulate(public: bytes) -> tuple[bytes, bytes]:
    """Ciphertext and secret. The package has the bare KEM for its own use only, hence the underscore."""
    secret, ciphertext = MLKEM.import_key(public)._encaps()
    return bytes(ciphertext), bytes(secret)


def decapsulate(private: bytes, ciphertext: bytes) -> bytes:
    return bytes(MLKEM.import_key(private)._decaps(ciphertext))
