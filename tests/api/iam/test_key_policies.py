"""Whom a key policy names is the user itself, whatever its name becomes and whoever gets the name later."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable
from typing import Any

from tests.api.iam.conftest import Person
from tests.api.iam.test_access_keys import code_of
from tests.server import Server

Made = Callable[..., str]
Persons = Callable[..., Person]

DENIED = "AccessDeniedException"


def arn_of(iam: Any, name: str) -> str:
    return str(iam.get_user(UserName=name)["User"]["Arn"])


def policy(account: str, user_arn: str) -> str:
    return json.dumps(
        {
            "Version": "2012-10-17",
            "Statement": [
                {"Effect": "Allow", "Principal": {"AWS": account}, "Action": "kms:*", "Resource": "*"},
                {
                    "Sid": user_arn.rpartition(":")[2].replace("/", "."),
                    "Effect": "Allow",
                    "Principal": {"AWS": [user_arn]},
                    "Action": "kms:Encrypt",
                    "Resource": "*",
                    "Condition": {"StringNotEquals": {"aws:PrincipalTag/arn": user_arn}},
                },
            ],
        },
        indent=1,
    )


def shown(kms: Any, key_id: str) -> str:
    return str(kms.get_key_policy(KeyId=key_id)["Policy"])


def test_a_key_policy_follows_a_user_that_is_renamed(
    server: Server, iam: Any, kms: Any, person: Persons, name: str
) -> None:
    someone = person()
    before = arn_of(iam, someone.name)
    text = policy(server.account, before)
    key = kms.create_key(Policy=text)["KeyMetadata"]["KeyId"]
    encrypt = {"KeyId": key, "Plaintext": base64.b64encode(b"x")}
    assert shown(kms, key) == text
    assert code_of(someone.kms.encrypt, **encrypt) == "OK"
    iam.update_user(UserName=someone.name, NewUserName=name)
    try:
        assert code_of(someone.kms.encrypt, **encrypt) == "OK"
        assert shown(kms, key) == text.replace(f'"{before}"\n', f'"{arn_of(iam, name)}"\n', 1), "and nothing else"
        iam.create_user(UserName=someone.name)
        other = Person(server, iam, someone.name)
        assert code_of(other.kms.encrypt, **encrypt) == DENIED, "another user of the name that the policy was given"
        iam.delete_access_key(UserName=someone.name, AccessKeyId=other.access_key_id)
        iam.delete_user(UserName=someone.name)
    finally:
        iam.update_user(UserName=name, NewUserName=someone.name)


def test_a_user_made_anew_is_not_the_one_that_a_key_policy_names(
    server: Server, iam: Any, kms: Any, made: Made
) -> None:
    first = Person(server, iam, made())
    unique_id = iam.get_user(UserName=first.name)["User"]["UserId"]
    text = policy(server.account, arn_of(iam, first.name))
    key = kms.create_key()["KeyMetadata"]["KeyId"]
    kms.put_key_policy(KeyId=key, PolicyName="default", Policy=text)
    encrypt = {"KeyId": key, "Plaintext": base64.b64encode(b"x")}
    assert code_of(first.kms.encrypt, **encrypt) == "OK"
    iam.delete_access_key(UserName=first.name, AccessKeyId=first.access_key_id)
    iam.delete_user(UserName=first.name)
    iam.create_user(UserName=first.name)
    second = Person(server, iam, first.name)
    assert code_of(second.kms.encrypt, **encrypt) == DENIED
    [_, statement] = json.loads(shown(kms, key))["Statement"]
    assert statement["Principal"] == {"AWS": [unique_id]}
    kms.put_key_policy(KeyId=key, PolicyName="default", Policy=shown(kms, key))  # as it is shown it can be put back
    kms.put_key_policy(KeyId=key, PolicyName="default", Policy=text)
    assert code_of(second.kms.encrypt, **encrypt) == "OK", "now the policy means the second"


def test_a_key_policy_that_names_nobody_is_refused(server: Server, kms: Any, name: str) -> None:
    text = policy(server.account, f"arn:aws:iam::{server.account}:user/{name}")
    assert code_of(kms.create_key, Policy=text) == "MalformedPolicyDocumentException"


def test_a_replica_is_shown_the_policy_that_it_was_given(server: Server, iam: Any, kms: Any, made: Made) -> None:
    text = policy(server.account, arn_of(iam, made()))
    key = kms.create_key(MultiRegion=True)["KeyMetadata"]["KeyId"]
    answer = kms.replicate_key(KeyId=key, ReplicaRegion="eu-west-1", Policy=text)
    assert answer["ReplicaPolicy"] == text
    assert shown(server.client(region="eu-west-1"), key) == text


def test_a_grant_follows_a_user_that_is_renamed_and_no_other(
    server: Server, iam: Any, kms: Any, person: Persons, name: str
) -> None:
    someone = person()
    key = kms.create_key()["KeyMetadata"]["KeyId"]
    kms.create_grant(KeyId=key, GranteePrincipal=arn_of(iam, someone.name), Operations=["Encrypt"])
    encrypt = {"KeyId": key, "Plaintext": base64.b64encode(b"x")}
    iam.update_user(UserName=someone.name, NewUserName=name)
    try:
        assert code_of(someone.kms.encrypt, **encrypt) == "OK"
        [grant] = kms.list_grants(KeyId=key)["Grants"]
        assert grant["GranteePrincipal"] == arn_of(iam, name)
    finally:
        iam.update_user(UserName=name, NewUserName=someone.name)
