"""What the conditions of a policy may ask about a call: the facts, and the table of condition keys that read them.

Guarantees: a value is computed when a statement asks for it and at most once per call; a key that is not in the
tables, or whose fact is not known, is absent, never empty. A new condition key is one row of `KEYS` (or of
`PREFIXES`, for a family such as ``aws:ResourceTag/…``). Key names are looked up in lower case, because AWS ignores
their case.

Does not guarantee that the facts are true: whoever fills in `Facts` has verified them. A name that AWS compares
without case can stand for several tags (``Team`` and ``team``); then all their values are handed out and the tests
decide in the closed direction.

The file is long because it is two tables and their readers, which are best read together.

Sources: "Condition keys for AWS KMS" (AWS KMS developer guide); "AWS global condition context keys" (IAM user guide).
"""

# length: the table of condition keys and the readers it names are read side by side

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import UTC, datetime
from operator import attrgetter
from typing import Final, NamedTuple

import msgspec

from keystead.domain.caller import Caller, Principal, PrincipalKind, Session
from keystead.domain.key import Key
from keystead.domain.policy.work import Work

Values = tuple[str, ...]


class Facts(msgspec.Struct, frozen=True, kw_only=True):
    """The facts of one call. None means not known or not applicable: the condition keys that need it are absent.

    Times are seconds since the epoch. ``action`` is what the caller is to be permitted, for the keys that not every
    action supplies. ``key`` is the key of the call; the members ``key_spec`` to
    ``multi_region_key_type`` are those of the request and count only where there is no key yet (CreateKey).
    ``aliases`` are the names of the key's aliases with their ``alias/`` prefix, or a function that finds them.
    ``request_alias`` is the alias by which the request names the key, and ``tag_keys`` defaults to the keys of
    ``request_tags``. ``trailing_days_without_use`` may be a function that finds it for the key. ``resource_tags`` are
    those of a resource that is no key.

    ``source_identity``, ``token_issued``, ``federated_provider``, ``mfa_present`` and ``claims`` are those of the
    caller's session unless they are given. ``session_source_identity`` is that of the session it asks for, like the
    external id, the name and the transitive tag keys. ``claims`` are what an identity provider says, by the
    whole names of their condition keys (``token.example.com:sub``), one pair for each value. ``policy_arn`` is the
    managed policy that an IAM request attaches or detaches.
    """

    caller: Caller | None = None
    action: str | None = None
    now: float | None = None
    source_ip: str | None = None
    secure_transport: bool | None = None
    user_agent: str | None = None
    requested_region: str | None = None
    mfa_present: bool | None = None
    mfa_age: int | None = None
    token_issued: float | None = None
    source_identity: str | None = None
    federated_provider: str | None = None
    source_account: str | None = None
    source_arn: str | None = None

    key: Key | None = None
    aliases: Sequence[str] | Callable[[], Sequence[str]] | None = None
    resource_tags: Sequence[tuple[str, str]] | None = None
    resource_account: str | None = None
    request_alias: str | None = None
    key_spec: str | None = None
    key_usage: str | None = None
    key_origin: str | None = None
    multi_region: bool | None = None
    multi_region_key_type: str | None = None

    encryption_context: Mapping[str, str] | None = None
    encryption_algorithm: str | None = None
    signing_algorithm: str | None = None
    message_type: str | None = None
    mac_algorithm: str | None = None
    key_agreement_algorithm: str | None = None
    data_key_pair_spec: str | None = None
    reencrypt_on_same_key: bool | None = None
    recipient_attestation: Mapping[str, str] | None = None

    request_tags: Sequence[tuple[str, str]] | None = None
    tag_keys: Sequence[str] | None = None
    bypass_lockout: bool | None = None
    pending_window_days: int | None = None
    trailing_days_without_use: int | Callable[[Key], int] | None = None
    rotation_period_days: int | None = None
    expiration_model: str | None = None
    valid_to: float | None = None
    wrapping_algorithm: str | None = None
    wrapping_key_spec: str | None = None
    primary_region: str | None = None
    replica_region: str | None = None

    grant_operations: Sequence[str] | None = None
    grant_constraint_type: str | None = None
    grant_constraint_source_arn: str | None = None
    grant_is_for_aws_resource: bool | None = None
    grantee_principal: str | None = None
    grantee_service_principal: str | None = None
    retiring_principal: str | None = None
    retiring_service_principal: str | None = None

    external_id: str | None = None
    role_session_name: str | None = None
    session_source_identity: str | None = None
    transitive_tag_keys: Sequence[str] | None = None
    claims: Sequence[tuple[str, str]] | None = None
    policy_arn: str | None = None
    permissions_boundary: str | None = None


class Row(NamedTuple):
    """A condition key.

    ``many``: AWS's type is a list, so only the set operators can match it. ``steady``: the value depends on the
    principal and the key alone, neither on the request nor on time. ``identity_only``: absent in key policies.
    """

    read: Callable[[Facts], Values | None]
    many: bool = False
    steady: bool = False
    identity_only: bool = False


class Family(NamedTuple):
    """A family of condition keys that share a prefix; what follows the prefix is the name of one of ``pairs``, in any
    case.
    """

    pairs: Callable[[Facts], Iterable[tuple[str, str]] | None]
    steady: bool = False


class Reading(NamedTuple):
    """A condition key as a compiled policy holds it: read by itself, or as the member ``suffix`` of a ``family``."""

    name: str
    read: Callable[[Facts], Values | None] | None
    many: bool
    steady: bool
    family: Family | None = None
    suffix: str = ""


class Context:
    """The values of the condition keys for one call, computed when asked for; and the ``work`` the call may cost."""

    __slots__ = ("_families", "_known", "facts", "work")

    def __init__(self, facts: Facts, work: Work | None = None) -> None:
        self.facts = facts
        self.work = Work() if work is None else work
        self._known: dict[str, Values | None] = {}
        self._families: dict[object, dict[str, list[str]]] = {}

    def values(self, key: Reading) -> Values | None:
        """The values of the key, or None when it is absent."""
        name = key.name
        known = self._known
        if name in known:
            return known[name]
        found = known[name] = self._member(key) if key.read is None else key.read(self.facts)
        return found

    def _member(self, key: Reading) -> Values | None:
        """The values of all pairs whose name is the key's but for case; several only where names differ in case
        alone. The pairs are sorted once: policies may ask for a thousand names, and requests hold thousands of pairs.
        """
        family = key.family
        if family is None:
            return None
        pairs = family.pairs
        index = self._families.get(pairs)
        if index is None:
            index = self._families[pairs] = {}
            for name, value in pairs(self.facts) or ():
                lowered = name.lower()
                if lowered in index:
                    index[lowered].append(value)
                else:
                    index[lowered] = [value]
        found = index.get(key.suffix)
        if found is None:
            return None
        return (found[0],) if len(found) == 1 else tuple(dict.fromkeys(found))


# --- readers ----------------------------------------------------------------------------------------------------------


def _spelled(value: object) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    return str(value)


def _fact(name: str) -> Callable[[Facts], Values | None]:
    get = attrgetter(name)

    def read(facts: Facts) -> Values | None:
        value = get(facts)
        return None if value is None else (_spelled(value),)

    return read


def _list_fact(name: str) -> Callable[[Facts], Values | None]:
    get = attrgetter(name)

    def read(facts: Facts) -> Values | None:
        value = get(facts)
        return tuple(value) if value else None

    return read


def _of_key(attribute: str, requested: str) -> Callable[[Facts], Values | None]:
    """A property of the key, or where there is none yet, what the request asks for."""
    of_key, of_request = attrgetter(attribute), attrgetter(requested)

    def read(facts: Facts) -> Values | None:
        value = of_request(facts) if facts.key is None else of_key(facts.key)
        return None if value is None else (_spelled(value),)

    return read


def _of_principal(find: Callable[[Principal], str | None]) -> Callable[[Facts], Values | None]:
    def read(facts: Facts) -> Values | None:
        value = None if facts.caller is None else find(facts.caller.principal)
        return None if value is None else (value,)

    return read


def _said(facts: Facts) -> Session | None:
    """What a token says of the caller: that of its session, or of an identity provider while it asks for one."""
    return None if facts.caller is None else facts.caller.principal.session


def _session(facts: Facts) -> Session | None:
    session = _said(facts)
    return None if session is None or session.kind is PrincipalKind.WEB_IDENTITY else session


def _of_session(fact: str, find: Callable[[Session], object]) -> Callable[[Facts], Values | None]:
    """A fact of the request where it is given, else what the caller's session says."""
    get = attrgetter(fact)

    def read(facts: Facts) -> Values | None:
        value, session = get(facts), _session(facts)
        if value is None and session is not None:
            value = find(session)
        return None if value is None else (_spelled(value),)

    return read


def _token_issued(facts: Facts) -> Values | None:
    session = _session(facts)
    return _moment(session.issued if facts.token_issued is None and session is not None else facts.token_issued)


def _is_service(principal: Principal) -> bool:
    return principal.kind is PrincipalKind.SERVICE


def _is_identity(principal: Principal) -> bool:
    """Is it of an account: what else there is (a service, a web identity) has neither account nor ARN nor id."""
    return principal.kind is not PrincipalKind.SERVICE and principal.kind is not PrincipalKind.WEB_IDENTITY


def _principal_arn(principal: Principal) -> str | None:
    """A role session is its role here, so that policies can name roles without knowing sessions."""
    if principal.kind is PrincipalKind.ASSUMED_ROLE:
        return principal.role_arn
    return principal.arn if _is_identity(principal) else None


_PRINCIPAL_TYPES: Final = {
    PrincipalKind.ROOT: "Account",
    PrincipalKind.USER: "User",
    PrincipalKind.FEDERATED_USER: "FederatedUser",
    PrincipalKind.ASSUMED_ROLE: "AssumedRole",
}


def _username(principal: Principal) -> str | None:
    if principal.kind is not PrincipalKind.USER:
        return None
    return principal.name or principal.arn.rpartition("/")[2]


def _called_via(facts: Facts) -> Values | None:
    """The services in the order in which they called; the last is the one that calls now."""
    via = None if facts.caller is None else facts.caller.via
    if via is None:
        return None
    return via.chain or (f"{via.service.partition('.')[0]}.amazonaws.com",)


def _called_via_end(at: int) -> Callable[[Facts], Values | None]:
    def read(facts: Facts) -> Values | None:
        chain = _called_via(facts)
        return None if chain is None else (chain[at],)

    return read


def _via_service(facts: Facts) -> Values | None:
    """``<service>.<region>.amazonaws.com``: a service named without its region is the one of the caller's region."""
    if facts.caller is None or facts.caller.via is None:
        return None
    service = facts.caller.via.service
    if service.count(".") > 2:
        return (service,)
    return (f"{service.partition('.')[0]}.{facts.caller.region}.amazonaws.com",)


# Requests for KMS that are about no key and no key store supply neither kms:CallerAccount nor kms:ViaService.
_ABOUT_NOTHING: Final = frozenset({"kms:GenerateRandom", "kms:ListAliases", "kms:ListKeys", "kms:ListRetirableGrants"})


def _of_kms(read: Callable[[Facts], Values | None]) -> Callable[[Facts], Values | None]:
    def of_kms(facts: Facts) -> Values | None:
        action = facts.action
        if action is not None and (action in _ABOUT_NOTHING or not action.startswith("kms:")):
            return None
        return read(facts)

    return of_kms


def _via_aws_service(facts: Facts) -> Values | None:
    return None if facts.caller is None else (_spelled(facts.caller.via is not None),)


def _requested_region(facts: Facts) -> Values | None:
    if facts.requested_region is not None:
        return (facts.requested_region,)
    return None if facts.caller is None else (facts.caller.region,)


def _resource_account(facts: Facts) -> Values | None:
    account = facts.resource_account if facts.key is None else facts.key.account
    return None if account is None else (account,)


def _resource_aliases(facts: Facts) -> Values | None:
    names = facts.aliases
    return (tuple(names() if callable(names) else names) or None) if names is not None else None


def _tag_keys(facts: Facts) -> Values | None:
    if facts.tag_keys is not None:
        return tuple(facts.tag_keys) or None
    return tuple(key for key, _ in facts.request_tags) if facts.request_tags else None


def _context_keys(facts: Facts) -> Values | None:
    return tuple(facts.encryption_context) if facts.encryption_context else None


def _trailing_days(facts: Facts) -> Values | None:
    days = facts.trailing_days_without_use
    if callable(days):
        return None if facts.key is None else (str(days(facts.key)),)
    return None if days is None else (str(days),)


def _moment(seconds: float | None) -> Values | None:
    if seconds is None or not math.isfinite(seconds):
        return None
    try:
        return (datetime.fromtimestamp(math.floor(seconds), UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),)
    except (ValueError, OverflowError, OSError):
        return (str(math.floor(seconds)),)


def _epoch(seconds: float | None) -> Values | None:
    return None if seconds is None or not math.isfinite(seconds) else (str(math.floor(seconds)),)


def _resource_tags(facts: Facts) -> Iterable[tuple[str, str]] | None:
    return facts.resource_tags if facts.key is None else facts.key.tags


def _principal_tags(facts: Facts) -> Iterable[tuple[str, str]] | None:
    return None if facts.caller is None else facts.caller.principal.tags


def _request_tags(facts: Facts) -> Iterable[tuple[str, str]] | None:
    return facts.request_tags


def _context_pairs(facts: Facts) -> Iterable[tuple[str, str]] | None:
    return None if facts.encryption_context is None else facts.encryption_context.items()


def _federated_provider(facts: Facts) -> Values | None:
    session = _said(facts)
    value = session.provider if facts.federated_provider is None and session is not None else facts.federated_provider
    return None if value is None else (value,)


def _claims(facts: Facts) -> Iterable[tuple[str, str]] | None:
    session = _said(facts)
    return session.claims if facts.claims is None and session is not None else facts.claims


def _attestations(facts: Facts) -> Iterable[tuple[str, str]] | None:
    return None if facts.recipient_attestation is None else facts.recipient_attestation.items()


# --- the tables: names in lower case ----------------------------------------------------------------------------------

KEYS: Final[Mapping[str, Row]] = {
    "aws:calledvia": Row(_called_via, many=True),
    "aws:calledviafirst": Row(_called_via_end(0)),
    "aws:calledvialast": Row(_called_via_end(-1)),
    "aws:currenttime": Row(lambda facts: _moment(facts.now)),
    "aws:epochtime": Row(lambda facts: _epoch(facts.now)),
    "aws:federatedprovider": Row(_federated_provider),
    "aws:multifactorauthage": Row(_fact("mfa_age")),
    # There is no second factor to sign in with: a session says so, and an access key by itself says nothing.
    "aws:multifactorauthpresent": Row(_of_session("mfa_present", lambda _: False)),
    "aws:principalaccount": Row(_of_principal(lambda who: who.account if _is_identity(who) else None), steady=True),
    "aws:principalarn": Row(_of_principal(_principal_arn), steady=True),
    "aws:principalisawsservice": Row(_of_principal(lambda who: _spelled(_is_service(who))), steady=True),
    "aws:principalservicename": Row(_of_principal(lambda who: who.arn if _is_service(who) else None), steady=True),
    "aws:principalservicenameslist": Row(
        _of_principal(lambda who: who.arn if _is_service(who) else None), many=True, steady=True
    ),
    "aws:principaltype": Row(_of_principal(lambda who: _PRINCIPAL_TYPES.get(who.kind)), steady=True),
    "aws:requestedregion": Row(_requested_region),
    "aws:resourceaccount": Row(_resource_account, steady=True),
    "aws:securetransport": Row(_fact("secure_transport")),
    "aws:sourceaccount": Row(_fact("source_account")),
    "aws:sourcearn": Row(_fact("source_arn")),
    "aws:sourceidentity": Row(_of_session("source_identity", lambda session: session.source_identity)),
    "aws:sourceip": Row(_fact("source_ip")),
    "aws:tagkeys": Row(_tag_keys, many=True),
    "aws:tokenissuetime": Row(_token_issued),
    "aws:useragent": Row(_fact("user_agent")),
    "aws:userid": Row(_of_principal(lambda who: who.unique_id if _is_identity(who) else None), steady=True),
    "aws:username": Row(_of_principal(_username), steady=True),
    "aws:viaawsservice": Row(_via_aws_service),
    "iam:permissionsboundary": Row(_fact("permissions_boundary")),
    "iam:policyarn": Row(_fact("policy_arn")),
    "kms:bypasspolicylockoutsafetycheck": Row(_fact("bypass_lockout")),
    "kms:calleraccount": Row(
        _of_kms(_of_principal(lambda who: who.account if _is_identity(who) else None)), steady=True
    ),
    "kms:customermasterkeyspec": Row(_of_key("spec", "key_spec"), steady=True),
    "kms:customermasterkeyusage": Row(_of_key("usage", "key_usage"), steady=True),
    "kms:datakeypairspec": Row(_fact("data_key_pair_spec")),
    "kms:encryptionalgorithm": Row(_fact("encryption_algorithm")),
    "kms:encryptioncontextkeys": Row(_context_keys, many=True),
    "kms:expirationmodel": Row(_fact("expiration_model")),
    "kms:grantconstraintsourcearn": Row(_fact("grant_constraint_source_arn")),
    "kms:grantconstrainttype": Row(_fact("grant_constraint_type")),
    "kms:granteeprincipal": Row(_fact("grantee_principal")),
    "kms:granteeserviceprincipal": Row(_fact("grantee_service_principal")),
    "kms:grantisforawsresource": Row(_fact("grant_is_for_aws_resource")),
    "kms:grantoperations": Row(_list_fact("grant_operations"), many=True),
    "kms:keyagreementalgorithm": Row(_fact("key_agreement_algorithm")),
    "kms:keyorigin": Row(_of_key("origin", "key_origin"), steady=True),
    "kms:keyspec": Row(_of_key("spec", "key_spec"), steady=True),
    "kms:keyusage": Row(_of_key("usage", "key_usage"), steady=True),
    "kms:macalgorithm": Row(_fact("mac_algorithm")),
    "kms:messagetype": Row(_fact("message_type")),
    "kms:multiregion": Row(_of_key("multi_region", "multi_region"), steady=True),
    "kms:multiregionkeytype": Row(_of_key("multi_region_key_type", "multi_region_key_type"), steady=True),
    "kms:primaryregion": Row(_fact("primary_region")),
    "kms:reencryptonsamekey": Row(_fact("reencrypt_on_same_key")),
    "kms:replicaregion": Row(_fact("replica_region")),
    "kms:requestalias": Row(_fact("request_alias")),
    "kms:resourcealiases": Row(_resource_aliases, many=True, identity_only=True),
    "kms:retiringprincipal": Row(_fact("retiring_principal")),
    "kms:retiringserviceprincipal": Row(_fact("retiring_service_principal")),
    "kms:rotationperiodindays": Row(_fact("rotation_period_days")),
    "kms:schedulekeydeletionpendingwindowindays": Row(_fact("pending_window_days")),
    "kms:signingalgorithm": Row(_fact("signing_algorithm")),
    "kms:trailingdayswithoutkeyusage": Row(_trailing_days),
    "kms:validto": Row(lambda facts: _epoch(facts.valid_to)),
    "kms:viaservice": Row(_of_kms(_via_service)),
    "kms:wrappingalgorithm": Row(_fact("wrapping_algorithm")),
    "kms:wrappingkeyspec": Row(_fact("wrapping_key_spec")),
    "sts:externalid": Row(_fact("external_id")),
    "sts:rolesessionname": Row(_fact("role_session_name")),
    "sts:sourceidentity": Row(_fact("session_source_identity")),
    "sts:transitivetagkeys": Row(_list_fact("transitive_tag_keys"), many=True),
}

PREFIXES: Final[Mapping[str, Family]] = {
    "aws:principaltag/": Family(_principal_tags, steady=True),
    "aws:requesttag/": Family(_request_tags),
    "aws:resourcetag/": Family(_resource_tags, steady=True),
    "iam:resourcetag/": Family(_resource_tags, steady=True),
    "kms:encryptioncontext:": Family(_context_pairs),
    "kms:recipientattestation:": Family(_attestations),
}

# What identity providers say: the provider's host (and path), a colon, the claim. "amr" is a list ("AWS OIDC federation
# condition context keys", IAM user guide).
_CLAIMS: Final = Family(_claims)
_CLAIM: Final = re.compile(r"[^:/.]*[./:].*:([^:]+)", re.DOTALL)

_ABSENT: Final = Reading("", lambda _: None, many=False, steady=True)


def reading(name: str, *, key_policy: bool) -> Reading:
    """The condition key of that name, in any case. An unknown key is absent in every call; it keeps its name, since a
    simulation may be told its value.
    """
    name = name.lower()
    row = KEYS.get(name)
    if row is not None:
        return _ABSENT if row.identity_only and key_policy else Reading(name, row.read, row.many, row.steady)
    for prefix, family in PREFIXES.items():
        if name.startswith(prefix):
            return Reading(name, None, False, family.steady, family, name.removeprefix(prefix))
    claim = _CLAIM.fullmatch(name)
    return (
        _ABSENT._replace(name=name) if claim is None else Reading(name, None, claim[1] == "amr", False, _CLAIMS, name)
    )


def is_known(name: str) -> bool:
    """Is there such a condition key: one of the tables, or what an identity provider says."""
    return reading(name, key_policy=False).read is not _ABSENT.read
