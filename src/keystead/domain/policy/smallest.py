"""The smallest change that would allow what is denied, found by trying changes over the engine itself.

From the refused case on, each change that speaks to the reason is made on the documents and the engine is asked again;
if it refuses for another reason, that one is spoken to next. The cheapest way is followed first.

Guarantees: after the changes of a `Proposal` the engine allows; without any one of them it does not. Proposals come
the smallest first, as `changes.Change.cost` measures them. The search is bounded: it may find none where there is one,
and a smaller one may escape it where very many statements deny.

A permissions boundary and session policies are widened, never walked round by naming the caller in the policy of the resource.

Does not look for changes that `remedies` does not know, such as other actions that would serve the caller as well.
"""

from __future__ import annotations

import heapq
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import count
from typing import Any, Final

from keystead import errors
from keystead.domain.caller import PrincipalKind
from keystead.domain.policy.cases import Case, Place
from keystead.domain.policy.changes import Change, Give, Put, made
from keystead.domain.policy.explain import Trace, explain, weigh
from keystead.domain.policy.remedies import remedies

#: Refused cases that are looked at in one search, and changes that are tried on one of them.
CASES: Final = 40
CHANGES: Final = 40
#: Proposals that are worth showing.
SHOWN: Final = 3


@dataclass(frozen=True, slots=True)
class Proposal:
    """Changes that together allow, and the case after them."""

    changes: tuple[Change, ...]
    case: Case

    @property
    def cost(self) -> int:
        return sum(each.cost for each in self.changes)


def proposals(case: Case, most: int = SHOWN) -> list[Proposal]:
    """The smallest sets of changes that would allow the case, at most ``most``; none for one that is allowed."""
    found: list[Proposal] = []
    said: set[frozenset[Any]] = set()
    if case.settle().allowed:
        return found
    for changes in _ways(case):
        needed = _needed(case, changes)
        names = frozenset(each.mark for each in needed)
        if any(names >= each for each in said):
            continue  # the same with something more, or in another order
        said.add(names)
        found.append(Proposal(needed, _after(case, needed)))
        if len(found) == most:
            break
    return sorted(found, key=lambda each: each.cost)


def _ways(case: Case) -> Iterator[tuple[Change, ...]]:
    """Sets of changes after which the case is allowed, the cheapest first."""
    order = count()
    waiting: list[tuple[int, int, tuple[Change, ...], Case]] = [(0, next(order), (), case)]
    seen: set[frozenset[Any]] = set()
    looked, found = 0, False
    while waiting and looked < CASES:
        cost, _, changes, reached = heapq.heappop(waiting)
        names = frozenset(each.mark for each in changes)
        if names in seen:
            continue
        seen.add(names)
        if reached.settle().allowed:
            found = True
            yield changes
            continue
        looked += 1
        for change, after in _steps(reached):
            heapq.heappush(waiting, (cost + change.cost, next(order), (*changes, change), after))
    if not found:
        yield from _straight(case)


def _straight(case: Case) -> Iterator[tuple[Change, ...]]:
    """The way on which each reason is done away with by the cheapest change, whatever comes after."""
    changes: tuple[Change, ...] = ()
    while len(changes) < CASES:
        if case.settle().allowed:
            yield changes
            return
        steps = list(_steps(case))
        if not steps:
            return
        change, case = min(steps, key=lambda step: step[0].cost)
        changes = (*changes, change)


def _steps(case: Case) -> Iterator[tuple[Change, Case]]:
    """The changes that do away with the reason of a refusal, and the case after each."""
    trace = explain(case)
    if trace.decision.because.exhausted:
        return  # statements were settled for lack of work: each further question would cost as much
    for tried, change in enumerate(remedies(trace)):
        if tried == CHANGES:
            return
        after = _tried(case, change)
        if after is not None and _moves(trace, after) and not _walks_round(trace, change, after):
            yield change, after


def _tried(case: Case, change: Change) -> Case | None:
    """The case after the change; None where a document would no longer parse."""
    try:
        return made(case, change)
    except errors.Refusal:
        return None


def _moves(trace: Trace, after: Case) -> bool:
    """Does the change do away with this reason, whatever the next one is."""
    decision = after.settle()
    if decision.allowed or decision.because.kind is not trace.decision.because.kind:
        return True
    if decision.because[:4] != trace.decision.because[:4]:
        return True
    return trace.settled is not None and explain(after).settled != trace.settled  # documents may share a name


_RESOURCES: Final = (Place.KEY, Place.TRUST)


def _walks_round(trace: Trace, change: Change, after: Case) -> bool:
    """Does the key's side allow by this change what a boundary or a session policy was to keep from the caller. A Deny
    that is lifted makes way for what was allowed before."""
    if trace.settled is not None:
        return False
    if not any(isinstance(each, Give) or (isinstance(each, Put) and each.place in _RESOURCES) for each in change.steps):
        return False
    if after.caller.principal.kind is PrincipalKind.ROOT or not after.settle().allowed:
        return False  # nothing limits an account's root user
    return any(
        limits
        and not any(each.applies and not each.deny for limit in limits for each in weigh(after, limit).statements)
        for limits in ((after.boundary,) if after.boundary is not None else None, after.session)
        if limits is not None
    )


def _needed(case: Case, changes: tuple[Change, ...]) -> tuple[Change, ...]:
    """The changes without those that are not needed."""
    at = 0
    while at < len(changes):
        fewer = changes[:at] + changes[at + 1 :]
        if fewer and _after(case, fewer).settle().allowed:
            changes = fewer
        else:
            at += 1
    return changes


def _after(case: Case, changes: tuple[Change, ...]) -> Case:
    for change in changes:
        case = made(case, change)
    return case
