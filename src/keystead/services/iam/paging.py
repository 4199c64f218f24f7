"""Lists, cut into pages as IAM does: Marker and MaxItems in, IsTruncated and Marker out.

Guarantees: walking the pages of a list that does not change shows every item once, whatever their size. A marker is
good for the list it came from alone; any other is refused (ValidationError "Invalid Marker.")."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any, Generic, NamedTuple, Protocol, TypeVar

from keystead import errors
from keystead.services.call import Call
from keystead.store.interface import Reader

T = TypeVar("T")


class Asked(Protocol):
    """What every request for a list has."""

    @property
    def marker(self) -> str | None: ...
    @property
    def max_items(self) -> int | None: ...


class Page(NamedTuple, Generic[T]):
    """Items of one answer, with what it says of the rest."""

    items: Sequence[T]
    is_truncated: bool
    marker: str | None


def page(
    call: Call[Any],
    question: str,
    find: Callable[[Reader, str | None, int], Iterable[T]],
    name: Callable[[T], str],
    weigh: Callable[[T], int] | None = None,
) -> Page[T]:
    """A page of what ``find`` finds after the item of a ``name``, at most so many. ``question`` is what the request asks
    for besides: a user's name, a prefix, … Items that show documents are weighed by their characters (`Call.page`)."""
    request: Asked = call.request
    found, marker = call.page(request.max_items, request.marker, question, find, name, weigh)
    return Page(found.items, found.truncated, marker)


def page_of(call: Call[Any], question: str, items: Sequence[T], name: Callable[[T], str]) -> Page[T]:
    """A page of items that are at hand, in the order in which they are. Their names are all different."""

    def after(_reader: Reader, last: str | None, limit: int) -> Sequence[T]:
        if last is None:
            return items[:limit]
        places = [place for place, item in enumerate(items) if name(item) == last]
        if not places:  # it has gone since; nothing tells where the list went on
            raise errors.invalid_marker()
        return items[places[0] + 1 :][:limit]

    return page(call, question, after, name)


def empty(call: Call[Any], question: str = "") -> Page[Any]:
    """The one page of a list of what Keystead does not have. No marker can be of it."""
    return page_of(call, question, (), str)
