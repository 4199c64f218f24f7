"""The building blocks against published vectors, and the second implementation against the same ones before it may
judge the first."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from shutil import which
from typing import Any

import cryptography_vectors
import pytest
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.kbkdf import KBKDFHMAC, CounterLocation, Mode
from hypothesis import given
from hypothesis import strategies as st
from tests.crypto import stranger
from tests.crypto.vectors import load

from keystead.crypto.ciphertext import LABEL, CallKeys
from keystead.crypto.derivation import derive, draw
from keystead.crypto.rootkey import Passphrase


def lines(*path: str) -> Iterator[str]:
    with cryptography_vectors.open_vector_file(os.path.join(*path), "r") as file:
        yield from (line.strip() for line in file)


def records(wanted: dict[str, str], *path: str) -> Iterator[dict[str, str]]:
    """Records of a NIST response file whose bracketed headings include all of ``wanted``."""
    headings: dict[str, str] = {}
    record: dict[str, str] = {}
    for line in lines(*path):
        name, _, value = (part.strip() for part in line.strip("[]").partition("="))
        if line.startswith("["):
            headings[name] = value
        elif line == "FAIL":
            record["FAIL"] = ""
        elif not line and record:
            if wanted.items() <= headings.items():
                yield record
            record = {}
        elif "=" in line:
            record[name] = value


KBKDF = {"PRF": "HMAC_SHA256", "CTRLOCATION": "BEFORE_FIXED", "RLEN": "32_BITS"}


def test_counter_mode_gives_the_keys_that_nist_publishes() -> None:
    found = list(records(KBKDF, "KDF", "nist-800-108-KBKDF-CTR.txt"))
    assert len(found) >= 30
    for record in found:
        key, fixed, expected = (bytes.fromhex(record[name]) for name in ("KI", "FixedInputData", "KO"))
        assert stranger.counter_mode(key, fixed, len(expected)) == expected
        library = KBKDFHMAC(
            SHA256(), Mode.CounterMode, len(expected), 4, None, CounterLocation.BeforeFixed, None, None, fixed
        )
        assert library.derive(key) == expected


@given(
    st.binary(min_size=1, max_size=80), st.binary(min_size=1, max_size=40), st.binary(max_size=99), st.integers(1, 99)
)
def test_derive_is_the_same_in_both_implementations(key: bytes, label: bytes, context: bytes, length: int) -> None:
    label = label.replace(b"\x00", b"-")
    assert derive(key, label, context, length) == stranger.derive(key, label, context, length)


@given(st.binary(min_size=32, max_size=32), st.binary(min_size=64, max_size=64))
def test_the_keyed_state_of_the_hot_path_is_that_same_function(material: bytes, context: bytes) -> None:
    keys = CallKeys(material)
    once = b"".join(keys.derive(context[:16], context[16:32], context[32:]))
    again = b"".join(keys.derive(context[:16], context[16:32], context[32:]))
    assert once == again == derive(material, LABEL, context, 64)


def test_the_strangers_aes_gcm_seals_as_nist_publishes() -> None:
    of_our_sizes = {"Keylen": "256", "IVlen": "96", "Taglen": "128"}
    count = 0
    for record in records(of_our_sizes, "ciphers", "AES", "GCM", "gcmEncryptExtIV256.rsp"):
        key, iv, plaintext, additional, ciphertext, tag = (
            bytes.fromhex(record[name]) for name in ("Key", "IV", "PT", "AAD", "CT", "Tag")
        )
        assert stranger.Gcm(key).seal(iv, plaintext, additional) == ciphertext + tag
        count += 1
    assert count == 375


def test_the_strangers_aes_gcm_refuses_what_nist_says_fails() -> None:
    of_our_sizes = {"Keylen": "256", "IVlen": "96", "Taglen": "128"}
    refused = 0
    for record in records(of_our_sizes, "ciphers", "AES", "GCM", "gcmDecrypt256.rsp"):
        key, iv, additional = (bytes.fromhex(record[name]) for name in ("Key", "IV", "AAD"))
        sealed = bytes.fromhex(record["CT"] + record["Tag"])
        if "FAIL" in record:
            refused += 1
            with pytest.raises(stranger.Refused):
                stranger.Gcm(key).open(iv, sealed, additional)
        else:
            assert stranger.Gcm(key).open(iv, sealed, additional) == bytes.fromhex(record["PT"])
    assert refused > 100


def test_a_passphrase_is_stretched_as_argon2id_is_published() -> None:
    wanted = {"lanes": "4", "iter": "3", "memcost": "32", "pass": "01" * 32, "salt": "02" * 16}
    record: dict[str, str] = {}
    for line in lines("KDF", "argon2id.txt"):
        name, _, value = (part.strip() for part in line.partition("="))
        record = {} if name == "COUNT" else {**record, name: value}
        if name == "output" and record.keys() == {*wanted, "length", "output"} and wanted.items() <= record.items():
            parameters: Any = {"salt": "02" * 16, "memory": 32, "iterations": 3, "lanes": 4}
            assert Passphrase(bytes.fromhex(wanted["pass"])).secret(parameters).hex() == value
            return
    pytest.fail("the published vector is gone")


def _openssl() -> str:
    program = which("openssl")
    if (
        program is None
        or b"OpenSSL 3" not in subprocess.run([program, "version"], capture_output=True, check=True).stdout
    ):
        pytest.skip("the program openssl, version 3, is not here")
    return program


def test_the_openssl_program_derives_and_decrypts_a_vector() -> None:
    """Neither Python nor this library: the key of docs/format.md §3.1 and the text behind it, with a shell's tools."""
    program = _openssl()
    vector = next(v for v in load("ciphertext-v1.json")["accepted"] if v["name"] == "a text and one pair")
    blob = bytes.fromhex(vector["blob"])
    encoded = bytes.fromhex("00000001 00000001 61 00000002 6263")
    digest = subprocess.run(
        [program, "dgst", "-sha256", "-binary"], input=blob[:66] + encoded, capture_output=True, check=True
    ).stdout
    options = {"digest": "SHA256", "mac": "HMAC", "mode": "COUNTER", "hexkey": vector["material"],
               "salt": "keystead/ciphertext/v1", "hexinfo": (blob[38:54] + blob[22:38] + digest).hex()}  # fmt: skip
    arguments = [part for name, value in options.items() for part in ("-kdfopt", f"{name}:{value}")]
    derived = subprocess.run(
        [program, "kdf", "-keylen", "64", *arguments, "-binary", "KBKDF"], capture_output=True, check=True
    ).stdout
    assert derived[32:] == blob[66:98]
    # AES-GCM is AES-CTR that starts at counter 2 (SP 800-38D §7.1); the program has no GCM, so the tag is left aside.
    counter = blob[54:66].hex() + "00000002"
    plaintext = subprocess.run(
        [program, "enc", "-d", "-aes-256-ctr", "-K", derived[:32].hex(), "-iv", counter],
        input=blob[98:-16], capture_output=True, check=True,
    ).stdout  # fmt: skip
    assert plaintext.hex() == vector["plaintext"]


def test_a_generator_that_gives_too_little_is_never_used() -> None:
    with pytest.raises(RuntimeError, match="gave 15 bytes, not 16"):
        draw(lambda length: bytes(length - 1), 16)
