"""CreateGrant, ListGrants, ListRetirableGrants, RetireGrant, RevokeGrant.

https://docs.aws.amazon.com/kms/latest/APIReference/API_CreateGrant.html and its sisters. Guarantees: a grant is in force
when the call that makes it returns, and no longer when the call that takes it away returns; a token is told to the
caller of CreateGrant and to nobody else. What AWS does not say of grants is decided in
docs/decisions/0020-grants-where-aws-is-silent.md."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from dataclasses import replace
from typing import Any, NamedTuple

from keystead import errors
from keystead.domain import arn, grantees, limits, managed
from keystead.domain import grants as rules
from keystead.domain.caller import PrincipalKind
from keystead.domain.grantees import Bound, Form, Name
from keystead.domain.grants import Grant, GrantName
from keystead.domain.holdings import shape
from keystead.domain.key import Key
from keystead.domain.keytypes import KeyTypes
from keystead.domain.policy.principals import SERVICE
from keystead.domain.states import States
from keystead.model.generated.kms import (
    CreateGrantRequest,
    CreateGrantResponse,
    GrantConstraints,
    GrantListEntry,
    ListGrantsRequest,
    ListGrantsResponse,
    ListRetirableGrantsRequest,
    RetireGrantRequest,
    RevokeGrantRequest,
)
from keystead.services import change, principals
from keystead.services.call import Call
from keystead.services.change import Change
from keystead.services.gate import Gate
from keystead.services.table import operation
from keystead.store.interface import Reader

_GRANT_ID = re.compile(r"[0-9a-f]{64}", re.ASCII)
_PAGE = 50


# --- whom a request names ---------------------------------------------------------------------------------------------


class Named(NamedTuple):
    """A principal that a request names with ``member``, and who that is; None where there is nobody of that name."""

    member: str
    text: str
    service: bool
    bound: Bound | None

    @property
    def shown(self) -> str:
        """As condition keys read it."""
        return self.text if self.bound is None else self.bound.shown

    def insist(self) -> Bound:
        if self.bound is not None:
            return self.bound
        if self.text.startswith("arn:"):
            raise errors.no_such_principal(self.text)
        raise errors.invalid_arn(f"{self.member} does not refer to a valid principal.")


def _named(call: Call[Any], member: str, principal: str | None, service: str | None) -> Named | None:
    """The principal that one of two members names; a request names it with one of them at most."""
    if principal is not None and service is not None:
        raise errors.validation(f"Specify {member}Principal or {member}ServicePrincipal, not both.")
    if service is not None:
        bound = Bound(service, service) if SERVICE.fullmatch(service) else None
        return Named(f"{member}ServicePrincipal", service, True, bound)
    if principal is None:
        return None
    name = grantees.parse(principal)
    bound = None if name is None else call.facts.read(lambda reader: principals.find(reader, name))
    return Named(f"{member}Principal", principal, False, bound)


# --- CreateGrant ------------------------------------------------------------------------------------------------------


def _told(call: Gate[CreateGrantRequest], answer: CreateGrantResponse) -> Mapping[str, Any]:
    return {"response_elements": {"grantId": answer.grant_id, "keyId": call.key_arn}}


@operation(
    "CreateGrant",
    keys=KeyTypes.ANY,
    states=States.CREATE_GRANT,
    cross_account=True,
    mutates=True,
    logged={
        "key_id": None,
        "operations": None,
        "constraints": None,
        "grantee_principal": None,
        "grantee_service_principal": None,
        "retiring_principal": None,
        "retiring_service_principal": None,
    },
    noted=_told,
)
def create_grant(call: Gate[CreateGrantRequest]) -> Change:
    request = call.request
    grantee = _named(call, "Grantee", request.grantee_principal, request.grantee_service_principal)
    retiring = _named(call, "Retiring", request.retiring_principal, request.retiring_service_principal)
    if grantee is None:
        raise errors.validation("Specify GranteePrincipal or GranteeServicePrincipal.")
    wanted = call.grant = _wanted(call, grantee, retiring)
    key = call.key(request.key_id, **_facts(call, wanted, grantee, retiring))
    rules.check_holdable(wanted, key)
    wanted = replace(
        wanted,
        account=key.account,
        region=key.region,
        key_id=key.key_id,
        grantee=grantee.insist().identity,
        retiring=None if retiring is None else retiring.insist().identity,
    )
    like = call.facts.read(lambda reader: reader.grants_like(wanted))
    if not like:
        _check_room(call, key, wanted)
    call.end_dry_run(request.dry_run)
    grant = like[0] if like else wanted
    answer = CreateGrantResponse(grant_token=call.new_grant_token(grant), grant_id=grant.grant_id)
    if like:
        return Change(answer)
    return Change(answer, (lambda transaction: transaction.put_grant(grant),), (change.touch_grant(grant),))


def _check_room(call: Call[Any], key: Key, wanted: Grant) -> None:
    name = (key.account, key.region, key.key_id)
    held = call.facts.read(lambda reader: reader.count_grants(*name))
    if held >= limits.GRANTS_PER_KEY and key.manager != managed.MANAGER:
        raise errors.limit_exceeded(f"The limit of {limits.GRANTS_PER_KEY} grants for the key {key.arn} was exceeded.")
    shapes = call.facts.read(lambda reader: reader.grant_shapes(*name, wanted.grantee, limits.GRANT_SHAPES))
    if len(shapes) >= limits.GRANT_SHAPES and shape(wanted) not in shapes:
        raise errors.limit_exceeded(
            f"The grants on the key {key.arn} to one grantee have encryption context constraints with "
            f"{limits.GRANT_SHAPES} different sets of names, which is the limit."
        )


def _wanted(call: Call[CreateGrantRequest], grantee: Named, retiring: Named | None) -> Grant:
    """The grant as the request alone describes it: on what key and to which identities is not known yet."""
    request = call.request
    given = request.constraints or GrantConstraints()
    equals, subset = rules.read_context(given.encryption_context_equals, given.encryption_context_subset)
    if grantee.service and (given.source_arn is None or retiring is None):
        raise errors.validation(
            "A grant to a GranteeServicePrincipal needs a SourceArn constraint, and a RetiringPrincipal or a "
            "RetiringServicePrincipal."
        )
    if given.source_arn is not None and not grantee.service:
        raise errors.validation("SourceArn is supported only when creating a grant to a GranteeServicePrincipal.")
    return Grant(
        account="",
        region="",
        key_id="",
        grant_id=call.random(32).hex(),
        grantee=grantee.text,
        operations=rules.read_operations(request.operations),
        issuing_account=arn.root_arn(call.caller.account),
        created=call.now,
        name=request.name,
        grantee_service=grantee.service,
        retiring_service=retiring is not None and retiring.service,
        context_equals=equals,
        context_subset=subset,
        source_arn=given.source_arn,
    )


def _facts(call: Call[Any], wanted: Grant, grantee: Named, retiring: Named | None) -> dict[str, Any]:
    """What condition keys read: kms:GrantOperations, kms:GranteePrincipal and its sisters, kms:GrantIsForAWSResource,
    and those of the constraints."""
    found = rules.constraint_facts(wanted)
    found["grant_operations"] = wanted.operations
    found["grant_is_for_aws_resource"] = call.caller.via is not None
    for role, named in (("grantee", grantee), ("retiring", retiring)):
        if named is not None:
            found[f"{role}_{'service_principal' if named.service else 'principal'}"] = named.shown
    return found


# --- lists ------------------------------------------------------------------------------------------------------------


def _entry(reader: Reader, grant: Grant) -> GrantListEntry:
    """A grant as lists show it, never with a token. Members that do not apply are absent."""
    shown = principals.show(reader, grant.grantee)
    retiring = None if grant.retiring is None else principals.show(reader, grant.retiring)
    constraints = None
    if (grant.context_equals, grant.context_subset, grant.source_arn) != (None, None, None):
        constraints = GrantConstraints(
            encryption_context_equals=None if grant.context_equals is None else dict(grant.context_equals),
            encryption_context_subset=None if grant.context_subset is None else dict(grant.context_subset),
            source_arn=grant.source_arn,
        )
    return GrantListEntry(
        key_id=arn.key_arn(grant.region, grant.account, grant.key_id),
        grant_id=grant.grant_id,
        name=grant.name,
        creation_date=math.floor(grant.created),
        grantee_principal=None if grant.grantee_service else shown,
        grantee_service_principal=shown if grant.grantee_service else None,
        retiring_principal=None if grant.retiring_service else retiring,
        retiring_service_principal=retiring if grant.retiring_service else None,
        issuing_account=grant.issuing_account,
        operations=list(grant.operations),
        constraints=constraints,
    )


@operation(
    "ListGrants",
    keys=KeyTypes.ANY,
    cross_account=True,
    logged={"key_id": None, "marker": None, "limit": None},
)
def list_grants(call: Call[ListGrantsRequest]) -> ListGrantsResponse:
    request, grant_id = call.request, call.request.grant_id
    if grant_id is not None:
        _check_id(grant_id)
    named = _filter(call, "Grantee", request.grantee_principal, request.grantee_service_principal)
    key = call.key(request.key_id, grant_is_for_aws_resource=call.caller.via is not None)
    grantee = None
    if named is not None:
        if named.bound is None and not named.text.startswith("arn:"):
            raise errors.invalid_arn("Input does not refer to a valid principal")
        grantee = named.insist().identity

    def find(reader: Reader, after: str | None, limit: int) -> list[Grant]:
        if grant_id is None:
            return reader.grants(key.account, key.region, key.key_id, after, limit, grantee)
        found = reader.grant(key.account, key.region, key.key_id, grant_id)
        return [] if found is None or grantee not in {None, found.grantee} else [found]

    page, marker = call.page(
        min(request.limit or _PAGE, limits.GRANTS_AT_ONCE),
        request.marker,
        f"{key.key_id} {grant_id or ''} {grantee or ''}",
        find,
        lambda grant: grant.grant_id,
    )
    entries = call.facts.read(lambda reader: [_entry(reader, grant) for grant in page.items])
    return ListGrantsResponse(grants=entries, next_marker=marker, truncated=page.truncated)


def _filter(call: Call[Any], member: str, principal: str | None, service: str | None) -> Named | None:
    """The principal by which a list is filtered. Service principals as such are for services to ask about."""
    if service is not None and call.caller.principal.kind is not PrincipalKind.SERVICE:
        raise errors.validation(f"{member}ServicePrincipal can be used by AWS service principals only.")
    return _named(call, member, principal, service)


@operation(
    "ListRetirableGrants",
    keys=KeyTypes.NONE,
    logged={"retiring_principal": None, "retiring_service_principal": None, "marker": None, "limit": None},
)
def list_retirable_grants(call: Call[ListRetirableGrantsRequest]) -> ListGrantsResponse:
    request = call.request
    named = _filter(call, "Retiring", request.retiring_principal, request.retiring_service_principal)
    if named is None:
        raise errors.validation("Specify RetiringPrincipal or RetiringServicePrincipal.")
    call.permit("kms:ListRetirableGrants", named.shown)
    retiring = _own(call, named).identity

    def find(reader: Reader, after: str | None, limit: int) -> list[Grant]:
        return reader.retirable(call.caller.region, retiring, after, limit)

    page, marker = call.page(
        min(request.limit or _PAGE, limits.GRANTS_AT_ONCE), request.marker, retiring, find, lambda grant: grant.grant_id
    )
    # Before the read below: what is not in memory is a read of its own, and one read holds the store at a time.
    living = [grant for grant in page.items if _key_exists(call, grant)]
    entries = call.facts.read(lambda reader: [_entry(reader, grant) for grant in living])
    return ListGrantsResponse(grants=entries, next_marker=marker, truncated=page.truncated)


def _own(call: Call[Any], named: Named) -> Bound:
    """The principal, which must be of the caller's account: another account's is refused as if it did not exist."""
    name = grantees.parse(named.text)
    by_id = name is not None and name.form is Form.UNIQUE_ID
    bound = named.bound
    if bound is not None and not named.service and _account(bound, name) != call.caller.account:
        bound = None
    if bound is None and by_id:
        raise errors.retiring_principal_not_found(named.text)
    return named._replace(bound=bound).insist()


def _account(bound: Bound, name: Name | None) -> str:
    parsed = arn.parse(bound.shown)
    return parsed.account if parsed is not None else ("" if name is None else name.account)


def _key_exists(call: Call[Any], grant: Grant) -> bool:
    loaded = call.facts.key(grant.account, grant.region, grant.key_id)
    return loaded is not None and loaded.key.exists(call.now)


# --- the end of a grant -----------------------------------------------------------------------------------------------


def _check_id(grant_id: str) -> None:
    if not _GRANT_ID.fullmatch(grant_id):
        raise errors.invalid_grant_id()


def _gone(grant: Grant) -> Change:
    return Change(None, (lambda transaction: transaction.delete_grant(*grant.full_name),), (change.touch_grant(grant),))


@operation(
    "RevokeGrant",
    keys=KeyTypes.ANY,
    cross_account=True,
    mutates=True,
    logged={"key_id": None, "grant_id": None},
)
def revoke_grant(call: Call[RevokeGrantRequest]) -> Change:
    request = call.request
    _check_id(request.grant_id)
    key = call.key(request.key_id, grant_is_for_aws_resource=call.caller.via is not None)
    grant = call.facts.read(lambda reader: reader.grant(key.account, key.region, key.key_id, request.grant_id))
    if grant is None:
        raise errors.grant_not_found(request.grant_id)
    call.end_dry_run(request.dry_run)
    return _gone(grant)


def _retired(call: Gate[RetireGrantRequest], _answer: None) -> Mapping[str, Any]:
    """The request is not shown, whichever way it named the grant; which grant it was is."""
    return {"additional": {"grantId": call.grant.grant_id}} if call.grant is not None else {}


@operation("RetireGrant", keys=KeyTypes.ANY, cross_account=True, mutates=True, noted=_retired)
def retire_grant(call: Gate[RetireGrantRequest]) -> Change:
    name = _grant_to_retire(call)
    grant = call.retiring(name, by_token=call.request.grant_token is not None)
    if grant is None:
        raise errors.grant_not_found(name.grant_id)
    call.end_dry_run(call.request.dry_run)
    return _gone(grant)


def _grant_to_retire(call: Gate[RetireGrantRequest]) -> GrantName:
    """By its token, or by the ARN of its key and its id."""
    request = call.request
    if request.grant_token is not None:
        if request.key_id is not None or request.grant_id is not None:
            raise errors.validation("Specify GrantToken, or KeyId and GrantId, not both.")
        name = call.open_grant_token(request.grant_token)
        if name.region != call.caller.region:
            raise errors.invalid_grant_token()
        return name
    if request.key_id is None or request.grant_id is None:
        raise errors.validation("Specify GrantToken, or KeyId and GrantId.")
    _check_id(request.grant_id)
    return GrantName(*call.key_by_arn(request.key_id), request.grant_id)
