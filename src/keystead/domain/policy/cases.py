"""A question in texts: the documents as people wrote them, so that a decision can be explained and a change tried.

Guarantees: `Case.settle` answers what a call is answered: policies alone first, and grants where those do not allow. A
`Document` is compiled when it is made, so what does not parse never becomes one; statements keep their place in the
document however many of their neighbours are taken away.

Does not know where documents come from; ``origin`` and ``shared`` are told by whoever brings them.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from enum import StrEnum
from typing import Any, Final

from keystead.domain.caller import Caller
from keystead.domain.grantees import NO_STANDING, Standing
from keystead.domain.grants import Grant, Use
from keystead.domain.policy import decide, document
from keystead.domain.policy.facts import Context, Facts
from keystead.domain.policy.statements import Policy, Statement, policy_of

Element = Mapping[str, Any]  # a statement as it stands in a document

_VERSION: Final = "2012-10-17"


class Place(StrEnum):
    """What kind of policy a document is."""

    KEY = "key policy"
    TRUST = "trust policy"
    IDENTITY = "identity policy"
    BOUNDARY = "permissions boundary"
    SESSION = "session policy"


@dataclass(frozen=True, slots=True)
class Document:
    """One policy.

    ``elements`` are its statements as they are written, None where one was taken away; ``head`` is the rest of the
    document. ``origin`` says in words where it hangs. ``shared``: others than the caller have it as well. ``fixed``:
    nobody here can change it. ``hidden``: it stands for the side of another account, which is taken to allow, and is
    not shown.
    """

    place: Place
    name: str
    head: Element
    elements: tuple[Element | None, ...]
    policy: Policy = field(repr=False, compare=False)
    origin: str = ""
    shared: bool = False
    fixed: bool = False
    hidden: bool = False

    @property
    def of_resource(self) -> bool:
        """Is it the policy of a resource (a key, or a role that may be assumed), which names principals."""
        return self.place in (Place.KEY, Place.TRUST)

    @property
    def text(self) -> str | None:
        """The whole document as it would be put; None when no statement is left."""
        kept = [each for each in self.elements if each is not None]
        return json.dumps({**self.head, "Statement": kept}, indent=2, ensure_ascii=False) if kept else None

    @property
    def version(self) -> str:
        return str(self.head.get("Version", "2008-10-17"))

    def compiled(self, position: int) -> Statement | None:
        """The statement at a place of the document; None when it has no effect, or was taken away."""
        policy = self.policy
        return next((each for each in (*policy.denies, *policy.allows) if each.position == position), None)

    def with_element(self, position: int, element: Element | None) -> Document:
        """The document with another statement in that place; behind the last one it is added, None takes it away.
        Refuses with MalformedPolicyDocument a statement that does not parse."""
        position = min(position, len(self.elements))
        elements = (*self.elements[:position], element, *self.elements[position + 1 :])
        others = [each for each in (*self.policy.denies, *self.policy.allows) if each.position != position]
        if element is not None:  # by itself, so that trying a change costs the same in a long document
            alone = _compiled(self.place, json.dumps({**self.head, "Statement": [element]}))
            others += [replace(each, position=position) for each in (*alone.denies, *alone.allows)]
        return replace(self, elements=elements, policy=policy_of(sorted(others, key=lambda each: each.position)))


def read_document(
    place: Place,
    name: str,
    text: str,
    *,
    origin: str = "",
    shared: bool = False,
    fixed: bool = False,
    hidden: bool = False,
) -> Document:
    """The document of a text. Refuses with MalformedPolicyDocument what does not parse."""
    policy = _compiled(place, text)
    head = json.loads(text)
    found = head.pop("Statement")
    elements = tuple(found) if isinstance(found, list) else (found,)
    return Document(place, name, head, elements, policy, origin, shared, fixed, hidden)


def new_document(place: Place, name: str, *elements: Element, origin: str = "") -> Document:
    """A document of these statements."""
    return read_document(place, name, json.dumps({"Version": _VERSION, "Statement": list(elements)}), origin=origin)


def _compiled(place: Place, text: str) -> Policy:
    return _PARSERS.get(place, document.parse_identity_policy)(text)


_PARSERS: Final = {Place.KEY: document.parse_key_policy, Place.TRUST: document.parse_trust_policy}


@dataclass(frozen=True, slots=True)
class Case:
    """One call, and every document and grant that speaks about it (see `decide.Question` for what each means).

    ``account`` is the resource's. ``key_policy`` is the policy of the resource: of a key, or the trust policy of a role.
    ``standing`` is what the grants say, ``grants`` are those of them that are shown,
    and ``use`` is what the call wants of a grant.
    """

    caller: Caller
    action: str
    resource: str
    facts: Facts
    account: str | None = None
    key_policy: Document | None = None
    identity: tuple[Document, ...] = ()
    boundary: Document | None = None
    session: tuple[Document, ...] | None = None
    standing: Standing = NO_STANDING
    grants: tuple[Grant, ...] = ()
    use: Use | None = None

    @property
    def documents(self) -> tuple[Document, ...]:
        """All of them, in the order in which they are explained."""
        return (
            *(() if self.key_policy is None else (self.key_policy,)),
            *self.identity,
            *(() if self.boundary is None else (self.boundary,)),
            *(self.session or ()),
        )

    @property
    def crosses(self) -> bool:
        return self.question().crosses

    def question(self, *, granted: bool = False) -> decide.Question:
        """The question for the engine, with what grants say or without."""
        says = self.standing if granted else NO_STANDING
        return decide.Question(
            caller=self.caller,
            action=self.action,
            resource=self.resource,
            context=Context(self.facts),
            resource_account=self.account,
            key_policy=None if self.key_policy is None else self.key_policy.policy,
            identity=tuple((each.name, each.policy) for each in self.identity),
            boundary=None if self.boundary is None else self.boundary.policy,
            session=None if self.session is None else tuple(each.policy for each in self.session),
            grants=says.grants,
            grant_direct=says.direct,
            grant_own_account=says.own_account,
            grant_to_account=says.account,
        )

    def settle(self) -> decide.Decision:
        """The decision, as a call is given it."""
        if self.key_policy is not None and self.key_policy.place is Place.TRUST:
            return decide.decide_trust(self.question())
        decision = decide.decide(self.question())
        if not decision.allowed and self.standing != NO_STANDING:
            decision = decide.decide(self.question(granted=True))
        return decision

    def with_document(self, was: Document, now: Document) -> Case:
        """The case with one document in the place of another, which is known by being the very same object."""
        if was is self.key_policy:
            return replace(self, key_policy=now)
        if was is self.boundary:
            return replace(self, boundary=now)
        identity = tuple(now if each is was else each for each in self.identity)
        session = None if self.session is None else tuple(now if each is was else each for each in self.session)
        return replace(self, identity=identity, session=session)

    def told(self, caller: Caller | None = None, **known: Any) -> Case:
        """The case with other facts of the request."""
        caller = self.caller if caller is None else caller
        facts = {name: getattr(self.facts, name) for name in Facts.__struct_fields__}
        return replace(self, caller=caller, facts=Facts(**{**facts, "caller": caller, **known}))


def joined(one: Standing, other: Standing) -> Standing:
    """What the grants of both say."""
    return Standing(*(a or b for a, b in zip(one, other, strict=True)))


def listed(value: Any) -> Sequence[Any]:
    """The values of an element: one, or a list of them."""
    return value if isinstance(value, list) else [value]
