"""The services floor without sockets: a real store, a real hierarchy, a journal that is durable at once, a clock that is told.

Two accounts, and principals as a test wants them, which the API of this version cannot make yet.
"""

from __future__ import annotations

import asyncio
import json
import os
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import msgspec

from keystead.crypto.accepting import prove
from keystead.crypto.hierarchy import NO_DOMAINS, Hierarchy
from keystead.domain import awspolicies
from keystead.domain.caller import Caller, Principal, PrincipalKind, Session, Via
from keystead.domain.identity import Identity, IdentityKind, ManagedPolicy, PolicyVersion
from keystead.model import query
from keystead.model.awsjson import Codec
from keystead.services import effective, sessiontokens
from keystead.services.commit import Committer
from keystead.services.dispatch import Arrival, Dispatch
from keystead.services.epochs import Epochs
from keystead.services.identifiers import RequestIds
from keystead.services.kms.operations import KMS
from keystead.services.kms.sweep import Sweep
from keystead.services.snapshot import Snapshot
from keystead.services.table import Row
from keystead.services.wire import Wire
from keystead.services.work import Workshop
from keystead.store.interface import DomainKeyRow, Reader, Transaction
from keystead.store.sqlite import SqliteStore
from tests.declared import OURS, SERVICES, may_answer
from tests.services.forms import written

ACCOUNT, OTHER = "111122223333", "444455556666"
REGION = "us-east-1"
FORMS = {name: query.Codec(name) for name in ("iam", "sts")}
ALLOW_ALL = awspolicies.POLICIES[awspolicies.ADMINISTRATOR_ACCESS].text


class FakeJournal:
    """Keeps records; says that they are durable with the next turn of the loop, or why not."""

    def __init__(self) -> None:
        self.lines: list[dict[str, Any]] = []
        self.broken: BaseException | None = None

    def append(self, record: bytes, done: Callable[[BaseException | None], None]) -> None:
        if self.broken is None:
            self.lines.append(json.loads(record))
        asyncio.get_running_loop().call_soon(done, self.broken)


@dataclass
class Peer:
    """Who waits for an answer, or does no more."""

    gone: bool = False


class Office:
    """One worker's services. Make it inside a running loop. ``changes`` is how many may wait."""

    def __init__(self, home: Path, *, changes: int = 512) -> None:
        root = os.urandom(32)
        version, wrapped = Hierarchy(root, {}, NO_DOMAINS).new_domain(os.urandom)
        self.hierarchy = Hierarchy(root, {version: wrapped}, version)
        self.store = SqliteStore.open(home / "office.db", self.hierarchy.row_mac, create=True)
        self.now = 1_800_000_000.0
        self.journal = FakeJournal()
        self.epochs = Epochs(2)
        self.reported: list[tuple[str, BaseException]] = []
        self.principals: dict[str, Principal] = {}

        def write(transaction: Any) -> None:
            transaction.put_domain_key(DomainKeyRow(version, wrapped, self.now))
            for account in (ACCOUNT, OTHER):
                key = self.hierarchy.new_account_key(account, os.urandom)
                transaction.put_account(account, account, key, self.now)

        self.store.transact(write)
        for account in (ACCOUNT, OTHER):
            self.principals[f"root of {account}"] = self.keep(Identity.root(account, self.now))
        self.admin = self.user("admin", ALLOW_ALL)
        self.codec = Codec("kms")
        new_id = RequestIds(os.urandom)
        writing = self.store.connect(self.hierarchy.row_mac)
        self.committer = Committer(writing, self.journal, self.epochs, 0, asyncio.get_running_loop(), room=changes)
        self.snapshot = Snapshot(
            self.store, self.epochs, lambda _row: b"", partial(sessiontokens.open_token, self.hierarchy)
        )
        self.workshop = Workshop(asyncio.get_running_loop(), prove, quick_room=4, long_room=4)
        report = self._report
        self.dispatches = {
            name: Dispatch(
                one,
                self.snapshot,
                self.committer,
                self.journal,
                self.workshop,
                self.hierarchy,
                os.urandom,
                new_id,
                report,
            )
            for name, one in SERVICES.items()
        }
        self.dispatch = self.dispatches["kms"]
        self.sweep = Sweep(
            KMS, self.store, self.committer, self.hierarchy, os.urandom, new_id, lambda: self.now, report
        )

    def _report(self, what: str, error: BaseException | None) -> None:
        self.reported.append((what, error or Exception()))

    def keep(self, identity: Identity) -> Principal:
        """Put the identity and say what it is as a caller."""

        def put(transaction: Transaction) -> Principal:
            transaction.put_identity(identity)
            return effective.principal(transaction, identity)

        return self.store.transact(put)

    def caller(self, unique_id: str) -> Principal:
        """The stored identity of that unique id as a caller, as it is now."""

        def load(reader: Reader) -> Principal:
            identity = reader.identity_with_id(unique_id)
            assert identity is not None
            return effective.principal(reader, identity)

        return self.store.read(load)

    def user(self, name: str, *policies: str, account: str = ACCOUNT, boundary: str | None = None) -> Principal:
        """A user with these identity policies, within a boundary if one is given."""
        return self.keep(
            Identity(
                IdentityKind.USER,
                account,
                "/",
                name,
                f"AIDA{name.upper():A<17}",
                self.now,
                inline=tuple((f"p{number}", text) for number, text in enumerate(policies)),
                boundary=None if boundary is None else self.managed(f"around-{name}", boundary, account=account).arn,
            )
        )

    def managed(self, name: str, text: str, account: str = ACCOUNT) -> ManagedPolicy:
        """A managed policy of the account."""
        versions = (PolicyVersion(1, text, self.now),)
        unique_id = f"ANPA{name.upper():A<17}"
        policy = ManagedPolicy(account, "/", name, unique_id, self.now, self.now, "", 1, 1, versions)
        self.store.transact(lambda transaction: transaction.put_managed_policy(policy))
        return policy

    def role(
        self, name: str, *policies: str, account: str = ACCOUNT, path: str = "/", number: int = 1, **facts: Any
    ) -> Principal:
        """What is stored of a role; `session` is who acts as it. ``number`` tells one from another of that name, which it
        replaces. ``facts`` are others of an `Identity`."""
        made = Identity(
            IdentityKind.ROLE,
            account,
            path,
            name,
            f"AROA{name.upper():A<16}{number}",
            self.now,
            inline=tuple((f"p{number}", text) for number, text in enumerate(policies)),
            **facts,
        )

        def remove(transaction: Transaction) -> None:
            before = transaction.role(account, name)
            if before is not None:
                transaction.delete_identity(before.unique_id)

        self.store.transact(remove)
        return self.keep(made)

    def session(self, role: Principal, name: str, policy: str | None = None) -> Principal:
        """A session of the role, limited by a session policy if one is given."""
        kind = PrincipalKind.ASSUMED_ROLE
        session = Session(kind, role.account, role.unique_id, name, self.now, self.now + 3_600, policy)

        def assume(reader: Reader) -> Principal:
            identity = reader.identity_with_id(role.unique_id)
            assert identity is not None
            return effective.in_session(reader, effective.principal(reader, identity), session)

        return self.store.read(assume)

    async def call(
        self,
        operation: str,
        principal: Principal | None = None,
        *,
        region: str = REGION,
        row: Row | None = None,
        via: str | None = None,
        peer: Peer | None = None,
        padding: int = 0,
        **body: Any,
    ) -> tuple[int, dict[str, Any]]:
        """Perform one operation as it would arrive, from a service that acts for the principal if ``via`` names one;
        returns status and parsed answer. ``peer`` is who waits, ``padding`` so many blanks after the body. A refusal must
        be one that the operation's model declares."""
        answered: asyncio.Future[tuple[int, bytes]] = asyncio.get_running_loop().create_future()
        self.snapshot.refresh()
        self.dispatch.perform(
            Arrival(
                operation,
                row or KMS.rows.get(operation),
                self.codec.operations[operation],
                Caller(principal or self.admin, "AKIATEST", region, None if via is None else Via(via)),
                self.now,
                Wire("request", "192.0.2.1", "test", "localhost"),
                lambda status, answer: answered.set_result((status, answer)),
                peer or Peer(),
            ),
            msgspec.json.encode(body) + bytes(padding).replace(b"\0", b" "),
        )
        status, answer = await asyncio.wait_for(answered, 10)
        told = json.loads(answer or b"{}")
        if status != 200 and row is None:
            assert told["__type"] in OURS or may_answer(operation, told["__type"]), (operation, told)
        return status, told

    async def ask(
        self,
        operation: str,
        principal: Principal | None = None,
        *,
        region: str = REGION,
        row: Row | None = None,
        **members: Any,
    ) -> tuple[int, dict[str, Any]]:
        """Perform one operation of a query service, such as ``iam:GetUser``, as it would arrive; returns status and
        answer, or status and error. A refusal must be one that the operation's model declares."""
        service, _, name = operation.partition(":")
        answered: asyncio.Future[tuple[int, bytes]] = asyncio.get_running_loop().create_future()
        self.snapshot.refresh()
        self.dispatches[service].perform(
            Arrival(
                name,
                row or SERVICES[service].rows.get(name),
                query.Exchange(FORMS[service].operations[name], "request", json=True),
                Caller(principal or self.admin, "AKIATEST", SERVICES[service].region or region),
                self.now,
                Wire("request", "192.0.2.1", "test", "localhost"),
                lambda status, answer: answered.set_result((status, answer)),
                Peer(),
            ),
            written({"Action": name, "Version": FORMS[service].version, **members}),
        )
        status, body = await asyncio.wait_for(answered, 10)
        told = json.loads(body)
        if status == 200:
            answer: dict[str, Any] = told[f"{name}Response"].get(f"{name}Result", {})
            return status, answer
        refused: dict[str, Any] = told["Error"]
        if row is None:
            assert refused["Code"] in OURS or may_answer(name, refused["Code"], service), (operation, refused)
        return status, refused

    async def make_key(self, principal: Principal | None = None, **body: Any) -> dict[str, Any]:
        status, answer = await self.call("CreateKey", principal, **body)
        assert status == 200, answer
        made: dict[str, Any] = answer["KeyMetadata"]
        return made

    def close(self) -> None:
        self.workshop.close()
        self.committer.close()
        self.store.close()
