"""Wildcards: a star is any run, a question mark one character, and no pattern can make the matcher slow."""

from __future__ import annotations

import time
from functools import cache

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from tests.domain.policy.cast import LAW

from keystead.domain.policy.wildcard import Piece, any_of, matcher, plain
from keystead.domain.policy.work import Work

TEXTS = st.text(alphabet="ab:/\n", max_size=12)
PATTERNS = st.text(alphabet="ab:*?", max_size=10)


def naive(pattern: str, text: str) -> bool:
    @cache
    def rest(at: int, place: int) -> bool:
        if at == len(pattern):
            return place == len(text)
        if pattern[at] == "*":
            return any(rest(at + 1, later) for later in range(place, len(text) + 1))
        return place < len(text) and pattern[at] in ("?", text[place]) and rest(at + 1, place + 1)

    return rest(0, 0)


@LAW
@given(PATTERNS, TEXTS)
@example("*a*ab", "aab")
@example("a*a", "a")
@example("?*?", "a")
@example("", "")
@example("**", "")
def test_the_matcher_agrees_with_a_naive_reference(pattern: str, text: str) -> None:
    assert matcher([Piece(pattern)])(text) is naive(pattern, text)


@LAW
@given(st.lists(PATTERNS, max_size=4), TEXTS)
def test_a_set_of_patterns_matches_what_any_of_them_matches(patterns: list[str], text: str) -> None:
    assert any_of([(Piece(pattern),) for pattern in patterns]).matches(text, Work()) is any(
        naive(pattern, text) for pattern in patterns
    )


@LAW
@given(PATTERNS, PATTERNS, TEXTS)
def test_literal_pieces_stand_for_themselves(literal: str, wild: str, text: str) -> None:
    pieces = [Piece(literal, wild=False), Piece(wild)]
    expected = text.startswith(literal) and naive(wild, text.removeprefix(literal))
    assert matcher(pieces)(text) is expected
    assert matcher(pieces)(literal + text) is naive(wild, text)
    assert any_of([pieces]).matches(literal + text, Work()) is naive(wild, text)
    assert plain(pieces) == literal + wild


@pytest.mark.parametrize("pattern", ["*a" * 2000 + "*b", "?*a" * 2000 + "b", "*" + "?a" * 2000 + "b", "a*" * 8000])
def test_no_pattern_blows_up(pattern: str) -> None:
    match = matcher([Piece(pattern)])
    begun = time.process_time()
    assert match("a" * 5000) is False
    assert time.process_time() - begun < 2.0


@pytest.mark.parametrize(
    ("pattern", "text", "matches"),
    [
        ("arn:aws:kms:*:key/*", "arn:aws:kms:eu-central-1:111122223333:key/1", True),
        ("arn:aws:kms:*", "arn:aws:kms:eu-central-1:111122223333:key/1", True),
        ("Key", "key", False),
        ("a[b]*", "ab", False),
        (r"a\*", "a*", False),
        ("?", "𐐀", False),
        ("??", "𐐀", True),
        ("*𐐀?", "x𐐀y", True),
        ("𐐀", "𐐀", True),
    ],
)
def test_wildcards_mean_what_aws_means(pattern: str, text: str, matches: bool) -> None:
    assert matcher([Piece(pattern)])(text) is matches


@pytest.mark.parametrize("repeated", ["a?", "?*", "*a?b"])
def test_a_long_pattern_is_compiled_in_one_pass(repeated: str) -> None:
    def best(times: int) -> float:
        found = 1.0
        for _ in range(3):
            begun = time.perf_counter()
            matcher([Piece(repeated * times)])
            found = min(found, time.perf_counter() - begun)
        return found

    assert best(64_000) < 24 * best(8_000), "eight times as long, 64 times the work of a quadratic one"
