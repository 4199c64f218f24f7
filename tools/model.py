"""Pin the AWS service models and compile them, with the model of Keystead's own service: ``make model`` writes,
``--check`` only compares.

Reads the model inside the installed botocore, strips its documentation (not ours to distribute, and not needed),
writes ``src/keystead/model/pinned/<service>-<version>.json`` with the hashes of both in ``pins.json``, and
generates ``src/keystead/model/generated/<service>.py``. The same botocore always gives the same bytes. What this
generator cannot express exactly it refuses, naming the shape; it never leaves a constraint out in silence.
"""

# length: pinning and compiling are one command; the compiler reads in the order of the module it writes

from __future__ import annotations

import argparse
import gzip
import hashlib
import json
import keyword
import re
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import botocore  # type: ignore[import-untyped]

from keystead.model.shapes import anchored

ROOT = Path(__file__).resolve().parent.parent
MODEL = ROOT / "src" / "keystead" / "model"
HAND_WRITTEN = MODEL / "pinned"
SERVICES = {"kms": "2014-11-01", "iam": "2010-05-08", "sts": "2011-06-15"}
# The service of Keystead's own: its model is written by hand, in the same form, and nothing writes it anew.
OWN = {"keystead": "2026-11-01"}

PARTS = ("member", "key", "value")
LENGTH = {"min": "min_length", "max": "max_length"}
RANGE = {"min": "ge", "max": "le"}
# What the query protocol's walk knows.
KINDS = {"structure", "list", "map", "string", "blob", "boolean", "integer", "long", "timestamp"}
BOUNDS = {"string": LENGTH, "map": LENGTH, "blob": LENGTH, "list": LENGTH, "integer": RANGE, "long": RANGE}

# Traits that are compiled, or that say nothing to a server. Any other may change the wire format, so it is refused.
SHAPE_TRAITS = {"type", "members", "required", "member", "key", "value", "min", "max", "pattern", "enum", "sensitive"}
SHAPE_TRAITS |= {"exception", "fault", "error", "deprecated", "deprecatedMessage", "box"}
MEMBER_TRAITS = {"shape", "deprecated", "deprecatedMessage", "deprecatedSince", "box"}

Json = dict[str, Any]


def stripped(model: Json) -> Json:
    """The model without prose. Only places that hold documentation are touched: a member of that name survives."""

    def without(node: Json) -> Json:
        return {name: value for name, value in node.items() if name != "documentation"}

    def shape(node: Json) -> Json:
        node = without(node)
        if "members" in node:
            node["members"] = {name: without(member) for name, member in node["members"].items()}
        for part in PARTS:
            if part in node:
                node[part] = without(node[part])
        return node

    model = without(model)
    model["operations"] = {
        name: {
            part: [without(error) for error in value]
            if part == "errors"
            else without(value)
            if isinstance(value, dict)
            else value
            for part, value in without(operation).items()
        }
        for name, operation in model["operations"].items()
    }
    model["shapes"] = {name: shape(node) for name, node in model["shapes"].items()}
    return model


def snake(name: str) -> str:
    """``KeyId`` → ``key_id``, ``AWSAccountId`` → ``aws_account_id``."""
    word = re.sub(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])", "_", name).lower()
    return word + "_" if keyword.iskeyword(word) else word


class Source:
    """The generated module of one service in the AWS JSON protocol, written top to bottom by `lines`.

    The types carry the model's constraints, since requests are decoded straight into them."""

    traits = SHAPE_TRAITS

    def __init__(self, service: str, model: Json, origin: str) -> None:
        self.service = service
        self.model = model
        self.origin = origin
        self.shapes: dict[str, Json] = dict(model["shapes"])
        self.operations: dict[str, Json] = {
            name: {**operation, "input": operation.get("input") or {"shape": self.without_members(name)}}
            for name, operation in model["operations"].items()
        }
        self.inputs = self.reached(op["input"]["shape"] for op in self.operations.values())
        self.outputs = self.reached(op["output"]["shape"] for op in self.operations.values() if "output" in op)
        for name in sorted(self.inputs | self.outputs):
            self.refuse_inexact(name)

    def without_members(self, operation: str) -> str:
        """The name of the input of an operation that has none; `shapes.Service` gives it the same."""
        name = f"{operation}Request"
        if name in self.shapes:
            raise SystemExit(f"{name}: the name is needed for an operation without input")
        self.shapes[name] = {"type": "structure", "members": {}}
        return name

    def refuse_inexact(self, name: str) -> None:
        """Refuse what would be compiled to something looser than the model, or to another wire format."""
        node = self.shapes[name]
        unknown = set(node) - self.traits
        for part in (*node.get("members", {}).values(), *(node[part] for part in PARTS if part in node)):
            unknown |= set(part) - MEMBER_TRAITS
        if unknown:
            raise SystemExit(f"{name}: trait {min(unknown)} is not supported")
        if not BOUNDS.get(node["type"]) and ("min" in node or "max" in node):
            raise SystemExit(f"{name}: a range on a {node['type']} is not supported")
        if "enum" in node and not node.keys().isdisjoint(("min", "max", "pattern")):
            raise SystemExit(f"{name}: an enum with further constraints is not supported")

    def parts(self, name: str) -> list[str]:
        """The shapes that a shape names."""
        node = self.shapes[name]
        inner = [node[part] for part in PARTS if part in node]
        return [part["shape"] for part in (*node.get("members", {}).values(), *inner)]

    def reached(self, roots: Iterable[str]) -> set[str]:
        """All shapes that the roots are made of, the roots included."""
        seen: set[str] = set()
        waiting = list(roots)
        while waiting:
            name = waiting.pop()
            if name in seen:
                continue
            seen.add(name)
            waiting += self.parts(name)
        return seen

    def structures(self) -> list[str]:
        """Structure names, each after those it uses."""
        order: list[str] = []

        def visit(name: str, above: tuple[str, ...]) -> None:
            if name in above:
                raise SystemExit(f"{name}: recursive shapes are not supported")
            for part in self.parts(name):
                visit(part, (*above, name))
            if self.shapes[name]["type"] == "structure" and name not in order:
                order.append(name)

        for name in sorted(self.inputs | self.outputs):
            visit(name, ())
        return order

    def plain(self, name: str) -> str:
        """The Python type of a shape, constraints left out."""
        node = self.shapes[name]
        match node["type"]:
            case "structure":
                return name
            case "list":
                return f"list[{self.type_of(node['member']['shape'])}]"
            case "map":
                for part in (node["key"]["shape"], node["value"]["shape"]):
                    if set(self.shapes[part]) - {"sensitive"} != {"type"} or self.shapes[part]["type"] != "string":
                        raise SystemExit(f"{name}: only maps of strings without constraints are supported")
                return "dict[str, str]"
            case "string":
                return "str"
            case "blob":
                return "bytes"
            case "boolean":
                return "bool"
            case "integer" | "long":
                return "int"
            case "timestamp" | "double" | "float":
                return "float"
            case other:
                raise SystemExit(f"{name}: type {other} is not supported")

    def constraints(self, name: str) -> str:
        """The arguments of `msgspec.Meta` for a shape that is read from requests, or nothing."""
        node = self.shapes[name]
        arguments: list[str] = []
        words = BOUNDS.get(node["type"], {})
        if words is RANGE:  # an integer of Java's size even where the model sets no bound, or sets one only
            bits = {"integer": 31, "long": 63}[node["type"]]
            node = {"min": -(1 << bits), "max": (1 << bits) - 1} | node
        for bound, word in words.items():
            if bound in node and (bound, word, node[bound]) != ("min", "min_length", 0):
                arguments.append(f"{word}={node[bound]}")
        if "pattern" in node:
            arguments.append(f"pattern={anchored(node['pattern'])!r}")
        return ", ".join(arguments)

    def named(self, name: str) -> bool:
        """Whether the shape has a name of its own in the generated module: part of a request, and constrained."""
        node = self.shapes[name]
        return name in self.inputs and node["type"] != "structure" and ("enum" in node or bool(self.constraints(name)))

    def type_of(self, name: str) -> str:
        return name if self.named(name) else self.plain(name)

    def opening(self) -> Iterator[str]:
        metadata = self.model["metadata"]
        yield f'"""Structures and operations of {metadata["serviceFullName"]}, API version {metadata["apiVersion"]}.'
        yield ""
        yield "Generated by tools/model.py; never edited by hand, `make model` writes it again."
        yield f"Source: {self.origin}."
        yield '"""'
        yield ""
        yield "from __future__ import annotations"
        yield ""

    def lines(self) -> Iterator[str]:
        yield from self.opening()
        yield "from typing import TYPE_CHECKING, Annotated, Final, Literal"
        yield ""
        yield "from msgspec import Meta"
        yield "from msgspec.structs import replace"
        yield ""
        yield "from keystead.model.rows import Row, Structure, Tables, instant"
        yield ""
        yield from self.aliases()
        order = self.structures()
        for name in order:
            yield from self.structure(name)
        for name in order:
            if name in self.inputs:
                yield from self.counter(name)
        for name in order:
            if name in self.outputs and self.timed(name):
                yield from self.settler(name)
        yield from self.tables(order)

    def aliases(self) -> Iterator[str]:
        names = [name for name in sorted(self.inputs) if self.named(name)]
        enums = [name for name in names if "enum" in self.shapes[name]]
        if enums:
            yield "# An enum is a plain string to readers and type checkers; only the decoder sees the closed set."
            yield "if TYPE_CHECKING:"
            yield from (f"    {name} = str" for name in enums)
            yield "else:"
            for name in enums:
                yield f"    {name} = Literal[{', '.join(map(repr, self.shapes[name]['enum']))}]"
            yield ""
        for kind in ("scalar", "list"):  # lists after what they hold
            for name in names:
                if name not in enums and (self.shapes[name]["type"] == "list") == (kind == "list"):
                    yield f"{name} = Annotated[{self.plain(name)}, Meta({self.constraints(name)})]"
        yield ""

    def members(self, name: str) -> Iterator[tuple[str, str, str, bool]]:
        """Wire name, attribute, shape and whether required, in model order."""
        node = self.shapes[name]
        for wire, member in node["members"].items():
            yield wire, snake(wire), member["shape"], wire in node.get("required", [])

    def structure(self, name: str) -> Iterator[str]:
        members = list(self.members(name))
        if len({attribute for _, attribute, _, _ in members}) != len(members):
            raise SystemExit(f"{name}: two members share one attribute name")
        rename = ", ".join(f"{attribute!r}: {wire!r}" for wire, attribute, _, _ in members)
        yield ""
        yield (
            f"class {name}(Structure, frozen=True, kw_only=True, rename={{{rename}}}):"
            if members
            else (f"class {name}(Structure, frozen=True, kw_only=True):")
        )
        for _, attribute, shape, required in members:
            yield f"    {attribute}: {self.type_of(shape)}" + ("" if required else " | None = None")
        if not members:
            yield "    pass"
        yield ""

    def counter(self, name: str) -> Iterator[str]:
        """A function that counts the JSON strings of one structure; see `rows.Row`."""
        fixed = 0
        optional: list[str] = []
        for _, attribute, shape, required in self.members(name):
            node = self.shapes[shape]
            value = f"it.{attribute}"
            match node["type"]:
                case "string" | "blob":
                    constant, grows = 2, ""
                case "structure":
                    constant, grows = 1, f"_strings_{shape}({value})"
                case "map":
                    constant, grows = 1, f"2 * len({value})"
                case "list" if self.shapes[node["member"]["shape"]]["type"] == "string":
                    constant, grows = 1, f"len({value})"
                case "list" if self.shapes[node["member"]["shape"]]["type"] == "structure":
                    constant, grows = 1, f"sum(map(_strings_{node['member']['shape']}, {value}))"
                case "list":
                    raise SystemExit(
                        f"{shape}: a list of {self.shapes[node['member']['shape']]['type']} is not supported"
                    )
                case _:
                    constant, grows = 1, ""
            if required:
                fixed += constant
                if grows:
                    optional.append(f"    count += {grows}")
            else:
                optional += [
                    f"    if {value} is not None:",
                    f"        count += {f'{constant} + {grows}' if grows else constant}",
                ]
        yield ""
        yield f"def _strings_{name}(it: {name}) -> int:"
        if optional:
            yield f"    count = {fixed}"
            yield from optional
            yield "    return count"
        else:
            yield f"    return {fixed}"
        yield ""

    def timed(self, name: str) -> bool:
        """Whether a timestamp is found in the shape."""
        return any(self.shapes[part]["type"] == "timestamp" for part in self.reached([name]))

    def settler(self, name: str) -> Iterator[str]:
        """A function that returns one output structure with its timestamps as they are sent; see `rows.instant`."""
        yield ""
        yield f"def _settled_{name}(it: {name}) -> {name}:"
        yield "    return replace("
        yield "        it,"
        for _, attribute, shape, required in self.members(name):
            value = f"it.{attribute}"
            node = self.shapes[shape]
            if not self.timed(shape):
                continue
            match node["type"]:
                case "timestamp":
                    settled = f"instant({value})"
                case "structure":
                    settled = f"_settled_{shape}({value})"
                case "list" if self.shapes[node["member"]["shape"]]["type"] == "structure":
                    settled = f"[_settled_{node['member']['shape']}(one) for one in {value}]"
                case _:
                    raise SystemExit(f"{shape}: timestamps inside a {node['type']} are not supported")
            yield (
                f"        {attribute}={settled},"
                if required
                else f"        {attribute}=None if {value} is None else {settled},"
            )
        yield "    )"
        yield ""

    def tables(self, order: list[str]) -> Iterator[str]:
        metadata = self.model["metadata"]
        yield ""
        yield "_OPERATIONS: Final[dict[str, Row]] = {"
        for name, operation in self.operations.items():
            output = operation.get("output", {}).get("shape")
            yield f"    {name!r}: Row("
            yield f"        input={operation['input']['shape']},"
            yield f"        output={output},"
            yield f"        errors=frozenset(({self.errors_of(operation)})),"
            yield f"        strings=_strings_{operation['input']['shape']},"
            yield f"        settled={f'_settled_{output}' if output and self.timed(output) else None},"
            yield "    ),"
        yield "}"
        yield from self.named_structures(order)
        yield ""
        yield "TABLES: Final = Tables("
        yield f"    service={self.service!r},"
        yield f"    target_prefix={metadata['targetPrefix']!r},"
        yield f"    signing_name={metadata.get('signingName', metadata['endpointPrefix'])!r},"
        yield f"    json_version={metadata['jsonVersion']!r},"
        yield "    operations=_OPERATIONS,"
        yield "    structures=_STRUCTURES,"
        yield "    errors=_ERRORS,"
        yield ")"

    def errors_of(self, operation: Json) -> str:
        """The codes that an operation declares, as the inside of a tuple."""
        return "".join(
            f"{code!r}, " for code in sorted(self.code(error["shape"]) for error in operation.get("errors", []))
        )

    def named_structures(self, order: list[str]) -> Iterator[str]:
        """The structures by name, and the statuses of the errors by code."""
        yield ""
        yield "_STRUCTURES: Final[dict[str, type[Structure]]] = {"
        yield from (f"    {name!r}: {name}," for name in order)
        yield "}"
        yield ""
        yield "_ERRORS: Final[dict[str, int]] = {"
        for name, node in self.shapes.items():
            if node.get("exception"):
                status = node.get("error", {}).get("httpStatusCode", 500 if node.get("fault") else 400)
                yield f"    {self.code(name)!r}: {status},"
        yield "}"

    def code(self, shape: str) -> str:
        code: str = self.shapes[shape].get("error", {}).get("code", shape)
        return code


class QuerySource(Source):
    """The generated module of one service in the AWS query protocol.

    The types are plain: every request is judged by the walk over the pinned model, and nothing is decoded by them."""

    # A union says that one member is given; what AWS answers when none is, the service decides.
    traits = SHAPE_TRAITS | {"union"}

    def refuse_inexact(self, name: str) -> None:
        node = self.shapes[name]
        super().refuse_inexact(name)
        if node["type"] not in KINDS:
            raise SystemExit(f"{name}: type {node['type']} is not supported")

    def plain(self, name: str) -> str:
        node = self.shapes[name]
        if node["type"] == "map":
            return f"dict[{self.plain(node['key']['shape'])}, {self.plain(node['value']['shape'])}]"
        return super().plain(name)

    def named(self, name: str) -> bool:
        return False

    def lines(self) -> Iterator[str]:
        yield from self.opening()
        yield "from typing import Final"
        yield ""
        yield "from keystead.model.rows import QueryRow, QueryTables, Structure"
        yield ""
        order = self.structures()
        for name in order:
            yield from self.structure(name)
        yield from self.tables(order)

    def tables(self, order: list[str]) -> Iterator[str]:
        metadata = self.model["metadata"]
        yield ""
        yield "_OPERATIONS: Final[dict[str, QueryRow]] = {"
        for name, operation in self.operations.items():
            output = operation.get("output", {})
            yield f"    {name!r}: QueryRow("
            yield f"        input={operation['input']['shape']},"
            yield f"        output={output.get('shape')},"
            yield f"        errors=frozenset(({self.errors_of(operation)})),"
            yield f"        wrapper={output.get('resultWrapper')!r},"
            yield "    ),"
        yield "}"
        yield from self.named_structures(order)
        yield ""
        yield "TABLES: Final = QueryTables("
        yield f"    service={self.service!r},"
        yield f"    version={metadata['apiVersion']!r},"
        yield f"    signing_name={metadata.get('signingName', metadata['endpointPrefix'])!r},"
        yield f"    namespace={metadata['xmlNamespace']!r},"
        yield "    operations=_OPERATIONS,"
        yield "    structures=_STRUCTURES,"
        yield "    errors=_ERRORS,"
        yield ")"


SOURCES = {"json": Source, "query": QuerySource}


def generated(service: str, model: Json, origin: str) -> bytes:
    """The module of a service."""
    return ("\n".join(SOURCES[model["metadata"]["protocol"]](service, model, origin).lines()) + "\n").encode()


def files() -> Iterator[tuple[Path, bytes]]:
    """Every file this tool owns, with the content it should have."""
    pins = []
    for service, version in SERVICES.items():
        path = Path(botocore.__file__).parent / "data" / service / version / "service-2.json.gz"
        source = gzip.decompress(path.read_bytes())
        model = stripped(json.loads(source))
        name = f"{service}-{version}.json"
        pinned = (json.dumps(model, indent=1, ensure_ascii=True) + "\n").encode()
        pins.append(
            {
                "service": service,
                "file": name,
                "botocore": botocore.__version__,
                "source": f"data/{service}/{version}/service-2.json.gz",
                "source_sha256": hashlib.sha256(source).hexdigest(),  # of the text, as the gzip wrapper may differ
                "pinned_sha256": hashlib.sha256(pinned).hexdigest(),
            }
        )
        origin = f"pinned/{name} (botocore {botocore.__version__}), sha256 {hashlib.sha256(pinned).hexdigest()}"
        yield MODEL / "pinned" / name, pinned
        yield MODEL / "generated" / f"{service}.py", generated(service, model, origin)
    for service, version in OWN.items():
        name = f"{service}-{version}.json"
        pinned = (HAND_WRITTEN / name).read_bytes()
        pins.append({"service": service, "file": name, "pinned_sha256": hashlib.sha256(pinned).hexdigest()})
        origin = f"pinned/{name} (of Keystead's own), sha256 {hashlib.sha256(pinned).hexdigest()}"
        yield MODEL / "generated" / f"{service}.py", generated(service, json.loads(pinned), origin)
    yield MODEL / "pinned" / "pins.json", (json.dumps(pins, indent=2) + "\n").encode()


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(
        description="Pin the AWS service models of the installed botocore and compile them."
    )
    parser.add_argument("--check", action="store_true", help="write nothing; exit 1 when a file differs")
    check: bool = parser.parse_args(arguments).check
    stale = [(path, content) for path, content in files() if not path.exists() or path.read_bytes() != content]
    for path, content in stale:
        if check:
            sys.stderr.write(f"{path.relative_to(ROOT)} is not what botocore {botocore.__version__} gives\n")
        else:
            path.parent.mkdir(exist_ok=True)
            path.write_bytes(content)
            sys.stderr.write(f"wrote {path.relative_to(ROOT)}\n")
    return 1 if check and stale else 0


if __name__ == "__main__":
    sys.exit(main())
