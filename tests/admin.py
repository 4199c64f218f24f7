"""A boto3 client of Keystead's own service, made of its model as anybody could make one."""

from __future__ import annotations

import json
from importlib import resources
from pathlib import Path
from typing import Any

import botocore.session
from botocore.config import Config

from tests.server import REGION, Server

_ENDPOINTS = {
    "version": "1.0",
    "parameters": {"Endpoint": {"type": "String", "builtIn": "SDK::Endpoint", "required": True, "documentation": ""}},
    "rules": [
        {
            "conditions": [],
            "endpoint": {"url": {"ref": "Endpoint"}, "properties": {}, "headers": {}},
            "type": "endpoint",
        }
    ],
}


def client(server: Server, folder: Path, access_key_id: str | None = None, secret: str | None = None) -> Any:
    """The client of the server's first administrator, or of whoever has the access key. ``folder`` holds the model."""
    model = folder / "keystead" / "2026-11-01"
    if not model.exists():
        model.mkdir(parents=True)
        pinned = resources.files("keystead.model.pinned") / "keystead-2026-11-01.json"
        (model / "service-2.json").write_bytes(pinned.read_bytes())
        (model / "endpoint-rule-set-1.json").write_text(json.dumps(_ENDPOINTS))
    session = botocore.session.Session()
    session.get_component("data_loader").search_paths.insert(0, str(folder))
    own = server.keys()
    return session.create_client(
        "keystead",
        region_name=REGION,
        endpoint_url=server.endpoint,
        aws_access_key_id=access_key_id or own[0],
        aws_secret_access_key=secret or own[1],
        config=Config(parameter_validation=False, retries={"total_max_attempts": 1}, read_timeout=30),
    )
