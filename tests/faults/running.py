"""Servers of these tests: started with planted faults, killed, watched, and their journals verified."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any

from tests.faults.ledger import records
from tests.faults.wire import Lost, Signer, Wire
from tests.server import Server

FAULTY = Path(__file__).parent / "programs" / "faulty.py"


def planted(*faults: str) -> list[str]:
    """The program of a `Server` that has these faults (the table of programs/faulty.py)."""
    return [str(FAULTY), *faults]


def port(server: Server) -> int:
    return int(server.endpoint.rpartition(":")[2])


def signer(server: Server, **named: Any) -> Signer:
    return Signer(*server.keys(), **named)


def connected(server: Server, **named: Any) -> Wire:
    return Wire(port(server), signer(server, **named))


def soon(holds: Callable[[], bool], what: str, patience: float = 30.0) -> None:
    """Wait until it holds; fails when it does not within ``patience`` seconds."""
    until = time.monotonic() + patience
    while not holds():
        assert time.monotonic() < until, f"{what}: not within {patience:g} s"
        time.sleep(0.02)


def running(pid: int) -> bool:
    """Whether the process is there and no zombie."""
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except (FileNotFoundError, ProcessLookupError):
        return False
    return state not in "ZX"


def cpu_seconds(pid: int) -> float:
    """User and system time the process has spent."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def all_end(pids: Iterable[int], patience: float = 30.0) -> None:
    for pid in pids:
        soon(lambda pid=pid: not running(pid), f"process {pid} ends", patience)


def kill(pid: int) -> None:
    with contextlib.suppress(ProcessLookupError):
        os.kill(pid, signal.SIGKILL)


def kill_everything(server: Server) -> None:
    """As a power cut ends it: the supervisor and all workers at once. Nobody is left when this returns."""
    os.kill(server.pid, signal.SIGSTOP)  # so that it replaces nobody meanwhile
    workers = server.worker_pids()
    for pid in workers:
        kill(pid)
    kill(server.pid)
    server.stop(signal.SIGKILL)
    all_end(workers)


def answers(server: Server) -> bool:
    """Whether a call is answered with success now."""
    try:
        with connected(server) as wire:
            return wire.call("ListKeys", Limit=1).ok
    except Lost:
        return False


def wire_to(server: Server, worker: int) -> Wire:
    """A connection to the worker process of that number: the journal says who answered."""
    for attempt in range(200):
        wire = connected(server)
        name = f"who-{worker}-{attempt}-{time.monotonic_ns()}"
        wire.call("ListKeys", name, Limit=1)
        if [record.worker for record in records(server.data / "journal") if record.name == name] == [worker]:
            return wire
        wire.close()
    raise AssertionError(f"none of 200 connections led to worker {worker}")


def verified(server: Server) -> dict[str, Any]:
    """What `keystead audit verify` says of the server's journal; fails when it finds more than a crash explains."""
    command = [sys.executable, "-m", "keystead", "audit", "verify", "--json", *server.places]
    ended = subprocess.run(command, capture_output=True, text=True, env=server.environment, check=False, timeout=120)
    assert ended.returncode == 0, f"audit verify ended with {ended.returncode}: {ended.stdout}{ended.stderr}"
    report: dict[str, Any] = json.loads(ended.stdout)
    return report


def copied(founded: Path, home: Path) -> Path:
    """A home of its own with the same store, keys and credentials."""
    shutil.copytree(founded, home, dirs_exist_ok=True)
    return home


def launched(server: Server) -> subprocess.Popen[str]:
    """The command of ``server``, of which nothing is awaited."""
    command = [sys.executable, *server.program, "serve", *server.places, "--workers", str(server.workers), "--json"]
    command += [] if "--listen" in server.options else ["--listen", "127.0.0.1:0"]
    command += server.options
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=server.environment)


def refused(server: Server) -> tuple[int, str]:
    """Exit status and sentences of a server that does not start."""
    process = launched(server)
    _, words = process.communicate(timeout=60)
    assert "Traceback" not in words
    return process.returncode, words


class Held:
    """A server that is just making the record of one call durable, which takes it a while."""

    def __init__(self, start: Callable[..., Server], tmp_path: Path, seconds: float) -> None:
        self._slow = tmp_path / "slow"
        self.server = start(f"slow-journal={seconds}:{self._slow}")
        self.workers = self.server.worker_pids()

    @contextlib.contextmanager
    def call(self) -> Iterator[Wire]:
        """The connection over which the answer will come."""
        with connected(self.server) as wire:
            self._slow.touch()
            wire.send(signer(self.server).request("CreateKey", b"{}"))
            soon(self._slow.with_suffix(".held").exists, "a call under way")
            self._slow.unlink()
            yield wire
