"""What would satisfy a condition, or no longer satisfy it: another request, other tags, or another list of values.

Guarantees: every answer was tried on the compiled test, so that it does what it says to this one condition. Values
that nobody can send (the past, another account, a second factor) are not proposed.

A new condition key that callers can do something about is one row of `_TELLERS`.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any, Final, NamedTuple

import msgspec

from keystead.domain.caller import Via
from keystead.domain.policy import values
from keystead.domain.policy.cases import Case, Document, Element, listed
from keystead.domain.policy.changes import Kind, Tell
from keystead.domain.policy.conditions import Test
from keystead.domain.policy.explain import ConditionTrace, outcome, weigh
from keystead.domain.policy.facts import Context


class Wish(NamedTuple):
    """Another request (or other tags) under which a condition comes out as wanted."""

    kind: Kind
    says: str
    cost: int
    step: Tell


class Edit(NamedTuple):
    """The statement with another list of values in one condition."""

    says: str
    element: Element


# What a teller is given: the case, the name behind the prefix of a family (as the policy spells it), and the value that
# is wanted, None to be rid of the key. It answers what to say and the facts, or None where there is nothing to be done.
_Teller = Callable[[Case, str, str | None], Wish | None]


def wishes(case: Case, condition: ConditionTrace, test: Test, *, wanted: bool) -> Iterator[Wish]:
    """The requests under which the condition comes out as wanted, one change away from this one."""
    key = condition.key.lower()
    teller, name = _TELLERS.get(key), ""
    if teller is None:
        for prefix, of_family in _FAMILIES.items():
            if key.startswith(prefix):
                teller, name = of_family, condition.key[len(prefix) :]
    if teller is None:
        return
    said: set[str] = set()
    for value in _values(condition):
        wish = teller(case, name, value)
        if wish is None or wish.says in said:
            continue
        said.add(wish.says)
        told = case.told(wish.step.caller, **wish.step.known)
        if outcome(test, Context(told.facts)) is wanted:
            yield wish


def edits(
    case: Case, document: Document, position: int, number: int, condition: ConditionTrace, *, wanted: bool
) -> Iterator[Edit]:
    """The statement with one value more, or one less, in its ``number``th condition, where that comes out as wanted."""
    element = document.elements[position]
    if element is None:
        return
    held = listed(element["Condition"][condition.operator][condition.key])
    for says, others in _lists(condition, held):
        changed = copy.deepcopy(dict(element))
        changed["Condition"][condition.operator][condition.key] = others
        other = document.with_element(position, changed)
        for each in weigh(case.with_document(document, other), other).statements:
            if each.position == position and each.effective and each.conditions[number].holds is wanted:
                yield Edit(says, changed)


_ADDED_TO: Final = ("StringEquals", "StringNotEquals", "StringLike", "StringNotLike", "ArnEquals", "ArnLike", "IpAddress",
                    "StringEqualsIgnoreCase", "NotIpAddress", "ArnNotEquals", "ArnNotLike")  # fmt: skip


def _lists(condition: ConditionTrace, held: Sequence[Any]) -> Iterator[tuple[str, list[Any]]]:
    bare = condition.operator.rpartition(":")[2].removesuffix("IfExists")
    for value in condition.found or ():
        if bare in _ADDED_TO and not set(value) & set("*?$"):  # a wildcard would let in more than this value
            added = f"{value}/{128 if ':' in value else 32}" if bare.endswith("IpAddress") else value
            yield f"add {added} to the values of {condition.key}", [*held, added]
    if len(held) > 1:
        for at, value in enumerate(held):
            yield f"take {value} out of the values of {condition.key}", [*held[:at], *held[at + 1 :]]


def _values(condition: ConditionTrace) -> Iterator[str | None]:
    """Values worth trying: those of the policy, their neighbours, and none."""
    bare = condition.operator.rpartition(":")[2]
    for text in condition.filled:
        if text is None:
            continue
        if bare.startswith("Numeric") and (number := values.number(text)) is not None and number == int(number):
            yield from (str(int(number) + more) for more in (0, -1, 1))
        elif bare.startswith("Date") and (moment := values.date(text)) is not None:
            yield from (str(moment // 1000 + more) for more in (0, -1, 1))
        elif "Like" in bare:
            if any(mark not in "*?" for mark in text):
                yield text.replace("*", "").replace("?", "x")
        elif bare == "Null":
            yield None
        else:
            yield text
    yield None


# --- the tellers ------------------------------------------------------------------------------------------------------


def _pair(case: Case, name: str, value: str | None) -> Wish | None:
    if case.action not in _WITH_CONTEXT:
        return None
    pairs = {each: text for each, text in (case.facts.encryption_context or {}).items() if each.lower() != name.lower()}
    if value is None:
        return _request(f"leave {name} out of the encryption context", encryption_context=pairs)
    pairs[name] = value
    return _request(f"pass the encryption context pair {name}={value}", encryption_context=pairs)


_WITH_CONTEXT: Final = frozenset(
    f"kms:{name}"
    for name in (
        "Encrypt",
        "Decrypt",
        "ReEncryptFrom",
        "ReEncryptTo",
        "GenerateDataKey",
        "GenerateDataKeyWithoutPlaintext",
        "GenerateDataKeyPair",
        "GenerateDataKeyPairWithoutPlaintext",
    )
)


def _context_key(case: Case, _: str, value: str | None) -> Wish | None:
    """Without the pairs of names that no value of the policy names: asked with each value, so with the one that is
    kept."""
    if case.action not in _WITH_CONTEXT or not case.facts.encryption_context:
        return None
    kept = {name: text for name, text in case.facts.encryption_context.items() if name == value}
    what = "no encryption context" if not kept else f"no other name than {value} in the encryption context"
    return _request(f"pass {what}", encryption_context=kept or None)


def _tls(_case: Case, _name: str, value: str | None) -> Wish | None:
    return _request("call over TLS", secure_transport=True) if value is None or value.lower() == "true" else None


def _address(_case: Case, _name: str, value: str | None) -> Wish | None:
    if value is None:
        return None
    return _request(f"call from {value}", source_ip=value.partition("/")[0], cost=14)


def _via(case: Case, _name: str, value: str | None) -> Wish:
    via = None if value is None else Via(value)
    caller = msgspec.structs.replace(case.caller, via=via)
    says = "call directly, not through a service" if value is None else f"call through {value}"
    return Wish(Kind.REQUEST, says, 14, Tell({}, caller))


def _alias(case: Case, _name: str, value: str | None) -> Wish | None:
    names = case.facts.aliases
    there = names() if callable(names) else names or ()
    if value is None:
        return _request("name the key by its id, not by an alias", request_alias=None)
    return _request(f"name the key as {value}", request_alias=value) if value in there else None


def _moment(case: Case, _name: str, value: str | None) -> Wish | None:
    now = case.facts.now
    if value is None or now is None or float(value) <= now:
        return None  # what is past comes no more
    return _request(f"call later, from {_iso(value)} on", now=float(value), cost=20)


def _iso(seconds: str) -> str:
    try:
        return f"{datetime.fromtimestamp(int(seconds), UTC):%Y-%m-%dT%H:%M:%SZ}"
    except (ValueError, OverflowError, OSError):  # beyond what a calendar holds
        return f"{seconds} (seconds since 1970)"


def _external_id(case: Case, _: str, value: str | None) -> Wish | None:
    if case.action not in _FOR_A_ROLE:
        return None
    if value is None:
        return _request("pass no external id", external_id=None)
    return _request(f"pass the external id {value}", external_id=value)


_FOR_A_ROLE: Final = frozenset({"sts:AssumeRole", "sts:TagSession", "sts:SetSourceIdentity"})


def _fact(name: str, what: str, read: Callable[[str], Any] = str) -> _Teller:
    def teller(case: Case, _: str, value: str | None) -> Wish | None:
        if value is None or getattr(case.facts, name) is None:  # what the operation does not have cannot be asked for
            return None
        return _request(f"ask for {what} {value}", **{name: read(value)})

    return teller


def _caller_tag(case: Case, name: str, value: str | None) -> Wish:
    principal = case.caller.principal
    tags = _tagged(principal.tags, name, value)
    caller = msgspec.structs.replace(case.caller, principal=replace(principal, tags=tags))
    return Wish(Kind.TAG, _tagging("the caller", name, value), 25, Tell({}, caller))


def _key_tag(case: Case, name: str, value: str | None) -> Wish | None:
    key = case.facts.key
    if key is None:
        return None
    known = {"key": replace(key, tags=_tagged(key.tags, name, value))}
    return Wish(Kind.TAG, _tagging("the key", name, value), 25, Tell(known))


def _tagged(tags: tuple[tuple[str, str], ...], name: str, value: str | None) -> tuple[tuple[str, str], ...]:
    kept = tuple(each for each in tags if each[0].lower() != name.lower())
    return kept if value is None else (*kept, (name, value))


def _tagging(what: str, name: str, value: str | None) -> str:
    return f"take the tag {name} from {what}" if value is None else f"tag {what} with {name}={value}"


def _request(says: str, cost: int = 10, **known: Any) -> Wish:
    return Wish(Kind.REQUEST, says, cost, Tell(known))


_TELLERS: Final[Mapping[str, _Teller]] = {
    "aws:currenttime": _moment,
    "aws:epochtime": _moment,
    "aws:securetransport": _tls,
    "aws:sourceip": _address,
    "kms:encryptionalgorithm": _fact("encryption_algorithm", "the encryption algorithm"),
    "kms:encryptioncontextkeys": _context_key,
    "kms:keyspec": _fact("key_spec", "the key spec"),
    "kms:keyusage": _fact("key_usage", "the key usage"),
    "kms:macalgorithm": _fact("mac_algorithm", "the MAC algorithm"),
    "kms:messagetype": _fact("message_type", "the message type"),
    "kms:requestalias": _alias,
    "kms:rotationperiodindays": _fact("rotation_period_days", "a rotation period in days of", int),
    "kms:schedulekeydeletionpendingwindowindays": _fact("pending_window_days", "a waiting period in days of", int),
    "kms:signingalgorithm": _fact("signing_algorithm", "the signing algorithm"),
    "kms:viaservice": _via,
    "sts:externalid": _external_id,
}
_FAMILIES: Final[Mapping[str, _Teller]] = {
    "aws:principaltag/": _caller_tag,
    "aws:resourcetag/": _key_tag,
    "kms:encryptioncontext:": _pair,
}
