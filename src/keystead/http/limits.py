"""What one connection, and all connections of one process together, may take.

Guarantees: the table is complete, so nothing a peer sends before it is authenticated costs more bytes or seconds than
is written here. Does not guarantee fairness between peers behind one address; that is a matter for a quota after
authentication.

The defaults suit KMS: requests are a few kilobytes, the largest is PutKeyPolicy (a policy of at most 131072 characters
in the model, each at most a six-byte JSON escape in theory, two or three bytes in practice).
"""

from __future__ import annotations

from dataclasses import dataclass, fields


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """Bytes are octets on the wire after TLS, times are seconds, counts are per connection unless said otherwise.

    A deadline is noticed by the next sweep, so it may be overrun by ``sweep_seconds``, never undercut.
    """

    head_bytes: int = 16 * 1024
    """Request line and header lines together; beyond it 431. A peer may make us hold up to three times this before it
    is noticed."""
    header_count: int = 100
    """Header lines of one request; beyond it 431."""
    target_bytes: int = 8 * 1024
    """The request target alone; beyond it 414."""
    body_bytes: int = 256 * 1024
    """One body, declared or counted while it arrives in chunks; beyond it 413."""
    partial_bytes: int = 64 * 1024 * 1024
    """Bodies that have begun and not ended, all connections of the process together; beyond it 503."""
    in_flight: int = 64
    """Pipelined requests given to the application and not yet written; beyond it nothing more is read."""
    requests_per_turn: int = 8
    """Pipelined requests given to the application in one turn of the event loop; the next ones wait, unread, until
    every other connection has had its turn. What others may wait for one connection is the time these take."""
    write_buffer_bytes: int = 64 * 1024
    """Answers the peer has not taken; beyond it nothing more is read and ``write_seconds`` runs."""
    connections: int = 4096
    """Open connections of the process, TLS handshakes included; beyond it the one idle for longest gives way, else
    accepting waits."""

    handshake_seconds: float = 10.0
    """From accept to the end of the TLS handshake."""
    head_seconds: float = 15.0
    """From accept to the first byte, and from the first byte of a request to the end of its header lines."""
    body_seconds: float = 30.0
    """From the end of the header lines to the end of the body."""
    idle_seconds: float = 120.0
    """Between requests. Longer than SDKs keep unused connections (Go 90 s, Java 60 s), so that it is they who close,
    without a race."""
    write_seconds: float = 30.0
    """For a peer that does not read: from a full write buffer until it has drained, and for the last answer before a
    close."""
    linger_seconds: float = 2.0
    """After a last answer, how long what the peer still sends is thrown away, so that a reset does not overtake the
    answer."""
    sweep_seconds: float = 0.5
    """How often deadlines are looked at."""

    def __post_init__(self) -> None:
        """:raises ValueError: a limit is not positive: none can be switched off."""
        for entry in fields(self):
            if not getattr(self, entry.name) > 0:
                raise ValueError(f"the limit {entry.name} must be greater than zero")
