"""Form: length, names, docstrings, nothing unfinished, no state that hides in a module.

Judges what a syntax tree shows. Whether a name is plain, a docstring true or a file worth its length, a reader judges.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Callable, Iterator
from pathlib import Path

from tests.house.reading import Module, around, server

Check = Callable[[Path], list[str]]

EXPLAIN_ABOVE, SPLIT_ABOVE = 400, 600
LENGTH_REASON = re.compile(r"^# length: \S.{10,}", re.MULTILINE)

VAGUE = frozenset({"Manager", "Helper", "Helpers", "Util", "Utils", "Base", "Impl"})
VAGUE_FILES = frozenset({"util", "utils", "helper", "helpers", "common", "misc", "base", "impl"})
VAGUE_VERBS = ("process_", "handle_")

UNFINISHED = re.compile(r"#.*\b(" + "|".join(("TO" + "DO", "FIX" + "ME", "X" + "XX", "HA" + "CK")) + r")\b")

CONTAINERS = frozenset(
    """list dict set bytearray deque defaultdict OrderedDict Counter ChainMap WeakValueDictionary WeakKeyDictionary
    WeakSet local Queue SimpleQueue LifoQueue PriorityQueue count cycle""".split()
)
MUTATORS = frozenset(
    """append appendleft extend insert add update setdefault pop popitem popleft remove discard clear sort reverse
    __setitem__ put put_nowait move_to_end subtract""".split()
)
UNBOUNDED = frozenset({"cache", "functools.cache"})

# "path:name" of module-level state that stays, and why. A row nobody needs any more fails too.
STATE_THAT_STAYS = {
    "src/keystead/model/awsjson.py:_attributes": "asked with structures of the pinned model only, a finite number",
    "src/keystead/model/shapes.py:load": "asked with the names of pinned models only",
}


def check_length(root: Path) -> list[str]:
    """Above 400 lines a file says why (a line ``# length: reason``), above 600 it is split; generated files may."""
    wrong = []
    for module in [*server(root), *around(root)]:
        lines = module.text.count("\n")
        if module.generated or lines <= EXPLAIN_ABOVE:
            continue
        if lines > SPLIT_ABOVE:
            wrong.append(f"{module.path} has {lines} lines: split it")
        elif not LENGTH_REASON.search(module.text):
            wrong.append(f"{module.path} has {lines} lines and no line '# length: reason'")
    return wrong


def check_names(root: Path) -> list[str]:
    """Plain nouns for what is, verbs that say what is done."""
    wrong = []
    for module in server(root):
        if Path(module.path).stem in VAGUE_FILES:
            wrong.append(f"{module.path}: a file's name says what it holds")
        for node in ast.walk(module.tree):
            if isinstance(node, ast.ClassDef) and _last_word(node) in VAGUE:
                wrong.append(f"{module.at(node)} class {node.name}: {_last_word(node)} says nothing")
            elif isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and node.name.lstrip("_").startswith(
                VAGUE_VERBS
            ):
                wrong.append(f"{module.at(node)} {node.name}: say what it does")
    return wrong


def _last_word(node: ast.ClassDef) -> str:
    return str((re.findall(r"[A-Z][a-z0-9]*", node.name) or [""])[-1])


def check_docstrings(root: Path) -> list[str]:
    """Every module opens by saying what it is, guarantees and does not. An empty `__init__.py` of tests says nothing."""
    return [
        f"{module.path} has no module docstring"
        for module in [*server(root), *around(root)]
        if not (ast.get_docstring(module.tree) or "").strip()
        and not (module.path.startswith("tests/") and module.path.endswith("__init__.py") and not module.text)
    ]


def check_finished(root: Path) -> list[str]:
    """No marks of work put off, no function that only says it is not there."""
    wrong = []
    for module in [*server(root), *around(root)]:
        wrong += [
            f"{module.path}:{number} puts work off: {line.strip()}"
            for number, line in enumerate(module.text.splitlines(), 1)
            if UNFINISHED.search(line)
        ]
        wrong += [
            f"{module.at(node)} {node.name} is not written yet"
            for node in ast.walk(module.tree)
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and _only_refuses(node)
        ]
    return wrong


def _only_refuses(function: ast.FunctionDef | ast.AsyncFunctionDef) -> bool:
    """Whether all a function does is raise NotImplementedError. (Raising it among other things can be a protocol.)"""
    first = function.body[1:] if ast.get_docstring(function) is not None else function.body
    return bool(first) and isinstance(first[0], ast.Raise) and "NotImplementedError" in ast.unparse(first[0])


def check_state(root: Path) -> list[str]:
    """No hidden state: no `global`, no module-level container that is not a constant table, no cache without a bound.

    A constant table has an UPPER_CASE name and nothing in its module changes it.
    """
    wrong = []
    met: set[str] = set()
    for module in server(root):
        for name, sentence in _state(module):
            key = f"{module.path}:{name}"
            met.add(key)
            if key not in STATE_THAT_STAYS:
                wrong.append(sentence)
    stale = [key for key in STATE_THAT_STAYS if key not in met and (root / key.partition(":")[0]).exists()]
    return wrong + [f"{key} is allowed in STATE_THAT_STAYS and not there any more" for key in stale]


def _state(module: Module) -> Iterator[tuple[str, str]]:
    changed = set(_changed(module.tree))
    for node in ast.walk(module.tree):
        if isinstance(node, ast.Global):
            for name in node.names:
                yield name, f"{module.at(node)} global {name}: a function that changes its module"
        elif isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            takes = node.args.posonlyargs + node.args.args + node.args.kwonlyargs
            if takes and any(_unbounded(decorator) for decorator in node.decorator_list):
                yield (
                    node.name,
                    f"{module.at(node)} {node.name}: a cache without a bound grows with whatever it is asked",
                )
    for node in _statements(module.tree.body):
        for name, value in _assigned(node):
            if name.startswith("__") or not _is_container(value):
                continue
            if not name.isupper():
                yield name, f"{module.at(node)} {name}: a module-level container that is not named as a constant"
            elif name in changed:
                yield name, f"{module.at(node)} {name}: a module-level container that its module changes"


def _statements(body: list[ast.stmt]) -> Iterator[ast.stmt]:
    """Statements that run when the module is imported, those inside if, try, with and for included."""
    for node in body:
        yield node
        if not isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            for part in ("body", "orelse", "finalbody"):
                yield from _statements(getattr(node, part, []))
            for handler in getattr(node, "handlers", []):
                yield from _statements(handler.body)


def _assigned(node: ast.stmt) -> Iterator[tuple[str, ast.expr | None]]:
    targets = node.targets if isinstance(node, ast.Assign) else [node.target] if isinstance(node, ast.AnnAssign) else []
    for target in targets:
        if isinstance(target, ast.Name):
            yield target.id, node.value  # type: ignore[attr-defined]


def _is_container(value: ast.expr | None) -> bool:
    if isinstance(value, ast.Call):
        name = value.func.attr if isinstance(value.func, ast.Attribute) else getattr(value.func, "id", "")
        return name in CONTAINERS
    return isinstance(value, ast.List | ast.Dict | ast.Set | ast.ListComp | ast.DictComp | ast.SetComp)


def _changed(tree: ast.Module) -> Iterator[str]:
    """Names that some function of the module changes in place."""
    for function in ast.walk(tree):
        if not isinstance(function, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda):
            continue
        for node in ast.walk(function):
            place: ast.AST | None = None
            if isinstance(node, ast.Subscript) and isinstance(node.ctx, ast.Store | ast.Del):
                place = node.value
            elif isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr in MUTATORS:
                place = node.func.value
            elif isinstance(node, ast.AugAssign):
                place = node.target
            if isinstance(place, ast.Name):
                yield place.id


def _unbounded(decorator: ast.expr) -> bool:
    if isinstance(decorator, ast.Call):
        bounds = [*decorator.args, *(word.value for word in decorator.keywords if word.arg == "maxsize")]
        return ast.unparse(decorator.func).endswith("lru_cache") and any(
            isinstance(b, ast.Constant) and b.value is None for b in bounds
        )
    return ast.unparse(decorator) in UNBOUNDED
