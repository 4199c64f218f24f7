"""One audit record: what happened, as one line of JSON in the shape of a CloudTrail event (eventVersion 1.11). Pure.

Guarantees: one line without a newline, members in AWS's order, at most `MAX_EVENT` bytes; a denied call shows neither
its parameters nor the key, a failed one no response elements, whatever the caller of `event` passes. Does not
guarantee that parameters hold no secret: what may be shown is a column of the operations table. Byte strings in a
structure are left out here all the same.

Facts: see `audit.shape`. Ours, because AWS writes nothing of the kind: the counted records.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import Any, Final, NamedTuple

import msgspec
from msgspec import UNSET, Struct, UnsetType

from keystead.audit.chain import instant
from keystead.audit.shape import (
    MAX_ADDITIONAL,
    MAX_TEXT,
    MAX_USER_AGENT,
    Event,
    Resource,
    SessionAttributes,
    SessionContext,
    SessionIssuer,
    TlsDetails,
    UserIdentity,
    WebIdFederationData,
    encode,
    parameters,
    raw,
    short,
    spelled,
    strict,
)
from keystead.domain.arn import parse
from keystead.domain.caller import Caller, Principal, PrincipalKind

#: What AWS writes where it acts by itself.
INTERNAL: Final = "AWS Internal"

_DENIED: Final = "AccessDenied"
_WITHOUT_PARAMETERS: Final = frozenset({_DENIED, "Throttling", "ThrottlingException"})


def event(
    *,
    event_source: str,
    event_name: str,
    caller: Caller,
    now: float,
    source: str,
    user_agent: str | None,
    host: str | None,
    tls: tuple[str, str] | None,
    request_id: str,
    event_id: str,
    read_only: bool,
    request_parameters: Mapping[str, Any] | None,
    response_elements: Mapping[str, Any] | Struct | None = None,
    resources: Sequence[tuple[str, str, str]] = (),
    key_material_id: str | None = None,
    additional: Mapping[str, Any] | None = None,
    error_code: str | None = None,
    error_message: str | None = None,
    recipient: str | None = None,
    shared_event_id: str | None = None,
) -> bytes:
    """The record of an API call that an authenticated caller made.

    ``now``: completion, seconds since the epoch. ``source``: the client's address; ``tls``: (version, cipher) of a
    direct connection. For a call through a service (``caller.via``) AWS shows that service instead of address, agent
    and TLS. ``resources``: (type, account, ARN) of what the call was authorized for. ``response_elements`` may be the
    answer itself, which is then written as `elements` does. ``error_code`` is the API's code; AccessDeniedException
    is logged as AccessDenied. ``recipient`` is the account this copy is for, the caller's if None; another account
    sees of the caller only its account and principal id. ``shared_event_id`` joins the copies of one event. The ids are
    our own, of characters that JSON shows as they are.
    """
    if (
        error_code is None
        and response_elements is None
        and additional is None
        and recipient is None
        and shared_event_id is None
        and caller.via is None
    ):
        # A success whose answer is not shown, as on the hot path: only time, parameters and ids differ from call to call.
        who = caller.principal
        form = _form(
            who.kind, who.unique_id, who.arn, who.account, caller.access_key_id, who.name, _behind(who),
            event_source, event_name, caller.region, source, user_agent, host, tls, read_only, tuple(resources), key_material_id,
        )  # fmt: skip
        line = _filled(form, now, strict(parameters(request_parameters)), request_id, event_id)
        if len(line) <= MAX_ADDITIONAL:  # what is longer may have to be cut
            return line
    if error_code == "AccessDeniedException":
        error_code = _DENIED
    failed = error_code is not None
    denied = error_code == _DENIED
    extra: Mapping[str, Any] | UnsetType = UNSET
    if not denied:
        if additional is not None:
            extra = additional if key_material_id is None else {"keyMaterialId": key_material_id, **additional}
        elif key_material_id is not None:
            extra = {"keyMaterialId": key_material_id}
    via = caller.via
    account = caller.principal.account
    foreign = recipient is not None and recipient != account
    return encode(
        Event(
            user_identity=foreign_identity(caller) if foreign else identity(caller),
            event_time=instant(now),
            event_source=event_source,
            event_name=event_name,
            aws_region=caller.region,
            source_ip_address=source if via is None else via.service,
            user_agent=(short(user_agent, MAX_USER_AGENT) if user_agent else UNSET) if via is None else via.service,
            error_code=error_code if error_code is not None else UNSET,
            error_message=short(error_message, MAX_TEXT) if error_message is not None else UNSET,
            request_parameters=None if error_code in _WITHOUT_PARAMETERS else parameters(request_parameters),
            response_elements=None if failed or response_elements is None else spelled(response_elements),
            additional_event_data=extra,
            request_id=request_id,
            event_id=event_id,
            read_only=read_only,
            resources=_resources(tuple(resources)) if resources and not denied else UNSET,
            recipient_account_id=recipient or account,
            shared_event_id=shared_event_id if shared_event_id is not None else UNSET,
            tls_details=_tls(tls, host) if tls is not None and via is None else UNSET,
        )
    )


# Stands where a part goes that differs from call to call. JSON text never holds this byte.
_HOLE: Final = msgspec.Raw(b"\0")


@lru_cache(maxsize=4096)
def _form(
    kind: PrincipalKind,
    unique_id: str,
    arn: str,
    account: str,
    access_key_id: str,
    name: str | None,
    behind: _Behind | None,
    event_source: str,
    event_name: str,
    region: str,
    source: str,
    user_agent: str | None,
    host: str | None,
    tls: tuple[str, str] | None,
    read_only: bool,
    resources: tuple[tuple[str, str, str], ...],
    key_material_id: str | None,
) -> list[bytes]:
    """What stands before, between and after time, parameters, request id and event id."""
    return strict(
        Event(
            user_identity=_identity(kind, unique_id, arn, account, access_key_id, name, behind, None),
            event_time=_HOLE,
            event_source=event_source,
            event_name=event_name,
            aws_region=region,
            source_ip_address=source,
            user_agent=short(user_agent, MAX_USER_AGENT) if user_agent else UNSET,
            request_parameters=_HOLE,
            response_elements=None,
            additional_event_data=UNSET if key_material_id is None else {"keyMaterialId": key_material_id},
            request_id=_HOLE,
            event_id=_HOLE,
            read_only=read_only,
            resources=_resources(resources) if resources else UNSET,
            recipient_account_id=account,
            tls_details=_tls(tls, host) if tls is not None else UNSET,
        )
    ).split(b"\0")


def _filled(form: list[bytes], now: float, shown: bytes, request_id: str, event_id: str) -> bytes:
    start, time, ids, id_, end = form
    return b'%b"%b"%b%b%b"%b"%b"%b"%b' % (
        start, instant(now).encode(), time, shown, ids, request_id.encode(), id_, event_id.encode(), end,
    )  # fmt: skip


def service_event(
    *,
    event_source: str,
    event_name: str,
    now: float,
    region: str,
    account: str,
    event_id: str,
    resources: Sequence[tuple[str, str, str]],
    details: Mapping[str, Any] | None = None,
    response_elements: Mapping[str, Any] | None = None,
    additional: Mapping[str, Any] | None = None,
    request_id: str | None = None,
) -> bytes:
    """The record of what the service did by itself (DeleteKey, RotateKey, …) to a thing that ``account`` owns. With a
    ``request_id`` it is a call that the service made to itself (SynchronizeMultiRegionKey)."""
    return encode(
        Event(
            user_identity=raw(UserIdentity(account_id=account, invoked_by=INTERNAL)),
            event_time=instant(now),
            event_source=event_source,
            event_name=event_name,
            aws_region=region,
            source_ip_address=INTERNAL,
            user_agent=INTERNAL,
            request_parameters=None,
            response_elements=response_elements,
            additional_event_data=additional if additional is not None else UNSET,
            request_id=request_id if request_id is not None else UNSET,
            event_id=event_id,
            read_only=False,
            resources=_resources(tuple(resources)) if resources else UNSET,
            event_type="AwsServiceEvent" if request_id is None else "AwsApiCall",
            recipient_account_id=account,
            service_event_details=details if details is not None else UNSET,
        )
    )


def counted(
    *,
    event_source: str,
    event_name: str,
    region: str,
    account: str,
    who: msgspec.Raw | None,
    source: str,
    error_code: str,
    count: int,
    first: float,
    last: float,
    event_id: str,
) -> bytes:
    """One record for ``count`` refusals of the same kind between ``first`` and ``last`` (ours; AWS writes nothing).
    ``who`` is the `identity` of a caller that was proved, None where nobody was: then ``source`` is all that is
    known."""
    return encode(
        Event(
            user_identity=raw(UserIdentity(type="Unknown")) if who is None else who,
            event_time=instant(last),
            event_source=event_source,
            event_name=short(event_name, MAX_USER_AGENT),
            aws_region=region,
            source_ip_address=short(source, MAX_USER_AGENT),
            error_code=error_code,
            request_parameters=None,
            response_elements=None,
            event_id=event_id,
            read_only=True,
            event_type="AwsServiceEvent",
            recipient_account_id=account,
            service_event_details={"count": count, "firstEventTime": instant(first), "lastEventTime": instant(last)},
        )
    )


# What a line says of caller, connection and key repeats from call to call, so it is encoded once. The caches are
# bounded and hold nothing that the records do not show.


def identity(caller: Caller) -> msgspec.Raw:
    """``userIdentity`` as the caller's own account sees it (CloudTrail user guide, "userIdentity element"), encoded."""
    who = caller.principal
    via = caller.via
    service = None if via is None else via.service
    return _identity(
        who.kind, who.unique_id, who.arn, who.account, caller.access_key_id, who.name, _behind(who), service
    )


class _Behind(NamedTuple):
    """What a session is of: the unique id and ARN of the role or user behind it, when it was issued, and what was said of
    it then."""

    unique_id: str
    arn: str | None
    issued: float | None
    source_identity: str | None
    provider: str | None


def _behind(who: Principal) -> _Behind | None:
    session = who.session
    if session is None:
        return None if who.role_arn is None else _Behind(who.identity_id, who.role_arn, None, None, None)
    return _Behind(who.identity_id, who.role_arn, session.issued, session.source_identity, session.provider)


@lru_cache(maxsize=4096)
def _identity(
    kind: PrincipalKind,
    unique_id: str,
    arn: str,
    account: str,
    access_key_id: str,
    name: str | None,
    behind: _Behind | None,
    service: str | None,
) -> msgspec.Raw:
    if kind is PrincipalKind.SERVICE:
        return raw(UserIdentity(type=kind.value, invoked_by=name or arn))
    if kind is PrincipalKind.WEB_IDENTITY:  # of no account: ``arn`` is its provider's
        user = UNSET if name is None else name
        return raw(UserIdentity(type=kind.value, principal_id=unique_id, user_name=user, identity_provider=arn))
    return raw(
        UserIdentity(
            type=kind.value,
            principal_id=unique_id,
            arn=arn,
            account_id=account,
            access_key_id=access_key_id,
            user_name=name if kind is PrincipalKind.USER and name is not None else UNSET,
            session_context=UNSET if behind is None else _session(kind, behind),
            invoked_by=UNSET if service is None else service,
        )
    )


def foreign_identity(caller: Caller) -> msgspec.Raw:
    """``userIdentity`` as the owner of a key sees a caller of another account: no ARN, no name, no access key."""
    return raw(
        UserIdentity(
            type="AWSAccount",
            principal_id=caller.principal.unique_id,
            account_id=caller.account,
            invoked_by=UNSET if caller.via is None else caller.via.service,
        )
    )


def _session(kind: PrincipalKind, behind: _Behind) -> SessionContext:
    issuer: SessionIssuer | UnsetType = UNSET
    if behind.arn is not None:  # of a session of its own (GetSessionToken) the caller itself stands there already
        parsed = parse(behind.arn)
        root = behind.arn.endswith(":root")
        issuer = SessionIssuer(
            type="Role" if kind is PrincipalKind.ASSUMED_ROLE else "Root" if root else "IAMUser",
            principal_id=behind.unique_id,
            arn=behind.arn,
            account_id="" if parsed is None else parsed.account,
            user_name=UNSET if root else behind.arn.rpartition("/")[2],
        )
    return SessionContext(
        session_issuer=issuer,
        web_id_federation_data=UNSET if behind.provider is None else WebIdFederationData(behind.provider),
        attributes=SessionAttributes(UNSET if behind.issued is None else instant(behind.issued)),
        source_identity=UNSET if behind.source_identity is None else behind.source_identity,
    )


@lru_cache(maxsize=4096)
def _resources(resources: tuple[tuple[str, str, str], ...]) -> msgspec.Raw:
    return raw([Resource(owner, kind, arn) for kind, owner, arn in resources])


@lru_cache(maxsize=256)
def _tls(tls: tuple[str, str], host: str | None) -> msgspec.Raw:
    return raw(TlsDetails(tls[0], tls[1], short(host, MAX_TEXT) if host else UNSET))
