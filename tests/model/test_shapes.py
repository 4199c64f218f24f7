"""The pinned model as objects, and patterns that mean what they mean to AWS."""

from __future__ import annotations

import re
import unicodedata

import pytest

from keystead.model.shapes import Service, anchored
from tests.model.values import KMS, SAMPLES

WORDS = r"[\p{L}\p{Z}\p{N}_.:/=+\-@]+"


def matches(pattern: str, text: str) -> bool:
    return re.compile(anchored(pattern)).search(text) is not None


@pytest.mark.parametrize(
    ("pattern", "text", "expected"),
    [
        ("[a-z]+", "abc", True),
        ("[a-z]+", "abc1", False),
        ("[a-z]+", "1abc", False),
        ("^[a-z]+$", "abc\n", False),
        ("a|b", "ab", False),
        (r"[\w]+", "ü", False),
        (r"\d+", "٣", False),
        (r"[\s]+", "\u00a0", False),
        (".+", "a\u2028b", False),
        (".+", "a\rb", False),
        (".+", "a\u00e9 b", True),
        ("[.]", "x", False),
        (r"\.", "x", False),
        (r"[a-zA-Z0-9\/_-]+", "a/b_c-d", True),
        (r"[\u0020-\u00FF]*", "\u00ff", True),
        (r"[\u0020-\u00FF]*", "\u0100", False),
        ("^[a-zA-Z0-9-_.]+$", "a-b_c.d", True),
        (WORDS, "Stra\u00dfe \u4e2d\u0663_\u00a0:\u2028", True),
        (WORDS, "a*", False),
        (WORDS, "a\u0301", False),
        (WORDS + r"\w", "a\u00fc", False),
    ],
)
def test_a_pattern_must_match_the_whole_value_as_java_reads_it(pattern: str, text: str, expected: bool) -> None:
    assert matches(pattern, text) is expected


def test_a_class_of_words_is_just_the_letters_numbers_and_separators_of_unicode() -> None:
    accepts = re.compile(anchored(WORDS))
    for code in range(0x110000):
        char = chr(code)
        category = unicodedata.category(char)
        if category != "Cs":
            expected = category[0] in "LNZ" or char in "_.:/=+-@"
            assert (accepts.search(char) is not None) is expected, hex(code)


@pytest.mark.parametrize(
    "pattern", [r"\p{L}", r"[\p{L}]", r"[\p{L}\p{Z}\p{N}_\d]", "[a-z&&[^b]]", "[a[b]]", "a++", r"\bx", r"\h"]
)
def test_what_java_and_python_read_differently_is_refused(pattern: str) -> None:
    with pytest.raises(ValueError, match=r"Java|possessive"):
        anchored(pattern)


def test_every_pattern_of_the_model_has_a_sample_that_it_accepts() -> None:
    patterned = {name: KMS.shape(name) for name, node in KMS._shapes.items() if "pattern" in node}
    assert set(patterned) == set(SAMPLES)
    for name, shape in patterned.items():
        assert shape.regex is not None
        for sample in SAMPLES[name]:
            assert shape.regex.search(sample), (name, sample)
            assert shape.regex.search(sample + "\n") is None or name in ("PolicyType", "KeyMaterialDescriptionType")


def test_a_service_that_is_not_pinned_is_an_error() -> None:
    with pytest.raises(LookupError, match="s3"):
        Service.load("s3")


def test_members_keep_the_models_order_and_their_sentence_names() -> None:
    members = KMS.operations["Encrypt"].input.members
    assert [member.path for member in members.values()] == [
        "keyId",
        "plaintext",
        "encryptionContext",
        "grantTokens",
        "encryptionAlgorithm",
        "dryRun",
    ]
    assert [name for name, member in members.items() if member.required] == ["KeyId", "Plaintext"]
