"""Operations of IAM and STS supply the condition keys that AWS's reference lists for their actions, and no others of their own.

Source: "Actions, resources, and condition keys for AWS Identity and Access Management (IAM)" and "… AWS Security Token Service"
(Service Authorization Reference).
"""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest

from keystead.domain.policy import decide
from keystead.domain.policy.decide import Candidates, Decision, Question
from keystead.domain.policy.facts import KEYS, PREFIXES, Context, reading
from tests.services.office import ACCOUNT, Office

BOUNDARY, POLICY = "iam:permissionsboundary", "iam:policyarn"
ADDED = ("aws:requesttag/", "aws:tagkeys")
TAGGED = ("aws:resourcetag/", "iam:resourcetag/")
SESSION = ("sts:externalid", "sts:rolesessionname", "sts:sourceidentity", "sts:transitivetagkeys")
OWN = {key for key in (*KEYS, *PREFIXES) if key.startswith(("iam:", "sts:"))} | {*ADDED, "aws:resourcetag/"}

#: By action: what a request for it supplies, where it is asked for all that it can be asked for.
SUPPLIED: dict[str, set[str]] = {
    "iam:CreateUser": {*ADDED, BOUNDARY},
    "iam:TagUser": {*ADDED, *TAGGED},
    "iam:UntagUser": {"aws:tagkeys", *TAGGED},
    "iam:GetUser": {*TAGGED},
    "iam:PutUserPermissionsBoundary": {*TAGGED, BOUNDARY},
    "iam:DeleteUserPermissionsBoundary": {*TAGGED, BOUNDARY},
    "iam:AttachUserPolicy": {*TAGGED, BOUNDARY, POLICY},
    "iam:DetachUserPolicy": {*TAGGED, BOUNDARY, POLICY},
    "iam:PutUserPolicy": {*TAGGED, BOUNDARY},
    "iam:DeleteUserPolicy": {*TAGGED, BOUNDARY},
    "iam:CreateAccessKey": {*TAGGED},
    "iam:CreateGroup": set(),
    "iam:AttachGroupPolicy": {POLICY},
    "iam:DetachGroupPolicy": {POLICY},
    "iam:CreatePolicy": {*ADDED},
    "iam:TagPolicy": {*ADDED, *TAGGED},
    "iam:UntagPolicy": {"aws:tagkeys", *TAGGED},
    "iam:GetPolicy": {*TAGGED},
    "iam:CreateRole": {*ADDED, BOUNDARY},
    "iam:TagRole": {*ADDED, *TAGGED},
    "iam:UntagRole": {"aws:tagkeys", *TAGGED},
    "iam:GetRole": {*TAGGED, BOUNDARY},
    "iam:UpdateRole": {*TAGGED, BOUNDARY},
    "iam:UpdateRoleDescription": {*TAGGED, BOUNDARY},
    "iam:UpdateAssumeRolePolicy": {*TAGGED, BOUNDARY},
    "iam:PutRolePermissionsBoundary": {*TAGGED, BOUNDARY},
    "iam:DeleteRolePermissionsBoundary": {*TAGGED, BOUNDARY},
    "iam:AttachRolePolicy": {*TAGGED, BOUNDARY, POLICY},
    "iam:DetachRolePolicy": {*TAGGED, BOUNDARY, POLICY},
    "iam:PutRolePolicy": {*TAGGED, BOUNDARY},
    "iam:DeleteRolePolicy": {*TAGGED, BOUNDARY},
    "iam:DeleteRole": {*TAGGED, BOUNDARY},
    "sts:AssumeRole": {*ADDED, *TAGGED, *SESSION},
    "sts:GetFederationToken": {*ADDED},
}

TAGS = [{"Key": "team", "Value": "blue"}]
LIMIT = f"arn:aws:iam::{ACCOUNT}:policy/Limit"
DOCUMENT = '{"Version":"2012-10-17","Statement":{"Effect":"Allow","Action":"*","Resource":"*"}}'
TRUST = json.dumps(
    {
        "Version": "2012-10-17",
        "Statement": {
            "Effect": "Allow",
            "Action": ["sts:AssumeRole", "sts:TagSession", "sts:SetSourceIdentity"],
            "Principal": {"AWS": ACCOUNT},
        },
    }
)


async def everything(office: Office) -> None:
    async def ask(operation: str, **members: Any) -> None:
        status, told = await office.ask(operation, **members)
        assert status == 200, (operation, told)

    of_user, of_role, of_group = {"UserName": "ann"}, {"RoleName": "Worker"}, {"GroupName": "team"}
    inline = {"PolicyName": "inline", "PolicyDocument": DOCUMENT}
    await ask("iam:CreatePolicy", PolicyName="Limit", PolicyDocument=DOCUMENT, Tags=TAGS)
    await ask("iam:TagPolicy", PolicyArn=LIMIT, Tags=TAGS)
    await ask("iam:GetPolicy", PolicyArn=LIMIT)

    await ask("iam:CreateUser", **of_user, Tags=TAGS, PermissionsBoundary=LIMIT)
    for each in ("GetUser", "CreateAccessKey"):
        await ask(f"iam:{each}", **of_user)
    await ask("iam:PutUserPermissionsBoundary", **of_user, PermissionsBoundary=LIMIT)
    for each in ("AttachUserPolicy", "DetachUserPolicy"):
        await ask(f"iam:{each}", **of_user, PolicyArn=LIMIT)
    await ask("iam:PutUserPolicy", **of_user, **inline)
    await ask("iam:DeleteUserPolicy", **of_user, PolicyName="inline")
    await ask("iam:DeleteUserPermissionsBoundary", **of_user)
    await ask("iam:TagUser", **of_user, Tags=TAGS)
    await ask("iam:UntagUser", **of_user, TagKeys=["team"])

    await ask("iam:CreateGroup", **of_group)
    for each in ("AttachGroupPolicy", "DetachGroupPolicy"):
        await ask(f"iam:{each}", **of_group, PolicyArn=LIMIT)

    await ask("iam:CreateRole", **of_role, AssumeRolePolicyDocument=TRUST, Tags=TAGS, PermissionsBoundary=LIMIT)
    await ask("iam:GetRole", **of_role)
    await ask("iam:UpdateRole", **of_role, MaxSessionDuration=3600)
    await ask("iam:UpdateRoleDescription", **of_role, Description="x")
    await ask("iam:UpdateAssumeRolePolicy", **of_role, PolicyDocument=TRUST)
    await ask("iam:PutRolePermissionsBoundary", **of_role, PermissionsBoundary=LIMIT)
    for each in ("AttachRolePolicy", "DetachRolePolicy"):
        await ask(f"iam:{each}", **of_role, PolicyArn=LIMIT)
    await ask("iam:PutRolePolicy", **of_role, **inline)
    await ask("iam:DeleteRolePolicy", **of_role, PolicyName="inline")
    await ask(
        "sts:AssumeRole",
        RoleArn=f"arn:aws:iam::{ACCOUNT}:role/Worker",
        RoleSessionName="night",
        ExternalId="external",
        SourceIdentity="admin",
        Tags=TAGS,
        TransitiveTagKeys=["team"],
    )
    await ask("sts:GetFederationToken", Name="fay", Tags=TAGS)
    await ask("iam:TagRole", **of_role, Tags=TAGS)
    await ask("iam:DeleteRole", **of_role)
    await ask("iam:CreateRole", **of_role, AssumeRolePolicyDocument=TRUST, Tags=TAGS, PermissionsBoundary=LIMIT)
    await ask("iam:DeleteRolePermissionsBoundary", **of_role)
    await ask("iam:UntagRole", **of_role, TagKeys=["team"])
    await ask("iam:UntagPolicy", PolicyArn=LIMIT, TagKeys=["team"])


def test_requests_supply_what_the_reference_lists_and_no_more(
    play: Callable[..., None], monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: dict[str, set[str]] = {}
    original = decide.decide

    def watched(question: Question, kept: Candidates | None = None) -> Decision:
        context = Context(question.context.facts)
        present = {name for name in KEYS if context.values(reading(name, key_policy=False)) is not None}
        present |= {prefix for prefix, family in PREFIXES.items() if list(family.pairs(context.facts) or ())}
        assert {"aws:principalarn", "aws:resourceaccount", "aws:requestedregion"} <= present
        assert not {"kms:calleraccount", "kms:viaservice"} & present
        asked.setdefault(question.action, set()).update(present & OWN)
        return original(question, kept)

    monkeypatch.setattr(decide, "decide", watched)
    play(everything)
    for action, listed in SUPPLIED.items():
        assert asked.get(action) == listed, action
