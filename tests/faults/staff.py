"""A client thread as those of `load`, which makes users, access keys, groups and roles and takes them away again; and the
examination of what IAM holds afterwards.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any

from tests.faults.ledger import GONE, Place
from tests.faults.load import Client
from tests.faults.wire import Answer, Wire

POLICY = "arn:aws:iam::aws:policy/AWSKeyManagementServicePowerUser"
TRUST = json.dumps(
    {
        "Version": "2012-10-17",
        "Statement": [
            {"Effect": "Allow", "Principal": {"Service": "ec2.amazonaws.com"}, "Action": "sts:AssumeRole"},
        ],
    }
)
THERE, ACTIVE, INACTIVE = "there", "Active", "Inactive"


def standing(wire: Wire) -> Iterator[tuple[Place, str]]:
    """All that clients of this kind made, as IAM tells it."""

    def ask(action: str, **members: Any) -> Answer:
        answer = wire.ask("iam", action, **members)
        assert answer.ok, answer
        return answer

    def named(answer: Answer, element: str) -> list[str]:
        found = [text.decode() for text in re.findall(f"<{element}>([^<]*)</{element}>".encode(), answer.body)]
        assert b"<IsTruncated>true" not in answer.body, "more than one page"
        return found

    for group in named(ask("ListGroups", MaxItems=1_000), "GroupName"):
        yield ("group", group), THERE
    for user in named(ask("ListUsers", MaxItems=1_000), "UserName"):
        if not user.startswith("client-"):
            continue
        yield ("User", user), THERE
        if named(ask("ListAttachedUserPolicies", UserName=user), "PolicyArn"):
            yield ("attached to User", user), THERE
        if named(ask("ListGroupsForUser", UserName=user), "GroupName"):
            yield ("member", user), THERE
        keys = ask("ListAccessKeys", UserName=user)
        for key, status in zip(named(keys, "AccessKeyId"), named(keys, "Status"), strict=True):
            yield ("access key", key), status
    for role in named(ask("ListRoles", MaxItems=1_000), "RoleName"):
        yield ("Role", role), THERE
        if named(ask("ListAttachedRolePolicies", RoleName=role), "PolicyArn"):
            yield ("attached to Role", role), THERE


class Staff(Client):
    """All names are its own, and begin with its thread's."""

    service = "iam"
    held = staticmethod(standing)
    rules = frozenset({"EntityAlreadyExists", "NoSuchEntity", "DeleteConflict", "LimitExceeded"})

    def __init__(self, *given: Any) -> None:
        super().__init__(*given)
        self._users: list[str] = []
        self._roles: list[str] = []
        self._access_keys: list[tuple[str, str]] = []
        self._group = ""

    def act(self) -> None:
        chance = self._chance
        if not self._group:
            name = f"{self.name}-group"
            answer = self._call("CreateGroup", ("group", name), THERE, GroupName=name)
            self._group = name if answer is not None else ""
            return
        if len(self._users) < 2 or chance.random() < 0.15:
            self._new("User", self._users)
            return
        if len(self._roles) < 1 or chance.random() < 0.1:
            self._new("Role", self._roles, AssumeRolePolicyDocument=TRUST)
            return
        user, role = chance.choice(self._users), chance.choice(self._roles)
        match chance.randrange(11):
            case 0 | 1:
                self._attach("User", user, "Attach")
            case 2:
                self._attach("User", user, "Detach")
            case 3 | 4:
                self._attach("Role", role, chance.choice(["Attach", "Detach"]))
            case 5:
                self._member("AddUserToGroup", user, THERE)
            case 6:
                self._member("RemoveUserFromGroup", user, GONE)
            case 7:
                self._access_key(user)
            case 8 if self._access_keys:
                self._change_access_key()
            case 9:
                self._leave("User", user, self._users)
            case _:
                self._leave("Role", role, self._roles)

    def _new(self, kind: str, names: list[str], **members: Any) -> None:
        name = f"{self.name}-{self._calls}"
        names.append(name)
        self._call(f"Create{kind}", (kind, name), THERE, **{f"{kind}Name": name}, **members)

    def _leave(self, kind: str, name: str, names: list[str]) -> None:
        answer = self._call(f"Delete{kind}", (kind, name), GONE, **{f"{kind}Name": name})
        if answer is not None and (answer.ok or answer.code == "NoSuchEntity"):
            names.remove(name)

    def _attach(self, kind: str, name: str, how: str) -> None:
        value = THERE if how == "Attach" else GONE
        members = {f"{kind}Name": name, "PolicyArn": POLICY}
        self._call(f"{how}{kind}Policy", (f"attached to {kind}", name), value, **members)

    def _member(self, operation: str, user: str, value: str) -> None:
        self._call(operation, ("member", user), value, GroupName=self._group, UserName=user)

    def _access_key(self, user: str) -> None:
        answer = self._call("CreateAccessKey", ("access key", "?"), ACTIVE, UserName=user)
        if answer is not None and answer.ok:
            self._access_keys.append((user, answer.text("AccessKeyId")))

    def _change_access_key(self) -> None:
        user, key = self._chance.choice(self._access_keys)
        members = {"UserName": user, "AccessKeyId": key}
        if self._chance.random() < 0.5:
            status = self._chance.choice([ACTIVE, INACTIVE])
            self._call("UpdateAccessKey", ("access key", key), status, **members, Status=status)
            return
        answer = self._call("DeleteAccessKey", ("access key", key), GONE, **members)
        if answer is not None:
            self._access_keys.remove((user, key))
