"""Users that call with keys of their own, and what tests make of IAM, taken away again."""

from __future__ import annotations

import json
import uuid
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from botocore.exceptions import ClientError

from tests.server import Server

MANAGED = "arn:aws:iam::aws:policy/"
Clients = Callable[..., Any]


def allow(*actions: str, resource: str = "*", **members: Any) -> dict[str, Any]:
    return {"Effect": "Allow", "Action": list(actions), "Resource": resource, **members}


def deny(*actions: str, resource: str = "*", **members: Any) -> dict[str, Any]:
    return {**allow(*actions, resource=resource, **members), "Effect": "Deny"}


def document(*statements: dict[str, Any]) -> str:
    return json.dumps({"Version": "2012-10-17", "Statement": statements})


class Person:
    """A user of the server with an access key."""

    def __init__(self, server: Server, iam: Any, name: str) -> None:
        self._server = server
        self._iam = iam
        self.name = name
        made = iam.create_access_key(UserName=name)["AccessKey"]
        self.access_key_id, self.secret = made["AccessKeyId"], made["SecretAccessKey"]
        self.iam = self.client("iam")
        self.kms = self.client("kms")

    def client(self, service: str) -> Any:
        return self._server.client(service=service, access_key_id=self.access_key_id, secret=self.secret)

    def may(self, *statements: dict[str, Any], policy: str = "own") -> None:
        """Give the user an inline policy of these statements."""
        self._iam.put_user_policy(UserName=self.name, PolicyName=policy, PolicyDocument=document(*statements))


@pytest.fixture
def name() -> str:
    """A name that nobody has."""
    return f"n-{uuid.uuid4().hex[:12]}"


@pytest.fixture
def made(iam: Any) -> Iterator[Callable[..., str]]:
    """Make a user or a group of a new name, or of the one that is given; it is gone after the test."""
    users: list[str] = []
    groups: list[str] = []

    def make(kind: str = "user", name: str | None = None, **members: Any) -> str:
        name = name or f"{kind}-{uuid.uuid4().hex[:12]}"
        if kind == "user":
            iam.create_user(UserName=name, **members)
            users.append(name)
        else:
            iam.create_group(GroupName=name, **members)
            groups.append(name)
        return name

    yield make
    for name in users:
        _clear_user(iam, name)
    for name in groups:
        _clear_group(iam, name)


@pytest.fixture
def person(server: Server, iam: Any, made: Callable[..., str]) -> Callable[..., Person]:
    """A new user with an access key, who may do what these statements allow."""

    def make(*statements: dict[str, Any], **members: Any) -> Person:
        someone = Person(server, iam, made("user", **members))
        if statements:
            someone.may(*statements)
        return someone

    return make


@pytest.fixture
def role(server: Server, iam: Any) -> Iterator[Callable[..., str]]:
    """Make a role that the administrator may assume; it is gone after the test."""
    names: list[str] = []
    trusting = document(
        {
            "Effect": "Allow",
            "Principal": {"AWS": f"arn:aws:iam::{server.account}:user/admin"},
            "Action": "sts:AssumeRole",
        }
    )

    def make(name: str | None = None, trust: str = trusting, **members: Any) -> str:
        name = name or f"role-{uuid.uuid4().hex[:12]}"
        iam.create_role(RoleName=name, AssumeRolePolicyDocument=trust, **members)
        names.append(name)
        return name

    yield make
    for name in names:
        _clear_role(iam, name)


@pytest.fixture
def policy(iam: Any) -> Iterator[Callable[..., str]]:
    """Make a managed policy of these statements and say its ARN; it is gone after the test."""
    arns: list[str] = []

    def make(*statements: dict[str, Any], **members: Any) -> str:
        members.setdefault("PolicyName", f"policy-{uuid.uuid4().hex[:12]}")
        text = members.pop("PolicyDocument", None) or document(*(statements or (allow("kms:ListKeys"),)))
        arns.append(iam.create_policy(PolicyDocument=text, **members)["Policy"]["Arn"])
        return arns[-1]

    yield make
    for arn in arns:
        _clear_policy(iam, arn)


def _clear_role(iam: Any, name: str) -> None:
    try:
        for policy in iam.list_role_policies(RoleName=name)["PolicyNames"]:
            iam.delete_role_policy(RoleName=name, PolicyName=policy)
        for attached in iam.list_attached_role_policies(RoleName=name)["AttachedPolicies"]:
            iam.detach_role_policy(RoleName=name, PolicyArn=attached["PolicyArn"])
        iam.delete_role(RoleName=name)
    except ClientError as error:
        if error.response["Error"]["Code"] != "NoSuchEntity":
            raise


def _clear_policy(iam: Any, arn: str) -> None:
    """Take the policy from whoever has it, and then away."""
    try:
        holders = iam.list_entities_for_policy(PolicyArn=arn)
        for kind, key in (("User", "UserName"), ("Role", "RoleName"), ("Group", "GroupName")):
            for holder in holders[f"Policy{kind}s"]:
                _release(iam, kind.lower(), {key: holder[key]}, arn)
        for version in iam.list_policy_versions(PolicyArn=arn)["Versions"]:
            if not version["IsDefaultVersion"]:
                iam.delete_policy_version(PolicyArn=arn, VersionId=version["VersionId"])
        iam.delete_policy(PolicyArn=arn)
    except ClientError as error:
        if error.response["Error"]["Code"] != "NoSuchEntity":
            raise


def _release(iam: Any, kind: str, named: dict[str, str], arn: str) -> None:
    if arn in [
        each["PolicyArn"] for each in getattr(iam, f"list_attached_{kind}_policies")(**named)["AttachedPolicies"]
    ]:
        getattr(iam, f"detach_{kind}_policy")(PolicyArn=arn, **named)
    if kind != "group":
        found = getattr(iam, f"get_{kind}")(**named)[kind.capitalize()]
        if found.get("PermissionsBoundary", {}).get("PermissionsBoundaryArn") == arn:
            getattr(iam, f"delete_{kind}_permissions_boundary")(**named)


def _clear_user(iam: Any, name: str) -> None:
    try:
        for group in iam.list_groups_for_user(UserName=name)["Groups"]:
            iam.remove_user_from_group(UserName=name, GroupName=group["GroupName"])
        for key in iam.list_access_keys(UserName=name)["AccessKeyMetadata"]:
            iam.delete_access_key(UserName=name, AccessKeyId=key["AccessKeyId"])
        for policy in iam.list_user_policies(UserName=name)["PolicyNames"]:
            iam.delete_user_policy(UserName=name, PolicyName=policy)
        for attached in iam.list_attached_user_policies(UserName=name)["AttachedPolicies"]:
            iam.detach_user_policy(UserName=name, PolicyArn=attached["PolicyArn"])
        iam.delete_user(UserName=name)
    except ClientError as error:
        if error.response["Error"]["Code"] != "NoSuchEntity":
            raise


def _clear_group(iam: Any, name: str) -> None:
    try:
        for user in iam.get_group(GroupName=name)["Users"]:
            iam.remove_user_from_group(UserName=user["UserName"], GroupName=name)
        for policy in iam.list_group_policies(GroupName=name)["PolicyNames"]:
            iam.delete_group_policy(GroupName=name, PolicyName=policy)
        for attached in iam.list_attached_group_policies(GroupName=name)["AttachedPolicies"]:
            iam.detach_group_policy(GroupName=name, PolicyArn=attached["PolicyArn"])
        iam.delete_group(GroupName=name)
    except ClientError as error:
        if error.response["Error"]["Code"] != "NoSuchEntity":
            raise
