"""Policy variables: ``${aws:username}``, ``${aws:PrincipalTag/team, 'none'}``, and the escapes ``${*}``, ``${?}``,
``${$}``.

Guarantees: a value that is put in place of a variable is literal, a star in it is a star; a variable whose key is
absent or has many values makes the whole text valueless (`Template.pieces` answers None) unless a default steps in
for an absent one. Variables are read only where the document's version is 2012-10-17; the caller sees to that.

Source: "IAM policy elements: Variables and tags" (IAM user guide).
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final, NamedTuple

from keystead import errors
from keystead.domain.policy.facts import Context, Reading, reading
from keystead.domain.policy.wildcard import Piece

_MARK: Final = "${"
_VARIABLE: Final = re.compile(r"\$\{(?:([*?$])|([^}{$,']+)(?:,\s*'([^'{}]*)'\s*)?)\}")


class Ambiguous(Exception):
    """A single-valued key has several values in this call, so no text can be put in its place.

    It happens only where names differ in case alone (tags ``Team`` and ``team``). Caught where the effect of the
    statement is known.
    """


class Variable(NamedTuple):
    key: Reading
    default: str | None


@dataclass(frozen=True, slots=True)
class Template:
    """A text with variables: literal pieces and places to fill."""

    parts: tuple[Piece | Variable, ...]

    @property
    def steady(self) -> bool:
        return all(part.key.steady for part in self.parts if isinstance(part, Variable))

    def pieces(self, context: Context) -> tuple[Piece, ...] | None:
        """The text for this call, or None when a variable has no value. Raises `Ambiguous` and `work.Exhausted`."""
        context.work.spend(4 * len(self.parts))
        filled: list[Piece] = []
        for part in self.parts:
            if isinstance(part, Piece):
                filled.append(part)
                continue
            values = context.values(part.key)
            if values is None:
                if part.default is None:
                    return None
                filled.append(Piece(part.default, wild=False))
            elif part.key.many:
                return None  # AWS uses not even the default here
            elif len(values) > 1:
                raise Ambiguous
            else:
                filled.append(Piece(values[0], wild=False))
        return tuple(filled)


def parse(text: str, *, key_policy: bool) -> tuple[Piece, ...] | Template:
    """The pieces of a text without variables, or the template of one with. Refuses what begins a variable and does
    not end it.
    """
    parts: list[Piece | Variable] = []
    at = 0
    while (start := text.find(_MARK, at)) >= 0:
        found = _VARIABLE.match(text, start)
        if found is None or (found[1] is None and not found[2].strip()):
            raise errors.malformed_policy("The policy contains an invalid policy variable.")
        if start > at:
            parts.append(Piece(text[at:start]))
        escape, name, default = found.groups()
        if escape is not None:
            parts.append(Piece(escape, wild=False))
        else:
            parts.append(Variable(reading(name.strip(), key_policy=key_policy), default))
        at = found.end()
    if at < len(text) or not parts:
        parts.append(Piece(text[at:]))
    literal = tuple(part for part in parts if isinstance(part, Piece))
    return literal if len(literal) == len(parts) else Template(tuple(parts))


def names(text: str) -> Iterator[str]:
    """The condition keys whose values a text wants, as it spells them."""
    return (found[2].strip() for found in _VARIABLE.finditer(text) if found[2] is not None)
