"""The differences between the two evaluators that are understood, each with the rule that recognises it and AWS's word.

A rule is asked about the *smallest* case that still shows a difference, so that it recognises the cause and not a
bystander. A difference that no rule recognises fails the test. Where AWS's word leaves room, the reason says so.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from typing import Any, Final, NamedTuple

from tests.clients.policy_cases import PEOPLE, Case, values

VARIABLE: Final = "${aws:"
_NAMED: Final = re.compile(r"\$\{(aws:[^},]+)")
_NUMBER: Final = re.compile(r"-?\d+(\.\d+)?(e\d+)?")


class Explained(NamedTuple):
    """``recognises`` the smallest case; ``reason`` says who is right by which of AWS's pages, and what is doubtful."""

    name: str
    recognises: Callable[[Case], bool]
    reason: str


def _documents(case: Case) -> Iterator[Any]:
    for document in (case["key_policy"], *case["identity"], case["boundary"], case["session"]):
        if document is not None:
            yield document


def _statements(case: Case) -> Iterator[Any]:
    for document in _documents(case):
        body = document["Statement"]
        yield from body if isinstance(body, list) else [body]


def _listed(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]


def _tests(case: Case) -> Iterator[tuple[str, str, list[str]]]:
    for statement in _statements(case):
        for operator, keys in statement.get("Condition", {}).items():
            for key, literals in keys.items():
                yield operator, key.lower(), _listed(literals)


def _value(case: Case, key: str) -> Any:
    return {name.lower(): value for name, value in values(case).items()}.get(key)


def _resources(case: Case) -> Iterator[str]:
    for statement in _statements(case):
        for name in ("Resource", "NotResource"):
            yield from _listed(statement.get(name, []))


def _variable_before_resource(case: Case) -> bool:
    return any(
        VARIABLE in ":".join(each.replace("aws:", "aws;").split(":", 5)[:5]).replace(";", ":")
        for each in _resources(case)
    )


def _empty_variable(case: Case) -> bool:
    """A variable whose key is there with an empty value, in a Resource or a condition."""
    texts = [*_resources(case), *(each for _, _, literals in _tests(case) for each in literals)]
    return any(_value(case, name.lower().partition(",")[0]) == "" for text in texts for name in _NAMED.findall(text))


def _old_version(case: Case) -> bool:
    """A policy that is not of version 2012-10-17 and holds what would be a variable in one that is."""
    return any(document.get("Version") != "2012-10-17" and "${" in str(document) for document in _documents(case))


def _names(case: Case, element: str) -> list[str]:
    found: list[str] = []
    body = case["key_policy"]["Statement"] if case["key_policy"] is not None else []
    for statement in _listed(body):
        value = statement.get(element)
        if value is not None:
            found += ["*"] if value == "*" else _listed(value["AWS"])
    return found


def _session_named_itself(case: Case) -> bool:
    """The key policy names the very session, and a session policy or boundary is there that does not allow."""
    who = PEOPLE[case["who"]]
    limited = case["session"] is not None or case["boundary"] is not None
    return who.kind in {"AssumedRole", "FederatedUser"} and limited and who.arn in _names(case, "Principal")


def _everybody_capped(case: Case) -> bool:
    who = PEOPLE[case["who"]]
    limited = case["session"] is not None or case["boundary"] is not None
    return who.kind in {"AssumedRole", "FederatedUser"} and limited and "*" in _names(case, "Principal")


def _not_principal_by_some_names(case: Case) -> bool:
    """NotPrincipal lists some of the caller's names, not all of them."""
    who = PEOPLE[case["who"]]
    account = {who.account, f"arn:aws:iam::{who.account}:root"}
    listed = set(_names(case, "NotPrincipal"))
    whole = bool(listed & account) and who.arn in listed and (who.role is None or who.role in listed)
    return bool(listed & ({who.arn, who.role} | account)) and not whole


def _any_arn(case: Case) -> bool:
    return any("Arn" in operator and "*" in literals for operator, _, literals in _tests(case))


def _everywhere_network(case: Case) -> bool:
    return any(
        "IpAddress" in operator and {"0.0.0.0/0", "::/0"} & set(literals) for operator, _, literals in _tests(case)
    )


def _families(case: Case) -> bool:
    """A test of addresses of one family against an address of the other."""
    return any(
        "IpAddress" in operator and any((":" in each) != (":" in _value(case, key)) for each in literals)
        for operator, key, literals in _tests(case)
        if _value(case, key) is not None
    )


def _epoch(case: Case) -> bool:
    return any(
        "Date" in operator and any(each.isdigit() for each in literals) for operator, _, literals in _tests(case)
    )


def _any_value_if_exists(case: Case) -> bool:
    return any(
        operator.startswith("ForAnyValue:") and operator.endswith("IfExists") and _value(case, key) is None
        for operator, key, _ in _tests(case)
    )


def _valueless_variable(case: Case) -> bool:
    """A negated operator and a variable whose key is absent or has many values; or a variable within an ARN."""
    for operator, _, literals in _tests(case):
        for name in _NAMED.findall(" ".join(literals)):
            valueless = not isinstance(_value(case, name.lower()), str)
            if "Arn" in operator or ("Not" in operator and valueless):
                return True
    return False


def _of_another_type(case: Case) -> bool:
    for operator, key, _ in _tests(case):
        value = _value(case, key)
        texts = [] if value is None else _listed(value)
        bare = operator.rpartition(":")[2]
        if bare.startswith("Numeric") and any(_NUMBER.fullmatch(each) is None for each in texts):
            return True
        if bare.startswith("Bool") and any(each.lower() not in {"true", "false"} for each in texts):
            return True
        if bare.startswith("Date") and any("T" not in each for each in texts):
            return True
        if bare.startswith("Arn") and any(each.count(":") < 5 for each in texts):
            return True
        if bare.startswith(("IpAddress", "NotIpAddress")) and any(
            each.count(".") != 3 and "::" not in each for each in texts
        ):
            return True
    return False


def _exponent(case: Case) -> bool:
    return any("1e2" in [*literals, _value(case, key)] for _, key, literals in _tests(case))


EXPLAINED: Final[tuple[Explained, ...]] = (
    Explained(
        "a variable before the fifth colon of a Resource",
        _variable_before_resource,
        "Keystead fills it in, the other leaves it alone. IAM user guide, 'Variables and tags', Resource element, has "
        "variables after the fifth colon alone; IAM itself was seen to fill in all parts (decision 0035).",
    ),
    Explained(
        "a variable whose value is empty",
        _empty_variable,
        "IAM user guide, 'Variables and tags': a variable stands for the value of its key. A value that is there and "
        "empty is a value; the other takes it for missing.",
    ),
    Explained(
        "a variable in a policy of the old version",
        _old_version,
        "IAM user guide, 'Version': before 2012-10-17 what looks like a variable is a plain text; the other fills it in.",
    ),
    Explained(
        "a session that the key policy names by its own ARN",
        _session_named_itself,
        "IAM user guide, 'Policy evaluation logic', and 'Session policies': what a resource-based policy gives to the "
        "session's own ARN is not limited by an implicit deny of session policy or boundary; the other limits it.",
    ),
    Explained(
        "a session under a limit that a key policy names by * alone",
        _everybody_capped,
        "AWS does not say whether * names the session or its role. Keystead reads the role, which boundary and session "
        "policies limit: the closed reading; a doubt.",
    ),
    Explained(
        "NotPrincipal with some of the caller's names",
        _not_principal_by_some_names,
        "IAM user guide, 'NotPrincipal': with Deny, account, role and session have all to be listed to exempt a session, "
        "account and user to exempt a user. The other is content with one of them.",
    ),
    Explained(
        "a lone * for an ARN",
        _any_arn,
        "IAM user guide, 'ARN condition operators': wildcards may stand in an ARN. Keystead lets a lone * stand for any "
        "ARN; the other wants six parts. A doubt.",
    ),
    Explained(
        "the network of all addresses",
        _everywhere_network,
        "RFC 4632, section 3.1: a prefix of length 0 holds every address; the other finds none in it.",
    ),
    Explained(
        "ForAllValues and an address of the other family",
        _families,
        "IAM user guide, 'IP address condition operators': NotIpAddress holds for all addresses outside the range, "
        "and no IPv6 address is in an IPv4 range.",
    ),
    Explained(
        "a date in seconds since the epoch",
        _epoch,
        "IAM user guide, 'Date condition operators': the value may be in epoch (UNIX) time, which is in seconds; the "
        "other takes it for another time.",
    ),
    Explained(
        "ForAnyValue with IfExists on a key that is absent",
        _any_value_if_exists,
        "IAM user guide, 'Condition operators', IfExists: an absent key makes the test true. Beside ForAnyValue, which "
        "is false for an absent key, AWS does not say which wins; Keystead lets IfExists win. A doubt.",
    ),
    Explained(
        "a variable in a condition",
        _valueless_variable,
        "Where the variable's key is absent, nothing equals it, so that a negated operator passes; the other fails the "
        "test. Between colons of an ARN the other takes the colon of the variable's name for one of the ARN.",
    ),
    Explained(
        "a value that is not of the operator's type",
        _of_another_type,
        "IAM user guide, 'Condition operators': the types of key and operator are to agree; what happens else is not "
        "said. Keystead: no text but 'true' is true, negated numbers and dates pass, whole numbers are dates.",
    ),
    Explained(
        "a number with an exponent",
        _exponent,
        "IAM user guide, 'Numeric condition operators': integers and decimals. Keystead reads an exponent as JSON does, "
        "the other up to its letter.",
    ),
)
