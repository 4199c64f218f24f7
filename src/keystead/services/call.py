"""One call in progress, and the only gate to key material.

An operation's function is given a `Call` and nothing else. Whatever it wants to use it must ask for here, and asking
is what checks: `key` resolves, authorizes and checks the state but never unwraps; `sealer` and `opener` do the same,
check usage and algorithm, and only then unwrap material and hand out a capability that can seal and open and nothing
more. `permit` asks for permissions that concern no key.

Guarantees: material is unwrapped only after the caller was authorized for this operation on this key in a state that
allows it; nothing is authorized by being asked for in the wrong order. `asked` tells the dispatcher whether permission
was asked at all."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Generic, TypeVar

from keystead import errors
from keystead.crypto import ciphertext, keyspecs
from keystead.crypto.hierarchy import Hierarchy
from keystead.crypto.symmetric import Sealer
from keystead.domain import arn, pages, references, states
from keystead.domain.caller import Caller
from keystead.domain.key import Key, WrappedKey, WrappedMaterial
from keystead.domain.policy import decide, sentences
from keystead.domain.policy.facts import Context
from keystead.domain.policy.facts import Facts as Conditions
from keystead.domain.states import States
from keystead.services import markers
from keystead.services.facts import Answer, Facts, LoadedKey, load_secrets
from keystead.services.table import Row
from keystead.services.wire import Wire
from keystead.store.interface import Reader, Transaction

R = TypeVar("R")
T = TypeVar("T")

KEY_RESOURCE = "AWS::KMS::Key"
ALIAS_RESOURCE = "AWS::KMS::Alias"

# Refusals that come from the key's side: across accounts they look as if there were no key.
_KEYS_OWN_REFUSALS = frozenset({decide.Why.NO_RESOURCE_ALLOW, decide.Why.DENY_RESOURCE})


class Call(Generic[R]):
    """One call of one operation; see the module. Made by the dispatcher, used once."""

    __slots__ = (
        "_hierarchy",
        "asked",
        "caller",
        "facts",
        "key_arn",
        "material_id",
        "now",
        "random",
        "request",
        "resources",
        "row",
        "same_key",
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
        self._hierarchy = hierarchy
        self.wire = wire

    # --- permission --------------------------------------------------------------------------------------------------

    def permit(self, permission: str, **values: Any) -> None:
        """Ask for a permission that concerns no key (``*``): identity policies alone decide. Refuses with
        AccessDeniedException."""
        self._permit(permission, "*", values)

    def permit_alias(self, permission: str, name: str) -> None:
        """Ask for a permission on an alias of the caller's own account and region."""
        alias_arn = arn.alias_arn(self.caller.region, self.caller.account, name)
        self._permit(permission, alias_arn, {})
        self.resources.append((ALIAS_RESOURCE, self.caller.account, alias_arn))

    def _permit(self, permission: str, resource: str, values: Mapping[str, Any]) -> None:
        self.asked = True
        policies = self.facts.policies(self.caller.principal)
        question = decide.Question(
            caller=self.caller,
            action=permission,
            resource=resource,
            resource_account=self.caller.account,
            identity=policies.identity,
            boundary=policies.boundary,
            session=policies.session,
            context=Context(self._conditions(values)),
        )
        self._insist(decide.decide(question), question)

    def key(self, text: str, *, permission: str | None = None, states: States | None = None, **values: Any) -> Key:
        """The key that ``text`` names, once the caller is permitted and the key's state allows it. Never unwraps.

        ``values`` are facts for condition keys that only this operation knows.
        """
        return self._admit(text, permission, states, values).key

    def _admit(
        self, text: str, permission: str | None, allowed_in: States | None, values: Mapping[str, Any]
    ) -> LoadedKey:
        reference = references.parse(text, self.caller.account, self.caller.region, aliases=self.row.aliases)
        loaded = self._resolve(reference)
        permission = permission or self.row.permission
        if loaded is None:
            self.asked = True  # nobody can permit what is not there
            if reference.account == self.caller.account:
                raise errors.key_not_found(reference.arn)
            raise errors.access_denied(sentences.out_of_reach(self.caller.arn, permission, reference.arn))
        self._authorize(loaded, permission, reference, values)
        states.check(allowed_in or self.row.states, loaded.key)
        return loaded

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
        return loaded if loaded is not None and loaded.key.exists(self.now) else None

    def _authorize(
        self, loaded: LoadedKey, permission: str, reference: references.Reference | None, values: Mapping[str, Any]
    ) -> None:
        """The one place where a decision about a key is made. What may be remembered of it is kept with the loaded
        key."""
        self.asked = True
        key, principal = loaded.key, self.caller.principal
        foreign = key.account != principal.account
        if foreign and not self.row.cross_account:
            raise errors.access_denied(
                sentences.out_of_reach(self.caller.arn, permission, self._as_typed(key, reference))
            )
        policies = self.facts.policies(principal)
        kept = loaded.answers.get((principal.arn, permission))
        # The names may have come to mean another principal or other policies since; only the very same objects will do.
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
                context=Context(self._conditions(values, loaded, reference)),
            )
            candidates = decide.candidates(question) if kept is None else kept.candidates
            decision = decide.decide(question, candidates)
            if kept is None:
                loaded.remember(
                    (principal.arn, permission),
                    Answer(principal, policies, candidates, decision if candidates.steady else None),
                )
            if not decision.allowed and foreign and decision.because.kind in _KEYS_OWN_REFUSALS:
                shown = sentences.out_of_reach(self.caller.arn, permission, self._as_typed(key, reference))
                raise errors.access_denied(shown, detail=str(decision.because))
            self._insist(decision, question)
        self.resources.append((KEY_RESOURCE, key.account, key.arn))
        self.key_arn = key.arn
        self.material_id = key.material_id

    def _as_typed(self, key: Key, reference: references.Reference | None) -> str:
        """A foreign key that was named by alias keeps its ARN to itself: the message names what the caller wrote."""
        return key.arn if reference is None else reference.arn

    def _insist(self, decision: decide.Decision, question: decide.Question) -> None:
        if not decision.allowed:
            raise errors.access_denied(sentences.denied(question, decision), detail=str(decision.because))

    def _conditions(
        self,
        values: Mapping[str, Any],
        loaded: LoadedKey | None = None,
        reference: references.Reference | None = None,
    ) -> Conditions:
        return Conditions(
            caller=self.caller,
            now=self.now,
            source_ip=self.wire.source,
            user_agent=self.wire.user_agent,
            secure_transport=self.wire.tls_version is not None,
            requested_region=self.caller.region,
            key=None if loaded is None else loaded.key,
            aliases=None if loaded is None else loaded.aliases,
            request_alias=None if reference is None else reference.alias,
            **values,
        )

    # --- capabilities ------------------------------------------------------------------------------------------------

    def sealer(
        self,
        text: str,
        *,
        context: Mapping[str, str] | None,
        algorithm: str,
        permission: str | None = None,
    ) -> Sealer:
        """A capability to seal under the key that ``text`` names with its current material."""
        loaded = self._admit(text, permission, None, self._encryption_facts(context, algorithm))
        _check_encryption(loaded.key, self.row.name, algorithm)
        return self._unwrapped(loaded, loaded.key.material_id or "")

    def opener(
        self,
        blob: bytes,
        text: str | None,
        *,
        context: Mapping[str, str] | None,
        algorithm: str,
        permission: str | None = None,
    ) -> tuple[Sealer, ciphertext.Blob]:
        """A capability to open this blob. Without ``text`` the blob names its key, and a key that is not there, is
        elsewhere, or forbids it, is refused alike; with ``text`` the blob must be of that key
        (IncorrectKeyException)."""
        values = self._encryption_facts(context, algorithm)
        if text is None:
            parsed = ciphertext.parse(blob)
            loaded = self._admit_by_blob(parsed, permission, values)
            _check_encryption(loaded.key, self.row.name, algorithm)
        else:
            loaded = self._admit(text, permission, None, values)
            _check_encryption(loaded.key, self.row.name, algorithm)
            parsed = ciphertext.parse(blob)
            if parsed.ref != loaded.key.ref:
                raise errors.incorrect_key()
        material_id = self._material_of(loaded, parsed.material)
        self.material_id = material_id
        return self._unwrapped(loaded, material_id), parsed

    def _admit_by_blob(self, blob: ciphertext.Blob, permission: str | None, values: Mapping[str, Any]) -> LoadedKey:
        loaded = self.facts.key_by_ref(blob.ref)
        if loaded is None or loaded.key.region != self.caller.region or not loaded.key.exists(self.now):
            self.asked = True  # there is nothing to ask permission for, and the refusal tells nothing
            raise errors.unreadable_ciphertext()
        try:
            self._authorize(loaded, permission or self.row.permission, None, values)
        except errors.Refusal as refusal:
            raise errors.unreadable_ciphertext(refusal.detail) from refusal
        states.check(self.row.states, loaded.key)
        return loaded

    def _encryption_facts(self, context: Mapping[str, str] | None, algorithm: str) -> dict[str, Any]:
        return {
            "encryption_context": context or {},
            "encryption_algorithm": algorithm,
            "reencrypt_on_same_key": self.same_key,
        }

    def compare_keys(self, blob: bytes, source: str | None, destination: str) -> None:
        """Find out whether a ReEncrypt stays on one key (kms:ReEncryptOnSameKey). Refuses nothing: what is wrong is
        refused later."""
        try:
            aimed = self._resolve(references.parse(destination, self.caller.account, self.caller.region, aliases=True))
            if source is None:
                found = self.facts.key_by_ref(ciphertext.parse(blob).ref)
            else:
                found = self._resolve(references.parse(source, self.caller.account, self.caller.region, aliases=True))
        except errors.Refusal:
            self.same_key = False
        else:
            self.same_key = found is not None and aimed is not None and found.key.arn == aimed.key.arn

    # --- material: here and nowhere else -----------------------------------------------------------------------------

    def _material_of(self, loaded: LoadedKey, short: bytes) -> str:
        """The full id of the material whose first 16 bytes a blob names."""
        wanted = short.hex()
        if loaded.key.material_id is not None and loaded.key.material_id.startswith(wanted):
            return loaded.key.material_id
        key = loaded.key
        held = self.facts.read(lambda reader: reader.materials(key.account, key.region, key.key_id))
        for material in held:
            if material.material_id.startswith(wanted):
                return material.material_id
        raise errors.invalid_ciphertext()

    def _unwrapped(self, loaded: LoadedKey, material_id: str) -> Sealer:
        """The capability for one version of the material; kept with the loaded key, so it goes when the key changes."""
        held = loaded.opened.get(material_id)
        if held is not None:
            return held
        key = loaded.key
        secrets = self.facts.read(lambda reader: load_secrets(reader, key))
        row = None if secrets is None else secrets.material(material_id)
        if secrets is None or row is None:
            raise errors.internal(f"the material {material_id} of {key.arn} is missing")
        material = self._hierarchy.unwrap_material(row, secrets.wrap_key, secrets.account_key)
        sealer = Sealer(material, key.ref, bytes.fromhex(material_id))
        loaded.opened[material_id] = sealer
        return sealer

    def new_material(self, key: Key) -> tuple[Callable[[Transaction], None], ...]:
        """Fresh material for a key that is being created: the writes that keep it, wrapped, beside the key's row."""
        account_key = self.facts.read(lambda reader: reader.account_key(key.account))
        if account_key is None:
            raise errors.internal(f"the account {key.account} has no key of its own")
        wrap_key = WrappedKey(
            key.account,
            key.region,
            key.key_id,
            self._hierarchy.new_wrap_key(key.account, key.region, key.key_id, account_key, self.random),
        )
        material = keyspecs.SPECS[key.spec].generate(self.random)
        row = WrappedMaterial(key.account, key.region, key.key_id, key.material_id or "", 1, key.spec, b"", self.now)
        wrapped = self._hierarchy.wrap_material(row, material, wrap_key, account_key, self.random)
        return (
            lambda transaction: transaction.put_wrap_key(wrap_key),
            lambda transaction: transaction.put_material(wrapped),
        )

    # --- small things ------------------------------------------------------------------------------------------------

    def end_dry_run(self, dry_run: bool | None) -> None:
        """Where a dry run ends: everything has been checked, nothing has been given."""
        if dry_run:
            raise errors.dry_run()

    def names(self, key: Key) -> None:
        """Name a key in the audit record that no permission was asked for, since it did not exist before."""
        self.resources.append((KEY_RESOURCE, key.account, key.arn))
        self.key_arn = key.arn

    def arn_of(self, key_id: str) -> str:
        return arn.key_arn(self.caller.region, self.caller.account, key_id)

    def new_uuid(self) -> str:
        return str(uuid.UUID(bytes=self.random(16), version=4))

    def existing_key_id(self, text: str) -> str:
        """The id of a key of the caller's own account that filters a list. Refused if there is none; asks no
        permission on it."""
        reference = references.parse(text, self.caller.account, self.caller.region, aliases=False)
        loaded = self._resolve(reference) if reference.account == self.caller.account else None
        if loaded is None:
            raise errors.key_not_found(reference.arn)
        return loaded.key.key_id

    def page(
        self,
        limit: int,
        marker: str | None,
        question: str,
        find: Callable[[Reader, str | None, int], Sequence[T]],
        name: Callable[[T], str],
    ) -> tuple[pages.Page[T], str | None]:
        """One page of a list and the sealed marker of the next. ``find`` is given the last item shown and how many to
        find."""
        here = (self.row.name, self.caller.account, self.caller.region, question)
        after = None if marker is None else pages.decode(markers.open_marker(self._hierarchy, marker), *here)
        page = pages.cut(self.facts.read(lambda reader: find(reader, after, limit + 1)), limit)
        if not page.truncated:
            return page, None
        marker = markers.seal(self._hierarchy, pages.Marker(*here, name(page.items[-1])), self.random)
        return page, marker


def _check_encryption(key: Key, operation: str, algorithm: str) -> None:
    """Usage, then algorithm, as AWS words them (errors.md §5, InvalidKeyUsageException)."""
    if key.usage != "ENCRYPT_DECRYPT":
        raise errors.invalid_key_usage(f"{key.arn} key usage is {key.usage} which is not valid for {operation}.")
    if algorithm not in keyspecs.SPECS[key.spec].algorithms[key.usage]:
        raise errors.invalid_key_usage(f"Algorithm {algorithm} is incompatible with key spec {key.spec}.")
