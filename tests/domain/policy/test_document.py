"""Policy documents: the grammar, its refusals, and the default key policy."""

# length: one grammar, element by element

from __future__ import annotations

import json
import time
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from tests.domain.policy.cast import (
    ALLOW_ALL,
    DELEGATING,
    HOME,
    KEY,
    LAW,
    caller,
    identity,
    key_policy,
    statement,
    text,
)

from keystead.domain.policy import document
from keystead.domain.policy.conditions import OPERATORS, Context, Facts
from keystead.domain.policy.statements import Policy
from keystead.errors import Refusal

PARSERS = [document.parse_key_policy, document.parse_identity_policy]
EVERYBODY: dict[str, Any] = {"Principal": "*"}


def refusal(whole: Any, *, key: bool = False) -> str:
    """The sentence with which a document is refused."""
    with pytest.raises(Refusal) as refused:
        (document.parse_key_policy if key else document.parse_identity_policy)(
            whole if isinstance(whole, str) else json.dumps(whole)
        )
    assert refused.value.code == "MalformedPolicyDocumentException"
    assert refused.value.status == 400
    assert refused.value.message
    assert "\n" not in refused.value.message
    return refused.value.message


def test_the_default_key_policy_is_spelled_as_aws_spells_it() -> None:
    assert document.default_key_policy("111122223333") == (
        '{\n  "Version" : "2012-10-17",\n  "Id" : "key-default-1",\n  "Statement" : [ {\n'
        '    "Sid" : "Enable IAM User Permissions",\n    "Effect" : "Allow",\n    "Principal" : {\n'
        '      "AWS" : "arn:aws:iam::111122223333:root"\n    },\n    "Action" : "kms:*",\n    "Resource" : "*"\n  } ]\n}'
    )
    (only,) = DELEGATING.allows
    assert only.sid == "Enable IAM User Permissions"
    assert only.unconditional


@pytest.mark.parametrize(
    "broken",
    [
        "",
        " ",
        "{",
        "}",
        "x",
        "'{}'",
        '{"a":1,}',
        '{"Statement":[NaN]}',
        '{"Statement":[Infinity]}',
        "\ud800",
        "\x00",
        "{]",
    ],
)
def test_what_is_not_json_is_refused(broken: str) -> None:
    for key in (True, False):
        assert refusal(broken, key=key) == "This policy contains invalid Json"


def test_half_a_character_is_refused() -> None:
    assert refusal('{"Statement":[{"Sid":"\\ud800"}]}') == "This policy contains invalid Json"


@pytest.mark.parametrize(
    "bottomless", ["[" * 100_000, '{"a":' * 100_000, "[" * 9 + "]" * 9, '["\\"[[[[[[[[[[",[[[[[[[[[[1]]]]]]]]]]]']
)
def test_deep_nesting_is_refused_before_it_is_read(bottomless: str) -> None:
    assert refusal(bottomless) == "The policy is nested too deeply."


def test_brackets_within_strings_do_not_nest() -> None:
    document.parse_key_policy(text(statement(Principal="*", Sid='[[[[[[[[[["{{{{{{{{{{\\')))


@pytest.mark.parametrize(
    "slow", ['"\\' * 50_000, '"' * 100_001, '"' + "\\\\" * 50_000, "-" + "9" * 100_000, '{"a"' * 30_000]
)
def test_no_text_is_slow_to_refuse(slow: str) -> None:
    begun = time.process_time()
    refusal(slow)
    assert time.process_time() - begun < 2.0


@pytest.mark.parametrize(
    "twice",
    [
        '{"Version":"2012-10-17","Version":"2012-10-17","Statement":[]}',
        '{"Statement":[{"Effect":"Allow","Effect":"Deny","Action":"*","Resource":"*"}]}',
        '{"Statement":[{"Effect":"Allow","Action":"*","Resource":"*","Condition":{"StringEquals":{"a:b":"1"},"StringEquals":{"a:b":"2"}}}]}',
        '{"Statement":[{"Effect":"Allow","Action":"*","Resource":"*","Condition":{"StringEquals":{"a:b":"1","a:b":"2"}}}]}',
        '{"Statement":[{"Effect":"Allow","Action":"*","\\u0041ction":"*","Resource":"*"}]}',
    ],
)
def test_a_member_given_twice_is_refused(twice: str) -> None:
    assert refusal(twice).endswith("more than once.")


@pytest.mark.parametrize("whole", [[], "x", 5, None, True, [{"Statement": []}]])
def test_a_document_is_an_object(whole: Any) -> None:
    assert refusal(json.dumps(whole)) == "The policy must be a JSON object."


@pytest.mark.parametrize("version", ["2012-10-18", "2008-10-16", "", 2012, None, True, ["2012-10-17"]])
def test_there_are_two_versions(version: Any) -> None:
    assert (
        refusal({"Version": version, "Statement": [statement()]}) == "The policy must contain a valid version string."
    )


def test_the_version_may_be_left_out() -> None:
    document.parse_identity_policy(json.dumps({"Statement": statement()}))
    document.parse_identity_policy(json.dumps({"Id": "x", "Version": "2008-10-17", "Statement": statement()}))


@pytest.mark.parametrize("statements", [None, [], "x", 5, {}, [[]], ["x"], [None], [statement(), 5]])
def test_statements_are_objects_and_there_is_one_at_least(statements: Any) -> None:
    assert refusal({"Version": "2012-10-17", "Statement": statements})
    assert refusal({"Version": "2012-10-17", "Statement": statements}, key=True)


def test_a_document_without_statement_is_refused() -> None:
    assert refusal({"Version": "2012-10-17"}) == "The policy must contain at least one statement."


@pytest.mark.parametrize("name", ["version", "Statements", "Conditions", "Principal", "", "x" * 1000, "a\nb"])
def test_an_unknown_element_of_the_document_is_refused(name: str) -> None:
    assert "unknown element" in refusal({"Statement": [statement()], name: "x"})
    assert len(refusal({"Statement": [statement()], name: "x"})) < 200


@pytest.mark.parametrize("name", ["effect", "NotEffect", "Conditions", "Id", "action", "PRINCIPAL", "Version", "#"])
def test_an_unknown_element_of_a_statement_is_refused(name: str) -> None:
    assert "unknown element" in refusal({"Statement": [statement() | {name: "x"}]})
    assert "unknown element" in refusal({"Statement": [statement(Principal="*") | {name: "x"}]}, key=True)


@pytest.mark.parametrize("effect", [None, "", "allow", "ALLOW", "Permit", True, 1, ["Allow"], {}])
def test_an_effect_is_allow_or_deny(effect: Any) -> None:
    for key in (True, False):
        whole = statement(**(EVERYBODY if key else {})) | {"Effect": effect}
        assert refusal({"Statement": [whole]}, key=key) == "The element Effect must be Allow or Deny."


@pytest.mark.parametrize("sid", [5, None, True, ["x"], {}])
def test_a_sid_is_a_string(sid: Any) -> None:
    assert refusal({"Statement": [statement() | {"Sid": sid}]}) == "The element Sid must be a string."


def test_sids_of_identity_policies_are_alphanumeric_and_unique() -> None:
    assert refusal({"Statement": [statement(Sid="a b")]}).startswith("Statement IDs (SID) must be alpha-numeric.")
    assert refusal({"Statement": [statement(Sid="a"), statement(Sid="a")]}) == (
        "Statement IDs (SID) in a single policy must be unique."
    )
    identity(statement(Sid=""), statement(Sid=""), statement(Sid="a1"), statement(Sid="A1"))
    key_policy(statement(Sid="a b", **EVERYBODY), statement(Sid="a b", **EVERYBODY))


@pytest.mark.parametrize("name", ["Principal", "NotPrincipal"])
def test_identity_policies_name_no_principal(name: str) -> None:
    assert refusal({"Statement": [statement(**{name: "*"})]}) == "Policy document should not specify a principal."


def test_identity_policies_need_actions_and_resources() -> None:
    assert refusal({"Statement": [statement(Action=None)]}) == "Policy statement must contain actions."
    assert refusal({"Statement": [statement(Resource=None)]}) == "Policy statement must contain resources."


@pytest.mark.parametrize("missing", ["Action", "Resource"])
def test_a_key_policy_statement_without_them_has_no_effect(missing: str) -> None:
    void: dict[str, Any] = {"Sid": "void", missing: None}
    policy = key_policy(statement("Deny", **EVERYBODY, **void), statement(Sid="second", **EVERYBODY))
    assert policy.denies == ()
    assert [(each.sid, each.position) for each in policy.allows] == [("second", 1)]


def test_even_a_statement_without_effect_must_be_sound() -> None:
    whole = statement(Action=None, **EVERYBODY, Condition={"Nonsense": {"a:b": "c"}})
    assert refusal({"Statement": [whole]}, key=True).startswith("Invalid Condition type")


@pytest.mark.parametrize("name", ["Action", "Resource"])
def test_an_element_and_its_negation_exclude_each_other(name: str) -> None:
    whole = statement(**{name: "*", f"Not{name}": "*"})
    assert refusal({"Statement": [whole]}) == f"A statement cannot contain both {name} and Not{name}."


@pytest.mark.parametrize("name", ["Action", "NotAction", "Resource", "NotResource"])
@pytest.mark.parametrize("value", [[], None, 5, True, {}, ["*", 5], [[]], [None]])
def test_actions_and_resources_are_strings_or_lists_of_them(name: str, value: Any) -> None:
    absent: dict[str, Any] = {name.removeprefix("Not"): None}
    whole = statement(**absent) | {name: value}
    assert refusal({"Statement": [whole]}) == (
        f"The element {name} must be a string or a list of strings that is not empty."
    )


@pytest.mark.parametrize(
    "action",
    ["", "kms", "Encrypt", "k*", "**", "?", "kms:", ":Encrypt", "kms:Encrypt:x", "kms: Encrypt", "kms:${a:b}", "kms:é"],
)
def test_an_action_has_a_vendor_and_a_name(action: str) -> None:
    for key in (True, False):
        assert refusal({"Statement": [statement(Action=action, **(EVERYBODY if key else {}))]}, key=key)


@pytest.mark.parametrize(
    ("element", "value", "encrypt", "decrypt"),
    [
        ("Action", "*", True, True),
        ("Action", "kms:*", True, True),
        ("Action", "KMS:eNcRyPt", True, False),
        ("Action", "kms:?ecrypt", False, True),
        ("Action", "kms:*crypt", True, True),
        ("Action", "k?s:Enc*", True, False),
        ("Action", "*:Encrypt", True, False),
        ("Action", ["s3:GetObject", "kms:Decrypt"], False, True),
        ("Action", "s3:*", False, False),
        ("NotAction", "kms:Encrypt", False, True),
        ("NotAction", ["kms:En*", "s3:*"], False, True),
        ("NotAction", "*", False, False),
        ("NotAction", "s3:*", True, True),
    ],
)
def test_actions_match_without_case_and_by_wildcard(element: str, value: Any, encrypt: bool, decrypt: bool) -> None:
    policy = identity(statement(**{"Action": None, element: value}))
    for action, expected in (("kms:Encrypt", encrypt), ("kms:Decrypt", decrypt)):
        assert bool(policy.speaking_of(action)[1]) is expected
        assert bool(policy.speaking_of(action.upper())[1]) is expected


@pytest.mark.parametrize(
    "resource",
    ["", "key/1", "1234", "**", "a*", "ARN:aws:kms:::key/1", "arn", "arn:aws", "arn:aws:", "arn:aws::::key/1"],
)
def test_a_resource_is_an_arn_or_a_star(resource: str) -> None:
    for key in (True, False):
        whole = statement(Resource=resource, **(EVERYBODY if key else {}))
        assert refusal({"Statement": [whole]}, key=key).endswith('must be in ARN format or "*".')


def applies(policy: Policy, resource: str, facts: Facts | None = None) -> bool:
    (compiled,) = (*policy.denies, *policy.allows)
    return compiled.applies(resource, Context(facts or Facts(caller=caller(), key=KEY)))


@pytest.mark.parametrize(
    ("pattern", "matches"),
    [
        ("*", True),
        (KEY.arn, True),
        ("arn:aws:kms:*", True),
        (f"arn:aws:kms:*:{HOME}:key/*", True),
        ("arn:*:key/1234abcd-*", True),
        (f"{KEY.arn[:-1]}?", True),
        (KEY.arn.replace("key/1", "key/2"), False),
        (KEY.arn.upper().replace("ARN", "arn"), False),
        (f"arn:aws:kms:*:{HOME}:alias/*", False),
        ("arn:aws:kms:*:${aws:PrincipalAccount}:key/*", True),
        ("arn:aws:kms:*:${aws:PrincipalTag/account, '444455556666'}:key/*", False),
        ("arn:aws:kms:${aws:RequestedRegion}:*:key/*", True),
        ("arn:${aws:PrincipalTag/none, 'aws'}:kms:*:*:key/*", True),
        ("arn:aws:${aws:PrincipalTag/none, 'kms'}:*:*:key/*", True),
        ("arn:aws:${aws:PrincipalTag/none, 'kms'}", False),
        ("arn:aws:kms", True),
        ("arn:aws:s3", False),
        ("arn:aws:kms:eu-central-1", True),
        ("arn:aws:kms:us-east-1", False),
        (f"arn:aws:kms:eu-central-1:{HOME}", True),
        ("arn:aws:kms:eu-central-1:444455556666", False),
        ("arn:aws:kms:*:*:key/${aws:username}", False),
        ("arn:aws:kms:*:*:key/${aws:PrincipalTag/none}", False),
        ("arn:aws:kms:*:*:key/${aws:PrincipalTag/none, '*'}", False),
        ("arn:aws:kms:*:*:key/${*}", False),
    ],
)
def test_resources_match_by_wildcard_and_variable(pattern: str, matches: bool) -> None:
    assert applies(identity(statement(Resource=pattern)), KEY.arn) is matches
    assert applies(identity(statement(Resource=["arn:aws:s3:::x", pattern])), KEY.arn) is matches
    assert applies(identity(statement("Deny", Resource=None, NotResource=pattern)), KEY.arn) is not matches


def test_an_arn_that_stops_early_is_completed_in_the_policies_of_a_caller_alone() -> None:
    short = "arn:aws:kms:eu-central-1"
    assert applies(identity(statement("Deny", Resource=short)), KEY.arn)
    assert not applies(key_policy(statement(Resource=short, **EVERYBODY)), KEY.arn)


def test_a_star_stands_for_an_operation_without_resource() -> None:
    assert applies(ALLOW_ALL, "*")
    assert not applies(identity(statement(Resource="arn:aws:kms:*:*:key/*")), "*")
    assert applies(identity(statement(Resource=None, NotResource="arn:aws:kms:*:*:key/*")), "*")


def test_a_variable_without_value_opens_nothing_through_not_resource() -> None:
    nowhere = "arn:aws:kms:*:*:key/${aws:PrincipalTag/none}"
    assert not applies(identity(statement("Allow", Resource=None, NotResource=nowhere)), KEY.arn)
    assert applies(identity(statement("Deny", Resource=None, NotResource=nowhere)), KEY.arn)


def test_a_variable_with_several_values_opens_nothing_through_resource() -> None:
    facts = Facts(caller=caller(), request_tags=[("id", KEY.key_id), ("ID", "other")])
    pattern = "arn:aws:kms:*:*:key/${aws:RequestTag/id}"
    assert not applies(identity(statement("Allow", Resource=pattern)), KEY.arn, facts)
    assert applies(identity(statement("Deny", Resource=pattern)), KEY.arn, facts)


def test_variables_of_resources_are_literal_in_the_old_version() -> None:
    pattern = "arn:aws:kms:*:${aws:PrincipalAccount}:key/*"
    assert not applies(identity(statement(Resource=pattern), version="2008-10-17"), KEY.arn)


@pytest.mark.parametrize(
    "condition", [None, [], "x", {"StringEquals": []}, {"StringEquals": "x"}, {"StringEquals": {"a:b": None}}]
)
def test_a_condition_is_an_object_of_objects(condition: Any) -> None:
    assert refusal({"Statement": [statement() | {"Condition": condition}]})


def test_an_empty_condition_asks_nothing() -> None:
    assert identity(statement(Condition={})).allows[0].unconditional
    assert identity(statement(Condition={"StringEquals": {}})).allows[0].unconditional


@pytest.mark.parametrize(
    ("key", "what"),
    [
        ("kms:EncryptionContext:app", "encryption context"),
        ("KMS:encryptioncontext:app", "encryption context"),
        ("aws:RequestTag/team", "tag"),
    ],
)
def test_for_all_values_on_a_single_valued_key_is_refused_where_a_key_policy_allows(key: str, what: str) -> None:
    condition = {"ForAllValues:StringEquals": {key: "x"}}
    assert refusal({"Statement": [statement(**EVERYBODY, Condition=condition)]}, key=True) == (
        "OverlyPermissiveCondition: Using the ForAllValues set operator with a single-valued condition key matches requests "
        f"without the specified {what} or with an unspecified {what}. To fix, remove ForAllValues."
    )
    key_policy(statement("Deny", **EVERYBODY, Condition=condition))
    key_policy(statement(**EVERYBODY, Condition={"ForAllValues:StringEquals": {"kms:EncryptionContextKeys": "x"}}))
    identity(statement(Condition=condition))


def test_policies_are_told_apart_by_identity() -> None:
    one, other = (document.parse_identity_policy(text(statement())) for _ in range(2))
    assert one != other
    assert len({one, other}) == 2


def test_a_policy_remembers_a_bounded_number_of_actions() -> None:
    policy = identity(statement())
    for number in range(1000):
        assert policy.speaking_of(f"kms:Action{number}") == ((), policy.allows)
    assert len(policy._spoken) <= 256


# --- any text ends in a policy or a refusal ------------------------------------------------------------------------------------

WORDS = st.sampled_from(
    """Version Id Statement Sid Effect Principal NotPrincipal Action NotAction Resource NotResource Condition AWS Service
    Federated Allow Deny 2012-10-17 2008-10-17 * kms:* kms:Encrypt arn:aws:iam::111122223333:root arn:aws:kms:*:*:key/* Null
    aws:username ${aws:username} kms:EncryptionContext:a ForAnyValue:StringLike true ${ ${*} 1""".split()
    + sorted(OPERATORS)
)
LEAVES = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5) | WORDS
VALUES = st.recursive(
    LEAVES,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(WORDS | st.text(max_size=3), inner, max_size=4),
    max_leaves=12,
)
STATEMENTS = st.fixed_dictionaries(
    {},
    optional={
        "Sid": VALUES,
        "Effect": st.sampled_from(["Allow", "Deny"]) | VALUES,
        "Principal": st.sampled_from(["*", {"AWS": "*"}]) | VALUES,
        "NotPrincipal": VALUES,
        "Action": st.sampled_from(["*", "kms:Encrypt"]) | VALUES,
        "NotAction": VALUES,
        "Resource": st.just("*") | VALUES,
        "NotResource": VALUES,
        "Condition": st.dictionaries(
            WORDS, st.dictionaries(WORDS | st.text(max_size=3), VALUES, max_size=2), max_size=2
        ),
    },
)


def _read(parse: Callable[[str], Policy], whole: str) -> Policy | Refusal:
    try:
        return parse(whole)
    except Refusal as refused:
        return refused


def _reads_or_refuses(whole: str) -> None:
    for parse in PARSERS:
        found = _read(parse, whole)
        if isinstance(found, Refusal):
            assert found.code == "MalformedPolicyDocumentException"
            assert found.message
            assert found.message.encode()
            assert "\n" not in found.message
            continue
        assert all(each.deny for each in found.denies)
        context = Context(Facts(caller=caller(), key=KEY, request_tags=[("a", "b")]))
        for each in (*found.denies, *found.allows):
            assert each.applies(KEY.arn, context) in (True, False)


@LAW
@given(st.text())
@example('{"Statement":')
def test_any_text_is_read_or_refused(whole: str) -> None:
    _reads_or_refuses(whole)


@LAW
@given(VALUES)
def test_any_json_is_read_or_refused(value: Any) -> None:
    _reads_or_refuses(json.dumps(value))


@LAW
@given(st.lists(STATEMENTS, max_size=2), st.sampled_from(["2012-10-17", "2008-10-17"]))
def test_anything_like_a_policy_is_read_or_refused(statements: list[Any], version: str) -> None:
    _reads_or_refuses(json.dumps({"Version": version, "Statement": statements}))


@LAW
@given(st.data())
def test_a_policy_with_a_piece_changed_is_read_or_refused(data: st.DataObject) -> None:
    whole = text(
        statement(
            Principal={"AWS": [f"arn:aws:iam::{HOME}:root"]},
            Action=["kms:Encrypt"],
            Condition={"StringLike": {"kms:EncryptionContext:a": ["${aws:username}/*"]}},
        )
    )
    at = data.draw(st.integers(0, len(whole)))
    piece = data.draw(
        st.sampled_from(['"', "{", "}", "[", "]", ",", ":", "\\", "*", "$", "null", "1", "\u0000", "é", ""])
    )
    _reads_or_refuses(whole[:at] + piece + whole[at + data.draw(st.integers(0, 3)) :])
