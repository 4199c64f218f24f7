"""`docs/operations.md` is what the tables say, and the tables account for all of the pinned models."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from types import MappingProxyType

import pytest
from tools import operations as tool

from keystead.crypto.keyspecs import NOT_OFFERED_SPECS
from keystead.domain.keytypes import KeyTypes
from keystead.model.shapes import Service as Models
from keystead.services.iam.operations import IAM
from keystead.services.kms.operations import KMS
from keystead.services.sts.operations import STS
from keystead.services.table import Row, Service
from tests.house.reading import ROOT, none

MODEL = Models.load("kms")


def cells(operation: str) -> dict[str, str]:
    """The row of an operation in the document, by the head of its column."""
    lines = [line.strip("| \n").split(" | ") for line in tool.document().splitlines() if line.startswith("| ")]
    head = next(line for line in lines if line[0] == "operation")
    row = next(line for line in lines if line[0] == operation and len(line) == len(head))
    return dict(zip(head, row, strict=True))


def plant(monkeypatch: pytest.MonkeyPatch, rows: Mapping[str, Row]) -> None:
    monkeypatch.setattr(tool, "KMS", replace(KMS, rows=MappingProxyType({**KMS.rows, **rows})))


def test_the_committed_document_is_what_the_tables_say() -> None:
    command = [sys.executable, str(ROOT / "tools" / "operations.py"), "--check"]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)
    assert (done.returncode, done.stderr) == (0, ""), done.stderr


def test_all_of_the_model_is_offered_or_listed_with_its_reason() -> None:
    none(tool.unexplained())


def test_a_document_that_is_not_current_is_noticed_and_written_anew(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(tool, "ROOT", tmp_path)
    (tmp_path / "docs").mkdir()
    assert tool.main(["--check"]) == 1, "nothing is there yet"
    assert "make docs" in capsys.readouterr().err
    assert tool.main([]) == 0
    assert tool.main(["--check"]) == 0
    plant(monkeypatch, {"Encrypt": replace(KMS.rows["Encrypt"], cross_account=False)})
    assert tool.main(["--check"]) == 1
    plant(monkeypatch, {"Encrypt": replace(KMS.rows["Encrypt"], keys=KeyTypes.MAC)})
    assert tool.main(["--check"]) == 1


def test_what_the_model_knows_is_read_from_the_model() -> None:
    for name in KMS.rows:
        members = MODEL.operations[name].input.members
        found = cells(name)
        assert (found["dry run"] == "yes") == ("DryRun" in members), name
        assert (found["tokens"] == "yes") == ("GrantTokens" in members), name
    assert cells("ReEncrypt")["grant"] == "yes", "by its two actions, ReEncryptFrom and ReEncryptTo"
    assert cells("PutKeyPolicy")["grant"] == "–"


def test_what_is_in_no_list_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tool, "KMS", replace(KMS, rows={k: v for k, v in KMS.rows.items() if k != "Encrypt"}))
    assert tool.unexplained() == ["the operation Encrypt is neither offered nor listed"]


def test_a_stale_reason_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tool, "KMS", replace(KMS, not_offered={**KMS.not_offered, "Encrypt": "", "Enchant": "no"}))
    assert tool.unexplained() == [
        "the operation Encrypt is offered and listed as not offered",
        "the operation Enchant is not in the pinned model",
        "the operation Encrypt is listed without a reason",
    ]


def test_a_key_spec_without_a_reason_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tool, "NOT_OFFERED_SPECS", {k: v for k, v in NOT_OFFERED_SPECS.items() if k != "SM2"})
    assert tool.unexplained() == ["the key spec SM2 is neither offered nor listed"]


def test_a_withheld_member_without_a_reason_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    plant(monkeypatch, {"Encrypt": replace(KMS.rows["Encrypt"], withheld=("dry_run",))})
    assert tool.unexplained() == ["Encrypt withholds dry_run and nothing says why"]


@pytest.mark.parametrize("service", [IAM, STS], ids=["iam", "sts"])
def test_a_service_without_keys_accounts_for_its_whole_model(service: Service) -> None:
    document = "\n".join(tool.section(service, ""))
    for name in Models.load(service.name).operations:
        assert (f"| {name} | " in document) is (name in service.rows)
        assert name in document


def test_what_no_record_shows_is_told() -> None:
    document = "\n".join(tool.section(IAM, ""))
    [line] = [line for line in document.splitlines() if line.startswith("| CreateAccessKey | ")]
    assert line.endswith("| user | yes | yes | SecretAccessKey |")


def test_what_is_in_no_list_of_another_service_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    who = STS.rows["GetCallerIdentity"]
    monkeypatch.setattr(tool, "STS", replace(STS, rows={**STS.rows, who.name: replace(who, withheld=("nothing",))}))
    monkeypatch.setattr(tool, "IAM", replace(IAM, not_offered={**IAM.not_offered, "Enchant": "no"}))
    assert tool.unexplained() == [
        "the operation Enchant is not in the pinned model",
        "GetCallerIdentity withholds nothing and nothing says why",
    ]
