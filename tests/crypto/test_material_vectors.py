"""Material of every spec is read, and written, as docs/format.md §5.1 has it, and does what such a key did before."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from cryptography.exceptions import UnsupportedAlgorithm
from tests.crypto.imports import accepted
from tests.crypto.vectors import gives, load

from keystead.crypto.capabilities import Opened
from keystead.crypto.keyspecs import SPECS

VECTORS = load("materials-v1.json")["materials"]
EACH = pytest.mark.parametrize("vector", VECTORS, ids=lambda vector: vector["spec"])


def raw(row: dict[str, Any], *names: str) -> list[bytes]:
    return [bytes.fromhex(row[name]) for name in names]


def test_every_spec_has_a_vector_and_all_its_usages() -> None:
    found = {vector["spec"]: {use["usage"]: set[str]() for use in vector["uses"]} for vector in VECTORS}
    for vector in VECTORS:
        for use in vector["uses"]:
            found[vector["spec"]][use["usage"]].add(use["algorithm"])
    assert found.pop("SYMMETRIC_DEFAULT") == {}, "its own vectors are in ciphertext-v1.json"
    specs = {name: row for name, row in SPECS.items() if name != "SYMMETRIC_DEFAULT"}
    assert found == {name: {u: set(a) for u, a in row.algorithms.items()} for name, row in specs.items()}


@EACH
def test_material_is_made_of_what_is_drawn(vector: dict[str, Any]) -> None:
    if "drawn" in vector:
        assert SPECS[vector["spec"]].generate(gives(*raw(vector, "drawn"))) == raw(vector, "material")[0]
    else:
        assert vector["spec"].startswith(("RSA", "ECC_NIST_P", "ECC_SECG", "ML_KEM_512")), "only libraries draw these"


@EACH
def test_material_that_is_imported_is_kept_in_this_spelling(vector: dict[str, Any]) -> None:
    accept = SPECS[vector["spec"]].accept
    if accept is not None:
        assert accepted(accept, *raw(vector, "material")) == raw(vector, "material")[0]


@EACH
def test_the_public_key_is_made_of_the_material(vector: dict[str, Any]) -> None:
    public = SPECS[vector["spec"]].public
    assert (public is None) == ("public" not in vector)
    if public is not None:
        assert public(*raw(vector, "material")).der == raw(vector, "public")[0]


@EACH
def test_the_key_still_does_what_it_did(vector: dict[str, Any]) -> None:
    for use in vector["uses"]:
        CHECKS[use["usage"]](SPECS[vector["spec"]].open(*raw(vector, "material"), use["usage"]), use)


def verifies(opened: Opened, use: dict[str, Any]) -> None:
    assert opened.verifier is not None
    assert opened.signer is not None
    message, signature = raw(use, "message", "signature")
    opened.verifier.verify(message, use["message_type"], signature, use["algorithm"])
    if use["algorithm"].startswith(("RSASSA_PKCS1", "ED25519")):
        assert opened.signer.sign(message, use["message_type"], use["algorithm"]) == signature


def decrypts(opened: Opened, use: dict[str, Any]) -> None:
    assert opened.decrypter is not None
    ciphertext, plaintext = raw(use, "ciphertext", "plaintext")
    assert opened.decrypter.decrypt(ciphertext, use["algorithm"]) == plaintext


def agrees(opened: Opened, use: dict[str, Any]) -> None:
    assert opened.agreer is not None
    peer, secret = raw(use, "peer", "secret")
    assert opened.agreer.derive(peer) == secret


def authenticates(opened: Opened, use: dict[str, Any]) -> None:
    assert opened.mac_maker is not None
    message, mac = raw(use, "message", "mac")
    assert opened.mac_maker.make(message, use["algorithm"]) == mac


def decapsulates(opened: Opened, use: dict[str, Any]) -> None:
    assert opened.decapsulator is not None
    ciphertext, secret = raw(use, "ciphertext", "secret")
    assert opened.decapsulator.decapsulate(ciphertext) == secret


CHECKS: dict[str, Callable[[Opened, dict[str, Any]], None]] = {
    "SIGN_VERIFY": verifies,
    "ENCRYPT_DECRYPT": decrypts,
    "KEY_AGREEMENT": agrees,
    "GENERATE_VERIFY_MAC": authenticates,
    "ENCAPSULATE_DECAPSULATE": decapsulates,
}


@EACH
def test_material_of_another_spec_is_never_taken_for_this_one(vector: dict[str, Any]) -> None:
    row = SPECS[vector["spec"]]
    if row.public is None:
        return
    for other in VECTORS:
        if "public" in other and SPECS[other["spec"]].family is not row.family:
            with pytest.raises((TypeError, ValueError, UnsupportedAlgorithm)):
                row.open(*raw(other, "material"), next(iter(row.algorithms)))
