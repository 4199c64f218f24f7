"""Data key pairs: an asymmetric key pair for somebody else to use, made here and kept nowhere.

Guarantees: a public key as SubjectPublicKeyInfo (RFC 5280) and its private key as PKCS#8 (RFC 5958), DER both, without
encryption, short enough to be encrypted under a symmetric KMS key. A pair is made as a KMS key of the same spec would
be. Does not guarantee that the caller keeps the private key secret. An RSA pair takes up to seconds: call from a
thread.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final

from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_der_private_key,
)

from keystead import errors
from keystead.crypto import keyspecs
from keystead.crypto.derivation import Random

PAIR_SPECS: Final = frozenset(
    {
        "RSA_2048",
        "RSA_3072",
        "RSA_4096",
        "ECC_NIST_P256",
        "ECC_NIST_P384",
        "ECC_NIST_P521",
        "ECC_SECG_P256K1",
        "ECC_NIST_EDWARDS25519",
        "ML_KEM_512",
        "ML_KEM_768",
        "ML_KEM_1024",
    }
)
"""The key specs of which AWS gives data key pairs (SM2 apart, which no key can be made of)."""


@dataclass(frozen=True, slots=True)
class Pair:
    """``public`` is SubjectPublicKeyInfo, ``private`` PKCS#8, both DER."""

    public: bytes
    private: bytes = field(repr=False)


def offered(spec: str) -> keyspecs.KeySpec:
    """The key spec of pairs that can be made; any other is refused by name, with its reason."""
    row = keyspecs.SPECS.get(spec) if spec in PAIR_SPECS else None
    reason = keyspecs.NOT_OFFERED_SPECS.get(spec) if row is None else row.lacking()
    if row is None or reason is not None:
        raise errors.not_offered(f"KeyPairSpec {spec}", reason)
    return row


def generate(spec: str, random: Random) -> Pair:
    """A new pair. Refuses as `offered` does."""
    row = offered(spec)
    if row.public is None:
        raise ValueError(f"{spec} has no public half")
    private = row.generate(random)
    public = row.public(private).der
    return Pair(public, _curve_named_twice(private, public) if row.family is keyspecs.Family.ECC else private)


def _curve_named_twice(private: bytes, public: bytes) -> bytes:
    """The private key of a curve as AWS was seen to give it: ECPrivateKey (RFC 5915 §3) with its optional
    ``parameters``, which the library's PKCS#8 leaves out, since the AlgorithmIdentifier around it says the same."""
    key = load_der_private_key(private, None)
    inner = key.private_bytes(Encoding.DER, PrivateFormat.TraditionalOpenSSL, NoEncryption())
    # SubjectPublicKeyInfo begins with the same AlgorithmIdentifier, after a header of two bytes, or three for P-521.
    start = 2 if public[1] < 0x80 else 3
    algorithm = public[start : start + 2 + public[start + 1]]
    return _tagged(0x30, _tagged(0x02, b"\0") + algorithm + _tagged(0x04, inner))


def _tagged(tag: int, content: bytes) -> bytes:
    """DER: tag, length, content (X.690 §8.1)."""
    size = len(content)
    length = (
        bytes([size]) if size < 0x80 else bytes([0x81, size]) if size < 0x100 else b"\x82" + size.to_bytes(2, "big")
    )
    return bytes([tag]) + length + content
