"""Keys that take a second each to make delay nobody who needs none of them."""

from __future__ import annotations

import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from tests.server import Server

IN_FLIGHT = 20


def test_with_twenty_large_keys_in_flight_encrypt_and_sign_are_answered_in_between(tmp_path: Path) -> None:
    patient = {"read_timeout": 300, "max_pool_connections": IN_FLIGHT}
    with Server(tmp_path, workers=1) as server, ThreadPoolExecutor(IN_FLIGHT) as callers:
        kms, slow = server.client(), server.client(settings=patient)
        key = kms.create_key()["KeyMetadata"]["KeyId"]
        signing = kms.create_key(KeySpec="ECC_NIST_P384", KeyUsage="SIGN_VERIFY")["KeyMetadata"]["KeyId"]
        sent = threading.Barrier(IN_FLIGHT + 1)

        def make(number: int) -> dict[str, Any]:
            sent.wait(60)
            made: dict[str, Any] = slow.create_key(KeySpec="RSA_4096", KeyUsage="SIGN_VERIFY", Description=str(number))[
                "KeyMetadata"
            ]
            return made

        keys = [callers.submit(make, number) for number in range(IN_FLIGHT)]
        sent.wait(60)
        in_between, longest = 0, 0.0
        while not all(one.done() for one in keys):
            begun = time.monotonic()
            blob = kms.encrypt(KeyId=key, Plaintext=b"x")["CiphertextBlob"]
            assert kms.decrypt(CiphertextBlob=blob)["Plaintext"] == b"x"
            kms.sign(KeyId=signing, Message=b"x", SigningAlgorithm="ECDSA_SHA_384")
            if not all(one.done() for one in keys):
                in_between += 1
                longest = max(longest, time.monotonic() - begun)
        made = [one.result() for one in keys]
        assert len({each["KeyId"] for each in made}) == IN_FLIGHT
        assert {each["Description"] for each in made} == {str(number) for number in range(IN_FLIGHT)}
        # Twenty keys take many seconds. Had the three calls waited for even one of them, they could not have gone by
        # this often; what they waited for the processors, which were all busy, is not held against them.
        assert in_between > 2 * IN_FLIGHT, (in_between, longest)


def test_a_server_that_is_told_to_end_answers_what_threads_are_still_making(tmp_path: Path) -> None:
    with Server(tmp_path, workers=1) as server, ThreadPoolExecutor(8) as callers:
        kms = server.client()
        kms.list_keys()
        keys = [callers.submit(kms.create_key, KeySpec="RSA_4096", KeyUsage="SIGN_VERIFY") for _ in range(8)]
        time.sleep(0.3)  # long enough for all to arrive: two of them are being made, the others wait
        assert not all(one.done() for one in keys), "eight keys of this size are not made in so short a time"
        assert server.stop(timeout=60) == 0
        made = {one.result()["KeyMetadata"]["KeyId"] for one in keys}
        server.start()
        listed = {key["KeyId"] for key in server.client().list_keys()["Keys"]}
        assert made <= listed
        assert len(made) == 8
