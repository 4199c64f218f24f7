"""What hangs on a key: aliases, tags, its policy."""

from __future__ import annotations

from typing import Any

from tests.properties.outcomes import ANYTHING, Answer, Ask, Refused, becomes, document, unordered
from tests.properties.rules.steps import Rules, admit, find, invalid, permit, permit_all
from tests.properties.tables import SYMMETRIC, is_asymmetric
from tests.properties.world import ACCOUNT, AWS_POLICY, CALLERS, DEFAULT_POLICY, POLICIES, Alias, Key, Policy, World

RULES = Rules()

# --- aliases -------------------------------------------------------------------------------------------------------------


def check_alias_name(name: str) -> None:
    if not name.startswith("alias/"):
        raise invalid(
            'Alias must start with the prefix "alias/". Please see '
            "https://docs.aws.amazon.com/kms/latest/developerguide/kms-alias.html"
        )
    if name.startswith("alias/aws/"):
        raise Refused("NotAuthorizedException")
    if ":" in name:
        raise invalid(f"{name} contains invalid characters for an alias")


def check_target(ask: Ask) -> None:
    if "alias/" in ask.body["TargetKeyId"]:
        raise invalid("Aliases must refer to keys. Not aliases")


def alias_arn(ask: Ask) -> str:
    return f"arn:aws:kms:{ask.region}:{CALLERS[ask.caller].account}:{ask.body['AliasName']}"


def permit_alias(ask: Ask) -> None:
    permit_all(ask, f"kms:{ask.operation}", alias_arn(ask))


def existing_alias(world: World, ask: Ask) -> Alias:
    """Refused unless there is one."""
    mine = CALLERS[ask.caller].account == ACCOUNT
    alias = world.alias(ask.region, ask.body["AliasName"]) if mine else None
    if alias is None:
        raise Refused("NotFoundException", f"Alias {alias_arn(ask)} is not found.")
    return alias


@RULES("CreateAlias")
def create_alias(world: World, ask: Ask) -> Answer:
    name = ask.body["AliasName"]
    check_alias_name(name)
    check_target(ask)
    permit_alias(ask)
    key = admit(world, ask, "TargetKeyId")
    if world.alias(ask.region, name) is not None:
        raise Refused("AlreadyExistsException", f"An alias with the name {alias_arn(ask)} already exists")
    alias = Alias(name, ask.region, key, world.now, world.now)
    return Answer({}, lambda _answer: world.aliases.update({(ask.region, name): alias}))


@RULES("UpdateAlias")
def update_alias(world: World, ask: Ask) -> Answer:
    check_alias_name(ask.body["AliasName"])
    check_target(ask)
    permit_alias(ask)
    alias = existing_alias(world, ask)
    permit(world, ask, "kms:UpdateAlias", alias.key)
    key = admit(world, ask, "TargetKeyId")
    if (kind(key), key.family.usage) != (kind(alias.key), alias.key.family.usage):
        raise invalid(ANYTHING)
    return Answer({}, becomes(alias, key=key, updated=world.now))


def kind(key: Key) -> str:
    """What an alias may not cross."""
    if key.family.spec == SYMMETRIC:
        return "symmetric"
    return "asymmetric" if is_asymmetric(key.family.spec) else "HMAC"


@RULES("DeleteAlias")
def delete_alias(world: World, ask: Ask) -> Answer:
    name = ask.body["AliasName"]
    if not name.startswith("alias/"):
        raise invalid("Invalid identifier")
    if name.startswith("alias/aws/"):
        raise Refused("NotAuthorizedException")
    permit_alias(ask)
    permit(world, ask, "kms:DeleteAlias", existing_alias(world, ask).key)
    return Answer({}, lambda _answer: world.aliases.pop((ask.region, name)))


@RULES("ListAliases")
def list_aliases(world: World, ask: Ask) -> Answer:
    permit_all(ask, "kms:ListAliases")
    mine = CALLERS[ask.caller].account == ACCOUNT
    only = find(world, ask, ask.body["KeyId"], "kms:ListAliases") if "KeyId" in ask.body else None
    if only is not None and not mine:  # a key of another account cannot be asked about; in which words is not known
        raise Refused("NotFoundException", ANYTHING).either(Refused("AccessDeniedException", ANYTHING))
    entries = [
        {
            "AliasName": alias.name,
            "AliasArn": alias.arn,
            "TargetKeyId": alias.key.id,
            "CreationDate": alias.created,
            "LastUpdatedDate": alias.updated,
        }
        for alias in world.aliases.values()
        if mine and alias.region == ask.region and not alias.key.gone(world.now) and (only or alias.key) is alias.key
    ]
    return Answer({"Aliases": unordered(entries, but=is_predefined)})


def is_predefined(entry: dict[str, Any]) -> bool:
    """An alias of AWS whose key nobody has asked for yet is listed without one; which there are is not known here."""
    return entry.keys() == {"AliasName", "AliasArn"} and entry["AliasName"].startswith("alias/aws/")


# --- tags ----------------------------------------------------------------------------------------------------------------


def check_tags(tags: list[dict[str, str]]) -> None:
    names = [tag["TagKey"] for tag in tags]
    if len(names) != len(set(names)):
        raise Refused("TagException", "Duplicate tag keys")
    if any(name.lower().startswith("aws:") for name in names):
        raise Refused("TagException", "Tags beginning with aws: are reserved")
    if len(names) > 50:
        raise Refused("TagException", "Too many tags")


@RULES("TagResource")
def tag_resource(world: World, ask: Ask) -> Answer:
    key = admit(world, ask)
    check_tags(ask.body["Tags"])
    tags = {**key.tags, **{tag["TagKey"]: tag["TagValue"] for tag in ask.body["Tags"]}}
    if len(tags) > 50:
        raise Refused("TagException", "Too many tags")
    return Answer({}, becomes(key, tags=tags))


@RULES("UntagResource")
def untag_resource(world: World, ask: Ask) -> Answer:
    key = admit(world, ask)
    kept = {name: value for name, value in key.tags.items() if name not in ask.body["TagKeys"]}
    return Answer({}, becomes(key, tags=kept))


@RULES("ListResourceTags")
def list_resource_tags(world: World, ask: Ask) -> Answer:
    key = admit(world, ask)
    return Answer({"Tags": unordered([{"TagKey": name, "TagValue": value} for name, value in key.tags.items()])})


# --- policies ------------------------------------------------------------------------------------------------------------


def policy_of(text: str) -> Policy:
    """The policy that a request brings; one that does not parse, or shuts out the caller, is refused."""
    for policy in POLICIES.values():
        if policy.document() == text:
            return policy
    raise Refused("MalformedPolicyDocumentException", ANYTHING)


def check_policy_name(ask: Ask) -> None:
    if ask.body.get("PolicyName", "default") != "default":
        raise Refused("NotFoundException", "No such policy exists")


@RULES("GetKeyPolicy")
def get_key_policy(world: World, ask: Ask) -> Answer:
    key = admit(world, ask)
    check_policy_name(ask)
    text = ANYTHING if key.policy is AWS_POLICY else document(document_of(key.policy))
    return Answer({"Policy": text, "PolicyName": "default"})


def document_of(policy: Policy) -> str:
    return DEFAULT_DOCUMENT if policy is DEFAULT_POLICY else policy.document()


DEFAULT_DOCUMENT = (
    '{"Version": "2012-10-17", "Id": "key-default-1", "Statement": [{"Sid": "Enable IAM User Permissions", "Effect": '
    f'"Allow", "Principal": {{"AWS": "arn:aws:iam::{ACCOUNT}:root"}}, "Action": "kms:*", "Resource": "*"}}]}}'
)


@RULES("PutKeyPolicy")
def put_key_policy(world: World, ask: Ask) -> Answer:
    key = admit(world, ask)
    check_policy_name(ask)
    return Answer({}, becomes(key, policy=policy_of(ask.body["Policy"])))


@RULES("ListKeyPolicies")
def list_key_policies(world: World, ask: Ask) -> Answer:
    admit(world, ask)
    return Answer({"PolicyNames": ["default"]})
