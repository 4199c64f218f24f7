"""Other names for the principals of a policy: its text with some of them exchanged.

AWS keeps a user or role that a resource policy names by its unique id, and shows it by the ARN it has when the policy
is asked for: whoever gets the name later is not meant, and who was renamed still is.

Guarantees: names in Principal and NotPrincipal elements of statements are exchanged and nothing else; every other byte
of the text stays, the same name elsewhere (in a condition, say) included. Meant for a text that parses as a policy.

Decision 0040. Source: "AWS JSON policy elements: Principal", section on IAM user and role principals (IAM user guide)."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from typing import Final

_TOKEN: Final = re.compile(r'"(?:[^"\\]|\\.)*"|[][}{:,]', re.DOTALL)
_ELEMENTS: Final = frozenset({"Principal", "NotPrincipal"})


def exchanged(text: str, names: Mapping[str, str]) -> str:
    """The policy with each name that ``names`` knows exchanged for what it maps it to."""
    if not names:
        return text
    parts: list[str] = []
    end = 0
    for start, stop, name in _principals(text):
        if name in names:
            parts += (text[end:start], json.dumps(names[name]))
            end = stop
    return "".join(parts) + text[end:]


def named(text: str) -> frozenset[str]:
    """All names of AWS principals in the policy, of whatever kind."""
    return frozenset(name for _, _, name in _principals(text))


def _principals(text: str) -> Iterator[tuple[int, int, str]]:
    """Where the text names principals of AWS: start and end of the string with its quotes, and what it says."""
    # One entry for each object or array around a token: the member of an object that is being read, None in an array.
    around: list[str | None] = []
    expects_name = False
    for token in _TOKEN.finditer(text):
        mark = token[0]
        if mark in "{[":
            around.append("" if mark == "{" else None)
            expects_name = mark == "{"
        elif mark in "}]":
            around.pop()
            expects_name = False
        elif mark == ",":
            expects_name = around[-1] is not None
        elif mark == ":":
            expects_name = False
        elif expects_name:
            around[-1] = _said(mark)
        elif _is_principal([member for member in around if member is not None]):
            yield token.start(), token.end(), _said(mark)


def _said(mark: str) -> str:
    """What a string of JSON says."""
    return json.loads(mark) if "\\" in mark else mark[1:-1]


def _is_principal(members: list[str]) -> bool:
    return len(members) == 3 and members[0] == "Statement" and members[1] in _ELEMENTS and members[2] == "AWS"
