"""``keystead policy``: what a policy would do, before it is put in force. Needs no server and no store."""

from __future__ import annotations

import sys
from collections import Counter
from pathlib import Path
from typing import Any, Final

import click

from keystead import errors
from keystead.cli.say import NO, OK, data, fail
from keystead.domain.caller import Caller
from keystead.domain.policy import lint, supplied
from keystead.domain.policy.lint import Finding, Kind, Level
from keystead.model.shapes import Service

_KINDS: Final = {"key": Kind.KEY, "identity": Kind.IDENTITY, "trust": Kind.TRUST}
_GRAVE_FIRST: Final = (Level.ERROR, Level.WARNING, Level.NOTE)
_LARGEST: Final = 1 << 20  # no policy is as large; what else a path may lead to is not read to its end

# Permissions that no operation has the name of ("Actions defined by AWS IAM", "… by AWS STS").
_BESIDES: Final = {
    "iam": {"passrole", "tagmfadevice"},
    "sts": {"tagsession", "setsourceidentity", "setcontext", "getservicebearertoken"},
}


@click.group()
def policy() -> None:
    """Look at policies.

    \b
    keystead policy check key.json                     what is wrong with a key policy, or probably not meant
    keystead policy check *.json --json                the same for a program; exit status 1 if there is anything
    keystead policy check key.json --principal ARN     … and may that user or role change the policy again
    """


@policy.command("check")
@click.argument("files", nargs=-1, required=True, type=click.Path(path_type=Path, allow_dash=True))
@click.option(
    "--kind", type=click.Choice(list(_KINDS)), help="What the policies are for; otherwise told by their look."
)
@click.option("--principal", help="ARN of a user, role or session that has to be able to change a key policy again.")
@click.option("--account", help="Account whose principals have to be; short for the ARN of its root.")
@click.option("--key", default="*", help="ARN of the key, where its policy names it instead of *.")
@click.option(
    "--fail-on",
    type=click.Choice([level.value for level in _GRAVE_FIRST]),
    default=Level.WARNING.value,
    show_default=True,
    help="The least grave finding that makes the exit status 1.",
)
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object for all files.")
def check(
    files: tuple[Path, ...],
    kind: str | None,
    principal: str | None,
    account: str | None,
    key: str,
    fail_on: str,
    as_json: bool,
) -> None:
    """Read policies as the server would, and say what they do not do.

    An error refuses the policy, locks out, or gives to everybody; a warning does not do what it seems to; a note is worth
    knowing. Without --principal or --account a key policy has to let anybody at all change it again.
    """
    caller = _caller(principal, account)
    actions = _actions()
    found: list[tuple[Path, Kind, tuple[Finding, ...]]] = []
    for path in files:
        text = _read(path)
        of_kind = lint.kind_of(text) if kind is None else _KINDS[kind]
        found.append((path, of_kind, lint.check(text, of_kind, actions, caller=caller, key=key)))
    if as_json:
        data({"files": [_told(path, of_kind, findings) for path, of_kind, findings in found]})
    else:
        _print(found)
    grave = _GRAVE_FIRST[: _GRAVE_FIRST.index(Level(fail_on)) + 1]
    sys.exit(NO if any(each.level in grave for *_, findings in found for each in findings) else OK)


def _caller(principal: str | None, account: str | None) -> Caller | None:
    if principal is not None and account is not None:
        fail("Give --principal or --account, not both.")
    name = principal or account
    if name is None:
        return None
    try:
        return lint.caller_of(name)
    except errors.Refusal:
        fail(f"{name} names no user, role, session or account. Give its ARN, or an account's twelve digits.")


def _actions() -> lint.Actions:
    """What there is to be permitted in the services of this server."""
    known = {"kms": frozenset(action.partition(":")[2] for action in supplied.ACTIONS)}
    for service, besides in _BESIDES.items():
        names = {name.lower() for name in Service.load(service).operations}
        known[service] = frozenset(names | besides)
    return known


def _read(path: Path) -> str:
    try:
        with click.open_file(str(path), encoding="utf-8") as file:
            return str(file.read(_LARGEST))
    except OSError as error:
        fail(f"{path} cannot be read: {error.strerror or error}.")
    except ValueError:
        fail(f"{path} cannot be read: it is not UTF-8.")


def _told(path: Path, kind: Kind, findings: tuple[Finding, ...]) -> dict[str, Any]:
    return {
        "file": str(path),
        "kind": kind.value,
        "findings": [{**each._asdict(), "level": each.level.value} for each in findings],
    }


def _print(found: list[tuple[Path, Kind, tuple[Finding, ...]]]) -> None:
    for path, kind, findings in found:
        click.echo(f"{path}: {kind.value}")
        for each in findings:
            click.echo(f"  {each.level.value:<8}{_place(each)}{each.message} [{each.code}]")
    counts = Counter(each.level for *_, findings in found for each in findings)
    told = [f"{counts[level]} {level.value}{'s' * (counts[level] > 1)}" for level in _GRAVE_FIRST if counts[level]]
    click.echo(", ".join(told) + "." if told else "Nothing to mend.")


def _place(finding: Finding) -> str:
    if finding.statement is None:
        return ""
    sid = "" if finding.sid is None else f" {finding.sid!r}"
    return f"statement {finding.statement}{sid}: "
