"""The key state machine: which operation may touch a key in which state, and with which refusal.

The facts are one table; a wrong rule is one wrong cell. Source: the key state table of the AWS KMS developer guide
("Key states of AWS KMS keys"), corrected where the service was seen to answer otherwise (operations on a key that is
pending deletion answer KMSInvalidStateException, never DisabledException)."""

from __future__ import annotations

from collections.abc import Callable
from enum import Enum, auto
from typing import Final

from keystead import errors
from keystead.domain.key import Key, KeyState

_STATES: Final = (
    KeyState.ENABLED,
    KeyState.DISABLED,
    KeyState.PENDING_DELETION,
    KeyState.PENDING_REPLICA_DELETION,
    KeyState.PENDING_IMPORT,
    KeyState.UNAVAILABLE,
    KeyState.CREATING,
    KeyState.UPDATING,
)

# What a letter in the table says. "Y" allows.
_OUTCOMES: Final[dict[str, Callable[[str], errors.Refusal]]] = {
    "D": errors.disabled,
    "P": lambda key_arn: errors.invalid_state(key_arn, "is pending deletion"),
    "N": lambda key_arn: errors.invalid_state(key_arn, "is not pending deletion"),
    "I": lambda key_arn: errors.invalid_state(key_arn, "is pending import"),
    "U": lambda key_arn: errors.invalid_state(key_arn, "is unavailable"),
    "C": lambda key_arn: errors.invalid_state(key_arn, "is creating"),
    "G": lambda key_arn: errors.invalid_state(key_arn, "is updating"),
}


class States(Enum):
    """Classes of operations that share one row of the state table."""

    ANY = auto()
    CRYPTOGRAPHIC = auto()
    GET_PUBLIC_KEY = auto()
    CREATE_GRANT = auto()
    EDIT = auto()
    SWITCH = auto()
    ROTATION = auto()
    IMPORT_PARAMETERS = auto()
    IMPORT = auto()
    DELETE_IMPORTED = auto()
    REPLICATE = auto()
    UPDATE_PRIMARY = auto()
    SCHEDULE_DELETION = auto()
    CANCEL_DELETION = auto()


# GetPublicKey on a disabled key: the guide says DisabledException, the service was seen to answer. Import and rotation
# refuse keys of an unfitting origin or type before they look at the state, so that some of their cells are never met.
_ROWS: Final = {
    #                         enabled disabled pendDel pendReplica pendImport unavailable creating updating
    States.ANY: "                Y       Y       Y       Y           Y          Y           Y        Y",
    States.CRYPTOGRAPHIC: "      Y       D       P       P           I          U           C        Y",
    States.GET_PUBLIC_KEY: "     Y       Y       P       P           I          U           C        Y",
    States.CREATE_GRANT: "       Y       D       P       P           I          Y           C        Y",
    States.EDIT: "               Y       Y       P       P           Y          Y           Y        Y",
    States.SWITCH: "             Y       Y       P       P           I          Y           C        G",
    States.ROTATION: "           Y       D       P       P           I          U           C        Y",
    States.IMPORT_PARAMETERS: "  Y       Y       P       P           Y          U           C        G",
    States.IMPORT: "             Y       Y       P       P           Y          U           C        Y",
    States.DELETE_IMPORTED: "    Y       Y       Y       Y           Y          U           C        G",
    States.REPLICATE: "          Y       D       P       P           I          U           C        G",
    States.UPDATE_PRIMARY: "     Y       D       P       P           I          U           C        Y",
    States.SCHEDULE_DELETION: "  Y       Y       P       P           Y          Y           Y        G",
    States.CANCEL_DELETION: "    N       N       Y       Y           N          N           N        N",
}

_TABLE: Final[dict[tuple[States, KeyState], str]] = {
    (row, state): letter for row in States for state, letter in zip(_STATES, _ROWS[row].split(), strict=True)
}


def check(row: States, key: Key) -> None:
    """Raise AWS's refusal when a key in this state does not allow operations of this row."""
    letter = _TABLE[row, key.state]
    if letter != "Y":
        raise _OUTCOMES[letter](key.arn)


def refusal(row: States, state: KeyState, key_arn: str) -> errors.Refusal | None:
    """What operations of this row answer for a key in this state, None where they are allowed; for documentation and
    tests."""
    letter = _TABLE[row, state]
    return None if letter == "Y" else _OUTCOMES[letter](key_arn)


def allowed(row: States) -> frozenset[KeyState]:
    """The states in which operations of this row are allowed; for documentation and tests."""
    return frozenset(state for state in _STATES if _TABLE[row, state] == "Y")
