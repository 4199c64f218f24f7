"""Keys as an unmodified boto3 sees them."""

from __future__ import annotations

import datetime
import json
import re
import uuid
from typing import Any

from tests.api.conftest import Refused
from tests.server import REGION, Server

UUID = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}")


def test_a_new_key_has_the_metadata_of_aws(kms: Any, server: Server) -> None:
    made = kms.create_key(Description="orders", Tags=[{"TagKey": "team", "TagValue": "shop"}])["KeyMetadata"]
    assert UUID.fullmatch(made["KeyId"])
    assert made == {
        "AWSAccountId": server.account,
        "KeyId": made["KeyId"],
        "Arn": f"arn:aws:kms:{REGION}:{server.account}:key/{made['KeyId']}",
        "CreationDate": made["CreationDate"],
        "Enabled": True,
        "Description": "orders",
        "KeyUsage": "ENCRYPT_DECRYPT",
        "KeyState": "Enabled",
        "Origin": "AWS_KMS",
        "KeyManager": "CUSTOMER",
        "CustomerMasterKeySpec": "SYMMETRIC_DEFAULT",
        "KeySpec": "SYMMETRIC_DEFAULT",
        "EncryptionAlgorithms": ["SYMMETRIC_DEFAULT"],
        "MultiRegion": False,
        "CurrentKeyMaterialId": made["CurrentKeyMaterialId"],
    }
    assert re.fullmatch(r"[0-9a-f]{64}", made["CurrentKeyMaterialId"])
    age = datetime.datetime.now(datetime.UTC) - made["CreationDate"]
    assert abs(age.total_seconds()) < 60
    assert kms.describe_key(KeyId=made["KeyId"])["KeyMetadata"] == made
    assert kms.describe_key(KeyId=made["Arn"])["KeyMetadata"] == made


def test_a_disabled_key_refuses_to_encrypt_until_it_is_enabled(kms: Any, key: Any, refused: Refused) -> None:
    kms.disable_key(KeyId=key["KeyId"])
    described = kms.describe_key(KeyId=key["KeyId"])["KeyMetadata"]
    assert (described["KeyState"], described["Enabled"]) == ("Disabled", False)
    for call, arguments in (
        (kms.encrypt, {"Plaintext": b"x"}),
        (kms.generate_data_key, {"KeySpec": "AES_256"}),
        (kms.generate_data_key_without_plaintext, {"KeySpec": "AES_128"}),
    ):
        assert refused(call, KeyId=key["KeyId"], **arguments) == ("DisabledException", f"{key['Arn']} is disabled.")
    kms.disable_key(KeyId=key["KeyId"])  # again: nothing to do, nothing refused
    kms.enable_key(KeyId=key["KeyId"])
    kms.enable_key(KeyId=key["KeyId"])
    assert kms.encrypt(KeyId=key["KeyId"], Plaintext=b"x")["KeyId"] == key["Arn"]


def test_deletion_is_scheduled_and_cancelled(kms: Any, key: Any, refused: Refused) -> None:
    answer = kms.schedule_key_deletion(KeyId=key["KeyId"], PendingWindowInDays=7)
    days = (answer["DeletionDate"] - datetime.datetime.now(datetime.UTC)).total_seconds() / 86_400
    assert 6.99 < days < 7.01
    assert (answer["KeyId"], answer["KeyState"], answer["PendingWindowInDays"]) == (key["Arn"], "PendingDeletion", 7)
    pending = ("KMSInvalidStateException", f"{key['Arn']} is pending deletion.")
    assert refused(kms.encrypt, KeyId=key["KeyId"], Plaintext=b"x") == pending
    assert refused(kms.enable_key, KeyId=key["KeyId"]) == pending
    assert refused(kms.schedule_key_deletion, KeyId=key["KeyId"]) == pending
    assert refused(kms.update_key_description, KeyId=key["KeyId"], Description="x") == pending
    assert kms.describe_key(KeyId=key["KeyId"])["KeyMetadata"]["DeletionDate"] == answer["DeletionDate"]
    assert kms.cancel_key_deletion(KeyId=key["KeyId"])["KeyId"] == key["Arn"]
    described = kms.describe_key(KeyId=key["KeyId"])["KeyMetadata"]
    assert described["KeyState"] == "Disabled"
    assert "DeletionDate" not in described
    assert refused(kms.cancel_key_deletion, KeyId=key["KeyId"]) == (
        "KMSInvalidStateException",
        f"{key['Arn']} is not pending deletion.",
    )


def test_the_waiting_period_is_seven_to_thirty_days(kms: Any, key: Any, refused: Refused) -> None:
    for days, bound in ((6, "greater than or equal to 7"), (31, "less than or equal to 30")):
        assert refused(kms.schedule_key_deletion, KeyId=key["KeyId"], PendingWindowInDays=days) == (
            "ValidationException",
            f"1 validation error detected: Value '{days}' at 'pendingWindowInDays' failed to satisfy constraint: "
            f"Member must have value {bound}",
        )


def test_a_description_is_replaced(kms: Any, key: Any) -> None:
    kms.update_key_description(KeyId=key["KeyId"], Description="what it is for")
    assert kms.describe_key(KeyId=key["KeyId"])["KeyMetadata"]["Description"] == "what it is for"


def test_keys_are_listed_page_by_page_each_once(kms: Any) -> None:
    made = {kms.create_key()["KeyMetadata"]["Arn"] for _ in range(7)}
    pages = list(kms.get_paginator("list_keys").paginate(PaginationConfig={"PageSize": 3}))
    listed = [entry["KeyArn"] for page in pages for entry in page["Keys"]]
    assert made <= set(listed)
    assert len(listed) == len(set(listed))
    assert all(len(page["Keys"]) == 3 and page["Truncated"] and page["NextMarker"] for page in pages[:-1])
    assert not pages[-1]["Truncated"]
    assert "NextMarker" not in pages[-1]


def test_keys_of_other_accounts_are_listed_when_they_are_asked_for_and_there_are_none(
    kms: Any, key: Any, refused: Refused
) -> None:
    assert key["KeyId"] in {entry["KeyId"] for entry in kms.list_keys(Limit=1000, ResourceOwners=["SELF"])["Keys"]}
    shared = kms.list_keys(ResourceOwners=["OTHER_ACCOUNTS_VIA_RAM"])
    assert (shared["Keys"], shared["Truncated"]) == ([], False)
    kms.create_key()
    both = kms.list_keys(Limit=1, ResourceOwners=["OTHER_ACCOUNTS_VIA_RAM", "SELF"])
    assert kms.list_keys(Limit=1, ResourceOwners=["SELF", "OTHER_ACCOUNTS_VIA_RAM"], Marker=both["NextMarker"])["Keys"]
    assert refused(kms.list_keys, Limit=1, Marker=both["NextMarker"]) == ("InvalidMarkerException", "")


def test_a_marker_continues_its_own_list_only(kms: Any, server: Server, refused: Refused) -> None:
    for _ in range(2):
        kms.create_key()
    marker = kms.list_keys(Limit=1)["NextMarker"]
    assert kms.list_keys(Limit=1, Marker=marker)["Keys"]
    assert refused(kms.list_aliases, Limit=1, Marker=marker) == ("InvalidMarkerException", "")
    assert refused(server.client("eu-west-1").list_keys, Marker=marker)[0] == "InvalidMarkerException"
    for damaged in (marker[:-4], marker[:-1] + ("A" if marker[-1] != "A" else "B"), "x", "ÿ"):
        assert refused(kms.list_keys, Marker=damaged) == ("InvalidMarkerException", "")


def test_a_key_that_is_not_there_is_named_in_the_words_of_aws(kms: Any, server: Server, refused: Refused) -> None:
    absent = str(uuid.uuid4())
    assert refused(kms.describe_key, KeyId=absent) == (
        "NotFoundException",
        f"Key 'arn:aws:kms:{REGION}:{server.account}:key/{absent}' does not exist",
    )
    assert refused(kms.describe_key, KeyId="no-key-id") == ("NotFoundException", "Invalid keyId 'no-key-id'")
    assert refused(kms.describe_key, KeyId=f"arn:aws:kms:eu-west-1:{server.account}:key/{absent}") == (
        "NotFoundException",
        "Invalid arn eu-west-1",
    )


def test_a_key_of_one_region_is_not_found_in_another(server: Server, key: Any, refused: Refused) -> None:
    elsewhere = server.client("eu-west-1")
    assert refused(elsewhere.describe_key, KeyId=key["KeyId"])[0] == "NotFoundException"
    assert refused(elsewhere.describe_key, KeyId=key["Arn"]) == ("NotFoundException", f"Invalid arn {REGION}")
    assert key["KeyId"] not in {entry["KeyId"] for entry in elsewhere.list_keys()["Keys"]}


def test_a_key_of_another_account_is_hidden(kms: Any, server: Server, refused: Refused) -> None:
    arn = f"arn:aws:kms:{REGION}:999999999999:key/{uuid.uuid4()}"
    code, message = refused(kms.encrypt, KeyId=arn, Plaintext=b"x")
    assert code == "AccessDeniedException"
    assert "does not exist in this Region, no resource-based policies allow access" in message


def test_operations_that_take_no_alias_say_so(kms: Any, key: Any, refused: Refused) -> None:
    kms.create_alias(AliasName=f"alias/{key['KeyId']}", TargetKeyId=key["KeyId"])
    assert refused(kms.disable_key, KeyId=f"alias/{key['KeyId']}") == (
        "InvalidArnException",
        "Key Aliases are not supported for this operation.",
    )


def test_what_is_not_offered_is_refused_by_name(kms: Any, refused: Refused) -> None:
    code, message = refused(kms.create_key, XksKeyId="key")
    assert code == "UnsupportedOperationException"
    assert "XksKeyId" in message
    assert "ConnectCustomKeyStore" in refused(kms.connect_custom_key_store, CustomKeyStoreId="cks-1234567890abcdef0")[1]
    assert (
        "Recipient"
        in refused(kms.generate_random, NumberOfBytes=8, Recipient={"KeyEncryptionAlgorithm": "RSAES_OAEP_SHA_256"})[1]
    )


def test_a_key_is_born_with_the_policy_it_is_given(kms: Any, server: Server) -> None:
    policy = json.dumps(
        {
            "Version": "2012-10-17",
            "Statement": [
                {
                    "Effect": "Allow",
                    "Principal": {"AWS": f"arn:aws:iam::{server.account}:root"},
                    "Action": "kms:*",
                    "Resource": "*",
                }
            ],
        }
    )
    made = kms.create_key(Policy=policy)["KeyMetadata"]
    assert kms.get_key_policy(KeyId=made["KeyId"])["Policy"] == policy
