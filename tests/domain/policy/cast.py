"""The people, the key and the shorthand of the policy tests."""

from __future__ import annotations

import json
from typing import Any

from hypothesis import HealthCheck, settings

from keystead.domain.caller import Caller, Principal, PrincipalKind, Via
from keystead.domain.key import Key, KeyState
from keystead.domain.policy import document
from keystead.domain.policy.conditions import Context, Facts
from keystead.domain.policy.decide import Question
from keystead.domain.policy.statements import Policy

# Property tests here say what is true, not how fast: a busy machine must not fail them.
LAW = settings(deadline=None, max_examples=100, suppress_health_check=[HealthCheck.too_slow])

HOME = "111122223333"
AWAY = "444455556666"
REGION = "eu-central-1"

KEY = Key(
    account=HOME,
    region=REGION,
    key_id="1234abcd-12ab-34cd-56ef-1234567890ab",
    ref=b"r" * 16,
    spec="SYMMETRIC_DEFAULT",
    usage="ENCRYPT_DECRYPT",
    origin="AWS_KMS",
    manager="CUSTOMER",
    state=KeyState.ENABLED,
    description="",
    created=0.0,
    policy="",
    tags=(("Team", "blue"), ("Stage", "prod")),
)


def _principal(kind: PrincipalKind, account: str, arn: str, unique_id: str, **more: Any) -> Principal:
    return Principal(kind=kind, account=account, arn=arn, unique_id=unique_id, **more)


ROLE_ARN = f"arn:aws:iam::{HOME}:role/app/Worker"
SESSION_ARN = f"arn:aws:sts::{HOME}:assumed-role/Worker/night"
USER_ARN = f"arn:aws:iam::{HOME}:user/staff/alice"
FEDERATED_ARN = f"arn:aws:sts::{HOME}:federated-user/fay"
AWAY_USER_ARN = f"arn:aws:iam::{AWAY}:user/bob"
AWAY_SESSION_ARN = f"arn:aws:sts::{AWAY}:assumed-role/Guest/visit"

USER = _principal(PrincipalKind.USER, HOME, USER_ARN, "AIDAALICEALICEALICE1", name="alice", tags=(("team", "blue"),))
ROOT = _principal(PrincipalKind.ROOT, HOME, f"arn:aws:iam::{HOME}:root", HOME)
SESSION = _principal(PrincipalKind.ASSUMED_ROLE, HOME, SESSION_ARN, "AROAWORKERWORKERWRK1:night", role_arn=ROLE_ARN)
FEDERATED = _principal(PrincipalKind.FEDERATED_USER, HOME, FEDERATED_ARN, f"{HOME}:fay", role_arn=USER_ARN)
AWAY_USER = _principal(PrincipalKind.USER, AWAY, AWAY_USER_ARN, "AIDABOBBOBBOBBOBBOB1", name="bob")
AWAY_ROOT = _principal(PrincipalKind.ROOT, AWAY, f"arn:aws:iam::{AWAY}:root", AWAY)
AWAY_SESSION = _principal(
    PrincipalKind.ASSUMED_ROLE,
    AWAY,
    AWAY_SESSION_ARN,
    "AROAGUESTGUESTGUEST1:visit",
    role_arn=f"arn:aws:iam::{AWAY}:role/Guest",
)
SERVICE = _principal(PrincipalKind.SERVICE, "aws", "logs.eu-central-1.amazonaws.com", "logs")


def caller(principal: Principal = USER, via: Via | None = None) -> Caller:
    return Caller(principal, "AKIAEXAMPLE", REGION, via)


def statement(effect: str = "Allow", **elements: Any) -> dict[str, Any]:
    """A statement about every action and resource, unless the elements say otherwise; an element None is left out."""
    whole = {"Effect": effect, "Action": "kms:*", "Resource": "*"} | elements
    return {name: value for name, value in whole.items() if value is not None}


def text(*statements: dict[str, Any], version: str = "2012-10-17") -> str:
    return json.dumps({"Version": version, "Statement": list(statements)})


def key_policy(*statements: dict[str, Any], version: str = "2012-10-17") -> Policy:
    return document.parse_key_policy(text(*statements, version=version))


def identity(*statements: dict[str, Any], version: str = "2012-10-17") -> Policy:
    return document.parse_identity_policy(text(*statements, version=version))


def trusting(*names: str, effect: str = "Allow", **elements: Any) -> Policy:
    """A key policy of one statement that names these AWS principals."""
    return key_policy(statement(effect, Principal={"AWS": list(names)}, **elements))


ALLOW_ALL = identity(statement(Action="*"))
ALLOW_NOTHING = identity(statement(Action="s3:GetObject"))
DENY_ENCRYPT = identity(statement(Action="*"), statement("Deny", Action="kms:Encrypt"))
DELEGATING = document.parse_key_policy(document.default_key_policy(HOME))


def ask(
    principal: Principal = USER,
    *,
    policy: Policy | None = DELEGATING,
    facts: Facts | None = None,
    allowed: tuple[Policy, ...] = (),
    **more: Any,
) -> Question:
    """The question whether the principal may encrypt with the key; ``allowed`` are its identity policies."""
    who = caller(principal)
    asked: dict[str, Any] = {
        "caller": who,
        "action": "kms:Encrypt",
        "resource": KEY.arn,
        "context": Context(Facts(caller=who, key=KEY) if facts is None else facts),
        "resource_account": HOME,
        "key_policy": policy,
        "identity": tuple((f"policy-{number}", each) for number, each in enumerate(allowed)),
    }
    return Question(**(asked | more))
