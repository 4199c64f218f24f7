"""A key with imported material, and what its owner does with it; small steps that stories about material share."""

from __future__ import annotations

import asyncio
import base64
from typing import Any

from cryptography.hazmat.primitives.asymmetric.padding import MGF1, OAEP
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import load_der_public_key

from keystead.domain import limits
from keystead.domain.key import Key
from tests.services.office import ACCOUNT, REGION, Office

DAY = limits.SECONDS_PER_DAY
SECRET = base64.b64encode(b"a secret").decode()
EXPIRES, STAYS = "KEY_MATERIAL_EXPIRES", "KEY_MATERIAL_DOES_NOT_EXPIRE"


async def done(office: Office, operation: str, **body: Any) -> dict[str, Any]:
    status, answer = await office.call(operation, **body)
    assert status == 200, answer
    return answer


async def sweep(office: Office) -> int:
    begun = office.sweep.run()
    await asyncio.sleep(0.2)
    return begun


def stored(office: Office, key_id: str) -> Key:
    key = office.store.read(lambda reader: reader.key(ACCOUNT, REGION, key_id))
    assert key is not None
    return key


async def external(office: Office, **body: Any) -> str:
    made = await office.make_key(Origin="EXTERNAL", **body)
    assert (made["KeyState"], made["Origin"]) == ("PendingImport", "EXTERNAL")
    return str(made["KeyId"])


class Wrapper:
    """One set of parameters for an import, which may be used again."""

    def __init__(self, answer: dict[str, Any]) -> None:
        self.token = answer["ImportToken"]
        key = load_der_public_key(base64.b64decode(answer["PublicKey"]))
        assert isinstance(key, RSAPublicKey)
        self._key = key

    @classmethod
    async def get(cls, office: Office, key_id: str) -> Wrapper:
        return cls(
            await done(
                office,
                "GetParametersForImport",
                KeyId=key_id,
                WrappingAlgorithm="RSAES_OAEP_SHA_256",
                WrappingKeySpec="RSA_2048",
            )
        )

    def body(self, material: bytes, **more: Any) -> dict[str, Any]:
        wrapped = self._key.encrypt(material, OAEP(MGF1(SHA256()), SHA256(), None))
        return {"ImportToken": self.token, "EncryptedKeyMaterial": base64.b64encode(wrapped).decode(), **more}


class Holder:
    """A key with origin EXTERNAL, and what imports into it."""

    def __init__(self, office: Office, key_id: str, wrapper: Wrapper) -> None:
        self.office = office
        self.key_id = key_id
        self.wrapper = wrapper

    @classmethod
    async def new(cls, office: Office, **body: Any) -> Holder:
        key_id = await external(office, **body)
        return cls(office, key_id, await Wrapper.get(office, key_id))

    async def renew(self) -> None:
        self.wrapper = await Wrapper.get(self.office, self.key_id)

    async def attempt(self, material: bytes, days: float | None = None, **more: Any) -> tuple[int, dict[str, Any]]:
        end = {"ExpirationModel": STAYS} if days is None else {"ValidTo": self.office.now + days * DAY}
        return await self.office.call(
            "ImportKeyMaterial", KeyId=self.key_id, **self.wrapper.body(material, **end, **more)
        )

    async def take(self, material: bytes, days: float | None = None, **more: Any) -> str:
        """Import; returns the material's id."""
        status, answer = await self.attempt(material, days, **more)
        assert status == 200, answer
        return str(answer["KeyMaterialId"])

    async def refused(self, material: bytes, days: float | None = None, **more: Any) -> tuple[str, str | None]:
        status, answer = await self.attempt(material, days, **more)
        assert status == 400
        return answer["__type"], answer.get("message")

    async def call(self, operation: str, **body: Any) -> dict[str, Any]:
        return await done(self.office, operation, KeyId=self.key_id, **body)

    async def metadata(self) -> dict[str, Any]:
        return dict((await self.call("DescribeKey"))["KeyMetadata"])

    async def state(self) -> str:
        return str((await self.metadata())["KeyState"])

    async def history(self) -> list[tuple[str, str, str]]:
        answer = await self.call("ListKeyRotations", IncludeKeyMaterial="ALL_KEY_MATERIAL")
        return [(one["KeyMaterialId"], one["KeyMaterialState"], one["ImportState"]) for one in answer["Rotations"]]

    async def encrypt(self) -> str:
        return str((await self.call("Encrypt", Plaintext=SECRET))["CiphertextBlob"])

    async def use(self) -> str | None:
        """The code of the refusal, None if the key encrypts."""
        status, answer = await self.office.call("Encrypt", KeyId=self.key_id, Plaintext=SECRET)
        return None if status == 200 else str(answer["__type"])

    def wrapped(self) -> list[str]:
        rows = self.office.store.read(lambda reader: reader.materials(ACCOUNT, REGION, self.key_id))
        return [row.material_id for row in rows]
