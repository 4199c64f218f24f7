"""A small house to plant faults in."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

Plant = Callable[[dict[str, str]], Path]


def _file(title: str, *lines: str) -> str:
    return "\n".join([f'"""{title}."""', "", *lines, ""])


def _lock(*pins: str) -> str:
    return "".join(f"{pin} \\\n    --hash=sha256:0a\n    # via keystead\n" for pin in pins)


STANDING = {
    "pyproject.toml": '[project]\nname = "keystead"\ndependencies = ["msgspec>=0.22", "cryptography>=50"]\n',
    "requirements/core.lock": _lock("msgspec==0.22.0", "cryptography==50.0.2"),
    "requirements/dev.lock": _lock("msgspec==0.22.0", "cryptography==50.0.2 ; os_name == 'posix'", "pytest==9"),
    "src/keystead/__init__.py": _file("The house", '__version__ = "1"'),
    "src/keystead/__main__.py": _file("The way in", "from keystead.cli import main"),
    "src/keystead/errors.py": _file("Refusals"),
    "src/keystead/domain/__init__.py": _file("Facts"),
    "src/keystead/domain/key.py": _file(
        "A key", "from datetime import datetime", "from keystead import errors", "WIDTHS = {'a': 1}"
    ),
    "src/keystead/crypto/__init__.py": _file(
        "Bytes", "import os", "from keystead.domain.key import WIDTHS", "def unwrap_material(): ..."
    ),
    "src/keystead/store/__init__.py": _file("Rows", "from ..domain import key"),
    "src/keystead/services/__init__.py": _file("Operations"),
    "src/keystead/services/gate.py": _file("The gate", "from keystead.crypto import unwrap_material"),
    "src/keystead/http/__init__.py": _file(
        "Sockets", "import time", "from keystead.services import gate", "now = time.time"
    ),
    "src/keystead/cli/__init__.py": _file(
        "Commands", "def main():", "    from keystead import serve", "    return serve"
    ),
    "src/keystead/serve.py": _file("Composition", "from keystead import crypto, http, services, store"),
    "src/keystead/client/__init__.py": _file("Apart", "import json"),
    "tools/environment.sh": "#!/bin/sh\n",
    "tools/lock.sh": "#!/bin/sh\n",
    ".ci/run": "#!/bin/sh\n",
}


@pytest.fixture
def plant(tmp_path: Path) -> Plant:
    """Builds a small house that passes every check, with the given files added or put in the place of others."""

    def build(faults: dict[str, str]) -> Path:
        root = tmp_path / "house"
        for name, text in {**STANDING, **faults}.items():
            path = root / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text)
            if path.suffix == ".sh" or path.name == "run":
                path.chmod(0o755)
        return root

    return build
