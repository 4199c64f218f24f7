"""What a simulation of a user says is what his calls are answered: random policies, boundaries and key policies, three
verdicts alike."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import pytest
from botocore.exceptions import ClientError
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from tests.api.iam.conftest import Person, allow, deny, document
from tests.api.iam.test_simulation import entry
from tests.server import REGION, Server

Make = Callable[..., str]
Persons = Callable[..., Person]
Statement = dict[str, Any]


@dataclass(frozen=True)
class World:
    """Somebody whose policies change, what is asked in his name, and what a call about each thing brings along."""

    iam: Any
    someone: Person
    user: str
    keys: dict[str, str]  # key policy by key ARN
    role: str


TAGS = {"blue": [{"Key": "team", "Value": "blue"}], "red": [{"Key": "team", "Value": "red"}]}


@pytest.fixture
def world(server: Server, iam: Any, kms: Any, person: Persons, role: Make) -> Iterator[World]:
    someone = person()
    user = iam.get_user(UserName=someone.name)["User"]["Arn"]
    root = {**allow("kms:*"), "Principal": {"AWS": f"arn:aws:iam::{server.account}:root"}}
    admin = {**allow("kms:*"), "Principal": {"AWS": f"arn:aws:iam::{server.account}:user/admin"}}
    him = {"Principal": {"AWS": user}}
    keys: dict[str, str] = {}
    for team, statements in (
        ("blue", [root]),
        ("red", [admin, {**allow("kms:DescribeKey", "kms:GetKeyRotationStatus"), **him}]),
        ("red", [root, {**deny("kms:DescribeKey"), **him}]),
        ("blue", [admin]),
    ):
        tags = [{"TagKey": tag["Key"], "TagValue": tag["Value"]} for tag in TAGS[team]]
        arn = kms.create_key(Tags=tags, Policy=document(*statements))["KeyMetadata"]["Arn"]
        keys[arn] = kms.get_key_policy(KeyId=arn)["Policy"]
    yield World(iam, someone, user, keys, iam.get_role(RoleName=role(Tags=TAGS["red"]))["Role"]["Arn"])
    for arn in keys:
        kms.schedule_key_deletion(KeyId=arn, PendingWindowInDays=7)


_ACTIONS = (
    "kms:*",
    "kms:DescribeKey",
    "kms:Get*",
    "kms:List*",
    "kms:ListKeys",
    "iam:*",
    "iam:GetRole",
    "iam:List*",
    "*",
)
_CONDITIONS = (
    {},
    {"StringEquals": {"aws:ResourceTag/team": "blue"}},
    {"StringNotEquals": {"aws:ResourceTag/team": "red"}},
    {"StringEquals": {"kms:KeySpec": "SYMMETRIC_DEFAULT"}},
    {"StringLike": {"aws:username": "user-*"}, "IpAddress": {"aws:SourceIp": "127.0.0.0/8"}},
    {"Bool": {"aws:SecureTransport": "true"}},
    {"DateLessThan": {"aws:CurrentTime": "2100-01-01T00:00:00Z"}},
    {"ForAnyValue:StringLike": {"kms:ResourceAliases": "alias/*"}},
    {"StringEquals": {"aws:RequestedRegion": REGION}, "Null": {"kms:ViaService": "true"}},
    {"ArnLike": {"aws:PrincipalArn": "arn:aws:iam::*:user/${aws:username}"}},
)


@st.composite
def _statement(draw: st.DrawFn) -> Statement:
    make = draw(st.sampled_from([allow, allow, allow, deny]))
    resource = draw(
        st.sampled_from(["*", "*", f"arn:aws:kms:{REGION}:*", "arn:aws:iam::*:role/*", "arn:aws:iam::*:user/*"])
    )
    condition = draw(st.sampled_from(_CONDITIONS))
    return make(draw(st.sampled_from(_ACTIONS)), resource=resource, **({"Condition": condition} if condition else {}))


_DOCUMENTS = st.lists(_statement(), min_size=1, max_size=3)


def answered(call: Callable[..., Any], **members: Any) -> str:
    """What a call is answered, in the words of a simulation."""
    try:
        call(**members)
    except ClientError as error:
        code, said = error.response["Error"]["Code"], error.response["Error"]["Message"]
        if code not in {"AccessDenied", "AccessDeniedException"}:
            raise
        return "explicitDeny" if "explicit deny" in said else "implicitDeny"
    return "allowed"


def simulated(world: World, action: str, resource: str, *entries: dict[str, Any], **more: Any) -> str:
    answer = world.iam.simulate_principal_policy(
        PolicySourceArn=world.user,
        ActionNames=[action],
        ResourceArns=[resource],
        ContextEntries=[
            entry("aws:SourceIp", "127.0.0.1", kind="ip"),
            entry("aws:SecureTransport", "false", kind="boolean"),
            entry("aws:RequestedRegion", REGION),
            *entries,
        ],
        **more,
    )
    [result] = answer["EvaluationResults"]
    return str(result["EvalDecision"])


@settings(
    max_examples=15,
    deadline=None,
    phases=[Phase.generate],  # half a second each is too long to look for a shorter one
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(own=_DOCUMENTS, group=_DOCUMENTS, boundary=st.none() | _DOCUMENTS)
def test_what_a_simulation_says_is_what_the_call_is_answered(
    world: World,
    made: Make,
    policy: Make,
    own: list[Statement],
    group: list[Statement],
    boundary: list[Statement] | None,
) -> None:
    iam, someone = world.iam, world.someone
    someone.may(*own)
    arn = policy(*group)
    iam.attach_user_policy(UserName=someone.name, PolicyArn=arn)
    if boundary is not None:
        iam.put_user_permissions_boundary(UserName=someone.name, PermissionsBoundary=policy(*boundary))
    try:
        _hold_against_calls(world)
    finally:
        iam.detach_user_policy(UserName=someone.name, PolicyArn=arn)
        if boundary is not None:
            iam.delete_user_permissions_boundary(UserName=someone.name)


def _hold_against_calls(world: World) -> None:
    someone = world.someone
    for number, (arn, text) in enumerate(world.keys.items()):
        facts = [
            entry("kms:KeySpec", "SYMMETRIC_DEFAULT"),
            entry("aws:ResourceTag/team", ["blue", "red", "red", "blue"][number]),
        ]
        for action, call in (
            ("kms:DescribeKey", someone.kms.describe_key),
            ("kms:GetKeyRotationStatus", someone.kms.get_key_rotation_status),
        ):
            assert simulated(world, action, arn, *facts, ResourcePolicy=text) == answered(call, KeyId=arn)
    assert simulated(world, "kms:ListKeys", "*") == answered(someone.kms.list_keys)
    red = entry("aws:ResourceTag/team", "red")
    said = simulated(world, "iam:GetRole", world.role, red)
    assert said == answered(someone.iam.get_role, RoleName=world.role.rpartition("/")[2])
    account = world.user.split(":")[4]
    assert simulated(world, "iam:ListRoles", f"arn:aws:iam::{account}:role/") == answered(someone.iam.list_roles)
