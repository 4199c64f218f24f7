"""The decision: may this caller perform this action on this resource, and why.

Guarantees: pure and default closed: what no policy allows is denied, and one matching Deny anywhere outweighs every
Allow and every grant. The order of statements and of policies never changes a decision. `candidates` may be kept per
(principal, policies, action): a decision from kept candidates is the decision without them. The finished decision may
be kept as well, per (principal, policies, action, key, resource, grants), where `Candidates.steady` says so.

The work of one question's context is bounded, whatever the policies and the request (`work`). A statement that would
need more is settled closed: a Deny denies, an Allow does not allow, and `Because.exhausted` says that it came to that.
Beyond the bound, the order of statements may matter; a further Allow may take, and nothing ever gives.

Does not know organisations (no service or resource control policies) and no VPC endpoints. Does not evaluate grants:
whether one matches comes in with the question. Does not say whether an operation may cross accounts at all.

Sources: "Policy evaluation logic" (IAM user guide), "Determining access to AWS KMS keys" (AWS KMS developer guide).
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum
from typing import Final, NamedTuple

from keystead.domain.caller import Caller, Principal, PrincipalKind
from keystead.domain.policy.conditions import Context, Facts
from keystead.domain.policy.principals import WITHOUT_ACCOUNT, Named
from keystead.domain.policy.statements import Policy, Statement


@dataclass(slots=True)
class Question:
    """One call and everything that speaks about it.

    ``action`` is ``kms:Encrypt``; ``resource`` an ARN, or ``*`` for an operation without one; ``resource_account``
    None means the caller's, and is refused where there is a key. ``key_policy`` is that of the key, or the trust
    policy where the resource is a role (`decide_trust`); None means that identity policies alone decide.
    ``identity`` are the caller's policies by name. ``session`` None means no session policies; an empty tuple is a
    session that was given none, which allows nothing by itself.

    ``grants``: an active grant on the key lets this caller do this. ``grant_direct``: its grantee is the caller
    itself (user or session) and not the role behind the session, so boundary and session policies do not limit it.
    ``grant_own_account``: it was issued by a principal of the caller's own account, so across accounts no identity
    policy is needed as well. ``grant_to_account``: an active grant to the caller's account lets its identity policies
    decide, as a key policy does that trusts the account.
    """

    caller: Caller
    action: str
    resource: str
    context: Context
    resource_account: str | None = None
    key_policy: Policy | None = None
    identity: tuple[tuple[str, Policy], ...] = ()
    boundary: Policy | None = None
    session: tuple[Policy, ...] | None = None
    grants: bool = False
    grant_direct: bool = False
    grant_own_account: bool = False
    grant_to_account: bool = False

    @property
    def crosses(self) -> bool:
        """Does the call reach into another account. A service and a web identity have no account to come from."""
        who = self.caller.principal
        return (
            self.resource_account is not None
            and self.resource_account != who.account
            and who.kind not in WITHOUT_ACCOUNT
        )


class Why(StrEnum):
    """What settled a decision."""

    KEY_POLICY_DIRECT = "the policy of the resource names the caller"
    KEY_POLICY_AND_IDENTITY = "the policy of the resource trusts the account and an identity policy allows"
    IDENTITY = "an identity policy allows"
    GRANT = "a grant allows"
    ROOT = "the account's root user"
    NO_IDENTITY_ALLOW = "no identity policy allows"
    NO_RESOURCE_ALLOW = "the policy of the resource does not allow"
    NO_SESSION_ALLOW = "no session policy allows"
    NO_BOUNDARY_ALLOW = "the permissions boundary does not allow"
    DENY_IDENTITY = "an identity policy denies"
    DENY_RESOURCE = "the policy of the resource denies"
    DENY_SESSION = "a session policy denies"
    DENY_BOUNDARY = "the permissions boundary denies"


class Because(NamedTuple):
    """The reason: what settled it and, where one statement did, the policy's name, the statement's sid and position.

    ``exhausted``: the question would have cost more work than one may, so statements were settled closed.
    """

    kind: Why
    policy: str | None = None
    sid: str | None = None
    position: int | None = None
    exhausted: bool = False


class Decision(NamedTuple):
    """The answer. It has no truth of its own (a tuple with members would always be true): ask ``allowed``."""

    allowed: bool
    because: Because

    def __bool__(self) -> bool:
        raise TypeError("a decision is not a truth value: ask .allowed")


KEY_POLICY: Final = "default"  # the one name a key policy can have
TRUST_POLICY: Final = "trust policy"
BOUNDARY: Final = "permissions boundary"
SESSION: Final = "session policy"

Allows = tuple[str, tuple[Statement, ...]]  # a policy's name and those of its statements that can allow


class Candidates(NamedTuple):
    """The statements that can match, by principal and action alone.

    The statements of the key policy that allow come with how they name the caller; those of the caller's own policies
    that deny with what a match would mean and the policy's name.
    """

    keyed: bool
    key_denies: tuple[Statement, ...]
    key_allows: tuple[tuple[Named, Statement], ...]
    own_denies: tuple[tuple[Why, str, Statement], ...]
    identity: tuple[Allows, ...]
    boundary: tuple[Allows, ...]
    session: tuple[Allows, ...]

    @property
    def steady(self) -> bool:
        """True when no statement reads anything of the request or of the time.

        Then the decision depends on principal, policies, action, resource, key and grants alone. Where there is no
        key (``keyed`` is False) nothing conditional is steady: what would be a property of the key is a wish of the
        request.
        """
        statements = [
            *self.key_denies,
            *(each for _, each in self.key_allows),
            *(each for _, _, each in self.own_denies),
        ]
        for _, allows in (*self.identity, *self.boundary, *self.session):
            statements += allows
        return all(each.unconditional or (self.keyed and each.steady) for each in statements)


def prefilter(policy: Policy, principal: Principal, action: str, *, bounded: bool = False) -> tuple[Statement, ...]:
    """The statements of one policy that can match the principal and the action, denies first.

    ``bounded``: the principal has a permissions boundary.
    """
    denies, allows = policy.speaking_of(action)
    return tuple(each for each in (*denies, *allows) if each.naming(principal, bounded=bounded))


def candidates(question: Question) -> Candidates:
    """What `decide` has to weigh, and what a caller may keep (see the head of this module)."""
    action, key, boundary = question.action, question.key_policy, question.boundary
    key_denies: tuple[Statement, ...] = ()
    key_allows: tuple[tuple[Named, Statement], ...] = ()
    if key is not None:
        who, bounded = question.caller.principal, boundary is not None
        key_denies, allows = key.speaking_of(action)
        if key_denies:
            key_denies = tuple([each for each in key_denies if each.naming(who, bounded=bounded)])
        key_allows = tuple([(named, each) for each in allows if (named := each.naming(who, bounded=bounded))])
    own_denies: list[tuple[Why, str, Statement]] = []
    identity = _own(action, question.identity, _DENY_IDENTITY, own_denies)
    limit: tuple[Allows, ...] = ()
    session: tuple[Allows, ...] = ()
    if boundary is not None:
        limit = _own(action, ((BOUNDARY, boundary),), _DENY_BOUNDARY, own_denies)
    if question.session:
        session = _own(action, ((SESSION, each) for each in question.session), _DENY_SESSION, own_denies)
    return Candidates(key is not None, key_denies, key_allows, tuple(own_denies), identity, limit, session)


def _own(
    action: str, policies: Iterable[tuple[str, Policy]], why: Why, own_denies: list[tuple[Why, str, Statement]]
) -> tuple[Allows, ...]:
    """What policies of one type can allow; what they can deny is added to ``own_denies``."""
    found: list[Allows] = []
    for name, policy in policies:
        denies, allows = policy.speaking_of(action)
        if denies:
            own_denies += [(why, name, each) for each in denies]
        if allows:
            found.append((name, allows))
    return tuple(found)


def decide(question: Question, found: Candidates | None = None) -> Decision:
    """The decision, and because of what. ``found`` are kept candidates of the same principal, policies and action."""
    if question.resource_account is None and question.key_policy is not None:
        raise ValueError(
            "a question about a key needs the account of the key"
        )  # else a stranger could pass for a local
    decision = _decided(question, candidates(question) if found is None else found)
    if question.context.work.left < 0:
        return decision._replace(because=decision.because._replace(exhausted=True))
    return decision


def decide_trust(question: Question) -> Decision:
    """May the caller have a session of a role: sts:AssumeRole, sts:AssumeRoleWithWebIdentity, and sts:TagSession and
    sts:SetSourceIdentity beside them, each a question of its own.

    ``key_policy`` of the question is the role's trust policy (`document.parse_trust_policy`), ``resource`` the role's
    ARN, ``resource_account`` its account; the other policies are the caller's, as ever. The rules are those of a key:
    in the role's account a statement that names the caller suffices, one that names the account leaves it to identity
    policies; a caller of another account needs both sides. A service and a web identity have to be named as
    ``Service`` and ``Federated``. What the request says (an external id, tags, claims) are facts of the context.

    Source: "How to use trust policies" and "Policy evaluation logic" (IAM user guide).
    """
    if question.key_policy is None:
        raise ValueError("a question about a role needs its trust policy")
    decision = decide(question)
    because = decision.because
    if because.kind in (_KEY_POLICY_DIRECT, Why.DENY_RESOURCE):
        return decision._replace(because=because._replace(policy=TRUST_POLICY))
    return decision


def _decided(question: Question, found: Candidates) -> Decision:
    if question.crosses:
        return _across_accounts(question, found)
    if found.own_denies or found.key_denies:
        denied = _own_denial(question, found)
        if denied is None:
            denied = _key_denial(question, found)
        if denied is not None:
            return denied
    return _within_account(question, found) if found.keyed else _without_key(question, found)


def _within_account(question: Question, found: Candidates) -> Decision:
    """Authorization within the key's account. The first that allows settles it, the least limited first."""
    named, statement = _best_naming(question, found)
    if statement is not None and (named is _SELF or (named is _USER and question.session is None)):
        return _settled(True, _KEY_POLICY_DIRECT, KEY_POLICY, statement)
    if question.grants and question.grant_direct:
        return _GRANTED
    trusted = statement is not None or question.grant_to_account
    if not question.grants and (not trusted or question.caller.principal.kind in WITHOUT_ACCOUNT):
        return _NO_RESOURCE_ALLOW  # "*" names a service too, but does not make it one of the account's own
    identity = None
    if (statement is None or named is _ACCOUNT) and not question.grants:
        identity = _first_allow(question, found.identity)
        if identity is None:
            return _NO_IDENTITY_ALLOW
    capped = _capped(question, found)
    if capped is not None:
        return capped
    if identity is not None:
        return _settled(True, _GRANT if statement is None else _KEY_POLICY_AND_IDENTITY, *identity)
    if statement is None or named is _ACCOUNT:
        return _GRANTED
    return _settled(True, _KEY_POLICY_DIRECT, KEY_POLICY, statement)


def _across_accounts(question: Question, found: Candidates) -> Decision:
    """Authorization of a caller of another account: both sides must allow.

    The key's side is settled first and its refusals look all alike, so that a stranger cannot tell a key that refuses
    from none at all.
    """
    denied = _key_denial(question, found)
    if denied is not None:
        return denied
    trusted = _best_naming(question, found)[1] is not None
    if not trusted and not question.grants and not question.grant_to_account:
        return _NO_RESOURCE_ALLOW
    denied = _own_denial(question, found)
    if denied is not None:
        return denied
    issued_here = question.grants and question.grant_own_account
    if issued_here and question.grant_direct:
        return _GRANTED
    identity = _first_allow(question, found.identity)
    root = question.caller.principal.kind is _ROOT_USER
    if identity is None and not issued_here and not root:
        return _NO_IDENTITY_ALLOW
    capped = _capped(question, found)
    if capped is not None:
        return capped
    if identity is not None and trusted:
        return _settled(True, _KEY_POLICY_AND_IDENTITY, *identity)
    return _ROOT if root and trusted else _GRANTED


def _without_key(question: Question, found: Candidates) -> Decision:
    """An operation that has no key: identity policies alone, within what boundary and session leave."""
    if question.caller.principal.kind is _ROOT_USER:
        return _ROOT
    identity = _first_allow(question, found.identity)
    if identity is None:
        return _NO_IDENTITY_ALLOW
    capped = _capped(question, found)
    return _settled(True, Why.IDENTITY, *identity) if capped is None else capped


def _best_naming(question: Question, found: Candidates) -> tuple[Named, Statement | None]:
    """The closest naming among the key policy's statements that allow, and the first statement that names so."""
    best, by = _NOBODY, None
    for named, statement in found.key_allows:
        if named > best and statement.applies(question.resource, question.context):
            best, by = named, statement
            if named is _SELF:
                break
    return best, by


def _first_allow(question: Question, policies: tuple[Allows, ...]) -> tuple[str, Statement] | None:
    for name, allows in policies:
        for statement in allows:
            if statement.applies(question.resource, question.context):
                return name, statement
    return None


def _own_denial(question: Question, found: Candidates) -> Decision | None:
    """An explicit Deny in the caller's own policies."""
    for why, name, statement in found.own_denies:
        if statement.applies(question.resource, question.context):
            return _settled(False, why, name, statement)
    return None


def _key_denial(question: Question, found: Candidates) -> Decision | None:
    for statement in found.key_denies:
        if statement.applies(question.resource, question.context):
            return _settled(False, Why.DENY_RESOURCE, KEY_POLICY, statement)
    return None


def _capped(question: Question, found: Candidates) -> Decision | None:
    """The refusal when a boundary or session policies are there and do not allow."""
    if question.boundary is not None and _first_allow(question, found.boundary) is None:
        return _NO_BOUNDARY_ALLOW
    if question.session is not None and _first_allow(question, found.session) is None:
        return _NO_SESSION_ALLOW
    return None


def _settled(allowed: bool, why: Why, policy: str, statement: Statement) -> Decision:
    return Decision(allowed, Because(why, policy, statement.sid, statement.position))


# Members of an enumeration are slow to look up on their class; these are on the path of every call.
_NOBODY, _ACCOUNT, _USER, _SELF = Named.NOBODY, Named.ACCOUNT, Named.USER, Named.SELF
_ROOT_USER = PrincipalKind.ROOT
_KEY_POLICY_DIRECT, _KEY_POLICY_AND_IDENTITY, _GRANT = Why.KEY_POLICY_DIRECT, Why.KEY_POLICY_AND_IDENTITY, Why.GRANT
_DENY_IDENTITY, _DENY_BOUNDARY, _DENY_SESSION = Why.DENY_IDENTITY, Why.DENY_BOUNDARY, Why.DENY_SESSION

_GRANTED: Final = Decision(True, Because(Why.GRANT))
_ROOT: Final = Decision(True, Because(Why.ROOT))
_NO_IDENTITY_ALLOW: Final = Decision(False, Because(Why.NO_IDENTITY_ALLOW))
_NO_RESOURCE_ALLOW: Final = Decision(False, Because(Why.NO_RESOURCE_ALLOW))
_NO_SESSION_ALLOW: Final = Decision(False, Because(Why.NO_SESSION_ALLOW))
_NO_BOUNDARY_ALLOW: Final = Decision(False, Because(Why.NO_BOUNDARY_ALLOW))


def allows_put_policy(policy: Policy, caller: Caller, key_arn: str, context: Context | None = None) -> bool:
    """The lockout safety check: would the policy let this caller change it again.

    A statement that trusts the caller's account is enough, as AWS has it: identity policies are not looked at.
    Without a ``context`` only the facts of the caller are known to conditions.
    """
    if context is None:
        context = Context(Facts(caller=caller))
    possible = prefilter(policy, caller.principal, "kms:PutKeyPolicy", bounded=caller.principal.boundary is not None)
    matching = [statement for statement in possible if statement.applies(key_arn, context)]
    return bool(matching) and not any(statement.deny for statement in matching)
