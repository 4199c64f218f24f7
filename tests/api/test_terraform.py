"""Terraform's KMS resources and data sources, replayed: after every apply a read leaves no difference."""

from __future__ import annotations

import base64
import datetime
import json
import os
import uuid
from collections.abc import Callable
from typing import Any

import pytest

from tests.api.terraform import (
    Clients,
    ExternalKey,
    Key,
    ReplicaExternalKey,
    ReplicaKey,
    Resource,
    refused,
    rfc3339,
)
from tests.api.terraform_besides import Alias, Grant, KeyPolicy
from tests.server import REGION, Server

ELSEWHERE = "eu-west-1"
MATERIAL = base64.b64encode(os.urandom(32)).decode()


@pytest.fixture(scope="module")
def clients(server: Server) -> Clients:
    made: dict[str, Any] = {}
    return lambda region: made.setdefault(region, server.client(region))


@pytest.fixture
def policy(server: Server) -> Callable[..., str]:
    """A policy that keeps the account in charge, written as people write them."""

    def write(*statements: dict[str, Any]) -> str:
        root = {"AWS": f"arn:aws:iam::{server.account}:root"}
        first = {"Sid": "root", "Effect": "Allow", "Principal": root, "Action": ["kms:*"], "Resource": ["*"]}
        return json.dumps({"Statement": [first, *statements], "Version": "2012-10-17"}, indent=4)

    return write


@pytest.fixture
def admin(server: Server) -> str:
    return f"arn:aws:iam::{server.account}:user/admin"


def in_days(days: int) -> str:
    return str(rfc3339(datetime.datetime.now(datetime.UTC) + datetime.timedelta(days=days)))


def taken_over(resource: Resource) -> None:
    """`terraform import` finds what `terraform apply` left."""
    again = type(resource).imported(resource.clients, resource.region, resource.id)
    assert again.state == resource.state


# --- aws_kms_key -----------------------------------------------------------------------------------------------------


def test_a_key_is_made_changed_in_every_way_and_destroyed(clients: Clients, policy: Callable[..., str]) -> None:
    key = Key(clients, REGION, description="first", deletion_window_in_days=7).apply()
    key.apply(enable_key_rotation=True)
    assert key.state["rotation_period_in_days"] == 365
    key.apply(rotation_period_in_days=120)
    key.apply(enable_key_rotation=False, rotation_period_in_days=None)
    key.apply(description="second", tags={"team": "north", "cost": "7"})
    key.apply(policy=policy())
    key.apply(tags={"team": "south", "new": ""})
    key.apply(is_enabled=False)
    key.apply(description="third", is_enabled=True)
    deny = {"Effect": "Deny", "Principal": "*", "Action": "kms:Encrypt", "Resource": "*"}
    key.apply(policy=policy(deny), description="", tags={}, is_enabled=False)
    taken_over(key)
    key.destroy()


def test_a_key_is_made_with_everything_at_once(clients: Clients, policy: Callable[..., str]) -> None:
    key = Key(
        clients,
        REGION,
        description="all of it",
        policy=policy(),
        tags={"a": "1", "b": ""},
        enable_key_rotation=True,
        rotation_period_in_days=90,
        is_enabled=False,
    ).apply()
    assert key.state["key_state"] == "Disabled"
    taken_over(key)
    key.destroy()


@pytest.mark.parametrize(
    ("spec", "usage"),
    [
        ("RSA_2048", "SIGN_VERIFY"),
        ("ECC_NIST_P256", "KEY_AGREEMENT"),
        ("ECC_NIST_EDWARDS25519", "SIGN_VERIFY"),
        ("HMAC_256", "GENERATE_VERIFY_MAC"),
        ("ML_DSA_65", "SIGN_VERIFY"),
    ],
)
def test_a_key_that_cannot_rotate_says_that_it_does_not(clients: Clients, spec: str, usage: str) -> None:
    key = Key(clients, REGION, customer_master_key_spec=spec, key_usage=usage).apply()
    assert (key.state["enable_key_rotation"], key.state["rotation_period_in_days"]) == (False, None)
    key.destroy()


def test_a_difference_that_somebody_makes_is_seen_and_mended(clients: Clients) -> None:
    key = Key(clients, REGION, description="mine", tags={"a": "1"}).apply()
    key.kms.update_key_description(KeyId=key.id, Description="theirs")
    key.kms.tag_resource(KeyId=key.id, Tags=[{"TagKey": "b", "TagValue": "2"}])
    key.kms.disable_key(KeyId=key.id)
    key.kms.enable_key(KeyId=key.id)
    key.kms.enable_key_rotation(KeyId=key.id)
    assert key.plan() == {
        "description": ("mine", "theirs"),
        "tags": ({"a": "1"}, {"a": "1", "b": "2"}),
        "enable_key_rotation": (False, True),
    }
    key.update({"description", "tags", "enable_key_rotation"})
    assert key.plan() == {}
    key.kms.schedule_key_deletion(KeyId=key.id, PendingWindowInDays=7)
    assert key.gone()


# --- aws_kms_external_key --------------------------------------------------------------------------------------------


def test_an_external_key_waits_for_its_material(clients: Clients) -> None:
    key = ExternalKey(clients, REGION, description="empty").apply()
    assert key.state["key_state"] == "PendingImport"
    assert key.state["expiration_model"] == ""
    key.apply(description="still empty", tags={"a": "1"})
    taken_over(key)
    key.destroy()


def test_the_end_of_material_is_set_moved_and_taken_away(clients: Clients, policy: Callable[..., str]) -> None:
    key = ExternalKey(clients, REGION, key_material_base64=MATERIAL, valid_to=in_days(30), enabled=True).apply()
    assert (key.state["key_state"], key.state["expiration_model"]) == ("Enabled", "KEY_MATERIAL_EXPIRES")
    key.apply(valid_to=in_days(60))
    key.apply(enabled=False, policy=policy(), description="off")
    key.apply(valid_to=in_days(90))
    assert key.state["key_state"] == "Disabled"
    key.apply(enabled=True)
    key.apply(valid_to=None)
    assert key.state["expiration_model"] == "KEY_MATERIAL_DOES_NOT_EXPIRE"
    taken_over(key)
    key.destroy()


def test_an_external_key_is_made_disabled(clients: Clients) -> None:
    key = ExternalKey(clients, REGION, key_material_base64=MATERIAL, enabled=False, tags={"a": "1"}).apply()
    assert key.state["key_state"] == "Disabled"
    key.destroy()


# --- multi-Region keys -----------------------------------------------------------------------------------------------


def test_a_replica_goes_its_own_way_and_shares_rotation(clients: Clients, policy: Callable[..., str]) -> None:
    primary = Key(clients, REGION, multi_region=True, enable_key_rotation=True, description="primary").apply()
    replica = ReplicaKey(
        clients, ELSEWHERE, primary_key_arn=primary.state["arn"], deletion_window_in_days=7, tags={"a": "1"}
    ).apply()
    assert replica.state["description"] == ""
    assert replica.state["enable_key_rotation"] is True
    replica.apply(description="replica", policy=policy(), enabled=False)
    replica.apply(enabled=True, tags={"b": "2"})
    assert primary.plan() == {}
    taken_over(replica)
    replica.destroy()
    primary.destroy()
    assert primary.kms.describe_key(KeyId=primary.id)["KeyMetadata"]["KeyState"] == "PendingReplicaDeletion"


def test_a_replica_of_an_external_key_takes_the_same_material(clients: Clients) -> None:
    primary = ExternalKey(clients, REGION, multi_region=True, key_material_base64=MATERIAL, enabled=True).apply()
    replica = ReplicaExternalKey(
        clients, ELSEWHERE, primary_key_arn=primary.state["arn"], key_material_base64=MATERIAL, enabled=True
    ).apply()
    assert replica.state["key_state"] == "Enabled"
    replica.apply(valid_to=in_days(30))
    assert primary.plan() == {}
    replica.apply(valid_to=None, enabled=False, description="off")
    taken_over(replica)
    empty = ReplicaExternalKey(clients, "us-west-2", primary_key_arn=primary.state["arn"]).apply()
    assert empty.state["key_state"] == "PendingImport"
    for key in (empty, replica, primary):
        key.destroy()


# --- aws_kms_alias, aws_kms_grant, aws_kms_key_policy, aws_kms_ciphertext --------------------------------------------


def test_an_alias_follows_its_key(clients: Clients) -> None:
    one, other = Key(clients, REGION).apply(), Key(clients, REGION).apply()
    alias = Alias(clients, REGION, name=f"alias/tf-{uuid.uuid4()}", target_key_id=one.state["arn"]).apply()
    assert alias.state["target_key_arn"] == one.state["arn"]
    alias.apply(target_key_id=other.state["key_id"])
    assert alias.state["target_key_arn"] == other.state["arn"]
    taken_over(alias)
    alias.destroy()


@pytest.mark.parametrize("by", ["key_id", "arn"])
def test_a_grant_is_made_found_made_anew_and_revoked(clients: Clients, admin: str, by: str) -> None:
    key = Key(clients, REGION).apply()
    grant = Grant(
        clients, REGION, name="one", key_id=key.state[by], grantee_principal=admin, operations={"Encrypt", "Decrypt"}
    ).apply()
    first = grant.id
    grant.apply(operations={"RetireGrant", "DescribeKey"}, constraints={"encryption_context_equals": {"foo": "bar"}})
    assert grant.id != first
    grant.apply(constraints={"encryption_context_subset": {"foo": "bar", "baz": "kaz"}})
    grant.apply(retiring_principal=admin, name=None, constraints=None)
    taken_over(grant)
    grant.destroy()


def test_a_grant_is_retired_where_so_configured(clients: Clients, admin: str) -> None:
    key = Key(clients, REGION, customer_master_key_spec="RSA_2048", key_usage="SIGN_VERIFY").apply()
    about = {"grantee_principal": admin, "retiring_principal": admin, "operations": {"GetPublicKey", "Sign", "Verify"}}
    Grant(clients, REGION, key_id=key.state["arn"], retire_on_delete=True, **about).apply().destroy()


def test_a_policy_of_its_own_resource(clients: Clients, policy: Callable[..., str]) -> None:
    key = Key(clients, REGION).apply()
    mine = KeyPolicy(clients, REGION, key_id=key.id, policy=policy()).apply()
    mine.apply(policy=policy({"Effect": "Deny", "Principal": "*", "Action": "kms:Sign", "Resource": "*"}))
    assert key.plan() == {}  # which says nothing of the policy
    taken_over(mine)
    mine.destroy()
    assert json.loads(mine.policy())["Id"] == "default"


def test_ciphertexts_and_what_secrets_makes_of_them(clients: Clients) -> None:
    """aws_kms_ciphertext, and the data source aws_kms_secrets."""
    key, kms = Key(clients, REGION).apply(), clients(REGION)
    for context in ({}, {"name": "value"}):
        more = {"EncryptionContext": context} if context else {}
        sealed = kms.encrypt(KeyId=key.id, Plaintext=b"Super secret data", **more)["CiphertextBlob"]
        payload = base64.b64decode(base64.b64encode(sealed))
        assert kms.decrypt(CiphertextBlob=payload, **more)["Plaintext"] == b"Super secret data"


# --- data sources ----------------------------------------------------------------------------------------------------


def test_data_sources_find_what_there_is(clients: Clients) -> None:
    kms = clients(REGION)
    key = Key(clients, REGION, customer_master_key_spec="RSA_2048", key_usage="SIGN_VERIFY").apply()
    alias = Alias(clients, REGION, name=f"alias/tf-{uuid.uuid4()}", target_key_id=key.id).apply()
    for name in (key.id, key.state["arn"], alias.id, alias.state["arn"]):
        assert kms.describe_key(KeyId=name)["KeyMetadata"]["Arn"] == key.state["arn"]  # aws_kms_key
        public = kms.get_public_key(KeyId=name)  # aws_kms_public_key
        assert (public["KeyId"], public["KeyUsage"]) == (key.state["arn"], "SIGN_VERIFY")
        assert len(public["SigningAlgorithms"]) == 6
    for name in (key.id, key.state["arn"]):
        assert kms.get_key_last_usage(KeyId=name)["KeyId"] == key.id  # aws_kms_key_last_usage
    assert refused("NotFoundException", kms.describe_key, KeyId=str(uuid.uuid4()))


def test_the_key_of_a_service_has_a_target_once_it_was_described(clients: Clients) -> None:
    """aws_kms_alias of `alias/aws/…` asks DescribeKey for the key, since the list may not name one yet."""
    kms, name = clients("us-west-2"), "alias/aws/sqs"
    listed = {
        alias["AliasName"]: alias for page in kms.get_paginator("list_aliases").paginate() for alias in page["Aliases"]
    }
    assert name in listed
    described = kms.describe_key(KeyId=name)["KeyMetadata"]
    assert described["KeyManager"] == "AWS"
    assert Alias.imported(clients, "us-west-2", name).state["target_key_id"] == described["KeyId"]
