"""What a rule may say: an answer, with places that nobody can predict, or a refusal, or one of several refusals where
AWS's order of checks is not known."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, field
from typing import Any

from tests.properties.world import Key


@dataclass
class Ask:
    """One call as the model sees it: blobs are bytes."""

    operation: str
    caller: str
    region: str
    body: dict[str, Any]


class Somewhat:
    """Equal to whatever has the property; ``repr`` names it."""

    def __init__(self, name: str, holds: Callable[[Any], bool]) -> None:
        self.name = name
        self.holds = holds

    def __eq__(self, other: object) -> bool:
        return bool(self.holds(other))

    def but(self, others: Collection[Any]) -> Somewhat:
        return Somewhat(f"{self.name} but none of {len(others)}", lambda value: self == value and value not in others)

    __hash__ = None  # type: ignore[assignment]

    def __repr__(self) -> str:
        return f"<{self.name}>"


ANYTHING = Somewhat("anything", lambda _value: True)
BLOB = Somewhat("a blob", lambda value: isinstance(value, bytes) and len(value) > 0)


def bytes_of(size: int) -> Somewhat:
    return Somewhat(f"{size} bytes", lambda value: isinstance(value, bytes) and len(value) == size)


def matching(pattern: str) -> Somewhat:
    return Somewhat(pattern, lambda value: isinstance(value, str) and re.fullmatch(pattern, value) is not None)


def document(text: str) -> Somewhat:
    """The same JSON, however it is written."""
    return Somewhat(f"JSON {text}", lambda value: json.loads(value) == json.loads(text))


def unordered(items: list[Any], but: Callable[[Any], bool] = lambda _item: False) -> Somewhat:
    """The same items in whatever order, none twice, ``but`` those that may be there besides."""

    def same(value: Any) -> bool:
        found = [one for one in value if not but(one)]
        return len(found) == len(items) and all(item in found for item in items) and all(one in items for one in found)

    return Somewhat(f"in any order {items}", same)


class Refused(Exception):
    """The call is refused; ``message`` None: AWS sends none; ANYTHING: its words are not known."""

    def __init__(self, code: str, message: Any = None) -> None:
        super().__init__(code, message)
        self.ways = [(code, message)]

    def either(self, *others: Refused) -> Refused:
        """Where nobody knows which of several comes first."""
        self.ways += [way for other in others for way in other.ways]
        return self


#: What becomes of the world when the call has answered.
Learn = Callable[[dict[str, Any]], object]


def nothing(_answer: dict[str, Any]) -> None:
    """The call changes nothing."""


def becomes(thing: Any, **facts: Any) -> Learn:
    """The call changes these facts of a thing."""
    return lambda _answer: vars(thing).update(facts)


@dataclass
class Answer:
    """The call succeeds: the whole answer, what the world is like afterwards, and the keys that were used to that end."""

    members: dict[str, Any] = field(default_factory=dict)
    learn: Learn = nothing
    used: Sequence[Key] = ()
