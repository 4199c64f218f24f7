"""Published vectors through the API with imported keys: a sample of each file, and all of each with `make nightly`."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

import pytest

from tests.api import published as run
from tests.api.published import Keys
from tests.crypto.published import wycheproof
from tests.crypto.published.tally import Tally
from tests.server import Server

SAMPLE = 12


class Row(NamedTuple):
    """One file, what runs it, and for what reasons cases of it are left out; ``small`` has no more than a sample."""

    file: str
    runner: Callable[[str, Keys, Tally, int | None], None]
    leaves_out: tuple[str, ...] = ()
    small: bool = False


ROWS = (
    *(Row(f"Protocol/ecdh_secp{curve}_test.json", run.ecdh, (run.NO_PEER,)) for curve in ("256r1", "384r1", "521r1")),
    Row("Cipher/rsa_oaep_2048_sha1_mgf1sha1_test.json", run.oaep, (run.NOT_OURS,)),
    Row("Cipher/rsa_oaep_2048_sha256_mgf1sha256_test.json", run.oaep, (run.NOT_OURS,)),
    Row("Cipher/rsa_oaep_3072_sha256_mgf1sha256_test.json", run.oaep, (run.NOT_OURS,)),
    Row("Cipher/rsa_oaep_4096_sha256_mgf1sha256_test.json", run.oaep, (run.NOT_OURS,)),
    Row("Cipher/rsa_oaep_misc_test.json", run.oaep, (run.NOT_OURS,)),
    Row("Signature/rsa_pkcs1_2048_sig_gen_test.json", run.rsa_sign, (run.NOT_OURS, run.SMALL_EXPONENT, run.EMPTY)),
    Row("Signature/rsa_pkcs1_3072_sig_gen_test.json", run.rsa_sign, (run.SMALL_EXPONENT, run.EMPTY)),
    Row("Signature/rsa_pkcs1_4096_sig_gen_test.json", run.rsa_sign, (run.EMPTY,)),
    Row("asymmetric/ECDSA/FIPS_186-3/SigGen.txt", run.ecdsa, (run.NOT_OURS,)),
    Row("asymmetric/ECDSA/SECP256K1/SigGen.txt", run.ecdsa, (run.NOT_OURS,)),
    Row("asymmetric/Ed25519/sign.input", run.ed25519_sign, (run.EMPTY,)),
    *(Row(f"HMAC/rfc-4231-sha{bits}.txt", run.hmac, small=True) for bits in ("224", "256", "384", "512")),
)


@pytest.fixture(scope="module")
def imported(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Keys]:
    with Server(tmp_path_factory.mktemp("vectors")) as server:
        yield Keys(server.client())


@pytest.mark.parametrize(
    "most", [SAMPLE, pytest.param(None, marks=pytest.mark.nightly)], ids=["a sample", "every case"]
)
@pytest.mark.parametrize("row", ROWS, ids=lambda row: Path(row.file).name)
def test_a_file_of_vectors(
    row: Row, most: int | None, imported: Keys, record_property: Callable[[str, object], None]
) -> None:
    tally = Tally(f"through the API {row.file}")
    row.runner(row.file, imported, tally, most)
    sampled = (run.SAMPLE,) if most is not None and not row.small else ()
    tally.close(row.leaves_out + sampled, record_property)


def test_files_with_private_keys_that_kms_takes_are_all_here() -> None:
    """Of Wycheproof's: those that our own functions run with a private key from the file."""
    from tests.crypto.published.test_wycheproof import rows

    with_keys = {wycheproof.ecdh, wycheproof.oaep, wycheproof.rsa_sign}
    encodings = ("_ecpoint", "_pem")  # the same keys and secrets, written otherwise
    found = set()
    for file in wycheproof.files():
        (row,) = rows(file)
        whole = row.leaves_out in {(wycheproof.OTHER_OAEP,), (wycheproof.OTHER_MODULUS,)}
        if row.runner in with_keys and not whole and not any(mark in file for mark in encodings):
            found.add(file)
    assert found == {row.file for row in ROWS if row.file.split("/")[0] in wycheproof.FOLDERS}
