"""Forms of the query protocol, written in the tests' own way."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any
from urllib.parse import urlencode


def written(members: dict[str, Any]) -> bytes:
    """``{"Tags": [{"Key": "a"}]}`` -> ``Tags.member.1.Key=a``"""
    return urlencode([pair for name, value in members.items() for pair in _pairs(name, value)]).encode()


def _pairs(name: str, value: Any) -> Iterator[tuple[str, Any]]:
    match value:
        case dict():
            for member, below in value.items():
                yield from _pairs(f"{name}.{member}", below)
        case []:
            yield name, ""
        case list():
            for number, item in enumerate(value, 1):
                yield from _pairs(f"{name}.member.{number}", item)
        case bool():
            yield name, str(value).lower()
        case _:
            yield name, value
