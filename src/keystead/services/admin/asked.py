"""What is asked: a call that could be made, told by a request of Explain, or one that was made, told by its record.

Guarantees: a question that a record tells is told by the record alone, but for what the record does not hold and the
request adds; what neither says is named (`missing`), never guessed. Pure.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final

from keystead import errors
from keystead.audit.past import Record
from keystead.domain import arn
from keystead.domain.caller import Via
from keystead.domain.policy import sentences, supplied
from keystead.model.generated.keystead import ExplainRequest
from keystead.services.iam.operations import IAM
from keystead.services.kms.operations import KMS
from keystead.services.sts.operations import STS
from keystead.services.table import Row
from keystead.services.wire import Wire

_ROWS: Final = tuple(row for service in (STS, IAM, KMS) for row in service.rows.values())
#: Every action that is asked of somebody, by its name in lower case, with the operation that asks it: of several, the one
#: whose own permission it is.
ACTIONS: Final[Mapping[str, tuple[str, Row]]] = {
    **{action.lower(): (action, row) for row in _ROWS for action in row.also},
    **{row.permission.lower(): (row.permission, row) for row in _ROWS},
    **{row.permission.lower(): (row.permission, row) for row in _ROWS if row.permission.endswith(f":{row.name}")},
}

#: Actions that other policies decide than those that are explained here, and which.
OTHERWISE: Final = {
    "kms:RetireGrant": "the grant that is to be retired decides about it",
    "sts:AssumeRoleWithWebIdentity": "the identity provider decides who asks",
}


@dataclass(frozen=True, slots=True)
class Asked:
    """One call. ``key`` is its key as it was named, None for an action without one; ``resource`` is that of a call without
    a key. ``told`` are facts for condition keys, by their names in `policy.facts.Facts`. ``missing`` says what is not
    known of a call that was made, ``unseen`` why this action's being allowed does not settle the call."""

    action: str
    row: Row
    key: str | None
    resource: str
    region: str
    time: float
    via: Via | None = None
    source_ip: str | None = None
    user_agent: str | None = None
    secure_transport: bool | None = None
    context: Mapping[str, str] | None = None
    told: Mapping[str, Any] = field(default_factory=dict)
    missing: tuple[str, ...] = ()
    unseen: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()


def action_of(text: str) -> tuple[str, Row]:
    """The action as it is spelled, and the operation that asks it. Refuses one that is none."""
    found = ACTIONS.get(text.lower())
    if found is None:
        raise errors.action_unknown(text)
    if found[0] in OTHERWISE:
        raise errors.not_offered(f"Explain of {found[0]}", OTHERWISE[found[0]])
    return found


def of_request(request: ExplainRequest, wire: Wire, region: str, now: float) -> Asked:
    """The call that a request asks about. What it leaves out of the connection is taken from its own."""
    action, row = action_of(request.action or "")
    keyed = is_about_a_key(action)
    if keyed and request.key_id is None:
        raise errors.question_incomplete(f"{action} is about a key, which KeyId names")
    if request.key_id is not None and (not keyed or request.resource is not None):
        raise errors.question_incomplete(f"{action} takes {'KeyId alone' if keyed else 'Resource, not KeyId'}")
    taken = [
        name
        for name, value in (
            ("source address", request.source_ip),
            ("user agent", request.user_agent),
            ("use of TLS", request.secure_transport),
        )
        if value is None
    ]
    if action in OF_ROLES and request.resource is None:
        raise errors.question_incomplete(f"{action} is about a role, whose ARN Resource is")
    told = conditions(request.conditions)
    return Asked(
        action=action,
        row=row,
        key=request.key_id,
        resource=request.resource or "*",
        region=region,
        time=now if request.time is None else request.time,
        via=None if request.via_service is None else Via(request.via_service),
        source_ip=request.source_ip or wire.source,
        user_agent=wire.user_agent if request.user_agent is None else request.user_agent,
        secure_transport=wire.tls is not None if request.secure_transport is None else request.secure_transport,
        context=request.encryption_context,
        told=told,
        unseen=tuple(_beside(action, row, told)),
        notes=(*([f"taken from the call of Explain itself: {', '.join(taken)}"] if taken else ()), *_besides(action)),
    )


def of_record(record: Record, request: ExplainRequest) -> Asked:
    """The call that a record tells. What a record of a denied call does not hold, as AWS's do not, the request may add."""
    said = sentences.read(str(record.get("errorMessage", "")))
    identity, parameters = record.get("userIdentity") or {}, record.get("requestParameters") or {}
    action, row = action_of(said.action if said else _action(record))
    context = parameters.get("encryptionContext") or parameters.get("sourceEncryptionContext")
    resource, told = request.resource or _arn(said) or "*", conditions(request.conditions)
    return Asked(
        action=action,
        row=row,
        key=(request.key_id or _key(record, said)) if is_about_a_key(action) else None,
        resource=resource,
        region=str(record.get("awsRegion", "")),
        time=datetime.fromisoformat(str(record.get("eventTime", ""))).timestamp(),
        via=None if "invokedBy" not in identity else Via(str(identity["invokedBy"])),
        source_ip=str(record.get("sourceIPAddress", "")),
        user_agent=record.get("userAgent"),
        secure_transport="tlsDetails" in record,
        context=request.encryption_context or (context if isinstance(context, dict) else None),
        told=told,
        unseen=(*_denied(record), *_beside(action, row, told)),
        missing=tuple(_missing(record, request, action, said, resource)),
        notes=(*_outcome(record), *_besides(action)),
    )


def _action(record: Record) -> str:
    """The action that an operation asks by its name; ReEncrypt asks two, of which this is the first."""
    service, name = str(record.get("eventSource", "")).partition(".")[0], str(record.get("eventName", ""))
    return f"{service}:{'ReEncryptFrom' if name == 'ReEncrypt' else name}"


def _arn(said: sentences.Said | None) -> str | None:
    return said.resource if said is not None and said.resource and said.resource.startswith("arn:") else None


def _missing(
    record: Record, request: ExplainRequest, action: str, said: sentences.Said | None, resource: str
) -> Iterator[str]:
    """What the record does not hold, and the request does not add."""
    parameters, identity = record.get("requestParameters"), record.get("userIdentity") or {}
    takes_context = action.lower() in supplied.ACTIONS and supplied.supplies(action, "kms:EncryptionContextKeys")
    if not parameters and takes_context and request.encryption_context is None:
        yield "the encryption context, if there was one: a denied call's is not recorded"
    if not parameters:
        named = ", and by what name it named the key" if is_about_a_key(action) else ""
        yield f"the other parameters of the request{named}"
    if said is not None and said.resource and resource == "*" and not is_about_a_key(action):
        yield f"the ARN of the resource, which the record calls {said.resource}: Resource can say it"
    if str(identity.get("accessKeyId", "")).startswith("ASIA"):
        yield "the policies and tags of the session: those of the role or user alone are here"


def _outcome(record: Record) -> Iterator[str]:
    code = record.get("errorCode")
    if code is None:
        yield "the call was not denied"
    elif code != "AccessDenied":
        yield f"the call was not denied but refused with {code}: {record.get('errorMessage', '')}"


def _denied(record: Record) -> Iterator[str]:
    if record.get("errorCode") == "AccessDenied":
        yield f"the recorded call was denied: {record.get('errorMessage', '')}"


_ALIASING: Final = frozenset({"kms:CreateAlias", "kms:UpdateAlias", "kms:DeleteAlias"})
_ASKED_WITH: Final = {"SetSourceIdentity": "session_source_identity"}  # only of a request that says such a thing


def _beside(action: str, row: Row, told: Mapping[str, Any]) -> Iterator[str]:
    """The permissions that the call needs beside the one that is explained."""
    if action in _ALIASING:
        yield f"{action} on the alias is needed as well and was not looked at"
    if action == "kms:UpdateAlias":
        yield "so is kms:UpdateAlias on the other one of the two keys"
    if action == "kms:ReEncryptTo":
        yield f"{row.permission} on the source is needed as well and was not looked at"
    for other in row.also if action == row.permission else ():
        name = other.partition(":")[2]
        fact = "request_tags" if name.startswith("Tag") else _ASKED_WITH.get(name)
        if fact is None or fact in told:
            yield f"{other} is needed as well and was not looked at"


def _besides(action: str) -> Iterator[str]:
    """What decides besides about an action, and is not explained with it."""
    if action == "kms:CreateGrant":
        yield "grants that hold CreateGrant may allow it as well, by what the new grant is to hold: they are not weighed"
    if action in _ALIASING:
        yield f"{action} is asked of the alias as well, by identity policies alone"
    if action in {"kms:ReEncryptFrom", "kms:ReEncryptTo"}:
        yield "ReEncrypt asks kms:ReEncryptFrom of the source and kms:ReEncryptTo of the destination: this is one of them"


#: Actions that the trust policy of the role decides with the caller's own policies; their resource is the role.
OF_ROLES: Final = frozenset({"sts:AssumeRole", "sts:TagSession", "sts:SetSourceIdentity"})


def is_about_a_key(action: str) -> bool:
    return action.startswith("kms:") and action.lower() not in supplied.KEYLESS


def _key(record: Record, said: sentences.Said | None) -> str:
    """The key of a recorded call: in the sentence of its refusal, or among its resources."""
    names = [said.resource] if said is not None and said.resource is not None else []
    names += [each.get("ARN", "") for each in record.get("resources") or ()]
    for name in names:
        parsed = arn.parse(name)
        if parsed is not None and parsed.service == "kms":
            return name
    raise errors.key_not_said()


# --- facts that conditions may ask about ------------------------------------------------------------------------------


def _truth(text: str) -> bool:
    return text.lower() == "true"


_TELLABLE: Final[Mapping[str, tuple[str, Callable[[str], Any]]]] = {
    "aws:multifactorauthpresent": ("mfa_present", _truth),
    "kms:bypasspolicylockoutsafetycheck": ("bypass_lockout", _truth),
    "kms:datakeypairspec": ("data_key_pair_spec", str),
    "kms:encryptionalgorithm": ("encryption_algorithm", str),
    "kms:expirationmodel": ("expiration_model", str),
    "kms:grantisforawsresource": ("grant_is_for_aws_resource", _truth),
    "kms:granteeprincipal": ("grantee_principal", str),
    "kms:keyagreementalgorithm": ("key_agreement_algorithm", str),
    "kms:keyspec": ("key_spec", str),
    "kms:keyusage": ("key_usage", str),
    "kms:macalgorithm": ("mac_algorithm", str),
    "kms:messagetype": ("message_type", str),
    "kms:multiregion": ("multi_region", _truth),
    "kms:primaryregion": ("primary_region", str),
    "kms:reencryptonsamekey": ("reencrypt_on_same_key", _truth),
    "kms:replicaregion": ("replica_region", str),
    "kms:retiringprincipal": ("retiring_principal", str),
    "kms:rotationperiodindays": ("rotation_period_days", str),
    "kms:schedulekeydeletionpendingwindowindays": ("pending_window_days", str),
    "kms:signingalgorithm": ("signing_algorithm", str),
    "kms:wrappingalgorithm": ("wrapping_algorithm", str),
    "kms:wrappingkeyspec": ("wrapping_key_spec", str),
    "sts:externalid": ("external_id", str),
    "sts:rolesessionname": ("role_session_name", str),
    "sts:sourceidentity": ("session_source_identity", str),
}
_REQUEST_TAG: Final = "aws:requesttag/"


def conditions(given: Mapping[str, str] | None) -> dict[str, Any]:
    """The facts that make these condition keys what is given."""
    facts: dict[str, Any] = {}
    tags: list[tuple[str, str]] = []
    for name, value in (given or {}).items():
        if name.lower().startswith(_REQUEST_TAG):
            tags.append((name[len(_REQUEST_TAG) :], value))
        elif name.lower() in _TELLABLE:
            attribute, read = _TELLABLE[name.lower()]
            facts[attribute] = read(value)
        else:
            raise errors.condition_not_tellable(name)
    return facts | ({"request_tags": tags} if tags else {})
