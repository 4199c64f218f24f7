"""Make the vectors of docs/format.md §12 with the independent implementations in tests/crypto/stranger.py and
tests/crypto/material_cases.py.

    python tools/vectors.py            write tests/vectors/*-v1.json
    python tools/vectors.py --check    write nothing; exit 1 when a file differs

Guarantees: nothing of `keystead` is imported, so the vectors cannot inherit its mistakes; the same bytes on every
run. Every "random" byte is SHAKE-256 of a name, and stands in the vector. Does not guarantee that a changed vector
is right: a vector of a released version never changes.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from tests.crypto.ciphertext_cases import accepted, contexts, refused  # noqa: E402
from tests.crypto.key_cases import keys  # noqa: E402
from tests.crypto.material_cases import materials  # noqa: E402
from tests.crypto.session_cases import sessions  # noqa: E402

VECTORS = ROOT / "tests" / "vectors"
PROVENANCE = (
    "Made by tools/vectors.py with tests/crypto/stranger.py, an implementation of docs/format.md that shares nothing "
    "with the one in src. Salts, IVs and keys are SHAKE-256 of names, so that anybody can make this file again. "
    "Not for use as keys."
)
OF_MATERIALS = (
    "Made by tools/vectors.py with tests/crypto/material_cases.py, which encodes docs/format.md §5.1 by hand and shares "
    "nothing with src; what the keys did is PyCryptodome's. Keys are SHAKE-256 of names. Not for use as keys."
)


def files() -> dict[str, dict[str, Any]]:
    return {
        "ciphertext-v1.json": {"accepted": accepted(), "refused": refused()},
        "context-v1.json": contexts(),
        "keys-v1.json": keys(),
        "materials-v1.json": {"provenance": OF_MATERIALS, **materials()},
        "session-tokens-v1.json": sessions(),
    }


def main(arguments: list[str]) -> int:
    differ = []
    for name, content in files().items():
        text = json.dumps({"provenance": PROVENANCE, "format": "docs/format.md", **content}, indent=1) + "\n"
        path = VECTORS / name
        if path.exists() and path.read_text("ascii") == text:
            continue
        differ.append(name)
        if "--check" not in arguments:
            path.write_text(text, "ascii")
    for name in differ:
        print(("differs: " if "--check" in arguments else "written: ") + name)
    return 1 if differ and "--check" in arguments else 0


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
