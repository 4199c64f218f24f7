"""What an audit record shows of a request or an answer, told by the pinned model alone.

For services whose operations need not say it one by one (IAM, STS): CloudTrail's requestParameters are all members that
were given, its responseElements all that was answered, in lower camel case, times in words.

Guarantees: nothing that the model calls sensitive is shown, at any depth, nor what lets its holder act (`SECRET`), nor
bytes; a structure that the model gained since cannot change that. Does not guarantee that a text which a caller chose
holds no secret of his."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from keystead.audit.shape import in_words
from keystead.model.shapes import Service, Shape

#: Members that let their holder act and that the models do not mark as sensitive.
SECRET: Final = frozenset({"AuthenticationCode1", "AuthenticationCode2", "SessionToken", "TokenCode"})


def request(service: str, operation: str, given: object) -> dict[str, Any] | None:
    """requestParameters of a decoded request; None when there is nothing to show."""
    return _members(Service.load(service).operations[operation].input, given) or None


def answer(service: str, operation: str, given: object) -> dict[str, Any] | None:
    """responseElements of an answer; None when there is nothing to show."""
    output = Service.load(service).operations[operation].output
    return None if output is None or given is None else _members(output, given) or None


def noted(service: str, operation: str, _call: object, given: object) -> Mapping[str, Any]:
    """What a row's ``noted`` makes of a call and its answer."""
    return {"response_elements": answer(service, operation, given)}


def _members(shape: Shape, given: object) -> dict[str, Any]:
    found = {}
    values = (getattr(given, name) for name in given.__struct_fields__)  # type: ignore[attr-defined]
    for member, value in zip(shape.members.values(), values, strict=True):
        if value is not None and not hidden(member.name, member.shape):
            found[member.path] = _shown(member.shape, value)
    return found


def hidden(name: str, shape: Shape) -> bool:
    """Whether no record shows a member of this name and shape."""
    return shape.sensitive or shape.kind == "blob" or name in SECRET


def _shown(shape: Shape, value: Any) -> Any:
    match shape.kind:
        case "structure":
            return _members(shape, value)
        case "list":
            assert shape.item is not None
            return [] if hidden("", shape.item) else [_shown(shape.item, one) for one in value]
        case "map":
            assert shape.value is not None
            return {} if hidden("", shape.value) else {key: _shown(shape.value, one) for key, one in value.items()}
        case "timestamp":
            return in_words(value)
        case _:
            return value
