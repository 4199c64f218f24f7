"""Wildcards of policy texts: ``*`` stands for any run of characters, ``?`` for exactly one (IAM: "Resource",
"StringLike").

Guarantees: the work of one match grows with the text times the pattern over the machine word, never exponentially,
whatever the pattern (no regular expressions, no backtracking); matching is case-sensitive; a star spans every
character, colons, slashes and newlines included. ``?`` counts UTF-16 units, as AWS does, so that a character beyond
U+FFFF takes two.

Does not guarantee anything about case folding: who compares without case lowers both sides first.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Final, NamedTuple

Matcher = Callable[[str], bool]


class Piece(NamedTuple):
    """A stretch of a pattern. In one that is not ``wild`` the characters ``*`` and ``?`` stand for themselves."""

    text: str
    wild: bool = True


_ONE: Final = ""  # the token for "?": no character of a text equals it


def plain(pieces: Iterable[Piece]) -> str:
    """The text of the pieces where wildcards mean nothing."""
    return "".join(piece.text for piece in pieces)


def matcher(pieces: Sequence[Piece]) -> Matcher:
    """A function that says whether a text matches the pattern as a whole."""
    runs = _runs(pieces)
    if any(_ONE in run for run in runs):
        return _bitwise(runs)
    texts = ["".join(run) for run in runs]
    if len(texts) == 1:
        return texts[0].__eq__
    return _finding(texts[0], tuple(text for text in texts[1:-1] if text), texts[-1])


def _runs(pieces: Sequence[Piece]) -> list[list[str]]:
    """The one-character tokens between stars; neighbouring stars are one star."""
    runs: list[list[str]] = [[]]
    for text, wild in pieces:
        if not wild:
            runs[-1].extend(text)
            continue
        for character in text:
            if character == "*":
                if len(runs) == 1 or runs[-1]:
                    runs.append([])
            else:
                runs[-1].append(_ONE if character == "?" else character)
    return runs


def _finding(head: str, middle: tuple[str, ...], tail: str) -> Matcher:
    """Stars only. The leftmost place for each run is as good as any, so one pass over the text decides."""

    def matches(text: str) -> bool:
        at, end = len(head), len(text) - len(tail)
        if at > end or not text.startswith(head) or not text.endswith(tail):
            return False
        for run in middle:
            at = text.find(run, at, end)
            if at < 0:
                return False
            at += len(run)
        return True

    return matches


def _bitwise(runs: list[list[str]]) -> Matcher:
    """Stars and question marks: the states of the pattern's automaton are the bits of one integer.

    Bit i is set when the first i tokens have matched what was read; a bit in ``stay`` has a star after it and
    survives any character.
    """
    tokens: list[str] = []
    stay = 0
    for number, run in enumerate(runs):
        if number:
            stay |= 1 << len(tokens)
        for token in run:
            tokens.extend(_units(token) if token else (_ONE,))
    anything = sum(1 << at for at, token in enumerate(tokens) if token == _ONE)
    steps: dict[str, int] = {}
    for at, token in enumerate(tokens):
        if token != _ONE:
            steps[token] = steps.get(token, anything) | 1 << at
    accepted = 1 << len(tokens)

    def matches(text: str) -> bool:
        state = 1
        for unit in _units(text):
            state = (state & steps.get(unit, anything)) << 1 | state & stay
            if not state:
                return False
        return bool(state & accepted)

    return matches


def _units(text: str) -> str:
    """The text with each character beyond U+FFFF as its two surrogates."""
    if not text or text.isascii() or max(text) <= "\uffff":
        return text
    data = text.encode("utf-16-le", "surrogatepass")
    return "".join(chr(data[at] | data[at + 1] << 8) for at in range(0, len(data), 2))


@dataclass(frozen=True, slots=True)
class AnyOf:
    """Several patterns, of which one must match: sorted by how cheaply each can be tried."""

    everything: bool
    exact: frozenset[str]
    prefixes: tuple[str, ...]
    others: tuple[Matcher, ...]

    def matches(self, text: str) -> bool:
        if self.everything or text in self.exact or (self.prefixes and text.startswith(self.prefixes)):
            return True
        return bool(self.others) and any(other(text) for other in self.others)


def any_of(patterns: Iterable[Sequence[Piece]]) -> AnyOf:
    everything = False
    exact: set[str] = set()
    prefixes: set[str] = set()
    others: list[Matcher] = []
    for pieces in patterns:
        runs = _runs(pieces)
        texts = ["".join(run) for run in runs]
        if any(_ONE in run for run in runs) or len(texts) > 2 or (len(texts) == 2 and texts[1]):
            others.append(matcher(pieces))
        elif len(texts) == 1:
            exact.add(texts[0])
        elif texts[0]:
            prefixes.add(texts[0])
        else:
            everything = True
    return AnyOf(everything, frozenset(exact), tuple(sorted(prefixes)), tuple(others))
