"""What an optional package is needed for, where it may be missing: it is locked for development only where it has a
wheel."""

from __future__ import annotations

import re

import pytest

from keystead.crypto import mlkem512

ML_KEM_512 = re.compile(r"ml_?kem_512", re.IGNORECASE)


@pytest.fixture(autouse=True)
def skip_ml_kem_512_without_its_package(request: pytest.FixtureRequest) -> None:
    """Tests that name ML-KEM-512, in their name or by a parameter."""
    if ML_KEM_512.search(request.node.name) and (reason := mlkem512.lacking()):
        pytest.skip(reason)
