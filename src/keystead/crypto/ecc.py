"""Keys on the curves P-256, P-384, P-521 and secp256k1: ECDSA (FIPS 186-5 §6) and ECDH (SP 800-56A §5.7.1.2).

Guarantees: a curve signs with the one hash that belongs to it; signatures are DER ECDSA-Sig-Value (RFC 3279 §2.2.3),
made with fresh randomness; a public key that is not a point of the key's own curve never meets the private key. Does
not make s small: a signature and its mirror image (r, n - s) both verify, as ECDSA has it.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final, NamedTuple

from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import HashAlgorithm
from cryptography.hazmat.primitives.serialization import load_der_public_key

from keystead import errors
from keystead.crypto import pkcs8
from keystead.crypto.capabilities import Capability, Opened, PublicKey
from keystead.crypto.messages import SHA_256, SHA_384, SHA_512, hashed


class Curve(NamedTuple):
    """A curve with the algorithm that signs on it."""

    curve: ec.EllipticCurve
    algorithm: str
    function: HashAlgorithm


CURVES: Final[Mapping[str, Curve]] = MappingProxyType(
    {
        "ECC_NIST_P256": Curve(ec.SECP256R1(), "ECDSA_SHA_256", SHA_256),
        "ECC_NIST_P384": Curve(ec.SECP384R1(), "ECDSA_SHA_384", SHA_384),
        "ECC_NIST_P521": Curve(ec.SECP521R1(), "ECDSA_SHA_512", SHA_512),
        "ECC_SECG_P256K1": Curve(ec.SECP256K1(), "ECDSA_SHA_256", SHA_256),
    }
)


def generate(spec: str) -> bytes:
    """A new key as material. Its randomness is the library's own."""
    return pkcs8.written(ec.generate_private_key(CURVES[spec].curve))


def public(material: bytes) -> PublicKey:
    return pkcs8.public(_read(material).public_key())


def open_key(spec: str, material: bytes, usage: str) -> Opened:
    key = _read(material)
    public_key = key.public_key()
    shown = pkcs8.public(public_key)
    if usage == "KEY_AGREEMENT":
        return Opened(agreer=EcdhAgreer(spec, key), public_key=shown)
    return Opened(signer=EcdsaSigner(spec, key), verifier=EcdsaVerifier(spec, public_key), public_key=shown)


class EcdsaSigner(Capability):
    """The `Signer` of a key on one of the curves."""

    __slots__ = ("_key",)

    def __init__(self, spec: str, key: ec.EllipticCurvePrivateKey) -> None:
        super().__init__(spec)
        self._key = key

    def sign(self, message: bytes, message_type: str, algorithm: str) -> bytes:
        function = _function(algorithm, self._spec)
        return self._key.sign(message, ec.ECDSA(hashed(message, message_type, function, algorithm, self._spec)))


class EcdsaVerifier(Capability):
    """The `Verifier` of a key on one of the curves: it holds the public half only."""

    __slots__ = ("_key",)

    def __init__(self, spec: str, key: ec.EllipticCurvePublicKey) -> None:
        super().__init__(spec)
        self._key = key

    def verify(self, message: bytes, message_type: str, signature: bytes, algorithm: str) -> None:
        function = _function(algorithm, self._spec)
        taken = hashed(message, message_type, function, algorithm, self._spec)
        try:
            self._key.verify(signature, message, ec.ECDSA(taken))
        except InvalidSignature:
            raise errors.invalid_kms_signature() from None


class EcdhAgreer(Capability):
    """The `Agreer` of a key on one of the curves. The secret is the shared point's x-coordinate, as long as the
    field; the cofactor of each curve is 1."""

    __slots__ = ("_key",)

    def __init__(self, spec: str, key: ec.EllipticCurvePrivateKey) -> None:
        super().__init__(spec)
        self._key = key

    def derive(self, peer: bytes) -> bytes:
        try:
            other = load_der_public_key(peer)
        except (ValueError, UnsupportedAlgorithm):
            raise errors.invalid_peer_key() from None
        if not isinstance(other, ec.EllipticCurvePublicKey) or other.curve.name != self._key.curve.name:
            raise errors.invalid_peer_key()
        return self._key.exchange(ec.ECDH(), other)


def _read(material: bytes) -> ec.EllipticCurvePrivateKey:
    key = pkcs8.read(material)
    if not isinstance(key, ec.EllipticCurvePrivateKey):
        raise TypeError("the material is not a key on an elliptic curve")
    return key


def _function(algorithm: str, spec: str) -> HashAlgorithm:
    curve = CURVES[spec]
    if algorithm != curve.algorithm:
        raise errors.algorithm_of_other_spec(algorithm, spec)
    return curve.function
