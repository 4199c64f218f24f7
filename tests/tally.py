"""Figures that a test wants printed at the end of the run, whether it passed or not: how many steps, how many cases.

They travel with the test's report, so that they arrive from other processes too.
"""

from __future__ import annotations

from collections.abc import Callable

import pytest

NAME = "tally"


@pytest.fixture
def tally(record_property: Callable[[str, object], None]) -> Callable[[str], None]:
    """Have a line printed in the summary of the run."""
    return lambda line: record_property(NAME, line)


def show(terminalreporter: pytest.TerminalReporter) -> None:
    lines = [
        str(value)
        for reports in terminalreporter.stats.values()
        for report in reports
        for name, value in getattr(report, "user_properties", ())
        if name == NAME and report.when == "call"
    ]
    if lines:
        terminalreporter.section("figures")
        for line in sorted(lines):
            terminalreporter.write_line(line)
