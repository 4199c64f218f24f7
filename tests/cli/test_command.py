"""The command as a person meets it: sentences, exit statuses, first use, custodians, verification."""

from __future__ import annotations

import json
import os
import re
import stat
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from tests.server import Server


def keystead(home: Path, *arguments: str, status: int = 0, **environment: str) -> subprocess.CompletedProcess[str]:
    """Run the command with a home directory of its own and check its exit status."""
    inherited = {
        name: value for name, value in os.environ.items() if not name.startswith(("AWS_", "KEYSTEAD_", "XDG_"))
    }
    ran = subprocess.run(
        [sys.executable, "-m", "keystead", *arguments],
        capture_output=True,
        text=True,
        stdin=subprocess.DEVNULL,
        timeout=60,
        env={
            **inherited,
            "HOME": str(home),
            "PYTHONWARNINGS": "error",
            "PYTHONPATH": os.pathsep.join(sys.path),
            **environment,
        },
    )
    assert ran.returncode == status, (ran.returncode, ran.stdout, ran.stderr)
    assert "Traceback" not in ran.stderr
    return ran


def secret_file(path: Path, text: str) -> Path:
    path.write_text(text)
    path.chmod(0o600)
    return path


def test_init_makes_a_store_whose_secrets_only_the_owner_can_read(tmp_path: Path) -> None:
    made = json.loads(keystead(tmp_path, "init", "--json").stdout)
    assert re.fullmatch(r"[1-9][0-9]{11}", made["account"])
    assert re.fullmatch(r"AKIA[A-Z2-7]{16}", made["access_key_id"])
    profile = Path(made["profile"])
    root_key = tmp_path / ".config" / "keystead" / "root.key"
    for secret in (profile, root_key, Path(made["data"]) / "keystead.db"):
        assert stat.S_IMODE(secret.stat().st_mode) == 0o600, secret
    assert stat.S_IMODE(Path(made["data"]).stat().st_mode) == 0o700
    assert not root_key.is_relative_to(made["data"])
    assert not (tmp_path / ".aws").exists()


def test_init_changes_nothing_that_is_there(tmp_path: Path) -> None:
    keystead(tmp_path, "init")
    before = {path: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()}
    refused = keystead(tmp_path, "init", status=2)
    assert "Nothing was changed" in refused.stderr
    assert {path: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()} == before


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["serve", "--listen", "0.0.0.0:0"], "keystead tls init"),
        (["serve", "--listen", "kms.example.com:80"], "no IP address"),
        (["serve", "--listen", "nonsense"], "write 127.0.0.1:4600"),
        (["serve", "--workers", "0"], "workers must be between 1 and 64"),
        (["serve", "--tls-key", "key.pem"], "belong together"),
        (["serve", "--default-region", "mars-1"], "not one of the regions"),
        (["init", "--account", "12"], "twelve digits"),
        (["init", "--passphrase"], "--passphrase-file"),
        (["init", "--root-key", "~/.local/share/keystead/root.key"], "inside the data directory"),
        (["serve", "--config", "absent.toml"], "cannot be read"),
        (["custodian", "list"], "keystead init"),
        (["dev", "--listen", "0.0.0.0:0"], "can be reached by other machines"),
        (["serve", "--nonsense"], "No such option"),
        (["nonsense"], "No such command"),
    ],
)
def test_what_cannot_be_is_refused_with_a_sentence(tmp_path: Path, arguments: list[str], sentence: str) -> None:
    refused = keystead(tmp_path, *arguments, status=2)
    assert re.search(sentence, refused.stderr), refused.stderr
    assert refused.stdout == ""


def test_a_configuration_file_and_the_environment_say_the_same_as_options(tmp_path: Path) -> None:
    file = tmp_path / "keystead.toml"
    file.write_text(f'data = "{tmp_path / "from-file"}"\nworkers = 3\n')
    made = json.loads(keystead(tmp_path, "init", "--json", "--config", str(file)).stdout)
    assert made["data"] == str(tmp_path / "from-file")
    file.write_text("no-such-thing = 1\n")
    assert "no-such-thing" in keystead(tmp_path, "status", "--config", str(file), status=2).stderr
    refused = keystead(tmp_path, "status", KEYSTEAD_WORKERS="many", status=2)
    assert "workers" in refused.stderr
    assert "KEYSTEAD_WROKERS" in keystead(tmp_path, "status", KEYSTEAD_WROKERS="2", status=2).stderr


def test_status_warns_while_one_file_is_all_that_opens_the_root_key(tmp_path: Path) -> None:
    keystead(tmp_path, "init")
    found = json.loads(keystead(tmp_path, "status", "--json", status=1).stdout)
    assert (found["founded"], found["answers"], found["custodians"]) == (True, False, ["1 file"])
    assert "the only thing that opens the root key" in found["warnings"][0]
    passphrase = secret_file(tmp_path / "passphrase", "correct horse battery staple\n")
    keystead(tmp_path, "custodian", "add", "--new-passphrase-file", str(passphrase))
    found = json.loads(keystead(tmp_path, "status", "--json", status=1).stdout)
    assert found["custodians"] == ["1 file", "2 passphrase"]
    assert found["warnings"] == []


def test_status_tells_the_three_kinds_of_keys_apart(tmp_path: Path) -> None:
    with Server(tmp_path) as server:
        kms = server.client()
        kms.create_key()
        kms.describe_key(KeyId="alias/aws/ebs")
        kms.describe_key(KeyId="alias/aws/s3")
        status = keystead(tmp_path, "status", *server.places)
        assert "keys        1 customer managed, 0 imported, 2 AWS managed\n" in status.stdout
        found = json.loads(keystead(tmp_path, "status", *server.places, "--json").stdout)
        assert found["keys"] == {"customer managed": 1, "imported": 0, "AWS managed": 2}


def test_any_custodian_opens_and_the_last_one_stays(tmp_path: Path) -> None:
    with Server(tmp_path) as server:
        key = server.client().create_key()["KeyMetadata"]
        blob = server.client().encrypt(KeyId=key["KeyId"], Plaintext=b"kept")["CiphertextBlob"]
    passphrase = secret_file(tmp_path / "passphrase", "correct horse battery staple\n")
    places = server.places
    keystead(tmp_path, "custodian", "add", *places, "--new-passphrase-file", str(passphrase))
    server.root_key.unlink()
    with Server(tmp_path, options=("--passphrase-file", str(passphrase))) as server:
        assert server.client().decrypt(CiphertextBlob=blob)["Plaintext"] == b"kept"
    wrong = secret_file(tmp_path / "wrong", "not the passphrase at all\n")
    with pytest.raises(RuntimeError, match="ended with 78"):
        Server(tmp_path, options=("--passphrase-file", str(wrong))).start()
    remove = ["custodian", "remove", *places]
    assert "stays closed" in keystead(tmp_path, *remove, "--passphrase-file", str(wrong), "1", status=1).stderr
    keystead(tmp_path, *remove, "--passphrase-file", str(passphrase), "1")
    assert "the last" in keystead(tmp_path, *remove, "2", status=1).stderr
    assert json.loads(keystead(tmp_path, "custodian", "list", *places, "--json").stdout) == [
        {"slot": 2, "kind": "passphrase"}
    ]


def test_a_passphrase_file_that_others_can_read_is_refused(tmp_path: Path) -> None:
    keystead(tmp_path, "init")
    passphrase = secret_file(tmp_path / "passphrase", "correct horse battery staple\n")
    passphrase.chmod(0o644)
    refused = keystead(tmp_path, "custodian", "add", "--new-passphrase-file", str(passphrase), status=2)
    assert f"chmod 600 {passphrase}" in refused.stderr
    link = tmp_path / "link"
    link.symlink_to(passphrase)
    assert "not a link" in keystead(tmp_path, "custodian", "add", "--new-passphrase-file", str(link), status=2).stderr


def test_the_root_key_is_kept_out_of_the_data_directory_through_links_too(tmp_path: Path) -> None:
    (tmp_path / "data").mkdir(mode=0o700)
    (tmp_path / "link").symlink_to(tmp_path / "data")
    arguments = ["--data", str(tmp_path / "link"), "--root-key", str(tmp_path / "data" / "root.key")]
    assert "inside the data directory" in keystead(tmp_path, "init", *arguments, status=2).stderr


def test_verify_names_the_record_that_was_changed(tmp_path: Path) -> None:
    with Server(tmp_path) as server:
        for _ in range(3):
            server.client().create_key()
        time.sleep(1.5)  # a seal is made every second
    places = server.places
    whole = json.loads(keystead(tmp_path, "audit", "verify", *places, "--json").stdout)
    assert whole["intact"]
    assert whole["sealed"] == whole["records"] == 3
    [segment] = [path for path in (server.data / "journal").glob("segment*") if b"CreateKey" in path.read_bytes()]
    lines = segment.read_bytes().split(b"\n")
    segment.write_bytes(b"\n".join([*lines[:2], lines[2].replace(b"CreateKey", b"CreateKez"), *lines[3:]]))
    found = keystead(tmp_path, "audit", "verify", *places, status=1)
    assert "TAMPERED" in found.stdout
    assert segment.name in found.stdout
    report = json.loads(keystead(tmp_path, "audit", "verify", *places, "--json", status=1).stdout)
    assert {(entry["kind"], entry["line"]) for entry in report["findings"] if entry["tampering"]} == {("edited", 3)}


def test_the_stand_in_for_tests_is_there_at_once_and_leaves_nothing(tmp_path: Path) -> None:
    import boto3

    temporary = tmp_path / "temporary"
    temporary.mkdir()
    inherited = {name: value for name, value in os.environ.items() if not name.startswith(("AWS_", "KEYSTEAD_"))}
    begun = time.monotonic()
    process = subprocess.Popen(
        [sys.executable, "-m", "keystead", "dev", "--listen", "127.0.0.1:0", "--json"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**inherited, "TMPDIR": str(temporary), "PYTHONPATH": os.pathsep.join(sys.path)},
    )
    try:
        assert process.stdout is not None
        announced: dict[str, Any] = json.loads(process.stdout.readline())
        assert time.monotonic() - begun < 10  # well under a second on a quiet machine; this only catches a hang
        kms = boto3.client(
            "kms",
            endpoint_url=announced["endpoints"][0],
            region_name="eu-central-1",
            aws_access_key_id="test",
            aws_secret_access_key="test",
        )
        made = kms.create_key()["KeyMetadata"]
        assert made["AWSAccountId"] == "000000000000"
        blob = kms.encrypt(KeyId=made["KeyId"], Plaintext=b"x")["CiphertextBlob"]
        assert kms.decrypt(CiphertextBlob=blob)["Plaintext"] == b"x"
    finally:
        process.terminate()
        _, messages = process.communicate(timeout=20)
    assert process.returncode == 0
    assert "for tests only" in messages
    assert list(temporary.iterdir()) == []


def test_a_server_answers_on_ipv6_on_a_unix_socket_and_over_tls(tmp_path: Path) -> None:
    import socket

    keystead(tmp_path, "tls", "init", "--directory", str(tmp_path / "tls"))
    path = tmp_path / "k.sock"
    server = Server(
        tmp_path,
        options=(
            *("--listen", "127.0.0.1:0", "--listen", "[::1]:0", "--listen", f"unix:{path}"),
            *(
                "--tls-certificate",
                str(tmp_path / "tls" / "server.pem"),
                "--tls-key",
                str(tmp_path / "tls" / "server-key.pem"),
            ),
        ),
    )
    with server:
        first, second, unix = server.announced["endpoints"]
        assert (first.split(":")[0], second[:11], unix) == ("https", "https://[::", f"unix:{path}")
        for endpoint in (first, second):
            kms = server.client(endpoint=endpoint, verify=str(tmp_path / "tls" / "ca.pem"))
            assert len(kms.generate_random(NumberOfBytes=8)["Plaintext"]) == 8
        with socket.socket(socket.AF_UNIX) as peer:
            peer.settimeout(10)
            peer.connect(str(path))
            peer.sendall(b"GET /readyz HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
            assert peer.recv(65_536).startswith(b"HTTP/1.1 200 ")
    assert not path.exists()


def test_version_and_help_say_what_they_should(tmp_path: Path) -> None:
    assert re.fullmatch(r"keystead \d+\.\d+\.\d+\S*\n", keystead(tmp_path, "version").stdout)
    assert "keystead" in json.loads(keystead(tmp_path, "version", "--json").stdout)
    for command in ("", "serve", "init", "dev", "status", "custodian", "audit", "tls"):
        assert "keystead " in keystead(tmp_path, *([command] if command else []), "--help").stdout
