"""CreateAccessKey, ListAccessKeys, UpdateAccessKey, DeleteAccessKey, GetAccessKeyLastUsed.

https://docs.aws.amazon.com/IAM/latest/APIReference/API_CreateAccessKey.html. A secret access key stands in the answer
to CreateAccessKey and nowhere else: not in the audit record, and in the store only sealed to its user."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, Final

from keystead import errors
from keystead.domain.iamquotas import ACCESS_KEYS_PER_USER
from keystead.domain.identity import Identity, IdentityKind
from keystead.model.generated import iam as shapes
from keystead.services import change
from keystead.services.call import Call
from keystead.services.change import Change
from keystead.services.iam import naming
from keystead.services.iam.paging import page_of
from keystead.services.table import operation
from keystead.store.identities import StoredAccessKey

ACTIVE: Final = "Active"
INACTIVE: Final = "Inactive"
_NEVER: Final = "N/A"  # AWS's word for the service and region of a use that there has not been


def _status(key: StoredAccessKey) -> str:
    return ACTIVE if key.active else INACTIVE


def _name(owner: Identity) -> str | None:
    return None if owner.kind is IdentityKind.ROOT else owner.name


@operation("iam:CreateAccessKey", mutates=True)
def create_access_key(call: Call[shapes.CreateAccessKeyRequest]) -> Change:
    user = naming.permitted_self(call, call.request.user_name)
    if len(_held(call, user)) >= ACCESS_KEYS_PER_USER:
        raise errors.quota_reached("AccessKeysPerUser", ACCESS_KEYS_PER_USER)
    key, secret = call.new_access_key(user)
    answer = shapes.CreateAccessKeyResponse(
        access_key=shapes.AccessKey(
            user_name=_name(user),  # type: ignore[arg-type]  # the model has no root users
            access_key_id=key.access_key_id,
            status=_status(key),
            secret_access_key=secret,
            create_date=key.created,
        )
    )
    return _keep(user, key, answer)


@operation("iam:ListAccessKeys")
def list_access_keys(call: Call[shapes.ListAccessKeysRequest]) -> shapes.ListAccessKeysResponse:
    user = naming.permitted_self(call, call.request.user_name)
    found = page_of(call, user.unique_id, _held(call, user), lambda key: key.access_key_id)
    return shapes.ListAccessKeysResponse(
        access_key_metadata=[
            shapes.AccessKeyMetadata(
                user_name=_name(user), access_key_id=key.access_key_id, status=_status(key), create_date=key.created
            )
            for key in found.items
        ],
        is_truncated=found.is_truncated,
        marker=found.marker,
    )


@operation("iam:UpdateAccessKey", mutates=True)
def update_access_key(call: Call[shapes.UpdateAccessKeyRequest]) -> Change:
    user = naming.permitted_self(call, call.request.user_name)
    key = _of(call, user, call.request.access_key_id)
    if call.request.status not in {ACTIVE, INACTIVE}:
        raise errors.status_not_settable(call.request.status)
    active = call.request.status == ACTIVE
    return Change(None) if active == key.active else _keep(user, replace(key, active=active))


@operation("iam:DeleteAccessKey", mutates=True)
def delete_access_key(call: Call[shapes.DeleteAccessKeyRequest]) -> Change:
    user = naming.permitted_self(call, call.request.user_name)
    key = _of(call, user, call.request.access_key_id)
    delete = (lambda transaction: transaction.delete_access_key(key.access_key_id),)
    return Change(None, delete, (change.touch_access_key(user.account, key.access_key_id),), shreds=True)


@operation("iam:GetAccessKeyLastUsed")
def get_access_key_last_used(call: Call[shapes.GetAccessKeyLastUsedRequest]) -> shapes.GetAccessKeyLastUsedResponse:
    access_key_id = call.request.access_key_id
    key = call.facts.read(lambda reader: reader.access_key(access_key_id))
    owner = None if key is None else call.facts.read(lambda reader: reader.identity_with_id(key.identity_id))
    if owner is None or owner.account != call.caller.account:
        raise errors.access_key_hidden(call.caller.arn, access_key_id)
    try:
        call.permit("iam:GetAccessKeyLastUsed", owner.arn, resource_tags=owner.tags)
    except errors.Refusal as refusal:
        raise errors.access_key_hidden(call.caller.arn, access_key_id, detail=refusal.detail) from None
    use = call.facts.credential_use(access_key_id)
    return shapes.GetAccessKeyLastUsedResponse(
        user_name=_name(owner),
        access_key_last_used=shapes.AccessKeyLastUsed(
            last_used_date=None if use is None else use.at,
            service_name=_NEVER if use is None else use.service,
            region=_NEVER if use is None else use.region,
        ),
    )


def _held(call: Call[Any], user: Identity) -> list[StoredAccessKey]:
    return call.facts.read(lambda reader: reader.access_keys(user.unique_id))


def _of(call: Call[Any], user: Identity, access_key_id: str) -> StoredAccessKey:
    """The access key of that id, if it is the user's."""
    found = call.facts.read(lambda reader: reader.access_key(access_key_id))
    if found is None or found.identity_id != user.unique_id:
        raise errors.access_key_not_found(access_key_id)
    return found


def _keep(user: Identity, key: StoredAccessKey, answer: Any = None) -> Change:
    touch = change.touch_access_key(user.account, key.access_key_id)
    return Change(answer, (lambda transaction: transaction.put_access_key(key),), (touch,))
