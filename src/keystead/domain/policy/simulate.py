"""Would a call be allowed: the decision for a caller, an action, a resource and facts that somebody made up.

Guarantees: the decision is `decide.decide`, over the very documents and facts that are given; nothing is weighed here
a second time. What is told besides (which statements matched, which facts were missing) is asked of the compiled
statements that the decision was taken with.

A resource policy is decided as that of a key: by itself it allows whom it names, and leaves to their own policies
those of whom it names the account. There are no session policies, and grants are not asked.

Several outcomes share one account of work, whatever the policies, the resources and the values that are given
(`Simulation.outcomes`). It settles how many of them are told, never what one of them says.

Source: SimulatePrincipalPolicy, SimulateCustomPolicy (IAM API reference).
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, Final, NamedTuple

from keystead.domain.caller import Caller
from keystead.domain.policy import variables
from keystead.domain.policy.decide import Decision, Question, Why, decide
from keystead.domain.policy.facts import Context, Facts, Reading, Values, reading
from keystead.domain.policy.statements import Policy, Statement
from keystead.domain.policy.work import LIMIT


class Verdict(StrEnum):
    """PolicyEvaluationDecisionType."""

    ALLOWED = "allowed"
    EXPLICIT_DENY = "explicitDeny"
    IMPLICIT_DENY = "implicitDeny"


@dataclass(frozen=True, slots=True)
class Source:
    """One policy of a simulation: ``name`` is what the answer calls it."""

    name: str
    text: str = field(repr=False)
    policy: Policy = field(repr=False, compare=False)


class Match(NamedTuple):
    """A statement that had a part in the outcome: the ``position``th of a policy."""

    source: Source
    position: int


class Outcome(NamedTuple):
    """``bounded`` says whether the permissions boundary allows, None where there is none. ``missing`` are the condition
    keys that statements about the action ask for and that have no value, as the policies spell them."""

    verdict: Verdict
    matched: tuple[Match, ...]
    missing: tuple[str, ...]
    bounded: bool | None


@dataclass(frozen=True, slots=True)
class Simulation:
    """All of a simulation but action and resource.

    ``given`` are values of condition keys, by their names in lower case; they go before what ``facts`` would say.
    ``owner`` is the account of resources whose ARN names none."""

    caller: Caller
    facts: Facts
    given: Mapping[str, Values]
    identity: Sequence[Source]
    boundary: Source | None = None
    resource_policy: Source | None = None
    owner: str = ""

    def outcome(self, action: str, resource: str) -> Outcome:
        """What a call of the action on the resource would come to."""
        [outcome] = self.outcomes([(action, resource)], 0)
        return outcome

    def outcomes(self, pairs: Iterable[tuple[str, str]], units: int) -> Iterator[Outcome]:
        """The outcomes of pairs of action and resource, in order: of the first, and of others while any of the
        ``units`` of work is left.

        Each is what it is by itself: its decision has what a call has, and each thing that is told besides as much
        again. So the last may take the whole past the units by three times that, and by no more.
        """
        for action, resource in pairs:
            question, told, bound = self._question(action, resource), self._context(), self._context()
            verdict = _verdict(decide(question))
            yield Outcome(
                verdict,
                tuple(self._matched(question, verdict, told)),
                tuple(dict.fromkeys(self._missing(question))),
                None if question.boundary is None else _bounds(question.boundary, question, bound),
            )
            units -= sum(LIMIT - max(0, each.work.left) for each in (question.context, told, bound))
            if units <= 0:
                return

    def _context(self) -> Context:
        return _Told(self.facts, self.given)

    def _question(self, action: str, resource: str) -> Question:
        key = self.resource_policy
        return Question(
            caller=self.caller,
            action=action,
            resource=resource,
            context=self._context(),
            # Without the policy of a resource there is nothing on the other side of an account's border.
            resource_account=None if key is None else self._account(resource),
            key_policy=None if key is None else key.policy,
            identity=tuple((each.name, each.policy) for each in self.identity),
            boundary=None if self.boundary is None else self.boundary.policy,
        )

    def _account(self, resource: str) -> str:
        parts = resource.split(":", 5)
        return (parts[4] if len(parts) == 6 else "") or self.owner

    # --- what is told of it -------------------------------------------------------------------------------------------

    def _sources(self) -> Iterator[Source]:
        yield from self.identity
        if self.resource_policy is not None:
            yield self.resource_policy
        if self.boundary is not None:
            yield self.boundary

    def _matched(self, question: Question, verdict: Verdict, told: Context) -> Iterator[Match]:
        """What allowed, or what denied: where something denies, nothing else is told. A boundary allows nothing by
        itself."""
        if verdict is Verdict.IMPLICIT_DENY:
            return
        denied = verdict is Verdict.EXPLICIT_DENY
        for source, statement in self._speaking(question):
            if (
                statement.deny is denied
                and (denied or source is not self.boundary)
                and statement.applies(question.resource, told)
            ):
                yield Match(source, statement.position)

    def _speaking(self, question: Question) -> Iterator[tuple[Source, Statement]]:
        """The statements about the caller and the action, in the order of the policies and within them."""
        who, bounded = question.caller.principal, question.boundary is not None
        for source in self._sources():
            denies, allows = source.policy.speaking_of(question.action)
            for statement in sorted((*denies, *allows), key=lambda each: each.position):
                if statement.naming(who, bounded=bounded):
                    yield source, statement

    def _missing(self, question: Question) -> Iterator[str]:
        asked: dict[str, list[tuple[str, ...]]] = {}
        for source, statement in self._speaking(question):
            if source.text not in asked:
                asked[source.text] = asked_of(source.text)
            for name in asked[source.text][statement.position]:
                if question.context.values(reading(name, key_policy=source is self.resource_policy)) is None:
                    yield name


def _bounds(boundary: Policy, question: Question, context: Context) -> bool:
    """Does the boundary allow."""
    denies, allows = boundary.speaking_of(question.action)
    return any(each.applies(question.resource, context) for each in allows) and not any(
        each.applies(question.resource, context) for each in denies
    )


_DENIED: Final = frozenset({Why.DENY_IDENTITY, Why.DENY_BOUNDARY, Why.DENY_RESOURCE})


def _verdict(decision: Decision) -> Verdict:
    if decision.allowed:
        return Verdict.ALLOWED
    return Verdict.EXPLICIT_DENY if decision.because.kind in _DENIED else Verdict.IMPLICIT_DENY


class _Told(Context):
    """Facts, and before them what somebody said."""

    __slots__ = ("_told",)

    def __init__(self, facts: Facts, told: Mapping[str, Values]) -> None:
        super().__init__(facts)
        self._told = told

    def values(self, key: Reading) -> Values | None:
        found = self._told.get(key.name)
        return super().values(key) if found is None else found


# --- condition keys of a document -------------------------------------------------------------------------------------

_VARYING: Final = "2012-10-17"


def asked_of(text: str) -> list[tuple[str, ...]]:
    """For each statement of a policy that parses, the condition keys that it reads, in conditions and in variables, as
    they are spelt."""
    document = json.loads(text)
    found = document["Statement"]
    varies = document.get("Version") == _VARYING
    return [tuple(_asked(each, varies)) for each in (found if isinstance(found, list) else [found])]


def _asked(element: Mapping[str, Any], varies: bool) -> Iterator[str]:
    texts = [element.get("Resource"), element.get("NotResource")]
    for keys in element.get("Condition", {}).values():
        yield from keys
        texts += keys.values()
    if varies:
        for text in texts:
            for each in text if isinstance(text, list) else [text]:
                if isinstance(each, str):
                    yield from variables.names(each)
