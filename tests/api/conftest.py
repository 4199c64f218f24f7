"""One real server with one worker and one with two, for all tests of the API in this process; keys that tests share."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import ClientError

from tests.api import openssl
from tests.declared import OURS, may_answer
from tests.server import Server

Keys = Callable[[str, str], dict[str, Any]]
Refused = Callable[..., tuple[str, str]]


@pytest.fixture(scope="session", params=[1, 2], ids=["1 worker", "2 workers"])
def server(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    with Server(tmp_path_factory.mktemp("server"), workers=request.param) as running:
        yield running


@pytest.fixture(scope="session")
def kms(server: Server) -> Any:
    return server.client()


@pytest.fixture(scope="session")
def iam(server: Server) -> Any:
    return server.client(service="iam")


@pytest.fixture(scope="session")
def sts(server: Server) -> Any:
    return server.client(service="sts")


@pytest.fixture
def key(kms: Any) -> dict[str, Any]:
    return kms.create_key(Description="a key of a test")["KeyMetadata"]


@pytest.fixture(scope="session")
def keys(kms: Any) -> Keys:
    """A key of that spec and usage, the same for every test that asks: none may change it. RSA keys take long to make."""
    made: dict[tuple[str, str], dict[str, Any]] = {}

    def of(spec: str, usage: str) -> dict[str, Any]:
        if (spec, usage) not in made:
            made[spec, usage] = kms.create_key(KeySpec=spec, KeyUsage=usage)["KeyMetadata"]
        return made[spec, usage]

    return of


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Where the openssl program finds its files."""
    if openssl.PROGRAM is None:
        pytest.skip("openssl is not installed")
    return tmp_path


@pytest.fixture(scope="session")
def refused() -> Refused:
    """Call what must be refused, with a code that the operation's model declares (`tests.declared`); returns (code,
    message)."""

    def call(function: Callable[..., Any], **arguments: Any) -> tuple[str, str]:
        with pytest.raises(ClientError) as caught:
            function(**arguments)
        error = caught.value.response["Error"]
        operation = caught.value.operation_name
        client = getattr(function, "__self__", None)  # none: it is a function of the test's own, which calls KMS
        service = "kms" if client is None else client.meta.service_model.service_name
        assert error["Code"] in OURS or may_answer(operation, error["Code"], service), (operation, error)
        return error["Code"], error.get("Message", "")

    return call
