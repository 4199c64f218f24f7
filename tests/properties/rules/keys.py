"""Keys: their making, their facts, their states, their end."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from tests.properties.outcomes import ANYTHING, Answer, Ask, Refused, becomes, matching, unordered
from tests.properties.rules.materials import MATERIAL_ID, earliest_end, ending
from tests.properties.rules.names import check_tags, policy_of
from tests.properties.rules.steps import Rules, admit, check_range, invalid, permit, permit_all, unsupported
from tests.properties.tables import ALGORITHMS_MEMBER, DAY, SPECS, SYMMETRIC, WRAPPING
from tests.properties.world import (
    ACCOUNT,
    AWS_POLICY,
    CALLERS,
    DEFAULT_POLICY,
    Alias,
    Family,
    Key,
    Material,
    World,
)

RULES = Rules()

MRK = "mrk-[0-9a-f]{32}"
UUID = "[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}"


def metadata(world: World, key: Key, also: Sequence[Key] = ()) -> dict[str, Any]:
    """``also``: relatives that are being made."""
    family, state = key.family, key.state(world.now)
    members = {
        "AWSAccountId": ACCOUNT,
        "KeyId": key.id,
        "Arn": key.arn,
        "CreationDate": key.created,
        "Enabled": state == "Enabled",
        "Description": key.description if family.manager == "CUSTOMER" else ANYTHING,
        "KeyUsage": family.usage,
        "KeyState": state,
        "Origin": family.origin,
        "KeyManager": family.manager,
        "KeySpec": family.spec,
        "CustomerMasterKeySpec": family.spec,
        ALGORITHMS_MEMBER[family.usage]: SPECS[family.spec][family.usage],
        "MultiRegion": family.multi_region,
    }
    if key.deletion is not None:
        members["DeletionDate"] = key.deletion
    if key.window is not None:
        members["PendingDeletionWindowInDays"] = key.window
    if family.spec == SYMMETRIC and family.current is not None:
        members["CurrentKeyMaterialId"] = family.current.id or MATERIAL_ID
    if key.imported and key.complete(world.now):
        members |= ending(earliest_end(key))
    if family.multi_region:
        members["MultiRegionConfiguration"] = configuration(key, [*world.related(family), *also])
    return members


def configuration(key: Key, family: Sequence[Key]) -> dict[str, Any]:
    """Who is who among related keys. A key that is being made has no relatives yet."""
    shown = [{"Arn": one.arn, "Region": one.region} for one in family or [key] if not one.primary]
    primary = key.family.primary
    return {
        "MultiRegionKeyType": "PRIMARY" if key.primary else "REPLICA",
        "PrimaryKey": {"Arn": key.arn.replace(f":{key.region}:", f":{primary}:"), "Region": primary},
        "ReplicaKeys": unordered(shown),
    }


def spec_and_usage(body: dict[str, Any]) -> tuple[str, str]:
    if "KeySpec" in body and "CustomerMasterKeySpec" in body:
        raise invalid(
            "You cannot specify KeySpec and CustomerMasterKeySpec in the same request. CustomerMasterKeySpec is deprecated."
        )
    spec = body.get("KeySpec", body.get("CustomerMasterKeySpec", SYMMETRIC))
    if "KeyUsage" not in body and spec != SYMMETRIC:
        raise invalid("You must specify a KeyUsage value for all KMS keys except for symmetric encryption keys.")
    usage = body.get("KeyUsage", "ENCRYPT_DECRYPT")
    if usage not in SPECS[spec]:
        raise invalid(f"KeyUsage {usage} is not compatible with KeySpec {spec}")
    if body.get("Origin") == "EXTERNAL" and spec not in WRAPPING:
        raise invalid(f"KeySpec {spec} is not supported for Origin EXTERNAL").either(unsupported(ANYTHING))
    return spec, usage


@RULES("CreateKey")
def create_key(world: World, ask: Ask) -> Answer:
    body = ask.body
    spec, usage = spec_and_usage(body)
    permit_all(ask, "kms:CreateKey")
    tags = body.get("Tags", [])
    if tags:
        permit_all(ask, "kms:TagResource")
    check_tags(tags)
    policy = policy_of(body["Policy"]) if "Policy" in body else DEFAULT_POLICY
    family = Family("", spec, usage, body.get("Origin", "AWS_KMS"), bool(body.get("MultiRegion")), ask.region)
    key = Key(family, ask.region, world.now, body.get("Description", ""), policy)
    key.tags = {tag["TagKey"]: tag["TagValue"] for tag in tags}
    return making(world, key)


def making(world: World, key: Key) -> Answer:
    """A new key; the answer says what it is called."""
    family = key.family
    if not key.imported:
        family.versions = [Material()]
    made = metadata(world, key)
    made["KeyId"] = matching(MRK if family.multi_region else UUID)
    made["Arn"] = arn = matching(f"arn:aws:kms:{key.region}:{ACCOUNT}:key/{made['KeyId'].name}")
    if family.multi_region:
        made["MultiRegionConfiguration"]["PrimaryKey"] = {"Arn": arn, "Region": key.region}

    def learn(answer: dict[str, Any]) -> None:
        family.id = answer["KeyMetadata"]["KeyId"]
        if not key.imported:
            family.versions[0].id = answer["KeyMetadata"].get("CurrentKeyMaterialId", "")
        world.keys.append(key)

    return Answer({"KeyMetadata": made}, learn)


@RULES("DescribeKey")
def describe_key(world: World, ask: Ask) -> Answer:
    if ask.body["KeyId"] == MANAGED and world.alias(ask.region, MANAGED) is None:
        return managed_key(world, ask)
    return Answer({"KeyMetadata": metadata(world, admit(world, ask))})


#: A predefined alias: whoever may describe its key brings it into being.
MANAGED = "alias/aws/s3"


def managed_key(world: World, ask: Ask) -> Answer:
    family = Family("", SYMMETRIC, "ENCRYPT_DECRYPT", "AWS_KMS", multi_region=False, primary=ask.region, manager="AWS")
    family.period, family.next_rotation = 365, world.now + 365 * DAY
    key = Key(family, ask.region, world.now, "", AWS_POLICY)
    try:
        permit(world, ask, "kms:DescribeKey", key)
    except Refused as refused:
        raise Refused(refused.ways[0][0], ANYTHING) from None  # it names a key that is not there yet
    answer = making(world, key)
    alias = Alias(MANAGED, ask.region, key, world.now, world.now)
    return replace(
        answer, learn=lambda made: (answer.learn(made), world.aliases.update({(ask.region, MANAGED): alias}))
    )


@RULES("ListKeys")
def list_keys(world: World, ask: Ask) -> Answer:
    permit_all(ask, "kms:ListKeys")
    mine = CALLERS[ask.caller].account == ACCOUNT
    entries = [{"KeyId": key.id, "KeyArn": key.arn} for key in world.living(ask.region) if mine]
    return Answer({"Keys": unordered(entries)})


@RULES("EnableKey", "DisableKey")
def switch_key(world: World, ask: Ask) -> Answer:
    return Answer({}, becomes(admit(world, ask), enabled=ask.operation == "EnableKey"))


@RULES("UpdateKeyDescription")
def update_key_description(world: World, ask: Ask) -> Answer:
    return Answer({}, becomes(admit(world, ask), description=ask.body["Description"]))


@RULES("ScheduleKeyDeletion")
def schedule_key_deletion(world: World, ask: Ask) -> Answer:
    check_range(ask, "PendingWindowInDays", 7, 30)
    days = ask.body.get("PendingWindowInDays", 30)
    key = admit(world, ask)
    date = world.now + days * DAY
    answer = {"KeyId": key.arn, "PendingWindowInDays": days}
    if key.primary and world.related(key.family) != [key]:  # a primary has to wait for its replicas
        return Answer({**answer, "KeyState": "PendingReplicaDeletion"}, becomes(key, window=days))
    return Answer({**answer, "KeyState": "PendingDeletion", "DeletionDate": date}, becomes(key, deletion=date))


@RULES("CancelKeyDeletion")
def cancel_key_deletion(world: World, ask: Ask) -> Answer:
    key = admit(world, ask)
    return Answer({"KeyId": key.arn}, becomes(key, deletion=None, window=None, enabled=False))


@RULES("GetKeyLastUsage")
def get_key_last_usage(world: World, ask: Ask) -> Answer:
    key = admit(world, ask)
    told = {}
    if key.last_use is not None:
        operation, at = key.last_use
        told = {"Operation": operation, "Timestamp": at, "CloudTrailEventId": ANYTHING, "KmsRequestId": ANYTHING}
    dates = {"TrackingStartDate": key.created, "KeyCreationDate": key.created}
    return Answer({"KeyId": key.id, "KeyLastUsage": told, **dates})
