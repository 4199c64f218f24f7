"""The AWS CLI and the JavaScript SDK go every journey, and the journeys call every operation that is offered."""

from __future__ import annotations

import pytest

from keystead.services.iam.operations import IAM
from keystead.services.kms.operations import KMS
from keystead.services.sts.operations import STS
from keystead.services.table import collect
from tests.clients import journeys, journeys_of_roles, test_iam
from tests.clients.journeys import Journey
from tests.clients.programs import Program, dashed

CALLS = {**journeys.CALLS, **journeys_of_roles.CALLS}


@pytest.mark.clients
@pytest.mark.parametrize("journey", CALLS, ids=lambda journey: journey.__name__)
def test_a_client_program_goes(program: Program, journey: Journey) -> None:
    program.called.clear()
    journey(program)
    assert program.called >= CALLS[journey]


def test_the_journeys_call_every_operation_offered() -> None:
    offered = KMS.rows.keys() | {f"{one.name}:{name}" for one in (IAM, STS) for name in one.rows}
    people = {f"iam:{name}" for name in collect(test_iam.MODULES)}  # by the AWS CLI alone
    assert people.union(*CALLS.values()) == offered - journeys_of_roles.ELSEWHERE.keys()
    assert journeys_of_roles.ELSEWHERE.keys() <= offered


def test_the_cli_spells_operations_with_dashes() -> None:
    assert dashed("GenerateDataKeyWithoutPlaintext") == "generate-data-key-without-plaintext"
    assert dashed("ReEncrypt") == "re-encrypt"
    assert dashed("ListMFADevices") == "list-mfa-devices"
