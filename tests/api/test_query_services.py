"""IAM and STS at the endpoint of KMS, with boto3: which service, which operation, whose signature."""

from __future__ import annotations

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
