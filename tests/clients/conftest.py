"""One real server for all client programs, and the programs themselves."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.clients.programs import PROGRAMS, AwsCli, Program
from tests.server import REGION, Server


@pytest.fixture(scope="session")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """`keystead serve` with two worker processes on a free loopback port."""
    with Server(tmp_path_factory.mktemp("server"), workers=2) as server:
        yield server


def pointing_at(server: Server) -> dict[str, str]:
    """What a user exports to point unmodified programs at a server."""
    access_key_id, secret = server.keys()
    return {
        "PATH": os.environ["PATH"],
        "HOME": str(server.home),
        **{f"AWS_ENDPOINT_URL_{service}": server.endpoint for service in ("KMS", "IAM", "STS")},
        "AWS_REGION": REGION,
        "AWS_DEFAULT_REGION": REGION,
        "AWS_ACCESS_KEY_ID": access_key_id,
        "AWS_SECRET_ACCESS_KEY": secret,
        "AWS_EC2_METADATA_DISABLED": "true",
        "NO_PROXY": "*",
    }


@pytest.fixture(scope="session")
def environment(server: Server) -> dict[str, str]:
    return pointing_at(server)


@pytest.fixture(scope="session", params=PROGRAMS, ids=[program.name for program in PROGRAMS])
def program(
    request: pytest.FixtureRequest, environment: dict[str, str], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Program]:
    with request.param(environment, tmp_path_factory.mktemp("blobs")) as program:
        yield program


@pytest.fixture
def aws(environment: dict[str, str], tmp_path: Path) -> Iterator[AwsCli]:
    with AwsCli(environment, tmp_path) as program:
        yield program
