"""The operations table: one row says everything about an API operation but what it does.

A row is made by the `operation` decorator above the one function of that operation. What the row states (permission,
states, whether aliases and other accounts' keys are taken, what is logged, which members are not offered) is enforced
by `services.call`, `services.gate` and `services.dispatch`; the function cannot forget it.

    @operation("Encrypt", keys=KeyTypes.SYMMETRIC, …)       of KMS, where an operation says what keys it works with
    @operation("iam:CreateUser", mutates=True)              of another service: no keys, no states, no grants
    @operation("sts:GetCallerIdentity", unasked="…")        asks no permission, and says why
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING, Any, Final

from keystead.domain.keytypes import KeyTypes
from keystead.domain.states import States
from keystead.services import shown

if TYPE_CHECKING:
    from keystead.services.gate import Gate

#: An operation's function: pure over what the call has loaded. A mutation returns a `Change`, anything else its answer;
#: either may return `Work` first. Most take no more than a `Call`, of which a `Gate` is one.
Function = Callable[["Gate[Any]"], Any]


@dataclass(frozen=True, slots=True)
class Row:
    """One operation.

    ``service`` is the short name of the service it belongs to. ``keys`` are the types of keys it works with.
    ``permission`` is the IAM action asked of the key (or of ``*``) unless the function names another; ``also`` are those
    others. ``unasked`` is the reason why it asks no permission, empty for all that must. ``unsigned``: requests for it
    carry no signature, and something else in them proves who sends them (`sts.introductions`). ``aliases``: KeyId may be an
    alias name or ARN. ``cross_account``: the key may belong to another account. ``mutates``: the function always returns
    a `Change`. ``read_only`` is CloudTrail's readOnly. ``logged`` are the request members that CloudTrail's
    requestParameters show, by attribute name, with the value that stands for an absent member (None leaves it out);
    ``computed`` are those whose value takes more than one member to tell. ``withheld`` are members of the pinned model
    that this version does not offer: a request that carries one is refused by name. ``noted`` makes of the call and its
    answer what the record of a success says besides (arguments of `audit.record.event`)."""

    service: str
    name: str
    function: Function
    keys: KeyTypes
    permission: str
    also: tuple[str, ...]
    unasked: str
    unsigned: bool
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

    @property
    def safe(self) -> bool:
        """Whether it changes and makes nothing, so that a GET may ask for it (RFC 9110 section 9.2.1). What makes
        something, such as the credentials of a session, shows its answer in the record."""
        return not self.mutates and not self.answer_logged

    def parameters(self, request: object) -> dict[str, Any] | None:
        """CloudTrail's requestParameters of this request: only what the row lists, never plaintext, ciphertext or
        tokens."""
        listed: dict[str, Any] = {}
        for attribute, name, default in self.logged:
            value = getattr(request, attribute)
            if value is None:
                value = default
            if value is not None:
                listed[name] = value
        for name, value_of in self.computed:
            listed[name] = value_of(request)
        return listed or None


@dataclass(frozen=True, slots=True)
class KeylessRow(Row):
    """One operation of a service that has no keys. Its records show all of a request but what the model calls
    sensitive (`services.shown`), so that no row has to list it."""

    def parameters(self, request: object) -> dict[str, Any] | None:
        return shown.request(self.service, self.name, request)


def operation(
    name: str,
    *,
    keys: KeyTypes | None = None,
    states: States = States.ANY,
    permission: str | None = None,
    also: Iterable[str] = (),
    unasked: str = "",
    unsigned: bool = False,
    aliases: bool = False,
    cross_account: bool = False,
    mutates: bool = False,
    logged: Mapping[str, Any] | None = None,
    computed: Mapping[str, Callable[[Any], Any]] | None = None,
    withheld: Iterable[str] = (),
    answer_logged: bool | None = None,
    noted: Callable[[Gate[Any], Any], Mapping[str, Any]] | None = None,
) -> Callable[[Function], Row]:
    """Make the row of the operation whose function follows; see the module for how it is named.

    ``logged`` maps request attributes (snake case) to what is shown when they are absent, ``computed`` maps them to
    functions of the request. ``answer_logged``: CloudTrail shows the answer as responseElements; of services without
    keys those of all changes, unless the row says otherwise. A mutation is not read-only, everything else is
    (cloudtrail.md §3).

    Refuses with ValueError a row of KMS that does not say what keys it is for, and one of another service that speaks
    of keys or lists what is logged."""
    service, _, own = name.rpartition(":")
    answers = bool(service) and mutates if answer_logged is None else answer_logged
    if service:
        if keys is not None or states is not States.ANY or aliases or cross_account or logged or computed or noted:
            raise ValueError(f"{name}: what rows say of keys, and of what is logged, is KMS's alone")
        noted = partial(shown.noted, service, own) if answers else None
    elif keys is None:
        raise ValueError(f"{name} does not say what keys it works with")

    def row(function: Function) -> Row:
        return (KeylessRow if service else Row)(
            service=service or "kms",
            name=own,
            function=function,
            keys=keys or KeyTypes.NONE,
            permission=permission or f"{service or 'kms'}:{own}",
            also=tuple(also),
            unasked=unasked,
            unsigned=unsigned,
            states=states,
            aliases=aliases,
            cross_account=cross_account,
            mutates=mutates,
            read_only=not mutates,
            logged=tuple((attribute, camel(attribute), default) for attribute, default in (logged or {}).items()),
            computed=tuple((camel(attribute), function) for attribute, function in (computed or {}).items()),
            withheld=tuple(withheld),
            answer_logged=answers,
            noted=noted,
        )

    return row


def camel(attribute: str) -> str:
    """``encryption_context`` -> ``encryptionContext``, as CloudTrail spells members."""
    first, *rest = attribute.split("_")
    return first + "".join(word.capitalize() for word in rest)


@dataclass(frozen=True, slots=True)
class Service:
    """One AWS service: its rows by operation name; the operations of its pinned model that are not offered, and the
    members that rows withhold, by attribute name, with the reason.

    ``region``: the one in which all its calls are made, wherever they were signed for; None for a service that is in
    each region. ``also_signed_for`` are regions for which it takes signatures besides those of the server.
    ``sessions_of_roles_only``: sessions of users are not taken, federated or not (IAM, for want of a second factor)."""

    name: str
    event_source: str
    rows: Mapping[str, Row]
    not_offered: Mapping[str, str] = field(default_factory=dict)
    members_not_offered: Mapping[str, str] = field(default_factory=dict)
    region: str | None = None
    also_signed_for: frozenset[str] = frozenset()
    sessions_of_roles_only: bool = False


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


__all__: Final = ["Function", "KeylessRow", "Row", "Service", "camel", "collect", "operation"]
