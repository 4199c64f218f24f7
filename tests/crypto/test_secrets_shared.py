"""HMAC, ECDH and ML-KEM: what a second implementation says, and what is refused."""

from __future__ import annotations

import os

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.crypto import second
from tests.crypto.conftest import Materials

from keystead import errors
from keystead.crypto.capabilities import Agreer, Decapsulator, Encapsulator, MacChecker, MacMaker
from keystead.crypto.keyspecs import SPECS

MACS = {"HMAC_224": 28, "HMAC_256": 32, "HMAC_384": 48, "HMAC_512": 64}
AGREES = {"ECC_NIST_P256": 32, "ECC_NIST_P384": 48, "ECC_NIST_P521": 66}
KEMS = {"ML_KEM_512": 768, "ML_KEM_768": 1088, "ML_KEM_1024": 1568}


def hmac_pair(material: bytes, name: str) -> tuple[MacMaker, MacChecker, str]:
    opened = SPECS[name].open(material, "GENERATE_VERIFY_MAC")
    assert opened.mac_maker is not None
    assert opened.mac_checker is not None
    return opened.mac_maker, opened.mac_checker, SPECS[name].algorithms["GENERATE_VERIFY_MAC"][0]


def agreer(materials: Materials, name: str) -> tuple[Agreer, bytes]:
    opened = SPECS[name].open(materials[name], "KEY_AGREEMENT")
    assert opened.agreer is not None
    assert opened.public_key is not None
    return opened.agreer, opened.public_key.der


def kem_pair(materials: Materials, name: str) -> tuple[Encapsulator, Decapsulator, bytes]:
    opened = SPECS[name].open(materials[name], "ENCAPSULATE_DECAPSULATE")
    assert opened.encapsulator is not None
    assert opened.decapsulator is not None
    assert opened.public_key is not None
    return opened.encapsulator, opened.decapsulator, opened.public_key.der


# --- HMAC -------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", MACS)
@given(message=st.binary(min_size=1, max_size=4096), length=st.integers(0, 128))
def test_a_mac_is_that_of_the_second_implementation_for_keys_of_every_length(
    name: str, message: bytes, length: int
) -> None:
    key = os.urandom(max(length, MACS[name]))
    maker, checker, algorithm = hmac_pair(key, name)
    mac = maker.make(message, algorithm)
    assert mac == second.mac(key, message, algorithm)
    assert len(mac) == MACS[name]
    checker.check(message, mac, algorithm)


@pytest.mark.parametrize("name", MACS)
@given(place=st.integers(0, 9999), change=st.integers(1, 255))
def test_an_altered_cut_or_foreign_mac_is_refused(
    name: str, place: int, change: int, materials: Materials, others: Materials
) -> None:
    maker, checker, algorithm = hmac_pair(materials[name], name)
    mac = maker.make(b"message", algorithm)
    altered = bytearray(mac)
    altered[place % len(mac)] ^= change
    foreign = hmac_pair(others[name], name)[0].make(b"message", algorithm)
    for wrong in (bytes(altered), mac[:-1], mac[:1], mac + b"\x00", foreign, maker.make(b"massage", algorithm)):
        with pytest.raises(errors.Refusal) as refusal:
            checker.check(b"message", wrong, algorithm)
        assert (refusal.value.code, refusal.value.message) == ("KMSInvalidMacException", None)


@pytest.mark.parametrize("name", MACS)
def test_a_mac_algorithm_of_another_spec_is_refused(name: str, materials: Materials) -> None:
    maker, checker, own = hmac_pair(materials[name], name)
    for another in {row.algorithms["GENERATE_VERIFY_MAC"][0] for row in map(SPECS.__getitem__, MACS)} - {own}:
        for ask in (lambda it: maker.make(b"m", it), lambda it: checker.check(b"m", b"mac", it)):
            with pytest.raises(errors.Refusal) as refusal:
                ask(another)
            assert refusal.value.code == "InvalidKeyUsageException"
            assert refusal.value.message == f"Algorithm {another} is incompatible with key spec {name}."


# --- ECDH -------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", AGREES)
def test_both_sides_and_the_second_implementation_agree_on_the_secret(
    name: str, materials: Materials, others: Materials
) -> None:
    ours, our_public = agreer(materials, name)
    theirs, their_public = agreer(others, name)
    secret = ours.derive(their_public)
    assert len(secret) == AGREES[name], "the x-coordinate with its leading zeros"
    assert secret == theirs.derive(our_public) == second.agree(materials[name], their_public)
    assert ours.derive(our_public) == second.agree(materials[name], our_public), "one's own public key is a peer too"


@pytest.mark.parametrize("name", AGREES)
def test_a_peer_that_is_no_public_key_of_the_curve_is_refused_without_a_text(name: str, materials: Materials) -> None:
    ours, public = agreer(materials, name)
    foreign = [SPECS[other].public for other in SPECS]
    peers = [made(materials[other]).der for made, other in zip(foreign, SPECS, strict=True) if made and other != name]
    off_curve = public[:-1] + bytes([public[-1] ^ 1])
    peers += [b"\x00", b"not a key", public[:-1], public + b"\x00", off_curve, materials[name]]
    for peer in peers:
        with pytest.raises(errors.Refusal) as refusal:
            ours.derive(peer)
        assert (refusal.value.code, refusal.value.message) == ("ValidationException", None)


@given(peer=st.binary(min_size=1, max_size=300))
def test_any_bytes_for_a_peer_are_refused(peer: bytes, materials: Materials) -> None:
    with pytest.raises(errors.Refusal) as refusal:
        agreer(materials, "ECC_NIST_P256")[0].derive(peer)
    assert refusal.value.code == "ValidationException"


# --- ML-KEM -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", KEMS)
def test_a_secret_comes_out_here_and_with_the_second_implementation(name: str, materials: Materials) -> None:
    encapsulator, decapsulator, public = kem_pair(materials, name)
    for _ in range(20):
        ciphertext, secret = encapsulator.encapsulate()
        assert (len(ciphertext), len(secret)) == (KEMS[name], 32)
        assert decapsulator.decapsulate(ciphertext) == secret == second.decapsulate(materials[name], ciphertext)
        ciphertext, secret = second.encapsulate(public)
        assert decapsulator.decapsulate(ciphertext) == secret


@pytest.mark.parametrize("name", KEMS)
@given(place=st.integers(0, 9999), change=st.integers(1, 255))
def test_an_altered_ciphertext_gives_another_secret_and_always_the_same(
    name: str, place: int, change: int, materials: Materials, others: Materials
) -> None:
    encapsulator, decapsulator, _ = kem_pair(materials, name)
    ciphertext, secret = encapsulator.encapsulate()
    altered = bytearray(ciphertext)
    altered[place % len(ciphertext)] ^= change
    other = decapsulator.decapsulate(bytes(altered))
    assert other != secret
    assert other == decapsulator.decapsulate(bytes(altered)) == second.decapsulate(materials[name], bytes(altered))
    assert kem_pair(others, name)[1].decapsulate(ciphertext) != secret


@pytest.mark.parametrize("name", KEMS)
def test_a_ciphertext_of_another_length_is_refused(name: str, materials: Materials) -> None:
    _, decapsulator, _ = kem_pair(materials, name)
    for length in (0, 1, KEMS[name] - 1, KEMS[name] + 1, 6144, *(set(KEMS.values()) - {KEMS[name]})):
        with pytest.raises(errors.Refusal) as refusal:
            decapsulator.decapsulate(bytes(length))
        assert (refusal.value.code, refusal.value.message) == ("InvalidCiphertextException", None)


def test_without_its_package_ml_kem_512_is_refused_by_name_and_shown_all_the_same(
    materials: Materials, monkeypatch: pytest.MonkeyPatch
) -> None:
    from keystead.crypto import mlkem512
    from keystead.crypto.keyspecs import offered

    row, material = SPECS["ML_KEM_512"], materials["ML_KEM_512"]
    monkeypatch.setattr(mlkem512, "PACKAGE", "no_such_package")
    for ask in (
        lambda: offered("ML_KEM_512"),
        lambda: row.generate(os.urandom),
        lambda: row.open(material, "ENCAPSULATE_DECAPSULATE"),
    ):
        with pytest.raises(errors.Refusal) as refusal:
            ask()
        assert refusal.value.code == "UnsupportedOperationException"
        assert refusal.value.message == (
            "KeySpec ML_KEM_512 is not offered by this version of Keystead, since it needs the package "
            'no_such_package, which is not installed here (pip install "keystead[pq]").'
        )
    assert row.public is not None
    assert len(row.public(material).der) == 822, "a key that is there keeps its public half"
