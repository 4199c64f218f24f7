"""What Terraform's AWS provider does with its resources of users and groups, call by call, against boto3; `tests.api.terraform`
says how a resource is told."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable
from typing import Any, ClassVar, Self
from urllib.parse import unquote_plus

from botocore.exceptions import ClientError

from tests.api.terraform import Clients, Config, NotFoundError, Resource, normalized


def found(call: Callable[..., Any], **members: Any) -> Any:
    """An answer; NoSuchEntity takes the resource out of the state."""
    try:
        return call(**members)
    except ClientError as error:
        if error.response["Error"]["Code"] == "NoSuchEntity":
            raise NotFoundError from error
        raise


def forgiving(call: Callable[..., Any], **members: Any) -> None:
    """A call of which the provider takes NoSuchEntity for success."""
    try:
        call(**members)
    except ClientError as error:
        if error.response["Error"]["Code"] != "NoSuchEntity":
            raise


def pages(iam: Any, operation: str, member: str, **members: Any) -> list[Any]:
    try:
        return [one for page in iam.get_paginator(operation).paginate(**members) for one in page[member]]
    except ClientError as error:
        if error.response["Error"]["Code"] == "NoSuchEntity":
            raise NotFoundError from error
        raise


class IamResource(Resource):
    """A resource of IAM: ``clients`` gives the client of IAM whatever the region."""

    def __init__(self, clients: Clients, region: str = "us-east-1", **config: Any) -> None:
        super().__init__(clients, region, **config)
        self.iam = clients(region)

    def same(self, name: str, wanted: Any, found: Any) -> bool:
        if isinstance(wanted, set):
            return bool(wanted == set(found))
        return super().same(name, wanted, found)


class User(IamResource):
    """aws_iam_user"""

    DEFAULTS: ClassVar[Config] = {"path": "/", "permissions_boundary": None, "tags": {}, "force_destroy": False}
    WRITE_ONLY = frozenset({"force_destroy"})

    def create(self) -> None:
        config = self.config
        members: dict[str, Any] = {"Path": config["path"], "UserName": config["name"]}
        if config["tags"]:
            members["Tags"] = [{"Key": key, "Value": value} for key, value in config["tags"].items()]
        if config["permissions_boundary"]:
            members["PermissionsBoundary"] = config["permissions_boundary"]
        self.id = self.iam.create_user(**members)["User"]["UserName"]

    def read(self) -> Config:
        user = found(self.iam.get_user, UserName=self.id)["User"]
        return {
            "arn": user["Arn"],
            "name": user["UserName"],
            "path": user["Path"],
            "unique_id": user["UserId"],
            "permissions_boundary": user.get("PermissionsBoundary", {}).get("PermissionsBoundaryArn"),
            "tags": {tag["Key"]: tag["Value"] for tag in user.get("Tags", [])},
        }

    def update(self, changed: set[str]) -> None:
        config = self.config
        if changed & {"name", "path"}:
            self.iam.update_user(UserName=self.id, NewUserName=config["name"], NewPath=config["path"])
            self.id = config["name"]
        if "permissions_boundary" in changed:
            if config["permissions_boundary"]:
                self.iam.put_user_permissions_boundary(
                    UserName=self.id, PermissionsBoundary=config["permissions_boundary"]
                )
            else:
                self.iam.delete_user_permissions_boundary(UserName=self.id)
        if "tags" in changed:
            before = self.state["tags"]
            gone = [key for key in before if key not in config["tags"]]
            if gone:
                self.iam.untag_user(UserName=self.id, TagKeys=gone)
            new = [{"Key": key, "Value": value} for key, value in config["tags"].items() if before.get(key) != value]
            if new:
                self.iam.tag_user(UserName=self.id, Tags=new)

    def destroy(self) -> None:
        name = {"UserName": self.id}
        for group in pages(self.iam, "list_groups_for_user", "Groups", **name):
            forgiving(self.iam.remove_user_from_group, **name, GroupName=group["GroupName"])
        if self.config["force_destroy"]:
            for key in pages(self.iam, "list_access_keys", "AccessKeyMetadata", **name):
                self.iam.delete_access_key(**name, AccessKeyId=key["AccessKeyId"])
            assert pages(self.iam, "list_ssh_public_keys", "SSHPublicKeys", **name) == []
            assert pages(self.iam, "list_virtual_mfa_devices", "VirtualMFADevices", AssignmentStatus="Assigned") == []
            assert pages(self.iam, "list_mfa_devices", "MFADevices", **name) == []
            forgiving(self.iam.delete_login_profile, **name)
            assert pages(self.iam, "list_signing_certificates", "Certificates", **name) == []
            assert self.iam.list_service_specific_credentials(**name)["ServiceSpecificCredentials"] == []
        forgiving(self.iam.delete_user, **name)


class AccessKey(IamResource):
    """aws_iam_access_key"""

    DEFAULTS: ClassVar[Config] = {"status": "Active"}

    @classmethod
    def imported(cls, clients: Clients, region: str, resource_id: str) -> Self:
        owner = clients(region).get_access_key_last_used(AccessKeyId=resource_id)["UserName"]
        resource = cls(clients, region, user=owner)
        resource.id = resource_id
        resource.state = resource.read()
        return resource

    def create(self) -> None:
        made = self.iam.create_access_key(UserName=self.config["user"])["AccessKey"]
        self.id, self.secret = made["AccessKeyId"], made["SecretAccessKey"]
        if self.config["status"] == "Inactive":
            self.update({"status"})

    def read(self) -> Config:
        listed = pages(self.iam, "list_access_keys", "AccessKeyMetadata", UserName=self.config["user"])
        for key in listed:
            if key["AccessKeyId"] == self.id:
                return {"user": key["UserName"], "status": key["Status"], "create_date": key["CreateDate"]}
        raise NotFoundError

    def update(self, changed: set[str]) -> None:
        if "status" in changed:
            self.iam.update_access_key(AccessKeyId=self.id, Status=self.config["status"], UserName=self.config["user"])

    def destroy(self) -> None:
        self.iam.delete_access_key(AccessKeyId=self.id, UserName=self.config["user"])


class Group(IamResource):
    """aws_iam_group"""

    DEFAULTS: ClassVar[Config] = {"path": "/"}

    def create(self) -> None:
        made = self.iam.create_group(GroupName=self.config["name"], Path=self.config["path"])["Group"]
        self.id = made["GroupName"]
        self.read()

    def read(self) -> Config:
        group = found(self.iam.get_group, GroupName=self.id)["Group"]
        return {
            "arn": group["Arn"],
            "name": group["GroupName"],
            "path": group["Path"],
            "unique_id": group["GroupId"],
        }

    def update(self, changed: set[str]) -> None:
        if changed & {"name", "path"}:
            self.iam.update_group(GroupName=self.id, NewGroupName=self.config["name"], NewPath=self.config["path"])
            self.id = self.config["name"]

    def destroy(self) -> None:
        forgiving(self.iam.delete_group, GroupName=self.id)


class GroupMembership(IamResource):
    """aws_iam_group_membership: all users of a group"""

    def create(self) -> None:
        self.id = self.config["name"]
        self._add(self.config["users"])

    def read(self) -> Config:
        users = pages(self.iam, "get_group", "Users", GroupName=self.config["group"])
        return {**self.config, "users": {user["UserName"] for user in users}}

    def update(self, changed: set[str]) -> None:
        if "users" in changed:
            before = self.state["users"]
            self._remove(before - self.config["users"])
            self._add(self.config["users"] - before)

    def destroy(self) -> None:
        self._remove(self.config["users"])

    def _add(self, users: Iterable[str]) -> None:
        for user in sorted(users):
            self.iam.add_user_to_group(GroupName=self.config["group"], UserName=user)

    def _remove(self, users: Iterable[str]) -> None:
        for user in sorted(users):
            forgiving(self.iam.remove_user_from_group, GroupName=self.config["group"], UserName=user)


class UserGroupMembership(IamResource):
    """aws_iam_user_group_membership: some groups of a user"""

    @classmethod
    def imported(cls, clients: Clients, region: str, resource_id: str) -> Self:
        user, *groups = resource_id.split("/")
        resource = cls(clients, region, user=user, groups=set(groups))
        resource.id = resource_id
        resource.state = resource.read()
        return resource

    def create(self) -> None:
        self.id = "terraform-1"
        self._add(self.config["groups"])

    def read(self) -> Config:
        groups = pages(self.iam, "list_groups_for_user", "Groups", UserName=self.config["user"])
        names = {group["GroupName"] for group in groups}
        return {**self.config, "groups": names & self.config["groups"]}

    def update(self, changed: set[str]) -> None:
        if "groups" in changed:
            before = self.state["groups"]
            for group in sorted(before - self.config["groups"]):
                forgiving(self.iam.remove_user_from_group, UserName=self.config["user"], GroupName=group)
            self._add(self.config["groups"] - before)

    def destroy(self) -> None:
        for group in sorted(self.config["groups"]):
            forgiving(self.iam.remove_user_from_group, UserName=self.config["user"], GroupName=group)

    def _add(self, groups: Iterable[str]) -> None:
        for group in sorted(groups):
            self.iam.add_user_to_group(UserName=self.config["user"], GroupName=group)


class InlinePolicy(IamResource):
    """aws_iam_user_policy and aws_iam_group_policy; ``kind`` is the member that names the holder."""

    kind: ClassVar[str]

    @classmethod
    def imported(cls, clients: Clients, region: str, resource_id: str) -> Self:
        holder, name = resource_id.split(":", 1)
        resource = cls(clients, region, **{cls.kind: holder, "name": name})
        resource.id = resource_id
        resource.state = resource.read()
        return resource

    def _members(self) -> dict[str, str]:
        return {f"{self.kind.title()}Name": self.config[self.kind], "PolicyName": self.config["name"]}

    def _call(self, verb: str) -> Callable[..., Any]:
        call: Callable[..., Any] = getattr(self.iam, f"{verb}_{self.kind}_policy")
        return call

    def create(self) -> None:
        self._call("put")(**self._members(), PolicyDocument=normalized(self.config["policy"]))
        self.id = f"{self.config[self.kind]}:{self.config['name']}"

    def read(self) -> Config:
        answer = found(self._call("get"), **self._members())
        text = answer["PolicyDocument"]  # botocore has decoded it; the provider does so by itself
        policy = unquote_plus(text) if isinstance(text, str) else json.dumps(text)
        return {self.kind: answer[f"{self.kind.title()}Name"], "name": answer["PolicyName"], "policy": policy}

    def update(self, changed: set[str]) -> None:
        if "policy" in changed:
            self.create()

    def destroy(self) -> None:
        forgiving(self._call("delete"), **self._members())


class UserPolicy(InlinePolicy):
    kind = "user"


class GroupPolicy(InlinePolicy):
    kind = "group"


class Attachment(IamResource):
    """aws_iam_user_policy_attachment and aws_iam_group_policy_attachment"""

    kind: ClassVar[str]

    @classmethod
    def imported(cls, clients: Clients, region: str, resource_id: str) -> Self:
        holder, arn = resource_id.split("/", 1)
        resource = cls(clients, region, **{cls.kind: holder, "policy_arn": arn})
        resource.id = resource_id
        resource.state = resource.read()
        return resource

    def _members(self) -> dict[str, str]:
        return {f"{self.kind.title()}Name": self.config[self.kind]}

    def create(self) -> None:
        attach = getattr(self.iam, f"attach_{self.kind}_policy")
        attach(**self._members(), PolicyArn=self.config["policy_arn"])
        self.id = f"{self.config[self.kind]}-terraform-1"

    def read(self) -> Config:
        listed = pages(self.iam, f"list_attached_{self.kind}_policies", "AttachedPolicies", **self._members())
        if self.config["policy_arn"] not in {policy["PolicyArn"] for policy in listed}:
            raise NotFoundError
        return dict(self.config)

    def update(self, changed: set[str]) -> None:
        raise AssertionError("every attribute makes a new resource")

    def destroy(self) -> None:
        detach = getattr(self.iam, f"detach_{self.kind}_policy")
        forgiving(detach, **self._members(), PolicyArn=self.config["policy_arn"])


class UserAttachment(Attachment):
    kind = "user"


class GroupAttachment(Attachment):
    kind = "group"
