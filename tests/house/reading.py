"""Reading the house: its modules as syntax trees, without importing any of them."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
PACKAGE = "keystead"


def none(found: list[str]) -> None:
    """Assert that a check found nothing, and show all of what it found."""
    assert not found, "\n".join(["", *found])


@dataclass(frozen=True)
class Module:
    """One file: its dotted name, its path below the root, its text and tree."""

    name: str
    path: str
    text: str
    tree: ast.Module

    @property
    def room(self) -> str:
        """The part of the house it is in: the second component of its name, ``__init__`` for the package itself."""
        return [*self.name.split("."), "__init__"][1]

    @property
    def generated(self) -> bool:
        return "/generated/" in self.path

    def at(self, node: ast.AST) -> str:
        return f"{self.path}:{getattr(node, 'lineno', 1)}"


@lru_cache(maxsize=1024)
def _parse(text: str) -> ast.Module:
    return ast.parse(text)


def _module(root: Path, path: Path, name: str) -> Module:
    text = path.read_text()
    return Module(name, path.relative_to(root).as_posix(), text, _parse(text))


def server(root: Path) -> list[Module]:
    """Every module of src/keystead."""
    top = root / "src"
    found = []
    for path in sorted((top / PACKAGE).rglob("*.py")):
        parts = path.relative_to(top).with_suffix("").parts
        found.append(_module(root, path, ".".join(parts[:-1] if parts[-1] == "__init__" else parts)))
    return found


def around(root: Path) -> list[Module]:
    """Every Python file of tests, tools and bench."""
    return [
        _module(root, path, ".".join(path.relative_to(root).with_suffix("").parts))
        for folder in ("tests", "tools", "bench")
        for path in sorted((root / folder).rglob("*.py"))
        if "node_modules" not in path.parts
    ]


@dataclass(frozen=True)
class Import:
    """One imported dotted name. ``lazy``: inside a function, so that it costs nothing before it is needed."""

    target: str
    node: ast.AST
    lazy: bool


def imports(module: Module) -> Iterator[Import]:
    """All imports, relative ones resolved, and modules that `import_module` is told by a literal name.

    ``from a import b`` yields ``a.b``: whether b is a module or a name in a, its room is the same.
    """
    package = module.name.split(".") if module.path.endswith("__init__.py") else module.name.split(".")[:-1]
    by_name = any(
        isinstance(node, ast.Attribute | ast.Name) and _last(node) in {"import_module", "__import__"}
        for node in ast.walk(module.tree)
    )

    def walk(node: ast.AST, lazy: bool) -> Iterator[Import]:
        if isinstance(node, ast.Import):
            for alias in node.names:
                yield Import(alias.name, node, lazy)
        elif isinstance(node, ast.ImportFrom):
            start = package[: len(package) - node.level + 1] if node.level else []
            base = ".".join([*start, *([node.module] if node.module else [])])
            for alias in node.names:
                yield Import(f"{base}.{alias.name}" if alias.name != "*" else base, node, lazy)
        elif (
            by_name
            and isinstance(node, ast.Constant)
            and isinstance(node.value, str)
            and node.value.startswith(f"{PACKAGE}.")
        ):
            yield Import(node.value.partition(":")[0], node, lazy)
        inside = lazy or isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda)
        for child in ast.iter_child_nodes(node):
            yield from walk(child, inside)

    yield from walk(module.tree, lazy=False)


def _last(node: ast.Attribute | ast.Name) -> str:
    return node.attr if isinstance(node, ast.Attribute) else node.id


def uses(module: Module) -> Iterator[tuple[str, ast.AST]]:
    """Every use of an imported thing by its full dotted name: ``from time import time as t; t`` yields ``time.time``.

    A parameter or variable that merely has the name of a module is no use of it.
    """
    known: dict[str, str] = {}
    for node in ast.walk(module.tree):
        if isinstance(node, ast.Import):
            for alias in node.names:
                known[alias.asname or alias.name.partition(".")[0]] = (
                    alias.name if alias.asname else alias.name.partition(".")[0]
                )
        elif isinstance(node, ast.ImportFrom) and not node.level and node.module:
            for alias in node.names:
                known[alias.asname or alias.name] = f"{node.module}.{alias.name}"
    for node in ast.walk(module.tree):
        if isinstance(node, ast.Attribute | ast.Name):
            dotted = _dotted(node)
            if dotted and dotted[0] in known:
                yield ".".join([known[dotted[0]], *dotted[1:]]), node


def _dotted(node: ast.expr) -> list[str]:
    names: list[str] = []
    while isinstance(node, ast.Attribute):
        names.append(node.attr)
        node = node.value
    return [node.id, *reversed(names)] if isinstance(node, ast.Name) else []
