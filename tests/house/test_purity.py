"""The lower floors look at no clock, draw no randomness and touch nothing outside themselves."""

from __future__ import annotations

import pytest

from tests.house import gate, purity
from tests.house.conftest import Plant
from tests.house.reading import ROOT, none


def test_time_and_randomness_are_arguments_and_the_lower_floors_do_no_io() -> None:
    none(purity.check(ROOT))


def test_key_material_is_unwrapped_at_the_gate_alone() -> None:
    none(gate.check(ROOT))


def test_a_house_in_order_passes(plant: Plant) -> None:
    assert purity.check(plant({})) == []
    assert gate.check(plant({})) == []


@pytest.mark.parametrize("room", ["domain", "errors.py", "model"])
@pytest.mark.parametrize(
    "line",
    [
        "import os",
        "import logging",
        "import structlog",
        "import random",
        "import secrets as s",
        "import socket",
        "def f():\n    import sqlite3",
        "from os import urandom",
        "import time",
        "open('x')",
        "print(1)",
        "from datetime import datetime\nx = datetime.now()",
        "import datetime\nx = datetime.datetime.utcnow()",
        "import uuid\nx = uuid.uuid4()",
    ],
)
def test_planted_worldliness_is_found(plant: Plant, room: str, line: str) -> None:
    path = room if room.endswith(".py") else f"{room}/planted.py"
    assert purity.check(plant({f"src/keystead/{path}": f'"""Planted."""\n\n{line}\n'})) != []


def test_only_the_models_read_their_own_files(plant: Plant) -> None:
    text = '"""Planted."""\n\nfrom importlib import resources\nfrom pathlib import Path\n'
    assert purity.check(plant({"src/keystead/model/shapes.py": text})) == []
    assert purity.check(plant({"src/keystead/domain/shapes.py": text})) != []


@pytest.mark.parametrize("room", ["crypto", "store", "audit", "services"])
@pytest.mark.parametrize(
    "line",
    [
        "import time\nx = time.time()",
        "from time import time as now\nx = now()",
        "import os\nx = os.urandom(16)",
        "import os\ndef f(random=os.urandom): ...",
        "import secrets\nx = secrets.token_bytes(16)",
        "import random\nx = random.random()",
        "from random import choice\nx = choice",
        "from datetime import datetime, UTC\nx = datetime.now(UTC)",
    ],
)
def test_a_planted_clock_or_die_is_found(plant: Plant, room: str, line: str) -> None:
    found = purity.check(plant({f"src/keystead/{room}/planted.py": f'"""Planted."""\n\n{line}\n'}))
    assert any("time and randomness are arguments" in each for each in found), found


def test_an_argument_may_be_called_random_and_durations_may_be_measured(plant: Plant) -> None:
    text = '"""Planted."""\n\nimport time\n\n\ndef f(random, now):\n    time.monotonic()\n    return random(16), now\n'
    assert purity.check(plant({"src/keystead/crypto/planted.py": text})) == []


@pytest.mark.parametrize(
    "line",
    [
        "from keystead.crypto import unwrap_material",
        "from keystead.crypto import unwrap_material as u",
        "def f(h):\n    return h.unwrap_material(1)",
        "def f(h):\n    return getattr(h, 'open_material')",
        "def f(h):\n    g(unwrap_material=h)",
        "def open_material(): ...",
    ],
)
@pytest.mark.parametrize(
    "path", ["services/kms/encrypting.py", "services/call.py", "serve.py", "http/x.py", "domain/key.py"]
)
def test_a_planted_way_around_the_gate_is_found(plant: Plant, path: str, line: str) -> None:
    assert gate.check(plant({f"src/keystead/{path}": f'"""Planted."""\n\n{line}\n'})) != []


def test_documentation_may_speak_of_unwrapping(plant: Plant) -> None:
    text = '"""Never calls unwrap_material itself."""\n'
    assert gate.check(plant({"src/keystead/services/x.py": text})) == []
