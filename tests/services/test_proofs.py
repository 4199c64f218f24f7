"""Private keys that are imported: proven when they first come, by whoever the workshop has for it, and not again."""

from __future__ import annotations

import base64
from typing import Any

from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.asymmetric.padding import MGF1, OAEP
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.keywrap import aes_key_wrap_with_padding
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_der_public_key,
)

from keystead import errors
from keystead.crypto.prover import CannotProve
from keystead.domain.key import KeyState
from tests.services.holder import STAYS, Holder, done, external, stored
from tests.services.office import Office

RSA_MATERIAL = rsa.generate_private_key(65537, 2048).private_bytes(Encoding.DER, PrivateFormat.PKCS8, NoEncryption())


class Proofs:
    """Stands for the prover of the workshop, and counts."""

    def __init__(self, office: Office) -> None:
        self.asked: list[bytes] = []
        self.broken: Exception | None = None
        office.workshop._prove = self

    def __call__(self, material: bytes) -> None:
        self.asked.append(material)
        if self.broken is not None:
            raise self.broken


async def _rsa_import(office: Office) -> tuple[str, dict[str, Any]]:
    """An RSA key that waits for its material, and the body that brings it."""
    key_id = await external(office, KeySpec="RSA_2048", KeyUsage="SIGN_VERIFY")
    chosen = {"WrappingAlgorithm": "RSA_AES_KEY_WRAP_SHA_256", "WrappingKeySpec": "RSA_2048"}
    offered = await done(office, "GetParametersForImport", KeyId=key_id, **chosen)
    key = load_der_public_key(base64.b64decode(offered["PublicKey"]))
    assert isinstance(key, rsa.RSAPublicKey)
    aes = bytes(range(32))
    wrapped = key.encrypt(aes, OAEP(MGF1(SHA256()), SHA256(), None)) + aes_key_wrap_with_padding(aes, RSA_MATERIAL)
    return key_id, {
        "ImportToken": offered["ImportToken"],
        "EncryptedKeyMaterial": base64.b64encode(wrapped).decode(),
        "ExpirationModel": STAYS,
    }


def test_an_rsa_key_is_proven_when_it_first_comes_and_not_when_it_comes_back(play: Any) -> None:
    async def story(office: Office) -> None:
        proofs, (key_id, body) = Proofs(office), await _rsa_import(office)
        for _ in range(2):
            await done(office, "ImportKeyMaterial", KeyId=key_id, **body)
        await done(office, "DeleteImportedKeyMaterial", KeyId=key_id)
        await done(office, "ImportKeyMaterial", KeyId=key_id, **body)
        assert proofs.asked == [RSA_MATERIAL]
        other, body = await _rsa_import(office)  # the same material is new to another key
        await done(office, "ImportKeyMaterial", KeyId=other, **body)
        assert proofs.asked == [RSA_MATERIAL] * 2

    play(story)


def test_material_that_was_not_proven_is_not_known_when_it_comes_again(play: Any) -> None:
    async def story(office: Office) -> None:
        proofs, (key_id, body) = Proofs(office), await _rsa_import(office)
        for broken, code, status in (
            (errors.invalid_ciphertext(), "InvalidCiphertextException", 400),
            (CannotProve("the helper ended before it answered"), "KMSInternalException", 500),
        ):
            proofs.broken = broken
            found, answer = await office.call("ImportKeyMaterial", KeyId=key_id, **body)
            assert (found, answer["__type"]) == (status, code)
            assert stored(office, key_id).state is KeyState.PENDING_IMPORT
        assert [type(error) for _, error in office.reported] == [CannotProve]
        proofs.broken = None
        await done(office, "ImportKeyMaterial", KeyId=key_id, **body)
        assert len(proofs.asked) == 3

    play(story)


def test_symmetric_material_needs_no_proof(play: Any) -> None:
    async def story(office: Office) -> None:
        proofs, holder = Proofs(office), await Holder.new(office)
        await holder.take(bytes(32))
        assert proofs.asked == []

    play(story)
