"""Addresses to listen on, and the sockets behind them."""

from __future__ import annotations

import os
import socket
import stat
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from keystead.http.sockets import TcpAddress, UnixAddress, bound, listening, parse, remove


@pytest.mark.parametrize(
    ("text", "address", "loopback"),
    [
        ("127.0.0.1:4600", TcpAddress("127.0.0.1", 4600), True),
        ("127.9.9.9:1", TcpAddress("127.9.9.9", 1), True),
        ("localhost:4600", TcpAddress("127.0.0.1", 4600), True),
        ("[::1]:4600", TcpAddress("::1", 4600), True),
        ("[0:0::0:1]:0", TcpAddress("::1", 0), True),
        ("0.0.0.0:65535", TcpAddress("0.0.0.0", 65_535), False),
        ("[::]:4600", TcpAddress("::", 4600), False),
        ("192.0.2.7:4600", TcpAddress("192.0.2.7", 4600), False),
        ("[2001:DB8::7]:4600", TcpAddress("2001:db8::7", 4600), False),
        ("unix:/run/keystead.sock", UnixAddress("/run/keystead.sock"), True),
        ("unix:/a b:c", UnixAddress("/a b:c"), True),
    ],
)
def test_an_address_is_read(text: str, address: TcpAddress | UnixAddress, loopback: bool) -> None:
    assert parse(text) == address
    assert parse(text).is_loopback is loopback
    assert parse(str(address)) == address


@pytest.mark.parametrize(
    "text",
    ["", "4600", ":4600", "127.0.0.1", "127.0.0.1:", "127.0.0.1:65536", "127.0.0.1:-1", "127.0.0.1:4600 ", "127.0.0.1:٤٦٠٠",
     "127.1:4600",
     "0177.0.0.1:80", "*:4600", "example.com:4600", "::1:4600", "[::1]", "[127.0.0.1]:4600", "[::ffff:127.0.0.1]:4600",
     "[fe80::1%eth0]:4600",
     "unix:", "unix:relative", "unix:/" + "a" * 107, "unix:/a\0b", "http://127.0.0.1:4600", "fd:3"],
)  # fmt: skip
def test_what_is_no_address_is_refused_with_a_sentence(text: str) -> None:
    with pytest.raises(ValueError, match=r"\w+ \w+ \w+") as refused:
        parse(text)
    assert repr(text) in str(refused.value)


@given(st.text(max_size=40))
def test_any_text_is_an_address_or_refused(text: str) -> None:
    try:
        address = parse(text)
    except ValueError:
        return
    assert parse(str(address)) == address


@pytest.mark.parametrize("text", ["127.0.0.1:0", "[::1]:0"])
def test_a_tcp_socket_listens_where_it_says(text: str) -> None:
    with listening(parse(text)) as listener:
        address = bound(listener)
        assert isinstance(address, TcpAddress)
        assert address.port > 0
        assert not listener.getblocking()
        with socket.create_connection((address.host, address.port), timeout=5):
            pass
        with pytest.raises(OSError, match="in use"):
            listening(address)


def test_several_processes_may_share_a_port_when_all_of_them_ask() -> None:
    with listening(TcpAddress("127.0.0.1", 0), reuse_port=True) as first:
        with listening(bound(first), reuse_port=True) as second:
            assert bound(second) == bound(first)
        with pytest.raises(OSError, match="in use"):
            listening(bound(first))


def test_an_ipv6_socket_takes_no_ipv4() -> None:
    with listening(parse("[::]:0")) as listener:
        address = bound(listener)
        assert isinstance(address, TcpAddress)
        with pytest.raises(ConnectionRefusedError):
            socket.create_connection(("127.0.0.1", address.port), timeout=5)


def answers(path: Path) -> bool:
    with socket.socket(socket.AF_UNIX) as probe:
        try:
            probe.connect(str(path))
        except OSError:
            return False
        return True


@pytest.mark.parametrize("mode", [0o600, 0o660])
@pytest.mark.parametrize("umask", [0o000, 0o077])
def test_a_unix_socket_has_the_mode_asked_for(tmp_path: Path, mode: int, umask: int) -> None:
    path = tmp_path / "s"
    before = os.umask(umask)
    try:
        with listening(UnixAddress(str(path)), unix_mode=mode) as listener:
            assert stat.S_IMODE(path.stat().st_mode) == mode
            assert bound(listener) == UnixAddress(str(path))
            assert answers(path)
    finally:
        os.umask(before)


def test_a_unix_socket_nobody_answers_on_is_replaced(tmp_path: Path) -> None:
    path = tmp_path / "s"
    listening(UnixAddress(str(path))).close()
    assert path.exists()
    with listening(UnixAddress(str(path))):
        assert answers(path)
        remove(UnixAddress(str(path)))
        assert path.exists(), "somebody answers on it"
    remove(UnixAddress(str(path)))
    assert not path.exists()
    remove(UnixAddress(str(path)))


def test_a_unix_socket_somebody_answers_on_is_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "s"
    with listening(UnixAddress(str(path))):
        with pytest.raises(OSError, match="another process answers"):
            listening(UnixAddress(str(path)))
        assert answers(path)


def test_what_is_no_socket_is_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "s"
    path.write_text("precious")
    link = tmp_path / "l"
    link.symlink_to(path)
    for place in (path, link, tmp_path):
        with pytest.raises(FileExistsError):
            listening(UnixAddress(str(place)))
        remove(UnixAddress(str(place)))
    assert path.read_text() == "precious"
    assert link.is_symlink()
