"""The table of published vectors at the end of a run: how many of each file were run and left out, and why.

It is made of what the tests of such files report (`tests.crypto.published.tally`), so it also stands when several
processes ran them; a file of which only a share was run in this target says so itself.
"""

from __future__ import annotations

import pytest

from tests.crypto.published.tally import PROPERTY, lines


def show(terminalreporter: pytest.TerminalReporter) -> None:
    reports = [report for reports in terminalreporter.stats.values() for report in reports]
    found = [
        value
        for report in reports
        if getattr(report, "when", None) == "call"
        for name, value in report.user_properties
        if name == PROPERTY
    ]
    if found:
        terminalreporter.section("published vectors", "-")
        for line in lines(found):
            terminalreporter.write_line(line)
