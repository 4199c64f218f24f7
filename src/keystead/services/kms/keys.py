"""Keys themselves: CreateKey, DescribeKey, ListKeys, EnableKey, DisableKey, UpdateKeyDescription.

https://docs.aws.amazon.com/kms/latest/APIReference/API_CreateKey.html and its sisters.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from keystead import errors
from keystead.crypto import keyspecs
from keystead.domain import limits
from keystead.domain.key import EXTERNAL, ExpirationModel, Key, KeyState
from keystead.domain.keytypes import SYMMETRIC_DEFAULT, KeyTypes
from keystead.domain.policy import document
from keystead.domain.states import States
from keystead.model.generated.kms import (
    CreateKeyRequest,
    CreateKeyResponse,
    DescribeKeyRequest,
    DescribeKeyResponse,
    DisableKeyRequest,
    EnableKeyRequest,
    KeyListEntry,
    KeyMetadata,
    ListKeysRequest,
    ListKeysResponse,
    UpdateKeyDescriptionRequest,
)
from keystead.services import change, family
from keystead.services.call import Call
from keystead.services.change import Change
from keystead.services.gate import Gate
from keystead.services.kms import managed
from keystead.services.kms.policies import checked_policy
from keystead.services.kms.tags import check_tags
from keystead.services.table import operation
from keystead.services.work import Work
from keystead.store.interface import Reader

SELF = "SELF"
AWS_KMS = "AWS_KMS"


def metadata(key: Key, related: Sequence[Key] = ()) -> KeyMetadata:
    """KeyMetadata as DescribeKey and CreateKey show it (api.md §4): members that do not apply are absent. ``related``
    are the other keys of a multi-Region key's family."""
    imported = key.origin == EXTERNAL and key.state is not KeyState.PENDING_IMPORT
    return KeyMetadata(
        aws_account_id=key.account,
        key_id=key.key_id,
        arn=key.arn,
        creation_date=key.created,
        enabled=key.state is KeyState.ENABLED,
        description=key.description,
        key_usage=key.usage,
        key_state=key.state.value,
        deletion_date=key.deletion_date if key.state is KeyState.PENDING_DELETION else None,
        valid_to=key.valid_to if imported and key.expiration_model is ExpirationModel.EXPIRES else None,
        origin=key.origin,
        expiration_model=key.expiration_model if imported else None,
        key_manager=key.manager,
        customer_master_key_spec=key.spec,
        key_spec=key.spec,
        encryption_algorithms=algorithms(key, keyspecs.ENCRYPTING),
        signing_algorithms=algorithms(key, keyspecs.SIGNING),
        key_agreement_algorithms=algorithms(key, keyspecs.AGREEING),
        encapsulation_algorithms=algorithms(key, keyspecs.ENCAPSULATING),
        mac_algorithms=algorithms(key, keyspecs.AUTHENTICATING),
        multi_region=key.multi_region,
        multi_region_configuration=family.configuration(key, related),
        pending_deletion_window_in_days=key.pending_window_days,
        current_key_material_id=key.material_id if key.spec == SYMMETRIC_DEFAULT else None,
    )


def algorithms(key: Key, usage: str) -> list[str] | None:
    """The algorithms of a key with that usage in AWS's order; None for a key of another usage."""
    return list(keyspecs.SPECS[key.spec].algorithms[usage]) if key.usage == usage else None


def _key_spec(request: CreateKeyRequest) -> str:
    """The spec by either of its names."""
    return request.key_spec or request.customer_master_key_spec or SYMMETRIC_DEFAULT


@operation(
    "CreateKey",
    keys=KeyTypes.NONE,
    also=("kms:TagResource",),
    mutates=True,
    logged={
        "description": "",
        "key_usage": "ENCRYPT_DECRYPT",
        "origin": "AWS_KMS",
        "bypass_policy_lockout_safety_check": False,
        "policy": None,
        "tags": None,
        "multi_region": None,
    },
    computed={"customer_master_key_spec": _key_spec, "key_spec": _key_spec},
    withheld=("custom_key_store_id", "xks_key_id"),
    answer_logged=True,
)
def create_key(call: Gate[CreateKeyRequest]) -> Change | Work:
    request = call.request
    spec, usage, origin = _spec_usage_and_origin(request)
    bypass = bool(request.bypass_policy_lockout_safety_check)
    region, account = call.caller.region, call.caller.account
    key = Key(
        account=account,
        region=region,
        key_id=f"mrk-{call.random(16).hex()}" if request.multi_region else call.new_uuid(),
        ref=call.random(16),
        spec=spec.name,
        usage=usage,
        origin=origin,
        manager="CUSTOMER",
        state=KeyState.PENDING_IMPORT if origin == EXTERNAL else KeyState.ENABLED,
        description=request.description or "",
        created=call.now,
        policy=request.policy or document.default_key_policy(account),
        material_id=None if origin == EXTERNAL else call.random(32).hex(),
        multi_region=bool(request.multi_region),
        primary_region=region if request.multi_region else None,
        tags=tuple((tag.tag_key, tag.tag_value) for tag in request.tags or ()),
    )
    permit_creation(call, key, bypass=bypass)
    check_quota(call)
    key = replace(key, policy=checked_policy(call, key.policy, key.arn, bypass=bypass))
    preparation = call.preparation(key)
    if preparation is not None:
        return preparation
    writes = call.new_material(key)
    call.names(key)
    return Change(CreateKeyResponse(key_metadata=metadata(key)), (change.put(key), *writes), (change.touch(key),))


def permit_creation(call: Call[Any], key: Key, *, bypass: bool) -> None:
    """Ask for what a caller needs to make this key, tags included, and refuse tags that no key may have."""
    call.permit(
        "kms:CreateKey",
        key_spec=key.spec,
        key_usage=key.usage,
        key_origin=key.origin,
        multi_region=key.multi_region,
        multi_region_key_type=key.multi_region_key_type,
        bypass_lockout=bypass,
        request_tags=key.tags,
    )
    if key.tags:
        call.permit("kms:TagResource", request_tags=key.tags)
        check_tags(key.tags)


def check_quota(call: Call[Any]) -> None:
    """LimitExceededException when the account has as many keys in this region as it may have."""
    region, account = call.caller.region, call.caller.account
    held = call.facts.read(lambda reader: reader.count_keys(account, region))
    if held >= limits.KEYS_PER_REGION:
        raise errors.too_many_keys(limits.KEYS_PER_REGION, held)


def _spec_usage_and_origin(request: CreateKeyRequest) -> tuple[keyspecs.KeySpec, str, str]:
    if request.key_spec is not None and request.customer_master_key_spec is not None:
        raise errors.validation(
            "You cannot specify KeySpec and CustomerMasterKeySpec in the same request. CustomerMasterKeySpec is deprecated."
        )
    origin = request.origin or AWS_KMS
    if origin not in {AWS_KMS, EXTERNAL}:
        raise errors.not_offered(f"Origin {origin}")
    spec = keyspecs.offered(_key_spec(request))
    usage = request.key_usage or spec.default_usage
    if usage is None:
        raise errors.validation(
            "You must specify a KeyUsage value for all KMS keys except for symmetric encryption keys."
        )
    if usage not in spec.algorithms:
        raise errors.validation(f"KeyUsage {usage} is not compatible with KeySpec {spec.name}")
    if origin == EXTERNAL and spec.accept is None:
        raise errors.origin_of_other_spec(spec.name, origin)
    return spec, usage, origin


@operation("DescribeKey", keys=KeyTypes.ANY, aliases=True, cross_account=True, logged={"key_id": None})
def describe_key(call: Gate[DescribeKeyRequest]) -> DescribeKeyResponse | Change:
    unmade = managed.missing(call, call.request.key_id)
    if unmade is not None:
        key, made = managed.make(call, unmade)
        return replace(made, answer=DescribeKeyResponse(key_metadata=metadata(key)))
    key = call.key(call.request.key_id)
    related = call.facts.read(lambda reader: family.related(reader, key, call.now)) if key.multi_region else ()
    return DescribeKeyResponse(key_metadata=metadata(key, related))


@operation("ListKeys", keys=KeyTypes.NONE, logged={"limit": None, "marker": None, "resource_owners": None})
def list_keys(call: Call[ListKeysRequest]) -> ListKeysResponse:
    call.permit("kms:ListKeys")
    account, region = call.caller.account, call.caller.region
    owners = sorted(set(call.request.resource_owners or [SELF]))

    def find(reader: Reader, after: str | None, limit: int) -> list[str]:
        # There is no Resource Access Manager here, so that no account has keys that others share with it through that.
        return reader.key_ids(account, region, after, limit) if SELF in owners else []

    page, marker = call.page(call.request.limit, call.request.marker, " ".join(owners), find, lambda key_id: key_id)
    return ListKeysResponse(
        keys=[KeyListEntry(key_id=key_id, key_arn=call.arn_of(key_id)) for key_id in page.items],
        next_marker=marker,
        truncated=page.truncated,
    )


@operation("EnableKey", keys=KeyTypes.ANY, states=States.SWITCH, mutates=True, logged={"key_id": None})
def enable_key(call: Call[EnableKeyRequest]) -> Change:
    return _switch(call.key(call.request.key_id), KeyState.ENABLED)


@operation("DisableKey", keys=KeyTypes.ANY, states=States.SWITCH, mutates=True, logged={"key_id": None})
def disable_key(call: Call[DisableKeyRequest]) -> Change:
    return _switch(call.key(call.request.key_id, trailing_days_without_use=call.idle_days), KeyState.DISABLED)


def _switch(key: Key, state: KeyState) -> Change:
    if key.state is state:
        return Change(None)
    return change.keep(replace(key, state=state))


@operation(
    "UpdateKeyDescription",
    keys=KeyTypes.ANY,
    states=States.EDIT,
    mutates=True,
    logged={"key_id": None, "description": None},
)
def update_key_description(call: Call[UpdateKeyDescriptionRequest]) -> Change:
    key = call.key(call.request.key_id)
    return change.keep(replace(key, description=call.request.description))
