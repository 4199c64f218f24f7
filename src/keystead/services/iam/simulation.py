"""SimulatePrincipalPolicy and SimulateCustomPolicy: what a call would be answered. GetContextKeysForPrincipalPolicy and
GetContextKeysForCustomPolicy: which condition keys policies ask for.

https://docs.aws.amazon.com/IAM/latest/APIReference/API_SimulatePrincipalPolicy.html

Guarantees: decisions are those of the engine that decides calls, over the policies that apply to the principal now
(`domain.policy.simulate`). What a call would bring along (a key's tags, the source address, …) is known here only as
far as the request tells it.

Every pair of action and resource is a result of its own, whose one ResourceSpecificResult says the same; AWS puts the
resources of one action together. AWS knows which context keys a service has; here a key is missing where a policy asks
for it.

A page ends where its work is used up, with a Marker, however many results were asked for: each page has one at least,
and what a result says does not depend on the page that it is on."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, Final

import msgspec

from keystead import errors
from keystead.domain.caller import Caller, Principal
from keystead.domain.policy import document, places, simulate, values
from keystead.domain.policy.facts import Facts, Values
from keystead.domain.policy.simulate import Outcome, Simulation, Source, Verdict
from keystead.domain.policy.work import LIMIT
from keystead.model.generated import iam as shapes
from keystead.services.call import Call
from keystead.services.iam import sources
from keystead.services.table import operation
from keystead.services.work import Work
from keystead.store.interface import Reader

Request = shapes.SimulateCustomPolicyRequest | shapes.SimulatePrincipalPolicyRequest
Custom = Call[shapes.SimulateCustomPolicyRequest]
OfPrincipal = Call[shapes.SimulatePrincipalPolicyRequest]
Texts = Sequence[tuple[str, str]]  # policies by name

_ACTION: Final = re.compile(r"[A-Za-z0-9-]+:[A-Za-z0-9]+", re.ASCII)
_EVERYTHING: Final = "*"
_WITHHELD: Final = ("resource_handling_option",)

#: Results of a page, where the request says nothing; and how many characters of policies one page weighs, each as often as
#: there are results: it bounds the statements that it tells, and the time that finding them takes. What a page may put
#: into conditions and resources, values that are given included, is ``_WORK``: as much as ten calls, about 0.3 seconds.
_PAGE: Final = 100
_CHARACTERS: Final = 1_000_000
_WORK: Final = 10 * LIMIT


# --- operations -------------------------------------------------------------------------------------------------------


@operation("iam:SimulateCustomPolicy", withheld=(*_WITHHELD, "ordered_organization_policy_input_list"))
def simulate_custom_policy(call: Custom) -> Work:
    call.permit("iam:SimulateCustomPolicy", shown=_EVERYTHING)
    return _page(call, sources.Found(sources.nobody(call.caller.account), (), None))


@operation("iam:SimulatePrincipalPolicy", withheld=(*_WITHHELD, "policy_exclusion_list"))
def simulate_principal_policy(call: OfPrincipal) -> Work:
    arn = call.request.policy_source_arn
    call.permit("iam:SimulatePrincipalPolicy", arn)
    return _page(call, sources.find(call, arn))


@operation("iam:GetContextKeysForCustomPolicy")
def get_context_keys_for_custom_policy(call: Call[shapes.GetContextKeysForCustomPolicyRequest]) -> Work:
    call.permit("iam:GetContextKeysForCustomPolicy", shown=_EVERYTHING)
    return Work(partial(_context_keys, (), call.request.policy_input_list), long=True)


@operation("iam:GetContextKeysForPrincipalPolicy")
def get_context_keys_for_principal_policy(call: Call[shapes.GetContextKeysForPrincipalPolicyRequest]) -> Work:
    arn = call.request.policy_source_arn
    call.permit("iam:GetContextKeysForPrincipalPolicy", arn)
    own = sources.find(call, arn).policies
    return Work(partial(_context_keys, own, call.request.policy_input_list), long=True)


def _context_keys(own: Texts, given: Sequence[str] | None) -> shapes.GetContextKeysForPolicyResponse:
    policies = (*(_compiled(name, text) for name, text in own), *_parsed("PolicyInputList", given))
    found = (name for each in policies for asked in simulate.asked_of(each.text) for name in asked)
    return shapes.GetContextKeysForPolicyResponse(context_key_names=list(dict.fromkeys(found)))


# --- what is asked ----------------------------------------------------------------------------------------------------


def _page(call: Custom | OfPrincipal, found: sources.Found) -> Work:
    """The page of results that is asked for. Reading policies and deciding over them is work for a thread."""
    request = call.request
    caller = Caller(_caller(found.principal, request), "", call.caller.region)
    actions, resources = request.action_names, request.resource_arns or [_EVERYTHING]
    count = len(actions) * len(resources)

    def find(_reader: Reader, after: str | None, limit: int) -> range:
        start = 0 if after is None else int(after) + 1
        return range(start, min(start + limit, count))

    question = hashlib.sha256(
        msgspec.json.encode(msgspec.structs.replace(request, marker=None, max_items=None))
    ).hexdigest()
    limit = min(request.max_items or _PAGE, max(1, _CHARACTERS // max(1, _size(request, found))))
    page, _ = call.page(limit, request.marker, question, find, str)
    pairs = [(actions[at // len(resources)], resources[at % len(resources)]) for at in page.items]

    def answer(results: list[shapes.EvaluationResult]) -> shapes.SimulatePolicyResponse:
        """The marker is that of the page which the work sufficed for."""
        _, marker = call.page(len(results), request.marker, question, find, str)
        return shapes.SimulatePolicyResponse(evaluation_results=results, is_truncated=marker is not None, marker=marker)

    return Work(partial(_results, request, found, caller, call.now, pairs), long=True, then=answer)


def _size(request: Request, found: sources.Found) -> int:
    """Characters of all policies that are weighed for each result."""
    given = (*(request.policy_input_list or ()), *(request.permissions_boundary_policy_input_list or ()))
    own = (*(text for _, text in found.policies), found.boundary or "", request.resource_policy or "")
    return sum(map(len, (*given, *own)))


def _caller(who: Principal, request: Request) -> Principal:
    if request.caller_arn is not None:
        return sources.as_user(who, request.caller_arn)
    if request.resource_policy is not None and not who.arn:
        raise errors.caller_missing()
    return who


def _simulation(request: Request, found: sources.Found, caller: Caller, now: float) -> Simulation:
    return Simulation(
        caller=caller,
        facts=Facts(caller=caller, now=now),
        given=_given(request.context_entries or ()),
        identity=(
            *(_compiled(name, text) for name, text in found.policies),
            *_parsed("PolicyInputList", request.policy_input_list),
        ),
        boundary=_boundary(request.permissions_boundary_policy_input_list, found.boundary),
        resource_policy=_resource_policy(request.resource_policy),
        owner=_owner(request.resource_owner) or caller.account,
    )


def _parsed(what: str, texts: Sequence[str] | None) -> tuple[Source, ...]:
    """Policies of a request, named as AWS names them: PolicyInputList.1, …"""
    return tuple(_read(f"{what}.{number}", text) for number, text in enumerate(texts or (), 1))


def _read(name: str, text: str, parse: Callable[[str], Any] = document.parse_identity_policy) -> Source:
    try:
        return Source(name, text, parse(text))
    except errors.Refusal as refusal:
        raise errors.malformed_input(name, refusal.message or "") from refusal


def _compiled(name: str, text: str) -> Source:
    return Source(name, text, document.parse_identity_policy(text))


def _boundary(given: Sequence[str] | None, own: str | None) -> Source | None:
    """The boundary that a request brings takes the place of the one that the principal has."""
    if given:
        if len(given) > 1:
            raise errors.one_boundary()
        return _parsed("PermissionsBoundaryPolicyInputList", given)[0]
    return None if own is None else _compiled("PermissionsBoundary", own)


def _resource_policy(text: str | None) -> Source | None:
    return None if text is None else _read("ResourcePolicy", text, document.parse_key_policy)


def _owner(text: str | None) -> str:
    """The account that an ARN or its own number names."""
    if text is None:
        return ""
    parts = text.split(":", 5)
    return parts[4] if len(parts) == 6 else text


# --- facts that are told ----------------------------------------------------------------------------------------------

_READERS: Final[Mapping[str, Callable[[str], object | None]]] = {
    "string": str,
    "numeric": values.number,
    "boolean": lambda text: text.lower() in {"true", "false"} or None,
    "ip": values.network,
    "binary": values.binary,
    "date": values.date,
}


def _given(entries: Sequence[shapes.ContextEntry]) -> dict[str, Values]:
    """Values by condition key, in lower case. A key without values is absent; one that is given twice has all of them."""
    found: dict[str, Values] = {}
    for entry in entries:
        name, kind = entry.context_key_name or "", entry.context_key_type or "string"
        given = tuple(entry.context_key_values or ())
        read = _READERS[kind.removesuffix("List")]
        if not name or (len(given) > 1 and not kind.endswith("List")) or any(read(text) is None for text in given):
            raise errors.bad_context_entry(name)
        if given:
            found[name.lower()] = (*found.get(name.lower(), ()), *given)
    return found


# --- what is answered -------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _Told:
    """What an answer says of one outcome, at both of its places."""

    matched: list[shapes.Statement]
    missing: list[str]
    boundary: shapes.PermissionsBoundaryDecisionDetail | None


def _results(
    request: Request, found: sources.Found, caller: Caller, now: float, pairs: Sequence[tuple[str, str]]
) -> list[shapes.EvaluationResult]:
    """Those of the first pairs, as far as the work goes. Runs on a thread, over nothing but values of its own."""
    for action in request.action_names:
        if _ACTION.fullmatch(action) is None:
            raise errors.bad_action(action)
    simulation = _simulation(request, found, caller, now)
    named = bool(request.resource_arns)
    extents: dict[str, tuple[places.Extent, ...]] = {}
    outcomes = simulation.outcomes(pairs, _WORK)
    return [
        _result(action, resource, outcome, named, extents)
        for (action, resource), outcome in zip(pairs, outcomes, strict=False)
    ]


def _result(
    action: str, resource: str, outcome: Outcome, named: bool, extents: dict[str, tuple[places.Extent, ...]]
) -> shapes.EvaluationResult:
    told = _Told(
        [_statement(each, extents) for each in outcome.matched],
        list(outcome.missing),
        None
        if outcome.bounded is None
        else shapes.PermissionsBoundaryDecisionDetail(allowed_by_permissions_boundary=outcome.bounded),
    )
    return shapes.EvaluationResult(
        eval_action_name=action,
        eval_resource_name=resource,
        eval_decision=outcome.verdict,
        matched_statements=told.matched,
        missing_context_values=told.missing,
        permissions_boundary_decision_detail=told.boundary,
        eval_decision_details={} if named else None,
        resource_specific_results=[_specific(resource, outcome.verdict, told)] if named else None,
    )


def _specific(resource: str, verdict: Verdict, told: _Told) -> shapes.ResourceSpecificResult:
    return shapes.ResourceSpecificResult(
        eval_resource_name=resource,
        eval_resource_decision=verdict,
        matched_statements=told.matched,
        missing_context_values=told.missing,
        permissions_boundary_decision_detail=told.boundary,
    )


def _statement(match: simulate.Match, extents: dict[str, tuple[places.Extent, ...]]) -> shapes.Statement:
    source = match.source
    if source.text not in extents:
        extents[source.text] = places.statements(source.text)
    start, end = extents[source.text][match.position]
    return shapes.Statement(
        source_policy_id=source.name,
        # The model has another list of types than the service sends.
        source_policy_type="Resource Policy" if source.name == "ResourcePolicy" else "IAM Policy",
        start_position=shapes.Position(line=start.line, column=start.column),
        end_position=shapes.Position(line=end.line, column=end.column),
    )
