"""GetCallerIdentity: who the caller is.

https://docs.aws.amazon.com/STS/latest/APIReference/API_GetCallerIdentity.html
"""

from __future__ import annotations

from keystead.model.generated.sts import GetCallerIdentityRequest, GetCallerIdentityResponse
from keystead.services.call import Call
from keystead.services.table import operation


@operation("sts:GetCallerIdentity", unasked="a caller may always know who he is, whatever a policy says")
def get_caller_identity(call: Call[GetCallerIdentityRequest]) -> GetCallerIdentityResponse:
    who = call.caller.principal
    return GetCallerIdentityResponse(user_id=who.unique_id, account=who.account, arn=who.arn)
