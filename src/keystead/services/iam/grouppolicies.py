"""Policies of groups: inline ones (PutGroupPolicy, GetGroupPolicy, ListGroupPolicies, DeleteGroupPolicy) and managed ones
that are attached (AttachGroupPolicy, DetachGroupPolicy, ListAttachedGroupPolicies).

https://docs.aws.amazon.com/IAM/latest/APIReference/API_PutGroupPolicy.html. They speak for every user in the group, from
the answer on."""

from __future__ import annotations

from dataclasses import replace

from keystead import errors
from keystead.domain.iamquotas import GROUP_POLICY_SIZE
from keystead.model.generated import iam as shapes
from keystead.services.call import Call
from keystead.services.change import Change
from keystead.services.iam import attachments, documents, naming
from keystead.services.iam.groups import keep
from keystead.services.iam.paging import page_of
from keystead.services.table import operation


@operation("iam:PutGroupPolicy", mutates=True)
def put_group_policy(call: Call[shapes.PutGroupPolicyRequest]) -> Change:
    request = call.request
    group = naming.permitted_group(call, request.group_name)
    inline = documents.put(
        group.inline,
        request.policy_name,
        request.policy_document,
        kind="group",
        owner=request.group_name,
        most=GROUP_POLICY_SIZE,
    )
    return Change(None) if inline == group.inline else keep(replace(group, inline=inline))


@operation("iam:GetGroupPolicy")
def get_group_policy(call: Call[shapes.GetGroupPolicyRequest]) -> shapes.GetGroupPolicyResponse:
    group = naming.permitted_group(call, call.request.group_name)
    text = documents.found(group.inline, call.request.policy_name)
    if text is None:
        raise errors.inline_policy_not_found("group", call.request.policy_name)
    return shapes.GetGroupPolicyResponse(
        group_name=group.name, policy_name=call.request.policy_name, policy_document=documents.encoded(text)
    )


@operation("iam:ListGroupPolicies")
def list_group_policies(call: Call[shapes.ListGroupPoliciesRequest]) -> shapes.ListGroupPoliciesResponse:
    group = naming.permitted_group(call, call.request.group_name)
    found = page_of(call, group.unique_id, [name for name, _ in group.inline], str)
    return shapes.ListGroupPoliciesResponse(
        policy_names=list(found.items), is_truncated=found.is_truncated, marker=found.marker
    )


@operation("iam:DeleteGroupPolicy", mutates=True)
def delete_group_policy(call: Call[shapes.DeleteGroupPolicyRequest]) -> Change:
    group = naming.permitted_group(call, call.request.group_name)
    return keep(replace(group, inline=documents.without(group.inline, call.request.policy_name, kind="group")))


@operation("iam:AttachGroupPolicy", mutates=True)
def attach_group_policy(call: Call[shapes.AttachGroupPolicyRequest]) -> Change:
    policy_arn = call.request.policy_arn
    group = naming.permitted_group(call, call.request.group_name, policy_arn=policy_arn)
    attached = attachments.attach(call, group.attached, policy_arn, "PoliciesPerGroup")
    return Change(None) if attached == group.attached else keep(replace(group, attached=attached))


@operation("iam:DetachGroupPolicy", mutates=True)
def detach_group_policy(call: Call[shapes.DetachGroupPolicyRequest]) -> Change:
    policy_arn = call.request.policy_arn
    group = naming.permitted_group(call, call.request.group_name, policy_arn=policy_arn)
    return keep(replace(group, attached=attachments.detach(group.attached, policy_arn)))


@operation("iam:ListAttachedGroupPolicies")
def list_attached_group_policies(
    call: Call[shapes.ListAttachedGroupPoliciesRequest],
) -> shapes.ListAttachedGroupPoliciesResponse:
    group = naming.permitted_group(call, call.request.group_name)
    found = attachments.listed(call, group.unique_id, group.attached, call.request.path_prefix)
    return shapes.ListAttachedGroupPoliciesResponse(
        attached_policies=list(found.items), is_truncated=found.is_truncated, marker=found.marker
    )
