"""What an administrator does with people and groups, with the AWS CLI; together every operation about them."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest

from keystead.services.iam import (
    accesskeys,
    account,
    credentials,
    grouppolicies,
    groups,
    userpolicies,
    users,
    usertags,
)
from keystead.services.table import collect
from tests.clients.journeys import refused
from tests.clients.programs import AwsCli, Refused

MODULES = (accesskeys, account, credentials, grouppolicies, groups, userpolicies, users, usertags)
READ_ONLY = "arn:aws:iam::aws:policy/IAMReadOnlyAccess"
LISTING = json.dumps(
    {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "kms:ListKeys", "Resource": "*"}]}
)


def as_user(aws: AwsCli, key: dict[str, Any]) -> Callable[[str], str]:
    """Another shell with the user's own access key: call an operation, get ``OK`` or the code of the refusal."""
    own = {"AWS_ACCESS_KEY_ID": key["AccessKeyId"], "AWS_SECRET_ACCESS_KEY": key["SecretAccessKey"]}
    shell = AwsCli({**aws.environment, **own}, aws.folder)
    shell.unknown = aws.unknown

    def call(operation: str) -> str:
        try:
            shell.call(operation)
        except Refused as error:
            return error.code
        return "OK"

    return call


def life_of_a_user(aws: AwsCli) -> None:
    call = aws.call
    user = call("iam:CreateUser", UserName="ann", Path="/staff/", Tags=[{"Key": "team", "Value": "north"}])["User"]
    assert user["Arn"].endswith(":user/staff/ann")
    assert call("iam:GetUser", UserName="ann")["User"] == user
    assert call("iam:GetUser")["User"]["UserName"] == "admin"
    assert [one["UserName"] for one in call("iam:ListUsers", PathPrefix="/staff/")["Users"]] == ["ann"]
    call("iam:TagUser", UserName="ann", Tags=[{"Key": "cost", "Value": "1"}])
    call("iam:UntagUser", UserName="ann", TagKeys=["team"])
    assert call("iam:ListUserTags", UserName="ann")["Tags"] == [{"Key": "cost", "Value": "1"}]
    call("iam:PutUserPermissionsBoundary", UserName="ann", PermissionsBoundary=READ_ONLY)
    call("iam:DeleteUserPermissionsBoundary", UserName="ann")
    call("iam:UpdateUser", UserName="ann", NewUserName="anna")
    assert call("iam:GetUser", UserName="anna")["User"]["UserId"] == user["UserId"]
    for operation, member in (
        ("iam:ListMFADevices", "MFADevices"),
        ("iam:ListSigningCertificates", "Certificates"),
        ("iam:ListSSHPublicKeys", "SSHPublicKeys"),
        ("iam:ListServiceSpecificCredentials", "ServiceSpecificCredentials"),
    ):
        assert call(operation, UserName="anna")[member] == []
    assert call("iam:ListVirtualMFADevices")["VirtualMFADevices"] == []
    for operation in ("iam:GetLoginProfile", "iam:DeleteLoginProfile"):
        with refused("NoSuchEntity"):
            call(operation, UserName="anna")
    call("iam:DeleteUser", UserName="anna")
    with refused("NoSuchEntity"):
        call("iam:GetUser", UserName="anna")


def access_of_a_user(aws: AwsCli) -> None:
    call = aws.call
    call("iam:CreateUser", UserName="bob")
    key = call("iam:CreateAccessKey", UserName="bob")["AccessKey"]
    bob = as_user(aws, key)
    assert bob("ListKeys") == "AccessDeniedException"
    call("iam:PutUserPolicy", UserName="bob", PolicyName="listing", PolicyDocument=LISTING)
    assert bob("ListKeys") == "OK"
    assert call("iam:ListUserPolicies", UserName="bob")["PolicyNames"] == ["listing"]
    put = call("iam:GetUserPolicy", UserName="bob", PolicyName="listing")["PolicyDocument"]
    assert put == json.loads(LISTING)
    call("iam:UpdateAccessKey", UserName="bob", AccessKeyId=key["AccessKeyId"], Status="Inactive")
    assert bob("ListKeys") == "UnrecognizedClientException"
    call("iam:UpdateAccessKey", UserName="bob", AccessKeyId=key["AccessKeyId"], Status="Active")
    call("iam:DeleteUserPolicy", UserName="bob", PolicyName="listing")
    assert bob("ListKeys") == "AccessDeniedException"
    call("iam:AttachUserPolicy", UserName="bob", PolicyArn=READ_ONLY)
    attached = call("iam:ListAttachedUserPolicies", UserName="bob")["AttachedPolicies"]
    assert attached == [{"PolicyName": "IAMReadOnlyAccess", "PolicyArn": READ_ONLY}]
    assert bob("iam:ListUsers") == "OK"
    call("iam:DetachUserPolicy", UserName="bob", PolicyArn=READ_ONLY)
    assert bob("iam:ListUsers") == "AccessDenied"
    used = call("iam:GetAccessKeyLastUsed", AccessKeyId=key["AccessKeyId"])
    assert used["UserName"] == "bob"
    with refused("DeleteConflict"):
        call("iam:DeleteUser", UserName="bob")
    [listed] = call("iam:ListAccessKeys", UserName="bob")["AccessKeyMetadata"]
    call("iam:DeleteAccessKey", UserName="bob", AccessKeyId=listed["AccessKeyId"])
    assert bob("ListKeys") == "UnrecognizedClientException"
    call("iam:DeleteUser", UserName="bob")


def life_of_a_group(aws: AwsCli) -> None:
    call = aws.call
    call("iam:CreateUser", UserName="eve")
    eve = as_user(aws, key := call("iam:CreateAccessKey", UserName="eve")["AccessKey"])
    call("iam:CreateGroup", GroupName="readers")
    call("iam:UpdateGroup", GroupName="readers", NewGroupName="listers", NewPath="/staff/")
    call("iam:PutGroupPolicy", GroupName="listers", PolicyName="listing", PolicyDocument=LISTING)
    call("iam:AttachGroupPolicy", GroupName="listers", PolicyArn=READ_ONLY)
    assert (eve("ListKeys"), eve("iam:ListUsers")) == ("AccessDeniedException", "AccessDenied")
    call("iam:AddUserToGroup", GroupName="listers", UserName="eve")
    assert (eve("ListKeys"), eve("iam:ListUsers")) == ("OK", "OK")
    assert [user["UserName"] for user in call("iam:GetGroup", GroupName="listers")["Users"]] == ["eve"]
    assert [group["GroupName"] for group in call("iam:ListGroupsForUser", UserName="eve")["Groups"]] == ["listers"]
    assert "listers" in [group["GroupName"] for group in call("iam:ListGroups", PathPrefix="/staff/")["Groups"]]
    assert call("iam:ListGroupPolicies", GroupName="listers")["PolicyNames"] == ["listing"]
    assert call("iam:GetGroupPolicy", GroupName="listers", PolicyName="listing")["GroupName"] == "listers"
    assert len(call("iam:ListAttachedGroupPolicies", GroupName="listers")["AttachedPolicies"]) == 1
    call("iam:RemoveUserFromGroup", GroupName="listers", UserName="eve")
    assert (eve("ListKeys"), eve("iam:ListUsers")) == ("AccessDeniedException", "AccessDenied")
    call("iam:DetachGroupPolicy", GroupName="listers", PolicyArn=READ_ONLY)
    call("iam:DeleteGroupPolicy", GroupName="listers", PolicyName="listing")
    call("iam:DeleteGroup", GroupName="listers")
    call("iam:DeleteAccessKey", UserName="eve", AccessKeyId=key["AccessKeyId"])
    call("iam:DeleteUser", UserName="eve")


def the_account(aws: AwsCli) -> None:
    assert aws.call("iam:GetAccountSummary")["SummaryMap"]["Users"] >= 1
    aws.call("iam:CreateAccountAlias", AccountAlias="my-keys")
    assert aws.call("iam:ListAccountAliases")["AccountAliases"] == ["my-keys"]
    aws.call("iam:DeleteAccountAlias", AccountAlias="my-keys")
    assert aws.call("iam:ListAccountAliases")["AccountAliases"] == []


JOURNEYS = (life_of_a_user, access_of_a_user, life_of_a_group, the_account)


@pytest.mark.clients
def test_the_cli_does_all_that_concerns_users_and_groups(aws: AwsCli) -> None:
    aws.called.clear()
    for journey in JOURNEYS:
        journey(aws)
    assert aws.called >= {f"iam:{name}" for name in collect(MODULES)}
