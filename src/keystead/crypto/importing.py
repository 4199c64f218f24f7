"""Import of key material: the wrapping key that is offered, the token that comes back, and what was wrapped.

An import has two calls, a day apart at most and perhaps in two workers. The private half of the wrapping key therefore
travels inside the token (docs/format.md §6.1): sealed, bound to one key of one account and region, with its algorithm
and its end. Nothing is stored, any number of sets may be outstanding, and each may be used again until it ends
(docs/decisions/0018).

Guarantees: a token opens for its own key only, and only before its end; what was wrapped opens only with the algorithm
that was asked for; no byte of token or wrapped material can be altered without a refusal; material comes out only when
it is what the key spec takes. Does not guarantee that a set is used once, nor that the caller may import: that is
decided before. Generating a wrapping key takes up to seconds: call from a thread.

Source: https://docs.aws.amazon.com/kms/latest/APIReference/API_GetParametersForImport.html, RFC 8017 §7.1, RFC 5649,
PKCS#11 §2.1.21 (CKM_RSA_AES_KEY_WRAP).
"""

from __future__ import annotations

from collections.abc import Container
from dataclasses import dataclass, field
from typing import Final

from cryptography.hazmat.primitives.asymmetric import padding
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey, generate_private_key
from cryptography.hazmat.primitives.hashes import SHA1, SHA256, HashAlgorithm
from cryptography.hazmat.primitives.keywrap import InvalidUnwrap, aes_key_unwrap_with_padding

from keystead import errors
from keystead.crypto import pkcs8
from keystead.crypto.derivation import Random
from keystead.crypto.hierarchy import Hierarchy
from keystead.crypto.keyspecs import SPECS
from keystead.crypto.prover import Prove
from keystead.domain.key import Key

VALID_SECONDS: Final = 24 * 60 * 60
PURPOSE: Final = b"import"

# What one byte of the token says (docs/format.md §6.1). A number is never used again for something else.
_WRAPPING_SPECS: Final = {"RSA_2048": 1, "RSA_3072": 2, "RSA_4096": 3}
_ALGORITHMS: Final = {
    "RSAES_OAEP_SHA_1": 1,
    "RSAES_OAEP_SHA_256": 2,
    "RSA_AES_KEY_WRAP_SHA_1": 3,
    "RSA_AES_KEY_WRAP_SHA_256": 4,
}
_BITS: Final = {"RSA_2048": 2048, "RSA_3072": 3072, "RSA_4096": 4096}
_HASHES: Final[dict[int, HashAlgorithm]] = {1: SHA1(), 2: SHA256(), 3: SHA1(), 4: SHA256()}  # noqa: S303 (AWS names it)
_TWO_STEPS: Final = frozenset({3, 4})
_FRONT_BYTES: Final = 10
_AES_KEY_BYTES: Final = 32
_EXPONENT: Final = 65537


@dataclass(frozen=True, slots=True)
class Offer:
    """One set of parameters for an import: the public key (SubjectPublicKeyInfo), its token, and when both end
    (seconds since the epoch)."""

    public_key: bytes
    token: bytes = field(repr=False)
    valid_to: float


@dataclass(frozen=True, slots=True)
class Imported:
    """Material in the form in which it is wrapped and kept, and its id: the same id whenever the same material comes to
    the same key."""

    material: bytes = field(repr=False)
    material_id: str


def check_wrapping(key_spec: str, algorithm: str, wrapping_spec: str) -> None:
    """ValidationException, in AWS's words, unless material of this key spec may travel so."""
    accept = SPECS[key_spec].accept
    known = algorithm in _ALGORITHMS and wrapping_spec in _WRAPPING_SPECS
    if accept is None or not known or not accept.wrapping.allows(algorithm, wrapping_spec):
        raise errors.wrapping_not_allowed(algorithm, wrapping_spec, key_spec)


def offer(hierarchy: Hierarchy, key: Key, algorithm: str, wrapping_spec: str, now: float, random: Random) -> Offer:
    """A new wrapping key for one import into ``key``; ValidationException where the pair is not allowed for it.

    The RSA key is drawn by OpenSSL's own generator, which is seeded by the operating system; ``random`` salts the token.
    """
    check_wrapping(key.spec, algorithm, wrapping_spec)
    private = generate_private_key(_EXPONENT, _BITS[wrapping_spec])
    valid_to = round(1000 * (now + VALID_SECONDS))
    content = (
        bytes([_ALGORITHMS[algorithm], _WRAPPING_SPECS[wrapping_spec]])
        + valid_to.to_bytes(8, "big")
        + pkcs8.written(private)
    )
    public = pkcs8.public(private.public_key()).der
    return Offer(public, hierarchy.seal_token(PURPOSE, content, random, _binding(key)), valid_to / 1000)


def unwrap_import(
    hierarchy: Hierarchy, key: Key, token: bytes, encrypted: bytes, now: float, known: Container[str], prove: Prove
) -> Imported:
    """The material that a caller wrapped for ``key``. Only the gate in `services.gate` calls this.

    ``known`` are the ids of materials that this key has had: each was proven when it first came, and is not again.

    InvalidImportTokenException for a token that is not ours, altered, or of another key; ExpiredImportTokenException
    from its end on; then InvalidCiphertextException for everything that is wrong with what was wrapped, but
    ValidationException when it cannot be of that wrapping key at all.
    """
    content = hierarchy.open_token(PURPOSE, token, _binding(key))
    if content is None:
        raise errors.invalid_import_token()
    if 1000 * now >= int.from_bytes(content[2:_FRONT_BYTES], "big"):
        raise errors.expired_import_token()
    accept = SPECS[key.spec].accept
    private = pkcs8.read(content[_FRONT_BYTES:])
    if accept is None or not isinstance(private, RSAPrivateKey):
        raise TypeError("an import token was sealed for a key that takes none")
    material = accept.read(_unwrapped(private, content[0], encrypted))
    material_id = hierarchy.imported_material_id(key.account, key.key_id, material)
    if not accept.proven and material_id not in known:
        prove(material)
    return Imported(material, material_id)


def _binding(key: Key) -> tuple[str, ...]:
    return (key.account, key.region, key.key_id, key.ref.hex())


def _unwrapped(private: RSAPrivateKey, algorithm: int, encrypted: bytes) -> bytes:
    """What was wrapped, before anything was said of its content."""
    hash_ = _HASHES[algorithm]
    oaep = padding.OAEP(padding.MGF1(hash_), hash_, None)
    size = private.key_size // 8
    if algorithm not in _TWO_STEPS and len(encrypted) != size:
        raise errors.wrapped_size()
    # OpenSSL opens OAEP in constant time and tells no defect from another; nor do the refusals below.
    try:
        opened = private.decrypt(encrypted[:size], oaep)
        if algorithm not in _TWO_STEPS:
            return opened
        if len(opened) != _AES_KEY_BYTES:
            raise errors.invalid_ciphertext()
        return aes_key_unwrap_with_padding(opened, encrypted[size:])
    except (ValueError, InvalidUnwrap):
        raise errors.invalid_ciphertext() from None
