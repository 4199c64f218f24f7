"""What a client does with roles, managed policies and sessions, written once for all programs, as `journeys` of keys.

The AWS CLI shows the codes of errors, the SDK for JavaScript the names of their classes: ``NoSuchEntity`` and
``NoSuchEntityException``."""

from __future__ import annotations

import json
from typing import Any
from urllib.parse import unquote

import pytest

from tests.clients.journeys import Journey
from tests.clients.programs import Program, Refused

READ_ONLY = "arn:aws:iam::aws:policy/IAMReadOnlyAccess"


def policy(*statements: dict[str, Any]) -> str:
    return json.dumps({"Version": "2012-10-17", "Statement": list(statements)})


def allow(action: str, **more: Any) -> str:
    return policy({"Effect": "Allow", "Action": action, "Resource": "*", **more})


def refused(code: str) -> Any:
    return pytest.raises(Refused, match=f"^{code}(Exception)?: ")


def whoami(program: Program) -> tuple[str, str]:
    """Account and ARN of who the program is."""
    who = program.call("sts:GetCallerIdentity")
    return who["Account"], who["Arn"]


def text_of(document: Any) -> Any:
    """A document as an answer shows it: the CLI reads it already, the SDK leaves it as it was encoded."""
    return json.loads(unquote(document)) if isinstance(document, str) else document


def trusting(account: str) -> str:
    return policy({"Effect": "Allow", "Action": "sts:AssumeRole", "Principal": {"AWS": f"arn:aws:iam::{account}:root"}})


def life_of_a_role(program: Program) -> None:
    call, name = program.call, f"builder-{program.name}"
    account, _ = whoami(program)
    role = call(
        "iam:CreateRole",
        RoleName=name,
        Path="/ci/",
        AssumeRolePolicyDocument=trusting(account),
        Tags=[{"Key": "team", "Value": "north"}],
    )["Role"]
    assert role["Arn"] == f"arn:aws:iam::{account}:role/ci/{name}"
    assert call("iam:GetRole", RoleName=name)["Role"]["RoleId"] == role["RoleId"]
    assert [one["RoleName"] for one in call("iam:ListRoles", PathPrefix="/ci/")["Roles"] if one["RoleName"] == name]
    call("iam:UpdateRole", RoleName=name, Description="first", MaxSessionDuration=7200)
    call("iam:UpdateRoleDescription", RoleName=name, Description="builds")
    described = call("iam:GetRole", RoleName=name)["Role"]
    assert (described["Description"], described["MaxSessionDuration"]) == ("builds", 7200)
    call("iam:UpdateAssumeRolePolicy", RoleName=name, PolicyDocument=trusting(account))
    call("iam:TagRole", RoleName=name, Tags=[{"Key": "cost", "Value": "1"}])
    call("iam:UntagRole", RoleName=name, TagKeys=["team"])
    assert call("iam:ListRoleTags", RoleName=name)["Tags"] == [{"Key": "cost", "Value": "1"}]
    call("iam:PutRolePermissionsBoundary", RoleName=name, PermissionsBoundary=READ_ONLY)
    call("iam:DeleteRolePermissionsBoundary", RoleName=name)
    call("iam:PutRolePolicy", RoleName=name, PolicyName="listing", PolicyDocument=allow("kms:ListKeys"))
    assert call("iam:ListRolePolicies", RoleName=name)["PolicyNames"] == ["listing"]
    put = call("iam:GetRolePolicy", RoleName=name, PolicyName="listing")["PolicyDocument"]
    assert text_of(put) == json.loads(allow("kms:ListKeys"))
    call("iam:AttachRolePolicy", RoleName=name, PolicyArn=READ_ONLY)
    [attached] = call("iam:ListAttachedRolePolicies", RoleName=name)["AttachedPolicies"]
    assert attached["PolicyArn"] == READ_ONLY
    assert call("iam:ListInstanceProfilesForRole", RoleName=name)["InstanceProfiles"] == []
    with refused("DeleteConflict"):
        call("iam:DeleteRole", RoleName=name)
    call("iam:DetachRolePolicy", RoleName=name, PolicyArn=READ_ONLY)
    call("iam:DeleteRolePolicy", RoleName=name, PolicyName="listing")
    call("iam:DeleteRole", RoleName=name)
    with refused("NoSuchEntity"):
        call("iam:GetRole", RoleName=name)


def life_of_a_policy(program: Program) -> None:
    call = program.call
    made = call("iam:CreatePolicy", PolicyName=f"listing-{program.name}", PolicyDocument=allow("kms:ListKeys"))[
        "Policy"
    ]
    named = {"PolicyArn": made["Arn"]}
    call("iam:CreatePolicyVersion", **named, PolicyDocument=allow("kms:ListAliases"))
    call("iam:SetDefaultPolicyVersion", **named, VersionId="v2")
    assert call("iam:GetPolicy", **named)["Policy"]["DefaultVersionId"] == "v2"
    shown = call("iam:GetPolicyVersion", **named, VersionId="v2")["PolicyVersion"]
    assert text_of(shown["Document"]) == json.loads(allow("kms:ListAliases"))
    assert [one["VersionId"] for one in call("iam:ListPolicyVersions", **named)["Versions"]] == ["v2", "v1"]
    call("iam:DeletePolicyVersion", **named, VersionId="v1")
    call("iam:TagPolicy", **named, Tags=[{"Key": "a", "Value": "b"}, {"Key": "c", "Value": "d"}])
    call("iam:UntagPolicy", **named, TagKeys=["a"])
    assert call("iam:ListPolicyTags", **named)["Tags"] == [{"Key": "c", "Value": "d"}]
    assert made["Arn"] in [one["Arn"] for one in call("iam:ListPolicies", Scope="Local")["Policies"]]
    assert call("iam:ListEntitiesForPolicy", **named)["PolicyRoles"] == []
    with refused("MalformedPolicyDocument"):
        call("iam:CreatePolicyVersion", **named, PolicyDocument="{")
    call("iam:DeletePolicy", **named)


def what_would_be_allowed(program: Program) -> None:
    call = program.call
    _, arn = whoami(program)
    asked: dict[str, Any] = {"ActionNames": ["kms:Decrypt", "kms:ListKeys"]}
    found = call("iam:SimulateCustomPolicy", **asked, PolicyInputList=[allow("kms:ListKeys")])["EvaluationResults"]
    assert [one["EvalDecision"] for one in found] == ["implicitDeny", "allowed"]
    own = call("iam:SimulatePrincipalPolicy", **asked, PolicySourceArn=arn)["EvaluationResults"]
    assert [one["EvalDecision"] for one in own] == ["allowed", "allowed"]
    conditional = allow("kms:*", Condition={"StringEquals": {"kms:ViaService": "s3.us-east-1.amazonaws.com"}})
    keys = call("iam:GetContextKeysForCustomPolicy", PolicyInputList=[conditional])["ContextKeyNames"]
    assert keys == ["kms:ViaService"]
    assert "ContextKeyNames" in call("iam:GetContextKeysForPrincipalPolicy", PolicySourceArn=arn)
    details = call("iam:GetAccountAuthorizationDetails", Filter=["User"])
    assert arn in [user["Arn"] for user in details["UserDetailList"]]


def sessions(program: Program) -> None:
    call, name = program.call, f"listing-{program.name}"
    account, arn = whoami(program)
    call("iam:CreateRole", RoleName=name, AssumeRolePolicyDocument=trusting(account))
    call("iam:PutRolePolicy", RoleName=name, PolicyName="listing", PolicyDocument=allow("kms:ListKeys"))
    role = f"arn:aws:iam::{account}:role/{name}"
    made = call("sts:AssumeRole", RoleArn=role, RoleSessionName="build-7")
    session = made["Credentials"]
    who = call("sts:GetCallerIdentity", by=session)
    assert who["Arn"] == made["AssumedRoleUser"]["Arn"] == f"arn:aws:sts::{account}:assumed-role/{name}/build-7"
    call("ListKeys", by=session)
    with refused("AccessDenied"):
        call("ListAliases", by=session)
    with refused("InvalidClientTokenId"):
        call("sts:GetCallerIdentity", by={**session, "SessionToken": session["SessionToken"][:-8] + "AAAAAAAA"})
    call("iam:DeleteRolePolicy", RoleName=name, PolicyName="listing")
    with refused("AccessDenied"):
        call("ListKeys", by=session)

    own = call("sts:GetSessionToken")["Credentials"]
    assert call("sts:GetCallerIdentity", by=own)["Arn"] == arn
    federated = call("sts:GetFederationToken", Name="visitor", Policy=allow("kms:ListKeys"))["Credentials"]
    call("ListKeys", by=federated)
    with refused("AccessDenied"):
        call("ListAliases", by=federated)
    assert call("sts:GetAccessKeyInfo", AccessKeyId=program.environment["AWS_ACCESS_KEY_ID"])["Account"] == account
    call("iam:DeleteRole", RoleName=name)
    with refused("InvalidClientTokenId"):
        call("sts:GetCallerIdentity", by=session)


def of(service: str, names: str) -> frozenset[str]:
    return frozenset(f"{service}:{name}" for name in names.split())


CALLS: dict[Journey, frozenset[str]] = {
    life_of_a_role: of(
        "iam",
        """CreateRole GetRole ListRoles UpdateRole UpdateRoleDescription UpdateAssumeRolePolicy TagRole UntagRole
        ListRoleTags PutRolePermissionsBoundary DeleteRolePermissionsBoundary PutRolePolicy ListRolePolicies GetRolePolicy
        AttachRolePolicy ListAttachedRolePolicies ListInstanceProfilesForRole DetachRolePolicy DeleteRolePolicy
        DeleteRole""",
    ),
    life_of_a_policy: of(
        "iam",
        """CreatePolicy CreatePolicyVersion SetDefaultPolicyVersion GetPolicy GetPolicyVersion ListPolicyVersions
        DeletePolicyVersion TagPolicy UntagPolicy ListPolicyTags ListPolicies ListEntitiesForPolicy DeletePolicy""",
    ),
    what_would_be_allowed: of(
        "iam",
        """SimulateCustomPolicy SimulatePrincipalPolicy GetContextKeysForCustomPolicy GetContextKeysForPrincipalPolicy
        GetAccountAuthorizationDetails""",
    ),
    sessions: of("sts", "GetCallerIdentity AssumeRole GetSessionToken GetFederationToken GetAccessKeyInfo"),
}

#: What no journey calls, and where it is called instead.
ELSEWHERE = {
    "sts:AssumeRoleWithWebIdentity": "needs an identity provider in the server's configuration",
}
