"""Multi-Region keys: what is shared, what is not, which of them is the primary."""

from __future__ import annotations

from tests.properties.outcomes import ANYTHING, Answer, Ask, Refused, becomes, document, unordered
from tests.properties.rules.keys import metadata
from tests.properties.rules.names import check_tags, document_of, policy_of
from tests.properties.rules.steps import Rules, check_state, in_any_order, named, permit, permit_all, unsupported
from tests.properties.world import ACCOUNT, DEFAULT_POLICY, Key, World

RULES = Rules()


def check_multi_region_primary(key: Key) -> None:
    if not key.family.multi_region or not key.primary:
        raise unsupported(f"{key.arn} is not a multi-region primary key.").either(unsupported(ANYTHING))


def named_primary(world: World, ask: Ask) -> Key:
    key = named(world, ask)
    in_any_order(lambda: check_multi_region_primary(key), lambda: check_state(world, ask.operation, key))
    return key


@RULES("ReplicateKey")
def replicate_key(world: World, ask: Ask) -> Answer:
    body, region = ask.body, ask.body["ReplicaRegion"]
    primary = named_primary(world, ask)
    tags = body.get("Tags", [])

    def check_absent() -> None:
        if region in {key.region for key in world.related(primary.family)}:
            raise Refused("AlreadyExistsException", ANYTHING)

    permit_all(ask, "kms:CreateKey")
    in_any_order(
        check_absent, lambda: check_tags(tags), lambda: policy_of(body["Policy"]) if "Policy" in body else None
    )
    policy = policy_of(body["Policy"]) if "Policy" in body else DEFAULT_POLICY
    replica = Key(primary.family, region, world.now, body.get("Description", ""), policy)
    replica.tags = {tag["TagKey"]: tag["TagValue"] for tag in tags}
    shown = metadata(world, replica, also=[replica])
    shown |= {"KeyState": "Creating", "Enabled": False}
    shown.pop("CurrentKeyMaterialId", None)
    answer = {
        "ReplicaKeyMetadata": shown,
        "ReplicaPolicy": document(document_of(policy)),
        "ReplicaTags": unordered(tags),
    }
    return Answer(answer, lambda _answer: world.keys.append(replica))


@RULES("UpdatePrimaryRegion")
def update_primary_region(world: World, ask: Ask) -> Answer:
    region = ask.body["PrimaryRegion"]
    primary = named_primary(world, ask)
    if region == primary.region:
        return Answer({})
    chosen = world.key(region, primary.id)
    if chosen is None:
        arn = f"arn:aws:kms:{region}:{ACCOUNT}:key/{primary.id}"
        raise Refused("NotFoundException", f"Key '{arn}' does not exist").either(Refused("NotFoundException", ANYTHING))
    permit(world, ask, "kms:UpdatePrimaryRegion", chosen)
    check_state(world, ask.operation, chosen)
    return Answer({}, becomes(primary.family, primary=region))
