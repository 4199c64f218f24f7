"""Rows and values: how a `Key`, `Alias`, `Principal` or access key becomes columns, is sealed with a MAC, and comes
back.

Guarantees: what is written comes back equal, or is refused as tampered; the MAC input is injective (two different
rows, also of different tables, never give the same bytes) and begins with a label of its own. Does not guarantee
freshness: an older authentic row put back by somebody passes.

The MAC input is MessagePack of (label, table, columns in the order of `statements`). MessagePack is self-delimiting
and typed, and a decoder is a function of the bytes, so equal bytes mean equal columns. Numbers are normalised before,
so that a database that stores 5.0 as 5, or minus zero as zero, changes nothing.
"""

from __future__ import annotations

import hmac
from collections.abc import Sequence
from typing import Any, Final, TypeAlias, TypeVar

import msgspec

from keystead.domain.caller import Principal, PrincipalKind
from keystead.domain.key import Alias, Key, KeyState
from keystead.store.interface import RowMac, StoredAccessKey, StoreTampered, StoreUnusable

T = TypeVar("T")

Columns: TypeAlias = tuple[Any, ...]

_LABEL: Final = "keystead row 1"
_encode: Final = msgspec.msgpack.Encoder().encode
_json: Final = msgspec.json.Encoder().encode
_pairs: Final = msgspec.json.Decoder(tuple[tuple[str, str], ...]).decode
_texts: Final = msgspec.json.Decoder(tuple[str, ...]).decode


class Seal:
    """Writes and checks the MACs of rows. Without a MAC function it checks nothing and refuses to write."""

    __slots__ = ("_row_mac",)

    def __init__(self, row_mac: RowMac | None) -> None:
        self._row_mac = row_mac

    def mac(self, table: str, columns: Columns) -> bytes:
        if self._row_mac is None:
            # A row without a MAC would be refused by every server: better say it now than lock a key out.
            raise StoreUnusable(f"This handle was opened without row MACs and writes no row of table {table}.")
        return self._row_mac(_encode((_LABEL, table, *columns)))

    def columns(self, table: str, name: Sequence[str], row: Columns) -> Columns:
        """The columns of ``row``, whose last value is its MAC. ``name`` is the primary key, for the refusal."""
        columns = row[:-1]
        if not self.holds(table, columns, row[-1]):
            raise StoreTampered(table, name)
        return columns

    def holds(self, table: str, columns: Columns, mac: Any) -> bool:
        """Whether the MAC is that of the columns; always, where nothing is checked."""
        if self._row_mac is None:
            return True
        # A damaged file can hold any type in any column.
        return type(mac) is bytes and hmac.compare_digest(mac, self._row_mac(_encode((_LABEL, table, *columns))))


def _number(value: float) -> float:
    return float(value) + 0.0  # minus zero becomes zero


def _number_or_none(value: float | None) -> float | None:
    return None if value is None else _number(value)


def key_columns(key: Key) -> Columns:
    return (
        key.account,
        key.region,
        key.key_id,
        key.ref,
        key.spec,
        key.usage,
        key.origin,
        key.manager,
        key.state.value,
        key.description,
        _number(key.created),
        key.policy,
        key.material_id,
        _number_or_none(key.deletion_date),
        int(key.multi_region),
        _json(key.tags).decode(),
    )


def key_of(columns: Columns) -> Key:
    return Key(
        account=columns[0],
        region=columns[1],
        key_id=columns[2],
        ref=columns[3],
        spec=columns[4],
        usage=columns[5],
        origin=columns[6],
        manager=columns[7],
        state=KeyState(columns[8]),
        description=columns[9],
        created=columns[10],
        policy=columns[11],
        material_id=columns[12],
        deletion_date=columns[13],
        multi_region=columns[14] != 0,
        tags=_pairs(columns[15]),
    )


def alias_columns(alias: Alias) -> Columns:
    return (alias.account, alias.region, alias.name, alias.key_id, _number(alias.created), _number(alias.updated))


def alias_of(columns: Columns) -> Alias:
    return Alias(*columns)


def principal_columns(principal: Principal, created: float) -> Columns:
    sessions = principal.session_policies
    return (
        principal.arn,
        principal.account,
        principal.kind.value,
        principal.unique_id,
        principal.name,
        principal.role_arn,
        _json(principal.tags).decode(),
        _json(principal.policies).decode(),
        principal.boundary,
        None if sessions is None else _json(sessions).decode(),
        _number(created),
    )


def principal_of(columns: Columns) -> Principal:
    arn, account, kind, unique_id, name, role_arn, tags, policies, boundary, sessions, _created = columns
    return Principal(
        kind=PrincipalKind(kind),
        account=account,
        arn=arn,
        unique_id=unique_id,
        name=name,
        role_arn=role_arn,
        tags=_pairs(tags),
        policies=_pairs(policies),
        boundary=boundary,
        session_policies=None if sessions is None else _texts(sessions),
    )


def access_key_columns(row: StoredAccessKey) -> Columns:
    """The columns that the MAC covers: the sealed secret itself, not the slot where it lies."""
    return (row.access_key_id, row.principal_arn, row.sealed_secret, int(row.active), _number(row.created))


def access_key_of(columns: Columns) -> StoredAccessKey:
    access_key_id, principal_arn, sealed_secret, active, created = columns
    return StoredAccessKey(access_key_id, principal_arn, sealed_secret, active != 0, created)
