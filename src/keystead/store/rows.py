"""Rows and values: how a `Key`, `Material`, `Grant`, `Alias`, `Identity`, `Group`, `ManagedPolicy` or access key becomes
columns, is sealed with a MAC, and comes back.

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
from enum import StrEnum
from typing import Any, Final, TypeAlias, TypeVar

import msgspec

from keystead.domain.grants import Grant, likeness
from keystead.domain.holdings import bits, demand, describes
from keystead.domain.identity import Group, Identity, IdentityKind, ManagedPolicy, PolicyVersion
from keystead.domain.key import Alias, ExpirationModel, Key, KeyState, Material, MaterialState, RotationType
from keystead.store.identities import StoredAccessKey
from keystead.store.interface import RowMac, StoreTampered, StoreUnusable

T = TypeVar("T")

Columns: TypeAlias = tuple[Any, ...]

_LABEL: Final = "keystead row 1"
_encode: Final = msgspec.msgpack.Encoder().encode
_json: Final = msgspec.json.Encoder().encode
_pairs: Final = msgspec.json.Decoder(tuple[tuple[str, str], ...]).decode
_texts: Final = msgspec.json.Decoder(tuple[str, ...]).decode
_versions: Final = msgspec.json.Decoder(tuple[PolicyVersion, ...]).decode


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


def _text_or_none(value: StrEnum | None) -> str | None:
    return None if value is None else value.value


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
        key.primary_region,
        key.rotation_period_days,
        _number_or_none(key.next_rotation),
        _text_or_none(key.expiration_model),
        _number_or_none(key.valid_to),
        key.pending_window_days,
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
        primary_region=columns[16],
        rotation_period_days=columns[17],
        next_rotation=columns[18],
        expiration_model=None if columns[19] is None else ExpirationModel(columns[19]),
        valid_to=columns[20],
        pending_window_days=columns[21],
    )


def material_columns(material: Material) -> Columns:
    return (
        material.account,
        material.region,
        material.key_id,
        material.material_id,
        material.version,
        material.state.value,
        int(material.present),
        _number(material.created),
        _number_or_none(material.rotation_date),
        _text_or_none(material.rotation_type),
        _text_or_none(material.expiration_model),
        _number_or_none(material.valid_to),
        material.description,
    )


def material_of(columns: Columns) -> Material:
    *_, rotation_type, expiration_model, valid_to, description = columns
    return Material(
        account=columns[0],
        region=columns[1],
        key_id=columns[2],
        material_id=columns[3],
        version=columns[4],
        state=MaterialState(columns[5]),
        present=columns[6] != 0,
        created=columns[7],
        rotation_date=columns[8],
        rotation_type=None if rotation_type is None else RotationType(rotation_type),
        expiration_model=None if expiration_model is None else ExpirationModel(expiration_model),
        valid_to=valid_to,
        description=description,
    )


def grant_columns(grant: Grant) -> Columns:
    return (
        grant.account,
        grant.region,
        grant.key_id,
        grant.grant_id,
        grant.grantee,
        _json(grant.operations).decode(),
        grant.issuing_account,
        _number(grant.created),
        grant.name,
        int(grant.grantee_service),
        grant.retiring,
        int(grant.retiring_service),
        None if grant.context_equals is None else _json(grant.context_equals).decode(),
        None if grant.context_subset is None else _json(grant.context_subset).decode(),
        grant.source_arn,
        likeness(grant),
        demand(grant),
        bits(grant.operations),
        describes(grant),
    )


def grant_of(columns: Columns) -> Grant:
    equals, subset = columns[12], columns[13]
    return Grant(
        account=columns[0],
        region=columns[1],
        key_id=columns[2],
        grant_id=columns[3],
        grantee=columns[4],
        operations=_texts(columns[5]),
        issuing_account=columns[6],
        created=columns[7],
        name=columns[8],
        grantee_service=columns[9] != 0,
        retiring=columns[10],
        retiring_service=columns[11] != 0,
        context_equals=None if equals is None else _pairs(equals),
        context_subset=None if subset is None else _pairs(subset),
        source_arn=columns[14],
    )


def alias_columns(alias: Alias) -> Columns:
    return (alias.account, alias.region, alias.name, alias.key_id, _number(alias.created), _number(alias.updated))


def alias_of(columns: Columns) -> Alias:
    return Alias(*columns)


def folded(name: str) -> str:
    """What names that differ by case alone have in common."""
    return name.lower()


def identity_columns(identity: Identity) -> Columns:
    return (
        identity.unique_id,
        identity.arn,
        identity.account,
        identity.kind.value,
        identity.path,
        identity.name,
        folded(identity.name),
        _number(identity.created),
        _json(identity.tags).decode(),
        _json(identity.inline).decode(),
        _json(identity.attached).decode(),
        identity.boundary,
        _json(identity.groups).decode(),
        identity.trust,
        identity.description,
        identity.max_session,
    )


def identity_of(columns: Columns) -> Identity:
    unique_id, _arn, account, kind, path, name, _folded, created, tags, *others = columns
    inline, attached, boundary, member_of, trust, description, max_session = others
    return Identity(
        kind=IdentityKind(kind),
        account=account,
        path=path,
        name=name,
        unique_id=unique_id,
        created=created,
        tags=_pairs(tags),
        inline=_pairs(inline),
        attached=_texts(attached),
        boundary=boundary,
        groups=_texts(member_of),
        trust=trust,
        description=description,
        max_session=max_session,
    )


def group_columns(group: Group) -> Columns:
    return (
        group.unique_id,
        group.account,
        group.path,
        group.name,
        folded(group.name),
        _number(group.created),
        _json(group.inline).decode(),
        _json(group.attached).decode(),
    )


def group_of(columns: Columns) -> Group:
    unique_id, account, path, name, _folded, created, inline, attached = columns
    return Group(account, path, name, unique_id, created, _pairs(inline), _texts(attached))


def managed_policy_columns(policy: ManagedPolicy) -> Columns:
    return (
        policy.arn,
        policy.account,
        policy.path,
        policy.name,
        folded(policy.name),
        policy.unique_id,
        _number(policy.created),
        _number(policy.updated),
        policy.description,
        policy.default,
        policy.newest,
        _json([(number, text, _number(created)) for number, text, created in policy.versions]).decode(),
        _json(policy.tags).decode(),
    )


def managed_policy_of(columns: Columns) -> ManagedPolicy:
    _arn, account, path, name, _folded, unique_id, created, updated, *others = columns
    description, default, newest, versions, tags = others
    return ManagedPolicy(
        account=account,
        path=path,
        name=name,
        unique_id=unique_id,
        created=created,
        updated=updated,
        description=description,
        default=default,
        newest=newest,
        versions=_versions(versions),
        tags=_pairs(tags),
    )


def access_key_columns(row: StoredAccessKey) -> Columns:
    """The columns that the MAC covers: the sealed secret itself, not the slot where it lies."""
    return (row.access_key_id, row.identity_id, row.sealed_secret, int(row.active), _number(row.created))


def access_key_of(columns: Columns) -> StoredAccessKey:
    access_key_id, identity_id, sealed_secret, active, created = columns
    return StoredAccessKey(access_key_id, identity_id, sealed_secret, active != 0, created)
