"""``keystead policy``: files in, findings out, an exit status for a pipeline."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from keystead.cli.main import main
from keystead.domain.policy.document import default_key_policy

ACCOUNT = "111122223333"
OPEN = '{"Version":"2012-10-17","Statement":[{"Sid":"All","Effect":"Allow","Principal":"*","Action":"kms:*","Resource":"*"}]}'


def check(*arguments: str, stdin: str | None = None) -> Result:
    return CliRunner().invoke(main, ["policy", "check", *arguments], input=stdin)


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "policy.json"


def test_a_good_policy_has_nothing_to_mend(file: Path) -> None:
    file.write_text(default_key_policy(ACCOUNT))
    result = check(str(file), "--account", ACCOUNT)
    assert result.exit_code == 0
    assert result.output == f"{file}: key policy\nNothing to mend.\n"


def test_a_finding_is_one_line_with_its_statement_and_its_code(file: Path) -> None:
    file.write_text(OPEN)
    result = check(str(file))
    assert result.exit_code == 1
    lines = result.output.splitlines()
    assert lines[0] == f"{file}: key policy"
    assert lines[1].startswith("  error   statement 1 'All': The statement allows everybody")
    assert lines[1].endswith("[everybody]")
    assert lines[2:] == ["1 error."]


def test_a_program_is_told_in_json(file: Path, tmp_path: Path) -> None:
    file.write_text(OPEN)
    other = tmp_path / "other.json"
    other.write_text('{"Version":"2012-10-17","Statement":{"Effect":"Allow","Action":"kms:*","Resource":"*"}}')
    result = check(str(file), str(other), "--json")
    assert result.exit_code == 1
    first, second = json.loads(result.output)["files"]
    assert (first["file"], first["kind"]) == (str(file), "key policy")
    (finding,) = first["findings"]
    assert {name: finding[name] for name in ("level", "code", "statement", "sid")} == {
        "level": "error",
        "code": "everybody",
        "statement": 1,
        "sid": "All",
    }
    assert second == {"file": str(other), "kind": "identity policy", "findings": []}


def test_the_exit_status_says_what_is_grave_enough(file: Path) -> None:
    service = '{"Effect":"Allow","Principal":{"Service":"logs.amazonaws.com"},"Action":"kms:*","Resource":"*"}'
    file.write_text(f'{{"Version":"2012-10-17","Statement":[{service}]}}')
    assert check(str(file)).exit_code == 0
    assert check(str(file), "--fail-on", "note").exit_code == 1
    file.write_text(
        OPEN.replace('"kms:*"', '["kms:*","kms:Frob"]').replace('"*","Action"', f'{{"AWS":"{ACCOUNT}"}},"Action"')
    )
    assert check(str(file)).exit_code == 1
    assert check(str(file), "--fail-on", "error").exit_code == 0


def test_a_lockout_is_an_error_for_whom_it_locks_out(file: Path) -> None:
    file.write_text(default_key_policy(ACCOUNT))
    assert check(str(file), "--principal", f"arn:aws:iam::{ACCOUNT}:user/a").exit_code == 0
    result = check(str(file), "--principal", "arn:aws:iam::444455556666:user/a")
    assert result.exit_code == 1
    assert "arn:aws:iam::444455556666:user/a" in result.output
    assert "[lockout]" in result.output


def test_a_policy_is_read_from_standard_input_and_as_the_kind_that_is_said() -> None:
    trust = f'{{"Version":"2012-10-17","Statement":[{{"Effect":"Allow","Principal":{{"AWS":"{ACCOUNT}"}},"Action":"sts:AssumeRole"}}]}}'
    assert check("-", stdin=trust).output.startswith("-: trust policy\nNothing")
    refused = check("-", "--kind", "identity", stdin=trust)
    assert refused.exit_code == 1
    assert "Policy document should not specify a principal. [refused]" in refused.output


def test_permissions_of_iam_and_sts_are_known(file: Path) -> None:
    actions = '["iam:PassRole","iam:CreateUser","sts:TagSession","sts:AssumeRole","iam:NoSuch"]'
    file.write_text(f'{{"Version":"2012-10-17","Statement":[{{"Effect":"Allow","Action":{actions},"Resource":"*"}}]}}')
    result = check(str(file))
    assert result.output.count("[unknown-action]") == 1
    assert "'iam:NoSuch' is no action" in result.output


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["no-such-file"], "cannot be read"),
        (["{file}", "--principal", "alice"], "alice names no user"),
        (["{file}", "--principal", "arn:aws:iam::111122223333:root", "--account", "111122223333"], "not both"),
        ([], "Missing argument"),
    ],
)
def test_what_cannot_be_used_ends_with_2(file: Path, arguments: list[str], sentence: str) -> None:
    file.write_text(OPEN)
    result = check(*(each.format(file=file) for each in arguments))
    assert result.exit_code == 2
    assert sentence in result.output


def test_bytes_that_are_no_text_are_no_policy(file: Path) -> None:
    file.write_bytes(b"\xff\xfe")
    result = check(str(file))
    assert result.exit_code == 2
    assert "it is not UTF-8" in result.output
