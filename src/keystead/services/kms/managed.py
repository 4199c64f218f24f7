"""AWS managed keys come into being: the first DescribeKey that names a predefined alias makes the key behind it.

https://docs.aws.amazon.com/kms/latest/APIReference/API_DescribeKey.html. Guarantees: one key for each predefined alias,
account and region, whoever asks first; whoever may not describe the key does not make it either."""

from __future__ import annotations

from typing import Any

from keystead.domain import limits, managed, references
from keystead.domain.key import Alias, Key, KeyState
from keystead.domain.managed import Predefined
from keystead.domain.references import Reference
from keystead.services import change
from keystead.services.change import Change, ServiceEvent, Touch
from keystead.services.gate import Gate

SPEC = "SYMMETRIC_DEFAULT"
USAGE = "ENCRYPT_DECRYPT"


def missing(call: Gate[Any], text: str) -> Reference | None:
    """``text`` read as a predefined alias of the caller's account whose key nobody has asked for yet; None if it is
    anything else."""
    if references.RESERVED_ALIAS_PREFIX not in text:
        return None
    account, region = call.caller.account, call.caller.region
    named = references.parse(text, account, region, aliases=True)
    if named.account != account or named.alias is None or named.alias not in managed.PREDEFINED:
        return None
    return named if call.facts.alias(account, region, named.alias) is None else None


def make(call: Gate[Any], named: Reference) -> tuple[Key, Change]:
    """The key behind a predefined alias that has none, and the change, without an answer, that makes it. Asks the
    call's own permission on it."""
    service = managed.PREDEFINED[named.alias or ""]
    key = new_key(call, service)
    call.admit_new(key, named)
    writes = call.new_material(key)
    alias = Alias(key.account, key.region, service.alias, key.key_id, call.now, call.now)
    return key, Change(
        None,
        (
            lambda transaction: transaction.put_key(key),
            *writes,
            lambda transaction: transaction.put_alias(alias),
        ),
        (Touch(change.ALIAS, key.account, key.region, alias.name), change.touch(key)),
        (ServiceEvent("CreateKey", key),),
    )


def new_key(call: Gate[Any], service: Predefined) -> Key:
    account, region = call.caller.account, call.caller.region
    return Key(
        account=account,
        region=region,
        key_id=call.new_uuid(),
        ref=call.random(16),
        spec=SPEC,
        usage=USAGE,
        origin="AWS_KMS",
        manager=managed.MANAGER,
        state=KeyState.ENABLED,
        description=managed.description(service),
        created=call.now,
        policy=managed.policy(service, account, region),
        material_id=call.random(32).hex(),
        rotation_period_days=managed.ROTATION_DAYS,
        next_rotation=call.now + managed.ROTATION_DAYS * limits.SECONDS_PER_DAY,
    )
