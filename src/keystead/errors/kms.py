"""What KMS refuses: keys, aliases, material, algorithms, grants, tags, key policies."""

from __future__ import annotations

from keystead.errors.door import access_denied, validation
from keystead.errors.refusal import Refusal

# --- keys and aliases -------------------------------------------------------------------------------------------------


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


# --- origin, rotation, import -----------------------------------------------------------------------------------------


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


# --- keys at work: sizes, algorithms, what does not verify ------------------------------------------------------------


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


# --- tokens, tags, limits, policies, permission -----------------------------------------------------------------------


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


def unreadable_ciphertext(detail: str | None = None) -> Refusal:
    """Decrypt without a key id where the blob's key is unknown, elsewhere, or forbidden: the three look alike."""
    return access_denied(
        "The ciphertext refers to a customer master key that does not exist, does not exist in this region, or you are "
        "not allowed to access.",
        detail=detail,
    )
