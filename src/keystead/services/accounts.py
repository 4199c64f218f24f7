"""More accounts in a store that is founded, whether a server uses it or not.

Guarantees: an account comes to be whole, in one transaction, with its root user, its administrator and his access key, or not
at all; one that is there is never touched. A server that runs serves it from the next call on: nothing remembers that
something is not there. It is recorded in the audit journal: at once in the outbox, in the same transaction, and in the
journal itself when the server starts next, since the journal belongs to the server."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from keystead.audit import record
from keystead.crypto.hierarchy import Hierarchy
from keystead.services import change, founding
from keystead.services.founding import Credentials
from keystead.store.interface import Store, Transaction

#: CloudTrail's name for it. The first worker is the one that journals it.
EVENT: Final = "CreateAccountResult"
SOURCE: Final = "organizations.amazonaws.com"
_WORKER: Final = 0


class AccountExists(Exception):
    """There is such an account already; nothing was changed."""


def add(
    store: Store,
    hierarchy: Hierarchy,
    first: Credentials,
    *,
    region: str,
    now: float,
    random: Callable[[int], bytes],
    new_id: Callable[[], str],
) -> None:
    """Make the account of these first credentials. Raises AccountExists."""

    def write(transaction: Transaction) -> None:
        if transaction.account_key(first.account) is not None:
            raise AccountExists(f"There is an account {first.account} already. Nothing was changed.")
        for identity in founding.settle(transaction, hierarchy, first, now, random):
            touch = change.touch_identity(identity)
            transaction.log_change(touch.kind, touch.account, touch.region, touch.subject)
        event_id = new_id()
        line = record.service_event(
            event_source=SOURCE,
            event_name=EVENT,
            now=now,
            region=region,
            account=first.account,
            event_id=event_id,
            resources=(),
            details={"createAccountStatus": {"state": "SUCCEEDED", "accountId": first.account}},
        )
        transaction.put_outbox(f"{_WORKER}/{event_id}", line)

    store.transact(write)
