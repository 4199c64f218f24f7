"""`keystead account`: another account in a store, beside a server that runs or without one."""

from __future__ import annotations

import configparser
import json
import stat
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import boto3
import pytest
from botocore.exceptions import ClientError

from tests.server import REGION, Server

OTHER = "444455556666"


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """Two workers, so that one of them has not heard of anything."""
    with Server(tmp_path_factory.mktemp("accounts"), workers=2) as running:
        yield running


def account(server: Server, *arguments: str, status: int = 0) -> subprocess.CompletedProcess[str]:
    ran = subprocess.run(
        [sys.executable, "-m", "keystead", "account", arguments[0], *server.places, *arguments[1:]],
        capture_output=True,
        text=True,
        stdin=subprocess.DEVNULL,
        timeout=60,
        env=server.environment,
    )
    assert ran.returncode == status, (ran.returncode, ran.stdout, ran.stderr)
    assert "Traceback" not in ran.stderr
    return ran


def client(profile: Path, service: str) -> Any:
    """A client with all that a profile file says, its endpoint too."""
    profiles = configparser.ConfigParser()
    profiles.read(profile)
    section = profiles["profile keystead"]
    return boto3.client(
        service,
        region_name=section["region"],
        endpoint_url=section["endpoint_url"],
        aws_access_key_id=section["aws_access_key_id"],
        aws_secret_access_key=section["aws_secret_access_key"],
    )


def test_an_account_made_beside_a_server_is_served_at_once(server: Server) -> None:
    made = json.loads(account(server, "create", "--id", OTHER, "--json").stdout)
    profile = Path(made["profile"])
    assert made["account"] == OTHER
    assert stat.S_IMODE(profile.stat().st_mode) == 0o600
    for _ in range(8):  # both workers, most likely
        who = client(profile, "sts").get_caller_identity()
        assert (who["Account"], who["Arn"]) == (OTHER, f"arn:aws:iam::{OTHER}:user/admin")
    assert client(profile, "kms").create_key()["KeyMetadata"]["AWSAccountId"] == OTHER
    listed = account(server, "list").stdout.split()
    assert listed == [server.account, OTHER]
    assert json.loads(account(server, "list", "--json").stdout) == [{"account": one} for one in listed]


def test_an_account_is_made_once(server: Server) -> None:
    before = (server.profile.parent / f"aws-profile-{server.account}").exists()
    refused = account(server, "create", "--id", server.account, status=2)
    assert f"There is an account {server.account} already" in refused.stderr
    assert (server.profile.parent / f"aws-profile-{server.account}").exists() is before


def test_a_profile_in_use_is_never_written_over(server: Server, tmp_path: Path) -> None:
    file = tmp_path / "profile"
    file.write_text("precious")
    refused = account(server, "create", "--new-profile", str(file), status=2)
    assert "may hold credentials in use" in refused.stderr
    assert file.read_text() == "precious"


@pytest.mark.parametrize("wrong", ["1", "11112222333x", "1111222233334"])
def test_an_id_has_twelve_digits(server: Server, wrong: str) -> None:
    assert "twelve digits" in account(server, "create", "--id", wrong, status=2).stderr


def test_accounts_use_each_others_keys_where_both_sides_allow_it(server: Server) -> None:
    made = json.loads(account(server, "create", "--json").stdout)
    other = client(Path(made["profile"]), "kms")
    kms = server.client()
    key = kms.create_key()["KeyMetadata"]
    with pytest.raises(ClientError) as caught:
        other.encrypt(KeyId=key["Arn"], Plaintext=b"x")
    assert caught.value.response["Error"]["Code"] == "AccessDeniedException"
    policy = json.loads(kms.get_key_policy(KeyId=key["KeyId"])["Policy"])
    root = f"arn:aws:iam::{made['account']}:root"
    policy["Statement"].append(
        {"Effect": "Allow", "Principal": {"AWS": root}, "Action": ["kms:Encrypt", "kms:Decrypt"], "Resource": "*"}
    )
    kms.put_key_policy(KeyId=key["KeyId"], Policy=json.dumps(policy))
    sealed = other.encrypt(KeyId=key["Arn"], Plaintext=b"x")
    assert kms.decrypt(CiphertextBlob=sealed["CiphertextBlob"])["Plaintext"] == b"x"
    with pytest.raises(ClientError) as caught:
        other.describe_key(KeyId=key["Arn"])
    assert caught.value.response["Error"]["Code"] == "AccessDeniedException"
    with pytest.raises(ClientError) as caught:
        other.describe_key(KeyId=key["KeyId"])
    assert caught.value.response["Error"]["Code"] == "NotFoundException"


def test_a_role_of_one_account_is_assumed_from_another(server: Server) -> None:
    made = json.loads(account(server, "create", "--json").stdout)
    trust = {
        "Version": "2012-10-17",
        "Statement": [
            {
                "Effect": "Allow",
                "Principal": {"AWS": f"arn:aws:iam::{made['account']}:root"},
                "Action": "sts:AssumeRole",
            }
        ],
    }
    iam = server.client(service="iam")
    role = iam.create_role(RoleName="from-afar", AssumeRolePolicyDocument=json.dumps(trust))["Role"]["Arn"]
    session = client(Path(made["profile"]), "sts").assume_role(RoleArn=role, RoleSessionName="me")
    given = session["Credentials"]
    sts = boto3.client(
        "sts",
        region_name=REGION,
        endpoint_url=server.endpoint,
        aws_access_key_id=given["AccessKeyId"],
        aws_secret_access_key=given["SecretAccessKey"],
        aws_session_token=given["SessionToken"],
    )
    assert sts.get_caller_identity()["Arn"] == f"arn:aws:sts::{server.account}:assumed-role/from-afar/me"


def test_an_account_made_without_a_server_is_there_and_recorded_when_one_starts(tmp_path: Path) -> None:
    server = Server(tmp_path)
    with server:
        first = server.account
    made = json.loads(account(server, "create", "--json").stdout)
    with server:
        assert server.account == first
        assert client_of(server, made).get_caller_identity()["Account"] == made["account"]
    lines = [
        line
        for file in sorted((server.data / "journal").glob("*"))
        for line in file.read_text(errors="replace").splitlines()
        if "CreateAccountResult" in line
    ]
    assert len(lines) == 1
    record = json.loads(lines[0][lines[0].index("{") :])
    assert record["serviceEventDetails"]["createAccountStatus"]["accountId"] == made["account"]
    assert record["eventType"] == "AwsServiceEvent"
    verified = subprocess.run(
        [sys.executable, "-m", "keystead", "audit", "verify", *server.places],
        capture_output=True,
        text=True,
        timeout=60,
        env=server.environment,
    )
    assert verified.returncode == 0, verified.stderr


def client_of(server: Server, made: dict[str, Any]) -> Any:
    profiles = configparser.ConfigParser()
    profiles.read(made["profile"])
    section = profiles["profile keystead"]
    return server.client(
        service="sts", access_key_id=section["aws_access_key_id"], secret=section["aws_secret_access_key"]
    )
