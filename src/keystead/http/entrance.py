"""The door of the AWS API: which request is which operation of which service, who signed it, and what the answer looks
like on the wire.

A request with an X-Amz-Target is one of the JSON services (KMS); a form in the body or in the query is one of the query
services (IAM, STS), told by its Version and Action. No other header than X-Amz-Target, which is signed whenever it is
there, chooses between the two.

Order of checks (errors.md §2): method and operation, then the signature, which must be for the service of the
operation, then the rest of the body. For somebody who has not proved who he is no more of a form is looked at than its
Version and Action; of an operation whose requests are unsigned, what proves it instead (`Introduce`). `GET /healthz`
says that the process answers, `GET /readyz` that it can serve; neither needs a signature.

Guarantees: what was verified is what is executed (the same bytes of the same `Request` object), every answer carries
its request id and speaks the protocol of its request, refusals that come before a proven signature are counted in the
audit journal and do not wait for it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from functools import lru_cache, partial
from typing import Any, Final, NamedTuple, Protocol

import msgspec

from keystead import errors
from keystead.domain.caller import Caller, Principal
from keystead.http import forms, sigv4
from keystead.http.message import Request
from keystead.model import awsjson, query
from keystead.services.dispatch import Arrival, Dispatch
from keystead.services.snapshot import Snapshot
from keystead.services.table import Row, Service
from keystead.services.turns import Seat
from keystead.services.wire import Wire
from keystead.store.interface import StoreError


class Answerer(Protocol):
    """The protocol's handle on one request: `send` once, now or later, on the loop's thread. ``gone``: nobody would
    receive it any more."""

    def send(self, status: int, headers: bytes, body: bytes) -> None: ...

    @property
    def gone(self) -> bool: ...


class Counted(Protocol):
    """Where refusals without a proven caller are counted."""

    def count(
        self, *, source: str, error_code: str, event_name: str, event_source: str | None, region: str | None
    ) -> None: ...


#: Finds out who sends a decoded request without a signature: told once, at any time, on the loop's thread; or refuses
#: at once. Addresses take turns, since there is no account yet.
Introduce = Callable[[Any, float, Seat, Callable[[Principal | errors.Refusal], None]], None]

_COMMON: Final = b"Cache-Control: no-cache, no-store, must-revalidate, private\r\nExpires: 0\r\nPragma: no-cache\r\n"
_JSON: Final = b"Content-Type: application/x-amz-json-1.1\r\n" + _COMMON
_XML: Final = b"Content-Type: text/xml\r\n" + _COMMON
_PLAIN_JSON: Final = b"Content-Type: application/json\r\n" + _COMMON
_PLAIN: Final = b"Content-Type: text/plain; charset=utf-8\r\nCache-Control: no-store\r\n"
_TEXT_LENGTH: Final = 1_024


@dataclass(frozen=True, slots=True)
class Scope:
    """For which regions signatures are taken, which region an empty one means, and how far a clock may be off
    (seconds)."""

    regions: frozenset[str]
    default_region: str
    skew: float = 300.0


@dataclass(frozen=True, slots=True)
class Room:
    """A service behind the door: its table, how it speaks, what performs its operations, and who finds out from whom
    requests are that carry no signature, where there are such."""

    service: Service
    codec: awsjson.Codec | query.Codec
    dispatch: Dispatch
    introduce: Introduce | None = None


class _Behind(NamedTuple):
    """What is done with a request of one service. ``verify`` is `sigv4.verify` for it."""

    service: Service
    verify: Callable[..., Caller]
    perform: Callable[[Arrival, bytes], None]
    introduce: Introduce | None


class _Operation(NamedTuple):
    name: str
    row: Row | None
    codec: awsjson.OperationCodec
    verify: Callable[..., Caller]
    perform: Callable[[Arrival, bytes], None]
    behind: _Behind


class Entrance:
    """The application behind the sockets of one worker: give it a request, it answers through the given `Answerer`."""

    def __init__(
        self,
        rooms: Iterable[Room],
        snapshot: Snapshot,
        scope: Scope,
        clock: Callable[[], float],
        new_id: Callable[[], str],
        counted: Counted,
        ready: Callable[[], bool],
    ) -> None:
        self._snapshot = snapshot
        self._clock = clock
        self._new_id = new_id
        self._counted = counted
        self._ready = ready
        self._default_region = scope.default_region
        self._targets: dict[bytes, _Operation] = {}
        self._forms: dict[str, tuple[query.Codec, _Behind]] = {}
        for room in rooms:
            verify = _verifying(room, snapshot, scope)
            behind = _Behind(room.service, verify, room.dispatch.perform, room.introduce)
            if isinstance(room.codec, query.Codec):
                self._forms[room.codec.version] = room.codec, behind
                continue
            for name, codec in room.codec.operations.items():
                target = f"{room.codec.target_prefix}.{name}".encode()
                row = room.service.rows.get(name)
                self._targets[target] = _Operation(name, row, codec, verify, behind.perform, behind)

    def __call__(self, request: Request, answerer: Answerer) -> None:
        if request.method == "GET" and self._probe(request, answerer):
            return
        now = self._clock()
        request_id = self._new_id()
        named = dict(request.headers)  # the signature check refuses one that matters and comes twice
        target = named.get(b"x-amz-target")
        if target is None and forms.is_one(request, named):
            self._form(request, answerer, now, request_id, named)
            return
        operation = None
        try:
            operation = self._targets.get(target.strip()) if target is not None and request.method == "POST" else None
            if operation is None:
                raise errors.unknown_operation()
            name, row, codec, verify, perform, _ = operation
            self._snapshot.refresh()
            caller = verify(request, now=now)
        except errors.Refusal as refusal:
            self._count(request, refusal, "" if operation is None else operation.name, operation and operation.behind)
            # The one answer that is not a 400 here: a request that is no API call at all (errors.md §2 row 1).
            status = 404 if operation is None and request.method != "POST" else refusal.status
            answerer.send(status, _head(request_id, _JSON), awsjson.render_refusal(refusal))
            return
        wire, reply = _wire(request, request_id, named), partial(_answer, answerer, request_id, _JSON)
        perform(Arrival(name, row, codec, caller, now, wire, reply, answerer), request.body)

    def _form(
        self, request: Request, answerer: Answerer, now: float, request_id: str, named: Mapping[bytes, bytes]
    ) -> None:
        """A request of the query services."""
        action: str | None = ""
        behind, namespace = None, forms.NO_SERVICE
        json = forms.wants_json(named)
        common = _PLAIN_JSON if json else _XML

        def refuse(refusal: errors.Refusal) -> None:
            spoken = errors.in_query_services(refusal)
            self._count(request, spoken, action or "", behind)
            body = query.render_refusal(spoken, namespace, request_id)
            if json:
                body = query.render_refusal_json(spoken, request_id)
            answerer.send(spoken.status, _head(request_id, common), body)

        try:
            text = forms.text(request)
            action, version = forms.asked(text)
            codec, behind = self._forms.get(version or "", (None, None))
            if action is None:
                raise errors.missing_action()
            operation = None if codec is None else codec.operations.get(action)
            if codec is None or behind is None or operation is None:
                raise errors.invalid_action(action, version)
            namespace = codec.namespace
            row = behind.service.rows.get(action)
            if request.method == "GET" and row is not None and not row.safe:
                raise errors.not_offered(f"{action} by GET")
            exchange = query.Exchange(operation, request_id, json=json)
            reply, wire = partial(_answer, answerer, request_id, common), _wire(request, request_id, named)
            if row is not None and row.unsigned and behind.introduce is not None:
                forms.bound(text)
                arrive = partial(Arrival, action, row, exchange, wire=wire, reply=reply, peer=answerer)
                told = partial(self._introduced, behind, arrive, text, refuse)
                behind.introduce(operation.decode(text), now, Seat(request.peer, "", answerer), told)
                return
            self._snapshot.refresh()
            caller = behind.verify(request, now=now)
        except errors.Refusal as refusal:
            refuse(refusal)
            return
        behind.perform(Arrival(action, row, exchange, caller, now, wire, reply, answerer), text)

    def _introduced(
        self,
        behind: _Behind,
        arrive: Callable[..., Arrival],
        text: bytes,
        refuse: Callable[[errors.Refusal], None],
        found: Principal | errors.Refusal,
    ) -> None:
        """Somebody without a signature has been introduced, or not. Meanwhile time has passed."""
        if isinstance(found, errors.Refusal):
            refuse(found)
            return
        try:
            self._snapshot.refresh()
        except StoreError as error:  # by now nobody stands above this call who would answer for it
            refuse(errors.internal(str(error)))
            return
        caller = Caller(found, "", behind.service.region or self._default_region)
        behind.perform(arrive(caller=caller, now=self._clock()), text)

    def _count(self, request: Request, refusal: errors.Refusal, operation: str, behind: _Behind | None) -> None:
        service = None if behind is None else behind.service
        self._counted.count(
            source=request.peer,
            error_code=refusal.code,
            event_name=operation,
            event_source=None if service is None else service.event_source,
            region=None if service is None else service.region,
        )

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


def _verifying(room: Room, snapshot: Snapshot, scope: Scope) -> Callable[..., Caller]:
    """The signature check of one service."""
    service = room.service
    verify = partial(
        sigv4.verify,
        find_credential=snapshot.credential,
        service=room.codec.signing_name,
        regions=scope.regions | service.also_signed_for,
        default_region=service.region or scope.default_region,
        skew=scope.skew,
        presigned=partial(forms.lives, room.codec.signing_name) if isinstance(room.codec, query.Codec) else int,
    )
    if service.region is None:
        return verify

    def there(request: Request, now: float) -> Caller:
        return msgspec.structs.replace(verify(request, now=now), region=service.region)

    return there


def _wire(request: Request, request_id: str, named: Mapping[bytes, bytes]) -> Wire:
    return Wire(
        request_id,
        request.peer,
        _text(named.get(b"user-agent", b"")[:_TEXT_LENGTH]),
        _text(named.get(b"host", b"")[:_TEXT_LENGTH]),
        None if request.tls is None else (request.tls.version, request.tls.cipher),
    )


def _answer(answerer: Answerer, request_id: str, common: bytes, status: int, body: bytes) -> None:
    answerer.send(status, _head(request_id, common), body)


@lru_cache(maxsize=1024)
def _text(value: bytes) -> str:
    """A header's value as text. Clients send the same few again and again."""
    return value.strip().decode("latin-1")


def _head(request_id: str, common: bytes) -> bytes:
    return b"x-amzn-RequestId: %b\r\n%b" % (request_id.encode("ascii"), common)
