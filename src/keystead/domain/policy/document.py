"""Policy documents: from text to compiled policy, or to the refusal that names the fault.

Guarantees: every text, whatever it is, ends in a `Policy` or in a `Refusal` with the code
MalformedPolicyDocumentException and a one-line sentence; what the grammar does not know (an element, an effect, an
operator, a version) is refused, never passed over; a JSON object that has a member twice is refused, because readers
disagree on which one counts; nesting is bounded before the text is parsed.

Does not check the size of a document, whether its principals exist (`Policy.identities` names them), or its character
set.

What IAM and STS refuse besides when such a document is written is in `written`.

Sources: "Grammar of the IAM JSON policy language" (IAM user guide); "Key policies in AWS KMS", PutKeyPolicy (AWS
KMS); "Role trust policies" (IAM user guide).
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from typing import Any, Final, NamedTuple, NoReturn, TypeGuard

from keystead import errors
from keystead.domain import arn
from keystead.domain.policy import variables
from keystead.domain.policy.conditions import Test, compile_test, shown
from keystead.domain.policy.principals import Principals, compile_principals, invalid_principals
from keystead.domain.policy.statements import Policy, Resources, Statement, policy_of
from keystead.domain.policy.variables import Template
from keystead.domain.policy.wildcard import AnyOf, Piece, any_of

_DEPTH: Final = 8  # a policy needs six: document, Statement list, statement, Condition, operator, list of values
_BRACKETS: Final = re.compile(r'"(?:[^"\\]|\\.)*(?:"|\\?\Z)|[][}{]', re.DOTALL)

_WITH_VARIABLES: Final = "2012-10-17"
_VERSIONS: Final = frozenset({"2008-10-17", _WITH_VARIABLES})
_TOP: Final = frozenset({"Version", "Id", "Statement"})
_ELEMENTS: Final = frozenset({"Sid", "Effect", "Action", "NotAction", "Condition"})
_PRINCIPALS: Final = frozenset({"Principal", "NotPrincipal"})
_RESOURCES: Final = frozenset({"Resource", "NotResource"})
_ACTION: Final = re.compile(r"\*|[a-z0-9*?.-]+:[a-z0-9*?]+", re.ASCII | re.IGNORECASE)
_SID: Final = re.compile(r"[0-9A-Za-z]*", re.ASCII)

Json = Any  # str, bool, None, _Number, list of Json, dict of Json


class _Number(str):
    """A JSON number, in the digits in which it was written."""

    __slots__ = ()


class _Kind(NamedTuple):
    """A kind of document: which elements its statements have. ``idle``: one without action or resource is accepted and
    has no effect. ``of_key``: of a key policy, whose statements may be identified by any text and know no aliases.
    """

    principals: bool
    resources: bool
    of_key: bool = False
    idle: bool = False

    @property
    def elements(self) -> frozenset[str]:
        with_principals = _ELEMENTS | _PRINCIPALS if self.principals else _ELEMENTS
        return with_principals | _RESOURCES if self.resources else with_principals


_OF_KEY: Final = _Kind(principals=True, resources=True, of_key=True, idle=True)
_OF_CALLER: Final = _Kind(principals=False, resources=True)
_TRUST: Final = _Kind(principals=True, resources=False)


def parse_key_policy(text: str) -> Policy:
    """The compiled key policy. Its statements need a principal; one without action or resource is accepted and has no
    effect.
    """
    return _policy(text, _OF_KEY)


def parse_identity_policy(text: str) -> Policy:
    """The compiled policy of a user or role, a permissions boundary or a session policy. Its statements may not name
    principals.
    """
    return _policy(text, _OF_CALLER)


def parse_trust_policy(text: str) -> Policy:
    """The compiled trust policy of a role, for `decide.decide_trust`. Its statements need a principal and have no
    resource: it is the role.
    """
    return _policy(text, _TRUST)


def default_key_policy(account: str) -> str:
    """The policy KMS gives to a key that is created without one: the account decides, through its identity policies."""
    return f"""{{
  "Version" : "2012-10-17",
  "Id" : "key-default-1",
  "Statement" : [ {{
    "Sid" : "Enable IAM User Permissions",
    "Effect" : "Allow",
    "Principal" : {{
      "AWS" : "{arn.root_arn(account)}"
    }},
    "Action" : "kms:*",
    "Resource" : "*"
  }} ]
}}"""


# --- text -------------------------------------------------------------------------------------------------------------


def _refuse(sentence: str) -> NoReturn:
    raise errors.malformed_policy(sentence)


def load(text: str) -> Json:
    """The JSON of a document, checked as far as every kind of document is. A number is a text that `is_text` knows to
    be none.
    """
    depth = 0
    for found in _BRACKETS.finditer(text):
        mark = found[0]
        if mark in "[{":
            depth += 1
            if depth > _DEPTH:
                _refuse("The policy is nested too deeply.")
        elif mark in "]}":
            depth -= 1
    try:
        document = json.loads(
            text, object_pairs_hook=_object, parse_int=_Number, parse_float=_Number, parse_constant=_constant
        )
        # An escape can spell half a character (a lone surrogate), which no UTF-8 text, log or answer could hold.
        json.dumps(document, ensure_ascii=False).encode("utf-8")
    except (ValueError, RecursionError):
        _refuse("This policy contains invalid Json")
    return document


def _object(members: list[tuple[str, Json]]) -> dict[str, Json]:
    found = dict(members)
    if len(found) != len(members):
        names = [name for name, _ in members]
        twice = next(name for name in names if names.count(name) > 1)
        _refuse(f"The policy contains the element {shown(twice)} more than once.")
    return found


def _constant(name: str) -> NoReturn:
    raise ValueError(name)


# --- document ---------------------------------------------------------------------------------------------------------


def _policy(text: str, kind: _Kind) -> Policy:
    document = load(text)
    if not isinstance(document, dict):
        _refuse("The policy must be a JSON object.")
    _only(document, _TOP)
    version = document.get("Version", "2008-10-17")
    if not is_text(version) or version not in _VERSIONS:
        _refuse("The policy must contain a valid version string.")
    if not is_text(document.get("Id", "")):
        _refuse("The policy's Id must be a string.")
    statements = document.get("Statement")
    if isinstance(statements, dict):
        statements = [statements]
    if not isinstance(statements, list) or not statements:
        _refuse("The policy must contain at least one statement.")
    seen: set[str] = set()
    compiled: list[Statement] = []
    for position, element in enumerate(statements):
        if not isinstance(element, dict):
            _refuse("Each statement of the policy must be a JSON object.")
        statement = _Reader(element, kind, with_variables=version == _WITH_VARIABLES).statement(position)
        sid = element.get("Sid")
        if not kind.of_key and sid:
            if sid in seen:
                _refuse("Statement IDs (SID) in a single policy must be unique.")
            seen.add(sid)
        if statement is not None:
            compiled.append(statement)
    return policy_of(compiled)


def _only(element: Mapping[str, Json], known: frozenset[str]) -> None:
    for name in element:
        if name not in known:
            _refuse(f"The policy contains the unknown element {shown(name)}.")


def is_text(value: Json) -> TypeGuard[str]:
    return isinstance(value, str) and not isinstance(value, _Number)


def _texts(element: Json, name: str) -> list[str]:
    """One string or a list of at least one."""
    found = element if isinstance(element, list) else [element]
    if not found or not all(is_text(text) for text in found):
        _refuse(f"The element {name} must be a string or a list of strings that is not empty.")
    return found


class _Reader:
    """Reads the elements of one statement."""

    def __init__(self, element: Mapping[str, Json], kind: _Kind, *, with_variables: bool) -> None:
        self._element = element
        self._kind = kind
        self._with_variables = with_variables

    def statement(self, position: int) -> Statement | None:
        """The compiled statement, or None when it lacks what it would need to have any effect."""
        element = self._element
        if not self._kind.principals and not _PRINCIPALS.isdisjoint(element):
            _refuse("Policy document should not specify a principal.")
        if not self._kind.resources and not _RESOURCES.isdisjoint(element):
            _refuse("Has prohibited field Resource")
        _only(element, self._kind.elements)
        effect = element.get("Effect")
        if effect not in ("Allow", "Deny"):
            _refuse("The element Effect must be Allow or Deny.")
        deny = effect == "Deny"
        sid = self._sid()
        principals, other_principals = self._principals(deny) if self._kind.principals else (None, False)
        actions, other_actions = self._actions()
        resources = self._resources()
        tests = self._tests(deny)
        if actions is None or resources is None:
            return None
        return Statement(
            position=position,
            sid=sid,
            deny=deny,
            principals=principals,
            other_principals=other_principals,
            actions=actions,
            other_actions=other_actions,
            resources=resources,
            tests=tests,
        )

    def _sid(self) -> str | None:
        sid = self._element.get("Sid")
        if sid is None and "Sid" not in self._element:
            return None
        if not is_text(sid):
            _refuse("The element Sid must be a string.")
        if not self._kind.of_key and _SID.fullmatch(sid) is None:
            _refuse(
                "Statement IDs (SID) must be alpha-numeric. "
                "Check that your input satisfies the regular expression [0-9A-Za-z]*"
            )
        return sid or None

    def _either(self, name: str) -> tuple[list[str] | None, bool]:
        """The texts of an element or of its negation (NotAction for Action), and whether it was the negation."""
        other = f"Not{name}"
        if name in self._element and other in self._element:
            _refuse(f"A statement cannot contain both {name} and {other}.")
        for each in (name, other):
            if each in self._element:
                return _texts(self._element[each], each), each == other
        return None, False

    def _principals(self, deny: bool) -> tuple[Principals, bool]:
        if "Principal" in self._element and "NotPrincipal" in self._element:
            _refuse("A statement cannot contain both Principal and NotPrincipal.")
        negated = "NotPrincipal" in self._element
        if negated and not deny:
            _refuse("NotPrincipal must be used with the effect Deny.")
        value = self._element.get("NotPrincipal" if negated else "Principal")
        if is_text(value):
            return compile_principals(value), negated
        if not value and (value is None or isinstance(value, (dict, list))):
            _refuse("Policy contains a statement with no principal.")
        if not isinstance(value, dict):
            raise invalid_principals()
        names: dict[str, list[str]] = {}
        for kind, listed in value.items():
            names[kind] = listed if isinstance(listed, list) else [listed]
            if not all(is_text(name) for name in names[kind]):
                raise invalid_principals()
        if not any(names.values()):
            _refuse("Policy contains a statement with no principal.")
        return compile_principals(names), negated

    def _actions(self) -> tuple[AnyOf | None, bool]:
        actions, negated = self._either("Action")
        if actions is None:
            if not self._kind.idle:
                _refuse("Policy statement must contain actions.")
            return None, False
        for action in actions:
            if _ACTION.fullmatch(action) is None:
                if ":" not in action:
                    _refuse("Actions/Conditions must be prefaced by a vendor, e.g., iam, sdb, ec2, etc.")
                _refuse(f"The action {shown(action)} is not valid.")
        return any_of((Piece(action.lower()),) for action in actions), negated

    def _resources(self) -> Resources | None:
        if not self._kind.resources:
            return Resources(any_of([(Piece("*"),)]))
        resources, negated = self._either("Resource")
        if resources is None:
            if not self._kind.idle:
                _refuse("Policy statement must contain resources.")
            return None
        fixed: list[Sequence[Piece]] = []
        templates: list[Template] = []
        for resource in (meant for written in resources for meant in self._meant(written)):
            parsed = (
                variables.parse(resource, key_policy=self._kind.of_key) if self._with_variables else (Piece(resource),)
            )
            if isinstance(parsed, Template):
                templates.append(parsed)
            else:
                fixed.append(parsed)
        return Resources(any_of(fixed), tuple(templates), negated)

    def _meant(self, resource: str) -> tuple[str, ...]:
        """The resource as it is written. In the policies of a caller an ARN that stops before its sixth part stands for
        every end it could have ("IAM ARNs", IAM user guide); a star in it may stand for that end already. One with
        variables is not completed.
        """
        if not _names_resources(resource):
            _refuse(f'Resource {shown(resource)} must be in ARN format or "*".')
        missing = 5 - resource.count(":")
        if self._kind.of_key or resource == "*" or missing <= 0 or "${" in resource:
            return (resource,)
        return resource, resource + ":*" * missing

    def _tests(self, deny: bool) -> tuple[Test, ...]:
        condition = self._element.get("Condition", {})
        if not isinstance(condition, dict):
            _refuse("The element Condition must be a JSON object.")
        tests: list[Test] = []
        for name, keys in condition.items():
            if not isinstance(keys, dict):
                _refuse(f"The condition operator {shown(name)} must hold a JSON object.")
            for key, listed in keys.items():
                if self._kind.of_key and not deny:
                    _refuse_overly_permissive(name, key)
                literals = [_literal(each, key) for each in (listed if isinstance(listed, list) else [listed])]
                if not literals:
                    _refuse(f"The condition key {shown(key)} must hold at least one value.")
                tests.append(
                    compile_test(
                        name,
                        key,
                        literals,
                        deny=deny,
                        key_policy=self._kind.of_key,
                        with_variables=self._with_variables,
                    )
                )
        return tuple(tests)


def _names_resources(resource: str) -> bool:
    """``*``, or an ARN: its first three parts at least, or a star that stands for the rest."""
    if resource == "*" or (resource.startswith("arn:") and resource.endswith("*")):
        return True
    parts = resource.split(":", 3)
    return len(parts) > 2 and parts[0] == "arn" and bool(parts[2])


def _literal(value: Json, key: str) -> str:
    """Strings, numbers and truth values are all texts to an operator."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if not isinstance(value, str):
        _refuse(f"The condition key {shown(key)} must hold a string, a number, a truth value or a list of them.")
    return str(value)


# KMS, "Condition keys for AWS KMS": ForAllValues on a key of one value passes when the value is missing, which an
# Allow cannot mean.
_SINGLE_VALUED: Final = {"kms:encryptioncontext:": "encryption context", "aws:requesttag/": "tag"}


def _refuse_overly_permissive(operator: str, key: str) -> None:
    if operator.startswith("ForAllValues:"):
        for prefix, what in _SINGLE_VALUED.items():
            if key.lower().startswith(prefix):
                _refuse(
                    "OverlyPermissiveCondition: Using the ForAllValues set operator with a single-valued condition key "
                    f"matches requests without the specified {what} or with an unspecified {what}. "
                    "To fix, remove ForAllValues."
                )
