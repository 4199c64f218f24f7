"""GetKeyPolicy, PutKeyPolicy, ListKeyPolicies. A key has exactly one policy, named ``default``.

https://docs.aws.amazon.com/kms/latest/APIReference/API_PutKeyPolicy.html
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from keystead import errors
from keystead.domain import limits
from keystead.domain.keytypes import KeyTypes
from keystead.domain.policy import decide, document
from keystead.domain.policy.principals import invalid_principals
from keystead.model.generated.kms import (
    GetKeyPolicyRequest,
    GetKeyPolicyResponse,
    ListKeyPoliciesRequest,
    ListKeyPoliciesResponse,
    PutKeyPolicyRequest,
)
from keystead.services import change, principals
from keystead.services.call import Call
from keystead.services.change import Change
from keystead.services.table import operation

DEFAULT = "default"


def checked_policy(call: Call[Any], text: str, key_arn: str, *, bypass: bool) -> str:
    """A key policy as it is kept. Refuses one that is too long, does not parse, names somebody who does not exist, or
    would lock out the caller (unless told to ``bypass`` that last check)."""
    if len(text.encode()) > limits.KEY_POLICY_BYTES:
        raise errors.limit_exceeded(f"The key policy is larger than the limit of {limits.KEY_POLICY_BYTES} bytes.")
    policy = document.parse_key_policy(text)
    kept = call.facts.read(lambda reader: principals.bind_policy(reader, text, policy.identities))
    if kept is None:
        raise invalid_principals()
    if not bypass and not decide.allows_put_policy(policy, call.caller, key_arn):
        raise errors.policy_lockout()
    return kept


@operation("GetKeyPolicy", keys=KeyTypes.ANY, logged={"key_id": None, "policy_name": DEFAULT})
def get_key_policy(call: Call[GetKeyPolicyRequest]) -> GetKeyPolicyResponse:
    key = call.key(call.request.key_id)
    if call.request.policy_name not in {None, DEFAULT}:
        raise errors.no_such_policy()
    shown = call.facts.read(lambda reader: principals.show_policy(reader, key.policy))
    return GetKeyPolicyResponse(policy=shown, policy_name=DEFAULT)


@operation("ListKeyPolicies", keys=KeyTypes.ANY, logged={"key_id": None, "limit": None, "marker": None})
def list_key_policies(call: Call[ListKeyPoliciesRequest]) -> ListKeyPoliciesResponse:
    key = call.key(call.request.key_id)
    # There is never a second page, so a marker that is genuine for this list cannot exist.
    page, marker = call.page(
        call.request.limit, call.request.marker, key.key_id, lambda _reader, _after, _limit: [DEFAULT], str
    )
    return ListKeyPoliciesResponse(policy_names=list(page.items), truncated=page.truncated, next_marker=marker)


@operation(
    "PutKeyPolicy",
    keys=KeyTypes.ANY,
    mutates=True,
    logged={
        "key_id": None,
        "policy_name": DEFAULT,
        "policy": None,
        "bypass_policy_lockout_safety_check": False,
    },
)
def put_key_policy(call: Call[PutKeyPolicyRequest]) -> Change:
    request = call.request
    bypass = bool(request.bypass_policy_lockout_safety_check)
    key = call.key(request.key_id, bypass_lockout=bypass)
    if request.policy_name not in {None, DEFAULT}:
        raise errors.no_such_policy()
    return change.keep(replace(key, policy=checked_policy(call, request.policy, key.arn, bypass=bypass)))
