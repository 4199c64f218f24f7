"""Sessions of roles for whom an identity provider vouches: AssumeRoleWithWebIdentity.

https://docs.aws.amazon.com/STS/latest/APIReference/API_AssumeRoleWithWebIdentity.html

The request is unsigned; `introductions` has proved its token before it gets here. The trust policy of the role alone
decides: whoever the provider vouches for has no policies of his own."""

from __future__ import annotations

from typing import Final

from keystead import errors
from keystead.domain.caller import PrincipalKind, Session
from keystead.domain.sessions import seconds_of_role, source_identity, tagged
from keystead.model.generated.sts import AssumeRoleWithWebIdentityRequest, AssumeRoleWithWebIdentityResponse
from keystead.services.call import Call
from keystead.services.sts.issuing import issue, limits
from keystead.services.sts.roles import find, permit, user_of
from keystead.services.table import operation

ASSUME: Final = "sts:AssumeRoleWithWebIdentity"


@operation(
    "sts:AssumeRoleWithWebIdentity",
    also=("sts:TagSession", "sts:SetSourceIdentity"),
    withheld=("provider_id",),
    unsigned=True,
    answer_logged=True,
)
def assume_role_with_web_identity(call: Call[AssumeRoleWithWebIdentityRequest]) -> AssumeRoleWithWebIdentityResponse:
    request, who = call.request, call.caller.principal
    said = who.session
    if who.kind is not PrincipalKind.WEB_IDENTITY or said is None:
        raise PermissionError(f"{ASSUME} without an introduction")
    tagging = tagged(said.tags, said.transitive, None)
    source = source_identity(said.source_identity, None)
    role = find(call, request.role_arn)
    if role is None:
        call.asked = True
        raise errors.web_identity_denied(ASSUME, detail="no such role")
    facts = {"role_session_name": request.role_session_name}
    permit(call, role, ASSUME, tagging, source, facts)
    seconds = seconds_of_role(request.duration_seconds, role.max_session, chained=False)
    policy, arns = limits(call, role.account, request.policy, request.policy_arns)
    issued = int(call.now)
    session = Session(
        PrincipalKind.ASSUMED_ROLE,
        role.account,
        role.unique_id,
        request.role_session_name,
        issued,
        issued + seconds,
        policy,
        arns,
        tagging.all,
        tagging.transitive,
        source,
        said.provider,
    )
    credentials, size, utilization = issue(call, session, request.minimum_session_token_size)
    claims = dict(said.claims)
    host = who.arn.partition("/")[2]
    return AssumeRoleWithWebIdentityResponse(
        credentials=credentials,
        subject_from_web_identity_token=who.name,
        assumed_role_user=user_of(role, request.role_session_name),
        packed_policy_size=utilization,
        provider=said.provider,
        audience=claims[f"{host}:aud"],
        source_identity=source,
        session_token_utilization=utilization,
        session_token_size=size,
    )
