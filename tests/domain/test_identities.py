"""ARNs of identities, versions of policies, where a policy comes from, and the policies that AWS manages."""

from __future__ import annotations

import json
import re
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from keystead.domain import awspolicies
from keystead.domain.identity import Group, Identity, IdentityKind, ManagedPolicy, PolicySource, PolicyVersion
from keystead.domain.policy import document

ACCOUNT = "111122223333"


def test_every_kind_has_its_arn_with_its_path() -> None:
    of = f"arn:aws:iam::{ACCOUNT}:"
    assert Identity.root(ACCOUNT, 1.0).arn == f"{of}root"
    assert Identity(IdentityKind.USER, ACCOUNT, "/", "alice", "AIDA", 1.0).arn == f"{of}user/alice"
    assert Identity(IdentityKind.ROLE, ACCOUNT, "/app/x/", "Worker", "AROA", 1.0).arn == f"{of}role/app/x/Worker"
    assert Group(ACCOUNT, "/", "keepers", "AGPA", 1.0).arn == f"{of}group/keepers"
    policy = ManagedPolicy(ACCOUNT, "/app/", "Limits", "ANPA", 1.0, 1.0, "", 1, 1, ())
    assert policy.arn == f"{of}policy/app/Limits"
    assert replace(policy, account="aws", path="/").arn == "arn:aws:iam::aws:policy/Limits"


def test_a_managed_policy_says_what_its_default_version_says() -> None:
    versions = (PolicyVersion(2, "two", 1.0), PolicyVersion(5, "five", 2.0))
    policy = ManagedPolicy(ACCOUNT, "/", "Limits", "ANPA", 1.0, 1.0, "", 5, 7, versions)
    assert (policy.text, policy.version(2).text) == ("five", "two")
    assert replace(policy, default=2).text == "two"
    with pytest.raises(KeyError):
        policy.version(3)
    with pytest.raises(KeyError):
        replace(policy, default=3, versions=versions[:1]).text  # noqa: B018


names = st.text(st.sampled_from("abcXYZ019+=,.@_-"), min_size=1, max_size=12)


@given(policy=names, inline=st.booleans(), group=st.none() | names)
def test_the_name_of_a_policy_tells_where_it_comes_from(policy: str, inline: bool, group: str | None) -> None:
    source = PolicySource(policy if inline else f"arn:aws:iam::aws:policy/a/{policy}", inline, group)
    assert PolicySource.read(str(source)) == source


@given(st.text(max_size=20))
def test_a_name_that_tells_no_source_is_none_and_any_other_is_its_own(text: str) -> None:
    source = PolicySource.read(text)
    assert source is None or str(source) == text


@pytest.mark.parametrize("policy", awspolicies.POLICIES.values(), ids=lambda policy: policy.name)
def test_a_policy_that_aws_manages_is_whole(policy: ManagedPolicy) -> None:
    assert awspolicies.POLICIES[f"arn:aws:iam::aws:policy/{policy.name}"] is policy
    assert re.fullmatch("ANPA[A-Z2-7]{17}", policy.unique_id)
    assert policy.default == policy.newest == policy.versions[0].number
    assert policy.created <= policy.updated
    compiled = document.parse_identity_policy(policy.text)
    assert len(json.loads(policy.text)["Statement"]) == len((*compiled.allows, *compiled.denies))


def test_policies_that_aws_manages_are_told_apart() -> None:
    assert awspolicies.DENY_ALL.endswith("/AWSDenyAll")
    assert awspolicies.ADMINISTRATOR_ACCESS.endswith("/AdministratorAccess")
    assert len({policy.unique_id for policy in awspolicies.POLICIES.values()}) == len(awspolicies.POLICIES)
