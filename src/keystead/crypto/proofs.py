"""The helper process of `prover`: reads private keys from a pipe, says of each whether it is valid, and ends with the pipe.

    asked      length (4 bytes, big-endian) · the key as DER PrivateKeyInfo
    answered   one byte, `VALID` or `INVALID`

Guarantees: a key is in this process's memory no longer than its proof, and what holds it here is overwritten; no core
dumps, no output but the answers. What is no question ends the process. It gives way to others: whoever waits for a
proof waits anyway.
"""

from __future__ import annotations

import os
import signal
from typing import Final

from keystead import errors
from keystead.crypto import accepting
from keystead.process import protect_memory

VALID: Final = b"\x01"
INVALID: Final = b"\x00"

#: Bytes of one key; what ImportKeyMaterial can carry is shorter.
LONGEST: Final = 16 * 1024

_LENGTH_BYTES: Final = 4
_NICENESS: Final = 5


def framed(material: bytes) -> bytes:
    """The question whether ``material`` is valid."""
    return len(material).to_bytes(_LENGTH_BYTES, "big") + material


def serve(asked: int, answered: int) -> int:
    """Answer what comes from the descriptor ``asked`` until it ends; returns the exit status."""
    protect_memory()
    os.nice(_NICENESS)
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)  # whoever began this process ends it, by closing the pipe
    head = bytearray(_LENGTH_BYTES)
    while _filled(asked, head):
        length = int.from_bytes(head, "big")
        if length > LONGEST:
            return 1
        material = bytearray(length)
        try:
            if not _filled(asked, material):
                return 1
            answer = _answer(material)
        finally:
            material[:] = bytes(length)
        os.write(answered, answer)
    return 0


def _answer(material: bytearray) -> bytes:
    try:
        accepting.prove(material)
    except errors.Refusal:
        return INVALID
    return VALID


def _filled(descriptor: int, room: bytearray) -> bool:
    """Fill ``room`` from a pipe; False when that ends before."""
    view, filled = memoryview(room), 0
    while filled < len(room):
        came = os.readv(descriptor, [view[filled:]])
        if not came:
            return False
        filled += came
    return True
