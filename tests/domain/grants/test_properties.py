"""Laws of grants, over arbitrary ones: nothing is allowed that no grant names, more grants never allow less, a grant of
a grant is narrower, and the arrangement that makes it fast changes nothing."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from hypothesis import given
from hypothesis import strategies as st
from tests.domain.grants.cast import PAIRS, SOURCES, USES, grant, grants, plainly_allows, plainly_within
from tests.domain.policy.cast import (
    ALLOW_ALL,
    ALLOW_NOTHING,
    AWAY_SESSION,
    AWAY_USER,
    FEDERATED,
    HOME,
    LAW,
    ROOT,
    SESSION,
    USER,
    ask,
    key_policy,
    statement,
)

from keystead.domain import holdings
from keystead.domain.arn import root_arn
from keystead.domain.caller import Principal
from keystead.domain.grantees import NO_STANDING, Standing, bearers, joined, of_grant
from keystead.domain.grants import Grant, Use, allows, is_within
from keystead.domain.holdings import Held, Kept
from keystead.domain.policy import decide

SILENT = key_policy(statement(Principal={"AWS": "999988887777"}))


@LAW
@given(grants(), USES)
def test_a_grant_allows_what_its_operations_and_constraints_say(one: Grant, use: Use) -> None:
    assert allows(one, use) == plainly_allows(one, use)


@LAW
@given(grants(), USES)
def test_a_grant_never_allows_an_operation_that_it_does_not_name(one: Grant, use: Use) -> None:
    assert use.operation in one.operations or not allows(one, use)


@LAW
@given(grants(), grants(), USES)
def test_what_is_made_of_a_grant_allows_nothing_more(child: Grant, parent: Grant, use: Use) -> None:
    assert is_within(child, parent) == plainly_within(child, parent)
    if is_within(child, parent) and use.operation != "RetireGrant" and allows(child, use):
        assert allows(parent, use)


@LAW
@given(grants(), grants(), grants())
def test_narrower_than_narrower_is_narrower(child: Grant, between: Grant, parent: Grant) -> None:
    assert is_within(parent, parent)
    if is_within(child, between) and is_within(between, parent):
        assert is_within(child, parent)


# --- the arrangement --------------------------------------------------------------------------------------------------

MOVES = st.lists(st.tuples(st.booleans(), grants()), max_size=30)


@LAW
@given(MOVES, USES, st.none() | st.sampled_from([root_arn(HOME), root_arn("444455556666")]))
def test_the_arrangement_answers_as_if_every_grant_were_asked(moves: Any, use: Use, issuer: str | None) -> None:
    plain: dict[str, Grant] = {}
    held = Held()
    for added, one in moves:
        if added:
            plain[one.grant_id] = one
            held.add(one)
        else:
            plain.pop(one.grant_id, None)
            held.remove(one.grant_id)
    asked = [one for one in plain.values() if issuer in (None, one.issuing_account)]
    assert held.allows(use, issuer) == any(plainly_allows(one, use) for one in asked)
    assert len(held) == len(plain)
    for grant_id in list(plain):
        held.remove(grant_id)
    assert not held.allows(use)
    assert not any(getattr(held, slot) for slot in Held.__slots__)  # nothing is left behind


@LAW
@given(MOVES, st.lists(st.sampled_from(["one", "two", "three"]), max_size=5))
def test_what_is_kept_follows_every_change(moves: Any, asked: list[str]) -> None:
    """`Kept` beside a store: at any moment it has the grants that the store has, of whoever was asked for."""
    stored: dict[str, Grant] = {}
    kept = Kept(limit=2)
    for number, (added, one) in enumerate(moves):
        one = replace(one, grantee=("one", "two", "three")[int(one.grant_id, 16) % 3])
        if added:
            stored[one.grant_id] = one
        else:
            stored.pop(one.grant_id, None)
        kept.change(one.grant_id)
        if number % 2 and asked:
            identity = asked[number % len(asked)]
            kept.renew((each, stored.get(each)) for each in sorted(kept.changed))
            borne = {grant_id for grant_id, each in stored.items() if each.grantee == identity}
            if identity not in kept.held:
                kept.keep(identity, [stored[grant_id] for grant_id in sorted(borne)])
            assert len(kept.held[identity] or ()) == len(borne)
            assert {grant_id for grant_id in stored if _bears(kept.held[identity], grant_id)} == borne
            assert len(kept.held) <= 2


def _bears(held: Held | None, grant_id: str) -> bool:
    return held is not None and grant_id in held


def test_a_call_looks_at_few_of_many_grants(monkeypatch: Any) -> None:
    """With ten thousand grants of one identity, each for its own context."""
    looked: list[Grant] = []
    monkeypatch.setattr("keystead.domain.holdings.allows", lambda one, use: looked.append(one) or allows(one, use))
    many = 10_000
    held = Held(
        grant("Decrypt", grant_id=f"{number:064x}", **{kind: {"tenant": "one", "volume": f"v{number}"}})
        for number in range(many)
        for kind in ("context_equals" if number % 2 else "context_subset",)
    )
    assert len(held) == many
    for number in (0, 1, many - 1):
        looked.clear()
        assert held.allows(Use("Decrypt", {"tenant": "one", "volume": f"v{number}"}))
        assert not held.allows(Use("Decrypt", {"tenant": "one", "volume": "none"}))
        assert not held.allows(Use("Decrypt", {"tenant": "one"}))
        assert len(looked) < 5


# --- grants and the decision ------------------------------------------------------------------------------------------

WHO = st.sampled_from([USER, ROOT, SESSION, FEDERATED, AWAY_USER, AWAY_SESSION])


@st.composite
def borne(draw: st.DrawFn) -> Grant:
    """A grant to one of the cast or to nobody of it."""
    identities = [each.unique_id for each in (USER, SESSION, FEDERATED, AWAY_USER, AWAY_SESSION)]
    identities += ["AROAWORKERWORKERWRK1", "AROAOLDOLDOLDOLDOLD1", root_arn(HOME), root_arn("444455556666")]
    return replace(draw(grants()), grantee=draw(st.sampled_from(identities)))


def plain_standing(all_grants: list[Grant], who: Principal, use: Use) -> Standing:
    """`holdings.standing`, one grant after the other."""
    found = NO_STANDING
    own, foreign = root_arn(who.account), who.account != HOME
    for bearer in bearers(who):
        for one in all_grants:
            if one.grantee == bearer.identity and plainly_allows(one, use):
                found = joined(found, bearer, own=one.issuing_account == own, foreign=foreign)
    return found


def standing(all_grants: list[Grant], who: Principal, use: Use) -> Standing:
    held: dict[str, Held] = {}
    for one in all_grants:
        held.setdefault(one.grantee, Held()).add(one)
    return holdings.standing(who, HOME, use, held.get)


def allowed(who: Principal, found: Standing, **limits: Any) -> bool:
    question = ask(
        who,
        policy=SILENT,
        grants=found.grants,
        grant_direct=found.direct,
        grant_own_account=found.own_account,
        grant_to_account=found.account,
        **limits,
    )
    return decide.decide(question).allowed


LIMITS = st.fixed_dictionaries(
    {
        "allowed": st.sampled_from([(), (ALLOW_ALL,)]),
        "boundary": st.sampled_from([None, ALLOW_ALL, ALLOW_NOTHING]),
        "session": st.sampled_from([None, (), (ALLOW_ALL,)]),
    }
)
OPERATION = st.sampled_from(["Decrypt", "Encrypt", "DescribeKey"])
HAVE = st.lists(borne(), max_size=6)


@LAW
@given(HAVE, borne(), WHO, st.builds(Use, OPERATION, PAIRS), LIMITS)
def test_one_grant_more_never_allows_less(have: Any, more: Grant, who: Principal, use: Use, limits: Any) -> None:
    have = [one for one in have if one.grant_id != more.grant_id]
    if allowed(who, standing(have, who, use), **limits):
        assert allowed(who, standing([*have, more], who, use), **limits)


@LAW
@given(HAVE, WHO, st.builds(Use, OPERATION, PAIRS), LIMITS)
def test_who_bears_no_grant_that_allows_it_is_not_allowed(have: Any, who: Principal, use: Use, limits: Any) -> None:
    identities = {bearer.identity for bearer in bearers(who)}
    if not any(one.grantee in identities and plainly_allows(one, use) for one in have):
        assert standing(have, who, use) == NO_STANDING
        assert not allowed(who, standing(have, who, use), **limits)


@LAW
@given(HAVE, WHO, st.builds(Use, OPERATION, PAIRS, SOURCES), LIMITS)
def test_the_grants_together_say_what_they_say_one_by_one(have: Any, who: Principal, use: Use, limits: Any) -> None:
    once = list({one.grant_id: one for one in have}.values())
    assert allowed(who, standing(once, who, use), **limits) == allowed(who, plain_standing(once, who, use), **limits)


@LAW
@given(borne(), WHO)
def test_one_grant_says_the_same_alone_and_among_others(one: Grant, who: Principal) -> None:
    use = Use("DescribeKey")
    alone = of_grant(one, who, frozenset({one.grantee})) if "DescribeKey" in one.operations else NO_STANDING
    if one.source_arn is None:
        assert standing([one], who, use) == alone
