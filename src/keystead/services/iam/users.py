"""CreateUser, GetUser, ListUsers, UpdateUser, DeleteUser, and the permissions boundary of a user.

https://docs.aws.amazon.com/IAM/latest/APIReference/API_CreateUser.html. A user that is renamed keeps its unique id, and
with it its access keys, its grants and its place in key policies."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from keystead import errors
from keystead.domain import arn
from keystead.domain.iamquotas import USERS
from keystead.domain.identity import Identity, IdentityKind
from keystead.model.generated import iam as shapes
from keystead.services import change, identifiers
from keystead.services.call import Call
from keystead.services.change import Change
from keystead.services.iam import attachments, naming, tags
from keystead.services.iam.paging import page
from keystead.services.table import operation
from keystead.store.interface import Reader


def keep(user: Identity, answer: Any = None) -> Change:
    """The user as it is to be from now on."""
    return Change(answer, (lambda transaction: transaction.put_identity(user),), (change.touch_identity(user),))


def shown(user: Identity, *, whole: bool = True) -> shapes.User:
    """A user in an answer; one of a list is without tags and boundary. A root user has no name and no path."""
    is_root = user.kind is IdentityKind.ROOT
    return shapes.User(
        path=None if is_root else user.path,  # type: ignore[arg-type]  # required of users; the model has no root users
        user_name=None if is_root else user.name,  # type: ignore[arg-type]
        user_id=user.unique_id,
        arn=user.arn,
        create_date=user.created,
        permissions_boundary=attachments.shown_boundary(user.boundary) if whole else None,
        tags=tags.shown(user.tags) if whole and user.tags else None,
    )


@operation("iam:CreateUser", also=("iam:TagUser",), mutates=True)
def create_user(call: Call[shapes.CreateUserRequest]) -> Change:
    request, account = call.request, call.caller.account
    path = request.path or naming.ROOT_PATH
    added = tags.given(request.tags)
    resource = arn.user_arn(account, path, request.user_name)
    call.permit("iam:CreateUser", resource, request_tags=added, permissions_boundary=request.permissions_boundary)
    if added:
        call.permit("iam:TagUser", resource, request_tags=added)
    held = tags.merged((), added, folded=True)
    boundary = attachments.boundary(call, request.permissions_boundary)
    taken, users = call.facts.read(
        lambda reader: (
            reader.user(account, request.user_name) is not None,
            reader.count_identities(account, IdentityKind.USER),
        )
    )
    if taken:
        raise errors.user_exists(request.user_name)
    if users >= USERS:
        raise errors.quota_reached("UsersPerAccount", USERS)
    unique_id = identifiers.user_id(call.random)
    user = Identity(
        IdentityKind.USER, account, path, request.user_name, unique_id, call.now, tags=held, boundary=boundary
    )
    return keep(user, shapes.CreateUserResponse(user=shown(user)))


@operation("iam:GetUser")
def get_user(call: Call[shapes.GetUserRequest]) -> shapes.GetUserResponse:
    return shapes.GetUserResponse(user=shown(naming.permitted_self(call, call.request.user_name)))


@operation("iam:ListUsers")
def list_users(call: Call[shapes.ListUsersRequest]) -> shapes.ListUsersResponse:
    account, prefix = call.caller.account, call.request.path_prefix or "/"
    naming.permit_list(call, "user", prefix)

    def find(reader: Reader, after: str | None, limit: int) -> list[Identity]:
        return reader.users(account, prefix, after, limit)

    found = page(call, prefix, find, lambda user: user.name)
    return shapes.ListUsersResponse(
        users=[shown(user, whole=False) for user in found.items],
        is_truncated=found.is_truncated,
        marker=found.marker,
    )


@operation("iam:UpdateUser", mutates=True)
def update_user(call: Call[shapes.UpdateUserRequest]) -> Change:
    request = call.request
    user = naming.permitted_user(call, request.user_name)
    name, path = request.new_user_name or user.name, request.new_path or user.path
    moved = replace(user, name=name, path=path)
    if moved == user:
        return Change(None)
    # "The user who makes the request must have permission on both the source and the target" (API reference).
    call.permit("iam:UpdateUser", moved.arn, resource_tags=user.tags)
    taken = call.facts.read(lambda reader: reader.user(user.account, name))
    if taken is not None and taken.unique_id != user.unique_id:
        raise errors.user_exists(name)
    return keep(moved)


@operation("iam:DeleteUser", mutates=True)
def delete_user(call: Call[shapes.DeleteUserRequest]) -> Change:
    user = naming.permitted_user(call, call.request.user_name)
    if call.facts.read(lambda reader: reader.access_keys(user.unique_id)):
        raise errors.must_first("delete access keys")
    if user.inline:
        raise errors.must_first("delete policies")
    if user.attached:
        raise errors.must_first("detach all policies")
    if user.groups:
        raise errors.must_first("remove users from group")
    delete = (lambda transaction: transaction.delete_identity(user.unique_id),)
    return Change(None, delete, (change.touch_identity(user),))


@operation("iam:PutUserPermissionsBoundary", mutates=True)
def put_user_permissions_boundary(call: Call[shapes.PutUserPermissionsBoundaryRequest]) -> Change:
    asked = call.request.permissions_boundary
    user = naming.permitted_user(call, call.request.user_name, permissions_boundary=asked)
    boundary = attachments.boundary(call, asked)
    return Change(None) if boundary == user.boundary else keep(replace(user, boundary=boundary))


@operation("iam:DeleteUserPermissionsBoundary", mutates=True)
def delete_user_permissions_boundary(call: Call[shapes.DeleteUserPermissionsBoundaryRequest]) -> Change:
    user = naming.permitted_user(call, call.request.user_name, bounded=True)
    if user.boundary is None:
        raise errors.no_boundary("user", call.request.user_name)
    return keep(replace(user, boundary=None))
