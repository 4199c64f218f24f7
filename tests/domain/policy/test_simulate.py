"""Simulations: the engine's decision, and beside it what matched, what was missing and what the boundary says."""

from __future__ import annotations

import json
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from keystead.domain.caller import Caller, Principal, PrincipalKind
from keystead.domain.policy import document
from keystead.domain.policy.facts import Facts
from keystead.domain.policy.simulate import Outcome, Simulation, Source, Verdict, asked_of
from keystead.domain.policy.work import LIMIT

ACCOUNT = "111122223333"
KEY = f"arn:aws:kms:us-east-1:{ACCOUNT}:key/one"
USER = f"arn:aws:iam::{ACCOUNT}:user/ann"

Statement = dict[str, Any]


def allow(action: str = "kms:*", resource: str = "*", **members: Any) -> Statement:
    return {"Effect": "Allow", "Action": action, "Resource": resource, **members}


def deny(action: str = "kms:*", resource: str = "*", **members: Any) -> Statement:
    return {**allow(action, resource, **members), "Effect": "Deny"}


def source(name: str, *statements: Statement, of_resource: bool = False) -> Source:
    text = json.dumps({"Version": "2012-10-17", "Statement": statements})
    parse = document.parse_key_policy if of_resource else document.parse_identity_policy
    return Source(name, text, parse(text))


def simulation(*identity: Source, **more: Any) -> Simulation:
    caller = Caller(Principal(PrincipalKind.USER, ACCOUNT, USER, "AIDAANN", name="ann"), "", "us-east-1")
    return Simulation(caller, Facts(caller=caller, now=0.0), more.pop("given", {}), identity, **more)


def matched(outcome: Any) -> list[tuple[str, int]]:
    return [(each.source.name, each.position) for each in outcome.matched]


def test_every_statement_that_allows_is_told_and_none_that_does_not() -> None:
    one = source("one", deny("kms:Sign"), allow("kms:Encrypt"), allow("kms:Decrypt"))
    two = source("two", allow(resource=KEY), allow(resource="arn:aws:kms:*:*:key/two"))
    outcome = simulation(one, two).outcome("kms:Encrypt", KEY)
    assert outcome.verdict is Verdict.ALLOWED
    assert matched(outcome) == [("one", 1), ("two", 0)]


def test_where_something_denies_nothing_else_is_told() -> None:
    outcome = simulation(source("one", allow(), deny("kms:Enc*")), source("two", allow())).outcome("kms:Encrypt", KEY)
    assert (outcome.verdict, matched(outcome)) == (Verdict.EXPLICIT_DENY, [("one", 1)])
    outcome = simulation(source("one", allow())).outcome("s3:GetObject", KEY)
    assert (outcome.verdict, matched(outcome)) == (Verdict.IMPLICIT_DENY, [])


def test_facts_are_what_is_told_before_what_is_known() -> None:
    own = source("one", allow(Condition={"StringEquals": {"aws:username": "ann", "s3:prefix": ["a", "b"]}}))
    assert simulation(own).outcome("kms:Encrypt", KEY).missing == ("s3:prefix",)
    assert simulation(own).outcome("kms:Encrypt", KEY).verdict is Verdict.IMPLICIT_DENY
    told = {"s3:prefix": ("b",)}
    assert simulation(own, given=told).outcome("kms:Encrypt", KEY).verdict is Verdict.ALLOWED
    assert simulation(own, given=told).outcome("kms:Encrypt", KEY).missing == ()
    told["aws:username"] = ("bob",)
    assert simulation(own, given=told).outcome("kms:Encrypt", KEY).verdict is Verdict.IMPLICIT_DENY


def test_only_statements_about_the_action_miss_something() -> None:
    own = source(
        "one",
        allow("kms:Decrypt", Condition={"Bool": {"aws:SecureTransport": "true"}}),
        allow("kms:Encrypt", resource="arn:aws:kms:*:*:key/${aws:PrincipalTag/key}", Condition={"Null": {"a:b": True}}),
    )
    assert simulation(own).outcome("kms:Encrypt", KEY).missing == ("a:b", "aws:PrincipalTag/key")


def test_a_boundary_caps_and_is_told() -> None:
    own, bound = source("one", allow()), source("bound", allow("kms:Decrypt"))
    outcome = simulation(own, boundary=bound).outcome("kms:Encrypt", KEY)
    assert (outcome.verdict, outcome.bounded) == (Verdict.IMPLICIT_DENY, False)
    outcome = simulation(own, boundary=bound).outcome("kms:Decrypt", KEY)
    assert (outcome.verdict, outcome.bounded, matched(outcome)) == (Verdict.ALLOWED, True, [("one", 0)])
    outcome = simulation(own, boundary=source("bound", deny())).outcome("kms:Decrypt", KEY)
    assert (outcome.verdict, outcome.bounded, matched(outcome)) == (Verdict.EXPLICIT_DENY, False, [("bound", 0)])
    assert simulation(own).outcome("kms:Decrypt", KEY).bounded is None


def test_a_resource_policy_decides_as_that_of_a_key() -> None:
    root, ann = {"AWS": ACCOUNT}, {"AWS": USER}
    trusting = source("ResourcePolicy", allow(Principal=root), of_resource=True)
    naming = source("ResourcePolicy", allow("kms:Encrypt", Principal=ann), of_resource=True)
    nothing, own = source("none", allow("s3:*")), source("own", allow())
    assert simulation(nothing, resource_policy=trusting).outcome("kms:Encrypt", KEY).verdict is Verdict.IMPLICIT_DENY
    assert simulation(own, resource_policy=trusting).outcome("kms:Encrypt", KEY).verdict is Verdict.ALLOWED
    outcome = simulation(nothing, resource_policy=naming).outcome("kms:Encrypt", KEY)
    assert (outcome.verdict, matched(outcome)) == (Verdict.ALLOWED, [("ResourcePolicy", 0)])
    assert simulation(own, resource_policy=naming).outcome("kms:Decrypt", KEY).verdict is Verdict.IMPLICIT_DENY


def test_a_resource_whose_arn_has_no_account_is_its_owner_s() -> None:
    everybody = source("ResourcePolicy", allow("s3:*", Principal="*"), of_resource=True)
    own = source("own", allow("s3:GetObject"))
    bucket = "arn:aws:s3:::bucket/a"
    theirs = simulation(source("none", allow()), resource_policy=everybody, owner="444455556666")
    assert theirs.outcome("s3:GetObject", bucket).verdict is Verdict.IMPLICIT_DENY
    theirs = simulation(own, resource_policy=everybody, owner="444455556666")
    assert theirs.outcome("s3:GetObject", bucket).verdict is Verdict.ALLOWED
    mine = simulation(source("none", allow()), resource_policy=everybody, owner=ACCOUNT)
    assert mine.outcome("s3:GetObject", bucket).verdict is Verdict.ALLOWED


def test_variables_are_asked_for_where_the_version_has_them() -> None:
    statement = allow(
        resource="arn:aws:kms:*:*:key/${aws:username}/${$}",
        Condition={"StringLike": {"kms:KeySpec": ["${aws:PrincipalTag/x, 'none'}", "a"]}},
    )
    text = json.dumps({"Version": "2012-10-17", "Statement": statement})
    assert asked_of(text) == [("kms:KeySpec", "aws:username", "aws:PrincipalTag/x")]
    assert asked_of(text.replace("2012", "2008")) == [("kms:KeySpec",)]


# --- several outcomes on one account of work --------------------------------------------------------------------------

RESOURCES = st.sampled_from([KEY, f"{KEY}1", "arn:aws:kms:us-east-1:444455556666:key/a1b1", "*"])
PAIRS = st.lists(st.tuples(st.sampled_from(["kms:Encrypt", "kms:Decrypt", "s3:GetObject"]), RESOURCES), max_size=12)
STATEMENTS = st.lists(
    st.builds(
        lambda effect, action, resource, patterns: {
            **effect(action, resource),
            "Condition": {"ForAnyValue:StringLike": {"aws:TagKeys": patterns}},
        },
        st.sampled_from([allow, deny]),
        st.sampled_from(["kms:*", "kms:Encrypt", "*"]),
        st.sampled_from(["*", KEY, "arn:aws:kms:*:*:key/*1*"]),
        st.lists(st.text("ab*?1", min_size=1, max_size=6), min_size=1, max_size=4),
    ),
    min_size=1,
    max_size=4,
)
VALUES = st.lists(st.text("ab1", min_size=1, max_size=30), min_size=1, max_size=12)


@given(STATEMENTS, st.none() | STATEMENTS, VALUES, PAIRS, st.integers(0, 4_000))
def test_pages_of_any_work_are_together_what_one_page_tells_and_each_tells_something(
    own: list[Statement], bound: list[Statement] | None, values: list[str], pairs: list[tuple[str, str]], units: int
) -> None:
    asked = simulation(
        source("own", *own),
        given={"aws:tagkeys": tuple(values)},
        boundary=None if bound is None else source("bound", *bound),
    )
    told: list[Outcome] = []
    while len(told) < len(pairs):
        page = list(asked.outcomes(pairs[len(told) :], units))
        assert page
        told += page
    assert told == list(asked.outcomes(pairs, 1 << 60)) == [asked.outcome(*pair) for pair in pairs]


def test_the_work_of_all_passes_and_values_ends_a_page() -> None:
    patterns = [f"*a?b*{number}b*" for number in range(60)]
    dear = source("dear", allow(), deny(Condition={"ForAnyValue:StringLike": {"aws:TagKeys": patterns}}))
    pairs = [("kms:Encrypt", f"{KEY}{number}") for number in range(40)]

    def count(values: int, **more: Source) -> int:
        given = {"aws:tagkeys": tuple(f"aab{'ab' * 10}{number}" for number in range(values))}
        return len(list(simulation(dear, given=given, **more).outcomes(pairs, 3 * LIMIT)))

    assert count(1) == 40  # what is cheap is told whole
    assert count(20) > count(40) > count(400) == 2  # a decision and what matched: at most LIMIT each
    assert count(400, boundary=dear) == 1
