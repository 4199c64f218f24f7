"""Grants: made, found, ended."""

from __future__ import annotations

from typing import Any

from tests.properties.outcomes import ANYTHING, Answer, Ask, Refused, matching, unordered
from tests.properties.rules.steps import Rules, admit, end_dry_run, invalid, permit_all
from tests.properties.tables import GRANTABLE, SYMMETRIC
from tests.properties.world import ACCOUNT, CALLERS, Grant, Key, World

RULES = Rules()

GRANT_ID = matching("[0-9a-f]{64}")
TOKEN = matching("[A-Za-z0-9+/=_-]{1,8192}")
PRINCIPALS = frozenset(caller.arn for caller in CALLERS.values())


def check_holdable(key: Key, operations: list[str], constraints: dict[str, Any]) -> None:
    """What a grant on this key may allow and how it may be bound."""
    spec, usage = key.family.spec, key.family.usage
    wrong = [operation for operation in operations if operation not in GRANTABLE[spec if spec == SYMMETRIC else usage]]
    if wrong:
        raise invalid(
            matching(rf"Operations \[.*\] are not supported when creating a grant for an? .* KMS key.*{usage}.*")
        )
    if constraints and spec != SYMMETRIC:
        raise invalid("EncryptionContext is supported only when creating a grant for a symmetric encryption KMS key.")


def check_principal(arn: str) -> None:
    if arn not in PRINCIPALS:
        raise Refused("InvalidArnException", f"ARN does not refer to a valid principal: {arn}")


@RULES("CreateGrant")
def create_grant(world: World, ask: Ask) -> Answer:
    body = ask.body
    key = admit(world, ask)
    constraints = body.get("Constraints", {})
    check_holdable(key, body["Operations"], constraints)
    for member in ("GranteePrincipal", "RetiringPrincipal"):
        if member in body:
            check_principal(body[member])
    end_dry_run(ask)
    issuing_account = f"arn:aws:iam::{CALLERS[ask.caller].account}:root"
    wanted = Grant(
        "",
        key,
        body["GranteePrincipal"],
        body.get("RetiringPrincipal"),
        body["Operations"],
        constraints,
        body.get("Name"),
        world.now,
        issuing_account,
    )
    same = next((grant for grant in key.grants.values() if is_alike(grant, wanted)), None)
    grant = same or wanted

    def learn(answer: dict[str, Any]) -> None:
        grant.id = answer["GrantId"]
        grant.tokens.append(answer["GrantToken"])
        key.grants[grant.id] = grant

    return Answer({"GrantId": same.id if same else GRANT_ID.but(key.grants), "GrantToken": TOKEN}, learn)


def is_alike(one: Grant, other: Grant) -> bool:
    """A request with a name that is made again gives the same grant."""

    def told(grant: Grant) -> tuple[Any, ...]:
        constraints = {kind: dict(pairs) for kind, pairs in grant.constraints.items()}
        return (grant.name, grant.grantee, grant.retiring, set(grant.operations), constraints, grant.issuing_account)

    return other.name is not None and told(one) == told(other)


def entry_of(grant: Grant) -> dict[str, Any]:
    entry = {
        "KeyId": grant.key.arn,
        "GrantId": grant.id,
        "CreationDate": grant.created,
        "GranteePrincipal": grant.grantee,
        "IssuingAccount": grant.issuing_account,
        "Operations": unordered(grant.operations),
    }
    more = {"Name": grant.name, "RetiringPrincipal": grant.retiring, "Constraints": grant.constraints}
    return entry | {name: value for name, value in more.items() if value}


@RULES("ListGrants")
def list_grants(world: World, ask: Ask) -> Answer:
    key = admit(world, ask)
    grantee, grant_id = ask.body.get("GranteePrincipal"), ask.body.get("GrantId")
    if grantee is not None:
        check_principal(grantee)
    found = [
        entry_of(grant)
        for grant in key.grants.values()
        if grantee in {None, grant.grantee} and grant_id in {None, grant.id}
    ]
    return Answer({"Grants": unordered(found)})


@RULES("ListRetirableGrants")
def list_retirable_grants(world: World, ask: Ask) -> Answer:
    retiring, caller = ask.body["RetiringPrincipal"], CALLERS[ask.caller]
    permit_all(ask, "kms:ListRetirableGrants", retiring)
    if f":{caller.account}:" not in retiring:
        raise Refused("InvalidArnException", ANYTHING).either(Refused("NotFoundException", ANYTHING))
    check_principal(retiring)
    found = [
        entry_of(grant)
        for key in world.living(ask.region)
        for grant in key.grants.values()
        if grant.retiring == retiring
    ]
    return Answer({"Grants": unordered(found)})


@RULES("RevokeGrant")
def revoke_grant(world: World, ask: Ask) -> Answer:
    key = admit(world, ask)
    grant = key.grants.get(ask.body["GrantId"])
    if grant is None:
        raise Refused("NotFoundException", ANYTHING)
    end_dry_run(ask)
    return Answer({}, lambda _answer: key.grants.pop(grant.id))


@RULES("RetireGrant")
def retire_grant(world: World, ask: Ask) -> Answer:
    """By whoever the grant itself lets, and by those of the key's account whose own policies let them."""
    grant = told_by(world, ask)
    caller = CALLERS[ask.caller]
    itself = grant is not None and (
        grant.retiring == caller.arn or (grant.grantee == caller.arn and "RetireGrant" in grant.operations)
    )
    forbidden = Refused("AccessDeniedException", ANYTHING)
    if grant is None:
        absent = Refused("NotFoundException", ANYTHING).either(Refused("InvalidGrantTokenException", ANYTHING))
        raise absent.either(forbidden)
    if not itself and not (caller.mighty and caller.account == ACCOUNT):
        raise forbidden.either(Refused("NotFoundException", ANYTHING))
    end_dry_run(ask)
    return Answer({}, lambda _answer: grant.key.grants.pop(grant.id))


def told_by(world: World, ask: Ask) -> Grant | None:
    """The grant that the request names, by its token or by its key and id."""
    living = [grant for key in world.living(ask.region) for grant in key.grants.values()]
    if "GrantToken" in ask.body:
        return next((grant for grant in living if ask.body["GrantToken"] in grant.tokens), None)
    wanted = (ask.body["KeyId"], ask.body["GrantId"])
    return next((grant for grant in living if (grant.key.arn, grant.id) == wanted), None)
