"""The shape of a CloudTrail record: its members in AWS's order, its spelling, its bounds. Pure.

Guarantees: `encode` returns one line of valid UTF-8 JSON of at most `MAX_EVENT` bytes, whatever texts a caller sent; members
that are too long are replaced, never cut into invalid JSON. Does not know what may be shown.

Facts: the CloudTrail user guide ("record contents", "userIdentity element") and the KMS developer guide ("log entries").
Ours, because nothing was seen from AWS: what stands in place of a member that is too long.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from functools import lru_cache
from typing import Any, Final

import msgspec
from msgspec import UNSET, Struct, UnsetType

#: Bytes, as CloudTrail bounds them.
MAX_EVENT: Final = 256 << 10
MAX_ELEMENTS: Final = 100 << 10
MAX_ADDITIONAL: Final = 28 << 10
MAX_USER_AGENT: Final = 1 << 10
#: Ours: members that AWS bounds elsewhere (host names, sentences) must not make a record too long either.
MAX_TEXT: Final = 8 << 10

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


class WebIdFederationData(Struct, frozen=True, rename=_spell):
    federated_provider: str
    attributes: Mapping[str, str] = {}


class SessionContext(Struct, frozen=True, kw_only=True, rename=_spell):
    session_issuer: SessionIssuer | UnsetType = UNSET
    web_id_federation_data: WebIdFederationData | UnsetType = UNSET
    attributes: SessionAttributes
    source_identity: str | UnsetType = UNSET


class UserIdentity(Struct, frozen=True, rename=_spell):
    """CloudTrail's ``userIdentity`` in all its forms; see `identity`."""

    type: str | UnsetType = UNSET
    principal_id: str | UnsetType = UNSET
    arn: str | UnsetType = UNSET
    account_id: str | UnsetType = UNSET
    access_key_id: str | UnsetType = UNSET
    user_name: str | UnsetType = UNSET
    identity_provider: str | UnsetType = UNSET
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
    event_time: str | msgspec.Raw
    event_source: str
    event_name: str
    aws_region: str
    source_ip_address: str
    user_agent: str | UnsetType = UNSET
    error_code: str | UnsetType = UNSET
    error_message: str | UnsetType = UNSET
    request_parameters: Mapping[str, Any] | msgspec.Raw | None
    response_elements: Mapping[str, Any] | None
    additional_event_data: Mapping[str, Any] | UnsetType = UNSET
    request_id: str | msgspec.Raw | UnsetType = UNSET
    event_id: str | msgspec.Raw
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
            shown[name] = spelled(value)
    return shown


def spelled(value: Any) -> Any:
    """Structures as `elements` writes them, also in lists; times in words; everything else as it is."""
    if isinstance(value, Struct):
        return elements(value)
    if isinstance(value, (list, tuple)):
        return [spelled(item) for item in value if not isinstance(item, bytes)]
    if isinstance(value, float):
        return in_words(value)
    return value


def parameters(shown: Mapping[str, Any] | None) -> Mapping[str, Any] | None:
    """Parameters with their structures and times spelled; those of the hot path hold neither and stay as they are."""
    if shown is None:
        return None
    for value in shown.values():
        if type(value) not in _PLAIN:
            return {name: spelled(value) for name, value in shown.items() if not isinstance(value, bytes)}
    return shown


def in_words(time: float) -> str:
    """``Aug 10, 2022, 10:38:27 PM``: how CloudTrail writes times inside parameters and elements. Seconds since the
    epoch, UTC; what no calendar has a date for stays a number."""
    try:
        moment = datetime.fromtimestamp(int(time), UTC)
    except (ValueError, OverflowError, OSError):
        return str(time)
    month = _MONTHS[moment.month - 1]
    half = "AM" if moment.hour < 12 else "PM"
    return f"{month} {moment.day}, {moment.year}, {moment.hour % 12 or 12}:{moment:%M:%S} {half}"


# --- bounds ----------------------------------------------------------------------------------------------------------


def short(text: str, limit: int) -> str:
    """The text, at most ``limit`` bytes of UTF-8, cut between characters."""
    if len(text) * 4 <= limit:
        return text
    encoded = text.encode("utf-8", "backslashreplace")
    return text if len(encoded) <= limit else encoded[:limit].decode("utf-8", "ignore")


def encode(happened: Event) -> bytes:
    """The line of a record, without newline, within all bounds."""
    line = strict(happened)
    # No member can be too long while the whole line is shorter than the smallest bound.
    return line if len(line) <= MAX_ADDITIONAL else _bounded(happened, line)


def strict(value: Any) -> bytes:
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
        if value is not None and value is not UNSET and (size := len(strict(value))) > limit:
            changes[member] = _omitted(size)
    if changes:
        line = strict(msgspec.structs.replace(happened, **changes))
    if len(line) <= MAX_EVENT:
        return line
    # Two members of 100 KB each fit, so this is a list of resources or the like that nobody foresaw.
    keep = {member: _omitted(len(line)) for member in ("request_parameters", "response_elements")}
    return strict(msgspec.structs.replace(happened, **{**changes, **keep}, resources=UNSET))


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


def raw(value: Any) -> msgspec.Raw:
    """``value`` encoded, to be a part of many records. Not bounded: for identities, keys and connections."""
    return msgspec.Raw(strict(value))
