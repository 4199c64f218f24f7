"""GenerateRandom: bytes from the operating system's generator.

https://docs.aws.amazon.com/kms/latest/APIReference/API_GenerateRandom.html
"""

from __future__ import annotations

from keystead import errors
from keystead.domain.keytypes import KeyTypes
from keystead.model.generated.kms import GenerateRandomRequest, GenerateRandomResponse
from keystead.services.call import Call
from keystead.services.table import operation


@operation("GenerateRandom", keys=KeyTypes.NONE, withheld=("recipient", "custom_key_store_id"))
def generate_random(call: Call[GenerateRandomRequest]) -> GenerateRandomResponse:
    call.permit("kms:GenerateRandom")
    if call.request.number_of_bytes is None:
        raise errors.validation("NumberOfBytes is required.")
    return GenerateRandomResponse(plaintext=call.random(call.request.number_of_bytes))
