"""The table of Keystead's own service. Its model is written by hand (`model/pinned/keystead-2026-11-01.json`), in the
form of AWS's, so that requests are validated and refused by the same machinery."""

from __future__ import annotations

from typing import Final

from keystead.services.admin import explaining
from keystead.services.table import Service, collect

ADMIN: Final = Service(
    name="keystead",
    event_source="keystead.amazonaws.com",
    rows=collect((explaining,)),
)
