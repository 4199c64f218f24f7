"""The key hierarchy: root -> domain keys -> account key -> a wrap key for each key -> its material; and the root's
other branches.

Guarantees: keys below the root exist outside this module only wrapped, material excepted, which `unwrap_material`
gives to the gate in `services.gate`; each branch has its own label, so no two uses share a key; what was altered or
moved raises `NotAuthentic`. Does not guarantee that Python forgets a key that is no longer used, nor that anybody
was allowed to ask.

Normative: docs/format.md §4 to §7. All keys have 32 bytes. A Hierarchy does not change and is safe to use from
several threads.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Final

from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.hmac import HMAC

from keystead.crypto import boxes, wrapping
from keystead.crypto.derivation import KEY_BYTES, Random, derive, draw
from keystead.crypto.encoding import encode_list
from keystead.crypto.wrapping import NotAuthentic, Place
from keystead.domain.key import WrappedKey, WrappedMaterial

__all__ = ["Hierarchy", "NotAuthentic"]

BRANCHES: Final = {
    name: b"keystead/branch/" + name.encode() + b"/v1"
    for name in ("domain-keys", "metadata", "credentials", "tokens", "audit", "material-ids")
}
AUDIT_SEGMENT: Final = b"keystead/audit-segment/v1"
MATERIAL_ID: Final = b"keystead/material-id/v1"
MATERIAL_ID_BYTES: Final = 32
NO_DOMAINS: Final = 0


class Hierarchy:
    """Everything that follows from one root key.

    ``domains`` maps the version of each domain key that is kept, retired ones included, to its wrapped row;
    ``current`` is the version that wraps new account keys, `NO_DOMAINS` where there is none yet. Raises
    `NotAuthentic` when a domain key does not open: the root key of another store.
    """

    __slots__ = (
        "_audit",
        "_credentials",
        "_current",
        "_domain_keys",
        "_domains",
        "_material_ids",
        "_row_mac",
        "_tokens",
    )

    def __init__(self, root: bytes, domains: Mapping[int, bytes], current: int) -> None:
        if len(root) != KEY_BYTES:
            raise ValueError("the root key has 32 bytes")
        if current not in domains and (domains or current != NO_DOMAINS):
            raise ValueError(f"domain key {current} is not among those given")
        branch = {name: derive(root, label, b"", KEY_BYTES) for name, label in BRANCHES.items()}
        self._domain_keys = branch["domain-keys"]
        self._credentials = branch["credentials"]
        self._tokens = branch["tokens"]
        self._audit = branch["audit"]
        self._material_ids = branch["material-ids"]
        self._row_mac = HMAC(branch["metadata"], SHA256())
        self._domains = {
            version: wrapping.unwrap(self._domain_keys, _domain_place(version), wrapped)
            for version, wrapped in domains.items()
        }
        self._current = current

    # --- domain and account keys --------------------------------------------------------------------------------------

    def new_domain(self, random: Random) -> tuple[int, bytes]:
        """The next domain key, wrapped, and its version; use it by making a Hierarchy of the new rows."""
        version = max(self._domains, default=NO_DOMAINS) + 1
        return version, wrapping.wrap(self._domain_keys, _domain_place(version), draw(random, KEY_BYTES), random)

    def new_account_key(self, account: str, random: Random) -> bytes:
        """A key for one account, wrapped under the current domain key."""
        return self._wrap_account_key(account, draw(random, KEY_BYTES), random)

    def rewrap_account_key(self, account: str, wrapped: bytes, random: Random) -> bytes:
        """The same account key, wrapped under the current domain key: what has to happen before an older domain key
        can go."""
        return self._wrap_account_key(account, self._account_key(account, wrapped), random)

    def _wrap_account_key(self, account: str, key: bytes, random: Random) -> bytes:
        if self._current == NO_DOMAINS:
            raise ValueError("there is no domain key yet")
        domain = self._domains[self._current]
        return wrapping.wrap(domain, Place(wrapping.ACCOUNT_KEYS, account), key, random, parent=self._current)

    def _account_key(self, account: str, wrapped: bytes) -> bytes:
        place = Place(wrapping.ACCOUNT_KEYS, account)
        domain = self._domains.get(wrapping.parent(wrapped))
        if domain is None:
            raise NotAuthentic(f"{place} names domain key {wrapping.parent(wrapped)}, which is not kept")
        return wrapping.unwrap(domain, place, wrapped)

    # --- keys and their material --------------------------------------------------------------------------------------

    def new_wrap_key(self, account: str, region: str, key_id: str, wrapped_account_key: bytes, random: Random) -> bytes:
        """The wrap key of one new key, wrapped under its account key. Destroying the result destroys all that it
        will wrap."""
        account_key = self._account_key(account, wrapped_account_key)
        return wrapping.wrap(
            account_key, Place(wrapping.WRAP_KEYS, account, region, key_id), draw(random, KEY_BYTES), random
        )

    def wrap_material(
        self, row: WrappedMaterial, material: bytes, wrap_key: WrappedKey, wrapped_account_key: bytes, random: Random
    ) -> WrappedMaterial:
        """``row`` with ``material`` wrapped in it; what the row said before in ``wrapped`` does not matter.

        ValueError when the wrap key is another key's.
        """
        if (row.account, row.region, row.key_id) != (wrap_key.account, wrap_key.region, wrap_key.key_id):
            raise ValueError("material is wrapped under the wrap key of its own key")
        key = self._wrap_key(wrap_key, wrapped_account_key)
        return replace(row, wrapped=wrapping.wrap(key, _material_place(row), material, random))

    def unwrap_material(self, row: WrappedMaterial, wrap_key: WrappedKey, wrapped_account_key: bytes) -> bytes:
        """The material itself. Only the gate in `services.gate` calls this."""
        return wrapping.unwrap(self._wrap_key(wrap_key, wrapped_account_key), _material_place(row), row.wrapped)

    def imported_material_id(self, account: str, key_id: str, material: bytes) -> str:
        """The id (64 hex digits) of material that came from outside: the same for the same material in the same key,
        in every region; another in another key. Nobody without the root key can compute or test it."""
        place = encode_list(account.encode(), key_id.encode(), material)
        return derive(self._material_ids, MATERIAL_ID, place, MATERIAL_ID_BYTES).hex()

    def _wrap_key(self, row: WrappedKey, wrapped_account_key: bytes) -> bytes:
        account_key = self._account_key(row.account, wrapped_account_key)
        return wrapping.unwrap(account_key, Place(wrapping.WRAP_KEYS, row.account, row.region, row.key_id), row.wrapped)

    # --- credentials and tokens ---------------------------------------------------------------------------------------

    def seal_secret(self, purpose: bytes, aad: tuple[str, ...], plaintext: bytes, random: Random) -> bytes:
        """A secret that the store keeps; ``purpose`` says what it is, ``aad`` whom and what it belongs to. 42 bytes
        longer."""
        return boxes.seal(self._credentials, boxes.SECRET, purpose, aad, plaintext, random)

    def open_secret(self, purpose: bytes, aad: tuple[str, ...], sealed: bytes) -> bytes:
        """The secret, or `NotAuthentic`."""
        return boxes.open_box(self._credentials, boxes.SECRET, purpose, aad, sealed)

    def seal_token(self, purpose: bytes, plaintext: bytes, random: Random, aad: tuple[str, ...] = ()) -> bytes:
        """A token for a caller to bring back. What it holds is hidden from him; 42 bytes longer."""
        return boxes.seal(self._tokens, boxes.TOKEN, purpose, aad, plaintext, random)

    def open_token(self, purpose: bytes, token: bytes, aad: tuple[str, ...] = ()) -> bytes | None:
        """What the token holds, None when it is not one of ours: it came from outside, so a wrong one is no alarm."""
        try:
            return boxes.open_box(self._tokens, boxes.TOKEN, purpose, aad, token)
        except NotAuthentic:
            return None

    # --- metadata and audit -------------------------------------------------------------------------------------------

    def row_mac(self, data: bytes) -> bytes:
        """The MAC (32 bytes) of a row's injective encoding. Compare with `hmac.compare_digest`."""
        mac = self._row_mac.copy()
        mac.update(data)
        return mac.finalize()

    def audit_key(self, segment_id: bytes) -> bytes:
        """The MAC key (32 bytes) of one audit segment."""
        return derive(self._audit, AUDIT_SEGMENT, segment_id, KEY_BYTES)

    def __repr__(self) -> str:
        return f"Hierarchy(domains={sorted(self._domains)}, current={self._current})"

    def __reduce__(self) -> str:
        raise TypeError("keys are not pickled or copied")


def _domain_place(version: int) -> Place:
    return Place(wrapping.DOMAIN_KEYS, version=version)


def _material_place(row: WrappedMaterial) -> Place:
    return Place(wrapping.MATERIALS, row.account, row.region, row.key_id, row.material_id, row.spec, row.version)
