"""What a role may do: PutRolePolicy, GetRolePolicy, ListRolePolicies, DeleteRolePolicy for its own policies,
AttachRolePolicy, DetachRolePolicy, ListAttachedRolePolicies for managed ones; and its tags: TagRole, UntagRole,
ListRoleTags.

https://docs.aws.amazon.com/IAM/latest/APIReference/API_AttachRolePolicy.html. Policies and tags of a role are those of
its sessions from the answer on, in every worker."""

from __future__ import annotations

from dataclasses import replace

from keystead import errors
from keystead.domain import arn
from keystead.domain.iamquotas import ROLE_POLICY_SIZE
from keystead.model.generated import iam as shapes
from keystead.services.call import Call
from keystead.services.change import Change
from keystead.services.iam import attachments, documents, resources, tags
from keystead.services.iam.paging import page_of
from keystead.services.iam.roles import keep
from keystead.services.table import operation

# --- its own ----------------------------------------------------------------------------------------------------------


@operation("iam:PutRolePolicy", mutates=True)
def put_role_policy(call: Call[shapes.PutRolePolicyRequest]) -> Change:
    request = call.request
    role = resources.permitted_role(call, request.role_name, bounded=True)
    inline = documents.put(
        role.inline, request.policy_name, request.policy_document, kind="role", owner=role.name, most=ROLE_POLICY_SIZE
    )
    return Change(None) if inline == role.inline else keep(replace(role, inline=inline))


@operation("iam:GetRolePolicy")
def get_role_policy(call: Call[shapes.GetRolePolicyRequest]) -> shapes.GetRolePolicyResponse:
    role = resources.permitted_role(call, call.request.role_name)
    text = documents.found(role.inline, call.request.policy_name)
    if text is None:
        raise errors.inline_policy_not_found("role", call.request.policy_name)
    return shapes.GetRolePolicyResponse(
        role_name=role.name, policy_name=call.request.policy_name, policy_document=documents.encoded(text)
    )


@operation("iam:ListRolePolicies")
def list_role_policies(call: Call[shapes.ListRolePoliciesRequest]) -> shapes.ListRolePoliciesResponse:
    role = resources.permitted_role(call, call.request.role_name)
    found = page_of(call, role.unique_id, [name for name, _ in role.inline], str)
    return shapes.ListRolePoliciesResponse(
        policy_names=list(found.items), is_truncated=found.is_truncated, marker=found.marker
    )


@operation("iam:DeleteRolePolicy", mutates=True)
def delete_role_policy(call: Call[shapes.DeleteRolePolicyRequest]) -> Change:
    role = resources.permitted_role(call, call.request.role_name, bounded=True)
    return keep(replace(role, inline=documents.without(role.inline, call.request.policy_name, kind="role")))


# --- managed ----------------------------------------------------------------------------------------------------------


@operation("iam:AttachRolePolicy", mutates=True)
def attach_role_policy(call: Call[shapes.AttachRolePolicyRequest]) -> Change:
    policy_arn = call.request.policy_arn
    role = resources.permitted_role(call, call.request.role_name, bounded=True, policy_arn=policy_arn)
    if arn.parse(policy_arn) is None:  # in other words than of users, as AWS was seen to have it
        raise errors.attached_arn_invalid(policy_arn)
    attached = attachments.attach(call, role.attached, policy_arn, "PoliciesPerRole")
    return Change(None) if attached == role.attached else keep(replace(role, attached=attached))


@operation("iam:DetachRolePolicy", mutates=True)
def detach_role_policy(call: Call[shapes.DetachRolePolicyRequest]) -> Change:
    policy_arn = call.request.policy_arn
    role = resources.permitted_role(call, call.request.role_name, bounded=True, policy_arn=policy_arn)
    return keep(replace(role, attached=attachments.detach(role.attached, policy_arn)))


@operation("iam:ListAttachedRolePolicies")
def list_attached_role_policies(
    call: Call[shapes.ListAttachedRolePoliciesRequest],
) -> shapes.ListAttachedRolePoliciesResponse:
    role = resources.permitted_role(call, call.request.role_name)
    found = attachments.listed(call, role.unique_id, role.attached, call.request.path_prefix)
    return shapes.ListAttachedRolePoliciesResponse(
        attached_policies=list(found.items), is_truncated=found.is_truncated, marker=found.marker
    )


# --- tags -------------------------------------------------------------------------------------------------------------


@operation("iam:TagRole", mutates=True)
def tag_role(call: Call[shapes.TagRoleRequest]) -> Change:
    added = tags.given(call.request.tags)
    role = resources.permitted_role(call, call.request.role_name, request_tags=added)
    if not added:
        raise errors.no_tags()
    held = tags.merged(role.tags, added, folded=True)
    return Change(None) if held == role.tags else keep(replace(role, tags=held))


@operation("iam:UntagRole", mutates=True)
def untag_role(call: Call[shapes.UntagRoleRequest]) -> Change:
    keys = tuple(call.request.tag_keys)
    role = resources.permitted_role(call, call.request.role_name, tag_keys=keys)
    held = tags.without(role.tags, keys, folded=True)
    return Change(None) if held == role.tags else keep(replace(role, tags=held))


@operation("iam:ListRoleTags")
def list_role_tags(call: Call[shapes.ListRoleTagsRequest]) -> shapes.ListRoleTagsResponse:
    role = resources.permitted_role(call, call.request.role_name)
    found = page_of(call, role.unique_id, tags.in_order(role.tags), lambda tag: tag[0])
    return shapes.ListRoleTagsResponse(
        tags=tags.shown(tuple(found.items)), is_truncated=found.is_truncated, marker=found.marker
    )
