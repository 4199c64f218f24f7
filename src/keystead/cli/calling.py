"""Calls of the command to Keystead's own service, signed with the credentials of the profile.

Guarantees: every request is signed (Signature Version 4), whatever the connection; a secret is in no sentence. One call
at a time, no retries: whoever types a command can type it again.
"""

from __future__ import annotations

import hashlib
import hmac
import http.client
import json
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

from keystead.cli import note, profile, reaching
from keystead.cli.profile import Access
from keystead.cli.say import fail

SERVICE: Final = "keystead"
_TARGET: Final = "Keystead_20261101"
_PATIENCE: Final = 60.0  # the journal may be long


def access(path: Path, data: Path) -> Access:
    """How to reach the server: the profile, or where it names no endpoint what the server's last start has noted. Ends
    the command with a sentence where there is neither."""
    found = profile.read(path)
    if found is None:
        fail(f"The profile file {path} holds no credentials. `keystead init` writes one; --profile names another.")
    if found.endpoint is not None:
        return found
    endpoint, authority = note.read(data)
    if endpoint is None:
        fail(f"Neither {path} nor {data} says where the server answers: start it with `keystead serve`.")
    return Access(endpoint, authority, found.region, found.access_key_id, found.secret, found.token)


def call(to: Access, operation: str, parameters: Mapping[str, Any], now: float) -> dict[str, Any]:
    """The answer to one call. Ends the command with the server's own sentence when it refuses."""
    body = json.dumps(parameters).encode()
    connection = None
    try:
        connection = reaching.connection(to.endpoint or "", to.authority, _PATIENCE)
        host = connection.host if connection.port in (None, 80, 443) else f"{connection.host}:{connection.port}"
        connection.request("POST", "/", body, signed(to, operation, host, body, now))
        response = connection.getresponse()
        status, answer = response.status, json.loads(response.read() or b"{}")
    except (OSError, http.client.HTTPException, ValueError) as error:
        fail(f"{to.endpoint} does not answer as Keystead does: {error}. `keystead status` says whether it runs.")
    finally:
        if connection is not None:
            connection.close()
    if status != 200 or not isinstance(answer, dict):
        code = str(answer.get("__type", status)) if isinstance(answer, dict) else str(status)
        words = answer.get("message") or answer.get("Message") if isinstance(answer, dict) else None
        fail(f"{code}: {words or 'refused'}")
    return answer


def signed(to: Access, operation: str, host: str, body: bytes, now: float) -> dict[str, str]:
    """The headers of a request, signed as "Signature Version 4 signing process" (AWS) has it."""
    moment = datetime.fromtimestamp(now, UTC)
    day, stamp = f"{moment:%Y%m%d}", f"{moment:%Y%m%dT%H%M%SZ}"
    headers = {
        "content-type": "application/x-amz-json-1.1",
        "host": host,
        "x-amz-date": stamp,
        "x-amz-target": f"{_TARGET}.{operation}",
        **({} if to.token is None else {"x-amz-security-token": to.token}),
    }
    names = ";".join(sorted(headers))
    canonical = "\n".join(
        ["POST", "/", "", *(f"{name}:{headers[name]}" for name in sorted(headers)), "", names, _digest(body)]
    )
    scope = f"{day}/{to.region}/{SERVICE}/aws4_request"
    key = f"AWS4{to.secret}".encode()
    for part in (day, to.region, SERVICE, "aws4_request"):
        key = hmac.digest(key, part.encode(), "sha256")
    text = "\n".join(["AWS4-HMAC-SHA256", stamp, scope, _digest(canonical.encode())])
    signature = hmac.digest(key, text.encode(), "sha256").hex()
    credential = f"AWS4-HMAC-SHA256 Credential={to.access_key_id}/{scope}"
    return {**headers, "authorization": f"{credential}, SignedHeaders={names}, Signature={signature}"}


def _digest(text: bytes) -> str:
    return hashlib.sha256(text).hexdigest()
