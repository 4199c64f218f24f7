"""The reads of `interface.Reader` over any database that runs the texts of `statements`.

Guarantees: a key, alias, principal or access key that is returned passed its MAC and is the one that was asked for
(an index of a damaged file may lead to another row). Does not open, isolate or retry: the database's own file does.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TypeVar

import msgspec

from keystead.domain.caller import Principal
from keystead.domain.key import Alias, Key, WrappedKey, WrappedMaterial
from keystead.store import rows
from keystead.store import statements as sql
from keystead.store.interface import (
    ChangeRow,
    ChangesLost,
    DomainKeyRow,
    KeyName,
    OutboxRow,
    SlotRow,
    StoredAccessKey,
    StoreTampered,
    StoreUnusable,
)
from keystead.store.vault import Execute

T = TypeVar("T")


class NotText(StoreUnusable):
    """A text column holds bytes that are not UTF-8: raised by a database's ``Execute`` in place of an error that
    quotes them."""


class SqlReader:
    """Reads through ``execute``, valid as long as that is; `interface.Reader` says what each read means."""

    __slots__ = ("_execute", "_seal")

    def __init__(self, execute: Execute, seal: rows.Seal) -> None:
        self._execute = execute
        self._seal = seal

    def key(self, account: str, region: str, key_id: str) -> Key | None:
        name = (account, region, key_id)
        key = self._one("keys", name, rows.key_of, sql.READ_KEY, name)
        if key is not None and (key.key_id, key.account, key.region) != (key_id, account, region):
            raise StoreTampered("keys", name)
        return key

    def key_by_ref(self, ref: bytes) -> Key | None:
        name = (f"with ref {ref.hex()}",)
        key = self._one("keys", name, rows.key_of, sql.READ_KEY_BY_REF, (ref,))
        if key is not None and key.ref != ref:
            raise StoreTampered("keys", name)
        return key

    def key_ids(self, account: str, region: str, after: str | None, limit: int) -> list[str]:
        return [key_id for (key_id,) in self._execute(sql.READ_KEY_IDS, (account, region, after or "", limit))]

    def count_keys(self, account: str, region: str) -> int:
        return self._number(sql.COUNT_KEYS, (account, region))

    def alias(self, account: str, region: str, name: str) -> Alias | None:
        asked = (account, region, name)
        alias = self._one("aliases", asked, rows.alias_of, sql.READ_ALIAS, asked)
        if alias is not None and (alias.name, alias.account, alias.region) != (name, account, region):
            raise StoreTampered("aliases", asked)
        return alias

    def aliases(self, account: str, region: str, key_id: str | None, after: str | None, limit: int) -> list[Alias]:
        name = (account, region)
        if key_id is None:
            found = self._all("aliases", name, sql.READ_ALIASES, (account, region, after or "", limit))
        else:
            found = self._all("aliases", name, sql.READ_ALIASES_OF_KEY, (account, region, key_id, after or "", limit))
        aliases = [self._value("aliases", row[:3], rows.alias_of, row) for row in found]
        for alias in aliases:
            if (alias.account, alias.region) != name or key_id not in {None, alias.key_id}:
                raise StoreTampered("aliases", (alias.account, alias.region, alias.name))
        return aliases

    def count_aliases(self, account: str, region: str, key_id: str) -> int:
        return self._number(sql.COUNT_ALIASES, (account, region, key_id))

    def wrap_key(self, account: str, region: str, key_id: str) -> WrappedKey | None:
        found = self._execute(sql.READ_WRAP_KEY, (account, region, key_id))
        return WrappedKey(account, region, key_id, found[0][0]) if found else None

    def materials(self, account: str, region: str, key_id: str) -> list[WrappedMaterial]:
        found = self._execute(sql.READ_MATERIALS, (account, region, key_id))
        return [WrappedMaterial(account, region, key_id, *row) for row in found]

    def due_for_deletion(self, now: float, limit: int) -> list[KeyName]:
        return [KeyName(*row) for row in self._execute(sql.READ_DUE, (now, limit))]

    def account_key(self, account: str) -> bytes | None:
        return self._bytes(sql.READ_ACCOUNT_KEY, (account,))

    def accounts(self) -> list[str]:
        return [account for (account,) in self._execute(sql.READ_ACCOUNTS, ())]

    def principal(self, arn: str) -> Principal | None:
        principal = self._one("principals", (arn,), rows.principal_of, sql.READ_PRINCIPAL, (arn,))
        if principal is not None and principal.arn != arn:
            raise StoreTampered("principals", (arn,))
        return principal

    def access_key(self, access_key_id: str) -> StoredAccessKey | None:
        name = (access_key_id,)
        found = self._one("access_keys", name, rows.access_key_of, sql.READ_ACCESS_KEY, name)
        if found is not None and found.access_key_id != access_key_id:
            raise StoreTampered("access_keys", name)
        return found

    def slots(self) -> list[SlotRow]:
        return [SlotRow(*row) for row in self._execute(sql.READ_SLOTS, ())]

    def domain_keys(self) -> list[DomainKeyRow]:
        return [DomainKeyRow(*row) for row in self._execute(sql.READ_DOMAIN_KEYS, ())]

    def changes_since(self, seq: int, limit: int) -> list[ChangeRow]:
        first = self._number(sql.READ_FIRST_CHANGE, ())
        # Numbers may have gaps (a rolled back draw), so that this may refuse where nothing was lost, never the other
        # way round.
        if seq < first - 1 or seq > self.last_change():
            raise ChangesLost(f"the change log no longer continues at {seq}")
        return [ChangeRow(*row) for row in self._execute(sql.READ_CHANGES, (seq, limit))]

    def last_change(self) -> int:
        return self._number(sql.READ_LAST_CHANGE, ())

    def outbox(self, limit: int) -> list[OutboxRow]:
        return [
            OutboxRow(seq, event_id, record, self._seal.holds("outbox", (event_id, record), mac))
            for seq, event_id, record, mac in self._execute(sql.READ_OUTBOX, (limit,))
        ]

    def meta(self, name: str) -> bytes | None:
        return self._bytes(sql.READ_META, (name,))

    # --- how a read is done -------------------------------------------------------------------------------------------

    def _number(self, text: str, values: rows.Columns) -> int:
        return int(self._execute(text, values)[0][0] or 0)

    def _bytes(self, text: str, values: rows.Columns) -> bytes | None:
        found = self._execute(text, values)
        return bytes(found[0][0]) if found else None

    def _all(self, table: str, name: Sequence[str], text: str, values: rows.Columns) -> list[rows.Columns]:
        try:
            return self._execute(text, values)
        except NotText:
            raise StoreTampered(table, name) from None

    def _one(
        self, table: str, name: Sequence[str], make: Callable[[rows.Columns], T], text: str, values: rows.Columns
    ) -> T | None:
        found = self._all(table, name, text, values)
        return self._value(table, name, make, found[0]) if found else None

    def _value(self, table: str, name: Sequence[str], make: Callable[[rows.Columns], T], row: rows.Columns) -> T:
        columns = self._seal.columns(table, name, row)
        try:
            return make(columns)
        except (ValueError, TypeError, msgspec.DecodeError):  # reached without row MACs only
            pass
        raise StoreTampered(table, name)  # out here, since the other error quotes the row and would go along as context
