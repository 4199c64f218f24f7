"""Where statements stand in the text of a policy: lines and columns as AWS's simulator tells them."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from keystead.domain.policy.places import Extent, Place, statements

STATEMENT = {"Effect": "Allow", "Action": "*", "Resource": "*"}
DOCUMENT = {"Version": "2012-10-17", "Statement": [STATEMENT]}


@pytest.mark.parametrize(
    ("text", "start", "end"),
    [
        # Seen of AdministratorAccess, and of documents of one line as people and as Python write them.
        (json.dumps(DOCUMENT, indent=2), (3, 17), (8, 6)),
        (json.dumps(DOCUMENT, separators=(",", ":")), (1, 38), None),
        (json.dumps(DOCUMENT), (1, 41), None),
        ('{\n  "Statement": {\n  }\n}', (2, 15), (3, 4)),
    ],
)
def test_a_statement_stands_where_aws_says(text: str, start: tuple[int, int], end: tuple[int, int] | None) -> None:
    [found] = statements(text)
    assert found.start == start
    assert end is None or found.end == end


_TEXTS = st.text(st.sampled_from('ab"\\{}[],:\n\t 9é'), max_size=8)
_VALUES = st.recursive(_TEXTS, lambda inner: st.lists(inner, max_size=2) | st.dictionaries(_TEXTS, inner, max_size=2))
_STATEMENTS = st.dictionaries(_TEXTS, _VALUES, max_size=3)


def cut(text: str, extent: Extent) -> str:
    lines = text.split("\n")

    def offset(place: Place) -> int:
        return sum(len(line) + 1 for line in lines[: place.line - 1]) + place.column - 1

    return text[offset(extent.start) : offset(extent.end)]


@given(st.lists(_STATEMENTS, min_size=1, max_size=3), _VALUES, st.sampled_from([None, 0, 3]), st.booleans())
def test_what_stands_there_is_the_statement(
    written: list[dict[str, Any]], other: Any, indent: int | None, listed: bool
) -> None:
    document = {"Id": other, "Statement": written if listed else written[0], "Version": {"Statement": other}}
    text = json.dumps(document, indent=indent)
    found = statements(text)
    assert [json.loads(cut(text, each)) for each in found] == (written if listed else written[:1])
