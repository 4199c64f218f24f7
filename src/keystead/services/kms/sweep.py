"""The deletion itself: keys whose date has come are removed, their wrap keys first of all.

Guarantees: a key is deleted in a transaction that reads it anew, so never early and never after a cancellation; its
record (DeleteKey) is durable with it; afterwards the live files of the store hold nothing that opens the key. With one
sweep every 15 seconds a key is gone within a minute of its date. What backups keep is said in docs/limits-of-safety.md.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from keystead.audit import record
from keystead.domain.key import KeyState
from keystead.services import change, commit
from keystead.services.call import KEY_RESOURCE
from keystead.services.table import Service
from keystead.store.interface import KeyName, Store, Transaction

_AT_ONCE = 100


class NotDue(Exception):
    """The key is not to be deleted after all: cancelled, or gone already."""


class Sweep:
    """Deletes what is due; run it regularly in one worker. It belongs to the event loop's thread."""

    def __init__(
        self,
        service: Service,
        store: Store,
        committer: commit.Committer,
        new_id: Callable[[], str],
        clock: Callable[[], float],
        report: Callable[[str, BaseException], None],
    ) -> None:
        self._service = service
        self._store = store
        self._committer = committer
        self._new_id = new_id
        self._clock = clock
        self._report = report
        # Whether deleted bytes may still be in the write-ahead log. So it is at the start: the worker before may have
        # died between a deletion and the emptying of the log. Set and cleared on the committing thread.
        self._unclean = True
        self._under_way = 0
        self._full = False

    def run(self) -> int:
        """Begin to delete the keys that are due; returns how many. Does nothing while the run before is under way."""
        if self._under_way:
            return 0
        now = self._clock()
        due = self._store.read(lambda reader: reader.due_for_deletion(now, _AT_ONCE))
        if self._unclean and not due:  # readers were in the way when the log was to be emptied
            self._committer.afterwards(self._clean)
        self._under_way = len(due)
        self._full = len(due) == _AT_ONCE
        for name in due:
            self._committer.commit(partial(self._delete, name, now), partial(self._ended, name))
        return len(due)

    def _delete(self, name: KeyName, now: float, transaction: Transaction) -> commit.Decided:
        key = transaction.key(*name)
        if key is None or key.state is not KeyState.PENDING_DELETION or key.exists(now):
            raise NotDue
        self._unclean = True
        aliases = transaction.aliases(key.account, key.region, key.key_id, None, 1_000)
        transaction.delete_key(*name)
        for alias in aliases:
            transaction.log_change(change.ALIAS, alias.account, alias.region, alias.name)
        transaction.log_change(change.KEY, key.account, key.region, key.key_id)
        event_id = self._new_id()
        line = record.service_event(
            event_source=self._service.event_source,
            event_name="DeleteKey",
            account=key.account,
            region=key.region,
            now=now,
            event_id=event_id,
            resources=((KEY_RESOURCE, key.account, key.arn),),
            details={"keyId": key.key_id},
        )
        return commit.Decided(None, event_id, line)

    def _ended(self, name: KeyName, outcome: commit.Decided | BaseException) -> None:
        """One deletion is done, or is not to be, or failed and comes again with a later run."""
        if isinstance(outcome, BaseException) and not isinstance(outcome, NotDue):
            self._report(f"the key {name.key_id} is due for deletion and could not be deleted yet", outcome)
            self._full = False  # more of the same now would be no use
        self._under_way -= 1
        if not self._under_way:
            self._committer.afterwards(self._clean)
            if self._full:
                self.run()  # there may be more, and they are late already

    def _clean(self, store: Store) -> None:
        """Overwritten pages are still in the write-ahead log until it is emptied. Runs on the committing thread."""
        store.checkpoint_truncate()
        self._unclean = False
