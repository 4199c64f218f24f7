"""Users and groups against a model that knows their rules on its own: random changes, each answer predicted, and at the end
everything that lists and reads tell."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import pytest

from tests.services.office import Office

Play = Callable[..., None]

USERS, GROUPS = ("ann", "bob", "eve"), ("ops", "dev", "all")
POLICY = '{"Version": "2012-10-17", "Statement": {"Effect": "Allow", "Action": "kms:ListKeys", "Resource": "*"}}'
READ_ONLY = "arn:aws:iam::aws:policy/IAMReadOnlyAccess"
OK = "OK"


@dataclass
class Held:
    """What the model knows of one user or group. ``name`` is spelt as it was last given."""

    name: str
    unique_id: str = ""
    path: str = "/"
    inline: dict[str, str] = field(default_factory=dict)
    attached: set[str] = field(default_factory=set)
    members: set[str] = field(default_factory=set)  # of a group: unique ids of users
    keys: list[str] = field(default_factory=list)  # of a user


class Model:
    """By name in lower case."""

    def __init__(self) -> None:
        self.users: dict[str, Held] = {}
        self.groups: dict[str, Held] = {}

    def groups_of(self, user: Held) -> list[Held]:
        return [group for group in self.groups.values() if user.unique_id in group.members]


class Walk:
    """One random walk; ``draw`` decides everything."""

    def __init__(self, office: Office, draw: random.Random) -> None:
        self.office, self.draw, self.model = office, draw, Model()
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

    async def step(self) -> None:
        await self.draw.choice((self.make, self.remove, self.rename, self.join, self.leave, self.policy, self.key))()

    def kind(self) -> tuple[str, dict[str, Held], tuple[str, ...]]:
        return self.draw.choice((("User", self.model.users, USERS), ("Group", self.model.groups, GROUPS)))

    async def make(self) -> None:
        kind, held, names = self.kind()
        name, path = self.name(names), self.draw.choice(("/", "/a/", "/a/b/"))
        taken = name.lower() in held
        expected = "EntityAlreadyExists" if taken else OK
        told = await self.call(f"Create{kind}", expected, **{f"{kind}Name": name, "Path": path})
        if not taken:
            held[name.lower()] = Held(name, told[kind][f"{kind}Id"], path)

    async def remove(self) -> None:
        kind, held, names = self.kind()
        name = self.name(names)
        found = held.get(name.lower())
        expected = "NoSuchEntity"
        if found is not None:
            left = found.inline or found.attached or found.members or found.keys or self.model.groups_of(found)
            expected = "DeleteConflict" if left else OK
        await self.call(f"Delete{kind}", expected, **{f"{kind}Name": name})
        if expected == OK:
            del held[name.lower()]

    async def rename(self) -> None:
        kind, held, names = self.kind()
        name, new, path = self.name(names), self.name(names), self.draw.choice(("/", "/c/"))
        found, other = held.get(name.lower()), held.get(new.lower())
        expected = OK
        if found is None:
            expected = "NoSuchEntity"
        elif other is not None and other is not found:
            expected = "EntityAlreadyExists"
        await self.call(f"Update{kind}", expected, **{f"{kind}Name": name, f"New{kind}Name": new, "NewPath": path})
        if found is not None and expected == OK:
            del held[name.lower()]
            found.name, found.path = new, path
            held[new.lower()] = found

    async def join(self) -> None:
        await self._membership("AddUserToGroup", lambda group, user: group.members.add(user.unique_id))

    async def leave(self) -> None:
        await self._membership("RemoveUserFromGroup", lambda group, user: group.members.discard(user.unique_id))

    async def _membership(self, operation: str, change: Callable[[Held, Held], None]) -> None:
        user_name, group_name = self.name(USERS), self.name(GROUPS)
        user, group = self.model.users.get(user_name.lower()), self.model.groups.get(group_name.lower())
        there = user is not None and group is not None
        await self.call(operation, OK if there else "NoSuchEntity", UserName=user_name, GroupName=group_name)
        if user is not None and group is not None:
            change(group, user)

    async def policy(self) -> None:
        kind, held, names = self.kind()
        owner = self.name(names)
        found = held.get(owner.lower())
        verb, policy = self.draw.choice(("Put", "Delete", "Attach", "Detach")), self.name(("p", "q"))
        members: dict[str, Any] = {f"{kind}Name": owner}
        if verb in {"Put", "Delete"}:
            members["PolicyName"] = policy
        else:
            members["PolicyArn"] = READ_ONLY
        if verb == "Put":
            members["PolicyDocument"] = POLICY
        expected = OK if found is not None else "NoSuchEntity"
        if found is not None and verb == "Delete" and policy.lower() not in found.inline:
            expected = "NoSuchEntity"
        if found is not None and verb == "Detach" and READ_ONLY not in found.attached:
            expected = "NoSuchEntity"
        await self.call(f"{verb}{kind}Policy", expected, **members)
        if found is None or expected != OK:
            return
        match verb:
            case "Put":
                found.inline.setdefault(policy.lower(), policy)
            case "Delete":
                del found.inline[policy.lower()]
            case "Attach":
                found.attached.add(READ_ONLY)
            case _:
                found.attached.discard(READ_ONLY)

    async def key(self) -> None:
        name = self.name(USERS)
        found = self.model.users.get(name.lower())
        if found is not None and found.keys and self.draw.random() < 0.5:
            await self.call("DeleteAccessKey", OK, UserName=name, AccessKeyId=found.keys.pop())
            return
        expected = OK if found is not None else "NoSuchEntity"
        if found is not None and len(found.keys) == 2:
            expected = "LimitExceeded"
        told = await self.call("CreateAccessKey", expected, UserName=name)
        if found is not None and expected == OK:
            found.keys.append(told["AccessKey"]["AccessKeyId"])

    # --- what is there ------------------------------------------------------------------------------------------------

    async def compare(self) -> None:
        admin = {"admin"}
        listed = (await self.call("ListUsers", OK))["Users"]
        wanted = {(user.name, user.unique_id, user.path) for user in self.model.users.values()}
        found = {(user["UserName"], user["UserId"], user["Path"]) for user in listed if user["UserName"] not in admin}
        assert found == wanted
        listed = (await self.call("ListGroups", OK))["Groups"]
        wanted = {(group.name, group.unique_id, group.path) for group in self.model.groups.values()}
        assert {(group["GroupName"], group["GroupId"], group["Path"]) for group in listed} == wanted
        for group in self.model.groups.values():
            told = await self.call("GetGroup", OK, GroupName=group.name)
            assert {user["UserId"] for user in told["Users"]} == group.members
            await self.compare_policies("Group", group)
        for user in self.model.users.values():
            told = await self.call("ListGroupsForUser", OK, UserName=user.name)
            assert {one["GroupId"] for one in told["Groups"]} == {
                group.unique_id for group in self.model.groups_of(user)
            }
            told = await self.call("ListAccessKeys", OK, UserName=user.name)
            assert {one["AccessKeyId"] for one in told["AccessKeyMetadata"]} == set(user.keys)
            await self.compare_policies("User", user)
            await self.compare_power(user)

    async def compare_policies(self, kind: str, held: Held) -> None:
        owner = {f"{kind}Name": held.name}
        told = await self.call(f"List{kind}Policies", OK, **owner)
        assert set(told["PolicyNames"]) == set(held.inline.values())
        told = await self.call(f"ListAttached{kind}Policies", OK, **owner)
        assert {one["PolicyArn"] for one in told["AttachedPolicies"]} == held.attached

    async def compare_power(self, user: Held) -> None:
        """Whoever holds the inline policy, itself or by a group, may list keys; whoever the attached one, users."""
        holders = [user, *self.model.groups_of(user)]
        status, told = await self.office.ask("iam:GetUser", UserName=user.name)
        assert (status, told["User"]["UserId"]) == (200, user.unique_id)
        principal = self.office.caller(user.unique_id)
        status, _ = await self.office.call("ListKeys", principal)
        assert (status == 200) == any(holder.inline for holder in holders), user
        status, _ = await self.office.ask("iam:ListUsers", principal)
        assert (status == 200) == any(holder.attached for holder in holders), user


@pytest.mark.parametrize("seed", range(4))
def test_random_changes_of_users_and_groups_are_what_the_rules_say(play: Play, seed: int) -> None:
    async def story(office: Office) -> None:
        walk = Walk(office, random.Random(seed))
        for _ in range(6):
            for _ in range(40):
                await walk.step()
            await walk.compare()
            await asyncio.sleep(0)
        assert {line.rpartition(" -> ")[2] for line in walk.told} >= {
            OK,
            "NoSuchEntity",
            "EntityAlreadyExists",
            "DeleteConflict",
        }

    play(story)
