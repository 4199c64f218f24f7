"""HMAC keys (RFC 2104): GenerateMac and VerifyMac.

Guarantees: a MAC is whole, as long as its hash; it is compared in constant time. Does not guarantee that no two keys
make the same MACs: a key padded with zero bytes to the hash's block is the same key (RFC 2104 §2).

The material is the raw key: as long as the hash when it was made here, up to 128 bytes when it was imported.
"""

from __future__ import annotations

import hmac
from typing import Final

from keystead import errors
from keystead.crypto.capabilities import Capability, Opened

HASHES: Final = {
    "HMAC_SHA_224": "sha224",
    "HMAC_SHA_256": "sha256",
    "HMAC_SHA_384": "sha384",
    "HMAC_SHA_512": "sha512",
}


def open_key(spec: str, algorithm: str, material: bytes) -> Opened:
    """The capabilities of a key whose one algorithm is ``algorithm``."""
    return Opened(
        mac_maker=HmacMaker(spec, algorithm, material),
        mac_checker=HmacChecker(spec, algorithm, material),
    )


class _Hmac(Capability):
    __slots__ = ("_algorithm", "_key")

    def __init__(self, spec: str, algorithm: str, key: bytes) -> None:
        super().__init__(spec)
        self._algorithm = algorithm
        self._key = key

    def _mac(self, message: bytes, algorithm: str) -> bytes:
        if algorithm != self._algorithm:
            raise errors.algorithm_of_other_spec(algorithm, self._spec)
        return hmac.digest(self._key, message, HASHES[algorithm])


class HmacMaker(_Hmac):
    """The `MacMaker` of an HMAC key."""

    __slots__ = ()

    def make(self, message: bytes, algorithm: str) -> bytes:
        return self._mac(message, algorithm)


class HmacChecker(_Hmac):
    """The `MacChecker` of an HMAC key."""

    __slots__ = ()

    def check(self, message: bytes, mac: bytes, algorithm: str) -> None:
        if not hmac.compare_digest(self._mac(message, algorithm), mac):
            raise errors.invalid_kms_mac()
