"""Files are short, names plain, modules say what they are, nothing is put off, no state hides in a module."""

from __future__ import annotations

import pytest

from tests.house import form
from tests.house.conftest import Plant
from tests.house.reading import ROOT, none

CHECKS = [form.check_length, form.check_names, form.check_docstrings, form.check_finished, form.check_state]


@pytest.mark.parametrize("check", CHECKS, ids=lambda check: check.__name__)
def test_the_house_is_in_form(check: form.Check) -> None:
    none(check(ROOT))


@pytest.mark.parametrize("check", CHECKS, ids=lambda check: check.__name__)
def test_a_house_in_order_passes(check: form.Check, plant: Plant) -> None:
    assert check(plant({})) == []


@pytest.mark.parametrize("path", ["src/keystead/domain/long.py", "tests/house/long.py", "tools/long.py"])
def test_a_long_file_says_why_and_a_longer_one_is_split(plant: Plant, path: str) -> None:
    def judged(lines: int, reason: str = "") -> list[str]:
        return form.check_length(plant({path: '"""Planted."""\n' + reason + "x = 1\n" * lines}))

    assert judged(390) == []
    assert "no line '# length: reason'" in judged(450)[0]
    assert judged(450, "# length: one table, and half of it would say nothing\n") == []
    assert "no line" in judged(450, "# length:\n")[0]
    assert "split it" in judged(650, "# length: one table, and half of it would say nothing\n")[0]


def test_generated_files_may_be_long(plant: Plant) -> None:
    assert (
        form.check_length(plant({"src/keystead/model/generated/kms.py": '"""Planted."""\n' + "x = 1\n" * 2000})) == []
    )


@pytest.mark.parametrize(
    "line",
    [
        "class KeyManager: ...",
        "class PolicyHelper: ...",
        "class StoreImpl: ...",
        "class KeyBase: ...",
        "class Utils: ...",
        "def process_request(): ...",
        "def _handle_line(): ...",
        "class A:\n    async def handle_event(self): ...",
    ],
)
def test_a_planted_vague_name_is_found(plant: Plant, line: str) -> None:
    assert len(form.check_names(plant({"src/keystead/domain/planted.py": f'"""Planted."""\n\n{line}\n'}))) == 1


def test_plain_names_pass(plant: Plant) -> None:
    text = '"""Planted."""\n\n\nclass Database: ...\n\n\nclass BaseKey: ...\n\n\ndef processed(): ...\n'
    assert form.check_names(plant({"src/keystead/domain/planted.py": text})) == []


def test_a_planted_vague_file_is_found(plant: Plant) -> None:
    assert len(form.check_names(plant({"src/keystead/domain/utils.py": '"""Planted."""\n'}))) == 1


@pytest.mark.parametrize("text", ["", "x = 1\n", '"""   """\n', "# a comment is no docstring\n"])
def test_a_module_that_does_not_say_what_it_is_is_found(plant: Plant, text: str) -> None:
    assert form.check_docstrings(plant({"src/keystead/domain/planted.py": text})) != []


@pytest.mark.parametrize(
    "line", ["x = 1  # TO" + "DO: the rest", "# FIX" + "ME", "def f():\n    raise NotImplementedError('later')"]
)
@pytest.mark.parametrize("path", ["src/keystead/domain/planted.py", "tests/planted.py"])
def test_planted_unfinished_work_is_found(plant: Plant, path: str, line: str) -> None:
    assert len(form.check_finished(plant({path: f'"""Planted."""\n\n{line}\n'}))) == 1


@pytest.mark.parametrize(
    "text",
    [
        "cache = {}",
        "seen: list[str] = []",
        "if True:\n    pending = set()",
        "from collections import deque\nwaiting = deque()",
        "import threading\nhere = threading.local()",
        "TABLE = {}\n\n\ndef add(a):\n    TABLE[a] = 1",
        "TABLE = {}\n\n\ndef add(a):\n    TABLE.setdefault(a, 1)",
        "TABLE = {}\n\n\ndef drop(a):\n    del TABLE[a]",
        "ROWS = [1]\n\n\ndef add(a):\n    ROWS.append(a)",
        "count = 0\n\n\ndef f():\n    global count\n    count += 1",
        "from functools import cache\n\n\n@cache\ndef f(a): ...",
        "import functools\n\n\n@functools.lru_cache(maxsize=None)\ndef f(a): ...",
        "import functools\n\n\n@functools.lru_cache(None)\ndef f(a): ...",
    ],
)
def test_planted_hidden_state_is_found(plant: Plant, text: str) -> None:
    assert form.check_state(plant({"src/keystead/services/planted.py": f'"""Planted."""\n\n{text}\n'})) != []


@pytest.mark.parametrize(
    "text",
    [
        "TABLE = {'a': 1}\n\n\ndef look(a):\n    return TABLE[a]",
        "__all__ = ['a']",
        "names = ('a', 'b')",
        "from functools import cache\n\n\n@cache\ndef once(): ...",
        "import functools\n\n\n@functools.lru_cache(maxsize=64)\ndef f(a): ...",
        "class A:\n    def __init__(self):\n        self.rows = {}",
    ],
)
def test_tables_and_bounded_caches_pass(plant: Plant, text: str) -> None:
    assert form.check_state(plant({"src/keystead/services/planted.py": f'"""Planted."""\n\n{text}\n'})) == []


def test_an_allowance_nobody_needs_is_found(plant: Plant, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(form.STATE_THAT_STAYS, "src/keystead/errors.py:gone", "planted")
    assert "not there any more" in form.check_state(plant({}))[0]
