"""What records show of requests and answers of the query services: everything, but what lets its holder act."""

from __future__ import annotations

import itertools
import json
from collections.abc import Callable, Iterator
from importlib import import_module, resources
from typing import Any

import msgspec
import pytest

from keystead.model.rows import QueryTables, Structure
from keystead.model.shapes import Service, Shape
from keystead.services import shown
from tests.model.query_values import OPERATIONS, SERVICES
from tests.services.office import Office

#: What the models do not mark, read off them by hand.
UNMARKED = {"AuthenticationCode1", "AuthenticationCode2", "SessionToken", "TokenCode"}
TABLES: dict[str, QueryTables] = {name: import_module(f"keystead.model.generated.{name}").TABLES for name in SERVICES}


def pinned(service: str) -> dict[str, Any]:
    [name] = [
        pin["file"]
        for pin in json.loads((resources.files("keystead.model.pinned") / "pins.json").read_text())
        if pin["service"] == service
    ]
    shapes: dict[str, Any] = json.loads((resources.files("keystead.model.pinned") / name).read_text())["shapes"]
    return shapes


PINNED = {name: pinned(name) for name in SERVICES}


class Filled:
    """A structure in which every member has a value of its own, and which of these values are secret."""

    def __init__(self, service: str) -> None:
        self.service = service
        self.numbers = itertools.count(1)
        self.secret: set[str] = set()
        self.open: set[str] = set()

    def structure(self, kind: type[Structure], shape: Shape, hidden: bool = False) -> Structure:
        attributes = {field.encode_name: field.name for field in msgspec.structs.fields(kind)}
        return kind(
            **{
                attributes[name]: self.value(member.shape, hidden or name in UNMARKED)
                for name, member in shape.members.items()
            }
        )

    def value(self, shape: Shape, hidden: bool) -> Any:
        raw = PINNED[self.service][shape.name]
        hidden = hidden or raw.get("sensitive", False) or raw["type"] == "blob"
        match shape.kind:
            case "structure":
                return self.structure(TABLES[self.service].structures[shape.name], shape, hidden)
            case "list":
                assert shape.item is not None
                return [self.value(shape.item, hidden), self.value(shape.item, hidden)]
            case "map":
                assert shape.value is not None
                return {"a key": self.value(shape.value, hidden)}
            case "boolean":
                return True
            case "timestamp":
                return 1_800_000_000.0
            case "blob":
                return b"a blob"
            case "integer" | "long":
                return 7
            case _:
                mark = f"<{next(self.numbers)}>"
                (self.secret if hidden else self.open).add(mark)
                return mark


def halves(service: str, operation: str) -> Iterator[tuple[Shape, type[Structure], Callable[..., Any]]]:
    model, row = Service.load(service).operations[operation], TABLES[service].operations[operation]
    yield model.input, row.input, shown.request
    if model.output is not None and row.output is not None:
        yield model.output, row.output, shown.answer


@pytest.mark.parametrize("service", SERVICES)
def test_every_member_is_shown_but_the_secret_ones(service: str) -> None:
    secrets = 0
    for one, operation in OPERATIONS:
        if one != service:
            continue
        for shape, kind, show in halves(service, operation):
            if _endless(shape):
                continue
            filled = Filled(service)
            text = json.dumps(show(service, operation, filled.structure(kind, shape)))
            found = {mark for mark in filled.secret | filled.open if mark in text}
            assert found == filled.open, operation
            assert "a blob" not in text
            secrets += len(filled.secret)
    assert secrets > 5


def _endless(shape: Shape, above: tuple[str, ...] = ()) -> bool:
    """Whether a shape holds itself."""
    if shape.name in above:
        return True
    parts = [member.shape for member in shape.members.values()] + [one for one in (shape.item, shape.value) if one]
    return any(_endless(part, (*above, shape.name)) for part in parts)


def test_a_change_is_recorded_with_all_that_was_asked_and_answered(play: Callable[..., None]) -> None:
    async def story(office: Office) -> None:
        status, answer = await office.ask(
            "iam:CreateUser", UserName="alice", Path="/north/", Tags=[{"Key": "a", "Value": "b"}]
        )
        assert status == 200
        [line] = office.journal.lines
        assert (line["eventSource"], line["eventName"], line["awsRegion"]) == (
            "iam.amazonaws.com",
            "CreateUser",
            "us-east-1",
        )
        assert line["readOnly"] is False
        assert line["requestParameters"] == {
            "path": "/north/",
            "userName": "alice",
            "tags": [{"key": "a", "value": "b"}],
        }
        user = answer["User"]
        assert line["responseElements"] == {
            "user": {
                "path": "/north/",
                "userName": "alice",
                "userId": user["UserId"],
                "arn": user["Arn"],
                "createDate": "Jan 15, 2027, 8:00:00 AM",
                "tags": [{"key": "a", "value": "b"}],
            }
        }

    play(story)


def test_the_secret_of_an_access_key_is_in_no_record(play: Callable[..., None]) -> None:
    async def story(office: Office) -> None:
        await office.ask("iam:CreateUser", UserName="alice")
        status, answer = await office.ask("iam:CreateAccessKey", UserName="alice")
        assert status == 200
        made = answer["AccessKey"]
        line = office.journal.lines[-1]
        assert line["responseElements"]["accessKey"]["accessKeyId"] == made["AccessKeyId"]
        assert "secretAccessKey" not in line["responseElements"]["accessKey"]
        assert made["SecretAccessKey"] not in json.dumps(office.journal.lines)

    play(story)


def test_what_only_reads_is_recorded_without_its_answer(play: Callable[..., None]) -> None:
    async def story(office: Office) -> None:
        await office.ask("iam:GetUser", UserName="admin")
        await office.ask("sts:GetCallerIdentity", region="eu-central-1")
        read, who = office.journal.lines
        assert (read["requestParameters"], read["responseElements"], read["readOnly"]) == (
            {"userName": "admin"},
            None,
            True,
        )
        assert (who["requestParameters"], who["responseElements"], who["readOnly"]) == (None, None, True)
        assert (who["eventSource"], who["awsRegion"]) == ("sts.amazonaws.com", "eu-central-1")

    play(story)


def test_a_refused_change_shows_what_was_asked_and_no_answer(play: Callable[..., None]) -> None:
    async def story(office: Office) -> None:
        status, told = await office.ask("iam:DeleteUser", UserName="nobody")
        assert (status, told["Code"]) == (404, "NoSuchEntity")
        [line] = office.journal.lines
        assert (line["errorCode"], line["errorMessage"]) == ("NoSuchEntityException", told["Message"])
        assert (line["requestParameters"], line["responseElements"]) == ({"userName": "nobody"}, None)

    play(story)
