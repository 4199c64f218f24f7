"""The anchor: what the store remembers of the journal, so that a journal which is gone or was brought back is missed.

Guarantees: while a server runs, the newest seal that is half a minute old or older stands in the store, sealed under
the root key; after an orderly stop the last one does. A seal that a start does not find in the journal stays
remembered until the journal holds it again, whatever is sealed later. Does not guarantee anything against somebody
who brings back store and journal together to the same moment: for that an anchor is kept elsewhere (docs/journal.md §7).

Store and journal are written apart, and the anchor goes the one way that a crash cannot turn round: a seal is durable
before it is remembered. A store that was restored from a backup therefore remembers less than the journal holds, which
is in order.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Final, NamedTuple

from keystead.audit import reading
from keystead.audit.chain import SEALS, Chain, Head, KeyFor, file_name
from keystead.audit.findings import Anchor
from keystead.audit.heads import Heads
from keystead.crypto.hierarchy import Hierarchy
from keystead.crypto.wrapping import NotAuthentic
from keystead.store.interface import Store, Transaction

Random = Callable[[int], bytes]
Afterwards = Callable[[Callable[[Store], None]], None]

#: The row of the table "meta", and the purpose that it is sealed for (docs/format.md §6).
ROW: Final = "journal-anchor"
PURPOSE: Final = ROW.encode()

#: Seconds between two anchors.
EVERY: Final = 30.0

# Seals that were missed at a start and are remembered. More come only from a start after start without the journal
# of the one before; the oldest tell most.
LOST_MAX: Final = 16

_DAMAGED: Final = "damaged"


class Remembered(NamedTuple):
    """What the row says. ``newest``: the newest seal that was noted; None before the first. ``lost``: seals that a
    start did not find in the journal, oldest first. ``damaged``: the row is not as it was written, is gone, or was so
    at some start."""

    newest: Anchor | None = None
    lost: tuple[Anchor, ...] = ()
    damaged: bool = False

    @property
    def anchors(self) -> tuple[Anchor, ...]:
        """All that a journal must hold."""
        return self.lost if self.newest is None else (*self.lost, self.newest)


def sealed(hierarchy: Hierarchy, remembered: Remembered, random: Random) -> bytes:
    """The row's value: one line for the newest seal (empty if there is none), then one for each that was missed, then
    ``damaged`` if so."""
    lines = [
        "" if remembered.newest is None else str(remembered.newest),
        *map(str, remembered.lost),
        *([_DAMAGED] if remembered.damaged else []),
    ]
    return hierarchy.seal_secret(PURPOSE, (), "\n".join(lines).encode(), random)


def read(store: Store, hierarchy: Hierarchy) -> Remembered:
    """What the store remembers. Every founded store has the row, so one without it is as damaged as one that does not
    open."""
    value = store.read(lambda reader: reader.meta(ROW))
    if value is None:
        return Remembered(damaged=True)
    try:
        newest, *others = hierarchy.open_secret(PURPOSE, (), value).decode().split("\n")
        damaged = bool(others) and others[-1] == _DAMAGED
        lost = tuple(map(Anchor.parse, others[:-1] if damaged else others))
        return Remembered(Anchor.parse(newest) if newest else None, lost, damaged)
    except (NotAuthentic, ValueError):
        return Remembered(damaged=True)


def holds(directory: Path, key_for: KeyFor, anchor: Anchor) -> bool:
    """Whether the journal in ``directory`` has this seal. Only its own file is read; raises no OSError."""
    try:
        with reading.open_plain(directory / file_name(SEALS, anchor.seals)) as file:
            for line in reading.Walk(file, Chain(SEALS, anchor.seals, key_for)):
                if line.sequence == anchor.sequence:
                    return line.mac.hex() == anchor.mac
    except OSError:
        pass
    return False


def missed(directory: Path, key_for: KeyFor, remembered: Remembered) -> tuple[Anchor, ...]:
    """The seals that are remembered and that the journal does not hold."""
    return tuple(anchor for anchor in dict.fromkeys(remembered.anchors) if not holds(directory, key_for, anchor))


class Anchoring:
    """Keeps the row up to date: one for a server, in the process that seals. Methods are for the loop's thread.

    ``afterwards`` runs an action with the store on the thread that commits (`Committer.afterwards`). ``lost`` are the
    seals that this start missed; they are written with the first anchor, at the latest by `close`.
    """

    def __init__(
        self,
        heads: Heads,
        hierarchy: Hierarchy,
        remembered: Remembered,
        lost: tuple[Anchor, ...],
        clock: Callable[[], float],
        random: Random,
        afterwards: Afterwards,
    ) -> None:
        self._heads = heads
        self._hierarchy = hierarchy
        if len(lost) > LOST_MAX:
            lost = (*lost[: LOST_MAX - 1], lost[-1])
        self._remembered = remembered._replace(lost=lost)
        self._written = remembered
        self._clock = clock
        self._random = random
        self._afterwards = afterwards
        self._looked = 0.0

    def tick(self) -> None:
        """To be called every second or so: note the newest seal if it moved, at most once in `EVERY` seconds."""
        now = self._clock()
        if abs(now - self._looked) < EVERY:  # a clock that was set back must not stop this
            return
        wanted = self._wanted()
        if wanted != self._written:
            self._looked = now
            self._afterwards(partial(self._write, wanted))

    def close(self, store: Store) -> None:
        """Note the last seal. Blocks; nobody else may use ``store`` meanwhile. Raises StoreError."""
        wanted = self._wanted()
        if wanted != self._written:
            self._write(wanted, store)

    def _wanted(self) -> Remembered:
        seal = self._heads.read_seal()
        return self._remembered if seal is None else self._remembered._replace(newest=_anchor(seal))

    def _write(self, wanted: Remembered, store: Store) -> None:
        value = sealed(self._hierarchy, wanted, self._random)

        def put(transaction: Transaction) -> None:
            transaction.put_meta(ROW, value)

        store.transact(put)
        self._written = wanted


def _anchor(seal: Head) -> Anchor:
    return Anchor(seal.name, seal.sequence, seal.mac.hex())
