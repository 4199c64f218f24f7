"""What every database of Keystead promises: the rows, the reads, the writes, the transaction and its failures.

Guarantees, for every implementation (the same contract tests run on each):

* Acknowledged is durable. When `Store.transact` returns, its rows survive a power cut, a killed process, a full disk.
* All or nothing. A transaction whose function raises, or whose commit fails, leaves no row behind.
* One order. Write transactions happen one after the other; a read sees all of a transaction or nothing of it, and
  every transaction that returned, in any process, before the read began.
* A row that decides about security (keys with their policy and tags, facts of material, grants, aliases, identities
  with their policies, groups, managed policies, access keys) is covered by a MAC over its table, its primary key and
  all its columns; one that fails is refused, never used.

Does not guarantee: that a row which somebody with write access to the files removed, or put back in an older authentic
version, is missed (the audit journal tells such things apart); that wrapped keys are whole (they authenticate
themselves when unwrapped).

Nothing here is a key in the clear. Times are seconds since the epoch. Texts are ordered by their UTF-8 bytes.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple, Protocol, Self, TypeAlias, TypeVar

from keystead.domain.grants import Grant
from keystead.domain.holdings import Sought
from keystead.domain.key import Alias, Key, LastUse, Material, WrappedKey, WrappedMaterial
from keystead.store.identities import IdentityReader, IdentityWriter

T = TypeVar("T")

# Bytes of a row in an injective encoding -> its MAC. Given by the composition root, from the metadata branch of the
# hierarchy.
RowMac: TypeAlias = Callable[[bytes], bytes]


# --- failures ---------------------------------------------------------------------------------------------------------


class StoreError(Exception):
    """Why the store did not do what it was asked; the subclass says what may be done. No text holds a row's content."""


class StoreUnavailable(StoreError):
    """Not now: the disk is full, fails or is read-only, or others kept a lock for too long. Later attempts may succeed.

    The transaction left nothing behind. One exception that no database can rule out: when the medium fails in the
    commit itself and the process or machine dies before the next write, the transaction may be found whole (never in
    part) at the next start.
    """


class StoreConflict(StoreError):
    """The rows contradict each other: a ref or a name used twice, a row of a key, account or identity that does not exist.

    Nothing was written.
    """


class StoreUnusable(StoreError):
    """Not a store for this program: missing, damaged, another application's, of a newer schema, open to other users."""


class StoreTampered(StoreError):
    """A row fails its MAC or is not the row that was asked for, and is not used. Names table and primary key only."""

    def __init__(self, table: str, key: Sequence[str]) -> None:
        super().__init__(f"the row {'/'.join(key)!a} of table {table} was not written by Keystead and is not used")
        self.table = table
        self.key = tuple(key)

    def __reduce__(self) -> tuple[type[StoreTampered], tuple[str, tuple[str, ...]]]:
        return type(self), (self.table, self.key)


class ChangesLost(StoreError):
    """Changes after the given number were trimmed, or the log is not the one that gave it: load everything anew."""


# --- rows that the domain does not know -------------------------------------------------------------------------------


class KeyName(NamedTuple):
    account: str
    region: str
    key_id: str


class KindCount(NamedTuple):
    manager: str
    origin: str
    keys: int


class SlotRow(NamedTuple):
    """A custodian's way to the root key. ``parameters`` is JSON text that holds no secret."""

    number: int
    kind: str
    parameters: str
    wrapped: bytes

    def __repr__(self) -> str:
        return f"SlotRow(number={self.number}, kind={self.kind!r})"


class DomainKeyRow(NamedTuple):
    """A domain key, wrapped under the root key; ``retired`` is when it stopped to wrap new keys, None when in use."""

    version: int
    wrapped: bytes
    created: float
    retired: float | None = None

    def __repr__(self) -> str:
        return f"DomainKeyRow(version={self.version}, created={self.created}, retired={self.retired})"


class ChangeRow(NamedTuple):
    """One entry of the change log. ``kind`` and ``subject`` are the services' words; the store only keeps them."""

    seq: int
    kind: str
    account: str
    region: str
    subject: str


class OutboxRow(NamedTuple):
    """An audit record that was decided with its change and waits to be copied to the journal.

    ``authentic`` is whether the row's MAC holds. One that does not was written by somebody else: it is shown, so that it
    can be reported, and never journalled.
    """

    seq: int
    event_id: str
    record: bytes
    authentic: bool = True


# --- reads ------------------------------------------------------------------------------------------------------------


class Reader(IdentityReader, Protocol):
    """Reads of one consistent snapshot. Valid only inside the function it was given to.

    All reads may raise StoreUnavailable. Reads of `Key`, `Material`, `Grant` and `Alias` raise StoreTampered when a row
    fails its MAC. What is read of identities stands in `identities`.
    """

    def key(self, account: str, region: str, key_id: str) -> Key | None: ...

    def key_by_ref(self, region: str, ref: bytes) -> Key | None: ...

    # The key of that ref in each region, by region: a multi-Region key's primary and replicas.
    def related(self, ref: bytes) -> list[Key]: ...

    # Names only, in ascending order, those greater than `after`. Names are not covered by MACs: read the key before
    # using one.
    def key_ids(self, account: str, region: str, after: str | None, limit: int) -> list[str]: ...

    # Customer managed keys, as the quota counts them: in all states, pending deletion too, and no AWS managed ones.
    def count_keys(self, account: str, region: str) -> int: ...

    # How many keys of all accounts and regions there are of each manager and origin. For whoever looks after a store.
    def kinds(self) -> list[KindCount]: ...

    def alias(self, account: str, region: str, name: str) -> Alias | None: ...

    # By name, ascending, those greater than `after`; of one key, or of all keys when key_id is None.
    def aliases(self, account: str, region: str, key_id: str | None, after: str | None, limit: int) -> list[Alias]: ...

    def count_aliases(self, account: str, region: str, key_id: str) -> int: ...

    def wrap_key(self, account: str, region: str, key_id: str) -> WrappedKey | None: ...

    # Oldest version first.
    def materials(self, account: str, region: str, key_id: str) -> list[WrappedMaterial]: ...

    # Oldest version first. Of an imported material also after its bytes were deleted.
    def material_facts(self, account: str, region: str, key_id: str) -> list[Material]: ...

    def grant(self, account: str, region: str, key_id: str, grant_id: str) -> Grant | None: ...

    # By grant id, ascending, those greater than `after`; all, or those of one grantee.
    def grants(
        self, account: str, region: str, key_id: str, after: str | None, limit: int, grantee: str | None = None
    ) -> list[Grant]: ...

    # One of the grants to this identity that are what is sought (`domain.holdings`); of those that ``issuer`` issued,
    # where one is named. Costs the same however many there are.
    def grant_sought(
        self, account: str, region: str, key_id: str, grantee: str, sought: Sought, issuer: str | None
    ) -> Grant | None: ...

    # The shapes of the grants to this identity (`domain.holdings.shape`), at most `limit`; none if it has no grants. Not
    # covered by MACs: they say where to look.
    def grant_shapes(self, account: str, region: str, key_id: str, grantee: str, limit: int) -> list[str]: ...

    # Those of the key that have the name and the parameters of this one (`domain.grants.likeness`), by grant id.
    def grants_like(self, grant: Grant) -> list[Grant]: ...

    # Of all keys of all accounts in the region whose retiring principal is this identity; by grant id, ascending, those
    # greater than `after`.
    def retirable(self, region: str, retiring: str, after: str | None, limit: int) -> list[Grant]: ...

    # Counted when they come and go, without a MAC.
    def count_grants(self, account: str, region: str, key_id: str) -> int: ...

    # Costs the same however many there are.
    def has_grants(self, account: str, region: str, key_id: str) -> bool: ...

    # Not covered by a MAC: it is told, and decides nothing.
    def last_use(self, account: str, region: str, key_id: str) -> LastUse | None: ...

    # What time has made due, earliest first. These are candidates, not covered by MACs: whoever acts on one reads the
    # key inside the acting transaction and decides by what it says.
    #
    # State PendingDeletion and a deletion date at or before `now`.
    def due_for_deletion(self, now: float, limit: int) -> list[KeyName]: ...

    # Enabled, not a replica, and a next rotation at or before `now`.
    def due_for_rotation(self, now: float, limit: int) -> list[KeyName]: ...

    # Imported material whose earliest `valid_to` is at or before `now`, in any state.
    def due_for_expiry(self, now: float, limit: int) -> list[KeyName]: ...

    # The wrapped account key, None when there is no such account.
    def account_key(self, account: str) -> bytes | None: ...

    # Account ids, the first made first. Times of creation have no MAC: the order decides nothing.
    def accounts(self) -> list[str]: ...

    # By number, ascending.
    def slots(self) -> list[SlotRow]: ...

    # By version, ascending.
    def domain_keys(self) -> list[DomainKeyRow]: ...

    # Log entries with a sequence number greater than `seq`, ascending, at most `limit`. Sequence numbers increase
    # strictly in the order in which transactions become visible: whoever has seen n never meets a number below n later.
    # SQLite's single writer gives that. A database with concurrent writers must take one lock for the log before it
    # draws the number and keep it until the commit is done. Raises ChangesLost when entries after `seq` may have been
    # trimmed, or when `seq` is beyond the end of the log.
    def changes_since(self, seq: int, limit: int) -> list[ChangeRow]: ...

    # The newest sequence number, 0 before the first change. Never goes down, trimming included.
    def last_change(self) -> int: ...

    # Oldest first.
    def outbox(self, limit: int) -> list[OutboxRow]: ...

    def meta(self, name: str) -> bytes | None: ...


# --- writes -----------------------------------------------------------------------------------------------------------


class Transaction(Reader, IdentityWriter, Protocol):
    """Reads and writes of one transaction; reads see its own writes.

    A put inserts the row or replaces the one with its primary key. References between rows are checked at the commit,
    so the order of puts does not matter. Deletions of what is not there do nothing.
    """

    # Key, policy and tags in one row under one MAC: a tag or a statement cannot be taken out by itself.
    def put_key(self, key: Key) -> None: ...

    # The key, its tags, aliases, grants, last use, wrap key, and its material with all that is known of it. The bytes
    # leave the live files with the next `Store.checkpoint_truncate`.
    def delete_key(self, account: str, region: str, key_id: str) -> None: ...

    def put_wrap_key(self, row: WrappedKey) -> None: ...

    def put_material(self, row: WrappedMaterial) -> None: ...

    # The wrapped bytes alone. They leave the live files with the next `Store.checkpoint_truncate`.
    def delete_material(self, account: str, region: str, key_id: str, material_id: str) -> None: ...

    def put_material_fact(self, material: Material) -> None: ...

    def delete_material_fact(self, account: str, region: str, key_id: str, material_id: str) -> None: ...

    def put_grant(self, grant: Grant) -> None: ...

    def delete_grant(self, account: str, region: str, key_id: str, grant_id: str) -> None: ...

    # Does nothing when the key is gone or a later use is known: uses are written some time after they were.
    def put_last_use(self, use: LastUse) -> None: ...

    def put_alias(self, alias: Alias) -> None: ...

    def delete_alias(self, account: str, region: str, name: str) -> None: ...

    def put_account(self, account: str, name: str, wrapped_key: bytes, created: float) -> None: ...

    def put_slot(self, row: SlotRow) -> None: ...

    def delete_slot(self, number: int) -> None: ...

    def put_domain_key(self, row: DomainKeyRow) -> None: ...

    def put_meta(self, name: str, value: bytes) -> None: ...

    # The new entry's sequence number: greater than every number given before, also than those trimmed since.
    def log_change(self, kind: str, account: str, region: str, subject: str) -> int: ...

    # Forgets log entries with a number up to and including `keep_after_seq`, except the newest entry of all. How many
    # were forgotten.
    def trim_changes(self, keep_after_seq: int) -> int: ...

    # The row's sequence number. An event id can be put once only (StoreConflict).
    def put_outbox(self, event_id: str, record: bytes) -> int: ...

    def delete_outbox(self, seqs: Sequence[int]) -> None: ...


# --- the store --------------------------------------------------------------------------------------------------------


class Store(Protocol):
    """One handle to the database. It serves one call at a time; `connect` gives another thread a handle of its own.

    A handle is not carried through a fork. Without row MACs (tools, and the start before the root key is open) a handle
    reads rows unchecked and refuses to write a row that needs a MAC.
    """

    # Runs `fn` on one snapshot and returns its answer. `fn` may run again: it has no effects besides its answer.
    def read(self, fn: Callable[[Reader], T]) -> T: ...

    # Runs `fn` in a write transaction and commits. Returns after the commit is durable. `fn` may run again when another
    # writer was in the way: it has no effects besides its writes and its answer. Any exception from `fn` rolls back and
    # is raised unchanged.
    def transact(self, fn: Callable[[Transaction], T]) -> T: ...

    # Brings the log of the database into its main file and empties it, so that deleted bytes are in neither. Raises
    # StoreUnavailable when other handles keep reading for too long: call again later.
    def checkpoint_truncate(self) -> None: ...

    # A handle of its own to the same database, for another thread. `row_mac` replaces the one of this handle when
    # given.
    def connect(self, row_mac: RowMac | None = None) -> Self: ...

    def close(self) -> None: ...
