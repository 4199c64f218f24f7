"""Policies of users: inline ones (PutUserPolicy, GetUserPolicy, ListUserPolicies, DeleteUserPolicy) and managed ones that
are attached (AttachUserPolicy, DetachUserPolicy, ListAttachedUserPolicies).

https://docs.aws.amazon.com/IAM/latest/APIReference/API_PutUserPolicy.html"""

from __future__ import annotations

from dataclasses import replace

from keystead import errors
from keystead.domain.iamquotas import USER_POLICY_SIZE
from keystead.model.generated import iam as shapes
from keystead.services.call import Call
from keystead.services.change import Change
from keystead.services.iam import attachments, documents, naming
from keystead.services.iam.paging import page_of
from keystead.services.iam.users import keep
from keystead.services.table import operation


@operation("iam:PutUserPolicy", mutates=True)
def put_user_policy(call: Call[shapes.PutUserPolicyRequest]) -> Change:
    request = call.request
    user = naming.permitted_user(call, request.user_name, bounded=True)
    inline = documents.put(
        user.inline,
        request.policy_name,
        request.policy_document,
        kind="user",
        owner=request.user_name,
        most=USER_POLICY_SIZE,
    )
    return Change(None) if inline == user.inline else keep(replace(user, inline=inline))


@operation("iam:GetUserPolicy")
def get_user_policy(call: Call[shapes.GetUserPolicyRequest]) -> shapes.GetUserPolicyResponse:
    user = naming.permitted_user(call, call.request.user_name)
    text = documents.found(user.inline, call.request.policy_name)
    if text is None:
        raise errors.inline_policy_not_found("user", call.request.policy_name)
    return shapes.GetUserPolicyResponse(
        user_name=user.name, policy_name=call.request.policy_name, policy_document=documents.encoded(text)
    )


@operation("iam:ListUserPolicies")
def list_user_policies(call: Call[shapes.ListUserPoliciesRequest]) -> shapes.ListUserPoliciesResponse:
    user = naming.permitted_user(call, call.request.user_name)
    found = page_of(call, user.unique_id, [name for name, _ in user.inline], str)
    return shapes.ListUserPoliciesResponse(
        policy_names=list(found.items), is_truncated=found.is_truncated, marker=found.marker
    )


@operation("iam:DeleteUserPolicy", mutates=True)
def delete_user_policy(call: Call[shapes.DeleteUserPolicyRequest]) -> Change:
    user = naming.permitted_user(call, call.request.user_name, bounded=True)
    return keep(replace(user, inline=documents.without(user.inline, call.request.policy_name, kind="user")))


@operation("iam:AttachUserPolicy", mutates=True)
def attach_user_policy(call: Call[shapes.AttachUserPolicyRequest]) -> Change:
    policy_arn = call.request.policy_arn
    user = naming.permitted_user(call, call.request.user_name, bounded=True, policy_arn=policy_arn)
    attached = attachments.attach(call, user.attached, policy_arn, "PoliciesPerUser")
    return Change(None) if attached == user.attached else keep(replace(user, attached=attached))


@operation("iam:DetachUserPolicy", mutates=True)
def detach_user_policy(call: Call[shapes.DetachUserPolicyRequest]) -> Change:
    policy_arn = call.request.policy_arn
    user = naming.permitted_user(call, call.request.user_name, bounded=True, policy_arn=policy_arn)
    return keep(replace(user, attached=attachments.detach(user.attached, policy_arn)))


@operation("iam:ListAttachedUserPolicies")
def list_attached_user_policies(
    call: Call[shapes.ListAttachedUserPoliciesRequest],
) -> shapes.ListAttachedUserPoliciesResponse:
    user = naming.permitted_user(call, call.request.user_name)
    found = attachments.listed(call, user.unique_id, user.attached, call.request.path_prefix)
    return shapes.ListAttachedUserPoliciesResponse(
        attached_policies=list(found.items), is_truncated=found.is_truncated, marker=found.marker
    )
