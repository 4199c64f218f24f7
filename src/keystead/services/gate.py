"""The only gate to key material.

A function that needs more of a key than its facts asks a `Gate`, which is a `Call` that can also open. `sealer`,
`signer` and their sisters resolve, authorize and check the state (`Call`), then usage and algorithm, and only then
unwrap material and hand out a capability: an object that can do what its name says and nothing more.

Guarantees: material is unwrapped only after the caller was authorized for this operation on this key in a state that
allows it, and for what the key is for. Does not guarantee that a capability is given back: it serves until the call
ends, whatever happens to the key meanwhile."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from functools import partial
from typing import Any, Final, TypeVar

from keystead import errors
from keystead.crypto import ciphertext, importing, keyspecs
from keystead.crypto.capabilities import (
    Agreer,
    Decapsulator,
    Decrypter,
    Encapsulator,
    Encrypter,
    MacChecker,
    MacMaker,
    Opened,
    PublicKey,
    Signer,
    Verifier,
)
from keystead.crypto.keyspecs import Pace
from keystead.crypto.prover import Prove
from keystead.crypto.symmetric import Sealer
from keystead.domain import materials, references, states
from keystead.domain.key import EXTERNAL, Key, WrappedKey, WrappedMaterial, first_material
from keystead.domain.keytypes import SYMMETRIC_DEFAULT
from keystead.services.call import Call
from keystead.services.change import Writes
from keystead.services.facts import LoadedKey
from keystead.services.material import Bench
from keystead.services.work import Work
from keystead.services.wrapped import Secrets, load_secrets
from keystead.store.interface import Reader, Transaction

R = TypeVar("R")
T = TypeVar("T")

# What these operations say of a key that encrypts, but not symmetrically.
_MADE: Final = {
    "GenerateDataKey": "data key",
    "GenerateDataKeyWithoutPlaintext": "data key",
    "GenerateDataKeyPair": "data key pair",
    "GenerateDataKeyPairWithoutPlaintext": "data key pair",
}


class Gate(Call[R]):
    """A call of an operation that uses key material; see the module. Made by the dispatcher, used once."""

    __slots__ = ()

    # --- symmetric encryption ----------------------------------------------------------------------------------------

    def sealer(
        self,
        text: str,
        *,
        context: Mapping[str, str] | None,
        algorithm: str = SYMMETRIC_DEFAULT,
        permission: str | None = None,
        key_pair_spec: str | None = None,
    ) -> Sealer:
        """A capability to seal under the key that ``text`` names with its current material."""
        values = self._encryption_facts(context, algorithm)
        if key_pair_spec is not None:
            values["data_key_pair_spec"] = key_pair_spec
        loaded = self._admit(text, permission, None, values)
        _check(loaded.key, self.row.name, keyspecs.ENCRYPTING, algorithm)
        return self._sealer(loaded, loaded.key.material_id or "")

    def opener(
        self,
        blob: bytes,
        text: str | None,
        *,
        context: Mapping[str, str] | None,
        algorithm: str = SYMMETRIC_DEFAULT,
        permission: str | None = None,
    ) -> tuple[Sealer, ciphertext.Blob]:
        """A capability to open this blob. Without ``text`` the blob names its key, and a key that is not there, is
        elsewhere, or forbids it, is refused alike; with ``text`` the blob must be of that key
        (IncorrectKeyException), which a key that does not encrypt symmetrically never is, nor is a related key of
        another region."""
        values = self._encryption_facts(context, algorithm)
        if text is None:
            parsed = ciphertext.parse(blob)
            loaded = self._admit_by_blob(parsed, permission, values)
        elif references.names_another_region(text, self.caller.region):
            raise errors.incorrect_key()
        else:
            loaded = self._admit(text, permission, None, values)
            parsed = ciphertext.parse(blob)
            if parsed.ref != loaded.key.ref:
                raise errors.incorrect_key()
        _check(loaded.key, self.row.name, keyspecs.ENCRYPTING, algorithm)
        material_id = self._material_of(loaded, parsed.material)
        self.material_id = material_id
        return self._sealer(loaded, material_id), parsed

    def _admit_by_blob(self, blob: ciphertext.Blob, permission: str | None, values: Mapping[str, Any]) -> LoadedKey:
        loaded = self.facts.key_by_ref(self.caller.region, blob.ref)
        if loaded is not None and self.now >= loaded.key.lasts:
            loaded = loaded.at(self.now)
        if loaded is None:
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
                found = self.facts.key_by_ref(self.caller.region, ciphertext.parse(blob).ref)
            else:
                found = self._resolve(references.parse(source, self.caller.account, self.caller.region, aliases=True))
        except errors.Refusal:
            self.same_key = False
        else:
            self.same_key = found is not None and aimed is not None and found.key.arn == aimed.key.arn

    # --- material that comes and goes ---------------------------------------------------------------------------------

    def bench(self, reader: Reader) -> Bench:
        """What it takes to add material to a key, and to let it go."""
        return Bench(reader, self._hierarchy, self.random, self.now)

    def import_offer(self, key: Key, algorithm: str, wrapping_spec: str) -> Callable[[], importing.Offer]:
        """What makes a wrapping key for an import into ``key``, and its token. Slow."""
        return partial(importing.offer, self._hierarchy, key, algorithm, wrapping_spec, self.now, self.random)

    def unwrapping_import(self, key: Key, token: bytes, encrypted: bytes) -> Callable[[Prove], importing.Imported]:
        """What opens the material that a caller wrapped for ``key``, and has it proven; its outcome is this call's
        ``prepared``. Slow."""
        if self.key_arn != key.arn:
            raise PermissionError(f"{self.row.name} imports into a key that it was not admitted to")
        held = self.facts.read(lambda reader: reader.material_facts(key.account, key.region, key.key_id))
        known = frozenset(fact.material_id for fact in held)
        return partial(importing.unwrap_import, self._hierarchy, key, token, encrypted, self.now, known)

    # --- everything else: one capability for each usage and side ------------------------------------------------------

    def encrypter(self, text: str, *, algorithm: str, permission: str | None = None) -> Encrypter:
        """A capability to encrypt with the public half of an asymmetric key."""
        values = self._encryption_facts(None, algorithm)
        return _given(self._opened(text, keyspecs.ENCRYPTING, algorithm, values, permission).encrypter)

    def decrypter(self, text: str, *, algorithm: str, permission: str | None = None) -> Decrypter:
        """A capability to decrypt with an asymmetric key."""
        values = self._encryption_facts(None, algorithm)
        return _given(self._opened(text, keyspecs.ENCRYPTING, algorithm, values, permission).decrypter)

    def signer(self, text: str, *, algorithm: str, message_type: str) -> Signer:
        """A capability to sign."""
        values = {"signing_algorithm": algorithm, "message_type": message_type}
        return _given(self._opened(text, keyspecs.SIGNING, algorithm, values).signer)

    def verifier(self, text: str, *, algorithm: str, message_type: str) -> Verifier:
        """A capability to verify signatures, and none to make them."""
        values = {"signing_algorithm": algorithm, "message_type": message_type}
        return _given(self._opened(text, keyspecs.SIGNING, algorithm, values).verifier)

    def mac_maker(self, text: str, *, algorithm: str) -> MacMaker:
        """A capability to make MACs."""
        return _given(self._opened(text, keyspecs.AUTHENTICATING, algorithm, {"mac_algorithm": algorithm}).mac_maker)

    def mac_checker(self, text: str, *, algorithm: str) -> MacChecker:
        """A capability to check MACs, and none to show them."""
        return _given(self._opened(text, keyspecs.AUTHENTICATING, algorithm, {"mac_algorithm": algorithm}).mac_checker)

    def agreer(self, text: str, *, algorithm: str) -> tuple[Agreer, Key]:
        """A capability to agree on a secret with somebody's public key; and the key."""
        loaded = self._admit(text, None, None, {"key_agreement_algorithm": algorithm})
        return _given(self._checked(loaded, keyspecs.AGREEING, algorithm).agreer), loaded.key

    def encapsulator(self, text: str, *, algorithm: str) -> Encapsulator:
        """A capability to make a secret for whoever can decapsulate it."""
        return _given(self._opened(text, keyspecs.ENCAPSULATING, algorithm, {}).encapsulator)

    def decapsulator(self, text: str, *, algorithm: str) -> Decapsulator:
        """A capability to take secrets out of their ciphertexts."""
        return _given(self._opened(text, keyspecs.ENCAPSULATING, algorithm, {}).decapsulator)

    def public_key(self, text: str) -> tuple[PublicKey, Key]:
        """The public half of an asymmetric key; and the key. UnsupportedOperationException where there is none."""
        loaded = self._admit(text, None, None, {})
        if keyspecs.SPECS[loaded.key.spec].public is None:
            raise errors.unsupported_for_key_type()
        return _given(self._capabilities(loaded).public_key), loaded.key

    def work(self, do: Callable[[], T]) -> T | Work:
        """What ``do`` makes with the capabilities that were handed out: at once, or where they are slow, as `Work`."""
        return Work(do) if self.slow else do()

    def _opened(
        self, text: str, usage: str, algorithm: str, values: Mapping[str, Any], permission: str | None = None
    ) -> Opened:
        return self._checked(self._admit(text, permission, None, values), usage, algorithm)

    def _checked(self, loaded: LoadedKey, usage: str, algorithm: str) -> Opened:
        """The way of every capability but the Sealer, once the key is admitted: usage, algorithm, material."""
        _check(loaded.key, self.row.name, usage, algorithm)
        return self._capabilities(loaded)

    # --- material: here and nowhere else -----------------------------------------------------------------------------

    def _capabilities(self, loaded: LoadedKey) -> Opened:
        """The capabilities of a key that is not for symmetric encryption. They are kept with the loaded key."""
        key = loaded.key
        spec = keyspecs.SPECS[key.spec]
        self.material_id = None  # CloudTrail shows that of symmetric encryption keys alone
        if spec.using is not Pace.AT_ONCE:
            self.slow = True
        if loaded.capabilities is None:
            loaded.capabilities = spec.open(self._unwrapped(key, key.material_id or ""), key.usage)
        return loaded.capabilities

    def _sealer(self, loaded: LoadedKey, material_id: str) -> Sealer:
        """The Sealer of one version of the material; kept with the loaded key, so it goes when the key changes."""
        held = loaded.opened.get(material_id)
        if held is None:
            key = loaded.key
            held = Sealer(self._unwrapped(key, material_id), key.ref, bytes.fromhex(material_id))
            loaded.opened[material_id] = held
        return held

    def _unwrapped(self, key: Key, material_id: str) -> bytes:
        secrets = self.facts.read(lambda reader: load_secrets(reader, key))
        row = None if secrets is None else secrets.material(material_id)
        if secrets is None or row is None:
            raise errors.internal(f"the material {material_id} of {key.arn} is missing")
        return self._hierarchy.unwrap_material(row, secrets.wrap_key, secrets.account_key)

    def _material_of(self, loaded: LoadedKey, short: bytes) -> str:
        """The full id of the material whose first 16 bytes a blob names."""
        wanted = short.hex()
        if loaded.key.material_id is not None and loaded.key.material_id.startswith(wanted):
            return loaded.key.material_id
        for material_id in loaded.opened:
            if material_id.startswith(wanted):
                return material_id
        key = loaded.key
        held = self.facts.read(lambda reader: reader.materials(key.account, key.region, key.key_id))
        for material in held:
            if material.material_id.startswith(wanted):
                return material.material_id
        raise errors.invalid_ciphertext()

    def preparation(self, key: Key) -> Work | None:
        """What must be done, and takes time, before `new_material` of a key that is being created; None if nothing
        must, or it was done."""
        spec = keyspecs.SPECS[key.spec]
        if key.material_id is None or self.prepared is not None or spec.making is Pace.AT_ONCE:
            return None
        return Work(partial(_Fresh.made, spec, self.random), long=spec.making is Pace.LONG)

    def new_material(self, key: Key) -> Writes:
        """What a key that is being created needs beside its row: the writes that keep its wrap key and, if it has a
        material from the start, that material, fresh and wrapped."""
        account_key = self.facts.read(lambda reader: reader.account_key(key.account))
        if account_key is None:
            raise errors.internal(f"the account {key.account} has no key of its own")
        wrap_key = self._new_wrap_key(key, account_key)
        wrap: Writes = (lambda transaction: transaction.put_wrap_key(wrap_key),)
        if key.material_id is None:
            return wrap
        fresh = self.prepared or _Fresh.made(keyspecs.SPECS[key.spec], self.random)
        row = WrappedMaterial(key.account, key.region, key.key_id, key.material_id, 1, key.spec, b"", self.now)
        wrapped = self._hierarchy.wrap_material(row, fresh.material, wrap_key, account_key, self.random)
        return (
            *wrap,
            lambda transaction: transaction.put_material(wrapped),
            lambda transaction: transaction.put_material_fact(first_material(key)),
        )

    def copied_material(self, primary: Key, replica: Key) -> Writes:
        """What a replica of the key that was asked for last needs beside its row: a wrap key of its own, all that is
        known of the material, and the material itself wrapped anew; of imported material the knowledge alone, so that
        the same can be imported."""
        if primary.arn != self.key_arn:
            raise PermissionError(f"{self.row.name} copies material of a key it has not asked for")
        secrets = self.facts.read(lambda reader: load_secrets(reader, primary))
        if secrets is None:
            raise errors.internal(f"the wrap key of {primary.arn} is missing")
        known = self.facts.read(lambda reader: reader.material_facts(primary.account, primary.region, primary.key_id))
        facts = [replace(fact, region=replica.region) for fact in known]
        copied: Iterable[WrappedMaterial] = secrets.materials
        if replica.origin == EXTERNAL:
            facts, copied = [materials.without_bytes(fact) for fact in facts], ()
        wrap_key = self._new_wrap_key(replica, secrets.account_key)
        rows = [self._rewrapped(row, secrets, replica, wrap_key) for row in copied]

        def keep(transaction: Transaction) -> None:
            transaction.put_wrap_key(wrap_key)
            for fact in facts:
                transaction.put_material_fact(fact)
            for row in rows:
                transaction.put_material(row)

        return (keep,)

    def _rewrapped(self, row: WrappedMaterial, secrets: Secrets, replica: Key, wrap_key: WrappedKey) -> WrappedMaterial:
        material = self._hierarchy.unwrap_material(row, secrets.wrap_key, secrets.account_key)
        copy = replace(row, region=replica.region)
        return self._hierarchy.wrap_material(copy, material, wrap_key, secrets.account_key, self.random)

    def _new_wrap_key(self, key: Key, account_key: bytes) -> WrappedKey:
        wrapped = self._hierarchy.new_wrap_key(key.account, key.region, key.key_id, account_key, self.random)
        return WrappedKey(key.account, key.region, key.key_id, wrapped)


class _Fresh:
    """Material that was made and is not wrapped yet. It goes through hands that must not see it."""

    __slots__ = ("material",)

    def __init__(self, material: bytes) -> None:
        self.material = material

    @classmethod
    def made(cls, spec: keyspecs.KeySpec, random: Callable[[int], bytes]) -> _Fresh:
        return cls(spec.generate(random))


def _given(capability: T | None) -> T:
    """What a usage that was checked must have brought with it."""
    if capability is None:
        raise errors.internal("a key spec lacks a capability of one of its usages")
    return capability


def _check(key: Key, operation: str, usage: str, algorithm: str) -> None:
    """Usage, then algorithm, as AWS words them (errors.md §5, InvalidKeyUsageException)."""
    if key.usage != usage:
        raise errors.invalid_key_usage(f"{key.arn} key usage is {key.usage} which is not valid for {operation}.")
    if algorithm not in keyspecs.SPECS[key.spec].algorithms[usage]:
        if operation in _MADE:
            raise errors.invalid_key_usage(f"You cannot generate a {_MADE[operation]} with an asymmetric CMK")
        raise errors.algorithm_of_other_spec(algorithm, key.spec)
