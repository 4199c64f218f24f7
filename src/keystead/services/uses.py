"""The last uses of keys (GetKeyLastUsage), of access keys (GetAccessKeyLastUsed) and of roles (GetRole) that a worker has
served and not written yet.

A use is noted in memory and written in the background with others: never a write for a call. Guarantees: this worker
knows a use at once, the others when it is written; what could not be written is kept and tried again, one entry a key.
Does not guarantee that uses of the seconds before a crash are remembered: the audit journal is what has all of them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import Final, Generic, TypeVar

from keystead.domain.caller import Caller
from keystead.domain.key import Key, LastUse
from keystead.store.identities import CredentialUse
from keystead.store.interface import Store, Transaction

#: Rows of one transaction: a few milliseconds, since whoever changes something waits for the same lock.
AT_ONCE: Final = 500

#: Of a key: operation, time, event id, request id. Made for every use, so no more than a tuple.
Use = tuple[str, float, str, str]

U = TypeVar("U")


class _Uses(Generic[U]):
    """Of one worker, the last use by the name of what was used. It belongs to the event loop's thread, but for
    `_write`. ``afterwards`` does something with the store on the committing thread (`Committer.afterwards`)."""

    __slots__ = ("_fresh", "_leaving", "_put", "_under_way")

    def __init__(self, put: Callable[[Transaction, str, U], None]) -> None:
        self._fresh: dict[str, U] = {}
        self._leaving: dict[str, U] = {}
        self._under_way = 0
        self._put = put

    def _known(self, name: str) -> U | None:
        return self._fresh.get(name) or self._leaving.get(name)

    def flush(self, afterwards: Callable[[Callable[[Store], None]], None]) -> None:
        """Begin to write what was noted. Does nothing while the flush before is under way."""
        if self._under_way:
            return
        self._leaving.update(self._fresh)
        self._fresh = {}
        leaving = list(self._leaving)
        shares = [leaving[start : start + AT_ONCE] for start in range(0, len(leaving), AT_ONCE)]
        self._under_way = len(shares)
        for share in shares:
            afterwards(partial(self._write, share))

    def finish(self, afterwards: Callable[[Callable[[Store], None]], None]) -> None:
        """Write the rest, behind a flush that may be under way. Nothing may be noted any more."""
        afterwards(self._write_rest)

    def _write_rest(self, store: Store) -> None:
        self._under_way += 1
        self._leaving.update(self._fresh)
        self._write(list(self._leaving), store)

    def _write(self, names: Sequence[str], store: Store) -> None:
        """Runs on the committing thread, which alone changes what is leaving while a flush is under way."""
        try:
            uses = [(name, self._leaving[name]) for name in names]

            def put(transaction: Transaction) -> None:
                for name, use in uses:
                    self._put(transaction, name, use)

            store.transact(put)
            for name in names:
                del self._leaving[name]
        finally:
            self._under_way -= 1


class LastUses(_Uses[Use]):
    """Uses of keys, by ARN."""

    __slots__ = ()

    def __init__(self) -> None:
        super().__init__(lambda transaction, key_arn, use: transaction.put_last_use(_row(key_arn, use)))

    def note(
        self, operation: str, at: float, event_id: str, request_id: str, resources: Sequence[tuple[str, str, str]]
    ) -> None:
        """The keys among ``resources`` (type, account, ARN) were used with success at ``at``, which is recorded as
        that event."""
        use = (operation, at, event_id, request_id)
        for _, _, key_arn in resources:
            self._fresh[key_arn] = use

    def of(self, key: Key) -> LastUse | None:
        """What is not written yet of this key."""
        use = self._known(key.arn)
        return None if use is None else LastUse(key.account, key.region, key.key_id, *use)


class CredentialUses(_Uses[tuple[float, str, str]]):
    """Uses of access keys, by id, and of roles, by unique id: when, of which service, in which region."""

    __slots__ = ()

    def __init__(self) -> None:
        super().__init__(lambda transaction, name, use: transaction.put_credential_use(CredentialUse(name, *use)))

    def note(self, caller: Caller, at: float, service: str) -> None:
        """The caller has proved a call, whatever came of the call. Of a session the role behind it is noted; the store
        drops what is of no role."""
        session = caller.principal.session
        self._fresh[caller.access_key_id if session is None else session.identity_id] = (at, service, caller.region)

    def of(self, subject: str) -> CredentialUse | None:
        """What is not written yet of this access key or role."""
        use = self._known(subject)
        return None if use is None else CredentialUse(subject, *use)


def _row(key_arn: str, use: Use) -> LastUse:
    _, _, _, region, account, resource = key_arn.split(":", 5)
    return LastUse(account, region, resource.removeprefix("key/"), *use)
