"""The pinned model and what is generated from it."""

from __future__ import annotations

import hashlib
import importlib
import json
import subprocess
import sys
from importlib import resources
from pathlib import Path

import msgspec
import pytest
from tools import model as tool

from keystead.model.generated import kms
from keystead.model.rows import Structure
from keystead.model.shapes import pins
from tests.model.values import KMS, OPERATIONS

ROOT = Path(__file__).resolve().parents[2]


def run(*arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, str(ROOT / "tools" / "model.py"), *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)


def test_the_committed_files_are_what_the_tool_writes() -> None:
    done = run("--check")
    assert (done.returncode, done.stderr) == (0, "")


def test_the_check_notices_an_edited_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tool, "ROOT", tmp_path)
    monkeypatch.setattr(tool, "MODEL", tmp_path)
    assert tool.main(["--check"]) == 1, "nothing is there yet"
    assert tool.main([]) == 0
    assert tool.main(["--check"]) == 0
    generated = tmp_path / "generated" / "kms.py"
    assert generated.read_bytes() == (ROOT / "src/keystead/model/generated/kms.py").read_bytes()
    generated.write_text(generated.read_text().replace("max_length=4096", "max_length=4097"))
    assert tool.main(["--check"]) == 1
    assert tool.main([]) == 0
    assert tool.main(["--check"]) == 0


def test_the_pins_name_the_source_and_hash_the_pinned_file() -> None:
    assert [pin["service"] for pin in pins()] == ["kms", "iam", "sts", "keystead"]
    for pin in pins():
        pinned = (resources.files("keystead.model.pinned") / pin["file"]).read_bytes()
        generated = importlib.import_module(f"keystead.model.generated.{pin['service']}")
        assert pin.get("botocore") == (None if pin["service"] == "keystead" else "1.44.5")
        assert pin["pinned_sha256"] == hashlib.sha256(pinned).hexdigest()
        assert pin["pinned_sha256"] in (generated.__doc__ or "")


def test_the_pinned_file_holds_no_prose() -> None:
    for pin in pins():
        text = (resources.files("keystead.model.pinned") / pin["file"]).read_text()
        assert '"documentation"' not in text
        assert "<p>" not in text


def test_only_prose_is_stripped() -> None:
    model = {
        "documentation": "<p>x</p>",
        "metadata": {},
        "operations": {"Do": {"name": "Do", "documentation": "x", "errors": [{"shape": "E", "documentation": "x"}]}},
        "shapes": {
            "documentation": {
                "type": "structure",
                "documentation": "x",
                "members": {"documentation": {"shape": "S", "documentation": "x"}},
            },
            "L": {"type": "list", "member": {"shape": "S", "documentation": "x"}},
        },
    }
    assert tool.stripped(model) == {
        "metadata": {},
        "operations": {"Do": {"name": "Do", "errors": [{"shape": "E"}]}},
        "shapes": {
            "documentation": {"type": "structure", "members": {"documentation": {"shape": "S"}}},
            "L": {"type": "list", "member": {"shape": "S"}},
        },
    }


@pytest.mark.parametrize(
    ("name", "attribute"),
    [
        ("KeyId", "key_id"),
        ("AWSAccountId", "aws_account_id"),
        ("DryRun", "dry_run"),
        ("XksProxyVpcEndpointServiceName", "xks_proxy_vpc_endpoint_service_name"),
        ("Class", "class_"),
    ],
)
def test_attributes_are_snake_case(name: str, attribute: str) -> None:
    assert tool.snake(name) == attribute


def service(**shapes: tool.Json) -> tool.Json:
    """A model with one operation whose request has one member of the shape S."""
    request = {"type": "structure", "members": {"A": {"shape": "S"}}}
    return {
        "metadata": {
            "serviceFullName": "X",
            "apiVersion": "1",
            "targetPrefix": "X",
            "endpointPrefix": "x",
            "jsonVersion": "1.1",
        },
        "operations": {"Do": {"name": "Do", "input": {"shape": "DoRequest"}}},
        "shapes": {"DoRequest": request, **shapes},
    }


STRING = {"type": "string"}


@pytest.mark.parametrize(
    ("shapes", "complaint"),
    [
        ({"S": {"type": "map", "key": {"shape": "K"}, "value": {"shape": "K"}}, "K": STRING | {"max": 3}}, "only maps"),
        ({"S": {"type": "string", "locationName": "s"}}, "trait locationName"),
        ({"S": {"type": "list", "member": {"shape": "K", "locationName": "s"}}, "K": STRING}, "trait locationName"),
        ({"S": {"type": "string", "enum": ["a"], "max": 3}}, "an enum with further constraints"),
        ({"S": {"type": "timestamp", "max": 3}}, "a range on a timestamp"),
        ({"S": {"type": "bigdecimal"}}, "type bigdecimal"),
        ({"S": {"type": "list", "member": {"shape": "K"}}, "K": {"type": "boolean"}}, "a list of boolean"),
        ({"S": {"type": "structure", "members": {"B": {"shape": "DoRequest"}}}}, "recursive"),
        ({"S": {"type": "structure", "members": {"aB": {"shape": "K"}, "AB": {"shape": "K"}}}, "K": STRING}, None),
        ({"S": {"type": "structure", "members": {"aB": {"shape": "K"}, "a_b": {"shape": "K"}}}, "K": STRING}, "share"),
    ],
)
def test_what_cannot_be_compiled_exactly_is_refused_by_name(
    shapes: dict[str, tool.Json], complaint: str | None
) -> None:
    model = service(**shapes)
    if complaint is None:
        assert list(tool.Source("x", model, "a test").lines())
        return
    with pytest.raises(SystemExit, match=complaint):
        list(tool.Source("x", model, "a test").lines())


def test_an_unbounded_integer_is_bounded_by_javas() -> None:
    integer = tool.Source("x", service(S={"type": "integer"}), "a test")
    assert integer.constraints("S") == "ge=-2147483648, le=2147483647"
    long = tool.Source("x", service(S={"type": "long", "min": 0}), "a test")
    assert long.constraints("S") == "ge=0, le=9223372036854775807"


def test_all_56_operations_are_there() -> None:
    assert len(OPERATIONS) == 56
    assert list(kms.TABLES.operations) == OPERATIONS
    assert (kms.TABLES.target_prefix, kms.TABLES.signing_name, kms.TABLES.json_version) == (
        "TrentService",
        "kms",
        "1.1",
    )


@pytest.mark.parametrize("name", OPERATIONS)
def test_the_generated_row_says_what_the_model_says(name: str) -> None:
    row, operation = kms.TABLES.operations[name], KMS.operations[name]
    assert row.input.__name__ == operation.input.name
    assert (row.output and row.output.__name__) == (operation.output and operation.output.name)
    assert row.errors == operation.errors
    for structure, shape in ((row.input, operation.input), (row.output, operation.output)):
        if structure is None or shape is None:
            continue
        fields = {field.encode_name: field for field in msgspec.structs.fields(structure)}
        assert list(fields) == list(shape.members)
        assert {wire: field.required for wire, field in fields.items()} == {
            wire: member.required for wire, member in shape.members.items()
        }


def test_error_codes_have_their_status() -> None:
    fault = {"DependencyTimeoutException", "KMSInternalException", "KeyUnavailableException"}
    assert {code for code, status in kms.TABLES.errors.items() if status == 500} == fault
    assert set(kms.TABLES.errors.values()) == {400, 500}
    assert kms.TABLES.errors.keys() >= kms.TABLES.operations["Encrypt"].errors


def test_a_structure_shows_no_value() -> None:
    request = kms.EncryptRequest(key_id="secret-1", plaintext=b"secret-2", encryption_context={"a": "secret-3"})
    shown = f"{request} {request!r} {list(request.__rich_repr__())}"
    assert "secret" not in shown
    assert "plaintext" in shown
    assert "grant_tokens" not in shown


def test_a_structure_cannot_be_changed() -> None:
    request = kms.DisableKeyRequest(key_id="a")
    with pytest.raises(AttributeError):
        request.key_id = "b"  # type: ignore[misc]


def test_every_structure_is_named_in_the_tables() -> None:
    made = {name for name, one in vars(kms).items() if isinstance(one, type) and issubclass(one, Structure)}
    assert made - {"Structure"} == set(kms.TABLES.structures)


def test_the_pinned_file_is_json_that_survives_a_round_trip() -> None:
    text = (resources.files("keystead.model.pinned") / pins()[0]["file"]).read_text()
    assert json.dumps(json.loads(text), indent=1) + "\n" == text
