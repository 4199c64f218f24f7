"""A store with one account, and identities in it as a test wants them; workers are snapshots that share it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

from keystead.domain.caller import Credential, PrincipalKind, Session, Token
from keystead.domain.identity import Group, Identity, IdentityKind, ManagedPolicy, PolicyVersion
from keystead.services import change
from keystead.services.change import Touch
from keystead.services.epochs import Epochs
from keystead.services.snapshot import Snapshot
from keystead.store.identities import StoredAccessKey
from keystead.store.interface import Transaction
from keystead.store.sqlite import SqliteStore
from tests.store.databases import mac

ACCOUNT, OTHER = "111122223333", "444455556666"
NOW = 1_800_000_000.0


def allowing(*actions: str, effect: str = "Allow") -> str:
    listed = ",".join(f'"{action}"' for action in actions)
    return f'{{"Version":"2012-10-17","Statement":[{{"Effect":"{effect}","Action":[{listed}],"Resource":"*"}}]}}'


def user(name: str = "alice", **facts: Any) -> Identity:
    made = Identity(IdentityKind.USER, ACCOUNT, "/", name, f"AIDA{name.upper():A<17}", NOW)
    return replace(made, **facts)


def role(name: str = "Worker", **facts: Any) -> Identity:
    made = Identity(IdentityKind.ROLE, ACCOUNT, "/app/", name, f"AROA{name.upper():A<17}", NOW, trust="{}")
    return replace(made, **facts)


def group(name: str = "keepers", **facts: Any) -> Group:
    return replace(Group(ACCOUNT, "/", name, f"AGPA{name.upper():A<17}", NOW), **facts)


def managed(name: str, text: str, account: str = ACCOUNT) -> ManagedPolicy:
    unique_id = f"ANPA{name.upper():A<17}"
    return ManagedPolicy(account, "/", name, unique_id, NOW, NOW, "", 1, 1, (PolicyVersion(1, text, NOW),))


def session(of: Identity, name: str = "night", **facts: Any) -> Session:
    made = Session(PrincipalKind.ASSUMED_ROLE, of.account, of.unique_id, name, NOW, NOW + 3_600)
    return replace(made, **facts)


class World:
    """Some workers over one store. ``tokens`` is what opens: (token: what it holds)."""

    def __init__(self, home: Path, workers: int = 2) -> None:
        self.path = home / "store" / "keystead.db"
        self.store = SqliteStore.open(self.path, mac, create=True)
        self.epochs = Epochs(workers)
        self.tokens: dict[str, Token] = {}
        self.workers: list[Snapshot] = []

        def accounts(transaction: Transaction) -> None:
            for account in (ACCOUNT, OTHER):
                transaction.put_account(account, account, b"wrapped", NOW)
                transaction.put_identity(Identity.root(account, NOW))

        self.store.transact(accounts)
        for _ in range(workers):
            worker = Snapshot(self.store.connect(), self.epochs, lambda row: row.sealed_secret, self.opened)
            self.workers.append(worker)

    def write(self, *writes: Callable[[Transaction], Any], touches: tuple[Touch, ...] = ()) -> None:
        """Write as a worker does that is none of these, and publish."""

        def apply(transaction: Transaction) -> None:
            for one in writes:
                one(transaction)
            for touch in touches:
                transaction.log_change(touch.kind, touch.account, touch.region, touch.subject)

        self.store.transact(apply)
        self.epochs.publish(0, self.store.read(lambda reader: reader.last_change()))

    def put(self, *rows: Identity | Group | ManagedPolicy) -> None:
        for row in rows:
            match row:
                case Identity():
                    self.write(lambda t, row=row: t.put_identity(row), touches=(change.touch_identity(row),))
                case Group():
                    self.write(lambda t, row=row: t.put_group(row), touches=(change.touch_group(row),))
                case ManagedPolicy():
                    self.write(lambda t, row=row: t.put_managed_policy(row), touches=(change.touch_policy(row),))

    def key(self, of: Identity, access_key_id: str = "AKIA1", *, active: bool = True) -> None:
        row = StoredAccessKey(access_key_id, of.unique_id, b"secret", active, NOW)
        self.write(lambda t: t.put_access_key(row), touches=(change.touch_access_key(of.account, access_key_id),))

    def token(self, of: Identity, access_key_id: str = "ASIA1", **facts: Any) -> str:
        """A session token, as if it had been issued for the identity."""
        text = f"token of {access_key_id}"
        self.tokens[text] = Token(access_key_id, b"secret", session(of, **facts))
        return text

    def opened(self, access_key_id: str, token: str) -> Token | None:
        """The session token of an access key."""
        return self.tokens.get(token)

    def credential(self, access_key_id: str = "AKIA1", token: str | None = None, worker: int = 0) -> Credential | None:
        """What a call that begins now finds."""
        self.workers[worker].refresh()
        return self.workers[worker].credential(access_key_id, token)

    def actions(self, access_key_id: str = "AKIA1", token: str | None = None) -> list[list[str]]:
        """In each worker, the texts of the policies that apply, by name."""
        found = []
        for worker in range(len(self.workers)):
            credential = self.credential(access_key_id, token, worker)
            assert credential is not None
            found.append([f"{name} {text}" for name, text in credential.principal.policies])
        return found

    def close(self) -> None:
        for worker in self.workers:
            worker._store.close()
        self.store.close()
