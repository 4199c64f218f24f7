"""CreateRole, GetRole, ListRoles, UpdateRole, UpdateRoleDescription, UpdateAssumeRolePolicy, DeleteRole, the permissions
boundary of a role, and ListInstanceProfilesForRole, which is always empty.

https://docs.aws.amazon.com/IAM/latest/APIReference/API_CreateRole.html. Which members an answer has differs from
operation to operation; it is as AWS was seen to answer."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from itertools import islice
from typing import Any, Final

from keystead import errors
from keystead.domain import arn
from keystead.domain.iamquotas import ROLES
from keystead.domain.identity import MAX_SESSION, Identity, IdentityKind
from keystead.model.generated import iam as shapes
from keystead.services import change, identifiers
from keystead.services.call import Call
from keystead.services.change import Change
from keystead.services.iam import attachments, documents, naming, paging, resources, tags, trust
from keystead.services.table import operation
from keystead.store.interface import Reader

_AT_ONCE: Final = 20


def keep(role: Identity, answer: Any = None) -> Change:
    """The role as it is to be from now on."""
    return Change(answer, (lambda transaction: transaction.put_identity(role),), (change.touch_identity(role),))


def _shown(call: Call[Any], role: Identity, **more: Any) -> shapes.Role:
    """What every answer has of a role, and ``more``."""
    return _with_trust(role, trust.shown(call, [role])[0], **more)


def _with_trust(role: Identity, policy: str, **more: Any) -> shapes.Role:
    return shapes.Role(
        path=role.path,
        role_name=role.name,
        role_id=role.unique_id,
        arn=role.arn,
        create_date=role.created,
        assume_role_policy_document=policy,
        **more,
    )


def last_used(call: Call[Any], role: Identity) -> shapes.RoleLastUsed:
    """When a session of the role last called, and in which region; nothing of a role that never was used."""
    use = call.facts.credential_use(role.unique_id)
    return shapes.RoleLastUsed() if use is None else shapes.RoleLastUsed(last_used_date=use.at, region=use.region)


@operation("iam:CreateRole", also=("iam:TagRole",), mutates=True)
def create_role(call: Call[shapes.CreateRoleRequest]) -> Change:
    request, account = call.request, call.caller.account
    path = request.path or naming.ROOT_PATH
    added = tags.given(request.tags)
    resource = arn.role_arn(account, path, request.role_name)
    call.permit("iam:CreateRole", resource, request_tags=added, permissions_boundary=request.permissions_boundary)
    if added:
        call.permit("iam:TagRole", resource, request_tags=added)
    role = Identity(
        IdentityKind.ROLE,
        account,
        path,
        request.role_name,
        identifiers.role_id(call.random),
        call.now,
        tags=tags.merged((), added, folded=True),
        boundary=attachments.boundary(call, request.permissions_boundary),
        trust=trust.bound(call, request.assume_role_policy_document),
        description=request.description or None,
        max_session=request.max_session_duration or MAX_SESSION,
    )
    taken, roles = call.facts.read(
        lambda reader: (
            reader.role(account, role.name) is not None,
            reader.count_identities(account, IdentityKind.ROLE),
        )
    )
    if taken:
        raise errors.role_exists(role.name)
    if roles >= ROLES:
        raise errors.quota_reached("RolesPerAccount", ROLES)
    made = _shown(
        call,
        role,
        permissions_boundary=attachments.shown_boundary(role.boundary),
        tags=tags.shown(role.tags) if added else None,
    )
    return keep(role, shapes.CreateRoleResponse(role=made))


@operation("iam:GetRole")
def get_role(call: Call[shapes.GetRoleRequest]) -> shapes.GetRoleResponse:
    role = resources.permitted_role(call, call.request.role_name, bounded=True)
    found = _shown(
        call,
        role,
        description=role.description,
        max_session_duration=role.max_session,
        permissions_boundary=attachments.shown_boundary(role.boundary),
        tags=tags.shown(tags.in_order(role.tags)) if role.tags else None,
        role_last_used=last_used(call, role),
    )
    return shapes.GetRoleResponse(role=found)


def _roles(reader: Reader, account: str, prefix: str, after: str | None) -> Iterator[Identity]:
    """The roles of the path, a few read at a time: a page may end with any."""
    while batch := reader.roles(account, prefix, after, _AT_ONCE):
        yield from batch
        after = batch[-1].name


@operation("iam:ListRoles")
def list_roles(call: Call[shapes.ListRolesRequest]) -> shapes.ListRolesResponse:
    account, prefix = call.caller.account, call.request.path_prefix or "/"
    naming.permit_list(call, "role", prefix)

    def find(reader: Reader, after: str | None, limit: int) -> Iterator[Identity]:
        return islice(_roles(reader, account, prefix, after), limit)

    found = paging.page(call, prefix, find, lambda role: role.name, documents.weight)
    return shapes.ListRolesResponse(
        roles=[
            _with_trust(role, policy, description=role.description, max_session_duration=role.max_session)
            for role, policy in zip(found.items, trust.shown(call, found.items), strict=True)
        ],
        is_truncated=found.is_truncated,
        marker=found.marker,
    )


@operation("iam:UpdateRole", mutates=True)
def update_role(call: Call[shapes.UpdateRoleRequest]) -> Change:
    request = call.request
    role = resources.permitted_role(call, request.role_name, bounded=True)
    changed = replace(
        role,
        description=role.description if request.description is None else request.description or None,
        max_session=request.max_session_duration or role.max_session,
    )
    return _kept_if_other(role, changed, shapes.UpdateRoleResponse())


@operation("iam:UpdateRoleDescription", mutates=True)
def update_role_description(call: Call[shapes.UpdateRoleDescriptionRequest]) -> Change:
    role = resources.permitted_role(call, call.request.role_name, bounded=True)
    changed = replace(role, description=call.request.description or None)
    found = _shown(call, changed, description=changed.description)
    return _kept_if_other(role, changed, shapes.UpdateRoleDescriptionResponse(role=found))


@operation("iam:UpdateAssumeRolePolicy", mutates=True)
def update_assume_role_policy(call: Call[shapes.UpdateAssumeRolePolicyRequest]) -> Change:
    role = resources.permitted_role(call, call.request.role_name, bounded=True)
    return _kept_if_other(role, replace(role, trust=trust.bound(call, call.request.policy_document)))


@operation("iam:DeleteRole", mutates=True)
def delete_role(call: Call[shapes.DeleteRoleRequest]) -> Change:
    role = resources.permitted_role(call, call.request.role_name, bounded=True)
    if role.inline:
        raise errors.must_first("delete policies")
    if role.attached:
        raise errors.must_first("detach all policies")
    delete = (lambda transaction: transaction.delete_identity(role.unique_id),)
    return Change(None, delete, (change.touch_identity(role),))


@operation("iam:PutRolePermissionsBoundary", mutates=True)
def put_role_permissions_boundary(call: Call[shapes.PutRolePermissionsBoundaryRequest]) -> Change:
    asked = call.request.permissions_boundary
    role = resources.permitted_role(call, call.request.role_name, permissions_boundary=asked)
    return _kept_if_other(role, replace(role, boundary=attachments.boundary(call, asked)))


@operation("iam:DeleteRolePermissionsBoundary", mutates=True)
def delete_role_permissions_boundary(call: Call[shapes.DeleteRolePermissionsBoundaryRequest]) -> Change:
    role = resources.permitted_role(call, call.request.role_name, bounded=True)
    if role.boundary is None:
        raise errors.no_boundary("role", role.name)
    return keep(replace(role, boundary=None))


@operation("iam:ListInstanceProfilesForRole")
def list_instance_profiles_for_role(
    call: Call[shapes.ListInstanceProfilesForRoleRequest],
) -> shapes.ListInstanceProfilesForRoleResponse:
    resources.permitted_role(call, call.request.role_name)
    found = paging.empty(call)
    return shapes.ListInstanceProfilesForRoleResponse(
        instance_profiles=[], is_truncated=found.is_truncated, marker=found.marker
    )


def _kept_if_other(before: Identity, after: Identity, answer: Any = None) -> Change:
    """A change that changes nothing writes nothing."""
    return Change(answer) if after == before else keep(after, answer)
