"""Which refusals an operation can come to: read from the syntax trees, from its function down through what it calls.

Follows names to functions, methods and module-level values of the server: a function of the module, an imported one, a
method by its name (of any class of `ROOMS`: types are not inferred, so a name is followed to all methods that have it),
a callable that a table's row holds under that name. So it finds at least what can be reached, and often more; `CUT` says
what is not followed and why. What only the server knows when it runs, such as the state of a key, it cannot see.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator, Mapping
from functools import cached_property

from keystead.services.table import Row
from tests.house.reading import PACKAGE, Module
from tests.house.types import Name, Scope, Types

ERRORS = f"{PACKAGE}.errors"
#: Rooms that refuse. Nothing is followed below them: the store and the audit journal know no refusals.
ROOMS = ("crypto", "domain", "services")

#: Functions that are not followed, and why.
CUT = {
    f"{PACKAGE}.services.effective.compile_key_policy": "key policies were checked when they were put; a broken one is a fault of ours",
    f"{PACKAGE}.services.effective.compile_policy": "identity policies were checked when they were put",
    f"{PACKAGE}.domain.states.check": "read from the state table: `states_of`",
}


class House:
    """The server's modules, and what each name in them refers to."""

    def __init__(self, modules: list[Module]) -> None:
        self.types = Types(modules)
        self._met: dict[Name, frozenset[Name]] = {}

    @cached_property
    def trees(self) -> Mapping[Name, ast.AST]:
        """Everything that can be followed: functions, methods, values of module-level names."""
        found: dict[Name, ast.AST] = {_spoken_as(name): node for name, node in self.types.functions.items()}
        for module in self.types.modules.values():
            for node in module.tree.body:
                if isinstance(node, ast.Assign | ast.AnnAssign) and node.value is not None:
                    for target in node.targets if isinstance(node, ast.Assign) else [node.target]:
                        if isinstance(target, ast.Name):
                            found[_spoken_as((module.name, target.id))] = node.value
        return found

    @cached_property
    def by_name(self) -> Mapping[str, list[Name]]:
        """Methods by their name alone, for what nothing is known of."""
        found: dict[str, list[Name]] = {}
        for module, name in self.types.functions:
            if "." in name and module.split(".")[1] in ROOMS:
                found.setdefault(name.partition(".")[2], []).append((module, name))
        return found

    @cached_property
    def held(self) -> Mapping[str, list[tuple[str, ast.expr]]]:
        """Functions that rows of tables in crypto/ hold, by the keyword that hands them in: ``generate=rsa.generate``."""
        found: dict[str, list[tuple[str, ast.expr]]] = {}
        for module in self.types.modules.values():
            if module.room == "crypto":
                for node in ast.walk(module.tree):
                    for word in node.keywords if isinstance(node, ast.Call) else ():
                        if word.arg and isinstance(word.value, ast.Lambda | ast.Attribute):
                            found.setdefault(word.arg, []).append((module.name, word.value))
        return found

    def reached(self, start: Name) -> frozenset[Name]:
        """Every name that can be reached from one, itself included; constructors of `errors` among them."""
        seen: set[Name] = set()
        waiting = [start]
        while waiting:
            name = waiting.pop()
            if name in seen or ".".join(name) in CUT:
                continue
            seen.add(name)
            if name[0].split(".")[1] in ROOMS:
                waiting += self._meets(name)
        return frozenset(seen)

    def _meets(self, name: Name) -> frozenset[Name]:
        if name not in self._met:
            tree = self.trees.get(name)
            self._met[name] = frozenset() if tree is None else frozenset(self._followed(*name, tree))
        return self._met[name]

    def _followed(self, module: str, own: str, tree: ast.AST) -> Iterator[Name]:
        scope = Scope(self.types, module, own, tree)
        called = {id(node.func) for node in ast.walk(tree) if isinstance(node, ast.Call)}
        for node in _spoken(tree):
            if isinstance(node, ast.Name) and node.id not in scope.names:
                yield from self._named(self.types.resolve(module, node.id))
            elif isinstance(node, ast.Attribute):
                home = self.types.imported[module].get(getattr(node.value, "id", ""), "")
                if home in self.types.modules:
                    yield from self._named((home, node.attr))
                    continue
                kinds = scope.kinds(node.value)
                if kinds is None:
                    if id(node) in called:
                        yield from self.by_name.get(node.attr, ())
                        yield from self._held(node.attr)
                    continue
                yield from self.types.method(kinds, node.attr)
                if kinds and id(node) in called:
                    yield from self._held(node.attr)

    def _held(self, keyword: str) -> Iterator[Name]:
        for module, value in self.held.get(keyword, ()):
            yield from self._followed(module, "", value)

    def _named(self, name: Name | None) -> Iterator[Name]:
        if name is None:
            return
        if name in self.types.kinds:
            for made in ("__init__", "__post_init__"):
                yield from self.types.method(frozenset({name}), made)
        elif name in self.trees and not self.types.of_value(name):  # a table of things is followed where one is used
            yield name

    # --- refusals ----------------------------------------------------------------------------------------------------

    @cached_property
    def codes(self) -> Mapping[str, frozenset[str]]:
        """By constructor in `errors`: the codes of what it makes."""
        constants = {
            name: node.value
            for (home, name), node in self.trees.items()
            if home == ERRORS and isinstance(node, ast.Constant) and isinstance(node.value, str)
        }
        own: dict[str, set[str]] = {}
        calls: dict[str, set[str]] = {}
        for (home, name), function in self.trees.items():
            if home != ERRORS or "." in name or not isinstance(function, ast.FunctionDef):
                continue
            for node in ast.walk(function):
                if isinstance(node, ast.Call) and isinstance(node.func, ast.Name):
                    if node.func.id != "Refusal":
                        calls.setdefault(name, set()).add(node.func.id)
                        continue
                    code = node.args[0]
                    text = code.value if isinstance(code, ast.Constant) else constants[ast.unparse(code)]
                    own.setdefault(name, set()).add(str(text))
        return {name: frozenset(self._made(name, own, calls)) for name in {*own, *calls}}

    def _made(self, name: str, own: Mapping[str, set[str]], calls: Mapping[str, set[str]]) -> set[str]:
        return set(own.get(name, set())).union(*(self._made(other, own, calls) for other in calls.get(name, set())))

    def refusals(self, row: Row) -> dict[str, frozenset[str]]:
        """By constructor of `errors`: the codes that the operation's function can come to, states left out."""
        function = row.function
        names = self.reached((function.__module__, function.__name__))
        constructors = {name for module, name in names if module == ERRORS and name in self.codes}
        if row.aliases:
            constructors.discard("aliases_not_supported")
        return {name: self.codes[name] for name in constructors}

    def spoken_members(self, row: Row) -> set[str]:
        """Attributes that functions of the operations' room read, those reached from this one's."""
        function = row.function
        return {
            node.attr
            for module, name in self.reached((function.__module__, function.__name__))
            if module.startswith(f"{PACKAGE}.services.")
            for node in ast.walk(self.trees.get((module, name), ast.Pass()))
            if isinstance(node, ast.Attribute)
        }


def _spoken_as(name: Name) -> Name:
    """The errors have rooms, and all of the house speaks of them as one module."""
    module, own = name
    return (ERRORS, own) if module.startswith(f"{ERRORS}.") else name


def _spoken(tree: ast.AST) -> Iterator[ast.AST]:
    """Nodes of the body; annotations and decorators say nothing that runs."""
    if isinstance(tree, ast.FunctionDef | ast.AsyncFunctionDef):
        for statement in tree.body:
            yield from _spoken(statement)
        for default in [*tree.args.defaults, *(one for one in tree.args.kw_defaults if one is not None)]:
            yield from _spoken(default)
        return
    if isinstance(tree, ast.AnnAssign):
        if tree.value is not None:
            yield from _spoken(tree.value)
        return
    yield tree
    for child in ast.iter_child_nodes(tree):
        yield from _spoken(child)
