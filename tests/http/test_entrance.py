"""Which request is which operation of which service, and whose: forms of the query services beside the JSON of KMS."""

# length: one door, whose ways in share a world of rooms

from __future__ import annotations

import json
import re
from dataclasses import dataclass, field, replace
from datetime import timedelta
from typing import Any
from urllib.parse import urlencode

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.http.sigv4_oracle import NOW, REGIONS, find_credential, sign, signature_of

from keystead import errors
from keystead.http import forms
from keystead.http.entrance import Entrance, Room, Scope
from keystead.http.message import Request
from keystead.model import awsjson, form, query
from keystead.services.call import Call
from keystead.services.dispatch import Arrival
from keystead.services.iam.operations import IAM
from keystead.services.kms.operations import KMS
from keystead.services.sts.operations import STS
from keystead.services.table import operation

FORM = ("Content-Type", "application/x-www-form-urlencoded; charset=utf-8")
WHO = b"Action=GetCallerIdentity&Version=2011-06-15"
ELSEWHERE = "https://sts.example/"


@operation("iam:CreateUser", mutates=True)
def create_user(call: Call[Any]) -> None: ...


@operation("iam:ListUsers")
def list_users(call: Call[Any]) -> None: ...


SERVICES = {
    "kms": (KMS, awsjson.Codec("kms")),
    "iam": (replace(IAM, rows={"CreateUser": create_user, "ListUsers": list_users}), query.Codec("iam")),
    "sts": (STS, query.Codec("sts")),
}


@dataclass
class Answer:
    status: int = 0
    head: bytes = b""
    body: bytes = b""
    gone: bool = False

    def send(self, status: int, headers: bytes, body: bytes) -> None:
        self.status, self.head, self.body = status, headers, body

    @property
    def code(self) -> str:
        found = re.search(rb"<Code>(\w+)</Code>", self.body)
        return "" if found is None else found[1].decode()


@dataclass
class World:
    """An entrance whose rooms only remember who came in, a clock that stands, a list of what was counted."""

    arrived: list[tuple[str, Arrival, bytes]] = field(default_factory=list)
    counted: list[dict[str, Any]] = field(default_factory=list)
    introduced: list[Any] = field(default_factory=list)

    def ask(self, request: Request, later: timedelta = timedelta()) -> Answer:
        world = self

        class Snapshot:
            def refresh(self) -> None: ...

            credential = staticmethod(find_credential)

        class Performing:
            def __init__(self, name: str) -> None:
                self.name = name

            def perform(self, arrival: Arrival, body: bytes) -> None:
                world.arrived.append((self.name, arrival, body))

        class Counted:
            def count(self, **what: Any) -> None:
                world.counted.append(what)

        def introduce(request: Any, *_: Any) -> None:
            world.introduced.append(request)

        rooms: list[Any] = [
            Room(service, codec, Performing(name), introduce)  # type: ignore[arg-type]
            for name, (service, codec) in SERVICES.items()
        ]
        snapshot: Any = Snapshot()
        moment = (NOW + later).timestamp()
        entrance = Entrance(
            rooms, snapshot, Scope(REGIONS, "eu-central-1"), lambda: moment, lambda: "an-id", Counted(), lambda: True
        )
        answer = Answer()
        entrance(request, answer)
        return answer


def posted(body: bytes = WHO, *headers: tuple[str, str], service: str = "sts", **how: Any) -> Request:
    return sign("POST", ELSEWHERE, [FORM, *headers], body, service=service, **how)


def got(query_text: bytes = WHO, *headers: tuple[str, str], expires: int | None = 60, **how: Any) -> Request:
    """A GET as `aws eks get-token` and aws-iam-authenticator presign it."""
    return sign("GET", f"{ELSEWHERE}?{query_text.decode()}", list(headers), b"", service="sts", expires=expires, **how)


# --- to the right room ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("request_", [posted(), got(), got(expires=None)], ids=["POST", "presigned", "signed GET"])
def test_a_form_comes_to_its_service_and_operation(request_: Request) -> None:
    world = World()
    world.ask(request_)
    [(room, arrival, body)] = world.arrived
    assert (room, arrival.operation, body) == ("sts", "GetCallerIdentity", WHO)
    assert arrival.caller.region == "us-east-1"
    assert not world.counted


def test_the_body_that_was_verified_is_what_is_decoded() -> None:
    world, request = World(), posted(b"Action=ListUsers&Version=2010-05-08&MaxItems=3", service="iam")
    world.ask(request)
    [(room, arrival, body)] = world.arrived
    assert room == "iam"
    assert body is request.body
    assert arrival.codec.decode(body).max_items == 3


@pytest.mark.parametrize("request_", [sign(), posted()])
def test_a_call_knows_whether_anybody_still_waits_for_its_answer(request_: Request) -> None:
    world = World()
    answer = world.ask(request_)
    [(_, arrival, _)] = world.arrived
    assert not arrival.peer.gone
    answer.gone = True
    assert arrival.peer.gone


def test_kms_is_where_it_was() -> None:
    world = World()
    world.ask(sign())
    [(room, arrival, _)] = world.arrived
    assert (room, arrival.operation, arrival.row) == ("kms", "Encrypt", KMS.rows["Encrypt"])


def test_a_target_that_is_signed_decides_and_no_other_header() -> None:
    world = World()
    world.ask(sign(headers=[("X-Amz-Target", "TrentService.Encrypt"), FORM], body=WHO))
    assert [room for room, *_ in world.arrived] == ["kms"]
    added = posted()
    added.headers.append((b"x-amz-target", b"TrentService.Encrypt"))
    assert world.ask(added).status == 400
    assert len(world.arrived) == 1


@pytest.mark.parametrize("region", ["us-east-1", "eu-central-1"])
def test_iam_is_in_one_region_wherever_it_is_signed_for(region: str) -> None:
    world = World()
    world.ask(posted(b"Action=ListUsers&Version=2010-05-08", service="iam", region=region))
    world.ask(posted(region=region))
    assert [arrival.caller.region for _, arrival, _ in world.arrived] == ["us-east-1", region]


def test_us_east_1_is_signed_for_where_the_server_has_other_regions(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tests.http.test_entrance.REGIONS", frozenset({"eu-central-1"}))
    world = World()
    world.ask(posted())
    world.ask(posted(b"Action=ListUsers&Version=2010-05-08", service="iam"))
    assert len(world.arrived) == 2
    assert world.ask(posted(region="eu-west-9")).code == "SignatureDoesNotMatch"
    assert b"valid region, not 'us-east-1'" in world.ask(sign()).body


# --- refusals, in the words and the protocol of the request -----------------------------------------------------------


@pytest.mark.parametrize(
    ("body", "code", "said"),
    [
        (b"Action=Enchant&Version=2011-06-15", "InvalidAction", "Could not find operation Enchant for version 2011-06-15"),
        (b"Action=CreateUser&Version=2011-06-15", "InvalidAction", "operation CreateUser for version 2011-06-15"),
        (b"Action=GetCallerIdentity", "InvalidAction", "GetCallerIdentity for version NO_VERSION_SPECIFIED"),
        (b"Action=GetCallerIdentity&Version=", "InvalidAction", "GetCallerIdentity for version </Message>"),
        (b"Action=&Version=2011-06-15", "InvalidAction", "Could not find operation  for version 2011-06-15"),
        (b"Version=2011-06-15", "MissingAction", "Missing Action"),
        (b"", "MissingAction", "Missing Action"),
        (b"Action=%zz&Version=2011-06-15", "MalformedInput", "percent sign"),
        (b"Action=%ff&Version=2011-06-15", "MalformedInput", "UTF-8"),
    ],
)  # fmt: skip
def test_a_form_that_names_no_operation_is_told_what_is_missing(body: bytes, code: str, said: str) -> None:
    world = World()
    answer = world.ask(posted(body))
    assert (answer.status, answer.code) == (400, code)
    assert said in answer.body.decode()
    assert b'xmlns="http://webservices.amazon.com/AWSFault/2005-15-09"' in answer.body
    assert b"Content-Type: text/xml\r\n" in answer.head
    assert b"x-amzn-RequestId: an-id\r\n" in answer.head
    assert not world.arrived
    assert [one["error_code"] for one in world.counted] == [code]


def test_a_signature_for_another_service_is_refused_by_name() -> None:
    world = World()
    answer = world.ask(posted(service="iam"))
    assert (answer.status, answer.code) == (403, "SignatureDoesNotMatch")
    assert b"Credential should be scoped to correct service: 'sts'" in answer.body
    assert b'xmlns="https://sts.amazonaws.com/doc/2011-06-15/"' in answer.body
    assert world.counted == [
        {
            "source": "127.0.0.1",
            "error_code": "SignatureDoesNotMatch",
            "event_name": "GetCallerIdentity",
            "event_source": "sts.amazonaws.com",
            "region": None,
        }
    ]
    world.ask(posted(b"Action=ListUsers&Version=2010-05-08", service="sts"))
    assert (world.counted[1]["event_source"], world.counted[1]["region"]) == ("iam.amazonaws.com", "us-east-1")


def test_the_operation_is_looked_for_before_the_signature_and_the_rest_after_it() -> None:
    world = World()
    unsigned = Request("POST", b"/", [(b"host", b"x"), (b"content-type", FORM[1].encode())], WHO, "192.0.2.1")
    assert world.ask(replace(unsigned, body=b"Action=Enchant&Version=2011-06-15")).code == "InvalidAction"
    answer = world.ask(replace(unsigned, body=WHO + b"&Action=Enchant&%zz"))
    assert (answer.status, answer.code) == (403, "MissingAuthenticationToken")
    assert not world.arrived


def unsigned(**more: str) -> Request:
    asked = {"Action": "AssumeRoleWithWebIdentity", "Version": "2011-06-15", "RoleSessionName": "me", **more}
    headers = [(b"host", b"x"), (b"content-type", FORM[1].encode())]
    return Request("POST", b"/", headers, urlencode(asked).encode(), "192.0.2.1")


def arns(number: int, arn: str = "arn:aws:iam::aws:policy/IAMFullAccess") -> dict[str, str]:
    return {f"PolicyArns.member.{one}.arn": arn for one in range(1, number + 1)}


def test_the_largest_request_without_a_signature_that_can_be_granted_is_read() -> None:
    world = World()
    longest = arns(10, f"arn:aws:iam::123456789012:policy{'/' + 'p' * 510}/{'n' * 128}")
    role = f"arn:aws:iam::123456789012:role{'/' + 'p' * 510}/{'n' * 64}"
    world.ask(
        unsigned(WebIdentityToken="t" * 20_000, Policy='"' * 2_048, RoleArn=role, DurationSeconds="900", **longest)
    )
    assert [len(request.policy_arns) for request in world.introduced] == [10]


@pytest.mark.parametrize(
    ("more", "said"),
    [({"Policy": "x" * 40_960}, b"40960 bytes"), (arns(4_499, "a"), b"bytes"), (arns(36, "a"), b"40 par")],
)
def test_of_a_request_without_a_signature_that_is_larger_nothing_is_decoded(
    monkeypatch: pytest.MonkeyPatch, more: dict[str, str], said: bytes
) -> None:
    world = World()
    monkeypatch.setattr(form, "parameters", lambda _: pytest.fail("it was decoded"))
    answer = world.ask(unsigned(WebIdentityToken="a.b.c", RoleArn="x" * 20, **more))
    assert (answer.status, answer.code, world.introduced) == (400, "MalformedInput", [])
    assert said in answer.body
    assert [one["event_name"] for one in world.counted] == ["AssumeRoleWithWebIdentity"]


def test_a_form_of_another_content_type_is_no_request_of_these_services() -> None:
    world = World()
    answer = world.ask(sign("POST", ELSEWHERE, [("Content-Type", "text/plain")], WHO, service="sts"))
    assert (answer.status, json.loads(answer.body)) == (400, {"__type": "UnknownOperationException"})
    answer = world.ask(Request("GET", b"/?Version=2011-06-15", [(b"host", b"x")], b"", "192.0.2.1"))
    assert (answer.status, json.loads(answer.body)) == (404, {"__type": "UnknownOperationException"})
    assert world.ask(Request("PUT", b"/?" + WHO, [(b"host", b"x")], b"", "192.0.2.1")).status == 404


# --- forms in the query -----------------------------------------------------------------------------------------------


def test_what_stands_in_the_query_and_in_the_body_is_one_form() -> None:
    world = World()
    world.ask(sign("POST", ELSEWHERE + "?Version=2011-06-15", [FORM], b"Action=GetCallerIdentity", service="sts"))
    [(_, arrival, body)] = world.arrived
    arrival.codec.decode(body)
    world.ask(sign("POST", ELSEWHERE + "?" + WHO.decode(), [FORM], b"Action=Enchant", service="sts"))
    assert world.arrived[1][1].operation == "GetCallerIdentity"
    with pytest.raises(errors.Refusal, match="'Action' is given twice"):
        world.arrived[1][1].codec.decode(world.arrived[1][2])


def test_a_get_that_has_a_body_is_refused() -> None:
    request = got()
    assert World().ask(replace(request, body=b"UserName=x")).code == "MalformedInput"


def test_what_changes_something_is_not_asked_for_by_get() -> None:
    world = World()
    text = "Action=CreateUser&Version=2010-05-08&UserName=x"
    answer = world.ask(sign("GET", f"{ELSEWHERE}?{text}", [], b"", service="iam", expires=60))
    assert (answer.code, world.arrived) == ("UnsupportedOperation", [])
    assert b"CreateUser by GET is not offered" in answer.body
    world.ask(posted(text.encode(), service="iam"))
    assert len(world.arrived) == 1


@pytest.mark.parametrize("expires", [1, 60, 604800])
def test_a_presigned_form_of_sts_lives_for_fifteen_minutes_whatever_it_says(expires: int) -> None:
    world = World()
    request = got(expires=expires)
    world.ask(request, timedelta(minutes=15))
    assert len(world.arrived) == 1
    answer = world.ask(request, timedelta(minutes=15, seconds=1))
    assert (answer.status, answer.code, len(world.arrived)) == (403, "SignatureDoesNotMatch", 1)
    assert b"- 15 min.)" in answer.body


@pytest.mark.parametrize(("expires", "lives"), [(1, 1), (60, 60), (900, 900), (901, 900), (604800, 900)])
def test_a_presigned_form_of_iam_lives_as_long_as_it_says_but_fifteen_minutes_at_most(expires: int, lives: int) -> None:
    world = World()
    listing = f"{ELSEWHERE}?Action=ListUsers&Version=2010-05-08"
    request = sign("GET", listing, [], b"", service="iam", expires=expires)
    world.ask(request, timedelta(seconds=lives))
    assert len(world.arrived) == 1
    answer = world.ask(request, timedelta(seconds=lives + 1))
    assert (answer.status, answer.code, len(world.arrived)) == (403, "SignatureDoesNotMatch", 1)


def test_a_header_of_a_presigned_form_can_be_signed_too() -> None:
    """aws-iam-authenticator binds a token to a cluster in this way."""
    world = World()
    request = got(WHO, ("x-k8s-aws-id", "blue"))
    world.ask(request)
    assert len(world.arrived) == 1
    other = replace(request, headers=[(n, b"green" if n == b"x-k8s-aws-id" else value) for n, value in request.headers])
    assert world.ask(other).code == "SignatureDoesNotMatch"
    missing = replace(request, headers=[pair for pair in request.headers if pair[0] != b"x-k8s-aws-id"])
    assert world.ask(missing).code == "SignatureDoesNotMatch"


def test_no_parameter_of_a_presigned_form_can_be_given_twice() -> None:
    world = World()
    target = got().target
    for name in ("X-Amz-Date", "X-Amz-Expires", "X-Amz-Credential"):
        [again] = re.findall(rf"{name}=[^&]*".encode(), target)
        assert world.ask(replace(got(), target=target + b"&" + again)).code == "IncompleteSignature"
    twice = replace(got(), target=target + b"&Version=2010-05-08")
    signed = re.sub(rb"(?<=X-Amz-Signature=)\w+", signature_of(twice).encode(), twice.target)
    world.ask(replace(twice, target=signed))
    [(_, arrival, body)] = world.arrived
    with pytest.raises(errors.Refusal, match="'Version' is given twice"):
        arrival.codec.decode(body)


# --- how an answer is written -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("accepted", "is_json"),
    [
        ("application/json", True),
        ("text/html, Application/JSON;q=0.5", True),
        ("*/*", False),
        ("application/x-amz-json-1.1", False),
        ("application/jsonp", False),
    ],
)
def test_who_accepts_json_gets_json(accepted: str, is_json: bool) -> None:
    world = World()
    answer = world.ask(replace(got(), headers=[(b"host", b"another"), (b"accept", accepted.encode())]))
    assert answer.status == 403
    kind = b"application/json" if is_json else b"text/xml"
    assert b"Content-Type: %b\r\n" % kind in answer.head
    if is_json:
        said = json.loads(answer.body)
        assert said["Error"].keys() == {"Type", "Code", "Message"}
        assert (said["Error"]["Code"], said["RequestId"]) == ("SignatureDoesNotMatch", "an-id")


# --- one parser -------------------------------------------------------------------------------------------------------

PARTS = (
    b"Action=GetUser",
    b"Action=DeleteUser",
    b"Action=Get%55ser",
    b"Action=",
    b"Action",
    b"%41ction=DeleteUser",
    b"Action%3d=DeleteUser",
    b"action=DeleteUser",
    b"+Action=DeleteUser",
    b"xAction=DeleteUser",
    b"UserName=%26Action=DeleteUser",
    b"UserName=Action=DeleteUser",
    b"Version=2010-05-08",
    b"Version=2011-06-15",
    b"Versio%6e=2011-06-15",
    b"",
    b"=",
)


@given(st.lists(st.sampled_from(PARTS), max_size=6).map(b"&".join))
def test_the_operation_that_is_looked_up_is_the_one_of_the_form(text: bytes) -> None:
    """`forms.asked` reads two names before anybody is known, `form.parameters` all of them later: they never differ."""
    try:
        whole = form.parameters(text)
    except errors.Refusal:
        return  # refused in any case
    action, version = forms.asked(text)
    assert action in (None, whole.get("Action"))
    assert version in (None, whole.get("Version"))
    for found, raw in ((action, b"Action="), (version, b"Version=")):
        assert (found is not None) == any(part.startswith(raw) for part in text.split(b"&"))
