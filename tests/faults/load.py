"""Client threads that keep a server busy with changes and write down what it says (`ledger`).

Each makes keys and aliases of its own and does what comes next by chance to one of them. When its connection is lost
it takes another as soon as a server is there again, and goes on without knowing what became of its last call.
"""

from __future__ import annotations

import base64
import random
import threading
import time
from collections.abc import Callable, Iterator
from types import TracebackType
from typing import Any, Self

from tests.faults.ledger import DONE, LOST, Entry, Page, Place, holdings
from tests.faults.wire import Answer, Lost, Signer, Wire

# Where a server is to be found now; None while there is none.
Port = Callable[[], int | None]

# What a refusal of the service's own rules is; anything else that is no success is a fault.
_RULES = frozenset({"DisabledException", "KMSInvalidStateException", "AlreadyExistsException", "NotFoundException"})


class Client(threading.Thread):
    """One thread of the load. `page` is what it wrote down, `fault` what it could not explain, `held` what such clients
    made as a server tells it."""

    service = "kms"
    held: Callable[[Wire], Iterator[tuple[Place, str]]] = staticmethod(holdings)
    rules = _RULES

    def __init__(self, number: int, port: Port, signer: Signer, seed: int) -> None:
        super().__init__(name=f"client-{number}", daemon=True)
        self.page = Page()
        self.fault: BaseException | None = None
        self.ended = threading.Event()
        self._number = number
        self._port = port
        self._signer = signer
        self._chance = random.Random(seed * 1_000 + number)
        self._wire: Wire | None = None
        self._calls = 0
        self._keys: list[str] = []
        self._aliases: list[str] = []

    def run(self) -> None:
        try:
            while not self.ended.is_set():
                self.act()
        except BaseException as error:
            self.fault = error
        finally:
            if self._wire is not None:
                self._wire.close()

    def act(self) -> None:
        """One call, whichever comes next."""
        chance = self._chance
        if len(self._keys) < 2 or chance.random() < 0.1:
            self._create()
            return
        key = chance.choice(self._keys)
        match chance.randrange(9):
            case 0:
                self._change("DisableKey", ("state", key), "Disabled", KeyId=key)
            case 1 | 2:
                self._change("EnableKey", ("state", key), "Enabled", KeyId=key)
            case 3:
                self._change("ScheduleKeyDeletion", ("state", key), "PendingDeletion", KeyId=key, PendingWindowInDays=7)
            case 4:
                self._change("CancelKeyDeletion", ("state", key), "Disabled", KeyId=key)
            case 5:
                value = str(self._calls)
                tags = [{"TagKey": "n", "TagValue": value}]
                self._change("TagResource", ("tag", key), value, KeyId=key, Tags=tags)
            case 6:
                self._alias(key)
            case _:
                self._encrypt(key)

    def _create(self) -> None:
        answer = self._call("CreateKey", ("key", "?"), "there", Description=f"of {self.name}")
        if answer is not None and answer.ok:
            self._keys.append(answer.json["KeyMetadata"]["KeyId"])

    def _alias(self, key: str) -> None:
        chance = self._chance
        if not self._aliases or chance.random() < 0.4:
            name = f"alias/{self._number}-{self._calls}"
            self._aliases.append(name)
            self._change("CreateAlias", ("alias", name), key, AliasName=name, TargetKeyId=key)
            return
        name = chance.choice(self._aliases)
        self._change("UpdateAlias", ("alias", name), key, AliasName=name, TargetKeyId=key)

    def _change(self, operation: str, place: Place, value: str, **members: Any) -> None:
        self._call(operation, place, value, **members)

    def _encrypt(self, key: str) -> None:
        answer = self._call("Encrypt", None, "", KeyId=key, Plaintext=base64.b64encode(key.encode()).decode())
        if answer is not None and answer.ok:
            self.page.ciphertexts.append((key, answer.json["CiphertextBlob"]))

    def _call(self, operation: str, place: Place | None, value: str, /, **members: Any) -> Answer | None:
        """Ask, and write down what came back; None when nothing did."""
        self._calls += 1
        name = f"{self.name}/{self._calls}"
        answer: Answer | None = None
        wire = self._connected()
        if wire is None:
            return None
        try:
            answer = wire.exchange(self._signer.asked(self.service, operation, members, name))
        except Lost:
            wire.close()
            self._wire = None
            outcome = LOST
        else:
            outcome = DONE if answer.ok else answer.code
            if outcome and outcome not in self.rules:
                raise AssertionError(f"{name} {operation} {members}: {answer}")
        self.page.entries.append(Entry(name, operation, outcome, place, value))
        return answer

    def _connected(self) -> Wire | None:
        """The connection, a new one where the last was lost; None when the load ends while there is no server."""
        while self._wire is None and not self.ended.is_set():
            port = self._port()
            try:
                if port is not None:
                    self._wire = Wire(port, self._signer)
                    return self._wire
            except Lost:
                pass
            time.sleep(0.01)
        return self._wire


class Load:
    """Several clients at once; use as a context manager. Raises at the end what a client could not explain."""

    def __init__(self, clients: int, port: Port, signer: Signer, seed: int, kind: type[Client] = Client) -> None:
        self.held = kind.held
        self.clients = [kind(number, port, signer, seed) for number in range(clients)]

    @property
    def pages(self) -> list[Page]:
        return [client.page for client in self.clients]

    @property
    def answered(self) -> int:
        return sum(len(client.page.entries) for client in self.clients)

    def __enter__(self) -> Self:
        for client in self.clients:
            client.start()
        return self

    def end(self) -> None:
        for client in self.clients:
            client.ended.set()
        for client in self.clients:
            client.join(90)
            assert not client.is_alive(), f"{client.name} got no answer"
            if client.fault is not None:
                raise client.fault

    def __exit__(
        self, kind: type[BaseException] | None, _error: BaseException | None, _trace: TracebackType | None
    ) -> None:
        for client in self.clients:
            client.ended.set()
        if kind is None:
            self.end()
