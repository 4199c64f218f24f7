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
from keystead.services import change
from keystead.services.call import Call
from keystead.services.change import Change
from keystead.services.table import operation
from keystead.store.interface import Reader

DEFAULT = "default"


def check_policy(call: Call[Any], text: str, key_arn: str, *, bypass: bool) -> None:
    """Refuse a key policy that is too long, does not parse, or would lock out the caller (unless told to ``bypass``
    that last check)."""
    if len(text.encode()) > limits.KEY_POLICY_BYTES:
        raise errors.limit_exceeded(f"The key policy is larger than the limit of {limits.KEY_POLICY_BYTES} bytes.")
    policy = document.parse_key_policy(text)
    if not call.facts.read(lambda reader: _all_exist(reader, policy.identities)):
        raise invalid_principals()
    if not bypass and not decide.allows_put_policy(policy, call.caller, key_arn):
        raise errors.policy_lockout()


def _all_exist(reader: Reader, identities: frozenset[str]) -> bool:
    """Whether every user and role that a policy names by ARN is one of ours. A unique id is what is left of a
    principal that was deleted: it matches nobody, and a policy that shows one can be put back as it is."""
    return all(reader.identity(name) is not None for name in identities if name.startswith("arn:"))


@operation("GetKeyPolicy", keys=KeyTypes.ANY, logged={"key_id": None, "policy_name": DEFAULT})
def get_key_policy(call: Call[GetKeyPolicyRequest]) -> GetKeyPolicyResponse:
    key = call.key(call.request.key_id)
    if call.request.policy_name not in {None, DEFAULT}:
        raise errors.no_such_policy()
    return GetKeyPolicyResponse(policy=key.policy, policy_name=DEFAULT)


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
    check_policy(call, request.policy, key.arn, bypass=bypass)
    return change.keep(replace(key, policy=request.policy))
