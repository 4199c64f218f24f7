"""Conditions of policy statements: the operators, and what is compared with what.

Guarantees: every test is compiled when the policy is read, so that a literal that its operator cannot read (a date
that is none) is refused then and not met in a call; a test asks for a value only when it is reached. A new operator
is one row of `OPERATORS`; a new condition key is one row of `facts.KEYS`.

A key that is absent fails the positive operators and passes the negated ones; ``…IfExists`` passes, ``ForAllValues:``
passes, ``ForAnyValue:`` fails. A list key never passes an operator without a set prefix, not even a negated one.
Where names that differ in case alone leave several values for a single-valued key, an Allow needs all of them to pass
and a Deny one.

Sources: "IAM JSON policy elements: Condition operators", "Conditions with multiple context keys or values" (IAM user
guide), and what IAM was seen to do with values its operators cannot read.
"""

from __future__ import annotations

import operator
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from enum import Enum
from typing import Any, Final, NamedTuple, Protocol

from keystead import errors
from keystead.domain import arn
from keystead.domain.policy import values, variables
from keystead.domain.policy.facts import KEYS, PREFIXES, Context, Facts, Reading, reading
from keystead.domain.policy.variables import Template
from keystead.domain.policy.wildcard import Matcher, Piece, matcher, plain

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
    no. ``variables``: may the literal hold policy variables.
    """

    literal: Callable[[Sequence[Piece]], Any]
    read: Callable[[str], Any]
    unreadable: bool = False
    variables: bool = False


class Operator(NamedTuple):
    """``compare(value of the request, literal)`` under a name; ``negated`` operators pass when no literal compares."""

    kind: Kind
    compare: Callable[[Any, Any], bool]
    negated: bool = False


def _same(text: str) -> str:
    return text


def _truth(text: str) -> bool:
    return text.lower() == "true"


def _of_text(read: Callable[[str], Any]) -> Callable[[Sequence[Piece]], Any]:
    return lambda pieces: read(plain(pieces))


def _fits(text: str, pattern: Matcher) -> bool:
    return pattern(text)


def _arn_fits(name: arn.Arn, pattern: values.ArnPattern) -> bool:
    return pattern.matches(name)


def _in_network(address: values.Address, network: values.Network) -> bool:
    return network.holds(address)


_TEXT: Final = Kind(plain, _same, variables=True)
# str.lower is what AWS was seen to do: it knows the final sigma and equates K with the Kelvin sign, but not "ß" with
# "SS".
_FOLDED: Final = Kind(_of_text(str.lower), str.lower, variables=True)
_PATTERN: Final = Kind(matcher, _same, variables=True)
_NUMBER: Final = Kind(_of_text(values.number), values.number, unreadable=True)
_DATE: Final = Kind(_of_text(values.date), values.date, unreadable=True)
_BOOL: Final = Kind(_of_text(_truth), _truth, variables=True)
_BINARY: Final = Kind(_of_text(values.binary), _same)
_ADDRESS: Final = Kind(_of_text(values.network), values.address)
_ARN: Final = Kind(values.arn_pattern, arn.parse, variables=True)

OPERATORS: Final[Mapping[str, Operator]] = {
    "StringEquals": Operator(_TEXT, operator.eq),
    "StringNotEquals": Operator(_TEXT, operator.eq, negated=True),
    "StringEqualsIgnoreCase": Operator(_FOLDED, operator.eq),
    "StringNotEqualsIgnoreCase": Operator(_FOLDED, operator.eq, negated=True),
    "StringLike": Operator(_PATTERN, _fits),
    "StringNotLike": Operator(_PATTERN, _fits, negated=True),
    "NumericEquals": Operator(_NUMBER, operator.eq),
    "NumericNotEquals": Operator(_NUMBER, operator.eq, negated=True),
    "NumericLessThan": Operator(_NUMBER, operator.lt),
    "NumericLessThanEquals": Operator(_NUMBER, operator.le),
    "NumericGreaterThan": Operator(_NUMBER, operator.gt),
    "NumericGreaterThanEquals": Operator(_NUMBER, operator.ge),
    "DateEquals": Operator(_DATE, operator.eq),
    "DateNotEquals": Operator(_DATE, operator.eq, negated=True),
    "DateLessThan": Operator(_DATE, operator.lt),
    "DateLessThanEquals": Operator(_DATE, operator.le),
    "DateGreaterThan": Operator(_DATE, operator.gt),
    "DateGreaterThanEquals": Operator(_DATE, operator.ge),
    "Bool": Operator(_BOOL, operator.eq),
    "BinaryEquals": Operator(_BINARY, operator.eq),
    "IpAddress": Operator(_ADDRESS, _in_network),
    "NotIpAddress": Operator(_ADDRESS, _in_network, negated=True),
    "ArnEquals": Operator(_ARN, _arn_fits),
    "ArnLike": Operator(_ARN, _arn_fits),
    "ArnNotEquals": Operator(_ARN, _arn_fits, negated=True),
    "ArnNotLike": Operator(_ARN, _arn_fits, negated=True),
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
        """Does the call pass. May raise `variables.Ambiguous`."""


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
    """Any operator but ``Null``. ``literals`` are compiled, but for templates; ``equal`` holds them all where
    equality decides.
    """

    key: Reading
    operator: Operator
    quantifier: Quantifier
    when_absent: bool
    deny: bool
    literals: tuple[Any, ...]
    equal: frozenset[Any] | None

    @property
    def steady(self) -> bool:
        return self.key.steady and all(each.steady for each in self.literals if isinstance(each, Template))

    def passes(self, context: Context) -> bool:
        found = context.values(self.key)
        if found is None:
            return self.when_absent
        if self.quantifier is Quantifier.ONE:
            if self.key.many:
                return False
            if len(found) == 1:
                return self._holds(found[0], context)
        if self.quantifier is Quantifier.ANY or (self.quantifier is Quantifier.ONE and self.deny):
            return any(self._holds(value, context) for value in found)
        return all(self._holds(value, context) for value in found)

    def _holds(self, text: str, context: Context) -> bool:
        kind, compare, negated = self.operator
        value = kind.read(text)
        if value is None:
            return negated and kind.unreadable
        if self.equal is not None:
            return (value in self.equal) is not negated
        for literal in self.literals:
            if isinstance(literal, Template):
                pieces = literal.pieces(context)
                if pieces is None:
                    continue  # no value: nothing equals it, nothing is like it
                literal = kind.literal(pieces)  # noqa: PLW2901
                if literal is None:
                    return self.deny  # a variable made an ARN that is none: AWS lets it deny and never allow
            if compare(value, literal):
                return not negated
        return negated


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
    still = not any(isinstance(literal, Template) for literal in compiled)
    return Comparison(
        key=key,
        operator=row,
        quantifier=quantifier,
        when_absent=if_exists or quantifier is Quantifier.ALL or (quantifier is Quantifier.ONE and row.negated),
        deny=deny,
        literals=compiled,
        equal=frozenset(compiled) if still and row.compare is operator.eq else None,
    )


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
