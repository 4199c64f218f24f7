"""TagUser, UntagUser, ListUserTags.

https://docs.aws.amazon.com/IAM/latest/APIReference/API_TagUser.html. Tags of a user are aws:PrincipalTag for its own
calls and aws:ResourceTag for calls about it; both change with the answer."""

from __future__ import annotations

from dataclasses import replace

from keystead import errors
from keystead.model.generated import iam as shapes
from keystead.services.call import Call
from keystead.services.change import Change
from keystead.services.iam import naming, tags
from keystead.services.iam.paging import page_of
from keystead.services.iam.users import keep
from keystead.services.table import operation


@operation("iam:TagUser", mutates=True)
def tag_user(call: Call[shapes.TagUserRequest]) -> Change:
    added = tags.given(call.request.tags)
    user = naming.permitted_user(call, call.request.user_name, request_tags=added)
    if not added:
        raise errors.no_tags()
    held = tags.merged(user.tags, added, folded=True)
    return Change(None) if held == user.tags else keep(replace(user, tags=held))


@operation("iam:UntagUser", mutates=True)
def untag_user(call: Call[shapes.UntagUserRequest]) -> Change:
    keys = tuple(call.request.tag_keys)
    user = naming.permitted_user(call, call.request.user_name, tag_keys=keys)
    held = tags.without(user.tags, keys, folded=True)
    return Change(None) if held == user.tags else keep(replace(user, tags=held))


@operation("iam:ListUserTags")
def list_user_tags(call: Call[shapes.ListUserTagsRequest]) -> shapes.ListUserTagsResponse:
    user = naming.permitted_user(call, call.request.user_name)
    found = page_of(call, user.unique_id, user.tags, lambda tag: tag[0])
    return shapes.ListUserTagsResponse(
        tags=tags.shown(tuple(found.items)), is_truncated=found.is_truncated, marker=found.marker
    )
