"""The facts a call is decided on, from memory or from the rows of a transaction.

`Snapshot` keeps immutable facts in bounded caches and forgets exactly what the change log names; `Rows` reads the rows
of one transaction, for the second decision of a mutation. Both answer the same questions, so an operation cannot tell
which it was given.

Guarantees: after `Snapshot.refresh` nothing older than the published epoch is used. Does not guarantee that facts are
not newer than the epoch: a change that is committed but not yet acknowledged may be seen."""

from __future__ import annotations

from collections.abc import Callable, Hashable
from dataclasses import dataclass, field
from typing import Generic, NamedTuple, Protocol, TypeVar

from keystead.crypto.capabilities import Opened
from keystead.crypto.symmetric import Sealer
from keystead.domain import grants, holdings, limits
from keystead.domain.caller import Credential, Principal
from keystead.domain.holdings import Remembered
from keystead.domain.key import Alias, Key, LastUse
from keystead.domain.policy import document
from keystead.domain.policy.decide import Candidates, Decision
from keystead.domain.policy.statements import Policy
from keystead.domain.regions import AWS_REGIONS
from keystead.services import change
from keystead.services.epochs import Epochs
from keystead.services.uses import LastUses
from keystead.store.interface import ChangeRow, ChangesLost, Reader, Store, StoredAccessKey

K = TypeVar("K", bound=Hashable)
V = TypeVar("V")
T = TypeVar("T")


class Policies(NamedTuple):
    """Everything that speaks for and about a principal from its own side, compiled: identity policies by name, permissions boundary,
    session policies (None: no session)."""

    identity: tuple[tuple[str, Policy], ...]
    boundary: Policy | None
    session: tuple[Policy, ...] | None


# A snapshot this far behind is emptied instead of patched row by row.
_CATCH_UP_ROWS = 1_000
_ANSWERS_PER_KEY = 1_000


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
    encryption key by material id, of any other the one it has), and ``answers`` what the policy engine may remember
    of it: all go when the key changes. ``granted``: the key may have grants; ``grants`` is what was found out about them.
    Ask through `bears`."""

    key: Key
    policy: Policy
    aliases: tuple[str, ...]
    opened: dict[str, Sealer] = field(default_factory=dict, repr=False)
    capabilities: Opened | None = field(default=None, repr=False)
    answers: dict[tuple[str, str], Answer] = field(default_factory=dict, repr=False)
    granted: bool = False
    grants: Remembered = field(default_factory=Remembered, repr=False)

    def remember(self, question: tuple[str, str], answer: Answer) -> None:
        """Keep an answer under (principal ARN, permission); a key that very many use starts anew now and then."""
        if len(self.answers) >= _ANSWERS_PER_KEY:
            self.answers.clear()
        self.answers[question] = answer

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

    def read(self, question: Callable[[Reader], T]) -> T:
        """Lists and counts, which are never cached."""


def load_key(reader: Reader, key: Key) -> LoadedKey:
    names = tuple(found.name for found in reader.aliases(key.account, key.region, key.key_id, None, 1_000))
    return compile_key(key, names, granted=reader.has_grants(key.account, key.region, key.key_id))


def compile_key(key: Key, aliases: tuple[str, ...], *, granted: bool = False) -> LoadedKey:
    return LoadedKey(key, document.parse_key_policy(key.policy), aliases, granted=granted)


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


def compile_policies(principal: Principal) -> Policies:
    parse = document.parse_identity_policy
    session = principal.session_policies
    return Policies(
        tuple((name, parse(text)) for name, text in principal.policies),
        None if principal.boundary is None else parse(principal.boundary),
        None if session is None else tuple(parse(text) for text in session),
    )


_NO_POLICIES = Policies((), None, None)


class Rows:
    """Facts straight from the rows of one transaction (or one consistent read)."""

    __slots__ = ("_reader", "regions")

    def __init__(self, reader: Reader, regions: frozenset[str]) -> None:
        self._reader = reader
        self.regions = regions

    def key(self, account: str, region: str, key_id: str) -> LoadedKey | None:
        found = self._reader.key(account, region, key_id)
        return None if found is None else load_key(self._reader, found)

    def key_by_ref(self, region: str, ref: bytes) -> LoadedKey | None:
        found = self._reader.key_by_ref(region, ref)
        return None if found is None else load_key(self._reader, found)

    def alias(self, account: str, region: str, name: str) -> Alias | None:
        return self._reader.alias(account, region, name)

    def policies(self, principal: Principal) -> Policies:
        # A principal that is gone has no policies any more; the call that it began ends here.
        current = self._reader.principal(principal.arn)
        return _NO_POLICIES if current is None else compile_policies(current)

    def last_use(self, key: Key) -> LastUse | None:
        return self._reader.last_use(key.account, key.region, key.key_id)

    def read(self, question: Callable[[Reader], T]) -> T:
        return question(self._reader)


class _Cache(Generic[K, V]):
    """A dictionary of at most ``limit`` entries; the one that came first goes first."""

    __slots__ = ("entries", "limit")

    def __init__(self, limit: int) -> None:
        self.limit = limit
        self.entries: dict[K, V] = {}

    def put(self, key: K, value: V) -> V | None:
        """Keep ``value``; returns what had to go for it."""
        gone = None
        if key not in self.entries and len(self.entries) >= self.limit:
            gone = self.entries.pop(next(iter(self.entries)))
        self.entries[key] = value
        return gone


class Snapshot:
    """The facts of one worker process. Not thread-safe: it belongs to the event loop's thread.

    ``keys`` and ``credentials`` bound how many of each are kept in memory (about 4 KiB a key with a default policy).
    ``uses`` are the last uses of keys that are not in the store yet.
    """

    __slots__ = (
        "_aliases",
        "_credentials",
        "_epochs",
        "_keys",
        "_open_secret",
        "_policies",
        "_refs",
        "_store",
        "epoch",
        "regions",
        "uses",
    )

    def __init__(
        self,
        store: Store,
        epochs: Epochs,
        open_secret: Callable[[StoredAccessKey], bytes],
        *,
        keys: int = 10_000,
        credentials: int = 10_000,
        regions: frozenset[str] = AWS_REGIONS,
    ) -> None:
        self.regions = regions
        self._store = store
        self._epochs = epochs
        self._open_secret = open_secret
        self._keys: _Cache[tuple[str, str, str], LoadedKey] = _Cache(keys)
        self._refs: dict[tuple[str, bytes], LoadedKey] = {}
        self._aliases: _Cache[tuple[str, str, str], Alias] = _Cache(keys)
        self._credentials: _Cache[str, Credential] = _Cache(credentials)
        self._policies: _Cache[str, Policies] = _Cache(credentials)
        self.uses = LastUses()
        self.epoch = self.newest()

    # --- staying current ---------------------------------------------------------------------------------------------

    def refresh(self) -> None:
        """Forget what has changed. To be called once at the start of every call, before anything is looked up."""
        if self._epochs.current() > self.epoch:
            self._catch_up()

    def _catch_up(self) -> None:
        def delta(reader: Reader) -> tuple[list[ChangeRow], int]:
            return reader.changes_since(self.epoch, _CATCH_UP_ROWS), reader.last_change()

        try:
            rows, last = self._store.read(delta)
        except ChangesLost:
            rows, last = [], self._store.read(lambda reader: reader.last_change())
            self._forget_everything()
        if len(rows) == _CATCH_UP_ROWS:  # perhaps there are more: begin anew rather than miss one
            self._forget_everything()
        for row in rows:
            self._forget(row)
        self.epoch = last

    def _forget(self, row: ChangeRow) -> None:
        if row.kind == change.KEY:
            gone = self._keys.entries.pop((row.account, row.region, row.subject), None)
            if gone is not None:
                self._refs.pop((gone.key.region, gone.key.ref), None)
        elif row.kind == change.GRANT:
            key_id, _, grantee = row.subject.partition("/")
            of_key = self._keys.entries.get((row.account, row.region, key_id))
            if of_key is not None:
                of_key.granted = True
                of_key.grants.forget(grantee)
        elif row.kind == change.ALIAS:
            self._aliases.entries.pop((row.account, row.region, row.subject), None)
        elif row.kind == change.ACCESS_KEY:
            self._credentials.entries.pop(row.subject, None)
        elif row.kind == change.PRINCIPAL:
            self._policies.entries.pop(row.subject, None)
            of_principal = [
                access_key_id
                for access_key_id, credential in self._credentials.entries.items()
                if credential.principal.arn == row.subject
            ]
            for access_key_id in of_principal:
                del self._credentials.entries[access_key_id]
        else:  # a kind this version does not know was written by a newer one: trust nothing that is cached
            self._forget_everything()

    def _forget_everything(self) -> None:
        self._keys.entries.clear()
        self._refs.clear()
        self._aliases.entries.clear()
        self._credentials.entries.clear()
        self._policies.entries.clear()

    def newest(self) -> int:
        """The newest change in the store: no fact that was ever answered here is of a later one. (`epoch` may be
        behind: what was not in memory was read later.) Raises StoreError."""
        return self._store.read(lambda reader: reader.last_change())

    # --- questions ---------------------------------------------------------------------------------------------------

    def key(self, account: str, region: str, key_id: str) -> LoadedKey | None:
        found = self._keys.entries.get((account, region, key_id))
        if found is not None:
            return found
        return self._store.read(lambda reader: self._keep(reader, reader.key(account, region, key_id)))

    def key_by_ref(self, region: str, ref: bytes) -> LoadedKey | None:
        found = self._refs.get((region, ref))
        if found is not None:
            return found
        return self._store.read(lambda reader: self._keep(reader, reader.key_by_ref(region, ref)))

    def _keep(self, reader: Reader, key: Key | None) -> LoadedKey | None:
        if key is None:
            return None
        loaded = load_key(reader, key)
        gone = self._keys.put((key.account, key.region, key.key_id), loaded)
        if gone is not None:
            self._refs.pop((gone.key.region, gone.key.ref), None)
        self._refs[key.region, key.ref] = loaded
        return loaded

    def alias(self, account: str, region: str, name: str) -> Alias | None:
        found = self._aliases.entries.get((account, region, name))
        if found is None:
            found = self._store.read(lambda reader: reader.alias(account, region, name))
            if found is not None:
                self._aliases.put((account, region, name), found)
        return found

    def credential(self, access_key_id: str) -> Credential | None:
        """The access key of that id with the principal it proves, or None."""
        found = self._credentials.entries.get(access_key_id)
        if found is None:
            found = self._store.read(lambda reader: self._load_credential(reader, access_key_id))
            if found is not None:
                self._credentials.put(access_key_id, found)
        return found

    def _load_credential(self, reader: Reader, access_key_id: str) -> Credential | None:
        stored = reader.access_key(access_key_id)
        if stored is None:
            return None
        principal = reader.principal(stored.principal_arn)
        if principal is None:
            return None
        return Credential(access_key_id, self._open_secret(stored), principal, active=stored.active)

    def policies(self, principal: Principal) -> Policies:
        found = self._policies.entries.get(principal.arn)
        if found is None:
            found = compile_policies(principal)
            self._policies.put(principal.arn, found)
        return found

    def last_use(self, key: Key) -> LastUse | None:
        """The later of what this worker knows and what others have written, which is some seconds old."""
        written = self._store.read(lambda reader: reader.last_use(key.account, key.region, key.key_id))
        known = [use for use in (self.uses.of(key), written) if use is not None]
        return max(known, key=lambda use: use.at, default=None)

    def read(self, question: Callable[[Reader], T]) -> T:
        return self._store.read(question)
