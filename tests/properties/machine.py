"""Hypothesis chooses the calls, the callers, the Regions and how time passes.

`run` takes as many steps as it is told and raises the shortest `Divergence` it finds. The same seed makes the same
choices: KEYSTEAD_SEED=<number> repeats a run.
"""

from __future__ import annotations

import os
import secrets
import time
from collections import Counter
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any
from unittest.mock import patch

from hypothesis import HealthCheck, Phase, Verbosity, seed, settings
from hypothesis import strategies as st
from hypothesis.internal.conjecture.engine import ConjectureRunner
from hypothesis.internal.conjecture.providers import HypothesisProvider
from hypothesis.stateful import RuleBasedStateMachine, initialize, rule, run_state_machine_as_test

from tests.properties.outside import keys_at_hand
from tests.properties.requests import BEFORE, WANTED, draw_request, wanted_key
from tests.properties.rules import RULES
from tests.properties.trial import PAGED, Divergence, Trial

STEPS_OF_A_TRIAL = 50
TRIALS_OF_A_SEED = 40
SHRINKING_SECONDS = 60.0
FIRST = "Encrypt"  # of all rules Hypothesis likes the first by name best


@dataclass
class Report:
    """What a run has done."""

    seed: int
    steps: int = 0
    outcomes: Counter[tuple[str, str]] = field(default_factory=Counter)
    stories: list[list[str]] = field(default_factory=list)
    found: Divergence | None = None
    found_at: float = 0.0

    @property
    def patience(self) -> bool:
        """Whether a shorter story of a divergence is still looked for."""
        return self.found is None or time.monotonic() < self.found_at + SHRINKING_SECONDS

    def note(self, divergence: Divergence) -> None:
        self.found_at = self.found_at or time.monotonic()
        if self.found is None or len(divergence.story) <= len(self.found.story):
            self.found = divergence


class Machine(RuleBasedStateMachine):
    """One trial. `_machine` adds a rule for each operation."""

    report: Report

    def __init__(self) -> None:
        super().__init__()
        self.trial = Trial()

    def do(self, action: Any, *arguments: Any, **more: Any) -> None:
        if self.report.patience:
            try:
                action(*arguments, **more)
            except Divergence as divergence:
                self.report.note(divergence)
                raise

    def call(self, operation: str, data: st.DataObject) -> None:
        """A call of the operation, half of the time with what it needs before it."""
        if operation in BEFORE and data.draw(st.booleans()):
            self.call(BEFORE[operation], data)
        wanted = wanted_key(data, self.trial.world, operation) if operation in WANTED else None
        if wanted is not None and data.draw(st.booleans()):
            self.do(self.trial.ask, wanted)
        limit = data.draw(st.integers(1, 3)) if operation in PAGED else 0
        self.do(self.trial.ask, draw_request(data, self.trial.world, operation), limit)

    @initialize(data=st.data(), count=st.integers(2, 8))
    def some_keys(self, data: st.DataObject, count: int) -> None:
        for _ in range(count):
            self.call("CreateKey", data)

    @rule(hours=st.sampled_from([1, 24, 7 * 24, 8 * 24, 30 * 24, 90 * 24]), swept=st.booleans())
    def time_passes(self, hours: int, swept: bool) -> None:
        self.report.steps += 1
        self.do(self.trial.pass_time, hours * 3_600.0, swept=swept)

    def teardown(self) -> None:
        try:
            self.do(self.trial.audit)
        finally:
            self.report.outcomes += self.trial.outcomes
            self.report.stories.append(self.trial.story)
            self.trial.close()


def _rule_of(operation: str) -> Any:
    def step(self: Machine, data: st.DataObject) -> None:
        self.report.steps += 1
        self.call(operation, data)

    step.__name__ = f"{'z' * (operation != FIRST)}_{operation}"
    return rule(data=st.data())(step)


def _machine(report: Report, number: int, operations: Collection[str]) -> type[Machine]:
    rules = {name: _rule_of(name) for name in operations}
    return seed(number)(type("Machine", (Machine,), {**rules, "report": report}))  # type: ignore[no-any-return]


@contextmanager
def _drawn_anew() -> Iterator[None]:
    """Two habits of Hypothesis are of no use here. It varies each trial a few times before it draws another, and goes
    over the same beginning again; and it likes numbers that stand in the modules that happen to be loaded, so that a
    seed would mean something else in each run."""
    with (
        patch.object(ConjectureRunner, "generate_mutations_from", lambda _runner, _data: None),
        patch.object(HypothesisProvider, "_maybe_draw_constant", lambda *_about, **_more: None),
    ):
        yield


def run(
    steps: int, number: int | None = None, *, operations: Collection[str] = RULES.keys(), shrink: bool = True
) -> Report:
    """Take this many steps at least with these operations, in trials of their own; raise the shortest divergence
    found."""
    if number is None:
        usual = 1 if os.environ.get("CI") == "true" else secrets.randbelow(10**6)
        number = int(os.environ.get("KEYSTEAD_SEED", usual))
    report = Report(number)
    phases = (Phase.generate, Phase.shrink) if shrink else (Phase.generate,)
    while report.steps < steps:
        try:
            with keys_at_hand(), _drawn_anew():
                run_state_machine_as_test(
                    _machine(report, number * 1_000 + len(report.stories), operations),
                    settings=settings(
                        max_examples=min(TRIALS_OF_A_SEED, (steps - report.steps) // STEPS_OF_A_TRIAL + 1),
                        stateful_step_count=STEPS_OF_A_TRIAL,
                        deadline=None,
                        database=None,
                        phases=phases,
                        verbosity=Verbosity.quiet,
                        suppress_health_check=list(HealthCheck),
                    ),
                )
        except Exception:
            if report.found is None:
                raise
        if report.found is not None:
            report.found.add_note(f"KEYSTEAD_SEED={report.seed} takes the same steps again")
            raise report.found
    return report
