"""Changes that meet: each is decided over the rows as they are when it is made, in whichever worker."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Any

import pytest

from tests.api.iam.conftest import Person, allow
from tests.api.iam.test_access_keys import code_of
from tests.server import Server

Made = Callable[..., str]

AT_ONCE = 8


@pytest.fixture(scope="module")
def clients(server: Server) -> list[Any]:
    """One with a connection of its own for each call."""
    return [server.client(service="iam") for _ in range(AT_ONCE)]


def together(calls: list[Callable[[], str]]) -> Counter[str]:
    """What came of all calls, made at the same time."""
    with ThreadPoolExecutor(len(calls)) as threads:
        return Counter(threads.map(lambda call: call(), calls))


def test_one_user_of_a_name_is_made(clients: list[Any], iam: Any, name: str) -> None:
    names = [name if number % 2 else name.upper() for number in range(AT_ONCE)]
    calls = [partial(code_of, client.create_user, UserName=own) for client, own in zip(clients, names, strict=True)]
    assert together(calls) == {"OK": 1, "EntityAlreadyExists": AT_ONCE - 1}
    iam.delete_user(UserName=name)


def test_two_access_keys_are_made(clients: list[Any], iam: Any, made: Made) -> None:
    name = made()
    calls = [partial(code_of, client.create_access_key, UserName=name) for client in clients]
    assert together(calls) == {"OK": 2, "LimitExceeded": AT_ONCE - 2}
    assert len(iam.list_access_keys(UserName=name)["AccessKeyMetadata"]) == 2


def test_nobody_is_left_in_a_group_that_is_gone(
    clients: list[Any], iam: Any, made: Made, person: Callable[..., Person]
) -> None:
    someone = person(allow("iam:ListGroupsForUser"))
    first, *others = clients
    for _ in range(10):
        group = made("group")
        member = {"GroupName": group, "UserName": someone.name}
        calls = [partial(code_of, client.add_user_to_group, **member) for client in others]
        came = together([*calls[:4], partial(code_of, first.delete_group, GroupName=group), *calls[4:]])
        assert came.keys() <= {"OK", "NoSuchEntity", "DeleteConflict"}, came
        there = code_of(iam.get_group, GroupName=group) == "OK"
        listed = someone.iam.list_groups_for_user(UserName=someone.name)["Groups"]
        assert [one["GroupName"] for one in listed if one["GroupName"] == group] == ([group] if there else [])
        if there:
            iam.remove_user_from_group(**member)
