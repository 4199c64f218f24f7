"""CreateGroup, GetGroup, ListGroups, UpdateGroup, DeleteGroup, and who is in a group: AddUserToGroup,
RemoveUserFromGroup, ListGroupsForUser.

https://docs.aws.amazon.com/IAM/latest/APIReference/API_CreateGroup.html. Who is in a group stands in the users' own
rows, so a membership that is gone is in force no longer when the answer is given."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, Final

from keystead import errors
from keystead.domain import arn
from keystead.domain.iamquotas import GROUPS, GROUPS_PER_USER
from keystead.domain.identity import Group, Identity
from keystead.model.generated import iam as shapes
from keystead.services import change, identifiers
from keystead.services.call import Call
from keystead.services.change import Change
from keystead.services.iam import naming, users
from keystead.services.iam.paging import page, page_of
from keystead.services.table import operation
from keystead.store.interface import Reader, StoreTampered

_AT_ONCE: Final = 1_000


def keep(group: Group, answer: Any = None) -> Change:
    """The group as it is to be from now on."""
    return Change(answer, (lambda transaction: transaction.put_group(group),), (change.touch_group(group),))


def shown(group: Group) -> shapes.Group:
    return shapes.Group(
        path=group.path,
        group_name=group.name,
        group_id=group.unique_id,
        arn=group.arn,
        create_date=group.created,
    )


@operation("iam:CreateGroup", mutates=True)
def create_group(call: Call[shapes.CreateGroupRequest]) -> Change:
    account, name, path = call.caller.account, call.request.group_name, call.request.path or naming.ROOT_PATH
    call.permit("iam:CreateGroup", arn.group_arn(account, path, name))
    taken, groups = call.facts.read(
        lambda reader: (reader.group(account, name) is not None, reader.count_groups(account))
    )
    if taken:
        raise errors.group_exists(name)
    if groups >= GROUPS:
        raise errors.quota_reached("GroupsPerAccount", GROUPS)
    group = Group(account, path, name, identifiers.group_id(call.random), call.now)
    return keep(group, shapes.CreateGroupResponse(group=shown(group)))


@operation("iam:GetGroup")
def get_group(call: Call[shapes.GetGroupRequest]) -> shapes.GetGroupResponse:
    group = naming.permitted_group(call, call.request.group_name)

    def find(reader: Reader, after: str | None, limit: int) -> list[Identity]:
        return [
            member
            for name in reader.members(group.account, group.name, after, limit)
            if (member := _member(reader, group, name)) is not None
        ]

    found = page(call, group.unique_id, find, lambda user: user.name)
    return shapes.GetGroupResponse(
        group=shown(group),
        users=[users.shown(user, whole=False) for user in found.items],
        is_truncated=found.is_truncated,
        marker=found.marker,
    )


def _member(reader: Reader, group: Group, name: str) -> Identity | None:
    """The user of that name, if its own row says that it is in the group: the list of members has no MAC."""
    found = reader.user(group.account, name)
    return found if found is not None and group.name in found.groups else None


@operation("iam:ListGroups")
def list_groups(call: Call[shapes.ListGroupsRequest]) -> shapes.ListGroupsResponse:
    account, prefix = call.caller.account, call.request.path_prefix or "/"
    naming.permit_list(call, "group", prefix)

    def find(reader: Reader, after: str | None, limit: int) -> list[Group]:
        return reader.groups(account, prefix, after, limit)

    found = page(call, prefix, find, lambda group: group.name)
    return shapes.ListGroupsResponse(
        groups=[shown(group) for group in found.items], is_truncated=found.is_truncated, marker=found.marker
    )


@operation("iam:UpdateGroup", mutates=True)
def update_group(call: Call[shapes.UpdateGroupRequest]) -> Change:
    request = call.request
    group = naming.permitted_group(call, request.group_name)
    moved = replace(group, name=request.new_group_name or group.name, path=request.new_path or group.path)
    if moved == group:
        return Change(None)
    call.permit("iam:UpdateGroup", moved.arn)
    taken = call.facts.read(lambda reader: reader.group(group.account, moved.name))
    if taken is not None and taken.unique_id != group.unique_id:
        raise errors.group_exists(moved.name)
    changes = [keep(moved)]
    if moved.name != group.name:
        for user in call.facts.read(lambda reader: _all_members(reader, group)):
            names = tuple(moved.name if name == group.name else name for name in user.groups)
            changes.append(users.keep(replace(user, groups=names)))
    return change.together(changes)


def _all_members(reader: Reader, group: Group) -> list[Identity]:
    """Every user in the group. One that its row does not know is nothing to pass over: the others would lose it."""
    found: list[Identity] = []
    after: str | None = None
    while names := reader.members(group.account, group.name, after, _AT_ONCE):
        for name in names:
            member = _member(reader, group, name)
            if member is None:
                raise StoreTampered("user_groups", (group.account, name))
            found.append(member)
        after = names[-1]
    return found


@operation("iam:DeleteGroup", mutates=True)
def delete_group(call: Call[shapes.DeleteGroupRequest]) -> Change:
    group = naming.permitted_group(call, call.request.group_name)
    if call.facts.read(lambda reader: reader.members(group.account, group.name, None, 1)):
        raise errors.must_first("remove users from group")
    if group.inline:
        raise errors.must_first("delete policies")
    if group.attached:
        raise errors.must_first("detach all policies")
    delete = (lambda transaction: transaction.delete_group(group.unique_id),)
    return Change(None, delete, (change.touch_group(group),))


@operation("iam:AddUserToGroup", mutates=True)
def add_user_to_group(call: Call[shapes.AddUserToGroupRequest]) -> Change:
    group, user = _group_and_user(call)
    if group.name in user.groups:
        return Change(None)
    if len(user.groups) >= GROUPS_PER_USER:
        raise errors.quota_reached("GroupsPerUser", GROUPS_PER_USER)
    return users.keep(replace(user, groups=(*user.groups, group.name)))


@operation("iam:RemoveUserFromGroup", mutates=True)
def remove_user_from_group(call: Call[shapes.RemoveUserFromGroupRequest]) -> Change:
    """Who is not in the group is removed from it as well as anybody."""
    group, user = _group_and_user(call)
    if group.name not in user.groups:
        return Change(None)
    return users.keep(replace(user, groups=tuple(name for name in user.groups if name != group.name)))


def _group_and_user(
    call: Call[shapes.AddUserToGroupRequest] | Call[shapes.RemoveUserFromGroupRequest],
) -> tuple[Group, Identity]:
    """The group, once the caller is permitted, and the user, whom AWS misses first."""
    account, group_name, user_name = call.caller.account, call.request.group_name, call.request.user_name
    group = naming.ask_group(call, group_name)
    user = call.facts.read(lambda reader: reader.user(account, user_name))
    if user is None:
        raise errors.user_not_found(user_name)
    if group is None:
        raise errors.group_not_found(group_name)
    return group, user


@operation("iam:ListGroupsForUser")
def list_groups_for_user(call: Call[shapes.ListGroupsForUserRequest]) -> shapes.ListGroupsForUserResponse:
    user = naming.permitted_user(call, call.request.user_name)

    def held(reader: Reader) -> list[Group]:
        groups = [reader.group(user.account, name) for name in sorted(user.groups)]
        return [group for group in groups if group is not None]

    found = page_of(call, user.unique_id, call.facts.read(held), lambda group: group.name)
    return shapes.ListGroupsForUserResponse(
        groups=[shown(group) for group in found.items], is_truncated=found.is_truncated, marker=found.marker
    )
