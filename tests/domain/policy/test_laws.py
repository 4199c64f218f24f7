"""More laws of the decision: whole policies that come and go, conditions that are dropped, what nobody knows; and the
same laws for who may have a session of a role."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import find, given
from hypothesis import strategies as st
from tests.domain.policy.cast import (
    AWAY,
    AWAY_SESSION,
    AWAY_USER,
    FEDERATED,
    HOME,
    LAW,
    ROLE_ARN,
    ROOT,
    SERVICE,
    SESSION,
    SESSION_ARN,
    USER,
    USER_ARN,
    caller,
    identity,
)
from tests.domain.policy.test_properties import CONDITIONS, SEARCH, WORLDS, World, elements

from keystead.domain.caller import Principal, PrincipalKind
from keystead.domain.policy import document
from keystead.domain.policy.conditions import OPERATORS, Context, Facts
from keystead.domain.policy.decide import Decision, Question, decide, decide_trust
from keystead.errors import Refusal

# --- whole policies ----------------------------------------------------------------------------------------------------


def policies(effect: str) -> st.SearchStrategy[Any]:
    return st.lists(elements(key=False, effect=effect), min_size=1, max_size=2).map(lambda made: identity(*made))


def among(question: Question, place: int, policy: Any) -> Question:
    """The question with one identity policy more, in any place."""
    at = place % (len(question.identity) + 1)
    return replace(question, identity=(*question.identity[:at], ("another", policy), *question.identity[at:]))


@LAW
@given(WORLDS, st.integers(0, 9), policies("Allow"))
def test_another_policy_that_allows_never_takes(world: World, place: int, policy: Any) -> None:
    question = world.question()
    assert decide(among(question, place, policy)).allowed or not decide(question).allowed


@LAW
@given(WORLDS, st.integers(0, 9), policies("Deny"))
def test_another_policy_that_denies_never_gives(world: World, place: int, policy: Any) -> None:
    question = world.question()
    assert decide(question).allowed or not decide(among(question, place, policy)).allowed


@LAW
@given(WORLDS, policies("Allow"), policies("Deny"))
def test_the_limits_of_a_session_widen_with_allows_and_narrow_with_denies(
    world: World, allowing: Any, denying: Any
) -> None:
    question = replace(world.question(), session=world.question().session or ())
    wider = replace(question, session=(*(question.session or ()), allowing))
    narrower = replace(question, session=(*(question.session or ()), denying))
    assert decide(wider).allowed or not decide(question).allowed
    assert decide(question).allowed or not decide(narrower).allowed


@LAW
@given(WORLDS, st.integers(0, 9), elements(key=True))
def test_a_statement_without_its_conditions_says_more_of_the_same(
    world: World, place: int, added: dict[str, Any]
) -> None:
    with_conditions = decide(world.with_statement(place, added).question()).allowed
    without = decide(world.with_statement(place, added | {"Condition": {}}).question()).allowed
    assert without <= with_conditions if added["Effect"] == "Deny" else with_conditions <= without


@LAW
@given(WORLDS)
def test_a_caller_of_another_account_needs_its_own_side_too(world: World) -> None:
    question = world.question()
    if question.crosses and not question.grants and world.who.kind is not PrincipalKind.ROOT:
        own = replace(question, key_policy=None, resource_account=None)
        assert decide(own).allowed or not decide(question).allowed


# --- what nobody knows -------------------------------------------------------------------------------------------------

POSITIVE = [name for name in OPERATORS if "Not" not in name]
UNKNOWN = st.sampled_from(["kms:NoSuchKey", "aws:NoSuchKey", "aws:PrincipalOrgID", "s3:prefix", "token.example.com:x"])


@LAW
@given(WORLDS, st.integers(0, 9), elements(key=True, effect="Allow"), st.sampled_from(POSITIVE), UNKNOWN)
def test_an_allow_under_a_condition_on_what_nobody_knows_gives_nothing(
    world: World, place: int, added: dict[str, Any], operator: str, key: str
) -> None:
    literal = {"Num": "1", "Dat": "2030-01-01", "IpA": "10.0.0.0/8", "Bin": "YQ==", "Arn": "*"}.get(operator[:3], "x")
    narrow = world.with_statement(place, added | {"Condition": {operator: {key: literal}}})
    assert decide(narrow.question()).allowed == decide(world.question()).allowed


@LAW
@given(st.text(max_size=60) | st.binary(max_size=40).map(lambda data: data.decode("latin-1")))
def test_what_is_no_policy_is_never_compiled_to_one_that_allows(text: str) -> None:
    for parse in (document.parse_key_policy, document.parse_identity_policy, document.parse_trust_policy):
        try:
            compiled = parse(text)
        except Refusal:
            continue
        assert json.loads(text)["Statement"]
        assert not compiled.allows


@LAW
@given(WORLDS, st.sampled_from(["kms:NoSuchAction", "nosuch:Encrypt", "kms", "", "*", "kms:*", "kms:Encrypt "]))
def test_an_action_that_is_none_is_allowed_by_wildcards_alone(world: World, action: str) -> None:
    question = replace(world.question(), action=action, grants=False, grant_to_account=False)
    written = json.dumps([world.key, world.own])
    if "*" not in written and "NotAction" not in written and world.who.kind is not PrincipalKind.ROOT:
        assert not decide(question).allowed


# --- sessions of roles -------------------------------------------------------------------------------------------------

TARGET = f"arn:aws:iam::{HOME}:role/Target"
PROVIDER = f"arn:aws:iam::{HOME}:oidc-provider/token.example.com"
WEB = Principal(PrincipalKind.WEB_IDENTITY, HOME, PROVIDER, "sub")
NAMES = [HOME, AWAY, USER_ARN, ROLE_ARN, SESSION_ARN, "*", AWAY_USER.arn, FEDERATED.arn, USER.unique_id]
TRUSTED = st.lists(st.sampled_from(NAMES), min_size=1, max_size=2).map(lambda names: {"AWS": names}) | st.sampled_from(
    [{"Federated": PROVIDER}, {"Service": SERVICE.arn}, {"Federated": PROVIDER, "AWS": HOME}]
)
ASKED = st.sampled_from(["sts:AssumeRole", "sts:AssumeRoleWithWebIdentity", "sts:TagSession"])
OWN = st.lists(
    st.fixed_dictionaries(
        {
            "Effect": st.sampled_from(["Allow", "Allow", "Deny"]),
            "Action": st.sampled_from(["*", "sts:*", "sts:AssumeRole", "kms:*"]),
            "Resource": st.sampled_from(["*", TARGET, f"arn:aws:iam::{HOME}:role/*", "arn:aws:iam::*:role/Other"]),
            "Condition": CONDITIONS,
        }
    ),
    min_size=1,
    max_size=2,
).map(lambda made: identity(*made))


@st.composite
def trusting(draw: st.DrawFn, effect: str | None = None) -> dict[str, Any]:
    conditions = CONDITIONS | st.sampled_from(
        [{"StringEquals": {"sts:ExternalId": "e"}}, {"Null": {"sts:ExternalId": "true"}}]
    )
    return {
        "Effect": effect or draw(st.sampled_from(["Allow", "Allow", "Deny"])),
        "Principal": draw(TRUSTED),
        "Action": draw(ASKED | st.just("sts:*")),
        "Condition": draw(conditions),
    }


class Request:
    """A question about a role in parts."""

    def __init__(
        self, who: Principal, action: str, trust: list[dict[str, Any]], own: Any, facts: dict[str, Any]
    ) -> None:
        self.who, self.action, self.trust, self.own, self.facts = who, action, trust, own, facts

    def __repr__(self) -> str:
        return f"Request({self.__dict__})"

    def question(self, trust: list[dict[str, Any]] | None = None) -> Question:
        asker = caller(self.who)
        text = json.dumps({"Version": "2012-10-17", "Statement": self.trust if trust is None else trust})
        identity_policies, boundary, session = self.own
        return Question(
            caller=asker,
            action=self.action,
            resource=TARGET,
            context=Context(Facts(caller=asker, resource_account=HOME, **self.facts)),
            resource_account=HOME,
            key_policy=document.parse_trust_policy(text),
            identity=tuple((f"policy {at}", each) for at, each in enumerate(identity_policies)),
            boundary=boundary,
            session=session,
        )

    def decided(self, trust: list[dict[str, Any]] | None = None) -> Decision:
        return decide_trust(self.question(trust))


def requests(*who: Principal) -> st.SearchStrategy[Request]:
    return st.builds(
        Request,
        st.sampled_from(who),
        ASKED,
        st.lists(trusting(), min_size=1, max_size=3),
        st.tuples(st.lists(OWN, max_size=2), st.none() | OWN, st.none() | st.lists(OWN, max_size=2).map(tuple)),
        st.fixed_dictionaries(
            {
                "external_id": st.sampled_from([None, "e", "f"]),
                "request_tags": st.sampled_from([None, [("id", "a")]]),
                "now": st.sampled_from([0.0, 2e9]),
            }
        ),
    )


REQUESTS = requests(USER, ROOT, SESSION, FEDERATED, AWAY_USER, AWAY_SESSION, SERVICE, WEB)


@LAW
@given(REQUESTS, trusting("Deny"))
def test_a_deny_of_a_trust_policy_never_gives(request: Request, added: dict[str, Any]) -> None:
    assert request.decided().allowed or not request.decided([*request.trust, added]).allowed


@LAW
@given(REQUESTS, trusting("Allow"))
def test_an_allow_of_a_trust_policy_never_takes(request: Request, added: dict[str, Any]) -> None:
    assert request.decided([*request.trust, added]).allowed or not request.decided().allowed


@LAW
@given(REQUESTS)
def test_the_order_of_a_trust_policy_never_matters(request: Request) -> None:
    one, two = request.decided(), request.decided(request.trust[::-1])
    assert (one.allowed, one.because.kind) == (two.allowed, two.because.kind)


@LAW
@given(REQUESTS)
def test_nobody_has_a_session_of_a_role_that_trusts_nobody(request: Request) -> None:
    denies = [each for each in request.trust if each["Effect"] == "Deny"]
    elsewhere = {"Effect": "Allow", "Principal": {"AWS": "999999999999"}, "Action": "sts:*"}
    assert not request.decided([*denies, elsewhere]).allowed


@LAW
@given(REQUESTS)
def test_who_is_of_no_account_is_trusted_by_its_own_kind_alone(request: Request) -> None:
    if request.who in (SERVICE, WEB) and request.decided().allowed:
        kind = "Service" if request.who is SERVICE else "Federated"
        assert any(request.who.arn in each["Principal"].get(kind, ()) for each in request.trust)


@LAW
@given(REQUESTS)
def test_across_accounts_both_sides_have_to_allow(request: Request) -> None:
    question = request.question()
    if question.crosses and request.decided().allowed:
        assert decide(replace(question, key_policy=None, resource_account=None)).allowed


# --- the laws bite -----------------------------------------------------------------------------------------------------


def _trusts_the_account(request: Request) -> bool:
    """A fault: to name the account would be to name everybody in it."""
    wider = [
        each | {"Principal": {"AWS": [*each["Principal"]["AWS"], request.who.arn]}}
        if each["Principal"].get("AWS") and AWAY in each["Principal"]["AWS"]
        else each
        for each in request.trust
    ]
    home = replace(request.question(wider), resource_account=request.who.account)
    return decide_trust(home).allowed


@pytest.mark.parametrize("fault", [_trusts_the_account])
def test_a_planted_fault_breaks_the_law_of_both_sides(fault: Callable[[Request], bool]) -> None:
    def broken(request: Request) -> bool:
        question = request.question()
        own = decide(replace(question, key_policy=None, resource_account=None))
        return question.crosses and fault(request) and not own.allowed

    find(REQUESTS, broken, settings=SEARCH)


@pytest.mark.parametrize("who", [USER, SESSION, AWAY_USER, WEB], ids=lambda who: who.kind.value)
def test_the_requests_are_not_all_alike(who: Principal) -> None:
    find(requests(who), lambda each: each.decided().allowed, settings=SEARCH)
    find(requests(who), lambda each: not each.decided().allowed, settings=SEARCH)
