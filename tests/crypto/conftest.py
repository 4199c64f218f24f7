"""Material of each key spec, made once for all tests: RSA takes its time."""

from __future__ import annotations

import os

import pytest

from keystead.crypto.keyspecs import SPECS


class Materials(dict[str, bytes]):
    """Makes the material of a spec when it is first asked for."""

    def __missing__(self, name: str) -> bytes:
        self[name] = SPECS[name].generate(os.urandom)
        return self[name]

    def __repr__(self) -> str:
        return f"Materials({', '.join(self)})"


@pytest.fixture(scope="session")
def materials() -> Materials:
    return Materials()


@pytest.fixture(scope="session")
def others() -> Materials:
    """Other material of the same specs: the wrong key."""
    return Materials()
