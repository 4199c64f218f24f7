"""The types of keys that an operation works with, as AWS's documentation speaks of them.

A row of the operations table states one; what AWS answers to a key of another type is the operation's own matter.
Source: "Key type reference" (AWS KMS developer guide), which lists operations by type of key."""

from __future__ import annotations

from enum import Enum
from typing import Final

SYMMETRIC_DEFAULT: Final = "SYMMETRIC_DEFAULT"
HMAC_PREFIX: Final = "HMAC_"


class KeyTypes(Enum):
    """``value`` is how documentation says it."""

    NONE = "no key"
    ANY = "all"
    SYMMETRIC = "symmetric encryption"
    ENCRYPTION = "ENCRYPT_DECRYPT"
    SIGNING = "SIGN_VERIFY"
    MAC = "GENERATE_VERIFY_MAC"
    AGREEMENT = "KEY_AGREEMENT"
    ENCAPSULATION = "ENCAPSULATE_DECAPSULATE"
    ASYMMETRIC = "asymmetric"
    IMPORTED = "imported material"
    MULTI_REGION = "multi-Region"

    def fits(self, spec: str, usage: str) -> bool:
        """Whether keys of this spec and usage are of these types, as far as spec and usage decide it."""
        match self:
            case KeyTypes.NONE:
                return False
            case KeyTypes.ANY | KeyTypes.IMPORTED | KeyTypes.MULTI_REGION:
                return True
            case KeyTypes.SYMMETRIC:
                return spec == SYMMETRIC_DEFAULT
            case KeyTypes.ASYMMETRIC:
                return spec != SYMMETRIC_DEFAULT and not spec.startswith(HMAC_PREFIX)
            case _:
                return usage == str(self.value)
