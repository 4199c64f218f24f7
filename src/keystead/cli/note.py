"""Where the server of a data directory answers, noted beside the store for `keystead status`. Nothing secret."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Final

_NAME: Final = "server.json"


def write(data: Path, endpoints: tuple[str, ...], authority: Path | None) -> None:
    """Note the endpoints of the server that is ready now, and the authority that vouches for its certificate."""
    text = json.dumps({"endpoints": endpoints, "authority": None if authority is None else str(authority.absolute())})
    beside = data / f".{_NAME}"
    beside.write_text(text + "\n")
    beside.replace(data / _NAME)


def read(data: Path) -> tuple[str | None, str | None]:
    """The first endpoint and the authority as the last start noted them; None where there was no start."""
    try:
        noted = json.loads((data / _NAME).read_text())
        return str(noted["endpoints"][0]), noted["authority"]
    except (OSError, ValueError, LookupError, TypeError):
        return None, None
