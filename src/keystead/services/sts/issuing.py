"""What all operations that give temporary credentials have in common.

Guarantees: the secret is drawn anew and stands in the answer and in the sealed token alone; a session policy that does
not parse, or a managed one that is not there, is refused when the session is asked for, and not when it is used."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

from keystead import errors
from keystead.domain import arn
from keystead.domain.caller import Session
from keystead.domain.policy import written
from keystead.domain.sessions import MOST_POLICY_ARNS, Tags
from keystead.model.generated.sts import Credentials, PolicyDescriptorType, Tag
from keystead.services import effective, sessiontokens
from keystead.services.call import Call


class Issued(NamedTuple):
    """New credentials. ``size``: characters of the token, ``utilization``: percent of what it may have."""

    credentials: Credentials
    size: int
    utilization: int


class Limits(NamedTuple):
    """Session policies: an inline one, and the ARNs of managed ones."""

    policy: str | None
    arns: tuple[str, ...]


def issue(call: Call[Any], session: Session, shortest: int | None) -> Issued:
    """Credentials for a session, with a token of at least ``shortest`` characters. PackedPolicyTooLarge where policies
    and tags are more than a token can carry."""
    access_key_id, secret, token = call.new_session(session, shortest or 0)
    return Issued(
        Credentials(
            access_key_id=access_key_id, secret_access_key=secret, session_token=token, expiration=session.expires
        ),
        len(token),
        sessiontokens.utilization(len(token)),
    )


def limits(call: Call[Any], account: str, policy: str | None, managed: Sequence[PolicyDescriptorType] | None) -> Limits:
    """The session policies of a request, checked. Managed ones are of the account whose session it is, or AWS's."""
    if policy is not None:
        written.check_session_policy(policy)
    arns = tuple(dict.fromkeys(one.arn for one in managed or () if one.arn is not None))
    if len(arns) > MOST_POLICY_ARNS:
        raise errors.too_many_session_policies(MOST_POLICY_ARNS)
    for each in arns:
        _check(call, account, each)
    return Limits(policy, arns)


def _check(call: Call[Any], account: str, policy_arn: str) -> None:
    parsed = arn.parse(policy_arn)
    if parsed is None:
        raise errors.invalid_policy_arn()
    there = parsed.account in {account, "aws"}
    if not there or call.facts.read(lambda reader: effective.managed_policy(reader, policy_arn)) is None:
        raise errors.session_policy_not_found(policy_arn)


def tags(given: Sequence[Tag] | None) -> Tags:
    return tuple((tag.key, tag.value) for tag in given or ())
