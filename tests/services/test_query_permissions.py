"""Each operation of IAM and STS asks the permission, of the kind of thing, that `docs/operations.md` says, and refuses a
caller without permissions before it tells him whether what he names is there."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from tools import operations as tool

from keystead.model.shapes import Service, Shape
from keystead.services.call import Call
from tests import declared
from tests.model.query_values import SAMPLES
from tests.services.office import ACCOUNT, FORMS, Office

ROWS = {name: row for name, row in declared.ROWS.items() if row.service in FORMS and not row.unsigned}
DOCUMENT = '{"Version": "2012-10-17", "Statement": {"Effect": "Allow", "Action": "kms:*", "Resource": "*"}}'
TRUST = (
    '{"Version": "2012-10-17", "Statement": {"Effect": "Allow", "Action": "sts:AssumeRole", "Principal": {"AWS": "*"}}}'
)
#: What the service needs besides what its model requires.
GIVEN: dict[str, Any] = {
    "ActionNames": ["kms:Encrypt"],
    "AssumeRolePolicyDocument": TRUST,
    "PolicyArn": f"arn:aws:iam::{ACCOUNT}:policy/absent",
    "PermissionsBoundary": f"arn:aws:iam::{ACCOUNT}:policy/absent",
    "PolicyDocument": DOCUMENT,
    "PolicyInputList": [DOCUMENT],
    "PolicySourceArn": f"arn:aws:iam::{ACCOUNT}:user/absent",
    "RoleArn": f"arn:aws:iam::{ACCOUNT}:role/absent",
    "VersionId": "v2",
}
#: Without the thing there is nothing to ask about, and the refusal is the same.
OF_WHAT_IS_THERE = {"iam:GetAccessKeyLastUsed", "sts:AssumeRole"}


def smallest(service: str, operation: str) -> dict[str, Any]:
    """Required members, each as small as may be, and whatever names something."""
    members = Service.load(service).operations[operation].input.members
    return {
        name: GIVEN.get(name) or value(member.shape)
        for name, member in members.items()
        if member.required or name in tool.NAMED
    }


def value(shape: Shape) -> Any:
    match shape.kind:
        case "structure":
            return {name: value(member.shape) for name, member in shape.members.items() if member.required}
        case "list":
            assert shape.item is not None
            return [value(shape.item)]
        case "string" if shape.enum:
            return shape.enum[0]
        case "string":
            return (
                SAMPLES[shape.pattern or ""][0].ljust(shape.least or 1, "k")
                if shape.pattern
                else "k" * (shape.least or 1)
            )
        case "integer":
            return shape.least or 0
        case "boolean":
            return True
    raise AssertionError(f"no value for {shape.kind}")


@pytest.mark.parametrize("name", sorted(ROWS))
def test_a_caller_without_permissions_is_told_which_one_he_lacks(
    play: Callable[..., None], monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    row = ROWS[name]
    asked: list[tuple[str, str]] = []
    permit = Call._permit

    def seen(call: Call[Any], permission: str, resource: str, *rest: Any, **more: Any) -> None:
        asked.append((permission, resource))
        permit(call, permission, resource, *rest, **more)

    monkeypatch.setattr(Call, "_permit", seen)

    async def story(office: Office) -> None:
        nobody = office.user("nobody")
        status, told = await office.ask(name, nobody, **smallest(row.service, row.name))
        if row.unasked:
            assert (status, asked) == (200, [])
            return
        assert (status, told["Code"]) == (403, "AccessDenied"), told
        if name in OF_WHAT_IS_THERE:
            return
        assert f"is not authorized to perform: {row.permission} " in told["Message"]
        [(permission, resource)] = asked
        assert permission == row.permission
        kind = "*" if resource == "*" else resource.split(":")[5].partition("/")[0]
        assert kind in tool.asked_of(row, Service.load(row.service))
        [line] = office.journal.lines
        assert (line["errorCode"], line["requestParameters"]) == ("AccessDenied", None)

    play(story)
