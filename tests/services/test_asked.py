"""What is asked of Explain: told by a request, or rebuilt from a record, with what the record does not hold."""

from __future__ import annotations

from typing import Any

import pytest

from keystead import errors
from keystead.domain.caller import Via
from keystead.domain.policy.facts import Facts
from keystead.model.generated.keystead import ExplainRequest
from keystead.services.admin import asked
from keystead.services.admin.asked import ACTIONS, Asked
from keystead.services.wire import Wire

ACCOUNT = "111122223333"
KEY = f"arn:aws:kms:us-east-1:{ACCOUNT}:key/1234abcd-12ab-34cd-56ef-1234567890ab"
USER = f"arn:aws:iam::{ACCOUNT}:user/alice"


def sentence(
    action: str, where: str = f" on resource: {KEY}", why: str = " because no identity-based policy allows"
) -> str:
    return f"User: {USER} is not authorized to perform: {action}{where}{why} the {action} action"


def record(**members: Any) -> dict[str, Any]:
    made = {
        "userIdentity": {"type": "IAMUser", "principalId": "AIDAALICE", "accountId": ACCOUNT, "accessKeyId": "AKIAX"},
        "eventTime": "2026-11-25T09:30:00Z",
        "eventSource": "kms.amazonaws.com",
        "eventName": "Decrypt",
        "awsRegion": "us-east-1",
        "sourceIPAddress": "192.0.2.1",
        "userAgent": "boto",
        "errorCode": "AccessDenied",
        "errorMessage": sentence("kms:Decrypt"),
        "requestParameters": None,
    }
    return {name: value for name, value in (made | members).items() if value is not ...}


def of(request: ExplainRequest | None = None, **members: Any) -> Asked:
    return asked.of_record(record(**members), request or ExplainRequest(request_id="x"))


def test_a_denied_call_is_rebuilt_from_its_record_and_its_sentence() -> None:
    found = of(tlsDetails={"tlsVersion": "TLSv1.3"})
    assert (found.action, found.key, found.region, found.time) == ("kms:Decrypt", KEY, "us-east-1", 1795599000.0)
    assert (found.source_ip, found.user_agent, found.secure_transport) == ("192.0.2.1", "boto", True)
    assert (found.via, found.context) == (None, None)
    assert found.missing == (
        "the encryption context, if there was one: a denied call's is not recorded",
        "the other parameters of the request, and by what name it named the key",
    )
    assert found.notes == ()
    assert of().secure_transport is False


def test_what_the_request_adds_is_missing_no_more() -> None:
    found = of(ExplainRequest(request_id="x", encryption_context={"a": "b"}, key_id="alias/x"))
    assert (found.context, found.key) == ({"a": "b"}, "alias/x")
    assert found.missing == ("the other parameters of the request, and by what name it named the key",)


def test_a_service_that_called_for_the_principal_is_told() -> None:
    identity = {"invokedBy": "s3.us-east-1.amazonaws.com", "accessKeyId": "ASIAX"}
    found = of(userIdentity=identity)
    assert found.via == Via("s3.us-east-1.amazonaws.com")
    assert "the policies and tags of the session: those of the role or user alone are here" in found.missing


@pytest.mark.parametrize(
    "members", [{"errorMessage": sentence("kms:Decrypt", " on this resource")}, {"errorMessage": ...}]
)
def test_a_key_that_nothing_names_has_to_be_named(members: dict[str, Any]) -> None:
    with pytest.raises(errors.Refusal, match="name it with KeyId"):
        of(**members)
    assert of(ExplainRequest(request_id="x", key_id=KEY), **members).key == KEY


def test_the_key_of_a_call_that_was_not_denied_is_among_its_resources() -> None:
    done = {"errorCode": ..., "errorMessage": ..., "resources": [{"ARN": "arn:aws:iam::1:role/x"}, {"ARN": KEY}]}
    found = of(**done, requestParameters={"encryptionContext": {"a": "b"}})
    assert (found.key, found.context, found.missing) == (KEY, {"a": "b"}, ())
    assert found.notes == ("the call was not denied",)
    moved = of(**done, eventName="ReEncrypt", requestParameters={"sourceEncryptionContext": {"c": "d"}})
    assert (moved.action, moved.context) == ("kms:ReEncryptFrom", {"c": "d"})
    assert any("this is one of them" in note for note in moved.notes)


def test_a_call_that_was_refused_for_another_reason_says_which() -> None:
    other = {"errorCode": "DisabledException", "errorMessage": f"{KEY} is disabled.", "resources": [{"ARN": KEY}]}
    assert of(**other).notes == (f"the call was not denied but refused with DisabledException: {KEY} is disabled.",)


def test_a_resource_that_a_record_calls_by_another_name_can_be_said() -> None:
    iam = {
        "eventSource": "iam.amazonaws.com",
        "eventName": "GetUser",
        "errorMessage": sentence("iam:GetUser", " on resource: user bob"),
    }
    found = of(**iam)
    assert (found.key, found.resource) == (None, "*")
    assert "the ARN of the resource, which the record calls user bob: Resource can say it" in found.missing
    bob = f"arn:aws:iam::{ACCOUNT}:user/bob"
    assert of(ExplainRequest(request_id="x", resource=bob), **iam).resource == bob
    assert of(**iam | {"errorMessage": sentence("iam:GetUser", f" on resource: {bob}")}).resource == bob


def test_the_sentence_of_a_role_that_is_not_to_be_assumed_is_read() -> None:
    role = f"arn:aws:iam::{ACCOUNT}:role/Worker"
    message = f"User: {USER} is not authorized to perform: sts:AssumeRole on resource: {role}"
    found = of(eventSource="sts.amazonaws.com", eventName="AssumeRole", errorMessage=message)
    assert (found.action, found.resource) == ("sts:AssumeRole", role)


# --- requests ---------------------------------------------------------------------------------------------------------

WIRE = Wire(request_id="r", source="127.0.0.1", user_agent="me", host="h", tls=None)


def test_what_a_request_leaves_out_is_taken_from_its_own_connection_and_said() -> None:
    request = ExplainRequest(principal="alice", action="kms:decrypt", key_id="alias/app", source_ip="10.0.0.1")
    found = asked.of_request(request, WIRE, "us-east-1", 5.0)
    assert (found.action, found.key, found.time) == ("kms:Decrypt", "alias/app", 5.0)
    assert (found.source_ip, found.user_agent, found.secure_transport) == ("10.0.0.1", "me", False)
    assert found.notes == ("taken from the call of Explain itself: user agent, use of TLS",)


@pytest.mark.parametrize(
    ("members", "words"),
    [
        ({"action": "kms:Decrypt"}, "which KeyId names"),
        ({"action": "kms:Decrypt", "key_id": "x", "resource": "y"}, "KeyId alone"),
        ({"action": "iam:GetUser", "key_id": "x"}, "Resource, not KeyId"),
        ({"action": "sts:AssumeRole"}, "whose ARN Resource is"),
        ({"action": "s3:GetObject"}, "There is no action"),
        ({"action": "kms:RetireGrant", "key_id": "x"}, "the grant that is to be retired decides"),
        ({"action": "kms:ListKeys", "conditions": {"aws:SourceIp": "x"}}, "another member tells it"),
    ],
)
def test_a_question_that_is_none_says_what_it_lacks(members: dict[str, Any], words: str) -> None:
    with pytest.raises(errors.Refusal, match=words):
        asked.of_request(ExplainRequest(principal="alice", **members), WIRE, "us-east-1", 0.0)


def test_conditions_tell_facts_that_there_are() -> None:
    given = dict.fromkeys(asked._TELLABLE, "1") | {"aws:RequestTag/Team": "x"}
    facts = asked.conditions(given)
    assert set(facts) <= set(Facts.__struct_fields__)
    assert facts["request_tags"] == [("Team", "x")]
    assert len(facts) == len(asked._TELLABLE) + 1
    Facts(**facts)


def test_every_action_that_an_operation_asks_can_be_named() -> None:
    for action, row in ACTIONS.values():
        assert action in (row.permission, *row.also)
    assert "kms:reencryptto" in ACTIONS
    for action in ("kms:CreateKey", "kms:TagResource", "iam:TagUser", "sts:AssumeRole"):
        assert ACTIONS[action.lower()][1].name == action.partition(":")[2]
