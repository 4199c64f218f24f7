"""An office that issues temporary credentials too: STS beside KMS, and callers who come back with their tokens."""

from __future__ import annotations

import asyncio
import json
import os
from pathlib import Path
from typing import Any

import msgspec

from keystead import errors
from keystead.domain.caller import Caller, Credential, Principal
from keystead.domain.identity import Identity
from keystead.model.generated import sts
from keystead.services import change
from keystead.services.dispatch import Arrival, Dispatch
from keystead.services.identifiers import RequestIds
from keystead.services.sts.operations import STS
from keystead.services.wire import Wire
from tests.declared import OURS, may_answer
from tests.services.office import ACCOUNT, REGION, Office, Peer

ALL = ["sts:AssumeRole", "sts:TagSession", "sts:SetSourceIdentity"]


def trusting(principal: str, actions: list[str] | None = None, **condition: Any) -> str:
    """A trust policy for one principal."""
    statement = {"Effect": "Allow", "Principal": {"AWS": principal}, "Action": actions or ALL}
    return json.dumps(
        {"Version": "2012-10-17", "Statement": [{**statement, **({"Condition": condition} if condition else {})}]}
    )


def allowing(*actions: str, effect: str = "Allow", resource: str = "*", **condition: Any) -> str:
    """An identity policy of one statement."""
    statement: dict[str, Any] = {"Effect": effect, "Action": list(actions), "Resource": resource}
    if condition:
        statement["Condition"] = condition
    return json.dumps({"Version": "2012-10-17", "Statement": [statement]})


def denied(
    who: Principal, action: str = "sts:AssumeRole", role: str = f"arn:aws:iam::{ACCOUNT}:role/deployer"
) -> tuple[str, str]:
    """Code and sentence for who may not have a session of the role."""
    return "AccessDenied", f"User: {who.arn} is not authorized to perform: {action} on resource: {role}"


class Plain:
    """A codec that takes and gives JSON: the wire has tests of its own."""

    def __init__(self, operation: str) -> None:
        self._request = getattr(sts, f"{operation}Request")

    def decode(self, body: bytes) -> Any:
        return msgspec.json.decode(body, type=self._request)

    def encode(self, answer: Any) -> bytes:
        return msgspec.json.encode(answer)

    def spoken(self, refusal: errors.Refusal) -> errors.Refusal:
        return errors.in_query_services(refusal)

    def recorded(self, refusal: errors.Refusal) -> str:
        return refusal.code

    def render(self, refusal: errors.Refusal) -> bytes:
        return msgspec.json.encode({"Code": refusal.code, "Message": refusal.message})


class Counter(Office):
    """See the module. Make it inside a running loop."""

    def __init__(self, home: Path) -> None:
        super().__init__(home)
        self.sts = Dispatch(
            STS,
            self.snapshot,
            self.committer,
            self.journal,
            self.workshop,
            self.hierarchy,
            os.urandom,
            RequestIds(os.urandom),
            self._report,
        )

    async def ask(self, operation: str, principal: Principal, **body: Any) -> tuple[int, dict[str, Any]]:
        """Perform an operation of STS as it would arrive; returns status and answer, a refusal as Code and Message."""
        answered: asyncio.Future[tuple[int, bytes]] = asyncio.get_running_loop().create_future()
        self.snapshot.refresh()
        self.sts.perform(
            Arrival(
                operation,
                STS.rows.get(operation),
                Plain(operation),
                Caller(principal, "AKIATEST", REGION),
                self.now,
                Wire("request", "192.0.2.1", "test", "localhost"),
                lambda status, answer: answered.set_result((status, answer)),
                Peer(),
            ),
            msgspec.json.encode(body),
        )
        status, answer = await asyncio.wait_for(answered, 10)
        told = json.loads(answer)
        if status != 200:
            assert told["Code"] in OURS or may_answer(operation, told["Code"], "sts"), (operation, told)
        return status, told

    async def issued(self, operation: str, principal: Principal, **body: Any) -> dict[str, Any]:
        """The answer of an operation that must succeed."""
        status, answer = await self.ask(operation, principal, **body)
        assert status == 200, answer
        return answer

    async def assume(self, principal: Principal, role: Principal, **body: Any) -> dict[str, Any]:
        return await self.issued("AssumeRole", principal, RoleArn=role.arn, **({"RoleSessionName": "me"} | body))

    async def refused(self, operation: str, principal: Principal, **body: Any) -> tuple[str, str]:
        """Code and sentence of a call that must be refused."""
        status, answer = await self.ask(operation, principal, **body)
        assert status != 200, answer
        return answer["Code"], answer["Message"]

    def credential(self, answer: dict[str, Any]) -> Credential | None:
        """What the credentials in an answer prove now."""
        given = answer["Credentials"]
        self.snapshot.refresh()
        return self.snapshot.credential(given["AccessKeyId"], given["SessionToken"])

    def bearer(self, answer: dict[str, Any]) -> Principal:
        """Whom the credentials in an answer prove now."""
        found = self.credential(answer)
        assert found is not None
        return found.principal

    def put(self, identity: Identity) -> None:
        """Change an identity as IAM would: the row and the word to all workers."""

        def write(transaction: Any) -> int:
            transaction.put_identity(identity)
            touched = change.touch_identity(identity)
            return int(transaction.log_change(touched.kind, touched.account, touched.region, touched.subject))

        self.epochs.publish(1, self.store.transact(write))

    def delete(self, identity: Identity) -> None:
        def write(transaction: Any) -> int:
            transaction.delete_identity(identity.unique_id)
            touched = change.touch_identity(identity)
            return int(transaction.log_change(touched.kind, touched.account, touched.region, touched.subject))

        self.epochs.publish(1, self.store.transact(write))

    def stored(self, principal: Principal) -> Identity:
        found = self.store.read(lambda reader: reader.identity_with_id(principal.identity_id))
        assert found is not None
        return found


__all__ = ["ACCOUNT", "ALL", "Counter", "allowing", "denied", "trusting"]
