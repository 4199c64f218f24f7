"""The passphrase custodian: a secret that a person remembers, made expensive to guess with Argon2id (docs/format.md
§8).

Guarantees: what a slot asks for is bounded before any memory is taken. Does not guarantee that a passphrase is hard
to guess: a copy of the store can be tried against at the rate that the cost allows.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final

from cryptography.hazmat.primitives.kdf.argon2 import Argon2id

from keystead.crypto.derivation import Random, draw
from keystead.crypto.rootkey.custodian import SECRET_BYTES, CustodianRefused, Parameters

KIND: Final = "passphrase"
SALT_BYTES: Final = 16
PASSPHRASE_MIN: Final = 12
PASSPHRASE_MAX: Final = 1024
MEMORY_MAX: Final = 1 << 20
ITERATIONS_MAX: Final = 16
WORK_MAX: Final = 1 << 22
LANES_MAX: Final = 16

_SALT = re.compile(r"[0-9a-f]{32}")


@dataclass(frozen=True, slots=True)
class Cost:
    """What one guess costs: ``memory`` in KiB, passes over it, parallel lanes. Default: RFC 9106 §4, second
    recommended option.

    ValueError outside 8 * lanes to 1 GiB, 1 to 16 iterations, 1 to 16 lanes, and memory * iterations at most 4 GiB.
    """

    memory: int = 65536
    iterations: int = 3
    lanes: int = 4

    def __post_init__(self) -> None:
        if not 1 <= self.lanes <= LANES_MAX:
            raise ValueError(f"lanes is 1 to {LANES_MAX}")
        if not 1 <= self.iterations <= ITERATIONS_MAX:
            raise ValueError(f"iterations is 1 to {ITERATIONS_MAX}")
        if not 8 * self.lanes <= self.memory <= MEMORY_MAX:  # the lower bound is Argon2's own (RFC 9106 §3.1)
            raise ValueError(f"memory is 8 for each lane to {MEMORY_MAX} KiB")
        if self.memory * self.iterations > WORK_MAX:
            raise ValueError(f"memory times iterations is at most {WORK_MAX} KiB")


class Passphrase:
    """The custodian that is a person who knows ``passphrase`` (its bytes as typed, in UTF-8, without a line end)."""

    __slots__ = ("_cost", "_passphrase")

    kind: Final = KIND

    def __init__(self, passphrase: bytes, cost: Cost | None = None) -> None:
        self._passphrase = passphrase
        self._cost = cost or Cost()

    def enrol(self, random: Random) -> tuple[Parameters, bytes]:
        """A fresh salt, and the cost this custodian was given. CustodianRefused when the passphrase is too short or
        too long."""
        if not PASSPHRASE_MIN <= len(self._passphrase) <= PASSPHRASE_MAX:
            raise CustodianRefused(
                f"a passphrase has {PASSPHRASE_MIN} to {PASSPHRASE_MAX} bytes: choose several random words"
            )
        salt = draw(random, SALT_BYTES)
        parameters: Parameters = {
            "salt": salt.hex(),
            "memory": self._cost.memory,
            "iterations": self._cost.iterations,
            "lanes": self._cost.lanes,
        }
        return parameters, self._stretched(salt, self._cost)

    def secret(self, parameters: Parameters) -> bytes:
        """The secret for the salt and cost that a slot names, which are bounded first."""
        if not 1 <= len(self._passphrase) <= PASSPHRASE_MAX:
            raise CustodianRefused(f"a passphrase has at most {PASSPHRASE_MAX} bytes and is not empty")
        return self._stretched(*_read(parameters))

    def _stretched(self, salt: bytes, cost: Cost) -> bytes:
        try:
            return Argon2id(
                salt=salt, length=SECRET_BYTES, iterations=cost.iterations, lanes=cost.lanes, memory_cost=cost.memory
            ).derive(self._passphrase)
        except MemoryError:
            raise CustodianRefused(
                f"the passphrase needs {cost.memory // 1024} MiB of memory, which is not free"
            ) from None

    def __repr__(self) -> str:
        return "Passphrase(…)"

    def __reduce__(self) -> str:
        raise TypeError("a passphrase is not pickled or copied")


def _read(parameters: Parameters) -> tuple[bytes, Cost]:
    """Salt and cost of a slot; CustodianRefused unless they are exactly what a slot of this kind has, within bounds."""
    salt = parameters.get("salt")
    numbers = [parameters.get(name) for name in ("memory", "iterations", "lanes")]
    memory, iterations, lanes = numbers
    if (
        len(parameters) != 4
        or not isinstance(salt, str)
        or not _SALT.fullmatch(salt)
        # not isinstance: True is an int to Python, but not to the format
        or type(memory) is not int
        or type(iterations) is not int
        or type(lanes) is not int
    ):
        raise CustodianRefused("its parameters are not those of a passphrase slot: the row was altered")
    try:
        return bytes.fromhex(salt), Cost(memory, iterations, lanes)
    except ValueError as error:
        raise CustodianRefused(f"its parameters are out of bounds ({error}): the row was altered") from None
