"""Roles without a long-term key, as CI jobs and pods use them: an SDK that finds a token in a file does the rest. And
roles by a profile of two lines."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import boto3
import pytest
from botocore import UNSIGNED
from botocore.config import Config
from botocore.exceptions import ClientError

from tests.oidc import provider
from tests.oidc.serving import answering, say
from tests.server import REGION, Server

HOST = "idp.example.com/tenant"
WHO = "import boto3; print(boto3.client('sts').get_caller_identity()['Arn'])"


def token(**claims: Any) -> str:
    now = int(time.time())
    return provider.token(**({"iat": now, "nbf": now, "exp": now + 600} | claims))


@pytest.fixture(scope="module")
def discovered() -> Iterator[str]:
    """An issuer that says itself where its keys are."""

    def answer(handler: Any) -> None:
        place = f"http://{handler.headers['Host']}"
        about = json.dumps({"issuer": place, "jwks_uri": f"{place}/keys"}).encode()
        say(about if handler.path.endswith("/openid-configuration") else provider.published())(handler)

    with answering(answer) as url:
        yield url.removesuffix("/keys")


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory, discovered: str) -> Iterator[Server]:
    home = tmp_path_factory.mktemp("web")
    keys, config = home / "keys.json", home / "keystead.toml"
    keys.write_bytes(provider.published())
    config.write_text(
        f'[[oidc-issuers]]\nissuer = "{provider.ISSUER}"\naudiences = ["{provider.AUDIENCE}"]\njwks-file = "{keys}"\n'
        f'[[oidc-issuers]]\nissuer = "{discovered}"\naudiences = ["{provider.AUDIENCE}"]\n'
    )
    with Server(home, workers=2, options=("--config", str(config))) as running:
        yield running


def role(server: Server, name: str, host: str, **condition: Any) -> str:
    """A role for one subject of the provider, who may use KMS."""
    federated = f"arn:aws:iam::{server.account}:oidc-provider/{host}"
    statement = {
        "Effect": "Allow",
        "Principal": {"Federated": federated},
        "Action": "sts:AssumeRoleWithWebIdentity",
        "Condition": condition or {"StringEquals": {f"{host}:sub": provider.SUBJECT, f"{host}:aud": provider.AUDIENCE}},
    }
    iam = server.client(service="iam")
    trust = json.dumps({"Version": "2012-10-17", "Statement": [statement]})
    arn = iam.create_role(RoleName=name, AssumeRolePolicyDocument=trust)["Role"]["Arn"]
    kms = {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "kms:*", "Resource": "*"}]}
    iam.put_role_policy(RoleName=name, PolicyName="kms", PolicyDocument=json.dumps(kms))
    return str(arn)


@pytest.fixture(scope="module")
def builder(server: Server) -> str:
    return role(server, "builder", HOST)


@pytest.fixture(scope="module")
def anonymous(server: Server) -> Any:
    return boto3.client(
        "sts", region_name=REGION, endpoint_url=server.endpoint, config=Config(signature_version=UNSIGNED)
    )


def run(server: Server, program: str, **environment: str) -> str:
    """What a program of its own, with the SDK's usual variables and nothing else of AWS, prints."""
    usual = {"AWS_ENDPOINT_URL": server.endpoint, "AWS_DEFAULT_REGION": REGION, "AWS_EC2_METADATA_DISABLED": "true"}
    ran = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", program],
        capture_output=True,
        text=True,
        timeout=60,
        env=server.environment | {"AWS_SHARED_CREDENTIALS_FILE": "/nonexistent"} | usual | environment,
    )
    assert ran.returncode == 0, ran.stderr
    return ran.stdout.strip()


def test_a_job_with_a_token_gets_credentials_and_uses_keys(server: Server, builder: str, anonymous: Any) -> None:
    for _ in range(4):
        answer = anonymous.assume_role_with_web_identity(
            RoleArn=builder, RoleSessionName="job", WebIdentityToken=token()
        )
        given = answer["Credentials"]
        assert answer["SubjectFromWebIdentityToken"] == provider.SUBJECT
        kms = server.client(
            access_key_id=given["AccessKeyId"],
            secret=given["SecretAccessKey"],
            token=given["SessionToken"],
        )
        key = kms.create_key()["KeyMetadata"]["KeyId"]
        assert kms.encrypt(KeyId=key, Plaintext=b"x")["CiphertextBlob"]


def test_a_token_in_a_file_is_all_that_an_sdk_needs(server: Server, builder: str, tmp_path: Path) -> None:
    file = tmp_path / "token"
    file.write_text(token())
    found = run(
        server,
        WHO,
        AWS_ROLE_ARN=builder,
        AWS_WEB_IDENTITY_TOKEN_FILE=str(file),
        AWS_ROLE_SESSION_NAME="pod",
    )
    assert found == f"arn:aws:sts::{server.account}:assumed-role/builder/pod"


def test_an_issuer_that_is_discovered_works_as_well(server: Server, discovered: str, anonymous: Any) -> None:
    host = discovered.partition("://")[2]
    arn = role(server, "discovered", host)
    answer = anonymous.assume_role_with_web_identity(
        RoleArn=arn, RoleSessionName="job", WebIdentityToken=token(iss=discovered)
    )
    assert answer["Provider"] == f"arn:aws:iam::{server.account}:oidc-provider/{host}"


@pytest.mark.parametrize(
    ("claims", "code", "sentence"),
    [
        (
            {"sub": "system:serviceaccount:default:other"},
            "AccessDenied",
            "Not authorized to perform sts:AssumeRoleWithWebIdentity",
        ),
        ({"aud": "other"}, "InvalidIdentityToken", "Incorrect token audience"),
        (
            {"iss": "https://other.example"},
            "InvalidIdentityToken",
            "No OpenIDConnect provider found in your account for https://other.example",
        ),
        ({"number": 1}, "InvalidIdentityToken", "Couldn't verify the signature of the provided token"),
        ({"exp": 1}, "ExpiredTokenException", "Token expired: current date/time "),
    ],
)
def test_another_token_is_refused_in_awss_words(
    builder: str, anonymous: Any, claims: dict[str, Any], code: str, sentence: str
) -> None:
    with pytest.raises(ClientError) as caught:
        anonymous.assume_role_with_web_identity(
            RoleArn=builder, RoleSessionName="job", WebIdentityToken=token(**claims)
        )
    error = caught.value.response["Error"]
    assert (error["Code"], error["Message"].startswith(sentence)) == (code, True)


def test_who_proves_nothing_is_counted_and_leaves_no_token_anywhere(
    server: Server, builder: str, anonymous: Any
) -> None:
    text = token(number=1)
    for _ in range(3):
        with pytest.raises(ClientError):
            anonymous.assume_role_with_web_identity(RoleArn=builder, RoleSessionName="job", WebIdentityToken=text)
    journal = b"".join(file.read_bytes() for file in (server.data / "journal").glob("*"))
    for place in (journal, server.messages().encode()):
        assert text.rpartition(".")[2].encode() not in place


def test_a_profile_of_two_lines_assumes_a_role(server: Server, tmp_path: Path) -> None:
    trust = {"Effect": "Allow", "Principal": {"AWS": f"arn:aws:iam::{server.account}:root"}, "Action": "sts:AssumeRole"}
    server.client(service="iam").create_role(
        RoleName="deployer", AssumeRolePolicyDocument=json.dumps({"Version": "2012-10-17", "Statement": [trust]})
    )
    access_key_id, secret = server.keys()
    config = tmp_path / "config"
    config.write_text(
        f"[profile keystead]\naws_access_key_id = {access_key_id}\naws_secret_access_key = {secret}\nregion = {REGION}\n"
        f"[profile deployer]\nrole_arn = arn:aws:iam::{server.account}:role/deployer\nsource_profile = keystead\n"
        "role_session_name = me\n"
    )
    found = run(server, WHO, AWS_CONFIG_FILE=str(config), AWS_PROFILE="deployer")
    assert found == f"arn:aws:sts::{server.account}:assumed-role/deployer/me"
