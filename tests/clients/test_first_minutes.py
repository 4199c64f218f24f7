"""A new user's first five minutes: `make serve` in one terminal, in another the commands it prints, pasted as they are."""

from __future__ import annotations

import base64
import os
import shutil
import signal
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.clients.programs import AWS
from tests.house.reading import ROOT

pytestmark = pytest.mark.clients

READY_WITHIN = 60.0


def environment_of_a_newcomer(home: Path) -> dict[str, str]:
    """No AWS settings, an empty home, and the PATH of the machine."""
    kept = {name: os.environ[name] for name in ("PATH", "LANG", "TMPDIR") if name in os.environ}
    return {**kept, "HOME": str(home), "AWS_EC2_METADATA_DISABLED": "true", "NO_PROXY": "*"}


@pytest.fixture
def banner(tmp_path: Path) -> Iterator[list[str]]:
    """The lines `make serve` shows until the server answers; the server runs until the test is over."""
    if not AWS.exists() and shutil.which("aws") is None:
        pytest.skip("the AWS CLI is not installed")
    shown = tmp_path / "terminal"
    with shown.open("wb") as terminal:
        make = subprocess.Popen(
            ["make", "--no-print-directory", "serve", "ARGS=--listen 127.0.0.1:0 --workers 2"],
            cwd=ROOT,
            env=environment_of_a_newcomer(tmp_path),
            stdout=terminal,
            stderr=terminal,
            start_new_session=True,
        )
    try:
        end = time.monotonic() + READY_WITHIN
        while "aws kms encrypt" not in shown.read_text() or not shown.read_text().endswith("\n"):
            assert make.poll() is None, f"make serve ended with {make.returncode}:\n{shown.read_text()}"
            assert time.monotonic() < end, f"the server does not get ready:\n{shown.read_text()}"
            time.sleep(0.05)
        yield shown.read_text().splitlines()
        os.killpg(make.pid, signal.SIGINT)  # Ctrl-C in that terminal
        make.wait(30)
    finally:
        if make.poll() is None:
            os.killpg(make.pid, signal.SIGKILL)
            make.wait(10)


def commands(banner: list[str]) -> list[str]:
    """What the user pastes: the indented lines after the sentence that says so."""
    start = next(number for number, line in enumerate(banner) if line.startswith("In another terminal"))
    return [line.strip() for line in banner[start:] if line.startswith("  ")]


def paste(lines: list[str], home: Path) -> list[str]:
    """The lines, run one after the other in one shell as a person would, each of them has to work."""
    shell = shutil.which("bash") or "sh"
    ended = subprocess.run(
        [shell, "-e"],
        input="\n".join(lines),
        cwd=ROOT,
        env=environment_of_a_newcomer(home),
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert ended.returncode == 0, f"{ended.stdout}\n{ended.stderr}"
    return ended.stdout.split()


def test_the_three_commands_work_exactly_as_printed(banner: list[str], tmp_path: Path) -> None:
    three = commands(banner)
    assert len(three) == 3
    key, blob = paste(three, tmp_path)
    assert len(key) == 36
    sealed = tmp_path / "sealed"
    sealed.write_bytes(base64.b64decode(blob, validate=True))
    back = [*three[:1], f"aws kms decrypt --ciphertext-blob fileb://{sealed} --query KeyId --output text"]
    assert paste(back, tmp_path)[0].endswith(f":key/{key}")


def test_the_credentials_are_private_and_the_users_own_files_untouched(banner: list[str], tmp_path: Path) -> None:
    profile = next(Path(line.split()[1]) for line in banner if line.startswith("credentials"))
    assert profile.stat().st_mode & 0o777 == 0o600
    assert tmp_path in profile.parents
    assert not (tmp_path / ".aws").exists()
