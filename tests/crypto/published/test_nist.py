"""NIST's vectors (and RFC 4231's of HMAC), every file of what we use: run, or left out for a reason that stands here."""

from __future__ import annotations

import re
from collections.abc import Callable

import pytest
from tests.crypto.published import nist as run
from tests.crypto.published.tally import Tally
from tests.crypto.published.test_wycheproof import Row, left_out

ROWS = (
    Row(r"HMAC/rfc-4231-sha(224|256|384|512)\.txt", run.hmac),
    left_out(r"HMAC/rfc-2202-(sha1|md5)\.txt|HMAC/rfc-2286-ripemd160\.txt", "KMS has no HMAC with this hash"),
    Row(r"KDF/nist-800-108-KBKDF-CTR\.txt", run.kbkdf, (run.OTHER_FUNCTION,)),
    left_out(r"KDF/(argon2i|argon2d|scrypt|ansx963_2001|hkdf-.*|rfc-.*)\.txt", "a key derivation that is not used"),
    left_out(r"KDF/argon2id\.txt", "run in tests/crypto/test_primitives.py, at a custodian's passphrase"),
    Row(r"keywrap/kwtestvectors/KWP?_(AE|AD)_(128|192|256)\.txt", run.key_wrap),
    Row(r"keywrap/kwp_botan\.txt", run.key_wrap_of_others),
    left_out(r"keywrap/kwtestvectors/KWP?_(AE|AD)_..._inv\.txt", "wraps with the inverse cipher, which is not used"),
    left_out(r"keywrap/kwtestvectors/TKW_.*", "Triple DES, which is not used"),
    Row(r"asymmetric/MLDSA/kat_MLDSA_(44|65|87)_det_pure\.rsp", run.mldsa),
    Row(r"asymmetric/MLKEM/kat_MLKEM_(512|768|1024)\.rsp", run.mlkem),
)


def rows(file: str) -> list[Row]:
    return [row for row in ROWS if re.fullmatch(row.pattern, file)]


def test_every_file_has_one_row_and_every_row_a_file() -> None:
    found = {file: rows(file) for file in run.files()}
    assert {file: len(matching) for file, matching in found.items() if len(matching) != 1} == {}
    assert {row.pattern for row in ROWS} == {row.pattern for matching in found.values() for row in matching}


@pytest.mark.parametrize("file", run.files())
def test_nist(file: str, record_property: Callable[[str, object], None]) -> None:
    (row,) = rows(file)
    tally = Tally(f"cryptography-vectors {file}")
    if row.runner is None:
        tally.skip(row.leaves_out[0], run.count(file))
    else:
        row.runner(file, tally)
    tally.close(row.leaves_out, record_property)
