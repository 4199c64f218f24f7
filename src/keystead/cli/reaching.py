"""Connections from the command to a server: over HTTP, over TLS under the server's own authority, or by a unix socket."""

from __future__ import annotations

import http.client
import socket
import urllib.parse


class _Local(http.client.HTTPConnection):
    """HTTP over a unix socket."""

    def __init__(self, path: str, patience: float) -> None:
        super().__init__("localhost", timeout=patience)
        self._path = path
        self._patience = patience

    def connect(self) -> None:
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.settimeout(self._patience)
        self.sock.connect(self._path)


def connection(endpoint: str, authority: str | None, patience: float) -> http.client.HTTPConnection:
    """A connection to the endpoint, which is made with the first request. ``authority`` is the file of the certificate
    that vouches for the server's; ``patience`` in seconds. Raises OSError if that file cannot be read."""
    if endpoint.startswith("unix:"):
        return _Local(endpoint.removeprefix("unix:"), patience)
    parts = urllib.parse.urlsplit(endpoint)
    if parts.scheme == "https":
        import ssl

        trust = ssl.create_default_context(cafile=authority)
        return http.client.HTTPSConnection(parts.hostname or "", parts.port, timeout=patience, context=trust)
    return http.client.HTTPConnection(parts.hostname or "", parts.port, timeout=patience)
