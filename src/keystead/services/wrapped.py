"""The rows that hold a key's secrets, wrapped: of no use to anybody without the hierarchy, and read by the gate alone."""

from __future__ import annotations

from dataclasses import dataclass, field

from keystead.domain.key import Key, WrappedKey, WrappedMaterial
from keystead.store.interface import Reader


@dataclass(frozen=True, slots=True)
class Secrets:
    """Rows that only the gate asks for: wrapped, so of no use to anybody without the hierarchy."""

    account_key: bytes = field(repr=False)
    wrap_key: WrappedKey
    materials: tuple[WrappedMaterial, ...]

    def material(self, material_id: str) -> WrappedMaterial | None:
        return next((row for row in self.materials if row.material_id == material_id), None)


def load_secrets(reader: Reader, key: Key) -> Secrets | None:
    account_key = reader.account_key(key.account)
    wrap_key = reader.wrap_key(key.account, key.region, key.key_id)
    if account_key is None or wrap_key is None:
        return None
    return Secrets(account_key, wrap_key, tuple(reader.materials(key.account, key.region, key.key_id)))
