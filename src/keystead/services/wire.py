"""What is known of a request besides its caller and its body."""

from __future__ import annotations

import msgspec


class Wire(msgspec.Struct, frozen=True):
    """What is known of the request besides caller and body: for conditions and for the audit record. ``tls`` is version and
    cipher of a connection with TLS."""

    request_id: str
    source: str
    user_agent: str
    host: str
    tls: tuple[str, str] | None = None
