"""Whom a grant names: the forms of names, the identities of callers, and what a grant says for one of them."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from tests.domain.grants.cast import GRANTEE, grant
from tests.domain.policy.cast import (
    AWAY,
    AWAY_ROOT,
    AWAY_SESSION,
    AWAY_USER,
    FEDERATED,
    HOME,
    ROLE_ARN,
    ROOT,
    SERVICE,
    SESSION,
    SESSION_ARN,
    USER,
    USER_ARN,
)

from keystead.domain.arn import root_arn
from keystead.domain.caller import Principal
from keystead.domain.grantees import (
    NO_STANDING,
    Bearer,
    Bound,
    Form,
    Name,
    Standing,
    bearers,
    bind_federated,
    bind_session,
    federated,
    identified,
    joined,
    of_grant,
    parse,
    retirers,
)
from keystead.errors import Refusal

NAMES = [
    (HOME, Name(Form.ACCOUNT, root_arn(HOME), HOME)),
    (root_arn(HOME), Name(Form.ACCOUNT, root_arn(HOME), HOME)),
    (USER_ARN, Name(Form.IDENTITY, USER_ARN, HOME)),
    (ROLE_ARN, Name(Form.IDENTITY, ROLE_ARN, HOME)),
    (SESSION_ARN, Name(Form.ROLE_SESSION, SESSION_ARN, HOME, "Worker", "night")),
    (FEDERATED.arn, Name(Form.FEDERATED_USER, FEDERATED.arn, HOME, session="fay")),
    ("AIDAALICEALICEALICE1", Name(Form.UNIQUE_ID, "AIDAALICEALICEALICE1", role="AIDAALICEALICEALICE1")),
    ("AROAWORKERWORKERWRK1", Name(Form.UNIQUE_ID, "AROAWORKERWORKERWRK1", role="AROAWORKERWORKERWRK1")),
    (
        "AROAWORKERWORKERWRK1:night",
        Name(Form.UNIQUE_ID, "AROAWORKERWORKERWRK1:night", role="AROAWORKERWORKERWRK1", session="night"),
    ),
    ("logs.eu-central-1.amazonaws.com", Name(Form.SERVICE, "logs.eu-central-1.amazonaws.com")),
]


@pytest.mark.parametrize(("text", "name"), NAMES)
def test_a_principal_is_named_in_many_ways(text: str, name: Name) -> None:
    assert parse(text) == name


@pytest.mark.parametrize("text", ["p", "alice", "*", "AIDAALICEALICEALICE1:session", "11112222333", "example.com"])
def test_what_names_nobody_is_nobody(text: str) -> None:
    assert parse(text) is None


@pytest.mark.parametrize(
    "text",
    [
        "arn:aws:sts::111122223333:assumed-role/app/Worker/night",  # the path of a role is not part of a session's ARN
        "arn:aws:sts::111122223333:assumed-role/Worker",
        "arn:aws:iam::111122223333:group/staff",
        "arn:aws:iam::111122223333:user/*",
        "arn:aws:iam::111122223333:user/",
        "arn:aws:iam::1111:user/alice",
        "arn:aws-cn:iam::111122223333:user/alice",
        "arn:aws:s3:::bucket",
        "arn:",
    ],
)
def test_a_malformed_arn_is_refused_in_the_sentence_of_aws(text: str) -> None:
    with pytest.raises(Refusal) as caught:
        parse(text)
    assert (caught.value.code, caught.value.message) == ("InvalidArnException", f"ARN is not valid: {text}")


def test_a_session_is_bound_to_the_id_of_its_role_and_shown_without_the_path() -> None:
    assert bind_session(ROLE_ARN, "AROAWORKERWORKERWRK1", "night") == Bound(SESSION.unique_id, SESSION_ARN)
    assert identified(SESSION.unique_id) == ("AROAWORKERWORKERWRK1", "night")
    assert identified(USER.unique_id) == (USER.unique_id, "")


def test_a_federated_user_is_bound_to_account_and_name() -> None:
    assert bind_federated(HOME, "fay") == Bound(FEDERATED.unique_id, FEDERATED.arn)
    assert federated(FEDERATED.unique_id) == Bound(FEDERATED.unique_id, FEDERATED.arn)


@pytest.mark.parametrize(
    "identity", [USER.unique_id, SESSION.unique_id, root_arn(HOME), SERVICE.arn, FEDERATED.unique_id]
)
def test_an_identity_is_of_one_kind(identity: str) -> None:
    assert (identified(identity) is not None) is identity.startswith("A")
    assert (federated(identity) is not None) is (identity == FEDERATED.unique_id)


# --- whether a caller is meant ----------------------------------------------------------------------------------------

HOME_ACCOUNT, AWAY_ACCOUNT = Bearer(root_arn(HOME), account=True), Bearer(root_arn(AWAY), account=True)


@pytest.mark.parametrize(
    ("who", "expected"),
    [
        (USER, (Bearer(USER.unique_id, direct=True), HOME_ACCOUNT)),
        (ROOT, (Bearer(root_arn(HOME), direct=True),)),
        (
            SESSION,
            (Bearer("AROAWORKERWORKERWRK1:night", direct=True), Bearer("AROAWORKERWORKERWRK1"), HOME_ACCOUNT),
        ),
        (FEDERATED, (Bearer(f"{HOME}:fay", direct=True), HOME_ACCOUNT)),
        (AWAY_USER, (Bearer(AWAY_USER.unique_id, direct=True), AWAY_ACCOUNT)),
        (SERVICE, (Bearer("logs.eu-central-1.amazonaws.com", direct=True),)),
    ],
)
def test_a_caller_bears_what_was_given_to_itself_its_role_and_its_account(who: Principal, expected: Any) -> None:
    assert bearers(who) == expected


def to(who: Principal, **more: Any) -> Any:
    return grant(grantee=who.unique_id, **more)


ROLE_GRANT = grant(grantee="AROAWORKERWORKERWRK1")


def said(the_grant: Any, who: Principal) -> Standing:
    return of_grant(the_grant, who, frozenset({the_grant.grantee}))


def test_a_grant_is_for_its_grantee_alone() -> None:
    assert said(to(USER), USER) == Standing(grants=True, direct=True)
    for other in (ROOT, SESSION, FEDERATED, AWAY_USER, SERVICE, replace(USER, unique_id="AIDAALICEANEWALICE1")):
        assert said(to(USER), other) == NO_STANDING


def test_a_grant_to_a_role_is_for_its_sessions_and_not_for_a_new_role_of_that_name() -> None:
    assert said(ROLE_GRANT, SESSION) == Standing(grants=True)
    assert said(ROLE_GRANT, replace(SESSION, unique_id="AROAANEWWORKERWRK111:night")) == NO_STANDING


def test_a_grant_to_a_session_is_for_the_session_of_that_name() -> None:
    assert said(to(SESSION), SESSION).direct
    assert said(to(SESSION), replace(SESSION, unique_id="AROAWORKERWORKERWRK1:day")) == NO_STANDING


def test_a_grant_to_an_account_is_for_its_root_user_and_leaves_the_others_to_their_policies() -> None:
    to_account = grant(grantee=root_arn(HOME))
    assert said(to_account, ROOT) == Standing(grants=True, direct=True)
    for who in (USER, SESSION, FEDERATED):
        assert said(to_account, who) == Standing(account=True)
    assert said(to_account, AWAY_ROOT) == NO_STANDING


def test_a_grant_to_a_service_is_for_the_service() -> None:
    assert said(grant(grantee=SERVICE.arn), SERVICE).direct
    assert said(grant(grantee="logs.us-east-1.amazonaws.com"), SERVICE) == NO_STANDING


def test_across_accounts_it_matters_who_issued_the_grant() -> None:
    own = {"issuing_account": root_arn(AWAY)}
    assert said(to(AWAY_USER), AWAY_USER) == Standing(grants=True)
    assert said(to(AWAY_USER, **own), AWAY_USER) == Standing(grants=True, direct=True, own_account=True)
    assert said(grant(grantee="AROAGUESTGUESTGUEST1", **own), AWAY_SESSION) == Standing(grants=True, own_account=True)


def test_two_grants_across_accounts_do_not_make_up_for_one_another() -> None:
    """One is direct, the other of the caller's own account: neither frees from the limits of the session."""
    itself, role = Bearer("session", direct=True), Bearer("role")
    found = joined(joined(NO_STANDING, itself, own=False, foreign=True), role, own=True, foreign=True)
    assert found == Standing(grants=True, direct=False, own_account=True)


# --- who may retire a grant -------------------------------------------------------------------------------------------


def test_the_retiring_principal_retires_and_the_grantee_only_where_the_grant_says_so() -> None:
    retired_by_other = grant("Decrypt", grantee="AIDA1", retiring="AIDA2")
    assert retirers(retired_by_other) == {"AIDA2"}
    assert retirers(grant("Decrypt", "RetireGrant", grantee="AIDA1")) == {"AIDA1"}
    assert retirers(grant("Decrypt")) == frozenset()
    assert retirers(grant("RetireGrant", "Decrypt", retiring=root_arn(AWAY))) == {GRANTEE, root_arn(AWAY)}
