"""Sessions of roles: AssumeRole.

https://docs.aws.amazon.com/STS/latest/APIReference/API_AssumeRole.html

Guarantees: that a role is not there, and that it does not trust the caller, look alike. Tags and a source identity that
a session is to have, handed on ones included, need the trust policy's permission of their own (sts:TagSession,
sts:SetSourceIdentity), as on AWS."""

from __future__ import annotations

from typing import Any, Final

from keystead import errors
from keystead.domain import arn
from keystead.domain.caller import PrincipalKind, Session
from keystead.domain.identity import Identity, IdentityKind
from keystead.domain.sessions import Tagged, seconds_of_role, source_identity, tagged
from keystead.model.generated.sts import AssumedRoleUser, AssumeRoleRequest, AssumeRoleResponse
from keystead.services.call import Call
from keystead.services.sts.issuing import issue, limits, tags
from keystead.services.table import operation

ASSUME: Final = "sts:AssumeRole"


@operation(
    "sts:AssumeRole",
    also=("sts:TagSession", "sts:SetSourceIdentity"),
    withheld=("serial_number", "token_code", "provided_contexts"),
    answer_logged=True,
)
def assume_role(call: Call[AssumeRoleRequest]) -> AssumeRoleResponse:
    request, who = call.request, call.caller.principal
    account = account_of(request.role_arn)
    if who.kind is PrincipalKind.ROOT:
        call.asked = True
        raise errors.roles_not_for_root()
    calling = who.session
    tagging = tagged(tags(request.tags), request.transitive_tag_keys or (), calling)
    source = source_identity(request.source_identity, calling)
    facts = {
        "external_id": request.external_id,
        "role_session_name": request.role_session_name,
    }
    if who.kind is PrincipalKind.FEDERATED_USER:
        call.asked = True
        raise errors.role_out_of_reach(call.caller.arn, ASSUME, request.role_arn)
    role = find(call, request.role_arn)
    if role is None:
        raise call.no_role(ASSUME, request.role_arn, account, **asked_of(tagging, source, facts))
    permit(call, role, ASSUME, tagging, source, facts)
    seconds = seconds_of_role(
        request.duration_seconds, role.max_session, chained=who.kind is PrincipalKind.ASSUMED_ROLE
    )
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
    )
    credentials, size, utilization = issue(call, session, request.minimum_session_token_size)
    return AssumeRoleResponse(
        credentials=credentials,
        assumed_role_user=user_of(role, request.role_session_name),
        packed_policy_size=utilization,
        source_identity=source,
        session_token_utilization=utilization,
        session_token_size=size,
    )


def account_of(role_arn: str) -> str:
    """The account of the role that an ARN names; ValidationError where it names none."""
    parsed = arn.parse(role_arn)
    if parsed is None or parsed.service != "iam" or not parsed.resource.startswith("role/"):
        raise errors.invalid_role_arn(role_arn)
    return parsed.account


def find(call: Call[Any], role_arn: str) -> Identity | None:
    """The role of that ARN."""
    found = call.facts.read(lambda reader: reader.identity(role_arn))
    return found if found is not None and found.kind is IdentityKind.ROLE else None


def permit(
    call: Call[Any], role: Identity, action: str, tagging: Tagged, source: str | None, facts: dict[str, Any]
) -> None:
    """Ask all that a session with these tags and this source identity needs of the role's trust policy and of the
    caller's own policies."""
    facts = asked_of(tagging, source, facts)
    call.permit_role(action, role, **facts)
    if tagging.asked:
        call.permit_role("sts:TagSession", role, **facts)
    if source is not None:
        call.permit_role("sts:SetSourceIdentity", role, **facts)


def asked_of(tagging: Tagged, source: str | None, facts: dict[str, Any]) -> dict[str, Any]:
    """The facts of a request for a session, for condition keys."""
    return {
        **facts,
        "request_tags": tagging.passed or None,
        "transitive_tag_keys": tagging.transitive or None,
        "session_source_identity": source,
    }


def user_of(role: Identity, name: str) -> AssumedRoleUser:
    return AssumedRoleUser(
        assumed_role_id=f"{role.unique_id}:{name}", arn=arn.role_session_arn(role.account, role.name, name)
    )
