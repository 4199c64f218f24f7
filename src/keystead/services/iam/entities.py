"""ListEntitiesForPolicy: whom a managed policy is attached to, and whose permissions boundary it is.

https://docs.aws.amazon.com/IAM/latest/APIReference/API_ListEntitiesForPolicy.html"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from keystead.domain.identity import Group, Identity
from keystead.model.generated import iam as shapes
from keystead.services.call import Call
from keystead.services.iam import resources
from keystead.services.iam.paging import page
from keystead.services.table import operation
from keystead.store.identities import Holder
from keystead.store.interface import Reader

_AT_ONCE: Final = 200


@operation("iam:ListEntitiesForPolicy")
def list_entities_for_policy(call: Call[shapes.ListEntitiesForPolicyRequest]) -> shapes.ListEntitiesForPolicyResponse:
    request, account = call.request, call.caller.account
    policy = resources.permitted_policy(call, request.policy_arn)
    prefix, kind, usage = request.path_prefix or "/", request.entity_filter, request.policy_usage_filter

    def find(reader: Reader, after: str | None, limit: int) -> list[tuple[str, Identity | Group]]:
        found: list[tuple[str, Identity | Group]] = []
        for holder in _holders(reader, account, policy.arn, after):
            if (kind and holder.kind != kind) or (usage and holder.as_boundary is not (usage == _BOUNDARY)):
                continue
            entity = _entity(reader, account, holder)
            if entity is None or not entity.path.startswith(prefix) or (holder.kind, entity) in found[-1:]:
                continue  # who has it attached and as boundary is there once
            found.append((holder.kind, entity))
            if len(found) == limit:
                break
        return found

    found = page(call, f"{policy.arn} {kind} {usage} {prefix}", find, lambda each: f"{each[0]}/{each[1].name}")
    return shapes.ListEntitiesForPolicyResponse(
        policy_groups=[
            shapes.PolicyGroup(group_name=each.name, group_id=each.unique_id)
            for kind, each in found.items
            if kind == "Group"
        ],
        policy_users=[
            shapes.PolicyUser(user_name=each.name, user_id=each.unique_id)
            for kind, each in found.items
            if kind == "User"
        ],
        policy_roles=[
            shapes.PolicyRole(role_name=each.name, role_id=each.unique_id)
            for kind, each in found.items
            if kind == "Role"
        ],
        is_truncated=found.is_truncated,
        marker=found.marker,
    )


_BOUNDARY: Final = "PermissionsBoundary"


def _holders(reader: Reader, account: str, policy_arn: str, after: str | None) -> Iterator[Holder]:
    last: Holder | None = None
    if after is not None:
        kind, _, name = after.partition("/")
        last = Holder(kind, name, as_boundary=True)  # the last that can be of that name
    while batch := reader.attached_to(account, policy_arn, last, _AT_ONCE):
        yield from batch
        last = batch[-1]


def _entity(reader: Reader, account: str, holder: Holder) -> Identity | Group | None:
    """Who that is, as its own row says; an index has no say in it."""
    if holder.kind == "Group":
        return reader.group(account, holder.name)
    return reader.user(account, holder.name) if holder.kind == "User" else reader.role(account, holder.name)
