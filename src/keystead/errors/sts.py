"""What STS refuses.

Codes and statuses are those of its model; sentences are those AWS was seen to send."""

from __future__ import annotations

from keystead.errors.refusal import Refusal


def packed_policy_too_large(percent: int) -> Refusal:
    """``percent`` of the room that session policies and tags may take is taken."""
    return Refusal(
        "PackedPolicyTooLarge", f"Packed size of session policies and tags consumes {percent}% of allotted space."
    )
