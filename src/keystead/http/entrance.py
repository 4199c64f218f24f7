"""The door of the AWS API: which request is which operation, who signed it, and what the answer looks like on the wire.

Order of checks (errors.md §2): method and target, then the signature, then the body. A body is never parsed for
somebody who has not proved who he is. `GET /healthz` says that the process answers, `GET /readyz` that it can serve;
neither needs a signature.

Guarantees: what was verified is what is executed (the same `Request` object), every answer carries its request id,
refusals that come before a proven signature are counted in the audit journal and do not wait for it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import lru_cache, partial
from typing import Final, Protocol

from keystead import errors
from keystead.http import sigv4
from keystead.http.message import Request
from keystead.model.awsjson import Codec, render_refusal
from keystead.services.dispatch import Arrival, Dispatch
from keystead.services.snapshot import Snapshot
from keystead.services.table import Service
from keystead.services.wire import Wire


class Answerer(Protocol):
    """The protocol's handle on one request: `send` once, now or later, on the loop's thread."""

    def send(self, status: int, headers: bytes, body: bytes) -> None: ...


class Counted(Protocol):
    """Where refusals without a proven caller are counted."""

    def count(self, *, source: str, error_code: str, event_name: str) -> None: ...


_COMMON: Final = (
    b"Content-Type: application/x-amz-json-1.1\r\nCache-Control: no-cache, no-store, must-revalidate, private\r\n"
    b"Expires: 0\r\nPragma: no-cache\r\n"
)
_PLAIN: Final = b"Content-Type: text/plain; charset=utf-8\r\nCache-Control: no-store\r\n"
_TEXT_LENGTH: Final = 1_024


@dataclass(frozen=True, slots=True)
class Scope:
    """For which regions signatures are taken, which region an empty one means, and how far a clock may be off
    (seconds)."""

    regions: frozenset[str]
    default_region: str
    skew: float = 300.0


class Entrance:
    """The application behind the sockets of one worker: give it a request, it answers through the given `Answerer`."""

    def __init__(
        self,
        service: Service,
        codec: Codec,
        dispatch: Dispatch,
        snapshot: Snapshot,
        scope: Scope,
        clock: Callable[[], float],
        new_id: Callable[[], str],
        counted: Counted,
        ready: Callable[[], bool],
    ) -> None:
        self._codec = codec
        self._dispatch = dispatch
        self._snapshot = snapshot
        self._clock = clock
        self._new_id = new_id
        self._counted = counted
        self._ready = ready
        self._service = service
        self._verify = partial(
            sigv4.verify,
            find_credential=snapshot.credential,
            service=codec.signing_name,
            regions=scope.regions,
            default_region=scope.default_region,
            skew=scope.skew,
        )
        prefix = codec.target_prefix.encode() + b"."
        self._targets: Mapping[bytes, str] = {prefix + name.encode(): name for name in codec.operations}

    def __call__(self, request: Request, answerer: Answerer) -> None:
        if request.method == "GET" and self._probe(request, answerer):
            return
        now = self._clock()
        request_id = self._new_id()
        named = dict(request.headers)  # the signature check refuses one that matters and comes twice
        operation = ""
        try:
            operation = self._operation(request, named)
            self._snapshot.refresh()
            caller = self._verify(request, now=now)
            row = self._service.rows.get(operation)
        except errors.Refusal as refusal:
            self._counted.count(source=request.peer, error_code=refusal.code, event_name=operation)
            # The one answer that is not a 400 here: a request that is no API call at all (errors.md §2 row 1).
            status = 404 if not operation and request.method != "POST" else refusal.status
            answerer.send(status, _head(request_id), render_refusal(refusal))
            return
        wire = Wire(
            request_id=request_id,
            source=request.peer,
            user_agent=_text(named.get(b"user-agent", b"")[:_TEXT_LENGTH]),
            host=_text(named.get(b"host", b"")[:_TEXT_LENGTH]),
            tls=None if request.tls is None else (request.tls.version, request.tls.cipher),
        )
        codec, reply = self._codec.operations[operation], partial(_answer, answerer, request_id)
        self._dispatch.perform(Arrival(operation, row, codec, caller, request.body, now, wire, reply))

    def _probe(self, request: Request, answerer: Answerer) -> bool:
        path = request.target.split(b"?", 1)[0]
        if path == b"/healthz":
            answerer.send(200, _PLAIN, b"ok\n")
        elif path == b"/readyz":
            ready = self._ready()
            answerer.send(200 if ready else 503, _PLAIN, b"ready\n" if ready else b"not ready\n")
        else:
            return False
        return True

    def _operation(self, request: Request, named: Mapping[bytes, bytes]) -> str:
        target = named.get(b"x-amz-target")
        if request.method != "POST" or target is None:
            raise errors.unknown_operation()
        operation = self._targets.get(target.strip())
        if operation is None:
            raise errors.unknown_operation()
        return operation


def _answer(answerer: Answerer, request_id: str, status: int, body: bytes) -> None:
    answerer.send(status, _head(request_id), body)


@lru_cache(maxsize=1024)
def _text(value: bytes) -> str:
    """A header's value as text. Clients send the same few again and again."""
    return value.strip().decode("latin-1")


def _head(request_id: str) -> bytes:
    return b"x-amzn-RequestId: %b\r\n%b" % (request_id.encode("ascii"), _COMMON)
