"""Pages are as long as AWS documents for each operation, whatever the model allows."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from keystead.domain import limits, pages
from keystead.model.shapes import Service
from keystead.services.kms.operations import KMS
from tests.services.office import Office

MODEL = Service.load("kms")


def test_every_list_has_its_bounds() -> None:
    paged = {name for name, operation in MODEL.operations.items() if "Marker" in operation.input.members}
    assert paged & set(KMS.rows) <= set(limits.PAGES) <= paged
    assert all(0 < default <= most <= 1_000 for default, most in limits.PAGES.values())


@pytest.mark.parametrize(
    ("asked", "given"),
    [({}, 50), ({"Limit": 100}, 100), ({"Limit": 101}, 100), ({"Limit": 1000}, 100), ({"Limit": 1}, 1)],
)
def test_a_page_of_aliases_has_at_most_a_hundred(play: Any, asked: dict[str, int], given: int) -> None:
    async def story(office: Office) -> None:
        for number in range(3):
            key = await office.make_key()
            for each in range(50):
                await office.call("CreateAlias", AliasName=f"alias/{number}/{each}", TargetKeyId=key["KeyId"])
        _, page = await office.call("ListAliases", **asked)
        assert (len(page["Aliases"]), page["Truncated"]) == (given, True)

    play(story)


def test_a_limit_of_the_model_is_still_a_constraint(play: Any) -> None:
    async def story(office: Office) -> None:
        for limit in (0, 1001):
            status, answer = await office.call("ListAliases", Limit=limit)
            assert (status, answer["__type"]) == (400, "ValidationException")

    play(story)


def test_a_full_page_is_not_the_last_when_there_is_one_more() -> None:
    assert pages.cut([1, 2, 3], 2) == pages.Page([1, 2], True)
    assert pages.cut([1, 2], 2) == pages.Page([1, 2], False)


@given(st.lists(st.integers(0, 9), max_size=12), st.integers(1, 10), st.integers(0, 20))
def test_a_page_ends_where_its_items_weigh_too_much_and_has_one_at_least(
    items: list[int], limit: int, most: int
) -> None:
    rest = iter(items[: limit + 1])
    page = pages.cut(rest, limit, lambda item: item, most)
    shown = len(page.items)
    assert list(page.items) == items[:shown]
    assert page.truncated is (shown < len(items))
    assert sum(page.items) <= most or shown == 1
    if page.truncated:
        assert shown == limit or sum(items[: shown + 1]) > most, "no item less than there is room for"
    assert len(list(rest)) == max(0, len(items[: limit + 1]) - shown - 1), "no more is read than the page needs"
