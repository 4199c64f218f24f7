"""``keystead explain``: why a call is, or was, allowed or denied, and the smallest change that would allow it."""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Iterator, Mapping
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

import click

from keystead.cli import calling, options
from keystead.cli.say import NO, OK, data, fail

_TYPES: Final = {
    "KeyPolicy": "key policy",
    "TrustPolicy": "trust policy",
    "IdentityPolicy": "identity policy",
    "PermissionsBoundary": "permissions boundary",
    "SessionPolicy": "session policy",
}


@click.command()
@options.places
@click.argument("principal", required=False)
@click.argument("action", required=False)
@click.argument("key", required=False)
@click.option("--request-id", help="A call that was made: the x-amzn-RequestId of its answer.")
@click.option("--key", "named_key", help="The key of such a call, where its record does not say it.")
@click.option("--context", multiple=True, metavar="NAME=VALUE", help="A pair of the encryption context.")
@click.option("--resource", help="ARN of the resource, for an action that is not about a key.")
@click.option("--via", help="The service that makes the call for the principal: s3.us-east-1.amazonaws.com.")
@click.option("--source-ip", help="Where the call comes from; your own address if you do not say.")
@click.option("--user-agent", help="The user agent of the call.")
@click.option("--at", "moment", help="When: 2026-11-25T09:30:00Z; now if you do not say.")
@click.option("--tls/--no-tls", default=None, help="Whether it comes over TLS; as this command's if you do not say.")
@click.option("--with", "conditions", multiple=True, metavar="KEY=VALUE", help="What another condition key would be.")
@click.option("--region", help="Another region than that of the profile.")
@click.option("--json", "as_json", is_flag=True, help="Print the whole answer as one JSON object.")
def explain(config_file: Path | None, as_json: bool, region: str | None, **given: Any) -> None:
    """Say why a call is allowed or denied, and the smallest change that would allow it.

    \b
    keystead explain alice kms:Decrypt alias/app --context project=blue
                                               a user, an action, a key
    keystead explain --request-id 3bc8402a-…   a call that was denied, by its request id
    keystead explain role/Worker kms:Sign alias/app --with kms:SigningAlgorithm=ECDSA_SHA_256
                                               a role, and what else its request would say
    keystead explain alice kms:Decrypt alias/app --via s3.us-east-1.amazonaws.com --source-ip 10.1.2.3
                                               through a service, from an address
    keystead explain alice iam:CreateUser --resource arn:aws:iam::111122223333:user/bob
                                               an action that is not about a key

    Each policy that is consulted is shown with its statements: "+" applies and allows, "!" applies and denies, "-" does
    not apply, ">" is the one that decided. Policies are those of now, also where the call was made earlier.

    It asks the server with the credentials of the profile, which need the permission keystead:Explain. Exit status 0:
    allowed, 1: denied or not settled, 2: cannot be explained.
    """
    parameters = _parameters(given)
    config = options.load(
        config_file, **{name: given[name] for name in ("data", "root_key", "passphrase_file", "profile")}
    )
    to = calling.access(config.profile, config.data)
    if region is not None:
        to = replace(to, region=region)
    answer = calling.call(to, "Explain", parameters, time.time())
    if as_json:
        data(answer)
    else:
        for line in lines(answer):
            click.echo(line)
    sys.exit(OK if answer["Allowed"] and not answer.get("Unsettled") else NO)


def _parameters(given: Mapping[str, Any]) -> dict[str, Any]:
    """The members of the request."""
    if given["request_id"] is None and (given["principal"] is None or given["action"] is None):
        fail("Say who and what (keystead explain alice kms:Decrypt alias/app), or --request-id. See --help.")
    members = {
        "RequestId": given["request_id"],
        "Principal": given["principal"],
        "Action": given["action"],
        "KeyId": given["key"] or given["named_key"],
        "Resource": given["resource"],
        "EncryptionContext": _pairs("--context", given["context"]),
        "Conditions": _pairs("--with", given["conditions"]),
        "ViaService": given["via"],
        "SourceIp": given["source_ip"],
        "UserAgent": given["user_agent"],
        "Time": None if given["moment"] is None else _seconds(given["moment"]),
        "SecureTransport": given["tls"],
    }
    return {name: value for name, value in members.items() if value is not None}


def _pairs(option: str, texts: tuple[str, ...]) -> dict[str, str] | None:
    pairs = {}
    for text in texts:
        name, equals, value = text.partition("=")
        if not equals or not name:
            fail(f"{option} takes NAME=VALUE, not {text!r}.")
        pairs[name] = value
    return pairs or None


def _seconds(text: str) -> float:
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        fail(f"--at takes a time such as 2026-11-25T09:30:00Z, not {text!r}.")
    return (moment if moment.tzinfo is not None else moment.replace(tzinfo=UTC)).timestamp()


# --- the answer in words ----------------------------------------------------------------------------------------------


def lines(answer: Mapping[str, Any]) -> Iterator[str]:
    """The answer as a person reads it, the verdict first."""
    asked = answer["Question"]
    yield f"{asked['Principal']}"
    yield f"{asked['Action']} on {asked['Resource']}"
    yield _verdict(answer)
    yield from _record(answer.get("Record"))
    yield from _request(asked)
    for policy in answer["Policies"]:
        yield ""
        yield from _policy(policy)
    if answer["Grants"]:
        yield ""
        yield "grants"
        for grant in answer["Grants"]:
            yield from _grant(grant)
    if answer["Notes"]:
        yield ""
        yield from (f"note: {note}" for note in answer["Notes"])
    if not answer["Allowed"]:
        yield ""
        yield from _proposals(answer["Proposals"])


def _verdict(answer: Mapping[str, Any]) -> str:
    """The headline. What was looked at in part, or was denied when it was made, is not said to be allowed."""
    if not answer["Allowed"]:
        return f"{click.style('DENIED', fg='red')}: {answer['Reason']}"
    if unsettled := answer.get("Unsettled"):
        seen = f"what can be seen now allows it ({answer['Reason']})"
        return f"{click.style('NOT SETTLED', fg='yellow')}: {'; '.join((seen, *unsettled))}"
    return f"{click.style('ALLOWED', fg='green')}: {answer['Reason']}"


def _request(asked: Mapping[str, Any]) -> Iterator[str]:
    if asked.get("EncryptionContext"):
        pairs = ", ".join(f"{name}={value}" for name, value in sorted(asked["EncryptionContext"].items()))
        yield f"  encryption context  {pairs}"
    for name, label in (("ViaService", "via"), ("SourceIp", "from")):
        if name in asked:
            yield f"  {label:18}  {asked[name]}"
    if "Time" in asked:
        yield f"  at                  {datetime.fromtimestamp(asked['Time'], UTC):%Y-%m-%dT%H:%M:%SZ}"


def _record(record: Mapping[str, Any] | None) -> Iterator[str]:
    if record is None:
        return
    yield ""
    yield f"the record  {record['EventName']} at {record['EventTime']}: {record.get('ErrorCode', 'done')}"
    if "ErrorMessage" in record:
        yield f"  {record['ErrorMessage']}"
    yield from (f"  not recorded: {missing}" for missing in record.get("Missing", ()))
    yield from (f"  changed since: {change}" for change in record.get("ChangedSince", ()))
    yield ""


def _policy(policy: Mapping[str, Any]) -> Iterator[str]:
    kind, origin = _TYPES[policy["Type"]], policy["Origin"]
    yield kind if origin == f"the {kind}" else f"{kind}: {origin}"
    for statement in policy["Statements"]:
        yield from _statement(statement)


def _statement(statement: Mapping[str, Any]) -> Iterator[str]:
    mark = ("!" if statement["Effect"] == "Deny" else "+") if statement["Applies"] else "-"
    decided = statement["Decided"]
    sid = f" {statement['Sid']!r}" if "Sid" in statement else ""
    line = f"{'>' if decided else ' '} {mark} statement {statement['Position']}{sid}  {statement['Effect']}"
    if decided:
        line = click.style(f"{line}: this decided", bold=True)
    elif statement["Failing"]:
        line += f": does not match in {', '.join(statement['Failing'])}"
    yield line + (f" ({statement['Note']})" if "Note" in statement else "")
    written = json.loads(statement["Document"])
    for part in statement["Failing"]:
        if part != "Condition":
            name = part if part in written else f"Not{part}"
            yield f"      {name} is {json.dumps(written.get(name))}"
    for condition in statement["Conditions"]:
        if condition["Holds"] != "yes" or decided:
            yield from _condition(condition)


def _condition(condition: Mapping[str, Any]) -> Iterator[str]:
    holds = {"yes": "holds", "no": "fails", "unsettled": "cannot be settled"}[condition["Holds"]]
    found = ", ".join(condition["Found"]) if "Found" in condition else "absent"
    note = f" ({condition['Note']})" if "Note" in condition else ""
    yield f"      {condition['Operator']} {condition['Key']} {holds}: wanted {' or '.join(condition['Wanted'])}; it is {found}{note}"


def _grant(grant: Mapping[str, Any]) -> Iterator[str]:
    mark = "+" if grant["Allows"] else "-"
    name = f" {grant['Name']!r}" if "Name" in grant else ""
    missing = f": {grant['Missing']}" if "Missing" in grant else ""
    yield f"  {mark} grant {grant['GrantId'][:16]}…{name} of {', '.join(grant['Operations'])}{missing}"


def _proposals(proposals: list[Mapping[str, Any]]) -> Iterator[str]:
    if not proposals:
        yield "No change that would allow it was found: what denies it cannot be changed here."
        return
    yield click.style("The smallest change that would allow it:", bold=True)
    for number, proposal in enumerate(proposals):
        if number:
            yield ""
            yield "or:"
        for change in proposal["Changes"]:
            yield f"  {change['Says']}"
            if change["Besides"]:
                yield f"    it gives besides: {'; '.join(change['Besides'])}"
            for name in ("Statement", "CreateGrant"):
                if name in change:
                    yield from (f"    {line}" for line in change[name].splitlines())
            if "Statement" not in change and change.get("Policy"):
                yield from (f"    {line}" for line in change["Policy"].splitlines())
