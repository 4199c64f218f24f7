"""Every way to refuse: one vocabulary at the bottom of the house, one renderer at the top.

A refusal is a `Refusal` with AWS's own code and sentence. Services that speak XML render the same object differently,
so nothing here knows a wire format. The sentences are those AWS was seen to send; a code that AWS sends without any
text has ``message=None`` here and must stay so.

Guarantees: a sentence never carries key material, plaintext, a signature or a token. Does not guarantee that the
resource named in a sentence exists; who may learn that is decided where the refusal is raised."""

# length: every way to refuse in one place, so that a sentence is found and nobody words it twice

from __future__ import annotations

from typing import Final

AUDIT_UNAVAILABLE: Final = "ServiceUnavailable"


class Refusal(Exception):
    """A call that is refused.

    ``code`` is AWS's error code without namespace, ``message`` its sentence or None where AWS sends none, ``status``
    the HTTP status of the JSON protocol (400 for the caller's errors, 500 for ours), ``detail`` a note for the
    operator's log, never sent."""

    __slots__ = ("code", "detail", "message", "status")

    def __init__(self, code: str, message: str | None = None, *, status: int = 400, detail: str | None = None) -> None:
        super().__init__(code if message is None else f"{code}: {message}")
        self.code: Final = code
        self.message: Final = message
        self.status: Final = status
        self.detail: Final = detail

    def reworded(self, code: str, status: int) -> Refusal:
        """The same refusal under another service's code."""
        return Refusal(code, self.message, status=status, detail=self.detail)


# --- the front door: protocol and signature (AWS JSON services answer 400 to all of these)
# ---------------------------------


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


def audit_unavailable(detail: str) -> Refusal:
    """The audit record could not be made durable, so the answer is withheld. The code is a coral service's own for
    that, so that it is told apart from an internal error and SDKs try again."""
    return Refusal(
        AUDIT_UNAVAILABLE,
        "The request was not answered because its audit record could not be written. The request can be retried.",
        status=503,
        detail=detail,
    )


# --- the same in the words of the query services (IAM, STS): other codes, and statuses that tell who is to blame
# ---------------------------------------------------------------------------------------------------------------------

# Sources: IAM and STS API reference, "Common errors"; MalformedInput as services of this protocol were seen to answer.
# UnsupportedOperation is EC2's word for what KMS calls UnsupportedOperationException.
_IN_QUERY_SERVICES: Final = {
    "AccessDeniedException": ("AccessDenied", 403),
    "ExpiredTokenException": ("ExpiredToken", 403),
    "IncompleteSignatureException": ("IncompleteSignature", 400),
    "InvalidSignatureException": ("SignatureDoesNotMatch", 403),
    "KMSInternalException": ("InternalFailure", 500),
    "MissingAuthenticationTokenException": ("MissingAuthenticationToken", 403),
    "SerializationException": ("MalformedInput", 400),
    "ThrottlingException": ("Throttling", 400),
    "UnknownOperationException": ("InvalidAction", 400),
    "UnrecognizedClientException": ("InvalidClientTokenId", 403),
    "UnsupportedOperationException": ("UnsupportedOperation", 400),
    "ValidationException": ("ValidationError", 400),
}


def in_query_services(refusal: Refusal) -> Refusal:
    """The refusal as a query service words it; one that is no query service's business is worded so already."""
    if refusal.code not in _IN_QUERY_SERVICES:
        return refusal
    code, status = _IN_QUERY_SERVICES[refusal.code]
    return refusal.reworded(code, status)


def missing_action() -> Refusal:
    return Refusal("MissingAction", "Missing Action")


def invalid_action(action: str, version: str | None) -> Refusal:
    return Refusal(
        "InvalidAction", f"Could not find operation {action} for version {version or 'NO_VERSION_SPECIFIED'}"
    )


# --- keys and aliases
# ------------------------------------------------------------------------------------------------------


def invalid_key_id(key_id: str) -> Refusal:
    return Refusal("NotFoundException", f"Invalid keyId '{key_id}'")


def key_not_found(key_arn: str) -> Refusal:
    return Refusal("NotFoundException", f"Key '{key_arn}' does not exist")


def arn_of_another_region(region: str) -> Refusal:
    return Refusal("NotFoundException", f"Invalid arn {region}")


def not_an_arn(text: str) -> Refusal:
    """A key by its id where only an ARN will do (RetireGrant)."""
    return Refusal("NotFoundException", f"Invalid arn {text}")


def alias_not_found(alias_arn: str) -> Refusal:
    return Refusal("NotFoundException", f"Alias {alias_arn} is not found.")


def no_such_policy() -> Refusal:
    return Refusal("NotFoundException", "No such policy exists")


def invalid_arn(message: str) -> Refusal:
    return Refusal("InvalidArnException", message)


def replica_exists(key_arn: str) -> Refusal:
    """AWS's sentence is not known."""
    return Refusal("AlreadyExistsException", f"{key_arn} already exists.")


def region_not_served(region: str) -> Refusal:
    """AWS's sentence is not known."""
    return validation(f"The Region {region} is not one that this service is available in.")


def aliases_not_supported() -> Refusal:
    return invalid_arn("Key Aliases are not supported for this operation.")


def alias_exists(alias_arn: str) -> Refusal:
    return Refusal("AlreadyExistsException", f"An alias with the name {alias_arn} already exists")


def invalid_alias_name() -> Refusal:
    return Refusal("InvalidAliasNameException")


def alias_reserved() -> Refusal:
    return Refusal("NotAuthorizedException")


def disabled(key_arn: str) -> Refusal:
    return Refusal("DisabledException", f"{key_arn} is disabled.")


def invalid_state(key_arn: str, predicate: str) -> Refusal:
    """``predicate`` completes the sentence: ``is pending deletion``, ``is not pending deletion``, ``is pending
    import``, …"""
    return Refusal("KMSInvalidStateException", f"{key_arn} {predicate}.")


def invalid_key_usage(message: str) -> Refusal:
    return Refusal("InvalidKeyUsageException", message)


def incorrect_key() -> Refusal:
    return Refusal(
        "IncorrectKeyException", "The key ID in the request does not identify a CMK that can perform this operation."
    )


def invalid_ciphertext() -> Refusal:
    """Every defect of a blob, and a wrong encryption context, is this one refusal without a text."""
    return Refusal("InvalidCiphertextException")


def wrapping_not_allowed(algorithm: str, wrapping_spec: str, key_spec: str) -> Refusal:
    return validation(
        f"Wrapping algorithm {algorithm} and wrapping key spec {wrapping_spec} cannot be used to import a {key_spec} key."
    )


def wrapped_size() -> Refusal:
    return validation("Invalid encrypted key size.")


def invalid_import_token() -> Refusal:
    return Refusal("InvalidImportTokenException")


def expired_import_token() -> Refusal:
    return Refusal("ExpiredImportTokenException")


# --- origin, rotation, import
# ---------------------------------------------------------------------------------------------------------------------


def unsupported_for_key_type() -> Refusal:
    """What a key of this type cannot have, such as the public key of a symmetric one: AWS sends no text."""
    return Refusal("UnsupportedOperationException")


def unsupported_for_origin(key_arn: str, origin: str) -> Refusal:
    return Refusal(
        "UnsupportedOperationException", f"{key_arn} origin is {origin} which is not valid for this operation."
    )


def not_a_primary(key_arn: str) -> Refusal:
    return Refusal("UnsupportedOperationException", f"{key_arn} is not a multi-region primary key.")


def automatic_rotation_near() -> Refusal:
    return Refusal(
        "ConflictException",
        "The request was rejected because an automatic rotation of this key is currently in progress or scheduled to begin within "
        "the next 20 minutes.",
    )


def too_many_rotations(key_arn: str) -> Refusal:
    return limit_exceeded(
        "The on-demand rotations limit has been reached for the given keyId. No more on-demand rotations can be performed for this "
        f"key: {key_arn}"
    )


def no_material_to_rotate_to(key_arn: str) -> Refusal:
    return Refusal("KMSInvalidStateException", f"No available key material pending rotation for the key: {key_arn}.")


def other_material_waits(material_id: str, key_arn: str, other: str) -> Refusal:
    return Refusal(
        "KMSInvalidStateException",
        f"New key material (id: {material_id}) cannot be imported into KMS key {key_arn}, because another key material (id: {other}) "
        "is pending rotation.",
    )


def valid_to_missing() -> Refusal:
    return validation("A validTo date must be set if the ExpirationModel is KEY_MATERIAL_EXPIRES")


def valid_to_of_unending_material() -> Refusal:
    return validation("A validTo date cannot be set if the ExpirationModel is KEY_MATERIAL_DOES_NOT_EXPIRE")


def valid_to_past() -> Refusal:
    return validation("ValidTo must be in the future")


def valid_to_too_late() -> Refusal:
    return validation("ValidTo must be less than 365 days in the future")


def material_id_of_new_material() -> Refusal:
    return validation("Input parameter keyMaterialId cannot be used with NEW_KEY_MATERIAL importType.")


def unexpected_material(expected: str | None) -> Refusal:
    """The material is not the one that was to be imported again; None when there was none before."""
    message = None if expected is None else f"Imported key material does not have the expected identifier ({expected})."
    return Refusal("IncorrectKeyMaterialException", message)


def material_known(material_id: str, key_arn: str) -> Refusal:
    return Refusal(
        "IncorrectKeyMaterialException",
        f"Key material (id: {material_id}) being imported as NEW_KEY_MATERIAL is already associated with KMS key {key_arn}.",
    )


def material_not_found(material_id: str, key_arn: str) -> Refusal:
    return Refusal("NotFoundException", f"Key material (id: {material_id}) is not associated with KMS key {key_arn}.")


# --- keys at work: sizes, algorithms, what does not verify
# -----------------------------------------------------------------------------------------


def algorithm_of_other_spec(algorithm: str, spec: str) -> Refusal:
    return invalid_key_usage(f"Algorithm {algorithm} is incompatible with key spec {spec}.")


def plaintext_too_long(algorithm: str, spec: str, longest: int) -> Refusal:
    return validation(f"Algorithm {algorithm} and key spec {spec} cannot encrypt data larger than {longest} bytes.")


def invalid_digest_length(algorithm: str) -> Refusal:
    return validation(f"Digest is invalid length for algorithm {algorithm}.")


def message_type_of_other_algorithm(message_type: str, algorithm: str) -> Refusal:
    return validation(f"Message type {message_type} is incompatible with algorithm {algorithm}.")


def message_type_of_other_spec(message_type: str, spec: str) -> Refusal:
    return validation(f"Message type {message_type} is incompatible with key spec {spec}.")


def invalid_kms_signature() -> Refusal:
    return Refusal("KMSInvalidSignatureException")


def invalid_kms_mac() -> Refusal:
    return Refusal("KMSInvalidMacException")


def invalid_peer_key() -> Refusal:
    """A public key for DeriveSharedSecret that is none, or of another curve: AWS sends no text."""
    return validation(None)


def encryption_context_of_asymmetric() -> Refusal:
    return validation("EncryptionContext is not supported when encrypting/decrypting with asymmetric CMKs.")


def origin_of_other_spec(spec: str, origin: str) -> Refusal:
    return validation(f"KeySpec {spec} is not supported for Origin {origin}")


# --- tokens, tags, limits, policies, permission
# ----------------------------------------------------------------------------------------------------


def invalid_grant_token() -> Refusal:
    return Refusal("InvalidGrantTokenException")


def invalid_grant_id() -> Refusal:
    """The id of a grant has not the form of one."""
    return Refusal("InvalidGrantIdException")


def grant_not_found(grant_id: str) -> Refusal:
    return Refusal("NotFoundException", f"Grant '{grant_id}' does not exist")


def no_such_principal(arn: str) -> Refusal:
    return invalid_arn(f"ARN does not refer to a valid principal: {arn}")


def retiring_principal_not_found(unique_id: str) -> Refusal:
    return Refusal("NotFoundException", f"Retiring principal {unique_id} could not be found")


def invalid_marker() -> Refusal:
    return Refusal("InvalidMarkerException")


def tag(message: str) -> Refusal:
    return Refusal("TagException", message)


def invalid_tag() -> Refusal:
    return tag("Invalid tag")


def limit_exceeded(message: str) -> Refusal:
    return Refusal("LimitExceededException", message)


def too_many_keys(limit: int, held: int) -> Refusal:
    return limit_exceeded(f"Key quota for this account in this region is {limit} but the current usage is {held}.")


def too_many_aliases(limit: int, held: int) -> Refusal:
    return limit_exceeded(f"Aliases per key quota for this account in this region is {limit}, current usage is {held}.")


def malformed_policy(message: str) -> Refusal:
    return Refusal("MalformedPolicyDocumentException", message)


def policy_lockout() -> Refusal:
    return malformed_policy("The new key policy will not allow you to update the key policy in the future.")


def dry_run() -> Refusal:
    return Refusal("DryRunOperationException", "The request would have succeeded, but the DryRun option is set.")


def access_denied(message: str, *, detail: str | None = None) -> Refusal:
    return Refusal("AccessDeniedException", message, detail=detail)


def unreadable_ciphertext(detail: str | None = None) -> Refusal:
    """Decrypt without a key id where the blob's key is unknown, elsewhere, or forbidden: the three look alike."""
    return access_denied(
        "The ciphertext refers to a customer master key that does not exist, does not exist in this region, or you are "
        "not allowed to access.",
        detail=detail,
    )
