"""What kind of thing a name is, as far as annotations say it: enough to know whose method is called.

No type checker: a name has every class that its annotations, or the annotations of what is assigned to it, mention;
None where nothing is said. Branches and order are not looked at."""

from __future__ import annotations

import ast
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property

from tests.house.reading import PACKAGE, Module

Name = tuple[str, str]  # module, and function, "Class.method", class or module-level name in it
Kinds = frozenset[Name] | None  # classes; None: nothing is known

PLAIN: Kinds = frozenset()  # something without methods of ours
#: What unannotated parameters of lambdas are called.
USUAL = {
    "reader": (f"{PACKAGE}.store.interface", "Reader"),
    "transaction": (f"{PACKAGE}.store.interface", "Transaction"),
    "store": (f"{PACKAGE}.store.interface", "Store"),
}


@dataclass
class Kind:
    """A class: its bases, its methods and the annotations of its attributes."""

    name: Name
    node: ast.ClassDef
    methods: dict[str, ast.FunctionDef | ast.AsyncFunctionDef] = field(default_factory=dict)
    attributes: dict[str, ast.expr] = field(default_factory=dict)


class Types:
    """Classes and annotations of a set of modules."""

    def __init__(self, modules: list[Module]) -> None:
        self.modules = {module.name: module for module in modules}

    @cached_property
    def imported(self) -> Mapping[str, Mapping[str, str]]:
        """By module: what an imported name stands for, as a dotted name."""
        found: dict[str, dict[str, str]] = {}
        for module in self.modules.values():
            names = found.setdefault(module.name, {})
            for node in ast.walk(module.tree):
                if isinstance(node, ast.Import):
                    names.update({alias.asname or alias.name: alias.name for alias in node.names})
                elif isinstance(node, ast.ImportFrom) and node.module:
                    names.update({alias.asname or alias.name: f"{node.module}.{alias.name}" for alias in node.names})
        return found

    @cached_property
    def functions(self) -> Mapping[Name, ast.FunctionDef | ast.AsyncFunctionDef]:
        """Functions and methods ("Class.method")."""
        found: dict[Name, ast.FunctionDef | ast.AsyncFunctionDef] = {}
        for module in self.modules.values():
            for node in module.tree.body:
                if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                    found[module.name, node.name] = node
        for (home, name), kind in self.kinds.items():
            found.update({(home, f"{name}.{method}"): node for method, node in kind.methods.items()})
        return found

    @cached_property
    def kinds(self) -> Mapping[Name, Kind]:
        found: dict[Name, Kind] = {}
        for module in self.modules.values():
            for node in module.tree.body:
                if isinstance(node, ast.ClassDef):
                    found[module.name, node.name] = self._kind(module, node)
        return found

    def _kind(self, module: Module, node: ast.ClassDef) -> Kind:
        kind = Kind((module.name, node.name), node)
        for part in node.body:
            if isinstance(part, ast.FunctionDef | ast.AsyncFunctionDef):
                kind.methods[part.name] = part
                if any(ast.unparse(one).endswith("property") for one in part.decorator_list) and part.returns:
                    kind.attributes[part.name] = part.returns
            elif isinstance(part, ast.AnnAssign) and isinstance(part.target, ast.Name):
                kind.attributes[part.target.id] = part.annotation
        made = kind.methods.get("__init__")
        if made is not None:
            given = {one.arg: one.annotation for one in [*made.args.args, *made.args.kwonlyargs] if one.annotation}
            for statement in ast.walk(made):
                if isinstance(statement, ast.Assign) and isinstance(statement.value, ast.Name):
                    for target in statement.targets:
                        if isinstance(target, ast.Attribute) and statement.value.id in given:
                            kind.attributes.setdefault(target.attr, given[statement.value.id])
                elif isinstance(statement, ast.AnnAssign) and isinstance(statement.target, ast.Attribute):
                    kind.attributes.setdefault(statement.target.attr, statement.annotation)
        return kind

    def resolve(self, module: str, name: str) -> Name | None:
        """The class, function or value that a name of a module refers to, if it is one of the server's."""
        target = self.imported.get(module, {}).get(name)
        if target is None:
            return (module, name)
        home, _, last = target.rpartition(".")
        return (home, last) if home in self.modules else None

    def of_annotation(self, module: str, annotation: ast.expr | None) -> Kinds:
        """All classes of ours that an annotation mentions; None when it says nothing or anything (a type variable)."""
        if annotation is None:
            return None
        if isinstance(annotation, ast.Constant) and isinstance(annotation.value, str):
            annotation = ast.parse(annotation.value, mode="eval").body
        found: set[Name] = set()
        for node in ast.walk(annotation):
            if isinstance(node, ast.Name):
                if node.id in {"Any", "object", "T", "V"}:
                    return None
                name = self.resolve(module, node.id)
                if name in self.kinds:
                    found.add(name)
                elif name in self.aliases:
                    more = self.of_annotation(name[0], self.aliases[name])
                    if more is None:
                        return None
                    found |= more
            elif isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name):
                home = self.imported.get(module, {}).get(node.value.id, "")
                if (home, node.attr) in self.kinds:
                    found.add((home, node.attr))
        return frozenset(found)

    @cached_property
    def aliases(self) -> Mapping[Name, ast.expr]:
        """Module-level names for types: ``Tags = tuple[…]``."""
        return {
            (module.name, target.id): node.value
            for module in self.modules.values()
            for node in module.tree.body
            if isinstance(node, ast.Assign) and isinstance(node.value, ast.Subscript | ast.BinOp)
            for target in node.targets
            if isinstance(target, ast.Name)
        }

    @cached_property
    def values(self) -> Mapping[Name, ast.expr]:
        """Module-level names with an annotation."""
        return {
            (module.name, node.target.id): node.annotation
            for module in self.modules.values()
            for node in module.tree.body
            if isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name)
        }

    def of_value(self, name: Name) -> Kinds:
        """The classes of a module-level name, None where its annotation says nothing."""
        return self.of_annotation(name[0], self.values.get(name))

    def family(self, name: Name) -> frozenset[Name]:
        """A class with its bases and everything made of it; of a protocol, whatever has all of its methods."""
        found = {name}
        kind = self.kinds[name]
        bases = [ast.unparse(base).partition("[")[0] for base in kind.node.bases]
        if "Protocol" in bases:
            wanted = {method for method in kind.methods if not method.startswith("__")}
            found |= {other for other, one in self.kinds.items() if wanted and wanted <= set(one.methods)}
        for base in bases:
            resolved = self.resolve(name[0], base)
            if resolved in self.kinds:
                found.add(resolved)
        for other, one in self.kinds.items():
            for base in one.node.bases:
                if self.resolve(other[0], ast.unparse(base).partition("[")[0]) == name:
                    found.add(other)
        return frozenset(found)

    def method(self, kinds: frozenset[Name], attribute: str) -> Iterator[Name]:
        for name in kinds:
            for member in self.family(name):
                if attribute in self.kinds[member].methods:
                    yield member[0], f"{member[1]}.{attribute}"

    def attribute(self, kinds: frozenset[Name], attribute: str) -> Kinds:
        """The classes of an attribute."""
        found: set[Name] = set()
        known = False
        for name in kinds:
            for member in self.family(name):
                annotation = self.kinds[member].attributes.get(attribute)
                more = self.of_annotation(member[0], annotation)
                if more is not None:
                    known = True
                    found |= more
        return frozenset(found) if known else None


class Scope:
    """The names of one function: what kind of thing each is."""

    def __init__(self, types: Types, module: str, own: str, tree: ast.AST) -> None:
        self.types = types
        self.module = module
        self.names: dict[str, Kinds] = {}
        for node in ast.walk(tree):
            if isinstance(node, ast.arg):
                told = types.of_annotation(module, node.annotation)
                if told is None and node.arg in USUAL:
                    told = frozenset({USUAL[node.arg]})
                self.names[node.arg] = told
        if "." in own:
            self.names["self"] = frozenset({(module, own.partition(".")[0])})
        for _ in range(2):  # what a later line assigns may be of what an earlier one did
            for node in ast.walk(tree):
                self._assigned(node)

    def _assigned(self, node: ast.AST) -> None:
        if isinstance(node, ast.Assign):
            for target in node.targets:
                self._bind(target, self.kinds(node.value))
        elif isinstance(node, ast.NamedExpr):
            self._bind(node.target, self.kinds(node.value))
        elif isinstance(node, ast.AnnAssign):
            self._bind(node.target, self.types.of_annotation(self.module, node.annotation))
        elif isinstance(node, ast.For | ast.comprehension):
            self._bind(node.target, self.kinds(node.iter))

    def _bind(self, target: ast.expr, kinds: Kinds) -> None:
        for node in ast.walk(target):
            if isinstance(node, ast.Name):
                before = self.names.get(node.id)
                self.names[node.id] = kinds if before is None or kinds is None else before | kinds

    def kinds(self, node: ast.expr) -> Kinds:
        """The classes that the value of an expression may be of."""
        match node:
            case ast.Constant() | ast.JoinedStr() | ast.Compare() | ast.BoolOp(op=ast.And()) | ast.Lambda():
                return PLAIN
            case ast.Name(id=name):
                if name in self.names:
                    return self.names[name]
                resolved = self.types.resolve(self.module, name)
                if resolved is None:
                    return PLAIN  # of a library
                return frozenset({resolved}) if resolved in self.types.kinds else self.types.of_value(resolved)
            case ast.Attribute(value=ast.Name(id=name), attr=attribute) if name not in self.names and self._module(
                name
            ):
                home = self._module(name)
                return self.types.of_value((home, attribute)) if home in self.types.modules else PLAIN
            case ast.Attribute(value=base, attr=attribute):
                kinds = self.kinds(base)
                return None if kinds is None else self.types.attribute(kinds, attribute) if kinds else PLAIN
            case ast.Call(func=ast.Name(id="replace"), args=[first, *_]):
                return self.kinds(first)
            case ast.Call(func=function):
                return self._answer(function)
            case ast.Subscript(value=base) | ast.Starred(value=base) | ast.Await(value=base):
                return self.kinds(base)
            case ast.IfExp(body=one, orelse=other):
                first, second = self.kinds(one), self.kinds(other)
                return None if first is None or second is None else first | second
        return None

    def _module(self, name: str) -> str:
        """The dotted name that an imported name stands for, empty for what is none."""
        return self.types.imported[self.module].get(name, "")

    def _answer(self, function: ast.expr) -> Kinds:
        """What calling it gives."""
        if isinstance(function, ast.Name):
            resolved = self.types.resolve(self.module, function.id)
            if resolved is None:
                return PLAIN
            return frozenset({resolved}) if resolved in self.types.kinds else self._returned([resolved])
        if isinstance(function, ast.Attribute):
            home = self._module(getattr(function.value, "id", ""))
            if home and home not in self.types.modules and home.partition(".")[0] != PACKAGE:
                return PLAIN
            if home in self.types.modules:
                if (home, function.attr) in self.types.kinds:
                    return frozenset({(home, function.attr)})
                return self._returned([(home, function.attr)])
            kinds = self.kinds(function.value)
            if kinds is None:
                return None
            return self._returned(list(self.types.method(kinds, function.attr))) if kinds else PLAIN
        return None

    def _returned(self, names: list[Name]) -> Kinds:
        found: set[Name] = set()
        for module, name in names:
            tree = self.types.functions.get((module, name))
            more = None if tree is None else self.types.of_annotation(module, tree.returns)
            if more is None:
                return None
            found |= more
        return frozenset(found) if names else None
