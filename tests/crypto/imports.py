"""What the tests of imports share: keys to import, wrapped by hand or by the openssl program, under real offers."""

from __future__ import annotations

import subprocess
from functools import cache
from pathlib import Path
from shutil import which

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, padding, rsa
from cryptography.hazmat.primitives.hashes import SHA1, SHA256, HashAlgorithm
from cryptography.hazmat.primitives.keywrap import aes_key_wrap_with_padding

from keystead.crypto.accepting import Acceptance, prove
from keystead.domain.key import Key, KeyState

NOW = 1_900_000_000.0
ACCOUNT, REGION = "111122223333", "eu-central-1"
KEY_ID = "1234abcd-12ab-34cd-56ef-1234567890ab"


def pkcs8(key: rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey | ed25519.Ed25519PrivateKey) -> bytes:
    return key.private_bytes(
        serialization.Encoding.DER, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )


@cache
def rsa_key(bits: int) -> rsa.RSAPrivateKey:
    """One key of each size for all tests: to make one takes long."""
    return rsa.generate_private_key(65537, bits)


def kms_key(spec: str = "SYMMETRIC_DEFAULT", account: str = ACCOUNT, region: str = REGION, key_id: str = KEY_ID) -> Key:
    return Key(
        account=account,
        region=region,
        key_id=key_id,
        ref=b"r" * 16,
        spec=spec,
        usage="ENCRYPT_DECRYPT",
        origin="EXTERNAL",
        manager="CUSTOMER",
        state=KeyState.PENDING_IMPORT,
        description="",
        created=NOW,
        policy="{}",
    )


def accepted(accept: Acceptance, raw: bytes) -> bytes:
    """The material that is kept, proven where reading is not enough."""
    material = accept.read(raw)
    if not accept.proven:
        prove(material)
    return material


def hash_of(algorithm: str) -> HashAlgorithm:
    return SHA1() if algorithm.endswith("_1") else SHA256()


def oaep(public_key: bytes, algorithm: str, raw: bytes) -> bytes:
    key = serialization.load_der_public_key(public_key)
    assert isinstance(key, rsa.RSAPublicKey)
    return key.encrypt(raw, padding.OAEP(padding.MGF1(hash_of(algorithm)), hash_of(algorithm), None))


def wrapped(public_key: bytes, algorithm: str, raw: bytes, aes_key: bytes = b"k" * 32) -> bytes:
    """What a caller sends who follows AWS's guide, with the library."""
    if algorithm.startswith("RSAES"):
        return oaep(public_key, algorithm, raw)
    return oaep(public_key, algorithm, aes_key) + aes_key_wrap_with_padding(aes_key, raw)


def openssl(*arguments: str, given: bytes = b"") -> bytes:
    program = which("openssl")
    if (
        program is None
        or b"OpenSSL 3" not in subprocess.run([program, "version"], capture_output=True, check=True).stdout
    ):
        pytest.skip("the program openssl, version 3, is not here")
    return subprocess.run([program, *arguments], input=given, capture_output=True, check=True).stdout


def wrapped_by_openssl(folder: Path, public_key: bytes, algorithm: str, raw: bytes) -> bytes:
    """The same with the commands of AWS's guide, so by a program that shares no code with the library's Python."""
    name = "sha1" if algorithm.endswith("_1") else "sha256"
    key = folder / "wrapping.der"
    key.write_bytes(public_key)

    def under_rsa(content: bytes) -> bytes:
        options = ("rsa_padding_mode:oaep", f"rsa_oaep_md:{name}", f"rsa_mgf1_md:{name}")
        chosen = [part for option in options for part in ("-pkeyopt", option)]
        return openssl("pkeyutl", "-encrypt", "-pubin", "-keyform", "DER", "-inkey", str(key), *chosen, given=content)

    if algorithm.startswith("RSAES"):
        return under_rsa(raw)
    aes_key = openssl("rand", "32")
    return under_rsa(aes_key) + openssl("enc", "-id-aes256-wrap-pad", "-K", aes_key.hex(), "-iv", "A65959A6", given=raw)
