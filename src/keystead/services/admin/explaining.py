"""Explain: why a call is, or was, allowed or denied, and the smallest change that would allow it.

Guarantees: permission (``keystead:Explain``) is asked before anything is looked up, and again on what a name or a record
turns out to mean, so that who may not ask learns nothing of what is there. Nothing is shown of the side of another
account: its policies are not looked at, and taken to allow. Nothing is changed.

The journal is searched and the smallest change is sought by threads; facts are read in between, and are those of now.
"""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from typing import Any, Final

from keystead import errors
from keystead.audit.past import Past
from keystead.domain import arn, holdings, references, states
from keystead.domain.caller import Caller, Principal, PrincipalKind
from keystead.domain.grantees import NO_STANDING, bearers
from keystead.domain.grants import Grant, Use
from keystead.domain.key import Key
from keystead.domain.policy.cases import Case, Document, Place, read_document
from keystead.domain.policy.document import default_key_policy
from keystead.domain.policy.explain import explain as explained
from keystead.domain.policy.facts import Facts as Conditions
from keystead.domain.policy.smallest import proposals
from keystead.model.generated.keystead import ExplainRequest, ExplainResponse
from keystead.services import principals
from keystead.services.admin import asked, showing, whom
from keystead.services.admin.asked import Asked
from keystead.services.call import Call
from keystead.services.facts import LoadedKey, bears
from keystead.services.table import operation
from keystead.services.work import Work
from keystead.store.interface import Reader

PERMISSION: Final = "keystead:Explain"

#: Grants that are shown of each identity under which the caller may hold some.
GRANTS: Final = 50

_TRUSTS: Final = (
    '{"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Principal": {"AWS": "ACCOUNT"}, "Action": "sts:*"}]}'
)
_ALLOWS_ALL: Final = '{"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "*", "Resource": "*"}]}'


@operation(PERMISSION)
def explain(call: Call[ExplainRequest]) -> Work:
    """The answer to "why was I denied?", for administrators."""
    request, account = call.request, call.caller.account
    if request.request_id is not None:
        call.permit(
            PERMISSION, f"arn:{arn.PARTITION}:keystead:{call.caller.region}:{account}:request/{request.request_id}"
        )
        _check_told_by_record(request)
        return Work(partial(call.facts.past, request.request_id, account), long=True, then=partial(_of_record, call))
    name = request.principal
    _check_told(call)
    if name is None or request.action is None:
        raise errors.question_incomplete(
            "neither is there" if name is None and request.action is None else "one of them is not there"
        )
    about = asked.of_request(request, call.wire, call.caller.region, call.now)
    if (whom.account_of(name) or account) == account:
        who = call.facts.read(lambda reader: whom.of_name(reader, name, account, call.now))
    else:
        who = whom.stranger(name)
    return _explained(call, who, about, None)


def _check_told(call: Call[ExplainRequest]) -> None:
    """Permission on what the request names, as it names it: on its key if that is of the caller's account, else on its
    principal."""
    request, account = call.request, call.caller.account
    key = request.key_id
    if key is None or (whom.account_of(key) or account) != account:
        call.permit(PERMISSION, whom.arn_of(request.principal or "root", account))
    elif key.startswith(references.ALIAS_PREFIX):
        call.permit(PERMISSION, arn.alias_arn(call.caller.region, account, key))
    else:
        call.permit(PERMISSION, key if key.startswith("arn:") else call.arn_of(key))


def _check_told_by_record(request: ExplainRequest) -> None:
    for name, value in (
        ("Principal", request.principal),
        ("Action", request.action),
        ("ViaService", request.via_service),
        ("SourceIp", request.source_ip),
        ("UserAgent", request.user_agent),
        ("Time", request.time),
        ("SecureTransport", request.secure_transport),
    ):
        if value is not None:
            raise errors.question_incomplete(f"with RequestId the record tells {name}")


def _of_record(call: Call[ExplainRequest], past: Past | None) -> Work:
    """What comes after the search of the journal."""
    if past is None:
        raise errors.call_not_found(call.request.request_id or "")
    about = asked.of_record(past.record, call.request)
    identity = past.record.get("userIdentity") or {}
    who = call.facts.read(lambda reader: whom.of_record(reader, identity, call.now))
    return _explained(call, who, about, past)


def _explained(call: Call[ExplainRequest], who: Principal, about: Asked, past: Past | None) -> Work:
    """The case, from facts of now; what it takes to explain it is left to a thread."""
    if about.action in asked.OF_ROLES:
        case, notes = _with_role(call, who, about)
    else:
        case, notes = _without_key(call, who, about) if about.key is None else _with_key(call, who, about)
    record = None if past is None else showing.record(past, who, case.resource, about.missing)
    return Work(partial(_answer, case, about, (*about.notes, *notes), record), long=True)


def _answer(case: Case, about: Asked, notes: tuple[str, ...], record: Any) -> ExplainResponse:
    """Runs in a thread, over values alone."""
    if about.row.unasked:
        return showing.unasked(case, about.row.unasked, notes, record)
    return showing.answer(explained(case), proposals(case), notes, record, about.unseen)


# --- the case ---------------------------------------------------------------------------------------------------------


def _without_key(call: Call[ExplainRequest], who: Principal, about: Asked) -> tuple[Case, list[str]]:
    if who.account != call.caller.account:
        raise errors.neither_is_own()
    call.permit(PERMISSION, who.role_arn or who.arn)
    identity, boundary, session = call.facts.read(lambda reader: whom.documents(reader, who))
    caller = Caller(who, "", about.region, about.via)
    return Case(
        caller=caller,
        action=about.action,
        resource=about.resource,
        facts=_conditions(caller, about, resource_account=who.account),
        account=who.account,
        identity=identity,
        boundary=boundary,
        session=session,
    ), []


def _with_key(call: Call[ExplainRequest], who: Principal, about: Asked) -> tuple[Case, list[str]]:
    account = call.caller.account
    reference = references.parse(about.key or "", account, about.region, aliases=True)
    own_key, own_principal = reference.account == account, who.account == account
    if not own_key and not own_principal and who.kind is not PrincipalKind.SERVICE:
        raise errors.neither_is_own()
    if not own_key:
        return _away(call, who, about, reference)
    call.permit(PERMISSION, reference.arn)  # as the request or the record names it, before it is looked up
    loaded = _loaded(call, reference)
    key = loaded.key
    if reference.alias is not None:
        call.permit(PERMISSION, key.arn)
    # As GetKeyPolicy shows it: the ARNs of now mean whom the unique ids mean that it is kept with.
    policy = call.facts.read(lambda reader: principals.show_policy(reader, key.policy))
    caller = Caller(who, "", about.region, about.via)
    use = Use(about.action.removeprefix("kms:"), about.context)
    standing = NO_STANDING
    if loaded.granted:
        standing = holdings.standing(who, key.account, partial(bears, call.facts, loaded, use))
    case = Case(
        caller=caller,
        action=about.action,
        resource=key.arn,
        facts=_conditions(
            caller,
            about,
            key=key,
            aliases=loaded.aliases,
            request_alias=reference.alias,
        ),
        account=key.account,
        key_policy=read_document(Place.KEY, "default", policy, origin="the key policy", fixed=key.manager == "AWS"),
        standing=standing,
        grants=call.facts.read(lambda reader: _grants(reader, key, who)),
        use=use,
    )
    notes = _state(about, key)
    if not own_principal and who.kind is not PrincipalKind.SERVICE:
        notes.append(f"only the side of the key is explained: that of account {who.account} is taken to allow")
        if not about.row.cross_account:
            notes.append(f"{about.action} is never allowed on a key of another account")
        return replace(case, identity=(_side(Place.IDENTITY, who.account, _ALLOWS_ALL),)), notes
    if who.kind is PrincipalKind.SERVICE:
        return case, notes
    identity, boundary, session = call.facts.read(lambda reader: whom.documents(reader, who))
    return replace(case, identity=identity, boundary=boundary, session=session), notes


def _with_role(call: Call[ExplainRequest], who: Principal, about: Asked) -> tuple[Case, list[str]]:
    """A session of a role: its trust policy, and the caller's own policies."""
    account, of_role = call.caller.account, whom.account_of(about.resource) or ""
    own_role, own_principal = of_role == account, who.account == account
    if not own_role and not own_principal:
        raise errors.neither_is_own()
    caller, notes = Caller(who, "", about.region, about.via), []
    trust, tags = _side(Place.TRUST, of_role, _TRUSTS.replace("ACCOUNT", who.account)), None
    if own_role:
        call.permit(PERMISSION, about.resource)
        role = call.facts.read(lambda reader: reader.identity(about.resource))
        if role is None or role.trust is None:
            raise errors.principal_unknown(about.resource)
        kept, tags = role.trust, role.tags
        text = call.facts.read(lambda reader: principals.show_policy(reader, kept))
        trust = read_document(Place.TRUST, "trust", text, origin=f"the trust policy of {role.name}")
    else:
        call.permit(PERMISSION, who.role_arn or who.arn)
        notes.append(f"only the side of account {account} is explained: the role is taken to trust it")
    if who.kind is PrincipalKind.ROOT:
        notes.append("besides all policies, a root user may not assume roles")
    case = Case(
        caller=caller,
        action=about.action,
        resource=about.resource,
        facts=_conditions(caller, about, resource_account=of_role, resource_tags=tags),
        account=of_role,
        key_policy=trust,
    )
    if not own_principal:
        notes.append(f"only the side of the role is explained: that of account {who.account} is taken to allow")
        return replace(case, identity=(_side(Place.IDENTITY, who.account, _ALLOWS_ALL),)), notes
    identity, boundary, session = call.facts.read(lambda reader: whom.documents(reader, who))
    return replace(case, identity=identity, boundary=boundary, session=session), notes


def _away(
    call: Call[ExplainRequest], who: Principal, about: Asked, reference: references.Reference
) -> tuple[Case, list[str]]:
    """The own side of a call on a key of another account. Nothing of the key is looked up, not even whether it is
    there."""
    call.permit(PERMISSION, who.role_arn or who.arn)
    caller = Caller(who, "", about.region, about.via)
    identity, boundary, session = call.facts.read(lambda reader: whom.documents(reader, who))
    notes = [
        f"only the side of account {who.account} is explained: the key of account {reference.account} is taken to trust it",
        "what the key is (its tags, its spec, its aliases) is not known here: conditions on it find nothing",
    ]
    if not about.row.cross_account:
        notes.append(f"{about.action} is never allowed on a key of another account")
    return Case(
        caller=caller,
        action=about.action,
        resource=reference.arn,
        facts=_conditions(caller, about, resource_account=reference.account, request_alias=reference.alias),
        account=reference.account,
        key_policy=_side(Place.KEY, reference.account, default_key_policy(who.account)),
        identity=identity,
        boundary=boundary,
        session=session,
    ), notes


def _side(place: Place, account: str, text: str) -> Document:
    return read_document(place, "default", text, origin=f"the side of account {account}", hidden=True)


def _loaded(call: Call[ExplainRequest], reference: references.Reference) -> LoadedKey:
    """The key of the own account that is named."""
    key_id = reference.key_id
    if reference.alias is not None:
        alias = call.facts.alias(reference.account, reference.region, reference.alias)
        if alias is None:
            raise errors.alias_not_found(reference.arn)
        key_id = alias.key_id
    found = call.facts.key(reference.account, reference.region, key_id or "")
    found = found if found is None or call.now < found.key.lasts else found.at(call.now)
    if found is None:
        raise errors.key_not_found(reference.arn)
    return found


def _grants(reader: Reader, key: Key, who: Principal) -> tuple[Grant, ...]:
    """The grants that could speak for the principal: those that one of its identities bears."""
    found: list[Grant] = []
    for bearer in bearers(who):
        found += reader.grants(key.account, key.region, key.key_id, None, GRANTS, bearer.identity)
    return tuple(found)


def _state(about: Asked, key: Key) -> list[str]:
    try:
        states.check(about.row.states, key)
    except errors.Refusal as refusal:
        return [f"besides all policies, the state of the key refuses the call: {refusal.message or refusal.code}"]
    return []


#: What a request has where it does not say it.
_USUAL: Final[dict[str, dict[str, Any]]] = {
    "kms:EnableKeyRotation": {"rotation_period_days": 365},
    "kms:ScheduleKeyDeletion": {"pending_window_days": 30},
    "kms:Sign": {"message_type": "RAW"},
    "kms:Verify": {"message_type": "RAW"},
}


def _conditions(caller: Caller, about: Asked, *, key: Key | None = None, **known: Any) -> Conditions:
    usual = dict(_USUAL.get(about.action, {}))
    if key is not None and key.spec == "SYMMETRIC_DEFAULT":
        usual["encryption_algorithm"] = key.spec
    return Conditions(
        caller=caller,
        action=about.action,
        now=about.time,
        source_ip=about.source_ip,
        user_agent=about.user_agent,
        secure_transport=about.secure_transport,
        requested_region=about.region,
        encryption_context=about.context,
        key=key,
        **known,
        **(usual | dict(about.told)),
    )
