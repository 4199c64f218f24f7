"""Why a call is allowed or denied: every document that was consulted, statement by statement, and what settled it.

Guarantees: the decision is the engine's own (`Case.settle`), and so is every part of the explanation: whether a
statement names the caller, speaks of the action, covers the resource and passes a condition is asked of the compiled
statement that the decision was taken with. Where a statement settled it, that statement is named.

Each statement is weighed by itself here, with work of its own. Where a decision came to the bound of its work
(`Because.exhausted`), a statement may be said to match that was settled closed.

Shows everything, values of the encryption context included: it is for administrators. What the caller is told is a
sentence (`sentences`).
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final, NamedTuple

from keystead.domain import grants
from keystead.domain.grantees import bearers
from keystead.domain.grants import Grant
from keystead.domain.policy import variables
from keystead.domain.policy.cases import Case, Document, Element, Place, listed
from keystead.domain.policy.conditions import Test
from keystead.domain.policy.decide import BOUNDARY, KEY_POLICY, SESSION, TRUST_POLICY, Decision, Why
from keystead.domain.policy.facts import KEYS, PREFIXES, Context, reading
from keystead.domain.policy.principals import Named
from keystead.domain.policy.statements import Statement
from keystead.domain.policy.variables import Ambiguous, Template
from keystead.domain.policy.wildcard import plain
from keystead.domain.policy.work import Exhausted


class ConditionTrace(NamedTuple):
    """One condition key under one operator.

    ``wanted`` are the values of the policy; ``filled`` the same with variables in place of their names, None for one
    whose variable has no value. ``found`` are the values of the request, None where the key is absent. ``holds`` is
    None where it cannot be settled. ``known``: there is such a key.
    """

    operator: str
    key: str
    wanted: tuple[str, ...]
    filled: tuple[str | None, ...]
    found: tuple[str, ...] | None
    holds: bool | None
    known: bool = True


class StatementTrace(NamedTuple):
    """One statement, and which of its parts match the call. ``principal`` is None where a statement names none.

    ``test`` is one compiled condition each, in the order of ``conditions``. ``effective`` is False for a statement of
    a key policy that lacks action or resource: nothing of it is weighed.
    """

    position: int
    sid: str | None
    deny: bool
    element: Element
    applies: bool
    principal: bool | None = None
    action: bool = False
    resource: bool | None = False
    conditions: tuple[ConditionTrace, ...] = ()
    tests: tuple[Test, ...] = ()
    effective: bool = True

    @property
    def unsettled(self) -> bool:
        """Could a part not be settled that the engine came to, so that the statement counts if it denies, and does not
        if it allows, whatever its other conditions say."""
        if self.resource is not True:
            return self.resource is None
        return next((each.holds for each in self.conditions if each.holds is not True), True) is None

    @property
    def failing(self) -> tuple[str, ...]:
        """The names of the parts that keep the statement from applying."""
        settled_closed = self.unsettled and self.deny
        parts = [
            ("Principal", self.principal is False),
            ("Action", not self.action),
            ("Resource", not self.resource and not settled_closed),
            ("Condition", not settled_closed and any(not each.holds for each in self.conditions)),
        ]
        return tuple(name for name, fails in parts if fails)


class DocumentTrace(NamedTuple):
    document: Document
    statements: tuple[StatementTrace, ...]


class GrantTrace(NamedTuple):
    """A grant on the key. ``bears``: the caller is its grantee, by itself, through its role or as its account. Only
    then ``allows``, and only then ``missing`` says what keeps it from allowing."""

    grant: Grant
    bears: bool
    allows: bool
    missing: str | None


class Settled(NamedTuple):
    """The statement that settled the decision: the place of its document in `Trace.documents`, and its own in that."""

    document: int
    position: int


class Trace(NamedTuple):
    """The explanation of one decision. ``settled`` is None where no single statement decided."""

    case: Case
    decision: Decision
    documents: tuple[DocumentTrace, ...]
    grants: tuple[GrantTrace, ...]
    settled: Settled | None


def explain(case: Case) -> Trace:
    """The whole explanation."""
    decision = case.settle()
    documents = tuple(weigh(case, each) for each in case.documents)
    return Trace(
        case, decision, documents, tuple(_grant(case, each) for each in case.grants), _settled(decision, documents)
    )


def weigh(case: Case, document: Document) -> DocumentTrace:
    """Every statement of one document that is left, weighed against the case."""
    return DocumentTrace(
        document,
        tuple(
            _statement(case, document, at, element)
            for at, element in enumerate(document.elements)
            if element is not None
        ),
    )


# --- statements -------------------------------------------------------------------------------------------------------


def _statement(case: Case, document: Document, at: int, element: Element) -> StatementTrace:
    sid, deny = element.get("Sid") or None, element["Effect"] == "Deny"
    compiled = document.compiled(at)
    if compiled is None:
        return StatementTrace(at, sid, deny, element, False, effective=False)
    named, action, resource, outcomes = _parts(case, compiled)
    return StatementTrace(
        at,
        sid,
        deny,
        element,
        applies=bool(named) and action and compiled.applies(case.resource, Context(case.facts)),
        principal=None if compiled.principals is None else bool(named),
        action=action,
        resource=resource,
        conditions=tuple(_conditions(case, document, element, outcomes)),
        tests=compiled.tests,
    )


def _parts(case: Case, compiled: Statement) -> tuple[Named, bool, bool | None, list[bool | None]]:
    """How the statement names the caller, whether it speaks of the action and covers the resource, and the outcome of
    each of its tests."""
    try:
        resource: bool | None = compiled.resources.covers(case.resource, Context(case.facts), deny=compiled.deny)
    except (Ambiguous, Exhausted):
        resource = None
    return (
        compiled.naming(case.caller.principal, bounded=case.boundary is not None),
        compiled.speaks_of(case.action.lower()),
        resource,
        [outcome(test, Context(case.facts)) for test in compiled.tests],
    )


def outcome(test: Test, context: Context) -> bool | None:
    """Does the call pass the test; None where that cannot be settled."""
    try:
        return test.passes(context)
    except (Ambiguous, Exhausted):
        return None


def _conditions(
    case: Case, document: Document, element: Element, outcomes: list[bool | None]
) -> Iterator[ConditionTrace]:
    """The members of the Condition element beside their outcomes. The tests of a compiled statement have their order."""
    pairs = [
        (operator, key, values)
        for operator, keys in element.get("Condition", {}).items()
        for key, values in keys.items()
    ]
    key_policy, varies = document.place is Place.KEY, document.version == _VARYING
    for (operator, key, values), holds in zip(pairs, outcomes, strict=True):
        wanted = tuple(_text(each) for each in listed(values))
        asked = reading(key, key_policy=key_policy)
        yield ConditionTrace(
            operator,
            key,
            wanted,
            tuple(filled(each, case, key_policy=key_policy) if varies else each for each in wanted),
            Context(case.facts).values(asked),
            holds,
            known(key),
        )


_VARYING: Final = "2012-10-17"


def known(key: str) -> bool:
    """Is there a condition key of that name."""
    lowered = key.lower()
    return lowered in KEYS or lowered.startswith(tuple(PREFIXES))


def filled(text: str, case: Case, *, key_policy: bool) -> str | None:
    """A text with the values of its variables; itself where it has none, None where one has no single value."""
    if "${" not in text:
        return text
    parsed = variables.parse(text, key_policy=key_policy)
    try:
        pieces = parsed.pieces(Context(case.facts)) if isinstance(parsed, Template) else parsed
    except (Ambiguous, Exhausted):
        return None
    return None if pieces is None else plain(pieces)


def _text(value: Any) -> str:
    """A value of a condition as the engine reads it."""
    return ("true" if value else "false") if isinstance(value, bool) else str(value)


# --- what settled it --------------------------------------------------------------------------------------------------

_PLACES: Final = {
    Why.DENY_IDENTITY: Place.IDENTITY,
    Why.DENY_BOUNDARY: Place.BOUNDARY,
    Why.DENY_SESSION: Place.SESSION,
    Why.KEY_POLICY_AND_IDENTITY: Place.IDENTITY,
    Why.IDENTITY: Place.IDENTITY,
    Why.GRANT: Place.IDENTITY,
}


def _settled(decision: Decision, documents: tuple[DocumentTrace, ...]) -> Settled | None:
    """The first document of the right kind and name whose statement in that place applies: the engine looks in the same
    order, so that an earlier one would have settled it."""
    kind, name, _, position, _ = decision.because
    if position is None:
        return None
    for at, (document, statements) in enumerate(documents):
        right = document.place is _PLACES[kind] if kind in _PLACES else document.of_resource
        if right and name == _name(document):
            for each in statements:
                if each.position == position and each.applies and each.deny is not decision.allowed:
                    return Settled(at, position)
    return None


def _name(document: Document) -> str:
    """The name by which the engine knows a document."""
    return document.name if document.place is Place.IDENTITY else _NAMES[document.place]


_NAMES: Final = {Place.KEY: KEY_POLICY, Place.TRUST: TRUST_POLICY, Place.BOUNDARY: BOUNDARY, Place.SESSION: SESSION}


# --- grants -----------------------------------------------------------------------------------------------------------


def _grant(case: Case, grant: Grant) -> GrantTrace:
    borne = any(each.identity == grant.grantee for each in bearers(case.caller.principal))
    use = case.use
    if use is None or not borne:
        return GrantTrace(grant, borne, False, None)
    allows = grants.allows(grant, use)
    return GrantTrace(grant, borne, allows, None if allows else _missing(grant, use))


def _missing(grant: Grant, use: grants.Use) -> str:
    """What keeps a grant of the caller's from allowing."""
    if use.operation not in grant.operations:
        return f"it does not hold {use.operation}"
    if grant.source_arn is not None and grant.source_arn != use.source_arn:
        return "it is for calls on behalf of another resource"
    if use.operation == grants.CREATE_GRANT:
        return "the new grant would be wider than it"
    if grant.context_equals is not None:
        return "the encryption context is not the one that it demands"
    return "the encryption context lacks a pair that it demands"
