"""The operations table: one row says everything about an API operation but what it does.

A row is made by the `operation` decorator above the one function of that operation. What the row states (permission,
states, whether aliases and other accounts' keys are taken, what is logged, which members are not offered) is enforced
by `services.call`, `services.gate` and `services.dispatch`; the function cannot forget it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

from keystead.domain.keytypes import KeyTypes
from keystead.domain.states import States

if TYPE_CHECKING:
    from keystead.services.gate import Gate

#: An operation's function: pure over what the call has loaded. A mutation returns a `Change`, anything else its answer;
#: either may return `Work` first. Most take no more than a `Call`, of which a `Gate` is one.
Function = Callable[["Gate[Any]"], Any]


@dataclass(frozen=True, slots=True)
class Row:
    """One operation.

    ``keys`` are the types of keys it works with. ``permission`` is the IAM action asked of the key (or of ``*``)
    unless the function names another; ``also`` are those others. ``aliases``: KeyId may be an alias name or ARN.
    ``cross_account``: the key may belong to another account. ``mutates``: the function always returns a `Change`.
    ``read_only`` is CloudTrail's readOnly. ``logged`` are the request members that CloudTrail's requestParameters
    show, by attribute name, with the value that stands for an absent member (None leaves it out); ``computed`` are those
    whose value takes more than one member to tell. ``withheld`` are members of the pinned model that this version does
    not offer: a request that carries one is refused by name. ``noted`` makes of the call and its answer what the record
    of a success says besides (arguments of `audit.record.event`)."""

    name: str
    function: Function
    keys: KeyTypes
    permission: str
    also: tuple[str, ...]
    states: States
    aliases: bool
    cross_account: bool
    mutates: bool
    read_only: bool
    logged: tuple[tuple[str, str, Any], ...]
    computed: tuple[tuple[str, Callable[[Any], Any]], ...]
    withheld: tuple[str, ...]
    answer_logged: bool
    noted: Callable[[Gate[Any], Any], Mapping[str, Any]] | None

    def parameters(self, request: object) -> dict[str, Any] | None:
        """CloudTrail's requestParameters of this request: only what the row lists, never plaintext, ciphertext or
        tokens."""
        shown: dict[str, Any] = {}
        for attribute, name, default in self.logged:
            value = getattr(request, attribute)
            if value is None:
                value = default
            if value is not None:
                shown[name] = value
        for name, value_of in self.computed:
            shown[name] = value_of(request)
        return shown or None


def operation(
    name: str,
    *,
    keys: KeyTypes,
    states: States = States.ANY,
    permission: str | None = None,
    also: Iterable[str] = (),
    aliases: bool = False,
    cross_account: bool = False,
    mutates: bool = False,
    logged: Mapping[str, Any] | None = None,
    computed: Mapping[str, Callable[[Any], Any]] | None = None,
    withheld: Iterable[str] = (),
    answer_logged: bool = False,
    noted: Callable[[Gate[Any], Any], Mapping[str, Any]] | None = None,
) -> Callable[[Function], Row]:
    """Make the row of the operation whose function follows.

    ``logged`` maps request attributes (snake case) to what is shown when they are absent, ``computed`` maps them to
    functions of the request. ``answer_logged``:
    CloudTrail shows the answer as responseElements. A mutation is not read-only, everything else is (cloudtrail.md
    §3)."""

    def row(function: Function) -> Row:
        return Row(
            name=name,
            function=function,
            keys=keys,
            permission=permission or f"kms:{name}",
            also=tuple(also),
            states=states,
            aliases=aliases,
            cross_account=cross_account,
            mutates=mutates,
            read_only=not mutates,
            logged=tuple((attribute, camel(attribute), default) for attribute, default in (logged or {}).items()),
            computed=tuple((camel(attribute), function) for attribute, function in (computed or {}).items()),
            withheld=tuple(withheld),
            answer_logged=answer_logged,
            noted=noted,
        )

    return row


def camel(attribute: str) -> str:
    """``encryption_context`` -> ``encryptionContext``, as CloudTrail spells members."""
    first, *rest = attribute.split("_")
    return first + "".join(word.capitalize() for word in rest)


@dataclass(frozen=True, slots=True)
class Service:
    """One AWS service: its rows by operation name, and the operations of its pinned model that are not offered, with
    the reason."""

    name: str
    event_source: str
    rows: Mapping[str, Row]
    not_offered: Mapping[str, str] = field(default_factory=dict)


def collect(modules: Iterable[object]) -> dict[str, Row]:
    """The rows that the given modules define, by name. Two rows of one name are a mistake of ours and refused at
    import."""
    rows: dict[str, Row] = {}
    for module in modules:
        for value in vars(module).values():
            if isinstance(value, Row):
                if rows.get(value.name, value) is not value:
                    raise ValueError(f"two rows for the operation {value.name}")
                rows[value.name] = value
    return rows


__all__: Final = ["Function", "Row", "Service", "camel", "collect", "operation"]
