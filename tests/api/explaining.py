"""What tests of Explain share: its client, and how a refusal is read."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import ClientError

from tests.admin import client
from tests.server import Server

Explain = Callable[..., dict[str, Any]]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("model")


@pytest.fixture
def explain(server: Server, folder: Path) -> Explain:
    return client(server, folder).explain  # type: ignore[no-any-return]


def denied(function: Callable[..., Any], **arguments: Any) -> tuple[str, str]:
    """The code and the request id of a call that is refused."""
    with pytest.raises(ClientError) as caught:
        function(**arguments)
    return caught.value.response["Error"]["Code"], caught.value.response["ResponseMetadata"]["RequestId"]


def refusal(function: Callable[..., Any], **arguments: Any) -> tuple[str, str]:
    with pytest.raises(ClientError) as caught:
        function(**arguments)
    return caught.value.response["Error"]["Code"], caught.value.response["Error"]["Message"]


def says(answer: dict[str, Any]) -> list[str]:
    return [change["Says"] for proposal in answer["Proposals"] for change in proposal["Changes"]]
