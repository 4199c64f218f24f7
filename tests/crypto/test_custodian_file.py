"""The custodian file: made safely, durable before it is used, and refused with advice when anything about it is
wrong."""

from __future__ import annotations

import os
import signal
import stat
from collections.abc import Callable
from pathlib import Path

import pytest

from keystead.crypto import rootkey
from keystead.crypto.rootkey import CustodianFile, CustodianRefused, RootKeyClosed, file

ROOT = bytes(range(32))


@pytest.fixture
def made(tmp_path: Path) -> CustodianFile:
    """A custodian file that has been made, and by which `slot` opens."""
    custodian = CustodianFile(tmp_path / "custodian.key")
    custodian.enrol(os.urandom)
    return custodian


def named(custodian: CustodianFile) -> dict[str, str | int]:
    return {"file": custodian.path.read_text().split()[-3]}


def refusal(custodian: CustodianFile) -> str:
    with pytest.raises(CustodianRefused) as refused:
        custodian.secret({"file": "00" * 8})
    return str(refused.value)


def test_a_file_keeps_the_root_key(tmp_path: Path) -> None:
    custodian = CustodianFile(tmp_path / "custodian.key")
    slot = rootkey.create(ROOT, custodian, 1, os.urandom)
    assert rootkey.open([slot], [CustodianFile(tmp_path / "custodian.key")]) == ROOT
    assert slot.kind == "file"


def test_the_file_is_what_the_format_says(tmp_path: Path) -> None:
    custodian = CustodianFile(tmp_path / "custodian.key")
    parameters, secret = custodian.enrol(lambda length: bytes(range(length)))
    assert custodian.path.read_bytes() == (
        b"keystead custodian key, version 1. Keep it secret (mode 0600), and keep a copy away from this machine.\n"
        b"id 0001020304050607\n"
        b"key 000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f\n"
    )
    assert custodian.path.stat().st_size == file.SIZE == 192
    assert (parameters, secret) == ({"file": "0001020304050607"}, bytes(range(32)))
    assert custodian.secret(parameters) == secret


@pytest.mark.parametrize("umask", [0, 0o022, 0o077, 0o277, 0o777])
def test_the_file_has_mode_0600_whatever_the_umask(tmp_path: Path, umask: int) -> None:
    custodian = CustodianFile(tmp_path / "custodian.key")
    before = os.umask(umask)
    try:
        custodian.enrol(os.urandom)
    finally:
        os.umask(before)
    assert stat.S_IMODE(custodian.path.stat().st_mode) == 0o600


def test_the_file_and_then_its_directory_are_synced_before_the_secret_is_given(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    synced: list[tuple[int, int]] = []
    right = os.fsync

    def fsync(descriptor: int) -> None:
        synced.append((os.fstat(descriptor).st_ino, os.fstat(descriptor).st_size))
        right(descriptor)

    monkeypatch.setattr(os, "fsync", fsync)
    custodian = CustodianFile(tmp_path / "custodian.key")
    custodian.enrol(os.urandom)
    assert synced[0] == (custodian.path.stat().st_ino, file.SIZE)
    assert synced[1][0] == tmp_path.stat().st_ino


@pytest.mark.parametrize("failing", [1, 2], ids=["file", "directory"])
def test_a_file_that_cannot_be_made_durable_is_not_used_and_not_left(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, failing: int
) -> None:
    calls: list[int] = []

    def fsync(descriptor: int) -> None:
        calls.append(descriptor)
        if len(calls) == failing:
            raise OSError(5, "Input/output error")

    monkeypatch.setattr(os, "fsync", fsync)
    custodian = CustodianFile(tmp_path / "custodian.key")
    with pytest.raises(CustodianRefused, match="cannot be written: Input/output error"):
        custodian.enrol(os.urandom)
    assert list(tmp_path.iterdir()) == []


def _a_file(path: Path) -> None:
    path.write_text("precious")


def _a_link_to_nothing(path: Path) -> None:
    path.symlink_to(path.with_name("elsewhere"))


def _a_directory(path: Path) -> None:
    path.mkdir()


@pytest.mark.parametrize("occupy", [_a_file, _a_link_to_nothing, _a_directory])
def test_nothing_is_ever_overwritten(tmp_path: Path, occupy: Callable[[Path], None]) -> None:
    path = tmp_path / "custodian.key"
    occupy(path)
    before = sorted(tmp_path.iterdir())
    with pytest.raises(CustodianRefused, match="exists already and is not overwritten: choose another path"):
        CustodianFile(path).enrol(os.urandom)
    assert sorted(tmp_path.iterdir()) == before
    assert not path.is_file() or path.read_text() == "precious"


def test_a_directory_that_is_not_there_is_said_so(tmp_path: Path) -> None:
    with pytest.raises(CustodianRefused, match="cannot be made: No such file or directory"):
        CustodianFile(tmp_path / "nowhere" / "custodian.key").enrol(os.urandom)


# --- what is refused when opening -------------------------------------------------------------------------------------


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o660, 0o610, 0o601, 0o602, 0o620, 0o777])
def test_a_file_open_to_others_is_refused_with_the_command_that_mends_it(made: CustodianFile, mode: int) -> None:
    made.path.chmod(mode)
    assert f"is open to group or others (mode {mode:04o}): run chmod 600 {made.path}" in refusal(made)


@pytest.mark.parametrize("mode", [0o600, 0o400])
def test_a_file_only_its_owner_can_read_is_taken(made: CustodianFile, mode: int) -> None:
    made.path.chmod(mode)
    assert len(made.secret(named(made))) == 32


def test_the_command_is_quoted_for_a_shell(tmp_path: Path) -> None:
    custodian = CustodianFile(tmp_path / "a key; rm x")
    custodian.enrol(os.urandom)
    custodian.path.chmod(0o644)
    assert f"run chmod 600 '{custodian.path}'" in refusal(custodian)


def test_a_file_of_another_owner_is_refused(made: CustodianFile, monkeypatch: pytest.MonkeyPatch) -> None:
    owner = os.geteuid()
    monkeypatch.setattr(os, "geteuid", lambda: owner + 1)
    said = refusal(made)
    assert f"belongs to user {owner}, not to user {owner + 1} who runs this" in said
    assert f"run chown {owner + 1} {made.path}" in said


def test_a_symbolic_link_is_refused_even_to_a_good_file(made: CustodianFile) -> None:
    link = made.path.with_name("link")
    link.symlink_to(made.path)
    assert "is a symbolic link: give the path of the file itself" in refusal(CustodianFile(link))


def test_a_file_that_is_not_there_is_said_so(tmp_path: Path) -> None:
    assert "is not there: give its right path, or restore it from its copy" in refusal(CustodianFile(tmp_path / "none"))


def test_a_directory_a_fifo_and_a_device_are_refused_and_do_not_block(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "fifo")
    signal.alarm(10)  # a FIFO without a writer would block for ever; the signal's default action ends the run
    for path in (tmp_path, tmp_path / "fifo", Path("/dev/null")):
        assert "is not a regular file" in refusal(CustodianFile(path))
    signal.alarm(0)


def test_a_file_that_may_not_be_read_is_said_so(made: CustodianFile, monkeypatch: pytest.MonkeyPatch) -> None:
    def forbidden(path: object, flags: int) -> int:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(os, "open", forbidden)
    assert "may not be read by user" in refusal(made)


@pytest.mark.parametrize(
    "spoil",
    [
        pytest.param(lambda content: content[:-1], id="cut"),
        pytest.param(lambda content: content + b"\n", id="one line more"),
        pytest.param(lambda content: b"", id="empty"),
        pytest.param(lambda content: content * 1000, id="large"),
    ],
)
def test_a_file_of_another_size_is_refused(made: CustodianFile, spoil: Callable[[bytes], bytes]) -> None:
    made.path.write_bytes(spoil(made.path.read_bytes()))
    assert "a custodian file has 192: give the right path, or restore it from its copy" in refusal(made)


@pytest.mark.parametrize(
    "spoil",
    [
        pytest.param(lambda content: content.replace(b"version 1", b"version 2"), id="version"),
        pytest.param(lambda content: content[:-2] + b"g\n", id="no hex"),
        pytest.param(lambda content: content[:-66] + content[-66:].upper(), id="capitals"),
        pytest.param(lambda content: content.replace(b"\nkey ", b"\nKEY "), id="name"),
        pytest.param(lambda content: content[:-1] + b" ", id="line end"),
        pytest.param(lambda content: os.urandom(192), id="random"),
    ],
)
def test_a_file_of_another_form_is_refused(tmp_path: Path, spoil: Callable[[bytes], bytes]) -> None:
    custodian = CustodianFile(tmp_path / "custodian.key")
    custodian.enrol(lambda length: b"\xab" * length)
    custodian.path.write_bytes(spoil(custodian.path.read_bytes()))
    assert "is not a custodian key of version 1, or was altered: restore it from its copy" in refusal(custodian)


def test_the_file_of_another_slot_is_said_so(tmp_path: Path) -> None:
    one, other = CustodianFile(tmp_path / "one"), CustodianFile(tmp_path / "other")
    slot = rootkey.create(ROOT, one, 1, os.urandom)
    rootkey.create(ROOT, other, 2, os.urandom)
    with pytest.raises(RootKeyClosed, match="which belongs to another slot"):
        rootkey.open([slot], [other])
    assert rootkey.open([slot], [other, one]) == ROOT


def test_a_key_that_was_exchanged_in_the_file_does_not_open(tmp_path: Path) -> None:
    custodian = CustodianFile(tmp_path / "custodian.key")
    slot = rootkey.create(ROOT, custodian, 1, os.urandom)
    custodian.path.write_bytes(custodian.path.read_bytes()[:-65] + os.urandom(32).hex().encode() + b"\n")
    with pytest.raises(RootKeyClosed, match="it is the wrong one, or the row was altered"):
        rootkey.open([slot], [custodian])


def test_no_refusal_quotes_what_is_in_the_file(made: CustodianFile) -> None:
    content = made.path.read_bytes()
    key = content[-65:-1].decode()
    said = [refusal(made), repr(made)]
    made.path.write_bytes(content.replace(b"version 1", b"version 2"))
    said.append(refusal(made))
    made.path.chmod(0o644)
    said.append(refusal(made))
    assert not any(key[at : at + 6] in text for text in said for at in range(58))
