"""Identities, groups, managed policies and access keys in the store: what comes back, how it is found, and what is
refused."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest
from hypothesis import HealthCheck, given, settings

from keystead.domain.identity import Group, Identity, IdentityKind, ManagedPolicy
from keystead.store.identities import Holder
from keystead.store.interface import Store, StoreConflict, Transaction
from tests.store import examples
from tests.store.databases import Database
from tests.store.examples import ACCESS_KEY_ID, ACCOUNT, OF_AWS, POLICY, USER, USER_ID

any_rows = settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])


@any_rows
@given(identity=examples.identities)
def test_every_identity_comes_back_with_its_policies(store: Store, identity: Identity) -> None:
    def put(t: Transaction) -> None:
        examples.put_identities(t)
        for known in (t.user(ACCOUNT, identity.name), t.role(ACCOUNT, identity.name), t.identity(identity.arn)):
            if known is not None:
                t.delete_identity(known.unique_id)
        t.put_identity(identity)

    store.transact(put)
    assert store.read(lambda r: r.identity(identity.arn)) == identity
    assert store.read(lambda r: r.identity_with_id(identity.unique_id)) == identity


@any_rows
@given(group=examples.groups)
def test_every_group_comes_back_with_its_policies(store: Store, group: Group) -> None:
    def put(t: Transaction) -> None:
        t.put_managed_policy(examples.managed_policy())
        known = t.group(ACCOUNT, group.name)
        if known is not None:
            t.delete_group(known.unique_id)
        t.put_group(group)

    store.transact(put)
    assert store.read(lambda r: r.group(ACCOUNT, group.name)) == group


@any_rows
@given(policy=examples.managed_policies)
def test_every_managed_policy_comes_back_with_all_its_versions(store: Store, policy: ManagedPolicy) -> None:
    def put(t: Transaction) -> None:
        for known in t.managed_policies(ACCOUNT, "", None, 10):
            t.delete_managed_policy(known.arn)
        t.put_managed_policy(policy)

    store.transact(put)
    assert store.read(lambda r: r.managed_policy(policy.arn)) == policy
    assert store.read(lambda r: r.managed_policy_named(ACCOUNT, policy.name)) == policy


def test_an_identity_is_found_by_arn_by_id_and_by_name_irrespective_of_case(store: Store) -> None:
    store.transact(examples.put_identities)
    alice, worker = examples.identity(), examples.role()
    store.transact(lambda t: t.put_identity(worker))
    assert store.read(lambda r: r.identity(alice.arn)) == store.read(lambda r: r.identity_with_id(USER_ID)) == alice
    assert store.read(lambda r: r.user(ACCOUNT, "ALICE")) == alice
    assert store.read(lambda r: r.role(ACCOUNT, "worker")) == worker
    assert store.read(lambda r: r.user(ACCOUNT, "worker")) is None
    assert store.read(lambda r: r.identity(alice.arn.upper())) is None


def test_an_identity_keeps_its_id_and_its_access_keys_when_it_gets_another_name(store: Store) -> None:
    def rename(t: Transaction) -> None:
        examples.put_identities(t)
        t.put_access_key(examples.access_key())
        t.put_identity(examples.identity(name="carol", path="/office/", unique_id=USER_ID))

    store.transact(rename)
    carol = store.read(lambda r: r.identity_with_id(USER_ID))
    assert carol is not None
    assert carol.arn == f"arn:aws:iam::{ACCOUNT}:user/office/carol"
    assert store.read(lambda r: r.identity(USER)) is None
    assert store.read(lambda r: r.members(ACCOUNT, "Keepers", None, 9)) == ["carol"]
    assert [key.access_key_id for key in store.read(lambda r: r.access_keys(USER_ID))] == [ACCESS_KEY_ID]


TAKEN: list[Callable[[Transaction], None]] = [
    lambda t: t.put_identity(examples.identity("ALICE", unique_id="AIDA2")),
    lambda t: t.put_identity(examples.identity(unique_id="AIDA2", path="/other/")),
    lambda t: t.put_group(examples.group("KEEPERS")),
    lambda t: t.put_managed_policy(examples.managed_policy("LIMITS")),
    lambda t: t.put_managed_policy(examples.managed_policy(path="/other/")),
]


@pytest.mark.parametrize("put", TAKEN)
def test_a_name_that_differs_by_case_or_path_alone_is_taken(store: Store, put: Callable[[Transaction], None]) -> None:
    store.transact(examples.put_identities)
    with pytest.raises(StoreConflict):
        store.transact(put)


def test_users_roles_groups_and_policies_may_have_the_same_name_and_so_may_those_of_two_accounts(store: Store) -> None:
    def put(t: Transaction) -> None:
        examples.put_identities(t)
        t.put_identity(examples.role(name="alice"))
        t.put_group(examples.group("alice"))
        t.put_managed_policy(examples.managed_policy("alice"))
        t.put_account("444455556666", "other", b"wrapped", 1.0)
        t.put_identity(
            examples.identity(account="444455556666", unique_id="AIDA2", attached=(), boundary=None, groups=())
        )

    store.transact(put)


REFERRED_TO: list[Callable[[Transaction], None]] = [
    lambda t: t.delete_group(examples.GROUP_ID),
    lambda t: t.delete_managed_policy(POLICY),
    lambda t: t.delete_identity(USER_ID),
    lambda t: t.put_identity(examples.identity("bob", groups=("Strangers",))),
    lambda t: t.put_identity(examples.identity("bob", attached=(POLICY + "2",))),
    lambda t: t.put_identity(examples.identity("bob", boundary=POLICY + "2")),
    lambda t: t.put_access_key(examples.access_key("AKIA2", "AIDA2")),
    lambda t: t.put_identity(examples.identity("bob", account="444455556666")),
]


@pytest.mark.parametrize("write", REFERRED_TO)
def test_what_is_referred_to_stays_and_what_is_not_there_cannot_be_referred_to(
    store: Store, write: Callable[[Transaction], None]
) -> None:
    store.transact(examples.put_identities)
    store.transact(lambda t: t.put_access_key(examples.access_key()))
    with pytest.raises(StoreConflict):
        store.transact(write)


def test_everything_can_be_deleted_once_nothing_refers_to_it(store: Store) -> None:
    def put_and_delete(t: Transaction) -> None:
        examples.put_identities(t)
        t.put_access_key(examples.access_key())
        t.put_credential_use(examples.credential_use())
        t.delete_access_key(ACCESS_KEY_ID)
        t.delete_identity(USER_ID)
        t.delete_group(examples.GROUP_ID)
        t.delete_managed_policy(POLICY)
        t.delete_identity(USER_ID)  # what is not there is no error

    store.transact(put_and_delete)
    assert store.read(lambda r: r.users(ACCOUNT, "/", None, 9)) == []
    assert store.read(lambda r: r.groups(ACCOUNT, "/", None, 9)) == []
    assert store.read(lambda r: r.managed_policies(ACCOUNT, "/", None, 9)) == []
    assert store.read(lambda r: r.credential_use(ACCESS_KEY_ID)) is None
    assert store.read(lambda r: r.attached_to(ACCOUNT, OF_AWS, None, 9)) == []


def test_lists_are_by_name_in_pages_and_of_a_path(store: Store) -> None:
    def put(t: Transaction) -> None:
        t.put_managed_policy(examples.managed_policy())
        t.put_group(examples.group())
        for name, path in (("a", "/"), ("b", "/app/"), ("c", "/app/x/"), ("d", "/apple/"), ("e", "/%/")):
            t.put_identity(examples.identity(name, path=path))
            t.put_group(examples.group(f"g{name}", path=path))
            t.put_managed_policy(examples.managed_policy(f"p{name}", path=path))

    store.transact(put)

    def names(path: str, after: str | None, limit: int) -> list[str]:
        return [user.name for user in store.read(lambda r: r.users(ACCOUNT, path, after, limit))]

    assert names("/", None, 99) == ["a", "b", "c", "d", "e"]
    assert names("/", None, 2) == ["a", "b"]
    assert names("/", "b", 2) == ["c", "d"]
    assert names("/app/", None, 99) == ["b", "c"]
    assert names("/app", None, 99) == ["b", "c", "d"]
    assert names("/%", None, 99) == ["e"], "a path is no pattern"
    assert store.read(lambda r: r.roles(ACCOUNT, "/", None, 99)) == []
    groups = store.read(lambda r: r.groups(ACCOUNT, "/app/", "Keepers", 2))
    assert [group.name for group in groups] == ["gb", "gc"]
    policies = store.read(lambda r: r.managed_policies(ACCOUNT, "/app/", None, 2))
    assert [policy.name for policy in policies] == ["Limits", "pb"]
    assert store.read(lambda r: r.count_identities(ACCOUNT, IdentityKind.USER)) == 5
    assert store.read(lambda r: r.count_identities(ACCOUNT, IdentityKind.ROLE)) == 0
    assert store.read(lambda r: r.count_groups(ACCOUNT)) == store.read(lambda r: r.count_managed_policies(ACCOUNT)) == 6


def test_who_is_in_a_group_and_what_is_attached_to_whom_follows_the_rows(store: Store) -> None:
    def put(t: Transaction) -> None:
        examples.put_identities(t)
        t.put_identity(examples.role())
        t.put_identity(examples.identity("bob", boundary=None, attached=(OF_AWS,)))

    store.transact(put)
    assert store.read(lambda r: r.members(ACCOUNT, "Keepers", None, 9)) == ["alice", "bob"]
    assert store.read(lambda r: r.members(ACCOUNT, "Keepers", "alice", 9)) == ["bob"]
    held = [
        Holder("Group", "Keepers"),
        Holder("Role", "Worker"),
        Holder("Role", "Worker", as_boundary=True),
        Holder("User", "alice"),
        Holder("User", "alice", as_boundary=True),
    ]
    assert store.read(lambda r: r.attached_to(ACCOUNT, POLICY, None, 9)) == held
    for position, holder in enumerate(held):
        after = store.read(lambda r, holder=holder: r.attached_to(ACCOUNT, POLICY, holder, 2))
        assert after == held[position + 1 : position + 3]
    assert store.read(lambda r: r.count_attachments(ACCOUNT, POLICY, as_boundary=False)) == 3
    assert store.read(lambda r: r.count_attachments(ACCOUNT, POLICY, as_boundary=True)) == 2
    assert store.read(lambda r: r.count_attachments(ACCOUNT, OF_AWS, as_boundary=False)) == 3
    assert store.read(lambda r: r.attached_to("444455556666", OF_AWS, None, 9)) == []
    store.transact(lambda t: t.put_identity(examples.identity(attached=(), groups=(), boundary=OF_AWS)))
    assert store.read(lambda r: r.members(ACCOUNT, "Keepers", None, 9)) == ["bob"]
    assert Holder("User", "alice") not in store.read(lambda r: r.attached_to(ACCOUNT, POLICY, None, 9))
    assert store.read(lambda r: r.count_attachments(ACCOUNT, OF_AWS, as_boundary=True)) == 1


def test_access_keys_of_an_identity_come_oldest_first(store: Store) -> None:
    def put(t: Transaction) -> None:
        examples.put_identities(t)
        for number, created in (("3", 7.0), ("1", 9.0), ("2", 8.0)):
            t.put_access_key(replace(examples.access_key(f"AKIA{number}"), created=created))

    store.transact(put)
    assert [key.access_key_id for key in store.read(lambda r: r.access_keys(USER_ID))] == ["AKIA3", "AKIA2", "AKIA1"]


def test_the_last_use_of_an_access_key_never_goes_back_and_goes_with_the_key(store: Store) -> None:
    def put(t: Transaction) -> None:
        examples.put_identities(t)
        t.put_credential_use(examples.credential_use())
        assert t.credential_use(ACCESS_KEY_ID) is None, "of a key that is not there"
        t.put_access_key(examples.access_key())
        t.put_credential_use(examples.credential_use(at=9.0))
        t.put_credential_use(examples.credential_use(at=8.0))

    store.transact(put)
    assert store.read(lambda r: r.credential_use(ACCESS_KEY_ID)) == examples.credential_use(at=9.0)
    store.transact(lambda t: t.delete_access_key(ACCESS_KEY_ID))
    assert store.read(lambda r: r.credential_use(ACCESS_KEY_ID)) is None


def test_indexes_that_somebody_edited_change_nothing_about_who_holds_what(database: Database, store: Store) -> None:
    """They say where to look: the identity's own row says what it holds, and the next write mends them."""
    store.transact(examples.put_identities)
    database.edit("DELETE FROM group_members")
    database.edit("DELETE FROM attachments")
    assert store.read(lambda r: r.identity(USER)) == examples.identity()
    database.edit("INSERT INTO group_members VALUES (?, 'Keepers', 'alice')", ACCOUNT)
    store.transact(lambda t: t.put_identity(examples.identity(groups=())))
    store.transact(examples.put_identities)
    assert store.read(lambda r: r.members(ACCOUNT, "Keepers", None, 9)) == ["alice"]


def test_the_last_use_of_a_role_goes_with_the_role_and_other_identities_have_none(store: Store) -> None:
    def put(t: Transaction) -> None:
        examples.put_identities(t)
        t.put_identity(examples.role())
        for subject in (examples.ROLE_ID, USER_ID, "AROAOTHER"):
            t.put_credential_use(examples.credential_use(subject=subject))

    store.transact(put)
    assert store.read(lambda r: r.credential_use(examples.ROLE_ID)) == examples.credential_use(subject=examples.ROLE_ID)
    assert store.read(lambda r: (r.credential_use(USER_ID), r.credential_use("AROAOTHER"))) == (None, None)
    store.transact(lambda t: t.delete_identity(examples.ROLE_ID))
    assert store.read(lambda r: r.credential_use(examples.ROLE_ID)) is None
