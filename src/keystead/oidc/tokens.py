"""One ID token: what it claims before anything is proved, and whether a key proves it.

Guarantees: only asymmetric signatures of `ALGORITHMS` count, each with a key of its own kind: a token never chooses how
a key is used, so that neither ``none`` nor a public key taken for an HMAC secret gets through. Work is bounded by the
token's length, which the model bounds. Does not look at issuer, audience or time: `keystead.oidc.issuers` does.

The signature is checked by PyJWT (decision 0037). Sources: RFC 7515, 7518 §3, 8725; the algorithms are those that AWS
takes of OpenID Connect providers (IAM user guide)."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Iterable, Mapping
from typing import Any, Final, NamedTuple

import msgspec

#: Algorithm -> the key's type and, of an elliptic curve, its name (RFC 7518 §6.1).
ALGORITHMS: Final[Mapping[str, tuple[str, str | None]]] = {
    "RS256": ("RSA", None),
    "RS384": ("RSA", None),
    "RS512": ("RSA", None),
    "ES256": ("EC", "P-256"),
    "ES384": ("EC", "P-384"),
    "ES512": ("EC", "P-521"),
}

SMALLEST_RSA: Final = 2_048
LARGEST_RSA: Final = 8_192
"""Bits. What is larger costs too much to check for somebody who has proved nothing."""


class NoToken(ValueError):
    """The text is no token that could be checked; what it says is for the operator's log."""


class Unverified(NamedTuple):
    """A token as it was read; nothing in it is proved."""

    text: str
    algorithm: str
    key_id: str | None
    claims: Mapping[str, Any]


class PublicKey(NamedTuple):
    """A key of a provider. ``algorithm`` is the only one it may be used with, where the provider says so."""

    key_id: str | None
    kind: tuple[str, str | None]
    algorithm: str | None
    key: Any

    def suits(self, token: Unverified) -> bool:
        """Whether the token may have been signed with this key."""
        if ALGORITHMS[token.algorithm] != self.kind or self.algorithm not in {None, token.algorithm}:
            return False
        return token.key_id is None or token.key_id == self.key_id


def read(text: str) -> Unverified:
    """What a token says of itself. Raises NoToken."""
    parts = text.split(".")
    if len(parts) != 3 or not all(parts) or not text.isascii():
        raise NoToken("not three parts of Base64")
    head, claims = _object(parts[0]), _object(parts[1])
    algorithm = head.get("alg")
    if not isinstance(algorithm, str) or algorithm not in ALGORITHMS:
        raise NoToken(f"algorithm {algorithm!r} is not taken")
    if "crit" in head or "b64" in head:
        raise NoToken("it demands extensions")
    key_id = head.get("kid")
    if key_id is not None and not isinstance(key_id, str):
        raise NoToken("its key id is not a text")
    return Unverified(text, algorithm, key_id, claims)


def _object(part: str) -> dict[str, Any]:
    try:
        found = msgspec.json.decode(base64.urlsafe_b64decode(part + "=" * (-len(part) % 4)))
    except (ValueError, binascii.Error, RecursionError, msgspec.MsgspecError) as error:
        raise NoToken("a part is not JSON in Base64") from error
    if not isinstance(found, dict):
        raise NoToken("a part is not a JSON object")
    return found


def signed(token: Unverified, keys: Iterable[PublicKey]) -> bool:
    """Whether one of the keys signed it."""
    from jwt import InvalidTokenError
    from jwt.api_jws import PyJWS

    checker = PyJWS(algorithms=[token.algorithm])
    for key in keys:
        if key.suits(token):
            try:
                checker.decode_complete(token.text, key.key, algorithms=[token.algorithm])
            except InvalidTokenError:
                continue
            return True
    return False


# --- keys ---------------------------------------------------------------------------------------------------------

MOST_KEYS: Final = 200


class NoKeys(ValueError):
    """What a provider published is no set of keys."""


def keys(document: bytes) -> tuple[PublicKey, ...]:
    """The keys of a JWK set (RFC 7517 §5) that can have signed a token. Others, such as those for encryption or of
    unknown kinds, are passed over. Raises NoKeys."""
    try:
        found = msgspec.json.decode(document)
        listed = found["keys"]
    except (msgspec.MsgspecError, ValueError, RecursionError, KeyError, TypeError) as error:
        raise NoKeys("it is not a JWK set") from error
    if not isinstance(listed, list) or len(listed) > MOST_KEYS:
        raise NoKeys(f"it has no list of keys, or more than {MOST_KEYS}")
    return tuple(key for key in map(_key, listed) if key is not None)


def _key(jwk: Any) -> PublicKey | None:
    if not isinstance(jwk, dict) or "d" in jwk or jwk.get("use", "sig") != "sig":
        return None
    kind = (jwk.get("kty"), jwk.get("crv"))
    algorithm, key_id = jwk.get("alg"), jwk.get("kid")
    suiting = next((name for name, wanted in ALGORITHMS.items() if wanted == kind), None)
    if suiting is None or not (algorithm is None or (isinstance(algorithm, str) and algorithm in ALGORITHMS)):
        return None
    from jwt import PyJWTError
    from jwt.algorithms import ECAlgorithm, RSAAlgorithm

    try:
        key: Any = (RSAAlgorithm if kind[0] == "RSA" else ECAlgorithm).from_jwk(jwk)
    except (PyJWTError, ValueError, TypeError, KeyError, binascii.Error):
        return None
    if kind[0] == "RSA" and not SMALLEST_RSA <= key.key_size <= LARGEST_RSA:
        return None
    return PublicKey(key_id if isinstance(key_id, str) else None, ALGORITHMS[suiting], algorithm, key)
