"""Floors: who may import whom.

    5  http/  console/  cli/
    4  services/      beside it config.py, lock.py and supervisor.py, which know nothing of each other
    3  crypto/  store/  audit/  quota/
    2  domain/
    1  model/         below it errors/: the models refuse too

Import from lower floors and your own room, never upwards, never sideways. `serve.py` composes and may import all;
nobody imports it, with the exceptions in RECORDED. `client/` runs in the caller's process: it imports nothing of the
server, nor the server anything of it.
"""

from __future__ import annotations

import sys
import tomllib
from pathlib import Path

from tests.house.reading import PACKAGE, imports, server

FLOOR = {
    "__init__": 0,
    "errors": 0,
    "model": 1,
    "process": 1,  # what the system is told of a process: any floor above may begin one
    "domain": 2,
    "crypto": 3,
    "store": 3,
    "audit": 3,
    "oidc": 3,
    "quota": 3,
    "config": 4,
    "lock": 4,
    "supervisor": 4,
    "services": 4,
    "http": 5,
    "console": 5,
    "cli": 5,
    "serve": 6,
    "__main__": 7,
}
APART = "client"
COMPOSITION = {"serve", "__main__"}

# importing module (or the room's package: all of it) -> what it may import against the rule, lazily, and why
RECORDED = {
    (
        "keystead.cli",
        "keystead.serve",
    ): "the commands that start a server must reach the composition root, and only when they run",
    ("keystead.cli.tls", "keystead.http"): "`keystead tls` makes the certificate that the http room will serve",
    ("keystead.cli.status", "keystead.http"): "`keystead status` says what the http room thinks of the certificate",
}

# imported name -> distribution, where the two differ; used by `undeclared`
DISTRIBUTION = {"prometheus_client": "prometheus-client", "jwt": "pyjwt", "nacl": "pynacl", "pkcs11": "python-pkcs11"}


def check(root: Path) -> list[str]:
    """Imports that go up, sideways, into the composition root or across to client/, and rooms without a floor."""
    modules = server(root)
    rooms = {module.room for module in modules}
    wrong = [
        f"room {room} has no floor: give it one in {Path(__file__).name}"
        for room in sorted(rooms - set(FLOOR) - {APART})
    ]
    for module in modules:
        for found in imports(module):
            if found.target.split(".")[0] != PACKAGE:
                continue
            parts = found.target.split(".")
            target = parts[1] if len(parts) > 1 and parts[1] in rooms else "__init__"
            sentence = _judge(module.room, target)
            if sentence and not (found.lazy and _recorded(module.name, found.target)):
                wrong.append(f"{module.at(found.node)} {module.name} imports {found.target}: {sentence}")
    return wrong


def _recorded(importer: str, target: str) -> bool:
    return any(f"{importer}.".startswith(f"{who}.") and f"{target}.".startswith(f"{what}.") for who, what in RECORDED)


def _judge(own: str, target: str) -> str | None:
    if own == target:
        return None
    if APART in (own, target):
        return f"{APART}/ stands apart from the server"
    if own not in FLOOR or target not in FLOOR:
        return "a room without a floor"
    if target in COMPOSITION:
        return f"nobody imports {target}"
    if FLOOR[target] == FLOOR[own]:
        return "sideways, to a sibling of the same floor"
    return "upwards" if FLOOR[target] > FLOOR[own] else None


def undeclared(root: Path) -> list[str]:
    """Third-party imports of the server that pyproject.toml does not declare, and that a user therefore lacks."""
    project = tomllib.loads((root / "pyproject.toml").read_text())["project"]
    groups = [project.get("dependencies", []), *project.get("optional-dependencies", {}).values()]
    declared = {name for group in groups for name in map(_distribution_of, group)}
    wrong = []
    for module in server(root):
        for found in imports(module):
            top = found.target.partition(".")[0]
            if top == PACKAGE or top in sys.stdlib_module_names or DISTRIBUTION.get(top, top).lower() in declared:
                continue
            wrong.append(f"{module.at(found.node)} imports {top}, which pyproject.toml does not declare")
    return wrong


def _distribution_of(requirement: str) -> str:
    name = requirement.partition(";")[0]
    for mark in "[<>=!~ ":
        name = name.partition(mark)[0]
    return name.strip().lower()
