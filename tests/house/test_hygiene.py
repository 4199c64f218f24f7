"""No paths of a machine, no package indexes, locks of hashes alone, no big files, scripts that run."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from tests.house import hygiene
from tests.house.conftest import Plant
from tests.house.reading import ROOT, none

CHECKS = [hygiene.check_paths, hygiene.check_indexes, hygiene.check_locks, hygiene.check_sizes, hygiene.check_scripts]


@pytest.mark.parametrize("check", CHECKS, ids=lambda check: check.__name__)
def test_the_repository_is_clean(check: hygiene.Check) -> None:
    none(check(ROOT))


@pytest.mark.parametrize("check", CHECKS, ids=lambda check: check.__name__)
def test_a_house_in_order_passes(check: hygiene.Check, plant: Plant) -> None:
    assert check(plant({})) == []


def test_a_planted_path_of_the_machine_is_found(plant: Plant, tmp_path: Path) -> None:
    root = plant({})
    for place in (root / "x", root.parent / "elsewhere", Path("/home/somebody/x")):
        (root / "notes.md").write_text(f"look at {place} for it\n")
        assert len(hygiene.check_paths(root, home=Path("/home/somebody"))) >= 1, place
    (root / "notes.md").write_text("look at /usr/bin, /tmp/x and https://example.com/home\n")
    assert hygiene.check_paths(root, home=Path("/home/somebody")) == []


def test_a_planted_index_is_found(plant: Plant) -> None:
    root = plant(
        {
            "notes.md": f"see {hygiene.PUBLIC_INDEXES[0]}\n",
            "more.md": "pip install -i https://mirror.corp.example/simple\n",
        }
    )
    assert len(hygiene.check_indexes(root, hosts=frozenset({"mirror.corp.example"}))) == 2


def test_the_machines_own_index_is_read_from_its_settings(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PIP_INDEX_URL", "https://somebody:secret@mirror.corp.example:8443/simple")
    monkeypatch.setenv("PIP_EXTRA_INDEX_URL", "http://127.0.0.1:3141/x http://localhost/y")
    found = hygiene.machine_indexes()
    assert "mirror.corp.example" in found
    assert not found & {"127.0.0.1", "localhost"}


@pytest.mark.parametrize(
    ("name", "text", "sentence"),
    [
        ("core", "msgspec==0.22.0\n", "not pinned with a sha256 hash"),
        ("core", "msgspec>=0.22.0 \\\n    --hash=sha256:aa\n", "not pinned with a sha256 hash"),
        ("core", "--index-url https://x\nmsgspec==0.22.0 \\\n    --hash=sha256:aa\n", "holds an address or option"),
        ("core", "msgspec @ file:///x \\\n    --hash=sha256:aa\n", "holds an address or option"),
        ("core", "msgspec==0.22.0 \\\n    --hash=sha256:aa\n", "asks for cryptography"),
        ("dev", "msgspec==0.23.0 \\\n    --hash=sha256:aa\n", "dev.lock has msgspec 0.23.0, core.lock has 0.22.0"),
        ("dev", "msgspec==0.22.0 \\\n    --hash=sha256:aa\n", "dev.lock has cryptography None"),
    ],
)
def test_a_planted_fault_in_a_lock_is_found(plant: Plant, name: str, text: str, sentence: str) -> None:
    found = hygiene.check_locks(plant({f"requirements/{name}.lock": text}))
    assert any(sentence in each for each in found), found


@pytest.mark.parametrize(
    ("row", "sentence"),
    [
        ('{"resolved": "https://x/y.tgz", "integrity": "sha512-a"}', "holds an address"),
        ('{"version": "1"}', "has no sha512 hash"),
        ('{"integrity": "sha1-a"}', "has no sha512 hash"),
    ],
)
def test_a_planted_fault_in_a_package_lock_is_found(plant: Plant, row: str, sentence: str) -> None:
    text = f'{{"packages": {{"": {{}}, "node_modules/a": {row}}}}}'
    found = hygiene.check_locks(plant({"tests/clients/js/package-lock.json": text}))
    assert any(sentence in each for each in found), found


def test_a_planted_big_file_is_found_and_a_pinned_model_may_be_big(plant: Plant) -> None:
    big = "x" * (hygiene.LARGEST + 1)
    assert hygiene.check_sizes(plant({"src/keystead/model/pinned/ec2.json": big})) == []
    assert len(hygiene.check_sizes(plant({"docs/picture.svg": big}))) == 1


def test_a_script_that_cannot_be_run_is_found(plant: Plant) -> None:
    root = plant({})
    (root / "tools/environment.sh").chmod(0o644)
    (root / ".ci/run").unlink()
    assert len(hygiene.check_scripts(root)) == 2


def test_what_git_ignores_is_not_looked_at(plant: Plant) -> None:
    root = plant(
        {".gitignore": "/attic/\n", "attic/big": "x" * (hygiene.LARGEST + 1), "big": "x" * (hygiene.LARGEST + 1)}
    )
    subprocess.run(["git", "init", "-q", str(root)], check=True)
    assert hygiene.check_sizes(root) == [f"big has {hygiene.LARGEST + 1} bytes"]
