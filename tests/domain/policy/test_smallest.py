"""The smallest change that would allow: it does, nothing of it can be left out, and it gives nothing else."""

# length: the laws of all proposals, and an example of each kind of them

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from tests.domain.policy.cast import (
    AWAY,
    HOME,
    KEY,
    LAW,
    REGION,
    ROLE_ARN,
    ROOT,
    SERVICE,
    SESSION,
    USER,
    USER_ARN,
    caller,
    statement,
)
from tests.domain.policy.explaining import CASES
from tests.domain.policy.test_explain import KEY_POLICY, case

from keystead.domain.caller import PrincipalKind, Via
from keystead.domain.grants import Use
from keystead.domain.policy import smallest
from keystead.domain.policy.cases import Case, Document, Place, new_document
from keystead.domain.policy.changes import Attach, Change, Give, Kind, Put, Tell, document_at, made
from keystead.domain.policy.decide import Why
from keystead.domain.policy.explain import explain
from keystead.domain.policy.smallest import Proposal, proposals

SOME = settings(LAW, max_examples=60)


def _after(case: Case, changes: tuple[Change, ...]) -> Case:
    for change in changes:
        case = made(case, change)
    return case


@SOME
@given(CASES)
def test_what_is_proposed_allows_and_nothing_of_it_can_be_left_out(case: Case) -> None:
    for proposal in proposals(case):
        assert _after(case, proposal.changes).settle().allowed
        for at in range(len(proposal.changes)):
            fewer = proposal.changes[:at] + proposal.changes[at + 1 :]
            assert not _after(case, fewer).settle().allowed


@SOME
@given(CASES)
def test_what_is_allowed_needs_no_change_and_for_all_else_there_is_one(case: Case) -> None:
    allowed = case.settle().allowed
    found = proposals(case, 1)
    if allowed:
        assert found == []
    elif case.caller.principal.kind is PrincipalKind.SERVICE:
        return  # a service has no policies of its own, and no boundary
    else:
        assert found


@SOME
@given(CASES)
def test_no_change_adds_a_wildcard(case: Case) -> None:
    assume(case.resource != "*")
    for proposal in proposals(case):
        before = sum(each.text.count("*") for each in map(_written, case.documents))
        after = sum(each.text.count("*") for each in map(_written, proposal.case.documents))
        assert after <= before


class _Text:
    def __init__(self, text: str) -> None:
        self.text = text


def _written(document: Document) -> _Text:
    return _Text(document.text or "")


OTHER_KEY = replace(KEY, key_id="99999999-12ab-34cd-56ef-1234567890ab")


def _others(case: Case, now: Case) -> list[tuple[Case, Case]]:
    """Other questions over the documents as they were and as they are: another action, another key (whose own policy is
    what it was), another caller (who has none of this one's policies)."""
    actions = ("kms:Decrypt", "kms:ScheduleKeyDeletion", "kms:PutKeyPolicy", "s3:GetObject")
    found = [(replace(case, action=action), replace(now, action=action)) for action in actions]
    if case.resource != "*":
        other: dict[str, Any] = {"resource": OTHER_KEY.arn, "key_policy": case.key_policy}
        found.append((replace(case, **other), replace(now, **other)))
    for who in (USER, SESSION):
        if who != case.caller.principal and who.role_arn != case.caller.principal.arn:
            stranger: dict[str, Any] = {"identity": (), "session": None, "boundary": case.boundary}
            asked = [replace(each, **stranger).told(caller(who)) for each in (case, now)]
            found.append((replace(asked[0], caller=caller(who)), replace(asked[1], caller=caller(who))))
    return found


@SOME
@given(CASES)
def test_a_change_that_says_that_it_gives_nothing_besides_gives_nothing_besides(case: Case) -> None:
    for proposal in proposals(case):
        documents = all(each.kind in (Kind.ADD, Kind.CHANGE, Kind.REMOVE) for each in proposal.changes)
        if documents and not any(each.besides for each in proposal.changes):
            for was, now in _others(case, proposal.case):
                assert was.settle().allowed == now.settle().allowed


@SOME
@given(CASES, st.integers(0, 3))
def test_nobody_elses_side_and_nothing_fixed_is_changed(case: Case, which: int) -> None:
    if case.key_policy is not None and which < 2:
        case = replace(case, key_policy=replace(case.key_policy, hidden=which == 0, fixed=which == 1))
    elif case.identity:
        first = replace(case.identity[0], hidden=which == 2, fixed=which == 3)
        case = replace(case, identity=(first, *case.identity[1:]))
    kept = [each for each in case.documents if each.hidden or each.fixed]
    for proposal in proposals(case):
        still = [each for each in proposal.case.documents if each.hidden or each.fixed]
        assert [each.text for each in still] == [each.text for each in kept]


# --- by example -------------------------------------------------------------------------------------------------------


def _first(case: Case) -> Proposal:
    return proposals(case)[0]


def _says(case: Case) -> list[str]:
    return [each.says for each in _first(case).changes]


def _policy(*statements: dict[str, Any], **more: Any) -> Document:
    return replace(new_document(Place.IDENTITY, "use", *statements), **more)


def _put(proposal: Proposal) -> Any:
    (change,) = proposal.changes
    (step,) = change.steps
    assert isinstance(step, Put)
    return document_at(proposal.case, step.place, step.number).elements[step.position]


EXACT = {"Effect": "Allow", "Action": "kms:Encrypt", "Resource": KEY.arn}


def test_who_has_no_policy_gets_one_of_a_single_statement() -> None:
    (change,) = _first(case()).changes
    (step,) = change.steps
    assert isinstance(step, Attach)
    assert change.says == "give the user alice a new inline policy"
    assert step.document.elements == (EXACT,)


def test_a_statement_that_lacks_the_action_alone_is_extended_where_it_names_this_key_alone() -> None:
    exact = statement(Action="kms:Decrypt", Resource=KEY.arn)
    assert _put(_first(case(_policy(exact)))) == {**exact, "Action": ["kms:Decrypt", "kms:Encrypt"]}
    wide = statement(Action="kms:Decrypt", Resource="*")
    assert _put(_first(case(_policy(wide)))) == EXACT


def test_a_statement_that_lacks_the_key_alone_is_extended_where_it_names_this_action_alone() -> None:
    exact = statement(Action="kms:Encrypt", Resource=OTHER_KEY.arn)
    assert _put(_first(case(_policy(exact)))) == {**exact, "Resource": [OTHER_KEY.arn, KEY.arn]}
    wide = statement(Action="kms:*", Resource=OTHER_KEY.arn)
    assert _put(_first(case(_policy(wide)))) == EXACT


def test_what_a_group_has_is_left_alone_for_one_of_its_users() -> None:
    of_group = _policy(
        statement(Action="kms:Decrypt", Resource=KEY.arn), shared=True, origin="a policy of the group staff"
    )
    assert _says(case(of_group)) == ["give the user alice a new inline policy"]
    besides = [each.besides for proposal in proposals(case(of_group)) for each in proposal.changes]
    assert ("everybody who has this policy",) in besides


@pytest.mark.parametrize(
    ("condition", "facts", "says"),
    [
        (
            {"StringEquals": {"kms:EncryptionContext:app": "blue"}},
            {"encryption_context": {"App": "red"}},
            "pass the encryption context pair app=blue",
        ),
        (
            {"StringEquals": {"kms:EncryptionContext:team": "${aws:username}"}},
            {},
            "pass the encryption context pair team=alice",
        ),
        (
            {"StringNotEquals": {"kms:EncryptionContext:stage": "prod"}},
            {"encryption_context": {"stage": "prod"}},
            "leave stage out of the encryption context",
        ),
        ({"Bool": {"aws:SecureTransport": "true"}}, {"secure_transport": False}, "call over TLS"),
        ({"IpAddress": {"aws:SourceIp": "10.1.0.0/16"}}, {"source_ip": "192.0.2.1"}, "call from 10.1.0.0/16"),
        (
            {"StringEquals": {"kms:ViaService": "s3.eu-central-1.amazonaws.com"}},
            {},
            "call through s3.eu-central-1.amazonaws.com",
        ),
        ({"StringLike": {"kms:RequestAlias": "alias/app"}}, {"aliases": ("alias/app",)}, "name the key as alias/app"),
        (
            {"DateGreaterThan": {"aws:CurrentTime": "2030-01-01T00:00:00Z"}},
            {"now": 1e9},
            "call later, from 2030-01-01T00:00:01Z on",
        ),
        (
            {
                "StringEquals": {"kms:EncryptionContext:app": "blue"},
                "Bool": {"aws:SecureTransport": "true"},
            },
            {"secure_transport": False},
            "pass the encryption context pair app=blue, and call over TLS",
        ),
    ],
)
def test_a_condition_is_satisfied_by_another_request(
    condition: dict[str, Any], facts: dict[str, Any], says: str
) -> None:
    asked = case(_policy(statement(Action="kms:Encrypt", Condition=condition)), facts=facts)
    proposal = _first(asked)
    assert [each.says for each in proposal.changes] == [says]
    assert proposal.changes[0].kind is Kind.REQUEST
    assert all(isinstance(each, Tell) for each in proposal.changes[0].steps)


def test_a_tag_that_a_condition_asks_for_is_proposed_with_what_else_would_do() -> None:
    asked = case(_policy(statement(Condition={"StringEquals": {"aws:ResourceTag/Team": "red"}})))
    says = [each.says for proposal in proposals(asked, 5) for each in proposal.changes]
    assert "tag the key with Team=red" in says
    assert "in statement 1 of the identity policy use, add blue to the values of aws:ResourceTag/Team" in says


def test_time_that_has_passed_does_not_come_back() -> None:
    asked = case(_policy(statement(Condition={"DateLessThan": {"aws:CurrentTime": "2000-01-01"}})), facts={"now": 1e9})
    assert not any(each.kind is Kind.REQUEST for proposal in proposals(asked, 9) for each in proposal.changes)


def test_a_deny_spares_the_caller_and_stays_for_all_others() -> None:
    denies = new_document(
        Place.KEY, "default", statement("Deny", Principal="*"), statement(Principal={"AWS": USER_ARN})
    )
    proposal = _first(case(key_policy=denies))
    assert _put(proposal) == {
        **statement("Deny", Principal="*"),
        "Condition": {"ArnNotEquals": {"aws:PrincipalArn": [USER_ARN]}},
    }
    assert proposal.changes[0].besides == ("every other action of the statement",)


def test_a_deny_of_exactly_this_is_taken_away_and_one_of_more_gives_up_this_alone() -> None:
    mine = statement("Deny", Action="kms:Encrypt", Resource=KEY.arn)
    assert _put(_first(case(_policy(statement(), mine)))) is None
    more = statement("Deny", Action=["kms:Encrypt", "kms:Decrypt"], Resource=KEY.arn)
    assert _put(_first(case(_policy(statement(), more)))) == {**more, "Action": ["kms:Decrypt"]}
    wide = statement("Deny", Action="kms:Encrypt")
    spared = {"Effect": "Deny", "Action": "kms:Encrypt", "NotResource": [KEY.arn]}
    assert _put(_first(case(_policy(statement(), wide)))) == spared


def test_a_deny_unless_a_condition_is_met_is_met() -> None:
    unless = statement("Deny", Condition={"StringNotEquals": {"kms:EncryptionContext:app": "blue"}})
    asked = case(_policy(statement(), unless), facts={"encryption_context": {"app": "red"}})
    assert _says(asked) == ["pass the encryption context pair app=blue"]


def test_several_reasons_are_spoken_to_together() -> None:
    boundary = replace(new_document(Place.BOUNDARY, "limits", statement(Action="s3:*")), origin="the boundary limits")
    asked = case(_policy(statement("Deny", Action="kms:Encrypt", Resource=KEY.arn)), boundary=boundary)
    assert _says(asked) == [
        "take statement 1 out of the identity policy use",
        "add a statement to the identity policy use",
        "add a statement to the boundary limits",
    ]


def test_a_key_policy_that_trusts_nobody_names_the_caller_or_its_role() -> None:
    nobody = new_document(Place.KEY, "default", statement(Principal={"AWS": AWAY}))
    assert _put(_first(case(key_policy=nobody))) == {**EXACT, "Principal": {"AWS": USER_ARN}}
    asker = caller(SESSION)
    asked = replace(case(key_policy=nobody).told(asker), caller=asker)
    assert _put(_first(asked)) == {**EXACT, "Principal": {"AWS": ROLE_ARN}}
    service = caller(SERVICE)
    asked = replace(case(key_policy=nobody).told(service), caller=service)
    assert _put(_first(asked)) == {**EXACT, "Principal": {"Service": SERVICE.arn}}


def test_a_trust_policy_names_the_caller_and_no_resource() -> None:
    trust = new_document(
        Place.TRUST, "trust", statement(Principal={"AWS": AWAY}, Action="sts:AssumeRole", Resource=None)
    )
    asked = case(action="sts:AssumeRole", resource=ROLE_ARN, key_policy=trust, facts={"action": "sts:AssumeRole"})
    assert asked.settle().because.kind is Why.NO_RESOURCE_ALLOW
    element = {"Effect": "Allow", "Principal": {"AWS": USER_ARN}, "Action": "sts:AssumeRole"}
    said = [each.says for proposal in proposals(asked) for each in proposal.changes]
    assert said[0].startswith("in statement 1 of the trust policy, add ")
    assert element in [
        document_at(each.case, Place.TRUST, 0).elements[-1]
        for each in proposals(asked)
        if each.changes[0].kind is Kind.ADD
    ]
    assert explain(_first(asked).case).decision.because.policy == "trust policy"


def test_the_external_id_that_a_role_wants_is_passed_before_the_role_wants_none() -> None:
    wanted = {"StringEquals": {"sts:ExternalId": "ours"}}
    named = statement(Principal={"AWS": USER_ARN}, Action="sts:AssumeRole", Resource=None, Condition=wanted)
    trust = new_document(Place.TRUST, "trust", named)
    for external_id in (None, "theirs"):
        facts = {"action": "sts:AssumeRole", "external_id": external_id}
        asked = case(action="sts:AssumeRole", resource=ROLE_ARN, key_policy=trust, facts=facts)
        assert _says(asked)[0] == "pass the external id ours"
        assert _first(asked).changes[0].kind is Kind.REQUEST


def test_a_time_that_no_calendar_holds_is_said_in_seconds() -> None:
    far = {"NumericGreaterThan": {"aws:EpochTime": "999999999999999"}}
    asked = case(_policy(statement(Action="kms:Encrypt", Condition=far)), facts={"now": 1e9})
    assert any("(seconds since 1970)" in each.says for one in proposals(asked, 9) for each in one.changes)


def test_the_root_user_is_given_no_inline_policy() -> None:
    nobody = new_document(Place.KEY, "default", statement(Principal={"AWS": AWAY}))
    root = caller(ROOT)
    asked = replace(case(key_policy=nobody).told(root), caller=root)
    assert not any(isinstance(step, Attach) for each in proposals(asked) for one in each.changes for step in one.steps)


def test_a_grant_is_proposed_under_the_context_of_the_call() -> None:
    nobody = new_document(Place.KEY, "default", statement(Principal={"AWS": AWAY}))
    asked = case(key_policy=nobody, use=Use("Encrypt", {"app": "red"}))
    found = [
        step for each in proposals(asked, 5) for one in each.changes for step in one.steps if isinstance(step, Give)
    ]
    assert [(each.grant.operations, each.grant.context_equals) for each in found] == [(("Encrypt",), (("app", "red"),))]
    assert found[0].grant.grantee == USER.unique_id


def test_a_session_without_policies_of_its_own_is_given_one() -> None:
    asker = caller(SESSION)
    asked = replace(case(_policy(statement()), session=()).told(asker), caller=asker)
    assert asked.settle().because.kind is Why.NO_SESSION_ALLOW
    assert _says(asked) == ["give the role Worker a new session policy"]


def test_an_action_without_a_resource_has_a_star_for_one() -> None:
    asked = case(action="kms:ListKeys", resource="*", account=None, key_policy=None)
    (change,) = _first(asked).changes
    assert isinstance(change.steps[0], Attach)
    assert change.steps[0].document.elements[0] == {"Effect": "Allow", "Action": "kms:ListKeys", "Resource": "*"}


def test_a_call_through_a_service_may_also_be_made_directly() -> None:
    direct = statement("Deny", Condition={"Null": {"kms:ViaService": "false"}})
    asker = caller(USER, Via("s3"))
    asked = replace(case(_policy(statement(), direct)).told(asker), caller=asker)
    assert _says(asked) == ["call directly, not through a service"]


def test_very_many_denies_are_all_taken_away() -> None:
    denies = [statement("Deny", Action=f"kms:{'?' * number}*") for number in range(8)]
    asked = case(_policy(statement(), *denies))
    proposal = _first(asked)
    assert proposal.case.settle().allowed
    assert len(proposal.changes) == 8  # "kms:Encrypt" has seven letters behind the colon


def test_the_search_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    tried = []
    true = smallest._tried

    def counted(case: Case, change: Change) -> Case | None:
        tried.append(change)
        return true(case, change)

    monkeypatch.setattr(smallest, "_tried", counted)
    principals = {"AWS": [f"arn:aws:iam::{HOME}:user/u{number}" for number in range(50)]}
    statements = [statement(Principal=principals, Action="kms:Decrypt", Sid=str(number)) for number in range(50)]
    proposals(
        case(key_policy=new_document(Place.KEY, "default", *statements, *[statement("Deny", Principal="*")] * 50))
    )
    assert len(tried) < 2 * smallest.CASES * smallest.CHANGES


def test_the_default_key_policy_is_what_the_examples_begin_with() -> None:
    assert json.loads(KEY_POLICY.text or "")["Statement"][0]["Action"] == "kms:*"
    assert KEY.arn.startswith(f"arn:aws:kms:{REGION}:{HOME}")


def test_a_change_that_is_not_needed_is_left_out() -> None:
    asked = case()
    needed = _first(asked).changes
    besides = Change(Kind.ADD, "trust somebody", 1, (Put(Place.KEY, 0, 1, statement(Principal={"AWS": AWAY})),))
    assert smallest._needed(asked, (besides, *needed)) == needed
    assert smallest._needed(asked, (*needed, besides)) == needed
