"""Key material that comes from outside: which bytes a key spec takes, and how they may have been wrapped on the way.

Each function here makes the `Acceptance` of one family for the column ``accept`` of `keyspecs.SPECS`:
`symmetric(32)`, `hmac(28)`, `rsa(2048)`, `ecc(SECP256R1())`, `ed25519()`. What is accepted is given back in the form in
which generated material is kept (raw bytes, or PKCS#8 as `cryptography` writes it), so nothing of a foreign encoding
is ever stored.

Guarantees: material that was read, and proven where its Acceptance says so, is one whole, valid key of exactly the
wanted kind; the key's own consistency is checked once and for all. Every defect is InvalidCiphertextException without a
text; no input raises anything else, and none of the few kilobytes that a request can hold costs much more than
validating one honest key of the spec. Does not guarantee that the key was made with good randomness.

Source: https://docs.aws.amazon.com/kms/latest/developerguide/importing-keys-conceptual.html; RFC 5208, 5915, 8410.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum
from typing import Final

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurve, EllipticCurvePrivateKey
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
from cryptography.hazmat.primitives.asymmetric.types import PrivateKeyTypes

from keystead import errors
from keystead.crypto import pkcs8

HMAC_MAX: Final = 128

_OAEP: Final = frozenset({"RSAES_OAEP_SHA_1", "RSAES_OAEP_SHA_256"})
_AES: Final = frozenset({"RSA_AES_KEY_WRAP_SHA_1", "RSA_AES_KEY_WRAP_SHA_256"})

# The beginning of PKCS#8 (RFC 5208 §5) after the outer header: version 0, then the AlgorithmIdentifier, whole. Being
# compared byte by byte, they leave no room for other algorithms, explicit curves, or the formats that have no such field.
_VERSION: Final = bytes.fromhex("020100")
_RSA: Final = bytes.fromhex("300d06092a864886f70d0101010500")
_ED25519: Final = bytes.fromhex("300506032b6570")
_ECC: Final = {
    "secp256r1": bytes.fromhex("301306072a8648ce3d020106082a8648ce3d030107"),
    "secp384r1": bytes.fromhex("301006072a8648ce3d020106052b81040022"),
    "secp521r1": bytes.fromhex("301006072a8648ce3d020106052b81040023"),
    "secp256k1": bytes.fromhex("301006072a8648ce3d020106052b8104000a"),
}


class Wrapping(Enum):
    """How material of a family may travel: directly under RSA-OAEP, under an AES key that is, or both.

    `EITHER_LARGE`: both, but a 2048-bit RSA key is too short for it to travel directly.
    """

    OAEP = "OAEP"
    AES = "AES"
    EITHER = "EITHER"
    EITHER_LARGE = "EITHER_LARGE"

    def allows(self, algorithm: str, wrapping_spec: str) -> bool:
        if algorithm in _AES:
            return self is not Wrapping.OAEP
        if algorithm in _OAEP:
            return self is not Wrapping.AES and not (self is Wrapping.EITHER_LARGE and wrapping_spec == "RSA_2048")
        return False


@dataclass(frozen=True, slots=True)
class Acceptance:
    """What one key spec takes from outside. ``read`` gives the material to keep, or refuses; what is not ``proven`` by
    that is still to be (`prove`), in a place where half a second does not matter."""

    read: Callable[[bytes], bytes]
    wrapping: Wrapping
    proven: bool = True


def symmetric(length: int) -> Acceptance:
    """``length`` raw bytes, exactly."""
    return Acceptance(lambda raw: _raw(raw, length, length), Wrapping.OAEP)


def hmac(shortest: int) -> Acceptance:
    """Raw bytes, from the length of the hash to 128."""
    return Acceptance(lambda raw: _raw(raw, shortest, HMAC_MAX), Wrapping.OAEP)


def rsa(bits: int) -> Acceptance:
    """A two-prime RSA private key in PKCS#8 with a modulus of exactly ``bits``."""
    return Acceptance(lambda raw: _rsa(raw, bits), Wrapping.AES, proven=False)


def ecc(curve: EllipticCurve) -> Acceptance:
    """A private key in PKCS#8 on exactly this curve, which it must name."""
    # P-521 in PKCS#8 is longer than OAEP takes under 2048 bits; AWS refuses the pair by name (key_specs.md §6).
    wrapping = Wrapping.EITHER_LARGE if curve.key_size > 384 else Wrapping.EITHER
    return Acceptance(lambda raw: _ecc(raw, curve.name), wrapping)


def ed25519() -> Acceptance:
    """An Ed25519 private key in PKCS#8 (RFC 8410 §7)."""
    return Acceptance(_ed25519, Wrapping.EITHER_LARGE)


def prove(material: bytes | bytearray) -> None:
    """Refuse the material of a private key whose numbers do not belong together. Takes up to half a second for RSA, in
    which no other thread of this process runs."""
    try:
        pkcs8.checked(material)
    except (ValueError, TypeError, UnsupportedAlgorithm):
        raise errors.invalid_ciphertext() from None


def _raw(raw: bytes, shortest: int, longest: int) -> bytes:
    if not shortest <= len(raw) <= longest:
        raise errors.invalid_ciphertext()
    return raw


def _rsa(raw: bytes, bits: int) -> bytes:
    # Whether the numbers belong together and the primes are prime costs a quarter of a second for 4096 bits, and far more
    # for numbers that a stranger chose: so that is asked last, when each is known to be of the right size, and of what
    # will be kept.
    key = _load(raw, _RSA, complete=False)
    if not isinstance(key, RSAPrivateKey) or not _well_sized(key, bits):
        raise errors.invalid_ciphertext()
    return pkcs8.written(key)


def _well_sized(key: RSAPrivateKey, bits: int) -> bool:
    """Whether the numbers have the sizes that FIPS 186-5 §A.1.1 demands: a modulus of exactly ``bits``, two factors of
    half of that which are not close, a public exponent between 2^16 and 2^256 (so that the private one is not small),
    and a private one that is reduced. The rest is the library's to find out."""
    if key.key_size != bits:
        return False
    numbers = key.private_numbers()
    p, q, e, half = numbers.p, numbers.q, numbers.public_numbers.e, bits // 2
    return (
        p.bit_length() == q.bit_length() == half
        and abs(p - q).bit_length() > half - 100
        and 2**16 < e < 2**256
        and numbers.d.bit_length() <= bits
    )


def _ecc(raw: bytes, curve: str) -> bytes:
    key = _load(raw, _ECC[curve])
    if not isinstance(key, EllipticCurvePrivateKey) or key.curve.name != curve:
        raise errors.invalid_ciphertext()
    return pkcs8.written(key)


def _ed25519(raw: bytes) -> bytes:
    key = _load(raw, _ED25519)
    if not isinstance(key, Ed25519PrivateKey):
        raise errors.invalid_ciphertext()
    return pkcs8.written(key)


def _load(raw: bytes, algorithm: bytes, *, complete: bool = True) -> PrivateKeyTypes:
    """The private key of this algorithm, and valid; not ``complete``: the long validation of an RSA key is left out."""
    start = _VERSION + algorithm
    if raw[_header_bytes(raw) :][: len(start)] != start:
        raise errors.invalid_ciphertext()
    try:
        return pkcs8.checked(raw) if complete else pkcs8.read(raw)
    except (ValueError, TypeError, UnsupportedAlgorithm):
        raise errors.invalid_ciphertext() from None


def _header_bytes(raw: bytes) -> int:
    """The length of the header of a DER value that is shorter than 64 KiB; what follows is checked by the parser."""
    return 2 + (raw[1] & 0x7F if len(raw) > 1 and raw[1] & 0x80 else 0)
