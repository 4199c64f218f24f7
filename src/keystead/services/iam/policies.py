"""Managed policies: CreatePolicy, GetPolicy, ListPolicies, DeletePolicy, their tags (TagPolicy, UntagPolicy,
ListPolicyTags), and whom one is attached to (ListEntitiesForPolicy).

https://docs.aws.amazon.com/IAM/latest/APIReference/API_CreatePolicy.html. Policies that AWS manages
(`domain.awspolicies`) are listed and read like those of the account, and changed by nobody."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any, Final

from keystead import errors
from keystead.domain import arn, awspolicies
from keystead.domain.iamquotas import POLICIES, POLICY_SIZE
from keystead.domain.identity import AWS, ManagedPolicy, PolicyVersion
from keystead.domain.policy import written
from keystead.model.generated import iam as shapes
from keystead.services import change, identifiers
from keystead.services.call import Call
from keystead.services.change import Change
from keystead.services.iam import documents, naming, resources, tags
from keystead.services.iam.paging import page, page_of
from keystead.services.table import operation
from keystead.store.interface import Reader

_AT_ONCE: Final = 200

# --- what policies and their versions share ---------------------------------------------------------------------------


def check_document(text: str) -> None:
    """Refuse what is no policy of an identity, and what is larger than a managed policy may be."""
    if not documents.fit((text,), POLICY_SIZE):  # first: to read a large one takes long
        raise errors.quota_reached("PolicySize", POLICY_SIZE)
    written.check_identity_policy(text, managed=True)


def changeable(call: Call[Any], policy_arn: str, **values: Any) -> ManagedPolicy:
    """The policy of that ARN, once the caller may change it."""
    policy = resources.permitted_policy(call, policy_arn, **values)
    check_changeable(call, policy)
    return policy


def check_changeable(call: Call[Any], policy: ManagedPolicy) -> None:
    """Refuse to change what AWS manages."""
    if policy.account == AWS:
        raise errors.policy_of_aws(call.caller.arn, call.row.permission, policy.arn)


def keep(policy: ManagedPolicy, answer: Any = None) -> Change:
    """The policy as it is to be from now on, for all that it is attached to."""
    return Change(answer, (lambda transaction: transaction.put_managed_policy(policy),), (change.touch_policy(policy),))


def version_id(number: int) -> str:
    return f"v{number}"


def _shown(reader: Reader, account: str, policy: ManagedPolicy, **more: Any) -> shapes.Policy:
    """What every answer has of a policy, and ``more``. Counts are those of the account that asks."""
    return shapes.Policy(
        policy_name=policy.name,
        policy_id=policy.unique_id,
        arn=policy.arn,
        path=policy.path,
        default_version_id=version_id(policy.default),
        attachment_count=reader.count_attachments(account, policy.arn, as_boundary=False),
        permissions_boundary_usage_count=reader.count_attachments(account, policy.arn, as_boundary=True),
        is_attachable=True,
        create_date=policy.created,
        update_date=policy.updated,
        **more,
    )


# --- operations -------------------------------------------------------------------------------------------------------


@operation("iam:CreatePolicy", also=("iam:TagPolicy",), mutates=True)
def create_policy(call: Call[shapes.CreatePolicyRequest]) -> Change:
    request, account = call.request, call.caller.account
    path = request.path or naming.ROOT_PATH
    added = tags.given(request.tags)
    resource, shown = arn.policy_arn(account, path, request.policy_name), f"policy {request.policy_name}"
    call.permit("iam:CreatePolicy", resource, shown=shown, request_tags=added)
    if added:
        call.permit("iam:TagPolicy", resource, shown=shown, request_tags=added)
    held = tags.merged((), added, folded=False)
    check_document(request.policy_document)
    taken, policies = call.facts.read(
        lambda reader: (
            reader.managed_policy_named(account, request.policy_name) is not None,
            reader.count_managed_policies(account),
        )
    )
    if taken:
        raise errors.policy_exists(request.policy_name)
    if policies >= POLICIES:
        raise errors.quota_reached("PoliciesPerAccount", POLICIES)
    policy = ManagedPolicy(
        account=account,
        path=path,
        name=request.policy_name,
        unique_id=identifiers.policy_id(call.random),
        created=call.now,
        updated=call.now,
        description=request.description or "",
        default=1,
        newest=1,
        versions=(PolicyVersion(1, request.policy_document, call.now),),
        tags=held,
    )
    made = call.facts.read(
        lambda reader: _shown(reader, account, policy, tags=tags.shown(policy.tags) if added else None)
    )
    return keep(policy, shapes.CreatePolicyResponse(policy=made))


@operation("iam:GetPolicy")
def get_policy(call: Call[shapes.GetPolicyRequest]) -> shapes.GetPolicyResponse:
    policy = resources.permitted_policy(call, call.request.policy_arn)
    found = call.facts.read(
        lambda reader: _shown(
            reader,
            call.caller.account,
            policy,
            description=policy.description or None,
            tags=tags.shown(tags.in_order(policy.tags)),
        )
    )
    return shapes.GetPolicyResponse(policy=found)


@operation("iam:DeletePolicy", mutates=True)
def delete_policy(call: Call[shapes.DeletePolicyRequest]) -> Change:
    policy = changeable(call, call.request.policy_arn)
    if call.facts.read(lambda reader: reader.attached_to(policy.account, policy.arn, None, 1)):
        raise errors.policy_attached()
    if len(policy.versions) > 1:
        raise errors.policy_has_versions()
    delete = (lambda transaction: transaction.delete_managed_policy(policy.arn),)
    return Change(None, delete, (change.touch_policy(policy),))


@operation("iam:ListPolicies")
def list_policies(call: Call[shapes.ListPoliciesRequest]) -> shapes.ListPoliciesResponse:
    request, account = call.request, call.caller.account
    prefix = request.path_prefix or "/"
    call.permit("iam:ListPolicies", shown=f"policy path {prefix}")
    wanted = _wanted(request)

    def find(reader: Reader, after: str | None, limit: int) -> list[shapes.Policy]:
        """Policies of the account, by name, and then those of AWS."""
        found: list[shapes.Policy] = []
        for policy in _scope(reader, account, request.scope or "All", prefix, after):
            entry = _shown(reader, account, policy)
            if wanted(entry):
                found.append(entry)
                if len(found) == limit:
                    break
        return found

    question = f"{request.scope} {request.only_attached} {request.policy_usage_filter} {prefix}"
    found = page(call, question, find, lambda entry: _place(entry.arn or "", entry.policy_name or ""))
    return shapes.ListPoliciesResponse(policies=list(found.items), is_truncated=found.is_truncated, marker=found.marker)


def _wanted(request: shapes.ListPoliciesRequest) -> Callable[[shapes.Policy], bool]:
    """What the request keeps of all that is in its scope."""

    def wanted(entry: shapes.Policy) -> bool:
        attached, bounds = bool(entry.attachment_count), bool(entry.permissions_boundary_usage_count)
        if request.policy_usage_filter == "PermissionsBoundary":
            return bounds
        return attached or not (request.only_attached or request.policy_usage_filter)

    return wanted


def _scope(reader: Reader, account: str, scope: str, prefix: str, after: str | None) -> Iterator[ManagedPolicy]:
    """The policies of a scope behind the place ``after``. Those of the account come first."""
    owner, _, name = (after or "").partition("/")
    if scope != "AWS" and owner in {"", _LOCAL}:
        last = name or None
        while batch := reader.managed_policies(account, prefix, last, _AT_ONCE):
            yield from batch
            last = batch[-1].name
    if scope != "Local":
        for policy in sorted(awspolicies.POLICIES.values(), key=lambda each: each.name):
            if policy.path.startswith(prefix) and (owner != AWS or policy.name > name):
                yield policy


_LOCAL: Final = "local"


def _place(policy_arn: str, name: str) -> str:
    owner = AWS if policy_arn.startswith(f"arn:{arn.PARTITION}:iam::{AWS}:") else _LOCAL
    return f"{owner}/{name}"


# --- tags -------------------------------------------------------------------------------------------------------------


@operation("iam:TagPolicy", mutates=True)
def tag_policy(call: Call[shapes.TagPolicyRequest]) -> Change:
    added = tags.given(call.request.tags)
    policy = changeable(call, call.request.policy_arn, request_tags=added)
    if not added:
        raise errors.no_tags()
    held = tags.merged(policy.tags, added, folded=False)
    return Change(None) if held == policy.tags else keep(replace(policy, tags=held))


@operation("iam:UntagPolicy", mutates=True)
def untag_policy(call: Call[shapes.UntagPolicyRequest]) -> Change:
    keys = tuple(call.request.tag_keys)
    policy = changeable(call, call.request.policy_arn, tag_keys=keys)
    held = tags.without(policy.tags, keys, folded=False)
    return Change(None) if held == policy.tags else keep(replace(policy, tags=held))


@operation("iam:ListPolicyTags")
def list_policy_tags(call: Call[shapes.ListPolicyTagsRequest]) -> shapes.ListPolicyTagsResponse:
    policy = resources.permitted_policy(call, call.request.policy_arn)
    found = page_of(call, policy.unique_id, tags.in_order(policy.tags), lambda tag: tag[0])
    return shapes.ListPolicyTagsResponse(
        tags=tags.shown(tuple(found.items)), is_truncated=found.is_truncated, marker=found.marker
    )
