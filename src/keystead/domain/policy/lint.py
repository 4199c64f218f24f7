"""What is wrong with a policy before it is put in force, and what is probably not meant.

Guarantees: pure; the policy is read by the engine itself, so what is said of a statement (whom it names, which actions it
speaks of) is what it would do. Every finding names its statement and a code that does not change.

Does not know the store: whether principals, keys or aliases exist, and what other policies say.

Sources: "Key policies in AWS KMS" and "Condition keys for AWS KMS" (AWS KMS developer guide); "Policy grammar",
"Conditions with multiple context keys or values", "The confused deputy problem" (IAM user guide).
"""

# length: what each code says stands beside what finds it

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from enum import StrEnum
from typing import Any, Final, NamedTuple

from keystead import errors
from keystead.domain.caller import Caller, Principal, PrincipalKind
from keystead.domain.grantees import Form, parse
from keystead.domain.policy import decide, document, supplied, written
from keystead.domain.policy.conditions import operator_of, shown
from keystead.domain.policy.document import Json
from keystead.domain.policy.facts import KEYS, is_known
from keystead.domain.policy.statements import Policy, Statement
from keystead.domain.policy.work import UNBOUNDED, Work


class Kind(StrEnum):
    """What the policy is for."""

    KEY = "key policy"
    IDENTITY = "identity policy"
    TRUST = "trust policy"


class Level(StrEnum):
    """ERROR: the policy is refused, locks somebody out, or gives to everybody. WARNING: it does not do what it seems to.
    NOTE: worth knowing.
    """

    ERROR = "error"
    WARNING = "warning"
    NOTE = "note"


class Finding(NamedTuple):
    """``statement`` counts from 1 in the document, None is the document as a whole."""

    level: Level
    code: str
    message: str
    statement: int | None = None
    sid: str | None = None


#: Actions by service, in lower case: what an action can mean here. Other services are taken as they are.
Actions = Mapping[str, frozenset[str]]

# Keys that say who calls, and for whom a service does.
_WHO: Final = (
    "kms:calleraccount",
    "aws:principalaccount",
    "aws:principalarn",
    "aws:sourceaccount",
    "aws:sourcearn",
    "aws:userid",
    "aws:principaltag/",
)
# How the keys end that tell by a provider's claims whose token it is.
_CLAIMS: Final = (":sub", ":job_workflow_ref")
_ALIAS: Final = re.compile(r"arn:[^:]*:kms:[^:]*:[^:]*:alias/", re.IGNORECASE)
_OF_ALIASES: Final = frozenset({"kms:createalias", "kms:updatealias", "kms:deletealias"})
_FOR_WHOM: Final = ("aws:sourceaccount", "aws:sourcearn", "kms:encryptioncontext:", "sts:externalid")
# What each code says, and how grave it is.
RULES: Final[Mapping[str, tuple[Level, str]]] = {
    "refused": (Level.ERROR, "{}"),
    "lockout": (
        Level.ERROR,
        "The policy does not allow {} to change it again (kms:PutKeyPolicy): the key could not be managed any more.",
    ),
    "everybody": (
        Level.ERROR,
        "The statement allows everybody, of every account, and has no condition. Name principals.",
    ),
    "everybody-under-conditions": (
        Level.WARNING,
        "The statement allows everybody, of every account, and no condition says who that may be: add one on "
        "{} or aws:PrincipalArn.",
    ),
    "any-identity": (
        Level.WARNING,
        "Everybody who has a token of the provider may have a session: add a condition on the provider's sub claim.",
    ),
    "alias-resource": (
        Level.WARNING,
        "Of an alias CreateAlias, UpdateAlias and DeleteAlias alone are asked, all other actions of KMS of the key: name "
        "it, or its aliases in a condition on kms:ResourceAliases.",
    ),
    "unknown-action": (Level.WARNING, "{} is no action: the statement does not match by it."),
    "foreign-action": (Level.WARNING, "{} is no action of KMS, and a key policy is asked about no others."),
    "keyless-action": (Level.WARNING, "{} is asked of no key: in a key policy it has no effect."),
    "not-action": (
        Level.WARNING,
        "An Allow with NotAction gives every action that it does not list, those of other services and of tomorrow "
        "included.",
    ),
    "not-resource": (
        Level.WARNING,
        "An Allow with NotResource gives every resource that it does not list, those of other accounts included.",
    ),
    "resource": (
        Level.WARNING,
        'In a key policy "*" stands for the key itself. Any other Resource matches nothing, unless it is this key\'s ARN.',
    ),
    "no-effect": (Level.WARNING, "The statement has no Action or no Resource, and so no effect."),
    "never-matches": (Level.WARNING, "The statement never matches: {}."),
    "never-supplied": (Level.WARNING, "{}"),
    "for-all-values": (
        Level.WARNING,
        "{} passes where {} is absent. In an Allow that gives to requests without it: add a test with Null.",
    ),
    "old-version": (
        Level.WARNING,
        "What looks like a variable (${{…}}) is plain text where Version is not 2012-10-17.",
    ),
    "supplied-by-few": (
        Level.NOTE,
        "Of the actions that the statement speaks of, {} alone supply {}.",
    ),
    "service": (
        Level.NOTE,
        "A service may be made to act for somebody else: a condition on aws:SourceArn or aws:SourceAccount says for whom "
        "it may.",
    ),
}


def kind_of(text: str) -> Kind:
    """What the document is by its look: statements that name principals make it a key policy, or, where none names a
    resource, a trust policy.
    """
    statements = _elements(_loaded(text))
    if not any("Principal" in each or "NotPrincipal" in each for each in statements):
        return Kind.IDENTITY
    return Kind.KEY if any("Resource" in each or "NotResource" in each for each in statements) else Kind.TRUST


def check(
    text: str, kind: Kind, actions: Actions, *, caller: Caller | None = None, key: str = "*"
) -> tuple[Finding, ...]:
    """All findings, in the order of the statements. ``caller`` is who has to be able to change a key policy again, and
    ``key`` the ARN of its key, if it is known.
    """
    try:
        policy = PARSERS[kind](text)
    except errors.Refusal as refused:
        return (_finding("refused", refused.message or refused.code),)
    found = _Findings(kind, policy, actions, key)
    body = _loaded(text)
    if kind is Kind.KEY:
        found.lockout(caller)
    for position, element in enumerate(_elements(body)):
        found.statement(position, element)
    if body.get("Version") != "2012-10-17" and "${" in text:
        found.add("old-version")
    return tuple(found.all)


def caller_of(name: str) -> Caller:
    """The caller that an ARN (or an account's id) stands for; a role for one of its sessions. Refuses what names nobody
    (InvalidArnException).
    """
    parsed = parse(name)
    if parsed is None or parsed.form in {Form.SERVICE, Form.UNIQUE_ID}:
        raise errors.invalid_arn(f"ARN is not valid: {name}")
    arn, account, tail = parsed.text, parsed.account, parsed.text.rpartition("/")[2]
    match parsed.form:
        case Form.ACCOUNT:
            who = Principal(PrincipalKind.ROOT, account, arn, account)
        case Form.IDENTITY if ":user/" in arn:
            who = Principal(PrincipalKind.USER, account, arn, "AIDA", name=tail)
        case Form.FEDERATED_USER:
            who = Principal(PrincipalKind.FEDERATED_USER, account, arn, f"{account}:{tail}")
        case Form.ROLE_SESSION:
            role = f"arn:aws:iam::{account}:role/{parsed.role}"
            who = Principal(PrincipalKind.ASSUMED_ROLE, account, arn, f"AROA:{tail}", role_arn=role)
        case _:
            session = f"arn:aws:sts::{account}:assumed-role/{tail}/session"
            who = Principal(PrincipalKind.ASSUMED_ROLE, account, session, "AROA:session", role_arn=arn)
    return Caller(who, "", "")


def _loaded(text: str) -> Mapping[str, Json]:
    try:
        body = document.load(text)
    except errors.Refusal:
        return {}
    return body if isinstance(body, dict) else {}


def _elements(body: Mapping[str, Json]) -> list[Mapping[str, Json]]:
    statements = body.get("Statement")
    listed = statements if isinstance(statements, list) else [statements]
    return [each for each in listed if isinstance(each, dict)]


def _listed(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]


_EVERYTHING: Final[Mapping[Kind, frozenset[str]]] = {
    Kind.KEY: frozenset({"*", "kms:*"}),
    Kind.IDENTITY: frozenset({"*", "*:*"}),
    Kind.TRUST: frozenset({"*", "sts:*"}),
}
PARSERS: Final = {
    Kind.KEY: document.parse_key_policy,
    Kind.IDENTITY: written.check_identity_policy,
    Kind.TRUST: written.check_trust_policy,
}


class _Test(NamedTuple):
    """A condition key under an operator, as it is written."""

    operator: str
    key: str
    anything: bool = False  # a pattern that every value passes is among its own

    @property
    def lowered(self) -> str:
        return self.key.lower()

    @property
    def of_all(self) -> bool:
        return self.operator.startswith("ForAllValues:")

    @property
    def in_set(self) -> bool:
        return self.operator.startswith(("ForAllValues:", "ForAnyValue:"))

    @property
    def passes_absent(self) -> bool:
        """Does it pass where the key is absent (of ``Null``, only if that is what it asks for; taken as no)."""
        bare = operator_of(self.operator)
        negated = ("Not" in bare) and not self.in_set
        return self.of_all or negated or self.operator.endswith("IfExists")


class _Findings:
    def __init__(self, kind: Kind, policy: Policy, actions: Actions, key: str) -> None:
        self.kind = kind
        self.key = key
        self.policy = policy
        self.actions = actions
        self.all: list[Finding] = []
        self._position: int | None = None
        self._sid: str | None = None

    def add(self, code: str, *about: str) -> None:
        self.all.append(_finding(code, *about)._replace(statement=self._position, sid=self._sid))

    def lockout(self, caller: Caller | None) -> None:
        if caller is not None:
            if not decide.allows_put_policy(self.policy, caller, self.key):
                self.add("lockout", caller.arn)
        elif not any(each.speaks_of("kms:putkeypolicy") for each in self.policy.allows):
            self.add("lockout", "anybody")

    def statement(self, position: int, element: Mapping[str, Json]) -> None:
        self._position, self._sid = position + 1, element.get("Sid") or None
        statement = next(
            (each for each in (*self.policy.denies, *self.policy.allows) if each.position == position), None
        )
        if statement is None:
            self.add("no-effect")
        else:
            tests = [
                _Test(name, key, "Like" in name and "*" in _listed(values))
                for name, keys in element.get("Condition", {}).items()
                for key, values in keys.items()
            ]
            self._actions(element, statement)
            self._principals(statement, tests)
            self._resources(element, statement)
            for test in tests:
                self._condition(test, statement)
        self._position = self._sid = None

    # --- the parts of a statement ------------------------------------------------------------------------------------

    def _actions(self, element: Mapping[str, Json], statement: Statement) -> None:
        texts: list[str] = _listed(element.get("Action", element.get("NotAction")))
        if statement.other_actions:
            if not statement.deny:
                self.add("not-action")
            if any(text.lower() in _EVERYTHING[self.kind] for text in texts):
                self.add("never-matches", "NotAction lists every action there is")
            return
        for text in texts:
            service, _, name = text.lower().partition(":")
            if service == "*" or not name:
                continue
            if self.kind is Kind.KEY and service != "kms":
                self.add("foreign-action", shown(text))
            elif service in self.actions and not _matching(text, self.actions):
                self.add("unknown-action", shown(text))
            elif self.kind is Kind.KEY and _matching(text, self.actions) <= supplied.KEYLESS:
                self.add("keyless-action", shown(text))

    def _principals(self, statement: Statement, tests: list[_Test]) -> None:
        who = statement.principals
        if who is None or statement.deny or statement.other_principals:
            return
        if who.everybody and not any(self._says_who(test) for test in tests):
            account = "aws:PrincipalAccount" if self.kind is Kind.TRUST else "kms:CallerAccount"
            self.add(*(("everybody-under-conditions", account) if tests else ("everybody",)))
        if who.federated and not any(test.lowered.endswith(_CLAIMS) and not test.passes_absent for test in tests):
            self.add("any-identity")
        if who.services and not any(test.lowered.startswith(_FOR_WHOM) for test in tests):
            self.add("service")

    def _says_who(self, test: _Test) -> bool:
        """Does the condition keep anybody out by who he is."""
        if self.kind is Kind.TRUST and test.lowered.startswith("kms:"):
            return False
        return test.lowered.startswith(_WHO) and not test.passes_absent and not test.anything

    def _resources(self, element: Mapping[str, Json], statement: Statement) -> None:
        texts: list[str] = _listed(element.get("Resource", element.get("NotResource", [])))
        if "NotResource" in element and "*" in texts:
            self.add("never-matches", "NotResource lists everything there is")
        elif self.kind is Kind.KEY:
            if not statement.resources.negated and not statement.resources.fixed.matches(self.key, Work(UNBOUNDED)):
                self.add("resource")
        elif element["Effect"] == "Allow" and "NotResource" in element:
            self.add("not-resource")
        elif "Resource" in element and _kms_alone(element):
            others = any(statement.speaks_of(action) for action in supplied.ACTIONS if action not in _OF_ALIASES)
            if others and all(_ALIAS.match(text) for text in texts):  # beside a key it may be there for the three
                self.add("alias-resource")

    def _condition(self, test: _Test, statement: Statement) -> None:
        if test.of_all and not statement.deny:
            self.add("for-all-values", test.operator, test.key)
        row = KEYS.get(test.lowered)
        if not is_known(test.key):
            self._absent(test, statement, f"{test.key} is no condition key that is known here")
        elif row is not None and row.identity_only and self.kind is Kind.KEY:
            self._absent(test, statement, f"{test.key} is absent in key policies")
        elif row is not None and row.many and not test.in_set and test.operator != "Null":
            self.add("never-matches", f"{test.key} is a list, which {test.operator} by itself never passes")
        else:
            self._supplied(test, statement)

    def _supplied(self, test: _Test, statement: Statement) -> None:
        """Of the actions of KMS that the statement speaks of, those that supply the key."""
        if self.kind is Kind.TRUST and test.lowered.startswith("kms:"):
            self._absent(test, statement, f"A request for a session never supplies {test.key}")
            return
        spoken = [action for action in supplied.ACTIONS if statement.speaks_of(action)]
        if self.kind is Kind.KEY:
            spoken = [action for action in spoken if action not in supplied.KEYLESS]
        supplying = [action for action in spoken if supplied.supplies(action, test.key)]
        others = any(statement.speaks_of(action) for action in _all(self.actions) if action not in supplied.ACTIONS)
        if not spoken or (others and self.kind is not Kind.KEY):
            return
        if not supplying:
            self._absent(test, statement, f"No action of the statement supplies {test.key}")
        elif 2 * len(supplying) < len(spoken):
            self.add("supplied-by-few", _some(supplying), test.key)

    def _absent(self, test: _Test, statement: Statement, why: str) -> None:
        """A condition on what is never there."""
        if test.operator == "Null":
            outcome = "the condition is the same for every request"
        elif test.passes_absent:
            outcome = "the condition always passes"
        else:
            outcome = f"the statement never {'denies' if statement.deny else 'allows'}"
        self.add("never-supplied", f"{why}: {outcome}.")


def _matching(text: str, actions: Actions) -> frozenset[str]:
    """The known actions that a pattern stands for."""
    pattern = written.pattern_of(text)
    return frozenset(action for action in _all(actions) if pattern(action))


def _all(actions: Actions) -> Iterator[str]:
    for service, names in actions.items():
        for name in names:
            yield f"{service}:{name}"


def _kms_alone(element: Mapping[str, Json]) -> bool:
    actions: list[str] = _listed(element.get("Action", "*"))
    return all(text.lower().startswith("kms:") for text in actions)


def _some(actions: list[str]) -> str:
    named = sorted(supplied.SPELLED[action] for action in actions)
    return ", ".join(named[:3]) + (f" and {len(named) - 3} more" if len(named) > 3 else "")


def _finding(code: str, *about: str) -> Finding:
    level, sentence = RULES[code]
    return Finding(level, code, sentence.format(*about))
