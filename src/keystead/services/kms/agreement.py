"""DeriveSharedSecret: the raw secret that this key and somebody's public key have in common.

https://docs.aws.amazon.com/kms/latest/APIReference/API_DeriveSharedSecret.html. Does not derive keys from it: that is
the caller's, who must not use the secret as it is (NIST SP 800-56A §5.8)."""

from __future__ import annotations

from keystead.domain.keytypes import KeyTypes
from keystead.domain.states import States
from keystead.model.generated.kms import DeriveSharedSecretRequest, DeriveSharedSecretResponse
from keystead.services.gate import Gate
from keystead.services.table import operation
from keystead.services.work import Work


@operation(
    "DeriveSharedSecret",
    keys=KeyTypes.AGREEMENT,
    states=States.CRYPTOGRAPHIC,
    aliases=True,
    cross_account=True,
    logged={"key_id": None, "key_agreement_algorithm": None},
    withheld=("recipient",),
)
def derive_shared_secret(call: Gate[DeriveSharedSecretRequest]) -> DeriveSharedSecretResponse | Work:
    request, algorithm = call.request, call.request.key_agreement_algorithm
    agreer, key = call.agreer(request.key_id, algorithm=algorithm)

    def answer() -> DeriveSharedSecretResponse:
        secret = agreer.derive(request.public_key)
        call.end_dry_run(request.dry_run)
        return DeriveSharedSecretResponse(
            key_id=key.arn, shared_secret=secret, key_agreement_algorithm=algorithm, key_origin=key.origin
        )

    return call.work(answer)
