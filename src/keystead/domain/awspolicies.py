"""Managed policies that AWS keeps for everybody and that say something about the services that are here.

Guarantees: name, ARN, unique id, version in force and what it says are those of AWS as published. Only the version in
force is known. What a policy says about services that are not here is kept, and allows nothing.

Does not have the others: a policy that a request names and that is not in this table does not exist.

Source: "AWS managed policy reference guide" (docs.aws.amazon.com/aws-managed-policy/latest/reference)."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import UTC, datetime
from types import MappingProxyType
from typing import Any, Final

from keystead.domain.identity import AWS, ManagedPolicy, PolicyVersion


def _policy(
    name: str, unique_id: str, created: str, updated: str, version: int, description: str, *statements: dict[str, Any]
) -> ManagedPolicy:
    text = json.dumps({"Version": "2012-10-17", "Statement": statements}, indent=4)
    last = _time(updated)
    return ManagedPolicy(
        account=AWS,
        path="/",
        name=name,
        unique_id=unique_id,
        created=_time(created),
        updated=last,
        description=description,
        default=version,
        newest=version,
        versions=(PolicyVersion(version, text, last),),
    )


def _time(text: str) -> float:
    return datetime.fromisoformat(text).replace(tzinfo=UTC).timestamp()


def _allow(*actions: str) -> dict[str, Any]:
    return {"Effect": "Allow", "Action": list(actions), "Resource": "*"}


_ALL: Final = (
    _policy(
        "AdministratorAccess",
        "ANPAIWMBCKSKIEE64ZLYK",
        "2015-02-06T18:39:46",
        "2015-02-06T18:39:46",
        1,
        "Provides full access to AWS services and resources.",
        {"Effect": "Allow", "Action": "*", "Resource": "*"},
    ),
    _policy(
        "PowerUserAccess",
        "ANPAJYRXTHIB4FOVS3ZXS",
        "2015-02-06T18:39:47",
        "2023-07-06T22:04:00",
        5,
        "Provides full access to AWS services and resources, but does not allow management of Users and groups.",
        {"Effect": "Allow", "NotAction": ["iam:*", "organizations:*", "account:*"], "Resource": "*"},
        _allow(
            "iam:CreateServiceLinkedRole",
            "iam:DeleteServiceLinkedRole",
            "iam:ListRoles",
            "organizations:DescribeOrganization",
            "account:ListRegions",
            "account:GetAccountInformation",
        ),
    ),
    _policy(
        "IAMFullAccess",
        "ANPAI7XKCFMBPM3QQRRVQ",
        "2015-02-06T18:40:38",
        "2019-06-21T19:40:00",
        2,
        "Provides full access to IAM via the AWS Management Console.",
        _allow(
            "iam:*",
            "organizations:DescribeAccount",
            "organizations:DescribeOrganization",
            "organizations:DescribeOrganizationalUnit",
            "organizations:DescribePolicy",
            "organizations:ListChildren",
            "organizations:ListParents",
            "organizations:ListPoliciesForTarget",
            "organizations:ListRoots",
            "organizations:ListPolicies",
            "organizations:ListTargetsForPolicy",
        ),
    ),
    _policy(
        "IAMReadOnlyAccess",
        "ANPAJKSO7NDY4T57MWDSQ",
        "2015-02-06T18:40:39",
        "2018-01-25T19:11:27",
        4,
        "Provides read only access to IAM via the AWS Management Console.",
        _allow(
            "iam:GenerateCredentialReport",
            "iam:GenerateServiceLastAccessedDetails",
            "iam:Get*",
            "iam:List*",
            "iam:SimulateCustomPolicy",
            "iam:SimulatePrincipalPolicy",
        ),
    ),
    _policy(
        "AWSKeyManagementServicePowerUser",
        "ANPAJNPP7PPPPMJRV2SA4",
        "2015-02-06T18:40:40",
        "2017-03-07T00:55:11",
        2,
        "Provides access to AWS Key Management Service (KMS).",
        _allow(
            "kms:CreateAlias",
            "kms:CreateKey",
            "kms:DeleteAlias",
            "kms:Describe*",
            "kms:GenerateRandom",
            "kms:Get*",
            "kms:List*",
            "kms:TagResource",
            "kms:UntagResource",
            "iam:ListGroups",
            "iam:ListRoles",
            "iam:ListUsers",
        ),
    ),
    _policy(
        "AWSDenyAll",
        "ANPAZKAPJZG4P43IUQ5E5",
        "2019-05-01T22:36:14",
        "2023-12-18T16:42:15",
        2,
        "Deny all access.",
        {"Sid": "DenyAll", "Effect": "Deny", "Action": ["*"], "Resource": ["*"]},
    ),
)

#: By ARN.
POLICIES: Final[Mapping[str, ManagedPolicy]] = MappingProxyType({policy.arn: policy for policy in _ALL})

ADMINISTRATOR_ACCESS: Final = _ALL[0].arn
DENY_ALL: Final = _ALL[-1].arn
