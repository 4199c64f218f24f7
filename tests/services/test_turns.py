"""Turns: fair between accounts and principals, bounded, and nobody is kept out by whoever takes most."""

from __future__ import annotations

from collections import Counter
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from keystead.services.turns import Full, Seat, Turns
from tests.services.office import Peer


def seat(who: str, *, peer: Peer | None = None, places: int = 1) -> Seat:
    """``who``: account, or account/principal."""
    account, _, principal = who.partition("/")
    return Seat(account, principal, peer or Peer(), places)


def filled(room: int, *whose: str) -> Turns[str]:
    """What waits for these, called by the order in which it came: A1, A2, B1."""
    turns, came = Turns[str](room), Counter[str]()
    for who in whose:
        came[who] += 1
        assert turns.put(seat(who), f"{who}{came[who]}") == []
    return turns


def taken(turns: Turns[str]) -> list[str]:
    """All that waits, in the order in which it has its turn."""
    order = []
    while (one := turns.take([])) is not None:
        turns.done(one[0])
        order.append(one[1])
    return order


def test_accounts_take_turns_however_much_one_of_them_has_waiting() -> None:
    assert taken(filled(9, *"AAAAA", "B", "C", "B")) == ["A1", "B1", "C1", "A2", "B2", "A3", "A4", "A5"]


def test_in_an_account_its_principals_take_turns_and_of_one_what_came_first_goes_first() -> None:
    turns = filled(9, "A/p", "A/p", "A/p", "A/q", "B/r", "A/q")
    assert taken(turns) == ["A/p1", "B/r1", "A/q1", "A/p2", "A/q2", "A/p3"]


def test_an_account_of_many_principals_has_no_more_turns_than_one_of_a_single_one() -> None:
    turns = filled(9, "A/p", "A/q", "A/r", "B/s", "B/s", "B/s")
    assert taken(turns) == ["A/p1", "B/s1", "A/q1", "B/s2", "A/r1", "B/s3"]


def test_keysteads_own_work_has_every_other_turn_and_is_never_refused() -> None:
    turns = filled(3, *"AAA")
    for number in range(5):
        assert turns.put(None, f"own{number}") == []
    assert taken(turns) == ["own0", "A1", "own1", "A2", "own2", "A3", "own3", "own4"]


def test_an_account_alone_may_fill_the_room_and_then_is_refused() -> None:
    turns = filled(3, *"AAA")
    with pytest.raises(Full):
        turns.put(seat("A"), "A4")
    assert taken(turns) == ["A1", "A2", "A3"]


def test_whoever_takes_most_gives_way_with_what_came_last() -> None:
    turns = filled(4, *"AAAA")
    assert turns.put(seat("B"), "B1") == ["A4"]
    assert turns.put(seat("B"), "B2") == ["A3"]
    for whose in "AB":  # two and two: each would take most
        with pytest.raises(Full):
            turns.put(seat(whose), "one more")
    assert turns.put(seat("C"), "C1") in (["A2"], ["B2"])


def test_in_an_account_the_principal_that_takes_most_gives_way() -> None:
    turns = filled(4, "A/p", "A/p", "A/p", "B/r")
    assert turns.put(seat("A/q"), "A/q1") == ["A/p3"]
    with pytest.raises(Full):
        turns.put(seat("A/p"), "A/p3")


def test_an_account_that_takes_most_gives_way_with_its_principal_that_takes_most() -> None:
    turns = filled(5, "A/p", "A/q", "A/q", "A/p", "A/q")
    assert turns.put(seat("B/r"), "B/r1") == ["A/q3"]


def test_long_requests_take_several_places_and_as_many_give_way() -> None:
    turns = filled(6, *"AAAAAA")
    assert turns.put(seat("B", places=3), "B1") == ["A6", "A5", "A4"]
    assert turns.taken == 6
    with pytest.raises(Full):
        turns.put(seat("C", places=5), "C1")  # it would take most
    assert taken(turns) == ["A1", "B1", "A2", "A3"]
    assert turns.taken == 0


def test_what_would_not_find_room_in_the_end_takes_nobodys() -> None:
    turns = filled(4, *"AAB", "C")
    with pytest.raises(Full):
        turns.put(seat("D", places=2), "D1")
    assert sorted(taken(turns)) == ["A1", "A2", "B1", "C1"]


def test_what_nobody_waits_for_any_more_is_not_done_and_costs_its_account_no_turn() -> None:
    turns, gone = filled(9, "B"), Peer(gone=True)
    turns.put(seat("A/p", peer=gone), "A/p1")
    turns.put(seat("A/p"), "A/p2")
    turns.put(seat("A/q", peer=gone), "A/q1")
    turns.put(seat("B"), "B2")
    abandoned: list[str] = []
    order = [one[1] for one in iter(lambda: turns.take(abandoned), None)]
    assert order == ["B1", "A/p2", "B2"]
    assert abandoned == ["A/p1", "A/q1"]
    assert turns.taken == 3  # what was taken is not done


def test_what_is_being_done_takes_room_until_it_is_done() -> None:
    turns = filled(2, *"AA")
    first, second = turns.take([]), turns.take([])
    assert first is not None
    assert second is not None
    with pytest.raises(Full):  # nothing waits that could give way
        turns.put(seat("B"), "B1")
    turns.done(first[0])
    assert turns.put(seat("B"), "B1") == []


def test_what_is_forgotten_takes_no_room_and_keysteads_own_work_stays() -> None:
    turns = filled(3, *"AB")
    turns.put(None, "own")
    turns.forget()
    assert (turns.taken, taken(turns)) == (0, ["own"])


COMING = st.tuples(st.sampled_from(["A/p", "A/q", "B/r", "C/s"]), st.integers(1, 4))


@given(st.lists(COMING | st.none(), max_size=60), st.integers(4, 12))
def test_the_room_is_never_exceeded_nothing_is_lost_and_no_account_waits_for_two_turns_of_another(
    steps: list[tuple[str, int] | None], room: int
) -> None:
    turns, whose, there = Turns[int](room), dict[int, str](), set[int]()

    def finish() -> int | None:
        one = turns.take([])
        if one is None:
            return None
        turns.done(one[0])
        there.remove(one[1])
        return one[1]

    for number, step in enumerate(steps):
        if step is None:
            finish()
        else:
            who, places = step
            try:
                gave_way = turns.put(seat(who, places=places), number)
            except Full:
                continue
            whose[number] = who
            assert all(whose[one] != who for one in gave_way), "nobody gives way to himself"
            there.difference_update(gave_way)
            there.add(number)
        assert turns.taken <= room
    accounts = Counter(whose[one][0] for one in there)
    order = []
    while (one := finish()) is not None:
        order.append(whose[one][0])
    assert not there
    assert turns.taken == 0
    for account in accounts:
        places_of = [at for at, name in enumerate(order) if name == account]
        for before, after in pairwise(places_of):
            assert max(Counter(order[before + 1 : after]).values(), default=0) <= 1
