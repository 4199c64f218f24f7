"""What a worker keeps in memory: it forgets what the change log names, and nothing else."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest

from keystead.domain.grants import Grant
from keystead.domain.key import Material, MaterialState
from keystead.services import change, facts
from keystead.services.facts import LoadedKey
from keystead.store.reader import SqlReader
from tests.services.office import ACCOUNT, REGION, Office

ALICE, BOB = "AIDAALICE", "AIDABOB"


def _grant(key_id: str, grantee: str, number: int = 1) -> Grant:
    root = f"arn:aws:iam::{ACCOUNT}:root"
    return Grant(ACCOUNT, REGION, key_id, f"{number:064x}", grantee, ("Decrypt",), root, 1.0)


class Watched:
    """An office whose snapshot counts its reads, and writes down which single grants are read."""

    def __init__(self, office: Office, monkeypatch: pytest.MonkeyPatch) -> None:
        self.office = office
        self.reads = 0
        self.rows: list[str] = []
        one = SqlReader.grant

        def noting(reader: SqlReader, *name: str) -> Grant | None:
            self.rows.append(name[-1])
            return one(reader, *name)

        monkeypatch.setattr(SqlReader, "grant", noting)
        read = office.store.read

        def counting(question: Any) -> Any:
            self.reads += 1
            return read(question)

        monkeypatch.setattr(office.store, "read", counting)

    def put(self, *grants: Grant) -> None:
        """Write grants as another worker would, and publish the epoch."""
        self._write(grants, lambda transaction, grant: transaction.put_grant(grant))

    def remove(self, grant: Grant) -> None:
        self._write(
            (grant,), lambda transaction, each: transaction.delete_grant(ACCOUNT, REGION, each.key_id, each.grant_id)
        )

    def _write(self, grants: tuple[Grant, ...], one: Any) -> None:
        def write(transaction: Any) -> None:
            for grant in grants:
                one(transaction, grant)
                touch = change.touch_grant(grant)
                transaction.log_change(touch.kind, touch.account, touch.region, touch.subject)

        self.office.store.transact(write)
        self.office.epochs.publish(1, self.office.snapshot.newest())
        self.office.snapshot.refresh()

    def count(self, loaded: LoadedKey, identity: str) -> int:
        return len(self.office.snapshot.held(loaded, identity) or ())

    def key(self, key_id: str) -> LoadedKey:
        found = self.office.snapshot.key(ACCOUNT, REGION, key_id)
        assert found is not None
        return found


def _run(home: Path, monkeypatch: pytest.MonkeyPatch, story: Any) -> None:
    async def main() -> None:
        office = Office(home)
        try:
            made = await office.make_key()
            office.snapshot.refresh()
            story(Watched(office, monkeypatch), made["KeyId"])
        finally:
            office.close()

    asyncio.run(main())


def test_a_new_key_has_the_fact_of_its_first_material(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def story(watched: Watched, key_id: str) -> None:
        key = watched.key(key_id).key
        assert watched.office.store.read(lambda reader: reader.material_facts(ACCOUNT, REGION, key_id)) == [
            Material(ACCOUNT, REGION, key_id, key.material_id or "", 1, MaterialState.CURRENT, True, key.created)
        ]

    _run(tmp_path, monkeypatch, story)


def test_only_a_key_that_has_grants_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def story(watched: Watched, key_id: str) -> None:
        assert watched.key(key_id).granted is False
        watched.put(_grant(key_id, ALICE))
        assert watched.key(key_id).granted is True

    _run(tmp_path, monkeypatch, story)


def test_a_grant_is_seen_from_its_change_on_and_the_key_stays_loaded(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def story(watched: Watched, key_id: str) -> None:
        loaded = watched.key(key_id)
        assert watched.count(loaded, ALICE) == 0
        watched.put(_grant(key_id, ALICE))
        assert watched.key(key_id) is loaded
        assert (watched.count(loaded, ALICE), watched.count(loaded, BOB)) == (1, 0)
        watched.put(_grant(key_id, BOB, 2), _grant(key_id, ALICE, 3))
        assert (watched.count(loaded, ALICE), watched.count(loaded, BOB)) == (2, 1)
        watched.remove(_grant(key_id, ALICE))
        watched.remove(_grant(key_id, BOB, 2))
        assert (watched.count(loaded, ALICE), watched.count(loaded, BOB)) == (1, 0)

    _run(tmp_path, monkeypatch, story)


def test_what_is_known_of_grants_is_not_read_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of a change, one row is read, however many grants there are."""

    def story(watched: Watched, key_id: str) -> None:
        loaded = watched.key(key_id)
        watched.put(*(_grant(key_id, ALICE, number) for number in range(1, 40)))
        assert (watched.count(loaded, ALICE), watched.count(loaded, BOB)) == (39, 0)
        before, rows = watched.reads, list(watched.rows)
        assert (watched.count(loaded, ALICE), watched.count(loaded, BOB)) == (39, 0)
        assert (watched.reads, watched.rows) == (before, rows)
        watched.put(_grant(key_id, ALICE, 40))
        assert watched.count(loaded, ALICE) == 40
        assert watched.rows == [*rows, f"{40:064x}"]

    _run(tmp_path, monkeypatch, story)


def test_grants_in_memory_are_bounded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(facts, "_GRANTS", 5)

    def story(watched: Watched, key_id: str) -> None:
        loaded = watched.key(key_id)
        watched.put(*(_grant(key_id, f"AIDA{number}", number) for number in range(1, 12)))
        for _ in range(2):
            for number in range(1, 12):
                assert watched.count(loaded, f"AIDA{number}") == 1
                assert len(loaded.grants) <= 5

    _run(tmp_path, monkeypatch, story)
