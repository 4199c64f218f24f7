"""The administrator's API: what is told across accounts, to whom anything is told, and what cannot be explained."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tests.admin import client
from tests.api.explaining import Explain, denied, explain, folder, refusal, says
from tests.api.iam.conftest import Person, allow, deny, document, made, name, person
from tests.server import Server

__all__ = ["explain", "folder", "made", "name", "person"]


# --- accounts ---------------------------------------------------------------------------------------------------------

STRANGER = "arn:aws:iam::999988887777:user/bob"


def test_of_a_principal_of_another_account_only_the_side_of_the_key_is_explained(
    explain: Explain, key: dict[str, Any]
) -> None:
    answer = explain(Principal=STRANGER, Action="kms:Encrypt", KeyId=key["Arn"])
    assert (answer["Allowed"], answer["Reason"]) == (False, "the key policy does not allow")
    assert [(policy["Origin"], policy["Statements"] == []) for policy in answer["Policies"]] == [
        ("the key policy", False),
        ("the side of account 999988887777", True),
    ]
    assert says(answer)[0] == f"add a statement to the key policy that names {STRANGER}"
    assert any("999988887777 is taken to allow" in note for note in answer["Notes"])


def test_of_a_key_of_another_account_only_the_own_side_is_explained(explain: Explain, person: Any) -> None:
    alice = person(allow("kms:Encrypt"))
    there = "arn:aws:kms:us-east-1:999988887777:key/1234abcd-12ab-34cd-56ef-1234567890ab"
    answer = explain(Principal=alice.name, Action="kms:Encrypt", KeyId=there)
    assert answer["Allowed"] is True
    assert answer["Policies"][0]["Origin"] == "the side of account 999988887777"
    assert answer["Policies"][0]["Statements"] == []
    assert "the key of account 999988887777 is taken to trust it" in " ".join(answer["Notes"])
    never = explain(Principal=alice.name, Action="kms:DisableKey", KeyId=there)
    assert "kms:DisableKey is never allowed on a key of another account" in never["Notes"]
    assert refusal(explain, Principal=STRANGER, Action="kms:Encrypt", KeyId=there)[0] == "ValidationException"


# --- who may ask ------------------------------------------------------------------------------------------------------


def test_who_may_not_ask_is_told_the_same_whatever_is_there(
    server: Server, folder: Path, kms: Any, key: dict[str, Any], person: Any
) -> None:
    alice: Person = person(allow("kms:*"))
    asks = client(server, folder, alice.access_key_id, alice.secret).explain
    made = kms.encrypt(KeyId=key["Arn"], Plaintext=b"x")["ResponseMetadata"]["RequestId"]
    _, unlisted = denied(alice.iam.list_users)
    for known, unknown, there, not_there in (
        ({"RequestId": made}, {"RequestId": "0" * 36}, made, "0" * 36),
        ({"RequestId": unlisted}, {"RequestId": "0" * 36}, unlisted, "0" * 36),
        (
            {"Principal": "admin", "Action": "kms:Encrypt", "KeyId": key["KeyId"]},
            {"Principal": "nobody", "Action": "kms:Nothing", "KeyId": f"0{key['KeyId'][1:]}"},
            key["KeyId"],
            f"0{key['KeyId'][1:]}",
        ),
        ({"Principal": "admin", "Action": "iam:GetUser"}, {"Principal": "nobody"}, "user/admin", "user/nobody"),
    ):
        one, other = refusal(asks, **known), refusal(asks, **unknown)
        assert one[0] == other[0] == "AccessDeniedException"
        assert one[1].replace(there, "*") == other[1].replace(not_there, "*")


def test_a_permission_for_one_key_tells_of_no_other(
    server: Server, folder: Path, kms: Any, key: dict[str, Any], person: Any
) -> None:
    other = kms.create_key()["KeyMetadata"]
    kms.create_alias(AliasName=f"alias/{other['KeyId']}", TargetKeyId=other["KeyId"])
    alias = other["Arn"].partition(":key/")[0] + ":alias/*"
    alice: Person = person(allow("keystead:Explain", resource=key["Arn"]), allow("keystead:Explain", resource=alias))
    asks = client(server, folder, alice.access_key_id, alice.secret).explain
    asked = {"Principal": "admin", "Action": "kms:Encrypt"}
    assert asks(**asked, KeyId=key["KeyId"])["Allowed"] is True
    assert refusal(asks, **asked, KeyId=other["KeyId"])[0] == "AccessDeniedException"
    assert refusal(asks, **asked, KeyId=f"alias/{other['KeyId']}")[0] == "AccessDeniedException"


def test_a_permission_for_one_key_shows_all_policies_of_whoever_is_asked_about(
    server: Server, folder: Path, key: dict[str, Any], person: Any
) -> None:
    elsewhere = allow("s3:GetObject", resource="arn:aws:s3:::payroll/*")
    alice: Person = person(allow("keystead:Explain", resource=key["Arn"]))
    bob: Person = person(allow("kms:Encrypt"), elsewhere)
    asks = client(server, folder, alice.access_key_id, alice.secret).explain
    answer = asks(Principal=bob.name, Action="kms:Encrypt", KeyId=key["KeyId"])
    shown = [json.loads(each["Document"]) for policy in answer["Policies"] for each in policy["Statements"]]
    assert elsewhere in shown  # docs/explain.md says so to those who give the permission


@pytest.mark.parametrize(
    ("request_", "code", "words"),
    [
        ({}, "ValidationException", "neither is there"),
        ({"Principal": "admin"}, "ValidationException", "one of them is not there"),
        ({"Principal": "admin", "Action": "kms:Encrypt"}, "ValidationException", "which KeyId names"),
        ({"Principal": "admin", "Action": "kms:ListKeys", "KeyId": "x"}, "ValidationException", "Resource, not KeyId"),
        ({"Principal": "admin", "Action": "kms:Nothing"}, "ValidationException", "There is no action kms:Nothing here."),
        ({"Principal": "nobody", "Action": "kms:ListKeys"}, "NotFoundException", "There is no principal nobody"),
        ({"RequestId": "0" * 36}, "NotFoundException", "holds no call of this account"),
        ({"RequestId": "0" * 36, "Principal": "admin"}, "ValidationException", "the record tells Principal"),
        ({"RequestId": "*"}, "ValidationException", "failed to satisfy constraint"),
        ({"Principal": "admin", "Action": "kms:ListKeys", "Conditions": {"aws:SourceVpc": "x"}}, "ValidationException", "aws:SourceVpc"),
        ({"Principal": "admin", "Action": "kms:RetireGrant", "KeyId": "x"}, "UnsupportedOperationException", "the grant that"),
    ],
)  # fmt: skip
def test_what_cannot_be_explained_is_refused_in_words(
    explain: Explain, request_: dict[str, Any], code: str, words: str
) -> None:
    found = refusal(explain, **request_)
    assert found[0] == code
    assert words in found[1]


def test_every_question_is_audited_without_the_encryption_context(
    server: Server, explain: Explain, key: dict[str, Any]
) -> None:
    asked = {"Principal": "admin", "Action": "kms:Encrypt", "KeyId": key["KeyId"]}
    request_id = explain(**asked, EncryptionContext={"secret": "context"})["ResponseMetadata"]["RequestId"]
    lines = [line for path in (server.data / "journal").iterdir() for line in path.read_text().splitlines()]
    (line,) = [line for line in lines if f'"requestID":"{request_id}"' in line]
    record = json.loads(line.split(" ", 2)[2])
    assert (record["eventSource"], record["eventName"]) == ("keystead.amazonaws.com", "Explain")
    assert record["requestParameters"] == {"principal": "admin", "action": "kms:Encrypt", "keyId": key["KeyId"]}
    assert record["readOnly"] is True
    assert record["responseElements"] is None


def test_a_changed_key_policy_names_principals_as_they_are_named(
    explain: Explain, server: Server, kms: Any, iam: Any, key: dict[str, Any], person: Any
) -> None:
    alice = person()
    arn = iam.get_user(UserName=alice.name)["User"]["Arn"]
    root = allow("kms:*", Principal={"AWS": server.account})
    policy = document(root, deny("kms:Encrypt", Sid="NotAlice", Principal={"AWS": arn}))
    kms.put_key_policy(KeyId=key["KeyId"], Policy=policy)
    answer = explain(Principal=alice.name, Action="kms:Encrypt", KeyId=key["KeyId"])
    assert (answer["Allowed"], answer["Reason"]) == (False, "the key policy denies")
    shown = [change["Policy"] for one in answer["Proposals"] for change in one["Changes"] if "Policy" in change]
    assert shown
    assert not any("AIDA" in text for text in shown)
