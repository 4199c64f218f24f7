"""Grants: permission to use one key, given to one principal, beside all policies.

https://docs.aws.amazon.com/kms/latest/developerguide/grants.html. Times are seconds since the epoch."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Grant:
    """One grant on one key, as it was made; it never changes.

    ``grant_id`` is 64 hex digits. ``grantee`` and ``retiring`` are ARNs or service principals as the caller gave them;
    their ``…_unique_id`` (AIDA…, AROA…) is of the user or role that had the name then, so that another one who gets
    the name later does not get the grant. ``issuing_account`` is the root ARN of the account whose principal made the
    grant. ``context_equals`` and ``context_subset`` constrain the encryption context: None is no constraint."""

    account: str
    region: str
    key_id: str
    grant_id: str
    grantee: str
    operations: tuple[str, ...]
    issuing_account: str
    created: float
    name: str | None = None
    grantee_unique_id: str | None = None
    retiring: str | None = None
    retiring_unique_id: str | None = None
    context_equals: tuple[tuple[str, str], ...] | None = None
    context_subset: tuple[tuple[str, str], ...] | None = None
    source_arn: str | None = None
