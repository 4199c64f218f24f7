"""Subjects of races that are about who somebody is and what policies say of him: see `subjects`.

The callers are users with a policy of their own, with one attached, by their groups, with a boundary, in a session of
their own; roles in sessions; and those who are named by a grant and nothing else.
"""

from __future__ import annotations

from collections.abc import Callable
from itertools import count
from typing import Any

from tests.faults.history import Register
from tests.faults.subjects import (
    ALLOW,
    DENY,
    USE,
    Deed,
    Matter,
    Step,
    Subject,
    document,
    granting,
    permitted,
    sure,
    uses,
)
from tests.faults.wire import Answer, Signer, Wire

ACTIVE, GONE = "Active", "Gone"

MAY = document({"Effect": "Allow", "Action": USE, "Resource": "*"})
MAY_ELSE = document({"Effect": "Allow", "Action": "iam:*", "Resource": "*"})
NO_SESSION = document(
    {
        "Effect": "Deny",
        "Action": "*",
        "Resource": "*",
        "Condition": {"DateLessThan": {"aws:TokenIssueTime": "2100-01-01T00:00:00Z"}},
    }
)


class Office:
    """Makes users, groups, roles and policies, and says what is done to them. ``wire`` is the administrator's."""

    def __init__(self, wire: Wire, admin: Signer, account: str) -> None:
        self.wire = wire
        self.admin = admin
        self.account = account
        self.numbers = count()
        self.governed = self._key()
        self.open = self._key(
            {
                "Effect": "Allow",
                "Principal": {"AWS": f"arn:aws:iam::{account}:root"},
                "Action": "kms:*",
                "Resource": "*",
            },
            {"Effect": "Allow", "Principal": {"AWS": "*"}, "Action": USE, "Resource": "*"},
        )

    # --- what there is -----------------------------------------------------------------------------------------------

    def _key(self, *statements: dict[str, Any]) -> str:
        policy = {"Policy": document(*statements)} if statements else {}
        return str(sure(self.wire.call("CreateKey", **policy)).json["KeyMetadata"]["KeyId"])

    def iam(self, action: str, **members: Any) -> Answer:
        return sure(self.wire.ask("iam", action, **members))

    def user(self, name: str) -> Signer:
        self.iam("CreateUser", UserName=name)
        made = self.iam("CreateAccessKey", UserName=name)
        return Signer(made.text("AccessKeyId"), made.text("SecretAccessKey"))

    def role(self, name: str, wire: Wire | None = None) -> Signer:
        """A session of a new role."""
        wire = wire or self.wire
        sure(wire.ask("iam", "CreateRole", RoleName=name, AssumeRolePolicyDocument=self.trust(self.admin_arn)))
        session = sure(wire.ask("sts", "AssumeRole", RoleArn=self.arn("role", name), RoleSessionName="racing"))
        return _of(session)

    def policy(self, name: str, text: str) -> str:
        return self.iam("CreatePolicy", PolicyName=name, PolicyDocument=text).text("Arn")

    def arn(self, kind: str, name: str) -> str:
        return f"arn:aws:iam::{self.account}:{kind}/{name}"

    @property
    def admin_arn(self) -> str:
        return self.arn("user", "admin")

    def trust(self, who: str, effect: str = "Allow") -> str:
        return document({"Effect": effect, "Principal": {"AWS": who}, "Action": "sts:AssumeRole"})

    # --- subjects ----------------------------------------------------------------------------------------------------

    def changed(self, name: str, value: str, callers: list[Signer], *steps: tuple[str, str, dict[str, Any]]) -> Subject:
        """Two-faced: ``steps`` are values, the action that brings each about, and its members."""
        return Subject(
            Matter(Register(name, value), [call for by in callers for call in uses(self.wire, by, self.governed)]),
            permitted,
            [Step(Deed(self.admin, action, members, "iam"), after) for after, action, members in steps],
        )

    def own(self) -> Subject:
        """A policy of the user's own."""
        by = self.user("own")
        named = {"UserName": "own", "PolicyName": "may"}
        put = {**named, "PolicyDocument": MAY}
        self.iam("PutUserPolicy", **put)
        return self.changed("own", ALLOW, [by], (DENY, "DeleteUserPolicy", named), (ALLOW, "PutUserPolicy", put))

    def attached(self) -> Subject:
        """A managed policy of a user's, whose sessions lose it with him."""
        by = self.user("attached")
        session = Wire(self.wire.port, by)
        with session:
            sessions = _of(sure(session.ask("sts", "GetSessionToken")))
        named = {"UserName": "attached", "PolicyArn": self.policy("attached", MAY)}
        self.iam("AttachUserPolicy", **named)
        return self.changed(
            "attached", ALLOW, [by, sessions], (DENY, "DetachUserPolicy", named), (ALLOW, "AttachUserPolicy", named)
        )

    def bounded(self) -> Subject:
        by = self.user("bounded")
        self.iam("PutUserPolicy", UserName="bounded", PolicyName="may", PolicyDocument=MAY)
        named = {"UserName": "bounded"}
        put = {**named, "PermissionsBoundary": self.policy("bounds", MAY_ELSE)}
        return self.changed(
            "boundary",
            ALLOW,
            [by],
            (DENY, "PutUserPermissionsBoundary", put),
            (ALLOW, "DeleteUserPermissionsBoundary", named),
        )

    def membership(self) -> Subject:
        by = self.user("member")
        self.iam("CreateGroup", GroupName="joined")
        self.iam("PutGroupPolicy", GroupName="joined", PolicyName="may", PolicyDocument=MAY)
        named = {"GroupName": "joined", "UserName": "member"}
        self.iam("AddUserToGroup", **named)
        return self.changed(
            "membership", ALLOW, [by], (DENY, "RemoveUserFromGroup", named), (ALLOW, "AddUserToGroup", named)
        )

    def of_group(self) -> Subject:
        """What a group may, seen by two of its members."""
        callers = [self.user("first"), self.user("second")]
        self.iam("CreateGroup", GroupName="governed")
        for name in ("first", "second"):
            self.iam("AddUserToGroup", GroupName="governed", UserName=name)
        named = {"GroupName": "governed", "PolicyName": "may"}
        put = {**named, "PolicyDocument": MAY}
        self.iam("PutGroupPolicy", **put)
        return self.changed(
            "group policy", ALLOW, callers, (DENY, "DeleteGroupPolicy", named), (ALLOW, "PutGroupPolicy", put)
        )

    def versions(self) -> Subject:
        """The default version of a managed policy that a user has by his group."""
        by = self.user("versioned")
        arn = self.policy("versioned", MAY)
        self.iam("CreatePolicyVersion", PolicyArn=arn, PolicyDocument=MAY_ELSE)
        self.iam("CreateGroup", GroupName="versioned")
        self.iam("AttachGroupPolicy", GroupName="versioned", PolicyArn=arn)
        self.iam("AddUserToGroup", GroupName="versioned", UserName="versioned")
        steps = [
            (after, "SetDefaultPolicyVersion", {"PolicyArn": arn, "VersionId": version})
            for after, version in ((DENY, "v2"), (ALLOW, "v1"))
        ]
        return self.changed("default version", ALLOW, [by], *steps)

    def role_policy(self) -> Subject:
        by = self.role("attached")
        named = {"RoleName": "attached", "PolicyArn": self.policy("of-role", MAY)}
        self.iam("AttachRolePolicy", **named)
        return self.changed(
            "role policy", ALLOW, [by], (DENY, "DetachRolePolicy", named), (ALLOW, "AttachRolePolicy", named)
        )

    def sessions(self) -> Subject:
        """A Deny of all sessions that began before some time, as the console writes it to revoke them."""
        by = self.role("sessions")
        self.iam("PutRolePolicy", RoleName="sessions", PolicyName="may", PolicyDocument=MAY)
        named = {"RoleName": "sessions", "PolicyName": "AWSRevokeOlderSessions"}
        put = {**named, "PolicyDocument": NO_SESSION}
        return self.changed("sessions", ALLOW, [by], (DENY, "PutRolePolicy", put), (ALLOW, "DeleteRolePolicy", named))

    def trusted(self) -> Subject:
        """Who may assume a role."""
        by = self.user("trusted")
        self.role("trusting")
        arn = self.arn("user", "trusted")
        self.iam("UpdateAssumeRolePolicy", RoleName="trusting", PolicyDocument=self.trust(arn))
        steps = [
            (value, "UpdateAssumeRolePolicy", {"RoleName": "trusting", "PolicyDocument": self.trust(arn, value)})
            for value in (DENY, ALLOW)
        ]
        assumes = {"RoleArn": self.arn("role", "trusting"), "RoleSessionName": "racing"}
        return Subject(
            Matter(Register("trust", ALLOW), [Deed(by, "AssumeRole", assumes, "sts")]),
            permitted,
            [Step(Deed(self.admin, action, members, "iam"), value) for value, action, members in steps],
        )

    def switched_key(self) -> Subject:
        """An access key that is made inactive, and active again."""
        by = self.user("switched")
        named = {"UserName": "switched", "AccessKeyId": by.access_key_id}
        return Subject(
            Matter(Register("access key", ACTIVE), uses(self.wire, by, self.open)),
            _recognized,
            [
                Step(Deed(self.admin, "UpdateAccessKey", {**named, "Status": status}, "iam"), value)
                for status, value in (("Inactive", GONE), ("Active", ACTIVE))
            ],
        )

    def deleted_key(self) -> Subject:
        return self._ending("deleted access key", self._doomed_key)

    def deleted_role(self) -> Subject:
        return self._ending("deleted role", self._doomed_role)

    def _ending(self, name: str, make: Callable[[Wire], tuple[Signer, Deed]]) -> Subject:
        """Something that lets its holder in until it is deleted. What ends it goes with the newest."""
        end: Deed

        def anew(wire: Wire) -> Matter:
            nonlocal end
            by, end = make(wire)
            return Matter(Register(name, ACTIVE), uses(wire, by, self.open))

        return Subject(anew(self.wire), _recognized, [Step(lambda: end, GONE)], anew=anew)

    def _doomed_key(self, wire: Wire) -> tuple[Signer, Deed]:
        name = f"doomed-{next(self.numbers)}"
        sure(wire.ask("iam", "CreateUser", UserName=name))
        made = sure(wire.ask("iam", "CreateAccessKey", UserName=name))
        by = Signer(made.text("AccessKeyId"), made.text("SecretAccessKey"))
        return by, Deed(self.admin, "DeleteAccessKey", {"UserName": name, "AccessKeyId": by.access_key_id}, "iam")

    def _doomed_role(self, wire: Wire) -> tuple[Signer, Deed]:
        name = f"doomed-{next(self.numbers)}"
        return self.role(name, wire), Deed(self.admin, "DeleteRole", {"RoleName": name}, "iam")

    def granted(self) -> Subject:
        """A user who has nothing but a grant."""
        by = self.user("grantee")
        return granting(self.wire, self.admin, self.account, "grant", self.arn("user", "grantee"), [by])

    def granted_role(self) -> Subject:
        by = self.role("grantee")
        return granting(self.wire, self.admin, self.account, "role grant", self.arn("role", "grantee"), [by])


def of_identities(wire: Wire, admin: Signer, account: str) -> list[Subject]:
    office = Office(wire, admin, account)
    return [
        office.own(),
        office.attached(),
        office.bounded(),
        office.membership(),
        office.of_group(),
        office.versions(),
        office.role_policy(),
        office.sessions(),
        office.trusted(),
        office.switched_key(),
        office.deleted_key(),
        office.deleted_role(),
        office.granted(),
        office.granted_role(),
    ]


def _of(session: Answer) -> Signer:
    """Whoever has the credentials of a session."""
    return Signer(session.text("AccessKeyId"), session.text("SecretAccessKey"), token=session.text("SessionToken"))


def _recognized(answer: Answer) -> str:
    return ACTIVE if answer.ok else GONE if answer.code == "UnrecognizedClientException" else f"{answer}"
