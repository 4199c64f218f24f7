"""Groups through the API: made, renamed, deleted; who is in them, and what that is worth."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

from tests.api.conftest import Refused
from tests.api.iam.conftest import Person, allow, document
from tests.api.iam.test_access_keys import code_of
from tests.server import Server

Made = Callable[..., str]
Persons = Callable[..., Person]


def members(iam: Any, group: str) -> list[str]:
    pages = iam.get_paginator("get_group").paginate(GroupName=group)
    return [user["UserName"] for page in pages for user in page["Users"]]


def test_a_group_is_what_was_asked_for(server: Server, iam: Any, made: Made, name: str) -> None:
    made("group", name, Path="/some/place/")
    answer = iam.get_group(GroupName=name.upper())
    group = answer["Group"]
    assert re.fullmatch(r"AGPA[A-Z2-7]{17}", group.pop("GroupId"))
    del group["CreateDate"]
    arn = f"arn:aws:iam::{server.account}:group/some/place/{name}"
    assert group == {"Path": "/some/place/", "GroupName": name, "Arn": arn}
    assert (answer["Users"], answer["IsTruncated"]) == ([], False)


def test_a_group_of_that_name_is_there_already(refused: Refused, iam: Any, made: Made) -> None:
    name = made("group")
    for taken in (name, name.upper()):
        said = ("EntityAlreadyExists", f"Group with name {taken} already exists.")
        assert refused(iam.create_group, GroupName=taken) == said
    other = made("group")
    assert refused(iam.update_group, GroupName=other, NewGroupName=name) == (
        "EntityAlreadyExists",
        f"Group with name {name} already exists.",
    )


def test_a_group_that_is_not_there(refused: Refused, iam: Any, name: str) -> None:
    missing = ("NoSuchEntity", f"The group with name {name} cannot be found.")
    for function, more in (
        (iam.get_group, {}),
        (iam.update_group, {"NewPath": "/a/"}),
        (iam.delete_group, {}),
        (iam.list_group_policies, {}),
        (iam.list_attached_group_policies, {}),
        (iam.add_user_to_group, {"UserName": "admin"}),
        (iam.remove_user_from_group, {"UserName": "admin"}),
    ):
        assert refused(function, GroupName=name, **more) == missing, function
    for function in (iam.add_user_to_group, iam.remove_user_from_group):
        said = ("NoSuchEntity", f"The user with name {name}-user cannot be found.")
        assert refused(function, GroupName=name, UserName=f"{name}-user") == said, "the user is missed first"


def test_users_come_and_go(refused: Refused, iam: Any, made: Made) -> None:
    group, user, other = made("group"), made(), made()
    for _ in range(2):  # again is as good as once
        iam.add_user_to_group(GroupName=group, UserName=user.upper())
    iam.add_user_to_group(GroupName=group, UserName=other)
    assert sorted(members(iam, group)) == sorted([user, other])
    assert [one["GroupName"] for one in iam.list_groups_for_user(UserName=user)["Groups"]] == [group]
    said = ("DeleteConflict", "Cannot delete entity, must remove users from group first.")
    assert refused(iam.delete_group, GroupName=group) == said
    for _ in range(2):
        iam.remove_user_from_group(GroupName=group, UserName=user)
    assert members(iam, group) == [other]
    assert iam.list_groups_for_user(UserName=user)["Groups"] == []


def test_a_renamed_group_keeps_who_is_in_it(iam: Any, server: Server, made: Made, person: Persons, name: str) -> None:
    group, someone = made("group"), person()
    iam.put_group_policy(GroupName=group, PolicyName="p", PolicyDocument=document(allow("iam:GetGroup")))
    iam.add_user_to_group(GroupName=group, UserName=someone.name)
    before = iam.get_group(GroupName=group)["Group"]
    iam.update_group(GroupName=group, NewGroupName=name, NewPath="/moved/")
    try:
        arn = f"arn:aws:iam::{server.account}:group/moved/{name}"
        assert someone.iam.get_group(GroupName=name)["Group"] == {
            **before,
            "GroupName": name,
            "Path": "/moved/",
            "Arn": arn,
        }
        assert members(iam, name) == [someone.name]
        assert [one["GroupName"] for one in iam.list_groups_for_user(UserName=someone.name)["Groups"]] == [name]
    finally:
        iam.update_group(GroupName=name, NewGroupName=group, NewPath="/")


def test_a_renamed_user_stays_in_its_groups(iam: Any, made: Made, name: str) -> None:
    group, user = made("group"), made()
    iam.add_user_to_group(GroupName=group, UserName=user)
    iam.update_user(UserName=user, NewUserName=name)
    assert members(iam, group) == [name]
    iam.update_user(UserName=name, NewUserName=user)


def test_a_user_is_in_ten_groups_at_most(refused: Refused, iam: Any, made: Made) -> None:
    user = made()
    groups = sorted(made("group") for _ in range(11))
    for group in groups[:10]:
        iam.add_user_to_group(GroupName=group, UserName=user)
    said = ("LimitExceeded", "Cannot exceed quota for GroupsPerUser: 10")
    assert refused(iam.add_user_to_group, GroupName=groups[10], UserName=user) == said
    iam.add_user_to_group(GroupName=groups[0], UserName=user)  # where it is already
    for size in (1, 3, 10):
        pages = iam.get_paginator("list_groups_for_user").paginate(UserName=user, PaginationConfig={"PageSize": size})
        assert [group["GroupName"] for page in pages for group in page["Groups"]] == groups[:10]


def test_pages_of_groups_and_of_members(iam: Any, made: Made, name: str) -> None:
    groups = sorted(made("group", f"{letter}-{name}", Path=f"/{name}/") for letter in "abc")
    users = sorted(made() for _ in range(3))
    for user in users:
        iam.add_user_to_group(GroupName=groups[0], UserName=user)
    for size in (1, 2, 3):
        config = {"PageSize": size}
        pages = iam.get_paginator("list_groups").paginate(PathPrefix=f"/{name}/", PaginationConfig=config)
        assert [group["GroupName"] for page in pages for group in page["Groups"]] == groups
        pages = iam.get_paginator("get_group").paginate(GroupName=groups[0], PaginationConfig=config)
        assert [user["UserName"] for page in pages for user in page["Users"]] == users


def test_a_group_with_policies_is_not_deleted(refused: Refused, iam: Any, made: Made) -> None:
    group = made("group")
    policy = {"GroupName": group, "PolicyName": "p"}
    iam.put_group_policy(**policy, PolicyDocument=document(allow("kms:*")))
    attached = {"GroupName": group, "PolicyArn": "arn:aws:iam::aws:policy/IAMReadOnlyAccess"}
    iam.attach_group_policy(**attached)
    for what, remove in (
        ("delete policies", lambda: iam.delete_group_policy(**policy)),
        ("detach all policies", lambda: iam.detach_group_policy(**attached)),
    ):
        said = ("DeleteConflict", f"Cannot delete entity, must {what} first.")
        assert refused(iam.delete_group, GroupName=group) == said
        remove()
    iam.delete_group(GroupName=group)


def test_a_membership_is_in_force_at_the_next_call_in_every_worker(
    server: Server, iam: Any, made: Made, person: Persons
) -> None:
    group, someone = made("group"), person()
    clients = [someone.client("kms") for _ in range(4 * server.workers)]
    policy = {"GroupName": group, "PolicyName": "p"}
    iam.put_group_policy(**policy, PolicyDocument=document(allow("kms:ListKeys")))
    managed = {"GroupName": group, "PolicyArn": "arn:aws:iam::aws:policy/AWSKeyManagementServicePowerUser"}
    membership = {"GroupName": group, "UserName": someone.name}
    for step, expected in (
        (lambda: None, "AccessDeniedException"),
        (lambda: iam.add_user_to_group(**membership), "OK"),
        (lambda: iam.remove_user_from_group(**membership), "AccessDeniedException"),
        (lambda: iam.add_user_to_group(**membership), "OK"),
        (lambda: iam.delete_group_policy(**policy), "AccessDeniedException"),
        (lambda: iam.attach_group_policy(**managed), "OK"),
        (lambda: iam.detach_group_policy(**managed), "AccessDeniedException"),
    ):
        step()
        assert [code_of(client.list_keys) for client in clients] == [expected] * len(clients)
