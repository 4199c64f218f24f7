"""Published vectors with a private key of a spec that takes imports, through the API: the key comes in by
ImportKeyMaterial, wrapped as a caller wraps it, and every case is a signed HTTP request.

A function for each kind of file, as in `tests/crypto/published`. Keys are imported once for all the cases that share
them. ``every`` picks the cases: each one, or one of so many.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from functools import partial
from itertools import islice
from typing import Any

from botocore.exceptions import ClientError
from cryptography.hazmat.primitives.asymmetric import ec, ed25519
from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
)

from tests.crypto import second
from tests.crypto.imports import wrapped
from tests.crypto.published import nist, wycheproof
from tests.crypto.published.tally import Tally
from tests.crypto.published.wycheproof import judge

SAMPLE = "only a sample of each file outside of `make nightly`"
NO_PEER = "KMS takes public keys of 1 to 8192 bytes"
EMPTY = "KMS takes messages of 1 to 4096 bytes"
SMALL_EXPONENT = "RSA keys are imported with a public exponent of 65537 or more"
NOT_OURS = "keys, hashes, labels or lengths that KMS has not"

RSA_SPECS = frozenset({"RSA_2048", "RSA_3072", "RSA_4096"})
CURVES: dict[str, tuple[str, ec.EllipticCurve]] = {
    "P-256": ("ECC_NIST_P256", ec.SECP256R1()),
    "P-384": ("ECC_NIST_P384", ec.SECP384R1()),
    "P-521": ("ECC_NIST_P521", ec.SECP521R1()),
    "K-256": ("ECC_SECG_P256K1", ec.SECP256K1()),
}


class Keys:
    """Imports private keys, each once."""

    def __init__(self, kms: Any) -> None:
        self.kms = kms
        self._known: dict[tuple[str, str, bytes], str] = {}

    def of(self, spec: str, usage: str, material: bytes) -> str:
        """The id of a KMS key with this material."""
        name = (spec, usage, material)
        if name not in self._known:
            self._known[name] = self._imported(*name)
        return self._known[name]

    def _imported(self, spec: str, usage: str, material: bytes) -> str:
        created = self.kms.create_key(KeySpec=spec, KeyUsage=usage, Origin="EXTERNAL")
        key: str = created["KeyMetadata"]["KeyId"]
        algorithm = "RSAES_OAEP_SHA_256" if spec.startswith("HMAC") else "RSA_AES_KEY_WRAP_SHA_256"
        offer = self.kms.get_parameters_for_import(KeyId=key, WrappingAlgorithm=algorithm, WrappingKeySpec="RSA_2048")
        self.kms.import_key_material(
            KeyId=key,
            ImportToken=offer["ImportToken"],
            EncryptedKeyMaterial=wrapped(offer["PublicKey"], algorithm, material),
            ExpirationModel="KEY_MATERIAL_DOES_NOT_EXPIRE",
        )
        return key


def chosen(cases: list[Any], most: int | None, tally: Tally) -> list[Any]:
    """All of them, or ``most`` evenly spread."""
    if most is None or len(cases) <= most:
        return cases
    step = -(-len(cases) // most)
    picked = list(islice(cases, 0, None, step))
    tally.skip(SAMPLE, len(cases) - len(picked))
    return picked


class Refused(Exception):
    """The call was refused with the code that it should be, and with no text."""


def asked(function: Callable[..., dict[str, Any]], member: str, code: str, **arguments: Any) -> Any:
    """A member of the answer; `Refused` when the refusal is the one that a wrong case has."""
    try:
        return function(**arguments)[member]
    except ClientError as error:
        if (error.response["Error"]["Code"], error.response["Error"].get("Message", "")) != (code, ""):
            raise
        raise Refused from error


def pkcs8(key: Any) -> bytes:
    made: bytes = key.private_bytes(Encoding.DER, PrivateFormat.PKCS8, NoEncryption())
    return made


def ecdh(file: str, keys: Keys, tally: Tally, most: int | None) -> None:
    everything = list(wycheproof.cases(file))
    possible = [(group, case) for group, case in everything if case["public"]]
    tally.skip(NO_PEER, len(everything) - len(possible))
    for group, case in chosen(possible, most, tally):
        spec = wycheproof.SPEC_OF_CURVE[group["curve"]]
        curve = dict(CURVES.values())[spec]
        private = ec.derive_private_key(int(case["private"], 16), curve)
        peer, shared = wycheproof.raw(case, "public", "shared")
        key = keys.of(spec, "KEY_AGREEMENT", pkcs8(private))
        ask = partial(asked, keys.kms.derive_shared_secret, "SharedSecret", "ValidationException")
        judge(case, partial(ask, KeyId=key, KeyAgreementAlgorithm="ECDH", PublicKey=peer), shared, Refused)
        tally.ran()


def oaep(file: str, keys: Keys, tally: Tally, most: int | None) -> None:
    possible = []
    for group, case in wycheproof.cases(file):
        algorithm = {"SHA-1": "RSAES_OAEP_SHA_1", "SHA-256": "RSAES_OAEP_SHA_256"}.get(group["sha"])
        ours = algorithm is not None and group["mgfSha"] == group["sha"] and not case["label"]
        if ours and f"RSA_{group['keySize']}" in RSA_SPECS and case["ct"]:
            possible.append((group, case, algorithm))
        else:
            tally.skip(NOT_OURS)
    for group, case, algorithm in chosen(possible, most, tally):
        material = bytes.fromhex(group["privateKeyPkcs8"])
        key = keys.of(f"RSA_{group['keySize']}", "ENCRYPT_DECRYPT", material)
        message, ciphertext = wycheproof.raw(case, "msg", "ct")
        ask = partial(asked, keys.kms.decrypt, "Plaintext", "InvalidCiphertextException", EncryptionAlgorithm=algorithm)
        judge(case, partial(ask, KeyId=key, CiphertextBlob=ciphertext), message, Refused)
        tally.ran()


def rsa_sign(file: str, keys: Keys, tally: Tally, most: int | None) -> None:
    possible = []
    for group, case in wycheproof.cases(file):
        bits = {"SHA-256": "256", "SHA-384": "384", "SHA-512": "512"}.get(group["sha"])
        if int(group["privateKey"]["publicExponent"], 16) < 65537:
            tally.skip(SMALL_EXPONENT)
        elif bits is None or f"RSA_{group['keySize']}" not in RSA_SPECS:
            tally.skip(NOT_OURS)
        elif not case["msg"]:
            tally.skip(EMPTY)
        else:
            possible.append((group, case, f"RSASSA_PKCS1_V1_5_SHA_{bits}"))
    for group, case, algorithm in chosen(possible, most, tally):
        material = bytes.fromhex(group["privateKeyPkcs8"])
        key = keys.of(f"RSA_{group['keySize']}", "SIGN_VERIFY", material)
        message, signature = wycheproof.raw(case, "msg", "sig")
        for kind, sent in (("RAW", message), ("DIGEST", second.digest(algorithm, message))):
            given = {"KeyId": key, "Message": sent, "MessageType": kind, "SigningAlgorithm": algorithm}
            assert keys.kms.sign(**given)["Signature"] == signature
            assert keys.kms.verify(**given, Signature=signature)["SignatureValid"]
        tally.ran()


def ecdsa(file: str, keys: Keys, tally: Tally, most: int | None) -> None:
    """NIST's signatures have numbers drawn by NIST, so ours cannot be compared: theirs must verify here, and ours
    with the second implementation."""
    possible = []
    for headings, record in nist.records(file):
        curve, _, hash_ = next(reversed(headings)).partition(",")
        algorithm = f"ECDSA_{hash_.replace('-', '_').upper()}"
        wanted = {"p-256": "256", "p-384": "384", "p-521": "512", "k-256": "256"}.get(curve)
        if wanted is None or not algorithm.endswith(wanted):
            tally.skip(NOT_OURS)
        else:
            possible.append((curve.upper(), algorithm, record))
    for curve, algorithm, record in chosen(possible, most, tally):
        spec, made = CURVES[curve]
        private = ec.derive_private_key(int(record["d"], 16), made)
        numbers = private.public_key().public_numbers()
        assert (numbers.x, numbers.y) == (int(record["qx"], 16), int(record["qy"], 16))
        key = keys.of(spec, "SIGN_VERIFY", pkcs8(private))
        public = keys.kms.get_public_key(KeyId=key)["PublicKey"]
        assert public == private.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
        (message,) = nist.raw(record, "msg")
        signature = encode_dss_signature(int(record["r"], 16), int(record["s"], 16))
        given = {"KeyId": key, "Message": message, "SigningAlgorithm": algorithm}
        assert keys.kms.verify(**given, Signature=signature)["SignatureValid"]
        second.verify(public, message, keys.kms.sign(**given)["Signature"], algorithm)
        tally.ran()


def ed25519_sign(file: str, keys: Keys, tally: Tally, most: int | None) -> None:
    """Lines of seed ‖ public key, public key, message, signature ‖ message."""
    lines = [line.split(":") for line in (nist.ROOT / file).read_text().splitlines() if line]
    possible = [line for line in lines if line[2]]
    tally.skip(EMPTY, len(lines) - len(possible))
    for secret, _, text, signed, *_ in chosen(possible, most, tally):
        private = ed25519.Ed25519PrivateKey.from_private_bytes(bytes.fromhex(secret)[:32])
        message = bytes.fromhex(text)
        key = keys.of("ECC_NIST_EDWARDS25519", "SIGN_VERIFY", pkcs8(private))
        given = {"KeyId": key, "Message": message, "SigningAlgorithm": "ED25519_SHA_512"}
        signature = keys.kms.sign(**given)["Signature"]
        assert signature == bytes.fromhex(signed)[:64]
        assert keys.kms.verify(**given, Signature=signature)["SignatureValid"]
        tally.ran()


def hmac(file: str, keys: Keys, tally: Tally, most: int | None) -> None:
    """The published keys are shorter than KMS takes, or longer. RFC 2104 §2 says which other key each of them is: one
    that is padded with zero bytes, or, where it is longer than the hash's block, its hash."""
    bits = file.removesuffix(".txt").rpartition("sha")[2]
    function = hashlib.new(f"sha{bits}")
    for _, record in chosen(list(nist.records(file)), most, tally):
        material, message, mac = nist.raw(record, "key", "msg", "md")
        if len(material) > function.block_size:
            material = hashlib.new(function.name, material).digest()
        key = keys.of(f"HMAC_{bits}", "GENERATE_VERIFY_MAC", material.ljust(function.digest_size, b"\0"))
        given = {"KeyId": key, "Message": message, "MacAlgorithm": f"HMAC_SHA_{bits}"}
        assert keys.kms.generate_mac(**given)["Mac"] == mac
        assert keys.kms.verify_mac(**given, Mac=mac)["MacValid"]
        tally.ran()
