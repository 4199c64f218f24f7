"""What every service refuses: the protocol, the signature, what is not offered or not permitted, and faults of ours.

The codes are those of AWS's JSON services, which answer 400 to nearly all; `query` has the same in other words."""

from __future__ import annotations

from typing import Final

from keystead.errors.refusal import Refusal

AUDIT_UNAVAILABLE: Final = "ServiceUnavailable"


# --- protocol and signature -------------------------------------------------------------------------------------------


def unknown_operation() -> Refusal:
    return Refusal("UnknownOperationException")


def not_offered(what: str, reason: str | None = None) -> Refusal:
    """An operation, member or value of the pinned model that this version does not offer: refused by name, never
    swallowed. ``reason`` completes the sentence after "since"."""
    since = "" if reason is None else f", since {reason}"
    return Refusal("UnsupportedOperationException", f"{what} is not offered by this version of Keystead{since}.")


def serialization(message: str | None = None) -> Refusal:
    return Refusal("SerializationException", message)


def missing_authentication_token() -> Refusal:
    return Refusal("MissingAuthenticationTokenException", "Request is missing Authentication Token")


def incomplete_signature(message: str) -> Refusal:
    return Refusal("IncompleteSignatureException", message)


def invalid_signature(message: str) -> Refusal:
    return Refusal("InvalidSignatureException", message)


def signature_mismatch() -> Refusal:
    return invalid_signature(
        "The request signature we calculated does not match the signature you provided. Check your AWS Secret Access Key and "
        "signing method. Consult the service documentation for details."
    )


def unrecognized_client() -> Refusal:
    return Refusal("UnrecognizedClientException", "The security token included in the request is invalid.")


def expired_token() -> Refusal:
    return Refusal("ExpiredTokenException", "The security token included in the request is expired")


def validation(message: str | None) -> Refusal:
    return Refusal("ValidationException", message)


def internal(detail: str | None = None) -> Refusal:
    """Our own fault. ``detail`` goes to the log, the caller learns nothing but that it may try again."""
    return Refusal(
        "KMSInternalException",
        "The request was rejected because an internal exception occurred. The request can be retried.",
        status=500,
        detail=detail,
    )


def throttled() -> Refusal:
    """Too much is asked for at once. Every SDK comes again, with growing pauses."""
    return Refusal(
        "ThrottlingException",
        "You have exceeded the rate at which you may call KMS. Reduce the frequency of your calls.",
    )


def abandoned() -> Refusal:
    """Whoever asked has closed the connection before it was its turn, so that nothing was done. Nobody hears it: it is
    for the audit record."""
    return Refusal("RequestAbortedException", "The connection was closed before the request had its turn.")


def audit_unavailable(detail: str) -> Refusal:
    """The audit record could not be made durable, so the answer is withheld. The code is a coral service's own for
    that, so that it is told apart from an internal error and SDKs try again."""
    return Refusal(
        AUDIT_UNAVAILABLE,
        "The request was not answered because its audit record could not be written. The request can be retried.",
        status=503,
        detail=detail,
    )


# --- permission -------------------------------------------------------------------------------------------------------


def access_denied(message: str, *, detail: str | None = None) -> Refusal:
    return Refusal("AccessDeniedException", message, detail=detail)
