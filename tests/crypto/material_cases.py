"""Material of every key spec that becomes vectors, encoded by hand from docs/format.md §5.1, with something that each
key did: what its holder will still be able to check when a later version must read the same bytes.

Guarantees: imports nothing of Keystead. Keys follow from names; curve points and what the keys did are PyCryptodome's,
with its randomness replaced by bytes that follow from names too, so the file is the same each time it is made.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from math import gcd
from typing import Any

from Crypto.Cipher import PKCS1_OAEP
from Crypto.Hash import HMAC, SHA1, SHA224, SHA256, SHA384, SHA512
from Crypto.Protocol import DH
from Crypto.PublicKey import ECC, MLDSA, MLKEM, RSA
from Crypto.Signature import DSS, eddsa, mldsa, pkcs1_15, pss
from Crypto.Util.number import isPrime
from tests.crypto.ciphertext_cases import fixed

Row = dict[str, Any]
MESSAGE = b"attack at dawn"
SPECS_OF_CURVES = {
    "ECC_NIST_P256": ("p256", 32, "301306072a8648ce3d020106082a8648ce3d030107", "ECDSA_SHA_256"),
    "ECC_NIST_P384": ("p384", 48, "301006072a8648ce3d020106052b81040022", "ECDSA_SHA_384"),
    "ECC_NIST_P521": ("p521", 66, "301006072a8648ce3d020106052b81040023", "ECDSA_SHA_512"),
    "ECC_SECG_P256K1": ("secp256k1", 32, "301006072a8648ce3d020106052b8104000a", "ECDSA_SHA_256"),
}
HASHES: dict[str, Any] = {"1": SHA1, "224": SHA224, "256": SHA256, "384": SHA384, "512": SHA512}


# --- DER (X.690), as much as is needed --------------------------------------------------------------------------------


def tagged(tag: int, *parts: bytes) -> bytes:
    content = b"".join(parts)
    if len(content) < 0x80:
        return bytes([tag, len(content)]) + content
    size = (len(content).bit_length() + 7) // 8
    return bytes([tag, 0x80 | size]) + len(content).to_bytes(size, "big") + content


def sequence(*parts: bytes) -> bytes:
    return tagged(0x30, *parts)


def integer(number: int) -> bytes:
    return tagged(0x02, number.to_bytes(number.bit_length() // 8 + 1, "big"))


def octets(content: bytes) -> bytes:
    return tagged(0x04, content)


def private_info(algorithm: bytes, private: bytes) -> bytes:
    """RFC 5958 §2, version 0, no attributes, no public key."""
    return sequence(integer(0), algorithm, octets(private))


def public_info(algorithm: bytes, public: bytes) -> bytes:
    """RFC 5280 §4.1"""
    return sequence(algorithm, tagged(0x03, b"\x00", public))


def nist_algorithm(branch: int, number: int) -> bytes:
    """2.16.840.1.101.3.4.branch.number, without parameters."""
    return sequence(tagged(0x06, bytes.fromhex("60864801650304"), bytes([branch, number])))


# --- keys -------------------------------------------------------------------------------------------------------------


def drawing(name: str) -> Callable[[int], bytes]:
    """A generator whose bytes follow from a name: each draw goes on where the last ended."""
    place = 0

    def draw(length: int) -> bytes:
        nonlocal place
        place += length
        return fixed(name, place)[place - length :]

    return draw


def prime(name: str, bits: int) -> int:
    number = int.from_bytes(fixed(name, bits // 8), "big") | 3 << (bits - 2) | 1
    while gcd(65537, number - 1) != 1 or not isPrime(number):
        number += 2
    return number


def rsa(bits: int) -> tuple[bytes, bytes]:
    """RFC 8017 §A.1: RSAPrivateKey and RSAPublicKey under rsaEncryption with NULL."""
    p, q, e = prime(f"RSA_{bits} p", bits // 2), prime(f"RSA_{bits} q", bits // 2), 65537
    d = pow(e, -1, (p - 1) * (q - 1) // gcd(p - 1, q - 1))
    numbers = (0, p * q, e, d, p, q, d % (p - 1), d % (q - 1), pow(q, -1, p))
    algorithm = sequence(tagged(0x06, bytes.fromhex("2a864886f70d010101")), tagged(0x05))
    public = sequence(integer(p * q), integer(e))
    return private_info(algorithm, sequence(*map(integer, numbers))), public_info(algorithm, public)


def ecc(spec: str) -> tuple[bytes, bytes]:
    """RFC 5915 §3 inside, with the public key and without the curve, which the algorithm names (RFC 5480 §2.1.1)."""
    name, size, algorithm, _ = SPECS_OF_CURVES[spec]
    private = (b"\x00" if size == 66 else b"") + fixed(f"{spec} d", size - (size == 66))
    key = ECC.construct(curve=name, d=int.from_bytes(private, "big"))
    point = b"\x04" + key.pointQ.x.to_bytes(size) + key.pointQ.y.to_bytes(size)
    inner = sequence(integer(1), octets(private), tagged(0xA1, tagged(0x03, b"\x00", point)))
    return private_info(bytes.fromhex(algorithm), inner), public_info(bytes.fromhex(algorithm), point)


def seeded(algorithm: bytes, seed: bytes, public: bytes) -> tuple[bytes, bytes]:
    """RFC 9881 §6, RFC 9935 §6: the seed alone, under tag [0]."""
    return private_info(algorithm, tagged(0x80, seed)), public_info(algorithm, public)


# --- what they did ----------------------------------------------------------------------------------------------------


def signed(algorithm: str, signature: bytes, message: bytes = MESSAGE, message_type: str = "RAW") -> Row:
    return {
        "usage": "SIGN_VERIFY",
        "algorithm": algorithm,
        "message": message,
        "message_type": message_type,
        "signature": signature,
    }


def rsa_row(bits: int) -> Row:
    material, public = rsa(bits)
    key = RSA.import_key(material)
    uses = []
    for size in ("256", "384", "512"):
        hashed = HASHES[size].new(MESSAGE)
        uses.append(signed(f"RSASSA_PKCS1_V1_5_SHA_{size}", pkcs1_15.new(key).sign(hashed)))
        salted = pss.new(key, rand_func=drawing(f"salt {size}"))
        uses.append(signed(f"RSASSA_PSS_SHA_{size}", salted.sign(hashed)))
    for size in ("1", "256"):
        cipher = PKCS1_OAEP.new(key, HASHES[size], randfunc=drawing(f"seed {size}"))
        ciphertext = cipher.encrypt(MESSAGE)
        algorithm = f"RSAES_OAEP_SHA_{size}"
        uses.append(
            {"usage": "ENCRYPT_DECRYPT", "algorithm": algorithm, "ciphertext": ciphertext, "plaintext": MESSAGE}
        )
    return {"spec": f"RSA_{bits}", "material": material, "public": public, "uses": uses}


def ecc_row(spec: str) -> Row:
    material, public = ecc(spec)
    key, algorithm = ECC.import_key(material), SPECS_OF_CURVES[spec][3]
    scheme = DSS.new(key, "deterministic-rfc6979", encoding="der")
    uses = [signed(algorithm, scheme.sign(HASHES[algorithm[-3:]].new(MESSAGE)))]
    if spec != "ECC_SECG_P256K1":
        secret = DH.key_agreement(static_priv=key, static_pub=key.public_key(), kdf=bytes)
        uses.append({"usage": "KEY_AGREEMENT", "algorithm": "ECDH", "peer": public, "secret": secret})
    return {"spec": spec, "material": material, "public": public, "uses": uses}


def edwards_row() -> Row:
    seed = fixed("ECC_NIST_EDWARDS25519", 32)
    algorithm = sequence(tagged(0x06, bytes.fromhex("2b6570")))
    key = eddsa.import_private_key(seed)
    public = eddsa.import_public_key(key.public_key().export_key(format="raw")).export_key(format="raw")
    scheme, digest = eddsa.new(key, "rfc8032"), hashlib.sha512(MESSAGE).digest()
    return {
        "spec": "ECC_NIST_EDWARDS25519",
        "drawn": seed,
        "material": private_info(algorithm, octets(seed)),
        "public": public_info(algorithm, public),
        "uses": [
            signed("ED25519_SHA_512", scheme.sign(MESSAGE)),
            signed("ED25519_PH_SHA_512", scheme.sign(SHA512.new(digest)), digest, "DIGEST"),
        ],
    }


def hmac_row(bits: str) -> Row:
    key = fixed(f"HMAC_{bits}", int(bits) // 8)
    mac = HMAC.new(key, MESSAGE, HASHES[bits]).digest()
    use = {"usage": "GENERATE_VERIFY_MAC", "algorithm": f"HMAC_SHA_{bits}", "message": MESSAGE, "mac": mac}
    return {"spec": f"HMAC_{bits}", "drawn": key, "material": key, "uses": [use]}


def mldsa_row(size: str, number: int) -> Row:
    seed = fixed(f"ML_DSA_{size}", 32)
    key = MLDSA.construct(param_set=MLDSA.ParamSet[f"ML_DSA_{size}"], seed=seed)
    public = key.public_key().export_key(format="DER")[22:]
    material, shown = seeded(nist_algorithm(3, number), seed, public)
    signature = mldsa.new(key, deterministic=True).sign(MESSAGE)
    mu = hashlib.shake_256(hashlib.shake_256(public).digest(64) + b"\x00\x00" + MESSAGE).digest(64)
    uses = [
        signed("ML_DSA_SHAKE_256", signature),
        signed("ML_DSA_SHAKE_256", signature, mu, "EXTERNAL_MU"),
    ]
    return {"spec": f"ML_DSA_{size}", "drawn": seed, "material": material, "public": shown, "uses": uses}


def mlkem_row(size: str, number: int) -> Row:
    seed = fixed(f"ML_KEM_{size}", 64)
    key = MLKEM.construct(param_set=MLKEM.ParamSet[f"ML_KEM_{size}"], seed=seed)
    algorithm = nist_algorithm(4, number)
    row: Row = {"spec": f"ML_KEM_{size}"}
    if size == "512":
        row |= {"material": private_info(algorithm, octets(key.expanded_dk)), "public": public_info(algorithm, key.ek)}
    else:
        material, public = seeded(algorithm, seed, key.ek)
        row |= {"drawn": seed, "material": material, "public": public}
    secret, ciphertext = key._encaps(fixed(f"coins {size}", 32))
    use = {"usage": "ENCAPSULATE_DECAPSULATE", "algorithm": "ML_KEM", "ciphertext": ciphertext, "secret": secret}
    return row | {"uses": [use]}


def materials() -> dict[str, Any]:
    """The content of the file, by spec."""
    rows: list[Row] = [
        {"spec": "SYMMETRIC_DEFAULT", "drawn": fixed("material", 32), "material": fixed("material", 32), "uses": []},
        *map(rsa_row, (2048, 3072, 4096)),
        *map(ecc_row, SPECS_OF_CURVES),
        edwards_row(),
        *map(hmac_row, ("224", "256", "384", "512")),
        *(mldsa_row(size, number) for size, number in (("44", 17), ("65", 18), ("87", 19))),
        *(mlkem_row(size, number) for size, number in (("512", 1), ("768", 2), ("1024", 3))),
    ]
    return {"materials": [_hexadecimal(row) for row in rows]}


def _hexadecimal(value: Any) -> Any:
    match value:
        case bytes():
            return value.hex()
        case dict():
            return {name: _hexadecimal(part) for name, part in value.items()}
        case list():
            return [_hexadecimal(part) for part in value]
        case _:
            return value
