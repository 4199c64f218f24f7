"""The grants that an identity holds on one key, arranged so that a call looks only at those that could allow it.

Guarantees: `Held.allows` answers as if every grant had been asked (`grants.allows`), and neither that nor `add` and
`remove` cost more when there are more grants: they stand by operation, source and issuer, and by what they demand of
the encryption context. (Only CreateGrant by the power of a grant looks at all grants that demand nothing.)"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from typing import NamedTuple, TypeAlias, TypeVar

from keystead.domain import arn
from keystead.domain.caller import Principal
from keystead.domain.grantees import NO_STANDING, Standing, bearers, is_foreign, joined
from keystead.domain.grants import CREATE_GRANT, DESCRIBE_KEY, RETIRE_GRANT, Grant, Pair, Pairs, Use, allows, folded

T = TypeVar("T")

#: What a grant demands of an encryption context: all of its pairs, one pair among others (a subset stands under one of
#: its pairs: no context without it satisfies it), or nothing.
Demand: TypeAlias = Pairs | Pair | None


class _Place(NamedTuple):
    operation: str
    source: str | None
    issuer: str
    demand: Demand


class Held:
    """The grants of one identity on one key."""

    __slots__ = ("_demands", "_grants", "_issuers", "_places")

    def __init__(self, grants: Iterable[Grant] = ()) -> None:
        self._grants: dict[str, tuple[Grant, Demand]] = {}
        self._places: dict[_Place, dict[str, Grant]] = {}
        self._issuers: Counter[str] = Counter()
        self._demands: Counter[Demand] = Counter()
        for grant in grants:
            self.add(grant)

    def __len__(self) -> int:
        return len(self._grants)

    def __contains__(self, grant_id: str) -> bool:
        return grant_id in self._grants

    def add(self, grant: Grant) -> None:
        self.remove(grant.grant_id)
        demand = self._demand(grant)
        self._grants[grant.grant_id] = (grant, demand)
        self._issuers[grant.issuing_account] += 1
        self._demands[demand] += 1
        for place in _places(grant, demand):
            self._places.setdefault(place, {})[grant.grant_id] = grant

    def _demand(self, grant: Grant) -> Demand:
        if grant.context_equals is not None:
            return folded(grant.context_equals)
        if not grant.context_subset:
            return None
        return min(folded(grant.context_subset), key=lambda pair: self._demands[pair])  # where fewest others stand

    def remove(self, grant_id: str) -> None:
        """Does nothing where there is no such grant."""
        found = self._grants.pop(grant_id, None)
        if found is None:
            return
        grant, demand = found
        _count_down(self._issuers, grant.issuing_account)
        _count_down(self._demands, demand)
        for place in _places(grant, demand):
            standing = self._places[place]
            del standing[grant_id]
            if not standing:
                del self._places[place]

    def allows(self, use: Use, issuer: str | None = None) -> bool:
        """Does one of the grants allow this use; of those that ``issuer`` issued, where one is named."""
        demands: tuple[Demand, ...] = (None,)
        if len(self._demands) > 1 or None not in self._demands:
            named = _named(use)
            demands = (None, named, *named)
        for issued_by in self._issuers if issuer is None else (issuer,):
            for source in (None,) if use.source_arn is None else (None, use.source_arn):
                for demand in demands:
                    standing = self._places.get(_Place(use.operation, source, issued_by, demand))
                    if standing is not None and any(allows(grant, use) for grant in standing.values()):
                        return True
        return False


class Kept:
    """The grants of one key that were asked for, by the identity that bears them (None: it bears none).

    A grant that was made or has gone is named by `change`; then the rest is current again once `renew` has been told
    what there is of those in `changed`. At most ``limit`` identities are kept."""

    __slots__ = ("_bearers", "_limit", "changed", "held")

    def __init__(self, limit: int = 1_000) -> None:
        self.held: dict[str, Held | None] = {}
        self.changed: set[str] = set()
        self._bearers: dict[str, str] = {}
        self._limit = limit

    def keep(self, identity: str, grants: Iterable[Grant]) -> Held | None:
        """All grants that this identity bears."""
        if len(self.held) >= self._limit:
            self.clear()
        held = Held()
        for grant in grants:
            held.add(grant)
            self._bearers[grant.grant_id] = identity
        self.held[identity] = held if len(held) else None
        return self.held[identity]

    def change(self, grant_id: str) -> None:
        if len(self.changed) >= self._limit:
            self.clear()
        elif self.held:
            self.changed.add(grant_id)

    def renew(self, now: Iterable[tuple[str, Grant | None]]) -> None:
        """What there is now of each grant in `changed`."""
        for grant_id, grant in now:
            held = self.held.get(self._bearers.pop(grant_id, ""))
            if held is not None:
                held.remove(grant_id)
            if grant is not None and grant.grantee in self.held:
                self._bearers[grant_id] = grant.grantee
                there = self.held[grant.grantee] or Held()
                there.add(grant)
                self.held[grant.grantee] = there
        self.changed.clear()

    def clear(self) -> None:
        """Keep nothing; whoever asks asks the store."""
        self.held.clear()
        self.changed.clear()
        self._bearers.clear()

    def __len__(self) -> int:
        return len(self._bearers)


def standing(who: Principal, account: str, use: Use, held: Callable[[str], Held | None]) -> Standing:
    """What the grants on a key of ``account`` say for a caller's use; ``held`` finds those of one identity."""
    found = NO_STANDING
    foreign = is_foreign(who, account)
    own = arn.root_arn(who.account)
    for bearer in bearers(who):
        grants = held(bearer.identity)
        if grants is None:
            continue
        if foreign and grants.allows(use, issuer=own):
            found = joined(found, bearer, own=True, foreign=True)
        elif grants.allows(use):
            found = joined(found, bearer, own=False, foreign=foreign)
        if found.direct:
            break  # nothing more could be said for it
    return found


def _places(grant: Grant, demand: Demand) -> Iterator[_Place]:
    """Where a grant stands. Constraints do not apply to all operations (`grants.allows`)."""
    for operation in grant.operations:
        source = None if operation == RETIRE_GRANT else grant.source_arn
        yield _Place(
            operation, source, grant.issuing_account, None if operation in (DESCRIBE_KEY, RETIRE_GRANT) else demand
        )


def _named(use: Use) -> Pairs:
    """The pairs by which constrained grants are found: of the context, or of the constraint on the grant that is to be
    made."""
    if use.operation != CREATE_GRANT:
        return folded((use.context or {}).items())
    wanted = use.wanted
    if wanted is None:
        return ()
    return folded((wanted.context_subset if wanted.context_equals is None else wanted.context_equals) or ())


def _count_down(counter: Counter[T], item: T) -> None:
    counter[item] -= 1
    if not counter[item]:
        del counter[item]
