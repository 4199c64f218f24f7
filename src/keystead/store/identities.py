"""The part of the store's interface that is about identities: what `interface.Reader` and `interface.Transaction`
promise of them. Everything that the module `interface` says holds here.

The tables of who is in which group and of what is attached to whom say where to look and have no MAC: whoever decides
reads the rows that they name. Who holds what stands in the identity's own row."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import NamedTuple, Protocol

from keystead.domain.identity import Group, Identity, IdentityKind, ManagedPolicy


@dataclass(frozen=True, slots=True)
class StoredAccessKey:
    """An access key of a user or root user; its secret is sealed under the credentials branch of the hierarchy.

    It belongs to the unique id: a user that gets another name keeps it, a later user of that name does not get it."""

    access_key_id: str
    identity_id: str
    sealed_secret: bytes = field(repr=False)
    active: bool
    created: float


class CredentialUse(NamedTuple):
    """When an access key, or a session of a role, last proved a call, to which service (``kms``) and in which region.
    ``subject`` is the access key id, or the unique id of the role."""

    subject: str
    at: float
    service: str
    region: str


class Holder(NamedTuple):
    """Whom a managed policy is attached to: ``kind`` is User, Role or Group. ``as_boundary``: it is the permissions
    boundary, which is not an attachment in AWS's counts."""

    kind: str
    name: str
    as_boundary: bool = False


class IdentityReader(Protocol):
    """Reads of identities, groups, managed policies and access keys; all of them raise StoreTampered when a row fails
    its MAC.

    Names are looked up irrespective of case, as they are unique; ``name`` of what is found tells how it is spelt. Lists
    are by name, ascending, those greater than `after`, in paths that begin with `path_prefix`."""

    def identity(self, arn: str) -> Identity | None: ...

    # Whatever its ARN is by now.
    def identity_with_id(self, unique_id: str) -> Identity | None: ...

    def user(self, account: str, name: str) -> Identity | None: ...

    def role(self, account: str, name: str) -> Identity | None: ...

    def users(self, account: str, path_prefix: str, after: str | None, limit: int) -> list[Identity]: ...

    def roles(self, account: str, path_prefix: str, after: str | None, limit: int) -> list[Identity]: ...

    def count_identities(self, account: str, kind: IdentityKind) -> int: ...

    def group(self, account: str, name: str) -> Group | None: ...

    def group_with_id(self, unique_id: str) -> Group | None: ...

    def groups(self, account: str, path_prefix: str, after: str | None, limit: int) -> list[Group]: ...

    def count_groups(self, account: str) -> int: ...

    # Names of the users in the group of exactly this name, ascending. Not covered by MACs.
    def members(self, account: str, group: str, after: str | None, limit: int) -> list[str]: ...

    # A policy of an account; AWS managed ones are not in the store (`domain.awspolicies`).
    def managed_policy(self, arn: str) -> ManagedPolicy | None: ...

    # The policy of that name in whatever path.
    def managed_policy_named(self, account: str, name: str) -> ManagedPolicy | None: ...

    def managed_policies(
        self, account: str, path_prefix: str, after: str | None, limit: int
    ) -> list[ManagedPolicy]: ...

    def count_managed_policies(self, account: str) -> int: ...

    # In this account, in the order of `Holder`. Of an AWS managed policy too. Not covered by MACs.
    def attached_to(self, account: str, policy_arn: str, after: Holder | None, limit: int) -> list[Holder]: ...

    # How often it is attached in this account, or how often it is a boundary.
    def count_attachments(self, account: str, policy_arn: str, as_boundary: bool) -> int: ...

    def access_key(self, access_key_id: str) -> StoredAccessKey | None: ...

    # Oldest first.
    def access_keys(self, identity_id: str) -> list[StoredAccessKey]: ...

    # Not covered by a MAC: it is told, and decides nothing.
    def credential_use(self, subject: str) -> CredentialUse | None: ...


class IdentityWriter(Protocol):
    """Writes of identities. The primary key of identities and groups is the unique id, so that a put may also give
    another name or path. StoreConflict, at the latest at the commit, where a name is taken (irrespective of case), a
    group of a user or an attached policy of an account does not exist, or something is deleted that others refer to."""

    # With all its policies in one row under one MAC: a Deny cannot be taken out by itself.
    def put_identity(self, identity: Identity) -> None: ...

    # Its access keys go first.
    def delete_identity(self, unique_id: str) -> None: ...

    # After a change of the name the rows of its members must be put too.
    def put_group(self, group: Group) -> None: ...

    def delete_group(self, unique_id: str) -> None: ...

    def put_managed_policy(self, policy: ManagedPolicy) -> None: ...

    def delete_managed_policy(self, arn: str) -> None: ...

    def put_access_key(self, row: StoredAccessKey) -> None: ...

    # With what is known of its last use.
    def delete_access_key(self, access_key_id: str) -> None: ...

    # Does nothing when there is no such access key or role or a later use is known: uses are written some time after they
    # were.
    def put_credential_use(self, use: CredentialUse) -> None: ...
