"""A real file under a data key, as a person does it: `aws` for the data key, `openssl` for the file."""

from __future__ import annotations

import base64
import json
import os
import shutil
import subprocess
from pathlib import Path

import pytest

from tests.clients.programs import AwsCli

pytestmark = pytest.mark.clients


def openssl(*arguments: str) -> None:
    program = shutil.which("openssl")
    if program is None:
        pytest.skip("openssl is not installed")
    subprocess.run([program, *arguments], check=True, timeout=30)


def test_a_file_is_encrypted_under_a_data_key_and_comes_back(aws: AwsCli, tmp_path: Path) -> None:
    letter, sealed, again = tmp_path / "letter", tmp_path / "letter.enc", tmp_path / "letter.again"
    letter.write_bytes(os.urandom(1 << 20))
    key = json.loads(aws.run("kms", "create-key").stdout)["KeyMetadata"]["KeyId"]
    made = json.loads(
        aws.run(
            "kms", "generate-data-key", "--key-id", key, "--key-spec", "AES_256", "--encryption-context", "file=letter"
        ).stdout
    )

    secret, start = base64.b64decode(made["Plaintext"]).hex(), os.urandom(16).hex()
    openssl("enc", "-aes-256-ctr", "-K", secret, "-iv", start, "-in", str(letter), "-out", str(sealed))
    (tmp_path / "letter.key").write_bytes(base64.b64decode(made["CiphertextBlob"]))
    assert letter.read_bytes()[:64] not in sealed.read_bytes()

    blob = f"fileb://{tmp_path / 'letter.key'}"
    opened = aws.run(
        "kms",
        "decrypt",
        "--ciphertext-blob",
        blob,
        "--encryption-context",
        "file=letter",
        "--query",
        "Plaintext",
        "--output",
        "text",
    )
    secret = base64.b64decode(opened.stdout).hex()
    openssl("enc", "-d", "-aes-256-ctr", "-K", secret, "-iv", start, "-in", str(sealed), "-out", str(again))
    assert again.read_bytes() == letter.read_bytes()
