"""Grants: permission to use one key, given to one principal, beside all policies.

What a grant may hold, which calls it lets through, and which grants its grantee may make of it. Guarantees: pure and
default closed. A grant allows an operation that it names, within its constraints, and nothing else; whoever makes a
grant by the power of another makes a narrower one. Does not decide: a Deny of any policy outweighs every grant
(`policy.decide`). Who bears a grant is said in `grantees`.

Sources: "Grants in AWS KMS" with its pages (AWS KMS developer guide); GrantConstraints and CreateGrant (API reference).
Times are seconds since the epoch."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Final, NamedTuple

import msgspec

from keystead import errors
from keystead.domain.key import Key
from keystead.domain.keytypes import KeyTypes

Pair = tuple[str, str]
Pairs = tuple[Pair, ...]


class GrantName(NamedTuple):
    """Which grant is meant."""

    account: str
    region: str
    key_id: str
    grant_id: str


@dataclass(frozen=True, slots=True)
class Grant:
    """One grant on one key, as it was made; it never changes.

    ``grant_id`` is 64 hex digits. ``grantee`` and ``retiring`` are identities (`grantees`): the unique id of a user, a
    role or a session, a service's name, an account's root ARN. No ARN of a user or role, so that another one who gets
    the name later does not get the grant. ``…_service`` is whether the request named a service principal as such.
    ``issuing_account`` is the root ARN of the account whose principal made the grant. ``context_equals`` and
    ``context_subset`` constrain the encryption context: None is no constraint."""

    account: str
    region: str
    key_id: str
    grant_id: str
    grantee: str
    operations: tuple[str, ...]
    issuing_account: str
    created: float
    name: str | None = None
    grantee_service: bool = False
    retiring: str | None = None
    retiring_service: bool = False
    context_equals: Pairs | None = None
    context_subset: Pairs | None = None
    source_arn: str | None = None

    @property
    def full_name(self) -> GrantName:
        return GrantName(self.account, self.region, self.key_id, self.grant_id)


class Use(NamedTuple):
    """What a call wants to do with a key, as far as grants ask about it.

    ``operation`` is a grant operation (``ReEncryptFrom``, not ReEncrypt). ``source_arn`` is the resource on behalf of
    which a service calls. ``wanted`` is the grant that CreateGrant is to make."""

    operation: str
    context: Mapping[str, str] | None = None
    source_arn: str | None = None
    wanted: Grant | None = None


# --- what a grant may hold --------------------------------------------------------------------------------------------

CREATE_GRANT: Final = "CreateGrant"
RETIRE_GRANT: Final = "RetireGrant"
DESCRIBE_KEY: Final = "DescribeKey"

_EVERY_KEY: Final = (CREATE_GRANT, RETIRE_GRANT, DESCRIBE_KEY)
_CIPHERS: Final = ("Encrypt", "Decrypt", "ReEncryptFrom", "ReEncryptTo")
_DATA_KEYS: Final = (
    "GenerateDataKey",
    "GenerateDataKeyWithoutPlaintext",
    "GenerateDataKeyPair",
    "GenerateDataKeyPairWithoutPlaintext",
)

# Is the key symmetric, its usage -> the operations that only keys like it have.
_OPERATIONS: Final[Mapping[tuple[bool, str], tuple[str, ...]]] = {
    (True, "ENCRYPT_DECRYPT"): (*_CIPHERS, *_DATA_KEYS),
    (True, "GENERATE_VERIFY_MAC"): ("GenerateMac", "VerifyMac"),
    (False, "ENCRYPT_DECRYPT"): ("GetPublicKey", *_CIPHERS),
    (False, "SIGN_VERIFY"): ("GetPublicKey", "Sign", "Verify"),
    (False, "KEY_AGREEMENT"): ("GetPublicKey", "DeriveSharedSecret"),
    (False, "ENCAPSULATE_DECAPSULATE"): ("GetPublicKey", "Encapsulate", "Decapsulate"),
}

# As the service model lists them, and as AWS shows those of a grant. `holdings` numbers them: append only.
IN_ORDER: Final = (
    "Decrypt",
    "Encrypt",
    "GenerateDataKey",
    "GenerateDataKeyWithoutPlaintext",
    "ReEncryptFrom",
    "ReEncryptTo",
    "Sign",
    "Verify",
    "GetPublicKey",
    CREATE_GRANT,
    RETIRE_GRANT,
    DESCRIBE_KEY,
    "GenerateDataKeyPair",
    "GenerateDataKeyPairWithoutPlaintext",
    "GenerateMac",
    "VerifyMac",
    "DeriveSharedSecret",
    "Encapsulate",
    "Decapsulate",
)

CONTEXT_PAIRS: Final = 8
CONTEXT_VALUE_CHARACTERS: Final = 384


def _is_symmetric(key: Key) -> bool:
    return not KeyTypes.ASYMMETRIC.fits(key.spec, key.usage)


def operations_of(key: Key) -> tuple[str, ...]:
    """The operations that a grant on this key may hold."""
    return _EVERY_KEY + _OPERATIONS[_is_symmetric(key), key.usage]


def check_holdable(grant: Grant, key: Key) -> None:
    """Refuse operations and constraints that make no sense for the key, in AWS's sentences (errors.md §5)."""
    valid = operations_of(key)
    wrong = [operation for operation in grant.operations if operation not in valid]
    if wrong:
        kind = "a symmetric" if _is_symmetric(key) else "an asymmetric"
        raise errors.validation(
            f"Operations [{', '.join(wrong)}] are not supported when creating a grant for {kind} KMS key with key usage "
            f"{key.usage}. Valid operations are [{', '.join(valid)}]"
        )
    constrained = grant.context_equals is not None or grant.context_subset is not None
    if constrained and not KeyTypes.SYMMETRIC.fits(key.spec, key.usage):
        raise errors.validation(
            "EncryptionContext is supported only when creating a grant for a symmetric encryption KMS key."
        )


def read_operations(operations: Iterable[str]) -> tuple[str, ...]:
    """The operations in the order of the service model, each once. Refuses none at all, and CreateGrant alone: whoever
    may only make grants could not make any."""
    given = frozenset(operations)
    found = tuple(operation for operation in IN_ORDER if operation in given)
    if not found:
        raise errors.validation(
            "1 validation error detected: Value '[]' at 'operations' failed to satisfy constraint: Member must have "
            "length greater than or equal to 1"
        )
    if found == (CREATE_GRANT,):
        raise errors.validation("Grants must not contain only the CreateGrant operation.")
    return found


def read_context(
    equals: Mapping[str, str] | None, subset: Mapping[str, str] | None
) -> tuple[Pairs | None, Pairs | None]:
    """The constraints on the encryption context, of which there may be one. An empty one beside another is as good as
    absent (clients send it so); an empty one alone constrains nothing, which nobody can have meant."""
    if equals and subset:
        raise errors.validation("More than one constraint supplied")
    if not equals and not subset and (equals is not None or subset is not None):
        raise errors.validation("The encryption context constraint of a grant must have at least one pair.")
    return _read_pairs("Equals", equals), _read_pairs("Subset", subset)


def _read_pairs(kind: str, pairs: Mapping[str, str] | None) -> Pairs | None:
    if not pairs:
        return None
    failed = (
        f"1 validation error detected: Value at 'constraints.encryptionContext{kind}' failed to satisfy constraint:"
    )
    if len(pairs) > CONTEXT_PAIRS:
        raise errors.validation(f"{failed} Member must have length less than or equal to {CONTEXT_PAIRS}")
    if any(len(value) > CONTEXT_VALUE_CHARACTERS for value in pairs.values()):
        raise errors.validation(
            f"{failed} Map value must satisfy constraint: [Member must have length less than or equal to "
            f"{CONTEXT_VALUE_CHARACTERS}]"
        )
    return tuple(sorted(pairs.items()))


# --- what a grant allows ----------------------------------------------------------------------------------------------


def allows(grant: Grant, use: Use) -> bool:
    """Does the grant let its bearer do this."""
    operation = use.operation
    if operation not in grant.operations:
        return False
    if operation == RETIRE_GRANT:
        return True
    if grant.source_arn is not None and grant.source_arn != use.source_arn:
        return False
    if operation == DESCRIBE_KEY:
        return True
    if operation == CREATE_GRANT:
        return use.wanted is not None and is_within(use.wanted, grant)
    return _context_allows(grant, use.context or {})


def is_within(child: Grant, parent: Grant) -> bool:
    """May the grantee of ``parent`` make ``child`` of it: no operation more, no constraint less. One grant must suffice;
    several do not add up."""
    if not set(child.operations) <= set(parent.operations):
        return False
    if parent.source_arn is not None and child.source_arn != parent.source_arn:
        return False
    if parent.context_equals is not None:
        return child.context_equals is not None and folded(child.context_equals) == folded(parent.context_equals)
    if parent.context_subset is not None:
        named = child.context_subset if child.context_equals is None else child.context_equals
        return named is not None and _includes(folded(named), parent.context_subset)
    return True


def _context_allows(grant: Grant, context: Mapping[str, str]) -> bool:
    if grant.context_equals is not None and folded(context.items()) != folded(grant.context_equals):
        return False
    return grant.context_subset is None or _includes(folded(context.items()), grant.context_subset)


def folded(pairs: Iterable[Pair]) -> Pairs:
    """Pairs as constraints compare them: names without regard to case, values as they are (GrantConstraints, API
    reference). Pairs that differ in the case of their names stay apart, so the number of pairs counts."""
    return tuple(sorted((name.lower(), value) for name, value in pairs))


def _includes(context: Pairs, subset: Pairs) -> bool:
    """Are all pairs of the constraint in the folded context; where names differ in case alone, no other value of such
    a name may stand beside them."""
    wanted = folded(subset)
    names = {name for name, _ in wanted}
    return {pair for pair in context if pair[0] in names} == set(wanted)


def constraint_facts(grant: Grant) -> dict[str, Any]:
    """What condition keys read of a grant's constraints, as members of `policy.facts.Facts`: kms:GrantConstraintType,
    kms:GrantConstraintSourceArn, kms:EncryptionContext:… ("Condition keys for AWS KMS", CreateGrant and RetireGrant)."""
    pairs, kind = grant.context_equals, "EncryptionContextEquals"
    if pairs is None:
        pairs, kind = grant.context_subset, "EncryptionContextSubset"
    return {
        "encryption_context": None if pairs is None else dict(pairs),
        "grant_constraint_type": None if pairs is None else kind,
        "grant_constraint_source_arn": grant.source_arn,
    }


# --- the same grant ---------------------------------------------------------------------------------------------------


def likeness(grant: Grant) -> str | None:
    """A digest (64 hex digits) of a grant's name and all its parameters; None where it has no name. Two grants of one
    likeness on a key were asked for alike: then a repeated request makes no new grant. The order of pairs does not
    matter, nor how a principal was spelled."""
    if grant.name is None:
        return None
    parameters = (
        "keystead grant 1",
        grant.name,
        (grant.grantee, grant.grantee_service),
        (grant.retiring, grant.retiring_service),
        grant.issuing_account,
        grant.operations,
        None if grant.context_equals is None else sorted(grant.context_equals),
        None if grant.context_subset is None else sorted(grant.context_subset),
        grant.source_arn,
    )
    return hashlib.sha256(msgspec.msgpack.encode(parameters)).hexdigest()
