"""The one long path: from an authenticated request to an answer that may be given.

    1 decode      into a frozen request, or one refusal that names every broken constraint
    2 load        key references and blob headers are resolved by the call, from memory that is current (`Snapshot.refresh`)
    3 quota       (request quotas are not part of this version)
    4 run         the row's plain function; it must have asked permission. Slow work that it returns instead of an
                  answer is done by a thread, and what that makes is the answer, or prepares the change
    5 commit      a change is decided again inside its transaction, its audit record beside it, when it is its caller's
                  turn. A function of a row that does not mutate may return one too, now and then: DescribeKey makes AWS
                  managed keys. A change that changes nothing needs no transaction where none is under way
    6 audit       wait until the record is durable
    7 encode      the answer, or the refusal

Guarantees: a function that never asked permission gives no answer and has no work done, unless its row says why it
asks none; no answer, and no refusal of an authenticated call, leaves before its audit record is durable; an exception
that is no refusal becomes AWS's retryable internal error and is reported to the operator, its text never sent. A
refusal is recorded and sent in the words of the protocol of its request."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any, Final, Protocol

import msgspec

from keystead import errors
from keystead.audit import record
from keystead.crypto.hierarchy import Hierarchy
from keystead.domain.caller import Caller, PrincipalKind
from keystead.domain.states import States
from keystead.services import commit, events, granttokens
from keystead.services.call import KEY_RESOURCE
from keystead.services.change import Change, Elsewhere
from keystead.services.facts import Facts, Rows
from keystead.services.gate import Gate
from keystead.services.lane import Outcome
from keystead.services.snapshot import Snapshot
from keystead.services.table import Row, Service
from keystead.services.turns import PLACE_BYTES, Peer, Seat
from keystead.services.wire import Wire
from keystead.services.work import Work, Workshop
from keystead.store.interface import StoreError, Transaction

# Members of an enumeration are slow to look up on their class; this one is, for every call.
_CRYPTOGRAPHIC: Final = States.CRYPTOGRAPHIC

#: How an answer is given: HTTP status and body, once, on the loop's thread.
Reply = Callable[[int, bytes], None]


class Codec(Protocol):
    """One operation in the protocol of its request: ``awsjson.OperationCodec``, or ``query.Exchange``, which knows the
    request it is for. A refusal is `spoken` before it is recorded or rendered; ``recorded`` is the code that the audit
    record shows for it."""

    def decode(self, body: bytes, /) -> Any: ...
    def encode(self, answer: Any, /) -> bytes: ...
    def spoken(self, refusal: errors.Refusal, /) -> errors.Refusal: ...
    def recorded(self, refusal: errors.Refusal, /) -> str: ...
    def render(self, refusal: errors.Refusal, /) -> bytes: ...


class Arrival(msgspec.Struct, frozen=True):
    """An authenticated request for one operation, without its body: that is let go as soon as it is decoded, while this
    lives until the answer is given.

    ``row`` is None for an operation of the pinned model that this version does not offer. ``peer`` is who waits.
    """

    operation: str
    row: Row | None
    codec: Codec
    caller: Caller
    now: float
    wire: Wire
    reply: Reply
    peer: Peer

    def __repr__(self) -> str:
        """Short: a traceback or log may hold this."""
        return f"Arrival({self.operation}, request {self.wire.request_id})"


class Dispatch:
    """Performs the operations of one service in one worker process. Not thread-safe: it belongs to the event loop's
    thread."""

    def __init__(
        self,
        service: Service,
        snapshot: Snapshot,
        committer: commit.Committer,
        journal: commit.Journal,
        workshop: Workshop,
        hierarchy: Hierarchy,
        random: Callable[[int], bytes],
        new_id: Callable[[], str],
        report: Callable[[str, BaseException], None],
    ) -> None:
        self._service = service
        self._snapshot = snapshot
        self._committer = committer
        self._journal = journal
        self._workshop = workshop
        self._hierarchy = hierarchy
        self._random = random
        self._new_id = new_id
        self._report = report

    def perform(self, arrival: Arrival, body: bytes) -> None:
        """Carry out one call and give its answer through ``arrival.reply``, now or later."""
        row = arrival.row
        request: Any = None
        self._snapshot.credential_uses.note(arrival.caller, arrival.now, self._service.name)
        try:
            if row is None:
                raise errors.not_offered(f"The operation {arrival.operation}")
            if self._service.sessions_of_roles_only:
                _check_session(arrival.caller)
            request = arrival.codec.decode(body)  # 1
            _check_offered(row, request)
            if getattr(request, "grant_tokens", None):
                granttokens.check(self._hierarchy, request.grant_tokens)
            call = self._call(arrival, row, request, self._snapshot)  # 2
            answer = _run(call)  # 4
            if isinstance(answer, Work):
                self._begin(arrival, row, call, answer, _seat(arrival, body))
                return
        except Exception as error:
            self._refuse(arrival, request, error)
            return
        if row.mutates or isinstance(answer, Change):
            if isinstance(answer, Change) and answer.nothing and self._committer.idle:
                self._change_nothing(arrival, row, call, answer)
            else:
                self._commit(arrival, row, request, _seat(arrival, body))
        else:
            self._give(arrival, row, call, answer)

    def _call(self, arrival: Arrival, row: Row, request: Any, facts: Facts, prepared: Any = None) -> Gate[Any]:
        return Gate(
            row, request, arrival.caller, arrival.now, facts, self._hierarchy, self._random, arrival.wire, prepared
        )

    def _begin(self, arrival: Arrival, row: Row, call: Gate[Any], work: Work, seat: Seat) -> None:
        self._workshop.begin(work, partial(self._worked, arrival, row, call, work, seat), seat)

    def _worked(self, arrival: Arrival, row: Row, call: Gate[Any], work: Work, seat: Seat, outcome: Outcome) -> None:
        if outcome.error is not None:
            self._refuse(arrival, call.request, outcome.error)
        elif row.mutates:
            self._commit(arrival, row, call.request, seat, outcome.made)
        elif work.then is None:
            self._give(arrival, row, call, outcome.made)
        else:
            self._go_on(arrival, row, call, partial(work.then, outcome.made), seat)

    def _go_on(self, arrival: Arrival, row: Row, call: Gate[Any], then: Callable[[], Any], seat: Seat) -> None:
        """The rest of a function that waited for work: over facts that are current again."""
        try:
            self._snapshot.refresh()
            answer = then()
            if isinstance(answer, Work):
                self._begin(arrival, row, call, answer, seat)
                return
        except Exception as error:
            self._refuse(arrival, call.request, error)
            return
        self._give(arrival, row, call, answer)

    def _give(self, arrival: Arrival, row: Row, call: Gate[Any], answer: Any) -> None:
        try:
            body = arrival.codec.encode(answer)  # 7, before the wait: what cannot be encoded is not audited as given
        except Exception as error:
            self._refuse(arrival, call.request, error)
            return
        event_id = self._new_id()
        line = self._record(arrival, row, call, answer, event_id)
        self._journal.append(line, partial(self._given, arrival, row, call, event_id, body))  # 6

    # --- changes -----------------------------------------------------------------------------------------------------

    def _commit(self, arrival: Arrival, row: Row, request: Any, seat: Seat, prepared: Any = None) -> None:
        decide, done = partial(self._again, arrival, row, request, prepared), partial(self._committed, arrival, request)
        try:
            self._committer.commit(decide, done, seat)  # 5
        except errors.Refusal as full:
            self._refuse(arrival, request, full)

    def _change_nothing(self, arrival: Arrival, row: Row, call: Gate[Any], change: Change) -> None:
        """A change of what is so already. Its answer is relied on like any other (the key *is* enabled), and it may be
        so by a change that another worker has committed and not published yet: no worker may answer from before it."""
        try:
            self._committer.published(self._snapshot.newest())
        except StoreError as unreadable:
            self._refuse(arrival, call.request, unreadable)
        else:
            self._give(arrival, row, call, change.answer)

    def _again(
        self, arrival: Arrival, row: Row, request: Any, prepared: Any, transaction: Transaction
    ) -> commit.Decided:
        """Decide once more over the rows of the transaction, and apply. Runs on the committing thread."""
        rows = Rows(transaction, self._snapshot.regions, self._snapshot.texts)
        call = self._call(arrival, row, request, rows, prepared)
        change = _run(call)
        if not isinstance(change, Change):
            if row.mutates:
                raise TypeError(f"{row.name} must return a Change")
            change = Change(change)  # what this call was going to make, another has made meanwhile (decision 0022)
        change.apply(transaction)
        event_id = self._new_id()
        own = (event_id, self._record(arrival, row, call, change.answer, event_id))
        others = events.records(self._service, change.events, arrival.now, self._new_id)
        there = tuple(self._elsewhere(arrival, event) for event in change.elsewhere)
        return commit.Decided(change.answer, (own, *there, *others), change.shreds)

    def _elsewhere(self, arrival: Arrival, event: Elsewhere) -> tuple[str, bytes]:
        """The event id and the journal line of what a call did in another region."""
        event_id, key = self._new_id(), event.key
        there = msgspec.structs.replace(arrival.caller, region=key.region)
        return event_id, self._event(
            msgspec.structs.replace(arrival, operation=event.name, caller=there),
            event_id,
            event.parameters,
            response_elements=event.elements,
            resources=((KEY_RESOURCE, key.account, key.arn),),
        )

    def _committed(self, arrival: Arrival, request: Any, outcome: commit.Decided | BaseException) -> None:
        if isinstance(outcome, commit.Decided):
            try:
                body = arrival.codec.encode(outcome.answer)
            except Exception as error:
                self._withhold(arrival, errors.internal(f"the answer cannot be encoded: {error!r}"))
            else:
                arrival.reply(200, body)
        elif isinstance(outcome, errors.Refusal) and outcome.code == errors.AUDIT_UNAVAILABLE:
            self._withhold(arrival, outcome)
        else:
            self._refuse(arrival, request, outcome)

    # --- endings -----------------------------------------------------------------------------------------------------

    def _given(
        self, arrival: Arrival, row: Row, call: Gate[Any], event_id: str, body: bytes, error: BaseException | None
    ) -> None:
        if error is not None:
            self._withhold(arrival, errors.audit_unavailable(str(error)))
            return
        arrival.reply(200, body)
        if row.states is _CRYPTOGRAPHIC:
            self._snapshot.uses.note(row.name, arrival.now, event_id, arrival.wire.request_id, call.resources)

    def _durable(self, arrival: Arrival, status: int, body: bytes, error: BaseException | None) -> None:
        if error is None:
            arrival.reply(status, body)
        else:
            self._withhold(arrival, errors.audit_unavailable(str(error)))

    def _withhold(self, arrival: Arrival, refusal: errors.Refusal) -> None:
        """The call was made, but its answer may not be given."""
        self._report(arrival.wire.request_id, refusal)
        refusal = arrival.codec.spoken(refusal)
        arrival.reply(refusal.status, arrival.codec.render(refusal))

    def _refuse(self, arrival: Arrival, request: Any, error: BaseException) -> None:
        """A refusal is audited like an answer, and waits for it like one."""
        if isinstance(error, errors.Refusal):
            refusal = error
        else:
            self._report(arrival.wire.request_id, error)
            refusal = errors.internal()
        row = arrival.row
        if row is not None and row.mutates:
            # Whoever hears why a change was refused may rely on it, and that may be a change which another worker has
            # committed and not published yet: no worker may answer from before it.
            try:
                self._committer.published(self._snapshot.newest())
            except StoreError as unreadable:
                self._report(arrival.wire.request_id, unreadable)
                refusal = errors.internal()
        refusal = arrival.codec.spoken(refusal)
        line = self._event(
            arrival,
            self._new_id(),
            None if row is None or request is None else row.parameters(request),
            error_code=arrival.codec.recorded(refusal),
            error_message=refusal.message,
        )
        body = arrival.codec.render(refusal)
        self._journal.append(line, partial(self._durable, arrival, refusal.status, body))

    def _record(self, arrival: Arrival, row: Row, call: Gate[Any], answer: Any, event_id: str) -> bytes:
        shown = row.parameters(call.request)
        if row.noted is not None:
            return self._event(arrival, event_id, shown, resources=call.resources, **row.noted(call, answer))
        return self._event(
            arrival,
            event_id,
            shown,
            response_elements=answer if row.answer_logged else None,
            resources=call.resources,
            key_material_id=call.material_id if row.states is _CRYPTOGRAPHIC else None,
        )

    def _event(
        self,
        arrival: Arrival,
        event_id: str,
        shown: Mapping[str, Any] | None,
        *,
        response_elements: Any = None,
        resources: Sequence[tuple[str, str, str]] = (),
        key_material_id: str | None = None,
        additional: Mapping[str, Any] | None = None,
        error_code: str | None = None,
        error_message: str | None = None,
    ) -> bytes:
        wire = arrival.wire
        return record.event(
            event_source=self._service.event_source,
            event_name=arrival.operation,
            caller=arrival.caller,
            now=arrival.now,
            source=wire.source,
            user_agent=wire.user_agent,
            host=wire.host,
            tls=wire.tls,
            request_id=wire.request_id,
            event_id=event_id,
            read_only=is_read_only(arrival),
            request_parameters=shown,
            response_elements=response_elements,
            resources=resources,
            key_material_id=key_material_id,
            additional=additional,
            error_code=error_code,
            error_message=error_message,
        )


def _seat(arrival: Arrival, body: bytes) -> Seat:
    """For whom a call waits. All sessions of a role are one: whoever may assume it makes as many as it likes."""
    caller = arrival.caller.principal
    return Seat(caller.account, caller.role_arn or caller.arn, arrival.peer, 1 + len(body) // PLACE_BYTES)


def is_read_only(arrival: Arrival) -> bool:
    """CloudTrail's readOnly. An operation that is not offered is judged by its name, as AWS names them."""
    if arrival.row is not None:
        return arrival.row.read_only
    return arrival.operation.startswith(_READING)


_READING = (
    *("Describe", "Get", "List", "Generate", "Verify", "Sign", "Derive", "Encapsulate", "Decapsulate"),
    *("Assume", "Decode", "Simulate"),
)


def _check_session(caller: Caller) -> None:
    """Refuse the session of a user, as AWS does: like credentials that are none."""
    session = caller.principal.session
    if session is not None and session.kind is not PrincipalKind.ASSUMED_ROLE:
        raise errors.unrecognized_client()


def _check_offered(row: Row, request: Any) -> None:
    """Refuse by name what the model has and this version does not offer."""
    for member in row.withheld:
        if getattr(request, member):
            raise errors.not_offered(f"{row.name} with {_wire_name(request, member)}")


def _wire_name(request: Any, member: str) -> str:
    return next(field.encode_name for field in msgspec.structs.fields(type(request)) if field.name == member)


def _run(call: Gate[Any]) -> Any:
    answer = call.row.function(call)
    if not call.asked and not call.row.unasked:
        raise PermissionError(f"{call.row.name} answered without asking permission")
    return answer
