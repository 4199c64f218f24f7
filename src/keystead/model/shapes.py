"""The pinned service models as objects: services, operations, shapes and their constraints.

Guarantees: what is read here is the pinned file, whose hash `pins` records, with members and enums in its order; a
pattern means what it means to AWS (the whole value, Java's classes). Does not need botocore. Loading costs a few
milliseconds, and happens when the first refused request is explained, never on the hot path.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache, cached_property
from importlib import resources
from typing import Any, Final

_ANY: Final = r"[^\n\r\u0085\u2028\u2029]"  # Java's dot; Python's excludes \n only

# A class of Unicode's letters, numbers and separators, as the models of IAM and STS write it. Python has no \\p, but its
# own \\w outside ASCII mode is just the letters, the numbers and the underscore.
_WORDS: Final = r"[\p{L}\p{Z}\p{N}_"
_WORDS_HERE: Final = r"[\w\u0020\u00a0\u1680\u2000-\u200a\u2028\u2029\u202f\u205f\u3000"


def anchored(pattern: str) -> str:
    """A model's pattern as a Python one that must match the whole value.

    AWS evaluates patterns with Java's ``Matcher.matches``: against the whole value, with ASCII ``\\w``, ``\\d`` and
    ``\\s``, and a dot that excludes every Unicode line end. Raises ValueError for what the two languages read
    differently.
    """
    out: list[str] = []
    inside = unicode = False
    position = 0
    while position < len(pattern):
        char = pattern[position]
        if not inside and pattern.startswith(_WORDS, position):
            out.append(f"(?u:{_WORDS_HERE}")
            inside = unicode = True
            position += len(_WORDS)
            continue
        if char == "\\":
            escaped = pattern[position + 1 : position + 2]
            if escaped.isalpha() and (escaped not in "wWdDsSutrnf" or (unicode and escaped not in "utrnf")):
                raise ValueError(f"\\{escaped} in {pattern!r} may differ between Java and Python")
            if escaped == "/":  # Java and Python agree, but Python has no such escape in its own vocabulary
                out.append("/")
            else:
                out.append(char + escaped)
            position += 2
            continue
        if inside and (char == "[" or pattern.startswith("&&", position)):
            raise ValueError(f"nested or intersected class in {pattern!r} is Java only")
        if char == "." and not inside:
            out.append(_ANY)
        else:
            out.append(char)
        if char in "+*?}" and pattern[position + 1 : position + 2] == "+" and not inside:
            raise ValueError(f"possessive quantifier in {pattern!r}")
        inside = char == "[" or (inside and char != "]")
        if unicode and not inside:
            out.append(")")
            unicode = False
        position += 1
    return rf"\A(?a:{''.join(out)})\Z"


@dataclass(frozen=True, slots=True)
class Member:
    """A member of a structure, by its name on the wire."""

    name: str
    shape: Shape
    required: bool

    @property
    def path(self) -> str:
        """The name as AWS's constraint sentences write it: ``KeyId`` is ``keyId``."""
        return self.name[:1].lower() + self.name[1:]


@dataclass(frozen=True)
class Shape:
    """A type of the model.

    ``kind`` is the model's: structure, list, map, string, blob, integer, long, boolean, timestamp, double or float.
    ``least`` and ``most`` bound a length (UTF-16 units, bytes or items) or a number. ``enum`` and ``members`` are
    in the model's order.
    """

    name: str
    kind: str
    members: Mapping[str, Member] = field(default_factory=dict)
    item: Shape | None = None
    key: Shape | None = None
    value: Shape | None = None
    least: int | None = None
    most: int | None = None
    pattern: str | None = None
    enum: tuple[str, ...] = ()
    sensitive: bool = False

    @cached_property
    def regex(self) -> re.Pattern[str] | None:
        return None if self.pattern is None else re.compile(anchored(self.pattern))


@dataclass(frozen=True, slots=True)
class Operation:
    """An operation of a service; ``errors`` are the codes its model lists."""

    name: str
    input: Shape
    output: Shape | None
    errors: frozenset[str]


class Service:
    """One pinned service model. `load` reads it; operations keep the model's order (alphabetical)."""

    def __init__(self, model: Mapping[str, Any]) -> None:
        self._shapes: dict[str, Any] = model["shapes"]
        self._built: dict[str, Shape] = {}
        self.metadata: Final[Mapping[str, Any]] = model["metadata"]
        self.operations: Final[Mapping[str, Operation]] = {
            name: Operation(
                name=name,
                input=self.shape(node["input"]["shape"]) if "input" in node else Shape(f"{name}Request", "structure"),
                output=self.shape(node["output"]["shape"]) if "output" in node else None,
                errors=frozenset(self._code(error["shape"]) for error in node.get("errors", ())),
            )
            for name, node in model["operations"].items()
        }

    @staticmethod
    @cache
    def load(service: str) -> Service:
        """The pinned model of a service by its short name (``kms``); LookupError when none is pinned."""
        for pin in pins():
            if pin["service"] == service:
                return Service(json.loads((resources.files("keystead.model.pinned") / pin["file"]).read_bytes()))
        raise LookupError(f"no model is pinned for {service}")

    def _code(self, name: str) -> str:
        code: str = self._shapes[name].get("error", {}).get("code", name)
        return code

    def shape(self, name: str) -> Shape:
        """A shape by its name; KeyError when the model has none of that name."""
        if name not in self._built:
            node = self._shapes[name]
            required = frozenset(node.get("required", ()))
            part = {
                label: self.shape(node[label]["shape"]) if label in node else None
                for label in ("member", "key", "value")
            }
            self._built[name] = Shape(
                name=name,
                kind=node["type"],
                members={
                    wire: Member(wire, self.shape(member["shape"]), wire in required)
                    for wire, member in node.get("members", {}).items()
                },
                item=part["member"],
                key=part["key"],
                value=part["value"],
                least=node.get("min"),
                most=node.get("max"),
                pattern=node.get("pattern"),
                enum=tuple(node.get("enum", ())),
                sensitive=bool(node.get("sensitive")),
            )
        return self._built[name]


@cache
def pins() -> tuple[dict[str, str], ...]:
    """What is pinned: service, file, botocore version, and the sha256 of the botocore source and of the pinned file."""
    return tuple(json.loads((resources.files("keystead.model.pinned") / "pins.json").read_bytes()))
