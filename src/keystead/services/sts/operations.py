"""The STS table: every row of this service, and every operation of the pinned model that is not offered, with its
reason. `docs/operations.md` shows all of it."""

from __future__ import annotations

from typing import Final

from keystead.domain.regions import DEFAULT_REGION
from keystead.services.sts import identity, roles, users, webidentity
from keystead.services.table import Service, collect

NOT_OFFERED: Final = {
    "AssumeRoleWithSAML": "federation with SAML is not offered",
    "AssumeRoot": "accounts do not form an organization",
    "DecodeAuthorizationMessage": "refusals carry no encoded message",
    "GetDelegatedAccessToken": "requests for delegation are not offered",
    "GetWebIdentityToken": "Keystead is no issuer of web identities",
}

MEMBERS_NOT_OFFERED: Final = {
    "serial_number": "there are no devices for a second factor",
    "token_code": "there are no devices for a second factor",
    "provided_contexts": "there is no Identity Center that would make context assertions",
    "provider_id": "tokens of OAuth 2.0 providers are not taken, those of OpenID Connect need it not",
}

STS: Final = Service(
    name="sts",
    event_source="sts.amazonaws.com",
    rows=collect((identity, roles, users, webidentity)),
    not_offered=NOT_OFFERED,
    members_not_offered=MEMBERS_NOT_OFFERED,
    also_signed_for=frozenset({DEFAULT_REGION}),
)
