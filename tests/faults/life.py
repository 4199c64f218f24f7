"""A server under load that is killed, in part or as a whole, started again, and at the end examined."""

from __future__ import annotations

import random
import signal

from tests.faults import running
from tests.faults.conftest import Start
from tests.faults.ledger import Examination
from tests.faults.load import Client, Load
from tests.faults.store import torn


class Life:
    """``faults`` are planted in every server of this life but the last, which is as it is."""

    def __init__(
        self, start: Start, *faults: str, clients: int = 6, seed: int = 1, kind: type[Client] = Client
    ) -> None:
        self.server = start("quick", "anchors-often", *faults)
        self.chance = random.Random(seed)
        self._up = True
        self.load = Load(clients, self._port, running.signer(self.server), seed, kind)

    def _port(self) -> int | None:
        return running.port(self.server) if self._up else None

    def busy(self, calls: int) -> None:
        """Return when so many more calls were answered or lost."""
        until = self.load.answered + calls
        running.soon(lambda: self.load.answered >= until or self.faulty, f"{calls} calls", 120)

    @property
    def faulty(self) -> bool:
        return any(client.fault is not None for client in self.load.clients)

    def kill_worker(self) -> None:
        workers = self.server.worker_pids()
        if workers:
            running.kill(self.chance.choice(workers))

    def kill_supervisor(self) -> None:
        """Its workers are left to themselves; the next server waits for them."""
        self._up = False
        self.server.stop(signal.SIGKILL)
        self.server.start()
        self._up = True

    def kill_all(self) -> None:
        self._up = False
        running.kill_everything(self.server)
        self.server.start()
        self._up = True

    def gone(self) -> None:
        """There will be no server any more: clients need not look for one."""
        self._up = False

    def examined(self) -> Examination:
        """Kill everything, verify, start again, compare, end in good order, verify again."""
        running.kill_everything(self.server)
        self.gone()
        self.load.end()
        running.verified(self.server)
        self.server.program = ["-m", "keystead"]
        with self.server, running.connected(self.server) as wire:
            examination = Examination(self.load.pages, self.server.data / "journal")
            examination.compare_with(wire, self.load.held)
        running.verified(self.server)
        assert not torn(self.server.data / "keystead.db")
        return examination
