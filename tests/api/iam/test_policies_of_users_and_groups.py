"""Inline and attached policies of users and groups: the same story told of both, and what they are worth."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest
from botocore.exceptions import ClientError

from tests.api.conftest import Refused
from tests.api.iam.conftest import MANAGED, Person, allow, deny, document
from tests.api.iam.test_access_keys import code_of
from tests.server import Server

Made = Callable[..., str]
Persons = Callable[..., Person]

ALLOW = document(allow("kms:ListKeys"))
ATTACHABLE = [f"{MANAGED}{name}" for name in ("AWSDenyAll", "IAMFullAccess", "IAMReadOnlyAccess", "PowerUserAccess")]


class Holder:
    """A user or a group, and the operations about its policies."""

    def __init__(self, iam: Any, kind: str, name: str) -> None:
        self.iam, self.kind, self.name = iam, kind, name
        self.size = {"user": 2_048, "group": 5_120}[kind]

    def __call__(self, verb: str, what: str = "policy", **members: Any) -> Any:
        key = {"user": "UserName", "group": "GroupName"}[self.kind]
        return getattr(self.iam, f"{verb}_{self.kind}_{what}")(**{key: self.name}, **members)

    def put(self, name: str, text: str = ALLOW) -> None:
        self("put", PolicyName=name, PolicyDocument=text)

    def names(self) -> list[str]:
        listed: list[str] = self("list", "policies")["PolicyNames"]
        return listed

    def attached(self, **members: Any) -> list[str]:
        listed = self("list_attached", "policies", **members)["AttachedPolicies"]
        return [policy["PolicyArn"] for policy in listed]

    def refused(self, verb: str, **members: Any) -> tuple[str, str]:
        with pytest.raises(ClientError) as caught:
            self(verb, **members)
        error = caught.value.response["Error"]
        return error["Code"], error["Message"]


@pytest.fixture(params=["user", "group"])
def holder(request: pytest.FixtureRequest, iam: Any, made: Made) -> Holder:
    return Holder(iam, request.param, made(request.param))


def test_a_document_comes_back_byte_for_byte_and_encoded_on_the_wire(holder: Holder) -> None:
    text = '{ "Version":"2012-10-17",\n\t"Statement": [{"Sid":"A","Effect":"Allow","Action":"kms:*","Resource":"*"}]}'
    raw: list[str] = []
    holder.iam.meta.events.register(
        "after-call.iam", lambda http_response, **_: raw.append(http_response.content.decode()), unique_id="raw"
    )
    try:
        holder.put("p", text)
        answer = holder("get", PolicyName="p")
    finally:
        holder.iam.meta.events.unregister("after-call.iam", unique_id="raw")
    assert answer["PolicyDocument"] == json.loads(text)
    encoded = raw[-1].partition("<PolicyDocument>")[2].partition("</PolicyDocument>")[0]
    assert encoded.startswith("%7B%20%22Version%22%3A%222012-10-17%22%2C%0A%09%22Statement%22%3A%20%5B%7B%22Sid%22")
    assert "%22kms%3A%2A%22" in encoded


def test_names_of_inline_policies_are_the_same_in_any_case(holder: Holder) -> None:
    holder.put("Mixed")
    holder.put("MIXED", document(deny("kms:*")))
    assert holder.names() == ["Mixed"]
    found = holder("get", PolicyName="mixed")
    assert (found["PolicyName"], found["PolicyDocument"]["Statement"][0]["Effect"]) == ("mixed", "Deny")
    holder("delete", PolicyName="mIXED")
    assert holder.names() == []


def test_an_inline_policy_that_is_not_there(holder: Holder) -> None:
    missing = ("NoSuchEntity", f"The {holder.kind} policy with name p cannot be found.")
    assert holder.refused("get", PolicyName="p") == missing
    assert holder.refused("delete", PolicyName="p") == missing


def test_inline_policies_have_one_size_together_without_white_space(holder: Holder) -> None:
    room = holder.size - len(ALLOW.replace(" ", "")) - len(document(allow("kms:")).replace(" ", ""))
    holder.put("small", ALLOW + "\n" * 10_000)
    long = document(allow("kms:" + "a" * room))
    holder.put("large", long)
    said = f"Maximum policy size of {holder.size} bytes exceeded for {holder.kind} {holder.name}"
    assert holder.refused("put", PolicyName="large", PolicyDocument=long.replace("kms:", "kms:a")) == (
        "LimitExceeded",
        said,
    )
    assert holder.refused("put", PolicyName="third", PolicyDocument=ALLOW) == ("LimitExceeded", said)


@pytest.mark.parametrize(
    "text",
    ["{", "[]", document({**allow("kms:*"), "Principal": "*"}), document({**allow("kms:*"), "Effect": "Maybe"})],
)
def test_what_is_no_policy_is_not_kept(holder: Holder, text: str) -> None:
    code, said = holder.refused("put", PolicyName="p", PolicyDocument=text)
    assert code == "MalformedPolicyDocument"
    assert said
    assert holder.names() == []


def test_pages_of_inline_policies(holder: Holder) -> None:
    names = [f"p{number}" for number in range(5)]
    for name in reversed(names):
        holder.put(name)
    for size in (1, 2, 5):
        pages = holder.iam.get_paginator(f"list_{holder.kind}_policies").paginate(
            **{f"{holder.kind.title()}Name": holder.name}, PaginationConfig={"PageSize": size}
        )
        assert [name for page in pages for name in page["PolicyNames"]] == names


def test_managed_policies_come_and_go(holder: Holder, server: Server) -> None:
    for arn in (ATTACHABLE[2], ATTACHABLE[0], ATTACHABLE[2]):  # again is as good as once
        holder("attach", PolicyArn=arn)
    assert sorted(holder.attached()) == [ATTACHABLE[0], ATTACHABLE[2]]
    listed = holder("list_attached", "policies")
    assert listed["AttachedPolicies"][0] == {"PolicyName": "AWSDenyAll", "PolicyArn": ATTACHABLE[0]}
    assert listed["IsTruncated"] is False
    assert holder.attached(PathPrefix="/job-function/") == []
    holder("detach", PolicyArn=ATTACHABLE[0])
    assert holder.attached() == [ATTACHABLE[2]]
    missing = f"arn:aws:iam::{server.account}:policy/missing"
    assert holder.refused("attach", PolicyArn=missing) == (
        "NoSuchEntity",
        f"Policy {missing} does not exist or is not attachable.",
    )
    for arn in (missing, ATTACHABLE[0]):
        assert holder.refused("detach", PolicyArn=arn) == ("NoSuchEntity", f"Policy {arn} was not found.")
    for verb in ("attach", "detach"):
        said = ("ValidationError", "Invalid ARN:  Could not be parsed!")
        assert holder.refused(verb, PolicyArn="longpolicynamebutnoarn") == said


def test_pages_of_attached_policies(holder: Holder) -> None:
    for arn in reversed(ATTACHABLE):
        holder("attach", PolicyArn=arn)
    for size in (1, 3, 4):
        pages = holder.iam.get_paginator(f"list_attached_{holder.kind}_policies").paginate(
            **{f"{holder.kind.title()}Name": holder.name}, PaginationConfig={"PageSize": size}
        )
        assert [policy["PolicyArn"] for page in pages for policy in page["AttachedPolicies"]] == ATTACHABLE


def test_policies_of_a_user_are_in_force_at_the_next_call_in_every_worker(
    server: Server, iam: Any, person: Persons
) -> None:
    someone = person()
    clients = [someone.client("kms") for _ in range(4 * server.workers)]
    inline = {"UserName": someone.name, "PolicyName": "p"}
    managed = {"UserName": someone.name, "PolicyArn": f"{MANAGED}AWSKeyManagementServicePowerUser"}
    bound = {"UserName": someone.name, "PermissionsBoundary": f"{MANAGED}IAMReadOnlyAccess"}
    for step, expected in (
        (lambda: None, "AccessDeniedException"),
        (lambda: iam.put_user_policy(**inline, PolicyDocument=ALLOW), "OK"),
        (lambda: iam.put_user_policy(**inline, PolicyDocument=document(deny("kms:*"))), "AccessDeniedException"),
        (lambda: iam.delete_user_policy(**inline), "AccessDeniedException"),
        (lambda: iam.attach_user_policy(**managed), "OK"),
        (lambda: iam.put_user_permissions_boundary(**bound), "AccessDeniedException"),
        (lambda: iam.delete_user_permissions_boundary(UserName=someone.name), "OK"),
        (lambda: iam.detach_user_policy(**managed), "AccessDeniedException"),
    ):
        step()
        assert [code_of(client.list_keys) for client in clients] == [expected] * len(clients)


def test_a_user_without_policies_may_do_nothing(refused: Refused, iam: Any, person: Persons) -> None:
    someone = person()
    for client, call, members in (
        (someone.kms, "list_keys", {}),
        (someone.kms, "generate_random", {"NumberOfBytes": 1}),
        (someone.iam, "list_users", {}),
        (someone.iam, "get_user", {}),
        (someone.iam, "list_user_policies", {"UserName": someone.name}),
        (someone.iam, "put_user_policy", {"UserName": someone.name, "PolicyName": "p", "PolicyDocument": ALLOW}),
        (someone.iam, "attach_user_policy", {"UserName": someone.name, "PolicyArn": f"{MANAGED}AdministratorAccess"}),
    ):
        code = refused(getattr(client, call), **members)[0]
        assert code in {"AccessDenied", "AccessDeniedException"}, call
    assert iam.list_user_policies(UserName=someone.name)["PolicyNames"] == []
