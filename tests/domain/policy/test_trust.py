"""Who may have a session of a role: trust policies, and the decision over them."""

from __future__ import annotations

import json
from typing import Any

import pytest
from tests.domain.policy.cast import (
    ALLOW_ALL,
    ALLOW_NOTHING,
    AWAY,
    AWAY_USER,
    AWAY_USER_ARN,
    FEDERATED,
    HOME,
    ROLE_ARN,
    SERVICE,
    SESSION,
    SESSION_ARN,
    USER,
    USER_ARN,
    caller,
    identity,
    statement,
)

from keystead.domain.caller import Principal, PrincipalKind
from keystead.domain.policy.conditions import Context, Facts
from keystead.domain.policy.decide import TRUST_POLICY, Decision, Question, Why, decide_trust
from keystead.domain.policy.document import parse_trust_policy
from keystead.domain.policy.statements import Policy
from keystead.errors import Refusal

TARGET = f"arn:aws:iam::{HOME}:role/Target"
PROVIDER = f"arn:aws:iam::{HOME}:oidc-provider/token.example.com"
WEB = Principal(PrincipalKind.WEB_IDENTITY, HOME, PROVIDER, "repo:a/b")
ASSUME, WEB_ASSUME = "sts:AssumeRole", "sts:AssumeRoleWithWebIdentity"


def trust(*names: str, effect: str = "Allow", kind: str = "AWS", **elements: Any) -> Policy:
    """A trust policy of one statement that names these principals."""
    whole = {"Effect": effect, "Principal": {kind: list(names)}, "Action": "sts:*"} | elements
    return policy({name: value for name, value in whole.items() if value is not None})


def policy(*statements: dict[str, Any]) -> Policy:
    return parse_trust_policy(json.dumps({"Version": "2012-10-17", "Statement": list(statements)}))


def ask(
    who: Principal,
    trusted: Policy,
    *own: Policy,
    action: str = ASSUME,
    boundary: Policy | None = None,
    session: tuple[Policy, ...] | None = None,
    **facts: Any,
) -> Decision:
    asker = caller(who)
    return decide_trust(
        Question(
            caller=asker,
            action=action,
            resource=TARGET,
            context=Context(Facts(caller=asker, resource_account=HOME, **facts)),
            resource_account=HOME,
            key_policy=trusted,
            identity=tuple((f"policy-{at}", each) for at, each in enumerate(own)),
            boundary=boundary,
            session=session,
        )
    )


MAY_ASSUME = identity(statement(Action=ASSUME, Resource=TARGET))
MUST_NOT = identity(statement("Deny", Action=ASSUME, Resource=TARGET))


# Whom the trust policy names, who asks with which identity policies, and what settles it.
@pytest.mark.parametrize(
    ("name", "who", "own", "allowed", "why"),
    [
        (USER_ARN, USER, [], True, Why.KEY_POLICY_DIRECT),
        (USER.unique_id, USER, [], True, Why.KEY_POLICY_DIRECT),
        (USER_ARN, USER, [MUST_NOT], False, Why.DENY_IDENTITY),
        (HOME, USER, [], False, Why.NO_IDENTITY_ALLOW),
        (HOME, USER, [ALLOW_NOTHING], False, Why.NO_IDENTITY_ALLOW),
        (HOME, USER, [MAY_ASSUME], True, Why.KEY_POLICY_AND_IDENTITY),
        (AWAY, USER, [ALLOW_ALL], False, Why.NO_RESOURCE_ALLOW),
        (USER_ARN, SESSION, [ALLOW_ALL], False, Why.NO_RESOURCE_ALLOW),
        (ROLE_ARN, SESSION, [], True, Why.KEY_POLICY_DIRECT),
        (SESSION_ARN, SESSION, [], True, Why.KEY_POLICY_DIRECT),
        (AWAY_USER_ARN, AWAY_USER, [], False, Why.NO_IDENTITY_ALLOW),
        (AWAY_USER_ARN, AWAY_USER, [MAY_ASSUME], True, Why.KEY_POLICY_AND_IDENTITY),
        (AWAY, AWAY_USER, [MAY_ASSUME], True, Why.KEY_POLICY_AND_IDENTITY),
        (AWAY, AWAY_USER, [MAY_ASSUME, MUST_NOT], False, Why.DENY_IDENTITY),
        (HOME, AWAY_USER, [ALLOW_ALL], False, Why.NO_RESOURCE_ALLOW),
        ("*", AWAY_USER, [], False, Why.NO_IDENTITY_ALLOW),
        ("*", AWAY_USER, [MAY_ASSUME], True, Why.KEY_POLICY_AND_IDENTITY),
        ("*", USER, [], True, Why.KEY_POLICY_DIRECT),
    ],
)
def test_the_trust_policy_and_the_policies_of_the_caller(
    name: str, who: Principal, own: list[Policy], allowed: bool, why: Why
) -> None:
    decision = ask(who, trust(name), *own)
    assert (decision.allowed, decision.because.kind) == (allowed, why)
    if why is Why.KEY_POLICY_DIRECT:
        assert decision.because.policy == TRUST_POLICY


def test_boundary_and_session_policies_limit_a_role_that_is_trusted_but_not_its_very_session() -> None:
    for limit in ({"boundary": ALLOW_NOTHING}, {"session": (ALLOW_NOTHING,)}):
        assert not ask(SESSION, trust(ROLE_ARN), **limit).allowed
        assert ask(SESSION, trust(SESSION_ARN), **limit).allowed


def test_a_deny_of_the_trust_policy_outweighs_everything() -> None:
    denying = policy(
        {"Effect": "Allow", "Principal": {"AWS": USER_ARN}, "Action": ASSUME},
        {"Effect": "Deny", "Principal": {"AWS": "*"}, "Action": "sts:Assume*"},
    )
    decision = ask(USER, denying, ALLOW_ALL)
    assert not decision.allowed
    assert (decision.because.kind, decision.because.policy) == (Why.DENY_RESOURCE, TRUST_POLICY)


def test_every_action_is_trusted_by_itself() -> None:
    assuming = trust(USER_ARN, Action=[ASSUME, "sts:SetSourceIdentity"])
    assert ask(USER, assuming).allowed
    assert ask(USER, assuming, action="sts:SetSourceIdentity").allowed
    assert not ask(USER, assuming, action="sts:TagSession").allowed


@pytest.mark.parametrize(
    ("condition", "facts", "allowed"),
    [
        ({"StringEquals": {"sts:ExternalId": "e"}}, {"external_id": "e"}, True),
        ({"StringEquals": {"sts:ExternalId": "e"}}, {"external_id": "E"}, False),
        ({"StringEquals": {"sts:ExternalId": "e"}}, {}, False),
        ({"StringEquals": {"sts:RoleSessionName": "${aws:username}"}}, {"role_session_name": "alice"}, True),
        ({"StringEquals": {"sts:RoleSessionName": "${aws:username}"}}, {"role_session_name": "bob"}, False),
        ({"StringEquals": {"aws:PrincipalTag/Team": "blue"}}, {}, True),
        (
            {"StringEquals": {"aws:RequestTag/Team": "${aws:PrincipalTag/team}"}},
            {"request_tags": [("team", "blue")]},
            True,
        ),
        (
            {"StringEquals": {"aws:RequestTag/Team": "${aws:PrincipalTag/team}"}},
            {"request_tags": [("team", "x")]},
            False,
        ),
        ({"ForAllValues:StringEquals": {"aws:TagKeys": "team"}}, {"request_tags": [("cost", "1")]}, False),
        ({"ForAllValues:StringEquals": {"sts:TransitiveTagKeys": "team"}}, {"transitive_tag_keys": ["team"]}, True),
        ({"StringEquals": {"sts:SourceIdentity": "alice"}}, {"session_source_identity": "alice"}, True),
        ({"StringEquals": {"aws:ResourceTag/stage": "test"}}, {"resource_tags": [("stage", "test")]}, True),
        ({"Bool": {"aws:MultiFactorAuthPresent": "true"}}, {}, False),
        ({"StringEquals": {"aws:PrincipalAccount": HOME}}, {}, True),
    ],
)
def test_a_trust_policy_asks_about_the_request(condition: dict[str, Any], facts: dict[str, Any], allowed: bool) -> None:
    assert ask(USER, trust(USER_ARN, Condition=condition), **facts).allowed is allowed


# --- services and identity providers -----------------------------------------------------------------------------------


def test_a_service_is_trusted_by_its_name_alone() -> None:
    assert ask(SERVICE, trust(SERVICE.arn, kind="Service")).allowed
    assert not ask(SERVICE, trust("s3.amazonaws.com", kind="Service")).allowed
    assert not ask(SERVICE, trust("*")).allowed
    assert not ask(USER, trust(SERVICE.arn, kind="Service"), ALLOW_ALL).allowed


def claims(**said: str) -> list[tuple[str, str]]:
    return [(f"token.example.com:{name}", value) for name, value in said.items()]


def test_a_web_identity_is_trusted_by_its_provider_alone() -> None:
    assert ask(WEB, trust(PROVIDER, kind="Federated"), action=WEB_ASSUME).allowed
    assert not ask(WEB, trust(f"{PROVIDER}/other", kind="Federated"), action=WEB_ASSUME).allowed
    assert not ask(WEB, trust("*", HOME), action=WEB_ASSUME).allowed
    assert not ask(WEB, trust(PROVIDER, kind="Federated", Action=ASSUME), action=WEB_ASSUME).allowed
    assert not ask(USER, trust(PROVIDER, kind="Federated"), ALLOW_ALL, action=WEB_ASSUME).allowed


def test_everybody_means_a_web_identity_too_where_it_is_denied() -> None:
    denying = policy(
        {"Effect": "Allow", "Principal": {"Federated": PROVIDER}, "Action": WEB_ASSUME},
        {"Effect": "Deny", "Principal": {"AWS": "*"}, "Action": WEB_ASSUME},
    )
    assert ask(WEB, denying, action=WEB_ASSUME).because.kind is Why.DENY_RESOURCE


def test_a_provider_can_be_spared_by_a_deny() -> None:
    sparing = policy(
        {"Effect": "Allow", "Principal": {"Federated": [PROVIDER, f"{PROVIDER}/b"]}, "Action": WEB_ASSUME},
        {"Effect": "Deny", "NotPrincipal": {"Federated": PROVIDER}, "Action": WEB_ASSUME},
    )
    assert ask(WEB, sparing, action=WEB_ASSUME).allowed
    other = Principal(PrincipalKind.WEB_IDENTITY, HOME, f"{PROVIDER}/b", "sub")
    assert not ask(other, sparing, action=WEB_ASSUME).allowed


@pytest.mark.parametrize(
    ("condition", "said", "allowed"),
    [
        ({"StringEquals": {"token.example.com:sub": "repo:a/b"}}, {"sub": "repo:a/b"}, True),
        ({"StringEquals": {"Token.Example.com:SUB": "repo:a/b"}}, {"sub": "repo:a/b"}, True),
        ({"StringLike": {"token.example.com:sub": "repo:a/*"}}, {"sub": "repo:a/b"}, True),
        ({"StringEquals": {"token.example.com:sub": "repo:a/b"}}, {"sub": "repo:a/c"}, False),
        ({"StringEquals": {"other.example.com:sub": "repo:a/b"}}, {"sub": "repo:a/b"}, False),
        ({"StringEquals": {"token.example.com:aud": "sts"}}, {"sub": "x"}, False),
        ({"ForAnyValue:StringEquals": {"token.example.com:amr": "mfa"}}, {"amr": "mfa"}, True),
        ({"StringEquals": {"token.example.com:amr": "mfa"}}, {"amr": "mfa"}, False),
    ],
)
def test_a_trust_policy_asks_what_the_provider_says(
    condition: dict[str, Any], said: dict[str, str], allowed: bool
) -> None:
    trusted = trust(PROVIDER, kind="Federated", Condition=condition)
    assert ask(WEB, trusted, action=WEB_ASSUME, claims=claims(**said)).allowed is allowed


def test_a_web_identity_has_no_account_and_no_name_of_its_own() -> None:
    for key in ("aws:PrincipalAccount", "aws:PrincipalArn", "aws:userid", "aws:username", "aws:PrincipalType"):
        trusted = trust(PROVIDER, kind="Federated", Condition={"Null": {key: "true"}})
        assert ask(WEB, trusted, action=WEB_ASSUME).allowed, key


def test_a_federated_user_is_trusted_as_the_user_behind_it_but_limited_by_its_session() -> None:
    assert not ask(FEDERATED, trust(USER_ARN), ALLOW_ALL, session=()).allowed
    assert ask(FEDERATED, trust(FEDERATED.arn), session=()).allowed


# --- the document ------------------------------------------------------------------------------------------------------


def refusal(**elements: Any) -> str:
    whole = {"Effect": "Allow", "Principal": {"AWS": HOME}, "Action": ASSUME} | elements
    with pytest.raises(Refusal) as refused:
        policy({name: value for name, value in whole.items() if value is not None})
    assert refused.value.message is not None
    return refused.value.message


def test_a_trust_policy_names_no_resource() -> None:
    assert refusal(Resource="*") == "Has prohibited field Resource"
    assert refusal(NotResource="*") == "Has prohibited field Resource"


def test_a_trust_policy_has_principals_and_actions() -> None:
    assert refusal(Principal=None) == "Policy contains a statement with no principal."
    assert refusal(Action=None) == "Policy statement must contain actions."
    assert refusal(Principal={"AWS": "arn:aws:iam::*:role/x"})
    assert refusal(Extra="x")


def test_a_trust_policy_tells_which_identities_it_names() -> None:
    named = trust(USER_ARN, ROLE_ARN, HOME, "AROAOTHEROTHEROTHER1", SESSION_ARN).identities
    assert named == {USER_ARN, ROLE_ARN, "AROAOTHEROTHEROTHER1"}


def test_a_question_about_a_role_needs_its_trust_policy() -> None:
    asker = caller(USER)
    with pytest.raises(ValueError, match="trust policy"):
        decide_trust(Question(asker, ASSUME, TARGET, Context(Facts(caller=asker)), HOME))
