"""GetKeyLastUsage as an unmodified boto3 sees it, across workers and across a restart."""

from __future__ import annotations

import datetime
import time
from pathlib import Path
from typing import Any

from tests.api.conftest import Refused
from tests.server import Server

PATIENCE = 20.0


def test_a_use_is_told_by_every_worker_within_seconds(server: Server, kms: Any, key: Any) -> None:
    fresh = kms.get_key_last_usage(KeyId=key["Arn"])
    assert fresh["KeyLastUsage"] == {}
    assert fresh["KeyId"] == key["KeyId"]
    assert fresh["TrackingStartDate"] == fresh["KeyCreationDate"] == key["CreationDate"]
    answer = kms.encrypt(KeyId=key["KeyId"], Plaintext=b"x")
    request_id = answer["ResponseMetadata"]["RequestId"]
    told = kms.get_key_last_usage(KeyId=key["KeyId"])["KeyLastUsage"]  # the same connection, so the same worker
    assert (told["Operation"], told["KmsRequestId"]) == ("Encrypt", request_id)
    assert abs((datetime.datetime.now(datetime.UTC) - told["Timestamp"]).total_seconds()) < 60
    deadline = time.monotonic() + PATIENCE
    while True:
        answers = [server.client().get_key_last_usage(KeyId=key["KeyId"])["KeyLastUsage"] for _ in range(8)]
        if answers == [told] * 8:
            break
        assert time.monotonic() < deadline, answers
        time.sleep(0.5)


def test_a_use_of_the_last_moment_is_written_when_the_server_ends(tmp_path: Path) -> None:
    with Server(tmp_path) as server:
        key = server.client().create_key()["KeyMetadata"]["KeyId"]
        server.client().generate_data_key(KeyId=key, KeySpec="AES_256")
    with Server(tmp_path) as server:
        told = server.client().get_key_last_usage(KeyId=key)["KeyLastUsage"]
        assert told["Operation"] == "GenerateDataKey"


def test_an_alias_is_refused(kms: Any, refused: Refused) -> None:
    assert refused(kms.get_key_last_usage, KeyId="alias/a") == (
        "InvalidArnException",
        "Key Aliases are not supported for this operation.",
    )
