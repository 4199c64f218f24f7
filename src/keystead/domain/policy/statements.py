"""A policy as it is held in memory: compiled statements, immutable.

Guarantees: nothing is parsed when a call is decided; a policy is hashable by identity, so caches can hold it as a
key; statements that can have no effect are left out, but every statement keeps its place in the document for the
record.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Final

from keystead.domain.caller import Principal
from keystead.domain.policy.conditions import Test
from keystead.domain.policy.facts import Context
from keystead.domain.policy.principals import Named, Principals
from keystead.domain.policy.variables import Ambiguous, Template
from keystead.domain.policy.wildcard import AnyOf, pattern, price
from keystead.domain.policy.work import UNBOUNDED, Exhausted, Work

# How many actions a policy remembers its statements for: more than there are operations, and a bound all the same.
_ACTIONS_KEPT: Final = 256


@dataclass(frozen=True, slots=True, eq=False)
class Resources:
    """The value of a Resource or NotResource element; ``templates`` are the patterns that hold variables."""

    fixed: AnyOf
    templates: tuple[Template, ...] = ()
    negated: bool = False

    @property
    def everywhere(self) -> bool:
        """True when the element applies to any resource there is."""
        return self.fixed.everything and not self.negated

    def covers(self, resource: str, context: Context, *, deny: bool) -> bool:
        """Does the element apply to the resource. Raises `Ambiguous` and `work.Exhausted`.

        A pattern whose variable has no value matches nothing. In the NotResource of an Allow that would open
        everything, so there the statement does not apply.
        """
        work = context.work
        listed = self.fixed.matches(resource, work)
        for template in self.templates:
            if listed:
                break
            pieces = template.pieces(context)
            if pieces is not None:
                work.spend(price(pieces))
                listed = pattern(pieces).matches(resource, work)
            elif self.negated and not deny:
                return False
        return listed is not self.negated


@dataclass(frozen=True, slots=True, eq=False)
class Statement:
    """One statement. ``principals`` is None in identity policies; ``position`` counts from 0 in the document.

    ``other_principals`` and ``other_actions`` say that the element was NotPrincipal or NotAction.
    """

    position: int
    sid: str | None
    deny: bool
    principals: Principals | None
    other_principals: bool
    actions: AnyOf
    other_actions: bool
    resources: Resources
    tests: tuple[Test, ...]
    everywhere: bool = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "everywhere", self.resources.everywhere)

    @property
    def unconditional(self) -> bool:
        """True when the statement reads nothing but principal, action and resource."""
        return not self.tests and not self.resources.templates

    @property
    def steady(self) -> bool:
        """True when what it reads besides depends on the principal and the key alone, neither on the request nor on
        time.
        """
        return all(test.steady for test in self.tests) and all(each.steady for each in self.resources.templates)

    def naming(self, who: Principal, *, bounded: bool) -> Named:
        """How the statement names the principal. ``bounded``: it has a permissions boundary.

        AWS: a Deny with NotPrincipal always denies principals that have a boundary, whoever is listed.
        """
        if self.principals is None:
            return Named.SELF
        if not self.other_principals:
            return self.principals.naming(who)
        return Named.ACCOUNT if bounded or not self.principals.spares(who) else Named.NOBODY

    def speaks_of(self, action: str) -> bool:
        """Does the statement apply to the action, given in lower case.

        The work is that of one short name against the statement's own patterns, once per policy and action (see
        `Policy.speaking_of`): it needs no bound.
        """
        return self.actions.matches(action, Work(UNBOUNDED)) is not self.other_actions

    def applies(self, resource: str, context: Context) -> bool:
        """Do resource and conditions match. What cannot be settled, or would cost more than a call may, counts
        for a Deny and against an Allow.
        """
        try:
            if not self.everywhere and not self.resources.covers(resource, context, deny=self.deny):
                return False
            for test in self.tests:  # noqa: SIM110 - a generator would cost more than the tests
                if not test.passes(context):
                    return False
            return True
        except (Ambiguous, Exhausted):
            return self.deny


@dataclass(frozen=True, slots=True, eq=False, weakref_slot=True)
class Policy:
    """A compiled document. What it remembers by action is derived and never changes an answer.

    ``identities`` are the users and roles that a key policy names, by ARN or unique id: KMS refuses a key policy that
    names one that does not exist, and only who keeps principals can tell.
    """

    denies: tuple[Statement, ...]
    allows: tuple[Statement, ...]
    identities: frozenset[str]
    _spoken: dict[str, tuple[tuple[Statement, ...], tuple[Statement, ...]]] = field(default_factory=dict, repr=False)

    def speaking_of(self, action: str) -> tuple[tuple[Statement, ...], tuple[Statement, ...]]:
        """The denies and the allows that apply to the action, given in any case."""
        found = self._spoken.get(action)
        if found is None:
            lowered = action.lower()
            found = (
                tuple(each for each in self.denies if each.speaks_of(lowered)),
                tuple(each for each in self.allows if each.speaks_of(lowered)),
            )
            if len(self._spoken) < _ACTIONS_KEPT:
                self._spoken[action] = found
        return found


def policy_of(statements: Iterable[Statement]) -> Policy:
    """The policy of these statements, which are in the order of the document."""
    statements = tuple(statements)
    return Policy(
        denies=tuple(each for each in statements if each.deny),
        allows=tuple(each for each in statements if not each.deny),
        identities=frozenset().union(
            *(each.principals.identities for each in statements if each.principals is not None)
        ),
    )
