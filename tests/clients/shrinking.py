"""The smallest case that still shows what a case shows."""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterator
from typing import Any

from tests.clients.policy_cases import Case

Path = tuple[Any, ...]


def smallest(case: Case, shows: Callable[[Case], bool]) -> Case:
    """The case with all left out that can be left out one by one, so that it still ``shows``."""
    changed = True
    while changed:
        changed = False
        for path, simpler in _simplifications(case):
            tried = _with(case, path, simpler)
            if shows(tried):
                case, changed = tried, True
                break
    return case


def _with(case: Case, path: Path, simpler: Callable[[Any], Any]) -> Case:
    tried = copy.deepcopy(case)
    place = tried
    for step in path[:-1]:
        place = place[step]
    place[path[-1]] = simpler(place[path[-1]])
    return tried


def _simplifications(case: Case) -> Iterator[tuple[Path, Callable[[Any], Any]]]:
    for name in ("boundary", "session"):
        if case[name] is not None:
            yield (name,), lambda _: None
    for at in range(len(case["identity"])):
        yield ("identity",), _without(at)
    for path in _documents(case):
        yield from _of_document(case, path, trust=bool(case.get("trust")) and path == ("key_policy",))
    for key in case["context"]:
        yield ("context",), _without_member(key)


def _documents(case: Case) -> Iterator[Path]:
    for name in ("key_policy", "boundary", "session"):
        if case[name] is not None:
            yield (name,)
    for at in range(len(case["identity"])):
        yield ("identity", at)


def _of_document(case: Case, path: Path, *, trust: bool) -> Iterator[tuple[Path, Callable[[Any], Any]]]:
    document: Any = case
    for step in path:
        document = document[step]
    statements = document["Statement"]
    if isinstance(statements, dict):
        yield (*path, "Statement"), lambda only: [only]
        return
    if document.get("Version") != "2012-10-17":
        yield path, lambda given: {"Version": "2012-10-17", "Statement": given["Statement"]}
    for at, statement in enumerate(statements):
        here: Path = (*path, "Statement", at)
        if len(statements) > 1:
            yield (*path, "Statement"), _without(at)
        for name in ("Action",) if trust else ("Action", "Resource"):
            if statement.get(name) != "*":
                yield here, _everything(name)
        if (
            statement["Effect"] == "Allow"
            and "Principal" in statement
            and statement["Principal"] != {"AWS": "111122223333"}
        ):
            yield (*here, "Principal"), lambda _: {"AWS": "111122223333"}
        for name in ("NotAction", "NotResource"):
            if isinstance(statement.get(name), list):
                yield from _listed((*here, name), statement[name])
        for name in ("Principal", "NotPrincipal"):
            if isinstance(statement.get(name), dict) and isinstance(statement[name]["AWS"], list):
                yield from _listed((*here, name, "AWS"), statement[name]["AWS"])
        for operator, tests in statement.get("Condition", {}).items():
            if len(tests) > 1:
                for key in tests:
                    yield (*here, "Condition", operator), _without_member(key)
            else:
                yield (*here, "Condition"), _without_member(operator)
            for key, literals in tests.items():
                if isinstance(literals, list):
                    yield from _listed((*here, "Condition", operator, key), literals)
        if statement.get("Condition") == {}:
            yield here, _without_member("Condition")


def _listed(path: Path, values: list[Any]) -> Iterator[tuple[Path, Callable[[Any], Any]]]:
    if len(values) == 1:
        yield path, lambda only: only[0]
    else:
        for at in range(len(values)):
            yield path, _without(at)


def _without(at: int) -> Callable[[Any], Any]:
    return lambda listed: [each for place, each in enumerate(listed) if place != at]


def _without_member(name: str) -> Callable[[Any], Any]:
    return lambda members: {key: value for key, value in members.items() if key != name}


def _everything(name: str) -> Callable[[Any], Any]:
    def simpler(statement: Any) -> Any:
        rest = {key: value for key, value in statement.items() if key not in {name, f"Not{name}"}}
        return {**rest, name: "*"}

    return simpler
