"""Where the statements of a policy stand in its text, by line and column.

Meant for a text that parses as a policy; anything else is nobody's business here.

Lines and columns count from 1. A statement begins behind the bracket, comma or colon before it and ends behind its
own last brace: that is how AWS's policy simulator has it ("Line 3, column 17" of a statement that a bracket in column
16 opens)."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Final, NamedTuple

_TOKEN: Final = re.compile(r'"(?:[^"\\]|\\.)*"|[][}{:,]', re.DOTALL)


class Place(NamedTuple):
    line: int
    column: int


class Extent(NamedTuple):
    start: Place
    end: Place


def statements(text: str) -> tuple[Extent, ...]:
    """The extent of each statement, in the order of the document."""
    return tuple(Extent(_place(text, start), _place(text, end)) for start, end in _extents(text))


def _extents(text: str) -> Iterator[tuple[int, int]]:
    """Offsets behind what comes before a statement, and behind the statement."""
    depth = 0
    listed = inside = False  # the value of Statement is a list; we are in that value
    member = ""
    before = start = 0
    for token in _TOKEN.finditer(text):
        mark = token[0]
        if mark in "{[":
            depth += 1
            if depth == 2 and member == "Statement":
                inside, listed = True, mark == "["
            if inside and mark == "{" and depth == 2 + listed:
                start = before
        elif mark in "}]":
            if inside and mark == "}" and depth == 2 + listed:
                yield start, token.end()
            depth -= 1
            inside = inside and depth > 1
        elif depth == 1 and mark == ",":
            member = ""
        elif depth == 1 and mark[0] == '"' and not member:
            member = json.loads(mark)
        before = token.end()


def _place(text: str, offset: int) -> Place:
    line = text.count("\n", 0, offset)
    return Place(line + 1, offset - (text.rfind("\n", 0, offset) + 1) + 1)
