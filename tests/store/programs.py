"""Starts the programs of `committing` and ends each by its own process id."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

ROOT = Path(__file__).parents[2]


@contextmanager
def program(what: str, path: Path, *more: object) -> Iterator[subprocess.Popen[str]]:
    command = [sys.executable, "-m", "tests.store.committing", what, str(path), *map(str, more)]
    environment = os.environ | {"PYTHONPATH": f"{ROOT / 'src'}{os.pathsep}{ROOT}"}
    with subprocess.Popen(
        command, cwd=ROOT, env=environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        try:
            yield process
        finally:
            process.kill()


def line(process: subprocess.Popen[str]) -> str:
    assert process.stdout is not None
    return process.stdout.readline().strip()


def go(process: subprocess.Popen[str]) -> None:
    assert process.stdin is not None
    process.stdin.write("go\n")
    process.stdin.flush()


def rest(process: subprocess.Popen[str]) -> list[str]:
    """The complete lines that are left once the program has ended."""
    assert process.stdout is not None
    return [text.strip() for text in process.stdout.read().splitlines(keepends=True) if text.endswith("\n")]


def raw(path: Path) -> bytes:
    """The bytes of the database and its log.

    Read by another process: this one may have the database open, and closing a file here would drop SQLite's locks on it.
    """
    parts = [str(part) for part in (path, path.with_name(f"{path.name}-wal")) if part.exists()]
    return subprocess.run(["cat", *parts], check=True, capture_output=True).stdout
