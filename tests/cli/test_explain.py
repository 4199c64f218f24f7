"""``keystead explain`` against a real server: what a person reads, what a program reads, and exit statuses."""

from __future__ import annotations

import json
import re
import shlex
import textwrap
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials
from botocore.exceptions import ClientError

from keystead.cli import calling, profile
from keystead.cli.profile import Access
from tests.cli.test_command import keystead
from tests.server import Server


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    with Server(tmp_path_factory.mktemp("explain")) as running:
        yield running


@pytest.fixture(scope="module")
def key(server: Server) -> str:
    """A key that alice may decrypt with under project=blue. Its alias is alias/app."""
    kms, iam = server.client(), server.client(service="iam")
    made = kms.create_key()["KeyMetadata"]
    kms.create_alias(AliasName="alias/app", TargetKeyId=made["KeyId"])
    iam.create_user(UserName="alice")
    statement = {
        "Sid": "Mine",
        "Effect": "Allow",
        "Action": "kms:Decrypt",
        "Resource": made["Arn"],
        "Condition": {"StringEquals": {"kms:EncryptionContext:project": "blue"}},
    }
    document = json.dumps({"Version": "2012-10-17", "Statement": statement})
    iam.put_user_policy(UserName="alice", PolicyName="use", PolicyDocument=document)
    return str(made["Arn"])


def explain(server: Server, *arguments: str, status: int) -> Any:
    return keystead(server.home, "explain", *server.places, *arguments, status=status)


def test_a_denial_is_told_as_a_tree_with_the_smallest_change_last(server: Server, key: str) -> None:
    ran = explain(server, "alice", "kms:Decrypt", "alias/app", "--context", "project=red", status=1)
    told = ran.stdout
    assert (
        f"arn:aws:iam::{server.account}:user/alice\nkms:Decrypt on {key}\nDENIED: no identity policy allows\n" in told
    )
    assert "  encryption context  project=red\n" in told
    assert (
        "identity policy: the inline policy use of the user alice\n"
        "  - statement 1 'Mine'  Allow: does not match in Condition\n"
        "      StringEquals kms:EncryptionContext:project fails: wanted blue; it is red\n"
    ) in told
    assert "key policy\n  + statement 1 'Enable IAM User Permissions'  Allow\n" in told
    assert (
        "The smallest change that would allow it:\n  pass the encryption context pair project=blue\n\nor:\n  in statement 1"
    ) in told
    assert "\x1b" not in told, "no colours where there is no terminal"


def test_what_is_allowed_has_the_exit_status_of_success(server: Server, key: str) -> None:
    ran = explain(server, "alice", "kms:Decrypt", key, "--context", "project=blue", status=0)
    assert "ALLOWED: the key policy trusts the account and an identity policy allows\n" in ran.stdout
    assert "> + statement 1 'Mine'  Allow: this decided\n" in ran.stdout
    assert "smallest change" not in ran.stdout


def test_a_denied_call_is_told_by_its_request_id(server: Server, key: str) -> None:
    made = server.client(service="iam").create_access_key(UserName="alice")["AccessKey"]
    alice = server.client(access_key_id=made["AccessKeyId"], secret=made["SecretAccessKey"])
    with pytest.raises(ClientError) as caught:
        alice.encrypt(KeyId=key, Plaintext=b"x")
    request_id = caught.value.response["ResponseMetadata"]["RequestId"]
    told = explain(server, "--request-id", request_id, status=1).stdout
    assert f"kms:Encrypt on {key}\nDENIED: no identity policy allows\n" in told
    assert "the record  Encrypt at 20" in told
    assert "  not recorded: the encryption context, if there was one" in told
    assert '      Action is "kms:Decrypt"\n' in told


def test_a_program_reads_all_of_it(server: Server, key: str) -> None:
    ran = explain(server, "alice", "kms:Decrypt", key, "--json", status=1)
    answer = json.loads(ran.stdout)
    assert (answer["Allowed"], answer["Question"]["Resource"]) == (False, key)
    assert answer["Proposals"][0]["Changes"][0]["Says"] == "pass the encryption context pair project=blue"


def test_everything_that_can_be_said_arrives(server: Server, key: str) -> None:
    said = ("--via", "s3.us-east-1.amazonaws.com", "--source-ip", "10.1.2.3", "--user-agent", "x", "--tls")
    more = ("--at", "2026-11-25T09:30:00Z", "--with", "kms:EncryptionAlgorithm=SYMMETRIC_DEFAULT", "--json")
    asked = json.loads(explain(server, "alice", "kms:Decrypt", key, *said, *more, status=1).stdout)["Question"]
    assert asked["ViaService"] == "s3.us-east-1.amazonaws.com"
    assert (asked["SourceIp"], asked["UserAgent"], asked["SecureTransport"]) == ("10.1.2.3", "x", True)
    assert asked["Time"] == 1795599000


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        ((), "Say who and what"),
        (("alice",), "Say who and what"),
        (("nobody", "kms:Decrypt", "alias/app"), "There is no principal nobody in this account"),
        (("alice", "kms:Decrypt", "alias/other"), "alias/other is not found"),
        (("alice", "kms:Nothing", "alias/app"), "There is no action kms:Nothing"),
        (("--request-id", "0"), "holds no call of this account under the request id 0"),
        (("alice", "kms:Decrypt", "alias/app", "--context", "blue"), "--context takes NAME=VALUE"),
        (("alice", "kms:Decrypt", "alias/app", "--at", "noon"), "--at takes a time"),
        (("alice", "kms:ListKeys", "--region", "mars-1"), "Credential should be scoped to a valid region"),
    ],
)
def test_what_cannot_be_explained_is_one_sentence(
    server: Server, key: str, arguments: tuple[str, ...], sentence: str
) -> None:
    ran = explain(server, *arguments, status=2)
    assert sentence in ran.stderr
    assert ran.stdout == ""
    assert len(ran.stderr.strip().splitlines()) == 1


def test_a_server_that_is_not_there_is_said_to_be_none(tmp_path: Path) -> None:
    assert "holds no credentials" in keystead(tmp_path, "explain", "a", "kms:ListKeys", status=2).stderr
    keystead(tmp_path, "init")
    assert "start it with `keystead serve`" in keystead(tmp_path, "explain", "a", "kms:ListKeys", status=2).stderr


# --- the documentation ------------------------------------------------------------------------------------------------

PAGE = Path(__file__).resolve().parents[2] / "docs" / "explain.md"
SHOWN = re.compile(r"^    \$ keystead explain (.*)\n((?:    .*\n|\n(?=    ))*)", re.MULTILINE)


def test_the_page_shows_what_the_command_says(server: Server, key: str) -> None:
    """With other names for account, key and times. A line of three dots stands for lines that are left out."""
    examples = SHOWN.findall(PAGE.read_text())
    assert len(examples) >= 3
    request_id = _denied_decrypt(server, key)
    for arguments, shown in examples:
        said = [
            request_id if each == "3bc8402a-6a03-4ca6-b27e-c16860fd4f28" else each for each in shlex.split(arguments)
        ]
        told = explain(server, *said, status=0 if "ALLOWED" in shown else 1).stdout
        told = told.replace(server.account, "111122223333").replace(
            key.rpartition("/")[2], "1234abcd-12ab-34cd-56ef-1234567890ab"
        )
        told = re.sub(r"20\d\d-\d\d-\d\dT\d\d:\d\d:\d\dZ", "2026-11-25T09:30:00Z", told)
        wanted = re.escape(textwrap.dedent(shown).strip("\n")).replace(re.escape("..."), "(?s:.*)")
        assert re.fullmatch(wanted, told.strip("\n")), f"{arguments}\n{told}"


def _denied_decrypt(server: Server, key: str) -> str:
    kms, iam = server.client(), server.client(service="iam")
    sealed = kms.encrypt(KeyId=key, Plaintext=b"x", EncryptionContext={"project": "red"})["CiphertextBlob"]
    for old in iam.list_access_keys(UserName="alice")["AccessKeyMetadata"]:
        iam.delete_access_key(UserName="alice", AccessKeyId=old["AccessKeyId"])
    made = iam.create_access_key(UserName="alice")["AccessKey"]
    alice = server.client(access_key_id=made["AccessKeyId"], secret=made["SecretAccessKey"])
    with pytest.raises(ClientError) as caught:
        alice.decrypt(KeyId=key, CiphertextBlob=sealed, EncryptionContext={"project": "red"})
    return str(caught.value.response["ResponseMetadata"]["RequestId"])


# --- the signature ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("token", [None, "session-token"])
def test_the_signature_is_the_one_that_botocore_makes(token: str | None, monkeypatch: pytest.MonkeyPatch) -> None:
    to = Access("http://127.0.0.1:4600", None, "eu-central-1", "AKIAEXAMPLE", "secret", token)
    body, now = b'{"RequestId":"x"}', 1_795_599_000.0
    mine = calling.signed(to, "Explain", "127.0.0.1:4600", body, now)
    theirs = AWSRequest("POST", "http://127.0.0.1:4600/", {
        name: mine[name] for name in ("content-type", "x-amz-target")
    }, body)  # fmt: skip
    signer = SigV4Auth(Credentials("AKIAEXAMPLE", "secret", token), "keystead", "eu-central-1")
    monkeypatch.setattr("botocore.auth.get_current_datetime", lambda: _moment(now))
    signer.add_auth(theirs)
    assert mine["authorization"] == theirs.headers["Authorization"]


def _moment(now: float) -> Any:
    from datetime import UTC, datetime

    return datetime.fromtimestamp(now, UTC)


def test_a_profile_that_names_nobody_is_none(tmp_path: Path) -> None:
    path = tmp_path / "profile"
    assert profile.read(path) is None
    for text in ("[profile other]\nregion = x\n", "[profile keystead]\nregion = x\n", "nonsense", "\0[\n"):
        path.write_text(text)
        assert profile.read(path) is None
    profile.write(path, "AKIA", "secret", "us-east-1")
    assert profile.read(path) == Access(None, None, "us-east-1", "AKIA", "secret")
    profile.point(path, "https://127.0.0.1:4600", Path("/ca.pem"))
    assert profile.read(path) == Access("https://127.0.0.1:4600", "/ca.pem", "us-east-1", "AKIA", "secret")
