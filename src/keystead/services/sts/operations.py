"""The STS table: every row of this service, and every operation of the pinned model that is not offered, with its
reason. `docs/operations.md` shows all of it."""

from __future__ import annotations

from typing import Final

from keystead.domain.regions import DEFAULT_REGION
from keystead.services.sts import identity
from keystead.services.table import Service, collect

NOT_OFFERED: Final = {
    "AssumeRole": "roles cannot be assumed yet",
    "AssumeRoleWithSAML": "federation with SAML is not offered",
    "AssumeRoleWithWebIdentity": "roles cannot be assumed yet",
    "AssumeRoot": "accounts do not form an organization",
    "DecodeAuthorizationMessage": "refusals carry no encoded message",
    "GetAccessKeyInfo": "access keys of other accounts are nobody's business",
    "GetDelegatedAccessToken": "requests for delegation are not offered",
    "GetFederationToken": "sessions of users are not offered yet",
    "GetSessionToken": "sessions of users are not offered yet",
    "GetWebIdentityToken": "Keystead is no issuer of web identities",
}

STS: Final = Service(
    name="sts",
    event_source="sts.amazonaws.com",
    rows=collect((identity,)),
    not_offered=NOT_OFFERED,
    also_signed_for=frozenset({DEFAULT_REGION}),
)
