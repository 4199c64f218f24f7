"""What tests of multi-Region keys share: a family of keys in an office, and how it looks from each region."""

from __future__ import annotations

import asyncio
import json
from typing import Any

from tests.services.office import REGION, Office

THERE, THIRD = "eu-central-1", "ap-southeast-2"
DAY = 86_400.0


async def family(office: Office, *regions: str, **members: Any) -> str:
    """A primary with replicas; returns their id."""
    made = await office.make_key(MultiRegion=True, **members)
    for region in regions:
        status, answer = await office.call("ReplicateKey", KeyId=made["KeyId"], ReplicaRegion=region)
        assert status == 200, answer
    return str(made["KeyId"])


async def code(office: Office, operation: str, principal: Any = None, *, region: str = REGION, **body: Any) -> str:
    status, answer = await office.call(operation, principal, region=region, **body)
    return "" if status == 200 else str(answer["__type"])


async def described(office: Office, key_id: str, region: str = REGION) -> dict[str, Any]:
    _, answer = await office.call("DescribeKey", region=region, KeyId=key_id)
    metadata: dict[str, Any] = answer.get("KeyMetadata", {})
    return metadata


async def swept(office: Office) -> None:
    office.sweep.run()
    await asyncio.sleep(0.1)


def policy(*statements: dict[str, Any]) -> str:
    return json.dumps(
        {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Resource": "*", **s} for s in statements]}
    )
