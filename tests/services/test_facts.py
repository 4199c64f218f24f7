"""What a worker keeps in memory: it forgets what the change log names, and nothing else."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest

from keystead.domain.grants import Grant
from keystead.domain.key import Material, MaterialState
from keystead.services import change
from keystead.services.facts import LoadedKey
from tests.services.office import ACCOUNT, REGION, Office

ALICE, BOB = (f"arn:aws:iam::{ACCOUNT}:user/{name}" for name in ("alice", "bob"))


def _grant(key_id: str, grantee: str, number: int = 1) -> Grant:
    root = f"arn:aws:iam::{ACCOUNT}:root"
    return Grant(ACCOUNT, REGION, key_id, f"{number:064x}", grantee, ("Decrypt",), root, 1.0)


class Watched:
    """An office whose snapshot counts its reads."""

    def __init__(self, office: Office, monkeypatch: pytest.MonkeyPatch) -> None:
        self.office = office
        self.reads = 0
        read = office.store.read

        def counting(question: Any) -> Any:
            self.reads += 1
            return read(question)

        monkeypatch.setattr(office.store, "read", counting)

    def put(self, grant: Grant) -> None:
        """Write a grant as another worker would, and publish the epoch."""

        def write(transaction: Any) -> int:
            transaction.put_grant(grant)
            touch = change.touch_grants(transaction.key(grant.account, grant.region, grant.key_id))
            return int(transaction.log_change(touch.kind, touch.account, touch.region, touch.subject))

        self.office.epochs.publish(1, self.office.store.transact(write))
        self.office.snapshot.refresh()

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


def test_a_key_without_grants_is_asked_for_them_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def story(watched: Watched, key_id: str) -> None:
        loaded = watched.key(key_id)
        snapshot = watched.office.snapshot
        assert snapshot.grants(loaded, (ALICE,)) == ()
        before = watched.reads
        assert snapshot.grants(loaded, (ALICE,)) == snapshot.grants(loaded, (BOB,)) == ()
        assert watched.reads == before

    _run(tmp_path, monkeypatch, story)


def test_a_grant_is_seen_from_its_change_on_and_the_key_stays_loaded(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def story(watched: Watched, key_id: str) -> None:
        loaded = watched.key(key_id)
        snapshot = watched.office.snapshot
        assert snapshot.grants(loaded, (ALICE,)) == ()
        grant = _grant(key_id, ALICE)
        watched.put(grant)
        assert watched.key(key_id) is loaded
        assert snapshot.grants(loaded, (ALICE,)) == (grant,)
        assert snapshot.grants(loaded, (BOB,)) == ()
        before = watched.reads
        assert snapshot.grants(loaded, (ALICE,)) == (grant,)
        assert watched.reads == before
        both = _grant(key_id, BOB, 2)
        watched.put(both)
        assert snapshot.grants(loaded, (BOB, ALICE)) == (both, grant)

    _run(tmp_path, monkeypatch, story)
