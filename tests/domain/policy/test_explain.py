"""The explanation: it never says anything else than the decision, and names what settled it."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given, settings
from tests.domain.policy.cast import HOME, KEY, LAW, ROLE_ARN, SESSION, USER, USER_ARN, caller, statement, text
from tests.domain.policy.explaining import CASES, case_of
from tests.domain.policy.test_properties import WORLDS, World

from keystead import errors
from keystead.domain.caller import PrincipalKind
from keystead.domain.grants import Grant, Use
from keystead.domain.policy import decide
from keystead.domain.policy.cases import Case, Document, Place, new_document, read_document
from keystead.domain.policy.decide import Why
from keystead.domain.policy.document import default_key_policy
from keystead.domain.policy.explain import Trace, explain
from keystead.domain.policy.facts import Facts

MANY = settings(LAW, max_examples=300)

_DENIES = {Why.DENY_IDENTITY, Why.DENY_BOUNDARY, Why.DENY_SESSION, Why.DENY_RESOURCE}


@MANY
@given(WORLDS)
def test_the_decision_of_an_explanation_is_the_engines(world: World) -> None:
    case = case_of(world)
    engines = decide.decide(replace(world.question(), grants=False, grant_to_account=False))
    if not engines.allowed:
        engines = decide.decide(world.question())
    found, theirs = explain(case).decision, engines.because
    names = {"policy 0": "twice", "policy 1": "twice"}
    assert found == engines._replace(because=theirs._replace(policy=names.get(theirs.policy or "", theirs.policy)))


@MANY
@given(CASES)
def test_the_explained_statement_is_the_one_that_decided(case: Case) -> None:
    trace = explain(case)
    because = trace.decision.because
    assert (trace.settled is None) == (because.position is None)
    if trace.settled is None:
        return
    document, statements = trace.documents[trace.settled.document]
    (found,) = [each for each in statements if each.position == trace.settled.position]
    assert (found.sid, found.position) == (because.sid, because.position)
    assert found.applies
    assert not found.failing
    assert found.deny is not trace.decision.allowed
    # and no other could have been first: whatever stands before it, of the same kind, does not apply with its effect
    for at, (other, before) in enumerate(trace.documents[: trace.settled.document + 1]):
        for each in before:
            earlier = at < trace.settled.document or each.position < found.position
            if earlier and other.place is document.place and not document.of_resource:
                assert not (each.applies and each.deny is found.deny)


def _applying(trace: Trace, place: Place, *, deny: bool) -> bool:
    return any(
        each.applies and each.deny is deny
        for document, statements in trace.documents
        for each in statements
        if document.place is place
    )


@MANY
@given(CASES)
def test_the_statements_alone_account_for_the_decision(case: Case) -> None:
    trace = explain(case)
    kind, allowed = trace.decision.because.kind, trace.decision.allowed
    if kind is Why.NO_IDENTITY_ALLOW:
        assert not _applying(trace, Place.IDENTITY, deny=False)
    if kind is Why.NO_BOUNDARY_ALLOW:
        assert not _applying(trace, Place.BOUNDARY, deny=False)
    if kind is Why.NO_SESSION_ALLOW:
        assert not _applying(trace, Place.SESSION, deny=False)
    if kind is Why.NO_RESOURCE_ALLOW and case.caller.principal.kind is not PrincipalKind.SERVICE:
        assert not any(_applying(trace, place, deny=False) for place in (Place.KEY, Place.TRUST))
    if any(_applying(trace, place, deny=True) for place in Place):
        assert not allowed
    elif not allowed:
        assert kind not in _DENIES


@MANY
@given(CASES)
def test_a_statement_applies_exactly_when_none_of_its_parts_fails(case: Case) -> None:
    for _, statements in explain(case).documents:
        for each in statements:
            assert each.applies == (not each.failing)


# --- by example -------------------------------------------------------------------------------------------------------

KEY_POLICY = read_document(Place.KEY, "default", default_key_policy(HOME))


def case(*identity: Document, facts: dict[str, object] | None = None, **more: object) -> Case:
    asker = caller(USER)
    asked = {
        "caller": asker,
        "action": "kms:Encrypt",
        "resource": KEY.arn,
        "facts": Facts(caller=asker, key=KEY, **(facts or {})),  # type: ignore[arg-type]
        "account": HOME,
        "key_policy": KEY_POLICY,
        "identity": identity,
    }
    return Case(**(asked | more))  # type: ignore[arg-type]


def test_a_condition_says_what_it_wanted_and_what_the_request_had() -> None:
    policy = new_document(
        Place.IDENTITY,
        "use",
        statement(
            Sid="Mine",
            Condition={
                "StringEquals": {
                    "kms:EncryptionContext:app": ["${aws:PrincipalTag/team}", "red"],
                    "kms:ViaService": "x",
                },
                "Bool": {"aws:SecureTransport": True},
            },
        ),
    )
    trace = explain(case(policy, facts={"encryption_context": {"App": "green"}, "secure_transport": True}))
    ((_, (key_statement,)), (_, (found,))) = trace.documents
    assert key_statement.applies
    assert not found.applies
    assert found.failing == ("Condition",)
    app, via, tls = found.conditions
    assert (app.operator, app.key, app.holds) == ("StringEquals", "kms:EncryptionContext:app", False)
    assert (app.wanted, app.filled, app.found) == (("${aws:PrincipalTag/team}", "red"), ("blue", "red"), ("green",))
    assert (via.wanted, via.found, via.holds) == (("x",), None, False)
    assert (tls.wanted, tls.found, tls.holds) == (("true",), ("true",), True)
    assert trace.decision.because.kind is Why.NO_IDENTITY_ALLOW


def test_a_key_that_is_none_is_said_to_be_none() -> None:
    policy = new_document(Place.IDENTITY, "use", statement(Condition={"StringEquals": {"kms:EncryptContext:app": "x"}}))
    ((_, _), (_, (found,))) = explain(case(policy)).documents
    (condition,) = found.conditions
    assert not condition.known
    assert condition.found is None


def test_each_part_that_fails_is_named() -> None:
    policy = new_document(
        Place.IDENTITY,
        "use",
        statement(Action="kms:Decrypt", Resource=KEY.arn),
        statement(Action="kms:*", Resource="arn:aws:kms:*:*:key/other"),
        statement("Deny", Action="kms:*", Resource="*", Condition={"Null": {"kms:RequestAlias": "false"}}),
    )
    (_, (_, statements)) = explain(case(policy)).documents
    assert [each.failing for each in statements] == [("Action",), ("Resource",), ("Condition",)]


def test_a_statement_of_a_key_policy_without_resource_is_said_to_have_no_effect() -> None:
    policy = new_document(Place.KEY, "default", statement(Principal="*", Resource=None), statement(Principal="*"))
    ((_, (first, second)),) = explain(case(key_policy=policy)).documents
    assert (first.effective, first.applies) == (False, False)
    assert (second.effective, second.applies) == (True, True)
    assert explain(case(key_policy=policy)).settled == (0, 1)


def _grant(**more: object) -> Grant:
    made = {
        "account": HOME,
        "region": KEY.region,
        "key_id": KEY.key_id,
        "grant_id": "g" * 64,
        "grantee": USER.unique_id,
        "operations": ("Decrypt", "Encrypt"),
        "issuing_account": f"arn:aws:iam::{HOME}:root",
        "created": 0.0,
    }
    return Grant(**(made | more))  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("grant", "bears", "allows", "missing"),
    [
        (_grant(), True, True, None),
        (_grant(grantee="AIDASOMEBODYELSE1234"), False, False, None),
        (_grant(operations=("Decrypt",)), True, False, "it does not hold Encrypt"),
        (
            _grant(context_equals=(("app", "blue"),)),
            True,
            False,
            "the encryption context is not the one that it demands",
        ),
        (
            _grant(context_subset=(("team", "x"),)),
            True,
            False,
            "the encryption context lacks a pair that it demands",
        ),
        (_grant(source_arn="arn:aws:s3:::b"), True, False, "it is for calls on behalf of another resource"),
    ],
)
def test_a_grant_says_what_keeps_it_from_allowing(grant: Grant, bears: bool, allows: bool, missing: str | None) -> None:
    use = Use("Encrypt", {"app": "red"})
    (found,) = explain(case(grants=(grant,), use=use)).grants
    assert (found.bears, found.allows, found.missing) == (bears, allows, missing)


def test_a_role_session_is_a_bearer_of_the_grants_of_its_role() -> None:
    grant = _grant(grantee=SESSION.unique_id.partition(":")[0])
    asker = caller(SESSION)
    (found,) = explain(case(caller=asker, grants=(grant,), use=Use("Encrypt"))).grants
    assert found.bears
    assert ROLE_ARN in (asker.principal.role_arn or "")


def test_statements_keep_their_place_when_others_are_taken_away() -> None:
    policy = new_document(
        Place.IDENTITY, "use", statement("Deny", Sid="a"), statement("Deny", Sid="b"), statement(Sid="c")
    )
    fewer = policy.with_element(0, None)
    trace = explain(case(fewer))
    assert trace.settled == (1, 1)
    none_left = fewer.with_element(1, None).with_element(2, None)
    assert none_left.text is None
    assert explain(case(none_left)).decision.because.kind is Why.NO_IDENTITY_ALLOW


def test_a_document_that_does_not_parse_is_refused() -> None:
    with pytest.raises(errors.Refusal):
        read_document(Place.IDENTITY, "use", text(statement(Principal={"AWS": USER_ARN})))
