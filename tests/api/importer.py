"""What the owner of imported material does on his side: wraps it as AWS's guide says, with PyCryptodome, so that it is not
our own library that both wraps and unwraps."""

from __future__ import annotations

import os
from typing import Any

from Crypto.Cipher import AES, PKCS1_OAEP
from Crypto.Hash import SHA1, SHA256
from Crypto.PublicKey import RSA

STAYS = "KEY_MATERIAL_DOES_NOT_EXPIRE"
NEW = "NEW_KEY_MATERIAL"


def wrapped(public_key: bytes, algorithm: str, material: bytes) -> bytes:
    hash_ = SHA1 if algorithm.endswith("SHA_1") else SHA256
    oaep = PKCS1_OAEP.new(RSA.import_key(public_key), hashAlgo=hash_)
    if algorithm.startswith("RSAES_OAEP"):
        return oaep.encrypt(material)
    key = os.urandom(32)
    return oaep.encrypt(key) + AES.new(key, AES.MODE_KWP).seal(material)


def parameters(kms: Any, key_id: str, algorithm: str = "RSAES_OAEP_SHA_256", spec: str = "RSA_2048") -> dict[str, Any]:
    """A token, and ``wrap(material)`` to go with it."""
    answer = kms.get_parameters_for_import(KeyId=key_id, WrappingAlgorithm=algorithm, WrappingKeySpec=spec)
    return {
        "ImportToken": answer["ImportToken"],
        "wrap": lambda material: wrapped(answer["PublicKey"], algorithm, material),
    }


def bring(
    kms: Any, key_id: str, material: bytes, *, using: dict[str, Any] | None = None, **more: Any
) -> dict[str, Any]:
    """Import; for good unless ``more`` says otherwise."""
    using = using or parameters(kms, key_id)
    if not {"ValidTo", "ExpirationModel"} & more.keys():
        more["ExpirationModel"] = STAYS
    answer = kms.import_key_material(
        KeyId=key_id, ImportToken=using["ImportToken"], EncryptedKeyMaterial=using["wrap"](material), **more
    )
    del answer["ResponseMetadata"]
    return dict(answer)
