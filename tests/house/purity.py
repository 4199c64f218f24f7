"""Purity: the lower floors neither look at a clock, nor draw randomness, nor touch the world.

Floors 1 and 2 (model/, errors/, domain/) do no I/O and no logging at all; model/ may read the files it is pinned to.
Floors 3 and 4 do I/O where that is their trade, yet the time of day and random bytes are arguments there too, so that
a test can decide them. Measuring a duration and sleeping are allowed there: neither decides what is right. Does not see
what a called library does inside.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

from tests.house.reading import Module, imports, server, uses

PURE = ("errors", "model", "domain")
GIVEN_TIME = ("crypto", "store", "audit", "oidc", "quota", "services")

WORLD = frozenset(
    """apsw asyncio ctypes fcntl glob http httptools io logging mmap multiprocessing os pathlib pickle random secrets
    select selectors shutil signal socket socketserver sqlite3 ssl structlog subprocess sys syslog tempfile threading
    time urllib uvloop""".split()
)
ITS_OWN_FILES = frozenset({"importlib", "pathlib"})  # how model/ reads its pinned files
WORLDLY_CALLS = frozenset({"open", "print", "input", "breakpoint", "eval", "exec", "compile", "__import__"})

CLOCKS = frozenset(
    """time.time time.time_ns time.localtime time.gmtime time.ctime time.asctime time.strftime datetime.datetime.now
    datetime.datetime.utcnow datetime.datetime.today datetime.date.today""".split()
)
RANDOMNESS = ("random", "secrets", "os.urandom", "os.getrandom", "uuid.uuid1", "uuid.uuid4", "ssl.RAND_bytes")


def check(root: Path) -> list[str]:
    """Worldly imports and calls in floors 1 and 2; clocks and randomness in floors 1 to 4."""
    wrong: list[str] = []
    for module in server(root):
        if module.room in PURE:
            wrong += _worldly(module)
        if module.room in PURE + GIVEN_TIME:
            wrong += [
                f"{module.at(node)} uses {name}: time and randomness are arguments"
                for name, node in uses(module)
                if _is_source(name)
            ]
    return wrong


def _is_source(name: str) -> bool:
    return name in CLOCKS or any(name == source or name.startswith(source + ".") for source in RANDOMNESS)


def _worldly(module: Module) -> Iterator[str]:
    allowed = ITS_OWN_FILES if module.room == "model" else frozenset()
    for found in imports(module):
        top = found.target.partition(".")[0]
        if top in WORLD - allowed:
            yield f"{module.at(found.node)} imports {top}: {module.room} does no I/O, keeps no log, knows no process"
    for node in ast.walk(module.tree):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in WORLDLY_CALLS:
            yield f"{module.at(node)} calls {node.func.id}: {module.room} touches nothing outside itself"
