"""ReplicateKey and UpdatePrimaryRegion: multi-Region keys.

https://docs.aws.amazon.com/kms/latest/APIReference/API_ReplicateKey.html and its sister. Guarantees: a replica has all
material of its primary, or none where the material is imported, wrapped under a wrap key of its own; there is one key
of a family in each region and one primary among them. Both are complete when their call returns, though ReplicateKey
shows the new key as being created, as AWS does (docs/decisions/0019)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from functools import partial

from keystead import errors
from keystead.domain import materials
from keystead.domain.key import EXTERNAL, Key, KeyState, Material, MaterialState
from keystead.domain.keytypes import KeyTypes
from keystead.domain.policy import document
from keystead.domain.states import States
from keystead.model.generated.kms import (
    CreateKeyResponse,
    KeyMetadata,
    ReplicateKeyRequest,
    ReplicateKeyResponse,
    Tag,
    UpdatePrimaryRegionRequest,
)
from keystead.services import change, family
from keystead.services.call import Call
from keystead.services.change import Change, Elsewhere, Writes
from keystead.services.gate import Gate
from keystead.services.kms.keys import check_quota, metadata, permit_creation
from keystead.services.kms.policies import checked_policy
from keystead.services.table import operation
from keystead.store.interface import Transaction


@operation(
    "ReplicateKey",
    keys=KeyTypes.MULTI_REGION,
    also=("kms:CreateKey", "kms:TagResource"),
    states=States.REPLICATE,
    mutates=True,
    logged={
        "key_id": None,
        "replica_region": None,
        "bypass_policy_lockout_safety_check": False,
        "description": "",
        "policy": None,
        "tags": None,
    },
    answer_logged=True,
)
def replicate_key(call: Gate[ReplicateKeyRequest]) -> Change:
    request = call.request
    bypass = bool(request.bypass_policy_lockout_safety_check)
    primary = call.key(request.key_id, replica_region=request.replica_region, bypass_lockout=bypass)
    family.insist_primary(primary)
    if request.replica_region not in call.facts.regions:
        raise errors.region_not_served(request.replica_region)
    tags = tuple((tag.tag_key, tag.tag_value) for tag in request.tags or ())
    there = call.elsewhere(request.replica_region)
    # Whatever the primary may, the replica is a new key of the account in its own region.
    replica = replace(
        primary,
        region=request.replica_region,
        state=KeyState.PENDING_IMPORT if primary.origin == EXTERNAL else KeyState.ENABLED,
        description=request.description or "",
        created=call.now,
        policy=request.policy or document.default_key_policy(primary.account),
        tags=tags,
        expiration_model=None,
        valid_to=None,
    )
    permit_creation(there, replica, bypass=bypass)
    # A replica whose deletion date has come is in the way until its rows are gone, a minute at most.
    if call.facts.key(replica.account, replica.region, replica.key_id) is not None:
        raise errors.replica_exists(replica.arn)
    check_quota(there)
    policy = replica.policy
    replica = replace(replica, policy=checked_policy(there, policy, replica.arn, bypass=bypass))
    members = call.facts.read(lambda reader: family.related(reader, primary, call.now))
    created = metadata(replace(replica, state=KeyState.CREATING, material_id=None), members)
    return Change(
        ReplicateKeyResponse(
            replica_key_metadata=created,
            replica_policy=policy,
            replica_tags=[Tag(tag_key=name, tag_value=value) for name, value in tags],
        ),
        (change.put(replica), *call.copied_material(primary, replica), *_held_back(call, members, replica)),
        (change.touch(replica),),
        elsewhere=(_creation(replica, created, request, bypass=bypass),),
    )


def _held_back(call: Gate[ReplicateKeyRequest], members: Sequence[Key], replica: Key) -> Writes:
    """Imported material that waits to be rotated to waits for the new replica too, which does not have it yet."""
    histories = call.facts.read(lambda reader: [call.bench(reader).history(one) for one in members])
    waiting = [one for history in histories if (one := materials.waiting(history)) is not None]
    if not waiting:
        return ()
    missing = materials.without_bytes(replace(waiting[0], region=replica.region))
    state = MaterialState.PENDING_MULTI_REGION_IMPORT_AND_ROTATION
    held = [replace(one, state=state) for one in (*waiting, missing)]
    return tuple(partial(_put_fact, one) for one in held)


def _put_fact(fact: Material, transaction: Transaction) -> None:
    transaction.put_material_fact(fact)


def _creation(replica: Key, created: KeyMetadata, request: ReplicateKeyRequest, *, bypass: bool) -> Elsewhere:
    """The second record that AWS writes: CreateKey, in the replica's region."""
    parameters = {
        "description": replica.description,
        "keyUsage": replica.usage,
        "customerMasterKeySpec": replica.spec,
        "keySpec": replica.spec,
        "origin": replica.origin,
        "bypassPolicyLockoutSafetyCheck": bypass,
        "policy": request.policy,
        "tags": request.tags,
        "multiRegion": True,
    }
    shown = {name: value for name, value in parameters.items() if value is not None}
    return Elsewhere("CreateKey", replica, shown, CreateKeyResponse(key_metadata=created))


@operation(
    "UpdatePrimaryRegion",
    keys=KeyTypes.MULTI_REGION,
    states=States.UPDATE_PRIMARY,
    mutates=True,
    logged={"key_id": None, "primary_region": None},
)
def update_primary_region(call: Call[UpdatePrimaryRegionRequest]) -> Change:
    region = call.request.primary_region
    primary = call.key(call.request.key_id, primary_region=region)
    family.insist_primary(primary)
    if region == primary.region:
        return Change(None)
    chosen = call.elsewhere(region).key(primary.key_id, primary_region=region)
    members = call.facts.read(lambda reader: family.related(reader, primary, call.now))
    moved = [replace(member, primary_region=chosen.region) for member in members]
    return Change(
        None,
        tuple(change.put(member) for member in moved),
        tuple(change.touch(member) for member in moved),
        family.synchronized(chosen, members),
    )
