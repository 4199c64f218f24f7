"""What STS refuses.

Codes and statuses are those of its model; sentences are those AWS was seen to send."""

from __future__ import annotations

from keystead.errors.refusal import Refusal


def packed_policy_too_large(percent: int, *, policies: bool) -> Refusal:
    """A session token would take ``percent`` of the room it may take; ``policies``: there are session policies in it,
    not tags alone."""
    what = "Packed policy consumes {}% of allotted space, please use smaller policy."
    return Refusal(
        "PackedPolicyTooLarge",
        (what if policies else "Packed size of session tags consumes {}% of allotted space.").format(percent),
    )


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


def idp_communication(*, detail: str | None = None) -> Refusal:
    """The keys of an identity provider cannot be had. SDKs try again."""
    return Refusal(
        "IDPCommunicationError",
        "Couldn't retrieve verification key from your identity provider, please reference AssumeRoleWithWebIdentity "
        "documentation for requirements",
        detail=detail,
    )
