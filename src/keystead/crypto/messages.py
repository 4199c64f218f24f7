"""What `Sign` and `Verify` are given: a message or its digest, and whether an algorithm takes it.

Guarantees: RSA and ECDSA judge a request by the same rules in the same order (message type, then the digest's
length), in AWS's words. Does not hash: the libraries do that where they sign.
"""

from __future__ import annotations

from typing import Final

from cryptography.hazmat.primitives.asymmetric.utils import Prehashed
from cryptography.hazmat.primitives.hashes import SHA256, SHA384, SHA512, HashAlgorithm

from keystead import errors

RAW: Final = "RAW"
DIGEST: Final = "DIGEST"
EXTERNAL_MU: Final = "EXTERNAL_MU"

SHA_256: Final = SHA256()
SHA_384: Final = SHA384()
SHA_512: Final = SHA512()


def hashed(
    message: bytes, message_type: str, function: HashAlgorithm, algorithm: str, spec: str
) -> HashAlgorithm | Prehashed:
    """How the library is told to take ``message``: hash it with ``function``, or believe that it is such a hash."""
    if message_type == RAW:
        return function
    if message_type != DIGEST:
        raise errors.message_type_of_other_spec(message_type, spec)
    check_length(message, function.digest_size, algorithm)
    return Prehashed(function)


def check_length(digest: bytes, length: int, algorithm: str) -> None:
    if len(digest) != length:
        raise errors.invalid_digest_length(algorithm)
