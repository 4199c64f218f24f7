"""Answers of the query services in JSON, and the codes that their records show."""

from __future__ import annotations

import json
from importlib import resources

import pytest

from keystead import errors
from keystead.errors import Refusal
from keystead.model import query
from keystead.model.generated import iam

CODECS = {name: query.Codec(name) for name in ("iam", "sts")}
REQUEST = "7a62c49f-347e-4fc4-9331-6e8eEXAMPLE"


def test_an_answer_in_json_has_the_same_elements_and_opens_none() -> None:
    user = iam.User(path="/", user_name="<b>", user_id="AIDA", arn="arn", create_date=1_767_225_600.0, tags=[])
    get, delete = (
        query.Exchange(CODECS["iam"].operations[name], REQUEST, json=True) for name in ("GetUser", "DeleteUser")
    )
    text = get.encode(iam.GetUserResponse(user=user))
    assert b"<" not in text
    shown = {"Path": "/", "UserName": "<b>", "UserId": "AIDA", "Arn": "arn", "CreateDate": 1_767_225_600, "Tags": []}
    metadata = {"ResponseMetadata": {"RequestId": REQUEST}}
    assert json.loads(text) == {"GetUserResponse": {"GetUserResult": {"User": shown}, **metadata}}
    assert json.loads(delete.encode(None)) == {"DeleteUserResponse": metadata}
    for wrong in (None, user):
        with pytest.raises(TypeError):
            get.encode(wrong)
    with pytest.raises(TypeError):
        delete.encode(user)


@pytest.mark.parametrize("message", [None, "<Code>Forged</Code>", "a\ud800b\x00"])
def test_a_refusal_in_json_says_what_it_says_in_xml(message: str | None) -> None:
    exchange = query.Exchange(CODECS["iam"].operations["GetUser"], REQUEST, json=True)
    text = exchange.render(exchange.spoken(errors.validation(message)))
    assert b"<" not in text
    said = json.loads(text)
    assert (said["Error"]["Type"], said["Error"]["Code"], said["RequestId"]) == ("Sender", "ValidationError", REQUEST)
    assert said["Error"].get("Message") == (None if message is None else message.replace("\ud800", "?"))


def test_a_refusal_is_recorded_by_the_name_of_its_shape() -> None:
    exchange = query.Exchange(CODECS["iam"].operations["GetUser"], REQUEST)
    shapes = json.loads((resources.files("keystead.model.pinned") / "iam-2010-05-08.json").read_text())["shapes"]
    [named] = [name for name, shape in shapes.items() if shape.get("error", {}).get("code") == "NoSuchEntity"]
    assert exchange.recorded(Refusal("NoSuchEntity", "x", status=404)) == named
    assert exchange.recorded(exchange.spoken(errors.access_denied("x"))) == "AccessDenied"
    expired = query.Exchange(CODECS["sts"].operations["AssumeRoleWithWebIdentity"], REQUEST)
    assert expired.recorded(Refusal("ExpiredTokenException", "x")) == "ExpiredTokenException"
