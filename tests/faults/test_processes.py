"""Processes: who dies is replaced, who is told to end answers first, who lost its parent ends, and nobody is left."""

from __future__ import annotations

import os
import signal
import socket
import time
from pathlib import Path

import pytest

from tests.faults import running
from tests.faults.conftest import Start
from tests.faults.wire import Lost
from tests.server import Server


def with_drain(tmp_path: Path, seconds: float) -> tuple[str, ...]:
    file = tmp_path / "keystead.toml"
    file.write_text(f"drain = {seconds}\n")
    return ("--config", str(file))


# --- replacement ------------------------------------------------------------------------------------------------------


def test_a_worker_that_dies_is_replaced(start: Start) -> None:
    server = start()
    before = server.worker_pids()
    running.kill(before[0])
    running.soon(lambda: len(server.worker_pids()) == 2 and before[0] not in server.worker_pids(), "a replacement")
    assert before[1] in server.worker_pids()
    for worker in range(2):
        with running.wire_to(server, worker) as wire:
            assert wire.call("ListKeys").ok
    assert "ended with signal 9; starting another" in server.messages()


def test_connections_to_a_dead_worker_wait_for_the_next(start: Start) -> None:
    """The listening sockets outlive the workers: who connects meanwhile is not refused."""
    server = start("quick")
    for worker in server.worker_pids():
        running.kill(worker)
    with running.connected(server) as wire:
        assert wire.call("ListKeys").ok


def test_a_supervisor_that_cannot_read_the_store_replaces_workers_all_the_same(start: Start) -> None:
    server = start("blind-supervisor")
    before = server.worker_pids()
    running.kill(before[0])
    running.soon(lambda: len(server.worker_pids()) == 2 and before[0] not in server.worker_pids(), "a replacement")
    with running.wire_to(server, 0) as wire:
        assert wire.call("CreateKey").ok
    assert "the disk fails" in server.messages()


# --- the end ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("number", [signal.SIGTERM, pytest.param(signal.SIGINT, marks=pytest.mark.nightly)])
def test_who_is_told_to_end_answers_what_has_begun(start: Start, tmp_path: Path, number: int) -> None:
    held = running.Held(start, tmp_path, 1.0)
    with running.connected(held.server) as idle, held.call() as wire:
        began = time.monotonic()
        assert held.server.stop(number) == 0
        assert time.monotonic() - began < 10
        assert wire.receive().ok
        with pytest.raises(Lost):
            idle.call("ListKeys")
    running.all_end(held.workers, 0)
    with pytest.raises(Lost):
        running.connected(held.server)


def test_a_worker_that_does_not_end_in_time_is_ended(start: Start, tmp_path: Path) -> None:
    server = start(options=with_drain(tmp_path, 1.0))
    workers = server.worker_pids()
    os.kill(workers[0], signal.SIGSTOP)
    began = time.monotonic()
    assert server.stop() == 0
    assert 1.0 <= time.monotonic() - began < 10
    running.all_end(workers, 0)
    assert "did not finish in time" in server.messages()


def test_a_worker_that_is_told_to_end_while_it_is_born_ends(founded: Path, tmp_path: Path) -> None:
    server = Server(running.copied(founded, tmp_path / "home"), workers=2, program=running.planted("slow-birth=1"))
    process = running.launched(server)
    children = Path(f"/proc/{process.pid}/task/{process.pid}/children")
    running.soon(lambda: len(children.read_text().split()) == 2, "two workers")
    began = time.monotonic()
    process.terminate()
    process.communicate(timeout=60)
    assert process.returncode == 0
    assert time.monotonic() - began < 10


def test_workers_whose_supervisor_was_killed_answer_what_has_begun_and_end(start: Start, tmp_path: Path) -> None:
    held = running.Held(start, tmp_path, 2.0)
    with held.call() as wire:
        held.server.stop(signal.SIGKILL)
        time.sleep(0.5)
        [busy] = [worker for worker in held.workers if running.running(worker)]
        spent = running.cpu_seconds(busy)
        time.sleep(0.5)
        spent = running.cpu_seconds(busy) - spent
        assert wire.receive().ok
    running.all_end(held.workers)
    assert spent < 0.1, "it waits, and does not look again and again whether its parent is still gone"


# --- what cannot start ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("how", ["another", "missing", "open to others"])
def test_a_root_key_that_does_not_open_ends_the_server_with_a_sentence(founded: Path, tmp_path: Path, how: str) -> None:
    server = Server(running.copied(founded, tmp_path / "home"), workers=2)
    if how == "another":
        server.root_key.write_bytes(os.urandom(len(server.root_key.read_bytes())))
    elif how == "missing":
        server.root_key.unlink()
    else:
        server.root_key.chmod(0o644)
    status, words = running.refused(server)
    assert status == 78
    assert words.startswith("keystead: The root key stays closed:")
    assert str(server.root_key) in words


def test_a_port_in_use_is_refused_with_a_sentence(founded: Path, tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        address = f"127.0.0.1:{taken.getsockname()[1]}"
        server = Server(running.copied(founded, tmp_path / "home"), options=("--listen", address))
        status, words = running.refused(server)
    assert status == 2
    assert f"Cannot listen on {address}: Address already in use." in words
