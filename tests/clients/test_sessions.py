"""Temporary credentials as the AWS CLI gets them by itself: a profile with a role and a source, a profile with a token
in a file; and across accounts."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.clients.conftest import pointing_at
from tests.clients.programs import AwsCli
from tests.oidc import provider
from tests.server import REGION, Server

pytestmark = pytest.mark.clients

HOST = "idp.example.com/tenant"
KMS = json.dumps({"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "kms:*", "Resource": "*"}]})


@pytest.fixture(scope="module")
def web(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A server that knows an identity provider."""
    home = tmp_path_factory.mktemp("web")
    keys, config = home / "keys.json", home / "keystead.toml"
    keys.write_bytes(provider.published())
    config.write_text(
        f'[[oidc-issuers]]\nissuer = "{provider.ISSUER}"\naudiences = ["{provider.AUDIENCE}"]\njwks-file = "{keys}"\n'
    )
    with Server(home, workers=2, options=("--config", str(config))) as running:
        yield running


@pytest.fixture
def shell(web: Server, tmp_path: Path) -> Iterator[AwsCli]:
    with AwsCli(pointing_at(web), tmp_path) as program:
        yield program


def trusting(principal: dict[str, str], action: str, **condition: Any) -> str:
    statement: dict[str, Any] = {"Effect": "Allow", "Principal": principal, "Action": action}
    if condition:
        statement["Condition"] = condition
    return json.dumps({"Version": "2012-10-17", "Statement": [statement]})


def with_profile(shell: AwsCli, text: str, folder: Path) -> AwsCli:
    """The same program for somebody who has this configuration file and nothing else."""
    config = folder / "config"
    config.write_text(text)
    kept = {name: value for name, value in shell.environment.items() if "ACCESS_KEY" not in name}
    own = AwsCli({**kept, "AWS_CONFIG_FILE": str(config), "AWS_PROFILE": "job"}, folder)
    own.unknown = shell.unknown
    return own


def test_a_profile_with_a_role_and_a_source_assumes_it(web: Server, shell: AwsCli, tmp_path: Path) -> None:
    trust = trusting(
        {"AWS": f"arn:aws:iam::{web.account}:root"}, "sts:AssumeRole", StringEquals={"sts:ExternalId": "x1"}
    )
    role = shell.call("iam:CreateRole", RoleName="job", AssumeRolePolicyDocument=trust)["Role"]["Arn"]
    shell.call("iam:PutRolePolicy", RoleName="job", PolicyName="kms", PolicyDocument=KMS)
    access_key_id, secret = web.keys()
    source = f"[profile admin]\naws_access_key_id = {access_key_id}\naws_secret_access_key = {secret}\n"
    profile = f"[profile job]\nrole_arn = {role}\nsource_profile = admin\nexternal_id = x1\nrole_session_name = me\n"
    job = with_profile(shell, source + profile, tmp_path)
    assert job.call("sts:GetCallerIdentity")["Arn"] == f"arn:aws:sts::{web.account}:assumed-role/job/me"
    key = job.call("CreateKey")["KeyMetadata"]["KeyId"]
    sealed = job.call("Encrypt", KeyId=key, Plaintext=b"x")["CiphertextBlob"]
    assert job.call("Decrypt", CiphertextBlob=sealed)["Plaintext"] == b"x"


def test_a_profile_with_a_token_in_a_file_needs_no_key(web: Server, shell: AwsCli, tmp_path: Path) -> None:
    federated = {"Federated": f"arn:aws:iam::{web.account}:oidc-provider/{HOST}"}
    trust = trusting(federated, "sts:AssumeRoleWithWebIdentity", StringEquals={f"{HOST}:sub": provider.SUBJECT})
    role = shell.call("iam:CreateRole", RoleName="pod", AssumeRolePolicyDocument=trust)["Role"]["Arn"]
    shell.call("iam:PutRolePolicy", RoleName="pod", PolicyName="kms", PolicyDocument=KMS)
    file, now = tmp_path / "token", int(time.time())
    file.write_text(provider.token(iat=now, nbf=now, exp=now + 600))
    profile = f"[profile job]\nrole_arn = {role}\nweb_identity_token_file = {file}\nrole_session_name = pod\n"
    job = with_profile(shell, profile + f"region = {REGION}\n", tmp_path)
    assert job.call("sts:GetCallerIdentity")["Arn"] == f"arn:aws:sts::{web.account}:assumed-role/pod/pod"
    assert job.call("CreateKey")["KeyMetadata"]["Enabled"]


def test_a_role_of_another_account_is_assumed_by_its_arn(web: Server, shell: AwsCli, tmp_path: Path) -> None:
    made = subprocess.run(
        [sys.executable, "-m", "keystead", "account", "create", *web.places, "--json"],
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
        env=web.environment,
    )
    other = json.loads(made.stdout)
    trust = trusting({"AWS": f"arn:aws:iam::{other['account']}:root"}, "sts:AssumeRole")
    role = shell.call("iam:CreateRole", RoleName="guest", AssumeRolePolicyDocument=trust)["Role"]["Arn"]
    profile = Path(other["profile"]).read_text().replace("[profile keystead]", "[profile admin]")
    job = with_profile(shell, f"{profile}\n[profile job]\nrole_arn = {role}\nsource_profile = admin\n", tmp_path)
    assert job.call("sts:GetCallerIdentity")["Account"] == web.account
