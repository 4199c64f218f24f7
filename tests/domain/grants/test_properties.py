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


# --- the search -------------------------------------------------------------------------------------------------------


def found(all_grants: list[Grant], use: Use) -> bool:
    """Whether the search finds a grant, and only such as allow the use: as a store does it, by equality of marks."""
    sought = holdings.sought(use, sorted({holdings.shape(one) for one in all_grants}))
    if sought is None:
        return False
    marked = [
        one
        for one in all_grants
        if holdings.bits(one.operations) & sought.bits == sought.bits
        and (holdings.demand(one) in sought.demands or holdings.describes(one) in sought.sources)
    ]
    assert all(allows(one, use) for one in marked)
    return bool(marked)


@LAW
@given(st.lists(grants(), max_size=12), USES)
def test_the_search_finds_what_allows_a_use_and_nothing_else(all_grants: list[Grant], use: Use) -> None:
    if use.operation != "RetireGrant":  # asked of the one grant that is to be retired
        assert found(all_grants, use) == any(plainly_allows(one, use) for one in all_grants)


def test_a_grant_made_on_behalf_of_a_source_is_searched_among_grants_whose_source_it_keeps() -> None:
    source = "arn:aws:sqs:eu-central-1:111122223333:q"
    sourced = grant("CreateGrant", "Decrypt", source_arn=source)
    for child, narrow in ((grant("Decrypt"), False), (grant("Decrypt", source_arn=source), True)):
        use = Use("CreateGrant", None, source, child)
        assert found([sourced], use) is narrow
        assert found([sourced, grant("CreateGrant", "Decrypt")], use)


@LAW
@given(grants(), grants())
def test_marks_tell_grants_apart_that_allow_different_things(one: Grant, other: Grant) -> None:
    if holdings.demand(one) == holdings.demand(other) and holdings.bits(one.operations) == holdings.bits(
        other.operations
    ):
        for context in ({}, {"a": "1"}, {"A": "1", "b": "2"}, dict(one.context_equals or one.context_subset or ())):
            assert allows(one, Use("Decrypt", context, one.source_arn)) == allows(
                other, Use("Decrypt", context, one.source_arn)
            )


def test_marks_that_are_stored_keep_their_meaning() -> None:
    """A change here is a change of the store's format."""
    one = grant("Decrypt", "DescribeKey", context_subset={"Team": "IT", "b": "2"}, source_arn="arn:aws:sqs:::q")
    assert holdings.bits(one.operations) == 0b100000000001
    assert holdings.shape(one) == '["b", "team"]'
    assert holdings.demand(one) == "d1a0b1b81bdd0444dbfd3c7e6b63fdb011a7b9fc17376ac2392b50fe0a15207f"
    assert holdings.describes(one) == "arn:aws:sqs:::q"
    assert (holdings.demand(grant("Decrypt")), holdings.shape(grant("Decrypt"))) == ("", "")
    assert holdings.describes(grant("Decrypt")) is None


@LAW
@given(st.lists(st.tuples(st.sampled_from("abc"), st.integers(0, 5), st.booleans()), max_size=30))
def test_what_is_remembered_is_bounded_and_goes_with_its_identity(moves: Any) -> None:
    known = holdings.Remembered(limit=4)
    for identity, number, keep in moves:
        if keep:
            known.keep_shapes(identity, ("",))
            known.keep((identity, None, holdings.Sought(number)), True)
        else:
            known.forget(identity)
            assert identity not in known.shapes
            assert not [asked for asked in known.answers if asked[0] == identity]
        assert max(len(known.shapes), len(known.answers)) <= 4


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
    def finds(identity: str, issuer: str | None) -> bool:
        return found(
            [one for one in all_grants if one.grantee == identity and issuer in (None, one.issuing_account)], use
        )

    return holdings.standing(who, HOME, finds)


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
