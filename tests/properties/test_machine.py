"""The whole API against the model: sequences of calls that Hypothesis chooses, each answer predicted to the letter."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from keystead.services.kms.operations import KMS
from tests.properties.faults import FAULTS
from tests.properties.machine import run
from tests.properties.requests import REQUESTS
from tests.properties.rules import RULES
from tests.properties.trial import Divergence


def agree(steps: int, tally: Callable[[str], None]) -> None:
    report = run(steps)
    met = len(report.outcomes)
    tally(f"model of AWS: {report.steps:,} steps, seed {report.seed}, {met} kinds of outcome, no divergence")


def test_two_thousand_steps_agree_with_the_model(tally: Callable[[str], None]) -> None:
    agree(2_000, tally)


@pytest.mark.nightly
@pytest.mark.parametrize("share", range(20))
def test_a_hundred_thousand_steps_agree_with_the_model(tally: Callable[[str], None], share: int) -> None:
    agree(5_000, tally)


def test_every_operation_that_is_offered_has_a_rule_and_is_asked() -> None:
    assert KMS.rows.keys() == RULES.keys() == REQUESTS.keys()


def test_a_run_meets_nearly_every_operation_and_its_refusals() -> None:
    outcomes = run(2_000, 1).outcomes
    assert len({operation for operation, code in outcomes if code == "ok"}) >= len(RULES) - 3
    assert len({operation for operation, code in outcomes if code != "ok"}) >= len(RULES) - 3
    assert len({code for _, code in outcomes}) >= 18


def test_the_same_seed_takes_the_same_steps() -> None:
    def stories(number: int) -> list[list[str]]:
        """Who calls what where: the rest holds what is random in Keystead."""
        return [[line.split("(")[0] for line in story] for story in run(200, number).stories]

    assert stories(5) == stories(5)
    assert stories(5) != stories(6)


@pytest.mark.parametrize("fault", FAULTS, ids=lambda fault: fault.__name__)
def test_a_planted_fault_is_found(monkeypatch: pytest.MonkeyPatch, fault: Callable[[pytest.MonkeyPatch], None]) -> None:
    operations = FAULTS[fault].split()
    run(100, 1, operations=operations)
    fault(monkeypatch)
    with pytest.raises(Divergence):
        run(3_000, 1, operations=operations, shrink=False)
