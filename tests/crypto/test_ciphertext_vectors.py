"""Both implementations of the ciphertext format agree with the vectors, and the vectors notice every fault that was
thought of."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from tests.crypto import faulty, stranger
from tests.crypto.stranger import Ciphertexts
from tests.crypto.vectors import load, wrong

from keystead import errors
from keystead.crypto import ciphertext, symmetric
from keystead.crypto.ciphertext import Blob
from keystead.crypto.context import encode_context
from keystead.crypto.symmetric import Sealer

ROOT = Path(__file__).resolve().parents[2]


class Ours:
    """The implementation under test, in the form that the vectors ask for."""

    sealer: type[Sealer] = Sealer

    def seal(
        self,
        material: bytes,
        ref: bytes,
        material_id: bytes,
        context: Mapping[str, str],
        plaintext: bytes,
        drawn: bytes,
    ) -> bytes:
        return self.sealer(material, ref, material_id).seal(plaintext, context, lambda length: drawn[:length])

    def open(self, material: bytes, ref: bytes, material_id: bytes, context: Mapping[str, str], blob: bytes) -> bytes:
        return self.sealer(material, ref, material_id).open(ciphertext.parse(blob), context)


def test_ours_agrees_with_every_vector() -> None:
    assert wrong(Ours(), errors.Refusal) == set()


def test_the_stranger_agrees_with_every_vector() -> None:
    assert wrong(Ciphertexts(), stranger.Refused) == set()


class OnBytes:
    """The functions on bytes, which know neither names nor mappings."""

    def seal(
        self,
        material: bytes,
        ref: bytes,
        material_id: bytes,
        context: Mapping[str, str],
        plaintext: bytes,
        drawn: bytes,
    ) -> bytes:
        encoded = encode_context(context)
        return ciphertext.seal(material, ref, material_id, encoded, plaintext, lambda length: drawn[:length])

    def open(self, material: bytes, ref: bytes, material_id: bytes, context: Mapping[str, str], blob: bytes) -> bytes:
        return ciphertext.open(material, ciphertext.parse(blob), encode_context(context))


def test_the_functions_on_bytes_agree_but_for_the_names_that_only_a_sealer_knows() -> None:
    assert wrong(OnBytes(), errors.Refusal) == {
        vector["name"]
        for vector in load("ciphertext-v1.json")["refused"]
        if vector["caught_by"] == "names" and vector["name"].startswith("a blob of another")
    }


def test_every_refused_vector_gets_the_same_refusal_without_a_text() -> None:
    for vector in load("ciphertext-v1.json")["refused"]:
        material, ref, material_id = (bytes.fromhex(vector[part]) for part in ("material", "ref", "material_id"))
        with pytest.raises(errors.Refusal) as refusal:
            Ours().open(material, ref, material_id, vector["context"], bytes.fromhex(vector["blob"]))
        expected = errors.invalid_ciphertext()
        for part in ("code", "message", "status", "detail"):
            assert getattr(refusal.value, part) == getattr(expected, part), vector["name"]


def test_names_are_unique_and_each_step_of_opening_has_vectors() -> None:
    vectors = load("ciphertext-v1.json")
    names = [vector["name"] for vector in vectors["accepted"] + vectors["refused"]]
    assert len(names) == len(set(names))
    assert {vector["caught_by"] for vector in vectors["refused"]} == {"parse", "names", "commitment", "tag"}
    assert "tools/vectors.py" in vectors["provenance"]


def test_the_vector_files_are_what_the_tool_makes() -> None:
    done = subprocess.run(
        [sys.executable, str(ROOT / "tools" / "vectors.py"), "--check"], capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


def test_nothing_that_makes_the_vectors_knows_the_implementation_under_test() -> None:
    for name in ("stranger", "faulty", "ciphertext_cases", "key_cases"):
        source = (ROOT / "tests" / "crypto" / f"{name}.py").read_text()
        assert "import keystead" not in source, name
        assert "from keystead" not in source, name


# --- planted faults: each must be noticed, by the vectors that were made for it ---------------------------------------


FAULTS = {
    faulty.NoCommitmentCheck: "commitment to another material, tag over it right",
    faulty.ShortCommitmentCheck: "last bit of the commitment, tag over it right",
    faulty.NoTagCheck: "ciphertext altered",
    faulty.NoSizeCheck: "empty plaintext, otherwise right",
    faulty.MagicOnly: "version 2, otherwise right",
    faulty.NoMagic: "magic, otherwise right",
    faulty.LowByteOfSuite: "suite 257, otherwise right",
    faulty.AnyKeyReference: "a blob of another key with the same material",
    faulty.AnyMaterialId: "a blob of another material id with the same material",
    faulty.NoLengths: "made with a context joined without lengths",
    faulty.AsGiven: "made with a context in the order it was given",
    faulty.SortedByUtf16: "names whose order differs between UTF-8 and UTF-16",
    faulty.Normalised: "the letter decomposed",
    faulty.Trimmed: "a blank after the value",
    faulty.CaseFolded: "the name in capitals",
    faulty.NoContext: "made without the context",
    faulty.NoHeaderInDigest: "made with a digest that leaves the header out",
    faulty.NoAdditionalData: "tag without additional data",
    faulty.HeaderOnly: "tag over the header without the commitment",
}


@pytest.mark.parametrize("fault", FAULTS, ids=lambda fault: fault.__name__)
def test_the_vectors_notice_a_stranger_who_leaves_a_step_out(fault: type[Ciphertexts]) -> None:
    noticed = wrong(fault(), (stranger.Refused, IndexError))
    assert FAULTS[fault] in noticed


def _no_commitment_check(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(ciphertext, "compare_digest", lambda a, b: True)


def _no_lengths(patch: pytest.MonkeyPatch) -> None:
    joined: Any = lambda context: faulty.NoLengths().context(context or {})  # noqa: E731
    patch.setattr(symmetric, "encode_context", joined)


def _no_additional_data(patch: pytest.MonkeyPatch) -> None:
    class Unauthenticated:
        def __init__(self, key: bytes) -> None:
            self._cipher = AESGCM(key)

        def decrypt(self, iv: bytes, data: bytes, additional: bytes) -> bytes:
            return self._cipher.decrypt(iv, data, None)

        def encrypt(self, iv: bytes, data: bytes, additional: bytes) -> bytes:
            return self._cipher.encrypt(iv, data, None)

    patch.setattr(ciphertext, "AESGCM", Unauthenticated)


def _any_version(patch: pytest.MonkeyPatch) -> None:
    right = ciphertext.parse
    patch.setattr(ciphertext, "parse", lambda blob: right(ciphertext.START + blob[6:])._replace(front=blob[:98]))


def _any_key(patch: pytest.MonkeyPatch) -> None:
    class Careless(Sealer):
        def open(self, blob: Blob, context: Mapping[str, str] | None) -> bytes:
            return ciphertext.open_with(self._keys, blob, encode_context(context))

    patch.setattr(Ours, "sealer", Careless)


def _no_bounds(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(ciphertext, "_SHORTEST", 114)


OUR_FAULTS = {
    _no_commitment_check: "commitment of zeros, tag over it right",
    _no_lengths: "made with a context joined without lengths",
    _no_additional_data: "tag without additional data",
    _any_version: "version 2, otherwise right",
    _any_key: "a blob of another key with the same material",
    _no_bounds: "empty plaintext, otherwise right",
}


@pytest.mark.parametrize("fault", OUR_FAULTS, ids=lambda fault: fault.__name__.strip("_"))
def test_the_vectors_notice_a_fault_planted_in_ours(fault: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    fault(monkeypatch)
    assert OUR_FAULTS[fault] in wrong(Ours(), errors.Refusal)
