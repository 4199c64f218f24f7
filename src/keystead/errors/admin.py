"""What Keystead's own service refuses. AWS has none like it, so the sentences are ours; they say what to do next.

Whoever hears them has been permitted to ask: they may tell what is there and what is not."""

from __future__ import annotations

from keystead.errors.refusal import Refusal


def principal_unknown(name: str) -> Refusal:
    return Refusal(
        "NotFoundException",
        f"There is no principal {name} in this account. Name a user (alice), a role (role/Worker), root, or an ARN.",
    )


def principal_gone(name: str) -> Refusal:
    return Refusal(
        "NotFoundException", f"{name}, who made this call, is not there any more: nothing speaks for it now."
    )


def call_not_found(request_id: str) -> Refusal:
    return Refusal(
        "NotFoundException", f"The audit journal holds no call of this account under the request id {request_id}."
    )


def key_not_said() -> Refusal:
    return Refusal("ValidationException", "The record does not say which key the call was about: name it with KeyId.")


def action_unknown(action: str) -> Refusal:
    return Refusal("ValidationException", f"There is no action {action} here.")


def condition_not_tellable(name: str) -> Refusal:
    return Refusal(
        "ValidationException",
        f"Conditions cannot tell {name}: it is not a condition key of a request, or another member tells it.",
    )


def question_incomplete(what: str) -> Refusal:
    return Refusal("ValidationException", f"Explain needs RequestId, or Principal and Action: {what}.")


def neither_is_own() -> Refusal:
    return Refusal(
        "ValidationException", "Neither the principal nor the key is of this account: their administrators can explain."
    )
