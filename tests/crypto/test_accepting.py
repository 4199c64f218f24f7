"""Material from outside: a key of exactly the wanted kind is taken, everything else is one refusal, and quickly."""

from __future__ import annotations

import math
import time
from functools import cache
from pathlib import Path

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import dsa, ec, ed448, ed25519, rsa, x25519
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.crypto.imports import accepted, openssl, pkcs8, rsa_key

from keystead import errors
from keystead.crypto import accepting
from keystead.crypto.accepting import Acceptance

CURVES: dict[str, ec.EllipticCurve] = {
    "P-256": ec.SECP256R1(),
    "P-384": ec.SECP384R1(),
    "P-521": ec.SECP521R1(),
    "secp256k1": ec.SECP256K1(),
}
ECC_KEYS = {name: ec.generate_private_key(curve) for name, curve in CURVES.items()}
ED25519_KEY = ed25519.Ed25519PrivateKey.generate()


def refuses(accept: Acceptance, raw: bytes) -> bool:
    """Whether it is the one refusal; what is accepted is False, any other exception passes through."""
    try:
        accepted(accept, raw)
    except errors.Refusal as refusal:
        said = refusal.code, refusal.message
    else:
        return False
    assert said == ("InvalidCiphertextException", None)
    return True


# --- raw bytes --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("length", [*range(70), 127, 128, 129, 6144, 6145, 100_000])
def test_raw_material_has_the_length_of_its_spec(length: int) -> None:
    raw = bytes(length)
    assert refuses(accepting.symmetric(32), raw) == (length != 32)
    for shortest in (28, 32, 48, 64):
        assert refuses(accepting.hmac(shortest), raw) == (not shortest <= length <= 128)
    if length == 32:
        assert accepted(accepting.symmetric(32), raw) == accepted(accepting.hmac(28), raw) == raw


# --- private keys that are taken --------------------------------------------------------------------------------------


@pytest.mark.parametrize("bits", [2048, 3072])
def test_an_rsa_key_is_taken_for_its_own_size_only(bits: int) -> None:
    raw = pkcs8(rsa_key(bits))
    assert accepted(accepting.rsa(bits), raw) == raw
    for other in {2048, 3072, 4096} - {bits}:
        assert refuses(accepting.rsa(other), raw)


@pytest.mark.parametrize("name", CURVES)
def test_a_key_on_a_curve_is_taken_for_its_own_curve_only(name: str) -> None:
    raw = pkcs8(ECC_KEYS[name])
    assert accepted(accepting.ecc(CURVES[name]), raw) == raw
    for other in CURVES.keys() - {name}:
        assert refuses(accepting.ecc(CURVES[other]), raw)


def test_an_ed25519_key_is_taken() -> None:
    raw = pkcs8(ED25519_KEY)
    assert accepted(accepting.ed25519(), raw) == raw


@pytest.mark.parametrize(
    ("chosen", "accept"),
    [
        (["-algorithm", "RSA", "-pkeyopt", "rsa_keygen_bits:2048"], accepting.rsa(2048)),
        (["-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-256"], accepting.ecc(ec.SECP256R1())),
        (["-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-384"], accepting.ecc(ec.SECP384R1())),
        (["-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-521"], accepting.ecc(ec.SECP521R1())),
        (["-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:secp256k1"], accepting.ecc(ec.SECP256K1())),
        (["-algorithm", "ED25519"], accepting.ed25519()),
    ],
    ids=["RSA", "P-256", "P-384", "P-521", "secp256k1", "Ed25519"],
)
def test_a_key_that_openssl_made_is_taken_and_stays_the_same_key(
    chosen: list[str], accept: Acceptance, tmp_path: Path
) -> None:
    pem = openssl("genpkey", *chosen)
    raw = openssl("pkcs8", "-topk8", "-nocrypt", "-outform", "DER", given=pem)
    kept = accepted(accept, raw)
    file = tmp_path / "kept.der"
    file.write_bytes(kept)
    public = openssl("pkey", "-inform", "DER", "-in", str(file), "-pubout", "-outform", "DER")
    assert public == openssl("pkey", "-pubout", "-outform", "DER", given=pem)


def test_a_key_without_its_public_half_is_taken_and_kept_in_the_one_form() -> None:
    number = ECC_KEYS["P-256"].private_numbers().private_value.to_bytes(32, "big")
    short = bytes.fromhex("3041020100301306072a8648ce3d020106082a8648ce3d030107042730250201010420") + number
    assert accepted(accepting.ecc(ec.SECP256R1()), short) == pkcs8(ECC_KEYS["P-256"])


# --- other formats and other keys -------------------------------------------------------------------------------------

ALL = {
    "RSA 2048": accepting.rsa(2048),
    **{name: accepting.ecc(curve) for name, curve in CURVES.items()},
    "Ed25519": accepting.ed25519(),
}


def strange_keys() -> dict[str, bytes]:
    keys = serialization.PrivateFormat
    plain, encrypted = serialization.NoEncryption(), serialization.BestAvailableEncryption(b"secret")
    der, pem = serialization.Encoding.DER, serialization.Encoding.PEM
    rsa2048, p256 = rsa_key(2048), ECC_KEYS["P-256"]
    good = pkcs8(rsa2048)
    return {
        "PKCS#1": rsa2048.private_bytes(der, keys.TraditionalOpenSSL, plain),
        "SEC 1": p256.private_bytes(der, keys.TraditionalOpenSSL, plain),
        "PEM": rsa2048.private_bytes(pem, keys.PKCS8, plain),
        "encrypted": rsa2048.private_bytes(der, keys.PKCS8, encrypted),
        "public RSA": rsa2048.public_key().public_bytes(der, serialization.PublicFormat.SubjectPublicKeyInfo),
        "public P-256": p256.public_key().public_bytes(der, serialization.PublicFormat.SubjectPublicKeyInfo),
        "raw Ed25519": ED25519_KEY.private_bytes_raw(),
        "Ed448": ed448.Ed448PrivateKey.generate().private_bytes(der, keys.PKCS8, plain),
        "X25519": x25519.X25519PrivateKey.generate().private_bytes(der, keys.PKCS8, plain),
        "DSA": dsa.generate_private_key(1024).private_bytes(der, keys.PKCS8, plain),
        "P-224": ec.generate_private_key(ec.SECP224R1()).private_bytes(der, keys.PKCS8, plain),
        "trailing byte": good + b"\x00",
        "last byte cut": good[:-1],
        "BER: indefinite length": b"\x30\x80" + good[4:] + b"\x00\x00",
        "BER: length with a leading zero": b"\x30\x83\x00" + good[2:],
        "nothing": b"",
        "a header alone": b"\x30\x82",
        "a huge length": b"\x30\x84\xff\xff\xff\xff" + good[4:],
        "a length of 127 bytes": b"\x30\xff" + good[4:],
    }


@pytest.mark.parametrize("name", strange_keys())
def test_other_formats_and_other_algorithms_are_refused(name: str) -> None:
    assert all(refuses(accept, strange_keys_once()[name]) for accept in ALL.values())


strange_keys_once = cache(strange_keys)


def test_rsa_pss_multi_prime_and_explicit_curves_are_refused(tmp_path: Path) -> None:
    pss = openssl("genpkey", "-algorithm", "RSA-PSS", "-pkeyopt", "rsa_keygen_bits:2048", "-outform", "DER")
    three = openssl(
        "genpkey", "-algorithm", "RSA", "-pkeyopt", "rsa_keygen_bits:2048", "-pkeyopt", "rsa_keygen_primes:3",
        "-outform", "DER",
    )  # fmt: skip
    explicit = openssl(
        "genpkey", "-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-256", "-pkeyopt", "ec_param_enc:explicit",
        "-outform", "DER",
    )  # fmt: skip
    assert serialization.load_der_private_key(explicit, None)  # the library takes it, AWS wants the curve named
    assert serialization.load_der_private_key(pss, None)
    assert all(refuses(accept, raw) for accept in ALL.values() for raw in (pss, three, explicit))


def test_a_public_half_that_is_another_key_is_refused() -> None:
    mine, other = pkcs8(ECC_KEYS["P-256"]), pkcs8(ec.generate_private_key(ec.SECP256R1()))
    assert refuses(accepting.ecc(ec.SECP256R1()), mine[:-65] + other[-65:])


P256_ORDER = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551


@pytest.mark.parametrize("number", [0, P256_ORDER, P256_ORDER + 1, 2**256 - 1])
def test_a_private_number_outside_its_curve_is_refused(number: int) -> None:
    start = bytes.fromhex("3041020100301306072a8648ce3d020106082a8648ce3d030107042730250201010420")
    assert refuses(accepting.ecc(ec.SECP256R1()), start + number.to_bytes(32, "big"))
    assert not refuses(accepting.ecc(ec.SECP256R1()), start + (P256_ORDER - 1).to_bytes(32, "big"))


# --- hostile RSA keys -------------------------------------------------------------------------------------------------


def tlv(tag: int, content: bytes) -> bytes:
    size = len(content)
    if size < 128:
        return bytes([tag, size]) + content
    length = size.to_bytes((size.bit_length() + 7) // 8, "big")
    return bytes([tag, 0x80 | len(length)]) + length + content


def integer(value: int) -> bytes:
    return tlv(2, value.to_bytes(value.bit_length() // 8 + 1, "big", signed=value < 0))


def rsa_from(**other: int) -> bytes:
    """The PKCS#8 of the test's key of 2048 bits with some of its numbers replaced."""
    own = rsa_key(2048).private_numbers()
    numbers = {
        "n": own.public_numbers.n,
        "e": own.public_numbers.e,
        **{name: getattr(own, name) for name in ("d", "p", "q", "dmp1", "dmq1", "iqmp")},
        **other,
    }
    inner = tlv(0x30, integer(0) + b"".join(map(integer, numbers.values())))
    algorithm = bytes.fromhex("300d06092a864886f70d0101010500")
    return tlv(0x30, integer(0) + algorithm + tlv(4, inner))


def test_the_maker_of_hostile_keys_makes_the_honest_one_too() -> None:
    assert rsa_from() == pkcs8(rsa_key(2048))


def consistent(p: int, q: int, e: int) -> bytes:
    """A key whose numbers fit each other, whatever they are."""
    d = pow(e, -1, (p - 1) * (q - 1))
    return rsa_from(n=p * q, e=e, d=d, p=p, q=q, dmp1=d % (p - 1), dmq1=d % (q - 1), iqmp=pow(q, -1, p))


def private(name: str) -> int:
    value = getattr(rsa_key(2048).private_numbers(), name)
    assert isinstance(value, int)
    return value


def modulus() -> int:
    return rsa_key(2048).public_key().public_numbers().n


@cache
def hostile() -> dict[str, bytes]:
    n, p, q = modulus(), private("p"), private("q")
    large = rsa_key(3072).private_numbers()
    names = ("n", "e", "d", "p", "q", "dmp1", "dmq1", "iqmp")
    altered = {
        f"{name} {how}": rsa_from(**{name: change(n if name == "n" else 65537 if name == "e" else private(name))})
        for name in names
        for how, change in {
            "one more": lambda value: value + 1,
            "two more": lambda value: value + 2,
            "zero": lambda _: 0,
            "one": lambda _: 1,
            "negative": lambda value: -value,
            "huge": lambda value: value << 8000,
            "filling the request": lambda _: (1 << 30000) + 1,
        }.items()
    }
    return altered | {
        "e = 1 and d = 1": rsa_from(e=1, d=1, dmp1=1, dmq1=1),
        "e = 3": rsa_from(e=3),
        "e of 257 bits": rsa_from(e=2**256 + 1),
        "even e": rsa_from(e=65538),
        "even modulus": rsa_from(n=n - 1),
        "modulus with p = 2": rsa_from(n=2 * q, p=2, dmp1=1, iqmp=1),
        "p and q exchanged, the rest not": rsa_from(p=q, q=p),
        "p twice": rsa_from(n=p * p, q=p, dmq1=private("dmp1")),
        "p = n, q = 1": rsa_from(p=n, q=1),
        "numbers of a larger key, modulus of the right size": rsa_from(
            d=large.d, p=large.p, q=large.q, dmp1=large.dmp1, dmq1=large.dmq1, iqmp=large.iqmp
        ),
        "nested to the end": b"\x30\x82\x17\x00" * 1500,
        "nested octet strings": b"\x04\x82\x17\x00" * 1500,
        "only a beginning": b"\x30\x82\x17\xfc\x02\x01\x00" + bytes.fromhex("300d06092a864886f70d0101010500"),
    }


@pytest.mark.parametrize("name", hostile())
def test_a_hostile_rsa_key_is_refused_at_the_price_of_an_honest_one(name: str) -> None:
    started = time.process_time()
    assert refuses(accepting.rsa(2048), hostile()[name])
    assert time.process_time() - started < 2


def test_keys_that_are_consistent_and_well_made_are_taken() -> None:
    p, q = private("p"), private("q")
    for raw in (consistent(p, q, 65537), consistent(q, p, 65537), consistent(p, q, fitting(p, q, 2**255))):
        assert not refuses(accepting.rsa(2048), raw)


@pytest.mark.parametrize("least", [3, 2**256], ids=["small", "large"])
def test_a_public_exponent_outside_fips_186_is_refused(least: int) -> None:
    p, q = private("p"), private("q")
    raw = consistent(p, q, fitting(p, q, least))
    assert serialization.load_der_private_key(raw, None)  # the library's own validation finds nothing wrong
    assert refuses(accepting.rsa(2048), raw)


def test_primes_of_unequal_length_are_refused() -> None:
    shorter, larger = (rsa.generate_private_key(65537, bits).private_numbers().p for bits in (1536, 2560))
    assert (shorter * larger).bit_length() == 2048
    raw = consistent(shorter, larger, 65537)
    assert serialization.load_der_private_key(raw, None)
    assert refuses(accepting.rsa(2048), raw)


def test_primes_that_are_close_are_refused() -> None:
    p = private("p")
    near = next(q for q in range(p - 2, 0, -2) if pow(2, q - 1, q) == 1)  # found by Fermat, as its factors will be
    raw = consistent(p, near, 65537)
    assert serialization.load_der_private_key(raw, None)
    assert refuses(accepting.rsa(2048), raw)


def test_a_modulus_that_is_one_bit_short_is_refused() -> None:
    p, q = (next(x for x in range(2**1023 + start, 2**1024, 2) if pow(2, x - 1, x) == 1) for start in (1, 2**1000 + 1))
    raw = consistent(p, q, fitting(p, q, 65537))
    assert (p * q).bit_length() == 2047
    assert serialization.load_der_private_key(raw, None)
    assert refuses(accepting.rsa(2048), raw)


def test_a_private_exponent_that_is_not_reduced_is_refused() -> None:
    p, q, d = private("p"), private("q"), private("d")
    raw = rsa_from(d=d + ((p - 1) * (q - 1) << 20000))
    assert serialization.load_der_private_key(raw, None)
    assert refuses(accepting.rsa(2048), raw)


def test_a_factor_that_is_no_prime_is_refused() -> None:
    p, q = private("p"), private("q")
    factor = next(
        x for x in range(p - 2, 0, -2) if x % 3 == 0 and math.gcd(x, q) == 1 and math.gcd((x - 1) * (q - 1), 65537) == 1
    )
    assert refuses(accepting.rsa(2048), consistent(factor, q, 65537))


def fitting(p: int, q: int, least: int) -> int:
    """The first odd number from ``least`` on that can be a public exponent."""
    return next(e for e in range(least | 1, least + 1000, 2) if math.gcd(e, (p - 1) * (q - 1)) == 1)


# --- arbitrary bytes ----------------------------------------------------------------------------------------------------

GOOD = {
    "RSA 2048": lambda: pkcs8(rsa_key(2048)),
    **{name: (lambda name=name: pkcs8(ECC_KEYS[name])) for name in CURVES},
    "Ed25519": lambda: pkcs8(ED25519_KEY),
}


@settings(max_examples=300)
@given(st.sampled_from(sorted(GOOD)), st.data())
def test_an_altered_key_is_refused_or_is_a_key_of_the_same_kind(name: str, data: st.DataObject) -> None:
    raw = bytearray(GOOD[name]())
    for _ in range(data.draw(st.integers(1, 3))):
        raw[data.draw(st.integers(0, len(raw) - 1))] = data.draw(st.integers(0, 255))
    accept = ALL[name]
    if not refuses(accept, bytes(raw)):
        assert accepted(accept, accepted(accept, bytes(raw))) == accepted(accept, bytes(raw))


@settings(max_examples=300)
@given(st.sampled_from(sorted(GOOD)), st.binary(max_size=300), st.integers(0, 60))
def test_any_bytes_after_a_right_beginning_are_refused_and_nothing_else_happens(
    name: str, rest: bytes, kept: int
) -> None:
    raw = GOOD[name]()[:kept] + rest
    assert refuses(ALL[name], raw) or raw == GOOD[name]() or name in {"Ed25519", *CURVES}
