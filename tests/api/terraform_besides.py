"""Terraform's KMS resources that are no keys: policies, aliases, grants. See `tests.api.terraform`."""

from __future__ import annotations

import json
from typing import Any, ClassVar

from tests.api.terraform import AnyKey, Config, NotFoundError, Resource, refused


class KeyPolicy(AnyKey):
    """aws_kms_key_policy: the policy alone, of a key that is somebody else's."""

    def create(self) -> None:
        self.id = self.config["key_id"]
        self.put_policy(self.config["policy"])

    def read(self) -> Config:
        key = self.metadata()
        return {"key_id": key["KeyId"], "policy": self.policy()}

    def update(self, changed: set[str]) -> None:
        if "policy" in changed:
            self.put_policy(self.config["policy"])

    def destroy(self) -> None:
        """The default policy as the provider writes it takes the place."""
        account = self.metadata()["AWSAccountId"]
        statement = {
            "Sid": "Enable IAM User Permissions",
            "Effect": "Allow",
            "Principal": {"AWS": f"arn:aws:iam::{account}:root"},
            "Action": "kms:*",
            "Resource": "*",
        }
        self.put_policy(json.dumps({"Id": "default", "Version": "2012-10-17", "Statement": [statement]}))


class Alias(Resource):
    """aws_kms_alias. It is looked for among all aliases."""

    def create(self) -> None:
        self.kms.create_alias(AliasName=self.config["name"], TargetKeyId=self.config["target_key_id"])
        self.id = self.config["name"]

    def read(self) -> Config:
        for page in self.kms.get_paginator("list_aliases").paginate():
            for alias in page["Aliases"]:
                if alias["AliasName"] == self.id:
                    arn, target = alias["AliasArn"], alias["TargetKeyId"]
                    key_arn = arn.replace(self.id, f"key/{target}")
                    return {"arn": arn, "name": self.id, "target_key_id": target, "target_key_arn": key_arn}
        raise NotFoundError(self.id)

    def same(self, name: str, wanted: Any, found: Any) -> bool:
        """A key goes by its id and by its ARN."""
        if name == "target_key_id":
            return bool(wanted.split("/")[-1] == found.split("/")[-1])
        return super().same(name, wanted, found)

    def update(self, changed: set[str]) -> None:
        if "target_key_id" in changed:
            self.kms.update_alias(AliasName=self.id, TargetKeyId=self.config["target_key_id"])

    def destroy(self) -> None:
        self.kms.delete_alias(AliasName=self.id)
        assert self.gone()
        assert refused("NotFoundException", self.kms.delete_alias, AliasName=self.id)


class Grant(Resource):
    """aws_kms_grant: it never changes, what differs is made anew. Its id is the key's and its own."""

    DEFAULTS: ClassVar[Config] = {"retire_on_delete": False}
    WRITE_ONLY = frozenset({"retire_on_delete"})

    def create(self) -> None:
        config = self.config
        members: dict[str, Any] = {
            "KeyId": config["key_id"],
            "GranteePrincipal": config["grantee_principal"],
            "Operations": sorted(config["operations"]),
        }
        if config.get("constraints"):  # the provider sends both, the one that is not configured as an empty map
            both = {"encryption_context_equals": {}, "encryption_context_subset": {}, **config["constraints"]}
            members["Constraints"] = {camel(name): pairs for name, pairs in both.items()}
        for name in ("name", "retiring_principal"):
            if config.get(name):
                members[camel(name)] = config[name]
        answer = self.kms.create_grant(**members)
        self.id = f"{config['key_id']}:{answer['GrantId']}"

    def read(self) -> Config:
        key_id, grant_id = self.id.rsplit(":", 1)
        pages = self.kms.get_paginator("list_grants").paginate(KeyId=key_id, Limit=100)
        found = [grant for page in pages for grant in page["Grants"] if grant["GrantId"] == grant_id]
        if not found:
            raise NotFoundError(grant_id)
        [grant] = found
        state: Config = {
            "key_id": key_id,
            "grantee_principal": grant["GranteePrincipal"],
            "operations": set(grant["Operations"]),
        }
        assert grant["GranteePrincipal"].startswith("arn:")  # else the provider waits for the principal to come back
        for name in ("name", "retiring_principal"):
            if grant.get(camel(name)):
                state[name] = grant[camel(name)]
        if "Constraints" in grant:
            names = {camel(name): name for name in ("encryption_context_equals", "encryption_context_subset")}
            state["constraints"] = {names[name]: pairs for name, pairs in grant["Constraints"].items() if pairs}
        return state

    def update(self, changed: set[str]) -> None:
        if changed:
            self.destroy()
            self.create()

    def destroy(self) -> None:
        key_id, grant_id = self.id.rsplit(":", 1)
        end = self.kms.retire_grant if self.config["retire_on_delete"] else self.kms.revoke_grant
        end(KeyId=key_id, GrantId=grant_id)
        assert self.gone()
        assert refused("NotFoundException", self.kms.revoke_grant, KeyId=key_id, GrantId=grant_id)


def camel(name: str) -> str:
    return "".join(word.capitalize() for word in name.split("_"))
