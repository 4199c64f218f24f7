"""``keystead status`` and ``keystead version``."""

from __future__ import annotations

import http.client
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from importlib.metadata import version as installed
from pathlib import Path
from typing import Any, Final

import click

from keystead.cli import note, options, reaching, setup
from keystead.cli.say import NO, OK, data, tell
from keystead.config import Config
from keystead.domain import managed
from keystead.store.interface import KindCount

_PATIENCE: Final = 2.0


@click.command()
@click.option("--json", "as_json", is_flag=True, help="Print it as one JSON object.")
def version(as_json: bool) -> None:
    """Print the version."""
    if as_json:
        data({"keystead": installed("keystead"), "python": sys.version.split()[0]})
    else:
        click.echo(f"keystead {installed('keystead')}")


@dataclass(frozen=True, slots=True)
class _Status:
    founded: bool
    endpoint: str | None
    answers: bool
    accounts: list[str]
    custodians: list[str]
    keys: dict[str, int]
    warnings: list[str]


@click.command()
@options.places
@click.option("--json", "as_json", is_flag=True, help="Print it as one JSON object.")
def status(config_file: Path | None, as_json: bool, **given: Any) -> None:
    """Say what is there, whether it answers, and what should be mended. Exit status 1 when there is no server that
    answers."""
    config = options.load(config_file, **given)
    found = _look(config)
    if as_json:
        data(
            {
                "founded": found.founded,
                "data": str(config.data),
                "endpoint": found.endpoint,
                "answers": found.answers,
                "accounts": found.accounts,
                "custodians": found.custodians,
                "keys": found.keys,
                "warnings": found.warnings,
            }
        )
    else:
        click.echo(
            f"store       {config.data}"
            if found.founded
            else f"store       none in {config.data}; `keystead init` makes one"
        )
        click.echo(f"accounts    {', '.join(found.accounts) or '-'}")
        click.echo(f"custodians  {', '.join(found.custodians) or '-'}")
        click.echo(f"keys        {', '.join(f'{number} {kind}' for kind, number in found.keys.items())}")
        answers = "answers" if found.answers else "does not answer; `keystead serve` starts it"
        click.echo(f"server      {found.endpoint or 'never started'}: {answers}")
        for warning in found.warnings:
            tell(f"WARNING: {warning}")
    sys.exit(OK if found.answers else NO)


def _look(config: Config) -> _Status:
    endpoint, authority = note.read(config.data)
    answers = endpoint is not None and _answers(endpoint, authority)
    if not setup.founding_done(config):
        return _Status(False, endpoint, answers, [], [], _of_kinds([]), [])
    with setup.store_of(config) as store:
        accounts, rows, kinds = store.read(lambda reader: (reader.accounts(), reader.slots(), reader.kinds()))
    warnings = []
    if [row.kind for row in rows] == ["file"]:
        warnings.append(
            f"The file {config.root_key} is the only thing that opens the root key. If it is lost, every key is lost. "
            "`keystead custodian add --passphrase` adds a second way."
        )
    elif len(rows) == 1:
        warnings.append(
            "Only one custodian opens the root key. If it is lost, every key is lost. See `keystead custodian add --help`."
        )
    if any(row.kind == "file" for row in rows) and not config.root_key.exists():
        warnings.append(f"The custodian file {config.root_key} is not there.")
    if config.tls_certificate is not None and config.tls_key is not None:
        warnings += _tls_warnings(config.tls_certificate, config.tls_key)
    custodians = [f"{row.number} {row.kind}" for row in rows]
    return _Status(True, endpoint, answers, accounts, custodians, _of_kinds(kinds), warnings)


def _of_kinds(found: Sequence[KindCount]) -> dict[str, int]:
    """The three kinds of keys (docs/operations.md), each with its number, also where that is none."""
    counts = {"customer managed": 0, "imported": 0, "AWS managed": 0}
    for kind in found:
        if kind.manager == managed.MANAGER:
            counts["AWS managed"] += kind.keys
        else:
            counts["imported" if kind.origin == "EXTERNAL" else "customer managed"] += kind.keys
    return counts


def _tls_warnings(certificate: Path, key: Path) -> list[str]:
    import time

    from keystead.http.tls import key_file_warnings, validity_warnings

    return [*key_file_warnings(key), *validity_warnings(certificate, time.time())]


def _answers(endpoint: str, authority: str | None) -> bool:
    connection = reaching.connection(endpoint, authority, _PATIENCE)
    try:
        connection.request("GET", "/readyz")
        return connection.getresponse().status == 200
    except (OSError, http.client.HTTPException):
        return False
    finally:
        connection.close()
