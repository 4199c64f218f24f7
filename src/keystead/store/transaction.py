"""The writes of `interface.Transaction` over any database that runs the texts of `statements`.

Guarantees: a protected row is written with its MAC in the same statement; sealed bytes go through the vault, so that a
replacement or a deletion leaves no copy. Does not begin or commit: the database's own file does.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from keystead.domain.arn import policy_arn
from keystead.domain.grants import Grant
from keystead.domain.holdings import shape
from keystead.domain.identity import AWS, Group, Identity, ManagedPolicy
from keystead.domain.key import Alias, Key, LastUse, Material, WrappedKey, WrappedMaterial
from keystead.store import rows, vault
from keystead.store import statements as sql
from keystead.store.identities import CredentialUse, Holder, StoredAccessKey
from keystead.store.interface import DomainKeyRow, SlotRow
from keystead.store.reader import SqlReader

_OF_AWS: Final = policy_arn(AWS, "/", "")


class SqlTransaction(SqlReader):
    """Writes through ``execute``, valid as long as that is; `interface.Transaction` says what each write means."""

    __slots__ = ()

    def put_key(self, key: Key) -> None:
        self._put("keys", sql.PUT_KEY, rows.key_columns(key))

    def delete_key(self, account: str, region: str, key_id: str) -> None:
        name = (account, region, key_id)
        slots = self._execute(sql.SLOT_OF_WRAP_KEY, name) + self._execute(sql.SLOTS_OF_MATERIALS, name)
        self._execute(sql.DELETE_WRAP_KEY, name)
        self._execute(sql.DELETE_MATERIALS, name)
        for (slot,) in slots:
            vault.wipe(self._execute, slot)
        for text in (
            sql.DELETE_MATERIAL_FACTS,
            sql.DELETE_ALIASES_OF_KEY,
            sql.DELETE_GRANTS,
            sql.DELETE_GRANT_COUNT,
            sql.DELETE_GRANT_SHAPES,
            sql.DELETE_LAST_USE,
        ):
            self._execute(text, name)
        self._execute(sql.DELETE_KEY, name)

    def put_wrap_key(self, row: WrappedKey) -> None:
        name = (row.account, row.region, row.key_id)
        slot = self._place(sql.SLOT_OF_WRAP_KEY, name, row.wrapped)
        self._execute(sql.PUT_WRAP_KEY, (*name, slot))

    def put_material(self, row: WrappedMaterial) -> None:
        name = (row.account, row.region, row.key_id, row.material_id)
        slot = self._place(sql.SLOT_OF_MATERIAL, name, row.wrapped)
        self._execute(sql.PUT_MATERIAL, (*name, row.version, row.spec, slot, float(row.created)))

    def delete_material(self, account: str, region: str, key_id: str, material_id: str) -> None:
        self._remove(sql.SLOT_OF_MATERIAL, sql.DELETE_MATERIAL, (account, region, key_id, material_id))

    def put_material_fact(self, material: Material) -> None:
        self._put("material_facts", sql.PUT_MATERIAL_FACT, rows.material_columns(material))

    def delete_material_fact(self, account: str, region: str, key_id: str, material_id: str) -> None:
        self._execute(sql.DELETE_MATERIAL_FACT, (account, region, key_id, material_id))

    def put_grant(self, grant: Grant) -> None:
        before = self.grant(*grant.full_name)
        if before is not None:
            self._count_grant(before, -1)
        self._put("grants", sql.PUT_GRANT, rows.grant_columns(grant))
        self._count_grant(grant, 1)

    def delete_grant(self, account: str, region: str, key_id: str, grant_id: str) -> None:
        before = self.grant(account, region, key_id, grant_id)
        if before is not None:
            self._execute(sql.DELETE_GRANT, (account, region, key_id, grant_id))
            self._count_grant(before, -1)

    def _count_grant(self, grant: Grant, more: int) -> None:
        name = (grant.account, grant.region, grant.key_id)
        of_shape = (*name, grant.grantee, shape(grant))
        self._execute(sql.ADD_TO_GRANT_COUNT, (*name, more))
        self._execute(sql.ADD_TO_GRANT_SHAPE, (*of_shape, more))
        if more < 0:
            self._execute(sql.DELETE_EMPTY_GRANT_SHAPE, of_shape)

    def put_last_use(self, use: LastUse) -> None:
        name = (use.account, use.region, use.key_id)
        self._execute(sql.PUT_LAST_USE, (use.operation, float(use.at), use.event_id, use.request_id, *name))

    def put_alias(self, alias: Alias) -> None:
        self._put("aliases", sql.PUT_ALIAS, rows.alias_columns(alias))

    def delete_alias(self, account: str, region: str, name: str) -> None:
        self._execute(sql.DELETE_ALIAS, (account, region, name))

    def put_account(self, account: str, name: str, wrapped_key: bytes, created: float) -> None:
        slot = self._place(sql.SLOT_OF_ACCOUNT, (account,), wrapped_key)
        self._execute(sql.PUT_ACCOUNT, (account, name, slot, float(created)))

    def put_identity(self, identity: Identity) -> None:
        before = self.identity_with_id(identity.unique_id)
        self._put("identities", sql.PUT_IDENTITY, rows.identity_columns(identity))
        self._index(identity.account, before, identity)

    def delete_identity(self, unique_id: str) -> None:
        before = self.identity_with_id(unique_id)
        if before is not None:
            self._execute(sql.DELETE_CREDENTIAL_USE, (unique_id,))
            self._execute(sql.DELETE_IDENTITY, (unique_id,))
            self._index(before.account, before, None)

    def put_group(self, group: Group) -> None:
        before = self.group_with_id(group.unique_id)
        self._put("user_groups", sql.PUT_GROUP, rows.group_columns(group))
        self._index(group.account, before, group)

    def delete_group(self, unique_id: str) -> None:
        before = self.group_with_id(unique_id)
        if before is not None:
            self._execute(sql.DELETE_GROUP, (unique_id,))
            self._index(before.account, before, None)

    def put_managed_policy(self, policy: ManagedPolicy) -> None:
        self._put("managed_policies", sql.PUT_MANAGED_POLICY, rows.managed_policy_columns(policy))

    def delete_managed_policy(self, arn: str) -> None:
        self._execute(sql.DELETE_MANAGED_POLICY, (arn,))

    def _index(self, account: str, before: Identity | Group | None, after: Identity | Group | None) -> None:
        """Note who is in which group and what is attached to whom, as far as it is not what it was."""
        were, are = _memberships(before), _memberships(after)
        for group, member in were - are:
            self._execute(sql.DELETE_MEMBER, (account, group, member))
        for group, member in are - were:
            self._execute(sql.ADD_MEMBER, (account, group, member))
        had, has = _attachments(before), _attachments(after)
        for policy, (kind, name, as_boundary) in had - has:
            self._execute(sql.DELETE_ATTACHMENT, (account, policy, kind, name, int(as_boundary)))
        for policy, (kind, name, as_boundary) in has - had:
            of_account = None if policy.startswith(_OF_AWS) else policy
            self._execute(sql.ADD_ATTACHMENT, (account, policy, kind, name, int(as_boundary), of_account))

    def put_access_key(self, row: StoredAccessKey) -> None:
        columns = rows.access_key_columns(row)
        mac = self._seal.mac("access_keys", columns)
        slot = self._place(sql.SLOT_OF_ACCESS_KEY, (row.access_key_id,), row.sealed_secret)
        access_key_id, identity_id, _secret, active, created = columns
        self._execute(sql.PUT_ACCESS_KEY, (access_key_id, identity_id, slot, active, created, mac))

    def delete_access_key(self, access_key_id: str) -> None:
        self._execute(sql.DELETE_CREDENTIAL_USE, (access_key_id,))
        self._remove(sql.SLOT_OF_ACCESS_KEY, sql.DELETE_ACCESS_KEY, (access_key_id,))

    def put_credential_use(self, use: CredentialUse) -> None:
        subject = (use.subject, use.subject)
        self._execute(sql.PUT_CREDENTIAL_USE, (use.subject, float(use.at), use.service, use.region, *subject))

    def put_slot(self, row: SlotRow) -> None:
        slot = self._place(sql.SLOT_OF_SLOT, (row.number,), row.wrapped)
        self._execute(sql.PUT_SLOT, (row.number, row.kind, row.parameters, slot))

    def delete_slot(self, number: int) -> None:
        self._remove(sql.SLOT_OF_SLOT, sql.DELETE_SLOT, (number,))

    def put_domain_key(self, row: DomainKeyRow) -> None:
        slot = self._place(sql.SLOT_OF_DOMAIN_KEY, (row.version,), row.wrapped)
        retired = None if row.retired is None else float(row.retired)
        self._execute(sql.PUT_DOMAIN_KEY, (row.version, slot, float(row.created), retired))

    def put_meta(self, name: str, value: bytes) -> None:
        self._execute(sql.PUT_META, (name, value))

    def log_change(self, kind: str, account: str, region: str, subject: str) -> int:
        return int(self._execute(sql.LOG_CHANGE, (kind, account, region, subject))[0][0])

    def trim_changes(self, keep_after_seq: int) -> int:
        return len(self._execute(sql.TRIM_CHANGES, (keep_after_seq,)))

    def put_outbox(self, event_id: str, record: bytes) -> int:
        mac = self._seal.mac("outbox", (event_id, record))
        return int(self._execute(sql.PUT_OUTBOX, (event_id, record, mac))[0][0])

    def delete_outbox(self, seqs: Sequence[int]) -> None:
        for seq in seqs:
            self._execute(sql.DELETE_OUTBOX, (seq,))

    # --- how a write is done ------------------------------------------------------------------------------------------

    def _put(self, table: str, text: str, columns: rows.Columns) -> None:
        self._execute(text, (*columns, self._seal.mac(table, columns)))

    def _place(self, find: str, name: rows.Columns, data: bytes) -> int:
        found = self._execute(find, name)
        return vault.place(self._execute, found[0][0] if found else None, data)

    def _remove(self, find: str, delete: str, name: rows.Columns) -> None:
        slots = self._execute(find, name)
        self._execute(delete, name)
        for (slot,) in slots:
            vault.wipe(self._execute, slot)


def _memberships(who: Identity | Group | None) -> set[tuple[str, str]]:
    """Group and member."""
    return {(group, who.name) for group in who.groups} if isinstance(who, Identity) else set()


def _attachments(who: Identity | Group | None) -> set[tuple[str, Holder]]:
    """Policy and whom it is attached to."""
    if who is None:
        return set()
    kind = who.kind.value if isinstance(who, Identity) else "Group"
    found = {(policy, Holder(kind, who.name)) for policy in who.attached}
    if isinstance(who, Identity) and who.boundary is not None:
        found.add((who.boundary, Holder(kind, who.name, as_boundary=True)))
    return found
