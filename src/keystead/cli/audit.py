"""``keystead audit``: prove that the journal is whole."""

from __future__ import annotations

import contextlib
import sys
from pathlib import Path
from typing import Any

import click

from keystead.cli import options, setup
from keystead.cli.say import NO, data, fail, tell
from keystead.crypto.rootkey.slots import RootKeyClosed
from keystead.services import founding


@click.group()
def audit() -> None:
    """Work with the audit journal.

    \b
    keystead audit verify            walk every chain and every seal; exit status 1 names what was changed
    keystead audit verify --json     the same for a program
    """


@audit.command("verify")
@options.places
@click.option("--json", "as_json", is_flag=True, help="Print the report as one JSON object.")
def verify(config_file: Path | None, as_json: bool, **given: Any) -> None:
    """Walk the chains and seals of the journal and name the first bad record of each segment.

    The root key must open, for the keys of the chains hang below it. A running server may go on writing meanwhile.
    """
    from keystead.audit import verify as verifying

    config = options.load(config_file, **given)
    with _store_of(config) as store:
        try:
            hierarchy = founding.open_hierarchy(store, setup.opened_by(config, store))
        except RootKeyClosed as error:
            fail(str(error), NO)
    report = verifying.verify(config.journal, hierarchy.audit_key)
    if as_json:
        data(report.to_builtins())
    else:
        for line in report.lines():
            tell(line)
    sys.exit(0 if report.intact else NO)


def _store_of(config: Any) -> contextlib.closing[Any]:
    return setup.store_of(config)
