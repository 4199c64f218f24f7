"""Changes that could make a decision another: what each does to the documents, the grants and the request.

Guarantees: a change is tried on the very texts that would be put (`made`), and names every document, statement and
fact by its place, so that it means the same whatever other changes are made beside it. It says in words what it gives
besides what was asked for (``besides``).

Does not decide anything: whether a change helps is found by asking the engine again.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from enum import StrEnum
from typing import Any

from keystead.domain.caller import Caller
from keystead.domain.grantees import of_grant
from keystead.domain.grants import Grant
from keystead.domain.policy.cases import Case, Document, Element, Place, joined


class Kind(StrEnum):
    """What a change is."""

    REQUEST = "make the call otherwise"
    TAG = "tag the caller or the key"
    ADD = "add a statement"
    CHANGE = "change a statement"
    REMOVE = "take a statement away"
    GRANT = "create a grant"


@dataclass(frozen=True, slots=True)
class Put:
    """A statement put in a place of a document: another for one that is there, a new one behind the last, None to take
    one away. ``number`` counts the documents of its kind."""

    place: Place
    number: int
    position: int
    element: Element | None = field(hash=False)


@dataclass(frozen=True, slots=True)
class Attach:
    """A new document."""

    document: Document


@dataclass(frozen=True, slots=True)
class Give:
    """A new grant on the key."""

    grant: Grant


@dataclass(frozen=True, slots=True)
class Tell:
    """Other facts of the request. ``caller`` replaces the caller's, None leaves them."""

    known: Mapping[str, Any]
    caller: Caller | None = None


Step = Put | Attach | Give | Tell


@dataclass(frozen=True, slots=True)
class Change:
    """One change. ``cost`` orders changes by what they give and what they ask: the less, the better."""

    kind: Kind
    says: str
    cost: int
    steps: tuple[Step, ...]
    besides: tuple[str, ...] = ()

    @property
    def mark(self) -> tuple[object, ...]:
        """What tells it from every other change that is tried on one case."""
        new = self.kind is Kind.ADD  # what is added stands behind what others have added
        puts = [each for each in self.steps if isinstance(each, Put)]
        return self.says, *((each.place, each.number, None if new else each.position) for each in puts)


def made(case: Case, change: Change) -> Case:
    """The case after the change. Refuses with MalformedPolicyDocument where a document would no longer parse."""
    for step in change.steps:
        case = _step(case, step)
    return case


def _step(case: Case, step: Step) -> Case:
    match step:
        case Put():
            document = document_at(case, step.place, step.number)
            return case.with_document(document, document.with_element(step.position, step.element))
        case Attach(document):
            if document.place is Place.SESSION:
                return replace(case, session=(*(case.session or ()), document))
            return replace(case, identity=(*case.identity, document))
        case Give(grant):
            says = of_grant(grant, case.caller.principal, frozenset({grant.grantee}))
            return replace(case, standing=joined(case.standing, says), grants=(*case.grants, grant))
        case Tell(known, caller):
            return case.told(caller, **known)


def document_at(case: Case, place: Place, number: int) -> Document:
    """The document of a kind by its number."""
    return [each for each in case.documents if each.place is place][number]


def number_of(case: Case, document: Document) -> int:
    """The number of a document among those of its kind; it is known by being the very same object."""
    return [each is document for each in case.documents if each.place is document.place].index(True)
