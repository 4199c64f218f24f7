"""Roles and managed policies against a model that knows their rules on its own: random changes, each answer predicted, and
then everything that lists and reads tell, what sessions may do, and what simulations say of it."""

from __future__ import annotations

import json
import random
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import pytest

from tests.services.office import ACCOUNT, Office

Play = Callable[..., None]

ROLES, POLICIES, INLINE = ("ann", "bob"), ("p", "q", "r"), ("x", "y")
OK = "OK"


def text(effect: str, action: str) -> str:
    statement = {"Effect": effect, "Action": action, "Resource": "*"}
    return json.dumps({"Version": "2012-10-17", "Statement": statement})


#: What a document is worth to who wants to list keys.
WORTH = {text("Allow", "kms:ListKeys"): "allow", text("Deny", "kms:List*"): "deny", text("Allow", "iam:*"): "nothing"}
TRUST = json.dumps(
    {
        "Version": "2012-10-17",
        "Statement": {"Effect": "Allow", "Principal": {"AWS": ACCOUNT}, "Action": "sts:AssumeRole"},
    }
)


@dataclass
class Policy:
    """A managed policy: versions by number."""

    name: str
    versions: dict[int, str]
    default: int = 1
    newest: int = 1

    @property
    def arn(self) -> str:
        return f"arn:aws:iam::{ACCOUNT}:policy/{self.name}"

    @property
    def worth(self) -> str:
        return WORTH[self.versions[self.default]]


@dataclass
class Role:
    name: str
    unique_id: str
    inline: dict[str, str] = field(default_factory=dict)
    attached: dict[str, Policy] = field(default_factory=dict)
    boundary: Policy | None = None

    @property
    def verdict(self) -> str:
        """What a session that lists keys is answered."""
        said = [WORTH[each] for each in self.inline.values()] + [each.worth for each in self.attached.values()]
        bound = "allow" if self.boundary is None else self.boundary.worth
        if "deny" in (*said, bound):
            return "explicitDeny"
        return "allowed" if "allow" in said and bound == "allow" else "implicitDeny"


class Walk:
    """One random walk; ``draw`` decides everything."""

    def __init__(self, office: Office, draw: random.Random) -> None:
        self.office, self.draw = office, draw
        self.roles: dict[str, Role] = {}
        self.policies: dict[str, Policy] = {}
        self.told: list[str] = []

    async def call(self, operation: str, expected: str, **members: Any) -> dict[str, Any]:
        status, told = await self.office.ask(f"iam:{operation}", **members)
        came = OK if status == 200 else told["Code"]
        self.told.append(f"{operation} {members} -> {came}")
        assert came == expected, "\n".join([*self.told[-30:], f"expected {expected}: {told}"])
        return told

    def name(self, names: tuple[str, ...]) -> str:
        name = self.draw.choice(names)
        return self.draw.choice((name, name, name.upper()))

    def document(self) -> str:
        return self.draw.choice(list(WORTH))

    def a_role(self) -> tuple[str, Role | None]:
        name = self.name(ROLES)
        return name, self.roles.get(name.lower())

    def a_policy(self) -> tuple[str, Policy | None]:
        """The ARN of a policy that is there, or of one that is not (an ARN is told apart by case)."""
        name = self.draw.choice(POLICIES)
        found = self.policies.get(name)
        return (f"arn:aws:iam::{ACCOUNT}:policy/{name}", None) if found is None else (found.arn, found)

    def holders(self, policy: Policy) -> list[tuple[Role, bool]]:
        """Who has the policy: attached, or (True) as boundary."""
        attached = [(role, False) for role in self.roles.values() if policy.arn in role.attached]
        return attached + [(role, True) for role in self.roles.values() if role.boundary is policy]

    async def step(self) -> None:
        steps = (
            *(self.make_role, self.delete_role, self.inline, self.attach, self.attach, self.bound),
            *(self.make_policy, self.delete_policy, self.add_version, self.add_version, self.change_version),
        )
        await self.draw.choice(steps)()

    # --- roles -------------------------------------------------------------------------------------------------------

    async def make_role(self) -> None:
        name, found = self.a_role()
        expected = OK if found is None else "EntityAlreadyExists"
        told = await self.call("CreateRole", expected, RoleName=name, AssumeRolePolicyDocument=TRUST)
        if found is None:
            self.roles[name.lower()] = Role(name, told["Role"]["RoleId"])

    async def delete_role(self) -> None:
        name, found = self.a_role()
        expected = OK
        if found is None:
            expected = "NoSuchEntity"
        elif found.inline or found.attached:
            expected = "DeleteConflict"
        await self.call("DeleteRole", expected, RoleName=name)
        if expected == OK:
            del self.roles[name.lower()]

    async def inline(self) -> None:
        name, found = self.a_role()
        policy, document = self.draw.choice(INLINE), self.document()
        if self.draw.random() < 0.5:
            expected = OK if found is not None else "NoSuchEntity"
            await self.call("PutRolePolicy", expected, RoleName=name, PolicyName=policy, PolicyDocument=document)
            if found is not None:
                found.inline[policy] = document
            return
        there = found is not None and policy in found.inline
        await self.call("DeleteRolePolicy", OK if there else "NoSuchEntity", RoleName=name, PolicyName=policy)
        if found is not None and there:
            del found.inline[policy]

    async def attach(self) -> None:
        (name, found), (arn, policy) = self.a_role(), self.a_policy()
        if self.draw.random() < 0.6:
            there = found is not None and policy is not None
            await self.call("AttachRolePolicy", OK if there else "NoSuchEntity", RoleName=name, PolicyArn=arn)
            if found is not None and policy is not None:
                found.attached[arn] = policy
            return
        there = found is not None and arn in found.attached
        await self.call("DetachRolePolicy", OK if there else "NoSuchEntity", RoleName=name, PolicyArn=arn)
        if found is not None and there:
            del found.attached[arn]

    async def bound(self) -> None:
        (name, found), (arn, policy) = self.a_role(), self.a_policy()
        if self.draw.random() < 0.5:
            there = found is not None and policy is not None
            expected = OK if there else "NoSuchEntity"
            await self.call("PutRolePermissionsBoundary", expected, RoleName=name, PermissionsBoundary=arn)
            if found is not None and policy is not None:
                found.boundary = policy
            return
        there = found is not None and found.boundary is not None
        await self.call("DeleteRolePermissionsBoundary", OK if there else "NoSuchEntity", RoleName=name)
        if found is not None:
            found.boundary = None

    # --- policies ----------------------------------------------------------------------------------------------------

    async def make_policy(self) -> None:
        name, document = self.name(POLICIES), self.document()
        taken = name.lower() in {each.name.lower() for each in self.policies.values()}
        expected = "EntityAlreadyExists" if taken else OK
        name = name if taken else name.lower()
        await self.call("CreatePolicy", expected, PolicyName=name, PolicyDocument=document)
        if not taken:
            self.policies[name] = Policy(name, {1: document})

    async def delete_policy(self) -> None:
        arn, found = self.a_policy()
        expected = OK
        if found is None:
            expected = "NoSuchEntity"
        elif self.holders(found) or len(found.versions) > 1:
            expected = "DeleteConflict"
        await self.call("DeletePolicy", expected, PolicyArn=arn)
        if found is not None and expected == OK:
            del self.policies[found.name]

    async def add_version(self) -> None:
        arn, found = self.a_policy()
        document, default = self.document(), self.draw.random() < 0.5
        expected = OK
        if found is None:
            expected = "NoSuchEntity"
        elif len(found.versions) == 5:
            expected = "LimitExceeded"
        members = {"PolicyArn": arn, "PolicyDocument": document, "SetAsDefault": default}
        told = await self.call("CreatePolicyVersion", expected, **members)
        if found is not None and expected == OK:
            found.newest += 1
            found.versions[found.newest] = document
            found.default = found.newest if default else found.default
            assert told["PolicyVersion"]["VersionId"] == f"v{found.newest}"

    async def change_version(self) -> None:
        arn, found = self.a_policy()
        number = self.draw.randint(1, 1 if found is None else found.newest)
        there = found is not None and number in found.versions
        if self.draw.random() < 0.5:
            expected = OK if there else "NoSuchEntity"
            await self.call("SetDefaultPolicyVersion", expected, PolicyArn=arn, VersionId=f"v{number}")
            if found is not None and there:
                found.default = number
            return
        expected = OK if there else "NoSuchEntity"
        if found is not None and number == found.default:
            expected = "DeleteConflict"
        await self.call("DeletePolicyVersion", expected, PolicyArn=arn, VersionId=f"v{number}")
        if found is not None and expected == OK:
            del found.versions[number]

    # --- what is there -----------------------------------------------------------------------------------------------

    async def compare(self) -> None:
        listed = (await self.call("ListRoles", OK))["Roles"]
        wanted = {(role.name, role.unique_id) for role in self.roles.values()}
        assert {(role["RoleName"], role["RoleId"]) for role in listed} == wanted
        listed = (await self.call("ListPolicies", OK, Scope="Local"))["Policies"]
        assert {
            (one["Arn"], one["DefaultVersionId"], one["AttachmentCount"], one["PermissionsBoundaryUsageCount"])
            for one in listed
        } == {(policy.arn, f"v{policy.default}", *self.uses(policy)) for policy in self.policies.values()}
        for policy in self.policies.values():
            told = (await self.call("ListPolicyVersions", OK, PolicyArn=policy.arn))["Versions"]
            assert [one["VersionId"] for one in told] == [f"v{number}" for number in sorted(policy.versions)[::-1]]
            told = (await self.call("ListEntitiesForPolicy", OK, PolicyArn=policy.arn))["PolicyRoles"]
            assert {one["RoleId"] for one in told} == {role.unique_id for role, _ in self.holders(policy)}
        for role in self.roles.values():
            await self.compare_role(role)

    def uses(self, policy: Policy) -> tuple[int, int]:
        holders = self.holders(policy)
        return sum(not bounds for _, bounds in holders), sum(bounds for _, bounds in holders)

    async def compare_role(self, role: Role) -> None:
        found = (await self.call("GetRole", OK, RoleName=role.name))["Role"]
        bound = (found.get("PermissionsBoundary") or {}).get("PermissionsBoundaryArn")
        assert bound == (None if role.boundary is None else role.boundary.arn)
        told = await self.call("ListAttachedRolePolicies", OK, RoleName=role.name)
        assert {one["PolicyArn"] for one in told["AttachedPolicies"]} == set(role.attached)
        told = await self.call("ListRolePolicies", OK, RoleName=role.name)
        assert told["PolicyNames"] == sorted(role.inline)
        session = self.office.session(self.office.caller(role.unique_id), "walk")
        status, answer = await self.office.call("ListKeys", session)
        came = "allowed"
        if status != 200:
            came = "explicitDeny" if "explicit deny" in answer["Message"] else "implicitDeny"
        asked = {"PolicySourceArn": found["Arn"], "ActionNames": ["kms:ListKeys"]}
        [result] = (await self.call("SimulatePrincipalPolicy", OK, **asked))["EvaluationResults"]
        assert (came, result["EvalDecision"]) == (role.verdict, role.verdict), (role, self.told[-30:])


@pytest.mark.parametrize("seed", range(4))
def test_random_changes_of_roles_and_policies_are_what_the_rules_say(play: Play, seed: int) -> None:
    async def story(office: Office) -> None:
        walk = Walk(office, random.Random(seed))
        verdicts: set[str] = set()
        for _ in range(25):
            for _ in range(15):
                await walk.step()
            await walk.compare()
            verdicts |= {role.verdict for role in walk.roles.values()}
        assert verdicts == {"allowed", "explicitDeny", "implicitDeny"}
        came = {line.rpartition(" -> ")[2] for line in walk.told}
        assert came >= {OK, "NoSuchEntity", "EntityAlreadyExists", "DeleteConflict", "LimitExceeded"}

    play(story)
