"""What generated code is made of: the base of its structures and the row it writes for each operation.

Guarantees: a structure is immutable, refuses members that the model does not know, leaves absent members out when
it is encoded, and its repr names the members that are present but never shows a value: it may be plaintext, a token
or a password. Does not guarantee that a structure built by our own code satisfies the model's constraints; those
are checked on decoding.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any, NamedTuple

import msgspec


class Structure(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True):
    """A structure of a pinned model. Attributes are snake_case, wire names the model's; an absent member is None."""

    def __repr__(self) -> str:
        return f"{type(self).__name__}({', '.join(self.__rich_repr__())})"

    def __rich_repr__(self) -> Any:
        # Overridden as well: msgspec's own shows every value to a console that renders objects.
        return (name for name in self.__struct_fields__ if getattr(self, name) is not None)


class Row(NamedTuple):
    """One operation of a service.

    ``output`` is None where the model has no output structure: such an answer has an empty body. ``errors`` are the
    codes the model lists for it; the common ones of the front door are not among them. ``strings(request)`` counts
    the JSON strings, member names included, of a text that says the request without null and without repeated
    names. ``settled(answer)`` is the answer with its timestamps as they are sent; None where an answer has no
    timestamp.
    """

    input: type[Structure]
    output: type[Structure] | None
    errors: frozenset[str]
    strings: Callable[[Any], int]
    settled: Callable[[Any], Structure] | None


class QueryRow(NamedTuple):
    """One operation of a service in the query protocol.

    ``output`` and ``wrapper``, the element around it, are None where the model has no output structure. ``errors`` as
    of `Row`.
    """

    input: type[Structure]
    output: type[Structure] | None
    errors: frozenset[str]
    wrapper: str | None


class QueryTables(NamedTuple):
    """Everything generated for one service in the query protocol. ``version`` is the API's, which requests name;
    ``namespace`` that of its XML; ``errors`` maps each modelled error code to its HTTP status."""

    service: str
    version: str
    signing_name: str
    namespace: str
    operations: dict[str, QueryRow]
    structures: dict[str, type[Structure]]
    errors: dict[str, int]


class Tables(NamedTuple):
    """Everything generated for one service in the AWS JSON protocol. ``errors`` maps each modelled error code to its HTTP status."""

    service: str
    target_prefix: str
    signing_name: str
    json_version: str
    operations: dict[str, Row]
    structures: dict[str, type[Structure]]
    errors: dict[str, int]


def instant(seconds: float) -> float:
    """A timestamp as AWS sends it: seconds since the epoch, whole milliseconds. Raises ValueError if not finite."""
    if not math.isfinite(seconds):
        raise ValueError("a timestamp must be a finite number of seconds")
    return round(seconds, 3)
