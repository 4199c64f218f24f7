"""IAM and STS at the endpoint of KMS, with boto3: which service, which operation, whose signature."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from botocore.exceptions import ClientError

from tests.api.conftest import Refused
from tests.server import Server


def test_a_caller_learns_who_he_is(server: Server, sts: Any) -> None:
    answer = sts.get_caller_identity()
    assert (answer["Account"], answer["Arn"]) == (server.account, f"arn:aws:iam::{server.account}:user/admin")
    assert answer["UserId"].startswith("AIDA")
    assert answer["ResponseMetadata"]["RequestId"] == answer["ResponseMetadata"]["HTTPHeaders"]["x-amzn-requestid"]


@pytest.mark.parametrize("service", ["iam", "sts"])
@pytest.mark.parametrize("region", ["us-east-1", "eu-central-1"])
def test_a_service_is_there_in_every_region_of_the_server(server: Server, service: str, region: str) -> None:
    client = server.client(service=service, region=region)
    if service == "sts":
        assert client.get_caller_identity()["Account"] == server.account
    else:
        with pytest.raises(ClientError, match="UnsupportedOperation"):
            client.list_server_certificates()


def test_what_is_not_offered_is_refused_by_name(refused: Refused, iam: Any, sts: Any) -> None:
    said = "The operation CreateVirtualMFADevice is not offered by this version of Keystead."
    assert refused(iam.create_virtual_mfa_device, VirtualMFADeviceName="x") == ("UnsupportedOperation", said)
    said = "The operation AssumeRoleWithSAML is not offered by this version of Keystead."
    with pytest.raises(ClientError, match="MissingAuthenticationToken"):  # botocore does not sign it
        sts.assume_role_with_saml(
            RoleArn="arn:aws:iam::111122223333:role/x", PrincipalArn="x" * 20, SAMLAssertion="abcd"
        )


@pytest.mark.parametrize(
    ("service", "call"), [("iam", "list_users"), ("sts", "get_caller_identity")], ids=["iam", "sts"]
)
def test_who_proves_nothing_learns_nothing(server: Server, service: str, call: str) -> None:
    for options, code in (
        ({"secret": "x" * 40}, "SignatureDoesNotMatch"),
        ({"access_key_id": "AKIAUNKNOWN000000000"}, "InvalidClientTokenId"),
    ):
        with pytest.raises(ClientError) as caught:
            getattr(server.client(service=service, **options), call)()
        assert caught.value.response["Error"]["Code"] == code
        assert caught.value.response["ResponseMetadata"]["HTTPStatusCode"] == 403


# --- what is wrong with a request, as boto3 reads it ------------------------------------------------------------------


def spoiled(client: Any, spoil: Callable[..., None]) -> tuple[int, str, str]:
    """The answer to a request that was changed before it was signed: status, code, message."""
    client.meta.events.register("before-call", spoil)
    operation = client.list_users if client.meta.service_model.service_name == "iam" else client.get_caller_identity
    with pytest.raises(ClientError) as caught:
        operation()
    error = caught.value.response["Error"]
    assert caught.value.response["ResponseMetadata"]["RequestId"]
    return caught.value.response["ResponseMetadata"]["HTTPStatusCode"], error["Code"], error.get("Message", "")


def test_an_unknown_action_is_named(server: Server) -> None:
    def spoil(params: dict[str, Any], **_: Any) -> None:
        params["body"]["Action"] = "Enchant"

    said = "Could not find operation Enchant for version 2010-05-08"
    assert spoiled(server.client(service="iam"), spoil) == (400, "InvalidAction", said)


def test_a_missing_version_is_told(server: Server) -> None:
    def spoil(params: dict[str, Any], **_: Any) -> None:
        del params["body"]["Version"]

    said = "Could not find operation GetCallerIdentity for version NO_VERSION_SPECIFIED"
    assert spoiled(server.client(service="sts"), spoil) == (400, "InvalidAction", said)


def test_a_missing_action_is_told(server: Server) -> None:
    def spoil(params: dict[str, Any], **_: Any) -> None:
        del params["body"]["Action"]

    assert spoiled(server.client(service="sts"), spoil)[:2] == (400, "MissingAction")


@pytest.mark.parametrize(("service", "other"), [("iam", "sts"), ("sts", "iam"), ("sts", "kms")])
def test_a_signature_for_another_service_is_refused(server: Server, service: str, other: str) -> None:
    def spoil(context: dict[str, Any], **_: Any) -> None:
        context["signing"] = {"signing_name": other, "region": "us-east-1"}

    status, code, said = spoiled(server.client(service=service), spoil)
    assert (status, code) == (403, "SignatureDoesNotMatch")
    assert said.startswith(f"Credential should be scoped to correct service: '{service}'.")


@pytest.mark.parametrize(
    ("more", "said"),
    [
        ("&PathPrefix=%zz", "A percent sign of the request is not followed by two hexadecimal digits."),
        ("&Version=2011-06-15", "The parameter 'Version' is given twice."),
        ("&PathPrefix=/a/&PathPrefix=/b/", "The parameter 'PathPrefix' is given twice."),
        ("&Colour=red", "Unknown parameter 'Colour'."),
        ("&MaxItems=many", "The value of the parameter 'MaxItems' is not an integer."),
    ],
)
def test_a_form_that_does_not_mean_one_thing_is_refused_when_its_sender_is_known(
    server: Server, more: str, said: str
) -> None:
    def spoil(params: dict[str, Any], **_: Any) -> None:
        params["body"] = f"Action=ListUsers&Version=2010-05-08{more}"

    assert spoiled(server.client(service="iam"), spoil) == (400, "MalformedInput", said)
    status, code, _ = spoiled(server.client(service="iam", secret="x" * 40), spoil)
    assert (status, code) == (403, "SignatureDoesNotMatch")


def test_a_form_that_is_too_large_is_refused_in_xml(server: Server) -> None:
    def spoil(params: dict[str, Any], **_: Any) -> None:
        params["body"]["PathPrefix"] = "/" * 300_000

    client = server.client(service="iam")
    client.meta.events.register("before-call", spoil)
    with pytest.raises(ClientError) as caught:
        client.list_users()
    assert caught.value.response["Error"]["Code"] == "RequestEntityTooLarge"
    assert caught.value.response["ResponseMetadata"]["HTTPStatusCode"] == 413
