"""The beginning of a store: root key, domain key, account, its root user, its first administrator and his access key.

Guarantees: a store is founded whole, in one transaction, or not at all; the secret access key is returned once and
kept only sealed. That the administrator may do everything is policy data like any other: nothing in Keystead asks
whether somebody is an administrator."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from keystead.crypto.hierarchy import NO_DOMAINS, Hierarchy
from keystead.crypto.rootkey import slots
from keystead.crypto.rootkey.custodian import Custodian
from keystead.domain import awspolicies
from keystead.domain.identity import Identity, IdentityKind
from keystead.services import anchoring, identifiers
from keystead.store.identities import StoredAccessKey
from keystead.store.interface import DomainKeyRow, Reader, SlotRow, Store, Transaction
from keystead.store.sqlite import SqliteStore

Random = Callable[[int], bytes]

FOUNDED: Final = "founded"
ACCESS_KEY_SECRET: Final = b"access-key"
ADMINISTRATOR: Final = "admin"


class AlreadyFounded(Exception):
    """There is a store already; nothing was changed."""


class NotFounded(Exception):
    """There is no store yet."""


@dataclass(frozen=True, slots=True)
class Credentials:
    """The first access key. The secret is shown here and never again."""

    account: str
    access_key_id: str
    secret: str = field(repr=False)


def is_founded(store: Path) -> bool:
    """Whether a store was founded at this path."""
    if not store.exists():
        return False
    with SqliteStore.open(store, None, create=False) as opened:
        return opened.read(lambda reader: reader.meta(FOUNDED)) is not None


def found(
    path: Path,
    custodian: Custodian,
    now: float,
    random: Random,
    *,
    account: str | None = None,
    credentials: tuple[str, str] | None = None,
) -> Credentials:
    """Found the store at ``path`` with ``custodian`` as the keeper of its root key. Raises AlreadyFounded.

    ``account`` and ``credentials`` (access key id, secret) are drawn where not given; only the stand-in for tests
    gives them."""
    if is_founded(path):
        raise AlreadyFounded(f"There is a store at {path} already.")
    root = slots.new(random)
    version, wrapped = Hierarchy(root, {}, NO_DOMAINS).new_domain(random)
    hierarchy = Hierarchy(root, {version: wrapped}, version)
    account = account or identifiers.account_id(random)
    access_key_id, secret = credentials or (identifiers.access_key_id(random), identifiers.secret_access_key(random))
    slot = slots.create(root, custodian, 1, random)
    with SqliteStore.open(path, None, create=True) as opened:
        store = opened.connect(hierarchy.row_mac)
        try:
            store.transact(
                lambda transaction: _write(
                    transaction, hierarchy, slot, (version, wrapped), account, (access_key_id, secret), now, random
                )
            )
        finally:
            store.close()
    return Credentials(account, access_key_id, secret)


def _write(
    transaction: Transaction,
    hierarchy: Hierarchy,
    slot: slots.Slot,
    domain: tuple[int, bytes],
    account: str,
    credentials: tuple[str, str],
    now: float,
    random: Random,
) -> None:
    if transaction.meta(FOUNDED) is not None:
        raise AlreadyFounded("Another process has just founded this store.")
    transaction.put_meta(FOUNDED, repr(now).encode())
    # From the first moment on, so that a store without it is known as one from which it was taken.
    transaction.put_meta(anchoring.ROW, anchoring.sealed(hierarchy, anchoring.Remembered(), random))
    transaction.put_slot(_row(slot))
    transaction.put_domain_key(DomainKeyRow(*domain, created=now))
    settle(transaction, hierarchy, Credentials(account, *credentials), now, random)


def settle(
    transaction: Transaction, hierarchy: Hierarchy, first: Credentials, now: float, random: Random
) -> tuple[Identity, Identity]:
    """Write a new account: its key, its root user, its administrator, and the administrator's access key. Returns the
    two identities."""
    account = first.account
    root = Identity.root(account, now)
    administrator = Identity(
        IdentityKind.USER,
        account,
        "/",
        ADMINISTRATOR,
        identifiers.user_id(random),
        now,
        attached=(awspolicies.ADMINISTRATOR_ACCESS,),
    )
    transaction.put_account(account, account, hierarchy.new_account_key(account, random), now)
    transaction.put_identity(root)
    transaction.put_identity(administrator)
    transaction.put_access_key(
        seal_access_key(hierarchy, first.access_key_id, administrator, first.secret, now, random)
    )
    return root, administrator


def open_hierarchy(store: Store, custodians: list[Custodian]) -> Hierarchy:
    """The hierarchy of a founded store, opened by any of the custodians. Raises NotFounded, or slots.RootKeyClosed."""

    def rows(reader: Reader) -> tuple[bool, list[SlotRow], list[DomainKeyRow]]:
        return reader.meta(FOUNDED) is not None, reader.slots(), reader.domain_keys()

    founded, slot_rows, domains = store.read(rows)
    if not founded:
        raise NotFounded("There is no store yet; `keystead init` makes one.")
    root = slots.open(_slots(slot_rows), custodians)
    in_use = max((row.version for row in domains if row.retired is None), default=NO_DOMAINS)
    return Hierarchy(root, {row.version: row.wrapped for row in domains}, in_use)


def _slots(rows: list[SlotRow]) -> list[slots.Slot]:
    return [slots.Slot.read(*row) for row in rows]


def _row(slot: slots.Slot) -> SlotRow:
    return SlotRow(slot.number, slot.kind, slot.parameters_text, slot.wrapped)


def seal_access_key(
    hierarchy: Hierarchy, access_key_id: str, identity: Identity, secret: str, now: float, random: Random
) -> StoredAccessKey:
    """A new active access key of that identity. Its secret is sealed to the unique id: a user that gets another name
    keeps it, a later user of the name does not get it."""
    owner = (access_key_id, identity.unique_id)
    sealed = hierarchy.seal_secret(ACCESS_KEY_SECRET, owner, secret.encode(), random)
    return StoredAccessKey(access_key_id, identity.unique_id, sealed, True, now)


def open_access_key(hierarchy: Hierarchy, row: StoredAccessKey) -> bytes:
    """The secret of a stored access key."""
    return hierarchy.open_secret(ACCESS_KEY_SECRET, (row.access_key_id, row.identity_id), row.sealed_secret)


def add_slot(store: Store, opened: list[Custodian], custodian: Custodian, random: Random) -> int:
    """Give the root key one more custodian, after one that is there already has opened it. Returns the new slot's
    number."""

    def rows(reader: Reader) -> list[SlotRow]:
        return reader.slots()

    held = store.read(rows)
    root = slots.open(_slots(held), opened)
    number = max(row.number for row in held) + 1
    slot = slots.create(root, custodian, number, random)
    store.transact(lambda transaction: transaction.put_slot(_row(slot)))
    return number


class LastSlot(Exception):
    """Nothing would open the root key any more; nothing was changed."""


def remove_slot(store: Store, number: int, custodians: list[Custodian]) -> None:
    """Take a custodian's slot away, when one of ``custodians`` opens another: a row alone proves nothing.

    Raises LastSlot rather than leave none, also for a number that is not there; slots.RootKeyClosed when none of the
    others opens."""

    def remove(transaction: Transaction) -> None:
        rows = transaction.slots()
        numbers = [row.number for row in rows]
        if number not in numbers:
            raise LastSlot(f"There is no slot {number}; there are {', '.join(map(str, numbers))}.")
        if len(numbers) == 1:
            raise LastSlot(f"Slot {number} is the last that opens the root key. Add another first.")
        slots.open(_slots([row for row in rows if row.number != number]), custodians)
        transaction.delete_slot(number)

    store.transact(remove)
