"""CreateAlias, UpdateAlias, DeleteAlias, ListAliases.

https://docs.aws.amazon.com/kms/latest/APIReference/API_CreateAlias.html. Each of the three that change something asks
permission twice: on the alias (identity policies) and on every key concerned (authz.md §1.4)."""

from __future__ import annotations

import re
from dataclasses import replace

from keystead import errors
from keystead.domain import arn, limits, managed
from keystead.domain.key import Alias, Key
from keystead.domain.keytypes import KeyTypes
from keystead.domain.references import ALIAS_PREFIX, RESERVED_ALIAS_PREFIX
from keystead.domain.states import States
from keystead.model.generated.kms import (
    AliasListEntry,
    CreateAliasRequest,
    DeleteAliasRequest,
    ListAliasesRequest,
    ListAliasesResponse,
    UpdateAliasRequest,
)
from keystead.services import change
from keystead.services.call import Call
from keystead.services.change import Change, Touch
from keystead.services.table import operation
from keystead.store.interface import Reader

_ALLOWED = re.compile(r"[a-zA-Z0-9/_-]+")


def _check_name(name: str) -> None:
    """Refuse a name that cannot be an alias of a customer (errors.md §5)."""
    if not name.startswith(ALIAS_PREFIX):
        raise errors.validation(
            'Alias must start with the prefix "alias/". Please see '
            "https://docs.aws.amazon.com/kms/latest/developerguide/kms-alias.html"
        )
    if name.startswith(RESERVED_ALIAS_PREFIX):
        raise errors.alias_reserved()
    if not _ALLOWED.fullmatch(name):
        raise errors.validation(f"{name} contains invalid characters for an alias")


def _check_target(text: str) -> None:
    """Refuse an alias where a key is meant."""
    if text.startswith(ALIAS_PREFIX) or (text.startswith("arn:") and ":alias/" in text):
        raise errors.validation("Aliases must refer to keys. Not aliases")


def _touches(name: str, *keys: Key) -> tuple[Touch, ...]:
    """The alias, and each key whose set of aliases (kms:ResourceAliases) is another now."""
    first = keys[0]
    return (
        Touch(change.ALIAS, first.account, first.region, name),
        *(change.touch(key) for key in keys),
    )


@operation(
    "CreateAlias",
    keys=KeyTypes.ANY,
    states=States.EDIT,
    mutates=True,
    logged={"alias_name": None, "target_key_id": None},
)
def create_alias(call: Call[CreateAliasRequest]) -> Change:
    name, account, region = call.request.alias_name, call.caller.account, call.caller.region
    _check_name(name)
    if name == ALIAS_PREFIX:  # the model's pattern lets it pass; no alias can be named nothing
        raise errors.invalid_alias_name()
    _check_target(call.request.target_key_id)
    call.permit_alias("kms:CreateAlias", name)
    key = call.key(call.request.target_key_id)
    if call.facts.alias(account, region, name) is not None:
        raise errors.alias_exists(arn.alias_arn(region, account, name))
    _check_room(call, key)
    alias = Alias(account, region, name, key.key_id, call.now, call.now)
    return Change(None, (lambda transaction: transaction.put_alias(alias),), _touches(name, key))


def _check_room(call: Call[CreateAliasRequest] | Call[UpdateAliasRequest], key: Key) -> None:
    held = call.facts.read(lambda reader: reader.count_aliases(key.account, key.region, key.key_id))
    if held >= limits.ALIASES_PER_KEY:
        raise errors.too_many_aliases(limits.ALIASES_PER_KEY, held)


@operation(
    "UpdateAlias",
    keys=KeyTypes.ANY,
    states=States.EDIT,
    mutates=True,
    logged={"alias_name": None, "target_key_id": None},
)
def update_alias(call: Call[UpdateAliasRequest]) -> Change:
    name = call.request.alias_name
    _check_name(name)
    _check_target(call.request.target_key_id)
    call.permit_alias("kms:UpdateAlias", name)
    found = _existing(call, name)
    old = call.key(found.key_id, states=States.ANY)
    new = call.key(call.request.target_key_id)
    if (new.spec == "SYMMETRIC_DEFAULT") != (old.spec == "SYMMETRIC_DEFAULT") or new.usage != old.usage:
        raise errors.validation(
            f"Alias {found.arn} cannot be moved from {old.arn} to {new.arn}: the keys must have the same type and key usage."
        )
    if new.key_id != old.key_id:
        _check_room(call, new)
    moved = replace(found, key_id=new.key_id, updated=call.now)
    return Change(None, (lambda transaction: transaction.put_alias(moved),), _touches(name, old, new))


@operation("DeleteAlias", keys=KeyTypes.ANY, mutates=True, logged={"alias_name": None})
def delete_alias(call: Call[DeleteAliasRequest]) -> Change:
    name = call.request.alias_name
    if not name.startswith(ALIAS_PREFIX):
        raise errors.validation("Invalid identifier")
    if name.startswith(RESERVED_ALIAS_PREFIX):
        raise errors.alias_reserved()
    call.permit_alias("kms:DeleteAlias", name)
    found = _existing(call, name)
    key = call.key(found.key_id)
    return Change(
        None,
        (lambda transaction: transaction.delete_alias(found.account, found.region, name),),
        _touches(name, key),
    )


def _existing(call: Call[UpdateAliasRequest] | Call[DeleteAliasRequest], name: str) -> Alias:
    found = call.facts.alias(call.caller.account, call.caller.region, name)
    if found is None:
        raise errors.alias_not_found(arn.alias_arn(call.caller.region, call.caller.account, name))
    return found


@operation("ListAliases", keys=KeyTypes.NONE, logged={"limit": None, "marker": None, "key_id": None})
def list_aliases(call: Call[ListAliasesRequest]) -> ListAliasesResponse:
    call.permit("kms:ListAliases")
    account, region = call.caller.account, call.caller.region
    key_id = None if call.request.key_id is None else call.existing_key_id(call.request.key_id)

    def find(reader: Reader, after: str | None, limit: int) -> list[AliasListEntry]:
        found = {alias.name: _entry(alias) for alias in reader.aliases(account, region, key_id, after, limit)}
        if key_id is None:  # a predefined alias is listed before it has a key, without one
            for name in managed.PREDEFINED:
                if after is None or name > after:
                    found.setdefault(
                        name, AliasListEntry(alias_name=name, alias_arn=arn.alias_arn(region, account, name))
                    )
        return [found[name] for name in sorted(found)][:limit]

    page, marker = call.page(
        call.request.limit,
        call.request.marker,
        key_id or "",
        find,
        lambda entry: entry.alias_name or "",
    )
    return ListAliasesResponse(aliases=list(page.items), next_marker=marker, truncated=page.truncated)


def _entry(alias: Alias) -> AliasListEntry:
    return AliasListEntry(
        alias_name=alias.name,
        alias_arn=alias.arn,
        target_key_id=alias.key_id,
        creation_date=alias.created,
        last_updated_date=alias.updated,
    )
