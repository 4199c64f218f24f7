"""Roles with boto3: made, read, changed, deleted; whom they trust; their policies, boundaries and tags."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest
from botocore.exceptions import ClientError

from tests.api.conftest import Refused
from tests.api.iam.conftest import MANAGED, Person, allow, document
from tests.server import Server

Make = Callable[..., str]

SERVICE = document({"Effect": "Allow", "Principal": {"Service": "ec2.amazonaws.com"}, "Action": "sts:AssumeRole"})
ALLOW = document(allow("kms:ListKeys"))


def trusting(*arns: str, **members: Any) -> str:
    """A trust policy that names these principals."""
    return document({"Effect": "Allow", "Principal": {"AWS": list(arns)}, "Action": "sts:AssumeRole", **members})


def trusted(iam: Any, role: str) -> list[str]:
    """Whom the trust policy of the role names."""
    found: list[str] = iam.get_role(RoleName=role)["Role"]["AssumeRolePolicyDocument"]["Statement"][0]["Principal"][
        "AWS"
    ]
    return found


# --- the role itself -------------------------------------------------------------------------------------------------


def test_a_role_is_answered_as_aws_answers_it(server: Server, iam: Any, name: str, role: Make) -> None:
    made = iam.create_role(
        RoleName=name, Path="/a/", AssumeRolePolicyDocument=SERVICE, Description="d", MaxSessionDuration=7_200
    )["Role"]
    try:
        assert set(made) == {"Path", "RoleName", "RoleId", "Arn", "CreateDate", "AssumeRolePolicyDocument"}
        assert (made["Path"], made["RoleName"]) == ("/a/", name)
        assert made["Arn"] == f"arn:aws:iam::{server.account}:role/a/{name}"
        assert made["RoleId"].startswith("AROA")
        assert made["AssumeRolePolicyDocument"] == json.loads(SERVICE)
        more = {"Description": "d", "MaxSessionDuration": 7_200}
        found = iam.get_role(RoleName=name)["Role"]
        assert found == {**made, **more, "RoleLastUsed": {}}
        listed = [each for each in iam.list_roles(PathPrefix="/a/")["Roles"] if each["RoleName"] == name]
        assert listed == [{**made, **more}]
    finally:
        iam.delete_role(RoleName=name)


def test_a_role_lasts_an_hour_unless_it_says_otherwise(iam: Any, role: Make) -> None:
    found = iam.get_role(RoleName=role())["Role"]
    assert (found["MaxSessionDuration"], found["Path"]) == (3_600, "/")
    assert "Description" not in found
    assert "Tags" not in found


def test_names_of_roles_are_unique_in_any_case_and_found_in_any(refused: Refused, iam: Any, role: Make) -> None:
    name = role(name="Mixed-Role")
    said = ("EntityAlreadyExists", "Role with name mixed-role already exists.")
    assert refused(iam.create_role, RoleName="mixed-role", Path="/x/", AssumeRolePolicyDocument=SERVICE) == said
    assert iam.get_role(RoleName="MIXED-ROLE")["Role"]["RoleName"] == name


def test_what_a_role_says_of_itself_is_changed(iam: Any, role: Make) -> None:
    name = role(Description="first")

    def found() -> tuple[str | None, int]:
        about = iam.get_role(RoleName=name)["Role"]
        return about.get("Description"), about["MaxSessionDuration"]

    iam.update_role(RoleName=name, Description="second", MaxSessionDuration=7_200)
    assert found() == ("second", 7_200)
    answer = iam.update_role_description(RoleName=name, Description="third")["Role"]
    assert answer["Description"] == "third"
    assert {"MaxSessionDuration", "RoleLastUsed"}.isdisjoint(answer)
    iam.update_role(RoleName=name)
    assert found() == ("third", 7_200)
    iam.update_role(RoleName=name, Description="")
    assert found() == (None, 7_200)


def test_a_role_that_is_not_there_cannot_be_found(refused: Refused, iam: Any, name: str) -> None:
    said = ("NoSuchEntity", f"The role with name {name} cannot be found.")
    for operation, members in (
        ("get_role", {}),
        ("update_role", {}),
        ("delete_role", {}),
        ("list_role_policies", {}),
        ("list_attached_role_policies", {}),
        ("list_instance_profiles_for_role", {}),
        ("list_role_tags", {}),
        ("tag_role", {"Tags": [{"Key": "a", "Value": "b"}]}),
        ("untag_role", {"TagKeys": ["a"]}),
        ("update_assume_role_policy", {"PolicyDocument": SERVICE}),
        ("delete_role_permissions_boundary", {}),
    ):
        assert refused(getattr(iam, operation), RoleName=name, **members) == said


def test_a_role_with_policies_is_not_deleted(refused: Refused, iam: Any, role: Make) -> None:
    name = role()
    iam.put_role_policy(RoleName=name, PolicyName="p", PolicyDocument=ALLOW)
    said = ("DeleteConflict", "Cannot delete entity, must delete policies first.")
    assert refused(iam.delete_role, RoleName=name) == said
    iam.delete_role_policy(RoleName=name, PolicyName="p")
    iam.attach_role_policy(RoleName=name, PolicyArn=f"{MANAGED}IAMReadOnlyAccess")
    said = ("DeleteConflict", "Cannot delete entity, must detach all policies first.")
    assert refused(iam.delete_role, RoleName=name) == said
    iam.detach_role_policy(RoleName=name, PolicyArn=f"{MANAGED}IAMReadOnlyAccess")
    assert iam.list_instance_profiles_for_role(RoleName=name)["InstanceProfiles"] == []
    iam.delete_role(RoleName=name)
    assert refused(iam.get_role, RoleName=name)[0] == "NoSuchEntity"


# --- trust -----------------------------------------------------------------------------------------------------------


def test_a_trust_policy_is_checked_when_it_is_put(
    server: Server, refused: Refused, iam: Any, role: Make, name: str
) -> None:
    nobody = f"arn:aws:iam::{server.account}:user/{name}"
    for text, sentence in (
        ("{", "This policy contains invalid Json"),
        (trusting(nobody), f'Invalid principal in policy: "AWS":"{nobody}"'),
        (
            document({"Effect": "Allow", "Principal": {"AWS": "*"}, "Action": "kms:Encrypt"}),
            "AssumeRole policy may only specify STS AssumeRole actions.",
        ),
        (trusting("*", Resource="*"), "Has prohibited field Resource"),
    ):
        said = ("MalformedPolicyDocument", sentence)
        assert refused(iam.create_role, RoleName=name, AssumeRolePolicyDocument=text) == said
        assert refused(iam.update_assume_role_policy, RoleName=role(), PolicyDocument=text) == said


def test_a_trust_policy_may_have_2048_characters_without_white_space(refused: Refused, iam: Any, role: Make) -> None:
    name = role()

    def of_size(size: int) -> str:
        text = SERVICE.replace(" ", "").replace('"Effect"', '"Sid":"","Effect"')
        return text.replace('"Sid":""', f'"Sid":"{"a" * (size - len(text))}"')

    iam.update_assume_role_policy(RoleName=name, PolicyDocument=of_size(2_048) + " " * 500)
    said = ("LimitExceeded", "Cannot exceed quota for ACLSizePerRole: 2048")
    assert refused(iam.update_assume_role_policy, RoleName=name, PolicyDocument=of_size(2_049)) == said


def test_who_is_renamed_is_still_trusted_and_shown_by_the_new_name(
    server: Server, iam: Any, role: Make, made: Make
) -> None:
    user = made()
    arn = f"arn:aws:iam::{server.account}:user/"
    name = role(trust=trusting(arn + user, f"arn:aws:iam::{server.account}:root"))
    assert trusted(iam, name) == [arn + user, f"arn:aws:iam::{server.account}:root"]
    iam.update_user(UserName=user, NewUserName=f"{user}-2", NewPath="/x/")
    try:
        assert trusted(iam, name)[0] == f"{arn}x/{user}-2"
    finally:
        iam.update_user(UserName=f"{user}-2", NewUserName=user, NewPath="/")


def test_whoever_gets_a_name_later_is_not_trusted(server: Server, iam: Any, role: Make, made: Make) -> None:
    user = made()
    arn = f"arn:aws:iam::{server.account}:user/{user}"
    unique_id = iam.get_user(UserName=user)["User"]["UserId"]
    name = role(trust=trusting(arn))
    iam.delete_user(UserName=user)
    assert trusted(iam, name) == [unique_id]
    iam.create_user(UserName=user)
    assert trusted(iam, name) == [unique_id]
    # What is shown can be put back as it is; named anew, the new one is trusted.
    shown = json.dumps(iam.get_role(RoleName=name)["Role"]["AssumeRolePolicyDocument"])
    iam.update_assume_role_policy(RoleName=name, PolicyDocument=shown)
    assert trusted(iam, name) == [unique_id]
    iam.update_assume_role_policy(RoleName=name, PolicyDocument=trusting(arn))
    assert trusted(iam, name) == [arn]


# --- policies --------------------------------------------------------------------------------------------------------


def test_inline_policies_of_a_role(refused: Refused, iam: Any, role: Make) -> None:
    name = role()
    text = '{"Version": "2012-10-17",  "Statement": {"Effect": "Allow", "Action": "kms:*", "Resource": "*"}}'
    iam.put_role_policy(RoleName=name, PolicyName="b", PolicyDocument=text)
    iam.put_role_policy(RoleName=name, PolicyName="a", PolicyDocument=ALLOW)
    found = iam.get_role_policy(RoleName=name, PolicyName="b")
    assert (found["RoleName"], found["PolicyName"], found["PolicyDocument"]) == (name, "b", json.loads(text))
    assert iam.list_role_policies(RoleName=name)["PolicyNames"] == ["a", "b"]
    first = iam.list_role_policies(RoleName=name, MaxItems=1)
    assert (first["PolicyNames"], first["IsTruncated"]) == (["a"], True)
    assert iam.list_role_policies(RoleName=name, Marker=first["Marker"])["PolicyNames"] == ["b"]
    iam.delete_role_policy(RoleName=name, PolicyName="a")
    said = ("NoSuchEntity", "The role policy with name a cannot be found.")
    assert refused(iam.get_role_policy, RoleName=name, PolicyName="a") == said
    assert refused(iam.delete_role_policy, RoleName=name, PolicyName="a") == said
    long = document(*(allow("kms:ListKeys", resource=f"arn:aws:kms:*:*:key/{'k' * 400}{n}") for n in range(22)))
    said = ("LimitExceeded", f"Maximum policy size of 10240 bytes exceeded for role {name}")
    assert refused(iam.put_role_policy, RoleName=name, PolicyName="long", PolicyDocument=long) == said


def test_managed_policies_of_a_role(server: Server, refused: Refused, iam: Any, role: Make, policy: Make) -> None:
    name, arn = role(), policy(Path="/x/")
    iam.attach_role_policy(RoleName=name, PolicyArn=arn)
    iam.attach_role_policy(RoleName=name, PolicyArn=arn)
    iam.attach_role_policy(RoleName=name, PolicyArn=f"{MANAGED}AWSDenyAll")
    found = iam.list_attached_role_policies(RoleName=name)["AttachedPolicies"]
    entry = {"PolicyName": arn.rpartition("/")[2], "PolicyArn": arn}
    assert found == [{"PolicyName": "AWSDenyAll", "PolicyArn": f"{MANAGED}AWSDenyAll"}, entry]
    assert iam.list_attached_role_policies(RoleName=name, PathPrefix="/x/")["AttachedPolicies"] == [entry]
    iam.detach_role_policy(RoleName=name, PolicyArn=arn)
    said = ("NoSuchEntity", f"Policy {arn} was not found.")
    assert refused(iam.detach_role_policy, RoleName=name, PolicyArn=arn) == said
    none = f"arn:aws:iam::{server.account}:policy/none"
    said = ("NoSuchEntity", f"Policy {none} does not exist or is not attachable.")
    assert refused(iam.attach_role_policy, RoleName=name, PolicyArn=none) == said
    said = ("ValidationError", "ARN longpolicynamebutnoarn is not valid.")
    assert refused(iam.attach_role_policy, RoleName=name, PolicyArn="longpolicynamebutnoarn") == said


def test_a_role_has_ten_managed_policies_at_most(refused: Refused, iam: Any, role: Make, policy: Make) -> None:
    name = role()
    for _ in range(10):
        iam.attach_role_policy(RoleName=name, PolicyArn=policy())
    said = ("LimitExceeded", "Cannot exceed quota for PoliciesPerRole: 10")
    assert refused(iam.attach_role_policy, RoleName=name, PolicyArn=policy()) == said


def test_the_boundary_of_a_role(refused: Refused, iam: Any, role: Make, policy: Make, name: str) -> None:
    arn = policy()
    bound = {"PermissionsBoundaryType": "Policy", "PermissionsBoundaryArn": arn}
    one = role(PermissionsBoundary=arn)
    assert iam.get_role(RoleName=one)["Role"]["PermissionsBoundary"] == bound
    assert iam.get_policy(PolicyArn=arn)["Policy"]["PermissionsBoundaryUsageCount"] == 1
    assert refused(iam.delete_policy, PolicyArn=arn)[0] == "DeleteConflict"
    iam.delete_role_permissions_boundary(RoleName=one)
    assert "PermissionsBoundary" not in iam.get_role(RoleName=one)["Role"]
    assert refused(iam.delete_role_permissions_boundary, RoleName=one)[0] == "NoSuchEntity"
    iam.put_role_permissions_boundary(RoleName=one, PermissionsBoundary=arn)
    assert iam.get_role(RoleName=one)["Role"]["PermissionsBoundary"] == bound
    said = ("NoSuchEntity", f"Scope ARN: {arn}0 does not exist or is not attachable.")
    assert refused(iam.put_role_permissions_boundary, RoleName=one, PermissionsBoundary=f"{arn}0") == said
    assert (
        refused(iam.create_role, RoleName=name, AssumeRolePolicyDocument=SERVICE, PermissionsBoundary=f"{arn}0") == said
    )


# --- tags ------------------------------------------------------------------------------------------------------------


def test_tags_of_a_role(refused: Refused, iam: Any, role: Make) -> None:
    name = role(Tags=[{"Key": "b", "Value": "1"}])

    def tags() -> list[tuple[str, str]]:
        found = iam.list_role_tags(RoleName=name)["Tags"]
        assert found == iam.get_role(RoleName=name)["Role"].get("Tags", [])
        return [(tag["Key"], tag["Value"]) for tag in found]

    iam.tag_role(RoleName=name, Tags=[{"Key": "c", "Value": "2"}, {"Key": "a", "Value": ""}])
    assert tags() == [("a", ""), ("b", "1"), ("c", "2")]
    iam.tag_role(RoleName=name, Tags=[{"Key": "B", "Value": "3"}])
    assert tags() == [("B", "3"), ("a", ""), ("c", "2")]
    first = iam.list_role_tags(RoleName=name, MaxItems=2)
    assert first["IsTruncated"]
    assert [tag["Key"] for tag in iam.list_role_tags(RoleName=name, Marker=first["Marker"])["Tags"]] == ["c"]
    iam.untag_role(RoleName=name, TagKeys=["a", "C", "none"])
    assert tags() == [("B", "3")]
    twice = [{"Key": "x", "Value": "1"}, {"Key": "X", "Value": "2"}]
    said = ("InvalidInput", "Duplicate tag keys found. Please note that Tag keys are case insensitive.")
    assert refused(iam.tag_role, RoleName=name, Tags=twice) == said


# --- who may ---------------------------------------------------------------------------------------------------------


def test_permission_is_asked_of_the_role_and_refused_in_aws_s_words(
    server: Server, person: Callable[..., Person], role: Make, name: str
) -> None:
    someone, mine = person(), role(Path="/x/")
    for one in (mine, name):  # it is there, and it is not: nobody is told
        with pytest.raises(ClientError) as caught:
            someone.iam.get_role(RoleName=one)
        error = caught.value.response["Error"]
        me = f"arn:aws:iam::{server.account}:user/{someone.name}"
        assert (error["Code"], error["Message"]) == (
            "AccessDenied",
            f"User: {me} is not authorized to perform: iam:GetRole on resource: role {one} because no identity-based "
            "policy allows the iam:GetRole action",
        )
    someone.may(allow("iam:GetRole", resource=f"arn:aws:iam::{server.account}:role/x/{mine}"))
    assert someone.iam.get_role(RoleName=mine)["Role"]["Path"] == "/x/"


def test_conditions_know_tags_boundary_and_policy(
    server: Server, iam: Any, person: Callable[..., Person], role: Make, policy: Make, name: str
) -> None:
    boundary, right = policy(), policy()
    someone = person(
        allow(
            "iam:CreateRole",
            Condition={"StringEquals": {"iam:PermissionsBoundary": boundary, "aws:RequestTag/team": "blue"}},
        ),
        allow("iam:TagRole", Condition={"ForAllValues:StringEquals": {"aws:TagKeys": ["team"]}}),
        allow("iam:AttachRolePolicy", Condition={"ArnEquals": {"iam:PolicyARN": right}}),
        allow("iam:PutRolePolicy", Condition={"StringEquals": {"iam:PermissionsBoundary": boundary}}),
        allow("iam:GetRole", Condition={"StringEquals": {"iam:ResourceTag/team": "blue"}}),
        allow("iam:DeleteRole", Condition={"StringEquals": {"aws:ResourceTag/team": "blue"}}),
    )
    blue, red = [{"Key": "team", "Value": "blue"}], [{"Key": "team", "Value": "red"}]

    def may(operation: str, **members: Any) -> bool:
        try:
            getattr(someone.iam, operation)(**members)
        except ClientError as error:
            if error.response["Error"]["Code"] != "AccessDenied":
                raise
            return False
        return True

    made = {"RoleName": name, "AssumeRolePolicyDocument": SERVICE}
    assert not may("create_role", **made, Tags=blue)
    assert not may("create_role", **made, Tags=red, PermissionsBoundary=boundary)
    assert not may("create_role", **made, Tags=[*blue, {"Key": "x", "Value": ""}], PermissionsBoundary=boundary)
    assert may("create_role", **made, Tags=blue, PermissionsBoundary=boundary)
    other = role(Tags=red)
    assert may("get_role", RoleName=name)
    assert not may("get_role", RoleName=other)
    assert not may("attach_role_policy", RoleName=name, PolicyArn=boundary)
    assert may("attach_role_policy", RoleName=name, PolicyArn=right)
    assert may("put_role_policy", RoleName=name, PolicyName="p", PolicyDocument=ALLOW)
    assert not may("put_role_policy", RoleName=other, PolicyName="p", PolicyDocument=ALLOW)
    iam.detach_role_policy(RoleName=name, PolicyArn=right)
    iam.delete_role_policy(RoleName=name, PolicyName="p")
    assert not may("delete_role", RoleName=other)
    assert may("delete_role", RoleName=name)
