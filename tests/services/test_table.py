"""Rows of the operations table: what they must say, and what they may not."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from keystead.domain.keytypes import KeyTypes
from keystead.domain.states import States
from keystead.model.generated.sts import GetCallerIdentityResponse
from keystead.services.iam.operations import IAM
from keystead.services.kms.operations import KMS
from keystead.services.sts.operations import STS
from keystead.services.table import KeylessRow, operation
from tests.services.office import Office


def test_a_row_of_kms_says_what_keys_it_is_for() -> None:
    with pytest.raises(ValueError, match="Encrypt does not say what keys it works with"):
        operation("Encrypt")


@pytest.mark.parametrize(
    "said",
    [
        {"keys": KeyTypes.ANY},
        {"states": States.CRYPTOGRAPHIC},
        {"aliases": True},
        {"cross_account": True},
        {"logged": {"user_name": None}},
        {"computed": {"user_name": len}},
        {"noted": lambda call, answer: {}},
    ],
    ids=lambda said: next(iter(said)),
)
def test_a_row_of_another_service_speaks_neither_of_keys_nor_of_what_is_logged(said: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match="is KMS's alone"):
        operation("iam:CreateUser", **said)


def test_a_row_takes_service_and_permission_from_its_name() -> None:
    row = operation("iam:CreateUser", mutates=True)(lambda call: None)
    assert isinstance(row, KeylessRow)
    assert (row.service, row.name, row.permission, row.keys) == ("iam", "CreateUser", "iam:CreateUser", KeyTypes.NONE)
    assert (row.answer_logged, row.read_only, row.safe) == (True, False, False)
    assert operation("iam:ListUsers")(lambda call: None).safe
    assert not operation("sts:AssumeRole", answer_logged=True)(lambda call: None).safe


def test_every_row_is_of_the_service_that_has_it() -> None:
    for service in (KMS, IAM, STS):
        assert {row.service for row in service.rows.values()} == {service.name}


def test_a_function_that_asks_nothing_gives_no_answer_unless_its_row_says_why(play: Callable[..., None]) -> None:
    async def story(office: Office) -> None:
        row = STS.rows["GetCallerIdentity"]
        assert row.unasked
        assert (await office.ask("sts:GetCallerIdentity", office.user("nobody")))[0] == 200
        silent = replace(row, unasked="", function=lambda call: GetCallerIdentityResponse(arn="secret"))
        status, told = await office.ask("sts:GetCallerIdentity", row=silent)
        assert (status, told["Code"]) == (500, "InternalFailure")
        assert isinstance(office.reported[-1][1], PermissionError)

    play(story)


def test_a_policy_that_denies_everything_keeps_nobody_from_knowing_who_he_is(play: Callable[..., None]) -> None:
    async def story(office: Office) -> None:
        deny = '{"Version": "2012-10-17", "Statement": {"Effect": "Deny", "Action": "*", "Resource": "*"}}'
        denied = office.user("denied", deny)
        status, answer = await office.ask("sts:GetCallerIdentity", denied)
        assert (status, answer["Arn"]) == (200, denied.arn)
        assert (await office.ask("iam:GetUser", denied))[0] == 403

    play(story)
