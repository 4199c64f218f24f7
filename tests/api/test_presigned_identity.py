"""GetCallerIdentity for others to send: a token of `aws eks get-token`, and the signed request that a client of Vault
hands over. Both are made as those programs make them, and sent as their servers do."""

from __future__ import annotations

import base64
import json
import urllib.error
import urllib.request
from xml.etree import ElementTree

import boto3
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials
from botocore.signers import RequestSigner

from tests.server import REGION, Server

CLUSTER = "x-k8s-aws-id"
NAMESPACE = {"sts": "https://sts.amazonaws.com/doc/2011-06-15/"}
WHO = "Action=GetCallerIdentity&Version=2011-06-15"


def presigned(server: Server, cluster: str) -> str:
    session = boto3.session.Session(*server.keys(), region_name=REGION)
    client = session.client("sts", endpoint_url=server.endpoint)
    signer = RequestSigner(
        client.meta.service_model.service_id, REGION, "sts", "v4", session.get_credentials(), session.events
    )
    request = {
        "method": "GET",
        "url": f"{server.endpoint}/?{WHO}",
        "body": {},
        "headers": {CLUSTER: cluster},
        "context": {},
    }
    return str(signer.generate_presigned_url(request, region_name=REGION, expires_in=60, operation_name=""))


def fetched(request: urllib.request.Request) -> tuple[int, str, bytes]:
    """Status, Content-Type and body of whatever is answered."""
    try:
        with urllib.request.urlopen(request, timeout=30) as answer:
            return answer.status, answer.headers["Content-Type"], answer.read()
    except urllib.error.HTTPError as error:
        with error:
            return error.code, error.headers["Content-Type"], error.read()


def test_a_cluster_learns_who_a_token_is_from(server: Server) -> None:
    url = presigned(server, "blue")
    asked = urllib.request.Request(url, headers={CLUSTER: "blue", "Accept": "application/json"})
    status, kind, body = fetched(asked)
    assert (status, kind) == (200, "application/json")
    said = json.loads(body)["GetCallerIdentityResponse"]
    assert said["GetCallerIdentityResult"].keys() == {"Account", "Arn", "UserId"}
    assert said["GetCallerIdentityResult"]["Arn"] == f"arn:aws:iam::{server.account}:user/admin"
    assert said["ResponseMetadata"]["RequestId"]


def test_a_token_for_another_cluster_is_refused(server: Server) -> None:
    asked = urllib.request.Request(presigned(server, "blue"), headers={CLUSTER: "green", "Accept": "application/json"})
    status, _, body = fetched(asked)
    assert (status, json.loads(body)["Error"]["Code"]) == (403, "SignatureDoesNotMatch")


def test_a_browser_gets_xml(server: Server) -> None:
    status, kind, body = fetched(urllib.request.Request(presigned(server, "blue"), headers={CLUSTER: "blue"}))
    assert (status, kind) == (200, "text/xml")
    found = ElementTree.fromstring(body).find("sts:GetCallerIdentityResult/sts:Account", NAMESPACE)
    assert found is not None
    assert found.text == server.account


def test_a_client_of_vault_proves_who_it_is(server: Server) -> None:
    login = AWSRequest(
        "POST",
        f"{server.endpoint}/",
        headers={
            "Content-Type": "application/x-www-form-urlencoded; charset=utf-8",
            "X-Vault-AWS-IAM-Server-ID": "vault.example.com",
        },
        data=WHO,
    )
    SigV4Auth(Credentials(*server.keys()), "sts", REGION).add_auth(login)
    handed_over = json.dumps(
        {
            "iam_http_request_method": "POST",
            "iam_request_url": base64.b64encode(login.url.encode()).decode(),
            "iam_request_body": base64.b64encode(WHO.encode()).decode(),
            "iam_request_headers": base64.b64encode(json.dumps(dict(login.headers)).encode()).decode(),
        }
    )

    received = {
        name: base64.b64decode(value)
        for name, value in json.loads(handed_over).items()
        if name.startswith("iam_request_")
    }
    headers = json.loads(received["iam_request_headers"])
    assert "x-vault-aws-iam-server-id" in headers["Authorization"]
    url, body = received["iam_request_url"].decode(), received["iam_request_body"]
    status, kind, answer = fetched(urllib.request.Request(url, body, headers, method="POST"))
    assert (status, kind) == (200, "text/xml")
    result = ElementTree.fromstring(answer).find("sts:GetCallerIdentityResult", NAMESPACE)
    assert result is not None
    assert result.findtext("sts:Arn", None, NAMESPACE) == f"arn:aws:iam::{server.account}:user/admin"

    headers["X-Vault-AWS-IAM-Server-ID"] = "vault.elsewhere.com"
    assert fetched(urllib.request.Request(url, body, headers, method="POST"))[0] == 403
