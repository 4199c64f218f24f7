"""ML-KEM-512 with the package pqcrypto, an optional dependency (docs/decisions/0016).

Guarantees: where the package is not installed, `lacking` says so, and making or using a key is refused by name.
Behaves as the larger sizes in `mlkem` do. Does not keep a seed: pqcrypto takes none, so the material is the expanded
key (docs/format.md §5.1). Holds the GIL while it works.
"""

from __future__ import annotations

from importlib import import_module
from importlib.util import find_spec
from typing import Final, Protocol, cast

from keystead import errors
from keystead.crypto import mlkem
from keystead.crypto.capabilities import Capability, Opened, PublicKey

SPEC: Final = "ML_KEM_512"
PACKAGE: Final = "pqcrypto"
# DER in front of the expanded key (RFC 9935 §6: PrivateKeyInfo, expandedKey) and of the public key (§4: SPKI). All
# lengths are fixed, so there is nothing to encode.
PRIVATE_FRONT: Final = bytes.fromhex("30820678020100300b06096086480165030404010482066404820660")
PUBLIC_FRONT: Final = bytes.fromhex("30820332300b060960864801650304040103820321" + "00")
PRIVATE_BYTES: Final = 1632
PUBLIC_START: Final = 768  # dk_PKE ‖ ek ‖ H(ek) ‖ z (FIPS 203 §7.1, Algorithm 16)
PUBLIC_BYTES: Final = 800


class Library(Protocol):
    """What is used of the package: ``pqcrypto.kem.ml_kem_512``."""

    def keygen(self) -> tuple[bytes, bytes]: ...
    def encaps(self, public: bytes, /) -> tuple[bytes, bytes]: ...
    def decaps(self, private: bytes, ciphertext: bytes, /) -> bytes: ...


def lacking() -> str | None:
    """Why there is no ML-KEM-512 on this machine, None where there is."""
    if find_spec(PACKAGE) is None:
        return f'it needs the package {PACKAGE}, which is not installed here (pip install "keystead[pq]")'
    return None


def generate() -> bytes:
    """A new key as material. Its randomness is the library's own."""
    _, private = _library().keygen()
    return PRIVATE_FRONT + private


def public(material: bytes) -> PublicKey:
    return PublicKey(PUBLIC_FRONT + _public_of(_expanded(material)))


def open_key(material: bytes) -> Opened:
    library, private = _library(), _expanded(material)
    key = _Key(library, _public_of(private))
    return mlkem.opened(SPEC, key, _PrivateKey(library, private), public(material))


class _Key(Capability):
    __slots__ = ("_library", "_public")

    def __init__(self, library: Library, public: bytes) -> None:
        super().__init__(SPEC)
        self._library = library
        self._public = public

    def encapsulate(self) -> tuple[bytes, bytes]:
        ciphertext, secret = self._library.encaps(self._public)
        return secret, ciphertext


class _PrivateKey(Capability):
    __slots__ = ("_library", "_private")

    def __init__(self, library: Library, private: bytes) -> None:
        super().__init__(SPEC)
        self._library = library
        self._private = private

    def decapsulate(self, ciphertext: bytes) -> bytes:
        return self._library.decaps(self._private, ciphertext)


def _library() -> Library:
    lacks = lacking()
    if lacks is not None:
        raise errors.not_offered(f"KeySpec {SPEC}", lacks)
    return cast(Library, import_module(f"{PACKAGE}.kem").ml_kem_512)


def _expanded(material: bytes) -> bytes:
    private = material.removeprefix(PRIVATE_FRONT)
    if len(private) != PRIVATE_BYTES or not material.startswith(PRIVATE_FRONT):
        raise TypeError("the material is not an ML-KEM-512 key")
    return private


def _public_of(private: bytes) -> bytes:
    return private[PUBLIC_START : PUBLIC_START + PUBLIC_BYTES]
