"""An explanation as the administrator's API answers it. Pure.

Guarantees: of a document that stands for another account's side nothing is shown but that it does. Every change comes
with what is to be pasted: the statement as it would be, the whole document around it, the arguments of CreateGrant.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Any, Final

from keystead.audit.past import CHANGES, Past
from keystead.audit.past import Record as Recorded
from keystead.domain import arn
from keystead.domain.caller import Principal
from keystead.domain.policy import supplied
from keystead.domain.policy.cases import Case, Place
from keystead.domain.policy.changes import Attach, Change, Give, Put, document_at
from keystead.domain.policy.explain import ConditionTrace, DocumentTrace, GrantTrace, StatementTrace, Trace
from keystead.domain.policy.remedies import names_of
from keystead.domain.policy.smallest import Proposal
from keystead.model.generated import keystead as model

_TYPES: Final = {
    Place.KEY: "KeyPolicy",
    Place.TRUST: "TrustPolicy",
    Place.IDENTITY: "IdentityPolicy",
    Place.BOUNDARY: "PermissionsBoundary",
    Place.SESSION: "SessionPolicy",
}
_HOLDS: Final = {True: "yes", False: "no", None: "unsettled"}


def answer(
    trace: Trace,
    found: Iterable[Proposal],
    notes: Iterable[str],
    record: model.Record | None,
    unseen: Iterable[str] = (),
) -> model.ExplainResponse:
    """The whole answer. ``unseen`` says why it does not settle the call that this is allowed."""
    case, because = trace.case, trace.decision.because
    exhausted = ["it would cost more work than a call may: statements were settled closed"] if because.exhausted else []
    return model.ExplainResponse(
        allowed=trace.decision.allowed,
        reason=because.kind.replace("the policy of the resource", f"the {_of_resource(case)}"),
        question=_question(case),
        policies=[_policy(case, trace, number, each) for number, each in enumerate(trace.documents)],
        grants=[_grant(each) for each in trace.grants],
        proposals=[model.Proposal(changes=[_change(each, one) for one in each.changes]) for each in found],
        notes=[*notes, *exhausted],
        record=record,
        unsettled=[*_sides(trace), *unseen] if trace.decision.allowed else [],
    )


def unasked(case: Case, why: str, notes: Iterable[str], record: model.Record | None) -> model.ExplainResponse:
    """The answer about an operation that asks no permission: no policy is consulted."""
    return model.ExplainResponse(
        allowed=True,
        reason=f"it needs no permission: {why}",
        question=_question(case),
        policies=[],
        grants=[],
        proposals=[],
        notes=list(notes),
        record=record,
        unsettled=[],
    )


def _sides(trace: Trace) -> Iterable[str]:
    """The sides of other accounts, which are taken to allow."""
    return [f"{each.document.origin} was not looked at" for each in trace.documents if each.document.hidden]


def _of_resource(case: Case) -> Place:
    return Place.KEY if case.key_policy is None else case.key_policy.place


def _question(case: Case) -> model.Question:
    facts, via = case.facts, case.caller.via
    return model.Question(
        principal=case.caller.arn,
        action=case.action,
        resource=case.resource,
        encryption_context=None if facts.encryption_context is None else dict(facts.encryption_context),
        via_service=None if via is None else via.service,
        source_ip=facts.source_ip,
        user_agent=facts.user_agent,
        time=facts.now,
        secure_transport=facts.secure_transport,
    )


def _policy(case: Case, trace: Trace, number: int, found: DocumentTrace) -> model.Policy:
    document = found.document
    return model.Policy(
        type=_TYPES[document.place],
        name=document.name,
        origin=document.origin,
        statements=[]
        if document.hidden
        else [_statement(case, each, trace.settled == (number, each.position)) for each in found.statements],
    )


def _statement(case: Case, found: StatementTrace, decided: bool) -> model.Statement:
    note = None
    if not found.effective:
        note = "without Action and Resource it has no effect"
    elif found.unsettled:
        note = "it cannot be settled, and so counts if it denies"
    return model.Statement(
        position=found.position + 1,
        sid=found.sid,
        effect="Deny" if found.deny else "Allow",
        applies=found.applies,
        decided=decided,
        failing=list(found.failing) if found.effective else [],
        conditions=[_condition(case, each) for each in found.conditions],
        note=note,
        document=json.dumps(found.element, ensure_ascii=False),
    )


def _condition(case: Case, found: ConditionTrace) -> model.Condition:
    wanted = []
    for value, filled in zip(found.wanted, found.filled, strict=True):
        wanted.append(value if value == filled else f"{value} = {'no value' if filled is None else filled}")
    return model.Condition(
        operator=found.operator,
        key=found.key,
        wanted=wanted,
        found=None if found.found is None else list(found.found),
        holds=_HOLDS[found.holds],
        note=_never(case, found),
    )


def _never(case: Case, found: ConditionTrace) -> str | None:
    if not found.known:
        return "there is no such condition key"
    if case.action.lower() in supplied.ACTIONS and not supplied.supplies(case.action, found.key):
        return f"{case.action} never supplies it"
    return None


def _grant(found: GrantTrace) -> model.Grant:
    return model.Grant(
        grant_id=found.grant.grant_id,
        name=found.grant.name,
        grantee=found.grant.grantee,
        operations=list(found.grant.operations),
        allows=found.allows,
        missing=found.missing,
    )


# --- changes ----------------------------------------------------------------------------------------------------------


def _change(proposal: Proposal, change: Change) -> model.Change:
    pasted: dict[str, str] = {}
    says = change.says
    for step in change.steps:
        match step:
            case Put():
                document = document_at(proposal.case, step.place, step.number)
                element = document.elements[min(step.position, len(document.elements) - 1)]
                if element is not None:
                    pasted["statement"] = _json(element)
                if document.text is None:
                    says += ", which leaves nothing of it: delete it"
                else:
                    pasted["policy"] = document.text
            case Attach(document):
                pasted["policy"] = document.text or ""
            case Give(grant):
                pasted["create_grant"] = _json(_create_grant(proposal.case, grant))
            case _:
                pass
    return model.Change(type=change.kind.name.title(), says=says, besides=list(change.besides), **pasted)


def _create_grant(case: Case, grant: Any) -> dict[str, Any]:
    """The arguments of CreateGrant."""
    made: dict[str, Any] = {
        "KeyId": arn.key_arn(grant.region, grant.account, grant.key_id),
        "GranteePrincipal": names_of(case)[0][1],
        "Operations": list(grant.operations),
    }
    if grant.context_equals is not None:
        made["Constraints"] = {"EncryptionContextEquals": dict(grant.context_equals)}
    return made


def _json(value: Any) -> str:
    return json.dumps(value, indent=2, ensure_ascii=False)


# --- records ----------------------------------------------------------------------------------------------------------


def record(past: Past, who: Principal, resource: str, missing: Iterable[str]) -> model.Record:
    """What the record says, what it does not hold, and what has changed since that may concern the call."""
    found = past.record
    changes = [each for each in past.since if _concerns(each, who, resource)]
    said = [f"{each.get('eventTime')} {each.get('eventName')} by {_by(each)}" for each in changes[-CHANGES:]]
    if len(changes) > CHANGES:
        said.insert(0, f"{len(changes) - CHANGES} earlier ones")
    return model.Record(
        event_time=str(found.get("eventTime", "")),
        event_name=str(found.get("eventName", "")),
        error_code=found.get("errorCode"),
        error_message=found.get("errorMessage"),
        changed_since=said,
        missing=list(missing),
    )


def _concerns(change: Recorded, who: Principal, resource: str) -> bool:
    """Is it about the key, or about identities and not of another user or role by name."""
    if change.get("eventSource") == "kms.amazonaws.com":
        return any(each.get("ARN") == resource for each in change.get("resources") or ())
    names = change.get("requestParameters") or {}
    own = (who.role_arn or who.arn).rpartition("/")[2].lower()
    return all(str(names[each]).lower() == own for each in ("userName", "roleName") if each in names)


def _by(change: Recorded) -> str:
    identity = change.get("userIdentity") or {}
    return str(identity.get("arn") or identity.get("accountId"))
