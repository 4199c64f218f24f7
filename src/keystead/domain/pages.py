"""Paging: what a marker remembers, and how a page is cut.

A marker names the operation, its account and region, the question asked and the last item given, so that it continues
that list only. It is sealed before it leaves (`services.call`), so a caller can neither read nor make one."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Generic, TypeVar

import msgspec

from keystead import errors

T = TypeVar("T")


class Marker(msgspec.Struct, frozen=True, array_like=True):
    """Where a list stopped: ``question`` is what was asked besides paging (a key id, or empty), ``after`` the last
    item given."""

    operation: str
    account: str
    region: str
    question: str
    after: str

    def encode(self) -> bytes:
        return msgspec.msgpack.encode(self)


def decode(data: bytes, operation: str, account: str, region: str, question: str) -> str:
    """The item after which the list continues. Refuses a marker of another list with InvalidMarkerException."""
    try:
        marker = msgspec.msgpack.decode(data, type=Marker)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:  # the second: a text that is not UTF-8
        raise errors.invalid_marker() from error
    if (marker.operation, marker.account, marker.region, marker.question) != (operation, account, region, question):
        raise errors.invalid_marker()
    return marker.after


@dataclass(frozen=True, slots=True)
class Page(Generic[T]):
    """Items of one answer; ``truncated`` says that there are more."""

    items: Sequence[T]
    truncated: bool


def cut(found: Sequence[T], limit: int) -> Page[T]:
    """``found`` holds up to ``limit + 1`` items: the one too many only says that the list goes on."""
    return Page(found[:limit], len(found) > limit)
