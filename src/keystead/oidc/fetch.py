"""One document of an identity provider, from a file or over HTTPS.

Guarantees: at most `LONGEST` bytes are taken and at most `PATIENCE` seconds waited for each of name, connection and
bytes, and for all bytes together; redirections are refused, so that only the places that the configuration names are
asked; certificates are checked. A proxy that the environment names is used, as everywhere else. Plain HTTP is for
addresses of this machine alone."""

from __future__ import annotations

import ssl
import time
import urllib.error
import urllib.request
from http.client import HTTPException
from pathlib import Path
from typing import Any, Final

from keystead.oidc.settings import is_safe

LONGEST: Final = 1 << 18
PATIENCE: Final = 5.0
_AT_ONCE: Final = 1 << 14


class Unreachable(Exception):
    """The document cannot be had now; the text says why, for the operator's log."""


class _NoRedirection(urllib.request.HTTPRedirectHandler):
    def redirect_request(self, *_: Any) -> None:
        return None


def from_file(path: Path) -> bytes:
    """The bytes of a file. Raises Unreachable."""
    try:
        with path.open("rb") as file:
            document = file.read(LONGEST + 1)
    except OSError as error:
        raise Unreachable(f"{path} cannot be read: {error.strerror}") from error
    if len(document) > LONGEST:
        raise Unreachable(f"{path} has more than {LONGEST} bytes")
    return document


def from_url(url: str, authority: Path | None) -> bytes:
    """What stands at an address; ``authority`` vouches for its certificate instead of those the system trusts. Raises
    Unreachable. Takes up to some `PATIENCE`: not for the event loop."""
    if not is_safe(url):
        raise Unreachable(f"{url} is neither HTTPS nor on this machine")
    begun = time.monotonic()
    try:
        trust = ssl.create_default_context(cafile=None if authority is None else str(authority))
        opener = urllib.request.build_opener(urllib.request.HTTPSHandler(context=trust), _NoRedirection())
        asked = urllib.request.Request(url, headers={"Accept": "application/json", "User-Agent": "Keystead"})  # noqa: S310 - is_safe
        with opener.open(asked, timeout=PATIENCE) as answer:
            document = bytearray()
            while part := answer.read1(_AT_ONCE):
                document += part
                if len(document) > LONGEST:
                    raise Unreachable(f"{url} answers with more than {LONGEST} bytes")
                if time.monotonic() - begun > PATIENCE:
                    raise Unreachable(f"{url} is too slow")
    except (OSError, HTTPException, urllib.error.URLError, ValueError) as error:
        raise Unreachable(f"{url} cannot be fetched: {error}") from error
    return bytes(document)
