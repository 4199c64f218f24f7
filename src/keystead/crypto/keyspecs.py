"""THE table of key specs: what a spec may be used for, with which algorithms, and what its material is.

Guarantees: a new spec of a known family is one row of `SPECS`; algorithm lists are in the order in which AWS shows
them; every KeySpec of the pinned model is a row of `SPECS` or, with a reason, of `NOT_OFFERED_SPECS`. Does not decide
who may use a key.

Source: https://docs.aws.amazon.com/kms/latest/developerguide/symm-asymm-choose-key-spec.html
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from enum import StrEnum
from types import MappingProxyType
from typing import Final

from keystead import errors
from keystead.crypto import accepting, ecc, edwards, mac, mldsa, mlkem, mlkem512, rsa
from keystead.crypto.accepting import Acceptance
from keystead.crypto.capabilities import Opened, PublicKey
from keystead.crypto.ciphertext import MATERIAL_BYTES, PLAINTEXT_MAX
from keystead.crypto.derivation import Random, draw


class Family(StrEnum):
    """Specs that one module serves."""

    SYMMETRIC = "symmetric"
    RSA = "rsa"
    ECC = "ecc"
    EDWARDS = "edwards"
    MAC = "mac"
    MLDSA = "mldsa"
    MLKEM = "mlkem"


def _nothing() -> None:
    """Nothing is lacking."""


class Pace(StrEnum):
    """How long something takes, so that its caller knows whether to do it in a thread."""

    AT_ONCE = "less than the way to a thread and back: tens of microseconds"
    BRIEF = "up to a few milliseconds"
    LONG = "up to seconds"


@dataclass(frozen=True, slots=True)
class KeySpec:
    """One key spec.

    ``algorithms`` lists for each KeyUsage the spec allows the algorithms of a key with that usage.
    ``default_usage`` is the usage of a key made without naming one, None where AWS demands that it is named.
    ``plaintext_max`` is the longest plaintext in bytes that an algorithm of the spec encrypts.

    Material is what is wrapped and kept (docs/format.md §5.1). ``generate`` makes it anew; it may take seconds for
    RSA, and where the library makes a key from randomness of its own, it takes none of the given. ``accept`` makes
    it of what a caller imports, or refuses with InvalidCiphertextException, and says how it may have been wrapped
    (`accepting`); None where nothing can be imported.
    ``public`` gives the public key of material, None for symmetric specs. ``opener`` is what `open` calls; the
    `Sealer` of SYMMETRIC_DEFAULT is not among what it gives. ``lacking`` says why the spec cannot be had on this
    machine, None where it can. ``making`` is the pace of `generate`, ``using`` that of the slowest capability.
    """

    name: str
    family: Family
    algorithms: Mapping[str, tuple[str, ...]]
    default_usage: str | None
    plaintext_max: Mapping[str, int]
    generate: Callable[[Random], bytes]
    accept: Acceptance | None
    public: Callable[[bytes], PublicKey] | None
    opener: Callable[[bytes, str], Opened]
    lacking: Callable[[], str | None] = _nothing
    making: Pace = Pace.BRIEF
    using: Pace = Pace.BRIEF

    def open(self, material: bytes, usage: str) -> Opened:
        """The capabilities of material under one of the usages in ``algorithms`` (ValueError for another one)."""
        if usage not in self.algorithms:
            raise ValueError(f"{self.name} has no usage {usage}")
        return self.opener(material, usage)


ENCRYPTING: Final = "ENCRYPT_DECRYPT"
SIGNING: Final = "SIGN_VERIFY"
AGREEING: Final = "KEY_AGREEMENT"
AUTHENTICATING: Final = "GENERATE_VERIFY_MAC"
ENCAPSULATING: Final = "ENCAPSULATE_DECAPSULATE"


def _symmetric(name: str, length: int) -> KeySpec:
    """A row of the symmetric family: ``length`` random bytes, one algorithm of the spec's own name."""
    return KeySpec(
        name=name,
        family=Family.SYMMETRIC,
        algorithms=MappingProxyType({ENCRYPTING: (name,)}),
        default_usage=ENCRYPTING,
        plaintext_max=MappingProxyType({name: PLAINTEXT_MAX}),
        generate=lambda random: draw(random, length),
        accept=accepting.symmetric(length),
        public=None,
        opener=lambda material, usage: Opened(),
        making=Pace.AT_ONCE,
        using=Pace.AT_ONCE,
    )


def _rsa(name: str, bits: int) -> KeySpec:
    """A row of the RSA family: a modulus of ``bits`` bits, for encryption or for signatures."""
    return KeySpec(
        name=name,
        family=Family.RSA,
        algorithms=MappingProxyType({ENCRYPTING: tuple(rsa.OAEP), SIGNING: tuple(rsa.HASHES)}),
        default_usage=None,
        plaintext_max=MappingProxyType({algorithm: rsa.plaintext_max(bits, algorithm) for algorithm in rsa.OAEP}),
        generate=lambda random: rsa.generate(bits),
        accept=accepting.rsa(bits),
        public=rsa.public,
        opener=lambda material, usage: rsa.open_key(name, material, usage),
        making=Pace.LONG,
    )


def _ecc(name: str, *, agrees: bool = True, pace: Pace = Pace.BRIEF) -> KeySpec:
    """A row of the ECC family: a curve with one algorithm to sign, and for NIST's curves one to agree."""
    algorithms = {SIGNING: (ecc.CURVES[name].algorithm,)} | ({AGREEING: ("ECDH",)} if agrees else {})
    return KeySpec(
        name=name,
        family=Family.ECC,
        algorithms=MappingProxyType(algorithms),
        default_usage=None,
        plaintext_max=MappingProxyType({}),
        generate=lambda random: ecc.generate(name),
        accept=accepting.ecc(ecc.CURVES[name].curve),
        public=ecc.public,
        opener=lambda material, usage: ecc.open_key(name, material, usage),
        making=pace,
        using=pace,
    )


def _edwards(name: str) -> KeySpec:
    """The row of the Edwards family, which has one curve."""
    return KeySpec(
        name=name,
        family=Family.EDWARDS,
        algorithms=MappingProxyType({SIGNING: edwards.ALGORITHMS}),
        default_usage=None,
        plaintext_max=MappingProxyType({}),
        generate=edwards.generate,
        accept=accepting.ed25519(),
        public=edwards.public,
        opener=lambda material, usage: edwards.open_key(name, material),
        making=Pace.AT_ONCE,
        using=Pace.AT_ONCE,
    )


def _mldsa(name: str) -> KeySpec:
    """A row of the ML-DSA family."""
    return KeySpec(
        name=name,
        family=Family.MLDSA,
        algorithms=MappingProxyType({SIGNING: (mldsa.ALGORITHM,)}),
        default_usage=None,
        plaintext_max=MappingProxyType({}),
        generate=lambda random: mldsa.generate(name, random),
        accept=None,
        public=mldsa.public,
        opener=lambda material, usage: mldsa.open_key(name, material),
    )


def _mlkem(name: str) -> KeySpec:
    """A row of the ML-KEM family."""
    return KeySpec(
        name=name,
        family=Family.MLKEM,
        algorithms=MappingProxyType({ENCAPSULATING: (mlkem.ALGORITHM,)}),
        default_usage=None,
        plaintext_max=MappingProxyType({}),
        generate=lambda random: mlkem.generate(name, random),
        accept=None,
        public=mlkem.public,
        opener=lambda material, usage: mlkem.open_key(name, material),
        making=Pace.AT_ONCE,
        using=Pace.AT_ONCE,
    )


def _mlkem_of_pqcrypto(name: str) -> KeySpec:
    """The row of the ML-KEM family that another package serves."""
    return replace(
        _mlkem(name),
        generate=lambda random: mlkem512.generate(),
        public=mlkem512.public,
        opener=lambda material, usage: mlkem512.open_key(material),
        lacking=mlkem512.lacking,
    )


def _mac(name: str, length: int) -> KeySpec:
    """A row of the HMAC family: ``length`` random bytes, as many as the hash has."""
    algorithm = name.replace("HMAC_", "HMAC_SHA_")
    return KeySpec(
        name=name,
        family=Family.MAC,
        algorithms=MappingProxyType({AUTHENTICATING: (algorithm,)}),
        default_usage=None,
        plaintext_max=MappingProxyType({}),
        generate=lambda random: draw(random, length),
        accept=accepting.hmac(length),
        public=None,
        opener=lambda material, usage: mac.open_key(name, algorithm, material),
        making=Pace.AT_ONCE,
        using=Pace.AT_ONCE,
    )


SPECS: Final[Mapping[str, KeySpec]] = MappingProxyType(
    {
        spec.name: spec
        for spec in (
            _symmetric("SYMMETRIC_DEFAULT", MATERIAL_BYTES),
            _rsa("RSA_2048", 2048),
            _rsa("RSA_3072", 3072),
            _rsa("RSA_4096", 4096),
            _ecc("ECC_NIST_P256", pace=Pace.AT_ONCE),
            _ecc("ECC_NIST_P384"),
            _ecc("ECC_NIST_P521"),
            _ecc("ECC_SECG_P256K1", agrees=False),
            _edwards("ECC_NIST_EDWARDS25519"),
            _mac("HMAC_224", 28),
            _mac("HMAC_256", 32),
            _mac("HMAC_384", 48),
            _mac("HMAC_512", 64),
            _mldsa("ML_DSA_44"),
            _mldsa("ML_DSA_65"),
            _mldsa("ML_DSA_87"),
            _mlkem_of_pqcrypto(mlkem512.SPEC),
            _mlkem("ML_KEM_768"),
            _mlkem("ML_KEM_1024"),
        )
    }
)

NOT_OFFERED_SPECS: Final[Mapping[str, str]] = MappingProxyType({"SM2": "AWS has it in its China Regions alone"})
"""Specs of the pinned model that no key can be made of; the reason completes a sentence after "since"."""


def offered(name: str) -> KeySpec:
    """The spec of a key or key pair that is to be made. One that is not offered is refused by name, with its
    reason; keys that are there already are looked up in `SPECS`."""
    spec = SPECS.get(name)
    reason = NOT_OFFERED_SPECS.get(name) if spec is None else spec.lacking()
    if spec is None or reason is not None:
        raise errors.not_offered(f"KeySpec {name}", reason)
    return spec
