"""Access keys through the API: the secret once, two at most, in force or not at the next call, and their last use."""

from __future__ import annotations

import datetime
import json
import re
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import ClientError

from tests.api.conftest import Refused
from tests.api.iam.conftest import Person, allow
from tests.server import Server

Made = Callable[..., str]
Persons = Callable[..., Person]
LAST_USE_SECONDS = 30


def code_of(call: Callable[..., Any], **members: Any) -> str:
    """``OK``, or the code of the refusal."""
    try:
        call(**members)
    except ClientError as error:
        return str(error.response["Error"]["Code"])
    return "OK"


def test_the_secret_is_shown_once(iam: Any, server: Server, made: Made) -> None:
    name = made()
    key = iam.create_access_key(UserName=name)["AccessKey"]
    assert re.fullmatch(r"AKIA[A-Z2-7]{16}", key["AccessKeyId"])
    assert re.fullmatch(r"[A-Za-z0-9+/]{40}", key["SecretAccessKey"])
    assert (key["UserName"], key["Status"]) == (name, "Active")
    listed = iam.list_access_keys(UserName=name)
    assert listed["AccessKeyMetadata"] == [{part: key[part] for part in key if part != "SecretAccessKey"}]
    assert listed["IsTruncated"] is False
    client = server.client(service="sts", access_key_id=key["AccessKeyId"], secret=key["SecretAccessKey"])
    assert client.get_caller_identity()["Arn"].endswith(f":user/{name}")


def test_the_secret_stands_in_no_file_of_the_server(iam: Any, server: Server, made: Made) -> None:
    key = iam.create_access_key(UserName=made())["AccessKey"]
    files = [path for path in Path(server.home).rglob("*") if path.is_file()]
    written = {path: path.read_bytes() for path in files}
    assert any(key["AccessKeyId"].encode() in text for text in written.values()), "the record names the access key"
    for secret in (key["SecretAccessKey"], json.dumps(key["SecretAccessKey"])[1:-1]):
        assert [path for path, text in written.items() if secret.encode() in text] == []


def test_the_record_of_a_new_access_key_shows_all_but_the_secret(iam: Any, server: Server, made: Made) -> None:
    name = made()
    key = iam.create_access_key(UserName=name)["AccessKey"]
    raw = [
        line for path in (server.data / "journal").glob("segment-*.jsonl") for line in path.read_bytes().split(b"\n")
    ]
    [line] = [line for line in raw if b'"CreateAccessKey"' in line and key["AccessKeyId"].encode() in line]
    record = json.loads(line.split(b" ", 2)[2])
    assert record["eventSource"] == "iam.amazonaws.com"
    assert record["requestParameters"] == {"userName": name}
    shown = record["responseElements"]["accessKey"]
    assert (shown["accessKeyId"], shown["userName"], shown["status"]) == (key["AccessKeyId"], name, "Active")
    assert "secretAccessKey" not in shown


def test_a_user_has_two_access_keys_at_most(refused: Refused, iam: Any, made: Made) -> None:
    name = made()
    first = iam.create_access_key(UserName=name)["AccessKey"]["AccessKeyId"]
    iam.create_access_key(UserName=name)
    said = ("LimitExceeded", "Cannot exceed quota for AccessKeysPerUser: 2")
    assert refused(iam.create_access_key, UserName=name) == said
    iam.update_access_key(UserName=name, AccessKeyId=first, Status="Inactive")
    assert refused(iam.create_access_key, UserName=name) == said, "inactive ones count"
    iam.delete_access_key(UserName=name, AccessKeyId=first)
    iam.create_access_key(UserName=name)


def test_an_inactive_or_deleted_access_key_is_refused_at_the_next_call(
    server: Server, iam: Any, person: Persons
) -> None:
    someone = person(allow("kms:ListKeys"))
    clients = [someone.client("kms") for _ in range(4 * server.workers)]  # connections to every worker
    for client in clients:
        client.list_keys()
    for status, expected in (("Inactive", "UnrecognizedClientException"), ("Active", "OK")):
        iam.update_access_key(UserName=someone.name, AccessKeyId=someone.access_key_id, Status=status)
        assert [code_of(client.list_keys) for client in clients] == [expected] * len(clients)
        listed = iam.list_access_keys(UserName=someone.name)["AccessKeyMetadata"]
        assert [key["Status"] for key in listed] == [status]
    iam.delete_access_key(UserName=someone.name, AccessKeyId=someone.access_key_id)
    assert {code_of(client.list_keys) for client in clients} == {"UnrecognizedClientException"}
    assert code_of(someone.iam.get_user) == "InvalidClientTokenId"


def test_an_access_key_is_changed_by_the_name_of_its_own_user_only(refused: Refused, iam: Any, made: Made) -> None:
    owner, other = made(), made()
    key = iam.create_access_key(UserName=owner)["AccessKey"]["AccessKeyId"]
    said = ("NoSuchEntity", f"The Access Key with id {key} cannot be found.")
    assert refused(iam.update_access_key, UserName=other, AccessKeyId=key, Status="Inactive") == said
    assert refused(iam.delete_access_key, UserName=other, AccessKeyId=key) == said
    assert refused(iam.delete_access_key, AccessKeyId=key) == said, "the caller is no better than another"
    absent = "AKIAIOSFODNN7EXAMPLE"
    said = ("NoSuchEntity", f"The Access Key with id {absent} cannot be found.")
    assert refused(iam.delete_access_key, UserName=owner, AccessKeyId=absent) == said


@pytest.mark.parametrize(
    ("status", "code", "said"),
    [
        (
            "Gone",
            "ValidationError",
            "1 validation error detected: Value at 'status' failed to satisfy constraint: Member must satisfy enum value set",
        ),
        ("Expired", "InvalidInput", "The status of an access key cannot be set to Expired."),
    ],
)
def test_a_status_that_cannot_be_set(refused: Refused, iam: Any, made: Made, status: str, code: str, said: str) -> None:
    name = made()
    key = iam.create_access_key(UserName=name)["AccessKey"]["AccessKeyId"]
    assert refused(iam.update_access_key, UserName=name, AccessKeyId=key, Status=status) == (code, said)


def test_a_user_changes_its_own_access_keys_if_it_may(refused: Refused, iam: Any, person: Persons) -> None:
    someone = person()
    assert refused(someone.iam.create_access_key)[0] == "AccessDenied"
    someone.may(allow("iam:*AccessKey*", resource="arn:aws:iam::*:user/${aws:username}"))
    second = someone.iam.create_access_key()["AccessKey"]
    assert second["UserName"] == someone.name
    assert len(someone.iam.list_access_keys()["AccessKeyMetadata"]) == 2
    assert refused(someone.iam.list_access_keys, UserName="admin")[0] == "AccessDenied"
    someone.iam.delete_access_key(AccessKeyId=someone.access_key_id)
    assert code_of(someone.iam.list_access_keys) == "InvalidClientTokenId", "it has deleted what it called with"


def test_pages_of_access_keys(iam: Any, made: Made) -> None:
    name = made()
    keys = [iam.create_access_key(UserName=name)["AccessKey"]["AccessKeyId"] for _ in range(2)]
    pages = iam.get_paginator("list_access_keys").paginate(UserName=name, PaginationConfig={"PageSize": 1})
    assert [[key["AccessKeyId"] for key in page["AccessKeyMetadata"]] for page in pages] == [[key] for key in keys]


def last_used(iam: Any, access_key_id: str) -> dict[str, Any]:
    used: dict[str, Any] = iam.get_access_key_last_used(AccessKeyId=access_key_id)
    return used["AccessKeyLastUsed"] | {"UserName": used["UserName"]}


def test_the_last_use_of_an_access_key_is_known_soon(iam: Any, person: Persons) -> None:
    someone = person()
    never = {"UserName": someone.name, "ServiceName": "N/A", "Region": "N/A"}
    assert last_used(iam, someone.access_key_id) == never
    before = datetime.datetime.now(datetime.UTC).replace(microsecond=0)
    assert code_of(someone.kms.list_keys) == "AccessDeniedException", "a refused call is a use as well"
    until = time.monotonic() + LAST_USE_SECONDS
    while last_used(iam, someone.access_key_id) == never and time.monotonic() < until:
        time.sleep(0.25)
    used = last_used(iam, someone.access_key_id)
    assert (used["ServiceName"], used["Region"]) == ("kms", "us-east-1")
    assert before <= used["LastUsedDate"] <= datetime.datetime.now(datetime.UTC)


def test_an_access_key_out_of_reach_looks_like_one_that_is_not_there(
    refused: Refused, iam: Any, server: Server, person: Persons
) -> None:
    def said(caller: str, access_key_id: str) -> tuple[str, str]:
        return (
            "AccessDenied",
            f"User: {caller} is not authorized to perform iam:GetAccessKeyLastUsed on resource: access key {access_key_id}",
        )

    absent, admin = "AKIAIOSFODNN7EXAMPLE", f"arn:aws:iam::{server.account}:user/admin"
    assert refused(iam.get_access_key_last_used, AccessKeyId=absent) == said(admin, absent)
    someone = person(allow("iam:GetAccessKeyLastUsed", resource="arn:aws:iam::*:user/elsewhere/*"))
    arn = f"arn:aws:iam::{server.account}:user/{someone.name}"
    for key in (absent, someone.access_key_id, server.keys()[0]):
        assert refused(someone.iam.get_access_key_last_used, AccessKeyId=key) == said(arn, key)
