"""Calls about grants, for the tests of grants."""

from __future__ import annotations

import base64
import json
from typing import Any

from keystead.domain.caller import Principal
from tests.services.office import ACCOUNT, OTHER, Office

X = base64.b64encode(b"x").decode()
ROOT = f"arn:aws:iam::{ACCOUNT}:root"
OTHER_ROOT = f"arn:aws:iam::{OTHER}:root"


def policy(*statements: dict[str, Any]) -> str:
    return json.dumps({"Version": "2012-10-17", "Statement": list(statements)})


def allow(action: Any, **more: Any) -> dict[str, Any]:
    return {"Effect": "Allow", "Action": action, "Resource": "*", **more}


async def done(office: Office, operation: str, principal: Principal | None = None, **body: Any) -> dict[str, Any]:
    status, answer = await office.call(operation, principal, **body)
    assert status == 200, answer
    return answer


async def refused(office: Office, operation: str, principal: Principal | None = None, **body: Any) -> tuple[str, str]:
    status, answer = await office.call(operation, principal, **body)
    assert status == 400, answer
    return answer["__type"], answer.get("Message") or answer.get("message") or ""


async def grant(office: Office, key: Any, to: str, *operations: str, by: Principal | None = None, **more: Any) -> Any:
    return await done(
        office,
        "CreateGrant",
        by,
        KeyId=key["Arn"],
        GranteePrincipal=to,
        Operations=list(operations or ("Encrypt", "Decrypt")),
        **more,
    )


async def may(office: Office, who: Principal, key: Any, operation: str = "Encrypt", **body: Any) -> bool:
    if operation == "Encrypt":
        body["Plaintext"] = X
    status, answer = await office.call(operation, who, KeyId=key["Arn"], **body)
    assert status == 200 or answer["__type"] == "AccessDeniedException", answer
    return status == 200


async def listed(office: Office, key: Any, **filters: Any) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = (await done(office, "ListGrants", KeyId=key["Arn"], **filters))["Grants"]
    return found
