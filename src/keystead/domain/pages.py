"""Paging: what a marker remembers, and how a page is cut.

A marker names the operation, its account and region, the question asked and the last item given, so that it continues
that list only. It is sealed before it leaves (`services.call`), so a caller can neither read nor make one. All but the
last item stands in it as a digest: sealed and in Base64 a marker may not be longer than the 320 characters that IAM's
model gives it, whatever was asked."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Final, Generic, TypeVar

import msgspec

from keystead import errors
from keystead.domain.limits import PAGE_CHARACTERS

T = TypeVar("T")

_DIGEST_BYTES: Final = 16


class Marker(msgspec.Struct, frozen=True):
    """Where a list stopped: ``question`` is what was asked besides paging (a key id, or empty), ``after`` the last
    item given."""

    operation: str
    account: str
    region: str
    question: str
    after: str

    def encode(self) -> bytes:
        list_name = (self.operation, self.account, self.region, self.question)
        return msgspec.msgpack.encode((_digest(*list_name), self.after))


def _digest(*list_name: str) -> bytes:
    """Which list it is. MessagePack keeps the parts apart."""
    return hashlib.sha256(msgspec.msgpack.encode(("keystead marker 1", *list_name))).digest()[:_DIGEST_BYTES]


def decode(data: bytes, operation: str, account: str, region: str, question: str) -> str:
    """The item after which the list continues. Refuses a marker of another list with InvalidMarkerException."""
    try:
        digest, after = msgspec.msgpack.decode(data, type=tuple[bytes, str])
    except (msgspec.DecodeError, UnicodeDecodeError) as error:  # the second: a text that is not UTF-8
        raise errors.invalid_marker() from error
    if digest != _digest(operation, account, region, question):
        raise errors.invalid_marker()
    return after


@dataclass(frozen=True, slots=True)
class Page(Generic[T]):
    """Items of one answer; ``truncated`` says that there are more."""

    items: Sequence[T]
    truncated: bool


def cut(
    found: Iterable[T], limit: int, weigh: Callable[[T], int] | None = None, most: int = PAGE_CHARACTERS
) -> Page[T]:
    """``found`` holds up to ``limit + 1`` items: the one too many only says that the list goes on. Where items are
    weighed, all but the first have to weigh no more than ``most`` together with those before them; no more is taken of
    ``found`` than that needs."""
    items: list[T] = []
    weight = 0
    for item in found:
        weight += weigh(item) if weigh else 0
        if len(items) == limit or (items and weight > most):
            return Page(items, True)
        items.append(item)
    return Page(items, False)
