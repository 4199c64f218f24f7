"""GetAccountAuthorizationDetails: every user, group, role and managed policy of the account, with all that says what they
may do.

https://docs.aws.amazon.com/IAM/latest/APIReference/API_GetAccountAuthorizationDetails.html. Of the policies that AWS
manages those are listed that the account makes use of."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from itertools import islice
from typing import Any, Final, NamedTuple

from keystead.domain import awspolicies
from keystead.domain.identity import Group, Identity, ManagedPolicy
from keystead.model.generated import iam as shapes
from keystead.services.call import Call
from keystead.services.iam import attachments, documents, policies, policyversions, tags, trust
from keystead.services.iam.paging import page
from keystead.services.iam.roles import last_used
from keystead.services.table import operation
from keystead.store.interface import Reader

_AT_ONCE: Final = 20
_ALL: Final = "/"  # the path of everything


class _Entry(NamedTuple):
    kind: str  # EntityType
    thing: Identity | Group | ManagedPolicy


@operation("iam:GetAccountAuthorizationDetails")
def get_account_authorization_details(
    call: Call[shapes.GetAccountAuthorizationDetailsRequest],
) -> shapes.GetAccountAuthorizationDetailsResponse:
    call.permit("iam:GetAccountAuthorizationDetails", shown="*")
    account = call.caller.account
    wanted = [kind for kind in _LISTS if kind in (call.request.filter or _LISTS)]

    def find(reader: Reader, after: str | None, limit: int) -> Iterator[_Entry]:
        return islice(_entries(reader, account, wanted, after), limit)

    found = page(call, " ".join(wanted), find, lambda each: f"{each.kind}/{each.thing.name}", _weight)
    shown = {kind: _SHOWN[kind](call, [each.thing for each in found.items if each.kind == kind]) for kind in _LISTS}
    return shapes.GetAccountAuthorizationDetailsResponse(
        user_detail_list=shown["User"],
        group_detail_list=shown["Group"],
        role_detail_list=shown["Role"],
        policies=shown["LocalManagedPolicy"] + shown["AWSManagedPolicy"],
        is_truncated=found.is_truncated,
        marker=found.marker,
    )


def _weight(entry: _Entry) -> int:
    if isinstance(entry.thing, ManagedPolicy):
        return sum(len(version.text) for version in entry.thing.versions)
    return documents.weight(entry.thing)


def _entries(reader: Reader, account: str, kinds: list[str], after: str | None) -> Iterator[_Entry]:
    """Everything of these kinds behind the place ``after``, kind by kind, each by name."""
    begun, _, last = (after or "").partition("/")
    for kind in kinds[kinds.index(begun) :] if begun else kinds:
        name = last if kind == begun else None
        while batch := _LISTS[kind](reader, account, name):
            for thing in batch:
                yield _Entry(kind, thing)
            name = batch[-1].name


def _in_use(reader: Reader, account: str, after: str | None) -> list[ManagedPolicy]:
    """The policies of AWS that the account makes use of."""
    return [
        policy
        for policy in sorted(awspolicies.POLICIES.values(), key=lambda each: each.name)
        if (after is None or policy.name > after) and reader.attached_to(account, policy.arn, None, 1)
    ]


_LISTS: Final[dict[str, Callable[[Reader, str, str | None], Any]]] = {
    "User": lambda reader, account, after: reader.users(account, _ALL, after, _AT_ONCE),
    "Group": lambda reader, account, after: reader.groups(account, _ALL, after, _AT_ONCE),
    "Role": lambda reader, account, after: reader.roles(account, _ALL, after, _AT_ONCE),
    "LocalManagedPolicy": lambda reader, account, after: reader.managed_policies(account, _ALL, after, _AT_ONCE),
    "AWSManagedPolicy": _in_use,
}


# --- shown ------------------------------------------------------------------------------------------------------------


def _inline(holder: Identity | Group) -> list[shapes.PolicyDetail]:
    return [
        shapes.PolicyDetail(policy_name=name, policy_document=documents.encoded(text)) for name, text in holder.inline
    ]


def _user(user: Identity) -> shapes.UserDetail:
    return shapes.UserDetail(
        path=user.path,
        user_name=user.name,
        user_id=user.unique_id,
        arn=user.arn,
        create_date=user.created,
        user_policy_list=_inline(user) or None,
        group_list=list(user.groups),
        attached_managed_policies=attachments.shown(user.attached),
        permissions_boundary=attachments.shown_boundary(user.boundary),
        tags=tags.shown(tags.in_order(user.tags)),
    )


def _group(group: Group) -> shapes.GroupDetail:
    return shapes.GroupDetail(
        path=group.path,
        group_name=group.name,
        group_id=group.unique_id,
        arn=group.arn,
        create_date=group.created,
        group_policy_list=_inline(group),
        attached_managed_policies=attachments.shown(group.attached),
    )


def _role(call: Call[Any], role: Identity, trusting: str) -> shapes.RoleDetail:
    return shapes.RoleDetail(
        path=role.path,
        role_name=role.name,
        role_id=role.unique_id,
        arn=role.arn,
        create_date=role.created,
        assume_role_policy_document=trusting,
        instance_profile_list=[],
        role_policy_list=_inline(role),
        attached_managed_policies=attachments.shown(role.attached),
        permissions_boundary=attachments.shown_boundary(role.boundary),
        tags=tags.shown(tags.in_order(role.tags)),
        role_last_used=last_used(call, role),
    )


def _policy(reader: Reader, account: str, policy: ManagedPolicy) -> shapes.ManagedPolicyDetail:
    return shapes.ManagedPolicyDetail(
        policy_name=policy.name,
        policy_id=policy.unique_id,
        arn=policy.arn,
        path=policy.path,
        default_version_id=policies.version_id(policy.default),
        attachment_count=reader.count_attachments(account, policy.arn, as_boundary=False),
        permissions_boundary_usage_count=reader.count_attachments(account, policy.arn, as_boundary=True),
        is_attachable=True,
        description=policy.description or None,
        create_date=policy.created,
        update_date=policy.updated,
        policy_version_list=policyversions.listed(policy, document=True),
    )


def _roles(call: Call[Any], roles: Sequence[Identity]) -> list[shapes.RoleDetail]:
    policies = trust.shown(call, roles)
    return [_role(call, role, policy) for role, policy in zip(roles, policies, strict=True)]


def _policies(call: Call[Any], found: Sequence[ManagedPolicy]) -> list[shapes.ManagedPolicyDetail]:
    return call.facts.read(lambda reader: [_policy(reader, call.caller.account, each) for each in found])


_SHOWN: Final[dict[str, Callable[[Call[Any], Any], list[Any]]]] = {
    "User": lambda _call, users: list(map(_user, users)),
    "Group": lambda _call, groups: list(map(_group, groups)),
    "Role": _roles,
    "LocalManagedPolicy": _policies,
    "AWSManagedPolicy": _policies,
}
