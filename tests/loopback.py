"""Tests talk to this machine only.

Guarantees: a connect or datagram of a Python socket in the test process goes to 127.0.0.0/8, ::1 or a unix socket,
or raises `BeyondLoopback` before anything is sent; so does looking up any host name but localhost. Does not guarantee
it for child processes, nor for sockets that libuv opens itself; tests give those loopback addresses only.
"""

from __future__ import annotations

import ipaddress
import socket
from collections.abc import Callable, Iterator
from typing import Any

import pytest


class BeyondLoopback(AssertionError):
    """A test tried to reach another machine."""


def stays_here(host: object) -> bool:
    """Whether a host, as given to connect or getaddrinfo, is this machine. None and the empty string mean it."""
    if isinstance(host, bytes):
        host = host.decode("ascii", "replace")
    if host is None or host in ("", "localhost"):
        return True
    try:
        return ipaddress.ip_address(str(host).partition("%")[0]).is_loopback
    except ValueError:
        return False


def refuse_beyond(family: int, address: object) -> None:
    if family in (socket.AF_INET, socket.AF_INET6) and not (isinstance(address, tuple) and stays_here(address[0])):
        raise BeyondLoopback(f"a test wanted to reach {address!r}")


@pytest.fixture(scope="session", autouse=True)
def no_socket_beyond_loopback() -> Iterator[None]:
    patch = pytest.MonkeyPatch()

    def guard(name: str) -> None:
        original: Callable[..., Any] = getattr(socket.socket, name)

        def guarded(self: socket.socket, *arguments: Any) -> Any:
            address = arguments[0] if name.startswith("connect") else arguments[-1]  # sendto(data[, flags], address)
            refuse_beyond(self.family, address)
            return original(self, *arguments)

        patch.setattr(socket.socket, name, guarded)

    for name in ("connect", "connect_ex", "sendto"):
        guard(name)
    look_up = socket.getaddrinfo

    def guarded_look_up(host: Any, *arguments: Any, **named: Any) -> Any:
        # a numeric address needs no network to be looked up; whether it may be reached, connect decides
        numeric = str(host).replace(".", "").isdigit() or ":" in str(host)
        if not (numeric or stays_here(host)):
            raise BeyondLoopback(f"a test wanted to look up {host!r}")
        return look_up(host, *arguments, **named)

    patch.setattr(socket, "getaddrinfo", guarded_look_up)
    yield
    patch.undo()
