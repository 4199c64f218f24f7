"""Keystead's policy engine against an evaluator that others wrote: generated cases, the same answer or a reason why not.

`make test-clients` takes a sample; `make nightly` takes 20,000 cases, of another seed when KEYSTEAD_POLICY_SEED says so.
The other evaluator is a program in a process of its own, installed into `evaluator/` from a lock; nothing of it is here.

Not compared: grants and service principals (the other knows none), NotPrincipal with Allow (KMS refuses it), wildcards in
the service of an action (the other refuses them), the names of ``kms:EncryptionContext:`` (see `evaluators.simulation`).
"""

from __future__ import annotations

import json
import os
from collections import Counter
from collections.abc import Callable, Iterator

import pytest

from tests.clients.evaluators import Program, ours
from tests.clients.explained import EXPLAINED, Explained
from tests.clients.policy_cases import OPERATORS, Case, case, trust_case
from tests.clients.shrinking import smallest

pytestmark = pytest.mark.clients

SEED = int(os.environ.get("KEYSTEAD_POLICY_SEED", "1"))
SAMPLE = 1_500
WHOLE = 20_000
LONG = [pytest.param(WHOLE, marks=pytest.mark.nightly)]

Answers = Callable[[Case], bool]


@pytest.fixture(scope="module")
def program() -> Iterator[Program]:
    with Program() as program:
        yield program


def keystead(asked: Case) -> bool:
    return ours(asked).allowed


def other(program: Program, asked: Case) -> bool:
    answer = program.answer(asked)
    assert "refused" not in answer, f"{answer['refused']}: {json.dumps(asked)}"
    return bool(answer["result"] == "Allowed")


def rule_for(program: Program, asked: Case, by: Answers) -> Explained:
    """The rule that explains why the two differ over the case. Fails where there is none."""
    least = smallest(asked, lambda each: by(each) != other(program, each))
    for rule in EXPLAINED:
        if rule.recognises(least):
            return rule
    pytest.fail(
        f"an unexplained difference: Keystead says {ours(least)}, the other {program.answer(least)}, of {json.dumps(least)}"
    )


def compared(
    program: Program, count: int, by: Answers = keystead, drawn: Callable[[int, int], Case] = case
) -> tuple[Counter[str], Counter[bool]]:
    """How many differences each rule explained, and how often Keystead allowed."""
    reasons: Counter[str] = Counter()
    allowed: Counter[bool] = Counter()
    different: list[Case] = []
    for asked, answer in program.answers(drawn(SEED, number) for number in range(count)):
        assert "refused" not in answer, f"{answer['refused']}: {json.dumps(asked)}"
        assert not answer["ignored"], f"the other passed over {answer['ignored']}: {json.dumps(asked)}"
        mine = by(asked)
        allowed[mine] += 1
        if mine != (answer["result"] == "Allowed"):
            different.append(asked)
    for asked in different:
        reasons[rule_for(program, asked, by).name] += 1
    return reasons, allowed


@pytest.mark.parametrize("drawn", [case, trust_case])
@pytest.mark.parametrize("count", [SAMPLE, *LONG])
def test_the_two_evaluators_agree_or_the_difference_is_explained(
    program: Program, count: int, drawn: Callable[[int, int], Case]
) -> None:
    reasons, allowed = compared(program, count, drawn=drawn)
    print(
        f"{count} cases of seed {SEED}: {allowed[True]} allowed, {allowed[False]} denied, {reasons.total()} explained"
    )
    for name, times in reasons.most_common():
        print(f"  {times:5}  {name}")
    assert min(allowed.values()) > count // 6, "the cases are nearly all alike"


# --- the comparison bites: faults planted in Keystead's answer are found -------------------------------------------------


def _deaf_to_session_policies(asked: Case) -> bool:
    return keystead({**asked, "session": None})


def _deaf_to_boundaries(asked: Case) -> bool:
    return keystead({**asked, "boundary": None})


def _deaf_to_conditions(asked: Case) -> bool:
    return keystead(json.loads(json.dumps(asked), object_hook=_without_conditions))


def _without_conditions(found: dict[str, object]) -> dict[str, object]:
    return {name: value for name, value in found.items() if name != "Condition"}


@pytest.mark.parametrize("fault", [_deaf_to_session_policies, _deaf_to_boundaries, _deaf_to_conditions])
def test_a_planted_fault_is_an_unexplained_difference(program: Program, fault: Answers) -> None:
    with pytest.raises(pytest.fail.Exception, match="an unexplained difference"):
        compared(program, SAMPLE, fault)


def test_every_operator_and_every_part_of_a_policy_comes_up() -> None:
    seen = json.dumps([case(SEED, number) for number in range(SAMPLE)])
    parts = [
        "NotAction",
        "NotResource",
        "NotPrincipal",
        "ForAllValues:",
        "ForAnyValue:",
        "IfExists",
        '"Null"',
        "${aws:",
    ]
    for word in [*(each for names in OPERATORS.values() for each in names), *parts]:
        assert word in seen
