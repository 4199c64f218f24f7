"""What a row says about the types of keys it works with is what the operation does, for each type of key that there is."""

from __future__ import annotations

from typing import Any

import pytest

from keystead.crypto.keyspecs import SPECS
from keystead.domain.keytypes import KeyTypes
from keystead.services.kms.operations import KMS
from keystead.services.table import Row
from tests.services.office import Office
from tests.services.requests import KMS as MODEL
from tests.services.requests import smallest

#: These say nothing about spec and usage: such keys are told apart by other means.
ELSEWHERE = {KeyTypes.NONE, KeyTypes.ANY, KeyTypes.IMPORTED, KeyTypes.MULTI_REGION}
#: Larger ones of a family take seconds to make, and are of the same type.
LEFT_OUT = {"RSA_3072", "RSA_4096"}
#: Members that the service wants though the model does not, and a key pair that is made quickly.
GIVEN = {"CiphertextBlob": "aw==", "NumberOfBytes": 32, "KeyPairSpec": "ECC_NIST_P256"}

ROWS = sorted((row for row in KMS.rows.values() if row.keys not in ELSEWHERE), key=lambda row: row.name)
TYPES = [(spec.name, usage) for spec in SPECS.values() if spec.name not in LEFT_OUT for usage in spec.algorithms]


def body(row: Row, key: str, algorithms: tuple[str, ...]) -> dict[str, Any]:
    """The smallest request, with an algorithm of the key wherever the operation can be asked for one."""
    made = smallest(row.name, key)
    for name, member in MODEL.operations[row.name].input.members.items():
        fitting = [one for one in algorithms if one in member.shape.enum]
        if name.endswith("Algorithm") and fitting:
            made[name] = fitting[0]
        elif name.endswith("EncryptionAlgorithm"):  # with the symmetric one it is the ciphertext that is refused first
            made[name] = "RSAES_OAEP_SHA_256"
        elif name in GIVEN:
            made[name] = GIVEN[name]
    return made


@pytest.mark.parametrize(("spec", "usage"), TYPES, ids=lambda value: str(value))
def test_an_operation_refuses_keys_of_other_types_and_no_others(play: Any, spec: str, usage: str) -> None:
    async def story(office: Office) -> None:
        key = await office.make_key(KeySpec=spec, KeyUsage=usage)
        wrong = []
        for row in ROWS:
            status, answer = await office.call(row.name, **body(row, key["Arn"], SPECS[spec].algorithms[usage]))
            code = answer.get("__type", "")
            accepted = code not in {"InvalidKeyUsageException", "UnsupportedOperationException"}
            if accepted != row.keys.fits(spec, usage):
                wrong.append(f"{row.name} is for keys of type {row.keys.value!r} and answered {status} {answer}")
        assert not wrong, "\n".join(wrong)

    play(story)


def test_the_row_of_each_usage_is_met() -> None:
    assert {row.keys for row in ROWS} >= {KeyTypes.SYMMETRIC, KeyTypes.ENCRYPTION}
    assert {usage for _, usage in TYPES} == {usage for spec in SPECS.values() for usage in spec.algorithms}
