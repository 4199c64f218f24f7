"""Trust policies: who may have a session of a role.

A trust policy is kept with the unique ids of the users and roles that it names, and shown with the ARNs they have when
somebody asks (`services.principals`): whoever gets a name later is not trusted, who was renamed still is, and of whom
is gone the id is left.

Guarantees: what is kept parses, and every user and role that it names by ARN existed when it was put. Does not ask
whether accounts and sessions exist that it names.

Source: "AWS JSON policy elements: Principal", section on IAM user and role principals (IAM user guide)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from keystead import errors
from keystead.domain.iamquotas import TRUST_POLICY_SIZE
from keystead.domain.identity import Identity
from keystead.domain.policy import written
from keystead.services import principals
from keystead.services.call import Call
from keystead.services.iam import documents
from keystead.store.interface import Reader


def bound(call: Call[Any], text: str) -> str:
    """The trust policy as it is to be kept. Refuses what is none, what is too long, and whom it names that is not
    there."""
    if not documents.fit((text,), TRUST_POLICY_SIZE):  # first: to read a large one takes long
        raise errors.quota_reached("ACLSizePerRole", TRUST_POLICY_SIZE)
    names = written.check_trust_policy(text).identities
    return call.facts.read(lambda reader: _bound(reader, text, names))


def _bound(reader: Reader, text: str, names: frozenset[str]) -> str:
    kept = principals.bind_policy(reader, text, names)
    if kept is None:
        missing = (name for name in sorted(names) if name.startswith("arn:") and reader.identity(name) is None)
        raise written.invalid_principal("AWS", next(missing))
    return kept


def shown(call: Call[Any], roles: Sequence[Identity]) -> list[str]:
    """The trust policies of these roles as they were put, with the names that those whom they mean have now. What many
    roles have in common is looked up once."""

    def show(reader: Reader) -> list[str]:
        known: dict[str, str] = {}
        for role in roles:
            text = role.trust or ""
            if text not in known:
                known[text] = documents.encoded(principals.show_policy(reader, text))
        return [known[role.trust or ""] for role in roles]

    return call.facts.read(show)
