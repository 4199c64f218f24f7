"""Wildcards of policy texts: ``*`` stands for any run of characters, ``?`` for exactly one (IAM: "Resource",
"StringLike").

Guarantees: the work of one match grows with the text times the pattern over the machine word, never exponentially,
whatever the pattern (no regular expressions, no backtracking); matching is case-sensitive; a star spans every
character, colons, slashes and newlines included. ``?`` counts UTF-16 units, as AWS does, so that a character beyond
U+FFFF takes two. Many patterns against one text cost what `work.Work` is asked for before each try.

Does not guarantee anything about case folding: who compares without case lowers both sides first.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Final, NamedTuple

from keystead.domain.policy.work import Work

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
    return pattern(pieces).fits


class Pattern(NamedTuple):
    """One compiled pattern, and what rules a text out before it is tried.

    ``spelling`` is equal for equal patterns. ``literal`` are the stretches between stars where there is no question
    mark, else None; ``head`` and ``tail`` are what every match begins and ends with, and ``least`` how many
    characters it has at least. ``units`` is the length of the pattern, ``longest`` that of its longest stretch.
    """

    spelling: str
    literal: tuple[str, ...] | None
    head: str
    tail: str
    least: int
    units: int
    longest: int
    fits: Matcher

    def matches(self, text: str, work: Work) -> bool:
        size = len(text)
        if size < self.least or not text.startswith(self.head) or not text.endswith(self.tail):
            work.spend(3)
            return False
        if self.literal is None:
            work.spend(10 + size * (2 + (self.units >> 10)))
        else:
            # str.find may compare every character with every one of the stretch, up to a length where it knows better
            work.spend(6 + len(self.literal) + (size * min(self.longest, 128) >> 7))
        return self.fits(text)


def pattern(pieces: Sequence[Piece]) -> Pattern:
    """The compiled pattern. Its cost is `price`."""
    runs = _runs(pieces)
    texts = tuple(["".join(run) for run in runs])
    spelling = "*".join(["".join([_spelled(token) for token in run]) for run in runs])
    units, longest = sum(map(len, runs)) + len(runs), max(map(len, texts))
    if any(_ONE in run for run in runs):
        first, last = runs[0], runs[-1]
        head = "".join(first[: first.index(_ONE)] if _ONE in first else first)
        tail = "".join(last[len(last) - last[::-1].index(_ONE) :] if _ONE in last else last)
        return Pattern(spelling, None, head, tail, sum(map(len, texts)), units, longest, _bitwise(runs))
    fits = (
        texts[0].__eq__
        if len(texts) == 1
        else _finding(texts[0], tuple(text for text in texts[1:-1] if text), texts[-1])
    )
    return Pattern(spelling, texts, texts[0], texts[-1], sum(map(len, texts)), units, longest, fits)


def price(pieces: Sequence[Piece]) -> int:
    """The units of work of compiling the pieces in a call (see `work`)."""
    size, single = 0, False
    for text, wild in pieces:
        size += len(text)
        if wild and "?" in text:
            single = True
    if single:
        return 20 + size * (8 + (size >> 9))
    return 10 + 3 * len(pieces) + 2 * size


def _spelled(mark: str) -> str:
    return "?" if mark == _ONE else f"\\{mark}" if mark in "*?\\" else mark


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
    stars: list[int] = []
    for number, run in enumerate(runs):
        if number:
            stars.append(len(tokens))
        for token in run:
            tokens.extend(_units(token) if token else (_ONE,))
    places: dict[str, list[int]] = {}
    for at, token in enumerate(tokens):
        places.setdefault(token, []).append(at)
    stay, anything = _bits(stars), _bits(places.pop(_ONE, []))
    steps = {token: anything | _bits(at) for token, at in places.items()}
    accepted = 1 << len(tokens)

    def matches(text: str) -> bool:
        state = 1
        for unit in _units(text):
            state = (state & steps.get(unit, anything)) << 1 | state & stay
            if not state:
                return False
        return bool(state & accepted)

    return matches


def _bits(places: Sequence[int]) -> int:
    """The integer whose bits at these places, which ascend, are set: in one pass, where shifting one in after the other
    would copy all that is there each time."""
    if not places:
        return 0
    marks = bytearray((places[-1] >> 3) + 1)
    for at in places:
        marks[at >> 3] |= 1 << (at & 7)
    return int.from_bytes(marks, "little")


def _units(text: str) -> str:
    """The text with each character beyond U+FFFF as its two surrogates."""
    if not text or text.isascii() or max(text) <= "\uffff":
        return text
    data = text.encode("utf-16-le", "surrogatepass")
    return "".join(chr(data[at] | data[at + 1] << 8) for at in range(0, len(data), 2))


BySize = tuple[tuple[int, frozenset[str]], ...]


@dataclass(frozen=True, slots=True)
class AnyOf:
    """Several patterns, of which one must match: sorted by how cheaply each can be tried.

    Prefixes and suffixes are kept by their length, so that a text is looked up once per length and not once per
    pattern. ``inner`` are texts that may stand anywhere, the shortest first.
    """

    everything: bool
    exact: frozenset[str]
    prefixes: BySize
    suffixes: BySize
    inner: tuple[str, ...]
    others: tuple[Pattern, ...]

    def matches(self, text: str, work: Work) -> bool:
        """Does one match. Raises `work.Exhausted`."""
        if self.everything or text in self.exact:
            return True
        size = len(text)
        for length, group in self.prefixes:
            if length > size:
                break
            work.spend(2 + (length >> 6))
            if text[:length] in group:
                return True
        for length, group in self.suffixes:
            if length > size:
                break
            work.spend(2 + (length >> 6))
            if text[size - length :] in group:
                return True
        for part in self.inner:
            length = len(part)
            if length > size:
                break
            work.spend(4 + (size * min(length, 128) >> 7))
            if part in text:
                return True
        for other in self.others:  # noqa: SIM110 - a generator would cost more than the tries
            if other.matches(text, work):
                return True
        return False


def any_of(patterns: Iterable[Sequence[Piece]]) -> AnyOf:
    return gathered(map(pattern, patterns))


def gathered(patterns: Iterable[Pattern]) -> AnyOf:
    """The patterns as one; what is said twice is tried once."""
    everything = False
    exact: set[str] = set()
    prefixes: set[str] = set()
    suffixes: set[str] = set()
    inner: set[str] = set()
    others: dict[str, Pattern] = {}
    for each in patterns:
        match each.literal:
            case (text,):
                exact.add(text)
            case ("", ""):
                everything = True
            case (text, ""):
                prefixes.add(text)
            case ("", text):
                suffixes.add(text)
            case ("", text, ""):
                inner.add(text)
            case _:
                others[each.spelling] = each
    return AnyOf(
        everything,
        frozenset(exact),
        _by_size(prefixes),
        _by_size(suffixes),
        tuple(sorted(inner, key=len)),
        tuple(others.values()),
    )


def _by_size(texts: set[str]) -> BySize:
    if not texts:
        return ()
    groups: dict[int, set[str]] = {}
    for text in texts:
        groups.setdefault(len(text), set()).add(text)
    return tuple((length, frozenset(groups[length])) for length in sorted(groups))
