"""Nobody imports upwards, sideways, or the composition root; nothing is imported that is not declared."""

from __future__ import annotations

import pytest

from tests.house import floors
from tests.house.conftest import Plant
from tests.house.reading import ROOT, none


def test_everyone_imports_from_lower_floors_and_the_own_room() -> None:
    none(floors.check(ROOT))


def test_every_import_is_declared() -> None:
    none(floors.undeclared(ROOT))


def test_a_house_in_order_passes(plant: Plant) -> None:
    assert floors.check(plant({})) == []
    assert floors.undeclared(plant({})) == []


@pytest.mark.parametrize(
    ("path", "line", "sentence"),
    [
        ("domain/key.py", "from keystead.store import x", "keystead.store.x: upwards"),
        ("domain/key.py", "import keystead.services.call", "keystead.services.call: upwards"),
        ("domain/key.py", "from ..crypto import x", "keystead.crypto.x: upwards"),
        ("domain/key.py", "from .. import store", "keystead.store: upwards"),
        ("errors.py", "from keystead import domain", "keystead.domain: upwards"),
        ("crypto/sealing.py", "from keystead import store", "keystead.store: sideways"),
        ("store/sqlite.py", "from keystead.crypto import hierarchy", "keystead.crypto.hierarchy: sideways"),
        ("http/protocol.py", "def f():\n    from keystead.cli import main", "keystead.cli.main: sideways"),
        (
            "store/x.py",
            "import importlib\nimportlib.import_module('keystead.services.call')",
            "keystead.services.call: upwards",
        ),
        (
            "services/x.py",
            "from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    from keystead.http import y",
            "keystead.http.y: upwards",
        ),
        ("services/x.py", "from keystead import serve", "keystead.serve: nobody imports serve"),
        ("http/x.py", "def f():\n    from keystead import serve", "keystead.serve: nobody imports serve"),
        ("cli/x.py", "from keystead.serve import run", "keystead.serve.run: nobody imports serve"),
        ("serve.py", "from keystead.__main__ import main", "keystead.__main__.main: nobody imports __main__"),
        ("client/x.py", "from keystead import errors", "keystead.errors: client/ stands apart"),
        ("cli/x.py", "from keystead.client import envelope", "keystead.client.envelope: client/ stands apart"),
        ("attic/x.py", "", "room attic has no floor"),
    ],
)
def test_a_planted_import_is_found(plant: Plant, path: str, line: str, sentence: str) -> None:
    found = floors.check(plant({f"src/keystead/{path}": f'"""Planted."""\n\n{line}\n'}))
    assert any(sentence in each for each in found), found


def test_the_recorded_exception_is_for_lazy_imports_of_the_cli_alone(plant: Plant) -> None:
    text = '"""Planted."""\n\n\ndef start():\n    from keystead.serve import run\n'
    assert floors.check(plant({"src/keystead/cli/serving.py": text})) == []
    assert floors.check(plant({"src/keystead/services/serving.py": text})) != []


@pytest.mark.parametrize(
    "line", ["import requests", "def f():\n    from requests.adapters import x", "import yaml as json"]
)
def test_a_planted_undeclared_import_is_found(plant: Plant, line: str) -> None:
    assert len(floors.undeclared(plant({"src/keystead/http/x.py": f'"""Planted."""\n\n{line}\n'}))) == 1
