"""Where to listen: the text of an address, and the listening socket behind it.

Guarantees: an address is a literal, so what is listened on never depends on a resolver; a unix socket is never
reachable with more permissions than asked for, and a file is replaced only when it is a socket that nobody answers on.
Does not guarantee that two processes which start at the same moment agree about one unix path.
"""

from __future__ import annotations

import contextlib
import errno
import ipaddress
import os
import re
import socket
import stat
from dataclasses import dataclass
from typing import Final

BACKLOG: Final = 1024
"""Connections the kernel keeps until they are accepted; it lowers this to net.core.somaxconn."""

_PATH_BYTES: Final = 107
"""sun_path of unix(7) without its final NUL."""
_STALE_SECONDS: Final = 1.0
_TCP: Final = re.compile(r"(?:\[(?P<six>[0-9A-Fa-f:.]+)\]|(?P<four>[^\[\]:]+)):(?P<port>[0-9]{1,5})", re.ASCII)


@dataclass(frozen=True, slots=True)
class TcpAddress:
    """An IP address in its shortest form and a port; port 0 lets the kernel choose."""

    host: str
    port: int

    @property
    def is_loopback(self) -> bool:
        """Whether only this machine can connect."""
        return ipaddress.ip_address(self.host).is_loopback

    def __str__(self) -> str:
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"


@dataclass(frozen=True, slots=True)
class UnixAddress:
    """A path in the file system."""

    path: str

    @property
    def is_loopback(self) -> bool:
        """Whether only this machine can connect: always."""
        return True

    def __str__(self) -> str:
        return f"unix:{self.path}"


Address = TcpAddress | UnixAddress


def parse(text: str) -> Address:
    """``127.0.0.1:4600``, ``[::1]:4600``, ``localhost:4600`` (which means 127.0.0.1) or ``unix:/run/keystead.sock``.

    :raises ValueError: with a sentence that says how to write it.
    """
    scheme, colon, path = text.partition(":")
    if scheme == "unix" and colon:
        if not path.startswith("/") or "\0" in path:
            raise ValueError(f"{text!r}: the path of a unix socket must be absolute, as in unix:/run/keystead.sock")
        if len(os.fsencode(path)) > _PATH_BYTES:
            raise ValueError(f"{text!r}: the path of a unix socket can have {_PATH_BYTES} bytes at most")
        return UnixAddress(path)
    match = _TCP.fullmatch(text)
    if match is None:
        raise ValueError(
            f"{text!r} is no address to listen on; write 127.0.0.1:4600, [::1]:4600 or unix:/run/keystead.sock"
        )
    port = int(match["port"])
    if port > 65_535:
        raise ValueError(f"{text!r}: a port is 65535 at most")
    host = match["six"] or ("127.0.0.1" if match["four"] == "localhost" else match["four"])
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        hint = "; 0.0.0.0 and [::] mean every address" if host == "*" else ""
        raise ValueError(f"{text!r}: {host!r} is no IP address, and names are not looked up here{hint}") from None
    if (address.version == 6) != (match["six"] is not None):
        raise ValueError(f"{text!r}: an IPv6 address, and only that, is written in brackets")
    if isinstance(address, ipaddress.IPv6Address) and address.ipv4_mapped is not None:
        raise ValueError(f"{text!r}: write the IPv4 address {address.ipv4_mapped} instead")
    return TcpAddress(address.compressed, port)


def listening(
    address: Address, *, reuse_port: bool = False, unix_mode: int = 0o600, backlog: int = BACKLOG
) -> socket.socket:
    """A listening socket that does not block, for `Connections.listen`.

    With ``reuse_port`` several processes of one user may listen on the same TCP address, and the kernel spreads
    connections over them; a unix socket is instead opened once and inherited. ``unix_mode`` is the permission of the
    unix socket's file: 0600 for the owner, 0660 for the group too. An IPv6 socket takes no IPv4 connections.

    :raises OSError: the address cannot be listened on; for a unix path its message is a sentence.
    """
    if isinstance(address, UnixAddress):
        return _listening_unix(address.path, unix_mode, backlog)
    family = socket.AF_INET6 if ":" in address.host else socket.AF_INET
    listener = socket.socket(family, socket.SOCK_STREAM)
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)  # a restart need not wait for TIME_WAIT
        if reuse_port:
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        if family == socket.AF_INET6:
            listener.setsockopt(
                socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1
            )  # else a peer may look like ::ffff:192.0.2.1
        listener.bind((address.host, address.port))
        listener.listen(backlog)
        listener.setblocking(False)
    except BaseException:
        listener.close()
        raise
    return listener


def bound(listener: socket.socket) -> Address:
    """The address a listener has, the port chosen by the kernel included."""
    name = listener.getsockname()
    return UnixAddress(os.fsdecode(name)) if listener.family == socket.AF_UNIX else TcpAddress(name[0], name[1])


def remove(address: Address) -> None:
    """After the last process has closed its listener: remove the file of a unix socket, if nobody answers on it."""
    if isinstance(address, UnixAddress):
        with contextlib.suppress(OSError):
            _remove_stale(address.path)


def _listening_unix(path: str, mode: int, backlog: int) -> socket.socket:
    _remove_stale(path)
    listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        listener.bind(path)
        # Between bind and chmod the file has the mode of the umask, but nobody can connect before listen.
        os.chmod(path, mode)
        listener.listen(backlog)
        listener.setblocking(False)
    except BaseException:
        listener.close()
        raise
    return listener


def _remove_stale(path: str) -> None:
    """Remove what a process that died has left at ``path``, and nothing else."""
    try:
        found = os.lstat(path)
    except FileNotFoundError:
        return
    if not stat.S_ISSOCK(found.st_mode):
        raise FileExistsError(errno.EEXIST, "there is a file that is no socket; it is left alone", path)
    probe = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    probe.settimeout(_STALE_SECONDS)
    with probe:
        try:
            probe.connect(path)
        except ConnectionRefusedError:
            os.unlink(path)
            return
        except FileNotFoundError:
            return
        except OSError:  # a full backlog or a missing permission: somebody is there
            pass
    raise OSError(errno.EADDRINUSE, "another process answers on this socket", path)
