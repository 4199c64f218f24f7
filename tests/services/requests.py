"""The smallest body that the pinned model allows for an operation, about a given key; so that a test can make every call
that there is, those included that come later."""

from __future__ import annotations

from typing import Any

from keystead.model.shapes import Service, Shape
from tests.model.values import SAMPLES, wire

KMS = Service.load("kms")
#: Members of this shape name a key; they are given even where they are not required.
KEY = "KeyIdType"
#: What the service needs besides what its model requires.
NEEDED = {"CreateGrant": {"GranteePrincipal": "arn:aws:iam::111122223333:root"}, "RetireGrant": {"GrantId": "0" * 64}}


def smallest(operation: str, key: str) -> dict[str, Any]:
    """A body of required members only, each as small as may be, with every member that names a key naming this one."""
    shape = KMS.operations[operation].input
    body = {
        name: key if member.shape.name == KEY else _value(member.shape)
        for name, member in shape.members.items()
        if member.required or member.shape.name == KEY
    }
    return dict(wire(shape, body)) | NEEDED.get(operation, {})


def names_a_key(operation: str) -> bool:
    return any(member.shape.name == KEY for member in KMS.operations[operation].input.members.values())


def _value(shape: Shape) -> Any:
    match shape.kind:
        case "structure":
            return {name: _value(member.shape) for name, member in shape.members.items() if member.required}
        case "list":
            assert shape.item is not None
            return [_value(shape.item)] * max(1, shape.least or 0)
        case "string" if shape.enum:
            return shape.enum[0]
        case "string":
            return SAMPLES.get(shape.name, ("k" * max(1, shape.least or 0),))[0]
        case "blob":
            return b"k" * max(1, shape.least or 0)
        case "integer":
            return shape.least or 0
        case "timestamp":
            return 2_000_000_000.0
    raise AssertionError(f"no value for {shape.kind}")
