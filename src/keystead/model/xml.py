"""Answers of the AWS query protocol as XML, written by the shapes of the model.

Guarantees: whatever a value holds, the text is well-formed and says that value: markup is escaped, and so are line
ends that a parser would change. Raises ValueError for a character that XML 1.0 cannot hold in any spelling; what is
shown to explain a refusal can be made `presentable` first. A document is laid out as AWS lays out its own; white space
stands between elements alone, never beside a text.
"""

from __future__ import annotations

import base64
import re
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from typing import Any, Final
from xml.sax.saxutils import escape

from keystead.model.rows import Structure
from keystead.model.shapes import Shape

# XML 1.0 (fifth edition), production 2: what no document may hold.
_NEVER: Final = re.compile(r"[^\t\n\r\u0020-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
# A parser turns both ends of a line into one, and U+0085 and U+2028 in a document of XML 1.1.
_LINE_ENDS: Final = {"\r": "&#xD;"}


def presentable(value: str) -> str:
    """The text with U+FFFD for each character that XML cannot hold."""
    return _NEVER.sub("\ufffd", value)


def text(value: str) -> str:
    """A text as the content of an element."""
    if _NEVER.search(value):
        raise ValueError("a text holds a character that XML cannot hold")
    return escape(value, _LINE_ENDS)


def element(name: str, content: str) -> str:
    return f"<{name}>{content}</{name}>" if content else f"<{name}/>"


def document(root: str, namespace: str, content: str) -> str:
    """A whole document, each element that holds others over lines of its own, two blanks deeper than the one around it:
    as answers of STS were seen. A text is left as it is."""
    depth, lines = 0, []
    # A text holds neither bracket, so these stand between two tags alone.
    for part in f'{root} xmlns="{namespace}">{content}</{root}'.split("><"):
        if part[0] == "/":
            depth -= 1
        lines.append(f"{'  ' * depth}<{part}>\n")
        if not (part[0] == "/" or part[-1] == "/" or "</" in part):
            depth += 1
    return "".join(lines)


def members(shape: Shape, answer: Structure) -> str:
    """The elements of the members of a structure that are present, in the model's order."""
    values = zip(shape.members.values(), (getattr(answer, name) for name in answer.__struct_fields__), strict=True)
    return "".join(element(member.name, _content(member.shape, value)) for member, value in values if value is not None)


def _content(shape: Shape, value: Any) -> str:
    match shape.kind:
        case "structure":
            return members(shape, value)
        case "list":
            assert shape.item is not None
            return "".join(element("member", _content(shape.item, one)) for one in value)
        case "map":
            return "".join(_entries(shape, value))
        case "boolean":
            return "true" if value else "false"
        case "timestamp":
            return instant(value)
        case "blob":
            return base64.b64encode(value).decode("ascii")
        case _:
            return text(str(value))


def _entries(shape: Shape, value: Mapping[str, Any]) -> Iterator[str]:
    assert shape.key is not None
    assert shape.value is not None
    for key, one in value.items():
        yield element("entry", element("key", text(key)) + element("value", _content(shape.value, one)))


def instant(seconds: float) -> str:
    """A moment as the query services show it: ISO 8601 in UTC, whole seconds."""
    return f"{datetime.fromtimestamp(int(seconds), UTC):%Y-%m-%dT%H:%M:%SZ}"
