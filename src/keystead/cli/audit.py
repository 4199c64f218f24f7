"""``keystead audit``: prove that the journal is whole, and that it is the one which the store remembers."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any, Final

import click

from keystead.audit import verify as verification
from keystead.audit.findings import Anchor, Finding, Kind, Report
from keystead.cli import options, setup
from keystead.cli.say import NO, OK, data, fail, tell
from keystead.crypto.rootkey.slots import RootKeyClosed
from keystead.services import anchoring, founding

DAMAGED: Final = "what the store remembers of the journal was changed or removed; it cannot tell whether all is there"


@click.group()
def audit() -> None:
    """Work with the audit journal.

    \b
    keystead audit verify            walk every chain and every seal; exit status 1 names what was changed
    keystead audit verify --json     the same for a program
    keystead audit verify --seal …   prove that a journal still holds the seal you kept elsewhere
    """


@audit.command("verify")
@options.places
@click.option("--seal", "kept", multiple=True, help="A newest seal that an earlier run printed and you kept elsewhere.")
@click.option("--json", "as_json", is_flag=True, help="Print the report as one JSON object.")
def verify(config_file: Path | None, kept: tuple[str, ...], as_json: bool, **given: Any) -> None:
    """Walk the chains and seals of the journal and name the first bad record of each segment.

    The store remembers the newest seal, so a journal that was emptied, replaced or rolled back by itself is not whole.
    The root key must open, for the keys of the chains hang below it. A running server may go on writing meanwhile.
    """
    try:
        seals = [Anchor.parse(text) for text in kept]
    except ValueError as error:
        fail(f"--seal takes what `keystead audit verify` prints as the newest seal: {error}")
    config = options.load(config_file, **given)
    with setup.store_of(config) as store:
        try:
            hierarchy = founding.open_hierarchy(store, setup.opened_by(config, store))
        except RootKeyClosed as error:
            fail(str(error))
        # Before the journal: a server that runs seals first and has the store remember the seal afterwards.
        remembered = anchoring.read(store, hierarchy)
    try:
        report = verification.verify(config.journal, hierarchy.audit_key, anchors=[*remembered.anchors, *seals])
    except OSError as error:
        fail(f"The journal {config.journal} cannot be read: {error.strerror or error}.")
    lost = anchoring.missed(config.journal, hierarchy.audit_key, remembered)
    if remembered.damaged:
        report.findings.append(Finding(Kind.ANCHOR_DAMAGED, config.store, 0, None, DAMAGED))
    if as_json:
        data(_as_json(report))
    else:
        _show(report)
    if lost:
        tell(
            f"The store remembers a seal that {config.journal} does not hold: the journal was emptied, replaced or "
            "rolled back. Look for the directory that was moved away, and put it back."
        )
    sys.exit(OK if report.intact else NO)


def _as_json(report: Report) -> dict[str, Any]:
    return {
        "intact": report.intact,
        "records": report.records,
        "sealed": report.sealed,
        "segments": report.segments,
        "seals": report.seals,
        "duplicates": report.duplicates,
        "newest_seal": None if report.newest is None else str(report.newest),
        "findings": [
            {
                "kind": str(finding.kind),
                "tampering": finding.tampering,
                "file": str(finding.file),
                "line": finding.line,
                "sequence": finding.sequence,
                "detail": finding.detail,
            }
            for finding in report.findings
        ],
    }


def _show(report: Report) -> None:
    for finding in report.findings:
        click.echo(f"{'TAMPERED' if finding.tampering else 'note'}  {finding}")
    click.echo(
        f"{report.records} records in {report.segments} segments, {report.sealed} of them under {report.seals} seals: "
        + (
            "the journal is whole"
            if report.intact
            else "the journal is NOT whole; the first bad record of each file is named above"
        )
    )
    if report.newest is not None:
        tell(f"newest seal: {report.newest}   keep it elsewhere: it proves later that nothing up to it was rolled back")
