"""The reads of `identities.IdentityReader` over any database that runs the texts of `statements`.

Guarantees: an identity, group, managed policy or access key that is returned passed its MAC and is the one that was
asked for (an index of a damaged file may lead to another row)."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

from keystead.domain.identity import Group, Identity, IdentityKind, ManagedPolicy
from keystead.store import rows
from keystead.store import statements as sql
from keystead.store.identities import CredentialUse, Holder, StoredAccessKey
from keystead.store.interface import StoreTampered
from keystead.store.reads import SqlReads

N = TypeVar("N", Identity, Group, ManagedPolicy)

_FIRST = Holder("", "", as_boundary=False)


class SqlIdentityReader(SqlReads):
    """Reads through ``execute``; `identities.IdentityReader` says what each read means."""

    __slots__ = ()

    def identity(self, arn: str) -> Identity | None:
        found = self._one("identities", (arn,), rows.identity_of, sql.READ_IDENTITY, (arn,))
        if found is not None and found.arn != arn:
            raise StoreTampered("identities", (arn,))
        return found

    def identity_with_id(self, unique_id: str) -> Identity | None:
        name = (unique_id,)
        found = self._one("identities", name, rows.identity_of, sql.READ_IDENTITY_WITH_ID, name)
        if found is not None and found.unique_id != unique_id:
            raise StoreTampered("identities", name)
        return found

    def user(self, account: str, name: str) -> Identity | None:
        return self._identity_named(account, IdentityKind.USER, name)

    def role(self, account: str, name: str) -> Identity | None:
        return self._identity_named(account, IdentityKind.ROLE, name)

    def _identity_named(self, account: str, kind: IdentityKind, name: str) -> Identity | None:
        asked = (account, kind.value, rows.folded(name))
        found = self._one("identities", asked, rows.identity_of, sql.READ_IDENTITY_NAMED, asked)
        if found is not None and (found.account, found.kind, rows.folded(found.name)) != asked:
            raise StoreTampered("identities", asked)
        return found

    def users(self, account: str, path_prefix: str, after: str | None, limit: int) -> list[Identity]:
        return self._identities(account, IdentityKind.USER, path_prefix, after, limit)

    def roles(self, account: str, path_prefix: str, after: str | None, limit: int) -> list[Identity]:
        return self._identities(account, IdentityKind.ROLE, path_prefix, after, limit)

    def _identities(
        self, account: str, kind: IdentityKind, path_prefix: str, after: str | None, limit: int
    ) -> list[Identity]:
        asked = (account, kind.value)
        found = self._in_path("identities", rows.identity_of, sql.READ_IDENTITIES, asked, path_prefix, after, limit)
        for each in found:
            if (each.account, each.kind) != asked:
                raise StoreTampered("identities", (each.unique_id,))
        return found

    def count_identities(self, account: str, kind: IdentityKind) -> int:
        return self._number(sql.COUNT_IDENTITIES, (account, kind.value))

    def group(self, account: str, name: str) -> Group | None:
        asked = (account, rows.folded(name))
        found = self._one("user_groups", asked, rows.group_of, sql.READ_GROUP_NAMED, asked)
        if found is not None and (found.account, rows.folded(found.name)) != asked:
            raise StoreTampered("user_groups", asked)
        return found

    def group_with_id(self, unique_id: str) -> Group | None:
        name = (unique_id,)
        found = self._one("user_groups", name, rows.group_of, sql.READ_GROUP_WITH_ID, name)
        if found is not None and found.unique_id != unique_id:
            raise StoreTampered("user_groups", name)
        return found

    def groups(self, account: str, path_prefix: str, after: str | None, limit: int) -> list[Group]:
        return self._of_account("user_groups", rows.group_of, sql.READ_GROUPS, account, path_prefix, after, limit)

    def count_groups(self, account: str) -> int:
        return self._number(sql.COUNT_GROUPS, (account,))

    def members(self, account: str, group: str, after: str | None, limit: int) -> list[str]:
        asked = (account, group, after or "", limit)
        return [member for (member,) in self._all("group_members", (account, group), sql.READ_MEMBERS, asked)]

    def managed_policy(self, arn: str) -> ManagedPolicy | None:
        found = self._one("managed_policies", (arn,), rows.managed_policy_of, sql.READ_MANAGED_POLICY, (arn,))
        if found is not None and found.arn != arn:
            raise StoreTampered("managed_policies", (arn,))
        return found

    def managed_policy_named(self, account: str, name: str) -> ManagedPolicy | None:
        asked = (account, rows.folded(name))
        found = self._one("managed_policies", asked, rows.managed_policy_of, sql.READ_MANAGED_POLICY_NAMED, asked)
        if found is not None and (found.account, rows.folded(found.name)) != asked:
            raise StoreTampered("managed_policies", asked)
        return found

    def managed_policies(self, account: str, path_prefix: str, after: str | None, limit: int) -> list[ManagedPolicy]:
        text = sql.READ_MANAGED_POLICIES
        return self._of_account("managed_policies", rows.managed_policy_of, text, account, path_prefix, after, limit)

    def count_managed_policies(self, account: str) -> int:
        return self._number(sql.COUNT_MANAGED_POLICIES, (account,))

    def attached_to(self, account: str, policy_arn: str, after: Holder | None, limit: int) -> list[Holder]:
        kind, name, as_boundary = after or _FIRST
        asked = (account, policy_arn, kind, name, int(as_boundary) if after else -1, limit)
        found = self._all("attachments", (account, policy_arn), sql.READ_ATTACHED_TO, asked)
        return [Holder(kind, name, as_boundary != 0) for kind, name, as_boundary in found]

    def count_attachments(self, account: str, policy_arn: str, as_boundary: bool) -> int:
        return self._number(sql.COUNT_ATTACHMENTS, (account, policy_arn, int(as_boundary)))

    def access_key(self, access_key_id: str) -> StoredAccessKey | None:
        name = (access_key_id,)
        found = self._one("access_keys", name, rows.access_key_of, sql.READ_ACCESS_KEY, name)
        if found is not None and found.access_key_id != access_key_id:
            raise StoreTampered("access_keys", name)
        return found

    def access_keys(self, identity_id: str) -> list[StoredAccessKey]:
        name = (f"of {identity_id}",)
        found = self._all("access_keys", name, sql.READ_ACCESS_KEYS, (identity_id,))
        keys = [self._value("access_keys", row[:1], rows.access_key_of, row) for row in found]
        for key in keys:
            if key.identity_id != identity_id:
                raise StoreTampered("access_keys", (key.access_key_id,))
        return keys

    def credential_use(self, subject: str) -> CredentialUse | None:
        found = self._execute(sql.READ_CREDENTIAL_USE, (subject,))
        return CredentialUse(*found[0]) if found else None

    # --- lists --------------------------------------------------------------------------------------------------------

    def _of_account(
        self,
        table: str,
        make: Callable[[rows.Columns], N],
        text: str,
        account: str,
        path_prefix: str,
        after: str | None,
        limit: int,
    ) -> list[N]:
        found = self._in_path(table, make, text, (account,), path_prefix, after, limit)
        for each in found:
            if each.account != account:
                raise StoreTampered(table, (each.unique_id,))
        return found

    def _in_path(
        self,
        table: str,
        make: Callable[[rows.Columns], N],
        text: str,
        of: tuple[str, ...],
        path_prefix: str,
        after: str | None,
        limit: int,
    ) -> list[N]:
        asked = (*of, len(path_prefix), path_prefix, after or "", limit)
        found = [self._value(table, row[:1], make, row) for row in self._all(table, of, text, asked)]
        for each in found:
            if not each.path.startswith(path_prefix):
                raise StoreTampered(table, (each.unique_id,))
        return found
