"""AccessDenied in AWS's words: within an account, across accounts, without a resource."""

from __future__ import annotations

from typing import Any

import pytest
from tests.domain.policy.cast import (
    ALLOW_ALL,
    ALLOW_NOTHING,
    AWAY,
    AWAY_USER,
    AWAY_USER_ARN,
    DENY_ENCRYPT,
    KEY,
    SESSION,
    SESSION_ARN,
    USER_ARN,
    ask,
    key_policy,
    statement,
    trusting,
)

from keystead.domain.policy import decide, sentences
from keystead.domain.policy.decide import Because, Decision, Why

NOBODY = trusting("arn:aws:iam::999999999999:root")


def said(*args: Any, **more: Any) -> str:
    question = ask(*args, **more)
    return sentences.denied(question, decide.decide(question))


@pytest.mark.parametrize(
    ("more", "tail"),
    [
        ({}, "because no identity-based policy allows the kms:Encrypt action"),
        ({"policy": NOBODY}, "because no resource-based policy allows the kms:Encrypt action"),
        ({"allowed": (ALLOW_ALL,), "session": ()}, "because no session policy allows the kms:Encrypt action"),
        (
            {"allowed": (ALLOW_ALL,), "boundary": ALLOW_NOTHING},
            "because no permissions boundary allows the kms:Encrypt action",
        ),
        ({"allowed": (DENY_ENCRYPT,)}, "with an explicit deny in an identity-based policy"),
        (
            {"policy": key_policy(statement("Deny", Principal="*"))},
            "with an explicit deny in a resource-based policy",
        ),
        ({"session": (DENY_ENCRYPT,)}, "with an explicit deny in a session policy"),
        ({"boundary": DENY_ENCRYPT}, "with an explicit deny in a permissions boundary"),
    ],
)
def test_within_an_account_the_key_is_named(more: Any, tail: str) -> None:
    assert said(**more) == f"User: {USER_ARN} is not authorized to perform: kms:Encrypt on resource: {KEY.arn} {tail}"


def test_a_session_is_named_by_its_own_arn() -> None:
    assert said(SESSION).startswith(f"User: {SESSION_ARN} is not authorized to perform: kms:Encrypt on resource: ")


def test_an_operation_without_resource_names_none() -> None:
    assert said(policy=None, resource="*", action="kms:CreateKey") == (
        f"User: {USER_ARN} is not authorized to perform: kms:CreateKey because no identity-based policy allows the "
        "kms:CreateKey action"
    )


@pytest.mark.parametrize(
    ("more", "tail"),
    [
        ({}, "because no identity-based policy allows the kms:Encrypt action"),
        ({"allowed": (ALLOW_ALL,), "session": ()}, "because no session policy allows the kms:Encrypt action"),
        ({"allowed": (DENY_ENCRYPT,)}, "with an explicit deny in an identity-based policy"),
    ],
)
def test_across_accounts_the_key_is_not_named(more: Any, tail: str) -> None:
    assert said(AWAY_USER, policy=trusting(AWAY), **more) == (
        f"User: {AWAY_USER_ARN} is not authorized to perform: kms:Encrypt on this resource {tail}"
    )


@pytest.mark.parametrize("policy", [NOBODY, key_policy(statement("Deny", Principal="*")), None])
def test_a_key_out_of_reach_looks_like_one_that_is_not_there(policy: Any) -> None:
    sentence = (
        f"User: {AWAY_USER_ARN} is not authorized to perform: kms:Encrypt on resource: {KEY.arn} because the resource does not "
        "exist in this Region, no resource-based policies allow access, or a resource-based policy explicitly denies access"
    )
    assert said(AWAY_USER, policy=policy, allowed=(ALLOW_ALL,)) == sentence
    assert sentences.out_of_reach(AWAY_USER_ARN, "kms:Encrypt", KEY.arn) == sentence


@pytest.mark.parametrize("why", list(Why))
def test_every_denial_has_a_sentence_and_no_allowance_has(why: Why) -> None:
    decision = Decision(False, Because(why))
    if why.name.startswith(("NO_", "DENY_")):
        assert "is not authorized to perform: kms:Encrypt" in sentences.denied(ask(), decision)
    else:
        with pytest.raises(ValueError, match=why.name):
            sentences.denied(ask(), decision)


def test_no_sentence_tells_policy_names_or_sids() -> None:
    own = (DENY_ENCRYPT,)
    assert "policy-0" not in said(allowed=own)
