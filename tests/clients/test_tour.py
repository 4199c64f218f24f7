"""docs/tour.md, people.md, roles.md and identities.md, typed into a shell as they stand: every answer is the one that is
written there."""

from __future__ import annotations

import re
import shutil
import subprocess
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from keystead.services.kms.operations import KMS
from tests.clients.conftest import pointing_at
from tests.clients.programs import AWS, AwsCli, dashed
from tests.house.reading import ROOT
from tests.server import Server

TOUR = ROOT / "docs" / "tour.md"
PEOPLE = ROOT / "docs" / "people.md"
ROLES = ROOT / "docs" / "roles.md"
IDENTITIES = ROOT / "docs" / "identities.md"
PATIENCE = 300.0


@dataclass
class Step:
    """A command and what is answered: lines with … for what differs."""

    command: str
    line: int
    answer: list[str] = field(default_factory=list)

    def expects(self, output: str) -> bool:
        pattern = ".*".join(re.escape(part) for part in "\n".join(self.answer).split("…"))
        return re.fullmatch(pattern, output.strip(), re.DOTALL) is not None

    @property
    def may_fail(self) -> bool:
        return any("An error occurred" in line for line in self.answer)


def steps(text: str) -> list[Step]:
    """The indented lines: after ``$`` a command, else an answer. What stands between fences is for the eye alone."""
    found: list[Step] = []
    fenced = False
    for number, line in enumerate(text.splitlines(), 1):
        fenced ^= line.startswith("```")
        if fenced:
            continue
        if line.startswith("    $ "):
            found.append(Step(line[6:], number))
        elif line.startswith("    "):
            found[-1].answer.append(line[4:])
    return found


def script(tour: list[Step]) -> str:
    """All of it for one shell; a mark with the status stands after each answer."""
    return "set -o pipefail\n" + "\n".join(f"{step.command}\nSTATUS=$?; echo; echo --mark-- $STATUS" for step in tour)


@pytest.mark.clients
@pytest.mark.parametrize("page", [TOUR, PEOPLE, ROLES, IDENTITIES], ids=lambda page: page.stem)
def test_every_command_answers_what_the_tour_says(server: Server, aws: AwsCli, tmp_path: Path, page: Path) -> None:
    if shutil.which("openssl") is None:
        pytest.skip("openssl is not installed")
    environment = pointing_at(server)
    environment["PATH"] = f"{AWS.parent}:{environment['PATH']}"
    if aws.unknown & KMS.rows.keys():
        environment["AWS_DATA_PATH"] = str(aws.models())
    tour = steps(page.read_text())
    ended = subprocess.run(
        [shutil.which("bash") or "sh"],
        input=script(tour),
        cwd=tmp_path,
        env={**environment, "AWS_PAGER": "", "AWS_MAX_ATTEMPTS": "1"},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=PATIENCE,
        check=False,
    )
    answers = re.split(r"\n--mark-- (\d+)\n", ended.stdout)
    assert len(answers) == 2 * len(tour) + 1, ended.stdout[-2_000:]
    for step, output, status in zip(tour, answers[::2], answers[1::2], strict=False):
        where = f"line {step.line}: {step.command}"
        assert step.expects(output), f"{where}\nis told to answer\n{chr(10).join(step.answer)}\nand answers\n{output}"
        assert (status == "0") != step.may_fail, f"{where}\nended with {status}"


def test_the_tour_calls_every_operation_that_is_offered() -> None:
    commands = " ".join(step.command for step in steps(TOUR.read_text()))
    called = set(re.findall(r"aws kms ([a-z-]+)", commands))
    assert {dashed(operation) for operation in KMS.rows} <= called


def test_an_answer_that_is_not_the_one_written_is_seen() -> None:
    [step] = steps("    $ aws kms list-keys\n    a … of\n    b\n")
    assert step.expects("a lot of\nb\n")
    assert not step.expects("a lot of\nc\n")
    assert not step.expects("")
    assert not Step("true", 1).expects("something")
