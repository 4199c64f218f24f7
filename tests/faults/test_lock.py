"""One server for one data directory, and why."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

from keystead.lock import FILE, Lock, NotLocked
from tests.faults import running
from tests.faults.conftest import Start
from tests.server import Server


def test_a_second_server_on_the_same_data_is_refused_with_a_sentence(start: Start) -> None:
    server = start()
    status, words = running.refused(Server(server.home, workers=1))
    assert status == 2
    assert f"process id {server.pid} serves the data directory {server.data}" in words
    assert server.stop() == 0
    assert Server(server.home).start().stop() == 0


def test_a_new_server_waits_for_the_workers_of_a_killed_one(start: Start, tmp_path: Path) -> None:
    """They may still commit, publish and journal, and nobody else could see that."""
    held = running.Held(start, tmp_path, 2.5)
    pid = held.server.pid
    with held.call() as wire:
        held.server.stop(signal.SIGKILL)
        assert any(running.running(worker) for worker in held.workers)
        new = start(home=held.server.home)
        assert not any(running.running(worker) for worker in held.workers)
        created = wire.receive()
    assert created.ok
    assert f"process id {pid} was killed; waiting for its workers" in new.messages()
    with running.connected(new) as wire:
        assert wire.call("DescribeKey", KeyId=created.json["KeyMetadata"]["KeyId"]).ok


def test_two_servers_on_the_same_data_would_not_see_what_the_other_revokes(start: Start) -> None:
    """Why there is a lock: without it a key that one has disabled goes on encrypting in the other."""
    one = start("no-lock")
    other = start("no-lock", home=one.home)
    with running.connected(one) as here, running.connected(other) as there:
        key = here.call("CreateKey").json["KeyMetadata"]["KeyId"]
        assert there.call("Encrypt", KeyId=key, Plaintext="aGVsbG8=").ok
        assert here.call("DisableKey", KeyId=key).ok
        assert there.call("Encrypt", KeyId=key, Plaintext="aGVsbG8=").ok


# --- the lock itself --------------------------------------------------------------------------------------------------


def taken(directory: Path, patience: float = 0.0) -> tuple[Lock, list[str]]:
    told: list[str] = []
    return Lock.take(directory, patience, told.append), told


def abandoned(directory: Path) -> int:
    """A process that took the lock has ended; the process id of its child, which lives on for a while."""
    text = f"""
        import os, time
        from pathlib import Path
        from keystead.lock import Lock
        Lock.take(Path({str(directory)!r}), 0, print)
        child = os.fork()
        if child == 0:
            os.close(1), os.close(2)
            time.sleep(60)
        print(child)
    """
    program = subprocess.run([sys.executable, "-c", textwrap.dedent(text)], capture_output=True, text=True, check=True)
    return int(program.stdout)


def test_a_lock_that_was_let_go_can_be_taken(tmp_path: Path) -> None:
    for _ in range(2):
        lock, told = taken(tmp_path / "data")
        lock.release()
        assert told == []
    assert (tmp_path / "data").stat().st_mode & 0o777 == 0o700
    assert (tmp_path / "data" / FILE).read_text() == f"{os.getpid()}\n"


def test_a_lock_that_is_held_is_refused_at_once(tmp_path: Path) -> None:
    lock, _ = taken(tmp_path)
    with pytest.raises(NotLocked, match=f"process id {os.getpid()} serves"):
        taken(tmp_path, patience=60)
    (tmp_path / FILE).write_text("")  # as it is between taking and saying so
    with pytest.raises(NotLocked, match="Another server serves"):
        taken(tmp_path, patience=60)
    lock.release()


def test_who_inherited_the_lock_holds_it_until_his_end(tmp_path: Path) -> None:
    child = abandoned(tmp_path)
    try:
        with pytest.raises(NotLocked, match=r"Workers of the server with process id \d+, .* end them first"):
            taken(tmp_path, patience=0.2)
    finally:
        os.kill(child, signal.SIGKILL)
    lock, told = taken(tmp_path, patience=10)
    lock.release()
    assert len(told) <= 1


def test_what_cannot_be_locked_is_refused_with_a_sentence(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(NotLocked, match="cannot be opened: "):
        taken(tmp_path / "file")
    (tmp_path / FILE).symlink_to("elsewhere")
    with pytest.raises(NotLocked, match="cannot be opened: "):
        taken(tmp_path)
