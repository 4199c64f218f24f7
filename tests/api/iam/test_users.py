"""Users through the API: made, found, renamed, tagged, bounded, deleted; and what is refused, in AWS's words."""

from __future__ import annotations

import datetime
import re
from collections.abc import Callable
from typing import Any

import pytest

from tests.api.conftest import Refused
from tests.api.iam.conftest import MANAGED, Person, allow, document
from tests.server import Server

Made = Callable[..., str]
Persons = Callable[..., Person]

ADMINISTRATOR = f"{MANAGED}AdministratorAccess"


def got(iam: Any, name: str) -> dict[str, Any]:
    user: dict[str, Any] = iam.get_user(UserName=name)["User"]
    return user


def test_a_user_is_what_was_asked_for(server: Server, iam: Any, made: Made, name: str) -> None:
    before = datetime.datetime.now(datetime.UTC).replace(microsecond=0)
    tags = [{"Key": "team", "Value": "north"}, {"Key": "Cost", "Value": ""}]
    made("user", name, Path="/division/", Tags=tags, PermissionsBoundary=ADMINISTRATOR)
    user = got(iam, name)
    assert re.fullmatch(r"AIDA[A-Z2-7]{17}", user.pop("UserId"))
    assert before <= user.pop("CreateDate") <= datetime.datetime.now(datetime.UTC)
    assert user == {
        "Path": "/division/",
        "UserName": name,
        "Arn": f"arn:aws:iam::{server.account}:user/division/{name}",
        "Tags": tags,
        "PermissionsBoundary": {"PermissionsBoundaryType": "Policy", "PermissionsBoundaryArn": ADMINISTRATOR},
    }


def test_a_user_without_anything_says_nothing_of_it(iam: Any, made: Made) -> None:
    name = made()
    assert got(iam, name).keys() == {"Path", "UserName", "UserId", "Arn", "CreateDate"}
    assert got(iam, name)["Path"] == "/"


def test_names_are_the_same_in_any_case(refused: Refused, iam: Any, made: Made, name: str) -> None:
    made("user", name)
    assert got(iam, name.upper())["UserName"] == name
    assert refused(iam.create_user, UserName=name.upper()) == (
        "EntityAlreadyExists",
        f"User with name {name.upper()} already exists.",
    )


def test_what_is_not_there_is_said_in_one_sentence_everywhere(refused: Refused, iam: Any, name: str) -> None:
    missing = ("NoSuchEntity", f"The user with name {name} cannot be found.")
    for function, members in (
        (iam.get_user, {}),
        (iam.update_user, {"NewPath": "/a/"}),
        (iam.delete_user, {}),
        (iam.tag_user, {"Tags": [{"Key": "a", "Value": "b"}]}),
        (iam.untag_user, {"TagKeys": ["a"]}),
        (iam.list_user_tags, {}),
        (iam.put_user_permissions_boundary, {"PermissionsBoundary": ADMINISTRATOR}),
        (iam.delete_user_permissions_boundary, {}),
        (iam.create_access_key, {}),
        (iam.list_access_keys, {}),
        (iam.list_groups_for_user, {}),
        (iam.list_user_policies, {}),
        (iam.get_login_profile, {}),
        (iam.list_mfa_devices, {}),
    ):
        assert refused(function, UserName=name, **members) == missing, function


def test_lists_show_less_of_a_user_and_know_its_path(iam: Any, made: Made, name: str) -> None:
    path = f"/{name}/deep/"
    first = made("user", f"a-{name}", Path=path, Tags=[{"Key": "a", "Value": "b"}], PermissionsBoundary=ADMINISTRATOR)
    second = made("user", f"B-{name}", Path=f"/{name}/")
    listed = iam.list_users(PathPrefix=f"/{name}")
    assert listed["IsTruncated"] is False
    assert {user["UserName"] for user in listed["Users"]} == {first, second}
    assert all(user.keys() == {"Path", "UserName", "UserId", "Arn", "CreateDate"} for user in listed["Users"])
    assert [user["UserName"] for user in iam.list_users(PathPrefix=path)["Users"]] == [first]
    assert iam.list_users(PathPrefix=f"/{name}/deeper/")["Users"] == []
    assert {first, second, "admin"} <= {user["UserName"] for user in iam.list_users()["Users"]}


def test_pages_of_any_size_show_every_user_once(refused: Refused, iam: Any, made: Made, name: str) -> None:
    users = sorted(made("user", f"{letter}-{name}", Path=f"/{name}/") for letter in "abcde")
    whole = [user["UserName"] for user in iam.list_users(PathPrefix=f"/{name}/")["Users"]]
    assert sorted(whole) == users
    for size in range(1, 7):
        pages = iam.get_paginator("list_users").paginate(PathPrefix=f"/{name}/", PaginationConfig={"PageSize": size})
        assert [user["UserName"] for page in pages for user in page["Users"]] == whole
    marker = iam.list_users(PathPrefix=f"/{name}/", MaxItems=1)["Marker"]
    for wrong in ({"Marker": marker}, {"Marker": "a", "PathPrefix": f"/{name}/"}):
        assert refused(iam.list_users, **wrong) == ("ValidationError", "Invalid Marker.")
    assert refused(iam.list_groups, Marker=marker, PathPrefix=f"/{name}/") == ("ValidationError", "Invalid Marker.")


def test_a_renamed_user_stays_who_it_is(iam: Any, server: Server, person: Persons, name: str) -> None:
    someone = person(allow("iam:GetUser"))
    before = someone.iam.get_user()["User"]
    iam.update_user(UserName=someone.name, NewUserName=name, NewPath="/moved/")
    try:
        after = someone.iam.get_user()["User"]
        assert after == {
            **before,
            "UserName": name,
            "Path": "/moved/",
            "Arn": f"arn:aws:iam::{server.account}:user/moved/{name}",
        }
        keys = iam.list_access_keys(UserName=name)["AccessKeyMetadata"]
        assert [key["UserName"] for key in keys] == [name]
        iam.create_user(UserName=someone.name)
        assert iam.list_access_keys(UserName=someone.name)["AccessKeyMetadata"] == [], "another user of that name"
        iam.delete_user(UserName=someone.name)
    finally:
        iam.update_user(UserName=name, NewUserName=someone.name, NewPath="/")


def test_a_name_that_is_taken_cannot_be_taken(refused: Refused, iam: Any, made: Made, name: str) -> None:
    one, other = made(), made()
    assert refused(iam.update_user, UserName=one, NewUserName=other.upper()) == (
        "EntityAlreadyExists",
        f"User with name {other.upper()} already exists.",
    )
    iam.update_user(UserName=one, NewUserName=one.upper())
    assert got(iam, one)["UserName"] == one.upper(), "the spelling of its own name it may change"
    iam.update_user(UserName=one, NewUserName=one)


def test_a_user_with_anything_left_is_not_deleted(refused: Refused, iam: Any, made: Made) -> None:
    name, group = made(), made("group")
    policy = {"UserName": name, "PolicyName": "own"}
    key = iam.create_access_key(UserName=name)["AccessKey"]["AccessKeyId"]
    iam.put_user_policy(**policy, PolicyDocument=document(allow("kms:*")))
    iam.attach_user_policy(UserName=name, PolicyArn=ADMINISTRATOR)
    iam.add_user_to_group(UserName=name, GroupName=group)
    iam.put_user_permissions_boundary(UserName=name, PermissionsBoundary=ADMINISTRATOR)
    for what, remove in (
        ("delete access keys", lambda: iam.delete_access_key(UserName=name, AccessKeyId=key)),
        ("delete policies", lambda: iam.delete_user_policy(**policy)),
        ("detach all policies", lambda: iam.detach_user_policy(UserName=name, PolicyArn=ADMINISTRATOR)),
        ("remove users from group", lambda: iam.remove_user_from_group(UserName=name, GroupName=group)),
    ):
        said = f"Cannot delete entity, must {what} first."
        assert refused(iam.delete_user, UserName=name) == ("DeleteConflict", said)
        remove()
    iam.delete_user(UserName=name)
    assert refused(iam.get_user, UserName=name)[0] == "NoSuchEntity"


def test_tags_are_the_same_in_any_case_and_take_the_new_spelling(iam: Any, made: Made) -> None:
    name = made(Tags=[{"Key": "Team", "Value": "One"}, {"Key": "Cost", "Value": "1"}])
    iam.tag_user(UserName=name, Tags=[{"Key": "team", "Value": "Two"}])
    assert iam.list_user_tags(UserName=name)["Tags"] == [
        {"Key": "team", "Value": "Two"},
        {"Key": "Cost", "Value": "1"},
    ]
    iam.untag_user(UserName=name, TagKeys=["TEAM", "unknown"])
    assert iam.list_user_tags(UserName=name) | {"ResponseMetadata": None} == {
        "Tags": [{"Key": "Cost", "Value": "1"}],
        "IsTruncated": False,
        "ResponseMetadata": None,
    }


@pytest.mark.parametrize(
    ("tags", "code", "said"),
    [
        (
            [("a", ""), ("A", "")],
            "InvalidInput",
            "Duplicate tag keys found. Please note that Tag keys are case insensitive.",
        ),
        ([("aws:a", "")], "InvalidInput", "Tag keys beginning with aws: are reserved for system use."),
        ([], "InvalidInput", "The list of tags must not be empty."),
        ([(f"k{n}", "") for n in range(50)], "LimitExceeded", "The number of tags has reached the maximum limit."),
        (
            [("a#", "")],
            "ValidationError",
            "1 validation error detected: Value at 'tags.1.member.key' failed to satisfy constraint: Member must satisfy "
            r"regular expression pattern: [\p{L}\p{Z}\p{N}_.:/=+\-@]+",
        ),
    ],
    ids=["twice", "reserved", "none", "too many", "signs"],
)
def test_tags_that_a_user_cannot_have(
    refused: Refused, iam: Any, made: Made, tags: list[tuple[str, str]], code: str, said: str
) -> None:
    name = made(Tags=[{"Key": "held", "Value": ""}])
    given = [{"Key": key, "Value": value} for key, value in tags]
    assert refused(iam.tag_user, UserName=name, Tags=given) == (code, said)
    assert iam.list_user_tags(UserName=name)["Tags"] == [{"Key": "held", "Value": ""}]


def test_tags_come_in_pages(iam: Any, made: Made) -> None:
    tags = [{"Key": f"k{n:02}", "Value": "v"} for n in range(50)]
    name = made(Tags=tags)
    for size in (1, 7, 50, 100):
        pages = iam.get_paginator("list_user_tags").paginate(UserName=name, PaginationConfig={"PageSize": size})
        assert [tag for page in pages for tag in page["Tags"]] == tags


def test_a_boundary_is_set_and_taken_away(refused: Refused, iam: Any, server: Server, made: Made) -> None:
    name = made()
    missing = f"arn:aws:iam::{server.account}:policy/missing"
    assert refused(iam.put_user_permissions_boundary, UserName=name, PermissionsBoundary=missing) == (
        "NoSuchEntity",
        f"Scope ARN: {missing} does not exist or is not attachable.",
    )
    assert refused(iam.put_user_permissions_boundary, UserName=name, PermissionsBoundary="x" * 20) == (
        "ValidationError",
        "Invalid ARN:  Could not be parsed!",
    )
    iam.put_user_permissions_boundary(UserName=name, PermissionsBoundary=ADMINISTRATOR)
    assert got(iam, name)["PermissionsBoundary"]["PermissionsBoundaryArn"] == ADMINISTRATOR
    iam.delete_user_permissions_boundary(UserName=name)
    assert "PermissionsBoundary" not in got(iam, name)
    assert refused(iam.delete_user_permissions_boundary, UserName=name)[0] == "NoSuchEntity"


def test_a_user_means_itself_where_it_names_nobody(refused: Refused, person: Persons) -> None:
    someone = person()
    assert refused(someone.iam.get_user) == (
        "AccessDenied",
        f"User: {arn_of(someone)} is not authorized to perform: iam:GetUser on resource: user {someone.name} "
        "because no identity-based policy allows the iam:GetUser action",
    )
    someone.may(allow("iam:GetUser", "iam:ListAccessKeys", resource=arn_of(someone)))
    assert someone.iam.get_user()["User"]["UserName"] == someone.name
    assert len(someone.iam.list_access_keys()["AccessKeyMetadata"]) == 1
    assert refused(someone.iam.get_user, UserName="admin")[0] == "AccessDenied"


def arn_of(someone: Person) -> str:
    return str(someone._iam.get_user(UserName=someone.name)["User"]["Arn"])


def test_who_may_not_ask_does_not_learn_who_is_there(refused: Refused, person: Persons, name: str) -> None:
    someone = person(allow("iam:GetUser", resource="arn:aws:iam::*:user/elsewhere/*"))
    there, nobody = refused(someone.iam.get_user, UserName="admin"), refused(someone.iam.get_user, UserName=name)
    assert there[0] == nobody[0] == "AccessDenied"
    assert there[1].replace("user admin", "user X") == nobody[1].replace(f"user {name}", "user X")


def test_a_new_user_and_a_list_are_named_by_arn_in_refusals(
    refused: Refused, server: Server, person: Persons, name: str
) -> None:
    someone = person()
    said = refused(someone.iam.create_user, UserName=name, Path="/a/")[1]
    assert f"iam:CreateUser on resource: arn:aws:iam::{server.account}:user/a/{name} because" in said
    assert (
        f"iam:ListUsers on resource: arn:aws:iam::{server.account}:user/ because" in refused(someone.iam.list_users)[1]
    )
    assert "iam:GetAccountSummary on resource: * because" in refused(someone.iam.get_account_summary)[1]


def test_a_tagged_user_needs_the_permission_to_tag(refused: Refused, iam: Any, person: Persons, name: str) -> None:
    someone = person(allow("iam:CreateUser"))
    said = refused(someone.iam.create_user, UserName=name, Tags=[{"Key": "a", "Value": "b"}])
    assert said[0] == "AccessDenied"
    assert "iam:TagUser" in said[1]
    someone.may(allow("iam:CreateUser", "iam:TagUser"))
    someone.iam.create_user(UserName=name, Tags=[{"Key": "a", "Value": "b"}])
    iam.delete_user(UserName=name)


def condition(operator: str, key: str, value: Any) -> dict[str, Any]:
    return {"Condition": {operator: {key: value}}}


def test_conditions_on_what_a_request_brings(refused: Refused, iam: Any, person: Persons, name: str) -> None:
    """aws:RequestTag, aws:TagKeys and iam:PermissionsBoundary."""
    someone = person(
        allow("iam:CreateUser", **condition("StringEquals", "iam:PermissionsBoundary", ADMINISTRATOR)),
        allow("iam:TagUser", **condition("StringEquals", "aws:RequestTag/team", "north")),
        allow("iam:UntagUser", **condition("ForAllValues:StringEquals", "aws:TagKeys", ["team"])),
    )
    create = {"UserName": name, "PermissionsBoundary": ADMINISTRATOR}
    assert refused(someone.iam.create_user, UserName=name)[0] == "AccessDenied"
    assert refused(someone.iam.create_user, **create, Tags=[{"Key": "team", "Value": "south"}])[0] == "AccessDenied"
    someone.iam.create_user(**create, Tags=[{"Key": "team", "Value": "north"}])
    try:
        assert refused(someone.iam.tag_user, UserName=name, Tags=[{"Key": "a", "Value": "b"}])[0] == "AccessDenied"
        assert refused(someone.iam.untag_user, UserName=name, TagKeys=["team", "a"])[0] == "AccessDenied"
        someone.iam.untag_user(UserName=name, TagKeys=["team"])
    finally:
        iam.delete_user(UserName=name)


@pytest.mark.parametrize("key", ["aws:ResourceTag/team", "iam:ResourceTag/team"])
def test_conditions_on_the_tags_of_a_user(refused: Refused, iam: Any, made: Made, person: Persons, key: str) -> None:
    name = made(Tags=[{"Key": "Team", "Value": "north"}])
    someone = person(allow("iam:GetUser", **condition("StringEquals", key, "north")))
    assert someone.iam.get_user(UserName=name)["User"]["UserName"] == name
    iam.tag_user(UserName=name, Tags=[{"Key": "team", "Value": "south"}])
    assert refused(someone.iam.get_user, UserName=name)[0] == "AccessDenied"


def test_conditions_on_policies_that_are_attached(refused: Refused, iam: Any, made: Made, person: Persons) -> None:
    """iam:PolicyARN, and iam:PermissionsBoundary of a user that is there."""
    name = made(PermissionsBoundary=ADMINISTRATOR)
    read_only = f"{MANAGED}IAMReadOnlyAccess"
    someone = person(
        allow("iam:AttachUserPolicy", **condition("ArnEquals", "iam:PolicyARN", read_only)),
        allow("iam:PutUserPolicy", **condition("StringEquals", "iam:PermissionsBoundary", ADMINISTRATOR)),
    )
    assert refused(someone.iam.attach_user_policy, UserName=name, PolicyArn=ADMINISTRATOR)[0] == "AccessDenied"
    someone.iam.attach_user_policy(UserName=name, PolicyArn=read_only)
    put = {"UserName": name, "PolicyName": "p", "PolicyDocument": document(allow("kms:*"))}
    someone.iam.put_user_policy(**put)
    iam.delete_user_permissions_boundary(UserName=name)
    assert refused(someone.iam.put_user_policy, **put)[0] == "AccessDenied"
