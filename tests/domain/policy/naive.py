"""The tests of a condition as they are defined: every value against every literal, in their order, with no thought of
cost. What the compiled tests have to agree with.
"""

from __future__ import annotations

import operator
from collections.abc import Callable
from functools import cache
from typing import Any, Final

from keystead.domain import arn
from keystead.domain.policy import values, variables
from keystead.domain.policy.facts import Context, reading
from keystead.domain.policy.variables import Template
from keystead.domain.policy.wildcard import Piece

Pieces = tuple[Piece, ...]


def wild(pieces: Pieces, text: str) -> bool:
    """Does the text fit the pattern, by trying everything. Characters beyond U+FFFF are not its matter."""
    tokens = [(mark, piece.wild) for piece in pieces for mark in piece.text]

    @cache
    def rest(at: int, place: int) -> bool:
        if at == len(tokens):
            return place == len(text)
        mark, special = tokens[at]
        if special and mark == "*":
            return any(rest(at + 1, later) for later in range(place, len(text) + 1))
        return place < len(text) and ((special and mark == "?") or mark == text[place]) and rest(at + 1, place + 1)

    return rest(0, 0)


def _plain(pieces: Pieces) -> str:
    return "".join(piece.text for piece in pieces)


def _read(read: Callable[[str], Any]) -> Callable[[Pieces], Any]:
    return lambda pieces: read(_plain(pieces))


def _arn_parts(pieces: Pieces) -> tuple[Pieces, ...] | None:
    if pieces == (Piece("*"),):
        return ()
    parts: list[list[Piece]] = [[]]
    for piece in pieces:
        for mark in piece.text:
            if mark == ":" and len(parts) < 6:
                parts.append([])
            else:
                parts[-1].append(Piece(mark, piece.wild))
    if len(parts) != 6 or _plain(tuple(parts[0])) != "arn" or not parts[5]:
        return None
    return tuple(tuple(part) for part in parts[1:])


def _arn_fits(name: arn.Arn, parts: tuple[Pieces, ...]) -> bool:
    return all(wild(part, text) for part, text in zip(parts, name, strict=False))


def _in_network(address: values.Address, network: values.Network) -> bool:
    return network.version == address.version and address.bits & network.mask == network.bits


def _truth(text: str) -> bool:
    return text.lower() == "true"


def _same(given: Any) -> Any:
    return given


_TEXT: Final = (_plain, _same, operator.eq)
_FOLDED: Final = (_read(str.lower), str.lower, operator.eq)
_LIKE: Final = (_same, _same, lambda text, pieces: wild(pieces, text))
_ARN: Final = (_arn_parts, arn.parse, _arn_fits)
_NETWORK: Final = (_read(values.network), values.address, _in_network)
_ORDERS: Final = {
    "Equals": operator.eq,
    "NotEquals": operator.eq,
    "LessThan": operator.lt,
    "LessThanEquals": operator.le,
    "GreaterThan": operator.gt,
    "GreaterThanEquals": operator.ge,
}
# literal of a policy, value of a request, comparison
ROWS: Final[dict[str, tuple[Callable[..., Any], Callable[..., Any], Callable[..., bool]]]] = {
    "StringEquals": _TEXT,
    "StringNotEquals": _TEXT,
    "StringEqualsIgnoreCase": _FOLDED,
    "StringNotEqualsIgnoreCase": _FOLDED,
    "StringLike": _LIKE,
    "StringNotLike": _LIKE,
    "Bool": (_read(_truth), _truth, operator.eq),
    "BinaryEquals": (_read(values.binary), _same, operator.eq),
    "IpAddress": _NETWORK,
    "NotIpAddress": _NETWORK,
    "ArnEquals": _ARN,
    "ArnLike": _ARN,
    "ArnNotEquals": _ARN,
    "ArnNotLike": _ARN,
    **{f"Numeric{name}": (_read(values.number), values.number, order) for name, order in _ORDERS.items()},
    **{f"Date{name}": (_read(values.date), values.date, order) for name, order in _ORDERS.items()},
}
_WITH_VARIABLES: Final = ("String", "Arn", "Bool")


def passes(prefix: str, name: str, key: str, literals: list[str], *, deny: bool, context: Context) -> bool:
    """Does a key that is present pass ``prefix`` + ``name`` (``ForAnyValue:`` + ``StringLike``). Raises `Ambiguous`."""
    asked = reading(key, key_policy=False)
    found = context.values(asked)
    assert found is not None
    if not prefix and asked.many:
        return False
    each = [_holds(name, literals, value, deny, context) for value in found]  # functions: later values may raise
    if prefix == "ForAnyValue:" or (not prefix and deny and len(found) > 1):
        return any(holds() for holds in each)
    return all(holds() for holds in each)


def _holds(name: str, literals: list[str], text: str, deny: bool, context: Context) -> Callable[[], bool]:
    literal_of, read, compare = ROWS[name]
    negated = "Not" in name

    def holds() -> bool:
        value = read(text)
        if value is None:
            return negated and name.startswith(("Numeric", "Date"))
        for written in literals:
            parsed: Any = (Piece(written),)
            if name.startswith(_WITH_VARIABLES):
                parsed = variables.parse(written, key_policy=False)
            varies = isinstance(parsed, Template)
            pieces = parsed.pieces(context) if varies else parsed
            if pieces is None:
                continue
            literal = literal_of(pieces)
            if literal is None:
                assert varies
                return deny
            if compare(value, literal):
                return not negated
        return negated

    return holds
