"""What Terraform's AWS provider does with its resources of roles and managed policies, call by call, against boto3;
`tests.api.terraform` says how a resource is told, `tests.api.iam.terraform_people` has what they share with users."""

from __future__ import annotations

import json
from typing import Any, ClassVar
from urllib.parse import unquote_plus

from tests.api.iam.terraform_people import Attachment, IamResource, InlinePolicy, forgiving, found, pages
from tests.api.terraform import Config, NotFoundError, normalized


def text_of(document: Any) -> str:
    """A document of an answer as text; botocore has decoded it, the provider does so by itself."""
    return unquote_plus(document) if isinstance(document, str) else json.dumps(document)


def as_tags(tags: dict[str, str]) -> list[dict[str, str]]:
    return [{"Key": key, "Value": value} for key, value in tags.items()]


def of_tags(tags: list[dict[str, str]]) -> dict[str, str]:
    return {tag["Key"]: tag["Value"] for tag in tags}


class Role(IamResource):
    """aws_iam_role. ``inline_policy`` and ``managed_policy_arns`` are what it has of each, by name and by ARN."""

    DEFAULTS: ClassVar[Config] = {
        "path": "/",
        "description": "",
        "max_session_duration": 3_600,
        "permissions_boundary": "",
        "inline_policy": {},
        "managed_policy_arns": set(),
        "tags": {},
        "force_detach_policies": False,
    }
    WRITE_ONLY = frozenset({"force_detach_policies"})

    def create(self) -> None:
        config = self.config
        members: dict[str, Any] = {
            "AssumeRolePolicyDocument": normalized(config["assume_role_policy"]),
            "Path": config["path"],
            "RoleName": config["name"],
            "MaxSessionDuration": config["max_session_duration"],
        }
        if config["description"]:
            members["Description"] = config["description"]
        if config["permissions_boundary"]:
            members["PermissionsBoundary"] = config["permissions_boundary"]
        if config["tags"]:
            members["Tags"] = as_tags(config["tags"])
        self.id = self.iam.create_role(**members)["Role"]["RoleName"]
        self._put(config["inline_policy"])
        self._attach(config["managed_policy_arns"])

    def read(self) -> Config:
        role = found(self.iam.get_role, RoleName=self.id)["Role"]
        assert role["Arn"].startswith("arn:")  # else the provider waits for it
        return {
            "arn": role["Arn"],
            "assume_role_policy": text_of(role["AssumeRolePolicyDocument"]),
            "description": role.get("Description", ""),
            "max_session_duration": role["MaxSessionDuration"],
            "name": role["RoleName"],
            "path": role["Path"],
            "permissions_boundary": role.get("PermissionsBoundary", {}).get("PermissionsBoundaryArn", ""),
            "unique_id": role["RoleId"],
            "inline_policy": self._inline(),
            "managed_policy_arns": self._managed(),
            "tags": of_tags(role.get("Tags", [])),
        }

    def same(self, name: str, wanted: Any, found: Any) -> bool:
        if name == "assume_role_policy":
            return bool(json.loads(wanted) == json.loads(found))
        if name == "inline_policy":
            return {key: json.loads(text) for key, text in wanted.items()} == {
                key: json.loads(text) for key, text in found.items()
            }
        return super().same(name, wanted, found)

    def update(self, changed: set[str]) -> None:
        config, iam = self.config, self.iam
        if "assume_role_policy" in changed:
            iam.update_assume_role_policy(RoleName=self.id, PolicyDocument=normalized(config["assume_role_policy"]))
        if "description" in changed:
            iam.update_role_description(RoleName=self.id, Description=config["description"])
        if "max_session_duration" in changed:
            iam.update_role(RoleName=self.id, MaxSessionDuration=config["max_session_duration"])
        if "permissions_boundary" in changed:
            if config["permissions_boundary"]:
                iam.put_role_permissions_boundary(RoleName=self.id, PermissionsBoundary=config["permissions_boundary"])
            else:
                iam.delete_role_permissions_boundary(RoleName=self.id)
        if "inline_policy" in changed:
            before, after = self.state["inline_policy"], config["inline_policy"]
            self._delete([name for name in before if before[name] != after.get(name)])
            self._put({name: text for name, text in after.items() if before.get(name) != text})
        if "managed_policy_arns" in changed:
            before, after = self.state["managed_policy_arns"], config["managed_policy_arns"]
            self._detach(before - after)
            self._attach(after - before)
        if "tags" in changed:
            before, after = self.state["tags"], config["tags"]
            if gone := [key for key in before if key not in after]:
                iam.untag_role(RoleName=self.id, TagKeys=gone)
            if new := {key: value for key, value in after.items() if before.get(key) != value}:
                iam.tag_role(RoleName=self.id, Tags=as_tags(new))

    def destroy(self) -> None:
        force = self.config["force_detach_policies"]
        assert self.iam.list_instance_profiles_for_role(RoleName=self.id)["InstanceProfiles"] == []
        if force or self.config["managed_policy_arns"]:
            self._detach(self._managed())
        if force or self.config["inline_policy"]:
            self._delete(pages(self.iam, "list_role_policies", "PolicyNames", RoleName=self.id))
        forgiving(self.iam.delete_role, RoleName=self.id)

    # --- its policies ------------------------------------------------------------------------------------------------

    def _inline(self) -> dict[str, str]:
        names = pages(self.iam, "list_role_policies", "PolicyNames", RoleName=self.id)
        return {
            name: text_of(self.iam.get_role_policy(RoleName=self.id, PolicyName=name)["PolicyDocument"])
            for name in names
        }

    def _managed(self) -> set[str]:
        listed = pages(self.iam, "list_attached_role_policies", "AttachedPolicies", RoleName=self.id)
        return {policy["PolicyArn"] for policy in listed}

    def _put(self, policies: dict[str, str]) -> None:
        for name, text in policies.items():
            self.iam.put_role_policy(RoleName=self.id, PolicyName=name, PolicyDocument=text)

    def _delete(self, names: list[str]) -> None:
        for name in names:
            forgiving(self.iam.delete_role_policy, RoleName=self.id, PolicyName=name)

    def _attach(self, arns: set[str]) -> None:
        for arn in sorted(arns):
            self.iam.attach_role_policy(RoleName=self.id, PolicyArn=arn)

    def _detach(self, arns: set[str]) -> None:
        for arn in sorted(arns):
            forgiving(self.iam.detach_role_policy, RoleName=self.id, PolicyArn=arn)


class RolePolicy(InlinePolicy):
    """aws_iam_role_policy"""

    kind = "role"


class RoleAttachment(Attachment):
    """aws_iam_role_policy_attachment"""

    kind = "role"


class Policy(IamResource):
    """aws_iam_policy. A change is a new version, made first and then put in force; the oldest goes where there are five."""

    DEFAULTS: ClassVar[Config] = {"path": "/", "description": "", "tags": {}}

    def create(self) -> None:
        config = self.config
        members: dict[str, Any] = {"Tags": as_tags(config["tags"])} if config["tags"] else {}
        made = self.iam.create_policy(
            Description=config["description"],
            Path=config["path"],
            PolicyDocument=normalized(config["policy"]),
            PolicyName=config["name"],
            **members,
        )
        self.id = made["Policy"]["Arn"]

    def read(self) -> Config:
        policy = found(self.iam.get_policy, PolicyArn=self.id)["Policy"]
        version = found(self.iam.get_policy_version, PolicyArn=self.id, VersionId=policy["DefaultVersionId"])
        return {
            "arn": policy["Arn"],
            "attachment_count": policy["AttachmentCount"],
            "description": policy.get("Description", ""),
            "name": policy["PolicyName"],
            "path": policy["Path"],
            "policy_id": policy["PolicyId"],
            "policy": text_of(version["PolicyVersion"]["Document"]),
            "tags": of_tags(policy["Tags"]),
        }

    def _versions(self) -> list[dict[str, Any]]:
        return pages(self.iam, "list_policy_versions", "Versions", PolicyArn=self.id)

    def update(self, changed: set[str]) -> None:
        if changed - {"tags"}:
            others = [version for version in self._versions() if not version["IsDefaultVersion"]]
            if len(others) == 4:
                oldest = min(others, key=lambda version: version["CreateDate"])
                self.iam.delete_policy_version(PolicyArn=self.id, VersionId=oldest["VersionId"])
            made = self.iam.create_policy_version(
                PolicyArn=self.id, PolicyDocument=normalized(self.config["policy"]), SetAsDefault=False
            )
            self.iam.set_default_policy_version(PolicyArn=self.id, VersionId=made["PolicyVersion"]["VersionId"])
        if "tags" in changed:
            before, after = self.state["tags"], self.config["tags"]
            if gone := [key for key in before if key not in after]:
                self.iam.untag_policy(PolicyArn=self.id, TagKeys=gone)
            if new := {key: value for key, value in after.items() if before.get(key) != value}:
                self.iam.tag_policy(PolicyArn=self.id, Tags=as_tags(new))

    def destroy(self) -> None:
        try:
            versions = self._versions()
        except NotFoundError:
            return
        for version in versions:
            if not version["IsDefaultVersion"]:
                self.iam.delete_policy_version(PolicyArn=self.id, VersionId=version["VersionId"])
        forgiving(self.iam.delete_policy, PolicyArn=self.id)


class PolicyAttachment(IamResource):
    """aws_iam_policy_attachment: everybody who has the policy."""

    KINDS: ClassVar = {"groups": "Group", "roles": "Role", "users": "User"}
    DEFAULTS: ClassVar[Config] = {name: set() for name in KINDS}

    def create(self) -> None:
        for name in self.KINDS:
            self._each("attach", name, self.config[name])
        self.id = self.config["name"]

    def read(self) -> Config:
        listed = {
            name: {
                each[f"{kind}Name"]
                for each in pages(
                    self.iam, "list_entities_for_policy", f"Policy{kind}s", PolicyArn=self.config["policy_arn"]
                )
            }
            for name, kind in self.KINDS.items()
        }
        if not any(listed.values()):
            raise NotFoundError
        return {**self.config, **listed}

    def update(self, changed: set[str]) -> None:
        for name in changed:
            before = self.state[name]
            self._each("detach", name, before - self.config[name])
            self._each("attach", name, self.config[name] - before)

    def destroy(self) -> None:
        for name in self.KINDS:
            self._each("detach", name, self.config[name])

    def _each(self, verb: str, name: str, holders: set[str]) -> None:
        kind = self.KINDS[name]
        call = getattr(self.iam, f"{verb}_{kind.lower()}_policy")
        for holder in sorted(holders):
            members = {f"{kind}Name": holder, "PolicyArn": self.config["policy_arn"]}
            forgiving(call, **members) if verb == "detach" else call(**members)
