"""An identity provider for tests: keys, what it publishes of them, and tokens; true ones and forged ones."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
from functools import cache
from typing import Any

import jwt
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from jwt.algorithms import ECAlgorithm, RSAAlgorithm

NOW = 1_800_000_000
ISSUER = "https://idp.example.com/tenant"
AUDIENCE = "sts.amazonaws.com"
SUBJECT = "system:serviceaccount:default:builder"

CURVES = {"ES256": ec.SECP256R1(), "ES384": ec.SECP384R1(), "ES512": ec.SECP521R1()}


@cache
def rsa_key(number: int = 0, bits: int = 2_048) -> rsa.RSAPrivateKey:
    return rsa.generate_private_key(65_537, bits)


@cache
def ec_key(algorithm: str, number: int = 0) -> ec.EllipticCurvePrivateKey:
    return ec.generate_private_key(CURVES[algorithm])


def private_key(algorithm: str, number: int = 0) -> Any:
    return rsa_key(number) if algorithm.startswith(("RS", "PS")) else ec_key(algorithm, number)


def jwk(algorithm: str, key_id: str | None, number: int = 0, **more: Any) -> dict[str, Any]:
    """What is published of a key."""
    key = private_key(algorithm, number).public_key()
    found: dict[str, Any] = (RSAAlgorithm if algorithm.startswith("RS") else ECAlgorithm).to_jwk(key, as_dict=True)
    found = {**found, "use": "sig", "alg": algorithm, **more}
    if key_id is not None:
        found["kid"] = key_id
    return {name: value for name, value in found.items() if value is not None and name != "key_ops"}


def published(*keys: dict[str, Any]) -> bytes:
    return json.dumps({"keys": list(keys) or [jwk("RS256", "k1"), jwk("ES256", "k2")]}).encode()


def claims(**more: Any) -> dict[str, Any]:
    """Those of a good token; None leaves one out."""
    found = {"iss": ISSUER, "sub": SUBJECT, "aud": AUDIENCE, "iat": NOW - 10, "nbf": NOW - 10, "exp": NOW + 600, **more}
    return {name: value for name, value in found.items() if value is not None}


def token(algorithm: str = "RS256", key_id: str | None = "k1", number: int = 0, **more: Any) -> str:
    headers = None if key_id is None else {"kid": key_id}
    return jwt.encode(claims(**more), private_key(algorithm, number), algorithm, headers)


def part(value: Any) -> str:
    return base64.urlsafe_b64encode(json.dumps(value).encode()).rstrip(b"=").decode()


def forged(header: dict[str, Any], signature: bytes = b"x", **more: Any) -> str:
    """A token with whatever header, signed with whatever."""
    return f"{part(header)}.{part(claims(**more))}.{base64.urlsafe_b64encode(signature).rstrip(b'=').decode()}"


def confused(form: Encoding, public: PublicFormat) -> str:
    """Signed with HMAC under the provider's public key, which everybody knows."""
    secret = rsa_key().public_key().public_bytes(form, public)
    head = f"{part({'alg': 'HS256', 'typ': 'JWT', 'kid': 'k1'})}.{part(claims())}"
    mac = hmac.digest(secret, head.encode(), hashlib.sha256)
    return f"{head}.{base64.urlsafe_b64encode(mac).rstrip(b'=').decode()}"
