"""Versions of managed policies: CreatePolicyVersion, GetPolicyVersion, ListPolicyVersions, SetDefaultPolicyVersion,
DeletePolicyVersion.

https://docs.aws.amazon.com/IAM/latest/APIReference/API_CreatePolicyVersion.html. The default version is the one in
force; another takes its place with the answer, in every worker. A number is never given twice."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import Any, Final

from keystead import errors
from keystead.domain.iamquotas import VERSIONS_PER_POLICY
from keystead.domain.identity import ManagedPolicy, PolicyVersion
from keystead.model.generated import iam as shapes
from keystead.services.call import Call
from keystead.services.change import Change
from keystead.services.iam import documents, policies, resources
from keystead.services.iam.paging import page_of
from keystead.services.table import operation

# The model lets something follow that no version has.
_VERSION: Final = re.compile(r"v([1-9][0-9]{0,8})", re.ASCII)


def _shown(policy: ManagedPolicy, version: PolicyVersion, *, document: bool = False) -> shapes.PolicyVersion:
    return shapes.PolicyVersion(
        document=documents.encoded(version.text) if document else None,
        version_id=policies.version_id(version.number),
        is_default_version=version.number == policy.default,
        create_date=version.created,
    )


def listed(policy: ManagedPolicy, *, document: bool = False) -> list[shapes.PolicyVersion]:
    """All versions, the newest first."""
    return [_shown(policy, version, document=document) for version in reversed(policy.versions)]


def _named(call: Call[Any], policy_arn: str, text: str) -> tuple[ManagedPolicy, PolicyVersion]:
    """The policy, and the version of it that a request names, once the caller is permitted."""
    policy = resources.ask_policy(call, policy_arn)
    found = _VERSION.fullmatch(text)
    if policy is not None and found is not None:
        for version in policy.versions:
            if version.number == int(found[1]):
                return policy, version
    raise errors.policy_version_not_found(policy_arn, text)


@operation("iam:CreatePolicyVersion", mutates=True)
def create_policy_version(call: Call[shapes.CreatePolicyVersionRequest]) -> Change:
    request = call.request
    policy = policies.changeable(call, request.policy_arn)
    policies.check_document(request.policy_document)
    if len(policy.versions) >= VERSIONS_PER_POLICY:
        raise errors.too_many_versions(VERSIONS_PER_POLICY)
    version = PolicyVersion(policy.newest + 1, request.policy_document, call.now)
    changed = replace(
        policy,
        updated=call.now,
        default=version.number if request.set_as_default else policy.default,
        newest=version.number,
        versions=(*policy.versions, version),
    )
    return policies.keep(changed, shapes.CreatePolicyVersionResponse(policy_version=_shown(changed, version)))


@operation("iam:GetPolicyVersion")
def get_policy_version(call: Call[shapes.GetPolicyVersionRequest]) -> shapes.GetPolicyVersionResponse:
    policy, version = _named(call, call.request.policy_arn, call.request.version_id)
    return shapes.GetPolicyVersionResponse(policy_version=_shown(policy, version, document=True))


@operation("iam:ListPolicyVersions")
def list_policy_versions(call: Call[shapes.ListPolicyVersionsRequest]) -> shapes.ListPolicyVersionsResponse:
    policy = resources.permitted_policy(call, call.request.policy_arn)
    found = page_of(call, policy.unique_id, listed(policy), lambda version: version.version_id or "")
    return shapes.ListPolicyVersionsResponse(
        versions=list(found.items), is_truncated=found.is_truncated, marker=found.marker
    )


@operation("iam:SetDefaultPolicyVersion", mutates=True)
def set_default_policy_version(call: Call[shapes.SetDefaultPolicyVersionRequest]) -> Change:
    policy, version = _named(call, call.request.policy_arn, call.request.version_id)
    policies.check_changeable(call, policy)
    if version.number == policy.default:
        return Change(None)
    return policies.keep(replace(policy, default=version.number))


@operation("iam:DeletePolicyVersion", mutates=True)
def delete_policy_version(call: Call[shapes.DeletePolicyVersionRequest]) -> Change:
    policy, version = _named(call, call.request.policy_arn, call.request.version_id)
    policies.check_changeable(call, policy)
    if version.number == policy.default:
        raise errors.default_version()
    left = tuple(each for each in policy.versions if each.number != version.number)
    return policies.keep(replace(policy, versions=left))
