"""Client programs behind one way of calling them.

A program is called with an operation's name and its members as the AWS SDK for Python takes them (blobs as bytes) and
answers in the same shape, or raises `Refused` with AWS's code. What it really does is what its users do: the AWS CLI is
run anew for each call with blobs in files, the JavaScript SDK lives in one Node.js process. Times come back as the
program gives them.
"""

from __future__ import annotations

import base64
import gzip
import json
import re
import shutil
import subprocess
from abc import ABC, abstractmethod
from collections.abc import Mapping
from importlib import resources
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import pytest

from keystead.model.shapes import Service
from tests.house.reading import ROOT

AWS = ROOT / ".venv-clients" / "bin" / "aws"
JAVASCRIPT = ROOT / "tests" / "clients" / "js"

API = "2014-11-01"
MODEL = Service.load("kms")
BLOBS = frozenset(
    name
    for operation in MODEL.operations.values()
    for shape in (operation.input, operation.output)
    for name, member in (shape.members.items() if shape is not None else ())
    if member.shape.kind == "blob"
)
"""Members of requests and answers that are bytes."""

WAIT = 30.0

#: AccessKeyId, SecretAccessKey and, of a session, SessionToken.
Credentials = Mapping[str, Any]


class Refused(Exception):
    """The server refused; ``code`` as the program shows it."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(f"{code}: {message}")
        self.code = code
        self.message = message


class Program(ABC):
    """A client program with endpoint, region and credentials in its environment. As a context manager; may skip."""

    name: str

    def __init__(self, environment: Mapping[str, str], folder: Path) -> None:
        self.environment = dict(environment)
        self.folder = folder
        self.called: set[str] = set()

    def call(self, operation: str, *, by: Credentials | None = None, **members: Any) -> dict[str, Any]:
        """The answer, blobs as bytes. ``by`` are the credentials of somebody else, as IAM or STS answered them.

        :raises Refused: with AWS's code
        """
        self.called.add(operation)
        return self._perform(operation, members, by)

    @abstractmethod
    def _perform(self, operation: str, members: dict[str, Any], by: Credentials | None) -> dict[str, Any]: ...

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, _kind: type[BaseException] | None, _error: BaseException | None, _trace: TracebackType | None
    ) -> None:
        return None


#: How the AWS CLI is given credentials.
EXPORTED = {
    "AWS_ACCESS_KEY_ID": "AccessKeyId",
    "AWS_SECRET_ACCESS_KEY": "SecretAccessKey",
    "AWS_SESSION_TOKEN": "SessionToken",
}


class AwsCli(Program):
    """``aws kms operation``, or ``aws iam operation`` for ``iam:Operation``: members as --cli-input-json, blobs from files.

    Releases of the CLI come after the model. For an operation that the installed one does not know it is given the
    pinned model, in the way that AWS documents for models of one's own (AWS_DATA_PATH)."""

    name = "aws-cli"

    def __enter__(self) -> Self:
        if not AWS.exists():
            pytest.skip("the AWS CLI is not installed")
        [model] = AWS.parents[1].glob(f"lib/*/site-packages/**/botocore/data/kms/{API}/service-2.json*")
        text = model.read_bytes()
        known = json.loads(gzip.decompress(text) if model.suffix == ".gz" else text)["operations"]
        self.unknown = MODEL.operations.keys() - known
        return self

    def _perform(self, operation: str, members: dict[str, Any], by: Credentials | None) -> dict[str, Any]:
        options = []
        for number, name in enumerate(BLOBS & members.keys()):
            file = self.folder / f"blob-{number}"
            file.write_bytes(members.pop(name))
            options += [f"--{dashed(name)}", f"fileb://{file}"]
        environment = {"AWS_DATA_PATH": str(self.models())} if operation in self.unknown else {}
        if by is not None:
            environment |= {name: by[member] for name, member in EXPORTED.items() if member in by}
        service, _, own = operation.rpartition(":")
        command = (service or "kms", dashed(own))
        ended = self.run(*command, "--cli-input-json", json.dumps(members), *options, environment=environment)
        if ended.returncode:
            refused = re.search(
                r"An error occurred \((\w+)\) when calling the \w+ operation(?: \(.*?\))?: ?(.*)",
                ended.stderr,
                re.DOTALL,
            )
            assert refused, f"aws {' '.join(command)} ended with {ended.returncode}:\n{ended.stderr}"
            raise Refused(refused[1], refused[2].strip())
        answer = json.loads(ended.stdout or "{}")
        return {name: base64.b64decode(value) if name in BLOBS else value for name, value in answer.items()}

    def models(self) -> Path:
        folder = self.folder / "models"
        place = folder / "kms" / API
        if not place.exists():
            place.mkdir(parents=True)
            pinned = resources.files("keystead.model.pinned") / f"kms-{API}.json"
            (place / "service-2.json").write_bytes(pinned.read_bytes())
        return folder

    def run(self, *arguments: str, environment: Mapping[str, str] | None = None) -> subprocess.CompletedProcess[str]:
        """The command as a user types it."""
        return subprocess.run(
            [str(AWS), *arguments],
            env={**self.environment, "AWS_PAGER": "", "AWS_MAX_ATTEMPTS": "1", **(environment or {})},
            capture_output=True,
            text=True,
            timeout=WAIT,
            check=False,
        )


class JavaScript(Program):
    """The AWS SDK for JavaScript v3 in one Node.js process, spoken to line by line."""

    name = "javascript-sdk"

    def __enter__(self) -> Self:
        if shutil.which("node") is None:
            pytest.skip("Node.js is not installed")
        if not (JAVASCRIPT / "node_modules" / "@aws-sdk" / "client-sts").exists():
            pytest.skip("the JavaScript SDK is not installed")
        self.process = subprocess.Popen(
            ["node", str(JAVASCRIPT / "call.mjs")],
            env={**self.environment, "NODE_NO_WARNINGS": "1"},  # the SDK's notice that a newer Node.js is wanted
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        return self

    def _perform(self, operation: str, members: dict[str, Any], by: Credentials | None) -> dict[str, Any]:
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        marked = {
            name: {"$bytes": base64.b64encode(value).decode()} if isinstance(value, bytes) else value
            for name, value in members.items()
        }
        asked: dict[str, Any] = {"operation": operation, "members": marked}
        if by is not None:
            asked["as"] = {name[:1].lower() + name[1:]: by[name] for name in EXPORTED.values() if name in by}
        self.process.stdin.write(json.dumps(asked) + "\n")
        self.process.stdin.flush()
        line = self.process.stdout.readline()
        assert line, f"Node.js ended with {self.process.wait(WAIT)} during {operation}"
        said = json.loads(line)
        if "refused" in said:
            raise Refused(said["refused"]["code"], said["refused"]["message"])
        assert "answer" in said, f"{operation}: {said}"
        return {
            name: base64.b64decode(value["$bytes"]) if isinstance(value, dict) and "$bytes" in value else value
            for name, value in said["answer"].items()
        }

    def __exit__(self, *_about: object) -> None:
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        self.process.stdin.close()
        try:
            self.process.wait(WAIT)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait(WAIT)
        self.process.stdout.close()


PROGRAMS: tuple[type[Program], ...] = (AwsCli, JavaScript)


def dashed(name: str) -> str:
    """``GenerateDataKey`` -> ``generate-data-key``, as the AWS CLI spells operations and members."""
    return re.sub(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])", "-", name).lower()
