"""The verifier against botocore's signer: nothing that botocore signs is refused, nothing spoilt by a byte is accepted.

`make test` takes a sample. `make nightly` takes 100,000 requests, and of 10,000 others each byte replaced by another,
removed, and one put before it; in parts, so that each is done in minutes.
"""

from __future__ import annotations

import hmac
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import replace
from random import Random

import pytest
from tests.http.sigv4_oracle import (
    HARMLESS,
    REGIONS,
    check,
    claimed,
    difference_without_meaning,
    every_replacement,
    generate,
    one_byte_mutations,
    sign,
    signature_of,
)

from keystead.errors import Refusal
from keystead.http import sigv4
from keystead.http.message import Request

NIGHTLY = pytest.mark.nightly


@pytest.mark.parametrize("part", [0, *[pytest.param(part, marks=NIGHTLY) for part in range(1, 40)]])
def test_what_botocore_signs_is_accepted(part: int) -> None:
    random = Random(f"accepted {part}")
    for number in range(2_500):
        request = generate(random)
        try:
            caller = check(request)
        except Refusal as refusal:
            raise AssertionError(f"request {number} was refused: {refusal}\n{request}\n{request.headers}") from refusal
        access_key_id, _, region, _, _ = claimed(request)["Credential"].split("/")
        assert (caller.access_key_id, caller.region) == (access_key_id, region or "us-east-1")


def accepted_although_wrong(
    original: Request, mutated: Request, is_accepted: Callable[[Request, Request], bool], seen: Counter[str]
) -> str | None:
    """The complaint about a verifier that accepts ``mutated`` without reason. What it may accept is counted."""
    if not is_accepted(original, mutated):
        seen["refused"] += 1
        return None
    difference = difference_without_meaning(original, mutated)
    if difference not in HARMLESS:
        return f"accepted with a difference that has a meaning: {mutated}\n{mutated.headers}"
    if signature_of(mutated) != claimed(mutated)["Signature"]:
        return f"accepted, but botocore signs it differently ({difference}): {mutated}\n{mutated.headers}"
    seen[difference] += 1
    return None


def is_verified(_original: Request, mutated: Request) -> bool:
    try:
        check(mutated)
    except Refusal:
        return False
    return True


def complaints(
    is_accepted: Callable[[Request, Request], bool],
    *,
    requests: int,
    positions: int | None,
    seen: Counter[str],
    seed: str = "mutated",
) -> Iterator[str]:
    """What is wrong with a verifier, by spoiling so many requests at so many positions each (None: at all)."""
    random = Random(seed)
    for _ in range(requests):
        original = generate(random, longest_body=200)
        for mutated in one_byte_mutations(original, random, positions):
            complaint = accepted_although_wrong(original, mutated, is_accepted, seen)
            if complaint is not None:
                yield complaint


def test_a_request_with_one_byte_changed_is_refused() -> None:
    seen: Counter[str] = Counter()
    assert next(complaints(is_verified, requests=400, positions=40, seen=seen), None) is None
    assert seen.keys() == {"refused", *HARMLESS}, "each kind of harmless difference was met, so that its rule is tried"


@NIGHTLY
@pytest.mark.parametrize("part", range(100))
def test_a_request_with_any_one_byte_changed_is_refused(part: int) -> None:
    seen: Counter[str] = Counter()
    assert next(complaints(is_verified, requests=100, positions=None, seen=seen, seed=f"mutated {part}"), None) is None
    assert seen.keys() == {"refused", *HARMLESS}
    print(part, dict(seen))  # with -s: how many of each kind


@pytest.mark.parametrize("number", [0, *[pytest.param(number, marks=NIGHTLY) for number in range(1, 20)]])
def test_each_byte_replaced_by_each_other_value_is_refused(number: int) -> None:
    original = sign() if number == 0 else generate(Random(f"each value {number}"), longest_body=50)
    seen: Counter[str] = Counter()
    for mutated in every_replacement(original):
        complaint = accepted_although_wrong(original, mutated, is_verified, seen)
        assert complaint is None, complaint
    assert seen["refused"] > 40_000


# --- does the harness bite? -------------------------------------------------------------------------------------------


def _query_of(request: Request) -> bytes:
    return request.target.partition(b"?")[2]


def _with_query(request: Request, query: bytes) -> Request:
    path, question_mark, _ = request.target.partition(b"?")
    return replace(request, target=path + question_mark + query)


def _with_header_of(original: Request, mutated: Request, name: bytes) -> Request:
    """``mutated`` with one header as in ``original``: what a verifier sees that took that header for signed."""
    value = dict(original.headers).get(name)
    if value is None:
        return mutated
    return replace(mutated, headers=[(known, value if known == name else sent) for known, sent in mutated.headers])


IGNORANCE: dict[str, Callable[[Request, Request], Request]] = {
    "method": lambda original, mutated: replace(mutated, method=original.method),
    "path": lambda original, mutated: replace(
        mutated, target=original.target.partition(b"?")[0] + b"?" + _query_of(mutated)
    ),
    "query": lambda original, mutated: _with_query(mutated, _query_of(original)),
    "body": lambda original, mutated: replace(mutated, body=original.body),
    "host": lambda original, mutated: _with_header_of(original, mutated, b"host"),
    "date": lambda original, mutated: _with_header_of(original, mutated, b"x-amz-date"),
    "content type": lambda original, mutated: _with_header_of(original, mutated, b"content-type"),
    "target": lambda original, mutated: _with_header_of(original, mutated, b"x-amz-target"),
    "session token": lambda original, mutated: _with_header_of(original, mutated, b"x-amz-security-token"),
    "authorization": lambda original, mutated: _with_header_of(original, mutated, b"authorization"),
}


@pytest.mark.parametrize("element", IGNORANCE)
def test_a_verifier_that_ignores_one_element_is_caught(element: str) -> None:
    def is_accepted(original: Request, mutated: Request) -> bool:
        return is_verified(original, IGNORANCE[element](original, mutated))

    assert next(complaints(is_accepted, requests=60, positions=60, seen=Counter(), seed=element), None) is not None


def test_a_verifier_that_compares_half_of_the_signature_is_caught(monkeypatch: pytest.MonkeyPatch) -> None:
    whole = hmac.compare_digest
    monkeypatch.setattr(sigv4.hmac, "compare_digest", lambda one, other: whole(one[:32], other[:32]))
    assert next(complaints(is_verified, requests=60, positions=60, seen=Counter()), None) is not None


def test_a_verifier_that_leaves_unsigned_headers_unchecked_is_caught(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sigv4, "_check_signed_headers", lambda claim, headers: None)
    request = sign(headers=[])
    request.headers.append((b"x-amz-target", b"TrentService.ScheduleKeyDeletion"))
    assert is_verified(request, request), "this fault lets an attacker choose the operation"


def test_the_generator_draws_what_it_promises() -> None:
    random = Random("promises")
    drawn = [generate(random) for _ in range(1_000)]
    names = [[name for name, _ in request.headers] for request in drawn]
    assert {request.method for request in drawn} >= {"GET", "POST", "PUT", "DELETE", "HEAD", "PATCH", "OPTIONS"}
    assert any(len(set(fields)) < len(fields) for fields in names), "repeated headers"
    assert any(b"  " in value for request in drawn for _, value in request.headers), "padded headers"
    assert any(b"date" in fields and b"x-amz-date" not in fields for fields in names), "dated by Date"
    assert any(b"%" in name for fields in names for name in fields), "a name with a percent sign"
    assert any(b"/../" in request.target for request in drawn), "dot segments"
    assert any(b"+" in _query_of(request) for request in drawn), "a plus sign in the query"
    assert any(_query_of(request).count(b"a=") > 1 for request in drawn), "repeated parameters"
    assert any(len(request.body) > 1_000 for request in drawn), "long bodies"
    presigned = [request for request in drawn if b"X-Amz-Algorithm" in request.target]
    assert 200 < len(presigned) < 500
    scopes = Counter(claimed(request)["Credential"].split("/")[2] for request in drawn)
    assert scopes.keys() == {*REGIONS, ""}
    assert len({claimed(request)["Credential"].split("/")[1] for request in drawn}) > 1, "more than one day"
