"""The frame the tests stand in: sockets stay on this machine, and a skip nobody expected fails."""

from __future__ import annotations

import os
import re
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from tests import skips
from tests.house.reading import ROOT
from tests.loopback import BeyondLoopback, stays_here

ELSEWHERE = "192.0.2.1"  # RFC 5737: nobody's address. Connecting a datagram socket sends nothing, guard or no guard.


@pytest.mark.parametrize("host", ["127.0.0.1", "127.8.9.1", "::1", "localhost", "", b"127.0.0.1", None])
def test_this_machine_is_known(host: object) -> None:
    assert stays_here(host)


@pytest.mark.parametrize(
    "host", [ELSEWHERE, "10.0.0.1", "169.254.169.254", "fe80::1%lo", "example.com", "127.0.0.1.example.com", b"\xff"]
)
def test_another_machine_is_known(host: object) -> None:
    assert not stays_here(host)


@pytest.mark.parametrize("how", ["connect", "connect_ex"])
def test_no_socket_reaches_beyond_this_machine(how: str) -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as one, pytest.raises(BeyondLoopback):
        getattr(one, how)((ELSEWHERE, 9))


def test_no_host_name_is_looked_up() -> None:
    with pytest.raises(BeyondLoopback):
        socket.getaddrinfo("kms.us-east-1.amazonaws.invalid", 443)


def test_sockets_on_this_machine_work() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server, socket.create_connection(server.getsockname()) as client:
        client.sendall(b"x")
        with server.accept()[0] as accepted:
            assert accepted.recv(1) == b"x"


def test_no_aws_setting_of_the_machine_reaches_a_test() -> None:
    assert os.environ["AWS_SHARED_CREDENTIALS_FILE"] == os.devnull
    assert "AWS_PROFILE" not in os.environ
    assert "HTTPS_PROXY" not in os.environ


def test_expected_skips_are_well_formed() -> None:
    for row in skips.read(skips.EXPECTED):
        assert (ROOT / row.test.partition("::")[0]).exists(), row
        assert re.compile(row.reason), row
        assert len(row.because) > 20, row


SKIPPING = """
import pytest

@pytest.mark.skip(reason="the moon is away")
def test_marked(): ...

def test_called():
    pytest.skip("the moon is away")

def test_run(): ...

@pytest.mark.xfail(reason="known", strict=True)
def test_known():
    assert 0
"""


def run(folder: Path, *, strict: bool, text: str = SKIPPING) -> str:
    (folder / "test_moon.py").write_text(text)
    (folder / "pytest.ini").write_text("[pytest]\n")
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "KEYSTEAD_STRICT_SKIPS": "1" if strict else "0"}
    command = [sys.executable, "-m", "pytest", "-q", "-p", "tests.skips", "-p", "no:cacheprovider", str(folder)]
    return subprocess.run(command, env=environment, cwd=folder, capture_output=True, text=True, check=False).stdout


def test_a_skip_nobody_expected_fails_the_run(tmp_path: Path) -> None:
    printed = run(tmp_path, strict=True)
    assert "1 failed, 1 passed, 1 xfailed, 1 error" in printed.splitlines()[-1]
    assert "does not expect it: the moon is away" in printed


def test_without_strictness_a_skip_is_reported(tmp_path: Path) -> None:
    assert "1 passed, 2 skipped, 1 xfailed" in run(tmp_path, strict=False).splitlines()[-1]


def test_a_skipped_module_fails_the_run(tmp_path: Path) -> None:
    text = 'import pytest\n\npytest.skip("no moon at all", allow_module_level=True)\n'
    assert "1 error" in run(tmp_path, strict=True, text=text).splitlines()[-1]


def test_a_row_covers_its_tests_and_its_reason_alone() -> None:
    row = skips.Expected("tests/a/test_b.py::test_c", r"needs \w+", "because this and that")
    assert row.covers("tests/a/test_b.py::test_c[1]", "needs root")
    assert not row.covers("tests/a/test_b.py::test_d", "needs root")
    assert not row.covers("tests/a/test_b.py::test_c", "needs root and more")
