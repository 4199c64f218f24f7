"""A light client: requests signed by a few lines of our own, over one keep-alive socket, at a tenth of boto3's cost.

It speaks JSON to KMS and forms to IAM and STS, with long-term keys and with those of sessions.

It raises `Lost` when no whole answer came: then nobody knows what became of the call. `Wire` is not thread-safe.
"""

from __future__ import annotations

import hashlib
import hmac
import json
import re
import socket
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, NamedTuple, Self
from urllib.parse import urlencode

REGION = "us-east-1"
PATIENCE = 60.0
VERSIONS = {"iam": "2010-05-08", "sts": "2011-06-15"}


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
        if self.ok:
            return ""
        return self.text("Code") if self.body[:1] == b"<" else str(self.json.get("__type", "?")).rpartition("#")[2]

    def text(self, name: str) -> str:
        """What the first element of that name holds, in an answer to a form."""
        found = re.search(f"<{name}>([^<]*)</{name}>".encode(), self.body)
        assert found is not None, f"no {name} in {self}"
        return found[1].decode()


@dataclass(frozen=True)
class Signer:
    """Signature Version 4 of the calls this client makes: POST to /, and the headers below."""

    access_key_id: str
    secret: str
    region: str = REGION
    clock: Callable[[], float] = time.time
    token: str | None = None

    def request(self, operation: str, body: bytes, agent: str = "faults") -> bytes:
        """The bytes of one request to KMS; they may be sent again and again until the date is too old."""
        return self._signed("kms", "application/x-amz-json-1.1", body, agent, f"TrentService.{operation}")

    def form(self, service: str, action: str, members: dict[str, Any], agent: str = "faults") -> bytes:
        """As `request`, to a service that takes forms. ``members`` by their names there (``Tags.member.1.Key``)."""
        body = urlencode({"Action": action, "Version": VERSIONS[service], **members}).encode()
        return self._signed(service, "application/x-www-form-urlencoded", body, agent, None)

    def asked(self, service: str, operation: str, members: dict[str, Any], agent: str = "faults") -> bytes:
        """A request to whichever service."""
        if service == "kms":
            return self.request(operation, json.dumps(members).encode(), agent)
        return self.form(service, operation, members, agent)

    def _signed(self, service: str, kind: str, body: bytes, agent: str, target: str | None) -> bytes:
        stamp = time.strftime("%Y%m%dT%H%M%SZ", time.gmtime(self.clock()))
        scope = f"{stamp[:8]}/{self.region}/{service}/aws4_request"
        headers = {"host": service, "x-amz-date": stamp}
        if self.token is not None:
            headers["x-amz-security-token"] = self.token
        if target is not None:
            headers["x-amz-target"] = target
        signed = ";".join(headers)
        lines = "".join(f"{name}:{value}\n" for name, value in headers.items())
        canonical = f"POST\n/\n\n{lines}\n{signed}\n{hashlib.sha256(body).hexdigest()}"
        text = f"AWS4-HMAC-SHA256\n{stamp}\n{scope}\n{hashlib.sha256(canonical.encode()).hexdigest()}"
        key = f"AWS4{self.secret}".encode()
        for part in scope.split("/"):
            key = hmac.digest(key, part.encode(), "sha256")
        signature = hmac.digest(key, text.encode(), "sha256").hex()
        head = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
        return (
            f"POST / HTTP/1.1\r\n{head}User-Agent: {agent}\r\nContent-Type: {kind}\r\nContent-Length: {len(body)}\r\n"
            f"Authorization: AWS4-HMAC-SHA256 Credential={self.access_key_id}/{scope}, SignedHeaders={signed}, "
            f"Signature={signature}\r\n\r\n"
        ).encode() + body


class Wire:
    """One connection to ``port`` of this machine."""

    def __init__(self, port: int, signer: Signer) -> None:
        self.port = port
        self._signer = signer
        try:
            self._socket = socket.create_connection(("127.0.0.1", port), PATIENCE)
        except OSError as error:
            raise Lost(str(error)) from error
        self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._rest = b""

    def call(self, operation: str, agent: str = "faults", /, **members: Any) -> Answer:
        return self.exchange(self._signer.request(operation, json.dumps(members).encode(), agent))

    def ask(self, service: str, action: str, agent: str = "faults", /, **members: Any) -> Answer:
        """A form to IAM or STS."""
        return self.exchange(self._signer.form(service, action, members, agent))

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
