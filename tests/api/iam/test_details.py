"""GetAccountAuthorizationDetails: all that says who may do what, in pages of any size."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

from tests.api.iam.conftest import MANAGED, allow, document

Make = Callable[..., str]

ALLOW = document(allow("kms:ListKeys"))


def details(iam: Any, *kinds: str, size: int = 100) -> dict[str, list[dict[str, Any]]]:
    """All pages in one."""
    found: dict[str, list[dict[str, Any]]] = {}
    filtered = {"Filter": list(kinds)} if kinds else {}
    pages = iam.get_paginator("get_account_authorization_details").paginate(
        **filtered, PaginationConfig={"PageSize": size}
    )
    for page in pages:
        for member in ("UserDetailList", "GroupDetailList", "RoleDetailList", "Policies"):
            found.setdefault(member, []).extend(page[member])
    return found


def one(listed: list[dict[str, Any]], arn: str) -> dict[str, Any]:
    [found] = [each for each in listed if each["Arn"] == arn]
    return found


def test_everything_is_told_of_everybody(iam: Any, made: Make, role: Make, policy: Make) -> None:
    tags = [{"Key": "b", "Value": "1"}, {"Key": "a", "Value": "2"}]
    arn = policy(Description="d", Tags=tags)
    iam.create_policy_version(PolicyArn=arn, PolicyDocument=ALLOW)
    group, user = made("group"), made(Tags=tags, PermissionsBoundary=arn)
    name = role(Tags=tags, PermissionsBoundary=arn)
    iam.add_user_to_group(UserName=user, GroupName=group)
    iam.put_user_policy(UserName=user, PolicyName="u", PolicyDocument=ALLOW)
    iam.put_group_policy(GroupName=group, PolicyName="g", PolicyDocument=ALLOW)
    iam.put_role_policy(RoleName=name, PolicyName="r", PolicyDocument=ALLOW)
    iam.attach_role_policy(RoleName=name, PolicyArn=arn)
    iam.attach_group_policy(GroupName=group, PolicyArn=f"{MANAGED}AWSDenyAll")

    found = details(iam)
    about = iam.get_role(RoleName=name)["Role"]
    in_order = sorted(tags, key=lambda tag: tag["Key"])
    bound = {"PermissionsBoundaryType": "Policy", "PermissionsBoundaryArn": arn}
    shared = {
        key: about[key] for key in ("Path", "RoleName", "RoleId", "Arn", "CreateDate", "AssumeRolePolicyDocument")
    }
    assert one(found["RoleDetailList"], about["Arn"]) == {
        **shared,
        "InstanceProfileList": [],
        "RolePolicyList": [{"PolicyName": "r", "PolicyDocument": json.loads(ALLOW)}],
        "AttachedManagedPolicies": [{"PolicyName": arn.rpartition("/")[2], "PolicyArn": arn}],
        "PermissionsBoundary": bound,
        "Tags": in_order,
        "RoleLastUsed": {},
    }
    about = iam.get_user(UserName=user)["User"]
    assert one(found["UserDetailList"], about["Arn"]) == {
        **{key: about[key] for key in ("Path", "UserName", "UserId", "Arn", "CreateDate")},
        "UserPolicyList": [{"PolicyName": "u", "PolicyDocument": json.loads(ALLOW)}],
        "GroupList": [group],
        "AttachedManagedPolicies": [],
        "PermissionsBoundary": bound,
        "Tags": in_order,
    }
    about = iam.get_group(GroupName=group)["Group"]
    assert one(found["GroupDetailList"], about["Arn"]) == {
        **about,
        "GroupPolicyList": [{"PolicyName": "g", "PolicyDocument": json.loads(ALLOW)}],
        "AttachedManagedPolicies": [{"PolicyName": "AWSDenyAll", "PolicyArn": f"{MANAGED}AWSDenyAll"}],
    }
    about = iam.get_policy(PolicyArn=arn)["Policy"]
    del about["Tags"]
    shown = one(found["Policies"], arn)
    listed = shown.pop("PolicyVersionList")
    assert shown == about
    assert [(each["VersionId"], each["IsDefaultVersion"], each["Document"]) for each in listed] == [
        ("v2", False, json.loads(ALLOW)),
        ("v1", True, json.loads(ALLOW)),
    ]


def test_a_filter_leaves_what_it_names(iam: Any, made: Make, role: Make, policy: Make) -> None:
    made()
    made("group")
    role()
    policy()
    members = {
        "User": "UserDetailList",
        "Group": "GroupDetailList",
        "Role": "RoleDetailList",
        "LocalManagedPolicy": "Policies",
        "AWSManagedPolicy": "Policies",
    }
    for kind, member in members.items():
        found = details(iam, kind)
        assert found.pop(member)
        assert not any(found.values())
    found = details(iam, "Role", "AWSManagedPolicy")
    assert found["RoleDetailList"]
    # Of AWS's policies those that are made use of: the administrator has one.
    assert f"{MANAGED}AdministratorAccess" in {each["Arn"] for each in found["Policies"]}
    assert all(each["AttachmentCount"] for each in found["Policies"])


def test_a_page_ends_early_where_its_documents_are_large(iam: Any, role: Make, policy: Make) -> None:
    large = {policy(PolicyDocument=ALLOW + " " * 45_000) for _ in range(13)}
    roles = {role() for _ in range(9)}
    for name in roles:
        iam.put_role_policy(RoleName=name, PolicyName="large", PolicyDocument=ALLOW + " " * 75_000)
    kinds = {"Filter": ["Role", "LocalManagedPolicy"]}
    asked = [
        (iam.get_paginator("get_account_authorization_details").paginate(**kinds), 3),
        (iam.get_paginator("list_roles").paginate(), 2),
    ]
    for pages, least in asked:
        answers = list(pages)
        assert len(answers) >= least
        found = [one["RoleName"] for page in answers for one in page.get("RoleDetailList", page.get("Roles"))]
        assert roles <= set(found)
        assert len(found) == len(set(found))
        for page in answers:
            assert len([each for each in page.get("Policies", []) if each["Arn"] in large]) <= 500_000 // 45_000
            assert page["IsTruncated"] is (page is not answers[-1])
    arns = [one["Arn"] for one in details(iam)["Policies"]]
    assert large <= set(arns)
    assert len(arns) == len(set(arns))


def test_pages_of_any_size_have_everything_once(iam: Any, made: Make, role: Make, policy: Make) -> None:
    for _ in range(2):
        made()
        made("group")
        role()
        policy()
    everything = details(iam)
    for size in (1, 2, 3):
        assert details(iam, size=size) == everything
