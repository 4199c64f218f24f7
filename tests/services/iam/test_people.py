"""What the API of a server cannot show alone: quotas, root users, sessions, other accounts, rows that were meddled with."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from keystead.services.iam import groups, users
from keystead.store.reader import SqlReader
from tests.services.office import ACCOUNT, ALLOW_ALL, OTHER, Office

Play = Callable[..., None]


async def refused(office: Office, operation: str, caller: Any = None, **members: Any) -> tuple[str, str]:
    status, told = await office.ask(operation, caller, **members)
    assert status != 200, told
    return told["Code"], told["Message"]


async def answered(office: Office, operation: str, caller: Any = None, **members: Any) -> dict[str, Any]:
    status, told = await office.ask(operation, caller, **members)
    assert status == 200, told
    return told


def test_an_account_has_so_many_users_and_groups(play: Play, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(users, "USERS", 3)
    monkeypatch.setattr(groups, "GROUPS", 1)

    async def story(office: Office) -> None:
        for name in ("one", "two"):  # with the administrator three
            await answered(office, "iam:CreateUser", UserName=name)
        said = ("LimitExceeded", "Cannot exceed quota for UsersPerAccount: 3")
        assert await refused(office, "iam:CreateUser", UserName="three") == said
        other = office.user("boss", ALLOW_ALL, account=OTHER)
        await answered(office, "iam:CreateUser", other, UserName="three")
        await answered(office, "iam:CreateGroup", GroupName="one")
        said = ("LimitExceeded", "Cannot exceed quota for GroupsPerAccount: 1")
        assert await refused(office, "iam:CreateGroup", GroupName="two") == said

    play(story)


def test_a_root_user_may_do_everything_and_means_itself(play: Play) -> None:
    async def story(office: Office) -> None:
        root = office.principals[f"root of {ACCOUNT}"]
        user = (await answered(office, "iam:GetUser", root))["User"]
        assert (user["UserId"], user["Arn"]) == (ACCOUNT, f"arn:aws:iam::{ACCOUNT}:root")
        assert not {"UserName", "Path"} & {name for name, value in user.items() if value is not None}
        await answered(office, "iam:CreateUser", root, UserName="ann")
        key = (await answered(office, "iam:CreateAccessKey", root))["AccessKey"]
        assert (await answered(office, "iam:GetAccountSummary"))["SummaryMap"]["AccountAccessKeysPresent"] == 1
        listed = (await answered(office, "iam:ListAccessKeys", root))["AccessKeyMetadata"]
        assert [one["AccessKeyId"] for one in listed] == [key["AccessKeyId"]]
        await answered(office, "iam:DeleteAccessKey", root, AccessKeyId=key["AccessKeyId"])

    play(story)


def test_a_session_of_a_role_has_to_say_whom_it_means(play: Play) -> None:
    async def story(office: Office) -> None:
        session = office.session(office.role("ops", ALLOW_ALL), "monday")
        said = ("ValidationError", "Must specify userName when calling with non-User credentials")
        for operation, members in (
            ("iam:GetUser", {}),
            ("iam:CreateAccessKey", {}),
            ("iam:ListAccessKeys", {}),
            ("iam:DeleteAccessKey", {"AccessKeyId": "AKIAIOSFODNN7EXAMPLE"}),
            ("iam:ListMFADevices", {}),
        ):
            assert await refused(office, operation, session, **members) == said
        assert (await answered(office, "iam:GetUser", session, UserName="admin"))["User"]["UserName"] == "admin"

    play(story)


def test_accounts_know_nothing_of_one_another(play: Play) -> None:
    async def story(office: Office) -> None:
        other = office.user("boss", ALLOW_ALL, account=OTHER)
        await answered(office, "iam:CreateGroup", GroupName="staff")
        office.managed("own", ALLOW_ALL)
        assert (await refused(office, "iam:GetUser", other, UserName="admin"))[0] == "NoSuchEntity"
        assert (await refused(office, "iam:GetGroup", other, GroupName="staff"))[0] == "NoSuchEntity"
        listed = (await answered(office, "iam:ListUsers", other))["Users"]
        assert [user["UserName"] for user in listed] == ["boss"]
        arn = f"arn:aws:iam::{ACCOUNT}:policy/own"
        for operation, member in (
            ("iam:AttachUserPolicy", "PolicyArn"),
            ("iam:PutUserPermissionsBoundary", "PermissionsBoundary"),
        ):
            code, said = await refused(office, operation, other, UserName="boss", **{member: arn})
            assert (code, said.removeprefix("Scope ARN: ").removeprefix("Policy ")) == (
                "NoSuchEntity",
                f"{arn} does not exist or is not attachable.",
            )
        await answered(office, "iam:AttachUserPolicy", UserName="admin", PolicyArn=arn)
        key = (await answered(office, "iam:CreateAccessKey", UserName="admin"))["AccessKey"]["AccessKeyId"]
        hidden = await refused(office, "iam:GetAccessKeyLastUsed", other, AccessKeyId=key)
        absent = await refused(office, "iam:GetAccessKeyLastUsed", other, AccessKeyId="AKIAIOSFODNN7EXAMPLE")
        assert hidden[0] == absent[0] == "AccessDenied"
        assert hidden[1].replace(key, "") == absent[1].replace("AKIAIOSFODNN7EXAMPLE", "")
        for operation in ("iam:UpdateAccessKey", "iam:DeleteAccessKey"):
            members = {
                "UserName": "boss",
                "AccessKeyId": key,
                **({"Status": "Inactive"} if "Update" in operation else {}),
            }
            assert (await refused(office, operation, other, **members))[0] == "NoSuchEntity"
        await answered(office, "iam:CreateAccountAlias", AccountAlias="ours")
        assert (await refused(office, "iam:CreateAccountAlias", other, AccountAlias="ours"))[0] == "EntityAlreadyExists"

    play(story)


def test_no_secret_leaves_but_in_the_answer(play: Play, tmp_path: Path) -> None:
    async def story(office: Office) -> None:
        secret = (await answered(office, "iam:CreateAccessKey", UserName="admin"))["AccessKey"]["SecretAccessKey"]
        assert secret not in str(office.journal.lines)
        assert "CreateAccessKey" in str(office.journal.lines)
        assert all(secret.encode() not in path.read_bytes() for path in tmp_path.iterdir() if path.is_file())

    play(story)


def test_a_list_of_members_that_was_meddled_with_shows_nobody_who_is_no_member(
    play: Play, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def story(office: Office) -> None:
        await answered(office, "iam:CreateGroup", GroupName="staff")
        await answered(office, "iam:CreateGroup", GroupName="other")
        for name in ("ann", "bob"):
            await answered(office, "iam:CreateUser", UserName=name)
            await answered(office, "iam:AddUserToGroup", GroupName="staff", UserName=name)
        monkeypatch.setattr(SqlReader, "members", lambda *_of: ["ann", "admin", "bob"])
        listed = (await answered(office, "iam:GetGroup", GroupName="staff"))["Users"]
        assert [user["UserName"] for user in listed] == ["ann", "bob"]

    play(story)
