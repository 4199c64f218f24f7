"""The administrator's API: why a call was denied, of what is now and of records, and to whom it is told."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest
from botocore.exceptions import ClientError

from tests.api.explaining import Explain, denied, explain, folder, says
from tests.api.iam.conftest import Person, allow, deny, document, made, name, person
from tests.server import Server

__all__ = ["explain", "folder", "made", "name", "person"]


def test_who_may_do_it_is_told_by_which_statement(explain: Explain, key: dict[str, Any], person: Any) -> None:
    alice = person(allow("kms:Encrypt", resource=key["Arn"], Sid="Mine"))
    answer = explain(Principal=alice.name, Action="kms:encrypt", KeyId=key["KeyId"])
    assert answer["Allowed"] is True
    assert answer["Reason"] == "the key policy trusts the account and an identity policy allows"
    assert answer["Proposals"] == []
    key_policy, own = answer["Policies"]
    assert (key_policy["Type"], own["Type"]) == ("KeyPolicy", "IdentityPolicy")
    assert own["Origin"] == f"the inline policy own of the user {alice.name}"
    assert [each["Decided"] for each in own["Statements"]] == [True]
    assert own["Statements"][0]["Sid"] == "Mine"
    assert answer["Question"]["Action"] == "kms:Encrypt"


def test_a_failed_condition_is_told_with_both_values_and_satisfied_first(
    explain: Explain, key: dict[str, Any], person: Any
) -> None:
    condition = {"StringEquals": {"kms:EncryptionContext:project": "blue"}}
    alice = person(allow("kms:Decrypt", resource=key["Arn"], Condition=condition))
    answer = explain(
        Principal=alice.name, Action="kms:Decrypt", KeyId=key["KeyId"], EncryptionContext={"project": "red"}
    )
    assert answer["Allowed"] is False
    (statement,) = answer["Policies"][1]["Statements"]
    assert statement["Failing"] == ["Condition"]
    assert statement["Conditions"] == [
        {
            "Operator": "StringEquals",
            "Key": "kms:EncryptionContext:project",
            "Wanted": ["blue"],
            "Found": ["red"],
            "Holds": "no",
        }
    ]
    assert says(answer)[0] == "pass the encryption context pair project=blue"


def test_what_is_proposed_can_be_pasted_and_allows(
    explain: Explain, kms: Any, iam: Any, key: dict[str, Any], person: Any
) -> None:
    alice: Person = person(deny("kms:Encrypt", "kms:Decrypt", resource=key["Arn"]))
    kms.put_key_policy(KeyId=key["KeyId"], Policy=document(allow("kms:*", Principal={"AWS": "*"}, Condition={
        "StringEquals": {"aws:PrincipalArn": iam.get_user(UserName="admin")["User"]["Arn"]}
    })))  # fmt: skip
    for _ in range(2):  # the first puts the changes of the best proposal, the second finds nothing left to propose
        answer = explain(Principal=alice.name, Action="kms:Encrypt", KeyId=key["Arn"])
        for change in answer["Proposals"][0]["Changes"] if answer["Proposals"] else ():
            if "key policy" in change["Says"]:
                kms.put_key_policy(KeyId=key["KeyId"], Policy=change["Policy"])
            else:
                iam.put_user_policy(UserName=alice.name, PolicyName="own", PolicyDocument=change["Policy"])
    assert answer["Allowed"] is True
    assert alice.kms.encrypt(KeyId=key["Arn"], Plaintext=b"x")["CiphertextBlob"]
    assert denied(alice.kms.describe_key, KeyId=key["Arn"])[0] == "AccessDeniedException"


def test_a_denied_call_is_explained_by_its_request_id(explain: Explain, key: dict[str, Any], person: Any) -> None:
    alice: Person = person(deny("kms:Encrypt", Sid="Never"))
    code, request_id = denied(alice.kms.encrypt, KeyId=key["Arn"], Plaintext=b"x", EncryptionContext={"a": "b"})
    assert code == "AccessDeniedException"
    answer = explain(RequestId=request_id)
    assert answer["Allowed"] is False
    assert answer["Reason"] == "an identity policy denies"
    assert answer["Question"]["Principal"].endswith(f"user/{alice.name}")
    assert (answer["Question"]["Action"], answer["Question"]["Resource"]) == ("kms:Encrypt", key["Arn"])
    decided = [each["Sid"] for policy in answer["Policies"] for each in policy["Statements"] if each["Decided"]]
    assert decided == ["Never"]
    record = answer["Record"]
    assert record["ErrorCode"] == "AccessDenied"
    assert record["Missing"][0] == "the encryption context, if there was one: a denied call's is not recorded"
    alice.may(allow("kms:Encrypt"))
    since = explain(RequestId=request_id, EncryptionContext={"a": "b"})
    assert since["Allowed"] is True
    assert since["Question"]["EncryptionContext"] == {"a": "b"}
    assert any("PutUserPolicy by" in each for each in since["Record"]["ChangedSince"])


def test_a_call_that_was_not_denied_is_said_to_be_none(explain: Explain, kms: Any, key: dict[str, Any]) -> None:
    done = kms.encrypt(KeyId=key["Arn"], Plaintext=b"x", EncryptionContext={"team": "x"})
    answer = explain(RequestId=done["ResponseMetadata"]["RequestId"])
    assert answer["Allowed"] is True
    assert answer["Question"]["EncryptionContext"] == {"team": "x"}
    assert "the call was not denied" in answer["Notes"]


def test_groups_and_managed_policies_are_told_with_where_they_hang(
    explain: Explain, iam: Any, key: dict[str, Any], person: Any, made: Callable[..., str]
) -> None:
    alice, group = person(), made("group")
    iam.add_user_to_group(UserName=alice.name, GroupName=group)
    iam.put_group_policy(GroupName=group, PolicyName="of-group", PolicyDocument=document(allow("kms:Decrypt")))
    iam.attach_user_policy(UserName=alice.name, PolicyArn="arn:aws:iam::aws:policy/IAMReadOnlyAccess")
    answer = explain(Principal=f"user/{alice.name}", Action="kms:Sign", KeyId=key["Arn"])
    origins = {policy["Origin"] for policy in answer["Policies"]}
    assert origins == {
        "the key policy",
        f"the AWS managed policy IAMReadOnlyAccess of the user {alice.name}",
        f"the inline policy of-group of the group {group}",
    }
    assert f"give the user {alice.name} a new inline policy" in says(answer)


def test_grants_are_told_with_what_keeps_them_from_allowing(
    explain: Explain, kms: Any, key: dict[str, Any], person: Any, iam: Any
) -> None:
    alice: Person = person()
    user_arn = iam.get_user(UserName=alice.name)["User"]["Arn"]
    kms.create_grant(
        KeyId=key["KeyId"],
        GranteePrincipal=user_arn,
        Operations=["Encrypt"],
        Constraints={"EncryptionContextSubset": {"team": "x"}},
    )
    asked = {"Principal": user_arn, "Action": "kms:Encrypt", "KeyId": key["Arn"]}
    (grant,) = explain(**asked)["Grants"]
    assert (grant["Allows"], grant["Missing"]) == (False, "the encryption context lacks a pair that it demands")
    answer = explain(**asked, EncryptionContext={"team": "x", "more": "y"})
    assert (answer["Allowed"], answer["Reason"]) == (True, "a grant allows")
    assert answer["Grants"][0]["Allows"] is True


def test_actions_of_iam_are_explained_by_identity_policies_alone(explain: Explain, iam: Any, person: Any) -> None:
    alice: Person = person(allow("iam:GetUser", resource="arn:aws:iam::*:user/nobody"))
    resource = iam.get_user(UserName=alice.name)["User"]["Arn"]
    answer = explain(Principal=alice.name, Action="iam:GetUser", Resource=resource)
    assert answer["Allowed"] is False
    assert [policy["Type"] for policy in answer["Policies"]] == ["IdentityPolicy"]
    assert answer["Policies"][0]["Statements"][0]["Failing"] == ["Resource"]


def test_the_state_of_the_key_is_told_besides(explain: Explain, kms: Any, key: dict[str, Any], person: Any) -> None:
    alice = person(allow("kms:Encrypt"))
    kms.disable_key(KeyId=key["KeyId"])
    answer = explain(Principal=alice.name, Action="kms:Encrypt", KeyId=key["KeyId"])
    assert answer["Allowed"] is True
    assert any("the state of the key refuses the call" in note for note in answer["Notes"])


def test_a_role_that_is_not_to_be_assumed_says_why(
    explain: Explain, iam: Any, server: Server, person: Any, name: str
) -> None:
    alice: Person = person(allow("sts:AssumeRole"))
    account = {"AWS": f"arn:aws:iam::{server.account}:root"}
    trust = {"Effect": "Allow", "Principal": account, "Action": "sts:AssumeRole"}
    only = {**trust, "Condition": {"StringEquals": {"sts:ExternalId": "secret"}}}
    role = iam.create_role(RoleName=name, AssumeRolePolicyDocument=document(only))["Role"]["Arn"]
    try:
        code, request_id = denied(alice.client("sts").assume_role, RoleArn=role, RoleSessionName="night")
        assert code == "AccessDenied"
        answer = explain(RequestId=request_id)
        assert (answer["Allowed"], answer["Reason"]) == (False, "the trust policy does not allow")
        assert [policy["Type"] for policy in answer["Policies"]] == ["TrustPolicy", "IdentityPolicy"]
        (condition,) = answer["Policies"][0]["Statements"][0]["Conditions"]
        assert (condition["Key"], condition["Wanted"], condition["Holds"]) == ("sts:ExternalId", ["secret"], "no")
        asked = {"Principal": alice.name, "Action": "sts:AssumeRole", "Resource": role}
        assert explain(**asked, Conditions={"sts:ExternalId": "secret"})["Allowed"] is True
        proposal = explain(**asked)["Proposals"][-1]["Changes"][-1]
        assert "Resource" not in json.loads(proposal["Statement"])
        iam.update_assume_role_policy(RoleName=name, PolicyDocument=proposal["Policy"])
        assert alice.client("sts").assume_role(RoleArn=role, RoleSessionName="night")["Credentials"]
    finally:
        iam.delete_role(RoleName=name)


def test_the_call_of_a_session_is_explained_with_its_role(
    explain: Explain, iam: Any, server: Server, key: dict[str, Any], name: str
) -> None:
    trust = {"Effect": "Allow", "Principal": {"AWS": server.account}, "Action": "sts:AssumeRole"}
    role = iam.create_role(RoleName=name, AssumeRolePolicyDocument=document(trust))["Role"]["Arn"]
    try:
        iam.put_role_policy(RoleName=name, PolicyName="use", PolicyDocument=document(allow("kms:Decrypt")))
        made = server.client(service="sts").assume_role(RoleArn=role, RoleSessionName="night")["Credentials"]
        session = server.client(
            aws_access_key_id=made["AccessKeyId"],
            aws_secret_access_key=made["SecretAccessKey"],
            aws_session_token=made["SessionToken"],
        )
        _, request_id = denied(session.encrypt, KeyId=key["Arn"], Plaintext=b"x")
        answer = explain(RequestId=request_id)
        assert answer["Question"]["Principal"].endswith(f":assumed-role/{name}/night")
        assert [policy["Origin"] for policy in answer["Policies"]] == [
            "the key policy",
            f"the inline policy use of the role {name}",
        ]
        assert any("the policies and tags of the session" in missing for missing in answer["Record"]["Missing"])
        assert f"add a statement to the inline policy use of the role {name}" in says(answer)
        hypothetical = explain(Principal=f"role/{name}", Action="kms:Decrypt", KeyId=key["Arn"])
        assert hypothetical["Allowed"] is True
    finally:
        iam.delete_role_policy(RoleName=name, PolicyName="use")
        iam.delete_role(RoleName=name)


def test_the_call_of_a_federated_user_is_explained_with_the_user_behind_it(
    explain: Explain, server: Server, key: dict[str, Any], person: Any
) -> None:
    alice: Person = person(allow("kms:Encrypt"), allow("sts:GetFederationToken"))
    nothing = document(allow("kms:ListKeys"))
    made = alice.client("sts").get_federation_token(Name="fay", Policy=nothing)["Credentials"]
    session = server.client(
        aws_access_key_id=made["AccessKeyId"],
        aws_secret_access_key=made["SecretAccessKey"],
        aws_session_token=made["SessionToken"],
    )
    _, request_id = denied(session.encrypt, KeyId=key["Arn"], Plaintext=b"x")
    answer = explain(RequestId=request_id)
    assert answer["Question"]["Principal"].endswith(":federated-user/fay")
    assert answer["Policies"][1]["Origin"] == f"the inline policy own of the user {alice.name}"
    assert answer["Allowed"] is True, "what limits the session is not recorded"
    assert any("the policies and tags of the session" in missing for missing in answer["Record"]["Missing"])


TLS = {"Bool": {"aws:SecureTransport": "true"}}
CALLS: list[dict[str, Any]] = [
    allow("kms:Encrypt"),
    allow("kms:Encrypt", Condition=TLS),
    allow("kms:Encrypt", Condition={"Bool": {"aws:SecureTransport": "false"}}),
    allow("kms:Encrypt", Condition={"IpAddress": {"aws:SourceIp": "127.0.0.0/8"}}),
    allow("kms:Encrypt", Condition={"NotIpAddress": {"aws:SourceIp": "127.0.0.1"}}),
    allow("kms:Encrypt", Condition={"StringLike": {"aws:UserAgent": "Boto3/*"}}),
    allow("kms:Encrypt", Condition={"StringEquals": {"aws:RequestedRegion": "us-east-1"}}),
    allow("kms:Encrypt", Condition={"DateGreaterThan": {"aws:CurrentTime": "2020-01-01T00:00:00Z"}}),
    allow("kms:Encrypt", Condition={"StringEquals": {"kms:EncryptionAlgorithm": "SYMMETRIC_DEFAULT"}}),
    allow("kms:Encrypt", Condition={"StringEquals": {"kms:EncryptionContext:team": "x"}}),
    allow("kms:Encrypt", Condition={"StringEquals": {"kms:EncryptionContext:team": "y"}}),
    allow("kms:Encrypt", Condition={"ForAllValues:StringEquals": {"kms:EncryptionContextKeys": ["team"]}}),
    allow("kms:Encrypt", Condition={"StringEquals": {"kms:CallerAccount": "${aws:PrincipalAccount}"}}),
    allow("kms:Encrypt", Condition={"StringEquals": {"aws:ResourceTag/Stage": "test"}}),
    allow("kms:Encrypt", Condition={"StringEquals": {"aws:ResourceTag/Stage": "prod"}}),
    allow("kms:Encrypt", Condition={"Null": {"kms:ViaService": "true", "aws:TokenIssueTime": "true"}}),
    allow("kms:Encrypt", Condition={"ForAnyValue:StringLike": {"kms:ResourceAliases": "alias/*"}}),
    allow("kms:Encrypt", resource="arn:aws:kms:*:*:alias/*"),
]


@pytest.mark.parametrize("statement", CALLS, ids=lambda each: json.dumps(each.get("Condition", each["Resource"])))
def test_the_explanation_of_a_call_is_what_the_call_was_answered(
    explain: Explain, kms: Any, key: dict[str, Any], person: Any, statement: dict[str, Any]
) -> None:
    kms.tag_resource(KeyId=key["KeyId"], Tags=[{"TagKey": "Stage", "TagValue": "test"}])
    alice: Person = person(statement)
    context = {"team": "x"}
    try:
        answer = alice.kms.encrypt(KeyId=key["Arn"], Plaintext=b"x", EncryptionContext=context)
        allowed = True
    except ClientError as error:
        answer, allowed = error.response, False
    explained = explain(RequestId=answer["ResponseMetadata"]["RequestId"], EncryptionContext=context)
    assert explained["Allowed"] is allowed
    assert ("ErrorCode" not in explained["Record"]) is allowed
    asked = explain(
        Principal=alice.name,
        Action="kms:Encrypt",
        KeyId=key["Arn"],
        EncryptionContext=context,
        UserAgent="Boto3/1.0",
        SourceIp="127.0.0.1",
    )
    assert asked["Allowed"] is allowed
