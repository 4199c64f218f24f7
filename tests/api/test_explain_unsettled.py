"""The administrator's API: what is seen to be allowed, and still does not settle the call."""

from __future__ import annotations

from itertools import islice
from typing import Any

import click
import pytest

from keystead.cli.explain import lines
from tests.api.explaining import Explain, denied, explain, folder
from tests.api.iam.conftest import Person, allow, deny, made, name, person

__all__ = ["explain", "folder", "made", "name", "person"]


def headline(answer: dict[str, Any]) -> str:
    return click.unstyle(list(islice(lines(answer), 3))[2])


@pytest.mark.parametrize("action", ["kms:CreateAlias", "kms:UpdateAlias", "kms:DeleteAlias"])
def test_the_permission_on_the_alias_is_said_not_to_have_been_looked_at(
    explain: Explain, key: dict[str, Any], person: Any, action: str
) -> None:
    alice = person(allow(action, resource=key["Arn"]))
    answer = explain(Principal=alice.name, Action=action, KeyId=key["Arn"])
    assert answer["Unsettled"][0] == f"{action} on the alias is needed as well and was not looked at"
    assert headline(answer).startswith("NOT SETTLED: what can be seen now allows it (")
    assert f"{action} on the alias is needed as well" in headline(answer)
    other = explain(Principal=alice.name, Action="kms:Encrypt", KeyId=key["Arn"])
    assert (other["Unsettled"], headline(other)) == ([], f"DENIED: {other['Reason']}")


def test_tags_of_a_new_key_need_a_permission_of_their_own(explain: Explain, person: Any) -> None:
    alice = person(allow("kms:CreateKey"))
    plain = explain(Principal=alice.name, Action="kms:CreateKey")
    assert (plain["Unsettled"], headline(plain)) == ([], f"ALLOWED: {plain['Reason']}")
    tagged = explain(Principal=alice.name, Action="kms:CreateKey", Conditions={"aws:RequestTag/team": "blue"})
    assert tagged["Unsettled"] == ["kms:TagResource is needed as well and was not looked at"]


def test_the_side_of_another_account_is_said_not_to_have_been_looked_at(
    explain: Explain, key: dict[str, Any], person: Any
) -> None:
    alice = person(allow("kms:Encrypt"))
    there = "arn:aws:kms:us-east-1:999988887777:key/1234abcd-12ab-34cd-56ef-1234567890ab"
    answer = explain(Principal=alice.name, Action="kms:Encrypt", KeyId=there)
    assert answer["Unsettled"] == ["the side of account 999988887777 was not looked at"]
    assert headline(answer).endswith("; the side of account 999988887777 was not looked at")


def test_a_recorded_denial_that_the_policies_of_now_allow_is_not_said_to_be_allowed(
    explain: Explain, key: dict[str, Any], person: Any
) -> None:
    alice: Person = person(deny("kms:Encrypt"))
    _, request_id = denied(alice.kms.encrypt, KeyId=key["Arn"], Plaintext=b"x")
    alice.may(allow("kms:Encrypt"))
    answer = explain(RequestId=request_id)
    assert answer["Unsettled"] == [f"the recorded call was denied: {answer['Record']['ErrorMessage']}"]
    assert headline(answer).startswith("NOT SETTLED: what can be seen now allows it (")
    assert headline(answer).endswith(f"; the recorded call was denied: {answer['Record']['ErrorMessage']}")


@pytest.mark.parametrize("action", ["sts:GetCallerIdentity", "sts:GetSessionToken"])
def test_an_operation_that_asks_no_permission_is_said_to_need_none(explain: Explain, person: Any, action: str) -> None:
    alice = person(deny("sts:*"))
    answer = explain(Principal=alice.name, Action=action)
    assert (answer["Allowed"], answer["Policies"], answer["Proposals"]) == (True, [], [])
    assert headline(answer).startswith("ALLOWED: it needs no permission: ")
