"""Client programs over TLS, trusting the local authority that `keystead tls init` makes and nothing else."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.clients.conftest import pointing_at
from tests.clients.journeys import data_keys
from tests.clients.programs import PROGRAMS, Program
from tests.server import Server

pytestmark = pytest.mark.clients


@pytest.fixture(scope="module")
def secured(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    home = tmp_path_factory.mktemp("secured")
    made = home / "tls"
    init = [sys.executable, "-m", "keystead", "tls", "init", "--directory", str(made)]
    subprocess.run(init, check=True, env=Server(home).environment, capture_output=True, timeout=30)
    options = ("--tls-certificate", str(made / "server.pem"), "--tls-key", str(made / "server-key.pem"))
    with Server(home, options=options) as server:
        yield server


@pytest.mark.parametrize("kind", PROGRAMS, ids=lambda kind: kind.name)
def test_a_client_program_trusts_the_local_authority(secured: Server, kind: type[Program], tmp_path: Path) -> None:
    assert secured.endpoint.startswith("https://")
    authority = str(secured.home / "tls" / "ca.pem")
    with kind(
        {**pointing_at(secured), "AWS_CA_BUNDLE": authority, "NODE_EXTRA_CA_CERTS": authority}, tmp_path
    ) as program:
        data_keys(program)


@pytest.mark.parametrize("kind", PROGRAMS, ids=lambda kind: kind.name)
def test_a_client_program_without_the_authority_does_not_talk(
    secured: Server, kind: type[Program], tmp_path: Path
) -> None:
    with kind(pointing_at(secured), tmp_path) as program, pytest.raises(AssertionError, match=r"(?i)certificate|SSL"):
        program.call("ListKeys")
