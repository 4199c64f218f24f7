"""What could be done about one refusal: changes that each speak to what the decision gave as its reason.

Guarantees: least privilege. What is added names this action, this resource and this caller and nothing wider (an action
that has no resource has ``*`` for one, and only then is there a star); a change that gives more than was asked for says
so in `Change.besides` and costs more. A permissions boundary and a session policy are widened, never walked round. What
belongs to another account, and what nobody here can change, stays as it is.

Whether a change is enough is found by the engine, in `smallest`: here are the likely ones.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any, Final

from keystead.domain import arn, grants
from keystead.domain.caller import PrincipalKind
from keystead.domain.grants import Grant
from keystead.domain.policy.cases import Case, Document, Element, Place, listed, new_document
from keystead.domain.policy.changes import Attach, Change, Give, Kind, Put, Step, number_of
from keystead.domain.policy.decide import Why
from keystead.domain.policy.explain import StatementTrace, Trace
from keystead.domain.policy.satisfying import edits, wishes

#: What changes cost, beside what a wish costs by itself: what they give besides weighs most.
EXTENDED: Final = 12
ADDED: Final = 15
GRANTED: Final = 18
BESIDES: Final = 10

_DENIED_IN: Final = {
    Why.DENY_IDENTITY: Place.IDENTITY,
    Why.DENY_RESOURCE: Place.KEY,
    Why.DENY_BOUNDARY: Place.BOUNDARY,
    Why.DENY_SESSION: Place.SESSION,
}


def remedies(trace: Trace) -> Iterator[Change]:
    """The changes that speak to the reason of a decision that denies."""
    kind, case = trace.decision.because.kind, trace.case
    if kind in _DENIED_IN:
        yield from _lifted(trace)
    elif kind is Why.NO_BOUNDARY_ALLOW:
        yield from _allowed(trace, Place.BOUNDARY)
    elif kind is Why.NO_SESSION_ALLOW:
        yield from _allowed(trace, Place.SESSION)
    else:
        if kind is Why.NO_IDENTITY_ALLOW:
            yield from _allowed(trace, Place.IDENTITY)
        if kind is Why.NO_RESOURCE_ALLOW or not case.crosses:
            yield from _allowed(trace, Place.KEY if case.key_policy is None else case.key_policy.place)
            yield from _granted(trace)


# --- an Allow that is missing ----------------------------------------------------------------------------------------


def _allowed(trace: Trace, place: Place) -> Iterator[Change]:
    """A statement that nearly matches, extended; and a new one."""
    case = trace.case
    for document, statements in trace.documents:
        if document.place is place and not document.fixed and not document.hidden:
            for each in statements:
                if not each.deny and each.effective:
                    yield from _extended(case, document, each)
    if place in (Place.KEY, Place.TRUST):
        yield from _named_in_key_policy(trace)
    else:
        yield from _stated(trace, place)


def _extended(case: Case, document: Document, statement: StatementTrace) -> Iterator[Change]:
    """The statement with the one part extended that keeps it from applying."""
    match statement.failing:
        case ("Action",) if _of_service(case, statement.element):
            yield from _listing(case, document, statement, "Action", case.action, "Resource", "Principal")
        case ("Resource",):
            yield from _listing(case, document, statement, "Resource", case.resource, "Action", "Principal")
        case ("Principal",):
            yield from _naming(case, document, statement)
        case ("Condition",):
            yield from _conditions(case, document, statement, "Action", "Resource", "Principal")


def _listing(
    case: Case, document: Document, statement: StatementTrace, part: str, name: str, *others: str
) -> Iterator[Change]:
    """One name more in Action or Resource; where the element is NotAction or NotResource, one less."""
    held = statement.element.get(part)
    if held is not None:
        says, changed = f"add {name} to {part}", {part: [*listed(held), name]}
    else:
        kept = _without(listed(statement.element[f"Not{part}"]), name)
        if kept is None:
            return
        says, changed = f"take {name} out of Not{part}", {f"Not{part}": kept}
    yield _change(
        case, document, statement, says, {**statement.element, **changed}, _besides(case, document, statement, others)
    )


def _naming(case: Case, document: Document, statement: StatementTrace) -> Iterator[Change]:
    """The caller among those whom a statement of a key policy names."""
    kind, name = names_of(case)[0]
    held = statement.element.get("Principal")
    if isinstance(held, dict):
        named = {**held, kind: [*listed(held.get(kind, [])), name]}
        says = f"add {name} to Principal"
        besides = _besides(case, document, statement, ("Action",))
        yield _change(case, document, statement, says, {**statement.element, "Principal": named}, besides)


def _conditions(case: Case, document: Document, statement: StatementTrace, *others: str) -> Iterator[Change]:
    """All of the statement's conditions satisfied: by another request, or one of them by another list of values."""
    failing = [at for at, each in enumerate(statement.conditions) if not each.holds]
    found = [next(iter(_wishes(case, statement, at)), None) for at in failing]
    wished = [each for each in found if each is not None]
    if len(wished) == len(failing) > 1:
        kind = Kind.TAG if any(each.kind is Kind.TAG for each in wished) else Kind.REQUEST
        steps = tuple(step for each in wished for step in each.steps)
        cost = max(each.cost for each in wished) + 3 * (len(wished) - 1)
        yield Change(kind, ", and ".join(each.says for each in wished), cost, steps)
    elif len(failing) == 1:
        yield from _wishes(case, statement, failing[0])
    besides = _besides(case, document, statement, others)
    for at in failing if len(failing) == 1 else ():
        condition = statement.conditions[at]
        for says, element in edits(case, document, statement.position, at, condition, wanted=True):
            yield _change(case, document, statement, says, element, (*besides, "the condition lets more in"))


def _wishes(case: Case, statement: StatementTrace, at: int) -> Iterator[Change]:
    for wish in wishes(case, statement.conditions[at], statement.tests[at], wanted=not statement.deny):
        yield Change(wish.kind, wish.says, wish.cost, (wish.step,))


def _stated(trace: Trace, place: Place) -> Iterator[Change]:
    """A new statement in a policy of the caller's own side."""
    case, besides = trace.case, _unconditional(trace)
    kind = case.caller.principal.kind
    if kind is PrincipalKind.SERVICE or (kind is PrincipalKind.ROOT and place is Place.IDENTITY):
        return  # it has no policies of its own
    element = statement_for(case)
    own = [each for each in case.documents if each.place is place and not each.fixed and not each.hidden]
    if place is Place.IDENTITY:
        own = [each for each in own if not each.shared]  # what others have too would give it to them
    if own:
        document = next((each for each in own if any(_of_service(case, one) for one in each.elements)), own[0])
        besides += ("everybody who has this policy",) if document.shared else ()
        says = f"add a statement to {words(document)}"
        step: Step = Put(place, number_of(case, document), len(document.elements), element)
    elif place is Place.BOUNDARY or any(each.hidden for each in case.identity):
        return
    else:
        name = f"Allow{case.action.rpartition(':')[2]}"
        origin = "a new session policy" if place is Place.SESSION else "a new inline policy"
        says = f"give {who(case)} {origin}"
        step = Attach(new_document(place, name, element, origin=origin))
    yield Change(Kind.ADD, says, ADDED + BESIDES * len(besides), (step,), besides)


_MISSED: Final = {
    Why.NO_IDENTITY_ALLOW: Place.IDENTITY,
    Why.NO_BOUNDARY_ALLOW: Place.BOUNDARY,
    Why.NO_SESSION_ALLOW: Place.SESSION,
}


def _unconditional(trace: Trace) -> tuple[str, ...]:
    """What a new statement would give where there is one that allows the same, but for its conditions."""
    place = _MISSED.get(trace.decision.because.kind)
    for document, statements in trace.documents:
        for each in statements if document.place is place or (place is None and document.of_resource) else ():
            if not each.deny and each.effective and each.failing == ("Condition",):
                return (f"the same without the conditions of {_statement_words(each)} of {words(document)}",)
    return ()


def _named_in_key_policy(trace: Trace) -> Iterator[Change]:
    """A new statement in the key policy: for the caller; or for its account, where its identity policies allow."""
    case = trace.case
    document = case.key_policy
    if document is None or document.hidden or document.fixed:
        return
    number, end = number_of(case, document), len(document.elements)
    for kind, name in names_of(case):
        element = statement_for(case, {kind: name})
        root = name == arn.root_arn(case.caller.account)
        besides = _unconditional(trace)
        besides += (f"whoever an identity policy of account {case.caller.account} allows it",) if root else ()
        says = f"add a statement to {words(document)} that names {name}"
        yield Change(
            Kind.ADD, says, ADDED + BESIDES * len(besides), (Put(document.place, number, end, element),), besides
        )


def statement_for(case: Case, principal: Element | None = None) -> dict[str, Any]:
    """The statement that allows this and nothing else."""
    named = {} if principal is None else {"Principal": principal}
    trusts = principal is not None and case.key_policy is not None and case.key_policy.place is Place.TRUST
    resource = {} if trusts else {"Resource": case.resource}  # a trust policy is of one role, and names none
    return {"Effect": "Allow", **named, "Action": case.action, **resource}


def names_of(case: Case) -> list[tuple[str, str]]:
    """How a key policy names the caller, the closest first: itself (or the role behind its session), its account."""
    principal = case.caller.principal
    if principal.kind is PrincipalKind.SERVICE:
        return [("Service", principal.arn)]
    role = principal.role_arn if principal.kind is PrincipalKind.ASSUMED_ROLE else None
    return list(dict.fromkeys([("AWS", role or principal.arn), ("AWS", arn.root_arn(principal.account))]))


def who(case: Case) -> str:
    """Whose policies speak for the caller, in a sentence: the user, or the role or user behind its session."""
    principal = case.caller.principal
    name = (principal.role_arn or principal.arn).rpartition("/")[2]
    if principal.kind is PrincipalKind.ASSUMED_ROLE:
        return f"the role {name}"
    return principal.arn if principal.kind in (PrincipalKind.SERVICE, PrincipalKind.ROOT) else f"the user {name}"


def _granted(trace: Trace) -> Iterator[Change]:
    """A grant for this one operation, under the encryption context of the call."""
    case = trace.case
    principal, key, use = case.caller.principal, case.facts.key, case.use
    document = case.key_policy
    if key is None or use is None or document is None or document.hidden or any(each.hidden for each in case.identity):
        return
    grantable = set(grants.operations_of(key)) - {grants.CREATE_GRANT, grants.RETIRE_GRANT}
    if principal.kind not in (PrincipalKind.USER, PrincipalKind.ASSUMED_ROLE) or use.operation not in grantable:
        return
    context = tuple(sorted((use.context or {}).items()))
    fits = len(context) <= grants.CONTEXT_PAIRS and all(
        len(value) <= grants.CONTEXT_VALUE_CHARACTERS for _, value in context
    )
    grant = Grant(
        key.account,
        key.region,
        key.key_id,
        grant_id="",
        grantee=principal.unique_id.partition(":")[0],
        operations=(use.operation,),
        issuing_account=arn.root_arn(key.account),
        created=0.0,
        context_equals=context or None if fits and use.operation != grants.DESCRIBE_KEY else None,
    )
    besides = _unconditional(trace) + (() if fits else ("any encryption context",))
    says = f"create a grant for {names_of(case)[0][1]}"
    yield Change(Kind.GRANT, says, GRANTED + BESIDES * len(besides), (Give(grant),), besides)


# --- a Deny that applies ---------------------------------------------------------------------------------------------


def _lifted(trace: Trace) -> Iterator[Change]:
    """The statement that denies made to spare this call, or taken away."""
    case, settled = trace.case, trace.settled
    if settled is None:
        return
    document, statements = trace.documents[settled.document]
    (statement,) = [each for each in statements if each.position == settled.position]
    if document.hidden:
        return
    for at in range(len(statement.conditions)):
        yield from _wishes(case, statement, at)
    if document.fixed:
        return
    for says, element, others in _spared(case, document, statement):
        yield _change(case, document, statement, says, element, _besides(case, document, statement, others))
    besides = _besides(case, document, statement, ("Action", "Resource", "Principal"))
    cost = EXTENDED + BESIDES * len(besides) + 1  # where it denies nothing else, sparing this is all there is to do
    says = f"take {_statement_words(statement)} out of {words(document)}"
    put = Put(document.place, number_of(case, document), statement.position, None)
    yield Change(Kind.REMOVE, says, cost, (put,), besides)


def _spared(
    case: Case, document: Document, statement: StatementTrace
) -> Iterator[tuple[str, Element, tuple[str, ...]]]:
    """What to say, the statement as it would then be, and the parts by which it spares more than this call."""
    element = statement.element
    for part, name, others in (
        ("Action", case.action, ("Resource", "Principal")),
        ("Resource", case.resource, ("Action", "Principal")),
    ):
        if part in element:
            kept = _without(listed(element[part]), name)
            if kept is not None:
                yield f"take {name} out of {part}", {**element, part: kept}, others
            elif part == "Resource" and element[part] == "*" and name != "*" and document.place is not Place.KEY:
                spared = {other: held for other, held in element.items() if other != part}
                yield f"let {part} spare {name}", {**spared, f"Not{part}": [name]}, others
        elif f"Not{part}" in element:
            yield f"add {name} to Not{part}", {**element, f"Not{part}": [*listed(element[f"Not{part}"]), name]}, others
    if document.of_resource and isinstance(element.get("Principal"), dict):
        for kind, name in names_of(case):
            kept = _without(listed(element["Principal"].get(kind, [])), name)
            if kept is not None:
                named = {**element["Principal"], kind: kept}
                yield f"take {name} out of Principal", {**element, "Principal": named}, ("Action", "Resource")
    if document.of_resource or document.shared:
        kind, name = names_of(case)[0]
        if kind == "AWS":
            yield f"spare {name}", _sparing(element, name), ("Action", "Resource")
    for at, condition in enumerate(statement.conditions):
        for says, changed in edits(case, document, statement.position, at, condition, wanted=False):
            yield says, changed, ("Action", "Resource", "Principal")


def _sparing(element: Element, name: str) -> Element:
    """The statement with a condition that exempts one principal; role sessions by their role."""
    condition = copy.deepcopy(dict(element.get("Condition", {})))
    held = condition.setdefault("ArnNotEquals", {})
    key = next((each for each in held if each.lower() == "aws:principalarn"), "aws:PrincipalArn")
    held[key] = [*listed(held.get(key, [])), name]
    return {**element, "Condition": condition}


# --- what they share --------------------------------------------------------------------------------------------------


def _without(names: Sequence[Any], name: str) -> list[Any] | None:
    """The names but one, that must be there as it is; None where none would be left."""
    kept = [each for each in names if str(each).lower() != name.lower()]
    return kept if kept and len(kept) < len(names) else None


def _besides(case: Case, document: Document, statement: StatementTrace, parts: Iterable[str]) -> tuple[str, ...]:
    """What a change of the statement gives besides this call: by each of its parts that holds more than the call's."""
    said = [_WIDER[part] for part in parts if not _ONLY[part](case, document, statement.element)]
    return (*said, "everybody who has this policy") if document.shared else tuple(said)


def _of_service(case: Case, element: Element | None) -> bool:
    """Does the statement speak of actions of the same service by name."""
    service = case.action.partition(":")[0].lower()
    held = () if element is None else listed(element.get("Action", element.get("NotAction", [])))
    return any(str(each).lower().startswith(f"{service}:") for each in held)


def _only_action(case: Case, _: Document, element: Element) -> bool:
    return [str(each).lower() for each in listed(element.get("Action", []))] == [case.action.lower()]


def _only_resource(case: Case, document: Document, element: Element) -> bool:
    held = listed(element.get("Resource", []))
    if document.place is Place.TRUST:
        return True
    return held == [case.resource] or (document.place is Place.KEY and held == ["*"])  # a key policy is of one key


def _only_principal(case: Case, document: Document, element: Element) -> bool:
    if not document.of_resource:
        return True
    held = element.get("Principal")
    return isinstance(held, dict) and [(kind, name) for kind in held for name in listed(held[kind])] == [
        names_of(case)[0]
    ]


_ONLY: Final[dict[str, Callable[[Case, Document, Element], bool]]] = {
    "Action": _only_action,
    "Resource": _only_resource,
    "Principal": _only_principal,
}
_WIDER: Final = {
    "Action": "every other action of the statement",
    "Resource": "every other resource of the statement",
    "Principal": "every other principal of the statement",
}


def _change(
    case: Case, document: Document, statement: StatementTrace, says: str, element: Element, besides: tuple[str, ...]
) -> Change:
    where = f"in {_statement_words(statement)} of {words(document)}, {says}"
    put = Put(document.place, number_of(case, document), statement.position, element)
    return Change(Kind.CHANGE, where, EXTENDED + BESIDES * len(besides), (put,), besides)


def _statement_words(statement: StatementTrace) -> str:
    return f"statement {statement.position + 1}" + ("" if statement.sid is None else f" ({statement.sid})")


def words(document: Document) -> str:
    """A document in a sentence."""
    if document.place is Place.IDENTITY:
        return document.origin or f"the identity policy {document.name}"
    return document.origin or f"the {document.place}"
