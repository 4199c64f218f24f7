"""The facts a call is decided on: the questions, and their answers from the rows of a transaction.

`Rows` reads the rows of one transaction, for the second decision of a mutation; `services.snapshot` keeps facts in
memory, for everything else. Both answer the same questions, so an operation cannot tell which it was given."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Protocol, TypeVar

from keystead.audit.past import Past
from keystead.crypto.capabilities import Opened
from keystead.crypto.symmetric import Sealer
from keystead.domain import grants, holdings, limits
from keystead.domain.caller import Principal
from keystead.domain.holdings import Remembered
from keystead.domain.key import Alias, Key, LastUse
from keystead.domain.policy.decide import Candidates, Decision
from keystead.domain.policy.statements import Policy
from keystead.services import effective
from keystead.services.effective import ANEW, Policies, Texts
from keystead.store.identities import CredentialUse
from keystead.store.interface import Reader

T = TypeVar("T")

#: A loaded key by its mark, a principal by the identity of its object (sessions may share an ARN), a permission.
Asked = tuple[object, int, str]


@dataclass(frozen=True, slots=True, eq=False)
class Answer:
    """What the policy engine may remember for one principal, one action and one version of a key: the statements that
    can match, and the decision itself where none of them reads anything of the request or the time (DESIGN §6)."""

    principal: Principal
    policies: Policies
    candidates: Candidates
    decision: Decision | None


@dataclass(slots=True, eq=False)
class LoadedKey:
    """A key with its compiled policy and the aliases that point to it.

    ``opened`` and ``capabilities`` hold what the gate in `services.gate` has made of its material (of a symmetric
    encryption key by material id, of any other the one it has); they go when the key changes. ``mark`` is this
    version's and no other's, and holds nothing: what was remembered under it means nothing to a later one.
    ``granted``: the key may have grants; ``grants`` is what was found out about them.
    Ask through `bears`."""

    key: Key
    policy: Policy
    aliases: tuple[str, ...]
    opened: dict[str, Sealer] = field(default_factory=dict, repr=False)
    capabilities: Opened | None = field(default=None, repr=False)
    granted: bool = False
    grants: Remembered = field(default_factory=Remembered, repr=False)
    mark: object = field(default_factory=object, repr=False)

    def at(self, now: float) -> LoadedKey | None:
        """The key as it is now, None once it exists no more. To be asked when ``key.lasts`` is over."""
        if not self.key.exists(now):
            return None
        key = self.key.at(now)
        if key is self.key:
            return self
        return LoadedKey(key, self.policy, self.aliases, granted=self.granted, grants=self.grants)


class Facts(Protocol):
    """What an operation may ask. Nothing here decides who may know the answer."""

    regions: frozenset[str]  # that the server answers for

    def key(self, account: str, region: str, key_id: str) -> LoadedKey | None: ...

    def key_by_ref(self, region: str, ref: bytes) -> LoadedKey | None: ...

    def alias(self, account: str, region: str, name: str) -> Alias | None: ...

    def policies(self, principal: Principal) -> Policies: ...

    def last_use(self, key: Key) -> LastUse | None: ...

    def credential_use(self, subject: str) -> CredentialUse | None: ...

    @property
    def answers(self) -> Mapping[Asked, Answer]:
        """Those that were remembered."""

    def remember(self, asked: Asked, answer: Answer) -> None:
        """Keep an answer for the next who asks, or do not."""

    def read(self, question: Callable[[Reader], T]) -> T:
        """Lists and counts, which are never cached."""

    def past(self, request_id: str, account: str) -> Past | None:
        """A call of the past (`audit.past.call`). Slow; may be asked in any thread."""


def load_key(reader: Reader, key: Key, compiled: Callable[[str], Policy]) -> LoadedKey:
    names = tuple(found.name for found in reader.aliases(key.account, key.region, key.key_id, None, 1_000))
    granted = reader.has_grants(key.account, key.region, key.key_id)
    return LoadedKey(key, compiled(key.policy), names, granted=granted)


def compile_key(key: Key, aliases: tuple[str, ...]) -> LoadedKey:
    """A key as nobody has it in memory."""
    return LoadedKey(key, effective.compile_key_policy(key.policy), aliases)


def bears(facts: Facts, loaded: LoadedKey, use: grants.Use, identity: str, issuer: str | None) -> bool:
    """Whether a grant on the key lets this identity do what it wants; a grant of that issuer, where one is named."""
    key, known = loaded.key, loaded.grants
    shapes = known.shapes.get(identity)
    if shapes is None:
        shapes = tuple(facts.read(lambda reader: _shapes(reader, key, identity)))
        known.keep_shapes(identity, shapes)
    sought = holdings.sought(use, shapes) if shapes else None
    if sought is None:
        return False
    asked = (identity, issuer, sought)
    answer = known.answers.get(asked)
    if answer is None:
        name = (key.account, key.region, key.key_id)
        grant = facts.read(lambda reader: reader.grant_sought(*name, identity, sought, issuer))
        answer = grant is not None and grants.allows(grant, use)
        known.keep(asked, answer)
    return answer


def _shapes(reader: Reader, key: Key, identity: str) -> list[str]:
    return reader.grant_shapes(key.account, key.region, key.key_id, identity, limits.GRANT_SHAPES)


class Rows:
    """Facts straight from the rows of one transaction (or one consistent read). Only what the text of a policy means may
    be known before (``texts``)."""

    __slots__ = ("_reader", "_texts", "answers", "regions")

    def __init__(self, reader: Reader, regions: frozenset[str], texts: Texts = ANEW) -> None:
        self._reader = reader
        self._texts = texts
        self.regions = regions
        self.answers: Mapping[Asked, Answer] = {}

    def remember(self, asked: Asked, answer: Answer) -> None:
        """A transaction asks once."""

    def key(self, account: str, region: str, key_id: str) -> LoadedKey | None:
        found = self._reader.key(account, region, key_id)
        return None if found is None else load_key(self._reader, found, self._texts.of_keys)

    def key_by_ref(self, region: str, ref: bytes) -> LoadedKey | None:
        found = self._reader.key_by_ref(region, ref)
        return None if found is None else load_key(self._reader, found, self._texts.of_keys)

    def alias(self, account: str, region: str, name: str) -> Alias | None:
        return self._reader.alias(account, region, name)

    def policies(self, principal: Principal) -> Policies:
        # A principal that is gone has no policies any more; the call that it began ends here.
        current = effective.current(self._reader, principal)
        return (
            effective.NO_POLICIES if current is None else effective.compile_policies(current, self._texts.of_principals)
        )

    def last_use(self, key: Key) -> LastUse | None:
        return self._reader.last_use(key.account, key.region, key.key_id)

    def credential_use(self, subject: str) -> CredentialUse | None:
        return self._reader.credential_use(subject)

    def read(self, question: Callable[[Reader], T]) -> T:
        return question(self._reader)

    def past(self, request_id: str, account: str) -> Past | None:
        raise LookupError("a transaction does not know the journal")
