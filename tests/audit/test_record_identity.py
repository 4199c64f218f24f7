"""Who did it: every kind of caller in the form that CloudTrail gives it, member by member and in order."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest

from keystead.audit import record
from keystead.domain.caller import Caller, Principal, PrincipalKind, Session

ACCOUNT = "111122223333"
ALICE = Principal(PrincipalKind.USER, ACCOUNT, f"arn:aws:iam::{ACCOUNT}:user/alice", "AIDAEXAMPLE", "alice")

ROLE = f"arn:aws:iam::{ACCOUNT}:role/path/deploy"
BEGAN = 1_767_312_000.0
SESSION = Principal(
    PrincipalKind.ASSUMED_ROLE,
    ACCOUNT,
    f"arn:aws:sts::{ACCOUNT}:assumed-role/deploy/me",
    "AROAX:me",
    role_arn=ROLE,
    session=Session(PrincipalKind.ASSUMED_ROLE, ACCOUNT, "AROAX", "me", BEGAN, BEGAN + 3_600),
)
PROVIDER = f"arn:aws:iam::{ACCOUNT}:oidc-provider/idp.example.com"
BEGINNING = {"creationDate": "2026-01-02T00:00:00Z", "mfaAuthenticated": "false"}


@pytest.mark.parametrize(
    ("principal", "expected"),
    [
        (
            Principal(PrincipalKind.ROOT, ACCOUNT, f"arn:aws:iam::{ACCOUNT}:root", ACCOUNT, "root"),
            {
                "type": "Root",
                "principalId": ACCOUNT,
                "arn": f"arn:aws:iam::{ACCOUNT}:root",
                "accountId": ACCOUNT,
                "accessKeyId": "AKIAEXAMPLE",
            },
        ),
        (
            SESSION,
            {
                "type": "AssumedRole",
                "principalId": "AROAX:me",
                "arn": SESSION.arn,
                "accountId": ACCOUNT,
                "accessKeyId": "AKIAEXAMPLE",
                "sessionContext": {
                    "sessionIssuer": {
                        "type": "Role",
                        "principalId": "AROAX",
                        "arn": ROLE,
                        "accountId": ACCOUNT,
                        "userName": "deploy",
                    },
                    "attributes": {"creationDate": "2026-01-02T00:00:00Z", "mfaAuthenticated": "false"},
                },
            },
        ),
        (
            replace(SESSION, session=replace(SESSION.session, source_identity="alice", provider=PROVIDER)),
            {
                "type": "AssumedRole",
                "principalId": "AROAX:me",
                "arn": SESSION.arn,
                "accountId": ACCOUNT,
                "accessKeyId": "AKIAEXAMPLE",
                "sessionContext": {
                    "sessionIssuer": {
                        "type": "Role",
                        "principalId": "AROAX",
                        "arn": ROLE,
                        "accountId": ACCOUNT,
                        "userName": "deploy",
                    },
                    "webIdFederationData": {"federatedProvider": PROVIDER, "attributes": {}},
                    "attributes": BEGINNING,
                    "sourceIdentity": "alice",
                },
            },
        ),
        (
            replace(ALICE, session=Session(PrincipalKind.USER, ACCOUNT, ALICE.unique_id, "", BEGAN, BEGAN + 900)),
            {
                "type": "IAMUser",
                "principalId": "AIDAEXAMPLE",
                "arn": ALICE.arn,
                "accountId": ACCOUNT,
                "accessKeyId": "AKIAEXAMPLE",
                "userName": "alice",
                "sessionContext": {"attributes": BEGINNING},
            },
        ),
        (
            Principal(
                PrincipalKind.FEDERATED_USER,
                ACCOUNT,
                f"arn:aws:sts::{ACCOUNT}:federated-user/f",
                f"{ACCOUNT}:f",
                name="f",
                role_arn=ALICE.arn,
                source_id=ALICE.unique_id,
                session=Session(PrincipalKind.FEDERATED_USER, ACCOUNT, ALICE.unique_id, "f", BEGAN, BEGAN + 900),
            ),
            {
                "type": "FederatedUser",
                "principalId": f"{ACCOUNT}:f",
                "arn": f"arn:aws:sts::{ACCOUNT}:federated-user/f",
                "accountId": ACCOUNT,
                "accessKeyId": "AKIAEXAMPLE",
                "sessionContext": {
                    "sessionIssuer": {
                        "type": "IAMUser",
                        "principalId": "AIDAEXAMPLE",
                        "arn": ALICE.arn,
                        "accountId": ACCOUNT,
                        "userName": "alice",
                    },
                    "attributes": BEGINNING,
                },
            },
        ),
        (
            Principal(PrincipalKind.WEB_IDENTITY, ACCOUNT, PROVIDER, f"{PROVIDER}:aud:sub", name="sub"),
            {
                "type": "WebIdentityUser",
                "principalId": f"{PROVIDER}:aud:sub",
                "userName": "sub",
                "identityProvider": PROVIDER,
            },
        ),
        (
            Principal(PrincipalKind.SERVICE, ACCOUNT, "lambda.amazonaws.com", "lambda", "lambda.amazonaws.com"),
            {"type": "AWSService", "invokedBy": "lambda.amazonaws.com"},
        ),
    ],
    ids=lambda value: value.kind if isinstance(value, Principal) else "",
)
def test_every_kind_of_caller_has_its_form(principal: Principal, expected: dict[str, Any]) -> None:
    found = json.loads(bytes(record.identity(Caller(principal, "AKIAEXAMPLE", "eu-west-1"))))
    assert json.dumps(found) == json.dumps(expected)
