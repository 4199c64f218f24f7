"""Laws of the decision, over arbitrary policies: denies only take, allows only give, order never matters, keeping changes nothing."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import Phase, find, given, settings
from hypothesis import strategies as st
from tests.domain.policy.cast import (
    AWAY,
    AWAY_ROOT,
    AWAY_SESSION,
    AWAY_USER,
    FEDERATED,
    FEDERATED_ARN,
    HOME,
    KEY,
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
    key_policy,
)

from keystead.domain.caller import Principal, PrincipalKind
from keystead.domain.policy import decide
from keystead.domain.policy.conditions import Context, Facts
from keystead.domain.policy.decide import Decision, Question, candidates
from keystead.domain.policy.statements import Policy

Statements = list[dict[str, Any]]

NAMES = [HOME, AWAY, USER_ARN, ROLE_ARN, SESSION_ARN, FEDERATED_ARN, "*", USER.unique_id, AWAY_USER.arn]
AWS = st.lists(st.sampled_from(NAMES), min_size=1, max_size=2).map(lambda names: {"AWS": names})
PRINCIPALS = AWS | st.just("*") | st.just({"Service": SERVICE.arn})
ACTIONS = st.sampled_from(["*", "kms:*", "kms:Encrypt", "kms:Decrypt", "kms:*crypt", "s3:*"])
RESOURCES = st.sampled_from(
    [
        "*",
        KEY.arn,
        "arn:aws:kms:*:*:key/other",
        "arn:aws:kms:*:${aws:PrincipalAccount}:key/*",
        "arn:aws:kms:*:*:key/${aws:RequestTag/id}",
    ]
)
CONDITIONS = st.sampled_from(
    [
        {},
        {},
        {"StringEquals": {"aws:username": "alice"}},
        {"StringNotEquals": {"kms:EncryptionContext:app": "${aws:PrincipalTag/team}"}},
        {"StringEquals": {"aws:RequestTag/id": "a"}},
        {"StringNotEquals": {"aws:RequestTag/id": "a"}},
        {"ArnLike": {"aws:PrincipalArn": "arn:aws:iam::*:role/*"}},
        {"ArnNotLike": {"aws:PrincipalArn": "arn:aws:iam::${aws:RequestTag/id}:role/*"}},
        {"DateLessThan": {"aws:CurrentTime": "2030-01-01"}},
        {"NotIpAddress": {"aws:SourceIp": "10.0.0.0/8"}},
        {"ForAllValues:StringEquals": {"kms:EncryptionContextKeys": ["app"]}},
        {"ForAnyValue:StringLike": {"aws:TagKeys": "i*"}},
        {"Null": {"kms:EncryptionContextKeys": "true"}},
        {"StringEqualsIfExists": {"kms:ViaService": "x"}},
        {"StringEquals": {"kms:KeySpec": "SYMMETRIC_DEFAULT"}},
    ]
)
EFFECTS = st.sampled_from(["Allow", "Allow", "Deny"])


@st.composite
def elements(draw: st.DrawFn, *, key: bool, effect: str | None = None) -> dict[str, Any]:
    made: dict[str, Any] = {"Effect": effect or draw(EFFECTS), "Condition": draw(CONDITIONS)}
    made[draw(st.sampled_from(["Action", "Action", "NotAction"]))] = draw(ACTIONS)
    made[draw(st.sampled_from(["Resource", "Resource", "NotResource"]))] = draw(RESOURCES)
    if key:
        negated = made["Effect"] == "Deny" and draw(st.booleans())
        made["NotPrincipal" if negated else "Principal"] = draw(PRINCIPALS)
    return made


FACTS = st.builds(
    Facts,
    caller=st.none(),
    now=st.sampled_from([None, 0.0, 2e9]),
    source_ip=st.sampled_from([None, "10.0.0.1", "192.0.2.1"]),
    key=st.sampled_from([None, KEY]),
    encryption_context=st.sampled_from([None, {"app": "blue"}, {"app": "x", "y": "z"}, {"App": "blue", "app": "red"}]),
    request_tags=st.sampled_from([None, [("id", "a")], [("id", "a"), ("ID", "b")], [("id", KEY.key_id)]]),
)


class World:
    """A question in parts, so that a part can be changed and the question asked again."""

    def __init__(
        self,
        who: Principal,
        facts: Facts,
        key: Statements | None,
        own: list[Statements],
        boundary: Statements | None,
        session: list[Statements] | None,
        grants: tuple[bool, bool, bool, bool],
    ) -> None:
        self.who, self.facts, self.key, self.own = who, facts, key, own
        self.boundary, self.session, self.grants = boundary, session, grants

    def __repr__(self) -> str:
        return f"World({self.__dict__})"

    def question(self, facts: Facts | None = None) -> Question:
        asker = caller(self.who)
        known = {name: getattr(facts or self.facts, name) for name in Facts.__struct_fields__} | {"caller": asker}
        return Question(
            caller=asker,
            action="kms:Encrypt",
            resource="*" if self.key is None else KEY.arn,
            context=Context(Facts(**known)),
            resource_account=None if self.key is None else HOME,
            key_policy=None if self.key is None else compiled(self.key, key=True),
            identity=tuple((f"policy {at}", compiled(each, key=False)) for at, each in enumerate(self.own)),
            boundary=None if self.boundary is None else compiled(self.boundary, key=False),
            session=None if self.session is None else tuple(compiled(each, key=False) for each in self.session),
            grants=self.grants[0],
            grant_direct=self.grants[1],
            grant_own_account=self.grants[2],
            grant_to_account=self.grants[3],
        )

    def with_statement(self, place: int, added: dict[str, Any]) -> World:
        """The world with one more statement in one of its policies; None of them is new."""
        bare = {name: value for name, value in added.items() if name not in ("Principal", "NotPrincipal")}
        key, own, boundary, session = self.key, self.own, self.boundary, self.session
        worlds: list[World] = []
        if key is not None:
            worlds.append(self._but(key=[*key, added]))
        for at, each in enumerate(own):
            worlds.append(self._but(own=[*own[:at], [*each, bare], *own[at + 1 :]]))
        if boundary is not None:
            worlds.append(self._but(boundary=[*boundary, bare]))
        for at, each in enumerate(session or []):
            worlds.append(self._but(session=[*(session or [])[:at], [*each, bare], *(session or [])[at + 1 :]]))
        return worlds[place % len(worlds)] if worlds else self

    def _but(self, **changed: Any) -> World:
        return World(**(self.__dict__ | changed))


def compiled(statements: Statements, *, key: bool) -> Policy:
    return (key_policy if key else identity)(*statements)


WHO = st.sampled_from([USER, ROOT, SESSION, FEDERATED, AWAY_USER, AWAY_ROOT, AWAY_SESSION, SERVICE])
OWN = st.lists(elements(key=False), min_size=1, max_size=3)
WORLDS = st.builds(
    World,
    WHO,
    FACTS,
    st.none()
    | st.lists(elements(key=True), min_size=1, max_size=3)
    | st.lists(elements(key=True), min_size=1, max_size=3),
    st.lists(OWN, max_size=2),
    st.none() | OWN,
    st.none() | st.lists(OWN, max_size=2),
    st.tuples(*(st.booleans(),) * 4) | st.just((False,) * 4),
)

KEYLESS = st.builds(
    World,
    st.just(USER),
    FACTS,
    st.none(),
    st.lists(OWN, min_size=1, max_size=2),
    *(st.none(),) * 2,
    st.just((False,) * 4),
)

Decide = Callable[[Question], Decision]


def a_deny_gives(world: World, place: int, added: dict[str, Any], by: Decide = decide.decide) -> bool:
    """The violation: one more Deny, and what was denied is allowed."""
    return by(world.with_statement(place, added).question()).allowed and not by(world.question()).allowed


def an_allow_takes(world: World, place: int, added: dict[str, Any], by: Decide = decide.decide) -> bool:
    """The violation: one more Allow, and what was allowed is denied."""
    return by(world.question()).allowed and not by(world.with_statement(place, added).question()).allowed


@LAW
@given(WORLDS, st.integers(0, 9), elements(key=True, effect="Deny"))
def test_a_deny_never_gives(world: World, place: int, added: dict[str, Any]) -> None:
    assert not a_deny_gives(world, place, added)


@LAW
@given(WORLDS, st.integers(0, 9), elements(key=True, effect="Allow"))
def test_an_allow_never_takes(world: World, place: int, added: dict[str, Any]) -> None:
    assert not an_allow_takes(world, place, added)


@LAW
@given(WORLDS, st.randoms(use_true_random=False))
def test_order_never_matters(world: World, chance: Any) -> None:
    def shuffled(things: list[Any]) -> list[Any]:
        return list(chance.sample(things, len(things)))

    other = World(
        world.who,
        world.facts,
        world.key and shuffled(world.key),
        shuffled([shuffled(each) for each in world.own]),
        world.boundary and shuffled(world.boundary),
        world.session and shuffled([shuffled(each) for each in world.session]),
        world.grants,
    )
    one, two = decide.decide(world.question()), decide.decide(other.question())
    assert (one.allowed, one.because.kind) == (two.allowed, two.because.kind)


@LAW
@given(WORLDS, FACTS)
def test_kept_candidates_change_nothing(world: World, later: Facts) -> None:
    kept = candidates(world.question())
    assert decide.decide(world.question(), kept) == decide.decide(world.question())
    assert decide.decide(world.question(later), kept) == decide.decide(world.question(later))


@LAW
@given(WORLDS, FACTS)
def test_a_decision_that_may_be_kept_holds_for_every_request(world: World, later: Facts) -> None:
    found = candidates(world.question())
    if found.steady:
        same_key = {name: getattr(later, name) for name in Facts.__struct_fields__} | {"key": world.facts.key}
        assert decide.decide(world.question()) == decide.decide(world.question(Facts(**same_key)))


@LAW
@given(WORLDS)
def test_one_deny_that_applies_is_enough(world: World) -> None:
    question = world.question()
    limits = [] if question.boundary is None else [question.boundary]
    policies = [*(each for _, each in question.identity), *limits, *(question.session or ())]
    if question.key_policy is not None:
        policies.append(question.key_policy)
    for each in (each for policy in policies for each in policy.denies):
        names = each.naming(world.who, bounded=question.boundary is not None)
        if names and each.speaks_of("kms:encrypt") and each.applies(question.resource, question.context):
            assert not decide.decide(question).allowed


@LAW
@given(WORLDS)
def test_the_circumstances_of_a_grant_mean_nothing_without_one(world: World) -> None:
    without = replace(world.question(), grants=False)
    plain = decide.decide(replace(without, grant_direct=False, grant_own_account=False))
    for direct, own in ((True, False), (False, True), (True, True)):
        assert decide.decide(replace(without, grant_direct=direct, grant_own_account=own)) == plain


@LAW
@given(WORLDS)
def test_grants_and_their_circumstances_only_give(world: World) -> None:
    question = world.question()
    weaker = replace(question, grants=False)
    for less, more in [
        (weaker, question),
        (replace(question, grant_to_account=False), replace(question, grant_to_account=True)),
        (replace(question, grant_direct=False), replace(question, grant_direct=True)),
        (replace(question, grant_own_account=False), replace(question, grant_own_account=True)),
    ]:
        assert decide.decide(more).allowed or not decide.decide(less).allowed


@LAW
@given(WORLDS)
def test_a_grant_to_an_account_gives_what_a_statement_that_trusts_it_gives(world: World) -> None:
    question = replace(world.question(), grant_to_account=True)
    if world.key is not None and world.who.kind not in (PrincipalKind.SERVICE, PrincipalKind.ROOT):
        trusting = {"Effect": "Allow", "Principal": {"AWS": world.who.account}, "Action": "*", "Resource": "*"}
        trusted = replace(question, grant_to_account=False, key_policy=compiled([*world.key, trusting], key=True))
        assert decide.decide(question).allowed == decide.decide(trusted).allowed


@LAW
@given(WORLDS)
def test_boundaries_and_session_policies_only_take(world: World) -> None:
    question = world.question()
    if decide.decide(question).allowed:
        assert decide.decide(replace(question, session=None)).allowed
        if not any("NotPrincipal" in each for each in world.key or []):
            assert decide.decide(replace(question, boundary=None)).allowed


@LAW
@given(WORLDS)
def test_nothing_is_allowed_by_nobody(world: World) -> None:
    question = replace(world.question(), identity=(), grants=False, grant_to_account=False)
    if world.key is None and world.who not in (ROOT, AWAY_ROOT):
        assert not decide.decide(question).allowed
    if world.key is not None and not any(each["Effect"] == "Allow" for each in world.key):
        assert not decide.decide(question).allowed


# --- the laws bite: faults planted in the decision are found ---------------------------------------------------------------------------


# One example is enough: finding the smallest would take most of the time.
SEARCH = settings(LAW, max_examples=5000, database=None, phases=[Phase.generate])


def _denies_that_allow(question: Question) -> Decision:
    """A fault: a Deny of the identity policies is taken for an Allow."""
    found = candidates(question)
    swapped = found._replace(
        identity=(*found.identity, *((name, (each,)) for _, name, each in found.own_denies)), own_denies=()
    )
    return decide.decide(question, swapped)


def _exactly_one_allow(question: Question) -> Decision:
    """A fault: two policies that allow cancel each other."""
    found = candidates(question)
    return decide.decide(question, found if len(found.identity) < 2 else found._replace(identity=()))


@pytest.mark.parametrize(
    ("violated", "fault", "effect"),
    [(a_deny_gives, _denies_that_allow, "Deny"), (an_allow_takes, _exactly_one_allow, "Allow")],
)
def test_a_planted_fault_breaks_a_law(violated: Callable[..., bool], fault: Decide, effect: str) -> None:
    tries = st.tuples(KEYLESS, st.integers(0, 9), elements(key=True, effect=effect))
    find(tries, lambda each: violated(*each, by=fault), settings=SEARCH)


def test_the_worlds_are_not_all_alike() -> None:
    find(WORLDS, lambda world: decide.decide(world.question()).allowed, settings=SEARCH)
    find(WORLDS, lambda world: not decide.decide(world.question()).allowed, settings=SEARCH)
    find(WORLDS, lambda world: candidates(world.question()).steady and len(world.own) > 1, settings=SEARCH)
