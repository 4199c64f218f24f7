"""What is said of a policy before it is in force."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.domain.policy.cast import AWAY_USER_ARN, FEDERATED_ARN, HOME, KEY, LAW, ROLE_ARN, SESSION_ARN, USER_ARN
from tests.domain.policy.test_written import DOCUMENTS, VALUES

from keystead.domain.caller import PrincipalKind
from keystead.domain.policy import document, lint
from keystead.domain.policy.lint import RULES, Finding, Kind, Level
from keystead.errors import Refusal

ACTIONS = {
    "kms": frozenset({"encrypt", "decrypt", "sign", "verify", "listkeys", "putkeypolicy", "generaterandom"}),
    "sts": frozenset({"assumerole"}),
}
TRUSTS_HOME = {"Effect": "Allow", "Principal": {"AWS": HOME}, "Action": "kms:*", "Resource": "*"}


def body(*statements: dict[str, Any], **top: Any) -> str:
    return json.dumps({"Version": "2012-10-17", "Statement": list(statements)} | top)


def of_key(**elements: Any) -> list[Finding]:
    """What is said of a statement of a key policy that is well otherwise."""
    whole = TRUSTS_HOME | elements
    statement = {name: value for name, value in whole.items() if value is not None}
    return list(lint.check(body(TRUSTS_HOME, statement), Kind.KEY, ACTIONS))


def codes(findings: list[Finding]) -> list[str]:
    return [each.code for each in findings]


def of_identity(**elements: Any) -> list[Finding]:
    whole = {"Effect": "Allow", "Action": "kms:Encrypt", "Resource": "*"} | elements
    statement = {name: value for name, value in whole.items() if value is not None}
    return list(lint.check(body(statement), Kind.IDENTITY, ACTIONS))


def test_nothing_is_said_of_what_is_well() -> None:
    assert lint.check(document.default_key_policy(HOME), Kind.KEY, ACTIONS) == ()
    assert of_identity(Resource=KEY.arn, Condition={"StringEquals": {"kms:EncryptionContext:app": "x"}}) == []
    deny = {"Effect": "Deny", "Condition": {"Bool": {"aws:SecureTransport": "false"}}, "Principal": "*"}
    assert of_key(**deny) == []


@pytest.mark.parametrize(
    ("elements", "found"),
    [
        ({"Principal": "*"}, ["everybody"]),
        ({"Principal": {"AWS": ["*", HOME]}, "Action": "kms:Encrypt"}, ["everybody"]),
        ({"Principal": "*", "Condition": {"StringEquals": {"kms:CallerAccount": HOME}}}, []),
        ({"Principal": "*", "Condition": {"StringEquals": {"aws:PrincipalTag/team": "blue"}}}, []),
        ({"Principal": "*", "Condition": {"Bool": {"aws:SecureTransport": "true"}}}, ["everybody-under-conditions"]),
        (
            {"Principal": "*", "Condition": {"StringNotEquals": {"kms:CallerAccount": HOME}}},
            ["everybody-under-conditions"],
        ),
        ({"Principal": "*", "Condition": {"StringLike": {"aws:PrincipalArn": "*"}}}, ["everybody-under-conditions"]),
        ({"Principal": "*", "Condition": {"StringLike": {"aws:PrincipalArn": "arn:aws:iam::1*"}}}, []),
        ({"Principal": "*", "Effect": "Deny"}, []),
        ({"Action": "kms:Frobnicate"}, ["unknown-action"]),
        ({"Action": ["kms:Encrypt", "kms:Dec?ypt", "kms:En*", "*"]}, []),
        ({"Action": "kms:*Frob*"}, ["unknown-action"]),
        ({"Action": "s3:GetObject"}, ["foreign-action"]),
        ({"Action": "kms:ListKeys"}, ["keyless-action"]),
        ({"Action": "kms:List*"}, ["keyless-action"]),
        ({"Action": None, "NotAction": "kms:Decrypt"}, ["not-action"]),
        ({"Action": None, "NotAction": "kms:Decrypt", "Effect": "Deny"}, []),
        ({"Action": None, "NotAction": "kms:*", "Effect": "Deny"}, ["never-matches"]),
        ({"Action": None}, ["no-effect"]),
        ({"Resource": None}, ["no-effect"]),
        ({"Resource": KEY.arn}, ["resource"]),
        ({"Resource": ["*"]}, []),
        ({"Resource": None, "NotResource": "*"}, ["never-matches"]),
        ({"Principal": {"Service": "logs.amazonaws.com"}}, ["service"]),
        (
            {
                "Principal": {"Service": "logs.amazonaws.com"},
                "Condition": {"StringEquals": {"aws:SourceAccount": HOME}},
            },
            [],
        ),
        ({"Principal": {"Service": "logs.amazonaws.com"}, "Effect": "Deny"}, []),
    ],
)
def test_the_parts_of_a_statement_of_a_key_policy(elements: dict[str, Any], found: list[str]) -> None:
    assert codes(of_key(**elements)) == found


@pytest.mark.parametrize(
    ("action", "operator", "key", "found"),
    [
        ("kms:Encrypt", "StringEquals", "kms:EncryptionContext:app", []),
        ("kms:Sign", "StringEquals", "kms:EncryptionContext:app", ["never-supplied"]),
        ("kms:Sign", "StringNotEquals", "kms:EncryptionContext:app", ["never-supplied"]),
        ("kms:Encrypt", "StringEquals", "KMS:encryptioncontext:APP", []),
        ("kms:Encrypt", "StringEquals", "kms:NoSuchKey", ["never-supplied"]),
        ("kms:Encrypt", "StringEquals", "aws:PrincipalOrgID", ["never-supplied"]),
        ("kms:Encrypt", "StringEquals", "aws:RequestTag/team", ["never-supplied"]),
        ("kms:Encrypt", "StringEquals", "aws:ResourceTag/team", []),
        ("kms:Encrypt", "ForAnyValue:StringEquals", "kms:ResourceAliases", ["never-supplied"]),
        ("kms:Encrypt", "StringEquals", "kms:EncryptionContextKeys", ["never-matches"]),
        ("kms:Encrypt", "ForAnyValue:StringEquals", "kms:EncryptionContextKeys", []),
        ("kms:Encrypt", "ForAllValues:StringEquals", "kms:EncryptionContextKeys", ["for-all-values"]),
        ("kms:Encrypt", "Null", "kms:EncryptionContextKeys", []),
        ("kms:*", "StringEquals", "kms:SigningAlgorithm", ["supplied-by-few"]),
        ("kms:*", "StringEquals", "kms:KeySpec", []),
        (["kms:Sign", "kms:Verify"], "StringEquals", "kms:SigningAlgorithm", []),
    ],
)
def test_conditions_of_a_key_policy(action: Any, operator: str, key: str, found: list[str]) -> None:
    assert codes(of_key(Action=action, Condition={operator: {key: "true"}})) == found


def test_what_is_never_supplied_is_said_with_what_becomes_of_the_statement() -> None:
    def said(operator: str, effect: str = "Allow") -> str:
        (found,) = of_key(Action="kms:Sign", Effect=effect, Condition={operator: {"kms:EncryptionContext:a": "true"}})
        return found.message

    assert (
        said("StringEquals")
        == "No action of the statement supplies kms:EncryptionContext:a: the statement never allows."
    )
    assert said("StringEquals", "Deny").endswith("the statement never denies.")
    assert said("StringNotLike").endswith("the condition always passes.")
    assert said("StringEqualsIfExists").endswith("the condition always passes.")
    assert said("Null").endswith("the condition is the same for every request.")


def test_every_code_is_explained_to_users() -> None:
    told = (Path(__file__).parents[3] / "docs" / "policies.md").read_text("utf-8")
    rows = {
        code: level
        for line in told.splitlines()
        if line.startswith("| `")
        for code in re.findall("`([a-z-]+)`", line.split("|")[1])
        for level in [line.split("|")[2].strip()]
    }
    assert rows == {code: level.value for code, (level, _) in RULES.items()}


def test_a_finding_names_its_statement_and_its_level() -> None:
    (found,) = of_key(Sid="Mine", Principal="*")
    assert (found.level, found.statement, found.sid) == (Level.ERROR, 2, "Mine")
    assert all(level in Level and sentence for level, sentence in RULES.values())


# --- lockout -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", [HOME, f"arn:aws:iam::{HOME}:root", USER_ARN, ROLE_ARN, SESSION_ARN, FEDERATED_ARN])
def test_whoever_has_to_manage_the_key_may_change_its_policy_again(name: str) -> None:
    caller = lint.caller_of(name)
    assert lint.check(document.default_key_policy(HOME), Kind.KEY, ACTIONS, caller=caller) == ()
    encrypting = body(TRUSTS_HOME | {"Action": "kms:Encrypt"})
    (found,) = lint.check(encrypting, Kind.KEY, ACTIONS, caller=caller)
    assert (found.code, found.level, found.statement) == ("lockout", Level.ERROR, None)
    assert caller.arn in found.message


def test_somebody_has_to_be_able_to_change_a_policy() -> None:
    assert codes(list(lint.check(body(TRUSTS_HOME | {"Action": "kms:Encrypt"}), Kind.KEY, ACTIONS))) == ["lockout"]
    assert codes(list(lint.check(body(TRUSTS_HOME), Kind.KEY, ACTIONS, caller=lint.caller_of(AWAY_USER_ARN)))) == [
        "lockout"
    ]
    denied = body(TRUSTS_HOME, TRUSTS_HOME | {"Effect": "Deny", "Action": "kms:Put*", "Principal": {"AWS": USER_ARN}})
    assert codes(list(lint.check(denied, Kind.KEY, ACTIONS, caller=lint.caller_of(USER_ARN)))) == ["lockout"]


def test_a_policy_may_name_its_own_key() -> None:
    own = body(TRUSTS_HOME | {"Resource": KEY.arn})
    assert codes(list(lint.check(own, Kind.KEY, ACTIONS, caller=lint.caller_of(HOME)))) == ["lockout", "resource"]
    assert lint.check(own, Kind.KEY, ACTIONS, caller=lint.caller_of(HOME), key=KEY.arn) == ()


@pytest.mark.parametrize(
    ("name", "kind", "arn"),
    [
        (HOME, PrincipalKind.ROOT, f"arn:aws:iam::{HOME}:root"),
        (USER_ARN, PrincipalKind.USER, USER_ARN),
        (ROLE_ARN, PrincipalKind.ASSUMED_ROLE, f"arn:aws:sts::{HOME}:assumed-role/Worker/session"),
        (SESSION_ARN, PrincipalKind.ASSUMED_ROLE, SESSION_ARN),
        (FEDERATED_ARN, PrincipalKind.FEDERATED_USER, FEDERATED_ARN),
    ],
)
def test_a_name_stands_for_a_caller(name: str, kind: PrincipalKind, arn: str) -> None:
    who = lint.caller_of(name).principal
    assert (who.kind, who.arn, who.account) == (kind, arn, HOME)


@pytest.mark.parametrize(
    "name", ["alice", "arn:aws:iam::1:user/a", "s3.amazonaws.com", "AIDAALICEALICEALICE1", "*", ""]
)
def test_what_names_nobody_is_refused(name: str) -> None:
    with pytest.raises(Refusal):
        lint.caller_of(name)


# --- other policies ------------------------------------------------------------------------------------------------------


def test_what_is_refused_is_the_one_finding() -> None:
    for kind in Kind:
        (found,) = lint.check("{", kind, ACTIONS)
        assert (found.code, found.level) == ("refused", Level.ERROR)
    (found,) = of_identity(Effect="Maybe")
    assert found.message == "Syntax errors in policy."


@pytest.mark.parametrize(
    ("elements", "found"),
    [
        ({"Action": "s3:GetObject"}, []),
        ({"Action": "kms:Frob"}, ["unknown-action"]),
        ({"Action": "kms:ListKeys"}, []),
        ({"Resource": "arn:aws:kms:*:*:alias/app"}, ["alias-resource"]),
        ({"Action": "kms:*", "Resource": ["arn:aws:kms:*:*:key/x", "arn:aws:kms:*:*:alias/*"]}, []),
        ({"Action": "kms:*", "Resource": ["arn:aws:kms:*:*:alias/a", "arn:aws:kms:*:*:alias/b"]}, ["alias-resource"]),
        ({"Action": ["kms:*Alias"], "Resource": ["arn:aws:kms:*:*:alias/*"]}, ["unknown-action"]),
        ({"Action": ["s3:Get*", "kms:*"], "Resource": "arn:aws:kms:*:*:key/x"}, []),
        ({"Action": None, "NotAction": "iam:*"}, ["not-action"]),
        ({"Resource": None, "NotResource": "arn:aws:kms:*:*:key/x"}, ["not-resource"]),
        ({"Resource": None, "NotResource": "arn:aws:kms:*:*:key/x", "Effect": "Deny"}, []),
        ({"Condition": {"ForAnyValue:StringEquals": {"kms:ResourceAliases": "alias/x"}}}, []),
        ({"Condition": {"StringEquals": {"kms:MacAlgorithm": "HMAC_SHA_256"}}}, ["never-supplied"]),
        ({"Action": "*", "Condition": {"StringEquals": {"kms:MacAlgorithm": "HMAC_SHA_256"}}}, []),
        ({"Action": "sts:AssumeRole", "Condition": {"StringEquals": {"sts:ExternalId": "x"}}}, []),
    ],
)
def test_identity_policies(elements: dict[str, Any], found: list[str]) -> None:
    assert codes(of_identity(**elements)) == found


def test_trust_policies() -> None:
    trust = {"Effect": "Allow", "Principal": {"AWS": "*"}, "Action": "sts:AssumeRole"}
    assert codes(list(lint.check(body(trust), Kind.TRUST, ACTIONS))) == ["everybody"]
    narrow = trust | {"Condition": {"StringEquals": {"aws:PrincipalAccount": HOME, "token.example.com:sub": "x"}}}
    assert lint.check(body(narrow), Kind.TRUST, ACTIONS) == ()
    service = trust | {"Principal": {"Service": "ecs-tasks.amazonaws.com"}}
    assert codes(list(lint.check(body(service), Kind.TRUST, ACTIONS))) == ["service"]


def test_a_trust_policy_is_not_told_by_keys_that_no_request_for_a_session_has() -> None:
    trust = {"Effect": "Allow", "Principal": {"AWS": "*"}, "Action": "sts:AssumeRole"}
    held = trust | {"Condition": {"StringEquals": {"kms:CallerAccount": HOME}}}
    everybody, never = lint.check(body(held), Kind.TRUST, ACTIONS)
    assert (everybody.code, never.code) == ("everybody-under-conditions", "never-supplied")
    assert "aws:PrincipalAccount" in everybody.message
    assert never.message == "A request for a session never supplies kms:CallerAccount: the statement never allows."


def test_a_provider_of_identities_is_trusted_for_some_of_its_tokens() -> None:
    provider = f"arn:aws:iam::{HOME}:oidc-provider/token.example.com"
    trust = {"Effect": "Allow", "Principal": {"Federated": provider}, "Action": "sts:AssumeRoleWithWebIdentity"}
    audience = {"StringEquals": {"token.example.com:aud": "sts"}}
    subject = {"StringLike": {"token.example.com:sub": "repo:us/*"}}
    for condition, found in (({}, ["any-identity"]), (audience, ["any-identity"]), (subject, [])):
        actions = {"sts": frozenset({"assumerolewithwebidentity"})}
        assert codes(list(lint.check(body(trust | {"Condition": condition}), Kind.TRUST, actions))) == found


def test_variables_need_the_newer_version() -> None:
    old = json.dumps(
        {"Statement": [{"Effect": "Allow", "Action": "kms:*", "Resource": "arn:aws:kms:*:*:key/${aws:username}"}]}
    )
    assert codes(list(lint.check(old, Kind.IDENTITY, ACTIONS))) == ["old-version"]


@pytest.mark.parametrize(
    ("statement", "kind"),
    [
        ({"Effect": "Allow", "Action": "kms:*", "Resource": "*"}, Kind.IDENTITY),
        (TRUSTS_HOME, Kind.KEY),
        ({"Effect": "Allow", "Principal": {"AWS": HOME}, "Action": "sts:AssumeRole"}, Kind.TRUST),
    ],
)
def test_the_kind_of_a_policy_is_told_by_its_look(statement: dict[str, Any], kind: Kind) -> None:
    assert lint.kind_of(body(statement)) is kind
    assert lint.kind_of(json.dumps({"Statement": statement})) is kind


@LAW
@given(DOCUMENTS | VALUES | st.text(max_size=20), st.sampled_from(Kind))
def test_something_is_said_of_every_document_and_refused_is_what_the_engine_refuses(whole: Any, kind: Kind) -> None:
    text = whole if isinstance(whole, str) else json.dumps(whole)
    found = lint.check(text, kind, ACTIONS)
    lint.kind_of(text)
    try:
        lint.PARSERS[kind](text)
    except Refusal as refused:
        assert [each.message for each in found] == [refused.message]  # noqa: PT017 - it is the refusal that is compared
    else:
        assert "refused" not in codes(list(found))
