"""Terraform's resources of users and groups, replayed: after every apply a read leaves no difference."""

from __future__ import annotations

from typing import Any

import pytest

from tests.api.iam.conftest import MANAGED, allow, document
from tests.api.iam.terraform_people import (
    AccessKey,
    Attachment,
    Group,
    GroupAttachment,
    GroupMembership,
    GroupPolicy,
    InlinePolicy,
    User,
    UserAttachment,
    UserGroupMembership,
    UserPolicy,
)
from tests.api.terraform import Clients, refused
from tests.server import REGION, Server

READ_ONLY = f"{MANAGED}IAMReadOnlyAccess"


@pytest.fixture(scope="module")
def clients(iam: Any) -> Clients:
    return lambda _region: iam


def test_a_user(clients: Clients, iam: Any, name: str) -> None:
    user = User(clients, name=name, path="/system/", tags={"team": "north"}, permissions_boundary=READ_ONLY).apply()
    unique_id = user.state["unique_id"]
    user.apply(tags={"team": "south", "cost": "1"})
    user.apply(tags={})
    user.apply(permissions_boundary=None)
    user.apply(name=f"{name}-b", path="/")
    assert user.state["unique_id"] == unique_id
    assert User.imported(clients, REGION, f"{name}-b").state == user.state
    user.destroy()
    assert user.gone()
    assert refused("NoSuchEntity", iam.get_user, UserName=f"{name}-b")


def test_a_user_with_what_terraform_does_not_know_is_destroyed_by_force(clients: Clients, iam: Any, name: str) -> None:
    user = User(clients, name=name, force_destroy=True).apply()
    group = Group(clients, name=name).apply()
    iam.add_user_to_group(UserName=name, GroupName=name)
    for _ in range(2):
        iam.create_access_key(UserName=name)
    user.destroy()
    assert user.gone()
    group.destroy()
    assert group.gone()


def test_an_access_key(clients: Clients, server: Server, name: str) -> None:
    user = User(clients, name=name).apply()
    key = AccessKey(clients, user=name).apply()
    client = server.client(service="sts", access_key_id=key.id, secret=key.secret)
    assert client.get_caller_identity()["Arn"] == user.state["arn"]
    key.apply(status="Inactive")
    key.apply(status="Active")
    assert AccessKey.imported(clients, REGION, key.id).state == key.state
    asleep = AccessKey(clients, user=name, status="Inactive").apply()
    for one in (asleep, key):
        one.destroy()
        assert one.gone()
    user.destroy()


def test_groups_and_who_is_in_them(clients: Clients, name: str) -> None:
    users = {User(clients, name=f"{name}-{letter}").apply().id for letter in "abc"}
    groups = [Group(clients, name=f"{name}-{number}").apply() for number in range(3)]
    groups[0].apply(name=f"{name}-first", path="/staff/")
    membership = GroupMembership(clients, name="all", group=groups[0].id, users={f"{name}-a", f"{name}-b"}).apply()
    membership.apply(users={f"{name}-b", f"{name}-c"})
    own = UserGroupMembership(clients, user=f"{name}-a", groups={groups[0].id, groups[1].id}).apply()
    assert set(membership.plan()) == {"users"}, "a membership besides shows in the one of all users"
    own.apply(groups={groups[1].id, groups[2].id})
    assert membership.plan() == {}
    imported = UserGroupMembership.imported(clients, REGION, f"{name}-a/{groups[1].id}/{groups[2].id}")
    assert imported.state["groups"] == own.state["groups"]
    assert Group.imported(clients, REGION, groups[0].id).state == groups[0].state
    for resource in (membership, own, *groups):
        resource.destroy()
    assert all(group.gone() for group in groups)
    for user in users:
        User.imported(clients, REGION, user).destroy()


@pytest.mark.parametrize(
    ("holder", "policy", "attachment"), [(User, UserPolicy, UserAttachment), (Group, GroupPolicy, GroupAttachment)]
)
def test_policies_of_users_and_groups(
    clients: Clients, name: str, holder: type[User | Group], policy: type[InlinePolicy], attachment: type[Attachment]
) -> None:
    owner = holder(clients, name=name).apply()
    inline = policy(clients, **{policy.kind: name, "name": "own", "policy": document(allow("kms:Encrypt"))}).apply()
    inline.apply(policy=document(allow("kms:*", resource="arn:aws:kms:*:*:key/a+b c")))
    imported = policy.imported(clients, REGION, f"{name}:own")
    assert imported.state == inline.state
    attached = attachment(clients, **{attachment.kind: name, "policy_arn": READ_ONLY}).apply()
    assert attachment.imported(clients, REGION, f"{name}/{READ_ONLY}").state == attached.state
    for resource in (attached, inline):
        resource.destroy()
        resource.destroy()  # gone already: the provider does not mind
        assert resource.gone()
    owner.destroy()
    assert owner.gone()
