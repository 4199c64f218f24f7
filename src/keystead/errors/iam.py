"""What IAM refuses.

Codes and statuses are those of its model; sentences are those AWS was seen to send. Where AWS's own is not known, the
constructor says so."""

from __future__ import annotations

from keystead.errors.door import access_denied, validation
from keystead.errors.refusal import Refusal


def no_such_entity(message: str) -> Refusal:
    return Refusal("NoSuchEntity", message, status=404)


def entity_already_exists(message: str) -> Refusal:
    return Refusal("EntityAlreadyExists", message, status=409)


def delete_conflict(message: str) -> Refusal:
    return Refusal("DeleteConflict", message, status=409)


def over_limit(message: str) -> Refusal:
    return Refusal("LimitExceeded", message, status=409)


def quota_reached(quota: str, limit: int) -> Refusal:
    """``quota`` by its name in the account's summary, such as AccessKeysPerUser."""
    return over_limit(f"Cannot exceed quota for {quota}: {limit}")


def invalid_input(message: str) -> Refusal:
    return Refusal("InvalidInput", message)


# --- users, groups, access keys ---------------------------------------------------------------------------------------


def user_not_found(name: str) -> Refusal:
    return no_such_entity(f"The user with name {name} cannot be found.")


def user_exists(name: str) -> Refusal:
    return entity_already_exists(f"User with name {name} already exists.")


def user_name_missing() -> Refusal:
    """A call that means its own user where it names none, from somebody who is no user."""
    return validation("Must specify userName when calling with non-User credentials")


def group_not_found(name: str) -> Refusal:
    return no_such_entity(f"The group with name {name} cannot be found.")


def group_exists(name: str) -> Refusal:
    return entity_already_exists(f"Group with name {name} already exists.")


def must_first(what: str) -> Refusal:
    """``what`` has to be done before an entity can be deleted: ``delete access keys``, ``detach all policies``, …"""
    return delete_conflict(f"Cannot delete entity, must {what} first.")


def access_key_not_found(access_key_id: str) -> Refusal:
    return no_such_entity(f"The Access Key with id {access_key_id} cannot be found.")


def access_key_hidden(caller_arn: str, access_key_id: str, *, detail: str | None = None) -> Refusal:
    """GetAccessKeyLastUsed of a key that is not there, another account's, or of a user out of the caller's reach: the
    three look alike."""
    return access_denied(
        f"User: {caller_arn} is not authorized to perform iam:GetAccessKeyLastUsed on resource: access key {access_key_id}",
        detail=detail,
    )


def status_not_settable(status: str) -> Refusal:
    """AWS's sentence is not known."""
    return invalid_input(f"The status of an access key cannot be set to {status}.")


def login_profile_not_found(name: str) -> Refusal:
    return no_such_entity(f"Login Profile for User {name} cannot be found.")


# --- policies, inline and attached ------------------------------------------------------------------------------------


def inline_policy_not_found(kind: str, name: str) -> Refusal:
    """``kind`` of whom it would be: ``user``, ``group`` or ``role``."""
    return no_such_entity(f"The {kind} policy with name {name} cannot be found.")


def inline_policies_too_large(kind: str, name: str, most: int) -> Refusal:
    return over_limit(f"Maximum policy size of {most} bytes exceeded for {kind} {name}")


def invalid_policy_arn() -> Refusal:
    return validation("Invalid ARN:  Could not be parsed!")  # both spaces are AWS's


def policy_not_found(arn: str) -> Refusal:
    return no_such_entity(f"Policy {arn} was not found.")


def policy_not_attachable(arn: str) -> Refusal:
    return no_such_entity(f"Policy {arn} does not exist or is not attachable.")


def boundary_not_attachable(arn: str) -> Refusal:
    return no_such_entity(f"Scope ARN: {arn} does not exist or is not attachable.")


def no_boundary(kind: str, name: str) -> Refusal:
    """A permissions boundary is to be taken from a ``user`` or ``role`` that has none. AWS's sentence is not known."""
    return no_such_entity(f"The {kind} with name {name} does not have a permissions boundary.")


# --- roles ------------------------------------------------------------------------------------------------------------


def role_not_found(name: str) -> Refusal:
    return no_such_entity(f"The role with name {name} cannot be found.")


def role_exists(name: str) -> Refusal:
    return entity_already_exists(f"Role with name {name} already exists.")


def attached_arn_invalid(arn: str) -> Refusal:
    return validation(f"ARN {arn} is not valid.")


# --- managed policies -------------------------------------------------------------------------------------------------


def policy_exists(name: str) -> Refusal:
    return entity_already_exists(f"A policy called {name} already exists. Duplicate names are not allowed.")


def policy_version_not_found(arn: str, version: str) -> Refusal:
    return no_such_entity(f"Policy {arn} version {version} does not exist or is not attachable.")


def too_many_versions(most: int) -> Refusal:
    return over_limit(
        f"A managed policy can have up to {most} versions. Before you create a new version, you must delete an existing "
        "version."
    )


def default_version() -> Refusal:
    return delete_conflict("Cannot delete the default version of a policy.")


def policy_attached() -> Refusal:
    return delete_conflict("Cannot delete a policy attached to entities.")


def policy_has_versions() -> Refusal:
    return delete_conflict(
        "This policy has more than one version. Before you delete a policy, you must delete the policy's versions. The "
        "default version is deleted with the policy."
    )


def policy_of_aws(caller_arn: str, permission: str, arn: str) -> Refusal:
    """Policies of AWS cannot be changed, whatever the caller may do. That AWS adds nothing to this sentence is not
    known."""
    return access_denied(f"User: {caller_arn} is not authorized to perform: {permission} on resource: policy {arn}")


# --- simulation -------------------------------------------------------------------------------------------------------


def no_such_source(arn: str) -> Refusal:
    """What is to be simulated is no user, group or role."""
    return invalid_input(f"Invalid Entity Arn: {arn} does not clearly define entity type and name.")


def malformed_input(what: str, sentence: str) -> Refusal:
    """A policy that a simulation is given does not parse. AWS's sentence is not known."""
    return invalid_input(f"{what} is not a policy: {sentence}")


def caller_not_a_user(arn: str) -> Refusal:
    """AWS's sentence is not known."""
    return invalid_input(f"The caller of a simulation must be a user: {arn} is none.")


def bad_action(action: str) -> Refusal:
    """AWS's sentence is not known."""
    return invalid_input(
        f"The action {action} is not valid: it must name a service and an operation, without wildcards."
    )


def one_boundary() -> Refusal:
    """AWS's sentence is not known."""
    return invalid_input("A simulation takes one permissions boundary at most.")


def caller_missing() -> Refusal:
    """A resource policy says whom it means, and nobody is named. AWS's sentence is not known."""
    return invalid_input("A simulation with a resource policy needs the ARN of a caller.")


def bad_context_entry(name: str) -> Refusal:
    """AWS's sentence is not known."""
    return invalid_input(f"The values of the context key {name} are not of its type.")


# --- tags -------------------------------------------------------------------------------------------------------------


def duplicate_tags(*, folded: bool) -> Refusal:
    """``folded``: keys of these tags are the same irrespective of case."""
    note = " Please note that Tag keys are case insensitive." if folded else ""
    return invalid_input(f"Duplicate tag keys found.{note}")


def reserved_tag() -> Refusal:
    return invalid_input("Tag keys beginning with aws: are reserved for system use.")


def no_tags() -> Refusal:
    """AWS's sentence is not known."""
    return invalid_input("The list of tags must not be empty.")


def blank_tag() -> Refusal:
    """A key of white space alone, which the model's pattern lets pass. AWS's sentence is not known."""
    return validation("A tag key must not consist of white space alone.")


def too_many_tags() -> Refusal:
    return over_limit("The number of tags has reached the maximum limit.")


# --- the account ------------------------------------------------------------------------------------------------------


def account_alias_taken(alias: str) -> Refusal:
    return entity_already_exists(f"The account alias {alias} already exists.")


def account_alias_not_found(alias: str) -> Refusal:
    return no_such_entity(f"The account alias {alias} could not be found.")
