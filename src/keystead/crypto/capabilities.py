"""Capabilities: what unwrapped material lets its holder do, each the smallest thing it can be.

Guarantees: a holder can do just what the capability's type says, so a key for signing cannot decrypt; none shows its
material when printed, and none is pickled or copied. All are safe to use from several threads; RSA, elliptic curves,
ML-DSA and ML-KEM are slow enough to belong into one. Does not guarantee that its holder was allowed to have it:
`services.call` hands them out.

`keyspecs.KeySpec.open` makes them from material. The `Sealer` of SYMMETRIC_DEFAULT stands in `crypto.symmetric`: it
needs to know the names that its ciphertexts carry. Every refusal is AWS's (`errors`). Sizes that the pinned model
bounds (a message has 1 to 4096 bytes) are checked where requests are decoded, not here.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NoReturn, Protocol


class Signer(Protocol):
    def sign(self, message: bytes, message_type: str, algorithm: str) -> bytes:
        """The signature, encoded as AWS encodes it. ``message_type`` is RAW, DIGEST or EXTERNAL_MU.

        ValidationException for a message type the algorithm does not take, or a digest of the wrong length;
        InvalidKeyUsageException for an algorithm that is not the key's.
        """
        ...


class Verifier(Protocol):
    def verify(self, message: bytes, message_type: str, signature: bytes, algorithm: str) -> None:
        """Nothing, or KMSInvalidSignatureException. Refuses as `Signer.sign` does besides."""
        ...


class Encrypter(Protocol):
    def encrypt(self, plaintext: bytes, algorithm: str) -> bytes:
        """A ciphertext. ValidationException when the plaintext is too long for algorithm and key."""
        ...


class Decrypter(Protocol):
    def decrypt(self, ciphertext: bytes, algorithm: str) -> bytes:
        """The plaintext, or InvalidCiphertextException: one refusal for every defect."""
        ...


class MacMaker(Protocol):
    def make(self, message: bytes, algorithm: str) -> bytes:
        """The whole MAC, never cut. InvalidKeyUsageException for an algorithm that is not the key's."""
        ...


class MacChecker(Protocol):
    def check(self, message: bytes, mac: bytes, algorithm: str) -> None:
        """Nothing, or KMSInvalidMacException, for a MAC of another length too. Compares in constant time."""
        ...


class Agreer(Protocol):
    def derive(self, peer: bytes) -> bytes:
        """The raw shared secret with the peer's public key (DER SubjectPublicKeyInfo). ValidationException without
        a text when that is not a key of the same curve."""
        ...


class Encapsulator(Protocol):
    def encapsulate(self) -> tuple[bytes, bytes]:
        """A ciphertext and the secret of 32 bytes that it holds."""
        ...


class Decapsulator(Protocol):
    def decapsulate(self, ciphertext: bytes) -> bytes:
        """The secret of 32 bytes. InvalidCiphertextException for a wrong length only: an altered ciphertext gives
        another secret (FIPS 203 §6.3, implicit rejection)."""
        ...


@dataclass(frozen=True, slots=True)
class PublicKey:
    """The public half, as everybody may see it: ``der`` is its SubjectPublicKeyInfo (RFC 5280 §4.1.2.7)."""

    der: bytes


@dataclass(frozen=True, slots=True)
class Opened:
    """One version of a key's material as capabilities: those that its KeyUsage has, None for the rest."""

    signer: Signer | None = None
    verifier: Verifier | None = None
    encrypter: Encrypter | None = None
    decrypter: Decrypter | None = None
    mac_maker: MacMaker | None = None
    mac_checker: MacChecker | None = None
    agreer: Agreer | None = None
    encapsulator: Encapsulator | None = None
    decapsulator: Decapsulator | None = None
    public_key: PublicKey | None = None


class Capability:
    """Keeps what it holds to itself: prints as its own name and its key's spec, refuses to be pickled or copied."""

    __slots__ = ("_spec",)

    def __init__(self, spec: str) -> None:
        self._spec = spec

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self._spec})"

    def __reduce__(self) -> NoReturn:
        raise TypeError("key material is not pickled or copied")
