"""The only gate to key material.

A function that needs more of a key than its facts asks a `Gate`, which is a `Call` that can also open. `sealer` and its
sisters resolve, authorize and check the state (`Call`), then usage and algorithm, and only then unwrap material and
hand out a capability: an object that can do what its name says and nothing more.

Guarantees: material is unwrapped only after the caller was authorized for this operation on this key in a state that
allows it, and for what the key is for. Does not guarantee that a capability is given back: it serves until the call
ends, whatever happens to the key meanwhile."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, TypeVar

from keystead import errors
from keystead.crypto import ciphertext, keyspecs
from keystead.crypto.symmetric import Sealer
from keystead.domain import references, states
from keystead.domain.key import Key, WrappedKey, WrappedMaterial, first_material
from keystead.services.call import Call
from keystead.services.facts import LoadedKey, load_secrets
from keystead.services.material import Bench
from keystead.store.interface import Reader, Transaction

R = TypeVar("R")


class Gate(Call[R]):
    """A call of an operation that uses key material; see the module. Made by the dispatcher, used once."""

    __slots__ = ()

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

    def bench(self, reader: Reader) -> Bench:
        """What it takes to add material to a key, and to let it go."""
        return Bench(reader, self._hierarchy, self.random, self.now)

    # --- material: here and nowhere else -----------------------------------------------------------------------------

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
            lambda transaction: transaction.put_material_fact(first_material(key)),
        )


def _check_encryption(key: Key, operation: str, algorithm: str) -> None:
    """Usage, then algorithm, as AWS words them (errors.md §5, InvalidKeyUsageException)."""
    if key.usage != "ENCRYPT_DECRYPT":
        raise errors.invalid_key_usage(f"{key.arn} key usage is {key.usage} which is not valid for {operation}.")
    if algorithm not in keyspecs.SPECS[key.spec].algorithms[key.usage]:
        raise errors.invalid_key_usage(f"Algorithm {algorithm} is incompatible with key spec {key.spec}.")
