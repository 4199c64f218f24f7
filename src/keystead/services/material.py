"""Changes of a key's material, as values: what the operations and the sweep share.

Guarantees: related multi-Region keys rotate in one transaction; what a change of material means for the key (which one
is current, its state, when it expires) follows from its history alone. Does not ask permission, and unwraps nothing:
material comes in as it was made or imported, and is kept only wrapped."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any, Final

from keystead import errors
from keystead.crypto import keyspecs
from keystead.crypto.hierarchy import Hierarchy
from keystead.domain import materials
from keystead.domain.key import EXTERNAL, Key, Material, MaterialState, RotationType, WrappedMaterial
from keystead.domain.keytypes import SYMMETRIC_DEFAULT
from keystead.domain.materials import History
from keystead.services import change
from keystead.services.change import Change, ServiceEvent, Writes
from keystead.services.family import synchronized
from keystead.store.interface import Reader, Transaction

_ID_BYTES: Final = 32


@dataclass(frozen=True, slots=True)
class Bench:
    """What work on material needs: rows, keys to wrap with, randomness, the time."""

    reader: Reader
    hierarchy: Hierarchy
    random: Callable[[int], bytes]
    now: float

    def history(self, key: Key) -> History:
        return self.reader.material_facts(key.account, key.region, key.key_id)

    def family(self, key: Key) -> Sequence[Key]:
        """The key, and if it is a multi-Region key those that share its material."""
        return self.reader.related(key.ref) if key.multi_region else (key,)

    def keep(self, fact: Material, key: Key, material: bytes) -> Writes:
        """The bytes of this material, under the wrap key that its key has already."""
        account_key = self.reader.account_key(key.account)
        wrap_key = self.reader.wrap_key(key.account, key.region, key.key_id)
        if account_key is None or wrap_key is None:
            raise errors.internal(f"the key {key.arn} has nothing to wrap its material with")
        row = WrappedMaterial(
            key.account, key.region, key.key_id, fact.material_id, fact.version, key.spec, b"", self.now
        )
        wrapped = self.hierarchy.wrap_material(row, material, wrap_key, account_key, self.random)
        return (lambda transaction: transaction.put_material(wrapped),)


def settle(
    key: Key, history: History, changed: Iterable[Material] = (), gone: Iterable[str] = (), **facts: Any
) -> Writes:
    """A key as a change of its history leaves it: materials that changed or are new, the ids of those that left it,
    other facts of the key that change with them."""
    changed, gone = tuple(changed), tuple(gone)
    standing = materials.standing(replace(key, **facts), materials.merged(history, changed, gone))
    return (
        *(partial(_forget_fact, key, material_id) for material_id in gone),
        *(partial(_put_fact, fact) for fact in changed),
        lambda transaction: transaction.put_key(standing),
    )


def _put_fact(fact: Material, transaction: Transaction) -> None:
    transaction.put_material_fact(fact)


def _forget_fact(key: Key, material_id: str, transaction: Transaction) -> None:
    transaction.delete_material_fact(key.account, key.region, key.key_id, material_id)


def drop_bytes(key: Key, material_id: str) -> Writes:
    return (lambda transaction: transaction.delete_material(key.account, key.region, key.key_id, material_id),)


def new_fact(bench: Bench, key: Key, history: History, material_id: str, state: MaterialState) -> Material:
    """The next material of a key."""
    version = materials.next_version(history)
    return Material(key.account, key.region, key.key_id, material_id, version, state, present=True, created=bench.now)


def rotate(bench: Bench, key: Key, kind: RotationType, answer: Any = None, **facts: Any) -> Change:
    """Give a key and its family the next material: a fresh one, or the imported one that waits for it. ``facts`` are
    other facts of the keys that change with it."""
    imported = key.origin == EXTERNAL
    material_id = bench.random(_ID_BYTES).hex()
    fresh = b"" if imported else keyspecs.SPECS[key.spec].generate(bench.random)
    writes: list[Writes] = []
    family = bench.family(key)
    for one in family:
        history = bench.history(one)
        new = materials.waiting(history)
        if not imported:
            new = new_fact(bench, one, history, material_id, MaterialState.CURRENT)
            writes.append(bench.keep(new, one, fresh))
        if new is None:
            raise errors.internal(f"the key {one.arn} has no material to rotate to")
        material_id = new.material_id
        writes.append(settle(one, history, materials.rotated(history, new, bench.now, kind), **facts))
    return Change(
        answer,
        tuple(write for some in writes for write in some),
        tuple(change.touch(one) for one in family),
        (ServiceEvent("RotateKey", key, (("keyMaterialId", material_id),)), *synchronized(key, family)),
    )


def expire(bench: Bench, key: Key) -> Change | None:
    """Delete the bytes of what has expired; None when nothing has."""
    history = bench.history(key)
    over = materials.expired(history, bench.now)
    if not over:
        return None
    writes = [drop_bytes(key, one.material_id) for one in over]
    writes.append(settle(key, history, (materials.without_bytes(one) for one in over)))
    return Change(
        None,
        tuple(write for some in writes for write in some),
        (change.touch(key),),
        tuple(ServiceEvent("DeleteExpiredKeyMaterial", key, shown(key, one.material_id)) for one in over),
        shreds=True,
    )


def shown(key: Key, material_id: str) -> tuple[tuple[str, str], ...]:
    """A material id as records of the service show it: of keys that can have several materials."""
    return (("keyMaterialId", material_id),) if has_versions(key) else ()


def has_versions(key: Key) -> bool:
    """Whether keys of this spec can have several materials; of all others AWS shows no material id."""
    return key.spec == SYMMETRIC_DEFAULT
