"""The reads of `interface.Reader` over any database that runs the texts of `statements`.

Guarantees: a key, material fact, grant or alias that is returned passed its MAC and is the one that was asked for (an
index of a damaged file may lead to another row); `identityreader` says the same of identities. Does not open, isolate or
retry: the database's own file does.
"""

from __future__ import annotations

from keystead.domain.grants import Grant, likeness
from keystead.domain.holdings import Sought
from keystead.domain.key import Alias, Key, LastUse, Material, WrappedKey, WrappedMaterial
from keystead.store import rows
from keystead.store import statements as sql
from keystead.store.identityreader import SqlIdentityReader
from keystead.store.interface import (
    ChangeRow,
    ChangesLost,
    DomainKeyRow,
    KeyName,
    KindCount,
    OutboxRow,
    SlotRow,
    StoreTampered,
)


class SqlReader(SqlIdentityReader):
    """Reads through ``execute``, valid as long as that is; `interface.Reader` says what each read means."""

    __slots__ = ()

    def key(self, account: str, region: str, key_id: str) -> Key | None:
        name = (account, region, key_id)
        key = self._one("keys", name, rows.key_of, sql.READ_KEY, name)
        if key is not None and (key.key_id, key.account, key.region) != (key_id, account, region):
            raise StoreTampered("keys", name)
        return key

    def key_by_ref(self, region: str, ref: bytes) -> Key | None:
        name = (region, f"with ref {ref.hex()}")
        key = self._one("keys", name, rows.key_of, sql.READ_KEY_BY_REF, (ref, region))
        if key is not None and (key.ref, key.region) != (ref, region):
            raise StoreTampered("keys", name)
        return key

    def related(self, ref: bytes) -> list[Key]:
        name = (f"with ref {ref.hex()}",)
        found = self._all("keys", name, sql.READ_RELATED, (ref,))
        keys = [self._value("keys", row[:3], rows.key_of, row) for row in found]
        for key in keys:
            if key.ref != ref:
                raise StoreTampered("keys", name)
        return keys

    def key_ids(self, account: str, region: str, after: str | None, limit: int) -> list[str]:
        return [key_id for (key_id,) in self._execute(sql.READ_KEY_IDS, (account, region, after or "", limit))]

    def count_keys(self, account: str, region: str) -> int:
        # Two indexes answer this; no row is read, however many keys there are.
        place = (account, region)
        return self._number(sql.COUNT_KEYS, place) - self._number(sql.COUNT_AWS_MANAGED, place)

    def kinds(self) -> list[KindCount]:
        return [KindCount(*found) for found in self._execute(sql.COUNT_KINDS, ())]

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

    def material_facts(self, account: str, region: str, key_id: str) -> list[Material]:
        name = (account, region, key_id)
        found = self._all("material_facts", name, sql.READ_MATERIAL_FACTS, name)
        facts = [self._value("material_facts", row[:4], rows.material_of, row) for row in found]
        for fact in facts:
            if (fact.account, fact.region, fact.key_id) != name:
                raise StoreTampered("material_facts", (*name, fact.material_id))
        return facts

    def grant(self, account: str, region: str, key_id: str, grant_id: str) -> Grant | None:
        name = (account, region, key_id, grant_id)
        grant = self._one("grants", name, rows.grant_of, sql.READ_GRANT, name)
        if grant is not None and (grant.account, grant.region, grant.key_id, grant.grant_id) != name:
            raise StoreTampered("grants", name)
        return grant

    def grants(
        self, account: str, region: str, key_id: str, after: str | None, limit: int, grantee: str | None = None
    ) -> list[Grant]:
        name = (account, region, key_id)
        if grantee is None:
            return self._grants(name, None, sql.READ_GRANTS, (*name, after or "", limit))
        return self._grants(name, grantee, sql.READ_GRANTS_OF_GRANTEE, (*name, grantee, after or "", limit))

    def grant_sought(
        self, account: str, region: str, key_id: str, grantee: str, sought: Sought, issuer: str | None
    ) -> Grant | None:
        name = (account, region, key_id)
        texts = (sql.READ_GRANT_DEMANDING, sql.READ_GRANT_DEMANDING_OF_ISSUER)
        values: list[rows.Columns] = [(each, sought.bits, sought.bits) for each in sought.demands]
        if sought.sources:
            texts = (sql.READ_GRANT_DESCRIBING, sql.READ_GRANT_DESCRIBING_OF_ISSUER)
            values = [(each,) for each in sought.sources]
        text, last = (texts[0], ()) if issuer is None else (texts[1], (issuer,))
        for each in values:
            for grant in self._grants(name, grantee, text, (*name, grantee, *each, *last)):
                if issuer not in {None, grant.issuing_account}:
                    raise StoreTampered("grants", (*name, grant.grant_id))
                return grant
        return None

    def grant_shapes(self, account: str, region: str, key_id: str, grantee: str, limit: int) -> list[str]:
        found = self._all(
            "grant_shapes",
            (account, region, key_id, grantee),
            sql.READ_GRANT_SHAPES,
            (account, region, key_id, grantee, limit),
        )
        return [shape for (shape,) in found]

    def grants_like(self, grant: Grant) -> list[Grant]:
        name, like = (grant.account, grant.region, grant.key_id), likeness(grant)
        found = [] if like is None else self._grants(name, grant.grantee, sql.READ_GRANTS_LIKE, (*name, like))
        for each in found:
            if likeness(each) != like:
                raise StoreTampered("grants", (*name, each.grant_id))
        return found

    def retirable(self, region: str, retiring: str, after: str | None, limit: int) -> list[Grant]:
        found = self._all("grants", (region,), sql.READ_RETIRABLE, (region, retiring, after or "", limit))
        grants = [self._value("grants", row[:4], rows.grant_of, row) for row in found]
        for grant in grants:
            if (grant.region, grant.retiring) != (region, retiring):
                raise StoreTampered("grants", (grant.account, grant.region, grant.key_id, grant.grant_id))
        return grants

    def _grants(self, name: tuple[str, str, str], grantee: str | None, text: str, values: rows.Columns) -> list[Grant]:
        grants = [self._value("grants", row[:4], rows.grant_of, row) for row in self._all("grants", name, text, values)]
        for grant in grants:
            if (grant.account, grant.region, grant.key_id) != name or grantee not in {None, grant.grantee}:
                raise StoreTampered("grants", (grant.account, grant.region, grant.key_id, grant.grant_id))
        return grants

    def count_grants(self, account: str, region: str, key_id: str) -> int:
        return self._number(sql.COUNT_GRANTS, (account, region, key_id))

    def has_grants(self, account: str, region: str, key_id: str) -> bool:
        return self._number(sql.HAS_GRANTS, (account, region, key_id)) > 0

    def last_use(self, account: str, region: str, key_id: str) -> LastUse | None:
        found = self._execute(sql.READ_LAST_USE, (account, region, key_id))
        return LastUse(*found[0]) if found else None

    def due_for_deletion(self, now: float, limit: int) -> list[KeyName]:
        return [KeyName(*row) for row in self._execute(sql.READ_DUE_FOR_DELETION, (now, limit))]

    def due_for_rotation(self, now: float, limit: int) -> list[KeyName]:
        return [KeyName(*row) for row in self._execute(sql.READ_DUE_FOR_ROTATION, (now, limit))]

    def due_for_expiry(self, now: float, limit: int) -> list[KeyName]:
        return [KeyName(*row) for row in self._execute(sql.READ_DUE_FOR_EXPIRY, (now, limit))]

    def account_key(self, account: str) -> bytes | None:
        return self._bytes(sql.READ_ACCOUNT_KEY, (account,))

    def accounts(self) -> list[str]:
        return [account for (account,) in self._execute(sql.READ_ACCOUNTS, ())]

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
