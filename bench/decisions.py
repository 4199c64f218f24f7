"""What one decision costs: a permission for a key, asked in one process, among few and many users, few and many grants.

Run it as ``python -m bench.decisions``; `make bench` writes it into a report. Every figure is CPU µs for one question, the least of
several runs. A question is what an operation asks its call (`Call.key`): the reference is read, the key is found in memory, policies and
conditions are weighed, grants are looked up. Everything is warm: each who asks has asked before.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Final, NamedTuple

from tests.services.office import ACCOUNT, REGION, Office

from bench.budget import best
from keystead.domain.caller import Caller, Principal
from keystead.domain.grants import Grant
from keystead.domain.identity import Group, Identity, IdentityKind
from keystead.domain.policy import decide
from keystead.domain.policy.facts import Context, Facts
from keystead.services import effective
from keystead.services.gate import Gate
from keystead.services.kms.operations import KMS
from keystead.services.wire import Wire

TARGET_US: Final = 5.0
USERS: Final = (1, 100, 10_000)
GRANTS: Final = (1, 50_000)
GRANTEES: Final = 500
QUESTIONS: Final = 2_000
CONTEXT: Final = {"application": "bench", "record": "1"}
WIRE: Final = Wire("0" * 36, "127.0.0.1", "bench", "127.0.0.1:4600")


class Figure(NamedTuple):
    what: str
    number: int
    microseconds: float
    typical: bool = False  # is it one that the target is about


def policy(key_arn: str, *, condition: bool) -> str:
    """What a team may do: use one key, in its own encryption context if there is a ``condition``."""
    statement: dict[str, Any] = {
        "Effect": "Allow",
        "Action": ["kms:Encrypt", "kms:Decrypt", "kms:GenerateDataKey*"],
        "Resource": key_arn,
    }
    if condition:
        statement["Condition"] = {"StringEquals": {"kms:EncryptionContext:application": "bench"}}
    return json.dumps({"Version": "2012-10-17", "Statement": [statement]})


class World:
    """One worker's services with a key and people."""

    def __init__(self, office: Office, key_arn: str) -> None:
        self.office, self.key_arn = office, key_arn

    def people(self, number: int, name: str, text: str | None) -> list[Principal]:
        """So many users of one group, which has the policy if there is one."""
        group = Group(ACCOUNT, "/", name, f"AGPA{name.upper():A<17}", 0.0, () if text is None else (("use", text),))
        users = [
            Identity(
                IdentityKind.USER, ACCOUNT, "/", f"{name}-{n}", f"AIDA{name.upper():A<9}{n:08}", 0.0, groups=(name,)
            )
            for n in range(number)
        ]

        def put(transaction: Any) -> list[Principal]:
            transaction.put_group(group)
            for user in users:
                transaction.put_identity(user)
            return [effective.principal(transaction, user) for user in users]

        return self.office.store.transact(put)

    def questions(self, askers: Sequence[Principal]) -> Callable[[], int]:
        """Ask for kms:Encrypt, one after the other."""
        office, row = self.office, KMS.rows["Encrypt"]
        body = {"KeyId": self.key_arn, "Plaintext": "eA==", "EncryptionContext": CONTEXT}
        request = office.codec.operations["Encrypt"].decode(json.dumps(body).encode())
        calls = [
            Gate(
                row,
                request,
                Caller(askers[n % len(askers)], "AKIABENCH", REGION),
                office.now,
                office.snapshot,
                office.hierarchy,
                os.urandom,
                WIRE,
            )
            for n in range(max(QUESTIONS, len(askers)))
        ]

        def ask() -> int:
            for call in calls:
                call.resources.clear()
                call.key(self.key_arn, encryption_context=CONTEXT, encryption_algorithm="SYMMETRIC_DEFAULT")
            return len(calls)

        ask()
        return ask

    def grant(self, number: int, grantees: Sequence[Principal]) -> None:
        """So many grants on the key, spread over the grantees."""
        key_id = self.key_arn.rpartition("/")[2]
        grants = [
            Grant(
                ACCOUNT, REGION, key_id, f"{n:064x}", grantees[n % len(grantees)].unique_id, ("Encrypt", "Decrypt"),
                f"arn:aws:iam::{ACCOUNT}:root", 0.0, context_subset=(("application", "bench"),),
            )
            for n in range(number)
        ]  # fmt: skip

        def put(transaction: Any) -> None:
            for grant in grants:
                transaction.put_grant(grant)

        self.office.store.transact(put)
        self.office.snapshot._forget_everything()  # what a change of a grant would make it forget


async def _world(home: Path) -> World:
    office = Office(home)
    return World(office, (await office.make_key())["Arn"])


def engine(world: World, who: Principal, *, kept: bool) -> Callable[[], int]:
    """The engine alone: one question, with the statements that can match ``kept`` or looked up."""
    office = world.office
    loaded = office.snapshot.key(ACCOUNT, REGION, world.key_arn.rpartition("/")[2])
    assert loaded is not None
    key, trusting, caller, account = loaded.key, loaded.policy, Caller(who, "AKIABENCH", REGION), ACCOUNT
    identity = effective.compile_policies(who).identity
    facts = Facts(caller=caller, key=key, encryption_context=CONTEXT, now=office.now)

    def question() -> decide.Question:
        return decide.Question(caller, "kms:Encrypt", key.arn, Context(facts), account, trusting, identity)

    candidates = decide.candidates(question()) if kept else None

    def ask() -> int:
        for _ in range(QUESTIONS):
            decision = decide.decide(question(), candidates)
        assert decision.allowed
        return QUESTIONS

    return ask


async def measure(rounds: int) -> list[Figure]:
    found: list[Figure] = []

    def note(what: str, number: int, ask: Callable[[], int], *, typical: bool = False) -> None:
        found.append(Figure(what, number, best(ask, rounds), typical))

    for condition in (False, True):
        kind = "users, policy with a condition" if condition else "users, policy without conditions"
        for number in USERS:
            with tempfile.TemporaryDirectory(prefix="keystead-decisions-") as home:
                world = await _world(Path(home))
                people = world.people(number, "team", policy(world.key_arn, condition=condition))
                note(f"{kind}: one asks", number, world.questions(people[:1]), typical=not condition)
                if number > 1:
                    note(f"{kind}: all take turns", number, world.questions(people), typical=not condition)
                elif condition:
                    kept, anew = engine(world, people[0], kept=True), engine(world, people[0], kept=False)
                    note("the engine alone, with a condition", 1, kept, typical=True)
                    note("the engine alone, statements looked up anew", 1, anew)
                world.office.close()
    for number in GRANTS:
        with tempfile.TemporaryDirectory(prefix="keystead-decisions-") as home:
            world = await _world(Path(home))
            grantees = world.people(min(number, GRANTEES), "guests", None)
            world.grant(number, grantees)
            note("grants on the key: one grantee asks", number, world.questions(grantees[:1]))
            if number > 1:
                note("grants on the key: all grantees take turns", number, world.questions(grantees))
            world.office.close()
    return found


def table(found: Sequence[Figure]) -> str:
    """The figures as Markdown, whether the target is met, and how flat they are."""
    lines = ["| | how many | CPU µs for one question |", "|---|---:|---:|"]
    lines += [f"| {each.what} | {each.number:,} | {each.microseconds:.2f} |" for each in found]
    worst = max(each.microseconds for each in found if each.typical)
    met = "met" if worst <= TARGET_US else "NOT met"
    lines += ["", f"Target: at most {TARGET_US:g} µs for a question of the typical kind ({met}: {worst:.2f} at most)."]
    few: dict[str, Figure] = {}
    for each in found:
        least = few.setdefault(each.what.partition(":")[0], each)
        if each.number == max(*USERS) or each.number == max(GRANTS):
            times = each.microseconds / least.microseconds
            lines.append(f"{each.what}: {times:.2f} times as much among {each.number:,} as among {least.number}.")
    return "\n".join(lines)


def write(directory: Path, name: str, machine: dict[str, str], rounds: int) -> Path:
    """Measure, and write ``name``.md; returns its path."""
    found = table(asyncio.run(measure(rounds)))
    path = directory / f"{name}.md"
    head = [f"# {name}", "", " ".join((__doc__ or "").split("\n\n", 1)[1].split()), ""]
    path.write_text("\n".join([*head, *(f"- {what}: {value}" for what, value in machine.items()), "", found, ""]))
    return path


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m bench.decisions", description=__doc__)
    parser.add_argument("--rounds", type=int, default=7)
    print(table(asyncio.run(measure(parser.parse_args().rounds))))


if __name__ == "__main__":
    main()
