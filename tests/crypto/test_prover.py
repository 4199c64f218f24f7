"""The helper that proves private keys: right, alone with its pipe, replaced when it fails, and gone with its parent."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from tests.crypto.imports import pkcs8, rsa_key

from keystead import errors
from keystead.crypto import accepting, proofs
from keystead.crypto.prover import CannotProve, Prover

WAIT = 20.0
LINUX = Path("/proc/self/fd").exists()

GOOD = pkcs8(rsa_key(2048))


def spoilt() -> bytes:
    """A key of the right form and size, whose numbers do not belong together."""
    numbers = rsa_key(2048).private_numbers()
    secret = numbers.d.to_bytes(256, "big").lstrip(b"\0")
    at = GOOD.index(secret) + 100
    return GOOD[:at] + bytes([GOOD[at] ^ 1]) + GOOD[at + 1 :]


BAD = spoilt()


@pytest.fixture(scope="module")
def shared() -> Iterator[Prover]:
    prover = Prover()
    yield prover
    prover.close()


def scripted(script: str, **how: float) -> Prover:
    """A prover whose helper does what ``script`` says."""
    return Prover(command=(sys.executable, "-I", "-S", "-c", script), **how)


def process_of(prover: Prover) -> subprocess.Popen[bytes]:
    assert prover._helper is not None
    return prover._helper.process


def refuses(prover: Callable[[bytes], None], material: bytes) -> bool:
    try:
        prover(material)
    except errors.Refusal as refusal:
        said = refusal.code, refusal.message
    else:
        return False
    assert said == ("InvalidCiphertextException", None)
    return True


def test_a_key_is_proven_or_refused_as_it_would_be_here(shared: Prover) -> None:
    for material in (GOOD, BAD, b"", b"no key", GOOD[:-1], bytes(proofs.LONGEST)):
        assert refuses(shared, material) == refuses(accepting.prove, material)
    assert not refuses(shared, GOOD)
    assert refuses(shared, BAD)


def test_reading_alone_would_take_the_spoilt_key() -> None:
    assert accepting.rsa(2048).read(BAD) == BAD


def test_the_helper_begins_with_the_first_proof_and_serves_them_all() -> None:
    prover = Prover()
    try:
        assert prover._helper is None
        prover(GOOD)
        helper = process_of(prover)
        assert refuses(prover, BAD)
        prover(GOOD)
        assert process_of(prover) is helper
    finally:
        prover.close()
    assert helper.returncode == -signal.SIGKILL


def test_threads_that_ask_together_are_each_told_of_their_own_key(shared: Prover) -> None:
    told: dict[int, bool] = {}

    def ask(number: int) -> None:
        told[number] = refuses(shared, BAD if number % 2 else GOOD)

    threads = [threading.Thread(target=ask, args=(number,)) for number in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(WAIT)
    assert told == {number: bool(number % 2) for number in range(6)}


def test_a_helper_that_was_killed_between_two_proofs_is_begun_again_unnoticed(shared: Prover) -> None:
    shared(GOOD)
    killed = process_of(shared)
    killed.kill()
    os.waitid(os.P_PID, killed.pid, os.WEXITED | os.WNOWAIT)
    shared(GOOD)
    assert process_of(shared) is not killed


def test_a_helper_that_dies_of_a_proof_fails_that_one_and_is_begun_again(tmp_path: Path) -> None:
    died = tmp_path / "died"
    script = (
        "import os, sys; sys.path[:] = " + repr(sys.path) + "\n"
        f"if not os.path.exists({str(died)!r}):\n"
        f"    os.read(0, 1); open({str(died)!r}, 'w').close(); os.kill(os.getpid(), 9)\n"
        "from keystead.crypto import proofs; proofs.serve(0, 1)"
    )
    prover = scripted(script)
    try:
        with pytest.raises(CannotProve, match="ended before it answered"):
            prover(GOOD)
        prover(GOOD)
    finally:
        prover.close()


def test_a_helper_that_says_nothing_in_time_is_killed(tmp_path: Path) -> None:
    note = tmp_path / "pid"
    prover = scripted(f"import os, time; open({str(note)!r}, 'w').write(str(os.getpid())); time.sleep(60)", limit=1.0)
    with pytest.raises(CannotProve, match="has not answered in 1 s"):
        prover(GOOD)
    assert prover._helper is None
    if note.exists():  # on a busy machine it was killed before it could write
        assert not _lives(int(note.read_text() or 0))


def test_a_helper_that_says_something_else_is_not_believed() -> None:
    prover = scripted("import os; os.read(0, 1); os.write(1, b'?'); os.read(0, 100000)")
    with pytest.raises(CannotProve):
        prover(GOOD)
    assert prover._helper is None


def test_a_helper_that_cannot_be_begun_fails_the_proof() -> None:
    with pytest.raises((CannotProve, OSError)):
        Prover(command=("/nowhere/python",))(GOOD)


def test_a_prover_that_is_closed_fails_what_is_under_way_and_begins_no_helper() -> None:
    prover, failed = scripted("import time; time.sleep(60)"), threading.Event()

    def ask() -> None:
        with pytest.raises(CannotProve):
            prover(GOOD)
        failed.set()

    thread = threading.Thread(target=ask)
    thread.start()
    while prover._helper is None:
        time.sleep(0.005)
    prover.close()
    assert failed.wait(WAIT)
    with pytest.raises(CannotProve, match="is ending"):
        prover(GOOD)
    assert prover._helper is None


def _lives(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return not LINUX or Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"


def test_a_helper_ends_when_its_parent_is_killed() -> None:
    script = (
        "import sys, time; sys.path[:] = " + repr(sys.path) + "\n"
        "from keystead.crypto.prover import Prover\n"
        f"prover = Prover(); prover({GOOD!r})\n"
        "print(prover._helper.process.pid, flush=True); time.sleep(60)"
    )
    parent = subprocess.Popen((sys.executable, "-I", "-c", script), stdout=subprocess.PIPE, text=True)
    assert parent.stdout is not None
    helper = int(parent.stdout.readline())
    assert _lives(helper)
    parent.kill()
    parent.wait()
    parent.stdout.close()
    end = time.monotonic() + WAIT
    while _lives(helper) and time.monotonic() < end:
        time.sleep(0.01)
    assert not _lives(helper)


def test_a_helper_that_is_told_to_end_with_the_server_ends_with_its_pipe_alone(shared: Prover) -> None:
    shared(GOOD)
    helper = process_of(shared)
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        helper.send_signal(number)
    shared(GOOD)
    assert process_of(shared) is helper


@pytest.mark.skipif(not LINUX, reason="there is no /proc here to look into the helper")
def test_a_helper_has_nothing_of_its_parent_but_two_pipes_and_makes_no_core_dumps(shared: Prover) -> None:
    with socket.socket() as listener:
        listener.set_inheritable(True)
        shared(GOOD)
        process_of(shared).kill()
        process_of(shared).wait()
        shared(GOOD)
        home = Path(f"/proc/{process_of(shared).pid}")
        held = {int(entry.name): os.readlink(entry) for entry in (home / "fd").iterdir()}
        assert set(held) == {0, 1, 2}
        assert held[0].startswith("pipe:")
        assert held[1].startswith("pipe:")
        assert held[2] == os.devnull
    [cores] = [line for line in (home / "limits").read_text().splitlines() if line.startswith("Max core file size")]
    assert cores.split()[4:6] == ["0", "0"]
    assert GOOD not in (home / "cmdline").read_bytes()


def test_what_held_a_key_is_overwritten_after_its_proof(monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[bytearray] = []

    def prove(material: bytearray) -> None:
        assert bytes(material) in {GOOD, BAD}
        seen.append(material)
        if material == BAD:
            raise errors.invalid_ciphertext()

    monkeypatch.setattr(proofs, "protect_memory", lambda: None)
    monkeypatch.setattr(proofs.os, "nice", lambda _by: None)
    monkeypatch.setattr(proofs.signal, "signal", lambda _number, _action: None)
    monkeypatch.setattr(proofs.accepting, "prove", prove)
    asked, asking = os.pipe()
    answered, answering = os.pipe()
    os.write(asking, proofs.framed(GOOD) + proofs.framed(BAD))
    os.close(asking)
    assert proofs.serve(asked, answering) == 0
    assert os.read(answered, 9) == proofs.VALID + proofs.INVALID
    assert [bytes(held) for held in seen] == [bytes(len(GOOD)), bytes(len(BAD))]
    for descriptor in (asked, answered, answering):
        os.close(descriptor)


@pytest.mark.parametrize("question", [b"\xff\xff\xff\xff", proofs.framed(GOOD)[:-1]])
def test_what_is_no_question_ends_the_helper(question: bytes) -> None:
    shared = Prover()
    shared(GOOD)
    helper = process_of(shared)
    assert helper.stdin is not None
    helper.stdin.write(question)
    helper.stdin.close()
    assert helper.wait(WAIT) == 1
    shared.close()
