"""Data key pairs: what is given is what the openssl program understands, and the halves belong together."""

from __future__ import annotations

import json
import os
from dataclasses import replace
from importlib import resources
from pathlib import Path

import pytest
from Crypto.PublicKey import MLKEM
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, mlkem, rsa
from tests.crypto.imports import openssl

from keystead import errors
from keystead.crypto import keyspecs, pairs

SPKI_BYTES = {
    "RSA_2048": 294,
    "RSA_3072": 422,
    "RSA_4096": 550,
    "ECC_NIST_P256": 91,
    "ECC_NIST_P384": 120,
    "ECC_NIST_P521": 158,
    "ECC_SECG_P256K1": 88,
    "ECC_NIST_EDWARDS25519": 44,
    "ML_KEM_512": 800 + 22,
    "ML_KEM_768": 1184 + 22,
    "ML_KEM_1024": 1568 + 22,
}
# of private keys, as AWS was seen to give them
PKCS8_BYTES = {"ECC_NIST_P256": 150, "ECC_SECG_P256K1": 144, "ECC_NIST_EDWARDS25519": 48}
OFFERED = sorted(SPKI_BYTES.keys() & keyspecs.SPECS.keys())
PLAINTEXT_MAX = 4096


@pytest.fixture(scope="module", params=OFFERED)
def made(request: pytest.FixtureRequest) -> tuple[str, pairs.Pair]:
    if reason := keyspecs.SPECS[request.param].lacking():
        pytest.skip(reason)
    return request.param, pairs.generate(request.param, os.urandom)


def test_the_specs_are_the_models() -> None:
    model = json.loads(resources.files("keystead.model.pinned").joinpath("kms-2014-11-01.json").read_text())
    assert set(model["shapes"]["DataKeyPairSpec"]["enum"]) == {*pairs.PAIR_SPECS, "SM2"}
    assert set(SPKI_BYTES) == pairs.PAIR_SPECS


@pytest.mark.parametrize("spec", ["SM2", "SYMMETRIC_DEFAULT", "HMAC_256", "ML_DSA_44", "", "RSA_1024"])
def test_a_spec_that_no_pair_is_made_of_is_refused_by_name(spec: str) -> None:
    with pytest.raises(errors.Refusal, match=f"KeyPairSpec {spec} is not offered"):
        pairs.generate(spec, os.urandom)


def test_a_spec_that_this_machine_lacks_is_refused_with_the_reason(monkeypatch: pytest.MonkeyPatch) -> None:
    lacking = replace(keyspecs.SPECS["ML_KEM_512"], lacking=lambda: "a package is missing")
    monkeypatch.setattr(keyspecs, "SPECS", {**keyspecs.SPECS, "ML_KEM_512": lacking})
    with pytest.raises(errors.Refusal, match=r"KeyPairSpec ML_KEM_512 is not offered.* a package is missing"):
        pairs.offered("ML_KEM_512")


def test_a_public_key_has_the_length_that_aws_gives(made: tuple[str, pairs.Pair]) -> None:
    spec, pair = made
    assert len(pair.public) == SPKI_BYTES[spec]


def test_a_private_key_has_the_length_that_aws_gives_where_that_is_known(made: tuple[str, pairs.Pair]) -> None:
    spec, pair = made
    assert len(pair.private) == PKCS8_BYTES.get(spec, len(pair.private))


def test_a_private_key_can_be_encrypted_under_a_symmetric_key(made: tuple[str, pairs.Pair]) -> None:
    assert len(made[1].private) <= PLAINTEXT_MAX


def test_the_halves_belong_together(made: tuple[str, pairs.Pair]) -> None:
    spec, pair = made
    if spec == "ML_KEM_512":  # which the cryptography package does not know
        key = MLKEM.import_key(pair.private)
        assert (key.param_set, key.public_key().export_key()) == (MLKEM.ML_KEM_512, pair.public)
        return
    private = serialization.load_der_private_key(pair.private, None)
    public = serialization.load_der_public_key(pair.public)
    assert private.public_key() == public
    match private:
        case rsa.RSAPrivateKey():
            assert (f"RSA_{private.key_size}", private.public_key().public_numbers().e) == (spec, 65537)
        case ec.EllipticCurvePrivateKey():
            curves = {"secp256r1": "ECC_NIST_P256", "secp384r1": "ECC_NIST_P384", "secp521r1": "ECC_NIST_P521"}
            assert {**curves, "secp256k1": "ECC_SECG_P256K1"}[private.curve.name] == spec
        case ed25519.Ed25519PrivateKey():
            assert spec == "ECC_NIST_EDWARDS25519"
        case mlkem.MLKEM768PrivateKey() | mlkem.MLKEM1024PrivateKey():
            assert {1184: "ML_KEM_768", 1568: "ML_KEM_1024"}[len(private.public_key().public_bytes_raw())] == spec
        case _:
            pytest.fail(f"{type(private)} is no key of a data key pair")


def test_openssl_reads_the_private_key_and_finds_the_same_public_one(
    made: tuple[str, pairs.Pair], tmp_path: Path
) -> None:
    spec, pair = made
    if spec.startswith("ML_KEM"):
        return  # OpenSSL before 3.5 has no ML-KEM
    file = tmp_path / "private.der"
    file.write_bytes(pair.private)
    assert openssl("pkey", "-inform", "DER", "-in", str(file), "-pubout", "-outform", "DER") == pair.public


def test_no_two_pairs_are_alike_and_a_private_key_is_not_shown() -> None:
    one, other = pairs.generate("ECC_NIST_P256", os.urandom), pairs.generate("ECC_NIST_P256", os.urandom)
    assert one.private != other.private
    assert one.public != other.public
    assert "private" not in repr(one)
