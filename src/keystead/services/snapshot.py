"""The facts of one worker, in memory.

Guarantees: after `Snapshot.refresh` nothing older than the published epoch is used. What the change log names is
forgotten, no more, except that a change of a group or of a managed policy, which are rare, forgets every principal of
its account. A principal that nothing of changed stays the same object. Does not guarantee that facts are not newer than
the epoch: a change that is committed but not yet acknowledged may be seen."""

from __future__ import annotations

from collections.abc import Callable, Hashable
from typing import Generic, TypeVar

from keystead.audit.past import Past
from keystead.domain.caller import Credential, Principal, Token
from keystead.domain.key import Alias, Key, LastUse
from keystead.domain.regions import AWS_REGIONS
from keystead.services import change, effective
from keystead.services.effective import Library, Policies, Texts
from keystead.services.epochs import Epochs
from keystead.services.facts import Answer, Asked, LoadedKey, load_key
from keystead.services.uses import CredentialUses, LastUses
from keystead.store.identities import CredentialUse, StoredAccessKey
from keystead.store.interface import ChangeRow, ChangesLost, Reader, Store

K = TypeVar("K", bound=Hashable)
V = TypeVar("V")
T = TypeVar("T")

# A snapshot this far behind is emptied instead of patched row by row.
_CATCH_UP_ROWS = 1_000

# Key policies whose meaning is kept by text; nearly all keys of an account have the same.
_KEY_POLICIES = 1_000


def _no_sessions(access_key_id: str, token: str) -> Token | None:
    return None


def _no_past(request_id: str, account: str) -> Past | None:
    return None


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

    ``open_secret`` opens the secret of an access key, ``open_session`` the session token of an access key id, or answers
    None where it is none of this server's or another's. ``keys`` and ``credentials`` bound how many of each are kept in
    memory (about 4 KiB a key with a default policy), ``answers`` how many of the policy engine's (some 600 bytes each):
    enough for ten thousand users who take turns with one key. ``texts`` is for any thread. ``uses`` and
    ``credential_uses`` are the last uses of keys, and of access keys and roles, that are not in the store yet.
    """

    __slots__ = (
        "_aliases",
        "_answers",
        "_credentials",
        "_epochs",
        "_keys",
        "_library",
        "_open_secret",
        "_open_session",
        "_policies",
        "_principals",
        "_refs",
        "_store",
        "answers",
        "credential_uses",
        "epoch",
        "past",
        "regions",
        "texts",
        "uses",
    )

    def __init__(
        self,
        store: Store,
        epochs: Epochs,
        open_secret: Callable[[StoredAccessKey], bytes],
        open_session: Callable[[str, str], Token | None] = _no_sessions,
        *,
        past: Callable[[str, str], Past | None] = _no_past,
        keys: int = 10_000,
        credentials: int = 20_000,
        answers: int = 50_000,
        regions: frozenset[str] = AWS_REGIONS,
    ) -> None:
        self.regions = regions
        self._store = store
        self._epochs = epochs
        self._open_secret = open_secret
        self._open_session = open_session
        self.past = past
        self._keys: _Cache[tuple[str, str, str], LoadedKey] = _Cache(keys)
        self._refs: dict[tuple[str, bytes], LoadedKey] = {}
        self._answers: _Cache[Asked, Answer] = _Cache(answers)
        self.answers = self._answers.entries
        self._aliases: _Cache[tuple[str, str, str], Alias] = _Cache(keys)
        self._credentials: _Cache[str, Credential] = _Cache(credentials)
        # By unique id: the two access keys of a user prove the same object, all sessions of a role begin with one.
        self._principals: _Cache[str, Principal] = _Cache(credentials)
        # By the identity of the object, which the entry keeps alive: two sessions may have the same ARN and other policies.
        self._policies: _Cache[int, tuple[Principal, Policies]] = _Cache(credentials)
        self._library = Library(credentials)
        self.texts = Texts(Library(_KEY_POLICIES, effective.compile_key_policy).policy, self._library.policy)
        self.uses = LastUses()
        self.credential_uses = CredentialUses()
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
        identities: set[str] = set()
        accounts: set[str] = set()
        for row in rows:
            if row.kind == change.PRINCIPAL:
                identities.add(row.subject)
            elif row.kind in {change.GROUP, change.POLICY}:
                accounts.add(row.account)
            else:
                self._forget(row)
        if identities or accounts:
            self._forget_principals(
                lambda principal: principal.identity_id in identities or principal.account in accounts
            )
        self.epoch = last

    def _forget(self, row: ChangeRow) -> None:
        """Forget what a row names that is found without a search."""
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
        else:  # a kind this version does not know was written by a newer one: trust nothing that is cached
            self._forget_everything()

    def _forget_principals(self, changed: Callable[[Principal], bool]) -> None:
        """One pass over every cache of principals: to be called once for all that has changed, however much it is."""
        credentials, principals, policies = (
            self._credentials.entries,
            self._principals.entries,
            self._policies.entries,
        )
        for access_key_id in [name for name, credential in credentials.items() if changed(credential.principal)]:
            del credentials[access_key_id]
        for unique_id in [name for name, principal in principals.items() if changed(principal)]:
            del principals[unique_id]
        for number in [number for number, (principal, _) in policies.items() if changed(principal)]:
            del policies[number]

    def _forget_everything(self) -> None:
        self._keys.entries.clear()
        self._refs.clear()
        self._aliases.entries.clear()
        self._credentials.entries.clear()
        self._principals.entries.clear()
        self._policies.entries.clear()
        self._answers.entries.clear()

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
        loaded = load_key(reader, key, self.texts.of_keys)
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

    def credential(self, access_key_id: str, session_token: str | None = None) -> Credential | None:
        """The access key of that id with the principal it proves, or None. A temporary one is made valid by its token:
        whoever asks compares the token with that of the credential, and its expiry with the time."""
        found = self._credentials.entries.get(access_key_id)
        if found is None:
            found = self._store.read(lambda reader: self._load_credential(reader, access_key_id, session_token))
            if found is not None:
                self._credentials.put(access_key_id, found)
        return found

    def _load_credential(self, reader: Reader, access_key_id: str, session_token: str | None) -> Credential | None:
        stored = reader.access_key(access_key_id)
        if stored is None:
            return None if session_token is None else self._load_session(reader, access_key_id, session_token)
        principal = self._principal(reader, stored.identity_id)
        if principal is None:
            return None
        return Credential(access_key_id, self._open_secret(stored), principal, active=stored.active)

    def _load_session(self, reader: Reader, access_key_id: str, session_token: str) -> Credential | None:
        token = self._open_session(access_key_id, session_token)
        if token is None or token.access_key_id != access_key_id:
            return None
        session = token.session
        itself = self._principal(reader, session.identity_id)
        if itself is None or itself.account != session.account:
            return None
        principal = self._library.share(effective.in_session(reader, itself, session))
        return Credential(access_key_id, token.secret, principal, session_token=session_token, expires=session.expires)

    def _principal(self, reader: Reader, unique_id: str) -> Principal | None:
        """The user, root user or role, as it is without a session."""
        found = self._principals.entries.get(unique_id)
        if found is None:
            identity = reader.identity_with_id(unique_id)
            if identity is None:
                return None
            found = self._library.share(effective.principal(reader, identity))
            self._principals.put(unique_id, found)
        return found

    def policies(self, principal: Principal) -> Policies:
        found = self._policies.entries.get(id(principal))
        if found is not None and found[0] is principal:
            return found[1]
        policies = self._library.compile(principal)
        self._policies.put(id(principal), (principal, policies))
        return policies

    def remember(self, asked: Asked, answer: Answer) -> None:
        self._answers.put(asked, answer)

    def last_use(self, key: Key) -> LastUse | None:
        """The later of what this worker knows and what others have written, which is some seconds old."""
        written = self._store.read(lambda reader: reader.last_use(key.account, key.region, key.key_id))
        known = [use for use in (self.uses.of(key), written) if use is not None]
        return max(known, key=lambda use: use.at, default=None)

    def credential_use(self, subject: str) -> CredentialUse | None:
        """As `last_use`, of an access key or a role."""
        written = self._store.read(lambda reader: reader.credential_use(subject))
        known = [use for use in (self.credential_uses.of(subject), written) if use is not None]
        return max(known, key=lambda use: use.at, default=None)

    def read(self, question: Callable[[Reader], T]) -> T:
        return self._store.read(question)
