"""The gate: key material is unwrapped in one place.

`services/gate.py` asks policy, state and usage before it unwraps; whoever could unwrap elsewhere could skip those
questions. So no other module of the server, crypto/ itself apart, may so much as name the functions that do it, in any
form: as a name, an attribute, an import, a keyword or a literal for getattr. Documentation may speak of them.
"""

from __future__ import annotations

import ast
from pathlib import Path

from tests.house.reading import server

UNWRAPPING = frozenset({"unwrap_material", "open_material", "unwrap_import"})
GATE = "keystead.services.gate"
INSIDE = "crypto"


def check(root: Path) -> list[str]:
    """Every mention of an unwrapping function outside crypto/ and the gate."""
    return [
        f"{module.at(node)} {module.name} names {name}: only {GATE} unwraps key material"
        for module in server(root)
        if module.room != INSIDE and module.name != GATE
        for node in ast.walk(module.tree)
        for name in sorted(_names(node) & UNWRAPPING)
    ]


def _names(node: ast.AST) -> set[str]:
    match node:
        case ast.Name(id=name) | ast.Attribute(attr=name) | ast.keyword(arg=str(name)) | ast.arg(arg=name):
            return {name}
        case ast.FunctionDef(name=name) | ast.AsyncFunctionDef(name=name):
            return {name}
        case ast.alias(name=name, asname=other):
            return {*name.split("."), other or ""}
        case ast.Constant(value=str(text)):
            return {text}
        case _:
            return set()
