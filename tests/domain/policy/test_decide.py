"""The decision, row by row: within an account, across accounts, grants, explicit denies, without a key; and the lockout check."""

# length: one row after the other of the published evaluation logic

from __future__ import annotations

from typing import Any

import pytest
from tests.domain.policy.cast import (
    ALLOW_ALL,
    ALLOW_NOTHING,
    AWAY,
    AWAY_ROOT,
    AWAY_SESSION,
    AWAY_SESSION_ARN,
    AWAY_USER,
    AWAY_USER_ARN,
    DELEGATING,
    DENY_ENCRYPT,
    FEDERATED,
    FEDERATED_ARN,
    HOME,
    KEY,
    ROLE_ARN,
    ROOT,
    SERVICE,
    SESSION,
    SESSION_ARN,
    USER,
    USER_ARN,
    ask,
    caller,
    identity,
    key_policy,
    statement,
    trusting,
)

from keystead.domain.caller import Principal
from keystead.domain.policy import decide
from keystead.domain.policy.conditions import Context, Facts
from keystead.domain.policy.decide import Candidates, Decision, Question, Why, allows_put_policy, candidates, prefilter
from keystead.domain.policy.statements import Policy

HOME_ROOT = f"arn:aws:iam::{HOME}:root"


def settle(question: Question) -> tuple[bool, Why]:
    decision = decide.decide(question)
    assert decide.decide(question, candidates(question)) == decision
    return decision.allowed, decision.because.kind


# --- authz: within the account of the key, who is named and what still limits ----------------------------------------------------

DIRECT, BOTH = (True, Why.KEY_POLICY_DIRECT), (True, Why.KEY_POLICY_AND_IDENTITY)
NO_IDENTITY, NO_BOUNDARY, NO_SESSION = (
    (False, Why.NO_IDENTITY_ALLOW),
    (False, Why.NO_BOUNDARY_ALLOW),
    (False, Why.NO_SESSION_ALLOW),
)
NO_RESOURCE = (False, Why.NO_RESOURCE_ALLOW)

# Whom the key policy names, who calls; then the outcome without identity policy; with a boundary that does not allow (and an identity
# policy that does); with a session policy that does not allow (likewise); with an identity policy and nothing in the way.
ROWS: list[tuple[str, Principal, Any, Any, Any, Any]] = [
    (USER_ARN, USER, DIRECT, DIRECT, NO_SESSION, DIRECT),
    (USER_ARN, FEDERATED, DIRECT, NO_BOUNDARY, NO_SESSION, DIRECT),
    (ROLE_ARN, SESSION, DIRECT, NO_BOUNDARY, NO_SESSION, DIRECT),
    (SESSION_ARN, SESSION, DIRECT, DIRECT, DIRECT, DIRECT),
    (FEDERATED_ARN, FEDERATED, DIRECT, DIRECT, DIRECT, DIRECT),
    (HOME_ROOT, USER, NO_IDENTITY, NO_BOUNDARY, NO_SESSION, BOTH),
    (HOME_ROOT, SESSION, NO_IDENTITY, NO_BOUNDARY, NO_SESSION, BOTH),
    (HOME_ROOT, FEDERATED, NO_IDENTITY, NO_BOUNDARY, NO_SESSION, BOTH),
    (HOME, USER, NO_IDENTITY, NO_BOUNDARY, NO_SESSION, BOTH),
    (HOME_ROOT, ROOT, DIRECT, DIRECT, DIRECT, DIRECT),
    ("*", USER, DIRECT, DIRECT, NO_SESSION, DIRECT),
    ("*", SESSION, DIRECT, NO_BOUNDARY, NO_SESSION, DIRECT),
    ("*", FEDERATED, DIRECT, NO_BOUNDARY, NO_SESSION, DIRECT),
    ("*", ROOT, DIRECT, DIRECT, DIRECT, DIRECT),
    (AWAY, USER, NO_RESOURCE, NO_RESOURCE, NO_RESOURCE, NO_RESOURCE),
    (ROLE_ARN, USER, NO_RESOURCE, NO_RESOURCE, NO_RESOURCE, NO_RESOURCE),
    (USER_ARN, ROOT, NO_RESOURCE, NO_RESOURCE, NO_RESOURCE, NO_RESOURCE),
]


@pytest.mark.parametrize(("named", "who", "alone", "bounded", "in_session", "with_identity"), ROWS)
def test_within_an_account(
    named: str, who: Principal, alone: Any, bounded: Any, in_session: Any, with_identity: Any
) -> None:
    policy = trusting(named)
    assert settle(ask(who, policy=policy)) == alone
    assert settle(ask(who, policy=policy, allowed=(ALLOW_ALL,), boundary=ALLOW_NOTHING)) == bounded
    assert settle(ask(who, policy=policy, allowed=(ALLOW_ALL,), session=(ALLOW_NOTHING,))) == in_session
    assert settle(ask(who, policy=policy, allowed=(ALLOW_ALL,), session=())) == in_session
    wide = ask(who, policy=policy, allowed=(ALLOW_ALL,), boundary=ALLOW_ALL, session=(ALLOW_NOTHING, ALLOW_ALL))
    assert settle(wide) == with_identity
    assert settle(ask(who, policy=policy, allowed=(ALLOW_ALL,))) == with_identity


def test_an_identity_policy_alone_opens_no_key() -> None:
    assert settle(ask(policy=trusting(ROLE_ARN), allowed=(ALLOW_ALL,))) == NO_RESOURCE
    assert settle(ask(ROOT, policy=trusting(ROLE_ARN), allowed=(ALLOW_ALL,))) == NO_RESOURCE


def test_an_account_is_trusted_for_the_named_actions_only() -> None:
    assert settle(ask(policy=trusting(HOME, Action="kms:Decrypt"), allowed=(ALLOW_ALL,))) == NO_RESOURCE
    assert settle(ask(policy=trusting(HOME, Action="kms:Enc*"), allowed=(ALLOW_ALL,))) == BOTH


def test_the_least_limited_way_counts() -> None:
    policy = key_policy(
        statement(Principal={"AWS": HOME}),
        statement(Principal={"AWS": ROLE_ARN}),
        statement(Principal={"AWS": SESSION_ARN}),
    )
    decision = decide.decide(ask(SESSION, policy=policy, boundary=ALLOW_NOTHING, session=()))
    assert decision.allowed
    assert decision.because.position == 2


def test_a_key_policy_speaks_of_this_key_only() -> None:
    assert settle(ask(policy=trusting(USER_ARN, Resource=KEY.arn))) == DIRECT
    assert settle(ask(policy=trusting(USER_ARN, Resource=KEY.arn.replace("key/1", "key/2")))) == NO_RESOURCE


def test_a_service_needs_to_be_named_as_one() -> None:
    by_service = key_policy(statement(Principal={"Service": SERVICE.arn}))
    assert settle(ask(SERVICE, policy=by_service)) == DIRECT
    assert settle(ask(SERVICE, policy=trusting("*"))) == NO_RESOURCE
    assert settle(ask(SERVICE, policy=trusting("*"), allowed=(ALLOW_ALL,))) == NO_RESOURCE
    assert settle(ask(SERVICE, policy=DELEGATING)) == NO_RESOURCE
    deny_all = key_policy(statement(Principal={"Service": SERVICE.arn}), statement("Deny", Principal="*"))
    assert settle(ask(SERVICE, policy=deny_all)) == (False, Why.DENY_RESOURCE)


# --- authz: across accounts -------------------------------------------------------------------------------------------------------

CROSSING: list[tuple[str, Principal, Any, Any]] = [
    (AWAY, AWAY_USER, NO_IDENTITY, BOTH),
    (f"arn:aws:iam::{AWAY}:root", AWAY_SESSION, NO_IDENTITY, BOTH),
    (AWAY_USER_ARN, AWAY_USER, NO_IDENTITY, BOTH),
    (f"arn:aws:iam::{AWAY}:role/Guest", AWAY_SESSION, NO_IDENTITY, BOTH),
    (AWAY_SESSION_ARN, AWAY_SESSION, NO_IDENTITY, BOTH),
    ("*", AWAY_USER, NO_IDENTITY, BOTH),
    (AWAY, AWAY_ROOT, (True, Why.ROOT), BOTH),
    (HOME, AWAY_USER, NO_RESOURCE, NO_RESOURCE),
    (USER_ARN, AWAY_USER, NO_RESOURCE, NO_RESOURCE),
    (HOME, AWAY_ROOT, NO_RESOURCE, NO_RESOURCE),
]


@pytest.mark.parametrize(("named", "who", "alone", "with_identity"), CROSSING)
def test_across_accounts_both_sides_must_allow(named: str, who: Principal, alone: Any, with_identity: Any) -> None:
    policy = trusting(named)
    assert settle(ask(who, policy=policy)) == alone
    assert settle(ask(who, policy=policy, allowed=(ALLOW_ALL,))) == with_identity
    if with_identity == BOTH:
        assert settle(ask(who, policy=policy, allowed=(ALLOW_ALL,), boundary=ALLOW_NOTHING)) == NO_BOUNDARY
        assert settle(ask(who, policy=policy, allowed=(ALLOW_ALL,), session=())) == NO_SESSION
        narrow = identity(statement(Resource="arn:aws:kms:*:444455556666:key/*"))
        if who is not AWAY_ROOT:
            assert settle(ask(who, policy=policy, allowed=(narrow,))) == NO_IDENTITY


@pytest.mark.parametrize("own", [(), (ALLOW_ALL,), (DENY_ENCRYPT,)])
def test_a_stranger_cannot_tell_a_key_that_does_not_trust_it_from_none(own: tuple[Policy, ...]) -> None:
    assert settle(ask(AWAY_USER, allowed=own)) == NO_RESOURCE
    assert settle(ask(AWAY_USER, policy=None, allowed=own)) == NO_RESOURCE


def test_a_deny_of_the_key_weighs_across_accounts() -> None:
    policy = key_policy(statement(Principal="*"), statement("Deny", Principal={"AWS": AWAY}))
    assert settle(ask(AWAY_USER, policy=policy, allowed=(ALLOW_ALL,))) == (False, Why.DENY_RESOURCE)


# --- explicit denies ----------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("who", [USER, SESSION, FEDERATED, ROOT, AWAY_USER, AWAY_SESSION])
@pytest.mark.parametrize(
    ("where", "why"),
    [
        ({"allowed": (ALLOW_ALL, DENY_ENCRYPT)}, Why.DENY_IDENTITY),
        ({"allowed": (ALLOW_ALL,), "boundary": DENY_ENCRYPT}, Why.DENY_BOUNDARY),
        ({"allowed": (ALLOW_ALL,), "session": (ALLOW_ALL, DENY_ENCRYPT)}, Why.DENY_SESSION),
    ],
)
@pytest.mark.parametrize("grants", [{}, {"grants": True, "grant_direct": True, "grant_own_account": True}])
def test_an_explicit_deny_outweighs_everything(who: Principal, where: Any, why: Why, grants: Any) -> None:
    policy = trusting("*", USER_ARN, SESSION_ARN, FEDERATED_ARN, HOME, AWAY)
    assert settle(ask(who, policy=policy, **where, **grants)) == (False, why)
    assert settle(ask(who, policy=policy, action="kms:Decrypt", **where, **grants))[0]


@pytest.mark.parametrize("named", [USER_ARN, HOME, HOME_ROOT, "*", USER.unique_id])
def test_a_deny_of_the_key_policy_outweighs_everything(named: str) -> None:
    policy = key_policy(
        statement(Principal="*"), statement("Deny", Sid="no", Action="kms:Encrypt", Principal={"AWS": named})
    )
    decision = decide.decide(ask(policy=policy, allowed=(ALLOW_ALL,), grants=True, grant_direct=True))
    assert decision == Decision(False, decide.Because(Why.DENY_RESOURCE, "default", "no", 1))


def test_every_deny_of_a_policy_counts() -> None:
    denies = [statement("Deny", Action="kms:*", Resource=f"{KEY.arn}{tail}") for tail in ("/1", "/2", "")]
    own = identity(statement(Action="*"), *denies)
    named = key_policy(statement(Principal="*"), *(each | {"Principal": "*"} for each in denies))
    assert settle(ask(allowed=(own,))) == (False, Why.DENY_IDENTITY)
    assert settle(ask(boundary=own)) == (False, Why.DENY_BOUNDARY)
    assert settle(ask(session=(ALLOW_ALL, own))) == (False, Why.DENY_SESSION)
    assert settle(ask(policy=named)) == (False, Why.DENY_RESOURCE)


def test_a_deny_for_the_account_reaches_its_root() -> None:
    policy = key_policy(statement(Principal="*"), statement("Deny", Principal={"AWS": HOME}))
    assert settle(ask(ROOT, policy=policy)) == (False, Why.DENY_RESOURCE)


def test_not_principal_denies_all_but_those_listed() -> None:
    policy = key_policy(
        statement(Principal="*"), statement("Deny", NotPrincipal={"AWS": [HOME_ROOT, ROLE_ARN, SESSION_ARN]})
    )
    assert settle(ask(SESSION, policy=policy)) == DIRECT
    assert settle(ask(USER, policy=policy)) == (False, Why.DENY_RESOURCE)
    assert settle(ask(SESSION, policy=policy, boundary=ALLOW_ALL)) == (False, Why.DENY_RESOURCE)


def test_conditions_narrow_allows_and_denies() -> None:
    secure = {"Bool": {"aws:SecureTransport": "false"}}
    policy = key_policy(statement(Principal="*"), statement("Deny", Principal="*", Condition=secure))

    def over(transport: bool | None) -> tuple[bool, Why]:
        return settle(ask(policy=policy, context=Context(Facts(caller=caller(), secure_transport=transport))))

    assert over(True) == DIRECT
    assert over(False) == (False, Why.DENY_RESOURCE)
    assert over(None) == DIRECT


def test_via_service_and_caller_account_are_the_usual_guards() -> None:
    guarded = trusting("*", Condition={"StringEquals": {"kms:CallerAccount": HOME}})
    assert settle(ask(USER, policy=guarded)) == DIRECT
    away = Facts(caller=caller(AWAY_USER), key=KEY)
    assert settle(ask(AWAY_USER, policy=guarded, allowed=(ALLOW_ALL,), context=Context(away))) == NO_RESOURCE


# --- grants -----------------------------------------------------------------------------------------------------------------------

SILENT = trusting("arn:aws:iam::999999999999:root")
GRANT = (True, Why.GRANT)


def test_a_grant_allows_by_itself_within_the_account() -> None:
    for policy in (SILENT, DELEGATING):
        assert settle(ask(USER, policy=policy, grants=True)) == GRANT
        assert settle(ask(SESSION, policy=policy, grants=True)) == GRANT


def test_a_grant_to_a_role_is_limited_by_boundary_and_session() -> None:
    for policy in (SILENT, DELEGATING):
        assert settle(ask(SESSION, policy=policy, grants=True, boundary=ALLOW_NOTHING)) == NO_BOUNDARY
        assert settle(ask(SESSION, policy=policy, grants=True, session=(ALLOW_NOTHING,))) == NO_SESSION
        assert settle(ask(SESSION, policy=policy, grants=True, boundary=ALLOW_ALL, session=(ALLOW_ALL,))) == GRANT


def test_a_grant_to_the_session_itself_is_not() -> None:
    asked = ask(SESSION, policy=SILENT, grants=True, grant_direct=True, boundary=ALLOW_NOTHING, session=())
    assert settle(asked) == GRANT


def test_a_grant_to_a_service_needs_nothing_else() -> None:
    assert settle(ask(SERVICE, policy=SILENT, grants=True)) == GRANT


def test_a_grant_of_the_keys_account_needs_an_identity_policy_across_accounts() -> None:
    for direct in (False, True):
        assert settle(ask(AWAY_USER, policy=SILENT, grants=True, grant_direct=direct)) == NO_IDENTITY
        assert settle(ask(AWAY_USER, policy=SILENT, grants=True, grant_direct=direct, allowed=(ALLOW_ALL,))) == GRANT
        bounded = ask(
            AWAY_USER, policy=SILENT, grants=True, grant_direct=direct, allowed=(ALLOW_ALL,), boundary=ALLOW_NOTHING
        )
        assert settle(bounded) == NO_BOUNDARY
    assert settle(ask(AWAY_ROOT, policy=SILENT, grants=True)) == GRANT


def test_a_grant_of_the_callers_own_account_suffices_across_accounts() -> None:
    own: dict[str, Any] = {"policy": SILENT, "grants": True, "grant_own_account": True}
    assert settle(ask(AWAY_SESSION, **own)) == GRANT
    assert settle(ask(AWAY_SESSION, **own, session=())) == NO_SESSION
    assert settle(ask(AWAY_SESSION, **own, grant_direct=True, session=())) == GRANT


def test_a_grant_to_the_account_lets_its_identity_policies_decide() -> None:
    to_account: dict[str, Any] = {"policy": SILENT, "grant_to_account": True}
    for who in (USER, SESSION, AWAY_USER, AWAY_SESSION):
        assert settle(ask(who, **to_account)) == NO_IDENTITY
        assert settle(ask(who, **to_account, allowed=(ALLOW_ALL,))) == GRANT
        assert settle(ask(who, **to_account, allowed=(ALLOW_ALL,), boundary=ALLOW_NOTHING)) == NO_BOUNDARY
        assert settle(ask(who, **to_account, allowed=(DENY_ENCRYPT,))) == (False, Why.DENY_IDENTITY)
    assert settle(ask(SERVICE, **to_account)) == NO_RESOURCE
    assert settle(ask(USER, **to_account, grants=True)) == GRANT


def test_the_circumstances_of_a_grant_mean_nothing_without_one() -> None:
    for who in (USER, AWAY_USER):
        assert settle(ask(who, policy=SILENT, grant_direct=True, grant_own_account=True)) == NO_RESOURCE
        assert settle(ask(who, policy=trusting(HOME, AWAY), grant_direct=True, grant_own_account=True)) == NO_IDENTITY


# --- without a key ------------------------------------------------------------------------------------------------------------------


def test_without_a_key_identity_policies_decide() -> None:
    def keyless(who: Principal, **more: Any) -> tuple[bool, Why]:
        return settle(ask(who, policy=None, resource="*", resource_account=None, action="kms:CreateKey", **more))

    for who in (USER, SESSION, FEDERATED):
        assert keyless(who) == NO_IDENTITY
        assert keyless(who, allowed=(ALLOW_NOTHING,)) == NO_IDENTITY
        assert keyless(who, allowed=(ALLOW_NOTHING, ALLOW_ALL)) == (True, Why.IDENTITY)
        assert keyless(who, allowed=(ALLOW_ALL,), boundary=ALLOW_NOTHING) == NO_BOUNDARY
        assert keyless(who, allowed=(ALLOW_ALL,), session=()) == NO_SESSION
        denying = identity(statement("Deny", Action="kms:CreateKey"))
        assert keyless(who, allowed=(ALLOW_ALL, denying)) == (False, Why.DENY_IDENTITY)
    assert keyless(ROOT) == (True, Why.ROOT)


def test_a_question_about_a_key_must_say_whose_it_is() -> None:
    with pytest.raises(ValueError, match="account of the key"):
        decide.decide(ask(AWAY_USER, policy=trusting("*"), resource_account=None))


def test_a_resource_of_another_account_without_policy_is_out_of_reach() -> None:
    alias = f"arn:aws:kms:eu-central-1:{HOME}:alias/a"
    assert settle(ask(AWAY_USER, policy=None, resource=alias, allowed=(ALLOW_ALL,))) == NO_RESOURCE


# --- the answer ---------------------------------------------------------------------------------------------------------------------


def test_the_answer_names_policy_and_statement() -> None:
    own = identity(statement(Action="s3:*"), statement(Sid="crypt", Action="kms:Encrypt"))
    because = decide.decide(ask(allowed=(ALLOW_NOTHING, own))).because
    assert because == decide.Because(Why.KEY_POLICY_AND_IDENTITY, "policy-1", "crypt", 1)
    named = trusting(USER_ARN, Sid="alice")
    assert decide.decide(ask(policy=named)).because == decide.Because(Why.KEY_POLICY_DIRECT, "default", "alice", 0)
    denied = decide.decide(ask(boundary=identity(statement("Deny", Sid="edge"))))
    assert denied.because == decide.Because(Why.DENY_BOUNDARY, decide.BOUNDARY, "edge", 0)
    assert decide.decide(ask()).because == decide.Because(Why.NO_IDENTITY_ALLOW)


def test_a_decision_is_no_truth_value() -> None:
    with pytest.raises(TypeError, match="allowed"):
        bool(decide.decide(ask()))


# --- candidates -----------------------------------------------------------------------------------------------------------------------


def test_prefilter_leaves_the_statements_that_can_match() -> None:
    policy = key_policy(
        statement(Sid="other", Principal={"AWS": ROLE_ARN}),
        statement(Sid="away", Principal={"AWS": AWAY}),
        statement(Sid="mine", Principal={"AWS": USER_ARN}),
        statement(Sid="other action", Principal="*", Action="kms:Decrypt"),
        statement("Deny", Sid="no", Principal="*", Action="kms:*"),
        statement("Deny", Sid="all but alice", NotPrincipal={"AWS": [HOME, USER_ARN]}),
    )
    assert [each.sid for each in prefilter(policy, USER, "kms:Encrypt")] == ["no", "mine"]
    assert [each.sid for each in prefilter(policy, USER, "KMS:ENCRYPT", bounded=True)] == [
        "no",
        "all but alice",
        "mine",
    ]
    assert len(prefilter(ALLOW_ALL, USER, "kms:Encrypt")) == 1
    assert prefilter(ALLOW_NOTHING, USER, "kms:Encrypt") == ()


@pytest.mark.parametrize(
    ("condition", "steady"),
    [
        ({}, True),
        ({"StringEquals": {"aws:username": "alice"}}, True),
        ({"StringEquals": {"aws:PrincipalTag/a": "b", "aws:ResourceTag/c": "d"}}, True),
        ({"StringEquals": {"kms:KeySpec": "x", "kms:CallerAccount": HOME}}, True),
        ({"StringEquals": {"no:such": "key"}}, True),
        ({"Null": {"aws:userid": "false"}}, True),
        ({"StringEquals": {"aws:userid": "${aws:PrincipalTag/id}"}}, True),
        ({"StringEquals": {"aws:userid": "${aws:SourceIp}"}}, False),
        ({"StringEquals": {"aws:username": "alice", "kms:EncryptionContext:a": "b"}}, False),
        ({"DateLessThan": {"aws:CurrentTime": "2030-01-01"}}, False),
        ({"IpAddress": {"aws:SourceIp": "10.0.0.0/8"}}, False),
        ({"Null": {"aws:RequestTag/a": "true"}}, False),
        ({"StringEquals": {"kms:ViaService": "s"}}, False),
        ({"ForAnyValue:StringEquals": {"kms:ResourceAliases": "alias/a"}}, False),
    ],
)
@pytest.mark.parametrize("effect", ["Allow", "Deny"])
def test_a_decision_may_be_kept_where_no_statement_reads_the_request(condition: Any, steady: bool, effect: str) -> None:
    own = identity(statement(effect, Condition=condition))
    for question in (ask(allowed=(own,)), ask(boundary=own), ask(session=(own,))):
        assert candidates(question).steady is steady
    narrow = identity(statement(effect, Action="kms:Decrypt", Condition=condition))
    assert candidates(ask(allowed=(narrow,))).steady
    keyless = candidates(ask(allowed=(own,), policy=None))
    assert keyless.steady is (condition == {})


def test_a_key_policy_or_a_resource_that_reads_the_request_is_not_steady() -> None:
    now = {"DateLessThan": {"aws:CurrentTime": "2030-01-01"}}
    for effect in ("Allow", "Deny"):
        assert not candidates(ask(policy=trusting(USER_ARN, effect=effect, Condition=now))).steady
        assert candidates(ask(policy=trusting(ROLE_ARN, effect=effect, Condition=now))).steady
    variable = "arn:aws:kms:*:*:key/${%s}"
    assert not candidates(ask(allowed=(identity(statement(Resource=variable % "aws:SourceIp")),))).steady
    assert candidates(ask(allowed=(identity(statement(Resource=variable % "aws:username")),))).steady


def test_candidates_are_what_was_asked_for() -> None:
    question = ask(allowed=(DENY_ENCRYPT,), boundary=ALLOW_ALL, session=(ALLOW_NOTHING,))
    found = candidates(question)
    assert isinstance(found, Candidates)
    assert [why for why, _, _ in found.own_denies] == [Why.DENY_IDENTITY]
    assert found.session == ()
    assert len(found.boundary) == 1


# --- the lockout safety check --------------------------------------------------------------------------------------------------------


def locks_out(*statements: dict[str, Any], who: Principal = USER, facts: Facts | None = None) -> bool:
    context = None if facts is None else Context(facts)
    return not allows_put_policy(key_policy(*statements), caller(who), KEY.arn, context)


@pytest.mark.parametrize(
    "principal", ["*", {"AWS": HOME}, {"AWS": HOME_ROOT}, {"AWS": USER_ARN}, {"AWS": [AWAY, USER_ARN]}]
)
@pytest.mark.parametrize("action", ["*", "kms:*", "kms:Put*", "kms:PutKeyPolicy", ["kms:Encrypt", "kms:putkeypolicy"]])
def test_a_policy_that_trusts_the_caller_or_its_account_can_be_changed_again(principal: Any, action: Any) -> None:
    assert not locks_out(statement(Principal=principal, Action=action))


@pytest.mark.parametrize(
    "statements",
    [
        [statement(Principal={"AWS": USER_ARN}, Action="kms:Encrypt")],
        [statement(Principal={"AWS": ROLE_ARN})],
        [statement(Principal={"AWS": AWAY})],
        [statement(Principal={"Service": SERVICE.arn})],
        [statement("Deny", Principal="*")],
        [statement(Principal="*"), statement("Deny", Principal={"AWS": USER_ARN}, Action="kms:PutKeyPolicy")],
        [statement(Principal="*"), statement("Deny", NotPrincipal={"AWS": [HOME, ROLE_ARN]})],
        [statement(Principal="*", Resource="arn:aws:kms:*:*:key/other")],
        [statement(Principal="*", Resource=None)],
        [statement(Principal="*", Action=None)],
        [statement(Principal="*", Condition={"StringEquals": {"aws:username": "bob"}})],
        [statement(Principal="*", Condition={"Bool": {"aws:MultiFactorAuthPresent": "true"}})],
    ],
)
def test_a_policy_that_shuts_the_caller_out_is_found(statements: list[dict[str, Any]]) -> None:
    assert locks_out(*statements)


def test_the_lockout_check_reads_the_facts_of_the_call() -> None:
    guarded = statement(Principal="*", Condition={"Bool": {"aws:SecureTransport": "true"}})
    assert locks_out(guarded, facts=Facts(caller=caller(), secure_transport=False))
    assert not locks_out(guarded, facts=Facts(caller=caller(), secure_transport=True))


def test_the_lockout_check_knows_sessions_and_root() -> None:
    assert not locks_out(statement(Principal={"AWS": ROLE_ARN}), who=SESSION)
    assert not locks_out(statement(Principal={"AWS": HOME}), who=ROOT)
    assert locks_out(statement(Principal={"AWS": ROLE_ARN}), who=ROOT)
