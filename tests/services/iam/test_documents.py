"""Documents, inline policies and tags of identities, as values."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any, cast
from urllib.parse import unquote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from keystead.domain.iamquotas import POLICY_SIZE, TRUST_POLICY_SIZE
from keystead.domain.policy import written
from keystead.errors import Refusal
from keystead.services.iam import documents, policies, tags, trust

ALLOW = '{"Version":"2012-10-17","Statement":{"Effect":"Allow","Action":"kms:*","Resource":"*"}}'
DENY = ALLOW.replace("Allow", "Deny")


def put(inline: documents.Inline, name: str, text: str = ALLOW, most: int = 2_048) -> documents.Inline:
    return documents.put(inline, name, text, kind="user", owner="ann", most=most)


def refusal(caught: pytest.ExceptionInfo[Refusal]) -> tuple[str, str | None]:
    return caught.value.code, caught.value.message


def test_white_space_is_not_counted() -> None:
    assert documents.size('{ "a" :\t"b c"\r\n}') == len('{"a":"bc"}')


def test_a_document_is_shown_with_all_but_unreserved_characters_encoded() -> None:
    assert documents.encoded('{"a": "*/~-._é"}') == "%7B%22a%22%3A%20%22%2A%2F~-._%C3%A9%22%7D"


@given(st.text())
def test_a_shown_document_reads_back_as_it_was(text: str) -> None:
    assert unquote(documents.encoded(text)) == text


def test_policies_are_kept_in_the_order_of_their_names() -> None:
    assert [name for name, _ in put(put(put((), "b"), "a"), "C")] == ["C", "a", "b"]


def test_a_policy_is_replaced_in_any_case_and_keeps_its_first_name() -> None:
    inline = put(put((), "Mixed"), "MIXED", DENY)
    assert inline == (("Mixed", DENY),)
    assert documents.found(inline, "mixed") == DENY
    assert documents.without(inline, "mIXED", kind="user") == ()


def test_what_is_no_policy_is_not_kept() -> None:
    with pytest.raises(Refusal) as caught:
        put((), "a", "{")
    assert refusal(caught) == ("MalformedPolicyDocumentException", "Syntax errors in policy.")


def test_all_inline_policies_together_have_one_size() -> None:
    room = documents.size(ALLOW) * 2
    inline = put(put((), "a", most=room), "b", ALLOW + "\n" * 100, most=room)
    with pytest.raises(Refusal) as caught:
        put(inline, "c", most=room)
    assert refusal(caught) == ("LimitExceeded", f"Maximum policy size of {room} bytes exceeded for user ann")
    put(inline, "A", DENY, most=room)  # in the place of the one that is there


@pytest.mark.parametrize(
    ("write", "code"),
    [
        (lambda text: put((), "a", text), "LimitExceeded"),
        (policies.check_document, "LimitExceeded"),
        (lambda text: trust.bound(cast(Any, None), text), "LimitExceeded"),
    ],
    ids=["inline", "managed", "trust"],
)
def test_what_is_too_large_is_refused_before_it_is_read(
    write: Callable[[str], object], code: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def read(text: str, **_: bool) -> None:
        raise AssertionError("read")

    for check in ("check_identity_policy", "check_trust_policy"):
        monkeypatch.setattr(written, check, read)
    with pytest.raises(Refusal) as caught:
        write(ALLOW.replace('"*"', json.dumps("arn:aws:kms:us-east-1:1:key/*" + "a?" * 60_000)))
    assert caught.value.code == code


@given(st.lists(st.integers(0, 400), max_size=3))
def test_white_space_is_free_up_to_a_multiple_of_the_quota(spaces: list[int]) -> None:
    texts = ["ab" + " " * count for count in spaces]
    assert documents.fit(texts, 6) is (sum(map(len, texts)) <= 48)
    assert not documents.fit([*texts, "abcdefg"], 6)


@pytest.mark.parametrize(
    ("write", "most"),
    [
        (lambda text: put((), "a", text, most=2_048), 2_048),
        (policies.check_document, POLICY_SIZE),
        (lambda text: trust.bound(cast(Any, None), text), TRUST_POLICY_SIZE),
    ],
    ids=["inline", "managed", "trust"],
)
def test_nothing_is_kept_that_is_nearly_all_white_space(write: Callable[[str], object], most: int) -> None:
    with pytest.raises(Refusal) as caught:
        write(ALLOW + " " * (8 * most))
    assert caught.value.code == "LimitExceeded"


def test_a_policy_that_is_not_there_cannot_be_deleted() -> None:
    with pytest.raises(Refusal) as caught:
        documents.without((), "a", kind="group")
    assert refusal(caught) == ("NoSuchEntity", "The group policy with name a cannot be found.")


@given(st.lists(st.tuples(st.text("aAbB", min_size=1, max_size=2), st.booleans())))
def test_inline_policies_are_a_map_by_names_without_case(steps: list[tuple[str, bool]]) -> None:
    inline: documents.Inline = ()
    known: dict[str, str] = {}
    for number, (name, adds) in enumerate(steps):
        if adds:
            text = json.dumps({**json.loads(ALLOW), "Id": str(number)})
            inline = put(inline, name, text, most=100_000)
            known[name.lower()] = text
        elif name.lower() in known:
            inline = documents.without(inline, name, kind="user")
            del known[name.lower()]
    assert {name.lower(): text for name, text in inline} == known
    assert list(inline) == sorted(inline)


def test_tags_of_a_request_come_first_and_take_the_new_spelling() -> None:
    held = (("Team", "north"), ("Cost", "1"))
    assert tags.merged(held, (("new", "x"), ("team", "south")), folded=True) == (
        ("new", "x"),
        ("team", "south"),
        ("Cost", "1"),
    )
    assert tags.without(held, ("TEAM", "unknown"), folded=True) == (("Cost", "1"),)


def test_keys_of_a_managed_policy_are_told_apart_by_case() -> None:
    held = (("Team", "north"),)
    assert tags.merged(held, (("team", "south"),), folded=False) == (("team", "south"), ("Team", "north"))
    assert tags.without(held, ("TEAM",), folded=False) == held


@pytest.mark.parametrize(
    ("added", "folded", "code", "sentence"),
    [
        ((("a", ""), ("A", "")), True, "InvalidInput", "Please note that Tag keys are case insensitive."),
        ((("a", ""), ("a", "")), False, "InvalidInput", "Duplicate tag keys found."),
        ((("AWS:a", ""),), True, "InvalidInput", "Tag keys beginning with aws: are reserved for system use."),
        (((" ", ""),), True, "ValidationException", "A tag key must not consist of white space alone."),
        (
            tuple((f"n{n}", "") for n in range(50)),
            True,
            "LimitExceeded",
            "number of tags has reached the maximum limit",
        ),
    ],
)
def test_tags_that_cannot_be(added: tags.Tags, folded: bool, code: str, sentence: str) -> None:
    with pytest.raises(Refusal) as caught:
        tags.merged((("held", ""),), added, folded=folded)
    assert caught.value.code == code
    assert sentence in (caught.value.message or "")
