"""GenerateMac, VerifyMac.

https://docs.aws.amazon.com/kms/latest/APIReference/API_GenerateMac.html and its sister. A MAC that does not verify is a
refusal, never an answer that says false."""

from __future__ import annotations

from keystead.domain.keytypes import KeyTypes
from keystead.domain.states import States
from keystead.model.generated.kms import (
    GenerateMacRequest,
    GenerateMacResponse,
    VerifyMacRequest,
    VerifyMacResponse,
)
from keystead.services.gate import Gate
from keystead.services.table import operation
from keystead.services.work import Work

LOGGED = {"mac_algorithm": None, "key_id": None}


@operation(
    "GenerateMac", keys=KeyTypes.MAC, states=States.CRYPTOGRAPHIC, aliases=True, cross_account=True, logged=LOGGED
)
def generate_mac(call: Gate[GenerateMacRequest]) -> GenerateMacResponse | Work:
    request, algorithm = call.request, call.request.mac_algorithm
    maker = call.mac_maker(request.key_id, algorithm=algorithm)

    def answer() -> GenerateMacResponse:
        mac = maker.make(request.message, algorithm)
        call.end_dry_run(request.dry_run)
        return GenerateMacResponse(mac=mac, mac_algorithm=algorithm, key_id=call.key_arn)

    return call.work(answer)


@operation("VerifyMac", keys=KeyTypes.MAC, states=States.CRYPTOGRAPHIC, aliases=True, cross_account=True, logged=LOGGED)
def verify_mac(call: Gate[VerifyMacRequest]) -> VerifyMacResponse | Work:
    request, algorithm = call.request, call.request.mac_algorithm
    checker = call.mac_checker(request.key_id, algorithm=algorithm)

    def answer() -> VerifyMacResponse:
        checker.check(request.message, request.mac, algorithm)
        call.end_dry_run(request.dry_run)
        return VerifyMacResponse(key_id=call.key_arn, mac_valid=True, mac_algorithm=algorithm)

    return call.work(answer)
