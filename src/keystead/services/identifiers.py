"""Identifiers in AWS's forms: access key ids, unique ids of principals, secrets, account ids, request ids.

https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_identifiers.html. Randomness is an argument; none of these
but a secret access key is a secret."""

from __future__ import annotations

import base64
from collections.abc import Callable
from typing import Final

Random = Callable[[int], bytes]

#: Letters and digits of AWS's unique ids (base 32, RFC 4648 §6, upper case).
_UNIQUE_ID_BYTES: Final = 15
_BUFFERED: Final = 256


def unique_id(prefix: str, random: Random, length: int) -> str:
    """``prefix`` (AIDA for a user, AKIA for an access key, …) and random letters, ``length`` characters in all."""
    return prefix + base64.b32encode(random(_UNIQUE_ID_BYTES)).decode()[: length - len(prefix)]


def group_id(random: Random) -> str:
    return unique_id("AGPA", random, 21)


def user_id(random: Random) -> str:
    return unique_id("AIDA", random, 21)


def role_id(random: Random) -> str:
    return unique_id("AROA", random, 21)


def policy_id(random: Random) -> str:
    return unique_id("ANPA", random, 21)


def access_key_id(random: Random) -> str:
    return unique_id("AKIA", random, 20)


def temporary_access_key_id(random: Random) -> str:
    return unique_id("ASIA", random, 20)


def secret_access_key(random: Random) -> str:
    """Forty characters of Base64: 240 random bits."""
    return base64.b64encode(random(30)).decode()


def account_id(random: Random) -> str:
    """Twelve digits, the first not zero. 10^12 is no power of two; the bias of 2^-87 of this many bits does no harm
    to a name."""
    return str(10**11 + int.from_bytes(random(16), "big") % (9 * 10**11))


class RequestIds:
    """UUIDs of version 4, drawn for many requests at once: one system call for 256 ids instead of one each."""

    __slots__ = ("_drawn", "_random")

    def __init__(self, random: Random) -> None:
        self._random = random
        self._drawn: list[str] = []

    def __call__(self) -> str:
        try:
            return self._drawn.pop()
        except IndexError:
            digits = self._random(16 * _BUFFERED).hex()
            self._drawn = [_uuid(digits[at : at + 32]) for at in range(0, len(digits), 32)]
            return self._drawn.pop()


def _uuid(digits: str) -> str:
    """RFC 9562 §5.4: the version in the 13th digit, the variant in the two upper bits of the 17th."""
    variant = "89ab"[int(digits[16], 16) & 3]
    return f"{digits[:8]}-{digits[8:12]}-4{digits[13:16]}-{variant}{digits[17:20]}-{digits[20:]}"
