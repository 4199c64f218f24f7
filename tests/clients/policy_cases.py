"""Cases for two evaluators of policies: who asks for what, under which policies, with which values of condition keys.

Guarantees: case ``n`` of seed ``s`` is the same in every run; a case is plain JSON, so that it can be shown, made
smaller and asked again. Every operator, both set prefixes, ``…IfExists``, ``Null``, variables and the negations of
Action, Resource and Principal come up; values of the request and literals of the policies are drawn from the same few,
so that they meet.
"""

from __future__ import annotations

import base64
import random
from collections.abc import Callable, Mapping
from typing import Any, Final, NamedTuple

Case = dict[str, Any]
Json = dict[str, Any]

HOME: Final = "111122223333"
AWAY: Final = "444455556666"
REGION: Final = "eu-central-1"
KEY_ID: Final = "1234abcd-12ab-34cd-56ef-1234567890ab"
KEY: Final = f"arn:aws:kms:{REGION}:{HOME}:key/{KEY_ID}"


class Who(NamedTuple):
    """A principal, and the condition keys that follow from it. ``role`` is the ARN of the role behind a session."""

    kind: str
    account: str
    arn: str
    unique_id: str
    keys: Mapping[str, str]
    role: str | None = None


def _who(kind: str, account: str, arn: str, unique_id: str, role: str | None = None, **keys: str) -> Who:
    spelled = {"IAMUser": "User", "Root": "Account"}.get(kind, kind)
    known = {
        "aws:PrincipalArn": role or arn,
        "aws:PrincipalAccount": account,
        "aws:PrincipalType": spelled,
        "aws:userid": unique_id,
        "kms:CallerAccount": account,
    }
    if "username" in keys:
        known["aws:username"] = keys["username"]
    if "team" in keys:
        known["aws:PrincipalTag/team"] = keys["team"]
    return Who(kind, account, arn, unique_id, known, role)


PEOPLE: Final[Mapping[str, Who]] = {
    "user": _who(
        "IAMUser", HOME, f"arn:aws:iam::{HOME}:user/alice", "AIDAALICEALICEALICE1", username="alice", team="blue"
    ),
    "root": _who("Root", HOME, f"arn:aws:iam::{HOME}:root", HOME),
    "session": _who(
        "AssumedRole",
        HOME,
        f"arn:aws:sts::{HOME}:assumed-role/Worker/night",
        "AROAWORKERWORKERWRK1:night",
        f"arn:aws:iam::{HOME}:role/Worker",
        team="red",
    ),
    "federated": _who("FederatedUser", HOME, f"arn:aws:sts::{HOME}:federated-user/fay", f"{HOME}:fay"),
    "stranger": _who("IAMUser", AWAY, f"arn:aws:iam::{AWAY}:user/bob", "AIDABOBBOBBOBBOBBOB1", username="bob"),
    "strange root": _who("Root", AWAY, f"arn:aws:iam::{AWAY}:root", AWAY),
    "guest": _who(
        "AssumedRole",
        AWAY,
        f"arn:aws:sts::{AWAY}:assumed-role/Guest/visit",
        "AROAGUESTGUESTGUEST1:visit",
        f"arn:aws:iam::{AWAY}:role/Guest",
    ),
}

# Values by type; requests and policies draw from the same rows.
TEXTS: Final = ("blue", "red", "Blue", "", "a/b:c", "blue*", "bl?e", "alice", "ß", "${aws:username}")
LIKES: Final = ("bl*", "*", "?lue", "*e*", "b?u*", "", "r??", "*${aws:username}*", "${*}", "blue${*}", "${?}")
VARIABLES: Final = (
    "${aws:username}",
    "${aws:PrincipalTag/team}",
    "${aws:RequestTag/a}",
    "${aws:RequestTag/a, 'blue'}",
    "x${aws:PrincipalAccount}",
    "${aws:TagKeys}",
)
NUMBERS: Final = ("0", "7", "30", "365", "30.0", "-1", "1e2")
DATES: Final = ("2026-01-01T00:00:00Z", "2026-06-01T12:00:00Z", "1767225600", "2030-01-01", "2026-01-01T00:00:00+01:00")
TRUTHS: Final = ("true", "false")
ADDRESSES: Final = ("10.0.0.1", "10.1.2.3", "192.0.2.1", "2001:db8::1")
NETWORKS: Final = ("10.0.0.0/8", "10.0.0.1", "10.0.0.0/16", "192.0.2.0/24", "0.0.0.0/0", "2001:db8::/32", "::/0")
ARNS: Final = (
    f"arn:aws:iam::{HOME}:user/alice",
    f"arn:aws:iam::{HOME}:role/Worker",
    f"arn:aws:iam::{AWAY}:role/Guest",
)
ARN_PATTERNS: Final = (
    *ARNS,
    "arn:aws:iam::*:user/*",
    f"arn:aws:iam::{HOME}:*",
    "arn:*:iam::*:role/W*",
    "arn:aws:iam::${aws:PrincipalAccount}:user/${aws:username}",
    "*",
)
BINARIES: Final = tuple(base64.b64encode(each).decode() for each in (b"a", b"ab", b"\xff\x00"))

# Condition keys by what is compared: of every call, and of one action.
SINGLE: Final[Mapping[str, tuple[str, tuple[str, ...]]]] = {
    "aws:RequestTag/a": ("text", TEXTS),
    "aws:RequestTag/b": ("text", TEXTS),
    "kms:EncryptionContext:a": ("text", TEXTS),
    "kms:EncryptionContext:blob": ("binary", BINARIES),
    "aws:UserAgent": ("text", TEXTS),
    "aws:MultiFactorAuthAge": ("number", NUMBERS),
    "aws:CurrentTime": ("date", DATES[:2]),
    "aws:TokenIssueTime": ("date", DATES[:2]),
    "aws:SecureTransport": ("truth", TRUTHS),
    "aws:MultiFactorAuthPresent": ("truth", TRUTHS),
    "aws:SourceIp": ("address", ADDRESSES),
    "aws:SourceArn": ("arn", ARNS),
}
MANY: Final[Mapping[str, tuple[str, ...]]] = {
    "aws:TagKeys": ("a", "b", "Blue"),
    "kms:EncryptionContextKeys": ("a", "blob"),  # those of the context that is there
}
OF_WHO: Final = ("aws:PrincipalArn", "aws:PrincipalAccount", "aws:PrincipalType", "aws:username", "kms:CallerAccount")
OF_ACTION: Final[Mapping[str, tuple[str, str, tuple[str, ...]]]] = {
    "kms:EnableKeyRotation": ("kms:RotationPeriodInDays", "number", NUMBERS[1:4]),
    "kms:ScheduleKeyDeletion": ("kms:ScheduleKeyDeletionPendingWindowInDays", "number", NUMBERS[1:3]),
    "kms:PutKeyPolicy": ("kms:BypassPolicyLockoutSafetyCheck", "truth", TRUTHS),
    "kms:CreateGrant": ("kms:GranteePrincipal", "arn", ARNS),
}
ACTIONS: Final = ("kms:Encrypt", "kms:Decrypt", "kms:Encrypt", *OF_ACTION)
KEYLESS: Final = "kms:CreateKey"
CONTEXT_KEYS: Final = "kms:EncryptionContextKeys"
WITH_CONTEXT: Final = ("kms:Encrypt", "kms:Decrypt", "kms:CreateGrant")
ROLE: Final = f"arn:aws:iam::{HOME}:role/Target"
ASSUMING: Final = ("sts:AssumeRole", "sts:AssumeRole", "sts:TagSession")
OF_ROLE: Final[Mapping[str, tuple[str, tuple[str, ...]]]] = {
    "sts:ExternalId": ("text", TEXTS[:4]),
    "sts:RoleSessionName": ("text", ("blue", "alice", "night")),
    "aws:RequestTag/a": ("text", TEXTS),
    "aws:UserAgent": ("text", TEXTS),
    "aws:SourceIp": ("address", ADDRESSES),
    "aws:CurrentTime": ("date", DATES[:2]),
    "aws:SecureTransport": ("truth", TRUTHS),
}
CROSSING: Final = ("kms:Encrypt", "kms:Decrypt", "kms:CreateGrant")

_ORDERED: Final = ("Equals", "NotEquals", "LessThan", "LessThanEquals", "GreaterThan", "GreaterThanEquals")
_STRINGS: Final = ("Equals", "NotEquals", "EqualsIgnoreCase", "NotEqualsIgnoreCase", "Like", "NotLike")
OPERATORS: Final[Mapping[str, tuple[str, ...]]] = {
    "text": tuple(f"String{each}" for each in _STRINGS),
    "number": tuple(f"Numeric{each}" for each in _ORDERED),
    "date": tuple(f"Date{each}" for each in _ORDERED),
    "truth": ("Bool",),
    "binary": ("BinaryEquals",),
    "address": ("IpAddress", "NotIpAddress"),
    "arn": ("ArnEquals", "ArnNotEquals", "ArnLike", "ArnNotLike"),
}
_LITERALS: Final[Mapping[str, tuple[str, ...]]] = {
    "text": (*TEXTS, *LIKES, *VARIABLES),
    "number": NUMBERS,
    "date": DATES,
    "truth": TRUTHS,
    "binary": BINARIES,
    "address": NETWORKS,
    "arn": ARN_PATTERNS,
}


def values(asked: Case) -> dict[str, Any]:
    """All condition keys of the case: those that it holds, and those that follow from them."""
    prefix = "kms:EncryptionContext:"
    names = [key.removeprefix(prefix) for key in asked["context"] if key.startswith(prefix)]
    derived = {CONTEXT_KEYS: names} if names else {}
    of_who = {
        key: value for key, value in PEOPLE[asked["who"]].keys.items() if not (asked.get("trust") and "kms:" in key)
    }
    return {**of_who, **asked["context"], **derived}


def case(seed: int, number: int) -> Case:
    """Case ``number`` of the seed."""
    return _Drawing(random.Random(f"{seed}/{number}")).case()


def trust_case(seed: int, number: int) -> Case:
    """Case ``number`` of the seed about who may have a session of a role: the key policy is the role's trust policy."""
    return _Trusting(random.Random(f"trust {seed}/{number}")).case()


class _Drawing:
    def __init__(self, chance: random.Random) -> None:
        self.chance = chance
        self.action = ""
        self.who = PEOPLE["user"]
        self.context: dict[str, Any] = {}

    def often(self, share: float) -> bool:
        return self.chance.random() < share

    def case(self) -> Case:
        chance = self.chance
        keyless = self.often(0.07)
        name = chance.choice(["user", "root", "session", "session", "federated"] if keyless else list(PEOPLE))
        self.who = PEOPLE[name]
        away = self.who.account != HOME
        self.action = KEYLESS if keyless else chance.choice(CROSSING if away else ACTIONS)
        self.context = self._context()
        session = self.who.role is not None or self.who.kind == "FederatedUser"
        root = self.who.kind == "Root"
        return {
            "who": name,
            "action": self.action,
            "resource": "*" if keyless else KEY,
            "context": {key: value for key, value in self.context.items() if key != CONTEXT_KEYS},
            "key_policy": None if keyless else self._document(self._statements(3, key=True)),
            "identity": []
            if root
            else [self._document(self._statements(2)) for _ in range(chance.choice([0, 1, 1, 2]))],
            "boundary": self._document(self._statements(2)) if not root and self.often(0.2) else None,
            "session": self._document(self._statements(2)) if session and self.often(0.4) else None,
        }

    def _context(self) -> dict[str, Any]:
        chance, found = self.chance, {}
        for key, (_, values) in SINGLE.items():
            if self.often(0.5):
                found[key] = chance.choice(values)
        for key, listed in MANY.items():
            if self.often(0.5):
                found[key] = sorted(chance.sample(listed, chance.randint(1, len(listed))))
        if self.action in OF_ACTION:
            key, _, values = OF_ACTION[self.action]
            if self.often(0.8):
                found[key] = chance.choice(values)
        context = [key.rpartition(":")[2] for key in found if key.startswith("kms:EncryptionContext:")]
        found.pop(CONTEXT_KEYS, None)
        if context and self.action in WITH_CONTEXT:
            return found | {CONTEXT_KEYS: context}
        return {key: value for key, value in found.items() if not key.startswith("kms:EncryptionContext:")}

    def _document(self, statements: list[Json]) -> Json:
        body: Any = statements[0] if len(statements) == 1 and self.often(0.3) else statements
        version = {"Version": "2012-10-17"} if self.often(0.9) else {"Version": "2008-10-17"} if self.often(0.7) else {}
        return {**version, "Statement": body}

    def _statements(self, most: int, *, key: bool = False) -> list[Json]:
        return [self._statement(key=key) for _ in range(self.chance.randint(1, most))]

    def _statement(self, *, key: bool) -> Json:
        made: Json = {"Effect": "Deny" if self.often(0.25) else "Allow"}
        if key:
            negated = made["Effect"] == "Deny" and self.often(0.3)
            made["NotPrincipal" if negated else "Principal"] = self._principal()
        made["NotAction" if self.often(0.12) else "Action"] = self._some(self._action)
        made["NotResource" if self.often(0.1) else "Resource"] = self._some(self._resource)
        if self.often(0.5):
            tests = made["Condition"] = {}
            for _ in range(self.chance.choice([1, 1, 2, 3])):
                operator, name, values = self._test(deny=made["Effect"] == "Deny", key=key)
                tests.setdefault(operator, {})[name] = values
        return made

    def _some(self, draw: Callable[[], str]) -> Any:
        if self.often(0.7):
            return draw()
        return [draw() for _ in range(self.chance.randint(1, 3))]

    def _principal(self) -> Any:
        if self.often(0.15):
            return self.chance.choice(["*", {"AWS": "*"}])
        near = [self.who.arn, self.who.account, f"arn:aws:iam::{self.who.account}:root", self.who.role or self.who.arn]
        far = [each.arn for each in PEOPLE.values()] + [each.role for each in PEOPLE.values() if each.role]
        return {"AWS": self._some(lambda: self.chance.choice(near if self.often(0.8) else [HOME, *far]))}

    def _action(self) -> str:
        verb = self.action.partition(":")[2]
        near = ["*", "kms:*", self.action, self.action.lower(), f"kms:{verb[:3]}*", f"kms:?{verb[1:]}", f"KMS:{verb}"]
        far = ["kms:Decrypt", "kms:Encrypt", "s3:*", "kms:Generate*", "kms:ReEncrypt*"]
        return self.chance.choice(near if self.often(0.8) else far)

    def _resource(self) -> str:
        near = [
            "*",
            "*",
            KEY,
            f"arn:aws:kms:{REGION}:{HOME}:key/*",
            f"arn:aws:kms:*:{HOME}:*",
            f"arn:aws:kms:{REGION}:{HOME}:key/????abcd-*",
            f"arn:aws:kms:{REGION}:${{aws:PrincipalAccount}}:key/*",
        ]
        far = [
            f"arn:aws:kms:{REGION}:{HOME}:key/other",
            f"arn:aws:kms:us-east-1:{HOME}:key/*",
            f"arn:aws:kms:{REGION}:{HOME}:key/${{aws:RequestTag/a}}*",
            f"arn:aws:kms:{REGION}:{HOME}:alias/*",
        ]
        return self.chance.choice(near if self.often(0.85) else far)

    def _test(self, *, deny: bool, key: bool) -> tuple[str, str, Any]:
        """An operator, a condition key, and its literals."""
        chance = self.chance
        kind, name, value = self._key()
        many = isinstance(value, list) or name in MANY
        if self.often(0.12):
            return "Null", self._spelled(name), chance.choice(TRUTHS)
        operator = chance.choice(OPERATORS[kind] if self.often(0.93) else OPERATORS[chance.choice(list(OPERATORS))])
        prefix = chance.choice(["ForAllValues:", "ForAnyValue:"]) if self.often(0.85 if many else 0.12) else ""
        if (
            prefix == "ForAllValues:"
            and key
            and not deny
            and name.startswith(("kms:EncryptionContext:", "aws:RequestTag/"))
        ):
            prefix = "ForAnyValue:"  # in an Allow of a key policy AWS refuses the other
        suffix = "IfExists" if self.often(0.2) else ""
        return prefix + operator + suffix, self._spelled(name), self._literals(operator, value)

    def _spelled(self, name: str) -> str:
        return name if self.often(0.9) else name.lower()

    def _key(self) -> tuple[str, str, Any]:
        """A condition key, its type, and its value in the request (None: absent)."""
        chance = self.chance
        if self.action in OF_ACTION and self.often(0.3):
            name, kind, _ = OF_ACTION[self.action]
            return kind, name, self.context.get(name)
        if self.often(0.25):
            name = chance.choice(OF_WHO)
            return "arn" if name == "aws:PrincipalArn" else "text", name, self.who.keys.get(name)
        if self.often(0.2):
            name = chance.choice(list(MANY))
            return "text", name, self.context.get(name)
        name = chance.choice(list(SINGLE))
        return SINGLE[name][0], name, self.context.get(name)

    def _literals(self, operator: str, value: Any) -> Any:
        kind = next(kind for kind, names in OPERATORS.items() if operator in names)
        readable = _LITERALS[kind]
        equal = [each for each in ([value] if isinstance(value, str) else value or []) if _readable(kind, each)]

        def draw() -> str:
            return self.chance.choice(equal if equal and self.often(0.45) else readable)

        return self._some(draw)


class _Trusting(_Drawing):
    """Roots are left out: STS refuses them before any policy is asked."""

    def case(self) -> Case:
        chance = self.chance
        name = chance.choice([each for each, who in PEOPLE.items() if who.kind != "Root"])
        self.who = PEOPLE[name]
        self.action = chance.choice(ASSUMING)
        self.context = {
            key: chance.choice(found)
            for key, (_, found) in OF_ROLE.items()
            if self.often(0.5) and (self.action == ASSUMING[0] or not key.startswith("sts:"))
        }
        session = self.who.role is not None or self.who.kind == "FederatedUser"
        return {
            "trust": True,
            "who": name,
            "action": self.action,
            "resource": ROLE,
            "context": self.context,
            "key_policy": self._document([self._trust() for _ in range(chance.randint(1, 3))]),
            "identity": [self._document(self._statements(2)) for _ in range(chance.choice([0, 1, 1, 2]))],
            "boundary": self._document(self._statements(2)) if self.often(0.2) else None,
            "session": self._document(self._statements(2)) if session and self.often(0.4) else None,
        }

    def _trust(self) -> Json:
        whole = self._statement(key=True)
        return {name: value for name, value in whole.items() if name not in {"Resource", "NotResource"}}

    def _action(self) -> str:
        near = [self.action, "sts:*", "sts:Assume*", self.action.lower(), "sts:?ssumeRole"]
        return self.chance.choice(near if self.often(0.85) else ["sts:TagSession", "sts:GetSessionToken", "sts:Set*"])

    def _resource(self) -> str:
        near = ["*", ROLE, f"arn:aws:iam::{HOME}:role/*", "arn:aws:iam::*:role/T*"]
        return self.chance.choice(near if self.often(0.85) else [f"arn:aws:iam::{HOME}:role/Other"])

    def _key(self) -> tuple[str, str, Any]:
        if self.often(0.3):
            name = self.chance.choice(OF_WHO[:-1])
            return "arn" if name == "aws:PrincipalArn" else "text", name, self.who.keys.get(name)
        name = self.chance.choice(list(OF_ROLE))
        return OF_ROLE[name][0], name, self.context.get(name)


def _readable(kind: str, text: str) -> bool:
    """May the text be a literal of an operator of this kind in a policy, or would the policy be refused."""
    return kind in {"text", "truth"} or text in _LITERALS[kind]
