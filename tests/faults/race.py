"""Calls that race with changes of what they depend on, written down as `history` registers.

Four registers, each with one writer thread: the state of a key (DisableKey, EnableKey, ScheduleKeyDeletion,
CancelKeyDeletion), the policy of another (an explicit Deny put and taken away), a grant (made and revoked) that alone
allows the use of a third, and an alias that moves between two keys. Right behind each answer the writer sends a call
over every one of its connections at once, which lead to different workers: these begin within microseconds of the
answer. Caller threads besides call without a pause.
"""

from __future__ import annotations

import json
import random
import threading
import time
from collections.abc import Callable
from typing import Any

from tests.faults import running
from tests.faults.history import Read, Register, Write
from tests.faults.wire import Answer, Lost, Signer, Wire
from tests.server import Server

ENABLED, DISABLED, PENDING = "Enabled", "Disabled", "PendingDeletion"
ALLOW, DENY = "Allow", "Deny"

# How often requests are signed anew: their date must not be too old.
SIGNED_FOR = 60.0

See = Callable[[Answer], str]


class Subject:
    """What one register is about: calls that see its value, and the changes in a round. What a change says may depend on
    what earlier ones answered: then it is a function, and ``learn`` is told of every answer."""

    def __init__(
        self,
        register: Register,
        see: See,
        calls: list[tuple[str, dict[str, Any]]],
        changes: list[tuple[str, dict[str, Any] | Callable[[], dict[str, Any]], str]],
        learn: Callable[[Answer], None] = lambda answer: None,
    ) -> None:
        self.learn = learn
        self.register = register
        self.see = see
        self.calls = calls
        self.changes = changes


def subjects(wire: Wire, account: str) -> list[Subject]:
    """Make the keys and the alias, and say what is done to them."""

    def key() -> str:
        return str(wire.call("CreateKey").json["KeyMetadata"]["KeyId"])

    def calls(name: str, key_id: str) -> list[tuple[str, dict[str, Any]]]:
        blob = wire.call("Encrypt", KeyId=key_id, Plaintext="aGVsbG8=").json["CiphertextBlob"]
        return [
            ("Encrypt", {"KeyId": name, "Plaintext": "aGVsbG8="}),
            ("Decrypt", {"CiphertextBlob": blob}),
            ("GenerateDataKey", {"KeyId": name, "KeySpec": "AES_256"}),
            ("Decrypt", {"KeyId": name, "CiphertextBlob": blob}),
        ]

    switched, governed, here, there = key(), key(), key(), key()
    alias = "alias/moving"
    assert wire.call("CreateAlias", AliasName=alias, TargetKeyId=here).ok
    state = Subject(
        Register("state", ENABLED),
        _state,
        calls(switched, switched),
        [
            ("DisableKey", {"KeyId": switched}, DISABLED),
            ("EnableKey", {"KeyId": switched}, ENABLED),
            ("ScheduleKeyDeletion", {"KeyId": switched, "PendingWindowInDays": 7}, PENDING),
            ("CancelKeyDeletion", {"KeyId": switched}, DISABLED),
            ("EnableKey", {"KeyId": switched}, ENABLED),
        ],
    )
    policy = Subject(
        Register("policy", ALLOW),
        _policy,
        calls(governed, governed),
        [
            ("PutKeyPolicy", {"KeyId": governed, "Policy": _document(account, deny=True)}, DENY),
            ("PutKeyPolicy", {"KeyId": governed, "Policy": _document(account, deny=False)}, ALLOW),
        ],
    )
    moving = Subject(
        Register("alias", here),
        _target,
        [call for call in calls(alias, here) if call[0] in ("Encrypt", "GenerateDataKey")],
        [("UpdateAlias", {"AliasName": alias, "TargetKeyId": target}, target) for target in (there, here)],
    )
    return [state, policy, _granting(wire, account), moving]


def _granting(wire: Wire, account: str) -> Subject:
    """A key that its policy lets the administrator manage and not use, and a grant that lets him. The name makes
    CreateGrant repeatable, so that it tells the id again when the answer was lost."""
    admin = f"arn:aws:iam::{account}:user/admin"
    manage = ["kms:CreateGrant", "kms:RevokeGrant", "kms:PutKeyPolicy"]
    statement = {"Effect": "Allow", "Principal": {"AWS": admin}, "Action": manage, "Resource": "*"}
    policy = json.dumps({"Version": "2012-10-17", "Statement": [statement]})
    key = str(wire.call("CreateKey", Policy=policy).json["KeyMetadata"]["KeyId"])
    operations = ["Encrypt", "Decrypt", "GenerateDataKey"]
    create = {"KeyId": key, "GranteePrincipal": admin, "Operations": operations, "Name": "racing"}
    latest = wire.call("CreateGrant", **create).json["GrantId"]
    while not (sealed := wire.call("Encrypt", KeyId=key, Plaintext="aGVsbG8=")).ok:  # where a delay is planted
        assert sealed.code == "AccessDeniedException"
    blob = sealed.json["CiphertextBlob"]
    assert wire.call("RevokeGrant", KeyId=key, GrantId=latest).ok

    def learn(answer: Answer) -> None:
        nonlocal latest
        latest = answer.json.get("GrantId", latest)

    return Subject(
        Register("grant", DENY),
        _policy,
        [
            ("Encrypt", {"KeyId": key, "Plaintext": "aGVsbG8="}),
            ("GenerateDataKey", {"KeyId": key, "KeySpec": "AES_256"}),
            ("Decrypt", {"KeyId": key, "CiphertextBlob": blob}),
        ],
        [("CreateGrant", create, ALLOW), ("RevokeGrant", lambda: {"KeyId": key, "GrantId": latest}, DENY)],
        learn,
    )


def _document(account: str, *, deny: bool) -> str:
    actions = ["kms:Encrypt", "kms:Decrypt", "kms:GenerateDataKey*"]
    statements: list[dict[str, Any]] = [
        {"Effect": "Allow", "Principal": {"AWS": f"arn:aws:iam::{account}:root"}, "Action": "kms:*", "Resource": "*"}
    ]
    if deny:
        statements.append({"Effect": "Deny", "Principal": "*", "Action": actions, "Resource": "*"})
    return json.dumps({"Version": "2012-10-17", "Statement": statements})


def _state(answer: Answer) -> str:
    seen = {"": ENABLED, "DisabledException": DISABLED, "KMSInvalidStateException": PENDING}
    return seen.get(answer.code, f"{answer}")


def _policy(answer: Answer) -> str:
    return {"": ALLOW, "AccessDeniedException": DENY}.get(answer.code, f"{answer}")


def _target(answer: Answer) -> str:
    return str(answer.json["KeyId"]).rpartition("/")[2] if answer.ok else f"{answer}"


class Requests:
    """The calls of some subjects as bytes, signed anew now and then. For one thread."""

    def __init__(self, signer: Signer, about: list[Subject]) -> None:
        self._signer = signer
        self._about = about
        self._signed: list[tuple[Subject, bytes]] = []
        self._until = 0.0
        self._next = 0

    def next(self) -> tuple[Subject, bytes]:
        if time.monotonic() > self._until:
            self._until = time.monotonic() + SIGNED_FOR
            self._signed = [
                (subject, self._signer.request(operation, json.dumps(members).encode(), "race"))
                for subject in self._about
                for operation, members in subject.calls
            ]
        self._next += 1
        return self._signed[self._next % len(self._signed)]


class Racer(threading.Thread):
    """A thread with connections of its own, which it opens again when they are lost."""

    def __init__(self, name: str, race: Race, wires: int, about: list[Subject]) -> None:
        super().__init__(name=name, daemon=True)
        self.fault: BaseException | None = None
        self.reads: list[tuple[Subject, Read]] = []
        self.race = race
        self.requests = Requests(race.signer, about)
        self._wires: list[Wire | None] = [None] * wires

    def run(self) -> None:
        try:
            while not self.race.over.is_set():
                self.turn()
        except BaseException as error:
            self.fault = error
            self.race.over.set()
        finally:
            for wire in self._wires:
                if wire is not None:
                    wire.close()

    def turn(self) -> None:
        self.look()

    def look(self) -> None:
        """One call over each connection at once, and what they saw."""
        sent = []
        for at in range(len(self._wires)):
            subject, request = self.requests.next()
            try:
                wire = self.wire(at)
                start = time.monotonic_ns()
                wire.send(request)
            except Lost:
                self.lose(at)
            else:
                sent.append((at, subject, start))
        for at, subject, start in sent:
            wire = self.wire(at)
            try:
                answer = wire.receive()
            except Lost:
                self.lose(at)
            else:
                read = Read(start, time.monotonic_ns(), subject.see(answer), self.name)
                self.reads.append((subject, read))

    def wire(self, at: int) -> Wire:
        found = self._wires[at]
        if found is None:
            self._wires[at] = found = Wire(self.race.port, self.race.signer)
        return found

    def lose(self, at: int) -> None:
        found, self._wires[at] = self._wires[at], None
        if found is not None:
            found.close()
        time.sleep(0.005)


class Writer(Racer):
    """Changes its subject, over and over, and looks right behind each answer."""

    def __init__(self, race: Race, subject: Subject, seed: int) -> None:
        super().__init__(f"writer of {subject.register.name}", race, 4, [subject])
        self._subject = subject
        self._chance = random.Random(seed)
        self._done = 0

    def turn(self) -> None:
        operation, members, value = self._subject.changes[self._done % len(self._subject.changes)]
        if callable(members):
            members = members()
        request = self.race.signer.request(operation, json.dumps(members).encode(), "change")
        self._done += 1
        try:
            wire = self.wire(self._chance.randrange(4))
            start = time.monotonic_ns()
            answer = wire.exchange(request)
        except Lost:
            self._subject.register.writes.append(Write(start, time.monotonic_ns(), value, known=False))
            for at in range(4):
                self.lose(at)
            return
        if answer.ok:
            self._subject.learn(answer)
            self._subject.register.writes.append(Write(start, time.monotonic_ns(), value))
        elif answer.status >= 500:
            self._subject.register.writes.append(Write(start, time.monotonic_ns(), value, known=False))
        else:  # a lost change that came true, or did not, is in the way of the next: it changes nothing
            assert answer.code in ("KMSInvalidStateException", "NotFoundException"), f"{operation} {members}: {answer}"
        self.look()
        time.sleep(self._chance.random() / 500)


class Race:
    """Run it until ``calls`` calls were made; `registers` are the history."""

    def __init__(self, server: Server, *, callers: int = 3, seed: int = 1) -> None:
        self.over = threading.Event()
        self.port = running.port(server)
        self.signer = running.signer(server)
        with running.connected(server) as wire:
            self._subjects = subjects(wire, server.account)
        self._racers: list[Racer] = [
            Writer(self, subject, seed + number) for number, subject in enumerate(self._subjects)
        ]
        self._racers += [Racer(f"caller {number}", self, 2, self._subjects) for number in range(callers)]

    @property
    def calls(self) -> int:
        return sum(len(racer.reads) for racer in self._racers)

    def run(self, calls: int, patience: float, meanwhile: Callable[[], None]) -> list[Register]:
        """``meanwhile`` is called again and again; it takes its time."""
        for racer in self._racers:
            racer.start()
        until = time.monotonic() + patience
        try:
            while self.calls < calls and not self.over.is_set():
                assert time.monotonic() < until, f"only {self.calls} calls in {patience} s"
                meanwhile()
        finally:
            self.over.set()
            for racer in self._racers:
                racer.join(90)
        for racer in self._racers:
            assert not racer.is_alive(), f"{racer.name} got no answer"
            if racer.fault is not None:
                raise racer.fault
            for subject, read in racer.reads:
                subject.register.reads.append(read)
        return [subject.register for subject in self._subjects]
