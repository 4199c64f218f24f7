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
