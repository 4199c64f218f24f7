"""The AWS CLI and the JavaScript SDK go every journey, and the journeys call every operation that is offered."""

from __future__ import annotations

import pytest

from keystead.services.kms.operations import KMS
from tests.clients.journeys import CALLS, Journey
from tests.clients.programs import Program, dashed


@pytest.mark.clients
@pytest.mark.parametrize("journey", CALLS, ids=lambda journey: journey.__name__)
def test_a_client_program_goes(program: Program, journey: Journey) -> None:
    program.called.clear()
    journey(program)
    assert program.called >= CALLS[journey]


def test_the_journeys_call_every_operation_offered() -> None:
    assert frozenset().union(*CALLS.values()) == KMS.rows.keys()


def test_the_cli_spells_operations_with_dashes() -> None:
    assert dashed("GenerateDataKeyWithoutPlaintext") == "generate-data-key-without-plaintext"
    assert dashed("ReEncrypt") == "re-encrypt"
