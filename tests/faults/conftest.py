"""One store is founded for all; each test starts servers on a copy of it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.faults import running
from tests.server import Server

Start = Callable[..., Server]


@pytest.fixture(scope="session")
def founded(tmp_path_factory: pytest.TempPathFactory) -> Path:
    home = tmp_path_factory.mktemp("founded")
    with Server(home):
        pass
    (home / "server.log").unlink()
    return home


@pytest.fixture
def start(founded: Path, tmp_path: Path) -> Iterator[Start]:
    """Start a server with faults: ``start("quick", workers=2)``. All are ended, and none leaves a process behind."""
    servers: list[Server] = []

    def make(*faults: str, home: Path | None = None, workers: int = 2, options: tuple[str, ...] = ()) -> Server:
        if home is None:
            home = running.copied(founded, tmp_path / f"home-{len(servers)}")
        program: Any = running.planted(*faults) if faults else None
        server = Server(home, workers=workers, program=program, options=options)
        servers.append(server)
        return server.start()

    yield make
    for server in servers:
        if server.process is not None:
            workers = server.worker_pids()
            server.stop()
            running.all_end(workers)
