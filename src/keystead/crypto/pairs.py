"""Data key pairs: an asymmetric key pair for somebody else to use, made here and kept nowhere.

Guarantees: a public key as SubjectPublicKeyInfo (RFC 5280) and its private key as PKCS#8 (RFC 5958), DER both, without
encryption, short enough to be encrypted under a symmetric KMS key. A pair is made as a KMS key of the same spec would
be. Does not guarantee that the caller keeps the private key secret. An RSA pair takes up to seconds: call from a
thread.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final

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
    if row is None:
        raise errors.not_offered(f"KeyPairSpec {spec}", keyspecs.NOT_OFFERED_SPECS.get(spec))
    return row


def generate(spec: str, random: Random) -> Pair:
    """A new pair. Refuses as `offered` does."""
    row = offered(spec)
    if row.public is None:
        raise ValueError(f"{spec} has no public half")
    private = row.generate(random)
    return Pair(row.public(private).der, private)
