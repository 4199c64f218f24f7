"""What roles are worth: every change of one is in force at the next call of its sessions, in every worker; who is trusted
is who was meant; and a simulation of a role says what its sessions are answered."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from botocore.exceptions import ClientError

from tests.api.iam.conftest import MANAGED, Person, allow, deny, document
from tests.server import Server

Make = Callable[..., str]
Persons = Callable[..., Person]

CALLS = 8  # in a row: whichever worker is asked
DENIED = {"AccessDenied", "AccessDeniedException"}


def answered(call: Callable[..., Any], **members: Any) -> str:
    """What a call is answered, in the words of a simulation; or the code of a refusal for another reason."""
    try:
        call(**members)
    except ClientError as error:
        code = str(error.response["Error"]["Code"])
        if code not in DENIED:
            return code
        return "explicitDeny" if "explicit deny" in error.response["Error"]["Message"] else "implicitDeny"
    return "allowed"


class Session:
    """A session of a role, as the administrator gets it."""

    def __init__(self, server: Server, sts: Any, arn: str, **members: Any) -> None:
        given = sts.assume_role(RoleArn=arn, RoleSessionName="story", **members)["Credentials"]
        options = {
            "access_key_id": given["AccessKeyId"],
            "secret": given["SecretAccessKey"],
            "token": given["SessionToken"],
        }
        self.kms = server.client(service="kms", **options)
        self.iam = server.client(service="iam", **options)
        self.sts = server.client(service="sts", **options)

    def may(self, operation: str = "list_keys", **members: Any) -> str:
        """What each of several calls is answered, which must all be answered alike."""
        [answer] = {answered(getattr(self.kms, operation), **members) for _ in range(CALLS)}
        return answer


@pytest.fixture
def acting(server: Server, iam: Any, sts: Any, role: Make) -> Callable[..., tuple[str, Session]]:
    """A new role, and a session of it."""

    def make(name: str | None = None, **members: Any) -> tuple[str, Session]:
        made = name or role()
        return made, Session(server, sts, iam.get_role(RoleName=made)["Role"]["Arn"], **members)

    return make


Acting = Callable[..., tuple[str, Session]]


# --- every change is in force at the next call -----------------------------------------------------------------------


def test_policies_of_a_role_begin_and_end_with_the_answer(iam: Any, policy: Make, acting: Acting) -> None:
    name, session = acting()
    arn = policy(allow("kms:ListKeys"))
    assert session.may() == "implicitDeny"
    iam.attach_role_policy(RoleName=name, PolicyArn=arn)
    assert session.may() == "allowed"
    iam.detach_role_policy(RoleName=name, PolicyArn=arn)
    assert session.may() == "implicitDeny"
    iam.put_role_policy(RoleName=name, PolicyName="p", PolicyDocument=document(allow("kms:*")))
    assert session.may() == "allowed"
    iam.put_role_policy(RoleName=name, PolicyName="q", PolicyDocument=document(deny("kms:List*")))
    assert session.may() == "explicitDeny"
    iam.delete_role_policy(RoleName=name, PolicyName="q")
    assert session.may() == "allowed"
    iam.delete_role_policy(RoleName=name, PolicyName="p")
    assert session.may() == "implicitDeny"


def test_versions_of_a_managed_policy_begin_and_end_with_the_answer(iam: Any, policy: Make, acting: Acting) -> None:
    name, session = acting()
    arn = policy(allow("kms:ListKeys"))
    iam.attach_role_policy(RoleName=name, PolicyArn=arn)
    assert session.may() == "allowed"
    iam.create_policy_version(PolicyArn=arn, PolicyDocument=document(deny("kms:*")))
    assert session.may() == "allowed"
    iam.set_default_policy_version(PolicyArn=arn, VersionId="v2")
    assert session.may() == "explicitDeny"
    iam.create_policy_version(PolicyArn=arn, PolicyDocument=document(allow("kms:ListKeys")), SetAsDefault=True)
    assert session.may() == "allowed"
    iam.delete_policy_version(PolicyArn=arn, VersionId="v2")
    iam.delete_policy_version(PolicyArn=arn, VersionId="v1")
    assert session.may() == "allowed"


def test_a_boundary_begins_and_ends_with_the_answer(iam: Any, policy: Make, acting: Acting) -> None:
    name, session = acting()
    iam.put_role_policy(RoleName=name, PolicyName="p", PolicyDocument=document(allow("kms:*")))
    arn = policy(allow("iam:*"))
    assert session.may() == "allowed"
    iam.put_role_permissions_boundary(RoleName=name, PermissionsBoundary=arn)
    assert session.may() == "implicitDeny"
    iam.create_policy_version(PolicyArn=arn, PolicyDocument=document(allow("*")), SetAsDefault=True)
    assert session.may() == "allowed"
    iam.set_default_policy_version(PolicyArn=arn, VersionId="v1")
    iam.delete_role_permissions_boundary(RoleName=name)
    assert session.may() == "allowed"


def test_tags_of_a_role_are_its_sessions_tags_at_once(iam: Any, acting: Acting) -> None:
    name, session = acting()
    condition = {"StringEquals": {"aws:PrincipalTag/team": "blue"}}
    iam.put_role_policy(RoleName=name, PolicyName="p", PolicyDocument=document(allow("kms:*", Condition=condition)))
    assert session.may() == "implicitDeny"
    iam.tag_role(RoleName=name, Tags=[{"Key": "team", "Value": "blue"}])
    assert session.may() == "allowed"
    iam.tag_role(RoleName=name, Tags=[{"Key": "Team", "Value": "red"}])
    assert session.may() == "implicitDeny"
    iam.tag_role(RoleName=name, Tags=[{"Key": "team", "Value": "blue"}])
    iam.untag_role(RoleName=name, TagKeys=["TEAM"])
    assert session.may() == "implicitDeny"


def test_sessions_of_a_deleted_role_are_nothing_and_a_new_role_of_the_name_brings_them_not_back(
    iam: Any, role: Make, acting: Acting
) -> None:
    name, session = acting()
    iam.put_role_policy(RoleName=name, PolicyName="p", PolicyDocument=document(allow("kms:*")))
    assert session.may() == "allowed"
    iam.delete_role_policy(RoleName=name, PolicyName="p")
    iam.delete_role(RoleName=name)
    gone = session.may()
    assert gone not in {"allowed", "implicitDeny"}
    role(name=name)
    iam.put_role_policy(RoleName=name, PolicyName="p", PolicyDocument=document(allow("kms:*")))
    assert session.may() == gone
    assert acting(name)[1].may() == "allowed"


def test_the_last_use_of_a_role_is_told(iam: Any, acting: Acting, server: Server) -> None:
    name, session = acting()
    assert iam.get_role(RoleName=name)["Role"]["RoleLastUsed"] == {}
    if server.workers == 1:  # else another worker learns of it some seconds later
        session.may()
        used = iam.get_role(RoleName=name)["Role"]["RoleLastUsed"]
        assert (used["Region"], "LastUsedDate" in used) == ("us-east-1", True)


# --- who is trusted --------------------------------------------------------------------------------------------------


def trusting(*arns: str) -> str:
    return document({"Effect": "Allow", "Principal": {"AWS": list(arns)}, "Action": "sts:AssumeRole"})


def test_a_user_of_the_same_name_is_not_the_one_that_was_trusted(
    server: Server, iam: Any, role: Make, made: Make, person: Persons
) -> None:
    someone = person()
    arn = iam.get_user(UserName=someone.name)["User"]["Arn"]
    name = role(trust=trusting(arn))
    asked = {"RoleArn": iam.get_role(RoleName=name)["Role"]["Arn"], "RoleSessionName": "story"}
    assert answered(someone.client("sts").assume_role, **asked) == "allowed"
    iam.delete_access_key(UserName=someone.name, AccessKeyId=someone.access_key_id)
    iam.delete_user(UserName=someone.name)
    iam.create_user(UserName=someone.name)
    again = Person(server, iam, someone.name)
    again.may(allow("sts:*"))
    assert answered(again.client("sts").assume_role, **asked) in {"implicitDeny", "explicitDeny"}
    iam.update_assume_role_policy(RoleName=name, PolicyDocument=trusting(arn))
    assert answered(again.client("sts").assume_role, **asked) == "allowed"


def test_who_is_renamed_is_still_trusted(iam: Any, role: Make, person: Persons) -> None:
    someone = person()
    user = iam.get_user(UserName=someone.name)["User"]
    name = role(trust=trusting(user["Arn"]))
    asked = {"RoleArn": iam.get_role(RoleName=name)["Role"]["Arn"], "RoleSessionName": "story"}
    iam.update_user(UserName=someone.name, NewUserName=f"{someone.name}-2", NewPath="/x/")
    try:
        assert answered(someone.client("sts").assume_role, **asked) == "allowed"
    finally:
        iam.update_user(UserName=f"{someone.name}-2", NewUserName=someone.name, NewPath="/")


def test_trust_that_ends_ends_with_the_answer_and_leaves_sessions_alone(
    server: Server, iam: Any, sts: Any, acting: Acting, person: Persons
) -> None:
    name, session = acting()
    iam.put_role_policy(RoleName=name, PolicyName="p", PolicyDocument=document(allow("kms:*")))
    other = iam.get_user(UserName=person().name)["User"]["Arn"]
    asked = {"RoleArn": iam.get_role(RoleName=name)["Role"]["Arn"], "RoleSessionName": "story"}
    assert answered(sts.assume_role, **asked) == "allowed"
    iam.update_assume_role_policy(RoleName=name, PolicyDocument=trusting(other))
    # The administrator's own policy allows everything; what the role trusts is somebody else.
    assert {answered(sts.assume_role, **asked) for _ in range(CALLS)} == {"implicitDeny"}
    assert session.may() == "allowed"


def test_a_role_trusts_the_sessions_of_another(server: Server, iam: Any, role: Make, acting: Acting) -> None:
    name, session = acting()
    arn = iam.get_role(RoleName=name)["Role"]["Arn"]
    target = role(trust=trusting(arn))
    asked = {"RoleArn": iam.get_role(RoleName=target)["Role"]["Arn"], "RoleSessionName": "next"}
    assert answered(session.sts.assume_role, **asked) == "allowed"
    iam.delete_role(RoleName=name)
    role(name=name)
    _, again = acting(name)
    assert answered(again.sts.assume_role, **asked) == "implicitDeny"


# --- simulations of roles --------------------------------------------------------------------------------------------


def test_a_simulation_of_a_role_says_what_its_session_is_answered(
    server: Server, iam: Any, kms: Any, policy: Make, acting: Acting
) -> None:
    name, session = acting()
    arn = iam.get_role(RoleName=name)["Role"]["Arn"]
    root = {**allow("kms:*"), "Principal": {"AWS": f"arn:aws:iam::{server.account}:root"}}
    him = {"Principal": {"AWS": arn}}
    keys = [
        kms.create_key(Policy=document(*statements))["KeyMetadata"]["Arn"]
        for statements in (
            [root],
            [root, {**allow("kms:DescribeKey"), **him}],
            [root, {**deny("kms:DescribeKey"), **him}],
        )
    ]

    def hold() -> list[str]:
        said = []
        for key in keys:
            [result] = iam.simulate_principal_policy(
                PolicySourceArn=arn,
                ActionNames=["kms:DescribeKey"],
                ResourceArns=[key],
                ResourcePolicy=kms.get_key_policy(KeyId=key)["Policy"],
            )["EvaluationResults"]
            assert result["EvalDecision"] == session.may("describe_key", KeyId=key)
            said.append(result["EvalDecision"])
        return said

    try:
        assert hold() == ["implicitDeny", "allowed", "explicitDeny"]
        iam.attach_role_policy(RoleName=name, PolicyArn=f"{MANAGED}AWSKeyManagementServicePowerUser")
        assert hold() == ["allowed", "allowed", "explicitDeny"]
        iam.put_role_permissions_boundary(RoleName=name, PermissionsBoundary=policy(allow("iam:*")))
        assert hold() == ["implicitDeny", "implicitDeny", "explicitDeny"]
    finally:
        for key in keys:
            kms.schedule_key_deletion(KeyId=key, PendingWindowInDays=7)
