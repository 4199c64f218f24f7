"""AccessDenied in AWS's own words.

Guarantees: a caller of another account is told neither the key's ARN nor whether the key exists, beyond what it wrote
itself; policy names and statement ids stay inside (they are in `Decision.because`, for the record).

Source: "Troubleshoot access denied error messages" (IAM user guide), and messages seen from KMS.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Final, NamedTuple

from keystead.domain.caller import PrincipalKind
from keystead.domain.policy.decide import Decision, Question, Why

_NOT_ALLOWED: Final[Mapping[Why, str]] = {
    Why.NO_IDENTITY_ALLOW: "identity-based policy",
    Why.NO_RESOURCE_ALLOW: "resource-based policy",
    Why.NO_SESSION_ALLOW: "session policy",
    Why.NO_BOUNDARY_ALLOW: "permissions boundary",
}
_EXPLICIT: Final[Mapping[Why, str]] = {
    Why.DENY_IDENTITY: "an identity-based policy",
    Why.DENY_RESOURCE: "a resource-based policy",
    Why.DENY_SESSION: "a session policy",
    Why.DENY_BOUNDARY: "a permissions boundary",
}


def denied(question: Question, decision: Decision, shown: str | None = None) -> str:
    """The sentence for a decision that denies. ``shown`` is what it calls the resource, where not by its ARN: IAM says
    ``user ann`` of one that may be there or not, and ``*`` of the account."""
    kind, action, caller = decision.because.kind, question.action, question.caller.arn
    if question.crosses and kind in {Why.NO_RESOURCE_ALLOW, Why.DENY_RESOURCE}:
        return out_of_reach(caller, action, question.resource)
    named = shown or ("" if question.resource == "*" else question.resource)
    where = f" on resource: {named}" if named else ""
    start = f"User: {caller} is not authorized to perform: {action}{' on this resource' if question.crosses else where}"
    if kind in _NOT_ALLOWED:
        return f"{start} because no {_NOT_ALLOWED[kind]} allows the {action} action"
    if kind in _EXPLICIT:
        return f"{start} with an explicit deny in {_EXPLICIT[kind]}"
    raise ValueError(f"a decision that allows has no refusal: {kind.name}")


def no_session(question: Question, decision: Decision) -> str:
    """The sentence for a session of a role that is denied: of whoever the policies name no more is said than who wants
    what, as if there were no role. An explicit deny is told within the account, and where it is the caller's own."""
    kind, action, caller = decision.because.kind, question.action, question.caller
    if caller.principal.kind is PrincipalKind.WEB_IDENTITY:
        return f"Not authorized to perform {action}"
    start = f"User: {caller.arn} is not authorized to perform: {action} on resource: {question.resource}"
    if kind in _EXPLICIT and not (question.crosses and kind is Why.DENY_RESOURCE):
        return f"{start} with an explicit deny in {_EXPLICIT[kind]}"
    return start


def out_of_reach(caller_arn: str, action: str, resource: str | None) -> str:
    """The sentence for a key of another account that is not there or does not trust the caller: the two look alike.

    ``resource`` is the ARN as the caller wrote it, None where it wrote none.
    """
    where = "on this resource" if resource is None else f"on resource: {resource}"
    return (
        f"User: {caller_arn} is not authorized to perform: {action} {where} because the resource does "
        "not exist in this Region, no resource-based policies allow access, or a resource-based policy "
        "explicitly denies access"
    )


class Said(NamedTuple):
    """What a sentence says that was denied. ``resource`` is None where it names none."""

    action: str
    resource: str | None


_SENTENCE: Final = re.compile(
    r"User: .+ is not authorized to perform: ([\w-]+:\w+)(?: on resource: (.+?)| on this resource)?(?: because | with an |$)",
    re.ASCII,
)


def read(sentence: str) -> Said | None:
    """What one of the sentences above says; None for any other text."""
    found = _SENTENCE.match(sentence)
    return None if found is None else Said(*found.groups())
