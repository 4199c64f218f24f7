"""What Terraform's AWS provider does with its KMS resources, call by call, against boto3.

Each class is a resource: `apply` makes it or changes it as its configuration says and reads it back, `plan` reads it and
says what differs from the configuration, `destroy` removes it, `imported` takes over what is there. The calls, their
order and their members are those of the provider (internal/service/kms); where it waits until a change has arrived
everywhere, it asks several times in a row, and here each of these answers has to be right, since nothing has to
arrive."""

from __future__ import annotations

import base64
import datetime
import json
from abc import ABC, abstractmethod
from collections.abc import Callable
from typing import Any, ClassVar, Self

from botocore.exceptions import ClientError

from tests.api.importer import wrapped

#: Times in a row that the provider wants to see a new state before it believes it.
SETTLED, SETTLED_STATE = 5, 15

Config = dict[str, Any]
Clients = Callable[[str], Any]


class NotFoundError(Exception):
    """The provider takes the resource out of its state."""


def settled(holds: Callable[[], bool], times: int = SETTLED) -> None:
    for turn in range(times):
        assert holds(), f"not so in turn {turn}"


def refused(code: str, call: Callable[..., Any], containing: str = "", **members: Any) -> bool:
    """Whether a call is refused with this code; any other refusal is an error."""
    try:
        call(**members)
    except ClientError as error:
        if error.response["Error"]["Code"] == code and containing in error.response["Error"].get("Message", ""):
            return True
        raise
    return False


class Resource(ABC):
    """Attributes that are computed have no default; those of `WRITE_ONLY` are never read back."""

    DEFAULTS: ClassVar[Config] = {}
    WRITE_ONLY: frozenset[str] = frozenset()

    def __init__(self, clients: Clients, region: str, **config: Any) -> None:
        self.clients = clients
        self.region = region
        self.kms = clients(region)
        self.config = {**self.DEFAULTS, **config}
        self.id = ""
        self.state: Config = {}

    @classmethod
    def imported(cls, clients: Clients, region: str, resource_id: str) -> Self:
        """`terraform import`: nothing is known but the id."""
        resource = cls(clients, region)
        resource.id = resource_id
        resource.state = resource.read()
        return resource

    def apply(self, **config: Any) -> Self:
        """Make it, or change to this configuration; no difference may be left."""
        before = dict(self.config)
        self.config.update(config)
        if self.id:
            self.update({name for name in config if config[name] != before.get(name)})
        else:
            self.create()
        self.state = self.read()
        assert self.plan() == {}
        return self

    def plan(self) -> Config:
        """What is not as configured, read anew."""
        self.state = self.read()
        return {
            name: (wanted, self.state.get(name))
            for name, wanted in self.config.items()
            if name not in self.WRITE_ONLY and not self.same(name, wanted, self.state.get(name))
        }

    def same(self, name: str, wanted: Any, found: Any) -> bool:
        if name == "policy":
            return wanted is None or bool(json.loads(wanted) == json.loads(found))
        return bool(wanted == found)

    def gone(self) -> bool:
        try:
            self.read()
        except NotFoundError:
            return True
        return False

    @abstractmethod
    def create(self) -> None: ...

    @abstractmethod
    def read(self) -> Config:
        """The attributes as they are; `NotFoundError` where there is nothing."""

    @abstractmethod
    def update(self, changed: set[str]) -> None: ...

    @abstractmethod
    def destroy(self) -> None: ...


def normalized(policy: str) -> str:
    return json.dumps(json.loads(policy), separators=(",", ":"), sort_keys=True)


def as_tags(tags: dict[str, str]) -> list[dict[str, str]]:
    return [{"TagKey": name, "TagValue": value} for name, value in tags.items()]


class AnyKey(Resource):
    """What the four resources that are keys have in common."""

    ENABLED = "enabled"

    # --- reading -----------------------------------------------------------------------------------------------------

    def metadata(self) -> dict[str, Any]:
        """A key that is to be deleted is gone for Terraform."""
        try:
            found: dict[str, Any] = self.kms.describe_key(KeyId=self.id)["KeyMetadata"]
        except self.kms.exceptions.NotFoundException as error:
            raise NotFoundError from error
        if found["KeyState"] in {"PendingDeletion", "PendingReplicaDeletion"}:
            raise NotFoundError(found["KeyState"])
        return found

    def policy(self) -> str:
        return normalized(self.kms.get_key_policy(KeyId=self.id, PolicyName="default")["Policy"])

    def tags(self) -> dict[str, str]:
        pages = self.kms.get_paginator("list_resource_tags").paginate(KeyId=self.id)
        return {tag["TagKey"]: tag["TagValue"] for page in pages for tag in page["Tags"]}

    def rotation(self) -> tuple[bool, int | None]:
        found = self.kms.get_key_rotation_status(KeyId=self.id)
        return found["KeyRotationEnabled"], found.get("RotationPeriodInDays")

    def info(self, key: dict[str, Any]) -> Config:
        """Metadata, then policy, rotation (unless the material is imported), tags: in the provider's order."""
        found: Config = {
            "arn": key["Arn"],
            "key_id": key["KeyId"],
            "description": key["Description"],
            self.ENABLED: key["Enabled"],
            "key_usage": key["KeyUsage"],
            "key_state": key["KeyState"],
            "multi_region": key["MultiRegion"],
            "policy": self.policy(),
        }
        if key["Origin"] == "AWS_KMS":
            found["enable_key_rotation"], found["rotation_period_in_days"] = self.rotation()
        found["tags"] = self.tags()
        assert key["KeyManager"] == "CUSTOMER"
        return found

    # --- changing ----------------------------------------------------------------------------------------------------

    def common_members(self) -> dict[str, Any]:
        """Members of CreateKey and of ReplicateKey; what is not configured is not sent."""
        members: dict[str, Any] = {"BypassPolicyLockoutSafetyCheck": False}
        if self.config.get("tags"):
            members["Tags"] = as_tags(self.config["tags"])
        if self.config.get("description"):
            members["Description"] = self.config["description"]
        if self.config.get("policy"):
            members["Policy"] = normalized(self.config["policy"])
        return members

    def settle_created(self) -> None:
        if self.config.get("policy"):
            settled(lambda: self.same("policy", self.config["policy"], self.policy()))
        if self.config.get("tags"):
            settled(lambda: self.tags() == self.config["tags"])

    def switch(self, enabled: bool) -> None:
        (self.kms.enable_key if enabled else self.kms.disable_key)(KeyId=self.id)
        settled(lambda: self.metadata()["Enabled"] == enabled, SETTLED_STATE)

    def describe(self, description: str) -> None:
        self.kms.update_key_description(KeyId=self.id, Description=description)
        settled(lambda: self.metadata()["Description"] == description)

    def put_policy(self, policy: str) -> None:
        self.kms.put_key_policy(
            KeyId=self.id, Policy=normalized(policy), PolicyName="default", BypassPolicyLockoutSafetyCheck=False
        )
        settled(lambda: self.same("policy", policy, self.policy()))

    def retag(self, tags: dict[str, str]) -> None:
        old = self.state["tags"]
        if removed := sorted(old.keys() - tags.keys()):
            self.kms.untag_resource(KeyId=self.id, TagKeys=removed)
        if updated := {name: value for name, value in tags.items() if old.get(name) != value}:
            self.kms.tag_resource(KeyId=self.id, Tags=as_tags(updated))
        settled(lambda: self.tags() == tags)

    def update(self, changed: set[str]) -> None:
        """Enabled first, since disabled keys refuse changes; disabled last."""
        config, waits = self.config, self.state["key_state"] == "PendingImport"
        if self.ENABLED in changed and config[self.ENABLED] and not waits:
            self.switch(enabled=True)
        self.update_more(changed)
        if "description" in changed:
            self.describe(config["description"])
        if "policy" in changed:
            self.put_policy(config["policy"])
        if "valid_to" in changed:
            self.import_material()
        if self.ENABLED in changed and not config[self.ENABLED] and not waits:
            self.switch(enabled=False)
        if "tags" in changed:
            self.retag(config["tags"])

    def update_more(self, changed: set[str]) -> None:
        """What only some keys have."""

    def destroy(self) -> None:
        """Twice is once: a key that is pending deletion, or no more, is as good as deleted."""
        window = self.config.get("deletion_window_in_days")
        members = {} if window is None else {"PendingWindowInDays": window}
        self.kms.schedule_key_deletion(KeyId=self.id, **members)
        assert self.gone()
        assert refused(
            "KMSInvalidStateException", self.kms.schedule_key_deletion, "is pending deletion", KeyId=self.id, **members
        )

    # --- imported material -------------------------------------------------------------------------------------------

    def import_material(self) -> None:
        """The wrapping the provider always asks for; the same bytes again when the end changes."""
        given = self.kms.get_parameters_for_import(
            KeyId=self.id, WrappingAlgorithm="RSAES_OAEP_SHA_256", WrappingKeySpec="RSA_2048"
        )
        material = base64.b64decode(self.config["key_material_base64"])
        valid_to = self.config.get("valid_to")
        ends = {"ExpirationModel": "KEY_MATERIAL_DOES_NOT_EXPIRE"}
        if valid_to:
            ends = {"ExpirationModel": "KEY_MATERIAL_EXPIRES", "ValidTo": datetime.datetime.fromisoformat(valid_to)}  # type: ignore[dict-item]
        self.kms.import_key_material(
            KeyId=self.id,
            ImportToken=given["ImportToken"],
            EncryptedKeyMaterial=wrapped(given["PublicKey"], "RSAES_OAEP_SHA_256", material),
            **ends,
        )
        assert self.metadata()["KeyState"] in {"Enabled", "Disabled"}
        settled(lambda: rfc3339(self.metadata().get("ValidTo")) == (valid_to or None))

    def import_at_creation(self) -> None:
        if self.config.get("key_material_base64"):
            self.import_material()
            if not self.config[self.ENABLED]:
                self.switch(enabled=False)

    @staticmethod
    def about_material(key: dict[str, Any]) -> Config:
        assert key["Origin"] == "EXTERNAL"
        return {"expiration_model": key.get("ExpirationModel", ""), "valid_to": rfc3339(key.get("ValidTo"))}


def rfc3339(moment: datetime.datetime | None) -> str | None:
    return None if moment is None else moment.astimezone(datetime.UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


class Key(AnyKey):
    """aws_kms_key."""

    ENABLED = "is_enabled"
    DEFAULTS: ClassVar[Config] = {
        "customer_master_key_spec": "SYMMETRIC_DEFAULT",
        "key_usage": "ENCRYPT_DECRYPT",
        "is_enabled": True,
        "enable_key_rotation": False,
    }
    WRITE_ONLY = frozenset({"deletion_window_in_days"})

    def create(self) -> None:
        config = self.config
        members = self.common_members()
        members |= {"KeySpec": config["customer_master_key_spec"], "KeyUsage": config["key_usage"]}
        if config.get("multi_region") is not None:
            members["MultiRegion"] = config["multi_region"]
        self.id = self.kms.create_key(**members)["KeyMetadata"]["KeyId"]
        if config["enable_key_rotation"]:
            self.rotate()
        if not config["is_enabled"]:
            self.switch(enabled=False)
        self.settle_created()

    def rotate(self) -> None:
        enabled, days = self.config["enable_key_rotation"], self.config.get("rotation_period_in_days")
        if enabled:
            self.kms.enable_key_rotation(KeyId=self.id, **({"RotationPeriodInDays": days} if days else {}))
        else:
            self.kms.disable_key_rotation(KeyId=self.id)

        def arrived() -> bool:
            found, period = self.rotation()
            return found == enabled and (not days or period is None or period == days)

        settled(arrived)

    def update_more(self, changed: set[str]) -> None:
        if "enable_key_rotation" in changed or (
            "rotation_period_in_days" in changed and self.config["enable_key_rotation"]
        ):
            self.rotate()

    def read(self) -> Config:
        key = self.metadata()
        found = self.info(key)
        if key["MultiRegion"]:
            assert key["MultiRegionConfiguration"]["MultiRegionKeyType"] == "PRIMARY"
        return {**found, "customer_master_key_spec": key["KeySpec"]}


class ExternalKey(AnyKey):
    """aws_kms_external_key."""

    DEFAULTS: ClassVar[Config] = {"deletion_window_in_days": 30}
    WRITE_ONLY = frozenset({"deletion_window_in_days", "key_material_base64"})

    def create(self) -> None:
        members = {**self.common_members(), "KeyUsage": "ENCRYPT_DECRYPT", "Origin": "EXTERNAL"}
        if self.config.get("multi_region") is not None:
            members["MultiRegion"] = self.config["multi_region"]
        self.id = self.kms.create_key(**members)["KeyMetadata"]["KeyId"]
        self.import_at_creation()
        self.settle_created()

    def read(self) -> Config:
        key = self.metadata()
        if key["MultiRegion"]:
            assert key["MultiRegionConfiguration"]["MultiRegionKeyType"] == "PRIMARY"
        return {**self.info(key), **self.about_material(key)}


class ReplicaKey(AnyKey):
    """aws_kms_replica_key."""

    DEFAULTS: ClassVar[Config] = {"deletion_window_in_days": 30, "enabled": True}
    WRITE_ONLY = frozenset({"deletion_window_in_days", "key_material_base64"})
    FIRST_STATE = "Enabled"

    def create(self) -> None:
        """In the primary's Region; then the replica is waited for in its own."""
        _, _, _, region, _, resource = self.config["primary_key_arn"].split(":")
        answer = self.clients(region).replicate_key(
            KeyId=resource.removeprefix("key/"), ReplicaRegion=self.region, **self.common_members()
        )
        self.id = answer["ReplicaKeyMetadata"]["KeyId"]
        assert self.metadata()["KeyState"] == self.FIRST_STATE
        self.create_more()
        self.settle_created()

    def create_more(self) -> None:
        if not self.config["enabled"]:
            self.switch(enabled=False)

    def read(self) -> Config:
        key = self.metadata()
        about = key["MultiRegionConfiguration"]
        assert about["MultiRegionKeyType"] == "REPLICA"
        return {**self.info(key), "key_spec": key["KeySpec"], "primary_key_arn": about["PrimaryKey"]["Arn"]}


class ReplicaExternalKey(ReplicaKey):
    """aws_kms_replica_external_key."""

    DEFAULTS: ClassVar[Config] = {"deletion_window_in_days": 30}
    FIRST_STATE = "PendingImport"

    def create_more(self) -> None:
        self.import_at_creation()

    def read(self) -> Config:
        return {**super().read(), **self.about_material(self.metadata())}
