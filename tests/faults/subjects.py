"""What races are about: something that is changed, calls that see it, and how an answer tells what they saw.

Here are those of keys: state, policy, grants, aliases. Those of users, groups, roles and their policies are in
`standing`.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any, NamedTuple

from tests.faults.history import Register
from tests.faults.wire import Answer, Signer, Wire

ENABLED, DISABLED, PENDING = "Enabled", "Disabled", "PendingDeletion"
ALLOW, DENY = "Allow", "Deny"

USE = ["kms:Encrypt", "kms:Decrypt", "kms:GenerateDataKey"]

See = Callable[[Answer], str]


class Deed(NamedTuple):
    """One call that somebody may make, to whichever service."""

    by: Signer
    operation: str
    members: dict[str, Any]
    service: str = "kms"

    def request(self, agent: str) -> bytes:
        return self.by.asked(self.service, self.operation, self.members, agent)


class Step(NamedTuple):
    """A change, and the value that the register has when it is answered. What it says may depend on what earlier ones
    answered: then the deed is a function."""

    deed: Deed | Callable[[], Deed]
    value: str


class Matter(NamedTuple):
    """A register and the calls that see its value."""

    register: Register
    calls: list[Deed]


class Subject:
    """``steps`` are taken over and over; ``learn`` is told of every answer to one. What a step ends for good (an access
    key that is deleted) ``anew`` makes once more before the first of them: another register, with its own calls."""

    def __init__(
        self,
        matter: Matter,
        see: See,
        steps: list[Step],
        *,
        learn: Callable[[Answer], None] = lambda answer: None,
        anew: Callable[[Wire], Matter] | None = None,
    ) -> None:
        self.name = matter.register.name
        self.see = see
        self.steps = steps
        self.learn = learn
        self.matters = [matter]
        self._anew = anew
        self._taken = 0

    @property
    def matter(self) -> Matter:
        return self.matters[-1]

    @property
    def worn(self) -> bool:
        """Whether it takes a new matter before the next step."""
        return self._anew is not None and self._taken > 0 and self._taken % len(self.steps) == 0

    def renew(self, wire: Wire) -> None:
        assert self._anew is not None
        self.matters.append(self._anew(wire))
        self._taken = 0

    def step(self) -> tuple[Deed, str]:
        deed, value = self.steps[self._taken % len(self.steps)]
        self._taken += 1
        return deed() if callable(deed) else deed, value


def of_keys(wire: Wire, admin: Signer, account: str) -> list[Subject]:
    """Make keys, a grant and an alias, and say what is done to them."""

    def key() -> str:
        return str(wire.call("CreateKey").json["KeyMetadata"]["KeyId"])

    def does(operation: str, **members: Any) -> Deed:
        return Deed(admin, operation, members)

    switched, governed, here, there = key(), key(), key(), key()
    alias = "alias/moving"
    assert wire.call("CreateAlias", AliasName=alias, TargetKeyId=here).ok
    state = Subject(
        Matter(Register("state", ENABLED), uses(wire, admin, switched)),
        _state,
        [
            Step(does("DisableKey", KeyId=switched), DISABLED),
            Step(does("EnableKey", KeyId=switched), ENABLED),
            Step(does("ScheduleKeyDeletion", KeyId=switched, PendingWindowInDays=7), PENDING),
            Step(does("CancelKeyDeletion", KeyId=switched), DISABLED),
            Step(does("EnableKey", KeyId=switched), ENABLED),
        ],
    )
    policy = Subject(
        Matter(Register("policy", ALLOW), uses(wire, admin, governed)),
        permitted,
        [
            Step(does("PutKeyPolicy", KeyId=governed, Policy=_document(account, deny=deny)), value)
            for deny, value in ((True, DENY), (False, ALLOW))
        ],
    )
    moving = Subject(
        Matter(Register("alias", here), uses(wire, admin, alias, blob=False)),
        _target,
        [Step(does("UpdateAlias", AliasName=alias, TargetKeyId=target), target) for target in (there, here)],
    )
    return [state, policy, moving]


def uses(wire: Wire, by: Signer, name: str, *, blob: bool = True) -> list[Deed]:
    """Calls that use a key, with a ciphertext that whoever has ``wire`` made."""
    calls = [
        Deed(by, "Encrypt", {"KeyId": name, "Plaintext": "aGVsbG8="}),
        Deed(by, "GenerateDataKey", {"KeyId": name, "KeySpec": "AES_256"}),
    ]
    if blob:
        sealed = {"CiphertextBlob": sure(wire.call("Encrypt", KeyId=name, Plaintext="aGVsbG8=")).json["CiphertextBlob"]}
        calls += [Deed(by, "Decrypt", sealed), Deed(by, "Decrypt", {"KeyId": name, **sealed})]
    return calls


def granting(wire: Wire, admin: Signer, account: str, name: str, grantee: str, callers: list[Signer]) -> Subject:
    """A key that only the administrator may use and nobody's policy speaks of, and a grant that lets ``callers`` use it.
    The grant's name makes CreateGrant repeatable, so that it tells the id again when the answer was lost."""
    policy = {"Effect": "Allow", "Principal": {"AWS": f"arn:aws:iam::{account}:user/admin"}, "Action": "kms:*"}
    key = str(wire.call("CreateKey", Policy=document({**policy, "Resource": "*"})).json["KeyMetadata"]["KeyId"])
    operations = [action.removeprefix("kms:") for action in USE]
    create = {"KeyId": key, "GranteePrincipal": grantee, "Operations": operations, "Name": "racing"}
    latest = "0" * 64  # of no grant: where the answer to the first is lost, there is nothing to revoke

    def learn(answer: Answer) -> None:
        nonlocal latest
        latest = answer.json.get("GrantId", latest)

    return Subject(
        Matter(Register(name, DENY), [call for by in callers for call in uses(wire, by, key)]),
        permitted,
        [
            Step(Deed(admin, "CreateGrant", create), ALLOW),
            Step(lambda: Deed(admin, "RevokeGrant", {"KeyId": key, "GrantId": latest}), DENY),
        ],
        learn=learn,
    )


def document(*statements: dict[str, Any]) -> str:
    return json.dumps({"Version": "2012-10-17", "Statement": statements})


def sure(answer: Answer) -> Answer:
    assert answer.ok, f"{answer}"
    return answer


def permitted(answer: Answer) -> str:
    denials = {"AccessDeniedException", "AccessDenied"}
    return ALLOW if answer.ok else DENY if answer.code in denials else f"{answer}"


def _document(account: str, *, deny: bool) -> str:
    root = {"Effect": "Allow", "Principal": {"AWS": f"arn:aws:iam::{account}:root"}, "Action": "kms:*", "Resource": "*"}
    return document(root, *[{"Effect": "Deny", "Principal": "*", "Action": USE, "Resource": "*"}] * deny)


def _state(answer: Answer) -> str:
    seen = {"": ENABLED, "DisabledException": DISABLED, "KMSInvalidStateException": PENDING}
    return seen.get(answer.code, f"{answer}")


def _target(answer: Answer) -> str:
    return str(answer.json["KeyId"]).rpartition("/")[2] if answer.ok else f"{answer}"
