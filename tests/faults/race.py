"""Calls that race with changes of what they depend on, written down as `history` registers.

The `subjects` are shared out among a few writer threads: each subject has one writer, which takes its steps one after
the other. Right behind each answer the writer sends a call over every one of its connections at once, which lead to
different workers: these begin within microseconds of the answer. Caller threads besides call without a pause.
"""

from __future__ import annotations

import random
import threading
import time
from collections.abc import Callable, Iterator
from itertools import chain

from tests.faults import running
from tests.faults.history import Read, Register, Write
from tests.faults.standing import of_identities
from tests.faults.subjects import Matter, Subject, of_keys
from tests.faults.wire import Lost, Signer, Wire
from tests.server import Server

# How often requests are signed anew: their date must not be too old.
SIGNED_FOR = 60.0

# Connections of a writer and of a caller: all wait for one another, and for one record to become durable.
OF_WRITER, OF_CALLER = 8, 16

# Where an answer that was lost leads: the change came true, or did not, and the next one finds nothing to do.
IN_THE_WAY = frozenset({"KMSInvalidStateException", "NotFoundException", "NoSuchEntity"})


class Requests:
    """The calls of some subjects as bytes, signed anew now and then. For one thread."""

    def __init__(self, subjects: list[Subject]) -> None:
        self._subjects = subjects
        self._signed: dict[str, tuple[Matter, float, Iterator[bytes]]] = {}
        self._next = 0

    def next(self) -> tuple[Subject, Register, bytes]:
        self._next += 1
        subject = self._subjects[self._next % len(self._subjects)]
        matter, until, requests = self._signed.get(subject.name, (None, 0.0, iter(())))
        if matter is not subject.matter or time.monotonic() > until:
            matter = subject.matter
            requests = _over_and_over([call.request("race") for call in matter.calls])
            self._signed[subject.name] = matter, time.monotonic() + SIGNED_FOR, requests
        return subject, matter.register, next(requests)


def _over_and_over(requests: list[bytes]) -> Iterator[bytes]:
    while True:
        yield from requests


class Racer(threading.Thread):
    """A thread with connections of its own, which it opens again when they are lost."""

    def __init__(self, name: str, race: Race, wires: int, about: list[Subject]) -> None:
        super().__init__(name=name, daemon=True)
        self.fault: BaseException | None = None
        self.reads: list[tuple[Register, Read]] = []
        self.race = race
        self._requests = Requests(about)
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
        self.look(self._requests)

    def look(self, requests: Requests) -> None:
        """One call over each connection at once, and what they saw."""
        sent = []
        for at in range(len(self._wires)):
            subject, register, request = requests.next()
            try:
                wire = self.wire(at)
                start = time.monotonic_ns()
                wire.send(request)
            except Lost:
                self.lose(at)
            else:
                sent.append((at, subject, register, start))
        for at, subject, register, start in sent:
            wire = self.wire(at)
            try:
                answer = wire.receive()
            except Lost:
                self.lose(at)
            else:
                self.reads.append((register, Read(start, time.monotonic_ns(), subject.see(answer), self.name)))

    def wire(self, at: int) -> Wire:
        found = self._wires[at]
        if found is None:
            self._wires[at] = found = Wire(self.race.port, self.race.admin)
        return found

    def lose(self, at: int) -> None:
        found, self._wires[at] = self._wires[at], None
        if found is not None:
            found.close()
        time.sleep(0.005)


class Writer(Racer):
    """Changes its subjects, over and over, and looks right behind each answer."""

    def __init__(self, name: str, race: Race, seed: int, subjects: list[Subject]) -> None:
        super().__init__(name, race, OF_WRITER, subjects)
        self._own = [(subject, Requests([subject])) for subject in subjects]
        self._chance = random.Random(seed)
        self._turns = 0

    def turn(self) -> None:
        subject, requests = self._own[self._turns % len(self._own)]
        self._turns += 1
        at = self._chance.randrange(len(self._wires))
        if subject.worn:
            try:
                subject.renew(self.wire(at))
            except Lost:
                self.lose_all()
                return
            self.look(requests)  # every worker is to know it
        deed, value = subject.step()
        writes = subject.matter.register.writes
        start = time.monotonic_ns()
        try:
            wire = self.wire(at)
            answer = wire.exchange(deed.request("change"))
        except Lost:
            writes.append(Write(start, time.monotonic_ns(), value, known=False))
            self.lose_all()
            return
        if answer.ok:
            writes.append(Write(start, time.monotonic_ns(), value))
            subject.learn(answer)
        elif answer.status >= 500:
            writes.append(Write(start, time.monotonic_ns(), value, known=False))
        else:
            assert answer.code in IN_THE_WAY, f"{deed.operation} {deed.members}: {answer}"
        self.look(requests)

    def lose_all(self) -> None:
        """The server process of a change is dead before the next is asked."""
        for at in range(len(self._wires)):
            self.lose(at)


class Race:
    """Run it until ``calls`` calls were made; what it returns is the history, of all its runs."""

    def __init__(self, server: Server, *, seed: int = 1, writers: int = 4, callers: int = 2) -> None:
        self.over = threading.Event()
        self.port = running.port(server)
        self.admin: Signer = running.signer(server)
        with running.connected(server) as wire:
            given = wire, self.admin, server.account
            self.subjects = [*of_keys(*given), *of_identities(*given)]
        self._chance = random.Random(seed)
        self._writers = writers
        self._callers = callers

    def run(self, calls: int, patience: float, meanwhile: Callable[[int], None]) -> list[Register]:
        """``meanwhile`` is told again and again how many calls were made."""
        self.over.clear()
        shares = [self.subjects[number :: self._writers] for number in range(self._writers)]
        racers: list[Racer] = [
            Writer(f"writer {number}", self, self._chance.randrange(1 << 30), share)
            for number, share in enumerate(shares)
        ]
        racers += [Racer(f"caller {number}", self, OF_CALLER, self.subjects) for number in range(self._callers)]
        for racer in racers:
            racer.start()
        until = time.monotonic() + patience
        try:
            while (made := sum(len(racer.reads) for racer in racers)) < calls and not self.over.is_set():
                assert time.monotonic() < until, f"only {made} calls in {patience} s"
                meanwhile(made)
                time.sleep(0.05)
        finally:
            self.over.set()
            for racer in racers:
                racer.join(90)
        for racer in racers:
            assert not racer.is_alive(), f"{racer.name} got no answer"
            if racer.fault is not None:
                raise racer.fault
            for register, read in racer.reads:
                register.reads.append(read)
        return list(chain.from_iterable((matter.register for matter in subject.matters) for subject in self.subjects))
