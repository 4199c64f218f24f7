"""Requests of the AWS query protocol: an ``application/x-www-form-urlencoded`` text against a shape of the model.

Guarantees: a text means one thing or is refused with a SerializationException (`errors.serialization`, which the query
services call MalformedInput): a parameter that stands twice, one that is both a value and a structure, items of a list
that are not numbered 1, 2, 3, …, a percent sign that encodes nothing and bytes that are not UTF-8 are refused, and so
is a parameter that the operation's model does not have (decision 0030). Raises nothing else, whatever the text. Does
not judge the model's constraints; `validate` does.

How values are written (Smithy's AWS query protocol): ``Name=value``; members of structures ``Name.Member``; items of
lists ``Name.member.1``; entries of maps ``Name.entry.1.key`` and ``.value``; a list without items ``Name=``; blobs in
Base64; timestamps as ISO 8601 in UTC.
"""

from __future__ import annotations

import re
from binascii import unhexlify
from datetime import UTC, datetime
from typing import Any, Final

from keystead import errors
from keystead.model import validate
from keystead.model.shapes import Shape

#: What every request carries besides the members of its operation.
ACTION: Final = "Action"
VERSION: Final = "Version"

MOST_PARAMETERS: Final = 10_000
LONGEST_ASKED: Final = 128  # bytes of the name of an operation or of a version
_SHOWN: Final = 256  # characters of a name that a sentence repeats

_ESCAPE: Final = re.compile(rb"%([0-9A-Fa-f]{2})")
_BROKEN_ESCAPE: Final = re.compile(rb"%(?![0-9A-Fa-f]{2})")
_INTEGER: Final = re.compile(r"[+-]?[0-9]{1,20}", re.ASCII)
_INSTANT: Final = re.compile(r"(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d)(\.\d{1,9})?Z", re.ASCII)

# A parameter's value, or what stands below its name.
Tree = dict[str, Any]


def parameters(text: bytes) -> dict[str, str]:
    """The parameters of a text, decoded, in their order."""
    if text.count(b"&") >= MOST_PARAMETERS:
        raise errors.serialization(f"The request has more than {MOST_PARAMETERS} parameters.")
    found: dict[str, str] = {}
    for parameter in text.split(b"&") if text else ():
        name, _, value = (_decoded(part) for part in parameter.partition(b"="))
        if name in found:
            raise errors.serialization(f"The parameter '{name[:_SHOWN]}' is given twice.")
        found[name] = value
    return found


def asked(text: bytes) -> tuple[str | None, str | None]:
    """The Action and the Version that a text names, None where it does not. Costs next to nothing, however long the
    text is: for requests that nobody is known to have made. Where a text names one twice, `typed` refuses it."""
    return _asked(text, ACTION), _asked(text, VERSION)


def _asked(text: bytes, name: str) -> str | None:
    start = f"{name}=".encode()
    if not text.startswith(start):
        start = b"&" + start
        if start not in text:
            return None
    return _decoded(text.partition(start)[2].partition(b"&")[0][:LONGEST_ASKED])


def _decoded(part: bytes) -> str:
    if _BROKEN_ESCAPE.search(part):
        raise errors.serialization("A percent sign of the request is not followed by two hexadecimal digits.")
    try:
        return _ESCAPE.sub(lambda found: unhexlify(found[1]), part.replace(b"+", b" ")).decode()
    except UnicodeDecodeError:
        raise errors.serialization("The request is not encoded in UTF-8.") from None


def typed(shape: Shape, text: bytes) -> Any:
    """The members that a text gives to an operation's input ``shape``, as `validate.typed` would return them."""
    given = parameters(text)
    given.pop(ACTION, None)
    given.pop(VERSION, None)
    return _structure(shape, _tree(given), "")


def _tree(given: dict[str, str]) -> Tree:
    """The parameters by the parts of their names. A part that has both a value and parts below it is refused."""
    root: Tree = {}
    for name, value in given.items():
        here = root
        *above, last = name.split(".")
        for part in above:
            below = here.setdefault(part, {})
            if not isinstance(below, dict):
                raise _conflict(name)
            here = below
        if last in here:
            raise _conflict(name)
        here[last] = value
    return root


def _conflict(name: str) -> errors.Refusal:
    return errors.serialization(f"The parameter '{name[:_SHOWN]}' is given as a value and as a structure.")


def _value(shape: Shape, given: Any, path: str) -> Any:
    match shape.kind:
        case "structure":
            return _structure(shape, _below(given, path), path)
        case "list":
            assert shape.item is not None
            # What clients write for a list without items.
            below = {} if given == "" else _only(_below(given, path), "member", path)
            items = _numbered(below, f"{path}.member")
            return [_value(shape.item, one, f"{path}.member.{number}") for number, one in enumerate(items, 1)]
        case "map":
            entries = _numbered(_only(_below(given, path), "entry", path), f"{path}.entry")
            return _map(shape, entries, f"{path}.entry")
        case _:
            if isinstance(given, dict):
                raise errors.serialization(f"The parameter '{path[:_SHOWN]}' is not a structure.")
            return _scalar(shape, given, path)


def _structure(shape: Shape, given: Tree, path: str) -> dict[str, Any]:
    for name in given:
        if name not in shape.members:
            raise _unknown(f"{path}.{name}" if path else name)
    return {
        name: _value(member.shape, given[name], f"{path}.{name}" if path else name)
        for name, member in shape.members.items()
        if name in given
    }


def _map(shape: Shape, entries: list[Any], path: str) -> dict[str, Any]:
    assert shape.key is not None
    assert shape.value is not None
    found: dict[str, Any] = {}
    for number, one in enumerate(entries, 1):
        here = f"{path}.{number}"
        entry = _below(one, here)
        for name in entry:
            if name not in ("key", "value"):
                raise _unknown(f"{here}.{name}")
        if len(entry) < 2:
            raise errors.serialization(f"The parameter '{here[:_SHOWN]}' needs a key and a value.")
        key = _value(shape.key, entry["key"], f"{here}.key")
        if key in found:
            raise errors.serialization(f"The parameter '{here[:_SHOWN]}' has a key that is given twice.")
        found[key] = _value(shape.value, entry["value"], f"{here}.value")
    return found


def _unknown(path: str) -> errors.Refusal:
    return errors.serialization(f"Unknown parameter '{path[:_SHOWN]}'.")


def _below(given: Any, path: str) -> Tree:
    if not isinstance(given, dict):
        raise errors.serialization(f"The parameter '{path[:_SHOWN]}' is not a simple value.")
    return given


def _only(given: Tree, name: str, path: str) -> Tree:
    """What stands below the one name that may stand here."""
    for other in given:
        if other != name:
            raise _unknown(f"{path}.{other}")
    return _below(given[name], f"{path}.{name}")


def _numbered(given: Tree, path: str) -> list[Any]:
    """The items of a list in the order of their numbers, which are 1, 2, 3, … without a gap."""
    try:
        return [given[str(number)] for number in range(1, len(given) + 1)]
    except KeyError:
        raise errors.serialization(f"The items of '{path[:_SHOWN]}' are not numbered 1, 2, 3, and so on.") from None


def _scalar(shape: Shape, text: str, path: str) -> Any:
    match shape.kind:
        case "string":
            return text
        case "blob" | "boolean":
            return validate.typed(shape, text)
        case "integer" | "long":
            if _INTEGER.fullmatch(text) is None:
                raise _wrong(path, "an integer")
            return validate.typed(shape, int(text))
        case "timestamp":
            return _instant(text, path)
        case other:
            raise ValueError(f"{shape.name}: the query protocol does not know type {other}")


def _instant(text: str, path: str) -> float:
    found = _INSTANT.fullmatch(text)
    try:
        if found is not None:
            moment = datetime.fromisoformat(found[1]).replace(tzinfo=UTC).timestamp()
            return moment + float(found[2] or 0)
    except ValueError:  # the thirteenth month
        pass
    raise _wrong(path, "a timestamp of ISO 8601")


def _wrong(path: str, what: str) -> errors.Refusal:
    return errors.serialization(f"The value of the parameter '{path[:_SHOWN]}' is not {what}.")
