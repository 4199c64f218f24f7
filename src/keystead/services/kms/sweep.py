"""What time has made due is done: one look at the store finds it, one transaction for each key does it.

Guarantees: errands are done as `overdue` decides them, one after the other on the committing thread; what could not be
done comes again with a later run. With one sweep every 15 seconds everything is done within a minute of its time, and
the live files of the store hold nothing that opens a deleted key. What backups keep is said in
docs/limits-of-safety.md.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from keystead.crypto.hierarchy import Hierarchy
from keystead.services import commit, events
from keystead.services.kms.overdue import ERRANDS, Errand, NotDue
from keystead.services.material import Bench
from keystead.services.table import Service
from keystead.store.interface import KeyName, Store, Transaction

_AT_ONCE = 100


class Sweep:
    """Does what is due; run it regularly in one worker. It belongs to the event loop's thread."""

    def __init__(
        self,
        service: Service,
        store: Store,
        committer: commit.Committer,
        hierarchy: Hierarchy,
        random: Callable[[int], bytes],
        new_id: Callable[[], str],
        clock: Callable[[], float],
        report: Callable[[str, BaseException], None],
    ) -> None:
        self._service = service
        self._store = store
        self._committer = committer
        self._hierarchy = hierarchy
        self._random = random
        self._new_id = new_id
        self._clock = clock
        self._report = report
        self._stuck: set[tuple[Errand, KeyName]] = (
            set()
        )  # what failed or was not due after all: the rest does not wait behind it
        self._under_way = 0
        self._more = False
        self._done = 0

    def run(self) -> int:
        """Begin to do what is due; returns how much that is. Does nothing while the run before is under way."""
        if self._under_way:
            return 0
        now, most = self._clock(), _AT_ONCE + len(self._stuck)
        found = self._store.read(lambda reader: [(errand, errand.due(reader, now, most)) for errand in ERRANDS])
        self._more = any(len(names) == most for _, names in found)
        self._done = 0
        due = [(errand, name) for errand, names in found for name in names]
        self._stuck.intersection_update(due)
        due.sort(key=self._stuck.__contains__)  # the rest first
        self._under_way = len(due)
        for errand, name in due:
            self._committer.commit(partial(self._do, errand, name, now), partial(self._ended, errand, name))
        return len(due)

    def _do(self, errand: Errand, name: KeyName, now: float, transaction: Transaction) -> commit.Decided:
        """Runs on the committing thread."""
        key = transaction.key(*name)
        if key is None:
            raise NotDue
        change = errand.change(Bench(transaction, self._hierarchy, self._random, now), key)
        change.apply(transaction)
        return commit.Decided(None, events.records(self._service, change.events, now, self._new_id), change.shreds)

    def _ended(self, errand: Errand, name: KeyName, outcome: commit.Decided | BaseException) -> None:
        """One errand is done, or is not to be, or failed and comes again with a later run."""
        self._stuck.discard((errand, name))
        if isinstance(outcome, commit.Decided):
            self._done += 1
        else:
            self._stuck.add((errand, name))
        if not isinstance(outcome, commit.Decided | NotDue):
            self._report(f"the key {name.key_id} is due for {errand.what}, which could not be done yet", outcome)
            self._more = False  # more of the same now would be no use
        self._under_way -= 1
        if not self._under_way and self._more and self._done:
            self.run()  # there may be more, and they are late already
