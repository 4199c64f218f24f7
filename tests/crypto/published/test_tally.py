"""The counting of published vectors counts, and would notice what it is there to notice."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from tests.crypto.published.tally import Tally, lines
from tests.crypto.published.wycheproof import judge


def closed(tally: Tally, *listed: str) -> list[Any]:
    seen: list[Any] = []
    tally.close(listed, lambda name, value: seen.append(value))
    return seen


def test_what_was_run_and_left_out_is_reported_with_reasons() -> None:
    tally = Tally("file")
    tally.ran()
    tally.skip("too long", 3)
    tally.skip("too short")
    assert closed(tally, "too short", "too long") == [["file", 1, [("too long", 3), ("too short", 1)]]]
    assert lines([("b", 2, []), ("a", 1, [("too long", 3)])]) == [
        "     1 run      3 left out  a: too long",
        "     2 run      0 left out  b",
    ]


def test_a_reason_that_is_not_listed_fails_and_so_does_a_listed_one_that_is_gone() -> None:
    tally = Tally("file")
    tally.ran()
    tally.skip("too long")
    for listed in ((), ("too short",), ("too long", "too short")):
        with pytest.raises(AssertionError):
            closed(tally, *listed)


def test_a_file_of_nothing_fails() -> None:
    with pytest.raises(AssertionError, match="holds nothing"):
        closed(Tally("file"))


def answer() -> bytes:
    return b"right"


def refusal() -> bytes:
    raise ValueError("refused")


@pytest.mark.parametrize(
    ("result", "ask", "expected", "passes"),
    [
        ("valid", answer, b"right", True),
        ("valid", answer, b"wrong", False),
        ("valid", refusal, b"right", False),
        ("invalid", refusal, b"right", True),
        ("invalid", answer, b"right", False),
        ("acceptable", answer, b"right", True),
        ("acceptable", answer, b"wrong", False),
        ("acceptable", refusal, b"right", True),
    ],
)
def test_a_case_is_judged_by_its_result(result: str, ask: Callable[[], bytes], expected: bytes, passes: bool) -> None:
    case = {"tcId": 1, "result": result}
    if passes:
        judge(case, ask, expected, ValueError)
    else:
        with pytest.raises(AssertionError):
            judge(case, ask, expected, ValueError)


def test_another_exception_than_a_refusal_is_no_refusal() -> None:
    with pytest.raises(ValueError, match="refused"):
        judge({"tcId": 1, "result": "invalid"}, refusal, b"right", KeyError)
