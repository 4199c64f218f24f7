"""The query protocol against botocore's own serializer and parser, and what is refused."""

from __future__ import annotations

from importlib import import_module
from typing import Any
from urllib.parse import urlencode
from xml.etree import ElementTree

import botocore.loaders
import botocore.model
import botocore.parsers
import botocore.serialize
import pytest
from botocore.awsrequest import AWSRequest
from hypothesis import given
from hypothesis import strategies as st

from keystead import errors
from keystead.errors import Refusal
from keystead.model import query
from keystead.model.generated import iam, sts
from keystead.model.rows import QueryTables
from keystead.model.shapes import Service
from tests.model.query_values import OPERATIONS, SERVICES, XML_TEXT, built, values
from tests.model.values import examples, moments, plain

CODECS = {name: query.Codec(name) for name in SERVICES}
BOTOCORE = {
    name: botocore.model.ServiceModel(botocore.loaders.Loader().load_service_model(name, "service-2"), name)
    for name in SERVICES
}
# botocore counts characters where AWS counts UTF-16 units, so its own validation of lengths is left out.
SERIALIZER = botocore.serialize.create_serializer("query", include_validation=False)
PARSER = botocore.parsers.create_parser("query")
REQUEST = "8f1c5d0e-0000-4000-8000-000000000000"


def sent(operation: Any, value: dict[str, Any]) -> bytes:
    """The body that botocore sends."""
    made = SERIALIZER.serialize_to_request(value, operation)
    body = AWSRequest("POST", "https://localhost/", data=made["body"]).prepare().body
    return body.encode() if isinstance(body, str) else body


def tables(service: str) -> QueryTables:
    found: QueryTables = import_module(f"keystead.model.generated.{service}").TABLES
    return found


@pytest.mark.parametrize(("service", "name"), OPERATIONS)
def test_what_botocore_sends_is_what_is_read(service: str, name: str) -> None:
    shape = SERVICES[service].operations[name].input

    @examples(0.05)
    @given(values(shape))
    def check(value: dict[str, Any]) -> None:
        body = sent(BOTOCORE[service].operation_model(name), value)
        assert body.startswith(f"Action={name}&Version={CODECS[service].version}".encode())
        assert plain_of(CODECS[service].operations[name].decode(body)) == value

    check()


@pytest.mark.parametrize(("service", "name"), OPERATIONS)
def test_what_is_answered_is_what_botocore_reads(service: str, name: str) -> None:
    shape = SERVICES[service].operations[name].output
    codec = CODECS[service].operations[name]
    model = BOTOCORE[service].operation_model(name)
    if shape is None:
        body = codec.encode(None, REQUEST)
        read = PARSER.parse({"headers": {}, "status_code": 200, "body": body}, model.output_shape)
        assert read["ResponseMetadata"]["RequestId"] == REQUEST
        return

    @examples(0.05)
    @given(values(shape, XML_TEXT))
    def check(value: dict[str, Any]) -> None:
        body = codec.encode(built(tables(service), shape, value), REQUEST)
        read = PARSER.parse({"headers": {}, "status_code": 200, "body": body}, model.output_shape)
        assert read.pop("ResponseMetadata")["RequestId"] == REQUEST
        assert read == moments_of(shape, value)

    check()


def plain_of(found: Any) -> Any:
    return {name: plain_of(one) for name, one in found.items()} if isinstance(found, dict) else _plain(found)


def _plain(found: Any) -> Any:
    told = plain(found)
    return {name: plain_of(one) for name, one in told.items()} if isinstance(told, dict) else told


def moments_of(shape: Any, value: Any) -> Any:
    if shape.kind == "map":
        return {name: moments_of(shape.value, one) for name, one in value.items()}
    if shape.kind == "structure":
        return {name: moments_of(shape.members[name].shape, one) for name, one in value.items()}
    if shape.kind == "list":
        return [moments_of(shape.item, one) for one in value]
    return moments(shape, value)


# --- forms ------------------------------------------------------------------------------------------------------------


def decoded(operation: str, body: bytes, service: str = "iam") -> Any:
    try:
        return CODECS[service].operations[operation].decode(body)
    except Refusal as refusal:
        return refusal.code, refusal.message


CREATE = "Action=CreateUser&Version=2010-05-08&UserName=a"


def test_a_form_is_read() -> None:
    body = f"{CREATE}&Path=%2Fstaff%2F&Tags.member.2.Key=b&Tags.member.2.Value=&Tags.member.1.Key=a+b&Tags.member.1.Value=%C3%BC"
    assert decoded("CreateUser", body.encode()) == iam.CreateUserRequest(
        user_name="a", path="/staff/", tags=[iam.Tag(key="a b", value="\u00fc"), iam.Tag(key="b", value="")]
    )


def test_a_list_without_items_is_what_clients_write_for_it() -> None:
    assert decoded("TagUser", b"UserName=a&Tags=").tags == []


def test_action_and_version_are_no_members() -> None:
    assert decoded("GetCallerIdentity", b"Version=2011-06-15&Action=GetCallerIdentity", "sts") == (
        sts.GetCallerIdentityRequest()
    )


@pytest.mark.parametrize(
    ("more", "sentence"),
    [
        ("UserName=b", "The parameter 'UserName' is given twice."),
        ("User%4eame=b", "The parameter 'UserName' is given twice."),
        ("Action=DeleteUser", "The parameter 'Action' is given twice."),
        ("Username=b", "Unknown parameter 'Username'."),
        ("Tags.member.1.Kex=b", "Unknown parameter 'Tags.member.1.Kex'."),
        ("Tags.1.Key=b", "Unknown parameter 'Tags.1'."),
        ("Tags.member.2.Key=b", "The items of 'Tags.member' are not numbered 1, 2, 3, and so on."),
        ("Tags.member.01.Key=b", "The items of 'Tags.member' are not numbered 1, 2, 3, and so on."),
        ("Tags.member.0.Key=b", "The items of 'Tags.member' are not numbered 1, 2, 3, and so on."),
        ("Tags=x", "The parameter 'Tags' is not a simple value."),
        ("Tags=&Tags.member.1.Key=b", "The parameter 'Tags.member.1.Key' is given as a value and as a structure."),
        ("Tags.member.1.Key=b&Tags=", "The parameter 'Tags' is given as a value and as a structure."),
        ("Path.member.1=b", "The parameter 'Path' is not a structure."),
        ("Path=%zz", "A percent sign of the request is not followed by two hexadecimal digits."),
        ("Path=%", "A percent sign of the request is not followed by two hexadecimal digits."),
        ("Path=%ff", "The request is not encoded in UTF-8."),
        ("", "Unknown parameter ''."),
    ],
)
def test_what_cannot_be_read_in_one_way_is_refused(more: str, sentence: str) -> None:
    assert decoded("CreateUser", f"{CREATE}&{more}".encode()) == ("SerializationException", sentence)


@pytest.mark.parametrize("number", ["", "x", "1.5", "1e3", "0x10", "9" * 30, "\u0663", " 7"])
def test_what_is_no_integer_is_refused(number: str) -> None:
    code, _ = decoded("ListUsers", urlencode({"MaxItems": number}).encode())
    assert code == "SerializationException"


def test_more_parameters_than_any_request_has_are_refused_before_they_are_read() -> None:
    code, sentence = decoded("ListUsers", b"&".join(b"a%d=" % number for number in range(10_001)))
    assert (code, sentence) == ("SerializationException", "The request has more than 10000 parameters.")


def test_all_broken_constraints_are_named_in_one_refusal() -> None:
    body = {"PermissionsBoundary": "x", "Tags.member.1.Key": "aws*", "Tags.member.1.Value": "b"}
    assert decoded("CreateUser", urlencode(body).encode()) == (
        "ValidationException",
        "3 validation errors detected: "
        "Value at 'userName' failed to satisfy constraint: Member must not be null; "
        "Value at 'permissionsBoundary' failed to satisfy constraint: Member must have length greater than or equal to 20; "
        "Value at 'tags.1.member.key' failed to satisfy constraint: Member must satisfy regular expression pattern: "
        r"[\p{L}\p{Z}\p{N}_.:/=+\-@]+",
    )


def test_a_password_is_not_repeated_to_explain_it() -> None:
    body = urlencode({"UserName": "a", "Password": "\x01secret"}).encode()
    _, sentence = decoded("CreateLoginProfile", body)
    assert "secret" not in sentence
    assert "at 'password'" in sentence


def test_a_map_names_what_is_wrong_with_its_keys() -> None:
    body = urlencode({"AccountPropertiesMap.entry.1.key": "1", "AccountPropertiesMap.entry.1.value": "b"})
    shapes = [
        (name, member)
        for name, operation in SERVICES["iam"].operations.items()
        for member, one in operation.input.members.items()
        if one.shape.name == "accountPropertiesMapType"
    ]
    assert shapes, "the model has a map in a request"
    operation, member = shapes[0]
    _, sentence = decoded(operation, body.replace("AccountPropertiesMap", member).encode())
    assert "Map keys must satisfy constraint: [" in sentence


@examples(2)
@given(st.binary(max_size=60), st.sampled_from(["CreateUser", "ListUsers", "SimulateCustomPolicy", "TagUser"]))
def test_no_text_leads_to_anything_but_a_request_or_a_refusal(body: bytes, operation: str) -> None:
    decoded(operation, body)
    decoded(operation, b"Tags.member.1." + body)


# --- kinds of values that no request of these two models has yet ----------------------------------------------------


PLANTED = {
    "version": "2.0",
    "metadata": {
        "apiVersion": "1",
        "endpointPrefix": "p",
        "protocol": "query",
        "serviceId": "P",
        "xmlNamespace": "urn:p",
    },
    "operations": {
        "Do": {"name": "Do", "http": {"method": "POST", "requestUri": "/"}, "input": {"shape": "DoRequest"}}
    },
    "shapes": {
        "DoRequest": {
            "type": "structure",
            "members": {
                "At": {"shape": "At"},
                "Data": {"shape": "Data"},
                "Map": {"shape": "Map"},
                "Big": {"shape": "Big"},
            },
        },
        "At": {"type": "timestamp"},
        "Data": {"type": "blob"},
        "Big": {"type": "long"},
        "Map": {"type": "map", "key": {"shape": "Text"}, "value": {"shape": "DoRequestPart"}},
        "DoRequestPart": {"type": "structure", "members": {"Text": {"shape": "Text"}}},
        "Text": {"type": "string"},
    },
}


@examples(1)
@given(st.integers(0, 4_000_000_000), st.binary(max_size=9), st.integers(-(2**63), 2**63 - 1))
def test_timestamps_blobs_maps_and_long_integers_are_read(at: int, data: bytes, big: int) -> None:
    shape = Service(PLANTED).operations["Do"].input
    value = {"At": float(at), "Data": data, "Map": {"k": {"Text": "v"}, "": {"Text": ""}}, "Big": big}
    operation = botocore.model.ServiceModel(PLANTED, "p").operation_model("Do")
    assert query.form.typed(shape, sent(operation, moments_of(shape, value))) == value


@pytest.mark.parametrize(
    "form",
    [
        "At=2026-13-01T00:00:00Z",
        "At=2026-01-01",
        "At=1700000000",
        "Data=%3D",
        "Data=YQ",
        "Map.entry.1.key=a",
        "Map.entry.1.key=a&Map.entry.1.value.Text=b&Map.entry.1.other=c",
        "Map.entry.1.key=a&Map.entry.1.value.Text=b&Map.entry.2.key=a&Map.entry.2.value.Text=c",
        "Map.a=b",
        "Big=9223372036854775808",
    ],
)
def test_a_value_that_is_not_of_its_kind_is_refused(form: str) -> None:
    with pytest.raises(Refusal) as caught:
        query.form.typed(Service(PLANTED).operations["Do"].input, form.encode())
    assert caught.value.code == "SerializationException"


# --- answers ----------------------------------------------------------------------------------------------------------


def test_an_answer_looks_like_those_of_aws() -> None:
    user = iam.User(path="/", user_name="a<b\n", user_id="AIDA", arn="arn", create_date=1_767_225_600.9, tags=[])
    assert (
        CODECS["iam"].operations["GetUser"].encode(iam.GetUserResponse(user=user), REQUEST).decode()
        == f"""\
<GetUserResponse xmlns="https://iam.amazonaws.com/doc/2010-05-08/">
  <GetUserResult>
    <User>
      <Path>/</Path>
      <UserName>a&lt;b
</UserName>
      <UserId>AIDA</UserId>
      <Arn>arn</Arn>
      <CreateDate>2026-01-01T00:00:00Z</CreateDate>
      <Tags/>
    </User>
  </GetUserResult>
  <ResponseMetadata>
    <RequestId>{REQUEST}</RequestId>
  </ResponseMetadata>
</GetUserResponse>
"""
    )
    assert (
        CODECS["iam"].operations["DeleteUser"].encode(None, REQUEST).decode()
        == f"""\
<DeleteUserResponse xmlns="https://iam.amazonaws.com/doc/2010-05-08/">
  <ResponseMetadata>
    <RequestId>{REQUEST}</RequestId>
  </ResponseMetadata>
</DeleteUserResponse>
"""
    )


def test_the_answer_of_another_operation_is_a_defect() -> None:
    for wrong in (None, iam.ListUsersResponse(users=[])):
        with pytest.raises(TypeError, match="answers with GetUserResponse"):
            CODECS["iam"].operations["GetUser"].encode(wrong, REQUEST)
    with pytest.raises(TypeError, match="DeleteUser has no output"):
        CODECS["iam"].operations["DeleteUser"].encode(iam.ListUsersResponse(users=[]), REQUEST)


@pytest.mark.parametrize("bad", ["\0", "\x0b", "\x1f", "\ufffe", "\uffff", "\ud800"])
def test_what_xml_cannot_hold_is_never_sent_as_an_answer(bad: str) -> None:
    answer = sts.GetCallerIdentityResponse(user_id=f"a{bad}")
    with pytest.raises(ValueError, match="XML cannot hold"):
        CODECS["sts"].operations["GetCallerIdentity"].encode(answer, REQUEST)


# --- refusals ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("refusal", "code", "status"),
    [
        (errors.validation("x"), "ValidationError", 400),
        (errors.access_denied("x"), "AccessDenied", 403),
        (errors.unrecognized_client(), "InvalidClientTokenId", 403),
        (errors.missing_authentication_token(), "MissingAuthenticationToken", 403),
        (errors.incomplete_signature("x"), "IncompleteSignature", 400),
        (errors.signature_mismatch(), "SignatureDoesNotMatch", 403),
        (errors.expired_token(), "ExpiredToken", 403),
        (errors.serialization("x"), "MalformedInput", 400),
        (errors.not_offered("x"), "UnsupportedOperation", 400),
        (errors.internal(), "InternalFailure", 500),
        (errors.audit_unavailable("x"), "ServiceUnavailable", 503),
        (errors.invalid_action("Do", None), "InvalidAction", 400),
        (errors.limit_exceeded("x"), "LimitExceeded", 409),
        (errors.malformed_policy("x"), "MalformedPolicyDocument", 400),
    ],
)
def test_a_refusal_is_in_the_words_of_the_query_services(refusal: Refusal, code: str, status: int) -> None:
    spoken = errors.in_query_services(refusal)
    assert (spoken.code, spoken.status, spoken.message, spoken.detail) == (
        code,
        status,
        refusal.message,
        refusal.detail,
    )
    body = query.render_refusal(spoken, CODECS["sts"].namespace, REQUEST)
    model = BOTOCORE["sts"].operation_model("GetCallerIdentity")
    read = PARSER.parse({"headers": {}, "status_code": status, "body": body}, model.output_shape)
    assert read["Error"] == {
        "Type": "Sender" if status < 500 else "Receiver",
        "Code": code,
        "Message": refusal.message,
    }
    assert read["ResponseMetadata"]["RequestId"] == REQUEST


def test_a_throttled_call_of_a_query_service_is_not_told_of_kms() -> None:
    spoken = errors.in_query_services(errors.throttled())
    assert (spoken.code, spoken.status, spoken.message) == ("Throttling", 400, "Rate exceeded")


@examples(1)
@given(st.text())
def test_a_sentence_is_sent_whatever_it_repeats(message: str) -> None:
    body = query.render_refusal(errors.validation(message), "urn:x", REQUEST)
    shown = ElementTree.fromstring(body).find("{urn:x}Error/{urn:x}Message")
    assert shown is not None
    assert len(shown.text or "") == len(message)


# --- the pinned files -------------------------------------------------------------------------------------------------


def test_the_codec_says_what_a_service_is() -> None:
    assert (CODECS["iam"].version, CODECS["iam"].signing_name) == ("2010-05-08", "iam")
    assert CODECS["iam"].statuses["NoSuchEntity"] == 404
    assert "NoSuchEntity" in CODECS["iam"].operations["GetUser"].errors
    assert CODECS["iam"].operations["GetUser"].members == {"UserName": "user_name"}
    assert CODECS["iam"].operations["GetAccountSummary"].members == {}
