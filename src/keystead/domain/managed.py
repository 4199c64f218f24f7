"""AWS managed keys: one for each service, account and region, named by a predefined alias ``alias/aws/<service>``.

The key belongs to the account and is used by the service alone: its policy, which nobody can change, lets that service
use it for the account's principals and lets the account look. So a direct Encrypt is refused by policy, and so is
everything that would change the key, its policy, tags, aliases, rotation or life: no other rule is needed, and none
exists that could be forgotten.

Sources: "AWS managed keys" and "kms:ViaService" (AWS KMS developer guide). The guide prints the policy of one service;
that all have its two statements, the texts of descriptions, and the exact list of predefined aliases are doubts."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final, NamedTuple

from keystead.domain import arn

MANAGER: Final = "AWS"
ROTATION_DAYS: Final = 365


class Predefined(NamedTuple):
    """A service with a key of its own: ``alias`` is its predefined alias, ``via`` what kms:ViaService begins with,
    ``name`` how the policy calls the service, ``protected`` what it encrypts."""

    alias: str
    via: str
    name: str
    protected: str


def _row(service: str, name: str, protected: str, via: str | None = None) -> Predefined:
    return Predefined(f"alias/aws/{service}", via or service, name, protected)


#: By alias name, in the order of names.
PREDEFINED: Final[Mapping[str, Predefined]] = MappingProxyType(
    {
        row.alias: row
        for row in (
            _row("acm", "ACM", "ACM private keys"),
            _row("backup", "AWS Backup", "Backup data"),
            _row("dynamodb", "Amazon DynamoDB", "DynamoDB data"),
            _row("ebs", "EBS", "EBS volumes", via="ec2"),
            _row("elasticfilesystem", "EFS", "EFS filesystems"),
            _row("es", "Elasticsearch", "Elasticsearch data"),
            _row("glue", "Glue", "Glue data"),
            _row("kinesis", "Kinesis", "Kinesis streams"),
            _row("kinesisvideo", "Kinesis Video Streams", "Kinesis Video Streams data"),
            _row("lambda", "AWS Lambda", "Lambda functions"),
            _row("rds", "RDS", "RDS database volumes"),
            _row("redshift", "Redshift", "Redshift clusters"),
            _row("s3", "S3", "S3 objects"),
            _row("secretsmanager", "AWS Secrets Manager", "Secrets Manager data"),
            _row("sns", "SNS", "SNS data"),
            _row("sqs", "SQS", "SQS messages"),
            _row("ssm", "SSM", "SSM parameters"),
            _row("xray", "X-Ray", "X-Ray data"),
        )
    }
)


def description(service: Predefined) -> str:
    return f"Default key that protects my {service.protected} when no other key is defined"


def policy(service: Predefined, account: str, region: str) -> str:
    """The policy of the service's key in an account and region, as GetKeyPolicy shows it."""
    short = service.alias.removeprefix("alias/aws/")
    return f"""{{
  "Version" : "2012-10-17",
  "Id" : "auto-{short}-2",
  "Statement" : [ {{
    "Sid" : "Allow access through {service.name} for all principals in the account that are authorized to use {service.name}",
    "Effect" : "Allow",
    "Principal" : {{
      "AWS" : "*"
    }},
    "Action" : [ "kms:Encrypt", "kms:Decrypt", "kms:ReEncrypt*", "kms:GenerateDataKey*", "kms:CreateGrant", "kms:DescribeKey" ],
    "Resource" : "*",
    "Condition" : {{
      "StringEquals" : {{
        "kms:CallerAccount" : "{account}",
        "kms:ViaService" : "{service.via}.{region}.amazonaws.com"
      }}
    }}
  }}, {{
    "Sid" : "Allow direct access to key metadata to the account",
    "Effect" : "Allow",
    "Principal" : {{
      "AWS" : "{arn.root_arn(account)}"
    }},
    "Action" : [ "kms:Describe*", "kms:Get*", "kms:List*", "kms:RevokeGrant" ],
    "Resource" : "*"
  }} ]
}}"""
