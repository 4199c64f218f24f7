"""The steps that rules share: finding the key a request names, permission, state, usage."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from tests.properties.outcomes import ANYTHING, Answer, Ask, Refused, matching
from tests.properties.tables import ACROSS_ACCOUNTS, BY_ALIAS, REFUSALS, SPECS, STATES, WITH_CONTEXT
from tests.properties.world import ACCOUNT, CALLERS, Grant, Key, World

Rule = Callable[[World, Ask], Answer]

IS_KEY_ID = r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}|mrk-[0-9a-f]{32}"


class Rules(dict[str, Rule]):
    """Rules by operation; also the decorator that adds one."""

    def __call__(self, *operations: str) -> Callable[[Rule], Rule]:
        def keep(function: Rule) -> Rule:
            self.update(dict.fromkeys(operations, function))
            return function

        return keep


# --- the words of the request --------------------------------------------------------------------------------------------


def invalid(message: Any) -> Refused:
    return Refused("ValidationException", message)


def constraint(member: str, value: str, words: str) -> Refused:
    """``value`` as the sentence shows it: in quotes, or nothing for a blob."""
    shown = f"Value {value} at" if value else "Value at"
    return invalid(f"1 validation error detected: {shown} '{member}' failed to satisfy constraint: Member must {words}")


def check_range(ask: Ask, member: str, least: int, most: int) -> None:
    value = ask.body.get(member)
    name = member[0].lower() + member[1:]
    if value is not None and value < least:
        raise constraint(name, f"'{value}'", f"have value greater than or equal to {least}")
    if value is not None and value > most:
        raise constraint(name, f"'{value}'", f"have value less than or equal to {most}")


def check_size(ask: Ask, member: str, most: int) -> None:
    if len(ask.body[member]) > most:
        name = member[0].lower() + member[1:]
        raise constraint(name, "", f"have length less than or equal to {most}")


def unsupported(message: Any = None) -> Refused:
    return Refused("UnsupportedOperationException", message)


def in_any_order(*checks: Callable[[], None]) -> None:
    """Where nobody knows which check comes first, any of those that fail may be the answer."""
    failed = []
    for check in checks:
        try:
            check()
        except Refused as refused:
            failed.append(refused)
    if failed:
        raise failed[0].either(*failed[1:])


# --- the key, and whether the caller may ---------------------------------------------------------------------------------


def find(world: World, ask: Ask, text: str, action: str) -> Key:
    """The key that a KeyId names for this caller."""
    caller = CALLERS[ask.caller]
    account, region, resource = caller.account, ask.region, text
    if text.startswith("arn:"):
        _, _, _, region, account, resource = text.split(":", 5)
    resource = resource.removeprefix("key/")
    by_alias = resource.startswith("alias/")
    if by_alias and ask.operation not in BY_ALIAS:
        raise Refused("InvalidArnException", "Key Aliases are not supported for this operation.")
    if not by_alias and matching(IS_KEY_ID) != resource:
        raise Refused("NotFoundException", f"Invalid keyId '{text}'")
    if region != ask.region:
        raise Refused("NotFoundException", f"Invalid arn {region}")
    key = None
    if account == ACCOUNT and by_alias:
        alias = world.alias(region, resource)
        key = None if alias is None else alias.key
    elif account == ACCOUNT:
        key = world.key(region, resource)
    if key is not None:
        return key
    arn = f"arn:aws:kms:{region}:{account}:{resource if by_alias else 'key/' + resource}"
    if account != caller.account:
        raise out_of_reach(ask, action, arn)
    raise Refused("NotFoundException", f"Alias {arn} is not found." if by_alias else f"Key '{arn}' does not exist")


def denied(ask: Ask, tail: str) -> Refused:
    return Refused("AccessDeniedException", f"User: {CALLERS[ask.caller].arn} is not authorized to perform: {tail}")


def out_of_reach(ask: Ask, action: str, arn: str) -> Refused:
    return denied(
        ask,
        f"{action} on resource: {arn} because the resource does not exist in this Region, no resource-based policies "
        "allow access, or a resource-based policy explicitly denies access",
    )


def permit(world: World, ask: Ask, action: str, key: Key, name: str = "") -> None:
    """Whether the caller may do this to the key: its policy says, or leaves it to the caller's own, or a grant does."""
    caller, policy = CALLERS[ask.caller], key.policy
    granted = any(allows(grant, ask, action) for grant in key.grants.values() if grant.grantee == caller.arn)
    if caller.account != ACCOUNT:
        allowed = ask.operation in ACROSS_ACCOUNTS and (granted or action in policy.abroad)
        if not allowed or action in policy.forbidden:
            raise out_of_reach(ask, action, name if name.startswith("arn:") else key.arn)
        return
    if action in policy.forbidden:
        raise denied(ask, f"{action} on resource: {key.arn} with an explicit deny in a resource-based policy")
    trusted = action.startswith(policy.trusts)
    if not granted and not (trusted if caller.mighty else action in policy.clerk):
        kind = "identity" if trusted else "resource"
        raise denied(ask, f"{action} on resource: {key.arn} because no {kind}-based policy allows the {action} action")


def allows(grant: Grant, ask: Ask, action: str) -> bool:
    """Whether a grant lets its grantee do this."""
    operation = action.removeprefix("kms:")
    if operation not in grant.operations:
        return False
    if operation == "CreateGrant":
        return is_within(ask.body, grant)
    prefix = {"ReEncryptFrom": "Source", "ReEncryptTo": "Destination"}.get(operation, "")
    context = ask.body.get(f"{prefix}EncryptionContext", {})
    return operation not in WITH_CONTEXT or context_fits(context, grant.constraints)


def context_fits(context: dict[str, str], constraints: dict[str, dict[str, str]]) -> bool:
    if "EncryptionContextEquals" in constraints:
        return context == constraints["EncryptionContextEquals"]
    return context.items() >= constraints.get("EncryptionContextSubset", {}).items()


def is_within(child: dict[str, Any], parent: Grant) -> bool:
    """A grant that is made by the power of another is as narrow, or narrower."""
    inner, outer = child.get("Constraints", {}), parent.constraints
    if not set(child["Operations"]) <= set(parent.operations):
        return False
    if "EncryptionContextEquals" in outer:
        return bool(inner == outer)
    if "EncryptionContextSubset" in outer:
        pairs = inner.get("EncryptionContextEquals", inner.get("EncryptionContextSubset", {}))
        return bool(pairs.items() >= outer["EncryptionContextSubset"].items())
    return True


def permit_all(ask: Ask, action: str, resource: str = "") -> None:
    """Whether the caller may do what concerns no key: the caller's own policies say."""
    if not CALLERS[ask.caller].mighty:
        where = f" on resource: {resource}" if resource else ""
        raise denied(ask, f"{action}{where} because no identity-based policy allows the {action} action")


# --- what the key allows -------------------------------------------------------------------------------------------------


def check_state(world: World, operation: str, key: Key) -> None:
    letter = STATES.get((operation, key.state(world.now)), ".")
    if letter != ".":
        code, words = REFUSALS[letter]
        raise Refused(code, f"{key.arn} {words}")


def admit(world: World, ask: Ask, member: str = "KeyId", action: str = "") -> Key:
    """The key that the request names, once the caller may and its state allows."""
    key = named(world, ask, member, action)
    check_state(world, ask.operation, key)
    return key


def named(world: World, ask: Ask, member: str = "KeyId", action: str = "") -> Key:
    """The key that the request names, once the caller may; its state is asked later."""
    action = action or f"kms:{ask.operation}"
    key = find(world, ask, ask.body[member], action)
    permit(world, ask, action, key, ask.body[member])
    return key


def check_usage(ask: Ask, key: Key, usage: str, algorithm: str) -> None:
    spec = key.family.spec
    if key.family.usage != usage:
        raise Refused(
            "InvalidKeyUsageException",
            f"{key.arn} key usage is {key.family.usage} which is not valid for {ask.operation}.",
        )
    if algorithm not in SPECS[spec][usage]:
        if ask.operation.startswith("GenerateDataKey"):
            raise Refused("InvalidKeyUsageException", ANYTHING)
        raise Refused("InvalidKeyUsageException", f"Algorithm {algorithm} is incompatible with key spec {spec}.")


def end_dry_run(ask: Ask) -> None:
    if ask.body.get("DryRun"):
        raise Refused("DryRunOperationException", "The request would have succeeded, but the DryRun option is set.")
