"""What the API of a server cannot show alone of roles and managed policies: quotas, other accounts, changes that meet."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from typing import Any

import pytest

from keystead.services.iam import policies, roles
from tests.services.iam.test_people import answered, refused
from tests.services.office import ACCOUNT, ALLOW_ALL, OTHER, Office

Play = Callable[..., None]

POLICY = ALLOW_ALL.replace("\n", "")


def trusting(arn: str) -> str:
    statement = {"Effect": "Allow", "Principal": {"AWS": arn}, "Action": "sts:AssumeRole"}
    return json.dumps({"Version": "2012-10-17", "Statement": [statement]})


def ours(kind: str, name: str, account: str = ACCOUNT) -> str:
    return f"arn:aws:iam::{account}:{kind}/{name}"


async def make_role(office: Office, name: str, caller: Any = None, **members: Any) -> dict[str, Any]:
    trust = members.pop("AssumeRolePolicyDocument", trusting(f"arn:aws:iam::{ACCOUNT}:root"))
    answer = await answered(office, "iam:CreateRole", caller, RoleName=name, AssumeRolePolicyDocument=trust, **members)
    made: dict[str, Any] = answer["Role"]
    return made


async def make_policy(office: Office, name: str, caller: Any = None) -> str:
    answer = await answered(office, "iam:CreatePolicy", caller, PolicyName=name, PolicyDocument=POLICY)
    return str(answer["Policy"]["Arn"])


def test_an_account_has_so_many_roles_and_policies(play: Play, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(roles, "ROLES", 2)
    monkeypatch.setattr(policies, "POLICIES", 1)

    async def story(office: Office) -> None:
        for name in ("one", "two"):
            await make_role(office, name)
        trust = trusting(f"arn:aws:iam::{ACCOUNT}:root")
        said = ("LimitExceeded", "Cannot exceed quota for RolesPerAccount: 2")
        asked = {"RoleName": "three", "AssumeRolePolicyDocument": trust}
        assert await refused(office, "iam:CreateRole", **asked) == said
        await make_policy(office, "one")
        said = ("LimitExceeded", "Cannot exceed quota for PoliciesPerAccount: 1")
        assert await refused(office, "iam:CreatePolicy", PolicyName="two", PolicyDocument=POLICY) == said
        boss = office.user("boss", ALLOW_ALL, account=OTHER)
        await make_role(office, "three", boss)
        await make_policy(office, "two", boss)

    play(story)


def test_policies_of_another_account_are_as_if_they_were_not_there(play: Play) -> None:
    async def story(office: Office) -> None:
        boss = office.user("boss", ALLOW_ALL, account=OTHER)
        theirs = await make_policy(office, "theirs", boss)
        await make_role(office, "mine")
        said = ("NoSuchEntity", f"Policy {theirs} was not found.")
        assert await refused(office, "iam:GetPolicy", PolicyArn=theirs) == said
        assert await refused(office, "iam:DeletePolicy", PolicyArn=theirs) == said
        said = ("NoSuchEntity", f"Policy {theirs} does not exist or is not attachable.")
        assert await refused(office, "iam:AttachRolePolicy", RoleName="mine", PolicyArn=theirs) == said
        code, _ = await refused(office, "iam:PutRolePermissionsBoundary", RoleName="mine", PermissionsBoundary=theirs)
        assert code == "NoSuchEntity"
        listed = (await answered(office, "iam:ListPolicies", Scope="Local"))["Policies"]
        assert theirs not in [policy["Arn"] for policy in listed]

    play(story)


def test_names_and_counts_are_those_of_an_account(play: Play) -> None:
    async def story(office: Office) -> None:
        boss = office.user("boss", ALLOW_ALL, account=OTHER)
        for caller in (None, boss):
            await make_role(office, "same", caller)
            await make_policy(office, "same", caller)
        aws = "arn:aws:iam::aws:policy/IAMReadOnlyAccess"
        await answered(office, "iam:AttachRolePolicy", boss, RoleName="same", PolicyArn=aws)
        for caller, count in ((None, 0), (boss, 1)):
            policy = (await answered(office, "iam:GetPolicy", caller, PolicyArn=aws))["Policy"]
            assert policy["AttachmentCount"] == count
            found = await answered(office, "iam:ListEntitiesForPolicy", caller, PolicyArn=aws)
            assert [each["RoleName"] for each in found["PolicyRoles"]] == ["same"] * count

    play(story)


def test_a_role_may_trust_somebody_of_another_account_who_is_there(play: Play) -> None:
    async def story(office: Office) -> None:
        office.user("boss", ALLOW_ALL, account=OTHER)
        boss, nobody = ours("user", "boss", OTHER), ours("user", "nobody", OTHER)
        await make_role(office, "mine", AssumeRolePolicyDocument=trusting(boss))
        asked = {"RoleName": "other", "AssumeRolePolicyDocument": trusting(nobody)}
        said = ("MalformedPolicyDocument", f'Invalid principal in policy: "AWS":"{nobody}"')
        assert await refused(office, "iam:CreateRole", **asked) == said

    play(story)


def test_a_simulation_of_another_account_s_user_is_of_nobody(play: Play) -> None:
    async def story(office: Office) -> None:
        office.user("boss", ALLOW_ALL, account=OTHER)
        asked = {"PolicySourceArn": ours("user", "boss", OTHER), "ActionNames": ["kms:Encrypt"]}
        said = ("NoSuchEntity", "The user with name boss cannot be found.")
        assert await refused(office, "iam:SimulatePrincipalPolicy", **asked) == said

    play(story)


# --- changes that meet -----------------------------------------------------------------------------------------------


async def together(office: Office, *asked: tuple[str, dict[str, Any]]) -> list[str]:
    """Calls that arrive at once: OK or the code of the refusal of each."""
    answers = await asyncio.gather(*(office.ask(operation, **members) for operation, members in asked))
    return ["OK" if status == 200 else told["Code"] for status, told in answers]


def test_versions_that_meet_are_never_six(play: Play) -> None:
    async def story(office: Office) -> None:
        arn = await make_policy(office, "one")
        asked = ("iam:CreatePolicyVersion", {"PolicyArn": arn, "PolicyDocument": POLICY})
        said = await together(office, *[asked] * 8)
        assert sorted(said) == ["LimitExceeded"] * 4 + ["OK"] * 4
        versions = (await answered(office, "iam:ListPolicyVersions", PolicyArn=arn))["Versions"]
        assert [version["VersionId"] for version in versions] == ["v5", "v4", "v3", "v2", "v1"]

    play(story)


def test_a_policy_that_goes_while_it_is_attached_is_either_gone_or_attached(play: Play) -> None:
    async def story(office: Office) -> None:
        await make_role(office, "one")
        arn = await make_policy(office, "one")
        attach = ("iam:AttachRolePolicy", {"RoleName": "one", "PolicyArn": arn})
        said = await together(office, attach, ("iam:DeletePolicy", {"PolicyArn": arn}), attach)
        assert said == ["OK", "DeleteConflict", "OK"]
        await answered(office, "iam:DetachRolePolicy", RoleName="one", PolicyArn=arn)
        said = await together(office, ("iam:DeletePolicy", {"PolicyArn": arn}), attach)
        assert said == ["OK", "NoSuchEntity"]

    play(story)


def test_a_version_that_goes_while_it_comes_into_force_does_only_one_of_both(play: Play) -> None:
    async def story(office: Office) -> None:
        arn = await make_policy(office, "one")
        await answered(office, "iam:CreatePolicyVersion", PolicyArn=arn, PolicyDocument=POLICY)
        second = {"PolicyArn": arn, "VersionId": "v2"}
        said = await together(office, ("iam:DeletePolicyVersion", second), ("iam:SetDefaultPolicyVersion", second))
        assert said == ["OK", "NoSuchEntity"]

    play(story)


def test_two_roles_of_one_name_are_never_made(play: Play) -> None:
    async def story(office: Office) -> None:
        trust = trusting(f"arn:aws:iam::{ACCOUNT}:root")
        asked = [
            ("iam:CreateRole", {"RoleName": name, "AssumeRolePolicyDocument": trust}) for name in ("one", "ONE", "One")
        ]
        said = await together(office, *asked)
        assert sorted(said) == ["EntityAlreadyExists", "EntityAlreadyExists", "OK"]

    play(story)


def test_who_is_deleted_while_he_is_named_is_either_trusted_by_id_or_not_at_all(play: Play) -> None:
    async def story(office: Office) -> None:
        await answered(office, "iam:CreateUser", UserName="ann")
        await make_role(office, "one")
        named = {"RoleName": "one", "PolicyDocument": trusting(ours("user", "ann"))}
        said = await together(office, ("iam:DeleteUser", {"UserName": "ann"}), ("iam:UpdateAssumeRolePolicy", named))
        assert said == ["OK", "MalformedPolicyDocument"]

    play(story)
