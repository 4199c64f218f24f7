"""What a worker keeps in memory: it forgets what the change log names, and nothing else."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from keystead.domain import grants
from keystead.domain.grants import Grant, Use
from keystead.domain.key import Material, MaterialState
from keystead.services import change
from keystead.services.facts import LoadedKey, bears
from tests.services.office import ACCOUNT, REGION, Office

ALICE, BOB = "AIDAALICE", "AIDABOB"


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

    def bears(self, loaded: LoadedKey, identity: str, operation: str = "Decrypt", **context: str) -> bool:
        return bears(self.office.snapshot, loaded, Use(operation, context), identity, None)

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
        assert not watched.bears(loaded, ALICE)
        watched.put(_grant(key_id, ALICE))
        assert watched.key(key_id) is loaded
        assert (watched.bears(loaded, ALICE), watched.bears(loaded, BOB)) == (True, False)
        assert not watched.bears(loaded, ALICE, "Encrypt")
        watched.put(_grant(key_id, BOB, 2), _grant(key_id, ALICE, 3))
        assert (watched.bears(loaded, ALICE), watched.bears(loaded, BOB)) == (True, True)
        watched.remove(_grant(key_id, ALICE))
        watched.remove(_grant(key_id, BOB, 2))
        assert (watched.bears(loaded, ALICE), watched.bears(loaded, BOB)) == (True, False)
        watched.remove(_grant(key_id, ALICE, 3))
        assert not watched.bears(loaded, ALICE)

    _run(tmp_path, monkeypatch, story)


def test_what_is_known_of_grants_is_not_read_again_until_one_of_the_identity_changes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def story(watched: Watched, key_id: str) -> None:
        loaded = watched.key(key_id)
        watched.put(_grant(key_id, ALICE), replace(_grant(key_id, ALICE, 2), context_subset=(("a", "1"),)))
        asked = [(ALICE, {"a": "1"}), (ALICE, {"a": "2"}), (BOB, {})]
        for _ in range(3):
            for identity, context in asked:
                watched.bears(loaded, identity, **context)
        before = watched.reads
        for identity, context in asked:
            watched.bears(loaded, identity, **context)
        assert watched.reads == before
        watched.put(_grant(key_id, "AIDACAROL", 3))
        before = watched.reads
        for identity, context in asked:
            watched.bears(loaded, identity, **context)
        assert watched.reads == before, "what others are given is no reason to look again"
        watched.put(_grant(key_id, ALICE, 4))
        before = watched.reads
        assert watched.bears(loaded, ALICE)
        assert watched.reads == before + 2, "the shapes, and one grant"

    _run(tmp_path, monkeypatch, story)


def test_one_grant_among_many_is_found_by_one_look(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A thousand grants of one grantee, each for a context of its own: one row is read."""

    def story(watched: Watched, key_id: str) -> None:
        loaded = watched.key(key_id)
        watched.put(
            *(
                replace(_grant(key_id, ALICE, number), context_subset=(("tenant", "one"), ("volume", f"v{number}")))
                for number in range(1000)
            )
        )
        looked: list[Any] = []
        allows = grants.allows
        monkeypatch.setattr(grants, "allows", lambda one, use: looked.append(one) or allows(one, use))
        for volume, expected in (("v0", True), ("v999", True), ("v1000", False), ("", False)):
            looked.clear()
            assert watched.bears(loaded, ALICE, tenant="one", volume=volume) is expected
            assert len(looked) == expected

    _run(tmp_path, monkeypatch, story)
