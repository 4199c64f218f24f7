"""Terraform's resources of roles and managed policies, replayed: after every apply a read leaves no difference."""

from __future__ import annotations

from typing import Any

import pytest

from tests.api.iam.conftest import MANAGED, allow, deny, document
from tests.api.iam.terraform_people import Group, User
from tests.api.iam.terraform_roles import Policy, PolicyAttachment, Role, RoleAttachment, RolePolicy
from tests.api.terraform import Clients, refused
from tests.server import REGION, Server

READ_ONLY, DENY_ALL = f"{MANAGED}IAMReadOnlyAccess", f"{MANAGED}AWSDenyAll"
SERVICE = document({"Effect": "Allow", "Principal": {"Service": "ec2.amazonaws.com"}, "Action": "sts:AssumeRole"})
LIST, MORE = document(allow("kms:ListKeys")), document(allow("kms:ListKeys"), deny("kms:*", resource="arn:aws:kms:*"))


@pytest.fixture(scope="module")
def clients(iam: Any) -> Clients:
    return lambda _region: iam


def test_a_role_is_made_changed_in_every_way_and_destroyed(
    clients: Clients, iam: Any, server: Server, name: str
) -> None:
    role = Role(clients, name=name, path="/service/", assume_role_policy=SERVICE, tags={"team": "north"}).apply()
    unique_id = role.state["unique_id"]
    admin = {"AWS": f"arn:aws:iam::{server.account}:user/admin"}
    trust = document({"Sid": "Admin", "Effect": "Allow", "Principal": admin, "Action": ["sts:AssumeRole"]})
    role.apply(assume_role_policy=trust)
    role.apply(description="who builds", max_session_duration=7_200)
    role.apply(permissions_boundary=READ_ONLY)
    role.apply(inline_policy={"a": LIST, "b": MORE})
    role.apply(inline_policy={"b": LIST, "c": LIST}, tags={"team": "south", "cost": "1"})
    role.apply(managed_policy_arns={READ_ONLY, DENY_ALL})
    role.apply(managed_policy_arns={DENY_ALL}, description="", tags={})
    role.apply(permissions_boundary="", max_session_duration=3_600)
    assert role.state["unique_id"] == unique_id
    assert Role.imported(clients, REGION, name).state == role.state
    role.destroy()
    assert role.gone()
    assert refused("NoSuchEntity", iam.get_role, RoleName=name)


def test_a_role_is_made_with_everything_at_once_and_destroyed_by_force(clients: Clients, iam: Any, name: str) -> None:
    role = Role(
        clients,
        name=name,
        assume_role_policy=SERVICE,
        description="all of it",
        max_session_duration=43_200,
        permissions_boundary=READ_ONLY,
        inline_policy={"own": LIST},
        managed_policy_arns={DENY_ALL},
        tags={"a": "1", "b": ""},
        force_detach_policies=True,
    ).apply()
    iam.put_role_policy(RoleName=name, PolicyName="theirs", PolicyDocument=LIST)
    iam.attach_role_policy(RoleName=name, PolicyArn=READ_ONLY)
    assert set(role.plan()) == {"inline_policy", "managed_policy_arns"}
    role.destroy()
    assert role.gone()


def test_a_principal_that_comes_a_little_later(clients: Clients, server: Server, iam: Any, name: str) -> None:
    """The provider tries again where the sentence says that a principal is invalid."""
    trust = document(
        {
            "Effect": "Allow",
            "Principal": {"AWS": f"arn:aws:iam::{server.account}:user/{name}"},
            "Action": "sts:AssumeRole",
        }
    )
    members = {"RoleName": name, "Path": "/", "AssumeRolePolicyDocument": trust}
    assert refused("MalformedPolicyDocument", iam.create_role, "Invalid principal in policy", **members)
    user = User(clients, name=name).apply()
    role = Role(clients, name=name, assume_role_policy=trust).apply()
    role.destroy()
    user.destroy()


def test_policies_of_a_role(clients: Clients, name: str) -> None:
    role = Role(clients, name=name, assume_role_policy=SERVICE).apply()
    own = RolePolicy(clients, role=name, name="own", policy=LIST).apply()
    own.apply(policy=MORE)
    assert RolePolicy.imported(clients, REGION, f"{name}:own").state == own.state
    attached = RoleAttachment(clients, role=name, policy_arn=READ_ONLY).apply()
    assert RoleAttachment.imported(clients, REGION, f"{name}/{READ_ONLY}").state == attached.state
    for resource in (own, attached):
        resource.destroy()
        assert resource.gone()
    role.destroy()
    assert own.gone()
    assert attached.gone()


def test_a_managed_policy_changes_more_often_than_it_has_versions(clients: Clients, name: str) -> None:
    policy = Policy(clients, name=name, path="/p/", description="what it is for", policy=LIST, tags={"a": "1"}).apply()
    for number in range(7):
        policy.apply(policy=document(allow(f"kms:List{number}Keys")))
    policy.apply(tags={"A": "2", "b": ""})
    policy.apply(tags={})
    assert Policy.imported(clients, REGION, policy.id).state == policy.state
    policy.destroy()
    assert policy.gone()
    policy.destroy()


def test_everybody_who_has_a_policy(clients: Clients, name: str) -> None:
    policy = Policy(clients, name=name, policy=LIST).apply()
    people = [
        User(clients, name=name).apply(),
        User(clients, name=f"{name}-b").apply(),
        Group(clients, name=name).apply(),
        Role(clients, name=name, assume_role_policy=SERVICE).apply(),
    ]
    attached = PolicyAttachment(clients, name="all", policy_arn=policy.id, users={name}, roles={name}).apply()
    attached.apply(users={f"{name}-b"}, groups={name})
    attached.apply(roles=set())
    assert policy.plan() == {}
    assert policy.state["attachment_count"] == 2
    attached.destroy()
    assert attached.gone()
    for resource in (*people, policy):
        resource.destroy()
        assert resource.gone()
