"""The literals of one condition test as one: does a value of a request compare with any of them.

Guarantees: the answer is that of comparing the value with each literal in turn. Literals that are equal count once;
what equality, order, a network or a plain ARN can decide is looked up and not tried one by one. What has to be tried is
paid for first (`work.Work`), so that literals times values is bounded whatever their numbers.

Does not read values: what is handed in has the type of the literals.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from keystead.domain import arn
from keystead.domain.policy.values import Address, ArnPattern, Network
from keystead.domain.policy.wildcard import AnyOf, Pattern, gathered
from keystead.domain.policy.work import Work

Match = Callable[[Any, Work], bool]
"""Does the value compare with one of the literals. Raises `work.Exhausted`."""


def equal(literals: Sequence[Any]) -> Match:
    """The value equals a literal."""
    known = frozenset(literals)
    return lambda value, _: value in known


def less(literals: Sequence[Any]) -> Match:
    """The value is less than a literal: less than the greatest of them."""
    greatest = max(literals)
    return lambda value, _: value < greatest


def less_or_equal(literals: Sequence[Any]) -> Match:
    greatest = max(literals)
    return lambda value, _: value <= greatest


def greater(literals: Sequence[Any]) -> Match:
    """The value is greater than a literal: greater than the least of them."""
    least = min(literals)
    return lambda value, _: value > least


def greater_or_equal(literals: Sequence[Any]) -> Match:
    least = min(literals)
    return lambda value, _: value >= least


def like(literals: Sequence[Pattern]) -> Match:
    """The value fits a pattern."""
    if len(literals) == 1 and literals[0].literal is None:
        return literals[0].matches
    return gathered(literals).matches


def networks(literals: Sequence[Network]) -> Match:
    """The address is in a network. There are no more masks than bits in an address, so each is tried once."""
    known: dict[tuple[int, int], set[int]] = {}
    for each in literals:
        known.setdefault((each.version, each.mask), set()).add(each.bits)
    rows = tuple((version, mask, frozenset(bits)) for (version, mask), bits in known.items())

    def holds(address: Address, work: Work) -> bool:
        work.spend(len(rows))
        version, bits = address
        return any(version == of and bits & mask in group for of, mask, group in rows)

    return holds


def arns(literals: Sequence[ArnPattern]) -> Match:
    """The ARN fits a pattern, part by part. The patterns are grouped by their first four parts; where these hold no
    wildcards the group is looked up.
    """
    everything = False
    looked_up: dict[tuple[str, ...], list[Pattern]] = {}
    tried: dict[tuple[str, ...], tuple[tuple[Pattern, ...], list[Pattern]]] = {}
    for each in literals:
        if each.parts is None:
            everything = True
            continue
        *heads, resource = each.parts
        plain = [head.literal[0] for head in heads if head.literal is not None and len(head.literal) == 1]
        if len(plain) == 4:
            looked_up.setdefault(tuple(plain), []).append(resource)
        else:
            spelling = tuple(head.spelling for head in heads)
            tried.setdefault(spelling, (tuple(heads), []))[1].append(resource)
    groups = {heads: gathered(resources) for heads, resources in looked_up.items()}
    rows: tuple[tuple[tuple[Pattern, ...], AnyOf], ...] = tuple(
        (heads, gathered(resources)) for heads, resources in tried.values()
    )

    def fits(name: arn.Arn, work: Work) -> bool:
        if everything:
            return True
        group = groups.get(name[:4]) if groups else None
        if group is not None and group.matches(name.resource, work):
            return True
        for heads, resources in rows:
            for head, text in zip(heads, name, strict=False):
                if not head.matches(text, work):
                    break
            else:
                if resources.matches(name.resource, work):
                    return True
        return False

    return fits
