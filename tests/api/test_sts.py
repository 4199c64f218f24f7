"""STS with boto3: sessions are issued, used, limited and revoked, over the wire and with two workers."""

from __future__ import annotations

import json
import urllib.error
import urllib.parse
import urllib.request
import uuid
from typing import Any

import boto3
import pytest
from botocore.exceptions import ClientError

from tests.api.conftest import Refused
from tests.server import REGION, Server


@pytest.fixture
def key(kms: Any) -> str:
    return str(kms.create_key()["KeyMetadata"]["Arn"])


KMS = json.dumps({"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "kms:*", "Resource": "*"}]})


@pytest.fixture
def role(server: Server, iam: Any) -> str:
    """The name of a role that its account's users may assume and that may use KMS."""
    name = f"worker-{uuid.uuid4().hex[:8]}"
    root = {"AWS": f"arn:aws:iam::{server.account}:root"}
    trust = {"Effect": "Allow", "Principal": root, "Action": ["sts:AssumeRole", "sts:TagSession"]}
    iam.create_role(RoleName=name, AssumeRolePolicyDocument=json.dumps({"Version": "2012-10-17", "Statement": [trust]}))
    iam.put_role_policy(RoleName=name, PolicyName="kms", PolicyDocument=KMS)
    return name


def arn(server: Server, role: str) -> str:
    return f"arn:aws:iam::{server.account}:role/{role}"


def bearer(server: Server, given: dict[str, Any], service: str = "kms", **changes: str) -> Any:
    """A client with temporary credentials."""
    given = given | changes
    return boto3.client(
        service,
        region_name=REGION,
        endpoint_url=server.endpoint,
        aws_access_key_id=given["AccessKeyId"],
        aws_secret_access_key=given["SecretAccessKey"],
        aws_session_token=given["SessionToken"],
    )


def fetched(url: str, form: dict[str, str] | None = None) -> tuple[int, str]:
    """Status and text of an answer to a request without headers of AWS's."""
    body = None if form is None else urllib.parse.urlencode(form).encode()
    try:
        with urllib.request.urlopen(urllib.request.Request(url, body), timeout=10) as answer:
            return answer.status, answer.read().decode()
    except urllib.error.HTTPError as error:
        with error:
            return error.code, error.read().decode()


def refusal(call: Any, **arguments: Any) -> tuple[str, int]:
    with pytest.raises(ClientError) as caught:
        call(**arguments)
    response = caught.value.response
    return response["Error"]["Code"], response["ResponseMetadata"]["HTTPStatusCode"]


def test_a_session_uses_keys_and_knows_who_it_is(server: Server, sts: Any, role: str, key: str) -> None:
    answer = sts.assume_role(RoleArn=arn(server, role), RoleSessionName="me", Tags=[{"Key": "a", "Value": "b"}])
    given = answer["Credentials"]
    assert answer["AssumedRoleUser"]["Arn"] == f"arn:aws:sts::{server.account}:assumed-role/{role}/me"
    who = bearer(server, given, "sts").get_caller_identity()
    assert (who["Arn"], who["UserId"]) == (answer["AssumedRoleUser"]["Arn"], answer["AssumedRoleUser"]["AssumedRoleId"])
    kms = bearer(server, given)
    for _ in range(6):
        sealed = kms.encrypt(KeyId=key, Plaintext=b"x")["CiphertextBlob"]
        assert kms.decrypt(CiphertextBlob=sealed)["Plaintext"] == b"x"


def test_a_session_signs_presigned_requests_too(server: Server, sts: Any, role: str) -> None:
    given = sts.assume_role(RoleArn=arn(server, role), RoleSessionName="me")["Credentials"]
    client = bearer(server, given, "sts")
    url = client.generate_presigned_url("get_caller_identity", ExpiresIn=60, HttpMethod="GET")
    assert f"assumed-role/{role}/me" in fetched(url)[1]
    for tampered in (
        url.replace("X-Amz-Security-Token=", "X-Amz-Security-Token=A"),
        url.split("&X-Amz-Security-Token")[0],
    ):
        assert fetched(tampered)[0] in {400, 403}


def test_credentials_that_do_not_belong_together_are_refused(server: Server, sts: Any, role: str, key: str) -> None:
    one, two = (sts.assume_role(RoleArn=arn(server, role), RoleSessionName="me")["Credentials"] for _ in range(2))
    long_term, secret = server.keys()
    wrong = {
        "another's token": (
            {"SessionToken": two["SessionToken"]},
            "UnrecognizedClientException",
            "InvalidClientTokenId",
        ),
        "an altered token": (
            {"SessionToken": one["SessionToken"][:-2] + "AA"},
            "UnrecognizedClientException",
            "InvalidClientTokenId",
        ),
        "a cut token": (
            {"SessionToken": one["SessionToken"][:100]},
            "UnrecognizedClientException",
            "InvalidClientTokenId",
        ),
        "no token": ({"SessionToken": None}, "UnrecognizedClientException", "InvalidClientTokenId"),
        "another's secret": (
            {"SecretAccessKey": two["SecretAccessKey"]},
            "InvalidSignatureException",
            "SignatureDoesNotMatch",
        ),
        "another's id": ({"AccessKeyId": two["AccessKeyId"]}, "UnrecognizedClientException", "InvalidClientTokenId"),
        "a token with a long-term key": (
            {"AccessKeyId": long_term, "SecretAccessKey": secret},
            "UnrecognizedClientException",
            "InvalidClientTokenId",
        ),
    }
    for _ in range(2):  # the second time, the right credentials are in memory
        for what, (changes, of_kms, of_sts) in wrong.items():
            assert refusal(bearer(server, one, **changes).encrypt, KeyId=key, Plaintext=b"x") == (of_kms, 400), what
            assert refusal(bearer(server, one, "sts", **changes).get_caller_identity) == (of_sts, 403), what
        for _ in range(4):
            bearer(server, one).encrypt(KeyId=key, Plaintext=b"x")


@pytest.mark.parametrize(
    "how", ["its policy is deleted", "its policy denies", "it is deleted", "its sessions are revoked"]
)
def test_a_revocation_is_in_force_at_the_next_call_in_every_worker(
    server: Server, iam: Any, sts: Any, role: str, key: str, how: str
) -> None:
    given = sts.assume_role(RoleArn=arn(server, role), RoleSessionName="me")["Credentials"]
    clients = [bearer(server, given) for _ in range(6)]
    for client in clients:  # a connection each, so that both workers have the session in memory
        client.encrypt(KeyId=key, Plaintext=b"x")
    if how == "its policy denies":
        iam.put_role_policy(RoleName=role, PolicyName="no", PolicyDocument=KMS.replace("Allow", "Deny"))
    elif how == "its sessions are revoked":
        statement = {"Effect": "Deny", "Action": "*", "Resource": "*"}
        statement["Condition"] = {"DateLessThan": {"aws:TokenIssueTime": "2100-01-01T00:00:00Z"}}  # type: ignore[assignment]
        document = json.dumps({"Version": "2012-10-17", "Statement": [statement]})
        iam.put_role_policy(RoleName=role, PolicyName="AWSRevokeOlderSessions", PolicyDocument=document)
    else:
        iam.delete_role_policy(RoleName=role, PolicyName="kms")
    if how == "it is deleted":
        iam.delete_role(RoleName=role)
    code = "UnrecognizedClientException" if how == "it is deleted" else "AccessDeniedException"
    for client in clients:
        assert refusal(client.encrypt, KeyId=key, Plaintext=b"x") == (code, 400)


def test_what_the_model_forbids_is_refused_in_awss_words(refused: Refused, server: Server, sts: Any, role: str) -> None:
    for given, said in (
        ({"RoleSessionName": "a b"}, "Member must satisfy regular expression pattern: [\\w+=,.@-]*"),
        ({"DurationSeconds": 899}, "Member must have value greater than or equal to 900"),
        ({"DurationSeconds": 43_201}, "Member must have value less than or equal to 43200"),
    ):
        code, sentence = refused(sts.assume_role, **{"RoleArn": arn(server, role), "RoleSessionName": "me"} | given)
        assert (code, said in sentence) == ("ValidationError", True)
    code, sentence = refused(sts.assume_role, RoleArn=arn(server, role), RoleSessionName="me", DurationSeconds=3_601)
    assert sentence == "The requested DurationSeconds exceeds the MaxSessionDuration set for this role."


def test_the_largest_token_passes_through_every_door(server: Server, sts: Any, role: str, key: str) -> None:
    given = sts.assume_role(RoleArn=arn(server, role), RoleSessionName="me", MinimumSessionTokenSize=4_096)[
        "Credentials"
    ]
    assert len(given["SessionToken"]) == 4_096
    bearer(server, given).encrypt(KeyId=key, Plaintext=b"x")
    url = bearer(server, given, "sts").generate_presigned_url("get_caller_identity", HttpMethod="GET")
    assert fetched(url)[0] == 200


def test_sessions_of_users_use_keys_but_not_iam(server: Server, sts: Any, key: str) -> None:
    own = sts.get_session_token()["Credentials"]
    bearer(server, own).encrypt(KeyId=key, Plaintext=b"x")
    assert refusal(bearer(server, own, "iam").list_users) == ("InvalidClientTokenId", 403)
    assert refusal(bearer(server, own, "sts").get_session_token) == ("AccessDenied", 403)
    narrow = sts.get_federation_token(Name="guest", Policy=KMS.replace("kms:*", "kms:Encrypt"))["Credentials"]
    guest = bearer(server, narrow)
    sealed = guest.encrypt(KeyId=key, Plaintext=b"x")["CiphertextBlob"]
    assert refusal(guest.decrypt, CiphertextBlob=sealed) == ("AccessDeniedException", 400)
    assert bearer(server, narrow, "sts").get_caller_identity()["Arn"].endswith(":federated-user/guest")
    assert refusal(bearer(server, narrow, "iam").list_users) == ("InvalidClientTokenId", 403)


def test_an_access_key_tells_its_account(server: Server, sts: Any) -> None:
    assert sts.get_access_key_info(AccessKeyId=server.keys()[0])["Account"] == server.account


def test_unsigned_requests_are_for_web_identities_alone(server: Server) -> None:
    form = {"Action": "AssumeRole", "Version": "2011-06-15", "RoleArn": "arn:aws:iam::111122223333:role/x"}
    status, text = fetched(server.endpoint, form)
    assert (status, "MissingAuthenticationToken" in text) == (403, True)
    form |= {"Action": "AssumeRoleWithWebIdentity", "RoleSessionName": "me", "WebIdentityToken": "a.b.c"}
    status, text = fetched(server.endpoint, form)
    assert (status, "<Code>InvalidIdentityToken</Code>" in text) == (400, True)
    del form["WebIdentityToken"]
    status, text = fetched(server.endpoint, form)
    assert (status, "webIdentityToken" in text) == (400, True)
