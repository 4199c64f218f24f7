"""One call in progress: what an operation's function is given.

Whatever a function wants to use it must ask for here, and asking is what checks: `key` resolves, authorizes and checks
the state; `permit` asks for permissions that concern no key. Nothing here unwraps material: that does `services.gate`,
whose `Gate` is a Call with capabilities besides, and starts each of them here.

Guarantees: nothing is authorized by being asked for in the wrong order. `asked` tells the dispatcher whether permission
was asked at all."""

# length: all that asks for permission stands together, so that nothing is asked in another way

from __future__ import annotations

import uuid
from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from functools import partial
from typing import Any, Generic, Self, TypeVar

import msgspec

from keystead import errors
from keystead.crypto.hierarchy import Hierarchy
from keystead.domain import arn, grantees, holdings, limits, pages, references, states
from keystead.domain.caller import Caller, Session
from keystead.domain.grantees import Standing
from keystead.domain.grants import Grant, GrantName, Use, constraint_facts
from keystead.domain.identity import Identity
from keystead.domain.key import Key
from keystead.domain.policy import decide, document, sentences
from keystead.domain.policy.facts import Context
from keystead.domain.policy.facts import Facts as Conditions
from keystead.domain.policy.statements import policy_of
from keystead.domain.states import States
from keystead.services import founding, granttokens, identifiers, markers, sessiontokens
from keystead.services.facts import Answer, Facts, LoadedKey, bears, compile_key
from keystead.services.table import Row
from keystead.services.wire import Wire
from keystead.store.identities import StoredAccessKey
from keystead.store.interface import Reader

R = TypeVar("R")
T = TypeVar("T")

KEY_RESOURCE = "AWS::KMS::Key"
ALIAS_RESOURCE = "AWS::KMS::Alias"
ROLE_RESOURCE = "AWS::IAM::Role"

# Refusals that come from the key's side: across accounts they look as if there were no key.
_KEYS_OWN_REFUSALS = frozenset({decide.Why.NO_RESOURCE_ALLOW, decide.Why.DENY_RESOURCE})


class Call(Generic[R]):
    """One call of one operation; see the module. Made by the dispatcher, used once.

    ``prepared`` is what the `Work` of a mutation has made before its transaction, None until then. ``slow``: what was
    asked for takes so long to use that it is `Work`. ``grant`` is the one that CreateGrant is to make, known before it
    asks permission, since the grants of others may allow it or not; or the one that RetireGrant is to retire."""

    __slots__ = (
        "_hierarchy",
        "asked",
        "caller",
        "facts",
        "grant",
        "key_arn",
        "material_id",
        "now",
        "prepared",
        "random",
        "request",
        "resources",
        "row",
        "same_key",
        "slow",
        "wire",
    )

    def __init__(
        self,
        row: Row,
        request: R,
        caller: Caller,
        now: float,
        facts: Facts,
        hierarchy: Hierarchy,
        random: Callable[[int], bytes],
        wire: Wire,
        prepared: Any = None,
    ) -> None:
        self.row = row
        self.request = request
        self.caller = caller
        self.now = now
        self.facts = facts
        self.random = random
        self.asked = False
        self.key_arn = ""
        self.material_id: str | None = None
        self.same_key: bool | None = None
        self.resources: list[tuple[str, str, str]] = []
        self.slow = False
        self.grant: Grant | None = None
        self.prepared = prepared
        self._hierarchy = hierarchy
        self.wire = wire

    # --- permission --------------------------------------------------------------------------------------------------

    def permit(self, permission: str, resource: str = "*", *, shown: str | None = None, **values: Any) -> None:
        """Ask for a permission that concerns no key: identity policies alone decide. Refuses with
        AccessDeniedException, which names the resource as ``shown`` says, where it is not to be its ARN."""
        self._permit(permission, resource, values, shown)

    def permit_alias(self, permission: str, name: str) -> None:
        """Ask for a permission on an alias of the caller's own account and region."""
        alias_arn = arn.alias_arn(self.caller.region, self.caller.account, name)
        self._permit(permission, alias_arn, {})
        self.resources.append((ALIAS_RESOURCE, self.caller.account, alias_arn))

    def permit_role(self, permission: str, role: Identity, **values: Any) -> None:
        """Ask for a session of a role, or for what such a session is to have: the role's trust policy decides with the
        caller's own policies. What is refused for want of an Allow looks like a role that is not there."""
        question = self._question(permission, role.arn, role.account, {**values, "resource_tags": role.tags})
        question.key_policy = document.parse_trust_policy(role.trust or "")
        decision = decide.decide_trust(question)
        if not decision.allowed:
            raise errors.access_denied(sentences.no_session(question, decision), detail=str(decision.because))
        resource = (ROLE_RESOURCE, role.account, role.arn)
        if resource not in self.resources:  # a session may need several permissions
            self.resources.append(resource)

    def no_role(self, permission: str, role_arn: str, account: str, **values: Any) -> errors.Refusal:
        """The refusal of a session of a role that is not there: that of one that trusts nobody."""
        question = self._question(permission, role_arn, account, {**values, "resource_tags": ()})
        question.key_policy = policy_of(())
        return errors.access_denied(sentences.no_session(question, decide.decide_trust(question)))

    def _permit(self, permission: str, resource: str, values: Mapping[str, Any], shown: str | None = None) -> None:
        question = self._question(permission, resource, self.caller.account, values)
        self._insist(decide.decide(question), question, shown)

    def _question(self, permission: str, resource: str, account: str, values: Mapping[str, Any]) -> decide.Question:
        """The question about what is no key."""
        self.asked = True
        policies = self.facts.policies(self.caller.principal)
        return decide.Question(
            caller=self.caller,
            action=permission,
            resource=resource,
            resource_account=account,
            identity=policies.identity,
            boundary=policies.boundary,
            session=policies.session,
            context=Context(self._conditions(permission, {"resource_account": account, **values})),
        )

    def key(self, text: str, *, permission: str | None = None, states: States | None = None, **values: Any) -> Key:
        """The key that ``text`` names, once the caller is permitted and the key's state allows it. Never unwraps.

        ``values`` are facts for condition keys that only this operation knows.
        """
        return self._admit(text, permission, states, values).key

    def _admit(
        self, text: str, permission: str | None, allowed_in: States | None, values: Mapping[str, Any]
    ) -> LoadedKey:
        reference = references.parse(text, self.caller.account, self.caller.region, aliases=self.row.aliases)
        permission = permission or self.row.permission
        loaded = self._existing(reference, permission)
        self._authorize(loaded, permission, reference, values)
        states.check(allowed_in or self.row.states, loaded.key)
        return loaded

    def _existing(self, reference: references.Reference, permission: str) -> LoadedKey:
        """The key. That there is none only its own account is told."""
        loaded = self._resolve(reference)
        if loaded is None:
            self.asked = True  # nobody can permit what is not there
            if reference.account == self.caller.account:
                raise errors.key_not_found(reference.arn)
            raise errors.access_denied(sentences.out_of_reach(self.caller.arn, permission, reference.typed))
        return loaded

    def admit_new(self, key: Key, reference: references.Reference) -> None:
        """Ask this operation's permission on a key that this very call makes, as if it had been there already under the
        alias by which ``reference`` names it."""
        loaded = compile_key(key, () if reference.alias is None else (reference.alias,))
        self._authorize(loaded, self.row.permission, reference, {})

    def _resolve(self, reference: references.Reference) -> LoadedKey | None:
        """The key, or None if there is none; an alias of the caller's own account that is not there is refused at
        once."""
        key_id = reference.key_id
        if reference.alias is not None:
            found = self.facts.alias(reference.account, reference.region, reference.alias)
            if found is None:
                if reference.account == self.caller.account:
                    raise errors.alias_not_found(reference.arn)
                return None
            key_id = found.key_id
        loaded = self.facts.key(reference.account, reference.region, key_id or "")
        return loaded if loaded is None or self.now < loaded.key.lasts else loaded.at(self.now)

    def retiring(self, name: GrantName, *, by_token: bool) -> Grant | None:
        """The grant of that name, None if there is none, once the caller may retire it: as a principal that the grant
        names for it, or by an identity policy if it is of the key's account. No key policy has a say in it. Whoever
        named it by a token is not told the key of another account."""
        reference = references.Reference(name.account, name.region, name.key_id, None, not by_token, by_token)
        loaded = self._existing(reference, self.row.permission)
        found = self.grant = self.facts.read(lambda reader: reader.grant(*name))
        values: dict[str, Any] = {}
        says = grantees.NO_STANDING
        if found is not None:
            says = grantees.of_grant(found, self.caller.principal, grantees.retirers(found))
            values = constraint_facts(found)
        trusting = replace(loaded.key, policy=document.default_key_policy(name.account))
        self._authorize(compile_key(trusting, loaded.aliases), self.row.permission, reference, values, standing=says)
        return found

    def _authorize(
        self,
        loaded: LoadedKey,
        permission: str,
        reference: references.Reference | None,
        values: Mapping[str, Any],
        standing: Standing | None = None,
    ) -> None:
        """The one place where a decision about a key is made. What may be remembered of it is kept with the loaded
        key: what policies alone decide. Grants are asked when those do not allow; ``standing`` is what they say, if it
        is known already."""
        self.asked = True
        key, principal = loaded.key, self.caller.principal
        foreign = key.account != principal.account
        if foreign and not self.row.cross_account:
            raise self._out_of_reach(permission, key, reference)
        policies = self.facts.policies(principal)
        asked = (loaded.mark, id(principal), permission)
        kept = self.facts.answers.get(asked)
        # Another principal may have come to lie there since, or have other policies; only the very same objects will do.
        if kept is None or kept.principal is not principal or kept.policies is not policies:
            kept = None
        decision = None if kept is None else kept.decision
        if decision is None or not decision.allowed:
            question = decide.Question(
                caller=self.caller,
                action=permission,
                resource=key.arn,
                resource_account=key.account,
                key_policy=loaded.policy,
                identity=policies.identity,
                boundary=policies.boundary,
                session=policies.session,
                context=Context(self._conditions(permission, values, loaded, reference)),
            )
            candidates = decide.candidates(question) if kept is None else kept.candidates
            if decision is None:
                decision = decide.decide(question, candidates)
            if kept is None:
                self.facts.remember(
                    asked, Answer(principal, policies, candidates, decision if candidates.steady else None)
                )
            if not decision.allowed and (loaded.granted or standing is not None):
                says = self._grants_say(loaded, permission, values) if standing is None else standing
                if says != grantees.NO_STANDING:
                    question.grants, question.grant_direct = says.grants, says.direct
                    question.grant_own_account, question.grant_to_account = says.own_account, says.account
                    question.context = Context(question.context.facts)
                    decision = decide.decide(question, candidates)
            if not decision.allowed and foreign and decision.because.kind in _KEYS_OWN_REFUSALS:
                raise self._out_of_reach(permission, key, reference, str(decision.because))
            self._insist(decision, question)
        self.resources.append((KEY_RESOURCE, key.account, key.arn))
        self.key_arn = key.arn
        self.material_id = key.material_id

    def _grants_say(self, loaded: LoadedKey, permission: str, values: Mapping[str, Any]) -> Standing:
        use = Use(
            permission.removeprefix("kms:"), values.get("encryption_context"), values.get("source_arn"), self.grant
        )
        return holdings.standing(self.caller.principal, loaded.key.account, partial(bears, self.facts, loaded, use))

    def _out_of_reach(
        self, permission: str, key: Key, reference: references.Reference | None, detail: str | None = None
    ) -> errors.Refusal:
        """A foreign key that was named by alias or token keeps its ARN to itself: the message names what was written."""
        named = key.arn if reference is None else reference.typed
        return errors.access_denied(sentences.out_of_reach(self.caller.arn, permission, named), detail=detail)

    def _insist(self, decision: decide.Decision, question: decide.Question, shown: str | None = None) -> None:
        if not decision.allowed:
            raise errors.access_denied(sentences.denied(question, decision, shown), detail=str(decision.because))

    def _conditions(
        self,
        permission: str,
        values: Mapping[str, Any],
        loaded: LoadedKey | None = None,
        reference: references.Reference | None = None,
    ) -> Conditions:
        return Conditions(
            caller=self.caller,
            action=permission,
            now=self.now,
            source_ip=self.wire.source,
            user_agent=self.wire.user_agent,
            secure_transport=self.wire.tls is not None,
            requested_region=self.caller.region,
            key=None if loaded is None else loaded.key,
            aliases=None if loaded is None else loaded.aliases,
            request_alias=None if reference is None else reference.alias,
            **values,
        )

    # --- small things ------------------------------------------------------------------------------------------------

    def end_dry_run(self, dry_run: bool | None) -> None:
        """Where a dry run ends: everything has been checked, nothing has been given."""
        if dry_run:
            raise errors.dry_run()

    def idle_days(self, key: Key) -> int:
        """Whole days since the key was last used, or made if it never was (kms:TrailingDaysWithoutKeyUsage)."""
        use = self.facts.last_use(key)
        return int((self.now - (key.created if use is None else use.at)) // limits.SECONDS_PER_DAY)

    def elsewhere(self, region: str) -> Self:
        """The same call in another region: what it asks for is looked for there, and decided as a request there would
        be. What it names does not stand in the record of this call."""
        caller = msgspec.structs.replace(self.caller, region=region)
        return type(self)(
            self.row,
            self.request,
            caller,
            self.now,
            self.facts,
            self._hierarchy,
            self.random,
            self.wire,
            self.prepared,
        )

    def names(self, key: Key) -> None:
        """Name a key in the audit record that no permission was asked for, since it did not exist before."""
        self.resources.append((KEY_RESOURCE, key.account, key.arn))
        self.key_arn = key.arn

    def arn_of(self, key_id: str) -> str:
        return arn.key_arn(self.caller.region, self.caller.account, key_id)

    def new_uuid(self) -> str:
        return str(uuid.UUID(bytes=self.random(16), version=4))

    def new_session(self, session: Session, shortest: int) -> tuple[str, str, str]:
        """Access key id, secret and token of new temporary credentials."""
        access_key_id = identifiers.temporary_access_key_id(self.random)
        secret = identifiers.secret_access_key(self.random)
        token = sessiontokens.seal(self._hierarchy, access_key_id, secret, session, self.random, shortest=shortest)
        return access_key_id, secret, token

    def new_grant_token(self, grant: Grant) -> str:
        return granttokens.seal(self._hierarchy, grant, self.random)

    def new_access_key(self, owner: Identity) -> tuple[StoredAccessKey, str]:
        """A new access key of a user, and its secret, which is sealed in it and nowhere else in the clear."""
        access_key_id, secret = identifiers.access_key_id(self.random), identifiers.secret_access_key(self.random)
        key = founding.seal_access_key(self._hierarchy, access_key_id, owner, secret, self.now, self.random)
        return key, secret

    def open_grant_token(self, token: str) -> GrantName:
        return granttokens.open_token(self._hierarchy, token)

    def key_by_arn(self, text: str) -> tuple[str, str, str]:
        """Account, region and id of the key that an ARN names, which no other form may name here."""
        reference = references.parse(text, self.caller.account, self.caller.region, aliases=False)
        if not reference.by_arn:
            raise errors.not_an_arn(text)
        return reference.account, reference.region, reference.key_id or ""

    def existing_key_id(self, text: str) -> str:
        """The id of a key of the caller's own account that filters a list. Refused if there is none, another account's
        like any key that is out of reach; asks no permission on it."""
        reference = references.parse(text, self.caller.account, self.caller.region, aliases=False)
        if reference.account != self.caller.account:
            raise errors.access_denied(sentences.out_of_reach(self.caller.arn, self.row.permission, reference.arn))
        loaded = self._resolve(reference)
        if loaded is None:
            raise errors.key_not_found(reference.arn)
        return loaded.key.key_id

    def page(
        self,
        limit: int | None,
        marker: str | None,
        question: str,
        find: Callable[[Reader, str | None, int], Iterable[T]],
        name: Callable[[T], str],
        weigh: Callable[[T], int] | None = None,
    ) -> tuple[pages.Page[T], str | None]:
        """One page of a list, as long as ``limits.PAGES`` lets this operation's be, and the sealed marker of the next.
        ``find`` is given the last item shown and how many to find. Of items that are weighed, in characters, a page has no
        more than `limits.PAGE_CHARACTERS` allow, and one at least."""
        default, most = limits.PAGES.get(self.row.name, limits.PAGE)
        limit = min(limit or default, most)
        here = (self.row.name, self.caller.account, self.caller.region, question)
        after = None if marker is None else pages.decode(markers.open_marker(self._hierarchy, marker), *here)
        page = self.facts.read(lambda reader: pages.cut(find(reader, after, limit + 1), limit, weigh))
        if not page.truncated:
            return page, None
        marker = markers.seal(self._hierarchy, pages.Marker(*here, name(page.items[-1])), self.random)
        return page, marker
