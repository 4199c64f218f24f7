"""Whose turn it is: what waits for a few threads, in bounded room, so that nobody keeps the others from theirs.

Accounts take turns, and within an account its principals; of one principal what came first goes first. Keystead's own
work (deletions that are due, last uses, …) is never refused and has every other turn.

When the room is full, whoever takes most of it gives way: first among accounts, then among the principals of that
account, and of that principal what came last. One account alone may fill the room; it never keeps another out of it.

Guarantees: no more than ``room`` is ever taken; an account with something waiting waits for at most one turn of each
other account before its next. Does not guarantee turns of equal length, nor anything between processes. Pure: no threads, no locks,
nobody is told anything; `services.lane` does that.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field
from typing import Final, Generic, Protocol, TypeVar

T = TypeVar("T")

#: Bytes of a request that take one more place each: so a bound on places is one on memory too.
PLACE_BYTES: Final = 16 * 1024


class Peer(Protocol):
    """Who waits for an answer."""

    @property
    def gone(self) -> bool:
        """Whether nobody would receive it any more."""


@dataclass(frozen=True, slots=True)
class Seat:
    """For whom something waits, and how many places of the room it takes."""

    account: str
    principal: str
    peer: Peer
    places: int = 1


class Full(Exception):
    """There is no room, and nobody who takes more of it than whoever comes now."""


Waiting = tuple[Seat, T]


@dataclass(slots=True)
class _Line(Generic[T]):
    """What one principal has waiting."""

    waiting: deque[Waiting[T]] = field(default_factory=deque)
    places: int = 0


@dataclass(slots=True)
class _Share(Generic[T]):
    """What one account has waiting: its principals, the next one first."""

    lines: dict[str, _Line[T]] = field(default_factory=dict)
    places: int = 0


class Turns(Generic[T]):
    """See the module. ``taken``: the places of what waits and of what was taken and is not `done`."""

    __slots__ = ("_own", "_owns_turn", "_room", "_shares", "taken")

    def __init__(self, room: int) -> None:
        self._room = room
        self._shares: dict[str, _Share[T]] = {}  # the next account first
        self._own: deque[T] = deque()
        self._owns_turn = True
        self.taken = 0

    def put(self, seat: Seat | None, item: T) -> list[T]:
        """Let ``item`` wait; without a seat it is Keystead's own. Returns what had to give way for it. Raises `Full` when
        that would be the item itself, and then nothing has changed."""
        if seat is None:
            self._own.append(item)
            return []
        gave_way: list[Waiting[T]] = []
        while self.taken + seat.places > self._room:
            line = self._giving_way(seat)
            if line is None:
                for other in reversed(gave_way):
                    self._add(*other)
                raise Full
            gave_way.append(self._drop_last(*line))
        self._add(seat, item)
        return [waiting for _, waiting in gave_way]

    def take(self, abandoned: list[T]) -> tuple[Seat | None, T] | None:
        """What is to be done next, None if nothing is. What nobody waits for any more is not done: it is added to
        ``abandoned``."""
        if self._own and self._owns_turn:
            self._owns_turn = False
            return None, self._own.popleft()
        while self._shares:
            account = next(iter(self._shares))
            share = self._shares[account]
            principal = next(iter(share.lines))
            seat, item = self._removed(account, principal, share.lines[principal].waiting.popleft())
            if seat.peer.gone:  # and its account is next all the same
                self.taken -= seat.places
                abandoned.append(item)
                continue
            if principal in share.lines:
                share.lines[principal] = share.lines.pop(principal)
            if account in self._shares:
                self._shares[account] = self._shares.pop(account)
            self._owns_turn = True
            return seat, item
        return (None, self._own.popleft()) if self._own else None

    def done(self, seat: Seat | None) -> None:
        """What was taken from that seat needs no room any more."""
        if seat is not None:
            self.taken -= seat.places

    def forget(self) -> None:
        """Let go of all that waits, but for Keystead's own work."""
        self.taken -= sum(share.places for share in self._shares.values())
        self._shares.clear()

    # --- who gives way -----------------------------------------------------------------------------------------------

    def _giving_way(self, seat: Seat) -> tuple[str, str] | None:
        """Account and principal of what gives way for ``seat``, None if it is that one itself."""
        accounts = {account: share.places for account, share in self._shares.items()}
        account = _heaviest(accounts, seat.account, seat.places)
        share = self._shares.get(account)
        if share is None:
            return None
        principals = {principal: line.places for principal, line in share.lines.items()}
        if account == seat.account:
            principal = _heaviest(principals, seat.principal, seat.places)
            return None if principal == seat.principal else (account, principal)
        return account, max(principals, key=principals.__getitem__)

    def _add(self, seat: Seat, item: T) -> None:
        share = self._shares.setdefault(seat.account, _Share())
        line = share.lines.setdefault(seat.principal, _Line())
        line.waiting.append((seat, item))
        line.places += seat.places
        share.places += seat.places
        self.taken += seat.places

    def _drop_last(self, account: str, principal: str) -> Waiting[T]:
        dropped = self._removed(account, principal, self._shares[account].lines[principal].waiting.pop())
        self.taken -= dropped[0].places
        return dropped

    def _removed(self, account: str, principal: str, waiting: Waiting[T]) -> Waiting[T]:
        """Account for what has left its line."""
        share = self._shares[account]
        line = share.lines[principal]
        line.places -= waiting[0].places
        share.places -= waiting[0].places
        if not line.waiting:
            del share.lines[principal]
        if not share.lines:
            del self._shares[account]
        return waiting


def _heaviest(held: dict[str, int], comer: str, more: int) -> str:
    """Who holds most, once ``comer`` holds so much more. Between equals it is not the comer."""
    others = {name: places for name, places in held.items() if name != comer}
    most = max(others, key=others.__getitem__, default=comer)
    return comer if held.get(comer, 0) + more > others.get(most, 0) else most
