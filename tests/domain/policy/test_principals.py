"""Whom a key policy's statement names, and how closely; NotPrincipal; what is no principal."""

from __future__ import annotations

import time
from typing import Any

import pytest
from tests.domain.policy.cast import (
    AWAY,
    AWAY_SESSION,
    AWAY_USER,
    FEDERATED,
    FEDERATED_ARN,
    HOME,
    ROLE_ARN,
    ROOT,
    SERVICE,
    SESSION,
    SESSION_ARN,
    USER,
    USER_ARN,
    key_policy,
    statement,
)

from keystead.domain.caller import Principal
from keystead.domain.policy.principals import Named
from keystead.errors import Refusal

HOME_ROOT = f"arn:aws:iam::{HOME}:root"


def naming(principal: Any, who: Principal) -> Named:
    (compiled,) = key_policy(statement(Principal=principal)).allows
    return compiled.naming(who, bounded=False)


@pytest.mark.parametrize(
    ("name", "who", "named"),
    [
        (HOME, USER, Named.ACCOUNT),
        (HOME_ROOT, USER, Named.ACCOUNT),
        (HOME_ROOT, SESSION, Named.ACCOUNT),
        (HOME_ROOT, FEDERATED, Named.ACCOUNT),
        (HOME_ROOT, ROOT, Named.SELF),
        (HOME_ROOT, AWAY_USER, Named.NOBODY),
        (AWAY, AWAY_SESSION, Named.ACCOUNT),
        (USER_ARN, USER, Named.USER),
        (USER_ARN, FEDERATED, Named.CAPPED),
        (USER_ARN, SESSION, Named.NOBODY),
        (USER_ARN.upper().replace("ARN:AWS:IAM", "arn:aws:iam").replace("USER/", "user/"), USER, Named.NOBODY),
        (ROLE_ARN, SESSION, Named.CAPPED),
        (ROLE_ARN.replace("app/", ""), SESSION, Named.NOBODY),
        (SESSION_ARN, SESSION, Named.SELF),
        (SESSION_ARN.replace("night", "day"), SESSION, Named.NOBODY),
        (FEDERATED_ARN, FEDERATED, Named.SELF),
        (USER.unique_id, USER, Named.USER),
        (SESSION.unique_id.partition(":")[0], SESSION, Named.CAPPED),
        ("AROAOTHEROTHEROTHER1", SESSION, Named.NOBODY),
        ("*", USER, Named.USER),
        ("*", SESSION, Named.CAPPED),
        ("*", FEDERATED, Named.CAPPED),
        ("*", ROOT, Named.SELF),
        ("*", AWAY_USER, Named.USER),
        ("*", SERVICE, Named.ACCOUNT),
        (HOME, SERVICE, Named.NOBODY),
    ],
)
def test_a_name_names(name: str, who: Principal, named: Named) -> None:
    assert naming({"AWS": name}, who) is named
    assert naming({"AWS": ["arn:aws:iam::999999999999:root", name]}, who) is named


def test_everybody_has_two_spellings() -> None:
    for who in (USER, SESSION, ROOT, AWAY_USER, SERVICE):
        assert naming("*", who) is naming({"AWS": "*"}, who)


def test_the_closest_of_several_names_counts() -> None:
    assert naming({"AWS": [HOME, USER_ARN]}, USER) is Named.USER
    assert naming({"AWS": [HOME, ROLE_ARN, SESSION_ARN]}, SESSION) is Named.SELF
    assert naming({"AWS": [HOME, ROLE_ARN]}, SESSION) is Named.CAPPED
    assert naming({"AWS": ["*", FEDERATED_ARN]}, FEDERATED) is Named.SELF
    assert naming({"AWS": ["*", HOME]}, USER) is Named.USER


def test_services_are_named_as_services_only() -> None:
    assert naming({"Service": SERVICE.arn}, SERVICE) is Named.SELF
    assert naming({"Service": "logs.amazonaws.com"}, SERVICE) is Named.NOBODY
    assert naming({"Service": SERVICE.arn}, USER) is Named.NOBODY
    assert naming({"AWS": HOME, "Service": [SERVICE.arn]}, USER) is Named.ACCOUNT


def test_an_identity_provider_may_be_named_and_calls_never() -> None:
    for who in (USER, SESSION, ROOT, FEDERATED, SERVICE):
        assert naming({"Federated": f"arn:aws:iam::{HOME}:saml-provider/corp"}, who) is Named.NOBODY


@pytest.mark.parametrize(
    "principal",
    [
        {"AWS": "arn:aws:iam::111122223333:user/*"},
        {"AWS": "arn:aws:iam::111122223333:role/a*"},
        {"AWS": "arn:aws:iam::111122223333:user/a?c"},
        {"AWS": "arn:aws:iam::*:root"},
        {"AWS": "arn:aws:iam::111122223333:group/admins"},
        {"AWS": "arn:aws:iam::11112222333:root"},
        {"AWS": "arn:aws:iam::111122223333:user/"},
        {"AWS": "arn:aws:iam::111122223333:user/a b"},
        {"AWS": "arn:aws:sts::111122223333:assumed-role/Worker"},
        {"AWS": "arn:aws:sts::111122223333:assumed-role/Worker/*"},
        {"AWS": "arn:aws:kms:eu-central-1:111122223333:key/x"},
        {"AWS": "arn:aws-cn:iam::111122223333:root"},
        {"AWS": "alice"},
        {"AWS": ""},
        {"AWS": "1111222233334"},
        {"AWS": "١١١١٢٢٢٢٣٣٣٣"},
        {"AWS": 111122223333},
        {"AWS": ["*", None]},
        {"AWS": {"AWS": "*"}},
        {"Service": "*"},
        {"Service": "logs"},
        {"Service": "logs.example.com"},
        {"Service": "*.amazonaws.com"},
        {"Federated": "*"},
        {"Federated": ""},
        {"CanonicalUser": "79a59df900b949e55d96a1e698fbacedfd6e09d98eacf8f8d5218e7cd47ef2be"},
        {"aws": "*"},
        {"Everyone": "*"},
        {"Everyone": [], "AWS": "*"},
        "everybody",
        "",
        5,
        True,
        ["*"],
    ],
)
def test_what_is_no_principal_is_refused(principal: Any) -> None:
    with pytest.raises(Refusal) as refused:
        key_policy(statement(Principal=principal))
    assert refused.value.code == "MalformedPolicyDocumentException"
    assert refused.value.message == "Policy contains a statement with one or more invalid principals."


@pytest.mark.parametrize("principal", [None, {}, [], {"AWS": []}])
def test_a_statement_without_principal_is_refused(principal: Any) -> None:
    with pytest.raises(Refusal) as refused:
        key_policy(statement() | {"Principal": principal})
    assert refused.value.message == "Policy contains a statement with no principal."
    with pytest.raises(Refusal, match="no principal"):
        key_policy(statement())


def test_a_long_name_is_refused_in_little_time() -> None:
    begun = time.process_time()
    for path in ("/a" * 8000, "a/" * 8000, "a" * 16000):
        with pytest.raises(Refusal):
            key_policy(statement(Principal={"AWS": f"arn:aws:iam::{HOME}:user/{path} "}))
    assert time.process_time() - begun < 2.0


def test_a_policy_lists_the_users_and_roles_it_names() -> None:
    policy = key_policy(
        statement(Principal={"AWS": [HOME, "*", USER_ARN, SESSION_ARN, USER.unique_id], "Service": SERVICE.arn}),
        statement("Deny", NotPrincipal={"AWS": [ROLE_ARN, HOME_ROOT]}),
    )
    assert policy.identities == {USER_ARN, ROLE_ARN, USER.unique_id}


# --- NotPrincipal ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("listed", "who", "spared"),
    [
        ([HOME, USER_ARN], USER, True),
        ([HOME_ROOT, USER.unique_id], USER, True),
        ([USER_ARN], USER, False),
        ([HOME], USER, False),
        ([HOME], ROOT, True),
        ([HOME, ROLE_ARN, SESSION_ARN], SESSION, True),
        ([HOME, SESSION.unique_id.partition(":")[0], SESSION_ARN], SESSION, True),
        ([HOME, ROLE_ARN], SESSION, False),
        ([HOME, SESSION_ARN], SESSION, False),
        ([ROLE_ARN, SESSION_ARN], SESSION, False),
        ([HOME, USER_ARN, FEDERATED_ARN], FEDERATED, True),
        ([HOME, FEDERATED_ARN], FEDERATED, False),
        ([HOME, USER_ARN], SERVICE, False),
        ([HOME, USER_ARN], AWAY_USER, False),
        (["*"], AWAY_USER, True),
        (["*"], SERVICE, True),
    ],
)
def test_not_principal_spares_only_who_is_listed_by_every_name(listed: list[str], who: Principal, spared: bool) -> None:
    (compiled,) = key_policy(statement("Deny", NotPrincipal={"AWS": listed})).denies
    assert (compiled.naming(who, bounded=False) is Named.NOBODY) is spared
    assert compiled.naming(who, bounded=True) is not Named.NOBODY


def test_not_principal_spares_a_service_that_is_listed() -> None:
    (compiled,) = key_policy(statement("Deny", NotPrincipal={"Service": SERVICE.arn})).denies
    assert compiled.naming(SERVICE, bounded=False) is Named.NOBODY
    assert compiled.naming(USER, bounded=False) is not Named.NOBODY


def test_not_principal_goes_with_deny_alone() -> None:
    with pytest.raises(Refusal, match="NotPrincipal must be used with the effect Deny"):
        key_policy(statement("Allow", NotPrincipal="*"))
    with pytest.raises(Refusal, match="both Principal and NotPrincipal"):
        key_policy(statement("Deny", Principal="*", NotPrincipal="*"))
