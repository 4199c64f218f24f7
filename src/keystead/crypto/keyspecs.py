"""THE table of key specs: what a spec may be used for, with which algorithms, and what its material is.

Guarantees: a new spec of a known family is one row of `SPECS`; algorithm lists are in the order in which AWS shows
them. Does not guarantee that AWS has no other specs: one that is not a row here is not offered and is refused by
name.

Source: https://docs.aws.amazon.com/kms/latest/developerguide/symm-asymm-choose-key-spec.html
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from types import MappingProxyType
from typing import Final

from keystead.crypto.ciphertext import MATERIAL_BYTES, PLAINTEXT_MAX
from keystead.crypto.derivation import Random, draw


class Family(StrEnum):
    """Specs that one module serves: `symmetric`."""

    SYMMETRIC = "symmetric"


@dataclass(frozen=True, slots=True)
class KeySpec:
    """One key spec.

    ``algorithms`` lists for each KeyUsage the spec allows the algorithms of a key with that usage.
    ``default_usage`` is the usage of a key made without naming one, None where AWS demands that it is named.
    ``generate`` draws new material, ``material_bytes`` long, in the form in which it is wrapped. ``plaintext_max``
    is the longest plaintext in bytes that an algorithm of the spec encrypts.
    """

    name: str
    family: Family
    algorithms: Mapping[str, tuple[str, ...]]
    default_usage: str | None
    material_bytes: int
    generate: Callable[[Random], bytes]
    plaintext_max: Mapping[str, int]


def _symmetric(name: str, length: int) -> KeySpec:
    """A row of the symmetric family: ``length`` random bytes, one algorithm of the spec's own name."""
    return KeySpec(
        name=name,
        family=Family.SYMMETRIC,
        algorithms=MappingProxyType({"ENCRYPT_DECRYPT": (name,)}),
        default_usage="ENCRYPT_DECRYPT",
        material_bytes=length,
        generate=lambda random: draw(random, length),
        plaintext_max=MappingProxyType({name: PLAINTEXT_MAX}),
    )


SPECS: Final[Mapping[str, KeySpec]] = MappingProxyType(
    {
        spec.name: spec
        for spec in (_symmetric("SYMMETRIC_DEFAULT", MATERIAL_BYTES),)
    }
)  # fmt: skip
