"""Who sends an unsigned request: proved by the token of an identity provider instead of a signature.

Guarantees: a `Principal` of kind WebIdentityUser is made here alone, from a token that the provider signed. It is of no
account: only trust policies can name it, by the provider's ARN. What is refused here is refused to somebody who has
proved nothing, and is counted like a wrong signature.

Sources: AssumeRoleWithWebIdentity (STS API reference), "Pass session tags in AWS STS" (IAM user guide), whose claims for
tags and source identity are taken in both of their forms."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from functools import partial
from typing import Any, Final, NamedTuple

from keystead import errors
from keystead.domain import arn
from keystead.domain.caller import Principal, PrincipalKind, Session
from keystead.model.shapes import Service
from keystead.model.validate import constraints
from keystead.oidc import tokens
from keystead.oidc.issuers import Issuer, Issuers, Proven
from keystead.services.lane import Outcome
from keystead.services.sts.roles import account_of
from keystead.services.turns import Seat
from keystead.services.work import REMOTE_ROOM, Work, Workshop

_TAGS: Final = "https://aws.amazon.com/tags"
_SOURCE: Final = "https://aws.amazon.com/source_identity"
_NO_CONDITION: Final = frozenset({"iss", "exp", "iat", "nbf", "aud", "sub", _TAGS, _SOURCE})
_SOURCE_IDENTITY: Final = re.compile(r"[\w+=,.@-]{2,64}", re.ASCII)
_STS: Final = Service.load("sts")
_TAG_KEY, _TAG_VALUE = _STS.shape("tagKeyType"), _STS.shape("tagValueType")
_QUIET: Final = 60.0
"""Seconds between two reports of providers that are out of reach."""


#: How many may wait while one asks their provider for its keys: no more than the lane would hold.
MOST_WAITING: Final = REMOTE_ROOM


class _Unproved(NamedTuple):
    """A token that waits for its proof."""

    issuer: Issuer
    token: tokens.Unverified
    account: str
    now: float
    seat: Seat
    told: Callable[[Principal | errors.Refusal], None]


class Introductions:
    """Proves web identities for one worker. Belongs to the loop's thread."""

    def __init__(
        self, issuers: Issuers, workshop: Workshop, report: Callable[[str, BaseException | None], None]
    ) -> None:
        self._issuers = issuers
        self._workshop = workshop
        self._report = report
        self._reported = -_QUIET
        self._waiting: dict[str, list[_Unproved]] = {}  # by the issuer that is being asked for its keys

    def introduce(
        self, request: Any, now: float, seat: Seat, told: Callable[[Principal | errors.Refusal], None]
    ) -> None:
        """Find out whom the token of a request names. ``told`` is called once, later, on the loop's thread: with the
        principal, or with the refusal. Refuses at once what needs no key to be refused, and with ThrottlingException
        when too many wait already."""
        account = account_of(request.role_arn)
        try:
            token = tokens.read(request.web_identity_token)
        except tokens.NoToken as error:
            raise errors.invalid_identity_token(
                "The ID Token provided is not a valid JWT.", detail=str(error)
            ) from error
        issuer = self._issuers.find(token, account)
        self._begin(_Unproved(issuer, token, account, now, seat, told))

    def _begin(self, one: _Unproved) -> None:
        """Have it proved. At most one thread waits for a provider: what comes meanwhile and needs its keys too waits
        here, in bounded room, so that a provider that does not answer keeps no thread from the others."""
        work = Work(partial(_prove, one.issuer, one.token, one.account, one.now), remote=True)
        if not one.issuer.asks(one.token, one.now):
            self._workshop.begin(work, partial(self._told, one.told, one.now), one.seat)
            return
        waiting = self._waiting.get(one.issuer.settings.issuer)
        if waiting is None:
            self._workshop.begin(work, partial(self._asked, one), one.seat)
            self._waiting[one.issuer.settings.issuer] = []
        elif len(waiting) < MOST_WAITING:
            waiting.append(one)
        else:
            raise errors.throttled()

    def _asked(self, one: _Unproved, outcome: Outcome) -> None:
        """A provider has been asked, or who wanted to has given up: those who waited go on."""
        for other in self._waiting.pop(one.issuer.settings.issuer):
            try:
                self._begin(other)
            except errors.Refusal as refusal:
                other.told(refusal)
        self._told(one.told, one.now, outcome)

    def _told(self, told: Callable[[Principal | errors.Refusal], None], now: float, outcome: Outcome) -> None:
        error = outcome.error
        if error is None:
            told(outcome.made)
        elif isinstance(error, errors.Refusal):
            # What is wrong with a token is for whoever sent it, and anybody may send any number. That a provider is out of
            # reach is for the operator, and once a minute is often enough.
            if error.code == errors.IDP_COMMUNICATION and now - self._reported >= _QUIET:
                self._reported = now
                self._report("an identity provider cannot be reached", error)
            told(error)
        else:
            self._report("a web identity cannot be proved", error)
            told(errors.internal())


def _prove(issuer: Issuer, token: tokens.Unverified, account: str, now: float) -> Principal:
    """Runs on a thread."""
    return principal(issuer.prove(token, now), account)


def principal(proven: Proven, account: str) -> Principal:
    """The principal that a proven token makes in an account."""
    provider = arn.oidc_provider_arn(account, proven.host)
    passed, transitive = _tags(proven.claims)
    session = Session(
        PrincipalKind.WEB_IDENTITY,
        account,
        identity_id="",
        name="",
        issued=0,
        expires=0,
        tags=passed,
        transitive=transitive,
        source_identity=_source_identity(proven.claims),
        provider=provider,
        claims=tuple(_conditions(proven)),
    )
    return Principal(
        PrincipalKind.WEB_IDENTITY,
        account,
        provider,
        f"{provider}:{proven.audience}:{proven.subject}",
        name=proven.subject,
        session=session,
    )


def _conditions(proven: Proven) -> Iterator[tuple[str, str]]:
    """Claims as condition keys: the provider's host and path, a colon, the claim."""
    yield f"{proven.host}:sub", proven.subject
    yield f"{proven.host}:aud", proven.audience
    for name, value in proven.claims.items():
        if name.lower() not in _NO_CONDITION:
            for one in value if isinstance(value, list) else [value]:
                text = _spelled(one)
                if text is not None:
                    yield f"{proven.host}:{name}", text


def _spelled(value: Any) -> str | None:
    if isinstance(value, bool):
        return "true" if value else "false"
    return str(value) if isinstance(value, str | int | float) else None


def _tags(claims: Mapping[str, Any]) -> tuple[tuple[tuple[str, str], ...], tuple[str, ...]]:
    """The session tags in a token, and the keys of those that are handed on: spelt as they could be in a request."""
    nested = claims.get(_TAGS)
    if nested is None:
        flat = f"{_TAGS}/principal_tags/"
        named = {name.removeprefix(flat): value for name, value in claims.items() if name.startswith(flat)}
        transitive = claims.get(f"{_TAGS}/transitive_tag_keys", [])
    elif isinstance(nested, dict):
        named, transitive = nested.get("principal_tags", {}), nested.get("transitive_tag_keys", [])
    else:
        raise _malformed()
    if (
        not isinstance(named, dict)
        or not _are_texts(transitive)
        or any(constraints(_TAG_KEY, key) for key in transitive)
    ):
        raise _malformed()
    tags = []
    for key, value in named.items():
        listed = [value] if isinstance(value, str) else value
        if not _are_texts(listed) or len(listed) != 1:
            raise _malformed()
        if constraints(_TAG_KEY, key) or constraints(_TAG_VALUE, listed[0]):
            raise _malformed()
        tags.append((key, listed[0]))
    return tuple(tags), tuple(transitive)


def _are_texts(value: Any) -> bool:
    return isinstance(value, list) and all(isinstance(one, str) for one in value)


def _source_identity(claims: Mapping[str, Any]) -> str | None:
    found = claims.get(_SOURCE)
    if found is not None and not (isinstance(found, str) and _SOURCE_IDENTITY.fullmatch(found)):
        raise _malformed()
    return found


def _malformed() -> errors.Refusal:
    return errors.invalid_identity_token("The tags or the source identity in the token cannot be read.")
