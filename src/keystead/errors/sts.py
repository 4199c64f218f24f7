"""What STS refuses.

Codes and statuses are those of its model; sentences are those AWS was seen to send."""

from __future__ import annotations

from typing import Final

from keystead.errors.door import access_denied, validation
from keystead.errors.kms import malformed_policy
from keystead.errors.refusal import Refusal

IDP_COMMUNICATION: Final = "IDPCommunicationError"


def packed_policy_too_large(percent: int, *, policies: bool) -> Refusal:
    """A session token would take ``percent`` of the room it may take; ``policies``: there are session policies in it,
    not tags alone."""
    what = "Packed policy consumes {}% of allotted space, please use smaller policy."
    return Refusal(
        "PackedPolicyTooLarge",
        (what if policies else "Packed size of session tags consumes {}% of allotted space.").format(percent),
    )


# --- sessions
# ---------------------------------------------------------------------------------------------------------------------


def invalid_parameter_value(message: str) -> Refusal:
    return Refusal("InvalidParameterValue", message)


def duplicate_session_tags() -> Refusal:
    return invalid_parameter_value("Duplicate tag keys found. Please note that Tag keys are case insensitive.")


def transitive_key_not_passed() -> Refusal:
    return invalid_parameter_value("The specified transitive tag key must be included in the requested tags.")


def inherited_tag() -> Refusal:
    return invalid_parameter_value(
        "One of the specified transitive tag keys can't be set because it conflicts with a transitive tag key from the "
        "calling session."
    )


def source_identity_set() -> Refusal:
    """A chained session would be of another source identity. AWS's code is not known."""
    return access_denied("The source identity is already set for this assume role session")


def invalid_role_arn(text: str) -> Refusal:
    return validation(f"{text} is invalid")


def longer_than_role_allows() -> Refusal:
    return validation("The requested DurationSeconds exceeds the MaxSessionDuration set for this role.")


def longer_than_chained() -> Refusal:
    return validation(
        "The requested DurationSeconds exceeds the 1 hour session limit for roles assumed by role chaining."
    )


def longer_than_root() -> Refusal:
    """AWS's sentence is not known."""
    return validation("The requested DurationSeconds exceeds the 1 hour session limit for the root user of an account.")


def roles_not_for_root() -> Refusal:
    return access_denied("Roles may not be assumed by root accounts.")


def role_out_of_reach(caller_arn: str, action: str, role_arn: str) -> Refusal:
    """To a federated user no role is there. Whoever a role does not trust is told the same (`policy.sentences.no_session`)."""
    return access_denied(f"User: {caller_arn} is not authorized to perform: {action} on resource: {role_arn}")


def not_with_session_credentials(operation: str) -> Refusal:
    return access_denied(f"Cannot call {operation} with session credentials")


def session_policy_not_found(arn: str) -> Refusal:
    """AWS's sentence is not known."""
    return malformed_policy(f"Policy {arn} does not exist or is not attachable.")


def too_many_session_policies(most: int) -> Refusal:
    """AWS's sentence is not known."""
    return validation(f"The number of managed session policies exceeds the limit of {most}.")


def too_many_session_tags(most: int) -> Refusal:
    """AWS's sentence is not known."""
    return validation(f"The number of session tags, inherited ones included, exceeds the limit of {most}.")


def access_key_of_nobody() -> Refusal:
    """AWS's sentence is not known: there an access key id tells its account by itself."""
    return validation("The specified value for accessKeyId is invalid.")


# --- web identities
# ---------------------------------------------------------------------------------------------------------------------


def invalid_identity_token(message: str, *, detail: str | None = None) -> Refusal:
    return Refusal("InvalidIdentityToken", message, detail=detail)


def expired_identity_token(now: float, expired: float) -> Refusal:
    """Not the session token of a request, which other sentences are for."""
    return Refusal(
        "ExpiredTokenException",
        f"Token expired: current date/time {now:.0f} must be before the expiration date/time {expired:.0f}",
        worded=True,
    )


def web_identity_denied(action: str, *, detail: str | None = None) -> Refusal:
    """Whether the role is there or does not trust the token, a stranger is not told."""
    return access_denied(f"Not authorized to perform {action}", detail=detail)


def idp_communication(*, detail: str | None = None) -> Refusal:
    """The keys of an identity provider cannot be had. SDKs try again."""
    return Refusal(
        IDP_COMMUNICATION,
        "Couldn't retrieve verification key from your identity provider, please reference AssumeRoleWithWebIdentity "
        "documentation for requirements",
        detail=detail,
    )
