"""Condition operators, set prefixes, absent keys, and variables in conditions."""

from __future__ import annotations

from typing import Any

import pytest
from tests.domain.policy.cast import (
    KEY,
    caller,
    identity,
    statement,
)

from keystead.domain.policy.conditions import OPERATORS, Context, Facts
from keystead.domain.policy.statements import Policy
from keystead.errors import Refusal

POSITIVE = """
    StringEquals StringEqualsIgnoreCase StringLike NumericEquals NumericLessThan NumericLessThanEquals NumericGreaterThan
    NumericGreaterThanEquals DateEquals DateLessThan DateLessThanEquals DateGreaterThan DateGreaterThanEquals Bool BinaryEquals
    IpAddress ArnEquals ArnLike
""".split()
NEGATED = """
    StringNotEquals StringNotEqualsIgnoreCase StringNotLike NumericNotEquals DateNotEquals NotIpAddress ArnNotEquals
    ArnNotLike
""".split()
A_LITERAL = {
    "Str": "x",
    "Num": "1",
    "Dat": "2030-01-01",
    "Boo": "true",
    "Bin": "YQ==",
    "IpA": "::1",
    "Not": "::1",
    "Arn": "*",
}

TAG = "aws:RequestTag/value"
ARN = "arn:aws:iam::111122223333:user/test"


def applies(condition: dict[str, Any], facts: Facts, *, effect: str = "Allow", version: str = "2012-10-17") -> bool:
    """Does an identity policy's statement with this condition apply."""
    policy = identity(statement(effect, Action="*", Condition=condition), version=version)
    return policy_applies(policy, facts)


def policy_applies(policy: Policy, facts: Facts) -> bool:
    (compiled,) = (*policy.denies, *policy.allows)
    return compiled.applies(KEY.arn, Context(facts))


def tagged(*values: tuple[str, str]) -> Facts:
    return Facts(caller=caller(), request_tags=values)


def passes(operator: str, literal: Any, value: str, **more: Any) -> bool:
    return applies({operator: {TAG: literal}}, tagged(("value", value)), **more)


# --- operators -------------------------------------------------------------------------------------------------------------


def test_every_operator_is_in_a_table_here() -> None:
    assert sorted(OPERATORS) == sorted(POSITIVE + NEGATED)


@pytest.mark.parametrize(
    ("operator", "literal", "value"),
    [
        ("StringEquals", "prod", "prod"),
        ("StringEquals", "a*", "a*"),
        ("StringEquals", ["dev", "prod"], "prod"),
        ("StringEquals", 5, "5"),
        ("StringEquals", 5.50, "5.5"),
        ("StringEquals", True, "true"),
        ("StringEquals", "", ""),
        ("StringNotEquals", "prod", "Prod"),
        ("StringNotEquals", ["dev", "test"], "prod"),
        ("StringEqualsIgnoreCase", "prod", "PrOd"),
        ("StringEqualsIgnoreCase", "K", "\u212a"),
        ("StringEqualsIgnoreCase", "\u039f\u03a3", "\u03bf\u03c2"),
        ("StringEqualsIgnoreCase", "\u00df", "\u1e9e"),
        ("StringNotEqualsIgnoreCase", "\u00df", "SS"),
        ("StringNotEqualsIgnoreCase", "s", "\u017f"),
        ("StringNotEqualsIgnoreCase", "I", "\u0131"),
        ("StringLike", "pr?d*", "prodX"),
        ("StringLike", ["a", "b*"], "bc"),
        ("StringNotLike", "pr?d", "Prod"),
        ("NumericEquals", "1", "01"),
        ("NumericEquals", "1", "+1"),
        ("NumericEquals", 1, "1e0"),
        ("NumericNotEquals", "1", "2"),
        ("NumericNotEquals", "1", "no-number"),
        ("NumericNotEquals", "1", "NaN"),
        ("NumericNotEquals", "1", ""),
        ("NumericLessThan", 10, "9"),
        ("NumericLessThanEquals", 10, "10.0"),
        ("NumericGreaterThan", 9, "10"),
        ("NumericGreaterThanEquals", 10, "10"),
        ("DateEquals", "2030-01-01T00:00:00Z", "1893456000"),
        ("DateEquals", "2030-01-01T00:00:00Z", "2030-01-01"),
        ("DateNotEquals", "2030-01-01", "2030-01-02"),
        ("DateNotEquals", "2030-01-01", "not-a-date"),
        ("DateLessThan", "2030-01-01", "2029-12-31T23:59:59.999Z"),
        ("DateLessThanEquals", "2030-01-01", "2030-01-01"),
        ("DateGreaterThan", "2030-01-01", "2030-01-01T00:00:00.001Z"),
        ("DateGreaterThanEquals", "2030-01-01", "2030-01-01"),
        ("Bool", "true", "TRUE"),
        ("Bool", "TRUE", "true"),
        ("Bool", True, "true"),
        ("Bool", "false", "yes"),
        ("Bool", "yes", "no"),
        ("BinaryEquals", "YQ==", "YQ=="),
        ("IpAddress", "192.0.2.0/24", "192.000.2.1"),
        ("IpAddress", ["10.0.0.0/8", "192.0.2.0/24"], "192.0.2.9"),
        ("NotIpAddress", "192.0.2.0/24", "192.0.3.1"),
        ("ArnLike", "arn:aws:iam::*:user/*", ARN),
        ("ArnEquals", "arn:aws:iam::*:user/*", ARN),
        ("ArnNotLike", "arn:aws:iam::*:role/*", ARN),
        ("ArnNotEquals", "arn:aws:iam::*:role/*", ARN),
    ],
)
def test_a_value_that_passes(operator: str, literal: Any, value: str) -> None:
    assert passes(operator, literal, value)
    assert passes(operator, literal, value, effect="Deny")


@pytest.mark.parametrize(
    ("operator", "literal", "value"),
    [
        ("StringEquals", "prod", "Prod"),
        ("StringEquals", "a*", "ab"),
        ("StringNotEquals", "prod", "prod"),
        ("StringNotEquals", ["dev", "prod"], "prod"),
        ("StringEqualsIgnoreCase", "prod", "pro"),
        ("StringEqualsIgnoreCase", "\u039f\u03a3", "\u03bf\u03c3"),
        ("StringNotEqualsIgnoreCase", "prod", "PROD"),
        ("StringLike", "pr?d", "Prod"),
        ("StringNotLike", ["x", "pr*"], "prod"),
        ("NumericEquals", "1", "no-number"),
        ("NumericEquals", "1", ""),
        ("NumericNotEquals", "1", "1.0"),
        ("NumericLessThan", 10, "10"),
        ("NumericLessThan", 10, "x"),
        ("NumericLessThanEquals", 10, "10.01"),
        ("NumericGreaterThan", 10, "9"),
        ("NumericGreaterThanEquals", 10, "9.99"),
        ("DateEquals", "2030-01-01", "not-a-date"),
        ("DateNotEquals", "2030-01-01", "2030-01-01T00:00:00Z"),
        ("DateLessThan", "2030-01-01", "2030-01-01"),
        ("DateLessThanEquals", "2030-01-01", "2030-01-02"),
        ("DateGreaterThan", "2030-01-01", "2030-01-01"),
        ("DateGreaterThanEquals", "2030-01-01", "2029-12-31"),
        ("Bool", "true", "yes"),
        ("Bool", "true", " true "),
        ("Bool", "false", "true"),
        ("BinaryEquals", "YQ==", "YR=="),
        ("BinaryEquals", "YQ==", "YQ"),
        ("IpAddress", "192.0.2.0/24", "192.0.3.1"),
        ("IpAddress", "192.0.2.0/24", "not-an-ip"),
        ("NotIpAddress", "192.0.2.0/24", "192.0.2.1"),
        ("NotIpAddress", "192.0.2.0/24", "not-an-ip"),
        ("NotIpAddress", "192.0.2.0/24", "192.0.2.1/32"),
        ("ArnLike", "arn:aws:iam::*:user/*", "not-an-arn"),
        ("ArnLike", "arn:aws:iam::*:role/*", ARN),
        ("ArnEquals", "arn:aws:iam::*:role/*", ARN),
        ("ArnNotLike", "arn:aws:iam::*:user/*", ARN),
        ("ArnNotLike", "arn:aws:iam::*:user/*", "not-an-arn"),
        ("ArnNotEquals", "arn:aws:iam::*:user/*", ARN),
    ],
)
def test_a_value_that_does_not_pass(operator: str, literal: Any, value: str) -> None:
    assert not passes(operator, literal, value)
    assert not passes(operator, literal, value, effect="Deny")


@pytest.mark.parametrize("operator", POSITIVE + NEGATED)
@pytest.mark.parametrize("effect", ["Allow", "Deny"])
def test_an_absent_key_fails_positive_operators_and_passes_negated_ones(operator: str, effect: str) -> None:
    literal = A_LITERAL[operator[:3]]

    def without_the_key(name: str) -> bool:
        return applies({name: {TAG: literal}}, tagged(("other", "x")), effect=effect)

    assert without_the_key(operator) is (operator in NEGATED)
    assert without_the_key(f"{operator}IfExists")
    assert without_the_key(f"ForAllValues:{operator}")
    assert without_the_key(f"ForAllValues:{operator}IfExists")
    assert not without_the_key(f"ForAnyValue:{operator}")
    assert without_the_key(f"ForAnyValue:{operator}IfExists")


@pytest.mark.parametrize(
    ("wanted", "absent", "empty", "present"),
    [
        ("true", True, False, False),
        ("TRUE", True, False, False),
        (True, True, False, False),
        ("false", False, True, True),
        ("yes", False, True, True),
        (["true", "false"], True, True, True),
    ],
)
def test_null_asks_whether_the_key_is_there(wanted: Any, absent: bool, empty: bool, present: bool) -> None:
    condition = {"Null": {TAG: wanted}}
    assert applies(condition, tagged(("other", "x"))) is absent
    assert applies(condition, tagged(("value", ""))) is empty
    assert applies(condition, tagged(("value", "x"))) is present


def test_operators_and_keys_are_joined_by_and() -> None:
    condition = {"StringEquals": {TAG: "x", "aws:username": "alice"}, "Bool": {"aws:SecureTransport": "true"}}

    def with_facts(value: str, secure: bool) -> bool:
        return applies(condition, Facts(caller=caller(), request_tags=[("value", value)], secure_transport=secure))

    assert with_facts("x", True)
    assert not with_facts("y", True)
    assert not with_facts("x", False)


# The outcome of each operator on the list key aws:TagKeys for the tag keys none, team, env, and both.
SETS = {
    "StringEquals": (False, False, False, False),
    "StringNotEquals": (True, False, False, False),
    "StringEqualsIfExists": (True, False, False, False),
    "StringNotEqualsIfExists": (True, False, False, False),
    "ForAnyValue:StringEquals": (False, True, False, True),
    "ForAllValues:StringEquals": (True, True, False, False),
    "ForAnyValue:StringNotEquals": (False, False, True, True),
    "ForAllValues:StringNotEquals": (True, False, True, False),
    "ForAnyValue:StringLike": (False, True, False, True),
    "ForAllValues:StringLike": (True, True, False, False),
}


@pytest.mark.parametrize("operator", SETS)
@pytest.mark.parametrize("effect", ["Allow", "Deny"])
def test_a_list_key_needs_a_set_prefix(operator: str, effect: str) -> None:
    outcomes = tuple(
        applies({operator: {"aws:TagKeys": "team"}}, tagged(*((key, "x") for key in keys)), effect=effect)
        for keys in ((), ("team",), ("env",), ("team", "env"))
    )
    assert outcomes == SETS[operator]


def test_a_set_prefix_reads_a_single_value_as_a_set_of_one() -> None:
    for prefix in ("ForAnyValue:", "ForAllValues:"):
        assert passes(f"{prefix}StringEquals", "x", "x")
        assert not passes(f"{prefix}StringEquals", "x", "")


def test_names_that_differ_in_case_alone_are_settled_in_the_closed_direction() -> None:
    both = tagged(("value", "good"), ("VALUE", "bad"))
    good = {"StringEquals": {TAG: "good"}}
    not_bad = {"StringNotEquals": {TAG: "bad"}}
    assert not applies(good, both)
    assert applies({"StringEquals": {TAG: ["good", "bad"]}}, both)
    assert not applies(not_bad, both)
    assert applies({"StringEquals": {TAG: "bad"}}, both, effect="Deny")
    assert applies({"StringNotEquals": {TAG: "good"}}, both, effect="Deny")
    assert applies(good, tagged(("value", "good"), ("VALUE", "good")))


@pytest.mark.parametrize(
    ("operator", "literal"),
    [
        ("NumericEquals", "NaN"),
        ("NumericEquals", "no-number"),
        ("DateEquals", "not-a-date"),
        ("ArnLike", "not-an-arn"),
        ("IpAddress", "not-an-ip"),
        ("IpAddress", "2001:db8::5/64"),
        ("BinaryEquals", "no-binary"),
        ("NumericEquals", "${aws:username}"),
        ("DateEquals", "${aws:CurrentTime}"),
        ("IpAddress", "${aws:SourceIp}"),
        ("stringequals", "x"),
        ("StringEqualsX", "x"),
        ("NullIfExists", "true"),
        ("ForAllValues:Null", "true"),
        ("ForAllValues:ForAnyValue:StringEquals", "x"),
        ("StringEqualsIfExistsIfExists", "x"),
        ("StringEquals", "${aws:username"),
        ("StringEquals", "${}"),
        ("StringEquals", "${aws:username, default}"),
        ("StringEquals", None),
        ("StringEquals", []),
        ("StringEquals", {"x": "y"}),
        ("StringEquals", [["x"]]),
    ],
)
def test_a_literal_or_operator_that_is_none_is_refused_when_the_policy_is_read(operator: str, literal: Any) -> None:
    with pytest.raises(Refusal) as refused:
        identity(statement(Action="*", Condition={operator: {TAG: literal}}))
    assert refused.value.code == "MalformedPolicyDocumentException"


@pytest.mark.parametrize("key", ["username", "", ":", "aws:", ":x"])
def test_a_condition_key_needs_its_vendor(key: str) -> None:
    with pytest.raises(Refusal, match="prefaced by a vendor"):
        identity(statement(Action="*", Condition={"StringEquals": {key: "x"}}))


# --- variables ---------------------------------------------------------------------------------------------------------------


def test_variables_are_filled_in() -> None:
    facts = Facts(caller=caller(), request_tags=[("value", "alice-blue")])
    assert applies({"StringEquals": {TAG: "${aws:username}-${aws:PrincipalTag/TEAM}"}}, facts)
    assert not applies({"StringEquals": {TAG: "${aws:username}-red"}}, facts)
    assert applies({"StringLike": {TAG: "${AWS:USERNAME}-*"}}, facts)
    assert applies({"StringEqualsIgnoreCase": {TAG: "ALICE-${aws:PrincipalTag/team}"}}, facts)
    assert applies({"Bool": {"aws:ViaAWSService": "${aws:PrincipalIsAWSService}"}}, facts)
    assert applies(
        {"ArnLike": {"aws:PrincipalArn": "arn:aws:iam::${aws:PrincipalAccount}:user/*/${aws:username}"}}, facts
    )


def test_variables_are_literal_text_in_the_old_version() -> None:
    facts = tagged(("value", "${aws:username}"))
    assert applies({"StringEquals": {TAG: "${aws:username}"}}, facts, version="2008-10-17")
    assert not applies({"StringEquals": {TAG: "${aws:username}"}}, facts)
    assert applies({"StringEquals": {TAG: "${broken"}}, tagged(("value", "${broken")), version="2008-10-17")


def test_a_value_put_in_place_of_a_variable_is_no_pattern() -> None:
    condition = {"StringLike": {TAG: "${aws:RequestTag/pattern}/*"}}
    assert applies(condition, tagged(("pattern", "a*"), ("value", "a*/b")))
    assert not applies(condition, tagged(("pattern", "a*"), ("value", "ab/b")))


def test_escapes_stand_for_their_characters() -> None:
    condition = {"StringLike": {TAG: "${*}${?}${$}*"}}
    assert applies(condition, tagged(("value", "*?$abc")))
    assert not applies(condition, tagged(("value", "xx$abc")))
    assert applies({"StringEquals": {TAG: "${*}"}}, tagged(("value", "*")))


def test_a_variable_without_value_equals_nothing() -> None:
    facts = tagged(("value", "x"))
    assert not applies({"StringEquals": {TAG: "${aws:PrincipalTag/none}"}}, facts)
    assert applies({"StringEquals": {TAG: ["${aws:PrincipalTag/none}", "x"]}}, facts)
    assert applies({"StringNotEquals": {TAG: "${aws:PrincipalTag/none}"}}, facts)
    assert applies({"StringEquals": {TAG: "${aws:PrincipalTag/none, 'x'}"}}, facts)
    assert applies({"StringEquals": {TAG: "${aws:PrincipalTag/team, 'x'}"}}, tagged(("value", "blue")))
    assert applies({"StringEquals": {TAG: "${aws:PrincipalTag/none, ''}y"}}, tagged(("value", "y")))


@pytest.mark.parametrize("value", ["value", "fallback"])
def test_a_list_key_fills_no_variable_not_even_with_a_default(value: str) -> None:
    facts = tagged(("value", value))
    for variable in ("${aws:TagKeys}", "${aws:TagKeys, 'fallback'}"):
        assert not applies({"StringEquals": {TAG: variable}}, facts)
        assert applies({"StringNotEquals": {TAG: variable}}, facts)


def test_a_variable_with_several_values_is_settled_in_the_closed_direction() -> None:
    facts = tagged(("value", "x"), ("A", "x"), ("a", "y"))
    for operator in ("StringEquals", "StringNotEquals"):
        condition = {operator: {TAG: "${aws:RequestTag/a}"}}
        assert not applies(condition, facts)
        assert applies(condition, facts, effect="Deny")


def test_a_variable_that_makes_no_arn_can_deny_and_never_allow() -> None:
    facts = tagged(("value", ARN), ("pattern", "not-an-arn"))
    malformed = tagged(("value", "not-an-arn"), ("pattern", "not-an-arn"))
    for operator in ("ArnLike", "ArnNotLike"):
        condition = {operator: {TAG: "${aws:RequestTag/pattern}"}}
        assert not applies(condition, facts)
        assert applies(condition, facts, effect="Deny")
        assert not applies(condition, malformed)
        assert not applies(condition, malformed, effect="Deny")
