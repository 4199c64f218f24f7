"""What IAM and STS say of documents that somebody wants to write: their sentences, in their order."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.domain.policy.cast import HOME, LAW, ROLE_ARN, USER_ARN

from keystead.domain.policy import written
from keystead.domain.policy.conditions import OPERATORS
from keystead.domain.policy.statements import Policy
from keystead.errors import Refusal

Check = Callable[[str], Policy]

SYNTAX = "Syntax errors in policy."
LEGACY = "The policy failed legacy parsing"
NO_ARN = 'Resource {} must be in ARN format or "*".'
IAM_PATHS = (
    'IAM resource path must either be "*" or start with user/, federated-user/, role/, group/, instance-profile/, mfa/, '
    "server-certificate/, policy/, sms-mfa/, saml-provider/, oidc-provider/, report/, access-report/."
)
NOBODY = (
    "Invalid principal in policy: com.amazon.balsa.error.InvalidPolicyException: "
    "The passed in policy has a statement with no principals!"
)
NO_PROVIDER = "Federated principals must be valid domain names or SAML metadata ARNs"
VENDOR = "Actions/Conditions must be prefaced by a vendor, e.g., iam, sdb, ec2, etc."


def said(check: Check, whole: Any) -> str:
    """The sentence with which the document is refused."""
    with pytest.raises(Refusal) as refused:
        check(whole if isinstance(whole, str) else json.dumps(whole))
    assert refused.value.code == "MalformedPolicyDocumentException"
    assert refused.value.message is not None
    return refused.value.message


def managed(text: str) -> Policy:
    return written.check_identity_policy(text, managed=True)


def one(**elements: Any) -> dict[str, Any]:
    """A policy of one statement; an element None is left out."""
    whole = {"Effect": "Allow", "Action": "kms:Encrypt", "Resource": "*"} | elements
    return {"Version": "2012-10-17", "Statement": [{name: each for name, each in whole.items() if each is not None}]}


@pytest.mark.parametrize(
    ("whole", "sentence"),
    [
        ("no json", SYNTAX),
        ("[]", SYNTAX),
        ('{"Version":"2012-10-17","Version":"2012-10-17","Statement":[]}', SYNTAX),
        ({"Version": "2012-10-17"}, SYNTAX),
        ({"Version": "2012-10-17", "Statement": []}, SYNTAX),
        ({"Version": "2012-10-17", "Statement": ["x"]}, SYNTAX),
        ({"Version": "2020-01-01", "Statement": one()["Statement"]}, SYNTAX),
        (one() | {"Id": ["x"]}, SYNTAX),
        (one() | {"Other": "x"}, SYNTAX),
        (one(Other="x"), SYNTAX),
        (one(Effect=None), SYNTAX),
        (one(Effect="Maybe"), SYNTAX),
        (one(Effect="ALLOW"), LEGACY),
        (one(NotAction="kms:Decrypt"), SYNTAX),
        (one(NotResource="*"), SYNTAX),
        (one(Action={}), SYNTAX),
        (one(Action=[[]]), SYNTAX),
        (one(Action=1), SYNTAX),
        (one(Sid=1), SYNTAX),
        (one(Condition=[]), SYNTAX),
        (one(Condition={"Bool": "x"}), SYNTAX),
        (one(Condition={"Bool": {"aws:SecureTransport": {}}}), SYNTAX),
        (one(Condition={"NoSuchOperator": {"aws:username": "x"}}), SYNTAX),
        (one(Condition={"ForAnyValue::StringEquals": {"aws:username": "x"}}), SYNTAX),
        (one(Principal="*"), "Policy document should not specify a principal."),
        (one(NotPrincipal={"AWS": HOME}), "Policy document should not specify a principal."),
        (one(Condition={"DateLessThan": {"aws:CurrentTime": "tomorrow"}}), LEGACY),
        (one(Condition={"ForAllValues:DateEqualsIfExists": {"a:b": ["2030-01-01", "2030-13-01"]}}), LEGACY),
        (one(Action=None), "Policy statement must contain actions."),
        (one(Action=[]), "Policy statement must contain actions."),
        (one(Resource=None), "Policy statement must contain resources."),
        (one(Resource=[]), "Policy statement must contain resources."),
        (one(Action="Encrypt"), VENDOR),
        (one(Action=""), VENDOR),
        (one(Action="k m s:Encrypt"), "Vendor k m s is not valid"),
        (one(Action="kms:En:crypt"), "Actions/Condition can contain only one colon."),
        (one(Action="Encrypt", Resource=None), VENDOR),
        (one(Action="Encrypt", Resource="x"), NO_ARN.format("x")),
        (one(Resource=""), NO_ARN.format("")),
        (one(Resource=["arn:aws:kms:*:*:key/*", "x"]), NO_ARN.format("x")),
        (one(Resource="arn:nowhere:kms:a:b:c:d"), 'Partition "nowhere" is not valid for resource "arn:nowhere:kms:a:b:c:d".'),
        (one(Resource="kms:key"), 'Partition "key" is not valid for resource "arn:key:*:*:*:*".'),
        (one(Resource="arn:aws"), "Resource vendor must be fully qualified and cannot contain regexes."),
        (one(Resource="arn:aws:k*:::x"), "Resource vendor must be fully qualified and cannot contain regexes."),
        (one(Resource="arn:aws::eu-central-1:1:x"), LEGACY),
        (one(Resource="arn:aws:s3::bucket"), LEGACY),
        (one(Resource="arn:aws:s3::bucket", Action=None), LEGACY),
        (one(Resource="arn:aws:kms:*:${aws:PrincipalAccount}:key/*"), LEGACY),
        (one(NotResource="arn:aws:kms:*:${aws:PrincipalAccount}:key/*", Resource=None), LEGACY),
        (one(Resource="arn:aws:iam:eu-west-1::user/a"), "IAM resource arn:aws:iam:eu-west-1::user/a cannot contain region information."),
        (one(Resource="arn:aws:s3:eu-west-1::b"), "Resource arn:aws:s3:eu-west-1::b can not contain region information."),
        (one(Resource=f"arn:aws:iam::{HOME}:people/a"), IAM_PATHS),
    ],
)  # fmt: skip
def test_an_identity_policy_is_refused_in_the_words_of_iam(whole: Any, sentence: str) -> None:
    assert said(written.check_identity_policy, whole) == sentence
    assert said(managed, whole) == sentence


def test_statement_ids_are_unique() -> None:
    twice = {
        "Version": "2012-10-17",
        "Statement": [*one(Sid="a")["Statement"], *one(Sid="a", Action=None)["Statement"]],
    }
    assert said(managed, twice) == "Statement IDs (SID) in a single policy must be unique."


def test_a_managed_policy_is_of_the_newest_version() -> None:
    for version in ({}, {"Version": "2008-10-17"}):
        whole = json.dumps(version | {"Statement": one()["Statement"]})
        assert said(managed, whole) == "Policy document must be version 2012-10-17 or greater."
        assert written.check_identity_policy(whole).allows


@pytest.mark.parametrize(
    "whole",
    [
        one(),
        one(Sid="", Action="*"),
        one(Resource="arn:aws:kms"),
        one(Resource=["arn:aws:kms:*:111122223333:key/${aws:username}", "*"]),
        one(Resource="arn:aws:iam::aws:policy/*"),
        one(Resource="arn:aws:iam::*:role/x"),
        one(Resource=f"arn:aws:iam::{HOME}:*"),
        one(Condition={"NumericLessThan": {"kms:RotationPeriodInDays": 400}, "Bool": {"aws:SecureTransport": True}}),
        one(Condition={"DateLessThan": {"aws:CurrentTime": ["2030-01-01t10:00:00z", "1767225600"]}}),
        one(Condition={"Bool": {}}),
    ],
)
def test_what_iam_takes_is_taken(whole: Any) -> None:
    assert managed(json.dumps(whole)).allows


def test_what_passes_is_compiled_and_what_only_the_engine_refuses_is_refused() -> None:
    assert said(managed, one(Condition={"IpAddress": {"aws:SourceIp": "10.0.0.0/33"}})).startswith(
        "The value '10.0.0.0/33'"
    )


def test_a_refusal_is_one_line_of_bounded_length() -> None:
    sentence = said(managed, one(Resource="x\n" * 2_000))
    assert "\n" not in sentence
    assert len(sentence) < 600


# --- sessions --------------------------------------------------------------------------------------------------------------


def test_a_session_policy_names_resources_in_full() -> None:
    assert written.check_session_policy(json.dumps(one(Resource="arn:aws:kms:*"))).allows
    assert said(written.check_session_policy, one(Resource="arn:aws:kms")) == NO_ARN.format("arn:aws:kms")
    assert said(written.check_session_policy, "x") == "The policy is not in the valid JSON format."
    assert said(written.check_session_policy, one(Principal="*")) == "Policy document should not specify a principal."
    assert said(written.check_session_policy, one(Resource=1)) == SYNTAX
    assert said(written.check_session_policy, one(Resource=[None])) == SYNTAX


# --- trust policies ----------------------------------------------------------------------------------------------------------

PROVIDER = f"arn:aws:iam::{HOME}:oidc-provider/"
GITHUB = "token.actions.githubusercontent.com"


def trust(**elements: Any) -> dict[str, Any]:
    return one(**({"Principal": {"AWS": HOME}, "Action": "sts:AssumeRole", "Resource": None} | elements))


@pytest.mark.parametrize(
    ("whole", "sentence"),
    [
        ("{", "This policy contains invalid Json"),
        ({"Version": "2012-10-17"}, "Could not parse the policy: Statement is empty!"),
        ({"Version": "2012-10-17", "Statement": []}, "Could not parse the policy: Statement is empty!"),
        ({"Version": "2020-01-01", "Statement": [{}]}, "The policy must contain a valid version string"),
        (trust(Effect=None), "Missing required field Effect"),
        (trust(Effect="Maybe"), "Invalid effect: Maybe"),
        (trust(Effect=[]), "Syntax error in policy."),
        (trust(Principal=None), "Missing required field Principal"),
        (trust(Principal={}), "Missing required field Principal cannot be empty!"),
        (trust(Principal={"AWS": []}), NOBODY),
        (trust(Principal="*"), 'AssumeRolepolicy contained an invalid principal: "STAR":"*".'),
        (trust(Principal="alice"), "Principal must be a JSON object."),
        (trust(Principal=["x"]), "Syntax error in policy."),
        (trust(Principal={"AWS": 1}), "Syntax error in policy."),
        (trust(Principal={"CanonicalUser": "x"}), 'Invalid principal in policy: "CanonicalUser"'),
        (trust(Principal={"AWS": "arn:aws:iam::*:role/x"}), 'Invalid principal in policy: "AWS":"arn:aws:iam::*:role/x"'),
        (trust(Principal={"AWS": [HOME, "alice"]}), 'Invalid principal in policy: "AWS":"alice"'),
        (trust(Principal={"Service": "kms"}), 'Invalid principal in policy: "SERVICE":"kms"'),
        (trust(Principal={"Federated": "arn:aws:iam::1:oidc-provider/x"}), NO_PROVIDER),
        (trust(NotPrincipal={"AWS": HOME}), "Allow with NotPrincipal is not allowed."),
        (trust(NotPrincipal={"AWS": HOME}, Effect="Deny"), "AssumeRole policy must not contain NotPrincipal field."),
        (trust(Action=None), "Missing required field Action"),
        (trust(Action="*"), "AssumeRole policy may only specify STS AssumeRole actions."),
        (trust(Action=["sts:AssumeRole", "kms:Encrypt"]), "AssumeRole policy may only specify STS AssumeRole actions."),
        (trust(Action="sts:TagSessions"), "AssumeRole policy may only specify STS AssumeRole actions."),
        (trust(NotAction="sts:TagSession"), "Syntax error in policy."),
        (trust(Resource="*"), "Has prohibited field Resource"),
        (trust(NotResource="*"), "AssumeRole policy must not contain resources."),
        (trust(Condition={"NoSuch": {"a:b": "c"}}), "Syntax error in policy."),
    ],
)  # fmt: skip
def test_a_trust_policy_is_refused_in_the_words_of_iam(whole: Any, sentence: str) -> None:
    assert said(written.check_trust_policy, whole) == sentence


def test_statement_ids_of_a_trust_policy_are_unique() -> None:
    twice = {"Statement": trust(Sid="a")["Statement"] * 2}
    assert said(written.check_trust_policy, twice) == "The Statement Ids in the policy are not unique"


@pytest.mark.parametrize(
    "whole",
    [
        trust(),
        trust(Action=["sts:AssumeRole", "sts:TagSession", "sts:SetSourceIdentity"]),
        trust(Action="sts:AssumeRole*", Principal={"AWS": ["*"], "Service": "ecs-tasks.amazonaws.com"}),
        trust(Principal={"AWS": [USER_ARN, ROLE_ARN, "AROAOTHEROTHEROTHER1"]}),
        trust(Principal={"Federated": f"{PROVIDER}oidc.example.com/id/A1"}, Action="sts:AssumeRoleWithWebIdentity"),
        trust(Principal={"Federated": "accounts.google.com"}, Action="sts:AssumeRoleWithWebIdentity"),
        {"Version": "2008-10-17", "Statement": trust()["Statement"][0]},
    ],
)
def test_trust_policies_that_iam_takes(whole: Any) -> None:
    assert written.check_trust_policy(json.dumps(whole)).allows


def test_the_identities_that_a_trust_policy_names_are_told() -> None:
    policy = written.check_trust_policy(json.dumps(trust(Principal={"AWS": [USER_ARN, HOME]})))
    assert policy.identities == {USER_ARN}
    refused = written.invalid_principal("AWS", USER_ARN)
    assert refused.message == f'Invalid principal in policy: "AWS":"{USER_ARN}"'


@pytest.mark.parametrize(
    ("condition", "narrow"),
    [
        (None, False),
        ({"StringLike": {f"{GITHUB}:sub": "repo:owner/*"}}, True),
        ({"ForAnyValue:StringEquals": {f"{GITHUB.upper()}:SUB": ["repo:owner/name:ref:refs/heads/main"]}}, True),
        ({"StringLike": {f"{GITHUB}:job_workflow_ref": "owner/name/*"}}, True),
        ({"StringLike": {f"{GITHUB}:sub": "*"}}, False),
        ({"StringLike": {f"{GITHUB}:sub": ["repo:owner/*", "**"]}}, False),
        ({"StringEquals": {f"{GITHUB}:aud": "sts.amazonaws.com"}}, False),
        ({"StringNotEquals": {f"{GITHUB}:sub": "repo:owner/name"}}, False),
        ({"StringEqualsIfExists": {f"{GITHUB}:sub": "repo:owner/name"}}, False),
    ],
)
def test_a_provider_that_serves_everybody_is_trusted_for_somebody_only(condition: Any, narrow: bool) -> None:
    trusting = trust(Principal={"Federated": PROVIDER + GITHUB}, Action="sts:AssumeRole*", Condition=condition)
    if narrow:
        assert written.check_trust_policy(json.dumps(trusting)).allows
    else:
        assert f"{GITHUB}:sub or {GITHUB}:job_workflow_ref" in said(written.check_trust_policy, trusting)
    denying = trusting | {"Statement": [trusting["Statement"][0] | {"Effect": "Deny"}]}
    tagging = trusting | {"Statement": [trusting["Statement"][0] | {"Action": "sts:TagSession"}]}
    for harmless in (denying, tagging):
        assert written.check_trust_policy(json.dumps(harmless))


# --- every document ----------------------------------------------------------------------------------------------------------

VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.sampled_from(["*", "kms:*", "sts:AssumeRole", "Allow", "deny", HOME, "x"]),
    lambda inner: st.lists(inner, max_size=2)
    | st.dictionaries(st.sampled_from(["AWS", "Federated", "a:b", *OPERATORS]), inner, max_size=2),
    max_leaves=4,
)  # fmt: skip
NAMES = ["Sid", "Effect", "Action", "NotAction", "Resource", "NotResource", "Principal", "NotPrincipal", "Condition"]
STATEMENTS = st.dictionaries(st.sampled_from(NAMES), VALUES, max_size=5) | st.fixed_dictionaries(
    {"Effect": st.just("Allow"), "Action": VALUES, "Resource": VALUES}
)
DOCUMENTS = st.fixed_dictionaries(
    {"Version": st.just("2012-10-17") | VALUES, "Statement": STATEMENTS | st.lists(STATEMENTS, max_size=2) | VALUES}
)


@LAW
@given(DOCUMENTS | VALUES)
def test_every_document_is_compiled_or_refused(whole: Any) -> None:
    for check in (managed, written.check_session_policy, written.check_trust_policy):
        with contextlib.suppress(Refusal):
            assert isinstance(check(json.dumps(whole)), Policy)
