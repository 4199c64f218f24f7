"""Conditions of policy statements: the operators, and what is compared with what.

Guarantees: every test is compiled when the policy is read, so that a literal that its operator cannot read (a date
that is none) is refused then and not met in a call; a test asks for a value only when it is reached. A new operator
is one row of `OPERATORS`; a new condition key is one row of `facts.KEYS`.

A key that is absent fails the positive operators and passes the negated ones; ``…IfExists`` passes, ``ForAllValues:``
passes, ``ForAnyValue:`` fails. A list key never passes an operator without a set prefix, not even a negated one.
Where names that differ in case alone leave several values for a single-valued key, an Allow needs all of them to pass
and a Deny one.

The literals of a test are one matcher (`alternatives`), and what a call may cost is bounded (`work`): a test that would
cost more raises `work.Exhausted`, and its statement is settled closed.

Sources: "IAM JSON policy elements: Condition operators", "Conditions with multiple context keys or values" (IAM user
guide), and what IAM was seen to do with values its operators cannot read.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from enum import Enum
from typing import Any, Final, NamedTuple, Protocol

from keystead import errors
from keystead.domain import arn
from keystead.domain.policy import alternatives, values, variables
from keystead.domain.policy.alternatives import Match
from keystead.domain.policy.facts import KEYS, PREFIXES, Context, Facts, Reading, reading
from keystead.domain.policy.variables import Ambiguous, Template
from keystead.domain.policy.wildcard import Piece, pattern, plain, price
from keystead.domain.policy.work import Work

__all__ = [
    "KEYS",
    "OPERATORS",
    "PREFIXES",
    "Comparison",
    "Context",
    "Facts",
    "Presence",
    "Test",
    "compile_test",
    "shown",
]


class Kind(NamedTuple):
    """A type of values: how the policy's literal and the request's text become comparable (None: not of this type).

    ``unreadable`` is what a *negated* operator says of a request's value that is not of the type; a positive one says
    no. ``variables``: may the literal hold policy variables. ``cost`` is what reading a short value and looking it up
    costs, in units of work.
    """

    literal: Callable[[Sequence[Piece]], Any]
    read: Callable[[str], Any]
    cost: int
    unreadable: bool = False
    variables: bool = False


class Operator(NamedTuple):
    """How a value of the request compares with any of the literals (``gather`` makes one matcher of them);
    ``negated`` operators pass when it compares with none.
    """

    kind: Kind
    gather: Callable[[Sequence[Any]], Match]
    negated: bool = False


def _same(text: str) -> str:
    return text


def _truth(text: str) -> bool:
    return text.lower() == "true"


def _of_text(read: Callable[[str], Any]) -> Callable[[Sequence[Piece]], Any]:
    return lambda pieces: read(plain(pieces))


_TEXT: Final = Kind(plain, _same, 6, variables=True)
# str.lower is what AWS was seen to do: it knows the final sigma and equates K with the Kelvin sign, but not "ß" with
# "SS".
_FOLDED: Final = Kind(_of_text(str.lower), str.lower, 7, variables=True)
_PATTERN: Final = Kind(pattern, _same, 6, variables=True)
_NUMBER: Final = Kind(_of_text(values.number), values.number, 20, unreadable=True)
_DATE: Final = Kind(_of_text(values.date), values.date, 40, unreadable=True)
_BOOL: Final = Kind(_of_text(_truth), _truth, 7, variables=True)
_BINARY: Final = Kind(_of_text(values.binary), _same, 6)
_ADDRESS: Final = Kind(_of_text(values.network), values.address, 80)
_ARN: Final = Kind(values.arn_pattern, arn.parse, 14, variables=True)

OPERATORS: Final[Mapping[str, Operator]] = {
    "StringEquals": Operator(_TEXT, alternatives.equal),
    "StringNotEquals": Operator(_TEXT, alternatives.equal, negated=True),
    "StringEqualsIgnoreCase": Operator(_FOLDED, alternatives.equal),
    "StringNotEqualsIgnoreCase": Operator(_FOLDED, alternatives.equal, negated=True),
    "StringLike": Operator(_PATTERN, alternatives.like),
    "StringNotLike": Operator(_PATTERN, alternatives.like, negated=True),
    "NumericEquals": Operator(_NUMBER, alternatives.equal),
    "NumericNotEquals": Operator(_NUMBER, alternatives.equal, negated=True),
    "NumericLessThan": Operator(_NUMBER, alternatives.less),
    "NumericLessThanEquals": Operator(_NUMBER, alternatives.less_or_equal),
    "NumericGreaterThan": Operator(_NUMBER, alternatives.greater),
    "NumericGreaterThanEquals": Operator(_NUMBER, alternatives.greater_or_equal),
    "DateEquals": Operator(_DATE, alternatives.equal),
    "DateNotEquals": Operator(_DATE, alternatives.equal, negated=True),
    "DateLessThan": Operator(_DATE, alternatives.less),
    "DateLessThanEquals": Operator(_DATE, alternatives.less_or_equal),
    "DateGreaterThan": Operator(_DATE, alternatives.greater),
    "DateGreaterThanEquals": Operator(_DATE, alternatives.greater_or_equal),
    "Bool": Operator(_BOOL, alternatives.equal),
    "BinaryEquals": Operator(_BINARY, alternatives.equal),
    "IpAddress": Operator(_ADDRESS, alternatives.networks),
    "NotIpAddress": Operator(_ADDRESS, alternatives.networks, negated=True),
    "ArnEquals": Operator(_ARN, alternatives.arns),
    "ArnLike": Operator(_ARN, alternatives.arns),
    "ArnNotEquals": Operator(_ARN, alternatives.arns, negated=True),
    "ArnNotLike": Operator(_ARN, alternatives.arns, negated=True),
}


class Quantifier(Enum):
    ONE = ""
    ALL = "ForAllValues:"
    ANY = "ForAnyValue:"


class Test(Protocol):
    """One condition key under one operator."""

    @property
    def steady(self) -> bool:
        """True when the outcome depends on the principal and the key alone."""

    def passes(self, context: Context) -> bool:
        """Does the call pass. May raise `variables.Ambiguous` and `work.Exhausted`."""


@dataclass(frozen=True, slots=True, eq=False)
class Presence:
    """``Null``: "true" wants the key absent, anything else wants it present."""

    key: Reading
    when_absent: bool
    when_present: bool

    @property
    def steady(self) -> bool:
        return self.key.steady

    def passes(self, context: Context) -> bool:
        return self.when_absent if context.values(self.key) is None else self.when_present


@dataclass(frozen=True, slots=True, eq=False)
class Comparison:
    """Any operator but ``Null``. ``literals`` are compiled, but for templates; ``leading`` matches those before the
    first template, and ``trailing`` those after it that are no templates.
    """

    key: Reading
    operator: Operator
    quantifier: Quantifier
    when_absent: bool
    deny: bool
    literals: tuple[Any, ...]
    first_template: int | None
    leading: Match
    trailing: Match

    @property
    def steady(self) -> bool:
        return self.key.steady and all(each.steady for each in self.literals if isinstance(each, Template))

    def passes(self, context: Context) -> bool:
        found = context.values(self.key)
        if found is None:
            return self.when_absent
        quantifier = self.quantifier
        if quantifier is _ONE and self.key.many:
            return False
        later = None if self.first_template is None else _Filled(self, self.first_template, context)
        if len(found) == 1:
            return self._holds(found[0], context.work, later)
        if quantifier is _ANY or (quantifier is _ONE and self.deny):
            return any(self._holds(value, context.work, later) for value in found)
        return all(self._holds(value, context.work, later) for value in found)

    def _holds(self, text: str, work: Work, later: _Filled | None) -> bool:
        kind, _, negated = self.operator
        work.spend(kind.cost + (len(text) >> 5))
        value = kind.read(text)
        if value is None:
            return negated and kind.unreadable
        if self.leading(value, work):
            return not negated
        if later is not None:
            for match in later.matches():
                if match(value, work):
                    return not negated
            if later.ambiguous is not None:
                raise later.ambiguous
            if later.broken:
                return self.deny  # a variable made an ARN that is none: AWS lets it deny and never allow
        return negated


class _Filled:
    """The literals of one test from its first template on, filled in for one call when they are first needed.

    They count in their order, up to the first that cannot be settled: ``ambiguous``, or ``broken``.
    """

    __slots__ = ("_context", "_first", "_matches", "_test", "ambiguous", "broken")

    def __init__(self, test: Comparison, first: int, context: Context) -> None:
        self._test = test
        self._first = first
        self._context = context
        self._matches: tuple[Match, ...] | None = None
        self.ambiguous: Ambiguous | None = None
        self.broken = False

    def matches(self) -> tuple[Match, ...]:
        if self._matches is None:
            self._matches = self._fill()
        return self._matches

    def _fill(self) -> tuple[Match, ...]:
        test, context = self._test, self._context
        kind, gather, _ = test.operator
        filled: list[Any] = []
        fixed: list[Any] = []
        for literal in test.literals[self._first :]:
            if not isinstance(literal, Template):
                fixed.append(literal)
                continue
            try:
                pieces = literal.pieces(context)
            except Ambiguous as several:
                self.ambiguous = several
                break
            if pieces is None:
                continue  # no value: nothing equals it, nothing is like it
            context.work.spend(price(pieces))
            made = kind.literal(pieces)
            if made is None:
                self.broken = True
                break
            filled.append(made)
        else:
            if test.trailing is _nothing:
                return (gather(filled),) if filled else ()
            return (_gathered(gather, filled), test.trailing)
        context.work.spend(20 * len(fixed))
        return (_gathered(gather, filled), _gathered(gather, fixed))


def _gathered(gather: Callable[[Sequence[Any]], Match], literals: Sequence[Any]) -> Match:
    return gather(literals) if literals else _nothing


def _nothing(_: object, __: Work) -> bool:
    return False


# Members of an enumeration are slow to look up on their class; these are on the path of every call.
_ONE, _ANY = Quantifier.ONE, Quantifier.ANY


def compile_test(
    name: str, key_name: str, literals: Sequence[str], *, deny: bool, key_policy: bool, with_variables: bool
) -> Test:
    """One member of a Condition element, or the refusal of an unknown operator, a nameless key or a literal of the
    wrong type.
    """
    if ":" not in key_name.strip(":"):
        raise errors.malformed_policy("Actions/Conditions must be prefaced by a vendor, e.g., iam, sdb, ec2, etc.")
    key = reading(key_name, key_policy=key_policy)
    if name == "Null":
        wanted = {_truth(literal) for literal in literals}
        return Presence(key, when_absent=True in wanted, when_present=False in wanted)
    quantifier, bare, if_exists = _dissect(name)
    row = OPERATORS.get(bare)
    if row is None:
        raise errors.malformed_policy(f"Invalid Condition type : {shown(name)}")
    compiled = tuple(_literal(bare, row.kind, literal, key_policy, with_variables) for literal in literals)
    first = next((at for at, literal in enumerate(compiled) if isinstance(literal, Template)), None)
    return Comparison(
        key=key,
        operator=row,
        quantifier=quantifier,
        when_absent=if_exists or quantifier is Quantifier.ALL or (quantifier is Quantifier.ONE and row.negated),
        deny=deny,
        literals=compiled,
        first_template=first,
        leading=_gathered(row.gather, compiled[:first]),
        trailing=_gathered(row.gather, [each for each in compiled[first:] if not isinstance(each, Template)]),
    )


def operator_of(name: str) -> str:
    """The bare operator of one with a set prefix or ``IfExists``."""
    return _dissect(name)[1]


def is_operator(name: str) -> bool:
    return name == "Null" or operator_of(name) in OPERATORS


def _dissect(name: str) -> tuple[Quantifier, str, bool]:
    quantifier = Quantifier.ONE
    for each in (Quantifier.ALL, Quantifier.ANY):
        if name.startswith(each.value):
            quantifier, name = each, name.removeprefix(each.value)
            break
    return quantifier, name.removesuffix("IfExists"), name.endswith("IfExists")


def _literal(name: str, kind: Kind, text: str, key_policy: bool, with_variables: bool) -> Any:
    if kind.variables and with_variables:
        parsed = variables.parse(text, key_policy=key_policy)
        if isinstance(parsed, Template):
            return parsed
        compiled = kind.literal(parsed)
    else:
        compiled = kind.literal((Piece(text),))
    if compiled is None:
        raise errors.malformed_policy(f"The value {shown(text)} is not valid for the condition operator {name}.")
    return compiled


def shown(text: str) -> str:
    """A text of the policy as a refusal may repeat it: one short line."""
    line = "".join(character if character.isprintable() else " " for character in text[:80])
    return f"'{line}'" if len(text) <= 80 else f"'{line}...'"
