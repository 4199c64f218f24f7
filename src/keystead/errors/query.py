"""The same in the words of the query services (IAM, STS): other codes, and statuses that tell who is to blame.

A refusal is made with the JSON services' code, wherever that is; here is what a query service calls it."""

from __future__ import annotations

from typing import Final

from keystead.errors.refusal import Refusal

# Sources: IAM and STS API reference, "Common errors"; MalformedInput as services of this protocol were seen to answer.
# UnsupportedOperation is EC2's word for what KMS calls UnsupportedOperationException. The code, the status, and the
# sentence where it is another one.
_IN_QUERY_SERVICES: Final = {
    "AccessDeniedException": ("AccessDenied", 403, None),
    "ExpiredTokenException": ("ExpiredToken", 403, None),
    "IncompleteSignatureException": ("IncompleteSignature", 400, None),
    "InvalidSignatureException": ("SignatureDoesNotMatch", 403, None),
    "KMSInternalException": ("InternalFailure", 500, None),
    "InvalidMarkerException": ("ValidationError", 400, "Invalid Marker."),
    "LimitExceededException": ("LimitExceeded", 409, None),
    "MalformedPolicyDocumentException": ("MalformedPolicyDocument", 400, None),
    "MissingAuthenticationTokenException": ("MissingAuthenticationToken", 403, None),
    "SerializationException": ("MalformedInput", 400, None),
    "ThrottlingException": ("Throttling", 400, "Rate exceeded"),
    "UnknownOperationException": ("InvalidAction", 400, None),
    "UnrecognizedClientException": ("InvalidClientTokenId", 403, None),
    "UnsupportedOperationException": ("UnsupportedOperation", 400, None),
    "ValidationException": ("ValidationError", 400, None),
}


def in_query_services(refusal: Refusal) -> Refusal:
    """The refusal as a query service words it; one that is no query service's business is worded so already."""
    if refusal.worded or refusal.code not in _IN_QUERY_SERVICES:
        return refusal
    code, status, sentence = _IN_QUERY_SERVICES[refusal.code]
    return refusal.reworded(code, status, sentence)


def missing_action() -> Refusal:
    return Refusal("MissingAction", "Missing Action")


def invalid_action(action: str, version: str | None) -> Refusal:
    named = "NO_VERSION_SPECIFIED" if version is None else version
    return Refusal("InvalidAction", f"Could not find operation {action} for version {named}")
