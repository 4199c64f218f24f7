"""What holds in every test.

- No socket reaches beyond this machine (`tests/loopback.py`), no AWS setting or proxy of the user's reaches a test.
- A skip that `tests/expected_skips.toml` does not name fails the run when KEYSTEAD_STRICT_SKIPS=1 (`tests/skips.py`).
- What was run and left out of published vectors is printed at the end (`tests/published.py`), and other figures that
  tests want told (`tests/tally.py`).
- Property tests have no deadline, since two cores are shared by whatever runs; with CI=true they draw the same examples
  each time, `make nightly` draws twenty times as many, anew.
"""

from __future__ import annotations

import os
from collections.abc import Iterator

import pytest
from hypothesis import HealthCheck, settings

from tests import published
from tests import tally as figures
from tests.loopback import no_socket_beyond_loopback  # noqa: F401  a fixture
from tests.optional import skip_ml_kem_512_without_its_package  # noqa: F401  a fixture
from tests.skips import pytest_make_collect_report, pytest_runtest_makereport  # noqa: F401  hooks
from tests.tally import tally  # noqa: F401  a fixture

QUIET = {
    "AWS_CONFIG_FILE": os.devnull,
    "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
    "AWS_EC2_METADATA_DISABLED": "true",
    "NO_PROXY": "*",
}

settings.register_profile("house", deadline=None)
settings.register_profile("ci", deadline=None, derandomize=True, database=None, print_blob=True)
settings.register_profile("nightly", deadline=None, max_examples=2_000, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("ci" if os.environ.get("CI") == "true" else "house")


@pytest.fixture(scope="session", autouse=True)
def nothing_of_the_users() -> Iterator[None]:
    """Neither tests nor programs they start see AWS credentials, settings, metadata or proxies of the machine."""
    patch = pytest.MonkeyPatch()
    for name in list(os.environ):
        if name.startswith("AWS_") or name.lower() in {"http_proxy", "https_proxy", "all_proxy", "no_proxy"}:
            patch.delenv(name)
    for name, value in QUIET.items():
        patch.setenv(name, value)
    yield
    patch.undo()


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """What was counted."""
    published.show(terminalreporter)
    figures.show(terminalreporter)
