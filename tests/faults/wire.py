"""A light client: requests signed by a few lines of our own, over one keep-alive socket, at a tenth of boto3's cost.

It raises `Lost` when no whole answer came: then nobody knows what became of the call. `Wire` is not thread-safe.
"""

from __future__ import annotations

import hashlib
import hmac
import json
import socket
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, NamedTuple, Self

REGION = "us-east-1"
PATIENCE = 60.0


class Lost(Exception):
    """The connection ended before a whole answer came."""


class Answer(NamedTuple):
    status: int
    body: bytes

    @property
    def ok(self) -> bool:
        return self.status == 200

    @property
    def json(self) -> dict[str, Any]:
        found: dict[str, Any] = json.loads(self.body) if self.body else {}
        return found

    @property
    def code(self) -> str:
        """The error code without its namespace; empty for a success."""
        return "" if self.ok else str(self.json.get("__type", "?")).rpartition("#")[2]


@dataclass(frozen=True)
class Signer:
    """Signature Version 4 of the calls this client makes: POST to /, a JSON body, three signed headers."""

    access_key_id: str
    secret: str
    region: str = REGION
    clock: Callable[[], float] = time.time

    def request(self, operation: str, body: bytes, agent: str = "faults") -> bytes:
        """The bytes of one request; they may be sent again and again until the date is too old."""
        stamp = time.strftime("%Y%m%dT%H%M%SZ", time.gmtime(self.clock()))
        target = f"TrentService.{operation}"
        scope = f"{stamp[:8]}/{self.region}/kms/aws4_request"
        signed = "host;x-amz-date;x-amz-target"
        canonical = (
            f"POST\n/\n\nhost:kms\nx-amz-date:{stamp}\nx-amz-target:{target}\n\n{signed}\n"
            f"{hashlib.sha256(body).hexdigest()}"
        )
        text = f"AWS4-HMAC-SHA256\n{stamp}\n{scope}\n{hashlib.sha256(canonical.encode()).hexdigest()}"
        key = f"AWS4{self.secret}".encode()
        for part in scope.split("/"):
            key = hmac.digest(key, part.encode(), "sha256")
        signature = hmac.digest(key, text.encode(), "sha256").hex()
        head = (
            f"POST / HTTP/1.1\r\nHost: kms\r\nX-Amz-Date: {stamp}\r\nX-Amz-Target: {target}\r\nUser-Agent: {agent}\r\n"
            f"Content-Type: application/x-amz-json-1.1\r\nContent-Length: {len(body)}\r\n"
            f"Authorization: AWS4-HMAC-SHA256 Credential={self.access_key_id}/{scope}, SignedHeaders={signed}, "
            f"Signature={signature}\r\n\r\n"
        )
        return head.encode() + body


class Wire:
    """One connection to ``port`` of this machine."""

    def __init__(self, port: int, signer: Signer) -> None:
        self._signer = signer
        try:
            self._socket = socket.create_connection(("127.0.0.1", port), PATIENCE)
        except OSError as error:
            raise Lost(str(error)) from error
        self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._rest = b""

    def call(self, operation: str, agent: str = "faults", /, **members: Any) -> Answer:
        return self.exchange(self._signer.request(operation, json.dumps(members).encode(), agent))

    def exchange(self, request: bytes) -> Answer:
        self.send(request)
        return self.receive()

    def send(self, request: bytes) -> None:
        try:
            self._socket.sendall(request)
        except TimeoutError:
            raise
        except OSError as error:
            raise Lost(str(error)) from error

    def receive(self) -> Answer:
        """The next answer. Raises Lost, and TimeoutError if none came for a minute, which is nobody's crash."""
        while (end := self._rest.find(b"\r\n\r\n")) < 0:
            self._more()
        head = self._rest[:end].lower()
        at = head.index(b"content-length:") + 15
        length = int(head[at : head.find(b"\r", at) if b"\r" in head[at:] else len(head)])
        whole = end + 4 + length
        while len(self._rest) < whole:
            self._more()
        body, self._rest = self._rest[end + 4 : whole], self._rest[whole:]
        return Answer(int(head[9:12]), body)

    def _more(self) -> None:
        try:
            received = self._socket.recv(1 << 16)
        except TimeoutError:
            raise
        except OSError as error:
            raise Lost(str(error)) from error
        if not received:
            raise Lost("closed")
        self._rest += received

    def close(self) -> None:
        self._socket.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()
