"""NIST's vectors, and RFC 4231's, as the package cryptography-vectors carries them: one function for each kind of file."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import cryptography_vectors
import pytest
from cryptography.hazmat.primitives.asymmetric.mldsa import MLDSA44PublicKey, MLDSA65PublicKey, MLDSA87PublicKey
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.kbkdf import KBKDFHMAC, CounterLocation, Mode
from cryptography.hazmat.primitives.keywrap import (
    InvalidUnwrap,
    aes_key_unwrap,
    aes_key_unwrap_with_padding,
    aes_key_wrap,
    aes_key_wrap_with_padding,
)
from cryptography.hazmat.primitives.serialization import load_der_public_key
from tests.crypto.published.tally import Tally
from tests.crypto.published.wycheproof import mlkem_material

from keystead.crypto import mac, pkcs8
from keystead.crypto.keyspecs import SPECS
from keystead.crypto.mldsa import KEYS

ROOT = Path(str(cryptography_vectors.__file__)).parent
FOLDERS = ("HMAC", "KDF", "keywrap", "asymmetric/MLDSA", "asymmetric/MLKEM")

OTHER_FUNCTION = "another pseudo-random function, place or width of the counter than ours"

Record = dict[str, str]


def files() -> list[str]:
    """Every file of vectors (not of keys, not of words) in the folders that concern us, as a path with slashes."""
    found = [path for folder in FOLDERS for path in (ROOT / folder).rglob("*") if path.suffix in {".txt", ".rsp"}]
    return sorted(path.relative_to(ROOT).as_posix() for path in found if path.name != "Readme.txt")


def records(file: str) -> Iterator[tuple[Record, Record]]:
    """The headings in brackets that hold, and the record, with names in lower case and FAIL as a name."""
    headings: Record = {}
    record: Record = {}
    for line in [*(ROOT / file).read_text().splitlines(), ""]:
        name, _, value = (part.strip() for part in line.strip().strip("[]").partition("="))
        if line.startswith("["):
            headings[name.lower()] = value
        elif not line.strip() or line.lower().startswith("count"):
            if record:
                yield headings, record
            record = {}
        elif not line.startswith("#") and name:
            record[name.lower()] = value


def count(file: str) -> int:
    return sum(1 for _ in records(file))


def raw(record: Record, *names: str) -> list[bytes]:
    return [bytes.fromhex(record[name]) for name in names]


def kbkdf(file: str, tally: Tally) -> None:
    """At the primitive of `derivation.derive`, whose fixed input ends with its length, as the published ones do not."""
    for headings, record in records(file):
        if headings != {"prf": "HMAC_SHA256", "ctrlocation": "BEFORE_FIXED", "rlen": "32_BITS"}:
            tally.skip(OTHER_FUNCTION)
            continue
        key, fixed, expected = raw(record, "ki", "fixedinputdata", "ko")
        place = CounterLocation.BeforeFixed
        made = KBKDFHMAC(SHA256(), Mode.CounterMode, len(expected), 4, None, place, None, None, fixed)
        assert made.derive(key) == expected
        tally.ran()


def key_wrap(file: str, tally: Tally) -> None:
    padded = "/KWP" in file
    wrap = aes_key_wrap_with_padding if padded else aes_key_wrap
    unwrap = aes_key_unwrap_with_padding if padded else aes_key_unwrap
    for _, record in records(file):
        key, ciphertext = raw(record, "k", "c")
        if "fail" in record:
            with pytest.raises(InvalidUnwrap):
                unwrap(key, ciphertext)
        else:
            (plaintext,) = raw(record, "p")
            assert unwrap(key, ciphertext) == plaintext
            assert wrap(key, plaintext) == ciphertext
        tally.ran()


def key_wrap_of_others(file: str, tally: Tally) -> None:
    for _, record in records(file):
        key, plaintext, ciphertext = raw(record, "key", "input", "output")
        assert aes_key_wrap_with_padding(key, plaintext) == ciphertext
        assert aes_key_unwrap_with_padding(key, ciphertext) == plaintext
        tally.ran()


def hmac(file: str, tally: Tally) -> None:
    bits = file.removesuffix(".txt").rpartition("sha")[2]
    algorithm = f"HMAC_SHA_{bits}"
    for _, record in records(file):
        key, message, expected = raw(record, "key", "msg", "md")
        opened = mac.open_key(f"HMAC_{bits}", algorithm, key)
        assert opened.mac_maker is not None
        assert opened.mac_checker is not None
        assert opened.mac_maker.make(message, algorithm) == expected
        opened.mac_checker.check(message, expected, algorithm)
        tally.ran()


def mldsa(file: str, tally: Tally) -> None:
    """All of these have a context, which KMS has not: the key is made by our function, the signature is held against
    the primitive under it."""
    spec = f"ML_DSA_{file.split('_')[2]}"
    public = SPECS[spec].public
    assert public is not None
    for _, record in records(file):
        seed, message, signed, context = raw(record, "xi", "msg", "sm", "ctx")
        der = public(pkcs8.written(KEYS[spec].from_seed_bytes(seed))).der
        assert der[22:].hex() == record["pk"]
        key = load_der_public_key(der)
        assert isinstance(key, MLDSA44PublicKey | MLDSA65PublicKey | MLDSA87PublicKey)
        assert signed.endswith(message)
        key.verify(signed.removesuffix(message), message, context)
        tally.ran()


def mlkem(file: str, tally: Tally) -> None:
    """``ct_n`` is a ciphertext that was altered, ``ss_n`` the secret it must give all the same."""
    spec = "ML_KEM_" + file.removesuffix(".rsp").rpartition("_")[2]
    for _, record in records(file):
        seed = b"".join(raw(record, "d", "z"))
        opened = SPECS[spec].open(mlkem_material(spec, seed), "ENCAPSULATE_DECAPSULATE")
        assert opened.decapsulator is not None
        assert opened.public_key is not None
        assert opened.public_key.der[22:].hex() == record["pk"]
        for ciphertext, secret in (("ct", "ss"), ("ct_n", "ss_n")):
            assert opened.decapsulator.decapsulate(*raw(record, ciphertext)).hex() == record[secret]
        tally.ran()
