"""The `Sealer`: the capability to seal and open under one version of one symmetric key, and nothing else.

Guarantees: a Sealer opens only blobs that name its own key and material; its material cannot be read back, printed,
copied or pickled through it; it has no other operation, so a key for encryption cannot sign. Does not guarantee
that its holder was allowed to have it: `services.gate` hands it out.
"""

from __future__ import annotations

from collections.abc import Mapping

from keystead import errors
from keystead.crypto import ciphertext
from keystead.crypto.ciphertext import Blob, CallKeys
from keystead.crypto.context import encode_context
from keystead.crypto.derivation import Random


class Sealer:
    """Bound to one key and one version of its material.

    ``ref`` is the key's 16-byte reference, ``material_id`` the 32-byte material id (or its first 16 bytes). Safe to
    use from several threads.
    """

    __slots__ = ("_front", "_keys", "_material", "_ref")

    def __init__(self, material: bytes, ref: bytes, material_id: bytes) -> None:
        self._ref = ref
        self._material = material_id[: ciphertext.ID_BYTES]
        self._front = ciphertext.front(ref, self._material)
        self._keys = CallKeys(material)

    def seal(self, plaintext: bytes, context: Mapping[str, str] | None, random: Random) -> bytes:
        """A ciphertext of 1 to 4096 bytes (else ValueError: requests are validated before) under an encryption context.

        ValidationException when the context is too large (`context.encode_context`).
        """
        return ciphertext.seal_with(self._keys, self._front, encode_context(context), plaintext, random)

    def open(self, blob: Blob, context: Mapping[str, str] | None) -> bytes:
        """The plaintext. InvalidCiphertextException when the blob is of another key, material or context, or
        altered."""
        if blob.ref != self._ref or blob.material != self._material:
            raise errors.invalid_ciphertext()
        return ciphertext.open_with(self._keys, blob, encode_context(context))

    def __repr__(self) -> str:
        return f"Sealer(ref={self._ref.hex()}, material_id={self._material.hex()}…)"

    def __reduce__(self) -> str:
        raise TypeError("key material is not pickled or copied")
