"""What every kind of custodian can do, and how it refuses.

Guarantees: nothing here holds or shows a secret.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol, TypeAlias

from keystead.crypto.derivation import Random

Parameters: TypeAlias = Mapping[str, str | int]
"""What a slot says publicly of its custodian; it goes into the store as a flat JSON object."""

SECRET_BYTES = 32


class CustodianRefused(Exception):
    """A custodian gives no secret. The text says what is wrong and what to do, and holds no secret."""


class Custodian(Protocol):
    """Somebody or something that keeps a secret of 32 bytes outside the store."""

    @property
    def kind(self) -> str:
        """The name of the kind in slots."""

    def enrol(self, random: Random) -> tuple[Parameters, bytes]:
        """A new secret and the parameters that find it again. When this returns, what the custodian keeps is
        durable."""

    def secret(self, parameters: Parameters) -> bytes:
        """The secret that belongs to a slot's parameters, which come from the store and are not trusted;
        CustodianRefused."""
