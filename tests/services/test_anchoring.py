"""The store remembers the journal: one that was emptied, replaced, moved or rolled back is missed."""

from __future__ import annotations

import json
import os
import shutil
import time
import urllib.error
import urllib.request
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from keystead.audit.chain import Head
from keystead.audit.findings import Anchor
from keystead.audit.heads import Heads
from keystead.crypto.hierarchy import Hierarchy
from keystead.services import anchoring
from keystead.services.anchoring import Anchoring, Remembered
from keystead.store.interface import Store
from keystead.store.sqlite import SqliteStore
from tests.cli.test_command import keystead
from tests.server import Server


def audit(server: Server, status: int) -> dict[str, Any]:
    ran = keystead(server.home, "audit", "verify", *server.places, "--json", status=status)
    report: dict[str, Any] = json.loads(ran.stdout)
    report["words"] = ran.stderr
    report["tampering"] = {entry["kind"] for entry in report["findings"] if entry["tampering"]}
    return report


def await_that(true: Callable[[], bool], seconds: float = 20) -> None:
    end = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < end
        time.sleep(0.1)


def anchor_row(server: Server) -> bytes | None:
    store = SqliteStore.open(server.data / "keystead.db", None, create=False)
    try:
        return store.read(lambda reader: reader.meta(anchoring.ROW))
    finally:
        store.close()


def put_anchor_row(server: Server, value: bytes) -> None:
    store = SqliteStore.open(server.data / "keystead.db", None, create=False)
    try:
        store.transact(lambda transaction: transaction.put_meta(anchoring.ROW, value))
    finally:
        store.close()


def readiness(server: Server) -> int:
    try:
        with urllib.request.urlopen(f"{server.endpoint}/readyz", timeout=10) as answer:
            return int(answer.status)
    except urllib.error.HTTPError as error:
        with error:
            return error.code


def served(home: Path, calls: int = 2) -> Server:
    """A server that has answered and ended in good order."""
    with Server(home) as server:
        kms = server.client()
        for _ in range(calls):
            kms.create_key()
    return server


def test_a_store_that_never_served_is_whole_without_a_journal(tmp_path: Path) -> None:
    keystead(tmp_path, "init")
    report = json.loads(keystead(tmp_path, "audit", "verify", "--json").stdout)
    assert (report["intact"], report["records"], report["findings"]) == (True, 0, [])


def test_a_journal_that_is_moved_away_under_a_running_server_is_missed_until_it_is_back(tmp_path: Path) -> None:
    with Server(tmp_path) as server:
        founded = anchor_row(server)
        server.client().create_key()
        await_that(lambda: anchor_row(server) != founded)
        assert readiness(server) == 200
        journal, old = server.data / "journal", server.data / "journal.old"
        journal.rename(old)
        journal.mkdir(mode=0o700)
        report = audit(server, status=1)
        assert report["tampering"] == {"missing seals"}
        assert "emptied, replaced or rolled back" in report["words"]
        await_that(lambda: readiness(server) == 503)
        said = server.messages().count("the audit journal was taken away")
        assert said
        await_that(lambda: server.messages().count("the audit journal was taken away") > said)
        journal.rmdir()
        assert audit(server, status=1)["tampering"] == {"missing seals"}
        await_that(lambda: "is gone since" in server.messages())
        old.rename(journal)
        await_that(lambda: readiness(server) == 200)
        server.client().create_key()
    report = audit(server, status=0)
    assert (report["records"], report["sealed"]) == (2, 2)


def test_an_older_copy_of_the_journal_alone_is_missed_also_after_another_start(tmp_path: Path) -> None:
    server = served(tmp_path)
    journal, older, newest = server.data / "journal", tmp_path / "older", tmp_path / "newest"
    shutil.copytree(journal, older)
    served(tmp_path)
    assert audit(server, status=0)["intact"]
    journal.rename(newest)
    shutil.copytree(older, journal)
    assert "missing seals" in audit(server, status=1)["tampering"]
    # What a new start seals and remembers must not cover what was rolled back.
    served(tmp_path)
    assert "records are missing from the audit journal" in server.messages()
    assert "missing seals" in audit(server, status=1)["tampering"]
    served(tmp_path)
    assert "missing seals" in audit(server, status=1)["tampering"]


def test_an_emptied_journal_is_missed_after_a_stop(tmp_path: Path) -> None:
    server = served(tmp_path)
    shutil.rmtree(server.data / "journal")
    assert audit(server, status=1)["tampering"] == {"missing seals"}
    served(tmp_path)
    assert audit(server, status=1)["tampering"] == {"missing seals"}


def test_an_anchor_that_was_changed_or_taken_away_is_a_finding_and_stays_one(tmp_path: Path) -> None:
    server = served(tmp_path)
    row = anchor_row(server)
    assert row is not None
    put_anchor_row(server, row[:-1] + bytes([row[-1] ^ 1]))
    assert audit(server, status=1)["tampering"] == {"anchor damaged"}
    served(tmp_path)
    assert audit(server, status=1)["tampering"] == {"anchor damaged"}
    assert "damaged or removed" in server.messages()
    put_anchor_row(server, b"")
    assert audit(server, status=1)["tampering"] == {"anchor damaged"}


@pytest.mark.parametrize("mode", [0o750, 0o705, 0o720])
def test_a_journal_that_other_users_can_touch_is_refused_at_start(tmp_path: Path, mode: int) -> None:
    server = served(tmp_path, calls=0)
    (server.data / "journal").chmod(mode)
    with pytest.raises(RuntimeError, match=r"ended with 78[\s\S]*open to other users[\s\S]*chmod 700"):
        Server(tmp_path).start()


# --- without a server -------------------------------------------------------------------------------------------------

ONE, TWO = Anchor("one", 3, "11" * 32), Anchor("two", 4, "22" * 32)


class Desk:
    """Anchoring over a real store, a clock that is told, and commits that happen at once or fail."""

    def __init__(self, home: Path, *lost: Anchor) -> None:
        self.hierarchy = Hierarchy(bytes(32), {}, 0)
        self.store: Store = SqliteStore.open(home / "desk.db", self.hierarchy.row_mac, create=True)
        self.heads = Heads(bytearray(Heads.size(1)), 1)
        self.now = 1_800_000_000.0
        self.writes = 0
        self.fails = False
        self.anchoring = Anchoring(
            self.heads, self.hierarchy, Remembered(), lost, lambda: self.now, os.urandom, self._afterwards
        )

    def _afterwards(self, action: Callable[[Store], None]) -> None:
        self.writes += 1
        if not self.fails:
            action(self.store)

    def seal(self, sequence: int) -> Anchor:
        self.heads.publish_seal(Head("seals", sequence, bytes(32), 100))
        return Anchor("seals", sequence, "00" * 32)

    def read(self) -> Remembered:
        return anchoring.read(self.store, self.hierarchy)


@pytest.fixture
def desk(tmp_path: Path) -> Any:
    desk = Desk(tmp_path)
    yield desk
    desk.store.close()


@pytest.mark.parametrize("newest", [None, ONE])
@pytest.mark.parametrize("lost", [(), (ONE,), (ONE, TWO)])
@pytest.mark.parametrize("damaged", [False, True])
def test_what_is_remembered_comes_back(
    desk: Desk, newest: Anchor | None, lost: tuple[Anchor, ...], damaged: bool
) -> None:
    remembered = Remembered(newest, lost, damaged)
    value = anchoring.sealed(desk.hierarchy, remembered, os.urandom)
    desk.store.transact(lambda transaction: transaction.put_meta(anchoring.ROW, value))
    assert desk.read() == remembered


def test_a_founded_store_without_the_row_counts_as_damaged(desk: Desk) -> None:
    assert desk.read() == Remembered(damaged=True)


def test_the_first_seal_is_noted_at_once_and_later_ones_every_half_minute_if_they_moved(desk: Desk) -> None:
    desk.anchoring.tick()
    assert desk.writes == 0
    first = desk.seal(1)
    desk.anchoring.tick()
    assert desk.read().newest == first
    second = desk.seal(2)
    desk.now += 29
    desk.anchoring.tick()
    assert desk.read().newest == first
    desk.now += 1
    desk.anchoring.tick()
    assert desk.read().newest == second
    desk.now += 60
    desk.anchoring.tick()
    assert desk.writes == 2
    third = desk.seal(3)
    desk.anchoring.close(desk.store)
    assert desk.read().newest == third


def test_a_note_that_failed_is_written_later(desk: Desk) -> None:
    desk.fails = True
    seal = desk.seal(1)
    desk.anchoring.tick()
    desk.fails = False
    desk.now -= 3_600  # a clock that was set back does not stop it either
    desk.anchoring.tick()
    assert desk.read().newest == seal


def test_the_seals_that_were_missed_are_remembered_beside_the_newest_and_bounded(tmp_path: Path) -> None:
    lost = tuple(Anchor("lost", number, "33" * 32) for number in range(40))
    desk = Desk(tmp_path, *lost)
    seal = desk.seal(1)
    desk.anchoring.tick()
    assert desk.read() == Remembered(seal, (*lost[:15], lost[-1]))
    desk.store.close()
