"""RSA keys: encryption with RSAES-OAEP, signatures with RSASSA-PSS and RSASSA-PKCS1-v1_5 (RFC 8017).

Guarantees: keys made here have the public exponent 65537, and their halves were tried against each other; one key has
one use. OAEP has an empty label and one hash for the label and for MGF1; PSS has a salt as long as its hash. A
ciphertext that does not open is one refusal, whatever its defect. Does not guarantee constant time beyond what OpenSSL
does.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric import padding
from cryptography.hazmat.primitives.asymmetric.padding import AsymmetricPadding
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey, RSAPublicKey, generate_private_key
from cryptography.hazmat.primitives.hashes import SHA1, SHA256, HashAlgorithm

from keystead import errors
from keystead.crypto import pkcs8
from keystead.crypto.capabilities import Capability, Opened, PublicKey
from keystead.crypto.messages import SHA_256, SHA_384, SHA_512, hashed

PUBLIC_EXPONENT: Final = 65537

OAEP: Final[Mapping[str, HashAlgorithm]] = MappingProxyType(
    {
        "RSAES_OAEP_SHA_1": SHA1(),  # noqa: S303 (OAEP needs no collision resistance of its hash: RFC 8017 B.1)
        "RSAES_OAEP_SHA_256": SHA256(),
    }
)
HASHES: Final[Mapping[str, HashAlgorithm]] = MappingProxyType(
    {
        "RSASSA_PKCS1_V1_5_SHA_256": SHA_256,
        "RSASSA_PKCS1_V1_5_SHA_384": SHA_384,
        "RSASSA_PKCS1_V1_5_SHA_512": SHA_512,
        "RSASSA_PSS_SHA_256": SHA_256,
        "RSASSA_PSS_SHA_384": SHA_384,
        "RSASSA_PSS_SHA_512": SHA_512,
    }
)


def generate(bits: int) -> bytes:
    """A new key as material. Its randomness is the library's own."""
    key = generate_private_key(PUBLIC_EXPONENT, bits)
    # That both halves belong together is tried once (SP 800-56B §6.4.1.1). The library's long validation would prove
    # again that the numbers are prime, which OpenSSL has just done, and keep the interpreter meanwhile: half a second in
    # which no other call is answered.
    key.public_key().verify(key.sign(b"", padding.PKCS1v15(), SHA_256), b"", padding.PKCS1v15(), SHA_256)
    return pkcs8.written(key)


def public(material: bytes) -> PublicKey:
    return pkcs8.public(_read(material).public_key())


def plaintext_max(bits: int, algorithm: str) -> int:
    """The longest plaintext in bytes (RFC 8017 §7.1.1)."""
    return bits // 8 - 2 * OAEP[algorithm].digest_size - 2


def open_key(spec: str, material: bytes, usage: str) -> Opened:
    key = _read(material)
    public_key = key.public_key()
    shown = pkcs8.public(public_key)
    if usage == "ENCRYPT_DECRYPT":
        return Opened(encrypter=RsaEncrypter(spec, public_key), decrypter=RsaDecrypter(spec, key), public_key=shown)
    return Opened(signer=RsaSigner(spec, key), verifier=RsaVerifier(spec, public_key), public_key=shown)


class RsaEncrypter(Capability):
    """The `Encrypter` of an RSA key: it holds the public half only."""

    __slots__ = ("_key",)

    def __init__(self, spec: str, key: RSAPublicKey) -> None:
        super().__init__(spec)
        self._key = key

    def encrypt(self, plaintext: bytes, algorithm: str) -> bytes:
        scheme = _oaep(algorithm, self._spec)
        longest = plaintext_max(self._key.key_size, algorithm)
        if len(plaintext) > longest:
            raise errors.plaintext_too_long(algorithm, self._spec, longest)
        return self._key.encrypt(plaintext, scheme)


class RsaDecrypter(Capability):
    """The `Decrypter` of an RSA key."""

    __slots__ = ("_key",)

    def __init__(self, spec: str, key: RSAPrivateKey) -> None:
        super().__init__(spec)
        self._key = key

    def decrypt(self, ciphertext: bytes, algorithm: str) -> bytes:
        scheme = _oaep(algorithm, self._spec)
        try:
            return self._key.decrypt(ciphertext, scheme)
        except ValueError:
            raise errors.invalid_ciphertext() from None


class RsaSigner(Capability):
    """The `Signer` of an RSA key."""

    __slots__ = ("_key",)

    def __init__(self, spec: str, key: RSAPrivateKey) -> None:
        super().__init__(spec)
        self._key = key

    def sign(self, message: bytes, message_type: str, algorithm: str) -> bytes:
        scheme, function = _signing(algorithm, self._spec)
        return self._key.sign(message, scheme, hashed(message, message_type, function, algorithm, self._spec))


class RsaVerifier(Capability):
    """The `Verifier` of an RSA key: it holds the public half only."""

    __slots__ = ("_key",)

    def __init__(self, spec: str, key: RSAPublicKey) -> None:
        super().__init__(spec)
        self._key = key

    def verify(self, message: bytes, message_type: str, signature: bytes, algorithm: str) -> None:
        scheme, function = _signing(algorithm, self._spec)
        taken = hashed(message, message_type, function, algorithm, self._spec)
        try:
            self._key.verify(signature, message, scheme, taken)
        except InvalidSignature:
            raise errors.invalid_kms_signature() from None


def _read(material: bytes) -> RSAPrivateKey:
    key = pkcs8.read(material)
    if not isinstance(key, RSAPrivateKey):
        raise TypeError("the material is not an RSA key")
    return key


def _oaep(algorithm: str, spec: str) -> AsymmetricPadding:
    function = OAEP.get(algorithm)
    if function is None:
        raise errors.algorithm_of_other_spec(algorithm, spec)
    return padding.OAEP(padding.MGF1(function), function, None)


def _signing(algorithm: str, spec: str) -> tuple[AsymmetricPadding, HashAlgorithm]:
    function = HASHES.get(algorithm)
    if function is None:
        raise errors.algorithm_of_other_spec(algorithm, spec)
    if algorithm.startswith("RSASSA_PKCS1"):
        return padding.PKCS1v15(), function
    return padding.PSS(padding.MGF1(function), function.digest_size), function
