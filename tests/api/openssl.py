"""The openssl program as a second implementation: it never saw the code that made what it judges.

Everything is DER and bytes; files are made in the folder that each function is given. A test that asks for the fixture
`folder` of `tests.api.conftest` skips where the program is not installed."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

PROGRAM = shutil.which("openssl")

PADDING = {
    "RSASSA_PKCS1_V1_5": ["-pkeyopt", "rsa_padding_mode:pkcs1"],
    # -1: the salt must be as long as the hash
    "RSASSA_PSS": ["-pkeyopt", "rsa_padding_mode:pss", "-pkeyopt", "rsa_pss_saltlen:-1"],
    "ECDSA": [],
}


def run(*arguments: str, data: bytes = b"") -> subprocess.CompletedProcess[bytes]:
    assert PROGRAM is not None
    return subprocess.run([PROGRAM, *arguments], input=data, capture_output=True, check=False, timeout=60)


def output(*arguments: str, data: bytes = b"") -> bytes:
    done = run(*arguments, data=data)
    assert done.returncode == 0, done.stderr.decode()
    return done.stdout


def _file(folder: Path, name: str, content: bytes) -> str:
    path = folder / name
    path.write_bytes(content)
    return str(path)


def verifies(folder: Path, public: bytes, algorithm: str, message: bytes, signature: bytes) -> bool:
    """Whether the program takes this for a signature of the message; ``algorithm`` as KMS calls it."""
    key, text = _file(folder, "public", public), _file(folder, "message", message)
    mark = _file(folder, "signature", signature)
    command = [
        "pkeyutl",
        "-verify",
        "-pubin",
        "-keyform",
        "DER",
        "-inkey",
        key,
        "-in",
        text,
        "-sigfile",
        mark,
        "-rawin",
    ]
    if algorithm != "ED25519_SHA_512":
        family, _, bits = algorithm.rpartition("_SHA_")
        command += ["-digest", f"sha{bits}", *PADDING[family]]
    return run(*command).returncode == 0


def oaep(algorithm: str) -> list[str]:
    digest = {"RSAES_OAEP_SHA_1": "sha1", "RSAES_OAEP_SHA_256": "sha256"}[algorithm]
    return [
        *("-pkeyopt", "rsa_padding_mode:oaep"),
        *("-pkeyopt", f"rsa_oaep_md:{digest}"),
        *("-pkeyopt", f"rsa_mgf1_md:{digest}"),
    ]


def encrypted(folder: Path, public: bytes, algorithm: str, plaintext: bytes) -> bytes:
    """RSAES-OAEP with the given public key."""
    key = _file(folder, "public", public)
    return output("pkeyutl", "-encrypt", "-pubin", "-keyform", "DER", "-inkey", key, *oaep(algorithm), data=plaintext)


def private_key(curve: str) -> bytes:
    """A new private key on a curve, PKCS#8."""
    pem = output("genpkey", "-algorithm", "EC", "-pkeyopt", f"ec_paramgen_curve:{curve}")
    return output("pkcs8", "-topk8", "-nocrypt", "-outform", "DER", data=pem)


def public_key(folder: Path, private: bytes) -> bytes:
    """The public half of a PKCS#8 private key, SubjectPublicKeyInfo."""
    return output("pkey", "-inform", "DER", "-in", _file(folder, "private", private), "-pubout", "-outform", "DER")


def described(folder: Path, public: bytes) -> str:
    """What the program says of a public key."""
    key = _file(folder, "public", public)
    return output("pkey", "-pubin", "-inform", "DER", "-in", key, "-noout", "-text").decode()


def derived(folder: Path, private: bytes, peer: bytes) -> bytes:
    """ECDH: the x-coordinate of the shared point."""
    mine, other = _file(folder, "private", private), _file(folder, "peer", peer)
    return output(
        *("pkeyutl", "-derive", "-keyform", "DER", "-inkey", mine),
        *("-peerform", "DER", "-peerkey", other),
    )


def mac(algorithm: str, key: bytes, message: bytes) -> bytes:
    digest = "SHA" + algorithm.rpartition("_")[2]
    return output("mac", "-digest", digest, "-macopt", f"hexkey:{key.hex()}", "-binary", "HMAC", data=message)
