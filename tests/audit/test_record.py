"""Records: AWS's members in AWS's order, what may not be shown left out, one line whatever came in."""

from __future__ import annotations

import json
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from keystead.audit import record, shape
from keystead.domain.caller import Caller, Principal, PrincipalKind, Via

ACCOUNT = "111122223333"
KEY_ARN = f"arn:aws:kms:eu-west-1:{ACCOUNT}:key/1234abcd-12ab-34cd-56ef-1234567890ab"
KEY = ("AWS::KMS::Key", ACCOUNT, KEY_ARN)
ALICE = Principal(PrincipalKind.USER, ACCOUNT, f"arn:aws:iam::{ACCOUNT}:user/alice", "AIDAEXAMPLE", "alice")


def caller(principal: Principal = ALICE, via: Via | None = None) -> Caller:
    return Caller(principal, "AKIAEXAMPLE", "eu-west-1", via)


def line(**changes: Any) -> bytes:
    values: dict[str, Any] = {
        "event_source": "kms.amazonaws.com",
        "event_name": "Encrypt",
        "caller": caller(),
        "now": 1_767_323_045.9,
        "source": "192.0.2.10",
        "user_agent": "Boto3/1.40",
        "host": "kms.example:8443",
        "tls": ("TLSv1.3", "TLS_AES_256_GCM_SHA384"),
        "request_id": "request",
        "event_id": "event",
        "read_only": True,
        "request_parameters": {"encryptionContext": {"app": "x"}, "keyId": "alias/app"},
        "resources": [KEY],
        "key_material_id": "ab" * 32,
    }
    return record.event(**(values | changes))


def event(**changes: Any) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(line(**changes))
    return found


def test_a_successful_encrypt_is_the_record_of_the_reference() -> None:
    """Example A of the reference, member by member and in order."""
    expected = {
        "eventVersion": "1.11",
        "userIdentity": {
            "type": "IAMUser",
            "principalId": "AIDAEXAMPLE",
            "arn": f"arn:aws:iam::{ACCOUNT}:user/alice",
            "accountId": ACCOUNT,
            "accessKeyId": "AKIAEXAMPLE",
            "userName": "alice",
        },
        "eventTime": "2026-01-02T03:04:05Z",
        "eventSource": "kms.amazonaws.com",
        "eventName": "Encrypt",
        "awsRegion": "eu-west-1",
        "sourceIPAddress": "192.0.2.10",
        "userAgent": "Boto3/1.40",
        "requestParameters": {"encryptionContext": {"app": "x"}, "keyId": "alias/app"},
        "responseElements": None,
        "additionalEventData": {"keyMaterialId": "ab" * 32},
        "requestID": "request",
        "eventID": "event",
        "readOnly": True,
        "resources": [{"accountId": ACCOUNT, "type": "AWS::KMS::Key", "ARN": KEY_ARN}],
        "eventType": "AwsApiCall",
        "managementEvent": True,
        "recipientAccountId": ACCOUNT,
        "eventCategory": "Management",
        "tlsDetails": {
            "tlsVersion": "TLSv1.3",
            "cipherSuite": "TLS_AES_256_GCM_SHA384",
            "clientProvidedHostHeader": "kms.example:8443",
        },
    }
    assert line() == json.dumps(expected, separators=(",", ":")).encode()


def test_a_failed_call_shows_its_error_between_agent_and_parameters_and_no_answer() -> None:
    found = event(error_code="DisabledException", error_message=f"{KEY_ARN} is disabled.", response_elements={"a": "b"})
    names = list(found)
    assert names[names.index("userAgent") + 1 : names.index("requestParameters")] == ["errorCode", "errorMessage"]
    assert found["errorCode"] == "DisabledException"
    assert found["responseElements"] is None
    assert found["requestParameters"] == {"encryptionContext": {"app": "x"}, "keyId": "alias/app"}
    assert "errorMessage" not in event(error_code="InvalidCiphertextException")


@pytest.mark.parametrize("code", ["AccessDeniedException", "AccessDenied"])
def test_a_denied_call_shows_neither_parameters_nor_key(code: str) -> None:
    found = event(error_code=code, error_message="User: … is not authorized", response_elements={"a": "b"})
    assert found["errorCode"] == "AccessDenied"
    assert found["requestParameters"] is None
    assert found["responseElements"] is None
    assert not {"resources", "additionalEventData"} & set(found)
    assert found["readOnly"] is True


def test_a_throttled_call_shows_no_parameters() -> None:
    assert event(error_code="ThrottlingException")["requestParameters"] is None


def test_a_call_through_a_service_shows_the_service() -> None:
    found = event(caller=caller(ALICE, Via("lambda.amazonaws.com")))
    assert found["userIdentity"]["invokedBy"] == "lambda.amazonaws.com"
    assert list(found["userIdentity"])[-1] == "invokedBy"
    assert found["sourceIPAddress"] == found["userAgent"] == "lambda.amazonaws.com"
    assert "tlsDetails" not in found


def test_the_owners_copy_tells_only_the_callers_account() -> None:
    found = event(recipient="444455556666", shared_event_id="shared")
    assert found["userIdentity"] == {"type": "AWSAccount", "principalId": "AIDAEXAMPLE", "accountId": ACCOUNT}
    assert found["recipientAccountId"] == "444455556666"
    assert found["sharedEventID"] == "shared"
    assert list(found).index("sharedEventID") == list(found).index("recipientAccountId") + 1


def test_what_is_absent_is_left_out_not_null() -> None:
    found = event(tls=None, user_agent=None, resources=(), key_material_id=None, request_parameters=None)
    assert not {"tlsDetails", "userAgent", "resources", "additionalEventData", "errorCode", "sharedEventID"} & set(
        found
    )
    assert found["requestParameters"] is None


def test_additional_data_stands_beside_the_material_id() -> None:
    assert event(additional={"grantId": "g"})["additionalEventData"] == {"keyMaterialId": "ab" * 32, "grantId": "g"}
    assert event(additional={"grantId": "g"}, key_material_id=None)["additionalEventData"] == {"grantId": "g"}


def test_a_caller_of_the_same_name_and_another_key_has_another_identity() -> None:
    """Identities are encoded once and kept: nothing of one caller may appear for another."""
    other = Principal(PrincipalKind.USER, ACCOUNT, ALICE.arn, "AIDAOTHER", "alice")
    assert event()["userIdentity"]["principalId"] == "AIDAEXAMPLE"
    assert event(caller=caller(other))["userIdentity"]["principalId"] == "AIDAOTHER"
    assert event(caller=Caller(ALICE, "AKIAOTHER", "eu-west-1"))["userIdentity"]["accessKeyId"] == "AKIAOTHER"
    assert "invokedBy" not in event()["userIdentity"]


class Tag(msgspec.Struct, rename={"key": "TagKey", "value": "TagValue"}):
    key: str
    value: str


class Metadata(msgspec.Struct, rename="pascal", kw_only=True):
    account: str = msgspec.field(name="AWSAccountId")
    created: float = msgspec.field(name="CreationDate")
    enabled: bool
    algorithms: list[str]
    secret: bytes
    absent: str | None = None


class CreateKeyResponse(msgspec.Struct, rename="pascal"):
    key_metadata: Metadata


def test_answers_are_spelled_as_cloudtrail_spells_them() -> None:
    answer = CreateKeyResponse(
        Metadata(account=ACCOUNT, created=1_660_171_107.5, enabled=True, algorithms=["A"], secret=b"never")
    )
    assert event(response_elements=answer)["responseElements"] == {
        "keyMetadata": {
            "aWSAccountId": ACCOUNT,
            "creationDate": "Aug 10, 2022, 10:38:27 PM",
            "enabled": True,
            "algorithms": ["A"],
        }
    }


def test_parameters_with_structures_and_times_are_spelled_and_maps_stay_as_the_caller_wrote_them() -> None:
    shown = event(
        request_parameters={
            "tags": [Tag("A", "b")],
            "validTo": 0.0,
            "flag": False,
            "blob": b"never",
            "encryptionContext": {"KeepMe": "AsIs"},
        }
    )["requestParameters"]
    assert shown == {
        "tags": [{"tagKey": "A", "tagValue": "b"}],
        "validTo": "Jan 1, 1970, 12:00:00 AM",
        "flag": False,
        "encryptionContext": {"KeepMe": "AsIs"},
    }


@pytest.mark.parametrize(
    ("time", "words"),
    [
        (1_635_895_525.0, "Nov 2, 2021, 11:25:25 PM"),
        (1_767_225_600.0, "Jan 1, 2026, 12:00:00 AM"),
        (1_767_268_800.9, "Jan 1, 2026, 12:00:00 PM"),
        (1_767_258_001.0, "Jan 1, 2026, 9:00:01 AM"),
    ],
)
def test_times_in_words(time: float, words: str) -> None:
    assert shape.in_words(time) == words


ANY_TEXT = st.text(st.characters(codec=None, categories=None), max_size=40) | st.text(
    '\ud800a\n"\\\0\u2028é😀', max_size=9
)


@given(
    ANY_TEXT, ANY_TEXT, ANY_TEXT, ANY_TEXT, st.dictionaries(ANY_TEXT, ANY_TEXT, max_size=3), st.floats(0, 4e9)
)  # fmt: skip
def test_whatever_texts_come_in_one_line_of_json_goes_out(
    agent: str, host: str, message: str, source: str, context: dict[str, str], now: float
) -> None:
    written = line(
        user_agent=agent, host=host, error_code="ValidationException", error_message=message, source=source, now=now,
        request_parameters={"encryptionContext": context},
    )  # fmt: skip
    assert b"\n" not in written
    assert len(written) < shape.MAX_EVENT
    found = json.loads(written.decode("utf-8"))
    if all(text.isprintable() and "\\" not in text for text in (*context, *context.values())):
        assert found["requestParameters"]["encryptionContext"] == context
    assert set(found) - {"userAgent"} == set(event(error_code="x", error_message="y")) - {"userAgent"}


def test_long_texts_are_cut_between_characters() -> None:
    found = event(user_agent="é" * 4_000, error_code="ValidationException", error_message="€" * 20_000)
    assert found["userAgent"] == "é" * 512
    assert found["errorMessage"] == "€" * (shape.MAX_TEXT // 3)
    assert shape.short("x" * 1024, 1024) == "x" * 1024


def test_members_that_are_too_long_say_that_they_were_left_out() -> None:
    found = event(request_parameters={"policy": "p" * (101 << 10)})
    assert found["requestParameters"]["omitted"] is True
    assert found["requestParameters"]["originalSize"] == len('{"policy":""}') + (101 << 10)
    assert found["resources"]
    small = event(request_parameters={"policy": "p" * (99 << 10)}, additional={"x": "y" * (29 << 10)})
    assert len(small["requestParameters"]["policy"]) == 99 << 10
    assert small["additionalEventData"]["omitted"] is True


def test_no_record_is_longer_than_an_event_may_be() -> None:
    many = [("AWS::KMS::Key", ACCOUNT, f"{KEY_ARN}{number}") for number in range(4_000)]
    written = line(resources=many, request_parameters={"a": "b" * (90 << 10)})
    assert len(written) <= shape.MAX_EVENT
    assert json.loads(written)["requestParameters"]["omitted"] is True


def test_what_the_service_does_by_itself_is_a_service_event() -> None:
    written = record.service_event(
        event_source="kms.amazonaws.com",
        event_name="DeleteKey",
        now=1_767_323_045.0,
        region="eu-west-1",
        account=ACCOUNT,
        event_id="event",
        resources=[KEY],
        details={"keyId": "1234abcd-12ab-34cd-56ef-1234567890ab"},
    )
    expected = {
        "eventVersion": "1.11",
        "userIdentity": {"accountId": ACCOUNT, "invokedBy": "AWS Internal"},
        "eventTime": "2026-01-02T03:04:05Z",
        "eventSource": "kms.amazonaws.com",
        "eventName": "DeleteKey",
        "awsRegion": "eu-west-1",
        "sourceIPAddress": "AWS Internal",
        "userAgent": "AWS Internal",
        "requestParameters": None,
        "responseElements": None,
        "eventID": "event",
        "readOnly": False,
        "resources": [{"accountId": ACCOUNT, "type": "AWS::KMS::Key", "ARN": KEY_ARN}],
        "eventType": "AwsServiceEvent",
        "managementEvent": True,
        "recipientAccountId": ACCOUNT,
        "serviceEventDetails": {"keyId": "1234abcd-12ab-34cd-56ef-1234567890ab"},
        "eventCategory": "Management",
    }
    assert written == json.dumps(expected, separators=(",", ":")).encode()
