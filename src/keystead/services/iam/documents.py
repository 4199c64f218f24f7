"""Policy documents of identities: checked before they are kept, counted as IAM counts them, shown as IAM shows them; and
the inline policies of a user, group or role as one value.

Guarantees: what is kept parses, so that an identity can be loaded; a document comes back byte for byte as it was put.
A policy is replaced by one whose name differs in case alone, and keeps the name under which it was put first.

Sources: "IAM and AWS STS quotas", "IAM JSON policy elements" (IAM user guide); RFC 3986 §2."""

from __future__ import annotations

from collections.abc import Iterable
from urllib.parse import quote

from keystead import errors
from keystead.domain.iamquotas import WITH_WHITE_SPACE
from keystead.domain.identity import Group, Identity
from keystead.domain.policy import written

#: Inline policies, (name, text), ascending by name.
Inline = tuple[tuple[str, str], ...]

_WHITE_SPACE = str.maketrans("", "", " \t\n\r")


def check(text: str) -> None:
    """Refuse what IAM would not keep as a policy of an identity (MalformedPolicyDocument)."""
    written.check_identity_policy(text)


def size(text: str) -> int:
    """Characters of a document as quotas count them: white space is free."""
    return len(text.translate(_WHITE_SPACE))


def fit(texts: Iterable[str], most: int) -> bool:
    """Are these documents together as small as a quota has them, and their white space within reason."""
    texts = tuple(texts)
    return sum(map(len, texts)) <= most * WITH_WHITE_SPACE and sum(map(size, texts)) <= most


def weight(holder: Identity | Group) -> int:
    """Characters of the documents that are kept with a user, group or role."""
    trusting = holder.trust or "" if isinstance(holder, Identity) else ""
    return len(trusting) + sum(len(text) for _, text in holder.inline)


def encoded(text: str) -> str:
    """A document as answers show it: URL-encoded, all but the unreserved characters of RFC 3986."""
    return quote(text, safe="")


def found(inline: Inline, name: str) -> str | None:
    """The text of the inline policy of that name, in any case; None where there is none."""
    folded = name.lower()
    return next((text for own, text in inline if own.lower() == folded), None)


def put(inline: Inline, name: str, text: str, *, kind: str, owner: str, most: int) -> Inline:
    """The inline policies with this one among them. ``most`` is how large all of them together may be, which is looked
    at before the document is read; ``kind`` and ``owner`` are for the sentence that refuses more."""
    folded = name.lower()
    kept = dict(inline)
    name = next((own for own in kept if own.lower() == folded), name)
    kept[name] = text
    if not fit(kept.values(), most):
        raise errors.inline_policies_too_large(kind, owner, most)
    check(text)
    return tuple(sorted(kept.items()))


def without(inline: Inline, name: str, *, kind: str) -> Inline:
    """The inline policies without that of the name, in any case. Refused where there is none (NoSuchEntity)."""
    folded = name.lower()
    left = tuple(policy for policy in inline if policy[0].lower() != folded)
    if len(left) == len(inline):
        raise errors.inline_policy_not_found(kind, name)
    return left
