"""Sessions of users: GetSessionToken for the caller itself, GetFederationToken for others on its behalf; and
GetAccessKeyInfo.

https://docs.aws.amazon.com/STS/latest/APIReference/API_GetSessionToken.html
https://docs.aws.amazon.com/STS/latest/APIReference/API_GetFederationToken.html
https://docs.aws.amazon.com/STS/latest/APIReference/API_GetAccessKeyInfo.html

Only long-term credentials may ask for them, so that no session outlives itself."""

from __future__ import annotations

from typing import Any

from keystead import errors
from keystead.domain import arn
from keystead.domain.caller import PrincipalKind, Session
from keystead.domain.sessions import seconds_of_user, tagged
from keystead.model.generated.sts import (
    FederatedUser,
    GetAccessKeyInfoRequest,
    GetAccessKeyInfoResponse,
    GetFederationTokenRequest,
    GetFederationTokenResponse,
    GetSessionTokenRequest,
    GetSessionTokenResponse,
)
from keystead.services.call import Call
from keystead.services.sts.issuing import issue, limits, tags
from keystead.services.table import operation


@operation(
    "sts:GetSessionToken",
    unasked="it proves the caller anew and gives nothing more; no policy can deny it",
    withheld=("serial_number", "token_code"),
    answer_logged=True,
)
def get_session_token(call: Call[GetSessionTokenRequest]) -> GetSessionTokenResponse:
    request, who = call.request, call.caller.principal
    _long_term(call, "GetSessionToken")
    issued = int(call.now)
    seconds = seconds_of_user(request.duration_seconds, root=who.kind is PrincipalKind.ROOT)
    session = Session(who.kind, who.account, who.identity_id, "", issued, issued + seconds)
    credentials, size, utilization = issue(call, session, request.minimum_session_token_size)
    return GetSessionTokenResponse(
        credentials=credentials, session_token_utilization=utilization, session_token_size=size
    )


@operation("sts:GetFederationToken", also=("sts:TagSession",), answer_logged=True)
def get_federation_token(call: Call[GetFederationTokenRequest]) -> GetFederationTokenResponse:
    request, who = call.request, call.caller.principal
    _long_term(call, "GetFederationToken")
    federated = arn.federated_user_arn(who.account, request.name)
    tagging = tagged(tags(request.tags), (), None)
    call.permit("sts:GetFederationToken", federated, request_tags=tagging.passed or None)
    if tagging.asked:
        call.permit("sts:TagSession", federated, request_tags=tagging.passed)
    policy, arns = limits(call, who.account, request.policy, request.policy_arns)
    issued = int(call.now)
    seconds = seconds_of_user(request.duration_seconds, root=who.kind is PrincipalKind.ROOT)
    session = Session(
        PrincipalKind.FEDERATED_USER,
        who.account,
        who.identity_id,
        request.name,
        issued,
        issued + seconds,
        policy,
        arns,
        tagging.all,
    )
    credentials, size, utilization = issue(call, session, request.minimum_session_token_size)
    return GetFederationTokenResponse(
        credentials=credentials,
        federated_user=FederatedUser(federated_user_id=f"{who.account}:{request.name}", arn=federated),
        packed_policy_size=utilization,
        session_token_utilization=utilization,
        session_token_size=size,
    )


@operation("sts:GetAccessKeyInfo")
def get_access_key_info(call: Call[GetAccessKeyInfoRequest]) -> GetAccessKeyInfoResponse:
    """The account of a long-term access key. That of a temporary one stands in its token alone."""
    session = call.caller.principal.session
    if session is not None and session.kind is not PrincipalKind.ASSUMED_ROLE:
        _long_term(call, "GetAccessKeyInfo")
    call.permit("sts:GetAccessKeyInfo")
    found = call.facts.read(lambda reader: reader.access_key(call.request.access_key_id))
    owner = None if found is None else call.facts.read(lambda reader: reader.identity_with_id(found.identity_id))
    if owner is None:
        raise errors.access_key_of_nobody()
    return GetAccessKeyInfoResponse(account=owner.account)


def _long_term(call: Call[Any], name: str) -> None:
    if call.caller.principal.session is not None:
        call.asked = True
        raise errors.not_with_session_credentials(name)
