"""How the grants that could allow a call are found among very many, and what is remembered of the search.

A grant is kept with marks: what it demands of the encryption context as one digest (`demand`), its operations as the bits
of a number (`bits`). A call knows the few demands that it satisfies (`sought`), so that whoever keeps the grants finds one
by equality alone. For that the shapes of an identity's grants must be known, which are few: the sets of names that their
constraints have.

Guarantees: where a grant allows a use (`grants.allows`) one is found by `sought`, and what is found allows it; the cost
does not grow with the number of grants, only with the number of shapes, which is bounded where grants are made. The marks are
stored: bits and digests of a released version never change their meaning."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterable
from typing import Final, NamedTuple

import msgspec

from keystead.domain import arn
from keystead.domain.caller import Principal
from keystead.domain.grantees import NO_STANDING, Standing, bearers, is_foreign, joined
from keystead.domain.grants import CREATE_GRANT, DESCRIBE_KEY, IN_ORDER, RETIRE_GRANT, Grant, Pair, Pairs, Use, folded

# Appended to, never reordered: the numbers are stored.
_BITS: Final = {operation: 1 << number for number, operation in enumerate(IN_ORDER)}

PLAIN: Final = ""
EXACT: Final = "="


def bits(operations: Iterable[str]) -> int:
    """The operations as one number."""
    found = 0
    for operation in operations:
        found |= _BITS[operation]
    return found


def shape(grant: Grant) -> str:
    """What kind of demand the grant makes: `PLAIN` for none, `EXACT` for a whole context, else the names of its subset
    (folded, in order, as JSON)."""
    if grant.context_equals is not None:
        return EXACT
    if grant.context_subset is None:
        return PLAIN
    return json.dumps(sorted({name for name, _ in folded(grant.context_subset)}))


def demand(grant: Grant) -> str:
    """A digest of what the grant demands of a call besides its operation: source and encryption context."""
    if grant.context_equals is not None:
        return _digest(EXACT, grant.source_arn, folded(grant.context_equals))
    if grant.context_subset is not None:
        return _digest(shape(grant), grant.source_arn, _distinct(folded(grant.context_subset)))
    return _digest(PLAIN, grant.source_arn, ())


def describes(grant: Grant) -> str | None:
    """Of a grant that holds DescribeKey, to which no context applies: the source that it demands, empty for none."""
    return grant.source_arn or "" if DESCRIBE_KEY in grant.operations else None


class Sought(NamedTuple):
    """What grants that allow a use look like: all of ``bits`` among their operations, and one of ``demands``; or, for
    DescribeKey, a source among ``sources``."""

    bits: int
    demands: tuple[str, ...] = ()
    sources: tuple[str, ...] = ()


def sought(use: Use, shapes: Iterable[str]) -> Sought | None:
    """What to look for among grants of these shapes; None for what no grant allows, and for RetireGrant, which is asked of
    the one grant that is to be retired."""
    if use.operation not in _BITS or use.operation == RETIRE_GRANT:
        return None
    sources: tuple[str | None, ...] = (None,) if use.source_arn is None else (None, use.source_arn)
    if use.operation == DESCRIBE_KEY:
        return Sought(_BITS[DESCRIBE_KEY], sources=tuple(source or "" for source in sources))
    wanted, needed = use.wanted, _BITS[use.operation]
    pairs, whole = folded((use.context or {}).items()), True
    if use.operation == CREATE_GRANT:  # the new grant's constraint must satisfy what a context would have to
        if wanted is None:
            return None
        needed |= bits(wanted.operations)
        if wanted.source_arn != use.source_arn:  # and its source what the source of the call has to be
            sources = (None,)
        whole = wanted.context_equals is not None
        pairs = folded((wanted.context_equals if whole else wanted.context_subset) or ())
    demands = [_digest(each, source, found) for each, found in _satisfied(shapes, pairs, whole) for source in sources]
    return Sought(needed, tuple(demands))


def _satisfied(shapes: Iterable[str], pairs: Pairs, whole: bool) -> list[tuple[str, Pairs]]:
    """Of each shape the one demand that these pairs can satisfy; ``whole``: they are a context, not a part of one."""
    found: list[tuple[str, Pairs]] = []
    for each in shapes:
        if each == PLAIN:
            found.append((each, ()))
        elif each == EXACT:
            if whole:
                found.append((each, pairs))
        else:
            names = frozenset(json.loads(each))
            part = _distinct(pair for pair in pairs if pair[0] in names)
            if {name for name, _ in part} == names:
                found.append((each, part))
    return found


def _distinct(pairs: Iterable[Pair]) -> Pairs:
    return tuple(sorted(set(pairs)))


def _digest(kind: str, source: str | None, pairs: Pairs) -> str:
    if kind == PLAIN and source is None:
        return PLAIN
    return hashlib.sha256(msgspec.msgpack.encode(("keystead demand 1", kind, source, pairs))).hexdigest()


# --- what the grants say, and what is remembered ----------------------------------------------------------------------


def standing(who: Principal, account: str, finds: Callable[[str, str | None], bool]) -> Standing:
    """What the grants on a key of ``account`` say for a caller. ``finds(identity, issuer)`` is whether a grant of that
    identity allows what is asked; one of that issuer, where one is named."""
    found = NO_STANDING
    foreign = is_foreign(who, account)
    own = arn.root_arn(who.account)
    for bearer in bearers(who):
        if foreign and finds(bearer.identity, own):
            found = joined(found, bearer, own=True, foreign=True)
        elif finds(bearer.identity, None):
            found = joined(found, bearer, own=False, foreign=foreign)
        if found.direct:
            break  # nothing more could be said for it
    return found


Asked = tuple[str, str | None, Sought]


class Remembered:
    """What was found out about the grants on one key, at most ``limit`` of each kind: the shapes of an identity's grants
    (none: it has no grants), and whether one of them is what was sought. All of an identity goes when one of its grants
    comes or goes."""

    __slots__ = ("_limit", "answers", "shapes")

    def __init__(self, limit: int = 1_000) -> None:
        self.shapes: dict[str, tuple[str, ...]] = {}
        self.answers: dict[Asked, bool] = {}
        self._limit = limit

    def keep_shapes(self, identity: str, shapes: tuple[str, ...]) -> None:
        if len(self.shapes) >= self._limit:
            self.shapes.clear()
        self.shapes[identity] = shapes

    def keep(self, asked: Asked, answer: bool) -> None:
        if len(self.answers) >= self._limit:
            self.answers.clear()
        self.answers[asked] = answer

    def forget(self, identity: str) -> None:
        self.shapes.pop(identity, None)
        for asked in [each for each in self.answers if each[0] == identity]:
            del self.answers[asked]
