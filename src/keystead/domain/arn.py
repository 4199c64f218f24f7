"""Amazon Resource Names of the things Keystead keeps.

Parsing never guesses: a text that is not an ARN is refused by returning None, so that callers choose the sentence.
"""

from __future__ import annotations

from typing import NamedTuple

PARTITION = "aws"


class Arn(NamedTuple):
    """``arn:partition:service:region:account:resource``; the resource part may itself hold colons."""

    partition: str
    service: str
    region: str
    account: str
    resource: str

    def __str__(self) -> str:
        return f"arn:{self.partition}:{self.service}:{self.region}:{self.account}:{self.resource}"


def parse(text: str) -> Arn | None:
    """The six parts of an ARN, or None when the text is not one."""
    parts = text.split(":", 5)
    if len(parts) != 6 or parts[0] != "arn" or not parts[1] or not parts[2] or not parts[5]:
        return None
    return Arn(*parts[1:])


def key_arn(region: str, account: str, key_id: str) -> str:
    return f"arn:{PARTITION}:kms:{region}:{account}:key/{key_id}"


def alias_arn(region: str, account: str, name: str) -> str:
    """``name`` carries its ``alias/`` prefix."""
    return f"arn:{PARTITION}:kms:{region}:{account}:{name}"


def root_arn(account: str) -> str:
    return f"arn:{PARTITION}:iam::{account}:root"


def user_arn(account: str, path: str, name: str) -> str:
    """``path`` begins and ends with a slash, as IAM has it."""
    return f"arn:{PARTITION}:iam::{account}:user{path}{name}"


def role_arn(account: str, path: str, name: str) -> str:
    return f"arn:{PARTITION}:iam::{account}:role{path}{name}"


def group_arn(account: str, path: str, name: str) -> str:
    return f"arn:{PARTITION}:iam::{account}:group{path}{name}"


def policy_arn(account: str, path: str, name: str) -> str:
    """``account`` is ``aws`` for a policy that AWS manages."""
    return f"arn:{PARTITION}:iam::{account}:policy{path}{name}"


def role_session_arn(account: str, role: str, session: str) -> str:
    """A session of the role of that name; the role's path is not part of it."""
    return f"arn:{PARTITION}:sts::{account}:assumed-role/{role}/{session}"


def federated_user_arn(account: str, name: str) -> str:
    return f"arn:{PARTITION}:sts::{account}:federated-user/{name}"


def oidc_provider_arn(account: str, host: str) -> str:
    """``host`` is the issuer's host and path."""
    return f"arn:{PARTITION}:iam::{account}:oidc-provider/{host}"
