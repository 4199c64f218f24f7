"""The listening sockets of all workers, and the rule of where plain HTTP may be served.

Guarantees: sockets are opened before the workers are there; an address that other machines reach is served without TLS
only when that was asked for by name. Does not guarantee that nobody else of the same user listens on the port later.
"""

from __future__ import annotations

import socket
from dataclasses import dataclass

from keystead.config import Config
from keystead.http import sockets


class CannotListen(Exception):
    """An address cannot or must not be listened on; the text says why and what to do."""


@dataclass(frozen=True, slots=True)
class Listening:
    """The listening sockets of each worker, where they answer, and what the operator should be told about it."""

    of_workers: tuple[tuple[socket.socket, ...], ...]
    endpoints: tuple[str, ...]
    warnings: tuple[str, ...]

    def close(self) -> None:
        """Let go of what this process holds: from now on only workers take connections."""
        for of_worker in self.of_workers:
            for listener in of_worker:
                listener.close()

    def remove(self) -> None:
        """After the end: remove the files of unix sockets."""
        for endpoint in self.endpoints:
            if endpoint.startswith("unix:"):
                sockets.remove(sockets.parse(endpoint))


def listen(config: Config) -> Listening:
    """Open the sockets of all workers. They are opened before the workers are there and outlive them, so that a
    connection which waits for a worker that died is taken by the next. Refuses with CannotListen.

    Plain HTTP is for this machine: elsewhere plaintexts would travel readable, so that must be asked for by name.
    """
    secure = config.tls_certificate is not None
    warnings: list[str] = []
    every: list[list[socket.socket]] = []
    for text in config.listen:
        try:
            address = sockets.parse(text)
        except ValueError as error:
            raise CannotListen(f"--listen: {error}") from error
        if not (address.is_loopback or secure):
            if not config.insecure_http:
                raise CannotListen(
                    f"{address} can be reached by other machines, and without TLS they could read every plaintext and "
                    "data key. Make a certificate with `keystead tls init`, or listen on 127.0.0.1, or say "
                    "--insecure-http if something before it does TLS."
                )
            warnings.append(
                f"{address} serves plain HTTP to other machines (--insecure-http): plaintexts and data keys travel "
                "readable."
            )
        every.append(_listeners(address, config.workers))
    scheme = "https" if secure else "http"
    bound = [sockets.bound(of_address[0]) for of_address in every]
    endpoints = [str(one) if isinstance(one, sockets.UnixAddress) else f"{scheme}://{one}" for one in bound]
    return Listening(tuple(zip(*every, strict=True)), tuple(endpoints), tuple(warnings))


def _listeners(address: sockets.Address, workers: int) -> list[socket.socket]:
    """One listening socket for each worker; a unix socket is one that all share."""
    try:
        if isinstance(address, sockets.UnixAddress):
            return [sockets.listening(address)] * workers
        if address.port:
            # With SO_REUSEPORT the kernel would let a second server of the same user share the port unnoticed.
            sockets.listening(address).close()
        first = sockets.listening(address, reuse_port=True)
        same = sockets.bound(first)
        return [first, *(sockets.listening(same, reuse_port=True) for _ in range(workers - 1))]
    except OSError as error:
        raise CannotListen(
            f"Cannot listen on {address}: {error.strerror or error}. Is another server running there? Name another "
            "address with --listen."
        ) from error
