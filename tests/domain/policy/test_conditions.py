"""Condition operators, set prefixes, absent keys, variables in conditions, and every condition key there is."""

# length: one table of operators, each with all its cases

from __future__ import annotations

import json
from typing import Any

import pytest
from tests.domain.policy.cast import (
    FEDERATED,
    FEDERATED_ARN,
    HOME,
    KEY,
    REGION,
    ROLE_ARN,
    ROOT,
    SERVICE,
    SESSION,
    USER,
    USER_ARN,
    caller,
    identity,
    key_policy,
    statement,
)

from keystead.domain.caller import Via
from keystead.domain.policy import document
from keystead.domain.policy.conditions import KEYS, OPERATORS, PREFIXES, Comparison, Context, Facts
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
    return _applies(policy, facts)


def _applies(policy: Policy, facts: Facts) -> bool:
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


# --- keys --------------------------------------------------------------------------------------------------------------------

VIA = caller(SESSION, Via("ec2", ("athena.amazonaws.com", "ec2.amazonaws.com")))

# What each condition key reads: the key, facts in which it is there, and its values.
READINGS: list[tuple[str, Facts, tuple[str, ...]]] = [
    ("aws:CalledVia", Facts(caller=VIA), ("athena.amazonaws.com", "ec2.amazonaws.com")),
    ("aws:CalledVia", Facts(caller=caller(via=Via("ec2"))), ("ec2.amazonaws.com",)),
    ("aws:CalledViaFirst", Facts(caller=VIA), ("athena.amazonaws.com",)),
    ("aws:CalledViaLast", Facts(caller=VIA), ("ec2.amazonaws.com",)),
    ("aws:CurrentTime", Facts(now=1893456000.9), ("2030-01-01T00:00:00Z",)),
    ("aws:EpochTime", Facts(now=1893456000.9), ("1893456000",)),
    ("aws:FederatedProvider", Facts(federated_provider="p"), ("p",)),
    ("aws:MultiFactorAuthAge", Facts(mfa_age=5), ("5",)),
    ("aws:MultiFactorAuthPresent", Facts(mfa_present=True), ("true",)),
    ("aws:PrincipalAccount", Facts(caller=caller(SESSION)), (HOME,)),
    ("aws:PrincipalArn", Facts(caller=caller(USER)), (USER_ARN,)),
    ("aws:PrincipalArn", Facts(caller=caller(SESSION)), (ROLE_ARN,)),
    ("aws:PrincipalArn", Facts(caller=caller(FEDERATED)), (FEDERATED_ARN,)),
    ("aws:PrincipalArn", Facts(caller=caller(ROOT)), (f"arn:aws:iam::{HOME}:root",)),
    ("aws:PrincipalIsAWSService", Facts(caller=caller(USER)), ("false",)),
    ("aws:PrincipalIsAWSService", Facts(caller=VIA), ("false",)),
    ("aws:PrincipalIsAWSService", Facts(caller=caller(SERVICE)), ("true",)),
    ("aws:PrincipalServiceName", Facts(caller=caller(SERVICE)), (SERVICE.arn,)),
    ("aws:PrincipalServiceNamesList", Facts(caller=caller(SERVICE)), (SERVICE.arn,)),
    ("aws:PrincipalTag/Team", Facts(caller=caller()), ("blue",)),
    ("aws:PrincipalType", Facts(caller=caller(ROOT)), ("Account",)),
    ("aws:PrincipalType", Facts(caller=caller(USER)), ("User",)),
    ("aws:PrincipalType", Facts(caller=caller(SESSION)), ("AssumedRole",)),
    ("aws:PrincipalType", Facts(caller=caller(FEDERATED)), ("FederatedUser",)),
    ("aws:RequestTag/Team", tagged(("team", "red")), ("red",)),
    ("aws:RequestedRegion", Facts(caller=caller()), (REGION,)),
    ("aws:RequestedRegion", Facts(caller=caller(), requested_region="x"), ("x",)),
    ("aws:ResourceAccount", Facts(key=KEY), (HOME,)),
    ("aws:ResourceAccount", Facts(resource_account="1"), ("1",)),
    ("aws:ResourceTag/team", Facts(key=KEY), ("blue",)),
    ("aws:SecureTransport", Facts(secure_transport=False), ("false",)),
    ("aws:SourceAccount", Facts(source_account=HOME), (HOME,)),
    ("aws:SourceArn", Facts(source_arn=ARN), (ARN,)),
    ("aws:SourceIdentity", Facts(source_identity="i"), ("i",)),
    ("aws:SourceIp", Facts(source_ip="::1"), ("::1",)),
    ("aws:TagKeys", tagged(("a", "1"), ("b", "2")), ("a", "b")),
    ("aws:TagKeys", Facts(tag_keys=["a"]), ("a",)),
    ("aws:TokenIssueTime", Facts(token_issued=0), ("1970-01-01T00:00:00Z",)),
    ("aws:UserAgent", Facts(user_agent="aws-cli"), ("aws-cli",)),
    ("aws:ViaAWSService", Facts(caller=caller()), ("false",)),
    ("aws:ViaAWSService", Facts(caller=VIA), ("true",)),
    ("aws:userid", Facts(caller=caller(SESSION)), (SESSION.unique_id,)),
    ("aws:userid", Facts(caller=caller(ROOT)), (HOME,)),
    ("aws:username", Facts(caller=caller(USER)), ("alice",)),
    ("kms:BypassPolicyLockoutSafetyCheck", Facts(bypass_lockout=True), ("true",)),
    ("kms:CallerAccount", Facts(caller=caller()), (HOME,)),
    ("kms:CustomerMasterKeySpec", Facts(key=KEY), ("SYMMETRIC_DEFAULT",)),
    ("kms:CustomerMasterKeyUsage", Facts(key=KEY), ("ENCRYPT_DECRYPT",)),
    ("kms:DataKeyPairSpec", Facts(data_key_pair_spec="RSA_2048"), ("RSA_2048",)),
    ("kms:EncryptionAlgorithm", Facts(encryption_algorithm="SYMMETRIC_DEFAULT"), ("SYMMETRIC_DEFAULT",)),
    ("kms:EncryptionContext:Aws:S3:Arn", Facts(encryption_context={"aws:s3:arn": "Value"}), ("Value",)),
    ("kms:EncryptionContextKeys", Facts(encryption_context={"A": "1", "b": "2"}), ("A", "b")),
    ("kms:ExpirationModel", Facts(expiration_model="KEY_MATERIAL_EXPIRES"), ("KEY_MATERIAL_EXPIRES",)),
    ("kms:GrantConstraintSourceArn", Facts(grant_constraint_source_arn=ARN), (ARN,)),
    ("kms:GrantConstraintType", Facts(grant_constraint_type="EncryptionContextEquals"), ("EncryptionContextEquals",)),
    ("kms:GrantIsForAWSResource", Facts(grant_is_for_aws_resource=True), ("true",)),
    ("kms:GrantOperations", Facts(grant_operations=["Encrypt", "Decrypt"]), ("Encrypt", "Decrypt")),
    ("kms:GranteePrincipal", Facts(grantee_principal=ARN), (ARN,)),
    ("kms:GranteeServicePrincipal", Facts(grantee_service_principal="s"), ("s",)),
    ("kms:KeyAgreementAlgorithm", Facts(key_agreement_algorithm="ECDH"), ("ECDH",)),
    ("kms:KeyOrigin", Facts(key=KEY), ("AWS_KMS",)),
    ("kms:KeyOrigin", Facts(key_origin="EXTERNAL"), ("EXTERNAL",)),
    ("kms:KeySpec", Facts(key=KEY, key_spec="RSA_2048"), ("SYMMETRIC_DEFAULT",)),
    ("kms:KeySpec", Facts(key_spec="RSA_2048"), ("RSA_2048",)),
    ("kms:KeyUsage", Facts(key=KEY), ("ENCRYPT_DECRYPT",)),
    ("kms:MacAlgorithm", Facts(mac_algorithm="HMAC_SHA_256"), ("HMAC_SHA_256",)),
    ("kms:MessageType", Facts(message_type="RAW"), ("RAW",)),
    ("kms:MultiRegion", Facts(key=KEY), ("false",)),
    ("kms:MultiRegion", Facts(multi_region=True), ("true",)),
    ("kms:MultiRegionKeyType", Facts(multi_region_key_type="PRIMARY"), ("PRIMARY",)),
    ("kms:PrimaryRegion", Facts(primary_region="r"), ("r",)),
    ("kms:ReEncryptOnSameKey", Facts(reencrypt_on_same_key=False), ("false",)),
    ("kms:RecipientAttestation:PCR0", Facts(recipient_attestation={"PCR0": "ab"}), ("ab",)),
    ("kms:ReplicaRegion", Facts(replica_region="r"), ("r",)),
    ("kms:RequestAlias", Facts(request_alias="alias/a"), ("alias/a",)),
    ("kms:ResourceAliases", Facts(aliases=["alias/a", "alias/b"]), ("alias/a", "alias/b")),
    ("kms:ResourceAliases", Facts(aliases=lambda: ["alias/a"]), ("alias/a",)),
    ("kms:RetiringPrincipal", Facts(retiring_principal=ARN), (ARN,)),
    ("kms:RetiringServicePrincipal", Facts(retiring_service_principal="s"), ("s",)),
    ("kms:RotationPeriodInDays", Facts(rotation_period_days=365), ("365",)),
    ("kms:ScheduleKeyDeletionPendingWindowInDays", Facts(pending_window_days=7), ("7",)),
    ("kms:SigningAlgorithm", Facts(signing_algorithm="ECDSA_SHA_256"), ("ECDSA_SHA_256",)),
    ("kms:TrailingDaysWithoutKeyUsage", Facts(trailing_days_without_use=90), ("90",)),
    ("kms:ValidTo", Facts(valid_to=1893456000.0), ("1893456000",)),
    ("kms:ViaService", Facts(caller=VIA), (f"ec2.{REGION}.amazonaws.com",)),
    ("kms:ViaService", Facts(caller=caller(via=Via("ec2.amazonaws.com"))), (f"ec2.{REGION}.amazonaws.com",)),
    ("kms:ViaService", Facts(caller=caller(via=Via("ec2.r.amazonaws.com"))), ("ec2.r.amazonaws.com",)),
    ("kms:WrappingAlgorithm", Facts(wrapping_algorithm="RSAES_OAEP_SHA_256"), ("RSAES_OAEP_SHA_256",)),
    ("kms:WrappingKeySpec", Facts(wrapping_key_spec="RSA_4096"), ("RSA_4096",)),
]


@pytest.mark.parametrize(
    ("key", "facts", "values"), READINGS, ids=[f"{key}-{at}" for at, (key, *_) in enumerate(READINGS)]
)
def test_a_condition_key_reads_its_fact(key: str, facts: Facts, values: tuple[str, ...]) -> None:
    for name in (key, key.lower(), key.upper()):
        policy = document.parse_identity_policy(
            json.dumps(
                {
                    "Statement": {
                        "Effect": "Allow",
                        "Action": "*",
                        "Resource": "*",
                        "Condition": {"ForAnyValue:StringEquals": {name: "x"}},
                    }
                }
            )
        )
        (test,) = policy.allows[0].tests
        assert isinstance(test, Comparison)
        assert Context(facts).values(test.key) == values
        assert Context(Facts()).values(test.key) is None


def test_every_condition_key_is_in_the_table_of_readings() -> None:
    read = {key.lower() for key, *_ in READINGS}
    assert set(KEYS) <= read
    for prefix in PREFIXES:
        assert any(key.startswith(prefix) for key in read)
    assert all(name == name.lower() for name in (*KEYS, *PREFIXES))


def test_the_list_keys_are_those_of_aws() -> None:
    assert {name for name, row in KEYS.items() if row.many} == {
        "aws:calledvia",
        "aws:principalservicenameslist",
        "aws:tagkeys",
        "kms:encryptioncontextkeys",
        "kms:grantoperations",
        "kms:resourcealiases",
    }


def test_a_fact_that_does_not_apply_leaves_its_key_absent() -> None:
    service, direct = Facts(caller=caller(SERVICE)), Facts(caller=caller(SESSION))
    for key, facts in [
        ("aws:username", direct),
        ("aws:username", Facts(caller=caller(ROOT))),
        ("aws:PrincipalArn", service),
        ("aws:PrincipalServiceName", direct),
        ("kms:CallerAccount", service),
        ("kms:ViaService", direct),
        ("aws:CalledVia", direct),
        ("aws:TagKeys", Facts(tag_keys=[])),
        ("kms:EncryptionContextKeys", Facts(encryption_context={})),
        ("kms:ResourceAliases", Facts(aliases=[])),
        ("kms:ValidTo", Facts(valid_to=float("inf"))),
        ("aws:CurrentTime", Facts(now=float("nan"))),
        ("kms:NoSuchKey", direct),
        ("other:key", direct),
    ]:
        assert applies({"Null": {key: "true"}}, facts), key


def test_a_time_beyond_the_calendar_is_still_a_number_of_seconds() -> None:
    assert applies({"DateGreaterThan": {"aws:CurrentTime": "2030-01-01"}}, Facts(now=1e13))


def test_resource_aliases_are_absent_in_key_policies() -> None:
    condition = {"Null": {"kms:ResourceAliases": "true"}}
    facts = Facts(aliases=["alias/a"])
    assert not applies(condition, facts)
    assert _applies(key_policy(statement(Principal="*", Condition=condition)), facts)


def test_a_value_is_computed_only_when_asked_and_once() -> None:
    asked: list[int] = []

    def find() -> list[str]:
        asked.append(1)
        return ["alias/a"]

    policy = identity(
        statement(
            Condition={
                "StringEquals": {"aws:username": "nobody"},
                "ForAnyValue:StringLike": {"kms:ResourceAliases": "*"},
            }
        ),
        statement(Condition={"ForAnyValue:StringLike": {"kms:ResourceAliases": "*"}}),
        statement(Condition={"ForAllValues:StringLike": {"kms:ResourceAliases": "*"}}),
    )
    context = Context(Facts(caller=caller(), aliases=find))
    first, second, third = policy.allows
    assert not first.applies(KEY.arn, context)
    assert asked == []
    assert second.applies(KEY.arn, context)
    assert third.applies(KEY.arn, context)
    assert asked == [1]
