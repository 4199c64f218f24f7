"""Numbers, dates, addresses, ARNs and base64 as they are written in policies and in requests.

Each reader answers None for a text that is not of its kind and never raises: what that means (a policy refused, a
test that does not match) is for the caller to say. The lenient spellings are those AWS accepts: leading zeroes and a
plus sign in numbers, leading zeroes in IPv4 octets, seconds since the epoch for dates.
"""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta, timezone
from decimal import Decimal
from ipaddress import AddressValueError, IPv6Address
from typing import Final, NamedTuple

from keystead.domain.policy.wildcard import Pattern, Piece, pattern

_NUMBER: Final = re.compile(r"[+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d{1,4})?", re.ASCII)
_EPOCH: Final = re.compile(r"-?\d{1,14}(?:\.\d{1,9})?", re.ASCII)
_DATE: Final = re.compile(
    r"(\d{4})-(\d\d)(?:-(\d\d)(?:T(\d\d):(\d\d)(?::(\d\d)(?:\.(\d{1,9}))?)?(?:Z|([+-])(\d\d):?(\d\d)))?)?",
    re.ASCII | re.IGNORECASE,
)
_OCTETS: Final = re.compile(r"(\d{1,3})\.(\d{1,3})\.(\d{1,3})\.(\d{1,3})", re.ASCII)
_PREFIX: Final = re.compile(r"\+?\d{1,3}", re.ASCII)
_START: Final = datetime(1970, 1, 1, tzinfo=UTC)
_NUMBER_LENGTH: Final = 128  # no number of a request is longer; exact comparison of longer ones would only cost time


def number(text: str) -> Decimal | None:
    """A decimal number, exactly. NaN and infinities are not numbers."""
    if len(text) > _NUMBER_LENGTH or _NUMBER.fullmatch(text) is None:
        return None
    return Decimal(text)


def date(text: str) -> int | None:
    """Milliseconds since the epoch, from ISO 8601 (W3C profile: a time needs its zone) or from seconds since the
    epoch.
    """
    if _EPOCH.fullmatch(text) is not None:
        return int(Decimal(text) * 1000)
    found = _DATE.fullmatch(text)
    if found is None:
        return None
    year, month, day, hour, minute, second, fraction, sign, zone_hours, zone_minutes = found.groups()
    offset = timedelta(hours=int(zone_hours or 0), minutes=int(zone_minutes or 0))
    try:
        moment = datetime(
            int(year),
            int(month),
            int(day or 1),
            int(hour or 0),
            int(minute or 0),
            int(second or 0),
            int((fraction or "0")[:3].ljust(3, "0")) * 1000,
            timezone(-offset if sign == "-" else offset),
        )
        return (moment - _START) // timedelta(milliseconds=1)
    except (ValueError, OverflowError):
        return None


class Address(NamedTuple):
    version: int
    bits: int


class Network(NamedTuple):
    version: int
    bits: int
    mask: int


def address(text: str) -> Address | None:
    """The address of a request. One that is IPv4 in IPv6 clothes is IPv4; a zone (``%eth0``) is dropped."""
    four = _ipv4(text)
    if four is not None:
        return Address(4, four)
    try:
        six = IPv6Address(text.partition("%")[0])
    except AddressValueError:
        return None
    mapped = six.ipv4_mapped
    return Address(6, int(six)) if mapped is None else Address(4, int(mapped))


def network(text: str) -> Network | None:
    """An address or CIDR block of a policy. Host bits are ignored in IPv4; in IPv6, where AWS matches nothing, they
    are a defect.
    """
    base, slash, length = text.partition("/")
    if slash and _PREFIX.fullmatch(length) is None:
        return None
    four = _ipv4(base)
    width = 128 if four is None else 32
    size = int(length) if slash else width
    if size > width:
        return None
    mask = (1 << width) - (1 << (width - size))
    if four is not None:
        return Network(4, four & mask, mask)
    if "." in base or "%" in base:
        return None
    try:
        six = int(IPv6Address(base))
    except AddressValueError:
        return None
    return None if six & ~mask else Network(6, six, mask)


def _ipv4(text: str) -> int | None:
    found = _OCTETS.fullmatch(text)
    if found is None:
        return None
    octets = [int(octet) for octet in found.groups()]
    if max(octets) > 255:
        return None
    return octets[0] << 24 | octets[1] << 16 | octets[2] << 8 | octets[3]


def binary(text: str) -> str | None:
    """Base64 in its canonical spelling: AWS compares the spelling, so ``YR==`` is not ``YQ==``."""
    try:
        return base64.b64encode(base64.b64decode(text, validate=True)).decode("ascii")
    except (binascii.Error, ValueError):
        return None


class ArnPattern(NamedTuple):
    """Patterns for partition, service, region, account and resource: a wildcard never spans two parts of an ARN.

    ``parts`` is None for the pattern of any ARN.
    """

    parts: tuple[Pattern, ...] | None


def arn_pattern(pieces: Sequence[Piece]) -> ArnPattern | None:
    """None unless the pattern has an ARN's six parts; a lone ``*`` stands for any ARN."""
    if [tuple(piece) for piece in pieces] == [("*", True)]:
        return ArnPattern(None)
    parts: list[list[Piece]] = [[]]
    for text, wild in pieces:
        first, *rest = text.split(":", 6 - len(parts))
        parts[-1].append(Piece(first, wild))
        parts.extend([Piece(part, wild)] for part in rest)
    if (
        len(parts) != 6
        or "".join(piece.text for piece in parts[0]) != "arn"
        or not any(piece.text for piece in parts[5])
    ):
        return None
    return ArnPattern(tuple(pattern(part) for part in parts[1:]))
