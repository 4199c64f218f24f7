"""Strangers who left a step of docs/format.md out: makers of vectors that must be refused, and faults that the
vectors must notice."""

from __future__ import annotations

import hashlib
import unicodedata
from collections.abc import Mapping

from tests.crypto import stranger
from tests.crypto.stranger import Ciphertexts, Gcm


class NoCommitmentCheck(Ciphertexts):
    def check_commitment(self, derived: bytes, received: bytes) -> None:
        pass


class ShortCommitmentCheck(Ciphertexts):
    def check_commitment(self, derived: bytes, received: bytes) -> None:
        super().check_commitment(derived[:16], received[:16])


class NoTagCheck(Ciphertexts):
    def check_tag(self, key: bytes, iv: bytes, sealed: bytes, additional: bytes) -> bytes:
        return stranger.Gcm(key)._counter(iv, sealed[:-16])


class NoSizeCheck(Ciphertexts):
    def check_size(self, blob: bytes) -> None:
        pass


class MagicOnly(Ciphertexts):
    def check_start(self, blob: bytes) -> None:
        if blob[:3] != b"KSC":
            raise stranger.Refused("magic")


class NoMagic(Ciphertexts):
    def check_start(self, blob: bytes) -> None:
        if blob[3:6] != self.start[3:6]:
            raise stranger.Refused("version")


class LowByteOfSuite(Ciphertexts):
    def check_start(self, blob: bytes) -> None:
        if blob[:4] + blob[5:6] != self.start[:4] + self.start[5:6]:
            raise stranger.Refused("suite")


class AnyKeyReference(Ciphertexts):
    def check_names(self, blob: bytes, ref: bytes, material_id: bytes) -> None:
        super().check_names(blob, blob[6:22], material_id)


class AnyMaterialId(Ciphertexts):
    def check_names(self, blob: bytes, ref: bytes, material_id: bytes) -> None:
        super().check_names(blob, ref, blob[22:38])


class NoLengths(Ciphertexts):
    def context(self, context: Mapping[str, str]) -> bytes:
        return b"".join(name.encode() + value.encode() for name, value in sorted(context.items()))


class AsGiven(Ciphertexts):
    def context(self, context: Mapping[str, str]) -> bytes:
        pairs = [stranger.listed(name.encode(), value.encode())[4:] for name, value in context.items()]
        return stranger.u32(len(pairs)) + b"".join(pairs)


class SortedByUtf16(Ciphertexts):
    def context(self, context: Mapping[str, str]) -> bytes:
        pairs = sorted(context.items(), key=lambda pair: pair[0].encode("utf-16-be"))
        return stranger.u32(len(pairs)) + b"".join(stranger.listed(n.encode(), v.encode())[4:] for n, v in pairs)


class Normalised(Ciphertexts):
    def context(self, context: Mapping[str, str]) -> bytes:
        return super().context({name: unicodedata.normalize("NFC", value) for name, value in context.items()})


class Trimmed(Ciphertexts):
    def context(self, context: Mapping[str, str]) -> bytes:
        return super().context({name: value.strip() for name, value in context.items()})


class CaseFolded(Ciphertexts):
    def context(self, context: Mapping[str, str]) -> bytes:
        return super().context({name.lower(): value for name, value in context.items()})


class NoContext(Ciphertexts):
    def context(self, context: Mapping[str, str]) -> bytes:
        return stranger.u32(0)


class NoHeaderInDigest(Ciphertexts):
    def derived(self, material: bytes, header: bytes, context: bytes) -> tuple[bytes, bytes]:
        digest = hashlib.sha256(context).digest()
        both = stranger.derive(material, self.label, header[38:54] + header[22:38] + digest, 64)
        return both[:32], both[32:]


class NoAdditionalData(Ciphertexts):
    def additional(self, blob: bytes) -> bytes:
        return b""


class HeaderOnly(Ciphertexts):
    def additional(self, blob: bytes) -> bytes:
        return blob[:66]


class NoSalt(Ciphertexts):
    def derived(self, material: bytes, header: bytes, context: bytes) -> tuple[bytes, bytes]:
        digest = hashlib.sha256(header + context).digest()
        both = stranger.derive(material, self.label, header[22:38] + digest, 64)
        return both[:32], both[32:]


class AnotherLabel(Ciphertexts):
    label = b"keystead/ciphertext/v2"


class Unbounded(Ciphertexts):
    """Seals any length, so that a length that must be refused has a right commitment and a right tag."""

    def seal(
        self,
        material: bytes,
        ref: bytes,
        material_id: bytes,
        context: Mapping[str, str],
        plaintext: bytes,
        drawn: bytes,
    ) -> bytes:
        header = self.start + ref + material_id + drawn
        key, commitment = self.derived(material, header, self.context(context))
        return header + commitment + Gcm(key).seal(header[54:66], plaintext, header + commitment)
