"""What an operation wants written: a value, made by a pure function, applied inside one transaction.

An operation that mutates is run twice: first over the snapshot, so that a refused call never takes the write lock,
then again inside its transaction over current rows, so that two workers never both pass a limit, an alias or a state
check. Only the second `Change` is applied."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from keystead.domain.grants import Grant
from keystead.domain.identity import Group, Identity, ManagedPolicy
from keystead.domain.key import Key
from keystead.store.interface import Transaction

#: Kinds of the change log: what a worker must forget when it reads the row.
KEY: Final = "key"
GRANT: Final = "grant"  # the subject is the key's id, a slash, and the grantee's identity
ALIAS: Final = "alias"
PRINCIPAL: Final = "principal"  # the subject is the unique id of the user, role or root user
GROUP: Final = "group"
POLICY: Final = "policy"  # a managed policy of the account
ACCESS_KEY: Final = "access_key"


@dataclass(frozen=True, slots=True)
class Touch:
    """One row of the change log: ``subject`` of ``kind`` in account and region is not what it was."""

    kind: str
    account: str
    region: str
    subject: str


#: What is done to the rows of one transaction.
Writes = tuple[Callable[[Transaction], None], ...]


@dataclass(frozen=True, slots=True)
class ServiceEvent:
    """What the service does by itself to a key (DeleteKey, RotateKey, …): a record of its own in the audit journal.
    ``called``: it does so by calling itself (SynchronizeMultiRegionKey), and such a record has no details."""

    name: str
    key: Key
    details: tuple[tuple[str, str], ...] = field(default=())
    called: bool = False


@dataclass(frozen=True, slots=True)
class Elsewhere:
    """What a call did besides under another name, to a key of another region (ReplicateKey: CreateKey): a record of
    its own, of the same caller."""

    name: str
    key: Key
    parameters: Mapping[str, Any]
    elements: Any


@dataclass(frozen=True, slots=True)
class Change:
    """The answer of a mutation, what it writes, and what others must forget because of it. No writes: a no-op.

    ``events`` and ``elsewhere`` are recorded with it, besides the call itself. ``shreds``: it deletes sealed bytes, which the store's
    log must lose as well."""

    answer: Any
    writes: Writes = ()
    touches: tuple[Touch, ...] = ()
    events: tuple[ServiceEvent, ...] = ()
    shreds: bool = False
    elsewhere: tuple[Elsewhere, ...] = ()

    @property
    def nothing(self) -> bool:
        """Whether there is nothing to do, for the store is as it is to be."""
        return not (self.writes or self.touches or self.events or self.elsewhere or self.shreds)

    def apply(self, transaction: Transaction) -> None:
        for write in self.writes:
            write(transaction)
        for touch in self.touches:
            transaction.log_change(touch.kind, touch.account, touch.region, touch.subject)


def touch(key: Key) -> Touch:
    """That this key is not what it was."""
    return Touch(KEY, key.account, key.region, key.key_id)


def touch_grant(grant: Grant) -> Touch:
    """That this grant was made, or is gone. The rest of its key is what it was."""
    return Touch(GRANT, grant.account, grant.region, f"{grant.key_id}/{grant.grantee}")


def touch_identity(identity: Identity) -> Touch:
    """That this user, role or root user is not what it was: its policies, its groups, its name, or that it is there."""
    return Touch(PRINCIPAL, identity.account, "", identity.unique_id)


def touch_group(group: Group) -> Touch:
    """That this group's policies or its name are not what they were. Who is in it is a matter of its members."""
    return Touch(GROUP, group.account, "", group.unique_id)


def touch_policy(policy: ManagedPolicy) -> Touch:
    """That this managed policy says something else, or is gone."""
    return Touch(POLICY, policy.account, "", policy.unique_id)


def touch_access_key(account: str, access_key_id: str) -> Touch:
    """That this access key was made, is active or inactive, or is gone."""
    return Touch(ACCESS_KEY, account, "", access_key_id)


def put(key: Key) -> Callable[[Transaction], None]:
    """The write of this key's row."""
    return lambda transaction: transaction.put_key(key)


def keep(key: Key, answer: Any = None) -> Change:
    """The key's row as it is to be from now on."""
    return Change(answer, (put(key),), (touch(key),))


def together(changes: Iterable[Change], answer: Any = None) -> Change:
    """Several changes as one."""
    changes = tuple(changes)
    return Change(
        answer,
        tuple(write for one in changes for write in one.writes),
        tuple(touch for one in changes for touch in one.touches),
        tuple(event for one in changes for event in one.events),
        any(one.shreds for one in changes),
        tuple(one for change in changes for one in change.elsewhere),
    )
