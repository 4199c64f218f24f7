"""Requests that are signed before the clock starts, so that only the server is measured, and the wrk script that sends them."""

from __future__ import annotations

import base64
import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials

DIFFERENT = 200
PLAINTEXT_BYTES = 1_024
REGION = "us-east-1"

# What a current boto3 sends besides the signature.
AGENT = "Boto3/1.44.5 md/Botocore#1.44.5 ua/2.1 os/linux#6.1 md/arch#x86_64 lang/python#3.11 md/pyimpl#CPython cfg/retry-mode#standard"

# Requests are Lua strings of decimal escapes; the result of a run is one JSON line.
SCRIPT = """
requests = {{ {requests} }}
i = 0
request = function() i = i % #requests + 1; return requests[i] end
done = function(summary, latency, _)
  local e = summary.errors
  io.write(string.format('RESULT {{"requests":%d,"seconds":%f,"p50_us":%d,"p99_us":%d,"errors":%d}}\\n', summary.requests,
    summary.duration / 1e6, latency:percentile(50), latency:percentile(99), e.status + e.connect + e.read + e.write + e.timeout))
end
"""


def bodies(kms: Any, key_id: str) -> dict[str, Callable[[int], dict[str, Any]]]:
    """The n-th request body of each operation measured. Decrypt gets ciphertexts that ``kms`` makes now."""
    plaintext = [os.urandom(PLAINTEXT_BYTES) for _ in range(DIFFERENT)]
    contexts = [{"application": "bench", "record": str(n)} for n in range(DIFFERENT)]
    sealed = [
        kms.encrypt(KeyId=key_id, Plaintext=plaintext[n], EncryptionContext=contexts[n])["CiphertextBlob"]
        for n in range(DIFFERENT)
    ]

    def text(data: bytes) -> str:
        return base64.b64encode(data).decode()

    return {
        "Encrypt": lambda n: {"KeyId": key_id, "Plaintext": text(plaintext[n]), "EncryptionContext": contexts[n]},
        "Decrypt": lambda n: {"CiphertextBlob": text(sealed[n]), "EncryptionContext": contexts[n]},
        "GenerateDataKey": lambda n: {
            "KeyId": key_id,
            "NumberOfBytes": PLAINTEXT_BYTES,
            "EncryptionContext": contexts[n],
        },
    }


def signed(endpoint: str, keys: tuple[str, str], operation: str, body: dict[str, Any]) -> bytes:
    """One whole HTTP request."""
    host = endpoint.split("://", 1)[1]
    data = json.dumps(body).encode()
    request = AWSRequest(
        "POST",
        f"{endpoint}/",
        data=data,
        headers={
            "Host": host,
            "X-Amz-Target": f"TrentService.{operation}",
            "Content-Type": "application/x-amz-json-1.1",
            "User-Agent": AGENT,
            "amz-sdk-invocation-id": "5d2e6a5c-7f0e-4c31-9b5e-0a1b2c3d4e5f",
            "amz-sdk-request": "attempt=1",
            "Content-Length": str(len(data)),
        },
    )
    SigV4Auth(Credentials(*keys), "kms", REGION).add_auth(request)
    head = "".join(f"{name}: {value}\r\n" for name, value in request.headers.items())
    return f"POST / HTTP/1.1\r\n{head}\r\n".encode() + data


def script(path: Path, requests: list[bytes]) -> Path:
    """Write the wrk script that sends these requests in turn."""
    escaped = ",\n".join('"' + "".join(f"\\{byte:03d}" for byte in request) + '"' for request in requests)
    path.write_text(SCRIPT.format(requests=escaped))
    return path
