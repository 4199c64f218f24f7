"""Managed policies with boto3: made, listed, versioned, tagged, deleted; those of AWS; and what a new version is worth."""

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

ALLOW = document(allow("kms:ListKeys"))
ALSO = document(allow("kms:ListAliases"))


def versions(iam: Any, arn: str) -> list[tuple[str, bool]]:
    listed = iam.list_policy_versions(PolicyArn=arn)["Versions"]
    return [(version["VersionId"], version["IsDefaultVersion"]) for version in listed]


def listed(iam: Any, **filtered: Any) -> list[str]:
    pages = iam.get_paginator("list_policies").paginate(**filtered)
    return [policy["Arn"] for page in pages for policy in page["Policies"]]


# --- the policy itself -----------------------------------------------------------------------------------------------


def test_a_policy_is_answered_as_aws_answers_it(server: Server, iam: Any, name: str) -> None:
    made = iam.create_policy(PolicyName=name, Path="/a/b/", PolicyDocument=ALLOW, Description="d")["Policy"]
    try:
        arn = f"arn:aws:iam::{server.account}:policy/a/b/{name}"
        assert made == {
            "PolicyName": name,
            "PolicyId": made["PolicyId"],
            "Arn": arn,
            "Path": "/a/b/",
            "DefaultVersionId": "v1",
            "AttachmentCount": 0,
            "PermissionsBoundaryUsageCount": 0,
            "IsAttachable": True,
            "CreateDate": made["CreateDate"],
            "UpdateDate": made["CreateDate"],
        }
        assert made["PolicyId"].startswith("ANPA")
        assert iam.get_policy(PolicyArn=arn)["Policy"] == {**made, "Description": "d", "Tags": []}
        assert [each for each in iam.list_policies(Scope="Local")["Policies"] if each["Arn"] == arn] == [made]
    finally:
        iam.delete_policy(PolicyArn=arn)


def test_names_of_policies_are_unique_in_any_case(refused: Refused, iam: Any, policy: Make) -> None:
    policy(PolicyName="Mixed-Policy")
    said = ("EntityAlreadyExists", "A policy called mixed-POLICY already exists. Duplicate names are not allowed.")
    assert refused(iam.create_policy, PolicyName="mixed-POLICY", Path="/x/", PolicyDocument=ALLOW) == said


def test_a_policy_that_is_not_there_was_not_found(server: Server, refused: Refused, iam: Any, name: str) -> None:
    for account in (server.account, "999999999999"):
        arn = f"arn:aws:iam::{account}:policy/{name}"
        for operation, members in (
            ("get_policy", {}),
            ("delete_policy", {}),
            ("list_policy_versions", {}),
            ("list_policy_tags", {}),
            ("list_entities_for_policy", {}),
            ("tag_policy", {"Tags": [{"Key": "a", "Value": "b"}]}),
            ("untag_policy", {"TagKeys": ["a"]}),
            ("create_policy_version", {"PolicyDocument": ALLOW}),
        ):
            said = ("NoSuchEntity", f"Policy {arn} was not found.")
            assert refused(getattr(iam, operation), PolicyArn=arn, **members) == said
        for operation in ("get_policy_version", "set_default_policy_version", "delete_policy_version"):
            said = ("NoSuchEntity", f"Policy {arn} version v1 does not exist or is not attachable.")
            assert refused(getattr(iam, operation), PolicyArn=arn, VersionId="v1") == said
    said = ("ValidationError", "Invalid ARN:  Could not be parsed!")
    assert refused(iam.get_policy, PolicyArn="a-name-that-is-no-arn") == said


def test_a_document_is_checked_when_it_is_put(refused: Refused, iam: Any, policy: Make, name: str) -> None:
    arn = policy()
    for text, sentence in (
        ("{", "Syntax errors in policy."),
        (ALLOW.replace("2012", "2008"), "Policy document must be version 2012-10-17 or greater."),
        (document(allow("kms")), "Actions/Conditions must be prefaced by a vendor, e.g., iam, sdb, ec2, etc."),
    ):
        said = ("MalformedPolicyDocument", sentence)
        assert refused(iam.create_policy, PolicyName=name, PolicyDocument=text) == said
        assert refused(iam.create_policy_version, PolicyArn=arn, PolicyDocument=text) == said


def test_a_policy_may_have_6144_characters_without_white_space(
    refused: Refused, iam: Any, policy: Make, name: str
) -> None:
    def of_size(size: int) -> str:
        short = document(allow("kms:ListKeys", resource="arn:aws:kms:*:*:key/")).replace(" ", "")
        return short.replace(":key/", f":key/{'k' * (size - len(short))}")

    policy(PolicyDocument=of_size(6_144).replace("{", "{ \n"))
    said = ("LimitExceeded", "Cannot exceed quota for PolicySize: 6144")
    assert refused(iam.create_policy, PolicyName=name, PolicyDocument=of_size(6_145)) == said


def test_a_policy_in_use_is_not_deleted_and_neither_is_one_of_many_versions(
    refused: Refused, iam: Any, policy: Make, role: Make
) -> None:
    arn, name = policy(), role()
    iam.attach_role_policy(RoleName=name, PolicyArn=arn)
    said = ("DeleteConflict", "Cannot delete a policy attached to entities.")
    assert refused(iam.delete_policy, PolicyArn=arn) == said
    iam.detach_role_policy(RoleName=name, PolicyArn=arn)
    iam.create_policy_version(PolicyArn=arn, PolicyDocument=ALSO)
    said = (
        "DeleteConflict",
        "This policy has more than one version. Before you delete a policy, you must delete the policy's versions. The "
        "default version is deleted with the policy.",
    )
    assert refused(iam.delete_policy, PolicyArn=arn) == said
    iam.delete_policy_version(PolicyArn=arn, VersionId="v2")
    iam.delete_policy(PolicyArn=arn)
    assert refused(iam.get_policy, PolicyArn=arn)[0] == "NoSuchEntity"


# --- versions --------------------------------------------------------------------------------------------------------


def test_a_policy_has_five_versions_at_most_and_no_number_comes_twice(refused: Refused, iam: Any, policy: Make) -> None:
    arn = policy(allow("kms:ListKeys"))
    made = iam.create_policy_version(PolicyArn=arn, PolicyDocument=ALSO, SetAsDefault=True)["PolicyVersion"]
    assert made == {"VersionId": "v2", "IsDefaultVersion": True, "CreateDate": made["CreateDate"]}
    for number in (3, 4, 5):
        made = iam.create_policy_version(PolicyArn=arn, PolicyDocument=ALLOW)["PolicyVersion"]
        assert (made["VersionId"], made["IsDefaultVersion"]) == (f"v{number}", False)
    said = (
        "LimitExceeded",
        "A managed policy can have up to 5 versions. Before you create a new version, you must delete an existing version.",
    )
    assert refused(iam.create_policy_version, PolicyArn=arn, PolicyDocument=ALLOW) == said
    said = ("DeleteConflict", "Cannot delete the default version of a policy.")
    assert refused(iam.delete_policy_version, PolicyArn=arn, VersionId="v2") == said
    iam.delete_policy_version(PolicyArn=arn, VersionId="v5")
    iam.create_policy_version(PolicyArn=arn, PolicyDocument=ALLOW)
    assert versions(iam, arn) == [("v6", False), ("v4", False), ("v3", False), ("v2", True), ("v1", False)]
    iam.set_default_policy_version(PolicyArn=arn, VersionId="v1")
    assert iam.get_policy(PolicyArn=arn)["Policy"]["DefaultVersionId"] == "v1"
    found = iam.get_policy_version(PolicyArn=arn, VersionId="v2")["PolicyVersion"]
    assert (found["Document"], found["IsDefaultVersion"]) == (json.loads(ALSO), False)
    for version in ("v5", "v1.x", "v99999999999"):
        said = ("NoSuchEntity", f"Policy {arn} version {version} does not exist or is not attachable.")
        assert refused(iam.get_policy_version, PolicyArn=arn, VersionId=version) == said
    assert refused(iam.get_policy_version, PolicyArn=arn, VersionId="5")[0] == "ValidationError"
    first = iam.list_policy_versions(PolicyArn=arn, MaxItems=2)
    assert [version["VersionId"] for version in first["Versions"]] == ["v6", "v4"]
    rest = iam.list_policy_versions(PolicyArn=arn, Marker=first["Marker"])
    assert [version["VersionId"] for version in rest["Versions"]] == ["v3", "v2", "v1"]


def test_the_default_version_is_the_one_in_force_at_the_next_call(
    iam: Any, policy: Make, person: Callable[..., Person]
) -> None:
    someone, arn = person(), policy(allow("kms:ListKeys"))

    def may() -> bool:
        try:
            someone.kms.list_keys()
        except ClientError as error:
            if error.response["Error"]["Code"] != "AccessDeniedException":
                raise
            return False
        return True

    assert not may()
    iam.attach_user_policy(UserName=someone.name, PolicyArn=arn)
    for _ in range(10):  # whichever worker is asked
        assert may()
    iam.create_policy_version(PolicyArn=arn, PolicyDocument=ALSO, SetAsDefault=True)
    assert not any(may() for _ in range(10))
    iam.set_default_policy_version(PolicyArn=arn, VersionId="v1")
    assert all(may() for _ in range(10))
    iam.create_policy_version(PolicyArn=arn, PolicyDocument=document(deny("kms:*")))
    assert all(may() for _ in range(10))
    iam.set_default_policy_version(PolicyArn=arn, VersionId="v3")
    assert not any(may() for _ in range(10))
    iam.detach_user_policy(UserName=someone.name, PolicyArn=arn)
    someone.may(allow("kms:*"))
    assert all(may() for _ in range(10))
    iam.put_user_permissions_boundary(UserName=someone.name, PermissionsBoundary=arn)
    assert not any(may() for _ in range(10))
    iam.set_default_policy_version(PolicyArn=arn, VersionId="v1")
    assert all(may() for _ in range(10))


# --- those of AWS ----------------------------------------------------------------------------------------------------


def test_what_aws_manages_is_read_and_changed_by_nobody(server: Server, refused: Refused, iam: Any) -> None:
    arn = f"{MANAGED}AdministratorAccess"
    found = iam.get_policy(PolicyArn=arn)["Policy"]
    assert (found["PolicyId"], found["DefaultVersionId"]) == ("ANPAIWMBCKSKIEE64ZLYK", "v1")
    text = iam.get_policy_version(PolicyArn=arn, VersionId="v1")["PolicyVersion"]["Document"]
    assert text["Statement"] == [{"Effect": "Allow", "Action": "*", "Resource": "*"}]
    assert versions(iam, arn) == [("v1", True)]
    me = f"arn:aws:iam::{server.account}:user/admin"
    for operation, action, members in (
        ("delete_policy", "DeletePolicy", {}),
        ("create_policy_version", "CreatePolicyVersion", {"PolicyDocument": ALLOW}),
        ("set_default_policy_version", "SetDefaultPolicyVersion", {"VersionId": "v1"}),
        ("delete_policy_version", "DeletePolicyVersion", {"VersionId": "v1"}),
        ("tag_policy", "TagPolicy", {"Tags": [{"Key": "a", "Value": "b"}]}),
        ("untag_policy", "UntagPolicy", {"TagKeys": ["a"]}),
    ):
        said = ("AccessDenied", f"User: {me} is not authorized to perform: iam:{action} on resource: policy {arn}")
        assert refused(getattr(iam, operation), PolicyArn=arn, **members) == said


# --- lists -----------------------------------------------------------------------------------------------------------


def test_lists_are_cut_to_scope_path_and_use(iam: Any, policy: Make, role: Make) -> None:
    idle, used, bound = policy(Path="/p/a/"), policy(Path="/p/b/"), policy(Path="/p/b/")
    iam.attach_role_policy(RoleName=role(PermissionsBoundary=bound), PolicyArn=used)
    mine = {idle, used, bound}
    assert mine <= set(listed(iam))
    assert mine <= set(listed(iam, Scope="Local"))
    assert mine.isdisjoint(listed(iam, Scope="AWS"))
    assert f"{MANAGED}AWSDenyAll" in listed(iam, Scope="AWS")
    assert set(listed(iam, PathPrefix="/p/")) == mine
    assert set(listed(iam, PathPrefix="/p/b/")) == {used, bound}
    assert set(listed(iam, PathPrefix="/p/", OnlyAttached=True)) == {used}
    assert set(listed(iam, PathPrefix="/p/", PolicyUsageFilter="PermissionsPolicy")) == {used}
    assert set(listed(iam, PathPrefix="/p/", PolicyUsageFilter="PermissionsBoundary")) == {bound}
    assert f"{MANAGED}AdministratorAccess" in listed(iam, Scope="AWS", OnlyAttached=True)
    assert f"{MANAGED}AWSDenyAll" not in listed(iam, Scope="AWS", OnlyAttached=True)


def test_pages_of_a_list_of_both_scopes_have_everything_once(iam: Any, policy: Make) -> None:
    for _ in range(3):
        policy(PolicyName=f"AdministratorAccess-{len(listed(iam))}")
    everything = listed(iam)
    assert len(set(everything)) == len(everything)
    for size in (1, 2, 5):
        assert listed(iam, PaginationConfig={"PageSize": size}) == everything


def test_markers_of_the_longest_names_are_taken_back(iam: Any, policy: Make, role: Make) -> None:
    name = role(name="r" * 64)
    path = f"/{'p' * 255}/{'q' * 200}/"
    arns = [policy(PolicyName=f"{letter * 128}", Path=path) for letter in "ab"]
    for arn in arns:
        iam.attach_role_policy(RoleName=name, PolicyArn=arn)
    first = iam.list_attached_role_policies(RoleName=name, MaxItems=1, PathPrefix=path)
    assert len(first["Marker"]) <= 320
    rest = iam.list_attached_role_policies(RoleName=name, PathPrefix=path, Marker=first["Marker"])
    assert [each["PolicyArn"] for each in (*first["AttachedPolicies"], *rest["AttachedPolicies"])] == arns
    assert listed(iam, PathPrefix=path, PaginationConfig={"PageSize": 1}) == arns
    assert [
        each["PolicyName"]
        for page in iam.get_paginator("get_account_authorization_details").paginate(
            Filter=["LocalManagedPolicy"], PaginationConfig={"PageSize": 1}
        )
        for each in page["Policies"]
        if each["Path"] == path
    ] == ["a" * 128, "b" * 128]


def test_whom_a_policy_is_attached_to(iam: Any, policy: Make, role: Make, made: Make) -> None:
    arn = policy()
    user, group = made(), made("group")
    first, second = role(Path="/x/"), role(PermissionsBoundary=arn)
    iam.attach_user_policy(UserName=user, PolicyArn=arn)
    iam.attach_group_policy(GroupName=group, PolicyArn=arn)
    iam.attach_role_policy(RoleName=first, PolicyArn=arn)
    iam.attach_role_policy(RoleName=second, PolicyArn=arn)  # it is its boundary besides

    def found(**filtered: Any) -> list[str]:
        pages = iam.get_paginator("list_entities_for_policy").paginate(PolicyArn=arn, **filtered)
        return [
            each[f"{kind}Name"]
            for page in pages
            for kind in ("User", "Group", "Role")
            for each in page[f"Policy{kind}s"]
        ]

    everybody = {user, group, first, second}
    assert set(found()) == everybody
    assert len(found()) == 4
    for size in (1, 2, 3):
        assert sorted(found(PaginationConfig={"PageSize": size})) == sorted(everybody)
    assert found(EntityFilter="User") == [user]
    assert found(EntityFilter="Group") == [group]
    assert set(found(EntityFilter="Role")) == {first, second}
    assert found(EntityFilter="AWSManagedPolicy") == []
    assert found(PathPrefix="/x/") == [first]
    assert found(PolicyUsageFilter="PermissionsBoundary") == [second]
    assert set(found(PolicyUsageFilter="PermissionsPolicy")) == everybody
    ids = iam.list_entities_for_policy(PolicyArn=arn)
    assert ids["PolicyUsers"] == [{"UserName": user, "UserId": iam.get_user(UserName=user)["User"]["UserId"]}]
    assert iam.get_policy(PolicyArn=arn)["Policy"]["AttachmentCount"] == 4


# --- tags ------------------------------------------------------------------------------------------------------------


def test_tags_of_a_policy_tell_case_apart(refused: Refused, iam: Any, policy: Make) -> None:
    arn = policy(Tags=[{"Key": "a", "Value": "1"}, {"Key": "A", "Value": "2"}])

    def tags() -> list[tuple[str, str]]:
        found = iam.list_policy_tags(PolicyArn=arn)["Tags"]
        assert found == iam.get_policy(PolicyArn=arn)["Policy"]["Tags"]
        return [(tag["Key"], tag["Value"]) for tag in found]

    assert tags() == [("A", "2"), ("a", "1")]
    iam.tag_policy(PolicyArn=arn, Tags=[{"Key": "a", "Value": ""}, {"Key": "b", "Value": "3"}])
    assert tags() == [("A", "2"), ("a", ""), ("b", "3")]
    iam.untag_policy(PolicyArn=arn, TagKeys=["a", "B"])
    assert tags() == [("A", "2"), ("b", "3")]
    said = ("InvalidInput", "Duplicate tag keys found.")
    assert refused(iam.tag_policy, PolicyArn=arn, Tags=[{"Key": "x", "Value": "1"}, {"Key": "x", "Value": "2"}]) == said


def test_permission_is_asked_of_the_policy_and_refused_in_aws_s_words(
    server: Server, person: Callable[..., Person], policy: Make
) -> None:
    someone, arn = person(), policy(Tags=[{"Key": "team", "Value": "blue"}])
    with pytest.raises(ClientError) as caught:
        someone.iam.get_policy(PolicyArn=arn)
    me = f"arn:aws:iam::{server.account}:user/{someone.name}"
    assert caught.value.response["Error"]["Message"] == (
        f"User: {me} is not authorized to perform: iam:GetPolicy on resource: policy {arn} because no identity-based "
        "policy allows the iam:GetPolicy action"
    )
    with pytest.raises(ClientError, match="iam:ListPolicies on resource: policy path /"):
        someone.iam.list_policies()
    someone.may(allow("iam:GetPolicy", Condition={"StringEquals": {"aws:ResourceTag/team": "blue"}}))
    assert someone.iam.get_policy(PolicyArn=arn)["Policy"]["Arn"] == arn
