"""The work that one call may put into its conditions: a hard bound, whatever the policy and the request.

Guarantees: literals, patterns and the values of a request are multiplied with each other only against this account;
when it is used up, `Exhausted` is raised for every statement that would need more, and the statement is settled
closed: a Deny matches, an Allow does not (`Statement.applies`). What is outside the account grows with the size of
the policies alone: finding the statements that speak of a principal and an action, and statements without conditions.

A unit is about 0.1 microseconds, so that `LIMIT` units are some twenty to thirty milliseconds. Fifty statements that
each compare a hundred values with a list of prefixes of any length use a third of it, with exact texts a sixth. What
meets it is trying patterns one by one that only their middle tells apart: about 15,000 tries of a pattern of several
stars, or 4,000 of one with question marks, against values of twenty characters. That takes, say, eighty such
patterns in a policy and fifty such values in one request.
"""

from __future__ import annotations

from typing import Final

LIMIT: Final = 200_000
UNBOUNDED: Final = 1 << 60  # for what is bounded by the size of one statement


class Exhausted(Exception):
    """The work of this call is used up."""


class Work:
    """What is left of the work of one call; below zero when it was not enough."""

    __slots__ = ("left",)

    def __init__(self, limit: int = LIMIT) -> None:
        self.left = limit

    @property
    def exhausted(self) -> bool:
        return self.left < 0

    def spend(self, units: int) -> None:
        """Take the units off before the work is done. Raises `Exhausted`, and from then on every time."""
        self.left -= units
        if self.left < 0:
            raise Exhausted
