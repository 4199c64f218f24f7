"""The account's summary and alias, and credentials that nobody has here."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from tests.api.conftest import Refused
from tests.api.iam.conftest import Person

Made = Callable[..., str]


def test_the_summary_counts_what_is_there(iam: Any, made: Made) -> None:
    before = iam.get_account_summary()["SummaryMap"]
    made(), made(), made("group")
    after = iam.get_account_summary()["SummaryMap"]
    assert {name: after[name] - before[name] for name in after if after[name] != before[name]} == {
        "Users": 2,
        "Groups": 1,
    }
    assert (after["UsersQuota"], after["AccessKeysPerUserQuota"], after["GroupsPerUserQuota"]) == (5_000, 2, 10)
    assert len(after) == 34


def test_an_account_has_one_alias(refused: Refused, iam: Any) -> None:
    assert iam.list_account_aliases()["AccountAliases"] == []
    iam.create_account_alias(AccountAlias="first-name")
    iam.create_account_alias(AccountAlias="another-name")
    assert iam.list_account_aliases()["AccountAliases"] == ["another-name"]
    assert refused(iam.delete_account_alias, AccountAlias="first-name")[0] == "NoSuchEntity"
    iam.delete_account_alias(AccountAlias="another-name")
    answer = iam.list_account_aliases()
    assert (answer["AccountAliases"], answer["IsTruncated"]) == ([], False)


@pytest.mark.parametrize(
    ("operation", "member"),
    [
        ("list_mfa_devices", "MFADevices"),
        ("list_signing_certificates", "Certificates"),
        ("list_ssh_public_keys", "SSHPublicKeys"),
        ("list_service_specific_credentials", "ServiceSpecificCredentials"),
    ],
)
def test_nobody_has_other_credentials(
    refused: Refused, iam: Any, person: Callable[..., Person], operation: str, member: str
) -> None:
    someone = person()
    for members in ({}, {"UserName": someone.name}, {"UserName": someone.name, "MaxItems": 1}):
        answer = getattr(iam, operation)(**members)
        assert (answer[member], answer["IsTruncated"]) == ([], False)
    assert refused(getattr(iam, operation), UserName=someone.name, Marker="a")[1] == "Invalid Marker."
    assert refused(getattr(someone.iam, operation))[0] == "AccessDenied"


@pytest.mark.parametrize("status", [None, "Assigned", "Unassigned", "Any"])
def test_there_are_no_virtual_devices(iam: Any, status: str | None) -> None:
    answer = iam.list_virtual_mfa_devices(**({} if status is None else {"AssignmentStatus": status}))
    assert (answer["VirtualMFADevices"], answer["IsTruncated"]) == ([], False)


def test_nobody_has_a_password(refused: Refused, iam: Any, made: Made) -> None:
    name = made()
    said = ("NoSuchEntity", f"Login Profile for User {name} cannot be found.")
    assert refused(iam.get_login_profile, UserName=name) == said
    assert refused(iam.delete_login_profile, UserName=name) == said
