"""A skipped test is a test that did not run, so somebody must have expected it.

With KEYSTEAD_STRICT_SKIPS=1 (`.ci/run` sets it) a skip of a test, a module or a whole folder is turned into a
failure unless a row of `expected_skips.toml` names it and its reason. Without, skips are reported as pytest does.
Says nothing of deselected tests (`-m`, `-k`), nor of xfail, which is strict and so fails once the test passes.
"""

from __future__ import annotations

import os
import re
import tomllib
from collections.abc import Generator, Sequence
from pathlib import Path
from typing import Any, NamedTuple, TypeVar

import pytest

EXPECTED = Path(__file__).with_name("expected_skips.toml")

AnyReport = TypeVar("AnyReport", pytest.TestReport, pytest.CollectReport)


class Expected(NamedTuple):
    """Tests whose node id begins with ``test`` may skip for a reason that the regular expression matches in full."""

    test: str
    reason: str
    because: str

    def covers(self, node: str, reason: str) -> bool:
        return node.startswith(self.test) and re.fullmatch(self.reason, reason) is not None


def read(path: Path) -> list[Expected]:
    return [Expected(**row) for row in tomllib.loads(path.read_text()).get("skip", [])]


def strict() -> bool:
    return os.environ.get("KEYSTEAD_STRICT_SKIPS") == "1"


def judge(report: AnyReport, expected: Sequence[Expected]) -> AnyReport:
    """The same report, failed if it is a skip nobody expected."""
    if report.outcome != "skipped" or hasattr(report, "wasxfail"):
        return report
    reason = report.longrepr[2] if isinstance(report.longrepr, tuple) else str(report.longrepr)
    reason = reason.removeprefix("Skipped: ")
    if not any(row.covers(report.nodeid, reason) for row in expected):
        report.outcome = "failed"
        report.longrepr = f"skipped, and {EXPECTED.name} does not expect it: {reason}"
    return report


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_runtest_makereport(item: pytest.Item, call: Any) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    report = yield
    return judge(report, read(EXPECTED)) if strict() else report


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_make_collect_report(
    collector: pytest.Collector,
) -> Generator[None, pytest.CollectReport, pytest.CollectReport]:
    report = yield
    return judge(report, read(EXPECTED)) if strict() else report
