"""Programs that tests run beside themselves: ``python -m tests.store.committing <what> <database> [count]``.

``numbers``: commit rows 0, 1, 2 ... for ever, writing each number to standard output once it is acknowledged.
``hasty``: the planted fault: the same, but each number is written before its commit, and the commit is slow.
``counter``: add 1 to a shared counter, ``count`` times, logging each; prints the sum of the numbers it read.
``start``: wait for a line, open the store (making it), and write its schema's version.
``hold``: begin a write transaction, say so, and keep it until killed.
"""

from __future__ import annotations

import sys
import time
from pathlib import Path

from keystead.store.interface import Transaction
from keystead.store.sqlite import SqliteStore
from tests.store import examples
from tests.store.databases import mac
from tests.store.examples import ACCOUNT, REGION


def say(text: object) -> None:
    print(text, flush=True)


def put_number(t: Transaction, number: int) -> None:
    t.put_key(examples.key(f"{number:08}", description=str(number)))
    t.put_wrap_key(examples.wrap_key(f"{number:08}"))
    t.log_change("key", ACCOUNT, REGION, str(number))


def numbers(store: SqliteStore) -> None:
    first = store.read(lambda r: r.last_change())
    for number in range(first, 1_000_000):
        store.transact(lambda t, number=number: put_number(t, number))
        say(number)


def hasty(store: SqliteStore) -> None:
    def commit(t: Transaction, number: int) -> None:
        put_number(t, number)
        say(number)
        time.sleep(0.05)

    for number in range(store.read(lambda r: r.last_change()), 1_000_000):
        store.transact(lambda t, number=number: commit(t, number))


def counter(store: SqliteStore, count: int) -> None:
    def add(t: Transaction) -> None:
        t.put_meta("counter", str(int(t.meta("counter") or 0) + 1).encode())
        t.log_change("counter", ACCOUNT, REGION, "counter")

    say("ready")
    sys.stdin.readline()
    for _ in range(count):
        store.transact(add)


def hold(store: SqliteStore) -> None:
    def keep(t: Transaction) -> None:
        t.put_meta("held", b"1")
        say("held")
        time.sleep(60)

    store.transact(keep)


def start(path: Path) -> None:
    say("ready")
    sys.stdin.readline()
    with SqliteStore.open(path, mac, create=True) as store:
        say(store.transact(lambda t: t.log_change("start", "", "", "")))


def main() -> None:
    what, path, *more = sys.argv[1:]
    if what == "start":
        start(Path(path))
        return
    with SqliteStore.open(Path(path), mac, create=False) as store:
        {"numbers": numbers, "hasty": hasty, "counter": counter, "hold": hold}[what](store, *map(int, more))


if __name__ == "__main__":
    main()
