"""Wycheproof, every file of it: run at the functions of crypto/, or left out for a reason that stands here."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import NamedTuple

import pytest
from tests.crypto.published import wycheproof as run
from tests.crypto.published.tally import Tally


class Row(NamedTuple):
    """What is done with the files whose names match: a function, and what of them it leaves out; or why nothing is."""

    pattern: str
    runner: Callable[[str, Tally], None] | None
    leaves_out: tuple[str, ...] = ()


def left_out(pattern: str, reason: str) -> Row:
    return Row(pattern, None, (reason,))


OAEP_LABEL, OAEP_OTHER, SIZE = (run.LABEL,), (run.OTHER_OAEP,), (run.OTHER_MODULUS,)

ROWS = (
    Row("Cipher/aes_gcm", run.aes_gcm, (run.SMALL_IV,)),
    Row("Cipher/aes_(wrap|kwp)", run.key_wrap),
    Row("Cipher/rsa_oaep_2048_sha1_mgf1sha1", run.oaep, OAEP_LABEL),
    Row("Cipher/rsa_oaep_(2048|3072|4096)_sha256_mgf1sha256", run.oaep, OAEP_LABEL),
    Row("Cipher/rsa_oaep_misc", run.oaep, OAEP_OTHER + SIZE),
    Row("Cipher/rsa_oaep_2048_sha(224|384|512|512_224)_mgf1.*", run.oaep, OAEP_OTHER),
    Row("Cipher/rsa_oaep_(3072|4096)_sha(512|512_256)_mgf1.*", run.oaep, OAEP_OTHER),
    Row("Cipher/rsa_oaep_(2048|3072|4096)_sha256_mgf1sha1", run.oaep, OAEP_OTHER),
    left_out("Cipher/rsa_pkcs1_.*", "KMS encrypts with OAEP only"),
    left_out(
        "Cipher/(aead_aes_siv_cmac|aes_ccm|aes_eax|aes_gcm_siv|aes_siv_cmac|aes_xts)", "a mode of AES that is not used"
    ),
    left_out("Cipher/x?chacha20.*", "a cipher that is not used"),
    left_out("Hash/aes_cmac", "a MAC that is not used"),
    Row("Protocol/ecdh_secp(256r1|384r1|521r1)(_ecpoint|_pem)?", run.ecdh),
    left_out("Protocol/ecdh_secp.*_webcrypto", "the cases of another file as JSON Web Keys, which KMS does not take"),
    left_out("Protocol/ecdh_secp224r1(_ecpoint|_pem)?", "KMS has no keys on this curve"),
    left_out("Protocol/ecdh_secp256k1", "KMS does not agree on this curve"),
    left_out("Protocol/hkdf_.*", "a key derivation that is not used"),
    left_out("Protocol/x(25519|448).*", "KMS has no keys on this curve"),
    Row("Protocol/mlkem_(512|768|1024)_keygen_seed", run.mlkem_seed),
    Row("Protocol/mlkem_(512|768|1024)", run.mlkem_seed, (run.BAD_SEED,)),
    Row("Protocol/mlkem_512_semi_expanded_decaps", run.mlkem_expanded, (run.BAD_PRIVATE,)),
    left_out("Protocol/mlkem_(768|1024)_semi_expanded_decaps", "the cryptography package takes seeds only"),
    left_out("Protocol/mlkem_.*_encaps", "encapsulation draws its own randomness, and never takes a foreign key"),
    left_out("Signature/dsa_.*", "KMS has no DSA keys"),
    Row("Signature/ecdsa_secp(256r1|256k1)_sha256", run.ecdsa),
    Row("Signature/ecdsa_secp384r1_sha384", run.ecdsa),
    Row("Signature/ecdsa_secp521r1_sha512", run.ecdsa),
    left_out("Signature/ecdsa_secp256k1_sha256_bitcoin", "Bitcoin's rule that s be small is not KMS's"),
    left_out("Signature/ecdsa_.*_p1363", "KMS has signatures as DER only"),
    left_out("Signature/ecdsa_secp(192r1|224r1)_sha[0-9_]*", "KMS has no keys on this curve"),
    left_out("Signature/ecdsa_secp(256r1|256k1)_sha(512|3_256|3_512)", "KMS signs on this curve with SHA-256 only"),
    left_out("Signature/ecdsa_secp384r1_sha(256|512|3_384|3_512)", "KMS signs on this curve with SHA-384 only"),
    left_out("Signature/ecdsa_secp521r1_sha3_512", "KMS signs on this curve with SHA-512 only"),
    Row("Signature/ed25519", run.ed25519),
    left_out("Signature/ed448", "KMS has no keys on this curve"),
    Row("Signature/mldsa_(44|65|87)_verify", run.mldsa_verify, (run.CONTEXT,)),
    Row("Signature/mldsa_(44|65|87)_sign_seed", run.mldsa_sign, (run.CONTEXT, run.BAD_SEED)),
    left_out("Signature/mldsa_(44|65|87)_sign_noseed", "material of ML-DSA is its seed"),
    Row("Signature/rsa_pkcs1_2048_sig_gen", run.rsa_sign, (run.OTHER_HASH,)),
    Row("Signature/rsa_pkcs1_(3072|4096)_sig_gen", run.rsa_sign),
    Row("Signature/rsa_pkcs1_(1024|1536)_sig_gen", run.rsa_sign, SIZE),
    Row("Signature/rsa_pss_(2048|3072|4096)_sha256_mgf1_32", run.rsa_verify),
    Row("Signature/rsa_pss_(2048|4096)_sha384_mgf1_48", run.rsa_verify),
    Row("Signature/rsa_pss_4096_sha512_mgf1_64", run.rsa_verify),
    Row("Signature/rsa_pss_2048_sha256_mgf1(_0|sha1_20)", run.rsa_verify, (run.OTHER_SALT,)),
    Row("Signature/rsa_pss_4096_sha512_mgf1_32", run.rsa_verify, (run.OTHER_SALT,)),
    Row("Signature/rsa_pss_2048_sha(1_mgf1_20|512_224_mgf1_28|512_256_mgf1_32)", run.rsa_verify, (run.OTHER_HASH,)),
    Row("Signature/rsa_pss_misc", run.rsa_verify, (run.OTHER_HASH, run.OTHER_SALT)),
    left_out("Signature/rsa_pss_.*_params", "the keys of another file as id-RSASSA-PSS; KMS has rsaEncryption only"),
    Row("Signature/rsa_signature_(2048|3072|4096)_sha(256|384|512)", run.rsa_verify),
    Row("Signature/rsa_signature_(2048|3072|4096)_sha(224|3_...|512_2..)", run.rsa_verify, (run.OTHER_HASH,)),
    Row("Signature/rsa_signature_8192_sha...", run.rsa_verify, SIZE),
)


def rows(file: str) -> list[Row]:
    return [row for row in ROWS if re.fullmatch(row.pattern, file.removesuffix("_test.json"))]


def test_every_file_has_one_row_and_every_row_a_file() -> None:
    found = {file: rows(file) for file in run.files()}
    assert {file: len(matching) for file, matching in found.items() if len(matching) != 1} == {}
    assert {row.pattern for row in ROWS} == {row.pattern for matching in found.values() for row in matching}


@pytest.mark.parametrize("file", run.files())
def test_wycheproof(file: str, record_property: Callable[[str, object], None]) -> None:
    (row,) = rows(file)
    tally = Tally(f"Wycheproof {file}")
    if row.runner is None:
        tally.skip(row.leaves_out[0], run.load(file)["numberOfTests"])
    else:
        row.runner(file, tally)
    tally.close(row.leaves_out, record_property)
