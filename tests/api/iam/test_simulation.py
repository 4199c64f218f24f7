"""Simulations with boto3: what they answer."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest
from botocore.exceptions import ClientError

from tests.api.conftest import Refused
from tests.api.iam.conftest import MANAGED, Person, allow, deny, document
from tests.server import Server

Make = Callable[..., str]
Persons = Callable[..., Person]


def entry(name: str, *values: str, kind: str = "string") -> dict[str, Any]:
    return {"ContextKeyName": name, "ContextKeyValues": list(values), "ContextKeyType": kind}


def told(iam: Any, *policies: str, **members: Any) -> list[dict[str, Any]]:
    members.setdefault("ActionNames", ["kms:Encrypt"])
    found: list[dict[str, Any]] = iam.simulate_custom_policy(PolicyInputList=list(policies), **members)[
        "EvaluationResults"
    ]
    return found


def verdicts(results: list[dict[str, Any]]) -> list[str]:
    return [each["EvalDecision"] for each in results]


# --- what is answered ------------------------------------------------------------------------------------------------


def test_a_simulation_is_answered_as_aws_answers_it(iam: Any) -> None:
    text = document(allow("kms:Encrypt"), deny("kms:Decrypt"))
    allowed, denied, neither = told(iam, text, ActionNames=["kms:Encrypt", "kms:Decrypt", "kms:Sign"])
    end = text.index('}, {"Effect": "Deny"') + 2
    assert allowed == {
        "EvalActionName": "kms:Encrypt",
        "EvalResourceName": "*",
        "EvalDecision": "allowed",
        "MatchedStatements": [
            {
                "SourcePolicyId": "PolicyInputList.1",
                "SourcePolicyType": "IAM Policy",
                "StartPosition": {"Line": 1, "Column": 41},
                "EndPosition": {"Line": 1, "Column": end},
            }
        ],
        "MissingContextValues": [],
    }
    assert (denied["EvalDecision"], denied["MatchedStatements"][0]["StartPosition"]["Column"]) == (
        "explicitDeny",
        end + 1,
    )
    assert (neither["EvalDecision"], neither["MatchedStatements"]) == ("implicitDeny", [])


def test_each_resource_has_its_own_result(iam: Any) -> None:
    first, second = "arn:aws:kms:us-east-1:111122223333:key/a", "arn:aws:kms:us-east-1:111122223333:key/b"
    text = document(allow("kms:*", resource=first))
    results = told(iam, text, ActionNames=["kms:Encrypt", "kms:Decrypt"], ResourceArns=[first, second])
    assert [(each["EvalActionName"], each["EvalResourceName"], each["EvalDecision"]) for each in results] == [
        ("kms:Encrypt", first, "allowed"),
        ("kms:Encrypt", second, "implicitDeny"),
        ("kms:Decrypt", first, "allowed"),
        ("kms:Decrypt", second, "implicitDeny"),
    ]
    for result in results:
        [one] = result["ResourceSpecificResults"]
        assert (one["EvalResourceName"], one["EvalResourceDecision"]) == (
            result["EvalResourceName"],
            result["EvalDecision"],
        )
        assert one["MatchedStatements"] == result["MatchedStatements"]
    pages = iam.get_paginator("simulate_custom_policy").paginate(
        PolicyInputList=[text],
        ActionNames=["kms:Encrypt", "kms:Decrypt"],
        ResourceArns=[first, second],
        PaginationConfig={"PageSize": 3},
    )
    assert [each for page in pages for each in page["EvaluationResults"]] == results


def test_a_page_is_bounded_whatever_is_asked(iam: Any) -> None:
    actions = [f"kms:Action{number}" for number in range(1_500)]
    resources = [f"arn:aws:kms:us-east-1:111122223333:key/{number}" for number in range(1_500)]
    answer = iam.simulate_custom_policy(
        PolicyInputList=[document(allow("kms:*"))], ActionNames=actions, ResourceArns=resources, MaxItems=1_000
    )
    assert (len(answer["EvaluationResults"]), answer["IsTruncated"]) == (1_000, True)
    many = document(*(allow("kms:*", Sid=f"S{number}") for number in range(1_200)))
    asked = {"PolicyInputList": [many], "ActionNames": actions[:50]}
    first = iam.simulate_custom_policy(**asked)
    assert len(first["EvaluationResults"]) == 1_000_000 // len(many) < 50
    assert len(first["EvaluationResults"][0]["MatchedStatements"]) == 1_200
    rest = iam.simulate_custom_policy(**asked, Marker=first["Marker"], MaxItems=1)["EvaluationResults"]
    assert [each["EvalActionName"] for each in rest] == [actions[len(first["EvaluationResults"])]]


def test_a_page_ends_where_its_work_is_used_up_and_its_marker_goes_on(iam: Any) -> None:
    patterns = [f"*a?b*{number}b*" for number in range(60)]
    text = document(allow("kms:*"), deny("kms:*", Condition={"ForAnyValue:StringLike": {"aws:TagKeys": patterns}}))
    resources = [f"arn:aws:kms:us-east-1:111122223333:key/{number}" for number in range(40)]
    asked = {
        "PolicyInputList": [text],
        "PermissionsBoundaryPolicyInputList": [text],
        "ActionNames": ["kms:Encrypt"],
        "ResourceArns": resources,
        "ContextEntries": [entry("aws:TagKeys", *(f"aab{'ab' * 9}{at}" for at in range(400)), kind="stringList")],
        "MaxItems": 1_000,
    }
    first = iam.simulate_custom_policy(**asked)
    assert (0 < len(first["EvaluationResults"]) < 10, first["IsTruncated"]) == (True, True)
    found = [
        each
        for page in iam.get_paginator("simulate_custom_policy").paginate(
            **{member: value for member, value in asked.items() if member != "MaxItems"},
            PaginationConfig={"PageSize": 1_000},
        )
        for each in page["EvaluationResults"]
    ]
    assert [each["EvalResourceName"] for each in found] == resources
    assert set(verdicts(found)) == {"explicitDeny"}


def test_who_may_simulate_learns_nothing_of_another_user(iam: Any, made: Make) -> None:
    arn = iam.get_user(UserName=made(Tags=[{"Key": "team", "Value": "blue"}]))["User"]["Arn"]
    text = document(allow("kms:*", Condition={"StringEquals": {"aws:PrincipalTag/team": "blue"}}))
    for who in (arn, f"{arn}-not-there"):
        [result] = told(iam, text, CallerArn=who)
        assert (result["EvalDecision"], result["MissingContextValues"]) == ("implicitDeny", ["aws:PrincipalTag/team"])


def test_a_boundary_is_told_and_another_may_take_its_place(iam: Any, person: Persons, policy: Make) -> None:
    narrow, wide = document(allow("kms:Decrypt")), document(allow("kms:*"))
    [result] = told(iam, wide, PermissionsBoundaryPolicyInputList=[narrow])
    assert (result["EvalDecision"], result["PermissionsBoundaryDecisionDetail"]) == (
        "implicitDeny",
        {"AllowedByPermissionsBoundary": False},
    )
    someone = person(allow("kms:*"))
    arn = policy(allow("kms:Decrypt"))
    iam.put_user_permissions_boundary(UserName=someone.name, PermissionsBoundary=arn)
    user = iam.get_user(UserName=someone.name)["User"]["Arn"]
    asked = {"PolicySourceArn": user, "ActionNames": ["kms:Encrypt"]}
    assert verdicts(iam.simulate_principal_policy(**asked)["EvaluationResults"]) == ["implicitDeny"]
    replaced = iam.simulate_principal_policy(**asked, PermissionsBoundaryPolicyInputList=[wide])["EvaluationResults"]
    assert verdicts(replaced) == ["allowed"]


def test_policies_of_a_principal_are_named_as_aws_names_them(
    iam: Any, made: Make, role: Make, policy: Make, server: Server
) -> None:
    group, user, name, arn = made("group"), made(), role(), policy(allow("kms:*"))
    text = document(allow("kms:*"))
    iam.add_user_to_group(UserName=user, GroupName=group)
    iam.put_user_policy(UserName=user, PolicyName="u", PolicyDocument=text)
    iam.put_group_policy(GroupName=group, PolicyName="g", PolicyDocument=text)
    iam.attach_group_policy(GroupName=group, PolicyArn=arn)
    iam.put_role_policy(RoleName=name, PolicyName="r", PolicyDocument=text)
    managed = arn.rpartition("/")[2]

    def sources(kind: str, named: str) -> list[str]:
        answer = iam.simulate_principal_policy(
            PolicySourceArn=f"arn:aws:iam::{server.account}:{kind}/{named}",
            ActionNames=["kms:Encrypt"],
            PolicyInputList=[text],
        )
        [result] = answer["EvaluationResults"]
        assert result["EvalDecision"] == "allowed"
        return [each["SourcePolicyId"] for each in result["MatchedStatements"]]

    assert sources("user", user) == [f"user_{user}_u", f"group_{group}_g", managed, "PolicyInputList.1"]
    assert sources("group", group) == [f"group_{group}_g", managed, "PolicyInputList.1"]
    assert sources("role", name) == [f"role_{name}_r", "PolicyInputList.1"]


def test_a_resource_policy_needs_somebody_whom_it_can_mean(server: Server, refused: Refused, iam: Any) -> None:
    admin = f"arn:aws:iam::{server.account}:user/admin"
    resource = document({**allow("kms:Encrypt"), "Principal": {"AWS": admin}})
    nothing = document(allow("s3:*"))
    asked = {"PolicyInputList": [nothing], "ActionNames": ["kms:Encrypt"], "ResourcePolicy": resource}
    assert refused(iam.simulate_custom_policy, **asked)[0] == "InvalidInput"
    [result] = told(iam, nothing, ResourcePolicy=resource, CallerArn=admin)
    assert result["EvalDecision"] == "allowed"
    assert result["MatchedStatements"][0]["SourcePolicyId"] == "ResourcePolicy"
    assert verdicts(told(iam, nothing, ResourcePolicy=resource, CallerArn=f"{admin}2")) == ["implicitDeny"]


def test_what_is_missing_is_named_and_can_be_told(iam: Any) -> None:
    condition = {"StringEquals": {"s3:prefix": "a"}, "NumericLessThan": {"aws:MultiFactorAuthAge": "300"}}
    text = document(allow("s3:ListBucket", Condition=condition))
    [result] = told(iam, text, ActionNames=["s3:ListBucket"])
    assert result["MissingContextValues"] == ["s3:prefix", "aws:MultiFactorAuthAge"]
    entries = [entry("S3:Prefix", "a"), entry("aws:MultiFactorAuthAge", "10", kind="numeric")]
    [result] = told(iam, text, ActionNames=["s3:ListBucket"], ContextEntries=entries)
    assert (result["EvalDecision"], result["MissingContextValues"]) == ("allowed", [])


def test_context_keys_of_policies_are_listed(iam: Any, person: Persons) -> None:
    first = document(
        allow("s3:*", resource="arn:aws:s3:::b/${aws:username}", Condition={"Null": {"s3:VersionId": "true"}})
    )
    second = document(allow("s3:*", Condition={"Bool": {"aws:SecureTransport": "true"}}))
    found = iam.get_context_keys_for_custom_policy(PolicyInputList=[first, second, first])["ContextKeyNames"]
    assert found == ["s3:VersionId", "aws:username", "aws:SecureTransport"]
    someone = person(allow("kms:*", Condition={"StringEquals": {"kms:KeySpec": "RSA_2048"}}))
    arn = iam.get_user(UserName=someone.name)["User"]["Arn"]
    found = iam.get_context_keys_for_principal_policy(PolicySourceArn=arn, PolicyInputList=[second])["ContextKeyNames"]
    assert found == ["kms:KeySpec", "aws:SecureTransport"]


def test_what_cannot_be_simulated_is_refused(server: Server, refused: Refused, iam: Any, name: str) -> None:
    text, arn = document(allow("kms:*")), f"arn:aws:iam::{server.account}"
    asked = {"PolicyInputList": [text], "ActionNames": ["kms:Encrypt"]}
    for wrong in (
        {"PolicyInputList": ["{"]},
        {"ActionNames": ["kms:*"]},
        {"ActionNames": ["Encrypt"]},
        {"CallerArn": f"{arn}:role/x"},
        {"PermissionsBoundaryPolicyInputList": [text, text]},
        {"ContextEntries": [entry("aws:MultiFactorAuthAge", "old", kind="numeric")]},
        {"ContextEntries": [entry("aws:username", "a", "b")]},
        {"ResourcePolicy": text, "CallerArn": f"{arn}:user/admin"},
    ):
        assert refused(iam.simulate_custom_policy, **{**asked, **wrong})[0] == "InvalidInput", wrong
    session = f"arn:aws:sts::{server.account}:assumed-role/r/s"
    said = ("InvalidInput", f"Invalid Entity Arn: {session} does not clearly define entity type and name.")
    assert refused(iam.simulate_principal_policy, PolicySourceArn=session, ActionNames=["kms:Encrypt"]) == said
    for kind in ("user", "group", "role"):
        said = ("NoSuchEntity", f"The {kind} with name {name} cannot be found.")
        source = f"{arn}:{kind}/{name}"
        assert refused(iam.simulate_principal_policy, PolicySourceArn=source, ActionNames=["kms:Encrypt"]) == said
    organization = [{"ServiceControlPolicyInputList": [text]}]
    for member, value in (
        ("ResourceHandlingOption", "EC2-VPC-EBS"),
        ("OrderedOrganizationPolicyInputList", organization),
    ):
        code, said_ = refused(iam.simulate_custom_policy, **asked, **{member: value})
        assert (code, member in said_) == ("UnsupportedOperation", True)


def test_permission_is_asked_of_the_principal(server: Server, iam: Any, person: Persons) -> None:
    someone, other = person(), person()
    mine, theirs = (iam.get_user(UserName=each.name)["User"]["Arn"] for each in (someone, other))
    someone.may(allow("iam:SimulatePrincipalPolicy", resource=mine))
    assert someone.iam.simulate_principal_policy(PolicySourceArn=mine, ActionNames=["kms:Encrypt"])
    for call, members in (
        (someone.iam.simulate_principal_policy, {"PolicySourceArn": theirs}),
        (someone.iam.simulate_custom_policy, {"PolicyInputList": [document(allow("kms:*"))]}),
    ):
        with pytest.raises(ClientError, match="AccessDenied"):
            call(ActionNames=["kms:Encrypt"], **members)


def test_a_simulation_knows_a_change_at_once(iam: Any, made: Make) -> None:
    user = made()
    arn = iam.get_user(UserName=user)["User"]["Arn"]

    def says() -> set[str]:
        asked = {"PolicySourceArn": arn, "ActionNames": ["kms:Encrypt"]}
        answers = [iam.simulate_principal_policy(**asked)["EvaluationResults"] for _ in range(6)]
        return {verdict for answer in answers for verdict in verdicts(answer)}

    assert says() == {"implicitDeny"}
    iam.attach_user_policy(UserName=user, PolicyArn=f"{MANAGED}AdministratorAccess")
    assert says() == {"allowed"}
    iam.attach_user_policy(UserName=user, PolicyArn=f"{MANAGED}AWSDenyAll")
    assert says() == {"explicitDeny"}
    iam.detach_user_policy(UserName=user, PolicyArn=f"{MANAGED}AWSDenyAll")
    assert says() == {"allowed"}


def test_positions_are_those_of_the_stored_text(iam: Any, made: Make) -> None:
    user = made()
    text = json.dumps({"Version": "2012-10-17", "Statement": [allow("s3:*"), allow("kms:*")]}, indent=4)
    iam.put_user_policy(UserName=user, PolicyName="p", PolicyDocument=text)
    answer = iam.simulate_principal_policy(
        PolicySourceArn=iam.get_user(UserName=user)["User"]["Arn"], ActionNames=["kms:Encrypt"]
    )
    [match] = answer["EvaluationResults"][0]["MatchedStatements"]
    lines = text.split("\n")
    assert lines[match["StartPosition"]["Line"] - 1].endswith("},")
    assert lines[match["EndPosition"]["Line"] - 1][: match["EndPosition"]["Column"] - 1].endswith("}")
