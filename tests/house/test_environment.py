"""A newcomer's first command: `make` explains itself, and a machine that lacks something is told what, in a sentence."""

from __future__ import annotations

import os
import re
import subprocess
from pathlib import Path

import pytest

from tests.house.reading import ROOT


def environment(*arguments: str, **variables: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [str(ROOT / "tools/environment.sh"), *arguments],
        env={**os.environ, **variables},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def python_that(folder: Path, ends: str) -> str:
    """A program that ends as the script's question to Python would."""
    program = folder / "python"
    program.write_text(f"#!/bin/sh\n{ends}\n")
    program.chmod(0o755)
    return str(program)


@pytest.mark.parametrize("script", ["tools/environment.sh", "tools/lock.sh"])
def test_a_script_is_a_posix_shell_script(script: str) -> None:
    assert (ROOT / script).read_text().startswith("#!/bin/sh\n")
    assert subprocess.run(["sh", "-n", str(ROOT / script)], capture_output=True, check=False).stderr == b""


def test_a_python_that_is_too_old_is_named(tmp_path: Path) -> None:
    told = environment("core", PYTHON=python_that(tmp_path, "exit 3"))
    assert told.returncode == 1
    assert f"needs Python 3.11 or newer; found only an older one: {tmp_path / 'python'}." in told.stderr


def test_a_python_without_venv_is_named_with_the_package_to_install(tmp_path: Path) -> None:
    told = environment("core", PYTHON=python_that(tmp_path, "exit 4"))
    assert told.returncode == 1
    assert "without its venv module" in told.stderr
    assert "apt-get install python3-venv" in told.stderr


def test_a_machine_without_python_is_told_what_was_looked_for() -> None:
    told = environment("dev", PYTHON="/nonexistent/python3")
    assert told.returncode == 1
    assert "found none (looked for: /nonexistent/python3)" in told.stderr


@pytest.mark.parametrize("arguments", [(), ("production",)])
def test_a_wrong_word_gets_the_usage(arguments: tuple[str, ...]) -> None:
    told = environment(*arguments)
    assert told.returncode == 2
    assert told.stderr == "usage: tools/environment.sh core|dev|aws-cli|clients\n"


def test_make_alone_explains_every_target() -> None:
    makefile = (ROOT / "Makefile").read_text()
    targets = set(re.findall(r"^\.PHONY: (.*)$", makefile, re.MULTILINE)[0].split())
    shown = subprocess.run(["make", "-C", str(ROOT)], capture_output=True, text=True, check=True).stdout
    explained = {word for line in re.findall(r"^  make (.*?)  ", shown, re.MULTILINE) for word in line.split()}
    internal = {target for target in targets if target.startswith("environment-")}
    assert targets - internal - {"help"} <= explained | set(re.findall(r"make (\w+) ", shown))
