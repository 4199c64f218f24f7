"""One audit record: what happened, as one line of JSON in the shape of a CloudTrail event (eventVersion 1.11). Pure.

Guarantees: one line without a newline, members in AWS's order, at most `MAX_EVENT` bytes; a denied call shows neither
its parameters nor the key, a failed one no response elements, whatever the caller of `event` passes. Does not
guarantee that parameters hold no secret: what may be shown is a column of the operations table. Byte strings in a
structure are left out here all the same.

Facts: the CloudTrail user guide ("record contents", "userIdentity element") and the KMS developer guide ("log
entries"). Ours, because nothing was seen from AWS: what stands in place of a member that is too long, and the counted
records of `audit.counted`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from functools import lru_cache
from typing import Any, Final

import msgspec
from msgspec import UNSET, Struct, UnsetType

from keystead.audit.chain import instant
from keystead.domain.arn import parse
from keystead.domain.caller import Caller, PrincipalKind

#: Bytes, as CloudTrail bounds them.
MAX_EVENT: Final = 256 << 10
MAX_ELEMENTS: Final = 100 << 10
MAX_ADDITIONAL: Final = 28 << 10
MAX_USER_AGENT: Final = 1 << 10
#: Ours: members that AWS bounds elsewhere (host names, sentences) must not make a record too long either.
MAX_TEXT: Final = 8 << 10

#: What AWS writes where it acts by itself.
INTERNAL: Final = "AWS Internal"

_DENIED: Final = "AccessDenied"
_WITHOUT_PARAMETERS: Final = frozenset({_DENIED, "ThrottlingException"})
_PLAIN: Final = frozenset({str, dict, int, bool})
_MONTHS: Final = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
_SPELLED: Final = {
    "source_ip_address": "sourceIPAddress",
    "request_id": "requestID",
    "event_id": "eventID",
    "shared_event_id": "sharedEventID",
}


def _spell(attribute: str) -> str:
    first, *rest = attribute.split("_")
    return _SPELLED.get(attribute) or first + "".join(word.capitalize() for word in rest)


class SessionIssuer(Struct, frozen=True, rename=_spell):
    type: str
    principal_id: str
    arn: str
    account_id: str
    user_name: str | UnsetType = UNSET


class SessionAttributes(Struct, frozen=True, rename=_spell):
    creation_date: str | UnsetType = UNSET
    mfa_authenticated: str = "false"


class SessionContext(Struct, frozen=True, rename=_spell):
    session_issuer: SessionIssuer
    attributes: SessionAttributes


class UserIdentity(Struct, frozen=True, rename=_spell):
    """CloudTrail's ``userIdentity`` in all its forms; see `identity`."""

    type: str | UnsetType = UNSET
    principal_id: str | UnsetType = UNSET
    arn: str | UnsetType = UNSET
    account_id: str | UnsetType = UNSET
    access_key_id: str | UnsetType = UNSET
    user_name: str | UnsetType = UNSET
    session_context: SessionContext | UnsetType = UNSET
    invoked_by: str | UnsetType = UNSET


class Resource(Struct, frozen=True, rename={"account_id": "accountId", "arn": "ARN"}):
    account_id: str
    type: str
    arn: str


class TlsDetails(Struct, frozen=True, rename=_spell):
    tls_version: str
    cipher_suite: str
    client_provided_host_header: str | UnsetType = UNSET


class Event(Struct, frozen=True, kw_only=True, rename=_spell):
    """A record; the order of the members is the order in which they are written."""

    event_version: str = "1.11"
    user_identity: msgspec.Raw
    event_time: str
    event_source: str
    event_name: str
    aws_region: str
    source_ip_address: str
    user_agent: str | UnsetType = UNSET
    error_code: str | UnsetType = UNSET
    error_message: str | UnsetType = UNSET
    request_parameters: Mapping[str, Any] | None
    response_elements: Mapping[str, Any] | None
    additional_event_data: Mapping[str, Any] | UnsetType = UNSET
    request_id: str | UnsetType = UNSET
    event_id: str
    read_only: bool
    resources: msgspec.Raw | UnsetType = UNSET
    event_type: str = "AwsApiCall"
    management_event: bool = True
    recipient_account_id: str
    shared_event_id: str | UnsetType = UNSET
    service_event_details: Mapping[str, Any] | UnsetType = UNSET
    vpc_endpoint_id: str | UnsetType = UNSET
    event_category: str = "Management"
    tls_details: msgspec.Raw | UnsetType = UNSET


_encode: Final = msgspec.json.Encoder().encode


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
    session_created: float | None = None,
) -> bytes:
    """The record of an API call that an authenticated caller made.

    ``now``: completion, seconds since the epoch. ``source``: the client's address; ``tls``: (version, cipher) of a
    direct connection. For a call through a service (``caller.via``) AWS shows that service instead of address, agent
    and TLS. ``resources``: (type, account, ARN) of what the call was authorized for. ``response_elements`` may be the
    answer itself, which is then written as `elements` does. ``error_code`` is the API's code; AccessDeniedException
    is logged as AccessDenied. ``recipient`` is the account this copy is for, the caller's if None; another account
    sees of the caller only its account and principal id. ``shared_event_id`` joins the copies of one event.
    ``session_created``: when an assumed role's session began.
    """
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
    return _line(
        Event(
            user_identity=foreign_identity(caller) if foreign else identity(caller, session_created),
            event_time=instant(now),
            event_source=event_source,
            event_name=event_name,
            aws_region=caller.region,
            source_ip_address=source if via is None else via.service,
            user_agent=(_short(user_agent, MAX_USER_AGENT) if user_agent else UNSET) if via is None else via.service,
            error_code=error_code if error_code is not None else UNSET,
            error_message=_short(error_message, MAX_TEXT) if error_message is not None else UNSET,
            request_parameters=None if error_code in _WITHOUT_PARAMETERS else _parameters(request_parameters),
            response_elements=None if failed or response_elements is None else _spelled(response_elements),
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
) -> bytes:
    """The record of what the service did by itself (DeleteKey, RotateKey, …) to a thing that ``account`` owns."""
    return _line(
        Event(
            user_identity=_raw(UserIdentity(account_id=account, invoked_by=INTERNAL)),
            event_time=instant(now),
            event_source=event_source,
            event_name=event_name,
            aws_region=region,
            source_ip_address=INTERNAL,
            user_agent=INTERNAL,
            request_parameters=None,
            response_elements=response_elements,
            additional_event_data=additional if additional is not None else UNSET,
            event_id=event_id,
            read_only=False,
            resources=_resources(tuple(resources)) if resources else UNSET,
            event_type="AwsServiceEvent",
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
    return _line(
        Event(
            user_identity=_raw(UserIdentity(type="Unknown")) if who is None else who,
            event_time=instant(last),
            event_source=event_source,
            event_name=_short(event_name, MAX_USER_AGENT),
            aws_region=region,
            source_ip_address=_short(source, MAX_USER_AGENT),
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


def identity(caller: Caller, session_created: float | None = None) -> msgspec.Raw:
    """``userIdentity`` as the caller's own account sees it (CloudTrail user guide, "userIdentity element"), encoded."""
    who = caller.principal
    via = caller.via
    service = None if via is None else via.service
    return _identity(
        who.kind,
        who.unique_id,
        who.arn,
        who.account,
        caller.access_key_id,
        who.name,
        who.role_arn,
        service,
        session_created,
    )


@lru_cache(maxsize=4096)
def _identity(
    kind: PrincipalKind,
    unique_id: str,
    arn: str,
    account: str,
    access_key_id: str,
    name: str | None,
    role_arn: str | None,
    service: str | None,
    session_created: float | None,
) -> msgspec.Raw:
    if kind is PrincipalKind.SERVICE:
        return _raw(UserIdentity(type=kind.value, invoked_by=name or arn))
    issuer: SessionContext | UnsetType = UNSET
    if role_arn is not None and kind in {PrincipalKind.ASSUMED_ROLE, PrincipalKind.FEDERATED_USER}:
        issuer = _session(kind, unique_id, role_arn, session_created)
    return _raw(
        UserIdentity(
            type=kind.value,
            principal_id=unique_id,
            arn=arn,
            account_id=account,
            access_key_id=access_key_id,
            user_name=name if kind is PrincipalKind.USER and name is not None else UNSET,
            session_context=issuer,
            invoked_by=UNSET if service is None else service,
        )
    )


def foreign_identity(caller: Caller) -> msgspec.Raw:
    """``userIdentity`` as the owner of a key sees a caller of another account: no ARN, no name, no access key."""
    return _raw(
        UserIdentity(
            type="AWSAccount",
            principal_id=caller.principal.unique_id,
            account_id=caller.account,
            invoked_by=UNSET if caller.via is None else caller.via.service,
        )
    )


def _session(kind: PrincipalKind, unique_id: str, role_arn: str, created: float | None) -> SessionContext:
    role = parse(role_arn)
    issuer = SessionIssuer(
        type="Role" if kind is PrincipalKind.ASSUMED_ROLE else "IAMUser",
        principal_id=unique_id.partition(":")[0],
        arn=role_arn,
        account_id="" if role is None else role.account,
        user_name=role_arn.rpartition("/")[2],
    )
    return SessionContext(issuer, SessionAttributes(UNSET if created is None else instant(created)))


@lru_cache(maxsize=4096)
def _resources(resources: tuple[tuple[str, str, str], ...]) -> msgspec.Raw:
    return _raw([Resource(owner, kind, arn) for kind, owner, arn in resources])


@lru_cache(maxsize=256)
def _tls(tls: tuple[str, str], host: str | None) -> msgspec.Raw:
    return _raw(TlsDetails(tls[0], tls[1], _short(host, MAX_TEXT) if host else UNSET))


def _raw(value: Any) -> msgspec.Raw:
    return msgspec.Raw(_strict(value))


# --- spelling --------------------------------------------------------------------------------------------------------


@lru_cache(maxsize=512)
def _members(kind: type[Struct]) -> tuple[tuple[str, str], ...]:
    found = ((field.name, field.encode_name) for field in msgspec.structs.fields(kind))
    return tuple((name, wire[:1].lower() + wire[1:]) for name, wire in found)


def elements(answer: Struct) -> dict[str, Any]:
    """A structure of the model as CloudTrail writes it: members in lower camel case (``AWSAccountId`` becomes
    ``aWSAccountId``), times in words, absent members and byte strings left out. Names inside maps are data and stay."""
    shown = {}
    for attribute, name in _members(type(answer)):
        value = getattr(answer, attribute)
        if value is not None and value is not UNSET and not isinstance(value, bytes):
            shown[name] = _spelled(value)
    return shown


def _spelled(value: Any) -> Any:
    if isinstance(value, Struct):
        return elements(value)
    if isinstance(value, (list, tuple)):
        return [_spelled(item) for item in value if not isinstance(item, bytes)]
    if isinstance(value, float):
        return in_words(value)
    return value


def _parameters(parameters: Mapping[str, Any] | None) -> Mapping[str, Any] | None:
    """Only what the hot path never has needs a second look: structures, lists of them, times."""
    if parameters is None:
        return None
    for value in parameters.values():
        if type(value) not in _PLAIN:
            return {name: _spelled(value) for name, value in parameters.items() if not isinstance(value, bytes)}
    return parameters


def in_words(time: float) -> str:
    """``Aug 10, 2022, 10:38:27 PM``: how CloudTrail writes times inside parameters and elements. Seconds since the
    epoch, UTC."""
    moment = datetime.fromtimestamp(int(time), UTC)
    month = _MONTHS[moment.month - 1]
    half = "AM" if moment.hour < 12 else "PM"
    return f"{month} {moment.day}, {moment.year}, {moment.hour % 12 or 12}:{moment:%M:%S} {half}"


# --- bounds ----------------------------------------------------------------------------------------------------------


def _short(text: str, limit: int) -> str:
    """At most ``limit`` bytes of UTF-8, cut between characters."""
    if len(text) * 4 <= limit:
        return text
    encoded = text.encode("utf-8", "backslashreplace")
    return text if len(encoded) <= limit else encoded[:limit].decode("utf-8", "ignore")


def _line(happened: Event) -> bytes:
    line = _strict(happened)
    # No member can be too long while the whole line is shorter than the smallest bound.
    return line if len(line) <= MAX_ADDITIONAL else _bounded(happened, line)


def _strict(value: Any) -> bytes:
    try:
        return _encode(value)
    except UnicodeEncodeError:
        # A lone surrogate came in from somewhere. It is written visibly; a call must not escape its record by it.
        return _encode(_without_surrogates(value))


def _bounded(happened: Event, line: bytes) -> bytes:
    changes: dict[str, Any] = {}
    for member, limit in (
        ("request_parameters", MAX_ELEMENTS),
        ("response_elements", MAX_ELEMENTS),
        ("additional_event_data", MAX_ADDITIONAL),
        ("service_event_details", MAX_ADDITIONAL),
    ):
        value = getattr(happened, member)
        if value is not None and value is not UNSET and (size := len(_strict(value))) > limit:
            changes[member] = _omitted(size)
    if changes:
        line = _strict(msgspec.structs.replace(happened, **changes))
    if len(line) <= MAX_EVENT:
        return line
    # Two members of 100 KB each fit, so this is a list of resources or the like that nobody foresaw.
    keep = {member: _omitted(len(line)) for member in ("request_parameters", "response_elements")}
    return _strict(msgspec.structs.replace(happened, **{**changes, **keep}, resources=UNSET))


def _omitted(size: int) -> dict[str, Any]:
    """In place of a member that is too long. CloudTrail says ``omitted``; the rest is ours."""
    return {"omitted": True, "originalSize": size, "reason": "larger than CloudTrail's limit"}


def _without_surrogates(value: Any) -> Any:
    if isinstance(value, str):
        return value.encode("utf-8", "backslashreplace").decode()
    if isinstance(value, Mapping):
        return {_without_surrogates(name): _without_surrogates(item) for name, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_without_surrogates(item) for item in value]
    if isinstance(value, Struct):
        mended = {name: _without_surrogates(getattr(value, name)) for name in value.__struct_fields__}
        return msgspec.structs.replace(value, **mended)
    return value
