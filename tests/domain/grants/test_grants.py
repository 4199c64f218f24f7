"""What a grant may hold, what it lets through, what may be made of it."""

from __future__ import annotations

from typing import Any

import pytest
from tests.domain.grants.cast import grant, key

from keystead.crypto.keyspecs import SPECS
from keystead.domain.grants import (
    Use,
    allows,
    check_holdable,
    is_within,
    likeness,
    operations_of,
    read_context,
    read_operations,
)
from keystead.errors import Refusal
from keystead.model.shapes import Service


def refusal(function: Any, *arguments: Any) -> tuple[str, str | None]:
    with pytest.raises(Refusal) as caught:
        function(*arguments)
    return caught.value.code, caught.value.message


# --- what a grant may hold --------------------------------------------------------------------------------------------

MODELLED_IN_ORDER = Service.load("kms").shape("GrantOperation").enum
MODELLED = frozenset(MODELLED_IN_ORDER)

EVERY = {"CreateGrant", "RetireGrant", "DescribeKey"}
HOLDABLE = [
    (
        "SYMMETRIC_DEFAULT",
        "ENCRYPT_DECRYPT",
        """Encrypt Decrypt ReEncryptFrom ReEncryptTo GenerateDataKey GenerateDataKeyWithoutPlaintext GenerateDataKeyPair
        GenerateDataKeyPairWithoutPlaintext""",
    ),
    ("HMAC_256", "GENERATE_VERIFY_MAC", "GenerateMac VerifyMac"),
    ("RSA_2048", "ENCRYPT_DECRYPT", "Encrypt Decrypt ReEncryptFrom ReEncryptTo GetPublicKey"),
    ("RSA_2048", "SIGN_VERIFY", "Sign Verify GetPublicKey"),
    ("ECC_NIST_P256", "SIGN_VERIFY", "Sign Verify GetPublicKey"),
    ("ECC_NIST_P256", "KEY_AGREEMENT", "DeriveSharedSecret GetPublicKey"),
    ("ML_DSA_44", "SIGN_VERIFY", "Sign Verify GetPublicKey"),
    ("ML_KEM_768", "ENCAPSULATE_DECAPSULATE", "Encapsulate Decapsulate GetPublicKey"),
]


@pytest.mark.parametrize(("spec", "usage", "own"), HOLDABLE)
def test_a_grant_holds_the_operations_of_its_key_and_no_others(spec: str, usage: str, own: str) -> None:
    the_key = key(spec, usage)
    holdable = EVERY | set(own.split())
    assert set(operations_of(the_key)) == holdable
    check_holdable(grant(*holdable), the_key)
    for operation in MODELLED - holdable:
        code, message = refusal(check_holdable, grant(operation), the_key)
        assert code == "ValidationException"
        assert f"Operations [{operation}] are not supported" in str(message)


def test_every_grant_operation_of_the_model_belongs_to_some_key() -> None:
    assert EVERY.union(*(own.split() for _, _, own in HOLDABLE)) == MODELLED


def test_every_key_that_can_be_made_can_have_grants() -> None:
    for spec in SPECS.values():
        for usage in spec.algorithms:
            assert len(operations_of(key(spec.name, usage))) > len(EVERY)


def test_a_wrong_operation_is_refused_in_the_sentence_of_aws() -> None:
    assert refusal(check_holdable, grant("Encrypt"), key("HMAC_256", "GENERATE_VERIFY_MAC")) == (
        "ValidationException",
        "Operations [Encrypt] are not supported when creating a grant for a symmetric KMS key with key usage "
        "GENERATE_VERIFY_MAC. Valid operations are [CreateGrant, RetireGrant, DescribeKey, GenerateMac, VerifyMac]",
    )
    _, message = refusal(check_holdable, grant("GenerateMac", "DescribeKey", "Encrypt"), key("RSA_2048", "SIGN_VERIFY"))
    assert str(message).startswith(
        "Operations [GenerateMac, Encrypt] are not supported when creating a grant for an asymmetric KMS key"
    )


@pytest.mark.parametrize("kind", ["context_equals", "context_subset"])
def test_only_symmetric_encryption_keys_know_an_encryption_context(kind: str) -> None:
    constrained = grant("DescribeKey", **{kind: {"a": "1"}})
    check_holdable(constrained, key())
    for spec, usage in (("HMAC_256", "GENERATE_VERIFY_MAC"), ("RSA_2048", "ENCRYPT_DECRYPT")):
        assert refusal(check_holdable, constrained, key(spec, usage)) == (
            "ValidationException",
            "EncryptionContext is supported only when creating a grant for a symmetric encryption KMS key.",
        )
    check_holdable(grant("Sign", source_arn="arn:aws:s3:::b"), key("RSA_2048", "SIGN_VERIFY"))


def test_operations_are_kept_in_the_order_of_the_model_each_once() -> None:
    assert read_operations(["CreateGrant", "Encrypt", "Decrypt", "Encrypt"]) == ("Decrypt", "Encrypt", "CreateGrant")
    assert read_operations(reversed(MODELLED_IN_ORDER)) == MODELLED_IN_ORDER


def test_a_grant_of_nothing_or_of_grants_alone_is_refused() -> None:
    assert refusal(read_operations, [])[0] == "ValidationException"
    for operations in (["CreateGrant"], ["CreateGrant", "CreateGrant"]):
        assert refusal(read_operations, operations) == (
            "ValidationException",
            "Grants must not contain only the CreateGrant operation.",
        )


def test_a_grant_has_one_constraint_on_the_context() -> None:
    assert read_context(None, None) == (None, None)
    assert read_context({"b": "2", "a": "1"}, None) == ((("a", "1"), ("b", "2")), None)
    assert read_context({}, {"a": "1"}) == (None, (("a", "1"),))  # as clients send it that always name both
    assert refusal(read_context, {"a": "1"}, {"a": "1"}) == ("ValidationException", "More than one constraint supplied")


@pytest.mark.parametrize(("equals", "subset"), [({}, None), (None, {}), ({}, {})])
def test_a_constraint_that_constrains_nothing_is_refused(equals: Any, subset: Any) -> None:
    assert refusal(read_context, equals, subset)[0] == "ValidationException"


def test_a_constraint_is_bounded() -> None:
    eight = {f"name-{number}": "v" * 384 for number in range(8)}
    read_context(eight, None)
    read_context(None, eight)
    assert "less than or equal to 8" in str(refusal(read_context, eight | {"ninth": "v"}, None)[1])
    code, message = refusal(read_context, None, {"a": "v" * 385})
    assert (code, "384" in str(message), "vvv" in str(message)) == ("ValidationException", True, False)


# --- what a grant allows ----------------------------------------------------------------------------------------------


def test_a_grant_allows_what_it_names() -> None:
    decrypting = grant("Decrypt", "ReEncryptFrom")
    assert allows(decrypting, Use("Decrypt"))
    assert allows(decrypting, Use("ReEncryptFrom", {"any": "context"}))
    for operation in MODELLED - {"Decrypt", "ReEncryptFrom"}:
        assert not allows(decrypting, Use(operation))


EQUALS, SUBSET = {"context_equals": {"team": "IT"}}, {"context_subset": {"team": "IT"}}
CONTEXTS = [
    # context, allowed by Equals, allowed by Subset
    ({"team": "IT"}, True, True),
    ({"TEAM": "IT"}, True, True),  # names are compared without regard to case
    ({"team": "it"}, False, False),  # values are not
    ({"team": "IT", "more": "x"}, False, True),
    ({"more": "x"}, False, False),
    ({}, False, False),
    (None, False, False),
    ({"team": "IT", "Team": "IT"}, False, True),  # one pair more, but no other value
    ({"team": "IT", "Team": "HR"}, False, False),  # two values for what is one name to the constraint
]


@pytest.mark.parametrize(("context", "equals", "subset"), CONTEXTS)
def test_a_constraint_holds_for_the_encryption_context(context: Any, equals: bool, subset: bool) -> None:
    for operation in ("Encrypt", "Decrypt", "GenerateDataKeyPair", "ReEncryptTo"):
        assert allows(grant(operation, **EQUALS), Use(operation, context)) is equals
        assert allows(grant(operation, **SUBSET), Use(operation, context)) is subset


@pytest.mark.parametrize("constraint", [EQUALS, SUBSET])
def test_operations_without_a_context_are_not_constrained(constraint: dict[str, Any]) -> None:
    for operation in ("DescribeKey", "RetireGrant"):
        assert allows(grant(operation, **constraint), Use(operation))


def test_a_source_constrains_everything_but_retiring() -> None:
    sourced = grant("Decrypt", "DescribeKey", "RetireGrant", source_arn="arn:aws:s3:::b")
    for source, allowed in (("arn:aws:s3:::b", True), ("arn:aws:s3:::c", False), (None, False)):
        assert allows(sourced, Use("Decrypt", {}, source)) is allowed
        assert allows(sourced, Use("DescribeKey", None, source)) is allowed
        assert allows(sourced, Use("RetireGrant", None, source))


# --- what may be made of a grant --------------------------------------------------------------------------------------

WITHIN = [
    # child's operations and constraint, parent's constraint, narrow enough
    ("Decrypt", {}, {}, True),
    ("Decrypt CreateGrant", {}, {}, True),
    ("Encrypt", {}, {}, False),
    ("Decrypt Encrypt", {}, {}, False),
    ("RetireGrant", {}, {}, False),
    ("Decrypt", EQUALS, {}, True),
    ("Decrypt", SUBSET, {}, True),
    ("Decrypt", EQUALS, EQUALS, True),
    ("Decrypt", {"context_equals": {"Team": "IT"}}, EQUALS, True),
    ("Decrypt", SUBSET, EQUALS, False),
    ("Decrypt", {}, EQUALS, False),
    ("Decrypt", {"context_equals": {"team": "IT", "more": "x"}}, EQUALS, False),
    ("Decrypt", SUBSET, SUBSET, True),
    ("Decrypt", EQUALS, SUBSET, True),
    ("Decrypt", {"context_subset": {"team": "IT", "more": "x"}}, SUBSET, True),
    ("Decrypt", {"context_equals": {"team": "IT", "more": "x"}}, SUBSET, True),
    ("Decrypt", {"context_subset": {"more": "x"}}, SUBSET, False),
    ("Decrypt", {"context_equals": {"team": "HR"}}, SUBSET, False),
    ("Decrypt", {}, SUBSET, False),
    ("Decrypt", {"source_arn": "arn:1"}, {"source_arn": "arn:1"}, True),
    ("Decrypt", {"source_arn": "arn:2"}, {"source_arn": "arn:1"}, False),
    ("Decrypt", {}, {"source_arn": "arn:1"}, False),
    ("Decrypt", {"source_arn": "arn:1"}, {}, True),
]


@pytest.mark.parametrize(("operations", "of_child", "of_parent", "narrow"), WITHIN)
def test_a_grant_of_a_grant_is_no_wider(operations: str, of_child: Any, of_parent: Any, narrow: bool) -> None:
    child, parent = grant(*operations.split(), **of_child), grant("CreateGrant", "Decrypt", **of_parent)
    assert is_within(child, parent) is narrow
    assert allows(parent, Use("CreateGrant", source_arn=parent.source_arn, wanted=child)) is narrow


def test_a_grant_without_create_grant_makes_none() -> None:
    assert not allows(grant("Decrypt"), Use("CreateGrant", wanted=grant("Decrypt")))
    assert not allows(grant("CreateGrant", "Decrypt"), Use("CreateGrant"))


# --- the same grant ---------------------------------------------------------------------------------------------------


def test_the_same_request_again_means_the_same_grant() -> None:
    one = grant("Decrypt", "Encrypt", name="n", context_subset={"a": "1", "b": "2"})
    again = grant("Decrypt", "Encrypt", name="n", context_subset={"b": "2", "a": "1"}, created=9.0, grant_id="1" * 64)
    assert likeness(one) == likeness(again)
    assert len(str(likeness(one))) == 64


def test_a_grant_without_a_name_is_like_no_other() -> None:
    assert likeness(grant("Decrypt")) is None


@pytest.mark.parametrize(
    "other",
    [
        {"name": "other"},
        {"name": None},
        {"grantee": "AIDAANOTHER"},
        {"grantee_service": True},
        {"retiring": "AIDAANOTHER"},
        {"retiring_service": True},
        {"issuing_account": "arn:aws:iam::444455556666:root"},
        {"context_subset": {"a": "1"}},
        {"context_equals": {"a": "1"}},
        {"context_equals": {"A": "1"}},
        {"source_arn": "arn:aws:s3:::b"},
    ],
)
def test_another_parameter_means_another_grant(other: dict[str, Any]) -> None:
    base: dict[str, Any] = {"name": "n", "context_equals": {"a": "2"}}
    assert likeness(grant("Decrypt", **base)) == likeness(grant("Decrypt", **base))
    assert likeness(grant("Decrypt", **base)) != likeness(grant("Decrypt", **(base | other)))
    assert likeness(grant("Decrypt", **base)) != likeness(grant("Decrypt", "Encrypt", **base))
