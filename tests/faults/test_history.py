"""The checker of revocation, on histories made by hand: it sees what is wrong and nothing else."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.faults.history import Read, Register, Verdict, Write, judge

ON, OFF = "on", "off"

# One change from on to off, asked at 100 and answered at 200.
REVOKED = [Write(100, 200, OFF)]


def verdict(writes: list[Write], *reads: Read) -> Verdict:
    return judge([Register("key", ON, writes, list(reads))])


def fine(writes: list[Write], *reads: Read) -> bool:
    return not verdict(writes, *reads).violations


def test_what_is_seen_before_any_change_is_the_initial_value() -> None:
    assert fine(REVOKED, Read(10, 20, ON))
    assert not fine(REVOKED, Read(10, 20, OFF))


def test_a_call_that_began_behind_the_answer_sees_the_new_value() -> None:
    assert fine(REVOKED, Read(201, 300, OFF))
    assert not fine(REVOKED, Read(201, 300, ON))


def test_a_call_that_began_in_the_same_nanosecond_as_the_answer_may_see_either() -> None:
    assert fine(REVOKED, Read(200, 300, ON), Read(200, 300, OFF))


@pytest.mark.parametrize("start", [50, 101, 199])
@pytest.mark.parametrize("end", [150, 200, 10_000])
def test_a_call_beside_the_change_may_see_either(start: int, end: int) -> None:
    assert end < start or fine(REVOKED, Read(start, max(start, end), ON), Read(start, max(start, end), OFF))


def test_a_call_that_ended_before_the_change_was_asked_does_not_see_it() -> None:
    assert not fine(REVOKED, Read(10, 100, OFF))
    assert fine(REVOKED, Read(10, 101, OFF))


def test_a_later_change_back_allows_the_old_value_from_its_beginning_on() -> None:
    writes = [*REVOKED, Write(400, 500, ON)]
    assert not fine(writes, Read(201, 400, ON))
    assert fine(writes, Read(201, 401, ON), Read(201, 401, OFF), Read(501, 502, ON))
    assert not fine(writes, Read(501, 502, OFF))


def test_a_lost_change_may_have_happened_or_not() -> None:
    writes = [Write(100, 200, OFF, known=False)]
    assert fine(writes, Read(300, 400, ON), Read(300, 400, OFF), Read(150, 160, OFF))
    assert not fine(writes, Read(10, 20, OFF))


def test_a_lost_change_is_over_with_the_next_one_that_was_answered() -> None:
    writes = [Write(100, 200, OFF, known=False), Write(300, 400, ON)]
    assert fine(writes, Read(350, 360, OFF))
    assert not fine(writes, Read(401, 410, OFF))


def test_a_lost_change_behind_an_answered_one_counts() -> None:
    writes = [*REVOKED, Write(300, 400, ON, known=False)]
    assert fine(writes, Read(350, 360, ON), Read(500, 510, ON), Read(500, 510, OFF))
    assert not fine(writes, Read(201, 299, ON))


def test_a_value_that_was_never_written_is_never_seen() -> None:
    assert not fine(REVOKED, Read(100, 500, "pending"))


def test_registers_do_not_mix() -> None:
    other = Register("other", OFF, [], [Read(300, 400, OFF)])
    assert not judge([Register("key", ON, REVOKED, [Read(300, 400, OFF)]), other]).violations


def test_a_violation_says_how_late_the_call_was() -> None:
    [violation] = verdict(REVOKED, Read(5_200, 6_000, ON, "thread 3")).violations
    assert violation.late == 5_000
    assert "thread 3" in str(violation)
    assert "5 us" in str(violation)


def test_decisive_and_sharp_reads_are_counted() -> None:
    found = verdict(REVOKED, Read(10, 20, ON), Read(150, 160, ON), Read(201, 300, OFF), Read(9_000_000, 9_000_001, OFF))
    assert (found.reads, found.writes, found.decisive, found.sharp) == (4, 1, 3, 1)


@pytest.mark.parametrize(
    "register",
    [
        Register("key", ON, [Write(100, 200, OFF), Write(150, 300, ON)]),
        Register("key", ON, [Write(200, 100, OFF)]),
        Register("key", ON, [], [Read(20, 10, ON)]),
    ],
)
def test_what_is_no_history_is_refused(register: Register) -> None:
    with pytest.raises(ValueError, match=register.name):
        judge([register])


@st.composite
def histories(draw: st.DrawFn) -> tuple[list[Write], list[tuple[int, str]]]:
    """Writes one after the other, each of which took effect at some moment between its start and end, and the values
    in effect from those moments on."""
    at, writes, truth = 0, [], [(-1, ON)]
    for number in range(draw(st.integers(0, 8))):
        start = at + draw(st.integers(0, 20))
        effect = start + draw(st.integers(1, 20))
        at = effect + draw(st.integers(1, 20))
        known = draw(st.booleans())
        happened = known or draw(st.booleans())
        writes.append(Write(start, at, str(number), known))
        if happened:
            truth.append((effect, str(number)))
    return writes, truth


@given(histories(), st.lists(st.tuples(st.integers(0, 400), st.integers(0, 60), st.integers(0, 60)), max_size=20))
def test_an_honest_server_is_never_accused(
    history: tuple[list[Write], list[tuple[int, str]]], calls: list[tuple[int, int, int]]
) -> None:
    writes, truth = history
    reads = []
    for start, thinking, answering in calls:
        looked = start + thinking
        seen = [value for effect, value in truth if effect <= looked][-1]
        reads.append(Read(start, looked + answering + 1, seen))
    assert fine(writes, *reads)


@given(histories(), st.integers(0, 400), st.integers(1, 60))
def test_a_server_that_lags_is_accused_of_every_call_it_answers_from_before_the_last_answered_change(
    history: tuple[list[Write], list[tuple[int, str]]], start: int, took: int
) -> None:
    writes, _ = history
    answered = [at for at, write in enumerate(writes) if write.known and write.end < start]
    if not answered:
        return
    older = [ON, *(write.value for write in writes[: answered[-1]])]  # values are all different
    assert all(not fine(writes, Read(start, start + took, value)) for value in older)
