"""Options that several commands share, and the configuration they make."""

from __future__ import annotations

import functools
import getpass
import os
import stat
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final, TypeVar

import click

from keystead import config as configuration
from keystead.cli.say import fail
from keystead.config import Config
from keystead.crypto.rootkey.custodian import Custodian
from keystead.crypto.rootkey.file import CustodianFile
from keystead.crypto.rootkey.passphrase import Passphrase

F = TypeVar("F", bound=Callable[..., Any])

_PATH: Final = click.Path(path_type=Path)

_PLACES: Final = (
    click.option(
        "--config", "config_file", type=_PATH, help="TOML file; default ~/.config/keystead/keystead.toml if it exists."
    ),
    click.option("--data", type=_PATH, help="Directory of store and audit journal; default ~/.local/share/keystead."),
    click.option("--root-key", type=_PATH, help="Custodian file of the root key, outside of --data."),
    click.option("--passphrase-file", type=_PATH, help="File whose first line is the passphrase of a custodian slot."),
    click.option("--profile", type=_PATH, help="AWS profile file with the first credentials."),
)


def places(function: F) -> F:
    """The options that say where things are."""
    return functools.reduce(lambda wrapped, option: option(wrapped), reversed(_PLACES), function)


def load(config_file: Path | None, **options: Any) -> Config:
    """The configuration of file, environment and options; ends the command with a sentence when it cannot be used."""
    try:
        return configuration.load(config_file, os.environ, options)
    except configuration.ConfigError as error:
        fail(str(error))


def custodians(config: Config, kinds: frozenset[str]) -> list[Custodian]:
    """Those who may open the root key. ``kinds`` are the slots there are; a passphrase is asked for only if nothing
    else can open one."""
    able: list[Custodian] = []
    if "file" in kinds:
        able.append(CustodianFile(config.root_key))  # also when it is not there: the refusal then names it
    if "passphrase" in kinds:
        if config.passphrase_file is not None:
            able.append(Passphrase(read_passphrase(config.passphrase_file)))
        elif not config.root_key.exists() and sys.stdin.isatty():
            able.append(Passphrase(getpass.getpass("Passphrase of the root key: ").encode()))
    return able


def read_passphrase(path: Path) -> bytes:
    """The first line of a file; a sentence when there is none, or when others can read it."""
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW)
        with open(descriptor, "rb") as file:
            facts = os.fstat(descriptor)
            line = file.readline(4_096).rstrip(b"\r\n")
    except OSError as error:
        fail(f"The passphrase file {path} cannot be read: {error.strerror}. It must be a file, not a link to one.")
    if stat.S_ISREG(facts.st_mode) and (facts.st_mode & 0o077 or facts.st_uid not in {os.geteuid(), 0}):
        fail(f"Others can read the passphrase file {path}, or it is somebody else's. Mend it with: chmod 600 {path}")
    if not line:
        fail(f"The passphrase file {path} is empty: its first line is the passphrase.")
    return line
